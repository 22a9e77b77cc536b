/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load and the unload that nearly all are, each in one piece: a buffer that is contiguous in
 * memory, into the slots of a window, as one segment.
 *
 * Whatever depends on tag and device was settled when the map was made (udmar__quick_prepare()).
 * What depends on the call and does not fit goes the long way through load.c, which would do the
 * same here, too: this is only the shortest way of saying it.
 */
#ifndef UDMAR_BUSDMA_QUICK_H
#define UDMAR_BUSDMA_QUICK_H

#include "busdma/internal.h"
#include "space/entry.h"

/* After the back end has made its part of the map. */
static inline void udmar__quick_prepare(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    const struct udmar__window *window = map->window;

#ifndef UDMAR_DEBUG_MAPS
    if (window != NULL && window->slots != NULL && window->chunk_count == 0 && !window->announce &&
        tag->plain && !map->watched) {
        map->host = tag->device->instance->host;
        map->most = tag->maxsize;
        map->quick = QUICK_IDLE;
    }
#else
    (void)tag;
    (void)window;
#endif
}

/* True: it has been done, and the callback has run. False: nothing has been done. */
static inline bool udmar__quick_load(struct udmar_dma_map *map, const void *buffer, uint64_t length,
                                     udmar_dma_callback_t *callback, void *callback_argument,
                                     int flags)
{
    struct udmar__window *window = map->window;
    uintptr_t start = (uintptr_t)buffer;
    size_t run = (size_t)length;
    udmar_paddr_t physical;
    uint64_t offset;
    uint32_t pages;

    if (UDMAR__UNLIKELY(length - 1 >= map->most || buffer == NULL || start + run < start ||
                        (start & map->offset_mask) != 0 || !udmar__window_is_ready(window))) {
        return false;
    }
    physical = udmar_host_virtual_to_physical(map->host, buffer, &run);
    if (UDMAR__UNLIKELY(run != length || physical >= UDMAR__PHYSICAL_END)) {
        return false;
    }
    offset = physical & UDMAR_PAGE_MASK;
    pages = (uint32_t)((offset + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT);
    udmar__entries_fill(
        window->slots,
        (physical - offset) | (flags & UDMAR_DMA_NOWRITE ? UDMAR_READ : UDMAR_READ_WRITE), pages);
    udmar__window_loads_slots(window, pages);
    map->segments[0] =
        (struct udmar_dma_segment){ .ds_addr = window->base + offset, .ds_len = length };
    map->count = 1;
    map->loaded = true;
    map->quick = QUICK_LOADED;
    callback(callback_argument, map->segments, 1, 0);
    return true;
}

static inline enum udmar_status udmar__quick_unload(struct udmar_dma_map *map)
{
    map->loaded = false;
    map->quick = QUICK_IDLE;
    return udmar__window_clear_slots(map->window, map->window->strict);
}

#endif
