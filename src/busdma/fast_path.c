/* SPDX-License-Identifier: BSD-2-Clause */
/* Which maps may take the fast path, and its loads beyond a map's window; fast_path.h says more. */
#include "busdma/fast_path.h"

#include "busdma/debug.h"
#include "mapping/cpu_cache.h"

/*
 * Can the tag's boundary cut what the map loads that way? Its places are aligned to a power of two
 * that they do not exceed, so a boundary that is as large is never inside. 0, none, is the largest.
 */
static bool may_be_cut(const struct udmar_dma_map *map)
{
    const struct udmar__window *window = map->window;
    uint64_t pages = UDMAR__WINDOW_MOST;

    if (window != NULL && window->chunk_count != 0) {
        pages = window->pages;
    } else if (window != NULL) {
        pages = window->lane_pages != 0 ? window->lane_pages : UINT64_C(1) << window->order;
    }
    return map->tag->boundary - 1 < (pages << UDMAR_PAGE_SHIFT) - 1;
}

void udmar__fast_path_prepare(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    const struct udmar__window *window = map->window;

    if (tag->backend != &udmar__backend_translated || map->may_bounce || may_be_cut(map) ||
        tag->alignment > UDMAR_PAGE_SIZE || map->capacity == 0) {
        return;
    }
    map->may_fast = true;
    /* The host counts bytes in a size_t, and what is beyond is a range. */
    map->run_bytes = udmar__min(udmar__min(tag->maxsize, tag->maxsegsz),
                                udmar__min(UDMAR__WINDOW_MOST << UDMAR_PAGE_SHIFT, SIZE_MAX));
    if (window != NULL && window->chunk_count == 0 && window->ptes != NULL &&
        !udmar__map_domain(map)->announces) {
        map->window_bytes = map->run_bytes;
    }
}

/* True: the run is mapped. False: nothing has been done, or it has been undone. */
static inline bool map_run(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                           unsigned access)
{
    struct udmar_domain *domain = udmar__map_domain(map);
    const struct udmar__mapping_request request =
        udmar__map_request(map, pages, physical & ~UDMAR_PAGE_MASK);

    if (udmar__mapping_get(domain, &request, &map->mapping) != UDMAR_OK) {
        return false;
    }
    if (UDMAR__UNLIKELY(udmar__mapping_write_run(domain, &map->mapping, physical & ~UDMAR_PAGE_MASK,
                                                 pages, access) != UDMAR_OK)) {
        map->tag->backend->unload(map);
        return false;
    }
    return true;
}

int udmar__fast_path_load_run(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                              uint64_t length, udmar_dma_callback_t *callback,
                              void *callback_argument, int flags, const void *caller)
{
    udmar_paddr_t physical;

    if (UDMAR__UNLIKELY(tag == NULL) || UDMAR__UNLIKELY(map == NULL) ||
        UDMAR__UNLIKELY(callback == NULL) || map->fast != tag ||
        !udmar__is_one_run(map, buffer, length, map->run_bytes, &physical) ||
        !map_run(map, physical, (uint32_t)udmar__pages_touched(physical, length),
                 udmar__load_access(flags))) {
        return udmar__load_buffer(tag, map, buffer, length, callback, callback_argument, flags,
                                  caller);
    }
    udmar__debug_load(map, caller);
    map->segments[0] = (struct udmar_dma_segment){
        .ds_addr = map->mapping.iova + (physical & UDMAR_PAGE_MASK),
        .ds_len = length,
    };
    map->fast = NULL;
    map->state = MAP_LOADED;
    map->way = LOAD_MAPPING;
    callback(callback_argument, map->segments, 1, 0);
    return 0;
}
