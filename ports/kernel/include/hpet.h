/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HPET: one timer of it, for interrupts. It sends them as messages of its own where it can, and
 * else over a pin of the I/O APIC.
 */
#ifndef KERNEL_HPET_H
#define KERNEL_HPET_H

#include <stdbool.h>
#include <stdint.h>

#include "irq.h"

/*
 * hpet_take - an interrupt from a timer
 * @message: true: as a message; false: over a pin.
 * Null (with a message) when there is no HPET, no timer of it can do that, or irq_take() has
 * nothing for it. One at a time.
 */
struct irq *hpet_take(bool message, void (*handler)(void *arg), void *arg);
void hpet_give(struct irq *irq);

/* Fires once, after `ns`. */
void hpet_fire(uint64_t ns);

#endif
