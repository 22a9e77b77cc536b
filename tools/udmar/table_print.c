/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as a tree for people, and its findings.
 *
 * Each structure is a heading and rows below it in four columns: where, what it is, which unit
 * serves it, what it is called. Rows are collected first, because only then the widths are known.
 */
#include "table_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char place[64];
    char kind[40];
    char unit[32];
    char text[240];
    bool bad;
};

struct rows {
    struct row *rows;
    size_t count;
};

static struct row *add_row(struct rows *rows)
{
    if ((rows->count & (rows->count - 1)) == 0)
        rows->rows =
            reallocate(rows->rows, rows->count == 0 ? 1 : 2 * rows->count, sizeof(*rows->rows));
    rows->rows[rows->count] = (struct row){ .bad = false };
    return &rows->rows[rows->count++];
}

static int widest(int width, const char *text)
{
    int length = (int)strlen(text);

    /* A column is not made wide for the sake of one long row. */
    return length > width && length <= 28 ? length : width;
}

static void print_rows(FILE *out, struct rows *rows)
{
    int place = 0, kind = 0, unit = 0;

    for (size_t i = 0; i < rows->count; i++) {
        place = widest(place, rows->rows[i].place);
        kind = widest(kind, rows->rows[i].kind);
        unit = widest(unit, rows->rows[i].unit);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->rows[i];
        bool text = row->text[0] != '\0';

        fprintf(out, "  %s ", i + 1 < rows->count ? "+-" : "\\-");
        fprintf(out, "%s%-*s%s  ", style(STYLE_NAME), place, row->place, style(STYLE_END));
        if (unit > 0) {
            fprintf(out, "%-*s  ", kind, row->kind);
            fprintf(out, text ? "%-*s  " : "%.0d%s", text ? unit : 0, row->unit);
        } else {
            fprintf(out, text ? "%-*s  " : "%.0d%s", text ? kind : 0, row->kind);
        }
        fputs(row->bad ? style(STYLE_WARN) : "", out);
        print_text(out, row->text, strlen(row->text));
        fprintf(out, "%s\n", row->bad ? style(STYLE_END) : "");
    }
    free(rows->rows);
    *rows = (struct rows){ 0 };
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void name_unit(const struct placement *place, char unit[32])
{
    if (place->unit == NO_UNIT)
        snprintf(unit, 32, place->doubt ? "unit not known" : "no unit");
    else
        snprintf(unit, 32, "unit %zu", place->unit);
}

static void name_function(const struct table_view *view, uint16_t segment, udmar_rid_t rid,
                          struct row *row)
{
    const struct pci_function *function;

    if (view->machine == NULL)
        return;
    function = pci_find(view->machine, segment, rid);
    if (function != NULL) {
        pci_name(function, row->text, sizeof(row->text));
    } else {
        snprintf(row->text, sizeof(row->text), "not there");
        row->bad = true;
    }
}

static void name_andd(const struct table_view *view, uint8_t number, struct row *row)
{
    struct udmar_entry andd;

    if (!table_view_andd(view, number, &andd))
        snprintf(row->text, sizeof(row->text), "no name in this table");
    else
        snprintf(row->text, sizeof(row->text), "%.*s", (int)andd.u.andd.path_length,
                 andd.u.andd.path);
}

static void name_kind(const struct table_view *view, const struct udmar_scope *scope,
                      const struct pci_function *function, struct row *row)
{
    const char *kind = scope_type_text(scope->type);

    if (scope->type == UDMAR_SCOPE_BRIDGE && view->machine != NULL && function != NULL &&
        function->bridge)
        snprintf(row->kind, sizeof(row->kind), "bridge to %02x-%02x", function->secondary,
                 function->subordinate);
    else if (scope->type == UDMAR_SCOPE_ENDPOINT || scope->type == UDMAR_SCOPE_BRIDGE)
        snprintf(row->kind, sizeof(row->kind), "%s", kind);
    else if (scope->type < UDMAR_SCOPE_ENDPOINT || scope->type > UDMAR_SCOPE_NAMESPACE)
        snprintf(row->kind, sizeof(row->kind), "scope type %u", scope->type);
    else
        snprintf(row->kind, sizeof(row->kind), "%s %u", kind, scope->enumeration_id);
}

/* SIDP gives each scope flags [VTD 8.9]. */
static void name_properties(uint8_t flags, struct row *row)
{
    static const char *const words[] = {
        "no nesting without PASID", "no PWSNP", "no PGSNP", "hardened ATC", "needs ATC",
    };
    size_t used = strlen(row->text);

    for (unsigned bit = 0; bit < 5; bit++) {
        if ((flags >> bit & 1) != 0 && used + 30 < sizeof(row->text))
            used += (size_t)snprintf(row->text + used, sizeof(row->text) - used, "%s%s",
                                     used > 0 ? ", " : "", words[bit]);
    }
}

static void add_scope(const struct table_view *view, const struct udmar_entry *entry,
                      const struct udmar_scope *scope, struct rows *rows)
{
    bool pci = scope->type == UDMAR_SCOPE_ENDPOINT || scope->type == UDMAR_SCOPE_BRIDGE;
    uint16_t segment = udmar_entry_segment(entry);
    const struct pci_function *function = NULL;
    struct row *row = add_row(rows);
    struct placement place;
    char address[16];
    udmar_rid_t rid;

    scope_path_text(segment, scope, row->place);
    if (!table_view_scope(view, entry, scope, &rid)) {
        name_kind(view, scope, NULL, row);
        snprintf(row->text, sizeof(row->text),
                 view->machine != NULL || scope->hops == 1 ? "leads nowhere"
                                                           : "bus numbers are not known");
        row->bad = view->machine != NULL || scope->hops == 1;
        return;
    }
    if (view->machine != NULL)
        function = pci_find(view->machine, segment, rid);
    name_kind(view, scope, function, row);
    if (pci)
        name_function(view, segment, rid, row);
    else if (scope->type == UDMAR_SCOPE_NAMESPACE)
        name_andd(view, scope->enumeration_id, row);
    if (scope->hops > 1) {
        size_t used = strlen(row->place);

        pci_address(segment, rid, address);
        snprintf(row->place + used, sizeof(row->place) - used, " = %s", address);
    }
    if (entry->type == UDMAR_ENTRY_SIDP)
        name_properties(scope->flags, row);
    if (entry->type == UDMAR_ENTRY_DRHD)
        return;
    place = table_view_place(view, segment, rid);
    name_unit(&place, row->unit);
}

static void add_scopes(const struct table_view *view, const struct udmar_entry *entry,
                       struct rows *rows)
{
    struct udmar_scope scope = { 0 };

    while (udmar_entry_next_scope(&view->found->table, entry, &scope))
        add_scope(view, entry, &scope, rows);
}

/* Functions that a unit governs without naming them. */
static void add_governed(const struct table_view *view, size_t unit, struct rows *rows)
{
    char address[16];

    for (size_t i = 0; view->machine != NULL && i < view->machine->count; i++) {
        const struct placement *place = &view->placements[i];
        struct row *row;

        if (place->unit != unit || place->match == UDMAR_MATCH_EXACT)
            continue;
        row = add_row(rows);
        pci_address(place->segment, place->rid, row->place);
        if (unit == NO_UNIT)
            snprintf(row->kind, sizeof(row->kind), place->doubt ? "unit not known" : "no unit");
        else if (place->match == UDMAR_MATCH_SUBTREE)
            snprintf(row->kind, sizeof(row->kind), "below %s",
                     pci_address(place->segment, place->via, address));
        else
            snprintf(row->kind, sizeof(row->kind), "all others");
        name_function(view, place->segment, place->rid, row);
        row->bad = unit == NO_UNIT;
    }
}

/* ---- headings -------------------------------------------------------------------------------- */

static void heading(FILE *out, const struct udmar_entry *entry, const char *text)
{
    fprintf(out, "\n%s%s%s  %s@0x%" PRIx32 "%s\n", style(STYLE_HEAD), text, style(STYLE_END),
            style(STYLE_FAINT), entry->offset, style(STYLE_END));
}

static void print_unit(const struct table_view *view, size_t unit, FILE *out)
{
    const struct udmar_entry *entry = &view->units[unit], *part = NULL;
    struct rows rows = { 0 };
    char text[160], proximity_text[40] = "";
    uint32_t proximity;

    if (table_view_rhsa(view, entry, &proximity))
        snprintf(proximity_text, sizeof(proximity_text), ", proximity domain %" PRIu32, proximity);
    snprintf(text, sizeof(text), "unit %zu at 0x%" PRIx64 ", segment %#x%s%s", unit,
             entry->u.drhd.base, entry->u.drhd.segment,
             entry->u.drhd.include_all ? ", all devices that no other unit names" : "",
             proximity_text);
    heading(out, entry, text);
    while ((part = table_view_part(view, unit, part)) != NULL)
        add_scopes(view, part, &rows);
    add_governed(view, unit, &rows);
    print_rows(out, &rows);
}

/* What firmware has listed and the driver cannot use, with the defect. */
static void print_lost(const struct table_view *view, FILE *out)
{
    for (size_t i = 0; i < view->lost_count; i++) {
        const struct udmar_entry *entry = &view->lost[i];
        const struct finding *finding = table_view_loss(view, entry);
        bool unit = entry->type == UDMAR_ENTRY_DRHD && entry->length >= 16;
        struct rows rows = { 0 };
        char text[160];

        if (unit)
            snprintf(text, sizeof(text), "unit that cannot be used at 0x%" PRIx64 ", segment %#x%s",
                     entry->u.drhd.base, entry->u.drhd.segment,
                     entry->u.drhd.include_all ? ", all devices that no other unit names" : "");
        else
            snprintf(text, sizeof(text), "%s that is left out", table_view_type(entry));
        heading(out, entry, text);
        if (finding != NULL)
            fprintf(out, "  %s%s%s\n", style(STYLE_BAD), finding->meaning, style(STYLE_END));
        if (unit)
            add_scopes(view, entry, &rows);
        print_rows(out, &rows);
    }
}

static void print_region(const struct udmar_entry *entry, FILE *out)
{
    uint64_t base = entry->u.rmrr.base, limit = entry->u.rmrr.limit;
    char text[160], size[24] = "all memory";

    /* A region of all 2^64 bytes has no size that fits. */
    if (limit - base != UINT64_MAX)
        size_text(limit - base + 1, size);
    snprintf(text, sizeof(text), "reserved memory 0x%" PRIx64 "-0x%" PRIx64 ", %s, segment %#x",
             base, limit, size, entry->u.rmrr.segment);
    heading(out, entry, text);
}

static void print_other(const struct table_view *view, const struct udmar_entry *entry, FILE *out)
{
    struct rows rows = { 0 };
    char text[160];

    switch (entry->type) {
    case UDMAR_ENTRY_RMRR:
        print_region(entry, out);
        break;
    case UDMAR_ENTRY_ATSR:
        snprintf(text, sizeof(text),
                 "%sroot ports that pass address translation (ATS), segment %#x",
                 entry->u.atsr.all_ports ? "all " : "", entry->u.atsr.segment);
        heading(out, entry, text);
        break;
    case UDMAR_ENTRY_SATC:
        snprintf(text, sizeof(text), "integrated devices with a translation cache, %s, segment %#x",
                 entry->u.satc.atc_required ? "which they cannot do without" : "to use or not",
                 entry->u.satc.segment);
        heading(out, entry, text);
        break;
    case UDMAR_ENTRY_SIDP:
        snprintf(text, sizeof(text), "properties of integrated devices, segment %#x",
                 entry->u.sidp.segment);
        heading(out, entry, text);
        break;
    default:
        return;
    }
    add_scopes(view, entry, &rows);
    print_rows(out, &rows);
}

/* A name that no scope asks for would otherwise be nowhere. */
static bool andd_is_used(const struct table_view *view, uint8_t number)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        struct udmar_scope scope = { 0 };

        while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
            if (scope.type == UDMAR_SCOPE_NAMESPACE && scope.enumeration_id == number)
                return true;
        }
    }
    return false;
}

static void print_unused_andd(const struct table_view *view, FILE *out)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        if (entry->type != UDMAR_ENTRY_ANDD || andd_is_used(view, entry->u.andd.number))
            continue;
        fprintf(out, "\n%sACPI device %u, ", style(STYLE_HEAD), entry->u.andd.number);
        print_text(out, entry->u.andd.path, entry->u.andd.path_length);
        fprintf(out, ", in no unit%s  %s@0x%" PRIx32 "%s\n", style(STYLE_END), style(STYLE_FAINT),
                entry->offset, style(STYLE_END));
    }
}

static void print_header(const struct table_view *view, FILE *out)
{
    const struct udmar_table *table = &view->found->table;
    char size[24] = "16 EiB";

    fprintf(out, "%sDMAR table%s of \"", style(STYLE_HEAD), style(STYLE_END));
    print_text(out, table->oem_id, strlen(table->oem_id));
    fputs("\" \"", out);
    print_text(out, table->oem_table_id, strlen(table->oem_table_id));
    fprintf(out, "\", revision %u, %" PRIu32 " bytes\n", table->revision, table->length);
    if (table->host_width < 64)
        size_text(UINT64_C(1) << table->host_width, size);
    fprintf(out, "  memory addresses      %u bits, %s\n", table->host_width, size);
    fprintf(out, "  interrupt remapping   %s\n",
            (table->flags & UDMAR_TABLE_INTR_REMAP) != 0 ? "offered" : "not offered");
    if ((table->flags & UDMAR_TABLE_X2APIC_OPT_OUT) != 0)
        fprintf(out, "  x2APIC                firmware asks not to use it\n");
    if ((table->flags & UDMAR_TABLE_DMA_CTRL_OPT_IN) != 0)
        fprintf(out, "  external devices      firmware asks to block them from boot on\n");
}

static void print_orphans(const struct table_view *view, FILE *out)
{
    struct rows rows = { 0 };

    add_governed(view, NO_UNIT, &rows);
    if (rows.count > 0)
        fprintf(out, "\n%sdevices in no unit%s\n", style(STYLE_HEAD), style(STYLE_END));
    print_rows(out, &rows);
}

static void print_summary(const struct table_view *view, FILE *out)
{
    size_t serious = 0;

    for (size_t i = 0; i < view->finding_count; i++)
        serious += view->findings[i].serious;
    if (view->finding_count == 0)
        return;
    fprintf(out, "\n%s%zu %s%s, %zu serious; --check tells\n",
            style(serious > 0 ? STYLE_BAD : STYLE_WARN), view->finding_count,
            view->finding_count == 1 ? "firmware defect" : "firmware defects", style(STYLE_END),
            serious);
}

void table_print(const struct table_view *view, FILE *out)
{
    const struct udmar_entry *entry = NULL;

    print_header(view, out);
    for (size_t i = 0; i < view->unit_count; i++)
        print_unit(view, i, out);
    print_lost(view, out);
    print_orphans(view, out);
    while ((entry = table_view_next(view, entry)) != NULL)
        print_other(view, entry, out);
    print_unused_andd(view, out);
    print_summary(view, out);
}

void table_print_findings(const struct table_view *view, FILE *out)
{
    if (view->finding_count == 0)
        fprintf(out, "%sno defects%s\n", style(STYLE_GOOD), style(STYLE_END));
    for (size_t i = 0; i < view->finding_count; i++) {
        const struct finding *finding = &view->findings[i];

        fprintf(out, "%s%-7s%s  @0x%-4" PRIx32 "  %-6s  %s\n",
                style(finding->serious ? STYLE_BAD : STYLE_WARN),
                finding->serious ? "serious" : "minor", style(STYLE_END), finding->offset,
                finding->where, finding->meaning);
        fprintf(out, "         so: %s\n", finding->consequence);
    }
}
