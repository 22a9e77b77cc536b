/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMAR tables out of files: raw tables one behind the other, or a dump of them as text.
 */
#include "hexdump.h"
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

/* ---- text ----------------------------------------------------------------------------------- */

static bool find_in_dump(const struct dump *dump, struct table_set *set, struct problem *problem)
{
    bool sound = true;

    for (size_t i = 0; sound && i < dump->count; i++) {
        const struct dump_block *block = &dump->blocks[i];
        size_t before = set->count;

        sound = find_raw(block->bytes, block->size, set, problem);
        if (!sound)
            problem_set(problem, block->places[0].line, "line %zu: %s", block->places[0].line,
                        set->count < TABLES_MAX ? "a DMAR table of this size cannot be true"
                                                : "more tables than one file may have");
        for (; before < set->count; before++) {
            set->tables[before].offset = dump_line(block, set->tables[before].offset);
            set->tables[before].from_text = true;
        }
    }
    return sound;
}

/*
 * One form after the other. Where none fits, what is said is about the form that got furthest: the
 * others did not understand the text.
 */
static bool find_text(const uint8_t *bytes, size_t size, struct table_set *set,
                      struct problem *problem)
{
    struct problem found;
    struct plain_text text;
    struct dump_form form;
    struct dump dump;

    problem_set(problem, 0, "%s", "");
    text_make_plain(bytes, size, &text);
    for (size_t i = 0; set->count == 0 && dump_form_next(i, &form); i++) {
        /* Where there are offsets and something is wrong with them, they are not passed over. */
        if (form.radix == 0 && problem->offset > 0)
            break;
        if (dump_read(&text, &form, "DMAR", &dump, &found) && find_in_dump(&dump, set, &found))
            found.offset = 0;
        else
            tables_free(set);
        if (found.offset > problem->offset)
            *problem = found;
        dump_free(&dump);
    }
    text_free(&text);
    return set->count > 0 || problem->offset == 0;
}

/* ---- both ----------------------------------------------------------------------------------- */

static bool has_lines(const uint8_t *bytes, size_t size)
{
    return memchr(bytes, '\n', size) != NULL || memchr(bytes, '\r', size) != NULL;
}

bool tables_find(const uint8_t *bytes, size_t size, struct table_set *out_set,
                 struct problem *problem)
{
    struct problem unwanted;
    bool text = text_is_likely(bytes, size), sound;

    if (problem == NULL)
        problem = &unwanted;
    *out_set = (struct table_set){ 0 };
    if (size == 0)
        return problem_set(problem, 0, "it is empty");
    sound = !text || find_text(bytes, size, out_set, problem);
    /* A raw table that has no zeros has been cut. */
    if (sound && out_set->count == 0 &&
        (!text || (is_dmar(bytes, size) && !has_lines(bytes, size))))
        sound = find_raw(bytes, size, out_set, problem);
    if (sound && out_set->count == 0)
        sound = problem_set(problem, 0,
                            text ? "no DMAR table in this text (understood are acpidump, hexdump, "
                                   "od, xxd, a C array, and iasl's listing with its raw data)"
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
