/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device scopes and who is meant by them: structures whose heads are sound, with any scopes.
 *
 * Control block: the function that is asked about, bridges. Then structures: a byte for type and
 * flags, a byte for the segment, the number of scopes; each scope is type, start bus, number of
 * hops and the pairs of its path.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

struct making {
    uint8_t bytes[65536];
    size_t length;
};

static void put(struct making *table, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        table->bytes[table->length++] = (uint8_t)(value >> (8 * i));
}

static void put_scope(struct making *table, struct input *in)
{
    unsigned type = (unsigned)take(in, 1), hops, bus = (unsigned)take(in, 1);

    hops = 1 + (unsigned)take(in, 1) % 6;
    put(table, type & 0x80 ? type : type % 7, 1);
    put(table, 6 + 2 * hops, 1);
    put(table, 0, 2);
    put(table, bus, 1);
    put(table, bus, 1);
    for (unsigned i = 0; i < hops; i++) {
        unsigned pair = (unsigned)take(in, 1);

        /* Mostly devices that can be; 0xff stands for two bytes that may be anything. */
        if (pair == 0xff) {
            put(table, take(in, 2), 2);
        } else {
            put(table, pair >> 3, 1);
            put(table, pair & 7, 1);
        }
    }
}

static void put_structure(struct making *table, struct input *in, unsigned number)
{
    static const uint8_t types[] = { 0, 1, 2, 5, 6 };
    unsigned choice = (unsigned)take(in, 1), type = types[choice % 5];
    size_t start = table->length, length;

    put(table, type, 2);
    put(table, 0, 2);
    put(table, choice >> 7, 2);
    put(table, take(in, 1) & 1, 2);
    if (type == 0)
        put(table, 0xfed00000 + 0x1000 * number, 8);
    if (type == 1) {
        put(table, 0x100000 * number, 8);
        put(table, 0x100000 * number + 0xfff, 8);
    }
    for (unsigned scopes = (unsigned)take(in, 1) % 8; scopes > 0; scopes--)
        put_scope(table, in);
    length = table->length - start;
    table->bytes[start + 2] = (uint8_t)length;
    table->bytes[start + 3] = (uint8_t)(length >> 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct making making;
    struct input in = { data, size };
    uint16_t segment = (uint16_t)(take(&in, 1) & 1);
    udmar_rid_t rid = (udmar_rid_t)take(&in, 2);
    struct udmar_entry entry = { 0 };
    struct udmar_table table;
    struct bridges bridges;
    unsigned made = 0, seen = 0;
    uint8_t *bytes;

    take_bridges(&in, &bridges);
    memset(making.bytes, 0, 48);
    memcpy(making.bytes, "DMAR", 4);
    making.bytes[36] = 47;
    making.length = 48;
    while (in.left > 0 && made < 64)
        put_structure(&making, &in, ++made);
    for (unsigned i = 0; i < 4; i++)
        making.bytes[4 + i] = (uint8_t)(making.length >> (8 * i));
    bytes = copy_of(making.bytes, making.length);
    (void)udmar_table_open(bytes, making.length, &table);
    REQUIRE(table.length == making.length);
    while (udmar_table_next(&table, &entry))
        seen++;
    /* Paths that cannot be cost a unit. */
    REQUIRE(seen <= made);
    naive_compare(&table, &bridges, segment, rid);
    /* Those that the bridges lead to are where mistakes would be. */
    for (unsigned i = 0; i < bridges.count; i++) {
        naive_compare(&table, &bridges, segment, bridges.at[i].rid);
        naive_compare(&table, &bridges, segment, UDMAR_RID(bridges.at[i].secondary, 0, 0));
        naive_compare(&table, &bridges, segment, UDMAR_RID(bridges.at[i].subordinate, 31, 7));
    }
    free(bytes);
    return 0;
}
