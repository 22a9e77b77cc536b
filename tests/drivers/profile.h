/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver profiles share: a machine in one of five modes, tags and rings made as a driver
 * makes them, memory whose neighbours are watched, and the device's side of a transfer.
 *
 * A profile is a program of ours that does with busdma(9) what one real driver does: which tags,
 * which maps, which loads and syncs in which order, what it takes for granted. Its device's side
 * knows bus addresses only: it reads descriptors from ring memory and moves data by DMA, under its
 * own requester id. docs/testing/drivers.md says where each fact comes from.
 */
#ifndef UDMAR_TESTS_DRIVERS_PROFILE_H
#define UDMAR_TESTS_DRIVERS_PROFILE_H

#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/memdesc.h>
#include <udmar/foreign/mtx.h>

#include "fixture/fixture.h"

#define BIT32       BUS_SPACE_MAXADDR_32BIT
#define ANYWHERE    BUS_SPACE_MAXADDR
#define SIZE32      BUS_SPACE_MAXSIZE_32BIT
#define MCLBYTES    2048u
#define MJUMPAGE    4096u
#define MJUM9BYTES  9216u
#define ETHER_ALIGN 2u
#define GUARD       0xee /* around every buffer, and never in one */

enum mode { TRANSLATE, DEFERRED, BOUNCE, SUBPAGE, IDENTITY, MODES };

struct scene {
    struct fixture f;
    enum mode mode;
    uint32_t random;
    bool ready;         /* deferred loads can run: the thread for them has been woken */
    struct mtx mutex;   /* the driver's */
    bool frees_nothing; /* the driver frees what it never got: that is counted as a mistake */
};

/* A small machine, or one whose guest addresses can be used up (1 GiB). */
void scene_open(struct scene *s, enum mode mode, uint32_t seed);
void scene_open_narrow(struct scene *s, enum mode mode, uint32_t seed);
/* Nothing may be left, no rule broken, no fault recorded, no call wrong. */
void scene_close(struct scene *s);
const char *mode_name(enum mode mode);
/* The thread that runs deferred loads. The driver's lock must be free. */
void scene_thread(struct scene *s);
/* What the kernel does now and then: loads that wait for what nobody tells of are tried again. */
void scene_tick(struct scene *s);
/* Loads that wait for bounce pages now, of whatever device. */
uint64_t waiting_for_pages(struct scene *s);
uint32_t dice(struct scene *s, uint32_t sides); /* 0 to sides - 1 */
static inline bool translated(const struct scene *s)
{
    return s->mode != BOUNCE && s->mode != IDENTITY;
}

/* From now on the host has no page, or no memory at all, to give; and it has again. */
void pages_gone(struct scene *s);
void memory_gone_after(struct scene *s, unsigned calls);
void memory_back(struct scene *s);

/* ---- Tags and rings -------------------------------------------------------------------------- */

struct spec {
    bus_size_t alignment;
    bus_addr_t boundary, lowaddr, highaddr;
    bus_size_t maxsize;
    int nsegments;
    bus_size_t maxsegsz;
    int flags;
    bus_dma_lock_t *lock;
};

/* A tag, and the limits that it and its parents have put together. */
struct tag {
    bus_dma_tag_t tag;
    struct spec limits;
};

/* parent null: the device's root tag. The lock's argument is the driver's mutex. */
int tag_new(struct scene *s, const struct tag *parent, const struct spec *spec, struct tag *out);
void tag_end(struct tag *tag);
/* Takes note of a tag that was made by other means than tag_new(). */
void tag_note(struct tag *tag, bus_dma_tag_t made, const struct spec *limits);

/* Segments of one load of @length bytes: number, sizes, boundary, alignment, reach. */
void segments_obey(struct scene *s, const struct spec *limits, const bus_dma_segment_t *segs,
                   int count, bus_size_t length);

/* Memory that driver and device share: a tag of its own, allocated and loaded in one segment. */
struct ring {
    struct tag tag;
    bus_dmamap_t map;
    void *at;
    bus_addr_t bus;
    bool loaded;
};
int ring_new(struct scene *s, struct ring *ring, const struct tag *parent, const struct spec *spec,
             int alloc_flags, int load_flags);
void ring_end(struct ring *ring);
#define RING_SPEC(align, low, bytes)                                                      \
    {                                                                                     \
        .alignment = (align), .lowaddr = (low), .highaddr = ANYWHERE, .maxsize = (bytes), \
        .nsegments = 1, .maxsegsz = (bytes)                                               \
    }

/* The usual callback of a ring: takes the first segment's address. */
struct ring_answer {
    bus_addr_t bus;
    int count, error, calls;
};
void ring_loaded(void *argument, bus_dma_segment_t *segs, int count, int error);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A driver's memory; every byte that no transfer owns is watched. */
struct area {
    uint8_t *at;
    uint8_t *shadow; /* what must be there */
    size_t size;
};
void area_new(struct scene *s, struct area *area, size_t size, unsigned flags);
void area_end(struct scene *s, struct area *area);
void area_check(const struct area *area);

#define CHUNKS 64
struct chunk {
    uint8_t *at;
    size_t length;
};
/* Bytes that one transfer owns, in order. */
struct payload {
    struct area *area;
    struct chunk chunk[CHUNKS];
    unsigned count;
    size_t length;
};
void payload_clear(struct payload *p, struct area *area);
void payload_add(struct payload *p, size_t offset, size_t length);
void payload_fill(struct scene *s, struct payload *p);
/* The first @length bytes must be these. */
void payload_equals(const struct payload *p, const uint8_t *bytes, size_t length);
/* The device has stored these, and what it has not stored may be anything now. */
void payload_received(struct payload *p, const uint8_t *bytes, size_t length);
/* They are nobody's any more: guards again. */
void payload_drop(struct payload *p);

/* ---- The device ------------------------------------------------------------------------------ */

void device_reads(struct scene *s, bus_addr_t at, void *into, size_t length);
void device_writes(struct scene *s, bus_addr_t at, const void *from, size_t length);
uint32_t device_read32(struct scene *s, bus_addr_t at);
uint64_t device_read64(struct scene *s, bus_addr_t at);

/* What goes over the device's wire in one transfer. */
struct wire {
    uint8_t *bytes;
    size_t size, moved;
    bool in; /* to memory */
};
void wire_new(struct wire *w, size_t size);
void wire_end(struct wire *w);
void wire_start(struct scene *s, struct wire *w, bool in);
/* The next @length bytes, by DMA to or from @at. */
void wire_move(struct scene *s, struct wire *w, bus_addr_t at, size_t length);

/*
 * With sub-page protection the device looks for what is not the transfer's in the pages that it can
 * reach, and writes all over them (if it may write) before the transfer. Elsewhere: nothing.
 */
void device_trespasses(struct scene *s, const bus_dma_segment_t *segs, int count, bool writes);
/* After a strict unload no byte of these can be reached. */
void unreachable(struct scene *s, const bus_dma_segment_t *segs, int count);

/*
 * Another device's driver that takes all bounce pages there are of the zone which a tag with these
 * limits uses, and gives them back in parts. Where nothing is ever bounced it takes none.
 */
#define HOG_PARTS 4
struct hog {
    struct tag tag;
    bus_dmamap_t map[HOG_PARTS];
    bool loaded[HOG_PARTS];
    struct area area;
};
void hog_new(struct scene *s, struct hog *hog, const struct spec *limits);
void hog_takes(struct scene *s, struct hog *hog, const struct spec *limits);
/* False: it has none left. */
bool hog_gives(struct scene *s, struct hog *hog);
void hog_end(struct scene *s, struct hog *hog);

/*
 * Another tag of the device's that takes all guest addresses up to a limit, in pieces down to
 * @least bytes, and gives them back one after another.
 */
#define CROWD 128
struct crowd {
    struct tag tag;
    bus_dmamap_t map[CROWD];
    unsigned count;
};
void crowd_new(struct scene *s, struct crowd *crowd, bus_addr_t limit, size_t least);
bool crowd_gives(struct scene *s, struct crowd *crowd); /* false: it has none left */
void crowd_end(struct scene *s, struct crowd *crowd);

/* ---- The run --------------------------------------------------------------------------------- */

/* Runs @test for each driver (or variant of one) in each mode: one line of TAP for each. */
typedef void profile_test(const void *driver, enum mode mode);
int profile_main(const char *group, profile_test *test, const void *const *drivers,
                 const char *const *names, unsigned count);

#endif
