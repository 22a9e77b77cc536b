/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arenas: 2 MiB of guest addresses whose leaf table stays linked, cut into blocks of 2^n pages.
 *
 * A block is addresses and leaf entries in one: the owner of a block writes its entries where they
 * are, without a lock, because nobody else writes them and the table above cannot go. Windows of
 * busdma maps keep a block for as long as they live; a mapping without a window takes one from the
 * caches in front (cpu_cache.h).
 *
 * The blocks of an arena are a buddy system kept as a binary tree in an array: node 1 is the whole
 * arena, nodes 2n and 2n + 1 are the halves of node n, node 512 + p is page p. largest[n] is the
 * order of the largest free block below node n plus 1, or 0. So taking and giving back is a walk of
 * nine steps, however fragmented the arena is, and blocks are aligned to their size.
 * Invariants: largest[n] == max(largest[2n], largest[2n + 1]), or the order of n plus 1 when both
 * halves are free as a whole; an arena hangs in its pool's list `free[largest[1]]`.
 *
 * A pool is all arenas that keep out of one range of addresses, the one that a tag forbids. Arenas
 * and large windows, which keep their addresses while nothing is mapped, together take no more than
 * half of what is in a pool's reach, and one of them no large part of it: the rest is for ranges,
 * which are as long as one mapping and end with it. Low addresses are scarce: pools that reach
 * further leave most of them alone.
 */
#ifndef UDMAR_MAPPING_ARENA_H
#define UDMAR_MAPPING_ARENA_H

#include "mapping/mapper.h"
#include "space/pte.h"

#define UDMAR__ARENA_PAGES PTES_PER_TABLE
#define UDMAR__ARENA_ORDER 9u

struct udmar__arena {
    struct udmar__range range; /* first: the tree's node is the arena */
    struct udmar__arena_pool *pool;
    unsigned kind;              /* the pool's */
    struct udmar__arena *next;  /* [domain lock] of its list, or of a list of dead ones */
    struct udmar__arena **link; /* [domain lock] what points here; null: in no list */
    volatile uint64_t *entries; /* of the leaf table; null unless the host maps tables for ever */
    udmar_paddr_t table;        /* the leaf table */
    uint8_t largest[2 * UDMAR__ARENA_PAGES]; /* [domain lock] */
    /*
     * For the page that a block begins at: its order plus 1 in bits 15:12, 0 where none begins, and
     * how many pages of it are mapped in bits 11:0. The order changes with the domain's lock held;
     * the pages are noted by the block's owner.
     */
    uint16_t block[UDMAR__ARENA_PAGES];
};

#define UDMAR__BLOCK_ORDER(b)      (((unsigned)(b) >> 12) - 1)
#define UDMAR__BLOCK_PAGES(b)      ((unsigned)(b)&0xfffu)
#define UDMAR__BLOCK(order, pages) ((uint16_t)(((order) + 1u) << 12 | (pages)))

/* The arena of a page (a guest address's page number); null: there is none. */
static inline struct udmar__arena *udmar__arena_of(const struct udmar_domain *domain, uint64_t page)
{
    return udmar__directory_at(&udmar__mapper_of(domain)->arenas, page);
}

/* The same for a block that has an owner, so its arena is there. */
static inline struct udmar__arena *udmar__arena_of_block(const struct udmar_domain *domain,
                                                         uint32_t page)
{
    return udmar__directory_known(&udmar__mapper_of(domain)->arenas, page);
}

/* What stands for the block at a page; its owner's notes may be a moment old. */
static inline unsigned udmar__block_at(const struct udmar__arena *arena, uint64_t page)
{
    return __atomic_load_n(&arena->block[page % UDMAR__ARENA_PAGES], __ATOMIC_RELAXED);
}

/* Only the block's owner: how many pages of it are mapped. */
static inline void udmar__block_note(struct udmar__arena *arena, uint64_t page, unsigned order,
                                     unsigned pages)
{
    __atomic_store_n(&arena->block[page % UDMAR__ARENA_PAGES], UDMAR__BLOCK(order, pages),
                     __ATOMIC_RELAXED);
}

/* The same for a block whose notes were read before: nothing of it is mapped any more. */
static inline void udmar__block_note_none(struct udmar__arena *arena, uint64_t page, unsigned block)
{
    __atomic_store_n(&arena->block[page % UDMAR__ARENA_PAGES], (uint16_t)(block & ~0xfffu),
                     __ATOMIC_RELAXED);
}

/* The same for a block whose order nobody needs to know again. */
static inline void udmar__block_note_pages(struct udmar__arena *arena, uint64_t page,
                                           unsigned pages)
{
    uint16_t *block = &arena->block[page % UDMAR__ARENA_PAGES];

    __atomic_store_n(block, (uint16_t)((*block & ~0xfffu) | pages), __ATOMIC_RELAXED);
}

/* The pools that every domain has. */
void udmar__arena_pools_init(struct udmar_domain *domain);
/*
 * The pool that keeps out of [first, last] (last 0: no limit); null: no memory. Lives as the
 * domain.
 */
struct udmar__arena_pool *udmar__arena_pool_get(struct udmar_domain *domain,
                                                udmar_iova_t exclude_first,
                                                udmar_iova_t exclude_last);
/* How many pages there are outside of what a pool excludes. */
uint64_t udmar__arena_pool_reach(const struct udmar_domain *domain,
                                 const struct udmar__arena_pool *pool);
/* May the pool have windows of so many pages? */
bool udmar__arena_pool_suits(const struct udmar_domain *domain,
                             const struct udmar__arena_pool *pool, uint64_t pages);
/* So many pages more will keep their addresses. False: the pool has its share. */
bool udmar__arena_pool_charge(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                              uint64_t pages) UDMAR_REQUIRES(domain->lock);
void udmar__arena_pool_credit(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                              uint64_t pages) UDMAR_REQUIRES(domain->lock);
/*
 * A place in the pool's reach; @limits: without what the pool excludes, and without lowest.
 * Returns false where there is none.
 */
bool udmar__arena_pool_find(const struct udmar_domain *domain, const struct udmar__arena_pool *pool,
                            uint64_t pages, uint64_t bytes, const struct udmar_iova_limits *limits,
                            uint64_t *out_first) UDMAR_REQUIRES(domain->lock);
/*
 * Takes up to @count blocks of 2^order pages, order at most 8. Without the domain's lock.
 * @out_pages: their first pages. @out_taken: at least 1 with UDMAR_OK.
 * UDMAR_ERR_IOVA, UDMAR_ERR_MEMORY, or that the unit did not answer.
 */
enum udmar_status udmar__blocks_take(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                     unsigned order, unsigned count, uint32_t *out_pages,
                                     unsigned *out_taken);
/*
 * Gives blocks back whose entries are clear and invalidated. Arenas that are empty go, with @spare
 * all but one of each pool. Without the domain's lock; waits for the unit when tables go.
 */
void udmar__blocks_give(struct udmar_domain *domain, const uint32_t *pages, unsigned count,
                        bool spare);
/* Pools and directories, when the domain goes; the arenas themselves go with the address tree. */
void udmar__arenas_free(struct udmar_domain *domain);
/* The first page of the block that holds the page, or UINT64_MAX. */
uint64_t udmar__block_first(const struct udmar__arena *arena, uint64_t page);
/* Checks the invariants above; for tests. */
bool udmar__arena_check(const struct udmar__arena *arena);

#endif
