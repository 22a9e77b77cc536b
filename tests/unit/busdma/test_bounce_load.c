/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma without translation: the device sees physical addresses, and pages that it cannot reach
 * are stood in for. What it reads and writes is checked through real accesses.
 */
#include <string.h>

#include "fixture/fixture.h"

#define LOW_4G UINT64_C(0xffffffff)

static struct loaded result;

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
};

static void open_scene(struct scene *s, const char *tunables, const struct limits *limits)
{
    const struct setup setup = { .tunables = tunables };

    fixture_open(&s->f, &setup);
    s->tag = new_tag(&s->f, 0, limits);
    s->map = new_map(s->tag);
}

static void close_scene(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    fixture_close(&s->f);
}

static int load(struct scene *s, void *buffer, uint64_t length)
{
    result.calls = 0;
    result.error = -1;
    result.count = -1;
    return udmar_dmamap_load(s->tag, s->map, buffer, length, note_loaded, &result, 0);
}

/* One access by the device to all segments, in order. */
static void device_copies(struct scene *s, uint8_t *data, bool write)
{
    for (int i = 0; i < result.count; i++) {
        enum model_result done = model_dma(s->f.m, 0, RID0, result.segment[i].ds_addr, data,
                                           (size_t)result.segment[i].ds_len, write);

        assert_true(done == MODEL_OK || done == MODEL_BYPASSED);
        data += result.segment[i].ds_len;
    }
}

/* The only zone there is. */
static struct udmar_bounce_zone_info zone_of(struct scene *s)
{
    struct udmar_bounce_zone_info zone;

    assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
    assert_false(udmar_bounce_zone_info(s->f.instance, 1, &zone));
    assert_int_equal(zone.total_pages, zone.free_pages + zone.reserved_pages + zone.active_pages);
    return zone;
}

static void expect_reach(uint64_t lowaddr, uint64_t length)
{
    uint64_t sum = 0;

    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, 0);
    for (int i = 0; i < result.count; i++) {
        assert_true(result.segment[i].ds_addr + result.segment[i].ds_len - 1 <= lowaddr);
        sum += result.segment[i].ds_len;
    }
    assert_int_equal(sum, length);
}

static const char *const modes[] = {
    "hw.busdma.default=bounce",
    "hw.busdma.default=identity",
    "hw.busdma.default=passthrough",
    "hw.busdma.pci0:0:2:0.bounce=1",
};

/* Whatever the mode is called: no copy where none is needed. */
static void test_reachable_buffers_are_not_copied(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct scene s;
        uint8_t *buffer, seen[3 * 4096];
        size_t pages;

        open_scene(&s, modes[n], NULL);
        buffer = model_buffer_alloc(s.f.m, 3 * PAGE, 0, 10);
        fill_pattern(buffer, 3 * PAGE, n);
        pages = model_pages_in_use(s.f.m);
        assert_int_equal(load(&s, buffer, 3 * PAGE), 0);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.segment[0].ds_addr, physical_of(&s.f, buffer));
        assert_int_equal(model_pages_in_use(s.f.m), pages);
        device_copies(&s, seen, false);
        assert_memory_equal(seen, buffer, sizeof(seen));
        assert_true(udmar_dma_id_mapped(s.tag, physical_of(&s.f, buffer), 3 * PAGE));
        udmar_dmamap_unload(s.tag, s.map);
        model_buffer_free(s.f.m, buffer);
        close_scene(&s);
    }
}

static void round_trip(struct scene *s, size_t size, size_t offset, unsigned seed)
{
    uint8_t *buffer = model_buffer_alloc(s->f.m, size, MODEL_HIGH | MODEL_SCATTERED, offset);
    uint8_t *seen = test_malloc(size), *sent = test_malloc(size);

    fill_pattern(buffer, size, seed);
    assert_int_equal(load(s, buffer, size), 0);
    expect_reach(LOW_4G, size);
    assert_int_equal(zone_of(s).active_pages, (offset + size + PAGE - 1) / PAGE);
    assert_int_equal(result.segment[0].ds_addr & (PAGE - 1), offset);
    /* Memory to device. */
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_PREWRITE);
    device_copies(s, seen, false);
    assert_memory_equal(seen, buffer, size);
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_POSTWRITE);
    /* Device to memory: there only after the sync. */
    fill_pattern(sent, size, seed + 1);
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_PREREAD);
    device_copies(s, sent, true);
    assert_memory_equal(seen, buffer, size);
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_POSTREAD);
    assert_memory_equal(sent, buffer, size);
    udmar_dmamap_unload(s->tag, s->map);
    assert_int_equal(zone_of(s).active_pages, 0);
    assert_int_equal(zone_of(s).reserved_pages, 0);
    test_free(seen);
    test_free(sent);
    model_buffer_free(s->f.m, buffer);
}

static void test_high_buffers_are_copied_both_ways(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 32 };

    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct scene s;

        open_scene(&s, modes[n], &limits);
        for (unsigned i = 0; i < 40; i++)
            round_trip(&s, 1 + (i * 1543) % KIB(60), (i * 977) % 4096, i);
        close_scene(&s);
    }
}

static void test_only_pages_out_of_reach_are_copied(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 8 };
    struct udmar_dma_physical list[3];
    struct scene s;
    uint8_t *low, *high;

    (void)state;
    open_scene(&s, modes[0], &limits);
    low = model_buffer_alloc(s.f.m, 2 * PAGE, MODEL_LOW, 0);
    high = model_buffer_alloc(s.f.m, PAGE, MODEL_HIGH, 0);
    list[0] = (struct udmar_dma_physical){ physical_of(&s.f, low), PAGE };
    list[1] = (struct udmar_dma_physical){ physical_of(&s.f, high) + 8, 100 };
    list[2] = (struct udmar_dma_physical){ physical_of(&s.f, low) + PAGE, 50 };
    result.calls = 0;
    assert_int_equal(udmar_dmamap_load_physical(s.tag, s.map, list, 3, note_loaded, &result, 0), 0);
    expect_reach(LOW_4G, PAGE + 150);
    assert_int_equal(zone_of(&s).active_pages, 1);
    assert_int_equal(result.count, 3);
    assert_int_equal(result.segment[0].ds_addr, list[0].address);
    assert_int_equal(result.segment[2].ds_addr, list[2].address);
    assert_false(udmar_dma_id_mapped(s.tag, list[1].address, 100));
    assert_true(udmar_dma_id_mapped(s.tag, list[2].address, 50));
    udmar_dmamap_unload(s.tag, s.map);
    assert_int_equal(zone_of(&s).active_pages, 0);
    model_buffer_free(s.f.m, low);
    model_buffer_free(s.f.m, high);
    close_scene(&s);
}

/* The ends of what a device cannot reach are inclusive above and exclusive below, to the byte. */
static void test_reach_ends_at_the_byte(void **state)
{
    static const struct {
        unsigned page, offset, length, moved;
    } cases[] = {
        { 0, 0, 4096, 0 }, { 0, 4095, 1, 0 }, { 1, 0, 1, 1 },    { 1, 0, 4096, 1 },
        { 2, 0, 4096, 1 }, { 2, 4095, 1, 1 }, { 3, 0, 4096, 0 }, { 3, 0, 1, 0 },
    };
    struct limits limits = { .nsegments = 1 };
    struct fixture f;
    struct scene s;
    uint8_t *buffer;
    uint64_t base;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = modes[0] });
    s.f = f;
    buffer = model_buffer_alloc(f.m, 4 * PAGE, MODEL_CONTIGUOUS | MODEL_HIGH, 0);
    base = physical_of(&s.f, buffer);
    /* Pages 1 and 2 are out of reach. */
    limits.lowaddr = base + PAGE - 1;
    limits.highaddr = base + 3 * PAGE - 1;
    s.tag = new_tag(&f, 0, &limits);
    s.map = new_map(s.tag);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t start = cases[i].page * PAGE + cases[i].offset;

        assert_int_equal(load(&s, buffer + start, cases[i].length), 0);
        assert_int_equal(result.error, 0);
        assert_int_equal(zone_of(&s).active_pages, cases[i].moved);
        assert_int_equal(result.segment[0].ds_addr != base + start, cases[i].moved);
        assert_int_equal(udmar_dma_id_mapped(s.tag, base + start, cases[i].length),
                         !cases[i].moved);
        udmar_dmamap_unload(s.tag, s.map);
    }
    model_buffer_free(f.m, buffer);
    close_scene(&s);
}

/* What was copied is counted sync by sync, and nothing else is. */
static void test_copies_are_counted(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 4 };
    struct scene s;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, modes[0], &limits);
    buffer = model_buffer_alloc(s.f.m, 2 * PAGE, MODEL_HIGH, 0);
    assert_int_equal(load(&s, buffer, 2 * PAGE), 0);
    assert_int_equal(zone_of(&s).total_bounced, 0);
    udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_POSTWRITE);
    assert_int_equal(zone_of(&s).total_bounced, 0);
    udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_PREWRITE);
    assert_int_equal(zone_of(&s).total_bounced, 1);
    udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_POSTREAD);
    assert_int_equal(zone_of(&s).total_bounced, 2);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* A host that tells of no memory may have it anywhere. */
static void test_memory_that_nobody_told_of(void **state)
{
    const struct setup setup = { .tunables = modes[0],
                                 .no_ram = true,
                                 .machine = { .prefer_high = true } };
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 4 };
    struct scene s;
    uint8_t *buffer;

    (void)state;
    fixture_open(&s.f, &setup);
    s.tag = new_tag(&s.f, 0, &limits);
    s.map = new_map(s.tag);
    buffer = model_buffer_alloc(s.f.m, 2 * PAGE, MODEL_HIGH, 0);
    assert_int_equal(load(&s, buffer, 2 * PAGE), 0);
    expect_reach(LOW_4G, 2 * PAGE);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

static void test_no_pages_to_stand_in(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 32 };
    struct scene s;
    struct udmar_dma_map *other;
    uint8_t *buffer;
    uint64_t provided;

    (void)state;
    open_scene(&s, modes[0], &limits);
    buffer = model_buffer_alloc(s.f.m, 18 * PAGE, MODEL_HIGH | MODEL_SCATTERED, 0);
    /* The map has brought pages for one load of the tag's size; the other map gets none. */
    provided = zone_of(&s).total_pages;
    assert_int_equal(provided, 17);
    model_fail_host_calls_of(s.f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    other = new_map(s.tag);
    assert_int_equal(
        udmar_dmamap_load(s.tag, other, buffer + 8 * PAGE, 10 * PAGE, note_loaded, &result, 0), 0);
    assert_int_equal(load(&s, buffer, 8 * PAGE), UDMAR_ENOMEM);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, UDMAR_ENOMEM);
    assert_int_equal(zone_of(&s).free_pages, 7);
    assert_int_equal(zone_of(&s).active_pages, 10);
    /* On demand: one page is missing, and one is got. */
    model_fail_host_call(s.f.m, 0, false);
    assert_int_equal(load(&s, buffer, 8 * PAGE), 0);
    assert_int_equal(zone_of(&s).total_pages, 18);
    udmar_dmamap_unload(s.tag, s.map);
    udmar_dmamap_unload(s.tag, other);
    drop_map(s.tag, other);
    assert_int_equal(load(&s, buffer, 8 * PAGE), 0);
    assert_int_equal(load(&s, buffer, 8 * PAGE), UDMAR_EBUSY);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

static void test_too_many_segments(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 2 };
    struct scene s;
    uint8_t *buffer;
    size_t pages;

    (void)state;
    open_scene(&s, modes[0], &limits);
    buffer = model_buffer_alloc(s.f.m, 8 * PAGE, MODEL_LOW | MODEL_SCATTERED, 0);
    pages = model_pages_in_use(s.f.m);
    assert_int_equal(load(&s, buffer, 8 * PAGE), 0);
    assert_int_equal(result.error, UDMAR_EFBIG);
    assert_int_equal(result.count, 0);
    assert_int_equal(model_pages_in_use(s.f.m), pages);
    assert_int_equal(load(&s, buffer, 2 * PAGE), 0);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.count, 2);
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

static void test_cuts(void **state)
{
    const struct limits limits = { .boundary = KIB(8), .maxsegsz = 5000, .nsegments = 64 };
    struct scene s;
    uint8_t *buffer;

    (void)state;
    open_scene(&s, modes[0], &limits);
    buffer = model_buffer_alloc(s.f.m, KIB(64), 0, 0);
    assert_int_equal(load(&s, buffer + 100, KIB(64) - 100), 0);
    expect_reach(UINT64_MAX, KIB(64) - 100);
    for (int i = 0; i < result.count; i++) {
        uint64_t first = result.segment[i].ds_addr;

        assert_true(result.segment[i].ds_len <= 5000);
        assert_int_equal(first / KIB(8), (first + result.segment[i].ds_len - 1) / KIB(8));
    }
    udmar_dmamap_unload(s.tag, s.map);
    model_buffer_free(s.f.m, buffer);
    close_scene(&s);
}

/* Memory for the device is what it can reach, in one piece. */
static void test_dmamem_is_reachable_and_contiguous(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .maxsize = KIB(40), .alignment = KIB(16) };
    struct setup setup = { .tunables = modes[0], .machine = { .prefer_high = true } };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *memory;
    uint64_t address;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &limits);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, UDMAR_DMA_ZERO, &map), 0);
    address = load_one(tag, map, memory, KIB(40));
    assert_true(address + KIB(40) - 1 <= LOW_4G);
    assert_int_equal(address & (KIB(16) - 1), 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* A device that no unit governs: everything works as on a machine without one. */
static void test_device_without_a_unit(void **state)
{
    const struct limits limits = { .lowaddr = LOW_4G, .nsegments = 32 };
    struct udmar_device *device;
    struct udmar_device_info info;
    struct scene s;
    struct udmar_dma_tag *tag;

    (void)state;
    fixture_open(&s.f, NULL);
    model_add_function(s.f.m, 3, 0x0100, 0x8086, 0x10d3, 0x020000);
    assert_int_equal(udmar_device_attach(s.f.instance, 3, 0x0100, NULL, &device), UDMAR_OK);
    udmar_device_info(device, &info);
    assert_int_equal(info.mode, UDMAR_MODE_UNPROTECTED);
    assert_null(udmar_device_domain(device));
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(device), 1, 0, LOW_4G, UINT64_MAX,
                                          NULL, NULL, KIB(64), 32, UINT64_MAX, 0, NULL, NULL, &tag),
                     0);
    s.tag = tag;
    s.map = new_map(tag);
    (void)limits;
    {
        uint8_t *buffer = model_buffer_alloc(s.f.m, KIB(20), MODEL_HIGH, 100);
        uint8_t seen[300];

        fill_pattern(buffer, KIB(20), 5);
        assert_int_equal(load(&s, buffer, KIB(20)), 0);
        expect_reach(LOW_4G, KIB(20));
        udmar_dmamap_sync(s.tag, s.map, UDMAR_DMA_SYNC_PREWRITE);
        assert_int_equal(
            model_dma(s.f.m, 3, 0x0100, result.segment[0].ds_addr, seen, sizeof(seen), false),
            MODEL_BYPASSED);
        assert_memory_equal(seen, buffer, sizeof(seen));
        udmar_dmamap_unload(s.tag, s.map);
        model_buffer_free(s.f.m, buffer);
    }
    drop_map(s.tag, s.map);
    drop_tag(tag);
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    fixture_close(&s.f);
}

/* A segment for each page that a buffer of the largest size can have a part of. */
static void test_as_many_segments_as_pages(void **state)
{
    const struct setup setup = { .tunables = "hw.busdma.default=bounce" };

    (void)state;
    for (unsigned pages = 254; pages < 303; pages += 8) {
        const uint64_t size = pages * PAGE + 2;
        static struct loaded loaded;
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &(struct limits){ .maxsize = size, .nsegments = 4000 });
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, (size_t)size, MODEL_SCATTERED, PAGE - 1);
        assert_int_equal(udmar_dmamap_load(tag, map, buffer, size, note_loaded, &loaded, 0), 0);
        assert_int_equal(loaded.error, 0);
        assert_int_equal(loaded.count, pages + 2);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_segments_as_pages),
        cmocka_unit_test(test_reachable_buffers_are_not_copied),
        cmocka_unit_test(test_high_buffers_are_copied_both_ways),
        cmocka_unit_test(test_only_pages_out_of_reach_are_copied),
        cmocka_unit_test(test_reach_ends_at_the_byte),
        cmocka_unit_test(test_copies_are_counted),
        cmocka_unit_test(test_memory_that_nobody_told_of),
        cmocka_unit_test(test_no_pages_to_stand_in),
        cmocka_unit_test(test_too_many_segments),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_dmamem_is_reachable_and_contiguous),
        cmocka_unit_test(test_device_without_a_unit),
    };

    return cmocka_run_group_tests_name("bounce_load", tests, NULL, NULL);
}
