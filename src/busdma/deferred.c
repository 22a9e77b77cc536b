/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that had to wait for pages. One thread at a time works off a zone's queue, so callbacks
 * come in the order in which the loads were made; a callback that unloads adds to the queue and
 * does not go deeper.
 *
 * Between the moment in which a load gets its pages and the one in which the runner has the
 * driver's lock the driver may unload the map: that is noted, and the runner lets go of it.
 */
#include "busdma/internal.h"

void udmar__queue_append(struct udmar_dma_map **queue, struct udmar_dma_map *map)
{
    while (*queue != NULL) {
        queue = &(*queue)->deferred.next;
    }
    map->deferred.next = NULL;
    *queue = map;
}

/* The driver has the lock of its tag, or nobody else knows the map. */
static void run_one(struct udmar__zone *zone, struct udmar_dma_map *map)
{
    void *host = zone->instance->host;
    uint64_t waited = udmar_host_time_ns(host) - map->deferred.since;
    uintptr_t state = udmar__lock(host, &zone->lock);
    bool cancelled = map->deferred.state == DEFERRAL_CANCELLED;
    int error;

    if (!cancelled) {
        zone->deferred_ns += waited;
    }
    udmar__unlock(host, &zone->lock, state);
    if (cancelled) {
        if (map->bounces != NULL) {
            udmar__zone_give(map, false);
        }
        udmar__quick_on(map);
        /* Last: from here on the map may go. */
        udmar__deferral_set(map, DEFERRAL_NONE);
        return;
    }
    udmar__quick_on(map);
    udmar__deferral_set(map, DEFERRAL_NONE);
    map->deferred.momentary = false;
    error = map->bounces != NULL ? udmar__load_with_pages(map) : UDMAR_ENOMEM;
    if (error == UDMAR_ENOMEM) {
        /* The pages have gone back; the load begins anew when there is room. */
        error = udmar__room_wait(map, NULL);
    }
    (void)udmar__load_finish(map, error);
}

static void run(struct udmar__zone *zone)
{
    void *host = zone->instance->host;
    uintptr_t state = udmar__lock(host, &zone->lock);
    struct udmar_dma_map *map = zone->ready;

    if (zone->running) {
        map = NULL;
    }
    while (map != NULL) {
        /* The map may be gone when it has run. */
        udmar_dma_lock_t *lock = map->tag->lock;
        void *argument = map->tag->lock_argument;

        zone->running = true;
        zone->ready = map->deferred.next;
        udmar__unlock(host, &zone->lock, state);
        lock(argument, UDMAR_DMA_LOCK);
        run_one(zone, map);
        lock(argument, UDMAR_DMA_UNLOCK);
        state = udmar__lock(host, &zone->lock);
        map = zone->ready;
        zone->running = map != NULL;
    }
    udmar__unlock(host, &zone->lock, state);
}

static bool anything_ready(struct udmar__zone *zone)
{
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);
    bool ready = zone->ready != NULL && !zone->running;

    udmar__unlock(zone->instance->host, &zone->lock, state);
    return ready;
}

void udmar__deferred_kick(struct udmar__zone *zone)
{
    const struct udmar__dma *dma = &zone->instance->dma;

    if (!anything_ready(zone)) {
        return;
    }
    if (dma->wake != NULL) {
        dma->wake(dma->wake_argument);
    } else {
        /* Callbacks may end maps and tags, and with the last of them the zone. */
        udmar__zone_hold(zone);
        run(zone);
        udmar__zone_put(zone);
    }
}

static void unlink_map(struct udmar_dma_map **queue, struct udmar_dma_map *map)
{
    while (*queue != map) {
        queue = &(*queue)->deferred.next;
    }
    *queue = map->deferred.next;
}

bool udmar__deferred_cancel(struct udmar_dma_map *map)
{
    struct udmar__zone *zone = map->zone;
    void *host;
    uintptr_t state;
    bool waited = false;

    if (!udmar__deferred_pending(map)) {
        return false;
    }
    if (map->deferred.for_room) {
        return udmar__room_cancel(map);
    }
    host = zone->instance->host;
    state = udmar__lock(host, &zone->lock);
    if (map->deferred.state == DEFERRAL_WAITING) {
        unlink_map(&zone->waiting, map);
        udmar__quick_on(map);
        udmar__deferral_set(map, DEFERRAL_NONE);
        waited = true;
        /* It may have been the one that held up the others. */
        udmar__zone_serve(zone);
    } else if (map->deferred.state == DEFERRAL_READY) {
        udmar__deferral_set(map, DEFERRAL_CANCELLED);
        waited = true;
    }
    udmar__unlock(host, &zone->lock, state);
    if (waited) {
        (void)udmar__mistake(map->tag, COUNT_CANCELLED, 0);
        udmar__deferred_kick(zone);
    }
    return waited;
}

void udmar_dma_on_deferred(struct udmar *instance, void (*wake)(void *argument), void *argument)
{
    if (instance != NULL) {
        instance->dma.wake = wake;
        instance->dma.wake_argument = argument;
    }
}

/* A zone with something to run, held; null: none. */
static struct udmar__zone *next_ready(struct udmar *instance)
{
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    struct udmar__zone *zone = instance->dma.zones;

    while (zone != NULL && !anything_ready(zone)) {
        zone = zone->next;
    }
    if (zone != NULL) {
        zone->users++;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone;
}

void udmar_dma_run_deferred(struct udmar *instance)
{
    struct udmar__zone *zone;

    if (instance != NULL) {
        udmar__room_run(instance);
    }
    while (instance != NULL && (zone = next_ready(instance)) != NULL) {
        run(zone);
        udmar__zone_put(zone);
    }
}
