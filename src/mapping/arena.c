/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: made, cut, put together again, given back. arena.h says what they are. */
#include "mapping/arena.h"

#include "space/range.h"

/* ---- The tree of an arena ---- */

static void tree_init(struct udmar__arena *arena)
{
    for (unsigned order = 0; order <= UDMAR__ARENA_ORDER; order++) {
        unsigned first = UDMAR__ARENA_PAGES >> order;

        for (unsigned node = first; node < 2 * first; node++) {
            arena->largest[node] = (uint8_t)(order + 1);
        }
    }
}

static void tree_refresh_above(struct udmar__arena *arena, unsigned node, unsigned order)
{
    uint8_t *largest = arena->largest;

    for (; node > 1; order++) {
        uint8_t left;
        uint8_t right;

        node /= 2;
        left = largest[2 * node];
        right = largest[2 * node + 1];
        if (left == order + 1 && right == order + 1) {
            largest[node] = (uint8_t)(order + 2);
        } else {
            largest[node] = left > right ? left : right;
        }
    }
}

/* The lowest block of that order; there is one. */
static unsigned tree_take(struct udmar__arena *arena, unsigned order)
{
    unsigned node = 1;

    UDMAR_ASSERT(order <= UDMAR__ARENA_ORDER && arena->largest[1] > order);
    for (unsigned at = UDMAR__ARENA_ORDER; at > order; at--) {
        node *= 2;
        node += arena->largest[node] < order + 1;
    }
    arena->largest[node] = 0;
    tree_refresh_above(arena, node, order);
    return (node << order) - UDMAR__ARENA_PAGES;
}

static void tree_give(struct udmar__arena *arena, unsigned page, unsigned order)
{
    unsigned node = (UDMAR__ARENA_PAGES + page) >> order;

    UDMAR_ASSERT(page % (1u << order) == 0 && arena->largest[node] == 0); /* not free already */
    arena->largest[node] = (uint8_t)(order + 1);
    tree_refresh_above(arena, node, order);
}

bool udmar__arena_check(const struct udmar__arena *arena)
{
    unsigned page = 0;

    for (unsigned order = 1; order <= UDMAR__ARENA_ORDER; order++) {
        for (unsigned node = UDMAR__ARENA_PAGES >> order; node < UDMAR__ARENA_PAGES >> (order - 1);
             node++) {
            unsigned left = arena->largest[2 * node];
            unsigned right = arena->largest[2 * node + 1];
            unsigned sum = left == order && right == order ? order + 1
                           : left > right                  ? left
                                                           : right;
            bool taken = arena->largest[node] == 0 &&
                         arena->block[(node << order) - UDMAR__ARENA_PAGES] >> 12 == order + 1;

            if (arena->largest[node] != sum && !taken) {
                return false;
            }
        }
    }
    /* Blocks do not overlap. */
    while (page < UDMAR__ARENA_PAGES) {
        unsigned block = arena->block[page];
        unsigned pages = block == 0 ? 1 : 1u << UDMAR__BLOCK_ORDER(block);

        for (unsigned i = 1; i < pages; i++) {
            if (arena->block[page + i] != 0) {
                return false;
            }
        }
        page += pages;
    }
    return true;
}

uint64_t udmar__block_first(const struct udmar__arena *arena, uint64_t page)
{
    for (unsigned order = 0; order < UDMAR__ARENA_ORDER; order++) {
        uint64_t first = udmar__align_down(page, UINT64_C(1) << order);
        unsigned block = udmar__block_at(arena, first);

        if (block != 0 && UDMAR__BLOCK_ORDER(block) >= order) {
            return first;
        }
    }
    return UINT64_MAX;
}

/* ---- Lists of a pool ---- */

static void take_arena_out(struct udmar__arena *arena)
{
    if (arena->link != NULL) {
        UDMAR_ASSERT(*arena->link == arena);
        *arena->link = arena->next;
        if (arena->next != NULL) {
            arena->next->link = arena->link;
        }
        arena->link = NULL;
    }
}

/* Into the list that its largest free block belongs to. */
static void file_arena(struct udmar__arena *arena)
{
    struct udmar__arena **list = &arena->pool->free[arena->largest[1]];

    UDMAR_ASSERT(arena->largest[1] <= UDMAR__ARENA_ORDER + 1);
    if (arena->link == NULL || arena->link != list) {
        take_arena_out(arena);
        arena->next = *list;
        arena->link = list;
        if (arena->next != NULL) {
            arena->next->link = &arena->next;
        }
        *list = arena;
    }
}

static struct udmar__arena *find_arena(struct udmar__arena_pool *pool, unsigned order)
{
    struct udmar__arena *arena = NULL;

    /* The smallest free block that will do: large ones stay whole. */
    for (unsigned i = order + 1; i <= UDMAR__ARENA_ORDER + 1 && arena == NULL; i++) {
        arena = pool->free[i];
    }
    return arena;
}

/* ---- Pools ---- */

void udmar__arena_pools_init(struct udmar_domain *domain)
{
    udmar__mapper_of(domain)->pool_32.kind = UDMAR__POOL_32;
    udmar__mapper_of(domain)->pool_32.exclude_first = UINT64_C(1) << 32;
    udmar__mapper_of(domain)->pool_32.exclude_last = domain->end;
    udmar__mapper_of(domain)->pool_32.next = &udmar__mapper_of(domain)->pool_all;
    udmar__mapper_of(domain)->pools = &udmar__mapper_of(domain)->pool_32;
}

struct udmar__arena_pool *udmar__arena_pool_get(struct udmar_domain *domain,
                                                udmar_iova_t exclude_first,
                                                udmar_iova_t exclude_last)
{
    struct udmar__arena_pool *pool;
    uintptr_t state;

    if (exclude_last == 0 || exclude_first > domain->end) {
        return &udmar__mapper_of(domain)->pool_all;
    }
    exclude_last = udmar__min(exclude_last, domain->end);
    state = udmar__lock(domain->host, &domain->lock);
    pool = udmar__mapper_of(domain)->pools;
    while (pool != NULL &&
           (pool->exclude_first != exclude_first || pool->exclude_last != exclude_last)) {
        pool = pool->next;
    }
    if (pool == NULL) {
        pool = udmar_host_alloc(domain->host, sizeof(*pool));
        if (pool != NULL) {
            pool->exclude_first = exclude_first;
            pool->exclude_last = exclude_last;
            pool->kind = UDMAR__POOL_OTHER;
            pool->next = udmar__mapper_of(domain)->pools;
            udmar__mapper_of(domain)->pools = pool;
        }
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return pool;
}

/* ---- Shares ---- */

uint64_t udmar__arena_pool_reach(const struct udmar_domain *domain,
                                 const struct udmar__arena_pool *pool)
{
    uint64_t pages = (domain->end >> UDMAR_PAGE_SHIFT) + 1;

    if (pool->exclude_last == 0 || pool->exclude_first > domain->end) {
        return pages;
    }
    return pages - ((udmar__min(pool->exclude_last, domain->end) >> UDMAR_PAGE_SHIFT) -
                    (pool->exclude_first >> UDMAR_PAGE_SHIFT) + 1);
}

bool udmar__arena_pool_suits(const struct udmar_domain *domain,
                             const struct udmar__arena_pool *pool, uint64_t pages)
{
    return pages <= udmar__arena_pool_reach(domain, pool) / 64;
}

bool udmar__arena_pool_charge(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                              uint64_t pages)
{
    if (pool->taken + pages > udmar__arena_pool_reach(domain, pool) / 2) {
        return false;
    }
    pool->taken += pages;
    udmar__mapper_of(domain)->taken += pages;
    return true;
}

void udmar__arena_pool_credit(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                              uint64_t pages)
{
    UDMAR__ASSERT_HELD(&domain->lock);
    UDMAR_ASSERT(pool->taken >= pages && udmar__mapper_of(domain)->taken >= pages);
    pool->taken -= pages;
    udmar__mapper_of(domain)->taken -= pages;
}

/* Below which border a pool that reaches much further does not look first, once the domain has that
 * much: old devices reach no further, and all of them need a place below it. */
static udmar_iova_t lowest_for(const struct udmar_domain *domain,
                               const struct udmar__arena_pool *pool)
{
    static const struct {
        udmar_iova_t border;
        uint64_t pages;
    } scarce[] = {
        { UINT64_C(16) << 20, 2 * UDMAR__ARENA_PAGES },
        { UINT64_C(4) << 30, 512 * UDMAR__ARENA_PAGES },
    };
    udmar_iova_t lowest = 0;

    for (unsigned i = 0; i < 2; i++) {
        if (udmar__mapper_of(domain)->taken >= scarce[i].pages &&
            (pool->exclude_last == 0 || pool->exclude_first >= 4 * scarce[i].border)) {
            lowest = scarce[i].border;
        }
    }
    return lowest;
}

bool udmar__arena_pool_find(const struct udmar_domain *domain, const struct udmar__arena_pool *pool,
                            uint64_t pages, uint64_t bytes, const struct udmar_iova_limits *limits,
                            uint64_t *out_first)
{
    struct udmar_iova_limits all = *limits;

    all.exclude_first = pool->exclude_first;
    all.exclude_last = pool->exclude_last;
    all.lowest = lowest_for(domain, pool);
    if (udmar__iova_find(&domain->iova, pages, bytes, &all, out_first)) {
        return true;
    }
    all.lowest = 0;
    return udmar__iova_find(&domain->iova, pages, bytes, &all, out_first);
}

/* ---- Making and giving back ---- */

static udmar_iova_t base_of(const struct udmar__arena *arena)
{
    return arena->range.first << UDMAR_PAGE_SHIFT;
}

static void release_range(struct udmar_domain *domain, struct udmar__arena *arena)
    UDMAR_REQUIRES(domain->lock)
{
    udmar__iova_remove(&domain->iova, &arena->range);
    udmar__arena_pool_credit(domain, arena->pool, UDMAR__ARENA_PAGES);
}

/* Addresses and a leaf table; what is left to invalidate goes into @gather. */
static enum udmar_status reserve_arena(struct udmar_domain *domain, struct udmar__arena *arena,
                                       struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock)
{
    const uint64_t size = UDMAR__ARENA_PAGES * UDMAR_PAGE_SIZE;
    const struct udmar_iova_limits limits = {
        .highest = udmar__min(domain->end, UDMAR__DIRECTORY_END - 1),
        .alignment = size,
    };
    enum udmar_status status;

    if (!udmar__arena_pool_charge(domain, arena->pool, UDMAR__ARENA_PAGES)) {
        return UDMAR_ERR_IOVA;
    }
    if (!udmar__arena_pool_find(domain, arena->pool, UDMAR__ARENA_PAGES, size, &limits,
                                &arena->range.first)) {
        udmar__arena_pool_credit(domain, arena->pool, UDMAR__ARENA_PAGES);
        return UDMAR_ERR_IOVA;
    }
    arena->range.last = arena->range.first + UDMAR__ARENA_PAGES - 1;
    arena->range.kind = RANGE_ARENA;
    (void)udmar__iova_insert(&domain->iova, &arena->range); /* it has just been found free */
    /* Every entry counts as used, so that the walker of other calls never gives the table back. */
    status =
        udmar__ptes_reserve(domain, base_of(arena), 1, UDMAR__ARENA_PAGES, &arena->table, gather);
    if (status == UDMAR_OK && !udmar__directory_set(domain->host, &udmar__mapper_of(domain)->arenas,
                                                    arena->range.first, arena)) {
        udmar__ptes_release(domain, base_of(arena), 1, UDMAR__ARENA_PAGES, gather);
        status = UDMAR_ERR_MEMORY;
    }
    if (status != UDMAR_OK) {
        release_range(domain, arena);
    }
    return status;
}

static void map_entries(struct udmar_domain *domain, struct udmar__arena *arena)
{
    if (domain->direct) {
        arena->entries = udmar_host_page_map(domain->host, arena->table);
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)arena->entries);
    }
}

/* Arenas in a chain have left their pool; their tables go, then their addresses. */
static void free_arenas(struct udmar_domain *domain, struct udmar__arena *dead)
{
    struct udmar__gather gather;
    uintptr_t state;

    if (dead == NULL) {
        return;
    }
    udmar__gather_init(&gather);
    state = udmar__lock(domain->host, &domain->lock);
    for (struct udmar__arena *arena = dead; arena != NULL; arena = arena->next) {
        udmar__ptes_release(domain, base_of(arena), 1, UDMAR__ARENA_PAGES, &gather);
        udmar__directory_clear(&udmar__mapper_of(domain)->arenas, arena->range.first);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    if (udmar__gather_flush(domain, &gather) != UDMAR_OK) {
        /* A unit that has not answered may still walk there: the addresses stay taken. */
        return;
    }
    state = udmar__lock(domain->host, &domain->lock);
    for (struct udmar__arena *arena = dead; arena != NULL; arena = arena->next) {
        release_range(domain, arena);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    while (dead != NULL) {
        struct udmar__arena *next = dead->next;

        udmar_host_free(domain->host, dead, sizeof(*dead));
        dead = next;
    }
}

static enum udmar_status add_arena(struct udmar_domain *domain, struct udmar__arena_pool *pool)
{
    struct udmar__arena *arena = udmar_host_alloc(domain->host, sizeof(*arena));
    struct udmar__gather gather;
    enum udmar_status status;
    enum udmar_status flushed;
    uintptr_t state;

    if (arena == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    arena->pool = pool;
    arena->kind = pool->kind;
    udmar__gather_init(&gather);
    state = udmar__lock(domain->host, &domain->lock);
    status = reserve_arena(domain, arena, &gather);
    udmar__unlock(domain->host, &domain->lock, state);
    flushed = udmar__gather_flush(domain, &gather);
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, arena, sizeof(*arena));
        return status;
    }
    if (flushed != UDMAR_OK) {
        free_arenas(domain, arena);
        return flushed;
    }
    map_entries(domain, arena);
    tree_init(arena);
    state = udmar__lock(domain->host, &domain->lock);
    file_arena(arena);
    udmar__unlock(domain->host, &domain->lock, state);
    return UDMAR_OK;
}

/* ---- Blocks ---- */

static unsigned take_some(struct udmar__arena_pool *pool, unsigned order, unsigned count,
                          uint32_t *out_pages)
{
    unsigned taken = 0;

    while (taken < count) {
        struct udmar__arena *arena = find_arena(pool, order);
        unsigned page;

        if (arena == NULL) {
            break;
        }
        page = tree_take(arena, order);
        udmar__block_note(arena, page, order, 0);
        out_pages[taken++] = (uint32_t)arena->range.first + page;
        file_arena(arena);
    }
    return taken;
}

enum udmar_status udmar__blocks_take(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                     unsigned order, unsigned count, uint32_t *out_pages,
                                     unsigned *out_taken)
{
    enum udmar_status status = UDMAR_OK;

    UDMAR_ASSERT(order <= UDMAR__ARENA_ORDER && count > 0);
    for (;;) {
        uintptr_t state = udmar__lock(domain->host, &domain->lock);

        *out_taken = take_some(pool, order, count, out_pages);
        udmar__unlock(domain->host, &domain->lock, state);
        if (*out_taken > 0) {
            /* Also where there was no memory for an arena: a block has come back since. */
            return UDMAR_OK;
        }
        if (status != UDMAR_OK) {
            return status;
        }
        /* What a new arena has may be another caller's at once: then another one. */
        status = add_arena(domain, pool);
    }
}

/* All that are empty, but for a spare one of each pool if wanted. */
static struct udmar__arena *take_empty(struct udmar_domain *domain, bool spare)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar__arena *dead = NULL;

    for (struct udmar__arena_pool *pool = udmar__mapper_of(domain)->pools; pool != NULL;
         pool = pool->next) {
        struct udmar__arena **list = &pool->free[UDMAR__ARENA_ORDER + 1];

        while (*list != NULL && (!spare || (*list)->next != NULL)) {
            struct udmar__arena *arena = *list;

            take_arena_out(arena);
            arena->next = dead;
            dead = arena;
        }
    }
    return dead;
}

void udmar__blocks_give(struct udmar_domain *domain, const uint32_t *pages, unsigned count,
                        bool spare)
{
    struct udmar__arena *dead;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    for (unsigned i = 0; i < count; i++) {
        struct udmar__arena *arena = udmar__arena_of(domain, pages[i]);
        unsigned page = pages[i] % UDMAR__ARENA_PAGES;

        UDMAR_ASSERT(arena != NULL && arena->block[page] != 0);
        tree_give(arena, page, UDMAR__BLOCK_ORDER(arena->block[page]));
        __atomic_store_n(&arena->block[page], 0, __ATOMIC_RELAXED);
        file_arena(arena);
    }
    dead = take_empty(domain, spare);
    udmar__unlock(domain->host, &domain->lock, state);
    free_arenas(domain, dead);
}

void udmar__arenas_free(struct udmar_domain *domain)
{
    while (udmar__mapper_of(domain)->pools != &udmar__mapper_of(domain)->pool_32) {
        struct udmar__arena_pool *pool = udmar__mapper_of(domain)->pools;

        udmar__mapper_of(domain)->pools = pool->next;
        udmar_host_free(domain->host, pool, sizeof(*pool));
    }
    udmar__directory_free(domain->host, &udmar__mapper_of(domain)->arenas);
    udmar__directory_free(domain->host, &udmar__mapper_of(domain)->transients);
}
