/* SPDX-License-Identifier: BSD-2-Clause */
/* The invalidation queue: descriptors, tickets, waits that many callers share [VTD 6.5.2]. */
#include "unit/descriptor.h"
#include "unit/queue.h"
#include "unit/unit.h"

/* One slot always stays empty, and a few are kept back so that a repair finds room. */
static uint32_t free_slots(const struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    const struct udmar__queue *queue = &unit->queue;

    return ((queue->head - queue->tail - 1) & (queue->slots - 1)) - QUEUE_RESERVE;
}

bool udmar__queue_look(struct udmar_unit *unit)
{
    uint32_t head = udmar__read32(unit, REG_IQH);

    if (head == UINT32_MAX) {
        return false;
    }
    unit->queue.head = (head >> 4) & (unit->queue.slots - 1);
    return true;
}

static bool has_room(struct udmar_unit *unit, uint32_t wanted) UDMAR_REQUIRES(unit->queue.lock)
{
    if ((int32_t)free_slots(unit) >= (int32_t)wanted) {
        return true;
    }
    /* IQH costs a register read, so it is looked at only when our memory of it says full. */
    return udmar__queue_look(unit) && (int32_t)free_slots(unit) >= (int32_t)wanted;
}

/* The next free slot, which is taken from here on. */
static volatile uint64_t *next_slot(struct udmar__queue *queue)
{
    volatile uint64_t *slot = &queue->descriptors[2 * queue->tail];

    UDMAR__ASSERT_HELD(&queue->lock);
    UDMAR_ASSERT(queue->tail < queue->slots);
    queue->tail = (queue->tail + 1) & (queue->slots - 1);
    return slot;
}

void udmar__queue_put(struct udmar_unit *unit, uint64_t low, uint64_t high)
{
    volatile uint64_t *slot = next_slot(&unit->queue);

    slot[0] = low;
    slot[1] = high;
}

void udmar__queue_put_wait(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;

    queue->issued++;
    __atomic_store_n(&queue->issued_low, (uint32_t)queue->issued, __ATOMIC_RELAXED);
    udmar__wait_descriptor_write(next_slot(queue), queue, queue->issued);
}

void udmar__queue_ring(struct udmar_unit *unit)
{
    /* Bits 31:0 hold the whole tail; the other half of the register stays zero. */
    udmar__write32(unit, REG_IQT, unit->queue.tail << 4);
}

/* Writes requests, and a wait behind them if wanted, and tells the hardware. There is room. */
static inline void put_batch(struct udmar_unit *unit, const struct udmar__request *requests,
                             unsigned count, bool with_wait, uint64_t *out_ticket)
    UDMAR_REQUIRES(unit->queue.lock)
{
    UDMAR__ASSERT_HELD(&unit->queue.lock);
    UDMAR_ASSERT(count + (with_wait ? 1u : 0u) <= free_slots(unit) + QUEUE_RESERVE);
    for (unsigned i = 0; i < count; i++) {
        if (DESC_TYPE(requests[i].low) == DESC_IOTLB) {
            udmar__count_iotlb(&unit->counts);
        } else {
            unit->counts.context_requests++;
        }
        udmar__queue_put(unit, requests[i].low, requests[i].high);
    }
    if (with_wait) {
        udmar__queue_put_wait(unit);
    }
    *out_ticket = unit->queue.issued + (with_wait ? 0 : 1);
    udmar__queue_ring(unit);
}

enum udmar_status udmar__queue_submit(struct udmar_unit *unit,
                                      const struct udmar__request *requests, unsigned count,
                                      bool with_wait, uint64_t *out_ticket)
{
    struct udmar__queue *queue = &unit->queue;
    uint64_t deadline = 0;

    UDMAR_ASSERT(count > 0 || with_wait);
    for (;;) {
        uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);

        if (queue->state != QUEUE_RUNNING) {
            udmar__unlock(unit->host, &unit->queue.lock, state);
            return UDMAR_ERR_QUEUE;
        }
        if (has_room(unit, count + 1)) {
            put_batch(unit, requests, count, with_wait, out_ticket);
            udmar__unlock(unit->host, &unit->queue.lock, state);
            return UDMAR_OK;
        }
        unit->counts.queue_full++;
        udmar__unlock(unit->host, &unit->queue.lock, state);

        /* Room comes as hardware proceeds; nobody holds the lock meanwhile. */
        udmar__queue_service(unit);
        if (deadline == 0) {
            deadline = udmar_host_time_ns(unit->host) + unit->timeout_ns;
        } else if (udmar_host_time_ns(unit->host) >= deadline) {
            udmar__count_timeout(&unit->counts);
            return UDMAR_ERR_TIMEOUT;
        }
    }
}

bool udmar__queue_done(struct udmar_unit *unit, uint64_t ticket)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);
    uint32_t written = __atomic_load_n(queue->status, __ATOMIC_ACQUIRE);
    /* Tickets may be very old: compare in 64 bits, made of what was issued. */
    uint64_t completed = queue->issued - (uint32_t)((uint32_t)queue->issued - written);
    bool done = ticket <= completed;

    udmar__unlock(unit->host, &unit->queue.lock, state);
    return done;
}

/* Is a wait with this number or a later one on its way? */
static bool is_covered(const struct udmar__queue *queue, uint64_t ticket)
{
    uint32_t issued = __atomic_load_n(&queue->issued_low, __ATOMIC_RELAXED);

    return (int32_t)(issued - (uint32_t)ticket) >= 0;
}

bool udmar__queue_offer(struct udmar_unit *unit, const struct udmar__request *request,
                        uint64_t *out_ticket)
{
    uintptr_t state;

    *out_ticket = 0;
    if (!udmar__uses_queue(unit)) {
        return false;
    }
    *out_ticket = udmar__queue_put_one(unit, request->low, request->high, false);
    if (*out_ticket == 0) {
        /* Perhaps only our memory of IQH says full, and on an idle unit nobody else would look. */
        state = udmar__lock(unit->host, &unit->queue.lock);
        (void)(unit->queue.state == QUEUE_RUNNING && has_room(unit, 2));
        udmar__unlock(unit->host, &unit->queue.lock, state);
        *out_ticket = udmar__queue_put_one(unit, request->low, request->high, false);
    }
    return *out_ticket != 0;
}

enum udmar_status udmar__queue_execute_slow_path(struct udmar_unit *unit, uint64_t low,
                                                 uint64_t high, uint64_t ticket, bool wait,
                                                 uint64_t *out_ticket)
{
    const struct udmar__request request = { .low = low, .high = high };
    enum udmar_status status;

    if (ticket == 0) {
        return udmar__invalidate(unit, &request, 1, wait, out_ticket);
    }
    status = udmar__invalidate_wait(unit, ticket);
    *out_ticket = status == UDMAR_OK ? 0 : ticket;
    return status;
}

enum udmar_status udmar__queue_complete_slow_path(struct udmar_unit *unit, uint64_t low,
                                                  uint64_t high, uint64_t ticket)
{
    return udmar__queue_execute_slow_path(unit, low, high, ticket, true, &ticket);
}

/*
 * Makes sure that a wait descriptor with this number or a later one is on its way, unless another
 * one is: then nothing is done, and the caller comes back when it is complete.
 */
static enum udmar_status ensure_wait(struct udmar_unit *unit, uint64_t ticket)
{
    struct udmar__queue *queue = &unit->queue;
    enum udmar_status status = UDMAR_OK;
    bool full = false;
    uint64_t unused;
    uintptr_t state;

    if (is_covered(queue, ticket) || !udmar__queue_idle(queue)) {
        return UDMAR_OK;
    }
    state = udmar__lock(unit->host, &unit->queue.lock);
    UDMAR_ASSERT(ticket <= queue->issued + 1); /* nobody waits for a ticket of the future */
    if (ticket > queue->issued && udmar__queue_idle(queue)) {
        full = queue->state != QUEUE_RUNNING || (int32_t)free_slots(unit) < 1;
        if (!full) {
            put_batch(unit, NULL, 0, true, &unused);
        }
    }
    udmar__unlock(unit->host, &unit->queue.lock, state);
    if (full) {
        status = udmar__queue_submit(unit, NULL, 0, true, &unused);
    }
    return status;
}

enum udmar_status udmar__queue_wait(struct udmar_unit *unit, uint64_t ticket)
{
    struct udmar__queue *queue = &unit->queue;
    uint64_t deadline = 0;
    bool late = false;

    /*
     * A ticket from before 2^31 waits could look open here; the caller pays with one wait more for
     * it and never gets a false yes, since nobody waits for tickets of the future.
     */
    for (unsigned turn = 1; !udmar__queue_reached(queue, ticket); turn++) {
        enum udmar_status status = ensure_wait(unit, ticket);
        uint64_t now;

        if (status != UDMAR_OK) {
            return status;
        }
        if (udmar__queue_reached(queue, ticket)) {
            break;
        }
        if (turn % 16 == 0) {
            if (udmar__queue_done(unit, ticket)) {
                break;
            }
            udmar__queue_service(unit);
        }
        if (udmar__queue_state(queue) != QUEUE_RUNNING) {
            return udmar__queue_reached(queue, ticket) ? UDMAR_OK : UDMAR_ERR_QUEUE;
        }
        if (late) {
            udmar__count_timeout(&unit->counts);
            return udmar__queue_late(unit) ? UDMAR_ERR_QUEUE : UDMAR_ERR_TIMEOUT;
        }
        now = udmar_host_time_ns(unit->host);
        deadline = deadline == 0 ? now + unit->timeout_ns : deadline;
        late = now >= deadline;
        if (late) {
            /* The last chance: perhaps an error has stopped the queue. */
            udmar__queue_service(unit);
        }
    }
    return UDMAR_OK;
}
