/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of any origin as plain lines.
 */
#include "hexdump.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- encodings ------------------------------------------------------------------------------- */

static bool has_utf16_mark(const uint8_t *bytes, size_t size)
{
    return size >= 2 &&
           ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff));
}

bool text_is_likely(const uint8_t *bytes, size_t size)
{
    return has_utf16_mark(bytes, size) || memchr(bytes, 0, size) == NULL;
}

/* A character as ASCII: '\0' for one without width. */
static char as_ascii(uint32_t character)
{
    if (character == 0xfeff || (character >= 0x200b && character <= 0x200f))
        return '\0';
    if (character == 0xa0 || (character >= 0x2000 && character <= 0x200a) || character == 0x202f ||
        character == 0x3000)
        return ' ';
    if (character == '\n' || character == '\r' || character == '\t' || character == 0x1b)
        return (char)character;
    if (character == 0x2028 || character == 0x2029 || character == 0x0b || character == 0x0c)
        return '\n';
    return character >= 0x20 && character < 0x7f ? (char)character : '?';
}

/* The character at a place of UTF-8, and its length. Bytes that are none count as one each. */
static uint32_t utf8(const uint8_t *bytes, size_t size, size_t *out_length)
{
    static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned length = bytes[0] < 0x80 ? 1 : bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    uint32_t character = bytes[0] & first_bits[length];

    *out_length = 1;
    if (length > size || (bytes[0] >= 0x80 && bytes[0] < 0xc2))
        return bytes[0];
    for (unsigned i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return bytes[0];
        character = character << 6 | (bytes[i] & 0x3f);
    }
    *out_length = length;
    return character;
}

/* Every input byte gives one character at most, so that the room of the input is enough. */
static size_t decode(const uint8_t *bytes, size_t size, char *out)
{
    bool wide = has_utf16_mark(bytes, size), big = wide && bytes[0] == 0xfe;
    size_t used = 0, length;

    for (size_t at = 0; at < size; at += length) {
        uint32_t character;
        char ascii;

        if (!wide) {
            character = utf8(bytes + at, size - at, &length);
        } else if (size - at < 2) {
            break;
        } else {
            character = big ? (uint32_t)bytes[at] << 8 | bytes[at + 1]
                            : (uint32_t)bytes[at + 1] << 8 | bytes[at];
            length = 2;
        }
        ascii = as_ascii(character);
        if (ascii != '\0')
            out[used++] = ascii;
    }
    return used;
}

/* ---- markup ---------------------------------------------------------------------------------- */

/* The character of an entity at a place, and its length in the text; '\0' where there is none. */
static char entity(const char *at, size_t size, size_t *out_length)
{
    static const struct {
        const char *name;
        char character;
    } names[] = {
        { "&lt;", '<' },   { "&gt;", '>' },    { "&amp;", '&' },
        { "&quot;", '"' }, { "&apos;", '\'' }, { "&nbsp;", ' ' },
    };
    unsigned long number = 0;
    size_t digits = 2;
    bool hex;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        *out_length = strlen(names[i].name);
        if (size >= *out_length && strncasecmp(at, names[i].name, *out_length) == 0)
            return names[i].character;
    }
    if (size < 4 || at[1] != '#')
        return '\0';
    hex = (at[2] | 0x20) == 'x';
    digits += hex;
    for (*out_length = digits; *out_length < size && *out_length < 10; (*out_length)++) {
        int c = (unsigned char)at[*out_length];

        if (c == ';' && *out_length > digits) {
            (*out_length)++;
            return as_ascii((uint32_t)number) >= ' ' ? as_ascii((uint32_t)number) : ' ';
        }
        if (hex ? !isxdigit(c) : !isdigit(c))
            return '\0';
        number = number * (hex ? 16 : 10) +
                 (unsigned long)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return '\0';
}

/* The length of a tag at a place, 0 where there is none. Does the text go on in a new line? */
static size_t tag(const char *at, size_t size, bool *out_breaks)
{
    static const char *const breaks[] = { "br", "/p", "/div", "/tr", "/li", "/pre" };
    size_t name, length;

    *out_breaks = false;
    if (size < 3 ||
        (!isalpha((unsigned char)at[1]) && (at[1] != '/' || !isalpha((unsigned char)at[2]))))
        return 0;
    for (length = 1; at[length] != '>'; length++) {
        if (length + 1 >= size || length > 300 || at[length] == '<' || at[length] == '\n')
            return 0;
    }
    for (name = 2; isalnum((unsigned char)at[name]); name++)
        ;
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        if (strlen(breaks[i]) == name - 1 && strncasecmp(at + 1, breaks[i], name - 1) == 0)
            *out_breaks = true;
    }
    return length + 1;
}

/* The length of a terminal's escape sequence: ESC [ ... letter, or ESC and one character. */
static size_t escape(const char *at, size_t size)
{
    size_t length = 2;

    if (size >= 2 && at[1] == '[') {
        while (length < size && !isalpha((unsigned char)at[length]) && at[length] != '\n')
            length++;
        length++;
    }
    return length < size ? length : size;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct liner {
    struct plain_text *text;
    size_t room;
    size_t number; /* of the line in the input */
    size_t begin;
};

static void end_line(struct liner *liner)
{
    struct plain_text *text = liner->text;

    if (text->count == liner->room) {
        liner->room = liner->room == 0 ? 64 : 2 * liner->room;
        text->lines = reallocate(text->lines, liner->room, sizeof(*text->lines));
    }
    text->lines[text->count++] = (struct text_line){
        .at = liner->begin,
        .length = text->size - liner->begin,
        .number = liner->number,
    };
    liner->begin = text->size;
}

/* What stands at a place: put into the text, or dropped. Returns how many characters it is. */
static size_t take(struct liner *liner, const char *at, size_t size)
{
    size_t length = 1;
    bool breaks = false;
    char character = *at;

    if (character == '\n' || character == '\r') {
        length = size >= 2 && character == '\r' && at[1] == '\n' ? 2 : 1;
        end_line(liner);
        liner->number++;
        return length;
    }
    if (character == 0x1b)
        return escape(at, size);
    if (character == '<' && (length = tag(at, size, &breaks)) > 0) {
        if (breaks)
            end_line(liner);
        return length;
    }
    if (character != '&' || (character = entity(at, size, &length)) == '\0') {
        character = *at;
        length = 1;
    }
    liner->text->bytes[liner->text->size++] = character;
    return length;
}

void text_make_plain(const uint8_t *bytes, size_t size, struct plain_text *out_text)
{
    struct liner liner = { .text = out_text, .number = 1 };
    char *characters = allocate(size, 1);
    size_t count = decode(bytes, size, characters);

    *out_text = (struct plain_text){ .bytes = allocate(size, 1) };
    for (size_t at = 0; at < count;)
        at += take(&liner, characters + at, count - at);
    end_line(&liner);
    free(characters);
}

void text_free(struct plain_text *text)
{
    free(text->bytes);
    free(text->lines);
    *text = (struct plain_text){ 0 };
}
