/* SPDX-License-Identifier: BSD-2-Clause */
/* Queue descriptors, 128 bits [VTD 6.5.2]. */
#ifndef UDMAR_UNIT_DESCRIPTOR_H
#define UDMAR_UNIT_DESCRIPTOR_H

#include "base/bits.h"
#include "unit/unit.h"

#define DESC_TYPE(low) ((unsigned)((low)&0xf))
#define DESC_CONTEXT   UINT64_C(1)
#define DESC_IOTLB     UINT64_C(2)
#define DESC_INTERRUPT UINT64_C(4) /* bit 4 clear: global */
#define DESC_WAIT      UINT64_C(5)

#define DESC_GRAN_SHIFT 4
#define DESC_GRAN(low)  ((unsigned)UDMAR__FIELD(low, 5, 4))
#define DESC_DID_SHIFT  16
#define DESC_DID(low)   UDMAR__FIELD(low, 31, 16)
#define DESC_SID_SHIFT  32
#define DESC_SID(low)   UDMAR__FIELD(low, 47, 32)

#define DESC_IOTLB_DW (UINT64_C(1) << 6)
#define DESC_IOTLB_DR (UINT64_C(1) << 7)
#define DESC_IOTLB_IH (UINT64_C(1) << 6) /* high word */

#define DESC_INTERRUPT_INDEX       (UINT64_C(1) << 4) /* else: all entries */
#define DESC_INTERRUPT_MASK_SHIFT  27
#define DESC_INTERRUPT_FIRST_SHIFT 32

#define DESC_WAIT_STATUS     (UINT64_C(1) << 5) /* write the status word */
#define DESC_WAIT_FENCE      (UINT64_C(1) << 6) /* later requests start after it */
#define DESC_WAIT_DATA_SHIFT 32

/*
 * Writes the wait descriptor number @number into a slot. Hardware writes the low 32 bits of the
 * number to the status word; the fence has it come after all that stands before it.
 */
static inline void udmar__wait_descriptor_write(volatile uint64_t *slot,
                                                const struct udmar__queue *queue, uint64_t number)
{
    slot[0] = DESC_WAIT | DESC_WAIT_STATUS | DESC_WAIT_FENCE | number << DESC_WAIT_DATA_SHIFT;
    slot[1] = queue->status_page.physical;
}

#endif
