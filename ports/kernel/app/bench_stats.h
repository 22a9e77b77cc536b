/* SPDX-License-Identifier: BSD-2-Clause */
/* From readings of the counter to a line of JSON. */
#ifndef APP_BENCH_STATS_H
#define APP_BENCH_STATS_H

#include "kernel.h"

/* What every reading costs by itself, and counter steps per 1,000 instructions. */
struct bench_scale {
    uint32_t overhead;
    uint32_t per_thousand;
};

void bench_calibrate(struct bench_scale *scale);

/* What a line is about. */
struct bench_row {
    const char *size; /* as JSON: a number, or a string in quotes */
    const char *mode;
    unsigned live;
};

/* Sorts the counter differences, which contain no overhead any more, and prints their line. */
void bench_print(const struct bench_row *row, const char *what, uint32_t *values, unsigned count,
                 const struct bench_scale *scale);

#endif
