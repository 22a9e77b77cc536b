/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network cards: what re, bge, bce, msk, em, igb and ixgbe have in common. Packets leave as chains
 * of mbufs with odd pieces, each segment in a descriptor; a chain of too many is copied together
 * (m_collapse(), m_defrag()) and loaded again. What arrives goes into clusters that stand ready,
 * one segment each; a new cluster is loaded into a spare map before the old one is given up.
 */
#ifndef UDMAR_TESTS_DRIVERS_NIC_H
#define UDMAR_TESTS_DRIVERS_NIC_H

#include "profile.h"

#define TX_SLOTS 4
#define RX_SLOTS 8
#define TX_SEGS  128
#define TX_MBUFS 64
#define RX_SEGS  4
#define TX_MAX   (65535u + 18u)
#define CLUSTERS 33u /* of a packet that is copied together */

struct nic;

/* A descriptor ring and where driver and device are in it. */
struct nic_ring {
    struct ring memory;
    unsigned head, tail;
};

struct packet {
    bool busy;
    unsigned slot;
    struct area area;
    struct payload payload;
    struct wire wire;
    struct mbuf chain[TX_MBUFS];
    bus_dmamap_t map, tso_map;
    bool tso;
    bus_dma_segment_t segs[TX_SEGS];
    int nsegs;
    unsigned first, count; /* descriptors */
    unsigned long order;   /* cards send in order */
};

struct buffer {
    bool filled;
    struct area *area; /* of the pool */
    struct payload payload;
    struct mbuf mbuf;
    bus_dma_segment_t segs[RX_SEGS];
    int nsegs;
};

struct nic_driver {
    const char *name;
    size_t tx_max;             /* the largest packet that the stack sends */
    size_t rx_size, rx_offset; /* cluster, and what m_adj() takes away */
    bool defrags;              /* EFBIG: m_collapse(), then m_defrag(); false: m_collapse() alone */
    bool refills;              /* clusters are loaded into the map of their place: no spare map */
    unsigned ring;             /* descriptors of the transmit ring */
    size_t softc;
    int (*attach)(struct nic *n); /* sets tx, rx, rings */
    void (*detach)(struct nic *n);
    /* Writes the packet's segments to the ring and hands it over; how many descriptors. */
    unsigned (*put_tx)(struct nic *n, struct packet *p);
    /* The device sends the packet that begins at descriptor @first. */
    void (*send)(struct nic *n, struct packet *p);
    void (*put_rx)(struct nic *n, unsigned index);
    /* The device fills descriptor @index with @length bytes of @wire. */
    void (*receive)(struct nic *n, unsigned index, struct wire *wire, size_t length);
};

struct nic {
    struct scene *s;
    const struct nic_driver *driver;
    void *softc;
    struct tag tx, tso, rx; /* tso: null where the card's driver has one tag for all */
    struct nic_ring tx_ring, rx_ring;
    struct packet packet[TX_SLOTS];
    struct buffer buffer[RX_SLOTS];
    bus_dmamap_t rx_map[RX_SLOTS], rx_spare;
    struct area pool[RX_SLOTS + 1];
    bool pool_busy[RX_SLOTS + 1];
    unsigned used; /* descriptors that the card has */
    unsigned long packets;
    unsigned collapsed, dropped;
};

/* ---- For drivers ---- */

/* The maps of both directions; the receive tag has a spare one. */
int nic_maps_new(struct nic *n, int flags);
void nic_maps_end(struct nic *n);
void *nic_desc(struct nic_ring *ring, unsigned index, size_t size);
bus_addr_t nic_desc_bus(const struct nic_ring *ring, unsigned index, size_t size);

/* ---- For tests ---- */

int nic_main(const struct nic_driver *const *drivers, unsigned count);
#define NIC_MAIN(...)                                                      \
    int main(void)                                                         \
    {                                                                      \
        static const struct nic_driver *const drivers[] = { __VA_ARGS__ }; \
                                                                           \
        return nic_main(drivers, sizeof(drivers) / sizeof(drivers[0]));    \
    }

#endif
