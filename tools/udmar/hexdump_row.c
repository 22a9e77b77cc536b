/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One row of a dump: offset, words, and perhaps the same in characters.
 */
#include "hexdump.h"

#include <ctype.h>
#include <string.h>

enum { ROW_MAX = 128 * 1024 }; /* bytes: a whole table may stand in one line */

/* A line, and how far it has been read. */
struct scan {
    const char *line;
    size_t length, at;
};

static char peek(const struct scan *scan, size_t ahead)
{
    return scan->at + ahead < scan->length ? scan->line[scan->at + ahead] : '\0';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_blanks(struct scan *scan)
{
    size_t from = scan->at;

    while (is_blank(peek(scan, 0)))
        scan->at++;
    return scan->at - from;
}

/* The digit's value, or 16 and more. */
static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

static unsigned skip_digits(struct scan *scan, unsigned base)
{
    size_t from = scan->at;

    while (digit(peek(scan, 0)) < base)
        scan->at++;
    return (unsigned)(scan->at - from);
}

static bool skip_hex_mark(struct scan *scan)
{
    bool found = peek(scan, 0) == '0' && (peek(scan, 1) | 0x20) == 'x';

    scan->at += found ? 2 : 0;
    return found;
}

static void put(struct dump_bytes *bytes, uint8_t byte)
{
    if (bytes->size == bytes->room) {
        bytes->room = bytes->room == 0 ? 256 : 2 * bytes->room;
        bytes->bytes = reallocate(bytes->bytes, bytes->room, 1);
    }
    bytes->bytes[bytes->size++] = byte;
}

/* The bytes of a word, as memory has them. */
static void put_number(struct dump_bytes *bytes, uint64_t value, unsigned width, bool little)
{
    for (unsigned i = 0; i < width; i++)
        put(bytes, (uint8_t)(value >> 8 * (little ? i : width - 1 - i)));
}

/* ---- words ----------------------------------------------------------------------------------- */

/* What a word must end with. A dash stands in the middle of the rows of some debuggers. */
static bool ends_word(const struct dump_form *form, char c)
{
    return c == '\0' || is_blank(c) || c == ',' || c == ';' || c == '}' || c == '|' ||
           (c == '-' && form->base == 16);
}

/* Two digits give a byte; the digits of a word may be any number of bytes. */
static bool take_hex(const struct dump_form *form, struct scan *scan, struct dump_bytes *bytes,
                     unsigned *out_digits)
{
    bool marked = skip_hex_mark(scan);
    const char *digits = scan->line + scan->at;
    unsigned count = skip_digits(scan, 16), width = count / 2;

    *out_digits = count;
    if (marked && count == 1) {
        put(bytes, (uint8_t)digit(digits[0]));
        *out_digits = 2;
        return true;
    }
    if (count == 0 || count % 2 != 0 || count > 2 * ROW_MAX || (form->little && width > 8))
        return false;
    for (unsigned i = 0; i < width; i++) {
        const char *pair = digits + 2 * (form->little ? width - 1 - i : i);

        put(bytes, (uint8_t)(digit(pair[0]) << 4 | digit(pair[1])));
    }
    return true;
}

/* Octal and binary words have a fixed number of digits, decimal ones have not, but may be negative.
 */
static bool take_number(const struct dump_form *form, struct scan *scan, struct dump_bytes *bytes,
                        unsigned *out_digits)
{
    static const unsigned octal[] = { [1] = 3, [2] = 6, [4] = 11, [8] = 22 };
    bool minus = form->base == 10 && peek(scan, 0) == '-';
    unsigned bits = 8 * form->width, limit = form->base == 10 ? 20 : 22;
    const char *digits;
    uint64_t value = 0;

    scan->at += minus;
    digits = scan->line + scan->at;
    *out_digits = skip_digits(scan, form->base);
    if (*out_digits == 0 || *out_digits > limit ||
        (form->base == 8 && *out_digits != octal[form->width]) ||
        (form->base == 2 && *out_digits != bits))
        return false;
    for (unsigned i = 0; i < *out_digits; i++) {
        if (__builtin_mul_overflow(value, form->base, &value) ||
            __builtin_add_overflow(value, digit(digits[i]), &value))
            return false;
    }
    if (bits < 64 && value >> bits != 0)
        return false;
    put_number(bytes, minus ? -value : value, form->width, true);
    *out_digits = 0;
    return true;
}

static bool take_word(const struct dump_form *form, struct scan *scan, struct dump_bytes *bytes,
                      unsigned *out_digits)
{
    size_t size = bytes->size;

    if ((form->base == 16 ? take_hex(form, scan, bytes, out_digits)
                          : take_number(form, scan, bytes, out_digits)) &&
        ends_word(form, peek(scan, 0))) {
        scan->at += peek(scan, 0) == ',' || (peek(scan, 0) == '-' && form->base == 16);
        return true;
    }
    bytes->size = size;
    return false;
}

/*
 * Some leave a wider gap behind eight bytes. Eight characters cannot look like four words, and in
 * later rows it is known.
 */
static bool is_middle(const struct dump_form *form, struct scan scan, struct dump_bytes *bytes,
                      const struct dump_row *row)
{
    size_t size = bytes->size;
    unsigned count = 0, digits;

    if (size - row->first != 8)
        return false;
    while (count < 4 && take_word(form, &scan, bytes, &digits) && digits == row->word) {
        count++;
        skip_blanks(&scan);
    }
    bytes->size = size;
    return count == 4 || (row->middle && count > 0);
}

/* May a word follow a gap? In hexadecimal, what follows a wide one is the row in characters. */
static bool is_usual(const struct dump_form *form, const struct scan *scan, size_t gap,
                     struct dump_bytes *bytes, struct dump_row *row)
{
    struct scan ahead = *scan;

    if (form->base != 16 || row->gap == 0 || gap < 2 || gap <= row->gap)
        return true;
    /* A short word of little-endian ones stands to the right. */
    if (form->little && gap - row->gap + skip_digits(&ahead, 16) == row->word)
        return true;
    if (gap != row->gap + 1 || !is_middle(form, *scan, bytes, row))
        return false;
    row->middle = true;
    return true;
}

/* All words have as many digits as the first; the last one may have fewer. */
static void take_words(const struct dump_form *form, struct scan *scan, struct dump_bytes *bytes,
                       struct dump_row *row)
{
    size_t after = scan->at;
    unsigned digits;

    for (size_t count = 0; bytes->size - row->first < ROW_MAX; count++) {
        size_t gap = skip_blanks(scan), size = bytes->size;

        if ((count > 0 && !is_usual(form, scan, gap, bytes, row)) ||
            !take_word(form, scan, bytes, &digits))
            break;
        if (count > 0 && digits > row->word) {
            bytes->size = size;
            break;
        }
        if (count == 0)
            row->word = digits > row->word ? digits : row->word;
        if (count == 1 && row->gap == 0)
            row->gap = gap;
        after = scan->at;
        if (digits < row->word)
            break;
    }
    scan->at = after;
}

/* ---- characters: od -c, hexdump -c ------------------------------------------------------------
 */

static bool take_character(const char cell[4], struct dump_bytes *bytes)
{
    static const char names[] = "0abtnvfr", values[] = "\0\a\b\t\n\v\f\r";
    const char *name;

    if (cell[0] != ' ')
        return false;
    if (digit(cell[1]) < 4 && digit(cell[2]) < 8 && digit(cell[3]) < 8) {
        put(bytes, (uint8_t)(digit(cell[1]) << 6 | digit(cell[2]) << 3 | digit(cell[3])));
        return true;
    }
    if (cell[1] != ' ')
        return false;
    if (cell[2] == '\\' && (name = strchr(names, cell[3])) != NULL && *name != '\0') {
        put(bytes, (uint8_t)values[name - names]);
        return true;
    }
    if (cell[2] != ' ')
        return false;
    put(bytes, (uint8_t)cell[3]);
    return true;
}

/* Each has four columns. A backslash that stands for itself has three blanks ahead of it. */
static void take_characters(struct scan *scan, struct dump_bytes *bytes)
{
    while (scan->length - scan->at >= 4 && take_character(scan->line + scan->at, bytes))
        scan->at += 4;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* "0010:", "00000010  ", "0x10:", "00000000`00000010". */
static bool take_offset(const struct dump_form *form, struct scan *scan, struct dump_row *row)
{
    bool marked = skip_hex_mark(scan);
    unsigned radix = marked ? 16 : form->radix, count = 0;

    for (; digit(peek(scan, 0)) < radix || (peek(scan, 0) == '`' && count > 0); scan->at++) {
        if (peek(scan, 0) == '`')
            continue;
        row->offset = row->offset * radix + digit(peek(scan, 0));
        if (++count > 16)
            return false;
    }
    row->digits = count;
    if (count == 0)
        return false;
    if (peek(scan, 0) == ':') {
        scan->at++;
        row->colon = true;
        return true;
    }
    return peek(scan, 0) == '\0' || is_blank(peek(scan, 0));
}

/* Does nothing follow but the same in characters, a comment, or the end of an array? */
static bool ends_row(struct scan *scan)
{
    while (is_blank(peek(scan, 0)) || peek(scan, 0) == ';' || peek(scan, 0) == '}')
        scan->at++;
    return scan->at >= scan->length || peek(scan, 0) == '>' || peek(scan, 0) == '|' ||
           (peek(scan, 0) == '/' && (peek(scan, 1) == '/' || peek(scan, 1) == '*'));
}

bool dump_row_at(const struct dump_form *form, const char *line, size_t length, size_t at,
                 struct dump_bytes *bytes, struct dump_row *row)
{
    struct scan scan = { line, length, at };

    row->offset = 0;
    row->digits = 0;
    row->colon = false;
    row->prefix = at;
    row->first = bytes->size;
    if (form->radix != 0 && !take_offset(form, &scan, row))
        return false;
    if (form->base == 0)
        take_characters(&scan, bytes);
    else
        take_words(form, &scan, bytes, row);
    row->size = bytes->size - row->first;
    row->whole = ends_row(&scan);
    return form->radix != 0 || row->size > 0;
}

bool dump_row_place(const char *line, size_t length, size_t *at)
{
    static const char marks[] = " \t>|:{[(\"'=*#;,]+";

    for (size_t i = *at; i < length; i++) {
        if ((isalnum((unsigned char)line[i]) || line[i] == '-') &&
            (i == 0 || strchr(marks, line[i - 1]) != NULL)) {
            *at = i;
            return true;
        }
    }
    return false;
}
