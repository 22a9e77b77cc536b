/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps: what one transfer at a time needs, and the state that it is in. */
#ifndef UDMAR_BUSDMA_MAP_H
#define UDMAR_BUSDMA_MAP_H

#include "busdma/tag.h"
#include "mapping/mapping.h"

struct udmar__bounce_page;

/* Waiting, ready and cancelled are written with the lock of the queue that the map is in. */
enum udmar__map_state {
    MAP_IDLE,
    MAP_LOADED,
    MAP_WAITING,   /* its load is in a queue (bounce/) */
    MAP_READY,     /* its load has what it waited for, and another thread will run it */
    MAP_CANCELLED, /* was ready, and the driver has unloaded it */
};

/* How a map was loaded, and so what its unload has to end. */
enum udmar__load_way {
    LOAD_NONE,
    LOAD_FAST_WINDOW, /* fast_path.h: one segment in the map's window; `mapping` is not set */
    LOAD_FAST_LANE,   /* the same in a window that has lanes */
    LOAD_GROWN,       /* several segments in the map's window, one run each; likewise */
    LOAD_FAST_LARGE,  /* the same as one 2 MiB leaf in a window of chunks */
    LOAD_FAST_BLOCK,  /* the same in a block; `mapping` says which */
    LOAD_MAPPING,     /* one segment: `mapping`, and nothing else */
    LOAD_PIECES,      /* `mapping` and `earlier` where translated; bounce pages */
};

/* A place that a growing load has filled. */
struct udmar__place {
    struct udmar__place *next;
    struct udmar__mapping mapping;
};

/* Pieces of physical memory, neighbours joined. */
struct udmar__piece_list {
    struct udmar_dma_physical *entries;
    uint32_t count;
    uint32_t capacity;
    uint64_t bytes;
};

/* Who is told of a load, and the load's place in a queue while it waits. */
struct udmar__waiting_load {
    struct udmar_dma_map *next;
    bool may_wait;
    bool momentary; /* the last try failed by what others may give back */
    bool for_space; /* it waits in wait_space.c, not for bounce pages */
    size_t tried;   /* what wait_space.freed was then */
    udmar_dma_callback_t *callback;
    void *callback_argument;
    struct udmar__pieces pieces; /* to be tried again; a list is the map's `client_pieces` */
    uint32_t needed;
    uint64_t since;
};

struct udmar_dma_map {
    struct udmar_dma_tag *tag;
    /*
     * Null, or the tag: the map is idle and a load of one contiguous buffer may take the fast path.
     * udmar__map_set_state() keeps it.
     */
    struct udmar_dma_tag *fast;
    void *host;
    struct udmar_domain *domain;  /* constant; translated: of its device */
    struct udmar__window *window; /* for good; null: each load looks for addresses of its own */
    uint64_t window_bytes;        /* the most of a load through fast_path.h's window; 0: none */
    uintptr_t offset_mask;        /* bits of a buffer's address that the tag's alignment forbids */
    struct udmar_dma_segment *segments; /* of the load; room for `capacity` */
    uint16_t state;     /* enum udmar__map_state; atomic. Side by side with the next: one store */
    uint16_t way;       /* enum udmar__load_way */
    uint16_t fast_way;  /* constant: of a load into the window through the fast path */
    bool may_fast;      /* constant: `fast` may be the tag */
    bool may_large;     /* constant: the window may have one large leaf through the fast path */
    uint64_t run_bytes; /* constant: the most of a load of one segment through the fast path */
    uint32_t capacity;
    uint32_t most_segments; /* constant: what the capacity may grow to */
    uint32_t count;         /* segments of LOAD_GROWN and LOAD_PIECES; the others have one */
    uint32_t kept;          /* segments that are there before a call that adds some; else 0 */
    bool of_dmamem;
    bool read_only;
    bool unconfirmed;    /* an unload was not confirmed: so far the device may reach its memory */
    bool used_transient; /* a load was not in the window; deferred: its flush may be pending */
    struct udmar__arena_pool *pool; /* addresses of its loads come from there */
    struct udmar__mapping mapping;
    void *memory; /* of_dmamem: what it came with */
    /* Growing; translated.c. */
    struct udmar__place *earlier; /* places of the load in front of `mapping` */
    uint32_t announced;           /* pages of `mapping` that the unit has been told of */
    bool more;                    /* the unit is told by udmar_dmamap_complete() */
    bool grows;                   /* pieces have been added to this map: more are to be expected */
    bool uses_caches;             /* holds a reference to the caches of its domain */
    /* Bouncing. */
    bool subpage;    /* partial pages must not be seen by the device */
    bool isolates;   /* the same of what is being loaded: dmamem has its pages for itself */
    bool may_bounce; /* constant: every load has to be looked at */
    struct udmar__bounce_zone *zone;
    struct udmar__bounce_page *bounces; /* in the order of their bytes */
    uint32_t bounce_count;
    struct udmar__piece_list client_pieces;  /* what the driver has */
    struct udmar__piece_list bounced_pieces; /* what the device gets */
    struct udmar__waiting_load wait;
#ifdef UDMAR_DEBUG_MAPS
    struct udmar_dma_map *next_of_device; /* [instance lock] */
    const void *created;                  /* return addresses in the driver */
    const void *last_load;
    const void *last_unload;
#endif
};

/* May a map go from one state to the other? The same again: what else it has has changed. */
static inline bool udmar__map_may_go(enum udmar__map_state from, enum udmar__map_state to)
{
    switch (from) {
    case MAP_IDLE:
        return to <= MAP_WAITING;
    case MAP_LOADED:
        return to <= MAP_LOADED;
    case MAP_WAITING:
        return to == MAP_IDLE || to == MAP_READY;
    case MAP_READY:
        return to == MAP_IDLE || to == MAP_CANCELLED;
    default:
        return to == MAP_IDLE;
    }
}

/*
 * The one place where a state changes, but for fast_path.h. The fast path asks neither whether a
 * load waits nor whether bounce pages are left from an unload that was not confirmed: while there
 * is such a thing it is closed.
 */
static inline void udmar__map_set_state(struct udmar_dma_map *map, enum udmar__map_state state)
{
    bool open = state == MAP_IDLE && map->may_fast && map->bounces == NULL;

    UDMAR_ASSERT(udmar__map_may_go((enum udmar__map_state)map->state, state));
    map->fast = open ? map->tag : NULL;
    /* After it the map may be another thread's. */
    __atomic_store_n(&map->state, (uint16_t)state, __ATOMIC_RELEASE);
}

/* Bounce pages have come or gone: the state stays. */
static inline void udmar__map_refresh(struct udmar_dma_map *map)
{
    udmar__map_set_state(map, (enum udmar__map_state)map->state);
}

static inline enum udmar__map_state udmar__map_state(const struct udmar_dma_map *map)
{
    return (enum udmar__map_state)__atomic_load_n(&map->state, __ATOMIC_ACQUIRE);
}

static inline bool udmar__is_loaded(const struct udmar_dma_map *map)
{
    return udmar__map_state(map) == MAP_LOADED;
}

/* A load of this map is still to come. */
static inline bool udmar__load_is_waiting(const struct udmar_dma_map *map)
{
    return udmar__map_state(map) >= MAP_WAITING;
}

/* A call with a tag, a map, or neither: whose instance is it? Null: nobody's. */
static inline const struct udmar_dma_tag *udmar__either(const struct udmar_dma_tag *tag,
                                                        const struct udmar_dma_map *map)
{
    return tag != NULL ? tag : map != NULL ? map->tag : NULL;
}

/* What every call that loads refuses before it looks at anything else. 0: go on. */
static inline int udmar__map_admit(const struct udmar_dma_tag *tag, const struct udmar_dma_map *map,
                                   bool complete)
{
    if (tag == NULL || map == NULL || !complete) {
        return udmar__mistake(udmar__either(tag, map), COUNT_WRONG_ARGUMENT, UDMAR_EINVAL);
    }
    return map->tag != tag ? udmar__mistake(tag, COUNT_WRONG_MAP, UDMAR_EINVAL) : 0;
}

/* ---- map.c ---- */
int udmar__map_create(struct udmar_dma_tag *tag, bool of_dmamem, struct udmar_dma_map **out_map);
void udmar__map_destroy(struct udmar_dma_map *map);
/* Is all of it memory that came with the map, which nobody else has a part of? */
bool udmar__map_owns(const struct udmar_dma_map *map, const uint8_t *buffer, uint64_t length);

/* ---- translated.c ---- */
/* An unload that the unit has not confirmed. */
void udmar__report_loss(const struct udmar_dma_map *map, enum udmar_status status);
/* Tells the unit of what the load has that it was not told of. An error number. */
int udmar__map_announce(struct udmar_dma_map *map);
/* What the map's loads ask udmar__mapping_get() for; @physical: of the first page. */
struct udmar__mapping_request udmar__map_request(const struct udmar_dma_map *map, uint64_t pages,
                                                 udmar_paddr_t physical);

/* ---- segments.c ---- */
/*
 * Adds [address, address + length) as the device sees it; where it continues the last segment it
 * becomes a part of that, as far as the tag allows. EFBIG when nsegments does not suffice, ENOMEM
 * when there is no memory for more of them.
 */
int udmar__segment_add(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length);
/* The segments of a mapping that begins at @base. Returns an error number. */
int udmar__segments_make(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                         udmar_iova_t base);

#endif
