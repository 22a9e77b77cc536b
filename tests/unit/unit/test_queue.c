/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The invalidation queue: wrap-around, waiting, time limits that stay harmless, and repair after
 * every error at every descriptor.
 */
#include <string.h>

#include "fixture/queue.h"

/* ---- Going round ----------------------------------------------------------------------------- */

static void thousands_of_requests(void **state)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_IMMEDIATE, MODEL_QUEUE_TRICKLE,
                                                   MODEL_QUEUE_DELAYED };

    (void)state;
    for (unsigned mode = 0; mode < 3; mode++) {
        struct fixture f;

        fixture_open_nic(&f, "generic48");
        model_behaviour(f.u)->queue_mode = modes[mode];
        model_behaviour(f.u)->queue_delay = 9;
        for (unsigned i = 0; i < 3000; i++) {
            uint64_t iova = IOVA + (uint64_t)(i % 7) * 4096;

            assert_int_equal(fixture_map(&f, iova, f.page), UDMAR_OK);
            if (i % 5 == 0) {
                assert_true(fixture_reaches(&f, NIC, iova, f.page));
            }
            assert_int_equal(fixture_unmap(&f, iova), UDMAR_OK);
            assert_false(cached(&f, iova));
        }
        assert_int_equal(model_stats(f.u)->polls_under_lock, 0);
        fixture_close(&f);
    }
}

static void queue_of_every_size(void **state)
{
    (void)state;
    for (unsigned size = 0; size < 8; size++) {
        struct udmar__request request;
        struct fixture f;
        uint64_t ticket = 0;
        const char digit[2] = { (char)('0' + size), '\0' };

        fixture_machine(&f, "generic48");
        fixture_tune(&f, "hw.dmar.qi_size", digit);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        request = page_request(&f, IOVA);
        for (unsigned i = 0; i < (300u << size); i++) {
            assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, false, &ticket),
                             UDMAR_OK);
        }
        assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), ticket), UDMAR_OK);
        fixture_close(&f);
    }
}

/* Without a wait nobody looks at the hardware: the queue must not run over it. */
static void full_queue_waits_for_room(void **state)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_TRICKLE, MODEL_QUEUE_DELAYED };

    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct udmar__request request;
        uint64_t ticket = 0;
        struct fixture f;

        fixture_open_nic(&f, "generic48");
        fill_caches(&f);
        request = page_request(&f, IOVA);
        model_behaviour(f.u)->queue_mode = modes[mode];
        model_behaviour(f.u)->queue_delay = 50;
        clear_leaf(&f, IOVA);
        for (unsigned i = 0; i < 2000; i++) {
            assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, false, &ticket),
                             UDMAR_OK);
        }
        assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), ticket), UDMAR_OK);
        assert_false(cached(&f, IOVA));
        assert_true(fixture_unit(&f, 0)->counts.queue_full > 0);
        assert_int_equal(model_stats(f.u)->polls_under_lock, 0);
        fixture_close(&f);
    }
}

static void full_queue_of_dead_hardware_is_bounded(void **state)
{
    struct udmar__request request;
    enum udmar_status status = UDMAR_OK;
    uint64_t ticket, start;
    unsigned sent = 0;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    start = model_time(f.m);
    for (; status == UDMAR_OK && sent < 1000; sent++) {
        status = udmar__invalidate(fixture_unit(&f, 0), &request, 1, false, &ticket);
    }
    assert_int_equal(status, UDMAR_ERR_TIMEOUT);
    assert_in_range(sent, 240, 256);
    assert_true(model_time(f.m) - start < 3 * f.config.tunables.timeout_ns);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 1000);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &ticket), UDMAR_OK);
    fixture_close(&f);
}

/* However it was filled, a full queue has room for a repair: two invalidations and a wait. */
static void full_queue_has_room_for_a_repair(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        struct udmar__request requests[4];
        enum udmar_status status = UDMAR_OK;
        uint64_t ticket;
        struct fixture f;

        fixture_open_nic(&f, "generic48");
        for (unsigned i = 0; i < 4; i++) {
            requests[i] = page_request(&f, IOVA);
        }
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        while (status == UDMAR_OK) {
            status = udmar__queue_submit(fixture_unit(&f, 0), requests, 1 + n / 2, n % 2, &ticket);
        }
        assert_int_equal(status, UDMAR_ERR_TIMEOUT);
        assert_in_range(slots_left(&f), 4, 9);
        /* And what comes one by one leaves the same. */
        while (udmar__queue_offer(fixture_unit(&f, 0), requests, &ticket)) {
            continue;
        }
        assert_in_range(slots_left(&f), 4, 9);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(f.u, 1000);
        fixture_close(&f);
    }
}

/* It is an error that keeps the queue full: whoever waits for room repairs it. */
static void error_in_a_full_queue_is_served_by_the_submitter(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .base = BASE, .include_all = true };
    enum udmar_status status = UDMAR_OK;
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &config);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    while (status == UDMAR_OK) {
        status = udmar__queue_submit(unit, &request, 1, false, &ticket);
    }
    model_inject_queue_error(f.u, 1, MODEL_QUEUE_IQE, 0, 0);
    (void)model_queue_step(f.u, 1);
    assert_int_equal(model_peek32(f.u, FSTS) & 0x10, 0x10);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    assert_int_equal(unit->counts.queue_errors, 1);
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void one_wait_serves_many_tickets(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t tickets[20];
    unsigned waits;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    request = page_request(&f, IOVA);
    unit = fixture_unit(&f, 0);
    waits = model_stats(f.u)->waits;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(udmar__invalidate(unit, &request, 1, false, &tickets[i]), UDMAR_OK);
        assert_false(udmar__invalidate_done(unit, tickets[i]));
    }
    assert_int_equal(udmar__invalidate_wait(unit, tickets[0]), UDMAR_OK);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(udmar__invalidate_done(unit, tickets[i]));
        assert_int_equal(udmar__invalidate_wait(unit, tickets[i]), UDMAR_OK);
    }
    assert_int_equal(model_stats(f.u)->waits, waits + 1);
    fixture_close(&f);
}

/* One request rings once, its own wait included; who comes while one is open shares the next. */
static void open_wait_is_shared(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket, issued;
    unsigned tails;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.timeout", "100000");
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    issued = unit->queue.issued;
    tails = model_stats(f.u)->iqt_writes;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(udmar__queue_execute_inline(unit, &request, true, &ticket),
                         UDMAR_ERR_TIMEOUT);
        assert_int_equal(unit->queue.issued, issued + 1);
        assert_int_equal(model_stats(f.u)->iqt_writes, tails + 1 + i);
    }
    (void)model_queue_step(f.u, 100);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    assert_int_equal(unit->queue.issued, issued + 2);
    fixture_close(&f);
}

/* Trap 3: the status word outlives the waiter, and what comes late still counts. */
static void late_completion_is_accepted(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket, start;
    unsigned waits;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fill_caches(&f);
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    clear_leaf(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    start = model_time(f.m);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_ERR_TIMEOUT);
    assert_in_range(model_time(f.m) - start, f.config.tunables.timeout_ns,
                    2 * f.config.tunables.timeout_ns);
    assert_int_not_equal(ticket, 0);
    assert_int_equal(unit->counts.timeouts, 1);
    assert_int_equal(udmar__invalidate_wait(unit, ticket), UDMAR_ERR_TIMEOUT);
    assert_true(cached(&f, IOVA));
    waits = unit->queue.issued;
    (void)model_queue_step(f.u, 100);
    assert_int_equal(udmar__invalidate_wait(unit, ticket), UDMAR_OK);
    assert_int_equal(unit->queue.issued, waits);
    assert_false(cached(&f, IOVA));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    fixture_close(&f);
}

/* Between two looks at the clock more than the whole time limit goes by: a processor was away. */
static void clock_jumps(void *context, struct model *m, enum model_event event)
{
    if (event == MODEL_EVENT_TIME) {
        model_advance_time(m, *(const uint64_t *)context);
    }
}

static void error_is_found_though_the_time_is_over(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .base = BASE, .include_all = true };
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket, jump;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &config);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    fill_caches(&f);
    clear_leaf(&f, IOVA);
    request = page_request(&f, IOVA);
    jump = 2 * f.config.tunables.timeout_ns;
    model_inject_queue_error(f.u, 1, MODEL_QUEUE_IQE, 0, 0);
    model_set_hook(f.m, clock_jumps, &jump);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_int_equal(unit->counts.queue_errors, 1);
    assert_int_equal(unit->counts.timeouts, 0);
    assert_false(cached(&f, IOVA));
    fixture_close(&f);
}

static void sequence_numbers_wrap(void **state)
{
    static const uint64_t starts[] = { 0xfffffff0, 0xffffffff, UINT64_C(0x1fffffff0), 0x7ffffff0 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct udmar__request request;
        struct udmar_unit *unit;
        uint64_t first, ticket;
        struct fixture f;

        fixture_open_nic(&f, "generic48");
        unit = fixture_unit(&f, 0);
        request = page_request(&f, IOVA);
        unit->queue.issued = starts[i];
        unit->queue.issued_low = (uint32_t)starts[i];
        *unit->queue.status = (uint32_t)starts[i];
        assert_int_equal(udmar__invalidate(unit, &request, 1, false, &first), UDMAR_OK);
        assert_int_equal(first, starts[i] + 1);
        for (unsigned n = 0; n < 40; n++) {
            model_behaviour(f.u)->queue_mode = n % 2 ? MODEL_QUEUE_TRICKLE : MODEL_QUEUE_IMMEDIATE;
            assert_int_equal(udmar__invalidate(unit, &request, 1, false, &ticket), UDMAR_OK);
            assert_false(udmar__invalidate_done(unit, ticket));
            assert_int_equal(udmar__invalidate_wait(unit, ticket), UDMAR_OK);
            assert_true(udmar__invalidate_done(unit, ticket));
            assert_true(udmar__invalidate_done(unit, first));
            assert_true(udmar__invalidate_done(unit, 1));
        }
        assert_int_equal(unit->queue.issued, starts[i] + 40);
        fixture_close(&f);
    }
}

/* Tickets from before a stop: the queue is another one, and everything was invalidated since. */
static void tickets_outlive_their_queue(void **state)
{
    struct udmar__request request;
    uint64_t open, old;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    request = page_request(&f, IOVA);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &old), UDMAR_OK);
    }
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, false, &open), UDMAR_OK);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), open));
    assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), open), UDMAR_OK);
    fixture_start(&f);
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), open));
    assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), open), UDMAR_OK);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &old), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* Eight descriptors: context, two pages, domain, wait, two pages, wait. */
static void submit_batch(struct fixture *f, uint64_t tickets[2])
{
    struct udmar_unit *unit = fixture_unit(f, 0);
    struct udmar_domain_info info;
    struct udmar__request requests[4];

    udmar_domain_info(udmar_device_domain(f->nic), &info);
    requests[0] = udmar__context_request(GRAN_SELECTIVE, info.domain_id, NIC);
    requests[1] = page_request(f, IOVA);
    requests[2] = page_request(f, IOVA + 4096);
    requests[3] = udmar__iotlb_request(unit, GRAN_DOMAIN, 99, 0, 0, false);
    assert_int_equal(udmar__queue_submit(unit, requests, 4, true, &tickets[0]), UDMAR_OK);
    requests[0] = page_request(f, IOVA + 2 * 4096);
    requests[1] = page_request(f, IOVA + 3 * 4096);
    assert_int_equal(udmar__queue_submit(unit, requests, 2, true, &tickets[1]), UDMAR_OK);
}

static void batch_meets_error(enum model_queue_error error, unsigned at, uint32_t fetched,
                              bool resumes, enum model_queue_mode mode, unsigned offset)
{
    struct udmar_unit *unit;
    uint64_t tickets[2];
    struct fixture f;

    fixture_open_nic(&f, "generic48");
    unit = fixture_unit(&f, 0);
    fill_caches(&f);
    /* Somewhere else in the ring, also across its end. */
    for (unsigned i = 0; i < offset; i++) {
        struct udmar__request other = udmar__iotlb_request(unit, GRAN_DOMAIN, 99, 0, 0, false);

        assert_int_equal(udmar__queue_submit(unit, &other, 1, false, &tickets[0]), UDMAR_OK);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        clear_leaf(&f, IOVA + i * 4096);
        assert_true(cached(&f, IOVA + i * 4096));
    }
    model_behaviour(f.u)->queue_mode = mode;
    model_behaviour(f.u)->queue_resumes_on_clear = resumes;
    model_inject_queue_error(f.u, at, error, 0x1234, fetched);
    submit_batch(&f, tickets);
    assert_int_equal(udmar__queue_wait(unit, tickets[0]), UDMAR_OK);
    assert_false(cached(&f, IOVA));
    assert_false(cached(&f, IOVA + 4096));
    assert_int_equal(udmar__queue_wait(unit, tickets[1]), UDMAR_OK);
    for (unsigned i = 0; i < PAGES; i++) {
        assert_false(cached(&f, IOVA + i * 4096));
        assert_int_equal(fixture_write(&f, NIC, IOVA + i * 4096), MODEL_BLOCKED);
    }
    /* ICE stops nobody, so the waiter may have gone before anybody looked. */
    udmar__queue_service(unit);
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    assert_int_equal(unit->counts.queue_errors, 1);
    assert_int_equal(unit->counts.timeouts, 0);
    assert_int_equal(udmar_domain_unmap(udmar_device_domain(f.nic), IOVA, PAGES * 4096), UDMAR_OK);
    fixture_close(&f);
}

static void refused_descriptor_of_every_kind_and_place(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 8; at++) {
        for (unsigned resumes = 0; resumes < 2; resumes++) {
            batch_meets_error(MODEL_QUEUE_IQE, at, 0, resumes, MODEL_QUEUE_IMMEDIATE, 0);
            batch_meets_error(MODEL_QUEUE_IQE, at, 0, resumes, MODEL_QUEUE_TRICKLE, 0);
            batch_meets_error(MODEL_QUEUE_IQE, at, 0, resumes, MODEL_QUEUE_TRICKLE, 236);
        }
    }
}

static void unanswered_device_aborts_waits(void **state)
{
    static const uint32_t fetched[] = { 0, 1, 3, 7, MODEL_NEVER };

    (void)state;
    for (unsigned at = 1; at <= 8; at++) {
        for (unsigned i = 0; i < 5; i++) {
            batch_meets_error(MODEL_QUEUE_ITE, at, fetched[i], false, MODEL_QUEUE_IMMEDIATE, 0);
            batch_meets_error(MODEL_QUEUE_ITE, at, fetched[i], false, MODEL_QUEUE_TRICKLE, 238);
        }
    }
}

static void bad_completion_stops_nothing(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 8; at++) {
        batch_meets_error(MODEL_QUEUE_ICE, at, 0, false, MODEL_QUEUE_IMMEDIATE, 0);
        batch_meets_error(MODEL_QUEUE_ICE, at, 0, false, MODEL_QUEUE_DELAYED, 240);
    }
}

/* What the hardware will never execute is replaced by the widest of its kind, in its place. */
static void replacement_is_the_widest_of_its_kind(void **state)
{
    /* Context cache, IOTLB, and a type that is none; all with a granularity that is none. */
    static const uint64_t refused[] = { 0x1, 0x2, 0xe };
    /* It has an interrupt-entry cache, too. */
    const struct model_unit_config remapping = { .base = BASE,
                                                 .include_all = true,
                                                 .ecap_set = 1 << 3 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct model_unit_stats before, after;
        struct udmar__request request;
        struct udmar_unit *unit;
        uint64_t ticket;
        struct fixture f;

        fixture_machine_config(&f, NULL, &remapping);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        unit = fixture_unit(&f, 0);
        fill_caches(&f);
        clear_leaf(&f, IOVA);
        /* The last is an interrupt entry's, with bits that are reserved. */
        request.low = i < 3 ? refused[i] : 0x4 | UINT64_C(1) << 8;
        request.high = 0;
        before = *model_stats(f.u);
        assert_int_equal(udmar__queue_submit(unit, &request, 1, true, &ticket), UDMAR_OK);
        assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
        after = *model_stats(f.u);
        assert_int_equal(unit->counts.queue_errors, 1);
        assert_false(unit->queue.state == QUEUE_FAILED);
        assert_int_equal(after.context_global - before.context_global, i == 0);
        assert_int_equal(after.iotlb_global - before.iotlb_global, i == 1 || i == 2);
        assert_int_equal(after.iec - before.iec, i == 3);
        assert_int_equal(cached(&f, IOVA), i == 0 || i == 3);
        model_cache_drop_all(f.u); /* nobody has asked for the leaf itself */
        fixture_close(&f);
    }
}

/* Nobody says what was executed: all of it once more, the upper structure first, then a wait. */
static void aborted_waits_are_covered_in_order(void **state)
{
    static const struct {
        enum model_invalidation_kind kind;
        enum model_granularity granularity;
    } expected[] = { { MODEL_INV_CONTEXT, MODEL_GLOBAL }, { MODEL_INV_IOTLB, MODEL_GLOBAL } };
    static const enum model_queue_error errors[] = { MODEL_QUEUE_ITE, MODEL_QUEUE_ICE };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct model_invalidation *seen;
        struct udmar_unit *unit;
        uint64_t tickets[2];
        unsigned count;
        struct fixture f;

        fixture_open_nic(&f, "generic48");
        unit = fixture_unit(&f, 0);
        fill_caches(&f);
        model_inject_queue_error(f.u, 2, errors[i], 0x1234, MODEL_NEVER);
        submit_batch(&f, tickets);
        assert_int_equal(udmar__queue_wait(unit, tickets[1]), UDMAR_OK);
        udmar__queue_service(unit);
        count = model_invalidation_count(f.u);
        assert_true(count > 3);
        for (unsigned n = 0; n < 2; n++) {
            bool found = false;

            /* Nothing else of this batch is global. */
            for (unsigned at = 0; at < count && !found; at++) {
                seen = model_invalidation_log(f.u, at);
                found =
                    seen->kind == expected[n].kind && seen->granularity == expected[n].granularity;
            }
            assert_true(found);
        }
        for (unsigned at = count - 1;; at--) {
            assert_true(at >= 2);
            seen = model_invalidation_log(f.u, at);
            if (seen->kind == MODEL_INV_IOTLB && seen->granularity == MODEL_GLOBAL) {
                assert_int_equal(model_invalidation_log(f.u, at - 1)->kind, MODEL_INV_CONTEXT);
                assert_int_equal(model_invalidation_log(f.u, at - 1)->granularity, MODEL_GLOBAL);
                assert_int_equal(model_invalidation_log(f.u, at + 1)->kind, MODEL_INV_WAIT);
                break;
            }
        }
        fixture_close(&f);
    }
}

/* The fault interrupt alone repairs the queue, though nobody waits. */
static void error_is_repaired_by_the_interrupt(void **state)
{
    uint64_t tickets[2];
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    model_inject_queue_error(f.u, 2, MODEL_QUEUE_IQE, 0, 0);
    submit_batch(&f, tickets);
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), tickets[1]));
    assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, 1);
    assert_true(model_log_contains(f.m, "refused descriptor"));
    fixture_close(&f);
}

/* More than one error while hardware stands at a nearly full ring. */
static void errors_in_a_full_queue(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    fill_caches(&f);
    clear_leaf(&f, IOVA);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned i = 0; i < 249; i++) {
        assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    }
    for (unsigned i = 0; i < 6; i++) {
        model_inject_queue_error(f.u, 1, i % 3 == 2 ? MODEL_QUEUE_IQE : MODEL_QUEUE_ITE, 0, 0);
        (void)model_queue_step(f.u, 1);
        udmar__queue_service(unit);
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    assert_false(cached(&f, IOVA));
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_of_requests),
        cmocka_unit_test(queue_of_every_size),
        cmocka_unit_test(full_queue_waits_for_room),
        cmocka_unit_test(full_queue_of_dead_hardware_is_bounded),
        cmocka_unit_test(one_wait_serves_many_tickets),
        cmocka_unit_test(open_wait_is_shared),
        cmocka_unit_test(late_completion_is_accepted),
        cmocka_unit_test(error_is_found_though_the_time_is_over),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(tickets_outlive_their_queue),
        cmocka_unit_test(refused_descriptor_of_every_kind_and_place),
        cmocka_unit_test(unanswered_device_aborts_waits),
        cmocka_unit_test(bad_completion_stops_nothing),
        cmocka_unit_test(error_is_repaired_by_the_interrupt),
        cmocka_unit_test(errors_in_a_full_queue),
        cmocka_unit_test(full_queue_has_room_for_a_repair),
        cmocka_unit_test(error_in_a_full_queue_is_served_by_the_submitter),
        cmocka_unit_test(replacement_is_the_widest_of_its_kind),
        cmocka_unit_test(aborted_waits_are_covered_in_order),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
