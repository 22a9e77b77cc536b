/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common case of a load: entries that are always in reach, in a small window or in a block.
 * They are written where they are, in one loop; what comes out is the same as from place_piece() in
 * dmar.c.
 */
#include "busdma/internal.h"
#include "space/pte.h"

static inline bool add_segment(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length)
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

/* Bytes that follow each other: one segment. */
static inline int place_buffer(struct udmar_dma_map *map, const struct udmar__source *source,
                               unsigned access, struct udmar__place *place)
{
    const uint8_t *buffer = source->buffer;
    size_t left = (size_t)source->remaining;
    uint64_t offset = (uintptr_t)buffer & UDMAR_PAGE_MASK;
    volatile uint64_t *slot = place->slots;

    if ((offset & (map->tag->alignment - 1)) != 0) {
        return UDMAR_EINVAL;
    }
    if (pages_of(offset, left) > place->pages) {
        return UDMAR__NEEDS_RANGE;
    }
    do {
        size_t run = left;
        udmar_paddr_t physical = udmar_host_virtual_to_physical(source->host, buffer, &run);
        uint64_t pages = pages_of(physical & UDMAR_PAGE_MASK, run);

        if (physical == UINT64_MAX) {
            return UDMAR_EINVAL;
        }
        udmar__ptes_fill(slot, (physical & ~UDMAR_PAGE_MASK) | access, pages);
        slot += pages;
        place->used += (uint32_t)pages;
        buffer += run;
        left -= run;
    } while (left > 0);
    return add_segment(map, place->base + offset, source->remaining) ? 0 : UDMAR_EFBIG;
}

unsigned udmar__slots_pages(volatile uint64_t *slot, const struct udmar_dma_physical *piece,
                            unsigned count, unsigned access)
{
    const struct udmar_dma_physical *end = piece + count;

    for (; end - piece >= 4; piece += 4, slot += 4) {
        if ((udmar__piece_oddness(&piece[0]) | udmar__piece_oddness(&piece[1]) |
             udmar__piece_oddness(&piece[2]) | udmar__piece_oddness(&piece[3])) != 0) {
            break;
        }
        udmar__pte_store(&slot[0], piece[0].address | access);
        udmar__pte_store(&slot[1], piece[1].address | access);
        udmar__pte_store(&slot[2], piece[2].address | access);
        udmar__pte_store(&slot[3], piece[3].address | access);
    }
    for (; piece != end && udmar__piece_oddness(piece) == 0; piece++) {
        udmar__pte_store(slot++, piece->address | access);
    }
    return count - (unsigned)(end - piece);
}

/*
 * The same where only the sum of the lengths is known: after a piece that is no whole page there
 * may be none, so nothing is looked at ahead.
 */
static inline uint64_t place_first_pages(const struct udmar_dma_physical *piece, uint64_t most,
                                         unsigned access, volatile uint64_t *slots)
{
    uint64_t page = 0;

    for (; page < most && udmar__piece_oddness(&piece[page]) == 0; page++) {
        udmar__pte_store(&slots[page], piece[page].address | access);
    }
    return page;
}

/* Pieces of physical memory: a new segment where two do not meet at a page border. */
static int place_list(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access, struct udmar__place *place)
{
    const struct udmar_dma_physical *piece = source->list;
    uint64_t left = source->remaining;
    uint64_t misaligned = map->tag->alignment - 1;
    uint64_t page = place_first_pages(piece, udmar__min(left >> UDMAR_PAGE_SHIFT, place->pages),
                                      access, place->slots);
    uint64_t segment = place->base;
    uint64_t segment_length = page << UDMAR_PAGE_SHIFT;
    uint64_t border = page == 0; /* 0: the last piece ended at a page border */

    place->used = (uint32_t)page;
    left -= segment_length;
    for (piece += page; left > 0; piece++) {
        uint64_t offset = piece->address & UDMAR_PAGE_MASK;
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
            segment = place->base + (page << UDMAR_PAGE_SHIFT) + offset;
            segment_length = 0;
        }
        if (pages > place->pages - page) {
            return UDMAR__NEEDS_RANGE;
        }
        udmar__ptes_fill(&place->slots[page], (piece->address - offset) | access, pages);
        page += pages;
        place->used = (uint32_t)page;
        border = (offset + piece->length) & UDMAR_PAGE_MASK;
        segment_length += piece->length;
        left -= piece->length;
    }
    return add_segment(map, segment, segment_length) ? 0 : UDMAR_EFBIG;
}

int udmar__slots_place(struct udmar_dma_map *map, const struct udmar__source *source,
                       unsigned access, struct udmar__place *place)
{
    return source->buffer != NULL ? place_buffer(map, source, access, place)
                                  : place_list(map, source, access, place);
}

int udmar__slots_load(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access)
{
    struct udmar__window *window = map->window;
    struct udmar__place place = { .slots = window->ptes,
                                  .base = window->base,
                                  .pages = window->pages };
    int error;

    if (!udmar__window_is_ready(window) && udmar__window_ready(window) != UDMAR_OK) {
        return UDMAR_ENOMEM;
    }
    error = udmar__slots_place(map, source, access, &place);
    if (error == 0) {
        if (udmar__window_publish_ptes(window, place.used) == UDMAR_OK) {
            return 0;
        }
        error = UDMAR_ENOMEM;
    }
    udmar__window_discard(window, 0, place.used);
    return error;
}
