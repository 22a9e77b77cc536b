/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as a picture: on the left a box for each unit with the devices that it governs, on the
 * right reserved memory and lists of devices, with lines to the devices they are for, and below
 * what is wrong. Lines stay between the two sides, so that none crosses a box.
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
    GAP = 16,
    SIDE_MIN = 330,
    SIDE_MAX = 1400,
    LINES_WIDTH = 150,
    REGION_HEIGHT = 46,
    GOVERNED_MAX = 64, /* rows of devices that a unit governs without naming them */
};

/* Why a row stands in a box. The order is that of the rows. */
enum group { NAMED, SPOKEN_OF, GOVERNED, GROUPS };

/* A row in a unit's box. */
struct node {
    size_t unit;
    enum group group;
    uint16_t segment;
    udmar_rid_t rid;
    uint32_t offset, size; /* of its scope in the table; size 0: none */
    char text[300];
    unsigned y;
    bool pci; /* a PCI function, to which reserved memory may lead */
};

struct drawing {
    const struct table_view *view;
    FILE *out;
    struct node *nodes;
    size_t count;
    unsigned left, right;         /* widths of the sides */
    unsigned left_end, right_end; /* y below the last box of each side */
};

/* Boxes behind those of the units: units that cannot be used, and devices without a unit. */
static size_t lost_unit(const struct drawing *drawing, size_t lost)
{
    return drawing->view->unit_count + lost;
}

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

static struct node *add_node(struct drawing *drawing, size_t unit, enum group group,
                             uint16_t segment, udmar_rid_t rid)
{
    struct node *node;

    if ((drawing->count & (drawing->count - 1)) == 0)
        drawing->nodes = reallocate(drawing->nodes, drawing->count == 0 ? 1 : 2 * drawing->count,
                                    sizeof(*drawing->nodes));
    node = &drawing->nodes[drawing->count++];
    *node = (struct node){ .unit = unit, .group = group, .segment = segment, .rid = rid };
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
    snprintf(node->text, sizeof(node->text), "%s  %s", address, name[0] != '\0' ? name : kind);
}

/* The scopes of a DRHD: what its unit names itself. */
static void collect_unit(struct drawing *drawing, size_t unit, const struct udmar_entry *entry)
{
    const struct table_view *view = drawing->view;
    struct udmar_scope scope = { 0 };
    char path[64], kind[256];

    while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
        udmar_rid_t rid = 0;
        bool known = table_view_scope(view, entry, &scope, &rid);
        struct node *node = add_node(drawing, unit, NAMED, entry->u.drhd.segment, rid);
        struct udmar_entry andd;

        node->offset = scope.offset;
        node->size = scope.length;
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

/* Devices that reserved memory or another list speaks of, where no unit names them itself. */
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
            node = add_node(drawing, table_view_place(view, segment, rid).unit, SPOKEN_OF, segment,
                            rid);
            node->offset = scope.offset;
            node->size = scope.length;
            node->pci = true;
            name_node(view, node, pci_address(segment, rid, address), scope_type_text(scope.type));
        }
    }
}

/* The machine's devices that are in no box yet. Those without a unit are all shown. */
static void collect_governed(struct drawing *drawing)
{
    const struct table_view *view = drawing->view;
    size_t *counts = allocate(view->unit_count, sizeof(*counts));
    char address[16];

    for (size_t i = 0; view->machine != NULL && i < view->machine->count; i++) {
        const struct placement *place = &view->placements[i];
        size_t number = place->unit == NO_UNIT ? 0 : ++counts[place->unit];
        struct node *node;

        if (find_node(drawing, place->segment, place->rid) != NULL || number > GOVERNED_MAX + 1)
            continue;
        node = add_node(drawing, place->unit, GOVERNED, place->segment, place->rid);
        node->pci = true;
        if (number == GOVERNED_MAX + 1)
            snprintf(node->text, sizeof(node->text), "and more; the tree has them all");
        else
            name_node(view, node, pci_address(place->segment, place->rid, address), "");
    }
    free(counts);
}

static void collect_all(struct drawing *drawing)
{
    const struct table_view *view = drawing->view;

    for (size_t i = 0; i < view->unit_count; i++) {
        const struct udmar_entry *part = NULL;

        while ((part = table_view_part(view, i, part)) != NULL)
            collect_unit(drawing, i, part);
    }
    for (size_t i = 0; i < view->lost_count; i++) {
        if (view->lost[i].type == UDMAR_ENTRY_DRHD && view->lost[i].length >= 16)
            collect_unit(drawing, lost_unit(drawing, i), &view->lost[i]);
    }
    collect_others(drawing);
    collect_governed(drawing);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void print_xml(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length && text[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '<')
            fputs("&lt;", out);
        else if (byte == '>')
            fputs("&gt;", out);
        else if (byte == '&')
            fputs("&amp;", out);
        else
            fputc(byte >= 0x20 && byte < 0x7f ? byte : '?', out);
    }
}

/* How many characters have room, and how wide so many are. */
static size_t fits(unsigned width)
{
    return width * 10 / 74;
}

static unsigned wide(size_t characters)
{
    return (unsigned)(characters * 74 + 9) / 10;
}

static void draw_text(FILE *out, unsigned x, unsigned y, const char *kind, const char *text)
{
    fprintf(out, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, kind);
    print_xml(out, text, strlen(text));
    fputs("</text>\n", out);
}

/* Cut only where a side is as wide as it may be. */
static void draw_row(const struct drawing *drawing, unsigned x, unsigned y, const char *text)
{
    size_t room = fits(drawing->left - x);
    char cut[300];

    snprintf(cut, sizeof(cut), "%s", text);
    if (strlen(cut) > room && room > 3)
        snprintf(cut + room - 3, 4, "...");
    draw_text(drawing->out, x, y, "row", cut);
}

/* What is drawn up to end_group() stands for bytes of the table. */
static void begin_group(FILE *out, uint32_t offset, uint32_t size)
{
    fprintf(out, "<g data-at=\"%" PRIu32 "\" data-size=\"%" PRIu32 "\">\n", offset, size);
}

static void end_group(FILE *out)
{
    fputs("</g>\n", out);
}

static void draw_box(FILE *out, unsigned x, unsigned y, unsigned width, unsigned height,
                     const char *kind)
{
    fprintf(out, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" rx=\"6\" class=\"%s\"/>\n", x,
            y, width, height, kind);
}

/* The rows of one group of a box, with a caption. Returns y below them. */
static unsigned draw_group(struct drawing *drawing, size_t unit, enum group group, unsigned y)
{
    static const char *const captions[] = {
        [SPOKEN_OF] = "not named, but spoken of by what is on the right:",
        [GOVERNED] = "not named, but governed:",
    };
    bool any = false;

    for (size_t i = 0; i < drawing->count; i++) {
        struct node *node = &drawing->nodes[i];

        if (node->unit != unit || node->group != group)
            continue;
        if (!any && captions[group] != NULL && unit != NO_UNIT) {
            draw_text(drawing->out, MARGIN + 10, y + 9, "faint", captions[group]);
            y += ROW;
        }
        any = true;
        node->y = y;
        if (node->size > 0)
            begin_group(drawing->out, node->offset, node->size);
        draw_row(drawing, MARGIN + 20, y + 9, node->text);
        if (node->size > 0)
            end_group(drawing->out);
        y += ROW;
    }
    return y;
}

/* A box of the left side. The frame comes first although its height is known last. */
static void draw_unit_box(struct drawing *drawing, size_t unit, const char *title, const char *note,
                          const char *kind)
{
    FILE *out = drawing->out;
    unsigned y = drawing->left_end, end = y + 32;
    char *body = NULL;
    size_t size = 0;

    drawing->out = open_memstream(&body, &size);
    if (drawing->out == NULL)
        exit(STATUS_INPUT);
    for (enum group group = 0; group < GROUPS; group++) {
        end = draw_group(drawing, unit, group, end);
        if (group == NAMED && note != NULL) {
            draw_text(drawing->out, MARGIN + 20, end + 9, "faint", note);
            end += ROW;
        }
    }
    fclose(drawing->out);
    drawing->out = out;
    draw_box(out, MARGIN, y, drawing->left, end - y + 4, kind);
    draw_text(out, MARGIN + 10, y + 19, "head", title);
    fwrite(body, 1, size, out);
    free(body);
    drawing->left_end = end + 4 + GAP;
}

static void unit_title(const struct table_view *view, const struct udmar_entry *entry, size_t unit,
                       char title[120])
{
    uint32_t proximity;
    int used;

    if (unit == NO_UNIT) {
        snprintf(title, 120, "unit that cannot be used at 0x%" PRIx64 ", segment %#x",
                 entry->u.drhd.base, entry->u.drhd.segment);
        return;
    }
    used = snprintf(title, 120, "unit %zu at 0x%" PRIx64 ", segment %#x", unit, entry->u.drhd.base,
                    entry->u.drhd.segment);
    if (table_view_rhsa(view, entry, &proximity))
        snprintf(title + used, 120 - (size_t)used, ", proximity domain %" PRIu32, proximity);
}

static void draw_unit(struct drawing *drawing, size_t unit)
{
    const struct udmar_entry *entry = &drawing->view->units[unit];
    char title[120];

    unit_title(drawing->view, entry, unit, title);
    begin_group(drawing->out, entry->offset, entry->length);
    draw_unit_box(drawing, unit, title,
                  entry->u.drhd.include_all ? "and all devices that no other unit names" : NULL,
                  "unit");
    end_group(drawing->out);
}

/* With the defect in the box. */
static void draw_lost(struct drawing *drawing, size_t lost)
{
    const struct udmar_entry *entry = &drawing->view->lost[lost];
    const struct finding *finding = table_view_loss(drawing->view, entry);
    char title[120];

    if (entry->type == UDMAR_ENTRY_DRHD && entry->length >= 16)
        unit_title(drawing->view, entry, NO_UNIT, title);
    else
        snprintf(title, sizeof(title), "%s that is left out", table_view_type(entry));
    begin_group(drawing->out, entry->offset, entry->length);
    draw_unit_box(drawing, lost_unit(drawing, lost), title,
                  finding != NULL ? finding->meaning : NULL, "none");
    end_group(drawing->out);
}

static void draw_orphans(struct drawing *drawing)
{
    bool doubt = false, any = false;

    for (size_t i = 0; i < drawing->count; i++) {
        const struct node *node = &drawing->nodes[i];

        if (node->unit != NO_UNIT)
            continue;
        any = true;
        doubt = doubt || table_view_place(drawing->view, node->segment, node->rid).doubt;
    }
    if (any)
        draw_unit_box(drawing, NO_UNIT,
                      doubt ? "in no unit that is known: not protected"
                            : "in no unit: not protected",
                      NULL, "none");
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
    case UDMAR_ENTRY_SIDP:
        snprintf(head, 80, "properties of integrated devices");
        snprintf(row, 80, "segment %#x", entry->u.sidp.segment);
        *out_kind = "ports";
        return true;
    default:
        return false;
    }
}

/* Lines end at different heights of the box, so that each can be followed. */
static void draw_links(struct drawing *drawing, const struct udmar_entry *entry, unsigned y,
                       const char *kind)
{
    const struct table_view *view = drawing->view;
    unsigned from = MARGIN + drawing->left, to = from + LINES_WIDTH, count = 0, number = 0;
    struct udmar_scope scope = { 0 };

    while (udmar_entry_next_scope(&view->found->table, entry, &scope))
        count++;
    for (scope = (struct udmar_scope){ 0 };
         udmar_entry_next_scope(&view->found->table, entry, &scope); number++) {
        unsigned end = y + REGION_HEIGHT * (2 * number + 1) / (2 * count);
        const struct node *node = NULL;
        udmar_rid_t rid;

        if (table_view_scope(view, entry, &scope, &rid))
            node = find_node(drawing, udmar_entry_segment(entry), rid);
        if (node == NULL)
            continue;
        begin_group(drawing->out, scope.offset, scope.length);
        fprintf(drawing->out, "<path d=\"M %u %u C %u %u %u %u %u %u\" class=\"link %s-link\"/>\n",
                from, node->y + 4, from + LINES_WIDTH / 2, node->y + 4, from + LINES_WIDTH / 2, end,
                to, end, kind);
        end_group(drawing->out);
    }
}

static void draw_regions(struct drawing *drawing)
{
    const unsigned x = MARGIN + drawing->left + LINES_WIDTH;
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(drawing->view, entry)) != NULL) {
        char head[80], row[80];
        const char *kind;
        unsigned y = drawing->right_end;

        if (!region_text(entry, head, row, &kind))
            continue;
        draw_links(drawing, entry, y, kind);
        begin_group(drawing->out, entry->offset, entry->length);
        draw_box(drawing->out, x, y, drawing->right, REGION_HEIGHT, kind);
        draw_text(drawing->out, x + 10, y + 19, "head", head);
        draw_text(drawing->out, x + 10, y + 37, "row", row);
        end_group(drawing->out);
        drawing->right_end = y + REGION_HEIGHT + GAP;
    }
}

/* A text in as many lines as it needs. Returns y below them. */
static unsigned draw_wrapped(const struct drawing *drawing, unsigned x, unsigned y,
                             const char *kind, const char *text)
{
    size_t room = fits(drawing->left + LINES_WIDTH + drawing->right - x);

    while (*text != '\0') {
        size_t length = strlen(text);

        if (length > room) {
            length = room;
            while (length > 1 && text[length] != ' ')
                length--;
        }
        fprintf(drawing->out, "<text x=\"%u\" y=\"%u\" class=\"%s\">", x, y, kind);
        print_xml(drawing->out, text, length);
        fputs("</text>\n", drawing->out);
        text += length;
        while (*text == ' ')
            text++;
        y += ROW;
    }
    return y;
}

/* Below both sides. */
static unsigned draw_findings(struct drawing *drawing, unsigned y)
{
    const struct table_view *view = drawing->view;

    for (size_t i = 0; i < view->finding_count; i++) {
        const struct finding *finding = &view->findings[i];
        char text[240];

        snprintf(text, sizeof(text), "%s  @0x%" PRIx32 "  %s: %s",
                 finding->serious ? "serious" : "minor", finding->offset, finding->where,
                 finding->meaning);
        fprintf(drawing->out, "<g data-byte=\"%" PRIu32 "\">\n", finding->offset);
        y = draw_wrapped(drawing, MARGIN, y + 12, finding->serious ? "row bad" : "row warn", text);
        y = draw_wrapped(drawing, MARGIN + 20, y, "row faint", finding->consequence);
        end_group(drawing->out);
    }
    return y;
}

static void choose_widths(struct drawing *drawing)
{
    size_t longest = 0;

    for (size_t i = 0; i < drawing->count; i++) {
        if (strlen(drawing->nodes[i].text) > longest)
            longest = strlen(drawing->nodes[i].text);
    }
    for (size_t i = 0; i < drawing->view->lost_count; i++) {
        const struct finding *loss = table_view_loss(drawing->view, &drawing->view->lost[i]);

        if (loss != NULL && strlen(loss->meaning) > longest)
            longest = strlen(loss->meaning);
    }
    drawing->right = SIDE_MIN;
    drawing->left = wide(longest) + 40;
    if (drawing->left < SIDE_MIN + 140)
        drawing->left = SIDE_MIN + 140;
    if (drawing->left > SIDE_MAX)
        drawing->left = SIDE_MAX;
}

/* The size is known when all is drawn, so what is drawn goes into memory first. */
static unsigned draw_all(struct drawing *drawing)
{
    unsigned end;

    drawing->left_end = drawing->right_end = TOP;
    for (size_t i = 0; i < drawing->view->unit_count; i++)
        draw_unit(drawing, i);
    for (size_t i = 0; i < drawing->view->lost_count; i++)
        draw_lost(drawing, i);
    draw_orphans(drawing);
    draw_regions(drawing);
    end = drawing->left_end > drawing->right_end ? drawing->left_end : drawing->right_end;
    return draw_findings(drawing, end);
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
                                ".bad { fill: #b3261e }\n"
                                ".warn { fill: #8a5a00 }\n"
                                "</style>\n";

void table_print_svg(const struct table_view *view, FILE *out)
{
    struct drawing drawing = { .view = view };
    unsigned width, height;
    char *body = NULL, title[100];
    size_t size = 0;

    drawing.out = open_memstream(&body, &size);
    if (drawing.out == NULL) {
        message("out of memory");
        exit(STATUS_INPUT);
    }
    collect_all(&drawing);
    choose_widths(&drawing);
    height = draw_all(&drawing) + MARGIN;
    fclose(drawing.out);
    width = 2 * MARGIN + drawing.left + LINES_WIDTH + drawing.right;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
            "viewBox=\"0 0 %u %u\">\n%s<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            width, height, width, height, look);
    snprintf(title, sizeof(title), "DMAR table of %s %s", view->found->table.oem_id,
             view->found->table.oem_table_id);
    draw_text(out, MARGIN, 36, "title", title);
    fwrite(body, 1, size, out);
    fputs("</svg>\n", out);
    free(body);
    free(drawing.nodes);
}
