/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows: making, writing, clearing. window.h says why they are as they are. */
#include "mapping/window.h"

#include "mapping/arena.h"
#include "mapping/cpu_cache.h"
#include "space/pte.h"

#define CHUNK_PAGES PTES_PER_TABLE
#define CHUNK_LEVEL 2u
/* The chunks of a window are one piece of the host's memory, which has at most 64 KiB. */
#define MOST_CHUNKS (65536u / sizeof(struct udmar__chunk))

/* ---- Reaching entries: a remembered pointer, or a mapping for the moment. ---- */

static volatile uint64_t *open_table(const struct udmar__window *window,
                                     volatile uint64_t *remembered, udmar_paddr_t table)
{
    return remembered != NULL ? remembered : udmar_host_page_map(window->domain->host, table);
}

static void close_table(const struct udmar__window *window, volatile uint64_t *remembered,
                        volatile uint64_t *opened)
{
    if (remembered == NULL) {
        udmar_host_page_unmap(window->domain->host, (void *)(uintptr_t)opened);
    }
}

/* The address of a table for good, where the host promises that it stays valid. */
static volatile uint64_t *remember_table(struct udmar_domain *domain, udmar_paddr_t table)
{
    volatile uint64_t *entries = NULL;

    if (domain->direct) {
        entries = udmar_host_page_map(domain->host, table);
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)entries);
    }
    return entries;
}

static void write_back_entries(const struct udmar__window *window, volatile uint64_t *entry,
                               uint32_t count)
{
    udmar__ptes_write_back(window->host, window->coherent, entry, count);
}

/* Of the tree's node; where the next load begins is window->base. */
static udmar_iova_t first_of(const struct udmar__window *window)
{
    return window->range.first << UDMAR_PAGE_SHIFT;
}

/* The ptes of the next load in a small window. */
static volatile uint64_t *open_small_ptes(const struct udmar__window *window)
{
    return window->ptes != NULL
               ? window->ptes
               : open_table(window, NULL, window->table) + udmar__level_index(window->base, 1);
}

static void close_small_ptes(const struct udmar__window *window, volatile uint64_t *ptes)
{
    if (window->ptes == NULL) {
        close_table(window, NULL, ptes - udmar__level_index(window->base, 1));
    }
}

/* ---- Making ---- */

static enum udmar_status reserve_chunk(struct udmar__window *window, uint32_t index,
                                       struct udmar__gather *gather) UDMAR_NO_LOCK_ANALYSIS
{
    struct udmar_domain *domain = window->domain;
    struct udmar__chunk *chunk = &window->chunks[index];
    udmar_iova_t iova = first_of(window) + (uint64_t)index * CHUNK_PAGES * UDMAR_PAGE_SIZE;
    enum udmar_status status = udmar__page_table_alloc(domain, &chunk->small);

    if (status != UDMAR_OK) {
        chunk->small = 0;
        return status;
    }
    status = udmar__ptes_reserve(domain, iova, CHUNK_LEVEL, 1, &chunk->parent, gather);
    if (status != UDMAR_OK) {
        chunk->parent = 0;
        return status;
    }
    if (domain->direct) {
        chunk->ptes = remember_table(domain, chunk->small);
        chunk->parent_pte =
            remember_table(domain, chunk->parent) + udmar__level_index(iova, CHUNK_LEVEL);
    }
    return UDMAR_OK;
}

static enum udmar_status reserve_chunks(struct udmar__window *window, struct udmar__gather *gather)
{
    enum udmar_status status = UDMAR_OK;
    uintptr_t state = udmar__lock(window->domain->host, &window->domain->lock);

    for (uint32_t i = 0; i < window->chunk_count && status == UDMAR_OK; i++) {
        status = reserve_chunk(window, i, gather);
    }
    udmar__mapper_of(window->domain)->windows++;
    udmar__unlock(window->domain->host, &window->domain->lock, state);
    return status;
}

static void release_chunks(struct udmar__window *window, struct udmar__gather *gather)
{
    struct udmar_domain *domain = window->domain;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    for (uint32_t i = 0; i < window->chunk_count; i++) {
        struct udmar__chunk *chunk = &window->chunks[i];
        udmar_iova_t iova = first_of(window) + (uint64_t)i * CHUNK_PAGES * UDMAR_PAGE_SIZE;

        if (chunk->parent != 0) {
            udmar__ptes_release(domain, iova, CHUNK_LEVEL, 1, gather);
        }
        if (chunk->small != 0) {
            /* Into the chain of tables that are freed after the invalidation. */
            volatile uint64_t *link = udmar_host_page_map(domain->host, chunk->small);

            udmar__pte_store(link, gather->tables);
            udmar_host_page_unmap(domain->host, (void *)(uintptr_t)link);
            gather->tables = chunk->small;
            chunk->small = 0;
        }
    }
    UDMAR_ASSERT(udmar__mapper_of(domain)->windows > 0);
    udmar__mapper_of(domain)->windows--;
    udmar__unlock(domain->host, &domain->lock, state);
}

static void take_range_out(struct udmar__window *window)
{
    struct udmar_domain *domain = window->domain;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    if (udmar__window_transient(domain, window->range.first) == window) {
        udmar__directory_clear(&udmar__mapper_of(domain)->transients, window->range.first);
    }
    if (window->chunk_count > 0) {
        udmar__iova_remove(&domain->iova, &window->range);
        udmar__arena_pool_credit(domain, window->pool, window->pages);
    } else {
        udmar__iova_remove(&udmar__mapper_of(domain)->blocks, &window->range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
}

static void free_memory(struct udmar__window *window)
{
    void *host = window->domain->host;

    if (window->chunks != NULL) {
        udmar_host_free(host, window->chunks, window->chunk_count * sizeof(*window->chunks));
    }
    udmar_host_free(host, window, sizeof(*window));
}

/* A whole window, or a block of one, in a request. */
static struct udmar__request request_for(const struct udmar__window *window, udmar_iova_t iova,
                                         uint64_t pages)
{
    return udmar__iotlb_range(window->unit, window->domain->bindings->id, iova,
                              pages << UDMAR_PAGE_SHIFT, window->chunk_count == 0);
}

static struct udmar__window *new_window(struct udmar_domain *domain, struct udmar__arena_pool *pool)
{
    struct udmar__window *window = udmar_host_alloc(domain->host, sizeof(*window));

    if (window != NULL) {
        window->host = domain->host;
        window->domain = domain;
        window->pool = pool;
        window->strict = domain->strict;
        window->large_leaves = (domain->superpages & 1u) != 0;
        window->unit = domain->bindings->unit;
        window->range.kind = UDMAR_RANGE_WINDOW;
        window->coherent = domain->coherent;
    }
    return window;
}

/* Addresses for a large window. */
static enum udmar_status take_range(struct udmar__window *window, uint64_t bytes,
                                    const struct udmar_iova_limits *limits)
{
    struct udmar_domain *domain = window->domain;
    struct udmar__range *range = &window->range;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool charged = udmar__arena_pool_charge(domain, window->pool, window->pages);
    bool found = charged && udmar__arena_pool_find(domain, window->pool, window->pages, bytes,
                                                   limits, &range->first);

    if (found) {
        range->last = range->first + window->pages - 1;
        (void)udmar__iova_insert(&domain->iova, range); /* it has just been found free */
    } else if (charged) {
        udmar__arena_pool_credit(domain, window->pool, window->pages);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found ? UDMAR_OK : UDMAR_ERR_IOVA;
}

static enum udmar_status build_large(struct udmar__window *window, uint64_t bytes,
                                     uint64_t alignment, uint64_t boundary)
{
    struct udmar_domain *domain = window->domain;
    const struct udmar_iova_limits limits = {
        .highest = window->range.of_load ? udmar__min(domain->end, UDMAR__DIRECTORY_END - 1) : 0,
        .alignment = udmar__max(alignment, CHUNK_PAGES * UDMAR_PAGE_SIZE),
        .boundary = boundary,
    };
    uint64_t whole = (uint64_t)window->pages << UDMAR_PAGE_SHIFT;
    struct udmar__gather gather;
    enum udmar_status status;

    window->chunks = udmar_host_alloc(domain->host, window->chunk_count * sizeof(*window->chunks));
    if (window->chunks == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    /* A buffer may lie anywhere in it: best when no boundary is inside at all. */
    status = take_range(window, whole <= boundary ? whole : bytes, &limits);
    if (status != UDMAR_OK) {
        return status;
    }
    window->base = first_of(window);
    window->request = request_for(window, window->base, window->pages);
    udmar__gather_init(&gather);
    status = reserve_chunks(window, &gather);
    if (status == UDMAR_OK) {
        status = udmar__gather_flush(domain, &gather);
    }
    if (status == UDMAR_OK) {
        if (window->chunk_count == 1) {
            window->ptes = window->chunks[0].ptes;
        }
        return UDMAR_OK;
    }
    release_chunks(window, &gather);
    (void)udmar__gather_flush(domain, &gather);
    take_range_out(window);
    return status;
}

struct large_window {
    unsigned chunks;
    uint64_t bytes;
    uint64_t alignment;
    uint64_t boundary;
    bool transient;
};

static enum udmar_status create_large(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                      const struct large_window *wanted,
                                      struct udmar__window **out_window)
{
    struct udmar__window *window;
    enum udmar_status status;

    if (!udmar__arena_pool_suits(domain, pool, (uint64_t)wanted->chunks * CHUNK_PAGES)) {
        return UDMAR_ERR_IOVA;
    }
    window = new_window(domain, pool);
    if (window == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    window->chunk_count = wanted->chunks;
    window->pages = wanted->chunks * CHUNK_PAGES;
    window->range.of_load = wanted->transient;
    status = build_large(window, wanted->bytes, wanted->alignment, wanted->boundary);
    if (status != UDMAR_OK) {
        free_memory(window);
        return status;
    }
    *out_window = window;
    return UDMAR_OK;
}

enum udmar_status udmar__window_create_transient(struct udmar_domain *domain,
                                                 struct udmar__arena_pool *pool, unsigned chunks,
                                                 struct udmar__window **out_window)
{
    const struct large_window wanted = {
        .chunks = chunks,
        .bytes = chunks * CHUNK_PAGES * UDMAR_PAGE_SIZE,
        .alignment = chunks * CHUNK_PAGES * UDMAR_PAGE_SIZE,
        .transient = true,
    };
    struct udmar__window *window;
    enum udmar_status status = create_large(domain, pool, &wanted, &window);
    uintptr_t state;
    bool kept;

    if (status != UDMAR_OK) {
        return status;
    }
    state = udmar__lock(domain->host, &domain->lock);
    kept = udmar__directory_set(domain->host, &udmar__mapper_of(domain)->transients,
                                window->range.first, window);
    udmar__unlock(domain->host, &domain->lock, state);
    if (!kept) {
        udmar__window_destroy(window);
        return UDMAR_ERR_MEMORY;
    }
    *out_window = window;
    return UDMAR_OK;
}

/* Lanes that loads take in turn: a power of two, 1 where no flush may be pending. */
static unsigned lanes_for(const struct udmar_domain *domain, const struct udmar__arena_pool *pool,
                          unsigned order)
{
    unsigned room = UDMAR__BLOCK_ORDERS - 1 - order;

    if (!udmar__defers_flush(domain) || !domain->direct || room < 2 ||
        !udmar__arena_pool_suits(domain, pool, UDMAR__BLOCK_MOST)) {
        return 1;
    }
    return 1u << (room < 4 ? room : 4);
}

static enum udmar_status build_small(struct udmar__window *window, unsigned order)
{
    struct udmar_domain *domain = window->domain;
    unsigned places = lanes_for(domain, window->pool, order);
    uint32_t page;
    unsigned taken;
    enum udmar_status status;
    uintptr_t state;

    window->order = (uint8_t)(order + udmar__log2(places));
    status = udmar__blocks_take(domain, window->pool, window->order, 1, &page, &taken);
    if (status != UDMAR_OK) {
        return status;
    }
    window->arena = udmar__arena_of(domain, page);
    window->table = window->arena->table;
    window->base = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    if (window->arena->entries != NULL) {
        window->ptes = window->arena->entries + udmar__level_index(window->base, 1);
    }
    window->lane_pages = places > 1 ? 1u << order : 0;
    window->half_mask = (1u << window->order) / 2 - 1;
    window->request = request_for(window, window->base, UINT64_C(1) << window->order);
    window->range.first = page;
    window->range.last = page + (UINT64_C(1) << window->order) - 1;
    state = udmar__lock(domain->host, &domain->lock);
    (void)udmar__iova_insert(&udmar__mapper_of(domain)->blocks, &window->range);
    udmar__mapper_of(domain)->windows++;
    udmar__unlock(domain->host, &domain->lock, state);
    return UDMAR_OK;
}

enum udmar_status udmar__window_create(struct udmar_domain *domain, struct udmar__arena_pool *pool,
                                       uint64_t bytes, uint64_t alignment, uint64_t boundary,
                                       struct udmar__window **out_window)
{
    /* One page more than the bytes fill: the buffer may begin anywhere in its first page. */
    uint64_t pages = (udmar__align_up(bytes, UDMAR_PAGE_SIZE) >> UDMAR_PAGE_SHIFT) + 1;
    unsigned order;
    struct udmar__window *window;
    enum udmar_status status;

    if (pages == UDMAR__BLOCK_MOST + 1) {
        /* 1 MiB, what most kernels move at once. A block suffices for all but odd offsets. */
        pages = UDMAR__BLOCK_MOST;
    }
    order = udmar__log2_up(udmar__max(pages, alignment >> UDMAR_PAGE_SHIFT));

    if (domain->unit == NULL || alignment > CHUNK_PAGES * UDMAR_PAGE_SIZE ||
        bytes > (MOST_CHUNKS - 1) * CHUNK_PAGES * UDMAR_PAGE_SIZE) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (order >= UDMAR__BLOCK_ORDERS) {
        const struct large_window wanted = {
            .chunks = (unsigned)((pages + CHUNK_PAGES - 1) / CHUNK_PAGES),
            .bytes = bytes,
            .alignment = alignment,
            .boundary = boundary,
        };

        return create_large(domain, pool, &wanted, out_window);
    }
    if (!udmar__arena_pool_suits(domain, pool, UINT64_C(1) << order)) {
        return UDMAR_ERR_IOVA;
    }
    window = new_window(domain, pool);
    if (window == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    window->pages = (uint32_t)pages;
    status = build_small(window, order);
    if (status != UDMAR_OK) {
        free_memory(window);
        return status;
    }
    *out_window = window;
    return UDMAR_OK;
}

void udmar__window_free(struct udmar__range *range, bool forgotten)
{
    struct udmar__window *window = (struct udmar__window *)range;

    for (uint32_t i = 0; forgotten && i < window->chunk_count; i++) {
        struct udmar_page page = { .physical = window->chunks[i].small };

        /* Linked ones go with the domain's tables. */
        if (page.physical != 0 && window->chunks[i].state != CHUNK_SMALL) {
            udmar_host_page_free(window->domain->host, &page, 1);
        }
    }
    free_memory(window);
}

enum udmar_status udmar__window_flush(struct udmar__window *window)
{
    if (window->lane_pages != 0) {
        window->ticket = WINDOW_UNCONFIRMED;
    }
    return udmar__window_ready(window);
}

void udmar__window_destroy(struct udmar__window *window)
{
    struct udmar__gather gather;

    UDMAR_ASSERT(udmar__window_pages(window) == 0);
    if (udmar__window_flush(window) != UDMAR_OK) {
        /* A unit that does not answer may still use every part of it. */
        return;
    }
    if (window->chunk_count == 0) {
        uint32_t page = (uint32_t)window->range.first;
        struct udmar_domain *domain = window->domain;
        uintptr_t state;

        take_range_out(window);
        state = udmar__lock(domain->host, &domain->lock);
        udmar__mapper_of(domain)->windows--;
        udmar__unlock(domain->host, &domain->lock, state);
        free_memory(window);
        udmar__blocks_give(domain, &page, 1, true);
        return;
    }
    udmar__gather_init(&gather);
    release_chunks(window, &gather);
    if (udmar__gather_flush(window->domain, &gather) != UDMAR_OK) {
        return;
    }
    take_range_out(window);
    free_memory(window);
}

/* ---- Loading ---- */

enum udmar_status udmar__window_wait(struct udmar__window *window)
{
    enum udmar_status status;
    uint64_t unused;

    if (window->ticket == WINDOW_UNCONFIRMED) {
        status = udmar__invalidate(window->unit, &window->request, 1, true, &unused);
    } else {
        status = udmar__invalidate_wait(window->unit, window->ticket);
    }
    window->ticket = status == UDMAR_OK ? 0 : WINDOW_UNCONFIRMED;
    return status;
}

/* Stores a chunk's level-2 entry. */
static void set_chunk(struct udmar__window *window, uint32_t index, uint64_t entry)
{
    struct udmar__chunk *chunk = &window->chunks[index];
    udmar_iova_t iova = first_of(window) + (uint64_t)index * CHUNK_PAGES * UDMAR_PAGE_SIZE;
    volatile uint64_t *table;

    if (chunk->parent_pte != NULL) {
        udmar__pte_store(chunk->parent_pte, entry);
        write_back_entries(window, chunk->parent_pte, 1);
        return;
    }
    table = open_table(window, NULL, chunk->parent);
    udmar__pte_store(&table[udmar__level_index(iova, CHUNK_LEVEL)], entry);
    write_back_entries(window, &table[udmar__level_index(iova, CHUNK_LEVEL)], 1);
    close_table(window, NULL, table);
}

/* The page table of a chunk has been written. */
static void link_chunk(struct udmar__window *window, uint32_t index)
{
    struct udmar__chunk *chunk = &window->chunks[index];

    if (chunk->state == CHUNK_EMPTY) {
        chunk->state = CHUNK_SMALL;
        set_chunk(window, index, chunk->small | PTE_PRESENT);
    }
}

static void write_chunks(struct udmar__window *window, uint32_t index, uint64_t entry,
                         uint32_t count)
{
    while (count > 0) {
        struct udmar__chunk *chunk = &window->chunks[index / CHUNK_PAGES];
        uint32_t first = index % CHUNK_PAGES;
        uint32_t here = count < CHUNK_PAGES - first ? count : CHUNK_PAGES - first;

        if (here == CHUNK_PAGES && window->large_leaves &&
            (entry & PTE_ADDRESS & UDMAR__MASK(20, 12)) == 0) {
            UDMAR_ASSERT(chunk->state == CHUNK_EMPTY);
            chunk->state = CHUNK_LARGE;
            set_chunk(window, index / CHUNK_PAGES, entry | PTE_LARGE);
        } else {
            volatile uint64_t *ptes = open_table(window, chunk->ptes, chunk->small);

            UDMAR_ASSERT(chunk->state != CHUNK_LARGE);
            udmar__ptes_fill(&ptes[first], entry, here);
            write_back_entries(window, &ptes[first], here);
            close_table(window, chunk->ptes, ptes);
            link_chunk(window, index / CHUNK_PAGES);
        }
        entry += (uint64_t)here << UDMAR_PAGE_SHIFT;
        index += here;
        count -= here;
    }
}

void udmar__window_write(struct udmar__window *window, uint32_t index, udmar_paddr_t physical,
                         uint32_t count, unsigned access)
{
    uint64_t entry = physical | access;
    volatile uint64_t *ptes;

    UDMAR_ASSERT(count > 0 && count <= udmar__window_room(window) &&
                 index <= udmar__window_room(window) - count);
    UDMAR_ASSERT((physical & UDMAR_PAGE_MASK) == 0 && udmar__window_is_ready(window));
    if (window->chunk_count > 0) {
        write_chunks(window, index, entry, count);
        return;
    }
    ptes = open_small_ptes(window);
    udmar__ptes_fill(&ptes[index], entry, count);
    write_back_entries(window, &ptes[index], count);
    close_small_ptes(window, ptes);
}

void udmar__window_note(struct udmar__window *window, uint32_t first, uint32_t at, uint32_t count)
{
    UDMAR_ASSERT(count > at && first + count <= udmar__window_room(window));
    UDMAR_ASSERT(at != 0 || udmar__window_pages(window) == 0);
    if (window->ptes != NULL && (window->chunk_count == 0 || count < CHUNK_PAGES)) {
        /* They were written where they are. */
        write_back_entries(window, window->ptes + at, count - at);
        if (window->chunk_count != 0) {
            link_chunk(window, 0);
        }
    }
    udmar__window_store(&window->first, first);
    udmar__window_store(&window->span, count);
}

/* ---- Unloading ---- */

static void clear_chunk_ptes(struct udmar__window *window, struct udmar__chunk *chunk,
                             uint32_t first, uint32_t count)
{
    volatile uint64_t *ptes = open_table(window, chunk->ptes, chunk->small);

    udmar__ptes_clear(&ptes[first], count);
    write_back_entries(window, &ptes[first], count);
    close_table(window, chunk->ptes, ptes);
}

static void clear_chunks(struct udmar__window *window, uint32_t first, uint32_t count)
{
    while (count > 0) {
        struct udmar__chunk *chunk = &window->chunks[first / CHUNK_PAGES];
        uint32_t begin = first % CHUNK_PAGES;
        uint32_t here = count < CHUNK_PAGES - begin ? count : CHUNK_PAGES - begin;

        UDMAR_ASSERT(first / CHUNK_PAGES < window->chunk_count);
        set_chunk(window, first / CHUNK_PAGES, 0);
        if (chunk->state == CHUNK_SMALL) {
            clear_chunk_ptes(window, chunk, begin, here);
        }
        chunk->state = CHUNK_EMPTY;
        first += here;
        count -= here;
    }
}

static void clear_small_ptes(struct udmar__window *window, uint32_t first, uint32_t count)
{
    volatile uint64_t *ptes = open_small_ptes(window);

    udmar__ptes_clear(ptes + first, count);
    write_back_entries(window, ptes + first, count);
    close_small_ptes(window, ptes);
}

/* A chunk that others have a part of stays linked. */
static void take_back_chunks(struct udmar__window *window, uint32_t first, uint32_t count)
{
    while (count > 0) {
        struct udmar__chunk *chunk = &window->chunks[first / CHUNK_PAGES];
        uint32_t begin = first % CHUNK_PAGES;
        uint32_t here = count < CHUNK_PAGES - begin ? count : CHUNK_PAGES - begin;

        if (chunk->state == CHUNK_LARGE) {
            set_chunk(window, first / CHUNK_PAGES, 0);
            chunk->state = CHUNK_EMPTY;
        } else {
            clear_chunk_ptes(window, chunk, begin, here);
        }
        first += here;
        count -= here;
    }
}

void udmar__window_take_back(struct udmar__window *window, uint32_t index, uint32_t count)
{
    if (window->chunk_count == 0) {
        clear_small_ptes(window, index, count);
    } else {
        take_back_chunks(window, index, count);
    }
}

enum udmar_status udmar__window_flush_half(struct udmar__window *window)
{
    uint32_t half = window->half_mask + 1;
    unsigned used = window->lane_first == half ? 0 : 1;
    struct udmar__request request = udmar__block_request(
        window->domain, first_of(window) + ((uint64_t)(used * half) << UDMAR_PAGE_SHIFT),
        window->order - 1u);
    enum udmar_status status;

    UDMAR_ASSERT(window->lane_first == half || window->lane_first == 2 * half);
    if (used == 1) {
        udmar__window_store(&window->lane_first, 0);
        window->ptes -= 2 * half;
        window->base = first_of(window);
    }
    window->ticket = window->half_ticket[1 - used];
    __atomic_store_n(&window->ended_clock, udmar__iotlb_count(&window->unit->counts) + 1,
                     __ATOMIC_RELAXED);
    /* With a wait behind it that nobody waits for: it is long done when the turn comes. */
    status = UDMAR__UNLIKELY(!udmar__uses_queue(window->unit))
                 ? udmar__invalidate(window->unit, &request, 1, true, &window->half_ticket[used])
                 : udmar__queue_submit(window->unit, &request, 1, true, &window->half_ticket[used]);
    if (status != UDMAR_OK) {
        window->ticket = WINDOW_UNCONFIRMED;
    }
    return status;
}

enum udmar_status udmar__window_clear(struct udmar__window *window, bool wait)
{
    uint32_t first = window->first;
    uint32_t pages = window->span;

    UDMAR_ASSERT(pages != 0 && (pages & WINDOW_ENDED) == 0);
    if (window->chunk_count == 0) {
        clear_small_ptes(window, 0, pages);
    } else {
        clear_chunks(window, first, pages);
    }
    udmar__window_store(&window->span, pages | WINDOW_ENDED);
    return udmar__window_invalidate(window, wait);
}

/* What the map's thread has noted, at some recent moment. */
static uint32_t load_noted(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Where a load stands or stood, in pages: small windows load at the start of a place. */
static uint64_t lane_of(const struct udmar__window *window, bool gone)
{
    uint32_t at = load_noted(&window->lane_first);

    if (window->chunk_count > 0) {
        return window->range.first + load_noted(&window->first);
    }
    if (gone && window->lane_pages != 0) {
        /* The unload has moved on. */
        at = (at == 0 ? 1u << window->order : at) - window->lane_pages;
    }
    return window->range.first + at;
}

bool udmar__window_loaded(const struct udmar__range *range, udmar_iova_t *out_base,
                          uint64_t *out_size)
{
    const struct udmar__window *window = (const struct udmar__window *)range;
    uint32_t span = load_noted(&window->span);
    uint32_t pages = span & WINDOW_ENDED ? 0 : span;

    *out_base = lane_of(window, false) << UDMAR_PAGE_SHIFT;
    *out_size = (uint64_t)pages << UDMAR_PAGE_SHIFT;
    return pages > 0;
}

bool udmar__window_ended(const struct udmar__range *range, struct udmar__ended_mapping *out_gone)
{
    const struct udmar__window *window = (const struct udmar__window *)range;
    uint32_t span = load_noted(&window->span);

    *out_gone = (struct udmar__ended_mapping){
        .base = lane_of(window, true) << UDMAR_PAGE_SHIFT,
        .size = (uint64_t)(span & ~WINDOW_ENDED) << UDMAR_PAGE_SHIFT,
        .clock = __atomic_load_n(&window->ended_clock, __ATOMIC_RELAXED),
    };
    return (span & WINDOW_ENDED) != 0;
}
