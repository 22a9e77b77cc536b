/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: what the driver maps and unmaps is what the hardware translates, at every moment, on
 * every kind of unit, and nothing of it stays behind.
 */
#include <string.h>

#include <udmar/stream.h>

#include "fixture/page_table.h"

#include "mapping/cpu_cache.h"

/* ---- A naive dictionary of pages ------------------------------------------------------------- */

static bool any_mapped(const struct zone *z, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (z->entry[i] != 0)
            return true;
    }
    return false;
}

/* The unit's view of one page, by tables and by a real access, against the dictionary. */
static void check_page(struct zone *z, uint64_t page)
{
    uint64_t iova = z->base + page * PAGE, entry = z->entry[page], seen = 0;
    struct model_translation t = model_translate(z->f.m, 0, RID0, iova + 8, false);
    bool readable = (entry & UDMAR_READ) != 0;
    enum model_result result = model_dma(z->f.m, 0, RID0, iova, &seen, sizeof(seen), false);

    assert_int_equal(t.result, readable ? MODEL_OK : MODEL_BLOCKED);
    assert_int_equal(result != MODEL_BLOCKED, readable);
    if (!readable)
        return;
    assert_int_equal(t.physical, (entry & ~(PAGE - 1)) + 8);
    assert_int_equal(t.writable, (entry & UDMAR_WRITE) != 0);
    if (result == MODEL_OK)
        assert_int_equal(seen, entry & ~(PAGE - 1));
}

static void check_driver_view(struct zone *z, uint64_t page)
{
    uint64_t entry = z->entry[page], physical = 0, size = 0;
    unsigned access = 9;
    enum udmar_status status =
        udmar_domain_translate(z->f.domain, z->base + page * PAGE + 5, &physical, &access, &size);

    assert_int_equal(status, entry != 0 ? UDMAR_OK : UDMAR_ERR_NOT_FOUND);
    assert_int_equal(access, entry & 3);
    if (entry != 0)
        assert_int_equal(physical, (entry & ~(PAGE - 1)) + 5);
}

static void check_around(struct zone *z, uint64_t first, uint64_t count)
{
    const uint64_t at[6] = { first,
                             first + count - 1,
                             first - 1,
                             first + count,
                             first + roll_below(&z->random, (uint32_t)count),
                             roll_below(&z->random, (uint32_t)z->pages) };

    for (unsigned i = 0; i < 6; i++) {
        if (at[i] < z->pages) {
            check_page(z, at[i]);
            check_driver_view(z, at[i]);
        }
    }
}

/* Sizes of all classes, on borders of all classes. */
static void roll_range(struct zone *z, uint64_t *first, uint64_t *count)
{
    unsigned class = roll_below(&z->random, 8);
    unsigned align = class < 4 ? 0 : class < 7 ? 9 : 18;

    *first = roll_below(&z->random, (uint32_t)z->pages) >> align << align;
    *count = (UINT64_C(1) + roll_below(&z->random, align == 18 ? 2 : 4)) << align;
    if (roll_below(&z->random, 3) == 0)
        *count += roll_below(&z->random, 700);
    if (*first + *count > z->pages)
        *count = z->pages - *first;
}

static void random_map(struct zone *z)
{
    uint64_t first, count, physical;
    unsigned access = 1 + roll_below(&z->random, 3);
    enum udmar_status status;

    roll_range(z, &first, &count);
    physical = DATA_BASE + roll_below(&z->random, 2048 - 512) * PAGE;
    if (count > 512 || roll_below(&z->random, 4) == 0)
        physical = (UINT64_C(1) << 40) + (z->base & (GIB(1) - 1)) + first * PAGE;
    else if (count == 512)
        physical = DATA_BASE + MIB(2) * roll_below(&z->random, 4);
    status = udmar_domain_map(z->f.domain, z->base + first * PAGE, physical, count * PAGE, access);
    assert_int_equal(status, any_mapped(z, first, count) ? UDMAR_ERR_EXISTS : UDMAR_OK);
    for (uint64_t i = 0; status == UDMAR_OK && i < count; i++)
        z->entry[first + i] = (physical + i * PAGE) | access;
    check_around(z, first, count);
}

static void random_unmap(struct zone *z)
{
    uint64_t first, count;

    roll_range(z, &first, &count);
    assert_int_equal(udmar_domain_unmap(z->f.domain, z->base + first * PAGE, count * PAGE),
                     UDMAR_OK);
    memset(&z->entry[first], 0, (size_t)count * sizeof(*z->entry));
    check_around(z, first, count);
}

static void random_operations(const struct kind *kind, uint32_t seed, unsigned steps, bool prefetch)
{
    struct zone z;

    zone_open(&z, kind, seed);
    model_behaviour(z.f.u)->prefetch = prefetch;
    for (unsigned step = 0; step < steps; step++) {
        if (roll_below(&z.random, 5) < 3)
            random_map(&z);
        else
            random_unmap(&z);
        if (step % 32 == 0)
            check_tables(&z.f);
    }
    assert_int_equal(udmar_domain_unmap(z.f.domain, z.base, z.pages * PAGE), UDMAR_OK);
    check_tables(&z.f);
    zone_close(&z);
}

static void test_random_against_a_dictionary(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        random_operations(&kinds[i], 100 + i, 1200, false);
}

static void test_random_with_prefetch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        random_operations(&kinds[i], 200 + i, 150, true);
}

/* ---- A mapping that fails half-way ----------------------------------------------------------- */

struct prober {
    uint64_t iova;
    unsigned probes;
};

/* Hardware follows every link that it finds, and remembers it. */
static void probe(void *context, struct model *m, enum model_event event)
{
    struct prober *prober = context;
    uint8_t byte;

    if (event == MODEL_EVENT_ALLOC) {
        prober->probes++;
        for (uint64_t page = 0; page < 2; page++)
            (void)model_dma(m, 0, RID0, prober->iova + page * PAGE, &byte, 1, false);
    }
}

/* One page on either side of a border of upper tables; the n-th table is not to be had. */
static void test_failed_map_leaves_nothing_in_the_caches(void **state)
{
    static const uint64_t borders[] = { GIB(100), GIB(101), GIB(512) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 1;; n++) {
            struct prober prober = { .iova = borders[i] - PAGE };
            enum udmar_status status;
            struct fixture f;

            fixture_open(&f, &(struct setup){ .tunables = "hw.dmar.width=48" });
            model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, n, false);
            model_set_hook(f.m, probe, &prober);
            status = udmar_domain_map(f.domain, prober.iova, DATA_BASE, 2 * PAGE, UDMAR_READ);
            model_set_hook(f.m, NULL, NULL);
            assert_true(prober.probes > 0);
            if (status == UDMAR_OK) {
                assert_true(n > 5);
                fixture_close(&f);
                break;
            }
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(model_cache_stale(f.u), 0);
            assert_false(can_read(&f, RID0, prober.iova));
            assert_false(can_read(&f, RID0, prober.iova + PAGE));
            check_tables(&f);
            fixture_close(&f);
        }
    }
}

/* ---- Two at a time --------------------------------------------------------------------------- */

/* Somebody else's whole call, right before the n-th lock that the first one takes. */
struct intruder {
    struct fixture *f;
    void (*act)(struct fixture *f);
    unsigned n;
};

static void intrude(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && intruder->n != 0 && --intruder->n == 0)
        intruder->act(intruder->f);
}

#define SHARED MIB(2) /* the first that an arena would take */

static void map_next_door(struct fixture *f)
{
    assert_int_equal(
        udmar_domain_map(f->domain, SHARED + 9 * PAGE, DATA_BASE, PAGE, UDMAR_READ_WRITE),
        UDMAR_OK);
    assert_true(can_read(f, RID0, SHARED + 9 * PAGE));
}

static void stream_next_door(struct fixture *f)
{
    const struct udmar_dma_physical piece = { DATA_BASE, PAGE };
    udmar_iova_t iova;

    assert_int_equal(udmar_stream_map(f->domain, &piece, 1, UDMAR_READ, UINT64_MAX, &iova),
                     UDMAR_OK);
    assert_true(can_read(f, RID0, iova));
    assert_int_equal(udmar_stream_unmap(f->domain, iova), UDMAR_OK);
    assert_false(can_read(f, RID0, iova));
    /* It was there that the table went. */
    assert_int_equal(iova / MIB(2), SHARED / MIB(2));
}

static void unmap_all_of_it(struct fixture *f)
{
    assert_int_equal(udmar_domain_unmap(f->domain, SHARED, MIB(2)), UDMAR_OK);
    for (uint64_t page = 0; page < MIB(2); page += PAGE)
        assert_int_equal(model_translate_cached(f->m, 0, RID0, SHARED + page, false).result,
                         MODEL_BLOCKED);
}

/* The unit still knows the table that is just going: what is mapped meanwhile must not end there.
 */
static void test_map_while_a_table_goes(void **state)
{
    static void (*const acts[])(struct fixture *) = { map_next_door, stream_next_door };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        /* Before the first lock an arena would take the address itself. */
        for (unsigned n = 1 + i; n < 8; n++) {
            struct fixture f;
            struct intruder intruder = { &f, acts[i], n };

            fixture_open(&f, NULL);
            assert_int_equal(
                udmar_domain_map(f.domain, SHARED + 40 * PAGE, DATA_BASE, PAGE, UDMAR_READ),
                UDMAR_OK);
            assert_true(can_read(&f, RID0, SHARED + 40 * PAGE));
            model_set_hook(f.m, intrude, &intruder);
            assert_int_equal(udmar_domain_unmap(f.domain, SHARED + 40 * PAGE, PAGE), UDMAR_OK);
            model_set_hook(f.m, NULL, NULL);
            assert_false(can_read(&f, RID0, SHARED + 40 * PAGE));
            udmar__cpu_caches_trim(f.domain);
            assert_int_equal(udmar_domain_unmap(f.domain, SHARED + 9 * PAGE, PAGE), UDMAR_OK);
            assert_int_equal(model_cache_stale(f.u), 0);
            fixture_close(&f);
        }
    }
}

/* Small pages have just become a large one: who unmaps that must end what the old table says. */
static void test_unmap_while_a_table_is_replaced(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        struct fixture f;
        struct intruder intruder = { &f, unmap_all_of_it, n };

        fixture_open(&f, NULL);
        /* Something else keeps the tables above. */
        assert_int_equal(udmar_domain_map(f.domain, SHARED + MIB(4), DATA_BASE, PAGE, UDMAR_READ),
                         UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.domain, SHARED, DATA_BASE, MIB(2) - PAGE, UDMAR_READ),
                         UDMAR_OK);
        for (uint64_t page = 0; page < 20; page++)
            assert_true(can_read(&f, RID0, SHARED + 7 * page * PAGE));
        model_set_hook(f.m, intrude, &intruder);
        assert_int_equal(udmar_domain_map(f.domain, SHARED + MIB(2) - PAGE,
                                          DATA_BASE + MIB(2) - PAGE, PAGE, UDMAR_READ),
                         UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        assert_int_equal(udmar_domain_unmap(f.domain, SHARED, MIB(6)), UDMAR_OK);
        assert_int_equal(model_cache_stale(f.u), 0);
        check_tables(&f);
        fixture_close(&f);
    }
}

/* ---- What the unit is asked ------------------------------------------------------------------ */

/* The leaf-only hint may be given only when no table went away. */
static void test_hint_only_for_leaves(void **state)
{
    struct fixture f;
    const struct model_invalidation *last;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, MIB(4), MIB(4), 4 * PAGE, UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(4), PAGE), UDMAR_OK);
    last = model_invalidation_log(f.u, model_invalidation_count(f.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_int_equal(last->granularity, MODEL_DEVICE_OR_PAGE);
    assert_true(last->leaf_hint);
    assert_int_equal(last->address, MIB(4));
    assert_int_equal(last->address_mask, 0);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(4), 4 * PAGE), UDMAR_OK);
    last = model_invalidation_log(f.u, model_invalidation_count(f.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_false(last->leaf_hint);
    /* Nor when one came: a leaf has become a table. */
    assert_int_equal(udmar_domain_map(f.domain, MIB(4), MIB(4), MIB(2), UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(4) + PAGE, PAGE), UDMAR_OK);
    last = model_invalidation_log(f.u, model_invalidation_count(f.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_false(last->leaf_hint);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(4), MIB(2)), UDMAR_OK);
    fixture_close(&f);
}

/* Nothing mapped there: nothing to invalidate. */
static void test_unmap_of_nothing_asks_nothing(void **state)
{
    struct fixture f;
    unsigned before;

    (void)state;
    fixture_open(&f, NULL);
    before = model_stats(f.u)->iqt_writes;
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(5), GIB(7)), UDMAR_OK);
    assert_int_equal(model_stats(f.u)->iqt_writes, before);
    fixture_close(&f);
}

/* A time-out costs those that come after it nothing, as soon as the unit has answered again. */
static void test_after_a_timeout(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };
    struct fixture f;
    unsigned before;

    (void)state;
    fixture_open(&f, &setup);
    assert_int_equal(udmar_domain_map(f.domain, GIB(16), MIB(4), MIB(2), UDMAR_READ_WRITE),
                     UDMAR_OK);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    /* A leaf is split, then a table becomes empty: both unconfirmed. */
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), MIB(2)), UDMAR_ERR_TIMEOUT);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar_domain_map(f.domain, GIB(16), MIB(4), 2 * PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_false(can_read(&f, RID0, GIB(16) + 2 * PAGE));
    before = model_stats(f.u)->iqt_writes;
    assert_int_equal(udmar_domain_map(f.domain, GIB(16) + 2 * PAGE, MIB(4), PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_int_equal(model_stats(f.u)->iqt_writes, before);
    before = model_stats(f.u)->iotlb_domain;
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16) + PAGE, PAGE), UDMAR_OK);
    assert_int_equal(model_stats(f.u)->iotlb_domain, before);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), MIB(2)), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_against_a_dictionary),
        cmocka_unit_test(test_random_with_prefetch),
        cmocka_unit_test(test_failed_map_leaves_nothing_in_the_caches),
        cmocka_unit_test(test_map_while_a_table_goes),
        cmocka_unit_test(test_unmap_while_a_table_is_replaced),
        cmocka_unit_test(test_hint_only_for_leaves),
        cmocka_unit_test(test_unmap_of_nothing_asks_nothing),
        cmocka_unit_test(test_after_a_timeout),
    };

    return cmocka_run_group_tests_name("page_table", tests, NULL, NULL);
}
