/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is meant by a device scope, and which unit governs a function.
 */
#include "fixture/table_build.h"

/* ---- paths ---- */

static enum udmar_status resolve(const struct bridge *bridges, uint8_t bus, unsigned hops,
                                 const uint8_t *path, udmar_rid_t *out_rid)
{
    const struct udmar_bus_reader own = { read_bridge, (void *)(uintptr_t)bridges };
    struct udmar_scope scope = {
        .type = UDMAR_SCOPE_ENDPOINT,
        .length = (uint8_t)(6 + 2 * hops),
        .start_bus = bus,
        .hops = (uint8_t)hops,
        .path = path,
    };

    return udmar_scope_resolve(&scope, 0, bridges == NULL ? NULL : &own, out_rid);
}

static void path_of_one_hop_reads_nothing(void **state)
{
    const uint8_t path[2] = { 31, 7 };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(NULL, 0xff, 1, path, &rid), UDMAR_OK);
    assert_int_equal(rid, 0xffff);
}

static void path_of_two_hops(void **state)
{
    const uint8_t path[4] = { 1, 0, 0, 1 };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(machine_bridges, 0, 2, path, &rid), UDMAR_OK);
    assert_int_equal(rid, UDMAR_RID(1, 0, 1));
}

static void path_of_three_hops(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 5, 6 };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(machine_bridges, 0, 3, path, &rid), UDMAR_OK);
    assert_int_equal(rid, UDMAR_RID(2, 5, 6));
}

static void path_follows_renumbered_buses(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 5, 6 };
    const struct bridge renumbered[] = {
        { 0, UDMAR_RID(0, 1, 0), 0x20, 0x30 },
        { 0, UDMAR_RID(0x20, 0, 0), 0x21, 0x30 },
        { 0, 0, 0, 0 },
    };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(renumbered, 0, 3, path, &rid), UDMAR_OK);
    assert_int_equal(rid, UDMAR_RID(0x21, 5, 6));
}

static void path_needs_bridges(void **state)
{
    const uint8_t first[4] = { 2, 0, 0, 0 };
    const uint8_t second[6] = { 1, 0, 1, 0, 0, 0 };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(machine_bridges, 0, 2, first, &rid), UDMAR_ERR_PATH);
    assert_int_equal(resolve(machine_bridges, 0, 3, second, &rid), UDMAR_ERR_PATH);
    assert_int_equal(resolve(NULL, 0, 2, first, &rid), UDMAR_ERR_PATH);
    assert_int_equal(rid, 0);
}

static void path_refuses_bridge_not_set_up(void **state)
{
    const uint8_t path[4] = { 1, 0, 0, 0 };
    struct bridge bridges[] = { { 0, UDMAR_RID(3, 1, 0), 0, 0 }, { 0, 0, 0, 0 } };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(bridges, 3, 2, path, &rid), UDMAR_ERR_PATH);
    bridges[0].secondary = 3; /* its own bus */
    bridges[0].subordinate = 3;
    assert_int_equal(resolve(bridges, 3, 2, path, &rid), UDMAR_ERR_PATH);
    bridges[0].secondary = 4; /* ends before it begins */
    assert_int_equal(resolve(bridges, 3, 2, path, &rid), UDMAR_ERR_PATH);
    bridges[0].subordinate = 4;
    assert_int_equal(resolve(bridges, 3, 2, path, &rid), UDMAR_OK);
}

static void path_checks_device_and_function(void **state)
{
    const uint8_t device[2] = { 32, 0 }, function[2] = { 0, 8 };
    const uint8_t first[4] = { 33, 0, 0, 0 }; /* 33 & 31 is the root port */
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(NULL, 0, 1, device, &rid), UDMAR_ERR_PATH);
    assert_int_equal(resolve(NULL, 0, 1, function, &rid), UDMAR_ERR_PATH);
    assert_int_equal(resolve(machine_bridges, 0, 2, first, &rid), UDMAR_ERR_PATH);
}

/* ---- matching ---- */

static enum udmar_match match(const struct udmar_table *table, uint16_t segment, udmar_rid_t rid,
                              unsigned *out_distance)
{
    struct udmar_entry entry = entry_at(table, 48);
    enum udmar_match found =
        udmar_entry_match(table, &entry, &machine_reader, segment, rid, out_distance);

    assert_int_equal(udmar_entry_match(table, &entry, &machine_reader, segment, rid, NULL), found);
    return found;
}

/* A table whose only structure has one scope. */
static struct udmar_table one_scope(struct build *b, uint8_t type, uint8_t device)
{
    build_begin(b);
    add_drhd(b, 0, 0, BASE_A);
    add_scope(b, type, 0, device, 0);
    return build_finish(b);
}

static void endpoint_matches_itself_alone(void **state)
{
    unsigned distance = 99;
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_ENDPOINT, 1);

    (void)state;
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 1, 0), &distance), UDMAR_MATCH_EXACT);
    assert_int_equal(distance, 0);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 1, 1), &distance), UDMAR_MATCH_NONE);
    assert_int_equal(match(&table, 0, UDMAR_RID(1, 0, 0), &distance), UDMAR_MATCH_NONE);
}

static void bridge_covers_itself_and_subtree(void **state)
{
    unsigned distance;
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_BRIDGE, 1);

    (void)state;
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 1, 0), &distance), UDMAR_MATCH_EXACT);
    assert_int_equal(distance, 0);
    assert_int_equal(match(&table, 0, UDMAR_RID(1, 0, 0), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(distance, 5);
    assert_int_equal(match(&table, 0, UDMAR_RID(5, 31, 7), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(match(&table, 0, UDMAR_RID(6, 0, 0), &distance), UDMAR_MATCH_NONE);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 1, 1), &distance), UDMAR_MATCH_NONE);
    assert_int_equal(distance, 0);
}

static void bridge_that_is_none_matches_itself(void **state)
{
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_BRIDGE, 2);

    (void)state;
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 2, 0), NULL), UDMAR_MATCH_EXACT);
    assert_int_equal(match(&table, 0, UDMAR_RID(1, 0, 0), NULL), UDMAR_MATCH_NONE);
}

static void bridge_not_set_up_owns_no_bus(void **state)
{
    const struct bridge bridges[] = { { 0, UDMAR_RID(0, 1, 0), 0, 0 }, { 0, 0, 0, 0 } };
    const struct udmar_bus_reader own = { read_bridge, (void *)(uintptr_t)bridges };
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_BRIDGE, 1);

    (void)state;
    expect_no_unit(&table, &own, 0, UDMAR_RID(0, 3, 0));
    expect_unit(&table, &own, 0, UDMAR_RID(0, 1, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_no_unit(&table, NULL, 0, UDMAR_RID(1, 0, 0));
}

static void bridge_reached_over_a_path(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 3, 0 };
    struct udmar_table table;
    unsigned distance;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 3, path);
    table = build_finish(&b);
    assert_int_equal(match(&table, 0, UDMAR_RID(4, 9, 0), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(distance, 2);
    assert_int_equal(match(&table, 0, UDMAR_RID(3, 9, 0), NULL), UDMAR_MATCH_NONE);
}

static void best_scope_of_a_structure_counts(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 3, 0 };
    struct udmar_table table;
    unsigned distance;
    struct build b;

    (void)state;
    build_begin(&b);
    add_list(&b, UDMAR_ENTRY_ATSR, 0, 0);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 3, path);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 2, path);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 4, 9, 0);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 1, path);
    table = build_finish(&b);
    assert_int_equal(match(&table, 0, UDMAR_RID(4, 8, 0), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(distance, 2);
    assert_int_equal(match(&table, 0, UDMAR_RID(4, 9, 0), &distance), UDMAR_MATCH_EXACT);
    assert_int_equal(distance, 0);
    assert_int_equal(match(&table, 0, UDMAR_RID(2, 9, 0), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(distance, 4);
    assert_int_equal(match(&table, 0, UDMAR_RID(1, 9, 0), &distance), UDMAR_MATCH_SUBTREE);
    assert_int_equal(distance, 5);
}

static void broken_path_matches_nothing(void **state)
{
    const uint8_t path[4] = { 2, 0, 0, 0 };
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    add_endpoint(&b, 5);
    table = build_finish(&b);
    assert_int_equal(match(&table, 0, 0, NULL), UDMAR_MATCH_NONE); /* what a failure leaves */
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 5, 0), NULL), UDMAR_MATCH_EXACT);
}

static void interrupt_sources_match_nothing(void **state)
{
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_IOAPIC, 0x1f);

    (void)state;
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 0x1f, 0), NULL), UDMAR_MATCH_NONE);
    table = one_scope(&b, UDMAR_SCOPE_HPET, 0x1f);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 0x1f, 0), NULL), UDMAR_MATCH_NONE);
}

static void namespace_matches_its_id(void **state)
{
    struct build b;
    struct udmar_table table = one_scope(&b, UDMAR_SCOPE_NAMESPACE, 0x15);

    (void)state;
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 0x15, 0), NULL), UDMAR_MATCH_EXACT);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 0x15, 1), NULL), UDMAR_MATCH_NONE);
}

static void match_does_not_look_at_include_all(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    table = build_finish(&b);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 3, 0), NULL), UDMAR_MATCH_NONE);
}

static void other_segment_never_matches(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 7, BASE_A);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    assert_int_equal(match(&table, 7, UDMAR_RID(0, 2, 0), NULL), UDMAR_MATCH_EXACT);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 2, 0), NULL), UDMAR_MATCH_NONE);
    expect_no_unit(&table, &machine_reader, 0, UDMAR_RID(0, 2, 0));
    expect_no_unit(&table, &machine_reader, 0x107, UDMAR_RID(0, 2, 0));
}

static void bridges_are_read_in_the_segment(void **state)
{
    const struct bridge bridges[] = {
        { 0, UDMAR_RID(0, 1, 0), 1, 1 },
        { 7, UDMAR_RID(0, 1, 0), 3, 3 },
        { 0, 0, 0, 0 },
    };
    const struct udmar_bus_reader own = { read_bridge, (void *)(uintptr_t)bridges };
    const uint8_t path[4] = { 1, 0, 2, 0 };
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 7, BASE_A);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    table = build_finish(&b);
    expect_unit(&table, &own, 7, UDMAR_RID(3, 0, 0), BASE_A, UDMAR_MATCH_SUBTREE);
    expect_unit(&table, &own, 7, UDMAR_RID(3, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_no_unit(&table, &own, 7, UDMAR_RID(1, 0, 0));
}

/* ---- the unit of a function ---- */

static void two_units(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_B);
    add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1f, 0);
    table = build_finish(&b);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 2, 1), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0xf0, 0x1f, 0), BASE_B,
                UDMAR_MATCH_INCLUDE_ALL);
}

static void include_all_in_front_is_still_the_fallback(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 2);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    table = build_finish(&b);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 2, 0), BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(3, 0, 0), BASE_B, UDMAR_MATCH_SUBTREE);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
}

static void include_all_is_per_segment(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 1, BASE_A);
    add_drhd(&b, 0, 2, BASE_B);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_C);
    table = build_finish(&b);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL);
    expect_unit(&table, NULL, 1, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
    expect_no_unit(&table, NULL, 2, UDMAR_RID(0, 3, 0));
}

static void scopes_of_an_include_all_unit_count(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_drhd(&b, 1, 0, BASE_B);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 2, 5, 0);
    table = build_finish(&b);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(2, 5, 0), BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(2, 6, 0), BASE_A, UDMAR_MATCH_SUBTREE);
}

/* The same three units in both orders: the place in the table must not matter. */
static void most_specific_bridge_wins(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 3, 0 };
    const uint64_t bases[3] = { BASE_A, BASE_B, BASE_C };
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        build_begin(&b);
        for (unsigned i = 0; i < 3; i++) {
            unsigned unit = order == 0 ? i : 2 - i;

            add_drhd(&b, 0, 0, bases[unit]);
            add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, unit + 1, path);
        }
        table = build_finish(&b);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 1, 0), BASE_A, UDMAR_MATCH_EXACT);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(1, 0, 0), BASE_B, UDMAR_MATCH_EXACT);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(1, 1, 0), BASE_A, UDMAR_MATCH_SUBTREE);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(3, 0, 0), BASE_B, UDMAR_MATCH_SUBTREE);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(5, 0, 0), BASE_C, UDMAR_MATCH_SUBTREE);
    }
}

static void exact_beats_subtree(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        build_begin(&b);
        if (order == 0) {
            add_drhd(&b, 0, 0, BASE_A);
            add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
        }
        add_drhd(&b, 0, 0, BASE_B);
        add_scope(&b, UDMAR_SCOPE_ENDPOINT, 4, 0, 0);
        if (order == 1) {
            add_drhd(&b, 0, 0, BASE_A);
            add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
        }
        table = build_finish(&b);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(4, 0, 0), BASE_B, UDMAR_MATCH_EXACT);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(4, 1, 0), BASE_A, UDMAR_MATCH_SUBTREE);
    }
}

static void unit_of_a_lost_drhd(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, 0);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    expect_doubt(&table, NULL, 0, UDMAR_RID(0, 2, 0), 0, UDMAR_MATCH_EXACT, UDMAR_DEFECT_DRHD_BASE);
    expect_no_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0));
}

static void no_include_all_as_in_qemu(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xff, 0, 0);
    add_endpoint(&b, 0);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 0, 0x1f, 2);
    add_list(&b, UDMAR_ENTRY_ATSR, 1, 0);
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 0);
    expect_unit(&table, &machine_reader, 0, 0, BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 0x1f, 2), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(1, 0, 0), BASE_A, UDMAR_MATCH_SUBTREE);
    expect_no_unit(&table, &machine_reader, 0, UDMAR_RID(0, 2, 0));
    expect_no_unit(&table, &machine_reader, 0, UDMAR_RID(8, 0, 0)); /* below a bridge not named */
    expect_no_unit(&table, &machine_reader, 0, 0xff00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_of_one_hop_reads_nothing),
        cmocka_unit_test(path_of_two_hops),
        cmocka_unit_test(path_of_three_hops),
        cmocka_unit_test(path_follows_renumbered_buses),
        cmocka_unit_test(path_needs_bridges),
        cmocka_unit_test(path_refuses_bridge_not_set_up),
        cmocka_unit_test(path_checks_device_and_function),
        cmocka_unit_test(endpoint_matches_itself_alone),
        cmocka_unit_test(bridge_covers_itself_and_subtree),
        cmocka_unit_test(bridge_that_is_none_matches_itself),
        cmocka_unit_test(bridge_not_set_up_owns_no_bus),
        cmocka_unit_test(bridge_reached_over_a_path),
        cmocka_unit_test(best_scope_of_a_structure_counts),
        cmocka_unit_test(broken_path_matches_nothing),
        cmocka_unit_test(interrupt_sources_match_nothing),
        cmocka_unit_test(namespace_matches_its_id),
        cmocka_unit_test(match_does_not_look_at_include_all),
        cmocka_unit_test(other_segment_never_matches),
        cmocka_unit_test(bridges_are_read_in_the_segment),
        cmocka_unit_test(two_units),
        cmocka_unit_test(include_all_in_front_is_still_the_fallback),
        cmocka_unit_test(include_all_is_per_segment),
        cmocka_unit_test(scopes_of_an_include_all_unit_count),
        cmocka_unit_test(most_specific_bridge_wins),
        cmocka_unit_test(exact_beats_subtree),
        cmocka_unit_test(unit_of_a_lost_drhd),
        cmocka_unit_test(no_include_all_as_in_qemu),
    };

    return cmocka_run_group_tests_name("find_unit", tests, NULL, NULL);
}
