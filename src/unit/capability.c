/* SPDX-License-Identifier: BSD-2-Clause */
/* VER, CAP and ECAP decoded [VTD 11.4.1-11.4.3]. Pure: no host function. */
#include <udmar/unit.h>

#include "base/bits.h"

/* Hardware never sees more than four pages of registers; the offsets could say up to 20 KiB. */
static uint32_t window_size(const struct udmar_unit_facts *facts)
{
    uint64_t end = UDMAR_PAGE_SIZE;

    if (facts->registers) {
        end = udmar__max(end, facts->iotlb_offset + UINT64_C(16));
    }
    end = udmar__max(end, facts->fault_offset + UINT64_C(16) * facts->fault_count);
    return (uint32_t)udmar__align_up(end, UDMAR_PAGE_SIZE);
}

static void decode_cap(uint64_t cap, struct udmar_unit_facts *facts)
{
    facts->domain_ids = 1u << (4 + 2 * (unsigned)UDMAR__FIELD(cap, 2, 0));
    facts->fault_log = (cap >> 3) & 1;
    facts->write_buffer = (cap >> 4) & 1;
    facts->protected_low = (cap >> 5) & 1;
    facts->protected_high = (cap >> 6) & 1;
    facts->caching_mode = (cap >> 7) & 1;
    /* Bit 12 would be 64 bits in 6 levels: never built, and reserved today. */
    facts->widths = (uint8_t)UDMAR__FIELD(cap, 11, 8);
    facts->guest_width = (uint8_t)(UDMAR__FIELD(cap, 21, 16) + 1);
    facts->zero_length_read = (cap >> 22) & 1;
    facts->fault_offset = (uint32_t)UDMAR__FIELD(cap, 33, 24) * 16;
    facts->superpages = (uint8_t)UDMAR__FIELD(cap, 35, 34);
    facts->page_selective = (cap >> 39) & 1;
    facts->fault_count = (uint16_t)(UDMAR__FIELD(cap, 47, 40) + 1);
    facts->max_mask = (uint8_t)UDMAR__FIELD(cap, 53, 48);
    facts->drain_write = (cap >> 54) & 1;
    facts->drain_read = (cap >> 55) & 1;
    facts->remap_flushes = (cap >> 62) & 1;
    facts->posted = (cap >> 59) & 1;
    facts->root_flushes = (cap >> 63) & 1;
}

static void decode_ecap(uint64_t ecap, struct udmar_unit_facts *facts)
{
    facts->coherent = ecap & 1;
    facts->queued = (ecap >> 1) & 1;
    facts->device_tlb = (ecap >> 2) & 1;
    facts->interrupt_remap = (ecap >> 3) & 1;
    facts->extended_ids = (ecap >> 4) & 1;
    facts->pass_through = (ecap >> 6) & 1;
    facts->snoop_control = (ecap >> 7) & 1;
    facts->iotlb_offset = (uint32_t)UDMAR__FIELD(ecap, 17, 8) * 16;
    facts->interrupt_mask = (uint8_t)UDMAR__FIELD(ecap, 23, 20);
    facts->scalable = (ecap >> 43) & 1;
}

/* What no honest unit says. Null: nothing found. */
static const char *find_contradiction(const struct udmar_unit_facts *facts)
{
    uint32_t faults_end = facts->fault_offset + 16u * facts->fault_count;

    if (UDMAR__FIELD(facts->cap, 2, 0) == 7) {
        return "CAP.ND has its reserved value 7";
    }
    if (facts->guest_width < 12) {
        return "CAP.MGAW is smaller than a page";
    }
    /* Without register-based invalidation there is nothing at ECAP.IRO. */
    if (facts->fault_offset < 0x40 || (facts->registers && facts->iotlb_offset < 0x40)) {
        return "CAP.FRO or ECAP.IRO points into the fixed registers";
    }
    if (facts->registers && facts->iotlb_offset < faults_end &&
        facts->fault_offset < facts->iotlb_offset + 16) {
        return "the fault records and the IOTLB registers overlap";
    }
    if (!facts->queued && !facts->registers) {
        return "neither a queue nor registers for invalidation";
    }
    return NULL;
}

enum udmar_status udmar_unit_decode(uint32_t version, uint64_t cap, uint64_t ecap,
                                    struct udmar_unit_facts *out_facts, const char **out_reason)
{
    const char *unused;
    const char **reason = out_reason != NULL ? out_reason : &unused;

    *reason = NULL;
    if (cap == UINT64_MAX || ecap == UINT64_MAX || version == UINT32_MAX) {
        *reason = "its registers read all ones: nothing answers there";
        return UDMAR_ERR_ALL_ONES;
    }
    if (cap == 0 || (version & 0xff) == 0) {
        *reason = "its registers read zero";
        return UDMAR_ERR_REGISTERS;
    }
    *out_facts = (struct udmar_unit_facts){ .version = version, .cap = cap, .ecap = ecap };
    /* Register-based invalidation is gone from version 6 on [VTD 6.5.1]. */
    out_facts->registers = ((version >> 4) & 0xf) < 6;
    decode_cap(cap, out_facts);
    decode_ecap(ecap, out_facts);
    out_facts->window_size = window_size(out_facts);
    *reason = find_contradiction(out_facts);
    if (*reason != NULL) {
        return UDMAR_ERR_REGISTERS;
    }
    if (out_facts->widths == 0) {
        *reason = "it offers no table width: DMA translation is switched off in this unit";
        return UDMAR_ERR_UNSUPPORTED;
    }
    return UDMAR_OK;
}

unsigned udmar_width_levels(unsigned width)
{
    switch (width) {
    case 30:
    case 39:
    case 48:
    case 57:
        return (width - 30) / 9 + 2;
    default:
        return 0;
    }
}
