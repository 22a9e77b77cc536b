/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapper: a domain and what makes mapping in it fast. The domain comes first, so a pointer to the
 * one is a pointer to the other; space/ knows the domain alone.
 */
#ifndef UDMAR_MAPPING_MAPPER_H
#define UDMAR_MAPPING_MAPPER_H

#include "space/directory.h"
#include "space/domain.h"

struct udmar__arena;
struct udmar__cpu_cache;

/* Kinds of nodes in the address tree that are no business of the API's. */
#define RANGE_ARENA 5u

/* The kinds of pools: those that every domain has are served by the per-CPU caches. */
#define UDMAR__POOL_ALL   0u /* no limit */
#define UDMAR__POOL_32    1u /* devices of 32 bits */
#define UDMAR__POOL_OTHER 2u

/* All arenas that keep out of one range of addresses; arena.h says what they are. */
struct udmar__arena_pool {
    udmar_iova_t exclude_first;     /* constant */
    udmar_iova_t exclude_last;      /* constant; 0: no limit */
    unsigned kind;                  /* constant; UDMAR__POOL_... */
    uint64_t taken;                 /* [domain lock] pages of its arenas and large windows */
    struct udmar__arena_pool *next; /* [domain lock] */
    struct udmar__arena *free[11]; /* [domain lock] by the order of the largest free block plus 1 */
};

struct udmar__mapper {
    struct udmar_domain domain; /* first */
    unsigned cpus;              /* constant */
    bool ticking;               /* constant; udmar_tick() is called: a flush may be put off */
    unsigned flush_pending;     /* atomic; the next tick has to ask for a flush */
    uint64_t windows;           /* [domain lock] */
    uint64_t taken;             /* [domain lock] pages of all arenas and large windows */
    struct udmar__arena_pool pool_all;
    struct udmar__arena_pool pool_32;
    struct udmar__arena_pool *pools; /* [domain lock] */
    struct udmar__directory arenas;
    struct udmar__directory transients; /* windows for one mapping each (cpu_cache.h) */
    struct udmar__iova blocks;          /* [domain lock] windows that stand in blocks */
    struct udmar__cpu_cache **caches;   /* one a CPU, made when first used; null: none */
    unsigned cache_refs;                /* atomic; maps without a window */
};

struct udmar__mapper_config {
    unsigned cpus; /* 0 is taken for 1 */
    bool ticking;
    struct udmar__domain_config domain;
};

static inline struct udmar__mapper *udmar__mapper_of(const struct udmar_domain *domain)
{
    return (struct udmar__mapper *)(uintptr_t)domain;
}

/* A domain that @unit can translate; nothing is attached yet. */
enum udmar_status udmar__mapper_create(struct udmar_unit *unit,
                                       const struct udmar__mapper_config *config,
                                       struct udmar_domain **out_domain);
/* No context may refer to it, no window may be in use. */
void udmar__mapper_destroy(struct udmar_domain *domain);

/* Does the end of a mapping put its flush off? Registers take one request at a time anyway. */
static inline bool udmar__defers_flush(const struct udmar_domain *domain)
{
    return !domain->strict && udmar__mapper_of(domain)->ticking && udmar__uses_queue(domain->unit);
}

/*
 * Something was cleared whose invalidation will be asked for by another call, at the latest by the
 * next tick.
 */
static inline void udmar__mark_flush_pending(struct udmar_domain *domain)
{
    unsigned *pending = &udmar__mapper_of(domain)->flush_pending;

    /* The cleared entries must be seen before the mark is looked at: a tick may be under way. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(pending, __ATOMIC_RELAXED) == 0) {
        __atomic_store_n(pending, 1, __ATOMIC_RELAXED);
    }
}

/* The tick: asks for the flush that is pending in a domain. */
void udmar__mapper_tick(struct udmar_domain *domain);

/* Fills in place, near_base, near_size and near_age of a fault. */
void udmar__locate(struct udmar_domain *domain, udmar_iova_t address, struct udmar_fault *fault);

#endif
