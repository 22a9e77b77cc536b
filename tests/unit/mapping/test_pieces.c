/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of a load: those that join, odd ones and too many, and those that wait for the unit. */
#include "fixture/bounce.h"

static struct loaded result;

/* In physical addresses pieces join where they are neighbours; those of no length do not count. */
static void test_pieces_join_in_memory(void **state)
{
    static const struct udmar_dma_physical list[] = {
        { MIB(4), 0 },
        { MIB(4), 100 },
        { MIB(9), 0 },
        { MIB(4) + 100, PAGE },
        { MIB(5), PAGE },
        { MIB(5) + PAGE, 1 },
        { MIB(5) + PAGE + 2, 1 },
        { MIB(4), 0 },
    };
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &(struct limits){ .nsegments = 8 });
    map = new_map(tag);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 8, note_loaded, &result, 0), 0);
    assert_int_equal(result.count, 3);
    assert_int_equal(result.segment[0].ds_addr, MIB(4));
    assert_int_equal(result.segment[0].ds_len, PAGE + 100);
    assert_int_equal(result.segment[1].ds_addr, MIB(5));
    assert_int_equal(result.segment[1].ds_len, PAGE + 1);
    assert_int_equal(result.segment[2].ds_addr, MIB(5) + PAGE + 2);
    udmar_dmamap_unload(tag, map);
    drop(tag, map);
    fixture_close(&f);
}

/* Pieces that a function hands out one after the other. */
struct pieces {
    const struct udmar_dma_piece *piece;
    unsigned count;
};

static bool next_piece(void *context, struct udmar_dma_piece *out_piece)
{
    struct pieces *pieces = context;

    if (pieces->count == 0)
        return false;
    pieces->count--;
    *out_piece = *pieces->piece++;
    return true;
}

static int load_pieces(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                       const struct udmar_dma_piece *piece, unsigned count)
{
    struct pieces pieces = { piece, count };

    result.calls = 0;
    return udmar_dmamap_load_each(tag, map, next_piece, &pieces, note_loaded, &result,
                                  UDMAR_DMA_NOWAIT);
}

static void test_odd_pieces_of_a_function(void **state)
{
    static uint8_t stray[8];
    struct udmar_dma_piece good[20];
    const struct udmar_dma_piece bad[] = {
        { .is_physical = true, .physical = UINT64_C(1) << 52, .length = 1 },
        { .is_physical = true, .physical = UINT64_MAX, .length = 5 },
        { .is_physical = true, .physical = MIB(4), .length = MIB(1) },
        { .buffer = NULL, .length = 8 },
        { .buffer = (void *)(UINTPTR_MAX - 4), .length = 100 },
        { .buffer = stray, .length = 8 }, /* the host knows no such memory */
    };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar_dma_segment segments[4];
    int count = 7;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &(struct limits){ .nsegments = 30 });
    map = new_map(tag);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(load_pieces(tag, map, &bad[i], 1), 0);
        assert_int_equal(result.calls, 1);
        assert_int_equal(result.error, UDMAR_EINVAL);
        assert_int_equal(result.count, 0);
    }
    /* Without length they count for nothing. */
    for (unsigned i = 0; i < 20; i++)
        good[i] = (struct udmar_dma_piece){ .is_physical = true,
                                            .physical = MIB(4) + 3 * PAGE * i,
                                            .length = i % 5 == 4 ? 0 : PAGE };
    assert_int_equal(load_pieces(tag, map, good, 20), 0);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.segment[0].ds_len, 16 * PAGE);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(load_pieces(tag, map, &good[4], 1), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    /* The list of pieces needs memory. */
    drop_map(tag, map);
    map = new_map(tag);
    model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 1, true);
    assert_int_equal(load_pieces(tag, map, good, 20), UDMAR_ENOMEM);
    model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 0, false);
    assert_int_equal(load_pieces(tag, map, good, 4), 0);
    udmar_dmamap_unload(tag, map);
    /* And the other form refuses what it cannot do without. */
    assert_int_equal(udmar_dmamap_load_each_sg(tag, map, NULL, NULL, segments, &count, 0),
                     UDMAR_EINVAL);
    assert_int_equal(count, 0);
    assert_int_equal(udmar_dmamap_load_each_sg(tag, map, next_piece, NULL, segments, NULL, 0),
                     UDMAR_EINVAL);
    drop(tag, map);
    fixture_close(&f);
}

/* Lengths whose sum is no number any more, and one that is just too much. */
static void test_sums_beyond_all_numbers(void **state)
{
    static struct udmar_dma_physical list[4200];
    const struct udmar_dma_piece endless = { .is_physical = true, .length = UINT64_C(1) << 53 };
    struct fixture f;
    struct udmar_dma_tag *tag, *all;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, NULL);
    all = new_tag(&f, 0, &(struct limits){ .maxsize = UINT64_MAX });
    map = new_map(all);
    assert_int_equal(load_pieces(all, map, &endless, 1), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    drop(all, map);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    for (unsigned i = 0; i < 4200; i++)
        list[i].length = UINT64_C(1) << 52;
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 4200, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    /* 2^64 and a bit would look like the bit. */
    list[4096] = (struct udmar_dma_physical){ MIB(4), PAGE };
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 4097, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    drop(tag, map);
    fixture_close(&f);
}

/* A list has at most 4096 entries; pieces that are neighbours in memory are one. */
static void test_longest_list(void **state)
{
    static struct udmar_dma_piece piece[4098];
    static const struct {
        unsigned count;
        bool joins; /* the last with the one before it */
        int error;
    } rows[] = {
        { 2048, false, 0 },           { 2049, false, 0 }, { 4095, false, 0 },
        { 4096, false, 0 },           { 4097, true, 0 },  { 4097, false, UDMAR_EFBIG },
        { 4098, false, UDMAR_EFBIG },
    };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &(struct limits){ .maxsize = MIB(20), .nsegments = 4096 });
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned count = rows[i].count;

        map = new_map(tag);
        for (unsigned n = 0; n < count; n++)
            piece[n] = (struct udmar_dma_piece){ .is_physical = true,
                                                 .physical = GIB(5) + 2 * n * PAGE,
                                                 .length = PAGE };
        if (rows[i].joins)
            piece[count - 1].physical = piece[count - 2].physical + PAGE;
        assert_int_equal(load_pieces(tag, map, piece, count), 0);
        assert_int_equal(result.error, rows[i].error);
        if (rows[i].error == 0) {
            /* One after the other in guest addresses, wherever they are. */
            assert_int_equal(result.count, 1);
            assert_int_equal(result.segment[0].ds_len, count * PAGE);
            for (unsigned n = 0; n < count; n += n < 2040 || n > 4090 ? 1 : 57)
                assert_int_equal(
                    model_translate(f.m, 0, RID0, result.segment[0].ds_addr + n * PAGE, true)
                        .physical,
                    piece[n].physical);
            udmar_dmamap_unload(tag, map);
        }
        drop_map(tag, map);
    }
    drop_tag(tag);
    fixture_close(&f);
}

/* The unit has not confirmed the last unload: no new load, in whatever form, takes its pages. */
static void test_each_load_waits_for_the_unit(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar_dma_piece piece = { .length = 50 };
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 8);
    piece.buffer = buffer;
    iova = load_one(tag, map, buffer, 50);
    assert_true(can_write(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(tag, map);
    assert_int_equal(load_pieces(tag, map, &piece, 1), UDMAR_ENOMEM);
    assert_int_equal(zone_of(&f).active_pages, 1);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    assert_int_equal(load_pieces(tag, map, &piece, 1), 0);
    assert_true(device_stores(&f, RID0, result.segment[0].ds_addr, buffer, 0, 1));
    udmar_dmamap_unload(tag, map);
    assert_int_equal(zone_of(&f).active_pages, 0);
    model_buffer_free(f.m, buffer);
    drop(tag, map);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_join_in_memory),
        cmocka_unit_test(test_odd_pieces_of_a_function),
        cmocka_unit_test(test_sums_beyond_all_numbers),
        cmocka_unit_test(test_longest_list),
        cmocka_unit_test(test_each_load_waits_for_the_unit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
