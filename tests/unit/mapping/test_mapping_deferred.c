/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred mode: addresses that rest come back, all of them, and none before the unit has forgotten
 * what they led to.
 */
#include <string.h>

#include "space/range.h"
#include <udmar/stream.h>

#include "mapping/block.h"
#include "mapping/mapping.h"
#include "fixture/fixture.h"

#define PAGES 600u
#define MOST  160u

struct live {
    udmar_iova_t iova;
    unsigned page; /* of the buffer */
    unsigned pages;
};

struct scene {
    struct fixture f;
    uint8_t *buffer;
    uint64_t physical;
    uint64_t highest;
    struct live live[MOST];
    unsigned count;
    unsigned again; /* mappings at an address that another has had */
    bool seen[1u << 16];
    uint32_t random;
};

static void open_scene(struct scene *s, uint64_t highest, const char *tunables)
{
    /* A unit without registers, which would take the place of a queue that stands still. */
    const struct setup setup = { .profile = "v6", .tunables = tunables, .ticking = true };

    memset(s, 0, sizeof(*s));
    fixture_open(&s->f, &setup);
    s->buffer = model_buffer_alloc(s->f.m, PAGES * PAGE, MODEL_CONTIGUOUS, 0);
    s->physical = physical_of(&s->f, s->buffer);
    s->highest = highest;
    s->random = 11;
    for (unsigned i = 0; i < PAGES; i++)
        fill_pattern(s->buffer + i * PAGE, PAGE, i);
}

/* What was lost on purpose stays in an arena; else nothing but the root table is left. */
static void close_scene(struct scene *s, bool all_back)
{
    struct udmar_domain_info info;

    model_behaviour(s->f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(s->f.u, 4096);
    udmar_tick(s->f.instance);
    udmar__cpu_caches_trim(s->f.domain);
    udmar_domain_info(s->f.domain, &info);
    if (all_back)
        assert_int_equal(info.table_pages, 1);
    assert_int_equal(model_cache_stale(s->f.u), 0);
    model_buffer_free(s->f.m, s->buffer);
    fixture_close(&s->f);
}

/* Another part of the buffer each time: an address that the unit still knows shows the old one. */
static void map_one(struct scene *s, unsigned pages)
{
    struct live *live = &s->live[s->count++];
    struct udmar_dma_physical piece;

    live->pages = pages;
    live->page = roll_below(&s->random, PAGES - pages);
    piece = (struct udmar_dma_physical){ s->physical + live->page * PAGE, pages * PAGE };
    assert_int_equal(
        udmar_stream_map(s->f.domain, &piece, 1, UDMAR_READ_WRITE, s->highest, &live->iova),
        UDMAR_OK);
    assert_true(live->iova + pages * PAGE - 1 <= s->highest);
    for (unsigned i = 0; i + 1 < s->count; i++)
        assert_true(live->iova >= s->live[i].iova + s->live[i].pages * PAGE ||
                    s->live[i].iova >= live->iova + pages * PAGE);
    assert_true(device_sees(&s->f, RID0, live->iova, s->buffer + live->page * PAGE, pages * PAGE));
    s->again += s->seen[live->iova / PAGE % (1u << 16)];
    s->seen[live->iova / PAGE % (1u << 16)] = true;
}

static void unmap_one(struct scene *s, unsigned n)
{
    struct live live = s->live[n];

    assert_true(
        device_sees(&s->f, RID0, live.iova, s->buffer + live.page * PAGE, live.pages * PAGE));
    assert_int_equal(udmar_stream_unmap(s->f.domain, live.iova), UDMAR_OK);
    s->live[n] = s->live[--s->count];
}

/* Up to many mappings and down to none, again and again. */
static void run(struct scene *s, unsigned steps, unsigned ticks, unsigned queue_steps)
{
    for (unsigned step = 0; step < steps; step++) {
        bool grow = step / MOST % 2 == 0;

        if (s->count < MOST && (s->count == 0 || roll_below(&s->random, 8) < (grow ? 7u : 1u)))
            map_one(s, roll_below(&s->random, 4) == 0 ? 1 + roll_below(&s->random, 4) : 1);
        else
            unmap_one(s, roll_below(&s->random, s->count));
        if (ticks != 0 && roll_below(&s->random, ticks) == 0)
            udmar_tick(s->f.instance);
        if (queue_steps != 0 && roll_below(&s->random, queue_steps) == 0)
            (void)model_queue_step(s->f.u, 1 + roll_below(&s->random, 3));
    }
    while (s->count > 0)
        unmap_one(s, roll_below(&s->random, s->count));
}

/* Addresses of pools with caches, and of one that has none. */
static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX, MIB(200) + 4095 };

static void test_no_address_before_it_is_forgotten(void **state)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_IMMEDIATE, MODEL_QUEUE_DELAYED,
                                                   MODEL_QUEUE_TRICKLE };
    static struct scene s;

    (void)state;
    for (unsigned n = 0; n < 9; n++) {
        open_scene(&s, highest[n % 3], "hw.dmar.strict=0");
        model_behaviour(s.f.u)->queue_mode = modes[n / 3];
        model_behaviour(s.f.u)->queue_delay = 20;
        run(&s, 2500, n % 2 == 0 ? 50 : 0, 0);
        assert_true(s.again > 500);
        close_scene(&s, true);
    }
}

/* The unit works when it likes: what it has not answered in time is never used again. */
static void test_slow_unit_loses_addresses_only(void **state)
{
    static struct scene s;

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        open_scene(&s, highest[n % 3], "hw.dmar.strict=0 hw.dmar.timeout=100000");
        model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_MANUAL;
        run(&s, 1500, 0, n / 3 == 0 ? 30 : 150);
        s.f.forgive_pages = true;
        close_scene(&s, false);
    }
}

/* In strict mode nothing rests, and without ticks neither: they would be what ends it. */
static void test_who_does_not_rest(void **state)
{
    static const struct setup setups[] = {
        { .tunables = "hw.dmar.strict=1", .ticking = true },
        { .tunables = "hw.dmar.strict=0" },
        { .tunables = "hw.dmar.strict=0 hw.dmar.qi=0", .ticking = true },
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct udmar_dma_physical piece = { 0, PAGE };
        struct fixture f;
        udmar_iova_t iova;
        uint8_t *buffer;

        fixture_open(&f, &setups[i]);
        buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
        piece.address = physical_of(&f, buffer);
        for (unsigned n = 0; n < 3 * UDMAR__FLUSH_BATCH; n++) {
            assert_int_equal(
                udmar_stream_map(f.domain, &piece, 1, UDMAR_READ_WRITE, UINT64_MAX, &iova),
                UDMAR_OK);
            assert_true(can_read(&f, RID0, iova));
            assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
            assert_false(can_read(&f, RID0, iova));
            drain_faults(&f);
        }
        model_buffer_free(f.m, buffer);
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* One request for a batch: that is what resting is for. */
static void test_batch_is_one_request(void **state)
{
    static struct scene s;
    struct udmar_unit_status before, after;

    (void)state;
    open_scene(&s, UINT64_MAX, "hw.dmar.strict=0");
    map_one(&s, 1);
    unmap_one(&s, 0);
    assert_int_equal(udmar_unit_status(s.f.instance, 0, &before), UDMAR_OK);
    for (unsigned n = 0; n < 10 * UDMAR__FLUSH_BATCH; n++) {
        map_one(&s, 1);
        unmap_one(&s, 0);
    }
    assert_int_equal(udmar_unit_status(s.f.instance, 0, &after), UDMAR_OK);
    assert_int_equal(after.waits - before.waits, 10);
    close_scene(&s, true);
}

/* What one batch had is there for the next: a driver in its stride needs a few batches of them. */
static void test_addresses_go_round(void **state)
{
    static struct scene s;

    (void)state;
    open_scene(&s, UINT64_MAX, "hw.dmar.strict=0");
    for (unsigned n = 0; n < 100 * UDMAR__FLUSH_BATCH; n++) {
        map_one(&s, 1);
        unmap_one(&s, 0);
    }
    assert_true(100 * UDMAR__FLUSH_BATCH - s.again < 6 * UDMAR__FLUSH_BATCH);
    close_scene(&s, true);
}

/* A tick that finds the queue full has not asked; the next one does. */
static void test_tick_with_a_full_queue(void **state)
{
    static struct scene s;
    struct udmar__request request;
    udmar_iova_t iova;
    uint64_t ticket;

    (void)state;
    open_scene(&s, UINT64_MAX, "hw.dmar.strict=0");
    map_one(&s, 1);
    iova = s.live[0].iova;
    unmap_one(&s, 0);
    assert_true(can_read(&s.f, RID0, iova));
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    request = (struct udmar__request){ .low = s.f.domain->request_low };
    while (udmar__queue_offer(s.f.domain->unit, &request, &ticket))
        continue;
    udmar_tick(s.f.instance);
    (void)model_queue_step(s.f.u, 4096);
    assert_true(can_read(&s.f, RID0, iova));
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    /* Its head has moved: there is room for whoever looks. */
    assert_int_equal(udmar__invalidate(s.f.domain->unit, &request, 1, true, &ticket), UDMAR_OK);
    assert_true(can_read(&s.f, RID0, iova));
    udmar_tick(s.f.instance);
    assert_false(can_read(&s.f, RID0, iova));
    close_scene(&s, true);
}

/* ---- Places of windows ----------------------------------------------------------------------- */

struct outcome {
    int error;
    uint64_t address;
};

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct outcome *outcome = argument;

    outcome->error = error;
    outcome->address = count == 1 ? segments[0].ds_addr : 0;
}

/* A random page of the buffer; 0 or the error. */
static int load_some(struct scene *s, struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    uint8_t *from = s->buffer + roll_below(&s->random, PAGES - 1) * PAGE;
    struct outcome outcome = { .error = -1 };
    int error = udmar_dmamap_load(tag, map, from, PAGE, note, &outcome, 0);

    if (error != 0)
        return error;
    assert_int_equal(outcome.error, 0);
    assert_true(device_sees(&s->f, RID0, outcome.address, from, PAGE));
    return 0;
}

/* Maps come and go, too: what rests in their windows is nobody else's. */
static void test_no_place_before_it_is_forgotten(void **state)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_IMMEDIATE, MODEL_QUEUE_DELAYED,
                                                   MODEL_QUEUE_TRICKLE };
    static const uint64_t sizes[] = { PAGE, KIB(16), KIB(100) };
    static struct scene s;

    (void)state;
    for (unsigned n = 0; n < 9; n++) {
        struct udmar_dma_map *map[4];
        struct udmar_dma_tag *tag;

        open_scene(&s, UINT64_MAX, "hw.dmar.strict=0");
        model_behaviour(s.f.u)->queue_mode = modes[n / 3];
        model_behaviour(s.f.u)->queue_delay = 20;
        tag = new_tag(&s.f, 0, &(struct limits){ .maxsize = sizes[n % 3] });
        for (unsigned i = 0; i < 4; i++)
            map[i] = new_map(tag);
        for (unsigned step = 0; step < 600; step++) {
            unsigned i = roll_below(&s.random, 4);

            assert_int_equal(load_some(&s, tag, map[i]), 0);
            udmar_dmamap_unload(tag, map[i]);
            if (roll_below(&s.random, 30) == 0) {
                drop_map(tag, map[i]);
                map[i] = new_map(tag);
            }
        }
        for (unsigned i = 0; i < 4; i++)
            drop_map(tag, map[i]);
        drop_tag(tag);
        close_scene(&s, true);
    }
}

/* Up to 16 places, as many as a block of 256 pages has room for; those of 65 pages and more rest
 * nowhere. */
static void test_places_of_each_size(void **state)
{
    static const unsigned sizes[] = { 2,  3,  8,  15, 16,  17,  31,  32,
                                      33, 63, 64, 65, 127, 128, 129, 256 };
    static struct scene s;

    (void)state;
    open_scene(&s, UINT64_MAX, "hw.dmar.strict=0");
    for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        /* One page more than the bytes fill. */
        const struct limits limits = { .maxsize = (sizes[n] - 1) * PAGE };
        unsigned expected = sizes[n] > 64 ? 1 : sizes[n] > 32 ? 4 : sizes[n] > 16 ? 8 : 16;
        struct udmar_dma_tag *tag = new_tag(&s.f, 0, &limits);
        struct udmar_dma_map *map = new_map(tag);
        uint64_t address[40];
        unsigned places = 0;

        for (unsigned i = 0; i < 40; i++) {
            unsigned known = 0;

            address[i] = load_one(tag, map, s.buffer, PAGE);
            udmar_dmamap_unload(tag, map);
            for (unsigned j = 0; j < i; j++)
                known += address[j] == address[i];
            places += known == 0;
            assert_true(known <= 40 / expected);
        }
        assert_int_equal(places, expected);
        drop_map(tag, map);
        drop_tag(tag);
    }
    close_scene(&s, true);
}

/* The request for a half of the places finds no room: reported, and no place is used until then. */
static void test_half_that_could_not_be_asked_for(void **state)
{
    static struct scene s;
    struct udmar__request request;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    unsigned loads = 0;
    uint64_t ticket;

    (void)state;
    open_scene(&s, UINT64_MAX, "hw.dmar.strict=0 hw.dmar.timeout=100000");
    tag = new_tag(&s.f, 0, &(struct limits){ .maxsize = PAGE });
    map = new_map(tag);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(load_some(&s, tag, map), 0);
        udmar_dmamap_unload(tag, map);
    }
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    request = (struct udmar__request){ .low = s.f.domain->request_low };
    while (udmar__invalidate(s.f.domain->unit, &request, 1, false, &ticket) == UDMAR_OK)
        continue;
    model_clear_log(s.f.m);
    while (load_some(&s, tag, map) == 0) {
        assert_true(++loads <= 8);
        assert_false(model_log_contains(s.f.m, "an unload was not confirmed"));
        udmar_dmamap_unload(tag, map);
    }
    assert_true(model_log_contains(s.f.m, "an unload was not confirmed"));
    assert_int_equal(load_some(&s, tag, map), UDMAR_ENOMEM);
    (void)model_queue_step(s.f.u, 4096);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(load_some(&s, tag, map), 0);
        udmar_dmamap_unload(tag, map);
    }
    drop_map(tag, map);
    drop_tag(tag);
    close_scene(&s, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_address_before_it_is_forgotten),
        cmocka_unit_test(test_slow_unit_loses_addresses_only),
        cmocka_unit_test(test_who_does_not_rest),
        cmocka_unit_test(test_batch_is_one_request),
        cmocka_unit_test(test_addresses_go_round),
        cmocka_unit_test(test_tick_with_a_full_queue),
        cmocka_unit_test(test_no_place_before_it_is_forgotten),
        cmocka_unit_test(test_places_of_each_size),
        cmocka_unit_test(test_half_that_could_not_be_asked_for),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("mapping_deferred", tests, NULL, NULL);
}
