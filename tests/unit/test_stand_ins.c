/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that stand in, and the lists that say for what: odd pieces, zones at their limits, loads
 * that wait while their zone shrinks, and what is counted.
 */
#include <string.h>

#include "busdma/internal.h"
#include "support_space.h"

#define LOW_4G UINT64_C(0xffffffff)
#define BOUNCE "hw.busdma.default=bounce"
#define ASKED  "hw.busdma.pci0:0:2:0.subpage=1 hw.dmar.timeout=100000"

static struct loaded result;

/* What the callback of a load that has waited has got. */
struct late {
    struct machine *mc;
    unsigned calls;
    int error;
    bool runs; /* asks for more in its callback */
};

static void note_late(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct late *late = argument;

    (void)segments;
    (void)count;
    late->calls++;
    late->error = error;
    if (late->runs)
        udmar_dma_run_deferred(late->mc->instance);
}

static void lock(void *argument, enum udmar_dma_lock_op op)
{
    (void)argument;
    (void)op;
}

static void wake(void *argument)
{
    (*(unsigned *)argument)++;
}

static struct udmar_dma_tag *locked_tag(struct machine *mc, uint64_t lowaddr, uint64_t maxsize,
                                        int nsegments)
{
    struct udmar_dma_tag *tag = NULL;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(mc->device[0]), 1, 0, lowaddr,
                                          UINT64_MAX, NULL, NULL, maxsize, nsegments, UINT64_MAX, 0,
                                          lock, NULL, &tag),
                     0);
    return tag;
}

static void no_more_pages(struct machine *mc, bool none)
{
    model_fail_host_calls_of(mc->m, MODEL_CALL_PAGE_ALLOC, none ? 1 : 0, none);
}

static struct udmar_bounce_zone_info zone_of(struct machine *mc)
{
    struct udmar_bounce_zone_info zone = { 0 };

    assert_true(udmar_bounce_zone_info(mc->instance, 0, &zone));
    return zone;
}

static void drop(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    drop_map(tag, map);
    drop_tag(tag);
}

/* ---- Counts ---------------------------------------------------------------------------------- */

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
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *high, *low;
    uint64_t expected = 0;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, &(struct limits){ .lowaddr = LOW_4G, .nsegments = 8 });
    map = new_map(tag);
    high = model_buffer_alloc(mc.m, 3 * PAGE, MODEL_HIGH, 9);
    low = model_buffer_alloc(mc.m, PAGE, MODEL_LOW, 0);
    for (unsigned n = 0; n < 12; n++) {
        int flags = UDMAR_DMA_NOWAIT | (n < 6 ? 0 : UDMAR_DMA_NOWRITE);

        assert_int_equal(udmar_dmamap_load(tag, map, high, 3 * PAGE, note_loaded, &result, flags),
                         0);
        udmar_dmamap_sync(tag, map, rows[n % 6].op);
        expected += n < 6 ? rows[n % 6].copies : rows[n % 6].read_only_copies;
        assert_int_equal(zone_of(&mc).total_bounced, expected);
        udmar_dmamap_unload(tag, map);
    }
    /* What the device reaches itself is not copied. */
    assert_int_equal(udmar_dmamap_load(tag, map, low, PAGE, note_loaded, &result, 0), 0);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(zone_of(&mc).total_bounced, expected);
    model_buffer_free(mc.m, high);
    model_buffer_free(mc.m, low);
    drop(tag, map);
    machine_close(&mc);
}

static void test_zones_are_asked_after(void **state)
{
    struct udmar_bounce_zone_info zone;
    struct machine mc;

    (void)state;
    machine_open(&mc, NULL);
    assert_false(udmar_bounce_zone_info(NULL, 0, &zone));
    assert_false(udmar_bounce_zone_info(mc.instance, 0, NULL));
    assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
    machine_close(&mc);
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

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
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, &(struct limits){ .nsegments = 8 });
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
    machine_close(&mc);
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
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar_dma_segment segments[4];
    int count = 7;

    (void)state;
    machine_open(&mc, NULL);
    tag = new_tag(&mc, 0, &(struct limits){ .nsegments = 30 });
    map = new_map(tag);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (i < 5)
            assert_int_equal(load_pieces(tag, map, &bad[i], 1), UDMAR_EINVAL);
        else
            assert_int_not_equal(load_pieces(tag, map, &bad[i], 1), 0);
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
    assert_int_equal(load_pieces(tag, map, &good[4], 1), UDMAR_EINVAL);
    /* The list of pieces needs memory. */
    drop_map(tag, map);
    map = new_map(tag);
    model_fail_host_calls_of(mc.m, MODEL_CALL_ALLOC, 1, true);
    assert_int_equal(load_pieces(tag, map, good, 20), UDMAR_ENOMEM);
    model_fail_host_calls_of(mc.m, MODEL_CALL_ALLOC, 0, false);
    assert_int_equal(load_pieces(tag, map, good, 4), 0);
    udmar_dmamap_unload(tag, map);
    /* And the other form refuses what it cannot do without. */
    assert_int_equal(udmar_dmamap_load_each_sg(tag, map, NULL, NULL, segments, &count, 0),
                     UDMAR_EINVAL);
    assert_int_equal(count, 0);
    assert_int_equal(udmar_dmamap_load_each_sg(tag, map, next_piece, NULL, segments, NULL, 0),
                     UDMAR_EINVAL);
    drop(tag, map);
    machine_close(&mc);
}

/* Lengths whose sum is no number any more, and one that is just too much. */
static void test_sums_beyond_all_numbers(void **state)
{
    static struct udmar_dma_physical list[4200];
    const struct udmar_dma_piece endless = { .is_physical = true, .length = UINT64_C(1) << 53 };
    struct machine mc;
    struct udmar_dma_tag *tag, *all;
    struct udmar_dma_map *map;

    (void)state;
    machine_open(&mc, NULL);
    all = new_tag(&mc, 0, &(struct limits){ .maxsize = UINT64_MAX });
    map = new_map(all);
    assert_int_equal(load_pieces(all, map, &endless, 1), UDMAR_EINVAL);
    drop(all, map);
    tag = new_tag(&mc, 0, NULL);
    map = new_map(tag);
    for (unsigned i = 0; i < 4200; i++)
        list[i].length = UINT64_C(1) << 52;
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 4200, note_loaded, &result, 0),
                     UDMAR_EINVAL);
    /* 2^64 and a bit would look like the bit. */
    list[4096] = (struct udmar_dma_physical){ MIB(4), PAGE };
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 4097, note_loaded, &result, 0),
                     UDMAR_EINVAL);
    drop(tag, map);
    machine_close(&mc);
}

/* ---- Memory for a device --------------------------------------------------------------------- */

static void test_boundaries_of_dmamem(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct udmar_dma_tag *tag[12];
    struct udmar_dma_map *map[12];
    void *memory[12];
    struct machine mc;

    (void)state;
    machine_open(&mc, &setup);
    /* One behind the other: without the boundary some would lie across it. */
    for (unsigned n = 0; n < 12; n++) {
        const struct limits limits = { .boundary = KIB(16), .maxsize = 5000 + 800 * n };
        uint64_t first;

        tag[n] = new_tag(&mc, 0, &limits);
        assert_int_equal(udmar_dmamem_alloc(tag[n], &memory[n], 0, &map[n]), 0);
        first = load_one(tag[n], map[n], memory[n], limits.maxsize);
        assert_int_equal(first / KIB(16), (first + limits.maxsize - 1) / KIB(16));
    }
    for (unsigned n = 0; n < 12; n++) {
        udmar_dmamap_unload(tag[n], map[n]);
        udmar_dmamem_free(tag[n], memory[n], map[n]);
        drop_tag(tag[n]);
    }
    machine_close(&mc);
}

static void test_alignment_beyond_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map = NULL;
    void *memory = NULL;

    (void)state;
    machine_open(&mc, &setup);
    /* To cross no boundary it would have to be aligned to more than there are addresses. */
    tag = new_tag(&mc, 0,
                  &(struct limits){ .boundary = KIB(64), .maxsize = SIZE_MAX / 4 + 2 * PAGE });
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), UDMAR_ENOMEM);
    drop_tag(tag);
    machine_close(&mc);
}

/* A load of memory that comes with its map never waits, lock or not. */
static void test_dmamem_does_not_wait(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map, *other;
    struct late late = { .error = 0 };
    void *memory;
    uint8_t *buffer;

    (void)state;
    machine_open(&mc, &setup);
    tag = locked_tag(&mc, UINT64_MAX, KIB(64), 1);
    other = new_map(tag);
    buffer = model_buffer_alloc(mc.m, PAGE, 0, 1);
    (void)load_one(tag, other, buffer, 5);
    no_more_pages(&mc, true);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    late.error = udmar_dmamap_load(tag, map, memory, 100, note_loaded, &result, 0);
    assert_int_equal(late.error, 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    no_more_pages(&mc, false);
    udmar_dmamap_unload(tag, other);
    model_buffer_free(mc.m, buffer);
    drop(tag, other);
    machine_close(&mc);
}

/* Nor where other buffers of the same tag are looked at one by one. */
static void test_dmamem_under_a_limit(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *memory;

    (void)state;
    machine_open(&mc, &setup);
    tag = locked_tag(&mc, LOW_4G, KIB(16), 1);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    assert_true(load_one(tag, map, memory, KIB(16)) + KIB(16) - 1 <= LOW_4G);
    assert_int_equal(zone_of(&mc).active_pages, 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    drop_tag(tag);
    machine_close(&mc);
}

/* ---- Zones ----------------------------------------------------------------------------------- */

/* Maps of a device's own tag hold its zone themselves. */
static void test_zone_of_a_root_tag(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct machine mc;
    struct udmar_dma_tag *root;
    struct udmar_dma_map *map = NULL;
    struct udmar_bounce_zone_info zone;
    int error = UDMAR_ENOMEM;
    unsigned failures = 0;

    (void)state;
    machine_open(&mc, &setup);
    root = udmar_device_dma_tag(mc.device[0]);
    for (unsigned call = 1; error != 0; call++) {
        size_t bytes = model_bytes_in_use(mc.m);

        assert_true(call < 30);
        model_fail_host_call(mc.m, call, true);
        error = udmar_dmamap_create(root, 0, &map);
        model_fail_host_call(mc.m, 0, false);
        if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            assert_int_equal(model_bytes_in_use(mc.m), bytes);
            assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
            failures++;
        }
    }
    assert_true(failures >= 4);
    assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
    drop_map(root, map);
    assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
    machine_close(&mc);
}

/* Two ask for a zone that neither has found. */
struct intruder {
    struct machine *mc;
    struct udmar_dma_tag *tag;
    unsigned allocated, when;
};

static void make_tag_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ALLOC && ++intruder->allocated == intruder->when)
        intruder->tag = new_tag(intruder->mc, 0, &(struct limits){ .lowaddr = LOW_4G });
}

static void test_two_make_a_zone(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };

    (void)state;
    for (unsigned when = 1; when < 4; when++) {
        struct machine mc;
        struct intruder intruder = { .mc = &mc, .when = when };
        struct udmar_bounce_zone_info zone;
        struct udmar_dma_tag *tag;

        machine_open(&mc, &setup);
        model_set_hook(mc.m, make_tag_meanwhile, &intruder);
        tag = new_tag(&mc, 0, &(struct limits){ .lowaddr = LOW_4G });
        model_set_hook(mc.m, NULL, NULL);
        assert_true(intruder.tag != NULL || intruder.allocated < when);
        assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
        assert_false(udmar_bounce_zone_info(mc.instance, 1, &zone));
        drop_tag(tag);
        if (intruder.tag != NULL) {
            assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
            drop_tag(intruder.tag);
        }
        assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
        machine_close(&mc);
    }
}

static void test_domain_of_a_zone_without_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_bounce_zone_info zone;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, &(struct limits){ .lowaddr = LOW_4G });
    for (unsigned call = 1; call <= 2; call++) {
        model_fail_host_call(mc.m, call, true);
        assert_int_equal(udmar_dma_tag_set_domain(tag, 3), UDMAR_ENOMEM);
        model_fail_host_call(mc.m, 0, false);
        assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
        assert_int_equal(zone.domain, -1);
    }
    assert_int_equal(udmar_dma_tag_set_domain(tag, 3), 0);
    assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
    assert_int_equal(zone.domain, 3);
    drop_tag(tag);
    machine_close(&mc);
}

/* A zone ends at 32 MiB, and a load that needs more is refused before it takes anything. */
static void test_zones_have_an_end(void **state)
{
    const struct setup setup = { .tunables = BOUNCE,
                                 .machine = { .low_size = MIB(80), .high_size = MIB(48) } };
    const struct udmar_dma_physical most = { GIB(4) + MIB(16), MIB(33) };
    const struct udmar_dma_physical half = { GIB(4) + MIB(16), MIB(16) };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map[3];

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0,
                  &(struct limits){ .lowaddr = LOW_4G, .maxsize = MIB(40), .nsegments = 4096 });
    for (unsigned i = 0; i < 3; i++)
        map[i] = new_map(tag);
    assert_int_equal(
        udmar_dmamap_load_physical(tag, map[0], &most, 1, note_loaded, &result, UDMAR_DMA_NOWAIT),
        UDMAR_ENOMEM);
    assert_int_equal(zone_of(&mc).active_pages + zone_of(&mc).reserved_pages, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(udmar_dmamap_load_physical(tag, map[i], &half, 1, note_loaded, &result,
                                                    UDMAR_DMA_NOWAIT),
                         i < 2 ? 0 : UDMAR_ENOMEM);
    }
    assert_int_equal(zone_of(&mc).total_pages, 8192);
    assert_int_equal(zone_of(&mc).active_pages, 8192);
    for (unsigned i = 0; i < 3; i++) {
        if (i < 2)
            udmar_dmamap_unload(tag, map[i]);
        drop_map(tag, map[i]);
    }
    drop_tag(tag);
    machine_close(&mc);
}

/* Pages of an alignment that no allocator has: no map, rather than one that cannot load. */
static void test_alignment_beyond_pages(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map = NULL;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, &(struct limits){ .alignment = MIB(4) });
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), UDMAR_ENOMEM);
    assert_int_equal(zone_of(&mc).total_pages, 0);
    drop_tag(tag);
    machine_close(&mc);
}

/* Only a device that is translated can be kept from the rest of a page. */
static void test_subpage_without_translation(void **state)
{
    const struct setup setup = { .tunables = BOUNCE " hw.busdma.subpage=1" };
    struct udmar_bounce_zone_info zone;
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    size_t run = 1;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(mc.m, 100, 0, 8);
    assert_int_equal(load_one(tag, map, buffer, 100),
                     udmar_host_virtual_to_physical(mc.m, buffer, &run));
    assert_true(!udmar_bounce_zone_info(mc.instance, 0, &zone) || zone.active_pages == 0);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(mc.m, buffer);
    drop(tag, map);
    machine_close(&mc);
}

/* The same function number in another segment is somebody else. */
static void test_subpage_of_another_segment(void **state)
{
    const struct setup setup = {
        .tunables = "hw.busdma.pci1:0:2:0.subpage=1 hw.busdma.pci0:0:3:0.subpage=1"
    };
    struct udmar_bounce_zone_info zone;
    struct machine mc;
    struct udmar_dma_tag *tag;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, NULL);
    assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
    drop_tag(tag);
    tag = new_tag(&mc, 1, NULL); /* 00:03.0 */
    assert_true(udmar_bounce_zone_info(mc.instance, 0, &zone));
    drop_tag(tag);
    machine_close(&mc);
}

/* What lies above the hole that a device cannot reach is not copied. */
static void test_memory_above_the_hole(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    const struct udmar_dma_physical list[] = { { GIB(4) + MIB(17), PAGE },
                                               { GIB(4) + MIB(40), PAGE } };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(
        &mc, 0,
        &(struct limits){ .lowaddr = LOW_4G, .highaddr = GIB(4) + MIB(20) - 1, .nsegments = 4 });
    map = new_map(tag);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, list, 2, note_loaded, &result, 0), 0);
    assert_int_equal(result.count, 2);
    assert_true(result.segment[0].ds_addr <= LOW_4G);
    assert_int_equal(result.segment[1].ds_addr, list[1].address);
    assert_int_equal(zone_of(&mc).active_pages, 1);
    udmar_dmamap_unload(tag, map);
    drop(tag, map);
    machine_close(&mc);
}

/* A host that tells of no RAM: whatever the tag does not reach may be there. */
static void test_host_without_known_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE, .no_ram = true };
    struct udmar_bounce_zone_info zone;
    struct machine mc;
    struct udmar_dma_tag *tag, *all;
    struct udmar_dma_map *map;
    uint8_t *buffer;

    (void)state;
    machine_open(&mc, &setup);
    all = new_tag(&mc, 0, NULL);
    assert_false(udmar_bounce_zone_info(mc.instance, 0, &zone));
    tag = new_tag(&mc, 0, &(struct limits){ .lowaddr = LOW_4G });
    map = new_map(tag);
    buffer = model_buffer_alloc(mc.m, 100, MODEL_HIGH, 8);
    assert_true(load_one(tag, map, buffer, 100) <= LOW_4G);
    assert_int_equal(zone_of(&mc).active_pages, 1);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(mc.m, buffer);
    drop(tag, map);
    drop_tag(all);
    machine_close(&mc);
}

/* The lists of what stands for what need memory, too. */
static void test_stand_ins_without_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    int error = UDMAR_ENOMEM;
    unsigned failures = 0;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0,
                  &(struct limits){ .lowaddr = LOW_4G, .nsegments = 40, .maxsize = KIB(160) });
    map = new_map(tag);
    buffer = model_buffer_alloc(mc.m, KIB(160), MODEL_HIGH | MODEL_SCATTERED, 0);
    for (unsigned call = 1; error != 0; call++) {
        assert_true(call < 30);
        model_fail_host_calls_of(mc.m, MODEL_CALL_ALLOC, call, true);
        error =
            udmar_dmamap_load(tag, map, buffer, KIB(160), note_loaded, &result, UDMAR_DMA_NOWAIT);
        model_fail_host_calls_of(mc.m, MODEL_CALL_ALLOC, 0, false);
        if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            assert_int_equal(zone_of(&mc).free_pages, zone_of(&mc).total_pages);
            failures++;
        }
    }
    assert_true(failures >= 2); /* the room that one has got stays for the next */
    assert_int_equal(zone_of(&mc).active_pages, 40);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(mc.m, buffer);
    drop(tag, map);
    machine_close(&mc);
}

/* ---- A zone that shrinks under a load that waits ----------------------------------------------
 */

struct shrinking {
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *holder, *waiter;
    uint8_t *buffer;
    struct late late;
};

/* The holder's pages are lost with its map, and the waiter could never get as many. */
static void shrink(struct shrinking *s)
{
    const struct setup setup = { .tunables = ASKED };

    memset(s, 0, sizeof(*s));
    machine_open(&s->mc, &setup);
    s->late.mc = &s->mc;
    s->tag = locked_tag(&s->mc, UINT64_MAX, KIB(64), 1);
    s->holder = new_map(s->tag);
    s->buffer = model_buffer_alloc(s->mc.m, 4 * PAGE, 0, 8);
    no_more_pages(&s->mc, true);
    s->waiter = new_map(s->tag);
    /* The unit knows it from a DMA, so that its end matters. */
    assert_true(can_write(&s->mc, RID0, load_one(s->tag, s->holder, s->buffer, 2 * PAGE)));
    assert_int_equal(
        udmar_dmamap_load(s->tag, s->waiter, s->buffer, 3 * PAGE, note_late, &s->late, 0),
        UDMAR_EINPROGRESS);
}

static void lose_pages(struct shrinking *s)
{
    model_behaviour(s->mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(s->tag, s->holder);
    drop_map(s->tag, s->holder);
    assert_true(model_log_contains(s->mc.m, "2 bounce pages are given up"));
}

static void end_shrinking(struct shrinking *s)
{
    model_behaviour(s->mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(s->mc.u, 4096);
    no_more_pages(&s->mc, false);
    drop_map(s->tag, s->waiter);
    drop_tag(s->tag);
    model_buffer_free(s->mc.m, s->buffer);
    assert_true(machine_clean(&s->mc));
    s->mc.forgive = true; /* pages are lost on purpose */
    machine_close(&s->mc);
}

static void test_waiting_load_of_a_zone_that_shrinks(void **state)
{
    struct shrinking s;
    struct udmar_dma_counts counts;

    (void)state;
    shrink(&s);
    lose_pages(&s);
    /* Told at once, from within the call that lost the pages. */
    assert_int_equal(s.late.calls, 1);
    assert_int_equal(s.late.error, UDMAR_ENOMEM);
    udmar_dma_counts(s.mc.instance, &counts);
    assert_int_equal(counts.no_resources, 1);
    assert_int_equal(zone_of(&s.mc).reserved_pages, 0);
    end_shrinking(&s);
}

/* Called off after its turn had come, twice, and before anybody ran it. */
static void test_load_without_pages_is_called_off(void **state)
{
    struct shrinking s;
    struct udmar_dma_counts counts;
    unsigned wakes = 0;

    (void)state;
    shrink(&s);
    udmar_dma_on_deferred(s.mc.instance, wake, &wakes);
    lose_pages(&s);
    assert_int_equal(wakes, 1);
    assert_int_equal(s.late.calls, 0);
    udmar_dmamap_unload(s.tag, s.waiter);
    udmar_dmamap_unload(s.tag, s.waiter);
    udmar_dma_counts(s.mc.instance, &counts);
    assert_int_equal(counts.cancelled, 1);
    udmar_dma_run_deferred(s.mc.instance);
    assert_int_equal(s.late.calls, 0);
    udmar_dma_on_deferred(s.mc.instance, NULL, NULL);
    udmar_dma_on_deferred(NULL, wake, NULL);
    end_shrinking(&s);
}

/* The unit has not confirmed the last unload: no new load, in whatever form, takes its pages. */
static void test_each_load_waits_for_the_unit(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct machine mc;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar_dma_piece piece = { .length = 50 };
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    machine_open(&mc, &setup);
    tag = new_tag(&mc, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(mc.m, PAGE, 0, 8);
    piece.buffer = buffer;
    iova = load_one(tag, map, buffer, 50);
    assert_true(can_write(&mc, RID0, iova));
    model_behaviour(mc.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(tag, map);
    assert_int_equal(load_pieces(tag, map, &piece, 1), UDMAR_ENOMEM);
    assert_int_equal(zone_of(&mc).active_pages, 1);
    model_behaviour(mc.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(mc.u, 4096);
    assert_int_equal(load_pieces(tag, map, &piece, 1), 0);
    assert_true(device_stores(&mc, RID0, result.segment[0].ds_addr, buffer, 0, 1));
    udmar_dmamap_unload(tag, map);
    assert_int_equal(zone_of(&mc).active_pages, 0);
    model_buffer_free(mc.m, buffer);
    drop(tag, map);
    machine_close(&mc);
}

/* A load that fails when its turn has come hands its pages to the next in line. */
static void test_failed_load_serves_the_next(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct machine mc;
    struct udmar_dma_tag *tag, *narrow;
    struct udmar_dma_map *first, *fails, *next;
    struct late late[2];
    uint8_t *buffer;

    (void)state;
    machine_open(&mc, &setup);
    for (unsigned i = 0; i < 2; i++)
        late[i] = (struct late){ .mc = &mc, .runs = true };
    tag = locked_tag(&mc, LOW_4G, 3 * PAGE, 8);
    narrow = locked_tag(&mc, LOW_4G, 3 * PAGE, 1);
    buffer = model_buffer_alloc(mc.m, 3 * PAGE, MODEL_HIGH | MODEL_SCATTERED, 8);
    first = new_map(tag);
    no_more_pages(&mc, true);
    fails = new_map(narrow);
    next = new_map(tag);
    assert_int_equal(udmar_dmamap_load(tag, first, buffer, 3 * PAGE, note_loaded, &result, 0), 0);
    assert_int_equal(udmar_dmamap_load(narrow, fails, buffer, 3 * PAGE, note_late, &late[0], 0),
                     UDMAR_EINPROGRESS);
    assert_int_equal(udmar_dmamap_load(tag, next, buffer, 3 * PAGE, note_late, &late[1], 0),
                     UDMAR_EINPROGRESS);
    udmar_dmamap_unload(tag, first);
    assert_int_equal(late[0].calls, 1);
    assert_int_equal(late[0].error, UDMAR_EFBIG);
    assert_int_equal(late[1].calls, 1);
    assert_int_equal(late[1].error, 0);
    udmar_dmamap_unload(tag, next);
    no_more_pages(&mc, false);
    assert_int_equal(zone_of(&mc).free_pages, zone_of(&mc).total_pages);
    drop_map(tag, first);
    drop_map(tag, next);
    drop_tag(tag);
    drop(narrow, fails);
    model_buffer_free(mc.m, buffer);
    machine_close(&mc);
}

/* ---- Templates ------------------------------------------------------------------------------- */

static void test_clone_of_tags(void **state)
{
    struct udmar_dma_template template_;
    struct machine mc;
    struct udmar_dma_tag *root, *tag, *copy;

    (void)state;
    machine_open(&mc, NULL);
    root = udmar_device_dma_tag(mc.device[0]);
    tag = new_tag(&mc, 0, &(struct limits){ .nsegments = 5, .maxsize = 777 });
    udmar_dma_template_clone(&template_, tag);
    assert_ptr_equal(template_.parent, root);
    assert_int_equal(template_.nsegments, 5);
    assert_int_equal(template_.maxsize, 777);
    udmar_dma_template_clone(&template_, root);
    assert_ptr_equal(template_.parent, root);
    assert_int_equal(template_.nsegments, -1);
    assert_int_equal(udmar_dma_template_tag(&template_, &copy), 0);
    drop_tag(copy);
    drop_tag(tag);
    machine_close(&mc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_counted),
        cmocka_unit_test(test_zones_are_asked_after),
        cmocka_unit_test(test_pieces_join_in_memory),
        cmocka_unit_test(test_odd_pieces_of_a_function),
        cmocka_unit_test(test_sums_beyond_all_numbers),
        cmocka_unit_test(test_boundaries_of_dmamem),
        cmocka_unit_test(test_alignment_beyond_memory),
        cmocka_unit_test(test_dmamem_does_not_wait),
        cmocka_unit_test(test_zone_of_a_root_tag),
        cmocka_unit_test(test_two_make_a_zone),
        cmocka_unit_test(test_domain_of_a_zone_without_memory),
        cmocka_unit_test(test_zones_have_an_end),
        cmocka_unit_test(test_dmamem_under_a_limit),
        cmocka_unit_test(test_alignment_beyond_pages),
        cmocka_unit_test(test_subpage_without_translation),
        cmocka_unit_test(test_subpage_of_another_segment),
        cmocka_unit_test(test_memory_above_the_hole),
        cmocka_unit_test(test_host_without_known_memory),
        cmocka_unit_test(test_stand_ins_without_memory),
        cmocka_unit_test(test_waiting_load_of_a_zone_that_shrinks),
        cmocka_unit_test(test_load_without_pages_is_called_off),
        cmocka_unit_test(test_each_load_waits_for_the_unit),
        cmocka_unit_test(test_failed_load_serves_the_next),
        cmocka_unit_test(test_clone_of_tags),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stand_ins", tests, NULL, NULL);
}
