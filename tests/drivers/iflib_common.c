/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What iflib does whatever the card: a card with 32 address bits (isc_dma_width), where all that
 * lies higher is bounced or translated down; and one with few segments, so that nearly every chain
 * is copied together, once or twice.
 */
#include "advanced.h"

static int attach_narrow(struct nic *n)
{
    const struct iflib_limits limits = {
        .lowaddr = (UINT64_C(1) << 32) - 1,
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

static int attach_few(struct nic *n)
{
    const struct iflib_limits limits = {
        .lowaddr = ANYWHERE,
        .tx_maxsize = 9018,
        .tx_maxsegsize = PAGE,
        .tso_maxsize = 65535,
        .tso_maxsegsize = PAGE,
        .tx_nsegments = 4,
        .tso_segments = 17,
        .rx_maxsize = MCLBYTES,
        .ring = ADVANCED_RING,
    };

    return iflib_attach(n, &limits);
}

static const struct nic_driver narrow = ADVANCED("iflib, 32 bits", TX_MAX, MCLBYTES, attach_narrow);
static const struct nic_driver few = ADVANCED("iflib, few segments", 65535, MCLBYTES, attach_few);

NIC_MAIN(&narrow, &few)
