/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses: who has them, and what was where. */
#ifndef UDMAR_SPACE_ADDRESS_H
#define UDMAR_SPACE_ADDRESS_H

#include <udmar/fault.h>

#include "space/domain.h"

/* Remembers a mapping that has ended. */
void udmar__note_ended(struct udmar_domain *domain, udmar_iova_t base, uint64_t size)
    UDMAR_REQUIRES(domain->lock);

/* A node for @pages pages, in the tree already; @limits: without what the pool excludes. */
enum udmar_status udmar__range_alloc(struct udmar_domain *domain,
                                     const struct udmar__arena_pool *pool, uint64_t pages,
                                     uint64_t bytes, const struct udmar_iova_limits *limits,
                                     struct udmar__range *range);

/* Would there be such a range if nothing were taken but what is reserved for ever? */
bool udmar__range_possible(struct udmar_domain *domain, uint64_t pages, uint64_t bytes,
                           const struct udmar_iova_limits *limits);

/* Gives back an ALLOCATED range, whose invalidation has completed, and its node. */
void udmar__range_free(struct udmar_domain *domain, struct udmar__range *range);

/*
 * Unmaps a range and gives it back. After a failure it stays taken for ever: nobody may get
 * addresses that a device may still reach.
 */
enum udmar_status udmar__range_end(struct udmar_domain *domain, struct udmar__range *range);

/*
 * Is there a mapping in [first, last] that is not firmware's? Of udmar_domain_map(), a stream or a
 * load: their leaves tell, so that none of them has to be counted.
 */
bool udmar__caller_maps(struct udmar_domain *domain, udmar_iova_t first, udmar_iova_t last)
    UDMAR_REQUIRES(domain->lock);
/* Does anything of a caller live in the domain: a mapping, or addresses that he has reserved? */
bool udmar__domain_in_use(struct udmar_domain *domain);

/* Fills in place, near_base, near_size and near_age of a fault. */
void udmar__locate(struct udmar_domain *domain, udmar_iova_t address, struct udmar_fault *fault);

#endif
