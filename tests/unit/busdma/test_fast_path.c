/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that can be quick: lists of whole pages, large windows, blocks and windows on loan; when
 * they are not, and what happens when the unit or memory fails.
 */
#include <string.h>
#include <sys/mman.h>

#include "busdma/map.h"
#include "space/range.h"
#include "mapping/cpu_cache.h"
#include "fixture/fixture.h"

#define LARGE MIB(4) /* physical: 12 MiB of the tests' own, at a large page */

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct loaded loaded;
};

static void open_scene(struct scene *s, const struct setup *setup, uint64_t maxsize)
{
    fixture_open(&s->f, setup);
    model_reserve(s->f.m, LARGE, MIB(12));
    s->tag = new_tag(&s->f, 0, &(struct limits){ .maxsize = maxsize });
    s->map = new_map(s->tag);
}

static void close_scene(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    fixture_close(&s->f);
}

/* Page @n of the memory that lists are made of: every other page, so that none are neighbours. */
static uint64_t page_of(unsigned n)
{
    return LARGE + 2 * n * PAGE;
}

static void fill_list(struct scene *s, struct udmar_dma_physical *list, unsigned count,
                      unsigned seed)
{
    for (unsigned i = 0; i < count; i++) {
        list[i] = (struct udmar_dma_physical){ page_of(i), PAGE };
        *(uint8_t *)model_pointer(s->f.m, page_of(i)) = (uint8_t)(i * 7 + seed);
        *(uint8_t *)model_pointer(s->f.m, page_of(i) + PAGE - 1) = (uint8_t)(i * 5 + seed);
    }
}

static int load_list(struct scene *s, const struct udmar_dma_physical *list, unsigned count,
                     int flags)
{
    s->loaded.calls = 0;
    return udmar_dmamap_load_physical(s->tag, s->map, list, count, note_loaded, &s->loaded,
                                      flags | UDMAR_DMA_NOWAIT);
}

/* One segment, each page where it belongs. */
static uint64_t expect_list(struct scene *s, const struct udmar_dma_physical *list, unsigned count)
{
    uint64_t bytes = 0;
    uint64_t iova = s->loaded.segment[0].ds_addr;

    assert_int_equal(s->loaded.calls, 1);
    assert_int_equal(s->loaded.error, 0);
    assert_int_equal(s->loaded.count, 1);
    for (unsigned i = 0; i < count; i++) {
        uint64_t last = list[i].address + list[i].length - 1;

        assert_true(
            device_sees(&s->f, RID0, iova + bytes, model_pointer(s->f.m, list[i].address), 1));
        bytes += list[i].length;
        assert_true(device_sees(&s->f, RID0, iova + bytes - 1, model_pointer(s->f.m, last), 1));
    }
    assert_int_equal(s->loaded.segment[0].ds_len, bytes);
    return iova;
}

static void expect_out_of_reach(struct scene *s, uint64_t iova, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += PAGE)
        assert_false(can_read(&s->f, RID0, iova + at));
    drain_faults(&s->f);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void test_lists_of_whole_pages(void **state)
{
    static const struct {
        struct setup setup;
        uint64_t maxsize;
    } kinds[] = {
        { { .profile = NULL }, KIB(256) }, /* a small window */
        { { .profile = "noncoherent" }, KIB(256) },
        { { .profile = "cm" }, KIB(256) },
        { { .tunables = "hw.dmar.qi=0" }, KIB(256) },
        { { .profile = NULL }, KIB(1200) }, /* a window of one chunk */
        { { .profile = "noncoherent" }, KIB(1200) },
        { { .profile = NULL }, MIB(3) },        /* of two */
        { { .window_limit = PAGE }, KIB(256) }, /* blocks */
        { { .profile = "noncoherent", .window_limit = PAGE }, KIB(256) },
        { { .no_direct_map = true }, KIB(256) },
        { { .tunables = "hw.dmar.strict=0", .ticking = true }, KIB(256) },
        { { .tunables = "hw.dmar.strict=0", .ticking = true, .window_limit = PAGE }, KIB(256) },
    };
    static const unsigned counts[] = { 1, 2, 3, 4, 5, 7, 8, 9, 64 };
    struct udmar_dma_physical list[64];

    (void)state;
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct scene s;

        open_scene(&s, &kinds[k].setup, kinds[k].maxsize);
        for (unsigned n = 0; n < 9; n++) {
            uint64_t iova;

            fill_list(&s, list, counts[n], n + k);
            assert_int_equal(load_list(&s, list, counts[n], n == 3 ? UDMAR_DMA_NOWRITE : 0), 0);
            iova = expect_list(&s, list, counts[n]);
            assert_int_equal(can_write(&s.f, RID0, iova), n != 3);
            /* Nothing beyond the end. */
            assert_false(can_read(&s.f, RID0, iova + counts[n] * PAGE));
            assert_int_equal(load_list(&s, list, 1, 0), UDMAR_EBUSY);
            udmar_dmamap_unload(s.tag, s.map);
            udmar_tick(s.f.instance);
            expect_out_of_reach(&s, iova, counts[n] * PAGE);
        }
        close_scene(&s);
    }
}

/* Lists that look like whole pages at both ends, and are not: the long way takes over whole. */
static void test_lists_with_something_else_inside(void **state)
{
    static const uint64_t windows[] = { 0, PAGE };
    struct udmar_dma_physical list[16];

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned odd = 0; odd < 12; odd++) {
            const struct setup setup = { .window_limit = windows[k] };
            struct scene s;
            uint64_t iova;

            open_scene(&s, &setup, KIB(256));
            fill_list(&s, list, 12, odd);
            list[odd].length = 3 * PAGE;
            *(uint8_t *)model_pointer(s.f.m, page_of(odd) + 3 * PAGE - 1) = 0xd7;
            assert_int_equal(load_list(&s, list, 12, 0), 0);
            iova = expect_list(&s, list, 12);
            assert_false(can_read(&s.f, RID0, iova + 14 * PAGE));
            udmar_dmamap_unload(s.tag, s.map);
            expect_out_of_reach(&s, iova, 14 * PAGE);
            /* Beyond what an entry holds. */
            fill_list(&s, list, 12, odd);
            list[odd].address |= UINT64_C(1) << 60;
            assert_int_equal(load_list(&s, list, 12, 0), 0);
            assert_int_equal(s.loaded.error, UDMAR_EINVAL);
            assert_int_equal(s.loaded.count, 0);
            expect_out_of_reach(&s, iova, 12 * PAGE);
            /* Nothing of it is left behind for the next one. */
            fill_list(&s, list, 12, odd + 1);
            assert_int_equal(load_list(&s, list, 12, 0), 0);
            iova = expect_list(&s, list, 12);
            udmar_dmamap_unload(s.tag, s.map);
            expect_out_of_reach(&s, iova, 12 * PAGE);
            close_scene(&s);
        }
    }
}

static void test_lists_that_are_refused(void **state)
{
    struct udmar_dma_physical list[70];
    struct udmar_dma_tag *other;
    struct scene s;

    (void)state;
    open_scene(&s, NULL, KIB(256));
    other = new_tag(&s.f, 0, NULL);
    fill_list(&s, list, 70, 1);
    assert_int_equal(load_list(&s, list, 0, 0), 0);
    assert_int_equal(s.loaded.error, UDMAR_EINVAL);
    assert_int_equal(load_list(&s, NULL, 3, 0), 0);
    assert_int_equal(s.loaded.error, UDMAR_EINVAL);
    assert_int_equal(load_list(&s, list, 65, 0), 0);
    assert_int_equal(s.loaded.error, UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_load_physical(NULL, s.map, list, 1, note_loaded, &s.loaded, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_load_physical(s.tag, NULL, list, 1, note_loaded, &s.loaded, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_load_physical(s.tag, s.map, list, 1, NULL, NULL, 0),
                     UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_load_physical(other, s.map, list, 1, note_loaded, &s.loaded, 0),
                     UDMAR_EINVAL);
    drop_tag(other);
    close_scene(&s);
}

/* More pages than a block holds are lent a window. */
static void test_long_lists_without_a_window(void **state)
{
    static struct udmar_dma_physical list[600];
    static const unsigned counts[] = { 256, 257, 600 };
    const struct setup setup = { .window_limit = PAGE };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        struct scene s;
        uint64_t iova;

        open_scene(&s, &setup, MIB(4));
        fill_list(&s, list, counts[n], n);
        assert_int_equal(load_list(&s, list, counts[n], 0), 0);
        iova = expect_list(&s, list, counts[n]);
        udmar_dmamap_unload(s.tag, s.map);
        expect_out_of_reach(&s, iova, counts[n] * PAGE);
        close_scene(&s);
    }
}

/* ---- Large windows and loans ----------------------------------------------------------------- */

/* Contiguous memory at any place of its 2 MiB, in windows of a map's own and in lent ones. */
static void test_large_buffers(void **state)
{
    static const uint64_t limits[] = { 0, PAGE };
    static const uint64_t offsets[] = { 0, PAGE, MIB(1), MIB(2) - PAGE, 77 };
    static const uint64_t lengths[] = { MIB(2), KIB(1500), MIB(3), MIB(4), MIB(6) };

    (void)state;
    for (unsigned n = 0; n < 2 * 25; n++) {
        const struct setup setup = { .window_limit = limits[n % 2] };
        uint64_t length = lengths[n / 2 % 5];
        uint64_t offset = offsets[n / 10];
        uint64_t maxsize = n % 3 == 0 ? length : MIB(8);
        struct scene s;
        struct udmar_dma_physical piece = { LARGE + offset, length };
        uint8_t *first, *last;

        open_scene(&s, &setup, maxsize);
        first = model_pointer(s.f.m, piece.address);
        last = model_pointer(s.f.m, piece.address + length - 1);
        for (unsigned round = 0; round < 3; round++) {
            uint64_t iova;

            *first = (uint8_t)(n + round + 1);
            *last = (uint8_t)(n + round + 101);
            assert_int_equal(load_list(&s, &piece, 1, 0), 0);
            iova = expect_list(&s, &piece, 1);
            udmar_dmamap_unload(s.tag, s.map);
            assert_false(can_read(&s.f, RID0, iova));
            assert_false(can_read(&s.f, RID0, iova + length - 1));
            drain_faults(&s.f);
        }
        close_scene(&s);
    }
}

/* The same through udmar_dmamap_load(), whose quick way is another. */
static void test_large_buffers_of_a_driver(void **state)
{
    static const uint64_t limits[] = { 0, PAGE };
    static const uint64_t lengths[] = { MIB(2), KIB(1500), MIB(3), 2 * MIB(2) };

    (void)state;
    for (unsigned n = 0; n < 2 * 4 * 2 + 4; n++) {
        const struct setup setup = { .window_limit = limits[n % 2],
                                     .tunables = n < 8    ? NULL
                                                 : n < 16 ? "hw.dmar.strict=0"
                                                          : "hw.dmar.qi=0" };
        uint64_t length = lengths[n / 2 % 4];
        struct scene s;
        uint8_t *memory, *at[3];
        size_t run = 1;

        open_scene(&s, &setup, MIB(4));
        memory = model_buffer_alloc(s.f.m, MIB(6), MODEL_CONTIGUOUS, 0);
        at[0] = memory +
                ((MIB(2) - udmar_host_virtual_to_physical(s.f.m, memory, &run)) & (MIB(2) - 1));
        at[1] = memory + PAGE;
        at[2] = memory + 3 * PAGE + 55;
        for (unsigned i = 0; i < 9; i++) {
            uint8_t *from = at[i % 3];
            uint64_t iova = load_one(s.tag, s.map, from, length - PAGE * (i % 2));

            from[0] = (uint8_t)(i + 1);
            from[length - PAGE - 1] = (uint8_t)(i + 101);
            assert_true(device_sees(&s.f, RID0, iova, from, 1));
            assert_true(
                device_sees(&s.f, RID0, iova + length - PAGE - 1, &from[length - PAGE - 1], 1));
            udmar_dmamap_unload(s.tag, s.map);
            assert_false(can_read(&s.f, RID0, iova));
            assert_false(can_read(&s.f, RID0, iova + length - PAGE - 1));
            drain_faults(&s.f);
        }
        model_buffer_free(s.f.m, memory);
        close_scene(&s);
    }
}

/* Where a buffer begins in its page is no part of a large leaf: those bits are rights there. */
static void test_large_leaf_of_a_part(void **state)
{
    static const uint64_t offsets[] = { 1, 2, 3, 4, 0x38, 0x80, 0x800, PAGE - 1 };

    (void)state;
    for (unsigned n = 0; n < sizeof(offsets) / sizeof(offsets[0]); n++) {
        const uint64_t length = MIB(2) - offsets[n];
        struct scene s;
        uint8_t *memory, *buffer;
        size_t run = 1;

        open_scene(&s, &(struct setup){ .window_limit = 0 }, MIB(4));
        memory = model_buffer_alloc(s.f.m, MIB(6), MODEL_CONTIGUOUS, 0);
        buffer = memory + offsets[n] +
                 ((MIB(2) - udmar_host_virtual_to_physical(s.f.m, memory, &run)) & (MIB(2) - 1));
        s.loaded.calls = 0;
        assert_int_equal(udmar_dmamap_load(s.tag, s.map, buffer, length, note_loaded, &s.loaded,
                                           UDMAR_DMA_NOWRITE),
                         0);
        assert_int_equal(s.loaded.count, 1);
        buffer[0] = (uint8_t)(n + 1);
        buffer[length - 1] = (uint8_t)(n + 101);
        assert_true(device_sees(&s.f, RID0, s.loaded.segment[0].ds_addr, buffer, length));
        assert_false(can_write(&s.f, RID0, s.loaded.segment[0].ds_addr));
        assert_false(can_write(&s.f, RID0, s.loaded.segment[0].ds_addr + length - 1));
        udmar_dmamap_unload(s.tag, s.map);
        drain_faults(&s.f);
        model_buffer_free(s.f.m, memory);
        close_scene(&s);
    }
}

/* ---- Failures -------------------------------------------------------------------------------- */

static int try_load(struct scene *s, uint8_t *buffer, uint64_t length)
{
    s->loaded.calls = 0;
    return udmar_dmamap_load(s->tag, s->map, buffer, length, note_loaded, &s->loaded,
                             UDMAR_DMA_NOWAIT);
}

/* Each call to the host fails in turn: ENOMEM and nothing loaded, and then it works. */
static void test_loads_without_memory(void **state)
{
    static const uint64_t lengths[] = { PAGE, KIB(64), MIB(2), MIB(6) };
    const struct setup setup = { .window_limit = PAGE };

    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        uint64_t length = lengths[n / 2];
        struct udmar_dma_counts counts;
        int error = UDMAR_ENOMEM;
        unsigned failures = 0;
        struct scene s;
        uint8_t *buffer;
        uint64_t iova;

        open_scene(&s, &setup, MIB(8));
        buffer = model_buffer_alloc(s.f.m, (size_t)length,
                                    n % 2 == 0 ? MODEL_CONTIGUOUS : MODEL_SCATTERED, 0);
        buffer[0] = 0x99;
        for (unsigned call = 1; error != 0; call++) {
            assert_true(call < 60);
            model_fail_host_call(s.f.m, call, true);
            error = try_load(&s, buffer, length);
            model_fail_host_call(s.f.m, 0, false);
            assert_int_equal(s.loaded.calls, 1);
            assert_int_equal(s.loaded.error, error);
            if (error != 0) {
                assert_int_equal(error, UDMAR_ENOMEM);
                assert_int_equal(s.loaded.count, 0);
                failures++;
            }
        }
        assert_true(failures >= 3);
        udmar_dma_counts(s.f.instance, &counts);
        assert_int_equal(counts.no_resources, failures);
        iova = s.loaded.segment[0].ds_addr;
        assert_true(device_sees(&s.f, RID0, iova, buffer, 1));
        udmar_dmamap_unload(s.tag, s.map);
        assert_false(can_read(&s.f, RID0, iova));
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* A unit that does not answer when a load without a window of its own ends. */
static void test_unloads_that_are_not_confirmed(void **state)
{
    static const uint64_t lengths[] = { PAGE, MIB(2), MIB(3), MIB(9) };
    static const char *const tunables[] = { "hw.dmar.timeout=100000",
                                            "hw.dmar.timeout=100000 hw.dmar.strict=0" };

    (void)state;
    for (unsigned n = 0; n < 16; n++) {
        const struct setup setup = { .window_limit = n < 8 ? PAGE : 0,
                                     .tunables = tunables[n % 2] };
        uint64_t length = lengths[n / 2 % 4];
        struct scene s;
        const struct udmar_dma_physical piece = { LARGE, length };
        uint8_t *other;
        uint64_t iova;

        open_scene(&s, &setup, MIB(10));
        other = model_buffer_alloc(s.f.m, PAGE, MODEL_CONTIGUOUS, 0);
        memset(model_pointer(s.f.m, LARGE), 0x11, PAGE);
        memset(other, 0x22, PAGE);
        assert_int_equal(load_list(&s, &piece, 1, 0), 0);
        iova = expect_list(&s, &piece, 1);
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(s.tag, s.map);
        assert_true(can_read(&s.f, RID0, iova));
        if (n % 2 == 0)
            assert_true(model_log_contains(s.f.m, "not confirmed"));
        /* Whatever comes meanwhile, nobody sees the old memory at a new address. */
        for (unsigned i = 0; i < 3; i++) {
            int error = try_load(&s, other, PAGE);

            assert_true(error == 0 || error == UDMAR_ENOMEM);
            if (error == 0) {
                assert_int_not_equal(s.loaded.segment[0].ds_addr, iova);
                assert_true(device_sees(&s.f, RID0, s.loaded.segment[0].ds_addr, other, 1));
                udmar_dmamap_unload(s.tag, s.map);
            }
        }
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        iova = load_one(s.tag, s.map, other, PAGE);
        assert_true(device_sees(&s.f, RID0, iova, other, PAGE));
        udmar_dmamap_unload(s.tag, s.map);
        udmar_tick(s.f.instance);
        model_buffer_free(s.f.m, other);
        drop_map(s.tag, s.map);
        drop_tag(s.tag);
        udmar__cpu_caches_trim(s.f.domain);
        s.f.forgive_pages = true;
        fixture_close(&s.f);
    }
}

/* The last place of a half has been used and the queue takes nothing more: said, and not reused. */
static void test_half_that_cannot_be_asked_for(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0 hw.dmar.timeout=100000",
                                 .ticking = true };
    struct scene s;
    uint8_t *buffer;
    uint64_t ticket, seen[8];

    (void)state;
    open_scene(&s, &setup, PAGE);
    buffer = model_buffer_alloc(s.f.m, PAGE, 0, 0);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (;;) {
        const struct udmar__request other = { .low = s.f.domain->request_low | 1u << 6,
                                              .high = GIB(9) };

        if (!udmar__queue_offer(s.f.domain->unit, &other, &ticket))
            break;
    }
    for (unsigned i = 0; i < 8; i++) {
        seen[i] = load_one(s.tag, s.map, buffer, PAGE);
        assert_true(can_read(&s.f, RID0, seen[i]));
        assert_false(model_log_contains(s.f.m, "not confirmed"));
        udmar_dmamap_unload(s.tag, s.map);
    }
    assert_true(model_log_contains(s.f.m, "not confirmed"));
    assert_int_equal(try_load(&s, buffer, PAGE), UDMAR_ENOMEM);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(s.f.u, 100000);
    (void)load_one(s.tag, s.map, buffer, PAGE);
    for (unsigned i = 0; i < 8; i++)
        assert_false(can_read(&s.f, RID0, seen[i]));
    drain_faults(&s.f);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* The device may still reach a lent window: who comes next gets another place or none. */
static void test_lent_window_that_is_not_ready(void **state)
{
    const struct setup setup = { .window_limit = PAGE,
                                 .tunables = "hw.dmar.timeout=100000 hw.dmar.strict=0" };
    struct scene s;
    uint64_t iova;
    uint8_t *buffer, *from;
    size_t run = 1;

    (void)state;
    open_scene(&s, &setup, MIB(4));
    buffer = model_buffer_alloc(s.f.m, MIB(4), MODEL_CONTIGUOUS, 0);
    from = buffer + ((MIB(2) - udmar_host_virtual_to_physical(s.f.m, buffer, &run)) & (MIB(2) - 1));
    iova = load_one(s.tag, s.map, from, MIB(2));
    assert_true(can_read(&s.f, RID0, iova));
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(s.tag, s.map);
    assert_true(can_read(&s.f, RID0, iova));
    for (unsigned i = 0; i < 2; i++) {
        int error = try_load(&s, from, MIB(2));

        if (error == 0) {
            assert_int_not_equal(s.loaded.segment[0].ds_addr, iova);
            udmar_dmamap_unload(s.tag, s.map);
        } else {
            assert_int_equal(error, UDMAR_ENOMEM);
        }
    }
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(s.f.u, 10000);
    iova = load_one(s.tag, s.map, from, MIB(2));
    assert_true(device_sees(&s.f, RID0, iova, from, PAGE));
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    drop_map(s.tag, s.map);
    udmar__cpu_caches_trim(s.f.domain);
    assert_int_equal(udmar__mapper_of(s.f.domain)->windows, 0); /* it has come back, and has gone */
    drop_tag(s.tag);
    fixture_close(&s.f);
}

/* More than any window on loan holds. */
static void test_buffer_beyond_all_windows(void **state)
{
    const struct setup setup = { .window_limit = PAGE };
    struct scene s;
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    open_scene(&s, &setup, MIB(10));
    buffer = model_buffer_alloc(s.f.m, MIB(9), MODEL_CONTIGUOUS, 0);
    buffer[MIB(9) - 1] = 0x3c;
    iova = load_one(s.tag, s.map, buffer, MIB(9));
    assert_true(device_sees(&s.f, RID0, iova + MIB(9) - 1, buffer + MIB(9) - 1, 1));
    udmar_dmamap_unload(s.tag, s.map);
    assert_false(can_read(&s.f, RID0, iova + MIB(9) - 1));
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* Loads of two segments, which no short way takes, rest as well: in windows and in blocks. */
static void test_resting_of_two_segments(void **state)
{
    const struct udmar_dma_physical list[2] = { { LARGE + 100, 50 }, { LARGE + PAGE + 7, 60 } };

    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .tunables = "hw.dmar.strict=0",
                                     .ticking = true,
                                     .window_limit = n == 0 ? 0 : PAGE };
        struct scene s;
        uint64_t seen[40];

        (void)state;
        fixture_open(&s.f, &setup);
        model_reserve(s.f.m, LARGE, MIB(12));
        s.tag = new_tag(&s.f, 0, &(struct limits){ .maxsize = 2 * PAGE, .nsegments = 2 });
        s.map = new_map(s.tag);
        memset(model_pointer(s.f.m, LARGE), 0x31, 2 * PAGE);
        for (unsigned i = 0; i < 40; i++) {
            assert_int_equal(load_list(&s, list, 2, 0), 0);
            assert_int_equal(s.loaded.count, 2);
            seen[i] = s.loaded.segment[0].ds_addr;
            for (unsigned k = 0; k < 2; k++)
                assert_true(device_sees(&s.f, RID0, s.loaded.segment[k].ds_addr,
                                        model_pointer(s.f.m, list[k].address), list[k].length));
            udmar_dmamap_unload(s.tag, s.map);
            assert_true(i == 0 || seen[i] != seen[i - 1]);
        }
        udmar_tick(s.f.instance);
        for (unsigned i = 0; i < 40; i++)
            assert_false(can_read(&s.f, RID0, seen[i]));
        drain_faults(&s.f);
        close_scene(&s);
    }
}

/* A list into a window, or a block, that is not to be had. */
static void test_lists_that_find_no_place(void **state)
{
    const struct setup window = { .tunables = "hw.dmar.timeout=100000" };
    const struct setup block = { .window_limit = PAGE };
    struct udmar_dma_physical list[8];
    int error = UDMAR_ENOMEM;
    struct scene s;
    uint64_t iova;

    (void)state;
    open_scene(&s, &window, KIB(64));
    fill_list(&s, list, 8, 1);
    assert_int_equal(load_list(&s, list, 8, 0), 0);
    iova = expect_list(&s, list, 8);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(s.tag, s.map);
    assert_int_equal(load_list(&s, list, 8, 0), UDMAR_ENOMEM);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(s.f.u, 10000);
    assert_int_equal(load_list(&s, list, 8, 0), 0);
    iova = expect_list(&s, list, 8);
    udmar_dmamap_unload(s.tag, s.map);
    expect_out_of_reach(&s, iova, 8 * PAGE);
    close_scene(&s);

    open_scene(&s, &block, KIB(64));
    for (unsigned call = 1; error != 0; call++) {
        assert_true(call < 30);
        fill_list(&s, list, 8, call);
        model_fail_host_call(s.f.m, call, true);
        error = load_list(&s, list, 8, 0);
        model_fail_host_call(s.f.m, 0, false);
        assert_true(error == 0 || (error == UDMAR_ENOMEM && s.loaded.count == 0));
        assert_true(call > 1 || error != 0);
    }
    iova = expect_list(&s, list, 8);
    udmar_dmamap_unload(s.tag, s.map);
    expect_out_of_reach(&s, iova, 8 * PAGE);
    close_scene(&s);
}

/* Memory that the host does not know, in every kind of place. */
static void test_buffers_of_no_memory(void **state)
{
    static uint8_t stray[10 << 20];
    static const uint64_t lengths[] = { 8, KIB(64), MIB(3), MIB(9) };

    (void)state;
    for (unsigned n = 0; n < 16; n++) {
        const struct setup setup = { .window_limit = n < 8 ? 0 : PAGE };
        struct udmar_dma_counts counts;
        struct scene s;

        open_scene(&s, &setup, lengths[n % 4]);
        /* In every other page the host leaves the length as it was. */
        assert_int_equal(try_load(&s, stray + n / 4 % 2 * PAGE, lengths[n % 4]), 0);
        assert_int_equal(s.loaded.error, UDMAR_EINVAL);
        assert_int_equal(s.loaded.calls, 1);
        assert_int_equal(s.loaded.count, 0);
        udmar_dma_counts(s.f.instance, &counts);
        assert_int_equal(counts.wrong_arguments, 1);
        close_scene(&s);
    }
}

/* Alignments beyond a page: the guest address has them, whatever the memory has. */
static void test_large_alignments(void **state)
{
    static const uint64_t alignments[] = { 2 * PAGE, MIB(2), MIB(4) };
    static const uint64_t lengths[] = { PAGE, KIB(256), MIB(3) };

    (void)state;
    for (unsigned n = 0; n < 9; n++) {
        const struct limits limits = { .alignment = alignments[n / 3], .maxsize = lengths[n % 3] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, limits.maxsize, MODEL_SCATTERED, 0);
        buffer[limits.maxsize - 1] = 0x5e;
        iova = load_one(tag, map, buffer, limits.maxsize);
        assert_int_equal(iova % limits.alignment, 0);
        assert_true(
            device_sees(&f, RID0, iova + limits.maxsize - 1, buffer + limits.maxsize - 1, 1));
        udmar_dmamap_unload(tag, map);
        model_buffer_free(f.m, buffer);
        drop_map(tag, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* Pieces at odd places under an alignment get pages that are at even ones. */
/* Nothing behind a list is read, whatever its sum of lengths lets expect: there is no memory. */
static void test_lists_end_where_they_end(void **state)
{
    static const uint64_t lengths[][4] = {
        { PAGE },      { PAGE, PAGE, PAGE }, { PAGE, 3 * PAGE }, { PAGE, PAGE, PAGE, 5 * PAGE },
        { PAGE, 100 },
    };
    uint8_t *memory =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + PAGE, PAGE, PROT_NONE), 0);
    for (unsigned n = 0; n < 10; n++) {
        /* With a boundary the list goes the longer way. */
        const struct limits limits = { .boundary = n < 5 ? 0 : KIB(64), .nsegments = 8 };
        struct udmar_dma_physical *list = (struct udmar_dma_physical *)(void *)(memory + PAGE);
        uint64_t sum = 0, seen = 0;
        unsigned count = 0;
        struct scene s;

        while (count < 4 && lengths[n % 5][count] != 0)
            count++;
        list -= count;
        for (unsigned i = 0; i < count; i++) {
            list[i] = (struct udmar_dma_physical){ LARGE + i * MIB(1), lengths[n % 5][i] };
            sum += list[i].length;
        }
        fixture_open(&s.f, NULL);
        model_reserve(s.f.m, LARGE, MIB(12));
        s.tag = new_tag(&s.f, 0, &limits);
        s.map = new_map(s.tag);
        assert_int_equal(load_list(&s, list, count, 0), 0);
        for (int i = 0; i < s.loaded.count; i++)
            seen += s.loaded.segment[i].ds_len;
        assert_int_equal(seen, sum);
        udmar_dmamap_unload(s.tag, s.map);
        close_scene(&s);
    }
    assert_int_equal(munmap(memory, 2 * PAGE), 0);
}

static void test_lists_under_an_alignment(void **state)
{
    const struct limits limits = { .alignment = 64, .nsegments = 4 };
    struct udmar_dma_physical list[2] = { { LARGE + 64, 128 }, { LARGE + 2 * PAGE + 3, 100 } };
    struct scene s;

    (void)state;
    fixture_open(&s.f, NULL);
    model_reserve(s.f.m, LARGE, MIB(12));
    s.tag = new_tag(&s.f, 0, &limits);
    s.map = new_map(s.tag);
    assert_int_equal(load_list(&s, list, 1, 0), 0);
    assert_int_equal(s.loaded.segment[0].ds_addr % PAGE, 64);
    udmar_dmamap_unload(s.tag, s.map);
    assert_int_equal(load_list(&s, list, 2, 0), 0);
    for (int i = 0; i < s.loaded.count; i++)
        assert_int_equal(s.loaded.segment[i].ds_addr % 64, 0);
    udmar_dmamap_unload(s.tag, s.map);
    close_scene(&s);
}

static void test_map_of_an_odd_limit_without_memory(void **state)
{
    const struct limits limits = { .lowaddr = MIB(200) - 1 };
    struct udmar_dma_map *map = NULL;
    struct udmar_dma_tag *tag;
    struct fixture f;
    int error = UDMAR_ENOMEM;
    unsigned failures = 0;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    for (unsigned call = 1; error != 0; call++) {
        assert_true(call < 30);
        model_fail_host_call(f.m, call, true);
        error = udmar_dmamap_create(tag, 0, &map);
        model_fail_host_call(f.m, 0, false);
        failures += error == UDMAR_ENOMEM;
    }
    assert_true(failures >= 4);
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* ---- Windows with several places --------------------------------------------------------------
 */

static void test_resting_windows(void **state)
{
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .tunables = "hw.dmar.strict=0",
                                     .ticking = true,
                                     .no_direct_map = n == 1 };
        struct udmar_fault fault = { .sequence = 0 };
        struct scene s;
        uint8_t *buffer;
        uint64_t iova = 0;

        (void)state;
        open_scene(&s, &setup, PAGE);
        buffer = model_buffer_alloc(s.f.m, PAGE, 0, 0);
        for (unsigned i = 0; i < 16; i++) {
            iova = load_one(s.tag, s.map, buffer, PAGE);
            assert_true(device_sees(&s.f, RID0, iova, buffer, PAGE));
            assert_int_equal(try_load(&s, buffer, PAGE), UDMAR_EBUSY);
            assert_int_equal(udmar_dmamap_destroy(s.tag, s.map), UDMAR_EBUSY);
            udmar_dmamap_unload(s.tag, s.map);
        }
        /* The last of the places, after which the first comes again. */
        udmar__locate(s.f.domain, iova, &fault);
        assert_int_equal(fault.place, UDMAR_PLACE_ENDED);
        assert_int_equal(fault.near_base, iova);
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* A large window of a unit without large pages. */
static void test_large_windows_of_small_pages(void **state)
{
    const struct setup setup = { .unit = { .cap_clear = UINT64_C(0xf) << 34 } };
    const struct udmar_dma_physical piece = { LARGE, MIB(2) };
    struct scene s;
    uint8_t *buffer, *from;
    size_t run = 1;

    (void)state;
    open_scene(&s, &setup, MIB(4));
    buffer = model_buffer_alloc(s.f.m, MIB(4), MODEL_CONTIGUOUS, 0);
    from = buffer + ((MIB(2) - udmar_host_virtual_to_physical(s.f.m, buffer, &run)) & (MIB(2) - 1));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t page = 0, iova;

        if (i % 2 == 0) {
            assert_int_equal(load_list(&s, &piece, 1, 0), 0);
            iova = expect_list(&s, &piece, 1);
        } else {
            iova = load_one(s.tag, s.map, from, MIB(2));
            from[MIB(2) - 1] = (uint8_t)(i + 1);
            assert_true(device_sees(&s.f, RID0, iova + MIB(2) - 1, from + MIB(2) - 1, 1));
        }
        assert_int_equal(udmar_domain_translate(s.f.domain, iova, NULL, NULL, &page), UDMAR_OK);
        assert_int_equal(page, PAGE);
        udmar_dmamap_unload(s.tag, s.map);
        expect_out_of_reach(&s, iova, MIB(2));
    }
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* Its tables are taken out and the unit does not say so: they stay with the domain. */
static void test_window_that_cannot_be_taken_out(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        const struct udmar_dma_physical piece = { LARGE + (n == 2 ? 0 : PAGE), MIB(2) };
        struct scene s;

        open_scene(&s, &setup, MIB(3));
        if (n > 0) {
            uint64_t iova;

            assert_int_equal(load_list(&s, &piece, 1, 0), 0);
            iova = expect_list(&s, &piece, 1);
            udmar_dmamap_unload(s.tag, s.map);
            assert_false(can_read(&s.f, RID0, iova));
        }
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
        drop_map(s.tag, s.map);
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        model_queue_step(s.f.u, 10000);
        drop_tag(s.tag);
        drain_faults(&s.f);
        fixture_close(&s.f); /* and nothing has leaked */
    }
}

/* Given up while the unit may still reach what was loaded, small and large pages. */
static void test_window_that_is_given_up(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        const struct udmar_dma_physical piece = { LARGE + (n == 0 ? PAGE : 0),
                                                  n == 2 ? MIB(1) : MIB(2) };
        struct scene s;
        uint64_t iova;

        open_scene(&s, &setup, MIB(5));
        assert_int_equal(load_list(&s, &piece, 1, 0), 0);
        iova = expect_list(&s, &piece, 1);
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(s.tag, s.map);
        drop_map(s.tag, s.map);
        assert_true(can_read(&s.f, RID0, iova));
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        model_queue_step(s.f.u, 10000);
        drop_tag(s.tag);
        fixture_close(&s.f);
    }
}

/* ---- Limits that cut nothing ----------------------------------------------------------------- */

/*
 * Nearly every driver's tag has a boundary of 4 GiB, and many have a maxsegsz below maxsize. The
 * short way is theirs, too, where neither can cut what is loaded.
 */
static void test_limits_that_cut_nothing(void **state)
{
    static const struct {
        uint64_t maxsize, maxsegsz, boundary, window_limit;
        bool quick;
    } cases[] = {
        { PAGE, 0, GIB(4), 0, true },
        { PAGE, 0, 2 * PAGE, 0, true }, /* two pages stand in two aligned ones */
        { PAGE, 0, PAGE, 0, false },
        { KIB(64), 0, KIB(128), 0, true },
        { KIB(64), 0, KIB(64), 0, false },
        { KIB(64), KIB(16), GIB(4), 0, true },
        { KIB(64), PAGE, 0, 0, true },
        { KIB(1200), 0, GIB(4), 0, true }, /* chunks */
        { KIB(1200), 0, MIB(2), 0, true },
        { KIB(1200), 0, MIB(1), 0, false },
        { MIB(3), 0, MIB(4), 0, true },
        { MIB(3), 0, MIB(2), 0, false },
        { KIB(64), 0, GIB(4), PAGE, true }, /* blocks and windows on loan */
        { KIB(64), 0, MIB(8), PAGE, true },
        { KIB(64), 0, MIB(4), PAGE, false },
    };

    (void)state;
    for (unsigned n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
        const unsigned i = n / 2;
        const struct limits limits = {
            .maxsize = cases[i].maxsize,
            .maxsegsz = cases[i].maxsegsz == 0 ? UINT64_MAX : cases[i].maxsegsz,
            .boundary = cases[i].boundary,
            .nsegments = 2000,
        };
        const struct setup setup = {
            .window_limit = cases[i].window_limit,
            .tunables = n % 2 ? "hw.dmar.strict=0" : NULL,
            .ticking = n % 2,
        };
        static const uint64_t shares[] = { 1, 4, 16, 64 };
        struct scene s;
        uint8_t *buffer;

        fixture_open(&s.f, &setup);
        s.tag = new_tag(&s.f, 0, &limits);
        s.map = new_map(s.tag);
        assert_int_equal(s.map->may_fast, cases[i].quick);
        /* Longer and shorter ones, again and again, at each place that there is. */
        for (unsigned round = 0; round < 20; round++) {
            uint64_t length = limits.maxsize / shares[round % 4];
            uint64_t sum = 0;

            buffer = model_buffer_alloc(s.f.m, length, MODEL_CONTIGUOUS, round % 5 * 800);
            fill_pattern(buffer, length, round);
            assert_int_equal(udmar_dmamap_load(s.tag, s.map, buffer, length, note_loaded, &s.loaded,
                                               UDMAR_DMA_NOWAIT),
                             0);
            assert_int_equal(s.loaded.error, 0);
            assert_true(s.loaded.count == 1 || length > limits.maxsegsz || !cases[i].quick);
            for (int k = 0; k < s.loaded.count; k++) {
                uint64_t first = s.loaded.segment[k].ds_addr, size = s.loaded.segment[k].ds_len;

                assert_true(size <= limits.maxsegsz);
                if (limits.boundary != 0)
                    assert_int_equal(first / limits.boundary, (first + size - 1) / limits.boundary);
                assert_true(device_sees(&s.f, RID0, first, buffer + sum, size));
                sum += size;
            }
            assert_int_equal(sum, length);
            udmar_dmamap_unload(s.tag, s.map);
            model_buffer_free(s.f.m, buffer);
        }
        close_scene(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_that_cut_nothing),
        cmocka_unit_test(test_lists_of_whole_pages),
        cmocka_unit_test(test_lists_with_something_else_inside),
        cmocka_unit_test(test_lists_that_are_refused),
        cmocka_unit_test(test_long_lists_without_a_window),
        cmocka_unit_test(test_large_buffers),
        cmocka_unit_test(test_large_buffers_of_a_driver),
        cmocka_unit_test(test_large_leaf_of_a_part),
        cmocka_unit_test(test_loads_without_memory),
        cmocka_unit_test(test_unloads_that_are_not_confirmed),
        cmocka_unit_test(test_half_that_cannot_be_asked_for),
        cmocka_unit_test(test_lent_window_that_is_not_ready),
        cmocka_unit_test(test_buffer_beyond_all_windows),
        cmocka_unit_test(test_resting_of_two_segments),
        cmocka_unit_test(test_lists_that_find_no_place),
        cmocka_unit_test(test_buffers_of_no_memory),
        cmocka_unit_test(test_large_alignments),
        cmocka_unit_test(test_lists_end_where_they_end),
        cmocka_unit_test(test_lists_under_an_alignment),
        cmocka_unit_test(test_map_of_an_odd_limit_without_memory),
        cmocka_unit_test(test_resting_windows),
        cmocka_unit_test(test_large_windows_of_small_pages),
        cmocka_unit_test(test_window_that_cannot_be_taken_out),
        cmocka_unit_test(test_window_that_is_given_up),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("fast_path", tests, NULL, NULL);
}
