/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapping of the moment in a block of its own: what streams and busdma loads without a window
 * share. The host keeps tables mapped (domain->direct).
 */
#ifndef UDMAR_SPACE_STREAM_H
#define UDMAR_SPACE_STREAM_H

#include <udmar/stream.h>

#include "space/cache.h"

/* The entries of a block, from its first page on. */
static inline volatile uint64_t *udmar__block_slots(const struct udmar__arena *arena, uint32_t page)
{
    return arena->entries + page % UDMAR__ARENA_PAGES;
}

/* The first @pages entries of a block have been written: flushed and noted. */
static inline void udmar__block_loads(const struct udmar_domain *domain, struct udmar__arena *arena,
                                      uint32_t page, unsigned pages)
{
    if (!domain->coherent) {
        udmar_host_cache_flush(domain->host,
                               (const void *)(uintptr_t)udmar__block_slots(arena, page),
                               pages * sizeof(uint64_t));
    }
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

/* The same for who counts instructions. */
static inline __attribute__((__always_inline__)) enum udmar_status
udmar__block_unmap_inline(struct udmar_domain *domain, struct udmar__arena *arena, uint32_t page)
{
    volatile uint64_t *slots = udmar__block_slots(arena, page);
    unsigned block = udmar__block_at(arena, page);
    unsigned order = UDMAR__BLOCK_ORDER(block);
    unsigned pages = UDMAR__BLOCK_PAGES(block);
    struct udmar__request request;
    enum udmar_status status;
    uint64_t ticket;

    if (pages > 0) {
        udmar__entries_clear(slots, pages);
        if (!domain->coherent) {
            udmar_host_cache_flush(domain->host, (const void *)(uintptr_t)slots,
                                   pages * sizeof(*slots));
        }
    }
    udmar__block_note(arena, page, order, 0);
    if (udmar__may_rest(domain)) {
        udmar__block_rest(domain, arena, page, pages);
        return UDMAR_OK;
    }
    request = udmar__block_request(domain, (udmar_iova_t)page << UDMAR_PAGE_SHIFT, order);
    status = domain->unit->use_queue
                 ? udmar__queue_execute_inline(domain->unit, &request, true, &ticket)
                 : udmar__invalidate(domain->unit, &request, 1, true, &ticket);
    if (status == UDMAR_OK) {
        udmar__block_put(domain, arena, page, order, pages);
    }
    return status;
}

#endif
