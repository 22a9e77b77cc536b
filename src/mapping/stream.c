/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: transient mappings that are known by their address alone. */
#include <udmar/stream.h>

#include "mapping/block.h"
#include "mapping/mapping.h"

#ifndef UDMAR_WITHOUT_STREAMS

/*
 * The paths of most calls are one function each, without what other paths need on the stack. In one
 * file with all other sources that would take in the whole address tree, for minutes.
 */
#ifdef UDMAR_ONE_FILE
#define FAST_PATH
#else
#define FAST_PATH __attribute__((__flatten__))
#endif
#define SLOW_PATH __attribute__((__noinline__))

static struct udmar__arena_pool *pool_for(struct udmar_domain *domain, udmar_iova_t highest)
{
    struct udmar__mapper *mapper = udmar__mapper_of(domain);

    if (highest >= domain->end) {
        return &mapper->pool_all;
    }
    return highest == UINT32_MAX ? &mapper->pool_32
                                 : udmar__arena_pool_get(domain, highest + 1, domain->end);
}

static bool has_empty_piece(const struct udmar_dma_physical *pieces, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].length == 0) {
            return true;
        }
    }
    return false;
}

/* Small ones are aligned to their size. */
static uint64_t alignment_for(uint64_t pages)
{
    return pages < UDMAR__ARENA_PAGES ? UDMAR_PAGE_SIZE << udmar__log2_up(pages) : UDMAR_PAGE_SIZE;
}

static enum udmar_status map_pieces(struct udmar_domain *domain, const struct udmar__pieces *pieces,
                                    unsigned access, udmar_iova_t highest, udmar_iova_t *out_iova)
{
    const struct udmar__mapping_request request = {
        .pool = pool_for(domain, highest),
        .pages = pieces->pages,
        .alignment = alignment_for(pieces->pages),
        .physical = pieces->list->address,
    };
    struct udmar__mapping mapping;
    enum udmar_status status;

    if (request.pool == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    status = udmar__mapping_get(domain, &request, &mapping);
    if (status != UDMAR_OK) {
        return status;
    }
    *out_iova = mapping.iova + (pieces->list->address & UDMAR_PAGE_MASK);
    status = udmar__mapping_write(domain, &mapping, pieces, access);
    if (status != UDMAR_OK) {
        (void)udmar__mapping_end(domain, &mapping);
    }
    return status;
}

SLOW_PATH enum udmar_status udmar_stream_map(struct udmar_domain *domain,
                                             const struct udmar_dma_physical *pieces,
                                             unsigned count, unsigned access, udmar_iova_t highest,
                                             udmar_iova_t *out_iova)
{
    struct udmar__pieces measured = { .list = pieces, .border = UDMAR_PAGE_SIZE };

    if (domain == NULL || pieces == NULL || count == 0 || out_iova == NULL || access == 0 ||
        (access & ~(unsigned)UDMAR_READ_WRITE) != 0 || domain->table == 0 || domain->identity ||
        domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!udmar__pieces_measure(&measured, count) ||
        measured.pages > UDMAR__PHYSICAL_END >> UDMAR_PAGE_SHIFT ||
        (!measured.whole && has_empty_piece(pieces, count))) {
        return UDMAR_ERR_ARGUMENT;
    }
    return map_pieces(domain, &measured, access, highest, out_iova);
}

static SLOW_PATH udmar_iova_t map_one_slow_path(struct udmar_domain *domain, udmar_paddr_t physical,
                                                uint64_t length, unsigned access,
                                                udmar_iova_t highest)
{
    const struct udmar_dma_physical piece = { .address = physical, .length = length };
    udmar_iova_t iova;

    return udmar_stream_map(domain, &piece, 1, access, highest, &iova) == UDMAR_OK
               ? iova
               : UDMAR_STREAM_NONE;
}

/*
 * The fast path: one piece into a block that this CPU's magazine has. It skips the request and the
 * measuring of udmar__mapping_get(): a block comes from an arena of this domain, so the domain has
 * page tables and one unit, and the arena is in the directory.
 */
FAST_PATH udmar_iova_t udmar_stream_map_one(struct udmar_domain *domain, udmar_paddr_t physical,
                                            uint64_t length, unsigned access, udmar_iova_t highest)
{
    uint64_t offset = physical & UDMAR_PAGE_MASK;
    uint64_t more = (offset + length - 1) >> UDMAR_PAGE_SHIFT; /* pages behind the first */
    uint64_t entry = (physical & ~UDMAR_PAGE_MASK) | access;
    unsigned kind = highest == UINT32_MAX ? UDMAR__POOL_32 : UDMAR__POOL_ALL;
    volatile uint64_t *ptes;
    struct udmar__arena *arena;
    uint32_t page;
    unsigned order;

    if (UDMAR__UNLIKELY(domain == NULL) || UDMAR__UNLIKELY(access - 1 >= UDMAR_READ_WRITE) ||
        UDMAR__UNLIKELY(length - 1 >= (UDMAR__BLOCK_MOST << UDMAR_PAGE_SHIFT) - offset) ||
        UDMAR__UNLIKELY(physical >= UDMAR__PHYSICAL_END / 2) ||
        UDMAR__UNLIKELY(!domain->fast_path) ||
        UDMAR__UNLIKELY(highest < domain->end && kind == UDMAR__POOL_ALL)) {
        return map_one_slow_path(domain, physical, length, access, highest);
    }
    order = more == 0 ? 0 : udmar__log2(more) + 1;
    page = udmar__magazine_take(domain, kind, order);
    if (UDMAR__UNLIKELY(page == 0)) {
        return map_one_slow_path(domain, physical, length, access, highest);
    }
    arena = udmar__arena_of_block(domain, page);
    ptes = udmar__block_ptes(arena, page);
    udmar__ptes_fill(ptes, entry, more + 1);
    udmar__ptes_write_back(domain->host, domain->coherent, ptes, more + 1);
    udmar__block_note(arena, page, order, (unsigned)more + 1);
    return ((udmar_iova_t)page << UDMAR_PAGE_SHIFT) + offset;
}

/* A range of ours in the tree that begins with the page. */
static bool find_range(struct udmar_domain *domain, uint64_t page, struct udmar__mapping *mapping)
{
    struct udmar__range *range;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    range = udmar__iova_at_or_below(&domain->iova, page);
    if (range != NULL &&
        (range->kind != UDMAR_RANGE_ALLOCATED || !range->of_load || range->first != page)) {
        range = NULL;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    mapping->kind = MAPPING_RANGE;
    mapping->in.range = range;
    return range != NULL;
}

/* What is no block: a window of ours or a range of ours. */
static SLOW_PATH enum udmar_status unmap_other(struct udmar_domain *domain, uint64_t page)
{
    struct udmar__window *window = udmar__window_transient(domain, page);
    struct udmar__mapping mapping;

    if (window == NULL) {
        return find_range(domain, page, &mapping) ? udmar__mapping_end(domain, &mapping)
                                                  : UDMAR_ERR_NOT_FOUND;
    }
    if (udmar__window_pages(window) == 0 || page != window->range.first + window->first) {
        return UDMAR_ERR_NOT_FOUND;
    }
    mapping = udmar__mapping_in_window(MAPPING_TRANSIENT, window, udmar__window_pages(window));
    return udmar__mapping_end(domain, &mapping);
}

FAST_PATH enum udmar_status udmar_stream_unmap(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__arena *arena;

    if (domain == NULL || domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    arena = udmar__arena_of(domain, page);
    if (arena == NULL) {
        return unmap_other(domain, page);
    }
    if (UDMAR__BLOCK_PAGES(udmar__block_at(arena, page)) == 0) {
        return UDMAR_ERR_NOT_FOUND;
    }
    return udmar__block_end(domain, arena, (uint32_t)page);
}

#endif
