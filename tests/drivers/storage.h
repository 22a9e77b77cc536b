/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host bus adapters: what ahci, ata, mfi, mps, mpt, nvme, isp and virtio_blk have in common. A
 * driver has slots with one map each; requests come from upper layers as buffers, lists, pages or
 * physical memory, are loaded, programmed and run in any order.
 */
#ifndef UDMAR_TESTS_DRIVERS_STORAGE_H
#define UDMAR_TESTS_DRIVERS_STORAGE_H

#include <udmar/foreign/ccb.h>

#include "profile.h"

#define SLOTS    8
#define MAX_SEGS 300

/* How upper layers hand memory over (CAM's data types, bio, uio). */
enum kind {
    KIND_BUFFER,   /* a buffer in kernel addresses */
    KIND_VLIST,    /* a list of such */
    KIND_PHYSICAL, /* one range of physical memory */
    KIND_PLIST,    /* a list of such */
    KIND_BIO,      /* a bio with a buffer */
    KIND_PAGES,    /* an unmapped bio: pages and an offset */
    KIND_UIO,      /* vectors */
    KINDS,
};
#define OF(kind) (1u << (kind))

enum state { FREE, WAITING, RUNNING, DONE };

struct hba;

struct request {
    struct hba *hba;
    unsigned slot;
    enum state state;
    bool in; /* the device writes memory */
    enum kind kind;
    struct area area;
    struct payload payload;
    struct wire wire;
    size_t length;
    size_t expected; /* what the device will move; less than length: a short transfer */
    int error;       /* as the driver completed it */
    unsigned completions;
    bus_dmamap_t map;
    int nsegs;
    bus_dma_segment_t segs[MAX_SEGS];
    /* What the kinds are made of. */
    bus_dma_segment_t list[MAX_SEGS];
    struct vm_page page[MAX_SEGS], *pages[MAX_SEGS];
    struct udmar_iovec vector[CHUNKS];
    struct bio bio;
    struct uio uio;
    struct memdesc memory;
    int entries; /* of the list */
    union ccb ccb;
};

/* One driver. All functions but run are the driver's side. */
struct hba_driver {
    const char *name;
    size_t maxio;     /* what it tells the upper layers */
    unsigned unit;    /* lengths are multiples of this; 1: any */
    unsigned address; /* buffers begin at multiples of this; 1: anywhere */
    unsigned kinds;   /* OF(...) */
    bool waits;       /* its loads may be deferred */
    bool keeps;       /* syncs both ways: bytes that the device leaves alone are kept */
    size_t softc;     /* bytes of its own state */
    int (*attach)(struct hba *hba);
    void (*detach)(struct hba *hba);
    /* Loads and programs. A request that is not for this driver: completes it with an error. */
    void (*start)(struct request *r);
    /* The interrupt: sync, unload, complete. */
    void (*finish)(struct request *r);
    /* The device executes what was programmed. */
    void (*run)(struct request *r);
};

struct hba {
    struct scene *s;
    const struct hba_driver *driver;
    void *softc;
    struct tag data; /* the data tag, set by attach */
    struct request request[SLOTS];
    unsigned starts;
};

/* ---- For drivers ---- */

/* Loads of a request's memory: a buffer; a bio; whatever a descriptor or a CCB can name. */
int request_load(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback, void *arg,
                 int flags);
int request_load_bio(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback,
                     void *arg, int flags);
int request_load_mem(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback,
                     void *arg, int flags);
int request_load_ccb(struct request *r, bus_dma_tag_t tag, uint32_t function,
                     bus_dmamap_callback_t *callback, void *arg, int flags);
/* From the callback: what was loaded; checked against the tag. */
void request_loaded(struct request *r, const bus_dma_segment_t *segs, int nsegs);
/* From the callback or the end of start: the device has it now. */
void request_runs(struct request *r);
/* The request is over. Once! */
void request_done(struct request *r, int error);
/* After bus_dmamap_unload(): nothing of it can be reached. */
void request_unloaded(struct request *r);
/* The maps of all slots. */
int hba_maps_new(struct hba *hba, bus_dma_tag_t tag, int flags);
void hba_maps_end(struct hba *hba, bus_dma_tag_t tag);

/* ---- For tests ---- */

void hba_open(struct hba *hba, struct scene *s, const struct hba_driver *driver);
void hba_close(struct hba *hba);

/* The program of a driver, or of some variants of it: all tests, in all modes. */
int hba_main(const struct hba_driver *const *drivers, unsigned count);
#define HBA_MAIN(...)                                                      \
    int main(void)                                                         \
    {                                                                      \
        static const struct hba_driver *const drivers[] = { __VA_ARGS__ }; \
                                                                           \
        return hba_main(drivers, sizeof(drivers) / sizeof(drivers[0]));    \
    }

#endif
