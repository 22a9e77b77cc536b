/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI functions of a machine: this one (sysfs), or another one through the output of
 * `lspci -xxxx` and `lspci -t`. Names come from lspci's own words, or from the PCI id database
 * where libpci is built in.
 */
#ifndef UDMAR_TOOL_PCI_H
#define UDMAR_TOOL_PCI_H

#include "common.h"

#include <udmar/table.h>

struct pci_function {
    uint16_t segment;
    udmar_rid_t rid;
    bool has_ids;   /* vendor, device and class are known */
    bool bridge;    /* PCI-to-PCI: secondary and subordinate mean something */
    bool root_port; /* PCI Express root port */
    uint8_t secondary, subordinate;
    uint16_t vendor, device;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
    char *name;          /* null: nobody said */
};

struct pci_machine {
    struct pci_function *functions; /* sorted by segment and requester id */
    size_t count;
};

/* Reads lspci output in any mix of -x..., -n, -nn, -D and -t. False and a problem when it is none.
 */
bool pci_from_lspci(const uint8_t *bytes, size_t size, struct pci_machine *out_machine,
                    struct problem *problem);

/* file_read() and pci_from_lspci(), with a message() for what goes wrong. */
bool pci_load_lspci(const char *path, struct pci_machine *out_machine);

/*
 * This machine, from @sysfs ("/sys") + "/bus/pci/devices". False when there is nothing, without a
 * message.
 */
bool pci_from_sysfs(const char *sysfs, struct pci_machine *out_machine);

void pci_free(struct pci_machine *machine);

/* Null when there is no such function. */
const struct pci_function *pci_find(const struct pci_machine *machine, uint16_t segment,
                                    udmar_rid_t rid);

/* "Intel Corporation 82574L Gigabit Network", "8086:10d3", "VGA controller" or "": in buffer. */
const char *pci_name(const struct pci_function *function, char *buffer, size_t size);

/* For udmar_table_find_unit() and its kin; the machine must stay. */
struct udmar_bus_reader pci_reader(const struct pci_machine *machine);

/* "00:1f.2", or "0001:00:1f.2" where the segment is not 0. */
const char *pci_address(uint16_t segment, udmar_rid_t rid, char buffer[16]);

#endif
