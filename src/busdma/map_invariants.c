/* SPDX-License-Identifier: BSD-2-Clause */
/* A map, its tag and its zone looked at: state, way, counts and window say the same. */
#include "busdma/map_invariants.h"

#include "busdma/bounce/page_pool.h"
#include "mapping/mapper_invariants.h"

#ifdef UDMAR_DEBUG

/* ---- A map ---- */

static bool is_small(const struct udmar__window *window)
{
    return window != NULL && window->chunk_count == 0;
}

/* Does the way of the load say where it is? */
static const char *check_way(const struct udmar_dma_map *map)
{
    const struct udmar__window *window = map->window;

    switch (map->way) {
    case LOAD_FAST_WINDOW:
    case LOAD_FAST_LANE:
        return !is_small(window) || map->way != map->fast_way || udmar__window_pages(window) == 0
                   ? "a fast load is not in the map's window"
                   : NULL;
    case LOAD_FAST_LARGE:
        return window == NULL || window->chunk_count == 0 || window->chunks[0].state != CHUNK_LARGE
                   ? "a large leaf is not in the map's window"
                   : NULL;
    case LOAD_FAST_BLOCK:
        return map->mapping.kind != MAPPING_BLOCK ? "a fast load is in no block" : NULL;
    case LOAD_MAPPING:
        return map->mapping.kind == MAPPING_NONE ? "a load is nowhere" : NULL;
    case LOAD_GROWN:
        if (map->mapping.kind == MAPPING_NONE && map->earlier == NULL) {
            return "a grown load is nowhere";
        }
        return map->count == 0 || map->count > map->capacity ? "a load has no such segments" : NULL;
    case LOAD_PIECES:
        return map->count == 0 || map->count > map->capacity ? "a load has no such segments" : NULL;
    default:
        return "a loaded map has no way";
    }
}

static const char *check_idle(const struct udmar_dma_map *map)
{
    if (map->way != LOAD_NONE) {
        return "a map that is not loaded has a way";
    }
    if (map->mapping.kind > MAPPING_WINDOW) {
        return "a map that is not loaded has a mapping";
    }
    return map->window != NULL && udmar__window_pages(map->window) != 0
               ? "a map that is not loaded has pages in its window"
               : NULL;
}

static const char *check_fast(const struct udmar_dma_map *map)
{
    if (map->fast != NULL && map->fast != map->tag) {
        return "the fast path is another tag's";
    }
    if (map->fast != NULL && (map->state != MAP_IDLE || !map->may_fast || map->bounces != NULL)) {
        return "the fast path is open, and something is in the way";
    }
    return map->fast == NULL && map->state == MAP_IDLE && map->may_fast && map->bounces == NULL
               ? "the fast path is closed, and nothing is in the way"
               : NULL;
}

static const char *check_bounces(const struct udmar_dma_map *map)
{
    uint32_t count = 0;

    for (const struct udmar__bounce_page *page = map->bounces; page != NULL; page = page->next) {
        if (page->page.physical == 0 || (page->page.physical & UDMAR_PAGE_MASK) != 0) {
            return "a bounce page is no page";
        }
        count++;
    }
    return count != map->bounce_count                  ? "a map's count of bounce pages is wrong"
           : map->bounces != NULL && map->zone == NULL ? "a map has bounce pages of no zone"
                                                       : NULL;
}

static const char *check_tag(const struct udmar_dma_tag *tag)
{
    unsigned maps = __atomic_load_n(&tag->maps, __ATOMIC_RELAXED);
    unsigned refs = __atomic_load_n(&tag->refs, __ATOMIC_RELAXED);

    if (refs < maps) {
        return "a tag has fewer references than maps";
    }
    return tag->parent != NULL && __atomic_load_n(&tag->device->refs, __ATOMIC_RELAXED) < maps
               ? "a device has fewer references than a tag's maps"
               : NULL;
}

/* What waits is in another thread's hands at times: of it no more is said. */
const char *udmar__map_check(const struct udmar_dma_map *map)
{
    enum udmar__map_state state = udmar__map_state(map);
    const char *wrong = NULL;

    if (state > MAP_CANCELLED) {
        return "a map has no such state";
    }
    if (state <= MAP_LOADED) {
        wrong = check_fast(map);
        wrong = wrong != NULL ? wrong : state == MAP_IDLE ? check_idle(map) : check_way(map);
        wrong = wrong != NULL ? wrong : check_bounces(map);
    } else if (map->fast != NULL || map->way != LOAD_NONE) {
        wrong = "a load that waits has a way, or the fast path is open";
    }
    wrong = wrong != NULL ? wrong : check_tag(map->tag);
    return wrong == NULL && map->window != NULL ? udmar__window_check(map->window) : wrong;
}

/* ---- A zone ---- */

const char *udmar__bounce_zone_check(struct udmar__bounce_zone *zone)
{
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);
    const char *wrong = NULL;
    size_t count = 0;

    for (const struct udmar__bounce_page *page = zone->free; page != NULL; page = page->next) {
        count++;
    }
    if (count != zone->free_pages) {
        wrong = "a zone's count of free pages is wrong";
    } else if (zone->free_pages + zone->reserved + zone->active != zone->total) {
        wrong = "a zone's pages do not add up";
    } else if (zone->waiting != NULL && zone->waiting->wait.needed <= zone->free_pages) {
        wrong = "a load waits for bounce pages that are free";
    }
    udmar__unlock(zone->instance->host, &zone->lock, state);
    return wrong;
}

#endif
