/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of a mapper between two calls (docs/DESIGN.md, section 20); for a debug build. */
#ifndef UDMAR_MAPPING_MAPPER_INVARIANTS_H
#define UDMAR_MAPPING_MAPPER_INVARIANTS_H

#include "mapping/cpu_cache.h"

#ifdef UDMAR_DEBUG

/*
 * Each answers null, or what is wrong, in words. While no call is under way in the domain, or, for
 * a window, while no other call names it.
 */

/* Windows, arenas, pools, caches, and what udmar__domain_check() looks at. Takes all the locks. */
const char *udmar__mapper_check(struct udmar_domain *domain);
const char *udmar__window_check(const struct udmar__window *window);
/* Takes the cache's lock. */
const char *udmar__cpu_cache_check(struct udmar_domain *domain, struct udmar__cpu_cache *cache);

#endif
#endif
