/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest instructions per load and unload, to be run under QEMU's -icount shift=0,sleep=off. */
#ifndef APP_BENCH_H
#define APP_BENCH_H

#include "system.h"

/* Prints one JSON object a line (bench.c says which); false when something could not be measured.
 */
bool bench_run(struct system *system);

#endif
