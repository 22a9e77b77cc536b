/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's teaching device "edu" (1234:11e8), the smallest driver that does DMA, and a rogue at will.
 *
 * The device has a buffer of EDU_BUFFER_SIZE bytes that only DMA can reach. The good functions go
 * through busdma like any driver's; edu_dma_raw() makes the device use whatever address it is
 * given, as broken or hostile hardware would.
 *
 * Start QEMU with -device edu,dma_mask=0xffffffffffffffff: by default the device drops the address
 * bits above the 28th, which a driver cannot find out.
 *
 * Threads only, one at a time for each device. Every transfer takes about 100 ms.
 */
#ifndef DRIVERS_EDU_H
#define DRIVERS_EDU_H

#include "pci.h"
#include "support.h"

enum {
    EDU_VENDOR = 0x1234,
    EDU_DEVICE = 0x11e8,
    EDU_BUFFER_SIZE = 4095 /* one byte less than there is: QEMU ends itself at 4096 */
};

struct edu;

/*
 * edu_attach - take the device
 * @parent: the device's tag; the driver makes its own below it.
 * Returns null when it is not an edu or resources are missing; the reason is on the console.
 */
struct edu *edu_attach(struct pci_device *dev, bus_dma_tag_t parent);

/* Stops the device and frees all. False when something is left behind (said on the console): the
 * device did not finish its transfer, or a tag is still in use. */
bool edu_detach(struct edu *edu);

/*
 * edu_copy_out, edu_copy_in - memory to the device's buffer, and back
 * @buffer: any kernel memory, any alignment. @length: 1 to EDU_BUFFER_SIZE.
 * Beginning with the buffer's first byte. Returns DRIVER_OK, INVALID, NO_MEMORY, TIMEOUT, STOPPED.
 * A transfer that the IOMMU blocks is a success to the device.
 */
enum driver_status edu_copy_out(struct edu *edu, const void *buffer, size_t length);
enum driver_status edu_copy_in(struct edu *edu, void *buffer, size_t length);

/* Repeats `pattern` in `length` bytes of the device's buffer. */
enum driver_status edu_fill(struct edu *edu, const void *pattern, size_t pattern_size,
                            size_t length);

/*
 * edu_dma_raw - DMA to or from any address, past busdma
 * @bus_address: used as it is. @count: 1 to EDU_BUFFER_SIZE.
 * @to_memory: true: the device's buffer is written to @bus_address; false: it is filled from there.
 * Returns as edu_copy_out.
 */
enum driver_status edu_dma_raw(struct edu *edu, uint64_t bus_address, size_t count, bool to_memory);

/* Raises the device's interrupt, as its pci_enable_msi() has set it up, and takes it back. */
void edu_interrupt(struct edu *edu);

/*
 * edu_interrupt_raw - the device's own interrupt, with a message that nobody gave it
 * As a guest does that the device was handed to, or hostile firmware in it: address and data go
 * into its MSI registers, and it fires. What stood there before is put back.
 */
void edu_interrupt_raw(struct edu *edu, uint64_t address, uint32_t data);

#endif
