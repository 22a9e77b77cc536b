/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that grow: pieces that are added to a map one by one, each with its segments known at once.
 *
 * The first piece is loaded into the map itself, each further one into a small map without a window
 * that hangs on it. These maps stay for the next load; the unload of the map ends all pieces. They
 * never wait for anything, so the link of waiting loads is what holds them together.
 */
#include "busdma/bounce/bounce.h"
#include "busdma/debug.h"
#include "busdma/load.h"

/* A map for one piece; null: no memory. */
static struct udmar_dma_map *new_further(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    void *host = tag->device->instance->host;
    struct udmar_dma_map *further = udmar_host_alloc(host, sizeof(*further));

    if (further == NULL) {
        return NULL;
    }
    further->tag = map->tag;
    further->host = host;
    further->windowless = true;
    further->subpage = map->subpage;
    further->may_bounce = map->may_bounce;
    further->offset_mask = map->offset_mask;
    further->zone = map->zone; /* held by the map */
    if (tag->backend->map_create(further) != 0) {
        udmar_host_free(host, further, sizeof(*further));
        return NULL;
    }
    further->wait.next = map->further;
    map->further = further;
    return further;
}

static struct udmar_dma_map *get_further(struct udmar_dma_map *map)
{
    struct udmar_dma_map *further = map->further;

    while (further != NULL && udmar__is_loaded(further)) {
        further = further->wait.next;
    }
    return further != NULL ? further : new_further(map);
}

void udmar__further_unload(struct udmar_dma_map *map)
{
    for (struct udmar_dma_map *further = map->further; further != NULL;
         further = further->wait.next) {
        if (udmar__is_loaded(further)) {
            further->tag->backend->unload(further);
            further->way = LOAD_NONE;
            udmar__map_set_state(further, MAP_IDLE);
            if (further->bounces != NULL) {
                udmar__bounce_release(further);
            }
        }
    }
}

void udmar__further_copy(struct udmar_dma_map *map, int op)
{
    for (struct udmar_dma_map *further = map->further; further != NULL;
         further = further->wait.next) {
        if (udmar__is_loaded(further) && further->bounces != NULL) {
            udmar__bounce_copy(further, op);
        }
    }
}

void udmar__further_end(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;

    while (map->further != NULL) {
        struct udmar_dma_map *further = map->further;

        map->further = further->wait.next;
        udmar__bounce_end(further);
        further->tag->backend->map_destroy(further);
        udmar_host_free(host, further, sizeof(*further));
    }
}

/* A map that the fast path has loaded gets what an unload of many pieces looks at. */
static void become_pieces(struct udmar_dma_map *map)
{
    if (map->way <= LOAD_FAST_LARGE) {
        map->mapping =
            udmar__mapping_in_window(MAPPING_WINDOW, map->window, udmar__window_pages(map->window));
    }
    map->count = map->way == LOAD_PIECES ? map->count : 1;
    map->way = LOAD_PIECES;
}

/* Loads the piece; its segments go to @segments, where there is room for @room. */
static int load_piece(struct udmar_dma_map *piece, udmar_dma_next_t *next, void *context,
                      struct udmar_dma_segment *segments, uint32_t room, uint32_t *out_count)
{
    struct udmar_dma_segment *own = piece->segments;
    uint32_t capacity = piece->capacity;
    int error;

    piece->segments = segments;
    piece->capacity = room;
    piece->wait.may_wait = false;
    error = udmar__load_gather(piece, next, context);
    if (error == 0) {
        error = udmar__bounce_load_client(piece);
    }
    *out_count = piece->count;
    piece->segments = own;
    piece->capacity = capacity;
    return error;
}

/* Is @next what comes behind @last for the device, and may both be one segment? */
static bool joins_segment(const struct udmar_dma_tag *tag, const struct udmar_dma_segment *last,
                          const struct udmar_dma_segment *next)
{
    udmar_bus_addr_t end = next->ds_addr + next->ds_len - 1;

    return last->ds_addr + last->ds_len == next->ds_addr &&
           last->ds_len + next->ds_len <= tag->maxsegsz &&
           (tag->boundary == 0 || ((last->ds_addr ^ end) & ~(tag->boundary - 1)) == 0);
}

/*
 * Segments [0, *last] are there, @room in all. The new ones are written from *last on, since the
 * first of them may continue that one, and moved where it does not.
 */
static int append_piece(struct udmar_dma_map *piece, udmar_dma_next_t *next, void *context,
                        struct udmar_dma_segment *segments, uint32_t room, int *last)
{
    struct udmar_dma_segment *at = &segments[*last];
    struct udmar_dma_segment before = *at;
    uint32_t left = room - (uint32_t)*last;
    uint32_t count;
    int error = load_piece(piece, next, context, at, left, &count);

    if (error == 0 && joins_segment(piece->tag, &before, at)) {
        at->ds_len += before.ds_len;
        at->ds_addr = before.ds_addr;
        *last += (int)count - 1;
        return 0;
    }
    if (error == 0 && count < left) {
        __builtin_memmove(at + 1, at, count * sizeof(*at));
        *last += (int)count;
    } else if (error == 0) {
        udmar_dmamap_unload(piece->tag, piece);
        error = UDMAR_EFBIG;
    }
    *at = before;
    return error;
}

/* What is refused before anything is looked at. 0: go on. */
static int admit_piece(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                       bool complete)
{
    if (tag == NULL || map == NULL || !complete) {
        return udmar__mistake(udmar__either(tag, map), COUNT_WRONG_ARGUMENT, UDMAR_EINVAL);
    }
    if (map->tag != tag) {
        return udmar__mistake(tag, COUNT_WRONG_MAP, UDMAR_EINVAL);
    }
    return udmar__load_is_waiting(map) ? udmar__mistake(tag, COUNT_LOADED_TWICE, UDMAR_EBUSY) : 0;
}

int udmar_dmamap_add(struct udmar_dma_tag *tag, struct udmar_dma_map *map, udmar_dma_next_t *next,
                     void *context, struct udmar_dma_segment *segments, int *last, int flags)
{
    struct udmar_dma_map *piece = map;
    struct udmar_dma_segment *to = segments;
    uint32_t room;
    uint32_t count;
    int error = admit_piece(tag, map, next != NULL && last != NULL && *last >= -1);

    if (error != 0) {
        return error;
    }
    udmar__debug_load(map, UDMAR__CALLER);
    room = segments != NULL ? (uint32_t)udmar__min(tag->nsegments, INT32_MAX) : map->capacity;
    to = segments != NULL ? segments : map->segments;
    if (udmar__is_loaded(map)) {
        become_pieces(map);
        piece = get_further(map);
    }
    if (piece == NULL) {
        error = UDMAR_ENOMEM;
    } else if (*last >= 0 && (uint32_t)*last >= room) {
        error = UDMAR_EFBIG;
    } else {
        piece->read_only = (flags & UDMAR_DMA_NOWRITE) != 0;
        if (*last < 0) {
            error = load_piece(piece, next, context, to, room, &count);
            *last = error == 0 ? (int)count - 1 : *last;
        } else {
            error = append_piece(piece, next, context, to, room, last);
        }
    }
    if (error != 0) {
        return udmar__load_count(map, error);
    }
    map->count = segments == NULL ? (uint32_t)*last + 1 : 0;
    return 0;
}
