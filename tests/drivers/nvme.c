/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme(4), nvme_qpair.c: nvme_qpair_construct(), _nvme_qpair_submit_request(), nvme_payload_map(),
 * nvme_qpair_complete_tracker(); nvme_ctrlr.c: nvme_ctrlr_hmb_alloc().
 *
 * PRPs are addresses without lengths: the first may begin inside a page and reaches to its end,
 * every other is a whole page. So all segments but the first must begin at a page border, and all
 * but the last must reach one; the driver has alignment 4, boundary and maxsegsz of a page for it.
 */
#include "storage.h"

#define MAXIO   (128u * 1024)
#define PRPS    (MAXIO / 4096 + 1)
#define CHUNKS_ 4u

struct command {
    uint32_t cdw0, nsid, rsvd[4];
    uint64_t prp1, prp2;
    uint32_t cdw10, cdw11, length, cdw13, cdw14, cdw15;
};
struct completion {
    uint32_t cdw0, rsvd, sq, status;
};

struct softc {
    struct ring queue;
    bus_addr_t prp_bus[SLOTS];
    uint64_t *prp[SLOTS];
    struct ring host_memory, host_list;
};

/* The device may keep 64 KiB of its own in host memory. */
static int host_memory_new(struct hba *hba)
{
    const struct spec chunk = RING_SPEC(PAGE, ANYWHERE, 65536);
    const struct spec list = RING_SPEC(16, ANYWHERE, 16 * CHUNKS_);
    struct softc *sc = hba->softc;
    int error = ring_new(hba->s, &sc->host_memory, NULL, &chunk, BUS_DMA_NOWAIT, BUS_DMA_NOWAIT);

    if (error != 0)
        return error;
    bus_dmamap_sync(sc->host_memory.tag.tag, sc->host_memory.map,
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    error = ring_new(hba->s, &sc->host_list, NULL, &list, BUS_DMA_WAITOK, BUS_DMA_NOWAIT);
    if (error == 0) {
        ((uint64_t *)sc->host_list.at)[0] = sc->host_memory.bus;
        ((uint64_t *)sc->host_list.at)[1] = 65536 / PAGE;
        bus_dmamap_sync(sc->host_list.tag.tag, sc->host_list.map, BUS_DMASYNC_PREWRITE);
    }
    return error;
}

static int attach(struct hba *hba)
{
    const struct spec payload = { 4, PAGE, ANYWHERE, ANYWHERE, MAXIO, PRPS, PAGE, 0, NULL };
    const struct spec queue = RING_SPEC(PAGE, ANYWHERE, 2 * PAGE + SLOTS * 8 * (PRPS - 1));
    struct softc *sc = hba->softc;
    int error = tag_new(hba->s, NULL, &payload, &hba->data);

    if (error == 0)
        error = ring_new(hba->s, &sc->queue, NULL, &queue, BUS_DMA_COHERENT | BUS_DMA_NOWAIT, 0);
    if (error == 0)
        error = hba_maps_new(hba, hba->data.tag, 0);
    for (unsigned i = 0; i < SLOTS && error == 0; i++) {
        sc->prp_bus[i] = sc->queue.bus + 2 * PAGE + i * 8 * (PRPS - 1);
        sc->prp[i] = (uint64_t *)((uint8_t *)sc->queue.at + 2 * PAGE) + i * (PRPS - 1);
    }
    return error != 0 ? error : host_memory_new(hba);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    ring_end(&sc->host_list);
    ring_end(&sc->host_memory);
    hba_maps_end(hba, hba->data.tag);
    ring_end(&sc->queue);
    tag_end(&hba->data);
}

static void payload_map(void *argument, bus_dma_segment_t *seg, int nseg, int error)
{
    struct request *r = argument;
    struct softc *sc = r->hba->softc;
    /* A slot's entry is its own: the device of these tests fetches late. */
    struct command *command = (struct command *)sc->queue.at + r->slot;

    if (error != 0) {
        r->error = error;
        return; /* the caller is told, too, or the request is lost */
    }
    request_loaded(r, seg, nseg);
    memset(command, 0, sizeof(*command));
    command->cdw0 = 2 | r->slot << 16;
    command->length = (uint32_t)r->length;
    command->prp1 = seg[0].ds_addr;
    if (nseg == 2) {
        command->prp2 = seg[1].ds_addr;
    } else if (nseg > 2) {
        command->prp2 = sc->prp_bus[r->slot];
        for (int i = 1; i < nseg; i++)
            sc->prp[r->slot][i - 1] = seg[i].ds_addr;
    }
    bus_dmamap_sync(r->hba->data.tag, r->map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(sc->queue.tag.tag, sc->queue.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    request_runs(r);
}

static void start(struct request *r)
{
    int error;

    error = request_load_mem(r, r->hba->data.tag, payload_map, r, 0);
    if (error != 0 || r->state == WAITING)
        request_done(r, error != 0 ? error : r->error);
}

static bus_addr_t next_prp(struct request *r, bus_addr_t command, unsigned n, size_t pages)
{
    bus_addr_t prp2 = device_read64(r->hba->s, command + 32);

    if (n == 0)
        return device_read64(r->hba->s, command + 24);
    return pages <= 2 ? prp2 : device_read64(r->hba->s, prp2 + 8 * (n - 1));
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    bus_addr_t command = sc->queue.bus + r->slot * sizeof(struct command);
    bus_addr_t first = device_read64(s, command + 24);
    size_t pages = (device_read32(s, command + 48) + (first & (PAGE - 1)) + PAGE - 1) / PAGE;
    size_t left = r->expected;
    uint64_t mine = device_read64(s, sc->host_list.bus);

    assert_int_equal(first & 3, 0);
    for (unsigned n = 0; left > 0; n++) {
        bus_addr_t prp = next_prp(r, command, n, pages);
        size_t part = (size_t)(PAGE - (prp & (PAGE - 1)));

        assert_true(n == 0 || (prp & (PAGE - 1)) == 0);
        part = part < left ? part : left;
        wire_move(s, &r->wire, prp, part);
        left -= part;
    }
    device_writes(s, mine + 4096 * r->slot, r->wire.bytes, 64);
    device_writes(s, sc->queue.bus + PAGE + 16 * r->slot + 12, &(uint32_t){ 1 }, 4);
}

static void finish(struct request *r)
{
    struct softc *sc = r->hba->softc;
    struct completion *completion = (struct completion *)((uint8_t *)sc->queue.at + PAGE);

    bus_dmamap_sync(sc->queue.tag.tag, sc->queue.map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    assert_int_equal(completion[r->slot].status, 1);
    completion[r->slot].status = 0;
    bus_dmamap_sync(r->hba->data.tag, r->map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver nvme = {
    .name = "nvme",
    .maxio = MAXIO,
    .unit = 4,
    .address = 1,
    .kinds = OF(KIND_BUFFER) | OF(KIND_BIO) | OF(KIND_PAGES),
    .keeps = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&nvme)
