/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a GiB of mapped memory costs in tables, and in the library's own objects, when it is loaded
 * in buffers of one size; a map each. The least that is possible: 8 bytes a page of 4 KiB.
 */
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

#define GIB (UINT64_C(1) << 30)

static uint64_t table_bytes(struct udmar_domain *domain)
{
    struct udmar_domain_info info;

    udmar_domain_info(domain, &info);
    return info.table_pages * UDMAR_PAGE_SIZE;
}

static void run(uint64_t size)
{
    struct udmar *instance = bench_start(&(struct bench_config){ .strict = true });
    struct udmar_device *device = bench_device(instance, BENCH_RID_SHARED(0));
    struct udmar_domain *domain = udmar_device_domain(device);
    struct udmar_dma_tag *tag = bench_tag(device, size);
    unsigned count = (unsigned)(GIB / size);
    struct udmar_dma_map **maps = calloc(count, sizeof(*maps));
    uint8_t *buffer = bench_buffer(GIB);
    uint64_t tables = table_bytes(domain);
    uint64_t objects = bench_objects();

    for (unsigned i = 0; i < count; i++) {
        maps[i] = bench_map(tag);
        bench_load(tag, maps[i], buffer + i * size, size);
    }
    printf("{\"what\": \"memory\", \"size\": %llu, \"mode\": \"strict\", \"live\": %u, "
           "\"tables\": %llu, \"objects\": %llu, \"unit\": \"bytes per GiB\"}\n",
           (unsigned long long)size, count, (unsigned long long)(table_bytes(domain) - tables),
           (unsigned long long)(bench_objects() - objects));
    for (unsigned i = 0; i < count; i++) {
        udmar_dmamap_unload(tag, maps[i]);
        (void)udmar_dmamap_destroy(tag, maps[i]);
    }
    free(maps);
    (void)udmar_dma_tag_destroy(tag);
    bench_stop(instance);
}

void bench_memory(void)
{
    run(UINT64_C(4) << 10);
    run(UINT64_C(64) << 10);
    run(UINT64_C(2) << 20);
    run(GIB);
}
