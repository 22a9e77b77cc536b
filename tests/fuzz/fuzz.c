/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_broken(const char *rule, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, rule);
    abort();
}

uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++) {
        value |= (uint64_t)*in->data++ << (8 * i);
        in->left--;
    }
    return value;
}

uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    REQUIRE(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* ---- a machine ---- */

void take_bridges(struct input *in, struct bridges *out_bridges)
{
    memset(out_bridges, 0, sizeof(*out_bridges));
    out_bridges->count = (unsigned)take(in, 1) % (BRIDGES + 1);
    for (unsigned i = 0; i < out_bridges->count; i++) {
        out_bridges->at[i].segment = (uint16_t)(take(in, 1) & 1);
        out_bridges->at[i].rid = (udmar_rid_t)take(in, 2);
        out_bridges->at[i].secondary = (uint8_t)take(in, 1);
        out_bridges->at[i].subordinate = (uint8_t)take(in, 1);
    }
}

static int find_bridge(const struct bridges *bridges, uint16_t segment, udmar_rid_t rid)
{
    for (unsigned i = 0; i < bridges->count; i++) {
        if (bridges->at[i].segment == segment && bridges->at[i].rid == rid)
            return (int)i;
    }
    return -1;
}

static bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    const struct bridges *bridges = context;
    int found = find_bridge(bridges, segment, rid);

    if (found < 0)
        return false;
    *out_secondary = bridges->at[found].secondary;
    *out_subordinate = bridges->at[found].subordinate;
    return true;
}

struct udmar_bus_reader bridges_reader(struct bridges *bridges)
{
    return (struct udmar_bus_reader){ .bridge = read_bridge, .context = bridges };
}

/* ---- the second opinion ---- */

/* A bridge that has been set up; its index, else -1. */
static int open_bridge(const struct bridges *bridges, uint16_t segment, long rid)
{
    int found = find_bridge(bridges, segment, (udmar_rid_t)rid);

    if (found < 0 || bridges->at[found].secondary <= rid / 256 ||
        bridges->at[found].subordinate < bridges->at[found].secondary)
        return -1;
    return found;
}

long naive_resolve(const uint8_t *scope, uint16_t segment, const struct bridges *bridges)
{
    unsigned pairs = (scope[1] - 6u) / 2;
    long bus = scope[5], rid = -1;

    for (unsigned i = 0; i < pairs; i++) {
        const uint8_t *pair = scope + 6 + 2 * i;

        if (i > 0) {
            int found = open_bridge(bridges, segment, rid);

            if (found < 0)
                return -1;
            bus = bridges->at[found].secondary;
        }
        if (pair[0] >= 32 || pair[1] >= 8)
            return -1;
        rid = bus * 256 + pair[0] * 8 + pair[1];
    }
    return rid;
}

static unsigned fit(const uint8_t *scope, uint16_t segment, const struct bridges *bridges, long rid)
{
    long named = naive_resolve(scope, segment, bridges);
    int found;

    if (named < 0 || (scope[0] != 1 && scope[0] != 2 && scope[0] != 5))
        return 0;
    if (named == rid)
        return 1000;
    found = scope[0] == 2 ? open_bridge(bridges, segment, named) : -1;
    if (found < 0 || rid / 256 < bridges->at[found].secondary ||
        rid / 256 > bridges->at[found].subordinate)
        return 0;
    /* The fewer buses the better. */
    return 999u - (bridges->at[found].subordinate - bridges->at[found].secondary + 1u);
}

enum udmar_match naive_match(const uint8_t *from, const uint8_t *to, uint16_t segment,
                             const struct bridges *bridges, udmar_rid_t rid, unsigned *out_distance)
{
    unsigned best = 0;

    for (const uint8_t *scope = from; scope < to; scope += scope[1]) {
        unsigned this = fit(scope, segment, bridges, rid);

        best = this > best ? this : best;
    }
    *out_distance = best == 0 || best == 1000 ? 0 : 999 - best;
    return best == 0 ? UDMAR_MATCH_NONE : best == 1000 ? UDMAR_MATCH_EXACT : UDMAR_MATCH_SUBTREE;
}

static enum udmar_match compare_entry(const struct udmar_table *table,
                                      const struct udmar_entry *entry, struct bridges *bridges,
                                      uint16_t segment, udmar_rid_t rid, unsigned *out_distance)
{
    static const uint8_t heads[] = { 16, 24, 8, 20, 0, 8, 8 };
    const uint8_t *bytes = table->bytes + entry->offset;
    struct udmar_bus_reader reader = bridges_reader(bridges);
    enum udmar_match theirs = UDMAR_MATCH_NONE, ours;
    unsigned distance;

    *out_distance = 0;
    if (entry->type != UDMAR_ENTRY_RHSA && entry->type != UDMAR_ENTRY_ANDD &&
        (bytes[6] | bytes[7] << 8) == segment)
        theirs = naive_match(bytes + heads[entry->type], bytes + entry->length, segment, bridges,
                             rid, out_distance);
    ours = udmar_entry_match(table, entry, &reader, segment, rid, &distance);
    if (entry->type != UDMAR_ENTRY_RHSA && entry->type != UDMAR_ENTRY_ANDD) {
        REQUIRE(ours == theirs);
        REQUIRE(distance == *out_distance);
    }
    return theirs;
}

void naive_compare(const struct udmar_table *table, struct bridges *bridges, uint16_t segment,
                   udmar_rid_t rid)
{
    struct udmar_bus_reader reader = bridges_reader(bridges);
    struct udmar_entry entry = { 0 }, found;
    enum udmar_match match, best = UDMAR_MATCH_NONE;
    unsigned distance, least = 0;
    uint32_t where = 0;
    enum udmar_status status;

    while (udmar_table_next(table, &entry)) {
        match = compare_entry(table, &entry, bridges, segment, rid, &distance);
        if (entry.type != UDMAR_ENTRY_DRHD || entry.u.drhd.segment != segment)
            continue;
        if (match == UDMAR_MATCH_NONE && entry.u.drhd.include_all)
            match = UDMAR_MATCH_INCLUDE_ALL;
        if (match > best || (match == best && match == UDMAR_MATCH_SUBTREE && distance < least)) {
            best = match;
            least = distance;
            where = entry.offset;
        }
    }
    status = udmar_table_find_unit(table, &reader, segment, rid, &found, &match);
    if (status == UDMAR_ERR_FIRMWARE) {
        /* Never by a structure that could be used for certain: what is named is in doubt, or lost.
         */
        REQUIRE(found.length == 0 || found.type == UDMAR_ENTRY_DRHD);
        return;
    }
    REQUIRE(status == (where == 0 ? UDMAR_ERR_NO_UNIT : UDMAR_OK));
    REQUIRE(match == best);
    REQUIRE(status != UDMAR_OK || found.offset == where);
}
