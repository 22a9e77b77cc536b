/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong with a table, and what comes of it. The library finds defects of the bytes; those
 * of the whole (a header that contradicts the rest, devices that nobody serves) are found here.
 */
#include "table_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>

/* Offsets in the header, for findings about it. */
enum { AT_LENGTH = 4, AT_CHECKSUM = 9, AT_WIDTH = 36, AT_FLAGS = 37 };

enum { KNOWN_FLAGS = 7 };

static struct finding *add(struct table_view *view, bool serious, uint32_t offset,
                           const char *where, const char *consequence)
{
    struct finding *finding;

    view->findings = reallocate(view->findings, view->finding_count + 1, sizeof(*view->findings));
    finding = &view->findings[view->finding_count++];
    *finding = (struct finding){ .serious = serious, .offset = offset, .consequence = consequence };
    snprintf(finding->where, sizeof(finding->where), "%s", where);
    return finding;
}

static void say(struct finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct finding *finding, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(finding->meaning, sizeof(finding->meaning), format, arguments);
    va_end(arguments);
}

/* ---- what the library finds ------------------------------------------------------------------ */

/* Defects that cost a structure. */
static const char *loss_consequence(enum udmar_defect_kind kind)
{
    switch (kind) {
    case UDMAR_DEFECT_SHORT_HEAD:
        return "the bytes are ignored; the structures in front of them are used";
    case UDMAR_DEFECT_LENGTH_ZERO:
    case UDMAR_DEFECT_PAST_END:
        return "it and everything behind it is lost: units and reserved memory may be missing, "
               "and their devices are not protected or fault";
    case UDMAR_DEFECT_TOO_SHORT:
    case UDMAR_DEFECT_SCOPE_LENGTH:
    case UDMAR_DEFECT_DRHD_END:
        return "the structure is left out, and if it is a unit, devices that no other unit names "
               "may be its own: they are not protected; Linux turns DMA remapping off altogether";
    case UDMAR_DEFECT_DRHD_BASE:
    case UDMAR_DEFECT_DRHD_WIDTH:
        return "the unit cannot be reached: its devices are neither translated nor stopped; Linux "
               "turns DMA remapping off altogether";
    case UDMAR_DEFECT_DRHD_SEGMENT:
        return "the later one is left out: whether its devices are translated, and by what, is not "
               "known";
    case UDMAR_DEFECT_RMRR_ORDER:
    case UDMAR_DEFECT_RMRR_SIZE:
        return "the region is left out: its devices fault when they use that memory";
    default:
        return "the structure is left out; devices that refer to it are known by number only";
    }
}

static const char *defect_consequence(enum udmar_defect_kind kind)
{
    switch (kind) {
    case UDMAR_DEFECT_UNKNOWN_TYPE:
        return "skipped, as the specification asks; it may be newer than this program";
    case UDMAR_DEFECT_TYPE_ORDER:
        return "none here; drivers that rely on the order may miss it";
    case UDMAR_DEFECT_RMRR_ALIGNMENT:
        return "rounded outward: the devices reach a little more memory than was meant; Linux "
               "reports a broken BIOS";
    case UDMAR_DEFECT_RMRR_OVERLAP:
        return "both are used; Xen refuses the table";
    case UDMAR_DEFECT_RMRR_WIDTH:
        return "memory cannot be there: the part above is of no use, or the width is wrong";
    case UDMAR_DEFECT_INCLUDE_ALL_TWICE:
        return "the first one gets all devices that nobody names; the second one only those it "
               "names";
    case UDMAR_DEFECT_INCLUDE_ALL_ORDER:
        return "none here; drivers that take the first fit give all devices to the wrong unit";
    case UDMAR_DEFECT_SCOPE_TYPE:
        return "no device is taken to be meant; one that the path of a unit's scope leads to is "
               "not translated";
    case UDMAR_DEFECT_SCOPE_PATH:
        return "the scope matches no device; a unit with such a scope is left out, and devices "
               "that no other unit names may be its own: they are not protected";
    case UDMAR_DEFECT_DRHD_DUPLICATE:
        return "none here: it is one unit, with the scopes of both";
    case UDMAR_DEFECT_DRHD_COPY:
        return "none";
    case UDMAR_DEFECT_SCOPE_TWICE:
        return "the earlier unit has it; if that is wrong, the device is not protected";
    case UDMAR_DEFECT_NO_SCOPE:
        return "no device is behind it, as far as this table says";
    case UDMAR_DEFECT_RHSA_UNKNOWN:
        return "ignored: a unit's tables may lie on a far memory node";
    case UDMAR_DEFECT_NAMESPACE_UNKNOWN:
        return "the device is known by its requester id only";
    case UDMAR_DEFECT_TRAILING:
        return "the rest is ignored";
    default:
        return loss_consequence(kind);
    }
}

/* The part of the library's sentence in front of ": ", which says what is wrong. */
static void say_defect(struct finding *finding, const struct udmar_defect *defect)
{
    const char *sentence = udmar_defect_string(defect->kind);
    const char *colon = strstr(sentence, ": ");
    int length = colon != NULL ? (int)(colon - sentence) : (int)strlen(sentence);
    uint64_t value = defect->value;

    switch (defect->kind) {
    case UDMAR_DEFECT_SCOPE_PATH:
        say(finding, "%.*s (%02x.%x)", length, sentence, (unsigned)(value >> 8) & 0xff,
            (unsigned)value & 0xff);
        break;
    case UDMAR_DEFECT_SCOPE_TWICE:
        say(finding, "%.*s (unit at 0x%" PRIx64 ")", length, sentence, value);
        break;
    case UDMAR_DEFECT_TRAILING:
        say(finding, "%" PRIu64 " bytes follow the table", value - defect->offset);
        break;
    case UDMAR_DEFECT_SHORT_HEAD:
    case UDMAR_DEFECT_LENGTH_ZERO:
    case UDMAR_DEFECT_PAST_END:
    case UDMAR_DEFECT_TOO_SHORT:
    case UDMAR_DEFECT_SCOPE_LENGTH:
    case UDMAR_DEFECT_ANDD_STRING:
        say(finding, "%.*s (%" PRIu64 " bytes)", length, sentence, value);
        break;
    case UDMAR_DEFECT_DRHD_COPY:
        say(finding, "%" PRIu64 " of the units are listed again, byte for byte", value);
        break;
    case UDMAR_DEFECT_TYPE_ORDER:
    case UDMAR_DEFECT_UNKNOWN_TYPE:
    case UDMAR_DEFECT_SCOPE_TYPE:
    case UDMAR_DEFECT_NAMESPACE_UNKNOWN:
        say(finding, "%.*s (%" PRIu64 ")", length, sentence, value);
        break;
    default:
        say(finding, "%.*s (0x%" PRIx64 ")", length, sentence, value);
        break;
    }
}

static void take_defect(void *context, const struct udmar_defect *defect)
{
    /* Where a structure's head is not there whole, its type is nothing to go by. */
    bool typed = defect->structure_type != 0xffff;
    struct finding *finding = add(context, defect->loses_entry, defect->offset,
                                  typed ? udmar_entry_name(defect->structure_type) : "table",
                                  defect_consequence(defect->kind));

    say_defect(finding, defect);
}

/* ---- the table as a whole -------------------------------------------------------------------- */

static void check_header(struct table_view *view)
{
    const struct table_found *found = view->found;
    uint8_t flags = found->table.flags;
    char text[120];

    switch (found->status) {
    case UDMAR_OK:
        break;
    case UDMAR_ERR_CHECKSUM:
        say(add(view, true, AT_CHECKSUM, "header",
                "an ACPI layer refuses the whole table: no DMA remapping; read on with care"),
            "%s", table_status_text(found, text));
        break;
    default:
        say(add(view, true,
                found->status == UDMAR_ERR_WIDTH       ? AT_WIDTH
                : found->status == UDMAR_ERR_TRUNCATED ? AT_LENGTH
                                                       : 0,
                "header", "the whole table cannot be used: no DMA remapping"),
            "%s", table_status_text(found, text));
        return;
    }
    if ((flags & UDMAR_TABLE_X2APIC_OPT_OUT) != 0 && (flags & UDMAR_TABLE_INTR_REMAP) == 0)
        say(add(view, false, AT_FLAGS, "header", "the wish means nothing and is ignored"),
            "asks not to use x2APIC, but offers no interrupt remapping");
    if ((flags & ~KNOWN_FLAGS) != 0)
        say(add(view, false, AT_FLAGS, "header", "ignored; they may be newer than this program"),
            "reserved flags are set (0x%02x)", flags & ~KNOWN_FLAGS);
}

static bool names_ioapic(const struct table_view *view)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        struct udmar_scope scope = { 0 };

        while (entry->type == UDMAR_ENTRY_DRHD &&
               udmar_entry_next_scope(&view->found->table, entry, &scope)) {
            if (scope.type == UDMAR_SCOPE_IOAPIC)
                return true;
        }
    }
    return false;
}

static void check_whole(struct table_view *view)
{
    if (view->unit_count == 0) {
        say(add(view, true, 48, "table", "no DMA remapping on this machine"),
            "there is no usable remapping unit");
        return;
    }
    if ((view->found->table.flags & UDMAR_TABLE_INTR_REMAP) != 0 && !names_ioapic(view))
        say(add(view, false, AT_FLAGS, "header",
                "interrupts of IOAPICs cannot be told apart: interrupt remapping stays off"),
            "offers interrupt remapping, but no unit lists an IOAPIC");
}

static void check_regions(struct table_view *view)
{
    const struct udmar_entry *entry = NULL;

    while ((entry = table_view_next(view, entry)) != NULL) {
        if (entry->type == UDMAR_ENTRY_RMRR && entry->scopes_offset == entry->length)
            say(add(view, false, entry->offset, "RMRR",
                    "nobody gets the memory: whatever device it is for faults"),
                "reserved memory 0x%" PRIx64 "-0x%" PRIx64 " names no device", entry->u.rmrr.base,
                entry->u.rmrr.limit);
    }
}

/* ---- the table and the machine --------------------------------------------------------------- */

static void check_scope(struct table_view *view, const struct udmar_entry *entry,
                        const struct udmar_scope *scope)
{
    bool pci = scope->type == UDMAR_SCOPE_ENDPOINT || scope->type == UDMAR_SCOPE_BRIDGE;
    const char *where = udmar_entry_name(entry->type);
    const struct pci_function *function;
    char path[64];
    udmar_rid_t rid;

    scope_path_text(udmar_entry_segment(entry), scope, path);
    if (!table_view_scope(view, entry, scope, &rid)) {
        /* The library has told of pairs that cannot be. */
        for (unsigned hop = 0; hop < scope->hops; hop++) {
            if (scope->path[2 * hop] > 31 || scope->path[2 * hop + 1] > 7)
                return;
        }
        say(add(view, false, scope->offset, where,
                "the scope matches no device; firmware numbered the buses in another way, or the "
                "device is not plugged in"),
            "the path %s leads through something that is no bridge", path);
        return;
    }
    function = pci_find(view->machine, udmar_entry_segment(entry), rid);
    if (!pci || function == NULL)
        return;
    if (scope->type == UDMAR_SCOPE_BRIDGE && !function->bridge && function->has_ids)
        say(add(view, false, scope->offset, where,
                "taken as that one device; Linux warns, unless it is of a bridge class"),
            "%s is listed as a bridge, but is none", path);
    if (scope->type == UDMAR_SCOPE_ENDPOINT && function->bridge)
        say(add(view, false, scope->offset, where,
                "only the bridge itself is meant: devices behind it go elsewhere"),
            "%s is listed as an endpoint, but is a bridge", path);
}

static void check_machine(struct table_view *view)
{
    const struct udmar_entry *entry = NULL;
    size_t orphans = 0, first = 0;
    char address[16];

    while ((entry = table_view_next(view, entry)) != NULL) {
        struct udmar_scope scope = { 0 };

        while (udmar_entry_next_scope(&view->found->table, entry, &scope))
            check_scope(view, entry, &scope);
    }
    for (size_t i = 0; i < view->machine->count; i++) {
        if (view->placements[i].unit == NO_UNIT && orphans++ == 0)
            first = i;
    }
    if (orphans == 0)
        return;
    pci_address(view->placements[first].segment, view->placements[first].rid, address);
    say(add(view, false, 48, "table",
            "DMA of these devices is neither translated nor stopped: never give them away"),
        "%zu of %zu PCI functions are in no unit that is known and can be used, the first is %s",
        orphans, view->machine->count, address);
}

/* Of one offset the serious ones come first; the rest only has to be the same every time. */
static int compare(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->serious != y->serious ? (x->serious ? -1 : 1) : strcmp(x->meaning, y->meaning);
}

void table_view_check(struct table_view *view)
{
    check_header(view);
    /* A table that could not be opened has nothing more to look at. */
    if (view->found->table.bytes == NULL)
        return;
    udmar_table_check(&view->found->table, take_defect, view);
    check_whole(view);
    check_regions(view);
    if (view->machine != NULL && view->unit_count > 0)
        check_machine(view);
    if (view->finding_count > 1)
        qsort(view->findings, view->finding_count, sizeof(*view->findings), compare);
}
