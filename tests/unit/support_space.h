/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with one remapping unit, a started instance and a few devices: what the tests of the
 * space and busdma layers begin with.
 */
#ifndef UDMAR_TESTS_SUPPORT_SPACE_H
#define UDMAR_TESTS_SUPPORT_SPACE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <udmar/busdma.h>
#include <udmar/udmar.h>

#include "model.h"

#define KIB(n) (UINT64_C(1024) * (n))
#define MIB(n) (UINT64_C(1048576) * (n))
#define GIB(n) (UINT64_C(1073741824) * (n))
#define PAGE   UINT64_C(4096)

#define DEVICES 3
#define RID0    UINT16_C(0x0010)
#define RID1    UINT16_C(0x0018)
#define RID2    UINT16_C(0x0020)

struct setup {
    const char *profile;           /* null: "generic48" */
    struct model_config machine;   /* zero: the model's defaults */
    struct model_unit_config unit; /* changes to the profile; base and scope are filled in */
    const char *tunables;          /* words as on a command line; null: none */
    bool no_direct_map;            /* page_map() addresses do not last */
    bool no_ram;                   /* the instance is not told of any RAM */
    bool not_attached;             /* no device is attached */
    bool not_started;              /* the instance is created, that is all */
    uint64_t window_limit;         /* 0: the default */
    unsigned cpus;                 /* 0: one */
    bool ticking;                  /* the test calls udmar_tick() */
    uint64_t rmrr_base;            /* an RMRR of device 0 ... */
    uint64_t rmrr_limit;           /* ... up to here, inclusive; 0: none */
    /* The unit remaps interrupts, posts them as well, and the host asks for that; null: no. */
    const struct udmar_interrupt_config *interrupts;
};

struct machine {
    struct model *m;
    struct model_unit *u;
    struct udmar *instance;
    struct udmar_device *device[DEVICES];
    struct udmar_domain *domain; /* of device 0 */
    struct udmar_domain *own;    /* of machine_own_domain() */
    uint8_t table[4096];
    bool forgive;       /* closing does not look at violations and leaks */
    bool forgive_pages; /* ... at table pages that were not given back */
};

/* setup null: all defaults. */
void machine_open(struct machine *mc, const struct setup *setup);
/* Detaches, stops, destroys; then no rule may be broken and nothing may be left. */
void machine_close(struct machine *mc);
/* Puts device 0 into a domain of the test's own, where mappings outlive its stay. */
struct udmar_domain *machine_own_domain(struct machine *mc);
/* Gives it back; nobody is in it. */
void machine_disown_domain(struct machine *mc);
/* No violation so far; otherwise prints them. */
bool machine_clean(struct machine *mc);

/* "", or which of the library's invariants does not hold (a debug build looks). */
const char *machine_broken(struct machine *mc);

/* ---- DMA ---- */

/* Can the device read (write) the byte at this address now? */
bool can_read(struct machine *mc, uint16_t rid, uint64_t iova);
bool can_write(struct machine *mc, uint16_t rid, uint64_t iova);
/* Does the device read the same bytes at @iova as the processor at @memory? */
bool device_sees(struct machine *mc, uint16_t rid, uint64_t iova, const void *memory, size_t size);
/* Has the device write a pattern that depends on @seed to @iova; is it at @memory then? */
bool device_stores(struct machine *mc, uint16_t rid, uint64_t iova, const void *memory, size_t size,
                   unsigned seed);
void fill_pattern(void *memory, size_t size, unsigned seed);
/* Of a byte that the processor can reach. */
uint64_t physical_of(struct machine *mc, const void *address);
/* Reads and clears all fault records, so that the unit has room for more. */
void drain_faults(struct machine *mc);

/* ---- busdma ---- */

#define LOADED_SEGMENTS 4096
struct loaded {
    int calls;
    int count;
    int error;
    struct udmar_dma_segment segment[LOADED_SEGMENTS];
};
/* A udmar_dma_callback_t; the argument is a struct loaded. */
void note_loaded(void *argument, struct udmar_dma_segment *segments, int count, int error);

struct limits {
    uint64_t alignment, boundary, lowaddr, highaddr, maxsize, maxsegsz;
    int nsegments;
};
/* A tag under the device's root; zero fields: no limit (maxsize: 64 KiB, nsegments: 1). */
struct udmar_dma_tag *new_tag(struct machine *mc, unsigned device, const struct limits *limits);
struct udmar_dma_map *new_map(struct udmar_dma_tag *tag);
/* Must succeed with one segment; returns its address. */
uint64_t load_one(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                  uint64_t length);
void drop_tag(struct udmar_dma_tag *tag);
void drop_map(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/* ---- Random numbers: the same on every host ---- */

uint32_t roll(uint32_t *state);
uint32_t roll_below(uint32_t *state, uint32_t limit);

/* ---- Counting host calls ---- */

struct counts {
    unsigned events[MODEL_EVENT_ALLOC + 1];
};
/* A model_hook_fn; the context is a struct counts. */
void count_events(void *context, struct model *m, enum model_event event);

#endif
