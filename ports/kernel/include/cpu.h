/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports, device registers, barriers and processor registers. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <stddef.h>
#include <stdint.h>

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* Every register access is also a compiler barrier, so that memory a device reads is written before
 * the doorbell; x86 keeps that order for write-back memory by itself. */
static inline uint32_t mmio_read32(const volatile void *address)
{
    uint32_t value;
    __asm__ volatile("movl %1, %0"
                     : "=r"(value)
                     : "m"(*(const volatile uint32_t *)address)
                     : "memory");
    return value;
}

static inline void mmio_write32(volatile void *address, uint32_t value)
{
    __asm__ volatile("movl %1, %0" : "=m"(*(volatile uint32_t *)address) : "r"(value) : "memory");
}

static inline uint16_t mmio_read16(const volatile void *address)
{
    uint16_t value;
    __asm__ volatile("movw %1, %0"
                     : "=r"(value)
                     : "m"(*(const volatile uint16_t *)address)
                     : "memory");
    return value;
}

static inline void mmio_write16(volatile void *address, uint16_t value)
{
    __asm__ volatile("movw %1, %0" : "=m"(*(volatile uint16_t *)address) : "r"(value) : "memory");
}

static inline uint8_t mmio_read8(const volatile void *address)
{
    uint8_t value;
    __asm__ volatile("movb %1, %0"
                     : "=q"(value)
                     : "m"(*(const volatile uint8_t *)address)
                     : "memory");
    return value;
}

static inline void mmio_write8(volatile void *address, uint8_t value)
{
    __asm__ volatile("movb %1, %0" : "=m"(*(volatile uint8_t *)address) : "q"(value) : "memory");
}

/* One access on amd64; on i386 two of 32 bits, the low half first. */
static inline uint64_t mmio_read64(const volatile void *address)
{
#if defined(__x86_64__)
    uint64_t value;
    __asm__ volatile("movq %1, %0"
                     : "=r"(value)
                     : "m"(*(const volatile uint64_t *)address)
                     : "memory");
    return value;
#else
    uint32_t low = mmio_read32(address);

    return low | (uint64_t)mmio_read32((const volatile uint8_t *)address + 4) << 32;
#endif
}

static inline void mmio_write64(volatile void *address, uint64_t value)
{
#if defined(__x86_64__)
    __asm__ volatile("movq %1, %0" : "=m"(*(volatile uint64_t *)address) : "r"(value) : "memory");
#else
    mmio_write32(address, (uint32_t)value);
    mmio_write32((volatile uint8_t *)address + 4, (uint32_t)(value >> 32));
#endif
}

static inline void compiler_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

/* A locked operation orders like mfence and exists on every processor since the i486. */
static inline void memory_barrier(void)
{
#if defined(__x86_64__)
    __asm__ volatile("lock; addl $0, (%%rsp)" : : : "memory", "cc");
#else
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory", "cc");
#endif
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Bytes that one CLFLUSH writes back; 0: the processor has no CLFLUSH. */
#if defined(__x86_64__)
#define cpu_flush_line 64u /* cpu_cache_init() makes sure of it */
#else
extern unsigned cpu_flush_line;
#endif
void cpu_cache_init(void);

/*
 * Writes back every cache line that the range touches, for tables that a remapping unit reads
 * without snooping. A processor without CLFLUSH has WBINVD, which writes back everything.
 */
static inline void cpu_cache_flush(const void *address, size_t size)
{
    const uint8_t *end = (const uint8_t *)address + size;
    const uint8_t *line;

    if (cpu_flush_line == 0) {
        __asm__ volatile("wbinvd" : : : "memory");
        return;
    }
    line = (const uint8_t *)((uintptr_t)address & ~(uintptr_t)(cpu_flush_line - 1));
    do {
        __asm__ volatile("clflush %0" : : "m"(*line) : "memory");
        line += cpu_flush_line;
    } while (line < end);
    /* Whoever has CLFLUSH has MFENCE: both came with SSE2. */
    __asm__ volatile("mfence" : : : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static inline uint64_t rdmsr(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return low | (uint64_t)high << 32;
}

static inline void wrmsr(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

#endif
