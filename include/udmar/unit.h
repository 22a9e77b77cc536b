/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a remapping unit can do, decoded once from VER, CAP and ECAP [VTD 11.4.1-11.4.3].
 * These functions call no host function: a tool may use them on numbers from another machine.
 */
#ifndef UDMAR_UNIT_H
#define UDMAR_UNIT_H

#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Superpages, as a bit set. */
enum udmar_superpages { UDMAR_SUPERPAGE_2M = 1, UDMAR_SUPERPAGE_1G = 2 };

/* Widths a second-level table may have, as a bit set; bit n is n + 2 levels, 30 + 9n bits. */
enum udmar_widths {
    UDMAR_WIDTH_30 = 1,
    UDMAR_WIDTH_39 = 2,
    UDMAR_WIDTH_48 = 4,
    UDMAR_WIDTH_57 = 8,
};

struct udmar_unit_facts {
    uint32_t version; /* raw VER; major 7:4, minor 3:0 */
    uint64_t cap;     /* raw */
    uint64_t ecap;    /* raw */

    uint32_t domain_ids;    /* 16 to 65536 */
    uint8_t widths;         /* enum udmar_widths */
    uint8_t guest_width;    /* MGAW in bits: the largest guest address is 2^n - 1 */
    uint8_t superpages;     /* enum udmar_superpages */
    uint8_t max_mask;       /* MAMV: the largest page-selective request is 2^n pages */
    uint16_t fault_count;   /* fault records, 1 to 256 */
    uint32_t fault_offset;  /* bytes from the register base */
    uint32_t iotlb_offset;  /* bytes from the register base */
    uint8_t interrupt_mask; /* MHMV: the largest request for interrupt entries is 2^n of them */
    uint32_t window_size;   /* bytes that hold all registers, a multiple of 4096 */

    bool fault_log;        /* AFL: faults may go to a log in memory; not used by udmar */
    bool write_buffer;     /* RWBF: stores become visible only after a write-buffer flush */
    bool protected_low;    /* PLMR */
    bool protected_high;   /* PHMR */
    bool caching_mode;     /* CM: not-present entries may be cached; emulators */
    bool page_selective;   /* PSI */
    bool zero_length_read; /* ZLR */
    bool drain_read;       /* DRD */
    bool drain_write;      /* DWD */
    bool root_flushes;     /* ESRTPS: setting the root pointer invalidates everything */
    bool remap_flushes;    /* ESIRTPS: the same for the interrupt remapping table */
    bool coherent;         /* ECAP.C: table walks snoop the CPU's caches */
    bool queued;           /* QI */
    bool registers;        /* register-based invalidation exists (version below 6) */
    bool device_tlb;       /* DT: ATS */
    bool interrupt_remap;  /* IR */
    bool extended_ids;     /* EIM: 32-bit APIC ids, FEUADDR */
    bool posted;           /* PI: posted interrupts */
    bool pass_through;     /* PT */
    bool snoop_control;    /* SC: the SNP bit in leaf entries */
    bool scalable;         /* SMTS; not used by udmar */
};

/*
 * udmar_unit_decode - read capability registers
 * @version, @cap, @ecap: the raw registers.
 * @out_facts: filled in whenever the result is UDMAR_OK or UDMAR_ERR_UNSUPPORTED.
 * @out_reason: a constant sentence that says what is wrong, or null; may itself be null.
 *
 * Returns UDMAR_OK; UDMAR_ERR_ALL_ONES (nothing answers there); UDMAR_ERR_REGISTERS (the registers
 * contradict themselves or the architecture: the unit cannot be trusted); UDMAR_ERR_UNSUPPORTED (a
 * sane unit that offers no DMA translation udmar can use). Any context.
 */
enum udmar_status udmar_unit_decode(uint32_t version, uint64_t cap, uint64_t ecap,
                                    struct udmar_unit_facts *out_facts, const char **out_reason);

/* Levels of a table of the given width in bits (30, 39, 48, 57), else 0. */
unsigned udmar_width_levels(unsigned width);

#ifdef __cplusplus
}
#endif

#endif
