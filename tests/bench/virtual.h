/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processors in virtual time: each has a clock of its own, and the one that is behind goes on. They
 * are coroutines of one thread, so a run depends neither on this machine's processors nor on what
 * else it does, and is the same every time.
 */
#ifndef BENCH_VIRTUAL_H
#define BENCH_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_VIRTUAL_MOST 32u

/*
 * Runs work(number) on each of `processors` processors, from now on, until all have returned.
 * Returns the nanoseconds until the last one has.
 */
uint64_t bench_virtual_run(unsigned processors, void (*work)(unsigned number));

/* Is it a virtual processor that asks? Then its number and its time in nanoseconds. */
bool bench_virtual(void);
unsigned bench_virtual_number(void);
uint64_t bench_virtual_now(void);

/* Time passes for the caller; the others catch up before this returns. */
void bench_virtual_pass(uint64_t ns);

#endif
