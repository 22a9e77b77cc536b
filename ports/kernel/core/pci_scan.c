/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices found at boot.  Each bridge's secondary bus is scanned right after the bridge; what
 * bus numbers are left over belong to no bridge, so devices found on them are below further root
 * buses (QEMU's pxb).
 */
#include "internal.h"

enum {
    REG_VENDOR = 0x00,
    REG_CLASS = 0x08,
    REG_HEADER = 0x0e,
    REG_SECONDARY = 0x19,
    REG_SUBORDINATE = 0x1a,
    HEADER_MULTIFUNCTION = 0x80,
    EXPRESS_FLAGS = 2
};

static struct pci_device *devices;
static struct pci_device **devices_end = &devices;
/* Buses scanned, of the segment being scanned. */
static bool visited[256];

struct pci_device *pci_first(void)
{
    return devices;
}

struct pci_device *pci_next(const struct pci_device *dev)
{
    return dev->next;
}

struct pci_device *pci_find(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    for (struct pci_device *dev = devices; dev != NULL; dev = dev->next) {
        if (dev->segment == segment && dev->bus == bus && dev->devfn == devfn) {
            return dev;
        }
    }
    return NULL;
}

struct pci_device *pci_find_name(const char *name)
{
    for (struct pci_device *dev = devices; dev != NULL; dev = dev->next) {
        if (strcmp(dev->name, name) == 0 ||
            (dev->segment == 0 && strcmp(dev->name + 5, name) == 0)) {
            return dev;
        }
    }
    return NULL;
}

struct pci_device *pci_find_id(uint16_t vendor, uint16_t device, unsigned index)
{
    for (struct pci_device *dev = devices; dev != NULL; dev = dev->next) {
        if (dev->vendor == vendor && dev->device == device && index-- == 0) {
            return dev;
        }
    }
    return NULL;
}

struct pci_device *pci_bridge_of_bus(uint16_t segment, uint8_t bus)
{
    for (struct pci_device *dev = devices; dev != NULL; dev = dev->next) {
        if (dev->segment == segment && dev->header_type == PCI_HEADER_BRIDGE &&
            dev->secondary == bus && bus != 0) {
            return dev;
        }
    }
    return NULL;
}

/* ---- scanning ---- */

static void device_read(struct pci_device *dev)
{
    uint32_t ids = pci_dev_read32(dev, REG_VENDOR);
    uint32_t class = pci_dev_read32(dev, REG_CLASS);
    unsigned express;

    dev->vendor = (uint16_t)ids;
    dev->device = (uint16_t)(ids >> 16);
    dev->revision = (uint8_t) class;
    dev->prog_if = (uint8_t)(class >> 8);
    dev->subclass = (uint8_t)(class >> 16);
    dev->class = (uint8_t)(class >> 24);
    dev->header_type = pci_dev_read8(dev, REG_HEADER) & (uint8_t)~HEADER_MULTIFUNCTION;
    if (dev->header_type == PCI_HEADER_BRIDGE) {
        dev->secondary = pci_dev_read8(dev, REG_SECONDARY);
        dev->subordinate = pci_dev_read8(dev, REG_SUBORDINATE);
    }
    express = pci_capability(dev, PCI_CAP_EXPRESS);
    dev->express_type =
        express != 0 ? pci_dev_read16(dev, express + EXPRESS_FLAGS) >> 4 & 0xf : PCI_NOT_EXPRESS;
    ksnprintf(dev->name, sizeof(dev->name), "%04x:%02x:%02x.%x", dev->segment, dev->bus,
              PCI_DEVICE_OF(dev->devfn), PCI_FUNCTION_OF(dev->devfn));
}

static struct pci_device *device_add(uint16_t segment, uint8_t bus, uint8_t devfn,
                                     struct pci_device *parent)
{
    struct pci_device *dev = kzalloc(sizeof(*dev));

    if (dev == NULL) {
        panic("pci: no memory for a device");
    }
    dev->segment = segment;
    dev->bus = bus;
    dev->devfn = devfn;
    dev->parent = parent;
    device_read(dev);
    *devices_end = dev;
    devices_end = &dev->next;
    return dev;
}

static bool bridge_usable(const struct pci_device *dev)
{
    if (dev->secondary > dev->bus && dev->subordinate >= dev->secondary &&
        !visited[dev->secondary]) {
        return true;
    }
    kprintf("pci: bridge %s has bus numbers %02x..%02x that cannot be right, not looked below\n",
            dev->name, dev->secondary, dev->subordinate);
    return false;
}

static bool bus_scan(uint16_t segment, uint8_t bus, struct pci_device *parent);

static void function_scan(uint16_t segment, uint8_t bus, uint8_t devfn, struct pci_device *parent)
{
    struct pci_device *dev = device_add(segment, bus, devfn, parent);

    if (dev->header_type == PCI_HEADER_BRIDGE && bridge_usable(dev)) {
        bus_scan(segment, dev->secondary, dev);
    }
}

static bool present(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    uint16_t vendor = pci_read16(segment, bus, devfn, REG_VENDOR);

    return vendor != 0xffff && vendor != 0;
}

static bool bus_scan(uint16_t segment, uint8_t bus, struct pci_device *parent)
{
    bool found = false;

    visited[bus] = true;
    for (unsigned device = 0; device < 32; device++) {
        uint8_t devfn = PCI_DEVFN(device, 0);
        unsigned functions = 1;

        if (!present(segment, bus, devfn)) {
            continue;
        }
        found = true;
        if ((pci_read8(segment, bus, devfn, REG_HEADER) & HEADER_MULTIFUNCTION) != 0) {
            functions = 8;
        }
        for (unsigned function = 0; function < functions; function++) {
            devfn = PCI_DEVFN(device, function);
            if (function == 0 || present(segment, bus, devfn)) {
                function_scan(segment, bus, devfn, parent);
            }
        }
    }
    return found;
}

void pci_scan(void)
{
    uint16_t segment;

    for (unsigned i = 0; pci_segment(i, &segment); i++) {
        memset(visited, 0, sizeof(visited));
        for (unsigned bus = 0; bus < 256; bus++) {
            if (!visited[bus] && !bus_scan(segment, (uint8_t)bus, NULL)) {
                pci_config_forget(segment, (uint8_t)bus);
            }
        }
    }
    if (devices == NULL) {
        kprintf("pci: no devices found\n");
    }
}

/* ---- the tree in words ---- */

static const struct {
    uint16_t vendor, device;
    const char *text;
} known_devices[] = {
    { 0x1234, 0x1111, "QEMU VGA [1234:1111]" },
    { 0x1234, 0x11e8, "QEMU edu device [1234:11e8]" },
    { 0x8086, 0x100e, "e1000 network controller [8086:100e]" },
    { 0x8086, 0x10d3, "e1000e network controller [8086:10d3]" },
    { 0x8086, 0x10c9, "igb network controller [8086:10c9]" },
    { 0x8086, 0x2918, "ICH9 LPC bridge [8086:2918]" },
    { 0x8086, 0x2922, "ICH9 AHCI controller [8086:2922]" },
    { 0x8086, 0x2930, "ICH9 SMBus controller [8086:2930]" },
    { 0x8086, 0x2934, "ICH9 UHCI controller [8086:2934]" },
    { 0x8086, 0x293a, "ICH9 EHCI controller [8086:293a]" },
    { 0x8086, 0x293e, "ICH9 audio controller [8086:293e]" },
    { 0x8086, 0x244e, "i82801b11 PCI bridge [8086:244e]" },
    { 0x8086, 0x29c0, "Q35 host bridge [8086:29c0]" },
    { 0x8086, 0x1237, "i440FX host bridge [8086:1237]" },
    { 0x8086, 0x3420, "ioh3420 PCIe root port [8086:3420]" },
    { 0x104c, 0x8232, "x3130 PCIe switch upstream port [104c:8232]" },
    { 0x104c, 0x8233, "x3130 PCIe switch downstream port [104c:8233]" },
    { 0x1b36, 0x0001, "PCI bridge [1b36:0001]" },
    { 0x1b36, 0x0005, "PCI test device [1b36:0005]" },
    { 0x1b36, 0x0008, "PCIe host bridge [1b36:0008]" },
    { 0x1b36, 0x0009, "PCI expander bridge [1b36:0009]" },
    { 0x1b36, 0x000b, "PCIe expander bridge [1b36:000b]" },
    { 0x1b36, 0x000c, "PCIe root port [1b36:000c]" },
    { 0x1b36, 0x000d, "xHCI controller [1b36:000d]" },
    { 0x1b36, 0x000e, "PCIe-to-PCI bridge [1b36:000e]" },
    { 0x1b36, 0x0010, "NVMe controller [1b36:0010]" },
    { 0x1af4, 0x1000, "virtio network device [1af4:1000]" },
    { 0x1af4, 0x1001, "virtio block device [1af4:1001]" },
    { 0x1af4, 0x1041, "virtio network device [1af4:1041]" },
    { 0x1af4, 0x1042, "virtio block device [1af4:1042]" },
    { 0x10ec, 0x8139, "rtl8139 network controller [10ec:8139]" },
};

static const char *class_text(uint8_t class)
{
    static const char *const names[] = {
        "device",
        "storage controller",
        "network controller",
        "display controller",
        "multimedia",
        "memory controller",
        "bridge",
        "communication controller",
        "system part",
        "input controller",
        "docking station",
        "processor",
        "serial bus",
        "wireless",
        "intelligent I/O",
        "satellite",
        "encryption",
        "signal processing",
    };

    return class < sizeof(names) / sizeof(names[0]) ? names[class] : "device";
}

const char *pci_describe(const struct pci_device *dev)
{
    static char unknown[64];

    for (size_t i = 0; i < sizeof(known_devices) / sizeof(known_devices[0]); i++) {
        if (known_devices[i].vendor == dev->vendor && known_devices[i].device == dev->device) {
            return known_devices[i].text;
        }
    }
    ksnprintf(unknown, sizeof(unknown), "%s, class %02x%02x%02x [%04x:%04x]",
              class_text(dev->class), dev->class, dev->subclass, dev->prog_if, dev->vendor,
              dev->device);
    return unknown;
}

void pci_print_tree(void)
{
    for (const struct pci_device *dev = devices; dev != NULL; dev = dev->next) {
        int depth = 0;

        for (const struct pci_device *up = dev->parent; up != NULL; up = up->parent) {
            depth++;
        }
        kprintf("%*s%s %s", 2 * depth, "", dev->name, pci_describe(dev));
        if (dev->header_type == PCI_HEADER_BRIDGE) {
            kprintf(", buses %02x..%02x", dev->secondary, dev->subordinate);
        }
        if (dev->driver != NULL) {
            kprintf(", driver %s", dev->driver);
        }
        kputs("\n");
    }
}
