/* SPDX-License-Identifier: BSD-2-Clause */
/* What must happen after a change of page tables before anything else may rely on it [VTD 6.5]. */
#include "space/domain.h"
#include "space/pte.h"

void udmar__gather_init(struct udmar__gather *gather)
{
    *gather = (struct udmar__gather){ .first = UINT64_MAX, .last = 0 };
}

void udmar__gather_add(struct udmar__gather *gather, udmar_iova_t first, udmar_iova_t last)
{
    gather->first = udmar__min(gather->first, first);
    gather->last = udmar__max(gather->last, last);
}

/* A chain of tables goes through the first entry of each. */
static volatile uint64_t *chain_link(struct udmar_domain *domain, udmar_paddr_t table)
{
    UDMAR_ASSERT((table & UDMAR_PAGE_MASK) == 0);
    return udmar_host_page_map(domain->host, table);
}

static void free_tables(struct udmar_domain *domain, udmar_paddr_t table)
{
    uint64_t freed = 0;
    uintptr_t state;

    while (table != 0) {
        struct udmar_page page = { .physical = table };
        volatile uint64_t *link = chain_link(domain, table);

        table = *link;
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
        udmar_host_page_free(domain->host, &page, 1);
        freed++;
    }
    if (freed > 0) {
        state = udmar__lock(domain->host, &domain->lock);
        UDMAR_ASSERT(domain->table_pages >= freed);
        domain->table_pages -= freed;
        udmar__unlock(domain->host, &domain->lock, state);
    }
}

/* Large leaves stand in their place, in all caches too. */
static void free_replaced(struct udmar_domain *domain, struct udmar__gather *gather)
{
    uintptr_t state;

    if (gather->replaced_count == 0) {
        return;
    }
    for (unsigned i = 0; i < gather->replaced_count; i++) {
        struct udmar_page page = { .physical = gather->replaced[i] };

        udmar_host_page_free(domain->host, &page, 1);
    }
    state = udmar__lock(domain->host, &domain->lock);
    UDMAR_ASSERT(domain->table_pages >= gather->replaced_count);
    domain->table_pages -= gather->replaced_count;
    udmar__unlock(domain->host, &domain->lock, state);
    gather->replaced_count = 0;
}

/* Now a link may be written into them: the unit is beyond help. */
static void chain_replaced(struct udmar_domain *domain, struct udmar__gather *gather)
{
    while (gather->replaced_count > 0) {
        udmar_paddr_t table = gather->replaced[--gather->replaced_count];
        volatile uint64_t *link = chain_link(domain, table);

        udmar__pte_store(link, gather->tables);
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
        gather->tables = table;
    }
}

/* Puts a chain in front of those that wait for a unit which has not answered. */
static void keep_tables(struct udmar_domain *domain, udmar_paddr_t chain)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    while (chain != 0) {
        volatile uint64_t *link = chain_link(domain, chain);
        udmar_paddr_t next = *link;

        udmar__pte_store(link, domain->limbo);
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
        domain->limbo = chain;
        chain = next;
    }
    __atomic_store_n(&domain->unconfirmed, domain->unconfirmed + 1, __ATOMIC_RELEASE);
    udmar__unlock(domain->host, &domain->lock, state);
}

/* The whole domain has been invalidated since @seen failures: what waited for that is free. */
static void confirm_domain(struct udmar_domain *domain, unsigned seen)
{
    udmar_paddr_t chain = 0;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    if (domain->unconfirmed == seen) {
        __atomic_store_n(&domain->unconfirmed, 0, __ATOMIC_RELEASE);
        chain = domain->limbo;
        domain->limbo = 0;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    free_tables(domain, chain);
}

static enum udmar_status invalidate_units(struct udmar_domain *domain, udmar_iova_t iova,
                                          uint64_t size, bool leaf_only)
{
    enum udmar_status result = UDMAR_OK;

    for (struct udmar__binding *binding = domain->bindings; binding != NULL;
         binding = binding->next) {
        struct udmar__request request =
            udmar__iotlb_range(binding->unit, binding->id, iova, size, leaf_only);
        enum udmar_status status = udmar__invalidate(binding->unit, &request, 1, true, NULL);

        result = status != UDMAR_OK ? status : result;
    }
    return result;
}

/* What was changed is known to nobody's caches any more, or `unconfirmed` says that it may be. */
static void unlinking_done(struct udmar_domain *domain, struct udmar__gather *gather)
{
    uintptr_t state;

    if (gather->unlinked + gather->split != 0) {
        state = udmar__lock(domain->host, &domain->lock);
        UDMAR_ASSERT(domain->unlinking >= gather->unlinked && domain->splitting >= gather->split);
        domain->unlinking -= gather->unlinked;
        domain->splitting -= gather->split;
        udmar__unlock(domain->host, &domain->lock, state);
        gather->unlinked = 0;
        gather->split = 0;
    }
}

enum udmar_status udmar__gather_flush(struct udmar_domain *domain, struct udmar__gather *gather)
{
    unsigned unconfirmed = __atomic_load_n(&domain->unconfirmed, __ATOMIC_ACQUIRE);
    enum udmar_status status = UDMAR_OK;

    if (unconfirmed == 0 && gather->first <= gather->last) {
        status = invalidate_units(domain, gather->first, gather->last - gather->first + 1,
                                  !gather->tables_changed);
    } else if (unconfirmed != 0 || gather->tables != 0) {
        /* Tables that nothing points to any more, or addresses that an earlier call has left. */
        status = invalidate_units(domain, 0, domain->end + 1, false);
    }
    if (status != UDMAR_OK) {
        chain_replaced(domain, gather);
        keep_tables(domain, gather->tables);
        /* From here on everybody asks for the whole domain anyway, until that succeeds once. */
        unlinking_done(domain, gather);
    } else {
        unlinking_done(domain, gather);
        free_replaced(domain, gather);
        free_tables(domain, gather->tables);
        if (unconfirmed != 0) {
            confirm_domain(domain, unconfirmed);
        }
    }
    gather->tables = 0;
    return status;
}

enum udmar_status udmar__domain_published(struct udmar_domain *domain, udmar_iova_t iova,
                                          uint64_t size)
{
    enum udmar_status result = UDMAR_OK;

    for (struct udmar__binding *binding = domain->bindings; binding != NULL;
         binding = binding->next) {
        enum udmar_status status;

        if (binding->unit->facts.caching_mode) {
            struct udmar__request request =
                udmar__iotlb_range(binding->unit, binding->id, iova, size, false);

            status = udmar__invalidate(binding->unit, &request, 1, true, NULL);
        } else {
            /* Who does not know the tables has nothing of them to miss. */
            status = udmar__knows_tables(binding->unit) ? udmar__write_buffer_flush(binding->unit)
                                                        : UDMAR_OK;
        }
        result = status != UDMAR_OK ? status : result;
    }
    return result;
}
