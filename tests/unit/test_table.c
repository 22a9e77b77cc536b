/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table layer, on tables that are made here piece by piece, on tables that iasl compiled, and
 * on random damage to both.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/table.h>

#define BASE_A UINT64_C(0xfed90000)
#define BASE_B UINT64_C(0xfed91000)
#define BASE_C UINT64_C(0xfed92000)

/* ---- the builder ---- */

struct build {
    uint8_t bytes[4096];
    uint32_t length;
    uint32_t open; /* offset of the structure that scopes go to */
};

static void put(struct build *b, uint64_t value, unsigned size)
{
    while (size-- > 0) {
        b->bytes[b->length++] = (uint8_t)value;
        value >>= 8;
    }
}

static void begin(struct build *b)
{
    memset(b, 0, sizeof(*b));
    memcpy(b->bytes, "DMAR\0\0\0\0\1\0UDMAR TESTBENCH", 25);
    memset(b->bytes + 24, 0, 12);
    b->bytes[36] = 38;
    b->bytes[37] = UDMAR_TABLE_INTR_REMAP;
    b->length = 48;
}

/* The length is put right by whatever is appended to the structure later. */
static uint32_t add(struct build *b, uint16_t type)
{
    b->open = b->length;
    put(b, type, 2);
    put(b, 0, 2);
    return b->open;
}

static uint32_t grown(struct build *b)
{
    uint32_t length = b->length - b->open;

    b->bytes[b->open + 2] = (uint8_t)length;
    b->bytes[b->open + 3] = (uint8_t)(length >> 8);
    return b->open;
}

static uint32_t add_drhd(struct build *b, uint8_t flags, uint16_t segment, uint64_t base)
{
    add(b, UDMAR_ENTRY_DRHD);
    put(b, flags, 1);
    put(b, 0, 1);
    put(b, segment, 2);
    put(b, base, 8);
    return grown(b);
}

static uint32_t add_rmrr(struct build *b, uint16_t segment, uint64_t base, uint64_t limit)
{
    add(b, UDMAR_ENTRY_RMRR);
    put(b, 0, 2);
    put(b, segment, 2);
    put(b, base, 8);
    put(b, limit, 8);
    return grown(b);
}

/* ATSR, SATC and SIDP look alike. */
static uint32_t add_list(struct build *b, uint16_t type, uint8_t flags, uint16_t segment)
{
    add(b, type);
    put(b, flags, 2);
    put(b, segment, 2);
    return grown(b);
}

static uint32_t add_rhsa(struct build *b, uint64_t base, uint32_t proximity)
{
    add(b, UDMAR_ENTRY_RHSA);
    put(b, 0, 4);
    put(b, base, 8);
    put(b, proximity, 4);
    return grown(b);
}

static uint32_t add_andd(struct build *b, uint8_t number, const char *bytes, unsigned size)
{
    add(b, UDMAR_ENTRY_ANDD);
    put(b, 0, 3);
    put(b, number, 1);
    for (unsigned i = 0; i < size; i++)
        put(b, (uint8_t)bytes[i], 1);
    return grown(b);
}

static uint32_t add_blob(struct build *b, uint16_t type, uint16_t length)
{
    add(b, type);
    for (unsigned i = 4; i < length; i++)
        put(b, 0, 1);
    return grown(b);
}

static uint32_t add_path(struct build *b, uint8_t type, uint8_t id, uint8_t bus, unsigned hops,
                         const uint8_t *path)
{
    uint32_t offset = b->length;

    put(b, type, 1);
    put(b, 6 + 2 * hops, 1);
    put(b, 0, 2);
    put(b, id, 1);
    put(b, bus, 1);
    for (unsigned i = 0; i < 2 * hops; i++)
        put(b, path[i], 1);
    grown(b);
    return offset;
}

static uint32_t add_scope(struct build *b, uint8_t type, uint8_t bus, uint8_t device,
                          uint8_t function)
{
    const uint8_t path[2] = { device, function };

    return add_path(b, type, 0, bus, 1, path);
}

static uint32_t add_endpoint(struct build *b, uint8_t device)
{
    return add_scope(b, UDMAR_SCOPE_ENDPOINT, 0, device, 0);
}

static void seal(struct build *b)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 4; i++)
        b->bytes[4 + i] = (uint8_t)(b->length >> 8 * i);
    b->bytes[9] = 0;
    for (uint32_t i = 0; i < b->length; i++)
        sum = (uint8_t)(sum + b->bytes[i]);
    b->bytes[9] = (uint8_t)-sum;
}

static struct udmar_table finish(struct build *b)
{
    struct udmar_table table;

    seal(b);
    assert_int_equal(udmar_table_open(b->bytes, b->length, &table), UDMAR_OK);
    return table;
}

/* ---- what the tests ask ---- */

static void expect_entries(const struct udmar_table *table, unsigned count, const uint32_t *offsets)
{
    struct udmar_entry entry = { 0 };

    for (unsigned i = 0; i < count; i++) {
        assert_true(udmar_table_next(table, &entry));
        assert_int_equal(entry.offset, offsets[i]);
    }
    assert_false(udmar_table_next(table, &entry));
    assert_int_equal(entry.offset, 0);
    assert_int_equal(entry.length, 0);
}

#define EXPECT_ENTRIES(table, ...)                                 \
    expect_entries(table, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4, \
                   (const uint32_t[]){ __VA_ARGS__ })

static struct udmar_entry entry_at(const struct udmar_table *table, uint32_t offset)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(table, &entry)) {
        if (entry.offset == offset)
            return entry;
    }
    fail_msg("no structure at %u", (unsigned)offset);
    return entry;
}

struct defects {
    unsigned count;
    struct udmar_defect list[16];
};

static void collect(void *context, const struct udmar_defect *defect)
{
    struct defects *defects = context;

    if (defects->count < 16)
        defects->list[defects->count] = *defect;
    defects->count++;
}

static struct defects check(const struct udmar_table *table)
{
    struct defects defects = { 0 };
    unsigned count = udmar_table_check(table, collect, &defects);

    assert_int_equal(count, defects.count);
    assert_int_equal(udmar_table_check(table, NULL, NULL), defects.count);
    return defects;
}

static void expect_defect(const struct udmar_defect *defect, enum udmar_defect_kind kind,
                          uint32_t offset, uint16_t type, uint64_t value)
{
    assert_string_equal(udmar_defect_string(defect->kind), udmar_defect_string(kind));
    assert_int_equal(defect->offset, offset);
    assert_int_equal(defect->structure_type, type);
    assert_true(defect->value == value);
    assert_int_equal(defect->loses_entry, kind < UDMAR_DEFECT_UNKNOWN_TYPE);
}

static void expect_only(const struct udmar_table *table, enum udmar_defect_kind kind,
                        uint32_t offset, uint16_t type, uint64_t value)
{
    struct defects defects = check(table);

    assert_int_equal(defects.count, 1);
    expect_defect(&defects.list[0], kind, offset, type, value);
}

static void expect_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                        uint16_t segment, udmar_rid_t rid, uint64_t base, enum udmar_match match)
{
    struct udmar_entry entry;
    enum udmar_match found;

    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, &found), UDMAR_OK);
    assert_true(entry.u.drhd.base == base);
    assert_int_equal(found, match);
    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, NULL), UDMAR_OK);
}

static void expect_no_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                           uint16_t segment, udmar_rid_t rid)
{
    struct udmar_entry entry;
    enum udmar_match found;

    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, &found),
                     UDMAR_ERR_NO_UNIT);
    assert_int_equal(found, UDMAR_MATCH_NONE);
    assert_int_equal(entry.length, 0);
}

/* ---- a machine: bridges that a test can set up and renumber ---- */

struct bridge {
    uint16_t segment;
    udmar_rid_t rid;
    uint8_t secondary;
    uint8_t subordinate;
};

static bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    /* The list ends with a bridge at 00:00.0, where none can be. */
    for (const struct bridge *bridge = context; bridge->rid != 0; bridge++) {
        if (bridge->segment == segment && bridge->rid == rid) {
            *out_secondary = bridge->secondary;
            *out_subordinate = bridge->subordinate;
            return true;
        }
    }
    return false;
}

/* Root port 00:01.0 to buses 1-5; switch below it: 01:00.0 to 2-5, 02:03.0 to 4-5; port 00:1c.0. */
static struct bridge machine[] = {
    { 0, UDMAR_RID(0, 1, 0), 1, 5 },
    { 0, UDMAR_RID(1, 0, 0), 2, 5 },
    { 0, UDMAR_RID(2, 3, 0), 4, 5 },
    { 0, UDMAR_RID(0, 0x1c, 0), 8, 9 },
    { 0, 0, 0, 0 },
};

static const struct udmar_bus_reader reader = { read_bridge, machine };

/* ---- opening ---- */

static void open_reads_header(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    b.bytes[8] = 2;
    b.bytes[37] = 0xa5;
    table = finish(&b);
    assert_ptr_equal(table.bytes, b.bytes);
    assert_int_equal(table.length, 48);
    assert_int_equal(table.revision, 2);
    assert_int_equal(table.flags, 0xa5);
    assert_int_equal(table.host_width, 39);
    assert_string_equal(table.oem_id, "UDMAR ");
    assert_string_equal(table.oem_table_id, "TESTBENC");
    assert_int_equal(check(&table).count, 0);
    expect_entries(&table, 0, NULL);
}

static void open_refuses_null(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    seal(&b);
    assert_int_equal(udmar_table_open(NULL, 48, &table), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_table_open(b.bytes, 48, NULL), UDMAR_ERR_ARGUMENT);
}

static void open_refuses_truncated(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    seal(&b);
    assert_int_equal(udmar_table_open(b.bytes, 0, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, 47, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, b.length - 1, &table), UDMAR_ERR_TRUNCATED);
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_OK);
    b.length = 47;
    seal(&b);
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
    begin(&b);
    drhd = add_drhd(&b, 1, 0, BASE_A);
    seal(&b);
    add_drhd(&b, 0, 0, BASE_B);
    assert_int_equal(udmar_table_open(b.bytes, b.length, &table), UDMAR_OK);
    assert_int_equal(table.length, 64);
    EXPECT_ENTRIES(&table, drhd);
}

static void open_refuses_signature(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        begin(&b);
        b.bytes[i] ^= 0x20;
        seal(&b);
        assert_int_equal(udmar_table_open(b.bytes, 48, &table), UDMAR_ERR_SIGNATURE);
    }
}

static void open_fills_in_despite_checksum(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd;

    (void)state;
    begin(&b);
    drhd = add_drhd(&b, 1, 0, BASE_A);
    seal(&b);
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
        begin(&b);
        b.bytes[36] = cases[i].byte;
        seal(&b);
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
    begin(&b);
    offset = add_drhd(&b, 0xff, 0x1234, UINT64_C(0xfedcba9876543000));
    b.bytes[offset + 5] = 0xf4; /* bits 7:4 are reserved */
    add_endpoint(&b, 2);
    table = finish(&b);
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
    begin(&b);
    offset = add_drhd(&b, 0xfe, 0, BASE_A);
    table = finish(&b);
    assert_false(entry_at(&table, offset).u.drhd.include_all);
}

static void rmrr_fields(void **state)
{
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;
    uint32_t offset;

    (void)state;
    begin(&b);
    offset = add_rmrr(&b, 0x1234, UINT64_C(0x123456789abcd000), UINT64_C(0xfedcba9876543fff));
    table = finish(&b);
    entry = entry_at(&table, offset);
    assert_int_equal(entry.type, UDMAR_ENTRY_RMRR);
    assert_int_equal(entry.scopes_offset, 24);
    assert_int_equal(udmar_entry_segment(&entry), 0x1234);
    assert_true(entry.u.rmrr.base == UINT64_C(0x123456789abcd000));
    assert_true(entry.u.rmrr.limit == UINT64_C(0xfedcba9876543fff));
}

static void rmrr_may_be_anywhere(void **state)
{
    struct udmar_table table;
    uint32_t zero, top, all;
    struct build b;

    (void)state;
    begin(&b);
    b.bytes[36] = 63;
    zero = add_rmrr(&b, 0, 0, 0xfff);
    top = add_rmrr(&b, 0, ~UDMAR_PAGE_MASK, UINT64_MAX);
    all = add_rmrr(&b, 1, 0, UINT64_MAX);
    table = finish(&b);
    assert_int_equal(check(&table).count, 0);
    EXPECT_ENTRIES(&table, zero, top, all);
}

static void list_fields(void **state)
{
    uint32_t atsr, satc, sidp, off;
    struct udmar_table table;
    struct udmar_entry entry;
    struct build b;

    (void)state;
    begin(&b);
    atsr = add_list(&b, UDMAR_ENTRY_ATSR, 1, 0x1111);
    off = add_list(&b, UDMAR_ENTRY_ATSR, 0xfe, 0x1112);
    satc = add_list(&b, UDMAR_ENTRY_SATC, 1, 0x2222);
    sidp = add_list(&b, UDMAR_ENTRY_SIDP, 0, 0x3333);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 1, 7, BASE_A);
    offset = add_rhsa(&b, BASE_A, 0x89abcdef);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 0, 2, 0); /* bytes that only look like a scope */
    table = finish(&b);
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
    begin(&b);
    offset = add_andd(&b, 9, "\\_SB.I2C0\0\0\0", 12);
    table = finish(&b);
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
    begin(&b);
    add_list(&b, UDMAR_ENTRY_SIDP, 0, 0);
    first = add_path(&b, UDMAR_SCOPE_IOAPIC, 0x12, 0xf0, 3, path);
    b.bytes[first + 2] = 0x1c;
    second = add_endpoint(&b, 2);
    add_rhsa(&b, BASE_A, 0);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 124, path);
    table = finish(&b);
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
    begin(&b);
    long_one = add_drhd(&b, 0, 0, BASE_A);
    for (uint8_t i = 0; i < 31; i++)
        add_endpoint(&b, i);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 1, 0, 0);
    behind = add_drhd(&b, 1, 0, BASE_B);
    table = finish(&b);
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
    for (unsigned i = 0; i <= 32; i++) {
        const char *words = udmar_defect_string((enum udmar_defect_kind)i);

        assert_int_equal(strcmp(words, "unknown defect") == 0, i > 9 && i < 20);
        for (unsigned k = 0; k < i; k++)
            assert_true(k > 9 || strcmp(words, udmar_defect_string((enum udmar_defect_kind)k)));
    }
}

/* ---- defects that cost a structure: the others stay ---- */

/* A unit and a reserved region, to be put around something broken. */
static struct udmar_table around(struct build *b, void (*broken)(struct build *), uint32_t *at)
{
    uint32_t drhd, rmrr;
    struct udmar_table table;

    begin(b);
    drhd = add_drhd(b, 1, 0, BASE_A);
    *at = b->length;
    broken(b);
    rmrr = add_rmrr(b, 0, 0x1000, 0x1fff);
    table = finish(b);
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
    put(b, 0, 1);
    grown(b);
}

static void put_long_scope(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    b->bytes[add_endpoint(b, 2) + 1] = 10;
}

static void put_scope_crumb(struct build *b)
{
    add_rmrr(b, 0, 0x3000, 0x3fff);
    put(b, 1, 1);
    grown(b);
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

static void put_drhd_again(struct build *b)
{
    add_drhd(b, 0, 0, BASE_A);
    add_endpoint(b, 1);
}

static void put_rmrr_backwards(struct build *b)
{
    add_rmrr(b, 0, 0x4000, 0x3fff);
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
        { put_drhd_again, UDMAR_DEFECT_DRHD_DUPLICATE, 0, BASE_A },
        { put_rmrr_backwards, UDMAR_DEFECT_RMRR_ORDER, 0, 0x3fff },
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

        defects = check(&table);
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
    begin(&b);
    drhd = add_drhd(&b, 0, 0, 0);
    scope = add_endpoint(&b, 1);
    b.bytes[scope + 1] = 3;
    table = finish(&b);
    defects = check(&table);
    assert_int_equal(defects.count, 2);
    expect_defect(&defects.list[0], UDMAR_DEFECT_DRHD_BASE, drhd, 0, 0);
    expect_defect(&defects.list[1], UDMAR_DEFECT_SCOPE_LENGTH, scope, 0, 3);
}

static void short_head_ends_the_table(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd, end;

    (void)state;
    for (unsigned crumbs = 1; crumbs < 4; crumbs++) {
        begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        end = b.length;
        put(&b, 0x0500, crumbs);
        table = finish(&b);
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
        begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        bad = add_rmrr(&b, 0, 0x1000, 0x1fff);
        add_rmrr(&b, 0, 0x3000, 0x3fff);
        b.bytes[bad + 2] = length;
        table = finish(&b);
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
        begin(&b);
        drhd = add_drhd(&b, 1, 0, BASE_A);
        bad = add_rmrr(&b, 0, 0x1000, 0x1fff);
        b.bytes[bad + 2] = (uint8_t)lengths[i];
        b.bytes[bad + 3] = (uint8_t)(lengths[i] >> 8);
        table = finish(&b);
        EXPECT_ENTRIES(&table, drhd);
        expect_only(&table, UDMAR_DEFECT_PAST_END, bad, UDMAR_ENTRY_RMRR, lengths[i]);
    }
}

static void duplicate_needs_same_segment(void **state)
{
    struct udmar_table table;
    uint32_t first, second;
    struct build b;

    (void)state;
    begin(&b);
    first = add_drhd(&b, 1, 0, BASE_A);
    second = add_drhd(&b, 1, 1, BASE_A);
    table = finish(&b);
    EXPECT_ENTRIES(&table, first, second);
    assert_int_equal(check(&table).count, 0);
}

static void duplicate_of_a_lost_unit_stays(void **state)
{
    struct udmar_table table;
    uint32_t lost, good;
    struct build b;

    (void)state;
    begin(&b);
    lost = add_drhd(&b, 0, 0, BASE_A);
    b.bytes[add_endpoint(&b, 1) + 1] = 7;
    good = add_drhd(&b, 1, 0, BASE_A);
    table = finish(&b);
    EXPECT_ENTRIES(&table, good);
    expect_only(&table, UDMAR_DEFECT_SCOPE_LENGTH, lost + 16, 0, 7);
}

static void duplicate_has_no_say(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t copy;

    (void)state;
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1);
    copy = add_drhd(&b, 1, 0, BASE_A);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_B);
    add_endpoint(&b, 2);
    table = finish(&b);
    expect_only(&table, UDMAR_DEFECT_DRHD_DUPLICATE, copy, 0, BASE_A);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
}

/* ---- defects that cost nothing ---- */

static void types_should_ascend(void **state)
{
    uint32_t rmrr, first, second;
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    rmrr = add_rmrr(&b, 0, 0x1000, 0x1fff);
    first = add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 1);
    second = add_drhd(&b, 1, 0, BASE_B);
    table = finish(&b);
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
    begin(&b);
    low = add_rmrr(&b, 0, 0x1001, 0x1ffe);
    high = add_rmrr(&b, 0, 0x3000, 0x3ffe);
    table = finish(&b);
    EXPECT_ENTRIES(&table, low, high);
    defects = check(&table);
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

        begin(&b);
        first = add_rmrr(&b, 0, 0x3000, 0x4fff);
        second = add_rmrr(&b, cases[i].segment, cases[i].base, cases[i].limit);
        table = finish(&b);
        EXPECT_ENTRIES(&table, first, second);
        if (cases[i].count == 0)
            assert_int_equal(check(&table).count, 0);
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
    begin(&b);
    inside = add_rmrr(&b, 0, UINT64_C(0x7ffffff000), UINT64_C(0x7fffffffff));
    outside = add_rmrr(&b, 0, UINT64_C(0x8000000000), UINT64_C(0x8000000fff));
    table = finish(&b);
    EXPECT_ENTRIES(&table, inside, outside);
    expect_only(&table, UDMAR_DEFECT_RMRR_WIDTH, outside, 1, UINT64_C(0x8000000fff));
}

static void include_all_twice(void **state)
{
    uint32_t first, second, other;
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    first = add_drhd(&b, 1, 0, BASE_A);
    second = add_drhd(&b, 1, 0, BASE_B);
    other = add_drhd(&b, 1, 1, BASE_C);
    table = finish(&b);
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
    begin(&b);
    all = add_drhd(&b, 1, 0, BASE_A);
    other = add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 2);
    table = finish(&b);
    EXPECT_ENTRIES(&table, all, other);
    expect_only(&table, UDMAR_DEFECT_INCLUDE_ALL_ORDER, all, 0, BASE_A);
}

static void include_all_comes_last_in_its_segment(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_drhd(&b, 0, 1, BASE_B);
    add_endpoint(&b, 2);
    table = finish(&b);
    assert_int_equal(check(&table).count, 0);
}

static void scope_type_unknown(void **state)
{
    static const uint8_t types[] = { 0, 6, 255 };
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        begin(&b);
        add_drhd(&b, 0, 0, BASE_A);
        scope = add_scope(&b, types[i], 0, 2, 0);
        add_endpoint(&b, 3);
        table = finish(&b);
        expect_only(&table, UDMAR_DEFECT_SCOPE_TYPE, scope, 0, types[i]);
        expect_no_unit(&table, &reader, 0, UDMAR_RID(0, 2, 0));
        expect_unit(&table, &reader, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_EXACT);
    }
}

static void scope_claimed_twice(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t scope;

    (void)state;
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_endpoint(&b, 2); /* twice in one unit hurts nobody */
    add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 3);
    scope = add_endpoint(&b, 2);
    add_rmrr(&b, 0, 0x1000, 0x1fff);
    add_endpoint(&b, 2);
    table = finish(&b);
    expect_only(&table, UDMAR_DEFECT_SCOPE_TWICE, scope, 0, BASE_A);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
}

static void scopes_that_differ_are_no_claim(void **state)
{
    const uint8_t path[4] = { 1, 0, 2, 0 };
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
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
    table = finish(&b);
    assert_int_equal(check(&table).count, 0);
}

static void unit_for_nobody(void **state)
{
    struct udmar_table table;
    struct build b;
    uint32_t drhd;

    (void)state;
    begin(&b);
    drhd = add_drhd(&b, 0, 0, BASE_A);
    table = finish(&b);
    EXPECT_ENTRIES(&table, drhd);
    expect_only(&table, UDMAR_DEFECT_NO_SCOPE, drhd, 0, BASE_A);
}

static void rhsa_for_nobody(void **state)
{
    struct udmar_table table;
    uint32_t drhd, good, bad;
    struct build b;

    (void)state;
    begin(&b);
    drhd = add_drhd(&b, 1, 3, BASE_A);
    good = add_rhsa(&b, BASE_A, 0);
    bad = add_rhsa(&b, BASE_B, 0);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_NAMESPACE, 1, 0, 1, path);
    scope = add_path(&b, UDMAR_SCOPE_NAMESPACE, 2, 0, 1, path);
    add_andd(&b, 1, "\\_SB", 5);
    table = finish(&b);
    expect_only(&table, UDMAR_DEFECT_NAMESPACE_UNKNOWN, scope, 0, 2);
}

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
    assert_int_equal(resolve(machine, 0, 2, path, &rid), UDMAR_OK);
    assert_int_equal(rid, UDMAR_RID(1, 0, 1));
}

static void path_of_three_hops(void **state)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 5, 6 };
    udmar_rid_t rid;

    (void)state;
    assert_int_equal(resolve(machine, 0, 3, path, &rid), UDMAR_OK);
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
    assert_int_equal(resolve(machine, 0, 2, first, &rid), UDMAR_ERR_PATH);
    assert_int_equal(resolve(machine, 0, 3, second, &rid), UDMAR_ERR_PATH);
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
    assert_int_equal(resolve(machine, 0, 2, first, &rid), UDMAR_ERR_PATH);
}

/* ---- matching ---- */

static enum udmar_match match(const struct udmar_table *table, uint16_t segment, udmar_rid_t rid,
                              unsigned *out_distance)
{
    struct udmar_entry entry = entry_at(table, 48);
    enum udmar_match found = udmar_entry_match(table, &entry, &reader, segment, rid, out_distance);

    assert_int_equal(udmar_entry_match(table, &entry, &reader, segment, rid, NULL), found);
    return found;
}

/* A table whose only structure has one scope. */
static struct udmar_table one_scope(struct build *b, uint8_t type, uint8_t device)
{
    begin(b);
    add_drhd(b, 0, 0, BASE_A);
    add_scope(b, type, 0, device, 0);
    return finish(b);
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
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 3, path);
    table = finish(&b);
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
    begin(&b);
    add_list(&b, UDMAR_ENTRY_ATSR, 0, 0);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 3, path);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 2, path);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 4, 9, 0);
    add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, 1, path);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    add_endpoint(&b, 5);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    table = finish(&b);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 3, 0), NULL), UDMAR_MATCH_NONE);
}

static void other_segment_never_matches(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 1, 7, BASE_A);
    add_endpoint(&b, 2);
    table = finish(&b);
    assert_int_equal(match(&table, 7, UDMAR_RID(0, 2, 0), NULL), UDMAR_MATCH_EXACT);
    assert_int_equal(match(&table, 0, UDMAR_RID(0, 2, 0), NULL), UDMAR_MATCH_NONE);
    expect_no_unit(&table, &reader, 0, UDMAR_RID(0, 2, 0));
    expect_no_unit(&table, &reader, 0x107, UDMAR_RID(0, 2, 0));
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
    begin(&b);
    add_drhd(&b, 0, 7, BASE_A);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_path(&b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    table = finish(&b);
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
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_B);
    add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1f, 0);
    table = finish(&b);
    expect_unit(&table, &reader, 0, UDMAR_RID(0, 2, 0), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &reader, 0, UDMAR_RID(0, 2, 1), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
    expect_unit(&table, &reader, 0, UDMAR_RID(0xf0, 0x1f, 0), BASE_B, UDMAR_MATCH_INCLUDE_ALL);
}

static void include_all_in_front_is_still_the_fallback(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 1, 0, BASE_A);
    add_drhd(&b, 0, 0, BASE_B);
    add_endpoint(&b, 2);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    table = finish(&b);
    expect_unit(&table, &reader, 0, UDMAR_RID(0, 2, 0), BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, &reader, 0, UDMAR_RID(3, 0, 0), BASE_B, UDMAR_MATCH_SUBTREE);
    expect_unit(&table, &reader, 0, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
}

static void include_all_is_per_segment(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 1, 1, BASE_A);
    add_drhd(&b, 0, 2, BASE_B);
    add_endpoint(&b, 2);
    add_drhd(&b, 1, 0, BASE_C);
    table = finish(&b);
    expect_unit(&table, NULL, 0, UDMAR_RID(0, 3, 0), BASE_C, UDMAR_MATCH_INCLUDE_ALL);
    expect_unit(&table, NULL, 1, UDMAR_RID(0, 3, 0), BASE_A, UDMAR_MATCH_INCLUDE_ALL);
    expect_no_unit(&table, NULL, 2, UDMAR_RID(0, 3, 0));
}

static void scopes_of_an_include_all_unit_count(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_drhd(&b, 1, 0, BASE_B);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 2, 5, 0);
    table = finish(&b);
    expect_unit(&table, &reader, 0, UDMAR_RID(2, 5, 0), BASE_B, UDMAR_MATCH_EXACT);
    expect_unit(&table, &reader, 0, UDMAR_RID(2, 6, 0), BASE_A, UDMAR_MATCH_SUBTREE);
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
        begin(&b);
        for (unsigned i = 0; i < 3; i++) {
            unsigned unit = order == 0 ? i : 2 - i;

            add_drhd(&b, 0, 0, bases[unit]);
            add_path(&b, UDMAR_SCOPE_BRIDGE, 0, 0, unit + 1, path);
        }
        table = finish(&b);
        expect_unit(&table, &reader, 0, UDMAR_RID(0, 1, 0), BASE_A, UDMAR_MATCH_EXACT);
        expect_unit(&table, &reader, 0, UDMAR_RID(1, 0, 0), BASE_B, UDMAR_MATCH_EXACT);
        expect_unit(&table, &reader, 0, UDMAR_RID(1, 1, 0), BASE_A, UDMAR_MATCH_SUBTREE);
        expect_unit(&table, &reader, 0, UDMAR_RID(3, 0, 0), BASE_B, UDMAR_MATCH_SUBTREE);
        expect_unit(&table, &reader, 0, UDMAR_RID(5, 0, 0), BASE_C, UDMAR_MATCH_SUBTREE);
    }
}

static void exact_beats_subtree(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        begin(&b);
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
        table = finish(&b);
        expect_unit(&table, &reader, 0, UDMAR_RID(4, 0, 0), BASE_B, UDMAR_MATCH_EXACT);
        expect_unit(&table, &reader, 0, UDMAR_RID(4, 1, 0), BASE_A, UDMAR_MATCH_SUBTREE);
    }
}

static void unit_of_a_lost_drhd(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 0, 0, 0);
    add_endpoint(&b, 2);
    table = finish(&b);
    expect_no_unit(&table, NULL, 0, UDMAR_RID(0, 2, 0));
}

static void no_include_all_as_in_qemu(void **state)
{
    struct udmar_table table;
    struct build b;

    (void)state;
    begin(&b);
    add_drhd(&b, 0, 0, BASE_A);
    add_scope(&b, UDMAR_SCOPE_IOAPIC, 0xff, 0, 0);
    add_endpoint(&b, 0);
    add_scope(&b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_scope(&b, UDMAR_SCOPE_ENDPOINT, 0, 0x1f, 2);
    add_list(&b, UDMAR_ENTRY_ATSR, 1, 0);
    table = finish(&b);
    assert_int_equal(check(&table).count, 0);
    expect_unit(&table, &reader, 0, 0, BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &reader, 0, UDMAR_RID(0, 0x1f, 2), BASE_A, UDMAR_MATCH_EXACT);
    expect_unit(&table, &reader, 0, UDMAR_RID(1, 0, 0), BASE_A, UDMAR_MATCH_SUBTREE);
    expect_no_unit(&table, &reader, 0, UDMAR_RID(0, 2, 0));
    expect_no_unit(&table, &reader, 0, UDMAR_RID(8, 0, 0)); /* below a bridge not named */
    expect_no_unit(&table, &reader, 0, 0xff00);
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
    assert_int_equal(check(&table).count, 0);
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

/* ---- damage ---- */

static uint32_t seed = 1;

static uint32_t roll(uint32_t sides)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * sides) >> 32);
}

/* Bridges everywhere, with any numbers: no answer of the machine may lead out of bounds either. */
static bool wild_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    (void)context;
    *out_secondary = (uint8_t)(rid * 7 + segment);
    *out_subordinate = (uint8_t)(rid * 13);
    return rid % 3 != 0;
}

static void build_rich(struct build *b)
{
    const uint8_t path[6] = { 1, 0, 0, 0, 3, 0 };

    begin(b);
    add_drhd(b, 0, 0, BASE_A);
    add_endpoint(b, 2);
    add_path(b, UDMAR_SCOPE_BRIDGE, 0, 0, 3, path);
    add_drhd(b, 0, 1, BASE_B);
    add_path(b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    add_drhd(b, 1, 0, BASE_C);
    add_path(b, UDMAR_SCOPE_NAMESPACE, 1, 0, 1, path);
    add_rmrr(b, 0, 0x1000, 0x1fff);
    add_endpoint(b, 2);
    add_rmrr(b, 0, 0x1000, 0x2fff);
    add_list(b, UDMAR_ENTRY_ATSR, 0, 0);
    add_scope(b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_rhsa(b, BASE_A, 1);
    add_andd(b, 1, "\\_SB.A\0", 8);
    add_list(b, UDMAR_ENTRY_SATC, 1, 0);
    add_endpoint(b, 2);
    add_list(b, UDMAR_ENTRY_SIDP, 0, 0);
    add_endpoint(b, 2);
    seal(b);
}

/* Values that lengths, types and addresses break at, as often as any others. */
static void damage(uint8_t *bytes, uint32_t length)
{
    static const uint8_t edges[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 24, 127, 128, 254, 255 };

    for (unsigned n = 1 + roll(4); n > 0; n--)
        bytes[40 + roll(length - 40)] =
            roll(2) == 0 ? (uint8_t)roll(256) : edges[roll(sizeof(edges))];
}

struct tally {
    const struct udmar_table *table;
    uint32_t last; /* offset of the defect before */
    unsigned count;
    uint8_t lossy[4096]; /* by offset: 1 there is a defect that leaves something out */
};

static void tally_defect(void *context, const struct udmar_defect *defect)
{
    struct tally *tally = context;

    assert_true(defect->offset >= tally->last && defect->offset < tally->table->length);
    tally->last = defect->offset;
    tally->count++;
    if (defect->loses_entry || defect->kind == UDMAR_DEFECT_UNKNOWN_TYPE)
        tally->lossy[defect->offset] = 1;
}

static void walk_scopes(const struct udmar_table *table, const struct udmar_entry *entry)
{
    uint32_t at = entry->offset + entry->scopes_offset;
    struct udmar_scope scope = { 0 };
    udmar_rid_t rid;

    while (udmar_entry_next_scope(table, entry, &scope)) {
        assert_int_equal(scope.offset, at);
        at += scope.length;
        assert_true(scope.hops > 0 && scope.path + 2 * scope.hops == table->bytes + at);
        udmar_scope_resolve(&scope, udmar_entry_segment(entry),
                            &(struct udmar_bus_reader){ wild_bridge, NULL }, &rid);
    }
    assert_int_equal(at, entry->offset + entry->length);
}

/* Each structure of the table is either iterated or said to be left out, never both. */
static void walk(const struct udmar_table *table)
{
    static struct tally tally;
    struct udmar_entry entry = { 0 };
    uint32_t at = 48;
    unsigned count;

    memset(&tally, 0, sizeof(tally));
    tally.table = table;
    count = udmar_table_check(table, tally_defect, &tally);
    assert_int_equal(count, tally.count);
    while (udmar_table_next(table, &entry)) {
        for (; at < entry.offset;
             at += (uint32_t)(table->bytes[at + 2] | table->bytes[at + 3] << 8))
            assert_non_null(memchr(tally.lossy + at, 1, entry.offset - at));
        assert_int_equal(at, entry.offset);
        at += entry.length;
        assert_true(at <= table->length);
        assert_null(memchr(tally.lossy + entry.offset, 1, entry.length));
        if (entry.type == UDMAR_ENTRY_ANDD)
            assert_true(entry.u.andd.path_length + 9 <= entry.length);
        walk_scopes(table, &entry);
    }
    if (at < table->length)
        assert_non_null(memchr(tally.lossy + at, 1, table->length - at));
}

static void ask_for_units(const struct udmar_table *table)
{
    const struct udmar_bus_reader wild = { wild_bridge, NULL };
    struct udmar_entry entry;
    enum udmar_match found;

    for (unsigned i = 0; i < 4; i++) {
        uint16_t segment = (uint16_t)roll(2);
        udmar_rid_t rid = (udmar_rid_t)(roll(4) == 0 ? roll(65536) : UDMAR_RID(0, roll(4), 0));

        if (udmar_table_find_unit(table, &wild, segment, rid, &entry, &found) != UDMAR_OK)
            continue;
        assert_int_equal(entry.type, UDMAR_ENTRY_DRHD);
        assert_int_equal(entry.u.drhd.segment, segment);
        assert_true(found != UDMAR_MATCH_NONE);
        assert_int_equal(entry_at(table, entry.offset).length, entry.length);
    }
}

/* The buffer is as large as the table to the byte, so that ASan sees any step outside. */
static void random_damage(void **state)
{
    unsigned opened = 0;
    struct build b;

    (void)state;
    build_rich(&b);
    for (unsigned round = 0; round < 200000; round++) {
        uint32_t length = roll(4) == 0 ? 48 + roll(b.length - 47) : b.length;
        uint8_t *bytes = malloc(length);
        struct udmar_table table;
        enum udmar_status status;

        assert_non_null(bytes);
        memcpy(bytes, b.bytes, length);
        damage(bytes, length);
        bytes[4] = (uint8_t)length;
        bytes[5] = (uint8_t)(length >> 8);
        status = udmar_table_open(bytes, length, &table);
        assert_true(status == UDMAR_OK || status == UDMAR_ERR_CHECKSUM);
        assert_int_equal(table.length, length);
        walk(&table);
        ask_for_units(&table);
        opened++;
        free(bytes);
    }
    assert_int_equal(opened, 200000);
}

static void random_headers(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        uint32_t length = roll(80);
        uint8_t *bytes = malloc(length == 0 ? 1 : length);
        struct udmar_table table;

        assert_non_null(bytes);
        for (uint32_t i = 0; i < length; i++)
            bytes[i] = i < 4 ? (uint8_t) "DMAR"[i] : i < 6 ? (uint8_t)roll(80) : 0;
        if (length > 36)
            bytes[36] = 38;
        if (udmar_table_open(bytes, length, &table) == UDMAR_OK ||
            (table.bytes != NULL && table.length <= length))
            walk(&table);
        free(bytes);
    }
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
        cmocka_unit_test(broken_structure_costs_itself),
        cmocka_unit_test(lost_structure_tells_all),
        cmocka_unit_test(short_head_ends_the_table),
        cmocka_unit_test(small_length_ends_the_table),
        cmocka_unit_test(structure_past_the_end),
        cmocka_unit_test(duplicate_needs_same_segment),
        cmocka_unit_test(duplicate_of_a_lost_unit_stays),
        cmocka_unit_test(duplicate_has_no_say),
        cmocka_unit_test(types_should_ascend),
        cmocka_unit_test(rmrr_alignment),
        cmocka_unit_test(rmrr_overlap),
        cmocka_unit_test(rmrr_width),
        cmocka_unit_test(include_all_twice),
        cmocka_unit_test(include_all_comes_last),
        cmocka_unit_test(include_all_comes_last_in_its_segment),
        cmocka_unit_test(scope_type_unknown),
        cmocka_unit_test(scope_claimed_twice),
        cmocka_unit_test(scopes_that_differ_are_no_claim),
        cmocka_unit_test(unit_for_nobody),
        cmocka_unit_test(rhsa_for_nobody),
        cmocka_unit_test(namespace_without_name),
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
        cmocka_unit_test(compiled_qemu_like),
        cmocka_unit_test(compiled_two_units),
        cmocka_unit_test(compiled_all_types),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(random_headers),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
