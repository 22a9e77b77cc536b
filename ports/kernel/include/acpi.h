/* SPDX-License-Identifier: BSD-2-Clause */
/* Static ACPI tables. */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <stddef.h>

/*
 * The first table of that signature ("DMAR", "MCFG", "APIC", ...), header included, with its length
 * in *size (size may be NULL).  Length and checksum have been verified; the mapping is permanent.
 * NULL when there is none.
 */
const void *acpi_table(const char signature[4], size_t *size);

/* Table `index` (from 0) of all that passed verification, NULL past the last; the first four bytes
 * are its signature. */
const void *acpi_table_at(unsigned index, size_t *size);

#endif
