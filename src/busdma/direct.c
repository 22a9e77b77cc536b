/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce back end: the device sees physical addresses. What it cannot reach has been replaced
 * before (rare.c), so nothing is left to do but to make segments. Works without any remapping unit.
 */
#include "busdma/internal.h"

static int direct_map_create(struct udmar_dma_map *map)
{
    (void)map;
    return 0;
}

static void direct_map_destroy(struct udmar_dma_map *map)
{
    (void)map;
}

static int direct_load(struct udmar_dma_map *map, struct udmar__source *source, bool read_only)
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

static void direct_sync(struct udmar_dma_map *map, int op)
{
    (void)map;
    (void)op;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void direct_unload(struct udmar_dma_map *map)
{
    (void)map;
}

static bool direct_is_flushed(struct udmar_dma_map *map)
{
    (void)map;
    return true;
}

static bool direct_id_mapped(const struct udmar_dma_tag *tag, udmar_paddr_t address,
                             uint64_t length)
{
    return length != 0 && address <= UINT64_MAX - length && (address & tag->misaligned) == 0 &&
           !udmar__out_of_reach(tag, address, length);
}

const struct udmar__backend udmar__backend_direct = {
    .map_create = direct_map_create,
    .map_destroy = direct_map_destroy,
    .load = direct_load,
    .sync = direct_sync,
    .unload = direct_unload,
    .is_flushed = direct_is_flushed,
    .id_mapped = direct_id_mapped,
    .scatters = false,
};
