/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words, numbers and device addresses in text that people have typed, wrapped and masked. All of it
 * works on lower case.
 */
#ifndef UDMAR_TOOL_EXPLAIN_SCAN_H
#define UDMAR_TOOL_EXPLAIN_SCAN_H

#include "common.h"

#include <udmar/types.h>

/* A hexadecimal number, 0x or not. Returns what follows it, or null. */
const char *scan_hex(const char *text, uint64_t *value);
const char *scan_decimal(const char *text, uint64_t *value);

/*
 * "0000:02:00.0", "02:00.0", "0x02:0x00.0" at the start of text. Returns what follows it, or null.
 */
const char *scan_device(const char *text, uint16_t *segment, udmar_rid_t *rid);

/*
 * Finds a label. In it, a blank stands for any blanks, "_" and "-", or none; "*" for any letters.
 * It must begin a word. Returns what follows it, or null.
 */
const char *scan_label(const char *low, const char *label);

/* True when the label is there. */
bool scan_has(const char *low, const char *label);

/* A number as it stands in the text. */
struct scan_value {
    uint64_t number;
    bool known;  /* false: masked or garbled; words has what is there */
    bool marked; /* 0x in front */
    char words[24];
};

/*
 * Hexadecimal, behind blanks, ":" and "=". "o" is taken for 0 and "l" for 1 as eyes do; "x", "?"
 * and
 * "*" mask digits. Returns what follows, or null when no number stands there.
 */
const char *scan_value(const char *low, struct scan_value *out_value);

enum scan_notation {
    NOTATION_HEX,     /* 0000:0b:1f.7, and 0b:1f:7 */
    NOTATION_DECIMAL, /* 11:31:7, 0:11:31:7 and 11, 31, 7 */
    NOTATION_RID,     /* 0x00a0 */
};

/*
 * A device behind blanks and brackets. Returns what follows, or null when none stands there.
 * out_known: false when it is masked.
 */
const char *scan_place(const char *low, enum scan_notation notation, uint16_t *out_segment,
                       udmar_rid_t *out_rid, bool *out_known);

/* The first device in hexadecimal notation with a dot anywhere in the text. */
const char *scan_any_device(const char *low, uint16_t *out_segment, udmar_rid_t *out_rid);

#endif
