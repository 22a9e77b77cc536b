/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads in every kind of place that there is: what a failure leaves, when an unload ends, and what
 * a large leaf may stand for.
 */
#include "fixture/load.h"

/* A small window, a block, a large window, a lent one, a range. */
static const struct {
    uint64_t window_limit, maxsize, alignment;
    unsigned pages; /* of a piece */
} places[] = {
    { 0, KIB(64), 1, 1 },     { PAGE, KIB(64), 1, 1 },       { 0, MIB(4), 1, 100 },
    { PAGE, MIB(4), 1, 100 }, { PAGE, MIB(4), MIB(4), 100 },
};
#define PLACES (sizeof(places) / sizeof(places[0]))
#define PIECES 5u

/* Bytes that the device's tables lead to. */
static uint64_t mapped(struct fixture *f)
{
    struct model_tree tree = model_count_tree(f->m, 0, RID0);

    return tree.leaves[1] * PAGE + tree.leaves[2] * MIB(2) + tree.leaves[3] * GIB(1);
}

/* Pieces that do not meet at page borders, and are no neighbours in memory. */
static void cut_up(struct fixture *f, unsigned pages, uint8_t *buffer,
                   struct udmar_dma_physical list[PIECES])
{
    for (unsigned i = 0; i < PIECES; i++)
        list[PIECES - 1 - i] =
            (struct udmar_dma_physical){ physical_of(f, buffer + i * pages * PAGE),
                                         pages * PAGE - 100 };
}

/* A list that fails in its last piece: what the first ones have got is taken back. */
static void test_failed_list_maps_nothing(void **state)
{
    (void)state;
    for (unsigned n = 0; n < PLACES; n++) {
        const struct setup setup = { .window_limit = places[n].window_limit };
        const struct limits limits = { .maxsize = places[n].maxsize,
                                       .alignment = places[n].alignment,
                                       .nsegments = PIECES - 1 };
        struct udmar_dma_physical list[PIECES];
        struct udmar_domain_info before, after;
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, PIECES * places[n].pages * PAGE, 0, 0);
        cut_up(&f, places[n].pages, buffer, list);
        for (unsigned round = 0; round < 3; round++) {
            assert_int_equal(load_list(tag, map, list, PIECES - 1), 0);
            assert_int_equal(result.error, 0);
            assert_int_equal(result.count, PIECES - 1);
            assert_true(mapped(&f) > 0);
            udmar_dmamap_unload(tag, map);
            assert_int_equal(mapped(&f), 0);
            udmar_domain_info(f.domain, &before);
            for (unsigned again = 0; again < 20; again++) {
                assert_int_equal(load_list(tag, map, list, PIECES), 0);
                expect_outcome(1, UDMAR_EFBIG);
                assert_int_equal(mapped(&f), 0);
            }
            /* Nor does anything of it wait in a table that the next load links. */
            (void)load_one(tag, map, buffer, PAGE);
            assert_int_equal(mapped(&f), PAGE);
            udmar_dmamap_unload(tag, map);
            udmar_domain_info(f.domain, &after);
            /* The first failure may have made an arena for blocks of another size. */
            if (round > 0) {
                assert_int_equal(after.ranges, before.ranges);
                assert_int_equal(after.table_pages, before.table_pages);
            }
        }
        assert_int_equal(model_cache_stale(f.u), 0);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* When a strict unload returns, the slowest unit has forgotten what was loaded. */
static void test_strict_unload_waits(void **state)
{
    (void)state;
    for (unsigned n = 0; n < PLACES; n++) {
        const struct setup setup = { .tunables = "hw.dmar.strict=1",
                                     .window_limit = places[n].window_limit };
        const struct limits limits = { .maxsize = places[n].maxsize,
                                       .alignment = places[n].alignment,
                                       .nsegments = PIECES };
        struct udmar_dma_physical list[PIECES];
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, PIECES * places[n].pages * PAGE, 0, 0);
        cut_up(&f, places[n].pages, buffer, list);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DELAYED;
        model_behaviour(f.u)->queue_delay = 9;
        for (unsigned round = 0; round < 3; round++) {
            assert_int_equal(load_list(tag, map, list, PIECES), 0);
            assert_int_equal(result.count, PIECES);
            for (unsigned i = 0; i < PIECES; i++)
                assert_true(can_write(&f, RID0, result.segment[i].ds_addr));
            udmar_dmamap_unload(tag, map);
            for (unsigned i = 0; i < PIECES; i++)
                assert_int_equal(
                    model_translate_cached(f.m, 0, RID0, result.segment[i].ds_addr, true).result,
                    MODEL_BLOCKED);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* The first and the last piece are whole pages, one between them lies in no memory. */
/* The largest and the smallest load of each kind of place, one page more and one less. */
static void test_sizes_around_each_limit(void **state)
{
    static const unsigned sizes[] = { 1,   2,   127,  128,  129,  255,  256,  257, 511,
                                      512, 513, 1023, 1024, 1025, 2047, 2048, 2049 };

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct setup setup = { .window_limit = window_limits[n % 2],
                                     .no_direct_map = n >= 2 };
        const struct limits limits = { .maxsize = MIB(9) };
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        struct fixture f;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, MIB(9), 0, 0);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            /* Its last page is not a whole one: nothing quick. */
            const struct udmar_dma_physical piece = { physical_of(&f, buffer),
                                                      sizes[i] * PAGE - 100 };
            uint64_t last = piece.length - 8;

            fill_pattern(buffer, 64, i);
            fill_pattern(buffer + last, 8, i + 1);
            for (unsigned round = 0; round < 2; round++) {
                uint64_t iova;

                assert_int_equal(load_list(tag, map, &piece, 1), 0);
                assert_int_equal(result.error, 0);
                assert_int_equal(result.count, 1);
                assert_int_equal(result.segment[0].ds_len, piece.length);
                iova = result.segment[0].ds_addr;
                assert_true(device_sees(&f, RID0, iova, buffer, 64));
                assert_true(device_sees(&f, RID0, iova + last, buffer + last, 8));
                assert_int_equal(mapped(&f), sizes[i] * PAGE);
                udmar_dmamap_unload(tag, map);
                assert_int_equal(mapped(&f), 0);
            }
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* The same for lists of whole pages, none of which are neighbours. */
static void test_whole_pages_around_each_limit(void **state)
{
    static const unsigned sizes[] = { 1, 255, 256, 257, 300, 511, 512, 513 };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .window_limit = window_limits[n] };
        static struct udmar_dma_physical list[513];
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        struct fixture f;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &(struct limits){ .maxsize = MIB(3) });
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 513 * PAGE, MODEL_SCATTERED, 0);
        fill_pattern(buffer, 513 * PAGE, n);
        for (unsigned i = 0; i < 513; i++)
            list[i] = (struct udmar_dma_physical){ physical_of(&f, buffer + i * PAGE), PAGE };
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            assert_int_equal(load_list(tag, map, list, sizes[i]), 0);
            assert_int_equal(result.error, 0);
            assert_int_equal(result.count, 1);
            for (unsigned page = 0; page < sizes[i]; page += page + 3 < sizes[i] ? 3 : 1)
                assert_true(device_sees(&f, RID0, result.segment[0].ds_addr + page * PAGE,
                                        buffer + page * PAGE, 16));
            assert_int_equal(mapped(&f), sizes[i] * PAGE);
            udmar_dmamap_unload(tag, map);
            assert_int_equal(mapped(&f), 0);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* A list that needs one page more than there is in a window leaves the next window alone. */
static void test_no_window_reaches_into_the_next(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct setup setup = { .no_direct_map = n & 1 };
        /* 16 pages: a block without a page to spare. */
        const struct limits limits = { .maxsize = KIB(60), .nsegments = 20 };
        struct udmar_dma_physical list[17];
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map[3];
        struct fixture f;
        uint64_t iova[3];
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        buffer = model_buffer_alloc(f.m, 40 * PAGE, MODEL_SCATTERED, 0);
        fill_pattern(buffer, 40 * PAGE, n);
        for (unsigned i = 0; i < 17; i++)
            list[i] = (struct udmar_dma_physical){ physical_of(&f, buffer + 2 * i * PAGE), 100 };
        for (unsigned i = 0; i < 3; i++)
            map[i] = new_map(tag);
        iova[0] = load_one(tag, map[0], buffer + 36 * PAGE, 60);
        iova[2] = load_one(tag, map[2], buffer + 38 * PAGE, 60);
        assert_int_equal(load_list(tag, map[1], list, n & 2 ? 16 : 17), 0);
        assert_int_equal(result.count, n & 2 ? 16 : 17);
        for (int i = 0; i < result.count; i++)
            assert_true(
                device_sees(&f, RID0, result.segment[i].ds_addr, buffer + 2 * i * PAGE, 100));
        assert_true(device_sees(&f, RID0, iova[0], buffer + 36 * PAGE, 60));
        assert_true(device_sees(&f, RID0, iova[2], buffer + 38 * PAGE, 60));
        for (unsigned i = 0; i < 3; i++) {
            udmar_dmamap_unload(tag, map[i]);
            drop_map(tag, map[i]);
        }
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

static void test_list_with_one_bad_piece_maps_nothing(void **state)
{
    static const struct udmar_dma_physical bad[] = {
        { UINT64_C(1) << 52, PAGE },
        { UINT64_MAX - PAGE + 1, PAGE },
        { MIB(16), UINT64_MAX - 2 * PAGE },
    };

    (void)state;
    for (unsigned n = 0; n < PLACES; n++) {
        const struct setup setup = { .window_limit = places[n].window_limit };
        const struct limits limits = { .maxsize = places[n].maxsize,
                                       .alignment = places[n].alignment,
                                       .nsegments = 8 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        for (unsigned i = 0; i < 3; i++) {
            struct udmar_dma_physical list[6];

            for (unsigned piece = 0; piece < 6; piece++)
                list[piece] = (struct udmar_dma_physical){ MIB(17) + piece * PAGE, PAGE };
            list[4] = bad[i];
            assert_int_equal(load_list(tag, map, list, 6), 0);
            expect_outcome(1, UDMAR_EINVAL);
            assert_int_equal(mapped(&f), 0);
        }
        drop_map(tag, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* Long pieces at an offset that a large leaf could not have: small pages, and the right ones. */
static void test_long_piece_that_is_not_aligned(void **state)
{
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        const struct limits limits = { .maxsize = MIB(6), .nsegments = 8 };
        struct udmar_dma_physical list[2];
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        size_t skip;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, MIB(6), MODEL_CONTIGUOUS, 0);
        fill_pattern(buffer, MIB(6), l);
        skip = (size_t)(-physical_of(&f, buffer) % MIB(2));
        for (unsigned page = 0; page < 2; page++) {
            /* The second piece begins a page further than its memory does. */
            list[0] = (struct udmar_dma_physical){ physical_of(&f, buffer + skip), PAGE };
            list[1] = (struct udmar_dma_physical){ list[0].address + page * PAGE, MIB(4) - PAGE };
            assert_int_equal(load_list(tag, map, list, 2), 0);
            assert_int_equal(result.count, 1);
            assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, buffer + skip, PAGE));
            assert_true(device_sees(&f, RID0, result.segment[0].ds_addr + PAGE,
                                    buffer + skip + page * PAGE, MIB(4) - PAGE));
            udmar_dmamap_unload(tag, map);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* In caching mode a mapping must be announced; who gets no answer has loaded nothing. */
static void test_load_that_is_not_answered(void **state)
{
    (void)state;
    for (unsigned n = 0; n < PLACES; n++) {
        const struct setup setup = { .profile = "cm",
                                     .tunables = "hw.dmar.timeout=100000",
                                     .window_limit = places[n].window_limit };
        const struct limits limits = { .maxsize = places[n].maxsize,
                                       .alignment = places[n].alignment,
                                       .nsegments = PIECES };
        struct udmar_dma_physical list[PIECES];
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, PIECES * places[n].pages * PAGE, 0, 0);
        cut_up(&f, places[n].pages, buffer, list);
        assert_int_equal(load_list(tag, map, list, PIECES), 0);
        udmar_dmamap_unload(tag, map);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
        assert_int_equal(load_list(tag, map, list, PIECES), UDMAR_ENOMEM);
        expect_outcome(1, UDMAR_ENOMEM);
        assert_int_equal(mapped(&f), 0);
        (void)model_queue_step(f.u, 4096);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        assert_int_equal(load_list(tag, map, list, PIECES), 0);
        assert_int_equal(result.count, PIECES);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        assert_int_equal(fixture_violations(&f), 0);
        /* What a unit has not confirmed stays taken. */
        f.forgive_pages = true;
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_list_maps_nothing),
        cmocka_unit_test(test_strict_unload_waits),
        cmocka_unit_test(test_sizes_around_each_limit),
        cmocka_unit_test(test_whole_pages_around_each_limit),
        cmocka_unit_test(test_no_window_reaches_into_the_next),
        cmocka_unit_test(test_list_with_one_bad_piece_maps_nothing),
        cmocka_unit_test(test_long_piece_that_is_not_aligned),
        cmocka_unit_test(test_load_that_is_not_answered),
    };

    return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
