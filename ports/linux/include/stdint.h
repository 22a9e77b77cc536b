/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for the compiler's header: the kernel has these types under the same names, with
 * another choice between long and long long, and one file may not see both.
 */
#ifndef UDMAR_LINUX_STDINT_H
#define UDMAR_LINUX_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#define UINT32_C(value) value##U
#define UINT64_C(value) value##ULL

/* The kernel's own limits hold casts, which the preprocessor cannot compare. */
#define INT32_MAX  0x7fffffff
#define UINT8_MAX  0xff
#define UINT16_MAX 0xffff
#define UINT32_MAX UINT32_C(0xffffffff)
#define UINT64_MAX UINT64_C(0xffffffffffffffff)
#undef UINTPTR_MAX
#define UINTPTR_MAX __UINTPTR_MAX__

#endif
