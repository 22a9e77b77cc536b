/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where one load or stream lives: the one way to get guest addresses for it, to write its PTEs and
 * to end it. busdma and streams both go this way.
 */
#ifndef UDMAR_MAPPING_MAPPING_H
#define UDMAR_MAPPING_MAPPING_H

#include "mapping/pieces.h"
#include "mapping/window.h"

enum udmar__mapping_kind {
    MAPPING_NONE,
    MAPPING_WINDOW,    /* in the window that a busdma map has for good */
    MAPPING_BLOCK,     /* in a block of an arena, up to 1 MiB */
    MAPPING_TRANSIENT, /* in a window of 2 MiB chunks that is this mapping's until it ends */
    MAPPING_RANGE,     /* anywhere in the address tree, through the page-table walker */
};

struct udmar__mapping {
    enum udmar__mapping_kind kind;
    uint32_t pages;          /* what has to be taken back at the end; 0: nothing was written */
    uint32_t first;          /* windows: pages in front of the mapping */
    udmar_iova_t iova;       /* of its first page */
    volatile uint64_t *ptes; /* from that page on; null: not always in reach, or large leaves fit */
    union {
        struct udmar__window *window;
        struct udmar__arena *arena;
        struct udmar__range *range;
    } in;
};

struct udmar__mapping_request {
    struct udmar__window *window; /* the map's own, for what fits in; or null */
    struct udmar__arena_pool *pool;
    uint64_t pages;
    uint64_t alignment;     /* bytes, a power of two, at least a page */
    uint64_t boundary;      /* bytes; 0: none */
    udmar_paddr_t physical; /* of the first piece, if there are 2 MiB or more: large leaves */
};

/*
 * Finds the addresses: the window if it is large enough, else a block or a transient window, else a
 * range. UDMAR_ERR_MEMORY, UDMAR_ERR_IOVA, or that a unit has not confirmed what was there before.
 */
enum udmar_status udmar__mapping_get(struct udmar_domain *domain,
                                     const struct udmar__mapping_request *request,
                                     struct udmar__mapping *out_mapping);
/*
 * Writes the PTEs of measured pieces and makes them visible to the unit. UDMAR_ERR_ARGUMENT: a part
 * of a buffer is not mapped. After any error the mapping is to be ended: a device may have seen a
 * part of it.
 */
enum udmar_status udmar__mapping_write(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                       const struct udmar__pieces *pieces, unsigned access);
/*
 * The same behind what the mapping has, from its page @at on, where udmar__mapping_next() has found
 * room; nothing is announced. After an error the part is to be taken back, or the mapping ended.
 */
enum udmar_status udmar__mapping_write_at(struct udmar_domain *domain,
                                          struct udmar__mapping *mapping, uint64_t at,
                                          const struct udmar__pieces *pieces, unsigned access);
/*
 * Is there room for @request behind what the mapping has? *out_at: the page, under the same limits
 * as a place of its own; the pages in front of it stay empty. The request's window and pool do not
 * matter.
 */
bool udmar__mapping_next(const struct udmar__mapping *mapping,
                         const struct udmar__mapping_request *request, uint64_t *out_at);
/*
 * Devices cannot reach pages [at, mapping->pages) any more, while the rest stays; waits, in
 * deferred mode as well. The pages are part of the mapping until it ends. An error: the unit has
 * not confirmed.
 */
enum udmar_status udmar__mapping_take_back(struct udmar_domain *domain,
                                           struct udmar__mapping *mapping, uint64_t at);
/* The same as udmar__mapping_write() for pages that follow each other in memory. */
enum udmar_status udmar__mapping_write_run(struct udmar_domain *domain,
                                           struct udmar__mapping *mapping, udmar_paddr_t physical,
                                           uint64_t pages, unsigned access);
/*
 * Ends it: clears the PTEs, asks the unit to forget them (deferred mode puts that off) and gives
 * the addresses back. An error: the unit has not confirmed, devices may still reach the memory, and
 * the addresses stay taken.
 */
enum udmar_status udmar__mapping_end(struct udmar_domain *domain, struct udmar__mapping *mapping);

/* What is loaded in the first @pages of a window. */
static inline struct udmar__mapping udmar__mapping_in_window(enum udmar__mapping_kind kind,
                                                             struct udmar__window *window,
                                                             uint32_t pages)
{
    return (struct udmar__mapping){
        .kind = kind,
        .pages = pages,
        .iova = window->base,
        .in.window = window,
    };
}

/* Tells a unit that wants to know of them about new entries: caching mode, or a write buffer. */
static inline enum udmar_status udmar__announce(struct udmar_domain *domain, udmar_iova_t iova,
                                                uint64_t pages)
{
    uint64_t size = pages << UDMAR_PAGE_SHIFT;
    unsigned order = udmar__covering_order(iova, size);

    if (domain->caching_mode && (int)order <= domain->request_order &&
        udmar__uses_queue(domain->unit)) {
        /* Without the hint: absent entries of upper tables may be cached as well. */
        return udmar__queue_complete(domain->unit, domain->request_low,
                                     udmar__align_down(iova, UDMAR_PAGE_SIZE << order) | order);
    }
    return udmar__domain_published(domain, iova, size);
}

/* The same for what a mapping has from its page @from on; ranges have announced theirs. */
static inline enum udmar_status udmar__mapping_announce(struct udmar_domain *domain,
                                                        const struct udmar__mapping *mapping,
                                                        uint64_t from)
{
    if (!domain->announces || mapping->kind == MAPPING_RANGE || from == mapping->pages) {
        return UDMAR_OK;
    }
    return udmar__announce(domain, mapping->iova + (from << UDMAR_PAGE_SHIFT),
                           mapping->pages - from);
}

/* Would there be a place for it if nothing were taken but what is reserved for ever? */
bool udmar__mapping_possible(struct udmar_domain *domain,
                             const struct udmar__mapping_request *request);

#endif
