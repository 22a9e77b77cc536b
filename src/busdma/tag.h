/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags: what a device can address, and the two back ends behind which its maps stand. */
#ifndef UDMAR_BUSDMA_TAG_H
#define UDMAR_BUSDMA_TAG_H

#include <udmar/busdma.h>

#include "mapping/pieces.h"
#include "policy/instance.h"

struct udmar__backend;
struct udmar__bounce_zone;

struct udmar_dma_tag {
    struct udmar_device *device;
    struct udmar_dma_tag *parent; /* null: the device's root tag */
    const struct udmar__backend *backend;
    uint64_t alignment;
    uint64_t boundary; /* 0: none */
    udmar_bus_addr_t lowaddr;
    udmar_bus_addr_t highaddr;
    uint64_t maxsize;
    uint64_t maxsegsz;
    uint32_t nsegments;
    int flags;
    udmar_dma_lock_t *lock;
    void *lock_argument;
    const char *name;
    unsigned refs; /* atomic: its maps, its child tags, and the driver until it destroys it */
    unsigned maps; /* atomic */
    bool ended;    /* destroyed by the driver, and alive for its child tags */
    /* Bouncing. */
    uint64_t misaligned;             /* address bits that must be 0 where a segment begins */
    bool may_miss;                   /* there may be memory that the device cannot reach */
    int numa_node;                   /* -1: any */
    struct udmar__bounce_zone *zone; /* null: no need seen; always null for a root tag */
};

/* What a translated device and one that sees physical addresses do differently. */
struct udmar__backend {
    int (*map_create)(struct udmar_dma_map *map);
    void (*map_destroy)(struct udmar_dma_map *map);
    /*
     * Makes addresses and fills map->segments; on failure nothing is left. Where the map is loaded,
     * the pieces are added to what it has. An error number.
     */
    int (*load)(struct udmar_dma_map *map, const struct udmar__pieces *pieces, bool read_only);
    void (*unload)(struct udmar_dma_map *map);
    /* Of a map that is not loaded: can no device reach what it had loaded any more? May wait. */
    bool (*is_flushed)(struct udmar_dma_map *map);
    /* Would there be addresses for it if nothing else were loaded? */
    bool (*possible)(struct udmar_dma_map *map, const struct udmar__pieces *pieces);
    bool (*id_mapped)(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);
    bool scatters; /* pieces may lie anywhere, the device sees them side by side */
};

extern const struct udmar__backend udmar__backend_translated;
extern const struct udmar__backend udmar__backend_direct;

/* A map of the tag begins and ends. */
void udmar__tag_ref(struct udmar_dma_tag *tag);
void udmar__tag_unref(struct udmar_dma_tag *tag);
/*
 * A root tag lives as long as its device, through changes of mode: before something is made below
 * it, it takes what the device has now. False: the device has addresses that busdma must not give.
 */
bool udmar__tag_follow(struct udmar_dma_tag *tag);
/* Logs the reason, counts, returns EINVAL. */
int udmar__tag_refuse(const struct udmar_dma_tag *near, const char *wrong);

/* The longest segment within a page: as many bytes as the next one may begin after. */
static inline uint32_t udmar__part_of_page(const struct udmar_dma_tag *tag)
{
    uint64_t most = udmar__min(tag->maxsegsz, UDMAR_PAGE_SIZE);
    uint64_t aligned = udmar__align_down(most, udmar__min(tag->alignment, UDMAR_PAGE_SIZE));

    return (uint32_t)(aligned != 0 ? aligned : most);
}

/* Where pieces begin in guest addresses that continue none. */
static inline uint64_t udmar__tag_border(const struct udmar_dma_tag *tag)
{
    return udmar__max(tag->alignment, UDMAR_PAGE_SIZE);
}

/* ---- counts.c ---- */
/* In the order of struct udmar_dma_counts. */
enum udmar__count {
    COUNT_TAG_REFUSED,
    COUNT_WRONG_ARGUMENT,
    COUNT_WRONG_MAP,
    COUNT_LOADED_TWICE,
    COUNT_UNLOADED_TWICE,
    COUNT_SYNCED_UNLOADED,
    COUNT_ENDED_LOADED,
    COUNT_ENDED_IN_USE,
    COUNT_TOO_MANY_SEGMENTS,
    COUNT_NO_RESOURCES,
    COUNT_CANCELLED,
};
/* Counts, and returns the error it was given. */
int udmar__mistake(const struct udmar_dma_tag *tag, enum udmar__count count, int error);

#endif
