/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers in, text and JSON out.
 */
#include "common.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers -------------------------------------------------------------------------------- */

static bool parse_base(const char *digits, int base, uint64_t *out_value)
{
    unsigned long long value;
    char *end;

    /* strtoull would take blanks, a sign, and another 0x. */
    if (!isxdigit((unsigned char)digits[0]))
        return false;
    errno = 0;
    value = strtoull(digits, &end, base);
    if (errno != 0 || *end != '\0' || (base == 16 && (digits[1] | 0x20) == 'x'))
        return false;
    *out_value = value;
    return true;
}

static bool has_hex_mark(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

bool parse_number(const char *text, uint64_t *out_value)
{
    return has_hex_mark(text) ? parse_base(text + 2, 16, out_value)
                              : parse_base(text, 10, out_value);
}

bool parse_hex(const char *text, uint64_t *out_value)
{
    return parse_base(has_hex_mark(text) ? text + 2 : text, 16, out_value);
}

/* ---- text ----------------------------------------------------------------------------------- */

void print_text(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte >= 0x20 && byte < 0x7f)
            fputc(byte, out);
        else
            fprintf(out, "\\x%02x", byte);
    }
}

const char *size_text(uint64_t bytes, char buffer[24])
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    uint64_t whole = bytes, rest = 0;

    while (whole >= 1024) {
        /* What was dropped before decides no digit that is shown, only whether one is needed. */
        rest = whole % 1024;
        whole /= 1024;
        unit++;
    }
    if (rest == 0)
        snprintf(buffer, 24, "%" PRIu64 " %s", whole, units[unit]);
    else
        snprintf(buffer, 24, "%" PRIu64 ".%u %s", whole, (unsigned)(rest * 10 / 1024), units[unit]);
    return buffer;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

void json_begin(struct json *json, FILE *out)
{
    *json = (struct json){ .out = out, .empty = true };
}

static void json_next(struct json *json, const char *key)
{
    if (!json->empty)
        fputc(',', json->out);
    if (json->depth > 0)
        fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
    if (key != NULL)
        fprintf(json->out, "\"%s\": ", key);
    json->empty = false;
}

static void json_open(struct json *json, const char *key, bool array)
{
    if (json->depth >= JSON_DEPTH)
        abort();
    json_next(json, key);
    fputc(array ? '[' : '{', json->out);
    json->depth++;
    json->arrays &= ~(UINT64_C(1) << json->depth);
    json->arrays |= (uint64_t)array << json->depth;
    json->empty = true;
}

void json_object(struct json *json, const char *key)
{
    json_open(json, key, false);
}

void json_array(struct json *json, const char *key)
{
    json_open(json, key, true);
}

void json_close(struct json *json)
{
    bool array = (json->arrays >> json->depth) & 1;

    json->depth--;
    if (!json->empty)
        fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
    fputc(array ? ']' : '}', json->out);
    json->empty = false;
    if (json->depth == 0)
        fputc('\n', json->out);
}

/* Bytes above 0x7e become the character of that number: firmware's text has no encoding. */
void json_text(struct json *json, const char *key, const char *text, size_t length)
{
    json_next(json, key);
    fputc('"', json->out);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            fprintf(json->out, "\\%c", byte);
        else if (byte >= 0x20 && byte < 0x7f)
            fputc(byte, json->out);
        else
            fprintf(json->out, "\\u%04x", byte);
    }
    fputc('"', json->out);
}

void json_string(struct json *json, const char *key, const char *text)
{
    json_text(json, key, text, strlen(text));
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    json_next(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
    json_next(json, key);
    fprintf(json->out, "\"0x%" PRIx64 "\"", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    json_next(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    json_next(json, key);
    fputs("null", json->out);
}
