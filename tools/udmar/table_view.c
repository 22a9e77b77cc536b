/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table and a machine brought together.
 */
#include "table_view.h"

#include <stdlib.h>
#include <string.h>

static void append(struct udmar_entry **entries, size_t *count, const struct udmar_entry *entry)
{
    /* Room grows in powers of two; a count that is one has used it up. */
    if ((*count & (*count - 1)) == 0)
        *entries = reallocate(*entries, *count == 0 ? 1 : 2 * *count, sizeof(**entries));
    (*entries)[(*count)++] = *entry;
}

static void collect(struct table_view *view)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(&view->found->table, &entry)) {
        append(&view->entries, &view->entry_count, &entry);
        if (entry.type != UDMAR_ENTRY_DRHD)
            continue;
        if (table_view_unit(view, &entry) == NO_UNIT)
            append(&view->units, &view->unit_count, &entry);
        else if (entry.u.drhd.include_all)
            view->units[table_view_unit(view, &entry)].u.drhd.include_all = true;
    }
}

size_t table_view_unit(const struct table_view *view, const struct udmar_entry *drhd)
{
    for (size_t i = 0; i < view->unit_count; i++) {
        if (view->units[i].u.drhd.base == drhd->u.drhd.base &&
            view->units[i].u.drhd.segment == drhd->u.drhd.segment)
            return i;
    }
    return NO_UNIT;
}

static uint64_t le(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    while (size-- > 0)
        value = value << 8 | bytes[size];
    return value;
}

/* The fixed part of a structure that the library does not hand out [VTD 8.3, 8.4]. */
static void decode_lost(const uint8_t *bytes, struct udmar_entry *entry)
{
    if (entry->type == UDMAR_ENTRY_DRHD && entry->length >= 16) {
        entry->scopes_offset = 16;
        entry->u.drhd.include_all = (bytes[4] & 1) != 0;
        entry->u.drhd.size_exponent = bytes[5] & 0xf;
        entry->u.drhd.segment = (uint16_t)le(bytes + 6, 2);
        entry->u.drhd.base = le(bytes + 8, 8);
    } else if (entry->type == UDMAR_ENTRY_RMRR && entry->length >= 24) {
        entry->u.rmrr.segment = (uint16_t)le(bytes + 6, 2);
        entry->u.rmrr.base = le(bytes + 8, 8);
        entry->u.rmrr.limit = le(bytes + 16, 8);
    }
}

/* What stands between the usable structures. A length that leads nowhere takes all the rest. */
static void collect_lost(struct table_view *view)
{
    const struct udmar_table *table = &view->found->table;
    size_t usable = 0;

    for (uint32_t at = 48, length; table->bytes != NULL && at < table->length; at += length) {
        const uint8_t *bytes = table->bytes + at;
        uint32_t left = table->length - at;
        struct udmar_entry entry = { .offset = at, .type = 0xffff };

        length = left >= 4 ? (uint32_t)le(bytes + 2, 2) : left;
        if (left >= 4)
            entry.type = (uint16_t)le(bytes, 2);
        if (length < 4 || length > left)
            length = left;
        entry.length = (uint16_t)length;
        if (usable < view->entry_count && view->entries[usable].offset == at) {
            usable++;
            continue;
        }
        decode_lost(bytes, &entry);
        append(&view->lost, &view->lost_count, &entry);
    }
}

const struct finding *table_view_loss(const struct table_view *view,
                                      const struct udmar_entry *entry)
{
    for (size_t i = 0; i < view->finding_count; i++) {
        uint32_t offset = view->findings[i].offset;

        if (view->findings[i].serious && offset >= entry->offset &&
            offset < entry->offset + entry->length)
            return &view->findings[i];
    }
    return NULL;
}

const char *table_view_type(const struct udmar_entry *entry)
{
    const char *name = udmar_entry_name(entry->type);

    return name != NULL && entry->type <= UDMAR_ENTRY_SIDP ? name : "type ?";
}

const struct udmar_entry *table_view_next(const struct table_view *view,
                                          const struct udmar_entry *entry)
{
    entry = entry == NULL ? view->entries : entry + 1;
    return entry != NULL && entry < view->entries + view->entry_count ? entry : NULL;
}

static bool is_copy(const struct table_view *view, const struct udmar_entry *entry,
                    const struct udmar_entry *first)
{
    const uint8_t *bytes = view->found->table.bytes;

    return entry->offset != first->offset && entry->length == first->length &&
           memcmp(bytes + entry->offset, bytes + first->offset, entry->length) == 0;
}

const struct udmar_entry *table_view_part(const struct table_view *view, size_t unit,
                                          const struct udmar_entry *entry)
{
    while ((entry = table_view_next(view, entry)) != NULL) {
        if (entry->type == UDMAR_ENTRY_DRHD && table_view_unit(view, entry) == unit &&
            !is_copy(view, entry, &view->units[unit]))
            break;
    }
    return entry;
}

void table_view_make(const char *source, const struct table_found *found,
                     const struct pci_machine *machine, struct table_view *out_view)
{
    *out_view = (struct table_view){ .source = source, .found = found, .machine = machine };
    if (machine != NULL)
        out_view->reader = pci_reader(machine);
    collect(out_view);
    collect_lost(out_view);
    if (machine != NULL) {
        out_view->placements = allocate(machine->count, sizeof(*out_view->placements));
        for (size_t i = 0; i < machine->count; i++)
            out_view->placements[i] = table_view_place(out_view, machine->functions[i].segment,
                                                       machine->functions[i].rid);
    }
    table_view_check(out_view);
}

void table_view_free(struct table_view *view)
{
    free(view->entries);
    free(view->lost);
    free(view->units);
    free(view->placements);
    free(view->findings);
    *view = (struct table_view){ 0 };
}

static const struct udmar_bus_reader *reader(const struct table_view *view)
{
    return view->machine != NULL ? &view->reader : NULL;
}

/* Of the bridges that a unit names, the closest one above a function. */
static udmar_rid_t closest_bridge(const struct table_view *view, const struct udmar_entry *unit,
                                  uint16_t segment, udmar_rid_t rid)
{
    struct udmar_scope scope = { 0 };
    unsigned least = 257;
    udmar_rid_t found = 0;

    while (udmar_entry_next_scope(&view->found->table, unit, &scope)) {
        const struct pci_function *bridge;
        udmar_rid_t named;

        if (scope.type != UDMAR_SCOPE_BRIDGE || !table_view_scope(view, unit, &scope, &named))
            continue;
        bridge = pci_find(view->machine, segment, named);
        if (bridge == NULL || UDMAR_RID_BUS(rid) < bridge->secondary ||
            UDMAR_RID_BUS(rid) > bridge->subordinate)
            continue;
        if (bridge->subordinate - bridge->secondary + 1u < least) {
            least = bridge->subordinate - bridge->secondary + 1u;
            found = named;
        }
    }
    return found;
}

struct placement table_view_place(const struct table_view *view, uint16_t segment, udmar_rid_t rid)
{
    struct placement place = { .segment = segment, .rid = rid, .unit = NO_UNIT };
    struct udmar_entry unit;
    enum udmar_match match;
    enum udmar_status status =
        udmar_table_find_unit(&view->found->table, reader(view), segment, rid, &unit, &match);

    place.doubt = status == UDMAR_ERR_FIRMWARE;
    if (status == UDMAR_OK) {
        place.match = match;
        place.unit = table_view_unit(view, &unit);
    }
    if (place.match == UDMAR_MATCH_SUBTREE)
        place.via = closest_bridge(view, &unit, segment, rid);
    return place;
}

bool table_view_scope(const struct table_view *view, const struct udmar_entry *entry,
                      const struct udmar_scope *scope, udmar_rid_t *out_rid)
{
    return udmar_scope_resolve(scope, udmar_entry_segment(entry), reader(view), out_rid) ==
           UDMAR_OK;
}

bool table_view_andd(const struct table_view *view, uint8_t number, struct udmar_entry *out_entry)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        if (entry->type == UDMAR_ENTRY_ANDD && entry->u.andd.number == number) {
            *out_entry = *entry;
            return true;
        }
    }
    return false;
}

bool table_view_rhsa(const struct table_view *view, const struct udmar_entry *unit,
                     uint32_t *out_proximity)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        if (entry->type == UDMAR_ENTRY_RHSA && entry->u.rhsa.base == unit->u.drhd.base) {
            *out_proximity = entry->u.rhsa.proximity;
            return true;
        }
    }
    return false;
}

const char *scope_type_text(uint8_t type)
{
    static const char *const words[] = {
        [UDMAR_SCOPE_ENDPOINT] = "endpoint",     [UDMAR_SCOPE_BRIDGE] = "bridge",
        [UDMAR_SCOPE_IOAPIC] = "IOAPIC",         [UDMAR_SCOPE_HPET] = "HPET",
        [UDMAR_SCOPE_NAMESPACE] = "ACPI device",
    };

    return type >= UDMAR_SCOPE_ENDPOINT && type <= UDMAR_SCOPE_NAMESPACE ? words[type]
                                                                         : "scope type ?";
}

const char *scope_path_text(uint16_t segment, const struct udmar_scope *scope, char buffer[64])
{
    size_t used = 0;

    if (segment != 0)
        used = (size_t)snprintf(buffer, 64, "%04x:", segment);
    used += (size_t)snprintf(buffer + used, 64 - used, "%02x:", scope->start_bus);
    for (unsigned hop = 0; hop < scope->hops; hop++) {
        if (used > 48) {
            snprintf(buffer + used, 64 - used, "/...");
            break;
        }
        used += (size_t)snprintf(buffer + used, 64 - used, "%s%02x.%x", hop > 0 ? "/" : "",
                                 scope->path[2 * hop], scope->path[2 * hop + 1]);
    }
    return buffer;
}
