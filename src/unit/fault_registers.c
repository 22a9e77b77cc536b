/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault recording registers: all of them read, all of them cleared [VTD 7.3]. */
#include "unit/unit.h"

/* Reads record @index and clears it; false when it holds nothing. */
static bool take_record(struct udmar_unit *unit, uint32_t index, uint64_t raw[2])
    UDMAR_REQUIRES(unit->fault_lock)
{
    uint32_t offset = unit->facts.fault_offset + index * FRCD_SIZE;
    uint32_t last = udmar__read32(unit, offset + 12);

    if ((last & FRCD_F) == 0) {
        return false;
    }
    raw[0] = udmar__read64(unit, offset);
    raw[1] = udmar__read32(unit, offset + 8) | (uint64_t)last << 32;
    udmar__write32(unit, offset + 12, FRCD_F);
    return true;
}

/*
 * The next record, or false. Looking at one and clearing it is a step of its own under the lock, so
 * that the sink can run without it.
 */
static bool next_record(struct udmar_unit *unit, uint32_t *index, struct udmar_fault *out_fault)
{
    uintptr_t state = udmar__lock(unit->host, &unit->fault_lock);
    uint64_t raw[2];
    bool found = take_record(unit, *index, raw);

    if (found) {
        udmar_fault_decode(raw, out_fault);
        *index = (*index + 1) % unit->facts.fault_count;
    }
    udmar__unlock(unit->host, &unit->fault_lock, state);
    return found;
}

/* Clears what was seen, and PFO always: errata of several processors raise it without a record. */
static bool clear_status(struct udmar_unit *unit, uint32_t status)
{
    uint32_t clear = FSTS_PFO | (status & (FSTS_AFO | FSTS_APF | FSTS_PRO));

    /* Queue errors in the same register belong to the queue's repair. */
    udmar__write32(unit, REG_FSTS, clear);
    return (status & FSTS_PFO) != 0;
}

unsigned udmar__faults_drain(struct udmar_unit *unit, udmar__fault_sink *sink, void *context)
{
    unsigned found = 0;
    /* A device can fault faster than we clear: two rounds at most, the next interrupt goes on. */
    unsigned limit = 2u * unit->facts.fault_count;
    uint32_t status = udmar__read32(unit, REG_FSTS);
    uint32_t index = FSTS_FRI(status);
    struct udmar_fault fault;
    bool overflow;

    if (status == UINT32_MAX) {
        return 0;
    }
    if (index >= unit->facts.fault_count) {
        index = 0;
    }
    while (found < limit && (status & FSTS_PPF) != 0 && next_record(unit, &index, &fault)) {
        fault.unit = (uint16_t)unit->index;
        fault.segment = unit->segment;
        fault.overflow = (status & FSTS_PFO) != 0;
        found++;
        sink(context, unit, &fault);
    }
    overflow = clear_status(unit, status);
    /*
     * While PFO was set nothing was recorded, and a fault that came between the last look and the
     * clearing raises no new event because PPF never went away: look again.
     */
    if (overflow || found > 0) {
        status = udmar__read32(unit, REG_FSTS);
        index = FSTS_FRI(status) < unit->facts.fault_count ? FSTS_FRI(status) : 0;
        while (found < limit && (status & FSTS_PPF) != 0 && next_record(unit, &index, &fault)) {
            fault.unit = (uint16_t)unit->index;
            fault.segment = unit->segment;
            found++;
            sink(context, unit, &fault);
        }
    }
    return found;
}

void udmar__fault_event(struct udmar_unit *unit, uint64_t address, uint32_t data)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    udmar__write32(unit, REG_FECTL, EVENT_IM);
    /* Read back: the mask must have arrived before the message changes. */
    (void)udmar__read32(unit, REG_FECTL);
    if (address != 0) {
        udmar__write32(unit, REG_FEDATA, data);
        udmar__write32(unit, REG_FEADDR, (uint32_t)address);
        if (unit->facts.extended_ids) {
            udmar__write32(unit, REG_FEUADDR, (uint32_t)(address >> 32));
        }
        udmar__write32(unit, REG_FECTL, 0);
    }
    udmar__unlock(unit->host, &unit->lock, state);
}
