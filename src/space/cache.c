/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU caches; cache.h says what they are for. */
#include "space/cache.h"

#include "base/text.h"

/* ---- A CPU's cache ---- */

static struct udmar__cache *make_cache(struct udmar_domain *domain, unsigned cpu)
{
    struct udmar__cache *cache = udmar_host_alloc(domain->host, sizeof(*cache));
    struct udmar__cache *first = NULL;
    uintptr_t state;

    if (cache == NULL) {
        return NULL;
    }
    if (!udmar__lock_create(domain->host, &cache->lock)) {
        udmar_host_free(domain->host, cache, sizeof(*cache));
        return NULL;
    }
    state = udmar__lock(domain->host, &domain->lock);
    first = domain->caches[cpu];
    if (first == NULL) {
        __atomic_store_n(&domain->caches[cpu], cache, __ATOMIC_RELEASE);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    if (first != NULL) {
        udmar__lock_destroy(domain->host, &cache->lock);
        udmar_host_free(domain->host, cache, sizeof(*cache));
        return first;
    }
    return cache;
}

/* The cache of this CPU, locked; null: no memory for one. */
static inline struct udmar__cache *enter(struct udmar_domain *domain,
                                         uintptr_t *out_state) UDMAR_NO_LOCK_ANALYSIS
{
    unsigned cpu = domain->cpus > 1 ? udmar_host_cpu(domain->host) : 0;
    struct udmar__cache *cache;

    cpu = cpu < domain->cpus ? cpu : 0;
    cache = __atomic_load_n(&domain->caches[cpu], __ATOMIC_ACQUIRE);
    if (cache == NULL) {
        cache = make_cache(domain, cpu);
        if (cache == NULL) {
            return NULL;
        }
    }
    *out_state = udmar__lock(domain->host, &cache->lock);
    return cache;
}

static inline void leave(struct udmar_domain *domain, struct udmar__cache *cache,
                         uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    udmar__unlock(domain->host, &cache->lock, state);
}

static unsigned pool_index(const struct udmar_domain *domain, const struct udmar__pool *pool)
{
    return pool == &domain->pool_32;
}

static bool is_cached(const struct udmar_domain *domain, const struct udmar__pool *pool)
{
    return pool == &domain->pool_32 || pool == &domain->pool_all;
}

static struct udmar__magazine *magazine_of(struct udmar_domain *domain, struct udmar__cache *cache,
                                           const struct udmar__arena *arena, uint32_t page)
{
    return &cache->blocks[pool_index(domain, arena->pool)]
                         [UDMAR__BLOCK_ORDER(udmar__block_at(arena, page))];
}

/* ---- Blocks ---- */

static enum udmar_status refill(struct udmar_domain *domain, struct udmar__pool *pool,
                                unsigned order, uint32_t *out_page)
{
    uint32_t pages[16];
    unsigned taken;
    unsigned kept = 1;
    /* Large blocks cost half a leaf table each: few at a time. */
    enum udmar_status status =
        udmar__blocks_take(domain, pool, order, order > 4 ? 4 : 16, pages, &taken);
    struct udmar__cache *cache;
    uintptr_t state;

    if (status != UDMAR_OK) {
        return status;
    }
    *out_page = pages[0];
    cache = is_cached(domain, pool) ? enter(domain, &state) : NULL;
    if (cache != NULL) {
        struct udmar__magazine *magazine = &cache->blocks[pool_index(domain, pool)][order];

        while (kept < taken && magazine->count < UDMAR__MAGAZINE) {
            magazine->page[magazine->count++] = pages[kept++];
        }
        leave(domain, cache, state);
    }
    if (kept < taken) {
        udmar__blocks_give(domain, &pages[kept], taken - kept, true);
    }
    return UDMAR_OK;
}

enum udmar_status udmar__block_get(struct udmar_domain *domain, struct udmar__pool *pool,
                                   unsigned order, uint32_t *out_page)
{
    uintptr_t state;
    struct udmar__cache *cache = is_cached(domain, pool) ? enter(domain, &state) : NULL;

    if (cache != NULL) {
        struct udmar__magazine *magazine = &cache->blocks[pool_index(domain, pool)][order];

        if (magazine->count > 0) {
            *out_page = magazine->page[--magazine->count];
            leave(domain, cache, state);
            return UDMAR_OK;
        }
        leave(domain, cache, state);
    }
    return refill(domain, pool, order, out_page);
}

/* Half of a full magazine, into @out_pages. */
static unsigned spill(struct udmar__magazine *magazine, uint32_t *out_pages)
{
    for (unsigned i = 0; i < UDMAR__MAGAZINE / 2; i++) {
        out_pages[i] = magazine->page[--magazine->count];
    }
    return UDMAR__MAGAZINE / 2;
}

static inline void note_past(struct udmar_domain *domain, struct udmar__cache *cache, uint32_t page,
                             unsigned pages)
{
    struct udmar__past *past = &cache->gone[cache->gone_next++ % UDMAR__CACHE_GONE];

    __atomic_store_n(&past->page, page, __ATOMIC_RELAXED);
    __atomic_store_n(&past->pages, pages, __ATOMIC_RELAXED);
    __atomic_store_n(&past->clock, udmar__iotlb_count(&domain->unit->counts), __ATOMIC_RELAXED);
}

void udmar__block_put(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                      unsigned pages)
{
    uint32_t spilled[UDMAR__MAGAZINE / 2];
    unsigned count = 0;
    uintptr_t state;
    struct udmar__cache *cache = enter(domain, &state);

    if (cache == NULL || !is_cached(domain, arena->pool)) {
        if (cache != NULL) {
            note_past(domain, cache, page, pages);
            leave(domain, cache, state);
        }
        udmar__blocks_give(domain, &page, 1, true);
        return;
    }
    note_past(domain, cache, page, pages);
    {
        struct udmar__magazine *magazine = magazine_of(domain, cache, arena, page);

        if (magazine->count == UDMAR__MAGAZINE) {
            count = spill(magazine, spilled);
        }
        magazine->page[magazine->count++] = page;
    }
    leave(domain, cache, state);
    if (count > 0) {
        udmar__blocks_give(domain, spilled, count, true);
    }
}

/* ---- Deferred mode ---- */

/* Blocks whose invalidation is complete, into the magazines; what finds no room to the arenas. */
static void recycle(struct udmar_domain *domain, const struct udmar__batch *batch)
{
    uint32_t left[UDMAR__RESTING];
    unsigned count = 0;
    uintptr_t state;
    struct udmar__cache *cache = enter(domain, &state);

    for (unsigned i = 0; i < batch->count; i++) {
        struct udmar__arena *arena = udmar__arena_of(domain, batch->page[i]);
        struct udmar__magazine *magazine =
            cache == NULL ? NULL : magazine_of(domain, cache, arena, batch->page[i]);

        if (magazine != NULL && magazine->count < UDMAR__MAGAZINE) {
            magazine->page[magazine->count++] = batch->page[i];
        } else {
            left[count++] = batch->page[i];
        }
    }
    if (cache != NULL) {
        leave(domain, cache, state);
    }
    if (count > 0) {
        udmar__blocks_give(domain, left, count, true);
    }
}

static struct udmar__request whole_domain(const struct udmar_domain *domain)
{
    return (struct udmar__request){ .low = domain->request_low_all };
}

static void give_up(struct udmar_domain *domain, const struct udmar__batch *batch,
                    enum udmar_status status)
{
    if (batch->count > 0) {
        udmar__log(domain->host, UDMAR_LOG_ERROR,
                   "guest addresses of %u unmapped buffers are given up: %s",
                   (unsigned)batch->count, udmar_status_string(status));
    }
}

/* A batch is full: one request for all of it, and the batch before is free. Takes the lock away. */
static void turn_over(struct udmar_domain *domain, struct udmar__cache *cache,
                      uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar__request request = whole_domain(domain);
    struct udmar__batch ready = cache->waiting;
    uint64_t ready_ticket = cache->waiting_ticket;
    uint64_t ticket = 0;
    enum udmar_status status;

    if (udmar__queue_offer(domain->unit, &request, &ticket)) {
        cache->waiting = cache->resting;
        cache->waiting_ticket = ticket;
        cache->resting.count = 0;
        leave(domain, cache, state);
        status = udmar__invalidate_wait(domain->unit, ready_ticket);
    } else {
        /* No room in the queue, or no queue: everything at once, with a wait and without the lock.
         */
        struct udmar__batch second = cache->resting;

        cache->waiting.count = 0;
        cache->resting.count = 0;
        leave(domain, cache, state);
        status = udmar__invalidate(domain->unit, &request, 1, true, &ticket);
        if (status == UDMAR_OK) {
            recycle(domain, &second);
        } else {
            give_up(domain, &second, status);
        }
    }
    if (status == UDMAR_OK) {
        recycle(domain, &ready);
    } else {
        give_up(domain, &ready, status);
    }
}

void udmar__block_rest(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                       unsigned pages)
{
    uintptr_t state;
    struct udmar__cache *cache = enter(domain, &state);

    udmar__mark_stale(domain);
    if (cache == NULL) {
        /* Nowhere to rest: as in strict mode. */
        struct udmar__request request = whole_domain(domain);
        uint64_t ticket;

        if (udmar__invalidate(domain->unit, &request, 1, true, &ticket) == UDMAR_OK) {
            udmar__blocks_give(domain, &page, 1, true);
        }
        return;
    }
    (void)arena;
    note_past(domain, cache, page, pages);
    cache->resting.page[cache->resting.count++] = page;
    if (cache->resting.count == UDMAR__RESTING) {
        turn_over(domain, cache, state);
    } else {
        leave(domain, cache, state);
    }
}

void udmar__domain_tick(struct udmar_domain *domain)
{
    struct udmar__request request = whole_domain(domain);
    uint64_t ticket;

    if (domain->unit != NULL && __atomic_exchange_n(&domain->stale, 0, __ATOMIC_SEQ_CST) != 0 &&
        !udmar__queue_offer(domain->unit, &request, &ticket)) {
        /* No room just now: the next tick tries again. */
        __atomic_store_n(&domain->stale, 1, __ATOMIC_RELAXED);
    }
}

/* ---- Windows of 2 MiB chunks ---- */

static unsigned rack_order(unsigned chunks)
{
    return udmar__log2_up(chunks);
}

enum udmar_status udmar__window_get(struct udmar_domain *domain, struct udmar__pool *pool,
                                    unsigned chunks, struct udmar__window **out_window)
{
    unsigned order = rack_order(chunks);
    struct udmar__cache *cache = NULL;
    uintptr_t state;

    *out_window = NULL;
    chunks = 1u << order;
    if (is_cached(domain, pool) && order < UDMAR__WINDOW_ORDERS) {
        cache = enter(domain, &state);
    }
    if (cache != NULL) {
        struct udmar__rack *rack = &cache->windows[pool_index(domain, pool)][order];

        if (rack->count > 0) {
            *out_window = rack->window[--rack->count];
        }
        leave(domain, cache, state);
    }
    if (*out_window == NULL) {
        enum udmar_status status = udmar__window_create_aligned(domain, pool, chunks, out_window);

        if (status != UDMAR_OK) {
            return status;
        }
        (*out_window)->range.of_load = true;
    }
    return UDMAR_OK;
}

void udmar__window_put(struct udmar_domain *domain, struct udmar__window *window)
{
    unsigned order = rack_order(window->chunk_count);
    struct udmar__cache *cache = NULL;
    bool kept = false;
    uintptr_t state;

    if (is_cached(domain, window->pool) && order < UDMAR__WINDOW_ORDERS &&
        window->chunk_count == 1u << order) {
        cache = enter(domain, &state);
    }
    if (cache != NULL) {
        struct udmar__rack *rack = &cache->windows[pool_index(domain, window->pool)][order];

        if (rack->count < sizeof(rack->window) / sizeof(rack->window[0])) {
            rack->window[rack->count++] = window;
            kept = true;
        }
        leave(domain, cache, state);
    }
    if (!kept) {
        udmar__window_destroy(window);
    }
}

/* ---- The end ---- */

/* Blocks of one kind, out of a cache. */
static void trim_blocks(struct udmar_domain *domain, struct udmar__cache *cache, uint32_t *count,
                        uint32_t *pages)
{
    uint32_t local[UDMAR__MAGAZINE];
    uint32_t taken;
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    taken = *count;
    __builtin_memcpy(local, pages, taken * sizeof(*local));
    *count = 0;
    udmar__unlock(domain->host, &cache->lock, state);
    if (taken > 0) {
        udmar__blocks_give(domain, local, taken, false);
    }
}

/* What rests is asked for first; what a unit does not confirm is not used again. */
static void trim_resting(struct udmar_domain *domain, struct udmar__cache *cache)
{
    struct udmar__request request = whole_domain(domain);
    struct udmar__batch batch[2];
    enum udmar_status status;
    uint64_t ticket;
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    batch[0] = cache->resting;
    batch[1] = cache->waiting;
    cache->resting.count = 0;
    cache->waiting.count = 0;
    udmar__unlock(domain->host, &cache->lock, state);
    if (batch[0].count + batch[1].count == 0) {
        return;
    }
    status = udmar__invalidate(domain->unit, &request, 1, true, &ticket);
    for (unsigned i = 0; i < 2; i++) {
        if (status == UDMAR_OK) {
            udmar__blocks_give(domain, batch[i].page, batch[i].count, false);
        } else {
            give_up(domain, &batch[i], status);
        }
    }
}

static void trim_windows(struct udmar_domain *domain, struct udmar__cache *cache,
                         struct udmar__rack *rack)
{
    struct udmar__rack local;
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    local = *rack;
    rack->count = 0;
    udmar__unlock(domain->host, &cache->lock, state);
    while (local.count > 0) {
        udmar__window_destroy(local.window[--local.count]);
    }
}

void udmar__caches_trim(struct udmar_domain *domain)
{
    for (unsigned cpu = 0; cpu < domain->cpus; cpu++) {
        struct udmar__cache *cache = __atomic_load_n(&domain->caches[cpu], __ATOMIC_ACQUIRE);

        if (cache == NULL) {
            continue;
        }
        trim_resting(domain, cache);
        for (unsigned pool = 0; pool < 2; pool++) {
            for (unsigned order = 0; order < UDMAR__BLOCK_ORDERS; order++) {
                struct udmar__magazine *magazine = &cache->blocks[pool][order];

                trim_blocks(domain, cache, &magazine->count, magazine->page);
            }
            for (unsigned order = 0; order < UDMAR__WINDOW_ORDERS; order++) {
                trim_windows(domain, cache, &cache->windows[pool][order]);
            }
        }
    }
    /* The arenas that were kept as spares. */
    udmar__blocks_give(domain, NULL, 0, false);
}

void udmar__cache_hold(struct udmar_domain *domain)
{
    (void)__atomic_add_fetch(&domain->cache_users, 1, __ATOMIC_RELAXED);
}

void udmar__cache_drop(struct udmar_domain *domain)
{
    if (__atomic_sub_fetch(&domain->cache_users, 1, __ATOMIC_ACQ_REL) == 0) {
        udmar__caches_trim(domain);
    }
}

/* Blocks go with their arenas, windows with the address tree. */
void udmar__caches_free(struct udmar_domain *domain)
{
    for (unsigned cpu = 0; domain->caches != NULL && cpu < domain->cpus; cpu++) {
        struct udmar__cache *cache = domain->caches[cpu];

        if (cache != NULL) {
            udmar__lock_destroy(domain->host, &cache->lock);
            udmar_host_free(domain->host, cache, sizeof(*cache));
        }
    }
    if (domain->caches != NULL) {
        udmar_host_free(domain->host, domain->caches, domain->cpus * sizeof(*domain->caches));
        domain->caches = NULL;
    }
}
