/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for the compiler's header: see stdint.h. */
#ifndef UDMAR_LINUX_STDDEF_H
#define UDMAR_LINUX_STDDEF_H

#include <linux/stddef.h>
#include <linux/types.h>

#endif
