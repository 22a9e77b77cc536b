/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load, from the driver's call to its callback: load.c admits and measures it -> bounce/ replaces
 * what the device cannot have, where something of that kind is possible -> the back end makes
 * addresses and segments -> the callback.
 */
#ifndef UDMAR_BUSDMA_LOAD_H
#define UDMAR_BUSDMA_LOAD_H

#include "busdma/map.h"

/* Notes the pieces in the map; EINVAL where they are nothing or too much. */
int udmar__load_gather(struct udmar_dma_map *map, udmar_dma_next_t *next, void *context);
/* What a waiting load has kept, from the start. */
int udmar__load_again(struct udmar_dma_map *map);
/* Counts what went wrong; returns the error. */
int udmar__load_count(struct udmar_dma_map *map, int error);
/* A driver's load of a buffer. */
struct udmar__buffer_load {
    void *buffer;
    uint64_t length;
    udmar_dma_callback_t *callback;
    void *callback_argument;
    int flags;
    const void *caller; /* in the driver, for a debug build */
};
/* The slow path of it. */
int udmar__load_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                       const struct udmar__buffer_load *load);
/* The back end's load and the state after it. Returns an error number. */
int udmar__load_pieces(struct udmar_dma_map *map, const struct udmar__pieces *pieces);
/*
 * The end of a load whose callback is noted in the map, good or not; returns what the load returns.
 */
int udmar__load_finish(struct udmar_dma_map *map, int error);

#endif
