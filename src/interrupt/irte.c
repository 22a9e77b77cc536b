/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt entries in fields and back, and the messages that name them. Pure. */
#include "interrupt/irte.h"

#include "base/bits.h"

/* Reserved in each form [VTD 9.10, 9.11]; 11:8 belong to software. */
#define RESERVED_LOW          (UDMAR__MASK(31, 24) | UDMAR__MASK(14, 12))
#define RESERVED_XAPIC        (UDMAR__MASK(63, 48) | UDMAR__MASK(39, 32))
#define RESERVED_HIGH         UDMAR__MASK(63, 20)
#define RESERVED_POSTED       (UDMAR__MASK(37, 24) | UDMAR__MASK(13, 12) | UDMAR__MASK(7, 2))
#define RESERVED_POSTED_HIGH  UDMAR__MASK(31, 20)
#define POSTED_ADDRESS_LOW    UDMAR__MASK(31, 6)
#define POSTED_ADDRESS_SHIFT  32
#define FORBIDDEN_CHECK       3u
#define MESSAGE_BASE          UINT64_C(0xfee00000)
#define MESSAGE_REMAPPED      (UINT64_C(1) << 4)
#define MESSAGE_SUBHANDLE     (UINT64_C(1) << 3)
#define MESSAGE_INDEX_SHIFT   5
#define MESSAGE_INDEX15_SHIFT 2
#define PIN_INDEX15_SHIFT     11
#define PIN_ACTIVE_LOW        (UINT64_C(1) << 13)
#define PIN_LEVEL             (UINT64_C(1) << 15)
#define PIN_REMAPPED          (UINT64_C(1) << 48)
#define PIN_INDEX_SHIFT       49
#define INDEX_LOW             0x7fffu
#define INDEXES               UINT32_C(65536)
#define MESSAGE_INDEX_BITS    UDMAR__MASK(19, 0)

struct udmar__irte udmar__irte_posted(udmar_paddr_t descriptor, uint8_t vector, bool urgent,
                                      uint64_t source)
{
    return (struct udmar__irte){
        .low = IRTE_PRESENT | IRTE_POSTED | (urgent ? IRTE_URGENT : 0) |
               (uint64_t)vector << IRTE_VECTOR_SHIFT |
               (descriptor & POSTED_ADDRESS_LOW) << POSTED_ADDRESS_SHIFT,
        .high = (source & IRTE_SOURCE) | UDMAR__FIELD(descriptor, 63, 32) << 32,
    };
}

static const char *posted_defect(const uint64_t raw[2])
{
    return (raw[0] & RESERVED_POSTED) != 0 || (raw[1] & RESERVED_POSTED_HIGH) != 0
               ? "a reserved bit is set"
               : NULL;
}

static const char *remapped_defect(const uint64_t raw[2], bool extended)
{
    unsigned delivery = (unsigned)UDMAR__FIELD(raw[0], 7, 5);

    if ((raw[0] & (RESERVED_LOW | (extended ? 0 : RESERVED_XAPIC))) != 0 ||
        (raw[1] & RESERVED_HIGH) != 0) {
        return "a reserved bit is set";
    }
    if (!udmar__is_delivery(delivery)) {
        return "its delivery mode is reserved";
    }
    return delivery == UDMAR_DELIVER_LOWEST && (raw[0] & IRTE_REDIRECT) == 0
               ? "lowest priority without the redirection hint"
               : NULL;
}

void udmar_interrupt_decode(const uint64_t raw[2], bool extended,
                            struct udmar_interrupt_fields *out_fields)
{
    bool posted = (raw[0] & IRTE_POSTED) != 0;

    *out_fields = (struct udmar_interrupt_fields){
        .present = (raw[0] & IRTE_PRESENT) != 0,
        .quiet = (raw[0] & IRTE_QUIET) != 0,
        .posted = posted,
        .target.vector = (uint8_t)UDMAR__FIELD(raw[0], 23, 16),
        .sid = (udmar_rid_t)UDMAR__FIELD(raw[1], 15, 0),
        .check = (uint8_t)UDMAR__FIELD(raw[1], 19, 18),
        .ignore = (uint8_t)UDMAR__FIELD(raw[1], 17, 16),
        .defect = posted ? posted_defect(raw) : remapped_defect(raw, extended),
    };
    if (posted) {
        out_fields->urgent = (raw[0] & IRTE_URGENT) != 0;
        out_fields->descriptor = UDMAR__FIELD(raw[0], 63, 38) << 6 | UDMAR__FIELD(raw[1], 63, 32)
                                                                         << 32;
    } else {
        out_fields->target.destination =
            (uint32_t)(extended ? UDMAR__FIELD(raw[0], 63, 32) : UDMAR__FIELD(raw[0], 47, 40));
        out_fields->target.delivery = (uint8_t)UDMAR__FIELD(raw[0], 7, 5);
        out_fields->target.logical = (raw[0] & IRTE_LOGICAL) != 0;
        out_fields->target.level = (raw[0] & IRTE_LEVEL) != 0;
    }
    if (out_fields->defect == NULL && out_fields->check == FORBIDDEN_CHECK) {
        out_fields->defect = "its check of the source is reserved";
    }
}

bool udmar__irte_convert(struct udmar__irte *entry, bool was_extended, bool extended)
{
    const uint64_t raw[2] = { entry->low, entry->high };
    struct udmar_interrupt_fields fields;

    udmar_interrupt_decode(raw, was_extended, &fields);
    /*
     * Hardware would go on writing into the descriptor, which was memory whose owner is gone.
     */
    if (fields.defect != NULL || fields.posted) {
        return false;
    }
    if (was_extended == extended) {
        return true;
    }
    /* Logical destinations are numbered in another way. */
    if (fields.target.logical || fields.target.destination > IRTE_XAPIC_MOST) {
        return false;
    }
    entry->low =
        (entry->low & UINT32_MAX) | (uint64_t)fields.target.destination
                                        << (extended ? IRTE_DESTINATION_SHIFT : IRTE_XAPIC_SHIFT);
    return true;
}

bool udmar_interrupt_message_index(uint64_t address, uint32_t data, uint32_t *out_index)
{
    uint32_t handle = (uint32_t)(address >> MESSAGE_INDEX_SHIFT & INDEX_LOW) |
                      (uint32_t)(address >> MESSAGE_INDEX15_SHIFT & 1) << 15;

    if ((address & ~MESSAGE_INDEX_BITS) != MESSAGE_BASE || (address & MESSAGE_REMAPPED) == 0) {
        return false;
    }
    *out_index = handle + ((address & MESSAGE_SUBHANDLE) != 0 ? data & UINT16_MAX : 0);
    return *out_index < INDEXES;
}

bool udmar_interrupt_pin_index(uint64_t redirection, uint32_t *out_index)
{
    *out_index = (uint32_t)(redirection >> PIN_INDEX_SHIFT & INDEX_LOW) |
                 (uint32_t)(redirection >> PIN_INDEX15_SHIFT & 1) << 15;
    return (redirection & PIN_REMAPPED) != 0;
}

void udmar__message(uint32_t first, unsigned number, unsigned count,
                    const struct udmar_interrupt_target *target,
                    struct udmar_interrupt_message *out_message)
{
    *out_message = (struct udmar_interrupt_message){
        .index = first + number,
        /* A function adds the number of its message to the data: one handle for the block. */
        .address =
            MESSAGE_BASE | MESSAGE_REMAPPED | (uint64_t)(first & INDEX_LOW) << MESSAGE_INDEX_SHIFT |
            (uint64_t)(first >> 15) << MESSAGE_INDEX15_SHIFT | (count > 1 ? MESSAGE_SUBHANDLE : 0),
        .data = number,
        .redirection = PIN_REMAPPED | (uint64_t)(first & INDEX_LOW) << PIN_INDEX_SHIFT |
                       (uint64_t)(first >> 15) << PIN_INDEX15_SHIFT,
    };

    if (target != NULL) {
        /* By these two an I/O APIC finds the pin when the interrupt ends. */
        out_message->redirection |= target->vector | (target->level ? PIN_LEVEL : 0) |
                                    (target->active_low ? PIN_ACTIVE_LOW : 0);
    }
}
