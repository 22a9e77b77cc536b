/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processors that load and unload 4 KiB each on one device, where every wait takes the unit 2
 * microseconds, one behind the other: which is when it matters that they share waits. Time is
 * virtual. A processor spends some time between two unloads, the load included, and some on each
 * look at the clock; both are set here.
 */
#include <stdio.h>

#include "measure.h"
#include "virtual.h"

#define WAIT_NS  2000u
#define CYCLES   500u
#define WORK_MIN 100u /* a load and an unload without the wait; what the driver does is above */
#define WORK_MAX 500u
#define MOST     16u

struct worker {
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *buffer;
};

static struct worker workers[MOST];

static void work(unsigned number)
{
    struct worker *worker = &workers[number];
    uint32_t random = number + 1;

    for (unsigned i = 0; i < CYCLES; i++) {
        /* Processors in step would meet or miss each other for ever. */
        random = random * 1664525u + 1013904223u;
        bench_virtual_pass(WORK_MIN + (random >> 16) % (WORK_MAX - WORK_MIN));
        bench_cycle(worker->tag, worker->map, worker->buffer);
    }
}

static uint64_t waits(struct udmar *instance)
{
    struct udmar_unit_status status;
    uint64_t sum = 0;

    for (unsigned i = 0; i < udmar_unit_count(instance); i++) {
        if (udmar_unit_status(instance, i, &status) == UDMAR_OK) {
            sum += status.waits;
        }
    }
    return sum;
}

static void run(unsigned processors, const char *mode)
{
    struct udmar *instance =
        bench_start(&(struct bench_config){ .strict = true, .wait_ns = WAIT_NS });
    struct udmar_device *device = bench_device(instance, BENCH_RID_SHARED(0));
    uint8_t *buffer = bench_buffer(MOST * UDMAR_PAGE_SIZE);
    uint64_t before, elapsed;
    double unloads = (double)processors * CYCLES;

    for (unsigned i = 0; i < processors; i++) {
        workers[i].tag = bench_tag(device, UDMAR_PAGE_SIZE);
        workers[i].map = bench_map(workers[i].tag);
        workers[i].buffer = buffer + i * UDMAR_PAGE_SIZE;
    }
    before = waits(instance);
    elapsed = bench_virtual_run(processors, work);
    printf("{\"what\": \"load+unload\", \"size\": 4096, \"mode\": \"%s\", \"processors\": %u, "
           "\"wait_ns\": %u, \"per_second\": %.0f, \"waits_per_unload\": %.3f, \"avg\": %.1f, "
           "\"unit\": \"ns, virtual\"}\n",
           mode, processors, WAIT_NS, unloads * 1e9 / (double)elapsed,
           (double)(waits(instance) - before) / unloads, (double)elapsed * processors / unloads);
    (void)fflush(stdout);
    for (unsigned i = 0; i < processors; i++) {
        (void)udmar_dmamap_destroy(workers[i].tag, workers[i].map);
        (void)udmar_dma_tag_destroy(workers[i].tag);
    }
    bench_stop(instance);
}

/*
 * The program that was built against a library with UDMAR_ONE_WAIT_EACH says so in the mode: there
 * every unload waits for a wait descriptor of its own.
 */
void bench_shared_waits(void)
{
#ifdef UDMAR_ONE_WAIT_EACH
    const char *mode = "strict, one wait each";
#else
    const char *mode = "strict, shared waits";
#endif

    for (unsigned processors = 1; processors <= MOST; processors += processors < 4 ? 1 : 4) {
        run(processors, mode);
    }
}
