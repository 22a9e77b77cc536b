/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_stats.h"

#include "bench_sample.h"

/* Counter steps per 1,000 instructions, from a loop that is exactly two instructions long. */
static uint32_t per_thousand(void)
{
    uintptr_t turns = 50000;
    uint64_t start = bench_stamp();

    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
    return (uint32_t)((bench_stamp() - start) / 100);
}

static uint32_t overhead(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 100; i++) {
        uint64_t start = bench_stamp();
        uint64_t end = bench_stamp();

        least = end - start < least ? end - start : least;
    }
    return (uint32_t)least;
}

void bench_calibrate(struct bench_scale *scale)
{
    scale->overhead = overhead();
    scale->per_thousand = per_thousand();
}

static void sort(uint32_t *values, unsigned count)
{
    for (unsigned gap = count / 2; gap > 0; gap /= 2) {
        for (unsigned i = gap; i < count; i++) {
            uint32_t value = values[i];
            unsigned j = i;

            for (; j >= gap && values[j - gap] > value; j -= gap) {
                values[j] = values[j - gap];
            }
            values[j] = value;
        }
    }
}

void bench_print(const struct bench_row *row, const char *what, uint32_t *values, unsigned count,
                 const struct bench_scale *scale)
{
    const unsigned places[] = { 0, count / 2, (unsigned)((uint64_t)count * 99 / 100), count - 1 };
    unsigned instructions[4];

    sort(values, count);
    for (unsigned i = 0; i < 4; i++) {
        instructions[i] = (unsigned)((uint64_t)values[places[i]] * 1000 / scale->per_thousand);
    }
    kprintf("{\"what\": \"%s\", \"size\": %s, \"mode\": \"%s\", \"live\": %u, \"min\": %u, "
            "\"median\": %u, \"p99\": %u, \"max\": %u, \"unit\": \"instructions\"}\n",
            what, row->size, row->mode, row->live, instructions[0], instructions[1],
            instructions[2], instructions[3]);
}
