/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands where a kernel's start-up code is, so that the template links as a program. With host.c as
 * it is delivered, udmar_create() gets no memory and the program ends with 1.
 */
#include "example.h"

/* One unit for everything: what the smallest DMAR table looks like. */
static const uint8_t table[64] = {
    'D',         'M',  'A', 'R', 64, 0, 0, 0, /* signature, length */
    1,           0x8d,                        /* revision, checksum */
    [36] = 38,                                /* host address width - 1 */
    [50] = 16,                                /* a DRHD of 16 bytes */
    [52] = 1,                                 /* INCLUDE_PCI_ALL */
    [58] = 0xd9,                              /* registers at 0xfed90000 */
    [59] = 0xfe,
};

void example_device_write(void *host, uint16_t segment, udmar_rid_t rid, bus_addr_t address,
                          bus_size_t length)
{
    (void)host;
    (void)segment;
    (void)rid;
    (void)address;
    (void)length;
}

void example_received(void *host, const void *data, size_t length)
{
    (void)host;
    (void)data;
    (void)length;
}

int main(void)
{
    return example_main(NULL, table, sizeof(table), 0, UDMAR_RID(0, 3, 0)) == NULL ? 0 : 1;
}
