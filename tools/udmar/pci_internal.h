/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pci_*.c files share. */
#ifndef UDMAR_TOOL_PCI_INTERNAL_H
#define UDMAR_TOOL_PCI_INTERNAL_H

#include "pci.h"

/* Appends an empty function and returns it; valid until the next one is added. */
struct pci_function *pci_add(struct pci_machine *machine, uint16_t segment, udmar_rid_t rid);

/* Fills in what configuration space says; 64 bytes do, 256 tell root ports as well. */
void pci_read_config(struct pci_function *function, const uint8_t *config, size_t size);

/* Sorts, and makes one of what several lines said about a function. */
void pci_finish(struct pci_machine *machine);

/* Lines of `lspci -t`. The columns of a tree's branches say what hangs where. */
struct pci_branch {
    unsigned column;
    uint16_t segment;
    uint8_t bus;
    bool skip; /* behind a host bridge of a segment that has no 16-bit number */
};

struct pci_tree {
    struct pci_branch *branches;
    size_t count;
};

bool pci_tree_is_line(const char *line, size_t length);
void pci_tree_line(struct pci_tree *tree, const char *line, size_t length,
                   struct pci_machine *machine);
void pci_tree_free(struct pci_tree *tree);

/* One hexadecimal digit's value, or -1. */
int pci_digit(char c);

#endif
