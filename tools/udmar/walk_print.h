/* SPDX-License-Identifier: BSD-2-Clause */
/* What walk and dump print, and the pieces of their command lines. */
#ifndef UDMAR_TOOL_WALK_PRINT_H
#define UDMAR_TOOL_WALK_PRINT_H

#include "walk_path.h"

/* A walk for people; brief: one line for each entry. And as JSON. */
void walk_print(const struct walk *walk, bool brief);
void walk_print_json(const struct walk *walk, FILE *out);

/* Everything that a root table leads to. */
struct dump_options {
    bool json;
    bool has_rid; /* only this device */
    udmar_rid_t rid;
    uint64_t line_limit;  /* ranges that are shown for each context */
    uint64_t table_limit; /* table pages that are read in all */
    bool has_irta;        /* the interrupt table, too */
    uint64_t irta;
};

struct dump_totals {
    uint64_t contexts, ranges, bytes, broken, tables, interrupts;
    bool gave_up;       /* the table limit was reached */
    bool no_root;       /* the image does not hold the root table */
    bool no_interrupts; /* or some of the interrupt table */
};

void dump_run(FILE *out, struct image *image, const struct walk_unit *unit, uint64_t root,
              const struct dump_options *options, struct dump_totals *out_totals);

/* Its part about the interrupt table; json null: for people. */
void dump_interrupts(FILE *out, struct json *json, struct image *image,
                     const struct walk_unit *unit, const struct dump_options *options,
                     struct dump_totals *totals);

/* Shared by both. */
void walk_json_image(struct json *json, const struct image *image);
const char *walk_mode_text(enum walk_mode mode);
const char *walk_mode_id(enum walk_mode mode);

#endif
