/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a machine besides its log.
 */
#ifndef UDMAR_TOOL_EXPLAIN_MACHINE_H
#define UDMAR_TOOL_EXPLAIN_MACHINE_H

#include "explain_log.h"
#include "pci.h"
#include "tables.h"

void machine_add_devices(struct log *log, const struct pci_machine *machine);

/* machine: null when nothing is known but the table. */
void machine_add_table(struct log *log, const struct table_found *found,
                       const struct pci_machine *machine);

#endif
