/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted output to the serial console and into buffers.
 *
 * Conversions: %s %c %d %i %u %x %X %p %%, with the length modifiers hh, h, l, ll, z, t, j; the
 * flags `-` (left), `0` (zero pad), `#` (0x prefix), `+` and ` `; a width and a precision, each a
 * number or `*`.  uint64_t differs between the two architectures, so print it as
 * kprintf("%llx", (unsigned long long)value).
 */
#ifndef KERNEL_KPRINTF_H
#define KERNEL_KPRINTF_H

#include <stdarg.h>
#include <stddef.h>

/* Usable from the first instruction of C on, and from interrupt handlers; a newline is sent as
 * CR LF.  Returns the number of characters formatted. */
int kprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int kvprintf(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* As snprintf: always terminates when size > 0, returns the length the whole text would have. */
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The text as it stands, no newline added. */
void kputs(const char *text);

#endif
