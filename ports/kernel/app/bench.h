/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest instructions per load and unload, to be run under QEMU's -icount shift=0,sleep=off.
 *
 * Words of the command line, beside the driver's tunables that choose the mode:
 *   bench.dynamic      tags too large for a window: each load takes a range of its own
 *   bench.live=N       only with N other live mappings (without it: 0, 1024, 16384 and 262144)
 *   bench.size=SIZE    only this size: 4096, 65536, 2097152, 2097152+1048576, 256x4096, random,
 * many bench.snoop        the unit is taken for one whose walks snoop the CPU's caches, as nearly
 * all of hardware do; QEMU's does not say so, but its memory is the CPU's bench.interrupts entries
 * of the interrupt remapping table, and nothing else bench.profile      with bench.size and
 * bench.live: where the instructions go (bench_profile.h)
 */
#ifndef APP_BENCH_H
#define APP_BENCH_H

#include "bench_sample.h"
#include "system.h"

struct bench {
    struct udmar_dma_tag *parent;
    const char *mode; /* as the JSON lines call it */
    bool bounce;
    bool dynamic;
    uint8_t *contiguous;                    /* 4 MiB, aligned to 2 MiB */
    uint8_t *scattered;                     /* 1 MiB, no page beside its neighbour */
    const struct udmar_dma_physical *pages; /* of `scattered` */
};

/* A tag under the device's for transfers of up to `size` bytes, as the mode wants it; and a map. */
bool bench_tag(const struct bench *bench, size_t size, struct udmar_dma_tag **out_tag);

/* Random sizes with `live` mappings at any time; prints its lines. */
bool bench_churn(const struct bench *bench, unsigned live);

/* 256 loads of a page, then 256 unloads; prints its lines. */
bool bench_many(const struct bench *bench);

/* Entries of the interrupt remapping table; prints its lines. */
bool bench_interrupts(struct system *system);

/* Prints one JSON object a line: what, size, mode, live, min, median, p99, max, unit. False when
 * something could not be measured. */
bool bench_run(struct system *system);

#endif
