/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of physical pieces that a map keeps: room is made on demand and stays for the next load. */
#include "busdma/bounce/piece_list.h"

#define LIST_FIRST 16u

void udmar__piece_list_free(void *host, struct udmar__piece_list *list)
{
    if (list->entries != NULL) {
        udmar_host_free(host, list->entries, list->capacity * sizeof(*list->entries));
    }
    *list = (struct udmar__piece_list){ .count = 0 };
}

static int make_room(void *host, struct udmar__piece_list *list)
{
    uint32_t capacity = list->capacity == 0 ? LIST_FIRST : list->capacity * 2;
    struct udmar_dma_physical *entries;

    if (list->count < list->capacity) {
        return 0;
    }
    if (list->count == UDMAR__PIECES_MOST) {
        return UDMAR_EFBIG;
    }
    entries = udmar_host_alloc(host, capacity * sizeof(*entries));
    if (entries == NULL) {
        return UDMAR_ENOMEM;
    }
    if (list->entries != NULL) {
        __builtin_memcpy(entries, list->entries, list->count * sizeof(*entries));
        udmar_host_free(host, list->entries, list->capacity * sizeof(*entries));
    }
    list->entries = entries;
    list->capacity = capacity;
    return 0;
}

int udmar__piece_list_add(void *host, struct udmar__piece_list *list, udmar_paddr_t address,
                          uint64_t length, bool join)
{
    int error;

    if (length == 0) {
        return 0;
    }
    if (length > UDMAR__PHYSICAL_END || address > UDMAR__PHYSICAL_END - length) {
        return UDMAR_EINVAL;
    }
    if (join && list->count > 0) {
        struct udmar_dma_physical *last = &list->entries[list->count - 1];

        if (last->address + last->length == address) {
            last->length += length;
            list->bytes += length;
            return 0;
        }
    }
    error = make_room(host, list);
    if (error == 0) {
        list->entries[list->count++] =
            (struct udmar_dma_physical){ .address = address, .length = length };
        list->bytes += length;
    }
    return error;
}

int udmar__piece_list_copy(struct udmar__piece_list *list, const struct udmar__pieces *pieces)
{
    struct udmar__pieces rest = *pieces;
    udmar_paddr_t physical;
    uint64_t length;
    int error = 0;

    while (error == 0 && udmar__pieces_next(&rest, &physical, &length)) {
        error = udmar__piece_list_add(rest.host, list, physical, length, true);
    }
    return error;
}

int udmar__piece_list_measure(const struct udmar_dma_map *map, const struct udmar__piece_list *list,
                              struct udmar__pieces *out_pieces)
{
    *out_pieces = (struct udmar__pieces){
        .host = map->host,
        .list = list->entries,
        .border = udmar__tag_border(map->tag),
    };
    return udmar__pieces_measure(out_pieces, list->count) ? 0 : UDMAR_EINVAL;
}

int udmar__piece_list_each(void *host, struct udmar__piece_list *list, udmar_dma_next_t *next,
                           void *context, uint64_t most)
{
    struct udmar_dma_piece piece = { .length = 0 };
    int error = 0;

    while (error == 0 && next(context, &piece)) {
        if (piece.length > most - list->bytes) {
            error = UDMAR_EINVAL;
        } else if (piece.is_physical) {
            error = udmar__piece_list_add(host, list, piece.physical, piece.length, true);
        } else if (piece.length != 0) {
            const struct udmar__pieces pieces = {
                .host = host,
                .buffer = piece.buffer,
                .bytes = piece.length,
            };

            error = piece.buffer == NULL || piece.length > UINTPTR_MAX - (uintptr_t)piece.buffer
                        ? UDMAR_EINVAL
                        : udmar__piece_list_copy(list, &pieces);
        }
    }
    return error;
}
