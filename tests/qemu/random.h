/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sequences of operations on three machines at once: the model, QEMU, and a dictionary that
 * only knows which page leads where. All three must agree on every transaction and every fault.
 *
 * An operation's numbers are taken modulo what there is when it runs, so that any part of a
 * sequence is a sequence, too: that is what makes shrinking simple.
 */
#ifndef UDMAR_TESTS_RANDOM_H
#define UDMAR_TESTS_RANDOM_H

#include "testbed.h"

enum random_kind {
    OP_MAP,    /* device, page, pages, target, access */
    OP_MAP_2M, /* device, 2 MiB run, target run, access */
    OP_UNMAP,  /* device, page, pages */
    OP_ALLOC,  /* slot, size: guest addresses, mapped at once */
    OP_FREE,   /* slot */
    OP_LOAD,   /* slot, offset, length, only to read */
    OP_UNLOAD, /* slot */
    OP_ATTACH, /* device 1 goes or comes */
    OP_MODE,   /* device 1: mode */
    OP_DMA,    /* device, where, offset, length, write */
    OP_STREAM, /* slot, pages, target, first byte and how many are left out at the end, access */
    OP_END,    /* slot: of a stream */
    OP_KINDS,
};

struct random_op {
    enum random_kind kind;
    uint32_t number[5];
};

struct random_setup {
    unsigned width;
    unsigned caching, registers, hidden, nic; /* 0 or 1 */
    unsigned lazy;                            /* 1: hw.dmar.strict=0 */
    unsigned place;                           /* enum place: of device 1 */
    unsigned tag; /* maps have 0: a small window, 1: one with tables of its own, 2: none */
    uint32_t seed;
};

/* What a run has come to; shared with the process that started it. */
struct random_progress {
    unsigned at;                   /* operation being done */
    uint64_t transactions, faults; /* so far */
    bool done;
    char complaint[256];
};

/* random_ops.c */
struct random_setup random_setup_of(uint32_t seed);
void random_make(const struct random_setup *setup, struct random_op *ops, unsigned count);
bool random_save(const char *path, const struct random_setup *setup, const struct random_op *ops,
                 unsigned count);
/* Returns the operations (to be freed), null where the file cannot be read. */
struct random_op *random_load(const char *path, struct random_setup *out_setup,
                              unsigned *out_count);
void random_print(const struct random_op *op);

/*
 * random_run.c: does the operations; with @qemu null on the model and the dictionary alone. Ends
 * the process where something is wrong.
 */
void random_run(const struct machine_ops *qemu, const struct random_setup *setup,
                const struct random_op *ops, unsigned count, struct random_progress *progress);

#endif
