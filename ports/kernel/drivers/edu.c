/* SPDX-License-Identifier: BSD-2-Clause */
#include "edu.h"

#include "cpu.h"
#include "irq.h"
#include "kmem.h"
#include "kprintf.h"
#include "kstring.h"
#include "ktime.h"

/* Registers, offsets in BAR 0. */
enum {
    EDU_ID = 0x00,
    EDU_ALIVE = 0x04, /* reads as the complement of what was written */
    EDU_RAISE = 0x60,
    EDU_ACKNOWLEDGE = 0x64,
    EDU_DMA_SOURCE = 0x80,
    EDU_DMA_DESTINATION = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98
};

/* In the device's MSI capability, which has 64-bit addresses. */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_ENABLE = 1 };

enum { EDU_COMMAND_RUN = 1, EDU_COMMAND_TO_MEMORY = 2 };

/* Where the device's own buffer begins among the addresses its DMA engine knows. */
#define EDU_BUFFER UINT64_C(0x40000)

/* EDU_BUFFER_SIZE bytes lie in two pages at most. */
enum { EDU_SEGMENTS = 2 };

struct edu {
    struct pci_device *dev;
    uint8_t *registers;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    uint8_t *pattern; /* a page that edu_fill transfers from */
    bool stopped;
};

struct edu_segments {
    bus_dma_segment_t segment[EDU_SEGMENTS];
    int count;
    int error;
};

static void edu_write32(struct edu *edu, unsigned offset, uint32_t value)
{
    mmio_write32(edu->registers + offset, value);
}

/*
 * The 64-bit registers take a value in one access only: a store of four bytes sets the upper half
 * to zero, and the upper half has no address of its own. i386 has no 64-bit general register, but
 * its x87 unit loads and stores 64-bit integers exactly, in one access.
 */
static void edu_write64(struct edu *edu, unsigned offset, uint64_t value)
{
#if defined(__x86_64__)
    mmio_write64(edu->registers + offset, value);
#else
    enum { CR0_EMULATION = 4, CR0_TASK_SWITCHED = 8 };
    volatile uint64_t *where = (volatile uint64_t *)(void *)(edu->registers + offset);
    unsigned long cr0;

    /* The kernel does not use the unit, so it may be off; nobody has state in it to lose. */
    __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("movl %0, %%cr0"
                     :
                     : "r"(cr0 & ~(unsigned long)(CR0_EMULATION | CR0_TASK_SWITCHED))
                     : "memory");
    __asm__ volatile("fninit\n\tfildll %1\n\tfistpll %0" : "=m"(*where) : "m"(value) : "memory");
    __asm__ volatile("movl %0, %%cr0" : : "r"(cr0) : "memory");
#endif
}

static bool edu_idle(void *arg)
{
    struct edu *edu = arg;

    return (mmio_read32(edu->registers + EDU_DMA_COMMAND) & EDU_COMMAND_RUN) == 0;
}

/* Waits for the end of a transfer; the processor rests meanwhile, so that QEMU gets its own work
 * done. The device is looked at once more after the deadline. */
static bool edu_wait(struct edu *edu)
{
    static const volatile bool never = false;
    /* The device takes 100 ms of virtual time. */
    uint64_t deadline = time_ns() + DEVICE_PATIENCE;

    while (!edu_idle(edu)) {
        if (time_ns() > deadline)
            return edu_idle(edu);
        driver_idle(&never, NS_PER_MS);
    }
    return true;
}

/* One transfer between `address` and `offset` in the device's buffer. */
static enum driver_status edu_run(struct edu *edu, uint64_t address, size_t offset, size_t count,
                                  bool to_memory)
{
    uint64_t inside = EDU_BUFFER + offset;

    /* While a transfer runs the device drops writes to these registers. */
    if (!edu_wait(edu))
        return DRIVER_TIMEOUT;
    edu_write64(edu, EDU_DMA_SOURCE, to_memory ? inside : address);
    edu_write64(edu, EDU_DMA_DESTINATION, to_memory ? address : inside);
    edu_write32(edu, EDU_DMA_COUNT, (uint32_t)count);
    edu_write32(edu, EDU_DMA_COMMAND, EDU_COMMAND_RUN | (to_memory ? EDU_COMMAND_TO_MEMORY : 0));
    return edu_wait(edu) ? DRIVER_OK : DRIVER_TIMEOUT;
}

static bool edu_length_valid(size_t length)
{
    return length > 0 && length <= EDU_BUFFER_SIZE;
}

enum driver_status edu_dma_raw(struct edu *edu, uint64_t bus_address, size_t count, bool to_memory)
{
    if (edu->stopped)
        return DRIVER_STOPPED;
    if (!edu_length_valid(count))
        return DRIVER_INVALID;
    return edu_run(edu, bus_address, 0, count, to_memory);
}

void edu_interrupt(struct edu *edu)
{
    edu_write32(edu, EDU_RAISE, 1);
    edu_write32(edu, EDU_ACKNOWLEDGE, 1);
}

void edu_interrupt_raw(struct edu *edu, uint64_t address, uint32_t data)
{
    unsigned cap = pci_capability(edu->dev, PCI_CAP_MSI);
    uint16_t control = pci_dev_read16(edu->dev, cap + MSI_CONTROL);
    uint32_t old[3];
    unsigned i;

    for (i = 0; i < 3; i++)
        old[i] = pci_dev_read32(edu->dev, cap + MSI_ADDRESS + 4 * i);
    pci_dev_write32(edu->dev, cap + MSI_ADDRESS, (uint32_t)address);
    pci_dev_write32(edu->dev, cap + MSI_ADDRESS + 4, (uint32_t)(address >> 32));
    pci_dev_write32(edu->dev, cap + MSI_ADDRESS + 8, data);
    pci_dev_write16(edu->dev, cap + MSI_CONTROL, control | MSI_ENABLE);
    edu_interrupt(edu);
    pci_dev_write16(edu->dev, cap + MSI_CONTROL, control);
    for (i = 0; i < 3; i++)
        pci_dev_write32(edu->dev, cap + MSI_ADDRESS + 4 * i, old[i]);
}

/* busdma's list is valid during the call only: keep a copy. */
static void edu_loaded(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct edu_segments *out = arg;
    int i;

    out->error = error;
    out->count = error == 0 ? count : 0;
    for (i = 0; i < out->count; i++)
        out->segment[i] = segments[i];
}

/* The device knows no lists: one transfer for each segment. */
static enum driver_status edu_run_segments(struct edu *edu, const struct edu_segments *list,
                                           bool to_memory)
{
    enum driver_status status = DRIVER_OK;
    size_t offset = 0;
    int i;

    for (i = 0; i < list->count && status == DRIVER_OK; i++) {
        status = edu_run(edu, list->segment[i].ds_addr, offset, (size_t)list->segment[i].ds_len,
                         to_memory);
        offset += (size_t)list->segment[i].ds_len;
    }
    return status;
}

/*
 * The device did not finish and may still touch the buffer whose mapping is about to end. It has no
 * reset, so it loses the bus.
 */
static void edu_give_up(struct edu *edu)
{
    pci_disable(edu->dev);
    edu->stopped = true;
    kprintf("edu %s: transfer does not end, device stopped\n", edu->dev->name);
}

/* The life of a mapping: load, sync before, transfer, sync after, unload. */
static enum driver_status edu_transfer(struct edu *edu, void *buffer, size_t length, bool to_memory)
{
    struct edu_segments list = { .count = 0, .error = 0 };
    enum driver_status status;
    int error;

    if (edu->stopped)
        return DRIVER_STOPPED;
    if (!edu_length_valid(length))
        return DRIVER_INVALID;
    /* NOWRITE: where the device only reads, it is given no more than that. */
    error = bus_dmamap_load(edu->tag, edu->map, buffer, length, edu_loaded, &list,
                            BUS_DMA_NOWAIT | (to_memory ? 0 : BUS_DMA_NOWRITE));
    if (error != 0 || list.error != 0)
        return driver_status_from_errno(error != 0 ? error : list.error);

    bus_dmamap_sync(edu->tag, edu->map, to_memory ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    status = edu_run_segments(edu, &list, to_memory);
    if (status == DRIVER_TIMEOUT)
        edu_give_up(edu);
    bus_dmamap_sync(edu->tag, edu->map, to_memory ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(edu->tag, edu->map);
    return status;
}

enum driver_status edu_copy_out(struct edu *edu, const void *buffer, size_t length)
{
    /* The load takes no pointer to const; NOWRITE keeps the promise. */
    return edu_transfer(edu, (void *)(uintptr_t)buffer, length, false);
}

enum driver_status edu_copy_in(struct edu *edu, void *buffer, size_t length)
{
    return edu_transfer(edu, buffer, length, true);
}

enum driver_status edu_fill(struct edu *edu, const void *pattern, size_t pattern_size,
                            size_t length)
{
    const uint8_t *from = pattern;
    size_t i;

    if (pattern_size == 0 || !edu_length_valid(length))
        return DRIVER_INVALID;
    for (i = 0; i < length; i++)
        edu->pattern[i] = from[i % pattern_size];
    return edu_copy_out(edu, edu->pattern, length);
}

static bool edu_is_alive(struct edu *edu)
{
    const uint32_t probe = 0x12345678;

    if ((mmio_read32(edu->registers + EDU_ID) & 0xff) != 0xed)
        return false;
    edu_write32(edu, EDU_ALIVE, probe);
    return mmio_read32(edu->registers + EDU_ALIVE) == ~probe;
}

static int edu_make_map(struct edu *edu, bus_dma_tag_t parent)
{
    int error;

    /* Any byte address, two pieces at most, each as long as the device's buffer. */
    error = bus_dma_tag_create(parent, 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL, NULL,
                               EDU_BUFFER_SIZE, EDU_SEGMENTS, EDU_BUFFER_SIZE, 0, NULL, NULL,
                               &edu->tag);
    if (error == 0)
        error = bus_dmamap_create(edu->tag, 0, &edu->map);
    return error;
}

/* Frees what there is, in the opposite order of its making; the device is stopped. */
static bool edu_free(struct edu *edu)
{
    bool clean = bus_dmamap_destroy(edu->tag, edu->map) == 0;

    clean = dma_tag_release(&edu->tag, edu->dev->name, "edu buffer") && clean;
    if (edu->registers != NULL)
        mmio_unmap(edu->registers);
    kfree(edu->pattern);
    kfree(edu);
    return clean;
}

static struct edu *edu_fail(struct edu *edu, const char *why, int error)
{
    kprintf("edu %s: %s (error %d)\n", edu->dev->name, why, error);
    pci_disable(edu->dev);
    edu_free(edu);
    return NULL;
}

struct edu *edu_attach(struct pci_device *dev, bus_dma_tag_t parent)
{
    struct edu *edu = kzalloc(sizeof(*edu));
    int error;

    if (edu == NULL) {
        kprintf("edu %s: no memory\n", dev->name);
        return NULL;
    }
    edu->dev = dev;
    pci_enable(dev);
    edu->registers = pci_bar_map(dev, 0, NULL);
    /* A whole page, so that nothing else becomes visible to the device with it. */
    edu->pattern = kzalloc(PAGE_SIZE);
    if (edu->registers == NULL || edu->pattern == NULL)
        return edu_fail(edu, "no registers or no memory", 0);
    if (!edu_is_alive(edu))
        return edu_fail(edu, "does not answer like an edu", 0);
    error = edu_make_map(edu, parent);
    if (error != 0)
        return edu_fail(edu, "no tag or map", error);
    dev->driver = "edu";
    dev->driver_data = edu;
    return edu;
}

bool edu_detach(struct edu *edu)
{
    struct pci_device *dev = edu->dev;
    bool idle, clean;

    /* Stop first, free then: without the bus a transfer that still runs goes nowhere. */
    pci_disable(dev);
    idle = edu_wait(edu);
    clean = edu_free(edu);
    dev->driver = NULL;
    dev->driver_data = NULL;
    return idle && clean;
}
