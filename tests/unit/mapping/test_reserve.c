/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Magazines that grow with what is under way at once, how far, and how they shrink again: reserves
 * (mapping/reserve.h) and udmar_trim().
 */
#include <pthread.h>

#include "fixture/cache.h"

#define MANY 256u

static void map_many(struct fixture *f, unsigned count, uint64_t length, uint64_t *out)
{
    for (unsigned i = 0; i < count; i++)
        out[i] = map(f, f->large, length, UINT64_MAX);
}

static void unmap_many(struct fixture *f, unsigned count, const uint64_t *iova)
{
    for (unsigned i = 0; i < count; i++)
        unmap(f, iova[i]);
}

static unsigned kept_blocks(struct fixture *f, unsigned order)
{
    const struct udmar__cpu_cache *cache = udmar__mapper_of(f->domain)->caches[0];

    return cache->blocks[order][0].count + cache->reserves[order][0].count * UDMAR__SPILL;
}

static uint64_t tables_of(struct fixture *f)
{
    struct udmar_domain_info info;

    udmar_domain_info(f->domain, &info);
    return info.table_pages;
}

/* How often a lock was taken: a cache's or the queue's; each time the arenas are asked, the
 * domain's. */
static unsigned acquired;

static void count_locks(void *context, struct model *m, enum model_event event)
{
    (void)context;
    (void)m;
    acquired += event == MODEL_EVENT_ACQUIRE;
}

/* After the first round 256 maps and then 256 unmaps never go to the arenas, in both modes. */
static void test_many_at_once(void **state)
{
    static const uint64_t sizes[] = { PAGE, 3 * PAGE, 16 * PAGE };
    static uint64_t iova[MANY];

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        struct fixture f;
        unsigned locks[3] = { 0 };

        open_with_memory(&f, n < 3 ? NULL : &resting);
        for (unsigned round = 0; round < 3; round++) {
            acquired = 0;
            model_set_hook(f.m, count_locks, NULL);
            map_many(&f, MANY, sizes[n % 3], iova);
            for (unsigned i = 0; i < MANY; i += 17) {
                assert_true(device_sees(&f, RID0, iova[i], f.large, 1));
                assert_false(is_among(iova, i, iova[i]));
            }
            unmap_many(&f, MANY, iova);
            model_set_hook(f.m, NULL, NULL);
            locks[round] = acquired;
        }
        /* A map and an unmap take the cache's lock, an unmap the queue's; 16 times it is the
         * reserve. */
        assert_true(locks[2] <= MANY * (n < 3 ? 3 : 2) + 16);
        assert_true(locks[2] < locks[0]);
        assert_true(kept_blocks(&f, n % 3 == 0 ? 0 : n % 3 == 1 ? 2 : 4) >= MANY - 100);
        close_with_memory(&f);
    }
}

/* What is kept has an end, for every size. */
static void test_bounded(void **state)
{
    static uint64_t iova[600];

    (void)state;
    for (unsigned order = 5; order < UDMAR__BLOCK_ORDERS; order++) {
        const unsigned most = UDMAR__RESERVE_PAGES / (UDMAR__SPILL << order) * UDMAR__SPILL;
        struct fixture f;

        open_with_memory(&f, NULL);
        for (unsigned round = 0; round < 2; round++) {
            const unsigned count = most + UDMAR__MAGAZINE + 20;

            assert_true(count <= 600);
            map_many(&f, count, PAGE << order, iova);
            unmap_many(&f, count, iova);
            assert_in_range(kept_blocks(&f, order), most, most + UDMAR__MAGAZINE);
        }
        close_with_memory(&f);
    }
}

/* What nobody needs goes with the second call; what is needed stays. */
static void test_trimmed(void **state)
{
    static uint64_t iova[MANY];

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        uint64_t lone;
        unsigned kept;

        open_with_memory(&f, n == 0 ? NULL : &resting);
        assert_int_equal(udmar_trim(NULL), UDMAR_ERR_ARGUMENT);
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        map_many(&f, MANY, PAGE, iova);
        unmap_many(&f, MANY, iova);
        kept = kept_blocks(&f, 0);
        assert_true(kept > 2 * UDMAR__MAGAZINE);
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        /* It was all in use until now. */
        assert_int_equal(kept_blocks(&f, 0), kept);
        /* One mapping a second needs no reserve. */
        lone = map(&f, f.small[0], PAGE, UINT64_MAX);
        unmap(&f, lone);
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        assert_in_range(kept_blocks(&f, 0), 1, UDMAR__MAGAZINE);
        /* And when nobody maps, nothing stays. */
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        assert_int_equal(kept_blocks(&f, 0), 0);
        assert_int_equal(tables_of(&f), 1);
        /* Half of it is used again and again: that half stays. */
        for (unsigned round = 0; round < 4; round++) {
            map_many(&f, round == 0 ? MANY : MANY / 2, PAGE, iova);
            unmap_many(&f, round == 0 ? MANY : MANY / 2, iova);
            assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        }
        assert_in_range(kept_blocks(&f, 0), MANY / 2 - UDMAR__SPILL, MANY / 2 + UDMAR__MAGAZINE);
        close_with_memory(&f);
    }
}

/* A mapping that lives through all of it is left alone. */
static void test_trimming_spares_what_is_mapped(void **state)
{
    static uint64_t iova[MANY];
    struct fixture f;

    (void)state;
    open_with_memory(&f, NULL);
    map_many(&f, MANY, PAGE, iova);
    unmap_many(&f, MANY - 1, iova);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
        assert_true(device_sees(&f, RID0, iova[MANY - 1], f.large, 1));
    }
    assert_false(can_read(&f, RID0, iova[0]));
    unmap(&f, iova[MANY - 1]);
    drain_faults(&f);
    close_with_memory(&f);
}

/* There is no memory for lists: blocks go back to the arenas, and nothing fails. */
static void test_growth_that_fails(void **state)
{
    static uint64_t iova[MANY];

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;

        open_with_memory(&f, n == 0 ? NULL : &resting);
        for (unsigned round = 0; round < 3; round++) {
            map_many(&f, MANY, PAGE, iova);
            model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 1, true);
            unmap_many(&f, MANY, iova);
            model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 0, false);
            assert_true(kept_blocks(&f, 0) <= UDMAR__MAGAZINE);
        }
        close_with_memory(&f);
    }
}

/* A domain that goes with full reserves leaves nothing behind: the model counts. */
static void test_end_with_full_reserves(void **state)
{
    static uint64_t iova[MANY];
    struct fixture f;

    (void)state;
    open_with_memory(&f, NULL);
    map_many(&f, MANY, PAGE, iova);
    unmap_many(&f, MANY, iova);
    for (unsigned i = 0; i < 2; i++)
        model_buffer_free(f.m, f.small[i]);
    fixture_close(&f);
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct worker {
    struct fixture *f;
    pthread_t thread;
    unsigned wrong;
};

static void *churn(void *argument)
{
    struct worker *worker = argument;
    struct fixture *f = worker->f;
    uint64_t iova[100];

    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 100; i++)
            worker->wrong += try_map(f, f->large, PAGE, UINT64_MAX, &iova[i]) != UDMAR_OK;
        for (unsigned i = 0; i < 100; i++)
            worker->wrong += udmar_stream_unmap(f->domain, iova[i]) != UDMAR_OK;
    }
    return NULL;
}

static void test_trimming_under_way(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct setup setup = n == 0 ? (struct setup){ .cpus = 0 } : resting;
        struct worker workers[4];
        struct fixture f;

        setup.cpus = 4;
        open_with_memory(&f, &setup);
        for (unsigned i = 0; i < 4; i++) {
            workers[i] = (struct worker){ .f = &f };
            assert_int_equal(pthread_create(&workers[i].thread, NULL, churn, &workers[i]), 0);
        }
        for (unsigned i = 0; i < 60; i++) {
            assert_int_equal(udmar_trim(f.instance), UDMAR_OK);
            udmar_tick(f.instance);
        }
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
            assert_int_equal(workers[i].wrong, 0);
        }
        close_with_memory(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_trimmed),
        cmocka_unit_test(test_trimming_spares_what_is_mapped),
        cmocka_unit_test(test_growth_that_fails),
        cmocka_unit_test(test_end_with_full_reserves),
        cmocka_unit_test(test_trimming_under_way),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("magazines", tests, NULL, NULL);
}
