/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt flag, message-signalled interrupts, idling. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* irq_save turns interrupts off and returns what irq_restore needs; pairs nest. */
uintptr_t irq_save(void);
void irq_restore(uintptr_t state);
void irq_enable(void);
bool irq_enabled(void);

/*
 * Takes a free vector of this processor and gives the address and data a device must write to raise
 * it (fixed delivery, edge, physical destination).  The handler runs with interrupts off on the
 * interrupted stack; the base does the EOI after it.  False when all vectors are taken or handler
 * is NULL.
 */
bool msi_alloc(void (*handler)(void *arg), void *arg, uint64_t *address, uint32_t *data,
               unsigned *vector);

/* The device must not raise it any more; a late one is counted and dropped. */
void msi_free(unsigned vector);

/* Interrupts of vectors nobody owned, since boot. */
unsigned irq_stray_count(void);

/* Interrupts taken by this vector since it was allocated. */
unsigned msi_count(unsigned vector);

/* Physical APIC id of the processor. */
uint32_t lapic_id(void);

/* Halts until an interrupt comes, but no longer than `ns`; interrupts are on during that and as
 * before afterwards. */
void cpu_idle_ns(uint64_t ns);

#endif
