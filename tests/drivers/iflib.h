/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iflib, sys/net/iflib.c: iflib_dma_alloc_align(), iflib_txsd_alloc(), iflib_rxsd_alloc(),
 * iflib_encap(), _iflib_fl_refill(), rxd_frag_to_sd(), iflib_tx_structures_free().
 *
 * Rings have BUS_DMA_ALLOCNOW and are aligned to a page; one tag for packets and one for what the
 * card is to cut (TSO). EFBIG: m_collapse(), then m_defrag(); ENOMEM: the packet stays. Clusters
 * are loaded by their address into the map of their place.
 */
#ifndef UDMAR_TESTS_DRIVERS_IFLIB_H
#define UDMAR_TESTS_DRIVERS_IFLIB_H

#include "nic.h"

/* What a driver tells iflib (isc_...). */
struct iflib_limits {
    bus_addr_t lowaddr;
    bus_size_t tx_maxsize, tx_maxsegsize, tso_maxsize, tso_maxsegsize;
    int tx_nsegments, tso_segments;
    bus_size_t rx_maxsize;
    unsigned ring; /* descriptors of 16 bytes */
};

int iflib_attach(struct nic *n, const struct iflib_limits *limits);
void iflib_detach(struct nic *n);

#endif
