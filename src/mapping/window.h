/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: guest addresses with PTEs of their own. A window belongs to a busdma map for as long as
 * the map lives, or, as a transient window, to one mapping after the other.
 *
 * A window's PTEs are found when it is made, and nobody else writes them. So a load stores PTEs,
 * and an unload stores zeroes and one invalidation request that was composed beforehand: no tree,
 * no lock, no memory.
 *
 * Small windows (up to 256 pages) are a block of an arena (arena.h), whose page table is linked all
 * the time. Larger ones consist of 2 MiB chunks. A chunk owns a page table and links it, or a 2 MiB
 * leaf instead of it, only while something is loaded. So a chunk's level-2 entry is always empty
 * before it changes from the one to the other, and the unload's invalidation (without the leaf-only
 * hint) has removed the old one from every cache [VTD 6.5].
 *
 * In deferred mode a small window has several lanes, and each load takes the next one. Half of the
 * lanes are invalidated by one request when the last of them has been used. So a load never meets
 * an address that the unit may still know.
 *
 * One thread at a time uses a window. The domain's lock is needed to make and to destroy it only.
 */
#ifndef UDMAR_MAPPING_WINDOW_H
#define UDMAR_MAPPING_WINDOW_H

#include "mapping/mapper.h"
#include "space/pte.h"
#include "unit/queue.h"

struct udmar__arena;

#define WINDOW_ENDED       UINT32_C(0x80000000)
/* The last unload's request failed: one for the whole window must succeed before the next load. */
#define WINDOW_UNCONFIRMED UINT64_MAX

enum udmar__chunk_state { CHUNK_EMPTY, CHUNK_SMALL, CHUNK_LARGE };

struct udmar__chunk {
    volatile uint64_t
        *parent_pte;         /* its level-2 entry; null unless the host maps tables for ever */
    volatile uint64_t *ptes; /* its page table, likewise */
    udmar_paddr_t parent;    /* level-2 table */
    udmar_paddr_t small;     /* page table, owned */
    uint32_t state;          /* enum udmar__chunk_state */
};

struct udmar__window {
    struct udmar__range range; /* first: the tree's node is the window */
    void *host;
    struct udmar_domain *domain;
    struct udmar__arena_pool *pool;
    struct udmar_unit *unit;
    struct udmar__request request; /* invalidates the whole window */
    volatile uint64_t *ptes;       /* of the next load, from its page 0 on; null: use the chunks */
    udmar_iova_t base;             /* guest address of that page */
    uint32_t pages;                /* of one load */
    uint32_t lane_pages;           /* pages of a lane; 0: there is one lane */
    uint32_t lane_first;           /* pages from range.first to the lane of the next load */
    uint32_t half_mask;            /* pages of half of the lanes, minus 1 */
    uint64_t half_ticket[2];       /* of the last request for each half of the lanes */
    udmar_paddr_t table;           /* small windows: the page table */
    struct udmar__arena *arena;    /* small windows */
    uint8_t order;                 /* small windows: of the block */
    uint32_t chunk_count;          /* 0: small */
    struct udmar__chunk *chunks;
    /* Written by the map's thread and read by whoever looks at a fault: relaxed atomics. */
    uint32_t first; /* large: of what is loaded, or was: pages from range.first */
    uint32_t span;  /* how many pages; | WINDOW_ENDED: it was */
    size_t ended_clock;
    uint64_t ticket; /* to wait for before the next load; 0: nothing; or WINDOW_UNCONFIRMED */
    bool strict;     /* of the domain, as the next one */
    bool coherent;
    bool large_leaves;
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
 * A transient one, of @chunks chunks, a power of two, aligned to its size;
 * udmar__window_transient() finds it.
 */
enum udmar_status udmar__window_create_transient(struct udmar_domain *domain,
                                                 struct udmar__arena_pool *pool, unsigned chunks,
                                                 struct udmar__window **out_window);

/* The transient window whose first chunk has the page, or null. */
static inline struct udmar__window *udmar__window_transient(const struct udmar_domain *domain,
                                                            uint64_t page)
{
    return udmar__directory_at(&udmar__mapper_of(domain)->transients, page);
}

/* Nothing is loaded. A window whose last unload was not answered is given up, not reused. */
void udmar__window_destroy(struct udmar__window *window);

/*
 * Frees a window that was given up, when its domain goes; its tables only where @forgotten: no unit
 * knows the domain any more.
 */
void udmar__window_free(struct udmar__range *range, bool forgotten);

/* The last unload is not known to be complete: waits for it, or asks once more. */
enum udmar_status udmar__window_wait(struct udmar__window *window);
/* Everything that was ever loaded is out of reach, also where the flush is pending: waits. */
enum udmar_status udmar__window_flush(struct udmar__window *window);

static inline void udmar__window_store(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* Without a call: is there nothing to wait for? */
static inline bool udmar__window_is_ready(const struct udmar__window *window)
{
    return window->ticket == 0;
}

/* Before the first write of a load: is the last unload complete? Waits in deferred mode. */
static inline enum udmar_status udmar__window_ready(struct udmar__window *window)
{
    return udmar__window_is_ready(window) ? UDMAR_OK : udmar__window_wait(window);
}

/* How many pages are loaded. */
static inline uint32_t udmar__window_pages(const struct udmar__window *window)
{
    return window->span & WINDOW_ENDED ? 0 : window->span;
}

/*
 * The most pages of one load: a block is a power of two, and all of it is the window's. The largest
 * buffer of its map needs window->pages of them.
 */
static inline uint32_t udmar__window_room(const struct udmar__window *window)
{
    if (window->chunk_count != 0) {
        return window->pages;
    }
    return window->lane_pages != 0 ? window->lane_pages : UINT32_C(1) << window->order;
}

/* Writes @count PTEs from page @index on; the range must be inside and empty. */
void udmar__window_write(struct udmar__window *window, uint32_t index, udmar_paddr_t physical,
                         uint32_t count, unsigned access);
/*
 * What was written in [first, first + count) is all in memory: the window is loaded. The first @at
 * pages of it have been noted before.
 */
void udmar__window_note(struct udmar__window *window, uint32_t first, uint32_t at, uint32_t count);
/* Takes back pages of what is loaded; udmar__window_clear() ends them with the others. */
void udmar__window_take_back(struct udmar__window *window, uint32_t index, uint32_t count);
/* The same for the first @count PTEs of a small window. */
static inline void udmar__window_note_ptes(struct udmar__window *window, uint32_t count)
{
    udmar__ptes_write_back(window->host, window->coherent, window->ptes, count);
    udmar__window_store(&window->span, count);
}

/* Ends what is loaded. A failure means that devices may still reach it; the window remembers. */
enum udmar_status udmar__window_clear(struct udmar__window *window, bool wait);

/*
 * Half of the lanes have been used: one request for them, and what the other half waits for. After
 * a failure the window waits for a request for all of it.
 */
enum udmar_status udmar__window_flush_half(struct udmar__window *window);

/*
 * The flush is pending until the half of this lane has been used, or until the next tick. True: it
 * has been.
 */
static inline bool udmar__window_next_lane(struct udmar__window *window)
{
    uint32_t step = window->lane_pages;
    uint32_t at = window->lane_first + step;

    UDMAR_ASSERT(step != 0 && at <= 1u << window->order);
    udmar__window_store(&window->lane_first, at);
    window->ptes += step;
    window->base += (udmar_iova_t)step << UDMAR_PAGE_SHIFT;
    udmar__mark_flush_pending(window->domain);
    return (at & window->half_mask) == 0;
}

/* Asks the unit to forget what was cleared; without @wait, where there are lanes, later. */
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

    UDMAR_ASSERT(pages != 0 && (pages & WINDOW_ENDED) == 0);
    udmar__ptes_clear(ptes, pages);
    udmar__ptes_write_back(window->host, window->coherent, ptes, pages);
    udmar__window_store(&window->span, pages | WINDOW_ENDED);
}

/* udmar__window_clear() for such a window. */
static inline enum udmar_status udmar__window_clear_ptes(struct udmar__window *window, bool wait)
{
    udmar__window_empty_ptes(window);
    return udmar__window_invalidate(window, wait);
}

/* The same where the flush is put off. True: udmar__window_flush_half() comes next. */
static inline bool udmar__window_defer_ptes(struct udmar__window *window)
{
    udmar__window_empty_ptes(window);
    return udmar__window_next_lane(window);
}

/*
 * Without a loop: the first chunk gets a large leaf, and nothing else. False: that is not possible.
 */
static inline bool udmar__window_load_large(struct udmar__window *window, uint64_t entry)
{
    struct udmar__chunk *chunk = window->chunks;

    if (!window->large_leaves || chunk->parent_pte == NULL || (entry & UDMAR__MASK(20, 12)) != 0 ||
        udmar__window_ready(window) != UDMAR_OK) {
        return false;
    }
    UDMAR_ASSERT(chunk->state == CHUNK_EMPTY && udmar__window_pages(window) == 0);
    chunk->state = CHUNK_LARGE;
    udmar__window_store(&window->first, 0);
    udmar__window_store(&window->span, PTES_PER_TABLE);
    udmar__pte_store(chunk->parent_pte, entry | PTE_LARGE);
    udmar__ptes_write_back(window->host, window->coherent, chunk->parent_pte, 1);
    return true;
}

/* And its end. */
static inline enum udmar_status udmar__window_clear_large(struct udmar__window *window, bool wait)
{
    struct udmar__chunk *chunk = window->chunks;

    UDMAR_ASSERT(chunk->state == CHUNK_LARGE);
    chunk->state = CHUNK_EMPTY;
    udmar__pte_store(chunk->parent_pte, 0);
    udmar__ptes_write_back(window->host, window->coherent, chunk->parent_pte, 1);
    udmar__window_store(&window->span, PTES_PER_TABLE | WINDOW_ENDED);
    return udmar__window_invalidate(window, wait);
}

/* For listings and faults; the node must be of kind UDMAR_RANGE_WINDOW. */
bool udmar__window_loaded(const struct udmar__range *range, udmar_iova_t *out_base,
                          uint64_t *out_size);
bool udmar__window_ended(const struct udmar__range *range, struct udmar__ended_mapping *out_gone);

#endif
