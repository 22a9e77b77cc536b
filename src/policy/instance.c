/* SPDX-License-Identifier: BSD-2-Clause */
/* Instances: from table bytes to units, and back to nothing. */
#include "base/text.h"
#include "mapping/cpu_cache.h"
#include "policy/instance.h"

#define DEFAULT_FAULT_LOG    256u
#define MOST_CPUS            4096u
#define DEFAULT_WINDOW_LIMIT (UINT64_C(8) << 20)
#define PHYSICAL_END         (UINT64_C(1) << 52)

#ifndef UDMAR_WITHOUT_TABLE_CHECK
static void report_defect(void *context, const struct udmar_defect *defect)
{
    struct udmar *instance = context;

    udmar__log(instance->host, defect->loses_entry ? UDMAR_LOG_ERROR : UDMAR_LOG_WARN,
               "firmware table, offset 0x%x (%s): %s (0x%llx)", (unsigned)defect->offset,
               defect->structure_type == 0xffff ? "header"
                                                : udmar_entry_name(defect->structure_type),
               udmar_defect_string(defect->kind), (unsigned long long)defect->value);
}

static void check_table(struct udmar *instance)
{
    (void)udmar_table_check(&instance->table, report_defect, instance);
}
#else
static void check_table(struct udmar *instance)
{
    (void)instance;
}
#endif

/* What is wrong with a range of RAM; null: nothing. Ranges may overlap. */
static const char *range_objection(const struct udmar_ram_range *range)
{
    if (range->size == 0) {
        return "it is empty";
    }
    if (((range->base | range->size) & UDMAR_PAGE_MASK) != 0) {
        return "it is not made of whole pages";
    }
    if (range->size > PHYSICAL_END || range->base > PHYSICAL_END - range->size) {
        return "it ends beyond 2^52, which no page table reaches";
    }
    return NULL;
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
        const char *objection = range_objection(&config->ram[i]);

        instance->ram[i] = config->ram[i];
        if (objection != NULL) {
            udmar__log(instance->host, UDMAR_LOG_ERROR,
                       "range %u of the host's RAM (0x%llx, 0x%llx bytes) is refused: %s", i,
                       (unsigned long long)config->ram[i].base,
                       (unsigned long long)config->ram[i].size, objection);
            return UDMAR_ERR_ARGUMENT;
        }
    }
    return UDMAR_OK;
}

static enum udmar_status set_up_instance(struct udmar *instance, const struct udmar_config *config)
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
    if (!instance->tunables.enable && config->interrupts != NULL) {
        instance->interrupts.refused = "hw.dmar.enable=0";
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
    check_table(instance);
    status = udmar__units_create(instance, config->cpu_signature);
    if (status == UDMAR_OK && config->interrupts != NULL) {
        udmar__interrupts_create(instance, config->interrupts);
    }
    return status;
}

static void tear_down(struct udmar *instance)
{
    void *host = instance->host;

    udmar__interrupts_destroy(instance);
    udmar__units_destroy(instance);
    if (instance->ram != NULL) {
        udmar_host_free(host, instance->ram, instance->ram_count * sizeof(*instance->ram));
    }
    udmar__fault_log_destroy(instance);
    udmar__lock_destroy(host, &instance->lock);
    udmar_host_free(host, instance, sizeof(*instance));
}

static bool interrupts_make_sense(const struct udmar_config *config)
{
    const struct udmar_interrupt_config *interrupts = config->interrupts;

    return !config->keep_interrupt_remapping && interrupts->entries <= UDMAR__REMAP_MOST &&
           interrupts->ioapic_count <= 255 &&
           (interrupts->ioapic_count == 0 || interrupts->ioapics != NULL);
}

enum udmar_status udmar_create(void *host, const struct udmar_config *config,
                               struct udmar **out_instance)
{
    struct udmar *instance;
    enum udmar_status status;

    if (config == NULL || out_instance == NULL ||
        (config->fault_log != 0 && (config->fault_log < 16 || config->fault_log > 4096)) ||
        (config->ram_count != 0 && config->ram == NULL) || config->ram_count > 2048 ||
        config->cpus > MOST_CPUS ||
        (config->interrupts != NULL && !interrupts_make_sense(config)) ||
        (config->tunables.enable && config->table == NULL)) {
        return UDMAR_ERR_ARGUMENT;
    }
    instance = udmar_host_alloc(host, sizeof(*instance));
    if (instance == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    instance->host = host;
    instance->tunables = config->tunables;
    instance->direct_map = config->direct_map;
    instance->keep_interrupts = config->keep_interrupt_remapping;
    instance->cpus = config->cpus;
    instance->ticking = config->ticking;
    instance->window_limit =
        config->window_limit != 0 ? config->window_limit : DEFAULT_WINDOW_LIMIT;
    status = set_up_instance(instance, config);
    if (status != UDMAR_OK) {
        tear_down(instance);
        return status;
    }
    *out_instance = instance;
    return UDMAR_OK;
}

/* Memory may have come back of which nobody tells, and loads do not wait for ever. */
static void wake_waiting_loads(struct udmar *instance)
{
    struct udmar__dma *dma = &instance->dma;
    uintptr_t state;

    if (dma->wake == NULL || __atomic_load_n(&dma->wait_space.hopeful, __ATOMIC_RELAXED) == 0) {
        return;
    }
    state = udmar__lock(instance->host, &instance->lock);
    dma->wait_space.freed++;
    udmar__unlock(instance->host, &instance->lock, state);
    dma->wake(dma->wake_argument);
}

void udmar__flush_deferred(struct udmar *instance)
{
    uintptr_t state;

    if (instance->tunables.strict) {
        return;
    }
    state = udmar__lock(instance->host, &instance->lock);
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        if (device->group != NULL && device->group->domain != NULL) {
            udmar__mapper_tick(device->group->domain);
        }
    }
    udmar__unlock(instance->host, &instance->lock, state);
}

void udmar_tick(struct udmar *instance)
{
    if (instance == NULL) {
        return;
    }
    wake_waiting_loads(instance);
    udmar__flush_deferred(instance);
}

/* Those who share a domain come once; owned domains are in a list of their own. */
static bool stands_for_domain(const struct udmar_device *device)
{
    const struct udmar_domain *domain = device->group != NULL ? device->group->domain : NULL;

    return domain != NULL && !domain->owned && domain->table != 0 && !domain->identity &&
           udmar__group_next((struct udmar_device *)(uintptr_t)device, NULL) == device;
}

enum udmar_status udmar_trim(struct udmar *instance)
{
    if (instance == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        if (stands_for_domain(device)) {
            udmar__cpu_caches_trim_idle(device->group->domain);
        }
    }
    for (struct udmar_domain *domain = instance->owned; domain != NULL; domain = domain->next) {
        udmar__cpu_caches_trim_idle(domain);
    }
    return UDMAR_OK;
}

/* Devices that firmware alone made known go with the instance. */
static enum udmar_status forget_devices(struct udmar *instance)
{
    if (instance->owned != NULL) {
        return UDMAR_ERR_BUSY;
    }
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        if (device->attach_refs > 0 || device->refs > 0) {
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
    const struct udmar__unit_record *record =
        instance == NULL ? NULL : udmar__unit_at(instance, index);
    const struct udmar_unit *unit;

    if (record == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    unit = record->unit;
    *out_status = (struct udmar_unit_status){
        .index = index,
        .segment = unit->segment,
        .base = unit->base,
        .include_all = record->include_all,
        .translating = udmar__unit_translates(record->unit),
        .uses_queue = udmar__uses_queue(unit),
        .failed = record->failed,
        .has_interrupt = unit->interrupt != NULL,
        .remaps = udmar__unit_remaps(record->unit),
        .facts = unit->facts,
        .context_requests = unit->counts.context_requests,
        .iotlb_requests = udmar__iotlb_count(&unit->counts),
        .waits = unit->queue.issued,
        .queue_errors = unit->counts.queue_errors,
        .timeouts = __atomic_load_n(&unit->counts.timeouts, __ATOMIC_RELAXED),
    };
    return UDMAR_OK;
}

const struct udmar_table *udmar_instance_table(const struct udmar *instance)
{
    return instance != NULL && instance->table.bytes != NULL ? &instance->table : NULL;
}
