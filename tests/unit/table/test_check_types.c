/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Defects once more: in every type of structure, and as another hand has compiled them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fixture/table_build.h"

/* Head and fixed part of each type that has scopes behind them. */
static uint32_t add_type(struct build *b, uint16_t type)
{
    switch (type) {
    case UDMAR_ENTRY_DRHD:
        return add_drhd(b, 0, 0, BASE_B);
    case UDMAR_ENTRY_RMRR:
        return add_rmrr(b, 0, 0x1000, 0x1fff);
    case UDMAR_ENTRY_RHSA:
        return add_rhsa(b, BASE_A, 1);
    case UDMAR_ENTRY_ANDD:
        return add_andd(b, 1, "\\_SB\0", 5);
    default:
        return add_list(b, type, 0, 0);
    }
}

static void every_type_is_measured(void **state)
{
    static const uint16_t fixed[] = { 16, 24, 8, 20, 8, 8, 8 };

    (void)state;
    for (uint16_t type = 0; type <= UDMAR_ENTRY_SIDP; type++) {
        struct udmar_table table;
        struct build b;
        uint32_t at;

        build_begin(&b);
        at = add_type(&b, type);
        b.length = at + fixed[type] - 1u;
        build_grown(&b);
        table = build_finish(&b);
        expect_only(&table, UDMAR_DEFECT_TOO_SHORT, at, type, fixed[type] - 1u);
        expect_entries(&table, 0, NULL);
    }
}

static void scopes_of_every_type_are_measured(void **state)
{
    static const uint16_t types[] = { UDMAR_ENTRY_DRHD, UDMAR_ENTRY_RMRR, UDMAR_ENTRY_ATSR,
                                      UDMAR_ENTRY_SATC, UDMAR_ENTRY_SIDP };
    static const uint8_t lengths[] = { 0, 1, 6, 7, 9, 10, 255 };

    (void)state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (unsigned j = 0; j < sizeof(lengths); j++) {
            struct udmar_table table;
            struct build b;
            uint32_t scope;

            build_begin(&b);
            add_type(&b, types[i]);
            scope = add_endpoint(&b, 2);
            b.bytes[scope + 1] = lengths[j];
            table = build_finish(&b);
            expect_only(&table, UDMAR_DEFECT_SCOPE_LENGTH, scope, types[i], lengths[j]);
            expect_entries(&table, 0, NULL);
        }
    }
}

/* An interrupt source has one unit as well; its number tells it from others at its place. */
static void interrupt_source_claimed_twice(void **state)
{
    const uint8_t path[2] = { 0x1f, 0 };

    (void)state;
    for (uint8_t id = 2; id <= 3; id++) {
        struct udmar_table table;
        struct build b;
        uint32_t scope;

        build_begin(&b);
        add_drhd(&b, 0, 0, BASE_A);
        add_path(&b, UDMAR_SCOPE_IOAPIC, 2, 0xf0, 1, path);
        add_drhd(&b, 0, 0, BASE_B);
        scope = add_path(&b, UDMAR_SCOPE_IOAPIC, id, 0xf0, 1, path);
        table = build_finish(&b);
        if (id == 2)
            expect_only(&table, UDMAR_DEFECT_SCOPE_TWICE, scope, UDMAR_ENTRY_DRHD, BASE_A);
        else
            assert_int_equal(check_table(&table).count, 0);
    }
}

static void satc_flag_has_two_values(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags < 4; flags++) {
        struct udmar_table table;
        struct build b;
        uint32_t at;

        build_begin(&b);
        at = add_list(&b, UDMAR_ENTRY_SATC, flags, 3);
        table = build_finish(&b);
        assert_int_equal(entry_at(&table, at).u.satc.atc_required, flags & 1);
        assert_int_equal(entry_at(&table, at).u.satc.segment, 3);
    }
}

static void rmrr_of_one_byte_is_one(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t at;

    (void)state;
    build_begin(&b);
    at = add_rmrr(&b, 0, 0x1000, 0x1000);
    add_endpoint(&b, 2);
    table = build_finish(&b);
    expect_only(&table, UDMAR_DEFECT_RMRR_ALIGNMENT, at, UDMAR_ENTRY_RMRR, 0x1000);
    EXPECT_ENTRIES(&table, at);
}

static void compiled_defects(void **state)
{
    static const struct {
        enum udmar_defect_kind kind;
        uint32_t offset;
        uint16_t type;
        uint64_t value;
    } wanted[] = {
        { UDMAR_DEFECT_INCLUDE_ALL_ORDER, 48, 0, 0xfed90000 },
        { UDMAR_DEFECT_NAMESPACE_UNKNOWN, 88, 0, 9 },
        { UDMAR_DEFECT_DRHD_DUPLICATE, 96, 0, 0xfed91000 },
        { UDMAR_DEFECT_DRHD_BASE, 120, 0, 0 },
        { UDMAR_DEFECT_SCOPE_PATH, 168, 0, 0x2000 },
        { UDMAR_DEFECT_NO_SCOPE, 176, 0, 0xfed93000 },
        { UDMAR_DEFECT_INCLUDE_ALL_TWICE, 192, 0, 0xfed94000 },
        { UDMAR_DEFECT_RMRR_ORDER, 208, 1, 0x1fff },
        { UDMAR_DEFECT_RMRR_ALIGNMENT, 240, 1, 0x47ff },
        { UDMAR_DEFECT_RMRR_OVERLAP, 272, 1, 0x4000 },
        { UDMAR_DEFECT_RMRR_WIDTH, 304, 1, UINT64_C(0x8000000fff) },
        { UDMAR_DEFECT_SCOPE_TYPE, 328, 1, 7 },
        { UDMAR_DEFECT_RHSA_UNKNOWN, 336, 3, 0xfed95000 },
        { UDMAR_DEFECT_TYPE_ORDER, 356, 1, 1 },
    };
    static uint8_t compiled[4096];
    struct udmar_table table;
    struct defects found;
    char path[1024];
    FILE *file;
    size_t size;

    (void)state;
    snprintf(path, sizeof(path), "%s/defects.aml", getenv("UDMAR_TABLES"));
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(compiled, 1, sizeof(compiled), file);
    fclose(file);
    assert_int_equal(udmar_table_open(compiled, size, &table), UDMAR_OK);
    found = check_table(&table);
    assert_int_equal(found.count, sizeof(wanted) / sizeof(wanted[0]));
    for (unsigned i = 0; i < found.count; i++)
        expect_defect(&found.list[i], wanted[i].kind, wanted[i].offset, wanted[i].type,
                      wanted[i].value);
    EXPECT_ENTRIES(&table, 48, 64, 96, 176, 192, 240, 272, 304, 336, 356);
    /* The first one would have what nobody else names, but for the unit whose list is damaged. */
    expect_doubt(&table, NULL, 0, UDMAR_RID(0, 9, 0), 0xfed90000, UDMAR_MATCH_INCLUDE_ALL,
                 UDMAR_DEFECT_NONE);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), 0xfed91000, UDMAR_MATCH_EXACT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_measured),
        cmocka_unit_test(scopes_of_every_type_are_measured),
        cmocka_unit_test(interrupt_source_claimed_twice),
        cmocka_unit_test(satc_flag_has_two_values),
        cmocka_unit_test(rmrr_of_one_byte_is_one),
        cmocka_unit_test(compiled_defects),
    };

    return cmocka_run_group_tests_name("check_types", tests, NULL, NULL);
}
