/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers from a dump: text or bytes.
 *
 * Lines of text are "offset: value" as people type them, or "NAME offset value" as Linux prints
 * them in /sys/kernel/debug/iommu/intel/iommu_regset, where a line "IOMMU: dmar0 Register Base
 * Address: fed90000" goes ahead of each unit. All numbers are hexadecimal.
 */
#include "hexdump.h"
#include "unit_report.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Offsets of registers [VTD 11.4]. */
enum { AT_VERSION = 0x00, AT_CAP = 0x08, AT_ECAP = 0x10, AT_STATUS = 0x1c, RAW_LEAST = 0x18 };

struct unit_registers *unit_add(struct unit_set *set, const char *name)
{
    struct unit_registers *unit;

    set->units = reallocate(set->units, set->count + 1, sizeof(*set->units));
    unit = &set->units[set->count++];
    *unit = (struct unit_registers){ .has_version = false };
    snprintf(unit->name, sizeof(unit->name), "%s", name);
    return unit;
}

void unit_free(struct unit_set *set)
{
    free(set->units);
    *set = (struct unit_set){ 0 };
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint32_t le32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint64_t le64(const uint8_t *bytes)
{
    return le32(bytes) | (uint64_t)le32(bytes + 4) << 32;
}

static bool from_bytes(const uint8_t *bytes, size_t size, struct unit_set *set,
                       struct problem *problem)
{
    struct unit_registers *unit;

    if (size >= 4 && memcmp(bytes, "DMAR", 4) == 0)
        return problem_set(problem, 0, "this is a DMAR table, not registers: try udmar table");
    if (size < RAW_LEAST)
        return problem_set(problem, size,
                           "%zu bytes are too few: VER, CAP and ECAP take the first %d", size,
                           RAW_LEAST);
    unit = unit_add(set, "unit");
    unit->has_version = unit->has_cap = unit->has_ecap = true;
    unit->version = le32(bytes + AT_VERSION);
    unit->cap = le64(bytes + AT_CAP);
    unit->ecap = le64(bytes + AT_ECAP);
    if (size >= AT_STATUS + 4) {
        unit->has_status = true;
        unit->status = le32(bytes + AT_STATUS);
    }
    return true;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The next word, which blanks, colons and equals signs end. Returns its length. */
static size_t next_word(const char **at, const char *end, const char **out_word)
{
    static const char between[] = " \t\r:=,>|";

    while (*at < end && strchr(between, **at) != NULL && **at != '\0')
        (*at)++;
    *out_word = *at;
    while (*at < end && (strchr(between, **at) == NULL || **at == '\0'))
        (*at)++;
    return (size_t)(*at - *out_word);
}

/* A word as a hexadecimal number, and how many digits it has: 8 or fewer may be half a register. */
static bool word_number(const char *word, size_t length, uint64_t *out_value)
{
    char text[24];

    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, word, length);
    text[length] = '\0';
    return parse_hex(text, out_value);
}

/* "IOMMU: dmar0 Register Base Address: fed90000". */
static bool begin_unit(const char *at, const char *end, struct unit_set *set)
{
    struct unit_registers *unit;
    const char *word, *name, *last = NULL;
    size_t length = next_word(&at, end, &word), name_length, last_length = 0;
    char text[40];

    if (length != 5 || memcmp(word, "IOMMU", 5) != 0)
        return false;
    name_length = next_word(&at, end, &name);
    snprintf(text, sizeof(text), "%.*s", (int)(name_length < 32 ? name_length : 32), name);
    unit = unit_add(set, text);
    while ((length = next_word(&at, end, &word)) > 0) {
        last = word;
        last_length = length;
    }
    unit->has_address = last != NULL && word_number(last, last_length, &unit->address);
    return true;
}

static void take_register(struct unit_registers *unit, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case AT_VERSION:
        unit->has_version = true;
        unit->version = (uint32_t)value;
        break;
    case AT_CAP:
        unit->has_cap = true;
        unit->cap |= value;
        break;
    case AT_CAP + 4:
        unit->cap |= value << 32;
        break;
    case AT_ECAP:
        unit->has_ecap = true;
        unit->ecap |= value;
        break;
    case AT_ECAP + 4:
        unit->ecap |= value << 32;
        break;
    case AT_STATUS:
        unit->has_status = true;
        unit->status = (uint32_t)value;
        break;
    default:
        break;
    }
}

/* Lines that are none of ours are passed over: headings, blank ones, words. */
static bool take_line(const char *at, const char *end, size_t line, struct unit_set *set,
                      struct problem *problem)
{
    const char *word, *value_word;
    uint64_t offset, value;
    size_t length;

    if (set->count >= UNITS_MAX)
        return problem_set(problem, line, "line %zu: more than %d units", line, UNITS_MAX);
    if (begin_unit(at, end, set))
        return true;
    length = next_word(&at, end, &word);
    if (length == 0 || word[0] == '#')
        return true;
    if (!word_number(word, length, &offset)) {
        /* A name ahead of the offset. */
        length = next_word(&at, end, &word);
        if (!word_number(word, length, &offset))
            return true;
    }
    length = next_word(&at, end, &value_word);
    if (!word_number(value_word, length, &value))
        return length == 0 || problem_set(problem, line,
                                          "line %zu: the value at offset 0x%" PRIx64
                                          " is no hexadecimal number of 64 bits",
                                          line, offset);
    if (set->count == 0)
        unit_add(set, "unit");
    take_register(&set->units[set->count - 1], offset, value);
    return true;
}

/* Of the debugfs file every unit has all three; a dump by hand may lack the version. */
static bool check_units(const struct unit_set *set, struct problem *problem)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct unit_registers *unit = &set->units[i];

        if (!unit->has_cap || !unit->has_ecap)
            return problem_set(problem, 0, "no %s of %s (a line \"%s: VALUE\")",
                               unit->has_cap ? "ECAP" : "CAP", unit->name,
                               unit->has_cap ? "0x10" : "0x08");
    }
    if (set->count == 0)
        return problem_set(problem, 0, "no registers in it: lines \"offset: value\", or bytes");
    return true;
}

/* Registers as bytes have zeros, and other bytes that no text has. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    if (!text_is_likely(bytes, size))
        return false;
    for (size_t i = 0; size >= 2 && bytes[0] < 0x80 && i < size; i++) {
        if (bytes[i] < 0x80 && !isprint(bytes[i]) && !isspace(bytes[i]) && bytes[i] != 0x1b)
            return false;
    }
    return true;
}

/* As a mail, a forum or another system's shell has made it, line by line. */
static bool from_plain(const uint8_t *bytes, size_t size, struct unit_set *set,
                       struct problem *problem)
{
    struct plain_text text;
    bool sound = true;

    text_make_plain(bytes, size, &text);
    for (size_t i = 0; sound && i < text.count; i++) {
        const char *line = text.bytes + text.lines[i].at;

        sound = take_line(line, line + text.lines[i].length, text.lines[i].number, set, problem);
    }
    text_free(&text);
    return sound && check_units(set, problem);
}

bool unit_from_dump(const uint8_t *bytes, size_t size, struct unit_set *out_set,
                    struct problem *problem)
{
    bool sound;

    *out_set = (struct unit_set){ 0 };
    if (size == 0)
        return problem_set(problem, 0, "it is empty");
    sound = is_text(bytes, size) ? from_plain(bytes, size, out_set, problem)
                                 : from_bytes(bytes, size, out_set, problem);
    for (size_t i = 0; sound && i < out_set->count; i++) {
        /* Of the oldest architecture: it claims nothing that the other registers do not say. */
        if (!out_set->units[i].has_version)
            out_set->units[i].version = 0x10;
    }
    if (!sound)
        unit_free(out_set);
    return sound;
}
