/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register set, in the order of the specification [VTD 11.4].
 *
 * Write-1-to-clear registers (FSTS, ICS, the F bit of a fault record) are written with exactly the
 * bits to clear; there is deliberately no read-modify-write helper.
 */
#ifndef UDMAR_UNIT_REGISTERS_H
#define UDMAR_UNIT_REGISTERS_H

#include "base/bits.h"

#define REG_VER     0x000u
#define REG_CAP     0x008u
#define REG_ECAP    0x010u
#define REG_GCMD    0x018u
#define REG_GSTS    0x01cu
#define REG_RTADDR  0x020u
#define REG_CCMD    0x028u
#define REG_FSTS    0x034u
#define REG_FECTL   0x038u
#define REG_FEDATA  0x03cu
#define REG_FEADDR  0x040u
#define REG_FEUADDR 0x044u
#define REG_PMEN    0x064u
#define REG_IQH     0x080u
#define REG_IQT     0x088u
#define REG_IQA     0x090u
#define REG_ICS     0x09cu
#define REG_IECTL   0x0a0u
#define REG_IQERCD  0x0b0u
#define REG_IRTA    0x0b8u

/* GCMD and GSTS share their bits [VTD 11.4.4]. */
#define GCMD_TE         (1u << 31)
#define GCMD_SRTP       (1u << 30)
#define GCMD_SFL        (1u << 29)
#define GCMD_EAFL       (1u << 28)
#define GCMD_WBF        (1u << 27)
#define GCMD_QIE        (1u << 26)
#define GCMD_IRE        (1u << 25)
#define GCMD_SIRTP      (1u << 24)
#define GCMD_CFI        (1u << 23)
/* What may be written back from GSTS: anything else would give a one-shot command again. */
#define GCMD_PERSISTENT (GCMD_TE | GCMD_EAFL | GCMD_QIE | GCMD_IRE | GCMD_CFI)

#define RTADDR_TTM_MASK     UDMAR__MASK(11, 10)
#define RTADDR_TTM_LEGACY   UINT64_C(0)
#define RTADDR_TTM_SCALABLE UDMAR__MASK(10, 10)

#define IRTA_TABLE   UDMAR__MASK(63, 12)
#define IRTA_EIME    (UINT64_C(1) << 11)                    /* destinations of 32 bits */
#define IRTA_SIZE(v) (UINT32_C(2) << UDMAR__FIELD(v, 3, 0)) /* entries */

#define CCMD_ICC        (UINT64_C(1) << 63)
#define CCMD_CIRG_SHIFT 61
#define CCMD_CAIG(v)    ((unsigned)UDMAR__FIELD(v, 60, 59))

#define FSTS_PFO    (1u << 0)
#define FSTS_PPF    (1u << 1)
#define FSTS_AFO    (1u << 2)
#define FSTS_APF    (1u << 3)
#define FSTS_IQE    (1u << 4)
#define FSTS_ICE    (1u << 5)
#define FSTS_ITE    (1u << 6)
#define FSTS_PRO    (1u << 7)
#define FSTS_FRI(v) (((v) >> 8) & 0xffu)
#define FSTS_QUEUE  (FSTS_IQE | FSTS_ICE | FSTS_ITE)

#define EVENT_IM (1u << 31) /* FECTL, IECTL: masked */
#define EVENT_IP (1u << 30) /* an event waits for the mask to go */

#define PMEN_EPM (1u << 31)
#define PMEN_PRS (1u << 0)

/* IOTLB block at ECAP.IRO * 16: address first, command behind it. */
#define IVA_OFFSET       0u
#define IVA_IH           (UINT64_C(1) << 6)
#define IOTLB_OFFSET     8u
#define IOTLB_IVT        (UINT64_C(1) << 63)
#define IOTLB_IIRG_SHIFT 60
#define IOTLB_IAIG(v)    ((unsigned)UDMAR__FIELD(v, 58, 57))
#define IOTLB_DR         (UINT64_C(1) << 49)
#define IOTLB_DW         (UINT64_C(1) << 48)
#define IOTLB_DID_SHIFT  32

/* Fault records, 16 bytes each; dword 3 holds F (write 1 to clear). */
#define FRCD_SIZE 16u
#define FRCD_F    (1u << 31)

/* Granularities, the same numbers in CCMD, IOTLB and the descriptors [VTD 6.5.2]. */
#define GRAN_GLOBAL    1u
#define GRAN_DOMAIN    2u
#define GRAN_SELECTIVE 3u /* device for the context cache, pages for the IOTLB */

#endif
