/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rogue device tries, and how it ends. */
#ifndef APP_ATTACK_H
#define APP_ATTACK_H

#include "system.h"

struct attack_outcome {
    bool applies;     /* false: it makes no sense for this device; `text` says why */
    bool ran;         /* the device did its transfer; false: the attack could not be prepared */
    bool shielded;    /* the address means nothing physical: even identity must not help */
    bool reached;     /* memory was changed or read that should not have been */
    uint64_t address; /* what the device put on the bus */
    bool write;
    bool unprinted; /* the driver's rate limit kept its line off the console */
    bool faulted;
    struct udmar_fault fault; /* the newest one, where faulted */
    char text[96];            /* what was tried */
};

struct attack {
    const char *name; /* for the console */
    void (*run)(struct system *system, struct unit_under_test *edu, struct attack_outcome *outcome);
    /* What a translating unit answers: the place it finds the address in, 0 for any. */
    enum udmar_fault_place place;
};

extern const struct attack attacks[];
extern const unsigned attack_count;

/* Runs one and collects the fault; interrupts bring it, or one poll where there are none. */
void attack_run(const struct attack *attack, struct system *system, struct unit_under_test *edu,
                struct attack_outcome *outcome);

#endif
