/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that come as fast as they are read or faster, change their pace or come just when all is
 * clear, a unit that dies among them, two who read at a time: whoever reads them out comes to an
 * end, and the unit is heard again afterwards.
 */
#include "fixture/fault.h"

/* ---- Storms that change ---------------------------------------------------------------------- */

/*
 * Faults as fast as they are read (four registers each), so that they never overflow, up to a
 * moment; then so many at once, another one later, and others at another pace.
 */
struct change {
    struct model_unit *u;
    unsigned handler; /* the first that runs; the next meets no more */
    unsigned events, reads;
    unsigned when, burst, later, pace; /* pace 0: no more */
};

static void change_pace(void *context, struct model *m, enum model_event event)
{
    struct change *c = context;
    unsigned faults = 0;

    if (c->events == 0)
        c->handler = model_interrupts(m);
    if (model_interrupts(m) != c->handler)
        return;
    c->events++;
    if (c->events < c->when)
        faults = event == MODEL_EVENT_READ && ++c->reads % 4 == 0;
    else if (c->events == c->when)
        faults = c->burst;
    else
        faults = c->events == c->when + c->later || (c->pace != 0 && c->events % c->pace == 0);
    for (unsigned i = 0; i < faults; i++)
        model_inject_fault(c->u, NIC, 5, 0x9000, true);
}

/* Such a storm from its beginning at another record each time; how many moments it had. */
static unsigned change_at(unsigned before, struct change change)
{
    uint64_t total;
    struct fixture f;

    open_held(&f, "generic48");
    change.u = f.u;
    inject(&f, before);
    assert_int_equal(model_deliver_interrupts(f.m), 1);
    total = counts(&f).total;
    inject(&f, 1);
    model_set_hook(f.m, change_pace, &change);
    assert_in_range(model_deliver_interrupts(f.m), 1, 2);
    model_set_hook(f.m, NULL, NULL);
    assert_true(counts(&f).total - total >= 128);
    assert_ready(&f);
    fixture_close(&f);
    return change.events;
}

/* The drain gives up on faults that come too fast, and they change while it does: not silent. */
static void faults_that_change_while_they_are_given_up(void **state)
{
    (void)state;
    for (unsigned before = 1; before <= 8; before += 3) {
        unsigned events = change_at(before, (struct change){ .when = UINT32_MAX });

        for (unsigned back = 0; back < 40; back++) {
            (void)change_at(before, (struct change){ .when = events - back, .burst = 1 });
            (void)change_at(before, (struct change){ .when = events - back, .burst = 20 });
        }
        for (unsigned later = 1; later < 60; later++)
            (void)change_at(before, (struct change){ .when = events - 60, .later = later });
        for (unsigned pace = 1; pace < 30; pace++)
            (void)change_at(before, (struct change){ .when = events - 60, .pace = pace });
    }
}

/* Without an end, at any pace: when the drain has given up, the next fault makes an interrupt. */
static void unit_is_not_silent_after_faults_at_any_pace(void **state)
{
    static const struct {
        const char *profile;
        unsigned records;
    } units[] = { { "generic48", 8 }, { "two-level", 4 }, { "rwbf", 1 }, { "bigwindow", 128 } };

    (void)state;
    for (unsigned n = 0; n < 4 * 30; n++) {
        struct change storm = { .pace = 1 + n / 4 };
        struct fixture f;

        open_with_records(&f, units[n % 4].profile, units[n % 4].records);
        storm.u = f.u;
        inject(&f, 1);
        model_set_hook(f.m, change_pace, &storm);
        assert_in_range(model_deliver_interrupts(f.m), 1, 2);
        model_set_hook(f.m, NULL, NULL);
        assert_true(counts(&f).total < 17 * units[n % 4].records + 20);
        assert_ready(&f);
        fixture_close(&f);
    }
}

/* ---- Storms that never overflow -------------------------------------------------------------- */

#define MOST 400u /* faults that are there to come */

struct storm {
    struct model_unit *u;
    unsigned left, events;
    unsigned dies; /* at this event; 0: never */
    unsigned late; /* writes to the dead unit */
};

/* The next one comes as soon as nothing is pending any more. */
static void when_all_is_clear(void *context, struct model *m, enum model_event event)
{
    struct storm *s = context;

    if (event != MODEL_EVENT_READ && event != MODEL_EVENT_WRITTEN)
        return;
    s->late += event == MODEL_EVENT_WRITTEN && model_behaviour(s->u)->all_ones;
    s->events++;
    if (s->events == s->dies)
        model_behaviour(s->u)->all_ones = true;
    if (event == MODEL_EVENT_WRITTEN && s->left > 0 && !model_behaviour(s->u)->all_ones &&
        (model_peek32(s->u, FSTS) & 0xff) == 0) {
        s->left--;
        model_inject_fault(s->u, NIC, 5, IOVA, true);
    }
    (void)m;
}

/* One poll of a storm; the unit is as it was before, and can be heard. */
static struct storm poll_once(unsigned dies)
{
    struct storm storm = { .left = MOST, .dies = dies };
    struct udmar_fault fault;
    uint64_t before;
    struct fixture f;

    open_held(&f, "generic48");
    storm.u = f.u;
    model_inject_fault(f.u, NIC, 5, IOVA, true);
    model_set_hook(f.m, when_all_is_clear, &storm);
    (void)udmar_fault_poll(f.instance);
    model_set_hook(f.m, NULL, NULL);
    model_behaviour(f.u)->all_ones = false;
    (void)model_deliver_interrupts(f.m);
    (void)udmar_fault_poll(f.instance);
    assert_int_equal(model_peek32(f.u, FSTS) & 0xff, 0);
    before = counts(&f).total;
    model_inject_fault(f.u, NIC, 5, IOVA, true);
    assert_int_equal(model_deliver_interrupts(f.m), 1);
    assert_int_equal(counts(&f).total, before + 1);
    for (uint64_t n = 0; udmar_fault_next(f.instance, n, &fault); n = fault.sequence) {
        assert_int_equal(fault.rid, NIC);
        assert_int_equal(fault.reason, 5);
    }
    fixture_close(&f);
    return storm;
}

/* A unit that always has one more is left at last, and its next event is not lost. */
static void storm_that_never_overflows(void **state)
{
    struct storm storm = poll_once(0);

    (void)state;
    /* 16 times all 8 records read, and as many more discarded: then the storm goes on alone. */
    assert_in_range(MOST - storm.left, 16 * 8, 2 * 16 * 8);
}

/* Whoever discards notices by the status, and leaves the unit alone: not at each moment, but soon.
 */
static void unit_that_dies_in_a_storm(void **state)
{
    unsigned events = poll_once(0).events;
    unsigned noticed = 0;

    (void)state;
    for (unsigned n = 1; n <= events; n++) {
        struct storm storm = poll_once(n);

        assert_true(storm.events < events + 64);
        /* All in the second half of what is read and written, but for the very end. */
        if (n > events * 3 / 4 && n + 2 * 9 < events) {
            assert_true(storm.late <= 9);
            noticed += storm.late == 0;
        }
    }
    assert_true(noticed > 0);
}

/* ---- Two at a time --------------------------------------------------------------------------- */

/* A fault with its interrupt, at one moment of another drain. */
struct second {
    struct fixture *f;
    unsigned moments, when;
    bool first, left; /* the first was at work; and it was left to him */
};

static void come_in(struct second *second)
{
    uint64_t total = second->f->instance->faults.total; /* its lock may be taken */

    if (++second->moments != second->when)
        return;
    second->first = fixture_unit(second->f, 0)->drains != 0;
    model_inject_fault(second->f->u, NIC, 5, 0xb000, true);
    (void)udmar_fault_poll(second->f->instance);
    second->left = second->f->instance->faults.total == total;
}

static void come_in_at_calls(void *context, struct model *m, enum model_event event)
{
    (void)m;
    (void)event;
    come_in(context);
}

static void come_in_at_steps(void *context, struct model *m)
{
    (void)m;
    come_in(context);
}

/* False: the drain had come to its end before that moment. In steps it finds nothing before. */
static bool drain_with_a_second(unsigned when, bool steps, struct second *second)
{
    unsigned found = steps ? 0 : 2;
    uint64_t total;
    struct fixture f;

    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.qi", "0"); /* whose service would be behind the drain */
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    /* So many that those which follow are not printed: that takes long in single steps. */
    inject(&f, 8);
    total = counts(&f).total;
    /* Something to read that no interrupt has been made for. */
    model_behaviour(f.u)->all_ones = true;
    inject(&f, found);
    model_behaviour(f.u)->all_ones = false;
    *second = (struct second){ .f = &f, .when = when };
    if (steps)
        model_step_begin(f.m, come_in_at_steps, second);
    else
        model_set_hook(f.m, come_in_at_calls, second);
    (void)udmar_fault_poll(f.instance);
    if (steps)
        model_step_end(f.m);
    else
        model_set_hook(f.m, NULL, NULL);
    if (second->moments >= when) {
        assert_int_equal(second->first, second->left);
        assert_int_equal(counts(&f).total, total + found + 1);
        assert_ready(&f);
    }
    fixture_close(&f);
    return second->moments >= when;
}

/* Who finds another at work leaves it to him, even if that one was about to go. */
static void second_drain_leaves_it_to_the_first(void **state)
{
    struct second second;
    unsigned left = 0, all;

    (void)state;
    for (unsigned when = 1; drain_with_a_second(when, false, &second); when++)
        left += second.first;
    assert_true(left > 10);
    /* Behind its last look there is no call any more, but there are instructions. */
    (void)drain_with_a_second(UINT32_MAX, true, &second);
    all = second.moments;
    assert_true(drain_with_a_second(all, true, &second));
    assert_true(second.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_that_change_while_they_are_given_up),
        cmocka_unit_test(unit_is_not_silent_after_faults_at_any_pace),
        cmocka_unit_test(storm_that_never_overflows),
        cmocka_unit_test(unit_that_dies_in_a_storm),
        cmocka_unit_test(second_drain_leaves_it_to_the_first),
    };

    return cmocka_run_group_tests_name("fault_log_storms", tests, NULL, NULL);
}
