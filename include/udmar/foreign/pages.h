/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of page arrays: bus_dmamap_load_ma_triv() and _bus_dmamap_load_ma(). foreign.h says how
 * a kernel brings a type of its own.
 *
 *   UDMAR_PORT_VM_PAGE  udmar_paddr_t udmar_vm_page_physical(struct vm_page *page)
 */
#ifndef UDMAR_FOREIGN_PAGES_H
#define UDMAR_FOREIGN_PAGES_H

#include <udmar/bus_dma.h>
#include <udmar/piece.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_VM_PAGE
struct vm_page {
    udmar_paddr_t phys_addr;
};

static inline udmar_paddr_t udmar_vm_page_physical(struct vm_page *page)
{
    return page->phys_addr;
}
#endif

/* Bytes [offset, offset + length) of pages that need not be neighbours; piece by piece. */
static inline bool udmar_pages_piece(struct vm_page **pages, uint64_t offset, uint64_t length,
                                     unsigned index, struct udmar_dma_piece *out_piece)
{
    uint64_t page = offset / UDMAR_PAGE_SIZE + index;
    uint64_t first = index == 0 ? offset & UDMAR_PAGE_MASK : 0;
    uint64_t skipped = page * UDMAR_PAGE_SIZE + first - offset;
    uint64_t left;

    if (skipped >= length) {
        return false;
    }
    left = length - skipped;
    return udmar_piece_of_memory(udmar_vm_page_physical(pages[page]) + first,
                                 left < UDMAR_PAGE_SIZE - first ? left : UDMAR_PAGE_SIZE - first,
                                 out_piece);
}

struct udmar_pages_walk {
    struct vm_page **pages;
    uint64_t offset;
    uint64_t length;
    unsigned index;
};

static inline bool udmar_pages_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_pages_walk *walk = (struct udmar_pages_walk *)context;

    return udmar_pages_piece(walk->pages, walk->offset, walk->length, walk->index++, out_piece);
}

/*
 * Bytes [ma_offs, ma_offs + tlen) of a page array, added to a map as _bus_dmamap_load_phys() does.
 */
UDMAR_BUS_DMA_INLINE int bus_dmamap_load_ma_triv(bus_dma_tag_t dmat, bus_dmamap_t map,
                                                 struct vm_page **ma, bus_size_t tlen, int ma_offs,
                                                 int flags, bus_dma_segment_t *segs, int *segp)
{
    struct udmar_pages_walk walk = { ma, ma_offs < 0 ? 0 : (uint64_t)ma_offs, tlen, 0 };
    bool sound = ma != NULL && ma_offs >= 0;

    return udmar_dmamap_add(dmat, map, sound ? udmar_pages_step : NULL, &walk, segs, segp, flags);
}

UDMAR_BUS_DMA_INLINE int _bus_dmamap_load_ma(bus_dma_tag_t dmat, bus_dmamap_t map,
                                             struct vm_page **ma, bus_size_t tlen, int ma_offs,
                                             int flags, bus_dma_segment_t *segs, int *segp)
{
    return bus_dmamap_load_ma_triv(dmat, map, ma, tlen, ma_offs, flags, segs, segp);
}

#ifdef __cplusplus
}
#endif

#endif
