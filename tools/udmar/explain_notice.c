/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of DMAR drivers that are no faults: what they mean and what to do.
 */
#include "explain_text.h"

#include <string.h>

enum { NOTICE_LIMIT = 500 };

/* The first that matches counts, so the more specific ones stand first. */
static const struct notice_text notices[] = {
    { "rmrr-refused",
      { "ineligible for IOMMU domain attach due to platform RMRR" },
      true,
      "The device cannot be given to a guest: firmware has reserved memory for it (an RMRR), "
      "which it may go on using at any time, and a guest's address space cannot hold that promise.",
      "See which region it is with udmar table (RMRR of this device). HP/HPE: disable shared "
      "memory (HPSUM/conrep, \"Shared Memory\") for the slot. Dell and others: firmware update, or "
      "switch off what uses the device before the system starts. Patched kernels that skip the "
      "check let firmware write into the guest." },
    { "rmrr-refused",
      { "Firmware has requested this device have a 1:1 IOMMU mapping" },
      true,
      "The device cannot be given to a guest or a user: firmware has reserved memory for it (an "
      "RMRR) that must stay mapped one to one.",
      "As for the RMRR message of older kernels: find the region with udmar table, switch off in "
      "the firmware setup what uses it, or keep the device on the host." },
    { "rmrr-not-reserved",
      { "No firmware reserved region can cover this RMRR" },
      true,
      "An RMRR names memory that the memory map does not mark as reserved: the kernel may use it "
      "for something else while firmware tells a device to write there.",
      "A firmware bug: update it. Until then mark the region with memmap=SIZE$START on the "
      "command line if data gets damaged." },
    { "rmrr-broken",
      { "RMRR", "broken" },
      true,
      "An RMRR has impossible addresses or devices; the kernel corrects or ignores it.",
      "udmar table --check shows the entry. Update the firmware." },
    { "rmrr-broken",
      { "RMRR", "ends before it starts" },
      true,
      "An RMRR ends before it begins; the kernel ignores it.",
      "udmar table --check shows the entry. Update the firmware." },
    { "unit-all-ones",
      { "DMAR reported at address", "returns all ones" },
      true,
      "Firmware lists a remapping unit where nothing answers: it is switched off, or the address "
      "is wrong. The kernel goes without this unit.",
      "Check that VT-d is on in the firmware setup; update the firmware. Devices of this unit are "
      "not translated and not protected." },
    { "unit-at-zero",
      { "DMAR reported at address zero" },
      true,
      "Firmware lists a remapping unit at address 0.",
      "Switch VT-d on in the firmware setup, or update the firmware." },
    { "acpi-handle",
      { "Failed to find handle for ACPI object" },
      true,
      "The DMAR table names an ACPI device that the firmware's own ACPI tables do not have. Only "
      "that device's DMA is concerned.",
      "Harmless unless the device (often an I2C, UART or SPI controller) does DMA and faults. "
      "udmar table lists the names (ANDD); firmware bug." },
    { "scope-mismatch",
      { "Device scope type does not match" },
      true,
      "The DMAR table calls a device a bridge that is none, or the other way round.",
      "Firmware bug; the kernel goes by the device. udmar table --lspci shows the scope." },
    { "queue-error",
      { "Invalidation Queue Error" },
      true,
      "A unit does not accept an entry of its invalidation queue and has stopped: nothing that "
      "is unmapped from now on is safe until the driver repairs the queue.",
      "A driver bug or overwritten memory if it happens once; the reason code in the message says "
      "more. Report it with the descriptor that the kernel prints." },
    { "device-tlb-timeout",
      { "Invalidation Time-out Error" },
      true,
      "A device with a TLB of its own (ATS) did not answer an invalidation: it hangs, was "
      "removed, or was reset while ATS was on.",
      "The SID in the message is the device. Boot with pci=noats as a test; machines that hang "
      "here usually have a dead GPU or accelerator." },
    { "device-tlb-completion",
      { "Invalidation Completion Error" },
      true,
      "A device answered an invalidation of its TLB (ATS) wrongly or twice.",
      "The SID in the message is the device; boot with pci=noats as a test." },
    { "pte-already-set",
      { "DMA PTE for vPFN", "already set" },
      true,
      "The kernel mapped an address that was still mapped: its own bookkeeping is wrong, often "
      "after an unmap with another size than the map.",
      "A driver bug; the lines that follow show the caller. Do not trust the machine's memory "
      "until it is rebooted." },
    { "iova-exhausted",
      { "iova", "failed", "llocating" },
      true,
      "The device's address space is full: no DMA address was left for a buffer.",
      "A driver that leaks mappings (look at its count over time), or one with a 32-bit DMA mask "
      "and very many buffers." },
    { "ir-bios-enabled-erratum",
      { "enabled interrupt remapping", "erratum" },
      true,
      "Firmware has switched on interrupt remapping on a chipset where it is broken (5500, 5520, "
      "X58). The kernel leaves it off.",
      "Update the firmware. Guests with passed-through devices are less isolated without it." },
    { "ir-x2apic-opt-out",
      { "x2apic opt out" },
      false,
      "Firmware asks the kernel not to use x2APIC mode.",
      "Only with more than 255 CPUs a problem; intremap=no_x2apic_optout overrules it." },
    { "ir-unsafe",
      { "No interrupt remapping support" },
      true,
      "Without interrupt remapping a guest could inject any interrupt into the host, so VFIO "
      "refuses the device.",
      "Switch VT-d interrupt remapping on (firmware setup; no intremap=off). "
      "allow_unsafe_interrupts=1 only where guests are trusted." },
    { "ir-failed",
      { "Failed to enable irq remapping" },
      true,
      "Interrupt remapping could not be switched on: interrupts are not isolated, and x2APIC may "
      "be off.",
      "Look at the lines before it; a wrong I/O APIC or HPET scope in the table is the usual "
      "reason (udmar table --check)." },
    { "ir-ioapic-missing",
      { "ioapic", "has no mapping iommu" },
      true,
      "An I/O APIC stands in no unit's scope, so interrupt remapping is switched off for the "
      "whole machine.",
      "A firmware bug: update it; intremap=nosid is of no help here." },
    { "translation-left-on",
      { "Translation was enabled for", "not in kdump" },
      true,
      "Translation was already on when the kernel came: firmware or a boot loader left it so. The "
      "kernel switches it off first; faults at that moment come from devices that were working.",
      "Harmless. Pre-boot DMA protection in the firmware setup does this." },
    { "translation-inherited",
      { "translation pre-enabled" },
      false,
      "This kernel found translation switched on by the one before it (kdump) and goes on with "
      "its tables.",
      "Faults of devices that nobody has reset yet are normal now." },
    { "igfx-disabled",
      { "isabling IOMMU for graphics" },
      false,
      "The graphics device is not translated on this chipset (known defect): its DMA is not "
      "protected.",
      "Nothing to do; it is on purpose." },
    { "igfx-no-gtt",
      { "no shadow GTT" },
      false,
      "Firmware gave the graphics no memory for its translated page table; the kernel leaves the "
      "graphics untranslated.",
      "A setting of the firmware (VT-d with graphics memory), or live with it." },
    { "write-buffer",
      { "Forcing write-buffer flush" },
      false,
      "The chipset needs a flush that it does not announce; the kernel does it.",
      "Nothing to do." },
    { "agaw",
      { "Cannot get a valid agaw" },
      true,
      "A unit supports no page-table depth that the kernel can use (often a unit that is off, or "
      "whose register block reads as 0 or all ones).",
      "udmar unit shows CAP.SAGAW. Firmware update, or the kernel lacks a mode of this unit." },
    { "no-dmar",
      { "No DMAR devices found" },
      true,
      "There is no usable DMAR table: VT-d is off in the firmware setup, or the machine has none.",
      "Switch on VT-d (often called \"Intel Virtualization Technology for Directed I/O\")." },
    { "bad-checksum",
      { "DMAR", "ncorrect checksum" },
      true,
      "The DMAR table's checksum is wrong: it was damaged or edited.",
      "udmar table --check; update the firmware." },
    { "freebsd-rmrr",
      { "DMAR", "BIOS bug", "RMRR" },
      true,
      "An RMRR was corrected: its bounds make no sense as they are.",
      "udmar table --check shows the entry; update the firmware." },
    { "firmware-bug",
      { "Your BIOS is broken" },
      true,
      "The kernel found a defect in the firmware's DMAR table.",
      "udmar table --check names it. Update the firmware." },
    { "firmware-bug",
      { "DMAR", "[Firmware Bug]" },
      true,
      "The kernel found a defect in the firmware's DMAR table.",
      "udmar table --check names it. Update the firmware." },
};

static bool matches(const struct notice_text *text, const char *message)
{
    for (size_t i = 0; i < 3 && text->needles[i] != NULL; i++) {
        if (strstr(message, text->needles[i]) == NULL)
            return false;
    }
    return true;
}

/* The first full PCI address in the message. */
static bool find_address(const char *message, uint16_t *segment, udmar_rid_t *rid)
{
    for (const char *at = message; *at != '\0'; at++) {
        if ((at == message || at[-1] == ' ' || at[-1] == '[') && strcspn(at, ":") <= 4 &&
            scan_device(at, segment, rid) != NULL)
            return true;
    }
    return false;
}

static bool same_words(const struct log_notice *notice, const char *message)
{
    return strncmp(notice->words, message, sizeof(notice->words) - 1) == 0;
}

void line_notice(struct log *log, const char *message, const struct log_time *time, size_t number)
{
    const struct notice_text *text = NULL;
    struct log_notice *notice;

    for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]) && text == NULL; i++) {
        if (matches(&notices[i], message))
            text = &notices[i];
    }
    if (text == NULL)
        return;
    for (size_t i = 0; i < log->notice_count; i++) {
        notice = &log->notices[i];
        if (notice->text == text && same_words(notice, message)) {
            notice->count++;
            notice->last = *time;
            return;
        }
    }
    if (log->notice_count == NOTICE_LIMIT) {
        log->dropped++;
        return;
    }
    if (log->notices == NULL)
        log->notices = allocate(NOTICE_LIMIT, sizeof(log->notices[0]));
    notice = &log->notices[log->notice_count++];
    notice->text = text;
    notice->line = number;
    notice->count = 1;
    notice->first = notice->last = *time;
    notice->has_device = find_address(message, &notice->segment, &notice->rid);
    snprintf(notice->words, sizeof(notice->words), "%.*s", (int)sizeof(notice->words) - 1, message);
}
