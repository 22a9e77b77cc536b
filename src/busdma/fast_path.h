/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fast path: a buffer that is contiguous in memory, and one segment, into the window of its
 * map; and its unload. All else takes udmar__mapping_get() and the slow path in load.c.
 *
 * It skips what is known when a map is made (udmar__fast_path_prepare()): the tag cannot cut the
 * segment, nothing has to bounce, the window's PTEs are always in reach, and new entries need not
 * be announced. While one of these is not so, `map->fast` is null. What depends on the call is
 * checked here. It calls nothing but the host's look-up and the callback, so that the compiler has
 * few registers to save.
 *
 * Gain, guest instructions of a 4 KiB load and unload (./bench kernel): docs/PERFORMANCE.md has the
 * row "4 KiB" and, beside it, the same through the slow path.
 */
#ifndef UDMAR_BUSDMA_FAST_PATH_H
#define UDMAR_BUSDMA_FAST_PATH_H

#include "busdma/load.h"
#include "space/pte.h"

/* After the back end has made its part of the map: may it take this path? */
void udmar__fast_path_prepare(struct udmar_dma_map *map);

/* A contiguous buffer that is no window's: any kind of mapping. Else udmar__load_buffer(). */
int udmar__fast_path_load_run(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              const struct udmar__buffer_load *load);

/* The end of what LOAD_FAST_BLOCK has mapped. */
enum udmar_status udmar__fast_path_end_block(struct udmar_dma_map *map);

/* UDMAR_READ or UDMAR_READ_WRITE, as the flags of a load say. */
static inline unsigned udmar__load_access(int flags)
{
    return UDMAR_READ_WRITE ^ ((unsigned)(flags & UDMAR_DMA_NOWRITE) >> 7);
}

/* Is the buffer one run of memory within the tag's limits? Null and what wraps around are none. */
static inline bool udmar__is_one_run(const struct udmar_dma_map *map, const void *buffer,
                                     uint64_t length, uint64_t most, udmar_paddr_t *out_physical)
{
    size_t run = (size_t)length;

    if (UDMAR__UNLIKELY(length - 1 >= most) ||
        UDMAR__UNLIKELY(((uintptr_t)buffer & map->offset_mask) != 0)) {
        return false;
    }
    *out_physical = udmar_host_virtual_to_physical(map->host, buffer, &run);
    if (UDMAR__UNLIKELY(run != length || *out_physical >= UDMAR__PHYSICAL_END)) {
        return false;
    }
    return true;
}

/* One segment is loaded that way: the path closes. */
static inline void udmar__fast_path_note(struct udmar_dma_map *map, uint16_t way)
{
    UDMAR_ASSERT(map->state == MAP_IDLE && map->may_fast && way != LOAD_NONE);
    map->fast = NULL;
    map->state = MAP_LOADED;
    map->way = way;
}

/* True: it is loaded, and the callback has run. False: nothing has been done. */
static inline bool udmar__fast_path_load(struct udmar_dma_map *map, const void *buffer,
                                         uint64_t length, udmar_dma_callback_t *callback,
                                         void *callback_argument, int flags)
{
    struct udmar__window *window = map->window;
    volatile uint64_t *ptes;
    udmar_paddr_t physical;
    uint32_t pages;

    if (!udmar__is_one_run(map, buffer, length, map->window_bytes, &physical) ||
        UDMAR__UNLIKELY(!udmar__window_is_ready(window))) {
        return false;
    }
    pages = (uint32_t)udmar__pages_touched(physical, length);
    UDMAR_ASSERT(pages <= window->pages && udmar__window_pages(window) == 0);
    ptes = window->ptes;
    udmar__ptes_fill(ptes, (physical & ~UDMAR_PAGE_MASK) | udmar__load_access(flags), pages);
    udmar__ptes_write_back(map->host, window->coherent, ptes, pages);
    udmar__window_store(&window->span, pages);
    map->segments[0] = (struct udmar_dma_segment){
        .ds_addr = window->base + (physical & UDMAR_PAGE_MASK),
        .ds_len = length,
    };
    udmar__fast_path_note(map, map->fast_way);
    callback(callback_argument, map->segments, 1, 0);
    return true;
}

/* The unload's part of the map; the window's follows. */
static inline void udmar__fast_path_unload(struct udmar_dma_map *map)
{
    UDMAR_ASSERT(map->state == MAP_LOADED && map->bounces == NULL);
    map->state = MAP_IDLE;
    map->way = LOAD_NONE;
    map->fast = map->tag;
}

#endif
