/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones of bounce pages: who has one, where they end, and loads that wait while their zone shrinks.
 */
#include <string.h>

#include "fixture/bounce.h"

static struct loaded result;

/* What the callback of a load that has waited has got. */
struct late {
    struct fixture *f;
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
        udmar_dma_run_waiting(late->f->instance);
}

static void wake(void *argument)
{
    (*(unsigned *)argument)++;
}

static void test_zones_are_asked_after(void **state)
{
    struct udmar_bounce_zone_info zone;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_false(udmar_bounce_zone_info(NULL, 0, &zone));
    assert_false(udmar_bounce_zone_info(f.instance, 0, NULL));
    assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
    fixture_close(&f);
}

/* Maps of a device's own tag hold its zone themselves. */
static void test_zone_of_a_root_tag(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct fixture f;
    struct udmar_dma_tag *root;
    struct udmar_dma_map *map = NULL;
    struct udmar_bounce_zone_info zone;
    int error = UDMAR_ENOMEM;
    unsigned failures = 0;

    (void)state;
    fixture_open(&f, &setup);
    root = udmar_device_dma_tag(f.device[0]);
    for (unsigned call = 1; error != 0; call++) {
        size_t bytes = model_bytes_in_use(f.m);

        assert_true(call < 30);
        model_fail_host_call(f.m, call, true);
        error = udmar_dmamap_create(root, 0, &map);
        model_fail_host_call(f.m, 0, false);
        if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            assert_int_equal(model_bytes_in_use(f.m), bytes);
            assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
            failures++;
        }
    }
    assert_true(failures >= 4);
    assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
    drop_map(root, map);
    assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
    fixture_close(&f);
}

/* Two ask for a zone that neither has found. */
struct intruder {
    struct fixture *f;
    struct udmar_dma_tag *tag;
    unsigned allocated, when;
};

static void make_tag_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct intruder *intruder = context;

    (void)m;
    if (event == MODEL_EVENT_ALLOC && ++intruder->allocated == intruder->when)
        intruder->tag = new_tag(intruder->f, 0, &(struct limits){ .lowaddr = LOW_4G });
}

static void test_two_make_a_zone(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };

    (void)state;
    for (unsigned when = 1; when < 4; when++) {
        struct fixture f;
        struct intruder intruder = { .f = &f, .when = when };
        struct udmar_bounce_zone_info zone;
        struct udmar_dma_tag *tag;

        fixture_open(&f, &setup);
        model_set_hook(f.m, make_tag_meanwhile, &intruder);
        tag = new_tag(&f, 0, &(struct limits){ .lowaddr = LOW_4G });
        model_set_hook(f.m, NULL, NULL);
        assert_true(intruder.tag != NULL || intruder.allocated < when);
        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_false(udmar_bounce_zone_info(f.instance, 1, &zone));
        drop_tag(tag);
        if (intruder.tag != NULL) {
            assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
            drop_tag(intruder.tag);
        }
        assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
        fixture_close(&f);
    }
}

static void test_domain_of_a_zone_without_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_bounce_zone_info zone;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &(struct limits){ .lowaddr = LOW_4G });
    for (unsigned call = 1; call <= 2; call++) {
        model_fail_host_call(f.m, call, true);
        assert_int_equal(udmar_dma_tag_set_numa_node(tag, 3), UDMAR_ENOMEM);
        model_fail_host_call(f.m, 0, false);
        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_int_equal(zone.numa_node, -1);
    }
    assert_int_equal(udmar_dma_tag_set_numa_node(tag, 3), 0);
    assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
    assert_int_equal(zone.numa_node, 3);
    drop_tag(tag);
    fixture_close(&f);
}

/* Which NUMA nodes there can be, and whose pages a child of the tag gets. */
static void test_domains_and_children(void **state)
{
    static const struct {
        int domain, error;
    } rows[] = {
        { -1, 0 }, { 0, 0 }, { 1, 0 }, { 1023, 0 }, { -2, UDMAR_EINVAL }, { 1024, UDMAR_EINVAL }
    };
    const struct setup setup = { .tunables = BOUNCE };
    struct udmar_dma_tag *parent, *child;
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    int last = -1;

    (void)state;
    fixture_open(&f, &setup);
    parent = new_tag(&f, 0, NULL);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(udmar_dma_tag_set_numa_node(parent, rows[i].domain), rows[i].error);
        last = rows[i].error == 0 ? rows[i].domain : last;
        assert_int_equal(udmar_dma_tag_create(parent, 1, 0, LOW_4G, UINT64_MAX, NULL, NULL, PAGE, 1,
                                              PAGE, UDMAR_DMA_ALLOCNOW, NULL, NULL, &child),
                         0);
        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_int_equal(zone.numa_node, last);
        assert_int_equal(model_near_domain(f.m), last);
        drop_tag(child);
    }
    drop_tag(parent);
    fixture_close(&f);
}

/* A zone ends at 32 MiB, and a load that needs more is refused before it takes anything. */
static void test_zones_have_an_end(void **state)
{
    const struct setup setup = { .tunables = BOUNCE,
                                 .machine = { .low_size = MIB(80), .high_size = MIB(48) } };
    const struct udmar_dma_physical most = { GIB(4) + MIB(16), MIB(33) };
    const struct udmar_dma_physical half = { GIB(4) + MIB(16), MIB(16) };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map[3];

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0,
                  &(struct limits){ .lowaddr = LOW_4G, .maxsize = MIB(40), .nsegments = 4096 });
    for (unsigned i = 0; i < 3; i++)
        map[i] = new_map(tag);
    assert_int_equal(
        udmar_dmamap_load_physical(tag, map[0], &most, 1, note_loaded, &result, UDMAR_DMA_NOWAIT),
        UDMAR_ENOMEM);
    assert_int_equal(zone_of(&f).active_pages + zone_of(&f).reserved_pages, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(udmar_dmamap_load_physical(tag, map[i], &half, 1, note_loaded, &result,
                                                    UDMAR_DMA_NOWAIT),
                         i < 2 ? 0 : UDMAR_ENOMEM);
    }
    assert_int_equal(zone_of(&f).total_pages, 8192);
    assert_int_equal(zone_of(&f).active_pages, 8192);
    for (unsigned i = 0; i < 3; i++) {
        if (i < 2)
            udmar_dmamap_unload(tag, map[i]);
        drop_map(tag, map[i]);
    }
    drop_tag(tag);
    fixture_close(&f);
}

/* 8192 pages are what a zone has, and more pieces than a list: one page more is another error. */
static void test_as_many_pages_as_a_zone_has(void **state)
{
    static const struct {
        uint64_t bytes;
        int error;
    } rows[] = {
        { MIB(16), 0 },
        { MIB(32) - PAGE, UDMAR_EFBIG },
        { MIB(32), UDMAR_EFBIG },
        { MIB(32) + 1, UDMAR_ENOMEM },
        { MIB(32) + PAGE, UDMAR_ENOMEM },
    };
    const struct setup setup = { .tunables = BOUNCE,
                                 .machine = { .low_size = MIB(80), .high_size = MIB(48) } };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0,
                  &(struct limits){ .lowaddr = LOW_4G, .maxsize = MIB(40), .nsegments = 4096 });
    map = new_map(tag);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct udmar_dma_physical piece = { GIB(4) + MIB(16), rows[i].bytes };

        (void)udmar_dmamap_load_physical(tag, map, &piece, 1, note_loaded, &result,
                                         UDMAR_DMA_NOWAIT);
        assert_int_equal(result.error, rows[i].error);
        if (rows[i].error == 0) {
            assert_int_equal(zone_of(&f).active_pages, rows[i].bytes / PAGE);
            udmar_dmamap_unload(tag, map);
        }
        assert_int_equal(zone_of(&f).active_pages + zone_of(&f).reserved_pages, 0);
        assert_true(zone_of(&f).total_pages <= 8192);
    }
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* Each map brings its pages, until the zone has all it can have. */
static void test_maps_fill_a_zone(void **state)
{
    const struct setup setup = { .tunables = BOUNCE,
                                 .machine = { .low_size = MIB(80), .high_size = MIB(48) } };
    const struct udmar_dma_physical half = { GIB(4) + MIB(16), MIB(16) };
    const struct udmar_dma_physical one = { GIB(4) + MIB(16), 1 };
    struct udmar_dma_map *map[18];
    struct udmar_dma_tag *tag;
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0,
                  &(struct limits){ .lowaddr = LOW_4G, .maxsize = MIB(16), .nsegments = 4096 });
    for (unsigned i = 0; i < 18; i++) {
        map[i] = new_map(tag);
        assert_int_equal(zone_of(&f).total_pages, i < 15 ? (i + 1) * 512 : 8192);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(udmar_dmamap_load_physical(tag, map[i], &half, 1, note_loaded, &result,
                                                    UDMAR_DMA_NOWAIT),
                         0);
    /* The host is not even asked for one more. */
    model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 0, false);
    assert_int_equal(
        udmar_dmamap_load_physical(tag, map[2], &one, 1, note_loaded, &result, UDMAR_DMA_NOWAIT),
        UDMAR_ENOMEM);
    assert_int_equal(model_host_calls(f.m), 0);
    udmar_dmamap_unload(tag, map[0]);
    assert_int_equal(
        udmar_dmamap_load_physical(tag, map[2], &one, 1, note_loaded, &result, UDMAR_DMA_NOWAIT),
        0);
    udmar_dmamap_unload(tag, map[1]);
    udmar_dmamap_unload(tag, map[2]);
    for (unsigned i = 0; i < 18; i++)
        drop_map(tag, map[i]);
    drop_tag(tag);
    fixture_close(&f);
}

/* A tag that wants its pages at once, and more than there can be, gets those that there can be. */
static void test_more_at_once_than_a_zone_has(void **state)
{
    static const uint64_t sizes[] = { MIB(32) - PAGE, MIB(32) - 1, MIB(32), MIB(40), UINT64_MAX };
    const struct setup setup = { .tunables = BOUNCE,
                                 .machine = { .low_size = MIB(80), .high_size = MIB(48) } };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct udmar_dma_tag *tag;
        struct fixture f;

        fixture_open(&f, &setup);
        assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f.device[0]), 1, 0, LOW_4G,
                                              UINT64_MAX, NULL, NULL, sizes[i], 1, UINT64_MAX,
                                              UDMAR_DMA_ALLOCNOW, NULL, NULL, &tag),
                         0);
        assert_int_equal(zone_of(&f).total_pages, 8192);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* The largest alignment that the host's pages can have: 128 pages. */
static void test_largest_alignment_of_pages(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };

    (void)state;
    for (uint64_t alignment = KIB(128); alignment <= MIB(1); alignment *= 2) {
        struct udmar_dma_map *map = NULL;
        struct udmar_dma_tag *tag;
        struct fixture f;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &(struct limits){ .alignment = alignment, .maxsize = PAGE });
        assert_int_equal(udmar_dmamap_create(tag, 0, &map),
                         alignment > KIB(512) ? UDMAR_ENOMEM : 0);
        if (map != NULL) {
            buffer = model_buffer_alloc(f.m, 3 * PAGE, 0, 8);
            assert_int_equal(load_one(tag, map, buffer, 100) & (alignment - 1), 0);
            udmar_dmamap_unload(tag, map);
            drop_map(tag, map);
            model_buffer_free(f.m, buffer);
        }
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* Pages of an alignment that no allocator has: no map, rather than one that cannot load. */
static void test_alignment_beyond_pages(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map = NULL;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &(struct limits){ .alignment = MIB(4) });
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), UDMAR_ENOMEM);
    assert_int_equal(zone_of(&f).total_pages, 0);
    drop_tag(tag);
    fixture_close(&f);
}

/* The same function number in another segment is somebody else. */
static void test_subpage_of_another_segment(void **state)
{
    const struct setup setup = {
        .tunables = "hw.busdma.pci1:0:2:0.subpage=1 hw.busdma.pci0:0:3:0.subpage=1"
    };
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    struct udmar_dma_tag *tag;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
    drop_tag(tag);
    tag = new_tag(&f, 1, NULL); /* 00:03.0 */
    assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
    drop_tag(tag);
    fixture_close(&f);
}

/* A host that tells of no RAM: whatever the tag does not reach may be there. */
static void test_host_without_known_memory(void **state)
{
    const struct setup setup = { .tunables = BOUNCE, .no_ram = true };
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    struct udmar_dma_tag *tag, *all;
    struct udmar_dma_map *map;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, &setup);
    all = new_tag(&f, 0, NULL);
    assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
    tag = new_tag(&f, 0, &(struct limits){ .lowaddr = LOW_4G });
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, 100, MODEL_HIGH, 8);
    assert_true(load_one(tag, map, buffer, 100) <= LOW_4G);
    assert_int_equal(zone_of(&f).active_pages, 1);
    udmar_dmamap_unload(tag, map);
    model_buffer_free(f.m, buffer);
    drop(tag, map);
    drop_tag(all);
    fixture_close(&f);
}

/* ---- A zone that shrinks under a load that waits --------------------------------------------- */

struct shrinking {
    struct fixture f;
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
    fixture_open(&s->f, &setup);
    s->late.f = &s->f;
    s->tag = locked_tag(&s->f, UINT64_MAX, KIB(64), 1);
    s->holder = new_map(s->tag);
    s->buffer = model_buffer_alloc(s->f.m, 4 * PAGE, 0, 8);
    no_more_pages(&s->f, true);
    s->waiter = new_map(s->tag);
    /* The unit knows it from a DMA, so that its end matters. */
    assert_true(can_write(&s->f, RID0, load_one(s->tag, s->holder, s->buffer, 2 * PAGE)));
    assert_int_equal(
        udmar_dmamap_load(s->tag, s->waiter, s->buffer, 3 * PAGE, note_late, &s->late, 0),
        UDMAR_EINPROGRESS);
}

static void lose_pages(struct shrinking *s)
{
    model_behaviour(s->f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(s->tag, s->holder);
    drop_map(s->tag, s->holder);
    assert_true(model_log_contains(s->f.m, "2 bounce pages are given up"));
}

static void end_shrinking(struct shrinking *s)
{
    model_behaviour(s->f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(s->f.u, 4096);
    no_more_pages(&s->f, false);
    drop_map(s->tag, s->waiter);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->buffer);
    assert_int_equal(fixture_violations(&s->f), 0);
    s->f.forgive = true; /* pages are lost on purpose */
    fixture_close(&s->f);
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
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.no_resources, 1);
    assert_int_equal(zone_of(&s.f).reserved_pages, 0);
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
    udmar_dma_on_waiting(s.f.instance, wake, &wakes);
    lose_pages(&s);
    assert_int_equal(wakes, 1);
    assert_int_equal(s.late.calls, 0);
    udmar_dmamap_unload(s.tag, s.waiter);
    udmar_dmamap_unload(s.tag, s.waiter);
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.cancelled, 1);
    udmar_dma_run_waiting(s.f.instance);
    assert_int_equal(s.late.calls, 0);
    udmar_dma_on_waiting(s.f.instance, NULL, NULL);
    udmar_dma_on_waiting(NULL, wake, NULL);
    end_shrinking(&s);
}

/* A load that fails when its turn has come hands its pages to the next in line. */
static void test_failed_load_serves_the_next(void **state)
{
    const struct setup setup = { .tunables = BOUNCE };
    struct fixture f;
    struct udmar_dma_tag *tag, *narrow;
    struct udmar_dma_map *first, *fails, *next;
    struct late late[2];
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, &setup);
    for (unsigned i = 0; i < 2; i++)
        late[i] = (struct late){ .f = &f, .runs = true };
    tag = locked_tag(&f, LOW_4G, 3 * PAGE, 8);
    narrow = locked_tag(&f, LOW_4G, 3 * PAGE, 1);
    buffer = model_buffer_alloc(f.m, 3 * PAGE, MODEL_HIGH | MODEL_SCATTERED, 8);
    first = new_map(tag);
    no_more_pages(&f, true);
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
    no_more_pages(&f, false);
    assert_int_equal(zone_of(&f).free_pages, zone_of(&f).total_pages);
    drop_map(tag, first);
    drop_map(tag, next);
    drop_tag(tag);
    drop(narrow, fails);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones_are_asked_after),
        cmocka_unit_test(test_zone_of_a_root_tag),
        cmocka_unit_test(test_two_make_a_zone),
        cmocka_unit_test(test_domain_of_a_zone_without_memory),
        cmocka_unit_test(test_domains_and_children),
        cmocka_unit_test(test_zones_have_an_end),
        cmocka_unit_test(test_as_many_pages_as_a_zone_has),
        cmocka_unit_test(test_maps_fill_a_zone),
        cmocka_unit_test(test_more_at_once_than_a_zone_has),
        cmocka_unit_test(test_largest_alignment_of_pages),
        cmocka_unit_test(test_alignment_beyond_pages),
        cmocka_unit_test(test_subpage_of_another_segment),
        cmocka_unit_test(test_host_without_known_memory),
        cmocka_unit_test(test_waiting_load_of_a_zone_that_shrinks),
        cmocka_unit_test(test_load_without_pages_is_called_off),
        cmocka_unit_test(test_failed_load_serves_the_next),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("page_pool", tests, NULL, NULL);
}
