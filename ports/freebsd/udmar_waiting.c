/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that wait. A load that may wait and finds no memory or addresses answers EINPROGRESS; a
 * thread of ours runs it again from the start, under the lock of its tag, when something has been
 * given back or 10 ms have passed. Oldest first: while that one finds nothing, the others wait.
 *
 * Who may not wait: no lock function, no thread yet (cold), the kernel dumps or has panicked.
 */
#include "udmar_port.h"

#include <sys/conf.h>

#define GIVE_UP_AFTER 30 /* seconds */

static bool may_wait(const struct udmar_softc *sc, const struct udmar_tag *tag,
                     const struct udmar_map *map)
{
    return sc != NULL && sc->queue != NULL && !cold && !dumping && !KERNEL_PANICKED() &&
           tag->common.lockfunc != _busdma_dflt_lock && map->callback != NULL &&
           map->memory == NULL;
}

static void again_soon(struct udmar_softc *sc)
{
    taskqueue_enqueue_timeout(sc->queue, &sc->waiting.retry, MAX(hz / 100, 1));
}

int udmar_wait_for_memory(struct udmar_tag *tag, struct udmar_map *map)
{
    struct udmar_softc *sc = udmar_port();
    int error = EINPROGRESS;

    if (!may_wait(sc, tag, map)) {
        return ENOMEM;
    }
    mtx_lock(&sc->waiting.lock);
    if (map->wait == UDMAR_NOT_WAITING) {
        map->wait = UDMAR_WAITS;
        map->deadline = (int)time_uptime + GIVE_UP_AFTER;
        sc->waiting.waited++;
        TAILQ_INSERT_TAIL(&sc->waiting.queue, map, link);
        again_soon(sc);
    } else if ((int)time_uptime - map->deadline >= 0) {
        sc->waiting.given_up++;
        error = ENOMEM;
    }
    mtx_unlock(&sc->waiting.lock);
    return error;
}

void udmar_wait_ends(struct udmar_map *map)
{
    struct udmar_softc *sc = udmar_port();

    mtx_lock(&sc->waiting.lock);
    if (map->wait == UDMAR_WAITS) {
        TAILQ_REMOVE(&sc->waiting.queue, map, link);
    }
    map->wait = UDMAR_NOT_WAITING;
    mtx_unlock(&sc->waiting.lock);
}

void udmar_wait_cancel(struct udmar_map *map)
{
    struct udmar_softc *sc = udmar_port();

    mtx_lock(&sc->waiting.lock);
    if (map->wait == UDMAR_WAITS) {
        TAILQ_REMOVE(&sc->waiting.queue, map, link);
        map->wait = UDMAR_NOT_WAITING;
    } else if (map->wait == UDMAR_WAIT_RUNS) {
        map->wait = UDMAR_WAIT_CANCELLED; /* busy until the thread has seen it */
    }
    mtx_unlock(&sc->waiting.lock);
}

/* Looks without the lock: whoever begins to wait now is tried again in 10 ms. */
void udmar_wait_wake(void)
{
    struct udmar_softc *sc = udmar_port();

    if (sc != NULL && !TAILQ_EMPTY(&sc->waiting.queue) && !KERNEL_PANICKED()) {
        taskqueue_enqueue(sc->queue, &sc->waiting.task);
    }
}

static struct udmar_map *take_oldest(struct udmar_waiting *waiting)
{
    struct udmar_map *map;

    mtx_lock(&waiting->lock);
    map = TAILQ_FIRST(&waiting->queue);
    if (map != NULL) {
        TAILQ_REMOVE(&waiting->queue, map, link);
        map->wait = UDMAR_WAIT_RUNS;
    }
    mtx_unlock(&waiting->lock);
    return map;
}

/* Puts one that still found nothing back in front. */
static void put_back(struct udmar_waiting *waiting, struct udmar_map *map)
{
    mtx_lock(&waiting->lock);
    if (map->wait == UDMAR_WAIT_RUNS) {
        map->wait = UDMAR_WAITS;
        TAILQ_INSERT_HEAD(&waiting->queue, map, link);
    } else {
        map->wait = UDMAR_NOT_WAITING;
    }
    mtx_unlock(&waiting->lock);
}

/* Returns false when it has to wait on. After the callback the map may be gone. */
static bool run_one(struct udmar_waiting *waiting, struct udmar_map *map)
{
    struct udmar_tag *tag = map->load_tag;
    bus_dma_lock_t *lock = tag->common.lockfunc;
    void *argument = tag->common.lockfuncarg;
    int error = EINPROGRESS;
    bool cancelled;

    (*lock)(argument, BUS_DMA_LOCK);
    mtx_lock(&waiting->lock);
    cancelled = map->wait == UDMAR_WAIT_CANCELLED;
    mtx_unlock(&waiting->lock);
    if (!cancelled) {
        error = bus_dmamap_load_mem((bus_dma_tag_t)tag, (bus_dmamap_t)map, &map->load_memory,
                                    map->callback, map->callback_argument, BUS_DMA_WAITOK);
    }
    if (error == EINPROGRESS) {
        put_back(waiting, map);
    }
    (*lock)(argument, BUS_DMA_UNLOCK);
    return cancelled || error != EINPROGRESS;
}

static void run_waiting(void *context, int pending)
{
    struct udmar_softc *sc = context;
    struct udmar_map *map;

    (void)pending;
    while ((map = take_oldest(&sc->waiting)) != NULL) {
        if (!run_one(&sc->waiting, map)) {
            again_soon(sc);
            return;
        }
    }
}

void udmar_waiting_start(struct udmar_softc *sc)
{
    mtx_init(&sc->waiting.lock, "udmar waiting", NULL, MTX_DEF);
    TAILQ_INIT(&sc->waiting.queue);
    TASK_INIT(&sc->waiting.task, 0, run_waiting, sc);
    TIMEOUT_TASK_INIT(sc->queue, &sc->waiting.retry, 0, run_waiting, sc);
}

void udmar_waiting_stop(struct udmar_softc *sc)
{
    taskqueue_cancel_timeout(sc->queue, &sc->waiting.retry, NULL);
    taskqueue_drain_timeout(sc->queue, &sc->waiting.retry);
    taskqueue_drain(sc->queue, &sc->waiting.task);
    mtx_destroy(&sc->waiting.lock);
}
