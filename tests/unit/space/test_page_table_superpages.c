/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves of the page tables: as large as can be, parts of large ones that go, small pages that
 * become a large one, and whose pages never do.
 */
#include <string.h>

#include <udmar/host.h>
#include <udmar/stream.h>

#include "fixture/page_table.h"

/* What the fewest leaves would be, level by level. */
static void fewest_leaves(uint64_t iova, uint64_t physical, uint64_t size, unsigned superpages,
                          uint64_t leaves[7])
{
    memset(leaves, 0, 7 * sizeof(leaves[0]));
    while (size > 0) {
        unsigned level = 3;

        for (; level > 1; level--) {
            uint64_t bytes = UINT64_C(1) << (12 + 9 * (level - 1));

            if ((superpages & (1u << (level - 2))) != 0 && size >= bytes &&
                ((iova | physical) & (bytes - 1)) == 0)
                break;
        }
        leaves[level]++;
        iova += UINT64_C(1) << (12 + 9 * (level - 1));
        physical += UINT64_C(1) << (12 + 9 * (level - 1));
        size -= UINT64_C(1) << (12 + 9 * (level - 1));
    }
}

static void check_leaves(struct fixture *f, uint64_t iova, uint64_t physical, uint64_t size)
{
    struct udmar_domain_info info;
    struct model_tree tree;
    uint64_t leaves[7];

    udmar_domain_info(f->domain, &info);
    assert_int_equal(udmar_domain_map(f->domain, iova, physical, size, UDMAR_READ_WRITE), UDMAR_OK);
    tree = model_count_tree(f->m, 0, RID0);
    fewest_leaves(iova, physical, size, info.superpages, leaves);
    for (unsigned level = 1; level <= 3; level++)
        assert_int_equal(tree.leaves[level], leaves[level]);
    assert_int_equal(tree.empty_tables, 0);
    assert_int_equal(udmar_domain_unmap(f->domain, iova, size), UDMAR_OK);
    tree = model_count_tree(f->m, 0, RID0);
    assert_int_equal(tree.tables, 1);
}

static void test_leaves_are_as_large_as_alignment_allows(void **state)
{
    static const uint64_t addresses[] = { GIB(5), GIB(5) + MIB(2), GIB(6) - PAGE, GIB(7) - MIB(2) };
    static const uint64_t sizes[] = { PAGE, MIB(2), MIB(2) + PAGE, GIB(1), GIB(1) + MIB(4) + PAGE };
    static const uint64_t clears[] = { 0, UINT64_C(1) << 35, UINT64_C(1) << 34, UINT64_C(3) << 34 };

    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        const struct setup setup = { .unit = { .cap_clear = clears[c] } };
        struct fixture f;

        /* The capability bits are independent: 1G without 2M is odd but legal. */
        fixture_open(&f, &setup);
        for (unsigned a = 0; a < 4; a++) {
            for (unsigned s = 0; s < 5; s++) {
                check_leaves(&f, addresses[a], addresses[a] + GIB(64), sizes[s]);
                check_leaves(&f, addresses[a], addresses[a] + GIB(64) + PAGE, MIB(2) + PAGE);
            }
        }
        fixture_close(&f);
    }
}

static void test_two_levels_have_small_pages_only(void **state)
{
    const struct setup setup = { .profile = "two-level" };
    struct fixture f;
    struct model_tree tree;

    (void)state;
    fixture_open(&f, &setup);
    assert_int_equal(udmar_domain_map(f.domain, MIB(2), MIB(4), MIB(4), UDMAR_READ), UDMAR_OK);
    tree = model_count_tree(f.m, 0, RID0);
    assert_int_equal(tree.levels, 2);
    assert_int_equal(tree.leaves[1], 1024);
    assert_int_equal(tree.leaves[2], 0);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(2), MIB(4)), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Parts of large leaves ------------------------------------------------------------------- */

/* A device that goes on using what stays mapped, at every moment that a host call gives. */
struct user {
    struct fixture *f;
    uint64_t kept[3];
    unsigned accesses;
    unsigned refused;
};

static void use_kept(void *context, struct model *m, enum model_event event)
{
    struct user *user = context;

    (void)event;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t byte;
        enum model_result result = model_dma(m, 0, RID0, user->kept[i], &byte, 1, false);

        user->accesses++;
        user->refused += result == MODEL_BLOCKED;
    }
}

static void unmap_part(const struct kind *kind, uint64_t leaf, uint64_t from, uint64_t size,
                       const struct model_behaviour *behaviour)
{
    struct fixture f;
    struct user user = { .f = &f };
    uint64_t iova = GIB(9), physical = GIB(64);
    bool no_1g = kind->setup.unit.cap_clear == UINT64_C(1) << 35;

    fixture_open(&f, &kind->setup);
    *model_behaviour(f.u) = *behaviour;
    assert_int_equal(udmar_domain_map(f.domain, iova, physical, leaf, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(model_translate(f.m, 0, RID0, iova, false).leaf_size, no_1g ? MIB(2) : leaf);
    user.kept[0] = from == 0 ? iova + size : iova;
    user.kept[1] = from + size == leaf ? iova + from - 1 : iova + leaf - 1;
    user.kept[2] = from == 0 ? iova + size : iova + from - 1;
    /* Something of what goes away is cached, and of what stays. */
    (void)can_read(&f, RID0, iova + from);
    model_set_hook(f.m, use_kept, &user);
    assert_int_equal(udmar_domain_unmap(f.domain, iova + from, size), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(user.accesses > 0);
    assert_int_equal(user.refused, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(model_translate_cached(f.m, 0, RID0, user.kept[i], true).physical,
                         user.kept[i] - iova + physical);
    assert_false(can_read(&f, RID0, iova + from));
    assert_int_equal(model_translate_cached(f.m, 0, RID0, iova + from + size - 1, false).result,
                     MODEL_BLOCKED);
    assert_int_equal(udmar_domain_unmap(f.domain, iova, leaf), UDMAR_OK);
    check_tables(&f);
    fixture_close(&f);
}

static void unmap_parts(uint64_t leaf)
{
    /* What is cached hides what is in memory, and the other way round: try both. */
    static const struct model_behaviour behaviours[] = { { .prefetch = false },
                                                         { .prefetch = true },
                                                         { .no_caches = true } };

    for (unsigned i = 0; i < 3 * KINDS; i++) {
        const struct kind *kind = &kinds[i / 3];
        const struct model_behaviour *behaviour = &behaviours[i % 3];

        /* Kinds with large pages: none for the oldest and for two levels. */
        if (kind->pages != ZONE_PAGES || kind->base == GIB(100))
            continue;
        unmap_part(kind, leaf, 0, PAGE, behaviour);
        unmap_part(kind, leaf, leaf / 2, PAGE, behaviour);
        unmap_part(kind, leaf, leaf - PAGE, PAGE, behaviour);
        unmap_part(kind, leaf, leaf / 4, leaf / 2, behaviour);
        unmap_part(kind, leaf, leaf / 2 - PAGE, leaf / 2 + PAGE, behaviour);
    }
}

static void test_part_of_a_2m_leaf(void **state)
{
    (void)state;
    unmap_parts(MIB(2));
}

static void test_part_of_a_1g_leaf(void **state)
{
    (void)state;
    unmap_parts(GIB(1));
}

/* Small pages, then one large leaf at the same place, and back: both kinds of cache are warm. */
static void test_small_and_large_in_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct zone z;

        zone_open(&z, &kinds[i], 1);
        for (unsigned round = 0; round < 6; round++) {
            uint64_t physical = DATA_BASE + MIB(2) + (round % 2 != 0 ? PAGE : 0);
            uint64_t iova = z.base + MIB(4), seen;

            assert_int_equal(udmar_domain_map(z.f.domain, iova, physical, MIB(2), UDMAR_READ),
                             UDMAR_OK);
            for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE) {
                assert_int_equal(model_dma(z.f.m, 0, RID0, iova + at, &seen, 8, false), MODEL_OK);
                assert_int_equal(seen, physical + at);
            }
            assert_int_equal(udmar_domain_unmap(z.f.domain, iova, MIB(2)), UDMAR_OK);
            for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE)
                assert_false(can_read(&z.f, RID0, iova + at));
        }
        zone_close(&z);
    }
}

/* ---- Small pages that complete a large one --------------------------------------------------- */

/* In any order, with every cache warm; then a part of it goes again. */
static void test_run_of_small_pages_becomes_a_leaf(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct udmar_page other[8];
        struct zone z;
        uint64_t seen;

        zone_open(&z, &kinds[i], 1);
        model_behaviour(z.f.u)->prefetch = i % 2 == 0;
        for (unsigned n = 0; n < 512; n++) {
            uint64_t page = (n * 5 + 3) % 512 * PAGE;

            assert_int_equal(udmar_domain_map(z.f.domain, z.base + page, DATA_BASE + MIB(2) + page,
                                              PAGE, UDMAR_READ),
                             UDMAR_OK);
            assert_int_equal(model_dma(z.f.m, 0, RID0, z.base + page, &seen, 8, false), MODEL_OK);
        }
        if (udmar_device_domain(z.f.device[0]) != NULL) {
            struct udmar_domain_info info;
            struct model_tree tree = model_count_tree(z.f.m, 0, RID0);

            udmar_domain_info(z.f.domain, &info);
            assert_int_equal(tree.leaves[2], (info.superpages & 1) != 0 ? 1 : 0);
            assert_int_equal(tree.leaves[1], (info.superpages & 1) != 0 ? 0 : 512);
        }
        /* What the table was is somebody else's now, and full of zeroes. */
        for (unsigned n = 0; n < 8; n++)
            assert_true(udmar_host_page_alloc(z.f.m, 1, UINT64_MAX, false, &other[n]));
        for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE) {
            assert_int_equal(model_dma(z.f.m, 0, RID0, z.base + at, &seen, 8, false), MODEL_OK);
            assert_int_equal(seen, DATA_BASE + MIB(2) + at);
            assert_false(can_write(&z.f, RID0, z.base + at));
        }
        drain_faults(&z.f);
        for (unsigned n = 0; n < 8; n++)
            udmar_host_page_free(z.f.m, &other[n], 1);
        assert_int_equal(udmar_domain_unmap(z.f.domain, z.base + 7 * PAGE, PAGE), UDMAR_OK);
        assert_false(can_read(&z.f, RID0, z.base + 7 * PAGE));
        assert_true(can_read(&z.f, RID0, z.base + 8 * PAGE));
        assert_int_equal(udmar_domain_unmap(z.f.domain, z.base, MIB(2)), UDMAR_OK);
        assert_false(can_read(&z.f, RID0, z.base));
        zone_close(&z);
    }
}

/* One page elsewhere, with other rights, or all of it not aligned: it stays small. */
static void test_what_is_no_run_stays_small(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct fixture f;

        fixture_open(&f, NULL);
        for (unsigned n = 0; n < 512; n++) {
            uint64_t physical = MIB(64) + n * PAGE + (kind == 0 ? PAGE : 0);
            unsigned access = kind == 1 && n == 511 ? UDMAR_READ : UDMAR_READ_WRITE;

            if (kind == 2 && n == 100)
                physical += MIB(2);
            assert_int_equal(udmar_domain_map(f.domain, GIB(5) + n * PAGE, physical, PAGE, access),
                             UDMAR_OK);
        }
        assert_int_equal(model_count_tree(f.m, 0, RID0).leaves[1], 512);
        assert_int_equal(udmar_domain_unmap(f.domain, GIB(5), MIB(2)), UDMAR_OK);
        fixture_close(&f);
    }
}

/* 512 large pages complete one of 1 GiB, and both tables below come back. */
static void test_large_pages_become_a_larger_one(void **state)
{
    struct udmar_domain_info before, after;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    udmar_domain_info(f.domain, &before);
    for (unsigned n = 0; n < 511; n++) {
        assert_int_equal(udmar_domain_map(f.domain, GIB(6) + n * MIB(2), GIB(2) + n * MIB(2),
                                          MIB(2), UDMAR_READ_WRITE),
                         UDMAR_OK);
    }
    for (unsigned n = 0; n < 512; n++) {
        assert_int_equal(udmar_domain_map(f.domain, GIB(6) + 511 * MIB(2) + n * PAGE,
                                          GIB(2) + 511 * MIB(2) + n * PAGE, PAGE, UDMAR_READ_WRITE),
                         UDMAR_OK);
    }
    assert_int_equal(model_count_tree(f.m, 0, RID0).leaves[3], 1);
    udmar_domain_info(f.domain, &after);
    /* The leaf of 1 GiB stands in the root of three levels. */
    assert_int_equal(after.table_pages, before.table_pages);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(6), GIB(1)), UDMAR_OK);
    udmar_domain_info(f.domain, &after);
    assert_int_equal(after.table_pages, before.table_pages);
    fixture_close(&f);
}

/* A page out of a large leaf, and the same page again: nothing keeps it from becoming one again. */
static void test_large_again(void **state)
{
    const uint64_t base = MIB(2);
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, base, DATA_BASE, MIB(2), UDMAR_READ), UDMAR_OK);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(model_count_tree(f.m, 0, RID0).leaves[2], 1);
        assert_int_equal(udmar_domain_unmap(f.domain, base + 5 * PAGE, PAGE), UDMAR_OK);
        assert_int_equal(model_count_tree(f.m, 0, RID0).leaves[1], 511);
        assert_int_equal(
            udmar_domain_map(f.domain, base + 5 * PAGE, DATA_BASE + 5 * PAGE, PAGE, UDMAR_READ),
            UDMAR_OK);
    }
    assert_int_equal(udmar_domain_unmap(f.domain, base, MIB(2)), UDMAR_OK);
    check_tables(&f);
    fixture_close(&f);
}

/* ---- Neighbours of a large leaf -------------------------------------------------------------- */

/* A window keeps where its entry is: a large leaf must not take the place of that table. */
static void test_window_among_large_pages(void **state)
{
    const struct udmar_dma_physical piece = { GIB(8), MIB(2) };
    const struct udmar_iova_limits behind = { .lowest = GIB(1) + MIB(2) };
    uint64_t found;
    struct fixture f;
    udmar_iova_t low, window, rest;

    (void)state;
    fixture_open(&f, NULL);
    /* So that the window begins at 1 GiB. */
    assert_int_equal(udmar_domain_alloc_iova(f.domain, GIB(1) - MIB(2), NULL, &low), UDMAR_OK);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, UDMAR_READ_WRITE, UINT64_MAX, &window),
                     UDMAR_OK);
    assert_int_equal(window, GIB(1));
    assert_int_equal(udmar_domain_alloc_iova(f.domain, GIB(1) - MIB(2), &behind, &rest), UDMAR_OK);
    assert_int_equal(rest, GIB(1) + MIB(2));
    assert_int_equal(
        udmar_domain_map(f.domain, rest, piece.address + MIB(2), GIB(1) - MIB(2), UDMAR_READ_WRITE),
        UDMAR_OK);
    assert_int_equal(udmar_stream_unmap(f.domain, window), UDMAR_OK);
    assert_int_equal(udmar_domain_translate(f.domain, window, &found, NULL, NULL),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_translate(f.domain, rest, &found, NULL, NULL), UDMAR_OK);
    assert_int_equal(found, piece.address + MIB(2));
    assert_int_equal(udmar_domain_unmap(f.domain, rest, GIB(1) - MIB(2)), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, rest), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, low), UDMAR_OK);
    fixture_close(&f);
}

static void no_more_tables(struct fixture *f, bool none)
{
    model_fail_host_calls_of(f->m, MODEL_CALL_PAGE_ALLOC, none ? 1 : 0, none);
}

/* What completes a large leaf and then finds no memory for the rest leaves nothing mapped. */
static void test_failed_map_is_taken_back_whole(void **state)
{
    uint64_t base = GIB(16), last = base + MIB(2) - PAGE, found;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, base, GIB(8), MIB(2) - PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    no_more_tables(&f, true);
    assert_int_equal(
        udmar_domain_map(f.domain, last, GIB(8) + MIB(2) - PAGE, 3 * PAGE, UDMAR_READ_WRITE),
        UDMAR_ERR_MEMORY);
    assert_int_equal(udmar_domain_translate(f.domain, last, &found, NULL, NULL),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_translate(f.domain, last - 1, &found, NULL, NULL), UDMAR_OK);
    no_more_tables(&f, false);
    /* With memory both tables at the border are looked at. */
    assert_int_equal(udmar_domain_map(f.domain, base + MIB(2) + PAGE, GIB(8) + MIB(2) + PAGE,
                                      MIB(2) - PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_int_equal(
        udmar_domain_map(f.domain, last, GIB(8) + MIB(2) - PAGE, 2 * PAGE, UDMAR_READ_WRITE),
        UDMAR_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_domain_translate(f.domain, base + i * MIB(2), NULL, NULL, &found),
                         UDMAR_OK);
        assert_int_equal(found, MIB(2));
    }
    assert_int_equal(udmar_domain_unmap(f.domain, base, MIB(4)), UDMAR_OK);
    fixture_close(&f);
}

/* Two owners' neighbouring pages: ending one's mapping never needs memory. */
static void test_neighbours_end_without_memory(void **state)
{
    const struct udmar_iova_limits first = { .lowest = GIB(16) };
    const struct udmar_iova_limits second = { .lowest = GIB(16) + MIB(1) };
    struct fixture f;
    udmar_iova_t a, b;
    uint64_t found;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, MIB(1), &first, &a), UDMAR_OK);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, MIB(1), &second, &b), UDMAR_OK);
    assert_int_equal(b, a + MIB(1));
    assert_int_equal(udmar_domain_map(f.domain, a, GIB(8), MIB(1), UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(udmar_domain_map(f.domain, b, GIB(8) + MIB(1), MIB(1), UDMAR_READ_WRITE),
                     UDMAR_OK);
    no_more_tables(&f, true);
    assert_int_equal(udmar_domain_unmap(f.domain, b, MIB(1)), UDMAR_OK);
    assert_int_equal(udmar_domain_translate(f.domain, b, &found, NULL, NULL), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_unmap(f.domain, a, MIB(1)), UDMAR_OK);
    no_more_tables(&f, false);
    assert_int_equal(udmar_domain_free_iova(f.domain, a), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, b), UDMAR_OK);
    fixture_close(&f);
}

struct neighbour {
    struct fixture *f;
    uint64_t iova;
    unsigned locks;
};

/* Before the request of the first unmap comes to the queue, another thread ends a page next door.
 */
static void unmap_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct neighbour *n = context;

    (void)m;
    if (event != MODEL_EVENT_ACQUIRE || ++n->locks != 2)
        return;
    assert_int_equal(udmar_domain_unmap(n->f->domain, n->iova, PAGE), UDMAR_OK);
    assert_false(can_read(n->f, RID0, n->iova));
}

/* The unit may know a large leaf that is no more: whoever ends a part of it ends all of that. */
static void test_two_parts_of_a_large_leaf(void **state)
{
    struct fixture f;
    struct neighbour other = { .f = &f, .iova = GIB(16) + 5 * PAGE };

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, GIB(16), MIB(4), MIB(2), UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_true(can_read(&f, RID0, other.iova));
    model_set_hook(f.m, unmap_meanwhile, &other);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), PAGE), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(other.locks >= 2);
    assert_false(can_read(&f, RID0, GIB(16)));
    assert_false(can_read(&f, RID0, other.iova));
    assert_true(can_read(&f, RID0, GIB(16) + PAGE));
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), MIB(2)), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_are_as_large_as_alignment_allows),
        cmocka_unit_test(test_two_levels_have_small_pages_only),
        cmocka_unit_test(test_part_of_a_2m_leaf),
        cmocka_unit_test(test_part_of_a_1g_leaf),
        cmocka_unit_test(test_small_and_large_in_turn),
        cmocka_unit_test(test_run_of_small_pages_becomes_a_leaf),
        cmocka_unit_test(test_what_is_no_run_stays_small),
        cmocka_unit_test(test_large_pages_become_a_larger_one),
        cmocka_unit_test(test_large_again),
        cmocka_unit_test(test_window_among_large_pages),
        cmocka_unit_test(test_failed_map_is_taken_back_whole),
        cmocka_unit_test(test_neighbours_end_without_memory),
        cmocka_unit_test(test_two_parts_of_a_large_leaf),
    };

    return cmocka_run_group_tests_name("page_table_superpages", tests, NULL, NULL);
}
