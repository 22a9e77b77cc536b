/* SPDX-License-Identifier: BSD-2-Clause */
/* One interface, two back ends: queue and registers have to give the same effects. */
#include "fixture/inside.h"

#include <string.h>

/* An instance on @profile that uses the queue or registers. */
static void open_by(struct fixture *f, const char *profile, bool queue)
{
    fixture_machine(f, profile);
    fixture_tune(f, "hw.dmar.qi", queue ? "1" : "0");
    fixture_create(f);
    fixture_start(f);
    f->nic = fixture_attach(f, NIC);
}

static uint16_t domain_id(struct fixture *f)
{
    struct udmar_domain_info info;

    udmar_domain_info(udmar_device_domain(f->nic), &info);
    return info.domain_id;
}

/* The newest entry of the unit's log that is no wait. */
static const struct model_invalidation *last(struct fixture *f)
{
    unsigned i = model_invalidation_count(f->u);

    while (i > 0 && model_invalidation_log(f->u, i - 1)->kind == MODEL_INV_WAIT) {
        i--;
    }
    assert_int_not_equal(i, 0);
    return model_invalidation_log(f->u, i - 1);
}

static struct model_invalidation run(struct fixture *f, struct udmar__request request)
{
    assert_int_equal(udmar__invalidate(fixture_unit(f, 0), &request, 1, true, NULL), UDMAR_OK);
    return *last(f);
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
        struct fixture f;

        open_by(&f, profiles[i / 2], queue);
        unit = fixture_unit(&f, 0);
        what = run(&f, udmar__context_request(GRAN_GLOBAL, 0, 0));
        assert_int_equal(what.kind, MODEL_INV_CONTEXT);
        assert_int_equal(what.granularity, MODEL_GLOBAL);
        assert_int_equal(what.by_register, !queue);
        what = run(&f, udmar__context_request(GRAN_DOMAIN, 0x123, 0));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 0x123);
        what = run(&f, udmar__context_request(GRAN_SELECTIVE, 0x123, 0xfedc));
        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.did, 0x123);
        assert_int_equal(what.sid, 0xfedc);
        assert_int_equal(what.function_mask, 0);
        what = run(&f, udmar__iotlb_request(unit, GRAN_GLOBAL, 0, 0, 0, false));
        assert_int_equal(what.kind, MODEL_INV_IOTLB);
        assert_int_equal(what.granularity, MODEL_GLOBAL);
        assert_int_equal(what.drain_read, drains);
        assert_int_equal(what.drain_write, drains);
        what = run(&f, udmar__iotlb_request(unit, GRAN_DOMAIN, 0xffff, 0, 0, true));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 0xffff);
        what = run(&f, udmar__iotlb_request(unit, GRAN_SELECTIVE, 7, 0xfedcba987000, 3, true));
        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.did, 7);
        assert_int_equal(what.address, 0xfedcba980000);
        assert_int_equal(what.address_mask, 3);
        assert_true(what.leaf_hint);
        what = run(&f, udmar__iotlb_request(unit, GRAN_SELECTIVE, 7, 0x1000, 0, false));
        assert_false(what.leaf_hint);
        assert_int_equal(what.address, 0x1000);
        fixture_close(&f);
    }
}

static void stale_entries_go_by_both(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i / 2)) != NULL; i++) {
        struct fixture f;

        open_by(&f, p->name, i % 2 == 0);
        for (unsigned n = 0; n < 3; n++) {
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
            assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        }
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        fixture_close(&f);
    }
}

/* ---- How much -------------------------------------------------------------------------------- */

static void one_page_is_one_page(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        const struct model_invalidation *what;
        struct fixture f;

        open_by(&f, "generic48", queue);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(fixture_map(&f, IOVA + 4096, f.page), UDMAR_OK);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        what = last(&f);
        assert_int_equal(what->granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what->address, IOVA);
        assert_int_equal(what->address_mask, 0);
        assert_int_equal(what->did, domain_id(&f));
        assert_true(what->leaf_hint);
        fixture_close(&f);
    }
}

/* Page tables went with it: the hint would leave them in the caches. */
static void no_hint_when_tables_go(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        struct fixture f;

        open_by(&f, "generic48", queue);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_false(last(&f)->leaf_hint);
        fixture_close(&f);
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
    struct fixture f;

    (void)state;
    open_by(&f, "generic48", true);
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct model_invalidation what = run(
            &f, udmar__iotlb_range(fixture_unit(&f, 0), 3, ranges[i].iova, ranges[i].size, true));
        uint64_t block = UINT64_C(4096) << ranges[i].mask;

        assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        assert_int_equal(what.address_mask, ranges[i].mask);
        assert_int_equal(what.address, ranges[i].iova & ~(block - 1));
        assert_true(ranges[i].iova + ranges[i].size <= what.address + block);
    }
    fixture_close(&f);
}

static void blocks_above_mamv_take_the_domain(void **state)
{
    static const char *const profiles[] = { "two-level", "generic48", "rwbf" };
    static const uint64_t largest[] = { UINT64_C(1) << 21, UINT64_C(1) << 30, 0 };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct model_invalidation what;
        struct fixture f;

        open_by(&f, profiles[i], true);
        if (largest[i] != 0) {
            what = run(&f, udmar__iotlb_range(fixture_unit(&f, 0), 3, 0, largest[i], true));
            assert_int_equal(what.granularity, MODEL_DEVICE_OR_PAGE);
        }
        what = run(&f, udmar__iotlb_range(fixture_unit(&f, 0), 3, 0, largest[i] + 4096, true));
        assert_int_equal(what.granularity, MODEL_DOMAIN);
        assert_int_equal(what.did, 3);
        assert_false(what.leaf_hint);
        fixture_close(&f);
    }
}

static void detach_invalidates_with_the_old_domain_id(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        unsigned context = 0, iotlb = 0;
        uint16_t id;
        struct fixture f;

        open_by(&f, "generic48", queue);
        fixture_own_domain(&f);
        id = domain_id(&f);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        model_clear_invalidation_log(f.u);
        assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
        for (unsigned i = 0; i < model_invalidation_count(f.u); i++) {
            const struct model_invalidation *what = model_invalidation_log(f.u, i);

            context += what->kind == MODEL_INV_CONTEXT &&
                       what->granularity == MODEL_DEVICE_OR_PAGE && what->sid == NIC &&
                       what->did == id;
            iotlb += what->kind == MODEL_INV_IOTLB && what->did == id && context > 0;
        }
        assert_true(context > 0);
        assert_true(iotlb > 0);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* Trap 5: what was absent is cached as well, under domain id 0. */
static void caching_mode_forgets_absence(void **state)
{
    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        struct fixture f;

        fixture_machine(&f, "cm");
        fixture_tune(&f, "hw.dmar.qi", queue ? "1" : "0");
        fixture_create(&f);
        fixture_start(&f);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_not_equal(domain_id(&f), 0);
        fixture_close(&f);
    }
}

/* ---- Registers that do not do it ------------------------------------------------------------- */

static void refused_register_request(void **state)
{
    struct udmar__request context = udmar__context_request(GRAN_GLOBAL, 0, 0);
    struct udmar__request iotlb;
    struct fixture f;

    (void)state;
    open_by(&f, "generic48", false);
    iotlb = udmar__iotlb_request(fixture_unit(&f, 0), GRAN_GLOBAL, 0, 0, 0, false);
    model_refuse_invalidations(f.u, 1);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &context, 1, true, NULL),
                     UDMAR_ERR_REFUSED);
    model_refuse_invalidations(f.u, 1);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &iotlb, 1, true, NULL),
                     UDMAR_ERR_REFUSED);
    assert_int_equal(udmar__invalidate_all(fixture_unit(&f, 0)), UDMAR_OK);
    fixture_close(&f);
}

static void register_request_that_never_ends(void **state)
{
    uint64_t start;
    struct fixture f;

    (void)state;
    open_by(&f, "generic48", false);
    model_behaviour(f.u)->invalidation_lag = MODEL_NEVER;
    start = model_time(f.m);
    assert_int_equal(udmar__invalidate_all(fixture_unit(&f, 0)), UDMAR_ERR_TIMEOUT);
    /* The next one waits for the end of the first, and does not write over it. */
    assert_int_equal(udmar__invalidate_all(fixture_unit(&f, 0)), UDMAR_ERR_TIMEOUT);
    assert_in_range(model_time(f.m) - start, 2 * f.config.tunables.timeout_ns,
                    4 * f.config.tunables.timeout_ns);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

/* What a late context-cache command holds up is the IOTLB, whose own register is free. */
static void iotlb_waits_for_a_late_context_command(void **state)
{
    struct udmar__request context = udmar__context_request(GRAN_GLOBAL, 0, 0);
    struct udmar__request iotlb;
    struct fixture f;

    (void)state;
    open_by(&f, "generic48", false);
    iotlb = udmar__iotlb_request(fixture_unit(&f, 0), GRAN_GLOBAL, 0, 0, 0, false);
    model_behaviour(f.u)->invalidation_lag = MODEL_NEVER;
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &context, 1, true, NULL),
                     UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &iotlb, 1, true, NULL),
                     UDMAR_ERR_TIMEOUT);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

static void slow_registers_are_waited_for(void **state)
{
    struct fixture f;

    (void)state;
    open_by(&f, "generic48", false);
    model_behaviour(f.u)->invalidation_lag = 100;
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    fixture_close(&f);
}

static void interrupt_entries_have_no_registers(void **state)
{
    struct udmar__request request = udmar__interrupt_request_all();
    struct fixture f;

    (void)state;
    open_by(&f, "ats", false);
    assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &request, 1, true, NULL),
                     UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

static void version_6_keeps_its_queue(void **state)
{
    struct udmar_unit_status s;
    struct fixture f;

    (void)state;
    open_by(&f, "v6", false);
    assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
    assert_true(s.uses_queue);
    fixture_close(&f);
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
