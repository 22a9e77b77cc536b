/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel and a driver in one function, and the device that they need. */
#ifndef UDMAR_TEMPLATE_EXAMPLE_H
#define UDMAR_TEMPLATE_EXAMPLE_H

#include <udmar/bus_dma.h>
#include <udmar/udmar.h>

/*
 * example_main - from a DMAR table to a received buffer, and back
 * @host: for the functions of udmar/host.h. @table: of firmware, in place during the call.
 * @segment, @rid: of the device.
 * Returns null, or the name of the call that failed. Everything has been undone in both cases.
 */
const char *example_main(void *host, const void *table, size_t table_size, uint16_t segment,
                         udmar_rid_t rid);

/* The device, to be supplied: it writes length bytes to address, and the call waits for that. */
void example_device_write(void *host, uint16_t segment, udmar_rid_t rid, bus_addr_t address,
                          bus_size_t length);

/* What becomes of the bytes, to be supplied. The device has lost its access before. */
void example_received(void *host, const void *data, size_t length);

#endif
