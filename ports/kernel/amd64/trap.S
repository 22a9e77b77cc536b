/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt and exception entries: one per vector makes the stack look the same whether or not
 * the processor pushed an error code, and hands a struct trap_frame to trap_dispatch.
 *
 * They are TRAP_STUB_SIZE bytes apart so that trap.c can compute their addresses.
 */
#include "layout.h"

    .text
    .balign TRAP_STUB_SIZE
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign TRAP_STUB_SIZE
    /* 8, 10 to 14, 17, 21, 29 and 30 come with an error code. */
    .if vector > 31 || ((0x60227d00 >> (vector & 31)) & 1) == 0
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .type trap_common, @function
trap_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    /* The processor aligned the stack before its five words; with ours the frame is 22 words. */
    call trap_dispatch
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq
    .size trap_common, . - trap_common

    .section .note.GNU-stack, "", @progbits
