/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common case of a load: a small window on a host that keeps its tables mapped. Entries are
 * written where they are, in one loop; what comes out is the same as from place_piece() in dmar.c.
 */
#include "busdma/internal.h"
#include "space/entry.h"

static bool add_segment(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length)
{
    if (map->tag->plain && map->count < map->capacity) {
        map->segments[map->count++] =
            (struct udmar_dma_segment){ .ds_addr = address, .ds_len = length };
        return true;
    }
    return udmar__segment_add(map, address, length, false);
}

static inline uint64_t pages_of(uint64_t offset, uint64_t length)
{
    return (offset + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
}

/* Bytes that follow each other: one segment, and pages enough by the tag's maxsize. */
static int place_buffer(struct udmar_dma_map *map, const struct udmar__source *source,
                        unsigned access, uint32_t *out_used)
{
    const uint8_t *buffer = source->buffer;
    size_t left = (size_t)source->remaining;
    uint64_t offset = (uintptr_t)buffer & UDMAR_PAGE_MASK;
    volatile uint64_t *slots = map->window->slots;
    volatile uint64_t *slot = slots;

    if ((offset & (map->tag->alignment - 1)) != 0) {
        return UDMAR_EINVAL;
    }
    while (left > 0) {
        size_t run = left;
        udmar_paddr_t physical = udmar_host_virtual_to_physical(source->host, buffer, &run);
        uint64_t entry = (physical & ~UDMAR_PAGE_MASK) | access;

        if (physical == UINT64_MAX) {
            *out_used = (uint32_t)(slot - slots);
            return UDMAR_EINVAL;
        }
        for (uint64_t pages = pages_of(physical & UDMAR_PAGE_MASK, run); pages > 0; pages--) {
            udmar__entry_store(slot++, entry);
            entry += UDMAR_PAGE_SIZE;
        }
        buffer += run;
        left -= run;
    }
    *out_used = (uint32_t)(slot - slots);
    return add_segment(map, (map->window->range.first << UDMAR_PAGE_SHIFT) + offset,
                       source->remaining)
               ? 0
               : UDMAR_EFBIG;
}

/* Pieces of physical memory: a new segment where two do not meet at a page border. */
static int place_list(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access, uint32_t *out_used)
{
    const struct udmar_dma_physical *piece = source->list;
    uint64_t left = source->remaining;
    uint64_t misaligned = map->tag->alignment - 1;
    volatile uint64_t *slots = map->window->slots;
    udmar_iova_t base = map->window->range.first << UDMAR_PAGE_SHIFT;
    uint64_t room = map->window->pages;
    uint64_t page = 0;
    uint64_t segment = 0;
    uint64_t segment_length = 0;
    uint64_t border = 1; /* what is left of the last piece's last page; 0: it ended at the border */

    for (; left > 0; piece++) {
        uint64_t offset = piece->address & UDMAR_PAGE_MASK;
        uint64_t entry = (piece->address - offset) | access;
        uint64_t pages = pages_of(offset, piece->length);

        if (piece->length == 0) {
            continue;
        }
        if ((border | offset) != 0) {
            if ((offset & misaligned) != 0) {
                return UDMAR_EINVAL;
            }
            if (segment_length != 0 && !add_segment(map, segment, segment_length)) {
                return UDMAR_EFBIG;
            }
            segment = base + (page << UDMAR_PAGE_SHIFT) + offset;
            segment_length = 0;
        }
        if (pages > room - page) {
            return UDMAR__NEEDS_RANGE;
        }
        *out_used = (uint32_t)(page + pages);
        for (; pages > 0; pages--) {
            udmar__entry_store(&slots[page++], entry);
            entry += UDMAR_PAGE_SIZE;
        }
        border = (offset + piece->length) & UDMAR_PAGE_MASK;
        segment_length += piece->length;
        left -= piece->length;
    }
    return add_segment(map, segment, segment_length) ? 0 : UDMAR_EFBIG;
}

int udmar__slots_load(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access)
{
    struct udmar__window *window = map->window;
    uint32_t used = 0;
    int error;

    if (!udmar__window_is_ready(window) && udmar__window_ready(window) != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    error = source->buffer != NULL ? place_buffer(map, source, access, &used)
                                   : place_list(map, source, access, &used);
    if (error == 0) {
        if (udmar__window_publish_slots(window, used) == UDMAR_OK) {
            return 0;
        }
        error = UDMAR_ENOMEM;
    }
    udmar__window_discard(window, 0, used);
    return error;
}
