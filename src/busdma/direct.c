/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct back end: the device sees physical addresses. What it cannot reach has been replaced
 * by bounce pages before, so a load makes segments. Works without any remapping unit.
 */
#include "busdma/bounce/bounce.h"

static int direct_map_create(struct udmar_dma_map *map)
{
    (void)map;
    return 0;
}

static void direct_map_destroy(struct udmar_dma_map *map)
{
    (void)map;
}

static int direct_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                       bool read_only)
{
    struct udmar__pieces rest = *pieces;
    udmar_paddr_t physical;
    uint64_t length;
    int error;

    (void)read_only;
    while (udmar__pieces_next(&rest, &physical, &length)) {
        if (physical > UINT64_MAX - length) {
            return UDMAR_EINVAL;
        }
        error = udmar__segment_add(map, physical, length);
        if (error != 0) {
            return error;
        }
    }
    return 0;
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

static bool direct_possible(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    (void)map;
    (void)pieces;
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
    .unload = direct_unload,
    .is_flushed = direct_is_flushed,
    .possible = direct_possible,
    .id_mapped = direct_id_mapped,
    .scatters = false,
};
