/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest addresses alone: what it takes to find a place and to give it back, with more and more of
 * them taken. Fragmented: every other page is free, and two pages together are asked for. The
 * public functions are called, so the domain's lock and the range's own memory are in it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

#define OPERATIONS 20000u

struct space {
    struct udmar_domain *domain;
    udmar_iova_t *taken;
    unsigned live;
    uint32_t random;
};

static uint32_t next_random(struct space *space)
{
    uint32_t x = space->random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return space->random = x;
}

static udmar_iova_t take(struct space *space, uint64_t pages)
{
    udmar_iova_t iova;

    if (udmar_domain_alloc_iova(space->domain, pages * UDMAR_PAGE_SIZE, NULL, &iova) != UDMAR_OK) {
        bench_die("no guest address");
    }
    return iova;
}

static void give(struct space *space, udmar_iova_t iova)
{
    if (udmar_domain_free_iova(space->domain, iova) != UDMAR_OK) {
        bench_die("a guest address cannot be given back");
    }
}

/* Takes twice as many and gives every other one back, so that single pages are left between. */
static void fill(struct space *space, bool fragmented)
{
    udmar_iova_t *extra = calloc(space->live, sizeof(*extra));

    for (unsigned i = 0; i < space->live; i++) {
        space->taken[i] = take(space, 1);
        if (fragmented) {
            extra[i] = take(space, 1);
        }
    }
    for (unsigned i = 0; i < space->live && fragmented; i++) {
        give(space, extra[i]);
    }
    free(extra);
}

static void print(const struct space *space, const char *what, bool fragmented,
                  struct bench_series *series)
{
    struct bench_summary ns = bench_series_end(series);

    printf("{\"what\": \"%s\", \"size\": %u, \"mode\": \"iova\", \"live\": %u, "
           "\"fragmented\": %s, \"min\": %.1f, \"median\": %.1f, \"p99\": %.1f, "
           "\"avg\": %.1f, \"unit\": \"ns\"}\n",
           what, fragmented ? 8192 : 4096, space->live, fragmented ? "true" : "false", ns.least,
           ns.median, ns.p99, ns.average);
}

static void exchange(struct space *space, bool fragmented)
{
    struct bench_series allocating;
    struct bench_series freeing;

    bench_series_init(&allocating, OPERATIONS);
    bench_series_init(&freeing, OPERATIONS);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned slot = next_random(space) % space->live;
        uint64_t start = bench_cycles_now();
        udmar_iova_t found = take(space, fragmented ? 2 : 1);
        uint64_t middle = bench_cycles_now();

        /* Fragmented: what was found goes again, else a random other one does. */
        give(space, fragmented ? found : space->taken[slot]);
        bench_series_add(&freeing, bench_cycles_now() - middle);
        bench_series_add(&allocating, middle - start);
        if (!fragmented) {
            space->taken[slot] = found;
        }
    }
    print(space, "alloc", fragmented, &allocating);
    print(space, "free", fragmented, &freeing);
}

void bench_allocator(void)
{
    static const unsigned steps[] = { 16, 1024, 16384, 262144, 1048576 };

    for (unsigned i = 0; i < 2 * sizeof(steps) / sizeof(steps[0]); i++) {
        struct udmar *instance = bench_start(&(struct bench_config){ .strict = true, .width = 48 });
        struct space space = { .live = steps[i / 2], .random = 2463534242u };
        bool fragmented = i % 2 != 0;

        space.domain = udmar_device_domain(bench_device(instance, BENCH_RID_SHARED(0)));
        space.taken = calloc(space.live, sizeof(*space.taken));
        fill(&space, fragmented);
        exchange(&space, fragmented);
        for (unsigned slot = 0; slot < space.live; slot++) {
            give(&space, space.taken[slot]);
        }
        free(space.taken);
        bench_stop(instance);
    }
}
