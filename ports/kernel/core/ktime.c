/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time from the TSC, whose frequency is measured at boot against channel 2 of the legacy timer.
 * That channel can be polled without interrupts, and under QEMU's -icount both follow the same
 * virtual clock.
 */
#include "internal.h"

enum {
    PIT_CHANNEL2 = 0x42,
    PIT_MODE = 0x43,
    PIT_MODE_ONESHOT2 = 0xb0,
    PORT_B = 0x61,
    PORT_B_GATE = 0x01,
    PORT_B_SPEAKER = 0x02,
    PORT_B_OUT = 0x20,
    PIT_HZ = 1193182,
    MEASURE_TICKS = 11932, /* 10 ms */
    MEASURE_ROUNDS = 3,
    /* A poll takes at least a few hundred nanoseconds; this is seconds, not for ever. */
    MEASURE_POLLS = 10000000,
    SCALE_SHIFT = 24
};

static uint64_t tsc_hz, tsc_base;
static uint64_t ns_per_tick; /* scaled by 2^SCALE_SHIFT */

/* TSC ticks in MEASURE_TICKS of the timer, 0 when the timer does not come to its end. */
static uint64_t measure_once(void)
{
    uint8_t port_b = inb(PORT_B) & (uint8_t)~PORT_B_SPEAKER;
    uint64_t begin;

    /* The gate's rising edge starts the count. */
    outb(PORT_B, port_b & (uint8_t)~PORT_B_GATE);
    outb(PIT_MODE, PIT_MODE_ONESHOT2);
    outb(PIT_CHANNEL2, MEASURE_TICKS & 0xff);
    outb(PIT_CHANNEL2, MEASURE_TICKS >> 8);
    begin = rdtsc();
    outb(PORT_B, port_b | PORT_B_GATE);
    for (unsigned polls = 0; polls < MEASURE_POLLS; polls++) {
        if ((inb(PORT_B) & PORT_B_OUT) != 0) {
            return rdtsc() - begin;
        }
    }
    return 0;
}

/* The shortest of a few measurements: anything that delays the polling only makes it longer. */
static uint64_t measure(void)
{
    uint64_t best = 0;

    for (unsigned round = 0; round < MEASURE_ROUNDS; round++) {
        uint64_t ticks = measure_once();

        if (ticks == 0) {
            return 0;
        }
        best = best == 0 || ticks < best ? ticks : best;
    }
    return best * PIT_HZ / MEASURE_TICKS;
}

void time_init(void)
{
    const uint64_t lowest = 1000000, fallback = NS_PER_S;

    tsc_hz = measure();
    if (tsc_hz < lowest) {
        kprintf("time: the legacy timer gave no usable measurement, taking the TSC for 1 GHz\n");
        tsc_hz = fallback;
    }
    ns_per_tick = (NS_PER_S << SCALE_SHIFT) / tsc_hz;
    tsc_base = rdtsc();
}

/* A counter that began anew would take time back. */
void time_resume(uint64_t ticks_before)
{
    uint64_t now = rdtsc();

    if (now < ticks_before) {
        tsc_base -= ticks_before - now;
    }
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t time_ns(void)
{
    uint64_t ticks = rdtsc() - tsc_base;

    /* In two halves, because the whole product has up to 96 bits. */
    return ((ticks >> 32) * ns_per_tick << (32 - SCALE_SHIFT)) +
           ((ticks & UINT32_MAX) * ns_per_tick >> SCALE_SHIFT);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

void udelay(uint64_t us)
{
    wait_until(never, NULL, us * NS_PER_US);
}

bool wait_until(bool (*cond)(void *arg), void *arg, uint64_t timeout_ns)
{
    uint64_t begin = time_ns();

    while (!cond(arg)) {
        if (time_ns() - begin >= timeout_ns) {
            return cond(arg);
        }
        cpu_pause();
    }
    return true;
}
