/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as a picture: on the left a box for each unit with the devices that the table speaks of,
 * on the right reserved memory and root ports, with lines to the devices they are for.
 */
#include "table_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Everything in pixels. */
enum {
    MARGIN = 20,
    TOP = 64, /* below the title */
    ROW = 20,
    HEAD = 52, /* a box's head, with the space between two boxes */
    GAP = 16,
    UNIT_WIDTH = 470,
    LINES_WIDTH = 130,
    REGION_WIDTH = 330,
    TEXT_MAX = 56, /* characters that fit a unit's box */
};

/* A line in a unit's box. */
struct node {
    size_t unit;
    uint16_t segment;
    udmar_rid_t rid;
    char text[128];
    unsigned y;
    bool pci; /* a PCI function, to which reserved memory may lead */
};

struct drawing {
    const struct table_view *view;
    FILE *out;
    struct node *nodes;
    size_t count;
    unsigned left_end, right_end; /* y below the last box of each side */
};

/* ---- what to draw ---------------------------------------------------------------------------- */

static struct node *find_node(struct drawing *drawing, uint16_t segment, udmar_rid_t rid)
{
    for (size_t i = 0; i < drawing->count; i++) {
        struct node *node = &drawing->nodes[i];

        if (node->pci && node->segment == segment && node->rid == rid)
            return node;
    }
    return NULL;
}

static struct node *add_node(struct drawing *drawing, size_t unit, uint16_t segment,
                             udmar_rid_t rid)
{
    struct node *node;

    if ((drawing->count & (drawing->count - 1)) == 0)
        drawing->nodes = reallocate(drawing->nodes, drawing->count == 0 ? 1 : 2 * drawing->count,
                                    sizeof(*drawing->nodes));
    node = &drawing->nodes[drawing->count++];
    *node = (struct node){ .unit = unit, .segment = segment, .rid = rid };
    return node;
}

static void name_node(const struct table_view *view, struct node *node, const char *address,
                      const char *kind)
{
    const struct pci_function *function = node->pci && view->machine != NULL
                                              ? pci_find(view->machine, node->segment, node->rid)
                                              : NULL;
    char name[256] = "";

    if (function != NULL)
        pci_name(function, name, sizeof(name));
    snprintf(node->text, sizeof(node->text), "%s  %.100s", address, name[0] != '\0' ? name : kind);
}

/* The scopes of a unit's DRHD: what it names itself. */
static void collect_unit(struct drawing *drawing, size_t unit, const struct udmar_entry *entry)
{
    const struct table_view *view = drawing->view;
    struct udmar_scope scope = { 0 };
    char path[64], kind[40];

    while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
        udmar_rid_t rid = 0;
        bool known = table_view_scope(view, entry, &scope, &rid);
        struct node *node = add_node(drawing, unit, entry->u.drhd.segment, rid);
        struct udmar_entry andd;

        node->pci =
            known && (scope.type == UDMAR_SCOPE_ENDPOINT || scope.type == UDMAR_SCOPE_BRIDGE);
        if (scope.type == UDMAR_SCOPE_NAMESPACE &&
            table_view_andd(view, scope.enumeration_id, &andd))
            snprintf(kind, sizeof(kind), "%.*s", (int)andd.u.andd.path_length, andd.u.andd.path);
        else if (scope.type == UDMAR_SCOPE_ENDPOINT || scope.type == UDMAR_SCOPE_BRIDGE)
            snprintf(kind, sizeof(kind), "%s", scope_type_text(scope.type));
        else
            snprintf(kind, sizeof(kind), "%s %u", scope_type_text(scope.type),
                     scope.enumeration_id);
        name_node(view, node, scope_path_text(entry->u.drhd.segment, &scope, path), kind);
    }
}

/* Devices that reserved memory or root port lists speak of, where no unit names them itself. */
static void collect_others(struct drawing *drawing)
{
    const struct table_view *view = drawing->view;
    const struct udmar_entry *entry = NULL;
    char address[16];

    while ((entry = table_view_next(view, entry)) != NULL) {
        struct udmar_scope scope = { 0 };

        if (entry->type == UDMAR_ENTRY_DRHD)
            continue;
        while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
            uint16_t segment = udmar_entry_segment(entry);
            struct node *node;
            udmar_rid_t rid;

            if (!table_view_scope(view, entry, &scope, &rid) ||
                find_node(drawing, segment, rid) != NULL)
                continue;
            node = add_node(drawing, table_view_place(view, segment, rid).unit, segment, rid);
            node->pci = true;
            name_node(view, node, pci_address(segment, rid, address), scope_type_text(scope.type));
        }
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void print_xml(FILE *out, const char *text, size_t limit)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (i == limit) {
            fputs("...", out);
            return;
        }
        if (byte == '<')
            fputs("&lt;", out);
        else if (byte == '>')
            fputs("&gt;", out);
        else if (byte == '&')
            fputs("&amp;", out);
        else if (byte >= 0x20 && byte < 0x7f)
            fputc(byte, out);
        else
            fputc('?', out);
    }
}

static void draw_text(FILE *out, unsigned x, unsigned y, const char *kind, const char *text)
{
    fprintf(out, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, kind);
    print_xml(out, text, TEXT_MAX);
    fputs("</text>\n", out);
}

static void draw_box(FILE *out, unsigned x, unsigned y, unsigned width, unsigned height,
                     const char *kind)
{
    fprintf(out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" rx=\"6\" class=\"%s\"/>\n", x,
            y, width, height, kind);
}

/* A unit's box, or the one of devices in no unit. */
static void draw_unit(struct drawing *drawing, size_t unit)
{
    const struct table_view *view = drawing->view;
    unsigned y = drawing->left_end, rows = 0;
    bool all = unit != NO_UNIT && view->units[unit].u.drhd.include_all;
    char title[100] = "in no unit: not protected";

    for (size_t i = 0; i < drawing->count; i++) {
        if (drawing->nodes[i].unit == unit)
            drawing->nodes[i].y = y + 32 + ROW * rows++;
    }
    if (unit == NO_UNIT && rows == 0)
        return;
    if (unit != NO_UNIT)
        snprintf(title, sizeof(title), "unit %zu at 0x%" PRIx64 ", segment %#x", unit,
                 view->units[unit].u.drhd.base, view->units[unit].u.drhd.segment);
    draw_box(drawing->out, MARGIN, y, UNIT_WIDTH, HEAD - GAP + ROW * (rows + all),
             unit == NO_UNIT ? "none" : "unit");
    draw_text(drawing->out, MARGIN + 10, y + 19, "head", title);
    for (size_t i = 0; i < drawing->count; i++) {
        if (drawing->nodes[i].unit == unit)
            draw_text(drawing->out, MARGIN + 20, drawing->nodes[i].y + 9, "row",
                      drawing->nodes[i].text);
    }
    if (all)
        draw_text(drawing->out, MARGIN + 20, y + 41 + ROW * rows, "faint",
                  "and all devices that no other unit names");
    drawing->left_end = y + HEAD + ROW * (rows + all);
}

/* What a structure on the right side says. False: it has no box. */
static bool region_text(const struct udmar_entry *entry, char head[80], char row[80],
                        const char **out_kind)
{
    char size[24] = "all memory";

    switch (entry->type) {
    case UDMAR_ENTRY_RMRR:
        if (entry->u.rmrr.limit - entry->u.rmrr.base != UINT64_MAX)
            size_text(entry->u.rmrr.limit - entry->u.rmrr.base + 1, size);
        snprintf(head, 80, "reserved memory, %s", size);
        snprintf(row, 80, "0x%" PRIx64 " - 0x%" PRIx64, entry->u.rmrr.base, entry->u.rmrr.limit);
        *out_kind = "region";
        return true;
    case UDMAR_ENTRY_ATSR:
        snprintf(head, 80, "root ports that pass ATS");
        snprintf(row, 80, "%s segment %#x", entry->u.atsr.all_ports ? "all of" : "listed for",
                 entry->u.atsr.segment);
        *out_kind = "ports";
        return true;
    case UDMAR_ENTRY_SATC:
        snprintf(head, 80, "devices with a translation cache");
        snprintf(row, 80, "%s", entry->u.satc.atc_required ? "which they need" : "optional");
        *out_kind = "ports";
        return true;
    default:
        return false;
    }
}

static void draw_links(struct drawing *drawing, const struct udmar_entry *entry, unsigned y,
                       const char *kind)
{
    const struct table_view *view = drawing->view;
    struct udmar_scope scope = { 0 };
    unsigned from = MARGIN + UNIT_WIDTH, to = from + LINES_WIDTH;

    while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
        const struct node *node = NULL;
        udmar_rid_t rid;

        if (table_view_scope(view, entry, &scope, &rid))
            node = find_node(drawing, udmar_entry_segment(entry), rid);
        if (node == NULL)
            continue;
        fprintf(drawing->out, "<path d=\"M %u %u C %u %u %u %u %u %u\" class=\"link %s-link\"/>\n",
                from, node->y + 4, from + LINES_WIDTH / 2, node->y + 4, from + LINES_WIDTH / 2,
                y + 23, to, y + 23, kind);
    }
}

static void draw_regions(struct drawing *drawing)
{
    const unsigned x = MARGIN + UNIT_WIDTH + LINES_WIDTH;
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(drawing->view, entry)) != NULL) {
        char head[80], row[80];
        const char *kind;
        unsigned y = drawing->right_end;

        if (!region_text(entry, head, row, &kind))
            continue;
        draw_links(drawing, entry, y, kind);
        draw_box(drawing->out, x, y, REGION_WIDTH, 46, kind);
        draw_text(drawing->out, x + 10, y + 19, "head", head);
        draw_text(drawing->out, x + 10, y + 37, "row", row);
        drawing->right_end = y + 46 + GAP;
    }
}

/* The size is known when all is drawn, so what is drawn goes into memory first. */
static void draw_all(struct drawing *drawing)
{
    drawing->left_end = drawing->right_end = TOP;
    for (size_t i = 0; i < drawing->view->unit_count; i++)
        draw_unit(drawing, i);
    draw_unit(drawing, NO_UNIT);
    draw_regions(drawing);
}

static const char *const look = "<style>\n"
                                "text { font-family: sans-serif; font-size: 13px; fill: #222 }\n"
                                ".title { font-size: 18px; font-weight: bold }\n"
                                ".head { font-weight: bold }\n"
                                ".row { font-family: monospace; font-size: 12px }\n"
                                ".faint { fill: #666; font-style: italic }\n"
                                ".unit { fill: #e8f0fe; stroke: #4a6fa5 }\n"
                                ".none { fill: #fdecea; stroke: #b3261e }\n"
                                ".region { fill: #fff4dc; stroke: #b7791f }\n"
                                ".ports { fill: #e6f4ea; stroke: #2e7d32 }\n"
                                ".link { fill: none; stroke-width: 1.5 }\n"
                                ".region-link { stroke: #b7791f }\n"
                                ".ports-link { stroke: #2e7d32 }\n"
                                "</style>\n";

void table_print_svg(const struct table_view *view, FILE *out)
{
    struct drawing drawing = { .view = view };
    unsigned width = 2 * MARGIN + UNIT_WIDTH + LINES_WIDTH + REGION_WIDTH, height;
    char *body = NULL, title[100];
    size_t size = 0;

    drawing.out = open_memstream(&body, &size);
    if (drawing.out == NULL) {
        message("out of memory");
        exit(STATUS_INPUT);
    }
    for (size_t i = 0; i < view->unit_count; i++) {
        const struct udmar_entry *part = NULL;

        while ((part = table_view_part(view, i, part)) != NULL)
            collect_unit(&drawing, i, part);
    }
    collect_others(&drawing);
    draw_all(&drawing);
    fclose(drawing.out);

    height = drawing.left_end > drawing.right_end ? drawing.left_end : drawing.right_end;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
            "viewBox=\"0 0 %u %u\">\n%s<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            width, height + MARGIN, width, height + MARGIN, look);
    snprintf(title, sizeof(title), "DMAR table of %s %s", view->found->table.oem_id,
             view->found->table.oem_table_id);
    draw_text(out, MARGIN, 36, "title", title);
    fwrite(body, 1, size, out);
    fputs("</svg>\n", out);
    free(body);
    free(drawing.nodes);
}
