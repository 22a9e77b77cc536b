/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the invalidation queue share: a NIC with four pages, and a look at the ring. */
#ifndef QUEUE_SCENE_H
#define QUEUE_SCENE_H

#include "support.h"

#include "unit/queue.h"

#define PAGES 4u

/* Four pages of the NIC, all of them in the caches. */
static inline void fill_caches(struct rig *r)
{
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(rig_map(r, IOVA + i * 4096, r->page), UDMAR_OK);
        assert_true(rig_reaches(r, NIC, IOVA + i * 4096, r->page));
    }
}

static inline bool cached(struct rig *r, uint64_t iova)
{
    return model_translate_cached(r->m, 0, NIC, iova, true).result == MODEL_OK;
}

/* Takes the memory away behind the driver's back, so that only caches still know it. */
static inline void clear_leaf(struct rig *r, uint64_t iova)
{
    struct udmar_walk_step steps[5];
    unsigned count = udmar_domain_walk(udmar_device_domain(r->nic), iova, steps);

    model_publish64(r->m, steps[count - 1].table + 8 * steps[count - 1].index, 0);
}

static inline struct udmar__request page_request(struct rig *r, uint64_t iova)
{
    struct udmar_domain_info info;

    udmar_domain_info(udmar_device_domain(r->nic), &info);
    return udmar__iotlb_request(rig_unit(r, 0), GRAN_SELECTIVE, info.domain_id, iova, 0, true);
}

/* Slots between tail and head, without the one that always stays empty. */
static inline uint32_t slots_left(struct rig *r)
{
    return ((model_peek32(r->u, 0x80) - model_peek32(r->u, 0x88)) / 16 - 1) & 255;
}

#endif
