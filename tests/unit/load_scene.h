/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of loads share: a load of a buffer or a list, and what came of it. */
#ifndef LOAD_SCENE_H
#define LOAD_SCENE_H

#include "support_space.h"

static struct loaded result; /* too large for some stacks */

/* With these, loads go through ranges and through windows. */
static const uint64_t window_limits[] = { PAGE, 0 };

static inline int load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                       uint64_t length, int flags)
{
    result.calls = 0;
    result.count = -1;
    result.error = -1;
    return udmar_dmamap_load(tag, map, buffer, length, note_loaded, &result, flags);
}

static inline int load_list(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                            const struct udmar_dma_physical *list, unsigned count)
{
    result.calls = 0;
    result.count = -1;
    result.error = -1;
    return udmar_dmamap_load_physical(tag, map, list, count, note_loaded, &result, 0);
}

static inline void expect_outcome(int calls, int error)
{
    assert_int_equal(result.calls, calls);
    if (calls > 0) {
        assert_int_equal(result.error, error);
        assert_int_equal(result.count, 0);
    }
}

#endif
