/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar in Linux: what the files of this port share.
 *
 *   main.c        loading, unloading, the order of things
 *   fit.c         does this kernel and this machine fit, and why not
 *   device.c      every PCI function gets its operations before its driver
 *   dma_ops.c     streaming mappings     list.c       the same for scatter lists
 *   coherent.c    memory for a device
 *   iommu.c       an IOMMU driver of the kernel's, for drivers that map whole requests
 *   mapping.c     guest addresses: the way into the library
 *   host.c, interrupt.c   the host interface
 *   report.c      debugfs
 */
#ifndef UDMAR_LINUX_PORT_H
#define UDMAR_LINUX_PORT_H

#include <linux/dma-map-ops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/percpu.h>

#include <udmar/busdma.h>
#include <udmar/stream.h>
#include <udmar/udmar.h>

/* Of one device on one CPU; statistics, so a read may miss what happens meanwhile. */
struct port_counts {
    u64 maps;     /* map_page, map_resource and map_sg calls, and coherent allocations */
    u64 unmaps;   /* as many when nothing is mapped any more */
    u64 further;  /* pieces of memory in those behind the first */
    u64 bytes;    /* in maps, coherent memory not counted */
    u64 coherent; /* bytes of coherent memory that were allocated... */
    u64 returned; /* ...and given back */
    u64 failed;   /* maps that were refused */
};

struct port_device {
    struct dma_map_ops ops; /* a copy for this device: container_of() leads from it to the rest */
    struct udmar_domain *domain;
    struct port_counts __percpu *counts;
    struct pci_dev *pci;
    struct udmar_device *device;
    enum udmar_mode mode;
    bool has_ops;   /* the ops are in the device */
    bool holds;     /* a driver is bound, and the module must stay */
    bool was_bound; /* a driver had it before us, so addresses had to stay what they were */
    struct list_head link;
};

/* What the port keeps; one instance, because a machine has one set of units. */
struct port {
    struct mutex mutex; /* devices, and all calls that the library wants one at a time */
    struct list_head devices;
    struct udmar *instance;
    bool running; /* translation is on */
    bool ticking; /* deferred mode: udmar_tick() must be called now and then */
    struct acpi_table_header *table;
    struct udmar_ram_range *ram;
    unsigned ram_count;
};
extern struct port port;

/* ---- fit.c ----------------------------------------------------------------------------------- */

/* May this module take the units over? 0, or a negative errno after one line that says why not. */
int port_fits(const struct udmar_table *table);

/* ---- device.c -------------------------------------------------------------------------------- */

/* Is a driver bound that may have DMA under way or memory mapped? */
bool port_in_use(struct pci_dev *pci);
/* host.c: the library's number for the segment of a bus; false: it has none. */
bool port_segment(struct pci_bus *bus, u16 *out_segment);

/* Should addresses of this function stay physical? A clause that says why, else null. */
const char *port_physical_reason(struct pci_dev *pci);

int port_devices_attach(void);     /* all that are there; port.mutex held */
void port_devices_install(void);   /* their ops, as soon as translation is on; port.mutex held */
void port_devices_uninstall(void); /* takes the ops away again; port.mutex held */
void port_devices_remove(void);    /* forgets all devices and blocks their DMA; port.mutex held */
int port_devices_listen(void);     /* to those that come and go; port.mutex not held */
void port_devices_ignore(void);    /* port.mutex not held */
struct port_device *port_device_of(const struct udmar_device *device); /* port.mutex held */

void port_device_uninstall(struct port_device *device);         /* its ops alone; likewise */
struct port_device *port_device_for(const struct pci_dev *pci); /* null: none; port.mutex held */
struct port_device *port_device_come(struct pci_dev *pci); /* attached now if need be; likewise */

/* ---- iommu.c --------------------------------------------------------------------------------- */

/* Once translation is on; port.mutex not held, as the kernel asks back. Failure costs speed alone.
 */
void port_iommu_register(void);
void port_iommu_unregister(void); /* before devices go; port.mutex not held */

/* A field of struct port_counts over all CPUs. */
u64 port_device_count(const struct port_device *device, size_t field);
#define port_device_sum(device, field) \
    port_device_count((device), offsetof(struct port_counts, field))

/* ---- dma_ops.c, list.c, coherent.c ----------------------------------------------------------- */

/* Fills in the operations for the device's mode; false when its mode needs none. */
bool port_ops_fill(struct port_device *device);
void port_coherent_fill(struct dma_map_ops *ops);

int port_map_sg(struct device *dev, struct scatterlist *list, int count,
                enum dma_data_direction direction, unsigned long attributes);
void port_unmap_sg(struct device *dev, struct scatterlist *list, int count,
                   enum dma_data_direction direction, unsigned long attributes);

/* The last address that a device can use, when its mask is this one. */
static inline u64 port_highest(struct device *dev, u64 mask)
{
    return likely(dev->bus_dma_limit == 0) ? mask : min_not_zero(mask, dev->bus_dma_limit);
}

static inline struct port_device *port_device_get(struct device *dev)
{
    return container_of(dev->dma_ops, struct port_device, ops);
}

#define port_count(device, field, amount) this_cpu_add((device)->counts->field, (amount))

static inline unsigned port_access(enum dma_data_direction direction)
{
    static const u8 access[] = {
        [DMA_BIDIRECTIONAL] = UDMAR_READ_WRITE,
        [DMA_TO_DEVICE] = UDMAR_READ,
        [DMA_FROM_DEVICE] = UDMAR_WRITE,
        [DMA_NONE] = 0,
    };

    return access[direction & 3];
}

/* ---- mapping.c ------------------------------------------------------------------------------- */

/* What a device demands of the guest addresses of a range. */
struct port_limits {
    u64 highest;   /* the last one that it can use */
    u64 alignment; /* of the first page; a power of two, 0: none */
    /*
     * No piece crosses a border of this size (a mask, a power of two minus one), if it is not
     * longer: a piece that would begins on the border, and guest pages before it are left out.
     * U64_MAX: no borders.
     */
    u64 boundary_mask;
};

/* Where in a range a piece begins (its page), when @at bytes before it are taken, whole pages. */
static inline u64 port_place(u64 at, const struct udmar_dma_physical *piece, u64 boundary_mask)
{
    u64 start = at + offset_in_page(piece->address);

    if (likely((start & boundary_mask) + piece->length - 1 <= boundary_mask) ||
        (at & boundary_mask) == 0) {
        return at;
    }
    return (at | boundary_mask) + 1;
}

static inline u64 port_pages(const struct udmar_dma_physical *piece)
{
    return PAGE_ALIGN(offset_in_page(piece->address) + piece->length);
}

/*
 * port_map - one range of guest addresses for a list of pieces
 * Each piece begins in a guest page of its own, at its offset in the page, where port_place() says.
 * Atomic context. @whole: bytes in all pieces if each is whole pages, else 0. @out_iova: of the
 * first byte of the first piece. Returns 0, -ENOMEM (no memory, or no guest addresses within the
 * limits), -EINVAL or -EIO (the unit did not answer).
 */
int port_map(struct port_device *device, const struct udmar_dma_physical *pieces, unsigned count,
             u64 whole, unsigned access, const struct port_limits *limits, dma_addr_t *out_iova);

/*
 * Takes such a range away: @iova and @size from its first byte to its last. Atomic context. The
 * second half is for what is no stream, or was not unmapped: @status says what came of it.
 */
void port_unmap_other(struct port_device *device, dma_addr_t iova, size_t size,
                      enum udmar_status status);

static inline void port_unmap(struct port_device *device, dma_addr_t iova, size_t size)
{
    enum udmar_status status = udmar_stream_unmap(device->domain, iova);

    port_count(device, unmaps, 1);
    if (unlikely(status != UDMAR_OK)) {
        port_unmap_other(device, iova, size, status);
    }
}

/* ---- suspend.c ------------------------------------------------------------------------------- */

/* The machine's own events: it goes to sleep, wakes up, and shuts down. */
void port_power_listen(void);
void port_power_ignore(void);

/* ---- main.c ---------------------------------------------------------------------------------- */

/* Translation goes off for good. */
void port_shut_down(void);

/* ---- interrupt.c, report.c ------------------------------------------------------------------- */

void port_interrupts_end(void);

void port_report_init(void);
void port_report_exit(void);

#endif
