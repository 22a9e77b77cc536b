/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that is wrong with a table.
 *
 * One pass in the order of the offsets. Questions about other structures ("is there an earlier...")
 * are answered by searching the table again: there is no memory to note things in, and real tables
 * have about ten structures.
 */
#include <udmar/table.h>

#ifndef UDMAR_WITHOUT_TABLE_CHECK

#include "table/parse.h"

struct check {
    const struct udmar_table *table;
    udmar_defect_fn *report;
    void *context;
    unsigned count;
};

static void pass_on(struct check *check, const struct udmar_defect *defect)
{
    check->count++;
    if (check->report != NULL) {
        check->report(check->context, defect);
    }
}

static void tell_finding(struct check *check, enum udmar_defect_kind kind,
                         const struct udmar_entry *entry, uint32_t offset, uint64_t value)
{
    struct udmar_defect defect = {
        .kind = kind, .offset = offset, .structure_type = entry->type, .value = value
    };

    pass_on(check, &defect);
}

/* tell_finding() for what costs the structure. */
static void lose_structure(struct check *check, enum udmar_defect_kind kind,
                           const struct udmar_entry *entry, uint32_t offset, uint64_t value)
{
    struct udmar_defect defect = {
        .kind = kind,
        .offset = offset,
        .structure_type = entry->type,
        .value = value,
        .loses_entry = true,
    };

    pass_on(check, &defect);
}

/*
 * Another unit of the segment; one that is listed twice is one. Searching runs over sound
 * structures; whether a unit found clashes with one of another segment is asked last.
 */
static bool is_other_unit(const struct udmar_entry *entry, const struct udmar_entry *other)
{
    return other->type == UDMAR_ENTRY_DRHD && other->u.drhd.base != entry->u.drhd.base &&
           other->u.drhd.segment == entry->u.drhd.segment;
}

static bool all_unit_before(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(table, &other) && other.offset < entry->offset) {
        if (is_other_unit(entry, &other) && other.u.drhd.include_all &&
            !udmar__clashes(table, &other)) {
            return true;
        }
    }
    return false;
}

static bool plain_unit_after(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry other = *entry;

    while (udmar__next_sound(table, &other)) {
        if (is_other_unit(entry, &other) && !other.u.drhd.include_all &&
            !udmar__clashes(table, &other)) {
            return true;
        }
    }
    return false;
}

static void check_drhd(struct check *check, const struct udmar_entry *entry)
{
    uint64_t base = entry->u.drhd.base;

    if (!entry->u.drhd.include_all) {
        if (entry->scopes_offset == entry->length) {
            tell_finding(check, UDMAR_DEFECT_NO_SCOPE, entry, entry->offset, base);
        }
        return;
    }
    if (all_unit_before(check->table, entry)) {
        tell_finding(check, UDMAR_DEFECT_INCLUDE_ALL_TWICE, entry, entry->offset, base);
    }
    if (plain_unit_after(check->table, entry)) {
        tell_finding(check, UDMAR_DEFECT_INCLUDE_ALL_ORDER, entry, entry->offset, base);
    }
}

static bool overlaps_earlier(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(table, &other) && other.offset < entry->offset) {
        if (other.type == UDMAR_ENTRY_RMRR && other.u.rmrr.segment == entry->u.rmrr.segment &&
            other.u.rmrr.base <= entry->u.rmrr.limit && entry->u.rmrr.base <= other.u.rmrr.limit) {
            return true;
        }
    }
    return false;
}

static void check_rmrr(struct check *check, const struct udmar_entry *entry)
{
    uint64_t base = entry->u.rmrr.base;
    uint64_t limit = entry->u.rmrr.limit;

    if ((base & UDMAR_PAGE_MASK) != 0) {
        tell_finding(check, UDMAR_DEFECT_RMRR_ALIGNMENT, entry, entry->offset, base);
    } else if (((limit + 1) & UDMAR_PAGE_MASK) != 0) {
        tell_finding(check, UDMAR_DEFECT_RMRR_ALIGNMENT, entry, entry->offset, limit);
    }
    if (overlaps_earlier(check->table, entry)) {
        tell_finding(check, UDMAR_DEFECT_RMRR_OVERLAP, entry, entry->offset, base);
    }
    if (!udmar__fits_width(check->table, limit)) {
        tell_finding(check, UDMAR_DEFECT_RMRR_WIDTH, entry, entry->offset, limit);
    }
}

static void check_rhsa(struct check *check, const struct udmar_entry *entry)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(check->table, &other)) {
        if (other.type == UDMAR_ENTRY_DRHD && other.u.drhd.base == entry->u.rhsa.base) {
            return;
        }
    }
    tell_finding(check, UDMAR_DEFECT_RHSA_UNKNOWN, entry, entry->offset, entry->u.rhsa.base);
}

static bool has_andd(const struct udmar_table *table, uint8_t number)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(table, &other)) {
        if (other.type == UDMAR_ENTRY_ANDD && other.u.andd.number == number) {
            return true;
        }
    }
    return false;
}

/* Enumeration ids are reserved for PCI functions, and part of the name for all others. */
static bool same_scope(const struct udmar_scope *a, const struct udmar_scope *b)
{
    bool pci = a->type == UDMAR_SCOPE_ENDPOINT || a->type == UDMAR_SCOPE_BRIDGE;

    if (a->type != b->type || a->start_bus != b->start_bus || a->hops != b->hops ||
        (!pci && a->enumeration_id != b->enumeration_id)) {
        return false;
    }
    for (unsigned i = 0; i < 2u * a->hops; i++) {
        if (a->path[i] != b->path[i]) {
            return false;
        }
    }
    return true;
}

static bool lists_scope(const struct udmar_table *table, const struct udmar_entry *entry,
                        const struct udmar_scope *scope)
{
    struct udmar_scope other = { 0 };

    while (udmar_entry_next_scope(table, entry, &other)) {
        if (same_scope(scope, &other)) {
            return true;
        }
    }
    return false;
}

static void check_claim(struct check *check, const struct udmar_entry *entry,
                        const struct udmar_scope *scope)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(check->table, &other) && other.offset < entry->offset) {
        if (is_other_unit(entry, &other) && lists_scope(check->table, &other, scope) &&
            !udmar__clashes(check->table, &other)) {
            tell_finding(check, UDMAR_DEFECT_SCOPE_TWICE, entry, scope->offset, other.u.drhd.base);
            return;
        }
    }
}

static void check_scopes(struct check *check, const struct udmar_entry *entry)
{
    struct udmar_scope scope = { 0 };
    uint64_t pair;

    while (udmar_entry_next_scope(check->table, entry, &scope)) {
        if (scope.type < UDMAR_SCOPE_ENDPOINT || scope.type > UDMAR_SCOPE_NAMESPACE) {
            tell_finding(check, UDMAR_DEFECT_SCOPE_TYPE, entry, scope.offset, scope.type);
            continue;
        }
        if (udmar__bad_pair(&scope, &pair)) {
            tell_finding(check, UDMAR_DEFECT_SCOPE_PATH, entry, scope.offset, pair);
            continue;
        }
        if (entry->type == UDMAR_ENTRY_DRHD) {
            check_claim(check, entry, &scope);
        }
        if (scope.type == UDMAR_SCOPE_NAMESPACE && !has_andd(check->table, scope.enumeration_id)) {
            tell_finding(check, UDMAR_DEFECT_NAMESPACE_UNKNOWN, entry, scope.offset,
                         scope.enumeration_id);
        }
    }
}

/* The defects that cost the structure. Returns whether it is left. */
static bool check_use(struct check *check, struct udmar_entry *entry)
{
    unsigned before = check->count;
    enum udmar_defect_kind kind = udmar__decode(check->table, entry);
    struct udmar_scope bad;
    uint64_t value;

    if (kind == UDMAR_DEFECT_UNKNOWN_TYPE) {
        tell_finding(check, kind, entry, entry->offset, entry->type);
        return false;
    }
    if (kind != UDMAR_DEFECT_NONE) {
        lose_structure(check, kind, entry, entry->offset, entry->length);
        return false;
    }
    kind = udmar__contents_defect(check->table, entry, &value);
    if (kind != UDMAR_DEFECT_NONE) {
        lose_structure(check, kind, entry, entry->offset, value);
    }
    kind = udmar__scopes_defect(check->table, entry, &bad, &value);
    if (kind != UDMAR_DEFECT_NONE) {
        lose_structure(check, kind, entry, bad.offset, value);
    }
    if (check->count == before && udmar__clashes(check->table, entry)) {
        lose_structure(check, UDMAR_DEFECT_DRHD_SEGMENT, entry, entry->offset, entry->u.drhd.base);
    }
    return check->count == before;
}

/* Is it byte for byte the unit's first DRHD again? */
static bool is_copy(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry first;

    if (!udmar_drhd_repeats(table, entry, &first) || first.length != entry->length) {
        return false;
    }
    for (uint32_t i = 0; i < entry->length; i++) {
        if (table->bytes[first.offset + i] != table->bytes[entry->offset + i]) {
            return false;
        }
    }
    return true;
}

static bool copy_before(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry other = { 0 };

    while (udmar__next_sound(table, &other) && other.offset < entry->offset) {
        if (is_copy(table, &other)) {
            return true;
        }
    }
    return false;
}

/* This one, which is a copy, and those behind it. */
static unsigned copies_from(const struct udmar_table *table, const struct udmar_entry *entry)
{
    struct udmar_entry other = *entry;
    unsigned count = 1;

    while (udmar__next_sound(table, &other)) {
        count += is_copy(table, &other);
    }
    return count;
}

/* Copies are told of once for the whole table. Returns whether there is more to look at. */
static bool check_repeated(struct check *check, const struct udmar_entry *entry)
{
    if (entry->type != UDMAR_ENTRY_DRHD || !udmar_drhd_repeats(check->table, entry, NULL)) {
        return true;
    }
    if (!is_copy(check->table, entry)) {
        tell_finding(check, UDMAR_DEFECT_DRHD_DUPLICATE, entry, entry->offset, entry->u.drhd.base);
        return true;
    }
    if (!copy_before(check->table, entry)) {
        tell_finding(check, UDMAR_DEFECT_DRHD_COPY, entry, entry->offset,
                     copies_from(check->table, entry));
    }
    return false;
}

static void check_entry(struct check *check, struct udmar_entry *entry)
{
    if (!check_use(check, entry) || !check_repeated(check, entry)) {
        return;
    }
    if (entry->type == UDMAR_ENTRY_DRHD) {
        check_drhd(check, entry);
    } else if (entry->type == UDMAR_ENTRY_RMRR) {
        check_rmrr(check, entry);
    } else if (entry->type == UDMAR_ENTRY_RHSA) {
        check_rhsa(check, entry);
    }
    check_scopes(check, entry);
}

unsigned udmar_table_check(const struct udmar_table *table, udmar_defect_fn *report, void *context)
{
    struct check check = { .table = table, .report = report, .context = context };
    uint32_t offset = UDMAR__HEADER_SIZE;
    uint16_t last_type = 0;
    struct udmar_entry entry;
    enum udmar_defect_kind kind;

    while (offset < table->length) {
        kind = udmar__head_at(table, offset, &entry);
        if (kind != UDMAR_DEFECT_NONE) {
            lose_structure(&check, kind, &entry, offset, entry.length);
            break;
        }
        if (entry.type < last_type) {
            tell_finding(&check, UDMAR_DEFECT_TYPE_ORDER, &entry, offset, entry.type);
        }
        last_type = entry.type;
        check_entry(&check, &entry);
        offset += entry.length;
    }
    if (table->buffer_size > table->length) {
        entry = (struct udmar_entry){ .type = 0xffff };
        tell_finding(&check, UDMAR_DEFECT_TRAILING, &entry, table->length, table->buffer_size);
    }
    return check.count;
}

/* By kind; a hole is a kind that there is not. */
static const char *const defect_strings[] = {
    [UDMAR_DEFECT_NONE] = "no defect",
    [UDMAR_DEFECT_SHORT_HEAD] = "too few bytes are left for another structure: they are ignored",
    [UDMAR_DEFECT_LENGTH_ZERO] =
        "structure length is below 4: it and everything behind it is unreachable",
    [UDMAR_DEFECT_PAST_END] = "structure goes on behind the end of the table: it is ignored",
    [UDMAR_DEFECT_TOO_SHORT] = "structure is shorter than its type demands: it is ignored",
    [UDMAR_DEFECT_SCOPE_LENGTH] =
        "length of a device scope makes no sense: the structure is ignored",
    [UDMAR_DEFECT_DRHD_BASE] =
        "register base cannot be true: the remapping unit cannot be used, and the devices "
        "that it governs are not translated",
    [UDMAR_DEFECT_DRHD_DUPLICATE] =
        "an earlier structure has the same register base: both are one unit, with the "
        "scopes of both",
    [UDMAR_DEFECT_DRHD_COPY] = "units are listed again, byte for byte: nothing is lost",
    [UDMAR_DEFECT_DRHD_END] =
        "unit is followed by what may be more of its device scopes: it is not used, and the "
        "devices that it governs are not translated",
    [UDMAR_DEFECT_DRHD_SEGMENT] =
        "an earlier unit of another segment has the same register base: the later one "
        "cannot be used, and the devices that it governs are not translated",
    [UDMAR_DEFECT_RMRR_ORDER] =
        "reserved memory ends before it begins: it is ignored and its devices may fault",
    [UDMAR_DEFECT_ANDD_STRING] =
        "device name does not end inside its structure: the name is ignored",
    [UDMAR_DEFECT_UNKNOWN_TYPE] = "structure type is not known here: skipped",
    [UDMAR_DEFECT_TYPE_ORDER] = "structure types do not ascend: harmless here",
    [UDMAR_DEFECT_RMRR_ALIGNMENT] = "reserved memory is not made of whole pages: rounded outward",
    [UDMAR_DEFECT_RMRR_OVERLAP] =
        "reserved memory overlaps an earlier one of its segment: both are used",
    [UDMAR_DEFECT_RMRR_WIDTH] =
        "reserved memory reaches beyond the host address width: it cannot all be there",
    [UDMAR_DEFECT_INCLUDE_ALL_TWICE] =
        "second unit of its segment with INCLUDE_PCI_ALL: the first one has the rest",
    [UDMAR_DEFECT_INCLUDE_ALL_ORDER] =
        "INCLUDE_PCI_ALL unit is not its segment's last: taken as the fallback nevertheless",
    [UDMAR_DEFECT_SCOPE_TYPE] =
        "device scope type is not known here: what it may name is not translated",
    [UDMAR_DEFECT_SCOPE_TWICE] = "an earlier unit claims the same device: the earlier one has it",
    [UDMAR_DEFECT_NO_SCOPE] = "unit has neither scopes nor INCLUDE_PCI_ALL: it serves nobody",
    [UDMAR_DEFECT_RHSA_UNKNOWN] =
        "proximity domain is for a unit that the table does not have: no use for it",
    [UDMAR_DEFECT_NAMESPACE_UNKNOWN] =
        "device scope is for an ACPI device that has no name in the table: only its id is "
        "known",
    [UDMAR_DEFECT_SCOPE_PATH] =
        "device scope's path has a device above 31 or a function above 7: the scope matches "
        "nothing, and a unit that has it is not used",
    [UDMAR_DEFECT_DRHD_WIDTH] =
        "register base is beyond the host address width: the remapping unit cannot be used, "
        "and the devices that it governs are not translated",
    [UDMAR_DEFECT_RMRR_SIZE] = "reserved memory of more than 4 GiB cannot be meant: it is ignored",
    [UDMAR_DEFECT_TRAILING] = "buffer is longer than the table: the rest is ignored",
};

const char *udmar_defect_string(enum udmar_defect_kind kind)
{
    unsigned index = (unsigned)kind;

    return index < sizeof(defect_strings) / sizeof(defect_strings[0]) &&
                   defect_strings[index] != NULL
               ? defect_strings[index]
               : "unknown defect";
}

#endif
