/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations for fault injection: each is a call of the public interface with what it needs before
 * and how it is undone.
 */
#ifndef UDMAR_TESTS_INJECT_H
#define UDMAR_TESTS_INJECT_H

#include <udmar/stream.h>

#include "fixture/fixture.h"

/* A load that may have to wait. */
struct trial_load {
    struct trial *t;
    struct udmar_dma_map *map;
    unsigned calls; /* of its callback, and the last one's error */
    int error;
    uint64_t iova;
    bool locked; /* ... under the tag's lock */
};

#define TAKEN 256u

struct trial {
    struct fixture f;
    struct udmar_domain *other; /* of udmar_domain_create() */
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    size_t size;
    void *memory;
    uint64_t iova;
    struct udmar_dma_physical piece[3];
    unsigned pieces;
    unsigned calls; /* of a load's callback */
    /* Loads that wait. */
    struct trial_load load[3];
    bool waits; /* as it was prepared */
    bool locked;
    unsigned wakes;
    struct {
        struct udmar_page page;
        size_t count;
    } taken[TAKEN]; /* from the host, so that nobody else gets them */
    unsigned taken_blocks;
    /* A source of interrupts, and what it writes. */
    struct udmar_interrupt *interrupt;
    struct udmar_interrupt_message message;
    bool fires; /* it is live: where it arrives matters */
    uint64_t descriptor;
};

/* What act() says: as far as a caller can tell. */
enum answer {
    DONE,
    NO_MEMORY,    /* UDMAR_ERR_MEMORY, UDMAR_ENOMEM */
    NO_ANSWER,    /* UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED */
    NO_UNIT,      /* UDMAR_ERR_NO_UNIT */
    UNDOCUMENTED, /* anything else */
};

struct operation {
    const char *name;
    void (*prepare)(struct trial *t); /* null: nothing to do */
    enum answer (*act)(struct trial *t);
    void (*undo)(struct trial *t);   /* of an act() that was DONE */
    void (*finish)(struct trial *t); /* of prepare(); null: nothing to do */
    uint64_t window_limit;
    bool lazy;  /* hw.dmar.strict=0, and somebody ticks */
    bool fresh; /* the first call makes what others use: each time a machine of its own */
    bool moves; /* each time another place: what is reached there matters */
    bool grows; /* the contract: what is got for it is kept, up to a limit */
    enum answer (*retry)(struct trial *t); /* when hardware answers again; null: act() */
    bool changes_on_failure; /* the contract: what it was is not kept (blocked, cleared) */
    bool keeps_tables;       /* tables that a dead unit may still walk are never given back */
    /* The host asks for interrupt remapping; on units that have no queue there is nothing to do. */
    const struct udmar_interrupt_config *interrupts;
};

extern const struct operation operations[];
extern const unsigned operation_count;
extern const struct operation stream_operations[];
extern const unsigned stream_operation_count;
extern const struct operation deferred_operations[];
extern const unsigned deferred_operation_count;
extern const struct operation domain_operations[];
extern const unsigned domain_operation_count;
extern const struct operation interrupt_operations[];
extern const unsigned interrupt_operation_count;
extern const struct operation suspend_operations[];
extern const unsigned suspend_operation_count;

enum answer answer_of(enum udmar_status status);
enum answer answer_of_busdma(int error);

#endif
