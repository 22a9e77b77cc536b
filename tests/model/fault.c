/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault records, fault status and the two event messages [VTD 7.2, 7.3]. */
#include "internal.h"

/* Dword 3 of a record. */
#define RECORD_F    BIT32(31)
#define RECORD_READ BIT32(30)

static uint32_t record_offset(const struct model_unit *u, unsigned record)
{
    return CAP_FRO(u->cap) + 16 * record;
}

static bool record_used(struct model_unit *u, unsigned record)
{
    return (*reg(u, record_offset(u, record) + 12) & RECORD_F) != 0;
}

/* ---- Events ---------------------------------------------------------------------------------- */

/* @control: FECTL or IECTL; data, address and upper address follow it. */
static void event_send(struct model_unit *u, uint32_t control)
{
    uint64_t address = reg64(u, control + 8);

    if ((*reg(u, control) & E_MASK) != 0) {
        *reg(u, control) |= E_PENDING;
        return;
    }
    *reg(u, control) &= ~E_PENDING;
    u->stats.messages++;
    send_message(u->m, control == R_FECTL ? "fault" : "completion", address, *reg(u, control + 4));
}

void control_write(struct model_unit *u, uint32_t control, uint32_t value)
{
    *reg(u, control) = (*reg(u, control) & ~E_MASK) | (value & E_MASK);
    if ((value & E_MASK) == 0 && (*reg(u, control) & E_PENDING) != 0)
        event_send(u, control);
}

/* A wait descriptor with IF has completed. */
void completion_event(struct model_unit *u)
{
    if ((*reg(u, R_ICS) & 1) != 0)
        return;
    *reg(u, R_ICS) |= 1;
    event_send(u, R_IECTL);
}

/* ---- Status ---------------------------------------------------------------------------------- */

/*
 * PPF follows the records, FRI does not: it names the record with which PPF rose, as long as PPF
 * stays. With nothing pending any more there is no interrupt either.
 */
void status_refresh(struct model_unit *u)
{
    uint32_t *status = reg(u, R_FSTS);
    bool pending = false;

    for (unsigned i = 0; i < CAP_NFR(u->cap); i++)
        pending = pending || record_used(u, i);
    if (!pending)
        *status &= ~(F_PPF | 0xff00u);
    if ((*status & F_PENDING) == 0)
        *reg(u, R_FECTL) &= ~E_PENDING;
}

/* Only the change from "nothing pending" to "something pending" makes an interrupt [VTD 7.3]. */
void status_raise(struct model_unit *u, uint32_t bits)
{
    uint32_t before = *reg(u, R_FSTS) & F_PENDING;

    u->status_seen &= ~(bits & ~before);
    *reg(u, R_FSTS) |= bits;
    if (before == 0)
        event_send(u, R_FECTL);
}

void status_write(struct model_unit *u, uint32_t value)
{
    uint32_t cleared = *reg(u, R_FSTS) & value & F_W1C;

    if ((value & F_PRO & ~cleared) != 0)
        violation(u->m, "FSTS: bit 7 is written, which is reserved where it reads 0");
    if ((cleared & ~u->status_seen) != 0)
        violation(u->m, "FSTS: bits %#x are cleared that nobody has read: what they told is lost",
                  cleared & ~u->status_seen);
    *reg(u, R_FSTS) &= ~cleared;
    status_refresh(u);
    if ((cleared & (F_IQE | F_ITE | F_ICE)) != 0)
        queue_errors_cleared(u, cleared);
}

/* F is the only bit of a record that can be written. */
void record_write(struct model_unit *u, uint32_t offset, uint32_t value)
{
    if ((offset - CAP_FRO(u->cap)) % 16 != 12) {
        violation(u->m, "write of %#x to the read-only fault record at %#x", value, offset);
        return;
    }
    if ((value & ~RECORD_F) != 0)
        violation(u->m, "write of %#x to a fault record: only F may be written", value);
    *reg(u, offset) &= ~(value & RECORD_F);
    status_refresh(u);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static bool merged(struct model_unit *u, uint16_t sid)
{
    for (unsigned i = 0; u->behaviour.merge_faults && i < CAP_NFR(u->cap); i++) {
        if (record_used(u, i) && (*reg(u, record_offset(u, i) + 8) & 0xffff) == sid)
            return true;
    }
    return false;
}

/* The log in memory takes what the records would; what is beyond its end is lost. */
static void log_fault(struct model_unit *u, uint16_t sid, uint8_t reason, uint64_t address,
                      bool write)
{
    uint64_t log = reg64(u, R_AFLOG), at = (log & ~PAGE_LOW) + 16 * u->log_next;

    if (u->log_next >= MODEL_PAGE / 16 << FIELD(log, 11, 9) || frame_of(u->m, at) == NO_FRAME) {
        u->stats.faults_lost++;
        status_raise(u, F_AFO);
        return;
    }
    u->log_next++;
    store_word(model_pointer(u->m, at), address & ~PAGE_LOW);
    store_word(model_pointer(u->m, at + 8),
               sid | (uint64_t)(RECORD_F | reason | (write ? 0 : RECORD_READ)) << 32);
    u->stats.faults_logged++;
    status_raise(u, F_APF);
}

/*
 * Records are used round robin. When the next one is still in use the fault is lost and PFO says
 * so; nothing more is recorded until software has cleared PFO.
 */
void fault_record(struct model_unit *u, uint16_t sid, uint8_t reason, uint64_t address, bool write)
{
    uint32_t at = record_offset(u, u->fault_next);

    if ((*reg(u, R_GSTS) & G_AFL) != 0) {
        log_fault(u, sid, reason, address, write);
        return;
    }
    if ((*reg(u, R_FSTS) & F_PFO) != 0) {
        u->stats.faults_lost++;
        return;
    }
    if (merged(u, sid))
        return;
    if (record_used(u, u->fault_next)) {
        u->stats.faults_lost++;
        status_raise(u, F_PFO);
        return;
    }
    set_reg64(u, at, address & ~PAGE_LOW);
    *reg(u, at + 8) = sid;
    *reg(u, at + 12) = RECORD_F | reason | (write ? 0 : RECORD_READ);
    if ((*reg(u, R_FSTS) & F_PPF) == 0)
        *reg(u, R_FSTS) |= u->fault_next << 8;
    u->fault_next = (u->fault_next + 1) % CAP_NFR(u->cap);
    u->stats.faults++;
    status_raise(u, F_PPF);
}

void model_inject_overflow(struct model_unit *unit)
{
    enter(unit->m);
    status_raise(unit, F_PFO);
    leave(unit->m);
}

void model_inject_event(struct model_unit *unit)
{
    enter(unit->m);
    event_send(unit, R_FECTL);
    leave(unit->m);
}

void model_inject_fault(struct model_unit *unit, uint16_t sid, uint8_t reason, uint64_t address,
                        bool write)
{
    enter(unit->m);
    fault_record(unit, sid, reason, address, write);
    leave(unit->m);
}
