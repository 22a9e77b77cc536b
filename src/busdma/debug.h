/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug build (UDMAR_DEBUG_MAPS): who made, loaded and unloaded a map. Else nothing. */
#ifndef UDMAR_BUSDMA_DEBUG_H
#define UDMAR_BUSDMA_DEBUG_H

#include "busdma/map.h"

#ifdef UDMAR_DEBUG_MAPS
#define UDMAR__CALLER    __builtin_return_address(0)
/* What is called from a public function is a part of it: its caller is the driver. */
#define UDMAR__SLOW_PATH inline __attribute__((__always_inline__))
void udmar__debug_created(struct udmar_dma_map *map, const void *caller);
void udmar__debug_ended(struct udmar_dma_map *map);
static inline void udmar__debug_load(struct udmar_dma_map *map, const void *caller)
{
    map->last_load = caller;
}
static inline void udmar__debug_unload(struct udmar_dma_map *map, const void *caller)
{
    map->last_unload = caller;
}
/* Log lines that name the device and the places in its driver. */
void udmar__debug_mistake(const struct udmar_dma_map *map, const void *caller, const char *what);
void udmar__debug_leaks(const struct udmar_dma_tag *tag, const void *caller);
#else
#define UDMAR__CALLER    NULL
/* Out of the way of the fast path. */
#define UDMAR__SLOW_PATH __attribute__((__noinline__))
static inline void udmar__debug_created(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_ended(struct udmar_dma_map *map)
{
    (void)map;
}
static inline void udmar__debug_load(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_unload(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_mistake(const struct udmar_dma_map *map, const void *caller,
                                        const char *what)
{
    (void)map;
    (void)caller;
    (void)what;
}
static inline void udmar__debug_leaks(const struct udmar_dma_tag *tag, const void *caller)
{
    (void)tag;
    (void)caller;
}
#endif

#endif
