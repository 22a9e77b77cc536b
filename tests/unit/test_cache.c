/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caches in front of the arenas: what rests in deferred mode and when it is used again, full
 * magazines and racks, large pages at hand, and what happens when memory or the unit fails.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "space/address.h"
#include "space/stream.h"
#include "support_space.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

static const struct setup resting = { .tunables = "hw.dmar.strict=0 " SHORT_TIMEOUT,
                                      .ticking = true };

#define LARGE MIB(4) /* physical */

/* A machine with two pages of different bytes and 12 MiB that begin at a large page. */
struct scene {
    struct machine mc;
    uint8_t *page[2];
    uint8_t *large;
};

static uint64_t physical_of(struct scene *s, const void *buffer)
{
    size_t length = 1;
    uintptr_t offset = (uintptr_t)buffer - (uintptr_t)s->large;

    return offset < MIB(12) ? LARGE + offset
                            : udmar_host_virtual_to_physical(s->mc.m, buffer, &length);
}

static void open_scene(struct scene *s, const struct setup *setup)
{
    machine_open(&s->mc, setup);
    model_reserve(s->mc.m, LARGE, MIB(12));
    for (unsigned i = 0; i < 2; i++) {
        s->page[i] = model_buffer_alloc(s->mc.m, PAGE, MODEL_SCATTERED, 0);
        memset(s->page[i], 0xa0 + (int)i, PAGE);
    }
    s->large = model_pointer(s->mc.m, LARGE);
}

static void expect_empty_tables(struct scene *s)
{
    struct udmar_domain_info info;

    udmar_domain_info(s->mc.domain, &info);
    assert_int_equal(info.table_pages, 1);
}

static void close_scene(struct scene *s)
{
    for (unsigned i = 0; i < 2; i++)
        model_buffer_free(s->mc.m, s->page[i]);
    udmar__caches_trim(s->mc.domain);
    if (!s->mc.forgive_pages)
        expect_empty_tables(s);
    machine_close(&s->mc);
}

static enum udmar_status try_map(struct scene *s, const void *buffer, uint64_t length,
                                 uint64_t highest, uint64_t *out_iova)
{
    const struct udmar_dma_physical piece = { physical_of(s, buffer), length };

    return udmar_stream_map(s->mc.domain, &piece, 1, UDMAR_READ_WRITE, highest, out_iova);
}

static uint64_t map(struct scene *s, const void *buffer, uint64_t length, uint64_t highest)
{
    uint64_t iova = 0;

    assert_int_equal(try_map(s, buffer, length, highest, &iova), UDMAR_OK);
    return iova;
}

static void unmap(struct scene *s, uint64_t iova)
{
    assert_int_equal(udmar_stream_unmap(s->mc.domain, iova), UDMAR_OK);
}

static bool is_among(const uint64_t *list, unsigned count, uint64_t iova)
{
    for (unsigned i = 0; i < count; i++) {
        if (list[i] == iova)
            return true;
    }
    return false;
}

/* ---- What rests ------------------------------------------------------------------------------ */

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

/* ---- Full magazines and racks ---------------------------------------------------------------- */

/* More than magazines hold: the rest goes back to the arenas, and nothing gets lost on the way. */
static void test_full_magazines(void **state)
{
    static const uint64_t sizes[] = { PAGE, 5 * PAGE };
    static uint64_t held[400];

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct scene s;
        struct udmar_domain_info info;
        uint64_t tables = 0;

        open_scene(&s, n < 2 ? NULL : &resting);
        for (unsigned round = 0; round < 6; round++) {
            for (unsigned i = 0; i < 400; i++) {
                held[i] = map(&s, s.large, sizes[n % 2], UINT64_MAX);
                /* No block is in two places at once. */
                assert_false(is_among(held, i, held[i]));
            }
            /* Loss would show as ever more tables; what rests and what magazines hold is bounded.
             */
            udmar_domain_info(s.mc.domain, &info);
            tables = round == 0 ? info.table_pages : tables;
            assert_in_range(info.table_pages, tables, tables + (n < 2 ? 1 : 3));
            for (unsigned i = 0; i < 400; i++)
                unmap(&s, held[i]);
        }
        close_scene(&s);
    }
}

static uint64_t leaf_entry(struct scene *s, uint64_t iova, unsigned *out_level)
{
    struct udmar_walk_step steps[5];
    unsigned count = udmar_domain_walk(s->mc.domain, iova, steps);

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
        struct scene s;
        unsigned level;
        struct counts counts;

        open_scene(&s, &kinds[n / 2]);
        for (unsigned round = 0; round < 6; round++) {
            uint8_t *from = s.large + MIB(2) * (round % 3);
            uint64_t iova;

            memset(&counts, 0, sizeof(counts));
            from[0] = (uint8_t)(round + 1);
            from[MIB(2) - 1] = (uint8_t)(round + 101);
            model_set_hook(s.mc.m, count_events, &counts);
            iova = map(&s, from, MIB(2), highest[n % 2]);
            model_set_hook(s.mc.m, NULL, NULL);
            assert_true(iova + MIB(2) - 1 <= highest[n % 2]);
            assert_int_equal(leaf_entry(&s, iova, &level), physical_of(&s, from) | 0x83);
            assert_int_equal(level, 2);
            assert_true(device_sees(&s.mc, RID0, iova, from, 1));
            assert_true(device_sees(&s.mc, RID0, iova + MIB(2) - 1, from + MIB(2) - 1, 1));
            if (round > 0) {
                /* The cache's lock, and one entry; what is late is put back and taken again. */
                assert_int_equal(counts.events[MODEL_EVENT_ALLOC], 0);
                assert_true(counts.events[MODEL_EVENT_ACQUIRE] <= (strict ? 1u : 4u));
            }
            unmap(&s, iova);
            if (strict)
                assert_false(can_read(&s.mc, RID0, iova));
            assert_int_equal(udmar_stream_unmap(s.mc.domain, iova), UDMAR_ERR_NOT_FOUND);
            drain_faults(&s.mc);
        }
        close_scene(&s);
    }
}

/* Its unmap comes while another wait is on its way, and shares the next one. */
static void test_large_page_behind_a_wait(void **state)
{
    struct udmar__request request;
    struct scene s;
    uint64_t iova, ticket;

    (void)state;
    open_scene(&s, NULL);
    unmap(&s, map(&s, s.large, MIB(2), UINT64_MAX));
    iova = map(&s, s.large, MIB(2), UINT64_MAX);
    assert_true(can_read(&s.mc, RID0, iova));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DELAYED;
    model_behaviour(s.mc.u)->queue_delay = 20;
    request = (struct udmar__request){ .low = s.mc.domain->request_low | 1u << 6, .high = GIB(9) };
    assert_true(
        (ticket = udmar__queue_put_one(s.mc.domain->unit, request.low, request.high, true)) != 0);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, iova), UDMAR_OK);
    assert_false(can_read(&s.mc, RID0, iova));
    model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    drain_faults(&s.mc);
    close_scene(&s);
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
        struct scene s;
        unsigned level;

        open_scene(&s, &kinds[n]);
        for (unsigned round = 0; round < 4; round++) {
            uint8_t *from = s.large + (n == 0 ? PAGE * (1 + round) : 0);
            uint64_t highest = round % 2 == 0 ? UINT64_MAX : MIB(600) - 1;
            uint64_t iova;

            from[0] = (uint8_t)(round + 1);
            from[MIB(2) - 1] = (uint8_t)(round + 101);
            iova = map(&s, from, MIB(2), highest);
            assert_true(iova + MIB(2) - 1 <= highest);
            (void)leaf_entry(&s, iova, &level);
            if (n == 0 || n == 3)
                assert_int_equal(level, 1);
            assert_true(device_sees(&s.mc, RID0, iova, from, 1));
            assert_true(device_sees(&s.mc, RID0, iova + MIB(2) - 1, from + MIB(2) - 1, 1));
            unmap(&s, iova);
            assert_false(can_read(&s.mc, RID0, iova));
            assert_false(can_read(&s.mc, RID0, iova + MIB(2) - 1));
            drain_faults(&s.mc);
        }
        close_scene(&s);
    }
}

static void test_full_racks(void **state)
{
    static const uint64_t sizes[] = { MIB(2), MIB(3), MIB(6) };

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        uint64_t iova[6];
        struct scene s;

        open_scene(&s, NULL);
        for (unsigned round = 0; round < 2; round++) {
            for (unsigned i = 0; i < 6; i++) {
                iova[i] = map(&s, s.large, sizes[n % 3], n < 3 ? UINT64_MAX : UINT32_MAX);
                assert_false(is_among(iova, i, iova[i]));
            }
            for (unsigned i = 0; i < 6; i++) {
                unmap(&s, iova[i]);
                assert_false(can_read(&s.mc, RID0, iova[i]));
            }
            drain_faults(&s.mc);
            assert_int_equal(s.mc.domain->windows, 3); /* the others have gone back */
        }
        close_scene(&s);
    }
}

/* A window whose end was not confirmed comes out of the rack, but not before it is. */
static void test_unanswered_window_is_waited_for(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct scene s;
        uint64_t length = n == 0 ? MIB(2) : MIB(3), iova, other = 0;

        open_scene(&s, &setup);
        s.large[0] = 0x11;
        iova = map(&s, s.large, length, UINT64_MAX);
        assert_true(can_read(&s.mc, RID0, iova));
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(udmar_stream_unmap(s.mc.domain, iova), UDMAR_ERR_TIMEOUT);
        assert_true(can_read(&s.mc, RID0, iova));
        assert_int_equal(try_map(&s, s.large, length, UINT64_MAX, &other), UDMAR_ERR_TIMEOUT);
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        other = map(&s, s.large + MIB(6), length, UINT64_MAX);
        s.large[MIB(6)] = 0x22;
        assert_true(device_sees(&s.mc, RID0, other, s.large + MIB(6), 1));
        unmap(&s, other);
        assert_false(can_read(&s.mc, RID0, other));
        close_scene(&s);
    }
}

/* ---- Listings and faults --------------------------------------------------------------------- */

/* Every mapping of the moment is listed once, whatever size it has. */
static void test_streams_are_listed(void **state)
{
    static const unsigned pages[] = { 1, 3, 5, 8, 1, 100, 256, 2 };
    struct scene s;
    struct udmar_range_info info;
    uint64_t iova[8], at = 0;
    unsigned found = 0, steps = 0;

    (void)state;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < 8; i++)
        iova[i] = map(&s, s.large, pages[i] * PAGE, UINT64_MAX);
    while (udmar_domain_next_range(s.mc.domain, at, &info)) {
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
        unmap(&s, iova[i]);
    close_scene(&s);
}

static void test_fault_says_that_a_stream_is_gone(void **state)
{
    static const uint64_t sizes[] = { PAGE, 3 * PAGE, MIB(2), MIB(9) };

    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        uint64_t length = sizes[n % 4], iova;
        struct udmar_fault fault = { .sequence = 0 }, next;
        char wanted[80], text[400];
        struct scene s;

        open_scene(&s, n < 4 ? NULL : &resting);
        iova = map(&s, s.large, length, UINT64_MAX);
        unmap(&s, iova);
        udmar_tick(s.mc.instance);
        assert_false(can_write(&s.mc, RID0, iova + length - 1));
        (void)udmar_fault_poll(s.mc.instance);
        while (udmar_fault_next(s.mc.instance, fault.sequence, &next))
            fault = next;
        assert_int_equal(fault.place, UDMAR_PLACE_GONE);
        (void)udmar_fault_format(s.mc.instance, &fault, text, sizeof(text));
        snprintf(wanted, sizeof(wanted), "it lies in the mapping 0x%llx-0x%llx, ",
                 (unsigned long long)iova, (unsigned long long)(iova + length - 1));
        assert_non_null(strstr(text, wanted));
        assert_true(strstr(text, "which was the last to go") != NULL ||
                    strstr(text, "gone since 1 unmap") != NULL);
        close_scene(&s);
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
        struct scene s;
        uint64_t iova;

        open_scene(&s, &setup);
        iova = map(&s, s.large, sizes[n], UINT64_MAX);
        unmap(&s, iova);
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(try_map(&s, s.large, sizes[n], UINT64_MAX, &iova), UDMAR_ERR_TIMEOUT);
        model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        /* A range stays until it can be ended; what comes from caches is out of the caller's hands.
         */
        if (n < 4)
            assert_int_equal(udmar_stream_unmap(s.mc.domain, iova), UDMAR_ERR_NOT_FOUND);
        iova = map(&s, s.large, sizes[n], UINT64_MAX);
        assert_true(device_sees(&s.mc, RID0, iova, s.large, 1));
        unmap(&s, iova);
        assert_false(can_read(&s.mc, RID0, iova));
        s.mc.forgive_pages = true;
        close_scene(&s);
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
        struct scene s;
        uint64_t iova = 0;
        unsigned failures = 0;

        open_scene(&s, NULL);
        for (unsigned call = 1; status != UDMAR_OK; call++) {
            size_t pages = model_pages_in_use(s.mc.m);

            assert_true(call < 60);
            model_fail_host_call(s.mc.m, call, true);
            status = try_map(&s, s.large, sizes[n / 2], highest[n % 2], &iova);
            model_fail_host_call(s.mc.m, 0, false);
            if (status != UDMAR_OK) {
                assert_int_equal(status, UDMAR_ERR_MEMORY);
                assert_true(model_pages_in_use(s.mc.m) <= pages + 1);
                failures++;
            }
        }
        assert_true(failures >= 3);
        assert_true(device_sees(&s.mc, RID0, iova, s.large, 1));
        unmap(&s, iova);
        assert_false(can_read(&s.mc, RID0, iova));
        close_scene(&s);
    }
}

/* No cache can be made: mappings take from the arenas and go back there. */
static void test_without_a_cache(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct scene s;
        uint64_t iova[3];

        open_scene(&s, n == 0 ? NULL : &resting);
        model_fail_host_calls_of(s.mc.m, MODEL_CALL_LOCK_CREATE, 1, true);
        for (unsigned round = 0; round < 4; round++) {
            for (unsigned i = 0; i < 3; i++) {
                iova[i] = map(&s, s.large, i < 2 ? PAGE : MIB(2), UINT64_MAX);
                assert_true(device_sees(&s.mc, RID0, iova[i], s.large, 1));
                assert_false(is_among(iova, i, iova[i]));
            }
            for (unsigned i = 0; i < 3; i++) {
                unmap(&s, iova[i]);
                assert_false(can_read(&s.mc, RID0, iova[i]));
            }
            drain_faults(&s.mc);
        }
        model_fail_host_calls_of(s.mc.m, MODEL_CALL_LOCK_CREATE, 0, false);
        assert_null(s.mc.domain->caches[0]);
        close_scene(&s);
    }
}

/* Somebody else on this CPU makes the cache at the same moment. */
struct intruder {
    struct scene *s;
    uint64_t iova;
    bool done;
};

static void map_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && !intruder->done) {
        intruder->done = true;
        intruder->iova = map(intruder->s, intruder->s->page[1], PAGE, UINT64_MAX);
    }
}

static void test_two_make_a_cache(void **state)
{
    struct scene s;
    struct intruder intruder = { .s = &s };
    uint64_t iova;

    (void)state;
    open_scene(&s, NULL);
    model_set_hook(s.mc.m, map_meanwhile, &intruder);
    iova = map(&s, s.page[0], PAGE, UINT64_MAX);
    model_set_hook(s.mc.m, NULL, NULL);
    assert_true(intruder.done);
    assert_int_not_equal(iova, intruder.iova);
    assert_true(device_sees(&s.mc, RID0, iova, s.page[0], PAGE));
    assert_true(device_sees(&s.mc, RID0, intruder.iova, s.page[1], PAGE));
    unmap(&s, iova);
    unmap(&s, intruder.iova);
    close_scene(&s);
}

/* What another thread of this CPU does to a magazine between two looks at it. */
struct meddler {
    struct scene *s;
    unsigned calls, when;
    uint64_t held[UDMAR__MAGAZINE + 20];
    unsigned count;
    bool fills;
};

static void meddle(void *context, struct model *m, enum model_event event)
{
    struct meddler *meddler = context;
    struct scene *s = meddler->s;

    (void)m;
    if (event != MODEL_EVENT_ACQUIRE || ++meddler->calls != meddler->when)
        return;
    if (meddler->fills) {
        while (meddler->count > 0)
            unmap(s, meddler->held[--meddler->count]);
    } else {
        for (unsigned i = 0; i < 3; i++)
            meddler->held[meddler->count++] = map(s, s->page[1], PAGE, UINT64_MAX);
    }
}

/* The magazine is empty, somebody fills it while this thread fetches blocks; or the other way. */
static void test_magazine_changes_in_between(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * 6; n++) {
        struct scene s;
        struct meddler meddler = { .s = &s, .when = 1 + n / 2, .fills = n % 2 == 0 };
        struct udmar__magazine *magazine;
        uint64_t iova[100];
        unsigned count = 0;

        open_scene(&s, NULL);
        for (unsigned i = 0; i < UDMAR__MAGAZINE; i++)
            meddler.held[meddler.count++] = map(&s, s.page[1], PAGE, UINT64_MAX);
        magazine = &s.mc.domain->caches[0]->blocks[0][0];
        while (magazine->count > 0)
            iova[count++] = map(&s, s.page[0], PAGE, UINT64_MAX);
        if (meddler.fills) {
            model_set_hook(s.mc.m, meddle, &meddler);
            iova[count++] = map(&s, s.page[0], PAGE, UINT64_MAX);
        } else {
            while (meddler.count > 0)
                unmap(&s, meddler.held[--meddler.count]);
            assert_int_equal(magazine->count, UDMAR__MAGAZINE);
            iova[count++] = map(&s, s.large, PAGE, UINT64_MAX);
            meddler.held[meddler.count++] = map(&s, s.page[1], PAGE, UINT64_MAX);
            unmap(&s, meddler.held[--meddler.count]);
            unmap(&s, iova[--count]);
            assert_int_equal(magazine->count, UDMAR__MAGAZINE);
            model_set_hook(s.mc.m, meddle, &meddler);
            if (count > 0)
                unmap(&s, iova[--count]);
        }
        model_set_hook(s.mc.m, NULL, NULL);
        assert_true(magazine->count <= UDMAR__MAGAZINE);
        for (unsigned i = 0; i < count; i++) {
            assert_false(is_among(iova, i, iova[i]));
            assert_false(is_among(meddler.held, meddler.count, iova[i]));
            unmap(&s, iova[i]);
        }
        while (meddler.count > 0)
            unmap(&s, meddler.held[--meddler.count]);
        close_scene(&s);
    }
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
    udmar__caches_trim(s.mc.domain);
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
    assert_int_equal(s.mc.domain->caches[0]->resting->count, 0);
    close_scene(&s);
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
    const struct setup setup = { .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct scene s;
        uint64_t iova[3], ticket;
        const enum udmar_status wanted = n == 0 ? UDMAR_ERR_QUEUE : UDMAR_ERR_TIMEOUT;

        open_scene(&s, &setup);
        for (unsigned i = 0; i < 3; i++)
            iova[i] = map(&s, s.large, i < 2 ? PAGE : MIB(2), UINT64_MAX);
        if (n == 0) {
            model_set_hook(s.mc.m, refuse_all, s.mc.u);
        } else {
            const struct udmar__request other = { .low = s.mc.domain->request_low | 1u << 6,
                                                  .high = GIB(9) };

            model_behaviour(s.mc.u)->queue_mode = MODEL_QUEUE_DEAD;
            while (udmar__queue_offer(s.mc.domain->unit, &other, &ticket))
                continue;
        }
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(udmar_stream_unmap(s.mc.domain, iova[i]), wanted);
            assert_int_equal(udmar_stream_unmap(s.mc.domain, iova[i]), UDMAR_ERR_NOT_FOUND);
        }
        s.mc.domain->stale = 1;
        udmar__domain_tick(s.mc.domain);
        assert_int_equal(s.mc.domain->stale, 1);
        model_set_hook(s.mc.m, NULL, NULL);
        model_inject_queue_error(s.mc.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
        for (unsigned i = 0; i < 2; i++)
            model_buffer_free(s.mc.m, s.page[i]);
        model_destroy(s.mc.m);
    }
}

/* ---- Where streams can be -------------------------------------------------------------------- */

static void test_no_room_below(void **state)
{
    struct scene s;
    uint64_t iova, other;

    (void)state;
    open_scene(&s, NULL);
    iova = map(&s, s.page[0], PAGE, 2 * PAGE - 1);
    assert_int_equal(iova, PAGE); /* page 0 is reserved */
    assert_int_equal(try_map(&s, s.page[1], PAGE, 2 * PAGE - 1, &other), UDMAR_ERR_IOVA);
    assert_int_equal(try_map(&s, s.large, MIB(2), 2 * PAGE - 1, &other), UDMAR_ERR_IOVA);
    assert_true(device_sees(&s.mc, RID0, iova, s.page[0], PAGE));
    unmap(&s, iova);
    assert_false(can_read(&s.mc, RID0, iova));
    close_scene(&s);
}

static void test_what_is_no_stream(void **state)
{
    const struct udmar_iova_limits low = { .lowest = MIB(4),
                                           .exclude_first = MIB(64),
                                           .exclude_last = UINT64_MAX };
    struct scene s;
    uint64_t range, window, taken;

    (void)state;
    open_scene(&s, NULL);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, UINT64_MAX), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, 0), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_alloc_iova(s.mc.domain, PAGE, &low, &taken), UDMAR_OK);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, taken), UDMAR_ERR_NOT_FOUND);
    range = map(&s, s.large, MIB(9), UINT64_MAX);
    window = map(&s, s.large, MIB(3), UINT64_MAX);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, range + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_stream_unmap(s.mc.domain, window + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_true(device_sees(&s.mc, RID0, range + PAGE, s.large + PAGE, 1));
    assert_true(device_sees(&s.mc, RID0, window + PAGE, s.large + PAGE, 1));
    unmap(&s, range);
    unmap(&s, window);
    assert_int_equal(udmar_domain_free_iova(s.mc.domain, taken), UDMAR_OK);
    close_scene(&s);
}

/* Pieces that lie in no memory, or whose sum is beyond all addresses. */
static void test_pieces_beyond_memory(void **state)
{
    static const struct udmar_dma_physical one[] = {
        { MIB(2), (UINT64_C(1) << 52) + 1 }, { (UINT64_C(1) << 52) - 1, 2 },
        { UINT64_C(1) << 52, PAGE },         { UINT64_C(1) << 52, MIB(2) },
        { UINT64_MAX - PAGE + 1, PAGE },     { MIB(2), UINT64_MAX },
    };
    struct udmar_dma_physical many[8];
    struct scene s;
    uint64_t iova = 0;

    (void)state;
    open_scene(&s, NULL);
    /* The second time there are blocks and windows at hand for them. */
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(udmar_stream_map(s.mc.domain, &one[i], 1, 3, UINT64_MAX, &iova),
                             UDMAR_ERR_ARGUMENT);
        unmap(&s, map(&s, s.large, PAGE, UINT64_MAX));
        unmap(&s, map(&s, s.large, MIB(2), UINT64_MAX));
    }
    for (unsigned i = 0; i < 8; i++)
        many[i] = (struct udmar_dma_physical){ 0, UINT64_C(1) << 50 };
    assert_int_equal(udmar_stream_map(s.mc.domain, many, 8, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    /* Not too much for a number, but for the address space. */
    assert_int_equal(udmar_stream_map(s.mc.domain, many, 4, 3, UINT64_MAX, &iova), UDMAR_ERR_IOVA);
    many[1] = (struct udmar_dma_physical){ MIB(2), 0 };
    assert_int_equal(udmar_stream_map(s.mc.domain, many, 2, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(s.mc.domain, one, 1, 3, UINT64_MAX, NULL),
                     UDMAR_ERR_ARGUMENT);
    close_scene(&s);
}

/* As large as a window can be, and at an offset that takes one chunk more. */
static void test_windows_beyond_the_racks(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, NULL);
    for (unsigned round = 0; round < 4; round++) {
        uint8_t *from = s.large + PAGE * (1 + round);
        uint64_t iova = map(&s, from, MIB(8), round % 2 == 0 ? UINT64_MAX : UINT32_MAX);

        from[0] = (uint8_t)(round + 1);
        from[MIB(8) - 1] = (uint8_t)(round + 101);
        assert_true(device_sees(&s.mc, RID0, iova, from, 1));
        assert_true(device_sees(&s.mc, RID0, iova + MIB(8) - 1, from + MIB(8) - 1, 1));
        unmap(&s, iova);
        assert_false(can_read(&s.mc, RID0, iova));
        assert_false(can_read(&s.mc, RID0, iova + MIB(8) - 1));
        assert_int_equal(s.mc.domain->windows, 0); /* such windows are not kept */
        drain_faults(&s.mc);
    }
    close_scene(&s);
}

/* Memory at the far end of what an entry can hold. */
/* Windows under a limit of one's own are in no rack: they go with their mapping. */
static void test_windows_of_an_odd_limit(void **state)
{
    struct scene s;
    uint64_t iova;

    (void)state;
    open_scene(&s, NULL);
    for (unsigned round = 0; round < 2; round++) {
        iova = map(&s, s.large, MIB(2), MIB(200) - 1);
        assert_true(iova + MIB(2) <= MIB(200));
        assert_int_equal(s.mc.domain->windows, 1 + round);
        unmap(&s, iova);
        assert_int_equal(s.mc.domain->windows, round);
        iova = map(&s, s.large, MIB(3), UINT64_MAX);
        assert_true(device_sees(&s.mc, RID0, iova + MIB(2), s.large + MIB(2), PAGE));
        unmap(&s, iova);
        assert_int_equal(s.mc.domain->windows, 1);
    }
    close_scene(&s);
}

/* 1 MiB that begins in the middle of a page is more than a block holds. */
static void test_one_page_more_than_a_block(void **state)
{
    struct scene s;
    uint64_t iova[3];

    (void)state;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < 3; i++)
        iova[i] = map(&s, s.large, MIB(2), UINT64_MAX);
    for (unsigned i = 0; i < 3; i++)
        unmap(&s, iova[i]);
    assert_int_equal(s.mc.domain->windows, 3);
    for (unsigned i = 0; i < 3; i++) {
        iova[i] = map(&s, s.large + 77, MIB(1), UINT64_MAX);
        assert_true(device_sees(&s.mc, RID0, iova[i], s.large + 77, MIB(1)));
        /* In one of the windows that have come back. */
        assert_non_null(udmar__window_lent(s.mc.domain, iova[i] / PAGE));
        assert_int_equal(s.mc.domain->windows, 3);
    }
    for (unsigned i = 0; i < 3; i++)
        unmap(&s, iova[i]);
    close_scene(&s);
}

static void test_far_memory(void **state)
{
    static const struct udmar_dma_physical pieces[] = {
        { UINT64_C(1) << 51, MIB(2) },
        { UINT64_C(1) << 51, PAGE },
        { (UINT64_C(1) << 52) - PAGE, PAGE },
        { (UINT64_C(1) << 52) - MIB(2), MIB(2) },
    };
    struct scene s;

    (void)state;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < 8; i++) {
        const struct udmar_dma_physical *piece = &pieces[i % 4];
        udmar_paddr_t physical;
        uint64_t iova = 0;

        assert_int_equal(udmar_stream_map(s.mc.domain, piece, 1, 3, UINT64_MAX, &iova), UDMAR_OK);
        assert_int_equal(
            udmar_domain_translate(s.mc.domain, iova + piece->length - 1, &physical, NULL, NULL),
            UDMAR_OK);
        assert_int_equal(physical, piece->address + piece->length - 1);
        unmap(&s, iova);
    }
    close_scene(&s);
}

static void test_domains_without_streams(void **state)
{
    const struct udmar_dma_physical piece = { MIB(2), PAGE };
    static const enum udmar_mode modes[] = { UDMAR_MODE_IDENTITY, UDMAR_MODE_PASSTHROUGH };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct machine mc;
        uint64_t iova;

        machine_open(&mc, NULL);
        assert_int_equal(udmar_device_set_mode(mc.device[0], modes[n]), UDMAR_OK);
        mc.domain = udmar_device_domain(mc.device[0]);
        assert_non_null(mc.domain);
        assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, 3, UINT64_MAX, &iova),
                         UDMAR_ERR_ARGUMENT);
        assert_int_not_equal(udmar_stream_unmap(mc.domain, MIB(2)), UDMAR_OK);
        machine_close(&mc);
    }
}

/* More CPUs than caches, as a host counts that says too little: they share the first. */
static void *map_and_unmap(void *argument)
{
    struct scene *s = argument;
    uint64_t iova = map(s, s->page[0], PAGE, UINT64_MAX);

    unmap(s, iova);
    return NULL;
}

static void test_more_cpus_than_caches(void **state)
{
    const struct setup setup = { .cpus = 2 };
    struct scene s;

    (void)state;
    open_scene(&s, &setup);
    for (unsigned i = 0; i < 9; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, map_and_unmap, &s), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
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
        cmocka_unit_test(test_full_magazines),
        cmocka_unit_test(test_large_page_at_hand),
        cmocka_unit_test(test_large_page_behind_a_wait),
        cmocka_unit_test(test_two_mib_that_are_no_large_page),
        cmocka_unit_test(test_full_racks),
        cmocka_unit_test(test_unanswered_window_is_waited_for),
        cmocka_unit_test(test_streams_are_listed),
        cmocka_unit_test(test_fault_says_that_a_stream_is_gone),
        cmocka_unit_test(test_map_that_is_not_confirmed),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_without_a_cache),
        cmocka_unit_test(test_two_make_a_cache),
        cmocka_unit_test(test_magazine_changes_in_between),
        cmocka_unit_test(test_trim_of_a_unit_that_is_dead),
        cmocka_unit_test(test_turn_with_a_full_queue),
        cmocka_unit_test(test_unmap_with_a_queue_that_is_dead),
        cmocka_unit_test(test_windows_beyond_the_racks),
        cmocka_unit_test(test_windows_of_an_odd_limit),
        cmocka_unit_test(test_one_page_more_than_a_block),
        cmocka_unit_test(test_far_memory),
        cmocka_unit_test(test_no_room_below),
        cmocka_unit_test(test_what_is_no_stream),
        cmocka_unit_test(test_pieces_beyond_memory),
        cmocka_unit_test(test_domains_without_streams),
        cmocka_unit_test(test_more_cpus_than_caches),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
