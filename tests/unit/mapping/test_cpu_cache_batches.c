/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rests in deferred mode: batches of unmapped blocks, when the unit is asked to forget them,
 * when they are used again, and when they are given up.
 */
#include "fixture/cache.h"

/* Maps and unmaps; the device never sees at a new mapping what was there before. */
static unsigned go_round(struct fixture *f, unsigned rounds, uint64_t *seen, unsigned room)
{
    unsigned count = 0;

    for (unsigned n = 0; n < rounds; n++) {
        uint8_t *page = f->small[n / 97 % 2];
        uint64_t iova = map(f, page, PAGE, UINT64_MAX);
        uint8_t byte = 0;

        assert_int_equal(model_dma(f->m, 0, RID0, iova, &byte, 1, false), MODEL_OK);
        assert_int_equal(byte, *page);
        if (!is_among(seen, count, iova)) {
            assert_true(count < room);
            seen[count++] = iova;
        }
        unmap(f, iova);
    }
    return count;
}

static void test_batches_go_round(void **state)
{
    uint64_t seen[160];
    unsigned requests, locks;
    struct fixture f;
    struct counts counts;

    (void)state;
    open_with_memory(&f, &resting);
    (void)go_round(&f, 200, seen, 160);
    memset(&counts, 0, sizeof(counts));
    model_set_hook(f.m, count_events, &counts);
    requests = model_stats(f.u)->iotlb_domain;
    /* Few addresses are enough for any number of mappings, since they come back. */
    assert_in_range(go_round(&f, 3200, seen, 160), 64, 160);
    model_set_hook(f.m, NULL, NULL);
    /* One request of the whole domain for each 32, and the domain's lock for none. */
    assert_int_equal(model_stats(f.u)->iotlb_domain - requests, 100);
    assert_int_equal(counts.events[MODEL_EVENT_WRITE], 100);
    locks = counts.events[MODEL_EVENT_ACQUIRE];
    assert_int_equal(locks, 2 * 3200 + 100);
    close_with_memory(&f);
}

/* A unit that is late: nobody meets what it may still know, and nothing is used before. */
static void test_batches_of_a_late_unit(void **state)
{
    static const unsigned delays[] = { 3, 20, 60 };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        uint64_t seen[400];
        struct fixture f;
        struct setup setup = resting;

        setup.tunables = "hw.dmar.strict=0";
        open_with_memory(&f, &setup);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DELAYED;
        model_behaviour(f.u)->queue_delay = delays[n];
        for (unsigned i = 0; i < 6; i++) {
            assert_in_range(go_round(&f, 200, seen, 400), 33, 300);
            udmar_tick(f.instance);
        }
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        close_with_memory(&f);
    }
}

/* udmar_tick()'s promise with a unit that works when it likes: two calls, and what it was given. */
static void test_tick_with_a_late_unit(void **state)
{
    uint64_t old[20];
    struct fixture f;

    (void)state;
    open_with_memory(&f, &resting);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 20; i++) {
            old[i] = map(&f, f.small[0], PAGE, UINT64_MAX);
            assert_true(can_read(&f, RID0, old[i]));
            unmap(&f, old[i]);
            if (i == round)
                udmar_tick(f.instance);
        }
        udmar_tick(f.instance);
        udmar_tick(f.instance);
        assert_true(can_read(&f, RID0, old[19])); /* asked for, not done */
        model_queue_step(f.u, 100);
        for (unsigned i = 0; i < 20; i++)
            assert_false(can_read(&f, RID0, old[i]));
        drain_faults(&f);
        /* Nothing is asked for twice. */
        udmar_tick(f.instance);
        assert_int_equal(model_queue_step(f.u, 100), 0);
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    close_with_memory(&f);
}

/* Without room in the queue the tick leaves it to the next one. */
static void test_tick_with_a_full_queue(void **state)
{
    struct fixture f;
    uint64_t iova, ticket;

    (void)state;
    open_with_memory(&f, &resting);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    iova = map(&f, f.small[0], PAGE, UINT64_MAX);
    assert_true(can_read(&f, RID0, iova));
    for (;;) {
        const struct udmar__request other = { .low = f.domain->request_low | 1u << 6,
                                              .high = GIB(9) };

        if (!udmar__queue_offer(f.domain->unit, &other, &ticket))
            break;
    }
    unmap(&f, iova);
    udmar_tick(f.instance);
    model_queue_step(f.u, 100000);
    assert_true(can_read(&f, RID0, iova));
    /* Nobody else looks whether there is room by now. */
    udmar_tick(f.instance);
    model_queue_step(f.u, 100000);
    assert_false(can_read(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    close_with_memory(&f);
}

static void test_tick_of_nobody(void **state)
{
    struct udmar_unit_status before, after;
    struct fixture f;

    (void)state;
    udmar_tick(NULL);
    open_with_memory(&f, NULL);
    unmap(&f, map(&f, f.small[0], PAGE, UINT64_MAX));
    assert_int_equal(udmar_unit_status(f.instance, 0, &before), UDMAR_OK);
    udmar_tick(f.instance);
    assert_int_equal(udmar_unit_status(f.instance, 0, &after), UDMAR_OK);
    assert_int_equal(after.iotlb_requests, before.iotlb_requests);
    close_with_memory(&f);
}

/* No tick is promised: each unmap of a deferred domain waits, as a strict one. */
static void test_without_ticks_nothing_rests(void **state)
{
    static const char *const tunables[] = { "hw.dmar.strict=0", "hw.dmar.strict=0 hw.dmar.qi=0" };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .tunables = tunables[n], .ticking = n == 1 };
        struct fixture f;

        open_with_memory(&f, &setup);
        for (unsigned i = 0; i < 70; i++) {
            uint64_t iova = map(&f, f.small[0], PAGE, UINT64_MAX);

            assert_true(can_read(&f, RID0, iova));
            unmap(&f, iova);
            assert_false(can_read(&f, RID0, iova));
            drain_faults(&f);
        }
        close_with_memory(&f);
    }
}

/* Pools of odd limits have no caches: nothing rests there. */
static void test_odd_limit_does_not_rest(void **state)
{
    struct fixture f;
    uint64_t iova, other;

    (void)state;
    open_with_memory(&f, &resting);
    iova = map(&f, f.small[0], PAGE, MIB(200) + 4095);
    assert_true(can_read(&f, RID0, iova));
    unmap(&f, iova);
    assert_false(can_read(&f, RID0, iova));
    /* Not confirmed: not used again. */
    iova = map(&f, f.small[0], PAGE, MIB(200) + 4095);
    assert_true(can_read(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    (void)udmar_stream_unmap(f.domain, iova);
    assert_true(model_log_contains(f.m, "guest addresses of 1 unmapped buffers are given up"));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 5; i++) {
        other = map(&f, f.small[1], PAGE, MIB(200) + 4095);
        assert_int_not_equal(other, iova);
        assert_int_equal(udmar_stream_unmap(f.domain, other), UDMAR_OK);
    }
    f.forgive_pages = true;
    f.forgive = true;
    close_with_memory(&f);
}

/* A unit that never answers: a batch is given up, said once, and never used again. */
static void test_unanswered_batch_is_given_up(void **state)
{
    uint64_t lost[64], held[300];
    struct fixture f;

    (void)state;
    open_with_memory(&f, &resting);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (unsigned i = 0; i < 64; i++) {
        lost[i] = map(&f, f.small[0], PAGE, UINT64_MAX);
        assert_true(can_read(&f, RID0, lost[i]));
        assert_false(is_among(lost, i, lost[i]));
        unmap(&f, lost[i]);
    }
    assert_true(model_log_contains(f.m, "guest addresses of 32 unmapped buffers are given up"));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 300; i++) {
        held[i] = map(&f, f.small[1], PAGE, UINT64_MAX);
        assert_false(is_among(lost, 64, held[i]));
    }
    for (unsigned i = 0; i < 300; i++)
        unmap(&f, held[i]);
    f.forgive_pages = true;
    close_with_memory(&f);
}

/* What rests is asked for when caches are emptied; and lost where nobody answers. */
static void test_trim_of_a_unit_that_is_dead(void **state)
{
    struct fixture f;

    (void)state;
    open_with_memory(&f, &resting);
    for (unsigned i = 0; i < 5; i++)
        unmap(&f, map(&f, f.small[0], PAGE, UINT64_MAX));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar__cpu_caches_trim(f.domain);
    assert_true(model_log_contains(f.m, "guest addresses of 5 unmapped buffers are given up"));
    assert_false(model_log_contains(f.m, "guest addresses of 0"));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    f.forgive_pages = true;
    close_with_memory(&f);
}

/* The batch is full and so is the queue: it is asked for as in strict mode. */
static void test_turn_with_a_full_queue(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t iova[32], ticket;

    (void)state;
    open_with_memory(&f, &resting);
    for (unsigned i = 0; i < 31; i++) {
        iova[i] = map(&f, f.small[0], PAGE, UINT64_MAX);
        assert_true(can_read(&f, RID0, iova[i]));
        unmap(&f, iova[i]);
    }
    iova[31] = map(&f, f.small[0], PAGE, UINT64_MAX);
    assert_true(can_read(&f, RID0, iova[31]));
    request = (struct udmar__request){ .low = f.domain->request_low | 1u << 6, .high = GIB(9) };
    while ((ticket = udmar__queue_put_one(f.domain->unit, request.low, request.high, false)) != 0)
        continue;
    unmap(&f, iova[31]);
    for (unsigned i = 0; i < 32; i++)
        assert_false(can_read(&f, RID0, iova[i]));
    drain_faults(&f);
    assert_int_equal(udmar__mapper_of(f.domain)->caches[0]->pending->count, 0);
    close_with_memory(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_go_round),
        cmocka_unit_test(test_batches_of_a_late_unit),
        cmocka_unit_test(test_tick_with_a_late_unit),
        cmocka_unit_test(test_tick_with_a_full_queue),
        cmocka_unit_test(test_tick_of_nobody),
        cmocka_unit_test(test_without_ticks_nothing_rests),
        cmocka_unit_test(test_odd_limit_does_not_rest),
        cmocka_unit_test(test_unanswered_batch_is_given_up),
        cmocka_unit_test(test_trim_of_a_unit_that_is_dead),
        cmocka_unit_test(test_turn_with_a_full_queue),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("cpu_cache_batches", tests, NULL, NULL);
}
