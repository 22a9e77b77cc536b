/* SPDX-License-Identifier: BSD-2-Clause */
/* The translated back end: a load is one mapping in the guest addresses of its device. */
#include "base/text.h"
#include "busdma/map.h"
#include "mapping/cpu_cache.h"

struct udmar__mapping_request udmar__map_request(const struct udmar_dma_map *map, uint64_t pages,
                                                 udmar_paddr_t physical)
{
    return (struct udmar__mapping_request){
        .window = map->window,
        .pool = map->pool,
        .pages = pages,
        .alignment = udmar__tag_border(map->tag),
        .boundary = map->tag->boundary,
        .physical = physical,
    };
}

void udmar__report_loss(const struct udmar_dma_map *map, enum udmar_status status)
{
    char label[64];

    udmar__log(map->tag->device->instance->host, UDMAR_LOG_ERROR,
               "%s: an unload was not confirmed (%s): the device may still reach the memory",
               udmar__device_label(map->tag->device, label), udmar_status_string(status));
}

/* Loads of the map take places out of the caches. */
static void use_caches(struct udmar_dma_map *map)
{
    if (!map->uses_caches) {
        map->uses_caches = true;
        udmar__cpu_caches_ref(map->domain);
    }
}

static int translated_map_create(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    struct udmar_domain *domain = tag->device->group->domain;
    enum udmar_status status;

    map->domain = domain;
    map->pool = tag->lowaddr < tag->highaddr
                    ? udmar__arena_pool_get(domain, tag->lowaddr + 1, tag->highaddr)
                    : &udmar__mapper_of(domain)->pool_all;
    if (map->pool == NULL) {
        return UDMAR_ENOMEM;
    }
    if (tag->maxsize > tag->device->instance->window_limit) {
        use_caches(map);
        return 0;
    }
    status = udmar__window_create(domain, map->pool, tag->maxsize, tag->alignment, tag->boundary,
                                  &map->window);
    if (status == UDMAR_ERR_IOVA || status == UDMAR_ERR_UNSUPPORTED) {
        /* No window is to be had: each load looks for addresses of its own. */
        use_caches(map);
        status = UDMAR_OK;
    }
    return status == UDMAR_OK ? 0 : UDMAR_ENOMEM;
}

static void translated_map_destroy(struct udmar_dma_map *map)
{
    if (map->window != NULL) {
        udmar__window_destroy(map->window);
    }
    if (map->uses_caches) {
        udmar__cpu_caches_unref(map->domain);
    }
}

/* Of the first piece, where it matters: a large mapping's offset in a 2 MiB page. */
static udmar_paddr_t first_physical(const struct udmar__pieces *pieces)
{
    size_t length = 1;

    if (pieces->pages < UDMAR__ARENA_PAGES) {
        return 0;
    }
    return pieces->buffer != NULL
               ? udmar_host_virtual_to_physical(pieces->host, pieces->buffer, &length)
               : pieces->list->address;
}

/* Ends a mapping; the map remembers what a unit has not confirmed, or not been asked yet. */
static void end_mapping(struct udmar_dma_map *map, struct udmar__mapping *mapping)
{
    bool transient = mapping->kind != MAPPING_WINDOW;
    enum udmar_status status = udmar__mapping_end(map->domain, mapping);

    map->used_transient |= transient;
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        map->unconfirmed |= transient;
        udmar__report_loss(map, status);
    }
}

/* ---- Growing: pieces go into the place that the load has, and into another when it is full ----
 */

/* Room for some pieces of a load that grows, where the map has no window: 64 KiB. */
#define GROWTH_LEAST 16u

/* How large a place is, for the pieces and for those to come: twice the last one. */
static uint64_t place_pages(const struct udmar_dma_map *map, uint64_t pages)
{
    uint64_t wanted = udmar__is_loaded(map) ? 2 * (uint64_t)map->mapping.pages : 0;

    wanted = udmar__min(udmar__max(wanted, GROWTH_LEAST), UDMAR__WINDOW_MOST);
    return map->grows ? udmar__max(pages, wanted) : pages;
}

static bool get_place(struct udmar_dma_map *map, const struct udmar__mapping_request *request,
                      struct udmar__mapping *out_mapping)
{
    struct udmar__mapping_request larger = *request;

    if (request->window != NULL && request->pages <= request->window->pages) {
        return udmar__mapping_get(map->domain, request, out_mapping) == UDMAR_OK;
    }
    use_caches(map);
    larger.pages = place_pages(map, request->pages);
    return udmar__mapping_get(map->domain, &larger, out_mapping) == UDMAR_OK ||
           (larger.pages != request->pages &&
            udmar__mapping_get(map->domain, request, out_mapping) == UDMAR_OK);
}

/* Another place behind what the load has. Returns an error number. */
static int get_next_place(struct udmar_dma_map *map, struct udmar__mapping_request *request)
{
    struct udmar__place *place = udmar_host_alloc(map->host, sizeof(*place));
    struct udmar__mapping mapping;
    int error = place == NULL ? UDMAR_ENOMEM : udmar__map_announce(map);

    request->window = NULL; /* it is full */
    if (error == 0 && !get_place(map, request, &mapping)) {
        error = UDMAR_ENOMEM;
    }
    if (error != 0) {
        if (place != NULL) {
            udmar_host_free(map->host, place, sizeof(*place));
        }
        return error;
    }
    place->mapping = map->mapping;
    place->next = map->earlier;
    map->earlier = place;
    map->mapping = mapping;
    map->announced = 0;
    return 0;
}

/* Ends the last place; the one before it, if there is one, is full. */
static void end_place(struct udmar_dma_map *map)
{
    struct udmar__place *place = map->earlier;

    end_mapping(map, &map->mapping);
    if (place != NULL) {
        map->mapping = place->mapping;
        map->announced = map->mapping.pages;
        map->earlier = place->next;
        udmar_host_free(map->host, place, sizeof(*place));
    }
}

/* What has been written from page @at on and failed; everything in front of it stays. */
static void take_back(struct udmar_dma_map *map, uint64_t at)
{
    enum udmar_status status = udmar__mapping_take_back(map->domain, &map->mapping, at);

    if (status != UDMAR_OK) {
        map->unconfirmed = true;
        udmar__report_loss(map, status);
    }
}

int udmar__map_announce(struct udmar_dma_map *map)
{
    enum udmar_status status = udmar__mapping_announce(map->domain, &map->mapping, map->announced);

    if (status == UDMAR_OK) {
        map->announced = map->mapping.pages;
    }
    return status == UDMAR_OK ? 0 : UDMAR_ENOMEM;
}

/* Writes the pieces and tells the unit. Returns an error number. */
static int write_pieces(struct udmar_dma_map *map, uint64_t at, const struct udmar__pieces *pieces,
                        bool read_only)
{
    enum udmar_status status = udmar__mapping_write_at(map->domain, &map->mapping, at, pieces,
                                                       read_only ? UDMAR_READ : UDMAR_READ_WRITE);
    int error = map->more ? 0 : udmar__map_announce(map);

    if (status != UDMAR_OK) {
        error = status == UDMAR_ERR_ARGUMENT ? UDMAR_EINVAL : UDMAR_ENOMEM;
    }
    return error;
}

static int translated_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                           bool read_only)
{
    struct udmar__mapping_request request =
        udmar__map_request(map, pieces->pages, first_physical(pieces));
    bool grows = udmar__is_loaded(map);
    uint64_t at = 0;
    int error = 0;

    if (pieces->pages - 1 >= map->domain->end >> UDMAR_PAGE_SHIFT) {
        return UDMAR_ENOMEM;
    }
    if (!grows) {
        map->announced = 0;
        error = get_place(map, &request, &map->mapping) ? 0 : UDMAR_ENOMEM;
    } else if (!udmar__mapping_next(&map->mapping, &request, &at)) {
        at = 0;
        error = get_next_place(map, &request);
    }
    if (error != 0) {
        return error;
    }
    error = udmar__segments_make(map, pieces, map->mapping.iova + (at << UDMAR_PAGE_SHIFT));
    if (error != 0 && at != 0) {
        return error; /* nothing has been written */
    }
    if (error == 0) {
        error = write_pieces(map, at, pieces, read_only);
    }
    if (error != 0 && at == 0) {
        end_place(map);
    } else if (error != 0) {
        take_back(map, at);
    }
    return error;
}

static void translated_unload(struct udmar_dma_map *map)
{
    while (map->earlier != NULL) {
        end_place(map);
    }
    end_mapping(map, &map->mapping);
}

/*
 * In deferred mode the flush of transient mappings may be pending, and in both modes an unload may
 * not have been confirmed. Its PTEs are clear already: one request for all of the domain.
 */
static bool flush_transient(struct udmar_dma_map *map)
{
    struct udmar_domain *domain = map->domain;
    const struct udmar__request request = udmar__domain_request(domain);

    if (!map->unconfirmed && (domain->strict || (map->window != NULL && !map->used_transient))) {
        return true;
    }
    if (udmar__invalidate(domain->unit, &request, 1, true, NULL) != UDMAR_OK) {
        return false;
    }
    map->used_transient = false;
    map->unconfirmed = false;
    return true;
}

/* Memory of a map whose last unload was not confirmed must not be given to others. */
static bool translated_is_flushed(struct udmar_dma_map *map)
{
    return (map->window == NULL || udmar__window_flush(map->window) == UDMAR_OK) &&
           flush_transient(map);
}

static bool translated_id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address,
                                 uint64_t length)
{
    (void)tag;
    (void)address;
    (void)length;
    return false;
}

static bool translated_possible(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    const struct udmar__mapping_request request = udmar__map_request(map, pieces->pages, 0);
    bool bounces = pieces->buffer == NULL && (pieces->offsets & map->offset_mask) != 0;

    /* Where bounce pages have failed, it is not for want of addresses. */
    return !bounces && pieces->pages != 0 && udmar__mapping_possible(map->domain, &request);
}

const struct udmar__backend udmar__backend_translated = {
    .map_create = translated_map_create,
    .map_destroy = translated_map_destroy,
    .load = translated_load,
    .unload = translated_unload,
    .is_flushed = translated_is_flushed,
    .possible = translated_possible,
    .id_mapped = translated_id_mapped,
    .scatters = true,
};
