/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of the crypto framework's buffers: bus_dmamap_load_crp() and bus_dmamap_load_crp_buffer().
 * foreign.h says how a kernel brings types of its own.
 *
 *   UDMAR_PORT_CRYPTO   struct crypto_buffer *udmar_crypto_input(struct cryptop *crp)
 *                       bool udmar_crypto_piece(struct crypto_buffer *cb, unsigned index,
 *                                               struct udmar_dma_piece *out_piece)
 */
#ifndef UDMAR_FOREIGN_CRYPTO_H
#define UDMAR_FOREIGN_CRYPTO_H

#ifdef UDMAR_PORT_CRYPTO
#include <udmar/bus_dma.h>
#include <udmar/piece.h>
#else
#include <udmar/foreign/memdesc.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_CRYPTO
enum crypto_buffer_type {
    CRYPTO_BUF_NONE = 0,
    CRYPTO_BUF_CONTIG,
    CRYPTO_BUF_UIO,
    CRYPTO_BUF_MBUF, /* a chain */
    CRYPTO_BUF_VMPAGE,
    CRYPTO_BUF_SINGLE_MBUF, /* one of a chain */
    CRYPTO_BUF_LAST = CRYPTO_BUF_SINGLE_MBUF
};

#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnested-anon-types"
#endif
struct crypto_buffer {
    union {
        __extension__ struct {
            char *cb_buf;
            int cb_buf_len;
        };
        struct mbuf *cb_mbuf;
        __extension__ struct {
            struct vm_page **cb_vm_page;
            int cb_vm_page_len;
            int cb_vm_page_offset;
        };
        struct uio *cb_uio;
    };
    enum crypto_buffer_type cb_type;
};
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic pop
#endif

struct cryptop {
    struct crypto_buffer crp_buf;
    struct crypto_buffer crp_obuf;
};

static inline struct crypto_buffer *udmar_crypto_input(struct cryptop *crp)
{
    return &crp->crp_buf;
}

/* A buffer as a memory descriptor; of a damaged one no memory at all. */
static inline struct memdesc udmar_crypto_memory(const struct crypto_buffer *cb)
{
    struct memdesc mem = udmar_memdesc_none(0);

    switch (cb->cb_type) {
    case CRYPTO_BUF_CONTIG:
        return cb->cb_buf_len < 0 ? mem : memdesc_vaddr(cb->cb_buf, (size_t)cb->cb_buf_len);
    case CRYPTO_BUF_UIO:
        return memdesc_uio(cb->cb_uio);
    case CRYPTO_BUF_MBUF:
        return memdesc_mbuf(cb->cb_mbuf);
    case CRYPTO_BUF_SINGLE_MBUF:
        mem = memdesc_mbuf(cb->cb_mbuf);
        mem.md_type = UDMAR_MEMDESC_ONE_MBUF;
        return mem;
    case CRYPTO_BUF_VMPAGE:
        return cb->cb_vm_page_len < 0 || cb->cb_vm_page_offset < 0
                   ? mem
                   : memdesc_vmpages(cb->cb_vm_page, (size_t)cb->cb_vm_page_len,
                                     (unsigned)cb->cb_vm_page_offset);
    default:
        return mem;
    }
}

/* Never deferred. */
UDMAR_BUS_DMA_INLINE int bus_dmamap_load_crp_buffer(bus_dma_tag_t dmat, bus_dmamap_t map,
                                                    struct crypto_buffer *cb,
                                                    bus_dmamap_callback_t *callback,
                                                    void *callback_arg, int flags)
{
    struct memdesc mem = cb != NULL ? udmar_crypto_memory(cb) : udmar_memdesc_none(0);

    return bus_dmamap_load_mem(dmat, map, cb != NULL ? &mem : NULL, callback, callback_arg,
                               flags | BUS_DMA_NOWAIT);
}
#else
struct udmar_crypto_walk {
    struct crypto_buffer *cb;
    unsigned index;
};

static inline bool udmar_crypto_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_crypto_walk *walk = (struct udmar_crypto_walk *)context;

    return udmar_crypto_piece(walk->cb, walk->index++, out_piece);
}

/* Never deferred. */
UDMAR_BUS_DMA_INLINE int bus_dmamap_load_crp_buffer(bus_dma_tag_t dmat, bus_dmamap_t map,
                                                    struct crypto_buffer *cb,
                                                    bus_dmamap_callback_t *callback,
                                                    void *callback_arg, int flags)
{
    struct udmar_crypto_walk walk = { cb, 0 };

    return udmar_dmamap_load_each(dmat, map, cb != NULL ? udmar_crypto_step : NULL, &walk, callback,
                                  callback_arg, flags | BUS_DMA_NOWAIT);
}
#endif

/* What a request works on, or what it reads where input and output differ. */
UDMAR_BUS_DMA_INLINE int bus_dmamap_load_crp(bus_dma_tag_t dmat, bus_dmamap_t map,
                                             struct cryptop *crp, bus_dmamap_callback_t *callback,
                                             void *callback_arg, int flags)
{
    return bus_dmamap_load_crp_buffer(dmat, map, crp != NULL ? udmar_crypto_input(crp) : NULL,
                                      callback, callback_arg, flags);
}

#ifdef __cplusplus
}
#endif

#endif
