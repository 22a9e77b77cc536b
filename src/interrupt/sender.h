/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may use an entry: requester ids, as narrow as hardware can check them [VTD 5.1.3]. */
#ifndef UDMAR_INTERRUPT_SENDER_H
#define UDMAR_INTERRUPT_SENDER_H

#include <udmar/types.h>

/* A set of ids, as far as it matters; begin with all zero. */
struct udmar__sender {
    bool known;          /* it has ids */
    udmar_rid_t id;      /* the first */
    uint16_t difference; /* bits in which some other differs from it */
    uint8_t first_bus;
    uint8_t last_bus;
};

void udmar__sender_add(struct udmar__sender *sender, udmar_rid_t id);
/* The high half of an entry that all of them may use, and as few others as possible. */
uint64_t udmar__sender_check(const struct udmar__sender *sender);
/* May this id use an entry with that high half? */
bool udmar__sender_passes(uint64_t high, udmar_rid_t id);

#endif
