/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where there are few addresses: devices of 24 and 32 bits. What fits is mapped, however it is
 * aligned and whatever idle maps there are.
 */
#include <string.h>

#include <udmar/stream.h>

#include "busdma/map.h"
#include "mapping/arena.h"
#include "fixture/fixture.h"

#define LOW_24 (MIB(16) - 1)
#define LOW_32 (GIB(4) - 1)
#define MOST   1100u

static struct loaded result;

static int load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer, uint64_t length)
{
    result.error = -1;
    (void)udmar_dmamap_load(tag, map, buffer, length, note_loaded, &result, UDMAR_DMA_NOWAIT);
    return result.error;
}

static const struct setup setups[] = {
    { .profile = NULL },         { .tunables = "hw.dmar.strict=0", .ticking = true },
    { .no_direct_map = true },   { .window_limit = PAGE },
    { .window_limit = MIB(64) },
};
#define SETUPS (sizeof(setups) / sizeof(setups[0]))

/* All but the first page, which is never given away, and another one where it is not aligned. */
static void test_nearly_all_below_16_mib(void **state)
{
    static const uint64_t sizes[] = { MIB(15), MIB(16) - PAGE, MIB(14), MIB(8), MIB(3), MIB(1) };

    (void)state;
    for (unsigned n = 0; n < SETUPS * 6; n++) {
        const struct limits limits = { .lowaddr = LOW_24, .maxsize = sizes[n / SETUPS] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setups[n % SETUPS]);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, (size_t)limits.maxsize, MODEL_SCATTERED | MODEL_HIGH, 0);
        for (unsigned i = 0; i < 2; i++) {
            iova = load_one(tag, map, buffer, limits.maxsize);
            assert_true(iova + limits.maxsize - 1 <= LOW_24);
            assert_true(device_sees(&f, RID0, iova, buffer, 100));
            assert_true(device_sees(&f, RID0, iova + limits.maxsize - 100,
                                    buffer + limits.maxsize - 100, 100));
            udmar_dmamap_unload(tag, map);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* Too large for a place at a large page's border, and still where the tag wants it. */
static void test_aligned_below_16_mib(void **state)
{
    static const uint64_t alignments[] = { PAGE, 2 * PAGE, KIB(64), KIB(512), MIB(1) };

    (void)state;
    for (unsigned n = 0; n < SETUPS * 5; n++) {
        const struct limits limits = { .lowaddr = LOW_24,
                                       .alignment = alignments[n / SETUPS],
                                       .maxsize = MIB(15) };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setups[n % SETUPS]);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, MIB(15), MODEL_SCATTERED | MODEL_HIGH, 0);
        iova = load_one(tag, map, buffer, MIB(14) + KIB(512));
        assert_int_equal(iova & (limits.alignment - 1), 0);
        assert_true(iova + MIB(14) + KIB(512) - 1 <= LOW_24);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

static udmar_iova_t keep(struct fixture *f, uint64_t first, uint64_t end)
{
    const struct udmar_iova_limits limits = { .lowest = first, .highest = end - 1 };
    udmar_iova_t iova = 0;

    assert_int_equal(udmar_domain_alloc_iova(f->domain, end - first, &limits, &iova), UDMAR_OK);
    return iova;
}

/* Large leaves are not to be had in the only gap, but the tag's alignment is. */
static void test_aligned_in_a_gap(void **state)
{
    static const uint64_t alignments[] = { PAGE, 2 * PAGE, KIB(64), KIB(256) };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct setup setup = { .window_limit = PAGE, .no_direct_map = true };
        const struct limits limits = { .lowaddr = MIB(256) - 1,
                                       .alignment = alignments[i],
                                       .maxsize = MIB(3) };
        /* Neither end is where an alignment is. */
        const uint64_t gap = MIB(101) + PAGE;
        const uint64_t gap_end = MIB(104) + KIB(512) + PAGE;
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        udmar_iova_t below, above;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, MIB(3), MODEL_SCATTERED | MODEL_HIGH, 0);
        below = keep(&f, PAGE, gap);
        above = keep(&f, gap_end, MIB(256));
        iova = load_one(tag, map, buffer, MIB(3));
        assert_true(iova >= gap && iova + MIB(3) <= gap_end);
        assert_int_equal(iova & (limits.alignment - 1), 0);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        assert_int_equal(udmar_domain_free_iova(f.domain, below), UDMAR_OK);
        assert_int_equal(udmar_domain_free_iova(f.domain, above), UDMAR_OK);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* As many loads at once as there is room for, whichever of the maps they have. */
static void test_maps_share_what_is_low(void **state)
{
    static const struct {
        uint64_t maxsize;
        unsigned maps, at_once;
    } cases[] = {
        { MIB(1), 9, 9 },      { MIB(1), 30, 15 }, { KIB(512), 64, 30 },
        { KIB(64), 150, 120 }, /* half of it in windows of 32 pages, for the maps made first */
        { MIB(3), 8, 5 },      { MIB(7), 4, 2 },
    };

    (void)state;
    for (unsigned n = 0; n < SETUPS * sizeof(cases) / sizeof(cases[0]); n++) {
        static struct udmar_dma_map *maps[MOST];
        const unsigned c = n / SETUPS, count = cases[c].maps;
        const struct limits limits = { .lowaddr = LOW_24, .maxsize = cases[c].maxsize };
        struct fixture f;
        struct udmar_dma_tag *tag;
        uint8_t *buffer;

        fixture_open(&f, &setups[n % SETUPS]);
        tag = new_tag(&f, 0, &limits);
        buffer = model_buffer_alloc(f.m, (size_t)limits.maxsize, MODEL_SCATTERED, 0);
        for (unsigned i = 0; i < count; i++)
            maps[i] = new_map(tag);
        /* The last ones, the first ones, and some in between. */
        for (unsigned round = 0; round < 3; round++) {
            unsigned first = round == 0 ? count - cases[c].at_once : round == 1 ? 0 : 1;
            unsigned end = first + cases[c].at_once < count ? first + cases[c].at_once : count;

            for (unsigned i = first; i < end; i++) {
                assert_int_equal(load(tag, maps[i], buffer, limits.maxsize), 0);
                assert_true(result.segment[0].ds_addr + limits.maxsize - 1 <= LOW_24);
                assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, buffer, 16));
            }
            for (unsigned i = first; i < end; i++)
                udmar_dmamap_unload(tag, maps[i]);
        }
        for (unsigned i = 0; i < count; i++)
            drop_map(tag, maps[i]);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/*
 * Maps without a limit come first and are many; then comes a device with 24 bits, or a tag of 32,
 * in the same domain.
 */
static void test_others_leave_low_addresses_alone(void **state)
{
    static struct udmar_dma_map *maps[MOST], *low[16];
    /* Windows of 2 MiB: a bit more than a block holds. */
    const struct limits all = { .maxsize = MIB(1) + PAGE };
    const struct limits bits_32 = { .lowaddr = LOW_32, .maxsize = MIB(1) + PAGE };
    const struct limits bits_24 = { .lowaddr = LOW_24, .maxsize = KIB(512) };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture f;
        struct udmar_dma_tag *tag, *narrow;
        uint8_t *buffer;
        unsigned count = n == 0 ? 700 : 40, high = 0;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, n == 0 ? &all : &bits_32);
        narrow = new_tag(&f, 0, n == 0 ? &bits_32 : &bits_24);
        buffer = model_buffer_alloc(f.m, MIB(1), MODEL_SCATTERED, 0);
        for (unsigned i = 0; i < count; i++)
            maps[i] = new_map(tag);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(load(tag, maps[i], buffer, MIB(1)), 0);
            high += result.segment[0].ds_addr > (n == 0 ? LOW_32 : LOW_24);
            udmar_dmamap_unload(tag, maps[i]);
        }
        assert_true(high >= count - (n == 0 ? 512 : 2));
        for (unsigned i = 0; i < 16; i++) {
            low[i] = new_map(narrow);
            assert_int_equal(load(narrow, low[i], buffer, KIB(512)), 0);
            assert_true(result.segment[0].ds_addr + KIB(512) - 1 <= (n == 0 ? LOW_32 : LOW_24));
        }
        for (unsigned i = 0; i < 16; i++) {
            udmar_dmamap_unload(narrow, low[i]);
            drop_map(narrow, low[i]);
        }
        for (unsigned i = 0; i < count; i++)
            drop_map(tag, maps[i]);
        drop_tag(tag);
        drop_tag(narrow);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* More maps than 32 bits have room for windows: half of the addresses stay for the loads of all. */
static void test_more_windows_than_addresses(void **state)
{
    static struct udmar_dma_map *maps[MOST];
    const struct limits limits = { .lowaddr = LOW_32, .maxsize = MIB(1) + PAGE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar__arena_pool *pool;
    uint8_t *buffer;
    unsigned windows = 0;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    buffer = model_buffer_alloc(f.m, MIB(1), MODEL_SCATTERED, 0);
    for (unsigned i = 0; i < MOST; i++) {
        maps[i] = new_map(tag);
        windows += maps[i]->window != NULL;
    }
    assert_int_equal(windows, 1024);
    pool = &udmar__mapper_of(f.domain)->pool_32;
    assert_int_equal(pool->taken, udmar__arena_pool_reach(f.domain, pool) / 2);
    for (unsigned i = 0; i < MOST; i++)
        assert_int_equal(load(tag, maps[i], buffer, MIB(1)), 0);
    for (unsigned i = 0; i < MOST; i++) {
        udmar_dmamap_unload(tag, maps[i]);
        drop_map(tag, maps[i]);
    }
    assert_int_equal(pool->taken, 0);
    assert_int_equal(udmar__mapper_of(f.domain)->taken, 0);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

static void test_streams_below_16_mib(void **state)
{
    static const uint64_t sizes[] = { MIB(15), MIB(14) + PAGE, MIB(3) };
    struct fixture f;

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        struct udmar_dma_physical piece = { .address = MIB(101), .length = sizes[n] };
        udmar_iova_t iova;

        fixture_open(&f, NULL);
        assert_int_equal(udmar_stream_map(f.domain, &piece, 1, UDMAR_READ_WRITE, LOW_24, &iova),
                         UDMAR_OK);
        assert_true(iova + sizes[n] - 1 <= LOW_24);
        assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
        fixture_close(&f);
    }
}

/* Lists whose pieces together have more pages than there are addresses, or numbers. */
static void test_lists_that_come_around(void **state)
{
    static struct udmar_dma_physical list[4096];
    static const struct {
        uint64_t address, length, alignment;
        unsigned count;
    } cases[] = {
        { 1, (UINT64_C(1) << 52) - 2, 1, 4095 },    { 1, (UINT64_C(1) << 52) - 2, 1, 4096 },
        { 0, (UINT64_C(1) << 52) - 4096, 1, 4096 }, { 0, (UINT64_C(1) << 51) + 1, 1, 4096 },
        { 0, 100, UINT64_C(1) << 53, 4096 },        { 0, 100, UINT64_C(1) << 52, 4096 },
        { 0, 100, UINT64_C(1) << 63, 3 },           { 0, 4096, UINT64_C(1) << 63, 3 },
        { 0, 1, UINT64_C(1) << 40, 4096 },
    };

    (void)state;
    for (unsigned n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
        const unsigned c = n / 2;
        const struct limits limits = { .alignment = cases[c].alignment,
                                       .maxsize = UINT64_MAX,
                                       .nsegments = 4096 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        fixture_open(&f, &setups[n % 2 ? 2 : 0]);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        for (unsigned i = 0; i < cases[c].count; i++)
            list[i] = (struct udmar_dma_physical){ cases[c].address, cases[c].length };
        result.error = 0;
        (void)udmar_dmamap_load_physical(tag, map, list, cases[c].count, note_loaded, &result,
                                         UDMAR_DMA_NOWAIT);
        assert_true(result.error == UDMAR_ENOMEM || result.error == UDMAR_EINVAL);
        drop_map(tag, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearly_all_below_16_mib),
        cmocka_unit_test(test_aligned_below_16_mib),
        cmocka_unit_test(test_aligned_in_a_gap),
        cmocka_unit_test(test_maps_share_what_is_low),
        cmocka_unit_test(test_others_leave_low_addresses_alone),
        cmocka_unit_test(test_more_windows_than_addresses),
        cmocka_unit_test(test_streams_below_16_mib),
        cmocka_unit_test(test_lists_that_come_around),
    };

    return cmocka_run_group_tests_name("mapping_low", tests, NULL, NULL);
}
