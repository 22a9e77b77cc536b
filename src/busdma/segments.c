/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From ranges as the device sees them to segments as its tag allows.
 *
 * Where maxsegsz forces a cut it lies where FreeBSD has it, whose loads go page by page: at the
 * last page border that a segment can reach. Drivers rely on it: usb_busdma takes one address a
 * page from the segments, NVMe's page lists want all but the first to begin at a border. It costs
 * at most the segments that physically contiguous memory would get there.
 */
#include "busdma/map.h"

/* How many of @length bytes from @address on are in one segment. */
static uint64_t longest_segment(const struct udmar_dma_tag *tag, udmar_bus_addr_t address,
                                uint64_t length)
{
    udmar_bus_addr_t border;

    if (tag->boundary != 0) {
        length = udmar__min(length, tag->boundary - (address & (tag->boundary - 1)));
    }
    if (length <= tag->maxsegsz) {
        return length;
    }
    border =
        udmar__align_down(address + tag->maxsegsz, udmar__max(tag->alignment, UDMAR_PAGE_SIZE));
    if (border <= address) {
        border = udmar__align_down(address + tag->maxsegsz, UDMAR_PAGE_SIZE);
    }
    return border > address ? border - address : udmar__part_of_page(tag);
}

/* Twice as many, as far as the tag allows. */
static int make_more_segments(struct udmar_dma_map *map)
{
    uint32_t capacity = (uint32_t)udmar__min(2 * (uint64_t)map->capacity, map->most_segments);
    struct udmar_dma_segment *segments;

    if (capacity == map->capacity) {
        return UDMAR_EFBIG;
    }
    segments = udmar_host_alloc(map->host, capacity * sizeof(*segments));
    if (segments == NULL) {
        return UDMAR_ENOMEM;
    }
    __builtin_memcpy(segments, map->segments, map->count * sizeof(*segments));
    udmar_host_free(map->host, map->segments, map->capacity * sizeof(*segments));
    map->segments = segments;
    map->capacity = capacity;
    return 0;
}

int udmar__segment_add(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length)
{
    const struct udmar_dma_tag *tag = map->tag;
    struct udmar_dma_segment *last = map->count > 0 ? &map->segments[map->count - 1] : NULL;

    if (last != NULL && last->ds_addr + last->ds_len == address) {
        uint64_t end = longest_segment(tag, last->ds_addr, last->ds_len + length);
        uint64_t here = end > last->ds_len ? end - last->ds_len : 0;

        last->ds_len += here;
        address += here;
        length -= here;
    }
    while (length > 0) {
        uint64_t here = longest_segment(tag, address, length);
        int error = map->count == map->capacity ? make_more_segments(map) : 0;

        UDMAR_ASSERT(here > 0 && here <= length && map->count <= map->capacity);
        if (error != 0) {
            return error;
        }
        map->segments[map->count++] =
            (struct udmar_dma_segment){ .ds_addr = address, .ds_len = here };
        address += here;
        length -= here;
    }
    return 0;
}

/* Alignment that guest addresses cannot mend: they keep the offset in the page. */
static bool is_aligned(const struct udmar_dma_tag *tag, udmar_paddr_t address)
{
    return (address & (udmar__min(tag->alignment, UDMAR_PAGE_SIZE) - 1)) == 0;
}

/* Pieces that do not all follow each other at page borders. */
static int make_each(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                     udmar_iova_t base)
{
    struct udmar__pieces rest = *pieces;
    struct udmar__layout layout = { .next = 0 };
    udmar_paddr_t physical;
    uint64_t length;
    uint64_t start = 0;
    bool joins;
    int error;

    while (udmar__pieces_next(&rest, &physical, &length)) {
        /* It has been measured, so there is a place for it. */
        if (!udmar__layout_add(&layout, pieces->border, physical, length, &start, &joins)) {
            return UDMAR_ENOMEM;
        }
        if (!joins && !is_aligned(map->tag, physical)) {
            return UDMAR_EINVAL;
        }
        error = udmar__segment_add(map, base + start, length);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int udmar__segments_make(struct udmar_dma_map *map, const struct udmar__pieces *pieces,
                         udmar_iova_t base)
{
    uint64_t offset = pieces->offsets;

    if (pieces->buffer == NULL && !pieces->whole) {
        return make_each(map, pieces, base);
    }
    /* Bytes that follow each other: one range. */
    if (!is_aligned(map->tag, offset)) {
        return UDMAR_EINVAL;
    }
    return udmar__segment_add(map, base + offset, pieces->bytes);
}
