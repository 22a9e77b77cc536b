/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMAR tables out of files: raw tables one behind the other, or the text of acpidump.
 */
#include "tables.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Offsets in the header that all ACPI tables have. */
enum { ACPI_LENGTH = 4, ACPI_HEADER = 36 };

/* Real tables have less than 8 KiB; looking for contradictions costs more than linear time. */
enum { TABLE_LIMIT = 32 * 1024 };

static uint32_t le32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static bool is_dmar(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "DMAR", 4) == 0;
}

/* Could an ACPI table begin here? Length and signature are all that tells. */
static bool is_acpi_table(const uint8_t *bytes, size_t size)
{
    uint32_t length;

    if (size < ACPI_HEADER)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        if (!isupper(bytes[i]) && !isdigit(bytes[i]) && bytes[i] != '_' && bytes[i] != '!')
            return false;
    }
    length = le32(bytes + ACPI_LENGTH);
    return length >= ACPI_HEADER && length <= size;
}

/* Takes over the bytes. */
static void add(struct table_set *set, uint8_t *bytes, size_t size, size_t offset, bool from_text)
{
    struct table_found *found;

    set->tables = reallocate(set->tables, set->count + 1, sizeof(*set->tables));
    found = &set->tables[set->count++];
    *found = (struct table_found){
        .bytes = bytes,
        .size = size,
        .offset = offset,
        .from_text = from_text,
    };
    found->status = udmar_table_open(bytes, size, &found->table);
}

static bool check_room(const struct table_set *set, size_t size, size_t offset,
                       struct problem *problem)
{
    if (set->count >= TABLES_MAX)
        return problem_set(problem, offset, "offset %zu: more than %d tables in one file", offset,
                           TABLES_MAX);
    if (size > TABLE_LIMIT)
        return problem_set(problem, offset,
                           "offset %zu: a DMAR table of %zu bytes cannot be true, "
                           "%d bytes are the limit",
                           offset, size, TABLE_LIMIT);
    return true;
}

/* ---- raw ------------------------------------------------------------------------------------ */

/*
 * The next DMAR table from an offset on, or size. In the middle of other things the letters alone
 * are not enough: programs have them too.
 */
static size_t search_dmar(const uint8_t *bytes, size_t size, size_t from)
{
    const uint8_t *at;

    for (; from < size; from = (size_t)(at - bytes) + 1) {
        at = memmem(bytes + from, size - from, "DMAR", 4);
        if (at == NULL)
            return size;
        if (is_acpi_table(at, size - (size_t)(at - bytes)))
            return (size_t)(at - bytes);
    }
    return size;
}

/*
 * Where the next DMAR table begins, size if nowhere. Other tables are stepped over as a whole, so
 * that letters within them are no signature; where no table begins only searching is left.
 */
static size_t next_dmar(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size && !is_dmar(bytes + at, size - at)) {
        if (is_acpi_table(bytes + at, size - at))
            at += le32(bytes + at + ACPI_LENGTH);
        else
            return search_dmar(bytes, size, at);
    }
    return at;
}

static uint8_t *copy(const uint8_t *bytes, size_t size)
{
    return memcpy(allocate(size, 1), bytes, size);
}

static bool find_raw(const uint8_t *bytes, size_t size, struct table_set *set,
                     struct problem *problem)
{
    size_t at = next_dmar(bytes, size, 0);

    while (at < size) {
        bool sound = is_acpi_table(bytes + at, size - at);
        size_t end = sound ? at + le32(bytes + at + ACPI_LENGTH) : at + 4;
        size_t next = next_dmar(bytes, size, end);
        /* What follows the last table belongs to it: the check says that it is ignored. */
        size_t taken = sound && next < size ? end - at : next - at;

        if (!sound && taken > TABLE_LIMIT)
            taken = TABLE_LIMIT;
        if (!check_room(set, sound ? end - at : taken, at, problem))
            return false;
        add(set, copy(bytes + at, taken), taken, at, false);
        at = next;
    }
    return true;
}

/* ---- text of acpidump (or xxd) --------------------------------------------------------------- */

struct text_reader {
    const char *at, *end;
    size_t line; /* from 1 */
    uint8_t *bytes;
    size_t size;
    size_t begin; /* line of the table's first bytes */
};

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "    0010: 54 45 ...": the offset. Returns the place behind the colon, null for another line. */
static const char *line_offset(const char *at, const char *end, size_t *out_offset)
{
    unsigned digits = 0;

    *out_offset = 0;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    for (; at < end && hex_digit(*at) >= 0 && digits <= 8; at++, digits++)
        *out_offset = *out_offset * 16 + (size_t)hex_digit(*at);
    return digits >= 1 && digits <= 8 && at < end && *at == ':' ? at + 1 : NULL;
}

/*
 * The bytes of a line: pairs of digits, one blank between some of them. Two blanks end them: what
 * follows is the same in characters, which may look like digits as well.
 */
static unsigned line_bytes(const char *at, const char *end, uint8_t out[16])
{
    unsigned count = 0;

    while (at < end && *at == ' ')
        at++;
    while (count < 16 && end - at >= 2 && hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0) {
        out[count++] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
        at += 2;
        if (at < end && *at == ' ')
            at++;
    }
    return count;
}

static bool finish_text(struct text_reader *reader, struct table_set *set, struct problem *problem)
{
    bool sound = true;

    if (is_dmar(reader->bytes, reader->size)) {
        sound = set->count < TABLES_MAX && reader->size <= TABLE_LIMIT;
        if (sound)
            add(set, copy(reader->bytes, reader->size), reader->size, reader->begin, true);
        else
            problem_set(problem, reader->begin, "line %zu: %s", reader->begin,
                        set->count < TABLES_MAX ? "a DMAR table of this size cannot be true"
                                                : "more tables than one file may have");
    }
    reader->size = 0;
    return sound;
}

/* One line. A table begins at offset 0; the line above it, "DMAR @ 0x...", need not be there. */
static bool read_line(struct text_reader *reader, const char *end, struct table_set *set,
                      struct problem *problem)
{
    size_t offset;
    uint8_t found[16];
    const char *at = line_offset(reader->at, end, &offset);
    unsigned count = at != NULL ? line_bytes(at, end, found) : 0;

    if (count == 0)
        return true;
    if (offset == 0) {
        if (!finish_text(reader, set, problem))
            return false;
        reader->begin = reader->line;
    }
    if (offset != reader->size) {
        /* Only a gap in a table that is wanted is worth a word. */
        if (is_dmar(reader->bytes, reader->size))
            return problem_set(problem, reader->line,
                               "line %zu: offset %zx, but the lines before it end at %zx",
                               reader->line, offset, reader->size);
        return true;
    }
    reader->bytes = reallocate(reader->bytes, reader->size + 16, 1);
    memcpy(reader->bytes + reader->size, found, count);
    reader->size += count;
    return true;
}

static bool find_text(const uint8_t *bytes, size_t size, struct table_set *set,
                      struct problem *problem)
{
    struct text_reader reader = { .at = (const char *)bytes, .end = (const char *)bytes + size };
    bool sound = true;

    while (sound && reader.at < reader.end) {
        const char *end = memchr(reader.at, '\n', (size_t)(reader.end - reader.at));

        if (end == NULL)
            end = reader.end;
        reader.line++;
        sound = read_line(&reader, end, set, problem);
        reader.at = end + 1;
    }
    sound = sound && finish_text(&reader, set, problem);
    free(reader.bytes);
    return sound;
}

/* ---- both ----------------------------------------------------------------------------------- */

bool tables_find(const uint8_t *bytes, size_t size, struct table_set *out_set,
                 struct problem *problem)
{
    bool is_text = size > 0 && memchr(bytes, 0, size) == NULL && !is_dmar(bytes, size);
    bool sound;

    *out_set = (struct table_set){ 0 };
    if (size == 0)
        return problem_set(problem, 0, "it is empty");
    /* "DMAR @ 0x..." is text; a raw table has zeros in its header. */
    if (is_dmar(bytes, size) && memchr(bytes, 0, size) == NULL && size > 5 && bytes[4] == ' ')
        is_text = true;
    sound = is_text ? find_text(bytes, size, out_set, problem)
                    : find_raw(bytes, size, out_set, problem);
    if (sound && out_set->count == 0)
        sound = problem_set(problem, 0,
                            is_text ? "no DMAR table in this text (acpidump's output is understood)"
                                    : "no DMAR table in it");
    if (!sound)
        tables_free(out_set);
    return sound;
}

bool tables_load(const char *path, struct table_set *out_set)
{
    struct problem problem;
    struct file file;
    bool sound;

    *out_set = (struct table_set){ 0 };
    if (!file_read(path, FILE_LIMIT, &file))
        return false;
    sound = tables_find(file.bytes, file.size, out_set, &problem);
    if (!sound)
        message("%s: %s", file.name, problem.text);
    file_free(&file);
    return sound;
}

void tables_free(struct table_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->tables[i].bytes);
    free(set->tables);
    *set = (struct table_set){ 0 };
}

const char *table_status_text(const struct table_found *found, char buffer[120])
{
    switch (found->status) {
    case UDMAR_OK:
        return "it is sound";
    case UDMAR_ERR_TRUNCATED:
        if (found->size < ACPI_LENGTH + 4)
            return "it ends within its header";
        snprintf(buffer, 120, "the length field says %" PRIu32 " bytes, %zu are there%s",
                 le32(found->bytes + ACPI_LENGTH), found->size,
                 le32(found->bytes + ACPI_LENGTH) <= found->size ? ", a DMAR header has 48" : "");
        return buffer;
    case UDMAR_ERR_CHECKSUM:
        return "the bytes do not add up to zero: damaged, or edited by hand";
    case UDMAR_ERR_WIDTH:
        return "the host address width is below 12 bits";
    case UDMAR_ERR_SIGNATURE:
        return "the signature is not DMAR";
    default:
        return udmar_status_string(found->status);
    }
}
