/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sizes, the hard case for whoever searches a place at each load: with a number of mappings
 * live, one of them goes and one of another size comes, 20,000 times.
 */
#include "bench.h"
#include "bench_stats.h"

#define OPERATIONS 20000u
#define MAX_PAGES  256u /* 1 MiB */

struct churn {
    const struct bench *bench;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map **maps;
    unsigned live;
    uint32_t random;
    uint32_t *load, *unload, *both;
};

/* Marsaglia's xorshift: the same sizes in every run and for every mode. */
static uint32_t next_random(struct churn *churn)
{
    uint32_t x = churn->random;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return churn->random = x;
}

static size_t random_length(struct churn *churn)
{
    return (size_t)(1 + next_random(churn) % MAX_PAGES) * PAGE_SIZE;
}

static bool load_one(struct churn *churn, unsigned slot)
{
    size_t length = random_length(churn);
    int segments = 0;

    return udmar_dmamap_load(churn->tag, churn->maps[slot], churn->bench->contiguous, length,
                             bench_callback, &segments, UDMAR_DMA_NOWAIT) == 0 &&
           segments > 0;
}

static bool fill(struct churn *churn)
{
    for (unsigned slot = 0; slot < churn->live; slot++) {
        if (udmar_dmamap_create(churn->tag, 0, &churn->maps[slot]) != 0 || !load_one(churn, slot)) {
            kprintf("churn: only %u of %u mappings could be made\n", slot, churn->live);
            return false;
        }
    }
    return true;
}

static bool exchange(struct churn *churn, unsigned operation, uint32_t overhead)
{
    unsigned slot = next_random(churn) % churn->live;
    size_t length = random_length(churn);
    void *buffer = churn->bench->contiguous;
    struct udmar_dma_map *map = churn->maps[slot];
    int segments = 0;
    uint64_t start = bench_stamp();
    uint64_t middle;
    uint64_t end;
    int error;

    udmar_dmamap_unload(churn->tag, map);
    middle = bench_stamp();
    error = udmar_dmamap_load(churn->tag, map, buffer, length, bench_callback, &segments,
                              UDMAR_DMA_NOWAIT);
    end = bench_stamp();
    churn->unload[operation] = (uint32_t)(middle - start) - overhead;
    churn->load[operation] = (uint32_t)(end - middle) - overhead;
    churn->both[operation] = churn->unload[operation] + churn->load[operation];
    return error == 0 && segments > 0;
}

static bool measure(struct churn *churn)
{
    const struct bench_row row = { "\"random\"", churn->bench->mode, churn->live };
    struct bench_scale scale;
    uintptr_t state = irq_save();
    bool good = true;

    bench_calibrate(&scale);
    for (unsigned i = 0; i < OPERATIONS && good; i++) {
        good = exchange(churn, i, scale.overhead);
    }
    irq_restore(state);
    if (!good) {
        kprintf("churn: a load failed with %u live mappings\n", churn->live);
    } else {
        bench_print(&row, "load", churn->load, OPERATIONS, &scale);
        bench_print(&row, "unload", churn->unload, OPERATIONS, &scale);
        bench_print(&row, "load+unload", churn->both, OPERATIONS, &scale);
    }
    return good;
}

static bool empty(struct churn *churn)
{
    bool good = true;

    for (unsigned slot = 0; slot < churn->live; slot++) {
        udmar_dmamap_unload(churn->tag, churn->maps[slot]);
        good &= udmar_dmamap_destroy(churn->tag, churn->maps[slot]) == 0;
    }
    return good & (udmar_dma_tag_destroy(churn->tag) == 0);
}

bool bench_churn(const struct bench *bench, unsigned live)
{
    struct churn churn = { .bench = bench, .live = live, .random = 2463534242u };
    bool good;

    churn.maps = kzalloc(live * sizeof(struct udmar_dma_map *));
    churn.load = kzalloc(OPERATIONS * sizeof(uint32_t));
    churn.unload = kzalloc(OPERATIONS * sizeof(uint32_t));
    churn.both = kzalloc(OPERATIONS * sizeof(uint32_t));
    good = churn.maps != NULL && churn.load != NULL && churn.unload != NULL && churn.both != NULL &&
           bench_tag(bench, MAX_PAGES * PAGE_SIZE, &churn.tag) && fill(&churn) && measure(&churn) &&
           empty(&churn);
    kfree(churn.both);
    kfree(churn.unload);
    kfree(churn.load);
    kfree(churn.maps);
    return good;
}
