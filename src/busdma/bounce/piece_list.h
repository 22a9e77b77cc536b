/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of physical pieces that a map keeps. */
#ifndef UDMAR_BUSDMA_BOUNCE_PIECE_LIST_H
#define UDMAR_BUSDMA_BOUNCE_PIECE_LIST_H

#include "busdma/map.h"

#define UDMAR__PIECES_MOST 4096u

static inline void udmar__piece_list_clear(struct udmar__piece_list *list)
{
    list->count = 0;
    list->bytes = 0;
}
void udmar__piece_list_free(void *host, struct udmar__piece_list *list);
/* Appends; joins with the last when @join and it is a neighbour. Returns an error number. */
int udmar__piece_list_add(void *host, struct udmar__piece_list *list, udmar_paddr_t address,
                          uint64_t length, bool join);
int udmar__piece_list_copy(struct udmar__piece_list *list, const struct udmar__pieces *pieces);
/* What @next tells; more than @most bytes are EINVAL. */
int udmar__piece_list_each(void *host, struct udmar__piece_list *list, udmar_dma_next_t *next,
                           void *context, uint64_t most);
/* The list as what is to be loaded, measured. EINVAL: it lies in no memory. */
int udmar__piece_list_measure(const struct udmar_dma_map *map, const struct udmar__piece_list *list,
                              struct udmar__pieces *out_pieces);

#endif
