/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address layout of the amd64 kernel.  The lower half is left unmapped so that NULL and physical
 * addresses mistaken for pointers fault.
 */
#ifndef KERNEL_AMD64_LAYOUT_H
#define KERNEL_AMD64_LAYOUT_H

/* Direct map of the first 4 GiB and of all RAM above it. */
#define DIRECT_MAP_BASE  0xffff800000000000
#define DIRECT_MAP_SIZE  0x400000000000
/* What start.S maps already; everything needed before paging_init must be below. */
#define DIRECT_MAP_EARLY 0x100000000
/* Areas made page by page: vm_alloc, mmio_map, stacks. */
#define VM_BASE          0xffffc00000000000
#define VM_SIZE          0x1000000000
/* Temporary slots of phys_map_page. */
#define KMAP_BASE        0xffffd00000000000
/* The image: physical 0 upwards appears here. */
#define KERNEL_VIRT      0xffffffff80000000

#define PT_LEVELS 4

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Distance between the interrupt entries in trap.S. */
#define TRAP_STUB_SIZE 16

#ifndef __ASSEMBLER__
#include <stdint.h>

/* In the order trap.S leaves it on the stack. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
#endif

#endif
