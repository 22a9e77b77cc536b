/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of an earlier kernel that a unit was found remapping with. */
#ifndef UDMAR_INTERRUPT_REMAP_FOUND_H
#define UDMAR_INTERRUPT_REMAP_FOUND_H

#include "interrupt/remap_table.h"

struct udmar__found_counts {
    uint32_t present;
    uint32_t end;  /* index behind the last that is present */
    uint32_t kept; /* by udmar__found_adopt() */
    uint32_t lost; /* present, but of no use to us */
};

/* @irta: as IRTA says; the whole table is memory that udmar_host_page_map() reaches. */
void udmar__found_count(void *host, uint64_t irta, struct udmar__found_counts *out_counts);
/*
 * Copies what is present into our table, under the index that it has. Lost is an entry that
 * hardware refuses or that posts, that names a destination which ours cannot, or whose index a
 * source of ours has.
 */
void udmar__found_adopt(struct udmar__remap_table *table, uint64_t irta,
                        struct udmar__found_counts *out_counts);

#endif
