/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices' transactions, and looking at translations from outside. */
#include <string.h>

#include "internal.h"

/* ---- Protected memory regions [VTD 10.4.16] -------------------------------------------------- */

static bool inside(uint64_t address, uint64_t base, uint64_t limit)
{
    return address >= base && address <= limit;
}

/* Base and limit are multiples of 2 MiB; the low bits of the limit count as ones. */
static bool protected_address(struct model_unit *u, uint64_t physical)
{
    uint64_t low = UINT64_C(0x1fffff);

    if ((u->cap & (CAP_PLMR | CAP_PHMR)) == 0 || (*reg(u, R_PMEN) & 1) == 0)
        return false;
    if ((u->cap & CAP_PLMR) != 0 &&
        inside(physical, *reg(u, R_PLMBASE) & ~low, *reg(u, R_PLMLIMIT) | low))
        return true;
    return (u->cap & CAP_PHMR) != 0 &&
           inside(physical, reg64(u, R_PHMBASE) & ~low, reg64(u, R_PHMLIMIT) | low);
}

/* ---- DMA ------------------------------------------------------------------------------------- */

/* Faults that are found before the context entry is read cannot be suppressed by it. */
static bool suppressible(uint8_t reason)
{
    return reason != FR_ROOT_ABSENT && reason != FR_ROOT_ACCESS && reason != FR_CONTEXT_ACCESS &&
           reason != FR_ROOT_RESERVED && reason != FR_BAD_RTADDR && reason != FR_ABORT_MODE;
}

static void report(struct model_unit *u, const struct request *r, const struct model_translation *t)
{
    if (t->no_report && suppressible(t->reason))
        u->stats.faults_quiet++;
    else
        fault_record(u, r->rid, t->reason, r->iova, r->write);
}

/* What a device writes is coherent: memory and the processor's view change together. */
static void write_frame(struct model *m, size_t frame, size_t offset, const uint8_t *data,
                        size_t length)
{
    memcpy(frame_pointer(m, frame) + offset, data, length);
    memcpy(m->memory.shadow + frame * MODEL_PAGE + offset, data, length);
}

static enum model_result touch_memory(struct model *m, struct model_unit *u, uint64_t physical,
                                      uint8_t *data, size_t length, bool write)
{
    size_t frame = frame_of(m, physical);
    size_t offset = (size_t)(physical & PAGE_LOW);

    if (frame == NO_FRAME) {
        if (!write)
            memset(data, 0xff, length);
        if (u != NULL)
            u->stats.dma_outside++;
        return MODEL_NO_MEMORY;
    }
    if (u != NULL) {
        u->stats.dma_to_freed += m->memory.state[frame] == FRAME_FREED;
        u->stats.dma_to_tables += write && m->memory.state[frame] == FRAME_TABLE;
    }
    if (write)
        write_frame(m, frame, offset, data, length);
    else
        memcpy(data, frame_pointer(m, frame) + offset, length);
    return MODEL_OK;
}

/* A transaction that stays inside one page. */
static enum model_result dma_page(struct model *m, struct model_unit *u, const struct request *r,
                                  uint8_t *data, size_t length)
{
    struct model_translation t = { .result = MODEL_BYPASSED, .physical = r->iova };
    enum model_result reached;

    if (r->write && in_interrupt_range(r->iova))
        return length == 4 ? MODEL_INTERRUPT : MODEL_BLOCKED;
    if (u != NULL)
        t = unit_translate(u, r);
    if (t.result == MODEL_BLOCKED) {
        report(u, r, &t);
        return MODEL_BLOCKED;
    }
    if (u != NULL && protected_address(u, t.physical))
        return MODEL_BLOCKED_PMR;
    if (length == 0)
        return t.result;
    reached = touch_memory(m, u, t.physical, data, length, r->write);
    return reached == MODEL_OK ? t.result : reached;
}

static enum model_result dma(struct model *m, uint16_t segment, const struct request *request,
                             void *buffer, size_t length)
{
    uint64_t iova = request->iova;
    struct model_unit *u;
    enum model_result result;
    uint8_t *data = buffer;

    enter(m);
    u = model_unit_of(m, segment, request->rid);
    do {
        size_t in_page = MODEL_PAGE - (size_t)(iova & PAGE_LOW);
        size_t part = length < in_page ? length : in_page;
        const struct request r = { .rid = request->rid,
                                   .iova = iova,
                                   .write = request->write,
                                   .zero_length = part == 0,
                                   .translated = request->translated,
                                   .use_caches = true,
                                   .fill = true };

        result = dma_page(m, u, &r, data, part);
        data += part;
        iova += part;
        length -= part;
    } while (length > 0 && (result == MODEL_OK || result == MODEL_BYPASSED));
    leave(m);
    return result;
}

enum model_result model_dma(struct model *m, uint16_t segment, uint16_t rid, uint64_t iova,
                            void *buffer, size_t length, bool write)
{
    const struct request r = { .rid = rid, .iova = iova, .write = write };

    return dma(m, segment, &r, buffer, length);
}

enum model_result model_dma_translated(struct model *m, uint16_t segment, uint16_t rid,
                                       uint64_t physical, void *buffer, size_t length, bool write)
{
    const struct request r = { .rid = rid, .iova = physical, .write = write, .translated = true };

    return dma(m, segment, &r, buffer, length);
}

static struct model_translation look(struct model *m, uint16_t segment, struct request r)
{
    struct model_translation t = {
        .result = MODEL_BYPASSED, .physical = r.iova, .readable = true, .writable = true
    };
    struct model_unit *u;

    enter(m);
    u = model_unit_of(m, segment, r.rid);
    if (u != NULL)
        t = unit_translate(u, &r);
    leave(m);
    return t;
}

struct model_translation model_translate(struct model *m, uint16_t segment, uint16_t rid,
                                         uint64_t iova, bool write)
{
    return look(m, segment, (struct request){ .rid = rid, .iova = iova, .write = write });
}

struct model_translation model_translate_cached(struct model *m, uint16_t segment, uint16_t rid,
                                                uint64_t iova, bool write)
{
    return look(m, segment,
                (struct request){ .rid = rid, .iova = iova, .write = write, .use_caches = true });
}

/* ---- Listing a tree -------------------------------------------------------------------------- */

struct visit {
    struct model_unit *u;
    model_leaf_fn *visit;
    void *context;
};

static void visit_table(const struct visit *v, uint64_t table, unsigned level, uint64_t base,
                        uint64_t rights)
{
    for (unsigned i = 0; i < 512; i++) {
        uint64_t iova = base | (uint64_t)i << level_shift(level), entry;

        if (!unit_load(v->u, table + 8 * i, &entry) || (entry & 3) == 0)
            continue;
        if (entry_is_leaf(entry, level))
            v->visit(v->context, iova, BIT64(level_shift(level)), entry_target(entry),
                     (entry & rights & 1) != 0, (entry & rights & 2) != 0);
        else
            visit_table(v, entry_target(entry), level - 1, iova, entry & rights);
    }
}

void model_visit_leaves(struct model *m, uint16_t segment, uint16_t rid, model_leaf_fn *visit,
                        void *context)
{
    struct visit v = { .visit = visit, .context = context };

    enter(m);
    v.u = model_unit_of(m, segment, rid);
    if (v.u != NULL) {
        struct context c = read_context(v.u, rid);

        if (c.reason == 0 && c.tt != 2)
            visit_table(&v, c.top, c.aw + 2u, 0, 3);
    }
    leave(m);
}

/* ---- Counting a tree ------------------------------------------------------------------------- */

static void count_table(struct model_unit *u, uint64_t table, unsigned level,
                        struct model_tree *tree)
{
    unsigned used = 0;

    tree->tables++;
    for (unsigned i = 0; i < 512; i++) {
        uint64_t entry;

        if (!unit_load(u, table + 8 * i, &entry) || (entry & 3) == 0)
            continue;
        used++;
        if (level == 1 || (level <= 3 && FIELD(entry, 7, 7) != 0))
            tree->leaves[level]++;
        else
            count_table(u, entry & UINT64_C(0x000ffffffffff000), level - 1, tree);
    }
    tree->empty_tables += used == 0;
}

struct model_tree model_count_tree(struct model *m, uint16_t segment, uint16_t rid)
{
    struct model_tree tree = { .valid = false };
    struct model_unit *u;
    struct context c;

    enter(m);
    u = model_unit_of(m, segment, rid);
    if (u != NULL) {
        c = read_context(u, rid);
        if (c.reason == 0 && c.tt != 2) {
            tree.valid = true;
            tree.levels = c.aw + 2u;
            tree.root = c.top;
            count_table(u, c.top, tree.levels, &tree);
        }
    }
    leave(m);
    return tree;
}
