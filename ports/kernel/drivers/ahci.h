/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI 1.3 host bus adapters and the ATA disks on them: READ and WRITE DMA EXT, several commands in
 * flight, scattered buffers, recovery after errors and time-outs.
 *
 * The interrupt handler only takes a note; commands are completed in ahci_poll(), which everything
 * that waits calls. So busdma is never called from an interrupt, and the functions here are for
 * threads, one at a time for each adapter. A done function may submit further commands, but not
 * poll or wait.
 *
 * A transfer that the IOMMU blocks may look like a success to the adapter; only the fault tells.
 */
#ifndef DRIVERS_AHCI_H
#define DRIVERS_AHCI_H

#include "pci.h"
#include "support.h"

enum {
    AHCI_SECTOR = 512,
    AHCI_COMMAND_MAX = 1 << 20, /* bytes of one command */
    AHCI_PORTS = 32,
    AHCI_SLOTS = 32
};

struct ahci;
struct ahci_disk;

struct ahci_disk_info {
    unsigned port;
    uint64_t sectors;
    char model[41];
    char serial[21];
};

struct ahci_statistics {
    uint64_t commands;   /* ended, with any result */
    uint64_t bytes;      /* moved by commands that succeeded */
    uint64_t errors;     /* commands that ended with an error the device reported */
    uint64_t timeouts;   /* commands that ended with a time-out */
    uint64_t retries;    /* commands run again after another one had stopped the port */
    uint64_t restarts;   /* of ports */
    uint64_t interrupts; /* taken */
};

/* Called once for each command that was accepted, from ahci_poll() or ahci_detach(); the buffer is
 * the caller's again. */
typedef void ahci_done_t(void *arg, enum driver_status status);

/* True when the device is an AHCI adapter (class 01, subclass 06, interface 01). */
bool ahci_probe(const struct pci_device *dev);

/*
 * ahci_attach - reset the adapter, find and identify its disks
 * @parent: the device's tag; the driver makes its own below it.
 * Succeeds without any disk, too. Returns null when it is no AHCI adapter, does not come out of
 * reset, or resources are missing; the reason is on the console.
 */
struct ahci *ahci_attach(struct pci_device *dev, bus_dma_tag_t parent);

/* Stops all ports, ends commands in flight with DRIVER_STOPPED, frees everything. False when
 * something is left behind; what it is stands on the console. */
bool ahci_detach(struct ahci *hba);

/*
 * ahci_suspend, ahci_resume - over a sleep in which the adapter loses its registers
 * Nothing may be in flight at the first (false: something is), and nothing is submitted before the
 * second. Tags, maps and what is mapped stay; PCI configuration and MSI are the caller's. False
 * (said on the console) when the adapter or a port does not come back.
 */
bool ahci_suspend(struct ahci *hba);
bool ahci_resume(struct ahci *hba);

unsigned ahci_disk_count(const struct ahci *hba);
/* Disk `index` (from 0), null past the last. */
struct ahci_disk *ahci_disk(struct ahci *hba, unsigned index);
const struct ahci_disk_info *ahci_disk_info(const struct ahci_disk *disk);
const struct ahci_statistics *ahci_statistics(const struct ahci *hba);
/* True when completions are announced by MSI, false when everything is polled. */
bool ahci_has_interrupt(const struct ahci *hba);

/* How long a port may go without completing anything; 5 s at first. */
void ahci_set_timeout(struct ahci *hba, uint64_t ns);

/*
 * ahci_submit - start a transfer
 * @write: true: memory to disk.
 * @buffer: @length bytes at any address, physically scattered as they may be; @length is a
 *          multiple of AHCI_SECTOR, at most AHCI_COMMAND_MAX. Left alone until @done is called.
 * Returns DRIVER_OK: @done will be called. Anything else: it will not. INVALID (also a range that
 * is not on the disk), BUSY (all slots taken), NO_MEMORY, STOPPED.
 * The disk executes commands in any order.
 */
enum driver_status ahci_submit(struct ahci_disk *disk, bool write, uint64_t lba, void *buffer,
                               size_t length, ahci_done_t *done, void *arg);

/* The same for a list of physical memory; its pieces have even addresses and lengths and sum up to
 * the length of the transfer. The list may go away after the call. */
enum driver_status ahci_submit_physical(struct ahci_disk *disk, bool write, uint64_t lba,
                                        const struct udmar_dma_physical *list, unsigned count,
                                        ahci_done_t *done, void *arg);

/* Completes what has ended and looks after deadlines. Returns the number of commands still in
 * flight on all disks. */
unsigned ahci_poll(struct ahci *hba);

/* Rests until an interrupt or a short time has passed, then polls. */
unsigned ahci_wait(struct ahci *hba);

/*
 * ahci_read, ahci_write - the same for callers who wait
 * @length: any multiple of AHCI_SECTOR; long transfers are split up and run side by side.
 * Returns the first error. As every command has a deadline, they always return.
 */
enum driver_status ahci_read(struct ahci_disk *disk, uint64_t lba, void *buffer, size_t length);
enum driver_status ahci_write(struct ahci_disk *disk, uint64_t lba, const void *buffer,
                              size_t length);

/* Waits for all commands of the disk and has it write its cache to the medium. */
enum driver_status ahci_flush(struct ahci_disk *disk);

#endif
