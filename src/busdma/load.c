/* SPDX-License-Identifier: BSD-2-Clause */
/* Load, sync, unload: what a driver calls, before it reaches a back end. */
#include "busdma/load.h"

#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/piece_list.h"
#include "busdma/bounce/wait.h"
#include "busdma/debug.h"
#include "busdma/fast_path.h"

/* Counts what went wrong; the mistake of a caller has been told to it, too. */
int udmar__load_count(struct udmar_dma_map *map, int error)
{
    /* What it had for a moment others may have missed. */
    udmar__wait_space_tell(map->tag->device->instance);
    switch (error) {
    case UDMAR_EINVAL:
        return udmar__mistake(map->tag, COUNT_WRONG_ARGUMENT, error);
    case UDMAR_EFBIG:
        return udmar__mistake(map->tag, COUNT_TOO_MANY_SEGMENTS, error);
    default: /* UDMAR_ENOMEM */
        return udmar__mistake(map->tag, COUNT_NO_RESOURCES, error);
    }
}

/* Counts and tells the callback, except for EINPROGRESS; returns what the load returns. */
static int fail_load(struct udmar_dma_map *map, int error)
{
    bool may_wait;

    if (error == UDMAR_EINPROGRESS) {
        /* Another thread may have run it, and the map may be gone. */
        return error;
    }
    may_wait = map->wait.may_wait;
    (void)udmar__load_count(map, error);
    map->wait.callback(map->wait.callback_argument, map->segments, 0, error);
    /*
     * The callback has the news. FreeBSD's drivers take a result other than 0 and EINPROGRESS for
     * that of a load which could not have waited, and start the request again: told twice it would
     * come to its end twice.
     */
    return error == UDMAR_ENOMEM && !may_wait ? error : 0;
}

int udmar__load_finish(struct udmar_dma_map *map, int error)
{
    if (error != 0) {
        return fail_load(map, error);
    }
    map->wait.callback(map->wait.callback_argument, map->segments, (int)map->count, 0);
    return 0;
}

/* What every load refuses before it looks at what is to be loaded. 0: go on. */
static inline int admit_load(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                             bool callable, const void *caller)
{
    int error = udmar__map_admit(tag, map, callable);

    if (error != 0) {
        return error;
    }
    if (udmar__is_loaded(map) || udmar__load_is_waiting(map)) {
        udmar__debug_mistake(map, caller, "bus_dmamap_load of a loaded map");
        return udmar__mistake(tag, COUNT_LOADED_TWICE, UDMAR_EBUSY);
    }
    return 0;
}

/* A load of memory that comes with its map must have come to an end before both are freed. */
static bool may_wait(const struct udmar_dma_map *map, int flags)
{
    return (flags & UDMAR_DMA_NOWAIT) == 0 && map->tag->lock != NULL && !map->of_dmamem;
}

static inline void note_flags(struct udmar_dma_map *map, int flags)
{
    map->read_only = (flags & UDMAR_DMA_NOWRITE) != 0;
    map->more = false;
}

/* Who is told of the end of the load, now or later. */
static inline void note_callback(struct udmar_dma_map *map, udmar_dma_callback_t *callback,
                                 void *callback_argument, int flags)
{
    map->wait.callback = callback;
    map->wait.callback_argument = callback_argument;
    map->wait.may_wait = may_wait(map, flags);
    map->wait.momentary = false;
    note_flags(map, flags);
}

int udmar__load_pieces(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    int error;

    map->count = map->kept;
    error = map->tag->backend->load(map, pieces, map->read_only);
    if (error != 0) {
        map->wait.momentary = error == UDMAR_ENOMEM;
        return error;
    }
    map->way = LOAD_PIECES;
    udmar__map_set_state(map, MAP_LOADED);
    return 0;
}

/* Bounce pages that are left from an unload that was not confirmed are looked at first, too. */
static int try_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    return map->may_bounce || map->bounces != NULL || (pieces->offsets & map->offset_mask) != 0
               ? udmar__bounce_load(map, pieces)
               : udmar__load_pieces(map, pieces);
}

static int start_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    int error = try_load(map, pieces);

    return UDMAR__UNLIKELY(error == UDMAR_ENOMEM) ? udmar__wait_space_add(map, pieces) : error;
}

int udmar__load_again(struct udmar_dma_map *map)
{
    map->wait.momentary = false;
    if (map->wait.pieces.buffer != NULL) {
        return try_load(map, &map->wait.pieces);
    }
    if (!udmar__bounce_reclaim(map)) {
        map->wait.momentary = true;
        return UDMAR_ENOMEM;
    }
    return udmar__bounce_load_client(map, map->subpage);
}

int udmar__load_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                       const struct udmar__buffer_load *load)
{
    struct udmar__pieces pieces = { .buffer = load->buffer, .bytes = load->length };
    int error = admit_load(tag, map, load->callback != NULL, load->caller);

    if (error != 0) {
        return error;
    }
    note_callback(map, load->callback, load->callback_argument, load->flags);
    if (load->buffer == NULL || load->length == 0 || load->length > tag->maxsize ||
        load->length > UINTPTR_MAX - (uintptr_t)load->buffer) {
        return udmar__load_finish(map, UDMAR_EINVAL);
    }
    udmar__debug_load(map, load->caller);
    pieces.host = map->host;
    pieces.border = udmar__tag_border(tag);
    (void)udmar__pieces_measure(&pieces, 1);
    return udmar__load_finish(map, start_load(map, &pieces));
}

/* A frame of its own, so that the fast path has none. */
static UDMAR__SLOW_PATH int load_slow_path(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                                           void *buffer, udmar_bus_size_t length,
                                           udmar_dma_callback_t *callback, void *callback_argument,
                                           int flags)
{
    const struct udmar__buffer_load load = {
        .buffer = buffer,
        .length = length,
        .callback = callback,
        .callback_argument = callback_argument,
        .flags = flags,
        .caller = UDMAR__CALLER,
    };

    return udmar__fast_path_load_run(tag, map, &load);
}

int udmar_dmamap_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      udmar_bus_size_t length, udmar_dma_callback_t *callback,
                      void *callback_argument, int flags)
{
    if (map != NULL && callback != NULL && map->fast == tag && tag != NULL) {
        udmar__debug_load(map, UDMAR__CALLER);
        if (udmar__fast_path_load(map, buffer, length, callback, callback_argument, flags)) {
            return 0;
        }
    }
    return load_slow_path(tag, map, buffer, length, callback, callback_argument, flags);
}

int udmar_dmamap_load_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                               const struct udmar_dma_physical *list, unsigned count,
                               udmar_dma_callback_t *callback, void *callback_argument, int flags)
{
    struct udmar__pieces pieces = { .list = list };
    int error = admit_load(tag, map, callback != NULL, UDMAR__CALLER);

    if (error != 0) {
        return error;
    }
    pieces.host = map->host;
    pieces.border = udmar__tag_border(tag);
    note_callback(map, callback, callback_argument, flags);
    if (list == NULL || !udmar__pieces_measure(&pieces, count) || pieces.bytes == 0 ||
        pieces.bytes > tag->maxsize) {
        return udmar__load_finish(map, UDMAR_EINVAL);
    }
    udmar__debug_load(map, UDMAR__CALLER);
    return udmar__load_finish(map, start_load(map, &pieces));
}

int udmar__load_gather(struct udmar_dma_map *map, udmar_dma_next_t *next, void *context)
{
    int error;

    /* The pages of a load that grows are in use. */
    if (!udmar__is_loaded(map) && !udmar__bounce_reclaim(map)) {
        return UDMAR_ENOMEM;
    }
    udmar__piece_list_clear(&map->client_pieces);
    error = udmar__piece_list_each(map->tag->device->instance->host, &map->client_pieces, next,
                                   context, map->tag->maxsize);
    return error == 0 && map->client_pieces.bytes == 0 ? UDMAR_EINVAL : error;
}

int udmar_dmamap_load_each(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                           udmar_dma_next_t *next, void *context, udmar_dma_callback_t *callback,
                           void *callback_argument, int flags)
{
    int error = admit_load(tag, map, callback != NULL, UDMAR__CALLER);

    if (error != 0) {
        return error;
    }
    note_callback(map, callback, callback_argument, flags);
    if (next == NULL) {
        return udmar__load_finish(map, UDMAR_EINVAL);
    }
    udmar__debug_load(map, UDMAR__CALLER);
    error = udmar__load_gather(map, next, context);
    if (error == 0) {
        error = udmar__bounce_load_client(map, map->subpage);
        if (error == UDMAR_ENOMEM) {
            error = udmar__wait_space_add(map, NULL);
        }
    }
    return udmar__load_finish(map, error);
}

int udmar_dmamap_load_each_sg(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              udmar_dma_next_t *next, void *context,
                              struct udmar_dma_segment *out_segments, int *out_count, int flags)
{
    int error = admit_load(tag, map, next != NULL && out_count != NULL, UDMAR__CALLER);

    if (out_count != NULL) {
        *out_count = 0;
    }
    if (error != 0) {
        return error;
    }
    udmar__debug_load(map, UDMAR__CALLER);
    note_flags(map, flags);
    map->wait.may_wait = false;
    error = udmar__load_gather(map, next, context);
    if (error == 0) {
        error = udmar__bounce_load_client(map, map->subpage);
    }
    if (error != 0) {
        return udmar__load_count(map, error);
    }
    *out_count = (int)map->count;
    if (out_segments != NULL) {
        __builtin_memcpy(out_segments, map->segments, map->count * sizeof(*out_segments));
    }
    return 0;
}

static bool has_count(const struct udmar_dma_map *map)
{
    return map->way == LOAD_PIECES || map->way == LOAD_GROWN;
}

struct udmar_dma_segment *udmar_dmamap_segments(struct udmar_dma_map *map, int *out_count)
{
    bool loaded = map != NULL && udmar__is_loaded(map);

    if (out_count != NULL) {
        *out_count = !loaded ? 0 : has_count(map) ? (int)map->count : 1;
    }
    return loaded ? map->segments : NULL;
}

void udmar_dmamap_sync(struct udmar_dma_tag *tag, struct udmar_dma_map *map, int op)
{
    if (tag == NULL || map == NULL) {
        return;
    }
    if (!udmar__is_loaded(map)) {
        (void)udmar__mistake(tag, COUNT_SYNCED_UNLOADED, 0);
        return;
    }
    if (map->bounces != NULL) {
        udmar__bounce_copy(map, op);
    }
    /* The bus is coherent: only the order of the driver's own accesses is at stake. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Nothing is loaded: a load that waits is called off, everything else is a mistake. */
static void unload_nothing(struct udmar_dma_map *map, const void *caller)
{
    if (!udmar__waiting_cancel(map)) {
        udmar__debug_mistake(map, caller, "bus_dmamap_unload of a map that is not loaded");
        (void)udmar__mistake(map->tag, COUNT_UNLOADED_TWICE, 0);
    }
}

/* All unloads but those of the fast path. */
static UDMAR__SLOW_PATH void unload_map(struct udmar_dma_map *map)
{
    struct udmar *instance = map->tag->device->instance;

    map->tag->backend->unload(map);
    map->way = LOAD_NONE;
    udmar__map_set_state(map, MAP_IDLE);
    if (map->bounces != NULL) {
        udmar__bounce_unloaded(map);
    }
    /* Last, like what is above: a callback may end the map. */
    udmar__wait_space_freed(instance);
}

/* One function each: each has few registers to save. */
static UDMAR__SLOW_PATH void unload_window(struct udmar_dma_map *map)
{
    enum udmar_status status;

    udmar__fast_path_unload(map);
    status = udmar__window_clear_ptes(map->window, map->window->strict);
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        udmar__report_loss(map, status);
    }
}

static UDMAR__SLOW_PATH void flush_half(struct udmar_dma_map *map)
{
    enum udmar_status status = udmar__window_flush_half(map->window);

    if (status != UDMAR_OK) {
        udmar__report_loss(map, status);
    }
}

static UDMAR__SLOW_PATH void unload_lane(struct udmar_dma_map *map)
{
    udmar__fast_path_unload(map);
    if (udmar__window_defer_ptes(map->window)) {
        flush_half(map);
    }
}

static UDMAR__SLOW_PATH void unload_grown(struct udmar_dma_map *map)
{
    if (map->fast_way == LOAD_FAST_WINDOW) {
        unload_window(map);
    } else {
        unload_lane(map);
    }
}

static UDMAR__SLOW_PATH void unload_large(struct udmar_dma_map *map)
{
    enum udmar_status status;

    udmar__fast_path_unload(map);
    status = udmar__window_clear_large(map->window, map->window->strict);
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        udmar__report_loss(map, status);
    }
}

static UDMAR__SLOW_PATH void unload_block(struct udmar_dma_map *map)
{
    struct udmar *instance = map->tag->device->instance;
    enum udmar_status status;

    udmar__fast_path_unload(map);
    status = udmar__fast_path_end_block(map);
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        map->unconfirmed = true;
        udmar__report_loss(map, status);
    }
    /* Last: a callback may end the map. */
    udmar__wait_space_freed(instance);
}

void udmar_dmamap_unload(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    if (tag == NULL || map == NULL) {
        return;
    }
    if (map->way != LOAD_NONE) {
        udmar__debug_unload(map, UDMAR__CALLER);
    }
    if (map->way == LOAD_FAST_WINDOW) {
        unload_window(map);
    } else if (map->way == LOAD_FAST_LANE) {
        unload_lane(map);
    } else if (map->way == LOAD_FAST_BLOCK) {
        unload_block(map);
    } else if (map->way == LOAD_FAST_LARGE) {
        unload_large(map);
    } else if (map->way == LOAD_GROWN) {
        unload_grown(map);
    } else if (map->way != LOAD_NONE) {
        unload_map(map);
    } else {
        unload_nothing(map, UDMAR__CALLER);
    }
}
