/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the table layer share.
 *
 * A structure is looked at in steps, each of which may rely on the one before: its head lies in the
 * table, its fixed part lies in the structure, its contents and its scopes are sound, and no
 * unit of another segment has its registers. The iterators want all of it at once,
 * udmar_table_check() wants to name the step that failed.
 */
#ifndef UDMAR_TABLE_PARSE_H
#define UDMAR_TABLE_PARSE_H

#include <udmar/table.h>

enum {
    UDMAR__HEADER_SIZE = 48,
    UDMAR__HEAD_SIZE = 4,
    UDMAR__SCOPE_FIXED = 6,
    UDMAR__SCOPE_MIN = 8,
};

/* Tables have no alignment, neither as a whole nor inside, and hosts may have either byte order. */
static inline uint16_t udmar__le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t udmar__le32(const uint8_t *bytes)
{
    return udmar__le16(bytes) | (uint32_t)udmar__le16(bytes + 2) << 16;
}

static inline uint64_t udmar__le64(const uint8_t *bytes)
{
    return udmar__le32(bytes) | (uint64_t)udmar__le32(bytes + 4) << 32;
}

/*
 * udmar__head_at - offset, type and length of the structure at an offset; the rest becomes zero
 * Any offset is allowed. Returns UDMAR_DEFECT_NONE when the whole structure lies in the table, else
 * SHORT_HEAD (type 0xffff, length = what is left), LENGTH_ZERO or PAST_END.
 */
enum udmar_defect_kind udmar__head_at(const struct udmar_table *table, uint32_t offset,
                                      struct udmar_entry *entry);

/* udmar__decode - the fixed part; returns UDMAR_DEFECT_NONE, UNKNOWN_TYPE or TOO_SHORT. */
enum udmar_defect_kind udmar__decode(const struct udmar_table *table, struct udmar_entry *entry);

/*
 * udmar__contents_defect - why a decoded structure cannot be used, apart from its scopes
 * Returns UDMAR_DEFECT_NONE, DRHD_BASE, DRHD_WIDTH, RMRR_ORDER, RMRR_SIZE or ANDD_STRING.
 */
enum udmar_defect_kind udmar__contents_defect(const struct udmar_table *table,
                                              const struct udmar_entry *entry, uint64_t *out_value);

/* udmar__fits_width - does a physical address lie within the table's host address width? */
bool udmar__fits_width(const struct udmar_table *table, udmar_paddr_t address);

/*
 * udmar__own_defect - why a decoded structure cannot be used, whatever the others say
 * Returns what udmar__contents_defect() and udmar__scopes_defect() return.
 */
enum udmar_defect_kind udmar__own_defect(const struct udmar_table *table,
                                         const struct udmar_entry *entry);

/*
 * udmar__next_sound - like udmar_table_next(), but units that clash are among what it finds
 * This costs time in proportion to the table; leaving them out costs a search for each unit.
 */
bool udmar__next_sound(const struct udmar_table *table, struct udmar_entry *entry);

/* udmar__clashes - does an earlier sound unit of another segment have this one's registers? */
bool udmar__clashes(const struct udmar_table *table, const struct udmar_entry *entry);

enum udmar__scope_step {
    UDMAR__SCOPE_OK,
    UDMAR__SCOPE_END,
    UDMAR__SCOPE_BAD, /* the length makes no sense: offset and length are set, nothing else */
};

/* udmar__scope_at - the scope at an offset in the table that lies in or at the end of @entry. */
enum udmar__scope_step udmar__scope_at(const struct udmar_table *table,
                                       const struct udmar_entry *entry, uint32_t offset,
                                       struct udmar_scope *scope);

/* udmar__is_path_pair - can a function have this place on a bus? PCI has 32 devices of 8. */
bool udmar__is_path_pair(uint8_t device, uint8_t function);

/*
 * udmar__scopes_defect - why a structure's scope list cannot be believed
 * @out_scope: the first scope that is damaged; @out_value: its length or its first bad pair.
 *
 * Returns UDMAR_DEFECT_NONE; SCOPE_LENGTH; for a unit also SCOPE_PATH, where the scope might name
 * any function, and DRHD_END: a unit may have devices that it is not known to have.
 */
enum udmar_defect_kind udmar__scopes_defect(const struct udmar_table *table,
                                            const struct udmar_entry *entry,
                                            struct udmar_scope *out_scope, uint64_t *out_value);

/* udmar__bad_pair - the first pair of a path that no function can have; false: there is none. */
bool udmar__bad_pair(const struct udmar_scope *scope, uint64_t *out_pair);

/* udmar__is_interrupt_source - IOAPIC and HPET: no scope of theirs is about DMA. */
bool udmar__is_interrupt_source(const struct udmar_scope *scope);

/*
 * udmar__is_better - is a match better than the best so far? Of two equal ones the earlier stays.
 */
bool udmar__is_better(enum udmar_match match, unsigned distance, enum udmar_match best,
                      unsigned best_distance);

/*
 * udmar__match_odd - udmar_entry_match() for the scopes whose type is not known
 * What they name is taken to be the function at the end of the path, and all below if it is a
 * bridge.
 */
enum udmar_match udmar__match_odd(const struct udmar_table *table, const struct udmar_entry *entry,
                                  const struct udmar_bus_reader *reader, udmar_rid_t rid,
                                  unsigned *out_distance);

#endif
