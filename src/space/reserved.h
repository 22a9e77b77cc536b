/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that mean the same on every x86 machine. */
#ifndef UDMAR_SPACE_RESERVED_H
#define UDMAR_SPACE_RESERVED_H

#include <udmar/types.h>

/* Writes here are interrupts; requests to it never reach translation. */
#define MSI_RANGE_FIRST UINT64_C(0xfee00000)
#define MSI_RANGE_LAST  UINT64_C(0xfeefffff)

#endif
