/* SPDX-License-Identifier: BSD-2-Clause */
/* One interface, two back ends: queue and registers have to give the same effects. */
#include "support.h"

#include <string.h>

/* An instance on @profile that uses the queue or registers. */
static void open_by(struct rig *r, const char *profile, bool queue)
{
    rig_machine(r, profile);
    rig_tune(r, "hw.dmar.qi", queue ? "1" : "0");
    rig_create(r);
    rig_start(r);
    r->nic = rig_attach(r, NIC);
}

static uint16_t domain_id(struct rig *r)
{
    struct udmar_domain_info info;

    udmar_domain_info(udmar_device_domain(r->nic), &info);
    return info.domain_id;
}

/* The newest entry of the unit's log that is no wait. */
static const struct model_invalidation *last(struct rig *r)
{
    unsigned i = model_invalidation_count(r->u);

    while (i > 0 && model_invalidation_log(r->u, i - 1)->kind == MODEL_INV_WAIT) {
        i--;
    }
    assert_int_not_equal(i, 0);
    return model_invalidation_log(r->u, i - 1);
}

static struct model_invalidation run(struct rig *r, struct udmar__request request)
{
    assert_int_equal(udmar__invalidate(rig_unit(r, 0), &request, 1, true, NULL), UDMAR_OK);
    return *last(r);
}

/* ---- The same by both ------------------------------------------------------------------------ */

static void both_back_ends_say_the_same(void **state)
{
    static const char *const profiles[] = { "generic48", "ats" };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool queue = i % 2 == 0;
        bool drains = i / 2 == 1;
        struct model_invalidation what;
        struct udmar_unit *unit;
        struct rig r;

        open_by(&r, profiles[i / 2], queue);
        unit = rig_unit(&r, 0);
        what = run(&r, udmar__context_request(GRAN_GLOBAL, 0, 0));
        assert_int_equal(what.kind, MODEL_INV_CONTEXT);
        assert_int_equal(what.granularity, MODEL_GLOBAL);
        assert_int_equal(what.by_register, !queue);
        what = run(&r, udmar__context_request(GRAN_DOMAIN, 0x123, 0));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 0x123);
        what = run(&r, udmar__context_request(GRAN_SELECTIVE, 0x123, 0xfedc));
        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.did, 0x123);
        assert_int_equal(what.sid, 0xfedc);
        assert_int_equal(what.function_mask, 0);
        what = run(&r, udmar__iotlb_request(unit, GRAN_GLOBAL, 0, 0, 0, false));
        assert_int_equal(what.kind, MODEL_INV_IOTLB);
        assert_int_equal(what.granularity, MODEL_GLOBAL);
        assert_int_equal(what.drain_read, drains);
        assert_int_equal(what.drain_write, drains);
        what = run(&r, udmar__iotlb_request(unit, GRAN_DOMAIN, 0xffff, 0, 0, true));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 0xffff);
        what = run(&r, udmar__iotlb_request(unit, GRAN_SELECTIVE, 7, 0xfedcba987000, 3, true));
        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.did, 7);
        assert_int_equal(what.address, 0xfedcba980000);
        assert_int_equal(what.address_mask, 3);
        assert_true(what.leaf_hint);
        what = run(&r, udmar__iotlb_request(unit, GRAN_SELECTIVE, 7, 0x1000, 0, false));
        assert_false(what.leaf_hint);
        assert_int_equal(what.address, 0x1000);
        rig_close(&r);
    }
}

static void stale_entries_go_by_both(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i / 2)) != NULL; i++) {
        struct rig r;

        open_by(&r, p->name, i % 2 == 0);
        for (unsigned n = 0; n < 3; n++) {
            assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
            assert_true(rig_reaches(&r, NIC, IOVA, r.page));
            assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
            assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        }
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BLOCKED);
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        rig_close(&r);
    }
}

/* ---- How much -------------------------------------------------------------------------------- */

static void one_page_is_one_page(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        const struct model_invalidation *what;
        struct rig r;

        open_by(&r, "generic48", queue);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(rig_map(&r, IOVA + 4096, r.page), UDMAR_OK);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        what = last(&r);
        assert_int_equal(what->granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what->address, IOVA);
        assert_int_equal(what->address_mask, 0);
        assert_int_equal(what->did, domain_id(&r));
        assert_true(what->leaf_hint);
        rig_close(&r);
    }
}

/* Page tables went with it: the hint would leave them in the caches. */
static void no_hint_when_tables_go(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        struct rig r;

        open_by(&r, "generic48", queue);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_false(last(&r)->leaf_hint);
        rig_close(&r);
    }
}

static void ranges_take_the_narrowest_block(void **state)
{
    static const struct {
        uint64_t iova, size;
        unsigned mask;
    } ranges[] = {
        { 0x1000, 0x1000, 0 },         { 0x1000, 0x2000, 2 },          { 0x2000, 0x2000, 1 },
        { 0x0, 0x10000, 4 },           { 0xf000, 0x2000, 5 },          { 0x200000, 0x200000, 9 },
        { 0x1ff000, 0x2000, 10 },      { 0x40000000, 0x40000000, 18 }, { 0x1000, 1, 0 },
        { 0x7ffffffff000, 0x1000, 0 },
    };
    struct rig r;

    (void)state;
    open_by(&r, "generic48", true);
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct model_invalidation what =
            run(&r, udmar__iotlb_range(rig_unit(&r, 0), 3, ranges[i].iova, ranges[i].size, true));
        uint64_t block = UINT64_C(4096) << ranges[i].mask;

        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.address_mask, ranges[i].mask);
        assert_int_equal(what.address, ranges[i].iova & ~(block - 1));
        assert_true(ranges[i].iova + ranges[i].size <= what.address + block);
    }
    rig_close(&r);
}

static void blocks_above_mamv_take_the_domain(void **state)
{
    static const char *const profiles[] = { "two-level", "generic48", "rwbf" };
    static const uint64_t largest[] = { UINT64_C(1) << 21, UINT64_C(1) << 30, 0 };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct model_invalidation what;
        struct rig r;

        open_by(&r, profiles[i], true);
        if (largest[i] != 0) {
            what = run(&r, udmar__iotlb_range(rig_unit(&r, 0), 3, 0, largest[i], true));
            assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        }
        what = run(&r, udmar__iotlb_range(rig_unit(&r, 0), 3, 0, largest[i] + 4096, true));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 3);
        assert_false(what.leaf_hint);
        rig_close(&r);
    }
}

static void detach_invalidates_with_the_old_domain_id(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        unsigned context = 0, iotlb = 0;
        uint16_t id;
        struct rig r;

        open_by(&r, "generic48", queue);
        rig_own_domain(&r);
        id = domain_id(&r);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        model_clear_invalidation_log(r.u);
        assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
        for (unsigned i = 0; i < model_invalidation_count(r.u); i++) {
            const struct model_invalidation *what = model_invalidation_log(r.u, i);

            context += what->kind == MODEL_INV_CONTEXT &&
                       what->granularity == MODEL_DEVICE_OR_PAGE && what->sid == NIC &&
                       what->did == id;
            iotlb += what->kind == MODEL_INV_IOTLB && what->did == id && context > 0;
        }
        assert_true(context > 0);
        assert_true(iotlb > 0);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        rig_close(&r);
    }
}

/* Trap 5: what was absent is cached as well, under domain id 0. */
static void caching_mode_forgets_absence(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        struct rig r;

        rig_machine(&r, "cm");
        rig_tune(&r, "hw.dmar.qi", queue ? "1" : "0");
        rig_create(&r);
        rig_start(&r);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        r.nic = rig_attach(&r, NIC);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_not_equal(domain_id(&r), 0);
        rig_close(&r);
    }
}

/* ---- Registers that do not do it ------------------------------------------------------------- */

static void refused_register_request(void **state)
{
    struct udmar__request context = udmar__context_request(GRAN_GLOBAL, 0, 0);
    struct udmar__request iotlb;
    struct rig r;

    (void)state;
    open_by(&r, "generic48", false);
    iotlb = udmar__iotlb_request(rig_unit(&r, 0), GRAN_GLOBAL, 0, 0, 0, false);
    model_refuse_invalidations(r.u, 1);
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &context, 1, true, NULL),
                     UDMAR_ERR_REFUSED);
    model_refuse_invalidations(r.u, 1);
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &iotlb, 1, true, NULL), UDMAR_ERR_REFUSED);
    assert_int_equal(udmar__invalidate_all(rig_unit(&r, 0)), UDMAR_OK);
    rig_close(&r);
}

static void register_request_that_never_ends(void **state)
{
    uint64_t start;
    struct rig r;

    (void)state;
    open_by(&r, "generic48", false);
    model_behaviour(r.u)->invalidation_lag = MODEL_NEVER;
    start = model_time(r.m);
    assert_int_equal(udmar__invalidate_all(rig_unit(&r, 0)), UDMAR_ERR_TIMEOUT);
    /* The next one waits for the end of the first, and does not write over it. */
    assert_int_equal(udmar__invalidate_all(rig_unit(&r, 0)), UDMAR_ERR_TIMEOUT);
    assert_in_range(model_time(r.m) - start, 2 * r.config.tunables.timeout_ns,
                    4 * r.config.tunables.timeout_ns);
    assert_int_equal(rig_violations(&r), 0);
    rig_abandon(&r);
}

/* What a late context-cache command holds up is the IOTLB, whose own register is free. */
static void iotlb_waits_for_a_late_context_command(void **state)
{
    struct udmar__request context = udmar__context_request(GRAN_GLOBAL, 0, 0);
    struct udmar__request iotlb;
    struct rig r;

    (void)state;
    open_by(&r, "generic48", false);
    iotlb = udmar__iotlb_request(rig_unit(&r, 0), GRAN_GLOBAL, 0, 0, 0, false);
    model_behaviour(r.u)->invalidation_lag = MODEL_NEVER;
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &context, 1, true, NULL),
                     UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &iotlb, 1, true, NULL), UDMAR_ERR_TIMEOUT);
    assert_int_equal(rig_violations(&r), 0);
    rig_abandon(&r);
}

static void slow_registers_are_waited_for(void **state)
{
    struct rig r;

    (void)state;
    open_by(&r, "generic48", false);
    model_behaviour(r.u)->invalidation_lag = 100;
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    rig_close(&r);
}

static void interrupt_entries_have_no_registers(void **state)
{
    struct udmar__request request = udmar__interrupt_request_all();
    struct rig r;

    (void)state;
    open_by(&r, "ats", false);
    assert_int_equal(udmar__invalidate(rig_unit(&r, 0), &request, 1, true, NULL),
                     UDMAR_ERR_UNSUPPORTED);
    rig_close(&r);
}

static void version_6_keeps_its_queue(void **state)
{
    struct udmar_unit_status s;
    struct rig r;

    (void)state;
    open_by(&r, "v6", false);
    assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
    assert_true(s.uses_queue);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_back_ends_say_the_same),
        cmocka_unit_test(stale_entries_go_by_both),
        cmocka_unit_test(one_page_is_one_page),
        cmocka_unit_test(no_hint_when_tables_go),
        cmocka_unit_test(ranges_take_the_narrowest_block),
        cmocka_unit_test(blocks_above_mamv_take_the_domain),
        cmocka_unit_test(detach_invalidates_with_the_old_domain_id),
        cmocka_unit_test(caching_mode_forgets_absence),
        cmocka_unit_test(refused_register_request),
        cmocka_unit_test(register_request_that_never_ends),
        cmocka_unit_test(iotlb_waits_for_a_late_context_command),
        cmocka_unit_test(slow_registers_are_waited_for),
        cmocka_unit_test(interrupt_entries_have_no_registers),
        cmocka_unit_test(version_6_keeps_its_queue),
    };

    return cmocka_run_group_tests_name("invalidate", tests, NULL, NULL);
}
