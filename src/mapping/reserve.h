/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a magazine cannot hold: stacks of blocks behind it, which grow with what a device has really
 * had under way at once and are trimmed again. A CPU's cache has one for each magazine, so they
 * need no lock of their own; only every 32nd call that fills or empties a magazine comes here.
 *
 * Bounded: what a reserve keeps covers 64 MiB of guest addresses at most, that is 32 leaf tables
 * and, for single pages, 72 KiB of lists. Where there is no memory for a list, the blocks go back
 * to the arenas: it costs time and nothing else.
 */
#ifndef UDMAR_MAPPING_RESERVE_H
#define UDMAR_MAPPING_RESERVE_H

#include <udmar/types.h>

#define UDMAR__MAGAZINE      63u /* with its count a power of two */
#define UDMAR__SPILL         32u
#define UDMAR__RESERVE_PAGES (UINT32_C(64) << 8) /* 64 MiB */

struct udmar__magazine {
    uint32_t count;
    uint32_t page[UDMAR__MAGAZINE];
};

/* Half of a full magazine, all of its blocks free. */
struct udmar__spill {
    struct udmar__spill *next;
    uint32_t page[UDMAR__SPILL];
};

struct udmar__reserve {
    struct udmar__spill *top;
    uint32_t count;  /* spills */
    uint32_t lowest; /* count at its lowest since the last trimming: nobody needed those */
};

/* Half of a full magazine goes behind it. False: there is no memory, or enough is there already. */
bool udmar__reserve_spill(void *host, struct udmar__reserve *reserve,
                          struct udmar__magazine *magazine, unsigned order);
/* The way back into an empty magazine. False: nothing is there. */
bool udmar__reserve_refill(void *host, struct udmar__reserve *reserve,
                           struct udmar__magazine *magazine);
/*
 * Takes a spill out that nobody needed since the last trimming (@all: any), or returns null. The
 * caller gives its blocks back, and then the memory. After null the next trimming begins.
 */
struct udmar__spill *udmar__reserve_trim(struct udmar__reserve *reserve, bool all);

#endif
