/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses: handing them out, taking them back, finding what is near one. */
#include "space/address.h"
#include "space/entry.h"
#include "space/window.h"

void udmar__note_gone(struct udmar_domain *domain, udmar_iova_t base, uint64_t size)
{
    domain->gone[domain->gone_next] = (struct udmar__gone){
        .base = base,
        .size = size,
        /* Its own invalidation, which is about to be asked for, does not make it older. */
        .clock = udmar__domain_clock(domain) + 1,
    };
    domain->gone_next = (domain->gone_next + 1) % UDMAR__GONE;
}

enum udmar_status udmar__range_alloc(struct udmar_domain *domain, uint64_t pages, uint64_t bytes,
                                     const struct udmar_iova_limits *limits,
                                     struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool found;

    found = udmar__iova_find(&domain->iova, pages, bytes, limits, &range->first);
    if (found) {
        range->last = range->first + pages - 1;
        found = udmar__iova_insert(&domain->iova, range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found ? UDMAR_OK : UDMAR_ERR_IOVA;
}

void udmar__range_free(struct udmar_domain *domain, struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__iova_remove(&domain->iova, range);
    udmar__unlock(domain->host, &domain->lock, state);
    udmar_host_free(domain->host, range, sizeof(*range));
}

static bool limits_valid(const struct udmar_iova_limits *limits)
{
    return limits->offset < UDMAR_PAGE_SIZE &&
           (limits->alignment == 0 || udmar__is_power_of_two(limits->alignment)) &&
           (limits->boundary == 0 || udmar__is_power_of_two(limits->boundary)) &&
           limits->exclude_first <= limits->exclude_last &&
           limits->lowest <= UINT64_MAX - UDMAR_PAGE_MASK;
}

enum udmar_status udmar_domain_alloc_iova(struct udmar_domain *domain, uint64_t size,
                                          const struct udmar_iova_limits *limits,
                                          udmar_iova_t *out_iova)
{
    static const struct udmar_iova_limits none;
    struct udmar__range *range;
    enum udmar_status status;
    uint64_t pages;

    limits = limits != NULL ? limits : &none;
    if (domain == NULL || out_iova == NULL || size == 0 || domain->table == 0 || domain->identity ||
        !limits_valid(limits)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (size > domain->end) {
        return UDMAR_ERR_IOVA;
    }
    pages = udmar__align_up(size + limits->offset, UDMAR_PAGE_SIZE) >> UDMAR_PAGE_SHIFT;
    range = udmar_host_alloc(domain->host, sizeof(*range));
    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    status = udmar__range_alloc(domain, pages, size, limits, range);
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, range, sizeof(*range));
        return status;
    }
    *out_iova = (range->first << UDMAR_PAGE_SHIFT) + limits->offset;
    return UDMAR_OK;
}

enum udmar_status udmar_domain_free_iova(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__range *range;
    uintptr_t state;

    if (domain == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    state = udmar__lock(domain->host, &domain->lock);
    range = udmar__iova_at_or_above(&domain->iova, page);
    if (range == NULL || range->first != page || range->kind != UDMAR_RANGE_ALLOCATED ||
        range->of_load) {
        udmar__unlock(domain->host, &domain->lock, state);
        return UDMAR_ERR_NOT_FOUND;
    }
    udmar__iova_remove(&domain->iova, range);
    udmar__unlock(domain->host, &domain->lock, state);
    udmar_host_free(domain->host, range, sizeof(*range));
    return UDMAR_OK;
}

bool udmar_domain_next_range(struct udmar_domain *domain, udmar_iova_t from,
                             struct udmar_range_info *out_range)
{
    struct udmar__range *range;
    uintptr_t state;

    if (domain == NULL) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    range = udmar__iova_at_or_above(&domain->iova, from >> UDMAR_PAGE_SHIFT);
    if (range != NULL) {
        *out_range = (struct udmar_range_info){
            .base = range->first << UDMAR_PAGE_SHIFT,
            .size = (range->last - range->first + 1) << UDMAR_PAGE_SHIFT,
            .kind = (enum udmar_range_kind)range->kind,
        };
        if (range->kind == UDMAR_RANGE_WINDOW) {
            udmar__window_loaded(range, &out_range->loaded_base, &out_range->loaded_size);
        }
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return range != NULL;
}

/* A candidate for "nearest": inside beats near, and the closer one wins. */
static void consider(struct udmar_fault *fault, uint64_t *distance, udmar_iova_t address,
                     udmar_iova_t base, uint64_t size, enum udmar_fault_place inside)
{
    uint64_t away = address < base           ? base - address
                    : address - base >= size ? address - base - size + 1
                                             : 0;

    if (size == 0 || away >= *distance) {
        return;
    }
    *distance = away;
    fault->place = (uint8_t)(away == 0 ? inside : UDMAR_PLACE_NEAR);
    fault->near_base = base;
    fault->near_size = size;
    fault->near_age = 0;
}

static bool is_mapped(struct udmar_domain *domain, udmar_iova_t address)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar_walk_step steps[5];
    unsigned count;

    if (domain->table == 0 || address > domain->end) {
        return false;
    }
    count = udmar__table_steps(domain, address, steps);
    return (steps[count - 1].entry & ENTRY_PRESENT) != 0;
}

static void consider_range(struct udmar_domain *domain, struct udmar__range *range,
                           udmar_iova_t address, struct udmar_fault *fault, uint64_t *distance)
    UDMAR_REQUIRES(domain->lock)
{
    udmar_iova_t base = range->first << UDMAR_PAGE_SHIFT;
    uint64_t size = (range->last - range->first + 1) << UDMAR_PAGE_SHIFT;

    if (range->kind == UDMAR_RANGE_WINDOW) {
        struct udmar__gone gone;

        if (udmar__window_loaded(range, &base, &size)) {
            consider(fault, distance, address, base, size, UDMAR_PLACE_LIVE);
        } else if (udmar__window_gone(range, &gone) && address - gone.base < gone.size) {
            consider(fault, distance, address, gone.base, gone.size, UDMAR_PLACE_GONE);
            fault->near_age = udmar__domain_clock(domain) - gone.clock;
        }
    } else if (range->kind == UDMAR_RANGE_RESERVED) {
        /* Reserved ranges are worth a word only when the address is inside. */
        if (address - base < size) {
            consider(fault, distance, address, base, size, UDMAR_PLACE_RESERVED);
        }
    } else if (range->kind == UDMAR_RANGE_FIRMWARE || address - base >= size ||
               is_mapped(domain, address)) {
        /* Addresses that somebody has kept after an unmap are no mapping. */
        consider(fault, distance, address, base, size, UDMAR_PLACE_LIVE);
    }
}

static void consider_gone(struct udmar_domain *domain, udmar_iova_t address,
                          struct udmar_fault *fault, uint64_t *distance)
    UDMAR_REQUIRES(domain->lock)
{
    /* The newest first: an address is often used again and again. */
    for (unsigned i = 1; i <= UDMAR__GONE && *distance > 0; i++) {
        const struct udmar__gone *gone =
            &domain->gone[(domain->gone_next + UDMAR__GONE - i) % UDMAR__GONE];

        if (gone->size != 0 && address - gone->base < gone->size) {
            consider(fault, distance, address, gone->base, gone->size, UDMAR_PLACE_GONE);
            fault->near_age = udmar__domain_clock(domain) - gone->clock;
        }
    }
}

void udmar__locate(struct udmar_domain *domain, udmar_iova_t address, struct udmar_fault *fault)
{
    uint64_t page = address >> UDMAR_PAGE_SHIFT;
    uint64_t distance = UINT64_MAX;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    struct udmar__range *below = udmar__iova_at_or_below(&domain->iova, page);
    struct udmar__range *above = udmar__iova_at_or_above(&domain->iova, page);

    fault->place = UDMAR_PLACE_NOTHING;
    /* A few neighbours on each side: windows next door may be empty. */
    for (unsigned i = 0; i < 8 && below != NULL; i++) {
        consider_range(domain, below, address, fault, &distance);
        below = below->first == 0 ? NULL : udmar__iova_at_or_below(&domain->iova, below->first - 1);
    }
    for (unsigned i = 0; i < 8 && above != NULL; i++) {
        consider_range(domain, above, address, fault, &distance);
        above = udmar__iova_at_or_above(&domain->iova, above->last + 1);
    }
    consider_gone(domain, address, fault, &distance);
    udmar__unlock(domain->host, &domain->lock, state);
}
