/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known about faults and messages: tables of causes and of what to do, and the rules that
 * choose from them.
 */
#ifndef UDMAR_TOOL_EXPLAIN_TEXT_H
#define UDMAR_TOOL_EXPLAIN_TEXT_H

#include "explain_log.h"

/*
 * One cause. It applies when all features of need and none of avoid hold. "@" in the texts stands
 * for the device.
 */
struct cause {
    uint64_t need, avoid;
    unsigned weight; /* the more, the likelier */
    const char *cause;
    const char *next;
};

enum { CAUSE_LIMIT = 4 };

/* The likeliest causes of a group, best first. Returns how many. */
size_t explain_causes(const struct log *log, const struct log_group *group,
                      const struct cause *out_causes[CAUSE_LIMIT]);

/* A message of a DMAR driver that is no fault. */
struct notice_text {
    const char *id;
    const char *needles[3]; /* all of them must be in the line */
    bool bad;               /* counts as a finding */
    const char *meaning;
    const char *next;
};

/* What is special about an address, or null: "an RMRR", "memory that the firmware reserves"... */
const char *explain_place(const struct log *log, const struct log_group *group);

/* "VGA controller"; "" for a class that nobody needs a word for. */
const char *explain_class(uint32_t class_code);

/* Text with the device in the places of "@", at most size bytes. */
const char *explain_fill(const char *text, const char *device, char *buffer, size_t size);

/* Both print everything: summary, faults, messages. */
void explain_print(FILE *out, const struct log *log, const char *name);
void explain_print_json(FILE *out, const struct log *log, const char *name);

/* ---- shared by the two ---------------------------------------------------------------------- */

const char *explain_source(enum log_source source);
void explain_device(const struct log_fault *fault, char buffer[24]);

/* "read from", "write to": what the device tried. */
const char *explain_verb(const struct log_fault *fault);

#endif
