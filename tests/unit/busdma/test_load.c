/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading with translation: what the driver is told, what the device reaches, and for how long.
 */
#include <string.h>

#include "fixture/load.h"

#define LOW_4G (UINT64_C(0xffffffff))

/* ---- What a load promises -------------------------------------------------------------------- */

static void test_scattered_buffer_is_one_segment(void **state)
{
    static const size_t offsets[] = { 0, 1, 24, 4095 };

    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        const struct limits tag_limits = { .maxsize = KIB(128) };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &tag_limits);
        map = new_map(tag);
        for (unsigned o = 0; o < 4; o++) {
            uint8_t *buffer = model_buffer_alloc(f.m, KIB(128), MODEL_SCATTERED, offsets[o]);
            uint64_t iova = load_one(tag, map, buffer, KIB(128));

            assert_int_equal(iova & (PAGE - 1), offsets[o]);
            fill_pattern(buffer, KIB(128), o);
            udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
            assert_true(device_sees(&f, RID0, iova, buffer, KIB(128)));
            assert_true(device_stores(&f, RID0, iova, buffer, KIB(128), o));
            assert_false(can_read(&f, RID0, iova - offsets[o] - 1));
            assert_false(can_read(&f, RID1, iova));
            udmar_dmamap_unload(tag, map);
            for (uint64_t at = 0; at < KIB(128); at += PAGE)
                assert_false(can_read(&f, RID0, iova + at));
            model_buffer_free(f.m, buffer);
        }
        drop_map(tag, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

static void test_two_devices_do_not_meet(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag[2];
    struct udmar_dma_map *map[2];
    uint8_t *buffer[2];
    uint64_t iova[2];

    (void)state;
    fixture_open(&f, NULL);
    for (unsigned i = 0; i < 2; i++) {
        tag[i] = new_tag(&f, i, NULL);
        map[i] = new_map(tag[i]);
        buffer[i] = model_buffer_alloc(f.m, PAGE, 0, 0);
        memset(buffer[i], (int)(i + 1), PAGE);
        iova[i] = load_one(tag[i], map[i], buffer[i], PAGE);
    }
    /* Spaces of their own: the same address means something else to each. */
    assert_int_equal(iova[0], iova[1]);
    assert_true(device_sees(&f, RID0, iova[0], buffer[0], PAGE));
    assert_true(device_sees(&f, RID1, iova[1], buffer[1], PAGE));
    assert_false(can_read(&f, RID2, iova[0]));
    udmar_dmamap_unload(tag[0], map[0]);
    assert_false(can_read(&f, RID0, iova[0]));
    assert_true(can_read(&f, RID1, iova[1]));
    udmar_dmamap_unload(tag[1], map[1]);
    for (unsigned i = 0; i < 2; i++) {
        drop_map(tag[i], map[i]);
        drop_tag(tag[i]);
        model_buffer_free(f.m, buffer[i]);
    }
    fixture_close(&f);
}

static void test_nowrite_is_read_only(void **state)
{
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, NULL);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 3 * PAGE, MODEL_SCATTERED, 8);
        fill_pattern(buffer, 3 * PAGE, 1);
        assert_int_equal(load(tag, map, buffer, 3 * PAGE, UDMAR_DMA_NOWRITE), 0);
        iova = result.segment[0].ds_addr;
        assert_true(device_sees(&f, RID0, iova, buffer, 3 * PAGE));
        assert_false(can_write(&f, RID0, iova));
        assert_false(can_write(&f, RID0, iova + 3 * PAGE - 1));
        udmar_dmamap_unload(tag, map);
        iova = load_one(tag, map, buffer, 3 * PAGE);
        assert_true(can_write(&f, RID0, iova));
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

static void test_wrong_arguments(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag, *other;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    char stack[16];

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    other = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, KIB(128), 0, 0);
    assert_int_equal(load(NULL, map, buffer, 1, 0), UDMAR_EINVAL);
    assert_int_equal(load(tag, NULL, buffer, 1, 0), UDMAR_EINVAL);
    assert_int_equal(load(other, map, buffer, 1, 0), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_load(tag, map, buffer, 1, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(load(tag, map, NULL, 1, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer, 0, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer, KIB(64) + 1, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer, UINT64_MAX, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    /* An address that the host does not know, at once and after a good beginning. */
    assert_int_equal(load(tag, map, stack, 1, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer + KIB(128) - PAGE, 2 * PAGE, 0), 0);
    expect_outcome(1, UDMAR_EINVAL);
    /* None of this has left anything behind. */
    assert_int_equal(load(tag, map, buffer, KIB(64), 0), 0);
    assert_int_equal(load(tag, map, buffer, KIB(64), 0), UDMAR_EBUSY);
    expect_outcome(0, 0);
    assert_true(can_read(&f, RID0, result.segment[0].ds_addr));
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    drop_tag(other);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

static void test_null_and_unloaded_maps_are_ignored(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    unsigned before;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    before = model_stats(f.u)->iqt_writes;
    udmar_dmamap_unload(tag, NULL);
    udmar_dmamap_unload(NULL, map);
    udmar_dmamap_unload(tag, map);
    udmar_dmamap_sync(tag, NULL, UDMAR_DMA_SYNC_PREREAD);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREREAD);
    udmar_dmamap_sync(NULL, map, UDMAR_DMA_SYNC_POSTREAD);
    assert_int_equal(model_stats(f.u)->iqt_writes, before);
    assert_false(udmar_dma_id_mapped(tag, MIB(2), PAGE));
    assert_false(udmar_dma_id_mapped(NULL, MIB(2), PAGE));
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* What the device sees of a load: order, sum, cuts; and the bytes are those of the buffer. */
static void check_segments(struct fixture *f, const struct limits *limits, const uint8_t *buffer,
                           uint64_t length)
{
    uint64_t done = 0;

    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, 0);
    assert_true(result.count >= 1 && result.count <= limits->nsegments);
    for (int i = 0; i < result.count; i++) {
        uint64_t first = result.segment[i].ds_addr, size = result.segment[i].ds_len;
        uint64_t last = first + size - 1;

        assert_true(size > 0 && size <= limits->maxsegsz);
        if (limits->boundary != 0)
            assert_int_equal(first / limits->boundary, last / limits->boundary);
        /* One range for a buffer, however scattered it is. */
        if (i > 0)
            assert_int_equal(first, result.segment[i - 1].ds_addr + result.segment[i - 1].ds_len);
        assert_false(first <= limits->highaddr && last > limits->lowaddr);
        assert_true(device_sees(f, RID0, first, buffer + done, (size_t)size));
        done += size;
    }
    assert_int_equal(done, length);
    assert_int_equal(result.segment[0].ds_addr & (limits->alignment - 1), 0);
    /* A cut is made only where it must be. */
    if (limits->boundary == 0 && limits->maxsegsz >= length)
        assert_int_equal(result.count, 1);
}

static void test_random_limits(void **state)
{
    uint32_t random = 77;

    (void)state;
    for (unsigned windows = 0; windows < 2; windows++) {
        const struct setup setup = { .window_limit = windows ? 0 : PAGE };
        struct fixture f;

        fixture_open(&f, &setup);
        for (unsigned n = 0; n < 250; n++) {
            struct limits limits = {
                .alignment = UINT64_C(1) << roll_below(&random, 17),
                .boundary =
                    roll_below(&random, 2) ? UINT64_C(1) << (9 + roll_below(&random, 10)) : 0,
                .lowaddr = roll_below(&random, 2) ? LOW_4G >> roll_below(&random, 3) : UINT64_MAX,
                .highaddr = UINT64_MAX,
                .maxsize = 1 + roll_below(&random, 200000),
                .maxsegsz = 512u + (roll(&random) >> (10 + roll_below(&random, 20))),
                .nsegments = 1024,
            };
            size_t offset = (size_t)(roll_below(&random, 4096) & ~(limits.alignment - 1));
            uint64_t length = 1 + roll_below(&random, (uint32_t)limits.maxsize);
            unsigned flags = roll_below(&random, 2) ? MODEL_SCATTERED : MODEL_CONTIGUOUS;
            uint8_t *buffer = model_buffer_alloc(f.m, length, flags | MODEL_HIGH, offset);
            struct udmar_dma_tag *tag = new_tag(&f, 0, &limits);
            struct udmar_dma_map *map = new_map(tag);

            if (limits.maxsegsz > limits.boundary && limits.boundary != 0)
                limits.maxsegsz = limits.boundary;
            fill_pattern(buffer, length, n);
            assert_int_equal(load(tag, map, buffer, length, 0), 0);
            check_segments(&f, &limits, buffer, length);
            udmar_dmamap_unload(tag, map);
            assert_false(can_read(&f, RID0, result.segment[0].ds_addr));
            drop_map(tag, map);
            drop_tag(tag);
            model_buffer_free(f.m, buffer);
        }
        fixture_close(&f);
    }
}

/* A 32-bit device and a buffer above 4 GiB: no copying, an address that it can reach. */
static void test_high_buffer_for_a_32_bit_device(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .maxsize = MIB(4) };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, MIB(3), MODEL_HIGH | MODEL_SCATTERED, 17);
    iova = load_one(tag, map, buffer, MIB(3));
    assert_true(iova + MIB(3) - 1 <= LOW_4G);
    assert_true(device_stores(&f, RID0, iova, buffer, MIB(3), 3));
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* Addresses between lowaddr and highaddr are never used, though nothing else would be free. */
static void test_addresses_out_of_reach(void **state)
{
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        const struct udmar_iova_limits low = { .lowest = PAGE, .highest = MIB(1) - 1 };
        const struct limits hole = { .lowaddr = MIB(1) - 1, .highaddr = MIB(16) - 1 };
        const struct limits end = { .lowaddr = MIB(1) - 1 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t taken;

        fixture_open(&f, &setup);
        assert_int_equal(udmar_domain_alloc_iova(f.domain, MIB(1) - PAGE, &low, &taken), UDMAR_OK);
        buffer = model_buffer_alloc(f.m, KIB(64), MODEL_SCATTERED, 0);
        tag = new_tag(&f, 0, &hole);
        map = new_map(tag);
        assert_true(load_one(tag, map, buffer, KIB(64)) >= MIB(16));
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        tag = new_tag(&f, 0, &end);
        map = new_map(tag);
        assert_int_equal(load(tag, map, buffer, KIB(64), 0), UDMAR_ENOMEM);
        expect_outcome(1, UDMAR_ENOMEM);
        drop_map(tag, map);
        drop_tag(tag);
        assert_int_equal(udmar_domain_free_iova(f.domain, taken), UDMAR_OK);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/*
 * An offset that the device cannot do: all bytes are moved down to where it can, for an end in
 * between that is at a page border of the buffer would be one of the alignment's no more.
 */
static void test_alignment_that_the_buffer_breaks(void **state)
{
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        const struct limits limits = { .alignment = 64, .nsegments = 2 };
        struct udmar_bounce_zone_info zone;
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer, before[3 * 4096];

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 3 * PAGE, MODEL_SCATTERED, 0);
        fill_pattern(buffer, 3 * PAGE, l);
        memcpy(before, buffer, sizeof(before));
        assert_int_equal(load(tag, map, buffer + 32, 2 * PAGE, 0), 0);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.segment[0].ds_addr % 64, 0);
        assert_int_equal(result.segment[0].ds_len, 2 * PAGE);
        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_int_equal(zone.active_pages, 2);
        udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, buffer + 32, 2 * PAGE));
        assert_false(device_stores(&f, RID0, result.segment[0].ds_addr, buffer + 32, 100, 7));
        udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, buffer + 32, 2 * PAGE));
        udmar_dmamap_unload(tag, map);
        /* Nothing but the 100 bytes has changed. */
        assert_memory_equal(buffer, before, 32);
        assert_memory_not_equal(buffer + 32, before + 32, 100);
        assert_memory_equal(buffer + 132, before + 132, 3 * PAGE - 132);
        /* The rest of the page that stood in belonged to nobody. */
        assert_false(can_read(&f, RID0, result.segment[0].ds_addr));
        assert_int_equal(load(tag, map, buffer + 64, 64, 0), 0);
        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_int_equal(zone.active_pages, 0);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

static void test_too_many_segments_are_undone(void **state)
{
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        const struct setup setup = { .window_limit = window_limits[l] };
        const struct limits limits = { .maxsegsz = PAGE, .nsegments = 4 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, KIB(64), MODEL_SCATTERED, 0);
        assert_int_equal(load(tag, map, buffer, 4 * PAGE, 0), 0);
        assert_int_equal(result.count, 4);
        iova = result.segment[0].ds_addr;
        udmar_dmamap_unload(tag, map);
        /* The call is fine, the callback has the bad news. */
        assert_int_equal(load(tag, map, buffer, 5 * PAGE, 0), 0);
        expect_outcome(1, UDMAR_EFBIG);
        for (unsigned page = 0; page < 5; page++)
            assert_false(can_read(&f, RID0, iova + page * PAGE));
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

static void warm(void *context, struct model *m, enum model_event event)
{
    (void)m;
    if (event == MODEL_EVENT_UNMAP)
        model_cache_warm(context);
}

/* What the unit has cached meanwhile is gone when a load that failed comes back. */
static void test_failed_load_waits_for_the_unit(void **state)
{
    (void)state;
    for (unsigned large = 0; large < 2; large++) {
        const struct setup setup = { .no_direct_map = true, .tunables = "hw.dmar.strict=1" };
        const struct limits limits = { .maxsize = large ? MIB(3) : KIB(64), .nsegments = 2 };
        struct udmar_dma_physical list[3];
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 6 * PAGE, MODEL_SCATTERED, 0);
        for (unsigned i = 0; i < 3; i++)
            list[i] = (struct udmar_dma_physical){ physical_of(&f, buffer + 2 * i * PAGE), 100 };
        assert_int_equal(load_list(tag, map, list, 2), 0);
        iova = result.segment[0].ds_addr;
        udmar_dmamap_unload(tag, map);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DELAYED;
        model_behaviour(f.u)->queue_delay = 40;
        model_set_hook(f.m, warm, f.u);
        assert_int_equal(load_list(tag, map, list, 3), 0);
        model_set_hook(f.m, NULL, NULL);
        expect_outcome(1, UDMAR_EFBIG);
        assert_int_equal(model_cache_stale(f.u), 0);
        for (unsigned page = 0; page < 3; page++)
            assert_false(can_read(&f, RID0, iova + page * PAGE));
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* Each piece that begins a segment begins where the tag wants it, not the first alone. */
static void test_later_pieces_are_aligned(void **state)
{
    static const uint64_t alignments[] = { 16, PAGE, 2 * PAGE, KIB(64), MIB(1), MIB(2), MIB(4) };

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(alignments) / sizeof(alignments[0]); i++) {
        const struct setup setup = { .window_limit = window_limits[i % 2] };
        const struct limits limits = { .alignment = alignments[i / 2], .nsegments = 4 };
        struct udmar_dma_physical list[4];
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 8 * PAGE, MODEL_SCATTERED, 0);
        fill_pattern(buffer, 8 * PAGE, i);
        for (unsigned n = 0; n < 4; n++)
            list[n] = (struct udmar_dma_physical){ physical_of(&f, buffer + 2 * n * PAGE),
                                                   100 + n * 900 };
        for (unsigned round = 0; round < 2; round++) {
            assert_int_equal(load_list(tag, map, list, 4), 0);
            assert_int_equal(result.error, 0);
            assert_int_equal(result.count, 4);
            for (unsigned n = 0; n < 4; n++) {
                assert_int_equal(result.segment[n].ds_addr & (limits.alignment - 1), 0);
                assert_int_equal(result.segment[n].ds_len, list[n].length);
                assert_true(device_sees(&f, RID0, result.segment[n].ds_addr, buffer + 2 * n * PAGE,
                                        list[n].length));
            }
            udmar_dmamap_unload(tag, map);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* Small buffers of a large alignment, side by side: each of the windows is aligned. */
static void test_small_buffers_of_large_alignment(void **state)
{
    static const uint64_t alignments[] = { 2 * PAGE, KIB(64), KIB(256), MIB(1), MIB(2), MIB(4) };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        const struct limits limits = { .alignment = alignments[i], .maxsize = PAGE };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map[5];
        uint8_t *buffer;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, &limits);
        buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
        for (unsigned n = 0; n < 5; n++) {
            map[n] = new_map(tag);
            assert_int_equal(load_one(tag, map[n], buffer, 100) & (limits.alignment - 1), 0);
        }
        for (unsigned n = 0; n < 5; n++) {
            udmar_dmamap_unload(tag, map[n]);
            drop_map(tag, map[n]);
        }
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* As many segments as the tag allows must fit, however small they are. */
/* The same in a range of the tree, where part of it has been written when it turns out. */
static void test_half_a_range_is_undone(void **state)
{
    static const struct udmar_dma_physical list[] = { { MIB(4), 100 },
                                                      { MIB(6), 100 },
                                                      { MIB(8), 100 } };
    const struct setup setup = { .window_limit = PAGE };
    const struct limits limits = { .alignment = MIB(4), .nsegments = 2 };
    struct udmar_domain_info before, after;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct fixture f;
    uint64_t iova;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 2, note_loaded, &result, 0), 0);
    iova = result.segment[0].ds_addr;
    assert_true(can_read(&f, RID0, iova));
    udmar_dmamap_unload(tag, map);
    assert_false(can_read(&f, RID0, iova));
    udmar_domain_info(f.domain, &before);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 3, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EFBIG);
    for (uint64_t at = iova - MIB(1); at < iova + MIB(1); at += PAGE)
        assert_false(can_read(&f, RID0, at));
    udmar_domain_info(f.domain, &after);
    assert_int_equal(after.ranges, before.ranges);
    drop_map(tag, map);
    drop_tag(tag);
    drain_faults(&f);
    fixture_close(&f);
}

static void test_many_small_segments(void **state)
{
    const struct limits limits = { .maxsize = MIB(1), .maxsegsz = 512, .nsegments = 2048 };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, MIB(1), 0, 0);
    assert_int_equal(load(tag, map, buffer, MIB(1), 0), 0);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.count, 2048);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* A buffer that fits a boundary gets a place where it needs no cut, wherever it lies in memory. */
static void fit_boundary(uint64_t boundary, uint64_t length, size_t offset, uint64_t taken)
{
    const struct limits limits = { .boundary = boundary, .maxsize = length };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map[3];
    uint8_t *filler, *buffer;
    uint64_t iova;

    fixture_open(&f, NULL);
    /* So that the lowest free place is another one each time. */
    assert_int_equal(udmar_domain_alloc_iova(f.domain, taken, NULL, &iova), UDMAR_OK);
    tag = new_tag(&f, 0, &limits);
    filler = model_buffer_alloc(f.m, KIB(700), 0, 0);
    buffer = model_buffer_alloc(f.m, (size_t)length, 0, offset);
    for (unsigned i = 0; i < 3; i++) {
        map[i] = new_map(tag);
        (void)load_one(tag, map[i], buffer, length);
    }
    for (unsigned i = 0; i < 3; i++) {
        udmar_dmamap_unload(tag, map[i]);
        drop_map(tag, map[i]);
    }
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    model_buffer_free(f.m, filler);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    fixture_close(&f);
}

static void test_boundary_costs_no_segment(void **state)
{
    static const uint64_t boundary[] = { KIB(128), MIB(4), MIB(8), MIB(16) };
    static const uint64_t length[] = { KIB(60), MIB(4), MIB(4), MIB(8) };
    static const size_t offset[] = { 24, 0, 24, 24 };

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        for (unsigned taken = 1; taken < 16; taken += 2)
            fit_boundary(boundary[n], length[n], offset[n], MIB(taken));
    }
}

/* ---- Physical lists -------------------------------------------------------------------------- */

static void test_pieces_join_at_page_borders(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    const struct limits limits = { .nsegments = 8 };
    uint8_t *a, *b;
    uint64_t pa, pb;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    a = model_buffer_alloc(f.m, 2 * PAGE, 0, 0);
    b = model_buffer_alloc(f.m, 2 * PAGE, 0, 0);
    fill_pattern(a, 2 * PAGE, 1);
    fill_pattern(b, 2 * PAGE, 2);
    pa = physical_of(&f, a);
    pb = physical_of(&f, b);
    {
        /* End at a border, begin at one: together. Empty pieces do not count. */
        const struct udmar_dma_physical joined[] = {
            { pb, 0 }, { pa + 100, PAGE - 100 }, { pb, 0 }, { pb + PAGE, 200 }, { pa, 0 },
        };

        assert_int_equal(load_list(tag, map, joined, 5), 0);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.segment[0].ds_len, PAGE + 100);
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, a + 100, PAGE - 100));
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr + PAGE - 100, b + PAGE, 200));
        udmar_dmamap_unload(tag, map);
    }
    {
        const struct udmar_dma_physical apart[] = {
            { pa, 100 }, { pb + 8, 40 }, { pa + PAGE, 60 }, { pb + PAGE + 1, PAGE - 1 }, { pa, 5 },
        };
        const uint8_t *expected[] = { a, b + 8, a + PAGE, b + PAGE + 1 };

        assert_int_equal(load_list(tag, map, apart, 5), 0);
        assert_int_equal(result.count, 4);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(result.segment[i].ds_len, apart[i].length);
            assert_true(device_sees(&f, RID0, result.segment[i].ds_addr, expected[i],
                                    (size_t)apart[i].length));
        }
        assert_int_equal(result.segment[3].ds_len, PAGE - 1 + 5);
        udmar_dmamap_unload(tag, map);
    }
    {
        /* The first ends at a border, the second does not begin at one. */
        const struct udmar_dma_physical inside[] = { { pa, PAGE }, { pb + 100, 200 } };

        assert_int_equal(load_list(tag, map, inside, 2), 0);
        assert_int_equal(result.count, 2);
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, a, PAGE));
        assert_true(device_sees(&f, RID0, result.segment[1].ds_addr, b + 100, 200));
        udmar_dmamap_unload(tag, map);
    }
    {
        /* As long as a page, but none. */
        const struct udmar_dma_physical across[] = { { pa + 512, PAGE }, { pb, 200 } };

        assert_int_equal(load_list(tag, map, across, 2), 0);
        assert_int_equal(result.count, 2);
        assert_true(device_sees(&f, RID0, result.segment[0].ds_addr, a + 512, PAGE));
        assert_true(device_sees(&f, RID0, result.segment[1].ds_addr, b, 200));
        udmar_dmamap_unload(tag, map);
    }
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, a);
    model_buffer_free(f.m, b);
    fixture_close(&f);
}

static void test_wrong_lists(void **state)
{
    static const struct udmar_dma_physical wrong[] = {
        { UINT64_MAX - 10, 100 }, { UINT64_C(1) << 52, 100 }, { (UINT64_C(1) << 52) - 8, 16 },
        { UINT64_C(1) << 62, 8 }, { MIB(1), UINT64_MAX },
    };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    const struct limits limits = { .nsegments = 8 };

    (void)state;
    for (unsigned windows = 0; windows < 2; windows++) {
        const struct setup setup = { .window_limit = windows ? 0 : PAGE };

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(load_list(tag, map, &wrong[i], 1), 0);
            expect_outcome(1, UDMAR_EINVAL);
        }
        assert_int_equal(load_list(tag, map, NULL, 3), 0);
        expect_outcome(1, UDMAR_EINVAL);
        assert_int_equal(load_list(tag, map, wrong, 0), 0);
        expect_outcome(1, UDMAR_EINVAL);
        assert_int_equal(load_list(NULL, map, wrong, 1), UDMAR_EINVAL);
        drop_map(tag, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* Many pieces with a page each need more pages than bytes: a range of its own does it. */
/* A buffer, a list of whole pages, and a list of others: each after each, on the quick ways too. */
static void test_second_load_of_any_kind_is_refused(void **state)
{
    const struct limits limits = { .maxsize = 3 * PAGE };

    (void)state;
    for (unsigned n = 0; n < 2 * 9; n++) {
        const struct setup setup = { .window_limit = n < 9 ? 0 : PAGE };
        const unsigned kinds[] = { n % 3, n / 3 % 3 };
        struct udmar_dma_physical list[2];
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        struct fixture f;
        uint8_t *buffer, *other;
        uint64_t iova = 0;
        size_t one = 1;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 2 * PAGE, MODEL_CONTIGUOUS, 0);
        other = model_buffer_alloc(f.m, 2 * PAGE, MODEL_CONTIGUOUS, 0);
        fill_pattern(buffer, 2 * PAGE, n);
        for (unsigned i = 0; i < 2; i++) {
            uint8_t *at = i == 0 ? buffer : other;
            uint64_t physical = udmar_host_virtual_to_physical(f.m, at, &one);

            list[0] = (struct udmar_dma_physical){ physical, PAGE };
            list[1] = (struct udmar_dma_physical){ physical + PAGE, PAGE - kinds[i] / 2 };
            assert_int_equal(
                kinds[i] == 0
                    ? udmar_dmamap_load(tag, map, at, 2 * PAGE, note_loaded, &result, 0)
                    : udmar_dmamap_load_physical(tag, map, list, 2, note_loaded, &result, 0),
                i == 0 ? 0 : UDMAR_EBUSY);
            iova = i == 0 ? result.segment[0].ds_addr : iova;
        }
        assert_true(device_sees(&f, RID0, iova, buffer, 2 * PAGE - 1));
        udmar_dmamap_unload(tag, map);
        assert_false(can_read(&f, RID0, iova));
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        model_buffer_free(f.m, other);
        fixture_close(&f);
    }
}

/* So many bytes that the count of their pages comes around to none. */
static void test_as_much_as_all_addresses(void **state)
{
    static struct udmar_dma_physical list[4096];

    (void)state;
    for (unsigned direct = 0; direct < 2; direct++) {
        const struct setup setup = { .no_direct_map = direct == 0 };
        struct udmar_dma_tag *root;
        struct udmar_dma_map *map;
        struct fixture f;

        fixture_open(&f, &setup);
        root = udmar_device_dma_tag(f.device[0]);
        map = new_map(root);
        for (unsigned i = 0; i < 4096; i++)
            list[i] = (struct udmar_dma_physical){ 0x800, (UINT64_C(1) << 52) - 0x1000 };
        assert_int_equal(udmar_dmamap_load_physical(root, map, list, 4096, note_loaded, &result, 0),
                         UDMAR_ENOMEM);
        assert_int_equal(result.error, UDMAR_ENOMEM);
        assert_int_equal(udmar_dmamap_load(root, map, (void *)0xfff, UINTPTR_MAX - 0xfff,
                                           note_loaded, &result, 0),
                         sizeof(void *) == 8 ? UDMAR_ENOMEM : 0);
        assert_int_equal(result.error, sizeof(void *) == 8 ? UDMAR_ENOMEM : UDMAR_EINVAL);
        drop_map(root, map);
        fixture_close(&f);
    }
}

static void test_list_that_needs_more_pages_than_the_window(void **state)
{
    const struct limits limits = { .maxsize = 4 * PAGE, .nsegments = 64 };
    struct udmar_dma_physical list[40];
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map, *next[8];
    uint64_t there[8];
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, 40 * PAGE, MODEL_SCATTERED, 0);
    fill_pattern(buffer, 40 * PAGE, 4);
    for (unsigned i = 0; i < 40; i++)
        list[i] = (struct udmar_dma_physical){ physical_of(&f, buffer + i * PAGE) + 16, 48 };
    /* Windows next door, which keep what they have. */
    for (unsigned i = 0; i < 8; i++) {
        next[i] = new_map(tag);
        there[i] = load_one(tag, next[i], buffer + i * PAGE, 4 * PAGE);
    }
    for (unsigned round = 0; round < 3; round++) {
        uint64_t first;

        assert_int_equal(load_list(tag, map, list, 40), 0);
        assert_int_equal(result.calls, 1);
        assert_int_equal(result.error, 0);
        assert_int_equal(result.count, 40);
        for (unsigned i = 0; i < 40; i++)
            assert_true(
                device_sees(&f, RID0, result.segment[i].ds_addr, buffer + i * PAGE + 16, 48));
        for (unsigned i = 0; i < 8; i++)
            assert_true(device_sees(&f, RID0, there[i], buffer + i * PAGE, 4 * PAGE));
        first = result.segment[0].ds_addr;
        udmar_dmamap_unload(tag, map);
        assert_false(can_read(&f, RID0, first));
        /* And a small one between goes through the window again. */
        first = load_one(tag, map, buffer, PAGE);
        assert_true(device_sees(&f, RID0, first, buffer, PAGE));
        udmar_dmamap_unload(tag, map);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_true(device_sees(&f, RID0, there[i], buffer + i * PAGE, 4 * PAGE));
        udmar_dmamap_unload(tag, next[i]);
        drop_map(tag, next[i]);
    }
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

static void test_load_of_a_range_without_memory(void **state)
{
    const struct setup setup = { .window_limit = PAGE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    int error = UDMAR_ENOMEM;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, KIB(64), MODEL_SCATTERED, 0);
    for (unsigned n = 1; error != 0; n++) {
        size_t pages = model_pages_in_use(f.m), bytes = model_bytes_in_use(f.m);

        model_fail_host_call(f.m, n, false);
        error = load(tag, map, buffer, KIB(64), 0);
        model_fail_host_call(f.m, 0, false);
        if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            expect_outcome(1, UDMAR_ENOMEM);
            assert_int_equal(model_pages_in_use(f.m), pages);
            assert_int_equal(model_bytes_in_use(f.m), bytes);
        }
    }
    assert_true(device_stores(&f, RID0, result.segment[0].ds_addr, buffer, KIB(64), 1));
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* The root tag itself has no limits: each load finds a place. */
static void test_load_with_the_root_tag(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    udmar_paddr_t physical;
    size_t length = 1;
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    tag = udmar_device_dma_tag(f.device[0]);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    buffer = model_buffer_alloc(f.m, MIB(20), 0, 0);
    iova = load_one(tag, map, buffer, MIB(20));
    /* Where memory has 2 MiB pages, the mapping has them too. */
    physical = udmar_host_virtual_to_physical(f.m, buffer, &length);
    assert_int_equal((iova ^ physical) & (MIB(2) - 1), 0);
    assert_true(can_write(&f, RID0, iova + MIB(20) - 1));
    udmar_dmamap_unload(tag, map);
    assert_false(can_write(&f, RID0, iova + MIB(20) - 1));
    drop_map(tag, map);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scattered_buffer_is_one_segment),
        cmocka_unit_test(test_two_devices_do_not_meet),
        cmocka_unit_test(test_nowrite_is_read_only),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_null_and_unloaded_maps_are_ignored),
        cmocka_unit_test(test_random_limits),
        cmocka_unit_test(test_high_buffer_for_a_32_bit_device),
        cmocka_unit_test(test_addresses_out_of_reach),
        cmocka_unit_test(test_alignment_that_the_buffer_breaks),
        cmocka_unit_test(test_too_many_segments_are_undone),
        cmocka_unit_test(test_failed_load_waits_for_the_unit),
        cmocka_unit_test(test_later_pieces_are_aligned),
        cmocka_unit_test(test_small_buffers_of_large_alignment),
        cmocka_unit_test(test_half_a_range_is_undone),
        cmocka_unit_test(test_many_small_segments),
        cmocka_unit_test(test_boundary_costs_no_segment),
        cmocka_unit_test(test_pieces_join_at_page_borders),
        cmocka_unit_test(test_wrong_lists),
        cmocka_unit_test(test_second_load_of_any_kind_is_refused),
        cmocka_unit_test(test_as_much_as_all_addresses),
        cmocka_unit_test(test_list_that_needs_more_pages_than_the_window),
        cmocka_unit_test(test_load_of_a_range_without_memory),
        cmocka_unit_test(test_load_with_the_root_tag),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
