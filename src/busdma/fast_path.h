/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load and the unload that nearly all are, each in one piece: one segment, of a buffer that is
 * contiguous in memory or of whole pages.
 *
 * Whatever depends on tag and device was settled when the map was made
 * (udmar__fast_path_prepare()). What depends on the call and does not fit goes the long way through
 * load.c, which would do the same here, too: this is only the shortest way of saying it. Small
 * windows are written right here; quick.c has large windows, blocks, and lists.
 */
#ifndef UDMAR_BUSDMA_QUICK_H
#define UDMAR_BUSDMA_QUICK_H

#include "busdma/internal.h"
#include "space/pte.h"

/* After the back end has made its part of the map. */
void udmar__fast_path_prepare(struct udmar_dma_map *map);

/* Ends what a map without a small window has loaded. */
void udmar__fast_path_end(struct udmar_dma_map *map);
/* A list of whole pages, into slots. True: it has been done, and the callback has run. */
bool udmar__fast_path_list(struct udmar_dma_map *map, const struct udmar_dma_physical *list,
                           unsigned count, udmar_dma_callback_t *callback, void *callback_argument,
                           int flags);

static inline void udmar__fast_path_note(struct udmar_dma_map *map, udmar_bus_addr_t address,
                                         uint64_t length)
{
    map->segments[0] = (struct udmar_dma_segment){ .ds_addr = address, .ds_len = length };
    map->count = 1;
    map->loaded = true;
}

/* UDMAR_READ or UDMAR_READ_WRITE, as the flags of a load say. */
static inline unsigned udmar__load_access(int flags)
{
    return UDMAR_READ_WRITE - ((unsigned)(flags & UDMAR_DMA_NOWRITE) >> 7);
}

/* The pages that a contiguous buffer touches; false where it is none, or breaks a limit. */
static inline bool udmar__fast_path_run(const struct udmar_dma_map *map, const void *buffer,
                                        uint64_t length, udmar_paddr_t *out_physical,
                                        uint32_t *out_pages)
{
    size_t run = (size_t)length;
    udmar_paddr_t physical;

    /* Null, and what would wrap around, is not contiguous memory: the host says so. */
    if (UDMAR__UNLIKELY(length - 1 >= map->most) ||
        UDMAR__UNLIKELY(((uintptr_t)buffer & map->offset_mask) != 0)) {
        return false;
    }
    physical = udmar_host_virtual_to_physical(map->host, buffer, &run);
    if (UDMAR__UNLIKELY(run != length || physical >= UDMAR__PHYSICAL_END)) {
        return false;
    }
    *out_physical = physical;
    *out_pages =
        (uint32_t)(((physical & UDMAR_PAGE_MASK) + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT);
    return true;
}

/*
 * Into a small window, of a map that is ready for the tag. Nothing but the callback is called, so
 * the compiler has nothing to save. True: it has been done, and the callback has run. False:
 * nothing has been done.
 */
static inline bool udmar__fast_path_load_small(struct udmar_dma_map *map, const void *buffer,
                                               uint64_t length, udmar_dma_callback_t *callback,
                                               void *callback_argument, int flags)
{
    struct udmar__window *window = map->small;
    udmar_paddr_t physical;
    uint32_t pages;

    if (UDMAR__UNLIKELY(!udmar__window_is_ready(window)) ||
        !udmar__fast_path_run(map, buffer, length, &physical, &pages)) {
        return false;
    }
    udmar__ptes_fill(window->ptes, (physical & ~UDMAR_PAGE_MASK) | udmar__load_access(flags),
                     pages);
    udmar__window_note_ptes(window, pages);
    map->segments[0] = (struct udmar_dma_segment){
        .ds_addr = window->base + (physical & UDMAR_PAGE_MASK),
        .ds_len = length,
    };
    map->ready_for = map->loaded_as;
    callback(callback_argument, map->segments, 1, 0);
    return true;
}

/*
 * Loads that can be quick, but are not for a small window that is ready: those of large windows, of
 * maps without a window, and after an unload that rests. All others are passed on to
 * udmar__load_buffer().
 */
int udmar__load_other(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      uint64_t length, udmar_dma_callback_t *callback, void *callback_argument,
                      int flags, const void *caller);

/* The last place of a half has been used. */
void udmar__fast_path_flush_half(struct udmar_dma_map *map);

#endif
