/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mfi(4), mfi.c: mfi_attach(), mfi_mapcmd(), mfi_data_cb(), mfi_complete(); mfi_pci.c.
 *
 * EINPROGRESS freezes the queue and the callback goes on with the command. Any other error makes
 * mfi_startio() queue the command again, while the callback has already completed it with that
 * error: so a load that may wait must either wait or tell the callback alone. The data tag's
 * maxsize is 4 GiB less one with BUS_DMA_ALLOCNOW.
 */
#include "storage.h"

#define MAX_SGE    33u
#define FRAME_SIZE 64u
#define FRAMES     ((12u * MAX_SGE - 1) / FRAME_SIZE + 2)
#define COMMAND    (FRAMES * FRAME_SIZE)
#define SENSE      128u
#define DIR_READ   0x10u
#define SGL64      0x02u
#define SGL_OFFSET 48u

struct frame {
    uint8_t cmd, sense_len, cmd_status, scsi_status, target, lun, cdb_len, sg_count;
    uint32_t context, pad;
    uint16_t flags, timeout;
    uint32_t data_len;
    uint64_t sense;
    uint8_t cdb[16];
};
struct sg64 {
    uint64_t addr;
    uint32_t len;
} __attribute__((packed));

struct softc {
    struct tag parent;
    struct ring version, comms, frames, sense;
    bool frozen;
};

static int attach(struct hba *hba)
{
    const struct spec parent = { 1,      0, ANYWHERE, ANYWHERE, SIZE32, BUS_SPACE_UNRESTRICTED,
                                 SIZE32, 0, NULL };
    const struct spec buffer = { 1,       0,      ANYWHERE,         ANYWHERE,         SIZE32,
                                 MAX_SGE, SIZE32, BUS_DMA_ALLOCNOW, busdma_lock_mutex };
    const struct spec version = RING_SPEC(1, BIT32, 96),
                      comms = RING_SPEC(1, BIT32, 4 * SLOTS + 12);
    const struct spec frames = RING_SPEC(64, BIT32, SLOTS * COMMAND);
    const struct spec sense = RING_SPEC(4, BIT32, SLOTS * SENSE);
    struct softc *sc = hba->softc;
    int error = tag_new(hba->s, NULL, &parent, &sc->parent);

    if (error == 0)
        error = ring_new(hba->s, &sc->version, &sc->parent, &version, BUS_DMA_NOWAIT, 0);
    if (error == 0)
        error = tag_new(hba->s, &sc->parent, &buffer, &hba->data);
    if (error == 0)
        error = ring_new(hba->s, &sc->comms, &sc->parent, &comms, BUS_DMA_NOWAIT, 0);
    if (error == 0)
        error = ring_new(hba->s, &sc->frames, &sc->parent, &frames, BUS_DMA_NOWAIT, 0);
    if (error == 0)
        error = ring_new(hba->s, &sc->sense, &sc->parent, &sense, BUS_DMA_NOWAIT, 0);
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    hba_maps_end(hba, hba->data.tag);
    ring_end(&sc->sense);
    ring_end(&sc->frames);
    ring_end(&sc->comms);
    ring_end(&sc->version);
    tag_end(&hba->data);
    tag_end(&sc->parent);
}

static struct frame *frame_of(struct request *r)
{
    struct softc *sc = r->hba->softc;

    return (struct frame *)((uint8_t *)sc->frames.at + r->slot * COMMAND);
}

static void data_cb(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;
    struct softc *sc = r->hba->softc;
    struct frame *frame = frame_of(r);
    struct sg64 *sgl = (struct sg64 *)((uint8_t *)frame + SGL_OFFSET);
    bool locked = r->hba->s->mutex.mtx_lock != 0; /* mtx_owned() */

    assert_true(locked); /* called from mfi_mapcmd() or by the deferred way: both hold it */
    if (error != 0) {
        request_done(r, error);
        return;
    }
    request_loaded(r, segs, nsegs);
    memset(frame, 0, sizeof(*frame));
    for (int i = 0; i < nsegs; i++)
        sgl[i] = (struct sg64){ segs[i].ds_addr, (uint32_t)segs[i].ds_len };
    frame->sg_count = (uint8_t)nsegs;
    frame->data_len = (uint32_t)r->length;
    frame->flags = SGL64 | (r->in ? DIR_READ : 0);
    frame->sense = sc->sense.bus + r->slot * SENSE;
    frame->cmd_status = 0xff;
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    sc->frozen = false;
    request_runs(r);
}

/* mfi_startio() and mfi_mapcmd() */
static void start(struct request *r)
{
    struct softc *sc = r->hba->softc;
    int error;

    if (r->kind == KIND_BUFFER)
        error = request_load(r, r->hba->data.tag, data_cb, r, 0);
    else if (r->kind == KIND_BIO || r->kind == KIND_PAGES)
        error = request_load_bio(r, r->hba->data.tag, data_cb, r, 0);
    else
        error = request_load_ccb(r, r->hba->data.tag, XPT_SCSI_IO, data_cb, r, 0);

    if (error == UDMAR_EINPROGRESS)
        sc->frozen = true;
    else if (error != 0)
        request_done(r, error); /* mfi_requeue_ready(): nobody else may have done with it */
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    bus_addr_t frame = sc->frames.bus + r->slot * COMMAND;
    unsigned count = device_read32(s, frame + 4) >> 24;
    size_t left = r->expected;

    assert_true(frame <= BIT32 && frame % 64 == 0 && count > 0);
    for (unsigned i = 0; i < count && left > 0; i++) {
        bus_addr_t at = frame + SGL_OFFSET + i * 12;
        size_t length = device_read32(s, at + 8);

        length = length < left ? length : left;
        wire_move(s, &r->wire, device_read64(s, at), length);
        left -= length;
    }
    device_writes(s, frame + 2, "", 1);
    device_writes(s, device_read64(s, frame + 24), &r->slot, 4);
    device_writes(s, sc->comms.bus + 12 + 4 * r->slot, &r->slot, 4);
}

static void finish(struct request *r)
{
    assert_int_equal(frame_of(r)->cmd_status, 0);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver mfi = {
    .name = "mfi",
    .maxio = (MAX_SGE - 1) * PAGE,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_BIO) | OF(KIND_PAGES) | OF(KIND_VLIST) | OF(KIND_PLIST),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&mfi)
