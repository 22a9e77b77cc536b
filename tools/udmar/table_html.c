/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table as one page: tree, picture, findings and bytes side by side. It loads nothing: script and
 * style are in it, and its policy forbids the rest.
 *
 * What stands for bytes of the table has data-at and data-size; what is about one place has
 * data-byte. The script knows no more than that.
 */
#include "table_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_html(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length && text[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '<')
            fputs("&lt;", out);
        else if (byte == '>')
            fputs("&gt;", out);
        else if (byte == '&')
            fputs("&amp;", out);
        else if (byte == '"')
            fputs("&quot;", out);
        else
            fputc(byte >= 0x20 && byte < 0x7f ? byte : '?', out);
    }
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* The length of a terminal's colour at a place, 0 where there is none. */
static size_t colour_length(const char *at)
{
    const char *end = at[0] == '\033' ? strchr(at, 'm') : NULL;

    return end != NULL ? (size_t)(end - at) + 1 : 0;
}

/* The offset that a heading ends with. False: the line is no heading. */
static bool heading_offset(const char *line, size_t length, uint32_t *out_offset)
{
    for (size_t i = length; i-- > 3;) {
        if (line[i - 1] == '@' && line[i] == '0' && line[i + 1] == 'x') {
            *out_offset = (uint32_t)strtoul(line + i, NULL, 16);
            return line[0] != ' ';
        }
    }
    return false;
}

/* Structures that the tree tells at another place: more DRHDs of a unit, RHSAs, ANDDs. */
static void print_others(const struct table_view *view, const bool *told, FILE *out)
{
    for (size_t i = 0; i < view->entry_count; i++) {
        const struct udmar_entry *entry = &view->entries[i];

        if (told[entry->offset])
            continue;
        fprintf(out,
                "<pre data-at=\"%" PRIu32 "\" data-size=\"%u\">%s, told above  @0x%" PRIx32
                "\n</pre>\n",
                entry->offset, entry->length, table_view_type(entry), entry->offset);
    }
}

static uint32_t length_at(const struct table_view *view, uint32_t offset)
{
    for (size_t i = 0; i < view->entry_count; i++) {
        if (view->entries[i].offset == offset)
            return view->entries[i].length;
    }
    for (size_t i = 0; i < view->lost_count; i++) {
        if (view->lost[i].offset == offset)
            return view->lost[i].length;
    }
    return 1;
}

/* The tree of a terminal, each structure with its rows in an element of its own. */
static void print_tree(const struct table_view *view, FILE *out)
{
    bool *told = allocate(view->found->size, sizeof(*told));
    char *text = NULL, *plain, *line;
    size_t size = 0, used = 0;
    FILE *tree = open_memstream(&text, &size);

    if (tree == NULL)
        exit(STATUS_INPUT);
    table_print(view, tree);
    fclose(tree);
    plain = allocate(size + 1, 1);
    for (size_t i = 0; i < size;) {
        size_t skip = colour_length(text + i);

        if (skip == 0)
            plain[used++] = text[i++];
        i += skip;
    }
    fputs("<pre data-at=\"0\" data-size=\"48\">", out);
    for (line = plain; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        uint32_t offset;

        if (heading_offset(line, length, &offset) && offset < view->found->size) {
            told[offset] = true;
            fprintf(out, "</pre>\n<pre data-at=\"%" PRIu32 "\" data-size=\"%" PRIu32 "\">", offset,
                    length_at(view, offset));
        }
        if (length > 0) {
            print_html(out, line, length);
            fputc('\n', out);
        }
        line += length + (line[length] == '\n');
    }
    fputs("</pre>\n", out);
    print_others(view, told, out);
    free(told);
    free(plain);
    free(text);
}

/* ---- findings and bytes ---------------------------------------------------------------------- */

static void print_finding_list(const struct table_view *view, FILE *out)
{
    if (view->finding_count == 0)
        fputs("<p>no defects</p>\n", out);
    for (size_t i = 0; i < view->finding_count; i++) {
        const struct finding *finding = &view->findings[i];

        fprintf(out,
                "<p class=\"finding %s\" data-byte=\"%" PRIu32 "\"><b>%s</b> @0x%" PRIx32 " %s: ",
                finding->serious ? "serious" : "minor", finding->offset,
                finding->serious ? "serious" : "minor", finding->offset, finding->where);
        print_html(out, finding->meaning, sizeof(finding->meaning));
        fputs("<br><i>so: ", out);
        print_html(out, finding->consequence, strlen(finding->consequence));
        fputs("</i></p>\n", out);
    }
}

static void print_bytes(const struct table_view *view, FILE *out)
{
    const struct table_found *found = view->found;

    fputs("<pre id=\"bytes\">", out);
    for (size_t row = 0; row < found->size; row += 16) {
        size_t end = row + 16 < found->size ? row + 16 : found->size;

        fprintf(out, "%04zx ", row);
        for (size_t i = row; i < end; i++)
            fprintf(out, "<span data-o=\"%zu\"> %02x</span>", i, found->bytes[i]);
        fprintf(out, "%*s", (int)(3 * (row + 16 - end) + 2), "");
        for (size_t i = row; i < end; i++) {
            char byte = (char)found->bytes[i];

            print_html(out, byte >= 0x20 && byte < 0x7f ? &byte : ".", 1);
        }
        fputc('\n', out);
    }
    fputs("</pre>\n", out);
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char *const head =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    "body { margin: 0; font: 14px sans-serif; color: #222; background: #fff }\n"
    "h1 { font-size: 18px; margin: 12px 20px } h2 { font-size: 15px; margin: 0 0 8px }\n"
    "main { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 16px;\n"
    "  padding: 0 20px 20px; height: calc(100vh - 60px); box-sizing: border-box }\n"
    "section { overflow: auto; border: 1px solid #ccc; border-radius: 6px; padding: 10px }\n"
    "#left { display: grid; grid-template-rows: repeat(3, minmax(0, 1fr)); gap: 16px; min-height: "
    "0 }\n"
    "pre { margin: 0 0 8px; font-size: 12px } svg { max-width: none }\n"
    "[data-at], [data-byte], [data-o] { cursor: pointer }\n"
    ".serious b { color: #b3261e } .minor b { color: #8a5a00 } .finding { margin: 0 0 8px }\n"
    "pre.on, .finding.on { background: #fff3b0 } pre.in { background: #fffbe6 }\n"
    "#bytes span.on { background: #ffd54a }\n"
    "g.on > rect { stroke-width: 3 } g.on > path { stroke-width: 4 }\n"
    "g.on > text { text-decoration: underline }\n"
    "@media (max-width: 900px) { main { display: block; height: auto } }\n"
    "</style>\n<title>";

/*
 * A selection is a place and a size, or the smallest structure around a byte; the address has it
 * behind "#" (#48+24, #50), so that a page can be sent with something marked.
 */
static const char *const script =
    "<script>\n"
    "'use strict';\n"
    "const parts = [...document.querySelectorAll('[data-at]')];\n"
    "const bytes = [...document.querySelectorAll('[data-o]')];\n"
    "const places = [...document.querySelectorAll('[data-byte]')];\n"
    "const at = e => +e.dataset.at, size = e => +e.dataset.size;\n"
    "const holds = (e, byte) => at(e) <= byte && byte < at(e) + size(e);\n"
    "function around(byte) {\n"
    "  const found = parts.filter(e => holds(e, byte)).sort((a, b) => size(a) - size(b))[0];\n"
    "  return found ? [at(found), size(found)] : [byte, 1];\n"
    "}\n"
    "function show(from, count, scroll) {\n"
    "  for (const e of parts) {\n"
    "    const same = at(e) === from && size(e) === count;\n"
    "    const within = !same && at(e) <= from && from + count <= at(e) + size(e);\n"
    "    e.classList.toggle('on', same);\n"
    "    e.classList.toggle('in', within);\n"
    "    if (scroll && (same || within)) e.scrollIntoView({ block: 'nearest' });\n"
    "  }\n"
    "  for (const e of bytes)\n"
    "    e.classList.toggle('on', +e.dataset.o >= from && +e.dataset.o < from + count);\n"
    "  for (const e of places)\n"
    "    e.classList.toggle('on', +e.dataset.byte >= from && +e.dataset.byte < from + count);\n"
    "  document.body.dataset.marked = from + '+' + count;\n"
    "  if (bytes[from]) bytes[from].scrollIntoView({ block: 'nearest' });\n"
    "}\n"
    "function select(from, count) {\n"
    "  history.replaceState(null, '', '#' + from + '+' + count);\n"
    "  show(from, count, true);\n"
    "}\n"
    "document.addEventListener('click', event => {\n"
    "  const e = event.target.closest('[data-o], [data-byte], [data-at]');\n"
    "  if (!e) return;\n"
    "  if (e.dataset.at !== undefined) select(at(e), size(e));\n"
    "  else select(...around(+(e.dataset.o ?? e.dataset.byte)));\n"
    "});\n"
    "function fromAddress() {\n"
    "  const found = /^#(\\d+)(?:\\+(\\d+))?$/.exec(location.hash);\n"
    "  if (found) found[2] ? show(+found[1], +found[2], true) : show(...around(+found[1]), true);\n"
    "}\n"
    "addEventListener('hashchange', fromAddress);\n"
    "fromAddress();\n"
    "</script>\n";

static void print_title(const struct table_view *view, FILE *out)
{
    fputs("DMAR table of ", out);
    print_html(out, view->found->table.oem_id, sizeof(view->found->table.oem_id));
    fputc(' ', out);
    print_html(out, view->found->table.oem_table_id, sizeof(view->found->table.oem_table_id));
    fputs(", ", out);
    print_html(out, view->source, strlen(view->source));
}

void table_print_html(const struct table_view *view, FILE *out)
{
    fputs(head, out);
    print_title(view, out);
    fputs("</title></head>\n<body><h1>", out);
    print_title(view, out);
    fputs("</h1>\n<main><div id=\"left\">\n<section id=\"tree\"><h2>Tree</h2>\n", out);
    print_tree(view, out);
    fputs("</section>\n<section id=\"picture\"><h2>Picture</h2>\n", out);
    table_print_svg(view, out);
    fputs("</section>\n<section id=\"findings\"><h2>Findings</h2>\n", out);
    print_finding_list(view, out);
    fputs("</section></div>\n<section><h2>Bytes</h2>\n", out);
    print_bytes(view, out);
    fputs("</section></main>\n", out);
    fputs(script, out);
    fputs("</body></html>\n", out);
}
