/* SPDX-License-Identifier: BSD-2-Clause */
/* Units: from the table's DRHDs to records, with the quirks of the machine. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"
#include "table/parse.h"

#define GGC_MEMORY_FOR_VTD (UINT32_C(1) << 27) /* bit 11 of the 16-bit register at 0x52 */

/* ---- Looking for them ------------------------------------------------------------------------ */

struct udmar__unit_record *udmar__unit_at(const struct udmar *instance, unsigned index)
{
    struct udmar__unit_record *record = instance->units;

    while (record != NULL && record->unit->index != index) {
        record = record->next;
    }
    return record;
}

static struct udmar__unit_record *find_base(struct udmar__unit_record *record, udmar_paddr_t base)
{
    while (record != NULL && record->unit->base != base) {
        record = record->next;
    }
    return record;
}

struct udmar__unit_record *udmar__unit_of(const struct udmar *instance,
                                          const struct udmar_entry *drhd)
{
    return find_base(instance->units, drhd->u.drhd.base);
}

/* ---- What is known of one from the table ----------------------------------------------------- */

/* What the DRHDs of one unit say together. */
struct said {
    bool include_all;
    unsigned devices;
    bool display; /* the integrated one, 00:02.0, is among them */
};

static void add_scopes(struct udmar *instance, const struct udmar_entry *drhd, struct said *said)
{
    struct udmar_scope scope = { 0 };

    while (udmar_entry_next_scope(&instance->table, drhd, &scope)) {
        udmar_rid_t rid;

        if (scope.type != UDMAR_SCOPE_ENDPOINT && scope.type != UDMAR_SCOPE_BRIDGE) {
            continue;
        }
        if (scope.hops == 1 && udmar_scope_resolve(&scope, 0, NULL, &rid) == UDMAR_OK &&
            rid == UDMAR_RID(0, 2, 0)) {
            /* Two structures may name it for one unit. */
            said->devices += !said->display;
            said->display = true;
        } else {
            said->devices++;
        }
    }
}

static struct said read_unit(struct udmar *instance, const struct udmar_entry *first)
{
    struct udmar_entry entry = *first;
    struct said said = { 0 };

    do {
        if (entry.type == UDMAR_ENTRY_DRHD && entry.u.drhd.base == first->u.drhd.base &&
            entry.u.drhd.segment == first->u.drhd.segment) {
            said.include_all = said.include_all || entry.u.drhd.include_all;
            add_scopes(instance, &entry, &said);
        }
    } while (udmar__next_sound(&instance->table, &entry));
    return said;
}

static bool serves_graphics_only(const struct said *said, uint16_t segment)
{
    return segment == 0 && !said->include_all && said->devices == 1 && said->display;
}

static void find_quirks(struct udmar *instance, uint32_t cpu)
{
    void *host = instance->host;
    uint8_t revision = (uint8_t)udmar_host_pci_read32(host, 0, 0, 8);

    instance->quirks =
        udmar__quirks_find(udmar_host_pci_read32(host, 0, 0, 0), revision,
                           udmar_host_pci_read32(host, 0, UDMAR_RID(0, 2, 0), 0), cpu);
    if ((instance->quirks & QUIRK_GRAPHICS_STRICT) &&
        (udmar_host_pci_read32(host, 0, 0, 0x50) & GGC_MEMORY_FOR_VTD) == 0) {
        /* Ironlake needs memory of its own for translated graphics, and firmware gave none. */
        instance->quirks |= QUIRK_GRAPHICS_OFF;
    }
    for (unsigned bit = 1; bit <= QUIRK_NO_INTERRUPTS; bit <<= 1) {
        if (instance->quirks & bit) {
            udmar__log(host, UDMAR_LOG_INFO, "this machine needs a quirk: %s",
                       udmar__quirk_name(bit));
        }
    }
}

static void describe_unit(struct udmar *instance, const struct udmar__unit_record *record)
{
    const struct udmar_unit_facts *facts = &record->unit->facts;

    udmar__log(
        instance->host, UDMAR_LOG_INFO,
        "unit %u: registers at 0x%llx, version %u.%u, segment %u%s; %u domain ids, guest "
        "addresses of %u bits, tables of%s%s%s%s bits",
        record->unit->index, (unsigned long long)record->unit->base,
        (unsigned)(facts->version >> 4) & 0xf, (unsigned)facts->version & 0xf,
        record->unit->segment, record->include_all ? ", all devices not named elsewhere" : "",
        (unsigned)facts->domain_ids, facts->guest_width,
        facts->widths & UDMAR_WIDTH_30 ? " 30" : "", facts->widths & UDMAR_WIDTH_39 ? " 39" : "",
        facts->widths & UDMAR_WIDTH_48 ? " 48" : "", facts->widths & UDMAR_WIDTH_57 ? " 57" : "");
    udmar__log(instance->host, UDMAR_LOG_INFO, "unit %u: %s%s%s%s%s%s%s%s%s", record->unit->index,
               facts->superpages & UDMAR_SUPERPAGE_2M ? "2M pages, " : "",
               facts->superpages & UDMAR_SUPERPAGE_1G ? "1G pages, " : "",
               facts->queued ? "queue, " : "registers only, ",
               facts->page_selective ? "page-selective invalidation, " : "",
               facts->pass_through ? "pass-through, " : "",
               facts->coherent ? "coherent walks, " : "walks that need cache flushes, ",
               facts->write_buffer ? "write buffer, " : "",
               facts->caching_mode ? "caching mode, " : "",
               facts->interrupt_remap ? "interrupt remapping" : "no interrupt remapping");
}

/* ---- Making them ----------------------------------------------------------------------------- */

static struct udmar__unit_record *make_record(struct udmar *instance,
                                              const struct udmar_entry *drhd, unsigned index,
                                              enum udmar_status *out_status,
                                              const char **out_reason)
{
    size_t firmware_size = (size_t)UDMAR_PAGE_SIZE << (drhd->u.drhd.size_exponent & 3);
    struct udmar__unit_record *record = udmar_host_alloc(instance->host, sizeof(*record));
    struct said said = read_unit(instance, drhd);

    *out_reason = "no memory";
    *out_status = UDMAR_ERR_MEMORY;
    if (record == NULL) {
        return NULL;
    }
    *out_status =
        udmar__unit_create(instance->host,
                           &(struct udmar__unit_config){
                               .index = index,
                               .segment = drhd->u.drhd.segment,
                               .base = drhd->u.drhd.base,
                               .firmware_size = firmware_size,
                               .timeout_ns = instance->tunables.timeout_ns,
                               .kept = instance->keep_interrupts ? GCMD_IRE | GCMD_CFI : 0,
                           },
                           &record->unit, out_reason);
    if (*out_status != UDMAR_OK) {
        udmar_host_free(instance->host, record, sizeof(*record));
        return NULL;
    }
    udmar__quirks_apply(instance->quirks, &record->unit->facts);
    record->instance = instance;
    record->include_all = said.include_all;
    record->graphics_only = serves_graphics_only(&said, drhd->u.drhd.segment);
    record->quirks = instance->quirks;
    return record;
}

static void free_record(struct udmar *instance, struct udmar__unit_record *record)
{
    /* A unit that may still use the tables keeps them for ever. */
    if (!udmar__knows_tables(record->unit)) {
        udmar__root_destroy(record->unit);
    }
    udmar__unit_destroy(record->unit);
    udmar_host_free(instance->host, record, sizeof(*record));
}

static void append_record(struct udmar__unit_record **list, struct udmar__unit_record *record)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = record;
}

/* Not used, but start looks at what firmware has left on in it. */
static void leave_out(struct udmar *instance, struct udmar__unit_record *record, const char *why)
{
    udmar__log(instance->host, UDMAR_LOG_WARN, "unit at 0x%llx left out: %s",
               (unsigned long long)record->unit->base, why);
    append_record(&instance->left_out, record);
}

static void add_unit(struct udmar *instance, const struct udmar_entry *drhd)
{
    enum udmar_status status;
    const char *reason;
    struct udmar__unit_record *record =
        make_record(instance, drhd, instance->unit_count, &status, &reason);

    if (record != NULL && record->graphics_only && (instance->quirks & QUIRK_GRAPHICS_OFF)) {
        leave_out(instance, record, udmar__quirk_name(QUIRK_GRAPHICS_OFF));
        return;
    }
    if (record != NULL) {
        status = udmar__root_create(record->unit);
        reason = "no memory for its root table";
        if (status != UDMAR_OK) {
            udmar__unit_tell_left_on(record->unit);
            free_record(instance, record);
        }
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR, "unit at 0x%llx left out: %s (%s)",
                   (unsigned long long)drhd->u.drhd.base, reason, udmar_status_string(status));
        return;
    }
    append_record(&instance->units, record);
    instance->unit_count++;
    describe_unit(instance, record);
}

/* Units whose registers are known, but not their devices. */
static void leave_out_damaged(struct udmar *instance)
{
    uint32_t offset = UDMAR__HEADER_SIZE;
    struct udmar_entry entry;
    struct udmar__unit_record *record;
    enum udmar_status status;
    const char *reason;

    while (udmar__head_at(&instance->table, offset, &entry) == UDMAR_DEFECT_NONE) {
        enum udmar_defect_kind kind;

        offset += entry.length;
        if (entry.type != UDMAR_ENTRY_DRHD ||
            udmar__decode(&instance->table, &entry) != UDMAR_DEFECT_NONE) {
            continue;
        }
        kind = udmar_entry_defect(&instance->table, &entry);
        if ((kind != UDMAR_DEFECT_SCOPE_LENGTH && kind != UDMAR_DEFECT_SCOPE_PATH &&
             kind != UDMAR_DEFECT_DRHD_END) ||
            find_base(instance->units, entry.u.drhd.base) != NULL ||
            find_base(instance->left_out, entry.u.drhd.base) != NULL) {
            continue;
        }
        record = make_record(instance, &entry, UINT32_MAX, &status, &reason);
        if (record != NULL) {
            leave_out(instance, record, "its list of devices is damaged");
        }
    }
}

bool udmar__units_complete(const struct udmar *instance)
{
    uint32_t offset = UDMAR__HEADER_SIZE;
    enum udmar_defect_kind defect;
    struct udmar_entry entry;

    while ((defect = udmar__head_at(&instance->table, offset, &entry)) == UDMAR_DEFECT_NONE) {
        offset += entry.length;
        if (entry.type == UDMAR_ENTRY_DRHD &&
            (udmar__decode(&instance->table, &entry) != UDMAR_DEFECT_NONE ||
             find_base(instance->units, entry.u.drhd.base) == NULL)) {
            return false;
        }
    }
    /* What stands behind the end of what can be read may be one more. */
    return defect == UDMAR_DEFECT_SHORT_HEAD;
}

enum udmar_status udmar__units_create(struct udmar *instance, uint32_t cpu)
{
    struct udmar_entry entry = { 0 };

    find_quirks(instance, cpu);
    while (udmar_table_next(&instance->table, &entry)) {
        if (entry.type == UDMAR_ENTRY_DRHD && !udmar_drhd_repeats(&instance->table, &entry, NULL)) {
            add_unit(instance, &entry);
        }
    }
    leave_out_damaged(instance);
    return instance->unit_count > 0 ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

static void destroy_list(struct udmar *instance, struct udmar__unit_record *record)
{
    while (record != NULL) {
        struct udmar__unit_record *next = record->next;

        free_record(instance, record);
        record = next;
    }
}

void udmar__units_destroy(struct udmar *instance)
{
    destroy_list(instance, instance->units);
    destroy_list(instance, instance->left_out);
}
