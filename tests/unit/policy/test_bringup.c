/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bring-up and shutdown: order of commands, what firmware leaves behind, RMRRs that must not lose a
 * beat, units that do not obey.
 */
#include "support.h"

#include <string.h>

/* ---- The plain way --------------------------------------------------------------------------- */

static void starts_on_every_profile(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct rig r;
        struct udmar_unit_status s;

        rig_open(&r, p->name);
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        assert_true(s.translating);
        assert_false(s.failed);
        assert_int_equal(s.uses_queue, s.facts.queued);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(rig_write(&r, DISK, r.page), MODEL_BLOCKED);
        rig_close(&r);
    }
}

static void starts_with_slow_hardware(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct rig r;

        rig_machine(&r, p->name);
        model_behaviour(r.u)->gsts_lag = 5;
        model_behaviour(r.u)->invalidation_lag = 7;
        model_behaviour(r.u)->queue_mode = MODEL_QUEUE_TRICKLE;
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, NIC);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        rig_close(&r);
    }
}

/* Trap 1: whatever is done later, the root pointer is set once. */
static void one_shot_commands_are_given_once(void **state)
{
    struct model_unit_stats *s;
    struct rig r;

    (void)state;
    rig_open(&r, "modern");
    s = model_stats(r.u);
    assert_int_equal(s->srtp, 1);
    assert_int_equal(s->te_on, 1);
    assert_int_equal(s->qie_on, 1);
    rig_destroy(&r);
    assert_int_equal(s->srtp, 1);
    assert_int_equal(s->sirtp, 0);
    assert_int_equal(s->sfl, 0);
    assert_int_equal(s->te_off, 1);
    assert_int_equal(s->qie_off, 1);
    rig_close(&r);
}

static void create_leaves_hardware_alone(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "modern");
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(model_stats(r.u)->register_writes, 0);
    rig_close(&r);
}

/* Before start nothing of ours is in any cache, and the registers belong to firmware. */
static void mapping_before_start_touches_no_unit(void **state)
{
    static const char *const profiles[] = { "rwbf", "oldest", "cm", "v6", "generic48" };

    (void)state;
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct rig r;

        rig_machine(&r, profiles[i]);
        rig_create(&r);
        r.nic = rig_attach(&r, NIC);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_IDENTITY), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(model_stats(r.u)->register_writes, 0);
        rig_start(&r);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        rig_close(&r);
    }
}

static void disabled_driver_touches_nothing(void **state)
{
    struct udmar_unit_status s;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_tune(&r, "hw.dmar.enable", "0");
    rig_create(&r);
    assert_int_equal(udmar_unit_count(r.d), 0);
    assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_ERR_ARGUMENT);
    assert_null(udmar_instance_table(r.d));
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_DISABLED);
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_null(udmar_device_domain(r.nic));
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(model_stats(r.u)->register_reads, 0);
    assert_int_equal(model_stats(r.u)->register_writes, 0);
    rig_close(&r);
}

static void global_invalidations_follow_the_root(void **state)
{
    static const char *const profiles[] = { "generic48", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct model_invalidation *what;
        struct rig r;

        rig_machine(&r, profiles[i]);
        rig_create(&r);
        rig_start(&r);
        what = model_invalidation_log(r.u, 0);
        assert_int_equal(what->kind, MODEL_INV_CONTEXT);
        assert_int_equal(what->granularity, MODEL_GLOBAL);
        assert_int_equal(what->by_register, i == 1);
        what = model_invalidation_log(r.u, 1);
        assert_int_equal(what->kind, MODEL_INV_IOTLB);
        assert_int_equal(what->granularity, MODEL_GLOBAL);
        rig_close(&r);
    }
}

/* Chipsets of the X58 kind hang otherwise. */
static bool root_before_queues;
static unsigned queue_count;

static void watch_order(void *context, struct model *m, enum model_event event)
{
    struct rig *r = context;
    struct model_unit *u;

    (void)r;
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
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    for (unsigned i = 1; i < 3; i++) {
        const struct model_scope scope = rig_endpoint((uint16_t)(0x80 + 8 * i));
        struct model_unit *u =
            model_add_unit(r.m, &(struct model_unit_config){ .base = BASE + 0x10000 * i });

        model_add_unit_scope(u, &scope);
    }
    rig_create(&r);
    root_before_queues = false;
    model_set_hook(r.m, watch_order, &r);
    rig_start(&r);
    model_set_hook(r.m, NULL, NULL);
    assert_int_equal(queue_count, 3);
    assert_false(root_before_queues);
    rig_close(&r);
}

static void calls_in_the_wrong_order(void **state)
{
    struct rig r;

    (void)state;
    assert_int_equal(udmar_start(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stop(NULL), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(NULL), UDMAR_OK);
    rig_machine(&r, "generic48");
    rig_create(&r);
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_ORDER);
    rig_start(&r);
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(r.d), UDMAR_ERR_ORDER);
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(r.d), UDMAR_ERR_BUSY);
    rig_close(&r);
}

static void create_checks_its_arguments(void **state)
{
    struct udmar_ram_range crooked = { 0x100800, 0x1000 };
    struct udmar_config good;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    assert_int_equal(udmar_create(r.m, NULL, &r.d), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_create(r.m, &r.config, NULL), UDMAR_ERR_ARGUMENT);
    good = r.config;
    r.config.fault_log = 15;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    r.config.fault_log = 4097;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    r.config = good;
    r.config.table = NULL;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    r.config = good;
    r.config.ram = NULL;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    r.config.ram = &crooked;
    r.config.ram_count = 1;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    r.config = good;
    r.config.table_size = model_dmar_build(r.m, r.table, sizeof(r.table));
    r.table[9]++;
    assert_int_equal(udmar_create(r.m, &r.config, &r.d), UDMAR_ERR_CHECKSUM);
    r.d = NULL;
    rig_close(&r);
}

static void stop_and_start_again(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct rig r;

        rig_open(&r, p->name);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BYPASSED);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(rig_map(&r, IOVA + 0x1000, r.page), UDMAR_OK);
        rig_start(&r);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        assert_true(rig_reaches(&r, NIC, IOVA + 0x1000, r.page));
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        rig_start(&r);
        assert_true(rig_reaches(&r, NIC, IOVA + 0x1000, r.page));
        assert_int_equal(rig_unmap(&r, IOVA + 0x1000), UDMAR_OK);
        rig_close(&r);
    }
}

static void protected_regions_open_after_translation(void **state)
{
    const struct model_unit_config unit = { .profile = "rwbf", .base = BASE, .include_all = true };

    (void)state;
    for (unsigned disable = 0; disable < 2; disable++) {
        struct rig r;

        rig_machine_config(&r, NULL, &unit);
        model_poke32(r.u, 0x68, 0);
        model_poke32(r.u, 0x6c, 0xffffffff);
        model_poke32(r.u, PMEN, 0x80000001);
        model_behaviour(r.u)->gsts_lag = 3;
        rig_tune(&r, "hw.dmar.pmr.disable", disable ? "1" : "0");
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, NIC);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, IOVA), disable ? MODEL_OK : MODEL_BLOCKED_PMR);
        rig_close(&r);
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

static void beat_through_start(struct rig *r, uint16_t rid, uint64_t address)
{
    struct beat b = { .rid = rid, .address = address };

    rig_create(r);
    model_set_hook(r->m, heart_beat, &b);
    assert_int_equal(udmar_start(r->d), UDMAR_OK);
    r->nic = rig_attach(r, rid);
    model_set_hook(r->m, NULL, NULL);
    assert_int_equal(b.lost, 0);
    assert_true(b.bypassed > 0);
    assert_true(b.translated > 0);
    assert_true(rig_reaches(r, rid, address, address));
    assert_true(rig_info(r->nic).rmrr_count > 0);
    /* Nothing but the RMRR. */
    assert_int_equal(rig_write(r, rid, r->page), MODEL_BLOCKED);
}

static void rmrr_device_never_loses_dma(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        const struct model_scope scope = rig_endpoint(NIC);
        struct rig r;

        rig_machine(&r, p->name);
        model_add_rmrr(r.m, 0, RMRR, RMRR + 0x3fff, &scope, 1);
        beat_through_start(&r, NIC, RMRR + 0x1000);
        rig_close(&r);
    }
}

static void rmrr_behind_a_bridge(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x10 } };
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, 0x08, 3, 3, MODEL_ROOT_PORT);
    model_add_function(r.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    beat_through_start(&r, 0x0310, RMRR);
    rig_close(&r);
}

static void rmrr_of_a_bridge_scope_reaches_all_below(void **state)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_BRIDGE, 0x08);
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, 0x08, 3, 3, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    beat_through_start(&r, 0x0310, RMRR);
    rig_close(&r);
}

static void rmrr_above_4g_and_one_for_two_devices(void **state)
{
    const struct model_scope scopes[2] = { rig_endpoint(NIC), rig_endpoint(DISK) };
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, RAM_2 + 0x200000, RAM_2 + 0x5fffff, scopes, 2);
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, scopes, 1);
    beat_through_start(&r, NIC, RAM_2 + 0x2ff000);
    assert_true(rig_reaches(&r, NIC, RMRR, RMRR));
    assert_int_equal(rig_info(r.nic).rmrr_count, 2);
    assert_true(rig_reaches(&r, DISK, RAM_2 + 0x5ff000, RAM_2 + 0x5ff000));
    assert_int_equal(rig_write(&r, DISK, RMRR), MODEL_BLOCKED);
    assert_true(rig_info(udmar_device_find(r.d, 0, DISK)).by_firmware);
    rig_close(&r);
}

static void rmrr_that_is_not_page_aligned(void **state)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, RMRR + 0x800, RMRR + 0x2100, &scope, 1);
    beat_through_start(&r, NIC, RMRR + 0x2100);
    assert_true(rig_reaches(&r, NIC, RMRR, RMRR));
    assert_true(rig_reaches(&r, NIC, RMRR + 0x2fff, RMRR + 0x2fff));
    assert_int_equal(rig_write(&r, NIC, RMRR + 0x3000), MODEL_BLOCKED);
    rig_close(&r);
}

static void rmrr_over_page_0(void **state)
{
    const struct model_config machine = { .low_base = 0x1, .low_size = 0 };
    const struct model_scope scope = rig_endpoint(NIC);
    struct model_translation t;
    struct rig r;

    (void)state;
    (void)machine;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, 0, 0xfff, &scope, 1);
    rig_create(&r);
    rig_start(&r);
    t = model_translate(r.m, 0, NIC, 0x10, true);
    assert_int_equal(t.result, MODEL_OK);
    assert_int_equal(t.physical, 0x10);
    assert_int_equal(model_translate(r.m, 0, NIC, 0x1000, true).result, MODEL_BLOCKED);
    rig_close(&r);
}

static void rmrr_switched_off(void **state)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    rig_tune(&r, "hw.dmar.rmrr_enable", "0");
    rig_create(&r);
    rig_start(&r);
    assert_null(udmar_device_next(r.d, NULL));
    assert_int_equal(rig_write(&r, NIC, RMRR), MODEL_BLOCKED);
    rig_close(&r);
}

static void rmrr_path_that_leads_nowhere_costs_itself(void **state)
{
    struct model_scope scopes[2] = { { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x50, 0x10 } } };
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    scopes[1] = rig_endpoint(NIC);
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, scopes, 2);
    beat_through_start(&r, NIC, RMRR);
    assert_true(model_log_contains(r.m, "leads nowhere"));
    rig_close(&r);
}

static void detached_rmrr_device_keeps_its_context(void **state)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct rig r;

    (void)state;
    for (unsigned before = 0; before < 2; before++) {
        rig_machine(&r, "generic48");
        model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
        rig_create(&r);
        if (before) {
            r.nic = rig_attach(&r, NIC);
        }
        rig_start(&r);
        if (!before) {
            r.nic = rig_attach(&r, NIC);
        }
        assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, RMRR, RMRR));
        assert_true(rig_info(udmar_device_find(r.d, 0, NIC)).by_firmware);
        rig_close(&r);
    }
}

/* A device that appears below an RMRR's bridge after start has RMRRs like any other. */
static void rmrr_device_that_comes_late_keeps_its_context(void **state)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_BRIDGE, 0x08);
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, 0x08, 3, 3, MODEL_ROOT_PORT);
    model_add_rmrr(r.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    rig_create(&r);
    rig_start(&r);
    model_add_function(r.m, 0, 0x0310, 0x8086, 0x1234, 0x0c0330);
    r.nic = rig_attach(&r, 0x0310);
    assert_true(rig_reaches(&r, 0x0310, RMRR, RMRR));
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
    assert_true(rig_reaches(&r, 0x0310, RMRR, RMRR));
    rig_close(&r);
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
