/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping, which is not ours: switched off where nobody has said that it is the host
 * kernel's, else left alone. It shares two things with us, the command register and the queue: its
 * bits are written back as they are with each command, and its requests go through our queue.
 */
#include "base/text.h"
#include "policy/instance.h"

bool udmar__interrupts_are_kept(const struct udmar__unit_record *record)
{
    return (udmar__unit_commands(record->unit) & record->unit->kept & GCMD_IRE) != 0;
}

void udmar__note_host_queue(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;

    record->host_queue = 0;
    if (udmar__interrupts_are_kept(record) && (udmar__unit_commands(unit) & GCMD_QIE) != 0 &&
        unit->queue.memory.physical == 0) {
        record->host_queue = udmar__read64(unit, REG_IQA);
    }
}

void udmar__give_back_host_queue(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint64_t address = record->host_queue;

    if (address == 0 || (udmar__unit_commands(unit) & GCMD_QIE) != 0) {
        return;
    }
    record->host_queue = 0;
    udmar__write64(unit, REG_IQT, 0);
    udmar__write64(unit, REG_IQA, address);
    if (udmar__command(unit, GCMD_QIE, true) != UDMAR_OK) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: the host's invalidation queue cannot be switched on again",
                   unit->index);
    }
}

/* Interrupt entries have no register interface: without our queue the switch alone must do. */
enum udmar_status udmar__stop_interrupt_remapping(struct udmar *instance,
                                                  struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    struct udmar__request request = udmar__interrupt_request_all();
    bool queued = udmar__uses_queue(unit);

    if ((udmar__unit_commands(unit) & GCMD_IRE) == 0) {
        return UDMAR_OK;
    }
    if (udmar__interrupts_are_kept(record)) {
        udmar__log(instance->host, queued ? UDMAR_LOG_INFO : UDMAR_LOG_ERROR,
                   queued
                       ? "unit %u: interrupt remapping is the host's and stays on"
                       : "unit %u: interrupt remapping is the host's and stays on, but there is no "
                         "queue: its entries cannot be invalidated",
                   unit->index);
        return UDMAR_OK;
    }
    udmar__log(
        instance->host, UDMAR_LOG_WARN,
        "unit %u: interrupt remapping was on and is switched off; a host whose own it is says "
        "so (keep_interrupt_remapping)",
        unit->index);
    if (queued) {
        (void)udmar__invalidate(unit, &request, 1, true, NULL);
    }
    return udmar__command(unit, GCMD_IRE, false);
}

void udmar__warn_of_interrupt_remapping(struct udmar__unit_record *record)
{
    struct udmar_unit *unit = record->unit;
    uint32_t status = udmar__read32(unit, REG_GSTS);

    if (unit->kept == 0 && status != UINT32_MAX &&
        (status & ~udmar__unit_commands(unit) & GCMD_IRE) != 0) {
        udmar__log(unit->host, UDMAR_LOG_WARN,
                   "unit %u: interrupt remapping was switched on behind our back and goes off; a "
                   "host whose own it is says so (keep_interrupt_remapping)",
                   unit->index);
    }
}

enum udmar_status udmar_unit_invalidate_interrupts(struct udmar *instance, unsigned index,
                                                   uint32_t first, unsigned count_log2)
{
    struct udmar__unit_record *record = instance != NULL ? udmar__unit_at(instance, index) : NULL;
    struct udmar__request request = udmar__interrupt_request_all();
    bool all = first == UDMAR_ALL_INTERRUPTS;

    if (record == NULL || (!all && (first > UINT16_MAX || count_log2 > 16 ||
                                    (first & ((UINT32_C(1) << count_log2) - 1)) != 0))) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!instance->started || udmar__unit_record_failed(record)) {
        return UDMAR_ERR_ORDER;
    }
    if (udmar__sleeps(record->unit)) {
        return UDMAR_ERR_SUSPENDED;
    }
    if (!record->unit->facts.interrupt_remap || !udmar__uses_queue(record->unit) ||
        (!all && count_log2 > record->unit->facts.interrupt_mask)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (!all) {
        request = udmar__interrupt_request((uint16_t)first, count_log2);
    }
    return udmar__invalidate(record->unit, &request, 1, true, NULL);
}
