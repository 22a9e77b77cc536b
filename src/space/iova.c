/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree of taken guest addresses. */
#include "space/iova.h"

#include "base/assert.h"
#include "base/bits.h"

static unsigned height_of(const struct udmar__range *node)
{
    return node == NULL ? 0 : node->height;
}

static uint64_t gap_of(const struct udmar__range *node)
{
    return node == NULL ? 0 : node->largest_gap;
}

static void update_node(struct udmar__range *node)
{
    unsigned left = height_of(node->left);
    unsigned right = height_of(node->right);

    node->height = (uint8_t)((left > right ? left : right) + 1);
    node->largest_gap = udmar__max(node->gap, udmar__max(gap_of(node->left), gap_of(node->right)));
}

static struct udmar__range *rotate_right(struct udmar__range *node)
{
    struct udmar__range *up = node->left;

    UDMAR_ASSERT(up != NULL);
    node->left = up->right;
    up->right = node;
    update_node(node);
    update_node(up);
    return up;
}

static struct udmar__range *rotate_left(struct udmar__range *node)
{
    struct udmar__range *up = node->right;

    UDMAR_ASSERT(up != NULL);
    node->right = up->left;
    up->left = node;
    update_node(node);
    update_node(up);
    return up;
}

static struct udmar__range *balance_node(struct udmar__range *node)
{
    unsigned left = height_of(node->left);
    unsigned right = height_of(node->right);

    if (left > right + 1) {
        if (height_of(node->left->left) < height_of(node->left->right)) {
            node->left = rotate_left(node->left);
        }
        return rotate_right(node);
    }
    if (right > left + 1) {
        if (height_of(node->right->right) < height_of(node->right->left)) {
            node->right = rotate_right(node->right);
        }
        return rotate_left(node);
    }
    update_node(node);
    return node;
}

/* Recursion is as deep as the tree is high: at most 1.44 log2(n). */
static struct udmar__range *insert_below(struct udmar__range *node, struct udmar__range *range)
{
    if (node == NULL) {
        update_node(range);
        return range;
    }
    if (range->first < node->first) {
        node->left = insert_below(node->left, range);
    } else {
        node->right = insert_below(node->right, range);
    }
    return balance_node(node);
}

static struct udmar__range *take_lowest(struct udmar__range *node, struct udmar__range **out_lowest)
{
    if (node->left == NULL) {
        *out_lowest = node;
        return node->right;
    }
    node->left = take_lowest(node->left, out_lowest);
    return balance_node(node);
}

static struct udmar__range *remove_below(struct udmar__range *node, struct udmar__range *range)
{
    struct udmar__range *successor;

    UDMAR_ASSERT(node != NULL); /* the range is in the tree */
    if (range->first < node->first) {
        node->left = remove_below(node->left, range);
    } else if (range->first > node->first) {
        node->right = remove_below(node->right, range);
    } else {
        UDMAR_ASSERT(node == range);
        if (node->right == NULL) {
            return node->left;
        }
        node->right = take_lowest(node->right, &successor);
        successor->left = node->left;
        successor->right = node->right;
        node = successor;
    }
    return balance_node(node);
}

void udmar__iova_init(struct udmar__iova *iova, uint64_t pages)
{
    iova->end = (struct udmar__range){
        .first = pages, .last = pages, .gap = pages, .kind = UDMAR_RANGE_RESERVED
    };
    iova->count = 0;
    iova->root = insert_below(NULL, &iova->end);
}

struct udmar__range *udmar__iova_at_or_above(const struct udmar__iova *iova, uint64_t page)
{
    struct udmar__range *found = NULL;

    for (struct udmar__range *node = iova->root; node != NULL;) {
        if (node->last >= page) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found == &iova->end ? NULL : found;
}

struct udmar__range *udmar__iova_at_or_below(const struct udmar__iova *iova, uint64_t page)
{
    struct udmar__range *found = NULL;

    for (struct udmar__range *node = iova->root; node != NULL;) {
        /* Addresses behind the space have something below them, too: not the sentinel. */
        if (node->first <= page && node != &iova->end) {
            found = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return found;
}

bool udmar__iova_insert(struct udmar__iova *iova, struct udmar__range *range)
{
    struct udmar__range *above = udmar__iova_at_or_above(iova, range->first);
    struct udmar__range *next = above != NULL ? above : &iova->end;

    if (range->last < range->first || range->last >= next->first) {
        return false;
    }
    range->left = NULL;
    range->right = NULL;
    range->gap = range->first - (next->first - next->gap);
    /* It is an ancestor of the new leaf, so the maxima on the way to it are set anew as well. */
    next->gap = next->first - range->last - 1;
    iova->root = insert_below(iova->root, range);
    iova->count++;
    return true;
}

void udmar__iova_remove(struct udmar__iova *iova, struct udmar__range *range)
{
    struct udmar__range *above = udmar__iova_at_or_above(iova, range->last + 1);
    struct udmar__range *next = above != NULL ? above : &iova->end;

    UDMAR_ASSERT(iova->count > 0 && range != &iova->end);
    /* It is an ancestor, or takes the place: removing sets the maxima on the way to it anew. */
    next->gap += range->last - range->first + 1 + range->gap;
    iova->root = remove_below(iova->root, range);
    iova->count--;
}

struct search {
    uint64_t pages;  /* wanted */
    uint64_t gap;    /* gaps below this are not even looked at */
    uint64_t lowest; /* page numbers, inclusive */
    uint64_t highest;
    uint64_t alignment; /* pages */
    uint64_t boundary;  /* bytes; 0: none */
    uint64_t offset;    /* bytes */
    uint64_t bytes;
    uint64_t found;
};

/* A place in [first, last] (page numbers)? */
static bool fits_gap(struct search *search, uint64_t first, uint64_t last)
{
    uint64_t place;

    first = udmar__max(first, search->lowest);
    last = udmar__min(last, search->highest);
    place = udmar__align_up(first, search->alignment);
    if (search->boundary != 0) {
        uint64_t begin = (place << UDMAR_PAGE_SHIFT) + search->offset;

        if (((begin ^ (begin + search->bytes - 1)) & ~(search->boundary - 1)) != 0) {
            place = udmar__align_up(udmar__align_up(begin, search->boundary) >> UDMAR_PAGE_SHIFT,
                                    search->alignment);
        }
    }
    if (place > last || last - place < search->pages - 1) {
        return false;
    }
    search->found = place;
    return true;
}

static bool find_below(const struct udmar__range *node, struct search *search)
{
    if (node == NULL || node->largest_gap < search->gap) {
        return false;
    }
    if (node->first > search->lowest && find_below(node->left, search)) {
        return true;
    }
    if (node->gap >= search->gap && fits_gap(search, node->first - node->gap, node->first - 1)) {
        return true;
    }
    return node->last < search->highest && find_below(node->right, search);
}

static bool find_between(const struct udmar__iova *iova, struct search *search, uint64_t lowest,
                         uint64_t highest)
{
    if (lowest > highest) {
        return false;
    }
    search->lowest = lowest;
    search->highest = highest;
    /*
     * First only gaps in which every alignment and boundary finds a place: one descent. Only when
     * there is none of these, the tight ones one after the other.
     */
    search->gap = search->pages + search->alignment - 1 + (search->boundary ? search->pages : 0);
    if (find_below(iova->root, search)) {
        return true;
    }
    search->gap = search->pages;
    return find_below(iova->root, search);
}

bool udmar__iova_find(const struct udmar__iova *iova, uint64_t pages, uint64_t bytes,
                      const struct udmar_iova_limits *limits, uint64_t *out_first)
{
    uint64_t lowest = udmar__align_up(limits->lowest, UDMAR_PAGE_SIZE) >> UDMAR_PAGE_SHIFT;
    /* An address is usable up to the last page that lies below the limit with all its bytes. */
    uint64_t highest = limits->highest == 0
                           ? UINT64_MAX >> UDMAR_PAGE_SHIFT
                           : ((limits->highest - UDMAR_PAGE_MASK) >> UDMAR_PAGE_SHIFT);
    uint64_t hole_first = limits->exclude_first >> UDMAR_PAGE_SHIFT;
    uint64_t hole_last = limits->exclude_last >> UDMAR_PAGE_SHIFT;
    struct search search = {
        .pages = pages,
        .bytes = bytes,
        .alignment = udmar__max(limits->alignment >> UDMAR_PAGE_SHIFT, 1),
        .boundary = limits->boundary >= bytes ? limits->boundary : 0,
        .offset = limits->offset,
    };
    bool found;

    UDMAR_ASSERT(pages > 0 && pages << UDMAR_PAGE_SHIFT >= bytes);
    if (limits->highest != 0 && limits->highest < UDMAR_PAGE_MASK) {
        return false;
    }
    /*
     * The offset in the page stays as it is: whole pages cannot be moved away from a boundary then.
     */
    if (search.boundary != 0 && (search.offset & (search.boundary - 1)) + bytes > search.boundary) {
        return false;
    }
    if (limits->exclude_last == 0) {
        found = find_between(iova, &search, lowest, highest);
    } else {
        found = (hole_first > 0 &&
                 find_between(iova, &search, lowest, udmar__min(highest, hole_first - 1))) ||
                find_between(iova, &search, udmar__max(lowest, hole_last + 1), highest);
    }
    *out_first = search.found;
    return found;
}

static bool check_below(const struct udmar__range *node, uint64_t *previous_end, uint64_t *count)
{
    uint64_t gap = 0;

    if (node == NULL) {
        return true;
    }
    if (!check_below(node->left, previous_end, count)) {
        return false;
    }
    gap = node->first - *previous_end;
    if (node->first < *previous_end || node->last < node->first || node->gap != gap) {
        return false;
    }
    *previous_end = node->last + 1;
    ++*count;
    return check_below(node->right, previous_end, count) &&
           node->height == 1 + udmar__max(height_of(node->left), height_of(node->right)) &&
           height_of(node->left) <= height_of(node->right) + 1 &&
           height_of(node->right) <= height_of(node->left) + 1 &&
           node->largest_gap ==
               udmar__max(node->gap, udmar__max(gap_of(node->left), gap_of(node->right)));
}

bool udmar__iova_check(const struct udmar__iova *iova)
{
    uint64_t end = 0;
    uint64_t count = 0;

    return check_below(iova->root, &end, &count) && count == iova->count + 1;
}
