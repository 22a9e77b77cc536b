/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged units: what they name, or might name, is never said to be another unit's.
 */
#include "fixture/table_build.h"

#define DISPLAY UDMAR_RID(0, 2, 0)
#define DISK    UDMAR_RID(0, 0x1f, 2)
#define NIC     UDMAR_RID(1, 0, 0) /* below the bridge 00:01.0 */

/* A unit for the display, a damaged one that was for the disk, and one for all else. */
struct scene {
    struct build b;
    uint32_t damaged; /* offset */
    uint32_t scope;   /* of the damaged one's only scope */
};

static void begin(struct scene *s, uint64_t base)
{
    build_begin(&s->b);
    add_drhd(&s->b, 0, 0, BASE_A);
    add_endpoint(&s->b, 2);
    s->damaged = add_drhd(&s->b, 0, 0, base);
    s->scope = add_scope(&s->b, UDMAR_SCOPE_ENDPOINT, 0, 0x1f, 2);
}

static struct udmar_table finish(struct scene *s)
{
    add_drhd(&s->b, 1, 0, BASE_C);
    add_drhd(&s->b, 1, 1, BASE_C + 0x1000);
    return build_finish(&s->b);
}

/* The scopes are sound: what they name is lost, all else is as if the unit were not there. */
static void impossible_registers_cost_their_devices(void **state)
{
    static const struct {
        uint64_t base;
        enum udmar_defect_kind kind;
    } cases[] = {
        { 0, UDMAR_DEFECT_DRHD_BASE },
        { BASE_B + 1, UDMAR_DEFECT_DRHD_BASE },
        { BASE_B + 0x800, UDMAR_DEFECT_DRHD_BASE },
        { UINT64_MAX, UDMAR_DEFECT_DRHD_BASE },
        { UINT64_C(0x8000000000), UDMAR_DEFECT_DRHD_WIDTH },
        { UINT64_C(0xfffffffffffff000), UDMAR_DEFECT_DRHD_WIDTH },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct udmar_table table;
        struct scene s;

        begin(&s, cases[i].base);
        table = finish(&s);
        expect_only(&table, cases[i].kind, s.damaged, 0, cases[i].base);
        expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
        expect_doubt(&table, NULL, 0, DISK, cases[i].base, UDMAR_MATCH_EXACT, cases[i].kind);
        expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL);
    }
}

static void impossible_registers_of_a_bridges_unit(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, 0);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_drhd(&b, 0, 0, BASE_A);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 1, 0, 0);
    add_drhd(&b, 1, 0, BASE_C);
    table = build_finish(&b);
    /* Named by a scope of its own, which is more than a bridge's. */
    expect_unit(&table, &machine_reader, 0, NIC, BASE_A, UDMAR_MATCH_EXACT);
    expect_doubt(&table, &machine_reader, 0, UDMAR_RID(1, 1, 0), 0, UDMAR_MATCH_SUBTREE,
                 UDMAR_DEFECT_DRHD_BASE);
    expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL);
}

/* Named twice and equally well: the one that can be used has it, wherever it stands. */
static void usable_unit_wins_an_equal_claim(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        struct udmar_table table;
        struct build b;

        build_begin(&b);
        for (unsigned i = 0; i < 2; i++) {
            add_drhd(&b, 0, 0, i == first ? 0 : BASE_A);
            add_endpoint(&b, 3);
        }
        table = build_finish(&b);
        expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_EXACT);
    }
}

/* The fallback itself is lost. */
static void impossible_registers_of_the_rest(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, 0);
    table = build_finish(&b);
    expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
    expect_doubt(&table, NULL, 0, DISK, 0, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_DRHD_BASE);
    expect_no_unit(&table, NULL, 1, DISK);

    /* A second one would have it, but which of the two does is not known. */
    build_begin(&b);
    add_drhd(&b, 1, 0, 0);
    add_drhd(&b, 1, 0, BASE_A);
    table = build_finish(&b);
    expect_doubt(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
}

static void damage_length(struct scene *s)
{
    s->b.bytes[s->scope + 1] = 6;
}

static void damage_length_of_the_next(struct scene *s)
{
    s->b.bytes[add_endpoint(&s->b, 4) + 1] = 0x40;
}

static void damage_odd_length(struct scene *s)
{
    s->b.bytes[s->scope + 1] = 7;
}

static void damage_device(struct scene *s)
{
    s->b.bytes[s->scope + 6] = 32;
}

static void damage_function(struct scene *s)
{
    s->b.bytes[s->scope + 7] = 8;
}

static void damage_type_and_path(struct scene *s)
{
    s->b.bytes[s->scope] = 9;
    s->b.bytes[s->scope + 7] = 0xff;
}

static void cut_scope(struct scene *s)
{
    s->b.length -= 1;
    build_grown(&s->b);
}

/* What the list of a unit says is not known: nobody else has what is named nowhere. */
static void damaged_list_leaves_nothing_to_the_rest(void **state)
{
    static void (*const damages[])(struct scene *) = {
        damage_length,   damage_length_of_the_next, damage_odd_length, damage_device,
        damage_function, damage_type_and_path,      cut_scope,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct udmar_table table;
        struct scene s;

        begin(&s, BASE_B);
        damages[i](&s);
        table = finish(&s);
        assert_true(check_table(&table).list[0].loses_entry);
        expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
        expect_doubt(&table, NULL, 0, DISK, BASE_C, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
        expect_doubt(&table, NULL, 0, UDMAR_RID(9, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL,
                     UDMAR_DEFECT_NONE);
        /* Another segment's devices are not its own. */
        expect_unit(&table, NULL, 1, DISK, BASE_C + 0x1000, UDMAR_MATCH_INCLUDE_ALL);
        expect_no_unit(&table, NULL, 2, DISK);
    }
}

static void damaged_list_of_the_rest(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_B);
    b.bytes[add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1f, 0) + 1] = 2;
    table = build_finish(&b);
    expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
    expect_doubt(&table, NULL, 0, DISK, BASE_B, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_SCOPE_LENGTH);
}

/* A type of tomorrow, or a type that was damaged: the path may be right. */
static void unknown_type_costs_what_its_path_names(void **state)
{
    static const uint8_t types[] = { 0, 6, 7, 255 };

    (void)state;
    for (unsigned i = 0; i < sizeof(types); i++) {
        struct udmar_table table;
        struct scene s;

        begin(&s, BASE_B);
        s.b.bytes[s.scope] = types[i];
        add_scope(&s.b, types[i], 0, 1, 0);
        table = finish(&s);
        expect_doubt(&table, &machine_reader, 0, DISK, BASE_B, UDMAR_MATCH_EXACT,
                     UDMAR_DEFECT_NONE);
        /* If it is a bridge, all below may be meant. */
        expect_doubt(&table, &machine_reader, 0, NIC, BASE_B, UDMAR_MATCH_SUBTREE,
                     UDMAR_DEFECT_NONE);
        expect_unit(&table, &machine_reader, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 3, 0), BASE_C,
                    UDMAR_MATCH_INCLUDE_ALL);
    }
}

/* Ids on interrupt requests are no functions. */
static void interrupt_sources_are_in_no_doubt(void **state)
{
    struct udmar_table table;
    struct scene s;

    (void)state;
    begin(&s, BASE_B);
    s.b.bytes[add_scope(&s.b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1f, 0) + 6] = 0xff;
    s.b.bytes[add_scope(&s.b, UDMAR_SCOPE_HPET, 0xf0, 0x1f, 0) + 7] = 0xff;
    table = finish(&s);
    expect_unit(&table, NULL, 0, DISK, BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL);
}

static void drhd_without_its_fixed_part_may_be_anywhere(void **state)
{
    (void)state;
    for (uint16_t length = 4; length <= 16; length++) {
        struct udmar_table table;
        struct build b;

        build_begin(&b);
        add_drhd(&b, 0, 0, BASE_A);
        add_endpoint(&b, 2);
        add_blob(&b, UDMAR_ENTRY_DRHD, length);
        add_drhd(&b, 1, 0, BASE_B);
        add_drhd(&b, 1, 7, BASE_C);
        table = build_finish(&b);
        expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
        if (length == 16)
            continue; /* what the bytes say is another test's */
        expect_doubt(&table, NULL, 0, DISK, BASE_B, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
        expect_doubt(&table, NULL, 7, DISK, BASE_C, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
        expect_doubt(&table, NULL, 3, DISK, 0, UDMAR_MATCH_NONE, UDMAR_DEFECT_NONE);
    }
}

/* The table breaks off: where a unit could be behind, nobody has the rest. */
static void units_may_be_behind_the_break(void **state)
{
    static const struct {
        uint16_t type;   /* of the structure that is damaged */
        uint16_t length; /* that it is given */
        bool padding;    /* nothing but zero bytes from there on */
        bool doubt;
    } cases[] = {
        { UDMAR_ENTRY_DRHD, 0, false, true },     { UDMAR_ENTRY_DRHD, 3, false, true },
        { UDMAR_ENTRY_DRHD, 0xff, false, true },  { UDMAR_ENTRY_DRHD, 0, true, false },
        { UDMAR_ENTRY_RMRR, 0, false, false },    { UDMAR_ENTRY_RMRR, 3, false, false },
        { UDMAR_ENTRY_RMRR, 0xff, false, false }, { UDMAR_ENTRY_SIDP, 0, false, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct udmar_table table;
        struct build b;
        uint32_t at;

        build_begin(&b);
        add_drhd(&b, 1, 0, BASE_A);
        at = add_blob(&b, cases[i].type, 32);
        b.bytes[at + 2] = (uint8_t)cases[i].length;
        for (uint32_t j = at + 4; j < b.length; j++)
            b.bytes[j] = cases[i].padding ? 0 : 0x55;
        table = build_finish(&b);
        if (cases[i].doubt)
            expect_doubt(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
        else
            expect_unit(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL);
    }
}

/* A unit that is shorter than it was: its scopes stand behind it, where no structure is. */
static void unit_that_ends_before_its_scopes(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t at;

    (void)state;
    build_begin(&b);
    at = add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_endpoint(&b, 3);
    b.bytes[at + 2] = 24;
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 2);
    expect_defect(&check_table(&table).list[0], UDMAR_DEFECT_DRHD_END, at, 0, 24);
    expect_doubt(&table, NULL, 0, DISPLAY, 0, UDMAR_MATCH_NONE, UDMAR_DEFECT_NONE);
    expect_doubt(&table, NULL, 0, UDMAR_RID(0, 3, 0), 0, UDMAR_MATCH_NONE, UDMAR_DEFECT_NONE);

    /* One that takes the rest names no function: it can be used. */
    b.bytes[at + 4] = 1;
    build_seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_OK);
    expect_unit(&table, NULL, 0, DISPLAY, BASE_A, UDMAR_MATCH_EXACT);
    expect_doubt(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
}

/* Types ascend; where they have not, nothing is known of what comes behind. */
static void order_that_is_broken_says_nothing(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t at;

    (void)state;
    build_begin(&b);
    add_rmrr(&b, 0, 0x1000, 0x1fff);
    add_drhd(&b, 1, 0, BASE_A);
    at = add_rmrr(&b, 0, 0x3000, 0x3fff);
    b.bytes[at + 2] = 0;
    table = build_finish(&b);
    expect_doubt(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);

    /* A head that is cut off, behind units alone, may have been a unit's. */
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    build_put(&b, 0x200000, 3);
    table = build_finish(&b);
    expect_doubt(&table, NULL, 0, DISK, BASE_A, UDMAR_MATCH_INCLUDE_ALL, UDMAR_DEFECT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_registers_cost_their_devices),
        cmocka_unit_test(impossible_registers_of_a_bridges_unit),
        cmocka_unit_test(usable_unit_wins_an_equal_claim),
        cmocka_unit_test(impossible_registers_of_the_rest),
        cmocka_unit_test(damaged_list_leaves_nothing_to_the_rest),
        cmocka_unit_test(damaged_list_of_the_rest),
        cmocka_unit_test(unknown_type_costs_what_its_path_names),
        cmocka_unit_test(interrupt_sources_are_in_no_doubt),
        cmocka_unit_test(drhd_without_its_fixed_part_may_be_anywhere),
        cmocka_unit_test(units_may_be_behind_the_break),
        cmocka_unit_test(unit_that_ends_before_its_scopes),
        cmocka_unit_test(order_that_is_broken_says_nothing),
    };

    return cmocka_run_group_tests_name("find_unit_doubt", tests, NULL, NULL);
}
