/* SPDX-License-Identifier: BSD-2-Clause */
/* Quick loads beyond small windows and single runs; quick.h says what quick means. */
#include "busdma/fast_path.h"

#include "space/stream.h"

#ifndef UDMAR_DEBUG_MAPS
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
#endif

void udmar__fast_path_prepare(struct udmar_dma_map *map)
{
#ifndef UDMAR_DEBUG_MAPS
    const struct udmar_dma_tag *tag = map->tag;
    struct udmar__window *window = map->window;
    struct udmar_domain *domain;

    if (tag->backend != &udmar__backend_translated || map->may_bounce || may_be_cut(map) ||
        tag->alignment > UDMAR_PAGE_SIZE || map->capacity == 0) {
        return;
    }
    domain = tag->device->group->domain;
    if (!domain->direct || domain->caching_mode || domain->write_buffer) {
        return;
    }
    map->host = domain->host;
    map->domain = domain;
    /* Pages are counted in 32 bits there, and the host counts bytes in a size_t. */
    map->most = udmar__min(udmar__min(tag->maxsize, tag->maxsegsz),
                           udmar__min(UINT64_C(1) << 43, SIZE_MAX));
    map->small = window != NULL && window->chunk_count == 0 ? window : NULL;
    map->quick = FAST_PATH_IDLE;
    if (map->small != NULL) {
        map->count = 1;
        map->ready_for = map->tag;
        map->loaded_as = window->lane_pages != 0 ? LOADED_RESTING : LOADED_SMALL;
    }
#else
    /* A debug build sees every call. */
    (void)map;
#endif
}

static inline bool place_block(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                               unsigned access, udmar_iova_t *out_base)
{
    struct udmar_domain *domain = map->domain;
    struct udmar__arena *arena;
    uint32_t page;

    if (udmar__block_get(domain, map->pool, udmar__log2_up(pages), &page) != UDMAR_OK) {
        return false;
    }
    arena = udmar__arena_of(domain, page);
    udmar__ptes_fill(udmar__block_ptes(arena, page), physical | access, pages);
    udmar__block_loads(domain, arena, page, pages);
    map->arena = arena;
    map->block = page;
    *out_base = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    return true;
}

static bool place_lent(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                       unsigned access, udmar_iova_t *out_base)
{
    struct udmar_domain *domain = map->domain;
    uint32_t shift = pages < UDMAR__ARENA_PAGES
                         ? 0
                         : (uint32_t)(physical >> UDMAR_PAGE_SHIFT) % UDMAR__ARENA_PAGES;
    uint64_t chunks = (shift + pages + UDMAR__ARENA_PAGES - 1) / UDMAR__ARENA_PAGES;
    struct udmar__window *window;

    if (udmar__window_get(domain, map->pool, (unsigned)chunks, &window) != UDMAR_OK) {
        return false;
    }
    if (!udmar__window_load_run(window, physical, pages, access, out_base)) {
        udmar__window_put(domain, window);
        return false;
    }
    map->transient = window;
    return true;
}

/* A small window that had to wait for an earlier unload; or it is loaded. */
static bool place_small(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                        unsigned access, udmar_iova_t *out_base)
{
    struct udmar__window *window = map->small;

    if (map->ready_for != map->tag || udmar__window_ready(window) != UDMAR_OK) {
        return false;
    }
    udmar__ptes_fill(window->ptes, physical | access, pages);
    udmar__window_note_ptes(window, pages);
    map->ready_for = READY_FOR_NOBODY;
    *out_base = window->base;
    return true;
}

/* @out_base: where the first page stands. */
static inline bool place(struct udmar_dma_map *map, udmar_paddr_t physical, uint32_t pages,
                         unsigned access, udmar_iova_t *out_base)
{
    struct udmar__window *window = map->window;

    if (window == NULL) {
        return pages <= UDMAR__BLOCK_MOST    ? place_block(map, physical, pages, access, out_base)
               : pages <= UDMAR__WINDOW_MOST ? place_lent(map, physical, pages, access, out_base)
                                             : false;
    }
    if (window->chunk_count == 0) {
        return place_small(map, physical, pages, access, out_base);
    }
    *out_base = window->base;
    return udmar__window_load_large(window, physical, pages, access) ||
           udmar__window_load_run(window, physical, pages, access, out_base);
}

int udmar__load_other(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      uint64_t length, udmar_dma_callback_t *callback, void *callback_argument,
                      int flags, const void *caller)
{
    udmar_paddr_t physical;
    udmar_iova_t base;
    uint32_t pages;

    /* A null tag is no map's. */
    if (UDMAR__UNLIKELY(map == NULL) || UDMAR__UNLIKELY(callback == NULL) ||
        UDMAR__UNLIKELY(map->tag != tag) || map->quick != FAST_PATH_IDLE ||
        !udmar__fast_path_run(map, buffer, length, &physical, &pages) ||
        !place(map, physical & ~UDMAR_PAGE_MASK, pages, udmar__load_access(flags), &base)) {
        return udmar__load_buffer(tag, map, buffer, length, callback, callback_argument, flags,
                                  caller);
    }
    udmar__fast_path_note(map, base + (physical & UDMAR_PAGE_MASK), length);
    map->quick = FAST_PATH_LOADED;
    callback(callback_argument, map->segments, 1, 0);
    return 0;
}

static enum udmar_status end_block(struct udmar_dma_map *map)
{
    enum udmar_status status = udmar__block_unmap_inline(map->domain, map->arena, map->block,
                                                         udmar__block_at(map->arena, map->block));

    map->arena = NULL;
    return status;
}

static enum udmar_status end_other(struct udmar_dma_map *map)
{
    struct udmar__window *window = map->window;
    enum udmar_status status;

    if (map->small != NULL) {
        /* Loaded from a list, or after a wait. */
        map->ready_for = map->tag;
        return udmar__window_clear_ptes(window, window->strict);
    }
    status = udmar__window_clear(map->transient, map->domain->strict);
    udmar__window_put(map->domain, map->transient);
    map->transient = NULL;
    return status;
}

void udmar__fast_path_end(struct udmar_dma_map *map)
{
    enum udmar_status status;

    map->loaded = false;
    map->quick = FAST_PATH_IDLE;
    if (map->arena != NULL) {
        status = end_block(map);
    } else if (map->window != NULL && map->window->chunk_count != 0) {
        status = udmar__window_clear_large(map->window, map->window->strict);
    } else {
        status = end_other(map);
    }
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        map->unconfirmed = map->unconfirmed || map->window == NULL;
        udmar__report_loss(map, status);
    }
    if (map->window == NULL) {
        udmar__wait_space_freed(map->tag->device->instance);
    }
}

void udmar__fast_path_flush_half(struct udmar_dma_map *map)
{
    enum udmar_status status = udmar__window_flush_half(map->small);

    if (status != UDMAR_OK) {
        udmar__report_loss(map, status);
    }
}

/* ---- Lists ---- */

/* Whole pages into the slots of a window; a small one may be loaded, see FAST_PATH_IDLE. */
static bool list_window(struct udmar_dma_map *map, const struct udmar_dma_physical *list,
                        unsigned count, unsigned access, udmar_iova_t *out_base)
{
    struct udmar__window *window = map->window;
    unsigned written;

    if ((map->small != NULL && map->ready_for != map->tag) || window->ptes == NULL ||
        count > window->pages || udmar__window_ready(window) != UDMAR_OK) {
        return false;
    }
    *out_base = window->base;
    written = udmar__slots_pages(window->ptes, list, count, access);
    if (UDMAR__UNLIKELY(written != count ||
                        udmar__window_publish_ptes(window, count) != UDMAR_OK)) {
        udmar__window_discard(window, 0, written);
        return false;
    }
    return true;
}

/* The same into a block. */
static bool list_block(struct udmar_dma_map *map, const struct udmar_dma_physical *list,
                       unsigned count, unsigned access, udmar_iova_t *out_base)
{
    struct udmar_domain *domain = map->domain;
    struct udmar__arena *arena;
    unsigned written;
    uint32_t page;

    if (count > UDMAR__BLOCK_MOST ||
        udmar__block_get(domain, map->pool, udmar__log2_up(count), &page) != UDMAR_OK) {
        return false;
    }
    arena = udmar__arena_of(domain, page);
    written = udmar__slots_pages(udmar__block_ptes(arena, page), list, count, access);
    udmar__block_note_pages(arena, page, written);
    if (UDMAR__UNLIKELY(written != count)) {
        (void)udmar__block_unmap(domain, arena, page);
        return false;
    }
    udmar__block_loads(domain, arena, page, count);
    map->arena = arena;
    map->block = page;
    *out_base = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    return true;
}

bool udmar__fast_path_list(struct udmar_dma_map *map, const struct udmar_dma_physical *list,
                           unsigned count, udmar_dma_callback_t *callback, void *callback_argument,
                           int flags)
{
    unsigned access = udmar__load_access(flags);
    uint64_t length = (uint64_t)count << UDMAR_PAGE_SHIFT;
    udmar_iova_t base;

    /* A last piece that is no whole page is common, and cheaper found out beforehand. */
    if (count == 0 || length > map->most || udmar__piece_oddness(&list[0]) != 0 ||
        udmar__piece_oddness(&list[count - 1]) != 0 ||
        !(map->window != NULL ? list_window(map, list, count, access, &base)
                              : list_block(map, list, count, access, &base))) {
        return false;
    }
    udmar__fast_path_note(map, base, length);
    map->quick = FAST_PATH_LOADED;
    map->ready_for = READY_FOR_NOBODY;
    callback(callback_argument, map->segments, 1, 0);
    return true;
}
