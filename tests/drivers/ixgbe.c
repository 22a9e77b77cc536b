/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ix(4), if_ix.c: ixgbe_sctx_init, ixgbe_if_attach_pre(); ix_txrx.c: ixgbe_isc_txd_encap(),
 * ixgbe_isc_rxd_refill(); on iflib. 32 segments of a page (100 on the 82598) for up to 256 KiB, of
 * which the stack sends 64; clusters of up to four pages in one segment.
 */
#include "advanced.h"

static int attach_with(struct nic *n, int segments)
{
    const struct iflib_limits limits = {
        .lowaddr = ANYWHERE,
        .tx_maxsize = 262140 + 18,
        .tx_maxsegsize = PAGE,
        .tso_maxsize = 262140 + 18,
        .tso_maxsegsize = PAGE,
        .tx_nsegments = segments,
        .tso_segments = segments,
        .rx_maxsize = 4 * PAGE,
        .ring = ADVANCED_RING,
    };

    return iflib_attach(n, &limits);
}

static int attach(struct nic *n)
{
    return attach_with(n, 32);
}

static int attach_82598(struct nic *n)
{
    return attach_with(n, 100);
}

static const struct nic_driver ixgbe = ADVANCED("ixgbe", TX_MAX, MJUMPAGE, attach);
static const struct nic_driver old = ADVANCED("ixgbe, 82598", TX_MAX, MCLBYTES, attach_82598);

NIC_MAIN(&ixgbe, &old)
