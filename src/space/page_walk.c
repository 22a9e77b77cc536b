/* SPDX-License-Identifier: BSD-2-Clause */
/* The walker of page tables, and tables that come and go; page_walk.h says more. */
#include "space/page_walk.h"

void udmar__walk_begin(struct udmar__walk *walk, struct udmar_domain *domain)
{
    walk->domain = domain;
    walk->iova = 0;
    walk->lowest = domain->levels;
    walk->table[domain->levels] = udmar_host_page_map(domain->host, domain->table);
}

void udmar__walk_up_to(struct udmar__walk *walk, unsigned level)
{
    for (; walk->lowest < level; walk->lowest++) {
        udmar_host_page_unmap(walk->domain->host, (void *)(uintptr_t)walk->table[walk->lowest]);
    }
}

void udmar__walk_end(struct udmar__walk *walk)
{
    udmar__walk_up_to(walk, walk->domain->levels + 1);
}

void udmar__table_flush(const struct udmar_domain *domain, const volatile uint64_t *entry,
                        unsigned count)
{
    if (!domain->coherent) {
        udmar_host_cache_flush(domain->host, (const void *)(uintptr_t)entry,
                               count * sizeof(*entry));
    }
}

enum udmar_status udmar__page_table_alloc(struct udmar_domain *domain, udmar_paddr_t *out_table)
{
    struct udmar_page page;

    UDMAR__ASSERT_HELD(&domain->lock);
    if (!udmar_host_page_alloc(domain->host, 1, UINT64_MAX, false, &page)) {
        return UDMAR_ERR_MEMORY;
    }
    if (!domain->coherent) {
        /* The zeroes must be in memory before anything points here. */
        void *zeroes = udmar_host_page_map(domain->host, page.physical);

        udmar_host_cache_flush(domain->host, zeroes, UDMAR_PAGE_SIZE);
        udmar_host_page_unmap(domain->host, zeroes);
    }
    domain->table_pages++;
    *out_table = page.physical;
    return UDMAR_OK;
}

void udmar__table_add_count(const struct udmar__walk *walk, unsigned level, int change)
{
    /* The root table has no parent and is never given back. */
    if (level < walk->domain->levels) {
        volatile uint64_t *parent = udmar__walk_entry(walk, level + 1);
        int count = (int)PTE_COUNT(udmar__pte_load(parent)) + change;

        UDMAR_ASSERT(count >= 0 && count <= (int)PTES_PER_TABLE);
        udmar__pte_set_count(parent, (unsigned)count);
    }
}

/* The analysis cannot see that walk->domain is the domain whose lock is held. */
static enum udmar_status add_table(struct udmar__walk *walk) UDMAR_NO_LOCK_ANALYSIS
{
    volatile uint64_t *entry = udmar__walk_entry(walk, walk->lowest);
    udmar_paddr_t table;
    enum udmar_status status = udmar__page_table_alloc(walk->domain, &table);

    if (status != UDMAR_OK) {
        return status;
    }
    udmar__pte_store(entry, table | PTE_PRESENT);
    udmar__table_flush(walk->domain, entry, 1);
    udmar__table_add_count(walk, walk->lowest, 1);
    return UDMAR_OK;
}

enum udmar_status udmar__walk_to(struct udmar__walk *walk, udmar_iova_t iova, unsigned level,
                                 bool create)
{
    unsigned keep = walk->lowest;

    UDMAR_ASSERT(iova <= walk->domain->end && level >= 1 && level <= walk->domain->levels);
    while (((walk->iova ^ iova) >> udmar__level_shift(keep + 1)) != 0) {
        keep++;
    }
    udmar__walk_up_to(walk, keep > level ? keep : level);
    walk->iova = iova;
    while (walk->lowest > level) {
        uint64_t entry = udmar__pte_load(udmar__walk_entry(walk, walk->lowest));

        if (!udmar__is_present(entry)) {
            enum udmar_status status = create ? add_table(walk) : UDMAR_ERR_NOT_FOUND;

            if (status != UDMAR_OK) {
                return status;
            }
            entry = udmar__pte_load(udmar__walk_entry(walk, walk->lowest));
        } else if (udmar__is_leaf(entry, walk->lowest)) {
            return UDMAR_ERR_EXISTS;
        }
        walk->table[walk->lowest - 1] =
            udmar_host_page_map(walk->domain->host, entry & PTE_ADDRESS);
        walk->lowest--;
    }
    return UDMAR_OK;
}

void udmar__tables_prune(struct udmar__walk *walk, struct udmar__gather *gather)
{
    while (walk->lowest < walk->domain->levels && udmar__table_count(walk, walk->lowest) == 0) {
        volatile uint64_t *empty = walk->table[walk->lowest];
        volatile uint64_t *parent = udmar__walk_entry(walk, walk->lowest + 1);
        udmar_paddr_t table = udmar__pte_load(parent) & PTE_ADDRESS;

        udmar__pte_store(parent, 0);
        udmar__table_flush(walk->domain, parent, 1);
        /* One address below it is enough: the hint is off, so all that leads there goes. */
        udmar__gather_add(gather, walk->iova, walk->iova);
        /*
         * Hardware may still walk the table until it has been invalidated. The chain of tables to
         * free goes through entry 0: an aligned address has neither R nor W, so it is no mapping.
         */
        udmar__pte_store(empty, gather->tables);
        gather->tables = table;
        gather->tables_changed = true;
        gather->unlinked++;
        walk->domain->unlinking++;
        udmar__walk_up_to(walk, walk->lowest + 1);
        udmar__table_add_count(walk, walk->lowest, -1);
    }
}
