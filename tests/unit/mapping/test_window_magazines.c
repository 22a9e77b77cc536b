/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Racks of windows: large pages at hand, what is no large page, racks that are full, and windows
 * that no rack takes.
 */
#include "fixture/cache.h"

#include "space/range.h"

static uint64_t leaf_entry(struct fixture *f, uint64_t iova, unsigned *out_level)
{
    struct udmar_walk_step steps[5];
    unsigned count = udmar_domain_walk(f->domain, iova, steps);

    assert_true(count > 0);
    *out_level = steps[count - 1].level;
    return steps[count - 1].entry;
}

/* 2 MiB of memory that is one large page are one entry, made and ended out of a rack. */
static void test_large_page_at_hand(void **state)
{
    static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX };
    static const struct setup kinds[] = { { .profile = NULL },
                                          { .profile = "noncoherent" },
                                          { .tunables = "hw.dmar.strict=0", .ticking = true },
                                          { .tunables = "hw.dmar.qi=0" } };

    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        bool strict = !kinds[n / 2].ticking;
        struct fixture f;
        unsigned level;
        struct counts counts;

        open_with_memory(&f, &kinds[n / 2]);
        for (unsigned round = 0; round < 6; round++) {
            uint8_t *from = f.large + MIB(2) * (round % 3);
            uint64_t iova;

            memset(&counts, 0, sizeof(counts));
            from[0] = (uint8_t)(round + 1);
            from[MIB(2) - 1] = (uint8_t)(round + 101);
            model_set_hook(f.m, count_events, &counts);
            iova = map(&f, from, MIB(2), highest[n % 2]);
            model_set_hook(f.m, NULL, NULL);
            assert_true(iova + MIB(2) - 1 <= highest[n % 2]);
            assert_int_equal(leaf_entry(&f, iova, &level), address_of(&f, from) | 0x83);
            assert_int_equal(level, 2);
            assert_true(device_sees(&f, RID0, iova, from, 1));
            assert_true(device_sees(&f, RID0, iova + MIB(2) - 1, from + MIB(2) - 1, 1));
            if (round > 0) {
                /* The cache's lock, and one entry; what is late is put back and taken again. */
                assert_int_equal(counts.events[MODEL_EVENT_ALLOC], 0);
                assert_true(counts.events[MODEL_EVENT_ACQUIRE] <= (strict ? 1u : 4u));
            }
            unmap(&f, iova);
            if (strict)
                assert_false(can_read(&f, RID0, iova));
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
            drain_faults(&f);
        }
        close_with_memory(&f);
    }
}

/* Its unmap comes while another wait is on its way, and shares the next one. */
static void test_large_page_behind_a_wait(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t iova, ticket;

    (void)state;
    open_with_memory(&f, NULL);
    unmap(&f, map(&f, f.large, MIB(2), UINT64_MAX));
    iova = map(&f, f.large, MIB(2), UINT64_MAX);
    assert_true(can_read(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DELAYED;
    model_behaviour(f.u)->queue_delay = 20;
    request = (struct udmar__request){ .low = f.domain->request_low | 1u << 6, .high = GIB(9) };
    assert_true((ticket = udmar__queue_put_one(f.domain->unit, request.low, request.high, true)) !=
                0);
    assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
    assert_false(can_read(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    drain_faults(&f);
    close_with_memory(&f);
}

/* What looks like a large page and is none, or cannot be one on this unit. */
static void test_two_mib_that_are_no_large_page(void **state)
{
    static const struct setup kinds[] = {
        { .profile = NULL },       { .profile = "cm" },
        { .profile = "rwbf" },     { .unit = { .cap_clear = UINT64_C(0xf) << 34 } },
        { .no_direct_map = true },
    };

    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        struct fixture f;
        unsigned level;

        open_with_memory(&f, &kinds[n]);
        for (unsigned round = 0; round < 4; round++) {
            uint8_t *from = f.large + (n == 0 ? PAGE * (1 + round) : 0);
            uint64_t highest = round % 2 == 0 ? UINT64_MAX : MIB(600) - 1;
            uint64_t iova;

            from[0] = (uint8_t)(round + 1);
            from[MIB(2) - 1] = (uint8_t)(round + 101);
            iova = map(&f, from, MIB(2), highest);
            assert_true(iova + MIB(2) - 1 <= highest);
            (void)leaf_entry(&f, iova, &level);
            if (n == 0 || n == 3)
                assert_int_equal(level, 1);
            assert_true(device_sees(&f, RID0, iova, from, 1));
            assert_true(device_sees(&f, RID0, iova + MIB(2) - 1, from + MIB(2) - 1, 1));
            unmap(&f, iova);
            assert_false(can_read(&f, RID0, iova));
            assert_false(can_read(&f, RID0, iova + MIB(2) - 1));
            drain_faults(&f);
        }
        close_with_memory(&f);
    }
}

static void test_full_racks(void **state)
{
    static const uint64_t sizes[] = { MIB(2), MIB(3), MIB(6) };

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        uint64_t iova[6];
        struct fixture f;

        open_with_memory(&f, NULL);
        for (unsigned round = 0; round < 2; round++) {
            for (unsigned i = 0; i < 6; i++) {
                iova[i] = map(&f, f.large, sizes[n % 3], n < 3 ? UINT64_MAX : UINT32_MAX);
                assert_false(is_among(iova, i, iova[i]));
            }
            for (unsigned i = 0; i < 6; i++) {
                unmap(&f, iova[i]);
                assert_false(can_read(&f, RID0, iova[i]));
            }
            drain_faults(&f);
            assert_int_equal(udmar__mapper_of(f.domain)->windows,
                             3); /* the others have gone back */
        }
        close_with_memory(&f);
    }
}

/* A window whose end was not confirmed comes out of the rack, but not before it is. */
static void test_unanswered_window_is_waited_for(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        uint64_t length = n == 0 ? MIB(2) : MIB(3), iova, other = 0;

        open_with_memory(&f, &setup);
        f.large[0] = 0x11;
        iova = map(&f, f.large, length, UINT64_MAX);
        assert_true(can_read(&f, RID0, iova));
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_TIMEOUT);
        assert_true(can_read(&f, RID0, iova));
        assert_int_equal(try_map(&f, f.large, length, UINT64_MAX, &other), UDMAR_ERR_TIMEOUT);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        other = map(&f, f.large + MIB(6), length, UINT64_MAX);
        f.large[MIB(6)] = 0x22;
        assert_true(device_sees(&f, RID0, other, f.large + MIB(6), 1));
        unmap(&f, other);
        assert_false(can_read(&f, RID0, other));
        close_with_memory(&f);
    }
}

/* The queue is full, so that its request was not even put: it is made before the next load. */
static void test_unasked_window_is_asked_for(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t length = n == 0 ? MIB(2) : MIB(3), iova, other;
        struct udmar__request request;
        uint64_t ticket;
        struct fixture f;

        open_with_memory(&f, &setup);
        f.large[0] = 0x11;
        f.large[MIB(6)] = 0x22;
        iova = map(&f, f.large, length, UINT64_MAX);
        assert_true(device_sees(&f, RID0, iova, f.large, 1));
        request = (struct udmar__request){ .low = f.domain->request_low, .high = GIB(9) };
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        while (udmar__queue_offer(f.domain->unit, &request, &ticket)) {
        }
        assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_TIMEOUT);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(f.u, 4096);
        assert_true(can_read(&f, RID0, iova)); /* nobody has asked for it */
        other = map(&f, f.large + MIB(6), length, UINT64_MAX);
        assert_int_equal(other, iova);
        assert_true(device_sees(&f, RID0, other, f.large + MIB(6), 1));
        unmap(&f, other);
        close_with_memory(&f);
    }
}

/* As large as a window can be, and at an offset that takes one chunk more. */
static void test_windows_beyond_the_racks(void **state)
{
    struct fixture f;

    (void)state;
    open_with_memory(&f, NULL);
    for (unsigned round = 0; round < 4; round++) {
        uint8_t *from = f.large + PAGE * (1 + round);
        uint64_t iova = map(&f, from, MIB(8), round % 2 == 0 ? UINT64_MAX : UINT32_MAX);

        from[0] = (uint8_t)(round + 1);
        from[MIB(8) - 1] = (uint8_t)(round + 101);
        assert_true(device_sees(&f, RID0, iova, from, 1));
        assert_true(device_sees(&f, RID0, iova + MIB(8) - 1, from + MIB(8) - 1, 1));
        unmap(&f, iova);
        assert_false(can_read(&f, RID0, iova));
        assert_false(can_read(&f, RID0, iova + MIB(8) - 1));
        assert_int_equal(udmar__mapper_of(f.domain)->windows, 0); /* such windows are not kept */
        drain_faults(&f);
    }
    close_with_memory(&f);
}

/* Windows under a limit of one's own are in no rack: they go with their mapping. */
static void test_windows_of_an_odd_limit(void **state)
{
    struct fixture f;
    uint64_t iova;

    (void)state;
    open_with_memory(&f, NULL);
    for (unsigned round = 0; round < 2; round++) {
        iova = map(&f, f.large, MIB(2), MIB(200) - 1);
        assert_true(iova + MIB(2) <= MIB(200));
        assert_int_equal(udmar__mapper_of(f.domain)->windows, 1 + round);
        unmap(&f, iova);
        assert_int_equal(udmar__mapper_of(f.domain)->windows, round);
        iova = map(&f, f.large, MIB(3), UINT64_MAX);
        assert_true(device_sees(&f, RID0, iova + MIB(2), f.large + MIB(2), PAGE));
        unmap(&f, iova);
        assert_int_equal(udmar__mapper_of(f.domain)->windows, 1);
    }
    close_with_memory(&f);
}

/* 1 MiB that begins in the middle of a page is more than a block holds. */
static void test_one_page_more_than_a_block(void **state)
{
    struct fixture f;
    uint64_t iova[3];

    (void)state;
    open_with_memory(&f, NULL);
    for (unsigned i = 0; i < 3; i++)
        iova[i] = map(&f, f.large, MIB(2), UINT64_MAX);
    for (unsigned i = 0; i < 3; i++)
        unmap(&f, iova[i]);
    assert_int_equal(udmar__mapper_of(f.domain)->windows, 3);
    for (unsigned i = 0; i < 3; i++) {
        iova[i] = map(&f, f.large + 77, MIB(1), UINT64_MAX);
        assert_true(device_sees(&f, RID0, iova[i], f.large + 77, MIB(1)));
        /* In one of the windows that have come back. */
        assert_non_null(udmar__window_transient(f.domain, iova[i] / PAGE));
        assert_int_equal(udmar__mapper_of(f.domain)->windows, 3);
    }
    for (unsigned i = 0; i < 3; i++)
        unmap(&f, iova[i]);
    close_with_memory(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_page_at_hand),
        cmocka_unit_test(test_large_page_behind_a_wait),
        cmocka_unit_test(test_two_mib_that_are_no_large_page),
        cmocka_unit_test(test_full_racks),
        cmocka_unit_test(test_unanswered_window_is_waited_for),
        cmocka_unit_test(test_unasked_window_is_asked_for),
        cmocka_unit_test(test_windows_beyond_the_racks),
        cmocka_unit_test(test_windows_of_an_odd_limit),
        cmocka_unit_test(test_one_page_more_than_a_block),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("window_magazines", tests, NULL, NULL);
}
