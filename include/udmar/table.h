/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI DMAR table: bytes in, facts out [VTD 8].
 *
 * This layer calls no host function and keeps no memory of its own. The caller owns the bytes and
 * keeps them unchanged while a struct udmar_table that was opened on them is in use. All functions
 * may be called from any context and from several threads at once.
 *
 * Nothing in a table is trusted. A structure that cannot be used costs that structure: the
 * iterators leave it out, udmar_table_check() says where it is and why.
 */
#ifndef UDMAR_TABLE_H
#define UDMAR_TABLE_H

#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Header flags [VTD 8.1]. */
enum udmar_table_flags {
    UDMAR_TABLE_INTR_REMAP = 1,      /* the platform supports interrupt remapping */
    UDMAR_TABLE_X2APIC_OPT_OUT = 2,  /* firmware asks not to use x2APIC (with INTR_REMAP only) */
    UDMAR_TABLE_DMA_CTRL_OPT_IN = 4, /* protect against external devices from boot on */
};

/* A table that has been opened. Fields are for reading. */
struct udmar_table {
    const uint8_t *bytes;
    size_t buffer_size; /* bytes in the buffer, at least length */
    uint32_t length;    /* the table's own length */
    uint8_t revision;   /* of the ACPI header */
    uint8_t flags;      /* enum udmar_table_flags; unknown bits are kept */
    uint8_t host_width; /* host address width in bits, 12..64 */
    char oem_id[7];     /* NUL-terminated; trailing blanks kept */
    char oem_table_id[9];
};

enum udmar_entry_type {
    UDMAR_ENTRY_DRHD = 0, /* a remapping unit */
    UDMAR_ENTRY_RMRR = 1, /* memory that firmware has its devices read and write */
    UDMAR_ENTRY_ATSR = 2, /* root ports that support ATS */
    UDMAR_ENTRY_RHSA = 3, /* proximity domain of a unit */
    UDMAR_ENTRY_ANDD = 4, /* name of a non-PCI device */
    UDMAR_ENTRY_SATC = 5, /* integrated devices with an address translation cache */
    UDMAR_ENTRY_SIDP = 6, /* per-device properties */
};

/* One structure of the table, decoded. Start an iteration with all zero. */
struct udmar_entry {
    uint32_t offset; /* of the structure in the table, bytes */
    uint16_t type;   /* enum udmar_entry_type */
    uint16_t length; /* of the structure, bytes */
    union {
        struct {
            bool include_all;      /* INCLUDE_PCI_ALL */
            uint8_t size_exponent; /* bits 3:0: registers take 2^n pages as firmware says */
            uint16_t segment;
            udmar_paddr_t base; /* of the registers */
        } drhd;
        struct {
            uint16_t segment;
            udmar_paddr_t base;  /* as in the table, perhaps not page-aligned */
            udmar_paddr_t limit; /* last byte, inclusive; not below base */
        } rmrr;
        struct {
            bool all_ports;
            uint16_t segment;
        } atsr;
        struct {
            udmar_paddr_t base; /* names the unit */
            uint32_t proximity;
        } rhsa;
        struct {
            uint8_t number;       /* ACPI device number that scopes refer to */
            const char *path;     /* in the table's bytes, not NUL-terminated */
            uint16_t path_length; /* without a terminating NUL */
        } andd;
        struct {
            bool atc_required;
            uint16_t segment;
        } satc;
        struct {
            uint16_t segment;
        } sidp;
    } u;
    uint16_t scopes_offset; /* from the structure's start; equals length where there are none */
};

enum udmar_scope_type {
    UDMAR_SCOPE_ENDPOINT = 1,
    UDMAR_SCOPE_BRIDGE = 2,
    UDMAR_SCOPE_IOAPIC = 3,
    UDMAR_SCOPE_HPET = 4,
    UDMAR_SCOPE_NAMESPACE = 5,
};

/* One device scope [VTD 8.3.1]. Start an iteration with all zero. */
struct udmar_scope {
    uint32_t offset;        /* of the scope in the table, bytes */
    uint8_t type;           /* enum udmar_scope_type */
    uint8_t length;         /* bytes */
    uint8_t flags;          /* meaningful in SIDP only */
    uint8_t enumeration_id; /* IOAPIC id, HPET number or ACPI device number */
    uint8_t start_bus;
    uint8_t hops;        /* number of (device, function) pairs, at least 1 */
    const uint8_t *path; /* 2 * hops bytes in the table's bytes */
};

/* What is wrong with a table. Fixed values; udmar_defect_string() has the words. */
enum udmar_defect_kind {
    UDMAR_DEFECT_NONE = 0,
    /* These cost the structure (or all that follow where its length is unknown). */
    UDMAR_DEFECT_SHORT_HEAD = 1,    /* fewer than 4 bytes are left for a head; the rest is lost */
    UDMAR_DEFECT_LENGTH_ZERO = 2,   /* length below 4: the next structure cannot be found */
    UDMAR_DEFECT_PAST_END = 3,      /* the structure goes on behind the table's end */
    UDMAR_DEFECT_TOO_SHORT = 4,     /* shorter than the fixed part of its type */
    UDMAR_DEFECT_SCOPE_LENGTH = 5,  /* a scope is shorter than 8 bytes, odd, or passes its parent */
    UDMAR_DEFECT_DRHD_BASE = 6,     /* register base is 0, all ones or not page-aligned */
    UDMAR_DEFECT_RMRR_ORDER = 8,    /* limit below base */
    UDMAR_DEFECT_ANDD_STRING = 9,   /* the name is not NUL-terminated inside the structure */
    UDMAR_DEFECT_DRHD_WIDTH = 34,   /* register base beyond the host address width */
    UDMAR_DEFECT_DRHD_SEGMENT = 38, /* same base as an earlier DRHD of another segment */
    UDMAR_DEFECT_RMRR_SIZE = 35,    /* more than 4 GiB: no firmware reserves so much */
    UDMAR_DEFECT_SCOPE_PATH = 33, /* path device > 31 or function > 7: matches nothing; costs a unit
                                     unless it is an IOAPIC's or HPET's, no other structure */
    UDMAR_DEFECT_DRHD_END = 37,   /* a unit too short for its scopes: the rest is no structure */
    /* These cost nothing else, but they should be known. */
    UDMAR_DEFECT_DRHD_DUPLICATE = 7,  /* base of an earlier DRHD of the segment: one unit */
    UDMAR_DEFECT_DRHD_COPY = 36,      /* DRHDs are there twice, byte for byte; reported once */
    UDMAR_DEFECT_UNKNOWN_TYPE = 20,   /* structure type not known here; skipped as the spec asks */
    UDMAR_DEFECT_TYPE_ORDER = 21,     /* type below that of the structure before */
    UDMAR_DEFECT_RMRR_ALIGNMENT = 22, /* base or limit + 1 not page-aligned: rounded outward */
    UDMAR_DEFECT_RMRR_OVERLAP = 23,   /* overlaps an earlier RMRR of the segment */
    UDMAR_DEFECT_RMRR_WIDTH = 24,     /* reaches beyond the host address width */
    UDMAR_DEFECT_INCLUDE_ALL_TWICE = 25, /* a second INCLUDE_PCI_ALL unit of the segment */
    UDMAR_DEFECT_INCLUDE_ALL_ORDER = 26, /* a unit without it follows in the segment */
    UDMAR_DEFECT_SCOPE_TYPE = 27,        /* scope type 0 or above 5 */
    UDMAR_DEFECT_SCOPE_TWICE = 28,       /* two units claim the same scope: the first one has it */
    UDMAR_DEFECT_NO_SCOPE = 29,     /* neither scopes nor INCLUDE_PCI_ALL: the unit serves nobody */
    UDMAR_DEFECT_RHSA_UNKNOWN = 30, /* names a unit that the table does not have */
    UDMAR_DEFECT_NAMESPACE_UNKNOWN = 31, /* a scope names an ACPI device without ANDD */
    UDMAR_DEFECT_TRAILING = 32,          /* buffer longer than the table: the rest is ignored */
};

struct udmar_defect {
    enum udmar_defect_kind kind;
    /* In the table, bytes: of the scope (kinds 5, 27, 28, 31, 33), the end (32) or a structure. */
    uint32_t offset;
    uint16_t structure_type; /* type of the structure concerned; 0xffff: none */
    /*
     * The value found (length, address...). SCOPE_TWICE: the first unit's base; SCOPE_PATH: the
     * first bad pair, device << 8 | function; TRAILING: the buffer's size; DRHD_COPY: how many.
     */
    uint64_t value;
    bool loses_entry; /* the iterators leave out something they know the type of */
};

typedef void udmar_defect_fn(void *context, const struct udmar_defect *defect);

/*
 * udmar_defect_string - a defect in words
 * Returns a constant sentence without a full stop that says what is wrong and what that means,
 * for example "structure length is 0: everything behind it is unreachable". Any value is allowed.
 */
const char *udmar_defect_string(enum udmar_defect_kind kind);

/*
 * udmar_entry_name - "DRHD", "RMRR" ... or "type ?" for an unknown structure type.
 */
const char *udmar_entry_name(uint16_t type);

/*
 * udmar_table_open - look at the header of a DMAR table
 * @buffer: the table's bytes; may have any alignment.
 * @size: bytes in the buffer; more than the table's length is allowed, udmar_table_check() says so.
 * @out_table: filled in on success and also with UDMAR_ERR_CHECKSUM (so that a tool may go on),
 *             which is looked at last; all zero, which is a table without structures, otherwise.
 *
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null pointer); UDMAR_ERR_TRUNCATED (size below the 48
 * bytes of the header, or below the length that the header states, or that length below 48);
 * UDMAR_ERR_SIGNATURE; UDMAR_ERR_CHECKSUM; UDMAR_ERR_WIDTH (host address width below 12 bits;
 * above 64 is taken as 64) [VTD 8.1].
 */
enum udmar_status udmar_table_open(const void *buffer, size_t size, struct udmar_table *out_table);

/*
 * udmar_table_check - report every defect of a table
 * @report: called once for each defect, in the order of the offsets where that is possible;
 *          null to count only.
 *
 * Returns the number of defects, 0 for a clean table.
 */
unsigned udmar_table_check(const struct udmar_table *table, udmar_defect_fn *report, void *context);

/*
 * udmar_table_next - the next usable structure
 * @entry: all zero for the first call, then what the last call left in it.
 *
 * Structures that lose_entry, and unknown types, are passed over. DRHDs with the same register base
 * are all found; udmar_drhd_repeats() tells them apart.
 * Returns false at the end, with *entry all zero again.
 */
bool udmar_table_next(const struct udmar_table *table, struct udmar_entry *entry);

/*
 * udmar_drhd_repeats - is a DRHD's unit listed earlier already?
 * @drhd: from udmar_table_next(). @out_first: the unit's first DRHD; may be null.
 *
 * DRHDs of a segment with the same register base are one unit, which has the scopes and flags of
 * all. Returns false for the first of them, and for other structures.
 */
bool udmar_drhd_repeats(const struct udmar_table *table, const struct udmar_entry *drhd,
                        struct udmar_entry *out_first);

/*
 * udmar_entry_defect - why a structure cannot be used
 * @entry: whose fixed part has been decoded; from udmar_table_find_unit().
 *
 * Returns UDMAR_DEFECT_NONE for one that can, else SCOPE_LENGTH, SCOPE_PATH, DRHD_END, DRHD_BASE,
 * DRHD_WIDTH, DRHD_SEGMENT, RMRR_ORDER or ANDD_STRING.
 */
enum udmar_defect_kind udmar_entry_defect(const struct udmar_table *table,
                                          const struct udmar_entry *entry);

/*
 * udmar_entry_segment - the PCI segment of an entry's scopes
 * Returns 0 for RHSA and ANDD, which have none.
 */
uint16_t udmar_entry_segment(const struct udmar_entry *entry);

/*
 * udmar_entry_next_scope - the next device scope of a structure
 * @scope: all zero for the first call, then what the last call left in it.
 * Returns false at the end, with *scope all zero again.
 */
bool udmar_entry_next_scope(const struct udmar_table *table, const struct udmar_entry *entry,
                            struct udmar_scope *scope);

/*
 * How paths are followed: the caller reads a function's bus numbers [VTD 8.3.1].
 * bridge() says whether the function @rid of @segment is there and is a PCI-to-PCI bridge (header
 * type 1), and if so its secondary (config 0x19) and subordinate (0x1a) bus numbers.
 */
struct udmar_bus_reader {
    bool (*bridge)(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                   uint8_t *out_subordinate);
    void *context;
};

/*
 * udmar_scope_resolve - the requester id that a scope's path leads to
 * @reader: used for every hop but the last; null is as if there were no bridges.
 *
 * A bridge whose secondary bus is not above its own, or above its subordinate one, has not been set
 * up and counts as none: 0 and 0, as after reset, would give it all of bus 0.
 *
 * For IOAPIC, HPET and namespace scopes the result is the source id of that device's requests.
 * Returns UDMAR_OK or UDMAR_ERR_PATH (a hop is no bridge, or device > 31 or function > 7).
 */
enum udmar_status udmar_scope_resolve(const struct udmar_scope *scope, uint16_t segment,
                                      const struct udmar_bus_reader *reader, udmar_rid_t *out_rid);

/* How well a scope or a unit fits a function; a greater value is a better fit. */
enum udmar_match {
    UDMAR_MATCH_NONE = 0,
    UDMAR_MATCH_INCLUDE_ALL = 1, /* nobody else has it and the unit is INCLUDE_PCI_ALL */
    UDMAR_MATCH_SUBTREE = 2,     /* below a bridge that the scope names */
    UDMAR_MATCH_EXACT = 3,       /* the scope names the function itself */
};

/*
 * udmar_entry_match - does a structure's scope list name this function?
 * @rid: of a function in the structure's segment (a function of another segment never matches).
 *
 * @reader: as for udmar_scope_resolve().
 *
 * Endpoint and namespace scopes match the function itself; bridge scopes match the bridge and every
 * bus from its secondary to its subordinate. A bridge scope that leads to a function which is no
 * bridge matches just that function. IOAPIC and HPET scopes match nothing: their ids appear on
 * interrupt requests only. INCLUDE_PCI_ALL is not looked at.
 * @out_bus_distance: for UDMAR_MATCH_SUBTREE the number of buses the matching bridge covers
 * (smaller is more specific), otherwise 0; may be null.
 */
enum udmar_match udmar_entry_match(const struct udmar_table *table, const struct udmar_entry *entry,
                                   const struct udmar_bus_reader *reader, uint16_t segment,
                                   udmar_rid_t rid, unsigned *out_bus_distance);

/*
 * udmar_table_find_unit - which unit governs a function?
 * @out_entry: the DRHD whose scope fits best; several with one base are one unit.
 * @out_match: why; may be null.
 *
 * The most specific explicit scope of the segment wins wherever its DRHD stands in the table;
 * INCLUDE_PCI_ALL is the fallback [VTD 8.3].
 *
 * Hardware obeys what firmware meant, so DRHDs that cannot be used count as well. Where it cannot
 * be known that a unit governs the function, the result is UDMAR_ERR_FIRMWARE: whoever gives the
 * function guest addresses may have it write to physical memory. @out_entry is then
 * - a DRHD that cannot be used and names the function, or is the segment's INCLUDE_PCI_ALL:
 *   udmar_entry_defect() says why. Nothing stops its DMA.
 * - a usable DRHD whose scope of unknown type names it, or the INCLUDE_PCI_ALL unit, which would
 *   have it if no damaged scope list, and nothing in a part that cannot be read, names it.
 * - all zero: there is no such unit.
 *
 * Returns UDMAR_OK; UDMAR_ERR_NO_UNIT when no unit of the segment covers the function, with
 * @out_entry all zero; UDMAR_ERR_FIRMWARE.
 */
enum udmar_status udmar_table_find_unit(const struct udmar_table *table,
                                        const struct udmar_bus_reader *reader, uint16_t segment,
                                        udmar_rid_t rid, struct udmar_entry *out_entry,
                                        enum udmar_match *out_match);

#ifdef __cplusplus
}
#endif

#endif
