/* SPDX-License-Identifier: BSD-2-Clause */
#include "iflib.h"

static int ring(struct nic *n, struct ring *ring, const struct iflib_limits *limits)
{
    struct spec spec = RING_SPEC(PAGE, limits->lowaddr, limits->ring * 16u);

    spec.flags = BUS_DMA_ALLOCNOW;
    return ring_new(n->s, ring, NULL, &spec, BUS_DMA_NOWAIT | BUS_DMA_COHERENT | BUS_DMA_ZERO,
                    BUS_DMA_NOWAIT);
}

int iflib_attach(struct nic *n, const struct iflib_limits *l)
{
    const struct spec tx = {
        1, 0, l->lowaddr, ANYWHERE, l->tx_maxsize, l->tx_nsegments, l->tx_maxsegsize, 0, NULL
    };
    const struct spec tso = {
        1, 0, l->lowaddr, ANYWHERE, l->tso_maxsize, l->tso_segments, l->tso_maxsegsize, 0, NULL
    };
    const struct spec rx = { 1, 0, l->lowaddr, ANYWHERE, l->rx_maxsize, 1, l->rx_maxsize, 0, NULL };
    int error = ring(n, &n->tx_ring.memory, l);

    if (error == 0)
        error = ring(n, &n->rx_ring.memory, l);
    if (error == 0)
        error = tag_new(n->s, NULL, &tx, &n->tx);
    if (error == 0)
        error = tag_new(n->s, NULL, &tso, &n->tso);
    if (error == 0)
        error = tag_new(n->s, NULL, &rx, &n->rx);
    return error != 0 ? error : nic_maps_new(n, 0);
}

void iflib_detach(struct nic *n)
{
    /* iflib_txsd_destroy() syncs and unloads every map, loaded or not. */
    for (unsigned i = 0; i < TX_SLOTS; i++) {
        if (n->packet[i].map != NULL) {
            bus_dmamap_sync(n->tx.tag, n->packet[i].map, BUS_DMASYNC_POSTWRITE);
            bus_dmamap_unload(n->tx.tag, n->packet[i].map);
        }
    }
    nic_maps_end(n);
    tag_end(&n->tx);
    tag_end(&n->tso);
    tag_end(&n->rx);
    ring_end(&n->rx_ring.memory);
    ring_end(&n->tx_ring.memory);
}
