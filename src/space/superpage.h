/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Superpages: when a leaf of 2 MiB or 1 GiB is possible, a table that has filled up becomes one
 * (promotion), and one becomes a table (split). Both say the same, and the entry above changes in
 * one step, so a device that uses the pages notices nothing.
 */
#ifndef UDMAR_SPACE_SUPERPAGE_H
#define UDMAR_SPACE_SUPERPAGE_H

#include "space/page_walk.h"

/* The level of the largest leaf that address, memory and what is left allow. */
unsigned udmar__leaf_level(const struct udmar_domain *domain, udmar_iova_t iova,
                           udmar_paddr_t physical, uint64_t size);
/* Is the table that the walk stands on full, and a leaf of the level above possible? */
bool udmar__table_is_full(const struct udmar__walk *walk);
/*
 * Makes the full table that the walk stands on one leaf where its entries say together what one
 * can say; perhaps once more a level higher. The table is freed after the invalidation, and left as
 * it is until then, because hardware may still walk it.
 */
void udmar__table_promote(struct udmar__walk *walk, struct udmar__gather *gather);
/* The same for all tables in [iova, iova + size). */
void udmar__tables_promote(struct udmar__walk *walk, udmar_iova_t iova, uint64_t size,
                           struct udmar__gather *gather);
/* Makes sure that a leaf begins at @iova, if one covers it. UDMAR_ERR_MEMORY. */
enum udmar_status udmar__leaf_split_at(struct udmar__walk *walk, udmar_iova_t iova,
                                       struct udmar__gather *gather);

#endif
