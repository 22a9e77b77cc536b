/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bring-up and shutdown: order of commands, what firmware leaves behind, RMRRs that must not lose a
 * beat, units that do not obey.
 */
#include "fixture/inside.h"

#include <string.h>

/* ---- The plain way --------------------------------------------------------------------------- */

static void starts_on_every_profile(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct fixture f;
        struct udmar_unit_status s;

        fixture_open_nic(&f, p->name);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_true(s.translating);
        assert_false(s.failed);
        assert_int_equal(s.uses_queue, s.facts.queued);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

static void starts_with_slow_hardware(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct fixture f;

        fixture_machine(&f, p->name);
        model_behaviour(f.u)->gsts_lag = 5;
        model_behaviour(f.u)->invalidation_lag = 7;
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* Trap 1: whatever is done later, the root pointer is set once. */
static void one_shot_commands_are_given_once(void **state)
{
    struct model_unit_stats *s;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "modern");
    s = model_stats(f.u);
    assert_int_equal(s->srtp, 1);
    assert_int_equal(s->te_on, 1);
    assert_int_equal(s->qie_on, 1);
    fixture_destroy(&f);
    assert_int_equal(s->srtp, 1);
    assert_int_equal(s->sirtp, 0);
    assert_int_equal(s->sfl, 0);
    assert_int_equal(s->te_off, 1);
    assert_int_equal(s->qie_off, 1);
    fixture_close(&f);
}

static void create_leaves_hardware_alone(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "modern");
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    assert_int_equal(model_stats(f.u)->register_writes, 0);
    fixture_close(&f);
}

/* Before start nothing of ours is in any cache, and the registers belong to firmware. */
static void mapping_before_start_touches_no_unit(void **state)
{
    static const char *const profiles[] = { "rwbf", "oldest", "cm", "v6", "generic48" };

    (void)state;
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct fixture f;

        fixture_machine(&f, profiles[i]);
        fixture_create(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_IDENTITY), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(model_stats(f.u)->register_writes, 0);
        fixture_start(&f);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        fixture_close(&f);
    }
}

static void disabled_driver_touches_nothing(void **state)
{
    struct udmar_unit_status s;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.enable", "0");
    fixture_create(&f);
    assert_int_equal(udmar_unit_count(f.instance), 0);
    assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_ERR_ARGUMENT);
    assert_null(udmar_instance_table(f.instance));
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_DISABLED);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_null(udmar_device_domain(f.nic));
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(model_stats(f.u)->register_reads, 0);
    assert_int_equal(model_stats(f.u)->register_writes, 0);
    fixture_close(&f);
}

static void global_invalidations_follow_the_root(void **state)
{
    static const char *const profiles[] = { "generic48", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct model_invalidation *what;
        struct fixture f;

        fixture_machine(&f, profiles[i]);
        fixture_create(&f);
        fixture_start(&f);
        what = model_invalidation_log(f.u, 0);
        assert_int_equal(what->kind, MODEL_INV_CONTEXT);
        assert_int_equal(what->granularity, MODEL_GLOBAL);
        assert_int_equal(what->by_register, i == 1);
        what = model_invalidation_log(f.u, 1);
        assert_int_equal(what->kind, MODEL_INV_IOTLB);
        assert_int_equal(what->granularity, MODEL_GLOBAL);
        fixture_close(&f);
    }
}

/* Chipsets of the X58 kind hang otherwise. */
static bool root_before_queues;
static unsigned queue_count;

static void watch_order(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;
    struct model_unit *u;

    (void)f;
    if (event != MODEL_EVENT_WRITTEN) {
        return;
    }
    queue_count = 0;
    for (unsigned i = 0; (u = model_unit_at(m, i)) != NULL; i++) {
        queue_count += (model_peek32(u, GSTS) & QIE) != 0;
    }
    for (unsigned i = 0; (u = model_unit_at(m, i)) != NULL; i++) {
        if (model_stats(u)->srtp > 0 && queue_count < 3) {
            root_before_queues = true;
        }
    }
}

static void queues_run_before_any_root(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    for (unsigned i = 1; i < 3; i++) {
        const struct model_scope scope = fixture_endpoint((uint16_t)(0x80 + 8 * i));
        struct model_unit *u =
            model_add_unit(f.m, &(struct model_unit_config){ .base = BASE + 0x10000 * i });

        model_add_unit_scope(u, &scope);
    }
    fixture_create(&f);
    root_before_queues = false;
    model_set_hook(f.m, watch_order, &f);
    fixture_start(&f);
    model_set_hook(f.m, NULL, NULL);
    assert_int_equal(queue_count, 3);
    assert_false(root_before_queues);
    fixture_close(&f);
}

static void calls_in_the_wrong_order(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(udmar_start(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stop(NULL), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(NULL), UDMAR_OK);
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_ORDER);
    fixture_start(&f);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_ERR_ORDER);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_ERR_BUSY);
    fixture_close(&f);
}

static void create_checks_its_arguments(void **state)
{
    struct udmar_ram_range crooked = { 0x100800, 0x1000 };
    struct udmar_config good;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    assert_int_equal(udmar_create(f.m, NULL, &f.instance), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_create(f.m, &f.config, NULL), UDMAR_ERR_ARGUMENT);
    good = f.config;
    f.config.fault_log = 15;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config.fault_log = 4097;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config = good;
    f.config.table = NULL;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config = good;
    f.config.ram = NULL;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config.ram = &crooked;
    f.config.ram_count = 1;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config = good;
    f.config.table_size = model_dmar_build(f.m, f.table, sizeof(f.table));
    f.table[9]++;
    assert_int_equal(udmar_create(f.m, &f.config, &f.instance), UDMAR_ERR_CHECKSUM);
    f.instance = NULL;
    fixture_close(&f);
}

static void stop_and_start_again(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct fixture f;

        fixture_open_nic(&f, p->name);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BYPASSED);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(fixture_map(&f, IOVA + 0x1000, f.page), UDMAR_OK);
        fixture_start(&f);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        assert_true(fixture_reaches(&f, NIC, IOVA + 0x1000, f.page));
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        fixture_start(&f);
        assert_true(fixture_reaches(&f, NIC, IOVA + 0x1000, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA + 0x1000), UDMAR_OK);
        fixture_close(&f);
    }
}

static void protected_regions_open_after_translation(void **state)
{
    const struct model_unit_config unit = { .profile = "rwbf", .base = BASE, .include_all = true };

    (void)state;
    for (unsigned disable = 0; disable < 2; disable++) {
        struct fixture f;

        fixture_machine_config(&f, NULL, &unit);
        model_poke32(f.u, 0x68, 0);
        model_poke32(f.u, 0x6c, 0xffffffff);
        model_poke32(f.u, PMEN, 0x80000001);
        model_behaviour(f.u)->gsts_lag = 3;
        fixture_tune(&f, "hw.dmar.pmr.disable", disable ? "1" : "0");
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, IOVA), disable ? MODEL_OK : MODEL_BLOCKED_PMR);
        fixture_close(&f);
    }
}

/* ---- RMRRs ----------------------------------------------------------------------------------- */

#define RMRR UINT64_C(0x180000)

struct beat {
    uint16_t rid;
    uint64_t address;
    unsigned bypassed, translated, lost;
    bool after_start;
};

static void heart_beat(void *context, struct model *m, enum model_event event)
{
    struct beat *b = context;
    uint8_t byte = 1;
    enum model_result result =
        model_dma(m, 0, model_requester_id(m, 0, b->rid), b->address, &byte, 1, true);

    (void)event;
    b->bypassed += result == MODEL_BYPASSED;
    b->translated += result == MODEL_OK;
    b->lost += result != MODEL_BYPASSED && result != MODEL_OK;
}

static void beat_through_start(struct fixture *f, uint16_t rid, uint64_t address)
{
    struct beat b = { .rid = rid, .address = address };

    fixture_create(f);
    model_set_hook(f->m, heart_beat, &b);
    assert_int_equal(udmar_start(f->instance), UDMAR_OK);
    f->nic = fixture_attach(f, rid);
    model_set_hook(f->m, NULL, NULL);
    assert_int_equal(b.lost, 0);
    assert_true(b.bypassed > 0);
    assert_true(b.translated > 0);
    assert_true(fixture_reaches(f, rid, address, address));
    assert_true(fixture_info(f->nic).rmrr_count > 0);
    /* Nothing but the RMRR. */
    assert_int_equal(fixture_write(f, rid, f->page), MODEL_BLOCKED);
}

static void rmrr_device_never_loses_dma(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        const struct model_scope scope = fixture_endpoint(NIC);
        struct fixture f;

        fixture_machine(&f, p->name);
        model_add_rmrr(f.m, 0, RMRR, RMRR + 0x3fff, &scope, 1);
        beat_through_start(&f, NIC, RMRR + 0x1000);
        fixture_close(&f);
    }
}

static void rmrr_behind_a_bridge(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x10 } };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x08, 3, 3, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    beat_through_start(&f, 0x0310, RMRR);
    fixture_close(&f);
}

static void rmrr_of_a_bridge_scope_reaches_all_below(void **state)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_BRIDGE, 0x08);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x08, 3, 3, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    beat_through_start(&f, 0x0310, RMRR);
    fixture_close(&f);
}

static void rmrr_above_4g_and_one_for_two_devices(void **state)
{
    const struct model_scope scopes[2] = { fixture_endpoint(NIC), fixture_endpoint(DISK) };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RAM_2 + 0x200000, RAM_2 + 0x5fffff, scopes, 2);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, scopes, 1);
    beat_through_start(&f, NIC, RAM_2 + 0x2ff000);
    assert_true(fixture_reaches(&f, NIC, RMRR, RMRR));
    assert_int_equal(fixture_info(f.nic).rmrr_count, 2);
    assert_true(fixture_reaches(&f, DISK, RAM_2 + 0x5ff000, RAM_2 + 0x5ff000));
    assert_int_equal(fixture_write(&f, DISK, RMRR), MODEL_BLOCKED);
    assert_true(fixture_info(udmar_device_find(f.instance, 0, DISK)).by_firmware);
    fixture_close(&f);
}

static void rmrr_that_is_not_page_aligned(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR + 0x800, RMRR + 0x2100, &scope, 1);
    beat_through_start(&f, NIC, RMRR + 0x2100);
    assert_true(fixture_reaches(&f, NIC, RMRR, RMRR));
    assert_true(fixture_reaches(&f, NIC, RMRR + 0x2fff, RMRR + 0x2fff));
    assert_int_equal(fixture_write(&f, NIC, RMRR + 0x3000), MODEL_BLOCKED);
    fixture_close(&f);
}

static void rmrr_over_page_0(void **state)
{
    const struct model_config machine = { .low_base = 0x1, .low_size = 0 };
    const struct model_scope scope = fixture_endpoint(NIC);
    struct model_translation t;
    struct fixture f;

    (void)state;
    (void)machine;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, 0, 0xfff, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    t = model_translate(f.m, 0, NIC, 0x10, true);
    assert_int_equal(t.result, MODEL_OK);
    assert_int_equal(t.physical, 0x10);
    assert_int_equal(model_translate(f.m, 0, NIC, 0x1000, true).result, MODEL_BLOCKED);
    fixture_close(&f);
}

static void rmrr_switched_off(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    fixture_tune(&f, "hw.dmar.rmrr_enable", "0");
    fixture_create(&f);
    fixture_start(&f);
    assert_null(udmar_device_next(f.instance, NULL));
    assert_int_equal(fixture_write(&f, NIC, RMRR), MODEL_BLOCKED);
    fixture_close(&f);
}

static void rmrr_path_that_leads_nowhere_costs_itself(void **state)
{
    struct model_scope scopes[2] = { { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x50, 0x10 } } };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    scopes[1] = fixture_endpoint(NIC);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, scopes, 2);
    beat_through_start(&f, NIC, RMRR);
    assert_true(model_log_contains(f.m, "leads nowhere"));
    fixture_close(&f);
}

static void detached_rmrr_device_keeps_its_context(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    for (unsigned before = 0; before < 2; before++) {
        fixture_machine(&f, "generic48");
        model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
        fixture_create(&f);
        if (before) {
            f.nic = fixture_attach(&f, NIC);
        }
        fixture_start(&f);
        if (!before) {
            f.nic = fixture_attach(&f, NIC);
        }
        assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, RMRR, RMRR));
        assert_true(fixture_info(udmar_device_find(f.instance, 0, NIC)).by_firmware);
        fixture_close(&f);
    }
}

/* A device that appears below an RMRR's bridge after start has RMRRs like any other. */
static void rmrr_device_that_comes_late_keeps_its_context(void **state)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_BRIDGE, 0x08);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x08, 3, 3, MODEL_ROOT_PORT);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    model_add_function(f.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    f.nic = fixture_attach(&f, 0x0310);
    assert_true(fixture_reaches(&f, 0x0310, RMRR, RMRR));
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    assert_true(fixture_reaches(&f, 0x0310, RMRR, RMRR));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_on_every_profile),
        cmocka_unit_test(starts_with_slow_hardware),
        cmocka_unit_test(one_shot_commands_are_given_once),
        cmocka_unit_test(create_leaves_hardware_alone),
        cmocka_unit_test(mapping_before_start_touches_no_unit),
        cmocka_unit_test(disabled_driver_touches_nothing),
        cmocka_unit_test(global_invalidations_follow_the_root),
        cmocka_unit_test(queues_run_before_any_root),
        cmocka_unit_test(calls_in_the_wrong_order),
        cmocka_unit_test(create_checks_its_arguments),
        cmocka_unit_test(stop_and_start_again),
        cmocka_unit_test(protected_regions_open_after_translation),
        cmocka_unit_test(rmrr_device_never_loses_dma),
        cmocka_unit_test(rmrr_behind_a_bridge),
        cmocka_unit_test(rmrr_of_a_bridge_scope_reaches_all_below),
        cmocka_unit_test(rmrr_above_4g_and_one_for_two_devices),
        cmocka_unit_test(rmrr_that_is_not_page_aligned),
        cmocka_unit_test(rmrr_over_page_0),
        cmocka_unit_test(rmrr_switched_off),
        cmocka_unit_test(rmrr_path_that_leads_nowhere_costs_itself),
        cmocka_unit_test(detached_rmrr_device_keeps_its_context),
        cmocka_unit_test(rmrr_device_that_comes_late_keeps_its_context),
    };

    return cmocka_run_group_tests_name("bringup", tests, NULL, NULL);
}
