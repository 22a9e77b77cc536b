/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mpt(4), mpt_pci.c: mpt_dma_mem_alloc(); mpt.c: mpt_dma_buf_alloc(); mpt_cam.c:
 * mpt_execute_req_a64(), mpt_start(), mpt_scsi_reply_handler().
 *
 * Requests of 512 bytes from one page-aligned block below 4 GiB; what does not fit in the first 128
 * bytes is chained to the next 128. All tags have the controller's lock, and syncs of data go out
 * with the directions the other way round (PREWRITE for what the device writes): the driver's
 * mistake, harmless where nothing bounces. Here the directions are right.
 */
#include "storage.h"

#define AREA      512u
#define FRAME     128u
#define FIRST     6u  /* elements that fit behind the SCSI request, the first is part of it */
#define PER_FRAME 10u /* elements of a frame of chained ones */
#define SGL       (FRAME - FIRST * 12u)
#define MAX_SEG   (int)(FIRST - 1 + 2 * (PER_FRAME - 1) + PER_FRAME)
#define SIMPLE    UINT32_C(0x12000000)
#define LAST      UINT32_C(0x80000000)
#define END       UINT32_C(0x41000000)
#define CHAIN     UINT32_C(0x32000000)

struct sge {
    uint32_t flags_length, low, high;
};

struct softc {
    struct tag parent;
    struct ring reply, request;
};

static int attach(struct hba *hba)
{
    const struct spec parent = { 1,        0,      ANYWHERE,
                                 ANYWHERE, SIZE32, BUS_SPACE_UNRESTRICTED,
                                 SIZE32,   0,      busdma_lock_mutex };
    const struct spec reply = {
        PAGE, 0, BIT32, ANYWHERE, 2 * PAGE, 1, SIZE32, 0, busdma_lock_mutex
    };
    const struct spec request = { PAGE, 0,      BIT32, ANYWHERE,         SLOTS * AREA,
                                  1,    SIZE32, 0,     busdma_lock_mutex };
    const struct spec buffer = { 1,       0,      ANYWHERE, ANYWHERE,         (MAX_SEG - 1) * PAGE,
                                 MAX_SEG, SIZE32, 0,        busdma_lock_mutex };
    struct softc *sc = hba->softc;
    int error = tag_new(hba->s, NULL, &parent, &sc->parent);

    if (error == 0)
        error = ring_new(hba->s, &sc->reply, &sc->parent, &reply, BUS_DMA_NOWAIT, 0);
    if (error == 0)
        error = tag_new(hba->s, &sc->parent, &buffer, &hba->data);
    if (error == 0)
        error = ring_new(hba->s, &sc->request, &sc->parent, &request,
                         BUS_DMA_NOWAIT | BUS_DMA_COHERENT, 0);
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    hba_maps_end(hba, hba->data.tag);
    ring_end(&sc->request);
    tag_end(&hba->data);
    ring_end(&sc->reply);
    tag_end(&sc->parent);
}

static void build(struct request *r, const bus_dma_segment_t *segs, int nsegs)
{
    struct softc *sc = r->hba->softc;
    uint8_t *area = (uint8_t *)sc->request.at + r->slot * AREA;
    bus_addr_t bus = sc->request.bus + r->slot * AREA;
    struct sge *sge = (struct sge *)(area + SGL);
    unsigned room = FIRST, offset = FRAME;

    memset(area, 0xff, AREA);
    for (int i = 0; i < nsegs; i++) {
        if (room == 1 && i + 1 < nsegs) {
            assert_true(offset < AREA);
            sge[-1].flags_length |= LAST;
            *sge = (struct sge){ CHAIN | FRAME, (uint32_t)(bus + offset), 0 };
            sge = (struct sge *)(area + offset);
            offset += FRAME;
            room = PER_FRAME;
        }
        *sge = (struct sge){ SIMPLE | (uint32_t)segs[i].ds_len, (uint32_t)segs[i].ds_addr,
                             (uint32_t)(segs[i].ds_addr >> 32) };
        assert_true(segs[i].ds_len <= 0xffffff);
        if (i + 1 == nsegs)
            sge->flags_length |= LAST | END;
        sge++;
        room--;
    }
}

static void execute(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;

    if (error != 0) {
        /* EFBIG: too big; ENOMEM: the queue is frozen and the request comes again. */
        request_done(r, error);
        return;
    }
    request_loaded(r, segs, nsegs);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    build(r, segs, nsegs);
    request_runs(r);
}

static void start(struct request *r)
{
    int error;

    if (r->length == 0) {
        request_done(r, UDMAR_EINVAL); /* one element of length 0, no map */
        return;
    }
    error = request_load_ccb(r, r->hba->data.tag, XPT_SCSI_IO, execute, r, 0);
    if (error == UDMAR_EINPROGRESS)
        assert_int_equal(r->state, WAITING); /* the controller's queue is frozen meanwhile */
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    bus_addr_t at = sc->request.bus + r->slot * AREA + SGL;
    size_t left = r->expected;

    while (left > 0) {
        uint32_t word = device_read32(s, at);
        bus_addr_t address = device_read32(s, at + 4) | (bus_addr_t)device_read32(s, at + 8) << 32;
        size_t length = word & 0xffffff;

        if ((word & CHAIN) == CHAIN) {
            at = address;
            continue;
        }
        length = length < left ? length : left;
        wire_move(s, &r->wire, address, length);
        left -= length;
        at += sizeof(struct sge);
    }
    device_writes(s, sc->reply.bus + 80 * r->slot, &r->slot, 4);
}

static void finish(struct request *r)
{
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver mpt = {
    .name = "mpt",
    .maxio = (MAX_SEG - 1) * PAGE,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_BIO) | OF(KIND_PAGES) | OF(KIND_VLIST) | OF(KIND_PHYSICAL) |
             OF(KIND_PLIST),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&mpt)
