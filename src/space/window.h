/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: guest addresses with leaf entries that belong to a busdma map for as long as it lives.
 *
 * A window's entries are found when it is made and written by nobody else, so that a load is a row
 * of stores and an unload is a row of stores and one invalidation request that was made up
 * beforehand: no tree, no lock, no memory.
 *
 * Small windows (up to 256 pages) are a block of an arena (arena.h), whose table is linked all the
 * time. Larger ones own a leaf table for each 2 MiB chunk and link it, or a 2 MiB leaf instead of
 * it, only while something is loaded: so a chunk's level-2 entry is always empty before it changes
 * from the one to the other, and the unload's invalidation (without the leaf-only hint) has removed
 * the old one from every cache [VTD 6.5].
 *
 * Where deferred work may rest until the next tick, a small window has several places and each load
 * takes the next. Half of the places are invalidated by one request when the last of them has been
 * used, so a load never meets an address that the unit may still know.
 *
 * One thread at a time uses a window; the domain's lock is needed to make and to destroy it only.
 */
#ifndef UDMAR_SPACE_WINDOW_H
#define UDMAR_SPACE_WINDOW_H

#include "space/domain.h"
#include "space/pte.h"
#include "unit/queue.h"

struct udmar__arena;

#define WINDOW_ENDED       UINT32_C(0x80000000)
/* The last unload's request failed: one for the whole window must succeed before the next load. */
#define WINDOW_UNCONFIRMED UINT64_MAX

enum udmar__chunk_state { CHUNK_EMPTY, CHUNK_SMALL, CHUNK_LARGE };

struct udmar__chunk {
    volatile uint64_t *slot;    /* its level-2 entry; null unless the host maps tables for ever */
    volatile uint64_t *entries; /* its leaf table, likewise */
    udmar_paddr_t parent;       /* level-2 table */
    udmar_paddr_t small;        /* leaf table, owned */
    uint64_t large;             /* the leaf entry while CHUNK_LARGE */
    uint32_t state;
};

struct udmar__window {
    struct udmar__range range; /* first: the tree's node is the window */
    void *host;
    struct udmar_domain *domain;
    struct udmar__arena_pool *pool;
    struct udmar_unit *unit;
    struct udmar__request request; /* invalidates the whole window */
    volatile uint64_t *ptes;    /* entries from page 0 of the next load on, or null: use chunks */
    udmar_iova_t base;          /* guest address of that page */
    uint32_t pages;             /* of one load */
    uint32_t lane_pages;        /* pages from one place to the next; 0: there is one place */
    uint32_t lane_first;        /* pages from range.first to the place of the next load */
    uint32_t half_mask;         /* pages of half of the places, minus 1 */
    uint64_t half_ticket[2];    /* of the last request for each half of the places */
    udmar_paddr_t table;        /* small windows: the leaf table */
    struct udmar__arena *arena; /* small windows */
    uint8_t order;              /* small windows: of the block */
    uint32_t chunk_count;       /* 0: small */
    struct udmar__chunk *chunks;
    /* Written by the map's thread and read by whoever looks at a fault: relaxed atomics. */
    uint32_t first; /* large: of what is loaded, or was: pages from range.first */
    uint32_t span;  /* how many pages; | WINDOW_ENDED: it was */
    size_t ended_clock;
    uint64_t ticket; /* to wait for before the next load; 0: nothing; or WINDOW_UNCONFIRMED */
    bool strict;     /* of the domain, as the next one */
    bool coherent;
    bool large_leaves;
    bool announce; /* stores need more than being flushed: write buffer, caching mode */
};

/*
 * @bytes: the largest buffer. @alignment: of the buffer's first page, a power of two. @boundary: 0,
 * or what a buffer that fits it shall not cross if it begins at the window's start. Fails with
 * UDMAR_ERR_IOVA, UDMAR_ERR_MEMORY, UDMAR_ERR_UNSUPPORTED.
 */
enum udmar_status udmar__window_create(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                       uint64_t bytes, uint64_t alignment, uint64_t boundary,
                                       struct udmar__window **out_window);
/*
 * A large one for mappings of the moment, of @chunks chunks, a power of two, aligned to its size;
 * udmar__window_transient() finds it.
 */
enum udmar_status udmar__window_create_transient(struct udmar_domain *domain,
                                                 struct udmar__arena_pool *pool, unsigned chunks,
                                                 struct udmar__window **out_window);

/* The window for mappings of the moment whose first chunk has the page, or null. */
static inline struct udmar__window *udmar__window_transient(const struct udmar_domain *domain,
                                                            uint64_t page)
{
    return udmar__directory_at(&domain->transient, page);
}

/* Nothing is loaded. A window whose last unload was not answered is given up, not reused. */
void udmar__window_destroy(struct udmar__window *window);

/*
 * Frees a window that was given up, when its domain goes; its tables only where @forgotten: no unit
 * knows the domain any more.
 */
void udmar__window_free(struct udmar__range *range, bool forgotten);

/* Before the first write of a load: is the last unload complete? Waits in deferred mode. */
enum udmar_status udmar__window_ready(struct udmar__window *window);
/* Everything that was ever loaded is out of reach, also what rests: asks and waits. */
enum udmar_status udmar__window_flush(struct udmar__window *window);
static inline void udmar__window_note(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Without a call: is there nothing to wait for? */
static inline bool udmar__window_is_ready(const struct udmar__window *window)
{
    return window->ticket == 0;
}

/* How many pages are loaded. */
static inline uint32_t udmar__window_pages(const struct udmar__window *window)
{
    return window->span & WINDOW_ENDED ? 0 : window->span;
}

/* Writes @count entries from page @index on; the range must be inside and empty. */
void udmar__window_write(struct udmar__window *window, uint32_t index, udmar_paddr_t physical,
                         uint32_t count, unsigned access);
/*
 * A load of physically contiguous pages into a large window whose tables are always in reach, from
 * the first write to the last note. @out_base: of its first page. False: nothing has been done.
 */
bool udmar__window_load_run(struct udmar__window *window, udmar_paddr_t physical, uint32_t pages,
                            unsigned access, udmar_iova_t *out_base);
/* Makes what was written in [first, first + count) visible: the window is loaded. */
enum udmar_status udmar__window_publish(struct udmar__window *window, uint32_t first,
                                        uint32_t count);
/* For a window of one chunk that was written through its ptes, from page 0 on. */
enum udmar_status udmar__window_publish_chunk(struct udmar__window *window, uint32_t count);
/* The first @count slots of a small window have been written: flushed and noted. */
static inline void udmar__window_note_ptes(struct udmar__window *window, uint32_t count)
{
    udmar__ptes_write_back(window->host, window->coherent, window->ptes, count);
    udmar__window_note(&window->span, count);
}

/* The same for any window that has slots. */
static inline enum udmar_status udmar__window_publish_ptes(struct udmar__window *window,
                                                           uint32_t count)
{
    if (window->chunk_count != 0) {
        return udmar__window_publish_chunk(window, count);
    }
    udmar__window_note_ptes(window, count);
    return window->announce ? udmar__domain_published(window->domain, window->base,
                                                      (uint64_t)count << UDMAR_PAGE_SHIFT)
                            : UDMAR_OK;
}

/* Takes back writes that were not published. */
void udmar__window_discard(struct udmar__window *window, uint32_t first, uint32_t count);
/* Ends what is loaded. A failure means that devices may still reach it; the window remembers. */
enum udmar_status udmar__window_clear(struct udmar__window *window, bool wait);

/*
 * Half of the places have been used: one request for them, and what the other half waits for. After
 * a failure the window waits for a request for all of it.
 */
enum udmar_status udmar__window_flush_half(struct udmar__window *window);

/* What was cleared rests until its half has been used, or until the next tick. True: it has been.
 */
static inline bool udmar__window_next_lane(struct udmar__window *window)
{
    uint32_t step = window->lane_pages;
    uint32_t at = window->lane_first + step;

    udmar__window_note(&window->lane_first, at);
    window->ptes += step;
    window->base += (udmar_iova_t)step << UDMAR_PAGE_SHIFT;
    udmar__mark_flush_pending(window->domain);
    return (at & window->half_mask) == 0;
}

/* Gives what was cleared to the unit; without @wait it may rest where there are several places. */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__window_invalidate(struct udmar__window *window, bool wait)
{
    enum udmar_status status = UDMAR_OK;

    /* Its own request, which is about to be asked for, does not make it older. */
    __atomic_store_n(&window->ended_clock, udmar__iotlb_count(&window->unit->counts) + 1,
                     __ATOMIC_RELAXED);
    if (wait || window->lane_pages == 0) {
        status =
            udmar__uses_queue(window->unit)
                ? udmar__queue_execute_inline(window->unit, &window->request, wait, &window->ticket)
                : udmar__invalidate(window->unit, &window->request, 1, wait, &window->ticket);
    } else if (udmar__window_next_lane(window)) {
        return udmar__window_flush_half(window);
    }
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        window->ticket = WINDOW_UNCONFIRMED;
    }
    return status;
}

/* Clears what is loaded in a small window that has ptes, from its first on. */
static inline void udmar__window_empty_ptes(struct udmar__window *window)
{
    volatile uint64_t *ptes = window->ptes;
    uint32_t pages = window->span;

    udmar__ptes_clear(ptes, pages);
    udmar__ptes_write_back(window->host, window->coherent, ptes, pages);
    udmar__window_note(&window->span, pages | WINDOW_ENDED);
}

/* udmar__window_clear() for such a window. */
static inline enum udmar_status udmar__window_clear_ptes(struct udmar__window *window, bool wait)
{
    udmar__window_empty_ptes(window);
    return udmar__window_invalidate(window, wait);
}

/* The same where it may rest. True: udmar__window_flush_half() comes next. */
static inline bool udmar__window_defer_ptes(struct udmar__window *window)
{
    udmar__window_empty_ptes(window);
    return udmar__window_next_lane(window);
}

/* A chunk's level-2 entry where tables are always in reach. */
static inline void udmar__chunk_link(const struct udmar__window *window, struct udmar__chunk *chunk,
                                     uint64_t entry)
{
    udmar__pte_store(chunk->slot, entry);
    udmar__ptes_write_back(window->host, window->coherent, chunk->slot, 1);
}

/*
 * udmar__window_load_run() of one large leaf: what large buffers are aligned for. False: it is not
 * that.
 */
static inline bool udmar__window_load_large(struct udmar__window *window, udmar_paddr_t physical,
                                            uint32_t pages, unsigned access)
{
    struct udmar__chunk *chunk = window->chunks;

    if (pages != PTES_PER_TABLE || ((physical >> UDMAR_PAGE_SHIFT) & (PTES_PER_TABLE - 1)) != 0 ||
        !window->large_leaves || !udmar__window_is_ready(window)) {
        return false;
    }
    chunk->state = CHUNK_LARGE;
    udmar__window_note(&window->first, 0);
    udmar__window_note(&window->span, PTES_PER_TABLE);
    udmar__chunk_link(window, chunk, physical | access | PTE_LARGE);
    return true;
}

/* udmar__window_clear() of a large window of a direct host, without the loop where it is that. */
static inline enum udmar_status udmar__window_clear_large(struct udmar__window *window, bool wait)
{
    struct udmar__chunk *chunk = window->chunks;

    /* With a large leaf in the first chunk the load began there. */
    if (chunk->state != CHUNK_LARGE || window->span != PTES_PER_TABLE) {
        return udmar__window_clear(window, wait);
    }
    chunk->state = CHUNK_EMPTY;
    udmar__chunk_link(window, chunk, 0);
    udmar__window_note(&window->span, PTES_PER_TABLE | WINDOW_ENDED);
    return udmar__window_invalidate(window, wait);
}

/* For listings and faults; the node must be of kind UDMAR_RANGE_WINDOW. */
bool udmar__window_loaded(const struct udmar__range *range, udmar_iova_t *out_base,
                          uint64_t *out_size);
bool udmar__window_ended(const struct udmar__range *range, struct udmar__ended_mapping *out_gone);

#endif
