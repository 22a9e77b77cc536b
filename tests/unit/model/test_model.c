/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware model itself, against hand-made tables and raw register accesses. Numbers are
 * written out as the architecture has them, so that the model's constants are checked, too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define RID   UINT16_C(0x0010)
#define OTHER UINT16_C(0x0018)
#define DID   UINT16_C(7)
#define RW    UINT64_C(3)

/* GCMD bits. */
#define TE  UINT32_C(0x80000000)
#define RTP UINT32_C(0x40000000)
#define WBF UINT32_C(0x08000000)
#define QIE UINT32_C(0x04000000)

static uint64_t physical_of(struct model *m, const void *address)
{
    size_t length = 1;

    return udmar_host_virtual_to_physical(m, address, &length);
}

static void close_clean(struct bench *b)
{
    assert_true(bench_clean(b));
    if (b->registers != NULL)
        udmar_host_mmio_unmap(b->m, b->registers, b->window);
    b->registers = NULL;
    assert_int_equal(model_leaks(b->m), 0);
    bench_close(b);
}

/* A bench with RID attached to an empty tree at *out_top under domain DID, translation on. */
static void open_translating(struct bench *b, const char *profile, uint64_t *out_top)
{
    bench_open(b, profile, NULL, NULL);
    *out_top = model_page_alloc(b->m);
    bench_attach(b, RID, *out_top, DID);
    bench_translate(b);
}

/* ---- Host: fatal misuse is caught ------------------------------------------------------------ */

static char last_fatal[256];

static void note_fatal(void *context, const char *text)
{
    (void)context;
    strncpy(last_fatal, text, sizeof(last_fatal) - 1);
}

static void expect_fatal(const char *text)
{
    if (strstr(last_fatal, text) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", text, last_fatal);
    last_fatal[0] = '\0';
}

static void test_pages(void **state)
{
    struct model *m = model_create(NULL);
    struct udmar_page one, many, high;

    (void)state;
    model_set_fatal(m, note_fatal, NULL);
    assert_true(udmar_host_page_alloc(m, 1, UINT64_MAX, false, &one));
    assert_true(udmar_host_page_alloc(m, 5, UINT64_MAX, true, &many));
    assert_int_equal(many.physical % (8 * 4096), 0);
    assert_non_null(many.mapping);
    assert_int_equal(((uint8_t *)many.mapping)[5 * 4096 - 1], 0);
    assert_false(udmar_host_page_alloc(m, 1, 0xfffff, false, &high)); /* memory begins at 1 MiB */
    assert_true(udmar_host_page_alloc(m, 1, 0x2ffffff, false, &high));
    assert_true(high.physical + 4095 <= 0x2ffffff);
    assert_int_equal(model_pages_in_use(m), 7);
    assert_int_equal(model_leaks(m), 3);
    udmar_host_page_free(m, &many, 4);
    expect_fatal("5 were allocated");
    udmar_host_page_free(m, &many, 5);
    udmar_host_page_free(m, &many, 5);
    expect_fatal("not allocated");
    udmar_host_page_free(m, &one, 1);
    udmar_host_page_free(m, &high, 1);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void test_pages_unmapped_and_high(void **state)
{
    const struct model_config config = { .no_virtual = true, .prefer_high = true };
    struct model *m = model_create(&config);
    struct udmar_page page, mapped, low;

    (void)state;
    assert_true(udmar_host_page_alloc(m, 1, UINT64_MAX, false, &page));
    assert_null(page.mapping);
    assert_true(page.physical >= UINT64_C(0x100000000));
    assert_true(udmar_host_page_alloc(m, 1, UINT64_MAX, true, &mapped));
    assert_non_null(mapped.mapping);
    assert_true(udmar_host_page_alloc(m, 1, 0xffffffff, false, &low));
    assert_true(low.physical < UINT64_C(0x100000000));
    udmar_host_page_free(m, &page, 1);
    udmar_host_page_free(m, &mapped, 1);
    udmar_host_page_free(m, &low, 1);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void test_mappings(void **state)
{
    const struct model_config config = { .alias_maps = true };
    struct model *m = model_create(&config);
    uint64_t page = model_page_alloc(m);
    uint64_t *at[6];

    (void)state;
    model_set_fatal(m, note_fatal, NULL);
    for (unsigned i = 0; i < 6; i++)
        at[i] = udmar_host_page_map(m, page);
    assert_null(udmar_host_page_map(m, page));
    expect_fatal("more than six");
    at[2][5] = 77;
    assert_int_equal(model_load64(m, page + 40), 77);
    udmar_host_page_unmap(m, at[3]);
    expect_fatal("not mapped last");
    assert_int_equal(model_leaks(m), 6);
    for (unsigned i = 6; i-- > 0;)
        udmar_host_page_unmap(m, at[i]);
    assert_int_equal(model_leaks(m), 0);
    assert_null(udmar_host_page_map(m, 0x1000));
    expect_fatal("no page of memory");
    model_page_free(m, page);
    udmar_host_page_unmap(m, udmar_host_page_map(m, page));
    assert_true(model_violation_contains(m, "freed page"));
    model_destroy(m);
}

static void test_small_memory(void **state)
{
    struct model *m = model_create(NULL);
    uint8_t *memory = udmar_host_alloc(m, 100);

    (void)state;
    model_set_fatal(m, note_fatal, NULL);
    assert_int_equal((uintptr_t)memory % 16, 0);
    assert_int_equal(memory[99], 0);
    udmar_host_free(m, memory, 99);
    expect_fatal("100 were allocated");
    assert_int_equal(model_bytes_in_use(m), 100);
    udmar_host_free(m, memory, 100);
    udmar_host_free(m, memory, 100);
    expect_fatal("not allocated");
    assert_null(udmar_host_alloc(m, 0));
    expect_fatal("0 bytes");
    model_fail_host_call(m, 2, false);
    memory = udmar_host_alloc(m, 1);
    assert_non_null(memory);
    assert_null(udmar_host_lock_create(m));
    udmar_host_free(m, memory, 1);
    assert_int_equal(model_host_calls(m), 2);
    model_fail_host_call(m, 1, true);
    assert_null(udmar_host_alloc(m, 1));
    assert_null(udmar_host_alloc(m, 1));
    assert_int_equal(model_host_calls_failed(m), 2);
    model_fail_host_calls_of(m, MODEL_CALL_LOCK_CREATE, 1, false);
    memory = udmar_host_alloc(m, 1);
    udmar_host_free(m, memory, 1);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void test_buffers(void **state)
{
    struct model *m = model_create(NULL);
    uint8_t *buffer = model_buffer_alloc(m, 3 * 4096, MODEL_SCATTERED, 100);
    uint8_t *memory = udmar_host_dmamem_alloc(m, 20000, 65536, 0xffffffff, true, false);
    uint8_t *pieces = udmar_host_dmamem_alloc(m, 20000, 1, UINT64_MAX, false, true);
    uint64_t first = physical_of(m, memory);

    (void)state;
    model_set_fatal(m, note_fatal, NULL);
    assert_int_equal(first % 65536, 0);
    assert_true(first < UINT64_C(0x100000000));
    for (size_t i = 0; i < 20000; i += 4096) {
        uint64_t piece = physical_of(m, pieces + i);

        assert_int_equal(physical_of(m, memory + i), first + i);
        if (i > 0)
            assert_int_not_equal(physical_of(m, pieces + i - 4096) + 4096, piece);
    }
    buffer[3 * 4096 - 1] = 0x55;
    assert_int_equal(physical_of(m, buffer) & 4095, 100);
    assert_int_equal(*(uint8_t *)model_pointer(m, physical_of(m, buffer + 3 * 4096 - 1)), 0x55);
    assert_int_equal(physical_of(m, buffer - 101), UINT64_MAX);
    assert_int_equal(physical_of(m, &first), UINT64_MAX);
    udmar_host_dmamem_free(m, memory, 4096);
    expect_fatal("20000 were allocated");
    assert_int_equal(model_leaks(m), 3);
    udmar_host_dmamem_free(m, memory, 20000);
    udmar_host_dmamem_free(m, pieces, 20000);
    model_buffer_free(m, buffer);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void test_locks(void **state)
{
    struct model *m = model_create(NULL);
    void *a = udmar_host_lock_create(m), *b = udmar_host_lock_create(m);
    uintptr_t state_a, state_b;

    (void)state;
    model_set_fatal(m, note_fatal, NULL);
    state_a = udmar_host_lock_acquire(m, a);
    state_b = udmar_host_lock_acquire(m, b);
    udmar_host_lock_release(m, a, state_a);
    expect_fatal("not taken last");
    udmar_host_lock_release(m, b, state_a);
    expect_fatal("another state");
    udmar_host_lock_acquire(m, b);
    expect_fatal("this thread holds");
    udmar_host_lock_release(m, b, state_b);
    udmar_host_lock_release(m, a, state_a);
    assert_int_equal(model_leaks(m), 2);
    udmar_host_lock_destroy(m, a);
    udmar_host_lock_destroy(m, b);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void count_event(void *context, struct model *m, enum model_event event)
{
    unsigned *counts = context;

    counts[event]++;
    udmar_host_time_ns(m); /* is not hooked again */
}

static void test_hook_clock_and_log(void **state)
{
    struct bench b;
    unsigned counts[16] = { 0 };
    uint64_t before, now;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    model_set_hook(b.m, count_event, counts);
    before = model_time(b.m);
    now = udmar_host_time_ns(b.m);
    assert_true(now > before && counts[MODEL_EVENT_TIME] == 1);
    bench_read(&b, 0x1c);
    bench_write(&b, 0x3c, 1);
    assert_int_equal(counts[MODEL_EVENT_READ], 1);
    assert_int_equal(counts[MODEL_EVENT_WRITE] + counts[MODEL_EVENT_WRITTEN], 2);
    model_set_hook(b.m, NULL, NULL);
    udmar_host_log(b.m, UDMAR_LOG_WARN, "something is odd");
    assert_true(model_log_contains(b.m, "is odd"));
    assert_int_equal(model_log_level(b.m, 0), UDMAR_LOG_WARN);
    udmar_host_log(b.m, UDMAR_LOG_WARN, "two\nlines");
    assert_true(bench_violated(&b, "log line"));
    close_clean(&b);
}

/* ---- Registers and commands ------------------------------------------------------------------ */

static void test_register_rules(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    assert_int_equal(bench_read(&b, 0x00), 0x10);
    assert_true(bench_read64(&b, 0x08) == model_unit_cap(b.u));
    assert_true(bench_read64(&b, 0x10) == model_unit_ecap(b.u));
    assert_int_equal(bench_read(&b, 0x38), 0x80000000);
    bench_write(&b, 0x08, 1);
    assert_true(bench_violated(&b, "read-only register CAP"));
    bench_write(&b, 0x64, 0);
    assert_true(bench_violated(&b, "no register")); /* no protected memory on this unit */
    assert_int_equal(bench_read(&b, 0x64), 0);
    bench_write(&b, 0x20, 0x1001);
    assert_true(bench_violated(&b, "RTADDR: reserved"));
    bench_write(&b, 0x24, 0x4000); /* bit 46 of a 46-bit machine */
    assert_true(bench_violated(&b, "RTADDR high: reserved"));
    bench_write(&b, 0x20, 0x1400);
    assert_true(bench_violated(&b, "table mode 1"));
    bench_write64(&b, 0x20, 0x1000);
    bench_write(&b, 0x24, 0);
    assert_true(bench_violated(&b, "high half written before"));
    bench_write(&b, 0x34, 0x02);
    assert_true(bench_violated(&b, "FSTS"));
    bench_write(&b, 0x34, 0x80);
    assert_true(bench_violated(&b, "FSTS"));
    bench_write(&b, 0x34, 0x7d);
    bench_write(&b, 0x38, 0x00000001);
    assert_true(bench_violated(&b, "FECTL"));
    bench_read(&b, 0x1b);
    assert_true(bench_violated(&b, "unaligned"));
    bench_read(&b, 0x5000);
    assert_true(bench_violated(&b, "outside the mapping"));
    bench_read(&b, 0x2000);
    assert_true(bench_violated(&b, "outside the unit's window"));
    model_behaviour(b.u)->all_ones = true;
    assert_int_equal(bench_read(&b, 0x1c), UINT32_MAX);
    model_behaviour(b.u)->all_ones = false;
    close_clean(&b);
}

static void test_commands(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    bench_write(&b, 0x18, TE);
    assert_true(bench_violated(&b, "before a root table"));
    bench_write(&b, 0x18, 0);
    assert_int_equal(bench_read(&b, 0x1c), 0);
    bench_write64(&b, 0x20, b.root);
    bench_write(&b, 0x18, RTP);
    assert_int_equal(bench_read(&b, 0x1c), RTP);
    bench_write(&b, 0x18, TE);
    assert_true(bench_violated(&b, "without global invalidations"));
    bench_write(&b, 0x18, 0);
    bench_iotlb_flush(&b, 1, 0, 0, 0, false); /* the wrong order does not count */
    bench_context_flush(&b, 1, 0, 0, 0);
    bench_write(&b, 0x18, TE);
    assert_true(bench_violated(&b, "without global invalidations"));
    bench_iotlb_flush(&b, 1, 0, 0, 0, false);
    bench_write(&b, 0x18, 0);
    bench_write(&b, 0x18, TE);
    assert_true(bench_clean(&b));
    bench_write(&b, 0x18, RTP); /* drops TE, a second command */
    assert_true(bench_violated(&b, "more than one command"));
    bench_write(&b, 0x18, WBF);
    assert_true(bench_violated(&b, "does not have"));
    bench_write(&b, 0x18, 1);
    assert_true(bench_violated(&b, "does not have"));
    assert_int_equal(model_stats(b.u)->srtp, 2);
    close_clean(&b);
}

static void test_command_lag(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    model_behaviour(b.u)->gsts_lag = 3;
    bench_write64(&b, 0x20, b.root);
    bench_write(&b, 0x18, RTP);
    assert_int_equal(bench_read(&b, 0x1c), 0);
    assert_int_equal(bench_read(&b, 0x1c), 0);
    assert_int_equal(bench_read(&b, 0x1c), RTP);
    bench_write(&b, 0x18, RTP); /* again: the status drops first */
    assert_int_equal(bench_read(&b, 0x1c), 0);
    bench_write(&b, 0x18, QIE);
    assert_true(bench_violated(&b, "before the command before"));
    model_behaviour(b.u)->gsts_lag = MODEL_NEVER;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(bench_read(&b, 0x1c), 0);
    model_behaviour(b.u)->gsts_lag = 0;
    bench_read(&b, 0x1c);
    model_behaviour(b.u)->invalidation_lag = 5;
    bench_write(&b, 0x18, 0);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 1);
    bench_write(&b, 0x28, 0);
    bench_write(&b, 0x2c, UINT32_C(0xa0000000));
    bench_iotlb_flush(&b, 1, 0, 0, 0, false);
    assert_true(bench_violated(&b, "before the context-cache command"));
    model_behaviour(b.u)->invalidation_lag = MODEL_NEVER;
    bench_read(&b, 0x2c);
    bench_close(&b);
}

static void test_register_invalidation(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 1);
    assert_int_equal(bench_context_flush(&b, 2, 5, 0, 0), 2);
    assert_int_equal(bench_context_flush(&b, 3, 5, RID, 3), 3);
    assert_int_equal(bench_iotlb_flush(&b, 1, 0, 0, 0, false), 1);
    assert_int_equal(bench_iotlb_flush(&b, 2, 5, 0, 0, false), 2);
    assert_int_equal(bench_iotlb_flush(&b, 3, 5, 0x1000, 18, true), 3);
    assert_true(bench_clean(&b));
    assert_int_equal(bench_iotlb_flush(&b, 3, 5, 0x1000, 19, true), 0); /* AM > MAMV */
    assert_int_equal(bench_iotlb_flush(&b, 0, 5, 0, 0, false), 0);
    assert_true(bench_violated(&b, "granularity 0"));
    model_refuse_invalidations(b.u, 1);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 0);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 1);
    bench_write(&b, 0x2c, UINT32_C(0xc0000000));
    assert_true(bench_violated(&b, "without its low half"));
    bench_queue_on(&b);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 0xff);
    assert_true(bench_violated(&b, "while the queue is on"));
    assert_int_equal(bench_iotlb_flush(&b, 1, 0, 0, 0, false), 0xff);
    model_clear_violations(b.m);
    assert_int_equal(model_stats(b.u)->iotlb_page_hint, 1);
    close_clean(&b);
    bench_open(&b, "small-nd", NULL, NULL);
    assert_int_equal(bench_iotlb_flush(&b, 2, 15, 0, 0, false), 2);
    assert_int_equal(bench_iotlb_flush(&b, 2, 16, 0, 0, false), 0);
    assert_true(bench_violated(&b, "cannot have"));
    close_clean(&b);
    bench_open(&b, "rwbf", NULL, NULL);
    assert_int_equal(bench_iotlb_flush(&b, 3, 5, 0x1000, 0, true), 0); /* no PSI */
    close_clean(&b);
    bench_open(&b, "v6", NULL, NULL);
    bench_write(&b, 0x2c, UINT32_C(0xa0000000));
    assert_true(bench_violated(&b, "no register"));
    close_clean(&b);
}

static void test_profiles(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct bench b;

        bench_open(&b, p->name, NULL, NULL);
        assert_int_equal(bench_read(&b, 0x00), p->version);
        assert_true(bench_read64(&b, 0x08) == p->cap);
        close_clean(&b);
    }
    assert_null(model_profile("no such"));
    assert_int_equal((model_profile("bigwindow")->ecap >> 8 & 0x3ff) * 16, 0x1e50);
}

/* ---- Walks ----------------------------------------------------------------------------------- */

/* Breaks one thing of a good translation of IOVA 0x5000 to *data and says what must happen. */
struct fault_case {
    const char *profile;
    unsigned reason;
    uint64_t iova;
    bool write;
    uint64_t root_or, root_high; /* ORed into the root entry's halves */
    uint64_t low_or, low_clear, high_or, high_clear;
    uint64_t leaf_or, leaf_clear;
    uint64_t middle_or, middle_clear; /* the level 2 entry */
    bool no_root_memory;
    bool quiet;         /* FPD suppresses it */
    bool transient_bit; /* a unit of an older edition */
};

static const struct fault_case fault_cases[] = {
    { .reason = 0 },
    { .reason = 0, .write = true },
    { .reason = 1, .iova = UINT64_C(0x10000000000) }, /* bus 1, see run_fault_case() */
    { .reason = 2, .low_clear = 1, .quiet = true },
    { .reason = 3, .low_or = 12, .quiet = true },                        /* TT 3 */
    { .reason = 3, .low_or = 4, .quiet = true },                         /* TT 1 without DT */
    { .reason = 3, .profile = "qemu39", .high_or = 2, .high_clear = 7 }, /* AW 2 of SAGAW 2 */
    { .reason = 3, .high_or = 4, .high_clear = 7 },
    { .reason = 3, .high_or = 7 },
    { .reason = 3, .profile = "small-nd", .high_or = 0x1000 },
    { .reason = 4, .iova = UINT64_C(1) << 48, .quiet = true },
    { .reason = 4, .low_or = 8, .high_or = 1, .high_clear = 7 }, /* pass-through, AW not largest */
    { .reason = 5, .write = true, .leaf_clear = 2, .quiet = true },
    { .reason = 5, .write = true, .leaf_clear = 3 },
    { .reason = 5, .write = true, .middle_clear = 2 },
    { .reason = 6, .leaf_clear = 1 },
    { .reason = 6, .leaf_clear = 3, .quiet = true },
    { .reason = 6, .middle_clear = 1 },
    { .reason = 7, .middle_or = UINT64_C(0x3f0000000000) },
    { .reason = 8, .no_root_memory = true },
    { .reason = 9, .root_or = UINT64_C(0x3f0000000000) },
    { .reason = 10, .root_or = 2 },
    { .reason = 10, .root_or = UINT64_C(1) << 46 },
    { .reason = 10, .root_high = 1 },
    { .reason = 11, .low_or = 0x10, .quiet = true },
    { .reason = 11, .low_or = UINT64_C(1) << 46 },
    { .reason = 11, .high_or = 0x80 },
    { .reason = 11, .high_or = UINT64_C(1) << 24 },
    { .reason = 0, .high_or = 0x78 }, /* bits that software may use */
    { .reason = 12, .leaf_or = UINT64_C(1) << 46, .quiet = true },
    { .reason = 12, .leaf_or = 0x800 },
    { .reason = 12, .leaf_or = UINT64_C(1) << 62 },
    { .reason = 12, .middle_or = 0x80 }, /* large, but not aligned to 2 MiB */
    { .reason = 12, .profile = "rwbf", .middle_or = 0x80, .middle_clear = 0x1ff000 },
    { .reason = 0, .profile = "modern", .leaf_or = 0x800 },
    { .reason = 12, .profile = "ats", .leaf_or = UINT64_C(1) << 62, .low_or = 4 },
    { .reason = 0,
      .profile = "ats",
      .leaf_or = UINT64_C(1) << 62,
      .low_or = 4,
      .transient_bit = true },
    { .reason = 12, .leaf_or = UINT64_C(1) << 62, .transient_bit = true }, /* without device-TLBs */
    { .reason = 0, .leaf_or = UINT64_C(0xbff0000000000778) },              /* ignored bits */
};

static void change64(struct bench *b, uint64_t at, uint64_t set, uint64_t clear)
{
    model_publish64(b->m, at, (model_load64(b->m, at) & ~clear) | set);
}

static void run_fault_case(const struct fault_case *c, bool fpd)
{
    uint64_t top, leaf, context, data, iova = c->iova == 0 ? 0x5000 : c->iova;
    uint16_t rid = c->reason == 1 ? 0x0100 : RID;
    struct model_translation t;
    struct bench b;
    uint8_t byte = 0x42;
    unsigned record;

    open_translating(&b, c->profile == NULL ? "generic48" : c->profile, &top);
    model_behaviour(b.u)->transient_bit = c->transient_bit;
    data = model_page_alloc(b.m);
    leaf = bench_map(&b, top, 0x5000, 1, data | RW);
    change64(&b, leaf, c->leaf_or, c->leaf_clear);
    for (unsigned level = b.levels; level > 2; level--)
        top = model_load64(b.m, top) & UINT64_C(0xffffffffff000);
    change64(&b, top, c->middle_or, c->middle_clear);
    context = bench_context_address(&b, RID);
    change64(&b, context, c->low_or | (fpd ? 2 : 0), c->low_clear);
    change64(&b, context + 8, c->high_or, c->high_clear & ~c->high_or);
    change64(&b, b.root, c->root_or, 0);
    model_publish64(b.m, b.root + 8, c->root_high);
    if (c->no_root_memory)
        model_firmware_state(b.u, TE | RTP, UINT64_C(0x3f0000000000));
    t = model_translate(b.m, 0, rid, iova, c->write);
    assert_int_equal(t.reason, c->reason);
    assert_int_equal(model_dma(b.m, 0, rid, iova, &byte, 1, c->write),
                     c->reason == 0 ? MODEL_OK : MODEL_BLOCKED);
    record = bench_take_fault(&b, 0);
    assert_int_equal(record, fpd && c->quiet ? 0 : c->reason);
    if (c->reason == 0 && c->write)
        assert_int_equal(*(uint8_t *)model_pointer(b.m, data), 0x42);
    close_clean(&b);
}

static void test_fault_reasons(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        run_fault_case(&fault_cases[i], false);
        if (fault_cases[i].quiet)
            run_fault_case(&fault_cases[i], true);
    }
}

static void test_walk_sizes(void **state)
{
    struct model_translation t;
    struct model_tree tree;
    struct bench b;
    uint64_t top;

    (void)state;
    open_translating(&b, "generic48", &top);
    bench_map(&b, top, 0x40000000, 3, UINT64_C(0x80000083));
    bench_map(&b, top, 0x200000, 2, UINT64_C(0x600081));
    bench_map(&b, top, 0x7000, 1, UINT64_C(0x9002));
    t = model_translate(b.m, 0, RID, 0x41234567, true);
    assert_true(t.result == MODEL_OK && t.physical == 0x81234567 && t.leaf_size == 1u << 30);
    t = model_translate(b.m, 0, RID, 0x212345, false);
    assert_true(t.result == MODEL_OK && t.physical == 0x612345 && t.leaf_size == 1u << 21);
    assert_true(t.readable && !t.writable && t.did == DID);
    t = model_translate(b.m, 0, RID, 0x7fff, true);
    assert_true(t.result == MODEL_OK && t.physical == 0x9fff && t.leaf_size == 4096);
    tree = model_count_tree(b.m, 0, RID);
    assert_true(tree.valid && tree.levels == 4 && tree.root == top && tree.tables == 4);
    assert_true(tree.leaves[1] == 1 && tree.leaves[2] == 1 && tree.leaves[3] == 1);
    /* What comes out must not be the interrupt range; writes into it are messages. */
    bench_map(&b, top, 0x8000, 1, UINT64_C(0xfee00003));
    assert_int_equal(bench_dma_read(&b, RID, 0x8000, NULL), MODEL_BLOCKED);
    assert_int_equal(bench_take_fault(&b, 0), 14);
    assert_int_equal(model_dma(b.m, 0, RID, 0xfee00000, &top, 4, true), MODEL_INTERRUPT);
    /* Pass-through: no limit but the machine's. */
    bench_context(&b, OTHER, 1 | 8, 0x902);
    t = model_translate(b.m, 0, OTHER, UINT64_C(0x3fffffffffff), true);
    assert_true(t.result == MODEL_OK && t.pass_through && t.physical == UINT64_C(0x3fffffffffff));
    assert_int_equal(model_translate(b.m, 0, OTHER, UINT64_C(1) << 46, true).reason, 4);
    close_clean(&b);
    b.levels = 5;
    bench_open(&b, "five-level", NULL, NULL);
    b.levels = 5;
    top = model_page_alloc(b.m);
    bench_attach(&b, RID, top, DID);
    bench_translate(&b);
    bench_map(&b, top, UINT64_C(1) << 56, 1, UINT64_C(0x9003));
    assert_true(model_translate(b.m, 0, RID, (UINT64_C(1) << 56) + 1, true).physical == 0x9001);
    close_clean(&b);
    open_translating(&b, "two-level", &top);
    bench_map(&b, top, 0x3ffff000, 1, UINT64_C(0x9003));
    assert_int_equal(model_translate(b.m, 0, RID, 0x3ffff000, true).result, MODEL_OK);
    assert_int_equal(model_translate(b.m, 0, RID, 0x40000000, true).reason, 4);
    close_clean(&b);
}

static void test_dma(void **state)
{
    uint8_t out[6000], in[6000];
    struct bench b;
    uint64_t top, one, two;

    (void)state;
    open_translating(&b, "generic48", &top);
    one = model_page_alloc(b.m);
    two = model_page_alloc(b.m);
    bench_map(&b, top, 0x10000, 1, two | RW);
    bench_map(&b, top, 0x11000, 1, one | RW);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7);
    assert_int_equal(model_dma(b.m, 0, RID, 0x10100, out, sizeof(out), true), MODEL_OK);
    assert_int_equal(model_dma(b.m, 0, RID, 0x10100, in, sizeof(in), false), MODEL_OK);
    assert_memory_equal(in, out, sizeof(in));
    assert_memory_equal(model_pointer(b.m, one), out + 0xf00, 1000);
    /* Stops at the first bad page, with that page's address in the record. */
    assert_int_equal(model_dma(b.m, 0, RID, 0x11f00, out, 1000, true), MODEL_BLOCKED);
    assert_true(bench_read64(&b, 0x1200) == 0x12000);
    assert_int_equal(bench_take_fault(&b, 0), 5);
    /* Nothing there. */
    bench_map(&b, top, 0x20000, 1, UINT64_C(0x3f0000000003));
    assert_int_equal(bench_dma_read(&b, RID, 0x20000, in), MODEL_NO_MEMORY);
    assert_int_equal(in[0], 0xff);
    /* Translation off: everything goes straight through. */
    bench_command(&b, TE, false);
    assert_int_equal(bench_dma_write(&b, RID, one + 5, 0x99), MODEL_BYPASSED);
    assert_int_equal(*(uint8_t *)model_pointer(b.m, one + 5), 0x99);
    close_clean(&b);
}

static void test_protected_memory(void **state)
{
    struct bench b;
    uint64_t top, data;

    (void)state;
    open_translating(&b, "rwbf", &top);
    data = model_page_alloc(b.m);
    bench_map(&b, top, 0x5000, 1, data | RW);
    bench_write(&b, 0x68, (uint32_t)data & 0xffe00000);
    bench_write(&b, 0x6c, (uint32_t)data & 0xffe00000);
    assert_int_equal(bench_dma_read(&b, RID, 0x5000, NULL), MODEL_OK);
    model_behaviour(b.u)->gsts_lag = 2;
    bench_write(&b, 0x64, 0x80000000);
    assert_int_equal(bench_read(&b, 0x64) & 1, 0);
    assert_int_equal(bench_read(&b, 0x64) & 1, 1);
    assert_int_equal(bench_dma_read(&b, RID, 0x5000, NULL), MODEL_BLOCKED_PMR);
    bench_write(&b, 0x68, 0);
    assert_true(bench_violated(&b, "while protection is on"));
    model_behaviour(b.u)->gsts_lag = 0;
    bench_command(&b, TE, false);
    assert_int_equal(bench_dma_read(&b, RID, data, NULL), MODEL_BLOCKED_PMR);
    bench_write(&b, 0x64, 0);
    assert_int_equal(bench_dma_read(&b, RID, data, NULL), MODEL_BYPASSED);
    close_clean(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_pages_unmapped_and_high),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_small_memory),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_hook_clock_and_log),
        cmocka_unit_test(test_register_rules),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_command_lag),
        cmocka_unit_test(test_register_invalidation),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_fault_reasons),
        cmocka_unit_test(test_walk_sizes),
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_protected_memory),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
