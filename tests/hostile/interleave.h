/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DMA between any two stores.
 *
 * A scenario is a call of the library that changes what devices reach. It runs in single steps.
 * Whenever a table has changed or a host function has returned, a few addresses are tried for the
 * devices: from memory alone (cold), and with what is cached (warm). Each try has to see what held
 * before the call or what holds after it.
 */
#ifndef UDMAR_TESTS_INTERLEAVE_H
#define UDMAR_TESTS_INTERLEAVE_H

#include <udmar/stream.h>

#include "fixture/fixture.h"

#define PROBES 10
#define PIECES 3

struct probe {
    uint16_t rid;
    uint64_t iova;
    bool write;
};

struct scene {
    struct fixture f;
    struct udmar_domain *other; /* of udmar_domain_create() */
    struct probe probe[PROBES];
    unsigned probes;
    enum udmar_status status; /* of act() */
    /* A scenario's own. */
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    size_t size;
    uint64_t iova;
    struct udmar_dma_physical piece[PIECES];
    unsigned pieces;
};

struct scenario {
    const char *name;
    void (*prepare)(struct scene *s);
    void (*act)(struct scene *s);   /* sets status */
    void (*after)(struct scene *s); /* before late hardware catches up; may be null */
    void (*finish)(struct scene *s);
    enum udmar_status status; /* that act() must have */
    bool may_block;           /* the contract says: blocked during the change */
    bool taken_back;          /* what was asked for may be seen for a while: AT at PHYS */
    bool unseen;              /* no access changes: nothing is mapped */
    bool lazy;                /* hw.dmar.strict=0, and somebody ticks */
    bool deferred;            /* caches may know the old translation afterwards */
    bool heavy;               /* many stores: not on every machine */
    bool not_started;         /* the instance is created only */
    bool rmrr;                /* device 0 has one */
};

/* 2 MiB-aligned. Memory lies above 4 GiB, so that both halves of an entry matter on i386. */
#define AT   UINT64_C(0x10000000)
#define PHYS UINT64_C(0x500400000)

#define RMRR_BASE  UINT64_C(0x180000)
#define RMRR_LIMIT UINT64_C(0x181fff)

struct interleave_counts {
    uint64_t runs, instructions, stores, tries;
    unsigned audited, needless;
};
extern struct interleave_counts interleave_counts;

/* How the unit behaves while the call goes on. */
extern struct model_behaviour interleave_manners;

/*
 * On one kind of machine: with warm caches; with cold ones and a device that works at each point;
 * with @each_point also both together, all cold, and with a device that works at one point alone.
 */
void interleave(const struct scenario *scenario, const struct setup *setup, bool each_point);

void probe_add(struct scene *s, uint16_t rid, uint64_t iova);

extern const struct scenario scenarios[];
extern const unsigned scenario_count;
extern const struct scenario stream_scenarios[];
extern const unsigned stream_scenario_count;

#endif
