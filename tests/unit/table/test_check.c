/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a table: each defect is told once, and costs what it should and no more.
 */
#include "fixture/table_build.h"

/* ---- defects that cost a structure: the others stay ---- */

/* A unit and a reserved region, to be put around something broken. */
static struct udmar_table around(struct build *b, void (*broken)(struct build *), uint32_t *at)
{
    uint32_t drhd, rmrr;
    struct udmar_table table;

    build_begin(b);
    drhd = add_drhd(b, 1, 0, BASE_A);
    *at = b->length;
    broken(b);
    rmrr = add_rmrr(b, 0, 0x1000, 0x1fff);
    table = build_finish(b);
    EXPECT_ENTRIES(&table, drhd, rmrr);
    return table;
}

static void put_short_drhd(struct build *b)
{
    add_blob(b, UDMAR_ENTRY_DRHD, 15);
}

static void put_short_rmrr(struct build *b)
{
    add_blob(b, UDMAR_ENTRY_RMRR, 23);
}

static void put_short_scope(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    add_endpoint(b, 1);
    b->bytes[add_endpoint(b, 2) + 1] = 6;
}

static void put_zero_scope(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    b->bytes[add_endpoint(b, 2) + 1] = 0;
}

static void put_odd_scope(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    b->bytes[add_endpoint(b, 2) + 1] = 9;
    build_put(b, 0, 1);
    build_grown(b);
}

static void put_long_scope(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    b->bytes[add_endpoint(b, 2) + 1] = 10;
}

static void put_scope_crumb(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    build_put(b, 1, 1);
    build_grown(b);
}

static void put_drhd_at_zero(struct build *b)
{
    add_drhd(b, 0, 0, 0);
    add_endpoint(b, 1);
}

static void put_drhd_at_all_ones(struct build *b)
{
    add_drhd(b, 0, 0, UINT64_MAX);
    add_endpoint(b, 1);
}

static void put_drhd_unaligned(struct build *b)
{
    add_drhd(b, 0, 0, BASE_B + 0x800);
    add_endpoint(b, 1);
}

static void put_drhd_too_high(struct build *b)
{
    add_drhd(b, 0, 0, UINT64_C(0x8000000000));
    add_endpoint(b, 1);
}

static void put_rmrr_backwards(struct build *b)
{
    add_rmrr(b, 0, 0x4000, 0x3fff);
}

static void put_rmrr_too_large(struct build *b)
{
    add_rmrr(b, 0, 0x4000, UINT64_C(0x100004000));
}

static void put_andd_endless(struct build *b)
{
    add_andd(b, 1, "\\_SB.I2C0", 9);
}

static void put_andd_empty(struct build *b)
{
    add_andd(b, 1, "", 0);
}

static void put_type_7(struct build *b)
{
    add_blob(b, 7, 4);
}

static void put_type_0x100(struct build *b)
{
    add_drhd(b, 0, 0, BASE_B);
    b->bytes[b->open + 1] = 1;
}

static void broken_structure_costs_itself(void **state)
{
    static const struct {
        void (*broken)(struct build *);
        enum udmar_defect_kind kind;
        uint32_t offset; /* in the broken structure */
        uint64_t value;
    } cases[] = {
        { put_short_drhd, UDMAR_DEFECT_TOO_SHORT, 0, 15 },
        { put_short_rmrr, UDMAR_DEFECT_TOO_SHORT, 0, 23 },
        { put_short_scope, UDMAR_DEFECT_SCOPE_LENGTH, 32, 6 },
        { put_zero_scope, UDMAR_DEFECT_SCOPE_LENGTH, 24, 0 },
        { put_odd_scope, UDMAR_DEFECT_SCOPE_LENGTH, 24, 9 },
        { put_long_scope, UDMAR_DEFECT_SCOPE_LENGTH, 24, 10 },
        { put_scope_crumb, UDMAR_DEFECT_SCOPE_LENGTH, 24, 0 },
        { put_drhd_at_zero, UDMAR_DEFECT_DRHD_BASE, 0, 0 },
        { put_drhd_at_all_ones, UDMAR_DEFECT_DRHD_BASE, 0, UINT64_MAX },
        { put_drhd_unaligned, UDMAR_DEFECT_DRHD_BASE, 0, BASE_B + 0x800 },
        { put_drhd_too_high, UDMAR_DEFECT_DRHD_WIDTH, 0, UINT64_C(0x8000000000) },
        { put_rmrr_backwards, UDMAR_DEFECT_RMRR_ORDER, 0, 0x3fff },
        { put_rmrr_too_large, UDMAR_DEFECT_RMRR_SIZE, 0, UINT64_C(0x100004000) },
        { put_andd_endless, UDMAR_DEFECT_ANDD_STRING, 0, 17 },
        { put_andd_empty, UDMAR_DEFECT_ANDD_STRING, 0, 8 },
        { put_type_7, UDMAR_DEFECT_UNKNOWN_TYPE, 0, 7 },
        { put_type_0x100, UDMAR_DEFECT_UNKNOWN_TYPE, 0, 0x100 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct defects defects;
        struct build b;
        uint32_t at;
        struct udmar_table table = around(&b, cases[i].broken, &at);
        uint16_t type = (uint16_t)(b.bytes[at] | b.bytes[at + 1] << 8);

        defects = check_table(&table);
        assert_int_equal(defects.count, type > UDMAR_ENTRY_RMRR ? 2 : 1);
        expect_defect(&defects.list[0], cases[i].kind, at + cases[i].offset, type, cases[i].value);
        if (defects.count == 2)
            assert_int_equal(defects.list[1].kind, UDMAR_DEFECT_TYPE_ORDER);
    }
}

static void lost_structure_tells_all(void **state)
{
    struct defects defects;
    struct udmar_table table;
    struct build b;
    uint32_t drhd, scope;

    (void)state;
    build_begin(&b);
    drhd = add_drhd(&b, 0, 0, 0);
    scope = add_endpoint(&b, 1);
    b.bytes[scope + 1] = 3;
    table = build_finish(&b);
    defects = check_table(&table);
    assert_int_equal(defects.count, 2);
    expect_defect(&defects.list[0], UDMAR_DEFECT_DRHD_BASE, drhd, 0, 0);
    expect_defect(&defects.list[1], UDMAR_DEFECT_SCOPE_LENGTH, scope, 0, 3);
}

/* The last page that fits is usable, with any width; 64 bits leave nothing to complain about. */
static void drhd_width(void **state)
{
    static const struct {
        uint8_t byte;
        uint64_t base;
        bool good;
    } cases[] = {
        { 38, UINT64_C(0x7ffffff000), true },
        { 38, UINT64_C(0x8000000000), false },
        { 38, UINT64_C(0xfffffffffffff000), false },
        { 31, BASE_A, true },
        { 30, BASE_A, false },
        { 62, UINT64_C(0x8000000000000000), false },
        { 63, UINT64_C(0xfffffffffffff000), true },
        { 255, UINT64_C(0xfffffffffffff000), true },
    };
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build_begin(&b);
        b.bytes[36] = cases[i].byte;
        add_drhd(&b, 1, 0, cases[i].base);
        table = build_finish(&b);
        if (cases[i].good) {
            assert_int_equal(check_table(&table).count, 0);
            expect_unit(&table, NULL, 0, 0, cases[i].base, UDMAR_MATCH_INCLUDE_ALL);
        } else {
            expect_only(&table, UDMAR_DEFECT_DRHD_WIDTH, 48, 0, cases[i].base);
            expect_doubt(&table, NULL, 0, 0, cases[i].base, UDMAR_MATCH_INCLUDE_ALL,
                         UDMAR_DEFECT_DRHD_WIDTH);
        }
    }
}

static void short_head_ends_the_table(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd, end;

    (void)state;
    for (unsigned crumbs = 1; crumbs < 4; crumbs++) {
        build_begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        end = b.length;
        build_put(&b, 0x0500, crumbs);
        table = build_finish(&b);
        EXPECT_ENTRIES(&table, drhd);
        expect_only(&table, UDMAR_DEFECT_SHORT_HEAD, end, 0xffff, crumbs);
    }
}

static void small_length_ends_the_table(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd, bad;

    (void)state;
    for (uint8_t length = 0; length < 4; length++) {
        build_begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        bad = add_rmrr(&b, 0, 0x1000, 0x1fff);
        add_rmrr(&b, 0, 0x3000, 0x3fff);
        b.bytes[bad + 2] = length;
        table = build_finish(&b);
        EXPECT_ENTRIES(&table, drhd);
        expect_only(&table, UDMAR_DEFECT_LENGTH_ZERO, bad, UDMAR_ENTRY_RMRR, length);
    }
}

static void structure_past_the_end(void **state)
{
    static const uint16_t lengths[] = { 25, 0x0118, 0xffff };
    struct udmar_table table;
    struct build b;
    uint32_t drhd, bad;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        build_begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        bad = add_rmrr(&b, 0, 0x1000, 0x1fff);
        b.bytes[bad + 2] = (uint8_t)lengths[i];
        b.bytes[bad + 3] = (uint8_t)(lengths[i] >> 8);
        table = build_finish(&b);
        EXPECT_ENTRIES(&table, drhd);
        expect_only(&table, UDMAR_DEFECT_PAST_END, bad, UDMAR_ENTRY_RMRR, lengths[i]);
    }
}

/* The same registers cannot be in two segments: the first one has them. */
static void registers_of_another_segment(void **state)
{
    struct udmar_table table;
    uint32_t first, second, third;
    struct build b;

    (void)state;
    build_begin(&b);
    first = add_drhd(&b, 1, 0, BASE_A);
    second = add_drhd(&b, 1, 1, BASE_A);
    third = add_drhd(&b, 1, 0, BASE_A);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, first, third);
    assert_int_equal(check_table(&table).count, 2);
    expect_defect(&check_table(&table).list[0], UDMAR_DEFECT_DRHD_SEGMENT, second, 0, BASE_A);
    assert_true(check_table(&table).list[0].loses_entry);
    expect_defect(&check_table(&table).list[1], UDMAR_DEFECT_DRHD_COPY, third, 0, 1);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
    expect_doubt(&table, NULL, 1, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL,
                 UDMAR_DEFECT_DRHD_SEGMENT);
}

static void duplicate_of_a_lost_unit_stays(void **state)
{
    struct udmar_table table;
    uint32_t lost, good;
    struct build b;

    (void)state;
    build_begin(&b);
    lost = add_drhd(&b, 0, 0, BASE_A);
    b.bytes[add_endpoint(&b, 1) + 1] = 7;
    good = add_drhd(&b, 1, 0, BASE_A);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, good);
    expect_only(&table, UDMAR_DEFECT_SCOPE_LENGTH, lost + 16, 0, 7);
}

/* One unit, whose scopes are those of both. */
static void duplicate_adds_its_scopes(void **state)
{
    struct udmar_table table;
    struct udmar_entry entry, first;
    uint32_t original, copy;
    struct build b;

    (void)state;
    build_begin(&b);
    original = add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1);
    copy = add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1); /* no second claim: it is the same unit */
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_B);
    table = build_finish(&b);
    expect_only(&table, UDMAR_DEFECT_DRHD_DUPLICATE, copy, 0, BASE_A);
    assert_false(check_table(&table).list[0].loses_entry);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 1, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
    entry = entry_at(&table, original);
    assert_false(udmar_drhd_repeats(&table, &entry, &first));
    assert_int_equal(first.offset, original);
    entry = entry_at(&table, copy);
    assert_true(udmar_drhd_repeats(&table, &entry, &first));
    assert_int_equal(first.offset, original);
}

static void duplicate_may_take_the_rest(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1);
    add_drhd(&b, 1, 0, BASE_A);
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 1);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
}

/* As a workstation of 2019 has it: each unit is there twice, which is worth one line. */
static void every_unit_twice(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t copy = 0;

    (void)state;
    build_begin(&b);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t at = add_drhd(&b, i % 4 == 3, 0, BASE_A + 0x1000 * (i % 4));

        copy = i == 4 ? at : copy;
        add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xf0, (uint8_t)(i % 4), 0);
        if (i % 4 != 3)
            add_endpoint(&b, (uint8_t)(1 + i % 4));
    }
    table = build_finish(&b);
    /* The first include-all unit is followed by copies of plain ones, which are no other units. */
    expect_defect(&check_table(&table).list[check_table(&table).count - 1], UDMAR_DEFECT_DRHD_COPY,
                  copy, 0, 4);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_A + 0x1000, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 9, 0), BASE_A + 0x3000, UDMAR_MATCH_INCLUDE_ALL);
}

/* ---- defects that cost nothing ---- */

static void types_should_ascend(void **state)
{
    uint32_t rmrr, first, second;
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    rmrr = add_rmrr(&b, 0, 0x1000, 0x1fff);
    first = add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1);
    second = add_drhd(&b, 1, 0, BASE_B);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, rmrr, first, second);
    expect_only(&table, UDMAR_DEFECT_TYPE_ORDER, first, UDMAR_ENTRY_DRHD, 0);
}

static void rmrr_alignment(void **state)
{
    struct udmar_table table;
    uint32_t low, high;
    struct defects defects;
    struct build b;

    (void)state;
    build_begin(&b);
    low = add_rmrr(&b, 0, 0x1001, 0x1ffe);
    high = add_rmrr(&b, 0, 0x3000, 0x3ffe);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, low, high);
    defects = check_table(&table);
    assert_int_equal(defects.count, 2);
    expect_defect(&defects.list[0], UDMAR_DEFECT_RMRR_ALIGNMENT, low, 1, 0x1001);
    expect_defect(&defects.list[1], UDMAR_DEFECT_RMRR_ALIGNMENT, high, 1, 0x3ffe);
}

static void rmrr_overlap(void **state)
{
    static const struct {
        uint16_t segment;
        uint64_t base, limit;
        unsigned count;
    } cases[] = {
        { 0, 0x2000, 0x2fff, 0 }, /* touches from below */
        { 0, 0x5000, 0x5fff, 0 }, /* touches from above */
        { 0, 0x4000, 0x5fff, 1 }, { 0, 0x2000, 0x3fff, 1 }, { 0, 0x1000, 0x9fff, 1 },
        { 0, 0x3000, 0x4fff, 1 }, { 1, 0x3000, 0x4fff, 0 },
    };
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t first, second;

        build_begin(&b);
        first = add_rmrr(&b, 0, 0x3000, 0x4fff);
        second = add_rmrr(&b, cases[i].segment, cases[i].base, cases[i].limit);
        table = build_finish(&b);
        EXPECT_ENTRIES(&table, first, second);
        if (cases[i].count == 0)
            assert_int_equal(check_table(&table).count, 0);
        else
            expect_only(&table, UDMAR_DEFECT_RMRR_OVERLAP, second, 1, cases[i].base);
    }
}

static void rmrr_width(void **state)
{
    struct udmar_table table;
    uint32_t inside, outside;
    struct build b;

    (void)state;
    build_begin(&b);
    inside = add_rmrr(&b, 0, UINT64_C(0x7ffffff000), UINT64_C(0x7fffffffff));
    outside = add_rmrr(&b, 0, UINT64_C(0x8000000000), UINT64_C(0x8000000fff));
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, inside, outside);
    expect_only(&table, UDMAR_DEFECT_RMRR_WIDTH, outside, 1, UINT64_C(0x8000000fff));
}

static void include_all_twice(void **state)
{
    uint32_t first, second, other;
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    first = add_drhd(&b, 1, 0, BASE_A);
    second = add_drhd(&b, 1, 0, BASE_B);
    other = add_drhd(&b, 1, 1, BASE_C);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, first, second, other);
    expect_only(&table, UDMAR_DEFECT_INCLUDE_ALL_TWICE, second, 0, BASE_B);
    expect_unit(&table, NULL, 0, UDMAR_RID(3, 0, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
}

static void include_all_comes_last(void **state)
{
    struct udmar_table table;
    uint32_t all, other;
    struct build b;

    (void)state;
    build_begin(&b);
    all = add_drhd(&b, 1, 0, BASE_A);
    other = add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, all, other);
    expect_only(&table, UDMAR_DEFECT_INCLUDE_ALL_ORDER, all, 0, BASE_A);
}

static void include_all_comes_last_in_its_segment(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_drhd(&b, 0, 1, BASE_B);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 0);
}

static void scope_type_unknown(void **state)
{
    static const uint8_t types[] = { 0, 6, 255 };
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        build_begin(&b);
        add_drhd(&b, 0, 0, BASE_A);
        scope = add_scope(&b, types[i], 0, 2, 0);
        add_endpoint(&b, 3);
        table = build_finish(&b);
        expect_only(&table, UDMAR_DEFECT_SCOPE_TYPE, scope, 0, types[i]);
        expect_doubt(&table, &machine_reader, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT,
                     UDMAR_DEFECT_NONE);
        expect_unit(&table, &machine_reader, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_EXACT);
    }
}

static void scope_path_impossible(void **state)
{
    static const struct {
        uint8_t path[4];
        uint64_t value; /* 0: nothing wrong */
    } cases[] = {
        { { 31, 7, 31, 7 }, 0 },     { { 32, 0, 2, 0 }, 0x2000 },  { { 1, 8, 2, 0 }, 0x0108 },
        { { 1, 0, 34, 0 }, 0x2200 }, { { 1, 0, 2, 255 }, 0x02ff }, { { 64, 9, 99, 0 }, 0x4009 },
    };
    const uint8_t types[] = { UDMAR_SCOPE_ENDPOINT, UDMAR_SCOPE_BRIDGE, UDMAR_SCOPE_HPET };
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    for (unsigned i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
        build_begin(&b);
        add_drhd(&b, 0, 0, BASE_A);
        scope = add_path(&b, types[i % 3], 0, 0, 2, cases[i / 3].path);
        add_endpoint(&b, 3);
        table = build_finish(&b);
        if (cases[i / 3].value == 0)
            assert_int_equal(check_table(&table).count, 0);
        else
            expect_only(&table, UDMAR_DEFECT_SCOPE_PATH, scope, 0, cases[i / 3].value);
        if (cases[i / 3].value == 0 || types[i % 3] == UDMAR_SCOPE_HPET) {
            expect_no_unit(&table, &machine_reader, 0, UDMAR_RID(1, 2, 0));
            expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_EXACT);
            continue;
        }
        /* What could have been named by it is not known. */
        assert_true(check_table(&table).list[0].loses_entry);
        expect_doubt(&table, NULL, 0, UDMAR_RID(1, 2, 0), 0, UDMAR_MATCH_NONE, UDMAR_DEFECT_NONE);
        expect_doubt(&table, NULL, 0, UDMAR_RID(0, 3, 0), 0, UDMAR_MATCH_NONE, UDMAR_DEFECT_NONE);
    }
}

/* One defect for each scope, and no claims or names asked for what matches nothing anyway. */
static void scope_path_impossible_is_all_that_is_said(void **state)
{
    const uint8_t path[2] = { 40, 0 };
    struct defects defects;
    struct udmar_table table;
    uint32_t first, second;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    first = add_path(&b, UDMAR_SCOPE_NAMESPACE, 1, 0, 1, path);
    add_drhd(&b, 0, 0, BASE_B);
    second = add_path(&b, UDMAR_SCOPE_NAMESPACE, 1, 0, 1, path);
    table = build_finish(&b);
    defects = check_table(&table);
    assert_int_equal(defects.count, 2);
    expect_defect(&defects.list[0], UDMAR_DEFECT_SCOPE_PATH, first, 0, 0x2800);
    expect_defect(&defects.list[1], UDMAR_DEFECT_SCOPE_PATH, second, 0, 0x2800);
}

static void scope_claimed_twice(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_endpoint(&b, 2); /* twice in one unit hurts nobody */
    add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 3);
    scope = add_endpoint(&b, 2);
    add_rmrr(&b, 0, 0x1000, 0x1fff);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    expect_only(&table, UDMAR_DEFECT_SCOPE_TWICE, scope, 0, BASE_A);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
}

static void scopes_that_differ_are_no_claim(void **state)
{
    const uint8_t path[4] = { 1, 0, 2, 0 };
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 1, path);
    add_path(&b, UDMAR_SCOPE_HPET, 0, 0, 1, path);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 5, 2, path);
    add_drhd(&b, 0, 0, BASE_B);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 5, 1, path); /* shorter */
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path); /* longer */
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 1, 1, path); /* other bus */
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 0, 1, 1);      /* other function */
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 1, path);   /* other type */
    add_path(&b, UDMAR_SCOPE_HPET, 1, 0, 1, path);     /* other HPET behind the same id */
    add_drhd(&b, 0, 1, BASE_C);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 1, path); /* other segment */
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 0);
}

static void buffer_longer_than_the_table(void **state)
{
    struct defects defects;
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    build_seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, 65, &table), UDMAR_OK);
    expect_only(&table, UDMAR_DEFECT_TRAILING, 64, 0xffff, 65);
    assert_int_equal(udmar_table_open(b.bytes, 64, &table), UDMAR_OK);
    assert_int_equal(check_table(&table).count, 0);
    /* It comes last, also behind what ends a table early. */
    build_put(&b, 0, 2);
    build_seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, sizeof(b.bytes), &table), UDMAR_OK);
    defects = check_table(&table);
    assert_int_equal(defects.count, 2);
    expect_defect(&defects.list[0], UDMAR_DEFECT_SHORT_HEAD, 64, 0xffff, 2);
    expect_defect(&defects.list[1], UDMAR_DEFECT_TRAILING, 66, 0xffff, sizeof(b.bytes));
}

static void unit_for_nobody(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd;

    (void)state;
    build_begin(&b);
    drhd = add_drhd(&b, 0, 0, BASE_A);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, drhd);
    expect_only(&table, UDMAR_DEFECT_NO_SCOPE, drhd, 0, BASE_A);
}

static void rhsa_for_nobody(void **state)
{
    struct udmar_table table;
    uint32_t drhd, good, bad;
    struct build b;

    (void)state;
    build_begin(&b);
    drhd = add_drhd(&b, 1, 3, BASE_A);
    good = add_rhsa(&b, BASE_A, 0);
    bad = add_rhsa(&b, BASE_B, 0);
    table = build_finish(&b);
    EXPECT_ENTRIES(&table, drhd, good, bad);
    expect_only(&table, UDMAR_DEFECT_RHSA_UNKNOWN, bad, UDMAR_ENTRY_RHSA, BASE_B);
}

static void namespace_without_name(void **state)
{
    const uint8_t path[2] = { 0x15, 0 };
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_NAMESPACE, 1, 0, 1, path);
    scope = add_path(&b, UDMAR_SCOPE_NAMESPACE, 2, 0, 1, path);
    add_andd(&b, 1, "\\_SB", 5);
    table = build_finish(&b);
    expect_only(&table, UDMAR_DEFECT_NAMESPACE_UNKNOWN, scope, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_structure_costs_itself),
        cmocka_unit_test(lost_structure_tells_all),
        cmocka_unit_test(drhd_width),
        cmocka_unit_test(short_head_ends_the_table),
        cmocka_unit_test(small_length_ends_the_table),
        cmocka_unit_test(structure_past_the_end),
        cmocka_unit_test(registers_of_another_segment),
        cmocka_unit_test(duplicate_of_a_lost_unit_stays),
        cmocka_unit_test(duplicate_adds_its_scopes),
        cmocka_unit_test(duplicate_may_take_the_rest),
        cmocka_unit_test(every_unit_twice),
        cmocka_unit_test(types_should_ascend),
        cmocka_unit_test(rmrr_alignment),
        cmocka_unit_test(rmrr_overlap),
        cmocka_unit_test(rmrr_width),
        cmocka_unit_test(include_all_twice),
        cmocka_unit_test(include_all_comes_last),
        cmocka_unit_test(include_all_comes_last_in_its_segment),
        cmocka_unit_test(scope_type_unknown),
        cmocka_unit_test(scope_path_impossible),
        cmocka_unit_test(scope_path_impossible_is_all_that_is_said),
        cmocka_unit_test(scope_claimed_twice),
        cmocka_unit_test(scopes_that_differ_are_no_claim),
        cmocka_unit_test(buffer_longer_than_the_table),
        cmocka_unit_test(unit_for_nobody),
        cmocka_unit_test(rhsa_for_nobody),
        cmocka_unit_test(namespace_without_name),
    };

    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
