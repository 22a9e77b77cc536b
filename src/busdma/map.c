/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps, and memory that comes with one. */
#include "busdma/map.h"

#include "base/bits.h"
#include "base/text.h"
#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/wait.h"
#include "busdma/debug.h"
#include "busdma/fast_path.h"

/* Host memory comes in pieces of at most 64 KiB, so this is the most a load can have. */
#define MOST_SEGMENTS   4096u
#define ALWAYS_SEGMENTS 256u

/* Room for what can be cut out of a buffer of maxsize, in pages and parts of them. */
static uint32_t segments_for(const struct udmar_dma_tag *tag)
{
    uint32_t wanted = (uint32_t)udmar__min(tag->nsegments, MOST_SEGMENTS);
    uint32_t pages = (uint32_t)udmar__min((tag->maxsize >> UDMAR_PAGE_SHIFT) + 2, MOST_SEGMENTS);
    uint32_t part = udmar__part_of_page(tag);
    uint32_t window = (uint32_t)udmar__min(tag->boundary - 1, UDMAR_PAGE_MASK) + 1;
    uint32_t cuts = (uint32_t)(UDMAR_PAGE_SIZE / window) * ((window + part - 1) / part);

    /* A list of tiny pieces can need more segments than pages, but not on every map. */
    return (uint32_t)udmar__min(wanted, udmar__max(ALWAYS_SEGMENTS, pages * cuts));
}

/*
 * How many to begin with: what a buffer of maxsize is cut into, where the device sees it in one
 * piece; else for each of its pages. Lists of small pieces make room when they come.
 */
static uint32_t segments_at_first(const struct udmar_dma_tag *tag, uint32_t most)
{
    uint64_t part = udmar__min(tag->maxsegsz, tag->boundary - 1); /* no boundary: the largest */
    uint64_t unused;

    if (!tag->backend->scatters) {
        return most;
    }
    part = udmar__divide(tag->maxsize, udmar__max(part, 1), &unused);
    return (uint32_t)udmar__min(most, udmar__max(4, part + 2));
}

/* A load of unlimited size is not provided for beforehand: 2 MiB of pages are. */
#define MOST_PROVIDED 512u

/* Whether and from where pages may have to stand in for what this map loads. */
static int prepare_bounce(struct udmar_dma_map *map)
{
    struct udmar_dma_tag *tag = map->tag;
    uint64_t pages = (tag->maxsize >> UDMAR_PAGE_SHIFT) + 1;

    map->subpage = tag->device->subpage && tag->backend->scatters;
    map->may_bounce = tag->may_miss || map->subpage || tag->misaligned > UDMAR_PAGE_MASK;
    map->offset_mask = (uintptr_t)(tag->misaligned & UDMAR_PAGE_MASK);
    map->zone = tag->zone;
    if (tag->parent == NULL && map->subpage) {
        /* A root tag has none: it ends without our knowledge, so its maps hold the zone. */
        map->zone = udmar__bounce_zone_get(tag->device->instance, UINT64_MAX, UDMAR_PAGE_SIZE,
                                           tag->numa_node);
        if (map->zone == NULL) {
            return UDMAR_ENOMEM;
        }
    }
    if (map->of_dmamem || !map->may_bounce) {
        return 0;
    }
    /* Whole buffers where a device misses memory, else a first and a last page. */
    pages = tag->may_miss ? udmar__min(pages, MOST_PROVIDED) : udmar__min(pages, 2);
    return udmar__bounce_zone_provide(map->zone, pages) ? 0 : UDMAR_ENOMEM;
}

static void end_bounce(struct udmar_dma_map *map)
{
    udmar__bounce_end(map);
    if (map->zone != map->tag->zone) {
        udmar__bounce_zone_unref(map->zone);
    }
}

static void free_map(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;

    if (map->segments != NULL) {
        udmar_host_free(host, map->segments, map->capacity * sizeof(*map->segments));
    }
    udmar_host_free(host, map, sizeof(*map));
}

int udmar__map_create(struct udmar_dma_tag *tag, bool of_dmamem, struct udmar_dma_map **out_map)
{
    void *host = tag->device->instance->host;
    struct udmar_dma_map *map = udmar_host_alloc(host, sizeof(*map));
    int error;

    if (map == NULL) {
        return UDMAR_ENOMEM;
    }
    if (!udmar__tag_follow(tag)) {
        udmar_host_free(host, map, sizeof(*map));
        return udmar__tag_refuse(tag, "the device is in a domain of its owner's");
    }
    map->tag = tag;
    map->host = host;
    map->of_dmamem = of_dmamem;
    map->most_segments = segments_for(tag);
    map->capacity = segments_at_first(tag, map->most_segments);
    if (map->capacity > 0) {
        map->segments = udmar_host_alloc(host, map->capacity * sizeof(*map->segments));
    }
    if (map->segments == NULL && map->capacity > 0) {
        udmar_host_free(host, map, sizeof(*map));
        return UDMAR_ENOMEM;
    }
    error = prepare_bounce(map);
    if (error == 0) {
        error = tag->backend->map_create(map);
    }
    if (error != 0) {
        if (map->zone != NULL) {
            end_bounce(map);
        }
        free_map(map);
        return error;
    }
    udmar__fast_path_prepare(map);
    udmar__map_set_state(map, MAP_IDLE);
    udmar__tag_ref(tag);
    (void)__atomic_add_fetch(&tag->device->instance->dma.maps, 1, __ATOMIC_RELAXED);
    *out_map = map;
    return 0;
}

void udmar__map_destroy(struct udmar_dma_map *map)
{
    struct udmar_dma_tag *tag = map->tag;
    struct udmar *instance = tag->device->instance;

    udmar__debug_ended(map);
    end_bounce(map);
    tag->backend->map_destroy(map);
    free_map(map);
    udmar__tag_unref(tag);
    (void)__atomic_sub_fetch(&instance->dma.maps, 1, __ATOMIC_RELAXED);
    udmar__wait_space_freed(instance);
}

int udmar_dmamap_create(struct udmar_dma_tag *tag, int flags, struct udmar_dma_map **out_map)
{
    int error;

    (void)flags;
    if (out_map != NULL) {
        *out_map = NULL;
    }
    if (tag == NULL || out_map == NULL) {
        return udmar__mistake(tag, COUNT_WRONG_ARGUMENT, UDMAR_EINVAL);
    }
    error = udmar__map_create(tag, false, out_map);
    if (error == 0) {
        udmar__debug_created(*out_map, UDMAR__CALLER);
    }
    return error;
}

int udmar_dmamap_destroy(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    if (map == NULL) {
        return 0;
    }
    if (map->tag != tag || map->of_dmamem) {
        return udmar__mistake(map->tag, COUNT_WRONG_MAP, UDMAR_EINVAL);
    }
    if (udmar__is_loaded(map) || udmar__load_is_waiting(map)) {
        udmar__debug_mistake(map, UDMAR__CALLER, "bus_dmamap_destroy of a loaded map");
        return udmar__mistake(tag, COUNT_ENDED_LOADED, UDMAR_EBUSY);
    }
    udmar__map_destroy(map);
    return 0;
}

/* The alignment of memory that the device sees at its physical address. */
static uint64_t physical_alignment(const struct udmar_dma_tag *tag)
{
    uint64_t alignment = udmar__max(tag->alignment, 16);

    /* Aligned to its own size it crosses no boundary of at least that size. */
    if (tag->boundary != 0) {
        alignment = udmar__max(alignment, UINT64_C(1) << udmar__log2_up(tag->maxsize));
    }
    return alignment;
}

/* A tag without a size is legal, memory without one is not. */
static size_t memory_size(const struct udmar_dma_tag *tag)
{
    return (size_t)udmar__max(tag->maxsize, 1);
}

bool udmar__map_owns(const struct udmar_dma_map *map, const uint8_t *buffer, uint64_t length)
{
    uintptr_t offset = (uintptr_t)buffer - (uintptr_t)map->memory;
    size_t size = memory_size(map->tag);

    return map->memory != NULL && buffer != NULL && offset < size && length <= size - offset;
}

static void *get_memory(const struct udmar_dma_tag *tag, int flags)
{
    void *host = tag->device->instance->host;
    bool uncached = (flags & UDMAR_DMA_NOCACHE) != 0;
    uint64_t alignment = UDMAR_PAGE_SIZE;
    udmar_paddr_t highest = UINT64_MAX;

    if (tag->maxsize > SIZE_MAX / 2) {
        return NULL;
    }
    if (!tag->backend->scatters) {
        alignment = physical_alignment(tag);
        highest = tag->lowaddr;
    }
    if (alignment > SIZE_MAX / 2) {
        return NULL;
    }
    return udmar_host_dmamem_alloc(host, memory_size(tag), (size_t)alignment, highest,
                                   !tag->backend->scatters, uncached);
}

int udmar_dmamem_alloc(struct udmar_dma_tag *tag, void **out_address, int flags,
                       struct udmar_dma_map **out_map)
{
    void *memory;
    int error;

    if (out_address != NULL) {
        *out_address = NULL;
    }
    if (out_map != NULL) {
        *out_map = NULL;
    }
    if (tag == NULL || out_address == NULL || out_map == NULL) {
        return udmar__mistake(tag, COUNT_WRONG_ARGUMENT, UDMAR_EINVAL);
    }
    memory = get_memory(tag, flags);
    if (memory == NULL) {
        return UDMAR_ENOMEM;
    }
    error = udmar__map_create(tag, true, out_map);
    if (error != 0) {
        udmar_host_dmamem_free(tag->device->instance->host, memory, memory_size(tag));
        return error;
    }
    udmar__debug_created(*out_map, UDMAR__CALLER);
    (*out_map)->memory = memory;
    *out_address = memory;
    return 0;
}

void udmar_dmamem_free(struct udmar_dma_tag *tag, void *address, struct udmar_dma_map *map)
{
    char label[64];

    if (tag == NULL || map == NULL || address == NULL) {
        (void)udmar__mistake(udmar__either(tag, map), COUNT_WRONG_ARGUMENT, 0);
        return;
    }
    if (map->tag != tag || map->memory != address) {
        (void)udmar__mistake(tag, COUNT_WRONG_MAP, 0);
        udmar__log(tag->device->instance->host, UDMAR_LOG_ERROR,
                   "%s: bus_dmamem_free of memory and a map that bus_dmamem_alloc did not give "
                   "together; ignored",
                   udmar__device_label(tag->device, label));
        return;
    }
    if (udmar__is_loaded(map)) {
        (void)udmar__mistake(tag, COUNT_ENDED_LOADED, 0);
        udmar__debug_mistake(map, UDMAR__CALLER, "bus_dmamem_free of loaded memory");
        udmar__log(tag->device->instance->host, UDMAR_LOG_WARN,
                   "%s: bus_dmamem_free of memory that is still loaded; it was unloaded first",
                   udmar__device_label(tag->device, label));
        udmar_dmamap_unload(tag, map);
    }
    if (!tag->backend->is_flushed(map)) {
        udmar__log(tag->device->instance->host, UDMAR_LOG_ERROR,
                   "%s: memory is given up: the unit has not confirmed its unload",
                   udmar__device_label(tag->device, label));
        udmar__map_destroy(map);
        return;
    }
    udmar__map_destroy(map);
    udmar_host_dmamem_free(tag->device->instance->host, address, memory_size(tag));
}
