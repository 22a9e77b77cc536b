/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI configuration space through ports 0xcf8 and 0xcfc, and the little that firmware does. */
#include "qemu.h"

enum { ADDRESS_PORT = 0xcf8, DATA_PORT = 0xcfc };
enum { COMMAND = 0x04, HEADER = 0x0c, BAR0 = 0x10, BUSES = 0x18, MEMORY_WINDOW = 0x20 };
enum { MEMORY_AND_MASTER = 6 };

static void select_dword(struct qemu *e, udmar_rid_t rid, unsigned offset)
{
    qtest_out32(e->q, ADDRESS_PORT, UINT32_C(0x80000000) | (uint32_t)rid << 8 | (offset & 0xfcu));
}

uint32_t pci_read(struct qemu *e, udmar_rid_t rid, unsigned offset)
{
    select_dword(e, rid, offset);
    return qtest_in32(e->q, DATA_PORT);
}

void pci_write(struct qemu *e, udmar_rid_t rid, unsigned offset, uint32_t value)
{
    select_dword(e, rid, offset);
    qtest_out32(e->q, DATA_PORT, value);
}

void pci_enable(struct qemu *e, udmar_rid_t rid, unsigned bar, uint64_t base)
{
    unsigned offset = BAR0 + 4 * bar;
    uint32_t old = pci_read(e, rid, offset);

    if (old == UINT32_MAX)
        qemu_wrong("there is no PCI function %04x", rid);
    pci_write(e, rid, offset, (uint32_t)base);
    if ((old & 6) == 4)
        pci_write(e, rid, offset + 4, (uint32_t)(base >> 32));
    pci_write(e, rid, COMMAND, MEMORY_AND_MASTER);
}

void pci_bridge_set_up(struct qemu *e, udmar_rid_t bridge, uint8_t secondary, uint64_t base)
{
    uint32_t window = (uint32_t)(base >> 16) & 0xfff0;

    if ((pci_read(e, bridge, HEADER) >> 16 & 0x7f) != 1)
        qemu_wrong("PCI function %04x is no bridge", bridge);
    pci_write(e, bridge, BUSES,
              (uint32_t)UDMAR_RID_BUS(bridge) | (uint32_t)secondary << 8 |
                  (uint32_t)secondary << 16);
    pci_write(e, bridge, MEMORY_WINDOW, window | (window + 0xf0) << 16);
    pci_write(e, bridge, MEMORY_WINDOW + 4, 0x0000fff0); /* closed */
    pci_write(e, bridge, COMMAND, MEMORY_AND_MASTER);
}
