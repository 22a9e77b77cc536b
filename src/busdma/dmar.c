/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMAR back end: a load is one range of guest addresses. */
#include "base/text.h"
#include "busdma/internal.h"
#include "space/address.h"

/*
 * Where pieces go. Guest addresses are handed out byte by byte from `next` on; two pieces share a
 * segment when the first ends and the second begins at a page border, otherwise the second begins
 * in a page of its own, at the offset that it has in memory.
 */
struct layout {
    struct udmar_dma_map *map;
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
    switch (status) {
    case UDMAR_OK:
        return 0;
    case UDMAR_ERR_ARGUMENT:
        return UDMAR_EINVAL;
    default:
        return UDMAR_ENOMEM;
    }
}

static enum udmar_status write_run(struct layout *layout)
{
    enum udmar_status status = UDMAR_OK;

    if (layout->run_pages == 0 || layout->counting) {
        return UDMAR_OK;
    }
    if (layout->map->range == NULL) {
        udmar__window_write(layout->map->window, (uint32_t)layout->first_page, layout->run,
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

static int place_piece(struct layout *layout, udmar_paddr_t physical, uint64_t length)
{
    uint64_t offset = physical & UDMAR_PAGE_MASK;
    bool join = layout->next != 0 && ((layout->next | offset) & UDMAR_PAGE_MASK) == 0;
    uint64_t border =
        join ? UDMAR_PAGE_SIZE : udmar__max(UDMAR_PAGE_SIZE, layout->map->tag->alignment);
    uint64_t start = udmar__align_up(layout->next, border) + offset;
    uint64_t page = start >> UDMAR_PAGE_SHIFT;
    uint64_t pages = (offset + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
    enum udmar_status status;

    if (physical > UINT64_MAX - length) {
        return UDMAR_EINVAL;
    }
    if (!join && !aligned(layout->map->tag, physical)) {
        return UDMAR_EINVAL;
    }
    if (!layout->counting) {
        if (page + pages > layout->room) {
            return UDMAR__NEEDS_RANGE;
        }
        if (!udmar__segment_add(layout->map, layout->base + start, length, join)) {
            return UDMAR_EFBIG;
        }
    }
    status = place_pages(layout, page, physical - offset, pages);
    layout->next = start + length;
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
        source->remaining < (UINT64_C(2) << 20)) {
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

static int load_window(struct udmar_dma_map *map, struct udmar__source *source, unsigned access)
{
    struct udmar__window *window = map->window;
    uint64_t first = first_page_in_window(window, map->tag, source);
    struct layout layout = {
        .map = map,
        .domain = window->domain,
        .base = window->range.first << UDMAR_PAGE_SHIFT,
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

/* ---- Ranges of one load ---- */

static void limits_of(const struct udmar_dma_tag *tag, struct udmar_iova_limits *out_limits)
{
    *out_limits = (struct udmar_iova_limits){
        .alignment = tag->alignment,
        .boundary = tag->boundary,
    };
    if (tag->lowaddr < tag->highaddr) {
        out_limits->exclude_first = tag->lowaddr + 1;
        out_limits->exclude_last = tag->highaddr;
    }
}

static enum udmar_status get_range(struct udmar_dma_map *map, struct udmar_domain *domain,
                                   uint64_t bytes)
{
    void *host = domain->host;
    struct udmar_iova_limits limits;
    struct udmar__range *range = udmar_host_alloc(host, sizeof(*range));
    enum udmar_status status;

    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    limits_of(map->tag, &limits);
    /* A large buffer on a large boundary is few entries. */
    if (bytes >= (UINT64_C(2) << 20)) {
        limits.alignment = udmar__max(limits.alignment, UINT64_C(2) << 20);
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    range->of_load = true;
    status = udmar__range_alloc(domain, bytes >> UDMAR_PAGE_SHIFT, bytes, &limits, range);
    if (status != UDMAR_OK) {
        udmar_host_free(host, range, sizeof(*range));
        return status;
    }
    map->range = range;
    map->range_bytes = bytes;
    return UDMAR_OK;
}

static void drop_range(struct udmar_dma_map *map, struct udmar_domain *domain)
{
    struct udmar__range *range = map->range;
    udmar_iova_t base = range->first << UDMAR_PAGE_SHIFT;
    enum udmar_status status = udmar_domain_unmap(domain, base, map->range_bytes);

    map->range = NULL;
    if (status == UDMAR_OK) {
        udmar__range_free(domain, range);
        return;
    }
    /* The addresses stay taken for ever: nobody may get what a device may still reach. */
    map->unsettled = true;
    udmar__log(domain->host, UDMAR_LOG_ERROR, "guest addresses 0x%llx+0x%llx are given up: %s",
               (unsigned long long)base, (unsigned long long)map->range_bytes,
               udmar_status_string(status));
}

static int load_range(struct udmar_dma_map *map, struct udmar__source *source, unsigned access)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    struct layout layout = { .map = map, .domain = domain, .counting = true };
    int error = place_all(&layout, *source);
    enum udmar_status status;
    uint64_t bytes;

    if (error != 0) {
        return error;
    }
    bytes = udmar__align_up(layout.next, UDMAR_PAGE_SIZE);
    status = get_range(map, domain, bytes);
    if (status != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    layout = (struct layout){
        .map = map,
        .domain = domain,
        .base = map->range->first << UDMAR_PAGE_SHIFT,
        .room = bytes >> UDMAR_PAGE_SHIFT,
        .access = access,
    };
    error = place_all(&layout, *source);
    if (error != 0) {
        drop_range(map, domain);
    }
    return error;
}

/* ---- The vector ---- */

static int map_create(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    struct udmar_domain *domain = tag->device->group->domain;
    struct udmar_iova_limits limits;
    enum udmar_status status;

    if (tag->maxsize > tag->device->instance->window_limit) {
        return 0;
    }
    limits_of(tag, &limits);
    status = udmar__window_create(domain, tag->maxsize, &limits, &map->window);
    /* Where no window is to be had each load looks for a place of its own. */
    return status == UDMAR_OK || status == UDMAR_ERR_IOVA || status == UDMAR_ERR_UNSUPPORTED
               ? 0
               : UDMAR_ENOMEM;
}

static void map_destroy(struct udmar_dma_map *map)
{
    if (map->window != NULL) {
        udmar__window_destroy(map->window);
    }
}

static int load(struct udmar_dma_map *map, struct udmar__source *source, bool read_only)
{
    unsigned access = read_only ? UDMAR_READ : UDMAR_READ_WRITE;

    int error = UDMAR__NEEDS_RANGE;

    if (map->window != NULL) {
        error = udmar__slots_suit(map) ? udmar__slots_load(map, source, access)
                                       : load_window(map, source, access);
    }
    if (error == UDMAR__NEEDS_RANGE) {
        map->count = 0;
        error = load_range(map, source, access);
    }
    return error;
}

static void sync(struct udmar_dma_map *map, int op)
{
    (void)map;
    (void)op;
    /* The bus is coherent: only the order of the driver's own accesses is at stake. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void unload(struct udmar_dma_map *map)
{
    struct udmar_domain *domain = map->tag->device->group->domain;
    enum udmar_status status;
    char label[64];

    if (map->range != NULL) {
        drop_range(map, domain);
        return;
    }
    status = udmar__window_clear(map->window, domain->strict);
    if (status != UDMAR_OK) {
        udmar__log(domain->host, UDMAR_LOG_ERROR,
                   "%s: an unload was not confirmed (%s): the device may still reach the memory",
                   udmar__device_label(map->tag->device, label), udmar_status_string(status));
    }
}

/* Memory of a map whose last unload was not confirmed must not be given to anybody. */
static bool settled(struct udmar_dma_map *map)
{
    return !map->unsettled && (map->window == NULL || udmar__window_ready(map->window) == UDMAR_OK);
}

static bool id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    (void)tag;
    (void)address;
    (void)length;
    return false;
}

const struct udmar__backend udmar__backend_dmar = {
    .map_create = map_create,
    .map_destroy = map_destroy,
    .load = load,
    .sync = sync,
    .unload = unload,
    .settled = settled,
    .id_mapped = id_mapped,
    .scatters = true,
};
