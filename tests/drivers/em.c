/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * em(4), if_em.c: em_sctx_init, em_if_attach_pre(); em_txrx.c: em_isc_txd_encap(),
 * em_isc_rxd_refill(); on iflib. 40 segments of a page, 64 KiB and a VLAN header at most.
 *
 * The last descriptor of a TSO packet is cut: four bytes go into a descriptor of their own.
 */
#include "iflib.h"

#define COUNT    512u
#define EOP      UINT32_C(0x01000000)
#define DD       1u
#define SENTINEL 4u

struct desc {
    uint64_t addr;
    uint32_t lower, upper;
};

static int attach(struct nic *n)
{
    const struct iflib_limits limits = {
        .lowaddr = ANYWHERE,
        .tx_maxsize = 65535 + 18,
        .tx_maxsegsize = PAGE,
        .tso_maxsize = 65535 + 18,
        .tso_maxsegsize = 4096,
        .tx_nsegments = 40,
        .tso_segments = 40,
        .rx_maxsize = MJUM9BYTES,
        .ring = COUNT,
    };

    return iflib_attach(n, &limits);
}

static void put(struct nic *n, bus_addr_t addr, size_t length, uint32_t command)
{
    struct desc *desc = nic_desc(&n->tx_ring, n->tx_ring.tail, sizeof(*desc));

    *desc = (struct desc){ addr, (uint32_t)length | command, 0 };
    n->tx_ring.tail = (n->tx_ring.tail + 1) % COUNT;
}

static unsigned put_tx(struct nic *n, struct packet *p)
{
    bus_dma_segment_t *last = &p->segs[p->nsegs - 1];
    unsigned extra = p->tso && last->ds_len > 8 ? 1 : 0;

    for (int i = 0; i < p->nsegs - 1; i++)
        put(n, p->segs[i].ds_addr, p->segs[i].ds_len, 0);
    if (extra != 0) {
        put(n, last->ds_addr, last->ds_len - SENTINEL, 0);
        put(n, last->ds_addr + last->ds_len - SENTINEL, SENTINEL, EOP);
    } else {
        put(n, last->ds_addr, last->ds_len, EOP);
    }
    return (unsigned)p->nsegs + extra;
}

static void send(struct nic *n, struct packet *p)
{
    uint32_t lower = 0;

    for (unsigned i = 0; (lower & EOP) == 0; i++) {
        bus_addr_t at = nic_desc_bus(&n->tx_ring, (p->first + i) % COUNT, sizeof(struct desc));

        lower = device_read32(n->s, at + 8);
        wire_move(n->s, &p->wire, device_read64(n->s, at), lower & 0xfffff);
        device_writes(n->s, at + 12, &(uint32_t){ DD }, 4);
    }
}

static void put_rx(struct nic *n, unsigned index)
{
    struct desc *desc = nic_desc(&n->rx_ring, index, sizeof(*desc));

    *desc = (struct desc){ n->buffer[index].segs[0].ds_addr, 0, 0 };
}

static void receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    bus_addr_t at = nic_desc_bus(&n->rx_ring, index, sizeof(struct desc));

    wire_move(n->s, wire, device_read64(n->s, at), length);
    device_writes(n->s, at + 8, &(uint32_t){ (uint32_t)length }, 4);
    device_writes(n->s, at + 12, &(uint32_t){ DD }, 4);
}

#define EM(name_, rx_)                                                                         \
    {                                                                                          \
        .name = (name_), .tx_max = TX_MAX, .rx_size = (rx_), .defrags = true, .refills = true, \
        .ring = COUNT, .softc = 1, .attach = attach, .detach = iflib_detach, .put_tx = put_tx, \
        .send = send, .put_rx = put_rx, .receive = receive,                                    \
    }
static const struct nic_driver em = EM("em", MCLBYTES);
static const struct nic_driver jumbo = EM("em, jumbo", MJUM9BYTES);

NIC_MAIN(&em, &jumbo)
