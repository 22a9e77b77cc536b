/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for the compiler's header: the kernel has C11's types and limits under the same names
 * in its own headers, and one file may not see both.
 */
#ifndef UDMAR_FREEBSD_STDINT_H
#define UDMAR_FREEBSD_STDINT_H

#include <sys/types.h>

#include <sys/stdint.h>

#endif
