/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's own types, with FreeBSD's names and in the shape of FreeBSD's (other members, other
 * order, other numbers than the plain ones of <udmar/foreign/...>), and the readers by which udmar
 * loads them. It comes after <udmar/bus_dma.h>, so that a type or macro which that header leaked
 * would be a compile error here.
 */
#ifndef UDMAR_TESTS_OWN_TYPES_H
#define UDMAR_TESTS_OWN_TYPES_H

#include <udmar/bus_dma.h>

/* ---- the kernel's -------------------------------------------------------------------------- */

typedef struct vm_page {
    struct vm_page *listq;
    uint64_t pindex;
    vm_paddr_t phys_addr;
    uint32_t ref_count;
} * vm_page_t;

#define M_PKTHDR 0x00000002u
#define M_EXTPG  0x00000008u

struct pkthdr {
    void *rcvif;
    int32_t len;
};

struct mbuf {
    struct mbuf *m_next, *m_nextpkt;
    char *m_data;
    int32_t m_len;
    uint32_t m_type : 8, m_flags : 24;
    struct pkthdr m_pkthdr;
    vm_paddr_t m_epg_pa[3]; /* M_EXTPG: whole pages, by their physical address */
    uint8_t m_epg_npgs;
    uint16_t m_epg_last_len;
};

enum uio_seg { UIO_USERSPACE, UIO_SYSSPACE };

struct iovec {
    void *iov_base;
    size_t iov_len;
};

struct uio {
    struct iovec *uio_iov;
    int uio_iovcnt;
    int64_t uio_offset, uio_resid;
    enum uio_seg uio_segflg;
};

#define BIO_UNMAPPED 0x10

struct bio {
    uint16_t bio_cmd, bio_flags;
    char *bio_data;
    vm_page_t *bio_ma;
    int bio_ma_offset, bio_ma_n;
    long bio_bcount;
};

#define MEMDESC_VADDR 1
#define MEMDESC_BIO   2

struct memdesc {
    uint32_t md_type : 4, md_nseg : 28;
    union {
        void *md_vaddr;
        struct bio *md_bio;
    } u;
    size_t md_len;
};

#define CAM_DIR_NONE 0xc0u

struct ccb_hdr {
    uint16_t retry_count;
    uint32_t flags;
};

union ccb {
    struct ccb_hdr ccb_h;
    struct {
        struct ccb_hdr ccb_h;
        void *data_ptr;
        uint32_t dxfer_len;
    } csio;
};

struct crypto_buffer {
    int cb_type;
    char *cb_buf;
    int cb_buf_len;
};

struct cryptop {
    void *crp_session;
    struct crypto_buffer crp_buf, crp_obuf;
};

struct mtx {
    const char *lock_object;
    volatile uintptr_t mtx_lock;
};

static inline void mtx_lock(struct mtx *m)
{
    m->mtx_lock++;
}

static inline void mtx_unlock(struct mtx *m)
{
    m->mtx_lock--;
}

/* ---- its readers --------------------------------------------------------------------------- */

#define UDMAR_PORT_VM_PAGE
#define udmar_vm_page_physical(page) ((page)->phys_addr)
#include <udmar/foreign/pages.h>

#define UDMAR_PORT_MBUF
#define udmar_mbuf_next(m)  ((m)->m_next)
#define udmar_mbuf_total(m) ((uint64_t)(m)->m_pkthdr.len)

static inline bool udmar_mbuf_piece(struct mbuf *m, unsigned index,
                                    struct udmar_dma_piece *out_piece)
{
    if ((m->m_flags & M_EXTPG) == 0) {
        return index == 0 &&
               udmar_piece_of_buffer(m->m_data, udmar_foreign_length(m->m_len), out_piece);
    }
    return index < m->m_epg_npgs &&
           udmar_piece_of_memory(m->m_epg_pa[index],
                                 index + 1u < m->m_epg_npgs ? UDMAR_PAGE_SIZE : m->m_epg_last_len,
                                 out_piece);
}
#include <udmar/foreign/mbuf.h>

#define UDMAR_PORT_UIO
#define udmar_uio_total(uio) ((uint64_t)(uio)->uio_resid)

static inline bool udmar_uio_piece(struct uio *uio, unsigned index,
                                   struct udmar_dma_piece *out_piece)
{
    if (uio->uio_segflg != UIO_SYSSPACE || index >= (unsigned)uio->uio_iovcnt) {
        return false;
    }
    return udmar_piece_of_buffer(uio->uio_iov[index].iov_base, uio->uio_iov[index].iov_len,
                                 out_piece);
}
#include <udmar/foreign/uio.h>

#define UDMAR_PORT_BIO
static inline bool udmar_bio_piece(struct bio *bio, unsigned index,
                                   struct udmar_dma_piece *out_piece)
{
    if ((bio->bio_flags & BIO_UNMAPPED) != 0) {
        return udmar_pages_piece(bio->bio_ma, (uint64_t)bio->bio_ma_offset,
                                 (uint64_t)bio->bio_bcount, index, out_piece);
    }
    return index == 0 && udmar_piece_of_buffer(bio->bio_data, (uint64_t)bio->bio_bcount, out_piece);
}
#include <udmar/foreign/bio.h>

#define UDMAR_PORT_MEMDESC
static inline bool udmar_memdesc_piece(struct memdesc *mem, unsigned index,
                                       struct udmar_dma_piece *out_piece)
{
    if (mem->md_type == MEMDESC_BIO) {
        return udmar_bio_piece(mem->u.md_bio, index, out_piece);
    }
    return mem->md_type == MEMDESC_VADDR && index == 0 &&
           udmar_piece_of_buffer(mem->u.md_vaddr, mem->md_len, out_piece);
}
#include <udmar/foreign/memdesc.h>

#define UDMAR_PORT_CCB
#define udmar_ccb_has_data(ccb) (((ccb)->ccb_h.flags & CAM_DIR_NONE) != CAM_DIR_NONE)

static inline struct memdesc memdesc_ccb(union ccb *ccb)
{
    struct memdesc mem = { .md_type = MEMDESC_VADDR };

    mem.u.md_vaddr = ccb->csio.data_ptr;
    mem.md_len = ccb->csio.dxfer_len;
    return mem;
}
#include <udmar/foreign/ccb.h>

#define UDMAR_PORT_CRYPTO
#define udmar_crypto_input(crp) (&(crp)->crp_buf)

static inline bool udmar_crypto_piece(struct crypto_buffer *cb, unsigned index,
                                      struct udmar_dma_piece *out_piece)
{
    return index == 0 &&
           udmar_piece_of_buffer(cb->cb_buf, udmar_foreign_length(cb->cb_buf_len), out_piece);
}
#include <udmar/foreign/crypto.h>

#define UDMAR_PORT_MTX
#define udmar_mtx_lock(m)   mtx_lock(m)
#define udmar_mtx_unlock(m) mtx_unlock(m)
#include <udmar/foreign/mtx.h>

#endif
