/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping: the table, the checks of an entry, and the interrupt-entry cache [VTD 5]. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum {
    FR_INT_RESERVED = 0x20,
    FR_INT_INDEX = 0x21,
    FR_INT_ABSENT = 0x22,
    FR_INT_ACCESS = 0x23,
    FR_INT_ENTRY = 0x24,
    FR_INT_COMPATIBILITY = 0x25,
    FR_INT_SOURCE = 0x26,
    FR_INT_DESCRIPTOR = 0x27,
    FR_INT_DESCRIPTOR_BITS = 0x28,
};

/* Bits 319:256 of a posted-interrupt descriptor [VTD 9.12]. */
#define PD_ON       BIT64(0)
#define PD_SN       BIT64(1)
#define PD_RESERVED UINT64_C(0xff00fffc)

#define CACHED 65536u
struct remap {
    uint64_t table; /* latched by SIRTP */
    uint32_t entries;
    bool extended;  /* 32-bit destinations */
    bool unflushed; /* the table is new, and no global invalidation has come since */
    uint8_t valid[CACHED / 8];
    uint64_t cached[CACHED][2];
};

void remap_set_table(struct model_unit *u)
{
    uint64_t address = reg64(u, R_IRTA);

    *reg(u, R_GSTS) |= G_IRTP;
    if (u->remap == NULL)
        u->remap = zalloc(sizeof(*u->remap));
    u->remap->table = address & ~PAGE_LOW;
    u->remap->entries = BIT32(FIELD(address, 3, 0) + 1);
    u->remap->extended = FIELD(address, 11, 11) != 0;
    u->remap->unflushed = (u->cap & CAP_ESIRTPS) == 0;
    if (!u->remap->unflushed)
        remap_drop(u);
}

/* Software has given SIRTP. */
void remap_table_given(struct model_unit *u)
{
    remap_set_table(u);
    if (u->remap->extended && (u->ecap & ECAP_EIM) == 0)
        violation(u->m, "IRTA: 32-bit ids in a unit that has none");
    if (frame_of(u->m, u->remap->table) == NO_FRAME)
        violation(u->m, "the interrupt table lies where there is no memory");
}

/* IRE goes on. */
void remap_enabled(struct model_unit *u)
{
    if (u->remap != NULL && u->remap->unflushed)
        violation(u->m, "interrupt remapping enabled without a global invalidation after SIRTP");
}

void remap_drop(struct model_unit *u)
{
    if (u->remap != NULL)
        memset(u->remap->valid, 0, sizeof(u->remap->valid));
}

void remap_destroy(struct model_unit *u)
{
    free(u->remap);
}

/* Granularity 0: all; 1: 2^mask entries, from a multiple of that on. */
void remap_invalidate(struct model_unit *u, const struct model_invalidation *what)
{
    uint32_t count = BIT32(what->address_mask), first = what->data & ~(count - 1);

    u->stats.iec++;
    if (what->granularity == 0 || u->remap == NULL) {
        remap_drop(u);
        if (u->remap != NULL)
            u->remap->unflushed = false;
        return;
    }
    for (uint32_t i = first; i < first + count && i < CACHED; i++)
        u->remap->valid[i / 8] &= (uint8_t) ~(1u << i % 8);
}

/* ---- Requests -------------------------------------------------------------------------------- */

struct interrupt_request {
    uint16_t rid;
    uint64_t address;
    uint32_t data;
    uint32_t index;
};

static bool read_entry(struct model_unit *u, uint32_t index, uint64_t entry[2])
{
    struct remap *r = u->remap;

    if ((r->valid[index / 8] & 1u << index % 8) != 0) {
        memcpy(entry, r->cached[index], sizeof(r->cached[index]));
        return true;
    }
    u->stats.interrupt_reads++;
    if (frame_of(u->m, r->table) != NO_FRAME &&
        u->m->memory.state[frame_of(u->m, r->table)] == FRAME_FREED)
        violation(u->m, "the interrupt table lies in a freed page");
    return unit_load(u, r->table + 16 * index, &entry[0]) &&
           unit_load(u, r->table + 16 * index + 8, &entry[1]);
}

/* Present entries are kept; in caching mode absent ones, too. */
static void keep_entry(struct model_unit *u, uint32_t index, const uint64_t entry[2])
{
    struct remap *r = u->remap;

    if (u->behaviour.no_caches || ((entry[0] & 1) == 0 && (u->cap & CAP_CM) == 0))
        return;
    memcpy(r->cached[index], entry, sizeof(r->cached[index]));
    r->valid[index / 8] |= (uint8_t)(1u << index % 8);
}

static bool is_posted(const uint64_t entry[2])
{
    return FIELD(entry[0], 15, 15) != 0;
}

/* [VTD 9.11] */
static bool posted_is_good(const struct model_unit *u, const uint64_t entry[2])
{
    return (u->cap & CAP_PI) != 0 && (entry[0] & UINT64_C(0x3fff0030fc)) == 0 &&
           FIELD(entry[1], 31, 20) == 0 && FIELD(entry[1], 19, 18) != 3;
}

static bool entry_is_good(const struct model_unit *u, const uint64_t entry[2])
{
    const struct remap *r = u->remap;
    unsigned delivery = (unsigned)FIELD(entry[0], 7, 5), source = (unsigned)FIELD(entry[1], 19, 18);
    uint64_t reserved = UINT64_C(0xff00f000) | (r->extended ? 0 : UINT64_C(0xffff00ff00000000));

    if (is_posted(entry))
        return posted_is_good(u, entry);
    return (entry[0] & reserved) == 0 && FIELD(entry[1], 63, 20) == 0 && delivery != 3 &&
           delivery != 6 && source != 3 && (delivery != 1 || FIELD(entry[0], 3, 3) != 0);
}

static bool source_fits(const uint64_t entry[2], uint16_t rid)
{
    static const uint16_t ignored[4] = { 0, 4, 6, 7 };
    uint16_t sid = (uint16_t)entry[1];

    switch (FIELD(entry[1], 19, 18)) {
    case 0:
        return true;
    case 1:
        return ((sid ^ rid) & ~ignored[FIELD(entry[1], 17, 16)] & 0xffff) == 0;
    default:
        return rid >> 8 >= sid >> 8 && rid >> 8 <= (sid & 0xff);
    }
}

/* 0: let through. */
static uint8_t check_request(struct model_unit *u, const struct interrupt_request *q,
                             uint64_t entry[2])
{
    if ((q->address & 3) != 0 || (FIELD(q->address, 3, 3) != 0 && q->data >> 16 != 0))
        return FR_INT_RESERVED;
    if (q->index >= u->remap->entries)
        return FR_INT_INDEX;
    if (!read_entry(u, q->index, entry))
        return FR_INT_ACCESS;
    if ((entry[0] & 1) == 0) {
        keep_entry(u, q->index, entry);
        return FR_INT_ABSENT;
    }
    if (!entry_is_good(u, entry))
        return FR_INT_ENTRY;
    keep_entry(u, q->index, entry);
    return source_fits(entry, q->rid) ? 0 : FR_INT_SOURCE;
}

/* ---- Posting --------------------------------------------------------------------------------- */

/* Coherent whatever ECAP.C says. */
static uint64_t *descriptor_word(struct model_unit *u, uint64_t physical, bool shadow)
{
    const struct memory *mem = &u->m->memory;
    size_t offset = frame_of(u->m, physical) * MODEL_PAGE + (size_t)(physical & PAGE_LOW);

    return (uint64_t *)(void *)((shadow ? mem->shadow : mem->direct) + offset);
}

/* Notes the vector, and notifies unless that is suppressed or has been done [VTD 5.2.4]. */
static uint8_t post(struct model_unit *u, const uint64_t entry[2], uint8_t *out_vector,
                    uint32_t *out_destination)
{
    uint64_t address = FIELD(entry[0], 63, 38) << 6 | FIELD(entry[1], 63, 32) << 32;
    unsigned vector = (unsigned)FIELD(entry[0], 23, 16);
    uint64_t request = address + vector / 64 * 8, state, control;

    if (frame_of(u->m, address) == NO_FRAME)
        return FR_INT_DESCRIPTOR;
    if (u->m->memory.state[frame_of(u->m, address)] == FRAME_FREED)
        violation(u->m, "a posted-interrupt descriptor in a freed page");
    control = *descriptor_word(u, address + 32, false);
    if ((control & PD_RESERVED) != 0)
        return FR_INT_DESCRIPTOR_BITS;
    state = *descriptor_word(u, request, false) | BIT64(vector % 64);
    *descriptor_word(u, request, false) = state;
    *descriptor_word(u, request, true) = state;
    *out_vector = 0;
    if ((control & PD_ON) == 0 && ((control & PD_SN) == 0 || FIELD(entry[0], 14, 14) != 0)) {
        *out_vector = (uint8_t)FIELD(control, 23, 16);
        *out_destination = (uint32_t)(u->remap->extended ? control >> 32 : FIELD(control, 47, 40));
        *descriptor_word(u, address + 32, false) = control | PD_ON;
        *descriptor_word(u, address + 32, true) = control | PD_ON;
    }
    return 0;
}

static enum model_interrupt_result refuse(struct model_unit *u, const struct interrupt_request *q,
                                          uint8_t reason, bool quiet)
{
    if (quiet)
        u->stats.faults_quiet++;
    else
        fault_record(u, q->rid, reason, (uint64_t)q->index << 48, true);
    return MODEL_INT_BLOCKED;
}

static enum model_interrupt_result remap_request(struct model_unit *u, struct interrupt_request *q,
                                                 uint8_t *out_vector, uint32_t *out_destination)
{
    uint64_t entry[2] = { 0, 0 };
    bool remappable = FIELD(q->address, 4, 4) != 0;
    uint8_t reason;

    if ((*reg(u, R_GSTS) & G_IRE) == 0)
        return MODEL_INT_COMPATIBILITY;
    if (!remappable) {
        if ((*reg(u, R_GSTS) & G_CFI) != 0 && !u->remap->extended)
            return MODEL_INT_COMPATIBILITY;
        return refuse(u, q, FR_INT_COMPATIBILITY, false);
    }
    q->index = (uint32_t)(FIELD(q->address, 19, 5) | FIELD(q->address, 2, 2) << 15);
    if (FIELD(q->address, 3, 3) != 0)
        q->index += q->data & 0xffff;
    reason = check_request(u, q, entry);
    if (reason == 0 && is_posted(entry))
        reason = post(u, entry, out_vector, out_destination);
    if (reason != 0)
        return refuse(u, q, reason, (entry[0] & 2) != 0 && reason >= FR_INT_ABSENT);
    if (is_posted(entry))
        return MODEL_INT_POSTED;
    *out_vector = (uint8_t)FIELD(entry[0], 23, 16);
    *out_destination = (uint32_t)(u->remap->extended ? entry[0] >> 32 : FIELD(entry[0], 47, 40));
    u->stats.interrupts_remapped++;
    return MODEL_INT_REMAPPED;
}

enum model_interrupt_result model_interrupt(struct model *m, uint16_t segment, uint16_t rid,
                                            uint64_t address, uint32_t data, uint8_t *out_vector,
                                            uint32_t *out_destination)
{
    struct interrupt_request q = { .rid = rid, .address = address, .data = data };
    enum model_interrupt_result result = MODEL_INT_COMPATIBILITY;
    struct model_unit *u;

    must(in_interrupt_range(address), "model_interrupt: not an interrupt address");
    enter(m);
    u = model_unit_of(m, segment, rid);
    if (u != NULL)
        result = remap_request(u, &q, out_vector, out_destination);
    leave(m);
    return result;
}

/* ---- For tests ------------------------------------------------------------------------------- */

unsigned model_interrupts_stale(struct model_unit *unit)
{
    struct remap *r = unit->remap;
    unsigned count = 0;

    enter(unit->m);
    for (uint32_t i = 0; r != NULL && i < r->entries; i++) {
        uint64_t now[2] = { 0, 0 };

        if ((r->valid[i / 8] & 1u << i % 8) == 0)
            continue;
        if (!unit_load(unit, r->table + 16 * i, &now[0]) ||
            !unit_load(unit, r->table + 16 * i + 8, &now[1]) ||
            memcmp(now, r->cached[i], sizeof(now)) != 0)
            count++;
    }
    leave(unit->m);
    return count;
}

void model_interrupts_warm(struct model_unit *unit)
{
    struct remap *r = unit->remap;

    enter(unit->m);
    for (uint32_t i = 0; r != NULL && i < r->entries; i++) {
        uint64_t entry[2] = { 0, 0 };

        if ((r->valid[i / 8] & 1u << i % 8) == 0 && read_entry(unit, i, entry) &&
            ((entry[0] & 1) == 0 || entry_is_good(unit, entry)))
            keep_entry(unit, i, entry);
    }
    leave(unit->m);
}
