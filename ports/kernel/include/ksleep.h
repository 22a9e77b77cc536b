/* SPDX-License-Identifier: BSD-2-Clause */
/* Suspend to RAM (ACPI S3): memory stays, all devices and the processor lose their state. */
#ifndef KERNEL_SLEEP_H
#define KERNEL_SLEEP_H

#include <stdbool.h>

/* Null: this machine can sleep. Else why it cannot, in a clause. */
const char *sleep_objection(void);

/*
 * Sleeps until the real-time clock wakes the machine, within two seconds. True: it has slept, and
 * processor, interrupt controllers, console and PCI configuration are as before, MSI and pins of
 * interrupts excepted: irq_program_all() writes those, when what they go through is there again.
 * False: the machine has not slept, and nothing has changed. Drivers have stopped their devices
 * before, and start them afterwards.
 */
bool sleep_to_ram(void);

#endif
