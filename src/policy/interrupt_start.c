/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping on and off, with everything that is live going on.
 *
 * On: what was found is copied into our table, the unit is given it and forgets what it knew, and
 * remapping goes on with compatibility format let through; the host writes its sources; then
 * compatibility format is blocked. A unit that was found remapping is never without a table: the
 * old one is exchanged for ours, which says the same.
 */
#include "base/text.h"
#include "interrupt/remap_found.h"
#include "interrupt/remap_unit.h"
#include "policy/instance.h"

static bool passes_compatible(const struct udmar *instance)
{
    /* With 32-bit destinations hardware blocks it whatever the switch says [VTD 5.1.2]. */
    return instance->tunables.interrupt_compat && !instance->interrupts.extended;
}

/* ---- Start ----------------------------------------------------------------------------------- */

/* Copies the table in force; false: it cannot be read. */
static bool take_over_table(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint64_t irta = udmar__read64(unit, REG_IRTA);
    struct udmar__found_counts counts;

    if ((irta & IRTA_TABLE) == record->remap->memory.physical) {
        return true; /* ours, from a stop that was not obeyed */
    }
    if (!udmar__found_is_readable(instance, irta)) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: interrupt remapping was on with a table at 0x%llx, which is in no RAM "
                   "that the host has named: its interrupts are lost until their sources are "
                   "written again",
                   unit->index, (unsigned long long)(irta & IRTA_TABLE));
        return false;
    }
    udmar__found_adopt(record->remap, irta, &counts);
    udmar__log(instance->host, UDMAR_LOG_INFO,
               "unit %u: interrupt remapping was on: %u entries of its table are kept until their "
               "sources are written again",
               unit->index, (unsigned)counts.kept);
    if (counts.lost > 0) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: %u entries of the table that was found on cannot be kept: their "
                   "interrupts are lost until their sources are written again",
                   unit->index, (unsigned)counts.lost);
    }
    return true;
}

/* The unit goes on without: its DMA is still translated. */
static enum udmar_status go_without(struct udmar *instance, struct udmar__unit_record *record)
{
    udmar__log(instance->host, UDMAR_LOG_ERROR,
               "unit %u: interrupt remapping is refused: its queue does not work, and entries "
               "cannot be changed without it; its devices can forge interrupts",
               record->unit->index);
    udmar__interrupts_give_up(record);
    return udmar__stop_interrupt_remapping(instance, record);
}

enum udmar_status udmar__interrupts_start(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    enum udmar_status status;
    bool found;

    if (record->remap == NULL) {
        return udmar__stop_interrupt_remapping(instance, record);
    }
    if (!udmar__uses_queue(unit)) {
        return go_without(instance, record);
    }
    found = (udmar__unit_commands(unit) & GCMD_IRE) != 0;
    if (found && !take_over_table(instance, record)) {
        status = udmar__command(unit, GCMD_IRE, false);
        if (status != UDMAR_OK) {
            return status;
        }
        found = false;
    }
    status = udmar__remap_enable(unit, record->remap, !found && !instance->interrupts.extended);
    return status == UDMAR_ERR_QUEUE && !udmar__uses_queue(unit) ? go_without(instance, record)
                                                                 : status;
}

static void close_unit(struct udmar *instance, struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    bool asked = passes_compatible(instance);
    /* A unit may have no such switch. */
    bool pass = asked && udmar__let_compatible_pass(unit);
    enum udmar_status status = asked ? UDMAR_OK : udmar__command(unit, GCMD_CFI, false);

    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "unit %u: the switch for interrupts in compatibility format does not obey (%s): "
                   "its devices may be able to forge interrupts",
                   unit->index, udmar_status_string(status));
        return;
    }
    udmar__log(instance->host, pass ? UDMAR_LOG_WARN : UDMAR_LOG_INFO,
               "unit %u: interrupts are remapped, APIC ids of %u bits, compatibility format %s%s",
               unit->index, instance->interrupts.extended ? 32u : 8u,
               pass    ? "passes (hw.dmar.ir.compat=1): devices can forge interrupts"
               : asked ? "does not obey hw.dmar.ir.compat=1: the unit has no switch for it"
                       : "is blocked",
               instance->tunables.interrupt_verify ? ""
                                                   : "; entries do not name their source "
                                                     "(hw.dmar.ir.verify=0)");
}

enum udmar_status udmar__interrupts_resume(struct udmar *instance,
                                           struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    enum udmar_status status;

    if (!udmar__remaps(unit)) {
        return udmar__stop_interrupt_remapping(instance, record);
    }
    /* Compatibility format is as it was before: in a unit that has lost its registers, blocked. */
    status =
        udmar__uses_queue(unit) ? udmar__remap_enable(unit, record->remap, false) : UDMAR_ERR_QUEUE;
    if (status == UDMAR_ERR_QUEUE && !udmar__uses_queue(unit)) {
        return go_without(instance, record);
    }
    if (status == UDMAR_OK) {
        close_unit(instance, record);
    }
    return status;
}

void udmar__interrupts_hand_over(struct udmar *instance)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;

    if (interrupts->tables == NULL) {
        return;
    }
    if (interrupts->program != NULL) {
        interrupts->program(instance->host, true);
    }
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (udmar__remaps(record->unit) && !udmar__unit_record_failed(record)) {
            close_unit(instance, record);
        }
    }
}

/* ---- Stop ------------------------------------------------------------------------------------ */

static enum udmar_status switch_off(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    enum udmar_status status = udmar__remap_disable(unit);

    if (status != UDMAR_OK) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: interrupt remapping cannot be switched off (%s): its sources must go "
                   "on using their entries, or are blocked",
                   unit->index, udmar_status_string(status));
    }
    return status;
}

void udmar__interrupts_give_up(struct udmar__unit_record *record)
{
    (void)switch_off(record);
}

enum udmar_status udmar__interrupts_stop(struct udmar *instance)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;
    enum udmar_status result = UDMAR_OK;

    if (interrupts->tables == NULL) {
        return UDMAR_OK;
    }
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (udmar__remaps(record->unit) && !interrupts->extended) {
            (void)udmar__let_compatible_pass(record->unit);
        }
    }
    if (interrupts->program != NULL) {
        interrupts->program(instance->host, false);
    }
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        enum udmar_status status = switch_off(record);

        result = status != UDMAR_OK ? status : result;
    }
    return result;
}
