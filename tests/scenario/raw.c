/* SPDX-License-Identifier: BSD-2-Clause */
#include "raw.h"

enum {
    REG_CAP = 0x08,
    REG_ECAP = 0x10,
    REG_GCMD = 0x18,
    REG_GSTS = 0x1c,
    REG_RTADDR = 0x20,
    REG_CCMD = 0x28,
    REG_FSTS = 0x34,
};
#define TRANSLATE UINT32_C(0x80000000)
#define SET_ROOT  UINT32_C(0x40000000)
#define BUSY      UINT32_C(0x80000000)
#define ADDRESS   UINT64_C(0x000ffffffffff000)

static uint32_t rd(struct raw *r, uint32_t offset)
{
    return r->b->ops->read(r->b->machine, offset);
}

static void wr(struct raw *r, uint32_t offset, uint32_t value)
{
    r->b->ops->write(r->b->machine, offset, value);
}

static void command(struct raw *r, uint32_t bits, uint32_t seen)
{
    wr(r, REG_GCMD, bits);
    for (unsigned i = 0; (rd(r, REG_GSTS) & seen) == 0; i++)
        assert_true(i < 1000);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

void raw_store(struct raw *r, uint64_t physical, uint64_t value)
{
    r->b->ops->publish(r->b->machine, physical, value);
}

uint64_t raw_load(struct raw *r, uint64_t physical)
{
    return *(volatile uint64_t *)(void *)bed_memory(r->b, physical);
}

uint64_t raw_page(struct raw *r)
{
    uint64_t page = r->next;

    r->next += PAGE;
    assert_true(r->next <= LOW_END);
    for (uint64_t at = 0; at < PAGE; at += 8)
        raw_store(r, page + at, 0);
    return page;
}

void raw_open(struct raw *r, struct testbed *b, unsigned levels)
{
    r->b = b;
    r->next = LOW + MIB(32);
    r->levels = levels;
    r->root = raw_page(r);
    b->ops->reach(b->machine, 0, UINT64_MAX);
    wr(r, REG_RTADDR, (uint32_t)r->root);
    wr(r, REG_RTADDR + 4, (uint32_t)(r->root >> 32));
    command(r, SET_ROOT, SET_ROOT);
    raw_flush_all(r);
    command(r, TRANSLATE, TRANSLATE);
}

uint64_t raw_root_entry(struct raw *r, udmar_rid_t source)
{
    return r->root + 16u * UDMAR_RID_BUS(source);
}

uint64_t raw_context_entry(struct raw *r, udmar_rid_t source)
{
    uint64_t root = raw_root_entry(r, source);

    if ((raw_load(r, root) & 1) == 0)
        raw_store(r, root, raw_page(r) | 1);
    return (raw_load(r, root) & ADDRESS) + 16u * UDMAR_RID_DEVFN(source);
}

void raw_context(struct raw *r, udmar_rid_t source, uint64_t low, uint64_t high)
{
    uint64_t entry = raw_context_entry(r, source);

    raw_store(r, entry + 8, high);
    raw_store(r, entry, low);
}

void raw_attach(struct raw *r, udmar_rid_t source, uint64_t top, unsigned did)
{
    raw_context(r, source, top | 1, (uint64_t)did << 8 | (r->levels - 2));
}

uint64_t raw_map(struct raw *r, uint64_t top, uint64_t iova, unsigned level, uint64_t entry)
{
    uint64_t table = top;

    for (unsigned at = r->levels;; at--) {
        uint64_t slot = table + 8 * ((iova >> (12 + 9 * (at - 1))) & 511);

        if (at == level) {
            raw_store(r, slot, entry);
            return slot;
        }
        if ((raw_load(r, slot) & 3) == 0)
            raw_store(r, slot, raw_page(r) | 3);
        table = raw_load(r, slot) & ADDRESS;
    }
}

/* ---- Invalidation by registers --------------------------------------------------------------- */

static void finish(struct raw *r, uint32_t offset)
{
    for (unsigned i = 0; (rd(r, offset) & BUSY) != 0; i++)
        assert_true(i < 1000);
}

static void contexts(struct raw *r, unsigned granularity, uint32_t low)
{
    wr(r, REG_CCMD, low);
    wr(r, REG_CCMD + 4, BUSY | granularity << 29);
    finish(r, REG_CCMD + 4);
}

static void iotlb(struct raw *r, unsigned granularity, unsigned did, uint64_t address)
{
    uint32_t at = ((rd(r, REG_ECAP) >> 8) & 0x3ff) * 16;

    wr(r, at, (uint32_t)address);
    wr(r, at + 4, (uint32_t)(address >> 32));
    wr(r, at + 8, 0);
    wr(r, at + 12, BUSY | granularity << 28 | did);
    finish(r, at + 12);
}

void raw_flush_contexts(struct raw *r)
{
    contexts(r, 1, 0);
}

void raw_flush_context(struct raw *r, unsigned did, udmar_rid_t source)
{
    contexts(r, 3, did | (uint32_t)source << 16);
}

void raw_flush_all(struct raw *r)
{
    raw_flush_contexts(r);
    iotlb(r, 1, 0, 0);
}

void raw_flush_domain(struct raw *r, unsigned did)
{
    iotlb(r, 2, did, 0);
}

void raw_flush_page(struct raw *r, unsigned did, uint64_t iova, unsigned mask)
{
    iotlb(r, 3, did, (iova & ~UDMAR_PAGE_MASK) | mask);
}

void raw_flush_leaf(struct raw *r, unsigned did, uint64_t iova)
{
    iotlb(r, 3, did, (iova & ~UDMAR_PAGE_MASK) | 1 << 6);
}

void raw_set_root(struct raw *r)
{
    wr(r, REG_RTADDR, (uint32_t)r->root);
    wr(r, REG_RTADDR + 4, (uint32_t)(r->root >> 32));
    command(r, TRANSLATE | SET_ROOT, SET_ROOT);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

struct raw_fault raw_take_fault(struct raw *r)
{
    uint32_t at = ((rd(r, REG_CAP) >> 24 & 0xff) | (rd(r, REG_CAP + 4) & 3) << 8) * 16;
    uint32_t high = rd(r, at + 12);
    struct raw_fault fault = { .reason = 0 };

    if ((high & BUSY) == 0)
        return fault;
    fault.reason = high & 0xff;
    fault.read = (high & UINT32_C(0x40000000)) != 0;
    fault.source = (udmar_rid_t)rd(r, at + 8);
    fault.address = (rd(r, at) & ~UINT32_C(0xfff)) | (uint64_t)rd(r, at + 4) << 32;
    wr(r, at + 12, BUSY);
    wr(r, REG_FSTS, 0x11);
    return fault;
}
