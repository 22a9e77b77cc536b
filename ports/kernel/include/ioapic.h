/* SPDX-License-Identifier: BSD-2-Clause */
/* The pins of the I/O APICs, found by the MADT. */
#ifndef KERNEL_IOAPIC_H
#define KERNEL_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "irq.h"

/*
 * ioapic_take - an interrupt of a global system interrupt number
 * @gsi: counts through the pins of all I/O APICs.
 * @level, @low: level-triggered, active low (PCI's INTx is both); else an edge, active high.
 * The pin is unmasked. Null (with a message) when no I/O APIC has it, it is in use, or irq_take()
 * has nothing for it.
 */
struct irq *ioapic_take(unsigned gsi, bool level, bool low, void (*handler)(void *arg), void *arg);

/* The same for an interrupt of the ISA bus, 0 to 15, with what firmware says of its pin. */
struct irq *ioapic_take_isa(unsigned line, void (*handler)(void *arg), void *arg);

/* Masks the pin and gives the interrupt back. */
void ioapic_give(struct irq *irq);

/* One past the highest number, 0 without an I/O APIC. */
unsigned ioapic_gsi_end(void);

/* Ids as in the MADT of all I/O APICs in use; returns how many there are. */
unsigned ioapic_ids(const uint8_t **out_ids);

#endif
