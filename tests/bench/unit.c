/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A remapping unit in software: commands are obeyed at once, the queue is worked off in its order.
 * A wait descriptor can be made to take time, one behind the other as in a real unit; there is no
 * thread for that: whoever polls also looks at the clock, and that completes what is due.
 */
#include <stdatomic.h>

#include "host.h"

enum {
    VER = 0x00,
    CAP = 0x08,
    ECAP = 0x10,
    GCMD = 0x18,
    GSTS = 0x1c,
    CCMD_HIGH = 0x2c,
    IQH = 0x80,
    IQT = 0x88,
    IQA = 0x90,
    IOTLB_HIGH = 0xfc,
    REGISTERS = 0x400,
};

#define ONE_SHOT   0x69000000u /* SRTP, SFL, WBF, SIRTP: done as soon as said */
#define STAYING    0x96800000u /* TE, EAFL, QIE, IRE, CFI */
#define SHOWN_ONCE 0x41000000u /* RTPS and IRTPS stay set once the pointer was taken */

/* 65,536 domains, 39 and 48 bits, MGAW 48, FRO 0x220, 2 MiB and 1 GiB pages, page-selective with
 * MAMV 18, one fault record, draining, root table set flushes. */
#define CAP_VALUE                                                                     \
    (UINT64_C(6) | UINT64_C(6) << 8 | UINT64_C(47) << 16 | UINT64_C(0x22) << 24 |     \
     UINT64_C(3) << 34 | UINT64_C(1) << 39 | UINT64_C(18) << 48 | UINT64_C(3) << 54 | \
     UINT64_C(1) << 63)
/* Coherent, queued, pass-through, snoop control, IRO 0xf0. */
#define ECAP_VALUE (UINT64_C(0xc3) | UINT64_C(0xf) << 8)

#define WAIT        5u
#define WAIT_STATUS (1u << 5)

struct unit {
    _Alignas(64) atomic_flag busy;
    uint32_t registers[REGISTERS / 4];
    _Atomic uint32_t head; /* bytes */
    _Atomic uint32_t tail;
    uint64_t arrived; /* when the tail was last written to an idle unit */
    uint64_t free_at; /* when the last wait is through */
};

static struct unit units[BENCH_UNITS];
static uint64_t wait_time;

static uint64_t read64(const struct unit *unit, uint32_t offset)
{
    return unit->registers[offset / 4] | (uint64_t)unit->registers[offset / 4 + 1] << 32;
}

static void write64(struct unit *unit, uint32_t offset, uint64_t value)
{
    unit->registers[offset / 4] = (uint32_t)value;
    unit->registers[offset / 4 + 1] = (uint32_t)(value >> 32);
}

void bench_units_reset(uint64_t wait_ns)
{
    wait_time = wait_ns;
    for (unsigned i = 0; i < BENCH_UNITS; i++) {
        units[i] = (struct unit){ .busy = ATOMIC_FLAG_INIT };
        units[i].registers[VER / 4] = 0x10;
        write64(&units[i], CAP, CAP_VALUE);
        write64(&units[i], ECAP, ECAP_VALUE);
    }
}

/* One descriptor; false when it is a wait that takes its time. */
static bool execute(struct unit *unit, const volatile uint64_t *descriptor, uint64_t now)
{
    uint64_t due;

    if ((descriptor[0] & 15) != WAIT) {
        return true;
    }
    if (wait_time != 0) {
        due = (unit->free_at > unit->arrived ? unit->free_at : unit->arrived) + wait_time;
        if (now < due) {
            return false;
        }
        unit->free_at = due;
    }
    if ((descriptor[0] & WAIT_STATUS) != 0) {
        __atomic_store_n((uint32_t *)(uintptr_t)descriptor[1], (uint32_t)(descriptor[0] >> 32),
                         __ATOMIC_RELEASE);
    }
    return true;
}

static void work_off(struct unit *unit, uint64_t now)
{
    uint64_t address = read64(unit, IQA);
    uint32_t size = 4096u << (address & 7);
    uintptr_t queue = (uintptr_t)(address & ~UINT64_C(0xfff));

    while (unit->head != unit->tail &&
           execute(unit, (const volatile uint64_t *)(queue + unit->head), now)) {
        unit->head = (unit->head + 16) & (size - 1);
    }
}

void bench_units_tick(uint64_t now)
{
    for (unsigned i = 0; wait_time != 0 && i < BENCH_UNITS; i++) {
        struct unit *unit = &units[i];

        if (unit->head != unit->tail && !atomic_flag_test_and_set(&unit->busy)) {
            work_off(unit, now);
            atomic_flag_clear(&unit->busy);
        }
    }
}

static void ring(struct unit *unit, uint32_t tail)
{
    uint64_t now = wait_time != 0 ? bench_now() : 0;

    while (atomic_flag_test_and_set(&unit->busy)) {
        __builtin_ia32_pause();
    }
    if (unit->head == unit->tail) {
        unit->arrived = now;
    }
    unit->tail = tail;
    work_off(unit, now);
    atomic_flag_clear(&unit->busy);
}

static void command(struct unit *unit, uint32_t value)
{
    uint32_t shown = unit->registers[GSTS / 4] & SHOWN_ONCE;

    if ((value & 1u << 26) != 0 && (unit->registers[GSTS / 4] & 1u << 26) == 0) {
        unit->head = 0;
    }
    unit->registers[GSTS / 4] = (value & STAYING) | shown | (value & ONE_SHOT & SHOWN_ONCE);
}

uint32_t bench_unit_read(unsigned index, uint32_t offset)
{
    struct unit *unit = &units[index];

    switch (offset) {
    case IQH:
        return unit->head;
    case IQT:
        return unit->tail;
    default:
        return offset < REGISTERS ? unit->registers[offset / 4] : 0;
    }
}

void bench_unit_write(unsigned index, uint32_t offset, uint32_t value)
{
    struct unit *unit = &units[index];

    switch (offset) {
    case IQT:
        ring(unit, value);
        break;
    case GCMD:
        command(unit, value);
        break;
    /* ICC and IVT: done at once, and the granularity that was asked for. */
    case CCMD_HIGH:
        unit->registers[offset / 4] = (value & 0x67ffffffu) | ((value >> 29 & 3) << 27);
        break;
    case IOTLB_HIGH:
        unit->registers[offset / 4] = (value & 0x7fffffffu) | ((value >> 28 & 3) << 25);
        break;
    /* No faults happen here; what is written to clear has nothing to clear. */
    case 0x34:
        break;
    default:
        if (offset >= 0x20 && offset < REGISTERS) {
            unit->registers[offset / 4] = value;
        }
    }
}
