/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: the addresses that belong to a map. Loading and unloading them, small and large, on all
 * kinds of units and hosts; what is cached at that time; units that do not answer.
 */
#include <string.h>

#include "mapping/window.h"
#include "mapping/cpu_cache.h"
#include "fixture/fixture.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

static const struct setup kinds[] = {
    { .profile = "generic48" },
    { .profile = "generic48",
      .no_direct_map = true,
      .machine = { .alias_maps = true, .no_virtual = true } },
    { .profile = "generic48", .tunables = "hw.dmar.qi=0" },
    { .profile = "generic48", .tunables = "hw.dmar.strict=0" },
    { .profile = "generic48", .unit = { .cap_clear = UINT64_C(3) << 34 } }, /* small pages only */
    { .profile = "generic48", .unit = { .cap_clear = UINT64_C(1) << 39 } }, /* no PSI */
    { .profile = "noncoherent" },
    { .profile = "noncoherent", .unit = { .cap_set = UINT64_C(1) << 7 } }, /* caching mode, too */
    { .profile = "noncoherent",
      .no_direct_map = true,
      .machine = { .alias_maps = true, .no_virtual = true } },
    { .profile = "rwbf" },
    { .profile = "oldest" },
    { .profile = "cm" },
    { .profile = "cm", .tunables = "hw.dmar.strict=0" },
    { .profile = "two-level" },
    { .profile = "five-level", .tunables = "hw.dmar.width=57" },
    { .profile = "modern" },
    { .profile = "v6" },
    { .profile = "qemu39" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *raw; /* what aligned_buffer() has allocated */
    bool strict;
};

static void open_scene(struct scene *s, const struct setup *setup, uint64_t maxsize)
{
    const struct limits limits = { .maxsize = maxsize };
    struct udmar_domain_info info;

    fixture_open(&s->f, setup);
    s->tag = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    udmar_domain_info(s->f.domain, &info);
    s->strict = info.strict;
}

static void close_scene(struct scene *s)
{
    struct udmar_domain_info info;

    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    udmar__cpu_caches_trim(s->f.domain); /* the arena that is kept */
    udmar_domain_info(s->f.domain, &info);
    assert_int_equal(info.table_pages, 1);
    fixture_close(&s->f);
}

/* In deferred mode the unit works the request off when somebody makes it: here, a load. */
static void expect_blocked(struct scene *s, uint64_t iova)
{
    if (s->strict)
        assert_false(can_read(&s->f, RID0, iova));
    else
        assert_int_equal(model_translate(s->f.m, 0, RID0, iova, false).result, MODEL_BLOCKED);
}

static void cycle(struct scene *s, uint8_t *buffer, uint64_t length)
{
    uint64_t iova = load_one(s->tag, s->map, buffer, length);
    uint64_t last = iova + length - 1;

    assert_true(device_sees(&s->f, RID0, iova, buffer, length > 64 ? 64 : (size_t)length));
    assert_true(device_stores(&s->f, RID0, last, buffer + length - 1, 1, 1));
    for (uint64_t at = 0; at < length; at += 61 * PAGE)
        assert_true(device_sees(&s->f, RID0, iova + at, buffer + at, 1));
    udmar_dmamap_unload(s->tag, s->map);
    expect_blocked(s, iova);
    expect_blocked(s, last);
}

/* Every size in pages and a byte more or less, at awkward offsets, in windows of three sizes. */
static void test_sizes_and_offsets(void **state)
{
    static const uint64_t maxsizes[] = { PAGE, KIB(64), 511 * PAGE, MIB(3) };
    static const size_t offsets[] = { 0, 1, 2048, 4095 };

    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        for (unsigned w = 0; w < 4; w++) {
            struct scene s;
            uint8_t *buffer;

            open_scene(&s, &kinds[k], maxsizes[w]);
            buffer = model_buffer_alloc(s.f.m, maxsizes[w] + PAGE, MODEL_SCATTERED, 0);
            for (unsigned o = 0; o < 4; o++) {
                cycle(&s, buffer + offsets[o], 1);
                cycle(&s, buffer + offsets[o], PAGE);
                cycle(&s, buffer + offsets[o], maxsizes[w] / 2 + 1);
                cycle(&s, buffer + offsets[o], maxsizes[w] - 1);
                cycle(&s, buffer + offsets[o], maxsizes[w]);
            }
            model_buffer_free(s.f.m, buffer);
            close_scene(&s);
        }
    }
}

static void test_every_length_of_a_small_window(void **state)
{
    struct scene s;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, &kinds[0], 3 * PAGE);
    buffer = model_buffer_alloc(s.f.m, 4 * PAGE, MODEL_SCATTERED, 0);
    for (uint64_t length = 1; length <= 3 * PAGE; length += 127) {
        for (unsigned offset = 0; offset < PAGE; offset += 509)
            cycle(&s, buffer + offset, length);
    }
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* ---- Large leaves ---------------------------------------------------------------------------- */

/* A contiguous buffer whose physical address is at @within of a 2 MiB page. */
static uint8_t *aligned_buffer(struct scene *s, size_t size, uint64_t within)
{
    size_t length = 1;
    uint64_t physical;

    s->raw = model_buffer_alloc(s->f.m, size + MIB(2), 0, 0);
    physical = udmar_host_virtual_to_physical(s->f.m, s->raw, &length);
    return s->raw + ((within - physical) & (MIB(2) - 1));
}

static void test_aligned_buffer_is_few_leaves(void **state)
{
    struct scene s;
    struct model_tree tree;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, &kinds[0], MIB(8));
    buffer = aligned_buffer(&s, MIB(8), 0);
    (void)load_one(s.tag, s.map, buffer, MIB(8));
    tree = model_count_tree(s.f.m, 0, RID0);
    assert_int_equal(tree.leaves[2], 4);
    assert_int_equal(tree.leaves[1], 0);
    udmar_dmamap_unload(s.tag, s.map);
    /* Not aligned in memory: at the same offset in its window, so that the middle is large. */
    (void)load_one(s.tag, s.map, buffer + MIB(1), MIB(6));
    tree = model_count_tree(s.f.m, 0, RID0);
    assert_int_equal(tree.leaves[2], 2);
    assert_int_equal(tree.leaves[1], 512);
    udmar_dmamap_unload(s.tag, s.map);
    tree = model_count_tree(s.f.m, 0, RID0);
    assert_int_equal(tree.leaves[1] + tree.leaves[2], 0);
    model_buffer_free(s.f.m, s.raw);
    close_scene(&s);
}

/* The same chunk, small pages and a large leaf in turn, with both kinds of cache warm. */
static void test_small_and_large_in_turn(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        struct scene s;
        uint8_t *large, *small;

        open_scene(&s, &kinds[k], MIB(4));
        model_behaviour(s.f.u)->prefetch = k % 2 == 0;
        large = aligned_buffer(&s, MIB(4), 0);
        small = model_buffer_alloc(s.f.m, MIB(4), MODEL_SCATTERED, 0);
        fill_pattern(large, MIB(4), 1);
        fill_pattern(small, MIB(4), 2);
        for (unsigned round = 0; round < 6; round++) {
            cycle(&s, large, MIB(4));
            cycle(&s, small, MIB(4));
            cycle(&s, small + round * PAGE, MIB(2) + round * PAGE);
            cycle(&s, large + MIB(1), MIB(3));
        }
        model_buffer_free(s.f.m, s.raw);
        model_buffer_free(s.f.m, small);
        close_scene(&s);
    }
}

/* ---- Caches ---------------------------------------------------------------------------------- */

/* Two windows in one leaf table, and one of them comes and goes. */
static void test_windows_that_share_a_table(void **state)
{
    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        struct scene s;
        struct udmar_dma_map *other;
        uint8_t *buffer;
        uint64_t iova;

        open_scene(&s, &kinds[k], KIB(16));
        buffer = model_buffer_alloc(s.f.m, KIB(32), MODEL_SCATTERED, 0);
        fill_pattern(buffer, KIB(32), 9);
        iova = load_one(s.tag, s.map, buffer, KIB(16));
        for (unsigned round = 0; round < 4; round++) {
            uint64_t second;

            other = new_map(s.tag);
            second = load_one(s.tag, other, buffer + KIB(16), KIB(16));
            assert_true(device_sees(&s.f, RID0, second, buffer + KIB(16), KIB(16)));
            assert_true(device_sees(&s.f, RID0, iova, buffer, KIB(16)));
            udmar_dmamap_unload(s.tag, other);
            drop_map(s.tag, other);
            assert_false(can_read(&s.f, RID0, second));
            assert_true(device_sees(&s.f, RID0, iova, buffer, KIB(16)));
        }
        udmar_dmamap_unload(s.tag, s.map);
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* Destroyed and made again at the same place, with tables freed in between. */
static void test_windows_made_again(void **state)
{
    static const uint64_t sizes[] = { PAGE, MIB(3) };

    (void)state;
    for (unsigned k = 0; k < KINDS; k++) {
        for (unsigned n = 0; n < 2; n++) {
            struct scene s;
            uint8_t *buffer;

            open_scene(&s, &kinds[k], sizes[n]);
            model_behaviour(s.f.u)->prefetch = true;
            buffer = model_buffer_alloc(s.f.m, (size_t)sizes[n], MODEL_SCATTERED, 0);
            for (unsigned round = 0; round < 5; round++) {
                cycle(&s, buffer, sizes[n]);
                drop_map(s.tag, s.map);
                assert_false(can_read(&s.f, RID0, MIB(2)));
                s.map = new_map(s.tag);
            }
            model_buffer_free(s.f.m, buffer);
            close_scene(&s);
        }
    }
}

/* ---- Deferred -------------------------------------------------------------------------------- */

static void test_deferred_reload_waits_for_its_ticket(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0" };
    struct scene s;
    uint8_t *a, *b;
    uint64_t iova;
    uint8_t byte;

    (void)state;
    open_scene(&s, &setup, PAGE);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DELAYED;
    model_behaviour(s.f.u)->queue_delay = 50;
    a = model_buffer_alloc(s.f.m, PAGE, 0, 0);
    b = model_buffer_alloc(s.f.m, PAGE, 0, 0);
    memset(a, 0xaa, PAGE);
    memset(b, 0xbb, PAGE);
    for (unsigned round = 0; round < 10; round++) {
        uint64_t before = model_time(s.f.m);

        iova = load_one(s.tag, s.map, a, PAGE);
        assert_true(device_sees(&s.f, RID0, iova, a, PAGE));
        before = model_time(s.f.m);
        udmar_dmamap_unload(s.tag, s.map);
        assert_int_equal(model_time(s.f.m), before); /* no wait, not even a look at the clock */
        iova = load_one(s.tag, s.map, b, PAGE);
        /* Never the old page through what is cached. */
        assert_int_equal(model_dma(s.f.m, 0, RID0, iova, &byte, 1, false), MODEL_OK);
        assert_int_equal(byte, 0xbb);
        udmar_dmamap_unload(s.tag, s.map);
        model_queue_step(s.f.u, 100);
        assert_false(can_read(&s.f, RID0, iova));
    }
    model_buffer_free(s.f.m, a);
    model_buffer_free(s.f.m, b);
    close_scene(&s);
}

/* ---- No answer ------------------------------------------------------------------------------- */

static void unanswered(uint64_t maxsize, bool give_up)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };
    struct loaded loaded = { .calls = 0 };
    struct scene s;
    uint8_t *buffer, *other;
    uint64_t iova;

    open_scene(&s, &setup, maxsize);
    buffer = model_buffer_alloc(s.f.m, (size_t)maxsize, MODEL_SCATTERED, 0);
    other = model_buffer_alloc(s.f.m, PAGE, 0, 0);
    memset(other, 0x77, PAGE);
    iova = load_one(s.tag, s.map, buffer, maxsize);
    assert_true(can_read(&s.f, RID0, iova));
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(s.tag, s.map);
    assert_true(model_log_contains(s.f.m, "not confirmed"));
    assert_true(can_read(&s.f, RID0, iova)); /* through what is cached */
    /* Nothing new may appear where the device may still see the old. */
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(
            udmar_dmamap_load(s.tag, s.map, other, 1, note_loaded, &loaded, UDMAR_DMA_NOWAIT),
            UDMAR_ENOMEM);
    assert_int_equal(loaded.calls, 2);
    assert_int_equal(loaded.error, UDMAR_ENOMEM);
    if (give_up) {
        size_t pages = model_pages_in_use(s.f.m);

        drop_map(s.tag, s.map);
        assert_int_equal(model_pages_in_use(s.f.m), pages);
        s.map = new_map(s.tag);
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        assert_int_not_equal(load_one(s.tag, s.map, other, 1), iova);
        udmar_dmamap_unload(s.tag, s.map);
        drop_map(s.tag, s.map);
        drop_tag(s.tag);
        model_buffer_free(s.f.m, buffer);
        model_buffer_free(s.f.m, other);
        fixture_close(&s.f);
        return;
    }
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    iova = load_one(s.tag, s.map, other, 1);
    assert_true(device_sees(&s.f, RID0, iova, other, 1));
    udmar_dmamap_unload(s.tag, s.map);
    assert_false(can_read(&s.f, RID0, iova));
    model_buffer_free(s.f.m, buffer);
    model_buffer_free(s.f.m, other);
    close_scene(&s);
}

static void test_unanswered_unload_keeps_the_window(void **state)
{
    (void)state;
    unanswered(PAGE, false);
    unanswered(MIB(3), false);
}

static void test_unanswered_window_is_given_up(void **state)
{
    (void)state;
    unanswered(PAGE, true);
    unanswered(MIB(3), true);
}

/* ---- Cost ------------------------------------------------------------------------------------ */

static void test_load_takes_no_lock_and_no_memory(void **state)
{
    static const uint64_t sizes[] = { KIB(64), MIB(4) };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct scene s;
        struct counts counts;
        uint8_t *buffer;

        open_scene(&s, NULL, sizes[n]);
        buffer = model_buffer_alloc(s.f.m, (size_t)sizes[n], MODEL_SCATTERED, 0);
        memset(&counts, 0, sizeof(counts));
        model_set_hook(s.f.m, count_events, &counts);
        (void)load_one(s.tag, s.map, buffer, sizes[n]);
        assert_int_equal(counts.events[MODEL_EVENT_ALLOC], 0);
        assert_int_equal(counts.events[MODEL_EVENT_ACQUIRE], 0);
        assert_int_equal(counts.events[MODEL_EVENT_READ], 0);
        assert_int_equal(counts.events[MODEL_EVENT_WRITE], 0);
        assert_int_equal(counts.events[MODEL_EVENT_MAP], 0);
        udmar_dmamap_unload(s.tag, s.map);
        /* The queue's lock and one bell. */
        assert_int_equal(counts.events[MODEL_EVENT_ALLOC], 0);
        assert_int_equal(counts.events[MODEL_EVENT_WRITE], 1);
        assert_true(counts.events[MODEL_EVENT_ACQUIRE] <= 2);
        model_set_hook(s.f.m, NULL, NULL);
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

/* One request for a window, however scattered its buffer: selective, with the hint if it is small.
 */
static void test_unload_is_one_request(void **state)
{
    struct scene s;
    const struct model_invalidation *entry;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, NULL, KIB(60));
    buffer = model_buffer_alloc(s.f.m, KIB(60), MODEL_SCATTERED, 0);
    (void)load_one(s.tag, s.map, buffer, KIB(60));
    model_clear_invalidation_log(s.f.u);
    udmar_dmamap_unload(s.tag, s.map);
    assert_int_equal(model_invalidation_count(s.f.u), 2);
    entry = model_invalidation_log(s.f.u, 0);
    assert_int_equal(entry->kind, MODEL_INV_IOTLB);
    assert_int_equal(entry->granularity, MODEL_DEVICE_OR_PAGE);
    assert_int_equal(entry->address_mask, 4);
    assert_true(entry->leaf_hint);
    assert_int_equal(model_invalidation_log(s.f.u, 1)->kind, MODEL_INV_WAIT);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* ---- Making ---------------------------------------------------------------------------------- */

static void test_map_create_without_memory(void **state)
{
    static const uint64_t sizes[] = { PAGE, MIB(5) };

    (void)state;
    for (unsigned k = 0; k < KINDS; k += 3) {
        for (unsigned n = 0; n < 2; n++) {
            const struct limits limits = { .maxsize = sizes[n] };
            struct udmar_dma_map *map;
            struct udmar_dma_tag *tag;
            struct fixture f;
            int error = UDMAR_ENOMEM;

            fixture_open(&f, &kinds[k]);
            tag = new_tag(&f, 0, &limits);
            for (unsigned call = 1; error != 0; call++) {
                size_t pages = model_pages_in_use(f.m), bytes = model_bytes_in_use(f.m);

                model_fail_host_call(f.m, call, call % 2 == 0);
                error = udmar_dmamap_create(tag, 0, &map);
                model_fail_host_call(f.m, 0, false);
                if (error != 0) {
                    assert_int_equal(error, UDMAR_ENOMEM);
                    assert_int_equal(model_pages_in_use(f.m), pages);
                    assert_int_equal(model_bytes_in_use(f.m), bytes);
                }
            }
            drop_map(tag, map);
            drop_tag(tag);
            fixture_close(&f);
        }
    }
}

static void test_windows_are_listed(void **state)
{
    struct scene s;
    struct udmar_range_info range;
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    open_scene(&s, NULL, KIB(16));
    buffer = model_buffer_alloc(s.f.m, KIB(16), 0, 0);
    assert_true(udmar_domain_next_range(s.f.domain, PAGE, &range));
    assert_int_equal(range.kind, UDMAR_RANGE_WINDOW);
    assert_int_equal(range.size, 8 * PAGE);
    assert_int_equal(range.loaded_size, 0);
    iova = load_one(s.tag, s.map, buffer, 3 * PAGE);
    assert_true(udmar_domain_next_range(s.f.domain, PAGE, &range));
    assert_int_equal(range.loaded_base, iova);
    assert_int_equal(range.loaded_size, 3 * PAGE);
    assert_int_equal(udmar_domain_map(s.f.domain, range.base, MIB(2), PAGE, 3), UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_unmap(s.f.domain, range.base, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_free_iova(s.f.domain, range.base), UDMAR_ERR_NOT_FOUND);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* A limit that asks for more than the host's pieces of memory can hold: ranges instead. */
static void test_window_limit_beyond_reason(void **state)
{
    const struct setup setup = { .window_limit = UINT64_MAX };
    struct scene s;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, &setup, GIB(8));
    buffer = model_buffer_alloc(s.f.m, MIB(3), 0, 0);
    cycle(&s, buffer, MIB(3));
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* No room for a window: the map works all the same, load by load. */
static void test_no_room_for_a_window(void **state)
{
    const struct setup setup = { .profile = "two-level" };
    struct scene s;
    struct udmar_iova_limits all = { .lowest = MIB(1) };
    uint64_t taken;
    uint8_t *buffer;

    (void)state;
    fixture_open(&s.f, &setup);
    assert_int_equal(udmar_domain_alloc_iova(s.f.domain, GIB(1) - MIB(1), &all, &taken), UDMAR_OK);
    s.strict = true;
    {
        const struct limits limits = { .maxsize = MIB(1) };

        s.tag = new_tag(&s.f, 0, &limits);
        s.map = new_map(s.tag);
    }
    buffer = model_buffer_alloc(s.f.m, KIB(64), MODEL_SCATTERED, 5);
    cycle(&s, buffer, KIB(64));
    model_buffer_free(s.f.m, buffer);
    assert_int_equal(udmar_domain_free_iova(s.f.domain, taken), UDMAR_OK);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_offsets),
        cmocka_unit_test(test_every_length_of_a_small_window),
        cmocka_unit_test(test_aligned_buffer_is_few_leaves),
        cmocka_unit_test(test_small_and_large_in_turn),
        cmocka_unit_test(test_windows_that_share_a_table),
        cmocka_unit_test(test_windows_made_again),
        cmocka_unit_test(test_deferred_reload_waits_for_its_ticket),
        cmocka_unit_test(test_unanswered_unload_keeps_the_window),
        cmocka_unit_test(test_unanswered_window_is_given_up),
        cmocka_unit_test(test_load_takes_no_lock_and_no_memory),
        cmocka_unit_test(test_unload_is_one_request),
        cmocka_unit_test(test_map_create_without_memory),
        cmocka_unit_test(test_windows_are_listed),
        cmocka_unit_test(test_window_limit_beyond_reason),
        cmocka_unit_test(test_no_room_for_a_window),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
