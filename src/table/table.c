/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table's header, and the way from one structure to the next.
 */
#include <udmar/table.h>

#include "table/parse.h"

/* Offsets in the header [VTD 8.1]; the first 36 bytes are those of every ACPI table. */
enum {
    AT_LENGTH = 4,
    AT_REVISION = 8,
    AT_OEM_ID = 10,
    AT_OEM_TABLE_ID = 16,
    AT_HOST_WIDTH = 36,
    AT_FLAGS = 37,
};

/* Nothing narrower than a page can be right, and addresses here have 64 bits. */
enum { WIDTH_MIN = 12, WIDTH_MAX = 64 };

static void copy_text(char *to, const uint8_t *from, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (char)from[i];
    }
    to[size] = '\0';
}

static bool is_dmar(const uint8_t *bytes)
{
    return bytes[0] == 'D' && bytes[1] == 'M' && bytes[2] == 'A' && bytes[3] == 'R';
}

static bool adds_up(const uint8_t *bytes, uint32_t length)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

enum udmar_status udmar_table_open(const void *buffer, size_t size, struct udmar_table *out_table)
{
    const uint8_t *bytes = buffer;
    unsigned width;
    uint32_t length;

    if (out_table == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    *out_table = (struct udmar_table){ 0 };
    if (buffer == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (size < UDMAR__HEADER_SIZE) {
        return UDMAR_ERR_TRUNCATED;
    }
    if (!is_dmar(bytes)) {
        return UDMAR_ERR_SIGNATURE;
    }
    length = udmar__le32(bytes + AT_LENGTH);
    if (length < UDMAR__HEADER_SIZE || length > size) {
        return UDMAR_ERR_TRUNCATED;
    }
    /* Before the checksum, whose failure leaves a table that people may go on with. */
    width = bytes[AT_HOST_WIDTH] + 1u;
    if (width < WIDTH_MIN) {
        return UDMAR_ERR_WIDTH;
    }

    out_table->bytes = bytes;
    out_table->buffer_size = size;
    out_table->length = length;
    out_table->revision = bytes[AT_REVISION];
    out_table->flags = bytes[AT_FLAGS];
    out_table->host_width = (uint8_t)(width > WIDTH_MAX ? WIDTH_MAX : width);
    copy_text(out_table->oem_id, bytes + AT_OEM_ID, sizeof(out_table->oem_id) - 1);
    copy_text(out_table->oem_table_id, bytes + AT_OEM_TABLE_ID,
              sizeof(out_table->oem_table_id) - 1);
    return adds_up(bytes, length) ? UDMAR_OK : UDMAR_ERR_CHECKSUM;
}

enum udmar_defect_kind udmar__head_at(const struct udmar_table *table, uint32_t offset,
                                      struct udmar_entry *entry)
{
    uint32_t left = offset < table->length ? table->length - offset : 0;

    *entry = (struct udmar_entry){ .offset = offset };
    if (left < UDMAR__HEAD_SIZE) {
        entry->type = 0xffff;
        entry->length = (uint16_t)left;
        return UDMAR_DEFECT_SHORT_HEAD;
    }
    entry->type = udmar__le16(table->bytes + offset);
    entry->length = udmar__le16(table->bytes + offset + 2);
    if (entry->length < UDMAR__HEAD_SIZE) {
        return UDMAR_DEFECT_LENGTH_ZERO;
    }
    if (entry->length > left) {
        return UDMAR_DEFECT_PAST_END;
    }
    return UDMAR_DEFECT_NONE;
}

enum udmar_defect_kind udmar__own_defect(const struct udmar_table *table,
                                         const struct udmar_entry *entry)
{
    struct udmar_scope bad;
    uint64_t value;
    enum udmar_defect_kind kind = udmar__contents_defect(table, entry, &value);

    return kind != UDMAR_DEFECT_NONE ? kind : udmar__scopes_defect(table, entry, &bad, &value);
}

bool udmar__next_sound(const struct udmar_table *table, struct udmar_entry *entry)
{
    uint32_t offset = entry->offset == 0 ? UDMAR__HEADER_SIZE : entry->offset + entry->length;

    while (udmar__head_at(table, offset, entry) == UDMAR_DEFECT_NONE) {
        offset += entry->length;
        if (udmar__decode(table, entry) == UDMAR_DEFECT_NONE &&
            udmar__own_defect(table, entry) == UDMAR_DEFECT_NONE) {
            return true;
        }
    }
    *entry = (struct udmar_entry){ 0 };
    return false;
}

bool udmar_table_next(const struct udmar_table *table, struct udmar_entry *entry)
{
    while (udmar__next_sound(table, entry)) {
        if (!udmar__clashes(table, entry)) {
            return true;
        }
    }
    return false;
}
