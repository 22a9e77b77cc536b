/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log from its first to its last line: UTF-16, NUL bytes, lines of any length, journals.
 */
#include "explain_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- UTF-16 --------------------------------------------------------------------------------- */

/* 'l' and 'b' for the byte orders; 0: it is no UTF-16. Without a mark, the zeros tell. */
static char utf16_order(const unsigned char *text, size_t size)
{
    size_t zeros[2] = { 0 }, looked = size < 512 ? size & ~(size_t)1 : 512;

    if (size >= 2 && text[0] == 0xff && text[1] == 0xfe)
        return 'l';
    if (size >= 2 && text[0] == 0xfe && text[1] == 0xff)
        return 'b';
    for (size_t i = 0; i < looked; i++)
        zeros[i & 1] += text[i] == 0;
    if (looked < 16 || zeros[0] + zeros[1] < looked * 2 / 5)
        return 0;
    return zeros[1] > 4 * zeros[0] ? 'l' : zeros[0] > 4 * zeros[1] ? 'b' : 0;
}

/* What is beyond ASCII in it means nothing here. */
static char *from_utf16(const unsigned char *text, size_t size, char order, size_t *out_size)
{
    char *narrow = allocate(size / 2 + 1, 1);
    size_t count = 0;

    for (size_t i = 0; i + 1 < size; i += 2) {
        unsigned unit = order == 'l' ? text[i] | (unsigned)text[i + 1] << 8
                                     : text[i + 1] | (unsigned)text[i] << 8;

        if (unit == 0xfeff)
            continue;
        narrow[count++] = unit < 0x80 ? (char)unit : unit == 0xa0 ? ' ' : '?';
    }
    *out_size = count;
    return narrow;
}

/* ---- journals in JSON ----------------------------------------------------------------------- */

static bool add_byte(struct log_json *json, unsigned byte)
{
    if (json->length + 1 < LINE_SIZE)
        json->message[json->length++] = byte >= 0x20 && byte < 0x100 ? (char)byte : ' ';
    json->message[json->length] = '\0';
    return true;
}

/* "[68,77,65]", perhaps over several lines. True when it has ended. */
static bool byte_array(struct log_json *json, const char *at)
{
    for (; *at != '\0' && *at != ']'; at++) {
        unsigned value = 0;

        if (!isdigit((unsigned char)*at))
            continue;
        for (; isdigit((unsigned char)*at) && value < 1000; at++)
            value = value * 10 + (unsigned)(*at - '0');
        add_byte(json, value);
        at--;
    }
    json->in_bytes = *at != ']';
    return !json->in_bytes;
}

static const char *escaped(const char *at, struct log_json *json)
{
    char digits[5] = { 0 };
    unsigned code;

    switch (*at) {
    case 'u':
        memcpy(digits, at + 1, strnlen(at + 1, 4));
        code = (unsigned)strtoul(digits, NULL, 16);
        add_byte(json, code < 0x100 ? code : '?');
        return at + strlen(digits);
    case 'n':
    case 't':
    case 'r':
    case 'b':
    case 'f':
        add_byte(json, ' ');
        return at;
    default:
        add_byte(json, (unsigned char)*at);
        return at;
    }
}

static void json_text_value(struct log_json *json, const char *at)
{
    for (; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at = escaped(at + 1, json);
        else
            add_byte(json, (unsigned char)*at);
    }
}

/* The value of a key that holds messages, or null. */
static const char *message_value(const char *line)
{
    static const char *const keys[] = { "\"MESSAGE\"", "\"message\"", "\"msg\"", "\"log\"" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *at = strstr(line, keys[i]);

        if (at == NULL)
            continue;
        at += strlen(keys[i]);
        at += strspn(at, " \t");
        if (*at == ':')
            return at + 1 + strspn(at + 1, " \t");
    }
    return NULL;
}

/* "_SOURCE_MONOTONIC_TIMESTAMP": microseconds since the start, put in front as dmesg does. */
static void json_time(struct log_json *json, const char *line)
{
    static const char key[] = "\"_SOURCE_MONOTONIC_TIMESTAMP\"";
    const char *at = strstr(line, key);
    unsigned long long microseconds;

    if (at == NULL)
        return;
    at += sizeof(key) - 1;
    at += strspn(at, " \t:\"");
    microseconds = strtoull(at, NULL, 10);
    json->length = (size_t)snprintf(json->message, LINE_SIZE, "[%5llu.%06llu] ",
                                    microseconds / 1000000 % 100000000, microseconds % 1000000);
}

bool json_line(struct log_json *json, const char *line, char out_message[LINE_SIZE])
{
    size_t begin = strspn(line, " \t,[");
    const char *value;

    out_message[0] = '\0';
    if (json->in_bytes) {
        if (byte_array(json, line))
            memcpy(out_message, json->message, LINE_SIZE);
        return true;
    }
    if (line[begin] != '{' && line[begin] != '"')
        return false;
    value = message_value(line);
    if (value == NULL)
        return line[begin] == '"' && strstr(line, "\" : ") != NULL;
    json->length = 0;
    json->message[0] = '\0';
    json_time(json, line);
    if (*value == '[') {
        if (!byte_array(json, value + 1))
            return true;
    } else if (*value == '"') {
        json_text_value(json, value + 1);
    } else {
        return false;
    }
    memcpy(out_message, json->message, LINE_SIZE);
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* "    MESSAGE=text" of journalctl -o verbose and export. */
static const char *journal_field(const char *line)
{
    const char *at = line + strspn(line, " \t");

    return strncmp(at, "MESSAGE=", 8) == 0 ? at + 8 : line;
}

/* A cleaned line, with the one before it when a soft break stood between them. */
static void take_line(struct log *log, char *line)
{
    struct log_reader *reader = log->reader;
    char whole[LINE_SIZE];
    bool soft;

    snprintf(whole, sizeof(whole), "%s", journal_field(line));
    soft = clean_line(whole);
    if (reader->soft) {
        size_t room = sizeof(reader->front) - reader->front_length;

        snprintf(reader->front + reader->front_length, room, "%s", whole);
        memcpy(whole, reader->front, sizeof(whole));
    }
    reader->soft = soft;
    if (soft) {
        memcpy(reader->front, whole, sizeof(whole));
        reader->front_length = strlen(whole);
        return;
    }
    join_line(log, whole, log->lines);
}

/* Long lines are read in pieces, so that no fault in them is lost: a log without newlines. */
static void take_piece(struct log *log, const char *from, size_t length)
{
    char line[LINE_SIZE], message[LINE_SIZE];

    memcpy(line, from, length);
    line[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\0' || line[i] == '\t')
            line[i] = ' ';
    }
    if (!json_line(&log->reader->json, line, message))
        take_line(log, line);
    else if (message[0] != '\0')
        take_line(log, message);
}

/* A record of a journal may be longer than a line: only its message counts. */
static bool long_json(struct log *log, const char *line, size_t length)
{
    char *copy, message[LINE_SIZE];
    bool found;

    if (length < LINE_SIZE || line[strspn(line, " \t,[")] != '{' || log->reader->json.in_bytes)
        return false;
    copy = allocate(length + 1, 1);
    for (size_t i = 0; i < length; i++)
        copy[i] = line[i] != '\0' ? line[i] : ' ';
    found = json_line(&log->reader->json, copy, message);
    free(copy);
    if (found && message[0] != '\0')
        take_line(log, message);
    return found;
}

/* "[   12.345678]" here? */
static bool is_stamp(const char *at, size_t length)
{
    size_t i = 1, digits;

    if (length < 5 || at[0] != '[')
        return false;
    while (i < length && at[i] == ' ')
        i++;
    digits = i;
    while (i < length && isdigit((unsigned char)at[i]))
        i++;
    if (i == digits || i + 7 >= length || at[i] != '.')
        return false;
    for (digits = 1; digits <= 6; digits++) {
        if (!isdigit((unsigned char)at[i + digits]))
            return false;
    }
    return at[i + 7] == ']';
}

/*
 * Where the next message begins in a line whose newlines were lost: at the next time but the first.
 * Without one, a line that is too long is cut at a blank.
 */
static size_t piece_length(const char *line, size_t length)
{
    size_t most = length < LINE_SIZE - 1 ? length : LINE_SIZE - 1, blank = 0;
    bool seen = false;

    for (size_t i = 0; i < most; i++) {
        if (is_stamp(line + i, length - i)) {
            if (seen)
                return i;
            seen = true;
        }
        if (line[i] == ' ')
            blank = i;
    }
    return most < length && blank > most / 2 ? blank : most;
}

void log_line(struct log *log, const char *line, size_t length)
{
    log->lines++;
    if (long_json(log, line, length))
        return;
    do {
        size_t piece = piece_length(line, length);

        take_piece(log, line, piece);
        line += piece;
        length -= piece;
    } while (length > 0);
}

void log_settle(struct log *log)
{
    struct log_reader *reader = log->reader;

    if (reader->soft) {
        reader->soft = false;
        join_line(log, reader->front, log->lines);
    }
    join_settle(log);
}

static void read_bytes(struct log *log, const char *text, size_t size)
{
    const char *at = text, *end = text + size;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);

        log_line(log, at, length);
        at += length + 1;
    }
    log_settle(log);
}

void log_read(struct log *log, const char *text, size_t size)
{
    char order = utf16_order((const unsigned char *)text, size);
    char *narrow;

    if (order == 0) {
        read_bytes(log, text, size);
        return;
    }
    narrow = from_utf16((const unsigned char *)text, size, order, &size);
    read_bytes(log, narrow, size);
    free(narrow);
}
