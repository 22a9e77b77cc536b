/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that stand in: what is copied and counted, what needs none, and the lists that say for
 * what they stand.
 */
#include "fixture/bounce.h"

static struct loaded result;

/* Each sync that copies counts once, however many pages and directions; others do not. */
static void test_copies_are_counted(void **state)
{
    static const struct {
        int op;
        unsigned copies, read_only_copies;
    } rows[] = {
        { UDMAR_DMA_SYNC_PREREAD, 0, 0 },
        { UDMAR_DMA_SYNC_PREWRITE, 1, 1 },
        { UDMAR_DMA_SYNC_POSTREAD, 1, 0 },
        { UDMAR_DMA_SYNC_POSTWRITE, 0, 0 },
        { UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE, 1, 1 },
        { UDMAR_DMA_SYNC_POSTREAD | UDMAR_DMA_SYNC_POSTWRITE, 1, 0 },
    };
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *high, *low;
    uint64_t expected = 0;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &(struct limits){ .lowaddr = LOW_4G, .nsegments = 8 });
    map = new_map(tag);
    high = model_buffer_alloc(f.m, 3 * PAGE, MODEL_HIGH, 9);
    low = model_buffer_alloc(f.m, PAGE, MODEL_LOW, 0);
    for (unsigned n = 0; n < 12; n++) {
        int flags = UDMAR_DMA_NOWAIT | (n < 6 ? 0 : UDMAR_DMA_NOWRITE);

        assert_int_equal(udmar_dmamap_load(tag, map, high, 3 * PAGE, note_loaded, &result, flags),
                         0);
        udmar_dmamap_sync(tag, map, rows[n % 6].op);
        expected += n < 6 ? rows[n % 6].copies : rows[n % 6].read_only_copies;
        assert_int_equal(zone_of(&f).total_bounced, expected);
        udmar_dmamap_unload(tag, map);
    }
    /* What the device reaches itself is not copied. */
    assert_int_equal(udmar_dmamap_load(tag, map, low, PAGE, note_loaded, &result, 0), 0);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(zone_of(&f).total_bounced, expected);
    model_buffer_free(f.m, high);
    model_buffer_free(f.m, low);
    drop(tag, map);
    fixture_close(&f);
}

/* Only a device that is translated can be kept from the rest of a page. */
static void test_subpage_without_translation(void **state)
{
    const struct setup setup = { .tunables = BOUNCE " hw.busdma.subpage=1" };
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    size_t run = 1;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, 100, 0, 8);
    assert_int_equal(load_one(tag, map, buffer, 100),
                     udmar_host_virtual_to_physical(f.m, buffer, &run));
    assert_true(!udmar_bounce_zone_info(f.instance, 0, &zone) || zone.active_pages == 0);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(f.m, buffer);
    drop(tag, map);
    fixture_close(&f);
}

/* What lies above the hole that a device cannot reach is not copied. */
static void test_memory_above_the_hole(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    const struct udmar_dma_physical list[] = { { GIB(4) + MIB(17), PAGE },
                                               { GIB(4) + MIB(40), PAGE } };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(
        &f, 0,
        &(struct limits){ .lowaddr = LOW_4G, .highaddr = GIB(4) + MIB(20) - 1, .nsegments = 4 });
    map = new_map(tag);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 2, note_loaded, &result, 0), 0);
    assert_int_equal(result.count, 2);
    assert_true(result.segment[0].ds_addr <= LOW_4G);
    assert_int_equal(result.segment[1].ds_addr, list[1].address);
    assert_int_equal(zone_of(&f).active_pages, 1);
    udmar_dmamap_unload(tag, map);
    drop(tag, map);
    fixture_close(&f);
}

/* The lists of what stands for what need memory, too. */
static void test_stand_ins_without_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    int error = UDMAR_ENOMEM;
    unsigned failures = 0;

    (void)state;
    fixture_open(&f, &setup);
    tag =
        new_tag(&f, 0, &(struct limits){ .lowaddr = LOW_4G, .nsegments = 40, .maxsize = KIB(160) });
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, KIB(160), MODEL_HIGH | MODEL_SCATTERED, 0);
    for (unsigned call = 1; error != 0; call++) {
        assert_true(call < 30);
        model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, call, true);
        error =
            udmar_dmamap_load(tag, map, buffer, KIB(160), note_loaded, &result, UDMAR_DMA_NOWAIT);
        model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 0, false);
        if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            assert_int_equal(zone_of(&f).free_pages, zone_of(&f).total_pages);
            failures++;
        }
    }
    assert_true(failures >= 2); /* the room that one has got stays for the next */
    assert_int_equal(zone_of(&f).active_pages, 40);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(f.m, buffer);
    drop(tag, map);
    fixture_close(&f);
}

/* ---- Memory for a device --------------------------------------------------------------------- */

static void test_boundaries_of_dmamem(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct udmar_dma_tag *tag[12];
    struct udmar_dma_map *map[12];
    void *memory[12];
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    /* One behind the other: without the boundary some would lie across it. */
    for (unsigned n = 0; n < 12; n++) {
        const struct limits limits = { .boundary = KIB(16), .maxsize = 5000 + 800 * n };
        uint64_t first;

        tag[n] = new_tag(&f, 0, &limits);
        assert_int_equal(udmar_dmamem_alloc(tag[n], &memory[n], 0, &map[n]), 0);
        first = load_one(tag[n], map[n], memory[n], limits.maxsize);
        assert_int_equal(first / KIB(16), (first + limits.maxsize - 1) / KIB(16));
    }
    for (unsigned n = 0; n < 12; n++) {
        udmar_dmamap_unload(tag[n], map[n]);
        udmar_dmamem_free(tag[n], memory[n], map[n]);
        drop_tag(tag[n]);
    }
    fixture_close(&f);
}

static void test_alignment_beyond_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map = NULL;
    void *memory = NULL;

    (void)state;
    fixture_open(&f, &setup);
    /* To cross no boundary it would have to be aligned to more than there are addresses. */
    tag =
        new_tag(&f, 0, &(struct limits){ .boundary = KIB(64), .maxsize = SIZE_MAX / 4 + 2 * PAGE });
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), UDMAR_ENOMEM);
    drop_tag(tag);
    fixture_close(&f);
}

/* A load of memory that comes with its map never waits, lock or not. */
static void test_dmamem_does_not_wait(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map, *other;
    void *memory;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, &setup);
    tag = locked_tag(&f, UINT64_MAX, KIB(64), 1);
    other = new_map(tag);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 1);
    (void)load_one(tag, other, buffer, 5);
    no_more_pages(&f, true);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    assert_int_equal(udmar_dmamap_load(tag, map, memory, 100, note_loaded, &result, 0), 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    no_more_pages(&f, false);
    udmar_dmamap_unload(tag, other);
    model_buffer_free(f.m, buffer);
    drop(tag, other);
    fixture_close(&f);
}

/* Nor where other buffers of the same tag are looked at one by one. */
static void test_dmamem_under_a_limit(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *memory;

    (void)state;
    fixture_open(&f, &setup);
    tag = locked_tag(&f, LOW_4G, KIB(16), 1);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    assert_true(load_one(tag, map, memory, KIB(16)) + KIB(16) - 1 <= LOW_4G);
    assert_int_equal(zone_of(&f).active_pages, 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    drop_tag(tag);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_counted),
        cmocka_unit_test(test_subpage_without_translation),
        cmocka_unit_test(test_memory_above_the_hole),
        cmocka_unit_test(test_stand_ins_without_memory),
        cmocka_unit_test(test_boundaries_of_dmamem),
        cmocka_unit_test(test_alignment_beyond_memory),
        cmocka_unit_test(test_dmamem_does_not_wait),
        cmocka_unit_test(test_dmamem_under_a_limit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("bounce_pages", tests, NULL, NULL);
}
