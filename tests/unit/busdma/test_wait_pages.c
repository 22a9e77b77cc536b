/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that wait for bounce pages: who may wait, in which order they come, under which lock, and
 * what becomes of them when the driver changes its mind.
 */
#include <string.h>

#include "fixture/fixture.h"

#define LOW_4G UINT64_C(0xffffffff)
#define MAPS   6u
#define EACH   4u /* pages of a tag's largest load */

/* What happened, in order: L and U of the lock, digits for callbacks, ! for callbacks with an
 * error.
 */
static char story[64];

static void tell(char what)
{
    size_t length = strlen(story);

    assert_true(length + 1 < sizeof(story));
    story[length] = what;
    story[length + 1] = '\0';
}

static void lock(void *argument, enum udmar_dma_lock_op op)
{
    assert_ptr_equal(argument, story);
    tell(op == UDMAR_DMA_LOCK ? 'L' : 'U');
}

struct scene;

struct load {
    struct scene *scene;
    unsigned number;
    int calls, error, count;
    uint64_t bus;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    struct load *unloads; /* in its callback */
};

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct load load[MAPS];
};

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct load *load = argument;

    load->calls++;
    load->error = error;
    load->count = count;
    load->bus = count > 0 ? segments[0].ds_addr : 0;
    tell(error == 0 ? (char)('0' + load->number) : '!');
    if (load->unloads != NULL)
        udmar_dmamap_unload(load->scene->tag, load->unloads->map);
}

static struct udmar_bounce_zone_info zone_of(struct scene *s)
{
    struct udmar_bounce_zone_info zone;

    assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
    assert_int_equal(zone.total_pages, zone.free_pages + zone.reserved_pages + zone.active_pages);
    return zone;
}

static void no_more_pages(struct scene *s, bool none)
{
    model_fail_host_calls_of(s->f.m, MODEL_CALL_PAGE_ALLOC, none ? 1 : 0, none);
}

/* Pages for two loads; then the host has no more. */
static void open_scene(struct scene *s, udmar_dma_lock_t *locker)
{
    const struct setup setup = { .tunables = "hw.busdma.default=bounce" };

    memset(s, 0, sizeof(*s));
    story[0] = '\0';
    fixture_open(&s->f, &setup);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(s->f.device[0]), 1, 0, LOW_4G,
                                          UINT64_MAX, NULL, NULL, (EACH - 1) * PAGE, 16, UINT64_MAX,
                                          0, locker, story, &s->tag),
                     0);
    for (unsigned i = 0; i < MAPS; i++) {
        no_more_pages(s, i >= 2);
        s->load[i] = (struct load){ .scene = s, .number = i };
        s->load[i].map = new_map(s->tag);
        s->load[i].buffer =
            model_buffer_alloc(s->f.m, (EACH - 1) * PAGE, MODEL_HIGH | MODEL_SCATTERED, 8);
    }
    assert_int_equal(zone_of(s).total_pages, 2 * EACH);
}

static void close_scene(struct scene *s)
{
    no_more_pages(s, false);
    for (unsigned i = 0; i < MAPS; i++) {
        drop_map(s->tag, s->load[i].map);
        model_buffer_free(s->f.m, s->load[i].buffer);
    }
    drop_tag(s->tag);
    fixture_close(&s->f);
}

/* @pages: 1 to EACH; the buffer begins inside a page. */
static int start(struct scene *s, unsigned number, unsigned pages, int flags)
{
    struct load *load = &s->load[number];

    return udmar_dmamap_load(s->tag, load->map, load->buffer, (pages - 1) * PAGE + (pages == 1),
                             note, load, flags);
}

static void end(struct scene *s, unsigned number)
{
    udmar_dmamap_unload(s->tag, s->load[number].map);
}

static void test_first_come_first_served_under_the_lock(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_string_equal(story, "01");
    assert_int_equal(start(&s, 2, EACH, 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&s, 3, 2, 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&s, 4, 2, 0), UDMAR_EINPROGRESS);
    assert_int_equal(zone_of(&s).waiting, 3);
    assert_int_equal(zone_of(&s).total_deferred, 3);
    assert_string_equal(story, "01");
    model_advance_time(s.f.m, 5000000);
    end(&s, 0);
    /* Number 2 takes all that has come back; the others wait on. */
    assert_string_equal(story, "01L2U");
    assert_int_equal(s.load[2].error, 0);
    assert_true(s.load[2].bus <= LOW_4G);
    assert_true(zone_of(&s).total_deferred_ns >= 5000000);
    end(&s, 1);
    assert_string_equal(story, "01L2UL3UL4U");
    assert_int_equal(zone_of(&s).waiting, 0);
    for (unsigned i = 2; i < 5; i++) {
        assert_int_equal(s.load[i].calls, 1);
        end(&s, i);
    }
    assert_int_equal(zone_of(&s).free_pages, 2 * EACH);
    close_scene(&s);
}

/* A small load that would fit does not overtake; one that needs no page does. */
static void test_who_overtakes(void **state)
{
    struct scene s;
    uint8_t *low;

    (void)state;
    open_scene(&s, lock);
    low = model_buffer_alloc(s.f.m, PAGE, MODEL_LOW, 0);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH - 1, 0), 0);
    assert_int_equal(start(&s, 2, EACH, 0), UDMAR_EINPROGRESS);
    assert_int_equal(zone_of(&s).free_pages, 1);
    assert_int_equal(start(&s, 3, 1, 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&s, 4, 1, UDMAR_DMA_NOWAIT), UDMAR_ENOMEM);
    assert_int_equal(s.load[4].error, UDMAR_ENOMEM);
    assert_int_equal(udmar_dmamap_load(s.tag, s.load[4].map, low, PAGE, note, &s.load[4], 0), 0);
    assert_int_equal(s.load[4].error, 0);
    end(&s, 4);
    strcpy(story, "");
    end(&s, 1);
    assert_string_equal(story, "L2U");
    end(&s, 2);
    assert_string_equal(story, "L2UL3U");
    end(&s, 3);
    end(&s, 0);
    model_buffer_free(s.f.m, low);
    close_scene(&s);
}

static void test_who_may_not_wait(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(start(&s, 2, 1, UDMAR_DMA_NOWAIT), UDMAR_ENOMEM);
    assert_int_equal(s.load[2].calls, 1);
    assert_int_equal(s.load[2].error, UDMAR_ENOMEM);
    end(&s, 0);
    end(&s, 1);
    assert_string_equal(story, "01!");
    close_scene(&s);

    /* A tag without a lock cannot be called back later. */
    open_scene(&s, NULL);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(start(&s, 2, 1, 0), UDMAR_ENOMEM);
    assert_int_equal(s.load[2].error, UDMAR_ENOMEM);
    end(&s, 0);
    end(&s, 1);
    close_scene(&s);
}

/* More than all pages together: waiting would be for ever. */
static void test_a_load_that_could_never_run(void **state)
{
    struct udmar_dma_physical list[2 * EACH + 1];
    struct scene s;
    uint8_t *pages;

    (void)state;
    open_scene(&s, lock);
    pages = model_buffer_alloc(s.f.m, (2 * EACH + 1) * PAGE, MODEL_HIGH | MODEL_SCATTERED, 0);
    for (unsigned i = 0; i < 2 * EACH + 1; i++) {
        list[i].address = physical_of(&s.f, pages + i * PAGE);
        list[i].length = 16;
    }
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(
        udmar_dmamap_load_physical(s.tag, s.load[1].map, list, 2 * EACH + 1, note, &s.load[1], 0),
        0);
    assert_int_equal(s.load[1].calls, 1);
    assert_int_equal(s.load[1].error, UDMAR_ENOMEM);
    assert_int_equal(
        udmar_dmamap_load_physical(s.tag, s.load[1].map, list, 2 * EACH, note, &s.load[1], 0),
        UDMAR_EINPROGRESS);
    end(&s, 0);
    assert_int_equal(s.load[1].error, 0);
    end(&s, 1);
    /* A map whose largest load the zone could not serve is not made. */
    {
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        assert_int_equal(udmar_dma_tag_create(s.tag, 1, 0, LOW_4G, UINT64_MAX, NULL, NULL, 9 * PAGE,
                                              16, UINT64_MAX, 0, lock, story, &tag),
                         0);
        assert_int_equal(udmar_dmamap_create(tag, 0, &map), UDMAR_ENOMEM);
        no_more_pages(&s, false);
        assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
        drop_map(tag, map);
        drop_tag(tag);
    }
    model_buffer_free(s.f.m, pages);
    close_scene(&s);
}

static void test_unload_cancels(void **state)
{
    struct udmar_dma_counts counts;
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, 2, 0), 0);
    assert_int_equal(start(&s, 2, EACH, 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&s, 3, 2, 0), UDMAR_EINPROGRESS);
    assert_int_equal(udmar_dmamap_destroy(s.tag, s.load[2].map), UDMAR_EBUSY);
    assert_int_equal(start(&s, 2, 1, 0), UDMAR_EBUSY);
    /* The one that held up the other goes, and the other runs. */
    end(&s, 2);
    assert_string_equal(story, "01L3U");
    assert_int_equal(s.load[2].calls, 0);
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.cancelled, 1);
    assert_int_equal(counts.unloaded_twice, 0);
    assert_int_equal(counts.ended_loaded, 1);
    assert_int_equal(counts.loaded_twice, 1);
    end(&s, 0);
    /* The map is as good as new. */
    assert_int_equal(start(&s, 2, EACH, 0), 0);
    for (unsigned i = 1; i < 4; i++)
        end(&s, i);
    close_scene(&s);
}

/* One that waits behind another is called off: the other is still to come. */
static void test_unload_of_one_further_back(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(start(&s, i, EACH, 0), UDMAR_EINPROGRESS);
    end(&s, 3);
    assert_string_equal(story, "01");
    end(&s, 0);
    end(&s, 1);
    assert_string_equal(story, "01L2UL4U");
    end(&s, 2);
    end(&s, 4);
    close_scene(&s);
}

/* The callback of a deferred load unloads: the queue goes on, and not deeper into the stack. */
static void test_unload_in_a_deferred_callback(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    for (unsigned i = 2; i < MAPS; i++)
        assert_int_equal(start(&s, i, EACH, 0), UDMAR_EINPROGRESS);
    s.load[2].unloads = &s.load[1];
    s.load[3].unloads = &s.load[2];
    s.load[4].unloads = &s.load[3];
    end(&s, 0);
    assert_string_equal(story, "01L2UL3UL4UL5U");
    end(&s, 4);
    end(&s, 5);
    close_scene(&s);
}

static unsigned wakes;

static void wake(void *argument)
{
    assert_ptr_equal(argument, &wakes);
    wakes++;
}

/* With a thread of its own nothing runs in the unloading thread, which may hold the lock. */
static void test_a_thread_of_its_own(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    wakes = 0;
    udmar_dma_on_waiting(s.f.instance, wake, &wakes);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(start(&s, i, 2, 0), UDMAR_EINPROGRESS);
    udmar_dma_run_waiting(s.f.instance);
    assert_string_equal(story, "01");
    end(&s, 0);
    assert_int_equal(wakes, 1);
    assert_string_equal(story, "01");
    /* Ready, but not run: the driver calls off one of the two, whose map is busy until then. */
    assert_int_equal(zone_of(&s).reserved_pages, 4);
    end(&s, 2);
    assert_int_equal(udmar_dmamap_destroy(s.tag, s.load[2].map), UDMAR_EBUSY);
    assert_int_equal(start(&s, 2, 1, 0), UDMAR_EBUSY);
    assert_int_equal(wakes, 1);
    udmar_dma_run_waiting(s.f.instance);
    assert_string_equal(story, "01LUL3UL4U");
    assert_int_equal(s.load[2].calls, 0);
    assert_int_equal(zone_of(&s).reserved_pages, 0);
    end(&s, 3);
    end(&s, 4);
    end(&s, 1);
    udmar_dma_run_waiting(NULL);
    udmar_dma_on_waiting(NULL, wake, NULL);
    close_scene(&s);
}

/*
 * A driver calls a load off under the lock of its tag, after another thread has made it ready and
 * before that thread runs it. Nothing runs in the driver's call: it would wait for its own lock.
 */
static void test_a_ready_load_is_left_to_who_made_it_ready(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(start(&s, 2, EACH, 0), UDMAR_EINPROGRESS);
    /* The other thread is between the two: it has the pages, and has run nothing. */
    udmar_dma_on_waiting(s.f.instance, wake, &wakes);
    end(&s, 0);
    udmar_dma_on_waiting(s.f.instance, NULL, NULL);
    end(&s, 2);
    assert_string_equal(story, "01");
    udmar_dma_run_waiting(s.f.instance);
    assert_string_equal(story, "01LU");
    assert_int_equal(s.load[2].calls, 0);
    end(&s, 1);
    assert_int_equal(zone_of(&s).free_pages, 2 * EACH);
    close_scene(&s);
}

/* What was to be loaded is remembered, whatever kind it was. */
static void test_deferred_list_is_remembered(void **state)
{
    struct udmar_dma_physical list[2];
    struct scene s;
    uint8_t seen[64];

    (void)state;
    open_scene(&s, lock);
    fill_pattern(s.load[2].buffer, (EACH - 1) * PAGE, 3);
    list[0].address = physical_of(&s.f, s.load[2].buffer);
    list[0].length = 64;
    list[1].address = physical_of(&s.f, s.load[2].buffer + PAGE);
    list[1].length = 64;
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(udmar_dmamap_load_physical(s.tag, s.load[2].map, list, 2, note, &s.load[2], 0),
                     UDMAR_EINPROGRESS);
    memset(list, 0xff, sizeof(list));
    end(&s, 1);
    assert_string_equal(story, "01L2U");
    assert_int_equal(s.load[2].count, 2);
    udmar_dmamap_sync(s.tag, s.load[2].map, UDMAR_DMA_SYNC_PREWRITE);
    assert_true(model_dma(s.f.m, 0, RID0, s.load[2].bus, seen, 64, false) == MODEL_OK);
    assert_memory_equal(seen, s.load[2].buffer, 64);
    end(&s, 2);
    end(&s, 0);
    close_scene(&s);
}

/* A deferred load can still fail: the callback says so. */
static void test_deferred_load_with_too_many_segments(void **state)
{
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct scene s;
    struct load load = { .number = 7 };

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(udmar_dma_tag_create(s.tag, 1, 0, LOW_4G, UINT64_MAX, NULL, NULL, 2 * PAGE, 1,
                                          64, 0, lock, story, &tag),
                     0);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(udmar_dmamap_load(tag, map, s.load[3].buffer, 2 * PAGE, note, &load, 0),
                     UDMAR_EINPROGRESS);
    end(&s, 0);
    assert_string_equal(story, "01L!U");
    assert_int_equal(load.error, UDMAR_EFBIG);
    assert_int_equal(zone_of(&s).free_pages, EACH);
    end(&s, 1);
    drop_map(tag, map);
    drop_tag(tag);
    close_scene(&s);
}

/*
 * With translation a load of an odd address waits, too, and until it has come to its end the map is
 * not free for one that needs no page.
 */
static void test_a_map_that_waits_is_busy_for_all(void **state)
{
    const struct udmar_dma_physical page = { MIB(2), PAGE };
    struct udmar_dma_tag *tag;
    struct load load[2] = { { .number = 1 }, { .number = 2 } };
    struct fixture f;
    uint8_t *buffer;

    (void)state;
    for (unsigned cancel = 0; cancel < 2; cancel++) {
        fixture_open(&f, NULL);
        story[0] = '\0';
        assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f.device[0]), 64, 0, UINT64_MAX,
                                              UINT64_MAX, NULL, NULL, 2 * PAGE, 4, UINT64_MAX, 0,
                                              lock, story, &tag),
                         0);
        buffer = model_buffer_alloc(f.m, 2 * PAGE, MODEL_SCATTERED, 0);
        fill_pattern(buffer, 2 * PAGE, 4);
        load[0].map = new_map(tag);
        load[1].map = new_map(tag);
        assert_int_equal(udmar_dmamap_load(tag, load[0].map, buffer + 8, 100, note, &load[0], 0),
                         0);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
        assert_int_equal(
            udmar_dmamap_load(tag, load[1].map, buffer + PAGE + 8, 100, note, &load[1], 0),
            UDMAR_EINPROGRESS);
        assert_int_equal(udmar_dmamap_load(tag, load[1].map, buffer, 100, note, &load[1], 0),
                         UDMAR_EBUSY);
        assert_int_equal(udmar_dmamap_load_physical(tag, load[1].map, &page, 1, note, &load[1], 0),
                         UDMAR_EBUSY);
        assert_string_equal(story, "1");
        if (cancel)
            udmar_dmamap_unload(tag, load[1].map);
        udmar_dmamap_unload(tag, load[0].map);
        assert_string_equal(story, cancel ? "1" : "1L2U");
        if (!cancel) {
            udmar_dmamap_sync(tag, load[1].map, UDMAR_DMA_SYNC_PREWRITE);
            assert_true(device_sees(&f, RID0, load[1].bus, buffer + PAGE + 8, 100));
            udmar_dmamap_unload(tag, load[1].map);
            assert_false(can_read(&f, RID0, load[1].bus));
        }
        /* And then it is as quick as before. */
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(udmar_dmamap_load(tag, load[1].map, buffer, 100, note, &load[1], 0),
                             0);
            assert_int_equal(udmar_dmamap_load(tag, load[1].map, buffer, 100, note, &load[1], 0),
                             UDMAR_EBUSY);
            assert_true(device_sees(&f, RID0, load[1].bus, buffer, 100));
            udmar_dmamap_unload(tag, load[1].map);
            assert_false(can_read(&f, RID0, load[1].bus));
        }
        model_fail_host_call(f.m, 0, false);
        drop_map(tag, load[0].map);
        drop_map(tag, load[1].map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* Pages that a new map brings are for the loads that wait before they are for it. */
static void test_new_pages_serve_those_that_wait(void **state)
{
    struct udmar_dma_map *fresh;
    struct scene s;

    (void)state;
    open_scene(&s, lock);
    assert_int_equal(start(&s, 0, EACH, 0), 0);
    assert_int_equal(start(&s, 1, EACH, 0), 0);
    assert_int_equal(start(&s, 2, 2, 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&s, 3, EACH, 0), UDMAR_EINPROGRESS);
    no_more_pages(&s, false);
    fresh = new_map(s.tag);
    assert_string_equal(story, "01L2U");
    assert_int_equal(zone_of(&s).free_pages, EACH - 2);
    end(&s, 0);
    assert_string_equal(story, "01L2UL3U");
    for (unsigned i = 1; i < 4; i++)
        end(&s, i);
    drop_map(s.tag, fresh);
    close_scene(&s);
}

/* The last that anybody hears of it: maps, tag and zone are gone when the unload returns. */
struct end {
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map[2];
    unsigned calls;
};

static void end_of_all(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct end *end = argument;

    (void)segments;
    (void)count;
    assert_int_equal(error, 0);
    end->calls++;
    udmar_dmamap_unload(end->tag, end->map[1]);
    drop_map(end->tag, end->map[0]);
    drop_map(end->tag, end->map[1]);
    drop_tag(end->tag);
}

static void test_everything_ends_in_a_deferred_callback(void **state)
{
    const struct setup setup = { .tunables = "hw.busdma.default=bounce" };
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    struct end end = { .calls = 0 };
    struct loaded first = { .calls = 0 };
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, &setup);
    story[0] = '\0';
    buffer = model_buffer_alloc(f.m, 2 * PAGE, MODEL_HIGH, 0);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f.device[0]), 1, 0, LOW_4G,
                                          UINT64_MAX, NULL, NULL, 2 * PAGE, 4, UINT64_MAX, 0, lock,
                                          story, &end.tag),
                     0);
    end.map[0] = new_map(end.tag);
    model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    end.map[1] = new_map(end.tag);
    assert_int_equal(
        udmar_dmamap_load(end.tag, end.map[0], buffer, 2 * PAGE, note_loaded, &first, 0), 0);
    assert_int_equal(udmar_dmamap_load(end.tag, end.map[1], buffer, 2 * PAGE, end_of_all, &end, 0),
                     UDMAR_EINPROGRESS);
    udmar_dmamap_unload(end.tag, end.map[0]);
    assert_int_equal(end.calls, 1);
    assert_string_equal(story, "LU");
    assert_false(udmar_bounce_zone_info(f.instance, 0, &zone));
    model_fail_host_call(f.m, 0, false);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_served_under_the_lock),
        cmocka_unit_test(test_who_overtakes),
        cmocka_unit_test(test_who_may_not_wait),
        cmocka_unit_test(test_a_load_that_could_never_run),
        cmocka_unit_test(test_unload_cancels),
        cmocka_unit_test(test_unload_of_one_further_back),
        cmocka_unit_test(test_unload_in_a_deferred_callback),
        cmocka_unit_test(test_a_thread_of_its_own),
        cmocka_unit_test(test_a_ready_load_is_left_to_who_made_it_ready),
        cmocka_unit_test(test_deferred_list_is_remembered),
        cmocka_unit_test(test_deferred_load_with_too_many_segments),
        cmocka_unit_test(test_a_map_that_waits_is_busy_for_all),
        cmocka_unit_test(test_new_pages_serve_those_that_wait),
        cmocka_unit_test(test_everything_ends_in_a_deferred_callback),
    };

    return cmocka_run_group_tests_name("wait_pages", tests, NULL, NULL);
}
