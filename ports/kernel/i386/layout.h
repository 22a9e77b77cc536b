/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address layout of the i386 kernel (PAE).  There is no user space, so the area that maps single
 * pages can be large; the lowest gigabytes stay unmapped so that NULL and physical addresses
 * mistaken for pointers fault.
 */
#ifndef KERNEL_I386_LAYOUT_H
#define KERNEL_I386_LAYOUT_H

/* Areas made page by page: vm_alloc, mmio_map, stacks. */
#define VM_BASE          0x80000000
#define VM_SIZE          0x40000000
/* Direct map of the first 768 MiB; other RAM is only reachable page by page. */
#define DIRECT_MAP_BASE  0xc0000000
#define DIRECT_MAP_SIZE  0x30000000
#define DIRECT_MAP_EARLY 0x30000000
/* Temporary slots of phys_map_page. */
#define KMAP_BASE        0xf0000000
/* The image is linked inside the direct map. */
#define KERNEL_VIRT      0xc0000000

#define PT_LEVELS 3

#define SELECTOR_CODE      0x08
#define SELECTOR_DATA      0x10
#define SELECTOR_TSS       0x18
#define SELECTOR_TSS_FAULT 0x20

/* Distance between the interrupt entries in trap.S. */
#define TRAP_STUB_SIZE 16

#ifndef __ASSEMBLER__
#include <stdint.h>

/* In the order trap.S leaves it on the stack.  There is no privilege change, hence no esp or ss at
 * the end: the interrupted stack begins right behind eflags. */
struct trap_frame {
    uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
    uint32_t vector, error;
    uint32_t eip, cs, eflags;
};
#endif

#endif
