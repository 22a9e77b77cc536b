/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load and the unload that nearly all are, each in one piece: one segment, of a buffer that is
 * contiguous in memory or of whole pages.
 *
 * Whatever depends on tag and device was settled when the map was made (udmar__quick_prepare()).
 * What depends on the call and does not fit goes the long way through load.c, which would do the
 * same here, too: this is only the shortest way of saying it. Small windows are written right here;
 * quick.c has large windows, blocks, and lists.
 */
#ifndef UDMAR_BUSDMA_QUICK_H
#define UDMAR_BUSDMA_QUICK_H

#include "busdma/internal.h"
#include "space/entry.h"

/* After the back end has made its part of the map. */
void udmar__quick_prepare(struct udmar_dma_map *map);

/*
 * Maps [physical, physical + pages) for a map without a small window; nothing is left when it
 * fails.
 * @out_base: where its first page stands. False: the long way.
 */
bool udmar__quick_place(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                        unsigned access, udmar_iova_t *out_base);
/* Ends what that, or udmar__quick_list(), has mapped. */
enum udmar_status udmar__quick_end(struct udmar_dma_map *map);
/* A list of whole pages, into slots. True: it has been done, and the callback has run. */
bool udmar__quick_list(struct udmar_dma_map *map, const struct udmar_dma_physical *list,
                       unsigned count, udmar_dma_callback_t *callback, void *callback_argument,
                       int flags);

static inline void udmar__quick_note(struct udmar_dma_map *map, udmar_bus_addr_t address,
                                     uint64_t length)
{
    map->segments[0] = (struct udmar_dma_segment){ .ds_addr = address, .ds_len = length };
    map->count = 1;
    map->loaded = true;
    map->quick = QUICK_LOADED;
}

/* True: it has been done, and the callback has run. False: nothing has been done. */
static inline bool udmar__quick_load(struct udmar_dma_map *map, const void *buffer, uint64_t length,
                                     udmar_dma_callback_t *callback, void *callback_argument,
                                     int flags)
{
    struct udmar__window *window = map->small;
    unsigned access = flags & UDMAR_DMA_NOWRITE ? UDMAR_READ : UDMAR_READ_WRITE;
    uintptr_t start = (uintptr_t)buffer;
    size_t run = (size_t)length;
    udmar_paddr_t physical;
    udmar_iova_t base;
    uint64_t offset;
    uint32_t pages;

    if (UDMAR__UNLIKELY(length - 1 >= map->most || buffer == NULL || start + run < start ||
                        (start & map->offset_mask) != 0)) {
        return false;
    }
    physical = udmar_host_virtual_to_physical(map->host, buffer, &run);
    if (UDMAR__UNLIKELY(run != length || physical >= UDMAR__PHYSICAL_END)) {
        return false;
    }
    offset = physical & UDMAR_PAGE_MASK;
    pages = (uint32_t)((offset + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT);
    if (window != NULL) {
        if (UDMAR__UNLIKELY(!udmar__window_is_ready(window)) &&
            udmar__window_ready(window) != UDMAR_OK) {
            return false;
        }
        udmar__entries_fill(window->slots, (physical - offset) | access, pages);
        udmar__window_loads_slots(window, pages);
        base = window->base;
    } else if (!udmar__quick_place(map, physical - offset, pages, access, &base)) {
        return false;
    }
    udmar__quick_note(map, base + offset, length);
    callback(callback_argument, map->segments, 1, 0);
    return true;
}

static inline enum udmar_status udmar__quick_unload(struct udmar_dma_map *map)
{
    struct udmar__window *window = map->small;

    map->loaded = false;
    map->quick = QUICK_IDLE;
    return window != NULL ? udmar__window_clear_slots(window, window->strict)
                          : udmar__quick_end(map);
}

#endif
