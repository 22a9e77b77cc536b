/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host functions that every load and unload calls, for inlining (UDMAR_HOST_INLINE); the others
 * are in host.c. One processor and one instance: the host pointer is not used, and a lock is the
 * interrupt flag.
 */
#ifndef KERNEL_HOST_INLINE_H
#define KERNEL_HOST_INLINE_H

#include <stddef.h>
#include <stdint.h>

#include <udmar/types.h>

#include "arch.h"
#include "cpu.h"

/*
 * Addresses outside of the direct map, page by page. It leaves all registers alone, so that those
 * inside of it have nothing to save around a call that is not made.
 */
__attribute__((no_caller_saved_registers)) udmar_paddr_t host_walk_virtual(const void *address,
                                                                           size_t *length);

/* Set before a unit is looked at: each is taken for one whose walks snoop (bench.snoop). */
extern bool host_units_snoop;
#define HOST_ECAP   0x10u
#define HOST_ECAP_C 1u

static inline uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    uint32_t value = *(volatile uint32_t *)((volatile uint8_t *)registers + offset);

    (void)host;
    return offset == HOST_ECAP && host_units_snoop ? value | HOST_ECAP_C : value;
}

static inline void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset,
                                           uint32_t value)
{
    (void)host;
    /* x86 keeps stores in order; the compiler need not. */
    __asm__ volatile("" ::: "memory");
    *(volatile uint32_t *)((volatile uint8_t *)registers + offset) = value;
}

static inline void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    (void)host;
    cpu_cache_flush(address, size);
}

static inline uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    uintptr_t flags;

    (void)host;
    (void)lock;
    __asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags) : : "memory");
    return flags & (UINT32_C(1) << 9); /* IF */
}

static inline void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    (void)host;
    (void)lock;
    if (state != 0) {
        __asm__ volatile("sti" : : : "memory");
    }
}

static inline unsigned udmar_host_cpu(void *host)
{
    (void)host;
    return 0;
}

static inline udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address,
                                                           size_t *length)
{
    uintptr_t offset = (uintptr_t)address - DIRECT_MAP_BASE;
    uintptr_t last = offset + *length - 1;

    (void)host;
    /* The direct map is contiguous by nature; what lies outside of RAM is not asked for. */
    if (last < DIRECT_MAP_EARLY && offset <= last) {
        return offset;
    }
    return host_walk_virtual(address, length);
}

#endif
