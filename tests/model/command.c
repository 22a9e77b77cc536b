/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands given through registers: GCMD, protected memory, context-cache and IOTLB commands. */
#include "internal.h"

/* ---- GCMD ------------------------------------------------------------------------------------ */

static unsigned bits_set(uint32_t value)
{
    unsigned count = 0;

    for (; value != 0; value &= value - 1)
        count++;
    return count;
}

static uint32_t bits_supported(const struct model_unit *u)
{
    uint32_t bits = G_TE | G_RTP;

    if ((u->cap & CAP_RWBF) != 0 || (u->errata & MODEL_ERRATUM_HIDDEN_BUFFER) != 0)
        bits |= G_WBF;
    if ((u->ecap & ECAP_QI) != 0)
        bits |= G_QIE;
    if ((u->ecap & ECAP_IR) != 0)
        bits |= G_IRE | G_IRTP | G_CFI;
    if ((u->cap & CAP_AFL) != 0)
        bits |= G_AFL | G_FL;
    return bits;
}

/* The table that is in force has the format of scalable mode: there is no way but the queue. */
bool in_scalable_mode(const struct model_unit *u)
{
    return FIELD(u->root, 11, 10) == 1;
}

/* One command at a time, only what the unit has, and in an order that makes sense [VTD 10.4.4]. */
static void command_check(struct model_unit *u, uint32_t value)
{
    uint32_t status = *reg(u, R_GSTS);
    uint32_t changed = (value ^ status) & G_LASTING;
    uint32_t root = (uint32_t)u->root;

    if (u->command_pending)
        violation(u->m, "GCMD written (%#x) before the command before has completed", value);
    if ((value & ~bits_supported(u)) != 0)
        violation(u->m, "GCMD written with bits %#x, which this unit does not have",
                  value & ~bits_supported(u));
    if (bits_set(changed) + bits_set(value & G_ONE_SHOT) > 1)
        violation(u->m, "GCMD: more than one command at a time (%#x, status %#x)", value, status);
    if ((changed & value & G_TE) != 0) {
        if ((status & G_RTP) == 0)
            violation(u->m, "translation enabled before a root table was set");
        else if (u->root_needs_context || u->root_needs_iotlb)
            violation(u->m, "translation enabled without global invalidations after SRTP");
    }
    if ((value & G_RTP) != 0 && (status & G_TE) != 0 && (u->cap & CAP_ESRTPS) == 0 &&
        FIELD(root, 11, 10) != FIELD(*reg(u, R_RTADDR), 11, 10))
        violation(u->m, "SRTP changes the table mode while translation is on");
    if ((changed & ~value & G_QIE) != 0 && (status & G_TE) != 0 && in_scalable_mode(u))
        violation(u->m, "queue disabled while scalable mode translates");
    if ((value & G_IRE) != 0 && (u->errata & MODEL_ERRATUM_NO_REMAPPING) != 0)
        violation(u->m, "interrupt remapping enabled on a chipset where it does not work");
    if ((changed & value & G_IRE) != 0 && (status & (G_QIE | G_IRTP)) != (G_QIE | G_IRTP))
        violation(u->m, "interrupt remapping enabled without queue or table");
    if ((changed & value & G_IRE) != 0)
        remap_enabled(u);
}

static void set_root(struct model_unit *u)
{
    u->root = reg64(u, R_RTADDR);
    *reg(u, R_GSTS) |= G_RTP;
    for (const struct model_unit *other = u->m->units; other != NULL; other = other->next) {
        if ((u->errata & MODEL_ERRATUM_QUEUE_FIRST) != 0 && (other->ecap & ECAP_QI) != 0 &&
            (other->regs[R_GSTS / 4] & G_QIE) == 0)
            u->contexts_dead = true;
    }
    if ((u->cap & CAP_ESRTPS) != 0) {
        caches_drop(u);
        return;
    }
    u->root_needs_context = true;
    u->root_needs_iotlb = true;
}

static void command_complete(struct model_unit *u)
{
    uint32_t value = u->command;
    uint32_t before = *reg(u, R_GSTS);
    uint32_t changed = (value ^ before) & G_LASTING;

    u->command_pending = false;
    *reg(u, R_GSTS) = (before & ~G_LASTING) | (value & G_LASTING);
    if ((value & G_RTP) != 0)
        set_root(u);
    if ((value & G_IRTP) != 0)
        remap_table_given(u);
    if ((value & G_FL) != 0) {
        *reg(u, R_GSTS) |= G_FL;
        u->log_next = 0;
    }
    if ((value & G_WBF) != 0) {
        write_buffer_flush(u);
        *reg(u, R_GSTS) &= ~G_WBF;
    }
    if ((changed & G_QIE) != 0) {
        if ((value & G_QIE) != 0)
            queue_enable(u);
        else
            queue_disable(u);
    }
}

static void command_count(struct model_unit *u, uint32_t value)
{
    uint32_t changed = (value ^ *reg(u, R_GSTS)) & G_LASTING;
    struct model_unit_stats *s = &u->stats;

    s->gcmd_writes++;
    s->srtp += (value & G_RTP) != 0;
    s->sfl += (value & G_FL) != 0;
    s->wbf += (value & G_WBF) != 0;
    s->sirtp += (value & G_IRTP) != 0;
    s->te_on += (changed & value & G_TE) != 0;
    s->te_off += (changed & ~value & G_TE) != 0;
    s->qie_on += (changed & value & G_QIE) != 0;
    s->qie_off += (changed & ~value & G_QIE) != 0;
}

/* ---- Waits that are made to hang --------------------------------------------------------------
 */

/* True: what begins now, and software waits for, does not come to its end. */
bool wait_hangs(struct model_unit *u)
{
    bool hangs = false;

    u->waits.seen++;
    if (u->waits.at != 0)
        hangs = u->waits.persistent ? u->waits.seen >= u->waits.at : u->waits.seen == u->waits.at;
    u->waits.failed += hangs;
    return hangs;
}

void model_hang_wait(struct model_unit *unit, unsigned n, bool persistent)
{
    enter(unit->m);
    unit->waits.at = n;
    unit->waits.persistent = persistent;
    unit->waits.seen = 0;
    unit->waits.failed = 0;
    leave(unit->m);
}

unsigned model_waits(struct model_unit *unit)
{
    return unit->waits.seen;
}

unsigned model_waits_hung(struct model_unit *unit)
{
    return unit->waits.failed;
}

/* The one-shot status bits drop when the command starts, except WBFS, which is a busy flag. */
void command_write(struct model_unit *u, uint32_t value)
{
    command_check(u, value);
    command_count(u, value);
    value &= bits_supported(u);
    if (u->behaviour.no_compatible)
        value &= ~G_CFI;
    *reg(u, R_GSTS) &= ~(value & (G_RTP | G_IRTP | G_FL));
    *reg(u, R_GSTS) |= value & G_WBF;
    u->command = value;
    u->command_pending = true;
    u->command_reads = u->behaviour.gsts_lag;
    u->waits.command = wait_hangs(u);
    if (u->command_reads == 0 && !u->waits.command)
        command_complete(u);
}

void command_poll(struct model_unit *u)
{
    if (!u->command_pending || u->waits.command || u->behaviour.gsts_lag == MODEL_NEVER)
        return;
    if (u->command_reads > u->behaviour.gsts_lag)
        u->command_reads = u->behaviour.gsts_lag;
    if (u->command_reads > 0)
        u->command_reads--;
    if (u->command_reads == 0)
        command_complete(u);
}

/* ---- Protected memory ------------------------------------------------------------------------ */

static void protect_complete(struct model_unit *u)
{
    u->protect_pending = false;
    *reg(u, R_PMEN) = (*reg(u, R_PMEN) & ~UINT32_C(1)) | *reg(u, R_PMEN) >> 31;
}

void protect_write(struct model_unit *u, uint32_t value)
{
    if ((u->errata & MODEL_ERRATUM_NO_PROTECTED) != 0)
        violation(u->m, "PMEN written on a chipset whose protected memory must not be used");
    if (u->protect_pending)
        violation(u->m, "PMEN written before the change before has completed");
    *reg(u, R_PMEN) = (*reg(u, R_PMEN) & ~E_MASK) | (value & E_MASK);
    u->protect_pending = true;
    u->protect_reads = u->behaviour.gsts_lag;
    u->waits.protect = wait_hangs(u);
    if (u->protect_reads == 0 && !u->waits.protect)
        protect_complete(u);
}

void protect_poll(struct model_unit *u)
{
    if (!u->protect_pending || u->waits.protect || u->behaviour.gsts_lag == MODEL_NEVER)
        return;
    if (u->protect_reads > 0)
        u->protect_reads--;
    if (u->protect_reads == 0)
        protect_complete(u);
}

/* ---- Invalidation by registers [VTD 6.5.1] --------------------------------------------------- */

#define CCMD_ICC      BIT32(31)
#define CCMD_CAIG(g)  ((uint32_t)(g) << 27)
#define IOTLB_IVT     BIT32(31)
#define IOTLB_IAIG(g) ((uint32_t)(g) << 25)
#define IOTLB_REG(u)  (ECAP_IRO((u)->ecap) + 12)

/* True: the request is carried out; false: refused, the actual granularity reads 0. */
static bool carry_out(struct model_unit *u, const struct model_invalidation *what)
{
    if (u->refuse > 0) {
        u->refuse--;
        u->stats.refused++;
        return false;
    }
    u->stats.by_register++;
    return invalidation_apply(u, what);
}

static void context_complete(struct model_unit *u)
{
    uint32_t low = *reg(u, R_CCMD), high = *reg(u, R_CCMD + 4);
    struct model_invalidation what = {
        .kind = MODEL_INV_CONTEXT,
        .granularity = (enum model_granularity)FIELD(high, 30, 29),
        .by_register = true,
        .did = (uint16_t)low,
        .sid = (uint16_t)(low >> 16),
        .function_mask = (uint8_t)FIELD(high, 1, 0),
    };
    bool done = carry_out(u, &what);

    u->context_pending = false;
    u->context_low_written = false;
    /* The source id and function mask are write-only. */
    *reg(u, R_CCMD) = low & 0xffff;
    *reg(u, R_CCMD + 4) = (high & 0x60000000) | CCMD_CAIG(done ? what.granularity : 0);
}

/* Both interfaces at a time do not work: the command hangs for ever [VTD 6.5.1]. */
static bool blocked_by_queue(struct model_unit *u, const char *what)
{
    if (in_scalable_mode(u)) {
        violation(u->m, "%s command in scalable mode", what);
        return true;
    }
    if ((*reg(u, R_GSTS) & G_QIE) == 0)
        return false;
    violation(u->m, "%s command while the queue is on", what);
    return true;
}

void context_command(struct model_unit *u)
{
    if ((*reg(u, R_CCMD + 4) & CCMD_ICC) == 0)
        return;
    if (!u->context_low_written && FIELD(*reg(u, R_CCMD + 4), 30, 29) > 1)
        violation(u->m, "CCMD started without its low half having been written");
    u->context_pending = true;
    u->context_reads = u->behaviour.invalidation_lag;
    if (wait_hangs(u) || u->contexts_dead || blocked_by_queue(u, "CCMD"))
        u->context_reads = MODEL_NEVER;
    if (u->context_reads == 0)
        context_complete(u);
}

void context_poll(struct model_unit *u)
{
    if (!u->context_pending || u->context_reads == MODEL_NEVER)
        return;
    if (u->context_reads > 0)
        u->context_reads--;
    if (u->context_reads == 0)
        context_complete(u);
}

static void iotlb_complete(struct model_unit *u)
{
    uint32_t high = *reg(u, IOTLB_REG(u));
    uint64_t address = reg64(u, ECAP_IRO(u->ecap));
    struct model_invalidation what = {
        .kind = MODEL_INV_IOTLB,
        .granularity = (enum model_granularity)FIELD(high, 29, 28),
        .by_register = true,
        .did = (uint16_t)high,
        .drain_read = (high & BIT32(17)) != 0,
        .drain_write = (high & BIT32(16)) != 0,
    };
    bool done;

    if (what.granularity == MODEL_DEVICE_OR_PAGE) {
        what.address = address & ~PAGE_LOW;
        what.address_mask = (uint8_t)FIELD(address, 5, 0);
        what.leaf_hint = FIELD(address, 6, 6) != 0;
    }
    done = carry_out(u, &what);
    u->iotlb_pending = false;
    *reg(u, IOTLB_REG(u)) =
        (high & ~(IOTLB_IVT | IOTLB_IAIG(3))) | IOTLB_IAIG(done ? what.granularity : 0);
    set_reg64(u, ECAP_IRO(u->ecap), 0); /* IVA is write-only */
}

void iotlb_command(struct model_unit *u)
{
    if ((*reg(u, IOTLB_REG(u)) & IOTLB_IVT) == 0)
        return;
    if (u->context_pending)
        violation(u->m, "IOTLB command before the context-cache command has completed");
    u->iotlb_pending = true;
    u->iotlb_reads = u->behaviour.invalidation_lag;
    if (wait_hangs(u) || blocked_by_queue(u, "IOTLB"))
        u->iotlb_reads = MODEL_NEVER;
    if (u->iotlb_reads == 0)
        iotlb_complete(u);
}

void iotlb_poll(struct model_unit *u)
{
    if (!u->iotlb_pending || u->iotlb_reads == MODEL_NEVER)
        return;
    if (u->iotlb_reads > 0)
        u->iotlb_reads--;
    if (u->iotlb_reads == 0)
        iotlb_complete(u);
}

/* ---- For tests ------------------------------------------------------------------------------- */

void model_release_waits(struct model_unit *unit)
{
    struct model_unit *u = unit;

    enter(u->m);
    u->waits.at = 0;
    if (u->command_pending && u->waits.command)
        command_complete(u);
    if (u->protect_pending && u->waits.protect)
        protect_complete(u);
    u->waits.command = u->waits.protect = false;
    if (u->context_pending && u->context_reads == MODEL_NEVER && (*reg(u, R_GSTS) & G_QIE) == 0)
        context_complete(u);
    if (u->iotlb_pending && u->iotlb_reads == MODEL_NEVER && (*reg(u, R_GSTS) & G_QIE) == 0)
        iotlb_complete(u);
    if (u->queue.stalled) {
        u->queue.stalled = false;
        queue_kick(u);
    }
    leave(u->m);
}

void model_refuse_invalidations(struct model_unit *unit, unsigned n)
{
    unit->refuse = n;
}
