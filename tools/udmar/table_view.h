/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DMAR table together with the machine it is from: units numbered, every function given to the
 * unit that governs it, and what is wrong. What `udmar table` prints is all taken from here.
 */
#ifndef UDMAR_TOOL_TABLE_VIEW_H
#define UDMAR_TOOL_TABLE_VIEW_H

#include "pci.h"
#include "tables.h"

#define NO_UNIT SIZE_MAX

/* Which unit governs a function, and why. */
struct placement {
    uint16_t segment;
    udmar_rid_t rid;
    size_t unit; /* index, or NO_UNIT */
    bool doubt;  /* NO_UNIT because a damaged structure names it, or may name it */
    enum udmar_match match;
    udmar_rid_t via; /* MATCH_SUBTREE: the bridge */
};

struct finding {
    bool serious; /* something of the table cannot be used */
    uint32_t offset;
    char where[16];          /* "DRHD", "header" ... */
    char meaning[160];       /* what is wrong, with the value found */
    const char *consequence; /* what comes of it */
};

struct table_view {
    const char *source; /* file name, for people */
    const struct table_found *found;
    const struct pci_machine *machine; /* null: not known */
    struct udmar_bus_reader reader;
    struct udmar_entry *entries; /* the usable structures, in the table's order */
    size_t entry_count;
    struct udmar_entry *lost; /* structures that cannot be used, decoded as far as they go */
    size_t lost_count;
    struct udmar_entry *units; /* the first DRHD of each unit, with the flags of all */
    size_t unit_count;
    struct placement *placements; /* one for each function of the machine, in its order */
    struct finding *findings;     /* in the order of their offsets */
    size_t finding_count;
};

/* @machine: null when nothing is known but the table. The arguments must outlive the view. */
void table_view_make(const char *source, const struct table_found *found,
                     const struct pci_machine *machine, struct table_view *out_view);
void table_view_free(struct table_view *view);

/* What udmar_table_find_unit() says. */
struct placement table_view_place(const struct table_view *view, uint16_t segment, udmar_rid_t rid);

/*
 * The structures, one after the other: start with null; null at the end. Asking the table itself
 * again costs a search for duplicates of units each time.
 */
const struct udmar_entry *table_view_next(const struct table_view *view,
                                          const struct udmar_entry *entry);

/*
 * The DRHDs of a unit, one after the other, as table_view_next(); copies of the first are not among
 * them.
 */
const struct udmar_entry *table_view_part(const struct table_view *view, size_t unit,
                                          const struct udmar_entry *entry);

/* The unit of a DRHD, or NO_UNIT. */
size_t table_view_unit(const struct table_view *view, const struct udmar_entry *drhd);

/* The first serious finding within a structure, or null. */
const struct finding *table_view_loss(const struct table_view *view,
                                      const struct udmar_entry *entry);

/* "type ?" for one that is not known here. */
const char *table_view_type(const struct udmar_entry *entry);

/* Where a scope leads. False when a hop cannot be followed without the machine, or at all. */
bool table_view_scope(const struct table_view *view, const struct udmar_entry *entry,
                      const struct udmar_scope *scope, udmar_rid_t *out_rid);

/* The ANDD of a number; false if there is none. */
bool table_view_andd(const struct table_view *view, uint8_t number, struct udmar_entry *out_entry);

/* The RHSA of a unit. */
bool table_view_rhsa(const struct table_view *view, const struct udmar_entry *unit,
                     uint32_t *out_proximity);

/* "endpoint", "bridge", "IOAPIC", "HPET", "ACPI device" or "scope type ?". */
const char *scope_type_text(uint8_t type);

/* "00:1c.0", "0001:00:1c.0"; "00:1c.0/00.0/02.1" for a path, cut with "..." where it is long. */
const char *scope_path_text(uint16_t segment, const struct udmar_scope *scope, char buffer[64]);

/* Fills in findings. */
void table_view_check(struct table_view *view);

/* The ways to show a view. */
void table_print(const struct table_view *view, FILE *out);
void table_print_findings(const struct table_view *view, FILE *out);
void table_print_json(const struct table_view *view, struct json *json);
void table_print_svg(const struct table_view *view, FILE *out);
void table_print_html(const struct table_view *view, FILE *out);

#endif
