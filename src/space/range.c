/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses that callers ask for: handing them out, taking them back, and what is in use. */
#include "space/range.h"
#include "space/domain.h"

void udmar__note_ended(struct udmar_domain *domain, udmar_iova_t base, uint64_t size)
{
    domain->ended[domain->ended_next] = (struct udmar__ended_mapping){
        .base = base,
        .size = size,
        /* Its own invalidation, which is about to be asked for, does not make it older. */
        .clock = udmar__domain_clock(domain) + 1,
    };
    domain->ended_next = (domain->ended_next + 1) % UDMAR__ENDED;
}

static enum udmar_status alloc_range(struct udmar_domain *domain, uint64_t pages, uint64_t bytes,
                                     const struct udmar_iova_limits *limits,
                                     struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool found = udmar__iova_find(&domain->iova, pages, bytes, limits, &range->first);
    if (found) {
        range->last = range->first + pages - 1;
        found = udmar__iova_insert(&domain->iova, range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found ? UDMAR_OK : UDMAR_ERR_IOVA;
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
    status = alloc_range(domain, pages, size, limits, range);
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

bool udmar__caller_maps(struct udmar_domain *domain, udmar_iova_t first, udmar_iova_t last)
{
    struct udmar_mapping_info leaf;

    while (first <= last && udmar__pages_next(domain, first, &leaf) && leaf.iova <= last) {
        uint64_t page = udmar__max(leaf.iova, first) >> UDMAR_PAGE_SHIFT;
        const struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, page);

        if (range == NULL || range->first > page || range->kind != UDMAR_RANGE_FIRMWARE) {
            return true;
        }
        first = (range->last + 1) << UDMAR_PAGE_SHIFT;
    }
    return false;
}

bool udmar__domain_in_use(struct udmar_domain *domain)
{
    struct udmar__range *range;
    uintptr_t state;
    bool used;

    if (domain->table == 0 || domain->identity) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    used = udmar__caller_maps(domain, 0, domain->end);
    range = udmar__iova_at_or_above(&domain->iova, 0);
    for (; range != NULL && !used;
         range = udmar__iova_at_or_above(&domain->iova, range->last + 1)) {
        used = range->kind == UDMAR_RANGE_ALLOCATED && !range->of_load;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return used;
}
