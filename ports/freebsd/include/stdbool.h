/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for the compiler's header, which a FreeBSD kernel does not use: see stdint.h. */
#ifndef UDMAR_FREEBSD_STDBOOL_H
#define UDMAR_FREEBSD_STDBOOL_H

#include <sys/types.h>

#endif
