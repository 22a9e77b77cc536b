/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio_blk(4), virtio_blk.c: vtblk_attach(), vtblk_request_execute(), vtblk_request_execute_cb(),
 * vtblk_queue_completed(); virtqueue.c: virtqueue_enqueue(), vq_ring_enqueue_segments().
 *
 * A chain of descriptors: header, data, one byte of status. FreeBSD's virtqueues are physical
 * memory (vtophys()), so a driver as it stands needs bus addresses that are physical ones: in the
 * modes without translation this is checked; in the others ring, header and status are memory of
 * busdma's, as a device with VIRTIO_F_ACCESS_PLATFORM wants it. A device with one data segment has
 * a tag with an alignment of a page, and takes for granted that a page comes as one segment.
 */
#include "storage.h"

#define NSEGS     34
#define CHAIN     40u /* descriptors set aside for a slot */
#define F_NEXT    1u
#define F_WRITE   2u
#define BIO_BYTES (NSEGS - 1) * PAGE

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct softc {
    struct ring ring, header;
};

static int attach_with(struct hba *hba, bus_size_t align, int nsegs)
{
    const struct spec data = { align, 0,         ANYWHERE, ANYWHERE,         BIO_BYTES,
                               nsegs, BIO_BYTES, 0,        busdma_lock_mutex };
    const struct spec ring = RING_SPEC(PAGE, ANYWHERE, 2 * PAGE + 16 * CHAIN * SLOTS);
    const struct spec header = RING_SPEC(32, ANYWHERE, 32 * SLOTS);
    struct softc *sc = hba->softc;
    int error = tag_new(hba->s, NULL, &data, &hba->data);

    if (error == 0)
        error = ring_new(hba->s, &sc->ring, NULL, &ring, BUS_DMA_ZERO, BUS_DMA_NOWAIT);
    if (error == 0)
        error = ring_new(hba->s, &sc->header, NULL, &header, BUS_DMA_ZERO, BUS_DMA_NOWAIT);
    if (error == 0 && !translated(hba->s)) {
        assert_true(sc->ring.bus == physical_of(&hba->s->f, sc->ring.at));
        assert_true(sc->header.bus == physical_of(&hba->s->f, sc->header.at));
    }
    return error != 0 ? error : hba_maps_new(hba, hba->data.tag, 0);
}

static int attach(struct hba *hba)
{
    return attach_with(hba, 1, NSEGS);
}

static int attach_one(struct hba *hba)
{
    return attach_with(hba, PAGE, 1);
}

static void detach(struct hba *hba)
{
    struct softc *sc = hba->softc;

    hba_maps_end(hba, hba->data.tag);
    ring_end(&sc->header);
    ring_end(&sc->ring);
    tag_end(&hba->data);
}

static void append(struct request *r, unsigned *n, bus_addr_t addr, size_t len, unsigned flags)
{
    struct softc *sc = r->hba->softc;
    unsigned at = r->slot * CHAIN + *n;

    ((struct desc *)sc->ring.at)[at] =
        (struct desc){ addr, (uint32_t)len, (uint16_t)flags, (uint16_t)(at + 1) };
    ++*n;
}

static void execute(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct request *r = argument;
    struct softc *sc = r->hba->softc;
    bus_addr_t header = sc->header.bus + 32 * r->slot;
    uint8_t *status = (uint8_t *)sc->header.at + 32 * r->slot + 16;
    unsigned n = 0;

    if (error != 0) {
        request_done(r, error); /* queued again, here and nowhere else */
        return;
    }
    request_loaded(r, segs, nsegs);
    *status = 0xff;
    append(r, &n, header, 16, F_NEXT);
    for (int i = 0; i < nsegs; i++)
        append(r, &n, segs[i].ds_addr, segs[i].ds_len, F_NEXT | (r->in ? F_WRITE : 0));
    append(r, &n, header + 16, 1, F_WRITE);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_PREREAD : BUS_DMASYNC_PREWRITE);
    request_runs(r);
}

static void start(struct request *r)
{
    int error = request_load_bio(r, r->hba->data.tag, execute, r, 0);

    if (error == UDMAR_EINPROGRESS)
        assert_int_equal(r->state, WAITING);
}

static void run(struct request *r)
{
    struct scene *s = r->hba->s;
    struct softc *sc = r->hba->softc;
    unsigned at = r->slot * CHAIN, flags = F_NEXT;
    size_t left = r->expected;
    uint8_t header[16];

    for (unsigned n = 0; (flags & F_NEXT) != 0; n++) {
        bus_addr_t desc = sc->ring.bus + 16 * at;
        bus_addr_t addr = device_read64(s, desc);
        size_t len = device_read32(s, desc + 8), part = len < left ? len : left;

        flags = device_read32(s, desc + 12) & 0xffff;
        at = device_read32(s, desc + 12) >> 16;
        if (n == 0) {
            device_reads(s, addr, header, len);
        } else if ((flags & F_NEXT) == 0) {
            device_writes(s, addr, "", len);
        } else {
            assert_int_equal((flags & F_WRITE) != 0, r->in);
            wire_move(s, &r->wire, addr, part);
            left -= part;
        }
    }
}

static void finish(struct request *r)
{
    struct softc *sc = r->hba->softc;

    assert_int_equal(((uint8_t *)sc->header.at)[32 * r->slot + 16], 0);
    bus_dmamap_sync(r->hba->data.tag, r->map, r->in ? BUS_DMASYNC_POSTREAD : BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(r->hba->data.tag, r->map);
    request_unloaded(r);
    request_done(r, 0);
}

static const struct hba_driver many = {
    .name = "virtio_blk",
    .maxio = BIO_BYTES,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BIO) | OF(KIND_PAGES),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

static const struct hba_driver one = {
    .name = "virtio_blk, one segment",
    .maxio = PAGE,
    .unit = 1,
    .address = 1,
    .kinds = OF(KIND_BIO) | OF(KIND_PAGES),
    .waits = true,
    .softc = sizeof(struct softc),
    .attach = attach_one,
    .detach = detach,
    .start = start,
    .finish = finish,
    .run = run,
};

HBA_MAIN(&many, &one)
