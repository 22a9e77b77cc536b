/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma(9) under udmar's own names. A kernel that has no busdma of its own includes bus_dma.h,
 * which gives the same functions the names that FreeBSD's drivers know.
 *
 * The contract of these functions is busdma(9)'s, so they answer with error numbers and not with
 * enum udmar_status: 0 or one of the UDMAR_E... below. What a caller does wrong is answered,
 * counted (udmar_dma_counts()) and loses nothing.
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

struct udmar;
struct udmar_dma_tag;
struct udmar_dma_map;
struct udmar_device;

/* One contiguous range as the device sees it. */
struct udmar_dma_segment {
    udmar_bus_addr_t ds_addr;
    udmar_bus_size_t ds_len;
};

/* One piece of what is loaded: bytes in the kernel's address space, or physical memory. */
struct udmar_dma_piece {
    const void *buffer;     /* unless is_physical */
    udmar_paddr_t physical; /* if is_physical */
    uint64_t length;        /* bytes; 0 is skipped */
    bool is_physical;
};

/* Gives the next piece; false at the end. */
typedef bool udmar_dma_next_t(void *context, struct udmar_dma_piece *out_piece);

enum udmar_dma_flags {
    UDMAR_DMA_WAITOK = 0,
    UDMAR_DMA_NOWAIT = 0x1,           /* never defer: ENOMEM instead of EINPROGRESS */
    UDMAR_DMA_ALLOCNOW = 0x2,         /* tag: its zone has pages for one maxsize from the start */
    UDMAR_DMA_COHERENT = 0x4,         /* hint: memory that needs little sync; no effect on x86 */
    UDMAR_DMA_ZERO = 0x8,             /* dmamem_alloc: zeroed (it always is) */
    UDMAR_DMA_NOWRITE = 0x100,        /* load: the device may only read */
    UDMAR_DMA_NOCACHE = 0x200,        /* dmamem_alloc: uncacheable */
    UDMAR_DMA_KEEP_PG_OFFSET = 0x400, /* tag: a bounced page keeps the offset in the page */
    UDMAR_DMA_MORE = 0x40000000,      /* add: udmar_dmamap_complete() follows; not FreeBSD's */
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
 * What a bus's bus_get_dma_tag() returns: no limits but the device's address width in the domain.
 * It belongs to the device and lives as long as it, until the udmar_device_detach() that undoes the
 * last attach: don't destroy it. No change of mode and no start or stop ends it. The first tag or
 * map that is made below it decides which addresses all of them give out: those of the mode that
 * the device has at that time, which cannot be changed before the last of them has gone. In a
 * domain of udmar_domain_create() busdma makes none (EINVAL). Null: no memory. Any thread.
 */
struct udmar_dma_tag *udmar_device_dma_tag(struct udmar_device *device);

/*
 * udmar_dma_tag_create - what a device can address, as a child of another tag
 * @parent: the device's root tag or one below it; not null: a tag without a device could only ever
 *          make addresses that its unit blocks.
 * @alignment: of each mapping's first byte, a power of two (0 counts as 1; another number is
 * rounded up to one). What the device's addresses or the host's memory have not is UDMAR_ENOMEM
 *            where it is wanted.
 * @boundary: no segment crosses a multiple of it; a power of two (of another number its largest
 *            divisor that is one), 0 for none. Smaller than maxsegsz lowers maxsegsz.
 * @lowaddr, @highaddr: addresses above lowaddr and up to highaddr are out of the device's reach;
 *            both are rounded up to the end of their page. A highaddr that is not above lowaddr
 *            means the highest address there is, as it does below FreeBSD's bus tags.
 * @filter, @filter_argument: must be null, as in FreeBSD today.
 * @maxsize: bytes of the largest mapping, and what dmamem_alloc allocates. 0: nothing can be
 * loaded.
 * @nsegments: the most segments of a mapping. 0: every load is UDMAR_EFBIG, as befits a tag that is
 *            only a parent. Negative: no limit but the map's.
 * @maxsegsz: bytes of the largest segment; 0 is an error.
 * @flags: UDMAR_DMA_ALLOCNOW, COHERENT, KEEP_PG_OFFSET or 0.
 * @lock, @lock_argument: called with UDMAR_DMA_LOCK before and UDMAR_DMA_UNLOCK after a deferred
 *          load and its callback. Null: loads of this tag are never deferred, they fail with
 *          UDMAR_ENOMEM instead.
 *
 * A child can only tighten: it gets the smaller lowaddr, the larger highaddr (where the parent
 * forbids anything at all), the smaller boundary, the larger alignment of its parent and itself,
 * the parent's domain and back end. Sizes and lock are its own. The parent may be destroyed before
 * it, and then lives on for it. Returns 0; UDMAR_EINVAL (the reason is logged as one line);
 * UDMAR_ENOMEM (also: no bounce pages for UDMAR_DMA_ALLOCNOW). *out_tag is null after an error.
 * From [busdma(9)].
 */
int udmar_dma_tag_create(struct udmar_dma_tag *parent, udmar_bus_size_t alignment,
                         udmar_bus_addr_t boundary, udmar_bus_addr_t lowaddr,
                         udmar_bus_addr_t highaddr, udmar_dma_filter_t *filter,
                         void *filter_argument, udmar_bus_size_t maxsize, int nsegments,
                         udmar_bus_size_t maxsegsz, int flags, udmar_dma_lock_t *lock,
                         void *lock_argument, struct udmar_dma_tag **out_tag);

/*
 * udmar_dma_tag_destroy
 * Returns 0 (also for null); UDMAR_EBUSY while maps exist; UDMAR_EINVAL for a device's root tag.
 * Child tags are no obstacle: what they need of it lives as long as they do. Bounce pages that no
 * other tag shares are given back.
 */
int udmar_dma_tag_destroy(struct udmar_dma_tag *tag);

/*
 * udmar_dma_tag_set_numa_node - which NUMA node its bounce pages come from
 * @numa_node: 0 to 1023, or -1: any. New children inherit it.
 * Returns 0; UDMAR_EINVAL; UDMAR_EBUSY (maps or child tags exist); UDMAR_ENOMEM (nothing changed).
 */
int udmar_dma_tag_set_numa_node(struct udmar_dma_tag *tag, int numa_node);

/*
 * udmar_dmamap_create - what one transfer at a time needs
 *
 * With translation this reserves a window of guest addresses for the tag's maxsize and makes its
 * page tables, so that loading needs neither a lock nor memory. Where maxsize is larger than the
 * instance's window limit or a 64th of the addresses in the tag's reach, or windows have half of
 * these already, each load takes a range of its own. Where
 * loads may have to be bounced the zone of the tag's needs gets pages for one more maxsize, up to
 * its limit.
 * @flags: UDMAR_DMA_NOWAIT or 0, which are the same here: memory that is not there is not waited
 * for. The map belongs to the caller.
 * Returns 0; UDMAR_EINVAL (null); UDMAR_ENOMEM. *out_map is null after an error.
 */
int udmar_dmamap_create(struct udmar_dma_tag *tag, int flags, struct udmar_dma_map **out_map);

/*
 * udmar_dmamap_destroy
 * Returns 0 (also for null); UDMAR_EBUSY while loaded or while a deferred load waits (unload
 * cancels it); UDMAR_EINVAL when the map is not the tag's or came from dmamem_alloc.
 */
int udmar_dmamap_destroy(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/*
 * udmar_dmamem_alloc - memory for a device, with a map for it
 * @out_address: tag's maxsize bytes, zeroed. With translation the pages may be physically
 * scattered: the device sees them in one piece.
 * @flags: UDMAR_DMA_NOWAIT, ZERO, COHERENT, NOCACHE. Whether memory that is not there is waited for
 * is the host's affair, with NOWAIT as without: see udmar_host_dmamem_alloc().
 *
 * The memory must still be loaded, and unloaded before udmar_dmamem_free().
 * Returns 0; UDMAR_EINVAL; UDMAR_ENOMEM. *out_address and *out_map are null after an error.
 */
int udmar_dmamem_alloc(struct udmar_dma_tag *tag, void **out_address, int flags,
                       struct udmar_dma_map **out_map);

/*
 * udmar_dmamem_free - give memory and map back
 * @address, @map: as udmar_dmamem_alloc() gave them together; anything else is logged and ignored.
 *
 * A map that is still loaded is unloaded first and the mistake is logged. In deferred mode this
 * waits for the unit. Memory whose unload the unit does not confirm is given up for good.
 */
void udmar_dmamem_free(struct udmar_dma_tag *tag, void *address, struct udmar_dma_map *map);

/*
 * udmar_dmamap_load - map a buffer for the device
 * @buffer, @length: bytes in the kernel's address space, 1 to maxsize; they stay in place until
 *                   unload.
 * @callback: gets the segments (valid during the call only) or an error. Never null.
 * @flags: UDMAR_DMA_NOWAIT, UDMAR_DMA_NOWRITE (the device only reads).
 *
 * Each error is told once, as FreeBSD's code does it: by the callback, and by the result as well
 * only for ENOMEM of a load that could not wait. Returns
 *
 *   0                  the callback has run: with the segments; or with an error and none of them,
 *                      everything undone: UDMAR_EFBIG (more segments than the tag allows),
 *                      UDMAR_EINVAL (buffer null or wrapping, length 0 or above maxsize, address
 *                      that is not mapped, offset that KEEP_PG_OFFSET forbids to mend), or, for a
 *                      load that may wait, UDMAR_ENOMEM (waiting would be in vain);
 *   UDMAR_EINPROGRESS  what the load needs is in use by others, and it may wait: no
 *                      UDMAR_DMA_NOWAIT, a tag with a lock function, not the map of
 *                      udmar_dmamem_alloc(). The callback will run once, under the tag's lock, with
 *                      segments or an error, first come first served among the loads that wait for
 *                      the same;
 *   UDMAR_ENOMEM       no resources, and the load may not wait; the callback has run with it;
 *   UDMAR_EINVAL       tag, map or callback null, map of another tag: the callback has not run;
 *   UDMAR_EBUSY        loaded already, or a deferred load waits; the callback has not run.
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
 * udmar_dmamap_load_each - the same for whatever a function can tell piece by piece
 * @next, @context: called until it returns false, during the call only.
 *
 * What mbufs, uio, bio and memory descriptors are loaded through (foreign.h). The pieces are noted
 * in the map, in memory that it keeps: at most 4096 after physical neighbours have been joined,
 * more are UDMAR_EFBIG.
 */
int udmar_dmamap_load_each(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                           udmar_dma_next_t *next, void *context, udmar_dma_callback_t *callback,
                           void *callback_argument, int flags);

/*
 * udmar_dmamap_load_each_sg - without a callback: the segments are the answer
 * @out_segments: room for the tag's nsegments; may be null, see udmar_dmamap_segments().
 * @out_count: how many there are; 0 after an error.
 * Never deferred. Returns 0; UDMAR_EFBIG; UDMAR_ENOMEM; UDMAR_EINVAL; UDMAR_EBUSY.
 */
int udmar_dmamap_load_each_sg(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              udmar_dma_next_t *next, void *context,
                              struct udmar_dma_segment *out_segments, int *out_count, int flags);

/*
 * udmar_dmamap_add - load piece after piece into one map, and know the segments of each at once
 * @next, @context: what is added, as for udmar_dmamap_load_each(); all of it or nothing. At most
 *                  maxsize a call.
 * @segments: room for the tag's nsegments; the new ones go behind @last, and the first of them
 *            becomes a part of that one where it continues it and the tag allows it. Null: the
 *            map's own, see udmar_dmamap_segments() (which knows none that went elsewhere).
 * @last: index of the last segment that is there, -1 for none; of the last new one after success.
 * @flags: UDMAR_DMA_NOWRITE; for this piece.
 *
 *         UDMAR_DMA_MORE: the device gets nothing to do before udmar_dmamap_complete().
 *
 * The first call loads the map, further ones (also after another kind of load) add to it; sync and
 * unload are for all pieces. A call that fails changes nothing but @segments behind @last: what was
 * there before stays loaded. Never deferred, no callback. All pieces share the place that the load
 * has, each at the next page of it, until it is full; the next place is at least twice as large, up
 * to 8 MiB. A tag's maxsize that covers all pieces with a page for each lets them have one place. A
 * strict unload waits once for each place. This is what FreeBSD's _bus_dmamap_load_phys() and its
 * like do.
 * Returns 0; UDMAR_EFBIG (segment nsegments or above, or more pieces than a map notes);
 * UDMAR_ENOMEM; UDMAR_EINVAL (null, nothing, too much, what is not mapped, another tag's map);
 * UDMAR_EBUSY (a deferred load waits).
 */
int udmar_dmamap_add(struct udmar_dma_tag *tag, struct udmar_dma_map *map, udmar_dma_next_t *next,
                     void *context, struct udmar_dma_segment *segments, int *last, int flags);

/* The same for one buffer in the kernel's address space; the cheapest form. */
int udmar_dmamap_add_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                            const void *buffer, udmar_bus_size_t length,
                            struct udmar_dma_segment *segments, int *last, int flags);
/* And for one range of physical memory. */
int udmar_dmamap_add_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                              udmar_paddr_t physical, udmar_bus_size_t length,
                              struct udmar_dma_segment *segments, int *last, int flags);

/*
 * udmar_dmamap_complete - the last piece has been added with UDMAR_DMA_MORE
 *
 * A unit in caching mode, or with a write buffer, is told of new entries. With UDMAR_DMA_MORE that
 * is done here, once for all pieces, else by each call. Other units have nothing to be told. Does
 * nothing for a map that is not loaded, or to which nothing is left to do.
 * Returns 0; UDMAR_ENOMEM (the unit has not answered: the device may see faults; the map stays
 * loaded, and is to be unloaded); UDMAR_EINVAL (null, another tag's map); UDMAR_EBUSY (a deferred
 * load waits).
 */
int udmar_dmamap_complete(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/*
 * The segments of a loaded map, the map's own and valid until unload; null and 0 when not loaded.
 */
struct udmar_dma_segment *udmar_dmamap_segments(struct udmar_dma_map *map, int *out_count);

/*
 * udmar_dmamap_sync - make memory and device agree at a hand-over
 * @op: udmar_dma_sync values, PRE with PRE or POST with POST. On a coherent bus this orders stores,
 * and copies where pages stand in for the buffer's: PREWRITE to them, POSTREAD back (not for a load
 * with UDMAR_DMA_NOWRITE). POSTREAD copies all of their bytes: what the device has not written is
 * then what the pages had, which is the buffer's only after PREWRITE. Null or unloaded maps are
 * ignored; @tag is not looked at.
 */
void udmar_dmamap_sync(struct udmar_dma_tag *tag, struct udmar_dma_map *map, int op);

/*
 * udmar_dmamap_unload - end the device's access
 *
 * In strict mode (the default) the device cannot reach the memory any more when this returns; in
 * deferred mode it cannot as soon as the unit has worked off the request that has been queued.
 * Should a unit not answer within hw.dmar.timeout, this is logged and the window stays out of use
 * until the unit has answered. No sync is done. Null or unloaded maps are ignored; @tag is not
 * looked at but for null.
 * A deferred load that still waits is cancelled: its callback will not run. (When it was about to
 * run in another thread the map stays busy for that moment.)
 * Deferred loads for which there are bounce pages now run before this returns, unless
 * udmar_dma_on_waiting() has said who runs them. Their callbacks may load this map again, or
 * destroy it.
 */
void udmar_dmamap_unload(struct udmar_dma_tag *tag, struct udmar_dma_map *map);

/*
 * udmar_dma_id_mapped - would these bytes be seen by the device at their physical address?
 * Returns true for bounce back ends where no bouncing is needed, false with translation.
 */
bool udmar_dma_id_mapped(struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);

/* ---- Templates: a tag from named values ------------------------------------------------------ */

enum udmar_dma_key {
    UDMAR_DMA_KEY_INVALID = 0,
    UDMAR_DMA_KEY_PARENT = 1, /* ptr */
    UDMAR_DMA_KEY_ALIGNMENT = 2,
    UDMAR_DMA_KEY_BOUNDARY = 3,
    UDMAR_DMA_KEY_LOWADDR = 4,  /* pa */
    UDMAR_DMA_KEY_HIGHADDR = 5, /* pa */
    UDMAR_DMA_KEY_MAXSIZE = 6,
    UDMAR_DMA_KEY_NSEGMENTS = 7,
    UDMAR_DMA_KEY_MAXSEGSIZE = 8,
    UDMAR_DMA_KEY_FLAGS = 9,
    UDMAR_DMA_KEY_LOCKFUNC = 10,    /* ptr */
    UDMAR_DMA_KEY_LOCKFUNCARG = 11, /* ptr */
    UDMAR_DMA_KEY_NAME = 12,        /* ptr */
};

struct udmar_dma_param {
    enum udmar_dma_key key;
    union {
        void *ptr;
        udmar_paddr_t pa;
        uint64_t num;
    };
};

struct udmar_dma_template {
    struct udmar_dma_tag *parent;
    udmar_bus_size_t alignment;
    udmar_bus_addr_t boundary;
    udmar_bus_addr_t lowaddr;
    udmar_bus_addr_t highaddr;
    udmar_bus_size_t maxsize;
    int nsegments;
    udmar_bus_size_t maxsegsize;
    int flags;
    udmar_dma_lock_t *lockfunc;
    void *lockfuncarg;
    const char *name; /* for log lines; kept by the caller while the tag lives */
    bool unknown_key; /* set by udmar_dma_template_fill() */
};

/* Defaults: alignment 1, no boundary, all addresses, any size and number of segments, no lock. */
void udmar_dma_template_init(struct udmar_dma_template *out_template, struct udmar_dma_tag *parent);

/* What a tag was made of, its limits as inherited. Null: nothing happens. */
void udmar_dma_template_clone(struct udmar_dma_template *out_template, struct udmar_dma_tag *tag);

/*
 * udmar_dma_template_fill - set fields by key
 * An unknown key makes the template one that udmar_dma_template_tag() refuses.
 */
void udmar_dma_template_fill(struct udmar_dma_template *out_template,
                             const struct udmar_dma_param *params, unsigned count);

/* udmar_dma_tag_create() with a template's values. Returns as that does. */
int udmar_dma_template_tag(const struct udmar_dma_template *template_,
                           struct udmar_dma_tag **out_tag);

/* ---- Deferred loads -------------------------------------------------------------------------- */

/*
 * udmar_dma_on_waiting - who runs deferred loads
 * @wake: called when loads have become ready or may be tried again, from inside what has given
 *        pages, addresses or memory back: an unload or a map's end, a load that fails, a map or tag
 *        (ALLOCNOW) that is made, udmar_tick(); possibly with the driver's locks held. It must do
 *        no more than wake the thread that calls udmar_dma_run_waiting(). Null (the default): the
 *        thread that is there runs them itself.
 *
 * A driver that unloads under its tag's lock would meet that lock again in the default, where
 * another load of the same lock becomes ready; a kernel whose drivers do so gives a thread of its
 * own. Call it before drivers attach.
 */
void udmar_dma_on_waiting(struct udmar *instance, void (*wake)(void *argument), void *argument);

/*
 * Runs loads that are ready, in order, each under its tag's lock, and tries those that wait for
 * addresses or memory once more. A thread without locks.
 */
void udmar_dma_run_waiting(struct udmar *instance);

/* ---- What an administrator can look at ------------------------------------------------------- */

/* A pool of bounce pages, shared by all tags with the same needs. FreeBSD's hw.busdma.zoneN. */
struct udmar_bounce_zone_info {
    udmar_paddr_t lowaddr; /* the last address that its pages may have */
    uint64_t alignment;
    int numa_node;        /* -1: any */
    uint64_t total_pages; /* free + reserved + active */
    uint64_t free_pages;
    uint64_t reserved_pages;    /* in the hands of a load that has not come to its end */
    uint64_t active_pages;      /* of maps that are loaded */
    uint64_t total_bounced;     /* syncs that copied */
    uint64_t total_deferred;    /* loads that had to wait */
    uint64_t total_deferred_ns; /* how long they waited, those that have run */
    uint64_t waiting;           /* loads that wait now */
};

/* @index: from 0. False past the last. Zones come and go with tags. Any thread. */
bool udmar_bounce_zone_info(struct udmar *instance, unsigned index,
                            struct udmar_bounce_zone_info *out_info);

/* What callers of one instance did wrong, and what could not be done. */
struct udmar_dma_counts {
    uint64_t tags_refused;      /* tag_create, set_numa_node, template: EINVAL */
    uint64_t wrong_arguments;   /* null, zero, too long, wrapping, not mapped: EINVAL */
    uint64_t wrong_maps;        /* a map of another tag, the wrong kind, or other memory: EINVAL */
    uint64_t loaded_twice;      /* EBUSY */
    uint64_t unloaded_twice;    /* unload of a map that is not loaded: ignored */
    uint64_t synced_unloaded;   /* sync of a map that is not loaded: ignored */
    uint64_t ended_loaded;      /* dmamap_destroy (EBUSY) or dmamem_free of a loaded map */
    uint64_t ended_in_use;      /* tag_destroy with maps (EBUSY), of a root tag, or twice; also
                                   set_numa_node with maps or child tags (EBUSY) */
    uint64_t too_many_segments; /* EFBIG */
    uint64_t no_resources;      /* loads with ENOMEM */
    uint64_t cancelled;         /* deferred loads that an unload ended */
};

/*
 * udmar_dma_counts - read them
 * Statistics since udmar_create(); a call that names neither a tag nor a map is not counted, there
 * is nobody to count it for. Any thread.
 */
void udmar_dma_counts(struct udmar *instance, struct udmar_dma_counts *out_counts);

#ifdef __cplusplus
}
#endif

#endif
