/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One unit that sleeps: it is not asked for anything, because its registers may be gone at any
 * moment, and nobody waits for an answer that can not come.
 */
#include "unit/queue.h"
#include "unit/unit.h"

/* Whoever has given a command by register is done with it when this has the lock. */
static void note_sleep(struct udmar_unit *unit, enum udmar__sleep how)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    __atomic_store_n(&unit->sleep, how, __ATOMIC_RELEASE);
    udmar__unlock(unit->host, &unit->lock, state);
}

enum udmar_status udmar__unit_sleep(struct udmar_unit *unit, enum udmar__sleep how)
{
    /* What was unmapped and not asked for yet, in deferred mode, is covered by this. */
    enum udmar_status status = udmar__invalidate_all(unit);
    enum udmar_status closed;

    note_sleep(unit, how);
    closed = udmar__queue_close(unit);
    return status == UDMAR_OK ? closed : status;
}

void udmar__unit_wake(struct udmar_unit *unit)
{
    if (udmar__sleeps(unit)) {
        note_sleep(unit, SLEEP_NONE);
    }
}

bool udmar__await_wake(struct udmar_unit *unit)
{
    uint64_t deadline;

    if (!udmar__sleeps(unit)) {
        return true;
    }
    if (__atomic_load_n(&unit->sleep, __ATOMIC_RELAXED) == SLEEP_REFUSES) {
        return false;
    }
    deadline = udmar_host_time_ns(unit->host) + unit->timeout_ns;
    while (udmar__sleeps(unit) && udmar_host_time_ns(unit->host) < deadline) {
    }
    return !udmar__sleeps(unit);
}
