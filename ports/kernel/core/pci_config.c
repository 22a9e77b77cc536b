/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration access: memory mapped (ECAM) where the MCFG table gives a window for segment
 * and bus, else the pair of ports every PC has, which knows segment 0 and 256 bytes only.
 *
 * A bus takes 1 MiB of address space, so its window is mapped when it is first used.
 */
#include "internal.h"

struct mcfg {
    uint8_t header[36];
    uint8_t reserved[8];
} __attribute__((packed));

struct mcfg_window {
    uint64_t base; /* where bus 0 would be, whatever the first bus is */
    uint16_t segment;
    uint8_t first_bus, last_bus;
    uint32_t reserved;
} __attribute__((packed));

enum { WINDOWS_MAX = 8, BUS_SHIFT = 20, PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc };

struct window {
    struct mcfg_window place;
    void *buses[256];
};

static struct window windows[WINDOWS_MAX];
static unsigned window_count;

static void window_add(const struct mcfg_window *place)
{
    if (place->base == 0 || place->first_bus > place->last_bus) {
        kprintf("pci: MCFG window at %#llx for buses %02x..%02x makes no sense, ignored\n",
                (unsigned long long)place->base, place->first_bus, place->last_bus);
    } else if (window_count == WINDOWS_MAX) {
        kprintf("pci: more than %u MCFG windows, segment %04x ignored\n", WINDOWS_MAX,
                place->segment);
    } else {
        windows[window_count++].place = *place;
    }
}

void pci_config_init(void)
{
    char choice[8] = "";
    size_t size;
    const uint8_t *mcfg = acpi_table("MCFG", &size);

    if (cmdline_get("pci", choice, sizeof(choice)) && strcmp(choice, "cf8") == 0) {
        return;
    }
    if (choice[0] != '\0' && strcmp(choice, "ecam") != 0) {
        kprintf("pci: pci=%s is not known (cf8 or ecam), ignored\n", choice);
    }
    if (mcfg == NULL) {
        kprintf("pci: no MCFG table, using ports cf8/cfc\n");
        return;
    }
    for (size_t at = sizeof(struct mcfg); at + sizeof(struct mcfg_window) <= size;
         at += sizeof(struct mcfg_window)) {
        struct mcfg_window place;

        memcpy(&place, mcfg + at, sizeof(place));
        window_add(&place);
    }
}

bool pci_segment(unsigned index, uint16_t *segment)
{
    uint16_t smallest = 0;

    /* Segment 0 is there with or without a window; the others in ascending order. */
    for (unsigned found = 0; found < index; found++) {
        bool any = false;
        uint16_t next = 0;

        for (unsigned i = 0; i < window_count; i++) {
            uint16_t candidate = windows[i].place.segment;

            if (candidate > smallest && (!any || candidate < next)) {
                next = candidate;
                any = true;
            }
        }
        if (!any) {
            return false;
        }
        smallest = next;
    }
    *segment = smallest;
    return true;
}

/* ---- where a register is ---- */

static struct window *window_of(uint16_t segment, uint8_t bus)
{
    for (unsigned i = 0; i < window_count; i++) {
        const struct mcfg_window *place = &windows[i].place;

        if (place->segment == segment && bus >= place->first_bus && bus <= place->last_bus) {
            return &windows[i];
        }
    }
    return NULL;
}

static volatile uint8_t *ecam_register(uint16_t segment, uint8_t bus, uint8_t devfn,
                                       unsigned offset)
{
    struct window *window = window_of(segment, bus);
    uint8_t *base;

    if (window == NULL || offset > 4095) {
        return NULL;
    }
    if (window->buses[bus] == NULL) {
        window->buses[bus] =
            mmio_map(window->place.base + ((uint64_t)bus << BUS_SHIFT), 1u << BUS_SHIFT);
    }
    base = window->buses[bus];
    return base != NULL ? base + ((size_t)devfn << 12) + offset : NULL;
}

void pci_config_forget(uint16_t segment, uint8_t bus)
{
    struct window *window = window_of(segment, bus);

    if (window != NULL) {
        mmio_unmap(window->buses[bus]);
        window->buses[bus] = NULL;
    }
}

/* Selects a register for the data port; interrupts must stay off until that has been used. */
static bool port_select(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset)
{
    if (segment != 0 || offset > 255) {
        return false;
    }
    outl(PORT_ADDRESS, 0x80000000u | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (offset & 0xfc));
    return true;
}

/* ---- access ---- */

static uint32_t port_read(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset,
                          unsigned width)
{
    uint32_t value = UINT32_MAX;
    uint16_t port = (uint16_t)(PORT_DATA + (offset & 3));
    uintptr_t irq = irq_save();

    if (port_select(segment, bus, devfn, offset)) {
        value = width == 4 ? inl(port) : width == 2 ? inw(port) : inb(port);
    }
    irq_restore(irq);
    return value;
}

static void port_write(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset,
                       unsigned width, uint32_t value)
{
    uint16_t port = (uint16_t)(PORT_DATA + (offset & 3));
    uintptr_t irq = irq_save();

    if (port_select(segment, bus, devfn, offset)) {
        if (width == 4) {
            outl(port, value);
        } else if (width == 2) {
            outw(port, (uint16_t)value);
        } else {
            outb(port, (uint8_t)value);
        }
    }
    irq_restore(irq);
}

uint32_t pci_read32(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    return at != NULL ? mmio_read32(at) : port_read(segment, bus, devfn, offset, 4);
}

uint16_t pci_read16(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    return at != NULL ? mmio_read16(at) : (uint16_t)port_read(segment, bus, devfn, offset, 2);
}

uint8_t pci_read8(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    return at != NULL ? mmio_read8(at) : (uint8_t)port_read(segment, bus, devfn, offset, 1);
}

void pci_write32(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint32_t value)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    if (at != NULL) {
        mmio_write32(at, value);
    } else {
        port_write(segment, bus, devfn, offset, 4, value);
    }
}

void pci_write16(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint16_t value)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    if (at != NULL) {
        mmio_write16(at, value);
    } else {
        port_write(segment, bus, devfn, offset, 2, value);
    }
}

void pci_write8(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint8_t value)
{
    volatile uint8_t *at = ecam_register(segment, bus, devfn, offset);

    if (at != NULL) {
        mmio_write8(at, value);
    } else {
        port_write(segment, bus, devfn, offset, 1, value);
    }
}

uint32_t pci_dev_read32(const struct pci_device *dev, unsigned offset)
{
    return pci_read32(dev->segment, dev->bus, dev->devfn, offset);
}

uint16_t pci_dev_read16(const struct pci_device *dev, unsigned offset)
{
    return pci_read16(dev->segment, dev->bus, dev->devfn, offset);
}

uint8_t pci_dev_read8(const struct pci_device *dev, unsigned offset)
{
    return pci_read8(dev->segment, dev->bus, dev->devfn, offset);
}

void pci_dev_write32(const struct pci_device *dev, unsigned offset, uint32_t value)
{
    pci_write32(dev->segment, dev->bus, dev->devfn, offset, value);
}

void pci_dev_write16(const struct pci_device *dev, unsigned offset, uint16_t value)
{
    pci_write16(dev->segment, dev->bus, dev->devfn, offset, value);
}

void pci_dev_write8(const struct pci_device *dev, unsigned offset, uint8_t value)
{
    pci_write8(dev->segment, dev->bus, dev->devfn, offset, value);
}
