/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU caches of free blocks and small large windows, in front of the arenas: what a mapping of
 * the moment takes and gives back.
 *
 * A cache belongs to a domain and a CPU. Its lock is there for the rare thread that is moved to
 * another CPU in between, so nobody waits for it. A full magazine gives half of its blocks back to
 * the arenas, an empty one takes a few, so the domain's lock is taken once for many mappings.
 *
 * Deferred mode: a block whose entries are clear, but not yet invalidated, rests. When `resting` is
 * full, one request for the whole domain is queued for all of them and they become those that wait;
 * those that waited until then become ready, and go back to the magazines two by two as others come
 * to rest, so that no unmap pays for all. Nobody polls: their request was done long ago.
 */
#ifndef UDMAR_SPACE_CACHE_H
#define UDMAR_SPACE_CACHE_H

#include "space/arena.h"
#include "space/window.h"

#define UDMAR__BLOCK_ORDERS  9u /* 1 to 256 pages */
#define UDMAR__WINDOW_ORDERS 3u /* 1, 2 and 4 chunks of 2 MiB */
#define UDMAR__BLOCK_MOST    (UINT64_C(1) << (UDMAR__BLOCK_ORDERS - 1))
#define UDMAR__WINDOW_MOST   (UINT64_C(512) << (UDMAR__WINDOW_ORDERS - 1))
#define UDMAR__MAGAZINE      63u /* with its count a power of two */
#define UDMAR__RESTING       32u
#define UDMAR__CACHE_GONE    32u

struct udmar__magazine {
    uint32_t count;
    uint32_t page[UDMAR__MAGAZINE];
};

struct udmar__rack {
    uint32_t count;
    struct udmar__window *window[3];
};

struct udmar__batch {
    uint32_t count;
    uint32_t page[UDMAR__RESTING];
};

/* A mapping that is no more; small fields, because a fault's look-up reads them without the lock.
 */
struct udmar__past {
    uint32_t page;
    uint32_t pages;
    size_t clock;
};

struct udmar__cache {
    struct udmar__lock lock;
    struct udmar__magazine blocks[2][UDMAR__BLOCK_ORDERS]; /* [lock] of pool_all, of pool_32 */
    struct udmar__rack windows[2][UDMAR__WINDOW_ORDERS];   /* [lock] */
    struct udmar__batch batch[3];                          /* [lock] of the next three, in turn */
    struct udmar__batch *resting;                          /* [lock] */
    struct udmar__batch *waiting;                          /* [lock] for waiting_ticket */
    struct udmar__batch *ready;                            /* [lock] */
    uint64_t waiting_ticket;                               /* [lock] */
    struct udmar__past gone[UDMAR__CACHE_GONE];            /* written with the lock */
    unsigned gone_next;                                    /* [lock] */
};

/* Makes the cache of a CPU. */
struct udmar__cache *udmar__cache_make(struct udmar_domain *domain, unsigned cpu);

/* The cache of this CPU, locked; null: no memory for one. */
static inline struct udmar__cache *udmar__cache_enter(struct udmar_domain *domain,
                                                      uintptr_t *out_state) UDMAR_NO_LOCK_ANALYSIS
{
    unsigned cpu = domain->cpus > 1 ? udmar_host_cpu(domain->host) : 0;
    struct udmar__cache *cache;

    cpu = cpu < domain->cpus ? cpu : 0;
    cache = __atomic_load_n(&domain->caches[cpu], __ATOMIC_ACQUIRE);
    if (UDMAR__UNLIKELY(cache == NULL)) {
        cache = udmar__cache_make(domain, cpu);
        if (cache == NULL) {
            return NULL;
        }
    }
    *out_state = udmar__lock(domain->host, &cache->lock);
    return cache;
}

static inline void udmar__cache_leave(struct udmar_domain *domain, struct udmar__cache *cache,
                                      uintptr_t state) UDMAR_NO_LOCK_ANALYSIS
{
    udmar__unlock(domain->host, &cache->lock, state);
}

static inline unsigned udmar__pool_index(const struct udmar_domain *domain,
                                         const struct udmar__pool *pool)
{
    return pool == &domain->pool_32;
}

static inline bool udmar__is_cached(const struct udmar_domain *domain,
                                    const struct udmar__pool *pool)
{
    return pool == &domain->pool_32 || pool == &domain->pool_all;
}

static inline struct udmar__magazine *udmar__magazine_of(struct udmar_domain *domain,
                                                         struct udmar__cache *cache,
                                                         const struct udmar__arena *arena,
                                                         uint32_t page)
{
    return &cache->blocks[udmar__pool_index(domain, arena->pool)]
                         [UDMAR__BLOCK_ORDER(udmar__block_at(arena, page))];
}

static inline void udmar__note_past(struct udmar_domain *domain, struct udmar__cache *cache,
                                    uint32_t page, unsigned pages)
{
    struct udmar__past *past = &cache->gone[cache->gone_next++ % UDMAR__CACHE_GONE];

    __atomic_store_n(&past->page, page, __ATOMIC_RELAXED);
    __atomic_store_n(&past->pages, pages, __ATOMIC_RELAXED);
    __atomic_store_n(&past->clock, udmar__iotlb_count(&domain->unit->counts), __ATOMIC_RELAXED);
}

/* Takes blocks from the arenas: one to use, the others for the magazine. */
enum udmar_status udmar__block_refill(struct udmar_domain *domain, struct udmar__pool *pool,
                                      unsigned order, uint32_t *out_page);
/* udmar__block_put() where the magazine is full, or none. */
void udmar__block_put_slowly(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                             unsigned pages);

/* A block of 2^order pages, order below UDMAR__BLOCK_ORDERS. */
static inline enum udmar_status udmar__block_get(struct udmar_domain *domain,
                                                 struct udmar__pool *pool, unsigned order,
                                                 uint32_t *out_page)
{
    uintptr_t state;
    struct udmar__cache *cache;
    bool found = false;

    if (udmar__is_cached(domain, pool)) {
        cache = udmar__cache_enter(domain, &state);
        if (cache != NULL) {
            struct udmar__magazine *magazine =
                &cache->blocks[udmar__pool_index(domain, pool)][order];

            found = magazine->count > 0;
            if (found) {
                *out_page = magazine->page[--magazine->count];
            }
            udmar__cache_leave(domain, cache, state);
        }
    }
    return found ? UDMAR_OK : udmar__block_refill(domain, pool, order, out_page);
}

/*
 * Gives a block back whose entries are clear and whose invalidation is complete. @pages: how many
 * were mapped, for whoever looks at a fault.
 */
static inline void udmar__block_put(struct udmar_domain *domain, struct udmar__arena *arena,
                                    uint32_t page, unsigned order, unsigned pages)
{
    uintptr_t state;
    struct udmar__cache *cache;
    bool kept = false;

    if (udmar__is_cached(domain, arena->pool)) {
        cache = udmar__cache_enter(domain, &state);
        if (cache != NULL) {
            struct udmar__magazine *magazine =
                &cache->blocks[udmar__pool_index(domain, arena->pool)][order];

            kept = magazine->count < UDMAR__MAGAZINE;
            if (kept) {
                udmar__note_past(domain, cache, page, pages);
                magazine->page[magazine->count++] = page;
            }
            udmar__cache_leave(domain, cache, state);
        }
    }
    if (!kept) {
        udmar__block_put_slowly(domain, arena, page, pages);
    }
}

/* The same in deferred mode, before its invalidation has been asked for. */
void udmar__block_rest(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                       unsigned pages);

/* A window of @chunks 2 MiB chunks for one mapping; made where none is at hand. */
enum udmar_status udmar__window_get(struct udmar_domain *domain, struct udmar__pool *pool,
                                    unsigned chunks, struct udmar__window **out_window);
void udmar__window_put(struct udmar_domain *domain, struct udmar__window *window);

/*
 * Somebody whose mappings take from the caches, and his end: with the last one everything goes back
 * to the arenas, and what is empty to the host. Without locks.
 */
void udmar__cache_hold(struct udmar_domain *domain);
void udmar__cache_drop(struct udmar_domain *domain);
/* Gives back what the caches hold, now. Without locks; others may map and unmap meanwhile. */
void udmar__caches_trim(struct udmar_domain *domain);

/* When the domain goes. */
void udmar__caches_free(struct udmar_domain *domain);

/* May what has been cleared wait for company? Registers take one request at a time anyway. */
static inline bool udmar__may_rest(const struct udmar_domain *domain)
{
    return !domain->strict && domain->ticking && domain->unit->use_queue;
}

/* The tick: asks for what rests in a domain. */
void udmar__domain_tick(struct udmar_domain *domain);

#endif
