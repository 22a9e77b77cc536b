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
    if (map->windowless || tag->maxsize > tag->device->instance->window_limit) {
        udmar__cpu_caches_ref(domain);
        return 0;
    }
    status = udmar__window_create(domain, map->pool, tag->maxsize, tag->alignment, tag->boundary,
                                  &map->window);
    if (status == UDMAR_ERR_IOVA || status == UDMAR_ERR_UNSUPPORTED) {
        /* No window is to be had: each load looks for addresses of its own. */
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

/* Ends map->mapping; the map remembers what a unit has not confirmed, or not been asked yet. */
static void end_mapping(struct udmar_dma_map *map)
{
    bool transient = map->mapping.kind != MAPPING_WINDOW;
    enum udmar_status status = udmar__mapping_end(map->domain, &map->mapping);

    map->used_transient |= transient;
    if (UDMAR__UNLIKELY(status != UDMAR_OK)) {
        map->unconfirmed |= transient;
        udmar__report_loss(map, status);
    }
}

static int translated_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                           bool read_only)
{
    struct udmar_domain *domain = map->domain;
    const struct udmar__mapping_request request =
        udmar__map_request(map, pieces->pages, first_physical(pieces));
    enum udmar_status status;
    int error;

    if (pieces->pages - 1 >= domain->end >> UDMAR_PAGE_SHIFT ||
        udmar__mapping_get(domain, &request, &map->mapping) != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    error = udmar__segments_make(map, pieces, map->mapping.iova);
    if (error == 0) {
        status = udmar__mapping_write(domain, &map->mapping, pieces,
                                      read_only ? UDMAR_READ : UDMAR_READ_WRITE);
        error = status == UDMAR_OK ? 0 : status == UDMAR_ERR_ARGUMENT ? UDMAR_EINVAL : UDMAR_ENOMEM;
    }
    if (error != 0) {
        end_mapping(map);
    }
    return error;
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
    .unload = end_mapping,
    .is_flushed = translated_is_flushed,
    .possible = translated_possible,
    .id_mapped = translated_id_mapped,
    .scatters = true,
};
