/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a log says of the system that runs: which kernel, from which start of it on, in a virtual
 * machine or not; and what happened to devices: given away, moved to another domain, removed.
 */
#include "explain_log.h"
#include "explain_scan.h"

#include <string.h>

static struct log_boot *boot_of(struct log *log)
{
    return &log->boots[log->boot];
}

/* "6.12.43-1-MANJARO", "4.17.2": LOG_VERSION(), or 0. */
static uint32_t version_of(const char *at)
{
    uint64_t part[3] = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        at = scan_decimal(at, &part[i]);
        if (at == NULL || part[i] > 0xff)
            return i < 2 ? 0 : (uint32_t)LOG_VERSION(part[0], part[1], 0);
        if (*at != '.')
            break;
        at++;
    }
    return (uint32_t)LOG_VERSION(part[0], part[1], part[2]);
}

static void set_version(struct log *log, const char *at)
{
    struct log_boot *boot = boot_of(log);
    uint32_t version = version_of(at);

    if (version != 0 && !boot->has_version) {
        boot->has_version = true;
        boot->version = version;
    }
}

/* A system starts: what was true of the one before is not true of this one. */
static void version_line(struct log *log, const char *low)
{
    static const char *const starts[] = { "linux version ", "xen version ", "freebsd " };
    const char *trace = strstr(low, "tainted ");

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (strncmp(low, starts[i], strlen(starts[i])) != 0)
            continue;
        /* The first kernel of a log is the boot that is already open. */
        if (boot_of(log)->has_version && log->boot + 1 < BOOT_LIMIT)
            log->boot++;
        set_version(log, low + strlen(starts[i]));
        return;
    }
    if (strncmp(low, "-- boot ", 8) == 0 || strncmp(low, "-- reboot", 9) == 0) {
        if (log->lines > 1 && log->boot + 1 < BOOT_LIMIT)
            log->boot++;
        return;
    }
    /* "CPU: 0 PID: 347 Comm: rtcwake Not tainted 5.4.0-yocto-standard #124" */
    if (trace != NULL && strncmp(low, "cpu: ", 5) == 0) {
        trace += 8;
        while (*trace != '\0' && (*trace < '0' || *trace > '9' || trace[-1] != ' '))
            trace++;
        set_version(log, trace);
    }
}

static bool any(const char *low, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(low, words[i]) != NULL)
            return true;
    }
    return false;
}

#define ANY(low, words) any(low, words, sizeof(words) / sizeof((words)[0]))

static void mode_line(struct log *log, const struct log_text *text)
{
    static const char *const guest[] = { "hypervisor detected: ",
                                         "booting paravirtualized kernel on kvm", "dmi: qemu ",
                                         "dmi: vmware", "dmi: xen hvm" };
    static const char *const kdump[] = { "translation pre-enabled",
                                         "copied translation tables from previous kernel",
                                         "copied ir table", "elfcorehdr=", " reset_devices" };
    static const char *const resume[] = { "waking up from system sleep", "pm: suspend exit",
                                          "pm: resume", "finishing wakeup from acpi s",
                                          "enabling non-boot cpus" };
    struct log_boot *boot = boot_of(log);

    boot->guest |= ANY(text->low, guest);
    boot->kdump |= ANY(text->low, kdump) && strstr(text->low, "not in kdump") == NULL;
    boot->vmd |= strncmp(text->low, "vmd ", 4) == 0;
    boot->erratum |= strstr(text->low, "chipset that contains an erratum") != NULL ||
                     strstr(text->low, "has enabled interrupt remapping") != NULL;
    boot->unmatched |= strstr(text->low, "driver unmaps unmatched page") != NULL;
    if (ANY(text->low, resume))
        boot->resume_line = text->line;
}

/* "/devices/pci0000:00/0000:00:1e.3/pxa2xx-spi.3": something hangs below a function. */
static void child_line(struct log *log, const char *low)
{
    const char *at = strstr(low, "/devices/pci"), *end;
    struct log_device *device;
    uint16_t segment;
    udmar_rid_t rid;

    at = at != NULL ? strchr(at + 12, '/') : NULL;
    while (at != NULL && (end = scan_device(at + 1, &segment, &rid)) != NULL) {
        /* Another function below is a bus, a driver's own things are not platform devices. */
        if (*end == '/' && scan_device(end + 1, &segment, &rid) == NULL &&
            strchr(end, '.') != NULL && strncmp(end, "/usb", 4) != 0 &&
            strncmp(end, "/ata", 4) != 0) {
            scan_device(at + 1, &segment, &rid);
            device = log_device_add(log, segment, rid);
            if (device != NULL)
                device->children = true;
            return;
        }
        at = *end == '/' ? end : NULL;
    }
}

static void device_line(struct log *log, const char *low)
{
    static const char *const switched[] = { "using iommu dma mapping", "uses non-identity mapping",
                                            "device uses a private", "uses identity mapping",
                                            "using iommu direct mapping" };
    static const char *const given[] = { "vfio", "pci-stub", "pciback", "assigned device" };
    static const char *const removed[] = { "card not present", "link down", "was removed" };
    struct log_device *device;
    uint16_t segment;
    udmar_rid_t rid;
    bool is_switched = ANY(low, switched), is_removed = ANY(low, removed);
    bool is_given = ANY(low, given);

    if ((!is_switched && !is_removed && !is_given) || scan_any_device(low, &segment, &rid) == NULL)
        return;
    device = log_device_add(log, segment, rid);
    if (device == NULL)
        return;
    device->switched |= is_switched;
    device->removed |= is_removed;
    device->vfio |= is_given;
}

void line_system(struct log *log, const struct log_text *text)
{
    version_line(log, text->low);
    mode_line(log, text);
    child_line(log, text->low);
    device_line(log, text->low);
}
