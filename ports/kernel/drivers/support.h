/* SPDX-License-Identifier: BSD-2-Clause */
/* What the drivers share: results, memory that a device sees in one piece, waiting. */
#ifndef DRIVERS_SUPPORT_H
#define DRIVERS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <udmar/bus_dma.h>

enum driver_status {
    DRIVER_OK = 0,
    DRIVER_INVALID,      /* an argument is out of range; nothing has been done */
    DRIVER_BUSY,         /* no free command slot or descriptor; try again after polling */
    DRIVER_NO_MEMORY,    /* no resources for a mapping; nothing has been done */
    DRIVER_TIMEOUT,      /* the device has not answered in time */
    DRIVER_DEVICE_ERROR, /* the device has reported an error; the console says which */
    DRIVER_STOPPED,      /* the device has been stopped, by its driver's user or for good */
};

/* A few words, never null. */
const char *driver_status_text(enum driver_status status);

/* The status for an error number of busdma(9). */
enum driver_status driver_status_from_errno(int error);

/* ---- memory that CPU and device share for long: rings, command lists ---- */

struct dma_memory {
    void *address;    /* for the CPU; null while not allocated */
    bus_addr_t bus;   /* for the device */
    bus_dmamap_t map; /* for bus_dmamap_sync */
};

/*
 * A tag for blocks of `size` bytes that the device gets as one segment at a multiple of
 * `alignment`, at an address up to `lowaddr`. Returns busdma's error number.
 */
int dma_block_tag_create(bus_dma_tag_t parent, bus_size_t alignment, bus_addr_t lowaddr,
                         bus_size_t size, bus_dma_tag_t *out_tag);

/*
 * Allocates zeroed memory with such a tag and loads it. Returns busdma's error number; *memory is
 * all zero then. dma_memory_free() takes both steps back, in the opposite order; the device must
 * have been stopped before. Freeing what has not been allocated does nothing.
 */
int dma_memory_alloc(bus_dma_tag_t tag, bus_size_t size, struct dma_memory *memory);
void dma_memory_free(bus_dma_tag_t tag, struct dma_memory *memory);

/* Destroys the tag and makes the variable null; false, with a message naming `owner` and `what`,
 * when something made with the tag still exists. Null is fine. */
bool dma_tag_release(bus_dma_tag_t *tag, const char *owner, const char *what);

/* ---- waiting ---- */

/*
 * Lets the processor rest until an interrupt comes or `ns` have passed, unless *attention is set.
 * An interrupt handler that sets *attention just before is not missed.
 */
void driver_idle(const volatile bool *attention, uint64_t ns);

#endif
