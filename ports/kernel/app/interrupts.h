/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping in this kernel: the library's entries behind irq.h's messages. */
#ifndef APP_INTERRUPTS_H
#define APP_INTERRUPTS_H

#include <udmar/udmar.h>

#include "kernel.h"

/* What udmar_create() gets; `instance` is the one that the next start is about. */
const struct udmar_interrupt_config *interrupts_config(struct udmar **instance);

/* This instance will be left behind, running, for another one to take over: what it gives is never
 * given back. Until the next interrupts_config(). */
void interrupts_leave_behind(void);

/* An interrupt's source in the library's words; kind is NONE for IRQ_OWN. */
struct udmar_interrupt_source interrupts_source(const struct irq_source *source);

/* The table entry that an interrupt goes through; UINT32_MAX: none. */
uint32_t interrupts_index(const struct irq *irq);

#endif
