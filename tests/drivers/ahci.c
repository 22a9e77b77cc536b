/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ahci(4), ahci.c: ahci_dmainit(), ahci_slotsalloc(), ahci_begin_transaction(), ahci_dmasetprd().
 *
 * A PRD holds a 64-bit address whose bit 0 is reserved and a byte count less one of 22 bits that
 * must be even; the tag says alignment 2 and takes for granted that this gives even lengths, too.
 */
#include "storage.h"

#define ENTRIES    40u /* of a command table: pages of maxphys and one, rounded up to 8 */
#define LIST_BYTES 1024u
#define TABLE_SIZE (128u + ENTRIES * 16u)
#define WORK_SIZE  (LIST_BYTES + TABLE_SIZE * SLOTS)
#define PRD_MAX    0x400000u

struct prd {
    uint64_t dba;
    uint32_t reserved, dbc;
};
struct header {
    uint16_t flags, entries;
    uint32_t moved;
    uint64_t table;
    uint32_t reserved[4];
};

struct softc {
    struct tag controller;
    struct ring work, received;
};

static int attach(struct hba *hba)
{
    const struct spec controller = {
        1, 0,   ANYWHERE, ANYWHERE, BUS_SPACE_MAXSIZE, BUS_SPACE_UNRESTRICTED, BUS_SPACE_MAXSIZE,
        0, NULL
    };
    const struct spec work = RING_SPEC(1024, ANYWHERE, WORK_SIZE);
    const struct spec received = RING_SPEC(256, ANYWHERE, 256);
    const struct spec data = { 2,       0,       ANYWHERE, ANYWHERE,         ENTRIES * PAGE,
                               ENTRIES, PRD_MAX, 0,        busdma_lock_mutex };
    struct softc *sc = hba->softc;
    int error;

    error = tag_new(hba->s, NULL, &controller, &sc->controller);
    if (error == 0)
        error = ring_new(hba->s, &sc->work, &sc->controller, &work, BUS_DMA_ZERO, BUS_DMA_NOWAIT);
    if (error == 0)
        error = ring_new(hba->s, &sc->received, &sc->controller, &received, 0, BUS_DMA_NOWAIT);
    if (error == 0)
        error = tag_new(hba->s, &sc->controller, &data, &hba->data);
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    hba_maps_end(hba, hba->data.tag);
    tag_end(&hba->data);
    ring_end(&sc->received);
    ring_end(&sc->work);
    tag_end(&sc->controller);
}

static struct prd *table_of(struct request *r)
{
    struct softc *sc = r->hba->softc;

    return (struct prd *)((uint8_t *)sc->work.at + LIST_BYTES + r->slot * TABLE_SIZE + 128);
}

static void setprd(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;
    struct softc *sc = r->hba->softc;
    struct header *header = (struct header *)sc->work.at + r->slot;
    struct prd *prd = table_of(r);

    if (error != 0) {
        request_done(r, error);
        return;
    }
    request_loaded(r, segs, nsegs);
    for (int i = 0; i < nsegs; i++) {
        prd[i].dba = segs[i].ds_addr;
        prd[i].dbc = (uint32_t)(segs[i].ds_len - 1) & (PRD_MAX - 1);
    }
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    header->entries = (uint16_t)nsegs;
    header->moved = 0;
    header->table = sc->work.bus + LIST_BYTES + r->slot * TABLE_SIZE;
    bus_dmamap_sync(sc->work.tag.tag, sc->work.map, BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(sc->received.tag.tag, sc->received.map, BUS_DMASYNC_PREREAD);
    request_runs(r);
}

static void start(struct request *r)
{
    /* The driver does not look at what this returns: the callback says it all. */
    (void)request_load_ccb(r, r->hba->data.tag, XPT_ATA_IO, setprd, r, 0);
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    bus_addr_t header = sc->work.bus + r->slot * 32, table = device_read64(s, header + 8);
    unsigned entries = device_read32(s, header) >> 16;
    size_t left = r->expected;

    for (unsigned i = 0; i < entries && left > 0; i++) {
        bus_addr_t dba = device_read64(s, table + 128 + i * 16);
        size_t count = (device_read32(s, table + 128 + i * 16 + 12) & (PRD_MAX - 1)) + 1;

        assert_int_equal(dba & 1, 0);
        assert_true(count % 2 == 0 || (i + 1 == entries && r->length % 2 != 0));
        count = count < left ? count : left;
        wire_move(s, &r->wire, dba, count);
        left -= count;
    }
    device_writes(s, header + 4, &(uint32_t){ (uint32_t)r->wire.moved }, 4);
    device_writes(s, sc->received.bus + 0x40, &(uint32_t){ 0x34 }, 4);
}

static void finish(struct request *r)
{
    struct softc *sc = r->hba->softc;

    bus_dmamap_sync(sc->work.tag.tag, sc->work.map, BUS_DMASYNC_POSTWRITE);
    bus_dmamap_sync(sc->received.tag.tag, sc->received.map, BUS_DMASYNC_POSTREAD);
    assert_int_equal(((struct header *)sc->work.at)[r->slot].moved, r->wire.moved);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver ahci = {
    .name = "ahci",
    .maxio = (ENTRIES - 1) * PAGE - 2 * PAGE,
    .unit = 2,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_PHYSICAL) | OF(KIND_BIO) | OF(KIND_PAGES),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&ahci)
