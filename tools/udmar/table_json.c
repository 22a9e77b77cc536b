/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as JSON; schema/table.json describes it.
 */
#include "table_view.h"

#include <string.h>

static const char *match_word(enum udmar_match match)
{
    switch (match) {
    case UDMAR_MATCH_EXACT:
        return "named";
    case UDMAR_MATCH_SUBTREE:
        return "below-bridge";
    case UDMAR_MATCH_INCLUDE_ALL:
        return "include-all";
    default:
        return "none";
    }
}

/* Always with the segment: programs want one form. */
static void json_address(struct json *json, const char *key, uint16_t segment, udmar_rid_t rid)
{
    char text[16];

    snprintf(text, sizeof(text), "%04x:%02x:%02x.%x", segment, UDMAR_RID_BUS(rid),
             UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid));
    json_string(json, key, text);
}

static void json_placement(struct json *json, const struct placement *place)
{
    if (place->unit == NO_UNIT)
        json_null(json, "unit");
    else
        json_number(json, "unit", place->unit);
    json_string(json, "why", place->doubt ? "damaged" : match_word(place->match));
    if (place->match == UDMAR_MATCH_SUBTREE)
        json_address(json, "bridge", place->segment, place->via);
}

static void json_scope(const struct table_view *view, const struct udmar_entry *entry,
                       const struct udmar_scope *scope, struct json *json)
{
    static const char *const words[] = {
        [UDMAR_SCOPE_ENDPOINT] = "endpoint", [UDMAR_SCOPE_BRIDGE] = "bridge",
        [UDMAR_SCOPE_IOAPIC] = "ioapic",     [UDMAR_SCOPE_HPET] = "hpet",
        [UDMAR_SCOPE_NAMESPACE] = "acpi",
    };
    bool known = scope->type >= UDMAR_SCOPE_ENDPOINT && scope->type <= UDMAR_SCOPE_NAMESPACE;
    uint16_t segment = udmar_entry_segment(entry);
    struct placement place;
    char pair[8];
    udmar_rid_t rid;

    json_object(json, NULL);
    json_number(json, "offset", scope->offset);
    json_number(json, "type", scope->type);
    json_string(json, "kind", known ? words[scope->type] : "unknown");
    json_number(json, "flags", scope->flags);
    json_number(json, "enumeration_id", scope->enumeration_id);
    json_number(json, "start_bus", scope->start_bus);
    json_array(json, "path");
    for (unsigned hop = 0; hop < scope->hops; hop++) {
        snprintf(pair, sizeof(pair), "%02x.%x", scope->path[2 * hop], scope->path[2 * hop + 1]);
        json_string(json, NULL, pair);
    }
    json_close(json);
    if (table_view_scope(view, entry, scope, &rid)) {
        json_address(json, "address", segment, rid);
        if (entry->type != UDMAR_ENTRY_DRHD) {
            place = table_view_place(view, segment, rid);
            json_placement(json, &place);
        }
    } else {
        json_null(json, "address");
    }
    json_close(json);
}

static void json_body(const struct table_view *view, const struct udmar_entry *entry,
                      struct json *json)
{
    switch (entry->type) {
    case UDMAR_ENTRY_DRHD:
        json_number(json, "unit", table_view_unit(view, entry));
        json_number(json, "segment", entry->u.drhd.segment);
        json_hex(json, "base", entry->u.drhd.base);
        json_bool(json, "include_all", entry->u.drhd.include_all);
        json_number(json, "register_pages", UINT64_C(1) << entry->u.drhd.size_exponent);
        break;
    case UDMAR_ENTRY_RMRR:
        json_number(json, "segment", entry->u.rmrr.segment);
        json_hex(json, "base", entry->u.rmrr.base);
        json_hex(json, "limit", entry->u.rmrr.limit);
        break;
    case UDMAR_ENTRY_ATSR:
        json_number(json, "segment", entry->u.atsr.segment);
        json_bool(json, "all_ports", entry->u.atsr.all_ports);
        break;
    case UDMAR_ENTRY_RHSA:
        json_hex(json, "base", entry->u.rhsa.base);
        json_number(json, "proximity_domain", entry->u.rhsa.proximity);
        break;
    case UDMAR_ENTRY_ANDD:
        json_number(json, "number", entry->u.andd.number);
        json_text(json, "name", entry->u.andd.path, entry->u.andd.path_length);
        break;
    case UDMAR_ENTRY_SATC:
        json_number(json, "segment", entry->u.satc.segment);
        json_bool(json, "atc_required", entry->u.satc.atc_required);
        break;
    default:
        json_number(json, "segment", udmar_entry_segment(entry));
        break;
    }
}

static void json_structures(const struct table_view *view, struct json *json)
{
    const struct udmar_entry *entry = NULL;

    json_array(json, "structures");
    while ((entry = table_view_next(view, entry)) != NULL) {
        struct udmar_scope scope = { 0 };

        json_object(json, NULL);
        json_number(json, "offset", entry->offset);
        json_string(json, "type", udmar_entry_name(entry->type));
        json_number(json, "length", entry->length);
        json_body(view, entry, json);
        if (entry->type != UDMAR_ENTRY_RHSA && entry->type != UDMAR_ENTRY_ANDD) {
            json_array(json, "scopes");
            while (udmar_entry_next_scope(&view->found->table, entry, &scope))
                json_scope(view, entry, &scope, json);
            json_close(json);
        }
        json_close(json);
    }
    json_close(json);
}

/* Apart from those that can be used: whoever reads a program's list must not take them for such. */
static void json_lost(const struct table_view *view, struct json *json)
{
    json_array(json, "unusable");
    for (size_t i = 0; i < view->lost_count; i++) {
        const struct udmar_entry *entry = &view->lost[i];
        const struct finding *finding = table_view_loss(view, entry);
        struct udmar_scope scope = { 0 };

        json_object(json, NULL);
        json_number(json, "offset", entry->offset);
        json_string(json, "type", table_view_type(entry));
        json_number(json, "length", entry->length);
        if (entry->type == UDMAR_ENTRY_DRHD && entry->length >= 16) {
            json_number(json, "segment", entry->u.drhd.segment);
            json_hex(json, "base", entry->u.drhd.base);
            json_bool(json, "include_all", entry->u.drhd.include_all);
            json_array(json, "scopes");
            while (udmar_entry_next_scope(&view->found->table, entry, &scope))
                json_scope(view, entry, &scope, json);
            json_close(json);
        } else if (entry->type == UDMAR_ENTRY_RMRR && entry->length >= 24) {
            json_number(json, "segment", entry->u.rmrr.segment);
            json_hex(json, "base", entry->u.rmrr.base);
            json_hex(json, "limit", entry->u.rmrr.limit);
        }
        if (finding != NULL)
            json_string(json, "defect", finding->meaning);
        else
            json_null(json, "defect");
        json_close(json);
    }
    json_close(json);
}

/* Only where the machine is known: an empty list would say that it has no devices. */
static void json_devices(const struct table_view *view, struct json *json)
{
    char name[256], ids[12];

    if (view->machine == NULL)
        return;
    json_array(json, "devices");
    for (size_t i = 0; i < view->machine->count; i++) {
        const struct pci_function *function = &view->machine->functions[i];

        json_object(json, NULL);
        json_address(json, "address", function->segment, function->rid);
        if (function->has_ids) {
            snprintf(ids, sizeof(ids), "%04x:%04x", function->vendor, function->device);
            json_string(json, "ids", ids);
        }
        json_string(json, "name", pci_name(function, name, sizeof(name)));
        if (function->bridge) {
            json_number(json, "secondary_bus", function->secondary);
            json_number(json, "subordinate_bus", function->subordinate);
        }
        json_placement(json, &view->placements[i]);
        json_close(json);
    }
    json_close(json);
}

static void json_findings(const struct table_view *view, struct json *json)
{
    json_array(json, "findings");
    for (size_t i = 0; i < view->finding_count; i++) {
        const struct finding *finding = &view->findings[i];

        json_object(json, NULL);
        json_string(json, "severity", finding->serious ? "serious" : "minor");
        json_number(json, "offset", finding->offset);
        json_string(json, "where", finding->where);
        json_string(json, "meaning", finding->meaning);
        json_string(json, "consequence", finding->consequence);
        json_close(json);
    }
    json_close(json);
}

void table_print_json(const struct table_view *view, struct json *json)
{
    const struct table_found *found = view->found;
    const struct udmar_table *table = &found->table;

    json_object(json, NULL);
    json_number(json, found->from_text ? "line" : "offset", found->offset);
    json_string(json, "status", udmar_status_string(found->status));
    if (table->bytes != NULL) {
        json_number(json, "length", table->length);
        json_number(json, "revision", table->revision);
        json_string(json, "oem_id", table->oem_id);
        json_string(json, "oem_table_id", table->oem_table_id);
        json_number(json, "host_address_width", table->host_width);
        json_bool(json, "interrupt_remapping", (table->flags & UDMAR_TABLE_INTR_REMAP) != 0);
        json_bool(json, "x2apic_opt_out", (table->flags & UDMAR_TABLE_X2APIC_OPT_OUT) != 0);
        json_bool(json, "dma_control_opt_in", (table->flags & UDMAR_TABLE_DMA_CTRL_OPT_IN) != 0);
        json_structures(view, json);
        json_lost(view, json);
        json_devices(view, json);
    }
    json_findings(view, json);
    json_close(json);
}
