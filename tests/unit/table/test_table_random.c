/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random damage: whatever the bytes say, nobody leaves the buffer and the answers agree.
 */
#include <stdlib.h>
#include <string.h>

#include "fixture/table_build.h"

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

    build_begin(b);
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
    build_seal(b);
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

    assert_true(defect->offset >= tally->last && defect->offset <= tally->table->length);
    assert_int_equal(defect->offset == tally->table->length, defect->kind == UDMAR_DEFECT_TRAILING);
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
        cmocka_unit_test(random_damage),
        cmocka_unit_test(random_headers),
    };

    return cmocka_run_group_tests_name("table_random", tests, NULL, NULL);
}
