/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units: which DRHDs are one unit, and which unit governs a function.
 *
 * Hardware routes a request by what firmware has told it, not by what of the table can be used. A
 * function that a damaged DRHD names, or might name, must not be taken for another unit's.
 */
#include <udmar/table.h>

#include "table/parse.h"

/* ---- Registers ------------------------------------------------------------------------------- */

/* Where a DRHD of the least length has its register base. */
enum { AT_BASE = 8, DRHD_SIZE = 16 };

/* Cheap, since every structure of a table may be asked: looks at type and base alone. */
static bool may_have_base(const struct udmar_table *table, const struct udmar_entry *head,
                          udmar_paddr_t base)
{
    return head->type == UDMAR_ENTRY_DRHD && head->length >= DRHD_SIZE &&
           udmar__le64(table->bytes + head->offset + AT_BASE) == base;
}

/* The first sound DRHD with the register base of @drhd, which is sound itself. */
static void first_drhd(const struct udmar_table *table, const struct udmar_entry *drhd,
                       struct udmar_entry *out_first)
{
    uint32_t offset = UDMAR__HEADER_SIZE;

    while (offset < drhd->offset && udmar__head_at(table, offset, out_first) == UDMAR_DEFECT_NONE) {
        offset += out_first->length;
        if (may_have_base(table, out_first, drhd->u.drhd.base) &&
            udmar__decode(table, out_first) == UDMAR_DEFECT_NONE &&
            udmar__own_defect(table, out_first) == UDMAR_DEFECT_NONE) {
            return;
        }
    }
    *out_first = *drhd;
}

bool udmar__clashes(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry first;

    if (entry->type != UDMAR_ENTRY_DRHD) {
        return false;
    }
    first_drhd(table, entry, &first);
    return first.u.drhd.segment != entry->u.drhd.segment;
}

bool udmar_drhd_repeats(const struct udmar_table *table, const struct udmar_entry *drhd,
                        struct udmar_entry *out_first)
{
    struct udmar_entry first = *drhd;

    if (drhd->type == UDMAR_ENTRY_DRHD) {
        first_drhd(table, drhd, &first);
    }
    if (out_first != NULL) {
        *out_first = first;
    }
    return first.offset != drhd->offset;
}

enum udmar_defect_kind udmar_entry_defect(const struct udmar_table *table,
                                          const struct udmar_entry *entry)
{
    enum udmar_defect_kind kind = udmar__own_defect(table, entry);

    if (kind == UDMAR_DEFECT_NONE && udmar__clashes(table, entry)) {
        kind = UDMAR_DEFECT_DRHD_SEGMENT;
    }
    return kind;
}

/* ---- Who governs a function ------------------------------------------------------------------ */

struct unit_search {
    const struct udmar_table *table;
    const struct udmar_bus_reader *reader;
    uint16_t segment;
    udmar_rid_t rid;
    struct udmar_entry named; /* by whom it is named best; @match NONE: nobody */
    enum udmar_match match;
    unsigned distance;
    bool certain;            /* @named is usable and its scope of a known type */
    struct udmar_entry rest; /* the INCLUDE_PCI_ALL unit, a usable one if there is any */
    bool rest_usable;
    bool doubt; /* something that cannot be read might name it */
};

static bool is_usable(const struct unit_search *s, const struct udmar_entry *drhd)
{
    return udmar_entry_defect(s->table, drhd) == UDMAR_DEFECT_NONE;
}

/* Of two that name it equally well one that can be used has it. */
static void take_match(struct unit_search *s, const struct udmar_entry *drhd,
                       enum udmar_match match, unsigned distance, bool odd)
{
    bool better = udmar__is_better(match, distance, s->match, s->distance);
    bool equal = match == s->match && distance == s->distance;
    bool certain;

    if (match == UDMAR_MATCH_NONE || (!better && (!equal || s->certain))) {
        return;
    }
    certain = !odd && is_usable(s, drhd);
    if (better || certain) {
        s->named = *drhd;
        s->match = match;
        s->distance = distance;
        s->certain = certain;
    }
}

static void take_rest(struct unit_search *s, const struct udmar_entry *drhd)
{
    if (s->rest_usable && s->doubt) {
        return; /* it can tell nothing new */
    }
    if (!is_usable(s, drhd)) {
        s->doubt = true;
        s->rest = s->rest_usable ? s->rest : *drhd;
    } else if (!s->rest_usable) {
        s->rest = *drhd;
        s->rest_usable = true;
    }
}

static void look_at(struct unit_search *s, struct udmar_entry *drhd)
{
    struct udmar_scope bad;
    enum udmar_match match;
    unsigned distance;
    uint64_t value;

    if (udmar__decode(s->table, drhd) != UDMAR_DEFECT_NONE) {
        s->doubt = true; /* of what segment it is can't be known */
        return;
    }
    if (drhd->u.drhd.segment != s->segment) {
        return;
    }
    if (udmar__scopes_defect(s->table, drhd, &bad, &value) != UDMAR_DEFECT_NONE) {
        s->doubt = true; /* nothing of such a list is believed */
    } else {
        match = udmar_entry_match(s->table, drhd, s->reader, s->segment, s->rid, &distance);
        take_match(s, drhd, match, distance, false);
        match = udmar__match_odd(s->table, drhd, s->reader, s->rid, &distance);
        take_match(s, drhd, match, distance, true);
    }
    if (drhd->u.drhd.include_all) {
        take_rest(s, drhd);
    }
}

/* Of the types that the specification has; any other may be the rubbish behind a wrong length. */
static bool comes_behind_units(uint16_t type)
{
    return type > UDMAR_ENTRY_DRHD && type <= UDMAR_ENTRY_SIDP;
}

/*
 * May a unit be among what cannot be reached from @head on? Types ascend, so that none comes behind
 * a structure of another type. Zero bytes are padding.
 */
static bool hides_units(const struct udmar_table *table, const struct udmar_entry *head, bool late,
                        bool ordered)
{
    if (ordered && (late || comes_behind_units(head->type))) {
        return false;
    }
    for (uint32_t offset = head->offset; offset < table->length; offset++) {
        if (table->bytes[offset] != 0) {
            return true;
        }
    }
    return false;
}

static void look_at_all(struct unit_search *s)
{
    uint32_t offset = UDMAR__HEADER_SIZE;
    bool ordered = true; /* no unit has come behind a structure of another type */
    bool late = false;   /* such a structure has come */
    struct udmar_entry entry;

    while (offset < s->table->length) {
        if (udmar__head_at(s->table, offset, &entry) != UDMAR_DEFECT_NONE) {
            s->doubt = s->doubt || hides_units(s->table, &entry, late, ordered);
            return;
        }
        offset += entry.length;
        late = late || comes_behind_units(entry.type);
        if (entry.type == UDMAR_ENTRY_DRHD) {
            ordered = ordered && !late;
            look_at(s, &entry);
        }
    }
}

enum udmar_status udmar_table_find_unit(const struct udmar_table *table,
                                        const struct udmar_bus_reader *reader, uint16_t segment,
                                        udmar_rid_t rid, struct udmar_entry *out_entry,
                                        enum udmar_match *out_match)
{
    struct unit_search s = { .table = table, .reader = reader, .segment = segment, .rid = rid };
    bool certain;

    look_at_all(&s);
    certain = s.certain;
    if (s.match == UDMAR_MATCH_NONE) {
        s.named = s.rest;
        s.match = s.rest.length != 0 ? UDMAR_MATCH_INCLUDE_ALL : UDMAR_MATCH_NONE;
        certain = s.rest_usable && !s.doubt;
    }
    *out_entry = s.named;
    if (out_match != NULL) {
        *out_match = s.match;
    }
    if (s.match == UDMAR_MATCH_NONE && !s.doubt) {
        return UDMAR_ERR_NO_UNIT;
    }
    return certain ? UDMAR_OK : UDMAR_ERR_FIRMWARE;
}
