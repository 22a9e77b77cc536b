/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of DMAR drivers that are no faults: what they mean and what to do.
 */
#include "explain_scan.h"
#include "explain_text.h"

#include <string.h>

/* ---- what words alone do not tell ----------------------------------------------------------- */

/* Registers that read as all ones: the unit does not answer, and no field means anything. */
static bool all_ones(const struct log *log, const char *low)
{
    const char *at = scan_label(low, "sid");

    (void)log;
    if (at != NULL)
        return strncmp(at + strspn(at, " :=0x"), "ffff", 4) == 0;
    at = scan_label(low, "invalidation queue error: reason");
    return at != NULL && strncmp(at + strspn(at, " :=0x"), "f", 1) == 0;
}

/*
 * "DMA PTE for vPFN 0xf1f7e already set (to f1f7e003 not 173025001)": the entry leads to the page
 * of its own number, as only a one-to-one mapping does.
 */
static bool one_to_one(const struct log *log, const char *low)
{
    const char *at = scan_label(low, "vpfn"), *to = scan_label(low, "already set (to");
    uint64_t page, entry;

    (void)log;
    return at != NULL && to != NULL && scan_hex(at + strspn(at, " "), &page) != NULL &&
           scan_hex(to + strspn(to, " "), &entry) != NULL &&
           (entry & UINT64_C(0xffffffffff000)) >> 12 == page;
}

/* Bits of the fault status register: 4 the queue, 5 a completion, 6 a time-out [VTD 11.4.7.1]. */
static bool status_has(const char *low, unsigned bit)
{
    const char *at = scan_label(low, "handling fault status reg*");
    uint64_t value;

    return at != NULL && scan_hex(at + strspn(at, " :="), &value) != NULL &&
           (value >> bit & 1) != 0;
}

static bool status_timeout(const struct log *log, const char *low)
{
    (void)log;
    return status_has(low, 6);
}

static bool status_queue(const struct log *log, const char *low)
{
    (void)log;
    return status_has(low, 4);
}

static bool status_completion(const struct log *log, const char *low)
{
    (void)log;
    return status_has(low, 5);
}

/* The RMRR in brackets overlaps what the memory map calls usable: the kernel uses that memory. */
static bool in_ram(const struct log *log, const char *low)
{
    const char *at = strstr(low, "[0x");
    uint64_t first, last;

    if (at == NULL || (at = scan_hex(at + 1, &first)) == NULL || *at != '-' ||
        scan_hex(at + 1, &last) == NULL)
        return false;
    for (size_t i = 0; i < log->range_count; i++) {
        if (log->ranges[i].kind == RANGE_RAM && log->ranges[i].first <= last &&
            first <= log->ranges[i].last)
            return true;
    }
    return false;
}

/* ---- the messages --------------------------------------------------------------------------- */

/* The first that matches counts, so the more specific ones stand first. */
const struct notice_text notice_texts[] = {
    /* RMRRs. */
    { "rmrr-refused",
      { "ineligible for iommu domain attach due to platform rmrr" },
      true,
      "The device cannot be given to a guest: firmware has reserved memory for it (an RMRR), "
      "which it may go on using at any time, and a guest's address space cannot hold that promise.",
      "See which region it is with udmar table (RMRR of this device). HP/HPE: disable shared "
      "memory (HPSUM/conrep, \"Shared Memory\") for the slot. Dell and others: firmware update, or "
      "switch off what uses the device before the system starts. Patched kernels that skip the "
      "check let firmware write into the guest.",
      NULL },
    { "rmrr-refused",
      { "firmware has requested this device have a 1:1 iommu mapping" },
      true,
      "The device cannot be given to a guest or a user: firmware has reserved memory for it (an "
      "RMRR) that must stay mapped one to one.",
      "As for the RMRR message of older kernels: find the region with udmar table, switch off in "
      "the firmware setup what uses it, or keep the device on the host.",
      NULL },
    { "rmrr-refused",
      { "disallowed to assign", "shared rmrr" },
      true,
      "Xen does not give the device to a guest: firmware has reserved memory (an RMRR) for it and "
      "other devices together.",
      "rdm_policy=relaxed in the guest's configuration allows it where firmware uses the region "
      "only "
      "before the system starts (USB controllers); otherwise keep the device on the host.",
      NULL },
    { "rmrr-path",
      { "rmrr entry for device", "is broken" },
      false,
      "An RMRR names its device by the bus it is on instead of by the way from the root: a common "
      "defect of firmware. The kernel understands it and maps the region.",
      "Nothing to do. udmar table --check shows the entry.",
      NULL },
    { "rmrr-in-ram",
      { "no firmware reserved region can cover this rmrr" },
      true,
      "An RMRR names memory that the memory map calls usable: the kernel uses it for something "
      "else "
      "while firmware has a device read and write there.",
      "A firmware bug that can damage data: update it. Until then keep the kernel off the region "
      "with memmap=SIZE$START on the command line.",
      in_ram },
    { "rmrr-not-reserved",
      { "no firmware reserved region can cover this rmrr" },
      true,
      "The firmware declares this region for a device (usually graphics memory, or USB) and does "
      "not "
      "mark it in the memory map. No RAM is there in practice, so nothing gets damaged: the kernel "
      "notes the defect (taint) and goes on.",
      "Harmless unless that device misbehaves. A firmware update mends the table; check that the "
      "region is not \"usable\" in the BIOS-e820 lines: if it is, keep the kernel off it with "
      "memmap=SIZE$START.",
      NULL },
    { "rmrr-odd",
      { "bad rmrr" },
      true,
      "The kernel finds that an RMRR fails its check: the region is not reserved in the memory "
      "map, "
      "or its bounds are no whole pages. It says so, taints itself, and (since Linux 5.5) maps the "
      "region all the same, as firmware wants it.",
      "Harmless in practice where the region lies outside of RAM (graphics memory). udmar table "
      "--check shows which of the two it is; a firmware update mends it.",
      NULL },
    { "rmrr-broken",
      { "rmrr", "ends before it starts" },
      true,
      "An RMRR ends before it begins; the kernel ignores it.",
      "udmar table --check shows the entry. Update the firmware.",
      NULL },
    { "freebsd-rmrr",
      { "bios bug", "rmrr region", "corrected" },
      true,
      "FreeBSD found an RMRR that is empty (its end lies before or at its start) and made it 32 "
      "pages long, which is what such firmware means.",
      "Harmless; the region is mapped for the device. udmar table --check shows the entry; a "
      "firmware update mends it.",
      NULL },
    { "rmrr-outside",
      { "rmrr", "not in reserved memory" },
      true,
      "Xen: an RMRR is not marked as reserved in the memory map.",
      "Harmless where no RAM is there. A firmware update mends it.",
      NULL },

    /* Units that are not there. */
    { "unit-at-zero",
      { "dmar reported at address", "0!" },
      true,
      "Firmware lists a remapping unit at address 0: a defect of its DMAR table. Where it is the "
      "unit for all other devices, the kernel refuses the whole table.",
      "Update the firmware, or switch VT-d on in its setup. udmar table --check shows the unit.",
      NULL },
    { "unit-at-zero",
      { "dmar reported at address zero" },
      true,
      "Firmware lists a remapping unit at address 0: a defect of its DMAR table.",
      "Switch VT-d on in the firmware setup, or update the firmware.",
      NULL },
    { "unit-at-zero",
      { "drhd base: 0x00000000000000 " },
      true,
      "A remapping unit (DRHD) of the DMAR table has base address 0: a defect of the firmware. "
      "With "
      "flags 0x1 it is the unit for all other devices, and the kernel refuses the whole table: no "
      "DMA remapping and no interrupt remapping.",
      "Update the firmware. udmar table --check shows the entry.",
      NULL },
    { "unit-all-ones",
      { "dmar reported at address", "returns all ones" },
      true,
      "Firmware lists a remapping unit where nothing answers: it is switched off, or the address "
      "is wrong. The kernel goes without this unit.",
      "Check that VT-d is on in the firmware setup; update the firmware. Devices of this unit are "
      "not translated and not protected.",
      NULL },
    { "table-refused",
      { "parse dmar table failure" },
      true,
      "The kernel refused the whole DMAR table because of an entry that it does not accept (look "
      "at "
      "the line before: often a DRHD with base 0): no DMA remapping, no interrupt remapping, no "
      "x2APIC.",
      "A firmware bug: update it. udmar table --check names the entry.",
      NULL },
    { "rhsa-unit",
      { "rhsa refers to non existent dmar unit" },
      true,
      "The table says on which memory node a unit is (RHSA), and there is no such unit.",
      "Harmless: only the placement of tables in memory is not as good. Firmware bug.",
      NULL },
    { "scope-missing",
      { "device scope device", "not found" },
      true,
      "The DMAR table names a device that is not there: switched off, hidden, or on another bus.",
      "Harmless. udmar table --lspci shows the scope.",
      NULL },
    { "scope-mismatch",
      { "device scope type does not match" },
      true,
      "The DMAR table calls a device a bridge that is none, or the other way round.",
      "Firmware bug; the kernel goes by the device. udmar table --lspci shows the scope.",
      NULL },
    { "acpi-handle",
      { "failed to find handle for acpi object" },
      true,
      "The DMAR table names an ACPI device that the firmware's own ACPI tables do not have. Only "
      "that device's DMA is concerned.",
      "Harmless unless the device (often an I2C, UART or SPI controller) does DMA and faults. "
      "udmar table lists the names (ANDD); firmware bug.",
      NULL },
    { "feature-differs",
      { "iommu feature", "inconsistent" },
      true,
      "The units of this machine differ in a feature, so the kernel uses it on none of them.",
      "Harmless; it may cost speed. udmar unit shows what each unit can do.",
      NULL },
    { "no-drhd",
      { "no drhd structure found in dmar table" },
      true,
      "The DMAR table lists no remapping unit.",
      "Switch VT-d on in the firmware setup, or update the firmware.",
      NULL },

    /* Invalidation. */
    { "unit-unreadable",
      { "vt d detected invalidation" },
      true,
      "The unit's registers read as all ones: they do not answer. Nothing is known of the queue or "
      "of any device. Either the unit is switched off or asleep, or something else took its "
      "addresses: a bridge window that a driver opened over them (seen with the VMD driver).",
      "Look at what was set up just before (bridge windows, VMD, power states). ATS has nothing to "
      "do with it: leave its switches alone.",
      all_ones },
    { "queue-error",
      { "invalidation queue error" },
      true,
      "A unit does not accept an entry of its invalidation queue and has stopped: nothing that "
      "is unmapped from now on is safe until the driver repairs the queue.",
      "A driver bug or overwritten memory if it happens once; the reason code in the message says "
      "more. Report it with the descriptor that the kernel prints.",
      NULL },
    { "queue-error",
      { "vt d detected invalid descriptor" },
      true,
      "A unit does not accept an entry of its invalidation queue and has stopped; the kernel "
      "replaces the entry.",
      "A driver bug or overwritten memory. Report it with the two words of the descriptor.",
      NULL },
    { "queue-error",
      { "handling fault status reg*" },
      true,
      "The fault status says that the unit stopped at an entry of its invalidation queue (IQE).",
      "A driver bug or overwritten memory; the lines that follow show the descriptor.",
      status_queue },
    { "device-tlb-timeout",
      { "invalidation time out error" },
      true,
      "A device with a TLB of its own (ATS) did not answer an invalidation: it hangs, was "
      "removed, or was reset while ATS was on.",
      "The device is the one named here: by the SID or, where that is 0, by the descriptor at the "
      "head of the queue. Look for a reset or hot plug of it just before; as a test on Linux (4.18 "
      "and later) pci=noats. Machines that hang here usually have a dead GPU or accelerator.",
      NULL },
    { "device-tlb-timeout",
      { "handling fault status reg*" },
      true,
      "The fault status says that a device with a TLB of its own (ATS) did not answer an "
      "invalidation in time (ITE).",
      "The lines that follow name the device. Look for a reset or hot plug of it just before.",
      status_timeout },
    { "device-tlb-timeout",
      { "flush timeout", "ats" },
      true,
      "Xen: a device with a TLB of its own (ATS) did not answer an invalidation; Xen takes it away "
      "from its guest.",
      "Look for a reset of the device just before; ats=0 as a test.",
      NULL },
    { "device-tlb-completion",
      { "invalidation completion error" },
      true,
      "A device answered an invalidation of its TLB (ATS) wrongly or twice.",
      "The SID in the message is the device. A bug of the device; as a test on Linux (4.18 and "
      "later) pci=noats.",
      NULL },
    { "device-tlb-completion",
      { "handling fault status reg*" },
      true,
      "The fault status says that a device answered an invalidation of its TLB (ATS) wrongly "
      "(ICE).",
      "The lines that follow name the device.",
      status_completion },
    { "wait-timeout",
      { "queue invalidate wait descriptor timed out" },
      true,
      "Xen: a unit did not come to the end of its invalidation queue in time.",
      "A device with ATS that hangs, or a unit that does. Look at what was reset just before.",
      NULL },
    { "invalidation-timeout",
      { "dmar*", "invalidation timed out" },
      true,
      "FreeBSD: a unit, or a device with ATS, did not finish an invalidation in time.",
      "Look at what was reset or removed just before.",
      NULL },
    /* Panics: the register that did not follow stands in the call trace. */
    { "unit-hangs-disable",
      { "iommu disable translation" },
      true,
      "The unit did not switch translation off when it was told to, so the kernel gave up. On Ice "
      "Lake, Tiger Lake and later the unit of the graphics cannot while the graphics sleeps (D3): "
      "a "
      "quirk of the hardware.",
      "Linux 5.9 and later leave that unit on (\"Skip IOMMU disabling for graphics\"; later "
      "kernels "
      "know more chips): a newer kernel.",
      NULL },
    { "unit-hangs-enable",
      { "iommu enable translation" },
      true,
      "The unit did not switch translation on when it was told to, so the kernel gave up. On "
      "recent "
      "clients the unit of the graphics cannot while the graphics sleeps (D3).",
      "A newer kernel; firmware update.",
      NULL },
    { "unit-hangs-queue",
      { "qi submit" },
      true,
      "The unit did not come to the end of its invalidation queue, so the kernel gave up: usually "
      "a "
      "device with ATS that does not answer.",
      "See the invalidation errors before it for the device.",
      NULL },
    { "unit-hangs",
      { "dmar hardware is malfunction*" },
      true,
      "A unit did not do in time what its command register told it, so the kernel gave up. The "
      "call "
      "trace says which command. Typical: the unit of the graphics while the graphics sleeps, or a "
      "unit whose registers do not answer.",
      "A newer kernel (quirks for graphics since 5.9) and firmware; look at the invalidation "
      "errors "
      "before it, if there are any.",
      NULL },
    { "panic-elsewhere",
      { "kernel panic not syncing:" },
      false,
      "The kernel stopped for a reason that is not DMA remapping: the one in the message.",
      "Look there first. Faults and messages about remapping before it are, as a rule, not why.",
      NULL },

    /* Mappings. */
    { "pte-identity",
      { "dma pte for vpfn", "already set" },
      true,
      "The kernel gave out an address where a one-to-one mapping lies (the entry there leads to "
      "the "
      "page of the same number): a reserved region (RMRR) that was not kept out of the address "
      "allocator, for example that of another device in the same group.",
      "A kernel bug: report it with the RMRR lines of the log. udmar table shows the RMRR and its "
      "devices. Data of the device may have gone to the wrong place.",
      one_to_one },
    { "pte-already-set",
      { "dma pte for vpfn", "already set" },
      true,
      "The kernel mapped an address that was still mapped: its own bookkeeping is wrong, often "
      "after an unmap with another size than the map.",
      "A driver bug; the lines that follow show the caller. Do not trust the machine's memory "
      "until it is rebooted.",
      NULL },
    { "unmatched-unmap",
      { "driver unmaps unmatched page" },
      true,
      "A driver unmapped an address that was never mapped: it uses physical addresses, or its own "
      "bookkeeping is wrong.",
      "The call trace names the driver.",
      NULL },
    { "iova-exhausted",
      { "allocating", "iova", "failed" },
      true,
      "The device's address space is full: no DMA address was left for a buffer.",
      "A driver that leaks mappings (look at its count over time), or one with a 32-bit DMA mask "
      "and very many buffers.",
      NULL },
    { "width-too-small",
      { "iommu width", "not sufficient for the mapped address" },
      true,
      "Somebody asked to map an address that this unit cannot translate: guests and VFIO programs "
      "with more memory or higher addresses than the unit's width (39 bits end at 512 GiB).",
      "Lower the guest's address bits (QEMU: host-phys-bits-limit=39), or move its 64-bit BARs "
      "down. udmar unit shows the width (MGAW).",
      NULL },
    { "no-default-domain",
      { "failed to allocate default domain" },
      true,
      "The kernel could not make an address space for a group of devices: out of domain ids or "
      "memory, or the unit cannot do what was asked.",
      "Its devices do not work with DMA remapping. Look at the lines around it.",
      NULL },
    { "bounce-full",
      { "swiotlb buffer is full" },
      true,
      "The pool for bounce buffers is full or was too small for one buffer: a device that cannot "
      "reach its memory directly gets its data copied. Not a fault of DMA remapping.",
      "swiotlb=SLOTS on Linux makes it larger; better: let the device be translated (not "
      "iommu=pt), "
      "which needs no copies.",
      NULL },
    { "mask-overflow",
      { "overflow 0x", "of dma mask" },
      true,
      "A buffer lies above what the device can address, and nothing translated or copied it: the "
      "driver's DMA mask is too small, or the device is not translated.",
      "With DMA remapping on for the device it goes away; otherwise a bug of the driver's mask.",
      NULL },
    { "map-failed",
      { "failed to dma map" },
      true,
      "A driver could not map a buffer for its device.",
      "Look for the reason in the lines before: address space full, mask too small, bounce pool "
      "full.",
      NULL },
    { "vfio-map-failed",
      { "vfio", "map dma", "fail*" },
      true,
      "A guest's memory could not be mapped for a device that was passed through.",
      "Limits of locked memory, an address beyond the unit's width, or too many mappings.",
      NULL },
    { "page-request-overflow",
      { "prq overflow" },
      true,
      "Devices asked for pages faster than the kernel answered; the unit dropped requests.",
      "Harmless if it is rare.",
      NULL },

    /* Interrupt remapping. */
    { "ir-bios-enabled-erratum",
      { "enabled interrupt remapping", "erratum" },
      true,
      "Firmware has switched on interrupt remapping on a chipset where it is broken (5500, 5520, "
      "X58). The kernel leaves it off.",
      "Update the firmware. Guests with passed-through devices are less isolated without it.",
      NULL },
    { "ir-x2apic-opt-out",
      { "x2apic opt out" },
      false,
      "Firmware asks the kernel not to use x2APIC mode.",
      "Only with more than 255 CPUs a problem; intremap=no_x2apic_optout (Linux) overrules it.",
      NULL },
    { "ir-unsafe",
      { "no interrupt remapping support" },
      true,
      "Without interrupt remapping a guest could inject any interrupt into the host, so VFIO "
      "refuses the device.",
      "Switch VT-d interrupt remapping on (firmware setup; no intremap=off). "
      "allow_unsafe_interrupts=1 only where guests are trusted.",
      NULL },
    { "ir-failed",
      { "failed to enable irq remapping" },
      true,
      "Interrupt remapping could not be switched on: interrupts are not isolated, and x2APIC may "
      "be off.",
      "Look at the lines before it; a wrong I/O APIC or HPET scope in the table is the usual "
      "reason (udmar table --check).",
      NULL },
    { "ir-ioapic-missing",
      { "ioapic", "has no mapping iommu" },
      true,
      "An I/O APIC stands in no unit's scope, so interrupt remapping is switched off for the "
      "whole machine.",
      "A firmware bug: update it; intremap=nosid is of no help here.",
      NULL },
    { "ir-off",
      { "not enabling interrupt remapping" },
      true,
      "Interrupt remapping stays off: the line before says why (an I/O APIC without a unit, a "
      "table "
      "that was refused, a unit that cannot).",
      "Guests with passed-through devices are less isolated. udmar table --check.",
      NULL },
    { "ir-queue",
      { "queued invalidation will be enabled to support x2apic" },
      false,
      "The kernel uses the invalidation queue because interrupt remapping needs it.",
      "Nothing to do.",
      NULL },
    { "ir-disabled-table",
      { "interrupt remapping", "not supported" },
      false,
      "This machine has no interrupt remapping, or its table does not say that it has.",
      "Guests with passed-through devices are less isolated without it.",
      NULL },

    /* Start-up. */
    { "translation-left-on",
      { "translation was enabled for", "not in kdump" },
      true,
      "Translation was already on when the kernel came: firmware or a boot loader left it so. The "
      "kernel switches it off first; faults at that moment come from devices that were working.",
      "Harmless. Pre-boot DMA protection in the firmware setup does this.",
      NULL },
    { "translation-inherited",
      { "translation pre enabled" },
      false,
      "This kernel found translation switched on by the one before it (kdump) and goes on with "
      "its tables.",
      "Faults of devices that nobody has reset yet are normal now.",
      NULL },
    { "copy-failed",
      { "failed to copy", "from previous kernel" },
      true,
      "A crash kernel could not take the tables of the kernel before it over: devices that still "
      "work fault until they are reset.",
      "Expected to end when the drivers have loaded.",
      NULL },
    { "igfx-no-gtt",
      { "no shadow gtt" },
      false,
      "Firmware gave the graphics no memory for its translated page table; the kernel leaves the "
      "graphics untranslated.",
      "A setting of the firmware (VT-d with graphics memory), or live with it.",
      NULL },
    { "igfx-disabled",
      { "disabling iommu for graphics" },
      false,
      "The graphics device is not translated on this chipset (known defect): its DMA is not "
      "protected.",
      "Nothing to do; it is on purpose.",
      NULL },
    { "write-buffer",
      { "forcing write buffer flush" },
      false,
      "The chipset needs a flush that it does not announce; the kernel does it.",
      "Nothing to do.",
      NULL },
    { "agaw",
      { "cannot get a valid agaw" },
      true,
      "A unit supports no page-table depth that the kernel can use (often a unit that is off, or "
      "whose register block reads as 0 or all ones).",
      "udmar unit shows CAP.SAGAW. Firmware update, or the kernel lacks a mode of this unit.",
      NULL },
    { "agaw",
      { "cannot get a valid max agaw" },
      true,
      "A unit supports no page-table depth that the kernel can use (often a unit that is off, or "
      "whose register block reads as 0 or all ones).",
      "udmar unit shows CAP.SAGAW. Firmware update, or the kernel lacks a mode of this unit.",
      NULL },
    { "no-dmar",
      { "no dmar devices found" },
      true,
      "There is no usable DMAR table: VT-d is off in the firmware setup, or the machine has none.",
      "Switch on VT-d (often called \"Intel Virtualization Technology for Directed I/O\").",
      NULL },
    { "bad-checksum",
      { "dmar", "incorrect checksum" },
      true,
      "The DMAR table's checksum is wrong: it was damaged or edited.",
      "udmar table --check; update the firmware.",
      NULL },
    { "amd",
      { "amd vi:", "event logged" },
      false,
      "This is a fault of AMD's IOMMU. This tool knows Intel VT-d only.",
      "Look the event up in AMD's IOMMU specification; device and address mean the same.",
      NULL },
    { "firmware-bug",
      { "your bios is broken" },
      true,
      "The kernel found a defect in the firmware's DMAR table.",
      "udmar table --check names it. Update the firmware.",
      NULL },
    { "firmware-bug",
      { "dmar*", "[firmware bug]" },
      true,
      "The kernel found a defect in the firmware's DMAR table.",
      "udmar table --check names it. Update the firmware.",
      NULL },
    { "firmware-bug",
      { "bios bug", "dmar*" },
      true,
      "The kernel found a defect in the firmware's DMAR table.",
      "udmar table --check names it. Update the firmware.",
      NULL },
};

const size_t notice_text_count = sizeof(notice_texts) / sizeof(notice_texts[0]);
