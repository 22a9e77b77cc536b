/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables of the amd64 kernel, and how a trap frame is shown. */
#include "../core/internal.h"

enum { GATE_INTERRUPT = 0x8e, FAULT_STACK_SIZE = 8192, VECTOR_NMI = 2, VECTOR_DOUBLE_FAULT = 8 };

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t stacks[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct gate idt[256] __attribute__((aligned(16)));
static struct tss tss;
static uint64_t gdt[5] __attribute__((aligned(16))) = {
    0,
    0x00af9b000000ffff,
    0x00cf93000000ffff,
};
static uint8_t fault_stack[FAULT_STACK_SIZE] __attribute__((aligned(16)));

static void gate_set(unsigned vector, unsigned stack)
{
    uintptr_t entry = (uintptr_t)trap_stubs + (uintptr_t)vector * TRAP_STUB_SIZE;

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)entry,
        .selector = SELECTOR_CODE,
        .stack = (uint8_t)stack,
        .type = GATE_INTERRUPT,
        .offset_middle = (uint16_t)(entry >> 16),
        .offset_high = (uint32_t)(entry >> 32),
    };
}

static void tss_set(void)
{
    uintptr_t base = (uintptr_t)&tss;

    /* The one stack is enough: whatever faults on it ends the kernel. */
    tss.stacks[0] = (uintptr_t)fault_stack + sizeof(fault_stack);
    tss.io_map = sizeof(tss);
    gdt[SELECTOR_TSS / 8] = (sizeof(tss) - 1) | (uint64_t)(base & 0xffffff) << 16 | 0x89ull << 40 |
                            (uint64_t)(base >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
}

void descriptors_init(void)
{
    const struct table_pointer gdt_pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };
    const struct table_pointer idt_pointer = { sizeof(idt) - 1, (uintptr_t)idt };

    tss_set();
    for (unsigned vector = 0; vector < 256; vector++) {
        gate_set(vector, vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_NMI ? 1 : 0);
    }
    /* The selectors mean the same in the boot table, so none has to be loaded again. */
    __asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
    __asm__ volatile("lidt %0" : : "m"(idt_pointer));
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

static uint64_t control_register_3(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

void trap_print_frame(const struct trap_frame *frame)
{
    const struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        { "rip", frame->rip }, { "rsp", frame->rsp }, { "flg", frame->rflags },
        { "rax", frame->rax }, { "rbx", frame->rbx }, { "rcx", frame->rcx },
        { "rdx", frame->rdx }, { "rsi", frame->rsi }, { "rdi", frame->rdi },
        { "rbp", frame->rbp }, { "r8 ", frame->r8 },  { "r9 ", frame->r9 },
        { "r10", frame->r10 }, { "r11", frame->r11 }, { "r12", frame->r12 },
        { "r13", frame->r13 }, { "r14", frame->r14 }, { "r15", frame->r15 },
    };

    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        kprintf("%s %016lx%s", registers[i].name, registers[i].value, i % 3 == 2 ? "\n" : "  ");
    }
    kprintf("cs  %04lx  ss %04lx  cr3 %lx\n", frame->cs, frame->ss, control_register_3());
}

uintptr_t trap_frame_pointer(const struct trap_frame *frame)
{
    return frame->rbp;
}
