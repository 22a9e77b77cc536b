/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line as a terminal, a mail, a web page or a forum has left it, made into what the kernel wrote:
 * colours, entities, tags, soft line breaks and quote marks away.
 */
#include "explain_log.h"

#include <ctype.h>
#include <string.h>

/* ---- escape sequences ----------------------------------------------------------------------- */

/* The ways in which an escape character appears, raw or as loggers write it. */
static size_t escape_length(const char *at)
{
    static const char *const spellings[] = { "\033", "#033", "\\x1b", "\\033", "\\e", "^[" };

    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        size_t length = strlen(spellings[i]);

        if (strncmp(at, spellings[i], length) == 0 && (at[0] == '\033' || at[length] == '['))
            return length;
    }
    return 0;
}

/* "ESC [ 1 ; 31 m", "ESC ] title BEL", "ESC c". Returns its length, 0 for something else. */
static size_t sequence_length(const char *at)
{
    size_t length = escape_length(at);

    if (length == 0)
        return 0;
    if (at[length] == '[') {
        length++;
        length += strspn(at + length, "0123456789;:?<=>!");
        return at[length] != '\0' ? length + 1 : length;
    }
    if (at[length] == ']') {
        length += strcspn(at + length, "\a\033");
        return at[length] == '\a' ? length + 1 : length;
    }
    return at[length] != '\0' ? length + 1 : length;
}

/* "[0;31m" whose escape character was lost on the way. */
static size_t orphan_length(const char *at)
{
    size_t digits;

    if (at[0] != '[')
        return 0;
    digits = strspn(at + 1, "0123456789;");
    return digits > 0 && at[1 + digits] == 'm' && !isalnum((unsigned char)at[2 + digits])
               ? digits + 2
           : digits > 0 && at[1 + digits] == 'm' && digits <= 5 ? digits + 2
                                                                : 0;
}

/* ---- characters that stand for others ------------------------------------------------------- */

struct spelling {
    const char *from, *to;
};

/* Entities of web pages, quoted-printable, and characters beyond ASCII that editors put in. */
static const struct spelling spellings[] = {
    { "&gt;", ">" },         { "&lt;", "<" },          { "&quot;", "\"" },
    { "&#34;", "\"" },       { "&#39;", "'" },         { "&apos;", "'" },
    { "&nbsp;", " " },       { "&#160;", " " },        { "&#62;", ">" },
    { "&#60;", "<" },        { "&#91;", "[" },         { "&#93;", "]" },
    { "&amp;", "&" },        { "=3D", "=" },           { "=20", " " },
    { "=C2=A0", " " },       { "=5B", "[" },           { "=5D", "]" },
    { "<br>", "" },          { "<br/>", "" },          { "<br />", "" },
    { "<p>", "" },           { "</p>", "" },           { "<pre>", "" },
    { "</pre>", "" },        { "<code>", "" },         { "</code>", "" },
    { "</span>", "" },       { "\xef\xbb\xbf", "" },  /* byte order mark */
    { "\xe2\x80\x8b", "" },                           /* zero width */
    { "\xc2\xa0", " " },                              /* blank that does not break */
    { "\xe2\x80\xa2", "*" },                          /* bullet */
    { "\xe2\x80\xa6", "?" },                          /* three dots: something is left out */
    { "\xe2\x80\x93", "-" },                          /* dashes */
    { "\xe2\x80\x94", "-" }, { "\xe2\x80\x98", "'" }, /* quotation marks */
    { "\xe2\x80\x99", "'" }, { "\xe2\x80\x9c", "\"" }, { "\xe2\x80\x9d", "\"" },
};

static const struct spelling *spelling_at(const char *at)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        if (strncmp(at, spellings[i].from, strlen(spellings[i].from)) == 0)
            return &spellings[i];
    }
    return NULL;
}

/* Everything that is not as the kernel wrote it; the result is never longer. */
static void translate(char *line)
{
    /* How escape sequences and the spellings begin. */
    static const char special[] = "\033#\\^[&=<\xef\xe2\xc2";
    char *out = line;
    const char *at = line;

    while (*at != '\0') {
        size_t skip;
        const struct spelling *spelling;

        /* Nearly every character stands for itself. */
        if (strchr(special, *at) == NULL) {
            *out++ = iscntrl((unsigned char)*at) ? ' ' : *at;
            at++;
            continue;
        }
        skip = sequence_length(at);
        if (skip == 0)
            skip = orphan_length(at);
        if (skip > 0) {
            at += skip;
        } else if ((spelling = spelling_at(at)) != NULL) {
            for (const char *to = spelling->to; *to != '\0'; to++)
                *out++ = *to;
            at += strlen(spelling->from);
        } else {
            *out++ = iscntrl((unsigned char)*at) ? ' ' : *at;
            at++;
        }
    }
    *out = '\0';
}

/* ---- quote marks and bullets ---------------------------------------------------------------- */

/* The length of one mark at the start, 0 if there is none. "<4>[" is a level, "--" a separator. */
static size_t mark_length(const char *at)
{
    if (*at == ' ' || *at == '>' || *at == '|' || *at == '`')
        return 1;
    if ((*at == '*' || *at == '-' || *at == '+' || *at == '#' || *at == '$') && at[1] == ' ')
        return 2;
    if (at[0] == '*' && at[1] == '*')
        return 2;
    return *at == '"' && at[1] == '[' ? 1 : 0;
}

bool clean_line(char *line)
{
    size_t skip = 0, length, mark;
    bool soft;

    length = strlen(line);
    while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
        line[--length] = '\0';
    /* Quoted-printable mail: "=" ends a line that goes on. Its lines have 76 characters at most. */
    soft = length >= 60 && length <= 80 && line[length - 1] == '=';
    if (soft)
        line[length - 1] = '\0';
    translate(line);
    while ((mark = mark_length(line + skip)) > 0)
        skip += mark;
    length = strlen(line + skip);
    memmove(line, line + skip, length + 1);
    while (length > 0 && !soft && (line[length - 1] == ' ' || line[length - 1] == '`'))
        line[--length] = '\0';
    return soft;
}
