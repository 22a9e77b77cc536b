/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of the moment: in a block, in a borrowed window, or in a range of the tree. */
#include "space/stream.h"

#include "space/address.h"

/* The ways of most calls are one function each, without what the other ways need on the stack. */
#define FAST_PATH __attribute__((__flatten__))
#define SLOW_PATH __attribute__((__noinline__))

/* ---- Blocks ---- */

enum udmar_status udmar__block_publish(struct udmar_domain *domain, struct udmar__arena *arena,
                                       uint32_t page, unsigned pages)
{
    enum udmar_status status;

    udmar__block_loads(domain, arena, page, pages);
    if (!domain->caching_mode && !domain->write_buffer) {
        return UDMAR_OK;
    }
    status = udmar__domain_published(domain, (udmar_iova_t)page << UDMAR_PAGE_SHIFT,
                                     (uint64_t)pages << UDMAR_PAGE_SHIFT);
    if (status != UDMAR_OK) {
        (void)udmar__block_unmap(domain, arena, page);
    }
    return status;
}

enum udmar_status udmar__block_unmap(struct udmar_domain *domain, struct udmar__arena *arena,
                                     uint32_t page)
{
    return udmar__block_unmap_inline(domain, arena, page, udmar__block_at(arena, page));
}

enum udmar_status udmar__block_invalidate(struct udmar_domain *domain, uint32_t page,
                                          unsigned order)
{
    struct udmar__request request =
        udmar__block_request(domain, (udmar_iova_t)page << UDMAR_PAGE_SHIFT, order);

    return udmar__invalidate(domain->unit, &request, 1, true, NULL);
}

/* ---- Laying pieces out ---- */

/* The sum of so many lengths below UDMAR__PHYSICAL_END / 2 fits into 64 bits. */
#define SUM_MOST 8192u

#ifndef UDMAR_WITHOUT_STREAMS

/* The pages that the pieces need; 0: a piece lies in no memory, or they are too many. */
static uint64_t measure_each(const struct udmar_dma_physical *pieces, unsigned count)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < count; i++) {
        udmar_paddr_t address = pieces[i].address;

        if (pieces[i].length == 0 || pieces[i].length > UDMAR__PHYSICAL_END ||
            address > UDMAR__PHYSICAL_END - pieces[i].length || end > UDMAR__PHYSICAL_END) {
            return 0;
        }
        end = udmar_stream_next(end, 0, address) + pieces[i].length;
    }
    return (end + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
}

/*
 * The same, without looking at each where all are whole pages that lie far from the end of memory:
 * then they follow each other without gaps. @out_single: and each of them is one page.
 */
static inline uint64_t measure_pieces(const struct udmar_dma_physical *pieces, unsigned count,
                                      bool *out_single)
{
    uint64_t sum = 0;
    uint64_t bits = 0;   /* of all addresses and lengths */
    uint64_t before = 0; /* of all lengths minus one: a length of 0 sets the highest */

    for (unsigned i = 0; i < count; i++) {
        bits |= pieces[i].address | pieces[i].length;
        before |= pieces[i].length - 1;
        sum += pieces[i].length;
    }
    *out_single = before == UDMAR_PAGE_MASK && (bits & UDMAR_PAGE_MASK) == 0;
    if ((bits & UDMAR_PAGE_MASK) != 0 || (bits | before) >= UDMAR__PHYSICAL_END / 2 ||
        sum > UDMAR__PHYSICAL_END || count > SUM_MOST) {
        return measure_each(pieces, count);
    }
    return sum >> UDMAR_PAGE_SHIFT;
}

static inline uint64_t pages_of_piece(const struct udmar_dma_physical *piece)
{
    return ((piece->address & UDMAR_PAGE_MASK) + piece->length + UDMAR_PAGE_MASK) >>
           UDMAR_PAGE_SHIFT;
}

static enum udmar_status map_block(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                   const struct udmar_dma_physical *pieces, unsigned count,
                                   uint64_t pages, bool single, unsigned access,
                                   udmar_iova_t *out_iova)
{
    volatile uint64_t *pte;
    struct udmar__arena *arena;
    uint32_t page;
    enum udmar_status status = udmar__block_get(domain, pool, udmar__log2_up(pages), &page);

    if (status != UDMAR_OK) {
        return status;
    }
    arena = udmar__arena_of(domain, page);
    pte = udmar__block_ptes(arena, page);
    for (unsigned i = 0; single && i < count; i++) {
        udmar__pte_store(pte++, pieces[i].address | access);
    }
    for (unsigned i = 0; !single && i < count; i++) {
        uint64_t here = pages_of_piece(&pieces[i]);

        udmar__ptes_fill(pte, (pieces[i].address & ~UDMAR_PAGE_MASK) | access, here);
        pte += here;
    }
    *out_iova = ((udmar_iova_t)page << UDMAR_PAGE_SHIFT) + (pieces[0].address & UDMAR_PAGE_MASK);
    return udmar__block_publish(domain, arena, page, (unsigned)pages);
}

/* ---- More than a block holds ---- */

/* Pieces as runs of pages, physical neighbours together: what becomes a large leaf. */
static bool next_run(const struct udmar_dma_physical **piece, unsigned *count,
                     udmar_paddr_t *out_physical, uint64_t *out_pages)
{
    if (*count == 0) {
        return false;
    }
    *out_physical = (*piece)->address & ~UDMAR_PAGE_MASK;
    *out_pages = pages_of_piece(*piece);
    for (++*piece, --*count; *count > 0; ++*piece, --*count) {
        if (((*piece)->address & ~UDMAR_PAGE_MASK) !=
            *out_physical + (*out_pages << UDMAR_PAGE_SHIFT)) {
            break;
        }
        *out_pages += pages_of_piece(*piece);
    }
    return true;
}

static enum udmar_status map_window(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                    const struct udmar_dma_physical *pieces, unsigned count,
                                    uint64_t pages, unsigned access, udmar_iova_t *out_iova)
{
    /* At its offset in a 2 MiB page, so that what can be large becomes large. */
    uint32_t first = pages < UDMAR__ARENA_PAGES
                         ? 0
                         : (uint32_t)(pieces[0].address >> UDMAR_PAGE_SHIFT) % UDMAR__ARENA_PAGES;
    unsigned chunks = (unsigned)((first + pages + UDMAR__ARENA_PAGES - 1) / UDMAR__ARENA_PAGES);
    uint64_t offset = pieces[0].address & UDMAR_PAGE_MASK;
    udmar_paddr_t physical;
    uint32_t index = first;
    struct udmar__window *window;
    enum udmar_status status = udmar__window_get(domain, pool, chunks, &window);
    uint64_t here;

    if (status == UDMAR_OK) {
        status = udmar__window_ready(window);
        if (status != UDMAR_OK) {
            udmar__window_put(domain, window);
        }
    }
    if (status != UDMAR_OK) {
        return status;
    }
    while (next_run(&pieces, &count, &physical, &here)) {
        udmar__window_write(window, index, physical, (uint32_t)here, access);
        index += (uint32_t)here;
    }
    status = udmar__window_publish(window, first, (uint32_t)pages);
    if (status != UDMAR_OK) {
        (void)udmar__window_clear(window, true);
        udmar__window_put(domain, window);
        return status;
    }
    *out_iova = window->base + ((uint64_t)first << UDMAR_PAGE_SHIFT) + offset;
    return UDMAR_OK;
}

/* Takes so many pages away from the range's beginning. */
static void range_begin_later(struct udmar_domain *domain, struct udmar__range *range,
                              uint64_t pages)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__iova_remove(&domain->iova, range);
    range->first += pages;
    (void)udmar__iova_insert(&domain->iova, range); /* nothing else can be there */
    udmar__unlock(domain->host, &domain->lock, state);
}

/* In pages. Small ranges are aligned to their size, large ones for large leaves if they can be. */
static uint64_t alignment_for(uint64_t pages, bool large)
{
    if (large) {
        return UDMAR__ARENA_PAGES;
    }
    return pages < UDMAR__ARENA_PAGES ? UINT64_C(1) << udmar__log2_up(pages) : 1;
}

static enum udmar_status map_range(struct udmar_domain *domain,
                                   const struct udmar__arena_pool *pool,
                                   const struct udmar_dma_physical *pieces, unsigned count,
                                   uint64_t pages, unsigned access, udmar_iova_t *out_iova)
{
    bool large = pages >= UDMAR__ARENA_PAGES && udmar__arena_pool_suits(domain, pool, pages);
    uint64_t skip = large ? (pieces[0].address >> UDMAR_PAGE_SHIFT) % UDMAR__ARENA_PAGES : 0;
    struct udmar_iova_limits limits = {
        .alignment = alignment_for(pages, large) << UDMAR_PAGE_SHIFT,
    };
    uint64_t offset = pieces[0].address & UDMAR_PAGE_MASK;
    struct udmar__range *range = udmar_host_alloc(domain->host, sizeof(*range));
    udmar_iova_t iova;
    enum udmar_status status;
    udmar_paddr_t physical;
    uint64_t here;

    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    range->of_load = true;
    status =
        udmar__range_alloc(domain, pool, skip + pages, pages << UDMAR_PAGE_SHIFT, &limits, range);
    if (status != UDMAR_OK && large) {
        /* Small entries are better than none. */
        skip = 0;
        limits.alignment = UDMAR_PAGE_SIZE;
        status = udmar__range_alloc(domain, pool, pages, pages << UDMAR_PAGE_SHIFT, &limits, range);
    }
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, range, sizeof(*range));
        return status;
    }
    if (skip != 0) {
        range_begin_later(domain, range, skip);
    }
    iova = range->first << UDMAR_PAGE_SHIFT;
    *out_iova = iova + offset;
    while (status == UDMAR_OK && next_run(&pieces, &count, &physical, &here)) {
        status = udmar__domain_map_fixed(domain, iova, physical, here << UDMAR_PAGE_SHIFT, access);
        iova += here << UDMAR_PAGE_SHIFT;
    }
    if (status != UDMAR_OK) {
        (void)udmar__range_end(domain, range);
    }
    return status;
}

/* ---- The interface ---- */

static struct udmar__arena_pool *pool_for(struct udmar_domain *domain, udmar_iova_t highest)
{
    if (highest >= domain->end) {
        return &domain->pool_all;
    }
    return highest == UINT32_MAX ? &domain->pool_32
                                 : udmar__arena_pool_get(domain, highest + 1, domain->end);
}

/* With all checks, and all kinds of places. */
static SLOW_PATH enum udmar_status map_any(struct udmar_domain *domain,
                                           const struct udmar_dma_physical *pieces, unsigned count,
                                           unsigned access, udmar_iova_t highest,
                                           udmar_iova_t *out_iova)
{
    struct udmar__arena_pool *pool;
    enum udmar_status status = UDMAR_ERR_UNSUPPORTED;
    uint64_t pages;
    bool single;

    if (domain == NULL || pieces == NULL || count == 0 || out_iova == NULL || access == 0 ||
        (access & ~(unsigned)UDMAR_READ_WRITE) != 0 || domain->table == 0 || domain->identity ||
        domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    pages = measure_pieces(pieces, count, &single);
    if (pages == 0) {
        return UDMAR_ERR_ARGUMENT;
    }
    pool = pool_for(domain, highest);
    if (pool == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    if (domain->direct && pages <= UDMAR__BLOCK_MOST) {
        status = map_block(domain, pool, pieces, count, pages, single, access, out_iova);
    } else if (domain->direct && pages <= UDMAR__WINDOW_MOST) {
        status = map_window(domain, pool, pieces, count, pages, access, out_iova);
    }
    /* No block or window of that kind is to be had: anywhere. */
    if (status == UDMAR_ERR_UNSUPPORTED || status == UDMAR_ERR_IOVA) {
        status = map_range(domain, pool, pieces, count, pages, access, out_iova);
    }
    return status;
}

FAST_PATH enum udmar_status udmar_stream_map(struct udmar_domain *domain,
                                             const struct udmar_dma_physical *pieces,
                                             unsigned count, unsigned access, udmar_iova_t highest,
                                             udmar_iova_t *out_iova)
{
    udmar_iova_t iova = UDMAR__FAST_PATH_MISS;

    if (count == 1 && domain != NULL && pieces != NULL && out_iova != NULL &&
        access - 1 < UDMAR_READ_WRITE) {
        iova =
            pieces->length == UDMAR__ARENA_PAGES * UDMAR_PAGE_SIZE
                ? udmar__stream_map_large_fast(domain, pieces->address, access, highest)
                : udmar__stream_map_fast(domain, pieces->address, pieces->length, access, highest);
    }
    if (iova == UDMAR__FAST_PATH_MISS) {
        return map_any(domain, pieces, count, access, highest, out_iova);
    }
    *out_iova = iova;
    return UDMAR_OK;
}

/* A range of ours in the tree. */
static SLOW_PATH enum udmar_status unmap_range(struct udmar_domain *domain, uint64_t page)
{
    struct udmar__range *range;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    range = udmar__iova_at_or_below(&domain->iova, page);
    if (range != NULL &&
        (range->kind != UDMAR_RANGE_ALLOCATED || !range->of_load || range->first != page)) {
        range = NULL;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return range == NULL ? UDMAR_ERR_NOT_FOUND : udmar__range_end(domain, range);
}

/* What is no block: a window of ours or a range of ours. */
FAST_PATH enum udmar_status udmar__stream_unmap_other(struct udmar_domain *domain, uint64_t page)
{
    struct udmar__window *window = udmar__window_transient(domain, page);
    enum udmar_status status;

    if (window == NULL) {
        return unmap_range(domain, page);
    }
    if (udmar__window_pages(window) == 0 || page != window->range.first + window->first) {
        return UDMAR_ERR_NOT_FOUND;
    }
    status = udmar__window_clear_large(window, domain->strict);
    if (UDMAR__UNLIKELY(window->chunk_count != 1 || !udmar__is_cached(window->pool->kind) ||
                        !udmar__window_magazine_put(domain, window->pool->kind, 0, window))) {
        udmar__window_put(domain, window);
    }
    return status;
}

FAST_PATH enum udmar_status udmar_stream_unmap(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__arena *arena;
    unsigned block;

    if (domain == NULL || domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    arena = udmar__arena_of(domain, page);
    if (arena == NULL) {
        return udmar__stream_unmap_other(domain, page);
    }
    block = udmar__block_at(arena, page);
    if (UDMAR__BLOCK_PAGES(block) == 0) {
        return UDMAR_ERR_NOT_FOUND;
    }
    return udmar__block_unmap_inline(domain, arena, (uint32_t)page, block);
}

#endif
