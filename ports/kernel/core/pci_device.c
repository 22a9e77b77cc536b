/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver asks of one PCI device: resources, capabilities, interrupts. */
#include "internal.h"

enum {
    REG_CAPABILITIES = 0x34,
    STATUS_CAPABILITIES = 0x10,
    /* 192 bytes hold no more 4-byte capabilities; a longer list goes round in a circle. */
    CAPABILITIES_MAX = 48,
    EXTENDED_FIRST = 0x100,
    EXTENDED_MAX = 960,
    BAR_IO = 1,
    BAR_TYPE_MASK = 6,
    BAR_TYPE_64 = 4,
    MSI_CONTROL = 2,
    MSI_ADDRESS = 4,
    MSI_ENABLE = 1,
    MSI_MULTIPLE_MASK = 0x70,
    MSI_64BIT = 0x80,
    MSIX_CONTROL = 2,
    MSIX_TABLE = 4,
    MSIX_ENABLE = 0x8000,
    MSIX_MASK_ALL = 0x4000,
    MSIX_ENTRY_SIZE = 16,
    MSIX_ENTRY_DATA = 8,
    MSIX_ENTRY_CONTROL = 12
};

/* ---- capabilities ---- */

unsigned pci_capability(const struct pci_device *dev, uint8_t id)
{
    unsigned at;

    if ((pci_dev_read16(dev, PCI_STATUS) & STATUS_CAPABILITIES) == 0) {
        return 0;
    }
    at = pci_dev_read8(dev, REG_CAPABILITIES) & 0xfcu;
    for (unsigned n = 0; at >= 0x40 && n < CAPABILITIES_MAX; n++) {
        uint16_t header = pci_dev_read16(dev, at);

        if ((header & 0xff) == id) {
            return at;
        }
        at = header >> 8 & 0xfcu;
    }
    return 0;
}

unsigned pci_extended_capability(const struct pci_device *dev, uint16_t id)
{
    unsigned at = EXTENDED_FIRST;

    for (unsigned n = 0; at >= EXTENDED_FIRST && n < EXTENDED_MAX; n++) {
        uint32_t header = pci_dev_read32(dev, at);

        if (header == 0 || header == UINT32_MAX) {
            return 0;
        }
        if ((header & 0xffff) == id) {
            return at;
        }
        at = header >> 20 & 0xffcu;
    }
    return 0;
}

/* ---- base address registers ---- */

static unsigned bar_count(const struct pci_device *dev)
{
    return dev->header_type == 0 ? 6 : dev->header_type == PCI_HEADER_BRIDGE ? 2 : 0;
}

/* Writes ones to see which bits stay zero, and puts the old value back. */
static uint32_t bar_probe(const struct pci_device *dev, unsigned offset, uint32_t old)
{
    uint32_t bits;

    pci_dev_write32(dev, offset, UINT32_MAX);
    bits = pci_dev_read32(dev, offset);
    pci_dev_write32(dev, offset, old);
    return bits;
}

struct bar_value {
    uint64_t base, size;
    bool io;
};

static struct bar_value bar_read(const struct pci_device *dev, unsigned offset)
{
    uint32_t low = pci_dev_read32(dev, offset);
    uint32_t bits = bar_probe(dev, offset, low);
    struct bar_value value = { .io = (low & BAR_IO) != 0 };

    if (bits == 0) {
        return value;
    }
    if (value.io) {
        /* The upper half may be hard-wired to zero. */
        value.base = low & 0xfffcu;
        value.size = (~(bits & 0xfffcu) & 0xffff) + 1;
    } else if ((low & BAR_TYPE_MASK) == BAR_TYPE_64) {
        uint32_t high = pci_dev_read32(dev, offset + 4);
        uint64_t mask = (uint64_t)bar_probe(dev, offset + 4, high) << 32 | (bits & ~0xfu);

        value.base = (uint64_t)high << 32 | (low & ~0xfu);
        value.size = ~mask + 1;
    } else {
        value.base = low & ~0xfu;
        value.size = (uint32_t)(~(bits & ~0xfu) + 1);
    }
    return value;
}

/* The register after a 64-bit one is its upper half and no BAR of its own. */
static bool is_upper_half(const struct pci_device *dev, unsigned bar)
{
    bool upper = false;

    for (unsigned i = 0; i < bar; i++) {
        uint32_t value = pci_dev_read32(dev, PCI_BAR0 + 4 * i);

        upper = !upper && (value & (BAR_IO | BAR_TYPE_MASK)) == BAR_TYPE_64;
    }
    return upper;
}

bool pci_bar(struct pci_device *dev, unsigned bar, uint64_t *base, uint64_t *size, bool *io)
{
    struct bar_value value;
    uint16_t command;

    if (bar >= bar_count(dev) || is_upper_half(dev, bar)) {
        return false;
    }
    command = pci_dev_read16(dev, PCI_COMMAND);
    pci_dev_write16(dev, PCI_COMMAND, command & (uint16_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    value = bar_read(dev, PCI_BAR0 + 4 * bar);
    pci_dev_write16(dev, PCI_COMMAND, command);
    if (value.size == 0 || value.base == 0) {
        return false;
    }
    if (base != NULL) {
        *base = value.base;
    }
    if (size != NULL) {
        *size = value.size;
    }
    if (io != NULL) {
        *io = value.io;
    }
    return true;
}

void *pci_bar_map(struct pci_device *dev, unsigned bar, size_t *size)
{
    uint64_t base, bytes;
    bool io;

    if (!pci_bar(dev, bar, &base, &bytes, &io) || io || bytes > SIZE_MAX) {
        return NULL;
    }
    if (size != NULL) {
        *size = (size_t)bytes;
    }
    return mmio_map(base, (size_t)bytes);
}

static void command_change(const struct pci_device *dev, uint16_t off, uint16_t on)
{
    uint16_t command = pci_dev_read16(dev, PCI_COMMAND);

    pci_dev_write16(dev, PCI_COMMAND, (uint16_t)((command & ~off) | on));
}

void pci_enable(struct pci_device *dev)
{
    command_change(dev, 0,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
}

void pci_disable(struct pci_device *dev)
{
    command_change(dev, PCI_COMMAND_MASTER, 0);
}

/* ---- interrupts ---- */

/*
 * The order in which address and data are written while the function may fire: in between it sends
 * one new half and one old. The new format's address alone names the entry, and the data says
 * nothing, so the address comes first on the way in and last on the way out.
 */
static bool address_first(const struct irq_message *message)
{
    return (message->address & IRQ_ADDRESS_REMAPPABLE) != 0;
}

static bool msi_program(void *device, const struct irq_source *source,
                        const struct irq_message *message)
{
    struct pci_device *dev = device;
    unsigned cap = pci_capability(dev, PCI_CAP_MSI);
    uint16_t control = pci_dev_read16(dev, cap + MSI_CONTROL);
    bool wide = (control & MSI_64BIT) != 0;
    unsigned data_at = cap + MSI_ADDRESS + (wide ? 8 : 4);

    (void)source;
    if (!wide && message->address >> 32 != 0) {
        return false;
    }
    if (!address_first(message)) {
        pci_dev_write16(dev, data_at, (uint16_t)message->data);
    }
    if (wide) {
        pci_dev_write32(dev, cap + MSI_ADDRESS + 4, (uint32_t)(message->address >> 32));
    }
    pci_dev_write32(dev, cap + MSI_ADDRESS, (uint32_t)message->address);
    pci_dev_write16(dev, data_at, (uint16_t)message->data);
    control = (uint16_t)((control & ~MSI_MULTIPLE_MASK) | MSI_ENABLE);
    pci_dev_write16(dev, cap + MSI_CONTROL, control);
    return true;
}

/* The first entry of the table, mapped for as long as MSI-X is in use; null when there is none. */
static uint8_t *msix_entry(struct pci_device *dev, unsigned cap)
{
    uint32_t where = pci_dev_read32(dev, cap + MSIX_TABLE);
    uint64_t base, size;
    bool io;

    if (dev->msix_table != NULL) {
        return dev->msix_table;
    }
    if (!pci_bar(dev, where & 7, &base, &size, &io) || io || size < MSIX_ENTRY_SIZE ||
        (where & ~7u) > size - MSIX_ENTRY_SIZE) {
        kprintf("pci: %s has its MSI-X table nowhere\n", dev->name);
        return NULL;
    }
    dev->msix_table = mmio_map(base + (where & ~7u), MSIX_ENTRY_SIZE);
    return dev->msix_table;
}

static bool msix_program(void *device, const struct irq_source *source,
                         const struct irq_message *message)
{
    struct pci_device *dev = device;
    unsigned cap = pci_capability(dev, PCI_CAP_MSIX);
    uint8_t *entry = msix_entry(dev, cap);
    uint16_t control = pci_dev_read16(dev, cap + MSIX_CONTROL);

    (void)source;
    if (entry == NULL) {
        return false;
    }
    command_change(dev, 0, PCI_COMMAND_MEMORY);
    if (!address_first(message)) {
        mmio_write32(entry + MSIX_ENTRY_DATA, message->data);
    }
    mmio_write32(entry + 4, (uint32_t)(message->address >> 32));
    mmio_write32(entry, (uint32_t)message->address);
    mmio_write32(entry + MSIX_ENTRY_DATA, message->data);
    mmio_write32(entry + MSIX_ENTRY_CONTROL, 0);
    pci_dev_write16(dev, cap + MSIX_CONTROL, (uint16_t)((control & ~MSIX_MASK_ALL) | MSIX_ENABLE));
    return true;
}

bool pci_enable_msi(struct pci_device *dev, void (*handler)(void *arg), void *arg)
{
    bool msi = pci_capability(dev, PCI_CAP_MSI) != 0;
    bool msix = pci_capability(dev, PCI_CAP_MSIX) != 0;
    const struct irq_request request = {
        .source = { .kind = IRQ_PCI,
                    .segment = dev->segment,
                    .rid = (uint16_t)(dev->bus << 8 | dev->devfn) },
        .handler = handler,
        .arg = arg,
        .program = msi ? msi_program : msix_program,
        .device = dev,
    };

    if ((!msi && !msix) || dev->irq != NULL) {
        kprintf("pci: %s %s\n", dev->name,
                dev->irq != NULL ? "has its interrupt already" : "has neither MSI nor MSI-X");
        return false;
    }
    dev->irq = irq_take(&request);
    if (dev->irq == NULL) {
        kprintf("pci: no interrupt for %s\n", dev->name);
        return false;
    }
    command_change(dev, 0, PCI_COMMAND_INTX_OFF);
    return true;
}

void pci_disable_msi(struct pci_device *dev)
{
    unsigned cap;

    if (dev->irq == NULL) {
        return;
    }
    if (dev->msix_table != NULL) {
        cap = pci_capability(dev, PCI_CAP_MSIX) + MSIX_CONTROL;
        mmio_write32((uint8_t *)dev->msix_table + MSIX_ENTRY_CONTROL, 1);
        pci_dev_write16(dev, cap, pci_dev_read16(dev, cap) & (uint16_t)~MSIX_ENABLE);
        mmio_unmap(dev->msix_table);
        dev->msix_table = NULL;
    } else {
        cap = pci_capability(dev, PCI_CAP_MSI) + MSI_CONTROL;
        pci_dev_write16(dev, cap, pci_dev_read16(dev, cap) & (uint16_t)~MSI_ENABLE);
    }
    irq_give(dev->irq);
    dev->irq = NULL;
}
