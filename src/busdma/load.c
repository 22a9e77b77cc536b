/* SPDX-License-Identifier: BSD-2-Clause */
/* Load, sync, unload: what a driver calls, before it reaches a back end. */
#include "busdma/internal.h"
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

int udmar__load_failed(struct udmar_dma_map *map, int error)
{
    bool may_wait;

    if (error == UDMAR_EINPROGRESS) {
        /* Another thread may have run it, and the map may be gone. */
        return error;
    }
    may_wait = map->deferred.may_wait;
    (void)udmar__load_count(map, error);
    map->deferred.callback(map->deferred.callback_argument, map->segments, 0, error);
    /*
     * The callback has the news. FreeBSD's drivers take a result other than 0 and EINPROGRESS for
     * that of a load which could not have waited, and start the request again: told twice it would
     * come to its end twice.
     */
    return error == UDMAR_ENOMEM && !may_wait ? error : 0;
}

/* What every load refuses before it looks at what is to be loaded. 0: go on. */
static inline int admit_load(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                             bool callable, const void *caller)
{
    if (tag == NULL || map == NULL || !callable) {
        return udmar__mistake(udmar__either(tag, map), COUNT_WRONG_ARGUMENT, UDMAR_EINVAL);
    }
    if (map->tag != tag) {
        return udmar__mistake(tag, COUNT_WRONG_MAP, UDMAR_EINVAL);
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
}

/* Who is told of the end of the load, now or later. */
static inline void note_callback(struct udmar_dma_map *map, udmar_dma_callback_t *callback,
                                 void *callback_argument, int flags)
{
    map->deferred.callback = callback;
    map->deferred.callback_argument = callback_argument;
    map->deferred.may_wait = may_wait(map, flags);
    map->deferred.momentary = false;
    note_flags(map, flags);
}

/* @bits: of addresses, which the tag's alignment may forbid. */
static inline int attempt(struct udmar_dma_map *map, const struct udmar__source *source,
                          uintptr_t bits)
{
    struct udmar__source copy = *source;

    return map->check_bounce || (bits & map->offset_mask) != 0 ? udmar__bounce_load(map, source)
                                                               : udmar__load_source(map, &copy);
}

static inline int start(struct udmar_dma_map *map, const struct udmar__source *source,
                        uintptr_t bits)
{
    int error = attempt(map, source, bits);

    return UDMAR__UNLIKELY(error == UDMAR_ENOMEM) ? udmar__wait_space_add(map, source) : error;
}

int udmar__load_again(struct udmar_dma_map *map)
{
    const struct udmar__source *source = &map->deferred.source;

    map->deferred.momentary = false;
    if (source->buffer != NULL) {
        return attempt(map, source, (uintptr_t)source->buffer);
    }
    if (!udmar__bounce_reclaim(map)) {
        map->deferred.momentary = true;
        return UDMAR_ENOMEM;
    }
    return udmar__bounce_load_client(map);
}

int udmar__load_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                       uint64_t length, udmar_dma_callback_t *callback, void *callback_argument,
                       int flags, const void *caller)
{
    struct udmar__source source;
    int error = admit_load(tag, map, callback != NULL, caller);

    if (error != 0) {
        return error;
    }
    note_callback(map, callback, callback_argument, flags);
    if (buffer == NULL || length == 0 || length > tag->maxsize ||
        length > UINTPTR_MAX - (uintptr_t)buffer) {
        return udmar__load_finish(map, UDMAR_EINVAL);
    }
    udmar__debug_load(map, caller);
    source = (struct udmar__source){
        .host = tag->device->instance->host,
        .buffer = buffer,
        .remaining = length,
    };
    error = start(map, &source, (uintptr_t)buffer);
    return udmar__load_finish(map, error);
}

int udmar_dmamap_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      udmar_bus_size_t length, udmar_dma_callback_t *callback,
                      void *callback_argument, int flags)
{
    if (map != NULL && callback != NULL && map->ready_for == tag &&
        udmar__fast_path_load_small(map, buffer, length, callback, callback_argument, flags)) {
        return 0;
    }
    return udmar__load_other(tag, map, buffer, length, callback, callback_argument, flags,
                             UDMAR__CALLER);
}

/*
 * The bytes of a list, or 0 when a piece lies in no memory or they do not add up to a number; and
 * the bits in which addresses of pieces differ from page borders.
 */
static uint64_t list_bytes(const struct udmar_dma_physical *list, unsigned count,
                           udmar_paddr_t *out_bits)
{
    uint64_t total = 0;

    *out_bits = 0;
    for (unsigned i = 0; i < count; i++) {
        if (list[i].length == 0) {
            continue;
        }
        if (list[i].length > UDMAR__PHYSICAL_END ||
            list[i].address > UDMAR__PHYSICAL_END - list[i].length ||
            list[i].length > UINT64_MAX - total) {
            return 0;
        }
        total += list[i].length;
        *out_bits |= list[i].address;
    }
    return total;
}

/* All loads of lists but the quick ones. */
static int load_list(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                     const struct udmar_dma_physical *list, unsigned count,
                     udmar_dma_callback_t *callback, void *callback_argument, int flags,
                     const void *caller)
{
    struct udmar__source source;
    udmar_paddr_t bits = 0;
    int error = admit_load(tag, map, callback != NULL, caller);

    if (error != 0) {
        return error;
    }
    source = (struct udmar__source){
        .host = tag->device->instance->host,
        .list = list,
        .remaining = list == NULL ? 0 : list_bytes(list, count, &bits),
    };
    note_callback(map, callback, callback_argument, flags);
    if (source.remaining == 0 || source.remaining > tag->maxsize) {
        return udmar__load_finish(map, UDMAR_EINVAL);
    }
    udmar__debug_load(map, caller);
    error = start(map, &source, (uintptr_t)bits);
    return udmar__load_finish(map, error);
}

int udmar_dmamap_load_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                               const struct udmar_dma_physical *list, unsigned count,
                               udmar_dma_callback_t *callback, void *callback_argument, int flags)
{
    if (tag != NULL && map != NULL && callback != NULL && list != NULL && map->tag == tag &&
        map->quick == FAST_PATH_IDLE &&
        udmar__fast_path_list(map, list, count, callback, callback_argument, flags)) {
        return 0;
    }
    return load_list(tag, map, list, count, callback, callback_argument, flags, UDMAR__CALLER);
}

int udmar__load_gather(struct udmar_dma_map *map, udmar_dma_next_t *next, void *context)
{
    int error;

    if (!udmar__bounce_reclaim(map)) {
        return UDMAR_ENOMEM;
    }
    udmar__list_clear(&map->client_pieces);
    error = udmar__list_each(map->tag->device->instance->host, &map->client_pieces, next, context,
                             map->tag->maxsize);
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
        error = udmar__bounce_load_client(map);
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
    map->deferred.may_wait = false;
    error = udmar__load_gather(map, next, context);
    if (error == 0) {
        error = udmar__bounce_load_client(map);
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

struct udmar_dma_segment *udmar_dmamap_segments(struct udmar_dma_map *map, int *out_count)
{
    bool loaded = map != NULL && udmar__is_loaded(map);

    if (out_count != NULL) {
        *out_count = loaded ? (int)map->count : 0;
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
    if (map->further != NULL) {
        udmar__further_copy(map, op);
    }
    map->tag->backend->sync(map, op);
}

/* Nothing is loaded: a load that waits is called off, everything else is a mistake. */
static void unload_nothing(struct udmar_dma_map *map, const void *caller)
{
    if (!udmar__waiting_cancel(map)) {
        udmar__debug_mistake(map, caller, "bus_dmamap_unload of a map that is not loaded");
        (void)udmar__mistake(map->tag, COUNT_UNLOADED_TWICE, 0);
    }
}

/* The pieces that were added; with the last of them the pages of all go to others. */
static void unload_further(struct udmar_dma_map *map)
{
    struct udmar__bounce_zone *zone = map->zone;

    udmar__further_unload(map);
    if (map->bounces != NULL) {
        udmar__bounce_release(map);
    }
    if (zone != NULL) {
        /* Last: a callback may end the map. */
        udmar__waiting_kick(zone);
    }
}

/* All unloads but the quick ones. */
static UDMAR__SLOW_PATH void unload_map(struct udmar_dma_map *map)
{
    const void *caller = UDMAR__CALLER;
    struct udmar *instance;

    if (!udmar__is_loaded(map)) {
        unload_nothing(map, caller);
        return;
    }
    map->tag->backend->unload(map);
    map->loaded = false;
    map->count = 0;
    udmar__fast_path_open(map);
    udmar__debug_unload(map, caller);
    instance = map->tag->device->instance;
    if (map->further != NULL) {
        unload_further(map);
    } else if (map->bounces != NULL) {
        udmar__bounce_unloaded(map);
    }
    /* Last, like what is above: a callback may end the map. */
    udmar__wait_space_freed(instance);
}

static UDMAR__SLOW_PATH void unload_small(struct udmar_dma_map *map)
{
    struct udmar__window *window = map->small;
    enum udmar_status status;

    map->ready_for = map->tag;
    status = udmar__window_clear_ptes(window, window->strict);
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        udmar__report_loss(map, status);
    }
}

static UDMAR__SLOW_PATH void unload_resting(struct udmar_dma_map *map)
{
    map->ready_for = map->tag;
    if (udmar__window_defer_ptes(map->small)) {
        udmar__fast_path_flush_half(map);
    }
}

void udmar_dmamap_unload(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    if (tag == NULL || map == NULL) {
        return;
    }
    /* Each way has registers of its own to save. */
    if (map->ready_for == LOADED_SMALL) {
        unload_small(map);
    } else if (map->ready_for == LOADED_RESTING) {
        unload_resting(map);
    } else if (map->quick == FAST_PATH_LOADED) {
        udmar__fast_path_end(map);
    } else {
        unload_map(map);
    }
}
