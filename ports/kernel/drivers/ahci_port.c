/* SPDX-License-Identifier: BSD-2-Clause */
/* A port's memory and its two DMA engines: the command list's and the one for received FISes. */
#include "ahci_internal.h"

#include "kmem.h"
#include "kprintf.h"
#include "ktime.h"

/* Both engines stop in half a second [AHCI 10.1.2]; a disk that spins up may take long. */
#define ENGINE_TIMEOUT (500 * NS_PER_MS)
#define DETECT_TIMEOUT (50 * NS_PER_MS)
#define LINK_TIMEOUT   (1 * NS_PER_S)

bool ahci_port_wait(struct ahci_disk *disk, unsigned offset, uint32_t mask, uint32_t value,
                    uint64_t timeout_ns)
{
    uint64_t deadline = time_ns() + timeout_ns;

    while ((port_read32(disk, offset) & mask) != value) {
        if (time_ns() > deadline)
            return (port_read32(disk, offset) & mask) == value;
        cpu_pause();
    }
    return true;
}

static void port_set(struct ahci_disk *disk, uint32_t bits)
{
    port_write32(disk, AHCI_PX_CMD, port_read32(disk, AHCI_PX_CMD) | bits);
}

static void port_clear(struct ahci_disk *disk, uint32_t bits)
{
    port_write32(disk, AHCI_PX_CMD, port_read32(disk, AHCI_PX_CMD) & ~bits);
}

/* ---- memory ---- */

int ahci_port_allocate(struct ahci_disk *disk)
{
    struct ahci *hba = disk->hba;
    unsigned i;
    int error;

    error = dma_memory_alloc(hba->list_tag, AHCI_LIST_SIZE, &disk->list);
    if (error == 0)
        error = dma_memory_alloc(hba->received_tag, AHCI_RECEIVED_SIZE, &disk->received);
    for (i = 0; i < hba->slots && error == 0; i++) {
        struct ahci_command *command = &disk->slot[i];

        error = dma_memory_alloc(hba->table_tag, sizeof(struct ahci_table), &command->table);
        /* One map for each command that can be in flight. */
        if (error == 0)
            error = bus_dmamap_create(hba->data_tag, 0, &command->data_map);
        if (error == 0)
            port_header(disk, i)->table = command->table.bus;
    }
    return error;
}

bool ahci_port_free(struct ahci_disk *disk)
{
    struct ahci *hba = disk->hba;
    bool clean = true;
    unsigned i;

    for (i = 0; i < hba->slots; i++) {
        if (bus_dmamap_destroy(hba->data_tag, disk->slot[i].data_map) != 0)
            clean = false;
        dma_memory_free(hba->table_tag, &disk->slot[i].table);
    }
    dma_memory_free(hba->received_tag, &disk->received);
    dma_memory_free(hba->list_tag, &disk->list);
    kfree(disk);
    return clean;
}

static void port_set_memory(struct ahci_disk *disk)
{
    port_write32(disk, AHCI_PX_CLB, (uint32_t)disk->list.bus);
    port_write32(disk, AHCI_PX_CLBU, (uint32_t)(disk->list.bus >> 32));
    port_write32(disk, AHCI_PX_FB, (uint32_t)disk->received.bus);
    port_write32(disk, AHCI_PX_FBU, (uint32_t)(disk->received.bus >> 32));
}

/* ---- engines ---- */

static bool port_stop_commands(struct ahci_disk *disk)
{
    port_clear(disk, AHCI_CMD_START);
    return ahci_port_wait(disk, AHCI_PX_CMD, AHCI_CMD_RUNNING, 0, ENGINE_TIMEOUT);
}

static bool port_start_fis(struct ahci_disk *disk)
{
    bus_dmamap_sync(disk->hba->received_tag, disk->received.map, BUS_DMASYNC_PREREAD);
    port_set(disk, AHCI_CMD_FIS_ENABLE);
    return ahci_port_wait(disk, AHCI_PX_CMD, AHCI_CMD_FIS_RUNNING, AHCI_CMD_FIS_RUNNING,
                          ENGINE_TIMEOUT);
}

static bool port_start_commands(struct ahci_disk *disk)
{
    if (!ahci_port_wait(disk, AHCI_PX_TFD, AHCI_TFD_BUSY | AHCI_TFD_DRQ, 0, DEVICE_PATIENCE))
        return false;
    bus_dmamap_sync(disk->hba->list_tag, disk->list.map,
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    port_write32(disk, AHCI_PX_SERR, UINT32_MAX);
    port_set(disk, AHCI_CMD_START);
    if (!ahci_port_wait(disk, AHCI_PX_CMD, AHCI_CMD_RUNNING, AHCI_CMD_RUNNING, ENGINE_TIMEOUT))
        return false;
    port_write32(disk, AHCI_PX_IS, UINT32_MAX);
    port_write32(disk, AHCI_PX_IE, AHCI_IRQ_ENABLED);
    return true;
}

/* Resets link and disk; the FIS engine runs, because it receives the disk's first word. */
static bool port_reset_link(struct ahci_disk *disk)
{
    port_write32(disk, AHCI_PX_SCTL, AHCI_SCTL_COMRESET);
    udelay(1000);
    port_write32(disk, AHCI_PX_SCTL, 0);
    return ahci_port_wait(disk, AHCI_PX_SSTS, AHCI_SSTS_DETECT, AHCI_SSTS_READY, LINK_TIMEOUT);
}

/*
 * Ends the commands in flight with their DMA. Stopping the engine should be enough, and the reset
 * be needed only where the disk is busy; but QEMU says that the engine has stopped while a transfer
 * goes on, into memory that its IOMMU has looked up long ago, and cancels that at a reset only.
 * The engine that does not stop otherwise does so now, too.
 */
static bool port_cancel(struct ahci_disk *disk)
{
    port_stop_commands(disk);
    if (!port_reset_link(disk) ||
        !ahci_port_wait(disk, AHCI_PX_CMD, AHCI_CMD_RUNNING, 0, ENGINE_TIMEOUT))
        return false;
    /* The stop clears the issue register [AHCI 3.3.14]. An adapter that kept commands in it (QEMU
     * did before 7.2.6) would run them again after the next start, with their buffers unmapped. */
    return port_read32(disk, AHCI_PX_CI) == 0;
}

bool ahci_port_restart(struct ahci_disk *disk)
{
    disk->hba->statistics.restarts++;
    return port_cancel(disk) && port_start_commands(disk);
}

/* The FIS engine must not be stopped before the other one [AHCI 10.3.2]. */
bool ahci_port_stop(struct ahci_disk *disk)
{
    bool stopped;

    port_write32(disk, AHCI_PX_IE, 0);
    stopped = disk->issued != 0 ? port_cancel(disk) : port_stop_commands(disk);
    port_clear(disk, AHCI_CMD_FIS_ENABLE);
    return ahci_port_wait(disk, AHCI_PX_CMD, AHCI_CMD_FIS_RUNNING, 0, ENGINE_TIMEOUT) && stopped;
}

/* ---- finding a disk ---- */

/* A link that sees nobody in DETECT_TIMEOUT has no device; one that does is given more time. */
static bool port_find_device(struct ahci_disk *disk)
{
    uint64_t deadline = time_ns() + DETECT_TIMEOUT;

    port_set(disk, AHCI_CMD_SPIN_UP | AHCI_CMD_POWER_ON);
    while ((port_read32(disk, AHCI_PX_SSTS) & AHCI_SSTS_DETECT) == AHCI_SSTS_NOBODY) {
        if (time_ns() > deadline)
            return false;
        cpu_pause();
    }
    return ahci_port_wait(disk, AHCI_PX_SSTS, AHCI_SSTS_DETECT, AHCI_SSTS_READY, LINK_TIMEOUT);
}

static bool port_start(struct ahci_disk *disk)
{
    port_set_memory(disk);
    if (port_start_fis(disk) && port_start_commands(disk))
        return true;
    kprintf("ahci %s port %u: does not start, task file %x\n", disk->hba->dev->name, disk->number,
            (unsigned)port_read32(disk, AHCI_PX_TFD));
    return false;
}

bool ahci_port_resume(struct ahci_disk *disk)
{
    return port_find_device(disk) && port_start(disk);
}

bool ahci_port_bring_up(struct ahci_disk *disk)
{
    const char *owner = disk->hba->dev->name;
    int error;

    if (!port_find_device(disk))
        return false;
    error = ahci_port_allocate(disk);
    if (error != 0) {
        kprintf("ahci %s port %u: no memory or maps (error %d)\n", owner, disk->number, error);
        return false;
    }
    if (!port_start(disk))
        return false;
    if (port_read32(disk, AHCI_PX_SIG) != AHCI_SIGNATURE_DISK) {
        kprintf("ahci %s port %u: no disk, signature %x\n", owner, disk->number,
                (unsigned)port_read32(disk, AHCI_PX_SIG));
        return false;
    }
    return true;
}
