/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching interrupt remapping of a unit on and off, and its interrupt entry cache. */
#include "interrupt/remap_unit.h"

#include "base/text.h"

static uint64_t table_register(const struct udmar__remap_table *table)
{
    return table->memory.physical | (table->extended ? IRTA_EIME : 0) |
           (udmar__log2(table->entries) - 1);
}

/*
 * Interrupt entries have no registers. Setting the table makes some units forget all of them
 * (ESIRTPS); @status is what the queue has said.
 */
static enum udmar_status without_queue(struct udmar_unit *unit, enum udmar_status status)
{
    if (udmar__uses_queue(unit) || udmar__sleeps(unit)) {
        return udmar__sleeps(unit) && status != UDMAR_OK ? UDMAR_ERR_SUSPENDED : status;
    }
    return unit->facts.remap_flushes ? udmar__set_interrupt_table(unit, unit->interrupt_table)
                                     : UDMAR_ERR_QUEUE;
}

static enum udmar_status forget_request(struct udmar_unit *unit, struct udmar__request request)
{
    enum udmar_status status;

    if (!udmar__await_wake(unit)) {
        return UDMAR_ERR_SUSPENDED;
    }
    /* Before it reads the entry anew it must be able to see what it says. */
    status = udmar__write_buffer_flush(unit);

    if (status != UDMAR_OK) {
        return status;
    }
    status = UDMAR_ERR_QUEUE;
    if (udmar__uses_queue(unit)) {
        status = udmar__invalidate(unit, &request, 1, true, NULL);
    }
    /* It may have been given up meanwhile, and registers have done all but this. */
    return without_queue(unit, status);
}

enum udmar_status udmar__remap_forget(struct udmar_unit *unit, uint32_t first, unsigned count_log2)
{
    return forget_request(unit, udmar__interrupt_request((uint16_t)first, count_log2));
}

enum udmar_status udmar__remap_forget_all(struct udmar_unit *unit)
{
    return forget_request(unit, udmar__interrupt_request_all());
}

bool udmar__remap_caches_absent(const struct udmar_unit *unit)
{
    /* One with a write buffer has not even seen it yet. */
    return unit->facts.caching_mode || unit->facts.write_buffer;
}

enum udmar_status udmar__remap_enable(struct udmar_unit *unit,
                                      const struct udmar__remap_table *table, bool pass)
{
    enum udmar_status status;

    /* From here on whoever changes an entry asks for its invalidation. */
    udmar__note_remaps(unit, true);
    unit->interrupt_table = table_register(table);
    status = udmar__write_buffer_flush(unit);
    if (status == UDMAR_OK) {
        status = udmar__set_interrupt_table(unit, unit->interrupt_table);
    }
    if (status == UDMAR_OK && !unit->facts.remap_flushes) {
        status = udmar__remap_forget_all(unit);
    }
    if (status == UDMAR_OK && pass) {
        (void)udmar__let_compatible_pass(unit);
    }
    return status == UDMAR_OK ? udmar__command(unit, GCMD_IRE, true) : status;
}

enum udmar_status udmar__remap_disable(struct udmar_unit *unit)
{
    enum udmar_status status;

    if (!udmar__remaps(unit)) {
        return UDMAR_OK;
    }
    if (!unit->facts.remap_flushes && udmar__uses_queue(unit)) {
        /* Whoever switches it on again finds nothing of ours in its cache. */
        (void)udmar__remap_forget_all(unit);
    }
    status = udmar__command(unit, GCMD_IRE, false);
    if (status == UDMAR_OK) {
        status = udmar__command(unit, GCMD_CFI, false);
    }
    if (status == UDMAR_OK) {
        udmar__forget_interrupt_table(unit);
        udmar__note_remaps(unit, false);
    }
    return status;
}
