/* SPDX-License-Identifier: BSD-2-Clause */
/* Superpage promotion and split; superpage.h says more. */
#include "space/superpage.h"

unsigned udmar__leaf_level(const struct udmar_domain *domain, udmar_iova_t iova,
                           udmar_paddr_t physical, uint64_t size)
{
    for (unsigned level = domain->levels < 3 ? domain->levels : 3; level > 1; level--) {
        uint64_t bytes = UINT64_C(1) << udmar__level_shift(level);

        if ((domain->superpages & (1u << (level - 2))) && size >= bytes &&
            ((iova | physical) & (bytes - 1)) == 0) {
            return level;
        }
    }
    return 1;
}

bool udmar__table_is_full(const struct udmar__walk *walk)
{
    return walk->lowest < walk->domain->levels && walk->lowest <= 2 &&
           (walk->domain->superpages & (1u << (walk->lowest - 1))) != 0 &&
           udmar__table_count(walk, walk->lowest) == PTES_PER_TABLE;
}

/* Do the entries of the table say together what one entry of the level above can say? */
static bool is_one_leaf(const volatile uint64_t *table, unsigned level, uint64_t first)
{
    uint64_t step = UINT64_C(1) << udmar__level_shift(level);

    if (!udmar__is_present(first) || !udmar__is_leaf(first, level) ||
        (first & PTE_ADDRESS & (step * PTES_PER_TABLE - 1)) != 0) {
        return false;
    }
    for (unsigned i = 1; i < PTES_PER_TABLE; i++) {
        if (udmar__pte_load(&table[i]) != first + i * step) {
            return false;
        }
    }
    return true;
}

/*
 * Does all of [base, last] belong to one range of addresses, or to none? A neighbour could end his
 * part of a large leaf only with memory for a table again, and a window keeps where its entries
 * are.
 */
static bool is_one_owners(const struct udmar_domain *domain, udmar_iova_t base, udmar_iova_t last)
{
    const struct udmar__range *range =
        udmar__iova_at_or_above(&domain->iova, base >> UDMAR_PAGE_SHIFT);

    return range == NULL || range->first > last >> UDMAR_PAGE_SHIFT ||
           (range->first <= base >> UDMAR_PAGE_SHIFT && range->last >= last >> UDMAR_PAGE_SHIFT);
}

void udmar__table_promote(struct udmar__walk *walk, struct udmar__gather *gather)
{
    struct udmar_domain *domain = walk->domain;

    while (udmar__table_is_full(walk) && gather->replaced_count < UDMAR__REPLACED) {
        unsigned level = walk->lowest;
        volatile uint64_t *table = walk->table[level];
        volatile uint64_t *parent = udmar__walk_entry(walk, level + 1);
        uint64_t first = udmar__pte_load(&table[0]);
        uint64_t size = UINT64_C(1) << udmar__level_shift(level + 1);
        udmar_iova_t base = udmar__align_down(walk->iova, size);

        UDMAR_ASSERT((domain->superpages & (1u << (level - 1))) != 0);
        if (!is_one_leaf(table, level, first) || !is_one_owners(domain, base, base + size - 1)) {
            return;
        }
        gather->replaced[gather->replaced_count++] = udmar__pte_load(parent) & PTE_ADDRESS;
        udmar__pte_replace(parent, first | PTE_LARGE);
        udmar__table_flush(domain, parent, 1);
        gather->tables_changed = true;
        udmar__gather_add(gather, base, base + size - 1);
        /* Whoever changes something here before that goes beyond the old table as well. */
        gather->unlinked++;
        domain->unlinking++;
        udmar__walk_up_to(walk, level + 1);
    }
}

void udmar__tables_promote(struct udmar__walk *walk, udmar_iova_t iova, uint64_t size,
                           struct udmar__gather *gather)
{
    uint64_t step = UINT64_C(1) << udmar__level_shift(2);

    for (udmar_iova_t at = iova; at - iova < size; at = udmar__align_down(at, step) + step) {
        (void)udmar__walk_to(walk, at, 1, false);
        udmar__table_promote(walk, gather);
    }
}

/*
 * Replaces a large leaf at walk->lowest by a table that says the same. The entry changes in one
 * step between two equal translations, so a device that uses the page notices nothing.
 */
static enum udmar_status split_leaf(struct udmar__walk *walk,
                                    struct udmar__gather *gather) UDMAR_NO_LOCK_ANALYSIS
{
    unsigned level = walk->lowest;
    volatile uint64_t *entry = udmar__walk_entry(walk, level);
    uint64_t large = udmar__pte_load(entry);
    unsigned shift = udmar__level_shift(level - 1);
    udmar_iova_t first = udmar__align_down(walk->iova, UINT64_C(1) << (shift + 9));
    uint64_t keep = level - 1 > 1 ? ~UINT64_C(0) : ~PTE_LARGE;
    volatile uint64_t *small;
    udmar_paddr_t table;
    enum udmar_status status = udmar__page_table_alloc(walk->domain, &table);

    UDMAR_ASSERT(level > 1 && (large & PTE_LARGE) != 0);
    if (status != UDMAR_OK) {
        return status;
    }
    small = udmar_host_page_map(walk->domain->host, table);
    for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
        udmar__pte_store(&small[i], (large & keep) + ((uint64_t)i << shift));
    }
    udmar__table_flush(walk->domain, small, PTES_PER_TABLE);
    udmar_host_page_unmap(walk->domain->host, (void *)(uintptr_t)small);
    udmar__pte_replace(entry, table | PTE_PRESENT | (uint64_t)PTES_PER_TABLE << PTE_COUNT_SHIFT);
    udmar__table_flush(walk->domain, entry, 1);
    gather->tables_changed = true;
    udmar__gather_add(gather, first, first + ((uint64_t)PTES_PER_TABLE << shift) - 1);
    gather->split++;
    walk->domain->splitting++;
    return UDMAR_OK;
}

enum udmar_status udmar__leaf_split_at(struct udmar__walk *walk, udmar_iova_t iova,
                                       struct udmar__gather *gather)
{
    while (udmar__walk_to(walk, iova, 1, false) == UDMAR_ERR_EXISTS) {
        enum udmar_status status;

        if ((iova & ((UINT64_C(1) << udmar__level_shift(walk->lowest)) - 1)) == 0) {
            break;
        }
        status = split_leaf(walk, gather);
        if (status != UDMAR_OK) {
            return status;
        }
    }
    return UDMAR_OK;
}
