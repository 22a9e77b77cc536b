/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the queue and its repair share, and the one invalidation of every unload, which callers that
 * count instructions have in line.
 */
#ifndef UDMAR_UNIT_QUEUE_H
#define UDMAR_UNIT_QUEUE_H

#include "unit/descriptor.h"
#include "unit/unit.h"

/* Slots kept free for a repair: three invalidations and a wait, and one to spare. */
#define QUEUE_RESERVE 5u

void udmar__queue_put(struct udmar_unit *unit, uint64_t low, uint64_t high)
    UDMAR_REQUIRES(unit->queue.lock);
void udmar__queue_put_wait(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock);
void udmar__queue_ring(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock);
/* Reads IQH into `head`; false: the unit is not there. */
bool udmar__queue_look(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock);
/*
 * A wait has timed out. True: nothing has moved for so long that the queue has failed, and
 * registers were tried in its place. Without its lock.
 */
bool udmar__queue_late(struct udmar_unit *unit);

#ifdef UDMAR_DEBUG
/* ---- queue_invariants.c: null, or what is wrong, in words; takes the queue's lock ---- */
const char *udmar__queue_check(struct udmar_unit *unit);
#endif

/* For comparison, ./bench host compiles the library with a wait for each request. */
#ifdef UDMAR_ONE_WAIT_EACH
#define QUEUE_SHARES_WAITS false
#else
#define QUEUE_SHARES_WAITS true
#endif

/* Has hardware come to the last wait descriptor? */
static inline bool udmar__queue_idle(const struct udmar__queue *queue)
{
    return __atomic_load_n(queue->status, __ATOMIC_ACQUIRE) ==
           __atomic_load_n(&queue->issued_low, __ATOMIC_RELAXED);
}

/* Right for tickets that are less than 2^31 waits old: those that a thread is waiting for. */
static inline bool udmar__queue_reached(const struct udmar__queue *queue, uint64_t ticket)
{
    uint32_t written = __atomic_load_n(queue->status, __ATOMIC_ACQUIRE);

    return (int32_t)(written - (uint32_t)ticket) >= 0;
}

/*
 * Writes one request where there is room at once. A wait of its own only while no other is on its
 * way: who comes during one shares the next, which whoever sees the first complete asks for.
 * Every unload comes through here, so this is put_batch() for one request, in one piece. Returns
 * the ticket; 0: there is no room, or the queue takes nothing.
 */
static inline __attribute__((__always_inline__)) uint64_t
udmar__queue_put_one(struct udmar_unit *unit, uint64_t low, uint64_t high, bool wait)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);
    uint32_t mask = queue->slots - 1;
    uint32_t tail = queue->tail;
    uint64_t ticket = queue->issued + 1;
    volatile uint64_t *slot;

    if (ticket == 0) {
        __builtin_unreachable(); /* 2^64 waits */
    }
    if (UDMAR__UNLIKELY(queue->state != QUEUE_RUNNING ||
                        ((queue->head - tail - 1) & mask) < QUEUE_RESERVE + 2)) {
        udmar__unlock(unit->host, &unit->queue.lock, state);
        return 0;
    }
    UDMAR_ASSERT(tail < queue->slots && queue->head < queue->slots);
    udmar__count_iotlb(&unit->counts);
    slot = &queue->descriptors[2 * tail];
    slot[0] = low;
    slot[1] = high;
    tail = (tail + 1) & mask;
    if (wait && (!QUEUE_SHARES_WAITS || udmar__queue_idle(queue))) {
        udmar__wait_descriptor_write(&queue->descriptors[2 * tail], queue, ticket);
        tail = (tail + 1) & mask;
        queue->issued = ticket;
        __atomic_store_n(&queue->issued_low, (uint32_t)ticket, __ATOMIC_RELAXED);
    }
    queue->tail = tail;
    udmar_host_mmio_write32(unit->host, unit->registers, REG_IQT, tail << 4);
    udmar__unlock(unit->host, &unit->queue.lock, state);
    return ticket;
}

/*
 * The ways that are hardly ever taken: a full queue, hardware that is not done yet, and a queue
 * that is not there any more. @ticket: of udmar__queue_put_one().
 */
enum udmar_status udmar__queue_execute_slow_path(struct udmar_unit *unit, uint64_t low,
                                                 uint64_t high, uint64_t ticket, bool wait,
                                                 uint64_t *out_ticket);
/* udmar__queue_execute_slow_path() of who waits, and wants no ticket. */
enum udmar_status udmar__queue_complete_slow_path(struct udmar_unit *unit, uint64_t low,
                                                  uint64_t high, uint64_t ticket);

/* One request, and until it is complete. */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__queue_complete(struct udmar_unit *unit, uint64_t low, uint64_t high)
{
    uint64_t ticket = udmar__queue_put_one(unit, low, high, true);

    if (UDMAR__UNLIKELY(ticket == 0 || !udmar__queue_reached(&unit->queue, ticket))) {
        return udmar__queue_complete_slow_path(unit, low, high, ticket);
    }
    return UDMAR_OK;
}

/* udmar__invalidate() for one IOTLB request, which is every unload: without a call in between. */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__queue_execute_inline(struct udmar_unit *unit, const struct udmar__request *request,
                            bool wait, uint64_t *out_ticket)
{
    uint64_t ticket = udmar__queue_put_one(unit, request->low, request->high, wait);

    if (UDMAR__UNLIKELY(ticket == 0 || (wait && !udmar__queue_reached(&unit->queue, ticket)))) {
        return udmar__queue_execute_slow_path(unit, request->low, request->high, ticket, wait,
                                              out_ticket);
    }
    *out_ticket = wait ? 0 : ticket;
    return UDMAR_OK;
}

#endif
