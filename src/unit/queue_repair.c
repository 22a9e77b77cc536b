/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Getting a queue going again that hardware has stopped or aborted [VTD 6.5.2].
 *
 * The rule that keeps every waiter whole: whatever hardware did not execute is replaced, in its
 * place or before a wait that covers it, by an invalidation that is at least as wide.
 */
#include "base/text.h"
#include "unit/descriptor.h"
#include "unit/queue.h"

static void write_slot(struct udmar_unit *unit, uint32_t slot, uint64_t low, uint64_t high)
    UDMAR_REQUIRES(unit->queue.lock)
{
    UDMAR_ASSERT(slot < unit->queue.slots);
    unit->queue.descriptors[2 * slot] = low;
    unit->queue.descriptors[2 * slot + 1] = high;
}

/*
 * IQE: hardware stands at a descriptor that it will not execute. What follows it is still to come,
 * so the replacement goes into the same slot and the order stays what it was.
 */
static void replace_refused(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    struct udmar__queue *queue = &unit->queue;
    uint32_t head = udmar__read32(unit, REG_IQH);
    uint32_t slot = (head >> 4) & (queue->slots - 1);
    uint64_t low = queue->descriptors[2 * slot];
    uint64_t high = queue->descriptors[2 * slot + 1];
    struct udmar__request wide;

    if (head == UINT32_MAX) {
        return;
    }

    udmar__log(unit->host, UDMAR_LOG_ERROR,
               "unit %u: refused descriptor %016llx %016llx in slot %u (info %x); replaced by a "
               "wider one",
               unit->index, (unsigned long long)high, (unsigned long long)low, (unsigned)slot,
               (unsigned)udmar__read32(unit, REG_IQERCD) & 0xf);
    if (queue->repaired_slot == slot && queue->repaired_issued == queue->issued) {
        /* Our replacement was refused as well: the queue cannot be trusted any more. */
        __atomic_store_n(&queue->state, QUEUE_FAILED, __ATOMIC_RELAXED);
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: the invalidation queue is dead: it refuses what replaces a request",
                   unit->index);
        return;
    }
    queue->repaired_slot = slot;
    queue->repaired_issued = queue->issued;
    switch (DESC_TYPE(low)) {
    case DESC_WAIT:
        /* Only our own numbers may reach the status word; the data field is kept. */
        udmar__wait_descriptor_write(&queue->descriptors[2 * slot], queue,
                                     low >> DESC_WAIT_DATA_SHIFT);
        return;
    case DESC_CONTEXT:
        wide = udmar__context_request(GRAN_GLOBAL, 0, 0);
        break;
    case DESC_INTERRUPT:
        wide = udmar__interrupt_request_all();
        break;
    default:
        wide = udmar__iotlb_request(unit, GRAN_GLOBAL, 0, 0, 0, false);
    }
    write_slot(unit, slot, wide.low, wide.high);
}

/*
 * ITE and ICE: hardware goes on, but the waits that were pending are lost and it is not said which
 * requests were executed. Everything is invalidated once more, and one wait with a newer number
 * covers all of them.
 */
static void cover_aborted(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    struct udmar__request context = udmar__context_request(GRAN_GLOBAL, 0, 0);
    struct udmar__request iotlb = udmar__iotlb_request(unit, GRAN_GLOBAL, 0, 0, 0, false);

    if (unit->facts.interrupt_remap && (udmar__remaps(unit) || unit->kept != 0)) {
        struct udmar__request interrupts = udmar__interrupt_request_all();

        udmar__queue_put(unit, interrupts.low, interrupts.high);
    }
    udmar__queue_put(unit, context.low, context.high);
    udmar__queue_put(unit, iotlb.low, iotlb.high);
    udmar__queue_put_wait(unit);
}

/* Only what the reserve has room for. */
static bool room_to_cover(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    struct udmar__queue *queue = &unit->queue;

    return udmar__queue_look(unit) && ((queue->head - queue->tail - 1) & (queue->slots - 1)) >= 4;
}

/* Without room now, the hardware must go on first: the next look comes back to it. */
static void pay_cover(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    if (unit->queue.owes_cover && room_to_cover(unit)) {
        __atomic_store_n(&unit->queue.owes_cover, false, __ATOMIC_RELAXED);
        cover_aborted(unit);
    }
}

static void repair_queue(struct udmar_unit *unit, uint32_t errors) UDMAR_REQUIRES(unit->queue.lock)
{
    struct udmar__queue *queue = &unit->queue;
    uint64_t info = udmar__read64(unit, REG_IQERCD);
    uint32_t aborted = errors & (FSTS_ITE | FSTS_ICE);

    UDMAR__ASSERT_HELD(&queue->lock);
    UDMAR_ASSERT(queue->state != QUEUE_OFF);
    unit->counts.queue_errors++;
    if ((errors & FSTS_IQE) != 0 && queue->state == QUEUE_RUNNING) {
        replace_refused(unit);
    }
    if (queue->state != QUEUE_RUNNING) {
        /*
         * Nothing more is to be executed; an error that stayed, also one that a device causes
         * later, would keep fault events away.
         */
        udmar__write32(unit, REG_IQT, udmar__read32(unit, REG_IQH));
        udmar__write32(unit, REG_FSTS, errors);
        return;
    }
    /* Exactly the bits that are dealt with: the others belong to other callers. */
    udmar__write32(unit, REG_FSTS, errors);
    if (aborted != 0) {
        __atomic_store_n(&queue->owes_cover, true, __ATOMIC_RELAXED);
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: %s (source id %04x); everything is invalidated once more", unit->index,
                   aborted & FSTS_ITE ? "a device did not answer an invalidation"
                                      : "a device sent an unexpected completion",
                   (unsigned)(aborted & FSTS_ITE ? UDMAR__FIELD(info, 47, 32)
                                                 : UDMAR__FIELD(info, 63, 48)));
    }
    pay_cover(unit);
    /* A stopped queue starts again with a write of the tail. */
    udmar__queue_ring(unit);
}

void udmar__queue_service(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uint32_t errors = udmar__read32(unit, REG_FSTS);
    uintptr_t state;

    if (errors == UINT32_MAX ||
        ((errors & FSTS_QUEUE) == 0 && !__atomic_load_n(&queue->owes_cover, __ATOMIC_RELAXED))) {
        return;
    }
    state = udmar__lock(unit->host, &unit->queue.lock);
    /* Another thread may have been faster. */
    errors = udmar__read32(unit, REG_FSTS);
    errors = errors == UINT32_MAX ? 0 : errors & FSTS_QUEUE;
    if (errors != 0 && queue->state != QUEUE_OFF) {
        repair_queue(unit, errors);
    } else if (queue->owes_cover && queue->state == QUEUE_RUNNING) {
        pay_cover(unit);
        udmar__queue_ring(unit);
    }
    udmar__unlock(unit->host, &unit->queue.lock, state);
    if (udmar__queue_state(queue) == QUEUE_FAILED) {
        udmar__queue_leave(unit);
    }
}
