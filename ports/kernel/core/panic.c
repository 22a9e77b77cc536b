/* SPDX-License-Identifier: BSD-2-Clause */
/* The ends of the kernel: exit, panic, exceptions nobody handles. */
#include "internal.h"

enum {
    DEBUG_EXIT_PORT = 0xf4,
    DEBUG_EXIT_SUCCESS = 0x10,
    DEBUG_EXIT_FAILURE = 0x20,
    BACKTRACE_MAX = 32
};

/* A fault while reporting a fault must end the kernel rather than report for ever. */
static bool dying;

static const char *const exception_names[32] = {
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack segment",
    "general protection",
    "page fault",
    "reserved",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
    "virtualization",
    "control protection",
    [28] = "hypervisor injection",
    "VMM communication",
    "security",
};

_Noreturn void kernel_exit(int code)
{
    uint32_t value = DEBUG_EXIT_SUCCESS;

    if (code != EXIT_OK) {
        value = DEBUG_EXIT_FAILURE | (code > 0 && code <= EXIT_EXCEPTION ? (uint32_t)code : 13u);
    }
    irq_save();
    outl(DEBUG_EXIT_PORT, value);
    kprintf("halted with code %d\n", code);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static bool readable(uintptr_t address)
{
    uint64_t phys;

    return virt_to_phys((const void *)address, &phys) &&
           virt_to_phys((const char *)address + 2 * sizeof(uintptr_t) - 1, &phys);
}

static bool in_text(uintptr_t address)
{
    /* The end counts: a call that never returns may be the very last instruction. */
    return address >= (uintptr_t)kernel_text_start && address <= (uintptr_t)kernel_text_end;
}

void backtrace_print(uintptr_t frame)
{
    kputs("back trace:\n");
    for (unsigned depth = 0; depth < BACKTRACE_MAX; depth++) {
        const uintptr_t *words = (const uintptr_t *)frame;

        if (frame % sizeof(uintptr_t) != 0 || !readable(frame) || !in_text(words[1])) {
            return;
        }
        kprintf("  %p\n", (void *)words[1]);
        /* Stacks grow down, so a chain that does not go up is damaged. */
        if (words[0] <= frame) {
            return;
        }
        frame = words[0];
    }
}

static void die_once(int code)
{
    irq_save();
    if (dying) {
        kputs("\nfault while reporting a fault\n");
        kernel_exit(code);
    }
    dying = true;
}

_Noreturn void panic(const char *fmt, ...)
{
    va_list args;

    die_once(EXIT_PANIC);
    kprintf("\npanic: ");
    va_start(args, fmt);
    kvprintf(fmt, args);
    va_end(args);
    kprintf("\nfrom %p, stack %p\n", __builtin_return_address(0), __builtin_frame_address(0));
    backtrace_print((uintptr_t)__builtin_frame_address(0));
    kernel_exit(EXIT_PANIC);
}

static uintptr_t fault_address(void)
{
    uintptr_t address;

    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

_Noreturn void exception_fatal(const struct trap_frame *frame)
{
    unsigned vector = (unsigned)frame->vector & 31;
    unsigned error = (unsigned)frame->error;
    const char *name = exception_names[vector] != NULL ? exception_names[vector] : "reserved";

    die_once(EXIT_EXCEPTION);
    kprintf("\nexception %u: %s, error code %#x\n", vector, name, error);
    if (vector == 14) {
        kprintf("%s of %s address %p\n", (error & 2) != 0 ? "write" : "read or fetch",
                (error & 1) != 0 ? "protected" : "unmapped", (void *)fault_address());
    } else if (vector == 8) {
        kprintf("probably a stack overflow near %p\n", (void *)fault_address());
    }
    trap_print_frame(frame);
    backtrace_print(trap_frame_pointer(frame));
    kernel_exit(EXIT_EXCEPTION);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector < 32) {
        exception_fatal(frame);
    }
    irq_dispatch((unsigned)frame->vector);
}
