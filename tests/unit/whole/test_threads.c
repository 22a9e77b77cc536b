/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: several on one device and on devices of their own, each with maps of its own, loading
 * and unloading while others do, with DMA before and after. Made for the thread sanitizer; without
 * it this checks that nobody gets anybody else's memory.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/fixture.h"

#define THREADS 4u
#define ROUNDS  300u

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

struct worker {
    struct fixture *f;
    pthread_t thread;
    unsigned number;
    unsigned device;
    unsigned wrong[5]; /* what did not work, or worked and must not */
};

/* One segment: without cmocka's asserts, which belong to the main thread. */
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

static void transfer(struct worker *worker, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                     uint8_t *buffer, size_t length, unsigned round)
{
    struct fixture *f = worker->f;
    uint8_t sent[64];
    uint8_t back[64];
    struct address address = { .error = 1 };

    memset(sent, (int)(worker->number * 50 + round % 50 + 1), sizeof(sent));
    if (udmar_dmamap_load(tag, map, buffer, length, take, &address, UDMAR_DMA_NOWAIT) != 0 ||
        address.error != 0) {
        worker->wrong[0]++;
        return;
    }
    worker->wrong[1] +=
        model_dma(f->m, 0, rids[worker->device], address.bus, sent, sizeof(sent), true) != MODEL_OK;
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    worker->wrong[2] += memcmp(buffer, sent, sizeof(sent)) != 0;
    udmar_dmamap_unload(tag, map);
    worker->wrong[3] += model_dma(f->m, 0, rids[worker->device], address.bus, back, sizeof(back),
                                  false) == MODEL_OK;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct fixture *f = worker->f;
    /* From a page to a window with leaf tables of its own. */
    static const size_t sizes[] = { 4096, 65536, 3u << 20 };
    uint8_t *buffer = model_buffer_alloc(f->m, sizes[2], MODEL_CONTIGUOUS, 0);

    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct limits limits = { .maxsize = sizes[round % 3] };
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;

        /* Windows come and go as well: tables are linked and unlinked next to each other. */
        if (udmar_dma_tag_create(udmar_device_dma_tag(f->device[worker->device]), 1, 0, UINT64_MAX,
                                 UINT64_MAX, NULL, NULL, limits.maxsize, 1, limits.maxsize, 0, NULL,
                                 NULL, &tag) != 0 ||
            udmar_dmamap_create(tag, 0, &map) != 0) {
            worker->wrong[4]++;
            break;
        }
        for (unsigned i = 0; i < 4; i++) {
            transfer(worker, tag, map, buffer, limits.maxsize, round);
        }
        worker->wrong[4] += udmar_dmamap_destroy(tag, map) != 0;
        worker->wrong[4] += udmar_dma_tag_destroy(tag) != 0;
    }
    model_buffer_free(f->m, buffer);
    return NULL;
}

static void run(const struct setup *setup, bool one_device)
{
    struct worker workers[THREADS];
    struct fixture f;

    fixture_open(&f, setup);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){ .f = &f, .number = i, .device = one_device ? 0 : i % DEVICES };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        for (unsigned kind = 0; kind < 5; kind++) {
            assert_int_equal(workers[i].wrong[kind], 0);
        }
    }
    fixture_close(&f);
}

static void test_one_device(void **state)
{
    (void)state;
    run(&(struct setup){ 0 }, true);
}

static void test_devices_of_their_own(void **state)
{
    (void)state;
    run(&(struct setup){ 0 }, false);
}

static void test_deferred(void **state)
{
    /* The device may reach the memory until the unit has worked: here it does so at once. */
    (void)state;
    run(&(struct setup){ .tunables = "hw.dmar.strict=0" }, true);
}

static void test_registers(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.dmar.qi=0" }, true);
}

static void test_non_coherent(void **state)
{
    (void)state;
    run(&(struct setup){ .profile = "noncoherent" }, true);
}

static void test_without_direct_map(void **state)
{
    (void)state;
    run(&(struct setup){ .no_direct_map = true }, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_device),   cmocka_unit_test(test_devices_of_their_own),
        cmocka_unit_test(test_deferred),     cmocka_unit_test(test_registers),
        cmocka_unit_test(test_non_coherent), cmocka_unit_test(test_without_direct_map),
    };

    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
