/* SPDX-License-Identifier: BSD-2-Clause */
/* Identity tables that cannot be what they say, lists of RAM, and large pages switched off. */
#include <string.h>

#include <udmar/busdma.h>
#include <udmar/stream.h>

#include "fixture/inside.h"

#define MIB(n) (UINT64_C(1048576) * (n))

/* ---- Identity -------------------------------------------------------------------------------- */

static const struct {
    const char *profile;
    const char *name;
    enum udmar_mode mode;
    bool needs_table;
} needs[] = {
    { "generic48", "identity", UDMAR_MODE_IDENTITY, true },
    { "generic48", "passthrough", UDMAR_MODE_PASSTHROUGH, false },
    { "generic48", "bounce", UDMAR_MODE_BOUNCE, false },
    { "generic48", "blocked", UDMAR_MODE_BLOCKED, false },
    { "rwbf", "identity", UDMAR_MODE_IDENTITY, true },
    { "rwbf", "passthrough", UDMAR_MODE_PASSTHROUGH, true },
    { "rwbf", "bounce", UDMAR_MODE_BOUNCE, true },
};
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

/* 0: no list; 1: RAM beyond what the unit translates. */
static void spoil(struct fixture *f, unsigned how)
{
    if (how == 0) {
        f->config.ram_count = 0;
        f->config.ram = NULL;
    } else {
        f->ram[1].base = UINT64_C(1) << 50;
    }
}

static void identity_at_run_time_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * NEEDS; i++) {
        bool refused = needs[i / 2].needs_table;
        struct udmar_domain *domain;
        struct fixture f;

        fixture_machine(&f, needs[i / 2].profile);
        spoil(&f, i % 2);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        domain = udmar_device_domain(f.nic);
        assert_int_equal(udmar_device_set_mode(f.nic, needs[i / 2].mode),
                         refused ? UDMAR_ERR_UNSUPPORTED : UDMAR_OK);
        assert_int_equal(model_log_contains(f.m, i % 2 ? "RAM lies beyond the addresses"
                                                       : "gave no list of RAM"),
                         refused);
        if (refused) {
            /* Nothing has changed. */
            assert_ptr_equal(udmar_device_domain(f.nic), domain);
            assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
            assert_int_equal(fixture_info(f.nic).wanted, UDMAR_MODE_TRANSLATE);
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        }
        fixture_close(&f);
    }
}

static void identity_by_tunable_becomes_translation(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * NEEDS; i++) {
        bool refused = needs[i / 2].needs_table;
        struct fixture f;

        fixture_machine(&f, needs[i / 2].profile);
        spoil(&f, i % 2);
        fixture_tune(&f, "hw.busdma.default", needs[i / 2].name);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_info(f.nic).wanted, needs[i / 2].mode);
        assert_int_equal(fixture_info(f.nic).mode,
                         refused ? UDMAR_MODE_TRANSLATE : needs[i / 2].mode);
        assert_int_equal(model_log_contains(f.m, i % 2 ? "translate: RAM lies beyond the addresses"
                                                       : "translate: the host gave no list of RAM"),
                         refused);
        if (refused) {
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        }
        fixture_close(&f);
    }
}

static void wrong_lists_of_ram_are_refused(void **state)
{
    static const struct {
        struct udmar_ram_range range;
        const char *says;
    } rows[] = {
        { { RAM_1, 0 }, "it is empty" },
        { { RAM_1 + 1, 4096 }, "not made of whole pages" },
        { { RAM_1, 4095 }, "not made of whole pages" },
        { { UINT64_MAX - 4095, 4096 }, "beyond 2^52" },
        { { UINT64_MAX - 4095, 8192 }, "beyond 2^52" },
        { { 4096, UINT64_MAX - 4095 }, "beyond 2^52" },
        { { UINT64_C(1) << 52, 4096 }, "beyond 2^52" },
        { { (UINT64_C(1) << 52) - 4096, 8192 }, "beyond 2^52" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;

        fixture_machine(&f, "generic48");
        f.ram[1] = rows[i].range;
        assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
        assert_true(model_log_contains(f.m, "range 1 of the host's RAM"));
        assert_true(model_log_contains(f.m, rows[i].says));
        fixture_close(&f);
    }
}

/* Ranges that overlap, repeat each other, and are not in order are one list of RAM. */
static void ranges_may_overlap(void **state)
{
    static const struct udmar_ram_range ranges[] = {
        { RAM_1 + MIB(8), MIB(24) }, { RAM_1, MIB(16) },          { RAM_1, MIB(16) },
        { RAM_1 + 4096, 8192 },      { RAM_1 + MIB(1), MIB(31) },
    };

    (void)state;
    for (unsigned large = 0; large < 2; large++) {
        struct fixture f;

        fixture_machine(&f, "generic48");
        f.config.ram = ranges;
        f.config.ram_count = 5;
        fixture_tune(&f, "hw.busdma.default", "identity");
        fixture_tune(&f, "hw.dmar.superpage", large ? "1" : "0");
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_IDENTITY);
        for (uint64_t at = RAM_1; at < RAM_1 + MIB(32); at += MIB(1)) {
            assert_true(fixture_reaches(&f, NIC, at, at));
            assert_true(fixture_reaches(&f, NIC, at + MIB(1) - 1, at + MIB(1) - 1));
        }
        assert_int_equal(fixture_write(&f, NIC, RAM_1 - 1), MODEL_BLOCKED);
        assert_int_equal(fixture_write(&f, NIC, RAM_1 + MIB(32)), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* ---- Large pages ----------------------------------------------------------------------------- */

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    assert_int_equal(error, 0);
    assert_int_equal(count, 1);
    *(uint64_t *)argument = segments[0].ds_addr;
}

static uint64_t large_leaves(struct fixture *f)
{
    struct model_tree tree = model_count_tree(f->m, 0, NIC);

    assert_true(tree.valid);
    return tree.leaves[2] + tree.leaves[3];
}

/* In whatever way memory is mapped: aligned, contiguous, and 2 MiB or more. */
static uint64_t map_in_all_ways(struct fixture *f)
{
    struct udmar_domain *domain = udmar_device_domain(f->nic);
    const struct udmar_dma_physical piece = { MIB(4), MIB(4) };
    const struct udmar_dma_physical huge = { MIB(4), MIB(16) };
    struct udmar_dma_tag *tag = NULL;
    struct udmar_dma_map *map = NULL;
    udmar_iova_t iova[3];
    uint64_t sum = 0;

    /* By hand, and a run that fills up. */
    assert_int_equal(udmar_domain_map(domain, MIB(512), MIB(4), MIB(4), 3), UDMAR_OK);
    sum += large_leaves(f);
    assert_int_equal(udmar_domain_unmap(domain, MIB(512), MIB(4)), UDMAR_OK);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(
            udmar_domain_map(domain, MIB(512) + i * 4096u, MIB(4) + i * 4096u, 4096, 3), UDMAR_OK);
    }
    sum += large_leaves(f);
    assert_int_equal(udmar_domain_unmap(domain, MIB(512), MIB(2)), UDMAR_OK);
    /* Streams: a whole leaf, several, and a range of the tree. */
    assert_int_equal(udmar_stream_map(domain, &(struct udmar_dma_physical){ MIB(4), MIB(2) }, 1, 3,
                                      UINT64_MAX, &iova[0]),
                     UDMAR_OK);
    assert_int_equal(udmar_stream_unmap(domain, iova[0]), UDMAR_OK);
    assert_int_equal(udmar_stream_map(domain, &(struct udmar_dma_physical){ MIB(4), MIB(2) }, 1, 3,
                                      UINT64_MAX, &iova[0]),
                     UDMAR_OK);
    assert_int_equal(udmar_stream_map(domain, &piece, 1, 3, UINT64_MAX, &iova[1]), UDMAR_OK);
    assert_int_equal(udmar_stream_map(domain, &huge, 1, 3, UINT64_MAX, &iova[2]), UDMAR_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(fixture_reaches(f, NIC, iova[i] + MIB(1), MIB(5)));
    }
    sum += large_leaves(f);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(udmar_stream_unmap(domain, iova[i]), UDMAR_OK);
    }
    /* busdma: a window, and a load without one. */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t size = i == 0 ? MIB(4) : MIB(16);
        uint64_t address = 0;

        assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f->nic), 1, 0, UINT64_MAX,
                                              UINT64_MAX, NULL, NULL, size, 1, size, 0, NULL, NULL,
                                              &tag),
                         0);
        assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
        assert_int_equal(udmar_dmamap_load_physical(tag, map,
                                                    &(struct udmar_dma_physical){ MIB(4), MIB(4) },
                                                    1, note, &address, 0),
                         0);
        assert_true(fixture_reaches(f, NIC, address + MIB(3), MIB(7)));
        sum += large_leaves(f);
        udmar_dmamap_unload(tag, map);
        assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
        assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    }
    return sum;
}

static void no_large_page_where_they_are_switched_off(void **state)
{
    static const char *const profiles[] = { "generic48", "five-level", "cm", "noncoherent" };

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        bool large = i / 4 % 2 == 0;
        struct fixture f;

        fixture_machine(&f, profiles[i % 4]);
        f.config.direct_map = i < 8;
        fixture_tune(&f, "hw.dmar.superpage", large ? "1" : "0");
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(map_in_all_ways(&f) != 0, large);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_IDENTITY), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, MIB(4), MIB(4)));
        assert_int_equal(large_leaves(&f) != 0, large);
        fixture_own_domain(&f);
        assert_int_equal(udmar_domain_map(f.own, MIB(512), MIB(4), MIB(4), 3), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, MIB(512), MIB(4)));
        assert_int_equal(large_leaves(&f) != 0, large);
        fixture_close(&f);
    }
}

/* One domain alone. */
static void no_large_page_in_a_domain_of_small_ones(void **state)
{
    const struct udmar_domain_config config = { .small_pages = true };
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(udmar_domain_create(f.instance, &config, &f.own), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(f.nic, f.own), UDMAR_OK);
    assert_int_equal(udmar_domain_map(f.own, MIB(512), MIB(4), MIB(4), 3), UDMAR_OK);
    assert_int_equal(large_leaves(&f), 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_at_run_time_is_refused),
        cmocka_unit_test(identity_by_tunable_becomes_translation),
        cmocka_unit_test(wrong_lists_of_ram_are_refused),
        cmocka_unit_test(ranges_may_overlap),
        cmocka_unit_test(no_large_page_where_they_are_switched_off),
        cmocka_unit_test(no_large_page_in_a_domain_of_small_ones),
    };

    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
