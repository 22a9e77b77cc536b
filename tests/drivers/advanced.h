/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel's advanced descriptors, of igb and ixgbe: a context descriptor before packets that the card
 * is to cut, then one data descriptor for each segment with a length of 16 bits.
 */
#ifndef UDMAR_TESTS_DRIVERS_ADVANCED_H
#define UDMAR_TESTS_DRIVERS_ADVANCED_H

#include "iflib.h"

#define ADVANCED_RING 256u /* descriptors */

unsigned advanced_put_tx(struct nic *n, struct packet *p);
void advanced_send(struct nic *n, struct packet *p);
void advanced_put_rx(struct nic *n, unsigned index);
void advanced_receive(struct nic *n, unsigned index, struct wire *wire, size_t length);

#define ADVANCED(name_, tx_max_, rx_size_, attach_)                                   \
    {                                                                                 \
        .name = (name_), .tx_max = (tx_max_), .rx_size = (rx_size_), .defrags = true, \
        .refills = true, .ring = ADVANCED_RING, .softc = 1, .attach = (attach_),      \
        .detach = iflib_detach, .put_tx = advanced_put_tx, .send = advanced_send,     \
        .put_rx = advanced_put_rx, .receive = advanced_receive,                       \
    }

#endif
