/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mps(4), mps.c: mps_alloc_queues(), mps_alloc_replies(), mps_alloc_requests(),
 * mps_load_chains_cb(), mps_map_command(), mps_push_sge(), mps_add_chain(), mps_data_cb(),
 * mps_complete_command().
 *
 * Tags come from templates and clones. Chain frames are carved out of the segments of one load
 * below 4 GiB. A length has 24 bits, so maxsegsz is 2^24 - 1: odd. mps_data_cb() does not look at
 * its error: after one it syncs a map that is not loaded and sends a request without data.
 */
#include "storage.h"

#define MAXIO  (128u * 1024)
#define NSEGS  (int)(MAXIO / PAGE + 1)
#define FRAME  128u
#define SGL    96u /* of a SCSI request in its frame */
#define CHAINS (SLOTS * 4u)
#define SENSE  96u
#define SIMPLE UINT32_C(0x12000000) /* simple element, 64-bit address */
#define LAST   UINT32_C(0x80000000)
#define END    UINT32_C(0x41000000) /* end of buffer, end of list */
#define CHAIN  UINT32_C(0x32000000)

struct sge {
    uint32_t flags_length, low, high;
};

struct softc {
    struct tag parent;
    struct ring queues, replies, requests, sense;
    struct tag chain_tag;
    bus_dmamap_t chain_map;
    uint8_t *chain_memory;
    bool chains_loaded;
    struct {
        struct sge *at;
        bus_addr_t bus;
    } chain[CHAINS];
    unsigned chains;
};

/* All but the data tag: as req_dmat and its clones are made. */
static int template_ring(struct hba *hba, struct ring *ring, struct tag *parent, bus_size_t align,
                         bus_size_t size, int flags)
{
    const struct spec limits = RING_SPEC(align, BIT32, size);
    struct ring_answer answer = { 0 };
    bus_dma_template_t t;
    int error;

    (void)hba;
    bus_dma_template_init(&t, parent->tag);
    BUS_DMA_TEMPLATE_FILL(&t, BD_ALIGNMENT(align), BD_MAXSIZE(size), BD_MAXSEGSIZE(size),
                          BD_NSEGMENTS(1), BD_LOWADDR(BUS_SPACE_MAXADDR_32BIT));
    error = bus_dma_template_tag(&t, &ring->tag.tag);
    if (error != 0) {
        ring->tag.tag = NULL;
        return error;
    }
    tag_note(&ring->tag, ring->tag.tag, &limits);
    error = bus_dmamem_alloc(ring->tag.tag, &ring->at, flags, &ring->map);
    if (error != 0) {
        ring->at = NULL;
        return error;
    }
    memset(ring->at, 0, size);
    error = bus_dmamap_load(ring->tag.tag, ring->map, ring->at, size, ring_loaded, &answer, 0);
    ring->bus = answer.bus;
    ring->loaded = error == 0 && answer.error == 0;
    return error != 0 ? error : answer.error;
}

static void load_chains(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct softc *sc = argument;
    size_t offset = 0;

    sc->chains = 0;
    for (int n = 0; error == 0 && n < nsegs; n++) {
        bus_size_t at = 0;

        assert_true(segs[n].ds_addr + segs[n].ds_len - 1 <= BIT32);
        for (; at + FRAME <= segs[n].ds_len; at += FRAME, offset += FRAME, sc->chains++) {
            sc->chain[sc->chains].at = (struct sge *)(sc->chain_memory + offset);
            sc->chain[sc->chains].bus = segs[n].ds_addr + at;
        }
        offset += segs[n].ds_len - at;
    }
}

static int chains_new(struct hba *hba)
{
    struct softc *sc = hba->softc;
    bus_size_t size = FRAME * CHAINS;
    bus_dma_template_t t;
    int error;

    bus_dma_template_clone(&t, sc->requests.tag.tag);
    BUS_DMA_TEMPLATE_FILL(&t, BD_MAXSIZE(size), BD_MAXSEGSIZE(size),
                          BD_NSEGMENTS((size + PAGE - 1) / PAGE), BD_BOUNDARY(SIZE32 + 1));
    error = bus_dma_template_tag(&t, &sc->chain_tag.tag);
    if (error != 0) {
        sc->chain_tag.tag = NULL;
        return error;
    }
    error = bus_dmamem_alloc(sc->chain_tag.tag, (void **)&sc->chain_memory,
                             BUS_DMA_NOWAIT | BUS_DMA_ZERO, &sc->chain_map);
    if (error != 0) {
        sc->chain_memory = NULL;
        return error;
    }
    error = bus_dmamap_load(sc->chain_tag.tag, sc->chain_map, sc->chain_memory, size, load_chains,
                            sc, BUS_DMA_NOWAIT);
    sc->chains_loaded = error == 0;
    return error;
}

static int data_new(struct hba *hba)
{
    const struct spec limits = { 1,
                                 SIZE32 + 1,
                                 ANYWHERE,
                                 ANYWHERE,
                                 SIZE32,
                                 NSEGS,
                                 BUS_SPACE_MAXSIZE_24BIT,
                                 BUS_DMA_ALLOCNOW,
                                 NULL };
    struct softc *sc = hba->softc;
    bus_dma_template_t t;
    int error;

    bus_dma_template_init(&t, sc->parent.tag);
    BUS_DMA_TEMPLATE_FILL(&t, BD_MAXSIZE(BUS_SPACE_MAXSIZE_32BIT), BD_NSEGMENTS(NSEGS),
                          BD_MAXSEGSIZE(BUS_SPACE_MAXSIZE_24BIT), BD_FLAGS(BUS_DMA_ALLOCNOW),
                          BD_LOCKFUNC(busdma_lock_mutex), BD_LOCKFUNCARG(&hba->s->mutex),
                          BD_BOUNDARY(SIZE32 + 1));
    error = bus_dma_template_tag(&t, &hba->data.tag);
    if (error != 0)
        hba->data.tag = NULL;
    else
        tag_note(&hba->data, hba->data.tag, &limits);
    return error;
}

static int attach(struct hba *hba)
{
    struct softc *sc = hba->softc;
    bus_dma_template_t t;
    int error;

    bus_dma_template_init(&t, udmar_device_dma_tag(hba->s->f.device[0]));
    error = bus_dma_template_tag(&t, &sc->parent.tag);
    if (error != 0) {
        sc->parent.tag = NULL;
        return error;
    }
    error = template_ring(hba, &sc->queues, &sc->parent, 16, 4096, BUS_DMA_NOWAIT);
    if (error == 0)
        error = template_ring(hba, &sc->replies, &sc->parent, 4, SLOTS * FRAME, BUS_DMA_NOWAIT);
    if (error == 0)
        error = template_ring(hba, &sc->requests, &sc->parent, 16, SLOTS * FRAME, BUS_DMA_NOWAIT);
    if (error == 0)
        error = chains_new(hba);
    if (error == 0)
        error = template_ring(hba, &sc->sense, &sc->parent, 1, SLOTS * SENSE, BUS_DMA_NOWAIT);
    if (error == 0)
        error = data_new(hba);
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    ring_end(&sc->queues);
    if (sc->chains_loaded)
        bus_dmamap_unload(sc->chain_tag.tag, sc->chain_map);
    if (sc->chain_memory != NULL)
        bus_dmamem_free(sc->chain_tag.tag, sc->chain_memory, sc->chain_map);
    tag_end(&sc->chain_tag);
    ring_end(&sc->sense);
    ring_end(&sc->replies);
    ring_end(&sc->requests);
    hba_maps_end(hba, hba->data.tag);
    tag_end(&hba->data);
    tag_end(&sc->parent);
}

/* Two elements in the request, ten in each chain frame; the last place may name the next frame. */
static void build(struct request *r, const bus_dma_segment_t *segs, int nsegs)
{
    struct softc *sc = r->hba->softc;
    struct sge *sge = (struct sge *)((uint8_t *)sc->requests.at + r->slot * FRAME + SGL);
    unsigned room = 2, chain = r->slot * 4;

    if (nsegs == 0)
        *sge = (struct sge){ SIMPLE | LAST | END, 0, 0 };
    for (int i = 0; i < nsegs; i++) {
        if (room == 1 && i + 1 < nsegs) {
            bus_addr_t next = sc->chain[chain].bus;

            sge[-1].flags_length |= LAST;
            *sge = (struct sge){ CHAIN | FRAME, (uint32_t)next, (uint32_t)(next >> 32) };
            sge = sc->chain[chain++].at;
            room = FRAME / sizeof(*sge);
        }
        assert_true(segs[i].ds_len <= 0xffffff);
        *sge = (struct sge){ SIMPLE | (uint32_t)segs[i].ds_len, (uint32_t)segs[i].ds_addr,
                             (uint32_t)(segs[i].ds_addr >> 32) };
        if (i + 1 == nsegs)
            sge->flags_length |= LAST | END;
        sge++;
        room--;
    }
}

static void data_cb(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;

    if (error == 0)
        request_loaded(r, segs, nsegs);
    build(r, segs, nsegs);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    request_runs(r);
    if (error != 0) {
        /* The chip finds no data and says so. */
        bus_dmamap_sync(r->hba->data.tag, r->map, BUS_DMASYNC_POSTREAD);
        bus_dmamap_unload(r->hba->data.tag, r->map);
        request_done(r, error);
    }
}

static void data_cb2(void *argument, bus_dma_segment_t *segs, int nsegs, bus_size_t size, int error)
{
    assert_true(error != 0 || size == ((struct request *)argument)->length);
    data_cb(argument, segs, nsegs, error);
}

static void start(struct request *r)
{
    if (r->length == 0) {
        request_done(r, UDMAR_EINVAL); /* a request without data needs no map */
        return;
    }
    if (r->kind == KIND_UIO)
        (void)bus_dmamap_load_uio(r->hba->data.tag, r->map, &r->uio, data_cb2, r, 0);
    else if (r->slot % 2 == 0 && r->kind == KIND_BUFFER)
        (void)request_load(r, r->hba->data.tag, data_cb, r, 0);
    else
        (void)request_load_ccb(r, r->hba->data.tag, XPT_SCSI_IO, data_cb, r, 0);
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    bus_addr_t at = sc->requests.bus + r->slot * FRAME + SGL;
    size_t left = r->expected;
    uint32_t word = 0;

    while (left > 0 && (word & END) != END) {
        bus_addr_t address = device_read32(s, at + 4);
        size_t length;

        word = device_read32(s, at);
        address |= (bus_addr_t)device_read32(s, at + 8) << 32;
        if ((word & CHAIN) == CHAIN) {
            assert_true(address <= BIT32);
            at = address;
            continue;
        }
        length = word & 0xffffff;
        length = length < left ? length : left;
        wire_move(s, &r->wire, address, length);
        left -= length;
        at += sizeof(struct sge);
    }
    device_writes(s, sc->replies.bus + r->slot * FRAME, &r->slot, 4);
}

static void finish(struct request *r)
{
    struct softc *sc = r->hba->softc;

    bus_dmamap_sync(sc->replies.tag.tag, sc->replies.map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver mps = {
    .name = "mps",
    .maxio = MAXIO,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_BIO) | OF(KIND_PAGES) | OF(KIND_VLIST) | OF(KIND_PHYSICAL) |
             OF(KIND_PLIST) | OF(KIND_UIO),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&mps)
