/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: what the driver maps and unmaps is what the hardware translates, at every moment, on
 * every kind of unit, and nothing of it stays behind.
 */
#include <string.h>

#include <udmar/host.h>
#include <udmar/stream.h>

#include "space/cache.h"
#include "support_space.h"

/* ---- A naive dictionary of pages ------------------------------------------------------------- */

#define ZONE_PAGES (UINT64_C(1) << 20) /* 4 GiB of guest addresses */

struct zone {
    struct machine mc;
    uint64_t base;   /* first guest address */
    uint64_t pages;  /* of the zone */
    uint64_t *entry; /* physical address | access; 0: not mapped */
    uint32_t random;
};

struct kind {
    const char *name;
    struct setup setup;
    uint64_t base;
    uint64_t pages;
};

/* Zones lie across the borders of upper tables where the width allows. */
#define KIND(profile_, base_, pages_, ...)                           \
    {                                                                \
        .name = profile_, .base = base_, .pages = pages_, .setup = { \
            .profile = profile_,                                     \
            __VA_ARGS__                                              \
        }                                                            \
    }
static const struct kind kinds[] = {
    KIND("generic48", GIB(100), ZONE_PAGES),
    KIND("generic48", GIB(512) - GIB(2), ZONE_PAGES, .tunables = "hw.dmar.width=48"),
    KIND("five-level", (UINT64_C(1) << 48) - GIB(2), ZONE_PAGES, .tunables = "hw.dmar.width=57"),
    KIND("two-level", MIB(16), 0x30000),
    KIND("noncoherent", GIB(8), ZONE_PAGES),
    KIND("noncoherent", GIB(8), ZONE_PAGES, .unit = { .cap_set = UINT64_C(1) << 7 }),
    KIND("noncoherent", GIB(8), ZONE_PAGES, .no_direct_map = true,
         .machine = { .no_virtual = true, .alias_maps = true }),
    KIND("rwbf", GIB(8), 0x10000),
    KIND("oldest", GIB(8), 0x10000),
    KIND("cm", GIB(8), ZONE_PAGES),
    KIND("qemu39", GIB(8), ZONE_PAGES),
    KIND("modern", GIB(8), ZONE_PAGES),
    KIND("v6", GIB(8), ZONE_PAGES),
    KIND("generic48", GIB(8), ZONE_PAGES, .tunables = "hw.dmar.qi=0"),
    /* Only 2 MiB pages, and no page-selective invalidation. */
    KIND("generic48", GIB(8), ZONE_PAGES, .unit = { .cap_clear = UINT64_C(1) << 35 }),
    KIND("generic48", GIB(8), ZONE_PAGES, .unit = { .cap_clear = UINT64_C(1) << 39 }),
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Memory that no allocator touches; each page begins with its own address. */
#define DATA_BASE MIB(16)
#define DATA_SIZE MIB(8)

static void zone_open(struct zone *z, const struct kind *kind, uint32_t seed)
{
    machine_open(&z->mc, &kind->setup);
    z->base = kind->base;
    z->pages = kind->pages;
    z->entry = test_calloc((size_t)z->pages, sizeof(*z->entry));
    z->random = seed;
    model_reserve(z->mc.m, DATA_BASE, DATA_SIZE);
    for (uint64_t at = DATA_BASE; at < DATA_BASE + DATA_SIZE; at += PAGE)
        assert_true(model_memory_write(z->mc.m, at, &at, sizeof(at)));
}

static void zone_close(struct zone *z)
{
    test_free(z->entry);
    machine_close(&z->mc);
}

static bool any_mapped(const struct zone *z, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (z->entry[i] != 0)
            return true;
    }
    return false;
}

/* The unit's view of one page, by tables and by a real access, against the dictionary. */
static void check_page(struct zone *z, uint64_t page)
{
    uint64_t iova = z->base + page * PAGE, entry = z->entry[page], seen = 0;
    struct model_translation t = model_translate(z->mc.m, 0, RID0, iova + 8, false);
    bool readable = (entry & UDMAR_READ) != 0;
    enum model_result result = model_dma(z->mc.m, 0, RID0, iova, &seen, sizeof(seen), false);

    assert_int_equal(t.result, readable ? MODEL_OK : MODEL_BLOCKED);
    assert_int_equal(result != MODEL_BLOCKED, readable);
    if (!readable)
        return;
    assert_int_equal(t.physical, (entry & ~(PAGE - 1)) + 8);
    assert_int_equal(t.writable, (entry & UDMAR_WRITE) != 0);
    if (result == MODEL_OK)
        assert_int_equal(seen, entry & ~(PAGE - 1));
}

static void check_driver_view(struct zone *z, uint64_t page)
{
    uint64_t entry = z->entry[page], physical = 0, size = 0;
    unsigned access = 9;
    enum udmar_status status =
        udmar_domain_translate(z->mc.domain, z->base + page * PAGE + 5, &physical, &access, &size);

    assert_int_equal(status, entry != 0 ? UDMAR_OK : UDMAR_ERR_NOT_FOUND);
    assert_int_equal(access, entry & 3);
    if (entry != 0)
        assert_int_equal(physical, (entry & ~(PAGE - 1)) + 5);
}

static void check_around(struct zone *z, uint64_t first, uint64_t count)
{
    const uint64_t at[6] = { first,
                             first + count - 1,
                             first - 1,
                             first + count,
                             first + roll_below(&z->random, (uint32_t)count),
                             roll_below(&z->random, (uint32_t)z->pages) };

    for (unsigned i = 0; i < 6; i++) {
        if (at[i] < z->pages) {
            check_page(z, at[i]);
            check_driver_view(z, at[i]);
        }
    }
}

/* Sizes of all classes, on borders of all classes. */
static void roll_range(struct zone *z, uint64_t *first, uint64_t *count)
{
    unsigned class = roll_below(&z->random, 8);
    unsigned align = class < 4 ? 0 : class < 7 ? 9 : 18;

    *first = roll_below(&z->random, (uint32_t)z->pages) >> align << align;
    *count = (UINT64_C(1) + roll_below(&z->random, align == 18 ? 2 : 4)) << align;
    if (roll_below(&z->random, 3) == 0)
        *count += roll_below(&z->random, 700);
    if (*first + *count > z->pages)
        *count = z->pages - *first;
}

static void random_map(struct zone *z)
{
    uint64_t first, count, physical;
    unsigned access = 1 + roll_below(&z->random, 3);
    enum udmar_status status;

    roll_range(z, &first, &count);
    physical = DATA_BASE + roll_below(&z->random, 2048 - 512) * PAGE;
    if (count > 512 || roll_below(&z->random, 4) == 0)
        physical = (UINT64_C(1) << 40) + (z->base & (GIB(1) - 1)) + first * PAGE;
    else if (count == 512)
        physical = DATA_BASE + MIB(2) * roll_below(&z->random, 4);
    status = udmar_domain_map(z->mc.domain, z->base + first * PAGE, physical, count * PAGE, access);
    assert_int_equal(status, any_mapped(z, first, count) ? UDMAR_ERR_EXISTS : UDMAR_OK);
    for (uint64_t i = 0; status == UDMAR_OK && i < count; i++)
        z->entry[first + i] = (physical + i * PAGE) | access;
    check_around(z, first, count);
}

static void random_unmap(struct zone *z)
{
    uint64_t first, count;

    roll_range(z, &first, &count);
    assert_int_equal(udmar_domain_unmap(z->mc.domain, z->base + first * PAGE, count * PAGE),
                     UDMAR_OK);
    memset(&z->entry[first], 0, (size_t)count * sizeof(*z->entry));
    check_around(z, first, count);
}

/* What the driver counts is there, and nothing of it is empty but a bare root. */
static void check_tables(struct machine *mc)
{
    struct model_tree tree;
    struct udmar_domain_info info;

    tree = model_count_tree(mc->m, 0, RID0);
    udmar_domain_info(mc->domain, &info);
    assert_true(tree.valid);
    assert_int_equal(tree.levels, info.levels);
    assert_int_equal(tree.tables, info.table_pages);
    assert_int_equal(tree.empty_tables,
                     tree.leaves[1] + tree.leaves[2] + tree.leaves[3] == 0 ? 1 : 0);
}

static void random_operations(const struct kind *kind, uint32_t seed, unsigned steps, bool prefetch)
{
    struct zone z;

    zone_open(&z, kind, seed);
    model_behaviour(z.mc.u)->prefetch = prefetch;
    for (unsigned step = 0; step < steps; step++) {
        if (roll_below(&z.random, 5) < 3)
            random_map(&z);
        else
            random_unmap(&z);
        if (step % 32 == 0)
            check_tables(&z.mc);
    }
    assert_int_equal(udmar_domain_unmap(z.mc.domain, z.base, z.pages * PAGE), UDMAR_OK);
    check_tables(&z.mc);
    zone_close(&z);
}

static void test_random_against_a_dictionary(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        random_operations(&kinds[i], 100 + i, 1200, false);
}

static void test_random_with_prefetch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        random_operations(&kinds[i], 200 + i, 150, true);
}

/* ---- Leaves ---------------------------------------------------------------------------------- */

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

static void check_leaves(struct machine *mc, uint64_t iova, uint64_t physical, uint64_t size)
{
    struct udmar_domain_info info;
    struct model_tree tree;
    uint64_t leaves[7];

    udmar_domain_info(mc->domain, &info);
    assert_int_equal(udmar_domain_map(mc->domain, iova, physical, size, UDMAR_READ_WRITE),
                     UDMAR_OK);
    tree = model_count_tree(mc->m, 0, RID0);
    fewest_leaves(iova, physical, size, info.superpages, leaves);
    for (unsigned level = 1; level <= 3; level++)
        assert_int_equal(tree.leaves[level], leaves[level]);
    assert_int_equal(tree.empty_tables, 0);
    assert_int_equal(udmar_domain_unmap(mc->domain, iova, size), UDMAR_OK);
    tree = model_count_tree(mc->m, 0, RID0);
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
        struct machine mc;

        /* The capability bits are independent: 1G without 2M is odd but legal. */
        machine_open(&mc, &setup);
        for (unsigned a = 0; a < 4; a++) {
            for (unsigned s = 0; s < 5; s++) {
                check_leaves(&mc, addresses[a], addresses[a] + GIB(64), sizes[s]);
                check_leaves(&mc, addresses[a], addresses[a] + GIB(64) + PAGE, MIB(2) + PAGE);
            }
        }
        machine_close(&mc);
    }
}

static void test_two_levels_have_small_pages_only(void **state)
{
    const struct setup setup = { .profile = "two-level" };
    struct machine mc;
    struct model_tree tree;

    (void)state;
    machine_open(&mc, &setup);
    assert_int_equal(udmar_domain_map(mc.domain, MIB(2), MIB(4), MIB(4), UDMAR_READ), UDMAR_OK);
    tree = model_count_tree(mc.m, 0, RID0);
    assert_int_equal(tree.levels, 2);
    assert_int_equal(tree.leaves[1], 1024);
    assert_int_equal(tree.leaves[2], 0);
    assert_int_equal(udmar_domain_unmap(mc.domain, MIB(2), MIB(4)), UDMAR_OK);
    machine_close(&mc);
}

/* ---- Parts of large leaves ------------------------------------------------------------------- */

/* A device that goes on using what stays mapped, at every moment that a host call gives. */
struct user {
    struct machine *mc;
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
    struct machine mc;
    struct user user = { .mc = &mc };
    uint64_t iova = GIB(9), physical = GIB(64);
    bool no_1g = kind->setup.unit.cap_clear == UINT64_C(1) << 35;

    machine_open(&mc, &kind->setup);
    *model_behaviour(mc.u) = *behaviour;
    assert_int_equal(udmar_domain_map(mc.domain, iova, physical, leaf, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(model_translate(mc.m, 0, RID0, iova, false).leaf_size, no_1g ? MIB(2) : leaf);
    user.kept[0] = from == 0 ? iova + size : iova;
    user.kept[1] = from + size == leaf ? iova + from - 1 : iova + leaf - 1;
    user.kept[2] = from == 0 ? iova + size : iova + from - 1;
    /* Something of what goes away is cached, and of what stays. */
    (void)can_read(&mc, RID0, iova + from);
    model_set_hook(mc.m, use_kept, &user);
    assert_int_equal(udmar_domain_unmap(mc.domain, iova + from, size), UDMAR_OK);
    model_set_hook(mc.m, NULL, NULL);
    assert_true(user.accesses > 0);
    assert_int_equal(user.refused, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(model_translate_cached(mc.m, 0, RID0, user.kept[i], true).physical,
                         user.kept[i] - iova + physical);
    assert_false(can_read(&mc, RID0, iova + from));
    assert_int_equal(model_translate_cached(mc.m, 0, RID0, iova + from + size - 1, false).result,
                     MODEL_BLOCKED);
    assert_int_equal(udmar_domain_unmap(mc.domain, iova, leaf), UDMAR_OK);
    check_tables(&mc);
    machine_close(&mc);
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

            assert_int_equal(udmar_domain_map(z.mc.domain, iova, physical, MIB(2), UDMAR_READ),
                             UDMAR_OK);
            for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE) {
                assert_int_equal(model_dma(z.mc.m, 0, RID0, iova + at, &seen, 8, false), MODEL_OK);
                assert_int_equal(seen, physical + at);
            }
            assert_int_equal(udmar_domain_unmap(z.mc.domain, iova, MIB(2)), UDMAR_OK);
            for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE)
                assert_false(can_read(&z.mc, RID0, iova + at));
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
        model_behaviour(z.mc.u)->prefetch = i % 2 == 0;
        for (unsigned n = 0; n < 512; n++) {
            uint64_t page = (n * 5 + 3) % 512 * PAGE;

            assert_int_equal(udmar_domain_map(z.mc.domain, z.base + page, DATA_BASE + MIB(2) + page,
                                              PAGE, UDMAR_READ),
                             UDMAR_OK);
            assert_int_equal(model_dma(z.mc.m, 0, RID0, z.base + page, &seen, 8, false), MODEL_OK);
        }
        if (udmar_device_domain(z.mc.device[0]) != NULL) {
            struct udmar_domain_info info;
            struct model_tree tree = model_count_tree(z.mc.m, 0, RID0);

            udmar_domain_info(z.mc.domain, &info);
            assert_int_equal(tree.leaves[2], (info.superpages & 1) != 0 ? 1 : 0);
            assert_int_equal(tree.leaves[1], (info.superpages & 1) != 0 ? 0 : 512);
        }
        /* What the table was is somebody else's now, and full of zeroes. */
        for (unsigned n = 0; n < 8; n++)
            assert_true(udmar_host_page_alloc(z.mc.m, 1, UINT64_MAX, false, &other[n]));
        for (uint64_t at = 0; at < MIB(2); at += 37 * PAGE) {
            assert_int_equal(model_dma(z.mc.m, 0, RID0, z.base + at, &seen, 8, false), MODEL_OK);
            assert_int_equal(seen, DATA_BASE + MIB(2) + at);
            assert_false(can_write(&z.mc, RID0, z.base + at));
        }
        drain_faults(&z.mc);
        for (unsigned n = 0; n < 8; n++)
            udmar_host_page_free(z.mc.m, &other[n], 1);
        assert_int_equal(udmar_domain_unmap(z.mc.domain, z.base + 7 * PAGE, PAGE), UDMAR_OK);
        assert_false(can_read(&z.mc, RID0, z.base + 7 * PAGE));
        assert_true(can_read(&z.mc, RID0, z.base + 8 * PAGE));
        assert_int_equal(udmar_domain_unmap(z.mc.domain, z.base, MIB(2)), UDMAR_OK);
        assert_false(can_read(&z.mc, RID0, z.base));
        zone_close(&z);
    }
}

/* One page elsewhere, with other rights, or all of it not aligned: it stays small. */
static void test_what_is_no_run_stays_small(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct machine mc;

        machine_open(&mc, NULL);
        for (unsigned n = 0; n < 512; n++) {
            uint64_t physical = MIB(64) + n * PAGE + (kind == 0 ? PAGE : 0);
            unsigned access = kind == 1 && n == 511 ? UDMAR_READ : UDMAR_READ_WRITE;

            if (kind == 2 && n == 100)
                physical += MIB(2);
            assert_int_equal(udmar_domain_map(mc.domain, GIB(5) + n * PAGE, physical, PAGE, access),
                             UDMAR_OK);
        }
        assert_int_equal(model_count_tree(mc.m, 0, RID0).leaves[1], 512);
        assert_int_equal(udmar_domain_unmap(mc.domain, GIB(5), MIB(2)), UDMAR_OK);
        machine_close(&mc);
    }
}

/* 512 large pages complete one of 1 GiB, and both tables below come back. */
static void test_large_pages_become_a_larger_one(void **state)
{
    struct udmar_domain_info before, after;
    struct machine mc;

    (void)state;
    machine_open(&mc, NULL);
    udmar_domain_info(mc.domain, &before);
    for (unsigned n = 0; n < 511; n++) {
        assert_int_equal(udmar_domain_map(mc.domain, GIB(6) + n * MIB(2), GIB(2) + n * MIB(2),
                                          MIB(2), UDMAR_READ_WRITE),
                         UDMAR_OK);
    }
    for (unsigned n = 0; n < 512; n++) {
        assert_int_equal(udmar_domain_map(mc.domain, GIB(6) + 511 * MIB(2) + n * PAGE,
                                          GIB(2) + 511 * MIB(2) + n * PAGE, PAGE, UDMAR_READ_WRITE),
                         UDMAR_OK);
    }
    assert_int_equal(model_count_tree(mc.m, 0, RID0).leaves[3], 1);
    udmar_domain_info(mc.domain, &after);
    /* The leaf of 1 GiB stands in the root of three levels. */
    assert_int_equal(after.table_pages, before.table_pages);
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(6), GIB(1)), UDMAR_OK);
    udmar_domain_info(mc.domain, &after);
    assert_int_equal(after.table_pages, before.table_pages);
    machine_close(&mc);
}

/* ---- A mapping that fails half-way ----------------------------------------------------------- */

struct prober {
    uint64_t iova;
    unsigned probes;
};

/* Hardware follows every link that it finds, and remembers it. */
static void probe(void *context, struct model *m, enum model_event event)
{
    struct prober *prober = context;
    uint8_t byte;

    if (event == MODEL_EVENT_ALLOC) {
        prober->probes++;
        for (uint64_t page = 0; page < 2; page++)
            (void)model_dma(m, 0, RID0, prober->iova + page * PAGE, &byte, 1, false);
    }
}

/* One page on either side of a border of upper tables; the n-th table is not to be had. */
static void test_failed_map_leaves_nothing_in_the_caches(void **state)
{
    static const uint64_t borders[] = { GIB(100), GIB(101), GIB(512) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 1;; n++) {
            struct prober prober = { .iova = borders[i] - PAGE };
            enum udmar_status status;
            struct machine mc;

            machine_open(&mc, &(struct setup){ .tunables = "hw.dmar.width=48" });
            model_fail_host_calls_of(mc.m, MODEL_CALL_PAGE_ALLOC, n, false);
            model_set_hook(mc.m, probe, &prober);
            status = udmar_domain_map(mc.domain, prober.iova, DATA_BASE, 2 * PAGE, UDMAR_READ);
            model_set_hook(mc.m, NULL, NULL);
            assert_true(prober.probes > 0);
            if (status == UDMAR_OK) {
                assert_true(n > 5);
                machine_close(&mc);
                break;
            }
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(model_cache_stale(mc.u), 0);
            assert_false(can_read(&mc, RID0, prober.iova));
            assert_false(can_read(&mc, RID0, prober.iova + PAGE));
            check_tables(&mc);
            machine_close(&mc);
        }
    }
}

/* ---- Two at a time --------------------------------------------------------------------------- */

/* Somebody else's whole call, right before the n-th lock that the first one takes. */
struct intruder {
    struct machine *mc;
    void (*act)(struct machine *mc);
    unsigned n;
};

static void intrude(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ACQUIRE && intruder->n != 0 && --intruder->n == 0)
        intruder->act(intruder->mc);
}

#define SHARED MIB(2) /* the first that an arena would take */

static void map_next_door(struct machine *mc)
{
    assert_int_equal(
        udmar_domain_map(mc->domain, SHARED + 9 * PAGE, DATA_BASE, PAGE, UDMAR_READ_WRITE),
        UDMAR_OK);
    assert_true(can_read(mc, RID0, SHARED + 9 * PAGE));
}

static void stream_next_door(struct machine *mc)
{
    const struct udmar_dma_physical piece = { DATA_BASE, PAGE };
    udmar_iova_t iova;

    assert_int_equal(udmar_stream_map(mc->domain, &piece, 1, UDMAR_READ, UINT64_MAX, &iova),
                     UDMAR_OK);
    assert_true(can_read(mc, RID0, iova));
    assert_int_equal(udmar_stream_unmap(mc->domain, iova), UDMAR_OK);
    assert_false(can_read(mc, RID0, iova));
    /* It was there that the table went. */
    assert_int_equal(iova / MIB(2), SHARED / MIB(2));
}

static void unmap_all_of_it(struct machine *mc)
{
    assert_int_equal(udmar_domain_unmap(mc->domain, SHARED, MIB(2)), UDMAR_OK);
    for (uint64_t page = 0; page < MIB(2); page += PAGE)
        assert_int_equal(model_translate_cached(mc->m, 0, RID0, SHARED + page, false).result,
                         MODEL_BLOCKED);
}

/* The unit still knows the table that is just going: what is mapped meanwhile must not end there.
 */
static void test_map_while_a_table_goes(void **state)
{
    static void (*const acts[])(struct machine *) = { map_next_door, stream_next_door };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        /* Before the first lock an arena would take the address itself. */
        for (unsigned n = 1 + i; n < 8; n++) {
            struct machine mc;
            struct intruder intruder = { &mc, acts[i], n };

            machine_open(&mc, NULL);
            assert_int_equal(
                udmar_domain_map(mc.domain, SHARED + 40 * PAGE, DATA_BASE, PAGE, UDMAR_READ),
                UDMAR_OK);
            assert_true(can_read(&mc, RID0, SHARED + 40 * PAGE));
            model_set_hook(mc.m, intrude, &intruder);
            assert_int_equal(udmar_domain_unmap(mc.domain, SHARED + 40 * PAGE, PAGE), UDMAR_OK);
            model_set_hook(mc.m, NULL, NULL);
            assert_false(can_read(&mc, RID0, SHARED + 40 * PAGE));
            udmar__caches_trim(mc.domain);
            assert_int_equal(udmar_domain_unmap(mc.domain, SHARED + 9 * PAGE, PAGE), UDMAR_OK);
            assert_int_equal(model_cache_stale(mc.u), 0);
            machine_close(&mc);
        }
    }
}

/* Small pages have just become a large one: who unmaps that must end what the old table says. */
static void test_unmap_while_a_table_is_replaced(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 8; n++) {
        struct machine mc;
        struct intruder intruder = { &mc, unmap_all_of_it, n };

        machine_open(&mc, NULL);
        /* Something else keeps the tables above. */
        assert_int_equal(udmar_domain_map(mc.domain, SHARED + MIB(4), DATA_BASE, PAGE, UDMAR_READ),
                         UDMAR_OK);
        assert_int_equal(udmar_domain_map(mc.domain, SHARED, DATA_BASE, MIB(2) - PAGE, UDMAR_READ),
                         UDMAR_OK);
        for (uint64_t page = 0; page < 20; page++)
            assert_true(can_read(&mc, RID0, SHARED + 7 * page * PAGE));
        model_set_hook(mc.m, intrude, &intruder);
        assert_int_equal(udmar_domain_map(mc.domain, SHARED + MIB(2) - PAGE,
                                          DATA_BASE + MIB(2) - PAGE, PAGE, UDMAR_READ),
                         UDMAR_OK);
        model_set_hook(mc.m, NULL, NULL);
        assert_int_equal(udmar_domain_unmap(mc.domain, SHARED, MIB(6)), UDMAR_OK);
        assert_int_equal(model_cache_stale(mc.u), 0);
        check_tables(&mc);
        machine_close(&mc);
    }
}

/* A page out of a large leaf, and the same page again: nothing keeps it from becoming one again. */
static void test_large_again(void **state)
{
    struct machine mc;

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_domain_map(mc.domain, SHARED, DATA_BASE, MIB(2), UDMAR_READ), UDMAR_OK);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(model_count_tree(mc.m, 0, RID0).leaves[2], 1);
        assert_int_equal(udmar_domain_unmap(mc.domain, SHARED + 5 * PAGE, PAGE), UDMAR_OK);
        assert_int_equal(model_count_tree(mc.m, 0, RID0).leaves[1], 511);
        assert_int_equal(
            udmar_domain_map(mc.domain, SHARED + 5 * PAGE, DATA_BASE + 5 * PAGE, PAGE, UDMAR_READ),
            UDMAR_OK);
    }
    assert_int_equal(udmar_domain_unmap(mc.domain, SHARED, MIB(2)), UDMAR_OK);
    check_tables(&mc);
    machine_close(&mc);
}

/* The leaf-only hint may be given only when no table went away. */
static void test_hint_only_for_leaves(void **state)
{
    struct machine mc;
    const struct model_invalidation *last;

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_domain_map(mc.domain, MIB(4), MIB(4), 4 * PAGE, UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_unmap(mc.domain, MIB(4), PAGE), UDMAR_OK);
    last = model_invalidation_log(mc.u, model_invalidation_count(mc.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_int_equal(last->granularity, MODEL_DEVICE_OR_PAGE);
    assert_true(last->leaf_hint);
    assert_int_equal(last->address, MIB(4));
    assert_int_equal(last->address_mask, 0);
    assert_int_equal(udmar_domain_unmap(mc.domain, MIB(4), 4 * PAGE), UDMAR_OK);
    last = model_invalidation_log(mc.u, model_invalidation_count(mc.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_false(last->leaf_hint);
    /* Nor when one came: a leaf has become a table. */
    assert_int_equal(udmar_domain_map(mc.domain, MIB(4), MIB(4), MIB(2), UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_unmap(mc.domain, MIB(4) + PAGE, PAGE), UDMAR_OK);
    last = model_invalidation_log(mc.u, model_invalidation_count(mc.u) - 2);
    assert_int_equal(last->kind, MODEL_INV_IOTLB);
    assert_false(last->leaf_hint);
    assert_int_equal(udmar_domain_unmap(mc.domain, MIB(4), MIB(2)), UDMAR_OK);
    machine_close(&mc);
}

/* Nothing mapped there: nothing to invalidate. */
static void test_unmap_of_nothing_asks_nothing(void **state)
{
    struct machine mc;
    unsigned before;

    (void)state;
    machine_open(&mc, NULL);
    before = model_stats(mc.u)->iqt_writes;
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(5), GIB(7)), UDMAR_OK);
    assert_int_equal(model_stats(mc.u)->iqt_writes, before);
    machine_close(&mc);
}

/* A window keeps where its entry is: a large leaf must not take the place of that table. */
static void test_window_among_large_pages(void **state)
{
    const struct udmar_dma_physical piece = { GIB(8), MIB(2) };
    const struct udmar_iova_limits behind = { .lowest = GIB(1) + MIB(2) };
    uint64_t found;
    struct machine mc;
    udmar_iova_t low, window, rest;

    (void)state;
    machine_open(&mc, NULL);
    /* So that the window begins at 1 GiB. */
    assert_int_equal(udmar_domain_alloc_iova(mc.domain, GIB(1) - MIB(2), NULL, &low), UDMAR_OK);
    assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, UDMAR_READ_WRITE, UINT64_MAX, &window),
                     UDMAR_OK);
    assert_int_equal(window, GIB(1));
    assert_int_equal(udmar_domain_alloc_iova(mc.domain, GIB(1) - MIB(2), &behind, &rest), UDMAR_OK);
    assert_int_equal(rest, GIB(1) + MIB(2));
    assert_int_equal(udmar_domain_map(mc.domain, rest, piece.address + MIB(2), GIB(1) - MIB(2),
                                      UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_int_equal(udmar_stream_unmap(mc.domain, window), UDMAR_OK);
    assert_int_equal(udmar_domain_translate(mc.domain, window, &found, NULL, NULL),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_translate(mc.domain, rest, &found, NULL, NULL), UDMAR_OK);
    assert_int_equal(found, piece.address + MIB(2));
    assert_int_equal(udmar_domain_unmap(mc.domain, rest, GIB(1) - MIB(2)), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(mc.domain, rest), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(mc.domain, low), UDMAR_OK);
    machine_close(&mc);
}

static void no_more_tables(struct machine *mc, bool none)
{
    model_fail_host_calls_of(mc->m, MODEL_CALL_PAGE_ALLOC, none ? 1 : 0, none);
}

/* What completes a large leaf and then finds no memory for the rest leaves nothing mapped. */
static void test_failed_map_is_taken_back_whole(void **state)
{
    uint64_t base = GIB(16), last = base + MIB(2) - PAGE, found;
    struct machine mc;

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_domain_map(mc.domain, base, GIB(8), MIB(2) - PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    no_more_tables(&mc, true);
    assert_int_equal(
        udmar_domain_map(mc.domain, last, GIB(8) + MIB(2) - PAGE, 3 * PAGE, UDMAR_READ_WRITE),
        UDMAR_ERR_MEMORY);
    assert_int_equal(udmar_domain_translate(mc.domain, last, &found, NULL, NULL),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_translate(mc.domain, last - 1, &found, NULL, NULL), UDMAR_OK);
    no_more_tables(&mc, false);
    /* With memory both tables at the border are looked at. */
    assert_int_equal(udmar_domain_map(mc.domain, base + MIB(2) + PAGE, GIB(8) + MIB(2) + PAGE,
                                      MIB(2) - PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_int_equal(
        udmar_domain_map(mc.domain, last, GIB(8) + MIB(2) - PAGE, 2 * PAGE, UDMAR_READ_WRITE),
        UDMAR_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_domain_translate(mc.domain, base + i * MIB(2), NULL, NULL, &found),
                         UDMAR_OK);
        assert_int_equal(found, MIB(2));
    }
    assert_int_equal(udmar_domain_unmap(mc.domain, base, MIB(4)), UDMAR_OK);
    machine_close(&mc);
}

/* Two owners' neighbouring pages: ending one's mapping never needs memory. */
static void test_neighbours_end_without_memory(void **state)
{
    const struct udmar_iova_limits first = { .lowest = GIB(16) };
    const struct udmar_iova_limits second = { .lowest = GIB(16) + MIB(1) };
    struct machine mc;
    udmar_iova_t a, b;
    uint64_t found;

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_domain_alloc_iova(mc.domain, MIB(1), &first, &a), UDMAR_OK);
    assert_int_equal(udmar_domain_alloc_iova(mc.domain, MIB(1), &second, &b), UDMAR_OK);
    assert_int_equal(b, a + MIB(1));
    assert_int_equal(udmar_domain_map(mc.domain, a, GIB(8), MIB(1), UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(udmar_domain_map(mc.domain, b, GIB(8) + MIB(1), MIB(1), UDMAR_READ_WRITE),
                     UDMAR_OK);
    no_more_tables(&mc, true);
    assert_int_equal(udmar_domain_unmap(mc.domain, b, MIB(1)), UDMAR_OK);
    assert_int_equal(udmar_domain_translate(mc.domain, b, &found, NULL, NULL), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_unmap(mc.domain, a, MIB(1)), UDMAR_OK);
    no_more_tables(&mc, false);
    assert_int_equal(udmar_domain_free_iova(mc.domain, a), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(mc.domain, b), UDMAR_OK);
    machine_close(&mc);
}

struct neighbour {
    struct machine *mc;
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
    assert_int_equal(udmar_domain_unmap(n->mc->domain, n->iova, PAGE), UDMAR_OK);
    assert_false(can_read(n->mc, RID0, n->iova));
}

/* The unit may know a large leaf that is no more: whoever ends a part of it ends all of that. */
static void test_two_parts_of_a_large_leaf(void **state)
{
    struct machine mc;
    struct neighbour other = { .mc = &mc, .iova = GIB(16) + 5 * PAGE };

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_domain_map(mc.domain, GIB(16), MIB(4), MIB(2), UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_true(can_read(&mc, RID0, other.iova));
    model_set_hook(mc.m, unmap_meanwhile, &other);
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16), PAGE), UDMAR_OK);
    model_set_hook(mc.m, NULL, NULL);
    assert_true(other.locks >= 2);
    assert_false(can_read(&mc, RID0, GIB(16)));
    assert_false(can_read(&mc, RID0, other.iova));
    assert_true(can_read(&mc, RID0, GIB(16) + PAGE));
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16), MIB(2)), UDMAR_OK);
    machine_close(&mc);
}

/* A time-out costs those that come after it nothing, as soon as the unit has answered again. */
static void test_after_a_timeout(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };
    struct machine mc;
    unsigned before;

    (void)state;
    machine_open(&mc, &setup);
    assert_int_equal(udmar_domain_map(mc.domain, GIB(16), MIB(4), MIB(2), UDMAR_READ_WRITE),
                     UDMAR_OK);
    model_behaviour(mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    /* A leaf is split, then a table becomes empty: both unconfirmed. */
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16), PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16), MIB(2)), UDMAR_ERR_TIMEOUT);
    model_behaviour(mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar_domain_map(mc.domain, GIB(16), MIB(4), 2 * PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
    assert_false(can_read(&mc, RID0, GIB(16) + 2 * PAGE));
    before = model_stats(mc.u)->iqt_writes;
    assert_int_equal(
        udmar_domain_map(mc.domain, GIB(16) + 2 * PAGE, MIB(4), PAGE, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(model_stats(mc.u)->iqt_writes, before);
    before = model_stats(mc.u)->iotlb_domain;
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16) + PAGE, PAGE), UDMAR_OK);
    assert_int_equal(model_stats(mc.u)->iotlb_domain, before);
    assert_int_equal(udmar_domain_unmap(mc.domain, GIB(16), MIB(2)), UDMAR_OK);
    machine_close(&mc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_against_a_dictionary),
        cmocka_unit_test(test_random_with_prefetch),
        cmocka_unit_test(test_leaves_are_as_large_as_alignment_allows),
        cmocka_unit_test(test_two_levels_have_small_pages_only),
        cmocka_unit_test(test_part_of_a_2m_leaf),
        cmocka_unit_test(test_part_of_a_1g_leaf),
        cmocka_unit_test(test_small_and_large_in_turn),
        cmocka_unit_test(test_run_of_small_pages_becomes_a_leaf),
        cmocka_unit_test(test_what_is_no_run_stays_small),
        cmocka_unit_test(test_large_pages_become_a_larger_one),
        cmocka_unit_test(test_failed_map_leaves_nothing_in_the_caches),
        cmocka_unit_test(test_map_while_a_table_goes),
        cmocka_unit_test(test_unmap_while_a_table_is_replaced),
        cmocka_unit_test(test_large_again),
        cmocka_unit_test(test_hint_only_for_leaves),
        cmocka_unit_test(test_unmap_of_nothing_asks_nothing),
        cmocka_unit_test(test_window_among_large_pages),
        cmocka_unit_test(test_failed_map_is_taken_back_whole),
        cmocka_unit_test(test_neighbours_end_without_memory),
        cmocka_unit_test(test_two_parts_of_a_large_leaf),
        cmocka_unit_test(test_after_a_timeout),
    };

    return cmocka_run_group_tests_name("page table", tests, NULL, NULL);
}
