/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel command line: words separated by blanks, each `key` or `key=value`. */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* As given by the boot loader, at most 1023 characters; never NULL. */
extern const char *cmdline;

/*
 * True when the key is there.  The value goes to `value` ("" for a bare key; cut when it does not
 * fit); value may be NULL with size 0 to ask for presence only.  When a key comes more than once
 * the last one counts.
 */
bool cmdline_get(const char *key, char *value, size_t size);

/*
 * The value of word `index` (from 0) among those with this key, for keys that may be repeated;
 * false past the last.
 */
bool cmdline_get_nth(const char *key, unsigned index, char *value, size_t size);

#endif
