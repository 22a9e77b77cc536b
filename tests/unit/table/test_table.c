/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table layer: opening, the fields of structures and scopes, and tables that iasl compiled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/table_build.h"

/* ---- opening ---- */

static void open_reads_header(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    b.bytes[8] = 2;
    b.bytes[37] = 0xa5;
    table = build_finish(&b);
    assert_ptr_equal(table.bytes, b.bytes);
    assert_int_equal(table.length, 48);
    assert_int_equal(table.revision, 2);
    assert_int_equal(table.flags, 0xa5);
    assert_int_equal(table.host_width, 39);
    assert_string_equal(table.oem_id, "UDMAR ");
    assert_string_equal(table.oem_table_id, "TESTBENC");
    assert_int_equal(check_table(&table).count, 0);
    expect_entries(&table, 0, NULL);
}

static void open_refuses_null(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    build_seal(&b);
    assert_int_equal(udmar_table_open(NULL, 48, &table), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_table_open(b.bytes, 48, NULL), UDMAR_ERR_ARGUMENT);
}

static void open_refuses_truncated(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    build_seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, 0, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, 47, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, b.length - 1, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_OK);
    b.length = 47;
    build_seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, 64, &table), UDMAR_ERR_TRUNCATED);
    assert_null(table.bytes);
    expect_entries(&table, 0, NULL);
}

static void open_allows_longer_buffer(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd;

    (void)state;
    build_begin(&b);
    drhd = add_drhd(&b, 1, 0, BASE_A);
    build_seal(&b);
    add_drhd(&b, 0, 0, BASE_B);
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_OK);
    assert_int_equal(table.length, 64);
    assert_int_equal(table.buffer_size, 80);
    EXPECT_ENTRIES(&table, drhd);
    expect_only(&table, UDMAR_DEFECT_TRAILING, 64, 0xffff, 80);
}

static void open_refuses_signature(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        build_begin(&b);
        b.bytes[i] ^= 0x20;
        build_seal(&b);
        assert_int_equal(udmar_table_open(b.bytes, 48, &table), UDMAR_ERR_SIGNATURE);
    }
}

static void open_fills_in_despite_checksum(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd;

    (void)state;
    build_begin(&b);
    b.bytes[36] = 63;
    drhd = add_drhd(&b, 1, 0, BASE_A);
    build_seal(&b);
    b.bytes[63] ^= 1; /* the last byte counts too */
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_ERR_CHECKSUM);
    EXPECT_ENTRIES(&table, drhd);
}

static void open_limits_width(void **state)
{
    static const struct {
        uint8_t byte, width;
        enum udmar_status status;
    } cases[] = {
        { 0, 0, UDMAR_ERR_WIDTH }, { 10, 0, UDMAR_ERR_WIDTH }, { 11, 12, UDMAR_OK },
        { 47, 48, UDMAR_OK },      { 63, 64, UDMAR_OK },       { 64, 64, UDMAR_OK },
        { 255, 64, UDMAR_OK },
    };
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        build_begin(&b);
        b.bytes[36] = cases[i].byte;
        build_seal(&b);
        assert_int_equal(udmar_table_open(b.bytes, 48, &table), cases[i].status);
        assert_int_equal(table.host_width, cases[i].width);
    }
}

/* ---- structures and scopes ---- */

static void drhd_fields(void **state)
{
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;
    uint32_t offset;

    (void)state;
    build_begin(&b);
    b.bytes[36] = 63;
    offset = add_drhd(&b, 0xff, 0x1234, UINT64_C(0xfedcba9876543000));
    b.bytes[offset + 5] = 0xf4; /* bits 7:4 are reserved */
    add_endpoint(&b, 2);
    table = build_finish(&b);
    entry = entry_at(&table, offset);
    assert_int_equal(entry.type, UDMAR_ENTRY_DRHD);
    assert_int_equal(entry.length, 24);
    assert_int_equal(entry.scopes_offset, 16);
    assert_true(entry.u.drhd.include_all);
    assert_int_equal(entry.u.drhd.size_exponent, 4);
    assert_int_equal(entry.u.drhd.segment, 0x1234);
    assert_int_equal(udmar_entry_segment(&entry), 0x1234);
    assert_true(entry.u.drhd.base == UINT64_C(0xfedcba9876543000));
}

static void drhd_flag_is_bit_0_alone(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t offset;

    (void)state;
    build_begin(&b);
    offset = add_drhd(&b, 0xfe, 0, BASE_A);
    table = build_finish(&b);
    assert_false(entry_at(&table, offset).u.drhd.include_all);
}

static void rmrr_fields(void **state)
{
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;
    uint32_t offset;

    (void)state;
    build_begin(&b);
    offset = add_rmrr(&b, 0x1234, UINT64_C(0x123456789abcd000), UINT64_C(0x12345678fedcbfff));
    table = build_finish(&b);
    entry = entry_at(&table, offset);
    assert_int_equal(entry.type, UDMAR_ENTRY_RMRR);
    assert_int_equal(entry.scopes_offset, 24);
    assert_int_equal(udmar_entry_segment(&entry), 0x1234);
    assert_true(entry.u.rmrr.base == UINT64_C(0x123456789abcd000));
    assert_true(entry.u.rmrr.limit == UINT64_C(0x12345678fedcbfff));
}

static void rmrr_may_be_anywhere(void **state)
{
    struct udmar_table table;
    uint32_t zero, top, all;
    struct build b;

    (void)state;
    build_begin(&b);
    b.bytes[36] = 63;
    zero = add_rmrr(&b, 0, 0, 0xfff);
    top = add_rmrr(&b, 0, ~UDMAR_PAGE_MASK, UINT64_MAX);
    all = add_rmrr(&b, 1, 0, UINT32_MAX); /* larger than any firmware needs is a defect */
    table = build_finish(&b);
    assert_int_equal(check_table(&table).count, 0);
    EXPECT_ENTRIES(&table, zero, top, all);
}

static void list_fields(void **state)
{
    uint32_t atsr, satc, sidp, off;
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;

    (void)state;
    build_begin(&b);
    atsr = add_list(&b, UDMAR_ENTRY_ATSR, 1, 0x1111);
    off = add_list(&b, UDMAR_ENTRY_ATSR, 0xfe, 0x1112);
    satc = add_list(&b, UDMAR_ENTRY_SATC, 1, 0x2222);
    sidp = add_list(&b, UDMAR_ENTRY_SIDP, 0, 0x3333);
    table = build_finish(&b);
    assert_true(entry_at(&table, atsr).u.atsr.all_ports);
    assert_false(entry_at(&table, off).u.atsr.all_ports);
    assert_true(entry_at(&table, satc).u.satc.atc_required);
    entry = entry_at(&table, atsr);
    assert_int_equal(udmar_entry_segment(&entry), 0x1111);
    assert_int_equal(entry.scopes_offset, 8);
    entry = entry_at(&table, satc);
    assert_int_equal(udmar_entry_segment(&entry), 0x2222);
    entry = entry_at(&table, sidp);
    assert_int_equal(udmar_entry_segment(&entry), 0x3333);
}

static void rhsa_fields(void **state)
{
    struct udmar_scope scope = { 0 };
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;
    uint32_t offset;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 1, 7, BASE_A);
    offset = add_rhsa(&b, BASE_A, 0x89abcdef);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 0, 2, 0); /* bytes that only look like a scope */
    table = build_finish(&b);
    entry = entry_at(&table, offset);
    assert_true(entry.u.rhsa.base == BASE_A);
    assert_int_equal(entry.u.rhsa.proximity, 0x89abcdef);
    assert_int_equal(udmar_entry_segment(&entry), 0);
    assert_int_equal(entry.scopes_offset, entry.length);
    assert_false(udmar_entry_next_scope(&table, &entry, &scope));
}

static void andd_fields(void **state)
{
    struct udmar_scope scope = { 0 };
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;
    uint32_t offset;

    (void)state;
    build_begin(&b);
    offset = add_andd(&b, 9, "\\_SB.I2C0\0\0\0", 12);
    table = build_finish(&b);
    entry = entry_at(&table, offset);
    assert_int_equal(entry.u.andd.number, 9);
    assert_int_equal(entry.u.andd.path_length, 9);
    assert_memory_equal(entry.u.andd.path, "\\_SB.I2C0", 9);
    assert_int_equal(udmar_entry_segment(&entry), 0);
    assert_false(udmar_entry_next_scope(&table, &entry, &scope));
}

static void scope_fields(void **state)
{
    const uint8_t path[6] = { 1, 2, 3, 4, 5, 6 };
    struct udmar_scope scope = { 0 };
    struct udmar_table table;
    struct udmar_entry entry;
    uint32_t first, second;
    struct build b;

    (void)state;
    build_begin(&b);
    add_list(&b, UDMAR_ENTRY_SIDP, 0, 0);
    first = add_path(&b, UDMAR_SCOPE_IOAPIC, 0x12, 0xf0, 3, path);
    b.bytes[first + 2] = 0x1c;
    second = add_endpoint(&b, 2);
    add_rhsa(&b, BASE_A, 0);
    table = build_finish(&b);
    entry = entry_at(&table, 48);
    assert_true(udmar_entry_next_scope(&table, &entry, &scope));
    assert_int_equal(scope.offset, first);
    assert_int_equal(scope.type, UDMAR_SCOPE_IOAPIC);
    assert_int_equal(scope.length, 12);
    assert_int_equal(scope.flags, 0x1c);
    assert_int_equal(scope.enumeration_id, 0x12);
    assert_int_equal(scope.start_bus, 0xf0);
    assert_int_equal(scope.hops, 3);
    assert_ptr_equal(scope.path, b.bytes + first + 6);
    assert_true(udmar_entry_next_scope(&table, &entry, &scope));
    assert_int_equal(scope.offset, second);
    assert_false(udmar_entry_next_scope(&table, &entry, &scope));
    assert_int_equal(scope.offset, 0);
}

static void longest_scope(void **state)
{
    struct udmar_scope scope = { 0 };
    uint8_t path[248] = { 0 };
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;

    (void)state;
    build_begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 124, path);
    table = build_finish(&b);
    entry = entry_at(&table, 48);
    assert_true(udmar_entry_next_scope(&table, &entry, &scope));
    assert_int_equal(scope.length, 254);
    assert_int_equal(scope.hops, 124);
}

static void length_has_16_bits(void **state)
{
    uint32_t long_one, behind;
    struct udmar_table table;
    struct build b;

    (void)state;
    build_begin(&b);
    long_one = add_drhd(&b, 0, 0, BASE_A);
    for (uint8_t i = 0; i < 31; i++)
        add_endpoint(&b, i);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 1, 0, 0);
    behind = add_drhd(&b, 1, 0, BASE_B);
    table = build_finish(&b);
    assert_int_equal(entry_at(&table, long_one).length, 272);
    EXPECT_ENTRIES(&table, long_one, behind);
    expect_unit(&table, NULL, 0, UDMAR_RID(1, 0, 0), BASE_A, UDMAR_MATCH_EXACT);
}

static void names_and_words(void **state)
{
    (void)state;
    assert_string_equal(udmar_entry_name(0), "DRHD");
    assert_string_equal(udmar_entry_name(1), "RMRR");
    assert_string_equal(udmar_entry_name(2), "ATSR");
    assert_string_equal(udmar_entry_name(3), "RHSA");
    assert_string_equal(udmar_entry_name(4), "ANDD");
    assert_string_equal(udmar_entry_name(5), "SATC");
    assert_string_equal(udmar_entry_name(6), "SIDP");
    assert_string_equal(udmar_entry_name(7), "type ?");
    assert_string_equal(udmar_entry_name(0x100), "type ?");
    for (unsigned i = 0; i <= 34; i++) {
        const char *words = udmar_defect_string((enum udmar_defect_kind)i);

        assert_int_equal(strcmp(words, "unknown defect") == 0, i > 9 && i < 20);
        for (unsigned k = 0; k < i; k++)
            assert_true(k > 9 || strcmp(words, udmar_defect_string((enum udmar_defect_kind)k)));
    }
}

/* ---- tables that iasl compiled ---- */

static uint8_t compiled[4096];

static struct udmar_table open_compiled(const char *name)
{
    const char *directory = getenv("UDMAR_TABLES");
    struct udmar_table table = { 0 };
    char path[512];
    size_t size;
    FILE *file;

    if (directory == NULL) {
        print_message("UDMAR_TABLES is not set: no compiled tables\n");
        skip();
        return table;
    }
    snprintf(path, sizeof(path), "%s/%s.aml", directory, name);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    size = fread(compiled, 1, sizeof(compiled), file);
    fclose(file);
    assert_int_equal(udmar_table_open(compiled, size, &table), UDMAR_OK);
    assert_int_equal(check_table(&table).count, 0);
    return table;
}

static void expect_scopes(const struct udmar_table *table, uint32_t offset, unsigned count,
                          const uint8_t (*expected)[5])
{
    struct udmar_entry entry = entry_at(table, offset);
    struct udmar_scope scope = { 0 };

    for (unsigned i = 0; i < count; i++) {
        assert_true(udmar_entry_next_scope(table, &entry, &scope));
        assert_int_equal(scope.type, expected[i][0]);
        assert_int_equal(scope.enumeration_id, expected[i][1]);
        assert_int_equal(scope.start_bus, expected[i][2]);
        assert_int_equal(scope.path[2 * scope.hops - 2], expected[i][3]);
        assert_int_equal(scope.path[2 * scope.hops - 1], expected[i][4]);
    }
    assert_false(udmar_entry_next_scope(table, &entry, &scope));
}

static void compiled_qemu_like(void **state)
{
    static const uint8_t scopes[][5] = {
        { UDMAR_SCOPE_IOAPIC, 0, 0xff, 0, 0 },
        { UDMAR_SCOPE_ENDPOINT, 0, 0, 0, 0 },
        { UDMAR_SCOPE_BRIDGE, 0, 0, 2, 0 },
        { UDMAR_SCOPE_ENDPOINT, 0, 0, 0x1f, 2 },
    };
    struct udmar_table table = open_compiled("qemu-like");

    (void)state;
    assert_string_equal(table.oem_table_id, "QEMULIKE");
    assert_int_equal(table.host_width, 39);
    EXPECT_ENTRIES(&table, 48, 96);
    assert_false(entry_at(&table, 48).u.drhd.include_all);
    expect_scopes(&table, 48, 4, scopes);
    assert_true(entry_at(&table, 96).u.atsr.all_ports);
}

static void compiled_two_units(void **state)
{
    static const uint8_t scopes[][5] = {
        { UDMAR_SCOPE_IOAPIC, 2, 0xf0, 0x1f, 0 },
        { UDMAR_SCOPE_HPET, 1, 0xf0, 0x0f, 0 },
    };
    struct udmar_table table = open_compiled("two-units");
    struct udmar_entry entry;

    (void)state;
    assert_int_equal(table.flags, 5);
    assert_int_equal(table.host_width, 36);
    EXPECT_ENTRIES(&table, 48, 72, 104, 136);
    expect_scopes(&table, 72, 2, scopes);
    entry = entry_at(&table, 136);
    assert_true(entry.u.rmrr.base == 0x7c000000 && entry.u.rmrr.limit == 0x7fffffff);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 0x14, 0), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
}

static void compiled_all_types(void **state)
{
    static const uint8_t scopes[][5] = {
        { UDMAR_SCOPE_ENDPOINT, 0, 0, 2, 0 },     { UDMAR_SCOPE_BRIDGE, 0, 0x40, 5, 6 },
        { UDMAR_SCOPE_IOAPIC, 8, 0xf0, 0x1f, 0 }, { UDMAR_SCOPE_HPET, 1, 0xf0, 0x0f, 0 },
        { UDMAR_SCOPE_NAMESPACE, 7, 0, 0x15, 1 },
    };
    struct udmar_table table = open_compiled("all-types");
    struct udmar_entry entry;

    (void)state;
    assert_int_equal(table.revision, 2);
    EXPECT_ENTRIES(&table, 48, 108, 140, 156, 176);
    entry = entry_at(&table, 48);
    assert_true(entry.u.drhd.include_all && entry.u.drhd.base == UINT64_C(0x123456789000));
    assert_int_equal(entry.u.drhd.segment, 0x1234);
    expect_scopes(&table, 48, 5, scopes);
    entry = entry_at(&table, 108);
    assert_true(entry.u.rmrr.base == UINT64_C(0x123456000));
    assert_true(entry.u.rmrr.limit == UINT64_C(0x1234abfff));
    assert_int_equal(entry_at(&table, 140).u.atsr.segment, 0x1234);
    assert_int_equal(entry_at(&table, 156).u.rhsa.proximity, 0x89abcdef);
    entry = entry_at(&table, 176);
    assert_int_equal(entry.u.andd.number, 7);
    assert_int_equal(entry.u.andd.path_length, 14);
    assert_memory_equal(entry.u.andd.path, "\\_SB.PCI0.I2C1", 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_reads_header),
        cmocka_unit_test(open_refuses_null),
        cmocka_unit_test(open_refuses_truncated),
        cmocka_unit_test(open_allows_longer_buffer),
        cmocka_unit_test(open_refuses_signature),
        cmocka_unit_test(open_fills_in_despite_checksum),
        cmocka_unit_test(open_limits_width),
        cmocka_unit_test(drhd_fields),
        cmocka_unit_test(drhd_flag_is_bit_0_alone),
        cmocka_unit_test(rmrr_fields),
        cmocka_unit_test(rmrr_may_be_anywhere),
        cmocka_unit_test(list_fields),
        cmocka_unit_test(rhsa_fields),
        cmocka_unit_test(andd_fields),
        cmocka_unit_test(scope_fields),
        cmocka_unit_test(longest_scope),
        cmocka_unit_test(length_has_16_bits),
        cmocka_unit_test(names_and_words),
        cmocka_unit_test(compiled_qemu_like),
        cmocka_unit_test(compiled_two_units),
        cmocka_unit_test(compiled_all_types),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
