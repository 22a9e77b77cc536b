/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the reading of a log stands between two lines.
 */
#ifndef UDMAR_TOOL_EXPLAIN_READ_H
#define UDMAR_TOOL_EXPLAIN_READ_H

#include "explain_log.h"

enum { PARTS_KEPT = 4, PARAGRAPH_LINES = 7 };

/* A fault that lacks a field, and lines that may be a part of it. */
struct log_held {
    bool active, xen;
    struct log_time time;
    size_t line;
    unsigned fields;  /* what parts[0] has */
    unsigned taken;   /* lines joined to it */
    unsigned skipped; /* lines behind it that brought nothing so far: parts[1]... */
    char parts[PARTS_KEPT][LINE_SIZE];
};

/* A message and the lines behind it that begin none. */
struct log_paragraph {
    unsigned lines;
    size_t line;
    struct log_time time;
    char words[LINE_SIZE];
};

/* A record of a journal in JSON that goes over several lines. */
struct log_json {
    bool in_bytes; /* inside a message that is written as an array of bytes */
    size_t length;
    char message[LINE_SIZE];
};

struct log_reader {
    struct log_held held;
    struct log_paragraph paragraph;
    struct log_json json;
    bool soft; /* the line before ended with a soft break */
    size_t front_length;
    char front[LINE_SIZE];
    unsigned owner_count; /* Xen: devices of the RMRR that comes next */
    udmar_rid_t owners[RANGE_OWNERS];
};

/*
 * A line of a journal in JSON (journalctl -o json, json-pretty, or a log collector's). False: it is
 * none. out_message: the message, empty when the line has none or not yet all of it.
 */
bool json_line(struct log_json *json, const char *line, char out_message[LINE_SIZE]);

#endif
