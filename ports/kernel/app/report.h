/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program claims and whether it holds: sentences for a person, TAP lines for ./check
 * (command line word `tap`), a count for the exit status.
 */
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include <stdbool.h>

/* A heading; in TAP a comment. */
void report_chapter(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line of the story. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something that must hold. Returns @held. */
bool report_claim(bool held, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* How many did not hold; prints the TAP plan. */
unsigned report_end(void);
unsigned report_claims(void);

#endif
