/* SPDX-License-Identifier: BSD-2-Clause */
/* What this processor can do to write its cache back. */
#include "internal.h"

#define CPUID_1_EDX_CLFLUSH (1u << 19)

#if defined(__i386__)
unsigned cpu_flush_line;
#endif

/* CPUID says the line in units of eight bytes. */
static unsigned read_flush_line(void)
{
    uint32_t a, b, c, d;

    cpuid(1, &a, &b, &c, &d);
    return (d & CPUID_1_EDX_CLFLUSH) != 0 ? (b >> 8 & 0xff) * 8 : 0;
}

void cpu_cache_init(void)
{
    unsigned line = read_flush_line();

#if defined(__x86_64__)
    /* Every 64-bit processor beside an Intel remapping unit has lines of 64 bytes. */
    if (line != cpu_flush_line) {
        panic("cache: CLFLUSH writes back %u bytes here, this kernel knows 64 only", line);
    }
#else
    cpu_flush_line = line;
    if (line == 0) {
        kprintf("cache: no CLFLUSH: the whole cache is written back where a unit does not snoop\n");
    }
#endif
}
