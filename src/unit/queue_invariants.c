/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of an invalidation queue at any time (docs/DESIGN.md, section 20). */
#include "unit/queue.h"

#ifdef UDMAR_DEBUG

static const char *check_ring(const struct udmar__queue *queue)
{
    if (queue->slots != 256 * queue->pages || !udmar__is_power_of_two(queue->slots)) {
        return "a ring's slots are not its pages'";
    }
    if (queue->head >= queue->slots || queue->tail >= queue->slots) {
        return "head or tail is outside of the ring";
    }
    if (queue->issued_low != (uint32_t)queue->issued) {
        return "the two numbers of the last wait differ";
    }
    return (int32_t)(queue->issued_low - __atomic_load_n(queue->status, __ATOMIC_ACQUIRE)) < 0
               ? "hardware has written a number that was not issued"
               : NULL;
}

const char *udmar__queue_check(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &queue->lock);
    const char *wrong = NULL;

    if (queue->state > QUEUE_LEAVING) {
        wrong = "a queue has no such state";
    } else if (queue->memory.physical != 0) {
        wrong = check_ring(queue);
    } else if (queue->state == QUEUE_RUNNING) {
        wrong = "a queue runs without a ring";
    }
    udmar__unlock(unit->host, &queue->lock, state);
    return wrong;
}

#endif
