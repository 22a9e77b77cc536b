/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH entry of the amd64 image: from 32-bit protected mode without paging to long mode in the
 * higher half.
 *
 * The first 4 GiB are mapped by tables written out at assembly time, so that no code has to build
 * any before it can run; paging.c extends them later.
 */
#include "layout.h"

#define PTE_TABLE 0x3
#define PTE_LARGE 0x83
#define CR4_PAE 0x20
#define CR0_PG_WP 0x80010000
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define BOOT_STACK_SIZE 16384

/* XEN_ELFNOTE_PHYS32_ENTRY, with a descriptor as wide as an address because QEMU reads it so. */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 8
    .long 18
    .asciz "Xen"
    .quad pvh_entry

    .section .boot, "ax", @progbits
    .code32
    .globl pvh_entry
    .type pvh_entry, @function
pvh_entry:
    cli
    cld
    movl $(boot_stack_top - KERNEL_VIRT), %esp
    movl %ebx, %ebp

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $(boot_tables - KERNEL_VIRT), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl %cr0, %eax
    orl $CR0_PG_WP, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $SELECTOR_CODE, $long_mode

/* There is no console yet: a polled line to the serial port, then status EXIT_FAILED. */
no_long_mode:
    movl $no_long_mode_text, %esi
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
no_long_mode_text:
    .asciz "udmar kernel: this processor has no long mode; use the i386 image\r\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .globl boot_gdt_pointer
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt

    .code64
long_mode:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl %ebp, %edi
    movq $boot_stack_top, %rsp
    movq $higher_half, %rax
    jmp *%rax
    .size pvh_entry, . - pvh_entry

    .text
    .type higher_half, @function
higher_half:
    xorl %ebp, %ebp
    pushq $0
    pushq $0
    call base_start
    ud2
    .size higher_half, . - higher_half

/* void stack_switch(void *top, void (*continue_at)(void)): the old stack is never returned to. */
    .globl stack_switch
    .type stack_switch, @function
stack_switch:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    pushq $0
    pushq $0
    call *%rsi
    ud2
    .size stack_switch, . - stack_switch

    .data
    .balign 4096
    .globl boot_tables
boot_tables:
    .quad boot_direct - KERNEL_VIRT + PTE_TABLE
    .fill 255, 8, 0
    .quad boot_direct - KERNEL_VIRT + PTE_TABLE
    .fill 254, 8, 0
    .quad boot_image - KERNEL_VIRT + PTE_TABLE
boot_direct:
    .quad boot_pages - KERNEL_VIRT + PTE_TABLE
    .quad boot_pages - KERNEL_VIRT + PTE_TABLE + 4096
    .quad boot_pages - KERNEL_VIRT + PTE_TABLE + 8192
    .quad boot_pages - KERNEL_VIRT + PTE_TABLE + 12288
    .fill 508, 8, 0
boot_image:
    .fill 510, 8, 0
    .quad boot_pages - KERNEL_VIRT + PTE_TABLE
    .quad 0
boot_pages:
    .set page, 0
    .rept 2048
    .quad page + PTE_LARGE
    .set page, page + 0x200000
    .endr

    .bss
    .balign 16
    .skip BOOT_STACK_SIZE
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
