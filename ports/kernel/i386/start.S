/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH entry of the i386 image: turns on PAE paging with the image in the higher half.
 *
 * The tables are written out at assembly time.  All four page directories exist from the start,
 * because the processor caches the four top entries and would not see later changes.
 */
#include "layout.h"

#define PTE_PRESENT 0x1
#define PTE_TABLE 0x3
#define PTE_LARGE 0x83
#define CR4_PAE 0x20
#define CR0_PG_WP 0x80010000
#define BOOT_STACK_SIZE 16384

/* XEN_ELFNOTE_PHYS32_ENTRY */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 4
    .long 18
    .asciz "Xen"
    .long pvh_entry

    .section .boot, "ax", @progbits
    .code32
    .globl pvh_entry
    .type pvh_entry, @function
pvh_entry:
    cli
    cld
    movl $(boot_stack_top - KERNEL_VIRT), %esp
    movl %ebx, %ebp

    movl $1, %eax
    cpuid
    btl $6, %edx
    jnc no_pae

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $(boot_tables - KERNEL_VIRT), %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $CR0_PG_WP, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $SELECTOR_CODE, $higher_half

/* There is no console yet: a polled line to the serial port, then status EXIT_FAILED. */
no_pae:
    movl $no_pae_text, %esi
1:  lodsb
    testb %al, %al
    jz 2f
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 1b
2:  movl $0x21, %eax
    movw $0xf4, %dx
    outl %eax, %dx
3:  hlt
    jmp 3b
no_pae_text:
    .asciz "udmar kernel: this processor has no physical address extension\r\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt
    .size pvh_entry, . - pvh_entry

    .text
    .type higher_half, @function
higher_half:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $boot_stack_top, %esp
    movl %ebp, %eax
    xorl %ebp, %ebp
    subl $12, %esp
    pushl %eax
    call base_start
    ud2
    .size higher_half, . - higher_half

/* void stack_switch(void *top, void (*continue_at)(void)): the old stack is never returned to. */
    .globl stack_switch
    .type stack_switch, @function
stack_switch:
    movl 8(%esp), %eax
    movl 4(%esp), %esp
    xorl %ebp, %ebp
    subl $16, %esp
    call *%eax
    ud2
    .size stack_switch, . - stack_switch

    .data
    .balign 4096
boot_low:
    .quad 0 + PTE_LARGE
    .fill 511, 8, 0
boot_empty:
    .fill 512, 8, 0
boot_vm:
    .fill 512, 8, 0
boot_high:
    .set page, 0
    .rept 384
    .quad page + PTE_LARGE
    .set page, page + 0x200000
    .endr
    .fill 128, 8, 0
    .globl boot_tables
boot_tables:
    .long boot_low - KERNEL_VIRT + PTE_PRESENT, 0
    .long boot_empty - KERNEL_VIRT + PTE_PRESENT, 0
    .long boot_vm - KERNEL_VIRT + PTE_PRESENT, 0
    .long boot_high - KERNEL_VIRT + PTE_PRESENT, 0

    .bss
    .balign 16
    .skip BOOT_STACK_SIZE
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
