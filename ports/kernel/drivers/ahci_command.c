/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands: submission, completion, recovery, and the calls that wait.
 *
 * A port that reports an error has stopped, and which of its commands was the culprit cannot be
 * told for sure. So every command that was issued runs again, alone: what fails then is meant.
 * Reading or writing the same sectors twice does no harm.
 */
#include "ahci_internal.h"

#include "irq.h"
#include "kprintf.h"
#include "kstring.h"
#include "ktime.h"

/* Rest between two looks at an adapter without and with an interrupt. */
#define POLL_REST      (50 * NS_PER_US)
#define INTERRUPT_REST (2 * NS_PER_MS)

/* After so many commands in a row that timed out alone, the others are not tried any more. */
enum { LONE_TIMEOUTS_MAX = 2 };

static uint32_t slot_bit(unsigned slot)
{
    return UINT32_C(1) << slot;
}

static unsigned slot_count(uint32_t slots)
{
    unsigned count = 0;

    /* Not __builtin_popcount: on amd64 that is a function of libgcc, which kernels do without. */
    for (; slots != 0; slots &= slots - 1)
        count++;
    return count;
}

/* ---- issuing ---- */

static void build_fis(const struct ahci_command *command, uint8_t *fis)
{
    uint32_t sectors = command->length / AHCI_SECTOR;
    uint64_t lba = command->lba;

    memset(fis, 0, FIS_DWORDS * 4);
    fis[0] = FIS_HOST_TO_DEVICE;
    fis[1] = FIS_IS_COMMAND;
    fis[2] = command->opcode;
    fis[7] = ATA_DEVICE_LBA;
    /* The address in two halves of three bytes, with the device register between them. */
    fis[4] = (uint8_t)lba;
    fis[5] = (uint8_t)(lba >> 8);
    fis[6] = (uint8_t)(lba >> 16);
    fis[8] = (uint8_t)(lba >> 24);
    fis[9] = (uint8_t)(lba >> 32);
    fis[10] = (uint8_t)(lba >> 40);
    fis[12] = (uint8_t)sectors;
    fis[13] = (uint8_t)(sectors >> 8);
}

/* Hands data, table and list to the device, in this order, and rings the bell. */
static void issue(struct ahci_disk *disk, unsigned slot)
{
    struct ahci *hba = disk->hba;
    struct ahci_command *command = &disk->slot[slot];
    struct ahci_header *header = port_header(disk, slot);
    struct ahci_table *table = command->table.address;

    build_fis(command, table->fis);
    header->flags = FIS_DWORDS | (command->write ? AHCI_HEADER_WRITE : 0);
    header->prd_count = command->prd_count;
    header->bytes_moved = 0;
    if (command->loaded)
        bus_dmamap_sync(hba->data_tag, command->data_map,
                        command->write ? BUS_DMASYNC_PREWRITE : BUS_DMASYNC_PREREAD);
    bus_dmamap_sync(hba->table_tag, command->table.map, BUS_DMASYNC_PREWRITE);
    /* The adapter reads the list, and writes into it how much it has moved. */
    bus_dmamap_sync(hba->list_tag, disk->list.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    if (disk->issued == 0)
        disk->progress = time_ns();
    disk->issued |= slot_bit(slot);
    port_write32(disk, AHCI_PX_CI, slot_bit(slot));
}

/* The next command of those that wait, when nothing else runs. */
static void issue_waiting(struct ahci_disk *disk)
{
    unsigned slot;

    if (disk->issued != 0 || disk->dead)
        return;
    disk->alone = disk->waiting != 0;
    if (!disk->alone)
        return;
    slot = (unsigned)__builtin_ctz(disk->waiting);
    disk->waiting &= ~slot_bit(slot);
    issue(disk, slot);
}

/* ---- submission ---- */

/* The segments become the PRDT in place: nobody else needs them. */
static void data_loaded(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct ahci_command *command = arg;
    struct ahci_table *table = command->table.address;
    int i;

    command->load_error = error;
    if (error != 0)
        return;
    command->loaded = true;
    for (i = 0; i < count; i++)
        table->prd[i] = (struct ahci_prd){ .address = segments[i].ds_addr,
                                           .last = (uint32_t)segments[i].ds_len - 1 };
    command->prd_count = (uint16_t)count;
}

static int load_flags(bool write)
{
    /* NOWAIT: this runs in paths that cannot wait. The disk only reads what it is to write. */
    return BUS_DMA_NOWAIT | (write ? BUS_DMA_NOWRITE : 0);
}

/* After load or load_physical: what both told, and the mapping undone if it is of no use. */
static enum driver_status load_result(struct ahci_disk *disk, struct ahci_command *command,
                                      int error)
{
    if (error == 0)
        error = command->load_error;
    if (error != 0 && command->loaded) {
        bus_dmamap_unload(disk->hba->data_tag, command->data_map);
        command->loaded = false;
    }
    return driver_status_from_errno(error);
}

static enum driver_status load_buffer(struct ahci_disk *disk, struct ahci_command *command,
                                      void *buffer)
{
    int error = bus_dmamap_load(disk->hba->data_tag, command->data_map, buffer, command->length,
                                data_loaded, command, load_flags(command->write));

    return load_result(disk, command, error);
}

static enum driver_status load_list(struct ahci_disk *disk, struct ahci_command *command,
                                    const struct udmar_dma_physical *list, unsigned count)
{
    /* FreeBSD's bus_dmamap_load_* family for lists of physical memory has this one name here. */
    int error = udmar_dmamap_load_physical(disk->hba->data_tag, command->data_map, list, count,
                                           data_loaded, command, load_flags(command->write));

    return load_result(disk, command, error);
}

/* A free slot with the command filled in; null when all are taken. */
static struct ahci_command *take_slot(struct ahci_disk *disk, uint8_t opcode, size_t length,
                                      ahci_done_t *done, void *arg)
{
    unsigned i;

    for (i = 0; i < disk->hba->slots; i++) {
        struct ahci_command *command = &disk->slot[i];

        if (command->taken)
            continue;
        command->taken = true;
        command->loaded = false;
        command->write = opcode == ATA_WRITE_DMA_EXT;
        command->opcode = opcode;
        command->lba = 0;
        command->length = (uint32_t)length;
        command->prd_count = 0;
        command->load_error = 0;
        command->done = done;
        command->arg = arg;
        return command;
    }
    return NULL;
}

/* Lets the command run, or frees its slot when its data could not be loaded. */
static enum driver_status launch(struct ahci_disk *disk, struct ahci_command *command,
                                 enum driver_status load_status)
{
    unsigned slot = (unsigned)(command - disk->slot);

    if (load_status != DRIVER_OK) {
        command->taken = false;
        return load_status;
    }
    if (disk->alone || disk->waiting != 0)
        disk->waiting |= slot_bit(slot);
    else
        issue(disk, slot);
    return DRIVER_OK;
}

static enum driver_status check_transfer(const struct ahci_disk *disk, uint64_t lba,
                                         uint64_t length)
{
    if (disk->dead)
        return DRIVER_STOPPED;
    if (length == 0 || length % AHCI_SECTOR != 0 || length > AHCI_COMMAND_MAX)
        return DRIVER_INVALID;
    if (lba >= disk->info.sectors || length / AHCI_SECTOR > disk->info.sectors - lba)
        return DRIVER_INVALID;
    return DRIVER_OK;
}

static uint8_t transfer_opcode(bool write)
{
    return write ? ATA_WRITE_DMA_EXT : ATA_READ_DMA_EXT;
}

enum driver_status ahci_submit(struct ahci_disk *disk, bool write, uint64_t lba, void *buffer,
                               size_t length, ahci_done_t *done, void *arg)
{
    enum driver_status status = check_transfer(disk, lba, length);
    struct ahci_command *command;

    if (status != DRIVER_OK)
        return status;
    command = take_slot(disk, transfer_opcode(write), length, done, arg);
    if (command == NULL)
        return DRIVER_BUSY;
    command->lba = lba;
    return launch(disk, command, load_buffer(disk, command, buffer));
}

enum driver_status ahci_submit_physical(struct ahci_disk *disk, bool write, uint64_t lba,
                                        const struct udmar_dma_physical *list, unsigned count,
                                        ahci_done_t *done, void *arg)
{
    enum driver_status status;
    struct ahci_command *command;
    uint64_t length = 0;
    unsigned i;

    for (i = 0; i < count; i++) {
        /* A tag's alignment makes the segments of a buffer even; a list's pieces are as they are.
         */
        if (list[i].length > AHCI_COMMAND_MAX || ((list[i].address | list[i].length) & 1) != 0)
            return DRIVER_INVALID;
        length += list[i].length;
    }
    status = check_transfer(disk, lba, length);
    if (status != DRIVER_OK)
        return status;
    command = take_slot(disk, transfer_opcode(write), (size_t)length, done, arg);
    if (command == NULL)
        return DRIVER_BUSY;
    command->lba = lba;
    return launch(disk, command, load_list(disk, command, list, count));
}

/* ---- completion ---- */

static void count_result(struct ahci_disk *disk, const struct ahci_command *command,
                         enum driver_status status)
{
    struct ahci_statistics *statistics = &disk->hba->statistics;

    statistics->commands++;
    if (status == DRIVER_OK)
        statistics->bytes += command->length;
    else if (status == DRIVER_TIMEOUT)
        statistics->timeouts++;
    else
        statistics->errors++;
}

/* Takes the memory back from the device and tells the owner, who may take the slot again. */
static void finish(struct ahci_disk *disk, unsigned slot, enum driver_status status)
{
    struct ahci *hba = disk->hba;
    struct ahci_command *command = &disk->slot[slot];

    disk->issued &= ~slot_bit(slot);
    disk->waiting &= ~slot_bit(slot);
    disk->progress = time_ns();
    bus_dmamap_sync(hba->table_tag, command->table.map, BUS_DMASYNC_POSTWRITE);
    if (command->loaded) {
        bus_dmamap_sync(hba->data_tag, command->data_map,
                        command->write ? BUS_DMASYNC_POSTWRITE : BUS_DMASYNC_POSTREAD);
        /* From here on the device cannot reach the buffer any more. */
        bus_dmamap_unload(hba->data_tag, command->data_map);
        command->loaded = false;
    }
    count_result(disk, command, status);
    command->taken = false;
    command->done(command->arg, status);
}

/* An adapter that could not read the command's table drops the command without an error; that it
 * has moved nothing gives it away. */
static enum driver_status check_moved(struct ahci_disk *disk, unsigned slot)
{
    uint32_t moved = port_header(disk, slot)->bytes_moved;

    if (moved == disk->slot[slot].length)
        return DRIVER_OK;
    kprintf("ahci %s port %u: %u of %u bytes moved\n", disk->hba->dev->name, disk->number,
            (unsigned)moved, (unsigned)disk->slot[slot].length);
    return DRIVER_DEVICE_ERROR;
}

static void reap(struct ahci_disk *disk, uint32_t ended)
{
    if (ended == 0)
        return;
    bus_dmamap_sync(disk->hba->list_tag, disk->list.map,
                    BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    disk->lone_timeouts = 0;
    while (ended != 0) {
        unsigned slot = (unsigned)__builtin_ctz(ended);

        ended &= ended - 1;
        finish(disk, slot, check_moved(disk, slot));
    }
}

void ahci_disk_abort(struct ahci_disk *disk, enum driver_status status)
{
    uint32_t all = disk->issued | disk->waiting;

    /* Done functions may not submit again to a port that ends. */
    disk->dead = true;
    while (all != 0) {
        finish(disk, (unsigned)__builtin_ctz(all), status);
        all &= all - 1;
    }
}

/* ---- recovery ---- */

/* Only one command was there, so it is the one that failed. */
static void fail_culprit(struct ahci_disk *disk, uint32_t culprit, enum driver_status status)
{
    if (disk->alone && status == DRIVER_TIMEOUT)
        disk->lone_timeouts++;
    finish(disk, (unsigned)__builtin_ctz(culprit), status);
}

static void fail_waiting(struct ahci_disk *disk)
{
    uint32_t all = disk->waiting;

    kprintf("ahci %s port %u: does not answer, its queue is dropped\n", disk->hba->dev->name,
            disk->number);
    disk->lone_timeouts = 0;
    while (all != 0) {
        finish(disk, (unsigned)__builtin_ctz(all), DRIVER_TIMEOUT);
        all &= all - 1;
    }
}

/*
 * The port is stopped first: as long as its engine runs, a command that seems to be over may still
 * do DMA, and unmapping its buffer would make faults of that.
 */
static void recover(struct ahci_disk *disk, enum driver_status status, uint32_t irq)
{
    uint32_t suspects = disk->issued;
    bool one = suspects != 0 && (suspects & (suspects - 1)) == 0;

    kprintf("ahci %s port %u: %s, interrupts %x, task file %x, commands %x\n", disk->hba->dev->name,
            disk->number, driver_status_text(status), (unsigned)irq,
            (unsigned)port_read32(disk, AHCI_PX_TFD), (unsigned)suspects);
    disk->issued = 0;
    disk->waiting |= suspects;
    if (!ahci_port_restart(disk)) {
        ahci_give_up(disk->hba);
        /* A disk that is still being identified is not on the adapter's list. */
        ahci_disk_abort(disk, DRIVER_STOPPED);
        return;
    }
    if (one)
        fail_culprit(disk, suspects, status);
    else
        disk->hba->statistics.retries += slot_count(suspects);
    if (disk->lone_timeouts >= LONE_TIMEOUTS_MAX)
        fail_waiting(disk);
}

/* One look at the port; true when another is due. */
static bool look(struct ahci_disk *disk)
{
    /* The issue register first: a command that has ended with an error then shows its error in the
     * interrupt register, which is read later. */
    uint32_t issue_register = port_read32(disk, AHCI_PX_CI);
    uint32_t irq = port_read32(disk, AHCI_PX_IS);

    if (irq != 0) {
        port_write32(disk, AHCI_PX_IS, irq);
        ahci_write32(disk->hba, AHCI_IS, slot_bit(disk->number));
    }
    if ((irq & AHCI_IRQ_ERRORS) != 0)
        recover(disk, DRIVER_DEVICE_ERROR, irq);
    else
        reap(disk, disk->issued & ~issue_register);
    if (!disk->dead)
        issue_waiting(disk);
    /* What ended between the two reads has been seen by the second only. */
    return irq != 0 && !disk->dead;
}

void ahci_disk_poll(struct ahci_disk *disk)
{
    uint64_t now = time_ns();
    unsigned looks = 0;

    if (disk->dead)
        return;
    while (look(disk) && ++looks < 2 * AHCI_SLOTS)
        ;
    /* `now` is from before the looks, so the port has had until then and one look more. */
    if (!disk->dead && disk->issued != 0 && now > disk->progress &&
        now - disk->progress > disk->hba->timeout) {
        recover(disk, DRIVER_TIMEOUT, 0);
        if (!disk->dead)
            issue_waiting(disk);
    }
}

unsigned ahci_poll(struct ahci *hba)
{
    unsigned flying = 0;
    unsigned i;

    hba->attention = false;
    for (i = 0; i < hba->disks; i++)
        ahci_disk_poll(hba->disk[i]);
    for (i = 0; i < hba->disks; i++)
        flying += slot_count(hba->disk[i]->issued | hba->disk[i]->waiting);
    return flying;
}

unsigned ahci_wait(struct ahci *hba)
{
    driver_idle(&hba->attention, hba->msi ? INTERRUPT_REST : POLL_REST);
    return ahci_poll(hba);
}

/* ---- calls that wait ---- */

struct transfer {
    unsigned flying;
    enum driver_status status;
};

static void transfer_done(void *arg, enum driver_status status)
{
    struct transfer *transfer = arg;

    transfer->flying--;
    if (transfer->status == DRIVER_OK)
        transfer->status = status;
}

/* Looks at this disk only, which ahci_wait() does not know yet while it is being identified. */
static void transfer_wait(struct ahci_disk *disk, const struct transfer *transfer)
{
    while (transfer->flying > 0) {
        driver_idle(&disk->hba->attention, disk->hba->msi ? INTERRUPT_REST : POLL_REST);
        disk->hba->attention = false;
        ahci_disk_poll(disk);
    }
}

enum driver_status ahci_execute(struct ahci_disk *disk, uint8_t opcode, void *buffer, size_t length)
{
    struct transfer transfer = { 1, DRIVER_OK };
    enum driver_status status;
    struct ahci_command *command;

    if (disk->dead)
        return DRIVER_STOPPED;
    command = take_slot(disk, opcode, length, transfer_done, &transfer);
    if (command == NULL)
        return DRIVER_BUSY;
    status = length == 0 ? DRIVER_OK : load_buffer(disk, command, buffer);
    status = launch(disk, command, status);
    if (status != DRIVER_OK)
        return status;
    transfer_wait(disk, &transfer);
    return transfer.status;
}

/* Submits the next piece; when all slots are taken by others it waits for one of them. */
static enum driver_status submit_piece(struct ahci_disk *disk, bool write, uint64_t lba,
                                       uint8_t *buffer, size_t length, struct transfer *transfer)
{
    enum driver_status status;

    for (;;) {
        status = ahci_submit(disk, write, lba, buffer, length, transfer_done, transfer);
        if (status == DRIVER_OK)
            transfer->flying++;
        if (status != DRIVER_BUSY)
            return status;
        ahci_wait(disk->hba);
    }
}

static enum driver_status transfer_all(struct ahci_disk *disk, bool write, uint64_t lba,
                                       uint8_t *buffer, size_t length)
{
    struct transfer transfer = { 0, DRIVER_OK };
    enum driver_status status = DRIVER_OK;

    while (length > 0 && status == DRIVER_OK && transfer.status == DRIVER_OK) {
        size_t piece = length < AHCI_COMMAND_MAX ? length : AHCI_COMMAND_MAX;

        status = submit_piece(disk, write, lba, buffer, piece, &transfer);
        lba += piece / AHCI_SECTOR;
        buffer += piece;
        length -= piece;
    }
    /* Also after an error: `transfer` and the buffer are in use until then. */
    transfer_wait(disk, &transfer);
    return status != DRIVER_OK ? status : transfer.status;
}

enum driver_status ahci_read(struct ahci_disk *disk, uint64_t lba, void *buffer, size_t length)
{
    return transfer_all(disk, false, lba, buffer, length);
}

enum driver_status ahci_write(struct ahci_disk *disk, uint64_t lba, const void *buffer,
                              size_t length)
{
    /* A load takes no pointer to const; NOWRITE keeps the promise. */
    return transfer_all(disk, true, lba, (uint8_t *)(uintptr_t)buffer, length);
}

enum driver_status ahci_flush(struct ahci_disk *disk)
{
    /* The adapter may take commands in any order, so those before the flush must be over. */
    while ((disk->issued | disk->waiting) != 0)
        ahci_wait(disk->hba);
    return ahci_execute(disk, ATA_FLUSH_CACHE_EXT, NULL, 0);
}
