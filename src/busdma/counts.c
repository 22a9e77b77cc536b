/* SPDX-License-Identifier: BSD-2-Clause */
/* What callers did wrong, counted for their instance. */
#include "busdma/tag.h"

_Static_assert(COUNT_CANCELLED + 1 == UDMAR__DMA_COUNTS &&
                   sizeof(struct udmar_dma_counts) == UDMAR__DMA_COUNTS * sizeof(uint64_t),
               "a counter for each field");

int udmar__mistake(const struct udmar_dma_tag *tag, enum udmar__count count, int error)
{
    if (tag != NULL) {
        (void)__atomic_add_fetch(&tag->device->instance->dma.counts[count], 1, __ATOMIC_RELAXED);
    }
    return error;
}

void udmar_dma_counts(struct udmar *instance, struct udmar_dma_counts *out_counts)
{
    uint64_t values[UDMAR__DMA_COUNTS] = { 0 };

    if (out_counts == NULL) {
        return;
    }
    for (unsigned i = 0; instance != NULL && i < UDMAR__DMA_COUNTS; i++) {
        values[i] = __atomic_load_n(&instance->dma.counts[i], __ATOMIC_RELAXED);
    }
    __builtin_memcpy(out_counts, values, sizeof(*out_counts));
}
