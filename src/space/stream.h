/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapping of the moment in a block of its own: what streams and busdma loads without a window
 * share. The host keeps tables mapped (domain->direct).
 */
#ifndef UDMAR_SPACE_STREAM_H
#define UDMAR_SPACE_STREAM_H

#include <udmar/stream.h>

#include "space/cpu_cache.h"

/* The entries of a block, from its first page on. */
static inline volatile uint64_t *udmar__block_ptes(const struct udmar__arena *arena, uint32_t page)
{
    return arena->entries + page % UDMAR__ARENA_PAGES;
}

/* The first @pages entries of a block have been written: flushed and noted. */
static inline void udmar__block_loads(const struct udmar_domain *domain, struct udmar__arena *arena,
                                      uint32_t page, unsigned pages)
{
    udmar__ptes_write_back(domain->host, domain->coherent, udmar__block_ptes(arena, page), pages);
    udmar__block_note_pages(arena, page, pages);
}

/*
 * The first @pages entries of a block have been written: makes them visible. On failure they are
 * taken back, and the block as well.
 */
enum udmar_status udmar__block_publish(struct udmar_domain *domain, struct udmar__arena *arena,
                                       uint32_t page, unsigned pages);
/*
 * Ends what is mapped in a block and gives the block back. After a failure the block is lost:
 * devices may still reach the memory.
 */
enum udmar_status udmar__block_unmap(struct udmar_domain *domain, struct udmar__arena *arena,
                                     uint32_t page);

/* The request of a block's end where it is not one for its pages in a queue; waits for it. */
enum udmar_status udmar__block_invalidate(struct udmar_domain *domain, uint32_t page,
                                          unsigned order);

/* udmar__block_unmap() for who counts instructions; @block: udmar__block_at(). */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__block_unmap_inline(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page,
                          unsigned block)
{
    volatile uint64_t *ptes = udmar__block_ptes(arena, page);
    unsigned order = UDMAR__BLOCK_ORDER(block);
    unsigned pages = UDMAR__BLOCK_PAGES(block);
    enum udmar_status status;

    if (pages == 1) {
        udmar__pte_store(ptes, 0);
        udmar__ptes_write_back(domain->host, domain->coherent, ptes, 1);
    } else if (pages > 0) {
        udmar__ptes_clear(ptes, pages);
        udmar__ptes_write_back(domain->host, domain->coherent, ptes, pages);
    }
    udmar__block_note_none(arena, page, block);
    if (udmar__defers_flush(domain)) {
        udmar__block_defer_flush(domain, arena, page, order, pages);
        return UDMAR_OK;
    }
    if (UDMAR__UNLIKELY((int)order > domain->request_order || !udmar__uses_queue(domain->unit))) {
        status = udmar__block_invalidate(domain, page, order);
    } else {
        status =
            udmar__queue_complete(domain->unit, domain->request_low,
                                  (udmar_iova_t)page << UDMAR_PAGE_SHIFT | order | DESC_IOTLB_IH);
    }
    if (!UDMAR__UNLIKELY(status != UDMAR_OK)) {
        udmar__block_put(domain, arena, page, order, pages);
    }
    return status;
}

/*
 * What most mappings are: one piece into a block that this CPU has at hand. @access: 1 to 3.
 * UDMAR__FAST_PATH_MISS: nothing has been done, and udmar_stream_map() knows what to do. A block
 * comes from an arena of this domain, so the domain has tables and a unit, and the arena is in the
 * directory.
 */
#define UDMAR__FAST_PATH_MISS UINT64_MAX

static inline __attribute__((__always_inline__)) udmar_iova_t
udmar__stream_map_fast(struct udmar_domain *domain, udmar_paddr_t physical, uint64_t length,
                       unsigned access, udmar_iova_t highest)
{
    uint64_t offset = physical & UDMAR_PAGE_MASK;
    uint64_t more = (offset + length - 1) >> UDMAR_PAGE_SHIFT; /* pages behind the first */
    uint64_t entry = (physical & ~UDMAR_PAGE_MASK) | access;
    unsigned kind = UDMAR__POOL_ALL;
    volatile uint64_t *ptes;
    struct udmar__arena *arena;
    uint32_t page;
    unsigned order;

    if (UDMAR__UNLIKELY(length - 1 >= (UDMAR__BLOCK_MOST << UDMAR_PAGE_SHIFT) - offset ||
                        physical >= UDMAR__PHYSICAL_END / 2 || !domain->fast_path)) {
        return UDMAR__FAST_PATH_MISS;
    }
    if (highest < domain->end) {
        if (highest != UINT32_MAX) {
            return UDMAR__FAST_PATH_MISS;
        }
        kind = UDMAR__POOL_32;
    }
    order = more == 0 ? 0 : udmar__log2(more) + 1;
    page = udmar__magazine_take(domain, kind, order);
    if (UDMAR__UNLIKELY(page == 0)) {
        return UDMAR__FAST_PATH_MISS;
    }
    arena = udmar__arena_of_block(domain, page);
    ptes = udmar__block_ptes(arena, page);
    if (more == 0) {
        udmar__pte_store(ptes, entry);
        udmar__ptes_write_back(domain->host, domain->coherent, ptes, 1);
    } else {
        udmar__ptes_fill(ptes, entry, more + 1);
        udmar__ptes_write_back(domain->host, domain->coherent, ptes, more + 1);
    }
    udmar__block_note(arena, page, order, (unsigned)more + 1);
    return ((udmar_iova_t)page << UDMAR_PAGE_SHIFT) + offset;
}

/* One piece that is exactly a large leaf, into a window that this CPU has at hand. */
static inline udmar_iova_t udmar__stream_map_large_fast(struct udmar_domain *domain,
                                                        udmar_paddr_t physical, unsigned access,
                                                        udmar_iova_t highest)
{
    unsigned kind = UDMAR__POOL_ALL;
    struct udmar__window *window;

    if (!domain->fast_path || (physical & (UDMAR__ARENA_PAGES * UDMAR_PAGE_SIZE - 1)) != 0 ||
        physical >= UDMAR__PHYSICAL_END / 2) {
        return UDMAR__FAST_PATH_MISS;
    }
    if (highest < domain->end) {
        if (highest != UINT32_MAX) {
            return UDMAR__FAST_PATH_MISS;
        }
        kind = UDMAR__POOL_32;
    }
    window = udmar__window_magazine_take(domain, kind, 0);
    if (UDMAR__UNLIKELY(window == NULL)) {
        return UDMAR__FAST_PATH_MISS;
    }
    if (UDMAR__UNLIKELY(!udmar__window_load_large(window, physical, UDMAR__ARENA_PAGES, access))) {
        udmar__window_put(domain, window);
        return UDMAR__FAST_PATH_MISS;
    }
    return window->base;
}

/* udmar_stream_unmap() where no block is mapped. */
enum udmar_status udmar__stream_unmap_other(struct udmar_domain *domain, uint64_t page);

/* And its end in strict mode. UDMAR_ERR_UNSUPPORTED: nothing has been done. */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__stream_unmap_fast(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__arena *arena = udmar__arena_of(domain, page);
    unsigned block;

    if (UDMAR__UNLIKELY(arena == NULL)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    block = udmar__block_at(arena, page);
    if (UDMAR__UNLIKELY(UDMAR__BLOCK_PAGES(block) == 0)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    return udmar__block_unmap_inline(domain, arena, (uint32_t)page, block);
}

#endif
