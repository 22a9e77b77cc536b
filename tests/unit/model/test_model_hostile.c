/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware model itself, third part: interrupt remapping, hostile queues, hanging waits,
 * errata, the checker of caches, single steps.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bench.h"

#define RID UINT16_C(0x0010)
#define DID UINT16_C(7)
#define RW  UINT64_C(3)

#define TE   UINT32_C(0x80000000)
#define RTP  UINT32_C(0x40000000)
#define WBF  UINT32_C(0x08000000)
#define QIE  UINT32_C(0x04000000)
#define IRE  UINT32_C(0x02000000)
#define IRTP UINT32_C(0x01000000)
#define CFI  UINT32_C(0x00800000)

#define PFO UINT32_C(1)
#define IQE UINT32_C(0x10)

#define CONTEXT_GLOBAL UINT64_C(0x11)
#define IOTLB_GLOBAL   UINT64_C(0x12)
#define IOTLB_DOMAIN   (UINT64_C(0x22) | (uint64_t)DID << 16)

static void close_clean(struct bench *b)
{
    assert_true(bench_clean(b));
    bench_close(b);
}

struct scene {
    struct bench b;
    uint64_t top, data, leaf;
};

static void scene_open(struct scene *s, const char *profile)
{
    bench_open(&s->b, profile, NULL, NULL);
    s->top = model_page_alloc(s->b.m);
    s->data = model_page_alloc(s->b.m);
    s->leaf = bench_map(&s->b, s->top, 0x5000, 1, s->data | RW);
    bench_attach(&s->b, RID, s->top, DID);
    bench_translate(&s->b);
}

/* ---- Interrupt remapping --------------------------------------------------------------------- */

#define MSI(index) \
    (UINT64_C(0xfee00010) | (uint64_t)((index)&0x7fff) << 5 | (uint64_t)((index) >> 15) << 2)

static enum model_interrupt_result interrupt(struct bench *b, uint64_t address, uint32_t data)
{
    uint8_t vector = 0;
    uint32_t destination = 0;
    enum model_interrupt_result result =
        model_interrupt(b->m, 0, RID, address, data, &vector, &destination);

    if (result == MODEL_INT_REMAPPED) {
        assert_int_equal(vector, 0x41);
        assert_int_equal(destination, 3);
    }
    return result;
}

static void put_entry(struct bench *b, uint64_t table, unsigned index, uint64_t low, uint64_t high)
{
    model_publish64(b->m, table + 16 * index + 8, high);
    model_publish64(b->m, table + 16 * index, low);
}

#define GOOD (UINT64_C(1) | UINT64_C(0x41) << 16 | UINT64_C(3) << 40)
#define FROM (UINT64_C(1) << 18 | RID)

static uint64_t remapping_on(struct bench *b, uint32_t size)
{
    uint64_t table = model_page_alloc(b->m);

    bench_queue_on(b);
    bench_write64(b, 0xb8, table | size);
    bench_command(b, IRTP, true);
    assert_int_equal(interrupt(b, MSI(0), 0), MODEL_INT_COMPATIBILITY);
    bench_command(b, IRE, true);
    return table;
}

static void test_interrupt_entries(void **state)
{
    static const struct {
        uint64_t low, high;
        unsigned reason;
    } bad[] = {
        { 0, 0, 0x22 },
        { GOOD | 0x1000, FROM, 0x24 },
        { GOOD | 0x8000, FROM, 0x24 },
        { GOOD | UINT64_C(0x01000000), FROM, 0x24 },
        { GOOD | UINT64_C(1) << 32, FROM, 0x24 },
        { GOOD | UINT64_C(1) << 48, FROM, 0x24 },
        { GOOD | 3 << 5, FROM, 0x24 },
        { GOOD | 6 << 5, FROM, 0x24 },
        { GOOD | 1 << 5, FROM, 0x24 },
        { GOOD, UINT64_C(3) << 18 | RID, 0x24 },
        { GOOD, FROM | UINT64_C(1) << 20, 0x24 },
        { GOOD, FROM ^ 1, 0x26 },
        { GOOD, FROM ^ 8 ^ UINT64_C(3) << 16, 0x26 },
        { GOOD, UINT64_C(2) << 18 | 0x0102, 0x26 },
    };
    struct bench b;
    uint64_t table;

    (void)state;
    bench_open(&b, "modern", NULL, NULL);
    table = remapping_on(&b, 3); /* 16 entries */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_entry(&b, table, i, bad[i].low, bad[i].high);
        assert_int_equal(interrupt(&b, MSI(i), 0), MODEL_INT_BLOCKED);
        assert_int_equal(bench_take_fault(&b, i % 8), bad[i].reason);
        /* FPD: the same without a record, where the entry could be read. */
        put_entry(&b, table, i, bad[i].low | 2, bad[i].high);
        bench_submit(&b, 4, 0);
        assert_int_equal(interrupt(&b, MSI(i), 0), MODEL_INT_BLOCKED);
    }
    assert_int_equal(model_stats(b.u)->faults_quiet, 14);
    assert_int_equal(interrupt(&b, MSI(16), 0), MODEL_INT_BLOCKED);
    assert_int_equal(bench_take_fault(&b, 14 % 8), 0x21);
    assert_int_equal(interrupt(&b, MSI(0) | 1, 0), MODEL_INT_BLOCKED);
    assert_int_equal(bench_take_fault(&b, 15 % 8), 0x20);
    assert_int_equal(interrupt(&b, UINT64_C(0xfee01000), 0x41), MODEL_INT_BLOCKED);
    assert_int_equal(bench_take_fault(&b, 16 % 8), 0x25);
    bench_command(&b, CFI, true);
    assert_int_equal(interrupt(&b, UINT64_C(0xfee01000), 0x41), MODEL_INT_COMPATIBILITY);
    /* Sub-handle, source by function mask and by bus range. */
    put_entry(&b, table, 5, GOOD, FROM ^ 4 ^ UINT64_C(1) << 16);
    bench_submit(&b, 4, 0);
    assert_int_equal(interrupt(&b, MSI(3) | 8, 2), MODEL_INT_REMAPPED);
    put_entry(&b, table, 5, GOOD, UINT64_C(2) << 18 | 0x0001);
    bench_submit(&b, 4, 0);
    assert_int_equal(interrupt(&b, MSI(5), 0), MODEL_INT_REMAPPED);
    assert_int_equal(model_stats(b.u)->interrupts_remapped, 2);
    close_clean(&b);
}

/* An entry stays as it was until an invalidation covers exactly it. */
static void test_interrupt_cache(void **state)
{
    struct bench b;
    uint64_t table;

    (void)state;
    bench_open(&b, "modern", NULL, NULL);
    table = remapping_on(&b, 7);
    for (unsigned i = 4; i < 8; i++) {
        put_entry(&b, table, i, GOOD, FROM);
        assert_int_equal(interrupt(&b, MSI(i), 0), MODEL_INT_REMAPPED);
        put_entry(&b, table, i, 0, 0);
    }
    bench_submit(&b, UINT64_C(0x14) | UINT64_C(1) << 27 | UINT64_C(4) << 32, 0); /* 4 and 5 */
    assert_int_equal(interrupt(&b, MSI(4), 0), MODEL_INT_BLOCKED);
    assert_int_equal(interrupt(&b, MSI(5), 0), MODEL_INT_BLOCKED);
    assert_int_equal(interrupt(&b, MSI(6), 0), MODEL_INT_REMAPPED);
    bench_submit(&b, 4, 0);
    assert_int_equal(interrupt(&b, MSI(7), 0), MODEL_INT_BLOCKED);
    /* Without caching mode absence is not kept. */
    put_entry(&b, table, 7, GOOD, FROM);
    assert_int_equal(interrupt(&b, MSI(7), 0), MODEL_INT_REMAPPED);
    close_clean(&b);

    bench_open(&b, "modern", NULL,
               &(struct model_unit_config){ .cap_set = UINT64_C(1) << 7 }); /* CM */
    table = remapping_on(&b, 7);
    assert_int_equal(interrupt(&b, MSI(7), 0), MODEL_INT_BLOCKED);
    put_entry(&b, table, 7, GOOD, FROM);
    assert_int_equal(interrupt(&b, MSI(7), 0), MODEL_INT_BLOCKED);
    bench_submit(&b, UINT64_C(0x14) | UINT64_C(7) << 32, 0);
    assert_int_equal(interrupt(&b, MSI(7), 0), MODEL_INT_REMAPPED);
    close_clean(&b);
}

/* ---- Queues ---------------------------------------------------------------------------------- */

/* The head has met the tail and nothing has been done yet. */
static void test_fetch_ahead(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, "generic48");
    bench_queue_on(&s.b);
    model_behaviour(s.b.u)->queue_mode = MODEL_QUEUE_MANUAL;
    model_behaviour(s.b.u)->queue_fetch = 8;
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_OK);
    model_publish64(s.b.m, s.leaf, 0);
    bench_post(&s.b, IOTLB_DOMAIN, 0);
    bench_wait(&s.b, 0, 5);
    assert_int_equal(bench_read(&s.b, 0x80), s.b.tail);
    assert_int_equal(bench_word(&s.b, 0), 0);
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_OK);
    /* What was taken in is not read again. */
    model_store64(s.b.m, s.b.queue + 16, 0);
    assert_int_equal(model_queue_step(s.b.u, 9), 2);
    assert_int_equal(bench_word(&s.b, 0), 5);
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_BLOCKED);
    /* An error shows when what was before it has been done; the head points at the culprit. */
    bench_post(&s.b, CONTEXT_GLOBAL, 0);
    bench_post(&s.b, 0, 0);
    bench_wait(&s.b, 0, 6);
    assert_int_equal(bench_read(&s.b, 0x80), 48);
    assert_int_equal(bench_read(&s.b, 0x34) & IQE, 0);
    assert_int_equal(model_queue_step(s.b.u, 9), 1);
    assert_int_equal(bench_read(&s.b, 0x34) & IQE, IQE);
    model_store64(s.b.m, s.b.queue + 48, IOTLB_GLOBAL);
    bench_acknowledge(&s.b, IQE);
    bench_ring(&s.b);
    assert_int_equal(model_queue_step(s.b.u, 9), 2);
    assert_int_equal(bench_word(&s.b, 0), 6);
    (void)bench_take_fault(&s.b, 0);
    close_clean(&s.b);
}

static void test_disorder(void **state)
{
    unsigned swapped = 0;
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    bench_queue_on(&b);
    model_behaviour(b.u)->queue_mode = MODEL_QUEUE_MANUAL;
    model_behaviour(b.u)->queue_fetch = 16;
    model_behaviour(b.u)->queue_disorder = true;
    for (unsigned round = 0; round < 40; round++) {
        const struct model_invalidation *first, *last;

        model_clear_invalidation_log(b.u);
        bench_post(&b, CONTEXT_GLOBAL, 0);
        bench_post(&b, IOTLB_GLOBAL, 0);
        bench_wait(&b, 0, round);
        bench_submit(&b, IOTLB_GLOBAL, 0);
        assert_int_equal(model_queue_step(b.u, 9), 4);
        first = model_invalidation_log(b.u, 0);
        last = model_invalidation_log(b.u, 2);
        assert_int_equal(last->kind, MODEL_INV_WAIT);
        swapped += first->kind == MODEL_INV_IOTLB;
    }
    bench_wait(&b, 0, 99);
    model_queue_step(b.u, 9);
    assert_in_range(swapped, 5, 35);
    close_clean(&b);
}

static void test_hanging_waits(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    model_hang_wait(b.u, 2, false);
    bench_write64(&b, 0x20, b.root);
    bench_command(&b, RTP, true);
    assert_int_equal(bench_read(&b, 0x1c) & RTP, RTP);
    assert_int_equal(bench_context_flush(&b, 1, 0, 0, 0), 0xff);
    model_release_waits(b.u);
    assert_int_equal(bench_read(&b, 0x2c) >> 27 & 3, 1);
    assert_int_equal(model_waits(b.u), 2);
    assert_int_equal(model_waits_hung(b.u), 1);
    model_hang_wait(b.u, 1, true);
    bench_write64(&b, 0x90, b.queue);
    bench_command(&b, QIE, true);
    assert_int_equal(bench_read(&b, 0x1c) & QIE, 0);
    model_release_waits(b.u);
    assert_int_equal(bench_read(&b, 0x1c) & QIE, QIE);
    bench_command(&b, QIE, false);
    bench_queue_on(&b);
    model_hang_wait(b.u, 1, false);
    bench_wait(&b, 0, 1);
    bench_wait(&b, 0, 2);
    assert_int_equal(bench_word(&b, 0), 0);
    assert_int_equal(bench_read(&b, 0x80), 0);
    model_release_waits(b.u);
    assert_int_equal(bench_word(&b, 0), 2);
    close_clean(&b);
}

/* ---- Registers ------------------------------------------------------------------------------- */

static void test_status_lost(void **state)
{
    struct bench b;
    uint32_t seen;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    model_inject_overflow(b.u);
    seen = bench_read(&b, 0x34);
    assert_int_equal(seen, PFO);
    /* Another bit rises between the read and the write of everything. */
    model_poke32(b.u, 0x34, PFO | IQE);
    seen = bench_read(&b, 0x34);
    model_poke32(b.u, 0x34, PFO);
    bench_write(&b, 0x34, 0x71);
    assert_true(bench_violated(&b, "nobody has read"));
    model_inject_overflow(b.u);
    bench_acknowledge(&b, PFO);
    close_clean(&b);
}

static void test_errata(void **state)
{
    struct scene s;

    (void)state;
    scene_open(&s, "rwbf");
    model_set_errata(s.b.u, MODEL_ERRATUM_NO_PROTECTED);
    bench_write(&s.b, 0x64, 0);
    assert_true(bench_violated(&s.b, "protected memory"));
    close_clean(&s.b);

    scene_open(&s, "generic48");
    model_set_errata(s.b.u, MODEL_ERRATUM_MASK_9 | MODEL_ERRATUM_NO_LARGE);
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_OK);
    model_publish64(s.b.m, s.leaf, 0);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0, 10, false), 3);
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_OK);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0, 9, false), 3);
    assert_int_equal(bench_dma_write(&s.b, RID, 0x5000, 1), MODEL_BLOCKED);
    (void)bench_map(&s.b, s.top, UINT64_C(0x40000000), 2, RW | 0x80);
    (void)bench_dma_read(&s.b, RID, UINT64_C(0x40000000), NULL);
    assert_true(bench_violated(&s.b, "no TLB for them"));
    (void)bench_take_fault(&s.b, 0);
    close_clean(&s.b);

    bench_open(&s.b, "modern", NULL, NULL);
    model_set_errata(s.b.u, MODEL_ERRATUM_NO_REMAPPING | MODEL_ERRATUM_QUEUE_FIRST);
    bench_write64(&s.b, 0x20, s.b.root);
    bench_command(&s.b, RTP, true);
    assert_int_equal(bench_context_flush(&s.b, 1, 0, 0, 0), 0xff);
    bench_command(&s.b, IRTP, true);
    bench_command(&s.b, IRE, true);
    assert_true(bench_violated(&s.b, "where it does not work"));
    bench_close(&s.b);

    bench_open(&s.b, "generic48", NULL, NULL);
    model_set_errata(s.b.u, MODEL_ERRATUM_HIDDEN_BUFFER);
    s.top = model_page_alloc(s.b.m);
    model_store64(s.b.m, s.top, 1);
    bench_command(&s.b, WBF, true);
    close_clean(&s.b);
}

/* Every machine of the list comes up in the model. */
static void test_chipsets(void **state)
{
    const struct model_chipset *chipset;

    (void)state;
    for (unsigned i = 0; (chipset = model_chipset_at(i)) != NULL; i++) {
        struct model *m = model_create(NULL);
        unsigned governed = 0, functions = 0;

        model_add_chipset(m, chipset);
        assert_int_equal(model_get_config(m, 0, 0, 0), 0x8086u | (uint32_t)chipset->bridge << 16);
        assert_int_equal(model_get_config(m, 0, 0, 8) & 0xff, chipset->revision);
        for (; functions < MODEL_CHIPSET_FUNCTIONS && chipset->function[functions].rid != 0;
             functions++)
            governed += model_unit_of(m, 0, chipset->function[functions].rid) != NULL;
        assert_int_equal(governed, functions);
        assert_int_equal(model_unit_cap(model_unit_at(m, 0)), chipset->unit[0].cap);
        model_destroy(m);
    }
    assert_int_equal(model_chipset_at(6) != NULL, true);
}

/* ---- The checker of caches ------------------------------------------------------------------- */

static void test_stale(void **state)
{
    struct model_unit_stats *stats;
    struct scene s;
    uint64_t other;

    (void)state;
    scene_open(&s, "generic48");
    stats = model_stats(s.b.u);
    model_behaviour(s.b.u)->audit = true;
    model_cache_warm(s.b.u);
    assert_int_equal(model_cache_count(s.b.u, MODEL_CACHE_IOTLB), 1);
    assert_int_equal(model_cache_count(s.b.u, MODEL_CACHE_WALK), 3);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    /* Nothing has changed: the invalidation was not needed. */
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x5000, 0, true), 3);
    assert_int_equal(stats->needless, 1);
    model_cache_warm(s.b.u);
    model_publish64(s.b.m, s.leaf, s.data | 1); /* rights */
    assert_int_equal(model_cache_stale(s.b.u), 1);
    model_publish64(s.b.m, s.leaf, 0);
    assert_int_equal(model_cache_stale(s.b.u), 1);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x6000, 0, true), 3); /* not that page */
    assert_int_equal(stats->needless, 2);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x5000, 0, true), 3);
    assert_int_equal(stats->needless, 2);
    assert_int_equal(stats->audited, 3);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    /* A table that is replaced. */
    other = model_page_alloc(s.b.m);
    model_publish64(s.b.m, s.top, other | RW);
    assert_int_equal(model_cache_stale(s.b.u), 3);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x5000, 0, false), 3);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    /* A context that goes takes everything with its id along. */
    model_publish64(s.b.m, s.top, s.top | RW);
    model_cache_warm(s.b.u);
    model_publish64(s.b.m, bench_context_address(&s.b, RID), 0);
    assert_true(model_cache_stale(s.b.u) > 1);
    assert_int_equal(bench_context_flush(&s.b, 3, DID, RID, 0), 3);
    assert_int_equal(bench_iotlb_flush(&s.b, 2, DID, 0, 0, false), 2);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    close_clean(&s.b);
}

struct leaves {
    unsigned count;
    uint64_t iova, size, physical;
    bool readable, writable;
};

static void note_leaf(void *context, uint64_t iova, uint64_t size, uint64_t physical, bool readable,
                      bool writable)
{
    struct leaves *leaves = context;

    *leaves = (struct leaves){ leaves->count + 1, iova, size, physical, readable, writable };
}

/* A superpage that says the same as small ones is not stale; one byte elsewhere is. */
static void test_leaves_of_two_sizes(void **state)
{
    struct leaves leaves = { 0 };
    struct scene s;
    uint64_t small;

    (void)state;
    scene_open(&s, "generic48");
    model_publish64(s.b.m, s.leaf, 0);
    (void)bench_map(&s.b, s.top, 0x200000, 2, UINT64_C(0x400000) | RW | 0x80);
    model_visit_leaves(s.b.m, 0, RID, note_leaf, &leaves);
    assert_int_equal(leaves.count, 1);
    assert_int_equal(leaves.iova, 0x200000);
    assert_int_equal(leaves.size, 0x200000);
    assert_int_equal(leaves.physical, 0x400000);
    assert_true(leaves.readable && leaves.writable);
    model_cache_warm(s.b.u);
    small = model_page_alloc(s.b.m);
    for (unsigned i = 0; i < 512; i++)
        model_publish64(s.b.m, small + 8 * i, (UINT64_C(0x400000) + i * UINT64_C(4096)) | RW);
    (void)bench_map(&s.b, s.top, 0x200000, 2, small | RW);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    model_publish64(s.b.m, small + 8 * 511, UINT64_C(0x400000) | RW);
    assert_int_equal(model_cache_stale(s.b.u), 1);
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x3ff000, 0, false), 3);
    assert_int_equal(model_cache_stale(s.b.u), 1); /* a page does not cover a superpage */
    assert_int_equal(bench_iotlb_flush(&s.b, 3, DID, 0x200000, 9, false), 3);
    assert_int_equal(model_cache_stale(s.b.u), 0);
    close_clean(&s.b);
}

/* ---- Single steps ---------------------------------------------------------------------------- */

struct seen {
    uint64_t address;
    uint64_t values[8];
    unsigned count;
};

static void note_value(void *context, struct model *m)
{
    struct seen *seen = context;
    uint64_t value = model_load64(m, seen->address);

    if (seen->count == 0 || (value != seen->values[seen->count - 1] && seen->count < 8))
        seen->values[seen->count++] = value;
}

/* Stores in the midst of ordinary code are seen one by one; host functions at their end. */
static void test_single_steps(void **state)
{
    struct model *m = model_create(NULL);
    volatile uint32_t *half;
    struct udmar_page page;
    struct seen seen = { .count = 0 };

    (void)state;
    assert_true(udmar_host_page_alloc(m, 1, UINT64_MAX, true, &page));
    half = page.mapping;
    seen.address = page.physical;
    model_step_begin(m, note_value, &seen);
    half[0] = 7;
    half[1] = 9;
    half[0] = 0;
    (void)udmar_host_time_ns(m);
    half[1] = 1;
    model_step_end(m);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.values[0], 7);
    assert_true(seen.values[1] == (UINT64_C(9) << 32 | 7));
    assert_true(seen.values[2] == UINT64_C(9) << 32);
    assert_true(seen.values[3] == UINT64_C(1) << 32);
    assert_int_equal(model_step_counts().stores, 4);
    assert_in_range(model_step_counts().calls, 1, 3);
    assert_in_range(model_step_counts().instructions, 5, 400);
    udmar_host_page_free(m, &page, 1);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupt_entries),
        cmocka_unit_test(test_interrupt_cache),
        cmocka_unit_test(test_fetch_ahead),
        cmocka_unit_test(test_disorder),
        cmocka_unit_test(test_hanging_waits),
        cmocka_unit_test(test_status_lost),
        cmocka_unit_test(test_errata),
        cmocka_unit_test(test_chipsets),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_leaves_of_two_sizes),
        cmocka_unit_test(test_single_steps),
    };

    return cmocka_run_group_tests_name("model_hostile", tests, NULL, NULL);
}
