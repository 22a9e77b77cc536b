/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caches in front of the arenas: magazines that are full, that two threads change or that no
 * memory is there for, what listings and faults say of their streams, and units that do not answer.
 */
#include <pthread.h>
#include <stdio.h>

#include "fixture/cache.h"

/* More than magazines hold: the rest goes back to the arenas, and nothing gets lost on the way. */
static void test_full_magazines(void **state)
{
    static const uint64_t sizes[] = { PAGE, 5 * PAGE };
    static uint64_t held[400];

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct fixture f;
        struct udmar_domain_info info;
        uint64_t tables = 0;

        open_with_memory(&f, n < 2 ? NULL : &resting);
        for (unsigned round = 0; round < 6; round++) {
            for (unsigned i = 0; i < 400; i++) {
                held[i] = map(&f, f.large, sizes[n % 2], UINT64_MAX);
                /* No block is in two places at once. */
                assert_false(is_among(held, i, held[i]));
            }
            /* Loss would show as ever more tables; what rests and what magazines hold is bounded.
             */
            udmar_domain_info(f.domain, &info);
            tables = round == 0 ? info.table_pages : tables;
            assert_in_range(info.table_pages, tables, tables + (n < 2 ? 1 : 3));
            for (unsigned i = 0; i < 400; i++)
                unmap(&f, held[i]);
        }
        close_with_memory(&f);
    }
}

/* ---- Listings and faults --------------------------------------------------------------------- */

/* Every mapping of the moment is listed once, whatever size it has. */
static void test_streams_are_listed(void **state)
{
    static const unsigned pages[] = { 1, 3, 5, 8, 1, 100, 256, 2 };
    struct fixture f;
    struct udmar_range_info info;
    uint64_t iova[8], at = 0;
    unsigned found = 0, steps = 0;

    (void)state;
    open_with_memory(&f, NULL);
    for (unsigned i = 0; i < 8; i++)
        iova[i] = map(&f, f.large, pages[i] * PAGE, UINT64_MAX);
    while (udmar_domain_next_range(f.domain, at, &info)) {
        assert_true(steps++ < 40);
        assert_true(info.base + info.size > at);
        for (unsigned i = 0; i < 8; i++) {
            if (info.base == iova[i]) {
                assert_int_equal(info.size, pages[i] * PAGE);
                assert_int_equal(found & 1u << i, 0);
                found |= 1u << i;
            }
        }
        at = info.base + info.size;
    }
    assert_int_equal(found, 0xff);
    for (unsigned i = 0; i < 8; i++)
        unmap(&f, iova[i]);
    close_with_memory(&f);
}

static void test_fault_says_that_a_stream_is_gone(void **state)
{
    static const uint64_t sizes[] = { PAGE, 3 * PAGE, MIB(2), MIB(9) };

    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        uint64_t length = sizes[n % 4], iova;
        struct udmar_fault fault = { .sequence = 0 }, next;
        char wanted[80], text[400];
        struct fixture f;

        open_with_memory(&f, n < 4 ? NULL : &resting);
        iova = map(&f, f.large, length, UINT64_MAX);
        unmap(&f, iova);
        udmar_tick(f.instance);
        assert_false(can_write(&f, RID0, iova + length - 1));
        (void)udmar_fault_poll(f.instance);
        while (udmar_fault_next(f.instance, fault.sequence, &next))
            fault = next;
        assert_int_equal(fault.place, UDMAR_PLACE_ENDED);
        (void)udmar_fault_format(f.instance, &fault, text, sizeof(text));
        snprintf(wanted, sizeof(wanted), "it lies in the mapping 0x%llx-0x%llx, ",
                 (unsigned long long)iova, (unsigned long long)(iova + length - 1));
        assert_non_null(strstr(text, wanted));
        assert_true(strstr(text, "which was the last to go") != NULL ||
                    strstr(text, "gone since 1 unmap") != NULL);
        close_with_memory(&f);
    }
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* In caching mode a map that is not confirmed fails, and nothing is mapped. */
static void test_map_that_is_not_confirmed(void **state)
{
    static const uint64_t sizes[] = { PAGE, MIB(1), MIB(2), MIB(3), MIB(9) };
    const struct setup setup = { .profile = "cm", .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        struct fixture f;
        uint64_t iova;

        open_with_memory(&f, &setup);
        iova = map(&f, f.large, sizes[n], UINT64_MAX);
        unmap(&f, iova);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(try_map(&f, f.large, sizes[n], UINT64_MAX, &iova), UDMAR_ERR_TIMEOUT);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        /* A range stays until it can be ended; what comes from caches is out of the caller's hands.
         */
        if (n < 4)
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
        iova = map(&f, f.large, sizes[n], UINT64_MAX);
        assert_true(device_sees(&f, RID0, iova, f.large, 1));
        unmap(&f, iova);
        assert_false(can_read(&f, RID0, iova));
        f.forgive_pages = true;
        close_with_memory(&f);
    }
}

/* Each call to the host fails in turn: an error, and nothing stays behind. */
static void test_without_memory(void **state)
{
    static const uint64_t sizes[] = { PAGE, MIB(2), MIB(9) };
    static const uint64_t highest[] = { UINT64_MAX, MIB(200) - 1 };

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        enum udmar_status status = UDMAR_ERR_MEMORY;
        struct fixture f;
        uint64_t iova = 0;
        unsigned failures = 0;

        open_with_memory(&f, NULL);
        for (unsigned call = 1; status != UDMAR_OK; call++) {
            size_t pages = model_pages_in_use(f.m);

            assert_true(call < 60);
            model_fail_host_call(f.m, call, true);
            status = try_map(&f, f.large, sizes[n / 2], highest[n % 2], &iova);
            model_fail_host_call(f.m, 0, false);
            if (status != UDMAR_OK) {
                assert_int_equal(status, UDMAR_ERR_MEMORY);
                assert_true(model_pages_in_use(f.m) <= pages + 1);
                failures++;
            }
        }
        assert_true(failures >= 3);
        assert_true(device_sees(&f, RID0, iova, f.large, 1));
        unmap(&f, iova);
        assert_false(can_read(&f, RID0, iova));
        close_with_memory(&f);
    }
}

/* No cache can be made: mappings take from the arenas and go back there. */
static void test_without_a_cache(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        uint64_t iova[3];

        open_with_memory(&f, n == 0 ? NULL : &resting);
        model_fail_host_calls_of(f.m, MODEL_CALL_LOCK_CREATE, 1, true);
        for (unsigned round = 0; round < 4; round++) {
            for (unsigned i = 0; i < 3; i++) {
                iova[i] = map(&f, f.large, i < 2 ? PAGE : MIB(2), UINT64_MAX);
                assert_true(device_sees(&f, RID0, iova[i], f.large, 1));
                assert_false(is_among(iova, i, iova[i]));
            }
            for (unsigned i = 0; i < 3; i++) {
                unmap(&f, iova[i]);
                assert_false(can_read(&f, RID0, iova[i]));
            }
            drain_faults(&f);
        }
        model_fail_host_calls_of(f.m, MODEL_CALL_LOCK_CREATE, 0, false);
        assert_null(udmar__mapper_of(f.domain)->caches[0]);
        close_with_memory(&f);
    }
}

/* Somebody else on this CPU makes the cache at the same moment. */
struct intruder {
    struct fixture *f;
    uint64_t iova;
    bool done;
};

static void map_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && !intruder->done) {
        intruder->done = true;
        intruder->iova = map(intruder->f, intruder->f->small[1], PAGE, UINT64_MAX);
    }
}

static void test_two_make_a_cache(void **state)
{
    struct fixture f;
    struct intruder intruder = { .f = &f };
    uint64_t iova;

    (void)state;
    open_with_memory(&f, NULL);
    model_set_hook(f.m, map_meanwhile, &intruder);
    iova = map(&f, f.small[0], PAGE, UINT64_MAX);
    model_set_hook(f.m, NULL, NULL);
    assert_true(intruder.done);
    assert_int_not_equal(iova, intruder.iova);
    assert_true(device_sees(&f, RID0, iova, f.small[0], PAGE));
    assert_true(device_sees(&f, RID0, intruder.iova, f.small[1], PAGE));
    unmap(&f, iova);
    unmap(&f, intruder.iova);
    close_with_memory(&f);
}

/* What another thread of this CPU does to a magazine between two looks at it. */
struct meddler {
    struct fixture *f;
    unsigned calls, when;
    uint64_t held[UDMAR__MAGAZINE + 20];
    unsigned count;
    bool fills;
};

static void meddle(void *context, struct model *m, enum model_event event)
{
    struct meddler *meddler = context;
    struct fixture *f = meddler->f;

    (void)m;
    if (event != MODEL_EVENT_ACQUIRE || ++meddler->calls != meddler->when)
        return;
    if (meddler->fills) {
        while (meddler->count > 0)
            unmap(f, meddler->held[--meddler->count]);
    } else {
        for (unsigned i = 0; i < 3; i++)
            meddler->held[meddler->count++] = map(f, f->small[1], PAGE, UINT64_MAX);
    }
}

/* The magazine is empty, somebody fills it while this thread fetches blocks; or the other way. */
static void test_magazine_changes_in_between(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * 6; n++) {
        struct fixture f;
        struct meddler meddler = { .f = &f, .when = 1 + n / 2, .fills = n % 2 == 0 };
        struct udmar__magazine *magazine;
        uint64_t iova[100];
        unsigned count = 0;

        open_with_memory(&f, NULL);
        for (unsigned i = 0; i < UDMAR__MAGAZINE; i++)
            meddler.held[meddler.count++] = map(&f, f.small[1], PAGE, UINT64_MAX);
        magazine = &udmar__mapper_of(f.domain)->caches[0]->blocks[0][0];
        while (magazine->count > 0)
            iova[count++] = map(&f, f.small[0], PAGE, UINT64_MAX);
        if (meddler.fills) {
            model_set_hook(f.m, meddle, &meddler);
            iova[count++] = map(&f, f.small[0], PAGE, UINT64_MAX);
        } else {
            while (meddler.count > 0)
                unmap(&f, meddler.held[--meddler.count]);
            assert_int_equal(magazine->count, UDMAR__MAGAZINE);
            iova[count++] = map(&f, f.large, PAGE, UINT64_MAX);
            meddler.held[meddler.count++] = map(&f, f.small[1], PAGE, UINT64_MAX);
            unmap(&f, meddler.held[--meddler.count]);
            unmap(&f, iova[--count]);
            assert_int_equal(magazine->count, UDMAR__MAGAZINE);
            model_set_hook(f.m, meddle, &meddler);
            if (count > 0)
                unmap(&f, iova[--count]);
        }
        model_set_hook(f.m, NULL, NULL);
        assert_true(magazine->count <= UDMAR__MAGAZINE);
        for (unsigned i = 0; i < count; i++) {
            assert_false(is_among(iova, i, iova[i]));
            assert_false(is_among(meddler.held, meddler.count, iova[i]));
            unmap(&f, iova[i]);
        }
        while (meddler.count > 0)
            unmap(&f, meddler.held[--meddler.count]);
        close_with_memory(&f);
    }
}

/* A queue that hardware refuses, and one that is full for ever: said, and the address is lost. */
static void refuse_all(void *context, struct model *m, enum model_event event)
{
    (void)m;
    (void)event;
    model_inject_queue_error(context, 1, MODEL_QUEUE_IQE, 0, 0);
}

static void test_unmap_with_a_queue_that_is_dead(void **state)
{
    /* A unit without registers, which would take the queue's place. */
    const struct setup setup = { .profile = "v6", .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        uint64_t iova[3], ticket;
        const enum udmar_status wanted = n == 0 ? UDMAR_ERR_QUEUE : UDMAR_ERR_TIMEOUT;

        open_with_memory(&f, &setup);
        for (unsigned i = 0; i < 3; i++)
            iova[i] = map(&f, f.large, i < 2 ? PAGE : MIB(2), UINT64_MAX);
        if (n == 0) {
            model_set_hook(f.m, refuse_all, f.u);
        } else {
            const struct udmar__request other = { .low = f.domain->request_low | 1u << 6,
                                                  .high = GIB(9) };

            model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
            while (udmar__queue_offer(f.domain->unit, &other, &ticket))
                continue;
        }
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(udmar_stream_unmap(f.domain, iova[i]), wanted);
            assert_int_equal(udmar_stream_unmap(f.domain, iova[i]), UDMAR_ERR_NOT_FOUND);
        }
        udmar__mapper_of(f.domain)->flush_pending = 1;
        udmar__mapper_tick(f.domain);
        assert_int_equal(udmar__mapper_of(f.domain)->flush_pending, 1);
        model_set_hook(f.m, NULL, NULL);
        model_inject_queue_error(f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
        for (unsigned i = 0; i < 2; i++)
            model_buffer_free(f.m, f.small[i]);
        model_destroy(f.m);
    }
}

/* More CPUs than caches, as a host counts that says too little: they share the first. */
static void *map_and_unmap(void *argument)
{
    struct fixture *f = argument;
    uint64_t iova = map(f, f->small[0], PAGE, UINT64_MAX);

    unmap(f, iova);
    return NULL;
}

static void test_more_cpus_than_caches(void **state)
{
    const struct setup setup = { .cpus = 2 };
    struct fixture f;

    (void)state;
    open_with_memory(&f, &setup);
    for (unsigned i = 0; i < 9; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, map_and_unmap, &f), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    close_with_memory(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_magazines),
        cmocka_unit_test(test_streams_are_listed),
        cmocka_unit_test(test_fault_says_that_a_stream_is_gone),
        cmocka_unit_test(test_map_that_is_not_confirmed),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_without_a_cache),
        cmocka_unit_test(test_two_make_a_cache),
        cmocka_unit_test(test_magazine_changes_in_between),
        cmocka_unit_test(test_unmap_with_a_queue_that_is_dead),
        cmocka_unit_test(test_more_cpus_than_caches),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("cpu_cache", tests, NULL, NULL);
}
