/* SPDX-License-Identifier: BSD-2-Clause */
/* Measuring what is to be mapped; pieces.h has the rule. */
#include "mapping/pieces.h"

/* How many entries, from the first on, are whole pages. */
static unsigned count_whole(const struct udmar_dma_physical *list, unsigned count)
{
    unsigned i = 0;

    while (i < count && udmar__piece_oddness(&list[i]) == 0) {
        i++;
    }
    return i;
}

static bool is_in_memory(const struct udmar_dma_physical *piece)
{
    return piece->length <= UDMAR__PHYSICAL_END &&
           piece->address <= UDMAR__PHYSICAL_END - piece->length;
}

/* The entries behind the whole pages. */
static bool measure_odd(struct udmar__pieces *pieces, const struct udmar_dma_physical *piece,
                        const struct udmar_dma_physical *end, struct udmar__layout *layout)
{
    for (; piece != end; piece++) {
        uint64_t start;
        bool joins;

        if (piece->length == 0) {
            continue;
        }
        if (!is_in_memory(piece) ||
            __builtin_add_overflow(pieces->bytes, piece->length, &pieces->bytes)) {
            return false;
        }
        pieces->offsets |= piece->address & UDMAR_PAGE_MASK;
        if (pieces->pages != UINT64_MAX &&
            !udmar__layout_add(layout, pieces->border, piece->address, piece->length, &start,
                               &joins)) {
            pieces->pages = UINT64_MAX;
        }
    }
    return true;
}

static bool measure_list(struct udmar__pieces *pieces, unsigned count)
{
    unsigned whole = count_whole(pieces->list, count);
    struct udmar__layout layout = { .next = (uint64_t)whole << UDMAR_PAGE_SHIFT };

    pieces->bytes = layout.next;
    pieces->pages = whole;
    pieces->offsets = 0;
    pieces->whole = whole == count;
    if (pieces->whole) {
        return true;
    }
    if (!measure_odd(pieces, pieces->list + whole, pieces->list + count, &layout)) {
        return false;
    }
    if (pieces->pages != UINT64_MAX) {
        pieces->pages =
            (layout.next >> UDMAR_PAGE_SHIFT) + ((layout.next & UDMAR_PAGE_MASK) != 0 ? 1 : 0);
    }
    return true;
}

bool udmar__pieces_measure(struct udmar__pieces *pieces, unsigned count)
{
    if (pieces->buffer == NULL) {
        return measure_list(pieces, count);
    }
    /* Where it lies in memory does not matter: bytes that follow each other. */
    pieces->offsets = (uintptr_t)pieces->buffer & UDMAR_PAGE_MASK;
    pieces->pages = udmar__pages_touched(pieces->offsets, pieces->bytes);
    pieces->whole = false;
    return true;
}
