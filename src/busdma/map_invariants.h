/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of a map and a bounce zone between two calls; for a debug build. */
#ifndef UDMAR_BUSDMA_MAP_INVARIANTS_H
#define UDMAR_BUSDMA_MAP_INVARIANTS_H

#include "busdma/map.h"

#ifdef UDMAR_DEBUG

/* Each answers null, or what is wrong, in words. While no other call names the map. */
const char *udmar__map_check(const struct udmar_dma_map *map);
/* Takes the zone's lock. */
const char *udmar__bounce_zone_check(struct udmar__bounce_zone *zone);

#endif
#endif
