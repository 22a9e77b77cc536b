/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ends of the kernel.  QEMU's isa-debug-exit device turns a value v written to port 0xf4 into
 * process status (v << 1) | 1:
 *
 *   kernel_exit(0)        v = 0x10         QEMU status 33   the one successful status
 *   kernel_exit(1..13)    v = 0x20 | code  QEMU status 65 + 2 * code
 *   kernel_exit(other)    as code 13       QEMU status 91
 *   panic()               code 14          QEMU status 93
 *   processor exception   code 15          QEMU status 95
 *
 * A triple fault under -no-reboot gives status 0, which is therefore not a success either.
 */
#ifndef KERNEL_KEXIT_H
#define KERNEL_KEXIT_H

#include <stdint.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_OTHER = 13, EXIT_PANIC = 14, EXIT_EXCEPTION = 15 };

/* Halts with interrupts off when there is no isa-debug-exit device. */
_Noreturn void kernel_exit(int code);

/* The message, where it was called from, a back trace, and the end with status 93. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The chain of return addresses beginning at frame pointer `frame`, for addr2line. */
void backtrace_print(uintptr_t frame);

#define kassert(condition) \
    ((condition) ? (void)0 : panic("%s:%d: not true: %s", __FILE__, __LINE__, #condition))

#endif
