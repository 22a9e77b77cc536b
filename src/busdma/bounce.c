/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce back end: the device sees physical addresses. What it cannot reach has been replaced
 * before (rare.c), so nothing is left to do but to make segments. Works without any remapping unit.
 */
#include "busdma/internal.h"

static int map_create(struct udmar_dma_map *map)
{
    (void)map;
    return 0;
}

static void map_destroy(struct udmar_dma_map *map)
{
    (void)map;
}

static int load(struct udmar_dma_map *map, struct udmar__source *source, bool read_only)
{
    udmar_bus_addr_t next = 0;
    udmar_paddr_t physical;
    uint64_t length;

    (void)read_only;
    while (udmar__source_next(source, &physical, &length)) {
        if (physical > UINT64_MAX - length) {
            return UDMAR_EINVAL;
        }
        if (!udmar__segment_add(map, physical, length, map->count > 0 && physical == next)) {
            return UDMAR_EFBIG;
        }
        next = physical + length;
    }
    return 0;
}

static void sync(struct udmar_dma_map *map, int op)
{
    (void)map;
    (void)op;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void unload(struct udmar_dma_map *map)
{
    (void)map;
}

static bool settled(struct udmar_dma_map *map)
{
    (void)map;
    return true;
}

static bool id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    return length != 0 && address <= UINT64_MAX - length && (address & tag->misaligned) == 0 &&
           !udmar__out_of_reach(tag, address, length);
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
