/* SPDX-License-Identifier: BSD-2-Clause */
/* The invalidation queue's end: dead, stopped, not to be stopped, and made anew. */
#include "support.h"

#include "unit/queue.h"

#define PAGES 4u

static void fill_caches(struct rig *r)
{
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(rig_map(r, IOVA + i * 4096, r->page), UDMAR_OK);
        assert_true(rig_reaches(r, NIC, IOVA + i * 4096, r->page));
    }
}

static bool cached(struct rig *r, uint64_t iova)
{
    return model_translate_cached(r->m, 0, NIC, iova, true).result == MODEL_OK;
}

static void clear_leaf(struct rig *r, uint64_t iova)
{
    struct udmar_walk_step steps[5];
    unsigned count = udmar_domain_walk(udmar_device_domain(r->nic), iova, steps);

    model_publish64(r->m, steps[count - 1].table + 8 * steps[count - 1].index, 0);
}

static struct udmar__request page_request(struct rig *r, uint64_t iova)
{
    struct udmar_domain_info info;

    udmar_domain_info(udmar_device_domain(r->nic), &info);
    return udmar__iotlb_request(rig_unit(r, 0), GRAN_SELECTIVE, info.domain_id, iova, 0, true);
}

static uint32_t slots_left(struct rig *r)
{
    return ((model_peek32(r->u, 0x80) - model_peek32(r->u, 0x88)) / 16 - 1) & 255;
}

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
    const struct model_unit_config config = { .base = BASE, .include_all = true };
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
    const struct model_unit_config config = { .base = BASE, .include_all = true };
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
    assert_true(unit->queue.failed);
    assert_in_range(model_stats(r.u)->iqt_writes, tails, tails + 1);
    assert_int_equal(model_peek32(r.u, 0x80), model_peek32(r.u, 0x88));
    assert_false(model_log_contains(r.m, "refused descriptor"));
    rig_close(&r);
}

/* Somebody has a ticket without a wait behind it when the queue dies: nothing is written for him.
 */
static void open_ticket_of_a_dead_queue(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config config = { .base = BASE, .include_all = true };
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
    assert_true(unit->queue.failed);
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
    while (slots_left(&r) > 6) {
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
    udmar__queue_destroy(unit);
    rig_close(&r);
}

static void dead_hardware_ends_in_bounded_time(void **state)
{
    uint64_t start, end;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
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
        cmocka_unit_test(stopped_queue_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
