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

typedef enum udmar_status step_fn(struct udmar *instance, struct udmar__unit_slot *slot);

static void fault_interrupt(void *argument)
{
    struct udmar__unit_slot *slot = argument;

    (void)udmar__fault_service(slot->instance, slot->unit);
}

static enum udmar_status look_at_leftovers(struct udmar *instance, struct udmar__unit_slot *slot)
{
    uint32_t status = udmar__unit_adopt_state(slot->unit);

    if (status == UINT32_MAX) {
        return UDMAR_ERR_ALL_ONES;
    }
    if (status & (GCMD_TE | GCMD_QIE | GCMD_IRE | GCMD_EAFL)) {
        udmar__log(instance->host, UDMAR_LOG_INFO, "unit %u: firmware left on:%s%s%s%s",
                   slot->unit->index, status & GCMD_TE ? " translation" : "",
                   status & GCMD_QIE ? " queue" : "",
                   status & GCMD_IRE ? " interrupt remapping" : "",
                   status & GCMD_EAFL ? " fault log in memory" : "");
    }
    udmar__note_host_queue(slot);
    udmar__fault_event(slot->unit, 0, 0);
    (void)udmar__fault_service(instance, slot->unit);
    return UDMAR_OK;
}

static enum udmar_status stop_old_queue(struct udmar *instance, struct udmar__unit_slot *slot)
{
    struct udmar_unit *unit = slot->unit;
    bool ours = unit->queue.memory.physical != 0;
    enum udmar_status status;

    (void)instance;
    if ((unit->commands & GCMD_QIE) == 0) {
        if (ours) {
            /* It was to be switched off when the unit did not answer; now that is done. */
            unit->queue.running = false;
            unit->queue.failed = false;
            udmar__queue_destroy(unit);
        }
        if (unit->facts.queued) {
            /* An old error would stop our queue before its first descriptor. */
            udmar__write32(unit, REG_FSTS, FSTS_QUEUE);
        }
        return UDMAR_OK;
    }
    status = udmar__queue_stop(unit);
    if (ours && !unit->queue.running) {
        /* It was ours, from a stop that failed: off is enough, drained or not. */
        udmar__queue_destroy(unit);
        return UDMAR_OK;
    }
    return status;
}

static enum udmar_status start_queue(struct udmar *instance, struct udmar__unit_slot *slot)
{
    struct udmar_unit *unit = slot->unit;
    enum udmar_status status;

    if (!unit->facts.queued ||
        (!instance->tunables.queue && unit->facts.registers && !udmar__interrupts_are_kept(slot))) {
        return UDMAR_OK;
    }
    status = udmar__queue_create(unit, instance->tunables.queue_size);
    if (status == UDMAR_OK) {
        status = udmar__queue_start(unit);
    }
    if (status == UDMAR_OK || !unit->facts.registers) {
        return status;
    }
    udmar__log(instance->host, UDMAR_LOG_WARN,
               "unit %u: the invalidation queue does not start (%s); registers are used",
               unit->index, udmar_status_string(status));
    if (unit->queue.memory.physical == 0 || unit->queue.status_page.physical == 0) {
        /* There was no memory: it has not been switched on. */
        udmar__queue_destroy(unit);
        return UDMAR_OK;
    }
    status = udmar__command(unit, GCMD_QIE, false);
    if (status == UDMAR_OK) {
        udmar__queue_destroy(unit);
    }
    return status;
}

static enum udmar_status set_root(struct udmar *instance, struct udmar__unit_slot *slot)
{
    (void)instance;
    return udmar__root_activate(slot->unit);
}

static enum udmar_status arm_faults(struct udmar *instance, struct udmar__unit_slot *slot)
{
    struct udmar_unit *unit = slot->unit;
    uint64_t address = 0;
    uint32_t data = 0;

    unit->interrupt =
        udmar_host_interrupt_alloc(instance->host, fault_interrupt, slot, &address, &data);
    if (unit->interrupt == NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: no interrupt for faults: they are seen only when polled", unit->index);
        address = 0;
    }
    udmar__fault_event(unit, address, data);
    return UDMAR_OK;
}

static enum udmar_status enable(struct udmar *instance, struct udmar__unit_slot *slot)
{
    enum udmar_status status = udmar__command(slot->unit, GCMD_TE, true);

    if (status == UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_INFO,
                   "unit %u: translation is on, invalidation by %s, %s", slot->unit->index,
                   slot->unit->use_queue ? "queue" : "registers",
                   instance->tunables.strict ? "strict" : "deferred");
    }
    return status;
}

/* A queue that is of no use any more goes where the unit shows that it still takes commands. */
static void retire(struct udmar_unit *unit, uint32_t state)
{
    if (state == UINT32_MAX || (state & GCMD_PERSISTENT) != unit->commands) {
        return;
    }
    if (unit->queue.running) {
        (void)udmar__queue_stop(unit);
    }
    if (!unit->queue.running) {
        udmar__queue_destroy(unit);
    }
}

/* A unit that did not obey is left out; what it does with DMA is said, not guessed. */
static void give_up(struct udmar *instance, struct udmar__unit_slot *slot, const char *step,
                    enum udmar_status status)
{
    struct udmar_unit *unit = slot->unit;
    uint32_t state = udmar__read32(unit, REG_GSTS);

    slot->failed = true;
    udmar__fault_event(unit, 0, 0);
    if (unit->interrupt != NULL) {
        udmar_host_interrupt_free(unit->host, unit->interrupt);
        unit->interrupt = NULL;
    }
    if (state != UINT32_MAX && ((state | unit->commands) & GCMD_TE) == 0) {
        /* It does not translate: it has no use for our tables. */
        unit->root_set = false;
    }
    udmar__log(instance->host, UDMAR_LOG_ERROR,
               "unit %u is left out: %s failed (%s); DMA of its devices is %s", unit->index, step,
               udmar_status_string(status),
               state == UINT32_MAX ? "in an unknown state"
               : state & GCMD_TE   ? "blocked or still under firmware's tables"
                                   : "not restricted");
    udmar__devices_abandon(slot);
    retire(unit, state);
    udmar__give_back_host_queue(slot);
}

static void for_each(struct udmar *instance, const char *name, step_fn *step)
{
    for (struct udmar__unit_slot *slot = instance->units; slot != NULL; slot = slot->next) {
        if (!slot->failed) {
            enum udmar_status status = step(instance, slot);

            if (status != UDMAR_OK) {
                give_up(instance, slot, name, status);
            }
        }
    }
}

static unsigned running_units(const struct udmar *instance)
{
    unsigned count = 0;

    for (const struct udmar__unit_slot *slot = instance->units; slot != NULL; slot = slot->next) {
        count += !slot->failed;
    }
    return count;
}

enum udmar_status udmar_start(struct udmar *instance)
{
    static const struct {
        const char *name;
        step_fn *step;
    } steps[] = {
        { "stopping translation in a foreign format", udmar__stop_foreign_translation },
        { "stopping the queue that firmware left on", stop_old_queue },
        { "starting the invalidation queue", start_queue },
        { "setting the root table", set_root },
        { "stopping interrupt remapping", udmar__stop_interrupt_remapping },
        { "stopping the fault log that firmware left on", udmar__stop_fault_log },
        { "programming the fault event", arm_faults },
        { "switching translation on", enable },
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
    for (struct udmar__unit_slot *slot = instance->units; slot != NULL; slot = slot->next) {
        slot->failed = false;
    }
    udmar__devices_retry(instance);
    instance->taking_over = true;
    for_each(instance, "reading its state", look_at_leftovers);
    instance->taking_over = false;
    /* Contexts of RMRR devices must be there before the root table is. */
    udmar__rmrr_attach_all(instance);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for_each(instance, steps[i].name, steps[i].step);
    }
    udmar__take_over_left_out(instance);
    instance->started = running_units(instance) > 0;
    return instance->started ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

/* Nobody asks for it any more; a tick that still does holds the instance's lock. */
static void drop_queue(struct udmar *instance, struct udmar_unit *unit)
{
    udmar__unlock(instance->host, &instance->lock, udmar__lock(instance->host, &instance->lock));
    udmar__queue_destroy(unit);
}

static enum udmar_status stop_unit(struct udmar__unit_slot *slot)
{
    struct udmar_unit *unit = slot->unit;
    bool stays_on = udmar__must_stay_on(slot);
    enum udmar_status status = UDMAR_OK;

    udmar__warn_of_interrupt_remapping(slot);
    if (!stays_on) {
        status = udmar__command(unit, GCMD_TE, false);
    }
    udmar__fault_event(unit, 0, 0);
    if (unit->interrupt != NULL) {
        udmar_host_interrupt_free(unit->host, unit->interrupt);
        unit->interrupt = NULL;
    }
    if (status == UDMAR_OK) {
        unit->root_set = unit->translating;
        /* A unit that goes on translating needs its queue where it has no registers instead. */
        if (unit->queue.running && (!stays_on || unit->facts.registers)) {
            status = udmar__queue_stop(unit);
            /* One that could not be switched off stays, for unmaps to fail and a start to end. */
            if (status == UDMAR_OK) {
                drop_queue(slot->instance, unit);
                udmar__give_back_host_queue(slot);
            }
        }
    }
    return status;
}

enum udmar_status udmar_stop(struct udmar *instance)
{
    enum udmar_status result = UDMAR_OK;

    if (instance == NULL || !instance->started) {
        return UDMAR_ERR_ORDER;
    }
    for (struct udmar__unit_slot *slot = instance->units; slot != NULL; slot = slot->next) {
        if (!slot->failed) {
            enum udmar_status status = stop_unit(slot);

            if (status != UDMAR_OK) {
                udmar__log(instance->host, UDMAR_LOG_ERROR, "unit %u does not stop: %s",
                           slot->unit->index, udmar_status_string(status));
                result = status;
            }
        }
    }
    instance->started = false;
    return result;
}
