/* SPDX-License-Identifier: BSD-2-Clause */
#include "advanced.h"

#define EOP     UINT32_C(0x01000000)
#define CONTEXT UINT32_C(0x20200000)
#define DATA    UINT32_C(0x20300000)
#define DTYPE   UINT32_C(0x00f00000)
#define DD      1u

struct desc {
    uint64_t addr;
    uint32_t cmd_type_len, status;
};

static void put(struct nic *n, bus_addr_t addr, uint32_t word)
{
    struct desc *desc = nic_desc(&n->tx_ring, n->tx_ring.tail, sizeof(*desc));

    *desc = (struct desc){ addr, word, 0 };
    n->tx_ring.tail = (n->tx_ring.tail + 1) % ADVANCED_RING;
}

unsigned advanced_put_tx(struct nic *n, struct packet *p)
{
    if (p->tso)
        put(n, 0, CONTEXT);
    for (int i = 0; i < p->nsegs; i++) {
        assert_true(p->segs[i].ds_len <= 0xffff);
        put(n, p->segs[i].ds_addr,
            DATA | (uint32_t)p->segs[i].ds_len | (i + 1 == p->nsegs ? EOP : 0));
    }
    return (unsigned)p->nsegs + p->tso;
}

void advanced_send(struct nic *n, struct packet *p)
{
    uint32_t word = 0;

    for (unsigned i = 0; (word & EOP) == 0; i++) {
        bus_addr_t at =
            nic_desc_bus(&n->tx_ring, (p->first + i) % ADVANCED_RING, sizeof(struct desc));

        word = device_read32(n->s, at + 8);
        if ((word & DTYPE) == (DATA & DTYPE))
            wire_move(n->s, &p->wire, device_read64(n->s, at), word & 0xffff);
        device_writes(n->s, at + 12, &(uint32_t){ DD }, 4);
    }
}

void advanced_put_rx(struct nic *n, unsigned index)
{
    struct desc *desc = nic_desc(&n->rx_ring, index, sizeof(*desc));

    *desc = (struct desc){ n->buffer[index].segs[0].ds_addr, 0, 0 };
}

void advanced_receive(struct nic *n, unsigned index, struct wire *wire, size_t length)
{
    bus_addr_t at = nic_desc_bus(&n->rx_ring, index, sizeof(struct desc));
    const struct desc written = { 0, DD, (uint32_t)length };

    wire_move(n->s, wire, device_read64(n->s, at), length);
    /* The descriptor is written back, address and all. */
    device_writes(n->s, at, &written, sizeof(written));
}
