/* SPDX-License-Identifier: BSD-2-Clause */
/* NVMe: an admin queue, one I/O queue, physical region pages and lists of them [NVMe 1.4]. */
#include <string.h>

#include "disk.h"

enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { ENTRIES = 8, SUBMISSION = 64, COMPLETION = 16 };
enum { CREATE_SQ = 0x01, CREATE_CQ = 0x05, IDENTIFY = 0x06, WRITE = 0x01, READ = 0x02 };
enum { ADMIN = 0, IO = 1 };

#define ENABLED (UINT32_C(1) | 6u << 16 | 4u << 20)

static void set64(struct disk *d, unsigned offset, uint64_t value)
{
    qtest_write32(d->e->q, d->registers + offset, (uint32_t)value);
    qtest_write32(d->e->q, d->registers + offset + 4, (uint32_t)(value >> 32));
}

static void wait_ready(struct disk *d, uint32_t ready)
{
    for (unsigned i = 0; (qtest_read32(d->e->q, d->registers + CSTS) & 1) != ready; i++)
        assert_true(i < 10000);
}

struct command {
    uint32_t opcode, namespace, dword[3]; /* 10 to 12 */
    uint64_t prp1, prp2;
};

static struct shared *submissions(struct disk *d, unsigned queue)
{
    return queue == ADMIN ? &d->commands : &d->queue[0];
}

static void put_command(struct disk *d, unsigned queue, const struct command *c)
{
    uint32_t words[16] = { c->opcode | ++d->identifier << 16, c->namespace };
    uint8_t *at = submissions(d, queue)->memory;

    memcpy(&words[6], &c->prp1, 8);
    memcpy(&words[8], &c->prp2, 8);
    memcpy(&words[10], c->dword, sizeof(c->dword));
    memcpy(at + d->tail[queue] * SUBMISSION, words, sizeof(words));
    d->tail[queue] = (d->tail[queue] + 1) % ENTRIES;
}

/* Submits and waits; the status field, 0 for success. */
static unsigned submit(struct disk *d, unsigned queue, const struct command *c)
{
    struct shared *q = queue == ADMIN ? &d->completions : &d->queue[1];
    unsigned at = d->head[queue] * COMPLETION, status;

    put_command(d, queue, c);
    bus_dmamap_sync(submissions(d, queue)->tag, submissions(d, queue)->map, BUS_DMASYNC_PREWRITE);
    qtest_write32(d->e->q, d->registers + DOORBELLS + 8 * queue, d->tail[queue]);
    for (unsigned i = 0;; i++) {
        bus_dmamap_sync(q->tag, q->map, BUS_DMASYNC_POSTREAD);
        if ((SHARED32(q, at + 12) >> 16 & 1) == d->phase[queue])
            break;
        assert_true(i < 20000);
        (void)qtest_read32(d->e->q, d->registers + CSTS);
    }
    assert_int_equal(SHARED32(q, at + 12) & 0xffff, d->identifier & 0xffff);
    status = SHARED32(q, at + 12) >> 17;
    d->head[queue] = (d->head[queue] + 1) % ENTRIES;
    if (d->head[queue] == 0)
        d->phase[queue] ^= 1;
    qtest_write32(d->e->q, d->registers + DOORBELLS + 8 * queue + 4, d->head[queue]);
    return status;
}

static void identify(struct disk *d)
{
    struct command c = { .opcode = IDENTIFY, .dword = { 1 }, .prp1 = d->identity.bus };
    const uint8_t *bytes = d->identity.memory;
    uint64_t sectors;
    unsigned format;

    assert_int_equal(submit(d, ADMIN, &c), 0);
    bus_dmamap_sync(d->identity.tag, d->identity.map, BUS_DMASYNC_POSTREAD);
    assert_memory_equal(bytes + 4, "udmar               ", 20);
    c.namespace = 1;
    c.dword[0] = 0;
    assert_int_equal(submit(d, ADMIN, &c), 0);
    bus_dmamap_sync(d->identity.tag, d->identity.map, BUS_DMASYNC_POSTREAD);
    memcpy(&sectors, bytes, sizeof(sectors));
    assert_true(sectors >= 2048);
    format = bytes[26] & 0xf;
    assert_int_equal(bytes[128 + 4 * format + 2], 9); /* sectors of 512 bytes */
}

static void nvme_open(struct disk *d)
{
    struct command cq = { .opcode = CREATE_CQ, .dword = { (ENTRIES - 1) << 16 | IO, 1 } };
    struct command sq = { .opcode = CREATE_SQ,
                          .dword = { (ENTRIES - 1) << 16 | IO, IO << 16 | 1 } };

    shared_alloc(&d->commands, d->parent, PAGE, PAGE);
    shared_alloc(&d->completions, d->parent, PAGE, PAGE);
    shared_alloc(&d->more, d->parent, PAGE, PAGE);
    shared_alloc(&d->identity, d->parent, PAGE, PAGE);
    d->phase[ADMIN] = d->phase[IO] = 1;
    qtest_write32(d->e->q, d->registers + CC, 0);
    wait_ready(d, 0);
    qtest_write32(d->e->q, d->registers + AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
    set64(d, ASQ, d->commands.bus);
    set64(d, ACQ, d->completions.bus);
    qtest_write32(d->e->q, d->registers + CC, ENABLED);
    wait_ready(d, 1);
    identify(d);
    shared_alloc(&d->queue[0], d->parent, PAGE, PAGE);
    shared_alloc(&d->queue[1], d->parent, PAGE, PAGE);
    cq.prp1 = d->queue[1].bus;
    sq.prp1 = d->queue[0].bus;
    assert_int_equal(submit(d, ADMIN, &cq), 0);
    assert_int_equal(submit(d, ADMIN, &sq), 0);
}

static void nvme_close(struct disk *d)
{
    qtest_write32(d->e->q, d->registers + CC, 0);
    wait_ready(d, 0);
    shared_free(&d->queue[0]);
    shared_free(&d->queue[1]);
    shared_free(&d->identity);
    shared_free(&d->more);
    shared_free(&d->completions);
    shared_free(&d->commands);
}

/* The pages of all segments, one after the other; how many. */
static unsigned list_pages(const bus_dma_segment_t *segments, int count, uint64_t *out,
                           unsigned room)
{
    unsigned pages = 0;

    for (int i = 0; i < count; i++) {
        uint64_t at = segments[i].ds_addr, end = at + segments[i].ds_len;

        while (at < end) {
            assert_true(pages < room);
            out[pages++] = at;
            at = (at | UDMAR_PAGE_MASK) + 1;
        }
    }
    return pages;
}

static bool nvme_transfer(struct disk *d, bool write, uint64_t sector, uint32_t bytes,
                          const bus_dma_segment_t *segments, int count)
{
    struct command c = { .opcode = write ? WRITE : READ,
                         .namespace = 1,
                         .dword = { (uint32_t)sector, (uint32_t)(sector >> 32),
                                    bytes / SECTOR - 1 } };
    uint64_t page[512] = { 0 };
    unsigned pages = list_pages(segments, count, page, 512);

    c.prp1 = page[0];
    if (pages == 2) {
        c.prp2 = page[1];
    } else if (pages > 2) {
        memcpy(d->more.memory, &page[1], (pages - 1) * sizeof(page[0]));
        bus_dmamap_sync(d->more.tag, d->more.map, BUS_DMASYNC_PREWRITE);
        c.prp2 = d->more.bus;
    }
    return submit(d, IO, &c) == 0;
}

const struct disk_ops disk_nvme = {
    .name = "nvme",
    .arguments = { "-device", "nvme,drive=disk,serial=udmar,bus=pcie.0,addr=8.0" },
    .rid = UDMAR_RID(0, 8, 0),
    .bar = 0,
    .alignment = 4,
    .open = nvme_open,
    .close = nvme_close,
    .transfer = nvme_transfer,
};
