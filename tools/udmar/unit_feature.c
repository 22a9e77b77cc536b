/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What capability registers mean. The library decodes what the driver uses; only bits that the
 * driver does not look at are read from the raw registers here [VTD 11.4.2, 11.4.3].
 */
#include "unit_report.h"

#include <string.h>

/* Bits that the driver has no use for. */
enum {
    CAP_FIRST_STAGE_1G = 56,
    CAP_FIRST_STAGE_5LEVEL = 60,
    ECAP_NESTED = 26,
    ECAP_PAGE_REQUESTS = 29,
    ECAP_PASID_SIZE = 35,
    ECAP_PASID = 40,
    ECAP_DIRTY = 45,
    ECAP_SECOND_STAGE = 46,
    ECAP_FIRST_STAGE = 47,
    ECAP_COUNTERS = 51,
    ECAP_ABORT = 52,
};

struct feature_words {
    const char *key, *name;
    const char *without; /* what it means not to have it; null: nothing much */
};

static const struct feature_words words[FEATURES] = {
    [FEATURE_TRANSLATION] = { "translation", "DMA translation",
                              "the unit cannot keep devices apart at all" },
    [FEATURE_SUPERPAGE_2M] = { "superpage-2m", "2 MiB pages",
                               "large buffers take an entry for every 4 KiB" },
    [FEATURE_SUPERPAGE_1G] = { "superpage-1g", "1 GiB pages",
                               "identity maps and guests take an entry for every 2 MiB" },
    [FEATURE_PASS_THROUGH] = { "pass-through", "pass-through",
                               "devices left alone need tables that map memory onto itself" },
    [FEATURE_QUEUE] = { "queue", "invalidation queue",
                        "each invalidation is a register write that is waited for" },
    [FEATURE_REGISTERS] = { "registers", "register invalidation", "the queue is the only way" },
    [FEATURE_PAGE_SELECTIVE] = { "page-selective", "page-wise invalidation",
                                 "each unmap empties the cache of the whole domain" },
    [FEATURE_COHERENT] = { "coherent", "coherent table walks",
                           "each table entry must be flushed from the CPU's cache" },
    [FEATURE_SNOOP] = { "snoop-control", "forced snooping",
                        "a device that does not snoop can see stale memory" },
    [FEATURE_DRAIN] = { "drain", "DMA draining",
                        "DMA under way may still land after an invalidation" },
    [FEATURE_SELF_FLUSH] = { "self-flush", "root change flushes",
                             "after a new root pointer all caches must be emptied" },
    [FEATURE_NO_WRITE_BUFFER] = { "no-write-buffer", "sees stores at once",
                                  "stores must be pushed out before the unit sees them" },
    [FEATURE_NO_CACHING_MODE] = { "no-caching-mode", "new mappings work at once",
                                  "caching mode, as emulators have: they are invalidated first" },
    [FEATURE_INTERRUPTS] = { "interrupt-remapping", "interrupt remapping",
                             "a device can forge interrupts of others" },
    [FEATURE_EXTENDED_IDS] = { "extended-ids", "32-bit APIC ids",
                               "interrupts reach the first 255 processors only" },
    [FEATURE_POSTED] = { "posted", "posted interrupts",
                         "interrupts for guests go through the hypervisor" },
    [FEATURE_PROTECTED] = { "protected-memory", "protected memory regions",
                            "firmware cannot block DMA before there are tables" },
    [FEATURE_DEVICE_TLB] = { "device-tlb", "device TLBs (ATS)",
                             "devices cannot keep translations themselves" },
    [FEATURE_PAGE_REQUESTS] = { "page-requests", "page requests",
                                "memory that devices use must stay in place" },
    [FEATURE_PASID] = { "pasid", "process ids (PASID)", "a device has one address space" },
    [FEATURE_SCALABLE] = { "scalable", "scalable mode",
                           "hence no process ids, first stage, nesting, dirty bits" },
    [FEATURE_FIRST_STAGE] = { "first-stage", "first-stage tables",
                              "devices cannot share the processor's page tables" },
    [FEATURE_SECOND_STAGE] = { "second-stage", "second-stage tables",
                               "second-stage tables in legacy mode only" },
    [FEATURE_NESTED] = { "nested", "nested translation", "a guest's own tables must be shadowed" },
    [FEATURE_DIRTY] = { "dirty", "accessed and dirty bits",
                        "nobody knows which pages a device has written" },
    [FEATURE_ABORT] = { "abort-dma", "abort-DMA mode",
                        "tables cannot be swapped while all DMA is blocked" },
    [FEATURE_COUNTERS] = { "counters", "performance counters", NULL },
};

#define NEED(feature) (UINT64_C(1) << (feature))

static const struct use_words {
    const char *key, *name;
    uint64_t needs;
    const char *besides; /* what else it takes, outside of this unit; null: nothing */
} uses[USES] = {
    [USE_UDMAR] = { "udmar", "the udmar driver", NEED(FEATURE_TRANSLATION), NULL },
    [USE_ISOLATION] = { "isolation", "keeping devices out of memory", NEED(FEATURE_TRANSLATION),
                        NULL },
    /* Interrupt entries have no registers to invalidate them: all of this takes the queue. */
    [USE_GUESTS] = { "guests", "giving devices to guests safely",
                     NEED(FEATURE_TRANSLATION) | NEED(FEATURE_INTERRUPTS) | NEED(FEATURE_QUEUE),
                     NULL },
    [USE_MANY_CPUS] = { "x2apic", "more than 255 processors (x2APIC)",
                        NEED(FEATURE_INTERRUPTS) | NEED(FEATURE_EXTENDED_IDS) | NEED(FEATURE_QUEUE),
                        "EIM in all units, processors in x2APIC mode, a DMAR table that does not "
                        "opt "
                        "out of it" },
    [USE_POSTED] = { "posted-interrupts", "interrupts straight into guests",
                     NEED(FEATURE_INTERRUPTS) | NEED(FEATURE_POSTED) | NEED(FEATURE_QUEUE),
                     "processors that take posted interrupts (APICv), and CMPXCHG16B to change "
                     "live entries" },
    [USE_BIG_MAPPINGS] = { "superpages", "cheap large mappings",
                           NEED(FEATURE_SUPERPAGE_2M) | NEED(FEATURE_SUPERPAGE_1G), NULL },
    [USE_IDENTITY] = { "pass-through", "trusted devices at full speed", NEED(FEATURE_PASS_THROUGH),
                       NULL },
    [USE_SHARED_ADDRESSES] = { "shared-addresses", "devices in a process's addresses (SVA)",
                               NEED(FEATURE_SCALABLE) | NEED(FEATURE_FIRST_STAGE) |
                                   NEED(FEATURE_PASID) | NEED(FEATURE_PAGE_REQUESTS) |
                                   NEED(FEATURE_DEVICE_TLB),
                               NULL },
    [USE_VIRTUAL_UNIT] = { "virtual-unit", "a fast IOMMU for guests (nesting)",
                           NEED(FEATURE_SCALABLE) | NEED(FEATURE_FIRST_STAGE) |
                               NEED(FEATURE_NESTED),
                           NULL },
    [USE_MIGRATION] = { "migration", "moving guests with their devices",
                        NEED(FEATURE_SCALABLE) | NEED(FEATURE_SECOND_STAGE) | NEED(FEATURE_DIRTY),
                        NULL },
};

/* ---- decoding -------------------------------------------------------------------------------- */

static uint64_t bit(bool is_set, enum feature feature)
{
    return is_set ? NEED(feature) : 0;
}

static bool raw(uint64_t value, unsigned position)
{
    return (value >> position & 1) != 0;
}

static uint64_t used_features(const struct udmar_unit_facts *facts)
{
    return bit(facts->widths != 0, FEATURE_TRANSLATION) |
           bit((facts->superpages & UDMAR_SUPERPAGE_2M) != 0, FEATURE_SUPERPAGE_2M) |
           bit((facts->superpages & UDMAR_SUPERPAGE_1G) != 0, FEATURE_SUPERPAGE_1G) |
           bit(facts->pass_through, FEATURE_PASS_THROUGH) | bit(facts->queued, FEATURE_QUEUE) |
           bit(facts->registers, FEATURE_REGISTERS) |
           bit(facts->page_selective, FEATURE_PAGE_SELECTIVE) |
           bit(facts->coherent, FEATURE_COHERENT) | bit(facts->snoop_control, FEATURE_SNOOP) |
           bit(facts->drain_read && facts->drain_write, FEATURE_DRAIN) |
           bit(facts->root_flushes, FEATURE_SELF_FLUSH) |
           bit(!facts->write_buffer, FEATURE_NO_WRITE_BUFFER) |
           bit(!facts->caching_mode, FEATURE_NO_CACHING_MODE) |
           bit(facts->interrupt_remap, FEATURE_INTERRUPTS) |
           bit(facts->extended_ids, FEATURE_EXTENDED_IDS) |
           bit(facts->protected_low || facts->protected_high, FEATURE_PROTECTED) |
           bit(facts->device_tlb, FEATURE_DEVICE_TLB) | bit(facts->scalable, FEATURE_SCALABLE);
}

/* Of old units some of these bits mean other things, but only with scalable mode they count. */
static uint64_t other_features(const struct udmar_unit_facts *facts)
{
    bool scalable = facts->scalable;
    uint64_t ecap = facts->ecap;

    return bit(facts->interrupt_remap && facts->posted, FEATURE_POSTED) |
           bit(facts->device_tlb && raw(ecap, ECAP_PAGE_REQUESTS), FEATURE_PAGE_REQUESTS) |
           bit(scalable && raw(ecap, ECAP_PASID), FEATURE_PASID) |
           bit(scalable && raw(ecap, ECAP_FIRST_STAGE), FEATURE_FIRST_STAGE) |
           bit(scalable && raw(ecap, ECAP_SECOND_STAGE), FEATURE_SECOND_STAGE) |
           bit(scalable && raw(ecap, ECAP_NESTED), FEATURE_NESTED) |
           bit(scalable && raw(ecap, ECAP_DIRTY), FEATURE_DIRTY) |
           bit(raw(ecap, ECAP_ABORT), FEATURE_ABORT) |
           bit(raw(ecap, ECAP_COUNTERS), FEATURE_COUNTERS);
}

void unit_report_make(const struct unit_registers *registers, struct unit_report *out_report)
{
    *out_report = (struct unit_report){ .registers = registers };
    out_report->status = udmar_unit_decode(registers->version, registers->cap, registers->ecap,
                                           &out_report->facts, &out_report->reason);
    /* Registers that contradict themselves are decoded all the same, but not to be relied on. */
    if (out_report->status == UDMAR_OK || out_report->status == UDMAR_ERR_UNSUPPORTED)
        out_report->features =
            used_features(&out_report->facts) | other_features(&out_report->facts);
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *feature_key(enum feature feature)
{
    return words[feature].key;
}

const char *feature_name(enum feature feature)
{
    return words[feature].name;
}

static const char *translation_text(const struct udmar_unit_facts *facts, char buffer[120])
{
    char size[24] = "16 EiB";
    int used = snprintf(buffer, 120, "addresses below %s; tables of",
                        facts->guest_width < 64 ? size_text(UINT64_C(1) << facts->guest_width, size)
                                                : size);

    for (unsigned i = 0; i < 4; i++) {
        if ((facts->widths >> i & 1) != 0)
            used += snprintf(buffer + used, (size_t)(120 - used), "%s %u",
                             (facts->widths & ((1u << i) - 1)) != 0 ? "," : "", 30 + 9 * i);
    }
    snprintf(buffer + used, (size_t)(120 - used), " bits; %u domains", facts->domain_ids);
    return buffer;
}

const char *feature_text(const struct unit_report *report, enum feature feature, char buffer[120])
{
    const struct udmar_unit_facts *facts = &report->facts;
    char size[24];

    if ((report->features & NEED(feature)) == 0)
        return words[feature].without != NULL ? words[feature].without : "";
    switch (feature) {
    case FEATURE_TRANSLATION:
        return translation_text(facts, buffer);
    case FEATURE_PAGE_SELECTIVE:
        snprintf(buffer, 120, "up to %s at once",
                 size_text(UINT64_C(4096) << (facts->max_mask < 51 ? facts->max_mask : 51), size));
        return buffer;
    case FEATURE_PASID:
        snprintf(buffer, 120, "%u bits", (unsigned)(facts->ecap >> ECAP_PASID_SIZE & 31) + 1);
        return buffer;
    case FEATURE_FIRST_STAGE:
        snprintf(buffer, 120, "4%s levels%s",
                 raw(facts->cap, CAP_FIRST_STAGE_5LEVEL) ? " and 5" : "",
                 raw(facts->cap, CAP_FIRST_STAGE_1G) ? ", pages up to 1 GiB" : "");
        return buffer;
    case FEATURE_PROTECTED:
        return facts->protected_low && facts->protected_high ? "below and above 4 GiB"
               : facts->protected_low                        ? "below 4 GiB"
                                                             : "above 4 GiB";
    default:
        return "";
    }
}

const char *use_key(enum use use)
{
    return uses[use].key;
}

const char *use_name(enum use use)
{
    return uses[use].name;
}

const char *use_besides(enum use use)
{
    return uses[use].besides;
}

uint64_t use_missing(const struct unit_report *report, enum use use)
{
    return uses[use].needs & ~report->features;
}

bool feature_is_implied(uint64_t missing, enum feature feature)
{
    const uint64_t parts = NEED(FEATURE_PASID) | NEED(FEATURE_FIRST_STAGE) |
                           NEED(FEATURE_SECOND_STAGE) | NEED(FEATURE_NESTED) | NEED(FEATURE_DIRTY);

    return (missing & NEED(FEATURE_SCALABLE)) != 0 && (parts & NEED(feature)) != 0;
}
