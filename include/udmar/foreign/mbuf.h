/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of mbuf chains: bus_dmamap_load_mbuf() and bus_dmamap_load_mbuf_sg(). foreign.h says how a
 * kernel brings a type of its own.
 *
 *   UDMAR_PORT_MBUF     struct mbuf *udmar_mbuf_next(struct mbuf *m)
 *                       uint64_t udmar_mbuf_total(struct mbuf *m)     bytes of the whole packet
 *                       bool udmar_mbuf_piece(struct mbuf *m, unsigned index,
 *                                             struct udmar_dma_piece *out_piece)   false: no more
 */
#ifndef UDMAR_FOREIGN_MBUF_H
#define UDMAR_FOREIGN_MBUF_H

#include <udmar/bus_dma.h>
#include <udmar/piece.h>
#ifndef UDMAR_PORT_MBUF
#include <udmar/foreign/pages.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_MBUF
#define M_EXTPG 0x4 /* m_flags: the data is an array of pages, with header and trailer */

struct mbuf {
    struct mbuf *m_next;
    char *m_data;
    int m_len; /* of this mbuf */
    int m_flags;
    struct {
        int len; /* first mbuf: bytes of the packet */
    } m_pkthdr;
    /* M_EXTPG: header bytes, then pages, then trailer bytes. */
    char *m_header;
    int m_header_length;
    struct vm_page **m_pages;
    int m_page_offset;
    int m_page_length; /* bytes in pages */
    char *m_trailer;
    int m_trailer_length;
};

static inline struct mbuf *udmar_mbuf_next(struct mbuf *m)
{
    return m->m_next;
}

static inline uint64_t udmar_mbuf_total(struct mbuf *m)
{
    return m->m_pkthdr.len < 0 ? 0 : (uint64_t)m->m_pkthdr.len;
}

static inline bool udmar_mbuf_piece(struct mbuf *m, unsigned index,
                                    struct udmar_dma_piece *out_piece)
{
    if ((m->m_flags & M_EXTPG) == 0) {
        return index == 0 &&
               udmar_piece_of_buffer(m->m_data, udmar_foreign_length(m->m_len), out_piece);
    }
    if (m->m_page_offset < 0 || m->m_page_length < 0 ||
        (m->m_pages == NULL && m->m_page_length > 0)) {
        return udmar_piece_of_nothing(out_piece);
    }
    if (index == 0) {
        return udmar_piece_of_buffer(m->m_header, udmar_foreign_length(m->m_header_length),
                                     out_piece);
    }
    if (udmar_pages_piece(m->m_pages, (uint64_t)m->m_page_offset, (uint64_t)m->m_page_length,
                          index - 1, out_piece)) {
        return true;
    }
    /* The one after the last page is the trailer. */
    return (index == 1 || udmar_pages_piece(m->m_pages, (uint64_t)m->m_page_offset,
                                            (uint64_t)m->m_page_length, index - 2, out_piece)) &&
           udmar_piece_of_buffer(m->m_trailer, udmar_foreign_length(m->m_trailer_length),
                                 out_piece);
}
#endif

struct udmar_mbuf_walk {
    struct mbuf *at;
    unsigned index;
};

static inline bool udmar_mbuf_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_mbuf_walk *walk = (struct udmar_mbuf_walk *)context;

    while (walk->at != NULL) {
        if (udmar_mbuf_piece(walk->at, walk->index, out_piece)) {
            walk->index++;
            return true;
        }
        walk->at = udmar_mbuf_next(walk->at);
        walk->index = 0;
    }
    return false;
}

UDMAR_BUS_DMA_INLINE int bus_dmamap_load_mbuf_sg(bus_dma_tag_t dmat, bus_dmamap_t map,
                                                 struct mbuf *mbuf, bus_dma_segment_t *segs,
                                                 int *nsegs, int flags)
{
    struct udmar_mbuf_walk walk = { mbuf, 0 };

    return udmar_dmamap_load_each_sg(dmat, map, udmar_mbuf_step, &walk, segs, nsegs, flags);
}

UDMAR_BUS_DMA_INLINE int bus_dmamap_load_mbuf(bus_dma_tag_t dmat, bus_dmamap_t map,
                                              struct mbuf *mbuf, bus_dmamap_callback2_t *callback,
                                              void *callback_arg, int flags)
{
    int nsegs;
    int error;

    if (callback == NULL) {
        return udmar_dmamap_load_each(dmat, map, NULL, NULL, NULL, NULL, flags);
    }
    error = bus_dmamap_load_mbuf_sg(dmat, map, mbuf, NULL, &nsegs, flags);
    return udmar_bus_dma_tell(map, error, mbuf != NULL ? udmar_mbuf_total(mbuf) : 0, callback,
                              callback_arg);
}

#ifdef __cplusplus
}
#endif

#endif
