/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapper looked at as a whole: what is free is empty, what is in use has one owner, and every sum
 * is right.
 */
#include "mapping/mapper_invariants.h"

#include "space/domain_invariants.h"

#ifdef UDMAR_DEBUG

#define CHUNK_PAGES PTES_PER_TABLE

static volatile uint64_t *open_entries(const struct udmar_domain *domain, udmar_paddr_t table)
{
    return udmar_host_page_map(domain->host, table);
}

static void close_entries(const struct udmar_domain *domain, volatile uint64_t *entries)
{
    udmar_host_page_unmap(domain->host, (void *)(uintptr_t)entries);
}

/* Are @count entries of a page table clear, from @first on? */
static bool are_clear(const struct udmar_domain *domain, udmar_paddr_t table, unsigned first,
                      unsigned count)
{
    volatile uint64_t *entries = open_entries(domain, table);
    bool clear = true;

    for (unsigned i = first; i < first + count && clear; i++) {
        clear = udmar__pte_load(&entries[i]) == 0;
    }
    close_entries(domain, entries);
    return clear;
}

/* ---- Windows ---- */

static uint64_t chunk_entry(const struct udmar__window *window, unsigned index)
{
    udmar_iova_t iova = (window->range.first + (uint64_t)index * CHUNK_PAGES) << UDMAR_PAGE_SHIFT;
    volatile uint64_t *entries = open_entries(window->domain, window->chunks[index].parent);
    uint64_t entry = udmar__pte_load(&entries[udmar__level_index(iova, 2)]);

    close_entries(window->domain, entries);
    return entry;
}

static const char *check_chunk(const struct udmar__window *window, unsigned index)
{
    const struct udmar__chunk *chunk = &window->chunks[index];
    uint64_t entry = chunk_entry(window, index);

    switch (chunk->state) {
    case CHUNK_EMPTY:
        return entry != 0 ? "an empty chunk is linked"
               : !are_clear(window->domain, chunk->small, 0, CHUNK_PAGES)
                   ? "the table of an empty chunk has entries"
                   : NULL;
    case CHUNK_SMALL:
        return entry != (chunk->small | PTE_PRESENT) ? "a chunk's table is not linked" : NULL;
    case CHUNK_LARGE:
        return (entry & PTE_LARGE) == 0 ? "a chunk's large leaf is not there" : NULL;
    default:
        return "a chunk has no such state";
    }
}

static const char *check_large_window(const struct udmar__window *window)
{
    uint32_t loaded = udmar__window_pages(window);
    const char *wrong = NULL;

    if (window->range.last - window->range.first + 1 != window->pages ||
        window->pages != window->chunk_count * CHUNK_PAGES) {
        return "a large window has another size than its range";
    }
    if (loaded > window->pages || (loaded != 0 && window->first > window->pages - loaded)) {
        return "more is loaded than a large window has";
    }
    for (unsigned i = 0; i < window->chunk_count && wrong == NULL; i++) {
        /* One that was given up, or is not built yet, has no tables. */
        if (window->chunks[i].small != 0 && window->chunks[i].parent != 0) {
            wrong = check_chunk(window, i);
            if (wrong == NULL && loaded == 0 && window->chunks[i].state != CHUNK_EMPTY) {
                wrong = "a chunk is linked and nothing is loaded";
            }
        }
    }
    return wrong;
}

/* Clear but for what is loaded in the lane that is in use. */
static const char *check_small_window(const struct udmar__window *window)
{
    unsigned begin = udmar__level_index(window->range.first << UDMAR_PAGE_SHIFT, 1);
    unsigned lane = begin + window->lane_first;
    uint32_t loaded = udmar__window_pages(window);
    uint32_t room = window->lane_pages != 0 ? window->lane_pages : 1u << window->order;
    unsigned end = begin + (1u << window->order);

    if (window->order >= UDMAR__BLOCK_ORDERS || end > CHUNK_PAGES || lane + room > end) {
        return "a small window is not inside its block";
    }
    if (loaded > room || window->pages > room) {
        return "more is loaded than a small window has";
    }
    if (window->base != (window->range.first + window->lane_first) << UDMAR_PAGE_SHIFT) {
        return "a small window's base is not its lane's";
    }
    if (UDMAR__BLOCK_ORDER(udmar__block_at(window->arena, window->range.first)) != window->order) {
        return "a small window has no block";
    }
    return are_clear(window->domain, window->table, begin, lane - begin) &&
                   are_clear(window->domain, window->table, lane + loaded, end - lane - loaded)
               ? NULL
               : "a small window has entries that are not loaded";
}

const char *udmar__window_check(const struct udmar__window *window)
{
    if (window->domain->end >> UDMAR_PAGE_SHIFT < window->range.last) {
        return "a window beyond the domain's end";
    }
    return window->chunk_count != 0 ? check_large_window(window) : check_small_window(window);
}

/* ---- Arenas ---- */

/* One that was given up is in no list, and its table is gone. */
static bool is_filed(const struct udmar__arena *arena)
{
    return arena->link != NULL;
}

/* Pages that belong to no block are clear. */
static const char *check_free_pages(const struct udmar_domain *domain,
                                    const struct udmar__arena *arena)
{
    volatile uint64_t *entries = open_entries(domain, arena->table);
    const char *wrong = NULL;
    unsigned page = 0;

    while (page < UDMAR__ARENA_PAGES && wrong == NULL) {
        unsigned block = udmar__block_at(arena, page);
        unsigned order = block != 0 ? UDMAR__BLOCK_ORDER(block) : 0;

        if (block != 0 && UDMAR__BLOCK_PAGES(block) > 1u << order) {
            wrong = "more pages are mapped than a block has";
        } else if (block == 0 && udmar__pte_load(&entries[page]) != 0) {
            wrong = "a free page of an arena has an entry";
        }
        page += 1u << order;
    }
    close_entries(domain, entries);
    return wrong;
}

static const char *check_arena(const struct udmar_domain *domain, const struct udmar__arena *arena)
{
    if (!is_filed(arena)) {
        return NULL;
    }
    if (!udmar__arena_check(arena)) {
        return "the buddy tree of an arena is wrong";
    }
    if (*arena->link != arena || (arena->next != NULL && arena->next->link != &arena->next)) {
        return "an arena's list is broken";
    }
    if (udmar__arena_of(domain, arena->range.first) != arena) {
        return "the directory does not lead to an arena";
    }
    return check_free_pages(domain, arena);
}

/* Each arena hangs where its largest free block says. */
static const char *check_lists(const struct udmar__arena_pool *pool)
{
    for (unsigned i = 0; i <= UDMAR__ARENA_ORDER + 1; i++) {
        const struct udmar__arena *arena = pool->free[i];

        for (; arena != NULL; arena = arena->next) {
            if (arena->largest[1] != i || arena->pool != pool) {
                return "an arena hangs in another list than its free blocks say";
            }
        }
    }
    return NULL;
}

/* ---- Sums ---- */

/* Pages of the arenas and large windows of a pool. */
static uint64_t count_taken(const struct udmar_domain *domain, const struct udmar__arena_pool *pool)
{
    struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, 0);
    uint64_t pages = 0;

    for (; range != NULL; range = udmar__iova_at_or_above(&domain->iova, range->last + 1)) {
        if ((range->kind == RANGE_ARENA && ((struct udmar__arena *)range)->pool == pool) ||
            (range->kind == UDMAR_RANGE_WINDOW && ((struct udmar__window *)range)->pool == pool)) {
            pages += range->last - range->first + 1;
        }
    }
    return pages;
}

static const char *check_pools(const struct udmar_domain *domain)
{
    const struct udmar__mapper *mapper = udmar__mapper_of(domain);
    const char *wrong = NULL;
    uint64_t sum = 0;

    for (struct udmar__arena_pool *pool = mapper->pools; pool != NULL && wrong == NULL;
         pool = pool->next) {
        if (pool->taken != count_taken(domain, pool)) {
            wrong = "a pool's count of pages is wrong";
        } else if (pool->taken > udmar__arena_pool_reach(domain, pool) / 2) {
            wrong = "a pool has more than its share";
        } else {
            wrong = check_lists(pool);
        }
        sum += pool->taken;
    }
    return wrong == NULL && sum != mapper->taken ? "a mapper's count of pages is wrong" : wrong;
}

/* All ranges of a tree; counts the tables that their chunks have and do not link now. */
static const char *check_ranges(const struct udmar_domain *domain, const struct udmar__iova *iova,
                                uint64_t *out_tables)
{
    struct udmar__range *range = udmar__iova_at_or_above(iova, 0);
    const char *wrong = NULL;

    for (; range != NULL && wrong == NULL; range = udmar__iova_at_or_above(iova, range->last + 1)) {
        const struct udmar__window *window = (const struct udmar__window *)range;

        if (range->kind == RANGE_ARENA) {
            wrong = check_arena(domain, (const struct udmar__arena *)range);
        } else if (range->kind == UDMAR_RANGE_WINDOW) {
            wrong = udmar__window_check(window);
            for (unsigned i = 0; i < window->chunk_count; i++) {
                *out_tables +=
                    window->chunks[i].small != 0 && window->chunks[i].state != CHUNK_SMALL;
            }
        }
    }
    return wrong;
}

/* ---- Caches ---- */

static const char *check_block(const struct udmar_domain *domain, uint32_t page, unsigned order,
                               unsigned kind)
{
    const struct udmar__arena *arena = udmar__arena_of(domain, page);
    unsigned block;

    if (arena == NULL || arena->kind != kind) {
        return "a cached block is in no arena of its kind";
    }
    block = udmar__block_at(arena, page);
    if (block == 0 || UDMAR__BLOCK_ORDER(block) != order) {
        return "a cached block has another size than its magazine";
    }
    return are_clear(domain, arena->table, page % UDMAR__ARENA_PAGES, 1u << order)
               ? NULL
               : "a cached block has entries";
}

static const char *check_magazine(const struct udmar_domain *domain,
                                  const struct udmar__magazine *magazine, unsigned order,
                                  unsigned kind)
{
    const char *wrong = NULL;

    if (magazine->count > UDMAR__MAGAZINE) {
        return "a magazine has more blocks than room";
    }
    for (unsigned i = 0; i < magazine->count && wrong == NULL; i++) {
        wrong = check_block(domain, magazine->page[i], order, kind);
        for (unsigned k = 0; k < i && wrong == NULL; k++) {
            wrong =
                magazine->page[k] == magazine->page[i] ? "a block is twice in a magazine" : NULL;
        }
    }
    return wrong;
}

static const char *check_window_magazine(const struct udmar__window_magazine *magazine,
                                         unsigned order)
{
    if (magazine->count > UDMAR__WINDOW_MAGAZINE) {
        return "a magazine has more windows than room";
    }
    for (unsigned i = 0; i < magazine->count; i++) {
        if (magazine->window[i]->chunk_count != 1u << order ||
            udmar__window_pages(magazine->window[i]) != 0) {
            return "a cached window is loaded, or of another size";
        }
    }
    return NULL;
}

static bool is_batch(const struct udmar__cpu_cache *cache, const struct udmar__flush_batch *batch)
{
    return batch == &cache->batch[0] || batch == &cache->batch[1] || batch == &cache->batch[2];
}

static const char *check_batch(const struct udmar_domain *domain,
                               const struct udmar__flush_batch *batch)
{
    const char *wrong = NULL;

    if (batch->count > UDMAR__FLUSH_BATCH) {
        return "a flush batch has more blocks than room";
    }
    for (unsigned i = 0; i < batch->count && wrong == NULL; i++) {
        unsigned magazine = UDMAR__BATCH_MAGAZINE(batch->block[i]);

        wrong = check_block(domain, UDMAR__BATCH_PAGE(batch->block[i]), magazine / 2, magazine % 2);
    }
    return wrong;
}

static const char *check_batches(const struct udmar_domain *domain,
                                 const struct udmar__cpu_cache *cache)
{
    const char *wrong = NULL;

    if (!is_batch(cache, cache->pending) || !is_batch(cache, cache->flushing) ||
        !is_batch(cache, cache->flushed) || cache->pending == cache->flushing ||
        cache->pending == cache->flushed || cache->flushing == cache->flushed) {
        return "two flush batches of a cache are one";
    }
    for (unsigned i = 0; i < 3 && wrong == NULL; i++) {
        wrong = check_batch(domain, &cache->batch[i]);
    }
    return wrong;
}

const char *udmar__cpu_cache_check(struct udmar_domain *domain, struct udmar__cpu_cache *cache)
{
    uintptr_t state = udmar__lock(domain->host, &cache->lock);
    const char *wrong = check_batches(domain, cache);

    for (unsigned kind = UDMAR__POOL_ALL; kind <= UDMAR__POOL_32; kind++) {
        for (unsigned order = 0; order < UDMAR__BLOCK_ORDERS && wrong == NULL; order++) {
            wrong = check_magazine(domain, &cache->blocks[order][kind], order, kind);
        }
        for (unsigned order = 0; order < UDMAR__WINDOW_ORDERS && wrong == NULL; order++) {
            wrong = check_window_magazine(&cache->windows[order][kind], order);
        }
    }
    udmar__unlock(domain->host, &cache->lock, state);
    return wrong;
}

/* ---- All of it ---- */

/* An arena's entries are all counted, and those of a window's chunks above their tables. */
static bool is_owners_entry(const struct udmar__range *range, uint64_t page, unsigned level)
{
    const struct udmar__window *window = (const struct udmar__window *)range;
    const struct udmar__chunk *chunk;

    if (range->kind == RANGE_ARENA) {
        return level == 1;
    }
    if (range->kind != UDMAR_RANGE_WINDOW || level != 2) {
        return false;
    }
    chunk = &window->chunks[(page - range->first) / CHUNK_PAGES];
    return chunk->small != 0 && chunk->parent != 0;
}

static const char *check_addresses(struct udmar_domain *domain, uint64_t *out_tables)
{
    const struct udmar__mapper *mapper = udmar__mapper_of(domain);
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    const char *wrong = "the tree of blocks is out of order";

    if (udmar__iova_check(&mapper->blocks)) {
        wrong = check_ranges(domain, &domain->iova, out_tables);
        wrong = wrong != NULL ? wrong : check_ranges(domain, &mapper->blocks, out_tables);
        wrong = wrong != NULL ? wrong : check_pools(domain);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return wrong;
}

const char *udmar__mapper_check(struct udmar_domain *domain)
{
    const struct udmar__mapper *mapper = udmar__mapper_of(domain);
    struct udmar__reserved_entries reserved = { .is_reserved = is_owners_entry };
    const char *wrong = check_addresses(domain, &reserved.tables);

    wrong = wrong != NULL ? wrong : udmar__domain_check(domain, &reserved);
    for (unsigned cpu = 0; cpu < mapper->cpus && wrong == NULL; cpu++) {
        struct udmar__cpu_cache *cache = __atomic_load_n(&mapper->caches[cpu], __ATOMIC_ACQUIRE);

        wrong = cache == NULL ? NULL : udmar__cpu_cache_check(domain, cache);
    }
    return wrong;
}

#endif
