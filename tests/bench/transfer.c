/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver's part. */
#include "measure.h"

static void ignore(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    (void)segments;
    *(int *)argument = error == 0 ? count : -error;
}

struct udmar_dma_tag *bench_tag(struct udmar_device *device, uint64_t size)
{
    struct udmar_dma_tag *tag;

    if (udmar_dma_tag_create(udmar_device_dma_tag(device), 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL,
                             size, 16, size, 0, NULL, NULL, &tag) != 0) {
        bench_die("no tag");
    }
    return tag;
}

struct udmar_dma_map *bench_map(struct udmar_dma_tag *tag)
{
    struct udmar_dma_map *map;

    if (udmar_dmamap_create(tag, 0, &map) != 0) {
        bench_die("no map");
    }
    return map;
}

void bench_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer, uint64_t size)
{
    int segments = 0;

    if (udmar_dmamap_load(tag, map, buffer, size, ignore, &segments, UDMAR_DMA_NOWAIT) != 0 ||
        segments < 1) {
        bench_die("a load of %llu bytes failed", (unsigned long long)size);
    }
}

__attribute__((noinline)) void bench_cycle(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                                           void *buffer)
{
    int segments;

    (void)udmar_dmamap_load(tag, map, buffer, UDMAR_PAGE_SIZE, ignore, &segments, UDMAR_DMA_NOWAIT);
    udmar_dmamap_unload(tag, map);
}

void bench_cycles(unsigned turns)
{
    struct udmar *instance = bench_start(&(struct bench_config){ .strict = true });
    struct udmar_dma_tag *tag =
        bench_tag(bench_device(instance, BENCH_RID_SHARED(0)), UDMAR_PAGE_SIZE);
    struct udmar_dma_map *map = bench_map(tag);
    void *buffer = bench_buffer(UDMAR_PAGE_SIZE);

    for (unsigned i = 0; i < turns; i++) {
        bench_cycle(tag, map, buffer);
    }
    (void)udmar_dmamap_destroy(tag, map);
    (void)udmar_dma_tag_destroy(tag);
    bench_stop(instance);
}
