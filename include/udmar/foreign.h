/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Foreign types that busdma(9) can load: mbuf chains, uio, bio, memory descriptors, page arrays,
 * CAM's control blocks, the crypto framework's buffers; and the mutex of busdma_lock_mutex().
 *
 * The library never looks into them: this header turns them into pieces with inline functions, so
 * nothing has to be supplied at link time. For each type there is a plain default. A port whose
 * kernel has the type already defines the macro named below before it includes this header,
 * declares its own, and supplies the accessors (functions or macros):
 *
 *   UDMAR_PORT_VM_PAGE  udmar_paddr_t udmar_vm_page_physical(struct vm_page *page)
 *   UDMAR_PORT_MBUF     struct mbuf *udmar_mbuf_next(struct mbuf *m)
 *                       uint64_t udmar_mbuf_total(struct mbuf *m)     bytes of the whole packet
 *                       bool udmar_mbuf_piece(struct mbuf *m, unsigned index,
 *                                             struct udmar_dma_piece *out_piece)   false: no more
 *   UDMAR_PORT_UIO      uint64_t udmar_uio_total(struct uio *uio)
 *                       bool udmar_uio_piece(struct uio *uio, unsigned index,
 *                                            struct udmar_dma_piece *out_piece)
 *                       Addresses of user space are the port's business: wired, and known to
 *                       udmar_host_virtual_to_physical() of the running thread, or given as
 *                       physical pieces.
 *   UDMAR_PORT_BIO      bool udmar_bio_piece(struct bio *bio, unsigned index,
 *                                            struct udmar_dma_piece *out_piece)
 *   UDMAR_PORT_MEMDESC  bool udmar_memdesc_piece(struct memdesc *mem, unsigned index,
 *                                                struct udmar_dma_piece *out_piece)
 *   UDMAR_PORT_CCB      bool udmar_ccb_has_data(union ccb *ccb)       false: CAM_DIR_NONE
 *                       struct memdesc memdesc_ccb(union ccb *ccb)    of any type; FreeBSD has it
 *   UDMAR_PORT_CRYPTO   struct crypto_buffer *udmar_crypto_input(struct cryptop *crp)
 *                       bool udmar_crypto_piece(struct crypto_buffer *cb, unsigned index,
 *                                               struct udmar_dma_piece *out_piece)
 *   UDMAR_PORT_MTX      void udmar_mtx_lock(struct mtx *m), void udmar_mtx_unlock(struct mtx *m)
 *
 * What is damaged (negative lengths, null where memory should be, unknown types) is told as
 * udmar_piece_of_nothing() or as no pieces at all: the load then fails with UDMAR_EINVAL.
 */
#ifndef UDMAR_FOREIGN_H
#define UDMAR_FOREIGN_H

#include <udmar/busdma.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline bool udmar_piece_of_buffer(const void *buffer, uint64_t length,
                                         struct udmar_dma_piece *out_piece)
{
    out_piece->buffer = buffer;
    out_piece->physical = 0;
    out_piece->length = length;
    out_piece->is_physical = false;
    return true;
}

static inline bool udmar_piece_of_memory(udmar_paddr_t physical, uint64_t length,
                                         struct udmar_dma_piece *out_piece)
{
    out_piece->buffer = NULL;
    out_piece->physical = physical;
    out_piece->length = length;
    out_piece->is_physical = true;
    return true;
}

/* What can be no memory: the load is refused. A false instead would be the end of the pieces. */
static inline bool udmar_piece_of_nothing(struct udmar_dma_piece *out_piece)
{
    return udmar_piece_of_buffer(NULL, UINT64_MAX, out_piece);
}

/* An address of the kernel's that was kept in a field of 64 bits. */
static inline bool udmar_piece_of_address(uint64_t address, uint64_t length,
                                          struct udmar_dma_piece *out_piece)
{
    return address > UINTPTR_MAX
               ? udmar_piece_of_nothing(out_piece)
               : udmar_piece_of_buffer((const void *)(uintptr_t)address, length, out_piece);
}

/* A length that went negative is a piece too long for any tag, so the load refuses it. */
static inline uint64_t udmar_foreign_length(int length)
{
    return length < 0 ? UINT64_MAX : (uint64_t)length;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

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

/* ---- mbufs ----------------------------------------------------------------------------------- */

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

/* ---- uio ------------------------------------------------------------------------------------- */

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

/* ---- bio ------------------------------------------------------------------------------------- */

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

/* ---- Memory descriptors ---------------------------------------------------------------------- */

#ifndef UDMAR_PORT_MEMDESC
#define MEMDESC_VADDR   1 /* a buffer in kernel addresses */
#define MEMDESC_PADDR   2 /* one range of physical memory */
#define MEMDESC_VLIST   3 /* an array of segments, ds_addr is a kernel address */
#define MEMDESC_PLIST   4 /* an array of segments, ds_addr is physical */
#define MEMDESC_BIO     5 /* FreeBSD 13 and before; 14 makes one of the others of a bio */
#define MEMDESC_UIO     6
#define MEMDESC_MBUF    7 /* a chain */
#define MEMDESC_VMPAGES 8 /* bytes of an array of pages */

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
    case MEMDESC_VMPAGES:
        return mem->u.md_ma != NULL &&
               udmar_pages_piece(mem->u.md_ma, mem->md_offset, mem->md_len, index, out_piece);
    default:
        return false;
    }
}
#endif

struct udmar_memdesc_walk {
    struct memdesc *mem;
    unsigned index;
    /* Of the types that are walked. */
    struct udmar_mbuf_walk mbuf;
    struct udmar_uio_walk uio;
};

static inline void udmar_memdesc_start(struct udmar_memdesc_walk *walk, struct memdesc *mem)
{
    walk->mem = mem;
    walk->index = 0;
    walk->mbuf.at = NULL;
    walk->mbuf.index = 0;
    walk->uio.uio = NULL;
    walk->uio.left = 0;
    walk->uio.index = 0;
#ifndef UDMAR_PORT_MEMDESC
    if (mem != NULL && mem->md_type == MEMDESC_MBUF) {
        walk->mbuf.at = mem->u.md_mbuf;
    } else if (mem != NULL && mem->md_type == MEMDESC_UIO && mem->u.md_uio != NULL) {
        walk->uio.uio = mem->u.md_uio;
        walk->uio.left = udmar_uio_total(mem->u.md_uio);
    }
#endif
}

static inline bool udmar_memdesc_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_memdesc_walk *walk = (struct udmar_memdesc_walk *)context;

    return walk->mbuf.at != NULL   ? udmar_mbuf_step(&walk->mbuf, out_piece)
           : walk->uio.uio != NULL ? udmar_uio_step(&walk->uio, out_piece)
                                   : udmar_memdesc_piece(walk->mem, walk->index++, out_piece);
}

/* ---- CAM's control blocks -------------------------------------------------------------------- */

#ifndef UDMAR_PORT_CCB
#define XPT_SCSI_IO        0x901
#define XPT_ATA_IO         0x918
#define XPT_NVME_IO        0x91c
#define XPT_NVME_ADMIN     0x91f
#define XPT_CONT_TARGET_IO 0x933

#define CAM_DIR_BOTH      0x00000000u
#define CAM_DIR_IN        0x00000040u
#define CAM_DIR_OUT       0x00000080u
#define CAM_DIR_NONE      0x000000c0u
#define CAM_DIR_MASK      0x000000c0u
#define CAM_DATA_VADDR    0x00000000u
#define CAM_DATA_PADDR    0x00000010u
#define CAM_DATA_SG       0x00040000u /* data_ptr: sglist_cnt segments in kernel addresses */
#define CAM_DATA_SG_PADDR 0x00040010u /* the same, physical */
#define CAM_DATA_BIO      0x00200000u /* data_ptr: a bio */
#define CAM_DATA_MASK     0x00240010u

struct ccb_hdr {
    uint32_t func_code;
    uint32_t flags;
};

struct ccb_scsiio {
    struct ccb_hdr ccb_h;
    uint8_t *data_ptr;
    uint32_t dxfer_len;
    uint16_t sglist_cnt;
};

struct ccb_ataio {
    struct ccb_hdr ccb_h;
    uint8_t *data_ptr;
    uint32_t dxfer_len;
};

struct ccb_nvmeio {
    struct ccb_hdr ccb_h;
    uint8_t *data_ptr;
    uint32_t dxfer_len;
    uint16_t sglist_cnt;
};

union ccb {
    struct ccb_hdr ccb_h;
    struct ccb_scsiio csio;
    struct ccb_scsiio ctio;
    struct ccb_ataio ataio;
    struct ccb_nvmeio nvmeio;
};

static inline bool udmar_ccb_has_data(union ccb *ccb)
{
    return (ccb->ccb_h.flags & CAM_DIR_MASK) != CAM_DIR_NONE;
}

static inline struct memdesc udmar_ccb_memory(uint32_t flags, uint8_t *data, uint32_t length,
                                              uint16_t count)
{
    void *pointer = data;

    switch (flags & CAM_DATA_MASK) {
    case CAM_DATA_VADDR:
        return memdesc_vaddr(pointer, length);
    case CAM_DATA_PADDR:
        return memdesc_paddr((uintptr_t)pointer, length);
    case CAM_DATA_SG:
        return memdesc_vlist((struct udmar_dma_segment *)pointer, count);
    case CAM_DATA_SG_PADDR:
        return memdesc_plist((struct udmar_dma_segment *)pointer, count);
    case CAM_DATA_BIO:
        return memdesc_bio((struct bio *)pointer);
    default:
        return udmar_memdesc_none(0);
    }
}

/* What the block moves; no memory at all for functions that move nothing. */
static inline struct memdesc memdesc_ccb(union ccb *ccb)
{
    uint32_t flags = ccb->ccb_h.flags;

    switch (ccb->ccb_h.func_code) {
    case XPT_SCSI_IO:
    case XPT_CONT_TARGET_IO:
        return udmar_ccb_memory(flags, ccb->csio.data_ptr, ccb->csio.dxfer_len,
                                ccb->csio.sglist_cnt);
    case XPT_ATA_IO:
        return udmar_ccb_memory(flags, ccb->ataio.data_ptr, ccb->ataio.dxfer_len, 0);
    case XPT_NVME_IO:
    case XPT_NVME_ADMIN:
        return udmar_ccb_memory(flags, ccb->nvmeio.data_ptr, ccb->nvmeio.dxfer_len,
                                ccb->nvmeio.sglist_cnt);
    default:
        return udmar_memdesc_none(0);
    }
}
#endif

/* ---- The crypto framework's buffers ---------------------------------------------------------- */

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

struct cryptop {
    struct crypto_buffer crp_buf;
    struct crypto_buffer crp_obuf;
};

static inline struct crypto_buffer *udmar_crypto_input(struct cryptop *crp)
{
    return &crp->crp_buf;
}

/* Of the types that are found by index. */
static inline bool udmar_crypto_piece(struct crypto_buffer *cb, unsigned index,
                                      struct udmar_dma_piece *out_piece)
{
    switch (cb->cb_type) {
    case CRYPTO_BUF_CONTIG:
        return index == 0 &&
               udmar_piece_of_buffer(cb->cb_buf, udmar_foreign_length(cb->cb_buf_len), out_piece);
    case CRYPTO_BUF_SINGLE_MBUF:
        return cb->cb_mbuf != NULL && udmar_mbuf_piece(cb->cb_mbuf, index, out_piece);
    case CRYPTO_BUF_VMPAGE:
        if (cb->cb_vm_page == NULL || cb->cb_vm_page_len < 0 || cb->cb_vm_page_offset < 0) {
            return udmar_piece_of_nothing(out_piece);
        }
        return udmar_pages_piece(cb->cb_vm_page, (uint64_t)cb->cb_vm_page_offset,
                                 (uint64_t)cb->cb_vm_page_len, index, out_piece);
    default:
        return false;
    }
}
#endif

struct udmar_crypto_walk {
    struct crypto_buffer *cb;
    unsigned index;
    /* Of the types that are walked. */
    struct udmar_mbuf_walk mbuf;
    struct udmar_uio_walk uio;
};

static inline void udmar_crypto_start(struct udmar_crypto_walk *walk, struct crypto_buffer *cb)
{
    walk->cb = cb;
    walk->index = 0;
    walk->mbuf.at = NULL;
    walk->mbuf.index = 0;
    walk->uio.uio = NULL;
    walk->uio.left = 0;
    walk->uio.index = 0;
#ifndef UDMAR_PORT_CRYPTO
    if (cb != NULL && cb->cb_type == CRYPTO_BUF_MBUF) {
        walk->mbuf.at = cb->cb_mbuf;
    } else if (cb != NULL && cb->cb_type == CRYPTO_BUF_UIO && cb->cb_uio != NULL) {
        walk->uio.uio = cb->cb_uio;
        walk->uio.left = udmar_uio_total(cb->cb_uio);
    }
#endif
}

static inline bool udmar_crypto_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_crypto_walk *walk = (struct udmar_crypto_walk *)context;

    return walk->mbuf.at != NULL   ? udmar_mbuf_step(&walk->mbuf, out_piece)
           : walk->uio.uio != NULL ? udmar_uio_step(&walk->uio, out_piece)
                                   : udmar_crypto_piece(walk->cb, walk->index++, out_piece);
}

/* ---- Page arrays ----------------------------------------------------------------------------- */

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

/* One range of physical memory. */
struct udmar_once {
    udmar_paddr_t physical;
    uint64_t length;
    bool done;
};

static inline bool udmar_once_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_once *once = (struct udmar_once *)context;
    bool more = !once->done;

    once->done = true;
    return more && udmar_piece_of_memory(once->physical, once->length, out_piece);
}

/* ---- The mutex ------------------------------------------------------------------------------- */

#ifndef UDMAR_PORT_MTX
struct mtx {
    int mtx_lock;
};

static inline void udmar_mtx_lock(struct mtx *m)
{
    while (__atomic_exchange_n(&m->mtx_lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
}

static inline void udmar_mtx_unlock(struct mtx *m)
{
    __atomic_store_n(&m->mtx_lock, 0, __ATOMIC_RELEASE);
}
#endif

#ifdef __cplusplus
}
#endif

#endif
