/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way through a mapping; mapping.h has the kinds. */
#include "mapping/mapping.h"

#include "mapping/block.h"
#include "space/range.h"

/* Who wants neither of them has nothing to map. */
#if !defined(UDMAR_WITHOUT_BUSDMA) || !defined(UDMAR_WITHOUT_STREAMS)

#define LARGE_PAGES UDMAR__ARENA_PAGES

/* ---- Addresses ---- */

/*
 * The 2 MiB rule: what is large begins at the offset that its first piece has in its physical 2 MiB
 * page, so that large leaves fit. @room: pages, in which it stays at 0 where it does not fit moved,
 * or could cross a boundary that it need not cross.
 */
static uint32_t offset_in_large_page(const struct udmar__mapping_request *request, uint64_t room)
{
    uint32_t offset = (uint32_t)(request->physical >> UDMAR_PAGE_SHIFT) % LARGE_PAGES;

    if (request->pages < LARGE_PAGES || request->alignment > UDMAR_PAGE_SIZE ||
        request->pages + offset > room ||
        (request->boundary != 0 && request->boundary < room << UDMAR_PAGE_SHIFT)) {
        return 0;
    }
    return offset;
}

/* A window that is ready; @room: pages that it has. */
static inline void use_window(const struct udmar__mapping_request *request,
                              struct udmar__window *window, struct udmar__mapping *mapping)
{
    mapping->in.window = window;
    mapping->pages = 0;
    mapping->first = 0;
    mapping->ptes = window->ptes;
    mapping->iova = window->base;
    if (request->pages >= LARGE_PAGES) {
        mapping->ptes = NULL;
        mapping->first = offset_in_large_page(request, window->pages);
        mapping->iova += (uint64_t)mapping->first << UDMAR_PAGE_SHIFT;
    }
}

static inline enum udmar_status get_window(const struct udmar__mapping_request *request,
                                           struct udmar__mapping *mapping)
{
    enum udmar_status status = udmar__window_ready(request->window);

    if (status == UDMAR_OK) {
        use_window(request, request->window, mapping);
        mapping->kind = MAPPING_WINDOW;
    }
    return status;
}

static inline enum udmar_status get_block(struct udmar_domain *domain,
                                          const struct udmar__mapping_request *request,
                                          unsigned order, struct udmar__mapping *mapping)
{
    uint32_t page;
    enum udmar_status status = udmar__block_get(domain, request->pool, order, &page);

    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        return status;
    }
    mapping->kind = MAPPING_BLOCK;
    mapping->in.arena = udmar__arena_of_block(domain, page);
    mapping->pages = 0;
    mapping->iova = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    mapping->ptes = udmar__block_ptes(mapping->in.arena, page);
    return UDMAR_OK;
}

static enum udmar_status get_transient(struct udmar_domain *domain,
                                       const struct udmar__mapping_request *request,
                                       struct udmar__mapping *mapping)
{
    uint64_t pages = request->pages + offset_in_large_page(request, UINT32_MAX);
    unsigned chunks = (unsigned)((pages + LARGE_PAGES - 1) / LARGE_PAGES);
    struct udmar__window *window;
    enum udmar_status status = udmar__window_get(domain, request->pool, chunks, &window);

    if (status != UDMAR_OK) {
        return status;
    }
    status = udmar__window_ready(window);
    if (status != UDMAR_OK) {
        udmar__window_put(domain, window);
        return status;
    }
    use_window(request, window, mapping);
    mapping->kind = MAPPING_TRANSIENT;
    return UDMAR_OK;
}

/* Takes @skip pages more in front, and gives them back: only the alignment behind them counts. */
static bool place_range(struct udmar_domain *domain, const struct udmar__mapping_request *request,
                        uint32_t skip, uint64_t alignment, struct udmar__range *range)
{
    const struct udmar_iova_limits limits = {
        .alignment = alignment,
        .boundary = request->boundary,
    };
    uint64_t pages = skip + request->pages;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool found = udmar__arena_pool_find(domain, request->pool, pages, pages << UDMAR_PAGE_SHIFT,
                                        &limits, &range->first);

    if (found) {
        range->last = range->first + pages - 1;
        range->first += skip;
        found = udmar__iova_insert(&domain->iova, range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found;
}

static enum udmar_status get_range(struct udmar_domain *domain,
                                   const struct udmar__mapping_request *request,
                                   struct udmar__mapping *mapping)
{
    bool large = request->pages >= LARGE_PAGES &&
                 udmar__arena_pool_suits(domain, request->pool, request->pages);
    uint64_t alignment =
        large ? udmar__max(request->alignment, LARGE_PAGES * UDMAR_PAGE_SIZE) : request->alignment;
    uint32_t skip = large ? offset_in_large_page(request, request->pages + LARGE_PAGES) : 0;
    struct udmar__range *range = udmar_host_alloc(domain->host, sizeof(*range));

    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    range->of_load = true;
    /* Small leaves are better than none. */
    if (!place_range(domain, request, skip, alignment, range) &&
        !(large && place_range(domain, request, 0, request->alignment, range))) {
        udmar_host_free(domain->host, range, sizeof(*range));
        return UDMAR_ERR_IOVA;
    }
    *mapping = (struct udmar__mapping){
        .kind = MAPPING_RANGE,
        .in.range = range,
        .iova = range->first << UDMAR_PAGE_SHIFT,
    };
    return UDMAR_OK;
}

enum udmar_status udmar__mapping_get(struct udmar_domain *domain,
                                     const struct udmar__mapping_request *request,
                                     struct udmar__mapping *out_mapping)
{
    enum udmar_status status = UDMAR_ERR_UNSUPPORTED;
    uint64_t pages = request->pages;
    unsigned order;

    UDMAR_ASSERT(pages > 0 && udmar__is_power_of_two(request->alignment));
    if (request->window != NULL && pages <= request->window->pages) {
        return get_window(request, out_mapping);
    }
    if (domain->direct && pages <= UDMAR__BLOCK_MOST) {
        order = udmar__log2_up(pages);
        if (request->alignment <= UDMAR_PAGE_SIZE << order) {
            status = get_block(domain, request, order, out_mapping);
        }
    } else if (domain->direct && pages <= UDMAR__WINDOW_MOST &&
               request->alignment <= LARGE_PAGES * UDMAR_PAGE_SIZE) {
        status = get_transient(domain, request, out_mapping);
    }
    /* No block or window of that kind is to be had: anywhere. */
    if (status == UDMAR_ERR_UNSUPPORTED || status == UDMAR_ERR_IOVA || status == UDMAR_ERR_MEMORY) {
        status = get_range(domain, request, out_mapping);
    }
    return status;
}

/* ---- PTEs ---- */

/* Entries of pages that follow each other; @page: which of the mapping's the first one is. */
static enum udmar_status write_pages(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                     uint64_t page, udmar_paddr_t physical, uint64_t count,
                                     unsigned access)
{
    UDMAR_ASSERT(mapping->kind != MAPPING_NONE && count > 0 && (physical & UDMAR_PAGE_MASK) == 0);
    if (mapping->ptes != NULL) {
        udmar__ptes_fill(mapping->ptes + page, physical | access, count);
        return UDMAR_OK;
    }
    if (mapping->kind == MAPPING_RANGE) {
        return udmar__domain_map_fixed(domain, mapping->iova + (page << UDMAR_PAGE_SHIFT), physical,
                                       count << UDMAR_PAGE_SHIFT, access);
    }
    udmar__window_write(mapping->in.window, mapping->first + (uint32_t)page, physical,
                        (uint32_t)count, access);
    return UDMAR_OK;
}

/* Pages that are neighbours in memory and in the mapping: what can become a large leaf. */
struct run {
    uint64_t page;
    udmar_paddr_t physical;
    uint64_t count; /* 0: none yet */
};

static bool extend_run(struct run *run, uint64_t page, udmar_paddr_t physical, uint64_t count)
{
    if (run->count == 0 || run->page + run->count != page ||
        run->physical + (run->count << UDMAR_PAGE_SHIFT) != physical) {
        return false;
    }
    run->count += count;
    return true;
}

static enum udmar_status write_each(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                    const struct udmar__pieces *pieces, unsigned access)
{
    struct udmar__pieces rest = *pieces;
    struct udmar__layout layout = { .next = 0 };
    struct run run = { .count = 0 };
    enum udmar_status status = UDMAR_OK;
    udmar_paddr_t physical;
    uint64_t length;

    while (status == UDMAR_OK && udmar__pieces_next(&rest, &physical, &length)) {
        uint64_t start;
        uint64_t count;
        bool joins;

        if (physical >= UDMAR__PHYSICAL_END || length > UDMAR__PHYSICAL_END - physical ||
            !udmar__layout_add(&layout, pieces->border, physical, length, &start, &joins)) {
            return UDMAR_ERR_ARGUMENT;
        }
        start >>= UDMAR_PAGE_SHIFT;
        count = udmar__pages_touched(physical, length);
        physical &= ~UDMAR_PAGE_MASK;
        if (count > pieces->pages - start) {
            return UDMAR_ERR_ARGUMENT; /* the host puts a buffer at another offset in its page */
        }
        if (!extend_run(&run, start, physical, count)) {
            if (run.count != 0) {
                status = write_pages(domain, mapping, run.page, run.physical, run.count, access);
            }
            run = (struct run){ .page = start, .physical = physical, .count = count };
        }
    }
    return status != UDMAR_OK
               ? status
               : write_pages(domain, mapping, run.page, run.physical, run.count, access);
}

static void write_whole(volatile uint64_t *pte, const struct udmar_dma_physical *piece,
                        uint64_t count, unsigned access)
{
    for (uint64_t i = 0; i < count; i++) {
        udmar__pte_store(&pte[i], piece[i].address | access);
    }
}

/*
 * Pages [at, pages) were written: they are in memory, and noted for the mapping's end. Also where
 * writing has failed: entries were live from the first store on.
 */
static inline void note_mapping(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                uint64_t at, uint64_t pages)
{
    volatile uint64_t *ptes;

    mapping->pages = (uint32_t)pages;
    switch (mapping->kind) {
    case MAPPING_WINDOW:
    case MAPPING_TRANSIENT:
        udmar__window_note(mapping->in.window, mapping->first, (uint32_t)at, mapping->pages);
        break;
    case MAPPING_BLOCK:
        ptes = udmar__block_ptes(mapping->in.arena, (uint32_t)(mapping->iova >> UDMAR_PAGE_SHIFT));
        udmar__ptes_write_back(domain->host, domain->coherent, ptes + at, (uint32_t)(pages - at));
        udmar__block_note_pages(mapping->in.arena, mapping->iova >> UDMAR_PAGE_SHIFT,
                                mapping->pages);
        break;
    default:
        break; /* the walker has done it */
    }
}

/* The rest of a mapping's place, from its page @at on, as one of its own. */
static struct udmar__mapping part_of(const struct udmar__mapping *mapping, uint64_t at)
{
    struct udmar__mapping part = *mapping;

    part.first += (uint32_t)at;
    part.iova += at << UDMAR_PAGE_SHIFT;
    part.ptes = NULL;
    if (mapping->kind == MAPPING_BLOCK) {
        part.ptes = udmar__block_ptes(mapping->in.arena, (uint32_t)(part.iova >> UDMAR_PAGE_SHIFT));
    } else if (mapping->kind != MAPPING_RANGE && mapping->in.window->chunk_count == 0 &&
               mapping->in.window->ptes != NULL) {
        part.ptes = mapping->in.window->ptes + at;
    }
    return part;
}

static enum udmar_status write_list(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                    const struct udmar__pieces *pieces, unsigned access)
{
    if (pieces->whole && mapping->ptes != NULL) {
        write_whole(mapping->ptes, pieces->list, pieces->pages, access);
        return UDMAR_OK;
    }
    return write_each(domain, mapping, pieces, access);
}

enum udmar_status udmar__mapping_write_at(struct udmar_domain *domain,
                                          struct udmar__mapping *mapping, uint64_t at,
                                          const struct udmar__pieces *pieces, unsigned access)
{
    struct udmar__mapping part;
    enum udmar_status status;

    if (at == 0) {
        status = write_list(domain, mapping, pieces, access);
    } else {
        part = part_of(mapping, at);
        status = write_list(domain, &part, pieces, access);
    }
    note_mapping(domain, mapping, at, at + pieces->pages);
    return status;
}

enum udmar_status udmar__mapping_write(struct udmar_domain *domain, struct udmar__mapping *mapping,
                                       const struct udmar__pieces *pieces, unsigned access)
{
    enum udmar_status status = udmar__mapping_write_at(domain, mapping, 0, pieces, access);
    enum udmar_status published = udmar__mapping_announce(domain, mapping, 0);

    return status != UDMAR_OK ? status : published;
}

enum udmar_status udmar__mapping_write_run(struct udmar_domain *domain,
                                           struct udmar__mapping *mapping, udmar_paddr_t physical,
                                           uint64_t pages, unsigned access)
{
    enum udmar_status status = write_pages(domain, mapping, 0, physical, pages, access);
    enum udmar_status published;

    note_mapping(domain, mapping, 0, pages);
    published = udmar__mapping_announce(domain, mapping, 0);
    return status != UDMAR_OK ? status : published;
}

/* ---- Growing ---- */

/* How many pages the place has, from the mapping's first one on. */
static uint64_t room_of(const struct udmar__mapping *mapping)
{
    uint64_t page = mapping->iova >> UDMAR_PAGE_SHIFT;

    switch (mapping->kind) {
    case MAPPING_WINDOW:
    case MAPPING_TRANSIENT:
        return udmar__window_room(mapping->in.window) - mapping->first;
    case MAPPING_BLOCK:
        return UINT64_C(1) << UDMAR__BLOCK_ORDER(udmar__block_at(mapping->in.arena, page));
    case MAPPING_RANGE:
        return mapping->in.range->last + 1 - page;
    default:
        return 0;
    }
}

bool udmar__mapping_next(const struct udmar__mapping *mapping,
                         const struct udmar__mapping_request *request, uint64_t *out_at)
{
    uint64_t base = mapping->iova >> UDMAR_PAGE_SHIFT;
    uint64_t end = base + room_of(mapping);
    uint64_t boundary = request->boundary >> UDMAR_PAGE_SHIFT;
    uint64_t first = udmar__align_up(base + mapping->pages, request->alignment >> UDMAR_PAGE_SHIFT);
    uint64_t offset = ((request->physical >> UDMAR_PAGE_SHIFT) - first) % LARGE_PAGES;

    /* The 2 MiB rule, as for a place of its own. */
    if (request->pages >= LARGE_PAGES && request->alignment <= UDMAR_PAGE_SIZE &&
        first + offset + request->pages <= end) {
        first += offset;
    }
    if (boundary > 1 && ((first ^ (first + request->pages - 1)) & ~(boundary - 1)) != 0) {
        first = udmar__align_up(first, boundary);
    }
    *out_at = first - base;
    return first <= end && request->pages <= end - first;
}

enum udmar_status udmar__mapping_take_back(struct udmar_domain *domain,
                                           struct udmar__mapping *mapping, uint64_t at)
{
    struct udmar__mapping part = part_of(mapping, at);
    uint32_t pages = mapping->pages - (uint32_t)at;
    struct udmar__request request;

    if (mapping->kind == MAPPING_RANGE) {
        return udmar_domain_unmap(domain, part.iova, (uint64_t)pages << UDMAR_PAGE_SHIFT);
    }
    if (mapping->kind == MAPPING_BLOCK) {
        udmar__ptes_clear(part.ptes, pages);
        udmar__ptes_write_back(domain->host, domain->coherent, part.ptes, pages);
    } else {
        udmar__window_take_back(mapping->in.window, part.first, pages);
    }
    request = udmar__iotlb_range(domain->unit, domain->bindings->id, part.iova,
                                 (uint64_t)pages << UDMAR_PAGE_SHIFT, false);
    return udmar__invalidate(domain->unit, &request, 1, true, NULL);
}

/* ---- The end ---- */

/* After a failure it stays taken for ever: nobody may get addresses that a device may reach. */
static enum udmar_status end_range(struct udmar_domain *domain, struct udmar__range *range)
{
    enum udmar_status status =
        udmar_domain_unmap(domain, range->first << UDMAR_PAGE_SHIFT,
                           (range->last - range->first + 1) << UDMAR_PAGE_SHIFT);
    uintptr_t state;

    if (status == UDMAR_OK) {
        state = udmar__lock(domain->host, &domain->lock);
        udmar__iova_remove(&domain->iova, range);
        udmar__unlock(domain->host, &domain->lock, state);
        udmar_host_free(domain->host, range, sizeof(*range));
    }
    return status;
}

enum udmar_status udmar__mapping_end(struct udmar_domain *domain, struct udmar__mapping *mapping)
{
    struct udmar__window *window = mapping->in.window;
    enum udmar__mapping_kind kind = mapping->kind;
    enum udmar_status status = UDMAR_OK;

    mapping->kind = MAPPING_NONE;
    switch (kind) {
    case MAPPING_BLOCK:
        return udmar__block_end(domain, mapping->in.arena,
                                (uint32_t)(mapping->iova >> UDMAR_PAGE_SHIFT));
    case MAPPING_WINDOW:
        return mapping->pages == 0 ? UDMAR_OK : udmar__window_clear(window, domain->strict);
    case MAPPING_TRANSIENT:
        /*
         * Never put off: one request for 2 MiB and more is cheap, and the next mapping, which gets
         * this window, would have to wait for it.
         */
        status = mapping->pages == 0 ? UDMAR_OK : udmar__window_clear(window, true);
        udmar__window_put(domain, window);
        return status;
    case MAPPING_RANGE:
        return end_range(domain, mapping->in.range);
    default:
        return UDMAR_OK;
    }
}

/* ---- Is it possible at all? ---- */

/* More than firmware and hardware ever reserve; what is beyond is taken for free. */
#define MOST_RESERVED 24u

bool udmar__mapping_possible(struct udmar_domain *domain,
                             const struct udmar__mapping_request *request)
{
    const struct udmar_iova_limits limits = {
        .alignment = request->alignment,
        .exclude_first = request->pool->exclude_first,
        .exclude_last = request->pool->exclude_last,
    };
    struct udmar__range reserved[MOST_RESERVED];
    struct udmar__iova space;
    struct udmar__range *range;
    uint64_t first;
    unsigned count = 0;
    uintptr_t state;

    if (request->window != NULL && request->pages <= request->window->pages) {
        return true;
    }
    state = udmar__lock(domain->host, &domain->lock);
    udmar__iova_init(&space, domain->iova.end.first);
    range = udmar__iova_at_or_above(&domain->iova, 0);
    while (range != NULL && range != &domain->iova.end && count < MOST_RESERVED) {
        if (range->kind == UDMAR_RANGE_RESERVED || range->kind == UDMAR_RANGE_FIRMWARE) {
            reserved[count] = (struct udmar__range){ .first = range->first, .last = range->last };
            (void)udmar__iova_insert(&space, &reserved[count++]);
        }
        range = udmar__iova_at_or_above(&domain->iova, range->last + 1);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return udmar__iova_find(&space, request->pages, request->pages << UDMAR_PAGE_SHIFT, &limits,
                            &first);
}

#endif
