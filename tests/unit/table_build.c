/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "table_build.h"

/* ---- the builder ---- */

void build_put(struct build *b, uint64_t value, unsigned size)
{
    while (size-- > 0) {
        b->bytes[b->length++] = (uint8_t)value;
        value >>= 8;
    }
}

void build_begin(struct build *b)
{
    memset(b, 0, sizeof(*b));
    memcpy(b->bytes, "DMAR\0\0\0\0\1\0UDMAR TESTBENCH", 25);
    memset(b->bytes + 24, 0, 12);
    b->bytes[36] = 38;
    b->bytes[37] = UDMAR_TABLE_INTR_REMAP;
    b->length = 48;
}

/* The length is put right by whatever is appended to the structure later. */
uint32_t build_add(struct build *b, uint16_t type)
{
    b->open = b->length;
    build_put(b, type, 2);
    build_put(b, 0, 2);
    return b->open;
}

uint32_t build_grown(struct build *b)
{
    uint32_t length = b->length - b->open;

    b->bytes[b->open + 2] = (uint8_t)length;
    b->bytes[b->open + 3] = (uint8_t)(length >> 8);
    return b->open;
}

uint32_t add_drhd(struct build *b, uint8_t flags, uint16_t segment, uint64_t base)
{
    build_add(b, UDMAR_ENTRY_DRHD);
    build_put(b, flags, 1);
    build_put(b, 0, 1);
    build_put(b, segment, 2);
    build_put(b, base, 8);
    return build_grown(b);
}

uint32_t add_rmrr(struct build *b, uint16_t segment, uint64_t base, uint64_t limit)
{
    build_add(b, UDMAR_ENTRY_RMRR);
    build_put(b, 0, 2);
    build_put(b, segment, 2);
    build_put(b, base, 8);
    build_put(b, limit, 8);
    return build_grown(b);
}

/* ATSR, SATC and SIDP look alike. */
uint32_t add_list(struct build *b, uint16_t type, uint8_t flags, uint16_t segment)
{
    build_add(b, type);
    build_put(b, flags, 2);
    build_put(b, segment, 2);
    return build_grown(b);
}

uint32_t add_rhsa(struct build *b, uint64_t base, uint32_t proximity)
{
    build_add(b, UDMAR_ENTRY_RHSA);
    build_put(b, 0, 4);
    build_put(b, base, 8);
    build_put(b, proximity, 4);
    return build_grown(b);
}

uint32_t add_andd(struct build *b, uint8_t number, const char *bytes, unsigned size)
{
    build_add(b, UDMAR_ENTRY_ANDD);
    build_put(b, 0, 3);
    build_put(b, number, 1);
    for (unsigned i = 0; i < size; i++)
        build_put(b, (uint8_t)bytes[i], 1);
    return build_grown(b);
}

uint32_t add_blob(struct build *b, uint16_t type, uint16_t length)
{
    build_add(b, type);
    for (unsigned i = 4; i < length; i++)
        build_put(b, 0, 1);
    return build_grown(b);
}

uint32_t add_path(struct build *b, uint8_t type, uint8_t id, uint8_t bus, unsigned hops,
                  const uint8_t *path)
{
    uint32_t offset = b->length;

    build_put(b, type, 1);
    build_put(b, 6 + 2 * hops, 1);
    build_put(b, 0, 2);
    build_put(b, id, 1);
    build_put(b, bus, 1);
    for (unsigned i = 0; i < 2 * hops; i++)
        build_put(b, path[i], 1);
    build_grown(b);
    return offset;
}

uint32_t add_scope(struct build *b, uint8_t type, uint8_t bus, uint8_t device, uint8_t function)
{
    const uint8_t path[2] = { device, function };

    return add_path(b, type, 0, bus, 1, path);
}

uint32_t add_endpoint(struct build *b, uint8_t device)
{
    return add_scope(b, UDMAR_SCOPE_ENDPOINT, 0, device, 0);
}

void build_seal(struct build *b)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 4; i++)
        b->bytes[4 + i] = (uint8_t)(b->length >> 8 * i);
    b->bytes[9] = 0;
    for (uint32_t i = 0; i < b->length; i++)
        sum = (uint8_t)(sum + b->bytes[i]);
    b->bytes[9] = (uint8_t)-sum;
}

struct udmar_table build_finish(struct build *b)
{
    struct udmar_table table;

    build_seal(b);
    assert_int_equal(udmar_table_open(b->bytes, b->length, &table), UDMAR_OK);
    return table;
}

/* ---- what the tests ask ---- */

void expect_entries(const struct udmar_table *table, unsigned count, const uint32_t *offsets)
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

struct udmar_entry entry_at(const struct udmar_table *table, uint32_t offset)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(table, &entry)) {
        if (entry.offset == offset)
            return entry;
    }
    fail_msg("no structure at %u", (unsigned)offset);
    return entry;
}

static void collect(void *context, const struct udmar_defect *defect)
{
    struct defects *defects = context;

    if (defects->count < 16)
        defects->list[defects->count] = *defect;
    defects->count++;
}

struct defects check_table(const struct udmar_table *table)
{
    struct defects defects = { 0 };
    unsigned count = udmar_table_check(table, collect, &defects);

    assert_int_equal(count, defects.count);
    assert_int_equal(udmar_table_check(table, NULL, NULL), defects.count);
    return defects;
}

void expect_defect(const struct udmar_defect *defect, enum udmar_defect_kind kind, uint32_t offset,
                   uint16_t type, uint64_t value)
{
    assert_string_equal(udmar_defect_string(defect->kind), udmar_defect_string(kind));
    assert_int_equal(defect->offset, offset);
    assert_int_equal(defect->structure_type, type);
    assert_true(defect->value == value);
    /* A path costs a unit, if it is no interrupt source's, and nothing else: who tests it says. */
    if (kind != UDMAR_DEFECT_SCOPE_PATH)
        assert_int_equal(
            defect->loses_entry,
            (kind < UDMAR_DEFECT_UNKNOWN_TYPE && kind != UDMAR_DEFECT_DRHD_DUPLICATE) ||
                kind == UDMAR_DEFECT_DRHD_WIDTH || kind == UDMAR_DEFECT_RMRR_SIZE ||
                kind == UDMAR_DEFECT_DRHD_END || kind == UDMAR_DEFECT_DRHD_SEGMENT);
}

void expect_only(const struct udmar_table *table, enum udmar_defect_kind kind, uint32_t offset,
                 uint16_t type, uint64_t value)
{
    struct defects defects = check_table(table);

    assert_int_equal(defects.count, 1);
    expect_defect(&defects.list[0], kind, offset, type, value);
}

void expect_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                 uint16_t segment, udmar_rid_t rid, uint64_t base, enum udmar_match match)
{
    struct udmar_entry entry;
    enum udmar_match found;

    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, &found), UDMAR_OK);
    assert_true(entry.u.drhd.base == base);
    assert_int_equal(found, match);
    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, NULL), UDMAR_OK);
}

void expect_doubt(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                  uint16_t segment, udmar_rid_t rid, uint64_t base, enum udmar_match match,
                  enum udmar_defect_kind kind)
{
    struct udmar_entry entry;
    enum udmar_match found;

    assert_int_equal(udmar_table_find_unit(table, reader, segment, rid, &entry, &found),
                     UDMAR_ERR_FIRMWARE);
    assert_int_equal(found, match);
    if (match == UDMAR_MATCH_NONE) {
        assert_int_equal(entry.length, 0);
        return;
    }
    assert_true(entry.u.drhd.base == base);
    assert_int_equal(udmar_entry_defect(table, &entry), kind);
}

void expect_no_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
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

bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
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
struct bridge machine_bridges[] = {
    { 0, UDMAR_RID(0, 1, 0), 1, 5 },
    { 0, UDMAR_RID(1, 0, 0), 2, 5 },
    { 0, UDMAR_RID(2, 3, 0), 4, 5 },
    { 0, UDMAR_RID(0, 0x1c, 0), 8, 9 },
    { 0, 0, 0, 0 },
};

const struct udmar_bus_reader machine_reader = { read_bridge, machine_bridges };
