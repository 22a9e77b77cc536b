/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain looked at as a whole: its address tree is one, its page tables are well formed, and
 * every count says what is there.
 */
#include "space/domain_invariants.h"

#include "space/pte.h"

#ifdef UDMAR_DEBUG

struct table_look {
    const struct udmar_domain *domain;
    const struct udmar__reserved_entries *reserved;
    uint64_t tables; /* seen so far */
    const char *wrong;
};

static bool is_leaf_entry(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & PTE_LARGE) != 0;
}

static bool is_reserved_entry(const struct table_look *look, udmar_iova_t iova, unsigned level)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    const struct udmar__range *range = udmar__iova_at_or_above(&look->domain->iova, page);

    return look->reserved != NULL && range != NULL && range->first <= page &&
           look->reserved->is_reserved(range, page, level);
}

/* One present leaf. */
static const char *check_leaf(const struct udmar_domain *domain, uint64_t entry, udmar_iova_t iova,
                              unsigned level)
{
    uint64_t size = UINT64_C(1) << udmar__level_shift(level);
    uint64_t known = PTE_ADDRESS | PTE_PRESENT | PTE_SNOOP | (level > 1 ? PTE_LARGE : 0);

    if ((entry & ~known) != 0) {
        return "a leaf has bits that nothing sets";
    }
    if ((entry & PTE_ADDRESS & (size - 1)) != 0) {
        return "a large leaf's memory is not aligned";
    }
    if (level > 1 && (level > 3 || (domain->superpages & (1u << (level - 2))) == 0)) {
        return "a large leaf of a size that the domain does not have";
    }
    return iova > domain->end || size - 1 > domain->end - iova ? "a leaf beyond the domain's end"
                                                               : NULL;
}

static const char *check_link(uint64_t entry)
{
    if ((entry & ~(PTE_ADDRESS | PTE_PRESENT | PTE_COUNT_MASK)) != 0) {
        return "an entry above a table has bits that nothing sets";
    }
    return (entry & PTE_PRESENT) != PTE_PRESENT ? "an entry above a table grants less than all"
                                                : NULL;
}

static void look_at_table(struct table_look *look, udmar_paddr_t table, unsigned level,
                          udmar_iova_t base, unsigned claimed);

/* Below a link. */
static void look_below(struct table_look *look, uint64_t entry, unsigned level, udmar_iova_t iova)
{
    look->wrong = check_link(entry);
    if (look->wrong == NULL) {
        look_at_table(look, entry & PTE_ADDRESS, level - 1, iova, PTE_COUNT(entry));
    }
}

/* @claimed: how many used entries the link above counts; of the root, PTES_PER_TABLE + 1. */
static void look_at_table(struct table_look *look, udmar_paddr_t table, unsigned level,
                          udmar_iova_t base, unsigned claimed)
{
    void *host = look->domain->host;
    volatile uint64_t *entries = udmar_host_page_map(host, table);
    unsigned used = 0;

    look->tables++;
    for (unsigned i = 0; i < PTES_PER_TABLE && look->wrong == NULL; i++) {
        uint64_t entry = udmar__pte_load(&entries[i]);
        udmar_iova_t iova = base + ((uint64_t)i << udmar__level_shift(level));
        bool present = (entry & PTE_PRESENT) != 0;

        used += present || is_reserved_entry(look, iova, level);
        if (!present) {
            look->wrong = entry != 0 ? "an entry that is not present is not 0" : NULL;
        } else if (is_leaf_entry(entry, level)) {
            look->wrong = check_leaf(look->domain, entry, iova, level);
        } else {
            look_below(look, entry, level, iova);
        }
    }
    udmar_host_page_unmap(host, (void *)(uintptr_t)entries);
    /* A table that a window links when it is loaded has its entries for itself: it counts none. */
    if (look->wrong == NULL && claimed <= PTES_PER_TABLE && claimed != used &&
        !(claimed == 0 && is_reserved_entry(look, base, level + 1))) {
        look->wrong = claimed == 0 ? "an empty table is linked" : "a table's count is wrong";
    }
}

static uint64_t count_limbo(const struct udmar_domain *domain)
{
    udmar_paddr_t table = domain->limbo;
    uint64_t count = 0;

    while (table != 0) {
        volatile uint64_t *link = udmar_host_page_map(domain->host, table);

        table = *link;
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
        count++;
    }
    return count;
}

static const char *check_tables(const struct udmar_domain *domain,
                                const struct udmar__reserved_entries *reserved)
{
    struct table_look look = { .domain = domain, .reserved = reserved };

    look_at_table(&look, domain->table, domain->levels, 0, PTES_PER_TABLE + 1);
    if (look.wrong != NULL) {
        return look.wrong;
    }
    look.tables += count_limbo(domain) + (reserved != NULL ? reserved->tables : 0);
    return look.tables != domain->table_pages ? "the count of table pages is wrong" : NULL;
}

static unsigned count_in_table(struct udmar_unit *unit, udmar_paddr_t table, uint16_t id)
{
    volatile uint64_t *entries = udmar_host_page_map(unit->host, table);
    unsigned count = 0;

    for (unsigned i = 0; i < 256; i++) {
        count += (uint16_t)(udmar__pte_load(&entries[2 * i + 1]) >> 8) == id;
    }
    udmar_host_page_unmap(unit->host, (void *)(uintptr_t)entries);
    return count;
}

unsigned udmar__contexts_count(struct udmar_unit *unit, uint16_t id)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    volatile uint64_t *root = udmar_host_page_map(unit->host, unit->root.physical);
    unsigned count = 0;

    for (unsigned bus = 0; bus < 256; bus++) {
        udmar_paddr_t table = udmar__pte_load(&root[2 * bus]) & PTE_ADDRESS;

        count += table != 0 ? count_in_table(unit, table, id) : 0;
    }
    udmar_host_page_unmap(unit->host, (void *)(uintptr_t)root);
    udmar__unlock(unit->host, &unit->lock, state);
    return count;
}

const char *udmar__domain_check(struct udmar_domain *domain,
                                const struct udmar__reserved_entries *reserved)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    const char *wrong = NULL;

    if (!udmar__iova_check(&domain->iova)) {
        wrong = "the address tree is out of order";
    } else if (domain->unlinking != 0 || domain->splitting != 0) {
        wrong = "a change of tables is still to be invalidated";
    } else if (domain->unconfirmed == 0 && domain->limbo != 0) {
        wrong = "tables wait for a unit that has answered";
    } else if (domain->table != 0) {
        wrong = check_tables(domain, reserved);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return wrong;
}

#endif
