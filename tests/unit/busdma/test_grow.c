/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that grow piece by piece, as LinuxKPI and page arrays do it: several calls on one map, the
 * segments of each known at once, one unload for all; and what fails in the middle.
 */
#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/pages.h>

#include "fixture/bounce.h"

#define PIECES 20u
#define AREA   (2 * PIECES * PAGE)

/* How the device sees memory, and where loads go. */
static const struct mode {
    const char *tunables;
    uint64_t window_limit;
    bool translated, strict, moved; /* moved: all of it is out of the device's reach */
} modes[] = {
    { "", 0, true, true, false },
    { "", PAGE, true, true, false },
    { "hw.dmar.strict=0", 0, true, false, false },
    { "hw.dmar.strict=0", PAGE, true, false, false },
    { ASKED, 0, true, true, false },
    { BOUNCE, 0, false, false, true },
    { "hw.busdma.default=identity", 0, false, false, true },
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

struct scene {
    const struct mode *mode;
    struct fixture f;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    uint8_t *area;
    bus_dma_segment_t segment[PIECES + 1];
    int last;
};

static void open_scene(struct scene *s, unsigned mode, int nsegments, uint64_t maxsize)
{
    const struct setup setup = { .tunables = modes[mode].tunables,
                                 .window_limit = modes[mode].window_limit };

    memset(s, 0, sizeof(*s));
    s->mode = &modes[mode];
    s->last = -1;
    fixture_open(&s->f, &setup);
    s->tag = locked_tag(&s->f, LOW_4G, maxsize, nsegments);
    s->map = new_map(s->tag);
    s->area = model_buffer_alloc(s->f.m, AREA, MODEL_HIGH | MODEL_SCATTERED, 0);
    fill_pattern(s->area, AREA, 3);
}

static void close_scene(struct scene *s)
{
    drop(s->tag, s->map);
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

/* Piece @i: a part of every other page, with another offset and length each time. */
static uint8_t *piece(struct scene *s, unsigned i)
{
    return s->area + 2 * i * PAGE + i * 64;
}

static uint64_t size_of_piece(unsigned i)
{
    return i % 3 == 0 ? 100 : PAGE - i * 64;
}

static int add(struct scene *s, unsigned i, bus_dma_segment_t *segments, int *last)
{
    return _bus_dmamap_load_phys(s->tag, s->map, physical_of(&s->f, piece(s, i)), size_of_piece(i),
                                 BUS_DMA_NOWAIT, segments, last);
}

static void expect_seen(struct scene *s, unsigned i, uint64_t address)
{
    assert_true(device_sees(&s->f, RID0, address, piece(s, i), (size_t)size_of_piece(i)));
}

static void expect_gone(struct scene *s, const uint64_t *address, unsigned count)
{
    for (unsigned i = 0; i < count && s->mode->strict; i++)
        assert_false(can_read(&s->f, RID0, address[i]));
    drain_faults(&s->f);
}

/* A scatterlist of LinuxKPI's: a segment for each piece, each index 0, all of one map. */
static void test_scatterlist(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        uint64_t address[PIECES];
        struct scene s;

        open_scene(&s, n, 1, n % 2 == 0 ? KIB(64) : BUS_SPACE_MAXSIZE);
        for (unsigned round = 0; round < 3; round++) {
            size_t bytes = model_bytes_in_use(s.f.m);

            for (unsigned i = 0; i < PIECES; i++) {
                bus_dma_segment_t one[2] = { { 0, 0 }, { 77, 77 } };
                int last = -1;

                assert_int_equal(add(&s, i, one, &last), 0);
                assert_int_equal(last, 0);
                assert_int_equal(one[0].ds_len, size_of_piece(i));
                assert_int_equal(one[1].ds_len, 77);
                address[i] = one[0].ds_addr;
            }
            assert_int_equal(bus_dmamap_destroy(s.tag, s.map), UDMAR_EBUSY);
            bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
            for (unsigned i = 0; i < PIECES; i++)
                expect_seen(&s, i, address[i]);
            /* And back. */
            for (unsigned i = 0; i < PIECES; i++) {
                uint8_t sent[PAGE];

                fill_pattern(sent, PAGE, round * 100 + i);
                (void)model_dma(s.f.m, 0, RID0, address[i], sent, (size_t)size_of_piece(i), true);
            }
            bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_POSTREAD);
            for (unsigned i = 0; i < PIECES; i++) {
                uint8_t sent[PAGE];

                fill_pattern(sent, PAGE, round * 100 + i);
                assert_memory_equal(piece(&s, i), sent, (size_t)size_of_piece(i));
            }
            bus_dmamap_unload(s.tag, s.map);
            expect_gone(&s, address, PIECES);
            if (round == 2)
                assert_int_equal(model_bytes_in_use(s.f.m), bytes);
        }
        close_scene(&s);
    }
}

/* Sub-page protection is every piece's, not the first one's alone. */
static void test_neighbours_of_no_piece_are_seen(void **state)
{
    enum { ASKED_MODE = 4 };
    struct scene s;

    (void)state;
    open_scene(&s, ASKED_MODE, 1, KIB(64));
    memset(s.area, 0x99, AREA);
    for (unsigned i = 0; i < PIECES; i++)
        memset(piece(&s, i), 0x11, (size_t)size_of_piece(i));
    for (unsigned round = 0; round < 2; round++) {
        uint64_t address[PIECES];

        for (unsigned i = 0; i < PIECES; i++) {
            bus_dma_segment_t one;
            int last = -1;

            assert_int_equal(add(&s, i, &one, &last), 0);
            address[i] = one.ds_addr;
        }
        bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
        for (unsigned i = 0; i < PIECES; i++) {
            uint8_t page[PAGE];

            expect_seen(&s, i, address[i]);
            assert_int_equal(model_dma(s.f.m, 0, RID0, address[i] & ~(PAGE - 1), page, PAGE, false),
                             MODEL_OK);
            if (size_of_piece(i) != PAGE)
                assert_null(memchr(page, 0x99, PAGE));
        }
        bus_dmamap_unload(s.tag, s.map);
    }
    close_scene(&s);
}

/* What the device may only read is so for each piece by itself. */
static void test_read_only_pieces(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t address[PIECES];
        struct scene s;

        open_scene(&s, n, 1, KIB(64));
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < PIECES; i++) {
                int flags = BUS_DMA_NOWAIT | ((i + round) % 2 ? BUS_DMA_NOWRITE : 0);
                bus_dma_segment_t one;
                int last = -1;

                assert_int_equal(_bus_dmamap_load_phys(s.tag, s.map,
                                                       physical_of(&s.f, piece(&s, i)),
                                                       size_of_piece(i), flags, &one, &last),
                                 0);
                address[i] = one.ds_addr;
            }
            for (unsigned i = 0; i < PIECES; i++) {
                assert_true(can_read(&s.f, RID0, address[i]));
                assert_int_equal(can_write(&s.f, RID0, address[i]), (i + round) % 2 == 0);
            }
            bus_dmamap_unload(s.tag, s.map);
            drain_faults(&s.f);
        }
        close_scene(&s);
    }
}

/* One array for all: the index goes on, and ends where the tag says. */
static void test_segments_go_on(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct scene s;
        uint64_t address[8];

        for (unsigned own = 0; own < 2; own++) {
            bus_dma_segment_t *segments;

            open_scene(&s, n, 8, AREA);
            s.segment[8] = (bus_dma_segment_t){ 77, 77 };
            for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(add(&s, i, own ? NULL : s.segment, &s.last), 0);
                assert_int_equal(s.last, i);
            }
            for (unsigned i = 8; i < 11; i++) {
                assert_int_equal(add(&s, i, own ? NULL : s.segment, &s.last), UDMAR_EFBIG);
                assert_int_equal(s.last, 7);
            }
            segments = _bus_dmamap_complete(s.tag, s.map, own ? NULL : s.segment, 8, 0);
            assert_int_equal(s.segment[8].ds_len, 77);
            bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
            for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(segments[i].ds_len, size_of_piece(i));
                expect_seen(&s, i, address[i] = segments[i].ds_addr);
            }
            bus_dmamap_unload(s.tag, s.map);
            expect_gone(&s, address, 8);
            close_scene(&s);
        }
    }
}

/* Neighbours in memory are one segment where the device sees memory as it is. */
static void test_neighbours_join(void **state)
{
    const struct setup setup = { .tunables = "hw.busdma.default=identity" };
    bus_dma_segment_t segment[4] = { { 0, 0 } };
    struct fixture f;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    int last = -1;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0,
                  &(struct limits){ .nsegments = 3, .maxsegsz = 2 * PAGE, .boundary = MIB(1) });
    map = new_map(tag);
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(4), PAGE, 0, segment, &last), 0);
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(4) + PAGE, PAGE, 0, segment, &last), 0);
    assert_int_equal(last, 0);
    assert_int_equal(segment[0].ds_len, 2 * PAGE);
    /* Not beyond maxsegsz, and not over the boundary. */
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(4) + 2 * PAGE, 8, 0, segment, &last), 0);
    assert_int_equal(last, 1);
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(5) - 8, 8, 0, segment, &last), 0);
    assert_int_equal(last, 2);
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(5), 8, 0, segment, &last), UDMAR_EFBIG);
    assert_int_equal(last, 2);
    assert_int_equal(segment[2].ds_addr, MIB(5) - 8);
    assert_int_equal(segment[2].ds_len, 8);
    /* The last one is full up, but what joins needs no other. */
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(5) - 8, 4, 0, segment, &last),
                     UDMAR_EFBIG);
    bus_dmamap_unload(tag, map);
    last = 2;
    segment[2] = (bus_dma_segment_t){ MIB(6), PAGE };
    assert_int_equal(_bus_dmamap_load_phys(tag, map, MIB(6) + PAGE, 16, 0, segment, &last), 0);
    assert_int_equal(last, 2);
    assert_int_equal(segment[2].ds_len, PAGE + 16);
    bus_dmamap_unload(tag, map);
    drop(tag, map);
    fixture_close(&f);
}

/* Page arrays: pieces of several pages, one after the other. */
static void test_page_arrays(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct vm_page page[4], *pages[4];
        struct scene s;
        int before;

        open_scene(&s, n, 12, AREA);
        for (unsigned i = 0; i < 4; i++) {
            page[i].phys_addr = physical_of(&s.f, s.area + 3 * i * PAGE);
            pages[i] = &page[i];
        }
        assert_int_equal(
            bus_dmamap_load_ma_triv(s.tag, s.map, pages, 2 * PAGE, 100, 0, s.segment, &s.last), 0);
        before = s.last;
        assert_true(before >= 0);
        assert_int_equal(
            _bus_dmamap_load_ma(s.tag, s.map, pages + 3, 50, 4000, 0, s.segment, &s.last), 0);
        assert_int_equal(s.last, before + 1);
        bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
        assert_true(device_sees(&s.f, RID0, s.segment[0].ds_addr, s.area + 100, PAGE - 100));
        assert_true(
            device_sees(&s.f, RID0, s.segment[s.last].ds_addr, s.area + 9 * PAGE + 4000, 50));
        bus_dmamap_unload(s.tag, s.map);
        close_scene(&s);
    }
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* What fails is undone alone: what was there stays, and the next one goes on. */
static void test_bad_pieces_in_the_middle(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct scene s;
        uint64_t address[3];

        open_scene(&s, n, PIECES, AREA);
        for (unsigned i = 0; i < 3; i++) {
            bus_dma_tag_t tag = s.tag;

            assert_int_equal(
                _bus_dmamap_load_phys(tag, s.map, UINT64_C(1) << 60, 10, 0, s.segment, &s.last),
                UDMAR_EINVAL);
            assert_int_equal(_bus_dmamap_load_phys(tag, s.map, MIB(1), 0, 0, s.segment, &s.last),
                             UDMAR_EINVAL);
            assert_int_equal(
                _bus_dmamap_load_phys(tag, s.map, MIB(1), AREA + 1, 0, s.segment, &s.last),
                UDMAR_EINVAL);
            assert_int_equal(s.last, (int)i - 1);
            assert_int_equal(add(&s, i, s.segment, &s.last), 0);
            address[i] = s.segment[i].ds_addr;
        }
        bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(s.segment[i].ds_addr, address[i]);
            expect_seen(&s, i, address[i]);
        }
        bus_dmamap_unload(s.tag, s.map);
        expect_gone(&s, address, 3);
        close_scene(&s);
    }
}

/* Each call to the host fails in turn, for the third piece. */
static void test_no_memory_for_a_piece(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        int error = UDMAR_ENOMEM;

        for (unsigned call = 1; error != 0; call++) {
            struct scene s;
            uint64_t address[3];

            assert_true(call < 40);
            open_scene(&s, n, PIECES, AREA);
            for (unsigned i = 0; i < 2; i++)
                assert_int_equal(add(&s, i, s.segment, &s.last), 0);
            model_fail_host_call(s.f.m, call, true);
            error = add(&s, 2, s.segment, &s.last);
            model_fail_host_call(s.f.m, 0, false);
            assert_int_equal(s.last, error == 0 ? 2 : 1);
            if (error != 0) {
                assert_int_equal(error, UDMAR_ENOMEM);
                failures++;
                assert_int_equal(add(&s, 2, s.segment, &s.last), 0);
            }
            bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
            for (unsigned i = 0; i < 3; i++)
                expect_seen(&s, i, address[i] = s.segment[i].ds_addr);
            bus_dmamap_unload(s.tag, s.map);
            expect_gone(&s, address, 3);
            close_scene(&s);
        }
    }
    /* Where the place has room it takes none. */
    assert_true(failures >= 2);
}

static void test_refused(void **state)
{
    struct udmar_pages_walk walk = { NULL, 0, 0, 0 };
    struct udmar_dma_counts counts;
    struct scene s;
    bus_dma_tag_t other;

    (void)state;
    open_scene(&s, 0, 4, AREA);
    other = new_tag(&s.f, 0, NULL);
    assert_int_equal(udmar_dmamap_add(NULL, s.map, udmar_pages_step, &walk, NULL, &s.last, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_add(s.tag, NULL, udmar_pages_step, &walk, NULL, &s.last, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_add(s.tag, s.map, NULL, &walk, NULL, &s.last, 0), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_add(s.tag, s.map, udmar_pages_step, &walk, NULL, NULL, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_add(other, s.map, udmar_pages_step, &walk, NULL, &s.last, 0),
                     UDMAR_EINVAL);
    s.last = -2;
    assert_int_equal(add(&s, 0, s.segment, &s.last), UDMAR_EINVAL);
    s.last = 4;
    assert_int_equal(add(&s, 0, s.segment, &s.last), UDMAR_EFBIG);
    s.last = 1000;
    assert_int_equal(add(&s, 0, NULL, &s.last), UDMAR_EFBIG);
    assert_null(udmar_dmamap_segments(s.map, NULL));
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.wrong_arguments, 5);
    assert_int_equal(counts.wrong_maps, 1);
    assert_int_equal(counts.too_many_segments, 2);
    drop_tag(other);
    close_scene(&s);
}

/* ---- Behind other loads ---------------------------------------------------------------------- */

/* The first load is an ordinary one, of each kind that has a way of its own. */
static void test_behind_an_ordinary_load(void **state)
{
    const uint64_t sizes[] = { 100, KIB(60), MIB(2) + 100 };
    static struct loaded first;

    (void)state;
    for (unsigned n = 0; n < MODES * 3 * 2; n++) {
        uint64_t size = sizes[n / MODES % 3], address[2];
        bool listed = n / MODES / 3 == 1;
        struct udmar_dma_physical list[2];
        bus_dma_segment_t segment;
        struct scene s;
        uint8_t *buffer;

        open_scene(&s, n % MODES, 600, MIB(4));
        buffer = model_buffer_alloc(s.f.m, (size_t)size, MODEL_HIGH | MODEL_CONTIGUOUS, 0);
        fill_pattern(buffer, (size_t)size, 8);
        for (unsigned round = 0; round < 2; round++) {
            int last = -1;

            list[0] = (struct udmar_dma_physical){ physical_of(&s.f, piece(&s, 1)), 64 };
            list[1] = (struct udmar_dma_physical){ physical_of(&s.f, piece(&s, 3)), 64 };
            if (listed)
                assert_int_equal(
                    udmar_dmamap_load_physical(s.tag, s.map, list, 2, note_loaded, &first, 0), 0);
            else
                assert_int_equal(
                    bus_dmamap_load(s.tag, s.map, buffer, size, note_loaded, &first, 0), 0);
            assert_int_equal(first.error, 0);
            assert_int_equal(add(&s, 2, &segment, &last), 0);
            assert_int_equal(bus_dmamap_load(s.tag, s.map, buffer, size, note_loaded, &first, 0),
                             UDMAR_EBUSY);
            bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_PREWRITE);
            expect_seen(&s, 2, segment.ds_addr);
            assert_true(device_sees(&s.f, RID0, first.segment[0].ds_addr,
                                    listed ? piece(&s, 1) : buffer, 64));
            address[0] = first.segment[0].ds_addr;
            address[1] = segment.ds_addr;
            bus_dmamap_unload(s.tag, s.map);
            expect_gone(&s, address, 2);
            /* And as before. */
            assert_int_equal(bus_dmamap_load(s.tag, s.map, buffer, size, note_loaded, &first, 0),
                             0);
            bus_dmamap_unload(s.tag, s.map);
        }
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* Pages of all pieces go to a load that waits. */
static void test_pages_of_pieces_serve_others(void **state)
{
    static struct loaded late;
    struct scene s;
    bus_dmamap_t waiter;
    unsigned held = 0;

    (void)state;
    open_scene(&s, 5, 64, 4 * PAGE);
    waiter = new_map(s.tag);
    no_more_pages(&s.f, true);
    while (zone_of(&s.f).free_pages > 0) {
        int last = -1;

        assert_int_equal(add(&s, held++, s.segment, &last), 0);
    }
    late.calls = 0;
    assert_int_equal(bus_dmamap_load(s.tag, waiter, s.area, 4 * PAGE, note_loaded, &late, 0),
                     UDMAR_EINPROGRESS);
    bus_dmamap_unload(s.tag, s.map);
    assert_int_equal(late.calls, 1);
    assert_int_equal(late.error, 0);
    bus_dmamap_unload(s.tag, waiter);
    no_more_pages(&s.f, false);
    assert_int_equal(zone_of(&s.f).free_pages, zone_of(&s.f).total_pages);
    drop_map(s.tag, waiter);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scatterlist),
        cmocka_unit_test(test_neighbours_of_no_piece_are_seen),
        cmocka_unit_test(test_read_only_pieces),
        cmocka_unit_test(test_segments_go_on),
        cmocka_unit_test(test_neighbours_join),
        cmocka_unit_test(test_page_arrays),
        cmocka_unit_test(test_bad_pieces_in_the_middle),
        cmocka_unit_test(test_no_memory_for_a_piece),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_behind_an_ordinary_load),
        cmocka_unit_test(test_pages_of_pieces_serve_others),
    };

    return cmocka_run_group_tests_name("grow", tests, NULL, NULL);
}
