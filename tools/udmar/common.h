/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all commands of udmar share: exit statuses, messages, files, colour, JSON.
 *
 * A command is `int command_NAME(int argc, char **argv)`, argv[0] being its own name. It reads its
 * options with getopt_long, writes its result to stdout, says what went wrong through the functions
 * below, and returns one of enum exit_status. main() flushes stdout and turns a failed write into
 * STATUS_INPUT, so commands need not look.
 *
 * Input is hostile. Parsers take bytes and a size, never print, and report through struct problem;
 * whoever called them prints. That is also what lets a fuzzer drive them.
 */
#ifndef UDMAR_TOOL_COMMON_H
#define UDMAR_TOOL_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* ---- commands ------------------------------------------------------------------------------- */

enum exit_status {
    STATUS_OK = 0,
    STATUS_FINDINGS = 1, /* asked to check, and there is something to see */
    STATUS_USAGE = 2,    /* wrong command line */
    STATUS_INPUT = 3, /* input that cannot be read or understood; output that cannot be written */
};

int command_table(int argc, char **argv);
int command_unit(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_walk(int argc, char **argv);
int command_dump(int argc, char **argv);

/* ---- messages, to stderr -------------------------------------------------------------------- */

/* main() sets it: "udmar table". Shown in front of every message. */
void message_prefix(const char *command);

/* One line, without the newline: "udmar table: FORMAT". Control characters are shown as \xNN. */
void message(const char *format, ...) PRINTF_LIKE(1, 2);

/*
 * As message(), then the line "try 'udmar table --help'". With a null format only that line, for
 * use after getopt_long has complained itself (give getopt_long argv as it came: its messages begin
 * with argv[0], so main() makes that the prefix). Returns STATUS_USAGE.
 */
int usage_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* What a parser found wrong, and where. */
struct problem {
    size_t offset; /* bytes from the start of the input, or a line number: the text says which */
    char text[200];
};

/* Fills in a problem (null is allowed). Returns false, for `return problem_set(...)`. */
bool problem_set(struct problem *problem, size_t offset, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- memory --------------------------------------------------------------------------------- */

/* As calloc and reallocarray, but never null: out of memory ends the program with STATUS_INPUT. */
void *allocate(size_t count, size_t size);
void *reallocate(void *old, size_t count, size_t size);

/* ---- files ---------------------------------------------------------------------------------- */

/* A whole file in memory. bytes[size] is a NUL that does not count, so text can be scanned. */
struct file {
    const char *name; /* for messages; "standard input" for "-" */
    uint8_t *bytes;
    size_t size;
};

enum { FILE_LIMIT = 64 * 1024 * 1024 }; /* a sensible limit for everything but memory images */

/*
 * Reads a file, or standard input for "-". Files that do not know their size (sysfs, pipes) work.
 * Returns false after a message() when it cannot be read or has more than @limit bytes.
 */
bool file_read(const char *path, size_t limit, struct file *out_file);
void file_free(struct file *file);

/* ---- text ----------------------------------------------------------------------------------- */

/*
 * A whole string as an unsigned number. parse_number: 0x means base 16, else base 10. parse_hex:
 * base 16 with or without 0x. Blanks, signs, trailing text and overflow are refused.
 */
bool parse_number(const char *text, uint64_t *out_value);
bool parse_hex(const char *text, uint64_t *out_value);

/* Text from outside, control and non-ASCII bytes as \xNN: firmware must not drive the terminal. */
void print_text(FILE *out, const char *text, size_t length);

/* "4 KiB", "64 MiB", "1.5 GiB"; exact or with one digit behind the point. */
const char *size_text(uint64_t bytes, char buffer[24]);

/* ---- colour --------------------------------------------------------------------------------- */

enum style {
    STYLE_END = 0, /* back to plain */
    STYLE_HEAD,    /* headings */
    STYLE_NAME,    /* devices, units: what the eye looks for */
    STYLE_FAINT,   /* offsets, raw values */
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
};

/*
 * main() chooses by the terminal, NO_COLOR and TERM=dumb. The option --color=WHEN takes "auto",
 * "always" and "never"; colour_option() returns false for another word.
 */
void colour_auto(void);
bool colour_option(const char *when);

/* The escape sequence of a style, or "" without colour. Use as printf("%s", style(STYLE_HEAD)). */
const char *style(enum style style);

/* ---- JSON ----------------------------------------------------------------------------------- */

/*
 * A writer for indented JSON. key is null inside arrays and for the outermost value. Addresses and
 * registers go out as strings "0x..." (json_hex): most readers lose bits of numbers above 2^53.
 */
struct json {
    FILE *out;
    unsigned depth;
    uint64_t arrays; /* bit n: level n is an array */
    bool empty;      /* nothing yet on this level */
};

enum { JSON_DEPTH = 60 };

void json_begin(struct json *json, FILE *out);
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close(struct json *json); /* the innermost open object or array; a newline at the end */
void json_string(struct json *json, const char *key, const char *text);
void json_text(struct json *json, const char *key, const char *text, size_t length);
void json_number(struct json *json, const char *key, uint64_t value);
void json_hex(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif
