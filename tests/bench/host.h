/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fast, plain host for measuring the library in a process: memory is identity-mapped, registers
 * are a software unit that does nothing but what the protocol asks for.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <udmar/busdma.h>
#include <udmar/host.h>
#include <udmar/udmar.h>

#define BENCH_UNITS       9u /* the last one governs all devices that have none of their own */
#define BENCH_UNIT_BASE   UINT64_C(0xfed90000)
#define BENCH_UNIT_STRIDE 0x1000u

/* Device n of those with a unit of their own (n below BENCH_UNITS - 1), and of those without. */
#define BENCH_RID_ALONE(n)  UDMAR_RID(0, 1 + (n), 0)
#define BENCH_RID_SHARED(n) UDMAR_RID(1, 1 + (n), 0)

struct bench_config {
    uint64_t wait_ns; /* what a wait descriptor takes the unit; 0: none, all is done at once */
    bool strict;
    uint8_t width;
    uint64_t window_limit;
    bool yield; /* more threads than processors: whoever polls lets others run */
};

/* An instance that is started; ends the process with a message when that fails. One at a time. */
struct udmar *bench_start(const struct bench_config *config);
/* The device is attached if it was not. */
struct udmar_device *bench_device(struct udmar *instance, udmar_rid_t rid);
/* Detaches every device, stops, destroys. */
void bench_stop(struct udmar *instance);

/* Bytes that the library holds from udmar_host_alloc(). */
uint64_t bench_objects(void);

/* A buffer of zero pages that costs nothing until it is touched; 1 GiB and more is aligned to it.
 */
void *bench_buffer(size_t size);

/* unit.c: registers. */
uint32_t bench_unit_read(unsigned unit, uint32_t offset);
void bench_unit_write(unsigned unit, uint32_t offset, uint32_t value);
void bench_units_reset(uint64_t wait_ns);
/* Completes what is due; called whenever somebody looks at the clock. */
void bench_units_tick(uint64_t now);

/* Nanoseconds, from the time stamp counter; and the counter's steps in one of them. */
uint64_t bench_now(void);
double bench_cycles_per_ns(void);
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
