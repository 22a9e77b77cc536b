/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Causes of faults at a page: it is not mapped, or not for this direction; and of ids that are no
 * PCI devices, whatever the reason. How weights are chosen stands in explain_causes.c.
 */
#include "explain_text.h"

const struct cause page_causes[] = {
    /* Our own driver knows most: what was mapped there. */
    { "unmapped-early",
      { R_UNMAPPED, P_GONE },
      { 0 },
      120,
      "the driver of @ gave the buffer back (unmapped it) while the device was still using it",
      "Look for a missing stop or drain of the device's queue before the unload in its driver; "
      "the age in the message tells how many unmaps ago that was.",
      0 },
    { "mapped-for-reading",
      { R_UNMAPPED, P_LIVE, IS_WRITE },
      { 0 },
      120,
      "the buffer is mapped, but only for reading: the driver gave the wrong direction",
      "Check the direction that the driver passes when it loads or syncs this buffer.",
      0 },
    { "mapped-for-writing",
      { R_UNMAPPED, P_LIVE, IS_READ },
      { 0 },
      120,
      "the buffer is mapped, but only for writing: the driver gave the wrong direction, or the "
      "device reads back what it writes",
      "Map it for both directions, as a test.",
      0 },
    { "ran-past-end",
      { R_UNMAPPED, S_BEHIND },
      { 0 },
      118,
      "the device ran past the end of a buffer into the page behind it: a length that is too big, "
      "or prefetching",
      "Compare the length in the device's descriptor with what the driver mapped. Prefetching "
      "devices do no harm here; give their buffers one more mapped page.",
      0 },
    { "nothing-mapped",
      { R_UNMAPPED, P_NOTHING },
      { 0 },
      115,
      "nothing at all is mapped for @: it works before its driver does, or with physical "
      "addresses",
      "Find out who started the device: firmware, a boot loader, or a driver that takes "
      "addresses from somewhere else than the DMA interface.",
      0 },
    { "never-handed-out",
      { R_UNMAPPED, P_RESERVED },
      { 0 },
      115,
      "the address is in a range that is never handed out, so no driver got it from the DMA "
      "interface",
      "Look for a hard-coded or physical address in the driver or the device's firmware.",
      0 },
    { "left-by-firmware",
      { FIRMWARE },
      { 0 },
      117,
      "it happened before this kernel: firmware or a boot loader left the device running",
      "Harmless once. If it comes back at each boot, switch off pre-boot DMA protection or the "
      "boot-time support of that device (network boot, USB legacy support) in the firmware "
      "setup.",
      0 },

    /*
     * Ids that are no PCI devices. An interrupt that the kernel has not set up yet is a memory
     * write in the old format, or to address 0; the unit stops both.
     */
    { "hpet",
      { D_HPET },
      { 0 },
      104,
      "@ is an id under which the DMAR table lists the HPET (a timer). Its "
      "interrupt fired with an address that was empty or from before the reset, usual after resume "
      "and at boot",
      "Harmless if it is a few. If it comes back after each resume: a newer kernel or Xen, which "
      "set the timer up again before they let it fire. udmar table shows the id as HPET.",
      0 },
    { "ioapic-boot",
      { D_IOAPIC, R_IR_COMPAT },
      { 0 },
      103,
      "@ is an id under which the DMAR table lists an I/O APIC. One of its "
      "pins fired as firmware had left it (in the old format), before the kernel programmed it. "
      "Usual at boot and resume, and harmless",
      "Nothing to do for a few of them. What stopped the boot, if something did, is another "
      "message. udmar table shows the id as I/O APIC.",
      0 },
    { "ioapic",
      { D_IOAPIC },
      { R_IR_COMPAT },
      102,
      "@ is an id under which the DMAR table lists an I/O APIC. An interrupt "
      "line fired whose remapping entry does not fit (any more)",
      "Single ones around driver load, unload and resume are harmless. Many: see which line it is "
      "in /proc/interrupts, and compare the I/O APIC scopes with udmar table.",
      0 },
    /* Function numbers that firmware hides, by Intel's own layout of the chipset. */
    { "hidden-me",
      { D_HIDDEN_ME },
      { 0 },
      101,
      "@ is a hidden function of the management engine (ME, with its firmware TPM and sensor hub): "
      "it is on no list, reads memory by itself, also at suspend, and no driver can map it",
      "Harmless as a rule: the read is stopped. Look for a firmware setting that tells the ME who "
      "runs (\"PTP aware OS\", \"PTT\", \"ME state\"), and for a firmware update.",
      0 },

    /* RMRRs. */
    { "rmrr-sibling",
      { A_RMRR_SIBLING },
      { A_IOVA, D_VFIO },
      99,
      "the firmware's RMRR names other functions of the same slot, and not @: firmware or the "
      "device uses the region through all of its functions, and the table forgot this one",
      "A firmware bug: update it, or let it show all functions. udmar table lists the RMRR and "
      "the functions that it names.",
      OPTION_PASS_THROUGH },
    { "rmrr-of-others",
      { A_RMRR, A_RMRR_OTHER },
      { R_NO_CONTEXT, D_VFIO, A_RMRR_SIBLING },
      98,
      "the address is inside an RMRR that names other devices, and not @: the firmware's table is "
      "incomplete, or @ sends with the id of another device",
      "See which devices the RMRR names (udmar table); update the firmware.",
      0 },
    { "rmrr-of-guest",
      { R_UNMAPPED, A_RMRR, D_VFIO },
      { 0 },
      99,
      "@ was given to a guest while firmware still uses it for a shared region (RMRR)",
      "The device cannot be passed through safely. Turn off what firmware does with it (HP "
      "shared memory, USB legacy support, remote console) or keep it on the host.",
      0 },
    { "rmrr-unmapped",
      { R_UNMAPPED, A_RMRR },
      { D_VFIO, A_RMRR_OTHER },
      96,
      "the address is inside an RMRR: firmware declared this region, and goes on using it through "
      "@, while the kernel has not mapped it yet or has taken the mapping away",
      "Look which devices the RMRR names (udmar table). If @ is among them the kernel dropped the "
      "mapping (a newer one, or report it); else the firmware's table is wrong.",
      0 },
    /* Reason 02 in an RMRR: there is no table at all for the device for a moment. */
    { "rmrr-no-context",
      { R_NO_CONTEXT, A_RMRR },
      { 0 },
      99,
      "firmware goes on reading its reserved region (RMRR) through @ while the kernel has no table "
      "for the device: before it sets one up, or for the moment in which it moves the device to "
      "another domain",
      "Harmless if the device works and it is a few. Otherwise a newer kernel, which changes the "
      "domain without a gap.",
      0 },
    { "domain-change",
      { R_NO_CONTEXT, D_SWITCHED },
      { A_RMRR },
      98,
      "the kernel moved @ to another domain while the device (its firmware) was reading, most "
      "likely in a region that firmware has reserved (RMRR): for a moment there is no table for it",
      "Harmless if the device works. A newer kernel does not change domains at run time; udmar "
      "table shows whether the address is in an RMRR.",
      0 },
    /* Nobody hands one DMA address to several devices; a region of firmware's is the same for all.
     */
    { "firmware-region",
      { R_NO_CONTEXT, S_SHARED },
      { A_RMRR, D_SWITCHED, A_IOVA },
      97,
      "several devices read the same page: a region that firmware has reserved (RMRR). Their own "
      "firmware goes on reading it while the kernel has no table for them, for example while it "
      "moves them to another domain",
      "Harmless if the devices work. udmar table shows whether the address is in an RMRR; a newer "
      "kernel keeps the region mapped.",
      0 },
    { "usb-legacy-reserved",
      { R_UNMAPPED, D_USB, A_RESERVED },
      { A_RMRR, D_VFIO },
      95,
      "firmware's USB legacy emulation (keyboard and mouse before the system is up) reads its "
      "buffers in memory that it has reserved, and no RMRR covers them for @, or it is not mapped "
      "for this function",
      "Turn off USB legacy support or the hand-off option in the firmware setup, or update the "
      "firmware.",
      OPTION_PASS_THROUGH },
    { "reserved-without-rmrr",
      { R_UNMAPPED, A_RESERVED },
      { A_RMRR, D_USB, D_IGFX, D_VFIO, A_BAR },
      92,
      "the address is memory that the firmware reserves, and no RMRR covers it: firmware made "
      "the device work there and forgot to tell the operating system",
      "Update the firmware.",
      OPTION_PASS_THROUGH },

    /* Intel's graphics: firmware's picture, then the driver's, then what stays of it. */
    { "display-past-ram",
      { R_UNMAPPED, D_IGFX, IS_READ, A_PAST_RAM },
      { D_VFIO },
      97,
      "the address is past the end of memory: the display engine reads through entries of its own "
      "table that are stale, for example after a screen or a dock was unplugged",
      "Harmless, but a bug of the graphics driver (i915): a newer kernel.",
      OPTION_IGFX_OFF },
    { "display-stale",
      { R_UNMAPPED, D_IGFX, IS_READ, S_REFRESH },
      { S_EARLY, A_PAST_RAM, A_RMRR },
      96,
      "once for each picture: the display still scans out an old frame buffer whose mapping is "
      "gone. It went on running when its driver, or the guest that had the graphics, was restarted",
      "It ends when the driver (of the guest) shows its first picture. If it does not: reset the "
      "device, or shut the guest down instead of restarting it; a newer driver.",
      0 },
    { "display-repeats",
      { R_UNMAPPED, D_IGFX, IS_READ, S_STORM },
      { S_EARLY, A_PAST_RAM, A_RMRR, S_REFRESH, D_VFIO, S_ASCENDING },
      94,
      "again and again the same page: the display scans out an old frame buffer whose mapping is "
      "gone. It went on running when its driver, or the guest that had the graphics, was restarted",
      "It ends when the driver (of the guest) shows its next picture. If it does not: reset the "
      "device; a newer driver.",
      0 },
    { "display-of-guest",
      { R_UNMAPPED, D_IGFX, D_VFIO },
      { A_RMRR, S_REFRESH },
      94,
      "the graphics belongs to a guest, and went on reading (its old frame buffer) when the guest "
      "was restarted or took memory away",
      "Shut the guest down instead of restarting it; blank the screen in the guest first. It ends "
      "when the guest's driver shows a picture.",
      0 },
    { "graphics-address-cut",
      { R_UNMAPPED, D_IGFX, A_GPU_END },
      { D_VFIO },
      95,
      "the address lies at the end of the 39 bits that this graphics takes: its driver told the "
      "kernel a wider mask (46 bits), got a longer address, and the device dropped the bits above",
      "A bug of the driver's DMA mask: a newer kernel.",
      OPTION_IGFX_OFF },
    { "display-of-firmware",
      { R_UNMAPPED, D_IGFX, IS_READ, S_EARLY },
      { D_VFIO, A_RMRR, A_IOVA },
      94,
      "the display still shows the firmware's picture: the graphics device reads a frame buffer "
      "that no RMRR declares, until its driver takes over",
      "Harmless if it ends when the display driver has loaded. Otherwise a firmware update.",
      OPTION_IGFX_OFF },
    { "graphics-early",
      { D_IGFX, S_EARLY, R_TABLE_READ },
      { 0 },
      90,
      "the graphics device was active while its tables were being set up: firmware's display",
      "Harmless if it ends when the display driver has loaded.",
      OPTION_IGFX_OFF },
    { "graphics-early-root",
      { D_IGFX, S_EARLY, R_NO_ROOT },
      { 0 },
      90,
      "firmware's display was still running when translation was switched on: the graphics device "
      "reads the picture before its driver is there",
      "Harmless if it ends when the display driver has loaded.",
      OPTION_IGFX_OFF },
    { "graphics",
      { R_UNMAPPED, D_IGFX },
      { D_VFIO, A_IOVA, A_KERNEL },
      70,
      "the graphics device uses stolen memory or a frame buffer without a mapping, or its driver "
      "has a bug with DMA remapping",
      "Update kernel and firmware.",
      OPTION_IGFX_OFF },

    /* Other devices that Intel's layout names. */
    { "usb-firmware",
      { R_UNMAPPED, D_USB },
      { A_IOVA, D_VFIO, A_RMRR, A_RESERVED, A_KERNEL },
      88,
      "firmware still drives the USB controller (keyboard and mouse before the system is up), in "
      "memory that is reserved for it (RMRR) and that is not mapped, or not mapped yet",
      "Map the RMRRs of the controller before translation goes on. Otherwise turn off USB legacy "
      "support in the firmware setup.",
      0 },
    { "camera-own-mmu",
      { R_UNMAPPED, D_IPU, A_FOREIGN },
      { D_VFIO },
      90,
      "@ is Intel's camera (IPU), which has an MMU of its own: its driver fills that with physical "
      "addresses instead of asking the kernel's DMA interface, so the remapping unit stops them",
      "A newer driver (IPU6 in the kernel does it right).",
      OPTION_PASS_THROUGH },
    { "bmc-behind-bridge",
      { R_UNMAPPED, D_BRIDGE },
      { A_IOVA, D_VFIO },
      90,
      "@ is the PCI bridge: what is behind it sends with its id. On servers that is the management "
      "processor (iLO, iDRAC, BMC), whose firmware reads memory that no RMRR covers",
      "Update the firmware of the machine and of the management processor.",
      OPTION_PASS_THROUGH },
    /* The children of an LPSS function are devices of their own for Linux, the unit sees one id. */
    { "platform-children",
      { R_UNMAPPED, D_CHILDREN },
      { D_VFIO },
      86,
      "devices below @ (the log shows them) send with its requester id: the kernel wrote the "
      "context entry for one of them and took the place of the other's domain",
      "A kernel bug (regression) of devices that share an id: a newer or older kernel; report it.",
      OPTION_PASS_THROUGH },
    { "platform-children-likely",
      { R_UNMAPPED, D_LPSS, A_IOVA },
      { D_VFIO, D_CHILDREN },
      62,
      "@ is a serial bus of the chipset (LPSS): its DMA engine and its controller are devices of "
      "their own for the kernel and share one requester id; their domain may be the wrong one",
      "If it began with a new kernel, it is that: report it.",
      OPTION_PASS_THROUGH },

    /* One device writes to another. */
    { "peer-to-peer",
      { R_UNMAPPED, A_BAR },
      { D_VFIO },
      96,
      "peer-to-peer: the address is inside a BAR of another device, and BARs are not mapped for @. "
      "The driver or program gives one device the other's bus address",
      "Use the kernel's peer-to-peer interface (a driver that maps the BAR), or switch "
      "peer-to-peer "
      "off in the program (NCCL_P2P_DISABLE=1 for NCCL).",
      OPTION_PASS_THROUGH },

    /* Pass-through to guests. */
    { "guest-address",
      { R_UNMAPPED, D_VFIO },
      { A_RMRR, D_IGFX },
      86,
      "@ belongs to a guest, and uses an address that is not (or no longer) guest memory: the "
      "guest was restarted or killed, or memory was unplugged, while the device kept running",
      "Look at what happened to the guest at that time. The host is safe: the unit blocked it. A "
      "device that goes on after the guest's reset lacks a working function-level reset.",
      0 },

    /* Addresses that tell their story. */
    { "kernel-pointer",
      { A_KERNEL },
      { 0 },
      98,
      "the address is a pointer of the kernel (virtual memory), not a DMA address: a driver put it "
      "into a descriptor without mapping it",
      "Find where the driver of @ fills that descriptor: it must use what the DMA interface gave. "
      "Virtio devices: the driver must ask for VIRTIO_F_ACCESS_PLATFORM (in QEMU: "
      "iommu_platform=on).",
      0 },
    { "program-pointer",
      { A_USER, R_UNMAPPED },
      { 0 },
      91,
      "the address is a pointer of a program (virtual memory) and the request carries no PASID: a "
      "program or driver gave it to the device without mapping it",
      "Map the memory first (VFIO, the driver's own call), and give the device that address.",
      0 },
    { "address-cut",
      { A_TRUNCATED },
      { D_VFIO },
      93,
      "the address ends at a width that no unit has: it was longer (57 or 64 bits, given from the "
      "top) and the device or its driver dropped the bits above",
      "A DMA mask that is too wide for the device: its driver must tell the kernel how many bits "
      "the device takes.",
      0 },
    { "address-zero",
      { R_UNMAPPED, A_ZERO },
      { D_HPET },
      87,
      "address 0: a descriptor or register of the device that nobody has filled in",
      "Look at the device's set-up order: it is started before its ring or buffer address is "
      "written, or after it was cleared (shutdown, reset, suspend).",
      0 },
    { "fill-pattern",
      { A_POISON },
      { 0 },
      92,
      "the address is a fill pattern (all ones, poisoned or freed memory): the device follows a "
      "descriptor that is no longer one",
      "Use after free of descriptor memory: boot with the kernel's memory debugging (KASAN, "
      "slub_debug) to find who freed it.",
      0 },
    { "interrupt-range",
      { R_UNMAPPED, A_MSI },
      { 0 },
      89,
      "the address is in the interrupt range: an interrupt message of the wrong size, or a "
      "device that treats its MSI address as memory",
      "Check the device's MSI set-up; reads from this range are never allowed.",
      0 },
    { "window-end",
      { R_UNMAPPED, A_ROUND, OS_LINUX },
      { D_VFIO, A_RMRR, A_RESERVED, D_IGFX, A_BAR },
      84,
      "the address is low and round: the end of a window that begins at 0 and that a program (a "
      "driver in user space) has mapped, where the kernel itself gives addresses from the top. The "
      "device, or a copy it was told to make, reads past the end of that window",
      "Compare the sizes of the copy with what the program has mapped for the device.",
      0 },
    { "past-ram",
      { R_UNMAPPED, A_PAST_RAM },
      { D_IGFX, A_BAR, D_VFIO },
      84,
      "the address is past the end of memory: a descriptor of the device is damaged, or the "
      "address is one of another device's registers",
      "Compare it with the BARs that lspci -v shows; look for messages about @ before it.",
      0 },
    { "physical-unmatched",
      { R_UNMAPPED, A_FOREIGN, S_UNMATCHED },
      { D_VFIO },
      93,
      "the driver of @ gives physical addresses to the device, not the ones that the DMA interface "
      "made: the address is none of those, and the kernel saw a driver unmap what was never mapped",
      "Look for virt_to_phys, page_to_phys or vtophys in the driver (out-of-tree ones, netmap).",
      OPTION_PASS_THROUGH },
    { "physical-driver",
      { R_UNMAPPED, A_FOREIGN, D_DRIVER },
      { D_VFIO, A_LOW, D_USB, D_IGFX, D_IPU, S_UNMATCHED },
      83,
      "the driver of @ gives physical addresses to the device: the address is none that the "
      "kernel's DMA interface makes",
      "Look for virt_to_phys, page_to_phys or vtophys in the driver. Devices set up by firmware "
      "or by an earlier kernel do it, too.",
      OPTION_PASS_THROUGH },
    { "physical-ram",
      { R_UNMAPPED, A_RAM },
      { A_LOW, A_IOVA, D_VFIO, D_DRIVER, OS_XEN },
      80,
      "the address looks like physical memory: the driver or the device's firmware uses physical "
      "addresses instead of those from the DMA interface",
      "Look for virt_to_phys, page_to_phys or vtophys in the driver. Devices set up by firmware "
      "or by an earlier kernel do it, too.",
      OPTION_PASS_THROUGH },
    /* RMRRs and their undeclared neighbours lie at the end of the memory below 4 GiB. */
    { "firmware-memory",
      { R_UNMAPPED, A_FIRMWARE, OS_LINUX },
      { D_VFIO, D_USB, D_IGFX, S_UNMATCHED, A_RMRR, A_RESERVED },
      82,
      "the address is none that the kernel makes, and lies where firmware keeps its own memory: "
      "firmware (or the device's own: BMC, iLO, option ROM) had @ work there, and no RMRR says so, "
      "or the RMRR is not mapped for @",
      "See in the BIOS-e820 lines whether it is reserved, and with udmar table whether an RMRR "
      "covers "
      "it. Then: firmware of the machine and of the device.",
      OPTION_PASS_THROUGH },
    /* A guest's own unit: virtio devices go around it unless they were told not to. */
    { "guest-physical",
      { R_UNMAPPED, A_FOREIGN, OS_GUEST },
      { D_VFIO },
      89,
      "this system is a guest, and the address is none that its kernel makes: the driver of @ "
      "gives "
      "the (virtual) device physical addresses, as virtio drivers do that were not told of the "
      "remapping unit",
      "In QEMU: iommu_platform=on (and disable-legacy=on) for virtio devices. Otherwise look for "
      "virt_to_phys in the driver.",
      0 },
    { "guest-gone",
      { R_UNMAPPED, A_FOREIGN, OS_LINUX },
      { D_VFIO, A_LOW, D_USB, D_IGFX, S_UNMATCHED, D_DRIVER },
      78,
      "the address is none that the host's kernel makes, so it comes from another owner of the "
      "device: most likely a guest that had it passed through, or a program (VFIO, DPDK). The "
      "device "
      "was not reset when the guest was restarted, and still uses the old guest's memory",
      "Reset the device between two runs of the guest (echo 1 > .../reset; a device without a "
      "function-level reset needs a bus reset). The host is safe: the unit blocked it.",
      0 },
    { "physical-likely",
      { R_UNMAPPED, A_FOREIGN, OS_LINUX },
      { D_VFIO, A_LOW, D_USB, D_IGFX, S_UNMATCHED, D_DRIVER },
      74,
      "or it is a physical address: a driver, or the device's firmware, that goes around the "
      "kernel's DMA interface",
      "Look for virt_to_phys, page_to_phys or vtophys in the driver.",
      OPTION_PASS_THROUGH },
    { "legacy-memory",
      { R_UNMAPPED, A_LOW },
      { A_ZERO, D_HPET },
      82,
      "an address below 1 MiB: firmware or an option ROM left the device working there (SMM, USB "
      "or "
      "boot code), or a small number was taken for an address",
      "Turn off legacy and boot support for the device in the firmware setup.",
      0 },
    { "earlier-kernel",
      { R_UNMAPPED, S_KDUMP },
      { 0 },
      90,
      "this kernel was started by another one (kdump, kexec) whose device kept on working",
      "Expected for a moment in a crash kernel; the driver's reset ends it.",
      OPTION_RESET_DEVICES },
    { "earlier-kernel-context",
      { S_KDUMP, R_NO_CONTEXT },
      { 0 },
      92,
      "this kernel was started by another one (kdump, kexec), whose device kept on working and has "
      "no table yet",
      "Expected for a moment in a crash kernel; the driver's reset ends it.",
      OPTION_RESET_DEVICES },
    { "earlier-kernel-root",
      { S_KDUMP, R_NO_ROOT },
      { 0 },
      92,
      "this kernel was started by another one (kdump, kexec), whose device kept on working while "
      "there was no table for its bus",
      "Expected for a moment in a crash kernel; the driver's reset ends it.",
      OPTION_RESET_DEVICES },

    /* The ordinary bugs. */
    { "raid-prefetch",
      { R_UNMAPPED, D_MEGARAID, IS_READ },
      { 0 },
      85,
      "RAID controllers of this family read beyond their command frames; the data is right",
      "Harmless if the disks work. Update the controller's firmware.",
      0 },
    { "buffer-walked",
      { R_UNMAPPED, S_ASCENDING, S_STORM },
      { 0 },
      72,
      "page after page: the device works through a buffer that is no longer mapped (or never was)",
      "Find the request that was under way: the driver unmapped it early (time-out, reset, error "
      "path), or mapped less than it told the device.",
      OPTION_STRICT },
    { "repeated",
      { R_UNMAPPED, A_IOVA, S_STORM },
      { S_ASCENDING },
      68,
      "always the same address from the kernel's DMA address range: the device repeats an access "
      "to a buffer that was unmapped",
      "Typical after a driver's reset or unload that did not stop the device, or after the guest "
      "or "
      "program that owned it was killed; reload the driver or reset the device.",
      OPTION_STRICT },
    { "unmapped-in-use",
      { R_UNMAPPED, A_IOVA },
      { S_STORM },
      66,
      "the address was given out by the kernel's DMA interface: the buffer was unmapped while the "
      "device still used it (a driver's reset or unload, or the guest or program that owned the "
      "device was killed), or it is mapped for the other direction only",
      "See what the driver of @ did just before. Boot with CONFIG_DMA_API_DEBUG if you can.",
      OPTION_STRICT },
    { "write-unmapped",
      { R_UNMAPPED, IS_WRITE },
      { A_ZERO, A_IOVA, A_FOREIGN, A_TRUNCATED, A_KERNEL },
      40,
      "the driver unmapped the buffer before the device was done, or mapped it read-only (wrong "
      "direction)",
      "See what the driver of @ did just before: resets, time-outs and unloads in the log.",
      0 },
    { "read-unmapped",
      { R_UNMAPPED, IS_READ },
      { A_ZERO, A_IOVA, A_FOREIGN, A_TRUNCATED, A_KERNEL },
      40,
      "the driver unmapped the buffer before the device was done, or the device reads past its "
      "end",
      "See what the driver of @ did just before: resets, time-outs and unloads in the log.",
      0 },
    { "no-driver",
      { R_UNMAPPED, D_NO_DRIVER },
      { S_EARLY, D_IGFX, A_RMRR, D_VFIO, A_BAR },
      67,
      "the log shows no driver for @: it was started by firmware, or by a program that writes to "
      "the device itself (UIO, /dev/mem), and nobody maps memory for it",
      "See who uses it: ls -l /sys/bus/pci/devices/@/driver, fuser on its resource files.",
      0 },
    { "network-boot",
      { R_UNMAPPED, D_NETWORK, S_EARLY },
      { A_IOVA, A_RMRR },
      85,
      "network boot left the adapter receiving into the boot ROM's buffers",
      "Turn off network boot for it, or update its boot ROM; it ends when the driver resets it.",
      0 },

    /* Systems that say little; what is known is how they map. */
    { "macos",
      { OS_MACOS, R_UNMAPPED },
      { 0 },
      80,
      "the driver of @ gives the device physical addresses, or buffers that it has not mapped "
      "through IODMACommand and IOMapper: macOS maps nothing else",
      "The driver must prepare its buffers with IODMACommand (Thunderbolt devices: always).",
      0 },
    { "esxi",
      { OS_ESXI },
      { 0 },
      80,
      "the device, its firmware or its driver used an address that ESXi has not mapped for the "
      "domain named: a bug of the device or its driver (for GPUs: the vendor's host driver)",
      "Update driver and firmware of @, with VMware's compatibility list; report it to the "
      "device's vendor.",
      0 },
    { "qemu",
      { OS_QEMU },
      { 0 },
      60,
      "QEMU's own remapping unit stopped a device that it emulates: the guest's driver gave it an "
      "address that the guest has not mapped",
      "Look at the guest's kernel log for the fault record.",
      0 },
    { "unknown-kernel",
      { OS_OTHER, R_UNMAPPED },
      { D_USB, D_IGFX },
      60,
      "the driver of @ gave the device an address that is not mapped for it, or not for this "
      "direction (a deliberate test of the unit looks the same)",
      "Compare the address with what the kernel maps for @.",
      0 },
};

const size_t page_cause_count = sizeof(page_causes) / sizeof(page_causes[0]);
