/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of what a system call reads or writes: bus_dmamap_load_uio(). foreign.h says how a kernel
 * brings a type of its own.
 *
 *   UDMAR_PORT_UIO      uint64_t udmar_uio_total(struct uio *uio)
 *                       bool udmar_uio_piece(struct uio *uio, unsigned index,
 *                                            struct udmar_dma_piece *out_piece)
 *                       Addresses of user space are the port's business: wired, and known to
 *                       udmar_host_virtual_to_physical() of the running thread, or given as
 *                       physical pieces.
 */
#ifndef UDMAR_FOREIGN_UIO_H
#define UDMAR_FOREIGN_UIO_H

#include <udmar/bus_dma.h>
#include <udmar/piece.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_UIO
struct udmar_iovec {
    void *iov_base;
    size_t iov_len;
};

struct uio {
    struct udmar_iovec *uio_iov;
    int uio_iovcnt;
    uint64_t uio_resid; /* bytes; the vectors may hold more */
};

static inline uint64_t udmar_uio_total(struct uio *uio)
{
    return uio->uio_resid;
}

static inline bool udmar_uio_piece(struct uio *uio, unsigned index,
                                   struct udmar_dma_piece *out_piece)
{
    return uio->uio_iov != NULL && uio->uio_iovcnt > 0 && index < (unsigned)uio->uio_iovcnt &&
           udmar_piece_of_buffer(uio->uio_iov[index].iov_base, uio->uio_iov[index].iov_len,
                                 out_piece);
}
#endif

struct udmar_uio_walk {
    struct uio *uio;
    uint64_t left;
    unsigned index;
};

static inline bool udmar_uio_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_uio_walk *walk = (struct udmar_uio_walk *)context;

    if (walk->left == 0) {
        return false;
    }
    if (!udmar_uio_piece(walk->uio, walk->index, out_piece)) {
        /* The vectors hold less than they promise. */
        return udmar_piece_of_nothing(out_piece);
    }
    walk->index++;
    if (out_piece->length > walk->left) {
        out_piece->length = walk->left;
    }
    walk->left -= out_piece->length;
    return true;
}

UDMAR_BUS_DMA_INLINE int bus_dmamap_load_uio(bus_dma_tag_t dmat, bus_dmamap_t map, struct uio *uio,
                                             bus_dmamap_callback2_t *callback, void *callback_arg,
                                             int flags)
{
    struct udmar_uio_walk walk = { uio, uio != NULL ? udmar_uio_total(uio) : 0, 0 };
    bus_size_t mapsize = walk.left;
    int nsegs;
    int error;

    if (callback == NULL) {
        return udmar_dmamap_load_each(dmat, map, NULL, NULL, NULL, NULL, flags);
    }
    error = udmar_dmamap_load_each_sg(dmat, map, udmar_uio_step, &walk, NULL, &nsegs, flags);
    return udmar_bus_dma_tell(map, error, mapsize, callback, callback_arg);
}

#ifdef __cplusplus
}
#endif

#endif
