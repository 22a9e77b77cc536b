/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The check of the source [VTD 5.1.3]. Hardware can compare an id, all of it or without some bits
 * of the function, or ask whether its bus lies in a range.
 */
#include "interrupt/sender.h"

#include "interrupt/irte.h"

/* Bits of the id that do not count, by SQ. */
static const uint16_t ignored_bits[4] = { 0, 4, 6, 7 };

void udmar__sender_add(struct udmar__sender *sender, udmar_rid_t id)
{
    uint8_t bus = UDMAR_RID_BUS(id);

    if (!sender->known) {
        sender->known = true;
        sender->id = id;
        sender->difference = 0;
        sender->first_bus = bus;
        sender->last_bus = bus;
        return;
    }
    sender->difference = (uint16_t)(sender->difference | (sender->id ^ id));
    sender->first_bus = bus < sender->first_bus ? bus : sender->first_bus;
    sender->last_bus = bus > sender->last_bus ? bus : sender->last_bus;
}

uint64_t udmar__sender_check(const struct udmar__sender *sender)
{
    for (unsigned ignore = 0; ignore < 4; ignore++) {
        if ((sender->difference & ~(unsigned)ignored_bits[ignore]) == 0) {
            return sender->id | (uint64_t)ignore << IRTE_IGNORE_SHIFT |
                   (uint64_t)CHECK_ID << IRTE_CHECK_SHIFT;
        }
    }
    return (uint64_t)sender->first_bus << 8 | sender->last_bus |
           (uint64_t)CHECK_BUSES << IRTE_CHECK_SHIFT;
}

bool udmar__sender_passes(uint64_t high, udmar_rid_t id)
{
    udmar_rid_t sid = (udmar_rid_t)UDMAR__FIELD(high, 15, 0);
    unsigned ignore = (unsigned)UDMAR__FIELD(high, 17, 16);

    switch (UDMAR__FIELD(high, 19, 18)) {
    case CHECK_NOTHING:
        return true;
    case CHECK_ID:
        return ((sid ^ id) & ~(unsigned)ignored_bits[ignore]) == 0;
    case CHECK_BUSES:
        return UDMAR_RID_BUS(id) >= sid >> 8 && UDMAR_RID_BUS(id) <= (sid & 0xff);
    default:
        return false;
    }
}
