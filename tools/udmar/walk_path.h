/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One walk: from the root table pointer to a page, every entry kept on the way.
 *
 * A walk needs at most 4 + 6 * 6 entries (nested, five levels in both stages), so it always ends.
 */
#ifndef UDMAR_TOOL_WALK_PATH_H
#define UDMAR_TOOL_WALK_PATH_H

#include "image_file.h"
#include "walk_entry.h"

#include <udmar/types.h>

enum { WALK_STEPS = 48 };

struct walk_step {
    enum entry_kind kind;
    bool nested;       /* second stage on the way of a first-stage table */
    bool host_of_page; /* second stage of the page itself, in nested mode */
    unsigned level;    /* page tables only */
    unsigned index;
    uint64_t address;  /* page tables only: what is looked up */
    uint64_t physical; /* of the entry */
    uint64_t offset;   /* in the image file */
    uint64_t words[ENTRY_WORDS];
};

enum walk_end {
    WALK_TRANSLATED,
    WALK_PASS_THROUGH,
    WALK_FAULT,
    WALK_NO_DATA,   /* the image does not hold an entry */
    WALK_INTERRUPT, /* a message that raises one */
};

enum walk_mode { MODE_LEGACY = 0, MODE_SCALABLE = 1, MODE_RESERVED = 2, MODE_ABORT = 3 };

/* What becomes of one kind of access. */
struct walk_outcome {
    bool allowed;
    uint8_t reason; /* where it is not */
    size_t step;    /* the entry that decides; count of steps when none does */
};

struct walk_request {
    uint64_t root; /* the RTADDR register */
    udmar_rid_t rid;
    bool has_pasid;
    uint32_t pasid;
    uint64_t iova;
    bool has_irta; /* writes to 0xfee00000-0xfeefffff are interrupts, through this table */
    uint64_t irta; /* the IRTA register */
    uint32_t data; /* what is written there */
};

static inline bool walk_is_interrupt(const struct walk_request *request)
{
    return request->has_irta && request->iova >> 20 == 0xfee;
}

struct walk {
    struct image *image;
    const struct walk_unit *unit;
    struct walk_request request;
    enum walk_mode mode;
    struct walk_step steps[WALK_STEPS];
    size_t count;
    enum walk_end end;
    struct walk_outcome read, write;
    char why[240];     /* not translated: what stops it */
    uint64_t physical; /* translated: where the address leads */
    unsigned shift;    /* translated: size of the page, the smaller one in nested mode */
    uint64_t missing;  /* no data: physical address of the entry */
    uint32_t pasid;    /* scalable: the one that was used */
    unsigned domain;
    bool has_domain;
};

static inline enum walk_mode walk_mode(uint64_t root)
{
    return (enum walk_mode)(root >> 10 & 3);
}

/* Eight bytes of an image, little-endian. */
static inline uint64_t load64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

/* Does the whole walk. request, image and unit are the caller's; the rest is the result. */
void walk_run(struct walk *walk, struct image *image, const struct walk_unit *unit,
              const struct walk_request *request);

/* The same for a message, called by walk_run(). */
void walk_interrupt(struct walk *walk);

/* "from 00:1f.2", "from buses 02-02"; "vector 0x31 to processor 0, edge, fixed". */
void interrupt_sender(const uint64_t *words, char *buffer, size_t size);
/* May a device with this id use the entry, as far as SVT, SQ and SID say? */
bool interrupt_allows(const uint64_t *words, udmar_rid_t rid);
void interrupt_target(const uint64_t *words, bool extended, char *buffer, size_t size);

/* ---- between walk_path.c and walk_stage.c ---------------------------------------------------- */

struct stage {
    uint64_t physical;
    unsigned shift;
    bool read, write;             /* what all levels allow */
    size_t read_step, write_step; /* the entries that took it away */
};

/* Reads an entry and keeps it as a step. Null when the image does not hold it: the walk ends. */
struct walk_step *walk_fetch(struct walk *walk, enum entry_kind kind, uint64_t table,
                             unsigned index);

/* Ends the walk with a fault for reads and writes, at the last step. Returns false. */
bool walk_fault(struct walk *walk, unsigned reason, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * The stages. False: the walk has ended. A stage that takes away both accesses ends the walk with
 * denied_read and denied_write.
 */
bool walk_second(struct walk *walk, uint64_t table, unsigned levels, uint64_t address,
                 unsigned denied_read, unsigned denied_write, struct stage *out_stage);
bool walk_first(struct walk *walk, const uint64_t *pasid_words, uint64_t address,
                struct stage *out_stage);

#endif
