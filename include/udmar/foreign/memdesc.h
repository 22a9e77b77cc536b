/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of memory descriptors: bus_dmamap_load_mem(). A descriptor may be of any other kind, so the
 * plain one brings pages.h, mbuf.h, uio.h and bio.h. foreign.h says how a kernel brings a type of
 * its own.
 *
 *   UDMAR_PORT_MEMDESC  bool udmar_memdesc_piece(struct memdesc *mem, unsigned index,
 *                                                struct udmar_dma_piece *out_piece)
 */
#ifndef UDMAR_FOREIGN_MEMDESC_H
#define UDMAR_FOREIGN_MEMDESC_H

#ifdef UDMAR_PORT_MEMDESC
#include <udmar/bus_dma.h>
#include <udmar/piece.h>
#else
#include <udmar/foreign/bio.h>
#include <udmar/foreign/mbuf.h>
#include <udmar/foreign/pages.h>
#include <udmar/foreign/uio.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_MEMDESC
#define MEMDESC_VADDR   1 /* a buffer in kernel addresses */
#define MEMDESC_PADDR   2 /* one range of physical memory */
#define MEMDESC_VLIST   3 /* an array of segments, ds_addr is a kernel address */
#define MEMDESC_PLIST   4 /* an array of segments, ds_addr is physical */
#define MEMDESC_BIO     5 /* FreeBSD 13 and before; 14 makes one of the others of a bio */
#define MEMDESC_UIO     6
#define MEMDESC_MBUF    7 /* a chain */
#define MEMDESC_VMPAGES 8 /* bytes of an array of pages */

/* Not FreeBSD's: one mbuf of a chain, as crypto.h wants it. */
#define UDMAR_MEMDESC_ONE_MBUF 0x100

struct memdesc {
    union {
        void *md_vaddr;
        udmar_paddr_t md_paddr;
        struct udmar_dma_segment *md_list;
        struct bio *md_bio;
        struct uio *md_uio;
        struct mbuf *md_mbuf;
        struct vm_page **md_ma;
    } u;
    uint64_t md_len;    /* bytes, VADDR, PADDR and VMPAGES */
    int md_nseg;        /* entries, VLIST and PLIST */
    uint32_t md_offset; /* of the first byte, VMPAGES */
    uint32_t md_type;
};

/* Without memory: no type, no pieces. */
static inline struct memdesc udmar_memdesc_none(uint32_t type)
{
    struct memdesc mem;

    mem.u.md_paddr = 0;
    mem.u.md_vaddr = NULL;
    mem.md_len = 0;
    mem.md_nseg = 0;
    mem.md_offset = 0;
    mem.md_type = type;
    return mem;
}

static inline struct memdesc memdesc_vaddr(void *vaddr, size_t len)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_VADDR);

    mem.u.md_vaddr = vaddr;
    mem.md_len = len;
    return mem;
}

static inline struct memdesc memdesc_paddr(udmar_paddr_t paddr, size_t len)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_PADDR);

    mem.u.md_paddr = paddr;
    mem.md_len = len;
    return mem;
}

static inline struct memdesc memdesc_vlist(struct udmar_dma_segment *vlist, int sglist_cnt)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_VLIST);

    mem.u.md_list = vlist;
    mem.md_nseg = sglist_cnt;
    return mem;
}

static inline struct memdesc memdesc_plist(struct udmar_dma_segment *plist, int sglist_cnt)
{
    struct memdesc mem = memdesc_vlist(plist, sglist_cnt);

    mem.md_type = MEMDESC_PLIST;
    return mem;
}

static inline struct memdesc memdesc_bio(struct bio *bio)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_BIO);

    mem.u.md_bio = bio;
    return mem;
}

static inline struct memdesc memdesc_uio(struct uio *uio)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_UIO);

    mem.u.md_uio = uio;
    return mem;
}

static inline struct memdesc memdesc_mbuf(struct mbuf *mbuf)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_MBUF);

    mem.u.md_mbuf = mbuf;
    return mem;
}

static inline struct memdesc memdesc_vmpages(struct vm_page **ma, size_t len, unsigned ma_offset)
{
    struct memdesc mem = udmar_memdesc_none(MEMDESC_VMPAGES);

    mem.u.md_ma = ma;
    mem.md_len = len;
    mem.md_offset = ma_offset;
    return mem;
}

/* Of the types that are found by index; an unknown type has no pieces. */
static inline bool udmar_memdesc_piece(struct memdesc *mem, unsigned index,
                                       struct udmar_dma_piece *out_piece)
{
    const struct udmar_dma_segment *list = mem->u.md_list;

    switch (mem->md_type) {
    case MEMDESC_VADDR:
        return index == 0 && udmar_piece_of_buffer(mem->u.md_vaddr, mem->md_len, out_piece);
    case MEMDESC_PADDR:
        return index == 0 && udmar_piece_of_memory(mem->u.md_paddr, mem->md_len, out_piece);
    case MEMDESC_VLIST:
        return list != NULL && mem->md_nseg > 0 && index < (unsigned)mem->md_nseg &&
               udmar_piece_of_address(list[index].ds_addr, list[index].ds_len, out_piece);
    case MEMDESC_PLIST:
        return list != NULL && mem->md_nseg > 0 && index < (unsigned)mem->md_nseg &&
               udmar_piece_of_memory(list[index].ds_addr, list[index].ds_len, out_piece);
    case MEMDESC_BIO:
        return mem->u.md_bio != NULL && udmar_bio_piece(mem->u.md_bio, index, out_piece);
    case UDMAR_MEMDESC_ONE_MBUF:
        return mem->u.md_mbuf != NULL && udmar_mbuf_piece(mem->u.md_mbuf, index, out_piece);
    case MEMDESC_VMPAGES:
        return mem->u.md_ma != NULL &&
               udmar_pages_piece(mem->u.md_ma, mem->md_offset, mem->md_len, index, out_piece);
    default:
        return false;
    }
}

struct udmar_memdesc_walk {
    struct memdesc *mem;
    unsigned index;
    /* Of the types that are walked. */
    struct udmar_mbuf_walk mbuf;
    struct udmar_uio_walk uio;
};

static inline struct udmar_memdesc_walk udmar_memdesc_start(struct memdesc *mem)
{
    struct udmar_memdesc_walk walk = { mem, 0, { NULL, 0 }, { NULL, 0, 0 } };

    if (mem != NULL && mem->md_type == MEMDESC_MBUF) {
        walk.mbuf.at = mem->u.md_mbuf;
    } else if (mem != NULL && mem->md_type == MEMDESC_UIO && mem->u.md_uio != NULL) {
        walk.uio.uio = mem->u.md_uio;
        walk.uio.left = udmar_uio_total(mem->u.md_uio);
    }
    return walk;
}

static inline bool udmar_memdesc_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_memdesc_walk *walk = (struct udmar_memdesc_walk *)context;

    return walk->mbuf.at != NULL   ? udmar_mbuf_step(&walk->mbuf, out_piece)
           : walk->uio.uio != NULL ? udmar_uio_step(&walk->uio, out_piece)
                                   : udmar_memdesc_piece(walk->mem, walk->index++, out_piece);
}
#else
struct udmar_memdesc_walk {
    struct memdesc *mem;
    unsigned index;
};

static inline struct udmar_memdesc_walk udmar_memdesc_start(struct memdesc *mem)
{
    struct udmar_memdesc_walk walk = { mem, 0 };

    return walk;
}

static inline bool udmar_memdesc_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_memdesc_walk *walk = (struct udmar_memdesc_walk *)context;

    return udmar_memdesc_piece(walk->mem, walk->index++, out_piece);
}
#endif

UDMAR_BUS_DMA_INLINE int bus_dmamap_load_mem(bus_dma_tag_t dmat, bus_dmamap_t map,
                                             struct memdesc *mem, bus_dmamap_callback_t *callback,
                                             void *callback_arg, int flags)
{
    struct udmar_memdesc_walk walk = udmar_memdesc_start(mem);

    return udmar_dmamap_load_each(dmat, map, mem != NULL ? udmar_memdesc_step : NULL, &walk,
                                  callback, callback_arg, flags);
}

#ifdef __cplusplus
}
#endif

#endif
