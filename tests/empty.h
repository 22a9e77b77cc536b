/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test has left in a domain, taken away: a device does not leave a domain in which anything
 * of a caller lives. Not for busdma's maps and for streams: those end one by one.
 */
#ifndef UDMAR_TESTS_EMPTY_H
#define UDMAR_TESTS_EMPTY_H

#include <udmar/domain.h>

/* The unit may be dead or the memory firmware's: what it says does not matter here. */
static inline void empty_domain(struct udmar_domain *domain)
{
    struct udmar_mapping_info page;
    struct udmar_range_info range;

    for (udmar_iova_t at = 0; udmar_domain_next_mapping(domain, at, &page);) {
        udmar_iova_t first = page.iova;

        do {
            at = page.iova + page.size;
        } while (udmar_domain_next_mapping(domain, at, &page) && page.iova == at);
        (void)udmar_domain_unmap(domain, first, at - first);
    }
    for (udmar_iova_t at = 0; udmar_domain_next_range(domain, at, &range);
         at = range.base + range.size) {
        (void)udmar_domain_free_iova(domain, range.base);
    }
}

#endif
