/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that map and unmap streams, each on a CPU of its own with its own cache, in one domain;
 * half of them end what the others have begun. Made for the thread sanitizer; without it this
 * checks that nobody reaches anybody else's memory.
 */
#include <pthread.h>
#include <string.h>

#include <udmar/stream.h>

#include "mapping/cpu_cache.h"
#include "fixture/fixture.h"

#define THREADS 8u
#define ROUNDS  120u
#define HANDED  4u /* mappings on their way from one thread to the next */

/* What a thread has mapped for the next one to end. */
struct handed {
    pthread_mutex_t mutex;
    uint64_t iova[HANDED];
    unsigned count;
};

struct worker {
    struct fixture *f;
    pthread_t thread;
    unsigned number;
    bool strict;
    struct handed *give;
    struct handed *take;
    uint8_t *memory;
    uint8_t *buffer;   /* in it */
    unsigned wrong[5]; /* what did not work, or worked and must not */
};

static uint64_t map_bytes(struct worker *worker, uint64_t length, uint64_t highest)
{
    struct fixture *f = worker->f;
    size_t run = 1;
    const struct udmar_dma_physical piece = {
        udmar_host_virtual_to_physical(f->m, worker->buffer, &run), length
    };
    udmar_iova_t iova = 0;

    if (udmar_stream_map(f->domain, &piece, 1, UDMAR_READ_WRITE, highest, &iova) != UDMAR_OK) {
        worker->wrong[0]++;
        return 0;
    }
    worker->wrong[0] += iova + length - 1 > highest;
    return iova;
}

/* Both ends of a mapping are this thread's buffer and nothing else. */
static void transfer(struct worker *worker, uint64_t iova, uint64_t length, unsigned round)
{
    struct fixture *f = worker->f;
    uint64_t at[2] = { 0, length - 1 };

    for (unsigned end = 0; end < 2; end++) {
        uint8_t sent = (uint8_t)(worker->number * 31 + round * 2 + end + 1);

        worker->wrong[1] += model_dma(f->m, 0, RID0, iova + at[end], &sent, 1, true) != MODEL_OK;
        worker->wrong[2] += worker->buffer[at[end]] != sent;
    }
}

static void end_mapping(struct worker *worker, uint64_t iova)
{
    worker->wrong[3] += udmar_stream_unmap(worker->f->domain, iova) != UDMAR_OK;
}

/* A mapping changes hands: what was made on one CPU is ended on another, into its cache. */
static void hand_on(struct worker *worker, uint64_t iova)
{
    bool given;

    pthread_mutex_lock(&worker->give->mutex);
    given = worker->give->count < HANDED;
    if (given)
        worker->give->iova[worker->give->count++] = iova;
    pthread_mutex_unlock(&worker->give->mutex);
    if (!given)
        end_mapping(worker, iova);
}

static void end_anothers(struct worker *worker)
{
    uint64_t iova = 0;

    pthread_mutex_lock(&worker->take->mutex);
    if (worker->take->count > 0)
        iova = worker->take->iova[--worker->take->count];
    pthread_mutex_unlock(&worker->take->mutex);
    if (iova != 0)
        end_mapping(worker, iova);
}

/* After the end this memory is out of reach, whoever has the address now. */
static void look_back(struct worker *worker, uint64_t iova)
{
    uint8_t secret[16], back[16];

    memset(secret, (int)(0xf0 + worker->number), sizeof(secret));
    memcpy(worker->buffer, secret, sizeof(secret));
    memset(back, 0, sizeof(back));
    (void)model_dma(worker->f->m, 0, RID0, iova, back, sizeof(back), false);
    worker->wrong[4] += memcmp(back, secret, sizeof(back)) == 0;
}

static void *work(void *argument)
{
    static const uint64_t sizes[] = { 16, PAGE, 5 * PAGE, KIB(64), PAGE, MIB(1), PAGE, MIB(2) };
    struct worker *worker = argument;
    struct fixture *f = worker->f;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t length = sizes[round % 8];
        uint64_t highest = round % 3 == 0 ? UINT32_MAX : UINT64_MAX;
        uint64_t iova = map_bytes(worker, length, highest);

        if (iova == 0)
            continue;
        transfer(worker, iova, length, round);
        if (round % 4 == 1) {
            hand_on(worker, iova);
        } else {
            end_mapping(worker, iova);
            if (worker->strict)
                look_back(worker, iova);
        }
        end_anothers(worker);
        if (worker->number == 0 && round % 8 == 0)
            udmar_tick(f->instance);
        if (worker->number == 1 && round % 40 == 39)
            udmar__cpu_caches_trim(f->domain);
    }
    return NULL;
}

static void open_worker(struct worker *worker, struct fixture *f, struct handed *handed,
                        unsigned number, bool strict)
{
    size_t run = 1;
    uint64_t physical;

    *worker = (struct worker){ .f = f, .number = number, .strict = strict };
    worker->memory = model_buffer_alloc(f->m, MIB(4), MODEL_CONTIGUOUS, 0);
    physical = udmar_host_virtual_to_physical(f->m, worker->memory, &run);
    /* At a large page, so that 2 MiB are one entry. */
    worker->buffer = worker->memory + ((MIB(2) - physical) & (MIB(2) - 1));
    worker->give = &handed[number];
    worker->take = &handed[(number + 1) % THREADS];
    handed[number].count = 0;
    assert_int_equal(pthread_mutex_init(&handed[number].mutex, NULL), 0);
}

static void close_worker(struct worker *worker)
{
    while (worker->give->count > 0)
        end_mapping(worker, worker->give->iova[--worker->give->count]);
    for (unsigned kind = 0; kind < 5; kind++)
        assert_int_equal(worker->wrong[kind], 0);
    pthread_mutex_destroy(&worker->give->mutex);
    model_buffer_free(worker->f->m, worker->memory);
}

static void run(struct setup setup)
{
    struct worker workers[THREADS];
    struct handed handed[THREADS];
    struct udmar_domain_info info;
    struct fixture f;
    unsigned caches = 0;

    setup.cpus = THREADS;
    setup.machine.low_size = MIB(128);
    fixture_open(&f, &setup);
    for (unsigned i = 0; i < THREADS; i++)
        open_worker(&workers[i], &f, handed, i, setup.tunables == NULL);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        close_worker(&workers[i]);
        caches += udmar__mapper_of(f.domain)->caches[i] != NULL;
    }
    /* Each has worked on a CPU of its own; without a direct map there is nothing to cache. */
    assert_int_equal(caches, setup.no_direct_map ? 0 : THREADS);
    udmar__cpu_caches_trim(f.domain);
    udmar_domain_info(f.domain, &info);
    assert_int_equal(info.table_pages, 1);
    fixture_close(&f);
}

static void test_strict(void **state)
{
    (void)state;
    run((struct setup){ .profile = NULL });
}

/* What was unmapped rests: batches go round, and the tick comes in between. */
static void test_deferred(void **state)
{
    (void)state;
    run((struct setup){ .tunables = "hw.dmar.strict=0", .ticking = true });
}

/* Each mapping of a table that is gone crashes, and every table is reached by such a mapping. */
static void test_without_direct_map(void **state)
{
    (void)state;
    run((struct setup){ .no_direct_map = true, .machine = { .alias_maps = true } });
}

static void test_non_coherent(void **state)
{
    (void)state;
    run((struct setup){ .profile = "noncoherent" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_without_direct_map),
        cmocka_unit_test(test_non_coherent),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stream_threads", tests, NULL, NULL);
}
