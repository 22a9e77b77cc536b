/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register windows: which registers a unit has, what their bits are, and what a driver must not do
 * to them. Effects are elsewhere: command.c, queue.c, fault.c.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum effect {
    READ_ONLY,
    NO_EFFECT,
    ON_GCMD,
    ON_RTADDR_LOW,
    ON_RTADDR_HIGH,
    ON_CCMD_LOW,
    ON_CCMD_HIGH,
    ON_FSTS,
    ON_CONTROL,
    ON_PMEN,
    ON_PROTECTED_BOUND,
    ON_IQT,
    ON_IQA,
    ON_ICS,
    ON_IOTLB_HIGH,
};

enum presence {
    ALWAYS,
    WITH_QUEUE,
    WITH_LOW,
    WITH_HIGH,
    WITH_LOW_OR_HIGH,
    WITH_LOG,
    WITH_REMAPPING,
    WITH_COMMANDS, /* register-based invalidation; gone in version 6 */
};

/*
 * One dword. Bits: writable; written 1 to clear; read-only (writes are ignored); to be kept as they
 * read; all others have to be written 0. ADDRESS_HIGH stands for the bits of the host address
 * width.
 */
struct description {
    uint16_t offset;
    uint8_t effect, presence;
    uint32_t writable, clear, fixed, keep;
    const char *name;
};
#define ADDRESS_HIGH UINT32_C(0x80000001) /* never a real mask */

/* Index 0 is no register. IVA and IOTLB have offsets relative to IRO. */
enum { NOTHING = 0, RECORD = 255 };
#define RELATIVE 0x1000u

static const struct description descriptions[] = {
    { 0, 0, 0, 0, 0, 0, 0, "" },
    { R_VER, READ_ONLY, ALWAYS, 0, 0, 0, 0, "VER" },
    { R_CAP, READ_ONLY, ALWAYS, 0, 0, 0, 0, "CAP" },
    { R_CAP + 4, READ_ONLY, ALWAYS, 0, 0, 0, 0, "CAP high" },
    { R_ECAP, READ_ONLY, ALWAYS, 0, 0, 0, 0, "ECAP" },
    { R_ECAP + 4, READ_ONLY, ALWAYS, 0, 0, 0, 0, "ECAP high" },
    { R_GCMD, ON_GCMD, ALWAYS, 0, G_LASTING | G_ONE_SHOT, 0, 0, "GCMD" },
    { R_GSTS, READ_ONLY, ALWAYS, 0, 0, 0, 0, "GSTS" },
    { R_RTADDR, ON_RTADDR_LOW, ALWAYS, 0xfffffc00, 0, 0, 0, "RTADDR" },
    { R_RTADDR + 4, ON_RTADDR_HIGH, ALWAYS, ADDRESS_HIGH, 0, 0, 0, "RTADDR high" },
    { R_CCMD, ON_CCMD_LOW, WITH_COMMANDS, 0xffffffff, 0, 0, 0, "CCMD" },
    { R_CCMD + 4, ON_CCMD_HIGH, WITH_COMMANDS, 0xe0000003, 0, 0x18000000, 0, "CCMD high" },
    { R_FSTS, ON_FSTS, ALWAYS, 0, F_W1C, 0, 0, "FSTS" },
    { R_FECTL, ON_CONTROL, ALWAYS, E_MASK, 0, E_PENDING, 0x3fffffff, "FECTL" },
    { R_FEDATA, NO_EFFECT, ALWAYS, 0xffff, 0, 0, 0, "FEDATA" },
    { R_FEADDR, NO_EFFECT, ALWAYS, 0xfffffffc, 0, 0, 0, "FEADDR" },
    { R_FEUADDR, NO_EFFECT, ALWAYS, 0xffffffff, 0, 0, 0, "FEUADDR" },
    { R_AFLOG, NO_EFFECT, WITH_LOG, 0xfffffe00, 0, 0, 0, "AFLOG" },
    { R_AFLOG + 4, NO_EFFECT, WITH_LOG, ADDRESS_HIGH, 0, 0, 0, "AFLOG high" },
    { R_PMEN, ON_PMEN, WITH_LOW_OR_HIGH, E_MASK, 0, 1, 0x7ffffffe, "PMEN" },
    { R_PLMBASE, ON_PROTECTED_BOUND, WITH_LOW, 0xffe00000, 0, 0x1fffff, 0, "PLMBASE" },
    { R_PLMLIMIT, ON_PROTECTED_BOUND, WITH_LOW, 0xffe00000, 0, 0x1fffff, 0, "PLMLIMIT" },
    { R_PHMBASE, ON_PROTECTED_BOUND, WITH_HIGH, 0xffe00000, 0, 0x1fffff, 0, "PHMBASE" },
    { R_PHMBASE + 4, ON_PROTECTED_BOUND, WITH_HIGH, 0xffffffff, 0, 0, 0, "PHMBASE high" },
    { R_PHMLIMIT, ON_PROTECTED_BOUND, WITH_HIGH, 0xffe00000, 0, 0x1fffff, 0, "PHMLIMIT" },
    { R_PHMLIMIT + 4, ON_PROTECTED_BOUND, WITH_HIGH, 0xffffffff, 0, 0, 0, "PHMLIMIT high" },
    { R_IQH, READ_ONLY, WITH_QUEUE, 0, 0, 0, 0, "IQH" },
    { R_IQH + 4, READ_ONLY, WITH_QUEUE, 0, 0, 0, 0, "IQH high" },
    { R_IQT, ON_IQT, WITH_QUEUE, 0x7fff0, 0, 0, 0, "IQT" },
    { R_IQT + 4, NO_EFFECT, WITH_QUEUE, 0, 0, 0, 0, "IQT high" },
    { R_IQA, ON_IQA, WITH_QUEUE, 0xfffff807, 0, 0, 0, "IQA" },
    { R_IQA + 4, ON_IQA, WITH_QUEUE, ADDRESS_HIGH, 0, 0, 0, "IQA high" },
    { R_ICS, ON_ICS, WITH_QUEUE, 0, 1, 0, 0, "ICS" },
    { R_IECTL, ON_CONTROL, WITH_QUEUE, E_MASK, 0, E_PENDING, 0x3fffffff, "IECTL" },
    { R_IEDATA, NO_EFFECT, WITH_QUEUE, 0xffff, 0, 0, 0, "IEDATA" },
    { R_IEADDR, NO_EFFECT, WITH_QUEUE, 0xfffffffc, 0, 0, 0, "IEADDR" },
    { R_IEUADDR, NO_EFFECT, WITH_QUEUE, 0xffffffff, 0, 0, 0, "IEUADDR" },
    { R_IQERCD, READ_ONLY, WITH_QUEUE, 0, 0, 0, 0, "IQERCD" },
    { R_IQERCD + 4, READ_ONLY, WITH_QUEUE, 0, 0, 0, 0, "IQERCD high" },
    { R_IRTA, NO_EFFECT, WITH_REMAPPING, 0xfffff80f, 0, 0, 0, "IRTA" },
    { R_IRTA + 4, NO_EFFECT, WITH_REMAPPING, ADDRESS_HIGH, 0, 0, 0, "IRTA high" },
    { RELATIVE + 0, NO_EFFECT, WITH_COMMANDS, 0xfffff07f, 0, 0, 0, "IVA" },
    { RELATIVE + 4, NO_EFFECT, WITH_COMMANDS, 0xffffffff, 0, 0, 0, "IVA high" },
    { RELATIVE + 8, NO_EFFECT, WITH_COMMANDS, 0, 0, 0, 0, "IOTLB" },
    { RELATIVE + 12, ON_IOTLB_HIGH, WITH_COMMANDS, 0xb003ffff, 0, 0x06000000, 0, "IOTLB high" },
};
#define DESCRIPTIONS (sizeof(descriptions) / sizeof(descriptions[0]))

/* ---- Raw access ------------------------------------------------------------------------------ */

uint64_t width_mask(const struct model *m)
{
    return BIT64(m->config.width) - 1;
}

uint32_t *reg(struct model_unit *u, uint32_t offset)
{
    return &u->regs[offset / 4];
}

uint64_t reg64(struct model_unit *u, uint32_t offset)
{
    return *reg(u, offset) | (uint64_t)*reg(u, offset + 4) << 32;
}

void set_reg64(struct model_unit *u, uint32_t offset, uint64_t value)
{
    *reg(u, offset) = (uint32_t)value;
    *reg(u, offset + 4) = (uint32_t)(value >> 32);
}

void model_poke32(struct model_unit *unit, uint32_t offset, uint32_t value)
{
    must(offset < unit->window && offset % 4 == 0, "model_poke32: bad offset");
    *reg(unit, offset) = value;
    if (offset == R_FSTS)
        unit->status_seen = 0;
}

uint32_t model_peek32(struct model_unit *unit, uint32_t offset)
{
    must(offset < unit->window && offset % 4 == 0, "model_peek32: bad offset");
    return *reg(unit, offset);
}

/* ---- Reads ----------------------------------------------------------------------------------- */

/* Registers whose value moves while software waits for it. */
static void before_read(struct model_unit *u, uint32_t offset)
{
    if (offset == R_GSTS)
        command_poll(u);
    else if (offset == R_PMEN)
        protect_poll(u);
    else if (offset == R_CCMD + 4)
        context_poll(u);
    else if (offset == ECAP_IRO(u->ecap) + 12)
        iotlb_poll(u);
}

uint32_t unit_read(struct model_unit *u, uint32_t offset)
{
    u->stats.register_reads++;
    if (u->behaviour.all_ones)
        return UINT32_MAX;
    if (u->index[offset / 4] == NOTHING) {
        u->stats.absent_reads++;
        return 0;
    }
    before_read(u, offset);
    if (offset == R_FSTS)
        u->status_seen |= *reg(u, R_FSTS);
    return *reg(u, offset);
}

/* ---- Writes ---------------------------------------------------------------------------------- */

static uint32_t writable_bits(const struct model_unit *u, const struct description *d)
{
    if (d->writable == ADDRESS_HIGH)
        return (uint32_t)(width_mask(u->m) >> 32);
    return d->writable;
}

static void check_bits(struct model_unit *u, const struct description *d, uint32_t offset,
                       uint32_t value)
{
    uint32_t writable = writable_bits(u, d);
    uint32_t zero = ~(writable | d->clear | d->fixed | d->keep);

    if (d->effect == READ_ONLY)
        violation(u->m, "write of %#x to the read-only register %s", value, d->name);
    else if ((value & zero) != 0)
        violation(u->m, "write of %#x to %s: reserved or read-only bits %#x", value, d->name,
                  value & zero);
    else if (((value ^ *reg(u, offset)) & d->keep) != 0)
        violation(u->m, "write of %#x to %s: bits to be kept are changed", value, d->name);
}

static void tail_write(struct model_unit *u, uint32_t value)
{
    uint32_t old = *reg(u, R_IQT);

    *reg(u, R_IQT) = value & 0x7fff0;
    u->stats.iqt_writes++;
    queue_tail_written(u, old);
}

static void root_write(struct model_unit *u, bool high)
{
    unsigned mode = (unsigned)FIELD(*reg(u, R_RTADDR), 11, 10);

    if (high && !u->root_low_written)
        violation(u->m, "RTADDR: high half written before the low half");
    u->root_low_written = !high;
    if (!high && mode != 0 && !(mode == 3 && (u->ecap & ECAP_ADMS) != 0))
        violation(u->m, "RTADDR: table mode %u is not supported", mode);
}

static void queue_address_write(struct model_unit *u)
{
    if ((*reg(u, R_GSTS) & G_QIE) != 0)
        violation(u->m, "IQA written while the queue is on");
    if ((*reg(u, R_IQA) & BIT32(11)) != 0 && (u->ecap & (ECAP_SMTS | ECAP_ADMS)) == 0)
        violation(u->m, "IQA: 256-bit descriptors are not supported");
}

static void after_write(struct model_unit *u, const struct description *d, uint32_t value)
{
    switch (d->effect) {
    case ON_RTADDR_LOW:
        root_write(u, false);
        break;
    case ON_RTADDR_HIGH:
        root_write(u, true);
        break;
    case ON_CCMD_LOW:
        u->context_low_written = true;
        break;
    case ON_CCMD_HIGH:
        context_command(u);
        break;
    case ON_IOTLB_HIGH:
        iotlb_command(u);
        break;
    case ON_PROTECTED_BOUND:
        if ((*reg(u, R_PMEN) & (E_MASK | 1)) != 0)
            violation(u->m, "%s written while protection is on", d->name);
        break;
    case ON_IQA:
        queue_address_write(u);
        break;
    case ON_ICS:
        if ((value & 1) != 0) {
            *reg(u, R_ICS) = 0;
            *reg(u, R_IECTL) &= ~E_PENDING;
        }
        break;
    default:
        break;
    }
}

/* Writes to registers that are not simply stored. True: done. */
static bool special_write(struct model_unit *u, const struct description *d, uint32_t offset,
                          uint32_t value)
{
    switch (d->effect) {
    case ON_GCMD:
        command_write(u, value);
        return true;
    case ON_FSTS:
        status_write(u, value);
        return true;
    case ON_CONTROL:
        control_write(u, offset, value);
        return true;
    case ON_PMEN:
        protect_write(u, value);
        return true;
    case ON_IQT:
        tail_write(u, value);
        return true;
    case ON_CCMD_LOW:
    case ON_CCMD_HIGH:
        if (!u->context_pending)
            return false;
        violation(u->m, "CCMD written while a command is in progress");
        return true;
    case ON_IOTLB_HIGH:
        if (!u->iotlb_pending)
            return false;
        violation(u->m, "IOTLB written while a command is in progress");
        return true;
    default:
        return false;
    }
}

void unit_write(struct model_unit *u, uint32_t offset, uint32_t value)
{
    uint8_t index = u->index[offset / 4];
    const struct description *d = &descriptions[index == RECORD ? 0 : index];
    uint32_t writable;

    u->stats.register_writes++;
    if (u->behaviour.all_ones)
        return;
    if (index == NOTHING) {
        violation(u->m, "write of %#x to %#x, where this unit has no register", value, offset);
        return;
    }
    if (index == RECORD) {
        record_write(u, offset, value);
        return;
    }
    check_bits(u, d, offset, value);
    if (special_write(u, d, offset, value))
        return;
    writable = writable_bits(u, d);
    *reg(u, offset) = (*reg(u, offset) & ~writable) | (value & writable);
    after_write(u, d, value);
}

/* ---- Units ----------------------------------------------------------------------------------- */

static bool has_register(const struct model_unit *u, const struct description *d)
{
    switch (d->presence) {
    case WITH_QUEUE:
        return (u->ecap & ECAP_QI) != 0;
    case WITH_LOW:
        return (u->cap & CAP_PLMR) != 0;
    case WITH_HIGH:
        return (u->cap & CAP_PHMR) != 0;
    case WITH_LOW_OR_HIGH:
        return (u->cap & (CAP_PLMR | CAP_PHMR)) != 0;
    case WITH_LOG:
        return (u->cap & CAP_AFL) != 0;
    case WITH_REMAPPING:
        return (u->ecap & ECAP_IR) != 0;
    case WITH_COMMANDS:
        return u->version >> 4 < 6;
    default:
        return true;
    }
}

static void layout(struct model_unit *u)
{
    uint32_t fro = CAP_FRO(u->cap), iro = ECAP_IRO(u->ecap);
    size_t end = MODEL_PAGE, records = 16u * CAP_NFR(u->cap);

    if (iro + 16u > end)
        end = iro + 16u;
    if (fro + records > end)
        end = fro + records;
    u->window = (end + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE;
    u->regs = zalloc(u->window);
    u->index = zalloc(u->window / 4);
    for (uint8_t i = 1; i < DESCRIPTIONS; i++) {
        uint32_t offset = descriptions[i].offset;

        if (offset >= RELATIVE)
            offset = offset - RELATIVE + iro;
        if (has_register(u, &descriptions[i]))
            u->index[offset / 4] = i;
    }
    memset(u->index + fro / 4, RECORD, records / 4);
}

static void check_capabilities(const struct model_unit *u)
{
    uint32_t fro = CAP_FRO(u->cap), iro = ECAP_IRO(u->ecap);
    uint32_t end = fro + 16u * CAP_NFR(u->cap);

    must(CAP_ND(u->cap) <= 6, "unit config: ND = 7 is reserved");
    must((u->ecap & ECAP_QI) != 0 || (u->ecap & (ECAP_IR | ECAP_DT)) == 0,
         "unit config: IR and DT need QI");
    must(fro >= 0xc0 && iro >= 0xc0, "unit config: FRO or IRO inside the fixed registers");
    must(iro + 16 <= fro || iro >= end, "unit config: FRO and IRO overlap");
}

static void reset_registers(struct model_unit *u)
{
    *reg(u, R_VER) = u->version;
    set_reg64(u, R_CAP, u->cap);
    set_reg64(u, R_ECAP, u->ecap);
    *reg(u, R_FECTL) = E_MASK;
    if ((u->ecap & ECAP_QI) != 0)
        *reg(u, R_IECTL) = E_MASK;
    if ((u->cap & CAP_PLMR) != 0)
        *reg(u, R_PLMLIMIT) = 0x1fffff;
    if ((u->cap & CAP_PHMR) != 0)
        *reg(u, R_PHMLIMIT) = 0x1fffff;
}

void model_set_errata(struct model_unit *unit, unsigned errata)
{
    unit->errata = errata;
    if ((errata & MODEL_ERRATUM_HIDDEN_BUFFER) != 0 && unit->buffered == NULL)
        unit->buffered = zalloc(unit->m->memory.total * MODEL_PAGE);
}

struct model_unit *model_add_unit(struct model *m, const struct model_unit_config *config)
{
    const struct model_profile *p =
        model_profile(config->profile == NULL ? "generic48" : config->profile);
    struct model_unit *u = zalloc(sizeof(*u));
    struct model_unit **end = &m->units;

    must(p != NULL, "unit config: no such profile");
    must(config->base != 0 && (config->base & PAGE_LOW) == 0, "unit config: bad base");
    u->m = m;
    u->segment = config->segment;
    u->base = config->base;
    u->include_all = config->include_all;
    u->size_field = config->size_field;
    u->version = config->version != 0 ? config->version : p->version;
    u->cap = (p->cap & ~config->cap_clear) | config->cap_set;
    u->ecap = (p->ecap & ~config->ecap_clear) | config->ecap_set;
    check_capabilities(u);
    layout(u);
    reset_registers(u);
    u->log = zalloc(INVALIDATION_LOG * sizeof(*u->log));
    if ((u->cap & CAP_RWBF) != 0)
        u->buffered = zalloc(m->memory.total * MODEL_PAGE);
    while (*end != NULL)
        end = &(*end)->next;
    *end = u;
    return u;
}

void unit_destroy(struct model_unit *u)
{
    while (u->scopes != NULL) {
        struct scope_node *node = u->scopes;

        u->scopes = node->next;
        free(node);
    }
    cache_free(&u->context_cache);
    cache_free(&u->iotlb);
    cache_free(&u->walk_cache);
    remap_destroy(u);
    free(u->buffered);
    free(u->log);
    free(u->index);
    free(u->regs);
    free(u);
}

uint64_t model_unit_cap(const struct model_unit *unit)
{
    return unit->cap;
}

uint64_t model_unit_ecap(const struct model_unit *unit)
{
    return unit->ecap;
}

struct model_unit *model_unit_at(struct model *m, unsigned index)
{
    struct model_unit *u = m->units;

    while (u != NULL && index-- > 0)
        u = u->next;
    return u;
}

struct model_behaviour *model_behaviour(struct model_unit *unit)
{
    return &unit->behaviour;
}

struct model_unit_stats *model_stats(struct model_unit *unit)
{
    return &unit->stats;
}

void model_firmware_state(struct model_unit *unit, uint32_t gsts, uint64_t rtaddr)
{
    *reg(unit, R_GSTS) = gsts;
    set_reg64(unit, R_RTADDR, rtaddr);
    unit->root = rtaddr;
    if ((gsts & G_QIE) != 0)
        queue_enable(unit);
    if ((gsts & G_IRTP) != 0 && (unit->ecap & ECAP_IR) != 0)
        remap_set_table(unit);
}

void model_lose_registers(struct model_unit *unit)
{
    memset(unit->regs, 0, unit->window);
    reset_registers(unit);
    caches_drop(unit);
    remap_destroy(unit);
    unit->remap = NULL;
    unit->queue = (struct queue){ .last_was_wait = true };
    unit->command_pending = unit->context_pending = unit->iotlb_pending = false;
    unit->protect_pending = unit->context_low_written = unit->root_low_written = false;
    unit->waits.command = unit->waits.protect = false;
    unit->root = 0;
    unit->root_needs_context = unit->root_needs_iotlb = false;
    unit->log_next = unit->fault_next = 0;
    unit->status_seen = 0;
}
