/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * re(4), if_re.c: re_allocmem(), re_encap(), re_newbuf(), re_jumbo_newbuf(), re_txeof(),
 * re_detach().
 *
 * The parent tag has nsegments 0. Rings below 4 GiB, aligned to 256; receive buffers aligned to 8
 * in one segment; up to 35 segments of 4 KiB go out. Without PCIe everything stays below 4 GiB.
 */
#include "nic.h"

#define OWN   UINT32_C(0x80000000)
#define EOR   UINT32_C(0x40000000)
#define SOF   UINT32_C(0x20000000)
#define EOF_  UINT32_C(0x10000000)
#define NSEGS 35
#define COUNT 256u

struct desc {
    uint32_t cmdstat, vlanctl, lo, hi;
};

struct softc {
    struct tag parent;
    struct ring stats;
};

static int attach_with(struct nic *n, bus_addr_t lowaddr)
{
    const struct spec parent = { 1, 0, lowaddr, ANYWHERE, SIZE32, 0, SIZE32, 0, NULL };
    const struct spec tx = { 1, 0, ANYWHERE, ANYWHERE, MCLBYTES * NSEGS, NSEGS, 4096, 0, NULL };
    const struct spec rx = { 8, 0,   ANYWHERE, ANYWHERE, n->driver->rx_size, 1, n->driver->rx_size,
                             0, NULL };
    const struct spec ring = RING_SPEC(256, BIT32, COUNT * sizeof(struct desc));
    const struct spec stats = RING_SPEC(64, ANYWHERE, 64);
    const int flags = BUS_DMA_WAITOK | BUS_DMA_COHERENT | BUS_DMA_ZERO;
    struct softc *sc = n->softc;
    int error = tag_new(n->s, NULL, &parent, &sc->parent);

    if (error == 0)
        error = tag_new(n->s, &sc->parent, &tx, &n->tx);
    if (error == 0)
        error = tag_new(n->s, &sc->parent, &rx, &n->rx);
    if (error == 0)
        error = ring_new(n->s, &n->tx_ring.memory, &sc->parent, &ring, flags, BUS_DMA_NOWAIT);
    if (error == 0)
        error = ring_new(n->s, &n->rx_ring.memory, &sc->parent, &ring, flags, BUS_DMA_NOWAIT);
    if (error == 0)
        error = nic_maps_new(n, 0);
    return error != 0 ? error
                      : ring_new(n->s, &sc->stats, &sc->parent, &stats, flags, BUS_DMA_NOWAIT);
}

static int attach(struct nic *n)
{
    return attach_with(n, ANYWHERE);
}

static int attach_pci(struct nic *n)
{
    return attach_with(n, BIT32);
}

static void detach(struct nic *n)
{
    struct softc *sc = n->softc;

    ring_end(&n->rx_ring.memory);
    ring_end(&n->tx_ring.memory);
    nic_maps_end(n);
    tag_end(&n->tx);
    tag_end(&n->rx);
    ring_end(&sc->stats);
    tag_end(&sc->parent);
}

static unsigned put_tx(struct nic *n, struct packet *p)
{
    struct desc *desc = NULL;

    for (int i = 0; i < p->nsegs; i++) {
        unsigned at = n->tx_ring.tail;

        desc = nic_desc(&n->tx_ring, at, sizeof(*desc));
        desc->lo = (uint32_t)p->segs[i].ds_addr;
        desc->hi = (uint32_t)(p->segs[i].ds_addr >> 32);
        desc->cmdstat =
            (uint32_t)p->segs[i].ds_len | OWN | (i == 0 ? SOF : 0) | (at == COUNT - 1 ? EOR : 0);
        n->tx_ring.tail = (at + 1) % COUNT;
    }
    desc->cmdstat |= EOF_;
    return (unsigned)p->nsegs;
}

static void send(struct nic *n, struct packet *p)
{
    uint32_t cmdstat = 0;

    for (unsigned i = 0; (cmdstat & EOF_) == 0; i++) {
        bus_addr_t at = nic_desc_bus(&n->tx_ring, (p->first + i) % COUNT, sizeof(struct desc));
        bus_addr_t addr = device_read32(n->s, at + 8) | (bus_addr_t)device_read32(n->s, at + 12)
                                                            << 32;

        cmdstat = device_read32(n->s, at);
        assert_true((cmdstat & OWN) != 0 && ((cmdstat & SOF) != 0) == (i == 0));
        wire_move(n->s, &p->wire, addr, cmdstat & 0xffff);
        device_writes(n->s, at, &(uint32_t){ cmdstat & ~OWN }, 4);
    }
}

static void put_rx(struct nic *n, unsigned index)
{
    struct desc *desc = nic_desc(&n->rx_ring, index, sizeof(*desc));

    desc->lo = (uint32_t)n->buffer[index].segs[0].ds_addr;
    desc->hi = (uint32_t)(n->buffer[index].segs[0].ds_addr >> 32);
    desc->cmdstat = (uint32_t)n->buffer[index].segs[0].ds_len | OWN;
}

static void receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    bus_addr_t at = nic_desc_bus(&n->rx_ring, index, sizeof(struct desc));
    bus_addr_t addr = device_read32(n->s, at + 8) | (bus_addr_t)device_read32(n->s, at + 12) << 32;
    uint32_t cmdstat = device_read32(n->s, at);

    assert_true((cmdstat & OWN) != 0 && length <= (cmdstat & 0x3fff) && addr % 8 == 0);
    wire_move(n->s, wire, addr, length);
    device_writes(n->s, at, &(uint32_t){ SOF | EOF_ | (uint32_t)length }, 4);
}

#define RE(name_, attach_, size_)                                                               \
    {                                                                                           \
        .name = (name_), .tx_max = MCLBYTES * NSEGS < TX_MAX ? MCLBYTES * NSEGS : TX_MAX,       \
        .rx_size = (size_), .ring = COUNT, .softc = sizeof(struct softc), .attach = (attach_),  \
        .detach = detach, .put_tx = put_tx, .send = send, .put_rx = put_rx, .receive = receive, \
    }
static const struct nic_driver express = RE("re", attach, MCLBYTES);
static const struct nic_driver pci = RE("re, 32 bits", attach_pci, MCLBYTES);
static const struct nic_driver jumbo = RE("re, jumbo", attach, MJUM9BYTES);

NIC_MAIN(&express, &pci, &jumbo)
