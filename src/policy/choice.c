/* SPDX-License-Identifier: BSD-2-Clause */
/* From a mode to the domain that makes it true. */
#include "policy/instance.h"

#define PCI_MEMORY           0x20
#define PCI_PREFETCH         0x24
#define PCI_PREFETCH_BASE_HI 0x28
#define PCI_PREFETCH_END_HI  0x2c

static bool is_strict(const struct udmar_device *device)
{
    const struct udmar__unit_record *record = device->unit_record;

    return device->instance->tunables.strict ||
           (record->graphics_only && (record->quirks & QUIRK_GRAPHICS_STRICT));
}

static enum udmar_status reserve_aperture(struct udmar_domain *domain, uint64_t base,
                                          uint64_t limit)
{
    /* A bridge that forwards nothing has its base above its limit. */
    if (base > limit || base > domain->end) {
        return UDMAR_OK;
    }
    return udmar__domain_reserve(domain, base, limit - base + 1, UDMAR_RANGE_RESERVED);
}

/* A bridge takes addresses in its own apertures for peer-to-peer traffic: they never come here. */
static enum udmar_status reserve_path(void *host, uint16_t segment, uint8_t bus,
                                      struct udmar_domain *domain)
{
    enum udmar_status status = UDMAR_OK;
    udmar_rid_t bridge;

    for (unsigned i = 0;
         i < 32 && status == UDMAR_OK && udmar_host_pci_bridge(host, segment, bus, &bridge); i++) {
        uint32_t memory = udmar_host_pci_read32(host, segment, bridge, PCI_MEMORY);
        uint32_t prefetch = udmar_host_pci_read32(host, segment, bridge, PCI_PREFETCH);
        uint64_t high = udmar_host_pci_read32(host, segment, bridge, PCI_PREFETCH_BASE_HI);
        uint64_t high_end = udmar_host_pci_read32(host, segment, bridge, PCI_PREFETCH_END_HI);

        bus = UDMAR_RID_BUS(bridge);
        if (memory == UINT32_MAX || memory == 0) {
            continue;
        }
        status = reserve_aperture(domain, (memory & 0xfff0u) << 16, memory | 0xfffffu);
        if (status == UDMAR_OK && prefetch != 0) {
            status = reserve_aperture(domain, high << 32 | (uint64_t)(prefetch & 0xfff0u) << 16,
                                      high_end << 32 | (prefetch | 0xfffffu));
        }
    }
    return status;
}

enum udmar_status udmar__apertures_reserve(struct udmar_device *device, struct udmar_domain *domain)
{
    void *host = device->instance->host;
    enum udmar_status status =
        reserve_path(host, device->segment, UDMAR_RID_BUS(device->rid), domain);

    /* The way from its physical function or its controller on. */
    if (status == UDMAR_OK && device->ids.governor != device->rid) {
        status =
            reserve_path(host, device->ids.segment, UDMAR_RID_BUS(device->ids.governor), domain);
    }
    return status;
}

static unsigned width_of(udmar_paddr_t last)
{
    return last == 0 ? 0 : udmar__log2(last) + 1;
}

static enum udmar_status translated_mode(struct udmar_device *device,
                                         struct udmar_domain **out_domain)
{
    struct udmar *instance = device->instance;
    unsigned wanted =
        instance->tunables.width != 0 ? instance->tunables.width : UDMAR__DEFAULT_WIDTH;
    unsigned count;
    unsigned rmrr = width_of(udmar__rmrr_limit(device, &count));
    const struct udmar__mapper_config config = {
        .cpus = instance->cpus,
        .ticking = instance->ticking,
        .domain = {
            .direct = instance->direct_map,
            .strict = is_strict(device),
            .small_pages = !instance->tunables.superpage,
            .minimum_width = wanted > rmrr ? wanted : rmrr,
        },
    };
    enum udmar_status status = udmar__mapper_create(device->unit_record->unit, &config, out_domain);

    if (status != UDMAR_OK) {
        return status;
    }
    (*out_domain)->refs = 1;
    status = udmar__apertures_reserve(device, *out_domain);
    if (status == UDMAR_OK) {
        status = udmar__rmrr_map(device, *out_domain);
    }
    if (status != UDMAR_OK) {
        udmar__mapper_destroy(*out_domain);
        *out_domain = NULL;
    }
    return status;
}

static udmar_paddr_t ram_end(const struct udmar *instance)
{
    udmar_paddr_t end = 0;

    for (unsigned i = 0; i < instance->ram_count; i++) {
        end = udmar__max(end, instance->ram[i].base + instance->ram[i].size - 1);
    }
    return end;
}

/* The last address that a table of physical addresses may have to map: RAM, and every RMRR. */
static udmar_paddr_t identity_end(const struct udmar *instance)
{
    struct udmar_entry entry = { 0 };
    udmar_paddr_t end = ram_end(instance);
    udmar_paddr_t first;
    udmar_paddr_t last;

    while (instance->tunables.rmrr_enable && udmar_table_next(&instance->table, &entry)) {
        if (entry.type == UDMAR_ENTRY_RMRR && udmar__rmrr_extent(instance, &entry, &first, &last)) {
            end = udmar__max(end, last);
        }
    }
    return end;
}

static struct udmar_domain *find_shared(struct udmar_device *device, bool pass_through)
{
    struct udmar *instance = device->instance;
    struct udmar_domain *domain = instance->shared;

    while (domain != NULL && (domain->pass_through != pass_through ||
                              !udmar__domain_suits(domain, device->unit_record->unit))) {
        domain = domain->next;
    }
    return domain;
}

/* One domain for all who see physical addresses, as far as their units can share tables. */
static enum udmar_status physical_mode(struct udmar_device *device, bool pass_through,
                                       struct udmar_domain **out_domain)
{
    struct udmar *instance = device->instance;
    struct udmar_domain *domain = find_shared(device, pass_through);
    const struct udmar__mapper_config config = {
        .domain = {
            .direct = instance->direct_map,
            .strict = true,
            .identity = true,
            .pass_through = pass_through,
            .small_pages = !instance->tunables.superpage,
            .minimum_width = width_of(identity_end(instance)),
        },
    };
    enum udmar_status status = UDMAR_OK;

    if (domain == NULL) {
        status = udmar__mapper_create(device->unit_record->unit, &config, &domain);
        if (status == UDMAR_OK && !pass_through) {
            status = udmar__identity_fill(instance, domain);
            if (status != UDMAR_OK) {
                udmar__mapper_destroy(domain);
            }
        }
        if (status != UDMAR_OK) {
            return status;
        }
        domain->next = instance->shared;
        instance->shared = domain;
    }
    domain->refs++;
    status = udmar__rmrr_map(device, domain);
    if (status != UDMAR_OK) {
        udmar__domain_unref(instance, domain);
        return status;
    }
    *out_domain = domain;
    return UDMAR_OK;
}

void udmar__domain_unref(struct udmar *instance, struct udmar_domain *domain)
{
    struct udmar_domain **link = &instance->shared;

    UDMAR_ASSERT(domain->refs > 0);
    if (--domain->refs > 0) {
        return;
    }
    if (domain->owned) {
        /* Nobody in it needs firmware's memory any more. */
        (void)udmar__domain_release(domain);
        return;
    }
    while (*link != NULL && *link != domain) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = domain->next;
    }
    udmar__mapper_destroy(domain);
}

const char *udmar__mode_objection(const struct udmar_device *device, enum udmar_mode mode)
{
    const struct udmar *instance = device->instance;
    const struct udmar_unit_facts *facts = &device->unit_record->unit->facts;
    bool table =
        mode == UDMAR_MODE_IDENTITY ||
        ((mode == UDMAR_MODE_PASSTHROUGH || mode == UDMAR_MODE_BOUNCE) && !facts->pass_through);

    if (table && instance->ram_count == 0) {
        return "the host gave no list of RAM, so its identity table would be empty";
    }
    if (table && width_of(ram_end(instance)) >
                     udmar__min(facts->guest_width, 30 + 9 * udmar__log2(facts->widths))) {
        return "RAM lies beyond the addresses that its unit translates";
    }
    return NULL;
}

enum udmar_status udmar__mode_domain(struct udmar_device *device, enum udmar_mode *mode,
                                     struct udmar_domain **out_domain)
{
    bool can_pass = device->unit_record->unit->facts.pass_through;
    const char *objection = udmar__mode_objection(device, *mode);

    *out_domain = NULL;
    if (objection != NULL) {
        /* Nobody was asked just now: an address space of its own is safe, and busdma can use it. */
        *mode = UDMAR_MODE_TRANSLATE;
        device->reason = objection;
    }
    switch (*mode) {
    case UDMAR_MODE_TRANSLATE:
        return translated_mode(device, out_domain);
    case UDMAR_MODE_IDENTITY:
        return physical_mode(device, false, out_domain);
    case UDMAR_MODE_PASSTHROUGH:
        if (!can_pass) {
            *mode = UDMAR_MODE_IDENTITY;
            device->reason = "its unit cannot pass requests through: an identity table instead";
        }
        return physical_mode(device, can_pass, out_domain);
    case UDMAR_MODE_BOUNCE:
        return physical_mode(device, can_pass, out_domain);
    case UDMAR_MODE_BLOCKED:
        return UDMAR_OK;
    case UDMAR_MODE_UNPROTECTED:
    case UDMAR_MODE_DOMAIN:
        break;
    }
    return UDMAR_ERR_ARGUMENT;
}
