/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot log says of the machine: PCI devices and their drivers, memory, RMRRs.
 */
#include "explain_log.h"

#include <ctype.h>
#include <string.h>

enum { RANGE_LIMIT = 1024 };

static void add_range(struct log *log, enum range_kind kind, uint64_t first, uint64_t last)
{
    if (last < first || log->range_count == RANGE_LIMIT)
        return;
    if (log->ranges == NULL)
        log->ranges = allocate(RANGE_LIMIT, sizeof(log->ranges[0]));
    log->ranges[log->range_count++] = (struct log_range){ kind, first, last };
}

/*
 * Linux: "BIOS-e820: [mem 0xA-0xB] usable", older "BIOS-e820: A - B (usable)" with an end that is
 * the first byte behind. Xen: "A - B (usable)" and "[A, B] (usable)".
 */
static bool memory_line(struct log *log, const char *message)
{
    const char *at = strstr(message, "BIOS-e820: "), *end;
    uint64_t first, last;
    bool exclusive = false;

    if (at != NULL) {
        at += 11;
        if (strncmp(at, "[mem ", 5) == 0)
            at += 5;
    } else {
        at = message + strspn(message, " [");
        if ((at == message) || strlen(at) < 20 || strspn(at, "0123456789abcdefABCDEF") != 16)
            return false;
    }
    end = scan_hex(at, &first);
    if (end == NULL)
        return false;
    if (strncmp(end, " - ", 3) == 0) {
        exclusive = true;
        end += 3;
    } else if (strncmp(end, ", ", 2) == 0) {
        end += 2;
    } else if (*end == '-') {
        end++;
    } else {
        return false;
    }
    end = scan_hex(end, &last);
    if (end == NULL || (exclusive && last == 0))
        return false;
    last -= exclusive;
    if (strstr(end, "usable") != NULL)
        add_range(log, RANGE_RAM, first, last);
    else if (strstr(end, "reserved") != NULL || strstr(end, "NVS") != NULL ||
             strstr(end, "type 20") != NULL)
        add_range(log, RANGE_RESERVED, first, last);
    return true;
}

/* "RMRR base: 0xA end: 0xB"; Xen: "RMRR region: base_addr A end_addr B", "RMRR: [0xA,0xB]". */
static bool rmrr_line(struct log *log, const char *message)
{
    const char *at = strstr(message, "RMRR"), *end;
    uint64_t first, last;
    bool xen = at != NULL && strstr(at, "base_addr ") != NULL;

    if (at == NULL)
        return false;
    if (strncmp(at, "RMRR: [", 7) == 0 && (end = scan_hex(at + 7, &first)) != NULL && *end == ',' &&
        scan_hex(end + 1, &last) != NULL) {
        add_range(log, RANGE_RMRR, first, last);
        return true;
    }
    at = strstr(at, xen ? "base_addr " : "base: ");
    end = at != NULL ? strstr(at, xen ? "end_addr " : "end: ") : NULL;
    if (end == NULL || scan_hex(at + (xen ? 10 : 6), &first) == NULL ||
        scan_hex(end + (xen ? 9 : 5), &last) == NULL)
        return false;
    add_range(log, RANGE_RMRR, first, last);
    return true;
}

static void set_driver(struct log_device *device, const char *name, size_t length)
{
    /* vfio-pci comes after the host's driver, and is what matters then; so the last one wins. */
    if (device == NULL || length == 0 || length >= sizeof(device->driver))
        return;
    memcpy(device->driver, name, length);
    device->driver[length] = '\0';
}

/* "pci 0000:00:02.0: [8086:0412] type 00 class 0x030000" */
static bool pci_line(struct log *log, const char *message)
{
    uint64_t vendor, id, class_code = 0;
    struct log_device *device;
    const char *at, *class_at;
    uint16_t segment;
    udmar_rid_t rid;

    if (strncmp(message, "pci ", 4) != 0 || (at = scan_device(message + 4, &segment, &rid)) == NULL)
        return false;
    if (strncmp(at, ": [", 3) != 0 || (at = scan_hex(at + 3, &vendor)) == NULL || *at != ':' ||
        (at = scan_hex(at + 1, &id)) == NULL || *at != ']')
        return true;
    class_at = strstr(at, "class ");
    if (class_at != NULL)
        scan_hex(class_at + 6, &class_code);
    device = log_device_add(log, segment, rid);
    log->saw_pci = true;
    if (device != NULL) {
        device->has_ids = true;
        device->vendor = (uint16_t)vendor;
        device->device = (uint16_t)id;
        device->class_code = (uint32_t)class_code & 0xffffff;
    }
    return true;
}

/* "e1000e 0000:00:04.0: ..." and "nvme nvme0: pci function 0000:00:05.0" */
static void driver_line(struct log *log, const char *message)
{
    static const char *const not_drivers[] = { "pci", "PCI", "ACPI", "pci_bus", "iommu", "DMAR" };
    size_t length = strcspn(message, " :");
    const char *at = message + length;
    const char *function = strstr(message, ": pci function ");
    uint16_t segment;
    udmar_rid_t rid;

    if (length == 0 || length > 20 || *at != ' ')
        return;
    for (size_t i = 0; i < sizeof(not_drivers) / sizeof(not_drivers[0]); i++) {
        if (strlen(not_drivers[i]) == length && strncmp(message, not_drivers[i], length) == 0)
            return;
    }
    if (function != NULL) {
        if (scan_device(function + 15, &segment, &rid) != NULL)
            set_driver(log_device_add(log, segment, rid), message, length);
        return;
    }
    /* Only with the segment: words like "at 12:30.5" must not become devices. */
    if (strspn(at + 1, "0123456789abcdef") == 4 && at[5] == ':' &&
        (at = scan_device(at + 1, &segment, &rid)) != NULL && *at == ':')
        set_driver(log_device_add(log, segment, rid), message, length);
}

/* FreeBSD: "ahci0: <Intel AHCI> port ... at device 31.2 on pci0" */
static bool freebsd_device(struct log *log, const char *message)
{
    const char *at = strstr(message, " at device "), *bus;
    struct log_device *device;
    uint64_t slot, function, number;
    size_t length = strcspn(message, ":");

    if (at == NULL || (bus = strstr(at, " on pci")) == NULL || length > 15)
        return false;
    at = scan_decimal(at + 11, &slot);
    if (at == NULL || *at != '.' || scan_decimal(at + 1, &function) == NULL ||
        scan_decimal(bus + 7, &number) == NULL || slot > 31 || function > 7 || number > 255)
        return true;
    device = log_device_add(log, 0, UDMAR_RID(number, slot, function));
    set_driver(device, message, length);
    return true;
}

void line_facts(struct log *log, const char *message)
{
    if (strstr(message, "translation pre-enabled") != NULL ||
        strstr(message, "Copied translation tables from previous kernel") != NULL)
        log->kdump = true;
    if (memory_line(log, message) || rmrr_line(log, message) || pci_line(log, message) ||
        freebsd_device(log, message))
        return;
    driver_line(log, message);
}
