/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as lspci's output. */
#include "pci.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pci_machine machine;
    struct problem problem;
    uint8_t secondary, subordinate;
    char name[200];

    if (!pci_from_lspci(data, size, &machine, &problem))
        return 0;
    for (size_t i = 0; i < machine.count; i++) {
        const struct pci_function *function = &machine.functions[i];
        struct udmar_bus_reader reader = pci_reader(&machine);

        /* Sorted, each one once, and found again. */
        if (pci_find(&machine, function->segment, function->rid) != function)
            abort();
        if (reader.bridge(reader.context, function->segment, function->rid, &secondary,
                          &subordinate) != function->bridge)
            abort();
        pci_name(function, name, sizeof(name));
    }
    pci_free(&machine);
    return 0;
}
