/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounce path: bytes that may have to lie elsewhere than the driver has them, because they are
 * out of the device's reach, not aligned, or in a page shared with others.
 *
 * bounce_load.c notes what the driver has (client pieces) in a list (piece_list.c), gets pages of a
 * zone for the bytes in question (page_pool.c; wait_pages.c when the load has to wait), and hands
 * the back end a list in which these pages stand (bounced pieces, bounce_pages.c).
 */
#ifndef UDMAR_BUSDMA_BOUNCE_BOUNCE_H
#define UDMAR_BUSDMA_BOUNCE_BOUNCE_H

#include "busdma/map.h"

/* ---- bounce_pages.c ---- */
bool udmar__out_of_reach(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);
/* May a map of the tag have to bounce? */
bool udmar__tag_needs_zone(const struct udmar_dma_tag *tag);
/* Whether some of it has to bounce; a piece that is not mapped needs nothing. */
bool udmar__needs_bounce(const struct udmar_dma_map *map, const struct udmar__pieces *pieces);
/* How many pages the list map->client_pieces needs. Returns an error number. */
int udmar__bounce_count_pages(struct udmar_dma_map *map, uint32_t *out_pages);
/* map->bounced_pieces from map->client_pieces, with the pages in map->bounces. An error number. */
int udmar__bounce_lay_out(struct udmar_dma_map *map);
/* The copies of a sync. */
void udmar__bounce_copy(struct udmar_dma_map *map, int op);

/* ---- bounce_load.c ---- */
/* A load for which udmar__load_pieces() may not be enough. Returns an error number. */
int udmar__bounce_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces);
/* The same for what is in map->client_pieces already; @isolates: partial pages must not be seen. */
int udmar__bounce_load_client(struct udmar_dma_map *map, bool isolates);
/* The same for a map that is loaded: its pages stay, others come to them. */
int udmar__bounce_add_client(struct udmar_dma_map *map, bool isolates);
/* The second half, with pages in map->bounces. */
int udmar__bounce_load_with_pages(struct udmar_dma_map *map);
/* Pages of the last load whose end was not confirmed: now it must be. False: it is not. */
bool udmar__bounce_reclaim(struct udmar_dma_map *map);
/* After an unload: the pages go back if no device can reach them any more, and others may run. */
void udmar__bounce_unloaded(struct udmar_dma_map *map);
/* The same without the others: udmar__waiting_kick() has to follow. */
void udmar__bounce_release(struct udmar_dma_map *map);
/* The map ends. */
void udmar__bounce_end(struct udmar_dma_map *map);

#endif
