/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One mapping in a block of an arena: what most mappings without a window are. Blocks come from the
 * per-CPU caches; the host keeps page tables mapped (domain->direct).
 */
#ifndef UDMAR_MAPPING_BLOCK_H
#define UDMAR_MAPPING_BLOCK_H

#include "mapping/cpu_cache.h"

/* The PTEs of a block, from its first page on. */
static inline volatile uint64_t *udmar__block_ptes(const struct udmar__arena *arena, uint32_t page)
{
    return arena->entries + page % UDMAR__ARENA_PAGES;
}

/* The request of a block's end where it is not one for its pages in a queue; waits for it. */
enum udmar_status udmar__block_invalidate(struct udmar_domain *domain, uint32_t page,
                                          unsigned order);

/*
 * Ends what is mapped in a block and gives the block back. After a failure the block is lost:
 * devices may still reach the memory.
 */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__block_end(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page)
{
    volatile uint64_t *ptes = udmar__block_ptes(arena, page);
    unsigned block = udmar__block_at(arena, page);
    unsigned order = UDMAR__BLOCK_ORDER(block);
    unsigned pages = UDMAR__BLOCK_PAGES(block);
    enum udmar_status status;

    UDMAR_ASSERT(block != 0 && pages <= 1u << order);
    if (UDMAR__UNLIKELY(pages == 0)) {
        /* Nothing was written, so the unit has nothing to forget. */
        udmar__block_put(domain, arena, page, order, 0);
        return UDMAR_OK;
    }
    udmar__ptes_clear(ptes, pages);
    udmar__ptes_write_back(domain->host, domain->coherent, ptes, pages);
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

#endif
