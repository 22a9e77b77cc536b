/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with three devices, the driver on it, and a plain account of what each device may
 * reach: the dictionary. It knows nothing of tables, windows or invalidations.
 */
#ifndef UDMAR_TESTS_FUZZ_WORLD_H
#define UDMAR_TESTS_FUZZ_WORLD_H

#include <udmar/busdma.h>
#include <udmar/stream.h>
#include <udmar/udmar.h>

#include "fuzz.h"
#include "model.h"

#define DEVICES   3
#define SLOTS     6
#define STREAMS   4 /* of a device */
#define PIECES    3
/* Addresses that the dictionary keeps account of: as many pages of guest addresses as of memory. */
#define PAGES     2048u
#define IOVA_BASE UINT64_C(0x20000000)
#define DATA_BASE UINT64_C(0x01000000)
#define RMRR_BASE UINT64_C(0x00300000)
#define RMRR_SIZE UINT64_C(0x4000)

struct page {
    uint16_t data;    /* index of the page of memory */
    uint8_t access;   /* 0: not mapped */
    bool unconfirmed; /* a unit has not confirmed the last change: anything may happen */
};

struct stream {
    struct udmar_dma_physical piece[PIECES];
    unsigned count; /* 0: none */
    unsigned access;
    uint64_t iova;
};

struct dev {
    uint16_t rid;
    struct udmar_device *handle; /* null: not attached */
    unsigned attach_refs;
    bool rmrr;                   /* firmware named it: it keeps its context */
    bool unconfirmed;            /* a change of its context failed */
    bool region;                 /* the dictionary's addresses are reserved for it */
    struct udmar_domain *domain; /* where; ours for as long as they are */
    struct page page[PAGES];
    struct stream stream[STREAMS];
};

struct slot {
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct dev *dev;
    uint64_t maxsize, boundary, maxsegsz, lowaddr;
    uint8_t *buffer;
    uint64_t length;
    bool loaded, read_only;
    int calls, error, count;
    struct udmar_dma_segment segment[64];
};

struct world {
    struct model *m;
    struct model_unit *u;
    struct udmar *d;
    uint8_t table[1024];
    struct dev dev[DEVICES];
    struct slot slot[SLOTS];
    bool strict;
    bool started;
    bool shaky;         /* the unit has missed a deadline or refused something */
    bool bounced;       /* pages that stand in for buffers look like tables to the model */
    bool unloaded;      /* deferred: something may be reachable still */
    uint8_t *kept[256]; /* buffers that a device may still reach */
    unsigned kept_count;
};

/* Takes the control block; false where the machine cannot be (nothing is left then). */
bool world_open(struct world *w, struct input *in);
void world_close(struct world *w);
/* After each operation: nothing broken so far, and has the unit failed? */
void world_look(struct world *w);
/* What the library knows of itself is true of it (a debug build looks). */
void world_check(struct world *w);

/* What a device has; null where it has no table of its own. */
struct udmar_domain *world_domain(struct dev *dev);
enum udmar_mode world_mode(const struct dev *dev);
/* Reserves the dictionary's addresses for a device that has just got an address space. */
void world_settle(struct world *w, struct dev *dev);
/* Gives the dictionary's addresses and all streams of a device back, as far as the unit obeys. */
void world_release(struct world *w, struct dev *dev);
/* Everything that the device had is gone. */
void world_forget(struct dev *dev);

/* One access at each kind of place, compared with the dictionary. */
void world_access(struct world *w, struct dev *dev, unsigned page, bool write, uint8_t value);
/* The whole dictionary of a device against udmar_domain_translate(). */
void world_compare(struct world *w, struct dev *dev, unsigned first, unsigned count);
/* What is loaded is seen by the device, and what the device writes arrives. */
void world_check_load(struct world *w, struct slot *slot, unsigned at, uint8_t value);
void world_unload(struct world *w, struct slot *slot);
void world_drop(struct world *w, struct slot *slot);

/* A byte of each piece of a stream. */
void world_check_stream(struct world *w, struct dev *dev, const struct stream *stream, unsigned at,
                        bool write, uint8_t value);
void world_unmap_stream(struct world *w, struct dev *dev, struct stream *stream);

#endif
