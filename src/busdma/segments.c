/* SPDX-License-Identifier: BSD-2-Clause */
/* From ranges as the device sees them to segments as its tag allows. */
#include "busdma/internal.h"

/* How many bytes from @address on may be in one segment. */
static uint64_t longest(const struct udmar_dma_tag *tag, udmar_bus_addr_t address)
{
    uint64_t length = tag->maxsegsz;

    if (tag->boundary != 0) {
        length = udmar__min(length, tag->boundary - (address & (tag->boundary - 1)));
    }
    return length;
}

bool udmar__segment_add(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length,
                        bool join)
{
    const struct udmar_dma_tag *tag = map->tag;

    if (join && map->count > 0) {
        struct udmar_dma_segment *last = &map->segments[map->count - 1];
        uint64_t room = longest(tag, last->ds_addr) - last->ds_len;
        uint64_t here = udmar__min(length, room);

        last->ds_len += here;
        address += here;
        length -= here;
    }
    while (length > 0) {
        uint64_t here = udmar__min(length, longest(tag, address));

        if (map->count == map->capacity) {
            return false;
        }
        map->segments[map->count++] =
            (struct udmar_dma_segment){ .ds_addr = address, .ds_len = here };
        address += here;
        length -= here;
    }
    return true;
}
