/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot log says of the machine: PCI devices, their BARs and drivers, memory, RMRRs, scopes.
 */
#include "explain_read.h"
#include "explain_scan.h"

#include <ctype.h>
#include <string.h>

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
        /* Xen: sixteen digits, and a range behind them. */
        at = message + strspn(message, " [");
        if (strlen(at) < 20 || strspn(at, "0123456789abcdefABCDEF") != 16)
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
        log_range_add(log, RANGE_RAM, first, last);
    else if (strstr(end, "reserved") != NULL || strstr(end, "NVS") != NULL ||
             strstr(end, "type 20") != NULL)
        log_range_add(log, RANGE_RESERVED, first, last);
    return true;
}

/* Two numbers: "0xA end: 0xB", "A end_addr B", "A,B]", "0xA, 0xB]". */
static bool two_numbers(const char *at, uint64_t *first, uint64_t *last)
{
    at += strspn(at, " [(");
    at = scan_hex(at, first);
    if (at == NULL)
        return false;
    at += strspn(at, " ,:-");
    if (strncmp(at, "end", 3) == 0)
        at += 3 + strspn(at + 3, "_addr: ");
    return scan_hex(at, last) != NULL;
}

/* FreeBSD: "dmar0 ctx pci0:29:0 RMRR [0x7d2ce000, 0x7d2cffff]": bus, slot, function in decimal. */
static void freebsd_owner(const char *message, struct log_range *range)
{
    const char *at = strstr(message, "ctx pci");
    udmar_rid_t rid;
    uint16_t segment;
    bool known;

    if (at == NULL)
        return;
    at += 7;
    if (scan_place(at, NOTATION_DECIMAL, &segment, &rid, &known) != NULL) {
        log_range_own(range, segment, rid);
        return;
    }
    /* Bus and slot alone. */
    uint64_t bus, slot;

    at = scan_decimal(at, &bus);
    if (at != NULL && *at == ':' && scan_decimal(at + 1, &slot) != NULL && bus < 256 && slot < 32)
        log_range_own(range, 0, UDMAR_RID(bus, slot, 0));
}

/* Xen names the devices of an RMRR before its addresses: " endpoint: 0000:04:00.0". */
static bool xen_owner(struct log *log, const char *message)
{
    struct log_reader *reader = log->reader;
    const char *at = strstr(message, "endpoint: ");
    uint16_t segment;
    udmar_rid_t rid;

    if (strstr(message, "found ACPI_DMAR_") != NULL)
        reader->owner_count = 0;
    if (at == NULL || strstr(message, "[VT-D]") == NULL ||
        scan_device(at + 10, &segment, &rid) == NULL)
        return false;
    if (reader->owner_count < RANGE_OWNERS)
        reader->owners[reader->owner_count++] = rid;
    return true;
}

/*
 * Linux: "RMRR base: 0xA end: 0xB"; Xen: "RMRR region: base_addr A end_addr B", "RMRR: [A,B]";
 * FreeBSD: see above.
 */
static bool rmrr_line(struct log *log, const char *message)
{
    static const char *const heads[] = { "RMRR base: ", "RMRR region: base_addr ", "RMRR: [",
                                         "RMRR [" };
    struct log_reader *reader = log->reader;

    if (strstr(message, "Firmware Bug") != NULL)
        return false;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const char *at = strstr(message, heads[i]);
        struct log_range *range;
        uint64_t first, last;

        if (at == NULL || !two_numbers(at + strlen(heads[i]), &first, &last))
            continue;
        range = log_range_add(log, RANGE_RMRR, first, last);
        freebsd_owner(message, range);
        for (unsigned owner = 0; owner < reader->owner_count; owner++)
            log_range_own(range, 0, reader->owners[owner]);
        reader->owner_count = 0;
        return true;
    }
    return false;
}

/* Xen: "[VT-D] IOAPIC: 0000:f0:1f.0", "[VT-D] MSI HPET: 0000:f0:0f.0" */
static bool scope_line(struct log *log, const char *message)
{
    static const struct {
        const char *words;
        uint8_t type;
    } scopes[] = { { "IOAPIC: ", 3 }, { "HPET: ", 4 } };
    uint16_t segment;
    udmar_rid_t rid;

    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        const char *at = strstr(message, scopes[i].words);

        if (at == NULL || strstr(message, "[VT-D]") == NULL ||
            scan_device(at + strlen(scopes[i].words), &segment, &rid) == NULL)
            continue;
        log_scope_add(log, scopes[i].type, segment, rid, false);
        return true;
    }
    return false;
}

static void set_driver(struct log_device *device, const char *name, size_t length, size_t line)
{
    /* vfio-pci comes after the host's driver, and is what matters then; so the last one wins. */
    if (device == NULL || length == 0 || length >= sizeof(device->driver))
        return;
    memcpy(device->driver, name, length);
    device->driver[length] = '\0';
    device->vfio |= strcmp(device->driver, "vfio-pci") == 0;
    if (device->driver_line == 0)
        device->driver_line = line;
}

/*
 * "reg 0x10: [mem 0x40000000-0x40ffffff]", "BAR 0: assigned [mem 0xA-0xB 64bit pref]", and newer
 * "BAR 0 [mem 0xA-0xB 64bit]". Windows of bridges are none.
 */
static void bar_line(struct log *log, const char *rest, uint16_t segment, udmar_rid_t rid)
{
    const char *at = strstr(rest, "[mem 0x"), *end;
    uint64_t first, last;

    if (at == NULL || (strstr(rest, "reg ") == NULL && strstr(rest, "BAR ") == NULL) ||
        strstr(rest, "bridge window") != NULL)
        return;
    end = scan_hex(at + 5, &first);
    if (end == NULL || *end != '-' || scan_hex(end + 1, &last) == NULL || first == 0)
        return;
    log_range_own(log_range_add(log, RANGE_BAR, first, last), segment, rid);
}

/*
 * Kernels before 3.x printed the class without the interface, and the type without a zero: "type 0
 * class 0x000300".
 */
static uint32_t class_of(const char *at)
{
    const char *found = strstr(at, "class ");
    uint64_t value;

    if (found == NULL || scan_hex(found + 6, &value) == NULL)
        return 0;
    if (value <= 0xffff && (strstr(at, "type 0 ") != NULL || strstr(at, "type 1 ") != NULL ||
                            strstr(at, "type 2 ") != NULL))
        value <<= 8;
    return (uint32_t)value & 0xffffff;
}

/* "pci 0000:00:02.0: [8086:0412] type 00 class 0x030000" */
static bool pci_line(struct log *log, const char *message)
{
    struct log_device *device;
    uint64_t vendor, id;
    const char *at;
    uint16_t segment;
    udmar_rid_t rid;

    if (strncmp(message, "pci ", 4) != 0 || (at = scan_device(message + 4, &segment, &rid)) == NULL)
        return false;
    if (strncmp(at, ": [", 3) != 0 || (at = scan_hex(at + 3, &vendor)) == NULL || *at != ':' ||
        (at = scan_hex(at + 1, &id)) == NULL || *at != ']') {
        bar_line(log, strchr(message + 4, ' ') != NULL ? strchr(message + 4, ' ') : "", segment,
                 rid);
        return true;
    }
    device = log_device_add(log, segment, rid);
    log->saw_pci = true;
    if (device != NULL) {
        device->has_ids = true;
        device->vendor = (uint16_t)vendor;
        device->device = (uint16_t)id;
        device->class_code = class_of(at);
    }
    return true;
}

/* "e1000e 0000:00:04.0: ..." and "nvme nvme0: pci function 0000:00:05.0" */
static void driver_line(struct log *log, const char *message, size_t line)
{
    static const char *const not_drivers[] = { "pci",   "PCI",  "ACPI",     "pci_bus",
                                               "iommu", "DMAR", "pcieport", "platform" };
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
            set_driver(log_device_add(log, segment, rid), message, length, line);
        return;
    }
    /* Only with the segment: words like "at 12:30.5" must not become devices. */
    if (strspn(at + 1, "0123456789abcdef") == 4 && at[5] == ':' &&
        (at = scan_device(at + 1, &segment, &rid)) != NULL && *at == ':')
        set_driver(log_device_add(log, segment, rid), message, length, line);
}

/* FreeBSD: "ahci0: <Intel AHCI> port ... at device 31.2 on pci0" */
static bool freebsd_device(struct log *log, const char *message, size_t line)
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
    set_driver(device, message, length, line);
    return true;
}

void line_facts(struct log *log, const struct log_text *text)
{
    const char *message = text->message;

    if (memory_line(log, message) || xen_owner(log, message) || rmrr_line(log, message) ||
        scope_line(log, message) || pci_line(log, message) ||
        freebsd_device(log, message, text->line))
        return;
    driver_line(log, message, text->line);
}
