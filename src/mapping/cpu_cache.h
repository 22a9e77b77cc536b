/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU caches of free blocks and transient windows, in front of the arenas: what a mapping
 * without a window takes and gives back.
 *
 * A cache belongs to a domain and a CPU. Its lock is there for a thread that is moved to another
 * CPU in between, which seldom happens, so hardly any caller waits for it. A full magazine gives
 * half of its blocks to its reserve (reserve.h), from where an empty one takes them back; where
 * that is full, or empty, they come from the arenas and go back there, a few at a time, so the
 * domain's lock is taken once for many mappings.
 *
 * Deferred mode: a block whose entries are clear, but not yet invalidated, goes into the batch
 * `pending`. When that is full, one request for the whole domain is queued for it, and it becomes
 * `flushing`; the batch that was flushing until then becomes `flushed`, and its blocks go back to
 * the magazines two by two with later unmaps, so that no unmap pays for all. No caller polls: the
 * request before was done long ago.
 */
#ifndef UDMAR_MAPPING_CACHE_H
#define UDMAR_MAPPING_CACHE_H

#include "mapping/arena.h"
#include "mapping/reserve.h"
#include "mapping/window.h"

#define UDMAR__BLOCK_ORDERS    9u /* 1 to 256 pages */
#define UDMAR__WINDOW_ORDERS   3u /* 1, 2 and 4 chunks of 2 MiB */
#define UDMAR__BLOCK_MOST      (UINT64_C(1) << (UDMAR__BLOCK_ORDERS - 1))
#define UDMAR__WINDOW_MOST     (UINT64_C(512) << (UDMAR__WINDOW_ORDERS - 1))
#define UDMAR__WINDOW_MAGAZINE 3u
#define UDMAR__FLUSH_BATCH     32u
#define UDMAR__CACHE_ENDED     32u

struct udmar__window_magazine {
    uint32_t count;
    struct udmar__window *window[UDMAR__WINDOW_MAGAZINE];
};

/* Blocks of all kinds: bits 26:0 the page, above them which magazine it belongs to. */
struct udmar__flush_batch {
    uint32_t count;
    uint32_t block[UDMAR__FLUSH_BATCH];
};
#define UDMAR__BATCH_BLOCK(page, order, kind) ((page) | ((order)*2 + (kind)) << 27)
#define UDMAR__BATCH_PAGE(block)              ((block) & ((UINT32_C(1) << 27) - 1))
#define UDMAR__BATCH_MAGAZINE(block)          ((block) >> 27)

/* A mapping that is no more. Small fields: a fault's look-up reads them without the lock. */
struct udmar__ended_block {
    uint32_t page;
    uint32_t pages;
    size_t clock;
};

struct udmar__cpu_cache {
    struct udmar__lock lock;
    struct udmar__magazine blocks[UDMAR__BLOCK_ORDERS][2];          /* [lock] by the kind of pool */
    struct udmar__reserve reserves[UDMAR__BLOCK_ORDERS][2];         /* [lock] behind those */
    struct udmar__window_magazine windows[UDMAR__WINDOW_ORDERS][2]; /* [lock] */
    struct udmar__flush_batch batch[3];                  /* [lock] of the next three, in turn */
    struct udmar__flush_batch *pending;                  /* [lock] */
    struct udmar__flush_batch *flushing;                 /* [lock] for waiting_ticket */
    struct udmar__flush_batch *flushed;                  /* [lock] */
    uint64_t flushing_ticket;                            /* [lock] */
    struct udmar__ended_block ended[UDMAR__CACHE_ENDED]; /* written with the lock */
    unsigned ended_next;                                 /* [lock] counts mappings that ended */
    unsigned trimmed;                                    /* [lock] ended_next at the last trim */
};

/* Makes the cache of a CPU. */
struct udmar__cpu_cache *udmar__cpu_cache_create(struct udmar_domain *domain, unsigned cpu);

/* The cache of this CPU, locked; null: no memory for one. */
static inline __attribute__((__always_inline__)) struct udmar__cpu_cache *
udmar__cpu_cache_lock(struct udmar_domain *domain, uintptr_t *out_state) UDMAR_NO_LOCK_ANALYSIS
{
    unsigned cpu = 0;
    struct udmar__cpu_cache *cache;

    if (udmar__mapper_of(domain)->cpus > 1) {
        cpu = udmar_host_cpu(domain->host);
        cpu = cpu < udmar__mapper_of(domain)->cpus ? cpu : 0;
    }
    cache = __atomic_load_n(&udmar__mapper_of(domain)->caches[cpu], __ATOMIC_ACQUIRE);
    if (UDMAR__UNLIKELY(cache == NULL)) {
        cache = udmar__cpu_cache_create(domain, cpu);
        if (cache == NULL) {
            return NULL;
        }
    }
    *out_state = udmar__lock(domain->host, &cache->lock);
    return cache;
}

static inline __attribute__((__always_inline__)) void
udmar__cpu_cache_unlock(struct udmar_domain *domain, struct udmar__cpu_cache *cache,
                        uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    udmar__unlock(domain->host, &cache->lock, state);
}

static inline bool udmar__is_cached(unsigned kind)
{
    return kind <= UDMAR__POOL_32;
}

static inline void udmar__note_ended_block(struct udmar_domain *domain,
                                           struct udmar__cpu_cache *cache, uint32_t page,
                                           unsigned pages)
{
    struct udmar__ended_block *past = &cache->ended[cache->ended_next++ % UDMAR__CACHE_ENDED];

    __atomic_store_n(&past->page, page, __ATOMIC_RELAXED);
    __atomic_store_n(&past->pages, pages, __ATOMIC_RELAXED);
    __atomic_store_n(&past->clock, udmar__iotlb_count(&domain->unit->counts), __ATOMIC_RELAXED);
}

/* Takes blocks from the reserve or the arenas: one to use, the others for the magazine. */
enum udmar_status udmar__block_refill(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                      unsigned order, uint32_t *out_page);
/* udmar__block_put() where the magazine is full, or none. */
void udmar__block_put_slow_path(struct udmar_domain *domain, struct udmar__arena *arena,
                                uint32_t page, unsigned pages);

/* A free block of 2^order pages from this CPU's magazine, or 0; @kind: that is cached. */
static inline uint32_t udmar__magazine_take(struct udmar_domain *domain, unsigned kind,
                                            unsigned order)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);
    struct udmar__magazine *magazine;
    uint32_t count;
    uint32_t page;

    if (UDMAR__UNLIKELY(cache == NULL)) {
        return 0;
    }
    magazine = &cache->blocks[order][kind];
    count = magazine->count;
    if (UDMAR__UNLIKELY(count == 0)) {
        udmar__cpu_cache_unlock(domain, cache, state);
        return 0;
    }
    UDMAR_ASSERT(count <= UDMAR__MAGAZINE);
    page = magazine->page[count - 1];
    magazine->count = count - 1;
    udmar__cpu_cache_unlock(domain, cache, state);
    return page;
}

/* The way back; false: there is no room for it. */
static inline bool udmar__magazine_put(struct udmar_domain *domain, unsigned kind, unsigned order,
                                       uint32_t page, unsigned pages)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);
    struct udmar__magazine *magazine;
    uint32_t count;

    if (UDMAR__UNLIKELY(cache == NULL)) {
        return false;
    }
    UDMAR_ASSERT(order < UDMAR__BLOCK_ORDERS && udmar__is_cached(kind));
    magazine = &cache->blocks[order][kind];
    count = magazine->count;
    if (UDMAR__UNLIKELY(count == UDMAR__MAGAZINE)) {
        udmar__cpu_cache_unlock(domain, cache, state);
        return false;
    }
    udmar__note_ended_block(domain, cache, page, pages);
    magazine->page[count] = page;
    magazine->count = count + 1;
    udmar__cpu_cache_unlock(domain, cache, state);
    return true;
}

/* A block of 2^order pages, order below UDMAR__BLOCK_ORDERS. */
static inline enum udmar_status udmar__block_get(struct udmar_domain *domain,
                                                 struct udmar__arena_pool *pool, unsigned order,
                                                 uint32_t *out_page)
{
    *out_page = udmar__is_cached(pool->kind) ? udmar__magazine_take(domain, pool->kind, order) : 0;
    if (*out_page != 0) {
        return UDMAR_OK;
    }
    return udmar__block_refill(domain, pool, order, out_page);
}

/*
 * Gives a block back whose entries are clear and whose invalidation is complete. @pages: how many
 * were mapped, for whoever looks at a fault.
 */
static inline void udmar__block_put(struct udmar_domain *domain, struct udmar__arena *arena,
                                    uint32_t page, unsigned order, unsigned pages)
{
    if (UDMAR__UNLIKELY(!udmar__is_cached(arena->kind) ||
                        !udmar__magazine_put(domain, arena->kind, order, page, pages))) {
        udmar__block_put_slow_path(domain, arena, page, pages);
    }
}

/* The same in deferred mode, before its invalidation has been asked for. */
void udmar__block_defer_flush(struct udmar_domain *domain, const struct udmar__arena *arena,
                              uint32_t page, unsigned order, unsigned pages);

/* A window of 2^order chunks from this CPU's magazine, or null; @kind: that is cached. */
static inline struct udmar__window *udmar__window_magazine_take(struct udmar_domain *domain,
                                                                unsigned kind, unsigned order)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);
    struct udmar__window *window = NULL;
    struct udmar__window_magazine *magazine;

    if (UDMAR__UNLIKELY(cache == NULL)) {
        return NULL;
    }
    magazine = &cache->windows[order][kind];
    if (magazine->count > 0) {
        window = magazine->window[--magazine->count];
    }
    udmar__cpu_cache_unlock(domain, cache, state);
    return window;
}

/* The way back; false: there is no room for it. */
static inline bool udmar__window_magazine_put(struct udmar_domain *domain, unsigned kind,
                                              unsigned order, struct udmar__window *window)
{
    uintptr_t state;
    struct udmar__cpu_cache *cache = udmar__cpu_cache_lock(domain, &state);
    struct udmar__window_magazine *magazine;
    bool kept;

    if (UDMAR__UNLIKELY(cache == NULL)) {
        return false;
    }
    magazine = &cache->windows[order][kind];
    kept = magazine->count < UDMAR__WINDOW_MAGAZINE;
    UDMAR_ASSERT(udmar__window_pages(window) == 0 && window->chunk_count == 1u << order);
    if (kept) {
        magazine->window[magazine->count++] = window;
    }
    udmar__cpu_cache_unlock(domain, cache, state);
    return kept;
}

/* A window of @chunks 2 MiB chunks for one mapping; made where the cache has none. */
enum udmar_status udmar__window_get(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                    unsigned chunks, struct udmar__window **out_window);
void udmar__window_put(struct udmar_domain *domain, struct udmar__window *window);

/*
 * A reference of a user whose mappings take from the caches, and its end. With the last one
 * everything goes back to the arenas, and what is empty to the host, but for one arena of each
 * pool; where the domain has no more than one anyway, all stays as it is. Without locks.
 */
void udmar__cpu_caches_ref(struct udmar_domain *domain);
void udmar__cpu_caches_unref(struct udmar_domain *domain);
/* Gives back what the caches hold, now. Without locks; others may map and unmap meanwhile. */
void udmar__cpu_caches_trim(struct udmar_domain *domain);
/* Gives back what nobody has used since the last call: all of a CPU on which no mapping has ended.
 */
void udmar__cpu_caches_trim_idle(struct udmar_domain *domain);

/* When the domain goes. */
void udmar__cpu_caches_free(struct udmar_domain *domain);

#endif
