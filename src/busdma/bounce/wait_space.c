/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that wait for guest addresses or memory: translation has none for them at the moment.
 *
 * Who gives something back (an unload, the end of a map) has the oldest load of each domain tried
 * again. Of memory that others free nobody tells us: the tick wakes the thread that runs deferred
 * loads, which tries, too. A load waits only where some other map could give something back and
 * where it would fit if all did, and no longer than MOST_WAIT.
 *
 * No wake-up is lost: a load says that it hopes (wait_space.hopeful) and tries once more before it
 * queues, and who gives back looks for such loads afterwards, with a fence between on both sides.
 * wait_space.freed tells whether something came back during a try.
 */
#include "busdma/bounce/wait.h"

#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/piece_list.h"
#include "busdma/load.h"

#define MOST_WAIT UINT64_C(10000000000) /* ns */

/* An older load of the same domain comes first. */
static bool has_older(const struct udmar__wait_space *room, const struct udmar_dma_map *map)
{
    const struct udmar_dma_map *other = room->waiting;

    while (other != NULL && other != map && other->domain != map->domain) {
        other = other->wait.next;
    }
    return other != NULL && other != map;
}

/* By age, so that a load that has been tried in vain keeps its place. */
static void insert_load(struct udmar__wait_space *room, struct udmar_dma_map *map, size_t tried)
{
    struct udmar_dma_map **link = &room->waiting;

    while (*link != NULL && (*link)->wait.since <= map->wait.since) {
        link = &(*link)->wait.next;
    }
    map->wait.tried = tried;
    map->wait.for_space = true;
    map->wait.next = *link;
    *link = map;
    udmar__map_set_state(map, MAP_WAITING);
}

static void take_load_out(struct udmar__wait_space *room, struct udmar_dma_map *map)
{
    struct udmar_dma_map **link = &room->waiting;

    while (*link != map) {
        link = &(*link)->wait.next;
    }
    *link = map->wait.next;
}

static void hopes_no_more(struct udmar *instance)
{
    (void)__atomic_sub_fetch(&instance->dma.wait_space.hopeful, 1, __ATOMIC_RELEASE);
}

/* What is tried again must outlive the call. @pieces null: it is in the map's list already. */
static bool keep_pieces(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    if (pieces != NULL && pieces->buffer != NULL) {
        map->wait.pieces = *pieces;
        return true;
    }
    if (pieces != NULL) {
        udmar__piece_list_clear(&map->client_pieces);
        if (udmar__piece_list_copy(&map->client_pieces, pieces) != 0) {
            return false;
        }
    }
    return udmar__piece_list_measure(map, &map->client_pieces, &map->wait.pieces) == 0;
}

static bool worth_waiting(struct udmar_dma_map *map)
{
    const struct udmar__dma *dma = &map->tag->device->instance->dma;

    return (dma->wake != NULL || __atomic_load_n(&dma->maps, __ATOMIC_RELAXED) > 1) &&
           map->tag->backend->possible(map, &map->wait.pieces);
}

static bool is_stuck(const struct udmar_dma_map *map, int error)
{
    return error == UDMAR_ENOMEM && map->wait.momentary;
}

enum outcome {
    OUTCOME_ENDED,
    OUTCOME_QUEUED, /* the map is another thread's business from here on */
    OUTCOME_AGAIN,  /* something came back meanwhile */
};

/* A last try before it waits. */
static enum outcome try_or_queue(struct udmar *instance, struct udmar_dma_map *map, int *out_error)
{
    struct udmar__wait_space *room = &instance->dma.wait_space;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    size_t seen = room->freed;
    bool behind = has_older(room, map);
    enum outcome outcome = OUTCOME_AGAIN;

    udmar__unlock(instance->host, &instance->lock, state);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *out_error = behind ? UDMAR_ENOMEM : udmar__load_again(map);
    if (!behind && !is_stuck(map, *out_error)) {
        return OUTCOME_ENDED;
    }
    state = udmar__lock(instance->host, &instance->lock);
    if (seen == room->freed || has_older(room, map)) {
        map->wait.since = udmar_host_time_ns(instance->host);
        insert_load(room, map, seen);
        outcome = OUTCOME_QUEUED;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return outcome;
}

int udmar__wait_space_add(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    struct udmar *instance = map->tag->device->instance;
    enum outcome outcome;
    int error = UDMAR_ENOMEM;

    if (!map->wait.may_wait || !map->wait.momentary || !keep_pieces(map, pieces) ||
        !worth_waiting(map)) {
        return error;
    }
    (void)__atomic_add_fetch(&instance->dma.wait_space.hopeful, 1, __ATOMIC_SEQ_CST);
    do {
        outcome = try_or_queue(instance, map, &error);
    } while (outcome == OUTCOME_AGAIN);
    if (outcome == OUTCOME_QUEUED) {
        return UDMAR_EINPROGRESS;
    }
    hopes_no_more(instance);
    return error;
}

/* ---- Trying again ---------------------------------------------------------------------------- */

static bool has_waited_enough(const struct udmar_dma_map *map, uint64_t now)
{
    return now - map->wait.since >= MOST_WAIT;
}

/* The next one to be tried, taken out; null: none. */
static struct udmar_dma_map *take_next(struct udmar__wait_space *room, uint64_t now)
{
    struct udmar_dma_map *map = room->waiting;

    while (map != NULL && !has_waited_enough(map, now) &&
           (map->wait.tried == room->freed || has_older(room, map))) {
        map = map->wait.next;
    }
    if (map != NULL) {
        take_load_out(room, map);
        udmar__map_set_state(map, MAP_READY);
    }
    return map;
}

/* Under the tag's lock. @last: it does not wait any longer. True: it has come to an end. */
static bool retry_load(struct udmar *instance, struct udmar_dma_map *map, size_t seen, bool last)
{
    struct udmar__wait_space *room = &instance->dma.wait_space;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    bool cancelled = map->state == MAP_CANCELLED;
    int error;

    udmar__unlock(instance->host, &instance->lock, state);
    map->wait.for_space = false;
    /* When it was called off: from here on the map may go. */
    udmar__map_set_state(map, MAP_IDLE);
    if (cancelled) {
        hopes_no_more(instance);
        return true;
    }
    error = udmar__load_again(map);
    if (is_stuck(map, error) && !last) {
        state = udmar__lock(instance->host, &instance->lock);
        insert_load(room, map, seen);
        udmar__unlock(instance->host, &instance->lock, state);
        return false;
    }
    hopes_no_more(instance);
    (void)udmar__load_finish(map, error);
    return true;
}

static void retry_loads(struct udmar *instance)
{
    struct udmar__wait_space *room = &instance->dma.wait_space;
    uint64_t now = udmar_host_time_ns(instance->host);
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    struct udmar_dma_map *map = room->running ? NULL : take_next(room, now);

    while (map != NULL) {
        udmar_dma_lock_t *lock = map->tag->lock;
        void *argument = map->tag->lock_argument;
        size_t seen = room->freed;
        bool ended;

        room->running = true;
        udmar__unlock(instance->host, &instance->lock, state);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        lock(argument, UDMAR_DMA_LOCK);
        ended = retry_load(instance, map, seen, has_waited_enough(map, now));
        lock(argument, UDMAR_DMA_UNLOCK);
        state = udmar__lock(instance->host, &instance->lock);
        /* The next of its domain has its turn. */
        room->freed += ended;
        map = take_next(room, now);
        room->running = map != NULL;
    }
    udmar__unlock(instance->host, &instance->lock, state);
}

/* Does a load wait that may be tried? */
static bool note_freed(struct udmar *instance)
{
    struct udmar__wait_space *room = &instance->dma.wait_space;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    bool waits;

    room->freed++;
    waits = room->waiting != NULL && !room->running;
    udmar__unlock(instance->host, &instance->lock, state);
    return waits;
}

void udmar__wait_space_run(struct udmar *instance)
{
    if (note_freed(instance)) {
        retry_loads(instance);
    }
}

void udmar__wait_space_offer(struct udmar *instance)
{
    const struct udmar__dma *dma = &instance->dma;

    if (!note_freed(instance)) {
        return;
    }
    if (dma->wake != NULL) {
        dma->wake(dma->wake_argument);
    } else {
        retry_loads(instance);
    }
}

void udmar__wait_space_tell(struct udmar *instance)
{
    const struct udmar__dma *dma = &instance->dma;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&dma->wait_space.hopeful, __ATOMIC_RELAXED) != 0 && note_freed(instance) &&
        dma->wake != NULL) {
        dma->wake(dma->wake_argument);
    }
}

bool udmar__wait_space_cancel(struct udmar_dma_map *map)
{
    struct udmar *instance = map->tag->device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    bool waited = map->state == MAP_WAITING;
    bool ready = map->state == MAP_READY;

    if (waited) {
        take_load_out(&instance->dma.wait_space, map);
        map->wait.for_space = false;
        udmar__map_set_state(map, MAP_IDLE);
    } else if (ready) {
        /* Another thread is about to try it, and lets go of it. */
        udmar__map_set_state(map, MAP_CANCELLED);
    }
    udmar__unlock(instance->host, &instance->lock, state);
    if (waited || ready) {
        (void)udmar__mistake(map->tag, COUNT_CANCELLED, 0);
    }
    if (waited) {
        hopes_no_more(instance);
        /* It may have been the one that held up the others. */
        udmar__wait_space_offer(instance);
    }
    return waited || ready;
}
