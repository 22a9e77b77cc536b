/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known about faults and messages: tables of causes, of options and of messages, and how
 * they are shown.
 */
#ifndef UDMAR_TOOL_EXPLAIN_TEXT_H
#define UDMAR_TOOL_EXPLAIN_TEXT_H

#include "explain_feature.h"

/* Switches of systems that help against something, or test for it. */
enum system_option {
    OPTION_NONE = 0,
    OPTION_IGFX_OFF,
    OPTION_PASS_THROUGH,
    OPTION_NO_ATS,
    OPTION_STRICT,
    OPTION_SMALL_PAGES,
    OPTION_LEGACY_MODE,
    OPTION_NO_SOURCE_CHECK,
    OPTION_NO_POSTING,
    OPTION_RESET_DEVICES,
};

/* What to say of an option on this system; null: it has none. Of a system whose version is not
 * known the newest is assumed. */
const char *option_text(enum system_option option, enum log_source system, bool has_version,
                        uint32_t version);

enum { CAUSE_FEATURES = 6 };

/*
 * One cause. It applies when all features of need and none of avoid hold. "@" in the texts stands
 * for the device.
 */
struct cause {
    const char *id;
    uint8_t need[CAUSE_FEATURES], avoid[CAUSE_FEATURES]; /* enum feature */
    unsigned weight;                                     /* the more, the likelier */
    const char *cause;
    const char *next;
    enum system_option option; /* said behind next where the system has it */
};

/* The tables of causes. */
extern const struct cause page_causes[], table_causes[];
extern const size_t page_cause_count, table_cause_count;

enum { CAUSE_LIMIT = 3 };

/* The likeliest causes of a group, best first. Returns how many; 0: not known. */
size_t explain_causes(const struct log *log, const struct log_group *group,
                      const struct cause *out_causes[CAUSE_LIMIT]);

/* From what a cause is concluded: "the log lists ...; the table names ...". Empty: from the fault.
 */
const char *explain_evidence(const struct log *log, const struct cause *cause, char *buffer,
                             size_t size);

/* What to do next, with the option of the group's system, the device in the places of "@". */
const char *explain_next(const struct log *log, const struct log_group *group,
                         const struct cause *cause, char *buffer, size_t size);

/* A message of a DMAR driver that is no fault. */
struct notice_text {
    const char *id;
    const char *needles[3]; /* labels as scan_label() has them; all of them must be in the line */
    bool bad;               /* counts as a finding */
    const char *meaning;
    const char *next;
    bool (*fits)(const struct log *log, const char *low); /* null: always */
};

/* The messages that are known (explain_message.c); the first that matches counts. */
extern const struct notice_text notice_texts[];
extern const size_t notice_text_count;

/* What is special about an address, or null: "an RMRR", "memory that the firmware reserves"... */
const char *explain_place(const struct log *log, const struct log_group *group);

/* "VGA controller"; "" for a class that nobody needs a word for. */
const char *explain_class(uint32_t class_code);

/* Text with the device in the places of "@", at most size bytes. */
const char *explain_fill(const char *text, const char *device, char *buffer, size_t size);

/* Both print everything: summary, faults, messages. */
void explain_print(FILE *out, const struct log *log, const char *name);
void explain_print_json(FILE *out, const struct log *log, const char *name);

/* True when there is something to see: faults, bad messages, lines that could not be read. */
bool explain_findings(const struct log *log);

/* A kernel says that faults are pending, and the log has none of them. */
bool explain_faults_missing(const struct log *log);

/* ---- shared by the two ---------------------------------------------------------------------- */

const char *explain_source(enum log_source source);
void explain_device(const struct log_fault *fault, char buffer[24]);

/* "read from", "write to": what the device tried. */
const char *explain_verb(const struct log_fault *fault);

#endif
