/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU caches; cpu_cache.h says what they are for. */
#include "mapping/block.h"

#include "base/text.h"

/* ---- A CPU's cache ---- */

struct udmar__cpu_cache *udmar__cpu_cache_create(struct udmar_domain *domain, unsigned cpu)
{
    struct udmar__cpu_cache *cache = udmar_host_alloc(domain->host, sizeof(*cache));
    struct udmar__cpu_cache *first = NULL;
    uintptr_t state;

    if (cache == NULL) {
        return NULL;
    }
    cache->pending = &cache->batch[0];
    cache->flushing = &cache->batch[1];
    cache->flushed = &cache->batch[2];
    if (!udmar__lock_create(domain->host, &cache->lock)) {
        udmar_host_free(domain->host, cache, sizeof(*cache));
        return NULL;
    }
    state = udmar__lock(domain->host, &domain->lock);
    first = udmar__mapper_of(domain)->caches[cpu];
    if (first == NULL) {
        __atomic_store_n(&udmar__mapper_of(domain)->caches[cpu], cache, __ATOMIC_RELEASE);
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

/* One block out of what this CPU has; another thread may have filled the magazine meanwhile. */
static bool take_reserved(struct udmar_domain *domain, unsigned kind, unsigned order,
                          uint32_t *out_page)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);
    struct udmar__magazine *magazine;
    bool found;

    if (cache == NULL) {
        return false;
    }
    magazine = &cache->blocks[order][kind];
    found = magazine->count > 0 ||
            udmar__reserve_refill(domain->host, &cache->reserves[order][kind], magazine);
    if (found) {
        *out_page = magazine->page[--magazine->count];
    }
    udmar__cpu_cache_unlock(domain, cache, state);
    return found;
}

enum udmar_status udmar__block_refill(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                      unsigned order, uint32_t *out_page)
{
    uint32_t pages[16];
    unsigned taken;
    unsigned kept = 1;
    enum udmar_status status;
    struct udmar__cpu_cache *cache;
    uintptr_t state;

    if (udmar__is_cached(pool->kind) && take_reserved(domain, pool->kind, order, out_page)) {
        return UDMAR_OK;
    }
    /* Large blocks cost half a leaf table each: few at a time. */
    status = udmar__blocks_take(domain, pool, order, order > 4 ? 4 : 16, pages, &taken);
    if (status != UDMAR_OK) {
        return status;
    }
    *out_page = pages[0];
    cache = udmar__is_cached(pool->kind) ? udmar__cpu_cache_lock(domain, &state) : NULL;
    if (cache != NULL) {
        struct udmar__magazine *magazine = &cache->blocks[order][pool->kind];

        UDMAR_ASSERT(order < UDMAR__BLOCK_ORDERS);
        while (kept < taken && magazine->count < UDMAR__MAGAZINE) {
            magazine->page[magazine->count++] = pages[kept++];
        }
        udmar__cpu_cache_unlock(domain, cache, state);
    }
    if (kept < taken) {
        udmar__blocks_give(domain, &pages[kept], taken - kept, true);
    }
    return UDMAR_OK;
}

/* Half of a full magazine, into @out_pages: the arenas get it. */
static unsigned spill_magazine(struct udmar__magazine *magazine, uint32_t *out_pages)
{
    for (unsigned i = 0; i < UDMAR__SPILL; i++) {
        out_pages[i] = magazine->page[--magazine->count];
    }
    return UDMAR__SPILL;
}

void udmar__block_put_slow_path(struct udmar_domain *domain, struct udmar__arena *arena,
                                uint32_t page, unsigned pages)
{
    uint32_t spilled[UDMAR__SPILL];
    unsigned count = 0;
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);

    if (cache != NULL) {
        udmar__note_ended_block(domain, cache, page, pages);
        if (udmar__is_cached(arena->kind)) {
            unsigned order = UDMAR__BLOCK_ORDER(udmar__block_at(arena, page));
            struct udmar__magazine *magazine = &cache->blocks[order][arena->kind];

            if (magazine->count == UDMAR__MAGAZINE &&
                !udmar__reserve_spill(domain->host, &cache->reserves[order][arena->kind], magazine,
                                      order)) {
                count = spill_magazine(magazine, spilled);
            }
            UDMAR_ASSERT(magazine->count < UDMAR__MAGAZINE);
            magazine->page[magazine->count++] = page;
            page = UINT32_MAX;
        }
        udmar__cpu_cache_unlock(domain, cache, state);
    }
    if (page != UINT32_MAX) {
        udmar__blocks_give(domain, &page, 1, true);
    } else if (count > 0) {
        udmar__blocks_give(domain, spilled, count, true);
    }
}

enum udmar_status udmar__block_invalidate(struct udmar_domain *domain, uint32_t page,
                                          unsigned order)
{
    struct udmar__request request =
        udmar__block_request(domain, (udmar_iova_t)page << UDMAR_PAGE_SHIFT, order);

    return udmar__invalidate(domain->unit, &request, 1, true, NULL);
}

/* ---- Deferred mode ---- */

/* One whose invalidation is complete, into its magazine. False: that is full. */
static inline bool recycle_block(struct udmar__cpu_cache *cache)
{
    struct udmar__flush_batch *ready = cache->flushed;
    uint32_t block = ready->block[ready->count - 1];
    struct udmar__magazine *magazine = &cache->blocks[0][0] + UDMAR__BATCH_MAGAZINE(block);
    uint32_t count = magazine->count;

    if (UDMAR__UNLIKELY(count == UDMAR__MAGAZINE)) {
        return false;
    }
    magazine->page[count] = UDMAR__BATCH_PAGE(block);
    magazine->count = count + 1;
    ready->count--;
    return true;
}

/* What a unit has not confirmed is not used again. */
static void return_blocks(struct udmar_domain *domain, const struct udmar__flush_batch *batch,
                          enum udmar_status status)
{
    if (status == UDMAR_OK) {
        uint32_t pages[UDMAR__FLUSH_BATCH];

        for (unsigned i = 0; i < batch->count; i++) {
            pages[i] = UDMAR__BATCH_PAGE(batch->block[i]);
        }
        udmar__blocks_give(domain, pages, batch->count, true);
    } else if (batch->count > 0) {
        udmar__log(domain->host, UDMAR_LOG_ERROR,
                   "guest addresses of %u unmapped buffers are given up: %s",
                   (unsigned)batch->count, udmar_status_string(status));
    }
}

/* The usual turn: flushing becomes flushed, and pending becomes flushing. False: not now. */
static bool rotate_batches(struct udmar_domain *domain, struct udmar__cpu_cache *cache)
{
    struct udmar__flush_batch *empty = cache->flushed;
    uint64_t ticket;

    if (empty->count > 0 || !udmar__uses_queue(domain->unit) ||
        (cache->flushing->count > 0 &&
         !udmar__queue_reached(&domain->unit->queue, cache->flushing_ticket))) {
        return false;
    }
    ticket = udmar__queue_put_one(domain->unit, domain->request_low_all, 0, true);
    if (ticket == 0) {
        return false;
    }
    UDMAR__ASSERT_HELD(&cache->lock);
    UDMAR_ASSERT(empty->count == 0);
    cache->flushing_ticket = ticket;
    cache->flushed = cache->flushing;
    cache->flushing = cache->pending;
    cache->pending = empty;
    return true;
}

/*
 * The hardware is late, or there is no room in the queue or no queue: all batches go the way of
 * strict mode. Takes the lock away, so that nobody holds it while this one waits.
 */
static void flush_batches(struct udmar_domain *domain, struct udmar__cpu_cache *cache,
                          uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar__request request = udmar__domain_request(domain);
    struct udmar__flush_batch pending = *cache->pending;
    struct udmar__flush_batch waiting = *cache->flushing;
    struct udmar__flush_batch ready = *cache->flushed;
    enum udmar_status status;
    uint64_t ticket;

    cache->pending->count = 0;
    cache->flushing->count = 0;
    cache->flushed->count = 0;
    udmar__cpu_cache_unlock(domain, cache, state);
    return_blocks(domain, &ready, UDMAR_OK);
    /* In order: what covers the newest covers all. */
    status = udmar__invalidate(domain->unit, &request, 1, true, &ticket);
    return_blocks(domain, &waiting, status);
    return_blocks(domain, &pending, status);
}

/* The same where that is full: room for it first. False: its reserve has none either. */
static bool spill_and_recycle(struct udmar_domain *domain, struct udmar__cpu_cache *cache)
{
    uint32_t block = cache->flushed->block[cache->flushed->count - 1];
    unsigned which = UDMAR__BATCH_MAGAZINE(block);

    return recycle_block(cache) ||
           (udmar__reserve_spill(domain->host, &cache->reserves[0][0] + which,
                                 &cache->blocks[0][0] + which, which / 2) &&
            recycle_block(cache));
}

/* A full batch, or a full magazine. Takes the lock away. */
static __attribute__((__noinline__)) void defer_slow_path(struct udmar_domain *domain,
                                                          struct udmar__cpu_cache *cache,
                                                          uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar__flush_batch left = { .count = 0 };

    for (unsigned i = 0; i < 2 && cache->flushed->count > 0; i++) {
        if (spill_and_recycle(domain, cache)) {
            continue;
        }
        left.block[left.count++] = cache->flushed->block[--cache->flushed->count];
    }
    if (cache->pending->count == UDMAR__FLUSH_BATCH && !rotate_batches(domain, cache)) {
        flush_batches(domain, cache, state);
    } else {
        udmar__cpu_cache_unlock(domain, cache, state);
    }
    if (left.count > 0) {
        return_blocks(domain, &left, UDMAR_OK);
    }
}

/* There is no batch for it: as in strict mode. */
static __attribute__((__noinline__)) void flush_now(struct udmar_domain *domain, uint32_t page)
{
    const struct udmar__flush_batch one = { .count = 1, .block = { page } };
    struct udmar__request request = udmar__domain_request(domain);
    uint64_t ticket;

    return_blocks(domain, &one, udmar__invalidate(domain->unit, &request, 1, true, &ticket));
}

void udmar__block_defer_flush(struct udmar_domain *domain, const struct udmar__arena *arena,
                              uint32_t page, unsigned order, unsigned pages)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache =
        udmar__is_cached(arena->kind) ? udmar__cpu_cache_lock(domain, &state) : NULL;
    uint32_t count;

    udmar__mark_flush_pending(domain);
    if (UDMAR__UNLIKELY(cache == NULL)) {
        flush_now(domain, page);
        return;
    }
    udmar__note_ended_block(domain, cache, page, pages);
    count = cache->pending->count++;
    UDMAR_ASSERT(count < UDMAR__FLUSH_BATCH && order < UDMAR__BLOCK_ORDERS);
    cache->pending->block[count] = UDMAR__BATCH_BLOCK(page, order, arena->kind);
    if (UDMAR__UNLIKELY(count == UDMAR__FLUSH_BATCH - 1 ||
                        (cache->flushed->count > 0 && !recycle_block(cache)) ||
                        (cache->flushed->count > 0 && !recycle_block(cache)))) {
        defer_slow_path(domain, cache, state);
    } else {
        udmar__cpu_cache_unlock(domain, cache, state);
    }
}

/* ---- Windows of 2 MiB chunks ---- */

enum udmar_status udmar__window_get(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                    unsigned chunks, struct udmar__window **out_window)
{
    unsigned order = udmar__log2_up(chunks);
    enum udmar_status status = UDMAR_OK;

    *out_window = udmar__is_cached(pool->kind) && order < UDMAR__WINDOW_ORDERS
                      ? udmar__window_magazine_take(domain, pool->kind, order)
                      : NULL;
    if (*out_window == NULL) {
        status = udmar__window_create_transient(domain, pool, 1u << order, out_window);
    }
    return status;
}

void udmar__window_put(struct udmar_domain *domain, struct udmar__window *window)
{
    unsigned kind = window->pool->kind;
    unsigned order = udmar__log2_up(window->chunk_count);

    if (!udmar__is_cached(kind) || order >= UDMAR__WINDOW_ORDERS ||
        window->chunk_count != 1u << order ||
        !udmar__window_magazine_put(domain, kind, order, window)) {
        udmar__window_destroy(window);
    }
}

/* ---- The end ---- */

/* Blocks of one kind, out of a magazine... */
static void trim_magazine(struct udmar_domain *domain, struct udmar__cpu_cache *cache,
                          struct udmar__magazine *magazine, bool spare)
{
    struct udmar__magazine local;
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    local = *magazine;
    magazine->count = 0;
    udmar__unlock(domain->host, &cache->lock, state);
    if (local.count > 0) {
        udmar__blocks_give(domain, local.page, local.count, spare);
    }
}

/* ...and out of its reserve. */
static void trim_reserve(struct udmar_domain *domain, struct udmar__cpu_cache *cache,
                         struct udmar__reserve *reserve, bool all, bool spare)
{
    struct udmar__spill *spill;

    do {
        uintptr_t state = udmar__lock(domain->host, &cache->lock);

        spill = udmar__reserve_trim(reserve, all);
        udmar__unlock(domain->host, &cache->lock, state);
        if (spill != NULL) {
            udmar__blocks_give(domain, spill->page, UDMAR__SPILL, spare);
            udmar_host_free(domain->host, spill, sizeof(*spill));
        }
    } while (spill != NULL);
}

/* Pending flushes are asked for first. */
static void trim_batches(struct udmar_domain *domain,
                         struct udmar__cpu_cache *cache) UDMAR_NO_LOCK_ANALYSIS
{
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    if (cache->pending->count + cache->flushing->count + cache->flushed->count > 0) {
        flush_batches(domain, cache, state);
    } else {
        udmar__unlock(domain->host, &cache->lock, state);
    }
}

static void trim_windows(struct udmar_domain *domain, struct udmar__cpu_cache *cache,
                         struct udmar__window_magazine *magazine)
{
    struct udmar__window_magazine local;
    uintptr_t state = udmar__lock(domain->host, &cache->lock);

    local = *magazine;
    magazine->count = 0;
    udmar__unlock(domain->host, &cache->lock, state);
    while (local.count > 0) {
        udmar__window_destroy(local.window[--local.count]);
    }
}

/* What leaves the caches. */
enum trim {
    TRIM_IDLE,   /* what was not needed since the last time */
    TRIM_UNUSED, /* everything, but one arena stays, see holds_one_arena() */
    TRIM_ALL,
};

/* Has a mapping ended here since the last time? */
static bool is_idle(struct udmar_domain *domain, struct udmar__cpu_cache *cache)
{
    uintptr_t state = udmar__lock(domain->host, &cache->lock);
    bool idle = cache->ended_next == cache->trimmed;

    cache->trimmed = cache->ended_next;
    udmar__unlock(domain->host, &cache->lock, state);
    return idle;
}

static void trim_cache(struct udmar_domain *domain, struct udmar__cpu_cache *cache, bool all,
                       bool spare)
{
    if (all) {
        trim_batches(domain, cache);
    }
    for (unsigned kind = UDMAR__POOL_ALL; kind <= UDMAR__POOL_32; kind++) {
        for (unsigned order = 0; order < UDMAR__BLOCK_ORDERS; order++) {
            trim_reserve(domain, cache, &cache->reserves[order][kind], all, spare);
            if (all) {
                trim_magazine(domain, cache, &cache->blocks[order][kind], spare);
            }
        }
        for (unsigned order = 0; all && order < UDMAR__WINDOW_ORDERS; order++) {
            trim_windows(domain, cache, &cache->windows[order][kind]);
        }
    }
}

static void trim_caches(struct udmar_domain *domain, enum trim what)
{
    for (unsigned cpu = 0; cpu < udmar__mapper_of(domain)->cpus; cpu++) {
        struct udmar__cpu_cache *cache =
            __atomic_load_n(&udmar__mapper_of(domain)->caches[cpu], __ATOMIC_ACQUIRE);

        if (cache != NULL) {
            trim_cache(domain, cache, what != TRIM_IDLE || is_idle(domain, cache),
                       what == TRIM_UNUSED);
        }
    }
    /* The arenas that were kept as spares. */
    udmar__blocks_give(domain, NULL, 0, what == TRIM_UNUSED);
}

/* One arena is kept until the domain goes: what makes a map for each transfer needs it again. */
static bool holds_one_arena(struct udmar_domain *domain)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool one = udmar__mapper_of(domain)->taken <= UDMAR__ARENA_PAGES;

    udmar__unlock(domain->host, &domain->lock, state);
    return one;
}

void udmar__cpu_caches_trim(struct udmar_domain *domain)
{
    trim_caches(domain, TRIM_ALL);
}

void udmar__cpu_caches_trim_idle(struct udmar_domain *domain)
{
    trim_caches(domain, TRIM_IDLE);
}

void udmar__cpu_caches_ref(struct udmar_domain *domain)
{
    (void)__atomic_add_fetch(&udmar__mapper_of(domain)->cache_refs, 1, __ATOMIC_RELAXED);
}

void udmar__cpu_caches_unref(struct udmar_domain *domain)
{
    UDMAR_ASSERT(__atomic_load_n(&udmar__mapper_of(domain)->cache_refs, __ATOMIC_RELAXED) > 0);
    if (__atomic_sub_fetch(&udmar__mapper_of(domain)->cache_refs, 1, __ATOMIC_ACQ_REL) == 0 &&
        !holds_one_arena(domain)) {
        trim_caches(domain, TRIM_UNUSED);
    }
}

static void free_spills(void *host, struct udmar__cpu_cache *cache)
{
    for (unsigned i = 0; i < UDMAR__BLOCK_ORDERS * 2; i++) {
        struct udmar__spill *spill;

        while ((spill = udmar__reserve_trim(&cache->reserves[i / 2][i % 2], true)) != NULL) {
            udmar_host_free(host, spill, sizeof(*spill));
        }
    }
}

/* Blocks go with their arenas, windows with the address tree. */
void udmar__cpu_caches_free(struct udmar_domain *domain)
{
    for (unsigned cpu = 0;
         udmar__mapper_of(domain)->caches != NULL && cpu < udmar__mapper_of(domain)->cpus; cpu++) {
        struct udmar__cpu_cache *cache = udmar__mapper_of(domain)->caches[cpu];

        if (cache != NULL) {
            free_spills(domain->host, cache);
            udmar__lock_destroy(domain->host, &cache->lock);
            udmar_host_free(domain->host, cache, sizeof(*cache));
        }
    }
    if (udmar__mapper_of(domain)->caches != NULL) {
        udmar_host_free(domain->host, udmar__mapper_of(domain)->caches,
                        udmar__mapper_of(domain)->cpus * sizeof(*udmar__mapper_of(domain)->caches));
        udmar__mapper_of(domain)->caches = NULL;
    }
}
