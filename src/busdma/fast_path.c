/* SPDX-License-Identifier: BSD-2-Clause */
/* Which maps may take the fast path, and its loads beyond a map's window; fast_path.h says more. */
#include "busdma/fast_path.h"

#include "busdma/debug.h"
#include "mapping/block.h"

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
    if (window == NULL) {
        return;
    }
    map->may_large = window->chunk_count != 0;
    if (window->chunk_count == 0 && window->ptes != NULL) {
        map->fast_way = window->lane_pages != 0 ? LOAD_FAST_LANE : LOAD_FAST_WINDOW;
        /* Wherever in its first page a buffer begins. */
        map->window_bytes =
            udmar__min(map->run_bytes, ((uint64_t)(window->pages - 1) << UDMAR_PAGE_SHIFT) + 1);
        map->window_bytes = map->domain->announces ? 0 : map->window_bytes;
    }
}

/* True: the run is mapped. False: nothing has been done, or it has been undone. */
static inline bool map_run(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                           unsigned access)
{
    struct udmar_domain *domain = map->domain;
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

/* New entries are announced where the unit wants that; a failure undoes the mapping. */
static inline bool announce_or_end(struct udmar_dma_map *map)
{
    if (UDMAR__UNLIKELY(map->domain->announces) &&
        UDMAR__UNLIKELY(udmar__announce(map->domain, map->mapping.iova, map->mapping.pages) !=
                        UDMAR_OK)) {
        map->tag->backend->unload(map);
        return false;
    }
    return true;
}

/* A block out of this CPU's magazine, for a map without a window. */
static inline bool map_block(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                             unsigned access)
{
    struct udmar_domain *domain = map->domain;
    struct udmar__arena *arena;
    uint32_t page;

    if (map->window != NULL || pages > UDMAR__BLOCK_MOST || !domain->direct ||
        udmar__block_get(domain, map->pool, udmar__log2_up(pages), &page) != UDMAR_OK) {
        return false;
    }
    arena = udmar__arena_of_block(domain, page);
    udmar__ptes_fill(udmar__block_ptes(arena, page), (physical & ~UDMAR_PAGE_MASK) | access, pages);
    udmar__ptes_write_back(map->host, domain->coherent, udmar__block_ptes(arena, page), pages);
    udmar__block_note_pages(arena, page, pages);
    map->mapping.kind = MAPPING_BLOCK;
    map->mapping.pages = pages;
    map->mapping.in.arena = arena;
    map->mapping.iova = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    return announce_or_end(map);
}

/* The window of a map on a unit that new entries are announced to. */
static inline bool map_window(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                              unsigned access)
{
    struct udmar__window *window = map->window;

    if (!map->domain->announces || map->fast_way == LOAD_NONE ||
        UDMAR__UNLIKELY(pages > udmar__window_room(window)) ||
        UDMAR__UNLIKELY(!udmar__window_is_ready(window))) {
        return false;
    }
    udmar__ptes_fill(window->ptes, (physical & ~UDMAR_PAGE_MASK) | access, pages);
    udmar__window_note_ptes(window, pages);
    map->mapping = udmar__mapping_in_window(MAPPING_WINDOW, window, pages);
    return announce_or_end(map);
}

/* One large leaf in the map's window of chunks. */
static inline bool map_large_leaf(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                                  unsigned access)
{
    struct udmar__window *window = map->window;

    if (pages != UDMAR__ARENA_PAGES || !map->may_large ||
        !udmar__window_load_large(window, (physical & ~UDMAR_PAGE_MASK) | access)) {
        return false;
    }
    map->mapping = udmar__mapping_in_window(MAPPING_WINDOW, window, pages);
    return announce_or_end(map);
}

enum udmar_status udmar__fast_path_end_block(struct udmar_dma_map *map)
{
    map->used_transient = true;
    map->mapping.kind = MAPPING_NONE;
    return udmar__block_end(map->domain, map->mapping.in.arena,
                            (uint32_t)(map->mapping.iova >> UDMAR_PAGE_SHIFT));
}

int udmar__fast_path_load_run(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              const struct udmar__buffer_load *load)
{
    unsigned access = udmar__load_access(load->flags);
    uint16_t way = LOAD_MAPPING;
    udmar_paddr_t physical;
    uint32_t pages;

    if (UDMAR__UNLIKELY(tag == NULL) || UDMAR__UNLIKELY(map == NULL) ||
        UDMAR__UNLIKELY(load->callback == NULL) || map->fast != tag ||
        !udmar__is_one_run(map, load->buffer, load->length, map->run_bytes, &physical)) {
        return udmar__load_buffer(tag, map, load);
    }
    udmar__debug_load(map, load->caller);
    pages = (uint32_t)udmar__pages_touched(physical, load->length);
    if (map_block(map, physical, pages, access)) {
        way = LOAD_FAST_BLOCK;
    } else if (map_window(map, physical, pages, access)) {
        way = map->fast_way;
    } else if (map_large_leaf(map, physical, pages, access)) {
        way = LOAD_FAST_LARGE;
    } else if (!map_run(map, physical, pages, access)) {
        return udmar__load_buffer(tag, map, load);
    }
    map->segments[0] = (struct udmar_dma_segment){
        .ds_addr = map->mapping.iova + (physical & UDMAR_PAGE_MASK),
        .ds_len = load->length,
    };
    udmar__fast_path_note(map, way);
    load->callback(load->callback_argument, map->segments, 1, 0);
    return 0;
}
