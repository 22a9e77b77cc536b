/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a DMAR table.
 *
 * Control block: one byte of flags, the function that is asked about, bridges. Then the table. With
 * the first flag its head is put right, so that structures are reached at all.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

struct tally {
    const struct udmar_table *table;
    uint32_t last;
    unsigned count;
    uint8_t *lossy; /* by offset: something is left out there */
};

static void note(void *context, const struct udmar_defect *defect)
{
    struct tally *tally = context;

    REQUIRE(defect->offset >= tally->last && defect->offset <= tally->table->length);
    REQUIRE((defect->offset == tally->table->length) == (defect->kind == UDMAR_DEFECT_TRAILING));
    REQUIRE(strlen(udmar_defect_string(defect->kind)) > 10);
    tally->last = defect->offset;
    tally->count++;
    if (defect->loses_entry || defect->kind == UDMAR_DEFECT_UNKNOWN_TYPE)
        tally->lossy[defect->offset] = 1;
}

static void walk_scopes(const struct udmar_table *table, const struct udmar_entry *entry,
                        const struct udmar_bus_reader *reader, const struct bridges *bridges)
{
    uint32_t at = entry->offset + entry->scopes_offset;
    struct udmar_scope scope = { 0 };

    while (udmar_entry_next_scope(table, entry, &scope)) {
        udmar_rid_t rid = 0;
        long named = naive_resolve(table->bytes + at, udmar_entry_segment(entry), bridges);
        enum udmar_status status =
            udmar_scope_resolve(&scope, udmar_entry_segment(entry), reader, &rid);

        REQUIRE(scope.offset == at && scope.hops > 0);
        REQUIRE(status == (named < 0 ? UDMAR_ERR_PATH : UDMAR_OK));
        REQUIRE(named < 0 || named == rid);
        at += scope.length;
        REQUIRE(scope.path + 2 * scope.hops == table->bytes + at);
    }
    REQUIRE(at == entry->offset + entry->length);
}

/* Every structure is either iterated or said to be left out, never both, never neither. */
static void walk(const struct udmar_table *table, struct bridges *bridges)
{
    struct udmar_bus_reader reader = bridges_reader(bridges);
    struct tally tally = { .table = table, .lossy = calloc(table->length + 1, 1) };
    struct udmar_entry entry = { 0 };
    uint32_t at = 48;

    REQUIRE(tally.lossy != NULL);
    REQUIRE(udmar_table_check(table, note, &tally) == tally.count);
    REQUIRE(udmar_table_check(table, NULL, NULL) == tally.count);
    while (udmar_table_next(table, &entry)) {
        for (; at < entry.offset; at += table->bytes[at + 2] | table->bytes[at + 3] << 8)
            REQUIRE(memchr(tally.lossy + at, 1, entry.offset - at) != NULL);
        REQUIRE(at == entry.offset && entry.type <= UDMAR_ENTRY_SIDP);
        at += entry.length;
        REQUIRE(at <= table->length);
        REQUIRE(memchr(tally.lossy + entry.offset, 1, entry.length) == NULL);
        walk_scopes(table, &entry, &reader, bridges);
    }
    if (at < table->length)
        REQUIRE(memchr(tally.lossy + at, 1, table->length - at) != NULL);
    free(tally.lossy);
}

static void mend(uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;

    if (size < 48)
        return;
    memcpy(bytes, "DMAR", 4);
    for (unsigned i = 0; i < 4; i++)
        bytes[4 + i] = (uint8_t)(size >> (8 * i));
    bytes[36] = bytes[36] < 11 || bytes[36] > 63 ? 38 : bytes[36];
    bytes[9] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[9] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    bool mended = take(&in, 1) & 1;
    uint16_t segment = (uint16_t)take(&in, 1);
    udmar_rid_t rid = (udmar_rid_t)take(&in, 2);
    struct bridges bridges;
    struct udmar_table table;
    enum udmar_status status;
    uint8_t *bytes;

    take_bridges(&in, &bridges);
    bytes = copy_of(in.data, in.left);
    if (mended)
        mend(bytes, in.left);
    status = udmar_table_open(bytes, in.left, &table);
    REQUIRE(!mended || in.left < 48 || status == UDMAR_OK);
    if (status == UDMAR_OK || status == UDMAR_ERR_CHECKSUM) {
        REQUIRE(table.length <= in.left && table.length >= 48);
    } else {
        REQUIRE(table.bytes == NULL && table.length == 0);
    }
    walk(&table, &bridges);
    naive_compare(&table, &bridges, segment, rid);
    free(bytes);
    return 0;
}
