/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msk(4), if_msk.c: msk_status_dma_alloc(), msk_txrx_dma_alloc(), msk_rx_dma_jalloc(), msk_encap(),
 * msk_newbuf(), msk_jumbo_newbuf(), msk_txeof(); with MSK_64BIT_DMA.
 *
 * The parent tag has nsegments 0; rings are aligned to 32 KiB. List elements have 32 address bits:
 * where the upper half changes, an element of its own says so and holds from there on. With RAM
 * buffers, receive buffers are aligned to 8, else they begin two bytes into a cluster.
 */
#include "nic.h"

#define NSEGS  35
#define COUNT  384u
#define OWNER  UINT32_C(0x80000000)
#define ADDR64 UINT32_C(0x21000000)
#define PACKET UINT32_C(0x41000000)
#define BUFFER UINT32_C(0x40000000)
#define OPCODE UINT32_C(0x7f000000)
#define EOP    UINT32_C(0x00800000)

struct le {
    uint32_t addr, control;
};

struct softc {
    struct tag parent;
    struct ring status;
    uint32_t high;        /* as the driver has said last */
    uint32_t device_high; /* as the chip knows it */
};

static int attach_with(struct nic *n, bus_size_t rx_align)
{
    const struct spec parent = { 1, 0, ANYWHERE, ANYWHERE, SIZE32, 0, SIZE32, 0, NULL };
    const struct spec tx = { 1, 0, ANYWHERE, ANYWHERE, 65535 + 18, NSEGS, 4096, 0, NULL };
    const struct spec rx = { rx_align,           0, ANYWHERE, ANYWHERE, n->driver->rx_size, 1,
                             n->driver->rx_size, 0, NULL };
    const struct spec ring = RING_SPEC(32768, ANYWHERE, COUNT * sizeof(struct le));
    const struct spec status = RING_SPEC(32768, ANYWHERE, 2048 * sizeof(struct le));
    const int flags = BUS_DMA_WAITOK | BUS_DMA_COHERENT | BUS_DMA_ZERO;
    struct softc *sc = n->softc;
    int error = ring_new(n->s, &sc->status, NULL, &status, flags, BUS_DMA_NOWAIT);

    if (error == 0)
        error = tag_new(n->s, NULL, &parent, &sc->parent);
    if (error == 0)
        error = ring_new(n->s, &n->tx_ring.memory, &sc->parent, &ring, flags, BUS_DMA_NOWAIT);
    if (error == 0)
        error = ring_new(n->s, &n->rx_ring.memory, &sc->parent, &ring, flags, BUS_DMA_NOWAIT);
    if (error == 0)
        error = tag_new(n->s, &sc->parent, &tx, &n->tx);
    if (error == 0)
        error = tag_new(n->s, &sc->parent, &rx, &n->rx);
    return error != 0 ? error : nic_maps_new(n, 0);
}

static int attach(struct nic *n)
{
    return attach_with(n, 1);
}

static int attach_rambuf(struct nic *n)
{
    return attach_with(n, 8);
}

static void detach(struct nic *n)
{
    struct softc *sc = n->softc;

    ring_end(&n->tx_ring.memory);
    ring_end(&n->rx_ring.memory);
    nic_maps_end(n);
    tag_end(&n->tx);
    tag_end(&n->rx);
    tag_end(&sc->parent);
    ring_end(&sc->status);
}

static unsigned put(struct nic *n, uint32_t addr, uint32_t control)
{
    struct le *le = nic_desc(&n->tx_ring, n->tx_ring.tail, sizeof(*le));

    *le = (struct le){ addr, control | OWNER };
    n->tx_ring.tail = (n->tx_ring.tail + 1) % COUNT;
    return 1;
}

static unsigned put_tx(struct nic *n, struct packet *p)
{
    struct softc *sc = n->softc;
    unsigned count = 0;

    for (int i = 0; i < p->nsegs; i++) {
        uint32_t high = (uint32_t)(p->segs[i].ds_addr >> 32);

        if (high != sc->high) {
            sc->high = high;
            count += put(n, high, ADDR64);
        }
        count += put(n, (uint32_t)p->segs[i].ds_addr,
                     (uint32_t)p->segs[i].ds_len | (i == 0 ? PACKET : BUFFER) |
                         (i + 1 == p->nsegs ? EOP : 0));
    }
    return count;
}

static void send(struct nic *n, struct packet *p)
{
    struct softc *sc = n->softc;
    struct le le = { 0, 0 };

    for (unsigned i = 0; (le.control & EOP) == 0; i++) {
        device_reads(n->s, nic_desc_bus(&n->tx_ring, (p->first + i) % COUNT, sizeof(le)), &le,
                     sizeof(le));
        assert_true((le.control & OWNER) != 0);
        if ((le.control & OPCODE) == ADDR64) {
            sc->device_high = le.addr;
            continue;
        }
        /* The chip's counter has 32 bits. */
        assert_true((uint64_t)le.addr + (le.control & 0xffff) <= UINT64_C(1) << 32);
        wire_move(n->s, &p->wire, (bus_addr_t)sc->device_high << 32 | le.addr, le.control & 0xffff);
    }
}

/* Two elements for each buffer: the upper half always, then the buffer. */
static void put_rx(struct nic *n, unsigned index)
{
    struct le *le = nic_desc(&n->rx_ring, 2 * index, sizeof(*le));
    bus_dma_segment_t *seg = &n->buffer[index].segs[0];

    le[0] = (struct le){ (uint32_t)(seg->ds_addr >> 32), ADDR64 | OWNER };
    le[1] = (struct le){ (uint32_t)seg->ds_addr, (uint32_t)seg->ds_len | PACKET | OWNER };
}

static void receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    struct softc *sc = n->softc;
    struct le le[2];

    device_reads(n->s, nic_desc_bus(&n->rx_ring, 2 * index, sizeof(le[0])), le, sizeof(le));
    assert_true((le[0].control & OPCODE) == ADDR64 && length <= (le[1].control & 0xffff));
    wire_move(n->s, wire, (bus_addr_t)le[0].addr << 32 | le[1].addr, length);
    device_writes(n->s, sc->status.bus + 8 * index, &le[1], sizeof(le[1]));
}

#define MSK(name_, size_, offset_, attach_)                                                     \
    {                                                                                           \
        .name = (name_), .tx_max = TX_MAX, .rx_size = (size_), .rx_offset = (offset_),          \
        .ring = COUNT - 2 * NSEGS, .softc = sizeof(struct softc), .attach = (attach_),          \
        .detach = detach, .put_tx = put_tx, .send = send, .put_rx = put_rx, .receive = receive, \
    }
static const struct nic_driver msk = MSK("msk", MCLBYTES, ETHER_ALIGN, attach);
static const struct nic_driver rambuf = MSK("msk, RAM buffer", MCLBYTES, 0, attach_rambuf);
static const struct nic_driver jumbo = MSK("msk, jumbo", MJUM9BYTES, 8, attach_rambuf);

NIC_MAIN(&msk, &rambuf, &jumbo)
