/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts that a rogue device forges, and how it ends. */
#ifndef APP_FORGE_H
#define APP_FORGE_H

#include "system.h"

/* What the machine does against forged messages; a claim that asks for more cannot hold. */
struct forge_rules {
    bool remapped;   /* the unit remaps interrupts */
    bool compatible; /* messages in compatibility format are let through on purpose */
    bool verified;   /* entries name their sender */
    unsigned qemu;   /* QEMU's series, 0: no QEMU */
};

struct forge_outcome {
    bool applies;     /* false: it makes no sense here; `text` says why */
    bool ran;         /* the device did it */
    bool arrived;     /* an interrupt came */
    bool must_stop;   /* the architecture says that it must not */
    bool passes_here; /* the emulator lets it through nevertheless */
    bool named;       /* a fault says what it was: reason, sender where it is known, entry */
    bool faulted;
    struct udmar_fault fault; /* where faulted */
    uint8_t reason;           /* what the fault should say */
    char text[128];           /* what was tried */
};

struct forgery {
    const char *name; /* for the console */
    void (*run)(struct system *system, struct unit_under_test *edu, const struct forge_rules *rules,
                struct forge_outcome *outcome);
};

extern const struct forgery forgeries[];
extern const unsigned forgery_count;

void forge_rules(struct system *system, struct forge_rules *out);

/* Runs one and collects the fault. */
void forge_run(const struct forgery *forgery, struct system *system, struct unit_under_test *edu,
               struct forge_outcome *outcome);

/* Whether this emulator records what it blocks. */
bool forge_is_recorded(const struct forge_rules *rules);

#endif
