/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma inside: tags, maps, and the small vector behind which the two back ends stand.
 *
 * A load goes: load.c checks and starts a source (what is to be mapped, piece by piece) -> the back
 * end makes addresses of the pieces -> segments.c cuts them as the tag demands -> the driver's
 * callback.
 *
 * Where bytes may have to lie elsewhere than the driver has them (out of the device's reach, not
 * aligned, in a page shared with others) rare.c comes first: it notes the pieces in a list
 * (list.c), gets pages of a zone for the bytes in question (zone.c; deferred.c when it has to
 * wait), and hands the back end a list in which these pages stand (stand_in.c).
 */
#ifndef UDMAR_BUSDMA_INTERNAL_H
#define UDMAR_BUSDMA_INTERNAL_H

#include <udmar/busdma.h>

#include "policy/instance.h"
#include "space/window.h"

struct udmar__backend;

struct udmar_dma_tag {
    struct udmar_device *device;
    struct udmar_dma_tag *parent; /* null: the device's root tag */
    const struct udmar__backend *backend;
    uint64_t alignment;
    uint64_t boundary; /* 0: none */
    udmar_bus_addr_t lowaddr;
    udmar_bus_addr_t highaddr;
    uint64_t maxsize;
    uint64_t maxsegsz;
    uint32_t nsegments;
    bool plain; /* neither boundary nor maxsegsz can cut a mapping in slots of up to maxsize */
    int flags;
    udmar_dma_lock_t *lock;
    void *lock_argument;
    const char *name;
    unsigned refs; /* atomic: its maps, its child tags, and the driver until it destroys it */
    unsigned maps; /* atomic */
    bool ended;    /* destroyed by the driver, and alive for its child tags */
    /* Standing in for the driver's pages. */
    uint64_t misaligned;             /* address bits that must be 0 where a segment begins */
    bool may_miss;                   /* there may be memory that the device cannot reach */
    int numa_node;                   /* NUMA; -1: any */
    struct udmar__bounce_zone *zone; /* null: no need seen; always null for a root tag */
};

/* A page of a zone, and the bytes for which it stands while it is in a map's hands. */
struct udmar__bounce_page {
    struct udmar__bounce_page *next;
    struct udmar_page page;
    udmar_paddr_t client;      /* first byte of the driver's data */
    uint32_t length;           /* up to the end of its page at most */
    uint32_t offset;           /* of the copy in the page */
    udmar_paddr_t next_client; /* what follows in the page, at the beginning of another one */
    uint32_t next_length;      /* 0: nothing */
};

/* Pieces of physical memory, neighbours joined. */
struct udmar__list {
    struct udmar_dma_physical *entries;
    uint32_t count;
    uint32_t capacity;
    uint64_t bytes;
};

/* What is being loaded: a buffer of the kernel's, or a list of physical pieces. */
struct udmar__source {
    void *host;
    const uint8_t *buffer; /* null: the list */
    const struct udmar_dma_physical *list;
    uint64_t remaining; /* bytes; of the buffer, or of the whole list */
};

enum udmar__deferral {
    DEFERRAL_NONE,
    DEFERRAL_WAITING,   /* in the zone's queue */
    DEFERRAL_READY,     /* has its pages, somebody will run it */
    DEFERRAL_CANCELLED, /* was ready, and the driver has unloaded it */
};

/* Who is told of a load, and the load's place in a queue when it waits. */
struct udmar__waiting_load {
    struct udmar_dma_map *next;
    bool may_wait;
    bool momentary;             /* the last try failed by what others may give back */
    bool for_room;              /* it waits in room.c, not for pages of a zone */
    size_t tried;               /* what room.freed was then */
    enum udmar__deferral state; /* [zone lock] to write; atomic, the driver's thread looks */
    udmar_dma_callback_t *callback;
    void *callback_argument;
    struct udmar__source source; /* to be tried again; a list is the map's `given` */
    uint32_t needed;
    uint64_t since;
};

/* May a load go the short way of quick.h? */
enum udmar__fast_path {
    FAST_PATH_NEVER,
    FAST_PATH_IDLE,   /* a small window may be loaded all the same: see ready_for */
    FAST_PATH_LOADED, /* that way, but not into a small window */
    FAST_PATH_BUSY,   /* loaded the long way, or only that may look at it: see
                         udmar__fast_path_close() */
};

/*
 * What `ready_for` is when it is no tag. A map with a small window that may be loaded the short way
 * has its tag there, so that one comparison says all of it, and is loaded when one of the last two
 * is there; all other maps have the first, and `loaded`.
 */
#define READY_FOR_NOBODY ((struct udmar_dma_tag *)1)
#define LOADED_SMALL     ((struct udmar_dma_tag *)2)
#define LOADED_RESTING   ((struct udmar_dma_tag *)3) /* its window has places that rest */

struct udmar_dma_map {
    struct udmar_dma_tag *tag;
    struct udmar_dma_tag *ready_for;
    /* For quick.h, beside what it shares with all. */
    void *host;
    uint64_t most; /* bytes of what is one segment: maxsize or maxsegsz of the tag, or less */
    struct udmar_domain *domain;
    struct udmar_dma_tag *loaded_as; /* what ready_for becomes when it is loaded */
    struct udmar__window *small;     /* the window, if it is a block */
    uint8_t quick; /* enum udmar__fast_path; LOADED only after a load that went that way */
    /* Segments of the load; room for `capacity`. */
    struct udmar_dma_segment *segments;
    uint32_t capacity;
    uint32_t count;        /* 1 while it is ready for its tag, as it will be */
    uintptr_t offset_mask; /* bits of a buffer's address that the tag's alignment forbids */
    bool check_bounce;     /* every load has to be looked at by rare.c */
    bool loaded;
    bool of_dmamem;
    bool read_only;
    /* DMAR back end: a window for good... */
    struct udmar__window *window;
    /* ...or for one load a block, somebody's window, or a range. */
    struct udmar__arena_pool *pool; /* where those are taken from */
    struct udmar__arena *arena;     /* of the block */
    uint32_t block;                 /* its first page */
    struct udmar__window *transient;
    struct udmar__range *range;
    bool unconfirmed;    /* an unload was not confirmed: so far the device may reach its memory */
    bool used_transient; /* a load did not fit the window; deferred: what it had may still rest */
    void *memory;        /* of_dmamem: what it came with */
    /* Standing in. */
    struct udmar_dma_map *further; /* of the first piece that was added; see grow.c */
    bool windowless;               /* it is such a map itself */
    bool subpage;                  /* partial pages must not be seen by the device */
    bool isolates; /* the same of what is being loaded: memory of dmamem has its pages for itself */
    bool may_bounce; /* what `rare` is when no pages are left from an unconfirmed unload */
    struct udmar__bounce_zone *zone;
    struct udmar__bounce_page *bounces; /* in the order of their bytes */
    uint32_t bounce_count;
    struct udmar__list client_pieces;  /* what the driver has */
    struct udmar__list bounced_pieces; /* what the device gets */
    struct udmar__waiting_load deferred;
#ifdef UDMAR_DEBUG_MAPS
    struct udmar_dma_map *next_of_device; /* [instance lock] */
    const void *created;                  /* return addresses in the driver */
    const void *last_load;
    const void *last_unload;
#endif
};

/*
 * The next piece, physically contiguous; its length is above 0. False at the end; *out_physical is
 * UINT64_MAX where a buffer is not mapped.
 */
static inline bool udmar__source_next(struct udmar__source *source, udmar_paddr_t *out_physical,
                                      uint64_t *out_length)
{
    if (source->remaining == 0) {
        return false;
    }
    if (source->buffer != NULL) {
        size_t length = (size_t)source->remaining;

        *out_physical = udmar_host_virtual_to_physical(source->host, source->buffer, &length);
        if (*out_physical == UINT64_MAX) {
            /* The host has not said how much. With all of it the piece reaches around the end. */
            length = (size_t)source->remaining;
        }
        *out_length = length;
        source->buffer += length;
    } else {
        while (source->list->length == 0) {
            source->list++;
        }
        *out_physical = source->list->address;
        *out_length = source->list->length;
        source->list++;
    }
    source->remaining -= *out_length;
    return true;
}

struct udmar__backend {
    int (*map_create)(struct udmar_dma_map *map);
    void (*map_destroy)(struct udmar_dma_map *map);
    /* Fills map->segments; on failure nothing is left. Returns an error number. */
    int (*load)(struct udmar_dma_map *map, struct udmar__source *source, bool read_only);
    void (*sync)(struct udmar_dma_map *map, int op);
    void (*unload)(struct udmar_dma_map *map);
    /* Of a map that is not loaded: can no device reach what it had loaded any more? */
    bool (*is_flushed)(struct udmar_dma_map *map);
    /* Would there be place for it if nothing else were loaded? Null: always. */
    bool (*possible)(struct udmar_dma_map *map, const struct udmar__source *source);
    bool (*id_mapped)(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);
    bool scatters; /* pieces may lie anywhere, the device sees them side by side */
};

extern const struct udmar__backend udmar__backend_translated;
extern const struct udmar__backend udmar__backend_direct;

/* ---- dmar.c ---- */
/* An unload that the unit has not confirmed. */
void udmar__report_loss(const struct udmar_dma_map *map, enum udmar_status status);

/* ---- slots.c: loads into small windows whose entries are always in reach ---- */

/* Not an error number: the pieces need more pages than there are. */
#define UDMAR__NEEDS_RANGE (-1)

static inline bool udmar__slots_suit(const struct udmar_dma_map *map)
{
    return map->window->ptes != NULL && map->tag->alignment <= UDMAR_PAGE_SIZE;
}

/* Entries of pages that follow each other, and what they mean to the device. */
struct udmar__place {
    volatile uint64_t *slots;
    udmar_iova_t base;
    uint32_t pages;
    uint32_t used; /* pages written, also when it fails */
};

/* What makes a piece something else than one whole page of memory; 0: it is one. */
static inline uint64_t udmar__piece_oddness(const struct udmar_dma_physical *piece)
{
    return (piece->address & (UDMAR_PAGE_MASK | ~PTE_ADDRESS)) | (piece->length ^ UDMAR_PAGE_SIZE);
}

/* Writes entries for whole pages; returns how many there were before something else. */
unsigned udmar__slots_pages(volatile uint64_t *slot, const struct udmar_dma_physical *piece,
                            unsigned count, unsigned access);
/* Writes the entries and fills map->segments; nothing is made visible or taken back. */
int udmar__slots_place(struct udmar_dma_map *map, const struct udmar__source *source,
                       unsigned access, struct udmar__place *place);
int udmar__slots_load(struct udmar_dma_map *map, const struct udmar__source *source,
                      unsigned access);

/* ---- segments.c ---- */
/*
 * Adds [address, address + length) as the device sees it; @join: it continues the last segment.
 * False when the tag's nsegments does not suffice.
 */
bool udmar__segment_add(struct udmar_dma_map *map, udmar_bus_addr_t address, uint64_t length,
                        bool join);

/* The longest segment within a page: as many bytes as the next one may begin after. */
static inline uint32_t udmar__part_of_page(const struct udmar_dma_tag *tag)
{
    uint64_t most = udmar__min(tag->maxsegsz, UDMAR_PAGE_SIZE);
    uint64_t aligned = udmar__align_down(most, udmar__min(tag->alignment, UDMAR_PAGE_SIZE));

    return (uint32_t)(aligned != 0 ? aligned : most);
}

static inline bool udmar__is_loaded(const struct udmar_dma_map *map)
{
    return map->loaded || map->ready_for == LOADED_SMALL || map->ready_for == LOADED_RESTING;
}

/*
 * The short way asks neither whether a load waits for pages nor whether pages are left from an
 * unload that was not confirmed: while there is such a thing it is closed.
 */
static inline void udmar__fast_path_close(struct udmar_dma_map *map)
{
    if (map->quick == FAST_PATH_IDLE) {
        map->quick = FAST_PATH_BUSY;
        map->ready_for = READY_FOR_NOBODY;
    }
}

static inline void udmar__fast_path_open(struct udmar_dma_map *map)
{
    if (map->quick == FAST_PATH_BUSY) {
        map->quick = FAST_PATH_IDLE;
        if (map->small != NULL) {
            map->count = 1;
            map->ready_for = map->tag;
        }
    }
}

/* A map that is loaded becomes one that was loaded the long way. */
static inline void udmar__fast_path_leave(struct udmar_dma_map *map)
{
    map->loaded = true;
    if (map->quick == FAST_PATH_LOADED) {
        map->quick = FAST_PATH_IDLE;
    }
    udmar__fast_path_close(map);
}

/* ---- grow.c ---- */
/* Ends the pieces that were added; udmar__waiting_kick() has to follow where there is a zone. */
void udmar__further_unload(struct udmar_dma_map *map);
void udmar__further_copy(struct udmar_dma_map *map, int op);
/* The map ends. */
void udmar__further_end(struct udmar_dma_map *map);

/* ---- load.c ---- */
/* Notes the pieces in the map; EINVAL where they are nothing or too much. */
int udmar__load_gather(struct udmar_dma_map *map, udmar_dma_next_t *next, void *context);
/* What udmar__wait_space_add() has kept, from the start. */
int udmar__load_again(struct udmar_dma_map *map);
/* Counts what went wrong; returns the error. */
int udmar__load_count(struct udmar_dma_map *map, int error);
/* A load of a buffer, the long way. @caller: of the driver, for a debug build. */
int udmar__load_buffer(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                       uint64_t length, udmar_dma_callback_t *callback, void *callback_argument,
                       int flags, const void *caller);
/* The back end's load and the state after it. Returns an error number. */
static inline int udmar__load_source(struct udmar_dma_map *map, struct udmar__source *source)
{
    int error;

    map->count = 0;
    error = map->tag->backend->load(map, source, map->read_only);
    map->loaded = error == 0;
    if (error != 0) {
        map->count = map->small != NULL;
        map->deferred.momentary = error == UDMAR_ENOMEM;
    } else {
        udmar__fast_path_close(map);
    }
    return error;
}
/* Counts and tells the callback, except for EINPROGRESS; returns what the load returns. */
int udmar__load_failed(struct udmar_dma_map *map, int error);
/* The end of a load whose callback is noted in the map, good or not. */
static inline int udmar__load_finish(struct udmar_dma_map *map, int error)
{
    if (error != 0) {
        return udmar__load_failed(map, error);
    }
    map->deferred.callback(map->deferred.callback_argument, map->segments, (int)map->count, 0);
    return 0;
}

/* ---- list.c ---- */
#define UDMAR__LIST_MOST 4096u

static inline void udmar__list_clear(struct udmar__list *list)
{
    list->count = 0;
    list->bytes = 0;
}
void udmar__list_free(void *host, struct udmar__list *list);
/* Appends; joins with the last when @join and it is a neighbour. Returns an error number. */
int udmar__list_add(void *host, struct udmar__list *list, udmar_paddr_t address, uint64_t length,
                    bool join);
int udmar__list_source(struct udmar__list *list, struct udmar__source source);
/* What @next tells; more than @most bytes are EINVAL. */
int udmar__list_each(void *host, struct udmar__list *list, udmar_dma_next_t *next, void *context,
                     uint64_t most);

/* ---- stand_in.c ---- */
bool udmar__out_of_reach(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length);
/* May a map of the tag have to put bytes elsewhere? */
bool udmar__tag_needs_zone(const struct udmar_dma_tag *tag);
/* Whether some of it has to stand elsewhere; a piece that is not mapped needs nothing. */
bool udmar__needs_bounce(const struct udmar_dma_map *map, struct udmar__source source);
/* How many pages the list map->client_pieces needs. Returns an error number. */
int udmar__bounce_count_pages(struct udmar_dma_map *map, uint32_t *out_pages);
/* map->bounced_pieces from map->client_pieces, with the pages in map->bounces. Returns an error
 * number. */
int udmar__bounce_lay_out(struct udmar_dma_map *map);
void udmar__bounce_copy(struct udmar_dma_map *map, int op);

/* ---- rare.c ---- */
/* A load for which udmar__load_source() may not be enough. Returns an error number. */
int udmar__bounce_load(struct udmar_dma_map *map, const struct udmar__source *source);
/* The same for what is in map->client_pieces already. */
int udmar__bounce_load_client(struct udmar_dma_map *map);
/* The second half, with pages in map->bounces. */
int udmar__bounce_load_with_pages(struct udmar_dma_map *map);
/* Pages of the last load whose end was not confirmed: now it must be. False: it is not. */
bool udmar__bounce_reclaim(struct udmar_dma_map *map);
/* After an unload: the pages go back if no device can reach them any more, and others may run. */
void udmar__bounce_unloaded(struct udmar_dma_map *map);
/* The same without the others: udmar__waiting_kick() has to follow. */
void udmar__bounce_release(struct udmar_dma_map *map);
/* The map ends. */
void udmar__bounce_end(struct udmar_dma_map *map);

/* ---- zone.c ---- */
#define UDMAR__BOUNCE_ZONE_MOST 8192u /* pages: 32 MiB */

struct udmar__bounce_zone {
    struct udmar__bounce_zone *next; /* [instance lock] */
    struct udmar *instance;
    unsigned refs; /* [instance lock] */
    /* What its pages are like; constant. */
    udmar_paddr_t lowaddr;
    uint64_t alignment; /* at least a page */
    int numa_node;
    struct udmar__lock lock;
    struct udmar__bounce_page *free; /* [lock] */
    size_t total;                    /* [lock] free + reserved + active */
    size_t free_pages;               /* [lock] */
    size_t reserved;                 /* [lock] */
    size_t active;                   /* [lock] */
    uint64_t bounced;                /* [lock] */
    uint64_t deferred;               /* [lock] */
    uint64_t deferred_ns;            /* [lock] */
    struct udmar_dma_map *waiting;   /* [lock] first come first served; linked by deferred.next */
    struct udmar_dma_map *ready;     /* [lock] likewise */
    bool running;                    /* [lock] somebody works off `ready` */
};

/* The zone for such pages, made where there is none; null: no memory. Its user count goes up. */
struct udmar__bounce_zone *udmar__bounce_zone_get(struct udmar *instance, udmar_paddr_t lowaddr,
                                                  uint64_t alignment, int numa_node);
/* One user more. */
void udmar__bounce_zone_ref(struct udmar__bounce_zone *zone);
/* The last user frees it. */
void udmar__bounce_zone_unref(struct udmar__bounce_zone *zone);
/*
 * Grows for one more map with loads of @pages. False: not even one such load could run. Without
 * locks, like udmar__bounce_zone_fill(): loads that wait are served first.
 */
bool udmar__bounce_zone_provide(struct udmar__bounce_zone *zone, uint64_t pages);
/* Grows to @pages in all. False: it has fewer. */
bool udmar__bounce_zone_fill(struct udmar__bounce_zone *zone, uint64_t pages);
/*
 * Gives the map pages; or, if it may wait, a place in the queue (EINPROGRESS). ENOMEM otherwise,
 * and where waiting could not help.
 */
int udmar__bounce_zone_take(struct udmar__bounce_zone *zone, struct udmar_dma_map *map,
                            uint32_t pages);
/* The load has succeeded: its pages are in use. */
void udmar__bounce_zone_activate(struct udmar_dma_map *map);
/* Takes the map's pages back; udmar__waiting_kick() has to follow, without locks. */
void udmar__bounce_zone_give(struct udmar_dma_map *map, bool active);
/* The same for pages that a device may still reach: they are lost. */
void udmar__bounce_zone_abandon(struct udmar_dma_map *map);
/* Lets waiting loads have what is free now. */
void udmar__bounce_zone_serve(struct udmar__bounce_zone *zone) UDMAR_REQUIRES(zone->lock);

/* ---- deferred.c ---- */
/* Runs what is ready, or wakes who does. Without locks. */
void udmar__waiting_kick(struct udmar__bounce_zone *zone);
/* Ends a map's wait. False: it did not wait. */
bool udmar__waiting_cancel(struct udmar_dma_map *map);
/* A load of this map is still to come. */
static inline bool udmar__load_is_waiting(const struct udmar_dma_map *map)
{
    return __atomic_load_n(&map->deferred.state, __ATOMIC_ACQUIRE) != DEFERRAL_NONE;
}
void udmar__queue_append(struct udmar_dma_map **queue, struct udmar_dma_map *map);
static inline void udmar__deferral_set(struct udmar_dma_map *map, enum udmar__deferral state)
{
    __atomic_store_n(&map->deferred.state, state, __ATOMIC_RELEASE);
}

/* ---- room.c ---- */
/*
 * A load has failed with ENOMEM that may be momentary: EINPROGRESS, and it waits; or what came of
 * it in the meantime; or ENOMEM, when it may not wait or waiting would be in vain.
 */
int udmar__wait_space_add(struct udmar_dma_map *map, const struct udmar__source *source);
bool udmar__wait_space_cancel(struct udmar_dma_map *map);
/* Tries those that wait, each under its tag's lock. */
void udmar__wait_space_run(struct udmar *instance);
/* Something came back: out of line, and only where somebody waits. Without locks. */
void udmar__wait_space_offer(struct udmar *instance);
/* The same inside a load, where no other load can be run. */
void udmar__wait_space_tell(struct udmar *instance);
/* After addresses or memory have been given back. */
static inline void udmar__wait_space_freed(struct udmar *instance)
{
    /* First what was freed is seen by those who try, then we look for them. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (UDMAR__UNLIKELY(__atomic_load_n(&instance->dma.room.hopeful, __ATOMIC_RELAXED) != 0)) {
        udmar__wait_space_offer(instance);
    }
}

/* ---- map.c ---- */
int udmar__map_create(struct udmar_dma_tag *tag, bool of_dmamem, struct udmar_dma_map **out_map);
void udmar__map_destroy(struct udmar_dma_map *map);
/* Is all of it memory that came with the map, which nobody else has a part of? */
bool udmar__map_owns(const struct udmar_dma_map *map, const uint8_t *buffer, uint64_t length);

/* ---- tag.c ---- */
/* A map of the tag begins and ends. */
void udmar__tag_ref(struct udmar_dma_tag *tag);
void udmar__tag_unref(struct udmar_dma_tag *tag);
/*
 * A root tag lives as long as its device, through changes of mode: before something is made below
 * it, it takes what the device has now. False: the device has addresses that busdma must not give.
 */
bool udmar__tag_follow(struct udmar_dma_tag *tag);
/* Logs the reason, counts, returns EINVAL. */
int udmar__tag_refuse(const struct udmar_dma_tag *near, const char *wrong);

/* ---- counts.c ---- */
/* In the order of struct udmar_dma_counts. */
enum udmar__count {
    COUNT_TAG_REFUSED,
    COUNT_WRONG_ARGUMENT,
    COUNT_WRONG_MAP,
    COUNT_LOADED_TWICE,
    COUNT_UNLOADED_TWICE,
    COUNT_SYNCED_UNLOADED,
    COUNT_ENDED_LOADED,
    COUNT_ENDED_IN_USE,
    COUNT_TOO_MANY_SEGMENTS,
    COUNT_NO_RESOURCES,
    COUNT_CANCELLED,
};
/* Counts, and returns the error it was given. */
int udmar__mistake(const struct udmar_dma_tag *tag, enum udmar__count count, int error);
/* A call with a tag, a map, or neither: whose instance is it? Null: nobody's. */
static inline const struct udmar_dma_tag *udmar__either(const struct udmar_dma_tag *tag,
                                                        const struct udmar_dma_map *map)
{
    return tag != NULL ? tag : map != NULL ? map->tag : NULL;
}

/* ---- debug.c: who did it ---- */
#ifdef UDMAR_DEBUG_MAPS
#define UDMAR__CALLER    __builtin_return_address(0)
/* What is called from a public function is a part of it: its caller is the driver. */
#define UDMAR__SLOW_PATH inline __attribute__((__always_inline__))
void udmar__debug_created(struct udmar_dma_map *map, const void *caller);
void udmar__debug_gone(struct udmar_dma_map *map);
static inline void udmar__debug_load(struct udmar_dma_map *map, const void *caller)
{
    map->last_load = caller;
}
static inline void udmar__debug_unload(struct udmar_dma_map *map, const void *caller)
{
    map->last_unload = caller;
}
/* Log lines that name the device and the places in its driver. */
void udmar__debug_mistake(const struct udmar_dma_map *map, const void *caller, const char *what);
void udmar__debug_leaks(const struct udmar_dma_tag *tag, const void *caller);
#else
#define UDMAR__CALLER    NULL
/* Out of the way of what is short. */
#define UDMAR__SLOW_PATH __attribute__((__noinline__))
static inline void udmar__debug_created(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_gone(struct udmar_dma_map *map)
{
    (void)map;
}
static inline void udmar__debug_load(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_unload(struct udmar_dma_map *map, const void *caller)
{
    (void)map;
    (void)caller;
}
static inline void udmar__debug_mistake(const struct udmar_dma_map *map, const void *caller,
                                        const char *what)
{
    (void)map;
    (void)caller;
    (void)what;
}
static inline void udmar__debug_leaks(const struct udmar_dma_tag *tag, const void *caller)
{
    (void)tag;
    (void)caller;
}
#endif

#endif
