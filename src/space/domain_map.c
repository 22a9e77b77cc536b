/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping and unmapping at addresses that the caller chooses. */
#include <udmar/unit.h>

#include "space/range.h"
#include "space/domain.h"
#include "space/pte.h"

static bool is_inside(const struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    return iova <= domain->end && size - 1 <= domain->end - iova;
}

bool udmar__domain_takes(const struct udmar_domain *domain, udmar_iova_t iova,
                         udmar_paddr_t physical, uint64_t size)
{
    return domain != NULL && domain->table != 0 && !domain->identity && size != 0 &&
           ((iova | physical | size) & UDMAR_PAGE_MASK) == 0 && is_inside(domain, iova, size) &&
           physical <= PTE_ADDRESS && size - 1 <= PTE_ADDRESS + UDMAR_PAGE_MASK - physical;
}

/* Ranges of these kinds are not the caller's to change. */
static bool meets_foreign(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
    UDMAR_REQUIRES(domain->lock)
{
    uint64_t last = (iova + size - 1) >> UDMAR_PAGE_SHIFT;
    struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, iova >> UDMAR_PAGE_SHIFT);

    for (; range != NULL && range->first <= last;
         range = udmar__iova_at_or_above(&domain->iova, range->last + 1)) {
        if (range->kind != UDMAR_RANGE_ALLOCATED && range->kind != UDMAR_RANGE_NULL) {
            return true;
        }
    }
    return false;
}

/* Maps and makes it visible; on failure nothing stays. */
static enum udmar_status map_checked(struct udmar_domain *domain, udmar_iova_t iova,
                                     udmar_paddr_t physical, uint64_t size, unsigned access,
                                     bool fixed)
{
    struct udmar__gather gather;
    enum udmar_status status;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__gather_init(&gather);
    if (!fixed && meets_foreign(domain, iova, size)) {
        status = UDMAR_ERR_EXISTS;
    } else {
        status =
            udmar__pages_map(domain, iova, physical, size, access | domain->leaf_flags, &gather);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    if (status != UDMAR_OK) {
        (void)udmar__gather_flush(domain, &gather);
        return status;
    }
    status = udmar__gather_flush(domain, &gather);
    if (status == UDMAR_OK) {
        status = udmar__domain_published(domain, iova, size);
    }
    if (status != UDMAR_OK) {
        udmar__gather_init(&gather);
        state = udmar__lock(domain->host, &domain->lock);
        (void)udmar__pages_unmap(domain, iova, size, &gather);
        udmar__unlock(domain->host, &domain->lock, state);
        (void)udmar__gather_flush(domain, &gather);
    }
    return status;
}

/* On failure nothing stays. */
static enum udmar_status publish_or_undo(struct udmar_domain *domain, udmar_iova_t iova,
                                         uint64_t size)
{
    enum udmar_status status = udmar_domain_publish(domain, iova, size);

    if (status != UDMAR_OK) {
        (void)udmar_domain_clear(domain, iova, size);
        (void)udmar_domain_forget(domain, iova, size);
    }
    return status;
}

enum udmar_status udmar_domain_map(struct udmar_domain *domain, udmar_iova_t iova,
                                   udmar_paddr_t physical, uint64_t size, unsigned access)
{
    if (!udmar__domain_takes(domain, iova, physical, size) || access == 0 ||
        (access & ~(unsigned)UDMAR_READ_WRITE) != 0) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (UDMAR__UNLIKELY(domain->keeps_tables) && udmar__kept_meets(domain, iova, size)) {
        enum udmar_status status = udmar_domain_write(domain, iova, physical, size, access);

        return status == UDMAR_OK ? publish_or_undo(domain, iova, size) : status;
    }
    return map_checked(domain, iova, physical, size, access, false);
}

enum udmar_status udmar__domain_map_fixed(struct udmar_domain *domain, udmar_iova_t iova,
                                          udmar_paddr_t physical, uint64_t size, unsigned access)
{
    if (!is_inside(domain, iova, size)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    return map_checked(domain, iova, physical, size, access, true);
}

enum udmar_status udmar__domain_map_ordinary(struct udmar_domain *domain, udmar_iova_t iova,
                                             udmar_paddr_t physical, uint64_t size, unsigned access)
{
    return map_checked(domain, iova, physical, size, access, false);
}

enum udmar_status udmar__domain_unmap_ordinary(struct udmar_domain *domain, udmar_iova_t iova,
                                               uint64_t size)
{
    struct udmar__gather gather;
    enum udmar_status status;
    enum udmar_status flushed;
    uintptr_t state;

    udmar__gather_init(&gather);
    state = udmar__lock(domain->host, &domain->lock);
    if (meets_foreign(domain, iova, size)) {
        status = UDMAR_ERR_ARGUMENT;
    } else {
        status = udmar__pages_unmap(domain, iova, size, &gather);
        if (status == UDMAR_OK) {
            udmar__note_ended(domain, iova, size);
        }
    }
    udmar__unlock(domain->host, &domain->lock, state);
    flushed = udmar__gather_flush(domain, &gather);
    return status != UDMAR_OK ? status : flushed;
}

enum udmar_status udmar_domain_unmap(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    enum udmar_status status;
    enum udmar_status flushed;

    if (!udmar__domain_takes(domain, iova, 0, size)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!domain->keeps_tables || !udmar__kept_meets(domain, iova, size)) {
        return udmar__domain_unmap_ordinary(domain, iova, size);
    }
    status = udmar_domain_clear(domain, iova, size);
    flushed = udmar_domain_forget(domain, iova, size);
    return status != UDMAR_OK ? status : flushed;
}

bool udmar_domain_next_mapping(struct udmar_domain *domain, udmar_iova_t from,
                               struct udmar_mapping_info *out_mapping)
{
    uintptr_t state;
    bool found;

    if (domain == NULL || domain->table == 0) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    found = udmar__pages_next(domain, from, out_mapping);
    udmar__unlock(domain->host, &domain->lock, state);
    return found;
}

unsigned udmar_domain_walk(struct udmar_domain *domain, udmar_iova_t iova,
                           struct udmar_walk_step out_steps[5])
{
    unsigned count;
    uintptr_t state;

    if (domain == NULL || domain->table == 0 || iova > domain->end) {
        return 0;
    }
    state = udmar__lock(domain->host, &domain->lock);
    count = udmar__page_table_walk(domain, iova, out_steps);
    udmar__unlock(domain->host, &domain->lock, state);
    return count;
}

enum udmar_status udmar_domain_translate(struct udmar_domain *domain, udmar_iova_t iova,
                                         udmar_paddr_t *out_physical, unsigned *out_access,
                                         uint64_t *out_page)
{
    struct udmar_walk_step steps[5];
    unsigned access = UDMAR_READ_WRITE;
    unsigned count = udmar_domain_walk(domain, iova, steps);
    uint64_t page;

    if (count == 0) {
        return UDMAR_ERR_ARGUMENT;
    }
    /* Rights are those that every level grants. */
    for (unsigned i = 0; i < count; i++) {
        access &= (unsigned)(steps[i].entry & PTE_PRESENT);
    }
    page = UINT64_C(1) << udmar__level_shift(steps[count - 1].level);
    if (out_access != NULL) {
        *out_access = access;
    }
    if (out_page != NULL) {
        *out_page = page;
    }
    if (access == 0) {
        return UDMAR_ERR_NOT_FOUND;
    }
    if (out_physical != NULL) {
        *out_physical =
            udmar__align_down(steps[count - 1].entry & PTE_ADDRESS, page) | (iova & (page - 1));
    }
    return UDMAR_OK;
}

void udmar_domain_info(struct udmar_domain *domain, struct udmar_domain_info *out_info)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    *out_info = (struct udmar_domain_info){
        .levels = domain->pass_through ? 0 : domain->levels,
        .width = 12 + 9 * domain->levels,
        .end = domain->end,
        .superpages = domain->superpages,
        .identity = domain->identity,
        .owned = domain->owned,
        .snoop = domain->leaf_flags != 0,
        .strict = domain->strict,
        .table_pages = domain->table_pages,
        .ranges = domain->iova.count,
    };
    for (struct udmar__binding *binding = domain->bindings; binding != NULL;
         binding = binding->next) {
        out_info->devices += binding->context_refs;
        out_info->units++;
    }
    if (domain->bindings != NULL) {
        out_info->domain_id = domain->bindings->id;
    }
    udmar__unlock(domain->host, &domain->lock, state);
}
