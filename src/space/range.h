/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses that callers ask for, and what has been mapped. */
#ifndef UDMAR_SPACE_RANGE_H
#define UDMAR_SPACE_RANGE_H

#include "space/domain.h"

/* Remembers a mapping that has ended. */
void udmar__note_ended(struct udmar_domain *domain, udmar_iova_t base, uint64_t size)
    UDMAR_REQUIRES(domain->lock);

/*
 * Is there a mapping in [first, last] that is not firmware's? Of udmar_domain_map(), a stream or a
 * load: their leaves tell, so that none of them has to be counted.
 */
bool udmar__caller_maps(struct udmar_domain *domain, udmar_iova_t first, udmar_iova_t last)
    UDMAR_REQUIRES(domain->lock);
/* Does anything of a caller live in the domain: a mapping, or addresses that he has reserved? */
bool udmar__domain_in_use(struct udmar_domain *domain);

#endif
