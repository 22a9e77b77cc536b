/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleep and the way back: firmware jumps to a page below 1 MiB in real mode, with everything but
 * memory lost.
 */
#include "layout.h"

#define CR4_PAE 0x20
#define CR0_PG_WP 0x80010000
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define FLAT_CODE 0x08
#define FLAT_DATA 0x10

/* What is copied to that page: real mode at its first byte, cs is the page. */
    .section .rodata
    .globl wake_page, wake_page_end
    .balign 16
wake_page:
    .code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    /* The table's address depends on where the page is. */
    xorl %ebx, %ebx
    movw %ax, %bx
    shll $4, %ebx
    leal (wake_gdt - wake_page)(%ebx), %ecx
    movl %ecx, wake_gdt_pointer - wake_page + 2
    lgdtl wake_gdt_pointer - wake_page
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $FLAT_CODE, $wake_protected

    .balign 8
wake_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
wake_gdt_pointer:
    .word . - wake_gdt - 1
    .long 0
    .balign 8
    .quad 0 /* sleep.c: where the copy of the image's data is */
wake_page_end:

/* At its physical address, as the entry is. sleep.c has mapped the lower half for it. */
    .section .boot, "ax", @progbits
    .code32
    .type wake_protected, @function
wake_protected:
    movl $FLAT_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
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
    ljmp $SELECTOR_CODE, $wake_long

    .code64
wake_long:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $wake_higher, %rax
    jmp *%rax
    .size wake_protected, . - wake_protected

/*
 * bool sleep_call(void (*sleep)(void)): true when firmware has come back; false when sleep() has
 * returned. Interrupts are off.
 */
    .text
    .globl sleep_call
    .type sleep_call, @function
sleep_call:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq %rsp, sleep_stack(%rip)
    call *%rdi
    xorl %eax, %eax
sleep_return:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
/*
 * An emulator that has loaded the image itself does it once more at each reset, and this is one:
 * variables, stack pointer and page tables come from the copy. ebx: the page of the real mode.
 */
wake_higher:
    movl %ebx, %ebx
    movq $DIRECT_MAP_BASE, %rax
    movq (wake_page_end - 8 - wake_page)(%rax,%rbx), %rsi
    movq $kernel_data_start, %rdi
    movq $kernel_end, %rcx
    subq %rdi, %rcx
    shrq $3, %rcx
    cld
    rep movsq
    movq %cr3, %rax
    movq %rax, %cr3
    movq sleep_stack(%rip), %rsp
    movl $1, %eax
    jmp sleep_return
    .size sleep_call, . - sleep_call

    .bss
    .balign 8
sleep_stack:
    .skip 8

    .section .note.GNU-stack, "", @progbits
