/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest address space of a domain: which addresses are taken.
 *
 * A balanced tree (AVL) of taken ranges, keyed by address. Each node knows the free pages between
 * its predecessor and itself (gap) and the largest gap of its subtree, so that a gap which is large
 * enough is found in one descent, however fragmented the space is. A sentinel range at the end of
 * the space owns the last gap.
 *
 * Invariants: ranges do not overlap; |height(left) - height(right)| <= 1;
 * node.largest_gap == max(node.gap, left.largest_gap, right.largest_gap).
 * The owner of the tree holds its lock; nothing here locks, allocates or calls the host.
 */
#ifndef UDMAR_SPACE_IOVA_H
#define UDMAR_SPACE_IOVA_H

#include <udmar/domain.h>

struct udmar__range {
    uint64_t first; /* page numbers, inclusive */
    uint64_t last;
    uint64_t gap;         /* free pages in front of first */
    uint64_t largest_gap; /* of this subtree */
    struct udmar__range *left;
    struct udmar__range *right;
    uint8_t height;
    uint8_t kind; /* enum udmar_range_kind */
    bool of_load; /* for one load or stream, which alone may free it */
};

struct udmar__iova {
    struct udmar__range *root;
    struct udmar__range end; /* the sentinel: first is one page behind the space */
    uint64_t count;          /* ranges without the sentinel */
};

/* An empty space of @pages pages, from page 0. */
void udmar__iova_init(struct udmar__iova *iova, uint64_t pages);
/* Takes [range->first, range->last]; false when it overlaps what is taken or leaves the space. */
bool udmar__iova_insert(struct udmar__iova *iova, struct udmar__range *range);
void udmar__iova_remove(struct udmar__iova *iova, struct udmar__range *range);
/*
 * The lowest place for @pages pages within the limits (limits are the ones of
 * udmar_domain_alloc_iova(), already checked). The range is not inserted.
 */
bool udmar__iova_find(const struct udmar__iova *iova, uint64_t pages, uint64_t bytes,
                      const struct udmar_iova_limits *limits, uint64_t *out_first);
/* The range that holds the page, or the next one above it; null when there is none. */
struct udmar__range *udmar__iova_at_or_above(const struct udmar__iova *iova, uint64_t page);
/* The range that holds the page, or the next one below it; null when there is none. */
struct udmar__range *udmar__iova_at_or_below(const struct udmar__iova *iova, uint64_t page);
/* Checks the invariants above; for tests. */
bool udmar__iova_check(const struct udmar__iova *iova);

#endif
