/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isp(4), isp_pci.c: isp_pci_mbxdma(), isp_pci_mbxdmafree(); isp_freebsd.c: isp_dmasetup(),
 * isp_dma2(), isp_dmafree(); isp_library.c: isp_send_cmd().
 *
 * Every tag has a boundary of 4 GiB. One segment in the request's queue entry, five in each
 * continuation entry behind it; queues of 512 and 64 KiB, aligned to 64. Loads never wait although
 * the tag has a lock: ENOMEM makes the command come again, EFBIG and EINVAL are its end.
 */
#include "storage.h"

#define BOUNDARY UINT64_C(0x100000000)
#define ENTRY    64u
#define REQUESTS 8192u
#define RESULTS  1024u
#define SCRATCH  4096u
#define NSEGS    (1 + 254 * 5)
#define MAXIO    (256u * 1024)
#define DS_FIRST 52u /* offset of the one segment in a request */
#define DS_MORE  4u  /* and of the first of five in a continuation */

struct softc {
    struct ring request, result, iocb, scratch;
    unsigned in;
    unsigned entry[SLOTS];
};

static int attach(struct hba *hba)
{
    struct spec queue = RING_SPEC(ENTRY, ANYWHERE, REQUESTS * ENTRY);
    const struct spec data = {
        1,     BOUNDARY,           ANYWHERE, ANYWHERE,         (NSEGS - 1) * PAGE,
        NSEGS, (NSEGS - 1) * PAGE, 0,        busdma_lock_mutex
    };
    static const bus_size_t sizes[] = { REQUESTS * ENTRY, RESULTS * ENTRY, 2 * ENTRY, SCRATCH };
    struct softc *sc = hba->softc;
    struct ring *rings[] = { &sc->request, &sc->result, &sc->iocb, &sc->scratch };
    int error = 0;

    queue.boundary = BOUNDARY;
    for (unsigned i = 0; i < 4 && error == 0; i++) {
        queue.maxsize = sizes[i];
        queue.maxsegsz = sizes[i];
        error = ring_new(hba->s, rings[i], NULL, &queue, BUS_DMA_COHERENT, BUS_DMA_NOWAIT);
    }
    if (error == 0)
        error = tag_new(hba->s, NULL, &data, &hba->data);
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    hba_maps_end(hba, hba->data.tag);
    tag_end(&hba->data);
    ring_end(&sc->scratch);
    ring_end(&sc->iocb);
    ring_end(&sc->result);
    ring_end(&sc->request);
}

static void put(struct softc *sc, unsigned entry, unsigned offset, const bus_dma_segment_t *seg)
{
    uint8_t *at = (uint8_t *)sc->request.at + entry * ENTRY + offset;
    uint32_t length = (uint32_t)seg->ds_len;

    memcpy(at, &seg->ds_addr, 8);
    memcpy(at + 8, &length, 4);
}

static void send(struct request *r, const bus_dma_segment_t *segs, int nsegs)
{
    struct softc *sc = r->hba->softc;
    uint8_t *first = (uint8_t *)sc->request.at + sc->in * ENTRY;
    uint32_t count = (uint32_t)nsegs;

    sc->entry[r->slot] = sc->in;
    memset(first, 0, ENTRY);
    memcpy(first + 4, &count, 4);
    put(sc, sc->in, DS_FIRST, &segs[0]);
    sc->in = (sc->in + 1) % REQUESTS;
    for (int i = 1; i < nsegs; i += 5) {
        for (int k = i; k < i + 5 && k < nsegs; k++)
            put(sc, sc->in, DS_MORE + 12 * (unsigned)(k - i), &segs[k]);
        sc->in = (sc->in + 1) % REQUESTS;
    }
    bus_dmamap_sync(sc->request.tag.tag, sc->request.map, BUS_DMASYNC_PREWRITE);
}

static void dma2(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;

    r->error = error;
    if (error != 0)
        return;
    request_loaded(r, segs, nsegs);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    send(r, segs, nsegs);
    request_runs(r);
}

static void start(struct request *r)
{
    int error;

    if (r->length == 0) {
        request_done(r, UDMAR_EINVAL); /* sent without a map */
        return;
    }
    error = request_load_ccb(r, r->hba->data.tag, XPT_SCSI_IO, dma2, r, BUS_DMA_NOWAIT);
    error = error == 0 ? r->error : error;
    if (error != 0)
        request_done(r, error);
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    unsigned entry = sc->entry[r->slot];
    unsigned count = device_read32(s, sc->request.bus + entry * ENTRY + 4);
    size_t left = r->expected;

    for (unsigned i = 0; i < count && left > 0; i++) {
        unsigned at = (entry + (i == 0 ? 0 : 1 + (i - 1) / 5)) % REQUESTS;
        unsigned offset = i == 0 ? DS_FIRST : DS_MORE + 12 * ((i - 1) % 5);
        bus_addr_t ds = sc->request.bus + at * ENTRY + offset;
        size_t length = device_read32(s, ds + 8);
        bus_addr_t address = device_read32(s, ds) | (bus_addr_t)device_read32(s, ds + 4) << 32;

        length = length < left ? length : left;
        wire_move(s, &r->wire, address, length);
        left -= length;
    }
    device_writes(s, sc->result.bus + r->slot * ENTRY, &r->slot, 4);
}

static void finish(struct request *r)
{
    struct softc *sc = r->hba->softc;

    bus_dmamap_sync(sc->result.tag.tag, sc->result.map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver isp = {
    .name = "isp",
    .maxio = MAXIO,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_BIO) | OF(KIND_PAGES) | OF(KIND_VLIST) | OF(KIND_PLIST),
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&isp)
