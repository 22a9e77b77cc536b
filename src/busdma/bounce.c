/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce back end: the device sees physical addresses, and pages that it cannot reach are stood
 * in for by pages that it can. Works without any remapping unit.
 */
#include "busdma/internal.h"

static bool out_of_reach(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    udmar_paddr_t last = address + length - 1;

    return last > tag->lowaddr && address <= tag->highaddr;
}

/* Can any RAM be out of this tag's reach at all? */
static bool may_bounce(const struct udmar_dma_tag *tag)
{
    const struct udmar *instance = tag->device->instance;

    for (unsigned i = 0; i < instance->ram_count; i++) {
        if (out_of_reach(tag, instance->ram[i].base, instance->ram[i].size)) {
            return true;
        }
    }
    return instance->ram_count == 0 && tag->lowaddr < tag->highaddr;
}

static int map_create(struct udmar_dma_map *map)
{
    const struct udmar_dma_tag *tag = map->tag;
    void *host = tag->device->instance->host;
    uint64_t pages = (tag->maxsize >> UDMAR_PAGE_SHIFT) + 2;

    if (!may_bounce(tag)) {
        return 0;
    }
    map->bounce_capacity = (uint32_t)udmar__min(pages, 65536 / sizeof(*map->bounces));
    map->bounces = udmar_host_alloc(host, map->bounce_capacity * sizeof(*map->bounces));
    if (map->bounces == NULL) {
        return UDMAR_ENOMEM;
    }
    return 0;
}

static void map_destroy(struct udmar_dma_map *map)
{
    if (map->bounces != NULL) {
        udmar_host_free(map->tag->device->instance->host, map->bounces,
                        map->bounce_capacity * sizeof(*map->bounces));
    }
}

static void free_bounces(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;

    while (map->bounce_count > 0) {
        udmar_host_page_free(host, &map->bounces[--map->bounce_count].page, 1);
    }
}

/* A page in the place of [address, address + length), which lies in one page. */
static int stand_in(struct udmar_dma_map *map, udmar_paddr_t address, uint64_t length,
                    udmar_paddr_t *out_address)
{
    struct udmar__bounce *bounce;

    if (map->bounce_count == map->bounce_capacity) {
        return UDMAR_ENOMEM;
    }
    bounce = &map->bounces[map->bounce_count];
    if (!udmar_host_page_alloc(map->tag->device->instance->host, 1, map->tag->lowaddr, false,
                               &bounce->page)) {
        return UDMAR_ENOMEM;
    }
    map->bounce_count++;
    bounce->client = address;
    bounce->offset = (uint32_t)(address & UDMAR_PAGE_MASK);
    bounce->length = (uint32_t)length;
    *out_address = bounce->page.physical + bounce->offset;
    return 0;
}

/* One piece, page by page: each page may need another treatment. */
static int add_piece(struct udmar_dma_map *map, udmar_paddr_t physical, uint64_t length,
                     udmar_bus_addr_t *next)
{
    const struct udmar_dma_tag *tag = map->tag;
    int error = 0;

    while (length > 0 && error == 0) {
        uint64_t here = udmar__min(length, UDMAR_PAGE_SIZE - (physical & UDMAR_PAGE_MASK));
        udmar_paddr_t address = physical;

        if (out_of_reach(tag, physical, here)) {
            error = stand_in(map, physical, here, &address);
        }
        if (error == 0) {
            bool join = map->count > 0 && address == *next;

            if (!join && (address & (tag->alignment - 1)) != 0) {
                error = UDMAR_EINVAL;
            } else if (!udmar__segment_add(map, address, here, join)) {
                error = UDMAR_EFBIG;
            }
        }
        *next = address + here;
        physical += here;
        length -= here;
    }
    return error;
}

static int load(struct udmar_dma_map *map, struct udmar__source *source, bool read_only)
{
    udmar_bus_addr_t next = 0;
    udmar_paddr_t physical;
    uint64_t length;
    int error = 0;

    (void)read_only;
    while (error == 0 && udmar__source_next(source, &physical, &length)) {
        error =
            physical > UINT64_MAX - length ? UDMAR_EINVAL : add_piece(map, physical, length, &next);
    }
    if (error != 0) {
        free_bounces(map);
    }
    return error;
}

static void copy(void *host, udmar_paddr_t to, udmar_paddr_t from, uint32_t length)
{
    uint8_t *target = udmar_host_page_map(host, udmar__align_down(to, UDMAR_PAGE_SIZE));
    const uint8_t *origin = udmar_host_page_map(host, udmar__align_down(from, UDMAR_PAGE_SIZE));

    __builtin_memcpy(target + (to & UDMAR_PAGE_MASK), origin + (from & UDMAR_PAGE_MASK), length);
    udmar_host_page_unmap(host, (void *)(uintptr_t)origin);
    udmar_host_page_unmap(host, target);
}

static void sync(struct udmar_dma_map *map, int op)
{
    void *host = map->tag->device->instance->host;

    for (uint32_t i = 0; i < map->bounce_count; i++) {
        struct udmar__bounce *bounce = &map->bounces[i];
        udmar_paddr_t page = bounce->page.physical + bounce->offset;

        if (op & UDMAR_DMA_SYNC_PREWRITE) {
            copy(host, page, bounce->client, bounce->length);
        }
        if (op & UDMAR_DMA_SYNC_POSTREAD) {
            copy(host, bounce->client, page, bounce->length);
        }
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void unload(struct udmar_dma_map *map)
{
    free_bounces(map);
}

static bool settled(struct udmar_dma_map *map)
{
    (void)map;
    return true;
}

static bool id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    return length != 0 && !out_of_reach(tag, address, length);
}

const struct udmar__backend udmar__backend_bounce = {
    .map_create = map_create,
    .map_destroy = map_destroy,
    .load = load,
    .sync = sync,
    .unload = unload,
    .settled = settled,
    .id_mapped = id_mapped,
    .scatters = false,
};
