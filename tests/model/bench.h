/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A workbench for tests that need a unit under translation without a driver: hand-made tables and
 * raw register accesses. The model's own tests use it, and tests of a part of the driver may.
 */
#ifndef UDMAR_TESTS_BENCH_H
#define UDMAR_TESTS_BENCH_H

#include "model.h"

struct bench {
    struct model *m;
    struct model_unit *u;
    void *registers;
    size_t window;
    uint64_t root;   /* root table */
    uint64_t queue;  /* queue page */
    uint64_t status; /* page for wait status words */
    uint32_t tail;   /* bytes */
    unsigned levels; /* of page tables made by bench_map() */
};

/* No violation so far; otherwise prints them. */
bool bench_clean(struct bench *b);

/* Some violation contains @text (otherwise all are printed); forgets all violations. */
bool bench_violated(struct bench *b, const char *text);

/* A machine with one unit of this profile that governs segment 0. Either config may be null. */
void bench_open(struct bench *b, const char *profile, const struct model_config *machine,
                const struct model_unit_config *changes);
void bench_close(struct bench *b);

uint32_t bench_read(struct bench *b, uint32_t offset);
uint64_t bench_read64(struct bench *b, uint32_t offset);
void bench_write(struct bench *b, uint32_t offset, uint32_t value);
void bench_write64(struct bench *b, uint32_t offset, uint64_t value); /* low half first */

/* Reads FSTS and clears these bits of it. */
void bench_acknowledge(struct bench *b, uint32_t bits);

/* GCMD: one bit on top of (or away from) the lasting bits of GSTS. */
void bench_command(struct bench *b, uint32_t bit, bool on);

/* Root table, SRTP, global invalidations, TE. */
void bench_translate(struct bench *b);

/* A context entry, published; and the usual one: translate with tables at @top. */
void bench_context(struct bench *b, uint16_t rid, uint64_t low, uint64_t high);
void bench_attach(struct bench *b, uint16_t rid, uint64_t top, uint16_t did);
uint64_t bench_context_address(struct bench *b, uint16_t rid);

/* Writes a leaf @entry at @level, making the tables above it; returns the entry's address. */
uint64_t bench_map(struct bench *b, uint64_t top, uint64_t iova, unsigned level, uint64_t entry);

/* Register-based invalidation. Returns the actual granularity, 0xff if it never completes. */
unsigned bench_context_flush(struct bench *b, unsigned granularity, uint16_t did, uint16_t sid,
                             unsigned function_mask);
unsigned bench_iotlb_flush(struct bench *b, unsigned granularity, uint16_t did, uint64_t address,
                           unsigned am, bool hint);

/* Queue of one page of 16-byte descriptors. */
void bench_queue_on(struct bench *b);
void bench_post(struct bench *b, uint64_t low, uint64_t high); /* writes it, without IQT */
void bench_ring(struct bench *b);                              /* IQT */
void bench_submit(struct bench *b, uint64_t low, uint64_t high);
void bench_wait(struct bench *b, unsigned word, uint32_t value); /* a wait descriptor, submitted */
uint32_t bench_word(struct bench *b, unsigned word);             /* status word */

/* DMA of one byte; the byte is returned in *out (may be null) or written. */
enum model_result bench_dma_read(struct bench *b, uint16_t rid, uint64_t iova, uint8_t *out);
enum model_result bench_dma_write(struct bench *b, uint16_t rid, uint64_t iova, uint8_t value);

/* Takes the fault of record @record: its reason (0: no fault), clears F. */
unsigned bench_take_fault(struct bench *b, unsigned record);

#endif
