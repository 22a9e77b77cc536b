/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How operating systems write a DMA fault down, as data; and what a line says by them.
 */
#ifndef UDMAR_TOOL_EXPLAIN_FORM_H
#define UDMAR_TOOL_EXPLAIN_FORM_H

#include "explain_log.h"

/* What a text says of one fault. */
struct form_match {
    struct log_fault fault;
    unsigned fields; /* how many of the fields are there; a line that is joined must add one */
    bool complete;   /* device, address and reason are there, or all that this form has */
};

/*
 * Reads a fault. text: in lower case. False: it does not look like one. A true answer with neither
 * device nor address is a line that cannot be read (yet).
 */
bool form_read(const char *low, bool xen, struct form_match *out_match);

/* The reason code whose words are in the text, as Linux, Xen and illumos have them; -1: none. */
int form_reason_of_words(const char *low);

/* A reason with its number and its words. linux_kernel: numbers without 0x are decimal. */
int form_reason(const char *low, const char *label, bool decimal);

#endif
