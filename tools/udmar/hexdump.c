/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of a dump put together.
 */
#include "hexdump.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MAX = 64 * 1024 * 1024,
    PLACES_MAX = 24, /* in a line where a row is looked for */
};

struct reader {
    const struct dump_form *form;
    const char *magic;
    struct problem *problem;
    struct dump *dump;

    bool open;  /* a block is being read */
    bool ended; /* without offsets: all that its header announces is there */
    bool star;  /* the rows up to the next offset are like the last one */
    struct dump_bytes bytes;
    struct dump_place *places;
    size_t place_count;
    struct dump_row first, last;
    const char *prefix;      /* of the first row: its prefix characters */
    size_t last_line;        /* of the last row */
    size_t stride;           /* bytes of the longest row */
    struct dump_bytes loose; /* words of the line behind a row: its other half, if it fits */
};

/* The line that is being read. */
struct line {
    const char *at;
    size_t length, number;
};

bool dump_form_next(size_t number, struct dump_form *out_form)
{
    static const struct dump_form words[] = {
        { .base = 16 },
        { .base = 16, .little = true },
        { .base = 8, .width = 2 },
        { .base = 8, .width = 1 },
        { .base = 8, .width = 4 },
        { .base = 8, .width = 8 },
        { .base = 0 },
        { .base = 10, .width = 1 },
        { .base = 10, .width = 2 },
        { .base = 10, .width = 4 },
        { .base = 10, .width = 8 },
        { .base = 2, .width = 1 },
    };
    static const unsigned radixes[] = { 16, 8, 10, 0 };
    const size_t count = sizeof(words) / sizeof(words[0]);

    if (number >= 4 * count)
        return false;
    *out_form = words[number % count];
    out_form->radix = radixes[number / count];
    return true;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool has_magic(const struct reader *reader)
{
    return reader->open &&
           memmem(reader->bytes.bytes, reader->bytes.size, reader->magic, 4) != NULL;
}

static void append(struct dump_bytes *to, const uint8_t *bytes, size_t size)
{
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size);
        to->bytes = reallocate(to->bytes, to->room, 1);
    }
    if (size > 0)
        memmove(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void add_place(struct reader *reader, size_t offset, size_t line)
{
    if ((reader->place_count & (reader->place_count - 1)) == 0)
        reader->places =
            reallocate(reader->places, reader->place_count == 0 ? 1 : 2 * reader->place_count,
                       sizeof(*reader->places));
    reader->places[reader->place_count++] = (struct dump_place){ offset, line };
}

static void add_row(struct reader *reader, const struct line *line, const struct dump_row *row,
                    const uint8_t *bytes)
{
    reader->last = *row;
    reader->last.first = reader->bytes.size;
    reader->last_line = line->number;
    if (row->size > reader->stride)
        reader->stride = row->size;
    add_place(reader, reader->bytes.size, line->number);
    append(&reader->bytes, bytes, row->size);
}

/* Keeps the block if it has what is looked for. */
static void end_block(struct reader *reader)
{
    struct dump *dump = reader->dump;

    if (reader->last.size + reader->loose.size <= reader->stride)
        append(&reader->bytes, reader->loose.bytes, reader->loose.size);
    if (has_magic(reader)) {
        dump->blocks = reallocate(dump->blocks, dump->count + 1, sizeof(*dump->blocks));
        dump->blocks[dump->count++] = (struct dump_block){
            .bytes = reader->bytes.bytes,
            .size = reader->bytes.size,
            .places = reader->places,
            .place_count = reader->place_count,
        };
    } else {
        free(reader->bytes.bytes);
        free(reader->places);
    }
    reader->bytes = (struct dump_bytes){ 0 };
    reader->loose.size = 0;
    reader->places = NULL;
    reader->place_count = 0;
    reader->open = false;
}

/* ---- where a line belongs -------------------------------------------------------------------- */

/* The next sign of a prefix: digits, letters and blanks in any number are alike. */
static char sign(const char **at, const char *end)
{
    char first;

    while (*at < end && (**at == ' ' || **at == '\t'))
        (*at)++;
    if (*at == end)
        return '\0';
    first = *(*at)++;
    if (!isalnum((unsigned char)first))
        return first;
    while (*at < end && isalnum((unsigned char)**at) &&
           !isdigit((unsigned char)**at) == !isdigit((unsigned char)first))
        (*at)++;
    return isdigit((unsigned char)first) ? '0' : 'a';
}

/* Is what stands ahead of the row as in the block's first row, time stamps aside? */
static bool is_alike(const struct reader *reader, const struct line *line, size_t prefix)
{
    const char *a = reader->prefix, *a_end = a + reader->first.prefix;
    const char *b = line->at, *b_end = b + prefix;
    char found;

    do {
        found = sign(&a, a_end);
        if (found != sign(&b, b_end))
            return false;
    } while (found != '\0');
    return true;
}

/* No word stands ahead of it. */
static bool is_bare(const struct line *line, size_t prefix)
{
    for (size_t i = 0; i < prefix; i++) {
        if (isalnum((unsigned char)line->at[i]))
            return false;
    }
    return true;
}

static struct dump_row like_first(const struct reader *reader)
{
    return (struct dump_row){
        .word = reader->first.word,
        .gap = reader->first.gap,
        .middle = reader->first.middle,
    };
}

static uint64_t expected(const struct reader *reader)
{
    return reader->first.offset + reader->bytes.size;
}

/*
 * How likely a dump begins with a row: 0 not at all. Times of day look like short rows, and words
 * like offsets.
 */
static size_t beginning(const struct reader *reader, const struct dump_row *row,
                        const uint8_t *bytes)
{
    bool zero = row->offset == 0 && (row->colon || row->digits >= 4);
    bool wanted;

    if (row->size < 4)
        return 0;
    wanted = memcmp(bytes, reader->magic, 4) == 0;
    if (wanted && (zero || row->digits >= 6 || reader->form->radix == 0))
        return SIZE_MAX;
    return reader->form->radix != 0 && zero && !has_magic(reader) ? row->size : 0;
}

static void begin_block(struct reader *reader, const struct line *line, const struct dump_row *row,
                        const uint8_t *bytes)
{
    end_block(reader);
    reader->open = true;
    reader->ended = reader->star = false;
    reader->stride = 0;
    reader->first = *row;
    reader->prefix = line->at;
    add_row(reader, line, row, bytes);
}

/* A line that does not go on with a block may begin one. */
static void try_begin(struct reader *reader, const struct line *line)
{
    struct dump_bytes found = { 0 };
    size_t at = 0, best = 0, best_at = 0;
    struct dump_row row;

    for (unsigned i = 0;
         best < SIZE_MAX && i < PLACES_MAX && dump_row_place(line->at, line->length, &at);
         i++, at++) {
        size_t likely;

        row = (struct dump_row){ 0 };
        found.size = 0;
        if (!dump_row_at(reader->form, line->at, line->length, at, &found, &row))
            continue;
        likely = beginning(reader, &row, found.bytes);
        if (likely > best) {
            best = likely;
            best_at = at;
        }
    }
    if (best > 0) {
        row = (struct dump_row){ 0 };
        found.size = 0;
        dump_row_at(reader->form, line->at, line->length, best_at, &found, &row);
        begin_block(reader, line, &row, found.bytes);
    }
    free(found.bytes);
}

/* ---- rows with offsets ----------------------------------------------------------------------- */

static bool gap_problem(const struct reader *reader, const struct line *line, uint64_t offset)
{
    const char *format = reader->form->radix == 16 ? "line %zu: offset %" PRIx64
                                                     ", but the lines before it end at %" PRIx64
                         : reader->form->radix == 8 ? "line %zu: offset %" PRIo64
                                                      ", but the lines before it end at %" PRIo64
                                                    : "line %zu: offset %" PRIu64
                                                      ", but the lines before it end at %" PRIu64;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return problem_set(reader->problem, line->number, format, line->number, offset,
                       expected(reader));
#pragma GCC diagnostic pop
}

/* Rows that are only hinted at with "*". False: they cannot lead to this offset. */
static bool repeat(struct reader *reader, uint64_t offset)
{
    uint64_t missing = offset - expected(reader);
    struct dump_row last = reader->last;

    if (!reader->star || offset < expected(reader) || missing > BLOCK_MAX - reader->bytes.size)
        return false;
    for (; missing > 0; missing -= missing < last.size ? missing : last.size) {
        uint8_t *copy = allocate(last.size, 1);
        size_t size = missing < last.size ? (size_t)missing : last.size;

        memcpy(copy, reader->bytes.bytes + last.first, last.size);
        append(&reader->bytes, copy, size);
        free(copy);
    }
    reader->star = false;
    return true;
}

/* Makes the block reach up to an offset, from what lines without one have said. */
static bool reach(struct reader *reader, uint64_t offset)
{
    if (offset != expected(reader) && reader->loose.size > 0 &&
        offset == expected(reader) + reader->loose.size) {
        append(&reader->bytes, reader->loose.bytes, reader->loose.size);
        if (reader->last.size + reader->loose.size > reader->stride)
            reader->stride = reader->last.size + reader->loose.size;
    }
    if (offset != expected(reader) && !repeat(reader, offset))
        return false;
    reader->loose.size = 0;
    reader->star = false;
    return true;
}

/* Behind the last row its end may stand: then a padded word is cut, or a padded row of characters.
 */
static bool end_at(struct reader *reader, uint64_t offset)
{
    uint64_t end = expected(reader), most = reader->form->base == 0 ? reader->last.size : 8;

    if (offset < end && end - offset < most && offset >= reader->first.offset + reader->last.first)
        reader->bytes.size -= (size_t)(end - offset);
    return reach(reader, offset);
}

enum fit { FIT_NOT, FIT_DONE, FIT_NEW, FIT_WRONG };

/* A row like the first, with the offset that must come next. */
static enum fit judge(struct reader *reader, const struct line *line, const struct dump_row *row,
                      const uint8_t *bytes)
{
    if (!is_alike(reader, line, row->prefix) ||
        (row->digits != reader->first.digits && row->offset != expected(reader)))
        return FIT_NOT;
    if (row->size == 0)
        return row->whole && end_at(reader, row->offset) ? FIT_DONE : FIT_NOT;
    if (!reach(reader, row->offset))
        return FIT_NOT;
    add_row(reader, line, row, bytes);
    return FIT_DONE;
}

static bool is_like_first(const struct reader *reader, const struct dump_row *row)
{
    return row->digits == reader->first.digits && row->colon == reader->first.colon;
}

/* The same with something else ahead of it. */
static enum fit judge_other(struct reader *reader, const struct line *line,
                            const struct dump_row *row, const uint8_t *bytes)
{
    if (row->size == 0 || !is_like_first(reader, row) || row->offset != expected(reader))
        return FIT_NOT;
    reader->loose.size = 0;
    reader->star = false;
    add_row(reader, line, row, bytes);
    return FIT_DONE;
}

/* A row like the others, with another offset: the next dump, or something is missing. */
static enum fit judge_gap(struct reader *reader, const struct line *line,
                          const struct dump_row *row, const uint8_t *bytes)
{
    if (!is_like_first(reader, row) || !is_alike(reader, line, row->prefix) ||
        (row->size == 0 && !row->whole))
        return FIT_NOT;
    if (row->size > 0 && (row->offset == 0 || beginning(reader, row, bytes) == SIZE_MAX))
        return FIT_NEW;
    gap_problem(reader, line, row->offset);
    return FIT_WRONG;
}

static enum fit try_rows(struct reader *reader, const struct line *line,
                         enum fit (*judge_row)(struct reader *, const struct line *,
                                               const struct dump_row *, const uint8_t *))
{
    struct dump_bytes found = { 0 };
    enum fit fit = FIT_NOT;
    size_t at = 0;

    for (unsigned i = 0;
         fit == FIT_NOT && i < PLACES_MAX && dump_row_place(line->at, line->length, &at);
         i++, at++) {
        struct dump_row row = like_first(reader);

        found.size = 0;
        if (dump_row_at(reader->form, line->at, line->length, at, &found, &row))
            fit = judge_row(reader, line, &row, found.bytes);
    }
    free(found.bytes);
    return fit;
}

static bool is_star(const struct line *line)
{
    size_t i = 0;

    while (i < line->length && line->at[i] != '*')
        i++;
    for (size_t k = i + 1; k < line->length; k++) {
        if (line->at[k] != ' ' && line->at[k] != '\t')
            return false;
    }
    return i < line->length && (is_bare(line, i) || line->at[i - 1] == ' ');
}

/* Words without an offset right behind a row. */
static void keep_loose(struct reader *reader, const struct line *line)
{
    struct dump_form form = *reader->form;
    struct dump_row row = like_first(reader);
    size_t at = 0;

    reader->loose.size = 0;
    form.radix = 0;
    if (form.base == 0 || reader->last_line + 1 != line->number ||
        !dump_row_place(line->at, line->length, &at) || !is_bare(line, at) ||
        !dump_row_at(&form, line->at, line->length, at, &reader->loose, &row))
        reader->loose.size = 0;
}

static bool read_line(struct reader *reader, const struct line *line)
{
    enum fit fit = FIT_NOT;

    if (reader->open) {
        fit = try_rows(reader, line, judge);
        if (fit == FIT_NOT)
            fit = try_rows(reader, line, judge_other);
        if (fit == FIT_NOT && is_star(line)) {
            reader->star = true;
            return true;
        }
        if (fit == FIT_NOT)
            fit = try_rows(reader, line, judge_gap);
        if (fit == FIT_WRONG && has_magic(reader))
            return false;
        if (fit == FIT_WRONG || fit == FIT_NEW)
            end_block(reader);
    }
    if (fit == FIT_DONE)
        return true;
    if (reader->open && has_magic(reader))
        keep_loose(reader, line);
    try_begin(reader, line);
    return true;
}

/* ---- rows without offsets -------------------------------------------------------------------- */

static uint32_t announced(const struct reader *reader)
{
    const uint8_t *bytes = reader->bytes.bytes;

    return reader->bytes.size < 8 ? UINT32_MAX
                                  : (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 |
                                        (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
}

/*
 * Only words may stand in the line, with the same ahead of them as in the first row. A row that is
 * shorter than the first is the last one if nothing is missing then.
 */
static enum fit judge_words(struct reader *reader, const struct line *line,
                            const struct dump_row *row, const uint8_t *bytes)
{
    if (reader->ended || row->size == 0 || (!row->whole && row->size != reader->first.size) ||
        (!is_bare(line, row->prefix) && !is_alike(reader, line, row->prefix)))
        return FIT_NOT;
    add_row(reader, line, row, bytes);
    reader->ended = row->size < reader->first.size && reader->bytes.size >= announced(reader);
    return FIT_DONE;
}

static bool read_words(struct reader *reader, const struct line *line)
{
    if (!reader->open || try_rows(reader, line, judge_words) == FIT_NOT)
        try_begin(reader, line);
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

bool dump_read(const struct plain_text *text, const struct dump_form *form, const char magic[4],
               struct dump *out_dump, struct problem *problem)
{
    struct reader reader = { .form = form, .magic = magic, .dump = out_dump, .problem = problem };
    bool sound = true;

    *out_dump = (struct dump){ 0 };
    for (size_t i = 0; sound && i < text->count; i++) {
        struct line line = {
            .at = text->bytes + text->lines[i].at,
            .length = text->lines[i].length,
            .number = text->lines[i].number,
        };

        sound = form->radix != 0 ? read_line(&reader, &line) : read_words(&reader, &line);
        if (sound && reader.bytes.size > BLOCK_MAX)
            sound =
                problem_set(problem, line.number, "line %zu: the dump is too long", line.number);
    }
    end_block(&reader);
    free(reader.loose.bytes);
    if (!sound)
        dump_free(out_dump);
    return sound;
}

void dump_free(struct dump *dump)
{
    for (size_t i = 0; i < dump->count; i++) {
        free(dump->blocks[i].bytes);
        free(dump->blocks[i].places);
    }
    free(dump->blocks);
    *dump = (struct dump){ 0 };
}

size_t dump_line(const struct dump_block *block, size_t offset)
{
    size_t line = 0;

    for (size_t i = 0; i < block->place_count && block->places[i].offset <= offset; i++)
        line = block->places[i].line;
    return line;
}
