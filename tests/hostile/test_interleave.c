/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every interleaving of a call and one DMA, on the machines that differ in what a store means:
 * coherent, not coherent, with a write buffer, in caching mode, with a late queue, on a host
 * without a direct map.
 *
 *   UDMAR_SCENARIO=name   only this one
 *   UDMAR_TEST_FULL=1     all scenarios on all machines, a device at every point
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interleave.h"

static void each_of(const struct scenario *list, unsigned count, const struct setup *setup,
                    bool heavy)
{
    const char *only = getenv("UDMAR_SCENARIO");

    heavy = heavy || getenv("UDMAR_TEST_FULL") != NULL || only != NULL;
    for (unsigned i = 0; i < count; i++) {
        if (only != NULL && strcmp(only, list[i].name) != 0)
            continue;
        if (heavy || !list[i].heavy)
            interleave(&list[i], setup, heavy);
    }
}

static void all_on(const struct setup *setup, bool heavy)
{
    memset(&interleave_counts, 0, sizeof(interleave_counts));
    each_of(scenarios, scenario_count, setup, heavy);
    each_of(stream_scenarios, stream_scenario_count, setup, heavy);
    print_message(
        "# %u scenarios, %llu runs, %llu instructions, %llu stores, %llu tries; warm: %u "
        "of %u invalidations were not needed\n",
        scenario_count + stream_scenario_count, (unsigned long long)interleave_counts.runs,
        (unsigned long long)interleave_counts.instructions,
        (unsigned long long)interleave_counts.stores, (unsigned long long)interleave_counts.tries,
        interleave_counts.needless, interleave_counts.audited);
}

static void test_coherent(void **state)
{
    (void)state;
    all_on(&(struct setup){ .profile = "generic48", .machine = { .prefer_high = true } }, true);
}

static void test_non_coherent(void **state)
{
    (void)state;
    all_on(&(struct setup){ .profile = "noncoherent" }, false);
}

static void test_caching_mode(void **state)
{
    (void)state;
    all_on(&(struct setup){ .profile = "cm" }, false);
}

static void test_oldest(void **state)
{
    (void)state;
    all_on(&(struct setup){ .profile = "oldest" }, false);
}

static void test_without_a_direct_map(void **state)
{
    const struct setup setup = { .profile = "noncoherent",
                                 .no_direct_map = true,
                                 .machine = { .no_virtual = true, .prefer_high = true } };

    (void)state;
    all_on(&setup, false);
}

/* Who does not wait returns before the unit has done anything. */
static void test_late(void **state)
{
    (void)state;
    interleave_manners = (struct model_behaviour){ .queue_mode = MODEL_QUEUE_DELAYED,
                                                   .queue_delay = 12,
                                                   .gsts_lag = 3 };
    all_on(&(struct setup){ .profile = "modern" }, false);
    memset(&interleave_manners, 0, sizeof(interleave_manners));
}

/* Each load takes a range of its own. */
static void test_ranges(void **state)
{
    (void)state;
    all_on(&(struct setup){ .profile = "modern", .window_limit = KIB(16) }, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coherent),     cmocka_unit_test(test_non_coherent),
        cmocka_unit_test(test_caching_mode), cmocka_unit_test(test_oldest),
        cmocka_unit_test(test_ranges),       cmocka_unit_test(test_without_a_direct_map),
        cmocka_unit_test(test_late),
    };

    return cmocka_run_group_tests_name("interleave", tests, NULL, NULL);
}
