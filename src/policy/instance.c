/* SPDX-License-Identifier: BSD-2-Clause */
/* Instances: from table bytes to units, and back to nothing. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/cache.h"
#include "space/context.h"

#define DEFAULT_FAULT_LOG    256u
#define MOST_CPUS            4096u
#define DEFAULT_WINDOW_LIMIT (UINT64_C(8) << 20)

#define GGC_MEMORY_FOR_VTD (UINT32_C(1) << 27) /* bit 11 of the 16-bit register at 0x52 */

static void report_defect(void *context, const struct udmar_defect *defect)
{
    struct udmar *instance = context;

    udmar__log(instance->host, defect->loses_entry ? UDMAR_LOG_ERROR : UDMAR_LOG_WARN,
               "firmware table, offset 0x%x (%s): %s (0x%llx)", defect->offset,
               defect->structure_type == 0xffff ? "header"
                                                : udmar_entry_name(defect->structure_type),
               udmar_defect_string(defect->kind), (unsigned long long)defect->value);
}

/* Does the unit serve the integrated display, 00:02.0, and nothing else? */
static bool serves_graphics_only(struct udmar *instance, const struct udmar_entry *drhd)
{
    struct udmar_scope scope = { 0 };
    unsigned devices = 0;
    bool display = false;

    while (udmar_entry_next_scope(&instance->table, drhd, &scope)) {
        udmar_rid_t rid;

        if (scope.type != UDMAR_SCOPE_ENDPOINT && scope.type != UDMAR_SCOPE_BRIDGE) {
            continue;
        }
        devices++;
        display = scope.hops == 1 && udmar_scope_resolve(&scope, 0, NULL, &rid) == UDMAR_OK &&
                  rid == UDMAR_RID(0, 2, 0);
    }
    return drhd->u.drhd.segment == 0 && !drhd->u.drhd.include_all && devices == 1 && display;
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
    for (unsigned bit = 1; bit <= QUIRK_KEEP_ENABLED; bit <<= 1) {
        if (instance->quirks & bit) {
            udmar__log(host, UDMAR_LOG_INFO, "this machine needs a quirk: %s",
                       udmar__quirk_name(bit));
        }
    }
}

static void describe_unit(struct udmar *instance, const struct udmar__unit_slot *slot)
{
    const struct udmar_unit_facts *facts = &slot->unit->facts;

    udmar__log(instance->host, UDMAR_LOG_INFO,
               "unit %u: registers at 0x%llx, version %u.%u, segment %u%s; %u domain ids, guest "
               "addresses of %u bits, tables of%s%s%s%s bits",
               slot->unit->index, (unsigned long long)slot->unit->base, (facts->version >> 4) & 0xf,
               facts->version & 0xf, slot->unit->segment,
               slot->entry.u.drhd.include_all ? ", all devices not named elsewhere" : "",
               facts->domain_ids, facts->guest_width, facts->widths & UDMAR_WIDTH_30 ? " 30" : "",
               facts->widths & UDMAR_WIDTH_39 ? " 39" : "",
               facts->widths & UDMAR_WIDTH_48 ? " 48" : "",
               facts->widths & UDMAR_WIDTH_57 ? " 57" : "");
    udmar__log(
        instance->host, UDMAR_LOG_INFO, "unit %u: %s%s%s%s%s%s%s%s%s", slot->unit->index,
        facts->superpages & UDMAR_SUPERPAGE_2M ? "2M pages, " : "",
        facts->superpages & UDMAR_SUPERPAGE_1G ? "1G pages, " : "",
        facts->queued ? "queue, " : "registers only, ",
        facts->page_selective ? "page-selective invalidation, " : "",
        facts->pass_through ? "pass-through, " : "",
        facts->coherent ? "coherent walks, " : "walks that need cache flushes, ",
        facts->write_buffer ? "write buffer, " : "", facts->caching_mode ? "caching mode, " : "",
        facts->interrupt_remap ? "interrupt remapping (not used)" : "no interrupt remapping");
}

static void add_unit(struct udmar *instance, const struct udmar_entry *drhd)
{
    struct udmar__unit_slot *slot = &instance->units[instance->unit_count];
    size_t firmware_size = (size_t)UDMAR_PAGE_SIZE << (drhd->u.drhd.size_exponent & 3);
    const char *reason = NULL;
    enum udmar_status status;

    slot->graphics_only = serves_graphics_only(instance, drhd);
    if (slot->graphics_only && (instance->quirks & QUIRK_GRAPHICS_OFF)) {
        udmar__log(instance->host, UDMAR_LOG_WARN, "unit at 0x%llx left out: %s",
                   (unsigned long long)drhd->u.drhd.base, udmar__quirk_name(QUIRK_GRAPHICS_OFF));
        return;
    }
    status = udmar__unit_create(instance->host, instance->unit_count, drhd->u.drhd.segment,
                                drhd->u.drhd.base, firmware_size, instance->tunables.timeout_ns,
                                &slot->unit, &reason);
    if (status == UDMAR_OK) {
        udmar__quirks_apply(instance->quirks, &slot->unit->facts);
        status = udmar__root_create(slot->unit);
        reason = "no memory for its root table";
        if (status != UDMAR_OK) {
            udmar__unit_destroy(slot->unit);
        }
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR, "unit at 0x%llx left out: %s (%s)",
                   (unsigned long long)drhd->u.drhd.base, reason, udmar_status_string(status));
        return;
    }
    slot->instance = instance;
    slot->entry = *drhd;
    slot->quirks = instance->quirks;
    instance->unit_count++;
    describe_unit(instance, slot);
}

static enum udmar_status find_units(struct udmar *instance, uint32_t cpu)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(&instance->table, &entry)) {
        instance->unit_capacity += entry.type == UDMAR_ENTRY_DRHD;
    }
    if (instance->unit_capacity == 0) {
        return UDMAR_ERR_NO_UNIT;
    }
    instance->units =
        udmar_host_alloc(instance->host, instance->unit_capacity * sizeof(*instance->units));
    if (instance->units == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    find_quirks(instance, cpu);
    while (udmar_table_next(&instance->table, &entry)) {
        if (entry.type == UDMAR_ENTRY_DRHD) {
            add_unit(instance, &entry);
        }
    }
    return instance->unit_count > 0 ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

static enum udmar_status copy_ram(struct udmar *instance, const struct udmar_config *config)
{
    if (config->ram_count == 0) {
        return UDMAR_OK;
    }
    instance->ram = udmar_host_alloc(instance->host, config->ram_count * sizeof(*instance->ram));
    if (instance->ram == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    instance->ram_count = config->ram_count;
    for (unsigned i = 0; i < config->ram_count; i++) {
        instance->ram[i] = config->ram[i];
        if (((config->ram[i].base | config->ram[i].size) & UDMAR_PAGE_MASK) != 0 ||
            config->ram[i].size == 0 ||
            config->ram[i].base + config->ram[i].size - 1 < config->ram[i].base) {
            return UDMAR_ERR_ARGUMENT;
        }
    }
    return UDMAR_OK;
}

static enum udmar_status set_up(struct udmar *instance, const struct udmar_config *config)
{
    enum udmar_status status = UDMAR_ERR_MEMORY;

    if (!udmar__lock_create(instance->host, &instance->lock)) {
        return status;
    }
    status = udmar__fault_log_create(instance, config->fault_log != 0 ? config->fault_log
                                                                      : DEFAULT_FAULT_LOG);
    if (status == UDMAR_OK) {
        status = copy_ram(instance, config);
    }
    if (status != UDMAR_OK || !instance->tunables.enable) {
        return status;
    }
    status = udmar_table_open(config->table, config->table_size, &instance->table);
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR, "the DMAR table cannot be used: %s",
                   udmar_status_string(status));
        return status;
    }
    (void)udmar_table_check(&instance->table, report_defect, instance);
    return find_units(instance, config->cpu_signature);
}

static void tear_down(struct udmar *instance)
{
    void *host = instance->host;

    for (unsigned i = 0; i < instance->unit_count; i++) {
        struct udmar_unit *unit = instance->units[i].unit;

        /* A unit that may still use the tables keeps them for ever. */
        if (!udmar__knows_tables(unit)) {
            udmar__root_destroy(unit);
        }
        udmar__unit_destroy(unit);
    }
    if (instance->units != NULL) {
        udmar_host_free(host, instance->units, instance->unit_capacity * sizeof(*instance->units));
    }
    if (instance->ram != NULL) {
        udmar_host_free(host, instance->ram, instance->ram_count * sizeof(*instance->ram));
    }
    udmar__fault_log_destroy(instance);
    udmar__lock_destroy(host, &instance->lock);
    udmar_host_free(host, instance, sizeof(*instance));
}

enum udmar_status udmar_create(void *host, const struct udmar_config *config,
                               struct udmar **out_instance)
{
    struct udmar *instance;
    enum udmar_status status;

    if (config == NULL || out_instance == NULL ||
        (config->fault_log != 0 && (config->fault_log < 16 || config->fault_log > 4096)) ||
        (config->ram_count != 0 && config->ram == NULL) || config->ram_count > 2048 ||
        config->cpus > MOST_CPUS || (config->tunables.enable && config->table == NULL)) {
        return UDMAR_ERR_ARGUMENT;
    }
    instance = udmar_host_alloc(host, sizeof(*instance));
    if (instance == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    instance->host = host;
    instance->tunables = config->tunables;
    instance->direct_map = config->direct_map;
    instance->cpus = config->cpus;
    instance->ticking = config->ticking;
    instance->window_limit =
        config->window_limit != 0 ? config->window_limit : DEFAULT_WINDOW_LIMIT;
    status = set_up(instance, config);
    if (status != UDMAR_OK) {
        tear_down(instance);
        return status;
    }
    *out_instance = instance;
    return UDMAR_OK;
}

void udmar_tick(struct udmar *instance)
{
    uintptr_t state;

    if (instance == NULL || instance->tunables.strict) {
        return;
    }
    state = udmar__lock(instance->host, &instance->lock);
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        if (device->group != NULL && device->group->domain != NULL) {
            udmar__domain_tick(device->group->domain);
        }
    }
    udmar__unlock(instance->host, &instance->lock, state);
}

/* Devices that firmware alone made known go with the instance. */
static enum udmar_status forget_devices(struct udmar *instance)
{
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        if (device->attached > 0 || device->users > 0) {
            return UDMAR_ERR_BUSY;
        }
    }
    while (instance->devices != NULL) {
        enum udmar_status status = udmar__group_leave(instance->devices);

        if (status != UDMAR_OK) {
            return status;
        }
        udmar__device_remove(instance->devices);
    }
    return UDMAR_OK;
}

enum udmar_status udmar_destroy(struct udmar *instance)
{
    enum udmar_status status;

    if (instance == NULL) {
        return UDMAR_OK;
    }
    if (instance->started) {
        return UDMAR_ERR_ORDER;
    }
    status = forget_devices(instance);
    if (status == UDMAR_OK) {
        tear_down(instance);
    }
    return status;
}

unsigned udmar_unit_count(const struct udmar *instance)
{
    return instance == NULL ? 0 : instance->unit_count;
}

enum udmar_status udmar_unit_status(struct udmar *instance, unsigned index,
                                    struct udmar_unit_status *out_status)
{
    const struct udmar__unit_slot *slot;
    const struct udmar_unit *unit;

    if (instance == NULL || index >= instance->unit_count) {
        return UDMAR_ERR_ARGUMENT;
    }
    slot = &instance->units[index];
    unit = slot->unit;
    *out_status = (struct udmar_unit_status){
        .index = index,
        .segment = unit->segment,
        .base = unit->base,
        .include_all = slot->entry.u.drhd.include_all,
        .translating = udmar__unit_translates(slot->unit),
        .uses_queue = udmar__uses_queue(unit),
        .failed = slot->failed,
        .has_interrupt = unit->interrupt != NULL,
        .facts = unit->facts,
        .context_requests = unit->counts.context_requests,
        .iotlb_requests = udmar__iotlb_count(&unit->counts),
        .waits = unit->queue.issued,
        .queue_errors = unit->counts.queue_errors,
        .timeouts = unit->counts.timeouts,
    };
    return UDMAR_OK;
}

const struct udmar_table *udmar_instance_table(const struct udmar *instance)
{
    return instance != NULL && instance->table.bytes != NULL ? &instance->table : NULL;
}
