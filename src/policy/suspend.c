/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleep: memory stays, registers may be lost, kept, or found as firmware wants them.
 *
 * What waits is ended and the queues are switched off before, while translation stays on. So resume
 * has one way for all that it may find, and it is that of start, with the memory that is there:
 * nothing is allocated, and no unit is without a table that it was found with.
 */
#include "base/text.h"
#include "policy/instance.h"

enum udmar_status udmar_suspend(struct udmar *instance, enum udmar_meanwhile meanwhile)
{
    enum udmar_status result = UDMAR_OK;

    if (instance == NULL ||
        (meanwhile != UDMAR_MEANWHILE_FAIL && meanwhile != UDMAR_MEANWHILE_WAIT)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!instance->started || instance->suspended) {
        return UDMAR_ERR_ORDER;
    }
    instance->suspended = true;
    udmar__flush_deferred(instance);
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        enum udmar_status status;

        if (udmar__unit_record_failed(record)) {
            continue;
        }
        status = udmar__unit_sleep(record->unit,
                                   meanwhile == UDMAR_MEANWHILE_WAIT ? SLEEP_HOLDS : SLEEP_REFUSES);
        if (status != UDMAR_OK) {
            udmar__log(instance->host, UDMAR_LOG_ERROR,
                       "unit %u: it has not confirmed before the suspend (%s) what was unmapped: "
                       "until its registers are lost devices may reach that",
                       record->unit->index, udmar_status_string(status));
            result = result == UDMAR_OK ? status : result;
        }
        /* Records go with the registers. */
        (void)udmar__fault_service(instance, record->unit);
    }
    udmar__log(instance->host, UDMAR_LOG_INFO, "suspended: %u units are not asked until resume",
               udmar__running_units(instance));
    return result;
}

/* ---- Resume ------------------------------------------------------------------------------------
 */

static enum udmar_status look_at_unit(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint32_t status = udmar__unit_adopt_state(unit);
    bool ours = status != UINT32_MAX && (status & GCMD_TE) != 0 &&
                (udmar__read64(unit, REG_RTADDR) & ~RTADDR_TTM_MASK) == unit->root.physical;

    if (status == UINT32_MAX) {
        return UDMAR_ERR_ALL_ONES;
    }
    udmar__log(instance->host, UDMAR_LOG_INFO, "unit %u: after the suspend %s", unit->index,
               ours                              ? "it has its registers still"
               : (status & GCMD_TE) != 0         ? "firmware has translation on, with its tables"
               : (status & GCMD_PERSISTENT) != 0 ? "firmware has left something on"
                                                 : "its registers are lost");
    /*
     * With another table in force it knows nothing of ours, and it may be of a format in which our
     * queue's descriptors are wrong: it is asked only after ours is in force again.
     */
    if (!ours) {
        udmar__note_tables(unit, false);
    }
    /* Faults that are not under our tables were caused by firmware. */
    __atomic_store_n(&instance->taking_over, !ours, __ATOMIC_RELAXED);
    (void)udmar__fault_service(instance, unit);
    __atomic_store_n(&instance->taking_over, false, __ATOMIC_RELAXED);
    return UDMAR_OK;
}

static enum udmar_status restart_queue(struct udmar *instance, struct udmar__unit_record *record)
{
    if (record->unit->queue.memory.physical == 0) {
        udmar__unit_wake(record->unit);
        return UDMAR_OK;
    }
    udmar__queue_rewind(record->unit);
    return udmar__switch_queue_on(instance, record);
}

static enum udmar_status rearm_faults(struct udmar *instance, struct udmar__unit_record *record)
{
    (void)instance;
    udmar__fault_rearm(record->unit);
    return UDMAR_OK;
}

enum udmar_status udmar_resume(struct udmar *instance)
{
    static const struct udmar__step steps[] = {
        { "reading its state after a suspend", look_at_unit },
        { "stopping translation in a foreign format", udmar__stop_foreign_translation },
        { "stopping the queue that firmware left on", udmar__stop_old_queue },
        { "starting the invalidation queue again", restart_queue },
        { "setting the root table again", udmar__hand_over_root },
        { "switching interrupt remapping on again", udmar__interrupts_resume },
        { "stopping the fault log that firmware left on", udmar__stop_fault_log },
        { "programming the fault event again", rearm_faults },
        { "switching translation on again", udmar__enable_unit },
        { "opening protected memory regions again", udmar__open_protected_regions },
    };
    enum udmar_status status;

    if (instance == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!instance->suspended) {
        return UDMAR_ERR_ORDER;
    }
    status = udmar__take_steps(instance, steps, sizeof(steps) / sizeof(steps[0]));
    udmar__take_over_left_out(instance);
    instance->suspended = false;
    instance->started = udmar__running_units(instance) > 0;
    udmar__devices_retry_unconfirmed(instance);
    return instance->started ? status : UDMAR_ERR_NO_UNIT;
}
