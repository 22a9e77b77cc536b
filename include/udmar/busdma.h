/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma(9) under udmar's own names. A kernel that has no busdma of its own includes bus_dma.h,
 * which gives the same functions the names that FreeBSD's drivers know.
 *
 * The contract of these functions is busdma(9)'s, so they answer with error numbers and not with
 * enum udmar_status: 0 or one of the UDMAR_E... below.
 *
 * Threads: calls that name the same map must not run at the same time (the driver holds the lock of
 * its tag); calls on different maps, also of one tag, may. Nothing here may be called from the
 * unit's fault interrupt. Tag and map functions and dmamem may allocate and must not be called with
 * spin locks held; load, unload and sync may.
 */
#ifndef UDMAR_BUSDMA_H
#define UDMAR_BUSDMA_H

#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Error numbers. FreeBSD's values; only EINPROGRESS differs from system to system, and a port may
 * set it on the compiler's command line.
 */
#define UDMAR_ENOMEM 12
#define UDMAR_EBUSY  16
#define UDMAR_EINVAL 22
#define UDMAR_EFBIG  27
#ifndef UDMAR_EINPROGRESS
#define UDMAR_EINPROGRESS 36
#endif

/* 64 bits on every host, as on FreeBSD's amd64 and i386 PAE. */
typedef uint64_t udmar_bus_addr_t;
typedef uint64_t udmar_bus_size_t;

struct udmar_dma_tag;
struct udmar_dma_map;
struct udmar_device;

/* One contiguous range as the device sees it. */
struct udmar_dma_segment {
    udmar_bus_addr_t ds_addr;
    udmar_bus_size_t ds_len;
};

enum udmar_dma_flags {
    UDMAR_DMA_WAITOK = 0,
    UDMAR_DMA_NOWAIT = 0x1,           /* never defer: ENOMEM instead of EINPROGRESS */
    UDMAR_DMA_ALLOCNOW = 0x2,         /* hint: reserve at tag creation */
    UDMAR_DMA_COHERENT = 0x4,         /* hint: memory that needs little sync; no effect on x86 */
    UDMAR_DMA_ZERO = 0x8,             /* dmamem_alloc: zeroed (it always is) */
    UDMAR_DMA_NOWRITE = 0x100,        /* load: the device may only read */
    UDMAR_DMA_NOCACHE = 0x200,        /* dmamem_alloc: uncacheable */
    UDMAR_DMA_KEEP_PG_OFFSET = 0x400, /* tag: keep the offset in the page (always done here) */
};

/* What a sync is for; from memory's point of view: READ means that the device writes memory. */
enum udmar_dma_sync {
    UDMAR_DMA_SYNC_PREREAD = 1,
    UDMAR_DMA_SYNC_POSTREAD = 2,
    UDMAR_DMA_SYNC_PREWRITE = 4,
    UDMAR_DMA_SYNC_POSTWRITE = 8,
};

enum udmar_dma_lock_op { UDMAR_DMA_LOCK = 1, UDMAR_DMA_UNLOCK = 2 };

typedef int udmar_dma_filter_t(void *argument, udmar_bus_addr_t address);
typedef void udmar_dma_lock_t(void *argument, enum udmar_dma_lock_op op);
typedef void udmar_dma_callback_t(void *argument, struct udmar_dma_segment *segments, int count,
                                  int error);

/*
 * udmar_device_dma_tag - the root tag of a device
 * @device: from udmar_device_attach().
 *
 * What a bus's bus_get_dma_tag() returns: no limits but the device's address width in the domain,
 * and the back end that policy chose for the device. It belongs to the device and lives as long as
 * it; don't destroy it. Any thread.
 */
struct udmar_dma_tag *udmar_device_dma_tag(struct udmar_device *device);

/*
 * udmar_dma_tag_create - what a device can address, as a child of another tag
 * @parent: the device's root tag or one below it; not null: a tag without a device could only ever
 *          make addresses that its unit blocks.
 * @alignment: of each mapping's first byte, a power of two (0 counts as 1), at most 2^32.
 * @boundary: no segment crosses a multiple of it; a power of two, 0 for none. Smaller than maxsegsz
 *            lowers maxsegsz.
 * @lowaddr, @highaddr: addresses above lowaddr and up to highaddr are out of the device's reach;
 *            both are rounded up to the end of their page.
 * @filter, @filter_argument: must be null, as in FreeBSD today.
 * @maxsize: bytes of the largest mapping, and what dmamem_alloc allocates; 0 is an error.
 * @nsegments: the most segments of a mapping, at least 1.
 * @maxsegsz: bytes of the largest segment; 0 is an error.
 * @flags: UDMAR_DMA_ALLOCNOW, COHERENT, KEEP_PG_OFFSET or 0.
 * @lock, @lock_argument: taken around a deferred callback; may be null.
 *
 * A child can only tighten: it gets the smaller lowaddr, the larger highaddr (where the parent
 * forbids anything at all), the smaller boundary, the larger alignment of its parent and itself,
 * and the parent's back end. The parent cannot be destroyed before it. Returns 0; UDMAR_EINVAL (the
 * reason is logged as one line); UDMAR_ENOMEM. From [busdma(9)].
 */
int udmar_dma_tag_create(struct udmar_dma_tag *parent, udmar_bus_size_t alignment,
                         udmar_bus_addr_t boundary, udmar_bus_addr_t lowaddr,
                         udmar_bus_addr_t highaddr, udmar_dma_filter_t *filter,
                         void *filter_argument, udmar_bus_size_t maxsize, int nsegments,
                         udmar_bus_size_t maxsegsz, int flags, udmar_dma_lock_t *lock,
                         void *lock_argument, struct udmar_dma_tag **out_tag);

/*
 * udmar_dma_tag_destroy
 * Returns 0 (also for null); UDMAR_EBUSY while maps or child tags exist; UDMAR_EINVAL for a
 * device's root tag.
 */
int udmar_dma_tag_destroy(struct udmar_dma_tag *tag);

/*
 * udmar_dmamap_create - what one transfer at a time needs
 *
 * With translation this reserves a window of guest addresses for the tag's maxsize and makes its
 * page tables, so that loading needs neither a lock nor memory. Where maxsize is larger than the
 * instance's window limit, or no window is to be had, each load takes a range of its own.
 * @flags: UDMAR_DMA_NOWAIT or 0. The map belongs to the caller.
 * Returns 0; UDMAR_EINVAL (null); UDMAR_ENOMEM.
 */
int udmar_dmamap_create(struct udmar_dma_tag *tag, int flags, struct udmar_dma_map **out_map);

/*
 * udmar_dmamap_destroy
 * Returns 0 (also for null); UDMAR_EBUSY while loaded; UDMAR_EINVAL when the map is not the tag's
 * or came from dmamem_alloc.
 */
int udmar_dmamap_destroy(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/*
 * udmar_dmamem_alloc - memory for a device, with a map for it
 * @out_address: tag's maxsize bytes, zeroed. With translation the pages may be physically
 * scattered: the device sees them in one piece.
 * @flags: UDMAR_DMA_NOWAIT, ZERO, COHERENT, NOCACHE.
 *
 * The memory must still be loaded, and unloaded before udmar_dmamem_free().
 * Returns 0; UDMAR_EINVAL; UDMAR_ENOMEM.
 */
int udmar_dmamem_alloc(struct udmar_dma_tag *tag, void **out_address, int flags,
                       struct udmar_dma_map **out_map);

/*
 * udmar_dmamem_free - give memory and map back
 * A map that is still loaded is unloaded first and the mistake is logged.
 */
void udmar_dmamem_free(struct udmar_dma_tag *tag, void *address, struct udmar_dma_map *map);

/*
 * udmar_dmamap_load - map a buffer for the device
 * @buffer, @length: bytes in the kernel's address space, 1 to maxsize; they stay in place until
 *                   unload.
 * @callback: gets the segments (valid during the call only) or an error; it runs before the
 *            function returns. Never null.
 * @flags: UDMAR_DMA_NOWAIT, UDMAR_DMA_NOWRITE.
 *
 * Returns 0 when the callback has run with the result (also with UDMAR_EFBIG: too many segments,
 * everything undone); UDMAR_ENOMEM (no resources; the callback has run with it); UDMAR_EINVAL
 * (null, length 0 or above maxsize, address that is not mapped, offset that breaks the tag's
 * alignment; the callback has run with it); UDMAR_EBUSY (already loaded; the callback has not run).
 */
int udmar_dmamap_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      udmar_bus_size_t length, udmar_dma_callback_t *callback,
                      void *callback_argument, int flags);

/*
 * udmar_dmamap_load_physical - the same for a scatter list of physical memory
 * @list, @count: not kept after the call. Pieces that join at page borders become one segment.
 */
int udmar_dmamap_load_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                               const struct udmar_dma_physical *list, unsigned count,
                               udmar_dma_callback_t *callback, void *callback_argument, int flags);

/*
 * udmar_dmamap_sync - make memory and device agree at a hand-over
 * @op: udmar_dma_sync values, PRE with PRE or POST with POST. On a coherent bus this orders stores,
 * and copies where the bounce back end has put pages in between. Null or unloaded maps are ignored.
 */
void udmar_dmamap_sync(struct udmar_dma_tag *tag, struct udmar_dma_map *map, int op);

/*
 * udmar_dmamap_unload - end the device's access
 *
 * In strict mode (the default) the device cannot reach the memory any more when this returns; in
 * deferred mode it cannot as soon as the unit has worked off the request that has been queued.
 * Should a unit not answer within hw.dmar.timeout, this is logged and the window stays out of use
 * until the unit has answered. No sync is done. Null or unloaded maps are ignored.
 */
void udmar_dmamap_unload(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/*
 * udmar_dma_id_mapped - would these bytes be seen by the device at their physical address?
 * Returns true for bounce back ends where no bouncing is needed, false with translation.
 */
bool udmar_dma_id_mapped(struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif
