/* SPDX-License-Identifier: BSD-2-Clause */
/* The invalidation queue's end: dead, stopped, not to be stopped, and made anew. */
#include "queue_scene.h"

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
    struct rig r;

    (void)state;
    rig_machine_config(&r, &machine, &config);
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    fill_caches(&r);
    model_set_hook(r.m, refuse_all, r.u);
    start = model_time(r.m);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_QUEUE);
    assert_true(model_time(r.m) - start < 2 * r.config.tunables.timeout_ns);
    assert_true(model_log_contains(r.m, "the invalidation queue is dead"));
    tails = model_stats(r.u)->iqt_writes;
    assert_int_equal(rig_unmap(&r, IOVA + 4096), UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(r.u)->iqt_writes, tails);
    model_set_hook(r.m, NULL, NULL);
    /* Its error must not keep the unit from reporting faults. */
    udmar_fault_counts(r.d, &c);
    total = c.total;
    assert_int_equal(model_peek32(r.u, FSTS) & 0x70, 0);
    (void)model_deliver_interrupts(r.m);
    model_inject_fault(r.u, NIC, 5, 0x5000, true);
    assert_int_equal(model_deliver_interrupts(r.m), 1);
    udmar_fault_counts(r.d, &c);
    assert_int_equal(c.total, total + 1);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_close(&r);
}

/* A device's late answer may still raise an error: that must not keep fault events away either. */
static void late_error_of_a_dead_queue_is_cleared(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .profile = "v6", .base = BASE, .include_all = true };
    struct udmar_unit *unit;
    unsigned tails;
    struct rig r;

    (void)state;
    rig_machine_config(&r, &machine, &config);
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    unit = rig_unit(&r, 0);
    fill_caches(&r);
    model_set_hook(r.m, refuse_all, r.u);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_QUEUE);
    model_set_hook(r.m, NULL, NULL);
    model_inject_queue_error(r.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    (void)model_deliver_interrupts(r.m);
    tails = model_stats(r.u)->iqt_writes;
    model_clear_log(r.m);
    model_poke32(r.u, FSTS, model_peek32(r.u, FSTS) | 0x30);
    (void)udmar_fault_poll(r.d);
    assert_int_equal(model_peek32(r.u, FSTS) & 0x70, 0);
    assert_true(unit->queue.state == QUEUE_FAILED);
    assert_in_range(model_stats(r.u)->iqt_writes, tails, tails + 1);
    assert_int_equal(model_peek32(r.u, 0x80), model_peek32(r.u, 0x88));
    assert_false(model_log_contains(r.m, "refused descriptor"));
    model_cache_drop_all(r.u); /* it was never told */
    rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_machine_config(&r, &machine, &config);
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    unit = rig_unit(&r, 0);
    request = page_request(&r, IOVA);
    model_set_hook(r.m, refuse_all, r.u);
    assert_int_equal(udmar__invalidate(unit, &request, 1, false, &ticket), UDMAR_OK);
    udmar__queue_service(unit);
    udmar__queue_service(unit);
    model_set_hook(r.m, NULL, NULL);
    model_inject_queue_error(r.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(unit->queue.state == QUEUE_FAILED);
    assert_true(udmar__queue_idle(&unit->queue));
    tails = model_stats(r.u)->iqt_writes;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_ERR_QUEUE);
    assert_false(udmar__queue_offer(unit, &request, &ticket));
    assert_int_equal(model_stats(r.u)->iqt_writes, tails);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(r.u)->iqt_writes, tails);
    rig_close(&r);
}

/* Aborted waits for which there was no room in the ring are made up for later. */
static void covering_waits_for_room(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .base = BASE, .include_all = true };
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket = 0;
    struct rig r;

    (void)state;
    rig_machine_config(&r, &machine, &config);
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    unit = rig_unit(&r, 0);
    fill_caches(&r);
    clear_leaf(&r, IOVA);
    request = page_request(&r, IOVA);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    while (slots_left(&r) > 7) {
        assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    }
    assert_int_equal(udmar__queue_submit(unit, &request, 1, true, &ticket), UDMAR_OK);
    for (unsigned i = 0; !unit->queue.owes_cover; i++) {
        assert_true(i < 10);
        model_inject_queue_error(r.u, 1, MODEL_QUEUE_ITE, 0x1234, 0);
        (void)model_queue_step(r.u, 1);
        udmar__queue_service(unit);
        assert_int_equal(model_peek32(r.u, FSTS) & 0x70, 0);
    }
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    assert_false(unit->queue.owes_cover);
    assert_false(cached(&r, IOVA));
    assert_int_equal(unit->counts.timeouts, 0);
    rig_close(&r);
}

/* A queue that could not be switched off takes nothing more, but can still be stopped. */
static void queue_that_does_not_stop_is_used_no_more(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket, start;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    unit = rig_unit(&r, 0);
    request = page_request(&r, IOVA);
    model_hang_wait(r.u, 1, true);
    assert_int_equal(udmar__queue_stop(unit), UDMAR_ERR_TIMEOUT);
    start = model_time(r.m);
    assert_int_equal(udmar__invalidate(unit, &request, 1, true, &ticket), UDMAR_ERR_QUEUE);
    assert_true(model_time(r.m) - start < r.config.tunables.timeout_ns);
    model_release_waits(r.u);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(model_peek32(r.u, GSTS) & (TE | QIE), 0);
    rig_close(&r);
}

/* Made anew, a queue has nothing open: neither an old ticket nor a wait that others rely on. */
static void new_queue_has_nothing_open(void **state)
{
    struct udmar__request request;
    struct udmar_unit *unit;
    uint64_t ticket = 0;
    unsigned tails;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    unit = rig_unit(&r, 0);
    request = page_request(&r, IOVA);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(udmar__invalidate(unit, &request, 1, false, &ticket), UDMAR_OK);
        assert_int_equal(udmar__invalidate_wait(unit, ticket), UDMAR_OK);
    }
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(udmar__queue_create(unit, 0), UDMAR_OK);
    assert_true(udmar__queue_idle(&unit->queue));
    assert_true(udmar__queue_reached(&unit->queue, ticket));
    assert_true(udmar__queue_done(unit, ticket));
    assert_false(udmar__queue_reached(&unit->queue, unit->queue.issued + 1));
    /* An error that is shown before it runs is nothing to repair. */
    model_poke32(r.u, FSTS, 0x10);
    tails = model_stats(r.u)->iqt_writes;
    udmar__queue_service(unit);
    assert_int_equal(model_stats(r.u)->iqt_writes, tails);
    model_poke32(r.u, FSTS, 0);
    udmar__queue_drop(unit);
    rig_close(&r);
}

static void dead_hardware_ends_in_bounded_time(void **state)
{
    uint64_t start, end;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    rig_own_domain(&r);
    fill_caches(&r);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    start = model_time(r.m);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_TIMEOUT);
    end = model_time(r.m);
    assert_in_range(end - start, r.config.tunables.timeout_ns, 3 * r.config.tunables.timeout_ns);
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_ERR_TIMEOUT);
    /* Asking twice proves nothing: the tables stay as long as the unit may use them. */
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_ERR_TIMEOUT);
    assert_int_equal(rig_write(&r, NIC, IOVA + 4096), MODEL_OK);
    assert_int_equal(model_stats(r.u)->dma_to_freed, 0);
    assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_BLOCKED), UDMAR_ERR_TIMEOUT);
    /* With translation off nobody uses them. */
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_close(&r);
}

/* Requests without waits until the driver believes that the ring is full; the unit is done with
 * all. */
static uint64_t fill_memory_of_queue(struct rig *r)
{
    struct udmar__request request = page_request(r, IOVA);
    uint64_t last = 0, ticket;

    while ((ticket = udmar__queue_put_one(rig_unit(r, 0), request.low, request.high, false)) != 0) {
        last = ticket;
    }
    return last;
}

/* The wait behind them needs a look at the hardware first. */
static void wait_when_memory_says_full(void **state)
{
    struct rig r;
    uint64_t ticket;

    (void)state;
    rig_open(&r, "generic48");
    ticket = fill_memory_of_queue(&r);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), ticket), UDMAR_OK);
    assert_true(udmar__queue_done(rig_unit(&r, 0), ticket));
    rig_close(&r);
}

static void offers(void **state)
{
    struct udmar__request request;
    struct rig r;
    uint64_t ticket;

    (void)state;
    rig_open(&r, "generic48");
    request = page_request(&r, IOVA);
    (void)fill_memory_of_queue(&r);
    assert_true(udmar__queue_offer(rig_unit(&r, 0), &request, &ticket));
    /* Full in truth. */
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned i = 0; udmar__queue_offer(rig_unit(&r, 0), &request, &ticket); i++) {
        assert_true(i < 5000);
    }
    assert_true(model_queue_step(r.u, 5000) > 200);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    rig_close(&r);
    rig_machine(&r, "generic48");
    rig_tune(&r, "hw.dmar.qi", "0");
    rig_create(&r);
    rig_start(&r);
    assert_false(udmar__queue_offer(rig_unit(&r, 0), &request, &ticket));
    rig_close(&r);
}

/* Waiters of a queue that has died are told so, whether their wait was on its way or not. */
static void dead_queue_tells_its_waiters(void **state)
{
    struct udmar__request request;
    struct rig r;
    uint64_t ticket, open;

    (void)state;
    rig_open(&r, "v6");
    fill_caches(&r);
    request = page_request(&r, IOVA);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_true((open = udmar__queue_put_one(rig_unit(&r, 0), request.low, request.high, false)) !=
                0);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_set_hook(r.m, refuse_all, r.u);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_QUEUE);
    assert_false(
        (ticket = udmar__queue_put_one(rig_unit(&r, 0), request.low, request.high, true)) != 0);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), open), UDMAR_ERR_QUEUE);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), open + 1), UDMAR_ERR_QUEUE);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), open + 2), UDMAR_ERR_QUEUE);
    model_set_hook(r.m, NULL, NULL);
    udmar__queue_service(rig_unit(&r, 0));
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_close(&r);
}

/* It died at a request that nobody had asked a wait for: whoever asks for one then is told. */
static void dead_queue_without_waits(void **state)
{
    struct udmar__request request;
    struct rig r;
    uint64_t ticket;
    unsigned errors, tails;

    (void)state;
    rig_open(&r, "v6");
    request = page_request(&r, IOVA);
    model_set_hook(r.m, refuse_all, r.u);
    assert_true(
        (ticket = udmar__queue_put_one(rig_unit(&r, 0), request.low, request.high, false)) != 0);
    for (unsigned i = 0; i < 3; i++) {
        udmar__queue_service(rig_unit(&r, 0));
    }
    model_set_hook(r.m, NULL, NULL);
    model_inject_queue_error(r.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(rig_unit(&r, 0)->queue.state == QUEUE_FAILED);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), ticket), UDMAR_ERR_QUEUE);
    /* Nobody repairs what is dead; its errors go, and nothing is covered. */
    model_poke32(r.u, FSTS, 0x10);
    udmar__queue_service(rig_unit(&r, 0));
    assert_int_equal(model_peek32(r.u, FSTS) & 0x70, 0);
    errors = rig_unit(&r, 0)->counts.queue_errors;
    tails = model_stats(r.u)->iqt_writes;
    rig_unit(&r, 0)->queue.owes_cover = true;
    udmar__queue_service(rig_unit(&r, 0));
    assert_int_equal(rig_unit(&r, 0)->counts.queue_errors, errors);
    assert_int_equal(model_stats(r.u)->iqt_writes, tails);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_close(&r);
}

/* Interrupt entries are the widest there is of their kind, too. */
static void refused_interrupt_invalidation(void **state)
{
    const struct udmar__request request = udmar__interrupt_request_all();
    const struct model_unit_config config = { .base = BASE, .include_all = true, .ecap_set = 8 };
    uint64_t ticket;
    unsigned before;
    struct rig r;

    (void)state;
    rig_machine_config(&r, NULL, &config);
    rig_create(&r);
    rig_start(&r);
    before = model_stats(r.u)->iec;
    model_inject_queue_error(r.u, 1, MODEL_QUEUE_IQE, 0, 0);
    assert_int_equal(udmar__queue_submit(rig_unit(&r, 0), &request, 1, true, &ticket), UDMAR_OK);
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), ticket), UDMAR_OK);
    assert_int_equal(model_stats(r.u)->iec, before + 1);
    assert_int_equal(rig_unit(&r, 0)->counts.queue_errors, 1);
    rig_close(&r);
}

/* The same slot is refused again, much later: that is another error, and repaired as well. */
static void slot_that_is_refused_twice(void **state)
{
    struct udmar__request request;
    uint64_t ticket;
    uint32_t slot = UINT32_MAX;
    unsigned times = 0;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    request = page_request(&r, IOVA);
    for (unsigned i = 0; i < 700 && times < 2; i++) {
        if (slot == UINT32_MAX || rig_unit(&r, 0)->queue.tail == slot) {
            slot = rig_unit(&r, 0)->queue.tail;
            model_inject_queue_error(r.u, 1, MODEL_QUEUE_IQE, 0, 0);
            times++;
        }
        assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &request, 1, true, &ticket), UDMAR_OK);
    }
    assert_int_equal(times, 2);
    assert_int_equal(rig_unit(&r, 0)->counts.queue_errors, 2);
    assert_false(rig_unit(&r, 0)->queue.state == QUEUE_FAILED);
    rig_close(&r);
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
        struct rig r;

        rig_machine_config(&r, &machine, &config);
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, NIC);
        faster.unit = rig_unit(&r, 0);
        request = page_request(&r, IOVA);
        model_inject_queue_error(r.u, 1, errors[n], 0x1234, MODEL_NEVER);
        assert_int_equal(udmar__queue_submit(faster.unit, &request, 1, true, &ticket), UDMAR_OK);
        model_set_hook(r.m, service_first, &faster);
        udmar__queue_service(faster.unit);
        model_set_hook(r.m, NULL, NULL);
        assert_true(faster.calls > 0);
        assert_int_equal(faster.unit->counts.queue_errors, 1);
        assert_int_equal(udmar__queue_wait(faster.unit, ticket), UDMAR_OK);
        rig_close(&r);
    }
}

static void stopped_queue_leaves_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    fill_caches(&r);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(model_peek32(r.u, GSTS) & (TE | QIE), 0);
    rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    faster.unit = rig_unit(&r, 0);
    request = page_request(&r, IOVA);
    assert_int_equal(udmar__invalidate(faster.unit, &request, 1, false, &ticket), UDMAR_OK);
    model_set_hook(r.m, wait_first, &faster);
    assert_int_equal(udmar__queue_wait(faster.unit, ticket), UDMAR_OK);
    model_set_hook(r.m, NULL, NULL);
    assert_int_equal(faster.calls, 1);
    assert_true(faster.unit->queue.issued == ticket);
    rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    unit = rig_unit(&r, 0);
    looker.unit = r.u;
    request = page_request(&r, IOVA);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar__queue_submit(unit, &request, 1, true, &first), UDMAR_OK);
    assert_int_equal(udmar__queue_submit(unit, &request, 1, false, &ticket), UDMAR_OK);
    assert_true(ticket == first + 1);
    model_set_hook(r.m, look_on, &looker);
    assert_int_equal(udmar__queue_wait(unit, ticket), UDMAR_OK);
    model_set_hook(r.m, NULL, NULL);
    assert_true(looker.looks >= 5);
    assert_int_equal(looker.locks, 0);
    rig_close(&r);
}

/* ---- Registers in its place ------------------------------------------------------------------ */

static bool uses_queue(struct rig *r)
{
    struct udmar_unit_status status;

    assert_int_equal(udmar_unit_status(r->d, 0, &status), UDMAR_OK);
    assert_int_equal(status.uses_queue, (model_peek32(r->u, GSTS) & QIE) != 0);
    return status.uses_queue;
}

/* What was on its way when it died is confirmed by registers, and so is everything after it. */
static void registers_take_the_place_of_a_dead_queue(void **state)
{
    struct udmar__request request;
    struct rig r;
    uint64_t open;

    (void)state;
    rig_open(&r, "generic48");
    fill_caches(&r);
    clear_leaf(&r, IOVA + 4096);
    request = page_request(&r, IOVA + 4096);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &request, 1, false, &open), UDMAR_OK);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_set_hook(r.m, refuse_all, r.u);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    model_set_hook(r.m, NULL, NULL);
    assert_true(model_log_contains(r.m,
                                   "invalidation goes on by registers; what was in the queue is "
                                   "done"));
    assert_false(model_log_contains(r.m, "can no longer be ended"));
    assert_false(uses_queue(&r));
    assert_false(cached(&r, IOVA) || cached(&r, IOVA + 4096));
    assert_int_equal(udmar__queue_wait(rig_unit(&r, 0), open), UDMAR_OK);
    assert_true(udmar__invalidate_done(rig_unit(&r, 0), open));
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    (void)rig_violated_only(&r, "queue disabled while");
    /* The next start tries the queue again. */
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_start(&r);
    assert_true(uses_queue(&r));
    rig_close(&r);
}

/* It goes on, and not one wait comes to its end. */
static void queue_that_never_completes(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_create(&r);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    rig_start(&r);
    assert_false(uses_queue(&r));
    assert_true(model_log_contains(r.m, "translation is on, invalidation by registers"));
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(rig_violations(&r), 0);
    rig_close(&r);
    /* Version 6 has nothing else: such a unit is left out. */
    rig_machine(&r, "v6");
    rig_create(&r);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_int_equal(model_stats(r.u)->by_register, 0);
    (void)rig_violations(&r);
    rig_abandon(&r);
}

/* It has worked and stops for good: each request is said not to be confirmed until registers are
 * used, and then all are. */
static void queue_that_stands_still_is_given_up(void **state)
{
    enum udmar_status status = UDMAR_ERR_TIMEOUT;
    struct udmar__request request;
    struct rig r;
    uint64_t ticket, first = 0;
    unsigned times = 0;

    (void)state;
    rig_open(&r, "generic48");
    fill_caches(&r);
    clear_leaf(&r, IOVA);
    request = page_request(&r, IOVA);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (; status != UDMAR_OK && times < 20; times++) {
        assert_int_equal(status, UDMAR_ERR_TIMEOUT);
        assert_true(cached(&r, IOVA));
        status = udmar__invalidate(rig_unit(&r, 0), &request, 1, true, &ticket);
        first = times == 0 ? ticket : first;
    }
    assert_in_range(times, 5, 12);
    assert_false(uses_queue(&r));
    assert_false(cached(&r, IOVA));
    assert_int_equal(udmar__invalidate_wait(rig_unit(&r, 0), first), UDMAR_OK);
    assert_int_equal(rig_violations(&r), 0);
    assert_int_equal(rig_unmap(&r, IOVA + 4096), UDMAR_OK);
    rig_close(&r);
}

/* A dead queue that cannot be switched off: registers must not be used [VTD 6.5.1]. */
static void dead_queue_that_stays_on(void **state)
{
    struct udmar__request request;
    struct rig r;
    uint64_t ticket;

    (void)state;
    rig_open(&r, "generic48");
    fill_caches(&r);
    request = page_request(&r, IOVA);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    model_set_hook(r.m, refuse_all, r.u);
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &request, 1, true, &ticket),
                     UDMAR_ERR_QUEUE);
    model_set_hook(r.m, NULL, NULL);
    model_inject_queue_error(r.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    assert_true(model_log_contains(r.m, "mappings can no longer be ended"));
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &request, 1, true, &ticket),
                     UDMAR_ERR_QUEUE);
    assert_int_equal(model_stats(r.u)->by_register, 0);
    model_behaviour(r.u)->gsts_lag = 0;
    (void)rig_violations(&r);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(model_peek32(r.u, GSTS) & (TE | QIE), 0);
    (void)rig_violations(&r);
    rig_start(&r);
    assert_true(uses_queue(&r));
    rig_close(&r);
}

/* ---- What stop leaves behind ----------------------------------------------------------------- */

static void stop_leaves_no_address_behind(void **state)
{
    static const char *const profiles[] = { "generic48", "v6", "rwbf", "cm" };
    static const uint32_t offsets[] = { 0x20, 0x24, 0x88, 0x90, 0x94 }; /* RTADDR, IQT, IQA */

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;

        rig_open(&r, profiles[i]);
        assert_int_not_equal(model_peek32(r.u, 0x20), 0);
        model_clear_log(r.m);
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        for (unsigned n = 0; n < 5; n++)
            assert_int_equal(model_peek32(r.u, offsets[n]), 0);
        assert_true(model_log_contains(r.m, "unit 0 is stopped: translation is off, the queue is "
                                            "off; its devices reach all memory"));
        rig_close(&r);
    }
}

/* Off too late, and then there is no page for the next queue: registers, and no request is lost. */
static void queue_goes_off_late_and_there_is_no_page(void **state)
{
    static const char *const profiles[] = { "generic48", "v6" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig r;

        rig_open(&r, profiles[i]);
        model_hang_wait(r.u, 3, true); /* TE goes off, the queue drains, QIE does not go off */
        assert_int_equal(udmar_stop(r.d), UDMAR_ERR_TIMEOUT);
        model_release_waits(r.u);
        assert_int_equal(model_peek32(r.u, GSTS) & (TE | QIE), 0);
        model_fail_host_calls_of(r.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        assert_int_equal(udmar_start(r.d), i == 0 ? UDMAR_OK : UDMAR_ERR_NO_UNIT);
        model_fail_host_call(r.m, 0, false);
        assert_false(uses_queue(&r));
        udmar_tick(r.d);
        (void)udmar_fault_poll(r.d);
        if (i == 0)
            assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        rig_start(&r);
        assert_true(uses_queue(&r));
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        rig_close(&r);
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
