/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level page tables: one walker for all levels that keeps its place [VTD 3.7, 9.8].
 *
 * Each non-leaf entry counts, in bits that hardware ignores, how many entries of its table are
 * present or reserved by a window. A table whose count drops to zero is unlinked at once and freed
 * after the invalidation that makes it unreachable.
 */
#include "space/domain.h"
#include "space/pte.h"

/*
 * The tables from the root down to `lowest` are mapped; they are those that cover `iova`.
 */
struct walk {
    struct udmar_domain *domain;
    udmar_iova_t iova;
    unsigned lowest;
    volatile uint64_t *table[7];
};

static void walk_begin(struct walk *walk, struct udmar_domain *domain)
{
    walk->domain = domain;
    walk->iova = 0;
    walk->lowest = domain->levels;
    walk->table[domain->levels] = udmar_host_page_map(domain->host, domain->table);
}

/* Leaves the tables below @level, the deepest first. */
static void walk_up_to(struct walk *walk, unsigned level)
{
    for (; walk->lowest < level; walk->lowest++) {
        udmar_host_page_unmap(walk->domain->host, (void *)(uintptr_t)walk->table[walk->lowest]);
    }
}

static void walk_end(struct walk *walk)
{
    walk_up_to(walk, walk->domain->levels + 1);
}

static volatile uint64_t *entry_at(const struct walk *walk, unsigned level)
{
    return &walk->table[level][udmar__level_index(walk->iova, level)];
}

static void flush_table(const struct udmar_domain *domain, const volatile uint64_t *entry,
                        unsigned count)
{
    if (!domain->coherent) {
        udmar_host_cache_flush(domain->host, (const void *)(uintptr_t)entry,
                               count * sizeof(*entry));
    }
}

static bool is_present(uint64_t entry)
{
    return (entry & PTE_PRESENT) != 0;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & PTE_LARGE) != 0;
}

enum udmar_status udmar__page_table_alloc(struct udmar_domain *domain, udmar_paddr_t *out_table)
{
    struct udmar_page page;

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

/* How many entries of the table at @level are used; the parent's entry keeps the number. */
static unsigned count_of(const struct walk *walk, unsigned level)
{
    return PTE_COUNT(udmar__pte_load(entry_at(walk, level + 1)));
}

static void add_count(const struct walk *walk, unsigned level, int change)
{
    /* The root table has no parent and is never given back. */
    if (level < walk->domain->levels) {
        volatile uint64_t *parent = entry_at(walk, level + 1);

        udmar__pte_set_count(parent, (unsigned)((int)PTE_COUNT(udmar__pte_load(parent)) + change));
    }
}

/* The analysis cannot see that walk->domain is the domain whose lock is held. */
static enum udmar_status add_table(struct walk *walk) UDMAR_NO_LOCK_ANALYSIS
{
    volatile uint64_t *entry = entry_at(walk, walk->lowest);
    udmar_paddr_t table;
    enum udmar_status status = udmar__page_table_alloc(walk->domain, &table);

    if (status != UDMAR_OK) {
        return status;
    }
    udmar__pte_store(entry, table | PTE_PRESENT);
    flush_table(walk->domain, entry, 1);
    add_count(walk, walk->lowest, 1);
    return UDMAR_OK;
}

/*
 * Goes to the table of @level that covers @iova, from where the walk stands.
 * Returns UDMAR_OK; UDMAR_ERR_NOT_FOUND (not @create, and no table at walk->lowest - 1);
 * UDMAR_ERR_EXISTS (a large leaf at walk->lowest is in the way); UDMAR_ERR_MEMORY.
 */
static enum udmar_status walk_to(struct walk *walk, udmar_iova_t iova, unsigned level, bool create)
{
    unsigned keep = walk->lowest;

    while (((walk->iova ^ iova) >> udmar__level_shift(keep + 1)) != 0) {
        keep++;
    }
    walk_up_to(walk, keep > level ? keep : level);
    walk->iova = iova;
    while (walk->lowest > level) {
        uint64_t entry = udmar__pte_load(entry_at(walk, walk->lowest));

        if (!is_present(entry)) {
            enum udmar_status status = create ? add_table(walk) : UDMAR_ERR_NOT_FOUND;

            if (status != UDMAR_OK) {
                return status;
            }
            entry = udmar__pte_load(entry_at(walk, walk->lowest));
        } else if (is_leaf(entry, walk->lowest)) {
            return UDMAR_ERR_EXISTS;
        }
        walk->table[walk->lowest - 1] =
            udmar_host_page_map(walk->domain->host, entry & PTE_ADDRESS);
        walk->lowest--;
    }
    return UDMAR_OK;
}

/* Unlinks the table the walk stands on, and those above it, as long as they are empty. */
static void prune_tables(struct walk *walk, struct udmar__gather *gather)
{
    while (walk->lowest < walk->domain->levels && count_of(walk, walk->lowest) == 0) {
        volatile uint64_t *empty = walk->table[walk->lowest];
        volatile uint64_t *parent = entry_at(walk, walk->lowest + 1);
        udmar_paddr_t table = udmar__pte_load(parent) & PTE_ADDRESS;

        udmar__pte_store(parent, 0);
        flush_table(walk->domain, parent, 1);
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
        walk_up_to(walk, walk->lowest + 1);
        add_count(walk, walk->lowest, -1);
    }
}

/* The largest leaf that address, memory and what is left allow. */
static unsigned leaf_level(const struct udmar_domain *domain, udmar_iova_t iova,
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

/* Fills entries of one table until it ends, or something is there. Returns how many. */
static unsigned fill_ptes(struct walk *walk, unsigned level, udmar_paddr_t physical, uint64_t size,
                          uint64_t flags)
{
    volatile uint64_t *entry = entry_at(walk, level);
    unsigned room = PTES_PER_TABLE - udmar__level_index(walk->iova, level);
    unsigned shift = udmar__level_shift(level);
    unsigned count = 0;

    for (; count < room && (size >> shift) > count; count++) {
        if (is_present(udmar__pte_load(&entry[count]))) {
            break;
        }
        udmar__pte_store(&entry[count], (physical + ((uint64_t)count << shift)) | flags);
    }
    if (count > 0) {
        flush_table(walk->domain, entry, count);
        add_count(walk, level, (int)count);
    }
    return count;
}

/* Do the entries of the table say together what one entry of the level above can say? */
static bool is_one_leaf(const volatile uint64_t *table, unsigned level, uint64_t first)
{
    uint64_t step = UINT64_C(1) << udmar__level_shift(level);

    if (!is_present(first) || !is_leaf(first, level) ||
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

/* The table that the walk stands on, where a leaf of the level above is possible. */
static bool is_full(const struct walk *walk)
{
    return walk->lowest < walk->domain->levels && walk->lowest <= 2 &&
           (walk->domain->superpages & (1u << (walk->lowest - 1))) != 0 &&
           count_of(walk, walk->lowest) == PTES_PER_TABLE;
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

/*
 * A table that has filled up becomes a large leaf, where its entries say the same: the entry above
 * changes in one step between two equal translations. The table is freed after the invalidation,
 * and left as it is until then, because hardware may still walk it.
 */
static void promote_table(struct walk *walk, struct udmar__gather *gather)
{
    struct udmar_domain *domain = walk->domain;

    while (is_full(walk) && gather->replaced_count < UDMAR__REPLACED) {
        unsigned level = walk->lowest;
        volatile uint64_t *table = walk->table[level];
        volatile uint64_t *parent = entry_at(walk, level + 1);
        uint64_t first = udmar__pte_load(&table[0]);
        uint64_t size = UINT64_C(1) << udmar__level_shift(level + 1);
        udmar_iova_t base = udmar__align_down(walk->iova, size);

        if (!is_one_leaf(table, level, first) || !is_one_owners(domain, base, base + size - 1)) {
            return;
        }
        gather->replaced[gather->replaced_count++] = udmar__pte_load(parent) & PTE_ADDRESS;
        udmar__pte_replace(parent, first | PTE_LARGE);
        flush_table(domain, parent, 1);
        gather->tables_changed = true;
        udmar__gather_add(gather, base, base + size - 1);
        /* Whoever changes something here before that goes beyond the old table as well. */
        gather->unlinked++;
        domain->unlinking++;
        walk_up_to(walk, level + 1);
    }
}

/* All tables in [iova, iova + size). */
static void promote_all(struct walk *walk, udmar_iova_t iova, uint64_t size,
                        struct udmar__gather *gather)
{
    uint64_t step = UINT64_C(1) << udmar__level_shift(2);

    for (udmar_iova_t at = iova; at - iova < size; at = udmar__align_down(at, step) + step) {
        (void)walk_to(walk, at, 1, false);
        promote_table(walk, gather);
    }
}

static enum udmar_status map_piece(struct walk *walk, udmar_iova_t iova, udmar_paddr_t physical,
                                   uint64_t size, unsigned access, uint64_t *out_done)
{
    unsigned level = leaf_level(walk->domain, iova, physical, size);
    enum udmar_status status = walk_to(walk, iova, level, true);
    unsigned count;

    if (status != UDMAR_OK) {
        return status;
    }
    /* A table of small pages is there already, kept by a window next door: use it. */
    while (level > 1 && is_present(udmar__pte_load(entry_at(walk, level)))) {
        level--;
        status = walk_to(walk, iova, level, true);
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
    struct walk walk;

    walk_begin(&walk, domain);
    while (done < size && status == UDMAR_OK) {
        uint64_t step = 0;

        status = map_piece(&walk, iova + done, physical + done, size - done, access, &step);
        done += step;
        full = full || (done < size && status == UDMAR_OK && is_full(&walk));
    }
    /* Not before nothing can fail any more: to take a large leaf back may need memory. */
    if (status == UDMAR_OK && full) {
        promote_all(&walk, iova, size, gather);
    } else if (status == UDMAR_OK) {
        promote_table(&walk, gather);
    } else {
        /* Tables that were made for the piece that failed hold nothing. */
        prune_tables(&walk, gather);
    }
    walk_end(&walk);
    if (status != UDMAR_OK && done > 0) {
        /* All of [iova, iova + done) is ours and whole: nothing can be in the way. */
        (void)udmar__pages_unmap(domain, iova, done, gather);
    }
    if (status == UDMAR_OK) {
        outrun_unlinking(domain, iova, size, gather);
    }
    return status;
}

/*
 * Replaces a large leaf at walk->lowest by a table that says the same. The entry changes in one
 * step between two equal translations, so a device that uses the page notices nothing.
 */
static enum udmar_status split_leaf(struct walk *walk,
                                    struct udmar__gather *gather) UDMAR_NO_LOCK_ANALYSIS
{
    unsigned level = walk->lowest;
    volatile uint64_t *entry = entry_at(walk, level);
    uint64_t large = udmar__pte_load(entry);
    unsigned shift = udmar__level_shift(level - 1);
    udmar_iova_t first = udmar__align_down(walk->iova, UINT64_C(1) << (shift + 9));
    uint64_t keep = level - 1 > 1 ? ~UINT64_C(0) : ~PTE_LARGE;
    volatile uint64_t *small;
    udmar_paddr_t table;
    enum udmar_status status = udmar__page_table_alloc(walk->domain, &table);

    if (status != UDMAR_OK) {
        return status;
    }
    small = udmar_host_page_map(walk->domain->host, table);
    for (unsigned i = 0; i < PTES_PER_TABLE; i++) {
        udmar__pte_store(&small[i], (large & keep) + ((uint64_t)i << shift));
    }
    flush_table(walk->domain, small, PTES_PER_TABLE);
    udmar_host_page_unmap(walk->domain->host, (void *)(uintptr_t)small);
    udmar__pte_replace(entry, table | PTE_PRESENT | (uint64_t)PTES_PER_TABLE << PTE_COUNT_SHIFT);
    flush_table(walk->domain, entry, 1);
    gather->tables_changed = true;
    udmar__gather_add(gather, first, first + ((uint64_t)PTES_PER_TABLE << shift) - 1);
    gather->split++;
    walk->domain->splitting++;
    return UDMAR_OK;
}

/* Makes sure that a leaf begins at @iova, if one covers it. */
static enum udmar_status split_at(struct walk *walk, udmar_iova_t iova,
                                  struct udmar__gather *gather)
{
    while (walk_to(walk, iova, 1, false) == UDMAR_ERR_EXISTS) {
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

/* Clears the entries of one table in [walk->iova, last]; returns the bytes passed over. */
static uint64_t clear_ptes(struct walk *walk, udmar_iova_t last, struct udmar__gather *gather)
{
    unsigned level = walk->lowest;
    unsigned index = udmar__level_index(walk->iova, level);
    unsigned shift = udmar__level_shift(level);
    uint64_t want = (last >> shift) - (walk->iova >> shift) + 1;
    unsigned count = (unsigned)udmar__min(want, PTES_PER_TABLE - index);
    volatile uint64_t *entry = entry_at(walk, level);
    int cleared = 0;

    /* Above level 1 only the one large leaf that stopped the walk. */
    count = level > 1 ? 1 : count;
    for (unsigned i = 0; i < count; i++) {
        if (is_present(udmar__pte_load(&entry[i]))) {
            udmar__pte_store(&entry[i], 0);
            cleared++;
        }
    }
    if (cleared > 0) {
        flush_table(walk->domain, entry, count);
        udmar__gather_add(gather, walk->iova, walk->iova + ((uint64_t)count << shift) - 1);
        add_count(walk, level, -cleared);
        prune_tables(walk, gather);
    }
    return (uint64_t)count << shift;
}

enum udmar_status udmar__pages_unmap(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size,
                                     struct udmar__gather *gather)
{
    udmar_iova_t last = iova + size - 1;
    enum udmar_status status;
    struct walk walk;

    if (domain->unlinking != 0) {
        /* The unit may know a table that is no longer linked: what ends here must end there. */
        gather->tables_changed = true;
    }
    if (domain->splitting != 0) {
        /* It may know a large leaf, too, which goes only with a request for all that it covered. */
        udmar__gather_add(gather, 0, domain->end);
    }
    walk_begin(&walk, domain);
    /* Both ends first: this can fail, and then nothing has been taken away yet. */
    status = split_at(&walk, iova, gather);
    if (status == UDMAR_OK && last < domain->end) {
        status = split_at(&walk, last + 1, gather);
    }
    while (status == UDMAR_OK && size > 0) {
        uint64_t step;

        if (walk_to(&walk, iova, 1, false) == UDMAR_ERR_NOT_FOUND) {
            uint64_t hole = UINT64_C(1) << udmar__level_shift(walk.lowest);

            step = hole - (iova & (hole - 1));
        } else {
            step = clear_ptes(&walk, last, gather);
        }
        step = udmar__min(step, size);
        iova += step;
        size -= step;
    }
    walk_end(&walk);
    return status;
}

enum udmar_status udmar__ptes_reserve(struct udmar_domain *domain, udmar_iova_t iova,
                                      unsigned level, unsigned count, udmar_paddr_t *out_table,
                                      struct udmar__gather *gather)
{
    struct walk walk;
    enum udmar_status status;

    walk_begin(&walk, domain);
    status = walk_to(&walk, iova, level, true);
    if (status == UDMAR_OK) {
        add_count(&walk, level, (int)count);
        *out_table = level == domain->levels
                         ? domain->table
                         : udmar__pte_load(entry_at(&walk, level + 1)) & PTE_ADDRESS;
        outrun_unlinking(domain, iova, (uint64_t)count << udmar__level_shift(level), gather);
    } else {
        prune_tables(&walk, gather);
    }
    walk_end(&walk);
    return status;
}

void udmar__ptes_release(struct udmar_domain *domain, udmar_iova_t iova, unsigned level,
                         unsigned count, struct udmar__gather *gather)
{
    struct walk walk;

    walk_begin(&walk, domain);
    if (walk_to(&walk, iova, level, false) == UDMAR_OK) {
        add_count(&walk, level, -(int)count);
        udmar__gather_add(gather, iova, iova + ((uint64_t)count << udmar__level_shift(level)) - 1);
        prune_tables(&walk, gather);
    }
    walk_end(&walk);
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

        if (!is_present(entry)) {
            continue;
        }
        found = is_leaf(entry, level);
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
        if (!is_present(entry) || is_leaf(entry, level)) {
            break;
        }
        table = entry & PTE_ADDRESS;
    }
    return count;
}
