/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the driver's files: ahci.c (adapter), ahci_port.c (engines of a port), ahci_command.c
 * (commands and recovery). */
#ifndef DRIVERS_AHCI_INTERNAL_H
#define DRIVERS_AHCI_INTERNAL_H

#include "ahci.h"
#include "ahci_hw.h"
#include "cpu.h"

struct ahci_command {
    struct dma_memory table;
    bus_dmamap_t data_map;
    bool taken;
    bool loaded;
    bool write;
    uint8_t opcode;
    uint64_t lba;
    uint32_t length; /* bytes of data, 0 for none */
    uint16_t prd_count;
    int load_error;
    ahci_done_t *done;
    void *arg;
};

/* A port with a disk. Slots taken are either issued, which the adapter may work on, or waiting for
 * the driver to issue them one by one. */
struct ahci_disk {
    struct ahci *hba;
    unsigned number;
    uint8_t *registers;
    struct dma_memory list;
    struct dma_memory received;
    struct ahci_command slot[AHCI_SLOTS];
    uint32_t issued;
    uint32_t waiting;
    bool alone;             /* what is issued is a command that runs alone after an error */
    unsigned lone_timeouts; /* such commands that timed out in a row */
    bool dead;
    uint64_t progress; /* when a command was last completed, or issued to an idle port */
    struct ahci_disk_info info;
};

struct ahci {
    struct pci_device *dev;
    uint8_t *registers;
    bus_dma_tag_t list_tag, received_tag, table_tag, data_tag;
    unsigned slots;
    struct ahci_disk *disk[AHCI_PORTS];
    unsigned disks;
    bool msi;
    volatile bool attention; /* set by the interrupt */
    uint64_t timeout;
    struct ahci_statistics statistics;
};

static inline uint32_t ahci_read32(struct ahci *hba, unsigned offset)
{
    return mmio_read32(hba->registers + offset);
}

static inline void ahci_write32(struct ahci *hba, unsigned offset, uint32_t value)
{
    mmio_write32(hba->registers + offset, value);
}

static inline uint32_t port_read32(struct ahci_disk *disk, unsigned offset)
{
    return mmio_read32(disk->registers + offset);
}

static inline void port_write32(struct ahci_disk *disk, unsigned offset, uint32_t value)
{
    mmio_write32(disk->registers + offset, value);
}

static inline struct ahci_header *port_header(struct ahci_disk *disk, unsigned slot)
{
    return (struct ahci_header *)disk->list.address + slot;
}

/* ---- ahci_port.c ---- */

/* True when the bits in `mask` of the port's register became `value` in time. */
bool ahci_port_wait(struct ahci_disk *disk, unsigned offset, uint32_t mask, uint32_t value,
                    uint64_t timeout_ns);

/* Memory and maps of a port; 0 or an error number, with everything undone by ahci_port_free. */
int ahci_port_allocate(struct ahci_disk *disk);
bool ahci_port_free(struct ahci_disk *disk);

/* Is there a disk, and ready? Gives the port its memory and starts it. */
bool ahci_port_bring_up(struct ahci_disk *disk);

/* The same for a port that has lost its registers, with the memory that it had. */
bool ahci_port_resume(struct ahci_disk *disk);

/* Ends all DMA of the port. False when an engine goes on running. */
bool ahci_port_stop(struct ahci_disk *disk);

/* Stops and starts port and disk so that no command is left in them. False: the port is unusable
 * and may still do DMA. */
bool ahci_port_restart(struct ahci_disk *disk);

/* ---- ahci_command.c ---- */

/* A command that is no transfer of sectors (IDENTIFY, FLUSH), and the wait for its end; buffer may
 * be null with length 0. */
enum driver_status ahci_execute(struct ahci_disk *disk, uint8_t opcode, void *buffer,
                                size_t length);

/* Looks for completions, errors and deadlines of one port. */
void ahci_disk_poll(struct ahci_disk *disk);

/* Ends every command of the port, which does no DMA any more. */
void ahci_disk_abort(struct ahci_disk *disk, enum driver_status status);

/* ---- ahci.c ---- */

/* The last resort: takes the bus from an adapter of which a port cannot be stopped. */
void ahci_give_up(struct ahci *hba);

#endif
