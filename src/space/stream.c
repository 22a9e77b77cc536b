/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of the moment: in a block, in a borrowed window, or in a range of the tree. */
#include "space/stream.h"

#include "space/address.h"

/*
 * Most calls are one piece in a block. Their way is one function without calls and without what the
 * other ways need on the stack.
 */
#define SHORT_WAY __attribute__((__flatten__))
#define LONG_WAY  __attribute__((__noinline__))

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
    return udmar__block_unmap_inline(domain, arena, page);
}

/* ---- Laying pieces out ---- */

/* No entry of a page table holds more, and no processor has it. */
#define PHYSICAL_END (UINT64_C(1) << 52)
/* The sum of so many lengths below PHYSICAL_END / 2 fits into 64 bits. */
#define SUM_MOST     8192u

/* The pages that the pieces need; 0: a piece lies in no memory, or they are too many. */
static uint64_t measure_each(const struct udmar_dma_physical *pieces, unsigned count)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < count; i++) {
        udmar_paddr_t address = pieces[i].address;

        if (pieces[i].length == 0 || pieces[i].length > PHYSICAL_END ||
            address > PHYSICAL_END - pieces[i].length || end > PHYSICAL_END) {
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
static inline uint64_t measure(const struct udmar_dma_physical *pieces, unsigned count,
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
    if ((bits & UDMAR_PAGE_MASK) != 0 || (bits | before) >= PHYSICAL_END / 2 ||
        sum > PHYSICAL_END || count > SUM_MOST) {
        return measure_each(pieces, count);
    }
    return sum >> UDMAR_PAGE_SHIFT;
}

static inline uint64_t pages_of(const struct udmar_dma_physical *piece)
{
    return ((piece->address & UDMAR_PAGE_MASK) + piece->length + UDMAR_PAGE_MASK) >>
           UDMAR_PAGE_SHIFT;
}

static enum udmar_status map_block(struct udmar_domain *domain, struct udmar__pool *pool,
                                   const struct udmar_dma_physical *pieces, unsigned count,
                                   uint64_t pages, bool single, unsigned access,
                                   udmar_iova_t *out_iova)
{
    volatile uint64_t *slot;
    struct udmar__arena *arena;
    uint32_t page;
    enum udmar_status status = udmar__block_get(domain, pool, udmar__log2_up(pages), &page);

    if (status != UDMAR_OK) {
        return status;
    }
    arena = udmar__arena_of(domain, page);
    slot = udmar__block_slots(arena, page);
    for (unsigned i = 0; single && i < count; i++) {
        udmar__entry_store(slot++, pieces[i].address | access);
    }
    for (unsigned i = 0; !single && i < count; i++) {
        uint64_t here = pages_of(&pieces[i]);

        udmar__entries_fill(slot, (pieces[i].address & ~UDMAR_PAGE_MASK) | access, here);
        slot += here;
    }
    *out_iova = ((udmar_iova_t)page << UDMAR_PAGE_SHIFT) + (pieces[0].address & UDMAR_PAGE_MASK);
    return udmar__block_publish(domain, arena, page, (unsigned)pages);
}

/*
 * One piece into a block that this CPU has at hand. False: nothing has been done. A block comes
 * from an arena of this domain, so the domain has tables and a unit, and the arena is in the
 * directory.
 */
static inline bool map_at_hand(struct udmar_domain *domain, const struct udmar_dma_physical *piece,
                               unsigned access, udmar_iova_t highest, udmar_iova_t *out_iova)
{
    uint64_t offset = piece->address & UDMAR_PAGE_MASK;
    uint64_t pages = (offset + piece->length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
    uint64_t entry = (piece->address & ~UDMAR_PAGE_MASK) | access;
    bool low = highest < domain->end;
    volatile uint64_t *slots;
    struct udmar__magazine *magazine;
    struct udmar__arena *arena;
    struct udmar__cache *cache;
    uint32_t page = 0;
    uintptr_t state;
    unsigned order;
    bool found;

    if (piece->length - 1 >= UDMAR__BLOCK_MOST << UDMAR_PAGE_SHIFT || pages > UDMAR__BLOCK_MOST ||
        piece->address >= PHYSICAL_END / 2 || (low && highest != UINT32_MAX) || !domain->direct ||
        domain->caching_mode || domain->write_buffer) {
        return false;
    }
    order = pages == 1 ? 0 : udmar__log2_up(pages);
    cache = udmar__cache_enter(domain, &state);
    if (cache == NULL) {
        return false;
    }
    magazine = &cache->blocks[low][order];
    found = magazine->count > 0;
    if (found) {
        page = magazine->page[--magazine->count];
    }
    udmar__cache_leave(domain, cache, state);
    if (UDMAR__UNLIKELY(!found)) {
        return false;
    }
    arena = domain->arenas[page >> 18][(page >> 9) & 511];
    slots = udmar__block_slots(arena, page);
    if (pages == 1) {
        udmar__entry_store(slots, entry);
    } else {
        udmar__entries_fill(slots, entry, pages);
    }
    if (!domain->coherent) {
        udmar_host_cache_flush(domain->host, (const void *)(uintptr_t)slots,
                               (unsigned)pages * sizeof(*slots));
    }
    udmar__block_note(arena, page, order, (unsigned)pages);
    *out_iova = ((udmar_iova_t)page << UDMAR_PAGE_SHIFT) + offset;
    return true;
}

/* ---- More than a block holds ---- */

/* One piece that is exactly a large leaf, into a window that this CPU has at hand; as above. */
static inline bool map_large_at_hand(struct udmar_domain *domain,
                                     const struct udmar_dma_physical *piece, unsigned access,
                                     udmar_iova_t highest, udmar_iova_t *out_iova)
{
    bool low = highest < domain->end;
    struct udmar__window *window = NULL;
    struct udmar__cache *cache;
    struct udmar__rack *rack;
    uintptr_t state;

    if ((piece->address & (UDMAR__ARENA_PAGES * UDMAR_PAGE_SIZE - 1)) != 0 ||
        piece->address >= PHYSICAL_END / 2 || (low && highest != UINT32_MAX) ||
        domain->caching_mode || domain->write_buffer || (domain->superpages & 1u) == 0) {
        return false;
    }
    cache = udmar__cache_enter(domain, &state);
    if (cache == NULL) {
        return false;
    }
    rack = &cache->windows[low][0];
    if (rack->count > 0 && udmar__window_is_ready(rack->window[rack->count - 1])) {
        window = rack->window[--rack->count];
    }
    udmar__cache_leave(domain, cache, state);
    if (UDMAR__UNLIKELY(window == NULL)) {
        return false;
    }
    /* It cannot refuse: all that it asks for has been looked at. */
    (void)udmar__window_load_large(window, piece->address, UDMAR__ARENA_PAGES, access);
    *out_iova = window->base;
    return true;
}

/* udmar__window_put() for such a window. */
static inline void put_large(struct udmar_domain *domain, struct udmar__window *window)
{
    bool low = window->pool == &domain->pool_32;
    struct udmar__cache *cache = NULL;
    bool kept = false;
    uintptr_t state;

    if (window->chunk_count == 1 && (low || window->pool == &domain->pool_all)) {
        cache = udmar__cache_enter(domain, &state);
    }
    if (cache != NULL) {
        struct udmar__rack *rack = &cache->windows[low][0];

        kept = rack->count < sizeof(rack->window) / sizeof(rack->window[0]);
        if (kept) {
            rack->window[rack->count++] = window;
        }
        udmar__cache_leave(domain, cache, state);
    }
    if (!kept) {
        udmar__window_put(domain, window);
    }
}

/* Pieces as runs of pages, physical neighbours together: what becomes a large leaf. */
static bool next_run(const struct udmar_dma_physical **piece, unsigned *count,
                     udmar_paddr_t *out_physical, uint64_t *out_pages)
{
    if (*count == 0) {
        return false;
    }
    *out_physical = (*piece)->address & ~UDMAR_PAGE_MASK;
    *out_pages = pages_of(*piece);
    for (++*piece, --*count; *count > 0; ++*piece, --*count) {
        if (((*piece)->address & ~UDMAR_PAGE_MASK) !=
            *out_physical + (*out_pages << UDMAR_PAGE_SHIFT)) {
            break;
        }
        *out_pages += pages_of(*piece);
    }
    return true;
}

static enum udmar_status map_window(struct udmar_domain *domain, struct udmar__pool *pool,
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

static enum udmar_status map_range(struct udmar_domain *domain, const struct udmar__pool *pool,
                                   const struct udmar_dma_physical *pieces, unsigned count,
                                   uint64_t pages, unsigned access, udmar_iova_t *out_iova)
{
    bool large = pages >= UDMAR__ARENA_PAGES;
    uint64_t skip = large ? (pieces[0].address >> UDMAR_PAGE_SHIFT) % UDMAR__ARENA_PAGES : 0;
    const struct udmar_iova_limits limits = {
        .exclude_first = pool->exclude_first,
        .exclude_last = pool->exclude_last,
        .alignment =
            (large ? UDMAR__ARENA_PAGES : UINT64_C(1) << udmar__log2_up(pages)) * UDMAR_PAGE_SIZE,
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
    status = udmar__range_alloc(domain, skip + pages, pages << UDMAR_PAGE_SHIFT, &limits, range);
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

static struct udmar__pool *pool_for(struct udmar_domain *domain, udmar_iova_t highest)
{
    if (highest >= domain->end) {
        return &domain->pool_all;
    }
    return highest == UINT32_MAX ? &domain->pool_32
                                 : udmar__pool_get(domain, highest + 1, domain->end);
}

/* With all checks, and all kinds of places. */
static LONG_WAY enum udmar_status map_any(struct udmar_domain *domain,
                                          const struct udmar_dma_physical *pieces, unsigned count,
                                          unsigned access, udmar_iova_t highest,
                                          udmar_iova_t *out_iova)
{
    struct udmar__pool *pool;
    enum udmar_status status = UDMAR_ERR_UNSUPPORTED;
    uint64_t pages;
    bool single;

    if (domain == NULL || pieces == NULL || count == 0 || out_iova == NULL || access == 0 ||
        (access & ~(unsigned)UDMAR_READ_WRITE) != 0 || domain->table == 0 || domain->identity ||
        domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    pages = measure(pieces, count, &single);
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

SHORT_WAY enum udmar_status udmar_stream_map(struct udmar_domain *domain,
                                             const struct udmar_dma_physical *pieces,
                                             unsigned count, unsigned access, udmar_iova_t highest,
                                             udmar_iova_t *out_iova)
{
    if (count == 1 && domain != NULL && pieces != NULL && out_iova != NULL &&
        access - 1 < UDMAR_READ_WRITE &&
        (pieces->length == UDMAR__ARENA_PAGES * UDMAR_PAGE_SIZE
             ? map_large_at_hand(domain, pieces, access, highest, out_iova)
             : map_at_hand(domain, pieces, access, highest, out_iova))) {
        return UDMAR_OK;
    }
    return map_any(domain, pieces, count, access, highest, out_iova);
}

/* What is no block: a window of ours or a range of ours, taken out of others' sight. */
static LONG_WAY SHORT_WAY enum udmar_status unmap_other(struct udmar_domain *domain, uint64_t page)
{
    struct udmar__window *window = NULL;
    struct udmar__range *range;
    enum udmar_status status;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    range = udmar__iova_at_or_below(&domain->iova, page);
    if (range != NULL && range->kind == UDMAR_RANGE_WINDOW && range->of_load) {
        window = (struct udmar__window *)range;
        if (udmar__window_pages(window) == 0 || page != range->first + window->first) {
            range = NULL;
        }
    } else if (range == NULL || range->kind != UDMAR_RANGE_ALLOCATED || !range->of_load ||
               range->first != page) {
        range = NULL;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    if (range == NULL) {
        return UDMAR_ERR_NOT_FOUND;
    }
    if (window == NULL) {
        return udmar__range_end(domain, range);
    }
    status = udmar__window_clear_large(window, domain->strict);
    put_large(domain, window);
    return status;
}

SHORT_WAY enum udmar_status udmar_stream_unmap(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__arena *arena;
    unsigned block;

    if (domain == NULL || domain->unit == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    arena = udmar__arena_of(domain, page);
    if (arena == NULL) {
        return unmap_other(domain, page);
    }
    block = udmar__block_at(arena, page);
    if (UDMAR__BLOCK_PAGES(block) == 0) {
        return UDMAR_ERR_NOT_FOUND;
    }
    return udmar__block_unmap_inline(domain, arena, (uint32_t)page);
}
