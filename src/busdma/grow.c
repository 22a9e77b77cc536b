/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that grow: pieces that are added to a map one by one, each with its segments known at once.
 *
 * All pieces are one load: the back end puts each behind the one before, in the place that the load
 * has, and takes a larger place only when that is full. So the unload is that of any other load.
 */
#include "busdma/bounce/bounce.h"
#include "busdma/debug.h"
#include "busdma/fast_path.h"
#include "mapping/block.h"

/* Where the segments of a load go: [0, *last] are there, of @room in all. */
struct target {
    struct udmar_dma_segment *segments;
    uint32_t room;
    int *last;
};

static struct target target_of(const struct udmar_dma_map *map, struct udmar_dma_segment *segments,
                               int *last)
{
    return (struct target){
        .segments = segments != NULL ? segments : map->segments,
        .room =
            segments != NULL ? (uint32_t)udmar__min(map->tag->nsegments, INT32_MAX) : map->capacity,
        .last = last,
    };
}

/* A map that the fast path has loaded gets what an unload of many pieces looks at. */
static void become_pieces(struct udmar_dma_map *map)
{
    bool grown = map->way == LOAD_GROWN;

    if (map->way == LOAD_PIECES) {
        return;
    }
    if (map->way <= LOAD_FAST_LARGE) {
        map->mapping =
            udmar__mapping_in_window(MAPPING_WINDOW, map->window, udmar__window_pages(map->window));
    }
    if (!grown) {
        map->announced = map->mapping.pages;
        map->count = 1;
    }
    map->way = LOAD_PIECES;
}

/* ---- Any piece ---- */

/* What is in map->client_pieces, behind segments that are in map->segments. */
static int add_client(struct udmar_dma_map *map, bool isolates, int *last)
{
    struct udmar_dma_segment before = { .ds_len = 0 };
    int error;

    map->kept = (uint32_t)(*last + 1);
    if (map->kept > map->capacity) {
        map->kept = 0;
        return UDMAR_EFBIG;
    }
    if (map->kept > 0) {
        before = map->segments[map->kept - 1];
    }
    map->wait.may_wait = false;
    error = udmar__is_loaded(map) ? udmar__bounce_add_client(map, isolates)
                                  : udmar__bounce_load_client(map, isolates);
    if (error == 0) {
        *last = (int)map->count - 1;
    } else if (map->kept > 0) {
        map->segments[map->kept - 1] = before;
    }
    map->kept = 0;
    return error;
}

/* The same with the caller's segments in the place of the map's. */
static int add_client_to(struct udmar_dma_map *map, bool isolates, const struct target *target)
{
    struct udmar_dma_segment *own = map->segments;
    uint32_t capacity = map->capacity;
    uint32_t most = map->most_segments;
    int error;

    map->segments = target->segments;
    map->capacity = target->room;
    map->most_segments = target->room;
    error = add_client(map, isolates, target->last);
    map->segments = own;
    map->capacity = capacity;
    map->most_segments = most;
    return error;
}

/* What is refused before anything is looked at. 0: go on. */
static int admit_piece(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                       bool complete)
{
    int error = udmar__map_admit(tag, map, complete);

    if (error != 0) {
        return error;
    }
    return udmar__load_is_waiting(map) ? udmar__mistake(tag, COUNT_LOADED_TWICE, UDMAR_EBUSY) : 0;
}

/* What a call adds; @owned: a buffer that shares its pages with nobody. */
struct addition {
    udmar_dma_next_t *next;
    void *context;
    int flags;
    bool owned;
    const void *caller;
};

static UDMAR__SLOW_PATH int add_pieces(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                                       const struct addition *addition,
                                       struct udmar_dma_segment *segments, int *last)
{
    struct target target;
    uint32_t count;
    bool isolates;
    int error = admit_piece(tag, map, addition->next != NULL && last != NULL && *last >= -1);

    if (error != 0) {
        return error;
    }
    udmar__debug_load(map, addition->caller);
    target = target_of(map, segments, last);
    if (udmar__is_loaded(map)) {
        become_pieces(map);
    }
    isolates = map->subpage && !addition->owned;
    count = map->count;
    map->grows = true;
    map->read_only = (addition->flags & UDMAR_DMA_NOWRITE) != 0;
    map->more = (addition->flags & UDMAR_DMA_MORE) != 0;
    error = udmar__load_gather(map, addition->next, addition->context);
    if (error == 0) {
        error = segments == NULL ? add_client(map, isolates, last)
                                 : add_client_to(map, isolates, &target);
    }
    if (error != 0) {
        map->count = count;
        return udmar__load_count(map, error);
    }
    map->count = segments == NULL ? (uint32_t)*last + 1 : 0;
    return 0;
}

int udmar_dmamap_add(struct udmar_dma_tag *tag, struct udmar_dma_map *map, udmar_dma_next_t *next,
                     void *context, struct udmar_dma_segment *segments, int *last, int flags)
{
    const struct addition addition = {
        .next = next,
        .context = context,
        .flags = flags,
        .caller = UDMAR__CALLER,
    };

    return add_pieces(tag, map, &addition, segments, last);
}

/* ---- One run of memory, where nothing has to be looked for ---- */

/* The next page of the place that a load has, with PTEs that are always in reach. */
struct spot {
    volatile uint64_t *ptes;
    udmar_iova_t iova;
    uint32_t pages; /* from there on */
};

/* In a block. */
static inline void spot_in_block(const struct udmar__mapping *mapping, struct spot *spot)
{
    uint32_t page = (uint32_t)(mapping->iova >> UDMAR_PAGE_SHIFT);
    unsigned block = udmar__block_at(mapping->in.arena, page);

    spot->ptes = udmar__block_ptes(mapping->in.arena, page) + mapping->pages;
    spot->iova = mapping->iova + ((udmar_iova_t)mapping->pages << UDMAR_PAGE_SHIFT);
    spot->pages = (1u << UDMAR__BLOCK_ORDER(block)) - mapping->pages;
}

/* False: the place is of another kind, or there is none yet and it takes more to get it. */
static inline bool find_spot(const struct udmar_dma_map *map, struct spot *spot)
{
    const struct udmar__window *window = map->window;
    uint32_t at = 0;

    if (map->way == LOAD_PIECES && map->mapping.kind == MAPPING_BLOCK) {
        spot_in_block(&map->mapping, spot);
        return true;
    }
    if (map->fast_way == LOAD_NONE) {
        return false;
    }
    if (map->way == LOAD_GROWN) {
        at = window->span;
    } else if (map->way == LOAD_PIECES && map->mapping.kind == MAPPING_WINDOW) {
        at = map->mapping.pages;
    } else if (map->fast == NULL || !udmar__window_is_ready(window)) {
        return false;
    }
    spot->ptes = window->ptes + at;
    spot->iova = window->base + ((udmar_iova_t)at << UDMAR_PAGE_SHIFT);
    spot->pages = udmar__window_room(window) - at;
    return true;
}

static inline void note_spot(struct udmar_dma_map *map, const struct spot *spot, uint32_t pages)
{
    struct udmar__mapping *mapping = &map->mapping;
    struct udmar__window *window = map->window;

    if (map->way == LOAD_PIECES) {
        mapping->pages += pages;
        if (mapping->kind == MAPPING_BLOCK) {
            udmar__block_note_pages(mapping->in.arena, mapping->iova >> UDMAR_PAGE_SHIFT,
                                    mapping->pages);
            return;
        }
    } else if (map->way != LOAD_GROWN) {
        map->announced = 0;
        map->grows = true;
        udmar__fast_path_note(map, LOAD_GROWN);
    }
    udmar__window_store(&window->span, (uint32_t)(spot->ptes - window->ptes) + pages);
}

/* May the segment stand behind the last one as it is? It is not cut, and it continues nothing. */
static inline bool is_segment(const struct udmar_dma_tag *tag, const struct udmar_dma_segment *last,
                              const struct udmar_dma_segment *segment)
{
    udmar_bus_addr_t end = segment->ds_addr + segment->ds_len - 1;

    return (tag->boundary == 0 || ((segment->ds_addr ^ end) & ~(tag->boundary - 1)) == 0) &&
           (last == NULL || last->ds_addr + last->ds_len != segment->ds_addr);
}

/* False: nothing has been done. */
static inline bool add_run(struct udmar_dma_map *map, udmar_paddr_t physical, uint64_t length,
                           int flags, const struct target *target)
{
    uint32_t pages = (uint32_t)udmar__pages_touched(physical, length);
    uint32_t next = (uint32_t)(*target->last + 1);
    struct udmar_dma_segment segment = { .ds_len = length };
    struct spot spot;

    if (next >= target->room || !find_spot(map, &spot) || pages > spot.pages ||
        (map->domain->announces && (flags & UDMAR_DMA_MORE) == 0)) {
        return false;
    }
    segment.ds_addr = spot.iova + (physical & UDMAR_PAGE_MASK);
    if (!is_segment(map->tag, next > 0 ? &target->segments[next - 1] : NULL, &segment)) {
        return false;
    }
    udmar__ptes_fill(spot.ptes, (physical & ~UDMAR_PAGE_MASK) | udmar__load_access(flags), pages);
    udmar__ptes_write_back(map->host, map->domain->coherent, spot.ptes, pages);
    note_spot(map, &spot, pages);
    target->segments[next] = segment;
    *target->last = (int)next;
    map->count = target->segments == map->segments ? next + 1 : 0;
    return true;
}

/* May the call go that way at all? Only a map that may take the fast path has run_bytes. */
static inline bool may_add_run(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                               const int *last)
{
    return tag != NULL && map != NULL && last != NULL && map->tag == tag && *last >= -1;
}

/* One piece, as udmar_dma_next_t tells it. */
struct one_piece {
    struct udmar_dma_piece piece;
    bool done;
};

static bool step_piece(void *context, struct udmar_dma_piece *out_piece)
{
    struct one_piece *walk = context;
    bool more = !walk->done;

    *out_piece = walk->piece;
    walk->done = true;
    return more;
}

/* A frame of its own, so that the fast path has none. */
static UDMAR__SLOW_PATH int add_piece(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                                      const struct udmar_dma_piece *piece,
                                      struct udmar_dma_segment *segments, int *last, int flags)
{
    struct one_piece walk = { .piece = *piece };
    const struct addition addition = {
        .next = step_piece,
        .context = &walk,
        .flags = flags,
        .owned = map != NULL && !piece->is_physical &&
                 udmar__map_owns(map, piece->buffer, piece->length),
        .caller = UDMAR__CALLER,
    };

    return add_pieces(tag, map, &addition, segments, last);
}

int udmar_dmamap_add_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                            const void *buffer, udmar_bus_size_t length,
                            struct udmar_dma_segment *segments, int *last, int flags)
{
    udmar_paddr_t physical;

    if (may_add_run(tag, map, last) &&
        udmar__is_one_run(map, buffer, length, map->run_bytes, &physical)) {
        const struct target target = target_of(map, segments, last);

        if (add_run(map, physical, length, flags, &target)) {
            udmar__debug_load(map, UDMAR__CALLER);
            return 0;
        }
    }
    return add_piece(tag, map, &(struct udmar_dma_piece){ .buffer = buffer, .length = length },
                     segments, last, flags);
}

int udmar_dmamap_add_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              udmar_paddr_t physical, udmar_bus_size_t length,
                              struct udmar_dma_segment *segments, int *last, int flags)
{
    if (may_add_run(tag, map, last) && length - 1 < map->run_bytes &&
        (physical & map->offset_mask) == 0 && physical < UDMAR__PHYSICAL_END - length) {
        const struct target target = target_of(map, segments, last);

        if (add_run(map, physical, length, flags, &target)) {
            udmar__debug_load(map, UDMAR__CALLER);
            return 0;
        }
    }
    return add_piece(
        tag, map,
        &(struct udmar_dma_piece){ .physical = physical, .length = length, .is_physical = true },
        segments, last, flags);
}

int udmar_dmamap_complete(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    int error = admit_piece(tag, map, true);

    if (error == 0 && map->domain != NULL && map->domain->announces &&
        (map->way == LOAD_GROWN || map->way == LOAD_PIECES)) {
        become_pieces(map);
        error = udmar__map_announce(map);
    }
    return error;
}
