/* SPDX-License-Identifier: BSD-2-Clause */
/* What the examples of docs/BUSDMA.md take for granted: a driver's device. */
#include <udmar/bus_dma.h>
#include <udmar/fault.h>
#include <udmar/udmar.h>

struct my_descriptor {
    uint64_t address;
    uint32_t length;
};

struct my_device {
    bus_dma_tag_t data_tag, ring_tag;
    bus_dmamap_t data_map, ring_map;
    void *ring;
    bus_addr_t ring_bus;
    struct my_descriptor descriptor[64];
    int load_error, pieces;
    uint64_t last_fault;
    bool faulted;
};

void my_ring_the_bell(struct my_device *device);
void my_stop(struct my_device *device);
