/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selects the address layout and register frame of the processor mode being built for.  Drivers and
 * the library port need this only for DIRECT_MAP_* limits and struct trap_frame.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#if defined(__x86_64__)
#include "../amd64/layout.h"
#elif defined(__i386__)
#include "../i386/layout.h"
#else
#error "the reference kernel supports amd64 and i386 only"
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096u
#define PAGE_MASK  4095u

#endif
