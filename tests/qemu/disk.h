/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers of two disk controllers, written against busdma(9) as any driver is; only their registers
 * are reached over a socket.
 */
#ifndef UDMAR_TESTS_DISK_H
#define UDMAR_TESTS_DISK_H

#include <udmar/bus_dma.h>

#include "qemu.h"
#include "testbed.h"

#define SECTOR        512u
#define DISK_SEGMENTS 168 /* the most that both controllers' lists have room for here */

/* Memory that a driver shares with its device. */
struct shared {
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    void *memory;
    bus_addr_t bus; /* as the device sees it */
};
void shared_alloc(struct shared *s, bus_dma_tag_t parent, size_t size, size_t alignment);
void shared_free(struct shared *s);

/* A 32-bit counter or status in shared memory that the device changes. */
#define SHARED32(s, offset) (*(volatile uint32_t *)(void *)((uint8_t *)(s)->memory + (offset)))

struct disk {
    struct qemu *e;
    udmar_rid_t rid;
    uint64_t registers;
    bus_dma_tag_t parent;                                /* of the device */
    struct shared commands, completions, more, identity; /* more: lists of pages */
    struct shared queue[2];                              /* NVMe: I/O queue */
    unsigned tail[2], head[2], phase[2];                 /* NVMe: admin queue and I/O queue */
    unsigned identifier;
};

struct disk_ops {
    const char *name;
    const char *arguments[6]; /* for QEMU, without the drive */
    udmar_rid_t rid;
    unsigned bar;
    bus_size_t alignment;
    /* Brings the controller up and reads its identity; asserts what must be true of it. */
    void (*open)(struct disk *d);
    void (*close)(struct disk *d);
    /* One transfer; false: the controller reports an error. Bounded wait. */
    bool (*transfer)(struct disk *d, bool write, uint64_t sector, uint32_t bytes,
                     const bus_dma_segment_t *segments, int count);
};
extern const struct disk_ops disk_nvme;
extern const struct disk_ops disk_ahci;

#endif
