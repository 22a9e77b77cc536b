/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * igb(4), if_em.c: igb_sctx_init, em_if_attach_pre(); igb_txrx.c: igb_isc_txd_encap(),
 * igb_isc_rxd_refill(); on iflib. The limits are em's.
 */
#include "advanced.h"

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
        .ring = ADVANCED_RING,
    };

    return iflib_attach(n, &limits);
}

static const struct nic_driver igb = ADVANCED("igb", TX_MAX, MCLBYTES, attach);
static const struct nic_driver jumbo = ADVANCED("igb, jumbo", TX_MAX, MJUMPAGE, attach);

NIC_MAIN(&igb, &jumbo)
