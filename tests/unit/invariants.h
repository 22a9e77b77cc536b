/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's own view of itself (docs/DESIGN.md, section 20), for random courses: null, or what
 * is wrong, in words. Between two calls. A build without UDMAR_DEBUG has no such functions, and
 * nothing is found.
 */
#ifndef UDMAR_TESTS_INVARIANTS_H
#define UDMAR_TESTS_INVARIANTS_H

#include <stddef.h>

#include <udmar/busdma.h>
#include <udmar/udmar.h>

#ifdef UDMAR_DEBUG
/* Declared here as well, so that tests which see public headers alone can call them. */
const char *udmar__instance_check(struct udmar *instance);
const char *udmar__map_check(const struct udmar_dma_map *map);
#endif

static inline const char *invariants_broken(struct udmar *instance)
{
#ifdef UDMAR_DEBUG
    return udmar__instance_check(instance);
#else
    (void)instance;
    return NULL;
#endif
}

static inline const char *invariants_broken_of_map(const struct udmar_dma_map *map)
{
#ifdef UDMAR_DEBUG
    return udmar__map_check(map);
#else
    (void)map;
    return NULL;
#endif
}

#endif
