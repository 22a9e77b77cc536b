/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping entries and messages: their bits [VTD 9.10, 5.1.5]. */
#ifndef UDMAR_INTERRUPT_IRTE_H
#define UDMAR_INTERRUPT_IRTE_H

#include <udmar/interrupt.h>

#include "base/bits.h"

struct udmar__irte {
    uint64_t low;
    uint64_t high;
};

/* Low half. */
#define IRTE_PRESENT           UINT64_C(1)
#define IRTE_QUIET             (UINT64_C(1) << 1) /* FPD */
#define IRTE_LOGICAL           (UINT64_C(1) << 2)
#define IRTE_REDIRECT          (UINT64_C(1) << 3)
#define IRTE_LEVEL             (UINT64_C(1) << 4)
#define IRTE_DELIVERY_SHIFT    5
#define IRTE_URGENT            (UINT64_C(1) << 14)
#define IRTE_POSTED            (UINT64_C(1) << 15)
#define IRTE_VECTOR_SHIFT      16
#define IRTE_DESTINATION_SHIFT 32 /* of 32 bits */
#define IRTE_XAPIC_SHIFT       40 /* of 8 bits */
#define IRTE_XAPIC_MOST        0xffu
#define IRTE_FIRST_VECTOR      16u

/* High half: who may use it. */
#define IRTE_IGNORE_SHIFT 16 /* SQ */
#define IRTE_CHECK_SHIFT  18 /* SVT */
#define IRTE_SOURCE       UDMAR__MASK(19, 0)

enum { CHECK_NOTHING = 0, CHECK_ID = 1, CHECK_BUSES = 2 };

static inline bool udmar__is_delivery(unsigned delivery)
{
    return delivery <= UDMAR_DELIVER_EXTINT && delivery != 3 && delivery != 6;
}

static inline bool udmar__needs_vector(unsigned delivery)
{
    return delivery == UDMAR_DELIVER_FIXED || delivery == UDMAR_DELIVER_LOWEST;
}

/* Is this a target that an entry can name? @extended: destinations have 32 bits. */
static inline enum udmar_status udmar__target_check(const struct udmar_interrupt_target *target,
                                                    bool extended)
{
    if (!udmar__is_delivery(target->delivery) ||
        (udmar__needs_vector(target->delivery) && target->vector < IRTE_FIRST_VECTOR)) {
        return UDMAR_ERR_ARGUMENT;
    }
    return extended || target->destination <= IRTE_XAPIC_MOST ? UDMAR_OK : UDMAR_ERR_UNSUPPORTED;
}

/* The low half for a target that has been checked. */
static inline uint64_t udmar__irte_target(const struct udmar_interrupt_target *target,
                                          bool extended)
{
    return IRTE_PRESENT | (target->logical ? IRTE_LOGICAL : 0) |
           /* Lowest priority is a choice among several: it needs the redirection hint. */
           (target->delivery == UDMAR_DELIVER_LOWEST ? IRTE_REDIRECT : 0) |
           (target->level ? IRTE_LEVEL : 0) | (uint64_t)target->delivery << IRTE_DELIVERY_SHIFT |
           (uint64_t)target->vector << IRTE_VECTOR_SHIFT |
           (uint64_t)target->destination << (extended ? IRTE_DESTINATION_SHIFT : IRTE_XAPIC_SHIFT);
}

/* An entry that posts; @source: its high half otherwise. */
struct udmar__irte udmar__irte_posted(udmar_paddr_t descriptor, uint8_t vector, bool urgent,
                                      uint64_t source);
/*
 * An entry of a table with or without 32-bit destinations, as ours needs it. False: it has defects,
 * posts, or has a destination that the other form does not have.
 */
bool udmar__irte_convert(struct udmar__irte *entry, bool was_extended, bool extended);

/*
 * What a source is given to write, but for `remapped`. @count: entries of the block that begins at
 * @first; @number: of the one in it. @target: null for one that posts.
 */
void udmar__message(uint32_t first, unsigned number, unsigned count,
                    const struct udmar_interrupt_target *target,
                    struct udmar_interrupt_message *out_message);

#endif
