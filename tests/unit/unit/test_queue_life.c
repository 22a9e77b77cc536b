/* SPDX-License-Identifier: BSD-2-Clause */
/* The invalidation queue's end: dead, stopped, not to be stopped, and made anew. */
#include "fixture/queue.h"

/* Refuses whatever stands in the queue, for ever. */
static void refuse_all(void *context, struct model *m, enum model_event event)
{
    (void)m;
    (void)event;
    model_inject_queue_error(context, 1, MODEL_QUEUE_IQE, 0, 0);
}

static void queue_that_refuses_everything_is_dead(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .profile = "v6", .base = BASE, .include_all = true };
    uint64_t start, total;
    unsigned tails;
    struct udmar_fault_counts c;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &config);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    fill_caches(&f);
    model_set_hook(f.m, refuse_all, f.u);
    start = model_time(f.m);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_QUEUE);
    assert_true(model_time(f.m) - start < 2 * f.config.tunables.timeout_ns);
    assert_true(model_log_contains(f.m, "the invalidation queue is dead"));
    tails = model_stats(f.u)->iqt_writes;
    assert_int_equal(fixture_unmap(&f, IOVA + 4096), UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(f.u)->iqt_writes, tails);
    model_set_hook(f.m, NULL, NULL);
    /* Its error must not keep the unit from reporting faults. */
    udmar_fault_counts(f.instance, &c);
    total = c.total;
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    (void)model_deliver_interrupts(f.m);
    model_inject_fault(f.u, NIC, 5, 0x5000, true);
    assert_int_equal(model_deliver_interrupts(f.m), 1);
    udmar_fault_counts(f.instance, &c);
    assert_int_equal(c.total, total + 1);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* A device's late answer may still raise an error: that must not keep fault events away either. */
static void late_error_of_a_dead_queue_is_cleared(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .profile = "v6", .base = BASE, .include_all = true };
    struct udmar_unit *unit;
    unsigned tails;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &config);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    fill_caches(&f);
    model_set_hook(f.m, refuse_all, f.u);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_QUEUE);
    model_set_hook(f.m, NULL, NULL);
    model_inject_queue_error(f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    (void)model_deliver_interrupts(f.m);
    tails = model_stats(f.u)->iqt_writes;
    model_clear_log(f.m);
    model_poke32(f.u, FSTS, model_peek32(f.u, FSTS) | 0x30);
    (void)udmar_fault_poll(f.instance);
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    assert_true(unit->queue.state == QUEUE_FAILED);
    assert_in_range(model_stats(f.u)->iqt_writes, tails, tails + 1);
    assert_int_equal(model_peek32(f.u, 0x80), model_peek32(f.u, 0x88));
    assert_false(model_log_contains(f.m, "refused descriptor"));
    model_cache_drop_all(f.u); /* it was never told */
    fixture_close(&f);
}

/* Somebody has a ticket without a wait behind it when the queue dies: nothing is written for him.
 */
static void open_ticket_of_a_dead_queue(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .profile = "v6", .base = BASE, .include_all = true };
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket;
    unsigned tails;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &config);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    model_set_hook(f.m, refuse_all, f.u);
    assert_int_equal(udmar__invalidate(unit, &request, 1, false, &ticket), UDMAR_OK);
    udmar__queue_service(unit);
    udmar__queue_service(unit);
    model_set_hook(f.m, NULL, NULL);
    model_inject_queue_error(f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(unit->queue.state == QUEUE_FAILED);
    assert_true(udmar__queue_idle(&unit->queue));
    tails = model_stats(f.u)->iqt_writes;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_ERR_QUEUE);
    assert_false(udmar__queue_offer(unit, &request, &ticket));
    assert_int_equal(model_stats(f.u)->iqt_writes, tails);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(f.u)->iqt_writes, tails);
    fixture_close(&f);
}

/* Aborted waits for which there was no room in the ring are made up for later. */
static void covering_waits_for_room(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .base = BASE, .include_all = true };
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket = 0;
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
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    while (slots_left(&f) > 7) {
        assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    }
    assert_int_equal(udmar__queue_submit(unit, &request, 1, true, &ticket), UDMAR_OK);
    for (unsigned i = 0; !unit->queue.owes_cover; i++) {
        assert_true(i < 10);
        model_inject_queue_error(f.u, 1, MODEL_QUEUE_ITE, 0x1234, 0);
        (void)model_queue_step(f.u, 1);
        udmar__queue_service(unit);
        assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    assert_false(unit->queue.owes_cover);
    assert_false(cached(&f, IOVA));
    assert_int_equal(unit->counts.timeouts, 0);
    fixture_close(&f);
}

/* A queue that could not be switched off takes nothing more, but can still be stopped. */
static void queue_that_does_not_stop_is_used_no_more(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket, start;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar__queue_stop(unit), UDMAR_ERR_TIMEOUT);
    start = model_time(f.m);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_ERR_QUEUE);
    assert_true(model_time(f.m) - start < f.config.tunables.timeout_ns);
    model_release_waits(f.u);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | QIE), 0);
    fixture_close(&f);
}

/* Made anew, a queue has nothing open: neither an old ticket nor a wait that others rely on. */
static void new_queue_has_nothing_open(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket = 0;
    unsigned tails;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(udmar__invalidate(unit, &request, 1, false, &ticket), UDMAR_OK);
        assert_int_equal(udmar__invalidate_wait(unit, ticket), UDMAR_OK);
    }
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(udmar__queue_create(unit, 0), UDMAR_OK);
    assert_true(udmar__queue_idle(&unit->queue));
    assert_true(udmar__queue_reached(&unit->queue, ticket));
    assert_true(udmar__queue_done(unit, ticket));
    assert_false(udmar__queue_reached(&unit->queue, unit->queue.issued + 1));
    /* An error that is shown before it runs is nothing to repair. */
    model_poke32(f.u, FSTS, 0x10);
    tails = model_stats(f.u)->iqt_writes;
    udmar__queue_service(unit);
    assert_int_equal(model_stats(f.u)->iqt_writes, tails);
    model_poke32(f.u, FSTS, 0);
    udmar__queue_drop(unit);
    fixture_close(&f);
}

static void dead_hardware_ends_in_bounded_time(void **state)
{
    uint64_t start, end;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fixture_own_domain(&f);
    fill_caches(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    start = model_time(f.m);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_TIMEOUT);
    end = model_time(f.m);
    assert_in_range(end - start, f.config.tunables.timeout_ns, 3 * f.config.tunables.timeout_ns);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_ERR_TIMEOUT);
    /* Asking twice proves nothing: the tables stay as long as the unit may use them. */
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_ERR_TIMEOUT);
    assert_int_equal(fixture_write(&f, NIC, IOVA + 4096), MODEL_OK);
    assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_ERR_TIMEOUT);
    /* With translation off nobody uses them. */
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* Requests without waits until the driver believes that the ring is full; the unit is done with
 * all. */
static uint64_t fill_memory_of_queue(struct fixture *f)
{
    struct udmar__request request = page_request(f, IOVA);
    uint64_t last = 0, ticket;

    while ((ticket = udmar__queue_put_one(fixture_unit(f, 0), request.low, request.high, false)) !=
           0) {
        last = ticket;
    }
    return last;
}

/* The wait behind them needs a look at the hardware first. */
static void wait_when_memory_says_full(void **state)
{
    struct fixture f;
    uint64_t ticket;

    (void)state;
    fixture_open_nic(&f, "generic48");
    ticket = fill_memory_of_queue(&f);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), ticket), UDMAR_OK);
    assert_true(udmar__queue_done(fixture_unit(&f, 0), ticket));
    fixture_close(&f);
}

static void offers(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t ticket;

    (void)state;
    fixture_open_nic(&f, "generic48");
    request = page_request(&f, IOVA);
    (void)fill_memory_of_queue(&f);
    assert_true(udmar__queue_offer(fixture_unit(&f, 0), &request, &ticket));
    /* Full in truth. */
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned i = 0; udmar__queue_offer(fixture_unit(&f, 0), &request, &ticket); i++) {
        assert_true(i < 5000);
    }
    assert_true(model_queue_step(f.u, 5000) > 200);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    fixture_close(&f);
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.qi", "0");
    fixture_create(&f);
    fixture_start(&f);
    assert_false(udmar__queue_offer(fixture_unit(&f, 0), &request, &ticket));
    fixture_close(&f);
}

/* Waiters of a queue that has died are told so, whether their wait was on its way or not. */
static void dead_queue_tells_its_waiters(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t ticket, open;

    (void)state;
    fixture_open_nic(&f, "v6");
    fill_caches(&f);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_true(
        (open = udmar__queue_put_one(fixture_unit(&f, 0), request.low, request.high, false)) != 0);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_set_hook(f.m, refuse_all, f.u);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_QUEUE);
    assert_false(
        (ticket = udmar__queue_put_one(fixture_unit(&f, 0), request.low, request.high, true)) != 0);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), open), UDMAR_ERR_QUEUE);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), open + 1), UDMAR_ERR_QUEUE);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), open + 2), UDMAR_ERR_QUEUE);
    model_set_hook(f.m, NULL, NULL);
    udmar__queue_service(fixture_unit(&f, 0));
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* It died at a request that nobody had asked a wait for: whoever asks for one then is told. */
static void dead_queue_without_waits(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t ticket;
    unsigned errors, tails;

    (void)state;
    fixture_open_nic(&f, "v6");
    request = page_request(&f, IOVA);
    model_set_hook(f.m, refuse_all, f.u);
    assert_true((ticket = udmar__queue_put_one(fixture_unit(&f, 0), request.low, request.high,
                                               false)) != 0);
    for (unsigned i = 0; i < 3; i++) {
        udmar__queue_service(fixture_unit(&f, 0));
    }
    model_set_hook(f.m, NULL, NULL);
    model_inject_queue_error(f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(fixture_unit(&f, 0)->queue.state == QUEUE_FAILED);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), ticket), UDMAR_ERR_QUEUE);
    /* Nobody repairs what is dead; its errors go, and nothing is covered. */
    model_poke32(f.u, FSTS, 0x10);
    udmar__queue_service(fixture_unit(&f, 0));
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    errors = fixture_unit(&f, 0)->counts.queue_errors;
    tails = model_stats(f.u)->iqt_writes;
    fixture_unit(&f, 0)->queue.owes_cover = true;
    udmar__queue_service(fixture_unit(&f, 0));
    assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, errors);
    assert_int_equal(model_stats(f.u)->iqt_writes, tails);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* Interrupt entries are the widest there is of their kind, too. */
static void refused_interrupt_invalidation(void **state)
{
    const struct udmar__request request = udmar__interrupt_request_all();
    const struct model_unit_config config = { .base = BASE, .include_all = true, .ecap_set = 8 };
    uint64_t ticket;
    unsigned before;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, NULL, &config);
    fixture_create(&f);
    fixture_start(&f);
    before = model_stats(f.u)->iec;
    model_inject_queue_error(f.u, 1, MODEL_QUEUE_IQE, 0, 0);
    assert_int_equal(udmar__queue_submit(fixture_unit(&f, 0), &request, 1, true, &ticket),
                     UDMAR_OK);
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), ticket), UDMAR_OK);
    assert_int_equal(model_stats(f.u)->iec, before + 1);
    assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, 1);
    fixture_close(&f);
}

/* The same slot is refused again, much later: that is another error, and repaired as well. */
static void slot_that_is_refused_twice(void **state)
{
    struct udmar__request request;
    uint64_t ticket;
    uint32_t slot = UINT32_MAX;
    unsigned times = 0;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    request = page_request(&f, IOVA);
    for (unsigned i = 0; i < 700 && times < 2; i++) {
        if (slot == UINT32_MAX || fixture_unit(&f, 0)->queue.tail == slot) {
            slot = fixture_unit(&f, 0)->queue.tail;
            model_inject_queue_error(f.u, 1, MODEL_QUEUE_IQE, 0, 0);
            times++;
        }
        assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &ticket),
                         UDMAR_OK);
    }
    assert_int_equal(times, 2);
    assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, 2);
    assert_false(fixture_unit(&f, 0)->queue.state == QUEUE_FAILED);
    fixture_close(&f);
}

/* Two look at the same error: the second finds nothing to do. */
struct faster {
    struct udmar_unit *unit;
    unsigned calls;
};

static void service_first(void *context, struct model *m, enum model_event event)
{
    struct faster *faster = context;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && ++faster->calls == 1) {
        udmar__queue_service(faster->unit);
    }
}

static void two_repair_at_once(void **state)
{
    static const enum model_queue_error errors[] = { MODEL_QUEUE_IQE, MODEL_QUEUE_ITE };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct model_config machine = { .hold_interrupts = true };
        const struct model_unit_config config = { .base = BASE, .include_all = true };
        struct udmar__request request;
        struct faster faster = { .calls = 0 };
        uint64_t ticket;
        struct fixture f;

        fixture_machine_config(&f, &machine, &config);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        faster.unit = fixture_unit(&f, 0);
        request = page_request(&f, IOVA);
        model_inject_queue_error(f.u, 1, errors[n], 0x1234, MODEL_NEVER);
        assert_int_equal(udmar__queue_submit(faster.unit, &request, 1, true, &ticket), UDMAR_OK);
        model_set_hook(f.m, service_first, &faster);
        udmar__queue_service(faster.unit);
        model_set_hook(f.m, NULL, NULL);
        assert_true(faster.calls > 0);
        assert_int_equal(faster.unit->counts.queue_errors, 1);
        assert_int_equal(udmar__queue_wait(faster.unit, ticket), UDMAR_OK);
        fixture_close(&f);
    }
}

static void stopped_queue_leaves_nothing(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    fill_caches(&f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | QIE), 0);
    fixture_close(&f);
}

/* Between the look and the lock somebody else puts the wait that covers us: no second one. */
static void wait_first(void *context, struct model *m, enum model_event event)
{
    struct faster *faster = context;
    uint64_t unused;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && ++faster->calls == 1) {
        assert_int_equal(udmar__queue_submit(faster->unit, NULL, 0, true, &unused), UDMAR_OK);
    }
}

static void somebody_else_covers(void **state)
{
    struct udmar__request request;
    struct faster faster = { .calls = 0 };
    uint64_t ticket;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    faster.unit = fixture_unit(&f, 0);
    request = page_request(&f, IOVA);
    assert_int_equal(udmar__invalidate(faster.unit, &request, 1, false, &ticket), UDMAR_OK);
    model_set_hook(f.m, wait_first, &faster);
    assert_int_equal(udmar__queue_wait(faster.unit, ticket), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_int_equal(faster.calls, 1);
    assert_true(faster.unit->queue.issued == ticket);
    fixture_close(&f);
}

/* While another's wait is on its way, who comes later only looks: the lock is for those who write.
 */
struct looker {
    struct model_unit *unit;
    unsigned looks, locks;
};

static void look_on(void *context, struct model *m, enum model_event event)
{
    struct looker *looker = context;

    (void)m;
    looker->locks += event == MODEL_EVENT_ACQUIRE && looker->looks < 5;
    if (event == MODEL_EVENT_TIME && ++looker->looks == 5) {
        assert_true(model_queue_step(looker->unit, 5000) > 0);
        model_behaviour(looker->unit)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    }
}

static void who_waits_takes_no_lock(void **state)
{
    struct udmar__request request;
    struct looker looker = { .looks = 0 };
    struct udmar_unit *unit;
    uint64_t first, ticket;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    unit = fixture_unit(&f, 0);
    looker.unit = f.u;
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar__queue_submit(unit, &request, 1, true, &first), UDMAR_OK);
    assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    assert_true(ticket == first + 1);
    model_set_hook(f.m, look_on, &looker);
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(looker.looks >= 5);
    assert_int_equal(looker.locks, 0);
    fixture_close(&f);
}

/* ---- Registers in its place ------------------------------------------------------------------ */

static bool uses_queue(struct fixture *f)
{
    struct udmar_unit_status status;

    assert_int_equal(udmar_unit_status(f->instance, 0, &status), UDMAR_OK);
    assert_int_equal(status.uses_queue, (model_peek32(f->u, GSTS) & QIE) != 0);
    return status.uses_queue;
}

/* What was on its way when it died is confirmed by registers, and so is everything after it. */
static void registers_take_the_place_of_a_dead_queue(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t open;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fill_caches(&f);
    clear_leaf(&f, IOVA + 4096);
    request = page_request(&f, IOVA + 4096);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, false, &open), UDMAR_OK);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_set_hook(f.m, refuse_all, f.u);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(model_log_contains(f.m,
                                   "invalidation goes on by registers; what was in the queue is "
                                   "done"));
    assert_false(model_log_contains(f.m, "can no longer be ended"));
    assert_false(uses_queue(&f));
    assert_false(cached(&f, IOVA) || cached(&f, IOVA + 4096));
    assert_int_equal(udmar__queue_wait(fixture_unit(&f, 0), open), UDMAR_OK);
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), open));
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    (void)fixture_violated_only(&f, "queue disabled while");
    /* The next start tries the queue again. */
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_start(&f);
    assert_true(uses_queue(&f));
    fixture_close(&f);
}

/* It goes on, and not one wait comes to its end. */
static void queue_that_never_completes(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    fixture_start(&f);
    assert_false(uses_queue(&f));
    assert_true(model_log_contains(f.m, "translation is on, invalidation by registers"));
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_close(&f);
    /* Version 6 has nothing else: such a unit is left out. */
    fixture_machine(&f, "v6");
    fixture_create(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(model_stats(f.u)->by_register, 0);
    (void)fixture_violations(&f);
    fixture_abandon(&f);
}

/* It has worked and stops for good: each request is said not to be confirmed until registers are
 * used, and then all are. */
static void queue_that_stands_still_is_given_up(void **state)
{
    enum udmar_status status = UDMAR_ERR_TIMEOUT;
    struct udmar__request request;
    struct fixture f;
    uint64_t ticket, first = 0;
    unsigned times = 0;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fill_caches(&f);
    clear_leaf(&f, IOVA);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (; status != UDMAR_OK && times < 20; times++) {
        assert_int_equal(status, UDMAR_ERR_TIMEOUT);
        assert_true(cached(&f, IOVA));
        status = udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &ticket);
        first = times == 0 ? ticket : first;
    }
    assert_in_range(times, 5, 12);
    assert_false(uses_queue(&f));
    assert_false(cached(&f, IOVA));
    assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), first), UDMAR_OK);
    assert_int_equal(fixture_violations(&f), 0);
    assert_int_equal(fixture_unmap(&f, IOVA + 4096), UDMAR_OK);
    fixture_close(&f);
}

/* A dead queue that cannot be switched off: registers must not be used [VTD 6.5.1]. */
static void dead_queue_that_stays_on(void **state)
{
    struct udmar__request request;
    struct fixture f;
    uint64_t ticket;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fill_caches(&f);
    request = page_request(&f, IOVA);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    model_set_hook(f.m, refuse_all, f.u);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &ticket),
                     UDMAR_ERR_QUEUE);
    model_set_hook(f.m, NULL, NULL);
    model_inject_queue_error(f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(model_log_contains(f.m, "mappings can no longer be ended"));
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, &ticket),
                     UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(f.u)->by_register, 0);
    model_behaviour(f.u)->gsts_lag = 0;
    (void)fixture_violations(&f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | QIE), 0);
    (void)fixture_violations(&f);
    fixture_start(&f);
    assert_true(uses_queue(&f));
    fixture_close(&f);
}

/* ---- What stop leaves behind ----------------------------------------------------------------- */

static void stop_leaves_no_address_behind(void **state)
{
    static const char *const profiles[] = { "generic48", "v6", "rwbf", "cm" };
    static const uint32_t offsets[] = { 0x20, 0x24, 0x88, 0x90, 0x94 }; /* RTADDR, IQT, IQA */

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct fixture f;

        fixture_open_nic(&f, profiles[i]);
        assert_int_not_equal(model_peek32(f.u, 0x20), 0);
        model_clear_log(f.m);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        for (unsigned n = 0; n < 5; n++)
            assert_int_equal(model_peek32(f.u, offsets[n]), 0);
        assert_true(model_log_contains(f.m, "unit 0 is stopped: translation is off, the queue is "
                                            "off; its devices reach all memory"));
        fixture_close(&f);
    }
}

/* Off too late, and then there is no page for the next queue: registers, and no request is lost. */
static void queue_goes_off_late_and_there_is_no_page(void **state)
{
    static const char *const profiles[] = { "generic48", "v6" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f;

        fixture_open_nic(&f, profiles[i]);
        model_hang_wait(f.u, 3, true); /* TE goes off, the queue drains, QIE does not go off */
        assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
        model_release_waits(f.u);
        assert_int_equal(model_peek32(f.u, GSTS) & (TE | QIE), 0);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        assert_int_equal(udmar_start(f.instance), i == 0 ? UDMAR_OK : UDMAR_ERR_NO_UNIT);
        model_fail_host_call(f.m, 0, false);
        assert_false(uses_queue(&f));
        udmar_tick(f.instance);
        (void)udmar_fault_poll(f.instance);
        if (i == 0)
            assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        fixture_start(&f);
        assert_true(uses_queue(&f));
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_that_refuses_everything_is_dead),
        cmocka_unit_test(late_error_of_a_dead_queue_is_cleared),
        cmocka_unit_test(open_ticket_of_a_dead_queue),
        cmocka_unit_test(covering_waits_for_room),
        cmocka_unit_test(queue_that_does_not_stop_is_used_no_more),
        cmocka_unit_test(new_queue_has_nothing_open),
        cmocka_unit_test(dead_hardware_ends_in_bounded_time),
        cmocka_unit_test(wait_when_memory_says_full),
        cmocka_unit_test(offers),
        cmocka_unit_test(dead_queue_tells_its_waiters),
        cmocka_unit_test(dead_queue_without_waits),
        cmocka_unit_test(refused_interrupt_invalidation),
        cmocka_unit_test(slot_that_is_refused_twice),
        cmocka_unit_test(two_repair_at_once),
        cmocka_unit_test(somebody_else_covers),
        cmocka_unit_test(who_waits_takes_no_lock),
        cmocka_unit_test(stopped_queue_leaves_nothing),
        cmocka_unit_test(registers_take_the_place_of_a_dead_queue),
        cmocka_unit_test(queue_that_never_completes),
        cmocka_unit_test(queue_that_stands_still_is_given_up),
        cmocka_unit_test(dead_queue_that_stays_on),
        cmocka_unit_test(stop_leaves_no_address_behind),
        cmocka_unit_test(queue_goes_off_late_and_there_is_no_page),
    };

    return cmocka_run_group_tests_name("queue_life", tests, NULL, NULL);
}
