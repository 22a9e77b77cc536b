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
    pushl $0
    .endif
    pushl $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .type trap_common, @function
trap_common:
    pushal
    cld
    movl %esp, %ebx
    /* The ABI wants 16-byte alignment at calls; interrupts come at any. */
    andl $-16, %esp
    subl $12, %esp
    pushl %ebx
    call trap_dispatch
    movl %ebx, %esp
    popal
    addl $8, %esp
    iretl
    .size trap_common, . - trap_common

    .section .note.GNU-stack, "", @progbits
