/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of taken guest addresses, against a naive map of pages: what it finds must fit, and when
 * it finds nothing there must be nothing.
 */
#include <string.h>

#include "space/iova.h"
#include "fixture/fixture.h"

#define PAGES  1024u
#define RANGES 256u

struct space {
    struct udmar__iova iova;
    struct udmar__range range[RANGES];
    bool used[RANGES];
    bool taken[PAGES];
    uint32_t random;
};

static struct space *new_space(uint32_t seed)
{
    struct space *s = test_calloc(1, sizeof(*s));

    s->random = seed;
    udmar__iova_init(&s->iova, PAGES);
    return s;
}

static bool range_free(const struct space *s, uint64_t first, uint64_t last)
{
    if (last < first || last >= PAGES)
        return false;
    for (uint64_t page = first; page <= last; page++) {
        if (s->taken[page])
            return false;
    }
    return true;
}

static void set_taken(struct space *s, const struct udmar__range *range, bool taken)
{
    for (uint64_t page = range->first; page <= range->last; page++)
        s->taken[page] = taken;
}

static bool insert(struct space *s, unsigned n, uint64_t first, uint64_t last)
{
    s->range[n] = (struct udmar__range){ .first = first, .last = last };
    if (!udmar__iova_insert(&s->iova, &s->range[n]))
        return false;
    s->used[n] = true;
    set_taken(s, &s->range[n], true);
    return true;
}

static void remove_range(struct space *s, unsigned n)
{
    udmar__iova_remove(&s->iova, &s->range[n]);
    s->used[n] = false;
    set_taken(s, &s->range[n], false);
}

/* May a range of these pages begin at this page under the limits? By the words of domain.h. */
static bool allowed(const struct space *s, uint64_t first, uint64_t pages, uint64_t bytes,
                    const struct udmar_iova_limits *limits)
{
    uint64_t base = first * PAGE;
    uint64_t end = base + pages * PAGE - 1;
    uint64_t begin = base + limits->offset;
    uint64_t mask = limits->boundary - 1;

    if (!range_free(s, first, first + pages - 1) || base < limits->lowest)
        return false;
    if (limits->highest != 0 && end > limits->highest)
        return false;
    if (limits->exclude_last != 0 && base <= (limits->exclude_last | (PAGE - 1)) &&
        end >= (limits->exclude_first & ~(PAGE - 1)))
        return false;
    if (limits->alignment != 0 && (base & (limits->alignment - 1)) != 0)
        return false;
    return limits->boundary == 0 || limits->boundary < bytes ||
           (begin & ~mask) == ((begin + bytes - 1) & ~mask);
}

static void roll_limits(struct space *s, struct udmar_iova_limits *limits)
{
    memset(limits, 0, sizeof(*limits));
    if (roll_below(&s->random, 2) == 0)
        limits->alignment = UINT64_C(1) << roll_below(&s->random, 20);
    if (roll_below(&s->random, 2) == 0)
        limits->boundary = UINT64_C(1) << (8 + roll_below(&s->random, 14));
    if (roll_below(&s->random, 3) == 0)
        limits->lowest = roll_below(&s->random, PAGES * 4096u);
    if (roll_below(&s->random, 3) == 0)
        limits->highest = 1 + roll_below(&s->random, PAGES * 4096u);
    if (roll_below(&s->random, 3) == 0) {
        limits->exclude_first = roll_below(&s->random, PAGES * 4096u);
        limits->exclude_last = limits->exclude_first + 1 + roll_below(&s->random, 200u * 4096u);
    }
    if (roll_below(&s->random, 2) == 0)
        limits->offset = roll_below(&s->random, 4096);
}

/* One search, checked against trying every page. Returns a page or PAGES. */
static uint64_t find_checked(struct space *s)
{
    struct udmar_iova_limits limits;
    uint64_t bytes = 1 + roll_below(&s->random, 1u << (4 + roll_below(&s->random, 14)));
    uint64_t found = 0, pages;
    bool any = false;

    roll_limits(s, &limits);
    pages = (bytes + limits.offset + PAGE - 1) / PAGE;
    for (uint64_t page = 0; page < PAGES && !any; page++)
        any = allowed(s, page, pages, bytes, &limits);
    if (udmar__iova_find(&s->iova, pages, bytes, &limits, &found)) {
        assert_true(allowed(s, found, pages, bytes, &limits));
        return found + pages <= PAGES ? found : PAGES;
    }
    assert_false(any);
    return PAGES;
}

static void test_random_find_against_a_page_map(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct space *s = new_space(seed);

        for (unsigned step = 0; step < 1500; step++) {
            unsigned n = roll_below(&s->random, RANGES);

            if (s->used[n]) {
                remove_range(s, n);
            } else {
                uint64_t first = find_checked(s);

                if (first < PAGES)
                    assert_true(insert(s, n, first, first));
            }
            assert_true(udmar__iova_check(&s->iova));
        }
        test_free(s);
    }
}

static void test_random_insert_and_remove(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        struct space *s = new_space(seed);
        unsigned count = 0;

        for (unsigned step = 0; step < 4000; step++) {
            unsigned n = roll_below(&s->random, RANGES);
            uint64_t first = roll_below(&s->random, PAGES);
            uint64_t last = first + roll_below(&s->random, 8);

            if (s->used[n]) {
                remove_range(s, n);
                count--;
            } else {
                bool free = range_free(s, first, last);

                assert_int_equal(insert(s, n, first, last), free);
                count += free;
            }
            assert_int_equal(s->iova.count, count);
            assert_true(udmar__iova_check(&s->iova));
        }
        test_free(s);
    }
}

static void test_neighbours_of_every_page(void **state)
{
    struct space *s = new_space(7);

    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        uint64_t first = roll_below(&s->random, PAGES - 8);

        if (range_free(s, first, first + n % 5))
            insert(s, n, first, first + n % 5);
    }
    for (uint64_t page = 0; page < PAGES; page++) {
        const struct udmar__range *above = NULL, *below = NULL;

        for (unsigned n = 0; n < RANGES; n++) {
            struct udmar__range *range = &s->range[n];

            if (s->used[n] && range->last >= page && (above == NULL || range->first < above->first))
                above = range;
            if (s->used[n] && range->first <= page &&
                (below == NULL || range->first > below->first))
                below = range;
        }
        assert_ptr_equal(udmar__iova_at_or_above(&s->iova, page), above);
        assert_ptr_equal(udmar__iova_at_or_below(&s->iova, page), below);
    }
    test_free(s);
}

static void test_insert_refuses_overlap_and_end(void **state)
{
    struct space *s = new_space(1);

    (void)state;
    assert_true(insert(s, 0, 10, 19));
    assert_false(insert(s, 1, 19, 19));
    assert_false(insert(s, 1, 5, 10));
    assert_false(insert(s, 1, 0, PAGES - 1));
    assert_false(insert(s, 1, 12, 13));
    assert_false(insert(s, 1, PAGES - 1, PAGES));
    assert_false(insert(s, 1, 30, 29));
    assert_true(insert(s, 1, 20, 20));
    assert_true(insert(s, 2, 0, 9));
    assert_true(insert(s, 3, 21, PAGES - 1));
    assert_true(udmar__iova_check(&s->iova));
    test_free(s);
}

static void test_full_space_finds_nothing(void **state)
{
    struct space *s = new_space(1);
    const struct udmar_iova_limits none = { 0 };
    uint64_t found;

    (void)state;
    assert_true(udmar__iova_find(&s->iova, PAGES, PAGES * PAGE, &none, &found));
    assert_int_equal(found, 0);
    assert_false(udmar__iova_find(&s->iova, PAGES + 1, (PAGES + 1) * PAGE, &none, &found));
    assert_true(insert(s, 0, 0, PAGES - 1));
    assert_false(udmar__iova_find(&s->iova, 1, 1, &none, &found));
    remove_range(s, 0);
    assert_true(udmar__iova_find(&s->iova, PAGES, PAGES * PAGE, &none, &found));
    test_free(s);
}

/* An offset in the page can make a boundary impossible to keep: then there is no place. */
static void test_boundary_that_cannot_be_kept(void **state)
{
    struct space *s = new_space(1);
    struct udmar_iova_limits limits = { .boundary = 4096, .offset = 0xf00 };
    uint64_t found;

    (void)state;
    assert_false(udmar__iova_find(&s->iova, 2, 0x200, &limits, &found));
    limits.boundary = 2048;
    assert_false(udmar__iova_find(&s->iova, 2, 0x200, &limits, &found));
    assert_true(udmar__iova_find(&s->iova, 1, 0x100, &limits, &found));
    limits.boundary = 8192;
    assert_true(udmar__iova_find(&s->iova, 2, 0x200, &limits, &found));
    assert_int_equal(found & 1, 0);
    test_free(s);
}

/* What ends right before a boundary does not cross it: the one free page will do. */
static void test_boundary_that_is_just_kept(void **state)
{
    struct space *s = new_space(1);
    const struct udmar_iova_limits limits = { .boundary = 4 * PAGE };
    uint64_t found;

    (void)state;
    assert_true(insert(s, 0, 0, 6));
    assert_true(insert(s, 1, 8, PAGES - 1));
    assert_true(udmar__iova_find(&s->iova, 1, PAGE, &limits, &found));
    assert_int_equal(found, 7);
    test_free(s);
}

/* ---- Shape ----------------------------------------------------------------------------------- */

#define MANY 16384u

/* 1.45 log2(n) + 2, in integers: the smallest AVL tree of height h has Fibonacci many nodes. */
static unsigned most_height(uint64_t nodes)
{
    uint64_t smallest = 1, next = 2;
    unsigned height = 1;

    while (next <= nodes) {
        uint64_t sum = smallest + next + 1;

        smallest = next;
        next = sum;
        height++;
    }
    return height;
}

static void insert_many(struct udmar__iova *iova, struct udmar__range *range, unsigned order)
{
    for (unsigned i = 0; i < MANY; i++) {
        unsigned n = order == 0 ? i : order == 1 ? MANY - 1 - i : (i * 7919u) % MANY;

        range[n] = (struct udmar__range){ .first = 2 * n, .last = 2 * n };
        assert_true(udmar__iova_insert(iova, &range[n]));
    }
}

static void test_height_stays_logarithmic(void **state)
{
    struct udmar__range *range = test_calloc(MANY, sizeof(*range));

    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        struct udmar__iova iova;

        udmar__iova_init(&iova, 4 * MANY);
        insert_many(&iova, range, order);
        assert_true(udmar__iova_check(&iova));
        assert_true(iova.root->height <= most_height(MANY + 1));
        assert_true(iova.root->height <= 24);
        /* Take three of four away, in address order: the worst for a tree that does not rotate. */
        for (unsigned n = 0; n < MANY * 3 / 4; n++)
            udmar__iova_remove(&iova, &range[n]);
        assert_true(udmar__iova_check(&iova));
        assert_true(iova.root->height <= most_height(MANY / 4 + 1));
    }
    test_free(range);
}

/* Every second page is taken: a search for two pages must go straight to the one gap at the end. */
static void test_fragmented_space_finds_the_one_gap(void **state)
{
    struct udmar__range *range = test_calloc(MANY, sizeof(*range));
    const struct udmar_iova_limits none = { 0 };
    struct udmar__iova iova;
    uint64_t found;

    (void)state;
    udmar__iova_init(&iova, 2 * MANY + 1);
    insert_many(&iova, range, 0);
    assert_true(udmar__iova_find(&iova, 1, PAGE, &none, &found));
    assert_int_equal(found, 1);
    assert_true(udmar__iova_find(&iova, 2, 2 * PAGE, &none, &found));
    assert_int_equal(found, 2 * MANY - 1);
    assert_false(udmar__iova_find(&iova, 3, 3 * PAGE, &none, &found));
    udmar__iova_remove(&iova, &range[MANY / 2]);
    assert_true(udmar__iova_find(&iova, 3, 3 * PAGE, &none, &found));
    assert_int_equal(found, MANY - 1);
    test_free(range);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_find_against_a_page_map),
        cmocka_unit_test(test_random_insert_and_remove),
        cmocka_unit_test(test_neighbours_of_every_page),
        cmocka_unit_test(test_insert_refuses_overlap_and_end),
        cmocka_unit_test(test_full_space_finds_nothing),
        cmocka_unit_test(test_boundary_that_cannot_be_kept),
        cmocka_unit_test(test_boundary_that_is_just_kept),
        cmocka_unit_test(test_height_stays_logarithmic),
        cmocka_unit_test(test_fragmented_space_finds_the_one_gap),
    };

    return cmocka_run_group_tests_name("iova", tests, NULL, NULL);
}
