/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU caches; cache.h says what they are for. */
#include "space/cache.h"

#include "base/text.h"

/* ---- A CPU's cache ---- */

struct udmar__cache *udmar__cache_make(struct udmar_domain *domain, unsigned cpu)
{
    struct udmar__cache *cache = udmar_host_alloc(domain->host, sizeof(*cache));
    struct udmar__cache *first = NULL;
    uintptr_t state;

    if (cache == NULL) {
        return NULL;
    }
    cache->resting = &cache->batch[0];
    cache->waiting = &cache->batch[1];
    cache->ready = &cache->batch[2];
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

/* ---- Blocks ---- */

enum udmar_status udmar__block_refill(struct udmar_domain *domain, struct udmar__pool *pool,
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
    cache = udmar__is_cached(pool->kind) ? udmar__cache_enter(domain, &state) : NULL;
    if (cache != NULL) {
        struct udmar__magazine *magazine = &cache->blocks[order][pool->kind];

        while (kept < taken && magazine->count < UDMAR__MAGAZINE) {
            magazine->page[magazine->count++] = pages[kept++];
        }
        udmar__cache_leave(domain, cache, state);
    }
    if (kept < taken) {
        udmar__blocks_give(domain, &pages[kept], taken - kept, true);
    }
    return UDMAR_OK;
}

static struct udmar__magazine *magazine_of(struct udmar__cache *cache,
                                           const struct udmar__arena *arena, uint32_t page)
{
    return &cache->blocks[UDMAR__BLOCK_ORDER(udmar__block_at(arena, page))][arena->kind];
}

/* Half of a full magazine, into @out_pages. */
static unsigned spill(struct udmar__magazine *magazine, uint32_t *out_pages)
{
    for (unsigned i = 0; i < UDMAR__MAGAZINE / 2; i++) {
        out_pages[i] = magazine->page[--magazine->count];
    }
    return UDMAR__MAGAZINE / 2;
}

void udmar__block_put_slowly(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                             unsigned pages)
{
    uint32_t spilled[UDMAR__MAGAZINE / 2];
    unsigned count = 0;
    uintptr_t state;
    struct udmar__cache *cache = udmar__cache_enter(domain, &state);

    if (cache != NULL) {
        udmar__note_past(domain, cache, page, pages);
        if (udmar__is_cached(arena->kind)) {
            struct udmar__magazine *magazine = magazine_of(cache, arena, page);

            if (magazine->count == UDMAR__MAGAZINE) {
                count = spill(magazine, spilled);
            }
            magazine->page[magazine->count++] = page;
            page = UINT32_MAX;
        }
        udmar__cache_leave(domain, cache, state);
    }
    if (page != UINT32_MAX) {
        udmar__blocks_give(domain, &page, 1, true);
    } else if (count > 0) {
        udmar__blocks_give(domain, spilled, count, true);
    }
}

/* ---- Deferred mode ---- */

/* One whose invalidation is complete, into its magazine. False: that is full. */
static inline bool recycle(struct udmar__cache *cache)
{
    struct udmar__batch *ready = cache->ready;
    uint32_t block = ready->block[ready->count - 1];
    struct udmar__magazine *magazine = &cache->blocks[0][0] + UDMAR__RESTS_MAGAZINE(block);
    uint32_t count = magazine->count;

    if (UDMAR__UNLIKELY(count == UDMAR__MAGAZINE)) {
        return false;
    }
    magazine->page[count] = UDMAR__RESTS_PAGE(block);
    magazine->count = count + 1;
    ready->count--;
    return true;
}

static struct udmar__request whole_domain(const struct udmar_domain *domain)
{
    return (struct udmar__request){ .low = domain->request_low_all };
}

/* What a unit has not confirmed is not used again. */
static void give_or_lose(struct udmar_domain *domain, const struct udmar__batch *batch,
                         enum udmar_status status)
{
    if (status == UDMAR_OK) {
        uint32_t pages[UDMAR__RESTING];

        for (unsigned i = 0; i < batch->count; i++) {
            pages[i] = UDMAR__RESTS_PAGE(batch->block[i]);
        }
        udmar__blocks_give(domain, pages, batch->count, true);
    } else if (batch->count > 0) {
        udmar__log(domain->host, UDMAR_LOG_ERROR,
                   "guest addresses of %u unmapped buffers are given up: %s",
                   (unsigned)batch->count, udmar_status_string(status));
    }
}

/* The usual turn: what waited is done, and what rested waits. False: not now. */
static bool turn_over(struct udmar_domain *domain, struct udmar__cache *cache)
{
    struct udmar__batch *empty = cache->ready;
    uint64_t ticket;

    if (empty->count > 0 || !udmar__uses_queue(domain->unit) ||
        (cache->waiting->count > 0 &&
         !udmar__queue_reached(&domain->unit->queue, cache->waiting_ticket))) {
        return false;
    }
    ticket = udmar__queue_put_one(domain->unit, domain->request_low_all, 0, true);
    if (ticket == 0) {
        return false;
    }
    cache->waiting_ticket = ticket;
    cache->ready = cache->waiting;
    cache->waiting = cache->resting;
    cache->resting = empty;
    return true;
}

/*
 * The hardware is late, or there is no room in the queue or no queue: all batches go the way of
 * strict mode. Takes the lock away, so that nobody holds it while this one waits.
 */
static void turn_slowly(struct udmar_domain *domain, struct udmar__cache *cache,
                        uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar__request request = whole_domain(domain);
    struct udmar__batch resting = *cache->resting;
    struct udmar__batch waiting = *cache->waiting;
    struct udmar__batch ready = *cache->ready;
    enum udmar_status status;
    uint64_t ticket;

    cache->resting->count = 0;
    cache->waiting->count = 0;
    cache->ready->count = 0;
    udmar__cache_leave(domain, cache, state);
    give_or_lose(domain, &ready, UDMAR_OK);
    /* In order: what covers the newest covers all. */
    status = udmar__invalidate(domain->unit, &request, 1, true, &ticket);
    give_or_lose(domain, &waiting, status);
    give_or_lose(domain, &resting, status);
}

/* A full batch, or a full magazine. Takes the lock away. */
static __attribute__((__noinline__)) void rest_slowly(struct udmar_domain *domain,
                                                      struct udmar__cache *cache,
                                                      uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar__batch left = { .count = 0 };

    while (left.count < 2 && cache->ready->count > 0) {
        left.block[left.count++] = cache->ready->block[--cache->ready->count];
    }
    if (cache->resting->count == UDMAR__RESTING && !turn_over(domain, cache)) {
        turn_slowly(domain, cache, state);
    } else {
        udmar__cache_leave(domain, cache, state);
    }
    if (left.count > 0) {
        give_or_lose(domain, &left, UDMAR_OK);
    }
}

/* Nowhere to rest: as in strict mode. */
static __attribute__((__noinline__)) void rest_nowhere(struct udmar_domain *domain, uint32_t page)
{
    const struct udmar__batch one = { .count = 1, .block = { page } };
    struct udmar__request request = whole_domain(domain);
    uint64_t ticket;

    give_or_lose(domain, &one, udmar__invalidate(domain->unit, &request, 1, true, &ticket));
}

void udmar__block_rest(struct udmar_domain *domain, const struct udmar__arena *arena, uint32_t page,
                       unsigned order, unsigned pages)
{
    uintptr_t state;
    struct udmar__cache *cache =
        udmar__is_cached(arena->kind) ? udmar__cache_enter(domain, &state) : NULL;
    uint32_t count;

    udmar__mark_stale(domain);
    if (UDMAR__UNLIKELY(cache == NULL)) {
        rest_nowhere(domain, page);
        return;
    }
    udmar__note_past(domain, cache, page, pages);
    count = cache->resting->count++;
    cache->resting->block[count] = UDMAR__RESTS(page, order, arena->kind);
    if (UDMAR__UNLIKELY(count == UDMAR__RESTING - 1 ||
                        (cache->ready->count > 0 && !recycle(cache)) ||
                        (cache->ready->count > 0 && !recycle(cache)))) {
        rest_slowly(domain, cache, state);
    } else {
        udmar__cache_leave(domain, cache, state);
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

enum udmar_status udmar__window_get(struct udmar_domain *domain, struct udmar__pool *pool,
                                    unsigned chunks, struct udmar__window **out_window)
{
    unsigned order = udmar__log2_up(chunks);
    enum udmar_status status = UDMAR_OK;

    *out_window = udmar__is_cached(pool->kind) && order < UDMAR__WINDOW_ORDERS
                      ? udmar__rack_take(domain, pool->kind, order)
                      : NULL;
    if (*out_window == NULL) {
        status = udmar__window_create_lent(domain, pool, 1u << order, out_window);
    }
    return status;
}

void udmar__window_put(struct udmar_domain *domain, struct udmar__window *window)
{
    unsigned kind = window->pool->kind;
    unsigned order = udmar__log2_up(window->chunk_count);

    if (!udmar__is_cached(kind) || order >= UDMAR__WINDOW_ORDERS ||
        window->chunk_count != 1u << order || !udmar__rack_put(domain, kind, order, window)) {
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

/* What rests is asked for first. */
static void trim_resting(struct udmar_domain *domain,
                         struct udmar__cache *cache) UDMAR_NO_LOCK_ANALYSIS
{
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    if (cache->resting->count + cache->waiting->count + cache->ready->count > 0) {
        turn_slowly(domain, cache, state);
    } else {
        udmar__unlock(domain->host, &cache->lock, state);
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
        for (unsigned kind = UDMAR__POOL_ALL; kind <= UDMAR__POOL_32; kind++) {
            for (unsigned order = 0; order < UDMAR__BLOCK_ORDERS; order++) {
                struct udmar__magazine *magazine = &cache->blocks[order][kind];

                trim_blocks(domain, cache, &magazine->count, magazine->page);
            }
            for (unsigned order = 0; order < UDMAR__WINDOW_ORDERS; order++) {
                trim_windows(domain, cache, &cache->windows[order][kind]);
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
