/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware model itself, second part: what stays stale, and until when.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bench.h"

#define RID   UINT16_C(0x0010)
#define OTHER UINT16_C(0x0018)
#define DID   UINT16_C(7)
#define RW    UINT64_C(3)
#define RTP   UINT32_C(0x40000000)
#define TE    UINT32_C(0x80000000)
#define WBF   UINT32_C(0x08000000)

/* FSTS. */
#define PFO UINT32_C(1)

static void close_clean(struct bench *b)
{
    assert_true(bench_clean(b));
    bench_close(b);
}

/* One page of data mapped at 0x5000 for RID, translation on. */
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

static bool reaches(struct scene *s, uint64_t iova)
{
    return bench_dma_write(&s->b, RID, iova, 1) == MODEL_OK;
}

static void drop_faults(struct bench *b)
{
    for (unsigned i = 0; i < 8; i++)
        bench_take_fault(b, i % ((model_unit_cap(b->u) >> 40 & 0xff) + 1));
    bench_acknowledge(b, PFO);
}

/* ---- Caches ---------------------------------------------------------------------------------- */

static void test_stale_leaf(void **state)
{
    struct scene s;
    struct bench *b = &s.b;

    (void)state;
    scene_open(&s, "generic48");
    assert_true(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, 0);
    assert_true(reaches(&s, 0x5000)); /* stale */
    assert_int_equal(model_translate(b->m, 0, RID, 0x5000, true).result, MODEL_BLOCKED);
    assert_int_equal(model_translate_cached(b->m, 0, RID, 0x5000, true).result, MODEL_OK);
    bench_iotlb_flush(b, 3, DID, 0x6000, 0, true); /* another page */
    assert_true(reaches(&s, 0x5000));
    bench_iotlb_flush(b, 3, DID + 1, 0x5000, 0, true); /* another domain */
    bench_iotlb_flush(b, 2, DID + 1, 0, 0, false);
    assert_true(reaches(&s, 0x5000));
    bench_context_flush(b, 1, 0, 0, 0);
    assert_true(reaches(&s, 0x5000));
    bench_iotlb_flush(b, 3, DID, 0x5000, 0, true);
    assert_false(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, s.data | 1); /* read only; absence is not cached */
    assert_false(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, s.data | RW);
    assert_false(reaches(&s, 0x5000));             /* the narrower permission is cached */
    bench_iotlb_flush(b, 3, DID, 0x4000, 1, true); /* two pages */
    assert_true(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, 0);
    bench_iotlb_flush(b, 2, DID, 0, 0, false);
    assert_false(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, s.data | RW);
    assert_true(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, 0);
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    assert_false(reaches(&s, 0x5000));
    close_clean(b);
}

static void test_stale_superpage(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    uint64_t slot;

    (void)state;
    scene_open(&s, "generic48");
    slot = bench_map(b, s.top, 0x200000, 2, UINT64_C(0x400083));
    assert_true(reaches(&s, 0x234000));
    model_publish64(b->m, slot, 0);
    bench_iotlb_flush(b, 3, DID, 0x234000, 0, false);
    assert_true(reaches(&s, 0x234000)); /* the mask does not cover the page */
    bench_iotlb_flush(b, 3, DID, 0x234000, 8, false);
    assert_true(reaches(&s, 0x234000));
    bench_iotlb_flush(b, 3, DID, 0x234000, 9, true);
    assert_false(reaches(&s, 0x234000));
    close_clean(b);
}

static void test_walk_cache(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    uint64_t old_table, middle, replacement, other;

    (void)state;
    scene_open(&s, "generic48");
    replacement = model_page_alloc(b->m);
    other = model_page_alloc(b->m);
    model_publish64(b->m, replacement + 8 * 6, other | RW);
    middle = bench_map(b, s.top, 0, 2, 3); /* only to learn its address: table pointer is lost */
    old_table = s.leaf & ~UINT64_C(0xfff);
    model_publish64(b->m, middle, old_table | RW);
    assert_true(reaches(&s, 0x5000));
    assert_int_equal(model_cache_count(b->u, MODEL_CACHE_WALK), 3);
    model_publish64(b->m, middle, replacement | RW);
    bench_iotlb_flush(b, 3, DID, 0x5000, 0, true);
    assert_true(reaches(&s, 0x5000)); /* still through the old table */
    assert_false(reaches(&s, 0x6000));
    bench_iotlb_flush(b, 3, DID, 0x40000000, 0, false); /* elsewhere */
    assert_false(reaches(&s, 0x6000));
    bench_iotlb_flush(b, 3, DID, 0x7000, 0, false); /* anything below that entry, IH = 0 */
    assert_true(reaches(&s, 0x6000));
    drop_faults(b);
    /* A table that is freed while a cache still leads to it. */
    model_page_free(b->m, replacement);
    bench_iotlb_flush(b, 3, DID, 0x6000, 0, true);
    reaches(&s, 0x6000);
    assert_true(bench_violated(b, "walks through the freed page"));
    assert_true(reaches(&s, 0x5000)); /* its leaf is cached still */
    model_page_free(b->m, s.data);
    reaches(&s, 0x5000);
    assert_int_equal(model_stats(b->u)->dma_to_freed, 1);
    close_clean(b);
}

static void test_stale_context(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    uint64_t top, data;

    (void)state;
    scene_open(&s, "generic48");
    top = model_page_alloc(b->m);
    data = model_page_alloc(b->m);
    bench_map(b, top, 0x9000, 1, data | RW);
    assert_true(reaches(&s, 0x5000));
    bench_attach(b, RID, top, DID + 1);
    assert_true(reaches(&s, 0x5000));
    bench_context_flush(b, 3, DID + 1, RID, 0); /* the old domain id is the tag */
    bench_context_flush(b, 3, DID, OTHER, 0);
    bench_context_flush(b, 2, DID + 1, 0, 0);
    assert_true(reaches(&s, 0x5000));
    assert_false(reaches(&s, 0x9000));
    bench_context_flush(b, 3, DID, RID | 2, 1); /* FM 1 ignores function bit 2 only */
    assert_false(reaches(&s, 0x9000));
    bench_context_flush(b, 3, DID, RID | 4, 1);
    assert_true(reaches(&s, 0x9000));
    assert_false(reaches(&s, 0x5000));
    bench_context(b, RID, 0, 0);
    bench_context_flush(b, 2, DID + 1, 0, 0);
    assert_false(reaches(&s, 0x9000));
    drop_faults(b);
    /* Absence is not cached without caching mode. */
    bench_attach(b, RID, s.top, DID);
    assert_true(reaches(&s, 0x5000));
    /* One domain id for two trees confuses the caches. */
    bench_attach(b, OTHER, top, DID);
    bench_dma_read(b, OTHER, 0x9000, NULL);
    assert_true(bench_violated(b, "share domain id"));
    close_clean(b);
}

static void test_caching_mode(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    uint64_t data;

    (void)state;
    scene_open(&s, "cm");
    data = model_page_alloc(b->m);
    assert_false(reaches(&s, 0x6000));
    bench_map(b, s.top, 0x6000, 1, data | RW);
    assert_false(reaches(&s, 0x6000)); /* its absence is cached */
    bench_iotlb_flush(b, 3, DID, 0x6000, 0, true);
    assert_true(reaches(&s, 0x6000));
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_BLOCKED);
    bench_attach(b, OTHER, s.top, DID);
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_BLOCKED);
    bench_context_flush(b, 3, DID, OTHER, 0); /* absent entries have domain id 0 */
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_BLOCKED);
    bench_context_flush(b, 3, 0, OTHER, 0);
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_OK);
    bench_context(b, OTHER, s.top | 1, (uint64_t)DID << 8 | 7); /* present, but AW is bad */
    bench_context_flush(b, 3, DID, OTHER, 0);
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_BLOCKED);
    bench_attach(b, OTHER, s.top, DID);
    bench_context_flush(b, 3, DID, OTHER, 0);
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_BLOCKED);
    bench_context_flush(b, 3, 0, OTHER, 0);
    assert_int_equal(bench_dma_read(b, OTHER, 0x5000, NULL), MODEL_OK);
    bench_attach(b, 0x0020, s.top, 0);
    bench_dma_read(b, 0x0020, 0x5000, NULL);
    assert_true(bench_violated(b, "domain id 0"));
    close_clean(b);
}

static void test_cache_knobs(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    uint64_t slot;

    (void)state;
    scene_open(&s, "generic48");
    slot = bench_map(b, s.top, 0x6000, 1, s.data | RW);
    bench_map(b, s.top, 0x20000, 1, s.data | RW);
    model_behaviour(b->u)->prefetch = true;
    assert_true(reaches(&s, 0x5000));
    assert_int_equal(model_cache_count(b->u, MODEL_CACHE_IOTLB), 2);
    model_publish64(b->m, slot, s.data | 1);
    bench_iotlb_flush(b, 3, DID, 0x5000, 0, true);
    assert_true(reaches(&s, 0x5000)); /* reads its neighbour again, but keeps what it has */
    assert_true(reaches(&s, 0x6000)); /* never used, yet cached */
    model_behaviour(b->u)->evict = 1;
    assert_false(reaches(&s, 0x6000));
    model_behaviour(b->u)->evict = 0;
    model_behaviour(b->u)->no_caches = true;
    model_cache_drop_all(b->u);
    assert_true(reaches(&s, 0x5000));
    assert_int_equal(model_cache_count(b->u, MODEL_CACHE_IOTLB), 0);
    assert_int_equal(model_cache_count(b->u, MODEL_CACHE_CONTEXT), 0);
    close_clean(b);
}

static void test_root_pointer(void **state)
{
    struct scene s;
    struct bench *b = &s.b;

    (void)state;
    scene_open(&s, "generic48");
    assert_true(reaches(&s, 0x5000));
    bench_write64(b, 0x20, model_page_alloc(b->m)); /* no effect without SRTP */
    bench_context_flush(b, 1, 0, 0, 0);
    assert_true(reaches(&s, 0x5000));
    bench_command(b, RTP, true);
    assert_true(reaches(&s, 0x5000)); /* cached */
    bench_context_flush(b, 1, 0, 0, 0);
    assert_false(reaches(&s, 0x5000));
    assert_int_equal(bench_take_fault(b, 0), 1);
    close_clean(b);
    scene_open(&s, "modern"); /* ESRTPS: the unit does it all */
    assert_true(reaches(&s, 0x5000));
    bench_write64(b, 0x20, model_page_alloc(b->m));
    bench_command(b, RTP, true);
    assert_false(reaches(&s, 0x5000));
    close_clean(b);
}

static void test_non_coherent(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    struct udmar_page page;
    uint64_t *entry;

    (void)state;
    scene_open(&s, "noncoherent");
    model_store64(b->m, s.leaf, 0);
    assert_true(reaches(&s, 0x5000));
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    assert_true(reaches(&s, 0x5000)); /* the store is in a cache of the processor */
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    entry = udmar_host_page_map(b->m, s.leaf & ~UINT64_C(0xfff));
    udmar_host_cache_flush(b->m, entry + 8, 8); /* the next line */
    assert_true(reaches(&s, 0x5000));
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    udmar_host_cache_flush(b->m, entry + 7, 1); /* another entry of the same line */
    udmar_host_page_unmap(b->m, entry);
    assert_false(reaches(&s, 0x5000));
    assert_int_equal(model_flushes(b->m), 2);
    drop_faults(b);
    /* A fresh page is zero for the processor only. */
    assert_true(udmar_host_page_alloc(b->m, 1, UINT64_MAX, true, &page));
    bench_attach(b, RID, page.physical, DID);
    bench_context_flush(b, 1, 0, 0, 0);
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    assert_false(reaches(&s, 0x5000));
    assert_int_equal(bench_take_fault(b, 1), 12);
    udmar_host_cache_flush(b->m, page.mapping, 4096);
    assert_false(reaches(&s, 0x5000));
    assert_int_equal(bench_take_fault(b, 2), 5);
    udmar_host_page_free(b->m, &page, 1);
    close_clean(b);
}

static void test_write_buffer(void **state)
{
    struct scene s;
    struct bench *b = &s.b;

    (void)state;
    scene_open(&s, "rwbf");
    model_store64(b->m, s.leaf + 8, s.data | RW);
    assert_false(reaches(&s, 0x6000));
    bench_command(b, WBF, true);
    assert_int_equal(bench_read(b, 0x1c) & WBF, 0);
    assert_true(reaches(&s, 0x6000));
    model_store64(b->m, s.leaf + 16, s.data | RW);
    assert_false(reaches(&s, 0x7000));
    bench_iotlb_flush(b, 2, DID + 1, 0, 0, false); /* any invalidation will do */
    assert_true(reaches(&s, 0x7000));
    model_behaviour(b->u)->gsts_lag = 2;
    bench_command(b, WBF, true);
    assert_int_equal(bench_read(b, 0x1c) & WBF, WBF);
    assert_int_equal(bench_read(b, 0x1c) & WBF, 0);
    close_clean(b);
}

/* ---- Odds and ends --------------------------------------------------------------------------- */

/* MGAW below the table's width; zero-length reads; abort mode. */
static void test_walk_odds(void **state)
{
    const struct model_unit_config narrow = { .cap_clear = UINT64_C(0x8) << 16,
                                              .cap_set = UINT64_C(1) << 22 };
    struct bench b;
    uint64_t top;

    (void)state;
    bench_open(&b, "generic48", NULL, &narrow); /* MGAW field 47 - 8: 40 bits */
    top = model_page_alloc(b.m);
    bench_attach(&b, RID, top, DID);
    bench_translate(&b);
    bench_map(&b, top, UINT64_C(0xfffffff000), 1, UINT64_C(0x200002));
    assert_int_equal(model_translate(b.m, 0, RID, UINT64_C(0xfffffff000), true).result, MODEL_OK);
    assert_int_equal(model_translate(b.m, 0, RID, UINT64_C(1) << 40, true).reason, 4);
    assert_int_equal(model_dma(b.m, 0, RID, UINT64_C(0xfffffff000), &top, 0, false), MODEL_OK);
    assert_int_equal(bench_dma_read(&b, RID, UINT64_C(0xfffffff000), NULL), MODEL_BLOCKED);
    close_clean(&b);
    bench_open(&b, "generic48", NULL, NULL); /* without ZLR */
    top = model_page_alloc(b.m);
    bench_attach(&b, RID, top, DID);
    bench_translate(&b);
    bench_map(&b, top, 0x1000, 1, UINT64_C(0x200002));
    assert_int_equal(model_dma(b.m, 0, RID, 0x1000, &top, 0, false), MODEL_BLOCKED);
    close_clean(&b);
    bench_open(&b, "v6", NULL, NULL);
    bench_write64(&b, 0x20, b.root | 0xc00);
    bench_command(&b, RTP, true);
    bench_command(&b, TE, true);
    assert_int_equal(bench_dma_read(&b, RID, 0x1000, NULL), MODEL_BLOCKED);
    assert_int_equal(bench_take_fault(&b, 0), 0x33);
    close_clean(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stale_leaf),   cmocka_unit_test(test_stale_superpage),
        cmocka_unit_test(test_walk_cache),   cmocka_unit_test(test_stale_context),
        cmocka_unit_test(test_caching_mode), cmocka_unit_test(test_cache_knobs),
        cmocka_unit_test(test_root_pointer), cmocka_unit_test(test_non_coherent),
        cmocka_unit_test(test_write_buffer), cmocka_unit_test(test_walk_odds),
    };

    return cmocka_run_group_tests_name("model_caches", tests, NULL, NULL);
}
