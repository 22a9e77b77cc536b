/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bce(4), if_bce.c: bce_dma_alloc(), bce_dma_free(), bce_tx_encap(), bce_get_rx_buf(),
 * bce_init_tx_chain(), bce_init_rx_chain().
 *
 * The parent tag has nsegments 0. Rings are chains of pages, each an allocation of its own whose
 * last descriptor names the next page. The tags of the receive chains have lowaddr and highaddr
 * exchanged (lowaddr above highaddr): nothing is excluded. Receive buffers are aligned to 16.
 */
#include "nic.h"

#define BITS40 UINT64_C(0xffffffffff)
#define NSEGS  35
#define PAGES  2u
#define USABLE 255u /* descriptors of a page; the last is the link */
#define START  0x0080u
#define END    0x0040u

struct bd {
    uint32_t hi, lo;
    uint16_t nbytes, mss, flags, vlan;
};

struct softc {
    struct tag parent;
    struct ring status, stats, context[2];
    struct ring tx_more, rx_more; /* the second pages of both chains */
};

static int chain(struct nic *n, struct nic_ring *ring, struct ring *more, const struct spec *spec)
{
    struct softc *sc = n->softc;
    const int flags = BUS_DMA_NOWAIT | BUS_DMA_ZERO | BUS_DMA_COHERENT;
    int error = ring_new(n->s, &ring->memory, &sc->parent, spec, flags, BUS_DMA_NOWAIT);
    struct bd *link;

    if (error == 0)
        error = ring_new(n->s, more, &sc->parent, spec, flags, BUS_DMA_NOWAIT);
    for (unsigned i = 0; error == 0 && i < PAGES; i++) {
        bus_addr_t next = i == 0 ? more->bus : ring->memory.bus;

        link = (struct bd *)(i == 0 ? ring->memory.at : more->at) + USABLE;
        link->hi = (uint32_t)(next >> 32);
        link->lo = (uint32_t)next;
    }
    return error;
}

static int rings(struct nic *n)
{
    const struct spec status = RING_SPEC(8, BITS40, 80), stats = RING_SPEC(8, BITS40, 0x108);
    const struct spec page = RING_SPEC(PAGE, BITS40, PAGE);
    struct spec swapped = RING_SPEC(PAGE, ANYWHERE, PAGE);
    const int flags = BUS_DMA_NOWAIT | BUS_DMA_ZERO | BUS_DMA_COHERENT;
    struct softc *sc = n->softc;
    int error = ring_new(n->s, &sc->status, &sc->parent, &status, flags, BUS_DMA_NOWAIT);

    swapped.highaddr = BITS40;
    if (error == 0)
        error = ring_new(n->s, &sc->stats, &sc->parent, &stats, flags, BUS_DMA_NOWAIT);
    for (unsigned i = 0; i < 2 && error == 0; i++)
        error = ring_new(n->s, &sc->context[i], &sc->parent, &page, flags, BUS_DMA_NOWAIT);
    if (error == 0)
        error = chain(n, &n->tx_ring, &sc->tx_more, &page);
    if (error == 0)
        error = chain(n, &n->rx_ring, &sc->rx_more, &swapped);
    return error;
}

static int attach(struct nic *n)
{
    const struct spec parent = { 1, 0, BITS40, ANYWHERE, SIZE32, 0, SIZE32, 0, NULL };
    const struct spec tx = { 1, 0, BITS40, ANYWHERE, 65535 + 18, NSEGS, 4096, 0, NULL };
    const struct spec rx = { 16, 0,   BITS40, ANYWHERE, n->driver->rx_size, 1, n->driver->rx_size,
                             0,  NULL };
    struct softc *sc = n->softc;
    int error = tag_new(n->s, NULL, &parent, &sc->parent);

    if (error == 0)
        error = rings(n);
    if (error == 0)
        error = tag_new(n->s, &sc->parent, &tx, &n->tx);
    if (error == 0)
        error = tag_new(n->s, &sc->parent, &rx, &n->rx);
    return error != 0 ? error : nic_maps_new(n, BUS_DMA_NOWAIT);
}

static void detach(struct nic *n)
{
    struct softc *sc = n->softc;

    ring_end(&sc->status);
    ring_end(&sc->stats);
    ring_end(&sc->context[0]);
    ring_end(&sc->context[1]);
    ring_end(&n->tx_ring.memory);
    ring_end(&sc->tx_more);
    ring_end(&n->rx_ring.memory);
    ring_end(&sc->rx_more);
    nic_maps_end(n);
    tag_end(&n->tx);
    tag_end(&n->rx);
    tag_end(&sc->parent);
}

static unsigned put_tx(struct nic *n, struct packet *p)
{
    struct softc *sc = n->softc;
    struct bd *bd = NULL;

    for (int i = 0; i < p->nsegs; i++) {
        unsigned at = n->tx_ring.tail;

        bd = (struct bd *)(at < USABLE ? n->tx_ring.memory.at : sc->tx_more.at) + at % USABLE;
        *bd = (struct bd){ (uint32_t)(p->segs[i].ds_addr >> 32),
                           (uint32_t)p->segs[i].ds_addr,
                           (uint16_t)p->segs[i].ds_len,
                           0,
                           i == 0 ? START : 0,
                           0 };
        n->tx_ring.tail = (at + 1) % (PAGES * USABLE);
    }
    bd->flags |= END;
    return (unsigned)p->nsegs;
}

/* The chip follows the links; it knows the first page's address only. */
static bus_addr_t bd_at(struct nic *n, const struct nic_ring *ring, unsigned index)
{
    bus_addr_t page = ring->memory.bus;
    struct bd link;

    for (; index >= USABLE; index -= USABLE) {
        device_reads(n->s, page + USABLE * sizeof(link), &link, sizeof(link));
        page = (bus_addr_t)link.hi << 32 | link.lo;
    }
    return page + index * sizeof(link);
}

static void send(struct nic *n, struct packet *p)
{
    struct bd bd = { .flags = 0 };

    for (unsigned i = 0; (bd.flags & END) == 0; i++) {
        device_reads(n->s, bd_at(n, &n->tx_ring, (p->first + i) % (PAGES * USABLE)), &bd,
                     sizeof(bd));
        assert_true(((bd.flags & START) != 0) == (i == 0) && bd.hi <= 0xff);
        wire_move(n->s, &p->wire, (bus_addr_t)bd.hi << 32 | bd.lo, bd.nbytes);
    }
}

static void put_rx(struct nic *n, unsigned index)
{
    struct bd *bd = (struct bd *)n->rx_ring.memory.at + index;

    *bd = (struct bd){ (uint32_t)(n->buffer[index].segs[0].ds_addr >> 32),
                       (uint32_t)n->buffer[index].segs[0].ds_addr,
                       (uint16_t)n->buffer[index].segs[0].ds_len,
                       0,
                       START | END,
                       0 };
}

static void receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    struct softc *sc = n->softc;
    struct bd bd;

    device_reads(n->s, bd_at(n, &n->rx_ring, index), &bd, sizeof(bd));
    assert_true(length <= bd.nbytes && bd.lo % 16 == 0);
    wire_move(n->s, wire, (bus_addr_t)bd.hi << 32 | bd.lo, length);
    device_writes(n->s, sc->status.bus, &index, 4);
}

#define BCE(name_, size_)                                                                    \
    {                                                                                        \
        .name = (name_), .tx_max = TX_MAX, .rx_size = (size_), .ring = PAGES * USABLE,       \
        .softc = sizeof(struct softc), .attach = attach, .detach = detach, .put_tx = put_tx, \
        .send = send, .put_rx = put_rx, .receive = receive,                                  \
    }
static const struct nic_driver bce = BCE("bce", MCLBYTES);
static const struct nic_driver jumbo = BCE("bce, jumbo", MJUM9BYTES);

NIC_MAIN(&bce, &jumbo)
