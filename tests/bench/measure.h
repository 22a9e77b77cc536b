/* SPDX-License-Identifier: BSD-2-Clause */
/* What ./bench host measures; each prints its own lines of JSON. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "host.h"

void bench_table_operations(void); /* map and unmap by page size, as Linux's generic_pt does */
void bench_allocator(void);        /* guest addresses alone */
void bench_threads(void);          /* load and unload by many threads */
void bench_shared_waits(void); /* processors that share waits of 2 microseconds, in virtual time */
void bench_memory(void);       /* bytes of tables per GiB */

/* What callgrind looks at: `turns` times a 4 KiB load and unload, under this name. */
void bench_cycles(unsigned turns);
void bench_cycle(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer);

/* A tag under the device's for transfers of up to `size` bytes, and a map of it. */
struct udmar_dma_tag *bench_tag(struct udmar_device *device, uint64_t size);
struct udmar_dma_map *bench_map(struct udmar_dma_tag *tag);
void bench_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer, uint64_t size);

/* Cycle counter and its rate, so that operations of 50 ns can be timed one by one. */
static inline uint64_t bench_cycles_now(void)
{
    uint64_t cycles = __builtin_ia32_rdtsc();

    __asm__ volatile("" ::: "memory");
    return cycles;
}

/* Differences of the counter, one for each operation. */
struct bench_series {
    uint64_t *cycles;
    unsigned count;
    unsigned room;
};

struct bench_summary { /* nanoseconds */
    double average, least, median, p99;
};

void bench_series_init(struct bench_series *series, unsigned room);
/* What the reading costs is taken off. */
void bench_series_add(struct bench_series *series, uint64_t cycles);
/* Sums up, and the series is gone. */
struct bench_summary bench_series_end(struct bench_series *series);

#endif
