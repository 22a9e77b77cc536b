/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that share a zone of bounce pages with fewer pages than they want: loads wait, are run by
 * whoever unloads, and are called off. Made for the thread sanitizer; without it this checks that
 * nobody gets anybody else's bytes and that no load is lost.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fixture/fixture.h"

#define LOW_4G  UINT64_C(0xffffffff)
#define THREADS 4u
#define ROUNDS  150u
#define SIZE    (3 * PAGE) /* with an offset: four pages */

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

/* A driver: a lock, a tag, a map, and what its load has come to. */
struct worker {
    struct fixture *f;
    pthread_t thread;
    unsigned number;
    pthread_mutex_t mutex;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    /* Under the mutex. */
    bool called;
    int error;
    int count;
    struct udmar_dma_segment segment[8];
    unsigned waited, cancelled;
    unsigned wrong[4];
};

static pthread_barrier_t everybody;

static void lock(void *argument, enum udmar_dma_lock_op op)
{
    struct worker *worker = argument;

    if (op == UDMAR_DMA_LOCK)
        pthread_mutex_lock(&worker->mutex);
    else
        pthread_mutex_unlock(&worker->mutex);
}

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct worker *worker = argument;

    worker->called = true;
    worker->error = error;
    worker->count = count;
    memcpy(worker->segment, segments, (size_t)count * sizeof(*segments));
}

/* The device writes the worker's own pattern, and the buffer has it afterwards. */
static void transfer(struct worker *worker, unsigned round)
{
    uint8_t sent[SIZE];
    size_t done = 0;

    memset(sent, (int)(worker->number * 60 + round % 50 + 1), sizeof(sent));
    for (int i = 0; i < worker->count; i++) {
        size_t size = (size_t)worker->segment[i].ds_len;
        enum model_result result = model_dma(worker->f->m, 0, rids[worker->number % DEVICES],
                                             worker->segment[i].ds_addr, sent + done, size, true);

        worker->wrong[0] += result != MODEL_OK && result != MODEL_BYPASSED;
        done += size;
    }
    udmar_dmamap_sync(worker->tag, worker->map, UDMAR_DMA_SYNC_POSTREAD);
    worker->wrong[1] += done != SIZE || memcmp(worker->buffer, sent, SIZE) != 0;
}

/* False: called off before it came. */
static bool wait_for_it(struct worker *worker, bool patient)
{
    for (unsigned turns = 0;; turns++) {
        bool called;

        pthread_mutex_lock(&worker->mutex);
        called = worker->called;
        if (!called && !patient && turns == 1) {
            /* From here on it does not come any more. */
            udmar_dmamap_unload(worker->tag, worker->map);
            worker->cancelled++;
            pthread_mutex_unlock(&worker->mutex);
            return false;
        }
        pthread_mutex_unlock(&worker->mutex);
        if (called)
            return true;
        sched_yield();
    }
}

static void one_round(struct worker *worker, unsigned round)
{
    int result;

    /* All ask before anybody lets go: two have pages, two wait. */
    (void)pthread_barrier_wait(&everybody);
    pthread_mutex_lock(&worker->mutex);
    worker->called = false;
    do {
        /* Busy for a moment: a load that was called off is on its way out. */
        result = udmar_dmamap_load(worker->tag, worker->map, worker->buffer, SIZE, note, worker, 0);
        if (result == UDMAR_EBUSY) {
            pthread_mutex_unlock(&worker->mutex);
            sched_yield();
            pthread_mutex_lock(&worker->mutex);
        }
    } while (result == UDMAR_EBUSY);
    pthread_mutex_unlock(&worker->mutex);
    (void)pthread_barrier_wait(&everybody);
    if (result == UDMAR_EINPROGRESS) {
        worker->waited++;
        if (!wait_for_it(worker, round % 3 != 0))
            return;
    } else if (result != 0) {
        worker->wrong[2]++;
        return;
    }
    worker->wrong[2] += worker->error != 0;
    transfer(worker, round);
    sched_yield();
    /* Without the lock: this thread may come to run the loads of others, under their locks. */
    udmar_dmamap_unload(worker->tag, worker->map);
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    for (unsigned round = 0; round < ROUNDS; round++)
        one_round(worker, round);
    return NULL;
}

static void make_worker(struct worker *worker, struct fixture *f, unsigned number)
{
    struct udmar_dma_tag *root = udmar_device_dma_tag(f->device[number % DEVICES]);

    memset(worker, 0, sizeof(*worker));
    worker->f = f;
    worker->number = number;
    assert_int_equal(pthread_mutex_init(&worker->mutex, NULL), 0);
    assert_int_equal(udmar_dma_tag_create(root, 1, 0, LOW_4G, UINT64_MAX, NULL, NULL, SIZE, 8,
                                          UINT64_MAX, 0, lock, worker, &worker->tag),
                     0);
    /* Pages for two of four. */
    model_fail_host_calls_of(f->m, MODEL_CALL_PAGE_ALLOC, number < 2 ? 0 : 1, number >= 2);
    worker->map = new_map(worker->tag);
    worker->buffer = model_buffer_alloc(f->m, SIZE, MODEL_HIGH | MODEL_SCATTERED, 40);
}

static void *run_deferred(void *argument)
{
    struct fixture *f = ((void **)argument)[0];
    bool *end = ((void **)argument)[1];

    while (!__atomic_load_n(end, __ATOMIC_ACQUIRE)) {
        udmar_dma_run_waiting(f->instance);
        sched_yield();
    }
    return NULL;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

static void run(bool own_thread)
{
    const struct setup setup = { .tunables = "hw.busdma.default=bounce" };
    static struct worker workers[THREADS];
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    bool end = false;
    void *arguments[] = { &f, &end };
    pthread_t runner;
    unsigned waited = 0, cancelled = 0;

    fixture_open(&f, &setup);
    assert_int_equal(pthread_barrier_init(&everybody, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++)
        make_worker(&workers[i], &f, i);
    if (own_thread) {
        udmar_dma_on_waiting(f.instance, do_nothing, NULL);
        assert_int_equal(pthread_create(&runner, NULL, run_deferred, arguments), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    if (own_thread) {
        __atomic_store_n(&end, true, __ATOMIC_RELEASE);
        assert_int_equal(pthread_join(runner, NULL), 0);
        udmar_dma_run_waiting(f.instance);
    }
    assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
    assert_int_equal(zone.free_pages, zone.total_pages);
    assert_int_equal(zone.waiting, 0);
    model_fail_host_call(f.m, 0, false);
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned kind = 0; kind < 4; kind++)
            assert_int_equal(workers[i].wrong[kind], 0);
        waited += workers[i].waited;
        cancelled += workers[i].cancelled;
        drop_map(workers[i].tag, workers[i].map);
        drop_tag(workers[i].tag);
        model_buffer_free(f.m, workers[i].buffer);
    }
    assert_int_equal(zone.total_deferred, waited);
    assert_true(waited >= THREADS);
    print_message("# %u loads waited, %u of them were called off\n", waited, cancelled);
    pthread_barrier_destroy(&everybody);
    fixture_close(&f);
}

static void test_run_by_who_unloads(void **state)
{
    (void)state;
    run(false);
}

static void test_run_by_a_thread_of_their_own(void **state)
{
    (void)state;
    run(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_by_who_unloads),
        cmocka_unit_test(test_run_by_a_thread_of_their_own),
    };

    return cmocka_run_group_tests_name("page_pool_threads", tests, NULL, NULL);
}
