/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt remapping table of an image: who may raise which interrupt. At most 65,536 entries,
 * and none leads anywhere else, so that the end is certain.
 */
#include "walk_print.h"

#include <inttypes.h>

#include <udmar/fault.h>

struct listing {
    FILE *out;
    struct json *json; /* null: for people */
    struct image *image;
    const struct walk_unit *unit;
    uint64_t irta;
    const struct dump_options *options;
    struct dump_totals *totals;
    uint64_t shown, hidden;
};

static void show_entry(struct listing *list, uint32_t index, uint64_t physical,
                       const uint64_t *words)
{
    char sender[60], target[160];

    interrupt_sender(words, sender, sizeof(sender));
    interrupt_target(words, IRTA_EXTENDED(list->irta), target, sizeof(target));
    if (list->json == NULL) {
        fprintf(list->out, "    %5" PRIu32 "  %-18s  %s\n", index, sender, target);
        return;
    }
    json_object(list->json, NULL);
    json_number(list->json, "index", index);
    json_hex(list->json, "entry", physical);
    json_string(list->json, "type", INTERRUPT_POSTED(words) ? "posted" : "remapped");
    json_hex(list->json, "vector", INTERRUPT_VECTOR(words));
    json_string(list->json, "sender", sender);
    json_string(list->json, "raises", target);
    json_close(list->json);
}

static void show_problem(struct listing *list, uint32_t index, uint64_t physical, unsigned reason,
                         const char *why)
{
    list->totals->broken++;
    if (list->json == NULL) {
        fprintf(list->out, "    %5" PRIu32 "  %sentry at physical 0x%" PRIx64 ": %s%s\n", index,
                style(STYLE_BAD), physical, why, style(STYLE_END));
        if (reason != 0)
            fprintf(list->out, "           a unit answers with fault reason 0x%02x: %s\n", reason,
                    udmar_fault_reason_string((uint8_t)reason));
        return;
    }
    json_object(list->json, NULL);
    json_number(list->json, "index", index);
    json_string(list->json, "problem", why);
    if (reason != 0)
        json_hex(list->json, "reason", reason);
    json_close(list->json);
}

static void list_entry(struct listing *list, uint32_t index, uint64_t physical,
                       const uint64_t *words)
{
    struct objection objection;

    if ((words[0] & 1) == 0 ||
        (list->options->has_rid && !interrupt_allows(words, list->options->rid)))
        return;
    list->totals->interrupts++;
    if (list->shown >= list->options->line_limit) {
        list->hidden++;
        return;
    }
    list->shown++;
    if (check_interrupt(list->unit, words, IRTA_EXTENDED(list->irta), &objection))
        show_entry(list, index, physical, words);
    else
        show_problem(list, index, physical, objection.reason, objection.why);
}

static void list_page(struct listing *list, uint32_t first, uint32_t count)
{
    uint64_t physical = WALK_ADDRESS(list->irta) + 16 * (uint64_t)first;
    uint8_t bytes[UDMAR_PAGE_SIZE];
    char why[80];

    if (!image_read(list->image, physical, bytes, (size_t)16 * count, NULL)) {
        snprintf(why, sizeof(why), "the image does not hold entries %" PRIu32 " to %" PRIu32, first,
                 first + count - 1);
        show_problem(list, first, physical, 0, why);
        list->totals->no_interrupts = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t words[2] = { load64(bytes + 16 * i), load64(bytes + 16 * i + 8) };

        list_entry(list, first + i, physical + 16 * (uint64_t)i, words);
    }
}

static void list_all(struct listing *list)
{
    enum { ON_A_PAGE = UDMAR_PAGE_SIZE / 16 };
    uint32_t entries = IRTA_ENTRIES(list->irta);

    for (uint32_t first = 0; first < entries; first += ON_A_PAGE)
        list_page(list, first, entries < ON_A_PAGE ? entries : ON_A_PAGE);
}

void dump_interrupts(FILE *out, struct json *json, struct image *image,
                     const struct walk_unit *unit, const struct dump_options *options,
                     struct dump_totals *totals)
{
    uint64_t irta = options->irta;
    struct listing list = { .out = out,
                            .json = json,
                            .image = image,
                            .unit = unit,
                            .irta = irta,
                            .options = options,
                            .totals = totals };

    if (json != NULL) {
        json_object(json, "interrupts");
        json_hex(json, "irta", irta);
        json_hex(json, "table", WALK_ADDRESS(irta));
        json_number(json, "entries", IRTA_ENTRIES(irta));
        json_bool(json, "extended", IRTA_EXTENDED(irta));
        json_array(json, "items");
        list_all(&list);
        json_close(json);
        json_number(json, "hidden", list.hidden);
        json_close(json);
        return;
    }
    fprintf(out, "%s%sinterrupts%s  table 0x%" PRIx64 ", %u entries, %s ids\n",
            totals->contexts != 0 ? "\n" : "", style(STYLE_NAME), style(STYLE_END),
            WALK_ADDRESS(irta), IRTA_ENTRIES(irta), IRTA_EXTENDED(irta) ? "32-bit" : "8-bit");
    list_all(&list);
    if (list.hidden != 0)
        fprintf(out, "    ... and %" PRIu64 " more entries (--limit shows more)\n", list.hidden);
    if (list.shown == 0 && list.hidden == 0 && !totals->no_interrupts)
        fprintf(out, "    no entry is present\n");
}
