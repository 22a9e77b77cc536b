/* SPDX-License-Identifier: BSD-2-Clause */
/* Machines that do not do what their registers say. */
#include "fixture/inside.h"

#include <string.h>

#define INTEL(device) ((uint32_t)(device) << 16 | 0x8086u)
#define ABSENT        UINT32_MAX

static unsigned by_bridge(uint16_t device, uint8_t revision)
{
    return udmar__quirks_find(INTEL(device), revision, ABSENT, 0);
}

static void host_bridges(void **state)
{
    static const uint16_t cantiga[] = { 0x2a40, 0x2e00, 0x2e10, 0x2e20, 0x2e30, 0x2e40, 0x2e90 };
    static const uint16_t ironlake[] = { 0x0040, 0x0062, 0x006a };

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(by_bridge(cantiga[i], 7), QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(by_bridge(ironlake[i], 2), QUIRK_GRAPHICS_STRICT);
    }
    assert_int_equal(by_bridge(0x0044, 2), QUIRK_GRAPHICS_OFF);
    assert_int_equal(by_bridge(0x4001, 0x20), QUIRK_NO_PROTECTED_REGIONS);
    assert_int_equal(by_bridge(0x4003, 0x20), QUIRK_NO_PROTECTED_REGIONS);
    assert_int_equal(by_bridge(0x4001, 0x1f), 0);
    assert_int_equal(by_bridge(0x4003, 0x21), 0);
    assert_int_equal(by_bridge(0x29c0, 2), 0);
    /* Of another vendor. */
    assert_int_equal(udmar__quirks_find(0x2a401022, 7, ABSENT, 0), 0);
    assert_int_equal(udmar__quirks_find(ABSENT, 0xff, ABSENT, 0), 0);
}

static void displays(void **state)
{
    static const uint16_t broken[] = {
        0x29b2, 0x1602, 0x1606, 0x160a, 0x160b, 0x160d, 0x160e, 0x1612, 0x1616,
        0x161a, 0x161b, 0x161d, 0x161e, 0x1622, 0x1626, 0x162a, 0x162b, 0x162d,
        0x162e, 0x1632, 0x1636, 0x163a, 0x163b, 0x163d, 0x163e,
    };
    static const uint8_t keep[] = { 0x45, 0x46, 0x4c, 0x4e, 0x8a, 0x98, 0x9a, 0xa7, 0x7d };

    (void)state;
    for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(udmar__quirks_find(ABSENT, 0, INTEL(broken[i]), 0), QUIRK_GRAPHICS_OFF);
    }
    for (unsigned i = 0; i < sizeof(keep); i++) {
        assert_int_equal(udmar__quirks_find(ABSENT, 0, INTEL(keep[i] << 8 | 0x49), 0),
                         QUIRK_KEEP_ENABLED);
    }
    assert_int_equal(udmar__quirks_find(ABSENT, 0, INTEL(0x3e92), 0), 0);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, 0x160210de, 0), 0);
}

static void processors(void **state)
{
    (void)state;
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0x206d6),
                     QUIRK_NO_SUPERPAGES | QUIRK_MASK_9);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0x206d7), QUIRK_NO_SUPERPAGES);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0x206a7), QUIRK_NO_SUPERPAGES);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0x306a9), 0);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0x20fd6), 0);
    assert_int_equal(udmar__quirks_find(ABSENT, 0, ABSENT, 0), 0);
}

static void effects_on_facts(void **state)
{
    const struct udmar_unit_facts all = {
        .protected_low = true, .protected_high = true, .max_mask = 18, .superpages = 3
    };
    struct udmar_unit_facts f = all;

    (void)state;
    udmar__quirks_apply(0, &f);
    assert_memory_equal(&f, &all, sizeof(f));
    udmar__quirks_apply(QUIRK_NO_PROTECTED_REGIONS, &f);
    assert_false(f.protected_low || f.protected_high);
    udmar__quirks_apply(QUIRK_WRITE_BUFFER, &f);
    assert_true(f.write_buffer);
    udmar__quirks_apply(QUIRK_MASK_9, &f);
    assert_int_equal(f.max_mask, 9);
    assert_int_equal(f.superpages, 3);
    f.max_mask = 4;
    udmar__quirks_apply(QUIRK_MASK_9, &f);
    assert_int_equal(f.max_mask, 4);
    udmar__quirks_apply(QUIRK_NO_SUPERPAGES, &f);
    assert_int_equal(f.superpages, 0);
}

static void every_quirk_has_a_name(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit <= QUIRK_NO_INTERRUPTS; bit <<= 1) {
        assert_true(strlen(udmar__quirk_name(bit)) > 10);
    }
    assert_string_equal(udmar__quirk_name(QUIRK_NO_INTERRUPTS << 1), "?");
}

/* ---- End to end ------------------------------------------------------------------------------ */

#define IGD UINT16_C(0x0010)

/* A unit for graphics alone and one for the rest, under this host bridge. */
static struct model_unit *graphics(struct fixture *r, uint16_t bridge, uint16_t display)
{
    const struct model_scope scope = fixture_endpoint(IGD);
    struct model_unit *u;

    fixture_machine(r, "generic48");
    u = model_add_unit(r->m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_add_function(r->m, 0, 0, 0x8086, bridge, 0x060000);
    model_add_function(r->m, 0, IGD, 0x8086, display, 0x030000);
    return u;
}

static void broken_graphics_unit_stays_off(void **state)
{
    static const struct {
        uint16_t bridge, display;
    } rows[] = { { 0x0044, 0x0046 }, { 0x1604, 0x1616 } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct model_unit *u;
        struct fixture r;

        u = graphics(&r, rows[i].bridge, rows[i].display);
        fixture_create(&r);
        assert_int_equal(udmar_unit_count(r.instance), 1);
        fixture_start(&r);
        assert_int_equal(model_stats(u)->register_writes, 0);
        assert_int_equal(fixture_info(fixture_attach(&r, IGD)).mode, UDMAR_MODE_UNPROTECTED);
        assert_int_equal(fixture_info(fixture_attach(&r, NIC)).mode, UDMAR_MODE_TRANSLATE);
        fixture_close(&r);
    }
}

static void ironlake_needs_memory_and_is_strict(void **state)
{
    (void)state;
    for (unsigned memory = 0; memory < 2; memory++) {
        struct udmar_domain_info info;
        struct fixture r;

        (void)graphics(&r, 0x0040, 0x0042);
        model_set_config(r.m, 0, 0, 0x50, memory ? UINT32_C(0x08000000) : 0);
        fixture_tune(&r, "hw.dmar.strict", "0");
        fixture_create(&r);
        assert_int_equal(udmar_unit_count(r.instance), memory ? 2 : 1);
        fixture_start(&r);
        if (memory) {
            udmar_domain_info(udmar_device_domain(fixture_attach(&r, IGD)), &info);
            assert_true(info.strict);
        }
        udmar_domain_info(udmar_device_domain(fixture_attach(&r, NIC)), &info);
        assert_false(info.strict);
        fixture_close(&r);
    }
}

/* Only a unit that drains is in danger. */
static void graphics_unit_without_drain_is_switched_off(void **state)
{
    struct model_unit *u;
    struct fixture r;

    (void)state;
    u = graphics(&r, 0x9a14, 0x9a49);
    fixture_create(&r);
    fixture_start(&r);
    assert_int_equal(model_peek32(u, GSTS) & TE, TE);
    assert_int_equal(udmar_stop(r.instance), UDMAR_OK);
    assert_int_equal(model_peek32(u, GSTS) & TE, 0);
    fixture_close(&r);
}

static void protected_regions_are_left_alone_on_5400(void **state)
{
    struct fixture r;

    (void)state;
    fixture_machine(&r, "rwbf");
    model_add_function(r.m, 0, 0, 0x8086, 0x4001, 0x060000);
    model_set_config(r.m, 0, 0, 8, 0x06000020);
    model_poke32(r.u, PMEN, 0x80000001);
    fixture_create(&r);
    fixture_start(&r);
    assert_int_equal(model_peek32(r.u, PMEN), 0x80000001);
    fixture_close(&r);
}

static void sandy_bridge_makes_small_pages(void **state)
{
    struct fixture r;

    (void)state;
    fixture_machine(&r, "generic48");
    r.config.cpu_signature = 0x206d6;
    fixture_tune(&r, "hw.busdma.default", "identity");
    fixture_create(&r);
    fixture_start(&r);
    r.nic = fixture_attach(&r, NIC);
    assert_int_equal(model_count_tree(r.m, 0, NIC).leaves[2], 0);
    assert_int_equal(model_count_tree(r.m, 0, NIC).leaves[1], 2 * RAM / 4096);
    assert_true(model_log_contains(r.m, "BT176"));
    fixture_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_bridges),
        cmocka_unit_test(displays),
        cmocka_unit_test(processors),
        cmocka_unit_test(effects_on_facts),
        cmocka_unit_test(every_quirk_has_a_name),
        cmocka_unit_test(broken_graphics_unit_stays_off),
        cmocka_unit_test(ironlake_needs_memory_and_is_strict),
        cmocka_unit_test(graphics_unit_without_drain_is_switched_off),
        cmocka_unit_test(protected_regions_are_left_alone_on_5400),
        cmocka_unit_test(sandy_bridge_makes_small_pages),
    };

    return cmocka_run_group_tests_name("quirk", tests, NULL, NULL);
}
