/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables of the i386 kernel, and how a trap frame is shown.
 *
 * A fault for which the stack has no room left can only be reported on another stack; in this mode
 * that takes a task of its own for the double fault.
 */
#include "../core/internal.h"

enum { GATE_INTERRUPT = 0x8e, GATE_TASK = 0x85, FAULT_STACK_SIZE = 8192, VECTOR_DOUBLE_FAULT = 8 };

struct gate {
    uint16_t offset_low, selector;
    uint8_t reserved, type;
    uint16_t offset_high;
};

struct tss {
    uint32_t link;
    uint32_t stacks[6];
    uint32_t cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_map;
};

struct table_pointer {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

static struct gate idt[256] __attribute__((aligned(8)));
/* The processor saves the interrupted registers in the first when it switches to the second. */
static struct tss main_tss, fault_tss;
static uint64_t gdt[5] __attribute__((aligned(8))) = {
    0,
    0x00cf9b000000ffff,
    0x00cf93000000ffff,
};
static uint8_t fault_stack[FAULT_STACK_SIZE] __attribute__((aligned(16)));

static void gate_set(unsigned vector)
{
    uintptr_t entry = (uintptr_t)trap_stubs + (uintptr_t)vector * TRAP_STUB_SIZE;

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)entry,
        .selector = SELECTOR_CODE,
        .type = GATE_INTERRUPT,
        .offset_high = (uint16_t)(entry >> 16),
    };
}

static uint32_t control_register_3(void)
{
    uint32_t value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static _Noreturn void double_fault(void)
{
    const struct trap_frame frame = {
        .edi = main_tss.edi,
        .esi = main_tss.esi,
        .ebp = main_tss.ebp,
        .esp_unused = main_tss.esp,
        .ebx = main_tss.ebx,
        .edx = main_tss.edx,
        .ecx = main_tss.ecx,
        .eax = main_tss.eax,
        .vector = VECTOR_DOUBLE_FAULT,
        .eip = main_tss.eip,
        .cs = main_tss.cs,
        .eflags = main_tss.eflags,
    };

    exception_fatal(&frame);
}

static void tss_describe(unsigned selector, struct tss *tss)
{
    uintptr_t base = (uintptr_t)tss;

    tss->io_map = sizeof(*tss);
    gdt[selector / 8] = (sizeof(*tss) - 1) | (uint64_t)(base & 0xffffff) << 16 | 0x89ull << 40 |
                        (uint64_t)(base >> 24) << 56;
}

static void fault_task_set(void)
{
    fault_tss.cr3 = control_register_3();
    fault_tss.eip = (uintptr_t)double_fault;
    fault_tss.eflags = 2;
    fault_tss.esp = (uintptr_t)fault_stack + sizeof(fault_stack);
    fault_tss.cs = SELECTOR_CODE;
    fault_tss.ss = SELECTOR_DATA;
    fault_tss.ds = SELECTOR_DATA;
    fault_tss.es = SELECTOR_DATA;
    idt[VECTOR_DOUBLE_FAULT] = (struct gate){ .selector = SELECTOR_TSS_FAULT, .type = GATE_TASK };
}

void descriptors_init(void)
{
    const struct table_pointer gdt_pointer = { sizeof(gdt) - 1, (uintptr_t)gdt };
    const struct table_pointer idt_pointer = { sizeof(idt) - 1, (uintptr_t)idt };

    tss_describe(SELECTOR_TSS, &main_tss);
    tss_describe(SELECTOR_TSS_FAULT, &fault_tss);
    for (unsigned vector = 0; vector < 256; vector++) {
        gate_set(vector);
    }
    fault_task_set();
    /* The selectors mean the same in the boot table, so none has to be loaded again. */
    __asm__ volatile("lgdt %0" : : "m"(gdt_pointer));
    __asm__ volatile("lidt %0" : : "m"(idt_pointer));
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* The interrupted stack begins right behind the frame, except after the task switch of a double
 * fault, where the frame is made up and carries the pointer. */
static uint32_t interrupted_stack(const struct trap_frame *frame)
{
    return frame->vector == VECTOR_DOUBLE_FAULT ? frame->esp_unused : (uint32_t)(frame + 1);
}

void trap_print_frame(const struct trap_frame *frame)
{
    kprintf("eip %08x  esp %08x  flg %08x  cs  %04x\n", frame->eip, interrupted_stack(frame),
            frame->eflags, frame->cs);
    kprintf("eax %08x  ebx %08x  ecx %08x  edx %08x\n", frame->eax, frame->ebx, frame->ecx,
            frame->edx);
    kprintf("esi %08x  edi %08x  ebp %08x  cr3 %08x\n", frame->esi, frame->edi, frame->ebp,
            control_register_3());
}

uintptr_t trap_frame_pointer(const struct trap_frame *frame)
{
    return frame->ebp;
}
