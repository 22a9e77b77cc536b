/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma(9) sentence by sentence: each row is one promise of the manual page in our words, and a
 * function that holds the library to it, with translation and without.
 */
#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/mbuf.h>

#include "fixture/fixture.h"

#define LOW_4G UINT64_C(0xffffffff)

static struct loaded result;

struct scene {
    struct fixture f;
    bool translates;
    struct udmar_dma_tag *root;
};

static int make_tag(struct udmar_dma_tag *parent, const struct limits *l, int flags,
                    bus_dma_lock_t *lock, struct udmar_dma_tag **out)
{
    return bus_dma_tag_create(
        parent, l->alignment, l->boundary, l->lowaddr == 0 ? UINT64_MAX : l->lowaddr,
        l->highaddr == 0 ? UINT64_MAX : l->highaddr, NULL, NULL,
        l->maxsize == 0 ? KIB(64) : l->maxsize, l->nsegments == 0 ? 64 : l->nsegments,
        l->maxsegsz == 0 ? UINT64_MAX : l->maxsegsz, flags, lock, NULL, out);
}

static int load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer, uint64_t length,
                int flags)
{
    result.calls = 0;
    result.error = -1;
    result.count = -1;
    return bus_dmamap_load(tag, map, buffer, length, note_loaded, &result, flags);
}

static bool reads(struct scene *s, uint64_t at, void *data, size_t size)
{
    enum model_result done = model_dma(s->f.m, 0, RID0, at, data, size, false);

    return done == MODEL_OK || done == MODEL_BYPASSED;
}

static bool writes(struct scene *s, uint64_t at, uint8_t byte)
{
    enum model_result done = model_dma(s->f.m, 0, RID0, at, &byte, 1, true);

    return done == MODEL_OK || done == MODEL_BYPASSED;
}

/* Loads @length bytes at @offset of a high, scattered buffer with a tag and looks at each segment.
 */
static void expect_segments(struct scene *s, struct udmar_dma_tag *tag, size_t offset,
                            uint64_t length, const struct limits *l)
{
    struct udmar_dma_map *map = new_map(tag);
    uint8_t *buffer =
        model_buffer_alloc(s->f.m, (size_t)length, MODEL_HIGH | MODEL_SCATTERED, offset);
    uint64_t sum = 0;

    assert_int_equal(load(tag, map, buffer, length, BUS_DMA_NOWAIT), 0);
    assert_int_equal(result.error, 0);
    for (int i = 0; i < result.count; i++) {
        uint64_t first = result.segment[i].ds_addr, last = first + result.segment[i].ds_len - 1;

        if (l->alignment != 0 && i == 0)
            assert_int_equal(first % l->alignment, 0);
        if (l->boundary != 0)
            assert_int_equal(first / l->boundary, last / l->boundary);
        if (l->maxsegsz != 0)
            assert_true(last - first < l->maxsegsz);
        if (l->lowaddr != 0)
            assert_true(last <= l->lowaddr ||
                        first > (l->highaddr == 0 ? UINT64_MAX : l->highaddr));
        sum += result.segment[i].ds_len;
    }
    assert_int_equal(sum, length);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    model_buffer_free(s->f.m, buffer);
}

static void expect_obeyed(struct scene *s, struct limits l, size_t offset, uint64_t length)
{
    struct udmar_dma_tag *tag;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    expect_segments(s, tag, offset, length, &l);
    drop_tag(tag);
}

/* ---- Tags ------------------------------------------------------------------------------------ */

static void alignment_is_a_power_of_two(struct scene *s)
{
    expect_obeyed(s, (struct limits){ .alignment = 16 }, 8, 9000);
    expect_obeyed(s, (struct limits){ .alignment = KIB(16) }, 0, 9000);
}

static void boundary_is_a_power_of_two(struct scene *s)
{
    expect_obeyed(s, (struct limits){ .boundary = KIB(24) }, 100, 9000);
    expect_obeyed(s, (struct limits){ .boundary = KIB(8) }, 100, 60000);
}

static void boundary_lowers_maxsegsz(struct scene *s)
{
    struct limits l = { .boundary = 2048, .maxsegsz = KIB(64) };
    bus_dma_template_t t;
    struct udmar_dma_tag *tag;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    bus_dma_template_clone(&t, tag);
    assert_int_equal(t.maxsegsize, 2048);
    drop_tag(tag);
}

static void window_is_avoided(struct scene *s)
{
    expect_obeyed(s, (struct limits){ .lowaddr = LOW_4G }, 0, 60000);
    /* Both ends are rounded to the end of their page. */
    {
        struct limits l = { .lowaddr = 0x10001, .highaddr = 0x1fff000 };
        bus_dma_template_t t;
        struct udmar_dma_tag *tag;

        assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
        bus_dma_template_clone(&t, tag);
        assert_int_equal(t.lowaddr, 0x10fff);
        assert_int_equal(t.highaddr, 0x1ffffff);
        drop_tag(tag);
    }
}

static void maxsize_is_the_largest_load(struct scene *s)
{
    struct limits l = { .maxsize = 5000 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 6000, 0, 0);

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, 5001, 0), 0);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer, 5000, 0), 0);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void maxsegsz_is_the_largest_segment(struct scene *s)
{
    struct udmar_dma_tag *tag;

    expect_obeyed(s, (struct limits){ .maxsegsz = 1536 }, 10, 30000);
    assert_int_equal(bus_dma_tag_create(s->root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, 1, 1, 0,
                                        0, NULL, NULL, &tag),
                     UDMAR_EINVAL);
}

static void nsegments_is_the_most(struct scene *s)
{
    struct limits l = { .maxsegsz = PAGE, .nsegments = 3 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 4 * PAGE, MODEL_SCATTERED, 0);

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, 3 * PAGE, 0), 0);
    assert_int_equal(result.count, 3);
    bus_dmamap_unload(tag, map);
    assert_int_equal(load(tag, map, buffer, 4 * PAGE, 0), 0);
    assert_int_equal(result.error, UDMAR_EFBIG);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void children_only_tighten(struct scene *s)
{
    struct limits tight = { .alignment = 64, .boundary = KIB(4), .lowaddr = LOW_4G };
    struct limits lax = { .alignment = 1 };
    struct udmar_dma_tag *parent, *child;

    assert_int_equal(make_tag(s->root, &tight, 0, NULL, &parent), 0);
    assert_int_equal(make_tag(parent, &lax, 0, NULL, &child), 0);
    expect_segments(s, child, 8, 20000, &tight);
    assert_int_equal(bus_dma_id_mapped(child, MIB(2), PAGE),
                     bus_dma_id_mapped(parent, MIB(2), PAGE));
    drop_tag(child);
    drop_tag(parent);
}

/* A driver may destroy its tags in any order: EBUSY is for maps alone. */
static void parents_may_be_destroyed_first(struct scene *s)
{
    const struct limits l = { .alignment = 64, .lowaddr = LOW_4G };
    struct udmar_dma_tag *parent, *child, *grandchild;

    assert_int_equal(make_tag(s->root, &l, BUS_DMA_ALLOCNOW, NULL, &parent), 0);
    assert_int_equal(make_tag(parent, &l, 0, NULL, &child), 0);
    assert_int_equal(make_tag(child, &l, 0, NULL, &grandchild), 0);
    assert_int_equal(bus_dma_tag_destroy(parent), 0);
    assert_int_equal(bus_dma_tag_destroy(parent), UDMAR_EINVAL);
    expect_segments(s, child, 8, 20000, &l);
    assert_int_equal(bus_dma_tag_destroy(child), 0);
    expect_segments(s, grandchild, 8, 20000, &l);
    assert_int_equal(udmar_device_detach(s->f.device[0]), UDMAR_ERR_BUSY);
    assert_int_equal(bus_dma_tag_destroy(grandchild), 0);
}

static int filter(void *argument, bus_addr_t address)
{
    (void)argument;
    (void)address;
    return 0;
}

static void filters_and_null_parents_are_refused(struct scene *s)
{
    struct udmar_dma_tag *tag;

    assert_int_equal(bus_dma_tag_create(s->root, 1, 0, UINT64_MAX, UINT64_MAX, filter, NULL, 1, 1,
                                        1, 0, NULL, NULL, &tag),
                     UDMAR_EINVAL);
    assert_int_equal(bus_dma_tag_create(NULL, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, 1, 1, 1, 0,
                                        NULL, NULL, &tag),
                     UDMAR_EINVAL);
}

static void no_memory_for_tags_and_maps(struct scene *s)
{
    const struct limits l = { .alignment = 64, .lowaddr = LOW_4G, .maxsize = KIB(20) };
    struct udmar_dma_tag *tag = NULL;
    struct udmar_dma_map *map = NULL;

    for (unsigned n = 1; tag == NULL; n++) {
        size_t bytes = model_bytes_in_use(s->f.m), pages = model_pages_in_use(s->f.m);

        model_fail_host_call(s->f.m, n, false);
        if (make_tag(s->root, &l, BUS_DMA_ALLOCNOW, NULL, &tag) != 0) {
            assert_null(tag);
            assert_int_equal(model_bytes_in_use(s->f.m), bytes);
            assert_int_equal(model_pages_in_use(s->f.m), pages);
        }
        model_fail_host_call(s->f.m, 0, false);
    }
    for (unsigned n = 1; map == NULL; n++) {
        int error;

        model_fail_host_call(s->f.m, n, false);
        error = bus_dmamap_create(tag, 0, &map);
        model_fail_host_call(s->f.m, 0, false);
        assert_true(error == 0 || error == UDMAR_ENOMEM);
        assert_int_equal(error == 0, map != NULL);
    }
    drop_map(tag, map);
    drop_tag(tag);
}

static void allocnow_gets_pages_at_once(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G, .maxsize = KIB(20) };
    struct udmar_bounce_zone_info zone;
    struct udmar_dma_tag *tag;

    assert_int_equal(make_tag(s->root, &l, BUS_DMA_ALLOCNOW, NULL, &tag), 0);
    if (s->translates) {
        /* Nothing will ever be bounced. */
        assert_false(udmar_bounce_zone_info(s->f.instance, 0, &zone));
    } else {
        assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
        struct udmar_dma_tag *twin;

        assert_int_equal(zone.free_pages, 6);
        assert_int_equal(zone.lowaddr, LOW_4G);
        /* One maxsize in all, however many tags; and in the domain that is wanted. */
        assert_int_equal(make_tag(s->root, &l, BUS_DMA_ALLOCNOW, NULL, &twin), 0);
        assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
        assert_int_equal(zone.total_pages, 6);
        drop_tag(twin);
        model_fail_host_calls_of(s->f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        assert_int_equal(bus_dma_tag_set_domain(tag, 2), UDMAR_ENOMEM);
        model_fail_host_call(s->f.m, 0, false);
        assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
        assert_int_equal(zone.numa_node, -1);
        assert_int_equal(bus_dma_tag_set_domain(tag, 2), 0);
        assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
        assert_int_equal(zone.numa_node, 2);
        assert_int_equal(zone.free_pages, 6);
    }
    drop_tag(tag);
    assert_false(udmar_bounce_zone_info(s->f.instance, 0, &zone));
}

static void tags_with_the_same_needs_share_a_zone(struct scene *s)
{
    static const struct {
        uint64_t lowaddr, alignment;
        int domain;
    } needs[] = {
        { LOW_4G, 1, -1 }, { LOW_4G, 64, -1 },      { 0xffffff, 1, -1 },
        { LOW_4G, 1, 1 },  { LOW_4G, KIB(16), -1 }, { LOW_4G, KIB(4), -1 },
    };
    struct udmar_bounce_zone_info zone;
    struct udmar_dma_tag *tag[6];
    unsigned zones = 0;

    for (unsigned i = 0; i < 6; i++) {
        const struct limits l = { .lowaddr = needs[i].lowaddr, .alignment = needs[i].alignment };

        assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag[i]), 0);
        assert_int_equal(bus_dma_tag_set_domain(tag[i], needs[i].domain), 0);
    }
    while (udmar_bounce_zone_info(s->f.instance, zones, &zone))
        zones++;
    /* With translation only what is not aligned can be bounced, into pages from anywhere. */
    assert_int_equal(zones, s->translates ? 1 : 4);
    for (unsigned i = 0; i < 6; i++)
        drop_tag(tag[i]);
}

static void domain_is_told_to_the_host(struct scene *s)
{
    const struct limits l = { .alignment = 64, .lowaddr = LOW_4G };
    struct udmar_dma_tag *tag, *child;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, PAGE, MODEL_HIGH, 8);

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    assert_int_equal(bus_dma_tag_set_domain(tag, 3), 0);
    assert_int_equal(bus_dma_tag_set_domain(tag, -2), UDMAR_EINVAL);
    assert_int_equal(make_tag(tag, &l, 0, NULL, &child), 0);
    assert_int_equal(bus_dma_tag_set_domain(tag, 2), UDMAR_EBUSY);
    map = new_map(child);
    assert_int_equal(load(child, map, buffer, 100, 0), 0);
    assert_int_equal(model_near_domain(s->f.m), 3);
    bus_dmamap_unload(child, map);
    drop_map(child, map);
    drop_tag(child);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

/* ---- The end of things ----------------------------------------------------------------------- */

static void in_use_is_busy(struct scene *s)
{
    const struct limits none = { 0 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, PAGE, 0, 0);

    assert_int_equal(make_tag(s->root, &none, 0, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(bus_dma_tag_destroy(tag), UDMAR_EBUSY);
    assert_int_equal(load(tag, map, buffer, 100, 0), 0);
    assert_int_equal(bus_dmamap_destroy(tag, map), UDMAR_EBUSY);
    bus_dmamap_unload(tag, map);
    assert_int_equal(bus_dmamap_destroy(tag, map), 0);
    assert_int_equal(bus_dma_tag_destroy(tag), 0);
    model_buffer_free(s->f.m, buffer);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void dmamem_is_one_zeroed_segment(struct scene *s)
{
    static const int flags[] = { BUS_DMA_WAITOK, BUS_DMA_NOWAIT | BUS_DMA_ZERO,
                                 BUS_DMA_COHERENT | BUS_DMA_NOCACHE };
    const struct limits l = {
        .alignment = 128, .lowaddr = LOW_4G, .maxsize = 10000, .nsegments = 1
    };
    struct udmar_dma_tag *tag;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct udmar_dma_map *map;
        void *memory;
        uint64_t bus;

        assert_int_equal(bus_dmamem_alloc(tag, &memory, flags[i], &map), 0);
        assert_int_equal(model_dmamem_uncached(s->f.m), (flags[i] & BUS_DMA_NOCACHE) != 0);
        for (unsigned k = 0; k < 10000; k++)
            assert_int_equal(((uint8_t *)memory)[k], 0);
        bus = load_one(tag, map, memory, 10000);
        assert_int_equal(bus % 128, 0);
        assert_true(bus + 10000 - 1 <= LOW_4G);
        /* Both see it without any sync that would copy. */
        ((uint8_t *)memory)[77] = 5;
        assert_true(writes(s, bus + 78, 6));
        assert_int_equal(((uint8_t *)memory)[78], 6);
        bus_dmamap_unload(tag, map);
        bus_dmamem_free(tag, memory, map);
    }
    drop_tag(tag);
}

static void dmamem_without_memory(struct scene *s)
{
    const struct limits l = { .maxsize = 10000 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *memory;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    model_fail_host_calls_of(s->f.m, MODEL_CALL_DMAMEM_ALLOC, 1, false);
    assert_int_equal(bus_dmamem_alloc(tag, &memory, BUS_DMA_NOWAIT, &map), UDMAR_ENOMEM);
    model_fail_host_call(s->f.m, 0, false);
    drop_tag(tag);
}

/* ---- Loads ----------------------------------------------------------------------------------- */

static void callback_has_run_when_load_returns(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, KIB(8), MODEL_HIGH, 0);

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, KIB(8), BUS_DMA_WAITOK), 0);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, 0);
    bus_dmamap_unload(tag, map);
    /* Also with an argument that is wrong, and when nothing is to be had. */
    assert_int_equal(load(tag, map, buffer, 0, 0), 0);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, UDMAR_EINVAL);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void efbig_is_for_the_callback_and_undone(struct scene *s)
{
    const struct limits l = { .maxsegsz = 64, .nsegments = 2, .lowaddr = LOW_4G };
    struct udmar_bounce_zone_info zone;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, KIB(8), MODEL_HIGH, 0);
    uint64_t bus;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, 100, 0), 0);
    bus = result.segment[0].ds_addr;
    bus_dmamap_unload(tag, map);
    assert_int_equal(load(tag, map, buffer, KIB(8), 0), 0);
    assert_int_equal(result.error, UDMAR_EFBIG);
    assert_int_equal(result.count, 0);
    if (s->translates) {
        assert_false(can_read(&s->f, RID0, bus));
    } else {
        assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
        assert_int_equal(zone.free_pages, zone.total_pages);
    }
    /* Nothing is loaded. */
    assert_int_equal(bus_dmamap_destroy(tag, map), 0);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static unsigned locks;

static void count_locks(void *argument, bus_dma_lock_op_t op)
{
    (void)argument;
    locks += op == BUS_DMA_LOCK ? 1 : 0x100;
}

/* @wait: 0: may wait, and does; else the flags or the missing lock that forbid it. */
static void shortage(struct scene *s, int flags, bus_dma_lock_t *lock, int expected)
{
    const struct limits l = { .lowaddr = LOW_4G, .maxsize = PAGE };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *holder, *map;
    static struct loaded other;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 4 * PAGE, MODEL_HIGH, 8);

    if (s->translates) {
        model_buffer_free(s->f.m, buffer);
        return; /* nothing runs short */
    }
    assert_int_equal(make_tag(s->root, &l, 0, lock, &tag), 0);
    holder = new_map(tag);
    model_fail_host_calls_of(s->f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    map = new_map(tag);
    assert_int_equal(
        bus_dmamap_load(tag, holder, buffer, PAGE, note_loaded, &other, BUS_DMA_NOWAIT), 0);
    locks = 0;
    assert_int_equal(load(tag, map, buffer + 2 * PAGE, 16, flags), expected);
    assert_int_equal(result.calls, expected == UDMAR_ENOMEM);
    if (expected == UDMAR_ENOMEM)
        assert_int_equal(result.error, UDMAR_ENOMEM);
    bus_dmamap_unload(tag, holder);
    assert_int_equal(result.calls, 1);
    assert_int_equal(locks, expected == UDMAR_EINPROGRESS ? 0x101 : 0);
    if (expected == UDMAR_EINPROGRESS)
        bus_dmamap_unload(tag, map);
    model_fail_host_call(s->f.m, 0, false);
    drop_map(tag, holder);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void shortage_defers_under_the_lock(struct scene *s)
{
    shortage(s, BUS_DMA_WAITOK, count_locks, UDMAR_EINPROGRESS);
}

static void nowait_never_defers(struct scene *s)
{
    shortage(s, BUS_DMA_NOWAIT, count_locks, UDMAR_ENOMEM);
}

static void without_lock_nothing_defers(struct scene *s)
{
    shortage(s, BUS_DMA_WAITOK, NULL, UDMAR_ENOMEM);
}

static void mbufs_never_defer(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G, .maxsize = PAGE };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *holder, *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 4 * PAGE, MODEL_HIGH, 8);
    struct mbuf m = { .m_data = (char *)buffer, .m_len = 100 };
    bus_dma_segment_t segs[64];
    int nsegs = 9;

    if (!s->translates) {
        assert_int_equal(make_tag(s->root, &l, 0, count_locks, &tag), 0);
        holder = new_map(tag);
        model_fail_host_calls_of(s->f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        map = new_map(tag);
        assert_int_equal(load(tag, holder, buffer, PAGE, 0), 0);
        assert_int_equal(bus_dmamap_load_mbuf_sg(tag, map, &m, segs, &nsegs, BUS_DMA_WAITOK),
                         UDMAR_ENOMEM);
        assert_int_equal(nsegs, 0);
        bus_dmamap_unload(tag, holder);
        model_fail_host_call(s->f.m, 0, false);
        drop_map(tag, holder);
        drop_map(tag, map);
        drop_tag(tag);
    }
    model_buffer_free(s->f.m, buffer);
}

/* ---- Sync ------------------------------------------------------------------------------------ */

static void sync_moves_what_must_be_moved(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 100, MODEL_HIGH, 0);
    uint8_t byte;
    uint64_t bus;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    buffer[0] = 1;
    bus = load_one(tag, map, buffer, 100);
    bus_dmamap_sync(tag, map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    assert_true(reads(s, bus, &byte, 1));
    assert_int_equal(byte, 1);
    assert_true(writes(s, bus, 2));
    bus_dmamap_sync(tag, map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    assert_int_equal(buffer[0], 2);
    /* Unload does no sync: what was not taken over is lost where it was bounced. */
    assert_true(writes(s, bus, 3));
    bus_dmamap_unload(tag, map);
    assert_int_equal(buffer[0], s->translates ? 3 : 2);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void nowrite_is_read_only(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 100, MODEL_HIGH, 0);

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    map = new_map(tag);
    memset(buffer, 9, 100);
    assert_int_equal(load(tag, map, buffer, 100, BUS_DMA_NOWRITE), 0);
    bus_dmamap_sync(tag, map, BUS_DMASYNC_PREWRITE);
    if (s->translates)
        assert_false(can_write(&s->f, RID0, result.segment[0].ds_addr));
    else
        assert_true(writes(s, result.segment[0].ds_addr, 1));
    bus_dmamap_sync(tag, map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    assert_int_equal(buffer[0], 9);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void keep_pg_offset_keeps_it(struct scene *s)
{
    const struct limits plain = { .lowaddr = LOW_4G };
    const struct limits aligned = { .lowaddr = LOW_4G, .alignment = 64 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer = model_buffer_alloc(s->f.m, 5000, MODEL_HIGH | MODEL_SCATTERED, 1000);

    assert_int_equal(make_tag(s->root, &plain, BUS_DMA_KEEP_PG_OFFSET, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, 5000, 0), 0);
    assert_int_equal(result.segment[0].ds_addr % PAGE, 1000);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    /* Offset and alignment at once cannot be had. */
    assert_int_equal(make_tag(s->root, &aligned, BUS_DMA_KEEP_PG_OFFSET, NULL, &tag), 0);
    map = new_map(tag);
    assert_int_equal(load(tag, map, buffer, 5000, 0), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    assert_int_equal(load(tag, map, buffer + 24, 4000, 0), 0); /* 1024 */
    assert_int_equal(result.segment[0].ds_addr % PAGE, 1024);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, buffer);
}

static void id_mapped_tells_who_sees_physical_addresses(struct scene *s)
{
    const struct limits l = { .lowaddr = LOW_4G, .alignment = 64 };
    struct udmar_dma_tag *tag;

    assert_int_equal(make_tag(s->root, &l, 0, NULL, &tag), 0);
    assert_int_equal(bus_dma_id_mapped(tag, MIB(2), PAGE), !s->translates);
    assert_false(bus_dma_id_mapped(tag, MIB(2) + 8, PAGE));
    assert_false(bus_dma_id_mapped(tag, GIB(4) - 1, 2));
    assert_false(bus_dma_id_mapped(tag, GIB(5), PAGE));
    assert_false(bus_dma_id_mapped(tag, UINT64_MAX - 63, PAGE));
    assert_false(bus_dma_id_mapped(tag, MIB(2), 0));
    drop_tag(tag);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    void (*hold)(struct scene *s);
} rules[] = {
    { "the alignment is a power of two and each mapping has it", alignment_is_a_power_of_two },
    { "the boundary is 0 or a power of two and no segment crosses it", boundary_is_a_power_of_two },
    { "a boundary below maxsegsz lowers it", boundary_lowers_maxsegsz },
    { "addresses above lowaddr and up to highaddr are not used", window_is_avoided },
    { "maxsize is the largest load", maxsize_is_the_largest_load },
    { "maxsegsz is the largest segment and not 0", maxsegsz_is_the_largest_segment },
    { "nsegments is the most", nsegments_is_the_most },
    { "children only tighten and have the parent's back end", children_only_tighten },
    { "tags are destroyed in any order", parents_may_be_destroyed_first },
    { "filters and null parents are refused", filters_and_null_parents_are_refused },
    { "ENOMEM for tags and maps, and nothing is lost", no_memory_for_tags_and_maps },
    { "ALLOCNOW gets bounce pages at once", allocnow_gets_pages_at_once },
    { "tags with the same needs share a zone", tags_with_the_same_needs_share_a_zone },
    { "the domain is told to the host", domain_is_told_to_the_host },
    { "EBUSY for a tag with maps and for a loaded map", in_use_is_busy },
    { "dmamem is one zeroed segment", dmamem_is_one_zeroed_segment },
    { "dmamem: ENOMEM", dmamem_without_memory },
    { "the callback has run when load returns", callback_has_run_when_load_returns },
    { "EFBIG is the callback's alone, and all is undone", efbig_is_for_the_callback_and_undone },
    { "a shortage defers, and the callback runs under the lock", shortage_defers_under_the_lock },
    { "NOWAIT: ENOMEM instead", nowait_never_defers },
    { "no lock function: ENOMEM instead", without_lock_nothing_defers },
    { "mbufs are never deferred", mbufs_never_defer },
    { "sync moves what must be moved, unload moves nothing", sync_moves_what_must_be_moved },
    { "NOWRITE is read-only", nowrite_is_read_only },
    { "KEEP_PG_OFFSET keeps the offset", keep_pg_offset_keeps_it },
    { "id_mapped tells who sees physical addresses", id_mapped_tells_who_sees_physical_addresses },
};

static void hold_all(const char *tunables, bool translates)
{
    const struct setup setup = { .tunables = tunables };

    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct scene s = { .translates = translates };

        fixture_open(&s.f, &setup);
        s.root = udmar_device_dma_tag(s.f.device[0]);
        print_message("# %s\n", rules[i].sentence);
        rules[i].hold(&s);
        fixture_close(&s.f);
    }
}

static void test_with_translation(void **state)
{
    (void)state;
    hold_all("", true);
}

static void test_without_translation(void **state)
{
    (void)state;
    hold_all("hw.busdma.default=bounce", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_translation),
        cmocka_unit_test(test_without_translation),
    };

    return cmocka_run_group_tests_name("manual_page", tests, NULL, NULL);
}
