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
 * full, one request for the whole domain is queued for all of them, they move to `waiting`, and
 * those that waited for the request before may be used again. Nobody polls: that request was done
 * long ago.
 */
#ifndef UDMAR_SPACE_CACHE_H
#define UDMAR_SPACE_CACHE_H

#include "space/arena.h"
#include "space/window.h"

#define UDMAR__BLOCK_ORDERS  9u /* 1 to 256 pages */
#define UDMAR__WINDOW_ORDERS 3u /* 1, 2 and 4 chunks of 2 MiB */
#define UDMAR__BLOCK_MOST    (UINT64_C(1) << (UDMAR__BLOCK_ORDERS - 1))
#define UDMAR__WINDOW_MOST   (UINT64_C(512) << (UDMAR__WINDOW_ORDERS - 1))
#define UDMAR__MAGAZINE      62u
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
    struct udmar__batch resting;                           /* [lock] */
    struct udmar__batch waiting;                           /* [lock] for waiting_ticket */
    uint64_t waiting_ticket;                               /* [lock] */
    struct udmar__past gone[UDMAR__CACHE_GONE];            /* written with the lock */
    unsigned gone_next;                                    /* [lock] */
};

/* A block of 2^order pages, order below UDMAR__BLOCK_ORDERS. @pool: pool_all or pool_32. */
enum udmar_status udmar__block_get(struct udmar_domain *domain, struct udmar__pool *pool,
                                   unsigned order, uint32_t *out_page);
/*
 * Gives a block back whose entries are clear and whose invalidation is complete. @pages: how many
 * were mapped, for whoever looks at a fault.
 */
void udmar__block_put(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                      unsigned pages);
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
