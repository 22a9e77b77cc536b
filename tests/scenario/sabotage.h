/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something between the driver and the hardware that spoils what passes by, so that tests can show
 * that the oracle sees it, or that the driver deals with it.
 */
#ifndef UDMAR_TESTS_SABOTAGE_H
#define UDMAR_TESTS_SABOTAGE_H

#include "testbed.h"

enum sabotage {
    NO_SABOTAGE,
    MISDIRECT_IOTLB,   /* IOTLB requests name another domain: they do not help */
    MISDIRECT_CONTEXT, /* context requests name another device */
    DROP_FLUSH,        /* udmar_host_cache_flush() does nothing */
    SPOIL_GRANULARITY, /* an IOTLB descriptor with reserved granularity: the unit refuses it */
    SPOIL_TYPE,        /* a descriptor of a reserved type */
    SPOIL_WAIT,        /* a wait descriptor whose status address nobody answers at */
};

/* Before bed_create(): from now on everything passes through. */
void sabotage_install(struct testbed *b);
/* The next @times things of this kind are spoiled. */
void sabotage_next(enum sabotage kind, unsigned times);
/* How many were spoiled since then. */
unsigned sabotage_done(void);

#endif
