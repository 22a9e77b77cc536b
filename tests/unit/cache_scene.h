/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the caches in front of the arenas share: a machine with two pages of different
 * bytes and memory that can be large pages, and streams of it.
 */
#ifndef CACHE_SCENE_H
#define CACHE_SCENE_H

#include <string.h>

#include "support_space.h"

#include <udmar/stream.h>

#include "mapping/block.h"
#include "mapping/mapping.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

static const struct setup resting = { .tunables = "hw.dmar.strict=0 " SHORT_TIMEOUT,
                                      .ticking = true };

#define LARGE MIB(4) /* physical */

/* A machine with two pages of different bytes and 12 MiB that begin at a large page. */
struct scene {
    struct machine mc;
    uint8_t *page[2];
    uint8_t *large;
};

static inline uint64_t address_of(struct scene *s, const void *buffer)
{
    uintptr_t offset = (uintptr_t)buffer - (uintptr_t)s->large;

    return offset < MIB(12) ? LARGE + offset : physical_of(&s->mc, buffer);
}

static inline void open_scene(struct scene *s, const struct setup *setup)
{
    machine_open(&s->mc, setup);
    model_reserve(s->mc.m, LARGE, MIB(12));
    for (unsigned i = 0; i < 2; i++) {
        s->page[i] = model_buffer_alloc(s->mc.m, PAGE, MODEL_SCATTERED, 0);
        memset(s->page[i], 0xa0 + (int)i, PAGE);
    }
    s->large = model_pointer(s->mc.m, LARGE);
}

static inline void expect_empty_tables(struct scene *s)
{
    struct udmar_domain_info info;

    udmar_domain_info(s->mc.domain, &info);
    assert_int_equal(info.table_pages, 1);
}

static inline void close_scene(struct scene *s)
{
    for (unsigned i = 0; i < 2; i++)
        model_buffer_free(s->mc.m, s->page[i]);
    udmar__cpu_caches_trim(s->mc.domain);
    if (!s->mc.forgive_pages)
        expect_empty_tables(s);
    machine_close(&s->mc);
}

static inline enum udmar_status try_map(struct scene *s, const void *buffer, uint64_t length,
                                        uint64_t highest, uint64_t *out_iova)
{
    const struct udmar_dma_physical piece = { address_of(s, buffer), length };

    return udmar_stream_map(s->mc.domain, &piece, 1, UDMAR_READ_WRITE, highest, out_iova);
}

static inline uint64_t map(struct scene *s, const void *buffer, uint64_t length, uint64_t highest)
{
    uint64_t iova = 0;

    assert_int_equal(try_map(s, buffer, length, highest, &iova), UDMAR_OK);
    return iova;
}

static inline void unmap(struct scene *s, uint64_t iova)
{
    assert_int_equal(udmar_stream_unmap(s->mc.domain, iova), UDMAR_OK);
}

static inline bool is_among(const uint64_t *list, unsigned count, uint64_t iova)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i] == iova)
            return true;
    }
    return false;
}

#endif
