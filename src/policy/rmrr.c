/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved memory regions: what firmware has devices read and write behind our back [VTD 8.4]. */
#include "base/text.h"
#include "policy/instance.h"
#include "mapping/cpu_cache.h"

/* No page table holds more address bits than these. */
#define MOST_WIDTH 52u

bool udmar__rmrr_extent(const struct udmar *instance, const struct udmar_entry *entry,
                        udmar_paddr_t *out_first, udmar_paddr_t *out_last)
{
    unsigned width = (unsigned)udmar__min(instance->table.host_width, MOST_WIDTH);
    udmar_paddr_t highest = (UINT64_C(1) << width) - 1;

    /* Firmware does not always say whole pages; the rest of a page cannot be kept out anyway. */
    *out_first = udmar__align_down(entry->u.rmrr.base, UDMAR_PAGE_SIZE);
    *out_last = udmar__min(entry->u.rmrr.limit | UDMAR_PAGE_MASK, highest);
    return entry->u.rmrr.base <= highest;
}

/* The last address that the device's unit can translate. */
static udmar_iova_t rmrr_reach(const struct udmar_device *device)
{
    const struct udmar_unit_facts *facts = &device->unit_record->unit->facts;
    unsigned width = 30 + 9 * udmar__log2(facts->widths);

    return (UINT64_C(1) << udmar__min(width, facts->guest_width)) - 1;
}

/*
 * Emulex be3 adapters: firmware names functions 0 to 3, and functions 4 to 7, the storage side of
 * the same ports, use the same memory.
 */
static bool is_storage_of_be3(struct udmar_device *device)
{
    static const uint32_t be3[] = { 0x070019a2, 0x071019a2, 0x071219a2,
                                    0x071419a2, 0xe22010df, 0xe22810df };
    uint32_t id = udmar__pci_config(device->instance, device->segment, device->rid, PCI_IDS);

    for (size_t i = 0; i < sizeof(be3) / sizeof(be3[0]); i++) {
        if (be3[i] == id) {
            return UDMAR_RID_FUNCTION(device->rid) >= 4;
        }
    }
    return false;
}

static bool is_named(struct udmar_device *device, const struct udmar_entry *entry, udmar_rid_t rid)
{
    struct udmar_bus_reader reader = udmar__bus_reader(device->instance);

    return udmar_entry_match(&device->instance->table, entry, &reader, device->segment, rid,
                             NULL) != UDMAR_MATCH_NONE;
}

static bool is_own(struct udmar_device *device, const struct udmar_entry *entry)
{
    return is_named(device, entry, device->rid) ||
           (is_storage_of_be3(device) && is_named(device, entry, device->rid - 4));
}

/* Does it name a function, there or not, whose requests cannot be told from the device's? */
static bool is_of_kin(struct udmar_device *device, const struct udmar_entry *entry)
{
    struct udmar *instance = device->instance;
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar_scope scope = { 0 };
    struct udmar__ids ids;
    udmar_rid_t rid;

    while (entry->u.rmrr.segment == device->ids.segment &&
           udmar_entry_next_scope(&instance->table, entry, &scope)) {
        if (scope.type != UDMAR_SCOPE_IOAPIC && scope.type != UDMAR_SCOPE_HPET &&
            udmar_scope_resolve(&scope, entry->u.rmrr.segment, &reader, &rid) == UDMAR_OK &&
            udmar__ids_collect(instance, entry->u.rmrr.segment, rid, &ids) == UDMAR_OK &&
            udmar__ids_meet(&device->ids, &ids, &rid)) {
            return true;
        }
    }
    return false;
}

/*
 * The next RMRR that the device's domain must have: its own, and those of functions that send the
 * same ids, so that nothing else lies there when those appear. @entry as for udmar_table_next().
 */
static bool next_rmrr(struct udmar_device *device, struct udmar_entry *entry, bool *out_own)
{
    struct udmar *instance = device->instance;

    while (instance->tunables.rmrr_enable && udmar_table_next(&instance->table, entry)) {
        if (entry->type == UDMAR_ENTRY_RMRR) {
            *out_own = is_own(device, entry);
            if (*out_own || is_of_kin(device, entry)) {
                return true;
            }
        }
    }
    return false;
}

udmar_paddr_t udmar__rmrr_limit(struct udmar_device *device, unsigned *out_count)
{
    struct udmar_entry entry = { 0 };
    udmar_paddr_t limit = 0;
    udmar_paddr_t first;
    udmar_paddr_t last;
    bool own;

    *out_count = 0;
    while (next_rmrr(device, &entry, &own)) {
        if (udmar__rmrr_extent(device->instance, &entry, &first, &last) &&
            last <= rmrr_reach(device)) {
            *out_count += own;
            limit = udmar__max(limit, last);
        }
    }
    return limit;
}

static enum udmar_status reserve_rmrr(struct udmar_domain *domain, udmar_paddr_t first,
                                      udmar_paddr_t last)
{
    enum udmar_status status =
        udmar__domain_reserve(domain, first, last - first + 1, UDMAR_RANGE_FIRMWARE);

    if (status == UDMAR_ERR_EXISTS) {
        /* What lies there may be nothing but caches. */
        udmar__cpu_caches_trim(domain);
        status = udmar__domain_reserve(domain, first, last - first + 1, UDMAR_RANGE_FIRMWARE);
    }
    return status;
}

static enum udmar_status map_rmrr(struct udmar_domain *domain, udmar_paddr_t first,
                                  udmar_paddr_t last)
{
    enum udmar_status status = UDMAR_OK;

    if (last > domain->end || !udmar__identity_possible(domain, first, last - first + 1)) {
        return UDMAR_ERR_RMRR;
    }
    if (!domain->identity) {
        status = reserve_rmrr(domain, first, last);
    }
    if (status == UDMAR_OK) {
        status = udmar__identity_map(domain, first, last - first + 1);
    }
    return status == UDMAR_ERR_EXISTS ? UDMAR_ERR_RMRR : status;
}

static void log_rmrr(struct udmar_device *device, const struct udmar_entry *entry, const char *what)
{
    char label[64];

    udmar__log(device->instance->host, UDMAR_LOG_ERROR, "RMRR %llx-%llx of %s: %s",
               (unsigned long long)entry->u.rmrr.base, (unsigned long long)entry->u.rmrr.limit,
               udmar__device_label(device, label), what);
}

/* What is said of a structure whose memory cannot be there, or cannot all be. */
static bool is_possible(struct udmar_device *device, const struct udmar_entry *entry,
                        udmar_paddr_t *out_first, udmar_paddr_t *out_last)
{
    if (!udmar__rmrr_extent(device->instance, entry, out_first, out_last)) {
        log_rmrr(device, entry, "this machine has no such addresses: ignored");
        return false;
    }
    if (*out_last < entry->u.rmrr.limit) {
        log_rmrr(device, entry, "this machine has not all of these addresses: cut");
    }
    if (*out_last > rmrr_reach(device)) {
        log_rmrr(device, entry,
                 "its unit cannot translate so high addresses: ignored, DMA there is "
                 "blocked");
        return false;
    }
    return true;
}

enum udmar_status udmar__rmrr_map(struct udmar_device *device, struct udmar_domain *domain)
{
    struct udmar_entry entry = { 0 };
    enum udmar_status status = UDMAR_OK;
    udmar_paddr_t first;
    udmar_paddr_t last;
    bool own;

    if (domain->pass_through) {
        return UDMAR_OK;
    }
    while (status == UDMAR_OK && next_rmrr(device, &entry, &own)) {
        if (is_possible(device, &entry, &first, &last)) {
            status = map_rmrr(domain, first, last);
        }
        if (status == UDMAR_ERR_RMRR) {
            log_rmrr(device, &entry,
                     "it must see this memory at its own addresses, and the domain that it has to "
                     "share has handed them out already");
        } else if (status != UDMAR_OK) {
            log_rmrr(device, &entry, udmar_status_string(status));
        }
    }
    return status;
}

/* A bridge scope means everything below it that is there. */
static void visit_below(struct udmar *instance, uint16_t segment, uint8_t secondary,
                        uint8_t subordinate, udmar__rmrr_visit *visit)
{
    if (secondary == 0 || subordinate < secondary) {
        return;
    }
    for (unsigned bus = secondary; bus <= subordinate; bus++) {
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            udmar_rid_t rid = (udmar_rid_t)(bus << 8 | devfn);

            if (udmar_host_pci_read32(instance->host, segment, rid, 0) != UINT32_MAX) {
                visit(instance, segment, rid);
            }
        }
    }
}

static void visit_scope(struct udmar *instance, const struct udmar_scope *scope, uint16_t segment,
                        udmar__rmrr_visit *visit)
{
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    uint8_t secondary;
    uint8_t subordinate;
    udmar_rid_t rid;

    if (scope->type != UDMAR_SCOPE_ENDPOINT && scope->type != UDMAR_SCOPE_BRIDGE &&
        scope->type != UDMAR_SCOPE_NAMESPACE) {
        return;
    }
    if (udmar_scope_resolve(scope, segment, &reader, &rid) != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "table offset 0x%x: the path of an RMRR's device leads nowhere; ignored",
                   (unsigned)scope->offset);
        return;
    }
    /* Also a device that cannot be seen: firmware may have hidden it, and it may do DMA. */
    visit(instance, segment, rid);
    if (scope->type == UDMAR_SCOPE_BRIDGE &&
        reader.bridge(reader.context, segment, rid, &secondary, &subordinate)) {
        visit_below(instance, segment, secondary, subordinate, visit);
    }
}

void udmar__rmrr_visit_devices(struct udmar *instance, udmar__rmrr_visit *visit)
{
    struct udmar_entry entry = { 0 };

    if (!instance->tunables.rmrr_enable) {
        return;
    }
    while (udmar_table_next(&instance->table, &entry)) {
        struct udmar_scope scope = { 0 };

        while (entry.type == UDMAR_ENTRY_RMRR &&
               udmar_entry_next_scope(&instance->table, &entry, &scope)) {
            visit_scope(instance, &scope, entry.u.rmrr.segment, visit);
        }
    }
}
