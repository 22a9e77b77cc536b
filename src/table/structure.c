/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed parts of the structures: decoding, and whether what they say can be true.
 */
#include <udmar/table.h>

#include "table/parse.h"

/* Bits 3:0 of the DRHD's size byte; the others are reserved and were all reserved once. */
enum { SIZE_EXPONENT = 0x0f };

/*
 * What a device must see at its own addresses it has no other addresses for. The largest regions of
 * real machines are the memory of displays, 270 MiB; a greater distance than this is a limit that
 * nobody has set.
 */
#define RMRR_MOST (UINT64_C(4) << 30)

/* The least length of each type; 0 for types not known here. */
static uint16_t fixed_part(uint16_t type)
{
    switch (type) {
    case UDMAR_ENTRY_DRHD:
        return 16;
    case UDMAR_ENTRY_RMRR:
        return 24;
    case UDMAR_ENTRY_RHSA:
        return 20;
    case UDMAR_ENTRY_ATSR:
    case UDMAR_ENTRY_ANDD:
    case UDMAR_ENTRY_SATC:
    case UDMAR_ENTRY_SIDP:
        return 8;
    default:
        return 0;
    }
}

static void decode_drhd(const uint8_t *bytes, struct udmar_entry *entry)
{
    entry->u.drhd.include_all = (bytes[4] & 1) != 0;
    entry->u.drhd.size_exponent = bytes[5] & SIZE_EXPONENT;
    entry->u.drhd.segment = udmar__le16(bytes + 6);
    entry->u.drhd.base = udmar__le64(bytes + 8);
}

static void decode_rmrr(const uint8_t *bytes, struct udmar_entry *entry)
{
    entry->u.rmrr.segment = udmar__le16(bytes + 6);
    entry->u.rmrr.base = udmar__le64(bytes + 8);
    entry->u.rmrr.limit = udmar__le64(bytes + 16);
}

static void decode_andd(const uint8_t *bytes, struct udmar_entry *entry)
{
    uint16_t room = (uint16_t)(entry->length - 8);
    uint16_t length = 0;

    while (length < room && bytes[8 + length] != 0) {
        length++;
    }
    entry->u.andd.number = bytes[7];
    entry->u.andd.path = (const char *)(bytes + 8);
    entry->u.andd.path_length = length;
}

static void decode_body(const uint8_t *bytes, struct udmar_entry *entry)
{
    switch (entry->type) {
    case UDMAR_ENTRY_DRHD:
        decode_drhd(bytes, entry);
        break;
    case UDMAR_ENTRY_RMRR:
        decode_rmrr(bytes, entry);
        break;
    case UDMAR_ENTRY_ATSR:
        entry->u.atsr.all_ports = (bytes[4] & 1) != 0;
        entry->u.atsr.segment = udmar__le16(bytes + 6);
        break;
    case UDMAR_ENTRY_RHSA:
        entry->u.rhsa.base = udmar__le64(bytes + 8);
        entry->u.rhsa.proximity = udmar__le32(bytes + 16);
        break;
    case UDMAR_ENTRY_ANDD:
        decode_andd(bytes, entry);
        break;
    case UDMAR_ENTRY_SATC:
        entry->u.satc.atc_required = (bytes[4] & 1) != 0;
        entry->u.satc.segment = udmar__le16(bytes + 6);
        break;
    default:
        entry->u.sidp.segment = udmar__le16(bytes + 6);
        break;
    }
}

enum udmar_defect_kind udmar__decode(const struct udmar_table *table, struct udmar_entry *entry)
{
    uint16_t fixed = fixed_part(entry->type);
    bool has_scopes = entry->type != UDMAR_ENTRY_RHSA && entry->type != UDMAR_ENTRY_ANDD;

    if (fixed == 0) {
        return UDMAR_DEFECT_UNKNOWN_TYPE;
    }
    if (entry->length < fixed) {
        return UDMAR_DEFECT_TOO_SHORT;
    }
    decode_body(table->bytes + entry->offset, entry);
    entry->scopes_offset = has_scopes ? fixed : entry->length;
    return UDMAR_DEFECT_NONE;
}

bool udmar__fits_width(const struct udmar_table *table, udmar_paddr_t address)
{
    /* Shifting by all 64 bits has no defined result. */
    return table->host_width >= 64 || address >> table->host_width == 0;
}

enum udmar_defect_kind udmar__contents_defect(const struct udmar_table *table,
                                              const struct udmar_entry *entry, uint64_t *out_value)
{
    *out_value = 0;
    switch (entry->type) {
    case UDMAR_ENTRY_DRHD:
        /* All ones, which absent hardware and unset variables read as, is not aligned either. */
        *out_value = entry->u.drhd.base;
        if (entry->u.drhd.base == 0 || (entry->u.drhd.base & UDMAR_PAGE_MASK) != 0) {
            return UDMAR_DEFECT_DRHD_BASE;
        }
        if (!udmar__fits_width(table, entry->u.drhd.base)) {
            return UDMAR_DEFECT_DRHD_WIDTH;
        }
        break;
    case UDMAR_ENTRY_RMRR:
        *out_value = entry->u.rmrr.limit;
        if (entry->u.rmrr.limit < entry->u.rmrr.base) {
            return UDMAR_DEFECT_RMRR_ORDER;
        }
        if (entry->u.rmrr.limit - entry->u.rmrr.base >= RMRR_MOST) {
            return UDMAR_DEFECT_RMRR_SIZE;
        }
        break;
    case UDMAR_ENTRY_ANDD:
        *out_value = entry->length;
        if (entry->u.andd.path_length == entry->length - 8) {
            return UDMAR_DEFECT_ANDD_STRING;
        }
        break;
    default:
        break;
    }
    return UDMAR_DEFECT_NONE;
}

uint16_t udmar_entry_segment(const struct udmar_entry *entry)
{
    switch (entry->type) {
    case UDMAR_ENTRY_DRHD:
        return entry->u.drhd.segment;
    case UDMAR_ENTRY_RMRR:
        return entry->u.rmrr.segment;
    case UDMAR_ENTRY_ATSR:
        return entry->u.atsr.segment;
    case UDMAR_ENTRY_SATC:
        return entry->u.satc.segment;
    case UDMAR_ENTRY_SIDP:
        return entry->u.sidp.segment;
    default:
        return 0;
    }
}

const char *udmar_entry_name(uint16_t type)
{
    switch (type) {
    case UDMAR_ENTRY_DRHD:
        return "DRHD";
    case UDMAR_ENTRY_RMRR:
        return "RMRR";
    case UDMAR_ENTRY_ATSR:
        return "ATSR";
    case UDMAR_ENTRY_RHSA:
        return "RHSA";
    case UDMAR_ENTRY_ANDD:
        return "ANDD";
    case UDMAR_ENTRY_SATC:
        return "SATC";
    case UDMAR_ENTRY_SIDP:
        return "SIDP";
    default:
        return "type ?";
    }
}
