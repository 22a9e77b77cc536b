/* SPDX-License-Identifier: BSD-2-Clause */
/* AHCI: port 0, command slot 0, DMA EXT commands [AHCI 1.3]. */
#include <string.h>

#include "disk.h"

enum { GHC = 0x04, PORT = 0x100 };
enum {
    CLB = PORT + 0x00,
    FB = PORT + 0x08,
    IS = PORT + 0x10,
    CMD = PORT + 0x18,
    TFD = PORT + 0x20,
    SERR = PORT + 0x30,
    CI = PORT + 0x38,
};
enum { CMD_START = 1, CMD_RECEIVE = 0x10, CMD_RECEIVING = 0x4000, CMD_RUNNING = 0x8000 };
enum { IDENTIFY = 0xec, READ_DMA_EXT = 0x25, WRITE_DMA_EXT = 0x35 };
enum { TABLE_PRDT = 0x80, HEADER_WRITE = 0x40, FIS_WORDS = 5 };

/* In one allocation: command list, received FISes, command table. */
enum { LIST_AT = 0, FIS_AT = 1024, TABLE_AT = 2048, SHARED_SIZE = 8192 };

static uint32_t rd(struct disk *d, unsigned offset)
{
    return qtest_read32(d->e->q, d->registers + offset);
}

static void wr(struct disk *d, unsigned offset, uint32_t value)
{
    qtest_write32(d->e->q, d->registers + offset, value);
}

static void set64(struct disk *d, unsigned offset, uint64_t value)
{
    wr(d, offset, (uint32_t)value);
    wr(d, offset + 4, (uint32_t)(value >> 32));
}

static void stop(struct disk *d)
{
    wr(d, CMD, rd(d, CMD) & ~(uint32_t)(CMD_START | CMD_RECEIVE));
    for (unsigned i = 0; (rd(d, CMD) & (CMD_RECEIVING | CMD_RUNNING)) != 0; i++)
        assert_true(i < 10000);
}

static void put_fis(struct disk *d, unsigned command, uint64_t sector, uint32_t sectors)
{
    uint8_t fis[20] = { 0x27, 0x80, (uint8_t)command };

    for (unsigned i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(sector >> (8 * i));
        fis[8 + i] = (uint8_t)(sector >> (24 + 8 * i));
    }
    fis[7] = 0x40; /* LBA */
    fis[12] = (uint8_t)sectors;
    fis[13] = (uint8_t)(sectors >> 8);
    memcpy((uint8_t *)d->commands.memory + TABLE_AT, fis, sizeof(fis));
}

static bool issue(struct disk *d, bool write, const bus_dma_segment_t *segments, int count)
{
    uint8_t *memory = d->commands.memory;
    uint32_t header[4] = { FIS_WORDS | (write ? HEADER_WRITE : 0) | (uint32_t)count << 16, 0 };
    uint64_t table = d->commands.bus + TABLE_AT;

    assert_true(count > 0 && count <= DISK_SEGMENTS);
    for (int i = 0; i < count; i++) {
        uint64_t address = segments[i].ds_addr;
        uint32_t prd[4] = { (uint32_t)address, (uint32_t)(address >> 32), 0,
                            (uint32_t)segments[i].ds_len - 1 };

        memcpy(memory + TABLE_AT + TABLE_PRDT + 16 * i, prd, sizeof(prd));
    }
    memcpy(&header[2], &table, sizeof(table));
    memcpy(memory + LIST_AT, header, sizeof(header));
    bus_dmamap_sync(d->commands.tag, d->commands.map, BUS_DMASYNC_PREWRITE);
    wr(d, IS, UINT32_MAX);
    wr(d, CI, 1);
    for (unsigned i = 0; (rd(d, CI) & 1) != 0; i++)
        assert_true(i < 20000);
    bus_dmamap_sync(d->commands.tag, d->commands.map, BUS_DMASYNC_POSTREAD);
    return (rd(d, TFD) & 0x89) == 0; /* neither busy, nor a request, nor an error */
}

static void ahci_open(struct disk *d)
{
    const bus_dma_segment_t all = { 0, SECTOR };
    bus_dma_segment_t segment = all;
    uint32_t sectors;

    shared_alloc(&d->commands, d->parent, SHARED_SIZE, PAGE);
    shared_alloc(&d->identity, d->parent, SECTOR, PAGE);
    wr(d, GHC, UINT32_C(0x80000000));
    stop(d);
    set64(d, CLB, d->commands.bus + LIST_AT);
    set64(d, FB, d->commands.bus + FIS_AT);
    wr(d, SERR, UINT32_MAX);
    wr(d, CMD, rd(d, CMD) | CMD_RECEIVE);
    wr(d, CMD, rd(d, CMD) | CMD_START);
    segment.ds_addr = d->identity.bus;
    put_fis(d, IDENTIFY, 0, 0);
    assert_true(issue(d, false, &segment, 1));
    bus_dmamap_sync(d->identity.tag, d->identity.map, BUS_DMASYNC_POSTREAD);
    sectors = SHARED32(&d->identity, 200);
    assert_true(sectors >= 2048);
    /* The serial number's letters come in pairs, the second one first. */
    assert_memory_equal((uint8_t *)d->identity.memory + 20, "duam r", 6);
}

static void ahci_close(struct disk *d)
{
    stop(d);
    shared_free(&d->identity);
    shared_free(&d->commands);
}

static bool ahci_transfer(struct disk *d, bool write, uint64_t sector, uint32_t bytes,
                          const bus_dma_segment_t *segments, int count)
{
    put_fis(d, write ? WRITE_DMA_EXT : READ_DMA_EXT, sector, bytes / SECTOR);
    return issue(d, write, segments, count);
}

const struct disk_ops disk_ahci = {
    .name = "ahci",
    .arguments = { "-device", "ide-hd,drive=disk,serial=udmar,bus=ide.0" },
    .rid = UDMAR_RID(0, 0x1f, 2),
    .bar = 5,
    .alignment = 2,
    .open = ahci_open,
    .close = ahci_close,
    .transfer = ahci_transfer,
};
