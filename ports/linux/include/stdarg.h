/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for the compiler's header: see stdint.h. */
#ifndef UDMAR_LINUX_STDARG_H
#define UDMAR_LINUX_STDARG_H

#include <linux/stdarg.h>

#endif
