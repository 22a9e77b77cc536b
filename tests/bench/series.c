/* SPDX-License-Identifier: BSD-2-Clause */
/* Many short times: average and least as Linux prints them, median and p99 for a busy machine. */
#include <stdlib.h>

#include "measure.h"

static uint64_t overhead(void)
{
    static uint64_t least;

    for (unsigned i = 0; i < 1000; i++) {
        uint64_t start = bench_cycles_now();
        uint64_t end = bench_cycles_now();

        least = i == 0 || end - start < least ? end - start : least;
    }
    return least;
}

void bench_series_init(struct bench_series *series, unsigned room)
{
    *series = (struct bench_series){ .cycles = calloc(room, sizeof(uint64_t)), .room = room };
    if (series->cycles == NULL) {
        bench_die("no memory for %u times", room);
    }
}

void bench_series_add(struct bench_series *series, uint64_t cycles)
{
    if (series->count < series->room) {
        series->cycles[series->count++] = cycles;
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double nanoseconds(uint64_t cycles, uint64_t cost)
{
    return cycles > cost ? (double)(cycles - cost) / bench_cycles_per_ns() : 0;
}

struct bench_summary bench_series_end(struct bench_series *series)
{
    struct bench_summary summary = { 0 };
    uint64_t cost = overhead();

    qsort(series->cycles, series->count, sizeof(uint64_t), compare);
    for (unsigned i = 0; i < series->count; i++) {
        summary.average += nanoseconds(series->cycles[i], cost) / series->count;
    }
    summary.least = nanoseconds(series->cycles[0], cost);
    summary.median = nanoseconds(series->cycles[series->count / 2], cost);
    summary.p99 = nanoseconds(series->cycles[series->count * 99ull / 100], cost);
    free(series->cycles);
    *series = (struct bench_series){ 0 };
    return summary;
}
