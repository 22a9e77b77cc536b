/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what firmware left to translation under our tables, and off again.
 *
 * Each step is done for all units before the next one begins: chipsets of the X58 kind hang when a
 * root table is set on one unit before the queue runs on every other.
 */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"

static void fault_interrupt(void *argument)
{
    struct udmar__unit_record *record = argument;

    (void)udmar__fault_service(record->instance, record->unit);
}

static enum udmar_status look_at_leftovers(struct udmar *instance,
                                           struct udmar__unit_record *record)
{
    uint32_t status = udmar__unit_adopt_state(record->unit);

    if (status == UINT32_MAX) {
        return UDMAR_ERR_ALL_ONES;
    }
    if (status & (GCMD_TE | GCMD_QIE | GCMD_IRE | GCMD_EAFL)) {
        udmar__log(instance->host, UDMAR_LOG_INFO, "unit %u: firmware left on:%s%s%s%s",
                   record->unit->index, status & GCMD_TE ? " translation" : "",
                   status & GCMD_QIE ? " queue" : "",
                   status & GCMD_IRE ? " interrupt remapping" : "",
                   status & GCMD_EAFL ? " fault log in memory" : "");
    }
    udmar__note_host_queue(record);
    udmar__fault_event(record->unit, 0, 0);
    (void)udmar__fault_service(instance, record->unit);
    return UDMAR_OK;
}

/* A device that an RMRR names: it may do DMA whether a driver ever comes or not. */
static void attach_rmrr_device(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    struct udmar_device *device = udmar_device_find(instance, segment, rid);
    enum udmar_status status = UDMAR_OK;

    if (device == NULL || device->rid != rid) {
        status = udmar__device_add(instance, segment, rid, &device);
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "device %04x:%02x:%02x.%u uses memory reserved by firmware (RMRR) and will lose "
                   "it: %s",
                   segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid),
                   udmar_status_string(status));
    }
}

enum udmar_status udmar__stop_old_queue(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    enum udmar_status status = UDMAR_OK;

    (void)instance;
    /* Ours, from a stop or a start that failed, may be off by now: to be said once more. */
    if ((udmar__unit_commands(unit) & GCMD_QIE) != 0 ||
        udmar__queue_state(&unit->queue) != QUEUE_OFF) {
        status = udmar__queue_stop(unit);
    } else if (unit->facts.queued) {
        /* An old error would stop our queue before its first descriptor. */
        udmar__write32(unit, REG_FSTS, FSTS_QUEUE);
    }
    return status;
}

static enum udmar_status replace_old_queue(struct udmar *instance,
                                           struct udmar__unit_record *record)
{
    enum udmar_status status = udmar__stop_old_queue(instance, record);

    udmar__queue_drop(record->unit);
    return status;
}

/* @status: why it does not run. */
static enum udmar_status do_without_queue(struct udmar_unit *unit, enum udmar_status status)
{
    if (!unit->facts.registers) {
        return status;
    }
    udmar__log(unit->host, UDMAR_LOG_WARN,
               "unit %u: the invalidation queue does not start (%s); registers are used",
               unit->index, udmar_status_string(status));
    /* Where there was no memory it has not been switched on. */
    status = udmar__queue_state(&unit->queue) == QUEUE_OFF ? UDMAR_OK : udmar__queue_stop(unit);
    udmar__queue_drop(unit);
    return status;
}

enum udmar_status udmar__switch_queue_on(struct udmar *instance, struct udmar__unit_record *record)
{
    enum udmar_status status = udmar__queue_start(record->unit);

    (void)instance;
    return status == UDMAR_OK ? status : do_without_queue(record->unit, status);
}

static enum udmar_status start_queue(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    enum udmar_status status;

    if (!unit->facts.queued || (!instance->tunables.queue && unit->facts.registers &&
                                !udmar__interrupts_are_kept(record))) {
        return UDMAR_OK;
    }
    status = udmar__queue_create(unit, instance->tunables.queue_size);
    return status == UDMAR_OK ? udmar__switch_queue_on(instance, record)
                              : do_without_queue(unit, status);
}

/* What attached devices are to reach, before the unit is given a root table that leads there. */
static enum udmar_status write_contexts(struct udmar *instance, struct udmar__unit_record *record)
{
    (void)instance;
    return udmar__devices_sync_contexts(record);
}

enum udmar_status udmar__hand_over_root(struct udmar *instance, struct udmar__unit_record *record)
{
    (void)instance;
    return udmar__root_activate(record->unit);
}

static enum udmar_status arm_faults(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint64_t address = 0;
    uint32_t data = 0;

    unit->interrupt =
        udmar_host_interrupt_alloc(instance->host, fault_interrupt, record, &address, &data);
    if (unit->interrupt == NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: no interrupt for faults: they are seen only when polled", unit->index);
        address = 0;
    }
    udmar__fault_event(unit, address, data);
    return UDMAR_OK;
}

enum udmar_status udmar__enable_unit(struct udmar *instance, struct udmar__unit_record *record)
{
    enum udmar_status status = udmar__command(record->unit, GCMD_TE, true);

    if (status == UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_INFO,
                   "unit %u: translation is on, invalidation by %s, %s", record->unit->index,
                   udmar__uses_queue(record->unit) ? "queue" : "registers",
                   instance->tunables.strict ? "strict" : "deferred");
    }
    return status;
}

static void set_failed(struct udmar__unit_record *record, bool failed)
{
    __atomic_store_n(&record->failed, failed, __ATOMIC_RELAXED);
}

/* A queue that is of no use any more goes where the unit shows that it still takes commands. */
static void retire_unit(struct udmar_unit *unit, uint32_t state)
{
    if (state == UINT32_MAX || (state & GCMD_PERSISTENT) != udmar__unit_commands(unit)) {
        return;
    }
    if (udmar__queue_state(&unit->queue) != QUEUE_OFF) {
        (void)udmar__queue_stop(unit);
    }
    udmar__queue_drop(unit);
}

static void disarm_faults(struct udmar_unit *unit)
{
    udmar__fault_event(unit, 0, 0);
    if (unit->interrupt != NULL) {
        udmar_host_interrupt_free(unit->host, unit->interrupt);
        unit->interrupt = NULL;
    }
}

/* A unit that did not obey is left out; what it does with DMA is said, not guessed. */
static void give_up(struct udmar *instance, struct udmar__unit_record *record, const char *step,
                    enum udmar_status status)
{
    struct udmar_unit *unit = record->unit;
    uint32_t state;

    udmar__unit_wake(unit);
    udmar__interrupts_give_up(record);
    state = udmar__read32(unit, REG_GSTS);
    set_failed(record, true);
    disarm_faults(unit);
    if (state != UINT32_MAX && ((state | udmar__unit_commands(unit)) & GCMD_TE) == 0) {
        /* It does not translate: it has no use for our tables. */
        udmar__forget_root(unit);
    }
    udmar__log(instance->host, UDMAR_LOG_ERROR,
               "unit %u is left out: %s failed (%s); DMA of its devices is %s", unit->index, step,
               udmar_status_string(status),
               state == UINT32_MAX ? "in an unknown state"
               : state & GCMD_TE   ? "blocked or still under firmware's tables"
                                   : "not restricted");
    udmar__devices_abandon(record);
    retire_unit(unit, state);
    udmar__give_back_host_queue(record);
}

static enum udmar_status take_step(struct udmar *instance, const struct udmar__step *step)
{
    enum udmar_status result = UDMAR_OK;

    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (!udmar__unit_record_failed(record)) {
            enum udmar_status status = step->step(instance, record);

            if (status != UDMAR_OK) {
                give_up(instance, record, step->name, status);
                result = result == UDMAR_OK ? status : result;
            }
        }
    }
    return result;
}

enum udmar_status udmar__take_steps(struct udmar *instance, const struct udmar__step *steps,
                                    unsigned count)
{
    enum udmar_status result = UDMAR_OK;

    for (unsigned i = 0; i < count; i++) {
        enum udmar_status status = take_step(instance, &steps[i]);

        result = result == UDMAR_OK ? status : result;
    }
    return result;
}

unsigned udmar__running_units(const struct udmar *instance)
{
    unsigned count = 0;

    for (const struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        count += !udmar__unit_record_failed(record);
    }
    return count;
}

enum udmar_status udmar_start(struct udmar *instance)
{
    static const struct udmar__step look = { "reading its state", look_at_leftovers };
    static const struct udmar__step steps[] = {
        { "stopping translation in a foreign format", udmar__stop_foreign_translation },
        { "stopping the queue that firmware left on", replace_old_queue },
        { "starting the invalidation queue", start_queue },
        { "writing contexts", write_contexts },
        { "setting the root table", udmar__hand_over_root },
        { "switching interrupt remapping", udmar__interrupts_start },
        { "stopping the fault log that firmware left on", udmar__stop_fault_log },
        { "programming the fault event", arm_faults },
        { "switching translation on", udmar__enable_unit },
        { "opening protected memory regions", udmar__open_protected_regions },
    };

    if (instance == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!instance->tunables.enable) {
        udmar__log(instance->host, UDMAR_LOG_INFO,
                   "DMA remapping is off: every device reaches all memory (hw.dmar.enable=1 "
                   "switches it on)");
        return UDMAR_ERR_DISABLED;
    }
    if (instance->started) {
        return UDMAR_ERR_ORDER;
    }
    /* Whoever failed the last time gets another chance. */
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        set_failed(record, false);
    }
    udmar__devices_retry(instance);
    __atomic_store_n(&instance->taking_over, true, __ATOMIC_RELAXED);
    (void)udmar__take_steps(instance, &look, 1);
    __atomic_store_n(&instance->taking_over, false, __ATOMIC_RELAXED);
    /* Contexts of RMRR devices must be there before the root table is. */
    udmar__rmrr_visit_devices(instance, attach_rmrr_device);
    (void)udmar__take_steps(instance, steps, sizeof(steps) / sizeof(steps[0]));
    udmar__take_over_left_out(instance);
    udmar__interrupts_hand_over(instance);
    instance->started = udmar__running_units(instance) > 0;
    return instance->started ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

static enum udmar_status stop_unit(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    bool stays_on = udmar__must_stay_on(record);
    enum udmar_status status = UDMAR_OK;

    udmar__warn_of_interrupt_remapping(record);
    if (!stays_on) {
        status = udmar__command(unit, GCMD_TE, false);
    }
    disarm_faults(unit);
    if (status != UDMAR_OK) {
        return status;
    }
    if (!unit->translating) {
        udmar__forget_root(unit);
    }
    /* A unit that goes on translating needs its queue where it has no registers instead. */
    if (stays_on && !unit->facts.registers) {
        return UDMAR_OK;
    }
    /* One that cannot be switched off stays, for unmaps to fail and a start to end. */
    if (udmar__queue_state(&unit->queue) != QUEUE_OFF) {
        status = udmar__queue_stop(unit);
    }
    if (!unit->translating) {
        udmar__queue_let_run_out(unit);
    }
    udmar__queue_drop(unit);
    if (status == UDMAR_OK) {
        udmar__give_back_host_queue(record);
    }
    return status;
}

/* What was left behind, in one line. */
static void tell_end(struct udmar__unit_record *record, enum udmar_status status)
{
    struct udmar_unit *unit = record->unit;
    uint32_t state = udmar__read32(unit, REG_GSTS);

    if (state == UINT32_MAX) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u does not stop (%s): it does not answer; its state is unknown",
                   unit->index, udmar_status_string(status));
        return;
    }
    udmar__log(unit->host, status == UDMAR_OK ? UDMAR_LOG_INFO : UDMAR_LOG_ERROR,
               "unit %u %s%s%s: translation is %s, the queue is %s; its devices reach %s",
               unit->index, status == UDMAR_OK ? "is stopped" : "does not stop (",
               status == UDMAR_OK ? "" : udmar_status_string(status), status == UDMAR_OK ? "" : ")",
               state & GCMD_TE ? "on" : "off", state & GCMD_QIE ? "on" : "off",
               state & GCMD_TE ? "what they were given" : "all memory");
}

enum udmar_status udmar_stop(struct udmar *instance)
{
    enum udmar_status result = UDMAR_OK;

    if (instance == NULL || !instance->started || instance->suspended) {
        return UDMAR_ERR_ORDER;
    }
    result = udmar__interrupts_stop(instance);
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        /* One that was left out may have obeyed since. */
        if (!udmar__unit_record_failed(record) || udmar__unit_translates(record->unit)) {
            enum udmar_status status = stop_unit(record);

            tell_end(record, status);
            result = status != UDMAR_OK ? status : result;
        }
    }
    instance->started = false;
    return result;
}
