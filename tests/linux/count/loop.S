/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel for multiboot loaders: two marks with 2,001 instructions between them. */
    .text
    .long 0x1badb002, 0, -0x1badb002
    .globl _start
_start:
    .byte 0x0f, 0x1f, 0x84, 0x00, 1, 'm', 'd', 'u'
    mov $1000, %ecx
1:  dec %ecx
    jnz 1b
    .byte 0x0f, 0x1f, 0x84, 0x00, 2, 'm', 'd', 'u'
    out %al, $0xf4 /* ends the machine */
2:  hlt
    jmp 2b
