/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Causes of faults before a page is reached: there is no table for the device, an entry is wrong,
 * or an interrupt is not taken. How weights are chosen stands in explain_causes.c.
 */
#include "explain_text.h"

const struct cause table_causes[] = {
    /* No table for the device. */
    { "no-root-early",
      { R_NO_ROOT, S_EARLY },
      { D_IGFX, S_KDUMP },
      85,
      "the device worked at the moment translation was switched on, before its driver was there: "
      "firmware left it running",
      "Harmless if it ends when the driver has loaded. Firmware should stop devices at hand-over: "
      "update it.",
      0 },
    { "no-root",
      { R_NO_ROOT },
      { S_EARLY, S_KDUMP },
      70,
      "no device of that bus has been set up: a hidden device, a bridge whose bus numbers "
      "changed, or a device that was removed",
      "Compare the bus number with lspci -t; a bus that is not there points to a bridge that uses "
      "an id of its own.",
      0 },
    /* Behind a PCIe-to-PCI bridge all requests carry xx:00.0 of the bridge's bus. */
    { "bridge-alias",
      { R_NO_CONTEXT, D_FIRST, D_NEIGHBOURS },
      { S_KDUMP },
      97,
      "@ is the id that a PCIe-to-PCI bridge puts on everything behind it, and the log shows a "
      "device there: the kernel set a table up for the device, and none for the bridge's id",
      "A newer kernel (DMA aliases of bridges). Look with lspci -t what is behind the bridge: all "
      "of "
      "it shares one domain.",
      OPTION_PASS_THROUGH },
    { "phantom-function",
      { R_NO_CONTEXT, D_UNLISTED, D_SIBLING },
      { D_BUS0, D_HPET, D_IOAPIC },
      96,
      "requests come from a function that does not exist, in the slot of one that does: the "
      "device uses a wrong or phantom function number",
      "Known of Marvell 88SE9xxx, JMicron and Ricoh controllers. Linux has a list of them (DMA "
      "alias quirks): a newer kernel, or report the device for the list.",
      0 },
    { "known-alias",
      { R_NO_CONTEXT, D_ALIAS },
      { S_KDUMP },
      95,
      "this controller is known to send requests with a wrong function number",
      "A newer kernel with the DMA alias quirk for it.",
      0 },
    /* An address that the DMA interface made belongs to a device that has a table. */
    { "alias-id",
      { R_NO_CONTEXT, A_IOVA, OS_LINUX },
      { D_DRIVER, D_VFIO, S_KDUMP, D_SIBLING, D_NEIGHBOURS },
      91,
      "the address is one that the kernel made, so a driver mapped it, though for another id: @ is "
      "an alias under which that device sends (a proxy id of an NTB or a switch, a phantom "
      "function, a bridge) and the kernel does not know it",
      "Find the device that it stands for (lspci -t). Linux has a list of such ids (DMA alias "
      "quirks): a newer kernel, or report the device for the list.",
      0 },
    { "bridge-first-id",
      { R_NO_CONTEXT, D_UNLISTED, D_FIRST },
      { D_SIBLING, D_NEIGHBOURS, S_KDUMP },
      86,
      "device 00.0 of that bus is the id that a PCIe-to-PCI bridge puts on what is behind it: an "
      "older PCI device behind a bridge that the kernel did not see through",
      "Look with lspci -t what is behind the bridge of that bus; all of it shares one domain.",
      0 },
    { "hidden-function",
      { R_NO_CONTEXT, D_UNLISTED, D_BUS0 },
      { D_HPET, D_IOAPIC, D_HIDDEN_ME },
      85,
      "requests come from a function of the chipset that firmware hides from the bus",
      "Harmless as a rule: it is stopped. Look for the part in the firmware setup; update the "
      "firmware.",
      0 },
    { "unlisted-device",
      { R_NO_CONTEXT, D_UNLISTED },
      { D_BUS0, D_SIBLING, D_FIRST, S_KDUMP },
      80,
      "requests come from a device that the kernel has never seen: hidden by firmware, or an alias "
      "of another one",
      "Compare with lspci; enable or disable hidden devices in the firmware setup.",
      0 },
    { "no-context-early",
      { R_NO_CONTEXT, S_EARLY },
      { D_UNLISTED, S_KDUMP, A_RMRR, D_SWITCHED },
      82,
      "the device worked before its driver attached it: firmware left it running",
      "Harmless if it ends when the driver has loaded; otherwise switch off its boot support.",
      0 },
    { "between-owners",
      { R_NO_CONTEXT, D_VFIO },
      { 0 },
      84,
      "the device was between two owners (host and guest) and did not stop working",
      "Unbind the driver first, then start the guest; look for a working reset of the device.",
      0 },
    /* FreeBSD makes a table for a device when its driver first asks for DMA, and none before. */
    { "freebsd-no-driver",
      { R_NO_CONTEXT, OS_FREEBSD },
      { D_HPET, D_IOAPIC, D_HIDDEN_ME, A_RMRR },
      83,
      "no driver has asked for DMA for @ (FreeBSD makes a device's table only then), and the "
      "device "
      "is active: firmware left it running, or it is the alias of another device",
      "Harmless if the device works once its driver is there. Otherwise switch off its boot "
      "support, "
      "or compare the id with pciconf -lv.",
      0 },
    { "removed",
      { R_NO_CONTEXT, D_REMOVED },
      { 0 },
      88,
      "the device was unplugged or its link went down, and what it had under way came afterwards",
      "Harmless. If it was not unplugged: look for the reason of the link's going down.",
      0 },
    { "detached",
      { R_NO_CONTEXT },
      { S_EARLY, D_UNLISTED, S_KDUMP, D_HPET, D_IOAPIC, D_HIDDEN_ME },
      65,
      "the device is detached or blocked, and still active: its driver was unloaded, it was "
      "unplugged, or it failed to get a domain",
      "Look for messages about @ before the first fault.",
      0 },

    /* Entries that are wrong. */
    { "bad-entry",
      { R_BAD_ENTRY },
      { 0 },
      80,
      "the driver wrote an entry that this unit does not support (address width, translation "
      "type, domain id), or memory was overwritten",
      "udmar unit shows what the unit can do; udmar walk shows the entry.",
      OPTION_LEGACY_MODE },
    /* A mapping that begins on a 2 MiB boundary is one large entry where the unit announces them.
     */
    { "large-page",
      { R_LEAF_BITS, A_LARGE },
      { 0 },
      88,
      "the mapping begins where a page of 2 MiB does: the unit (or another one of the domain) does "
      "not take the large page that it announces (CAP.SLLPS), by an erratum or because the units "
      "of "
      "this machine differ",
      "udmar unit shows what each unit announces.",
      OPTION_SMALL_PAGES },
    { "reserved-bits",
      { R_RESERVED },
      { R_IR },
      80,
      "an entry has bits set that must be 0: overwritten memory, a driver that uses a feature "
      "the unit lacks (snoop control, large pages), or an address beyond the machine's width",
      "udmar walk shows the entry, with --cap and --ecap also features. Suspect wild writes and "
      "bad memory if the entry makes no sense at all.",
      0 },
    { "table-read",
      { R_TABLE_READ },
      { R_IR },
      80,
      "the unit could not read its tables: the pointer leads out of memory (overwritten or freed "
      "table), or memory has an uncorrectable error",
      "Look for machine-check and EDAC messages; udmar walk shows which pointer is wrong.",
      0 },
    { "too-high",
      { R_TOO_HIGH },
      { A_POISON, A_KERNEL },
      80,
      "the address has more bits than the unit or the domain translates: garbage in a "
      "descriptor, or a driver that assumes a wider address space",
      "39-bit units end at 512 GiB: look at MGAW with udmar unit, and at the DMA mask of the "
      "driver.",
      0 },
    { "ats",
      { R_ATS },
      { 0 },
      85,
      "the device sends translated or translation requests (ATS) though ATS is not enabled for "
      "it: its ATS state and the tables do not agree",
      "Look for a device reset or hot plug before it.",
      OPTION_NO_ATS },
    { "pasid",
      { R_PASID },
      { 0 },
      80,
      "the request carries a PASID that is not set up (any more): the process that owned it has "
      "gone, or the device was started before the bind",
      "Look at the accelerator's user (dsa, iaa, uacce, GPU): work must be drained before the "
      "PASID is freed.",
      0 },
    { "to-interrupt-range",
      { R_TO_MSI },
      { 0 },
      85,
      "a mapping leads into the interrupt range 0xfee00000-0xfeefffff, which no DMA may reach",
      "The owner of the domain mapped MSI addresses as memory (typical of a guest's or VFIO "
      "user's mapping of the whole address space): leave that range out.",
      0 },
    { "abort-dma",
      { R_ABORT },
      { 0 },
      85,
      "the unit blocks everything on purpose: boot-time DMA protection, or a kernel going down",
      "Expected before the kernel sets the unit up. Otherwise look who set RTADDR.",
      0 },

    /* Interrupts. */
    { "ir-old-kernel",
      { R_IR_ABSENT, S_OLD },
      { D_IOAPIC, D_HPET },
      90,
      "the log is from Linux 2.6 or 3.0: kernels before 2.6.38 freed and rewrote remapping entries "
      "while interrupts were on their way",
      "A newer kernel (2.6.38 or later).",
      0 },
    { "ir-source",
      { R_IR_SOURCE },
      { D_IOAPIC, D_HPET },
      85,
      "the interrupt comes with another requester id than the entry allows: a device with "
      "aliases, or behind a bridge that changes ids",
      "Compare the id with lspci -t; a newer kernel may know the alias.",
      OPTION_NO_SOURCE_CHECK },
    { "ir-source-unlisted",
      { R_IR_SOURCE, D_UNLISTED },
      { D_IOAPIC, D_HPET },
      90,
      "the interrupt comes from an id where no device is: the HPET or I/O APIC with an id that "
      "the firmware's table gives wrong, or a device with an alias",
      "Compare with the I/O APIC and HPET scopes that udmar table prints; a wrong one is a "
      "firmware bug.",
      0 },
    { "ir-absent",
      { R_IR_ABSENT },
      { D_IOAPIC, D_HPET, S_OLD },
      82,
      "an interrupt whose entry was already taken away (or never made): it was on its way while "
      "the driver let go of it, or the device was not stopped",
      "Single ones at driver unload or CPU hot plug are harmless; many mean a device that still "
      "fires, or one that remembers an MSI of an earlier kernel.",
      0 },
    { "ir-beyond",
      { R_IR_BEYOND },
      { S_OLD },
      87,
      "the message names an entry behind the end of the table: an MSI register with garbage in it, "
      "or with what an earlier kernel with a larger table had put there",
      "Look whether the device was reset, or came up, without its driver setting its interrupts up "
      "again.",
      0 },
    { "ir-entry",
      { R_IR, R_TABLE_READ },
      { R_IR_POSTED },
      85,
      "the unit could not read the interrupt's entry: the table has been freed or overwritten, or "
      "memory has an uncorrectable error",
      "Look for machine-check and EDAC messages; udmar dump --irta shows the table in an image of "
      "memory.",
      0 },
    { "ir-entry-bits",
      { R_IR, R_RESERVED },
      { R_IR_POSTED },
      85,
      "the interrupt's entry has bits set that must be 0: overwritten memory, or a kernel that "
      "uses "
      "what the unit lacks (32-bit APIC ids without EIM, posted interrupts without PI)",
      "udmar dump --irta shows the entry in an image of memory, udmar unit what the unit can do.",
      0 },
    { "ir-posted",
      { R_IR_POSTED },
      { 0 },
      87,
      "the interrupt is posted to a guest, and its descriptor cannot be reached or is malformed: "
      "the guest's memory was freed while the device could still fire, or was overwritten",
      "Look whether a guest with that device had just ended; a newer kernel or hypervisor.",
      OPTION_NO_POSTING },
    /* Linux's VMD driver hands interrupts of its children past its own remapping. */
    { "vmd",
      { R_IR_COMPAT, D_VMD },
      { 0 },
      96,
      "@ is an Intel VMD controller: Linux switched its remapping of the children's interrupts "
      "off, "
      "and they now come in the old format, which the unit blocks",
      "A newer kernel (5.16 or later keeps it on where interrupt remapping is on), or VMD off in "
      "the firmware setup.",
      0 },
    { "vmd-child",
      { R_IR_COMPAT, D_VMD_CHILD },
      { D_VMD, S_RESUME },
      94,
      "a bus number this high is that of a device behind an Intel VMD controller (usually an NVMe "
      "disk): the kernel gave it interrupts that do not go through interrupt remapping",
      "A bug of the VMD driver, mended in Linux 5.19: a newer kernel, or VMD off in the firmware "
      "setup.",
      0 },
    { "ir-resume",
      { R_IR_COMPAT, S_RESUME },
      { D_IOAPIC, D_HPET },
      90,
      "the interrupt came right after the system woke up, with what firmware had put in: before "
      "the kernel set it up again",
      "Harmless if it is a few and the device works.",
      0 },
    /* The host writes remappable addresses into every MSI register; only a mailbox escapes it. */
    { "ir-guest-address",
      { R_IR_COMPAT, S_LATE },
      { D_IOAPIC, D_HPET, D_VMD, D_VMD_CHILD, S_RESUME },
      89,
      "the device fires with an MSI address that this kernel did not give it. The host writes "
      "every MSI register itself, so the address went another way: typical of a device that was "
      "passed to a guest, whose driver tells the guest's own MSI address to the device's firmware "
      "(ath11k and ath12k Wi-Fi)",
      "Such a device does not work in a guest with that driver; use it on the host, or a driver "
      "that reads the address back from the device.",
      0 },
    { "ir-compat",
      { R_IR_COMPAT },
      { D_IOAPIC, D_HPET, D_VMD },
      80,
      "the device sends interrupts in the old format, which the unit blocks: something programmed "
      "its MSI or the I/O APIC without going through interrupt remapping",
      "A kernel that gave it no remapped interrupts (regressions with hot-plugged and Thunderbolt "
      "devices: another version), a driver that writes MSI registers itself, or firmware.",
      0 },
    { "ir-malformed",
      { R_IR },
      { R_IR_SOURCE, R_IR_ABSENT, R_IR_COMPAT, D_IOAPIC, D_HPET },
      60,
      "the interrupt message or its entry is malformed",
      "Suspect the device's MSI set-up, then the table in memory.",
      0 },
};

const size_t table_cause_count = sizeof(table_causes) / sizeof(table_causes[0]);
