/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the pieces of a load that grows lie: one place for all of them while it has room, then a
 * few larger ones; what the unit is asked and told for them; and what becomes of a piece that fails
 * when the device may have seen it.
 */
#include <string.h>

#include "fixture/bounce.h"

#define MOST          1024u
#define LENGTH        2030u
#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *large;
    uint8_t *area; /* a page for each piece, no two of them neighbours */
    struct udmar_dma_segment segment[MOST];
    int last;
};

/* @large: bytes of one more buffer, which is contiguous. */
static void open_large_scene(struct scene *s, const struct setup *setup,
                             const struct limits *limits, uint64_t large)
{
    struct setup roomy = setup != NULL ? *setup : (struct setup){ 0 };

    roomy.machine.low_size = MIB(64);
    memset(s, 0, sizeof(*s));
    fixture_open(&s->f, &roomy);
    s->tag = new_tag(&s->f, 0, limits);
    s->map = new_map(s->tag);
    if (large != 0) {
        /* First: what is scattered leaves no room for it. */
        s->large = model_buffer_alloc(s->f.m, (size_t)large, MODEL_CONTIGUOUS, 0);
        fill_pattern(s->large, (size_t)large, 9);
    }
    s->area = model_buffer_alloc(s->f.m, MOST * PAGE, MODEL_SCATTERED, 0);
    fill_pattern(s->area, MOST * PAGE, 5);
    s->last = -1;
}

static void open_scene(struct scene *s, const struct setup *setup, const struct limits *limits)
{
    open_large_scene(s, setup, limits, 0);
}

static void close_scene(struct scene *s)
{
    drop(s->tag, s->map);
    if (s->large != NULL)
        model_buffer_free(s->f.m, s->large);
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

/* Piece @i, as a chain of mbufs has them. */
static uint8_t *piece(struct scene *s, unsigned i)
{
    return s->area + i * PAGE + i % 16 * 130 + 1;
}

static int add(struct scene *s, unsigned i, int flags)
{
    return udmar_dmamap_add_buffer(s->tag, s->map, piece(s, i), LENGTH, s->segment, &s->last,
                                   flags | UDMAR_DMA_NOWAIT);
}

static void add_all(struct scene *s, unsigned count, int flags)
{
    s->last = -1;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(add(s, i, flags), 0);
    assert_int_equal(s->last + 1, count);
}

static void expect_seen(struct scene *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(s->segment[i].ds_len, LENGTH);
        assert_true(device_sees(&s->f, RID0, s->segment[i].ds_addr, piece(s, i), LENGTH));
    }
}

static void expect_gone(struct scene *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_false(can_read(&s->f, RID0, s->segment[i].ds_addr));
    drain_faults(&s->f);
}

static unsigned requests(struct scene *s)
{
    const struct model_unit_stats *stats = model_stats(s->f.u);

    return stats->iotlb_page + stats->iotlb_domain + stats->iotlb_global;
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Page after page of the map's window; nothing is asked but once, when all of it ends. */
static void test_chain_in_the_window(void **state)
{
    static const unsigned counts[] = { 1, 2, 4, 16, 17, 32 };
    struct scene s;

    (void)state;
    open_scene(&s, NULL, &(struct limits){ .maxsize = KIB(64), .nsegments = MOST });
    for (unsigned n = 0; n < 6; n++) {
        unsigned before = requests(&s), waits = model_stats(s.f.u)->waits;

        add_all(&s, counts[n], 0);
        for (unsigned i = 1; i < counts[n]; i++)
            assert_int_equal(s.segment[i].ds_addr / PAGE, s.segment[i - 1].ds_addr / PAGE + 1);
        assert_int_equal(requests(&s), before);
        expect_seen(&s, counts[n]);
        udmar_dmamap_unload(s.tag, s.map);
        assert_int_equal(requests(&s), before + 1);
        assert_int_equal(model_stats(s.f.u)->waits, waits + 1);
        expect_gone(&s, counts[n]);
    }
    close_scene(&s);
}

/* What is beyond the window, or has none, takes places twice as large each time. */
static void test_places_double(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        const struct setup setup = { .window_limit = n % 2 ? PAGE : 0,
                                     .no_direct_map = n / 2 == 1,
                                     .tunables = n / 2 == 2 ? "hw.dmar.strict=0" : "",
                                     .ticking = n / 2 == 2 };
        struct scene s;

        open_scene(&s, &setup, &(struct limits){ .maxsize = KIB(64), .nsegments = MOST });
        for (unsigned round = 0; round < 3; round++) {
            unsigned jumps = 0, before;
            size_t bytes = model_bytes_in_use(s.f.m);

            add_all(&s, MOST, 0);
            for (unsigned i = 1; i < MOST; i++)
                jumps += s.segment[i].ds_addr / PAGE != s.segment[i - 1].ds_addr / PAGE + 1;
            assert_in_range(jumps, 1, 8);
            expect_seen(&s, MOST);
            before = requests(&s);
            udmar_dmamap_unload(s.tag, s.map);
            /* Of ranges two may be neighbours. */
            assert_in_range(requests(&s) - before, n / 2 == 2 ? 0 : 2, 8);
            if (n / 2 < 2)
                expect_gone(&s, MOST);
            if (round == 2 && n / 2 < 2)
                assert_true(model_bytes_in_use(s.f.m) <= bytes);
        }
        close_scene(&s);
    }
}

/* The tag's boundary is crossed by no piece that fits between two of them. */
static void test_no_piece_over_a_boundary(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .window_limit = n ? PAGE : 0 };
        const struct limits limits = { .maxsize = KIB(64), .nsegments = 1, .boundary = KIB(16) };
        uint8_t *buffer;
        struct scene s;

        open_scene(&s, &setup, &limits);
        buffer = model_buffer_alloc(s.f.m, KIB(16), MODEL_CONTIGUOUS, 0);
        for (unsigned i = 0; i < 40; i++) {
            uint64_t size = PAGE + i % 3 * PAGE;
            uint64_t end;

            s.last = -1;
            assert_int_equal(
                udmar_dmamap_add_buffer(s.tag, s.map, buffer, size, s.segment, &s.last, 0), 0);
            end = s.segment[0].ds_addr + s.segment[0].ds_len - 1;
            assert_int_equal(s.segment[0].ds_len, size);
            assert_int_equal(s.segment[0].ds_addr / KIB(16), end / KIB(16));
            assert_true(can_read(&s.f, RID0, s.segment[0].ds_addr) && can_read(&s.f, RID0, end));
        }
        udmar_dmamap_unload(s.tag, s.map);
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* What an alignment beyond a page asks, it asks of each piece. */
static void test_alignment_of_pieces(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, NULL,
               &(struct limits){ .maxsize = KIB(64), .nsegments = MOST, .alignment = KIB(16) });
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(
            udmar_dmamap_add_buffer(s.tag, s.map, s.area + i * PAGE, 100, s.segment, &s.last, 0),
            0);
        assert_int_equal(s.segment[i].ds_addr % KIB(16), 0);
    }
    udmar_dmamap_unload(s.tag, s.map);
    close_scene(&s);
}

/* A piece of 2 MiB becomes one leaf, wherever it stands in the load. */
static void test_large_pieces(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .window_limit = n ? PAGE : 0 };
        const struct limits limits = { .maxsize = MIB(12), .nsegments = MOST };
        struct scene s;
        uint8_t *large;
        uint64_t first;

        open_large_scene(&s, &setup, &limits, MIB(6));
        large = s.large;
        first = (0 - physical_of(&s.f, large)) % MIB(2);
        for (unsigned round = 0; round < 2; round++) {
            unsigned before = model_count_tree(s.f.m, 0, RID0).leaves[2];

            s.last = -1;
            assert_int_equal(add(&s, 0, 0), 0);
            assert_int_equal(
                udmar_dmamap_add_buffer(s.tag, s.map, large + first, MIB(4), s.segment, &s.last, 0),
                0);
            assert_int_equal(s.last, 1);
            assert_int_equal(s.segment[1].ds_addr % MIB(2), 0);
            assert_int_equal(model_count_tree(s.f.m, 0, RID0).leaves[2], before + 2);
            assert_int_equal(add(&s, 1, 0), 0);
            assert_true(device_sees(&s.f, RID0, s.segment[1].ds_addr, large + first, MIB(4)));
            assert_true(device_sees(&s.f, RID0, s.segment[0].ds_addr, piece(&s, 0), LENGTH));
            assert_true(device_sees(&s.f, RID0, s.segment[2].ds_addr, piece(&s, 1), LENGTH));
            udmar_dmamap_unload(s.tag, s.map);
            expect_gone(&s, 3);
        }
        close_scene(&s);
    }
}

/* ---- Units that are told of new entries ------------------------------------------------------ */

/* Once for all where the caller says that more follow, else for each. */
static void test_announced_once(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        const struct setup setup = { .profile = n % 2 ? "rwbf" : "cm",
                                     .window_limit = n / 2 % 2 ? PAGE : 0 };
        bool more = n / 4 == 1;
        struct scene s;

        open_scene(&s, &setup, &(struct limits){ .maxsize = KIB(64), .nsegments = MOST });
        for (unsigned round = 0; round < 2; round++) {
            unsigned before = requests(&s) + model_stats(s.f.u)->wbf;

            add_all(&s, 16, more ? UDMAR_DMA_MORE : 0);
            assert_int_equal(udmar_dmamap_complete(s.tag, s.map), 0);
            /* A block that is made, and the tables above it, count as well. */
            if (round == 1)
                assert_int_equal(requests(&s) + model_stats(s.f.u)->wbf - before, more ? 1 : 16);
            assert_int_equal(udmar_dmamap_complete(s.tag, s.map), 0);
            expect_seen(&s, 16);
            before = requests(&s);
            udmar_dmamap_unload(s.tag, s.map);
            assert_int_equal(requests(&s) - before, 1);
            expect_gone(&s, 16);
        }
        close_scene(&s);
    }
}

/* Pieces with and without more to come, over several places. */
static void test_announced_at_last(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .profile = "cm", .window_limit = n ? PAGE : 0 };
        struct scene s;

        open_scene(&s, &setup, &(struct limits){ .maxsize = KIB(16), .nsegments = MOST });
        for (unsigned round = 0; round < 3; round++) {
            s.last = -1;
            for (unsigned i = 0; i < 300; i++) {
                /* The unit sees that there is nothing yet. */
                if (round > 0 && i < 5)
                    assert_false(can_read(&s.f, RID0, s.segment[i].ds_addr));
                assert_int_equal(add(&s, i, i % 7 == round ? 0 : UDMAR_DMA_MORE), 0);
            }
            assert_int_equal(udmar_dmamap_complete(s.tag, s.map), 0);
            drain_faults(&s.f);
            expect_seen(&s, 300);
            udmar_dmamap_unload(s.tag, s.map);
            expect_gone(&s, 300);
        }
        close_scene(&s);
    }
}

static void test_nothing_to_complete(void **state)
{
    static struct loaded first;
    struct scene s;
    struct udmar_dma_tag *other;

    (void)state;
    open_scene(&s, &(struct setup){ .profile = "cm" }, NULL);
    other = new_tag(&s.f, 0, NULL);
    assert_int_equal(udmar_dmamap_complete(NULL, s.map), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_complete(s.tag, NULL), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_complete(other, s.map), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_complete(s.tag, s.map), 0);
    assert_int_equal(udmar_dmamap_load(s.tag, s.map, s.area, 100, note_loaded, &first, 0), 0);
    assert_int_equal(udmar_dmamap_complete(s.tag, s.map), 0);
    assert_true(device_sees(&s.f, RID0, first.segment[0].ds_addr, s.area, 100));
    udmar_dmamap_unload(s.tag, s.map);
    drop_tag(other);
    close_scene(&s);
}

/* ---- What fails when the device may have seen it --------------------------------------------- */

/*
 * A unit that is not told of a piece in time: the piece is taken back, the others stay. What is at
 * its addresses afterwards is nobody's.
 */
static void test_piece_that_is_not_confirmed(void **state)
{
    static const uint64_t sizes[] = { LENGTH, MIB(2), MIB(9) };

    (void)state;
    for (unsigned n = 0; n < 12; n++) {
        const struct setup setup = { .profile = "cm",
                                     .tunables =
                                         n / 6 ? SHORT_TIMEOUT " hw.dmar.strict=0" : SHORT_TIMEOUT,
                                     .window_limit = n % 2 ? PAGE : 0 };
        const struct limits limits = { .maxsize = MIB(12), .nsegments = MOST };
        uint64_t size = sizes[n / 2 % 3];
        struct scene s;
        int last;

        open_large_scene(&s, &setup, &limits, size);
        for (unsigned round = 0; round < 2; round++) {
            s.last = -1;
            assert_int_equal(add(&s, 0, 0), 0);
            assert_int_equal(add(&s, 1, 0), 0);
            last = s.last;
            model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
            assert_int_equal(
                udmar_dmamap_add_buffer(s.tag, s.map, s.large, size, s.segment, &s.last, 0),
                UDMAR_ENOMEM);
            assert_int_equal(s.last, last);
            model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
            model_queue_step(s.f.u, 10000);
            expect_seen(&s, 2);
            assert_int_equal(add(&s, 2, 0), 0);
            assert_int_equal(add(&s, 3, 0), 0);
            expect_seen(&s, 4);
            /* Of the failed one nothing is left. */
            assert_int_equal(model_cache_stale(s.f.u), 0);
            for (uint64_t at = s.segment[0].ds_addr & ~(PAGE - 1), i = 0; i < 3000; i++) {
                uint8_t byte;

                if (model_dma(s.f.m, 0, RID0, at + i * PAGE + 77, &byte, 1, false) == MODEL_OK)
                    assert_false(memcmp(&byte, s.large + 77, 1) == 0 && size > MIB(1) &&
                                 device_sees(&s.f, RID0, at + i * PAGE + 77, s.large + 77, 4000));
            }
            drain_faults(&s.f);
            udmar_dmamap_unload(s.tag, s.map);
            if (n < 6)
                expect_gone(&s, 4);
        }
        s.f.forgive_pages = true;
        close_scene(&s);
    }
}

/* Its bounce pages stand for nothing any more: a sync must not write to the driver's memory. */
static void test_pages_of_a_piece_that_failed(void **state)
{
    const struct setup setup = { .profile = "cm", .tunables = ASKED };
    struct udmar_bounce_zone_info zone;
    uint8_t copy[LENGTH];
    struct scene s;

    (void)state;
    open_scene(&s, &setup, &(struct limits){ .maxsize = KIB(64), .nsegments = MOST });
    add_all(&s, 2, 0);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(add(&s, 2, 0), UDMAR_ENOMEM);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(s.f.u, 10000);
    memset(piece(&s, 2), 0x5a, LENGTH);
    memset(copy, 0x5a, LENGTH);
    udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
    expect_seen(&s, 2);
    memset(piece(&s, 2), 0x5a, LENGTH);
    udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_POSTREAD | UDMAR_DMA_SYNC_POSTWRITE);
    assert_memory_equal(piece(&s, 2), copy, LENGTH);
    udmar_dmamap_unload(s.tag, s.map);
    expect_gone(&s, 2);
    zone = zone_of(&s.f);
    assert_int_equal(zone.free_pages, zone.total_pages);
    close_scene(&s);
}

/* Each call to the host fails in turn, for a piece that needs another place. */
static void test_no_memory_for_a_place(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct setup setup = { .window_limit = n % 2 ? PAGE : 0, .no_direct_map = n / 2 };
        int error = UDMAR_ENOMEM;

        for (unsigned call = 1; error != 0; call++) {
            struct scene s;
            unsigned count = 0;

            assert_true(call < 60);
            open_scene(&s, &setup, &(struct limits){ .maxsize = KIB(28), .nsegments = MOST });
            add_all(&s, n % 2 ? 16 : 8, 0);
            model_fail_host_call(s.f.m, call, true);
            error = add(&s, (unsigned)s.last + 1, 0);
            model_fail_host_call(s.f.m, 0, false);
            if (error != 0) {
                assert_int_equal(error, UDMAR_ENOMEM);
                failures++;
                assert_int_equal(add(&s, (unsigned)s.last + 1, 0), 0);
            }
            count = (unsigned)s.last + 1;
            assert_int_equal(count, n % 2 ? 17 : 9);
            expect_seen(&s, count);
            udmar_dmamap_unload(s.tag, s.map);
            expect_gone(&s, count);
            close_scene(&s);
        }
    }
    assert_true(failures >= 4);
}

/* ---- Whose memory it is ---------------------------------------------------------------------- */

/* Memory that came with the map shares its pages with nobody: nothing is copied. */
static void test_own_memory_is_not_bounced(void **state)
{
    struct udmar_bounce_zone_info zone;
    struct udmar_dma_map *map;
    struct scene s;
    void *memory;

    (void)state;
    open_scene(&s, &(struct setup){ .tunables = ASKED }, &(struct limits){ .maxsize = 1000 });
    assert_int_equal(udmar_dmamem_alloc(s.tag, &memory, 0, &map), 0);
    fill_pattern(memory, 1000, 4);
    assert_int_equal(udmar_dmamap_add_buffer(s.tag, map, memory, 1000, s.segment, &s.last, 0), 0);
    /* Without a sync. */
    assert_true(device_sees(&s.f, RID0, s.segment[0].ds_addr, memory, 1000));
    udmar_dmamap_unload(s.tag, map);
    s.last = -1;
    assert_int_equal(add(&s, 0, 0), UDMAR_EINVAL); /* beyond maxsize */
    assert_int_equal(udmar_dmamap_add_buffer(s.tag, s.map, s.area + 5, 900, s.segment, &s.last, 0),
                     0);
    zone = zone_of(&s.f);
    assert_int_equal(zone.active_pages, 1);
    udmar_dmamap_unload(s.tag, s.map);
    udmar_dmamem_free(s.tag, memory, map);
    close_scene(&s);
}

static void test_refused_buffers(void **state)
{
    struct scene s;
    uint8_t *end = (uint8_t *)(UINTPTR_MAX - 9);

    (void)state;
    open_scene(&s, NULL, &(struct limits){ .maxsize = KIB(64), .nsegments = 4 });
    for (unsigned round = 0; round < 2; round++) {
        struct udmar_dma_tag *tag = s.tag;
        struct udmar_dma_segment *to = s.segment;
        int *last = &s.last, none = -2;

        assert_int_equal(udmar_dmamap_add_buffer(NULL, s.map, s.area, 9, to, last, 0),
                         UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, NULL, s.area, 9, to, last, 0), UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, s.map, NULL, 9, to, last, 0), UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, s.map, end, 20, to, last, 0), UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, s.map, s.area, 0, to, last, 0), UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, s.map, s.area, 9, to, NULL, 0), UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_buffer(tag, s.map, s.area, 9, to, &none, 0),
                         UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_physical(NULL, s.map, MIB(1), 9, to, last, 0),
                         UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_physical(tag, s.map, MIB(1), 0, to, last, 0),
                         UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_physical(tag, s.map, UINT64_MAX - 8, 9, to, last, 0),
                         UDMAR_EINVAL);
        assert_int_equal(udmar_dmamap_add_physical(tag, s.map, UINT64_C(1) << 60, 9, to, last, 0),
                         UDMAR_EINVAL);
        assert_int_equal(s.last, (int)round - 1);
        assert_int_equal(add(&s, round, 0), 0);
        expect_seen(&s, round + 1);
    }
    assert_int_equal(add(&s, 2, 0), 0);
    assert_int_equal(add(&s, 3, 0), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(add(&s, 4, 0), UDMAR_EFBIG);
    expect_seen(&s, 4);
    udmar_dmamap_unload(s.tag, s.map);
    expect_gone(&s, 4);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_in_the_window),
        cmocka_unit_test(test_places_double),
        cmocka_unit_test(test_no_piece_over_a_boundary),
        cmocka_unit_test(test_alignment_of_pieces),
        cmocka_unit_test(test_large_pieces),
        cmocka_unit_test(test_announced_once),
        cmocka_unit_test(test_announced_at_last),
        cmocka_unit_test(test_nothing_to_complete),
        cmocka_unit_test(test_piece_that_is_not_confirmed),
        cmocka_unit_test(test_pages_of_a_piece_that_failed),
        cmocka_unit_test(test_no_memory_for_a_place),
        cmocka_unit_test(test_own_memory_is_not_bounced),
        cmocka_unit_test(test_refused_buffers),
    };

    return cmocka_run_group_tests_name("grow_places", tests, NULL, NULL);
}
