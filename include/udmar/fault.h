/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translation faults: what a unit has blocked, as data and as a sentence [VTD 7].
 */
#ifndef UDMAR_FAULT_H
#define UDMAR_FAULT_H

#include <udmar/interrupt.h>
#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct udmar;
struct udmar_device;

enum udmar_fault_access {
    UDMAR_FAULT_WRITE = 0,
    UDMAR_FAULT_READ = 1,
    UDMAR_FAULT_PAGE_REQUEST = 2,
    UDMAR_FAULT_ATOMIC = 3,
    UDMAR_FAULT_INTERRUPT = 4, /* an interrupt request; address is the index, not an address */
};

/* Where the address lies in the domain of the device. */
enum udmar_fault_place {
    UDMAR_PLACE_UNKNOWN = 0,  /* the device has no domain of its own */
    UDMAR_PLACE_LIVE = 1,     /* inside a mapping that is live now */
    UDMAR_PLACE_ENDED = 2,    /* inside a mapping that has been unmapped */
    UDMAR_PLACE_RESERVED = 3, /* inside a range that is never handed out (MSI window, RMRR...) */
    UDMAR_PLACE_NEAR = 4,     /* in no mapping; the nearest one is given */
    UDMAR_PLACE_NOTHING = 5,  /* the domain has no mapping at all */
};

struct udmar_fault {
    uint64_t sequence; /* 1, 2, 3... in this instance; a gap means that records were dropped */
    uint64_t time_ns;  /* udmar_host_time_ns() when it was read out */
    uint16_t segment;
    udmar_rid_t rid;    /* source id of the request */
    uint16_t unit;      /* index of the unit */
    uint8_t reason;     /* fault reason code [VTD appendix A] */
    uint8_t access;     /* enum udmar_fault_access */
    bool from_firmware; /* it was there before the driver took the unit over */
    bool overflow;      /* the unit dropped further faults behind this one */
    bool has_pasid;
    uint32_t pasid;              /* where has_pasid */
    uint64_t address;            /* of the page, the low 12 bits are lost */
    uint64_t raw[2];             /* the record as the unit wrote it */
    struct udmar_device *device; /* null when no attached device sends this id */
    uint8_t place;               /* enum udmar_fault_place */
    uint64_t near_base;          /* the mapping found: first address */
    uint64_t near_size;          /* and bytes */
    uint64_t near_age;           /* GONE: unmaps that the device's unit has seen since then */
    struct udmar_interrupt_source sender; /* interrupt requests: who sent it, where that is known */
    /* Whose entry it named, where `owner_known`: kind NONE then means nobody's. */
    struct udmar_interrupt_source owner;
    bool owner_known; /* false: the table that was in force is not udmar's */
};

/*
 * udmar_fault_reason_string - a reason code in plain words
 * Returns a constant clause, for example "the page is not mapped or may not be written"; for
 * reserved codes "a reason this driver does not know". Any context, no host function.
 */
const char *udmar_fault_reason_string(uint8_t reason);

/*
 * udmar_fault_decode - a raw record in fields
 * @raw: the two 64-bit halves of a fault record.
 * Fills in rid, reason, access, address, pasid, raw and zeroes the rest. Any context, no host
 * function.
 */
void udmar_fault_decode(const uint64_t raw[2], struct udmar_fault *out_fault);

/*
 * udmar_fault_format - the sentence that goes to the console
 * @buffer, @size: at least 1 byte; always NUL-terminated, cut where it does not fit.
 *
 * Device, direction, address, reason, nearest mapping; then the raw fields in brackets.
 * Returns the length written.
 */
size_t udmar_fault_format(const struct udmar *instance, const struct udmar_fault *fault,
                          char *buffer, size_t size);

/*
 * udmar_fault_next - walk through the faults that are kept
 * @sequence: 0 for the oldest kept, else the sequence number of the last one seen.
 * @out_fault: a copy.
 *
 * Returns false when there is nothing newer. Any thread; not from the fault callback.
 */
bool udmar_fault_next(struct udmar *instance, uint64_t sequence, struct udmar_fault *out_fault);

/* How many faults were read out of units, and how many of them the ring no longer has. */
struct udmar_fault_counts {
    uint64_t total;      /* sequence number of the newest */
    uint64_t dropped;    /* pushed out of the ring before anybody could have read them all */
    uint64_t overflows;  /* times a unit said that it lost faults itself */
    uint64_t suppressed; /* kept, but not printed because of the rate limit */
};
void udmar_fault_counts(struct udmar *instance, struct udmar_fault_counts *out_counts);

/*
 * udmar_fault_poll - read out the fault records of all units now
 * For hosts without interrupts, and for those who want to be sure. Any context but the callback.
 * Returns the number of faults found.
 */
unsigned udmar_fault_poll(struct udmar *instance);

/*
 * A driver's own ear for faults of its device. Called in the context of the fault interrupt (or of
 * udmar_fault_poll()), without locks, after the fault has been put into the ring; it must not sleep
 * and must not call back into the library except for the functions of this header that say "any
 * context".
 */
typedef void udmar_fault_callback(void *argument, const struct udmar_fault *fault);

/*
 * udmar_device_on_fault - set or clear (null) a device's callback
 * On a host with several CPUs the old callback may still be running when this returns.
 * Returns UDMAR_OK or UDMAR_ERR_ARGUMENT (null device).
 */
enum udmar_status udmar_device_on_fault(struct udmar_device *device, udmar_fault_callback *callback,
                                        void *argument);

#ifdef __cplusplus
}
#endif

#endif
