/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of bounce pages share: tunables that ask for them, and a look at their zone. */
#ifndef BOUNCE_SCENE_H
#define BOUNCE_SCENE_H

#include "support_space.h"

#define LOW_4G UINT64_C(0xffffffff)
#define BOUNCE "hw.busdma.default=bounce"
#define ASKED  "hw.busdma.pci0:0:2:0.subpage=1 hw.dmar.timeout=100000"

static inline void lock(void *argument, enum udmar_dma_lock_op op)
{
    (void)argument;
    (void)op;
}

static inline struct udmar_dma_tag *locked_tag(struct machine *mc, uint64_t lowaddr,
                                               uint64_t maxsize, int nsegments)
{
    struct udmar_dma_tag *tag = NULL;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(mc->device[0]), 1, 0, lowaddr,
                                          UINT64_MAX, NULL, NULL, maxsize, nsegments, UINT64_MAX, 0,
                                          lock, NULL, &tag),
                     0);
    return tag;
}

static inline void no_more_pages(struct machine *mc, bool none)
{
    model_fail_host_calls_of(mc->m, MODEL_CALL_PAGE_ALLOC, none ? 1 : 0, none);
}

static inline struct udmar_bounce_zone_info zone_of(struct machine *mc)
{
    struct udmar_bounce_zone_info zone = { 0 };

    assert_true(udmar_bounce_zone_info(mc->instance, 0, &zone));
    return zone;
}

static inline void drop(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    drop_map(tag, map);
    drop_tag(tag);
}

#endif
