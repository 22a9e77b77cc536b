/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What rests in deferred mode: batches of unmapped blocks, when the unit is asked to forget them,
 * when they are used again, and when they are given up.
 */
#include "cache_scene.h"

/* Maps and unmaps; the device never sees at a new mapping what was there before. */
static unsigned go_round(struct scene *s, unsigned rounds, uint64_t *seen, unsigned room)
{
    unsigned count = 0;

    for (unsigned n = 0; n < rounds; n++) {
        uint8_t *page = s->page[n / 97 % 2];
        uint64_t iova = map(s, page, PAGE, UINT64_MAX);
        uint8_t byte = 0;

        assert_int_equal(model_dma(s->mc.m, 0, RID0, iova, &byte, 1, false), MODEL_OK);
        assert_int_equal(byte, *page);
        if (!is_among(seen, count, iova)) {
            assert_true(count < room);
            seen[count++] = iova;
        }
        unmap(s, iova);
    }
    return count;
}

static void test_batches_go_round(void **state)
{
    uint64_t seen[160];
    unsigned requests, locks;
    struct scene s;
    struct counts counts;

    (void)state;
    open_scene(&s, &resting);
    (void)go_round(&s, 200, seen, 160);
    memset(&counts, 0, sizeof(counts));
    model_set_hook(s.mc.m, count_events, &counts);
    requests = model_stats(s.mc.u)->iotlb_domain;
    /* Few addresses are enough for any number of mappings, since they come back. */
    assert_in_range(go_round(&s, 3200, seen, 160), 64, 160);
    model_set_hook(s.mc.m, NULL, NULL);
    /* One request of the whole domain for each 32, and the domain's lock for none. */
    assert_int_equal(model_stats(s.mc.u)->iotlb_domain - requests, 100);
    assert_int_equal(counts.events[MODEL_EVENT_WRITE], 100);
    locks = counts.events[MODEL_EVENT_ACQUIRE];
    assert_int_equal(locks, 2 * 3200 + 100);
    close_scene(&s);
}

/* A unit that is late: nobody meets what it may still know, and nothing is used before. */
static void test_batches_of_a_late_unit(void **state)
{
    static const unsigned delays[] = { 3, 20, 60 };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        uint64_t seen[400];
        struct scene s;
        struct setup setup = resting;

        setup.tunables = "hw.dmar.strict=0";
        open_scene(&s, &setup);
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DELAYED;
        model_behaviour(s.mc.u)->queue_delay = delays[n];
        for (unsigned i = 0; i < 6; i++) {
            assert_in_range(go_round(&s, 200, seen, 400), 33, 300);
            udmar_tick(s.mc.instance);
        }
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        close_scene(&s);
    }
}

/* udmar_tick()'s promise with a unit that works when it likes: two calls, and what it was given. */
static void test_tick_with_a_late_unit(void **state)
{
    uint64_t old[20];
    struct scene s;

    (void)state;
    open_scene(&s, &resting);
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 20; i++) {
            old[i] = map(&s, s.page[0], PAGE, UINT64_MAX);
            assert_true(can_read(&s.mc, RID0, old[i]));
            unmap(&s, old[i]);
            if (i == round)
                udmar_tick(s.mc.instance);
        }
        udmar_tick(s.mc.instance);
        udmar_tick(s.mc.instance);
        assert_true(can_read(&s.mc, RID0, old[19])); /* asked for, not done */
        model_queue_step(s.mc.u, 100);
        for (unsigned i = 0; i < 20; i++)
            assert_false(can_read(&s.mc, RID0, old[i]));
        drain_faults(&s.mc);
        /* Nothing is asked for twice. */
        udmar_tick(s.mc.instance);
        assert_int_equal(model_queue_step(s.mc.u, 100), 0);
    }
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    close_scene(&s);
}

/* Without room in the queue the tick leaves it to the next one. */
static void test_tick_with_a_full_queue(void **state)
{
    struct scene s;
    uint64_t iova, ticket;

    (void)state;
    open_scene(&s, &resting);
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_MANUAL;
    iova = map(&s, s.page[0], PAGE, UINT64_MAX);
    assert_true(can_read(&s.mc, RID0, iova));
    for (;;) {
        const struct udmar__request other = { .low = s.mc.domain->request_low | 1u << 6,
                                              .high = GIB(9) };

        if (!udmar__queue_offer(s.mc.domain->unit, &other, &ticket))
            break;
    }
    unmap(&s, iova);
    udmar_tick(s.mc.instance);
    model_queue_step(s.mc.u, 100000);
    assert_true(can_read(&s.mc, RID0, iova));
    /* Nobody else looks whether there is room by now. */
    udmar_tick(s.mc.instance);
    model_queue_step(s.mc.u, 100000);
    assert_false(can_read(&s.mc, RID0, iova));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    close_scene(&s);
}

static void test_tick_of_nobody(void **state)
{
    struct udmar_unit_status before, after;
    struct scene s;

    (void)state;
    udmar_tick(NULL);
    open_scene(&s, NULL);
    unmap(&s, map(&s, s.page[0], PAGE, UINT64_MAX));
    assert_int_equal(udmar_unit_status(s.mc.instance, 0, &before), UDMAR_OK);
    udmar_tick(s.mc.instance);
    assert_int_equal(udmar_unit_status(s.mc.instance, 0, &after), UDMAR_OK);
    assert_int_equal(after.iotlb_requests, before.iotlb_requests);
    close_scene(&s);
}

/* No tick is promised: each unmap of a deferred domain waits, as a strict one. */
static void test_without_ticks_nothing_rests(void **state)
{
    static const char *const tunables[] = { "hw.dmar.strict=0", "hw.dmar.strict=0 hw.dmar.qi=0" };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .tunables = tunables[n], .ticking = n == 1 };
        struct scene s;

        open_scene(&s, &setup);
        for (unsigned i = 0; i < 70; i++) {
            uint64_t iova = map(&s, s.page[0], PAGE, UINT64_MAX);

            assert_true(can_read(&s.mc, RID0, iova));
            unmap(&s, iova);
            assert_false(can_read(&s.mc, RID0, iova));
            drain_faults(&s.mc);
        }
        close_scene(&s);
    }
}

/* Pools of odd limits have no caches: nothing rests there. */
static void test_odd_limit_does_not_rest(void **state)
{
    struct scene s;
    uint64_t iova, other;

    (void)state;
    open_scene(&s, &resting);
    iova = map(&s, s.page[0], PAGE, MIB(200) + 4095);
    assert_true(can_read(&s.mc, RID0, iova));
    unmap(&s, iova);
    assert_false(can_read(&s.mc, RID0, iova));
    /* Not confirmed: not used again. */
    iova = map(&s, s.page[0], PAGE, MIB(200) + 4095);
    assert_true(can_read(&s.mc, RID0, iova));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    (void)udmar_stream_unmap(s.mc.domain, iova);
    assert_true(model_log_contains(s.mc.m, "guest addresses of 1 unmapped buffers are given up"));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 5; i++) {
        other = map(&s, s.page[1], PAGE, MIB(200) + 4095);
        assert_int_not_equal(other, iova);
        assert_int_equal(udmar_stream_unmap(s.mc.domain, other), UDMAR_OK);
    }
    s.mc.forgive_pages = true;
    s.mc.forgive = true;
    close_scene(&s);
}

/* A unit that never answers: a batch is given up, said once, and never used again. */
static void test_unanswered_batch_is_given_up(void **state)
{
    uint64_t lost[64], held[300];
    struct scene s;

    (void)state;
    open_scene(&s, &resting);
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (unsigned i = 0; i < 64; i++) {
        lost[i] = map(&s, s.page[0], PAGE, UINT64_MAX);
        assert_true(can_read(&s.mc, RID0, lost[i]));
        assert_false(is_among(lost, i, lost[i]));
        unmap(&s, lost[i]);
    }
    assert_true(model_log_contains(s.mc.m, "guest addresses of 32 unmapped buffers are given up"));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 300; i++) {
        held[i] = map(&s, s.page[1], PAGE, UINT64_MAX);
        assert_false(is_among(lost, 64, held[i]));
    }
    for (unsigned i = 0; i < 300; i++)
        unmap(&s, held[i]);
    s.mc.forgive_pages = true;
    close_scene(&s);
}

/* What rests is asked for when caches are emptied; and lost where nobody answers. */
static void test_trim_of_a_unit_that_is_dead(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, &resting);
    for (unsigned i = 0; i < 5; i++)
        unmap(&s, map(&s, s.page[0], PAGE, UINT64_MAX));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar__cpu_caches_trim(s.mc.domain);
    assert_true(model_log_contains(s.mc.m, "guest addresses of 5 unmapped buffers are given up"));
    assert_false(model_log_contains(s.mc.m, "guest addresses of 0"));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    s.mc.forgive_pages = true;
    close_scene(&s);
}

/* The batch is full and so is the queue: it is asked for as in strict mode. */
static void test_turn_with_a_full_queue(void **state)
{
    struct udmar__request request;
    struct scene s;
    uint64_t iova[32], ticket;

    (void)state;
    open_scene(&s, &resting);
    for (unsigned i = 0; i < 31; i++) {
        iova[i] = map(&s, s.page[0], PAGE, UINT64_MAX);
        assert_true(can_read(&s.mc, RID0, iova[i]));
        unmap(&s, iova[i]);
    }
    iova[31] = map(&s, s.page[0], PAGE, UINT64_MAX);
    assert_true(can_read(&s.mc, RID0, iova[31]));
    request = (struct udmar__request){ .low = s.mc.domain->request_low | 1u << 6, .high = GIB(9) };
    while ((ticket = udmar__queue_put_one(s.mc.domain->unit, request.low, request.high, false)) !=
           0)
        continue;
    unmap(&s, iova[31]);
    for (unsigned i = 0; i < 32; i++)
        assert_false(can_read(&s.mc, RID0, iova[i]));
    drain_faults(&s.mc);
    assert_int_equal(udmar__mapper_of(s.mc.domain)->caches[0]->pending->count, 0);
    close_scene(&s);
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
