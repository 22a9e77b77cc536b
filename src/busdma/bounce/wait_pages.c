/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that had to wait for pages. One thread at a time works off a zone's queue, so callbacks
 * come in the order in which the loads were made; a callback that unloads adds to the queue and
 * does not go deeper.
 *
 * Between the moment in which a load gets its pages and the one in which the runner has the
 * driver's lock the driver may unload the map: that is noted, and the runner lets go of it.
 */
#include "busdma/bounce/wait.h"

#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/piece_list.h"
#include "busdma/load.h"

void udmar__queue_append(struct udmar_dma_map **queue, struct udmar_dma_map *map)
{
    while (*queue != NULL) {
        queue = &(*queue)->wait.next;
    }
    map->wait.next = NULL;
    *queue = map;
}

/* The driver has the lock of its tag, or nobody else knows the map. */
static void run_one(struct udmar__bounce_zone *zone, struct udmar_dma_map *map)
{
    void *host = zone->instance->host;
    uint64_t waited = udmar_host_time_ns(host) - map->wait.since;
    uintptr_t state = udmar__lock(host, &zone->lock);
    bool cancelled = map->state == MAP_CANCELLED;
    int error;

    if (!cancelled) {
        zone->deferred_ns += waited;
    }
    udmar__unlock(host, &zone->lock, state);
    if (cancelled) {
        if (map->bounces != NULL) {
            udmar__bounce_zone_give(map, false);
        }
        /* Last: from here on the map may go. */
        udmar__map_set_state(map, MAP_IDLE);
        return;
    }
    udmar__map_set_state(map, MAP_IDLE);
    map->wait.momentary = false;
    error = map->bounces != NULL ? udmar__bounce_load_with_pages(map) : UDMAR_ENOMEM;
    if (error == UDMAR_ENOMEM) {
        /* The pages have gone back; the load begins anew when there is room. */
        error = udmar__wait_space_add(map, NULL);
    }
    (void)udmar__load_finish(map, error);
}

static void run_ready(struct udmar__bounce_zone *zone)
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
        zone->ready = map->wait.next;
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

static bool anything_ready(struct udmar__bounce_zone *zone)
{
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);
    bool ready = zone->ready != NULL && !zone->running;

    udmar__unlock(zone->instance->host, &zone->lock, state);
    return ready;
}

void udmar__waiting_kick(struct udmar__bounce_zone *zone)
{
    const struct udmar__dma *dma = &zone->instance->dma;

    if (!anything_ready(zone)) {
        return;
    }
    if (dma->wake != NULL) {
        dma->wake(dma->wake_argument);
    } else {
        /* Callbacks may end maps and tags, and with the last of them the zone. */
        udmar__bounce_zone_ref(zone);
        run_ready(zone);
        udmar__bounce_zone_unref(zone);
    }
}

static void unlink_map(struct udmar_dma_map **queue, struct udmar_dma_map *map)
{
    while (*queue != map) {
        queue = &(*queue)->wait.next;
    }
    *queue = map->wait.next;
}

bool udmar__waiting_cancel(struct udmar_dma_map *map)
{
    struct udmar__bounce_zone *zone = map->zone;
    void *host;
    uintptr_t state;
    bool waited, ready;

    if (!udmar__load_is_waiting(map)) {
        return false;
    }
    if (map->wait.for_space) {
        return udmar__wait_space_cancel(map);
    }
    host = zone->instance->host;
    state = udmar__lock(host, &zone->lock);
    waited = map->state == MAP_WAITING;
    ready = map->state == MAP_READY;
    if (waited) {
        unlink_map(&zone->waiting, map);
        udmar__map_set_state(map, MAP_IDLE);
        /* It may have been the one that held up the others. */
        udmar__bounce_zone_serve(zone);
    } else if (ready) {
        /* Who made it ready runs it. We may hold its driver's lock, which the runner takes. */
        udmar__map_set_state(map, MAP_CANCELLED);
    }
    udmar__unlock(host, &zone->lock, state);
    if (waited || ready) {
        (void)udmar__mistake(map->tag, COUNT_CANCELLED, 0);
    }
    if (waited) {
        udmar__waiting_kick(zone);
    }
    return waited || ready;
}

void udmar_dma_on_waiting(struct udmar *instance, void (*wake)(void *argument), void *argument)
{
    if (instance != NULL) {
        instance->dma.wake = wake;
        instance->dma.wake_argument = argument;
    }
}

/* A zone with something to run, held; null: none. */
static struct udmar__bounce_zone *next_ready(struct udmar *instance)
{
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    struct udmar__bounce_zone *zone = instance->dma.zones;

    while (zone != NULL && !anything_ready(zone)) {
        zone = zone->next;
    }
    if (zone != NULL) {
        zone->refs++;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone;
}

void udmar_dma_run_waiting(struct udmar *instance)
{
    struct udmar__bounce_zone *zone;

    if (instance != NULL) {
        udmar__wait_space_run(instance);
    }
    while (instance != NULL && (zone = next_ready(instance)) != NULL) {
        run_ready(zone);
        udmar__bounce_zone_unref(zone);
    }
}
