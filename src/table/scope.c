/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device scopes: walking them, following their paths, and who is meant by them.
 */
#include <udmar/table.h>

#include "table/parse.h"

struct buses {
    uint8_t first; /* secondary */
    uint8_t last;  /* subordinate */
};

enum udmar__scope_step udmar__scope_at(const struct udmar_table *table,
                                       const struct udmar_entry *entry, uint32_t offset,
                                       struct udmar_scope *scope)
{
    uint32_t end = entry->offset + entry->length;
    uint32_t left = offset < end ? end - offset : 0;
    const uint8_t *bytes;

    *scope = (struct udmar_scope){ 0 };
    if (left == 0) {
        return UDMAR__SCOPE_END;
    }
    scope->offset = offset;
    if (left < 2) {
        return UDMAR__SCOPE_BAD;
    }
    bytes = table->bytes + offset;
    scope->length = bytes[1];
    if (scope->length < UDMAR__SCOPE_MIN || scope->length % 2 != 0 || scope->length > left) {
        return UDMAR__SCOPE_BAD;
    }
    scope->type = bytes[0];
    scope->flags = bytes[2];
    scope->enumeration_id = bytes[4];
    scope->start_bus = bytes[5];
    scope->hops = (uint8_t)((scope->length - UDMAR__SCOPE_FIXED) / 2);
    scope->path = bytes + UDMAR__SCOPE_FIXED;
    return UDMAR__SCOPE_OK;
}

bool udmar__is_path_pair(uint8_t device, uint8_t function)
{
    return device <= 31 && function <= 7;
}

bool udmar__bad_pair(const struct udmar_scope *scope, uint64_t *out_pair)
{
    for (unsigned hop = 0; hop < scope->hops; hop++) {
        uint8_t device = scope->path[2 * hop];
        uint8_t function = scope->path[2 * hop + 1];

        if (!udmar__is_path_pair(device, function)) {
            *out_pair = (uint64_t)device << 8 | function;
            return true;
        }
    }
    return false;
}

bool udmar__is_interrupt_source(const struct udmar_scope *scope)
{
    return scope->type == UDMAR_SCOPE_IOAPIC || scope->type == UDMAR_SCOPE_HPET;
}

/*
 * A unit's length that is too small leaves scopes behind it, and a scope taken for a structure has
 * an unknown type and length 0. One that takes the rest has no scope that is about DMA.
 */
static bool ends_before_its_scopes(const struct udmar_table *table, const struct udmar_entry *entry)
{
    uint32_t end = entry->offset + entry->length;
    struct udmar_entry next;

    return entry->type == UDMAR_ENTRY_DRHD && !entry->u.drhd.include_all && end < table->length &&
           udmar__head_at(table, end, &next) == UDMAR_DEFECT_LENGTH_ZERO &&
           next.type > UDMAR_ENTRY_SIDP;
}

enum udmar_defect_kind udmar__scopes_defect(const struct udmar_table *table,
                                            const struct udmar_entry *entry,
                                            struct udmar_scope *out_scope, uint64_t *out_value)
{
    uint32_t offset = entry->offset + entry->scopes_offset;
    enum udmar__scope_step step;

    while ((step = udmar__scope_at(table, entry, offset, out_scope)) == UDMAR__SCOPE_OK) {
        if (entry->type == UDMAR_ENTRY_DRHD && !udmar__is_interrupt_source(out_scope) &&
            udmar__bad_pair(out_scope, out_value)) {
            return UDMAR_DEFECT_SCOPE_PATH;
        }
        offset += out_scope->length;
    }
    *out_value = out_scope->length;
    if (step == UDMAR__SCOPE_BAD) {
        return UDMAR_DEFECT_SCOPE_LENGTH;
    }
    if (ends_before_its_scopes(table, entry)) {
        out_scope->offset = entry->offset;
        *out_value = entry->length;
        return UDMAR_DEFECT_DRHD_END;
    }
    return UDMAR_DEFECT_NONE;
}

bool udmar_entry_next_scope(const struct udmar_table *table, const struct udmar_entry *entry,
                            struct udmar_scope *scope)
{
    uint32_t offset =
        scope->offset == 0 ? entry->offset + entry->scopes_offset : scope->offset + scope->length;

    if (udmar__scope_at(table, entry, offset, scope) == UDMAR__SCOPE_OK) {
        return true;
    }
    *scope = (struct udmar_scope){ 0 };
    return false;
}

/*
 * A bridge that nobody has set up reads 0 for both numbers. Taken at its word it would own bus 0
 * with everything on it, so a bridge only counts when its secondary bus lies above its own.
 */
static bool read_buses(const struct udmar_bus_reader *reader, uint16_t segment, udmar_rid_t rid,
                       struct buses *out_buses)
{
    *out_buses = (struct buses){ 0 };
    if (reader == NULL ||
        !reader->bridge(reader->context, segment, rid, &out_buses->first, &out_buses->last)) {
        return false;
    }
    return out_buses->first > UDMAR_RID_BUS(rid) && out_buses->last >= out_buses->first;
}

enum udmar_status udmar_scope_resolve(const struct udmar_scope *scope, uint16_t segment,
                                      const struct udmar_bus_reader *reader, udmar_rid_t *out_rid)
{
    struct buses buses = { .first = scope->start_bus };
    udmar_rid_t rid = 0;

    *out_rid = 0;
    for (unsigned hop = 0; hop < scope->hops; hop++) {
        uint8_t device = scope->path[2 * hop];
        uint8_t function = scope->path[2 * hop + 1];

        if (hop > 0 && !read_buses(reader, segment, rid, &buses)) {
            return UDMAR_ERR_PATH;
        }
        if (!udmar__is_path_pair(device, function)) {
            return UDMAR_ERR_PATH;
        }
        rid = UDMAR_RID(buses.first, device, function);
    }
    *out_rid = rid;
    return UDMAR_OK;
}

static bool can_match(uint8_t scope_type)
{
    return scope_type == UDMAR_SCOPE_ENDPOINT || scope_type == UDMAR_SCOPE_BRIDGE ||
           scope_type == UDMAR_SCOPE_NAMESPACE;
}

static enum udmar_match match_scope(const struct udmar_scope *scope,
                                    const struct udmar_bus_reader *reader, uint16_t segment,
                                    udmar_rid_t rid, unsigned *out_distance)
{
    bool single = scope->type == UDMAR_SCOPE_ENDPOINT || scope->type == UDMAR_SCOPE_NAMESPACE;
    uint8_t bus = UDMAR_RID_BUS(rid);
    struct buses below;
    udmar_rid_t named;

    *out_distance = 0;
    if (udmar_scope_resolve(scope, segment, reader, &named) != UDMAR_OK) {
        return UDMAR_MATCH_NONE;
    }
    if (named == rid) {
        return UDMAR_MATCH_EXACT;
    }
    if (single || !read_buses(reader, segment, named, &below) || bus < below.first ||
        bus > below.last) {
        return UDMAR_MATCH_NONE;
    }
    *out_distance = below.last - below.first + 1u;
    return UDMAR_MATCH_SUBTREE;
}

bool udmar__is_better(enum udmar_match match, unsigned distance, enum udmar_match best,
                      unsigned best_distance)
{
    if (match != best) {
        return match > best;
    }
    return match == UDMAR_MATCH_SUBTREE && distance < best_distance;
}

/*
 * The best of the scopes whose type is one of those that can match, or, with @odd, of the others.
 */
static enum udmar_match match_list(const struct udmar_table *table, const struct udmar_entry *entry,
                                   const struct udmar_bus_reader *reader, udmar_rid_t rid, bool odd,
                                   unsigned *out_distance)
{
    uint16_t segment = udmar_entry_segment(entry);
    enum udmar_match match, best = UDMAR_MATCH_NONE;
    struct udmar_scope scope = { 0 };
    unsigned distance;

    *out_distance = 0;
    while (udmar_entry_next_scope(table, entry, &scope)) {
        if (can_match(scope.type) == odd || udmar__is_interrupt_source(&scope)) {
            continue;
        }
        match = match_scope(&scope, reader, segment, rid, &distance);
        if (udmar__is_better(match, distance, best, *out_distance)) {
            best = match;
            *out_distance = distance;
        }
    }
    return best;
}

enum udmar_match udmar_entry_match(const struct udmar_table *table, const struct udmar_entry *entry,
                                   const struct udmar_bus_reader *reader, uint16_t segment,
                                   udmar_rid_t rid, unsigned *out_bus_distance)
{
    enum udmar_match best = UDMAR_MATCH_NONE;
    unsigned distance = 0;

    if (udmar_entry_segment(entry) == segment) {
        best = match_list(table, entry, reader, rid, false, &distance);
    }
    if (out_bus_distance != NULL) {
        *out_bus_distance = distance;
    }
    return best;
}

enum udmar_match udmar__match_odd(const struct udmar_table *table, const struct udmar_entry *entry,
                                  const struct udmar_bus_reader *reader, udmar_rid_t rid,
                                  unsigned *out_distance)
{
    return match_list(table, entry, reader, rid, true, out_distance);
}
