/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains: creation, the units they are bound to, reserved addresses. */
#include "space/domain.h"
#include "space/range.h"
#include "space/pte.h"
#include "space/reserved.h"

/* Levels of the narrowest supported table that is wide enough, or of the widest; 0: none. */
static unsigned choose_levels(const struct udmar_unit_facts *facts, unsigned minimum_width)
{
    unsigned chosen = 0;

    for (unsigned n = 0; n < 4; n++) {
        if (facts->widths & (1u << n)) {
            chosen = n + 2;
            if (30 + 9 * n >= minimum_width) {
                break;
            }
        }
    }
    return chosen;
}

static void take_facts(struct udmar_domain *domain, const struct udmar_unit_facts *facts,
                       const struct udmar__domain_config *config)
{
    unsigned width;

    domain->levels = choose_levels(facts, config->minimum_width);
    width = 12 + 9 * domain->levels;
    if (facts->guest_width < width) {
        width = facts->guest_width;
    }
    domain->end = (UINT64_C(1) << width) - 1;
    domain->superpages = config->small_pages ? 0 : facts->superpages;
    domain->coherent = facts->coherent;
    domain->caching_mode = facts->caching_mode;
    domain->write_buffer = facts->write_buffer;
    domain->announces = facts->caching_mode || facts->write_buffer;
    /* Streams are for domains of one unit that are not a caller's own. */
    domain->fast_path =
        domain->direct && !facts->caching_mode && !facts->write_buffer && !config->owned;
    domain->leaf_flags = config->snoop ? (unsigned)PTE_SNOOP : 0;
}

static enum udmar_status make_tables(struct udmar_domain *domain)
{
    enum udmar_status status;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    status = udmar__page_table_alloc(domain, &domain->table);
    udmar__unlock(domain->host, &domain->lock, state);
    return status;
}

static enum udmar_status reserve_fixed(struct udmar_domain *domain)
{
    /* Nobody is given page 0, to catch null addresses; DMA to the MSI window is not translated. */
    enum udmar_status status = udmar__domain_reserve(domain, 0, UDMAR_PAGE_SIZE, UDMAR_RANGE_NULL);

    if (status == UDMAR_OK && domain->end >= MSI_RANGE_LAST) {
        status = udmar__domain_reserve(domain, MSI_RANGE_FIRST,
                                       MSI_RANGE_LAST - MSI_RANGE_FIRST + 1, UDMAR_RANGE_RESERVED);
    }
    return status;
}

enum udmar_status udmar__domain_init(struct udmar_domain *domain, struct udmar_unit *unit,
                                     const struct udmar__domain_config *config)
{
    enum udmar_status status = UDMAR_OK;

    domain->host = unit->host;
    domain->direct = config->direct;
    domain->strict = config->strict;
    domain->identity = config->identity;
    domain->pass_through = config->pass_through;
    domain->owned = config->owned;
    domain->keeps_tables = config->keep_tables && config->owned && config->direct;
    take_facts(domain, config->facts != NULL ? config->facts : &unit->facts, config);
    udmar__iova_init(&domain->iova, (domain->end >> UDMAR_PAGE_SHIFT) + 1);
    if (!udmar__lock_create(domain->host, &domain->lock)) {
        return UDMAR_ERR_MEMORY;
    }
    if (!config->pass_through) {
        status = make_tables(domain);
    }
    if (status == UDMAR_OK && !config->pass_through && !config->identity) {
        status = reserve_fixed(domain);
    }
    return status;
}

static void free_below(struct udmar_domain *domain, udmar_paddr_t table, unsigned level)
{
    struct udmar_page page = { .physical = table };
    volatile uint64_t *entries = udmar_host_page_map(domain->host, table);

    if (level > 1) {
        for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
            uint64_t entry = udmar__pte_load(&entries[i]);

            if ((entry & PTE_PRESENT) != 0 && (entry & PTE_LARGE) == 0) {
                free_below(domain, entry & PTE_ADDRESS, level - 1);
            }
        }
    }
    udmar_host_page_unmap(domain->host, (void *)(uintptr_t)entries);
    udmar_host_page_free(domain->host, &page, 1);
}

/* Tables that were taken out while a unit did not answer. */
static void free_limbo(struct udmar_domain *domain)
{
    while (domain->limbo != 0) {
        struct udmar_page page = { .physical = domain->limbo };
        volatile uint64_t *link = udmar_host_page_map(domain->host, page.physical);

        domain->limbo = *link;
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
        udmar_host_page_free(domain->host, &page, 1);
    }
}

bool udmar__domain_forget(struct udmar_domain *domain)
{
    bool forgotten = true;

    /* A context that was taken back without an answer has left its binding: the last chance. */
    while (domain->bindings != NULL) {
        domain->bindings->context_refs = 0;
        if (!udmar__domain_unbind(domain, domain->bindings)) {
            forgotten = false;
        }
    }
    /* Unbinding flushes every unit that knew the domain; else they may walk its tables for ever. */
    if (forgotten && domain->table != 0) {
        free_below(domain, domain->table, domain->levels);
    }
    if (forgotten) {
        free_limbo(domain);
    }
    return forgotten;
}

void udmar__domain_fini(struct udmar_domain *domain)
{
    struct udmar__range *range;

    UDMAR_ASSERT(domain->bindings == NULL);
    udmar__kept_free(domain);
    while ((range = udmar__iova_at_or_above(&domain->iova, 0)) != NULL) {
        udmar__iova_remove(&domain->iova, range);
        udmar_host_free(domain->host, range, sizeof(*range));
    }
    udmar__lock_destroy(domain->host, &domain->lock);
}

bool udmar__domain_suits(const struct udmar_domain *domain, const struct udmar_unit *unit)
{
    const struct udmar_unit_facts *facts = &unit->facts;

    if (domain->pass_through) {
        return facts->pass_through;
    }
    /* Tables that exist cannot be made flatter, flushed after the fact, or cut to smaller pages. */
    return (facts->widths & (1u << (domain->levels - 2))) != 0 &&
           facts->guest_width >= 64 - (unsigned)__builtin_clzll(domain->end) &&
           (domain->superpages & ~facts->superpages) == 0 &&
           (facts->coherent || !domain->coherent) &&
           (facts->snoop_control || domain->leaf_flags == 0);
}

/* What the mapping calls of a domain with one unit ask that unit for. */
static void compose_requests(struct udmar_domain *domain)
{
    const struct udmar__binding *binding = domain->bindings;
    struct udmar_unit *unit;

    domain->unit = NULL;
    if (binding == NULL || binding->next != NULL || domain->owned) {
        return;
    }
    unit = binding->unit;
    domain->request_low = udmar__iotlb_request(unit, GRAN_SELECTIVE, binding->id, 0, 0, true).low;
    domain->request_low_all = udmar__iotlb_request(unit, GRAN_DOMAIN, binding->id, 0, 0, true).low;
    domain->request_order = unit->facts.page_selective ? unit->facts.max_mask : -1;
    domain->unit = unit;
}

enum udmar_status udmar__domain_bind(struct udmar_domain *domain, struct udmar_unit *unit,
                                     struct udmar__binding **out_binding)
{
    struct udmar__binding **link = &domain->bindings;
    struct udmar__binding *binding;
    uintptr_t state;

    for (; *link != NULL; link = &(*link)->next) {
        if ((*link)->unit == unit) {
            *out_binding = *link;
            return UDMAR_OK;
        }
    }
    binding = udmar_host_alloc(domain->host, sizeof(*binding));
    if (binding == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    binding->unit = unit;
    if (!udmar__domain_id_take(unit, &binding->id)) {
        udmar_host_free(domain->host, binding, sizeof(*binding));
        return UDMAR_ERR_DOMAIN_ID;
    }
    /*
     * Whoever looks at a fault reads the list with the domain's lock, and mapping calls without:
     * for them the node must be whole before it is seen.
     */
    state = udmar__lock(domain->host, &domain->lock);
    __atomic_store_n(link, binding, __ATOMIC_RELEASE);
    compose_requests(domain);
    udmar__unlock(domain->host, &domain->lock, state);
    *out_binding = binding;
    return UDMAR_OK;
}

bool udmar__domain_unbind(struct udmar_domain *domain, struct udmar__binding *binding)
{
    struct udmar__binding **link = &domain->bindings;
    struct udmar_unit *unit = binding->unit;
    const struct udmar__request requests[2] = {
        udmar__context_request(GRAN_DOMAIN, binding->id, 0),
        udmar__iotlb_request(unit, GRAN_DOMAIN, binding->id, 0, 0, false),
    };
    uintptr_t state;
    bool confirmed;

    if (binding->context_refs != 0) {
        return true;
    }
    /* The next domain with this id must not meet what the caches keep of this one. */
    confirmed =
        !udmar__knows_tables(unit) || udmar__invalidate(unit, requests, 2, true, NULL) == UDMAR_OK;
    if (confirmed) {
        udmar__domain_id_give(unit, binding->id);
    }
    state = udmar__lock(domain->host, &domain->lock);
    while (*link != binding) {
        UDMAR_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = binding->next;
    compose_requests(domain);
    udmar__unlock(domain->host, &domain->lock, state);
    udmar_host_free(domain->host, binding, sizeof(*binding));
    return confirmed;
}

static bool is_reserved(const struct udmar__range *range)
{
    return range->kind == UDMAR_RANGE_RESERVED || range->kind == UDMAR_RANGE_FIRMWARE ||
           range->kind == UDMAR_RANGE_NULL;
}

/* Buffers that are there already cannot be taken away. */
static bool meets_buffers(struct udmar_domain *domain, uint64_t page, uint64_t last)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar__range *taken = udmar__iova_at_or_above(&domain->iova, page);

    while (taken != NULL && taken->first <= last && is_reserved(taken)) {
        taken = udmar__iova_at_or_above(&domain->iova, taken->last + 1);
    }
    return taken != NULL && taken->first <= last;
}

enum udmar_status udmar__domain_reserve(struct udmar_domain *domain, udmar_iova_t base,
                                        uint64_t size, enum udmar_range_kind kind)
{
    uint64_t page = base >> UDMAR_PAGE_SHIFT;
    uint64_t last = udmar__min(base + size - 1, domain->end) >> UDMAR_PAGE_SHIFT;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    enum udmar_status status = UDMAR_OK;

    if (kind == UDMAR_RANGE_FIRMWARE &&
        udmar__caller_maps(domain, page << UDMAR_PAGE_SHIFT,
                           (last << UDMAR_PAGE_SHIFT) | UDMAR_PAGE_MASK)) {
        status = UDMAR_ERR_EXISTS;
    }
    /* Only what is still free: reserved ranges may overlap each other, but no mapping. */
    if (meets_buffers(domain, page, last)) {
        status = UDMAR_ERR_EXISTS;
    }
    while (status == UDMAR_OK && page <= last) {
        struct udmar__range *taken = udmar__iova_at_or_above(&domain->iova, page);
        struct udmar__range *range;

        if (taken != NULL && taken->first <= page) {
            if (taken->kind == UDMAR_RANGE_NULL) {
                taken->kind = (uint8_t)kind;
            }
            page = taken->last + 1;
            continue;
        }
        range = udmar_host_alloc(domain->host, sizeof(*range));
        if (range == NULL) {
            status = UDMAR_ERR_MEMORY;
            break;
        }
        range->first = page;
        range->last = taken != NULL ? udmar__min(last, taken->first - 1) : last;
        range->kind = (uint8_t)kind;
        UDMAR_ASSERT(range->first <= range->last && range->last <= last);
        (void)udmar__iova_insert(&domain->iova, range);
        page = range->last + 1;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return status;
}

static struct udmar__range *next_firmware(const struct udmar_domain *domain, uint64_t page)
{
    struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, page);

    while (range != NULL && range->kind != UDMAR_RANGE_FIRMWARE) {
        range = udmar__iova_at_or_above(&domain->iova, range->last + 1);
    }
    return range;
}

enum udmar_status udmar__domain_release(struct udmar_domain *domain)
{
    struct udmar__gather gather;
    struct udmar__range *range;
    enum udmar_status status = UDMAR_OK;
    enum udmar_status flushed;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__gather_init(&gather);
    range = next_firmware(domain, 0);
    for (; range != NULL && status == UDMAR_OK; range = next_firmware(domain, range->last + 1)) {
        status = udmar__pages_unmap(domain, range->first << UDMAR_PAGE_SHIFT,
                                    (range->last - range->first + 1) << UDMAR_PAGE_SHIFT, &gather);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    flushed = udmar__gather_flush(domain, &gather);
    status = status != UDMAR_OK ? status : flushed;
    state = udmar__lock(domain->host, &domain->lock);
    while (status == UDMAR_OK && (range = next_firmware(domain, 0)) != NULL) {
        if (range->first == 0 && range->last == 0) {
            range->kind = UDMAR_RANGE_NULL;
            continue;
        }
        udmar__iova_remove(&domain->iova, range);
        udmar_host_free(domain->host, range, sizeof(*range));
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return status;
}

uint64_t udmar__domain_clock(const struct udmar_domain *domain)
{
    return domain->bindings == NULL ? 0 : udmar__iotlb_count(&domain->bindings->unit->counts);
}
