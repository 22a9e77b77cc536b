/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounce zones: pools of bounce pages, one for each need (how high its pages may lie, how they are
 * aligned, which NUMA node), shared by all tags that have it.
 */
#ifndef UDMAR_BUSDMA_BOUNCE_PAGE_POOL_H
#define UDMAR_BUSDMA_BOUNCE_PAGE_POOL_H

#include "busdma/map.h"

#define UDMAR__BOUNCE_ZONE_MOST 8192u /* pages: 32 MiB */

/* A page of a zone, and the bytes that it holds a copy of while a map has it. */
struct udmar__bounce_page {
    struct udmar__bounce_page *next;
    struct udmar_page page;
    udmar_paddr_t client;      /* first byte of the driver's data */
    uint32_t length;           /* up to the end of its page at most */
    uint32_t offset;           /* of the copy in the page */
    udmar_paddr_t next_client; /* what follows in the page, at the beginning of another one */
    uint32_t next_length;      /* 0: nothing */
    bool read_only;            /* the device does not change it */
};

struct udmar__bounce_zone {
    struct udmar__bounce_zone *next; /* [instance lock] */
    struct udmar *instance;
    unsigned refs; /* [instance lock] */
    /* What its pages are like; constant. */
    udmar_paddr_t lowaddr;
    uint64_t alignment; /* at least a page */
    int numa_node;
    struct udmar__lock lock;
    struct udmar__bounce_page *free; /* [lock] */
    size_t total;                    /* [lock] free + reserved + active */
    size_t free_pages;               /* [lock] */
    size_t reserved;                 /* [lock] */
    size_t active;                   /* [lock] */
    uint64_t bounced;                /* [lock] */
    uint64_t deferred;               /* [lock] loads that have waited */
    uint64_t deferred_ns;            /* [lock] */
    struct udmar_dma_map *waiting;   /* [lock] first come first served; linked by wait.next */
    struct udmar_dma_map *ready;     /* [lock] likewise */
    bool running;                    /* [lock] a thread works off `ready` */
};

/* The zone for such pages, made where there is none, with one reference more; null: no memory. */
struct udmar__bounce_zone *udmar__bounce_zone_get(struct udmar *instance, udmar_paddr_t lowaddr,
                                                  uint64_t alignment, int numa_node);
void udmar__bounce_zone_ref(struct udmar__bounce_zone *zone);
/* With its last reference it goes. */
void udmar__bounce_zone_unref(struct udmar__bounce_zone *zone);
/*
 * Grows for one more map with loads of @pages. False: not even one such load could run. Without
 * locks, like udmar__bounce_zone_fill(): loads that wait are served first.
 */
bool udmar__bounce_zone_provide(struct udmar__bounce_zone *zone, uint64_t pages);
/* Grows to @pages in all. False: it has fewer. */
bool udmar__bounce_zone_fill(struct udmar__bounce_zone *zone, uint64_t pages);
/*
 * Gives the map pages; or, if it may wait, a place in the queue (EINPROGRESS). ENOMEM otherwise,
 * and where waiting could not help.
 */
int udmar__bounce_zone_take(struct udmar__bounce_zone *zone, struct udmar_dma_map *map,
                            uint32_t pages);
/* The load has succeeded: its pages are in use. */
void udmar__bounce_zone_activate(struct udmar_dma_map *map);
/* Takes the map's pages back; udmar__waiting_kick() has to follow, without locks. */
void udmar__bounce_zone_give(struct udmar_dma_map *map, bool active);
/* The same for pages that a device may still reach: they are lost. */
void udmar__bounce_zone_abandon(struct udmar_dma_map *map);
/* Lets waiting loads have what is free now. */
void udmar__bounce_zone_serve(struct udmar__bounce_zone *zone) UDMAR_REQUIRES(zone->lock);

#endif
