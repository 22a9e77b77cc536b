/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault reasons: those that devices can provoke under the driver, and all the others from tables
 * made by hand, where the driver is out of the way. At the end what caches keep, by hand as well.
 */
#include <string.h>

#include "raw.h"

#define IOVA    UINT64_C(0x40000000)
#define NOWHERE UINT64_C(0xa0000000) /* no memory answers there */
#define DID     7u

/* ---- By hand: one case is a way to spoil good tables ----------------------------------------- */

struct good {
    struct raw raw;
    udmar_rid_t source;
    uint64_t top;
    uint64_t leaf; /* address of the entry for IOVA */
};

static const struct machine_options wide = { .width = 48 };
#define ESRTPS (UINT32_C(1) << 31) /* of CAP's upper half */

static const struct machine_options snoop = { .width = 48, .snoop_control = true };
static const struct machine_options ats = { .width = 48, .device_tlb = true };
static const struct machine_options old_ats = { .width = 48,
                                                .device_tlb = true,
                                                .transient_bit = true };
static const struct machine_options no_pass = { .width = 48, .no_pass_through = true };

static void good_open(struct good *g, const struct machine_options *options, unsigned levels)
{
    struct testbed *b = bed_machine(options);

    raw_open(&g->raw, b, levels);
    g->source = bed_source(b, 0);
    g->top = raw_page(&g->raw);
    raw_attach(&g->raw, g->source, g->top, DID);
    g->leaf = raw_map(&g->raw, g->top, IOVA, 1, LOW | 3);
    raw_flush_all(&g->raw);
}

static void try(struct good *g, uint64_t iova, bool write)
{
    uint8_t bytes[96];

    memset(bytes, 0x5b, sizeof(bytes));
    (void)bed_dma(g->raw.b, 0, iova, bytes, sizeof(bytes), write);
}

static void expect(struct good *g, uint64_t iova, bool write, unsigned reason)
{
    struct raw_fault fault;
    uint8_t *memory = bed_memory(g->raw.b, LOW);

    memset(memory, 0x11, PAGE);
    try(g, iova, write);
    fault = raw_take_fault(&g->raw);
    assert_int_equal(fault.reason, reason);
    assert_int_equal(fault.source, g->source);
    assert_int_equal(fault.address, iova & ~UDMAR_PAGE_MASK);
    assert_int_equal(fault.read, !write);
    for (unsigned i = 0; i < PAGE; i++)
        assert_int_equal(memory[i], 0x11);
}

/* Good tables must work, or the faults below would say nothing. */
static void expect_good(struct good *g, uint64_t iova, uint64_t physical)
{
    struct testbed *b = g->raw.b;

    b->ops->reach(b->machine, 0, UINT64_MAX);
    memset(bed_memory(b, physical), 0x11, 96);
    try(g, iova, true);
    assert_int_equal(raw_take_fault(&g->raw).reason, 0);
    assert_memory_not_equal(bed_memory(b, physical),
                            "\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11", 16);
}

static void root_absent(struct good *g)
{
    raw_store(&g->raw, raw_root_entry(&g->raw, g->source), 0);
}

static void context_absent(struct good *g)
{
    raw_context(&g->raw, g->source, 0, 0);
}

static void context_bad_width(struct good *g)
{
    raw_context(&g->raw, g->source, g->top | 1, DID << 8 | 5);
}

static void context_device_tlb(struct good *g) /* TT = 1 without ECAP.DT */
{
    raw_context(&g->raw, g->source, g->top | 1 | 1 << 2, DID << 8 | (g->raw.levels - 2));
}

static void context_type_3(struct good *g)
{
    raw_context(&g->raw, g->source, g->top | 1 | 3 << 2, DID << 8 | (g->raw.levels - 2));
}

static void context_pass_through(struct good *g)
{
    raw_context(&g->raw, g->source, 1 | 2 << 2, DID << 8 | (g->raw.levels - 2));
}

static void context_top_nowhere(struct good *g)
{
    raw_context(&g->raw, g->source, NOWHERE | 1, DID << 8 | (g->raw.levels - 2));
}

static void leaf_absent(struct good *g)
{
    raw_store(&g->raw, g->leaf, 0);
}

static void leaf_read_only(struct good *g)
{
    raw_store(&g->raw, g->leaf, LOW | 1);
}

static void leaf_write_only(struct good *g)
{
    raw_store(&g->raw, g->leaf, LOW | 2);
}

static uint64_t entry_at(struct good *g, unsigned level)
{
    uint64_t table = g->top;

    for (unsigned at = g->raw.levels; at > level; at--)
        table = raw_load(&g->raw, table + 8 * ((IOVA >> (12 + 9 * (at - 1))) & 511)) &
                UINT64_C(0x000ffffffffff000);
    return table + 8 * ((IOVA >> (12 + 9 * (level - 1))) & 511);
}

static void upper_read_only(struct good *g)
{
    uint64_t at = entry_at(g, 2);

    raw_store(&g->raw, at, raw_load(&g->raw, at) & ~UINT64_C(2));
}

static void upper_write_only(struct good *g)
{
    uint64_t at = entry_at(g, 3);

    raw_store(&g->raw, at, raw_load(&g->raw, at) & ~UINT64_C(1));
}

static void table_nowhere(struct good *g)
{
    raw_store(&g->raw, entry_at(g, 2), NOWHERE | 3);
}

static void context_table_nowhere(struct good *g)
{
    raw_store(&g->raw, raw_root_entry(&g->raw, g->source), NOWHERE | 1);
}

static void root_reserved(struct good *g)
{
    uint64_t at = raw_root_entry(&g->raw, g->source);

    raw_store(&g->raw, at, raw_load(&g->raw, at) | 1 << 5);
}

static void root_reserved_high(struct good *g)
{
    raw_store(&g->raw, raw_root_entry(&g->raw, g->source) + 8, 1);
}

static void context_reserved(struct good *g)
{
    raw_context(&g->raw, g->source, g->top | 1 | 1 << 5, DID << 8 | (g->raw.levels - 2));
}

static void leaf_snoop(struct good *g) /* bit 11 without ECAP.SC */
{
    raw_store(&g->raw, g->leaf, LOW | 3 | 1 << 11);
}

static void leaf_transient(struct good *g) /* bit 62 without ECAP.DT */
{
    raw_store(&g->raw, g->leaf, LOW | 3 | UINT64_C(1) << 62);
}

static void large_misaligned(struct good *g)
{
    raw_store(&g->raw, entry_at(g, 2), (LOW + PAGE) | 3 | 1 << 7);
}

static void huge_misaligned(struct good *g)
{
    raw_store(&g->raw, entry_at(g, 3), (LOW + MIB(2)) | 3 | 1 << 7);
}

static void top_is_leaf(struct good *g)
{
    raw_store(&g->raw, entry_at(g, 4), 3 | 1 << 7);
}

static void leaf_interrupts(struct good *g)
{
    raw_store(&g->raw, g->leaf, UINT64_C(0xfee00000) | 3);
}

static void nothing(struct good *g)
{
    (void)g;
}

struct fault_case {
    void (*spoil)(struct good *g);
    const struct machine_options *options; /* null: wide */
    unsigned levels;                       /* 0: 4 */
    uint64_t iova;                         /* 0: IOVA */
    unsigned write_reason, read_reason;
    unsigned qemu_reason; /* for both, where the specification allows two */
};

static void test_reason(void **state)
{
    const struct fault_case *c = *state;
    uint64_t iova = c->iova != 0 ? c->iova : IOVA;
    unsigned write_reason = c->write_reason, read_reason = c->read_reason;
    struct good g;

    good_open(&g, c->options == NULL ? &wide : c->options, c->levels == 0 ? 4 : c->levels);
    if (iova == IOVA)
        expect_good(&g, IOVA, LOW);
    c->spoil(&g);
    raw_flush_all(&g.raw);
    if (c->qemu_reason != 0 && bed_deviates(g.raw.b, TOP_TABLE_BLAMES_CONTEXT))
        write_reason = read_reason = c->qemu_reason;
    if (write_reason != 0)
        expect(&g, iova, true, write_reason);
    if (read_reason != 0)
        expect(&g, iova, false, read_reason);
    raw_flush_all(&g.raw);
    bed_close(g.raw.b);
}

/* Bits that are reserved elsewhere, where the unit knows them. */
static void test_allowed(void **state)
{
    const struct fault_case *c = *state;
    struct good g;

    good_open(&g, c->options, 4);
    c->spoil(&g);
    raw_flush_all(&g.raw);
    expect_good(&g, IOVA, LOW);
    bed_close(g.raw.b);
}

/* Reserved since edition 3.2 [VTD 9.8], with device-TLBs, too. */
static void test_transient(void **state)
{
    struct good g;

    (void)state;
    good_open(&g, &ats, 4);
    leaf_transient(&g);
    raw_flush_all(&g.raw);
    if (bed_deviates(g.raw.b, TRANSIENT_BIT_ALLOWED))
        expect_good(&g, IOVA, LOW);
    else
        expect(&g, IOVA, true, ENTRY_RESERVED);
    raw_flush_all(&g.raw);
    bed_close(g.raw.b);
}

/* A root table that is not there. */
static void test_root_nowhere(void **state)
{
    struct good g;

    (void)state;
    good_open(&g, &wide, 4);
    g.raw.root = NOWHERE;
    raw_set_root(&g.raw);
    raw_flush_all(&g.raw);
    expect(&g, IOVA, true, ROOT_UNREACHABLE);
    expect(&g, IOVA, false, ROOT_UNREACHABLE);
    bed_close(g.raw.b);
}

/* FPD: stopped, and nobody is told. */
static void test_silent(void **state)
{
    struct good g;

    (void)state;
    good_open(&g, &wide, 4);
    expect_good(&g, IOVA, LOW);
    raw_store(&g.raw, g.leaf, 0);
    raw_context(&g.raw, g.source, g.top | 1 | 1 << 1, DID << 8 | 2);
    raw_flush_all(&g.raw);
    memset(bed_memory(g.raw.b, LOW), 0x11, PAGE);
    try(&g, IOVA, true);
    assert_int_equal(raw_take_fault(&g.raw).reason, 0);
    assert_int_equal(bed_memory(g.raw.b, LOW)[0], 0x11);
    bed_close(g.raw.b);
}

/* ---- Caches, by hand ------------------------------------------------------------------------- */

static bool arrives(struct good *g, uint64_t physical)
{
    uint8_t *memory = bed_memory(g->raw.b, physical);
    bool arrived;

    memset(memory, 0x11, 96);
    try(g, IOVA, true);
    arrived = memory[0] != 0x11 || memory[17] != 0x11;
    (void)raw_take_fault(&g->raw);
    return arrived;
}

static void caches_open(struct good *g)
{
    good_open(g, &wide, 4);
    expect_good(g, IOVA, LOW);
}

static void test_cached_leaf(void **state)
{
    struct good g;

    (void)state;
    caches_open(&g);
    raw_store(&g.raw, g.leaf, HIGH | 3);
    assert_true(arrives(&g, LOW)); /* stale */
    raw_flush_page(&g.raw, DID + 1, IOVA, 0);
    assert_true(arrives(&g, LOW)); /* somebody else's domain */
    raw_flush_domain(&g.raw, DID + 1);
    assert_true(arrives(&g, LOW));
    raw_flush_page(&g.raw, DID, IOVA + 77 * PAGE, 0);
    assert_true(arrives(&g, LOW)); /* another page: its low 8 bits differ as well */
    raw_flush_contexts(&g.raw);
    assert_true(arrives(&g, LOW));
    raw_flush_page(&g.raw, DID, IOVA, 0);
    assert_true(arrives(&g, HIGH));
    assert_false(arrives(&g, LOW));
    bed_close(g.raw.b);
}

/* QEMU 7.2 compares the low 8 bits of the page number; the model and later ones can say this. */
static void test_cached_leaf_range(void **state)
{
    struct good g;

    (void)state;
    caches_open(&g);
    raw_store(&g.raw, g.leaf, 0);
    raw_flush_page(&g.raw, DID, IOVA + 256 * PAGE, 0);
    assert_true(arrives(&g, LOW) || bed_deviates(g.raw.b, PAGE_REQUEST_FLUSHES_TOO_MUCH));
    raw_flush_page(&g.raw, DID, IOVA + MIB(1), 8);
    assert_true(arrives(&g, LOW) || bed_deviates(g.raw.b, PAGE_REQUEST_FLUSHES_TOO_MUCH));
    raw_flush_page(&g.raw, DID, IOVA, 4);
    assert_false(arrives(&g, LOW));
    bed_close(g.raw.b);
}

static void test_cached_context(void **state)
{
    struct good g;
    uint64_t other;

    (void)state;
    caches_open(&g);
    other = raw_page(&g.raw);
    (void)raw_map(&g.raw, other, IOVA, 1, HIGH | 3);
    raw_attach(&g.raw, g.source, other, DID + 1);
    assert_true(arrives(&g, LOW));
    raw_flush_domain(&g.raw, DID); /* of the translations, not of the context */
    assert_true(arrives(&g, LOW));
    raw_flush_context(&g.raw, DID, (udmar_rid_t)(g.source ^ 8)); /* another device's */
    raw_flush_domain(&g.raw, DID);
    assert_true(arrives(&g, LOW));
    raw_flush_context(&g.raw, DID, g.source);
    raw_flush_domain(&g.raw, DID);
    assert_true(arrives(&g, HIGH));
    bed_close(g.raw.b);
}

static void test_cached_pass_through(void **state)
{
    struct good g;

    (void)state;
    caches_open(&g);
    raw_context(&g.raw, g.source, 1 | 2 << 2, DID << 8 | 2);
    raw_flush_all(&g.raw);
    memset(bed_memory(g.raw.b, HIGH), 0x11, 96);
    try(&g, HIGH, true);
    assert_int_not_equal(bed_memory(g.raw.b, HIGH)[1], 0x11);
    /* Gone from the table, but the unit still lets it pass. */
    raw_context(&g.raw, g.source, 0, 0);
    memset(bed_memory(g.raw.b, HIGH), 0x11, 96);
    try(&g, HIGH, true);
    assert_int_not_equal(bed_memory(g.raw.b, HIGH)[1], 0x11);
    raw_flush_all(&g.raw);
    memset(bed_memory(g.raw.b, HIGH), 0x11, 96);
    try(&g, HIGH, true);
    assert_int_equal(bed_memory(g.raw.b, HIGH)[1], 0x11);
    assert_int_equal(raw_take_fault(&g.raw).reason, CONTEXT_ABSENT);
    bed_close(g.raw.b);
}

/* With caching mode absence is cached too, says the architecture; QEMU never does that. */
static void test_cached_absence(void **state)
{
    static const struct machine_options caching = { .width = 48, .caching_mode = true };
    struct good g;

    (void)state;
    good_open(&g, &caching, 4);
    expect_good(&g, IOVA, LOW);
    raw_store(&g.raw, g.leaf, 0);
    raw_flush_all(&g.raw);
    assert_false(arrives(&g, LOW));
    raw_store(&g.raw, g.leaf, LOW | 3);
    assert_true(!arrives(&g, LOW) || bed_deviates(g.raw.b, NO_NOT_PRESENT_CACHING));
    raw_flush_page(&g.raw, DID, IOVA, 0);
    assert_true(arrives(&g, LOW));
    bed_close(g.raw.b);
}

static bool arrives_at(struct good *g, uint64_t iova, uint64_t physical)
{
    uint8_t *memory = bed_memory(g->raw.b, physical);
    bool arrived;

    memset(memory, 0x11, 96);
    try(g, iova, true);
    arrived = memory[0] != 0x11 || memory[17] != 0x11;
    (void)raw_take_fault(&g->raw);
    return arrived;
}

/* Tables are cached too, and a request that says it is about leaves only leaves them there. */
static void test_cached_table(void **state)
{
    struct good g;
    uint64_t table;

    (void)state;
    caches_open(&g);
    raw_store(&g.raw, g.leaf + 8, (LOW + PAGE) | 3);
    table = raw_page(&g.raw);
    raw_store(&g.raw, table, HIGH | 3);
    raw_store(&g.raw, table + 8, (HIGH + PAGE) | 3);
    raw_store(&g.raw, entry_at(&g, 2), table | 3);
    assert_true(arrives_at(&g, IOVA + PAGE, LOW + PAGE) ||
                bed_deviates(g.raw.b, NO_PAGING_STRUCTURE_CACHE));
    raw_flush_leaf(&g.raw, DID, IOVA + PAGE);
    assert_true(arrives_at(&g, IOVA + PAGE, LOW + PAGE) ||
                bed_deviates(g.raw.b, NO_PAGING_STRUCTURE_CACHE));
    raw_flush_page(&g.raw, DID, IOVA + PAGE, 0);
    assert_true(arrives_at(&g, IOVA + PAGE, HIGH + PAGE));
    bed_close(g.raw.b);
}

/* A new root pointer changes what is cached only where CAP.ESRTPS says so. */
static void test_cached_root(void **state)
{
    struct good g;

    (void)state;
    caches_open(&g);
    raw_store(&g.raw, g.leaf, HIGH | 3);
    raw_set_root(&g.raw);
    if ((g.raw.b->ops->read(g.raw.b->machine, 0x0c) & ESRTPS) != 0)
        assert_true(arrives(&g, HIGH));
    else
        assert_true(arrives(&g, LOW) || bed_deviates(g.raw.b, ROOT_POINTER_FLUSHES));
    raw_flush_all(&g.raw);
    assert_true(arrives(&g, HIGH));
    bed_close_unclean(g.raw.b); /* DMA between SRTP and the flush is what the model calls wrong */
}

/* A large page with the interrupt range in it is no fault as long as nobody goes there. */
static void test_large_page_near_interrupts(void **state)
{
    struct good g;
    uint8_t bytes[96] = { 1 };

    (void)state;
    good_open(&g, &wide, 4);
    raw_store(&g.raw, entry_at(&g, 3), GIB(3) | 3 | 1 << 7);
    raw_flush_all(&g.raw);
    (void)bed_dma(g.raw.b, 0, IOVA, bytes, sizeof(bytes), true);
    assert_int_equal(raw_take_fault(&g.raw).reason,
                     bed_deviates(g.raw.b, LARGE_PAGE_NEAR_INTERRUPTS) ? ADDRESS_INTERRUPT : 0);
    bed_close(g.raw.b);
}

/* ---- Under the driver ------------------------------------------------------------------------ */

static void test_driver_faults(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    uint64_t end = UINT64_C(1) << b->options.width;

    bed_stopped(b, 0, IOVA, true, NOT_WRITABLE);
    bed_stopped(b, 0, IOVA, false, NOT_READABLE);
    bed_stopped(b, 0, end, true, BEYOND_WIDTH);
    bed_stopped(b, 0, 0, false, NOT_READABLE);
    bed_set_mode(b, 0, UDMAR_MODE_BLOCKED);
    bed_stopped(b, 0, IOVA, true, CONTEXT_ABSENT);
    bed_stopped(b, 0, LOW, false, CONTEXT_ABSENT);
    bed_set_mode(b, 0, UDMAR_MODE_TRANSLATE);
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    bed_close(b);
}

/* A device on a bus without a single attached function: its root entry is absent. */
static void test_driver_root_absent(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_detach(b, 1);
    bed_stopped(b, 1, IOVA, true, CONTEXT_ABSENT);
    bed_close(b);
    b = bed_machine(*state);
    bed_create(b, NULL);
    bed_start(b);
    bed_attach(b, 0);
    bed_stopped(b, 1, IOVA, true, ROOT_ABSENT);
    bed_stopped(b, 1, IOVA, false, ROOT_ABSENT);
    bed_reaches_own(b, 0);
    bed_close(b);
}

/* Many faults of two devices: each is told while the record is free, and nothing gets stuck. */
static void test_many_faults(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_fault_counts counts;

    for (unsigned i = 0; i < 100; i++)
        bed_stopped(b, i % 2, IOVA + i * PAGE, i % 3 == 0,
                    i % 3 == 0 ? NOT_WRITABLE : NOT_READABLE);
    udmar_fault_counts(b->instance, &counts);
    assert_int_equal(counts.total, 100);
    assert_int_equal(counts.overflows, 0);
    bed_close(b);
}

/* There is one record. While it is taken, another device's fault is lost, and the driver says so.
 */
static void test_overflow(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_fault_counts counts;
    struct udmar_fault fault;
    uint8_t bytes[96] = { 1 };

    (void)bed_dma(b, 0, IOVA, bytes, sizeof(bytes), true);
    (void)bed_dma(b, 1, IOVA + PAGE, bytes, sizeof(bytes), true);
    assert_true(bed_take_fault(b, &fault));
    assert_int_equal(fault.rid, bed_source(b, 0));
    assert_true(fault.overflow);
    bed_no_fault(b);
    udmar_fault_counts(b->instance, &counts);
    assert_int_equal(counts.overflows, 1);
    bed_stopped(b, 1, IOVA + PAGE, true, NOT_WRITABLE);
    bed_close(b);
}

#define CASE(text, function, ...)           \
    BED_TEST("by hand: " text, test_reason, \
             (&(const struct fault_case){ .spoil = function, __VA_ARGS__ }))

int main(int argc, char **argv)
{
    static const struct machine_options narrow = { .width = 39 },
                                        two = { .width = 48,
                                                .device_count = 2,
                                                .device = { { ON_ROOT, EDU, 0 },
                                                            { ON_ROOT, EDU, 0 } } },
                                        far = { .width = 48,
                                                .device_count = 2,
                                                .device = { { ON_ROOT, EDU, 0 },
                                                            { BEHIND_ROOT_PORT, EDU, 0 } } };
    const struct CMUnitTest tests[] = {
        CASE("1, no root entry", root_absent, .write_reason = 1, .read_reason = 1),
        CASE("2, no context entry", context_absent, .write_reason = 2, .read_reason = 2),
        CASE("3, impossible width", context_bad_width, .write_reason = 3, .read_reason = 3),
        CASE("3, device-TLB without ATS", context_device_tlb, .write_reason = 3, .read_reason = 3),
        CASE("3, translation type 3", context_type_3, .write_reason = 3, .read_reason = 3),
        CASE("3, pass-through where there is none", context_pass_through, .options = &no_pass,
             .write_reason = 3, .read_reason = 3),
        CASE("4, beyond 48 bits", nothing, .iova = UINT64_C(1) << 48, .write_reason = 4,
             .read_reason = 4),
        CASE("4, beyond 39 bits of a narrow context", nothing, .levels = 3,
             .iova = UINT64_C(1) << 39, .write_reason = 4, .read_reason = 4),
        CASE("5 and 6, no leaf", leaf_absent, .write_reason = 5, .read_reason = 6),
        CASE("5, leaf is read-only", leaf_read_only, .write_reason = 5),
        CASE("6, leaf is write-only", leaf_write_only, .read_reason = 6),
        CASE("5, table is read-only", upper_read_only, .write_reason = 5),
        CASE("6, table is write-only", upper_write_only, .read_reason = 6),
        CASE("7, table without memory", table_nowhere, .write_reason = 7, .read_reason = 7),
        CASE("9, context table without memory", context_table_nowhere, .write_reason = 9,
             .read_reason = 9),
        CASE("10, reserved bit of a root entry", root_reserved, .write_reason = 10,
             .read_reason = 10),
        CASE("10, reserved half of a root entry", root_reserved_high, .write_reason = 10),
        CASE("11, reserved bit of a context entry", context_reserved, .write_reason = 11,
             .read_reason = 11),
        CASE("12, snoop bit where there is none", leaf_snoop, .write_reason = 12,
             .read_reason = 12),
        CASE("12, transient bit where there is none", leaf_transient, .write_reason = 12),
        CASE("12, misaligned 2 MiB page", large_misaligned, .write_reason = 12, .read_reason = 12),
        CASE("12, misaligned 1 GiB page", huge_misaligned, .write_reason = 12),
        CASE("12, leaf at the top of four levels", top_is_leaf, .write_reason = 12),
        CASE("14, leaf leads to interrupts", leaf_interrupts, .write_reason = 14),
        CASE("7 or 3, top table without memory", context_top_nowhere, .write_reason = 7,
             .read_reason = 7, .qemu_reason = 3),
        BED_TEST("by hand: 8, root table without memory", test_root_nowhere, NULL),
        BED_TEST("by hand: snoop bit with snoop control", test_allowed,
                 (&(const struct fault_case){ .spoil = leaf_snoop, .options = &snoop })),
        BED_TEST("by hand: transient bit with device-TLBs, of old editions", test_allowed,
                 (&(const struct fault_case){ .spoil = leaf_transient, .options = &old_ats })),
        BED_TEST("by hand: 12, transient bit of a unit with device-TLBs", test_transient, NULL),
        BED_TEST("by hand: translation type 1 with device-TLBs", test_allowed,
                 (&(const struct fault_case){ .spoil = context_device_tlb, .options = &ats })),
        BED_TEST("by hand: stopped silently", test_silent, NULL),
        BED_TEST("by hand: a leaf stays cached", test_cached_leaf, NULL),
        BED_TEST("by hand: ranges of page-selective requests", test_cached_leaf_range, NULL),
        BED_TEST("by hand: a context stays cached", test_cached_context, NULL),
        BED_TEST("by hand: pass-through stays cached", test_cached_pass_through, NULL),
        BED_TEST("by hand: a table stays cached (model decides)", test_cached_table, NULL),
        BED_TEST("by hand: what a new root pointer flushes", test_cached_root, NULL),
        BED_TEST("by hand: a large page near interrupts", test_large_page_near_interrupts, NULL),
        BED_TEST("by hand: absence stays cached (model decides)", test_cached_absence, NULL),
        BED_TEST("under the driver (39 bits)", test_driver_faults, &narrow),
        BED_TEST("under the driver (48 bits)", test_driver_faults, &wide),
        BED_TEST("under the driver: no root entry", test_driver_root_absent, &far),
        BED_TEST("under the driver: many faults", test_many_faults, &two),
        BED_TEST("under the driver: the record overflows", test_overflow, &two),
    };

    return bed_run(argc, argv, "fault", tests, sizeof(tests) / sizeof(tests[0]));
}
