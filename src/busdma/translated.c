/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMAR back end: a load is one range of guest addresses. */
#include "base/text.h"
#include "busdma/internal.h"
#include "space/address.h"
#include "space/stream.h"

#define LARGE_PAGE (UINT64_C(2) << 20)

/*
 * Where pieces go. Guest addresses are handed out byte by byte from `next` on; two pieces share a
 * segment when the first ends and the second begins at a page border, otherwise the second begins
 * in a page of its own, at the offset that it has in memory.
 */
struct layout {
    struct udmar_dma_map *map;
    struct udmar__window *window; /* null: a range */
    struct udmar_domain *domain;
    udmar_iova_t base;   /* of the window or range; 0 while only counting */
    uint64_t next;       /* bytes from base: where the next piece may continue */
    uint64_t first_page; /* of the run of pages not yet written */
    udmar_paddr_t run;   /* its physical address */
    uint64_t run_pages;  /* 0: none */
    uint64_t room;       /* pages there are */
    unsigned access;
    bool counting;
};

static int status_to_error(enum udmar_status status)
{
    return status == UDMAR_OK ? 0 : UDMAR_ENOMEM;
}

static enum udmar_status write_run(struct layout *layout)
{
    enum udmar_status status = UDMAR_OK;

    if (layout->run_pages == 0 || layout->counting) {
        return UDMAR_OK;
    }
    if (layout->window != NULL) {
        udmar__window_write(layout->window, (uint32_t)layout->first_page, layout->run,
                            (uint32_t)layout->run_pages, layout->access);
    } else {
        status = udmar__domain_map_fixed(
            layout->domain, layout->base + (layout->first_page << UDMAR_PAGE_SHIFT), layout->run,
            layout->run_pages << UDMAR_PAGE_SHIFT, layout->access);
    }
    layout->run_pages = 0;
    return status;
}

/* Pages [page, page + count) of the range become @physical; physical neighbours are one run. */
static enum udmar_status place_pages(struct layout *layout, uint64_t page, udmar_paddr_t physical,
                                     uint64_t count)
{
    enum udmar_status status;

    if (layout->run_pages != 0 && layout->first_page + layout->run_pages == page &&
        layout->run + (layout->run_pages << UDMAR_PAGE_SHIFT) == physical) {
        layout->run_pages += count;
        return UDMAR_OK;
    }
    status = write_run(layout);
    layout->first_page = page;
    layout->run = physical;
    layout->run_pages = count;
    return status;
}

/* The limits of a piece's address that remapping cannot mend. */
static bool aligned(const struct udmar_dma_tag *tag, udmar_paddr_t physical)
{
    return (physical & (udmar__min(tag->alignment, UDMAR_PAGE_SIZE) - 1)) == 0;
}

/* Where a piece begins and ends in the range. False: its end has no number. */
static bool extent(const struct layout *layout, uint64_t offset, uint64_t length, bool join,
                   uint64_t *out_start, uint64_t *out_end)
{
    uint64_t border =
        join ? UDMAR_PAGE_SIZE : udmar__max(UDMAR_PAGE_SIZE, layout->map->tag->alignment);

    if (__builtin_add_overflow(layout->next, border - 1, out_start)) {
        return false;
    }
    *out_start = udmar__align_down(*out_start, border) + offset;
    return !__builtin_add_overflow(*out_start, length, out_end);
}

static int place_piece(struct layout *layout, udmar_paddr_t physical, uint64_t length)
{
    uint64_t offset = physical & UDMAR_PAGE_MASK;
    bool join = layout->next != 0 && ((layout->next | offset) & UDMAR_PAGE_MASK) == 0;
    uint64_t pages = (offset + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
    uint64_t page;
    uint64_t start;
    uint64_t end;
    enum udmar_status status;

    if (physical > UINT64_MAX - length || (!join && !aligned(layout->map->tag, physical))) {
        return UDMAR_EINVAL;
    }
    if (!extent(layout, offset, length, join, &start, &end)) {
        return UDMAR_ENOMEM;
    }
    page = start >> UDMAR_PAGE_SHIFT;
    if (!layout->counting) {
        if (page + pages > layout->room) {
            return UDMAR__NEEDS_RANGE;
        }
        if (!udmar__segment_add(layout->map, layout->base + start, length, join)) {
            return UDMAR_EFBIG;
        }
    }
    status = place_pages(layout, page, physical - offset, pages);
    layout->next = end;
    return status_to_error(status);
}

static int place_all(struct layout *layout, struct udmar__source source)
{
    udmar_paddr_t physical;
    uint64_t length;
    int error = 0;

    while (error == 0 && udmar__source_next(&source, &physical, &length)) {
        error = place_piece(layout, physical, length);
    }
    if (error == 0) {
        error = status_to_error(write_run(layout));
    }
    return error;
}

/* ---- Windows ---- */

/* Large buffers begin at their offset in a 2 MiB page, where there is room, to become large leaves.
 */
static uint64_t first_page_in_window(const struct udmar__window *window,
                                     const struct udmar_dma_tag *tag,
                                     const struct udmar__source *source)
{
    uint64_t size = (uint64_t)window->pages << UDMAR_PAGE_SHIFT;
    udmar_paddr_t physical;
    size_t length = 1;
    uint64_t pages;
    uint64_t shift;

    if (window->chunk_count < 2 || tag->alignment > UDMAR_PAGE_SIZE ||
        source->remaining < LARGE_PAGE) {
        return 0;
    }
    if (tag->boundary != 0 && tag->boundary < size) {
        /* Moved on it might cross a boundary that it need not cross. */
        return 0;
    }
    physical = source->buffer != NULL
                   ? udmar_host_virtual_to_physical(source->host, source->buffer, &length)
                   : source->list->address;
    shift = (physical >> UDMAR_PAGE_SHIFT) & 511;
    pages = (source->remaining >> UDMAR_PAGE_SHIFT) + 2;
    return shift + pages <= window->pages ? shift : 0;
}

static int load_window(struct udmar_dma_map *map, struct udmar__window *window,
                       struct udmar__source *source, unsigned access)
{
    uint64_t first = first_page_in_window(window, map->tag, source);
    struct layout layout = {
        .map = map,
        .window = window,
        .domain = window->domain,
        .base = window->base,
        .next = first << UDMAR_PAGE_SHIFT,
        .room = window->pages,
        .access = access,
    };
    enum udmar_status status = udmar__window_ready(window);
    uint64_t used;
    int error;

    if (status != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    error = place_all(&layout, *source);
    used = udmar__align_up(layout.next, UDMAR_PAGE_SIZE) >> UDMAR_PAGE_SHIFT;
    if (error == 0 &&
        udmar__window_publish(window, (uint32_t)first, (uint32_t)(used - first)) == UDMAR_OK) {
        return 0;
    }
    udmar__window_discard(window, (uint32_t)first, (uint32_t)(used - first));
    return error != 0 ? error : UDMAR_ENOMEM;
}

/* ---- A place for one load ---- */

/* A large buffer on a large boundary is few entries, where addresses are not too few for that. */
static uint64_t range_alignment(const struct udmar_dma_map *map, const struct udmar_domain *domain,
                                uint64_t bytes)
{
    uint64_t alignment = map->tag->alignment;

    return bytes >= LARGE_PAGE &&
                   udmar__arena_pool_suits(domain, map->pool, bytes >> UDMAR_PAGE_SHIFT)
               ? udmar__max(alignment, LARGE_PAGE)
               : alignment;
}

static enum udmar_status get_range(struct udmar_dma_map *map, struct udmar_domain *domain,
                                   uint64_t bytes)
{
    struct udmar_iova_limits limits = {
        .alignment = range_alignment(map, domain, bytes),
        .boundary = map->tag->boundary,
    };
    struct udmar__range *range = udmar_host_alloc(domain->host, sizeof(*range));
    uint64_t pages = bytes >> UDMAR_PAGE_SHIFT;
    enum udmar_status status;

    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    range->of_load = true;
    status = udmar__range_alloc(domain, map->pool, pages, bytes, &limits, range);
    if (status != UDMAR_OK && limits.alignment > map->tag->alignment) {
        /* Small entries are better than none. */
        limits.alignment = map->tag->alignment;
        status = udmar__range_alloc(domain, map->pool, pages, bytes, &limits, range);
    }
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, range, sizeof(*range));
        return status;
    }
    map->range = range;
    return UDMAR_OK;
}

void udmar__report_loss(const struct udmar_dma_map *map, enum udmar_status status)
{
    char label[64];

    udmar__log(map->tag->device->instance->host, UDMAR_LOG_ERROR,
               "%s: an unload was not confirmed (%s): the device may still reach the memory",
               udmar__device_label(map->tag->device, label), udmar_status_string(status));
}

/* A load that failed has been taken back; until the unit confirms it the device may reach it. */
static void taken_back(struct udmar_dma_map *map, enum udmar_status status)
{
    if (status != UDMAR_OK) {
        map->unconfirmed = true;
        udmar__report_loss(map, status);
    }
}

static int load_range(struct udmar_dma_map *map, struct udmar_domain *domain,
                      struct udmar__source *source, uint64_t bytes, unsigned access)
{
    struct layout layout = { .map = map, .domain = domain, .access = access };
    int error;

    if (get_range(map, domain, bytes) != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    layout.base = map->range->first << UDMAR_PAGE_SHIFT;
    layout.room = bytes >> UDMAR_PAGE_SHIFT;
    error = place_all(&layout, *source);
    if (error != 0) {
        taken_back(map, udmar__range_end(domain, map->range));
        map->range = NULL;
    }
    return error;
}

static int load_block(struct udmar_dma_map *map, struct udmar_domain *domain,
                      struct udmar__source *source, unsigned order, unsigned access)
{
    struct udmar__place place = { .pages = 1u << order };
    struct udmar__arena *arena;
    uint32_t page;
    int error;

    if (udmar__block_get(domain, map->pool, order, &page) != UDMAR_OK) {
        return UDMAR__NEEDS_RANGE;
    }
    arena = udmar__arena_of(domain, page);
    place.slots = udmar__block_ptes(arena, page);
    place.base = (udmar_iova_t)page << UDMAR_PAGE_SHIFT;
    error = udmar__slots_place(map, source, access, &place);
    if (place.used > 0 && udmar__block_publish(domain, arena, page, place.used) != UDMAR_OK) {
        map->unconfirmed = true;
        return UDMAR_ENOMEM;
    }
    if (error != 0) {
        /* Entries were live from the first store on: taken back as an unload. */
        map->used_transient = true;
        taken_back(map, udmar__block_unmap(domain, arena, page));
        return error;
    }
    map->arena = arena;
    map->block = page;
    return 0;
}

static int load_lent(struct udmar_dma_map *map, struct udmar_domain *domain,
                     struct udmar__source *source, uint64_t pages, unsigned access)
{
    unsigned chunks = (unsigned)((pages + UDMAR__ARENA_PAGES - 1) / UDMAR__ARENA_PAGES);
    struct udmar__window *window;
    int error;

    if (udmar__window_get(domain, map->pool, chunks, &window) != UDMAR_OK) {
        return UDMAR__NEEDS_RANGE;
    }
    error = udmar__window_ready(window) == UDMAR_OK ? 0 : UDMAR_ENOMEM;
    if (error != 0) {
        udmar__window_put(domain, window);
        return error;
    }
    error = load_window(map, window, source, access);
    if (error != 0) {
        taken_back(map, udmar__window_ready(window));
        udmar__window_put(domain, window);
        return error;
    }
    map->transient = window;
    return 0;
}

/* Pages that a load needs, and the error in what is to be loaded. */
static int measure(struct udmar_dma_map *map, const struct udmar__source *source,
                   uint64_t *out_pages)
{
    struct layout layout = { .map = map, .counting = true };
    int error;

    if (source->buffer != NULL) {
        /* Where it lies in memory does not matter: bytes that follow each other. */
        *out_pages =
            (((uintptr_t)source->buffer & UDMAR_PAGE_MASK) + source->remaining + UDMAR_PAGE_MASK) >>
            UDMAR_PAGE_SHIFT;
        return 0;
    }
    error = place_all(&layout, *source);
    *out_pages = (layout.next >> UDMAR_PAGE_SHIFT) + ((layout.next & UDMAR_PAGE_MASK) != 0 ? 1 : 0);
    return error;
}

static int load_dynamic(struct udmar_dma_map *map, struct udmar__source *source, unsigned access)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    uint64_t alignment = map->tag->alignment;
    uint64_t pages;
    int error = measure(map, source, &pages);

    if (error != 0) {
        return error;
    }
    if (pages - 1 >= domain->end >> UDMAR_PAGE_SHIFT) {
        /* All addresses there are would not do; or the count has come around to nothing. */
        return UDMAR_ENOMEM;
    }
    error = UDMAR__NEEDS_RANGE;
    map->count = 0;
    if (domain->direct && pages <= UDMAR__BLOCK_MOST && alignment <= UDMAR_PAGE_SIZE) {
        error = load_block(map, domain, source, udmar__log2_up(pages), access);
    } else if (domain->direct && pages <= UDMAR__WINDOW_MOST && alignment <= LARGE_PAGE) {
        error = load_lent(map, domain, source, pages, access);
    }
    if (error == UDMAR__NEEDS_RANGE) {
        map->count = 0;
        error = load_range(map, domain, source, pages << UDMAR_PAGE_SHIFT, access);
    }
    return error;
}

/* ---- The vector ---- */

static int translated_map_create(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    struct udmar_domain *domain = tag->device->group->domain;
    enum udmar_status status;

    map->pool = tag->lowaddr < tag->highaddr
                    ? udmar__arena_pool_get(domain, tag->lowaddr + 1, tag->highaddr)
                    : &domain->pool_all;
    if (map->pool == NULL) {
        return UDMAR_ENOMEM;
    }
    if (map->windowless || tag->maxsize > tag->device->instance->window_limit) {
        udmar__cpu_caches_ref(domain);
        return 0;
    }
    status = udmar__window_create(domain, map->pool, tag->maxsize, tag->alignment, tag->boundary,
                                  &map->window);
    if (status == UDMAR_ERR_IOVA || status == UDMAR_ERR_UNSUPPORTED) {
        /* No window is to be had: each load looks for a place of its own. */
        udmar__cpu_caches_ref(domain);
        status = UDMAR_OK;
    }
    return status == UDMAR_OK ? 0 : UDMAR_ENOMEM;
}

static void translated_map_destroy(struct udmar_dma_map *map)
{
    if (map->window != NULL) {
        udmar__window_destroy(map->window);
    } else {
        udmar__cpu_caches_unref(map->tag->device->group->domain);
    }
}

static int translated_load(struct udmar_dma_map *map, struct udmar__source *source, bool read_only)
{
    unsigned access = read_only ? UDMAR_READ : UDMAR_READ_WRITE;
    int error = UDMAR__NEEDS_RANGE;

    if (map->window != NULL) {
        error = udmar__slots_suit(map) ? udmar__slots_load(map, source, access)
                                       : load_window(map, map->window, source, access);
    }
    return error == UDMAR__NEEDS_RANGE ? load_dynamic(map, source, access) : error;
}

static void translated_sync(struct udmar_dma_map *map, int op)
{
    (void)map;
    (void)op;
    /* The bus is coherent: only the order of the driver's own accesses is at stake. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static enum udmar_status end_dynamic(struct udmar_dma_map *map, struct udmar_domain *domain)
{
    enum udmar_status status;

    map->used_transient = true;
    if (map->arena != NULL) {
        status = udmar__block_unmap(domain, map->arena, map->block);
        map->arena = NULL;
    } else if (map->transient != NULL) {
        status = udmar__window_clear(map->transient, domain->strict);
        udmar__window_put(domain, map->transient);
        map->transient = NULL;
    } else {
        status = udmar__range_end(domain, map->range);
        map->range = NULL;
    }
    map->unconfirmed = map->unconfirmed || status != UDMAR_OK;
    return status;
}

static void translated_unload(struct udmar_dma_map *map)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    bool dynamic = map->arena != NULL || map->transient != NULL || map->range != NULL;
    enum udmar_status status =
        dynamic ? end_dynamic(map, domain) : udmar__window_clear(map->window, domain->strict);

    if (status != UDMAR_OK) {
        udmar__report_loss(map, status);
    }
}

/*
 * In deferred mode blocks and lent windows may still rest, and in both the end of a load may not
 * have been confirmed. Its entries are clear all the same: one request for all of the domain.
 */
static bool moments_is_flushed(struct udmar_dma_map *map)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    struct udmar__request request;

    if (!map->unconfirmed && (domain->strict || (map->window != NULL && !map->used_transient))) {
        return true;
    }
    request = (struct udmar__request){ .low = domain->request_low_all };
    if (udmar__invalidate(domain->unit, &request, 1, true, NULL) != UDMAR_OK) {
        return false;
    }
    map->used_transient = false;
    map->unconfirmed = false;
    return true;
}

/* Memory of a map whose last unload was not confirmed must not be given to anybody. */
static bool translated_is_flushed(struct udmar_dma_map *map)
{
    return (map->window == NULL || udmar__window_flush(map->window) == UDMAR_OK) &&
           moments_is_flushed(map);
}

static bool translated_id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address,
                                 uint64_t length)
{
    (void)tag;
    (void)address;
    (void)length;
    return false;
}

static bool possible(struct udmar_dma_map *map, const struct udmar__source *source)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    const struct udmar_iova_limits limits = {
        .alignment = map->tag->alignment,
        .exclude_first = map->pool->exclude_first,
        .exclude_last = map->pool->exclude_last,
    };
    uint64_t pages;

    if (measure(map, source, &pages) != 0 || pages == 0) {
        return false;
    }
    return (map->window != NULL && pages <= map->window->pages) ||
           udmar__range_possible(domain, pages, pages << UDMAR_PAGE_SHIFT, &limits);
}

const struct udmar__backend udmar__backend_translated = {
    .map_create = translated_map_create,
    .map_destroy = translated_map_destroy,
    .load = translated_load,
    .sync = translated_sync,
    .unload = translated_unload,
    .is_flushed = translated_is_flushed,
    .possible = possible,
    .id_mapped = translated_id_mapped,
    .scatters = true,
};
