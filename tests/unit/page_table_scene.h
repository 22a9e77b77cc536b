/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the page tables share: kinds of units with a zone of guest addresses each,
 * memory to map there, and a look at the tables.
 */
#ifndef PAGE_TABLE_SCENE_H
#define PAGE_TABLE_SCENE_H

#include "support_space.h"

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

static inline void zone_open(struct zone *z, const struct kind *kind, uint32_t seed)
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

static inline void zone_close(struct zone *z)
{
    test_free(z->entry);
    machine_close(&z->mc);
}

/* What the driver counts is there, and nothing of it is empty but a bare root. */
static inline void check_tables(struct machine *mc)
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

#endif
