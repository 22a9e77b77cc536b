/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bge(4), if_bge.c: bge_dma_alloc(), bge_dma_ring_alloc(), bge_encap(), bge_newbuf_std(),
 * bge_newbuf_jumbo(), bge_txeof(), bge_dma_free().
 *
 * Two parent tags with nsegments 0: one for rings and one, with a boundary of 4 GiB, for buffers.
 * Forty address bits where the bug of that name asks for it. A ring that crosses 4 GiB is given
 * back and allocated below. A jumbo cluster of 9 KiB comes in at most four segments of a page.
 */
#include "nic.h"

#define BOUNDARY UINT64_C(0x100000000)
#define BITS40   UINT64_C(0xffffffffff)
#define NSEGS    35
#define COUNT    512u
#define END      0x0004u

struct tx_desc {
    uint32_t hi, lo;
    uint16_t flags, length, mss, vlan;
};
struct rx_desc {
    uint32_t hi[3], lo[3]; /* of the further segments */
    uint16_t more[4];
    uint32_t hi0, lo0;
    uint16_t index, length, type, flags;
    uint32_t rest[4];
};

struct softc {
    struct tag parent, buffers;
    struct ring rx_return, status, stats;
};

static int bge_ring(struct nic *n, struct ring *ring, bus_size_t align, bus_size_t size)
{
    struct softc *sc = n->softc;
    struct spec spec = RING_SPEC(align, ANYWHERE, size);
    const int flags = BUS_DMA_NOWAIT | BUS_DMA_ZERO | BUS_DMA_COHERENT;
    int error = ring_new(n->s, ring, &sc->parent, &spec, flags, BUS_DMA_NOWAIT);

    if (error == 0 && ring->bus / BOUNDARY != (ring->bus + size) / BOUNDARY) {
        ring_end(ring);
        spec.lowaddr = BIT32;
        error = ring_new(n->s, ring, &sc->parent, &spec, flags, BUS_DMA_NOWAIT);
    }
    return error;
}

static int tags(struct nic *n)
{
    const struct spec parent = { 1, 0, BITS40, ANYWHERE, SIZE32, 0, SIZE32, 0, NULL };
    const struct spec buffers = { 1, BOUNDARY, BITS40, ANYWHERE, SIZE32, 0, SIZE32, 0, NULL };
    const struct spec tx = { 1, 0, ANYWHERE, ANYWHERE, 65535 + 18, NSEGS, 4096, 0, NULL };
    const struct spec rx = { 1, 0, ANYWHERE, ANYWHERE, MCLBYTES, 1, MCLBYTES, 0, NULL };
    const struct spec jumbo = { 1, 0, ANYWHERE, ANYWHERE, MJUM9BYTES, RX_SEGS, PAGE, 0, NULL };
    struct softc *sc = n->softc;
    int error = tag_new(n->s, NULL, &parent, &sc->parent);

    if (error == 0)
        error = tag_new(n->s, NULL, &buffers, &sc->buffers);
    if (error == 0)
        error = tag_new(n->s, &sc->buffers, &tx, &n->tx);
    if (error == 0)
        error = tag_new(n->s, &sc->buffers, n->driver->rx_size > MCLBYTES ? &jumbo : &rx, &n->rx);
    return error;
}

static int attach(struct nic *n)
{
    struct softc *sc = n->softc;
    int error = tags(n);

    if (error == 0)
        error = bge_ring(n, &n->rx_ring.memory, PAGE, COUNT * sizeof(struct rx_desc));
    if (error == 0)
        error = bge_ring(n, &sc->rx_return, PAGE, 1024 * 32);
    if (error == 0)
        error = bge_ring(n, &n->tx_ring.memory, PAGE, COUNT * sizeof(struct tx_desc));
    if (error == 0)
        error = bge_ring(n, &sc->status, PAGE, 80);
    if (error == 0)
        error = bge_ring(n, &sc->stats, PAGE, 0x400);
    return error != 0 ? error : nic_maps_new(n, 0);
}

static void detach(struct nic *n)
{
    struct softc *sc = n->softc;

    nic_maps_end(n);
    tag_end(&n->rx);
    tag_end(&n->tx);
    tag_end(&sc->buffers);
    ring_end(&n->rx_ring.memory);
    ring_end(&sc->rx_return);
    ring_end(&n->tx_ring.memory);
    ring_end(&sc->status);
    ring_end(&sc->stats);
    tag_end(&sc->parent);
}

static unsigned put_tx(struct nic *n, struct packet *p)
{
    struct tx_desc *desc = NULL;

    for (int i = 0; i < p->nsegs; i++) {
        desc = nic_desc(&n->tx_ring, n->tx_ring.tail, sizeof(*desc));
        *desc = (struct tx_desc){ (uint32_t)(p->segs[i].ds_addr >> 32),
                                  (uint32_t)p->segs[i].ds_addr,
                                  0,
                                  (uint16_t)p->segs[i].ds_len,
                                  0,
                                  0 };
        n->tx_ring.tail = (n->tx_ring.tail + 1) % COUNT;
    }
    desc->flags |= END;
    return (unsigned)p->nsegs;
}

/* The chip adds to the low half of an address only. */
static void move(struct nic *n, struct wire *wire, uint32_t hi, uint32_t lo, size_t length)
{
    assert_true((uint64_t)lo + length <= BOUNDARY && hi <= 0xff);
    wire_move(n->s, wire, (bus_addr_t)hi << 32 | lo, length);
}

static void send(struct nic *n, struct packet *p)
{
    struct tx_desc desc = { .flags = 0 };

    for (unsigned i = 0; (desc.flags & END) == 0; i++) {
        device_reads(n->s, nic_desc_bus(&n->tx_ring, (p->first + i) % COUNT, sizeof(desc)), &desc,
                     sizeof(desc));
        move(n, &p->wire, desc.hi, desc.lo, desc.length);
    }
}

static void put_rx(struct nic *n, unsigned index)
{
    struct rx_desc *desc = nic_desc(&n->rx_ring, index, sizeof(*desc));
    struct buffer *b = &n->buffer[index];

    memset(desc, 0, sizeof(*desc));
    desc->hi0 = (uint32_t)(b->segs[0].ds_addr >> 32);
    desc->lo0 = (uint32_t)b->segs[0].ds_addr;
    desc->length = (uint16_t)b->segs[0].ds_len;
    for (int i = 1; i < b->nsegs; i++) {
        desc->hi[i - 1] = (uint32_t)(b->segs[i].ds_addr >> 32);
        desc->lo[i - 1] = (uint32_t)b->segs[i].ds_addr;
        desc->more[i - 1] = (uint16_t)b->segs[i].ds_len;
    }
}

static void receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    struct softc *sc = n->softc;
    struct rx_desc desc;

    device_reads(n->s, nic_desc_bus(&n->rx_ring, index, sizeof(desc)), &desc, sizeof(desc));
    for (unsigned i = 0; length > 0; i++) {
        size_t room = i == 0 ? desc.length : desc.more[i - 1];
        size_t part = room < length ? room : length;

        assert_true(i < RX_SEGS && room > 0);
        move(n, wire, i == 0 ? desc.hi0 : desc.hi[i - 1], i == 0 ? desc.lo0 : desc.lo[i - 1], part);
        length -= part;
    }
    device_writes(n->s, sc->rx_return.bus + index * 32, &desc, 32);
}

#define BGE(name_, size_)                                                                 \
    {                                                                                     \
        .name = (name_), .tx_max = TX_MAX, .rx_size = (size_), .rx_offset = ETHER_ALIGN,  \
        .ring = COUNT, .softc = sizeof(struct softc), .attach = attach, .detach = detach, \
        .put_tx = put_tx, .send = send, .put_rx = put_rx, .receive = receive,             \
    }
static const struct nic_driver bge = BGE("bge", MCLBYTES);
static const struct nic_driver jumbo = BGE("bge, jumbo", MJUM9BYTES);

NIC_MAIN(&bge, &jumbo)
