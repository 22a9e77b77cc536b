/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping: who may raise which interrupt [VTD 5].
 *
 * A message of a device names an entry of a table. The entry says which processor gets which
 * vector, and which requester id may use it: a device that writes to 0xFEExxxxx by itself raises
 * nothing.
 *
 *   udmar_config.interrupts   the host asks for it
 *   udmar_interrupt_alloc()   entries for a source, before or after udmar_start()
 *   udmar_interrupt_set()     what the source raises; what to write into the source comes back
 *   udmar_start()             remapping goes on; the host is told to write all its sources
 *   udmar_interrupt_set()     another processor, while the source is live
 *   udmar_interrupt_free()
 *
 * It is off unless the host asks for it and hw.dmar.enable and hw.dmar.ir are 1, and it needs the
 * invalidation queue. The message of a unit's own fault event is never remapped.
 *
 * Contexts: no function here sleeps. udmar_interrupt_set() and udmar_interrupt_post() may be called
 * from threads and interrupt handlers with spin locks held, those of the host's interrupt code
 * included; they wait for the unit, at most hw.dmar.timeout for each try. udmar_interrupt_alloc()
 * and udmar_interrupt_free() the same, but not from the unit's fault interrupt. All may run at the
 * same time; calls for one and the same udmar_interrupt come one at a time. None runs while the
 * instance is created or destroyed; udmar_interrupt_alloc() does not while it is started or
 * stopped, but for the call of `program` in between.
 */
#ifndef UDMAR_INTERRUPT_H
#define UDMAR_INTERRUPT_H

#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct udmar;

/* One source's entries; from udmar_interrupt_alloc() until udmar_interrupt_free() is UDMAR_OK. */
struct udmar_interrupt;

/* What a host says that wants remapping: udmar_config.interrupts. */
struct udmar_interrupt_config {
    /*
     * How many entries will be asked for; the table gets the next power of two, 256 to 65536. A
     * table of more than 32768 entries is a block of 256 pages.
     */
    unsigned entries;
    /*
     * The processors are in x2APIC mode, or shall be: destinations of 32 bits. They are used where
     * every unit can (ECAP.EIM) and firmware does not object (X2APIC_OPT_OUT); else they have 8
     * bits, and udmar_interrupt_state.extended says so after udmar_create().
     */
    bool x2apic;
    /*
     * The processor has CMPXCHG16B (CPUID.1:ECX bit 13). Matters to udmar_interrupt_post() alone.
     */
    bool wide_exchange;
    /*
     * Ids of all I/O APICs whose pins the host uses, as in the MADT; copied. Where the table of
     * firmware names one of them in no unit's scope, its interrupts would be blocked: remapping is
     * refused then, and the log says which. Count 0: nothing is checked.
     */
    const uint8_t *ioapics;
    unsigned ioapic_count; /* at most 255 */
    /*
     * Write the sources now. @host: as in all host functions.
     *
     * @remapped true: called by udmar_start() after remapping has gone on. Messages in
     * compatibility format still pass in units that have just begun to remap and have a switch for
     * them (not with 32-bit destinations); where remapping was found on they pass or are blocked as
     * before, and the old entries are in force. For each source that is in use the host calls
     * udmar_interrupt_set() and writes what comes back, where udmar_interrupt_message.remapped is
     * true. When this returns compatibility format is blocked.
     * @remapped false: called by udmar_stop() when they pass again, in units that have the switch.
     * The host writes messages in compatibility format into all sources.
     *
     * With 32-bit destinations compatibility format never passes while remapping is on: sources
     * that must lose nothing are masked by the host before udmar_start() and udmar_stop(), and
     * unmasked when this returns or after them.
     * Null: nothing is in use at that time. Runs in the thread that called, without locks.
     */
    void (*program)(void *host, bool remapped);
};

/* ---- Sources --------------------------------------------------------------------------------- */

enum udmar_interrupt_kind {
    UDMAR_INTERRUPT_NONE = 0,
    UDMAR_INTERRUPT_PCI = 1,    /* MSI or MSI-X of a PCI function */
    UDMAR_INTERRUPT_IOAPIC = 2, /* a pin of an I/O APIC */
    UDMAR_INTERRUPT_HPET = 3,   /* a timer of an HPET that sends messages by itself */
    /* Cannot be asked for: an entry of the table that was found on; see ..._forget_found(). */
    UDMAR_INTERRUPT_FOUND = 4,
};

struct udmar_interrupt_source {
    uint8_t kind;     /* enum udmar_interrupt_kind */
    uint8_t id;       /* I/O APIC: its id in the MADT. HPET: its number in the ACPI table */
    uint8_t line;     /* pin or timer, for people */
    uint16_t segment; /* PCI function */
    udmar_rid_t rid;  /* PCI function. In answers: of I/O APIC and HPET what they send, too */
};

/*
 * udmar_interrupt_alloc - entries for one source
 * @count: 1; or a power of two up to 2048 for a PCI function: a block. MSI with several messages
 *         needs one block; MSI-X may have one, or entries one by one.
 *
 * The requester ids that may use the entries are found here, from configuration space as for
 * udmar_device_attach(), and from the scopes of firmware's table for I/O APICs and HPETs. The
 * function need not be attached. Nothing is present until udmar_interrupt_set().
 * Before start it cannot be known whether a unit will obey: ask udmar_interrupt_message.remapped.
 *
 * Returns UDMAR_OK. UDMAR_ERR_ARGUMENT (null, an unknown kind, a count that is none of those);
 * UDMAR_ERR_DISABLED (the host has not asked for remapping, or a tunable has switched it off);
 * UDMAR_ERR_NOT_FOUND (no unit's scope names the I/O APIC or HPET); UDMAR_ERR_NO_UNIT (no usable
 * unit governs it); UDMAR_ERR_FIRMWARE (a damaged structure names the function, or may);
 * UDMAR_ERR_PATH (the scope's path leads through something that is no bridge);
 * UDMAR_ERR_UNSUPPORTED (remapping is refused, which the log has said: no interrupt remapping or no
 * queue in the unit; or the block is larger than the unit invalidates at once); UDMAR_ERR_TOO_BIG
 * (its bridges form a loop, or it has more ids than any device); UDMAR_ERR_ENTRIES (no such block
 * is free); UDMAR_ERR_MEMORY: nothing has changed. The host then uses messages in compatibility
 * format, which pass only where the unit does not remap.
 */
enum udmar_status udmar_interrupt_alloc(struct udmar *instance,
                                        const struct udmar_interrupt_source *source, unsigned count,
                                        struct udmar_interrupt **out_interrupt);

/*
 * udmar_interrupt_free - give them back
 *
 * The source is masked, or has other messages: what it sends through these entries from now on is
 * blocked. The entries are used again only after every unit has forgotten them.
 * Returns UDMAR_OK (also for null). UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE: nothing is present any
 * more, but a unit may still know the old entries: the object lives on, without use, and this is
 * called again; udmar_stop() ends its use, and udmar_destroy() gives it back.
 */
enum udmar_status udmar_interrupt_free(struct udmar_interrupt *interrupt);

/* ---- Targets --------------------------------------------------------------------------------- */

/* Delivery modes, with hardware's numbers. */
enum udmar_interrupt_delivery {
    UDMAR_DELIVER_FIXED = 0,
    UDMAR_DELIVER_LOWEST = 1, /* to the processor with the lowest priority among several */
    UDMAR_DELIVER_SMI = 2,
    UDMAR_DELIVER_NMI = 4,
    UDMAR_DELIVER_INIT = 5,
    UDMAR_DELIVER_EXTINT = 7,
};

struct udmar_interrupt_target {
    uint32_t destination; /* APIC id, or logical destination; up to 255 unless `extended` */
    uint8_t vector;       /* 16 to 255 for fixed and lowest; else it does not matter */
    uint8_t delivery;     /* enum udmar_interrupt_delivery */
    bool logical;         /* the destination is logical, else physical */
    bool level;           /* level-triggered, else edge: a pin's */
    bool active_low;      /* a pin's polarity; goes into the redirection entry alone */
};

/* What the host writes into the source. */
struct udmar_interrupt_message {
    /*
     * The unit remaps: write it. False: it does not, or not yet (start has not come, it was left
     * out, everything is stopped): the source needs a message in compatibility format.
     */
    bool remapped;
    uint32_t index;
    /*
     * Function or HPET timer: address and data. For MSI with several messages those of entry 0: the
     * function adds the number of the message to the data.
     */
    uint64_t address;
    uint32_t data;
    /*
     * Pin: the redirection entry, unmasked. Vector and trigger mode stand in it as well, for the
     * I/O APIC to match the end of an interrupt: when one of these changes it is written again.
     */
    uint64_t redirection;
};

/*
 * udmar_interrupt_set - what one entry raises
 * @number: of the entry in its block, below the count asked for.
 * @out_message: what to write into the source; may be null. Of one entry it never changes, but for
 *               vector, trigger mode and polarity of a pin, and `remapped`.
 *
 * For the first time, and to change it while the source is live. A live change is one 64-bit store
 * (LOCK CMPXCHG8B on i386): a message that comes meanwhile arrives at the old target or at the new
 * one, none is lost and none goes elsewhere. After return it arrives at the new one. So the source
 * need not be masked; an entry that was posted until now is the exception, see
 * udmar_interrupt_post().
 * Returns UDMAR_OK. UDMAR_ERR_ARGUMENT (null, no such entry, a vector below 16, an unknown delivery
 * mode; a level-triggered interrupt that is no pin's), UDMAR_ERR_UNSUPPORTED (a destination that
 * needs more bits than there are), UDMAR_ERR_ORDER (udmar_interrupt_free() has been tried): nothing
 * has changed. UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE: the entry says the new target and @out_message
 * is filled in, but the unit may still use the old one; both are to be expected until a later call
 * is UDMAR_OK.
 */
enum udmar_status udmar_interrupt_set(struct udmar_interrupt *interrupt, unsigned number,
                                      const struct udmar_interrupt_target *target,
                                      struct udmar_interrupt_message *out_message);

/*
 * udmar_interrupt_post - have one entry's interrupts posted to a guest
 * @descriptor: physical address of a posted-interrupt descriptor, 64 bytes and aligned to that. The
 *              host's memory; it stays until another target has been set or the entry is freed.
 * @vector: the guest's vector, 16 to 255. @urgent: notify though the descriptor suppresses it.
 * @out_message: as for udmar_interrupt_set().
 *
 * Both halves of the entry change, here and when udmar_interrupt_set() takes it back: one
 * CMPXCHG16B where udmar_interrupt_config.wide_exchange says that there is one, and nothing is
 * lost. Without it the entry is absent for a moment, and messages of that moment are blocked: the
 * host masks the source around the call.
 * Returns UDMAR_OK. UDMAR_ERR_ARGUMENT (null, no such entry, an address that is 0, not aligned or
 * beyond the host address width, a vector below 16, a pin), UDMAR_ERR_UNSUPPORTED (the unit has no
 * posted interrupts), UDMAR_ERR_ORDER: nothing has changed. UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE: as
 * for udmar_interrupt_set(); without CMPXCHG16B nothing has changed.
 */
enum udmar_status udmar_interrupt_post(struct udmar_interrupt *interrupt, unsigned number,
                                       udmar_paddr_t descriptor, uint8_t vector, bool urgent,
                                       struct udmar_interrupt_message *out_message);

/* ---- Take-over ------------------------------------------------------------------------------- */

/*
 * udmar_interrupt_message_index - the entry that a message names
 * @address, @data: as the MSI or MSI-X registers of a function or an HPET timer say. Where MSI has
 *                  several messages, this is the entry of message 0.
 * @out_index: 0 to 65535.
 * Returns false for what names none: compatibility format, no address in 0xFEExxxxx, an index
 * beyond 65535. Any context, no host function.
 */
bool udmar_interrupt_message_index(uint64_t address, uint32_t data, uint32_t *out_index);
/*
 * udmar_interrupt_pin_index - the entry that a redirection entry names
 * @redirection: all 64 bits of it. False, and @out_index without meaning: it is in compatibility
 * format. Any context, no host function.
 */
bool udmar_interrupt_pin_index(uint64_t redirection, uint32_t *out_index);

/*
 * udmar_interrupt_forget_found - a source no longer uses the table that was found on
 * @source: one that udmar_interrupt_alloc() would take; null: whatever is left goes.
 * @first, @count: the entries that it used until now, each at most 65536; without @source 0 and 0.
 *
 * Where udmar_start() finds remapping on, entries of the old table stay what they are, under their
 * old index: interrupts of sources that the host has not written yet go on arriving where they did.
 * Before the host writes a source it reads which entries that names
 * (udmar_interrupt_message_index(), udmar_interrupt_pin_index()); after it has, they are of no use
 * any more and this removes them: of the table of the source's unit those from @first to @first +
 * @count - 1 that were found on and that some requester id of the source may use. No other entry
 * goes, for one id may stand for many sources: all pins of an I/O APIC send the same, and so do
 * functions behind one bridge. With null all goes that was found on, in all tables.
 * Calls may run at the same time; what one of them is removing the others pass over.
 *
 * Returns UDMAR_OK, also when none of them was found on. UDMAR_ERR_ARGUMENT: no instance, numbers
 * that are too large, or the source's ids may not use one of the entries: that one stays, the
 * others are gone. For a source the errors of udmar_interrupt_alloc() up to UDMAR_ERR_TOO_BIG:
 * nothing is gone. UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE: they are gone from the table, but a unit may
 * still know them; call it again.
 */
enum udmar_status udmar_interrupt_forget_found(struct udmar *instance,
                                               const struct udmar_interrupt_source *source,
                                               uint32_t first, uint32_t count);

/* ---- Looking at it --------------------------------------------------------------------------- */

struct udmar_interrupt_state {
    bool asked;          /* by the host, and no tunable is against it */
    const char *refused; /* one clause: why there is none in any unit; null: nothing is wrong */
    bool extended;       /* destinations have 32 bits, else 8 */
    bool compatible;     /* a unit that remaps says that compatibility format passes */
    bool verified;       /* entries name their source (hw.dmar.ir.verify=1) */
    unsigned units;      /* that remap now */
    unsigned tables;     /* one for all units of a segment that can share it */
    uint32_t entries;    /* of all tables */
    uint32_t used;       /* allocated */
    uint32_t found;      /* taken over and not replaced yet */
};
/* Any thread. Without an instance, and without remapping, all zero but for `refused`. */
void udmar_interrupt_state(struct udmar *instance, struct udmar_interrupt_state *out_state);

/* An entry in fields. */
struct udmar_interrupt_fields {
    bool present;
    bool quiet;  /* FPD: its faults are not reported */
    bool posted; /* `descriptor`, `urgent` and target.vector count, nothing else of the target */
    bool urgent;
    struct udmar_interrupt_target target;
    udmar_paddr_t descriptor;
    udmar_rid_t sid;
    uint8_t check;  /* SVT: 0 nothing, 1 sid as `ignore` says, 2 bus sid 15:8 to sid 7:0 */
    uint8_t ignore; /* SQ: function bits that do not count: 0 none, 1 bit 2, 2 2:1, 3 2:0 */
    const char
        *defect; /* one clause: what hardware does not take in a present one; null: nothing */
};

/*
 * udmar_interrupt_decode - a raw entry in fields
 * @raw: its low and high half. @extended: the table has 32-bit destinations (IRTA.EIME).
 * Any context, no host function.
 */
void udmar_interrupt_decode(const uint64_t raw[2], bool extended,
                            struct udmar_interrupt_fields *out_fields);

struct udmar_interrupt_entry {
    unsigned table; /* of which unit's table: index of the first one that uses it */
    uint32_t index;
    struct udmar_interrupt_source source; /* whose it is */
    unsigned number;                      /* in its block */
    uint64_t raw[2];
    struct udmar_interrupt_fields fields;
};

/*
 * udmar_interrupt_next - walk through the entries that are in use
 * @entry: all zero for the first call, then what the last call left in it.
 * Returns false at the end, with *entry all zero again. Any thread; the entries may change
 * meanwhile. The two halves of what is said of one belong together, unless it is rewritten so often
 * that no two looks one after the other agree.
 */
bool udmar_interrupt_next(struct udmar *instance, struct udmar_interrupt_entry *entry);

/*
 * udmar_interrupt_source_format - a source in words
 * "00:03.0", "0001:00:03.0", "I/O APIC 2 pin 16", "HPET 1 timer 0", "an entry found at start".
 * @buffer, @size: at least 1 byte; always NUL-terminated, cut where it does not fit.
 * Returns the length written. Any context, no host function.
 */
size_t udmar_interrupt_source_format(const struct udmar_interrupt_source *source, char *buffer,
                                     size_t size);

#ifdef __cplusplus
}
#endif

#endif
