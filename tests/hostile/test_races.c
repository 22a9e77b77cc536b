/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that do not keep out of each other's way: loads of windows and of ranges on many devices,
 * devices that come and go, faults that are read while they happen, a queue that a thread of its
 * own works off late. Made for the thread sanitizer; without it this checks that nobody reaches
 * anybody else's memory.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/claims.h"
#include "fixture/fixture.h"

#define LOADERS 4u
#define GUEST   UINT16_C(0x0108) /* the function that comes and goes */

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

struct race {
    struct fixture f;
    unsigned rounds;
    unsigned running; /* loaders that are not done; atomic */
    bool deferred;
    unsigned wrong[6];
};

struct worker {
    struct race *race;
    pthread_t thread;
    unsigned number;
    unsigned wrong[6];
};

struct address {
    uint64_t bus;
    int error;
};

static void take(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct address *address = argument;

    address->error = error != 0 || count != 1;
    address->bus = address->error ? 0 : segments[0].ds_addr;
}

/* ---- Who loads ------------------------------------------------------------------------------- */

static void transfer(struct worker *w, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                     uint8_t *buffer, size_t length, unsigned round)
{
    struct model *m = w->race->f.m;
    uint16_t rid = rids[w->number % DEVICES];
    struct address address = { .error = 1 };
    uint8_t sent[16], back[16];

    memset(sent, (int)(w->number * 50 + round % 50 + 1), sizeof(sent));
    if (udmar_dmamap_load(tag, map, buffer, length, take, &address, 0) != 0 || address.error != 0) {
        w->wrong[0]++;
        return;
    }
    w->wrong[1] += model_dma(m, 0, rid, address.bus, sent, sizeof(sent), true) != MODEL_OK;
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    w->wrong[2] += memcmp(buffer, sent, sizeof(sent)) != 0;
    udmar_dmamap_unload(tag, map);
    /* Others of this device may have got the address meanwhile, but this memory is out of reach. */
    memset(buffer, (int)(w->number + 200), sizeof(sent));
    memset(back, 0, sizeof(back));
    if (!w->race->deferred) {
        (void)model_dma(m, 0, rid, address.bus, back, sizeof(back), false);
        w->wrong[3] += memcmp(buffer, back, sizeof(back)) == 0;
    }
}

static void *loader(void *argument)
{
    struct worker *w = argument;
    static const size_t sizes[] = { 4096, 65536, 200000 };
    uint8_t *buffer = model_buffer_alloc(w->race->f.m, sizes[2], MODEL_CONTIGUOUS, 0);

    for (unsigned round = 0; round < w->race->rounds; round++) {
        size_t size = sizes[round % 3];
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        if (udmar_dma_tag_create(udmar_device_dma_tag(w->race->f.device[w->number % DEVICES]), 1, 0,
                                 UINT64_MAX, UINT64_MAX, NULL, NULL, size, 1, size, 0, NULL, NULL,
                                 &tag) != 0 ||
            udmar_dmamap_create(tag, 0, &map) != 0) {
            w->wrong[4]++;
            break;
        }
        for (unsigned i = 0; i < 4; i++)
            transfer(w, tag, map, buffer, size, round);
        w->wrong[4] += udmar_dmamap_destroy(tag, map) != 0;
        w->wrong[4] += udmar_dma_tag_destroy(tag) != 0;
    }
    model_buffer_free(w->race->f.m, buffer);
    __atomic_sub_fetch(&w->race->running, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Maps and unmaps next to each other, so that tables are unlinked while others link them. */
static void *mapper(void *argument)
{
    struct worker *w = argument;
    struct udmar_domain *domain = w->race->f.domain;
    uint64_t iova = UINT64_C(0x20000000) + w->number * PAGE;

    for (unsigned round = 0; round < w->race->rounds * 4; round++) {
        struct model *m = w->race->f.m;
        uint64_t physical = UINT64_C(0x700000) + w->number * PAGE;
        uint8_t byte;

        if (udmar_domain_map(domain, iova, physical, PAGE, UDMAR_READ) != UDMAR_OK) {
            w->wrong[0]++;
            continue;
        }
        w->wrong[1] += model_dma(m, 0, RID0, iova, &byte, 1, false) != MODEL_OK;
        w->wrong[4] += udmar_domain_unmap(domain, iova, PAGE) != UDMAR_OK;
        w->wrong[3] += model_dma(m, 0, RID0, iova, &byte, 1, false) == MODEL_OK;
    }
    __atomic_sub_fetch(&w->race->running, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- Who disturbs ---------------------------------------------------------------------------- */

static bool goes_on(struct race *race)
{
    return __atomic_load_n(&race->running, __ATOMIC_ACQUIRE) != 0;
}

/* One caller at a time may attach: this one. */
static void *comes_and_goes(void *argument)
{
    struct worker *w = argument;
    struct race *race = w->race;

    while (goes_on(race)) {
        struct udmar_device *device;
        uint8_t byte = 0;

        if (udmar_device_attach(race->f.instance, 0, GUEST, "guest", &device) != UDMAR_OK) {
            w->wrong[5]++;
            break;
        }
        w->wrong[5] += udmar_device_set_mode(device, UDMAR_MODE_IDENTITY) != UDMAR_OK;
        w->wrong[5] += udmar_device_set_mode(device, UDMAR_MODE_TRANSLATE) != UDMAR_OK;
        w->wrong[5] += udmar_device_detach(device) != UDMAR_OK;
        w->wrong[5] += model_dma(race->f.m, 0, GUEST, 0x700000, &byte, 1, true) != MODEL_BLOCKED;
    }
    return NULL;
}

static void *makes_faults(void *argument)
{
    struct worker *w = argument;
    struct race *race = w->race;
    struct udmar_fault fault;
    uint64_t sequence = 0;
    uint8_t byte = 0;

    while (goes_on(race)) {
        for (unsigned i = 0; i < 4; i++)
            (void)model_dma(race->f.m, 0, rids[i % DEVICES], UINT64_C(0x3ff0000000) + i * PAGE,
                            &byte, 1, true);
        /* And by the one whose domain comes and goes. */
        (void)model_dma(race->f.m, 0, GUEST, UINT64_C(0x3ff0000000), &byte, 1, true);
        (void)udmar_fault_poll(race->f.instance);
        while (udmar_fault_next(race->f.instance, sequence, &fault))
            sequence = fault.sequence;
        sched_yield();
    }
    return NULL;
}

static void *works_the_queue(void *argument)
{
    struct worker *w = argument;

    /* One descriptor, a pause, one descriptor: waits are always in flight. */
    while (goes_on(w->race)) {
        (void)model_queue_step(w->race->f.u, 1);
        sched_yield();
    }
    return NULL;
}

/* ---- Races ----------------------------------------------------------------------------------- */

static void start(struct race *race, struct worker *w, unsigned number, void *(*body)(void *))
{
    *w = (struct worker){ .race = race, .number = number };
    assert_int_equal(pthread_create(&w->thread, NULL, body, w), 0);
}

static void run(const struct setup *setup, unsigned rounds, bool late_queue)
{
    struct worker workers[LOADERS + 5];
    struct race race = { .rounds = rounds, .running = LOADERS + 2 };
    unsigned count = 0;

    race.deferred = setup->tunables != NULL && strstr(setup->tunables, "strict=0") != NULL;
    fixture_open(&race.f, setup);
    model_add_function(race.f.m, 0, GUEST, 0x8086, 0x10d3, 0x020000);
    for (unsigned i = 0; i < DEVICES; i++)
        assert_non_null(udmar_device_dma_tag(race.f.device[i]));
    if (late_queue)
        model_behaviour(race.f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    for (unsigned i = 0; i < LOADERS; i++)
        start(&race, &workers[count++], i, loader);
    start(&race, &workers[count++], 0, mapper);
    start(&race, &workers[count++], 1, mapper);
    start(&race, &workers[count++], 0, makes_faults);
    start(&race, &workers[count++], 0, late_queue ? works_the_queue : comes_and_goes);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        for (unsigned kind = 0; kind < 6; kind++)
            assert_int_equal(workers[i].wrong[kind], 0);
    }
    model_behaviour(race.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(race.f.u, 4096);
    if (!race.deferred)
        assert_int_equal(model_cache_stale(race.f.u), 0);
    drain_faults(&race.f);
    fixture_close(&race.f);
}

static void test_guests(void **state)
{
    (void)state;
    run(&(struct setup){ 0 }, 40, false);
}

static void test_guests_with_ranges(void **state)
{
    (void)state;
    run(&(struct setup){ .window_limit = KIB(4) }, 40, false);
}

/* The clock of the model runs with each look at it: a late queue needs a long timeout. */
static void test_late_queue(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.dmar.timeout=100000000000" }, 12, true);
}

static void test_late_queue_with_ranges(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000000000",
                                 .window_limit = KIB(4) };

    (void)state;
    run(&setup, 12, true);
}

static void test_deferred_with_ranges(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.dmar.strict=0", .window_limit = KIB(16) }, 40, false);
}

static void test_caching_mode(void **state)
{
    (void)state;
    run(&(struct setup){ .profile = "cm" }, 25, false);
}

/* ---- Start and stop against who comes in meanwhile --------------------------------------------
 */

struct gate {
    struct fixture f;
    bool over;  /* atomic */
    bool quiet; /* atomic: nobody maps, unmaps or loads */
    bool still; /* atomic: who loads has seen it */
    unsigned turns;
};

/* Allowed at any time but in stop: a driver maps and unmaps, whatever becomes of its unit. */
static void *drives_on(void *argument)
{
    struct gate *g = argument;
    struct udmar_dma_tag *tag = NULL;
    struct udmar_dma_map *map = NULL;
    uint8_t *buffer = model_buffer_alloc(g->f.m, 4096, MODEL_CONTIGUOUS, 0);
    const struct limits limits = { .maxsize = 4096 };

    tag = new_tag(&g->f, 0, &limits);
    map = new_map(tag);
    while (!__atomic_load_n(&g->over, __ATOMIC_ACQUIRE)) {
        struct address address = { .error = 1 };

        __atomic_store_n(&g->still, false, __ATOMIC_RELEASE);
        while (__atomic_load_n(&g->quiet, __ATOMIC_ACQUIRE)) {
            __atomic_store_n(&g->still, true, __ATOMIC_RELEASE);
            sched_yield();
        }
        if (udmar_dmamap_load(tag, map, buffer, 4096, take, &address, UDMAR_DMA_NOWAIT) == 0)
            udmar_dmamap_unload(tag, map);
        (void)udmar_domain_map(g->f.domain, UINT64_C(0x20000000), 0x700000, PAGE, UDMAR_READ);
        (void)udmar_domain_unmap(g->f.domain, UINT64_C(0x20000000), PAGE);
        __atomic_add_fetch(&g->turns, 1, __ATOMIC_RELAXED);
    }
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(g->f.m, buffer);
    return NULL;
}

/* Allowed at any time: ticks, polls, and an error of the queue that is there to be found. */
static void *ticks_and_polls(void *argument)
{
    struct gate *g = argument;

    while (!__atomic_load_n(&g->over, __ATOMIC_ACQUIRE)) {
        udmar_tick(g->f.instance);
        (void)udmar_fault_poll(g->f.instance);
        sched_yield();
    }
    return NULL;
}

static void be_quiet(struct gate *g, bool quiet)
{
    __atomic_store_n(&g->still, false, __ATOMIC_RELEASE);
    __atomic_store_n(&g->quiet, quiet, __ATOMIC_RELEASE);
    while (quiet && !__atomic_load_n(&g->still, __ATOMIC_ACQUIRE))
        sched_yield();
}

/* One start that may fail at any wait, and a stop that may do so, too. */
static void one_turn(struct gate *g, unsigned n)
{
    be_quiet(g, true);
    model_hang_wait(g->f.u, n % 3 == 0 ? 0 : 1 + n % 4, n % 2 == 0);
    if (n % 3 == 1)
        model_inject_queue_error(g->f.u, 1 + n % 2, MODEL_QUEUE_IQE + n % 3, RID0, 0);
    (void)udmar_stop(g->f.instance);
    model_release_waits(g->f.u);
    model_inject_queue_error(g->f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    be_quiet(g, false);
    if (n % 5 == 0)
        model_fail_host_calls_of(g->f.m, MODEL_CALL_PAGE_ALLOC, 1, false);
    model_hang_wait(g->f.u, n % 7, true);
    (void)udmar_start(g->f.instance);
    model_fail_host_call(g->f.m, 0, false);
    model_release_waits(g->f.u);
    for (unsigned i = 0; i < 20; i++)
        sched_yield();
}

static void starts_and_stops(const char *profile, const char *tunables)
{
    const struct setup setup = { .profile = profile, .tunables = tunables, .ticking = true };
    static struct gate g;
    pthread_t threads[3];

    memset(&g, 0, sizeof(g));
    fixture_open(&g.f, &setup);
    assert_non_null(udmar_device_dma_tag(g.f.device[0]));
    assert_int_equal(pthread_create(&threads[0], NULL, drives_on, &g), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, ticks_and_polls, &g), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, ticks_and_polls, &g), 0);
    for (unsigned n = 0; n < 60; n++)
        one_turn(&g, n);
    be_quiet(&g, true);
    (void)udmar_stop(g.f.instance);
    (void)udmar_start(g.f.instance);
    be_quiet(&g, false);
    __atomic_store_n(&g.over, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(g.turns > 0);
    assert_int_equal(claims_disagree(g.f.m, g.f.instance), 0);
    drain_faults(&g.f);
    g.f.forgive = true; /* commands were given before the one before had ended */
    fixture_close(&g.f);
}

static void test_starts_and_stops(void **state)
{
    (void)state;
    starts_and_stops("generic48", "hw.dmar.timeout=50000");
    starts_and_stops("generic48", "hw.dmar.timeout=50000 hw.dmar.strict=0");
    starts_and_stops("v6", "hw.dmar.timeout=50000 hw.dmar.strict=0");
    starts_and_stops("rwbf", "hw.dmar.timeout=50000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_guests_with_ranges),
        cmocka_unit_test(test_late_queue),
        cmocka_unit_test(test_late_queue_with_ranges),
        cmocka_unit_test(test_deferred_with_ranges),
        cmocka_unit_test(test_caching_mode),
        cmocka_unit_test(test_starts_and_stops),
    };

    return cmocka_run_group_tests_name("races", tests, NULL, NULL);
}
