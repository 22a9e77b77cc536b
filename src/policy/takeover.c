/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware or an earlier kernel has left on in a unit, besides its queue. */
#include "base/text.h"
#include "policy/instance.h"

bool udmar__must_stay_on(const struct udmar__unit_record *record)
{
    const struct udmar_unit_facts *facts = &record->unit->facts;

    return record->graphics_only && (record->quirks & QUIRK_KEEP_ENABLED) != 0 &&
           (facts->drain_read || facts->drain_write);
}

/*
 * The table format must not change while translation is on, unless setting the root table makes the
 * unit forget everything itself [VTD 11.4.5]. In scalable mode there is the queue as well: its
 * descriptors have 256 bits, and it has to stay on as long as translation does.
 */
static bool may_change_format(struct udmar_unit *unit, uint64_t root)
{
    return unit->facts.root_flushes && ((udmar__unit_commands(unit) & GCMD_QIE) == 0 ||
                                        (root & RTADDR_TTM_MASK) != RTADDR_TTM_SCALABLE);
}

/* Before the queue is stopped, which a unit in scalable mode cannot do without. */
enum udmar_status udmar__stop_foreign_translation(struct udmar *instance,
                                                  struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint64_t root = udmar__read64(unit, REG_RTADDR);

    if ((udmar__unit_commands(unit) & GCMD_TE) == 0 ||
        (root & RTADDR_TTM_MASK) == RTADDR_TTM_LEGACY) {
        return UDMAR_OK;
    }
    if (!udmar__must_stay_on(record)) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: firmware's tables have another format: translation is off until ours "
                   "are in force",
                   unit->index);
        return udmar__command(unit, GCMD_TE, false);
    }
    if (may_change_format(unit, root)) {
        return UDMAR_OK;
    }
    udmar__log(
        instance->host, UDMAR_LOG_ERROR,
        "unit %u: it must stay on for the display, and its tables cannot be replaced by ours "
        "while it is",
        unit->index);
    return UDMAR_ERR_UNSUPPORTED;
}

/* While it is on, no fault reaches the registers that are read here [VTD 7.2]. */
enum udmar_status udmar__stop_fault_log(struct udmar *instance, struct udmar__unit_record *record)
{
    (void)instance;
    return (udmar__unit_commands(record->unit) & GCMD_EAFL) == 0
               ? UDMAR_OK
               : udmar__command(record->unit, GCMD_EAFL, false);
}

enum udmar_status udmar__open_protected_regions(struct udmar *instance,
                                                struct udmar__unit_record *record)
{
    if (instance->tunables.pmr_disable && udmar__protected_regions_off(record->unit) != UDMAR_OK) {
        /* Not a reason to give up translation: DMA outside of the regions works. */
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "unit at 0x%llx: protected memory regions stay on: DMA into them is blocked",
                   (unsigned long long)record->unit->base);
    }
    return UDMAR_OK;
}

/* ---- Units that are not used ----------------------------------------------------------------- */

/* Its devices are given physical addresses, which firmware's tables do not know. */
static void stop_left_out(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    unsigned long long base = unit->base;

    if (udmar__must_stay_on(record)) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit at 0x%llx, left out: firmware has left translation on, and it must stay "
                   "on: its device's DMA goes through firmware's tables",
                   base);
    } else if (udmar__command(unit, GCMD_TE, false) == UDMAR_OK) {
        udmar__log(unit->host, UDMAR_LOG_WARN,
                   "unit at 0x%llx, left out: firmware had left translation on; it is off now",
                   base);
    } else {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit at 0x%llx, left out: translation cannot be switched off: DMA of its "
                   "devices is blocked or under firmware's tables",
                   base);
    }
}

/* Its devices are given interrupts in compatibility format, which an old table's unit blocks. */
static void stop_left_out_interrupts(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    unsigned long long base = unit->base;
    enum udmar_status status;

    if (udmar__interrupts_are_kept(record)) {
        udmar__log(unit->host, UDMAR_LOG_INFO,
                   "unit at 0x%llx, left out: interrupt remapping is the host's and stays on",
                   base);
        return;
    }
    status = udmar__command(unit, GCMD_IRE, false);
    udmar__log(unit->host, status == UDMAR_OK ? UDMAR_LOG_WARN : UDMAR_LOG_ERROR,
               status == UDMAR_OK
                   ? "unit at 0x%llx, left out: interrupt remapping was on; it is off now"
                   : "unit at 0x%llx, left out: interrupt remapping cannot be switched off: "
                     "interrupts of its devices are blocked or go through an old table",
               base);
}

void udmar__take_over_left_out(struct udmar *instance)
{
    for (struct udmar__unit_record *record = instance->left_out; record != NULL;
         record = record->next) {
        uint32_t status = udmar__unit_adopt_state(record->unit);

        if (status == UINT32_MAX) {
            continue;
        }
        if (status & GCMD_TE) {
            stop_left_out(record);
        }
        if (status & GCMD_IRE) {
            stop_left_out_interrupts(record);
        }
        (void)udmar__open_protected_regions(instance, record);
    }
}
