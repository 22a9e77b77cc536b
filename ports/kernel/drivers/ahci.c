/* SPDX-License-Identifier: BSD-2-Clause */
/* The adapter: reset, tags, interrupt, finding its disks, and the way back. */
#include "ahci_internal.h"

#include "kmem.h"
#include "kprintf.h"
#include "kstring.h"
#include "ktime.h"

#define RESET_TIMEOUT (1 * NS_PER_S)

enum { AHCI_BAR = 5, AHCI_CLASS = 0x01, AHCI_SUBCLASS = 0x06, AHCI_INTERFACE = 0x01 };

bool ahci_probe(const struct pci_device *dev)
{
    return dev->class == AHCI_CLASS && dev->subclass == AHCI_SUBCLASS &&
           dev->prog_if == AHCI_INTERFACE;
}

/* ---- adapter ---- */

static bool hba_is_reset(void *arg)
{
    return (ahci_read32(arg, AHCI_GHC) & AHCI_GHC_RESET) == 0;
}

/* Ends whatever the firmware has left running, too. */
static bool hba_reset(struct ahci *hba)
{
    ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE);
    ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE | AHCI_GHC_RESET);
    if (!wait_until(hba_is_reset, hba, RESET_TIMEOUT))
        return false;
    ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE);
    return true;
}

/* What the adapter can address, said in one place; busdma does the rest. */
static int hba_make_tags(struct ahci *hba, bus_dma_tag_t parent, bus_addr_t lowaddr)
{
    int error;

    error = dma_block_tag_create(parent, AHCI_LIST_SIZE, lowaddr, AHCI_LIST_SIZE, &hba->list_tag);
    if (error == 0)
        error = dma_block_tag_create(parent, AHCI_RECEIVED_SIZE, lowaddr, AHCI_RECEIVED_SIZE,
                                     &hba->received_tag);
    if (error == 0)
        error = dma_block_tag_create(parent, AHCI_TABLE_ALIGN, lowaddr, sizeof(struct ahci_table),
                                     &hba->table_tag);
    /* Data: even addresses, as many segments as a table has room for. */
    if (error == 0)
        error = bus_dma_tag_create(parent, 2, 0, lowaddr, BUS_SPACE_MAXADDR, NULL, NULL,
                                   AHCI_COMMAND_MAX, AHCI_SEGMENTS, AHCI_PRD_MAX, 0, NULL, NULL,
                                   &hba->data_tag);
    return error;
}

/* The part of the work that may be done in an interrupt: no busdma, no completion. The ports'
 * registers keep what has happened. */
static void hba_interrupt(void *arg)
{
    struct ahci *hba = arg;

    hba->statistics.interrupts++;
    hba->attention = true;
}

/* ---- disks ---- */

/* Two characters in a word, the first one in the upper byte; blanks at the end. */
static void identify_text(const uint16_t *words, unsigned count, char *text)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        text[2 * i] = (char)(words[i] >> 8);
        text[2 * i + 1] = (char)words[i];
    }
    for (i = 2 * count; i > 0 && (text[i - 1] == ' ' || text[i - 1] == 0); i--)
        ;
    text[i] = 0;
}

/* Fills in what the answer to IDENTIFY says [ACS 7.16.7]; false when the driver cannot do with it:
 * it wants 48-bit addresses and sectors of 512 bytes. */
static bool identify_parse(struct ahci_disk_info *info, const uint16_t *words)
{
    identify_text(words + 10, 10, info->serial);
    identify_text(words + 27, 20, info->model);
    info->sectors = words[100] | (uint64_t)words[101] << 16 | (uint64_t)words[102] << 32 |
                    (uint64_t)words[103] << 48;
    if ((words[83] & 0x0400) == 0 || info->sectors == 0)
        return false;
    if ((words[106] & 0xd000) == 0x5000) /* valid, and sectors are longer than 256 words */
        return (words[117] | (uint32_t)words[118] << 16) == AHCI_SECTOR / 2;
    return true;
}

static bool disk_identify(struct ahci_disk *disk)
{
    const char *owner = disk->hba->dev->name;
    /* A page of its own: the device gets pages, and nothing else shall be in them. */
    uint16_t *words = kzalloc(PAGE_SIZE);
    enum driver_status status;
    bool usable;

    if (words == NULL)
        return false;
    status = ahci_execute(disk, ATA_IDENTIFY, words, AHCI_SECTOR);
    usable = status == DRIVER_OK && identify_parse(&disk->info, words);
    kfree(words);
    if (status != DRIVER_OK)
        kprintf("ahci %s port %u: identify: %s\n", owner, disk->number, driver_status_text(status));
    else if (!usable)
        kprintf("ahci %s port %u: no 48-bit addresses, or no sectors of %d bytes\n", owner,
                disk->number, AHCI_SECTOR);
    return usable;
}

/* Stops a port and frees it; with the bus taken from the adapter if that is what it needs. */
static bool disk_remove(struct ahci_disk *disk)
{
    bool stopped = ahci_port_stop(disk);

    if (!stopped) {
        kprintf("ahci %s port %u: does not stop\n", disk->hba->dev->name, disk->number);
        pci_disable(disk->hba->dev);
    }
    ahci_disk_abort(disk, DRIVER_STOPPED);
    return ahci_port_free(disk) && stopped;
}

static void disk_add(struct ahci *hba, unsigned port)
{
    struct ahci_disk *disk = kzalloc(sizeof(*disk));

    if (disk == NULL) {
        kprintf("ahci %s port %u: no memory\n", hba->dev->name, port);
        return;
    }
    disk->hba = hba;
    disk->number = disk->info.port = port;
    disk->registers = hba->registers + AHCI_PORT_BASE + port * AHCI_PORT_SIZE;
    if (!ahci_port_bring_up(disk) || !disk_identify(disk)) {
        disk_remove(disk);
        return;
    }
    hba->disk[hba->disks++] = disk;
    kprintf("ahci %s port %u: %s, %llu sectors\n", hba->dev->name, port, disk->info.model,
            (unsigned long long)disk->info.sectors);
}

static void hba_find_disks(struct ahci *hba)
{
    uint32_t implemented = ahci_read32(hba, AHCI_PI);
    unsigned i;

    for (i = 0; i < AHCI_PORTS; i++)
        if ((implemented >> i & 1) != 0)
            disk_add(hba, i);
}

/* ---- attach and detach ---- */

static bool hba_free(struct ahci *hba)
{
    const char *name = hba->dev->name;
    bool clean = true;

    clean = dma_tag_release(&hba->data_tag, name, "data") && clean;
    clean = dma_tag_release(&hba->table_tag, name, "command tables") && clean;
    clean = dma_tag_release(&hba->received_tag, name, "received FISes") && clean;
    clean = dma_tag_release(&hba->list_tag, name, "command lists") && clean;
    if (hba->registers != NULL)
        mmio_unmap(hba->registers);
    kfree(hba);
    return clean;
}

static struct ahci *hba_fail(struct ahci *hba, const char *why, int error)
{
    kprintf("ahci %s: %s (error %d)\n", hba->dev->name, why, error);
    pci_disable(hba->dev);
    hba_free(hba);
    return NULL;
}

struct ahci *ahci_attach(struct pci_device *dev, bus_dma_tag_t parent)
{
    struct ahci *hba = kzalloc(sizeof(*hba));
    uint32_t cap;
    int error;

    if (hba == NULL || !ahci_probe(dev)) {
        kprintf("ahci %s: %s\n", dev->name, hba == NULL ? "no memory" : "no AHCI adapter");
        kfree(hba);
        return NULL;
    }
    hba->dev = dev;
    hba->timeout = DEVICE_PATIENCE;
    pci_enable(dev);
    hba->registers = pci_bar_map(dev, AHCI_BAR, NULL);
    if (hba->registers == NULL)
        return hba_fail(hba, "no registers", 0);
    if (!hba_reset(hba))
        return hba_fail(hba, "does not come out of reset", 0);
    cap = ahci_read32(hba, AHCI_CAP);
    hba->slots = AHCI_CAP_SLOTS(cap);
    error = hba_make_tags(
        hba, parent, (cap & AHCI_CAP_64BIT) != 0 ? BUS_SPACE_MAXADDR : BUS_SPACE_MAXADDR_32BIT);
    if (error != 0)
        return hba_fail(hba, "no tags", error);
    hba->msi = pci_enable_msi(dev, hba_interrupt, hba);
    ahci_write32(hba, AHCI_IS, UINT32_MAX);
    if (hba->msi)
        ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE | AHCI_GHC_IRQ);
    dev->driver = "ahci";
    dev->driver_data = hba;
    hba_find_disks(hba);
    return hba;
}

void ahci_give_up(struct ahci *hba)
{
    unsigned i;

    kprintf("ahci %s: a port does not restart, the adapter is stopped\n", hba->dev->name);
    pci_disable(hba->dev);
    for (i = 0; i < hba->disks; i++)
        ahci_disk_abort(hba->disk[i], DRIVER_STOPPED);
}

/* The order: no interrupts, no DMA (port by port, then the whole adapter), and only then the
 * mappings and the memory. */
bool ahci_detach(struct ahci *hba)
{
    struct pci_device *dev = hba->dev;
    bool clean = true;

    ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE);
    if (hba->msi)
        pci_disable_msi(dev);
    while (hba->disks > 0)
        clean = disk_remove(hba->disk[--hba->disks]) && clean;
    pci_disable(dev);
    clean = hba_free(hba) && clean;
    dev->driver = NULL;
    dev->driver_data = NULL;
    return clean;
}

/* ---- sleep ---- */

bool ahci_suspend(struct ahci *hba)
{
    bool quiet = ahci_poll(hba) == 0;
    unsigned i;

    for (i = 0; i < hba->disks && quiet; i++)
        quiet = ahci_port_stop(hba->disk[i]);
    return quiet;
}

bool ahci_resume(struct ahci *hba)
{
    bool good = hba_reset(hba);
    unsigned i;

    ahci_write32(hba, AHCI_IS, UINT32_MAX);
    if (hba->msi)
        ahci_write32(hba, AHCI_GHC, AHCI_GHC_ENABLE | AHCI_GHC_IRQ);
    for (i = 0; i < hba->disks && good; i++)
        good = ahci_port_resume(hba->disk[i]);
    if (!good)
        kprintf("ahci %s: does not come back\n", hba->dev->name);
    return good;
}

/* ---- questions ---- */

unsigned ahci_disk_count(const struct ahci *hba)
{
    return hba->disks;
}

struct ahci_disk *ahci_disk(struct ahci *hba, unsigned index)
{
    return index < hba->disks ? hba->disk[index] : NULL;
}

const struct ahci_disk_info *ahci_disk_info(const struct ahci_disk *disk)
{
    return &disk->info;
}

const struct ahci_statistics *ahci_statistics(const struct ahci *hba)
{
    return &hba->statistics;
}

bool ahci_has_interrupt(const struct ahci *hba)
{
    return hba->msi;
}

void ahci_set_timeout(struct ahci *hba, uint64_t ns)
{
    hba->timeout = ns;
}
