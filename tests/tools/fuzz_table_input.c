/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a file for `udmar table`: found, checked, printed in all ways. */
#include "table_view.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The tool's quick way to a unit must lead to the driver's answer. */
static void compare(const struct table_view *view)
{
    for (size_t i = 0; view->machine != NULL && i < view->machine->count; i++) {
        const struct placement *place = &view->placements[i];
        struct udmar_entry unit;
        enum udmar_match match;
        enum udmar_status status = udmar_table_find_unit(&view->found->table, &view->reader,
                                                         place->segment, place->rid, &unit, &match);

        if ((status == UDMAR_OK) != (place->unit != NO_UNIT) ||
            (status == UDMAR_ERR_FIRMWARE) != place->doubt)
            abort();
        if (status == UDMAR_OK &&
            (match != place->match || unit.u.drhd.base != view->units[place->unit].u.drhd.base))
            abort();
    }
}

static void show(const struct table_found *found, const struct pci_machine *machine, FILE *out)
{
    struct table_view view;
    struct json json;

    table_view_make("input", found, machine, &view);
    compare(&view);
    table_print_findings(&view, out);
    json_begin(&json, out);
    table_print_json(&view, &json);
    if (view.found->table.bytes != NULL) {
        table_print(&view, out);
        table_print_html(&view, out);
    }
    table_view_free(&view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A little machine, so that paths lead somewhere: a bridge to bus 1 and what is behind it. */
    static struct pci_function functions[] = {
        { .rid = UDMAR_RID(0, 0, 0), .has_ids = true },
        { .rid = UDMAR_RID(0, 1, 0), .bridge = true, .secondary = 1, .subordinate = 2 },
        { .rid = UDMAR_RID(1, 0, 0), .has_ids = true, .vendor = 0x8086 },
    };
    static const struct pci_machine machine = { functions, 3 };
    struct problem problem;
    struct table_set set;
    char *text = NULL;
    size_t length = 0;
    FILE *out;

    if (!tables_find(data, size, &set, &problem))
        return 0;
    out = open_memstream(&text, &length);
    for (size_t i = 0; i < set.count; i++) {
        show(&set.tables[i], NULL, out);
        show(&set.tables[i], &machine, out);
    }
    fclose(out);
    free(text);
    tables_free(&set);
    return 0;
}
