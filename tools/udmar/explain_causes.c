/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a fault happened: features of the fault on one side, a table of causes on the other.
 */
#include "explain_text.h"

#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/* What the reason is about. */
#define R_UNMAPPED            BIT(0) /* no mapping, or not for this direction */
#define R_NO_ROOT             BIT(1)
#define R_NO_CONTEXT          BIT(2)
#define R_BAD_ENTRY           BIT(3) /* a root, context or PASID entry the unit does not accept */
#define R_RESERVED            BIT(4)
#define R_TABLE_READ          BIT(5) /* the unit could not read a table */
#define R_TOO_HIGH            BIT(6)
#define R_ATS                 BIT(7)
#define R_PASID               BIT(8)
#define R_TO_MSI              BIT(9)
#define R_ABORT               BIT(10)
#define R_IR                  BIT(11)
#define R_IR_ABSENT           BIT(12)
#define R_IR_SOURCE           BIT(13)
#define R_IR_COMPAT           BIT(14)
#define R_UNKNOWN             BIT(15)
/* The direction. */
#define IS_READ               BIT(16)
#define IS_WRITE              BIT(17)
/* The address. */
#define A_ZERO                BIT(18)
#define A_LOW                 BIT(19) /* below 1 MiB */
#define A_RMRR                BIT(20)
#define A_RESERVED            BIT(21) /* the firmware's, by the memory map */
#define A_RAM                 BIT(22)
#define A_MSI                 BIT(23)
#define A_POISON              BIT(24)
#define A_IOVA                BIT(25) /* where Linux puts addresses that it makes: just below 4 GiB */
/* The device. */
#define D_GRAPHICS            BIT(28)
#define D_USB                 BIT(29)
#define D_STORAGE             BIT(30)
#define D_NETWORK             BIT(31)
#define D_UNLISTED            BIT(33) /* the log lists devices, but not this one */
#define D_SIBLING             BIT(34) /* ...though another function of the same slot */
#define D_VFIO                BIT(35)
#define D_ALIAS               BIT(37) /* a controller known to use a wrong function number */
#define D_MEGARAID            BIT(38)
#define D_NO_DRIVER           BIT(40) /* the log lists it, and no driver's line for it */
#define D_FIRST_FUNCTION_ZERO BIT(39) /* xx:00.0 of a bus above 0: may stand for a whole bridge */
/* The group. */
#define S_STORM               BIT(44)
#define S_ASCENDING           BIT(45)
#define S_EARLY               BIT(46)
#define S_KDUMP               BIT(47)
#define S_BEHIND              BIT(48) /* the first page behind a mapping */
#define P_LIVE                BIT(49)
#define P_GONE                BIT(50)
#define P_NOTHING             BIT(51)
#define P_RESERVED            BIT(52)
#define FIRMWARE              BIT(53)

static const struct cause causes[] = {
    /* Our own driver knows most: what was mapped there. */
    { R_UNMAPPED | P_GONE, 0, 100,
      "the driver of @ gave the buffer back (unmapped it) while the device was still using it",
      "Look for a missing stop or drain of the device's queue before the unload in its driver; "
      "the age in the message tells how many unmaps ago that was." },
    { R_UNMAPPED | P_LIVE | IS_WRITE, 0, 100,
      "the buffer is mapped, but only for reading: the driver gave the wrong direction",
      "Check the direction that the driver passes when it loads or syncs this buffer." },
    { R_UNMAPPED | P_LIVE | IS_READ, 0, 100,
      "the buffer is mapped, but only for writing: the driver gave the wrong direction, or the "
      "device reads back what it writes",
      "Map it for both directions, as a test." },
    { R_UNMAPPED | S_BEHIND, 0, 98,
      "the device ran past the end of a buffer into the page behind it: a length that is too big, "
      "or prefetching",
      "Compare the length in the device's descriptor with what the driver mapped. Prefetching "
      "devices do no harm here; give their buffers one more mapped page." },
    { R_UNMAPPED | P_NOTHING, 0, 95,
      "nothing at all is mapped for @: it works before its driver does, or with physical "
      "addresses",
      "Find out who started the device: firmware, a boot loader, or a driver that takes "
      "addresses from somewhere else than the DMA interface." },
    { R_UNMAPPED | P_RESERVED, 0, 95,
      "the address is in a range that is never handed out, so no driver got it from the DMA "
      "interface",
      "Look for a hard-coded or physical address in the driver or the device's firmware." },
    { FIRMWARE, 0, 97,
      "it happened before this kernel: firmware or a boot loader left the device running",
      "Harmless once. If it comes back at each boot, switch off pre-boot DMA protection or the "
      "boot-time support of that device (network boot, USB legacy support) in the firmware "
      "setup." },
    /* RMRRs and the firmware's memory. */
    { R_UNMAPPED | A_RMRR, D_VFIO, 96,
      "the address is inside an RMRR: the firmware declared this region for some device, but the "
      "mapping for @ is missing or was taken away",
      "Look which devices the RMRR names (udmar table). If @ is not among them, the firmware's "
      "table is wrong: update it. Otherwise the kernel dropped the mapping, for example when it "
      "gave the device to a guest." },
    { R_UNMAPPED | A_RMRR | D_VFIO, 0, 97,
      "@ was given to a guest while firmware still uses it for a shared region (RMRR)",
      "The device cannot be passed through safely. Turn off what firmware does with it (HP "
      "shared memory, USB legacy support, remote console) or keep it on the host." },
    { R_UNMAPPED | A_RESERVED, A_RMRR, 92,
      "the address is memory that the firmware reserves, and no RMRR covers it: firmware made "
      "the device work there and forgot to tell the operating system",
      "Update the firmware. Until then: this device in pass-through (iommu=pt), or on Linux "
      "intel_iommu=igfx_off where it is the graphics." },
    { R_UNMAPPED | D_GRAPHICS | S_EARLY, D_VFIO | A_RMRR, 90,
      "the display still shows the firmware's picture: the graphics device reads a framebuffer "
      "that no RMRR declares, until its driver takes over",
      "Harmless if it ends when the display driver has loaded. Otherwise intel_iommu=igfx_off "
      "(Linux), iommu=no-igfx (Xen), and a firmware update." },
    { R_UNMAPPED | D_GRAPHICS, D_VFIO, 70,
      "the graphics device uses stolen memory or a framebuffer without a mapping, or its driver "
      "has a bug with DMA remapping",
      "Update kernel and firmware; intel_iommu=igfx_off (Linux) or iommu=no-igfx (Xen) takes the "
      "graphics alone out of translation." },
    { R_UNMAPPED | D_USB | S_EARLY, D_VFIO, 88,
      "firmware still drives the USB controller (keyboard and mouse before the system is up) "
      "and its buffers have no RMRR",
      "Turn off USB legacy support or the xHCI hand-off option in the firmware setup, or update "
      "the firmware." },
    /* Pass-through to guests. */
    { R_UNMAPPED | D_VFIO, A_RMRR, 85,
      "@ belongs to a guest, and the guest let it use an address that is not guest memory (or is "
      "gone: the guest was reset or memory was unplugged under a running device)",
      "Look at the guest's driver and at what happened to the guest at that time. The host is "
      "safe: the unit blocked it. A device that goes on after the guest's reset lacks a working "
      "function-level reset." },
    /* Addresses that tell their story. */
    { R_UNMAPPED | A_ZERO, 0, 82,
      "address 0: a descriptor or register of the device that nobody has filled in",
      "Look at the device's set-up order: it is started before its ring or buffer address is "
      "written, or after it was cleared (shutdown, reset, suspend)." },
    { A_POISON, 0, 89,
      "the address is a fill pattern (all ones, poisoned or freed memory): the device follows a "
      "descriptor that is no longer one",
      "Use after free of descriptor memory: boot with the kernel's memory debugging (KASAN, "
      "slub_debug) to find who freed it." },
    { R_UNMAPPED | A_MSI, 0, 86,
      "the address is in the interrupt range: an interrupt message of the wrong size, or a "
      "device that treats its MSI address as memory",
      "Check the device's MSI set-up; reads from this range are never allowed." },
    { R_UNMAPPED | A_RAM, A_LOW | A_ZERO, 75,
      "the address looks like physical memory: the driver or the device's firmware uses physical "
      "addresses instead of those from the DMA interface",
      "Look for virt_to_phys, page_to_phys or vtophys in the driver. Devices set up by firmware "
      "or by an earlier kernel do it, too." },
    { R_UNMAPPED | A_LOW, A_ZERO, 74,
      "an address below 1 MiB: legacy firmware code (SMM, USB or option ROM) still uses the "
      "device, or a small number was taken for an address",
      "Turn off legacy support for the device in the firmware setup." },
    { R_UNMAPPED | S_KDUMP, 0, 80,
      "this kernel was started by another one (kdump, kexec) whose device kept on working",
      "Expected for a moment in a crash kernel; the driver's reset ends it. If it does not, boot "
      "the crash kernel with reset_devices." },
    /* The ordinary bugs. */
    { R_UNMAPPED | D_MEGARAID | IS_READ, 0, 84,
      "RAID controllers of this family read beyond their command frames; data is right all the "
      "same",
      "Harmless if the disks work. Update the controller's firmware." },
    { R_UNMAPPED | S_ASCENDING | S_STORM, 0, 72,
      "page after page: the device works through a buffer that is no longer mapped (or never was)",
      "Find the request that was under way: the driver unmapped it early (time-out, reset, error "
      "path), or mapped less than it told the device." },
    { R_UNMAPPED | A_IOVA | S_STORM, S_ASCENDING, 68,
      "always the same address from the kernel's DMA address range: the device repeats an access "
      "to a buffer that was unmapped",
      "Typical after a driver's reset or unload that did not stop the device; reload the driver "
      "or reset the device, then look at its stop path." },
    { R_UNMAPPED | A_IOVA, S_STORM, 66,
      "the address was once given out by the kernel: the buffer was unmapped too early, or is "
      "mapped for the other direction",
      "Boot with CONFIG_DMA_API_DEBUG (dma_debug) if you can; with iommu.strict=1 (older kernels: "
      "intel_iommu=strict) the fault comes at once and not some milliseconds late." },
    { R_UNMAPPED | IS_WRITE, A_ZERO, 40,
      "the driver unmapped the buffer before the device was done, or mapped it read-only (wrong "
      "direction)",
      "See what the driver of @ did just before: resets, time-outs and unloads in the log." },
    { R_UNMAPPED | IS_READ, A_ZERO, 40,
      "the driver unmapped the buffer before the device was done, or the device reads past its "
      "end",
      "See what the driver of @ did just before: resets, time-outs and unloads in the log." },
    { R_UNMAPPED | D_NO_DRIVER, S_EARLY | D_GRAPHICS | A_RMRR, 64,
      "the log shows no driver for @: it was started by firmware, or by a program that writes to "
      "the device itself (UIO, /dev/mem), and nobody maps memory for it",
      "See who uses it: ls -l /sys/bus/pci/devices/@/driver, fuser on its resource files." },
    { R_UNMAPPED | D_STORAGE, D_MEGARAID | D_VFIO, 45,
      "the storage controller's firmware reads or writes memory of its own accord (background "
      "log, cache, management)",
      "Update the controller's firmware; check data before trusting it." },
    { R_UNMAPPED | D_NETWORK | S_EARLY, 0, 76,
      "network boot left the adapter receiving into the boot ROM's buffers",
      "Turn off network boot for it, or update its boot ROM; it ends when the driver resets it." },
    /* No table for the device. */
    { R_NO_ROOT | S_EARLY, 0, 85,
      "the device worked at the moment translation was switched on, before its driver was there: "
      "firmware left it running",
      "Harmless if it ends when the driver has loaded. Firmware should stop devices at hand-over: "
      "update it." },
    { R_NO_ROOT, S_EARLY, 70,
      "no device of that bus has been set up: a hidden device, a bridge whose bus numbers "
      "changed, or a device that was removed",
      "Compare the bus number with lspci -t; a bus that is not there points to a bridge that uses "
      "an id of its own." },
    { R_NO_CONTEXT | D_UNLISTED | D_SIBLING, 0, 96,
      "requests come from a function that does not exist, in the slot of one that does: the "
      "device uses a wrong or phantom function number",
      "Known of Marvell 88SE9xxx, JMicron and Ricoh controllers. Linux has a list of them (DMA "
      "alias quirk): a newer kernel, or add the device to the list; else run it untranslated." },
    { R_NO_CONTEXT | D_ALIAS, D_SIBLING, 95,
      "this controller is known to send requests with a wrong function number",
      "A newer kernel with the DMA alias quirk for it; else run it untranslated." },
    { R_NO_CONTEXT | D_UNLISTED | D_FIRST_FUNCTION_ZERO, D_SIBLING, 86,
      "device 00.0 of that bus is the id that a PCIe-to-PCI bridge puts on what is behind it: an "
      "older PCI device behind a bridge that the kernel did not see through",
      "Look with lspci -t what is behind the bridge of that bus; all of it shares one domain." },
    { R_NO_CONTEXT | D_UNLISTED, D_SIBLING, 80,
      "requests come from a device that the kernel has never seen: hidden by firmware (the "
      "management engine, a sensor hub), or an alias of another one",
      "Compare with lspci; enable or disable hidden devices in the firmware setup." },
    { R_NO_CONTEXT | S_EARLY, D_UNLISTED, 82,
      "the device worked before its driver attached it: firmware left it running",
      "Harmless if it ends when the driver has loaded; otherwise switch off its boot support." },
    { R_NO_CONTEXT | D_VFIO, 0, 84,
      "the device was between two owners (host and guest) and did not stop working",
      "Unbind the driver first, then start the guest; look for a working reset of the device." },
    { R_NO_CONTEXT, S_EARLY | D_UNLISTED, 65,
      "the device is detached or blocked, and still active: its driver was unloaded, it was "
      "unplugged, or it failed to get a domain",
      "Look for messages about @ before the first fault." },
    /* Entries that are wrong. */
    { R_BAD_ENTRY, 0, 80,
      "the driver wrote an entry that this unit does not support (address width, translation "
      "type, domain id), or memory was overwritten",
      "udmar unit shows what the unit can do; udmar walk shows the entry. Linux: try without "
      "iommu=pt (pass-through needs ECAP.PT) and without scalable mode (intel_iommu=sm_off)." },
    { R_RESERVED, 0, 80,
      "an entry has bits set that must be 0: overwritten memory, a driver that uses a feature "
      "the unit lacks (snoop control, large pages), or an address beyond the machine's width",
      "udmar walk shows the entry, with --cap and --ecap also features. Suspect wild writes and "
      "bad memory if the entry makes no sense at all." },
    { R_TABLE_READ, 0, 80,
      "the unit could not read its tables: the pointer leads out of memory (overwritten or freed "
      "table), or memory has an uncorrectable error",
      "Look for machine-check and EDAC messages; udmar walk shows which pointer is wrong." },
    { R_TABLE_READ | D_GRAPHICS | S_EARLY, 0, 85,
      "the graphics device was active while its tables were being set up: firmware's display",
      "Harmless if it ends when the display driver has loaded; otherwise intel_iommu=igfx_off." },
    { R_TOO_HIGH, A_POISON, 80,
      "the address has more bits than the unit or the domain translates: garbage in a "
      "descriptor, or a driver that assumes a wider address space",
      "39-bit units end at 512 GiB: look at MGAW with udmar unit, and at the DMA mask of the "
      "driver." },
    { R_ATS, 0, 85,
      "the device sends translated or translation requests (ATS) though ATS is not enabled for "
      "it: its ATS state and the tables do not agree",
      "Look for a device reset or hot plug before it; try pci=noats on Linux." },
    { R_PASID, 0, 80,
      "the request carries a PASID that is not set up (any more): the process that owned it has "
      "gone, or the device was started before the bind",
      "Look at the accelerator's user (dsa, iaa, uacce, GPU): work must be drained before the "
      "PASID is freed." },
    { R_TO_MSI, 0, 85,
      "a mapping leads into the interrupt range 0xfee00000-0xfeefffff, which no DMA may reach",
      "The owner of the domain mapped MSI addresses as memory (typical of a guest's or VFIO "
      "user's mapping of the whole address space): leave that range out." },
    { R_ABORT, 0, 85,
      "the unit blocks everything on purpose: boot-time DMA protection, or a kernel going down",
      "Expected before the kernel sets the unit up. Otherwise look who set RTADDR." },
    /* Interrupts. */
    { R_IR_SOURCE, 0, 85,
      "the interrupt comes with another requester id than the entry allows: a device with "
      "aliases, or behind a bridge that changes ids",
      "Compare the id with lspci -t. Linux: a newer kernel, or intremap=nosid as a test (less "
      "protection)." },
    { R_IR_SOURCE | D_UNLISTED, 0, 90,
      "the interrupt comes from an id where no device is: the HPET or I/O APIC with an id that "
      "the firmware's table gives wrong, or a device with an alias",
      "Compare with the I/O APIC and HPET scopes that udmar table prints; a wrong one is a "
      "firmware bug." },
    { R_IR_ABSENT, 0, 82,
      "an interrupt whose entry was already taken away (or never made): it was on its way while "
      "the driver let go of it, or the device was not stopped",
      "Single ones at driver unload or CPU hot plug are harmless; many mean a device that still "
      "fires, or one that remembers an MSI of an earlier kernel." },
    { R_IR_COMPAT, 0, 85,
      "the device sends interrupts in the old format, which the unit blocks: something programmed "
      "its MSI or the I/O APIC without going through interrupt remapping",
      "A driver that writes MSI registers itself, or firmware/SMM that does. Update both; "
      "intremap=off as a test." },
    { R_IR, R_IR_SOURCE | R_IR_ABSENT | R_IR_COMPAT | R_RESERVED | R_TABLE_READ, 60,
      "the interrupt message or its entry is malformed",
      "Suspect the device's MSI set-up, then the table in memory." },
    { R_UNKNOWN, 0, 10,
      "the log does not say the reason, or it is one that this tool does not know",
      "Look at the lines around it; kernels print the reason on the same or the next line." },
};

static uint64_t reason_features(int reason)
{
    static const struct {
        uint8_t first, last;
        uint64_t features;
    } classes[] = {
        { 0x01, 0x01, R_NO_ROOT },    { 0x02, 0x02, R_NO_CONTEXT }, { 0x03, 0x03, R_BAD_ENTRY },
        { 0x04, 0x04, R_TOO_HIGH },   { 0x05, 0x06, R_UNMAPPED },   { 0x07, 0x09, R_TABLE_READ },
        { 0x0a, 0x0c, R_RESERVED },   { 0x0d, 0x0d, R_ATS },        { 0x0e, 0x0e, R_TO_MSI },
        { 0x20, 0x2f, R_IR },         { 0x21, 0x22, R_IR_ABSENT },  { 0x23, 0x23, R_TABLE_READ },
        { 0x24, 0x24, R_RESERVED },   { 0x25, 0x25, R_IR_COMPAT },  { 0x26, 0x26, R_IR_SOURCE },
        { 0x27, 0x27, R_TABLE_READ }, { 0x28, 0x28, R_RESERVED },   { 0x30, 0x30, R_BAD_ENTRY },
        { 0x31, 0x31, R_PASID },      { 0x32, 0x32, R_ATS },        { 0x33, 0x33, R_ABORT },
        { 0x38, 0x38, R_TABLE_READ }, { 0x39, 0x39, R_NO_ROOT },    { 0x3a, 0x3a, R_RESERVED },
        { 0x40, 0x40, R_TABLE_READ }, { 0x41, 0x41, R_NO_CONTEXT }, { 0x42, 0x42, R_RESERVED },
        { 0x43, 0x43, R_BAD_ENTRY },  { 0x44, 0x44, R_ATS },        { 0x45, 0x46, R_PASID },
        { 0x47, 0x47, R_ATS },        { 0x48, 0x48, R_BAD_ENTRY },  { 0x50, 0x50, R_TABLE_READ },
        { 0x51, 0x51, R_PASID },      { 0x52, 0x52, R_RESERVED },   { 0x58, 0x58, R_TABLE_READ },
        { 0x59, 0x59, R_PASID },      { 0x5a, 0x5a, R_RESERVED },   { 0x5b, 0x5d, R_BAD_ENTRY },
        { 0x70, 0x70, R_TABLE_READ }, { 0x71, 0x71, R_UNMAPPED },   { 0x72, 0x72, R_RESERVED },
        { 0x73, 0x73, R_TABLE_READ }, { 0x78, 0x78, R_TABLE_READ }, { 0x79, 0x79, R_UNMAPPED },
        { 0x7a, 0x7a, R_RESERVED },   { 0x7b, 0x7b, R_BAD_ENTRY },  { 0x80, 0x80, R_TOO_HIGH },
        { 0x81, 0x82, R_UNMAPPED },   { 0x83, 0x84, R_TOO_HIGH },   { 0x85, 0x86, R_UNMAPPED },
        { 0x87, 0x87, R_TO_MSI },
    };
    uint64_t features = 0;

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (reason >= classes[i].first && reason <= classes[i].last)
            features |= classes[i].features;
    }
    return features != 0 ? features : R_UNKNOWN;
}

static bool in_range(const struct log *log, enum range_kind kind, uint64_t address)
{
    for (size_t i = 0; i < log->range_count; i++) {
        if (log->ranges[i].kind == kind && address >= log->ranges[i].first &&
            address <= log->ranges[i].last)
            return true;
    }
    return false;
}

/* Freed memory and fill values show in the upper half of the address that is made of them. */
static bool is_poison(uint64_t address)
{
    static const uint16_t patterns[] = { 0xdead, 0x6b6b, 0xbaad, 0x5a5a, 0xa5a5, 0xcccc };
    enum { NARROW = 3 }; /* the others are ordinary addresses below 4 GiB */
    size_t count = address >> 32 == 0 ? NARROW : sizeof(patterns) / sizeof(patterns[0]);
    uint64_t high = address >> 32 == 0 ? address >> 16 : address >> 48;

    if (address >= UINT64_C(0xfffffffffff00000))
        return true;
    for (size_t i = 0; i < count; i++) {
        if (high == patterns[i])
            return true;
    }
    return false;
}

static uint64_t address_features(const struct log *log, const struct log_group *group)
{
    uint64_t address = group->first.fault.address, features = 0;

    if (group->first.fault.access == UDMAR_FAULT_INTERRUPT)
        return 0;
    if (address == 0 && group->low == group->high)
        features |= A_ZERO;
    if (address < 0x100000)
        features |= A_LOW;
    if (in_range(log, RANGE_RMRR, address))
        features |= A_RMRR;
    if (in_range(log, RANGE_RESERVED, address))
        features |= A_RESERVED;
    if (in_range(log, RANGE_RAM, address))
        features |= A_RAM;
    if (address >> 20 == 0xfee)
        features |= A_MSI;
    if (is_poison(address))
        features |= A_POISON;
    if (group->first.source == LOG_LINUX && address >= 0xf0000000 && address <= 0xffffffff &&
        (features & (A_MSI | A_RESERVED)) == 0)
        features |= A_IOVA;
    return features;
}

static uint64_t class_features(const struct log_device *device)
{
    switch (device->class_code >> 16) {
    case 0x01:
        return D_STORAGE;
    case 0x02:
        return D_NETWORK;
    case 0x03:
        return D_GRAPHICS;
    case 0x0c:
        return device->class_code >> 8 == 0x0c03 ? D_USB : 0;
    default:
        return 0;
    }
}

static uint64_t device_features(const struct log *log, const struct log_group *group)
{
    static const uint16_t alias_vendors[] = { 0x1b4b, 0x1103, 0x197b, 0x1180 };
    const struct udmar_fault *fault = &group->first.fault;
    const struct log_device *device = log_device_find(log, fault->segment, fault->rid);
    uint64_t features = 0;

    if (!group->first.has_device)
        return 0;
    if (UDMAR_RID_BUS(fault->rid) != 0 && UDMAR_RID_DEVFN(fault->rid) == 0)
        features |= D_FIRST_FUNCTION_ZERO;
    if (device == NULL) {
        /* 00:02.0 is the graphics of every Intel machine that has graphics. */
        if (fault->segment == 0 && fault->rid == UDMAR_RID(0, 2, 0) && !log->saw_pci)
            return features | D_GRAPHICS;
        if (log->saw_pci)
            features |= D_UNLISTED;
        for (unsigned i = 0; i < 8 && log->saw_pci; i++) {
            if (log_device_find(log, fault->segment, (udmar_rid_t)((fault->rid & ~7u) | i)) != NULL)
                features |= D_SIBLING;
        }
        return features;
    }
    features |= class_features(device);
    for (size_t i = 0; i < sizeof(alias_vendors) / sizeof(alias_vendors[0]); i++) {
        if (device->has_ids && device->vendor == alias_vendors[i])
            features |= D_ALIAS;
    }
    if (strcmp(device->driver, "vfio-pci") == 0)
        features |= D_VFIO;
    if (device->has_ids && device->driver[0] == '\0')
        features |= D_NO_DRIVER;
    if (strncmp(device->driver, "megaraid", 8) == 0 || strncmp(device->driver, "mfi", 3) == 0)
        features |= D_MEGARAID;
    return features;
}

static uint64_t group_features(const struct log *log, const struct log_group *group)
{
    const struct udmar_fault *fault = &group->first.fault;
    uint64_t features = reason_features(group->first.reason) | address_features(log, group) |
                        device_features(log, group);

    if (group->first.direction_known)
        features |= fault->access == UDMAR_FAULT_READ    ? IS_READ
                    : fault->access == UDMAR_FAULT_WRITE ? IS_WRITE
                                                         : 0;
    if (group->count + group->suppressed >= 10)
        features |= S_STORM;
    if (group->ascending && group->pages >= 4)
        features |= S_ASCENDING;
    if (group->first.time.has_seconds && group->first.time.seconds < 10)
        features |= S_EARLY;
    if (log->kdump)
        features |= S_KDUMP;
    if (fault->from_firmware)
        features |= FIRMWARE;
    if (group->first.place_known) {
        features |= fault->place == UDMAR_PLACE_LIVE       ? P_LIVE
                    : fault->place == UDMAR_PLACE_GONE     ? P_GONE
                    : fault->place == UDMAR_PLACE_NOTHING  ? P_NOTHING
                    : fault->place == UDMAR_PLACE_RESERVED ? P_RESERVED
                                                           : 0;
        if (fault->place == UDMAR_PLACE_NEAR &&
            fault->address - (fault->near_base + fault->near_size) < 2 * UDMAR_PAGE_SIZE)
            features |= S_BEHIND;
    }
    return features;
}

size_t explain_causes(const struct log *log, const struct log_group *group,
                      const struct cause *out_causes[CAUSE_LIMIT])
{
    uint64_t features = group_features(log, group);
    size_t count = 0;

    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const struct cause *cause = &causes[i];
        size_t at;

        if ((features & cause->need) != cause->need || (features & cause->avoid) != 0)
            continue;
        for (at = count; at > 0 && out_causes[at - 1]->weight < cause->weight; at--) {
            if (at < CAUSE_LIMIT)
                out_causes[at] = out_causes[at - 1];
        }
        if (at < CAUSE_LIMIT)
            out_causes[at] = cause;
        if (count < CAUSE_LIMIT)
            count++;
    }
    /* Where much is known, the ordinary guesses only distract. */
    while (count > 1 && out_causes[count - 1]->weight + 40 < out_causes[0]->weight)
        count--;
    return count;
}

const char *explain_place(const struct log *log, const struct log_group *group)
{
    uint64_t features = address_features(log, group);

    if (features & A_RMRR)
        return "inside an RMRR that the log lists";
    if (features & A_MSI)
        return "inside the interrupt range 0xfee00000-0xfeefffff";
    if (features & A_POISON)
        return "a fill pattern, not an address";
    if (features & A_RESERVED)
        return "in memory that the firmware reserves";
    if (features & A_ZERO)
        return "the very first page";
    if (features & A_LOW)
        return "below 1 MiB";
    if (features & A_RAM)
        return "the same number is ordinary memory in this machine's memory map";
    if (features & A_IOVA)
        return "in the range where Linux makes DMA addresses, just below 4 GiB";
    return NULL;
}
