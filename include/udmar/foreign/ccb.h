/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of CAM's control blocks: bus_dmamap_load_ccb(). foreign.h says how a kernel brings a
 * type of its own.
 *
 *   UDMAR_PORT_CCB      bool udmar_ccb_has_data(union ccb *ccb)       false: CAM_DIR_NONE
 *                       struct memdesc memdesc_ccb(union ccb *ccb)    of any type; FreeBSD has it
 */
#ifndef UDMAR_FOREIGN_CCB_H
#define UDMAR_FOREIGN_CCB_H

#include <udmar/foreign/memdesc.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* A block that moves no data: the callback runs with no segments, and nothing is loaded. */
UDMAR_BUS_DMA_INLINE int bus_dmamap_load_ccb(bus_dma_tag_t dmat, bus_dmamap_t map, union ccb *ccb,
                                             bus_dmamap_callback_t *callback, void *callback_arg,
                                             int flags)
{
    struct memdesc mem;

    if (ccb == NULL || callback == NULL) {
        return bus_dmamap_load_mem(dmat, map, NULL, callback, callback_arg, flags);
    }
    if (!udmar_ccb_has_data(ccb)) {
        callback(callback_arg, NULL, 0, 0);
        return 0;
    }
    mem = memdesc_ccb(ccb);
    return bus_dmamap_load_mem(dmat, map, &mem, callback, callback_arg, flags);
}

#ifdef __cplusplus
}
#endif

#endif
