/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which the base comes up.  Everything before the memory allocators may only use what
 * start.S has mapped; exceptions are caught from the second line on.
 */
#include "internal.h"

#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#else
#define ARCHITECTURE "i386"
#endif

static _Noreturn void base_continue(void)
{
    irq_enable();
    kernel_exit(kernel_main());
}

_Noreturn void base_start(uint32_t start_info)
{
    serial_init();
    descriptors_init();
    kprintf("udmar reference kernel, %s\n", ARCHITECTURE);
    bootinfo_init(start_info);
    kprintf("command line: %s\n", cmdline);

    cpu_cache_init();
    page_init();
    paging_init();
    acpi_init();
    apic_init();
    ioapic_init();
    time_init();
    apic_timer_init();
    hpet_init();
    serial_interrupt_init();
    pci_config_init();
    pci_scan();
    console_builtins_init();

    stack_switch(vm_stack_top(), base_continue);
}
