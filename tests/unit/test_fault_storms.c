/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults that come just when all is clear, without ever overflowing, and a unit that dies among
 * them: whoever reads them out comes to an end, and the unit is heard again afterwards.
 */
#include "support.h"

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

static uint64_t total(struct rig *r)
{
    struct udmar_fault_counts counts;

    udmar_fault_counts(r->d, &counts);
    return counts.total;
}

/* One poll of a storm; the unit is as it was before, and can be heard. */
static struct storm poll_once(unsigned dies)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config unit = { .base = BASE, .include_all = true };
    struct storm storm = { .left = MOST, .dies = dies };
    uint64_t before;
    struct rig r;

    rig_machine_config(&r, &machine, &unit);
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    storm.u = r.u;
    model_inject_fault(r.u, NIC, 5, IOVA, true);
    model_set_hook(r.m, when_all_is_clear, &storm);
    (void)udmar_fault_poll(r.d);
    model_set_hook(r.m, NULL, NULL);
    model_behaviour(r.u)->all_ones = false;
    (void)model_deliver_interrupts(r.m);
    (void)udmar_fault_poll(r.d);
    assert_int_equal(model_peek32(r.u, FSTS) & 0xff, 0);
    before = total(&r);
    model_inject_fault(r.u, NIC, 5, IOVA, true);
    assert_int_equal(model_deliver_interrupts(r.m), 1);
    assert_int_equal(total(&r), before + 1);
    rig_close(&r);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storm_that_never_overflows),
        cmocka_unit_test(unit_that_dies_in_a_storm),
    };

    return cmocka_run_group_tests_name("fault_storms", tests, NULL, NULL);
}
