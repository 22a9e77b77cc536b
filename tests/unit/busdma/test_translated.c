/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory goes to others when the unit has confirmed that no device reaches it any more; and then it
 * does, however late that is and whatever kind of place the load had.
 */
#include "fixture/fixture.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"
#define ODD           8u /* offset that the alignment forbids: pages stand in for all of it */

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t length;
    uint64_t iova; /* of the last load */
    unsigned asked;
};

/* A window, a block, a window for one load, a range. */
static const struct {
    uint64_t window_limit, length;
} places[] = {
    { 0, KIB(8) }, { PAGE, 100 }, { PAGE, KIB(64) }, { PAGE, MIB(3) }, { PAGE, MIB(9) },
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static void open_scene(struct scene *s, unsigned place, const char *tunables)
{
    const struct setup setup = {
        .tunables = tunables,
        .window_limit = places[place].window_limit,
        .ticking = true,
    };
    const struct limits limits = {
        .alignment = 64,
        .maxsize = places[place].length + PAGE,
        .nsegments = 4,
    };

    fixture_open(&s->f, &setup);
    s->tag = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    s->length = places[place].length;
    s->buffer = model_buffer_alloc(s->f.m, s->length, MODEL_CONTIGUOUS, ODD);
}

static void close_scene(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->buffer);
    fixture_close(&s->f);
}

static struct udmar_bounce_zone_info zone_of(struct scene *s)
{
    struct udmar_bounce_zone_info zone;

    assert_true(udmar_bounce_zone_info(s->f.instance, 0, &zone));
    return zone;
}

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct scene *s = argument;

    s->iova = error == 0 && count > 0 ? segments[0].ds_addr : 0;
}

static int load(struct scene *s)
{
    return udmar_dmamap_load(s->tag, s->map, s->buffer, s->length, note, s, 0);
}

/* How much the unit is asked to do for one load and its end. */
static unsigned requests_of_a_cycle(struct scene *s)
{
    unsigned before = model_stats(s->f.u)->descriptors;

    assert_int_equal(load(s), 0);
    assert_true(can_read(&s->f, RID0, s->iova));
    udmar_dmamap_unload(s->tag, s->map);
    assert_false(can_read(&s->f, RID0, s->iova));
    assert_int_equal(zone_of(s).active_pages, 0);
    return model_stats(s->f.u)->descriptors - before;
}

/* Nobody gets the page before the unit answers, and the map has it back when it does. */
static void test_map_works_when_the_unit_works(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * PLACES; n++) {
        const char *tunables = n < PLACES ? SHORT_TIMEOUT : SHORT_TIMEOUT " hw.dmar.strict=0";
        struct scene s;
        size_t total;
        unsigned cost;

        open_scene(&s, n % PLACES, tunables);
        (void)requests_of_a_cycle(&s);
        cost = requests_of_a_cycle(&s);
        total = zone_of(&s).total_pages;
        assert_int_equal(load(&s), 0);
        assert_true(can_read(&s.f, RID0, s.iova));
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(s.tag, s.map);
        assert_true(can_read(&s.f, RID0, s.iova));
        assert_int_equal(zone_of(&s).active_pages, (s.length + PAGE - 1) / PAGE);
        assert_int_equal(load(&s), UDMAR_ENOMEM);
        assert_int_equal(zone_of(&s).active_pages, (s.length + PAGE - 1) / PAGE);
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(s.f.u, 4096);
        for (unsigned i = 0; i < 3; i++)
            s.asked = requests_of_a_cycle(&s);
        /* It is forgotten, not made good with each load anew. */
        assert_int_equal(s.asked, cost);
        assert_int_equal(zone_of(&s).total_pages, total);
        close_scene(&s);
    }
}

/* The driver's own memory: given up only if the unit does not answer to the end. */
static void test_memory_is_given_back_late(void **state)
{
    (void)state;
    for (unsigned n = 0; n < PLACES; n++) {
        struct udmar_dma_map *map;
        struct scene s;
        uint64_t iova;
        void *memory;

        open_scene(&s, n, SHORT_TIMEOUT);
        assert_int_equal(udmar_dmamem_alloc(s.tag, &memory, 0, &map), 0);
        iova = load_one(s.tag, map, memory, s.length);
        assert_true(can_write(&s.f, RID0, iova));
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(s.tag, map);
        assert_true(can_write(&s.f, RID0, iova));
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(s.f.u, 4096);
        model_cache_warm(s.f.u);
        udmar_dmamem_free(s.tag, memory, map);
        assert_false(can_write(&s.f, RID0, iova));
        assert_int_equal(model_stats(s.f.u)->dma_to_freed, 0);
        assert_false(model_log_contains(s.f.m, "given up"));
        close_scene(&s);
    }
}

/*
 * Deferred mode: pieces that do not fit the map's window have had a place for one load, which rests
 * when the memory ends.
 */
static void test_memory_beside_its_window(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    const struct limits limits = { .maxsize = 2 * PAGE, .nsegments = 8 };
    struct udmar_dma_physical list[8];
    struct scene s;
    void *memory;

    (void)state;
    fixture_open(&s.f, &setup);
    s.tag = new_tag(&s.f, 0, &limits);
    assert_int_equal(udmar_dmamem_alloc(s.tag, &memory, 0, &s.map), 0);
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *from = (const uint8_t *)memory + i % 2 * PAGE;

        list[i].address = physical_of(&s.f, from);
        list[i].length = 64;
    }
    assert_int_equal(udmar_dmamap_load_physical(s.tag, s.map, list, 8, note, &s, 0), 0);
    assert_true(can_write(&s.f, RID0, s.iova));
    udmar_dmamap_unload(s.tag, s.map);
    assert_true(can_write(&s.f, RID0, s.iova));
    udmar_dmamem_free(s.tag, memory, s.map);
    assert_false(can_write(&s.f, RID0, s.iova));
    assert_int_equal(model_stats(s.f.u)->dma_to_freed, 0);
    drop_tag(s.tag);
    fixture_close(&s.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_works_when_the_unit_works),
        cmocka_unit_test(test_memory_is_given_back_late),
        cmocka_unit_test(test_memory_beside_its_window),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("translated", tests, NULL, NULL);
}
