/* SPDX-License-Identifier: BSD-2-Clause */
/* What the queue and its repair share. */
#ifndef UDMAR_UNIT_QUEUE_H
#define UDMAR_UNIT_QUEUE_H

#include "unit/unit.h"

/* Slots kept free for a repair: two invalidations and a wait, and one to spare. */
#define QUEUE_RESERVE 4u

void udmar__queue_put(struct udmar_unit *unit, uint64_t low, uint64_t high)
    UDMAR_REQUIRES(unit->queue.lock);
void udmar__queue_put_wait(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock);
void udmar__queue_ring(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock);

#endif
