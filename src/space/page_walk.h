/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker of second-level page tables: it keeps its place, so that the next page costs one step
 * and not a way from the root [VTD 3.7, 9.8]. All of it with the domain's lock held.
 *
 * Each non-leaf entry counts, in bits that hardware ignores, how many entries of its table are
 * present or reserved by a window. A table whose count drops to zero is unlinked at once and freed
 * after the invalidation that makes it unreachable.
 */
#ifndef UDMAR_SPACE_PAGE_WALK_H
#define UDMAR_SPACE_PAGE_WALK_H

#include "space/domain.h"
#include "space/pte.h"

/*
 * The tables from the root down to `lowest` are mapped; they are those that cover `iova`.
 */
struct udmar__walk {
    struct udmar_domain *domain;
    udmar_iova_t iova;
    unsigned lowest;
    volatile uint64_t *table[7];
};

static inline bool udmar__is_present(uint64_t entry)
{
    return (entry & PTE_PRESENT) != 0;
}

static inline bool udmar__is_leaf(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & PTE_LARGE) != 0;
}

static inline volatile uint64_t *udmar__walk_entry(const struct udmar__walk *walk, unsigned level)
{
    UDMAR_ASSERT(level >= walk->lowest && level <= walk->domain->levels);
    return &walk->table[level][udmar__level_index(walk->iova, level)];
}

/* How many entries of the table at @level are used; the parent's entry keeps the number. */
static inline unsigned udmar__table_count(const struct udmar__walk *walk, unsigned level)
{
    return PTE_COUNT(udmar__pte_load(udmar__walk_entry(walk, level + 1)));
}

/* The walk stands on the root table, and ends with all its tables unmapped. */
void udmar__walk_begin(struct udmar__walk *walk, struct udmar_domain *domain);
void udmar__walk_end(struct udmar__walk *walk);
/* Leaves the tables below @level, the deepest first. */
void udmar__walk_up_to(struct udmar__walk *walk, unsigned level);
/*
 * Goes to the table of @level that covers @iova, from where the walk stands.
 * Returns UDMAR_OK; UDMAR_ERR_NOT_FOUND (not @create, and no table at walk->lowest - 1);
 * UDMAR_ERR_EXISTS (a large leaf at walk->lowest is in the way); UDMAR_ERR_MEMORY.
 */
enum udmar_status udmar__walk_to(struct udmar__walk *walk, udmar_iova_t iova, unsigned level,
                                 bool create);

/* Entries that were written, into memory where the units do not snoop. */
void udmar__table_flush(const struct udmar_domain *domain, const volatile uint64_t *entry,
                        unsigned count);
/* Changes how many entries of the table at @level are used. */
void udmar__table_add_count(const struct udmar__walk *walk, unsigned level, int change);
/* Unlinks the table the walk stands on, and those above it, as long as they are empty. */
void udmar__tables_prune(struct udmar__walk *walk, struct udmar__gather *gather);

#endif
