/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ata(4), ata-dma.c: ata_dmainit(), ata_dmaalloc(), ata_dmaload(), ata_dmasetprd(),
 * ata_dmaunload().
 *
 * A PRD holds a 32-bit address and a 16-bit count (0: 64 KiB), both even; a PRD's memory must not
 * cross 64 KiB. Loads never wait, and each slot has a tag of its own with BUS_DMA_ALLOCNOW.
 */
#include "storage.h"

#define ENTRIES 33u /* pages of maxphys and one */
#define MAXIO   ((ENTRIES - 1) * PAGE)
#define EOT     UINT32_C(0x80000000)

struct prd {
    uint32_t addr, count;
};

struct softc {
    struct tag parent;
    struct ring work;
    struct {
        struct ring sg;
        struct tag data;
        int entries;
    } slot[SLOTS];
};

static int slots_new(struct hba *hba)
{
    struct spec sg = RING_SPEC(PAGE, BIT32, PAGE);
    const struct spec data = { 2,   65536, BIT32, ANYWHERE, MAXIO, ENTRIES, 65536, BUS_DMA_ALLOCNOW,
                               NULL };
    struct softc *sc = hba->softc;
    int error = 0;

    sg.boundary = PAGE;
    for (unsigned i = 0; i < SLOTS && error == 0; i++) {
        error = ring_new(hba->s, &sc->slot[i].sg, &sc->parent, &sg, BUS_DMA_WAITOK, 0);
        if (error == 0)
            error = tag_new(hba->s, &sc->parent, &data, &sc->slot[i].data);
        if (error == 0)
            error = bus_dmamap_create(sc->slot[i].data.tag, 0, &hba->request[i].map);
        if (error != 0)
            hba->request[i].map = NULL;
    }
    hba->data.limits = sc->slot[0].data.limits;
    return error;
}

static int attach(struct hba *hba)
{
    const struct spec parent = { 2, 0, BIT32, ANYWHERE, MAXIO, ENTRIES, 65536, 0, NULL };
    struct spec work = RING_SPEC(PAGE, BIT32, 2 * PAGE);
    struct softc *sc = hba->softc;
    int error;

    work.boundary = 65536;
    error = tag_new(hba->s, NULL, &parent, &sc->parent);
    if (error == 0)
        error =
            ring_new(hba->s, &sc->work, &sc->parent, &work, BUS_DMA_WAITOK | BUS_DMA_COHERENT, 0);
    return error != 0 ? error : slots_new(hba);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    for (unsigned i = 0; i < SLOTS; i++) {
        ring_end(&sc->slot[i].sg);
        if (hba->request[i].map != NULL)
            assert_int_equal(bus_dmamap_destroy(sc->slot[i].data.tag, hba->request[i].map), 0);
        tag_end(&sc->slot[i].data);
    }
    ring_end(&sc->work);
    tag_end(&sc->parent);
}

struct answer {
    struct request *r;
    struct prd *table;
    int count, error;
};

static void setprd(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct answer *answer = argument;
    int i;

    answer->error = error;
    if (error != 0)
        return;
    request_loaded(answer->r, segs, nsegs);
    for (i = 0; i < nsegs; i++) {
        assert_true(segs[i].ds_addr <= BIT32);
        answer->table[i].addr = (uint32_t)segs[i].ds_addr;
        answer->table[i].count = (uint32_t)segs[i].ds_len;
    }
    answer->table[i - 1].count |= EOT;
    answer->count = nsegs;
}

static void unload(struct request *r)
{
    struct softc *sc = r->hba->softc;

    bus_dmamap_sync(sc->slot[r->slot].sg.tag.tag, sc->slot[r->slot].sg.map, BUS_DMASYNC_POSTWRITE);
    bus_dmamap_sync(sc->slot[r->slot].data.tag, r->map,
                    r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(sc->slot[r->slot].data.tag, r->map);
}

static void start(struct request *r)
{
    struct softc *sc = r->hba->softc;
    struct answer answer = { r, sc->slot[r->slot].sg.at, 0, -1 };
    int error;

    /* Refused before busdma sees it: nothing, odd lengths, more than maxio. */
    if (r->length == 0 || r->length % 2 != 0 || r->length > MAXIO) {
        request_done(r, UDMAR_EINVAL);
        return;
    }
    if (r->kind == KIND_BUFFER) /* internal commands; CAM's come as CCBs */
        error = request_load(r, sc->slot[r->slot].data.tag, setprd, &answer, BUS_DMA_NOWAIT);
    else
        error = request_load_ccb(r, sc->slot[r->slot].data.tag, XPT_ATA_IO, setprd, &answer,
                                 BUS_DMA_NOWAIT);
    if (error != 0 || (error = answer.error) != 0) {
        /* A map that is not loaded is synced and unloaded. */
        unload(r);
        request_done(r, error);
        return;
    }
    sc->slot[r->slot].entries = answer.count;
    bus_dmamap_sync(sc->slot[r->slot].sg.tag.tag, sc->slot[r->slot].sg.map, BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(sc->slot[r->slot].data.tag, r->map,
                    r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    request_runs(r);
}

static void run(struct request *r)
{
    struct softc *sc = r->hba->softc;
    bus_addr_t at = sc->slot[r->slot].sg.bus;
    size_t left = r->expected;
    uint32_t word = 0;

    for (; (word & EOT) == 0 && left > 0; at += 8) {
        uint32_t addr = device_read32(r->hba->s, at);
        size_t count;

        word = device_read32(r->hba->s, at + 4);
        count = (word & 0xffff) == 0 ? 65536 : word & 0xffff;
        assert_int_equal(addr & 1, 0);
        assert_int_equal(count & 1, 0);
        assert_int_equal(addr >> 16, (addr + count - 1) >> 16);
        count = count < left ? count : left;
        wire_move(r->hba->s, &r->wire, addr, count);
        left -= count;
    }
}

static void finish(struct request *r)
{
    unload(r);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver ata = {
    .name = "ata",
    .maxio = MAXIO,
    .unit = 2,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_PAGES) | OF(KIND_BIO),
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&ata)
