/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a feature is known, in words. What the fault itself says needs none.
 */
#include "explain_text.h"

#include <string.h>

static const struct {
    enum feature feature;
    const char *text;
} evidence[] = {
    { A_RMRR_OTHER, "that RMRR names other devices" },
    { A_RMRR_SIBLING, "an RMRR at or beside the address names other functions of the slot" },
    { A_RESERVED, "the memory map in the log calls the address reserved" },
    { A_RAM, "the memory map in the log calls the number memory" },
    { A_PAST_RAM, "no memory is there by the memory map or the table dump in the log" },
    { A_BAR, "the log shows the BAR" },
    { A_KERNEL, "the address begins like a kernel pointer" },
    { A_USER, "the address begins like a program's pointer" },
    { A_TRUNCATED, "the address is just below an odd power of two" },
    { A_GPU_END, "the address is just below 2^39" },
    { A_ROUND, "the address is a power of two" },
    { A_LARGE, "the address is a multiple of 2 MiB" },
    { A_IOVA, "Linux makes DMA addresses from 4 GiB downwards, and the address is there" },
    { A_FOREIGN, "Linux makes DMA addresses from the top, and the address is not there" },
    { A_FIRMWARE, "the number is between 1.5 and 3.5 GiB, where memory below 4 GiB ends" },
    { D_REMOVED, "the log says that the device went" },
    { OS_GUEST, "the log says that this system runs in a virtual machine" },
    { D_IGFX, "00:02.0 is Intel's graphics" },
    { D_USB, "the class, or the place on bus 0, is that of a USB controller" },
    { D_IPU, "00:05.0 is the camera of Intel's processors" },
    { D_LPSS, "the place on bus 0 is that of LPSS" },
    { D_CHILDREN, "the log shows platform devices below it" },
    { D_BRIDGE, "00:1e.0 is the PCI bridge of older chipsets" },
    { D_HIDDEN_ME, "00:16 and 00:12 are the management engine's, and no list has this function" },
    { D_VMD, "the place is that of a VMD controller" },
    { D_VMD_CHILD, "buses from 0xe0 on (0x80, where the VMD driver spoke) are VMD's" },
    { D_UNLISTED, "the device list does not have it" },
    { D_SIBLING, "other functions of the slot are known" },
    { D_NEIGHBOURS, "the log shows a device on that bus that cannot be behind a PCIe link" },
    { D_VFIO, "the log shows vfio-pci for the device" },
    { D_DRIVER, "the log shows a driver of the host for the device" },
    { D_NO_DRIVER, "the log lists the device, and no driver for it" },
    { D_SWITCHED, "the log says that its domain was changed" },
    { D_ALIAS, "the vendor id" },
    { D_MEGARAID, "the driver's name" },
    { S_EARLY, "it was within ten seconds of the start, or before the device's driver spoke" },
    { S_LATE, "it was a minute after the start or later" },
    { S_REFRESH, "the times are those of a display's pictures" },
    { S_SHARED, "another device has the same address" },
    { S_KDUMP, "the log says that translation was on when this kernel came" },
    { S_RESUME, "the log shows a resume shortly before" },
    { S_OLD, "the form of the message" },
    { S_UNMATCHED, "the log says \"unmaps unmatched page\"" },
};

const char *feature_evidence(enum feature feature, const struct log *log)
{
    /* What either the log or the table says. */
    switch (feature) {
    case A_RMRR:
        return log->has_table ? "the address is in an RMRR that the table or the log lists"
                              : "the address is in an RMRR that the log lists";
    case D_HPET:
        return log->has_table ? "an HPET's id by the table's scopes or by convention"
                              : "an HPET's id by convention (the table was not given)";
    case D_IOAPIC:
        return log->has_table ? "an I/O APIC's id by the table's scopes or by convention"
                              : "an I/O APIC's id by convention (the table was not given)";
    default:
        break;
    }
    for (size_t i = 0; i < sizeof(evidence) / sizeof(evidence[0]); i++) {
        if (evidence[i].feature == feature)
            return evidence[i].text;
    }
    return NULL;
}

const char *explain_place(const struct log *log, const struct log_group *group)
{
    static const struct {
        enum feature feature;
        const char *text;
    } places[] = {
        { A_HIDDEN, NULL },
        { A_RMRR, "inside an RMRR" },
        { A_MSI, "inside the interrupt range 0xfee00000-0xfeefffff" },
        { A_KERNEL, "a pointer of the kernel, not a DMA address" },
        { A_POISON, "a fill pattern, not an address" },
        { A_BAR, "inside a BAR of another device" },
        { A_IOVA, "in the range where Linux makes DMA addresses, just below 4 GiB" },
        { A_TRUNCATED, "the end of an address space that nobody has" },
        { A_PAST_RAM, "past the end of memory" },
        { A_RESERVED, "in memory that the firmware reserves" },
        { A_ZERO, "the very first page" },
        { A_LOW, "below 1 MiB" },
        { A_RAM, "the same number is ordinary memory in this machine's memory map" },
        { A_FOREIGN, "none that Linux makes: it makes them from 4 GiB downwards, or at the end of "
                     "the device's reach" },
    };
    struct features features;

    features_of(log, group, &features);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (features.has[places[i].feature])
            return places[i].text;
    }
    return NULL;
}
