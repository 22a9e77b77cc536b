/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of a domain between two calls (docs/DESIGN.md, section 20); for a debug build. */
#ifndef UDMAR_SPACE_DOMAIN_INVARIANTS_H
#define UDMAR_SPACE_DOMAIN_INVARIANTS_H

#include "space/domain.h"

#ifdef UDMAR_DEBUG

/* Entries that are counted as used without being present: their owners stand above this layer. */
struct udmar__reserved_entries {
    /* Is the entry of @level that covers @page, in @range of the address tree, such a one? */
    bool (*is_reserved)(const struct udmar__range *range, uint64_t page, unsigned level);
    uint64_t tables; /* that the domain has counted and that no entry leads to now */
};

/*
 * Null, or what is wrong, in words. While no call is under way in the domain. @reserved: null where
 * nothing but the domain itself uses it. Takes the domain's lock; maps one page a level.
 */
const char *udmar__domain_check(struct udmar_domain *domain,
                                const struct udmar__reserved_entries *reserved);
/*
 * How many context entries of the unit carry a domain id: those that are present, and those whose
 * end the unit has not confirmed. Takes the unit's lock.
 */
unsigned udmar__contexts_count(struct udmar_unit *unit, uint16_t id);

#endif
#endif
