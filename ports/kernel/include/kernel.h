/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything the reference kernel's base offers, and what it asks for. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "acpi.h"
#include "arch.h"
#include "cmdline.h"
#include "console.h"
#include "cpu.h"
#include "hpet.h"
#include "ioapic.h"
#include "irq.h"
#include "kexit.h"
#include "kmem.h"
#include "kprintf.h"
#include "ksleep.h"
#include "kstring.h"
#include "ktime.h"
#include "pci.h"

/*
 * Defined by the image built on the base.  Called once, after everything above is ready, with
 * interrupts on, on a stack of KERNEL_STACK_SIZE (64 KiB) with a guard page.  What it returns goes
 * to kernel_exit.
 */
int kernel_main(void);

#endif
