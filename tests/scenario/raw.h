/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables and registers by hand, for what the driver would never do. The bed has no instance. */
#ifndef UDMAR_TESTS_RAW_H
#define UDMAR_TESTS_RAW_H

#include "testbed.h"

struct raw {
    struct testbed *b;
    uint64_t next; /* page not yet used */
    uint64_t root;
    unsigned levels;
};

struct raw_fault {
    unsigned reason; /* 0: no fault is recorded */
    udmar_rid_t source;
    uint64_t address;
    bool read;
};

/* Root table set, translation on; nothing is mapped. @levels: of second-level tables, 3 or 4. */
void raw_open(struct raw *r, struct testbed *b, unsigned levels);

uint64_t raw_page(struct raw *r); /* a page of zeros */
void raw_store(struct raw *r, uint64_t physical, uint64_t value);
uint64_t raw_load(struct raw *r, uint64_t physical);

/* Addresses of entries; the context table is made where there is none. */
uint64_t raw_root_entry(struct raw *r, udmar_rid_t source);
uint64_t raw_context_entry(struct raw *r, udmar_rid_t source);
void raw_context(struct raw *r, udmar_rid_t source, uint64_t low, uint64_t high);
/* The usual context: translate with the tables at @top. */
void raw_attach(struct raw *r, udmar_rid_t source, uint64_t top, unsigned did);
/* The entry for @iova at @level, the tables above it being made; its address. */
uint64_t raw_map(struct raw *r, uint64_t top, uint64_t iova, unsigned level, uint64_t entry);

/* Requests through registers; must complete. */
void raw_flush_contexts(struct raw *r);
void raw_flush_context(struct raw *r, unsigned did, udmar_rid_t source);
void raw_flush_all(struct raw *r); /* contexts, then IOTLB */
void raw_flush_domain(struct raw *r, unsigned did);
void raw_flush_page(struct raw *r, unsigned did, uint64_t iova, unsigned mask);
void raw_flush_leaf(struct raw *r, unsigned did, uint64_t iova); /* IH = 1: tables stay cached */
void raw_set_root(struct raw *r);                                /* SRTP once more, nothing else */

/* Reads the fault record and clears it. */
struct raw_fault raw_take_fault(struct raw *r);

#endif
