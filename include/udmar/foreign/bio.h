/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of a block device's requests: bus_dmamap_load_bio(). foreign.h says how a kernel brings a
 * type of its own.
 *
 *   UDMAR_PORT_BIO      bool udmar_bio_piece(struct bio *bio, unsigned index,
 *                                            struct udmar_dma_piece *out_piece)
 */
#ifndef UDMAR_FOREIGN_BIO_H
#define UDMAR_FOREIGN_BIO_H

#include <udmar/bus_dma.h>
#include <udmar/piece.h>
#ifndef UDMAR_PORT_BIO
#include <udmar/foreign/pages.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_BIO
#define BIO_UNMAPPED 0x10 /* bio_flags: bio_ma has the pages */
#define BIO_VLIST    0x80 /* bio_flags: bio_data is a list of bio_ma_n buffers */

struct bio {
    int bio_flags;
    void *bio_data;
    uint64_t bio_bcount;
    struct vm_page **bio_ma;
    int bio_ma_offset;
    int bio_ma_n;
};

static inline bool udmar_bio_page(struct bio *bio, unsigned index,
                                  struct udmar_dma_piece *out_piece)
{
    uint64_t offset = (uint64_t)bio->bio_ma_offset;
    uint64_t pages = bio->bio_ma_n < 0 ? 0 : (uint64_t)bio->bio_ma_n;

    if (bio->bio_ma == NULL || bio->bio_ma_offset < 0 || offset > pages * UDMAR_PAGE_SIZE ||
        bio->bio_bcount > pages * UDMAR_PAGE_SIZE - offset) {
        return udmar_piece_of_nothing(out_piece);
    }
    return udmar_pages_piece(bio->bio_ma, offset, bio->bio_bcount, index, out_piece);
}

static inline bool udmar_bio_piece(struct bio *bio, unsigned index,
                                   struct udmar_dma_piece *out_piece)
{
    if ((bio->bio_flags & BIO_VLIST) != 0) {
        const struct udmar_dma_segment *list = (const struct udmar_dma_segment *)bio->bio_data;

        /* Here a segment's address is one of the kernel's. */
        return list != NULL && bio->bio_ma_n > 0 && index < (unsigned)bio->bio_ma_n &&
               udmar_piece_of_address(list[index].ds_addr, list[index].ds_len, out_piece);
    }
    if ((bio->bio_flags & BIO_UNMAPPED) != 0) {
        return udmar_bio_page(bio, index, out_piece);
    }
    return index == 0 && udmar_piece_of_buffer(bio->bio_data, bio->bio_bcount, out_piece);
}
#endif

struct udmar_bio_walk {
    struct bio *bio;
    unsigned index;
};

static inline bool udmar_bio_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_bio_walk *walk = (struct udmar_bio_walk *)context;

    return udmar_bio_piece(walk->bio, walk->index++, out_piece);
}

UDMAR_BUS_DMA_INLINE int bus_dmamap_load_bio(bus_dma_tag_t dmat, bus_dmamap_t map, struct bio *bio,
                                             bus_dmamap_callback_t *callback, void *callback_arg,
                                             int flags)
{
    struct udmar_bio_walk walk = { bio, 0 };

    return udmar_dmamap_load_each(dmat, map, bio != NULL ? udmar_bio_step : NULL, &walk, callback,
                                  callback_arg, flags);
}

#ifdef __cplusplus
}
#endif

#endif
