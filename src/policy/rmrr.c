/* SPDX-License-Identifier: BSD-2-Clause */
/* Reserved memory regions: what firmware has devices read and write behind our back [VTD 8.4]. */
#include "base/text.h"
#include "policy/instance.h"

/* The next RMRR that names the device; @entry as for udmar_table_next(). */
static bool next_rmrr(struct udmar_device *device, struct udmar_entry *entry)
{
    struct udmar *instance = device->instance;
    struct udmar_bus_reader reader = udmar__bus_reader(instance);

    if (!instance->tunables.rmrr_enable) {
        return false;
    }
    while (udmar_table_next(&instance->table, entry)) {
        if (entry->type == UDMAR_ENTRY_RMRR &&
            udmar_entry_match(&instance->table, entry, &reader, device->segment, device->rid,
                              NULL) != UDMAR_MATCH_NONE) {
            return true;
        }
    }
    return false;
}

/* Firmware does not always say whole pages; the rest of a page cannot be kept out anyway. */
static void round_outward(const struct udmar_entry *entry, udmar_paddr_t *out_base,
                          uint64_t *out_size)
{
    udmar_paddr_t base = udmar__align_down(entry->u.rmrr.base, UDMAR_PAGE_SIZE);

    *out_base = base;
    *out_size = (entry->u.rmrr.limit | UDMAR_PAGE_MASK) - base + 1;
}

udmar_paddr_t udmar__rmrr_limit(struct udmar_device *device, unsigned *out_count)
{
    struct udmar_entry entry = { 0 };
    udmar_paddr_t limit = 0;

    *out_count = 0;
    while (next_rmrr(device, &entry)) {
        ++*out_count;
        limit = udmar__max(limit, entry.u.rmrr.limit | UDMAR_PAGE_MASK);
    }
    return limit;
}

enum udmar_status udmar__rmrr_map(struct udmar_device *device, struct udmar_domain *domain)
{
    struct udmar_entry entry = { 0 };
    enum udmar_status status = UDMAR_OK;

    if (domain->pass_through) {
        return UDMAR_OK;
    }
    while (status == UDMAR_OK && next_rmrr(device, &entry)) {
        udmar_paddr_t base;
        uint64_t size;

        round_outward(&entry, &base, &size);
        if (!domain->identity) {
            status = udmar__domain_reserve(domain, base, size, UDMAR_RANGE_FIRMWARE);
        }
        if (status == UDMAR_OK) {
            status = udmar__identity_map(domain, base, size);
        }
        if (status != UDMAR_OK) {
            udmar__log(device->instance->host, UDMAR_LOG_ERROR,
                       "RMRR %llx-%llx of %02x:%02x.%u cannot be mapped: %s",
                       (unsigned long long)entry.u.rmrr.base,
                       (unsigned long long)entry.u.rmrr.limit, UDMAR_RID_BUS(device->rid),
                       UDMAR_RID_DEVICE(device->rid), UDMAR_RID_FUNCTION(device->rid),
                       udmar_status_string(status));
        }
    }
    return status;
}

static void attach_one(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    struct udmar_device *device = udmar_device_find(instance, segment, rid);
    enum udmar_status status = UDMAR_OK;

    if (device == NULL || device->rid != rid) {
        status = udmar__device_add(instance, segment, rid, &device);
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "device %04x:%02x:%02x.%u uses memory reserved by firmware (RMRR) and will lose "
                   "it: %s",
                   segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid),
                   udmar_status_string(status));
    }
}

/* A bridge scope means everything below it that is there. */
static void attach_below(struct udmar *instance, uint16_t segment, uint8_t secondary,
                         uint8_t subordinate)
{
    if (secondary == 0 || subordinate < secondary) {
        return;
    }
    for (unsigned bus = secondary; bus <= subordinate; bus++) {
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            udmar_rid_t rid = (udmar_rid_t)(bus << 8 | devfn);

            if (udmar_host_pci_read32(instance->host, segment, rid, 0) != UINT32_MAX) {
                attach_one(instance, segment, rid);
            }
        }
    }
}

static void attach_scope(struct udmar *instance, const struct udmar_scope *scope, uint16_t segment)
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
                   scope->offset);
        return;
    }
    /* Also a device that cannot be seen: firmware may have hidden it, and it may do DMA. */
    attach_one(instance, segment, rid);
    if (scope->type == UDMAR_SCOPE_BRIDGE &&
        reader.bridge(reader.context, segment, rid, &secondary, &subordinate)) {
        attach_below(instance, segment, secondary, subordinate);
    }
}

void udmar__rmrr_attach_all(struct udmar *instance)
{
    struct udmar_entry entry = { 0 };

    if (!instance->tunables.rmrr_enable) {
        return;
    }
    while (udmar_table_next(&instance->table, &entry)) {
        struct udmar_scope scope = { 0 };

        while (entry.type == UDMAR_ENTRY_RMRR &&
               udmar_entry_next_scope(&instance->table, &entry, &scope)) {
            attach_scope(instance, &scope, entry.u.rmrr.segment);
        }
    }
}
