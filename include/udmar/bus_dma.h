/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma(9) under FreeBSD's names, for kernels that have none of their own.
 *
 * Prototypes are FreeBSD's. Everything is a thin name over busdma.h, where the contracts stand.
 */
#ifndef UDMAR_BUS_DMA_H
#define UDMAR_BUS_DMA_H

#include <udmar/busdma.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#define BUS_DMA_WAITOK         UDMAR_DMA_WAITOK
#define BUS_DMA_NOWAIT         UDMAR_DMA_NOWAIT
#define BUS_DMA_ALLOCNOW       UDMAR_DMA_ALLOCNOW
#define BUS_DMA_COHERENT       UDMAR_DMA_COHERENT
#define BUS_DMA_ZERO           UDMAR_DMA_ZERO
#define BUS_DMA_NOWRITE        UDMAR_DMA_NOWRITE
#define BUS_DMA_NOCACHE        UDMAR_DMA_NOCACHE
#define BUS_DMA_KEEP_PG_OFFSET UDMAR_DMA_KEEP_PG_OFFSET

#define BUS_DMASYNC_PREREAD   UDMAR_DMA_SYNC_PREREAD
#define BUS_DMASYNC_POSTREAD  UDMAR_DMA_SYNC_POSTREAD
#define BUS_DMASYNC_PREWRITE  UDMAR_DMA_SYNC_PREWRITE
#define BUS_DMASYNC_POSTWRITE UDMAR_DMA_SYNC_POSTWRITE

#define BUS_SPACE_MAXADDR_24BIT UINT64_C(0xffffff)
#define BUS_SPACE_MAXADDR_32BIT UINT64_C(0xffffffff)
#define BUS_SPACE_MAXADDR       UINT64_MAX
#define BUS_SPACE_MAXSIZE       UINT64_MAX
#define BUS_SPACE_UNRESTRICTED  (~0)

static inline int bus_dma_tag_create(bus_dma_tag_t parent, bus_size_t alignment,
                                     bus_addr_t boundary, bus_addr_t lowaddr, bus_addr_t highaddr,
                                     bus_dma_filter_t *filtfunc, void *filtfuncarg,
                                     bus_size_t maxsize, int nsegments, bus_size_t maxsegsz,
                                     int flags, bus_dma_lock_t *lockfunc, void *lockfuncarg,
                                     bus_dma_tag_t *dmat)
{
    return udmar_dma_tag_create(parent, alignment, boundary, lowaddr, highaddr, filtfunc,
                                filtfuncarg, maxsize, nsegments, maxsegsz, flags, lockfunc,
                                lockfuncarg, dmat);
}

static inline int bus_dma_tag_destroy(bus_dma_tag_t dmat)
{
    return udmar_dma_tag_destroy(dmat);
}

static inline int bus_dmamap_create(bus_dma_tag_t dmat, int flags, bus_dmamap_t *mapp)
{
    return udmar_dmamap_create(dmat, flags, mapp);
}

static inline int bus_dmamap_destroy(bus_dma_tag_t dmat, bus_dmamap_t map)
{
    return udmar_dmamap_destroy(dmat, map);
}

static inline int bus_dmamem_alloc(bus_dma_tag_t dmat, void **vaddr, int flags, bus_dmamap_t *mapp)
{
    return udmar_dmamem_alloc(dmat, vaddr, flags, mapp);
}

static inline void bus_dmamem_free(bus_dma_tag_t dmat, void *vaddr, bus_dmamap_t map)
{
    udmar_dmamem_free(dmat, vaddr, map);
}

static inline int bus_dmamap_load(bus_dma_tag_t dmat, bus_dmamap_t map, void *buf,
                                  bus_size_t buflen, bus_dmamap_callback_t *callback,
                                  void *callback_arg, int flags)
{
    return udmar_dmamap_load(dmat, map, buf, buflen, callback, callback_arg, flags);
}

static inline void bus_dmamap_sync(bus_dma_tag_t dmat, bus_dmamap_t map, bus_dmasync_op_t op)
{
    udmar_dmamap_sync(dmat, map, op);
}

static inline void bus_dmamap_unload(bus_dma_tag_t dmat, bus_dmamap_t map)
{
    udmar_dmamap_unload(dmat, map);
}

static inline bool bus_dma_id_mapped(bus_dma_tag_t dmat, udmar_paddr_t buf, bus_size_t buflen)
{
    return udmar_dma_id_mapped(dmat, buf, buflen);
}

#ifdef __cplusplus
}
#endif

#endif
