/* SPDX-License-Identifier: BSD-2-Clause */
/* Time since boot and bounded waiting. */
#ifndef KERNEL_KTIME_H
#define KERNEL_KTIME_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/*
 * How long a device that works is waited for. An emulated one works in its host's time, and a host
 * with a high load lets a disk wait for many seconds; only a device that hangs costs all of it.
 */
#define DEVICE_PATIENCE (60 * NS_PER_S)

/* Monotonic; the TSC scaled by a calibration at boot.  Under QEMU's -icount it is virtual time. */
uint64_t time_ns(void);

/* Spins. */
void udelay(uint64_t us);

/*
 * Polls cond(arg) until it is true or timeout_ns have passed, and says whether it became true; it
 * is looked at once more after the deadline, so a long interruption cannot make a false timeout.
 * Leaves the interrupt flag alone: call it with interrupts on when a handler makes cond true.
 */
bool wait_until(bool (*cond)(void *arg), void *arg, uint64_t timeout_ns);

/* The calibrated TSC frequency in Hz. */
uint64_t time_tsc_hz(void);

#endif
