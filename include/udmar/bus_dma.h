/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma(9) under FreeBSD's names, for kernels that have none of their own.
 *
 * Prototypes are FreeBSD's: a driver's source that was written for <sys/bus_dma.h> compiles against
 * this. Everything is a thin name over busdma.h, where the contracts stand.
 *
 * What takes a type of the kernel's own is not here: bus_dmamap_load_mbuf() and its like stand in
 * foreign/mbuf.h, uio.h, bio.h, memdesc.h, ccb.h, crypto.h and pages.h, busdma_lock_mutex() in
 * foreign/mtx.h. Each is there for who includes it; foreign.h includes them all.
 */
#ifndef UDMAR_BUS_DMA_H
#define UDMAR_BUS_DMA_H

#include <udmar/busdma.h>
#include <udmar/piece.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In the debug build the caller of a map's functions is noted: these names must leave no trace. */
#ifdef UDMAR_DEBUG_MAPS
#define UDMAR_BUS_DMA_INLINE static inline __attribute__((always_inline))
#else
#define UDMAR_BUS_DMA_INLINE static inline
#endif

typedef udmar_paddr_t vm_paddr_t;
typedef udmar_bus_addr_t bus_addr_t;
typedef udmar_bus_size_t bus_size_t;
typedef struct udmar_dma_tag *bus_dma_tag_t;
typedef struct udmar_dma_map *bus_dmamap_t;
typedef struct udmar_dma_segment bus_dma_segment_t;
typedef int bus_dmasync_op_t;
typedef enum udmar_dma_lock_op bus_dma_lock_op_t;

#define BUS_DMA_LOCK   UDMAR_DMA_LOCK
#define BUS_DMA_UNLOCK UDMAR_DMA_UNLOCK

typedef int bus_dma_filter_t(void *, bus_addr_t);
typedef void bus_dma_lock_t(void *, bus_dma_lock_op_t);
typedef void bus_dmamap_callback_t(void *, bus_dma_segment_t *, int, int);
typedef void bus_dmamap_callback2_t(void *, bus_dma_segment_t *, int, bus_size_t, int);

#define BUS_DMA_WAITOK         UDMAR_DMA_WAITOK
#define BUS_DMA_NOWAIT         UDMAR_DMA_NOWAIT
#define BUS_DMA_ALLOCNOW       UDMAR_DMA_ALLOCNOW
#define BUS_DMA_COHERENT       UDMAR_DMA_COHERENT
#define BUS_DMA_ZERO           UDMAR_DMA_ZERO
#define BUS_DMA_BUS1           0x10 /* the bus's own; no effect here */
#define BUS_DMA_BUS2           0x20
#define BUS_DMA_BUS3           0x40
#define BUS_DMA_BUS4           0x80
#define BUS_DMA_NOWRITE        UDMAR_DMA_NOWRITE
#define BUS_DMA_NOCACHE        UDMAR_DMA_NOCACHE
#define BUS_DMA_KEEP_PG_OFFSET UDMAR_DMA_KEEP_PG_OFFSET
#define BUS_DMA_LOAD_MBUF      0x800 /* no effect here */

#define BUS_DMASYNC_PREREAD   UDMAR_DMA_SYNC_PREREAD
#define BUS_DMASYNC_POSTREAD  UDMAR_DMA_SYNC_POSTREAD
#define BUS_DMASYNC_PREWRITE  UDMAR_DMA_SYNC_PREWRITE
#define BUS_DMASYNC_POSTWRITE UDMAR_DMA_SYNC_POSTWRITE

#define BUS_SPACE_MAXSIZE_24BIT UINT64_C(0xffffff)
#define BUS_SPACE_MAXSIZE_32BIT UINT64_C(0xffffffff)
#define BUS_SPACE_MAXSIZE       UINT64_MAX
#define BUS_SPACE_MAXADDR_24BIT UINT64_C(0xffffff)
#define BUS_SPACE_MAXADDR_32BIT UINT64_C(0xffffffff)
#define BUS_SPACE_MAXADDR       UINT64_MAX
#define BUS_SPACE_UNRESTRICTED  (~0)

/* ---- Tags ------------------------------------------------------------------------------------ */

UDMAR_BUS_DMA_INLINE int
bus_dma_tag_create(bus_dma_tag_t parent, bus_size_t alignment, bus_addr_t boundary,
                   bus_addr_t lowaddr, bus_addr_t highaddr, bus_dma_filter_t *filtfunc,
                   void *filtfuncarg, bus_size_t maxsize, int nsegments, bus_size_t maxsegsz,
                   int flags, bus_dma_lock_t *lockfunc, void *lockfuncarg, bus_dma_tag_t *dmat)
{
    return udmar_dma_tag_create(parent, alignment, boundary, lowaddr, highaddr, filtfunc,
                                filtfuncarg, maxsize, nsegments, maxsegsz, flags, lockfunc,
                                lockfuncarg, dmat);
}

UDMAR_BUS_DMA_INLINE int bus_dma_tag_destroy(bus_dma_tag_t dmat)
{
    return udmar_dma_tag_destroy(dmat);
}

UDMAR_BUS_DMA_INLINE int bus_dma_tag_set_domain(bus_dma_tag_t dmat, int domain)
{
    return udmar_dma_tag_set_numa_node(dmat, domain);
}

/* ---- Templates ------------------------------------------------------------------------------- */

typedef struct udmar_dma_template bus_dma_template_t;
typedef struct udmar_dma_param bus_dma_param_t;
typedef enum udmar_dma_key bus_dma_param_key_t;

#define BD_PARAM_INVALID     UDMAR_DMA_KEY_INVALID
#define BD_PARAM_PARENT      UDMAR_DMA_KEY_PARENT
#define BD_PARAM_ALIGNMENT   UDMAR_DMA_KEY_ALIGNMENT
#define BD_PARAM_BOUNDARY    UDMAR_DMA_KEY_BOUNDARY
#define BD_PARAM_LOWADDR     UDMAR_DMA_KEY_LOWADDR
#define BD_PARAM_HIGHADDR    UDMAR_DMA_KEY_HIGHADDR
#define BD_PARAM_MAXSIZE     UDMAR_DMA_KEY_MAXSIZE
#define BD_PARAM_NSEGMENTS   UDMAR_DMA_KEY_NSEGMENTS
#define BD_PARAM_MAXSEGSIZE  UDMAR_DMA_KEY_MAXSEGSIZE
#define BD_PARAM_FLAGS       UDMAR_DMA_KEY_FLAGS
#define BD_PARAM_LOCKFUNC    UDMAR_DMA_KEY_LOCKFUNC
#define BD_PARAM_LOCKFUNCARG UDMAR_DMA_KEY_LOCKFUNCARG
#define BD_PARAM_NAME        UDMAR_DMA_KEY_NAME

/* Initializers of a bus_dma_param_t. */
#define BD_PARENT(value)                       \
    {                                          \
        .key = BD_PARAM_PARENT, .ptr = (value) \
    }
#define BD_ALIGNMENT(value)                       \
    {                                             \
        .key = BD_PARAM_ALIGNMENT, .num = (value) \
    }
#define BD_BOUNDARY(value)                       \
    {                                            \
        .key = BD_PARAM_BOUNDARY, .num = (value) \
    }
#define BD_LOWADDR(value)                      \
    {                                          \
        .key = BD_PARAM_LOWADDR, .pa = (value) \
    }
#define BD_HIGHADDR(value)                      \
    {                                           \
        .key = BD_PARAM_HIGHADDR, .pa = (value) \
    }
#define BD_MAXSIZE(value)                       \
    {                                           \
        .key = BD_PARAM_MAXSIZE, .num = (value) \
    }
#define BD_NSEGMENTS(value)                                 \
    {                                                       \
        .key = BD_PARAM_NSEGMENTS, .num = (uint64_t)(value) \
    }
#define BD_MAXSEGSIZE(value)                       \
    {                                              \
        .key = BD_PARAM_MAXSEGSIZE, .num = (value) \
    }
#define BD_FLAGS(value)                                 \
    {                                                   \
        .key = BD_PARAM_FLAGS, .num = (uint64_t)(value) \
    }
#define BD_LOCKFUNC(value)                               \
    {                                                    \
        .key = BD_PARAM_LOCKFUNC, .ptr = (void *)(value) \
    }
#define BD_LOCKFUNCARG(value)                       \
    {                                               \
        .key = BD_PARAM_LOCKFUNCARG, .ptr = (value) \
    }
#define BD_NAME(value)                                          \
    {                                                           \
        .key = BD_PARAM_NAME, .ptr = (void *)(uintptr_t)(value) \
    }

UDMAR_BUS_DMA_INLINE void bus_dma_template_init(bus_dma_template_t *t, bus_dma_tag_t parent)
{
    udmar_dma_template_init(t, parent);
}

UDMAR_BUS_DMA_INLINE int bus_dma_template_tag(bus_dma_template_t *t, bus_dma_tag_t *dmat)
{
    return udmar_dma_template_tag(t, dmat);
}

UDMAR_BUS_DMA_INLINE void bus_dma_template_clone(bus_dma_template_t *t, bus_dma_tag_t dmat)
{
    udmar_dma_template_clone(t, dmat);
}

UDMAR_BUS_DMA_INLINE void bus_dma_template_fill(bus_dma_template_t *t, bus_dma_param_t *kv,
                                                unsigned int count)
{
    udmar_dma_template_fill(t, kv, count);
}

/* BUS_DMA_TEMPLATE_FILL(&t, BD_ALIGNMENT(64), BD_MAXSIZE(4096)); */
#define BUS_DMA_TEMPLATE_FILL(t, ...)                                            \
    do {                                                                         \
        bus_dma_param_t udmar_params_[] = { __VA_ARGS__ };                       \
                                                                                 \
        bus_dma_template_fill((t), udmar_params_,                                \
                              sizeof(udmar_params_) / sizeof(udmar_params_[0])); \
    } while (0)

/* ---- Maps and memory ------------------------------------------------------------------------- */

UDMAR_BUS_DMA_INLINE int bus_dmamap_create(bus_dma_tag_t dmat, int flags, bus_dmamap_t *mapp)
{
    return udmar_dmamap_create(dmat, flags, mapp);
}

UDMAR_BUS_DMA_INLINE int bus_dmamap_destroy(bus_dma_tag_t dmat, bus_dmamap_t map)
{
    return udmar_dmamap_destroy(dmat, map);
}

UDMAR_BUS_DMA_INLINE int bus_dmamem_alloc(bus_dma_tag_t dmat, void **vaddr, int flags,
                                          bus_dmamap_t *mapp)
{
    return udmar_dmamem_alloc(dmat, vaddr, flags, mapp);
}

UDMAR_BUS_DMA_INLINE void bus_dmamem_free(bus_dma_tag_t dmat, void *vaddr, bus_dmamap_t map)
{
    udmar_dmamem_free(dmat, vaddr, map);
}

/* ---- Load, sync, unload ---------------------------------------------------------------------- */

UDMAR_BUS_DMA_INLINE int bus_dmamap_load(bus_dma_tag_t dmat, bus_dmamap_t map, void *buf,
                                         bus_size_t buflen, bus_dmamap_callback_t *callback,
                                         void *callback_arg, int flags)
{
    return udmar_dmamap_load(dmat, map, buf, buflen, callback, callback_arg, flags);
}

/*
 * The end of foreign/mbuf.h's and uio.h's forms: never deferred; every error is the callback's and
 * the call's.
 */
static inline int udmar_bus_dma_tell(bus_dmamap_t map, int error, bus_size_t mapsize,
                                     bus_dmamap_callback2_t *callback, void *callback_arg)
{
    bus_dma_segment_t none = { 0, 0 };
    bus_dma_segment_t *segs;
    int nsegs;

    if (error != 0) {
        callback(callback_arg, &none, 0, 0, error);
    } else {
        segs = udmar_dmamap_segments(map, &nsegs);
        callback(callback_arg, segs, nsegs, mapsize, 0);
    }
    return error;
}

/*
 * This, and the forms of foreign/pages.h, add to a map, also to one that is loaded. @segp: index of
 * the last segment there is in @segs, -1 for none; the new ones go behind it, and it moves. @segs
 * null: the map's own, see _bus_dmamap_complete(). Never deferred; what fails is undone alone, and
 * bus_dmamap_unload() ends all.
 *
 * One range of physical memory.
 */
UDMAR_BUS_DMA_INLINE int _bus_dmamap_load_phys(bus_dma_tag_t dmat, bus_dmamap_t map,
                                               vm_paddr_t paddr, bus_size_t buflen, int flags,
                                               bus_dma_segment_t *segs, int *segp)
{
    struct udmar_once once = { paddr, buflen, false };

    return udmar_dmamap_add(dmat, map, udmar_once_step, &once, segs, segp, flags);
}

/* The segments after one of these: @segs, or the map's own. */
UDMAR_BUS_DMA_INLINE bus_dma_segment_t *_bus_dmamap_complete(bus_dma_tag_t dmat, bus_dmamap_t map,
                                                             bus_dma_segment_t *segs, int nsegs,
                                                             int error)
{
    (void)dmat;
    (void)nsegs;
    (void)error;
    return segs != NULL ? segs : udmar_dmamap_segments(map, NULL);
}

UDMAR_BUS_DMA_INLINE void bus_dmamap_sync(bus_dma_tag_t dmat, bus_dmamap_t map, bus_dmasync_op_t op)
{
    udmar_dmamap_sync(dmat, map, op);
}

UDMAR_BUS_DMA_INLINE void bus_dmamap_unload(bus_dma_tag_t dmat, bus_dmamap_t map)
{
    udmar_dmamap_unload(dmat, map);
}

UDMAR_BUS_DMA_INLINE bool bus_dma_id_mapped(bus_dma_tag_t dmat, vm_paddr_t buf, bus_size_t buflen)
{
    return udmar_dma_id_mapped(dmat, buf, buflen);
}

#ifdef __cplusplus
}
#endif

#endif
