/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instructions a transfer consists of: see ./bench profile. */
#ifndef APP_BENCH_PROFILE_H
#define APP_BENCH_PROFILE_H

#include "bench_sample.h"

/*
 * Runs transfers until things are settled, then single-steps some and prints where the processor
 * was: "profile PHASE ADDRESS COUNT" for all steps together, "trace PHASE ADDRESS" for each step of
 * the last transfer, and "rounds N". False when nothing could be loaded or stepping is not possible.
 */
bool bench_profile(const struct bench_target *target, const struct bench_load *load);

#endif
