/* SPDX-License-Identifier: BSD-2-Clause */
/* What the page tables of a domain map: pages in, pages out, entries kept for their owners. */
#include "space/superpage.h"

/* Fills entries of one table until it ends, or something is there. Returns how many. */
static unsigned fill_ptes(struct udmar__walk *walk, unsigned level, udmar_paddr_t physical,
                          uint64_t size, uint64_t flags)
{
    volatile uint64_t *entry = udmar__walk_entry(walk, level);
    unsigned room = PTES_PER_TABLE - udmar__level_index(walk->iova, level);
    unsigned shift = udmar__level_shift(level);
    unsigned count = 0;

    UDMAR_ASSERT(((walk->iova | physical) & ((UINT64_C(1) << shift) - 1)) == 0);
    for (; count < room && (size >> shift) > count; count++) {
        if (udmar__is_present(udmar__pte_load(&entry[count]))) {
            break;
        }
        udmar__pte_store(&entry[count], (physical + ((uint64_t)count << shift)) | flags);
    }
    if (count > 0) {
        udmar__table_flush(walk->domain, entry, count);
        udmar__table_add_count(walk, level, (int)count);
    }
    return count;
}

static enum udmar_status map_piece(struct udmar__walk *walk, udmar_iova_t iova,
                                   udmar_paddr_t physical, uint64_t size, unsigned access,
                                   uint64_t *out_done)
{
    unsigned level = udmar__leaf_level(walk->domain, iova, physical, size);
    enum udmar_status status = udmar__walk_to(walk, iova, level, true);
    unsigned count;

    if (status != UDMAR_OK) {
        return status;
    }
    /* A table of small pages is there already, kept by a window next door: use it. */
    while (level > 1 && udmar__is_present(udmar__pte_load(udmar__walk_entry(walk, level)))) {
        level--;
        status = udmar__walk_to(walk, iova, level, true);
        if (status != UDMAR_OK) {
            return status;
        }
    }
    count = fill_ptes(walk, level, physical, size, access | (level > 1 ? PTE_LARGE : 0));
    *out_done = (uint64_t)count << udmar__level_shift(level);
    return count > 0 ? UDMAR_OK : UDMAR_ERR_EXISTS;
}

/*
 * While an unlinked table is still to be invalidated, the unit may know the old one in the
 * place of a new one that leads to [iova, iova + size): before that range is used it is invalidated
 * as well.
 */
static void outrun_unlinking(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size,
                             struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock)
{
    if (domain->unlinking != 0) {
        gather->tables_changed = true;
        udmar__gather_add(gather, iova, iova + size - 1);
    }
}

enum udmar_status udmar__pages_map(struct udmar_domain *domain, udmar_iova_t iova,
                                   udmar_paddr_t physical, uint64_t size, unsigned access,
                                   struct udmar__gather *gather)
{
    enum udmar_status status = UDMAR_OK;
    uint64_t done = 0;
    bool full = false; /* a table before the last one */
    struct udmar__walk walk;

    UDMAR__ASSERT_HELD(&domain->lock);
    UDMAR_ASSERT(size > 0 && ((iova | physical | size) & UDMAR_PAGE_MASK) == 0);
    UDMAR_ASSERT(iova <= domain->end && size - 1 <= domain->end - iova);
    udmar__walk_begin(&walk, domain);
    while (done < size && status == UDMAR_OK) {
        uint64_t step = 0;

        status = map_piece(&walk, iova + done, physical + done, size - done, access, &step);
        done += step;
        full = full || (done < size && status == UDMAR_OK && udmar__table_is_full(&walk));
    }
    /* Not before nothing can fail any more: to take a large leaf back may need memory. */
    if (status == UDMAR_OK && full) {
        udmar__tables_promote(&walk, iova, size, gather);
    } else if (status == UDMAR_OK) {
        udmar__table_promote(&walk, gather);
    } else {
        /* Tables that were made for the piece that failed hold nothing. */
        udmar__tables_prune(&walk, gather);
    }
    udmar__walk_end(&walk);
    if (status != UDMAR_OK && done > 0) {
        /* All of [iova, iova + done) is ours and whole: nothing can be in the way. */
        (void)udmar__pages_unmap(domain, iova, done, gather);
    }
    if (status == UDMAR_OK) {
        outrun_unlinking(domain, iova, size, gather);
    }
    return status;
}

/* Clears the entries of one table in [walk->iova, last]; returns the bytes passed over. */
static uint64_t clear_ptes(struct udmar__walk *walk, udmar_iova_t last,
                           struct udmar__gather *gather)
{
    unsigned level = walk->lowest;
    unsigned index = udmar__level_index(walk->iova, level);
    unsigned shift = udmar__level_shift(level);
    uint64_t want = (last >> shift) - (walk->iova >> shift) + 1;
    unsigned count = (unsigned)udmar__min(want, PTES_PER_TABLE - index);
    volatile uint64_t *entry = udmar__walk_entry(walk, level);
    int cleared = 0;

    /* Above level 1 only the one large leaf that stopped the walk. */
    count = level > 1 ? 1 : count;
    for (unsigned i = 0; i < count; i++) {
        if (udmar__is_present(udmar__pte_load(&entry[i]))) {
            udmar__pte_store(&entry[i], 0);
            cleared++;
        }
    }
    if (cleared > 0) {
        udmar__table_flush(walk->domain, entry, count);
        udmar__gather_add(gather, walk->iova, walk->iova + ((uint64_t)count << shift) - 1);
        udmar__table_add_count(walk, level, -cleared);
        udmar__tables_prune(walk, gather);
    }
    return (uint64_t)count << shift;
}

enum udmar_status udmar__pages_unmap(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size,
                                     struct udmar__gather *gather)
{
    udmar_iova_t last = iova + size - 1;
    enum udmar_status status;
    struct udmar__walk walk;

    UDMAR__ASSERT_HELD(&domain->lock);
    UDMAR_ASSERT(size > 0 && iova <= domain->end && size - 1 <= domain->end - iova);
    if (domain->unlinking != 0) {
        /* The unit may know a table that is no longer linked: what ends here must end there. */
        gather->tables_changed = true;
    }
    if (domain->splitting != 0) {
        /* It may know a large leaf, too, which goes only with a request for all that it covered. */
        udmar__gather_add(gather, 0, domain->end);
    }
    udmar__walk_begin(&walk, domain);
    /* Both ends first: this can fail, and then nothing has been taken away yet. */
    status = udmar__leaf_split_at(&walk, iova, gather);
    if (status == UDMAR_OK && last < domain->end) {
        status = udmar__leaf_split_at(&walk, last + 1, gather);
    }
    while (status == UDMAR_OK && size > 0) {
        uint64_t step;

        if (udmar__walk_to(&walk, iova, 1, false) == UDMAR_ERR_NOT_FOUND) {
            uint64_t hole = UINT64_C(1) << udmar__level_shift(walk.lowest);

            step = hole - (iova & (hole - 1));
        } else {
            step = clear_ptes(&walk, last, gather);
        }
        step = udmar__min(step, size);
        iova += step;
        size -= step;
    }
    udmar__walk_end(&walk);
    return status;
}

enum udmar_status udmar__ptes_reserve(struct udmar_domain *domain, udmar_iova_t iova,
                                      unsigned level, unsigned count, udmar_paddr_t *out_table,
                                      struct udmar__gather *gather)
{
    struct udmar__walk walk;
    enum udmar_status status;

    UDMAR__ASSERT_HELD(&domain->lock);
    UDMAR_ASSERT(count > 0 && udmar__level_index(iova, level) + count <= PTES_PER_TABLE);
    udmar__walk_begin(&walk, domain);
    status = udmar__walk_to(&walk, iova, level, true);
    if (status == UDMAR_OK) {
        udmar__table_add_count(&walk, level, (int)count);
        *out_table = level == domain->levels
                         ? domain->table
                         : udmar__pte_load(udmar__walk_entry(&walk, level + 1)) & PTE_ADDRESS;
        outrun_unlinking(domain, iova, (uint64_t)count << udmar__level_shift(level), gather);
    } else {
        udmar__tables_prune(&walk, gather);
    }
    udmar__walk_end(&walk);
    return status;
}

void udmar__ptes_release(struct udmar_domain *domain, udmar_iova_t iova, unsigned level,
                         unsigned count, struct udmar__gather *gather)
{
    struct udmar__walk walk;

    UDMAR__ASSERT_HELD(&domain->lock);
    udmar__walk_begin(&walk, domain);
    if (udmar__walk_to(&walk, iova, level, false) == UDMAR_OK) {
        udmar__table_add_count(&walk, level, -(int)count);
        udmar__gather_add(gather, iova, iova + ((uint64_t)count << udmar__level_shift(level)) - 1);
        udmar__tables_prune(&walk, gather);
    }
    udmar__walk_end(&walk);
}

/* Below one table, from @from on. */
static bool find_leaf(struct udmar_domain *domain, udmar_paddr_t table, unsigned level,
                      udmar_iova_t base, udmar_iova_t from, struct udmar_mapping_info *out_mapping)
{
    volatile uint64_t *entries = udmar_host_page_map(domain->host, table);
    unsigned shift = udmar__level_shift(level);
    bool found = false;

    for (uint64_t i = from > base ? (from - base) >> shift : 0; i < PTES_PER_TABLE && !found; i++) {
        uint64_t entry = udmar__pte_load(&entries[i]);
        uint64_t size = UINT64_C(1) << shift;

        if (!udmar__is_present(entry)) {
            continue;
        }
        found = udmar__is_leaf(entry, level);
        if (found) {
            *out_mapping = (struct udmar_mapping_info){
                .iova = base + (i << shift),
                .physical = udmar__align_down(entry & PTE_ADDRESS, size),
                .size = size,
                .access = (unsigned)(entry & PTE_PRESENT),
            };
        } else {
            found = find_leaf(domain, entry & PTE_ADDRESS, level - 1, base + (i << shift), from,
                              out_mapping);
        }
    }
    udmar_host_page_unmap(domain->host, (void *)(uintptr_t)entries);
    return found;
}

bool udmar__pages_next(struct udmar_domain *domain, udmar_iova_t iova,
                       struct udmar_mapping_info *out_mapping)
{
    return iova <= domain->end &&
           find_leaf(domain, domain->table, domain->levels, 0, iova, out_mapping);
}

unsigned udmar__page_table_walk(struct udmar_domain *domain, udmar_iova_t iova,
                                struct udmar_walk_step steps[5])
{
    udmar_paddr_t table = domain->table;
    unsigned count = 0;

    for (unsigned level = domain->levels; level > 0; level--) {
        volatile uint64_t *entries = udmar_host_page_map(domain->host, table);
        unsigned index = udmar__level_index(iova, level);
        uint64_t entry = udmar__pte_load(&entries[index]);

        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)entries);
        steps[count++] = (struct udmar_walk_step){
            .level = level, .index = index, .table = table, .entry = entry
        };
        if (!udmar__is_present(entry) || udmar__is_leaf(entry, level)) {
            break;
        }
        table = entry & PTE_ADDRESS;
    }
    return count;
}
