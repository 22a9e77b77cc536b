/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one load or stream maps: a buffer of the kernel's or a list of physical pieces, measured
 * once, and where each piece goes.
 *
 * Guest addresses are handed out from the mapping's first page on. A piece that begins at a page
 * border behind one that ended at a page border continues it without a gap. Every other piece
 * begins at the next border, at the offset in its page that it has in memory.
 */
#ifndef UDMAR_MAPPING_PIECES_H
#define UDMAR_MAPPING_PIECES_H

#include <udmar/domain.h>
#include <udmar/host.h>

#include "base/bits.h"
#include "space/pte.h"

struct udmar__pieces {
    void *host;
    const uint8_t *buffer; /* null: the list */
    const struct udmar_dma_physical *list;
    uint64_t bytes;  /* of all; not 0 */
    uint64_t border; /* a page, or a larger power of two that a tag wants pieces to begin at */
    /* Of udmar__pieces_measure(). */
    uint64_t pages;   /* with the gaps; UINT64_MAX: more than can be counted */
    uint64_t offsets; /* all bits of the offsets that pieces have in their first pages */
    bool whole;       /* a list, each entry of which is one whole page of memory */
};

/* The next place; starts with zero. */
struct udmar__layout {
    uint64_t next; /* bytes from the mapping's first page */
};

/* What makes a piece something else than one whole page of memory; 0: it is one. */
static inline uint64_t udmar__piece_oddness(const struct udmar_dma_physical *piece)
{
    return (piece->address & (UDMAR_PAGE_MASK | ~PTE_ADDRESS)) | (piece->length ^ UDMAR_PAGE_SIZE);
}

/* How many pages bytes touch that begin at this offset in their first one. */
static inline uint64_t udmar__pages_touched(uint64_t offset, uint64_t length)
{
    return ((offset & UDMAR_PAGE_MASK) + length + UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT;
}

/*
 * Measures a buffer of pieces->bytes bytes, or a list of @count pieces, whose bytes it sums up;
 * empty pieces count as nothing. False: a piece lies in no memory, or the bytes have no sum.
 */
bool udmar__pieces_measure(struct udmar__pieces *pieces, unsigned count);

/*
 * Takes the next piece, physically contiguous and not empty, out of a copy. False at the end;
 * *out_physical is UINT64_MAX where a buffer is not mapped.
 */
static inline bool udmar__pieces_next(struct udmar__pieces *rest, udmar_paddr_t *out_physical,
                                      uint64_t *out_length)
{
    if (rest->bytes == 0) {
        return false;
    }
    if (rest->buffer != NULL) {
        size_t length = (size_t)rest->bytes;

        *out_physical = udmar_host_virtual_to_physical(rest->host, rest->buffer, &length);
        if (*out_physical == UINT64_MAX) {
            /* The host has not said how much. With all of it the piece reaches around the end. */
            length = (size_t)rest->bytes;
        }
        *out_length = length;
        rest->buffer += length;
    } else {
        while (rest->list->length == 0) {
            rest->list++;
        }
        *out_physical = rest->list->address;
        *out_length = rest->list->length;
        rest->list++;
    }
    rest->bytes -= *out_length;
    return true;
}

/*
 * Where the next piece begins, in bytes from the mapping's first page. *out_joins: it continues the
 * one before. False: its end has no number.
 */
static inline bool udmar__layout_add(struct udmar__layout *layout, uint64_t border,
                                     udmar_paddr_t physical, uint64_t length, uint64_t *out_start,
                                     bool *out_joins)
{
    uint64_t offset = physical & UDMAR_PAGE_MASK;
    uint64_t start = layout->next;

    *out_joins = start != 0 && ((start | offset) & UDMAR_PAGE_MASK) == 0;
    if (!*out_joins) {
        if (__builtin_add_overflow(start, border - 1, &start)) {
            return false;
        }
        start = udmar__align_down(start, border) + offset;
    }
    *out_start = start;
    return !__builtin_add_overflow(start, length, &layout->next);
}

#endif
