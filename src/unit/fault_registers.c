/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault recording registers: all of them read, all of them cleared [VTD 7.3]. */
#include "unit/unit.h"

/*
 * Reads record @index and clears it; false when it holds nothing. Each word but the address's upper
 * half has bits that are reserved: all ones come from a unit that is not there any more.
 */
static bool take_record(struct udmar_unit *unit, uint32_t index, uint64_t raw[2])
    UDMAR_REQUIRES(unit->fault_lock)
{
    uint32_t offset = unit->facts.fault_offset + index * FRCD_SIZE;
    uint32_t last = udmar__read32(unit, offset + 12);
    uint32_t source;

    if ((last & FRCD_F) == 0) {
        return false;
    }
    raw[0] = udmar__read64(unit, offset);
    source = udmar__read32(unit, offset + 8);
    raw[1] = source | (uint64_t)last << 32;
    if ((uint32_t)raw[0] == UINT32_MAX || source == UINT32_MAX) {
        return false;
    }
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

/* PPF goes with the last record. Queue errors in the same register belong to the queue's repair. */
#define FAULT_CLEARED (FSTS_PFO | FSTS_AFO | FSTS_APF | FSTS_PRO)
#define FAULT_STATUS  (FAULT_CLEARED | FSTS_PPF)

/*
 * Reads out at most @limit records. Further faults were lost behind the last one, where PFO is set.
 */
static unsigned read_out(struct udmar_unit *unit, uint32_t status, unsigned limit,
                         udmar__fault_sink *sink, void *context)
{
    uint32_t index = FSTS_FRI(status) < unit->facts.fault_count ? FSTS_FRI(status) : 0;
    struct udmar_fault next;
    unsigned found = 0;
    bool more = next_record(unit, &index, &next);

    while (more) {
        struct udmar_fault fault = next;

        found++;
        more = found < limit && next_record(unit, &index, &next);
        fault.unit = (uint16_t)unit->index;
        fault.segment = unit->segment;
        fault.overflow = !more && (status & FSTS_PFO) != 0;
        sink(context, unit, &fault);
    }
    return found;
}

/*
 * Clears the records that hold something, from @index on; returns where they end, or, with @all,
 * looks at each. FRI says nothing here: it names the record with which PPF rose, and that has been
 * read since.
 */
static uint32_t clear_records(struct udmar_unit *unit, uint32_t index, bool all)
{
    uintptr_t state = udmar__lock(unit->host, &unit->fault_lock);
    uint32_t count = unit->facts.fault_count;
    bool found = false;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t last = unit->facts.fault_offset + index * FRCD_SIZE + 12;

        if ((udmar__read32(unit, last) & FRCD_F) != 0) {
            udmar__write32(unit, last, FRCD_F);
            found = true;
        } else if (found && !all) {
            break;
        }
        index = (index + 1) % count;
    }
    udmar__unlock(unit->host, &unit->fault_lock, state);
    return index;
}

/*
 * Faults come faster than they are read: what is there goes unread, so that an event can come. Left
 * alone they overflow, and then nothing is recorded that could stay behind; those that do not
 * overflow come seldom enough to be cleared one by one.
 */
static void discard_records(struct udmar_unit *unit)
{
    uint32_t count = unit->facts.fault_count;
    uint32_t status = 0;
    uint32_t index = 0;

    for (unsigned round = 0; round < 16 && (status & FSTS_PFO) == 0; round++) {
        uint32_t looks = 4 * count;

        do {
            status = udmar__read32(unit, REG_FSTS);
        } while ((status & FAULT_STATUS) != 0 && (status & FSTS_PFO) == 0 && --looks > 0);
        if (status == UINT32_MAX || (status & FAULT_STATUS) == 0) {
            return;
        }
        index = clear_records(unit, index, (status & FSTS_PFO) != 0);
        udmar__write32(unit, REG_FSTS, status & FAULT_CLEARED);
    }
}

static unsigned drain_once(struct udmar_unit *unit, udmar__fault_sink *sink, void *context)
{
    unsigned limit = 16u * unit->facts.fault_count;
    unsigned found = 0;
    uint32_t status;

    /*
     * An event comes only when nothing was pending before [VTD 7.3]: whatever is left set here
     * silences the unit. While PFO is set nothing is recorded, so a round that began with it leaves
     * all clear at its end, however fast the faults come; others must be followed by a look.
     */
    for (unsigned round = 0; round < 16; round++) {
        status = udmar__read32(unit, REG_FSTS);
        if (status == UINT32_MAX || (status & FAULT_STATUS) == 0) {
            return found;
        }
        if (found >= limit) {
            break;
        }
        if (status & FSTS_PPF) {
            found += read_out(unit, status, limit, sink, context);
        }
        udmar__write32(unit, REG_FSTS, status & FAULT_CLEARED);
        if (status & FSTS_PFO) {
            return found;
        }
    }
    discard_records(unit);
    return found;
}

/*
 * One at a time: of two, one could clear an overflow that has come after what it read, and leave
 * the unit silent. Who finds another at work has him look once more.
 */
unsigned udmar__faults_drain(struct udmar_unit *unit, udmar__fault_sink *sink, void *context)
{
    unsigned found = 0;
    unsigned seen;

    if (__atomic_fetch_add(&unit->drains, 1, __ATOMIC_ACQ_REL) != 0) {
        return 0;
    }
    do {
        seen = __atomic_load_n(&unit->drains, __ATOMIC_ACQUIRE);
        found += drain_once(unit, sink, context);
    } while (!__atomic_compare_exchange_n(&unit->drains, &seen, 0, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return found;
}

static void program_event(struct udmar_unit *unit, uint64_t address, uint32_t data)
    UDMAR_REQUIRES(unit->lock)
{
    /* The other bits are to be kept as they read; IP cannot be written. */
    uint32_t kept = udmar__read32(unit, REG_FECTL) & ~(EVENT_IM | EVENT_IP);

    udmar__write32(unit, REG_FECTL, kept | EVENT_IM);
    /* Read back: the mask must have arrived before the message changes. */
    (void)udmar__read32(unit, REG_FECTL);
    if (address != 0) {
        udmar__write32(unit, REG_FEDATA, data);
        udmar__write32(unit, REG_FEADDR, (uint32_t)address);
        if (unit->facts.extended_ids) {
            udmar__write32(unit, REG_FEUADDR, (uint32_t)(address >> 32));
        }
        udmar__write32(unit, REG_FECTL, kept);
    }
}

void udmar__fault_event(struct udmar_unit *unit, uint64_t address, uint32_t data)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    unit->event_address = address;
    unit->event_data = data;
    program_event(unit, address, data);
    udmar__unlock(unit->host, &unit->lock, state);
}

void udmar__fault_rearm(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    program_event(unit, unit->event_address, unit->event_data);
    udmar__unlock(unit->host, &unit->lock, state);
}
