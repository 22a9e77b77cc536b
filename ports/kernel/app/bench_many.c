/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many at once, as a disk's queue has them: 256 loads of a page, then 256 unloads. What is counted
 * is the mean of one load and one unload in each round.
 */
#include "bench.h"
#include "bench_stats.h"

#define AT_ONCE 256u
#define ROUNDS  101u

static uint32_t loads[ROUNDS], unloads[ROUNDS], both[ROUNDS];

static bool one_round(const struct bench *bench, struct udmar_dma_tag *tag,
                      struct udmar_dma_map **maps, unsigned round)
{
    uint64_t start = bench_stamp();
    uint64_t middle;
    bool good = true;

    for (unsigned i = 0; i < AT_ONCE; i++) {
        int segments = 0;

        good &= udmar_dmamap_load(tag, maps[i], bench->contiguous + i * PAGE_SIZE, PAGE_SIZE,
                                  bench_callback, &segments, UDMAR_DMA_NOWAIT) == 0 &&
                segments > 0;
    }
    middle = bench_stamp();
    for (unsigned i = 0; i < AT_ONCE; i++) {
        udmar_dmamap_unload(tag, maps[i]);
    }
    unloads[round] = (uint32_t)(bench_stamp() - middle) / AT_ONCE;
    loads[round] = (uint32_t)(middle - start) / AT_ONCE;
    both[round] = loads[round] + unloads[round];
    return good;
}

static bool measure(const struct bench *bench, struct udmar_dma_tag *tag,
                    struct udmar_dma_map **maps)
{
    const struct bench_row row = { "\"256 at once\"", bench->mode, 0 };
    uintptr_t state = irq_save();
    struct bench_scale scale;
    bool good = true;

    bench_calibrate(&scale);
    for (unsigned round = 0; round < ROUNDS && good; round++) {
        good = one_round(bench, tag, maps, round);
    }
    irq_restore(state);
    if (good) {
        bench_print(&row, "load", loads, ROUNDS, &scale);
        bench_print(&row, "unload", unloads, ROUNDS, &scale);
        bench_print(&row, "load+unload", both, ROUNDS, &scale);
    }
    return good;
}

bool bench_many(const struct bench *bench)
{
    static struct udmar_dma_map *maps[AT_ONCE];
    struct udmar_dma_tag *tag;
    bool good = bench_tag(bench, PAGE_SIZE, &tag);
    unsigned made = 0;

    while (good && made < AT_ONCE) {
        good = udmar_dmamap_create(tag, 0, &maps[made]) == 0;
        made += good;
    }
    good = good && measure(bench, tag, maps);
    while (made > 0) {
        good &= udmar_dmamap_destroy(tag, maps[--made]) == 0;
    }
    good = good && udmar_dma_tag_destroy(tag) == 0;
    if (!good) {
        kprintf("256 at once: could not be measured\n");
    }
    return good;
}
