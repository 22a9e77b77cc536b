/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: configuration access, the devices found at boot, their resources and interrupts.  The
 * firmware has numbered the buses and placed the BARs; nothing is assigned here.
 */
#ifndef KERNEL_PCI_H
#define KERNEL_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_DEVFN(device, function) ((uint8_t)((device) << 3 | (function)))
#define PCI_DEVICE_OF(devfn)        ((unsigned)(devfn) >> 3)
#define PCI_FUNCTION_OF(devfn)      ((unsigned)(devfn)&7)

enum {
    PCI_COMMAND = 0x04,
    PCI_COMMAND_IO = 1,
    PCI_COMMAND_MEMORY = 2,
    PCI_COMMAND_MASTER = 4,
    PCI_COMMAND_INTX_OFF = 0x400,
    PCI_STATUS = 0x06,
    PCI_BAR0 = 0x10,
    PCI_CAP_POWER = 0x01,
    PCI_CAP_MSI = 0x05,
    PCI_CAP_EXPRESS = 0x10,
    PCI_CAP_MSIX = 0x11,
    PCI_CLASS_BRIDGE = 0x06,
    PCI_HEADER_BRIDGE = 1
};

struct pci_device {
    uint16_t segment;
    uint8_t bus, devfn;
    uint16_t vendor, device;
    uint8_t class, subclass, prog_if, revision;
    uint8_t header_type;            /* without the multi-function bit: 0 endpoint, 1 bridge */
    uint8_t secondary, subordinate; /* of a bridge, else 0 */
    uint8_t express_type; /* PCI Express device/port type (0 endpoint, 4 root port, 5/6 switch up/
                             down, 7 PCIe-to-PCI bridge, ...), PCI_NOT_EXPRESS without capability */
    struct pci_device *parent; /* the bridge above, NULL on a root bus */
    struct pci_device *next;
    char name[16];      /* "0000:00:04.0" */
    const char *driver; /* name of the driver that took it, or NULL; drivers set it */
    void *driver_data;  /* the driver's own */
    struct irq *irq;    /* NULL when pci_enable_msi is not in force */
    void *msix_table;   /* mapped while MSI-X is in use */
};

#define PCI_NOT_EXPRESS 0xff

/*
 * Configuration space.  Absent functions and, through CF8/CFC, offsets beyond 255 read as all ones;
 * writes there are dropped.  Offsets must be aligned to the access size.  ECAM is used where the
 * MCFG table covers segment and bus, unless the command line says pci=cf8.
 */
uint32_t pci_read32(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset);
uint16_t pci_read16(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset);
uint8_t pci_read8(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset);
void pci_write32(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint32_t value);
void pci_write16(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint16_t value);
void pci_write8(uint16_t segment, uint8_t bus, uint8_t devfn, unsigned offset, uint8_t value);

/* The same for a device. */
uint32_t pci_dev_read32(const struct pci_device *dev, unsigned offset);
uint16_t pci_dev_read16(const struct pci_device *dev, unsigned offset);
uint8_t pci_dev_read8(const struct pci_device *dev, unsigned offset);
void pci_dev_write32(const struct pci_device *dev, unsigned offset, uint32_t value);
void pci_dev_write16(const struct pci_device *dev, unsigned offset, uint16_t value);
void pci_dev_write8(const struct pci_device *dev, unsigned offset, uint8_t value);

/* All devices, each bridge before what is below it; NULL ends. */
struct pci_device *pci_first(void);
struct pci_device *pci_next(const struct pci_device *dev);

struct pci_device *pci_find(uint16_t segment, uint8_t bus, uint8_t devfn);
/* "00:04.0" or "0000:00:04.0"; NULL when malformed or absent. */
struct pci_device *pci_find_name(const char *name);
/* Device `index` (from 0) with these ids. */
struct pci_device *pci_find_id(uint16_t vendor, uint16_t device, unsigned index);
/* The bridge whose secondary bus is `bus`, or NULL (a root bus, or none). */
struct pci_device *pci_bridge_of_bus(uint16_t segment, uint8_t bus);

/*
 * The BAR at index `bar` (0..5; a 64-bit one is named by its lower half).  Any of the out pointers
 * may be NULL.  Decoding is off for the moment the size is probed.  False when the BAR is not
 * implemented, not assigned or out of range.
 */
bool pci_bar(struct pci_device *dev, unsigned bar, uint64_t *base, uint64_t *size, bool *io);

/* The whole memory BAR mapped uncached, its size in *size when size is not NULL; NULL when that is
 * not possible.  Undo with mmio_unmap. */
void *pci_bar_map(struct pci_device *dev, unsigned bar, size_t *size);

/* Turns on memory and I/O decoding and bus mastering; the legacy interrupt pin is turned off. */
void pci_enable(struct pci_device *dev);
/* Turns bus mastering off again. */
void pci_disable(struct pci_device *dev);

/* Offset of the capability, 0 when there is none. */
unsigned pci_capability(const struct pci_device *dev, uint8_t id);
/* The same among the extended capabilities (ECAM only). */
unsigned pci_extended_capability(const struct pci_device *dev, uint16_t id);

/*
 * Routes MSI, or MSI-X entry 0 where the device has only that, to the handler.  One interrupt per
 * device.  False (with a message) when the device has neither, already has one, or irq_take() has
 * nothing for it.
 */
bool pci_enable_msi(struct pci_device *dev, void (*handler)(void *arg), void *arg);
void pci_disable_msi(struct pci_device *dev);

/* "e1000 network controller [8086:100e]"; never NULL.  The text of an unknown device is in a static
 * buffer that the next call overwrites. */
const char *pci_describe(const struct pci_device *dev);

/* The tree as an indented list on the console. */
void pci_print_tree(void);

#endif
