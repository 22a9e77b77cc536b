/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads that wait, and those that let them go on. */
#ifndef UDMAR_BUSDMA_BOUNCE_WAIT_H
#define UDMAR_BUSDMA_BOUNCE_WAIT_H

#include "busdma/map.h"

/* ---- wait_pages.c: for bounce pages ---- */
/* Runs what is ready, or wakes who does. Without locks. */
void udmar__waiting_kick(struct udmar__bounce_zone *zone);
/* Ends a map's wait, of whichever kind. False: it did not wait. */
bool udmar__waiting_cancel(struct udmar_dma_map *map);
void udmar__queue_append(struct udmar_dma_map **queue, struct udmar_dma_map *map);

/* ---- wait_space.c: for guest addresses or memory ---- */
/*
 * A load has failed with ENOMEM that may be momentary: EINPROGRESS, and it waits; or what came of
 * it in the meantime; or ENOMEM, when it may not wait or waiting would be in vain.
 */
int udmar__wait_space_add(struct udmar_dma_map *map, const struct udmar__pieces *pieces);
bool udmar__wait_space_cancel(struct udmar_dma_map *map);
/* Tries those that wait, each under its tag's lock. */
void udmar__wait_space_run(struct udmar *instance);
/* Something came back: out of line, and only where a load waits. Without locks. */
void udmar__wait_space_offer(struct udmar *instance);
/* The same inside a load, where no other load can be run. */
void udmar__wait_space_tell(struct udmar *instance);
/* After addresses or memory have been given back. */
static inline void udmar__wait_space_freed(struct udmar *instance)
{
    /* First what was freed is seen by those who try, then we look for them. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (UDMAR__UNLIKELY(__atomic_load_n(&instance->dma.wait_space.hopeful, __ATOMIC_RELAXED) !=
                        0)) {
        udmar__wait_space_offer(instance);
    }
}

#endif
