/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma inside: tags, maps, and the small vector behind which the two back ends stand.
 *
 * A load goes: load.c checks and starts a source (what is to be mapped, piece by piece) -> the back
 * end makes addresses of the pieces -> segments.c cuts them as the tag demands -> the driver's
 * callback.
 */
#ifndef UDMAR_BUSDMA_INTERNAL_H
#define UDMAR_BUSDMA_INTERNAL_H

#include <udmar/busdma.h>

#include "policy/instance.h"
#include "space/window.h"

struct udmar__backend;

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
    bool plain; /* neither boundary nor maxsegsz can cut a mapping of up to maxsize */
    int flags;
    udmar_dma_lock_t *lock;
    void *lock_argument;
    unsigned children; /* atomic: tags and maps that hold this one */
};

/* A page that stands in for one that the device cannot reach. */
struct udmar__bounce {
    udmar_paddr_t client; /* first byte of the driver's data */
    struct udmar_page page;
    uint32_t offset; /* in both pages */
    uint32_t length;
};

struct udmar_dma_map {
    struct udmar_dma_tag *tag;
    /* Segments of the load; room for `capacity`. */
    struct udmar_dma_segment *segments;
    uint32_t capacity;
    uint32_t count;
    bool loaded;
    bool of_dmamem;
    bool read_only;
    /* DMAR back end: a window for good... */
    struct udmar__window *window;
    /* ...or for one load a block, somebody's window, or a range. */
    struct udmar__pool *pool;   /* where those are taken from */
    struct udmar__arena *arena; /* of the block */
    uint32_t block;             /* its first page */
    struct udmar__window *lent;
    struct udmar__range *range;
    bool lost; /* an unload was not confirmed: the device may reach its memory for ever */
    /* Bounce back end. */
    struct udmar__bounce *bounces;
    uint32_t bounce_capacity;
    uint32_t bounce_count;
};

/* What is being loaded: a buffer of the kernel's, or a list of physical pieces. */
struct udmar__source {
    void *host;
    const uint8_t *buffer; /* null: the list */
    const struct udmar_dma_physical *list;
    uint64_t remaining; /* bytes; of the buffer, or of the whole list */
};

/*
 * The next piece, physically contiguous; its length is above 0. False at the end; *out_physical is
 * UINT64_MAX where a buffer is not mapped.
 */
static inline bool udmar__source_next(struct udmar__source *source, udmar_paddr_t *out_physical,
                                      uint64_t *out_length)
{
    if (source->remaining == 0) {
        return false;
    }
    if (source->buffer != NULL) {
        size_t length = (size_t)source->remaining;

        *out_physical = udmar_host_virtual_to_physical(source->host, source->buffer, &length);
        *out_length = length;
        source->buffer += length;
    } else {
        while (source->list->length == 0) {
            source->list++;
        }
        *out_physical = source->list->address;
        *out_length = source->list->length;
        source->list++;
    }
    source->remaining -= *out_length;
    return true;
}

struct udmar__backend {
    int (*map_create)(struct udmar_dma_map *map);
    void (*map_destroy)(struct udmar_dma_map *map);
    /* Fills map->segments; on failure nothing is left. Returns an error number. */
    int (*load)(struct udmar_dma_map *map, struct udmar__source *source, bool read_only);
    void (*sync)(struct udmar_dma_map *map, int op);
    void (*unload)(struct udmar_dma_map *map);
    /* Of a map that is not loaded: can no device reach what it had loaded any more? */
    bool (*settled)(struct udmar_dma_map *map);
    bool (*id_mapped)(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);
    bool scatters; /* dmamem may lie anywhere, the device sees it in one piece */
};

extern const struct udmar__backend udmar__backend_dmar;
extern const struct udmar__backend udmar__backend_bounce;

/* ---- slots.c: loads into small windows whose entries are always in reach ---- */

/* Not an error number: the pieces need more pages than there are. */
#define UDMAR__NEEDS_RANGE (-1)

static inline bool udmar__slots_suit(const struct udmar_dma_map *map)
{
    return map->window->slots != NULL && map->tag->alignment <= UDMAR_PAGE_SIZE;
}

/* Entries of pages that follow each other, and what they mean to the device. */
struct udmar__place {
    volatile uint64_t *slots;
    udmar_iova_t base;
    uint32_t pages;
    uint32_t used; /* pages written, also when it fails */
};

/* Writes the entries and fills map->segments; nothing is made visible or taken back. */
int udmar__slots_place(struct udmar_dma_map *map, const struct udmar__source *source,
                       unsigned access, struct udmar__place *place);
int udmar__slots_load(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access);

/* ---- segments.c ---- */
/*
 * Adds [address, address + length) as the device sees it; @join: it continues the last segment.
 * False when the tag's nsegments does not suffice.
 */
bool udmar__segment_add(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length,
                        bool join);

/* ---- map.c ---- */
int udmar__map_create(struct udmar_dma_tag *tag, struct udmar_dma_map **out_map);
void udmar__map_destroy(struct udmar_dma_map *map);

/* ---- tag.c ---- */
void udmar__tag_hold(struct udmar_dma_tag *tag);
void udmar__tag_drop(struct udmar_dma_tag *tag);

#endif
