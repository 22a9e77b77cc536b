/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes back out of what people paste: hexdump, od, xxd, acpidump, a C array, with what mail,
 * forums, logs and shells put around each line.
 *
 * Text is first made plain (lines, without encodings and markup), then read in one form after the
 * other until one gives what is searched for. A form says how a number is spelled; what stands
 * ahead of an offset in a line needs no form, because the offset that must come next is known.
 */
#ifndef UDMAR_TOOL_HEXDUMP_H
#define UDMAR_TOOL_HEXDUMP_H

#include "common.h"

/* ---- plain text ------------------------------------------------------------------------------ */

struct text_line {
    size_t at, length; /* in the text */
    size_t number;     /* in the input, from 1 */
};

struct plain_text {
    char *bytes; /* printable ASCII and tabs, other characters as '?' */
    size_t size;
    struct text_line *lines;
    size_t count;
};

/* Does it begin with the mark of UTF-16, or is nothing in it that text has not? */
bool text_is_likely(const uint8_t *bytes, size_t size);

/*
 * UTF-8 and UTF-16 with their marks, CR and CRLF, escape sequences of terminals, blanks of every
 * width, and HTML: tags and entities.
 */
void text_make_plain(const uint8_t *bytes, size_t size, struct plain_text *out_text);
void text_free(struct plain_text *text);

/* ---- dumps ----------------------------------------------------------------------------------- */

/* How the numbers of a dump are spelled. */
struct dump_form {
    unsigned base;  /* of words: 16, 10, 8, 2; 0: characters (od -c) */
    unsigned width; /* bytes of a word; 0: two digits each */
    bool little;    /* the word's last byte comes first in memory */
    unsigned radix; /* of offsets: 16, 10, 8; 0: no offsets */
};

/* The form of a number, from 0; false behind the last one. The likeliest come first. */
bool dump_form_next(size_t number, struct dump_form *out_form);

/* Bytes that follow each other. */
struct dump_block {
    uint8_t *bytes;
    size_t size;
    struct dump_place { /* the line of the bytes from an offset on */
        size_t offset, line;
    } * places;
    size_t place_count;
};

struct dump {
    struct dump_block *blocks;
    size_t count;
};

/*
 * Reads a text in one form. Only blocks that have @magic (4 bytes) somewhere are kept. False, with
 * a problem, where rows of such a block are missing or wrong; the problem's offset is the line.
 */
bool dump_read(const struct plain_text *text, const struct dump_form *form, const char magic[4],
               struct dump *out_dump, struct problem *problem);
void dump_free(struct dump *dump);

/* The line that gave a byte of a block. */
size_t dump_line(const struct dump_block *block, size_t offset);

/* ---- one row (hexdump_row.c, for hexdump.c) ---------------------------------------------------
 */

struct dump_row {
    uint64_t offset;
    unsigned digits;    /* of the offset; 0: none */
    bool colon;         /* behind it */
    size_t prefix;      /* characters ahead of it */
    size_t first, size; /* bytes: in the buffer from first on */
    bool whole;         /* no other words behind them */
    /* Of the first row, for those that follow: what is found there may be told from other text. */
    unsigned word; /* digits of a word */
    size_t gap;    /* blanks between two of them */
    bool middle;   /* more of them behind eight bytes */
};

struct dump_bytes {
    uint8_t *bytes;
    size_t size, room;
};

/*
 * The row that begins at a place of a line: an offset if the form has them, then words, whose bytes
 * are appended. False: no row begins there. A row may have an offset and no words. The last three
 * members of @row are 0, or those of the first row.
 */
bool dump_row_at(const struct dump_form *form, const char *line, size_t length, size_t at,
                 struct dump_bytes *bytes, struct dump_row *row);

/* The next place where a row might begin: behind a blank or another mark. False: none is left. */
bool dump_row_place(const char *line, size_t length, size_t *at);

#endif
