/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: mappings of the moment, of all sizes, and when devices lose them. */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "space/range.h"
#include <udmar/stream.h>

#include "mapping/block.h"
#include "mapping/mapping.h"
#include "fixture/fixture.h"

static uint64_t map_one(struct fixture *f, uint8_t *buffer, uint64_t length, uint64_t highest)
{
    const struct udmar_dma_physical piece = { physical_of(f, buffer), length };
    udmar_iova_t iova = 0;

    assert_int_equal(udmar_stream_map(f->domain, &piece, 1, UDMAR_READ_WRITE, highest, &iova),
                     UDMAR_OK);
    assert_int_equal(iova % PAGE, piece.address % PAGE);
    assert_true(iova + length - 1 <= highest);
    return iova;
}

static void test_sizes(void **state)
{
    static const struct setup kinds[] = {
        { .profile = "generic48" },   { .profile = "generic48", .no_direct_map = true },
        { .profile = "noncoherent" }, { .profile = "cm" },
        { .profile = "rwbf" },        { .profile = "generic48", .tunables = "hw.dmar.qi=0" },
    };
    static const uint64_t sizes[] = { 1,      4095,       4096,   4097,   KIB(64),
                                      MIB(1), MIB(1) + 1, MIB(5), MIB(16) };
    static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX, MIB(200) + 4095 };

    (void)state;
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct fixture f;
        uint8_t *buffer;

        fixture_open(&f, &kinds[k]);
        buffer = model_buffer_alloc(f.m, MIB(16) + PAGE, MODEL_CONTIGUOUS, 0);
        fill_pattern(buffer, MIB(16) + PAGE, k);
        for (unsigned n = 0; n < 27 * 2; n++) {
            uint64_t length = sizes[n % 9];
            uint8_t *from = buffer + (n >= 27 ? 77 : 0);
            uint64_t iova = map_one(&f, from, length, highest[n / 9 % 3]);

            assert_true(device_sees(&f, RID0, iova, from, 1));
            assert_true(device_sees(&f, RID0, iova + length - 1, from + length - 1, 1));
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
            assert_false(can_read(&f, RID0, iova));
            assert_false(can_read(&f, RID0, iova + length - 1));
        }
        model_buffer_free(f.m, buffer);
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* A large leaf in a window that is lent: found by its first page alone, and only while it is. */
static void test_large(void **state)
{
    static const struct setup kinds[] = {
        { .profile = "generic48" },
        { .profile = "noncoherent" },
        { .profile = "generic48", .tunables = "hw.dmar.strict=0", .ticking = true },
    };
    static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX };

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct fixture f;

        fixture_open(&f, &kinds[k]);
        for (unsigned n = 0; n < 12; n++) {
            const struct udmar_dma_physical piece = { MIB(2), MIB(2) };
            udmar_iova_t iova;

            assert_int_equal(
                udmar_stream_map(f.domain, &piece, 1, UDMAR_READ_WRITE, highest[n / 6], &iova),
                UDMAR_OK);
            assert_int_equal(iova % MIB(2), 0);
            assert_true(iova + MIB(2) - 1 <= highest[n / 6]);
            assert_true(can_read(&f, RID0, iova));
            assert_true(can_read(&f, RID0, iova + MIB(2) - 1));
            assert_int_equal(udmar_stream_unmap(f.domain, iova + PAGE), UDMAR_ERR_NOT_FOUND);
            assert_int_equal(udmar_stream_unmap(f.domain, iova + MIB(1)), UDMAR_ERR_NOT_FOUND);
            assert_true(can_read(&f, RID0, iova));
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
            if (k < 2) {
                assert_false(can_read(&f, RID0, iova));
            }
            if (n % 3 == 2) {
                udmar__cpu_caches_trim(f.domain);
                assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
            }
        }
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* Every magazine has blocks of its own kind and size only. */
static void check_magazines(const struct udmar_domain *domain)
{
    const struct udmar__cpu_cache *cache = udmar__mapper_of(domain)->caches[0];

    for (unsigned order = 0; order < UDMAR__BLOCK_ORDERS; order++) {
        for (unsigned kind = UDMAR__POOL_ALL; kind <= UDMAR__POOL_32; kind++) {
            const struct udmar__magazine *magazine = &cache->blocks[order][kind];

            for (uint32_t i = 0; i < magazine->count; i++) {
                const struct udmar__arena *arena = udmar__arena_of(domain, magazine->page[i]);

                assert_int_equal(arena->kind, kind);
                assert_int_equal(UDMAR__BLOCK_ORDER(udmar__block_at(arena, magazine->page[i])),
                                 order);
            }
        }
    }
}

/* Blocks that rest come back as what they were: of their size, and as low as before. */
static void test_rest_by_kind(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    udmar_iova_t live[64] = { 0 };
    uint64_t pages[64] = { 0 };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    for (unsigned n = 0; n < 4000; n++) {
        unsigned i = (n * 37) % 64;
        bool low = n / 64 % 3 == 1;
        const struct udmar_dma_physical piece = { MIB(2), (1 + n * 13 % 40) * PAGE };

        if (pages[i] != 0) {
            assert_int_equal(udmar_stream_unmap(f.domain, live[i]), UDMAR_OK);
        }
        pages[i] = piece.length / PAGE;
        assert_int_equal(udmar_stream_map(f.domain, &piece, 1, UDMAR_READ_WRITE,
                                          low ? UINT32_MAX : UINT64_MAX, &live[i]),
                         UDMAR_OK);
        assert_true(!low || live[i] + piece.length - 1 <= UINT32_MAX);
        assert_int_equal(live[i] % (PAGE << udmar__log2_up(pages[i])), 0);
        for (unsigned j = 0; j < 64; j++) {
            assert_true(j == i || live[j] + pages[j] * PAGE <= live[i] ||
                        live[i] + pages[i] * PAGE <= live[j]);
        }
    }
    check_magazines(f.domain);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(udmar_stream_unmap(f.domain, live[i]), UDMAR_OK);
    }
    check_magazines(f.domain);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

static void test_arguments(void **state)
{
    struct udmar_dma_physical piece = { MIB(2), PAGE };
    struct fixture f;
    udmar_iova_t iova;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_stream_map(NULL, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(f.domain, NULL, 1, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 0, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 0, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 4, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    piece.length = 0;
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(NULL, 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(f.domain, MIB(9)), UDMAR_ERR_NOT_FOUND);
    fixture_close(&f);
}

/* Deferred: reachable until the tick, and no address again before it. */
static void test_tick(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct fixture f;
    uint8_t *buffer;
    uint64_t old[20];

    (void)state;
    fixture_open(&f, &setup);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    for (unsigned n = 0; n < 20; n++) {
        old[n] = map_one(&f, buffer, PAGE, UINT64_MAX);
        for (unsigned i = 0; i < n; i++)
            assert_int_not_equal(old[i], old[n]);
        assert_true(can_read(&f, RID0, old[n]));
        assert_int_equal(udmar_stream_unmap(f.domain, old[n]), UDMAR_OK);
        assert_true(can_read(&f, RID0, old[n])); /* through what is cached */
    }
    udmar_tick(f.instance);
    for (unsigned n = 0; n < 20; n++)
        assert_false(can_read(&f, RID0, old[n]));
    model_buffer_free(f.m, buffer);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* Pieces of all kinds behind each other, where udmar_stream_next() says. */
static void test_lists(void **state)
{
    uint32_t seed = 3;
    struct fixture f;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, NULL);
    buffer = model_buffer_alloc(f.m, MIB(4), MODEL_CONTIGUOUS, 0);
    fill_pattern(buffer, MIB(4), 5);
    for (unsigned round = 0; round < 200; round++) {
        struct udmar_dma_physical pieces[12];
        uint8_t *at[12];
        unsigned count = 1 + roll_below(&seed, 12);
        udmar_iova_t iova, first;

        for (unsigned i = 0; i < count; i++) {
            bool whole = roll_below(&seed, 2) == 0;

            at[i] = buffer + PAGE * roll_below(&seed, 900) + (whole ? 0 : roll_below(&seed, 4096));
            pieces[i].address = physical_of(&f, at[i]);
            pieces[i].length = whole ? PAGE * (1 + roll_below(&seed, round < 100 ? 9 : 100))
                                     : 1 + roll_below(&seed, 9000);
        }
        assert_int_equal(udmar_stream_map(f.domain, pieces, count, UDMAR_READ, UINT64_MAX, &first),
                         UDMAR_OK);
        iova = first;
        for (unsigned i = 0; i < count; i++) {
            assert_true(device_sees(&f, RID0, iova, at[i], pieces[i].length));
            assert_false(can_write(&f, RID0, iova));
            if (i + 1 < count)
                iova = udmar_stream_next(iova, pieces[i].length, pieces[i + 1].address);
        }
        assert_int_equal(udmar_stream_unmap(f.domain, first), UDMAR_OK);
        assert_false(can_read(&f, RID0, first));
        assert_false(can_read(&f, RID0, iova));
        drain_faults(&f);
    }
    model_buffer_free(f.m, buffer);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* A block of four pages holds three: the list goes on behind them. */
static void test_ranges_end_where_they_end(void **state)
{
    struct fixture f;
    uint8_t *buffer;
    uint64_t iova;
    struct udmar_range_info range = { .base = 0 };
    unsigned seen = 0, listed = 0;

    (void)state;
    fixture_open(&f, NULL);
    buffer = model_buffer_alloc(f.m, 3 * PAGE, MODEL_CONTIGUOUS, 0);
    iova = map_one(&f, buffer, 3 * PAGE, UINT64_MAX);
    while (udmar_domain_next_range(f.domain, range.base + range.size, &range)) {
        seen += range.base == iova && range.size == 3 * PAGE;
        assert_true(++listed < 100);
    }
    assert_int_equal(seen, 1);
    assert_true(udmar_domain_next_range(f.domain, iova + 2 * PAGE, &range));
    assert_int_equal(range.base, iova);
    assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
    model_buffer_free(f.m, buffer);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* Beyond what windows hold, and on a host without a direct map: at the offset in a large page. */
static void test_place_of_a_range(void **state)
{
    static const struct {
        uint64_t offset, size, modulus;
    } cases[] = { { PAGE * 3, MIB(9), MIB(2) },
                  { 0, MIB(10), MIB(2) },
                  { PAGE * 5, KIB(12), KIB(16) } };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct setup setup = { .no_direct_map = i == 2 };
        struct udmar_dma_physical piece = { MIB(64) + cases[i].offset, cases[i].size };
        struct fixture f;
        udmar_iova_t iova[2];
        uint64_t page;

        fixture_open(&f, &setup);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(
                udmar_stream_map(f.domain, &piece, 1, UDMAR_READ, UINT64_MAX, &iova[n]), UDMAR_OK);
            assert_int_equal(iova[n] % cases[i].modulus, i == 2 ? 0 : cases[i].offset);
            assert_int_equal(udmar_domain_translate(f.domain, iova[n] + MIB(2), NULL, NULL, &page),
                             i == 2 ? UDMAR_ERR_NOT_FOUND : UDMAR_OK);
            assert_true(i == 2 || page == MIB(2));
        }
        for (unsigned n = 0; n < 2; n++)
            assert_int_equal(udmar_stream_unmap(f.domain, iova[n]), UDMAR_OK);
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

static void test_unanswered_address_is_lost(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };
    struct fixture f;
    uint8_t *buffer;
    uint64_t lost, iova[100];

    (void)state;
    fixture_open(&f, &setup);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    lost = map_one(&f, buffer, PAGE, UINT64_MAX);
    assert_true(can_read(&f, RID0, lost));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_stream_unmap(f.domain, lost), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_stream_unmap(f.domain, lost), UDMAR_ERR_NOT_FOUND);
    assert_true(can_read(&f, RID0, lost));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 100; i++) {
        iova[i] = map_one(&f, buffer, PAGE, UINT64_MAX);
        assert_int_not_equal(iova[i], lost);
    }
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(udmar_stream_unmap(f.domain, iova[i]), UDMAR_OK);
    model_buffer_free(f.m, buffer);
    udmar__cpu_caches_trim(f.domain);
    f.forgive_pages = true;
    fixture_close(&f);
}

static void test_window_of_a_map_is_no_stream(void **state)
{
    static const uint64_t sizes[] = { PAGE, MIB(3) };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct limits limits = { .maxsize = sizes[n] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, sizes[n], 0, 0);
        iova = load_one(tag, map, buffer, sizes[n]);
        assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_ERR_NOT_FOUND);
        assert_true(can_read(&f, RID0, iova));
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* Who comes while a wait is on its way shares the next one. */
static void test_waits_are_shared(void **state)
{
    struct udmar_unit_status before, after;
    struct fixture f;
    uint64_t ticket[20];

    (void)state;
    fixture_open(&f, NULL);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DELAYED;
    model_behaviour(f.u)->queue_delay = 30;
    assert_int_equal(udmar_unit_status(f.instance, 0, &before), UDMAR_OK);
    for (unsigned i = 0; i < 20; i++) {
        struct udmar__request request = { .low = f.domain->request_low_all };

        ticket[i] = udmar__queue_put_one(f.domain->unit, request.low, request.high, true);
        assert_true(ticket[i] != 0);
    }
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(udmar__queue_wait(f.domain->unit, ticket[i]), UDMAR_OK);
    assert_int_equal(udmar_unit_status(f.instance, 0, &after), UDMAR_OK);
    assert_int_equal(after.waits - before.waits, 2);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    fixture_close(&f);
}

/* Maps' windows have places: a load takes the next, until all have been used. */
static void test_places_of_a_window(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct udmar_fault fault = { .sequence = 0 };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t iova[16];

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &(struct limits){ .maxsize = PAGE });
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    for (unsigned n = 0; n < 48; n++) {
        uint64_t here = load_one(tag, map, buffer, PAGE);

        if (n < 16) {
            iova[n] = here;
            for (unsigned i = 0; i < n; i++)
                assert_int_not_equal(iova[i], here);
        }
        assert_int_equal(here, iova[n % 16]);
        assert_true(device_sees(&f, RID0, here, buffer, PAGE));
        udmar_dmamap_unload(tag, map);
    }
    (void)load_one(tag, map, buffer, PAGE);
    assert_true(can_read(&f, RID0, iova[0]));
    udmar_dmamap_unload(tag, map);
    assert_true(can_read(&f, RID0, iova[0])); /* through what is cached */
    udmar_tick(f.instance);
    assert_false(can_read(&f, RID0, iova[0]));
    udmar__locate(f.domain, iova[0], &fault);
    assert_int_equal(fault.place, UDMAR_PLACE_ENDED);
    assert_int_equal(fault.near_base, iova[0]);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* After the stop there is no queue, and nothing to invalidate; windows have their places still. */
static void test_places_after_the_stop(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct fixture f;
    uint8_t *buffer;
    uint64_t last;

    (void)state;
    fixture_open(&f, &setup);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    tag = new_tag(&f, 0, &(struct limits){ .maxsize = PAGE });
    map = new_map(tag);
    (void)load_one(tag, map, buffer, PAGE);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    for (unsigned n = 0; n < 40; n++) {
        (void)load_one(tag, map, buffer, PAGE);
        udmar_dmamap_unload(tag, map);
        udmar_tick(f.instance);
    }
    assert_int_equal(udmar_start(f.instance), UDMAR_OK);
    for (unsigned n = 0; n < 40; n++) {
        last = load_one(tag, map, buffer, PAGE);
        assert_true(device_sees(&f, RID0, last, buffer, PAGE));
        udmar_dmamap_unload(tag, map);
    }
    udmar_tick(f.instance);
    assert_false(can_read(&f, RID0, last));
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* So many long pieces that the sum of their lengths begins at 0 again. */
static void test_too_much_for_any_address(void **state)
{
    const uint64_t longest = (UINT64_C(1) << 51) - PAGE;
    struct udmar_dma_physical *pieces = test_calloc(8193, sizeof(*pieces));
    struct fixture f;
    udmar_iova_t iova;

    (void)state;
    fixture_open(&f, NULL);
    for (unsigned i = 0; i < 8192; i++)
        pieces[i] = (struct udmar_dma_physical){ 0, longest };
    pieces[8192] = (struct udmar_dma_physical){ 0, MIB(32) + PAGE };
    assert_int_equal(pieces[8192].length + 8192 * longest, PAGE);
    assert_int_equal(udmar_stream_map(f.domain, pieces, 8193, UDMAR_READ_WRITE, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
    test_free(pieces);
}

/* Streams of small pieces that lie behind each other in memory end without memory for tables. */
static void test_neighbours_end_without_memory(void **state)
{
    const struct setup setup = { .no_direct_map = true };
    uint64_t iova[1024];
    struct fixture f;
    uint8_t *buffer, *from;

    (void)state;
    fixture_open(&f, &setup);
    buffer = model_buffer_alloc(f.m, MIB(6), MODEL_CONTIGUOUS, 0);
    from = buffer + (MIB(2) - physical_of(&f, buffer) % MIB(2)) % MIB(2);
    iova[0] = 0;
    /* Page 0 of guest addresses is nobody's: from the second 2 MiB on both lie alike. */
    for (unsigned n = 1; n < 1024; n++) {
        iova[n] = map_one(&f, from + n * PAGE, PAGE, UINT64_MAX);
        assert_int_equal(iova[n], n * PAGE);
    }
    model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    for (unsigned n = 1; n < 1024; n++)
        assert_int_equal(udmar_stream_unmap(f.domain, iova[n]), UDMAR_OK);
    assert_false(can_read(&f, RID0, iova[700]));
    model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 0, false);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* The unit switches translation off and then does not answer any more. */
static void hang_after_translation(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;

    (void)m;
    if (event == MODEL_EVENT_READ && (model_peek32(f->u, 0x1c) & UINT32_C(0x80000000)) == 0)
        model_behaviour(f->u)->gsts_lag = MODEL_NEVER;
}

/* Units whose requests reach one page, four pages, or know no pages at all. */
static void test_blocks_larger_than_a_request(void **state)
{
    static const uint64_t clear[] = { UINT64_C(0x3f) << 48, UINT64_C(0x3d) << 48,
                                      UINT64_C(1) << 39 };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        const struct setup setup = { .unit = { .cap_clear = clear[n] } };
        struct fixture f;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        assert_int_equal(f.domain->request_order, n == 0 ? 0 : n == 1 ? 2 : -1);
        buffer = model_buffer_alloc(f.m, 256 * PAGE, MODEL_CONTIGUOUS, 0);
        for (uint64_t pages = 1; pages <= 256; pages *= 4) {
            uint64_t iova = map_one(&f, buffer, pages * PAGE, UINT64_MAX);

            for (uint64_t i = 0; i < pages; i++)
                assert_true(can_read(&f, RID0, iova + i * PAGE));
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
            for (uint64_t i = 0; i < pages; i += 3)
                assert_false(can_read(&f, RID0, iova + i * PAGE));
            drain_faults(&f);
        }
        /* None was refused and had to be replaced. */
        assert_int_equal(f.domain->unit->counts.queue_errors, 0);
        model_buffer_free(f.m, buffer);
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* Whoever owns half of 2 MiB ends it without memory, though the other half continues in memory. */
static void test_half_of_a_large_page_ends_without_memory(void **state)
{
    static const uint64_t own[] = { MIB(512), MIB(513) };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct udmar_iova_limits limits = { .lowest = own[n], .alignment = MIB(1) };
        uint64_t other = own[1 - n];
        struct fixture f;
        uint64_t iova;

        fixture_open(&f, NULL);
        assert_int_equal(udmar_domain_alloc_iova(f.domain, MIB(1), &limits, &iova), UDMAR_OK);
        assert_int_equal(iova, own[n]);
        assert_int_equal(udmar_domain_map(f.domain, iova, iova - MIB(510), MIB(1), 3), UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.domain, other, other - MIB(510), MIB(1), 3), UDMAR_OK);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        assert_int_equal(udmar_domain_unmap(f.domain, iova, MIB(1)), UDMAR_OK);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 0, false);
        assert_false(can_read(&f, RID0, iova));
        assert_true(can_read(&f, RID0, other));
        assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
        assert_int_equal(udmar_domain_unmap(f.domain, other, MIB(1)), UDMAR_OK);
        fixture_close(&f);
    }
}

static void test_unmap_after_a_stop_that_failed(void **state)
{
    struct fixture f = { 0 };
    uint8_t *buffer;
    uint64_t small, large;

    (void)state;
    fixture_open(&f, NULL);
    buffer = model_buffer_alloc(f.m, MIB(3), MODEL_CONTIGUOUS, 0);
    small = map_one(&f, buffer, PAGE, UINT64_MAX);
    large = map_one(&f, buffer, MIB(3), UINT64_MAX);
    model_set_hook(f.m, hang_after_translation, &f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    model_set_hook(f.m, NULL, NULL);
    (void)udmar_stream_unmap(f.domain, small);
    (void)udmar_stream_unmap(f.domain, large);
    model_behaviour(f.u)->gsts_lag = 0;
    assert_int_equal(udmar_start(f.instance), UDMAR_OK);
    assert_false(can_read(&f, RID0, small));
    assert_false(can_read(&f, RID0, large));
    model_buffer_free(f.m, buffer);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

struct late_tick {
    struct fixture f;
    pthread_t thread;
    unsigned locks;      /* that the tick has asked for */
    bool waits, stopped; /* atomic */
};

/* The tick has seen that there is a queue, and is about to take its lock. */
static void hold_tick(void *context, struct model *m, enum model_event event)
{
    const struct timespec moment = { .tv_nsec = 1000000 };
    struct late_tick *late = context;

    (void)m;
    if (event != MODEL_EVENT_ACQUIRE || !pthread_equal(pthread_self(), late->thread) ||
        ++late->locks != 2)
        return;
    __atomic_store_n(&late->waits, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 100 && !__atomic_load_n(&late->stopped, __ATOMIC_ACQUIRE); i++)
        nanosleep(&moment, NULL);
}

static void *tick_late(void *argument)
{
    struct late_tick *late = argument;

    late->thread = pthread_self();
    model_set_hook(late->f.m, hold_tick, late);
    udmar_tick(late->f.instance);
    return NULL;
}

/* A stop takes no queue away from a tick that is under way. */
static void test_tick_during_a_stop(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct late_tick late = { 0 };
    pthread_t thread;
    uint8_t *buffer;

    (void)state;
    fixture_open(&late.f, &setup);
    buffer = model_buffer_alloc(late.f.m, PAGE, 0, 0);
    assert_int_equal(udmar_stream_unmap(late.f.domain, map_one(&late.f, buffer, PAGE, UINT64_MAX)),
                     UDMAR_OK);
    assert_int_equal(pthread_create(&thread, NULL, tick_late, &late), 0);
    while (!__atomic_load_n(&late.waits, __ATOMIC_ACQUIRE))
        sched_yield();
    assert_int_equal(udmar_stop(late.f.instance), UDMAR_OK);
    __atomic_store_n(&late.stopped, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    model_set_hook(late.f.m, NULL, NULL);
    assert_int_equal(udmar_start(late.f.instance), UDMAR_OK);
    model_buffer_free(late.f.m, buffer);
    udmar__cpu_caches_trim(late.f.domain);
    fixture_close(&late.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_rest_by_kind),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_tick),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ranges_end_where_they_end),
        cmocka_unit_test(test_place_of_a_range),
        cmocka_unit_test(test_unanswered_address_is_lost),
        cmocka_unit_test(test_window_of_a_map_is_no_stream),
        cmocka_unit_test(test_waits_are_shared),
        cmocka_unit_test(test_places_of_a_window),
        cmocka_unit_test(test_places_after_the_stop),
        cmocka_unit_test(test_too_much_for_any_address),
        cmocka_unit_test(test_neighbours_end_without_memory),
        cmocka_unit_test(test_blocks_larger_than_a_request),
        cmocka_unit_test(test_half_of_a_large_page_ends_without_memory),
        cmocka_unit_test(test_unmap_after_a_stop_that_failed),
        cmocka_unit_test(test_tick_during_a_stop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
