/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the base offer each other and nobody else: initialisation in boot order, and
 * the page-table and trap primitives below the public interfaces.
 */
#ifndef KERNEL_INTERNAL_H
#define KERNEL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

#define KERNEL_STACK_SIZE 65536
#define CMDLINE_MAX       1024
#define RAM_RANGES_MAX    64

/* Vectors: exceptions, the masked legacy controller's, those of irq_take, our own. */
enum {
    VECTOR_PIC = 0x20,
    VECTOR_MSI_FIRST = 0x30,
    VECTOR_MSI_LAST = 0xef,
    VECTOR_TIMER = 0xf0,
    VECTOR_SPURIOUS = 0xff
};

enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_UNCACHED = 0x18, PTE_LARGE = 0x80 };

/* linker script */
extern char kernel_text_start[], kernel_text_end[], kernel_end[];

/* start.S */
_Noreturn void stack_switch(void *top, void (*continue_at)(void));
extern uint64_t boot_tables[];

/* trap.S */
extern const char trap_stubs[];

/* boot.c; start_info is the physical address the boot loader gave. */
_Noreturn void base_start(uint32_t start_info);

/* bootinfo.c */
void bootinfo_init(uint32_t start_info);
uint64_t bootinfo_rsdp(void);

/* serial.c */
void serial_init(void);

/* <arch>/trap.c */
void descriptors_init(void);
void trap_print_frame(const struct trap_frame *frame);
uintptr_t trap_frame_pointer(const struct trap_frame *frame);

/* panic.c */
void trap_dispatch(struct trap_frame *frame);
_Noreturn void exception_fatal(const struct trap_frame *frame);

/* page.c */
void page_init(void);

/* paging.c.  pt_map replaces nothing: false when something is mapped at va or tables are out. */
void paging_init(void);
bool pt_map(uintptr_t va, uint64_t phys, unsigned flags);
bool pt_unmap(uintptr_t va, uint64_t *phys);

/* vm.c; one past the highest address of the new stack. */
void *vm_stack_top(void);

/* apic.c, irq.c */
void apic_init(void);
void apic_timer_init(void);
void apic_eoi(void);
void irq_dispatch(unsigned vector);

/* ioapic.c, hpet.c; both find what firmware's tables name, and nothing without them. */
void ioapic_init(void);
void hpet_init(void);

/* After a sleep: what is needed of the processor's and the board's own devices. */
void time_resume(uint64_t ticks_before);
void serial_resume(void);
void apic_resume(void);
void hpet_resume(void);
/* pci_sleep.c: the header of each function's configuration space, bridges first. */
void pci_save_all(void);
void pci_restore_all(void);

/* serial.c: from now on a character that arrives ends cpu_idle_ns(). */
void serial_interrupt_init(void);

/* ktime.c, acpi.c, pci_config.c, pci_scan.c, console.c */
void time_init(void);
void acpi_init(void);
void pci_config_init(void);
void pci_scan(void);
void console_builtins_init(void);

/* pci_config.c: segments to scan, ascending from index 0; false past the last. */
bool pci_segment(unsigned index, uint16_t *segment);
/* Releases the ECAM window of a bus that turned out to be empty. */
void pci_config_forget(uint16_t segment, uint8_t bus);

#endif
