/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a machine besides its log: its devices (lspci, sysfs) and its DMAR table.
 */
#include "explain_machine.h"
#include "explain_scan.h"
#include "table_view.h"

#include <string.h>

/* "VGA compatible controller [0300]: ..." of lspci -nn: the class stands in the name only. */
static uint32_t class_in_name(const char *name)
{
    const char *end = strstr(name, "]: ");
    uint64_t value;

    if (end == NULL || end - name < 5 || end[-5] != '[' || scan_hex(end - 4, &value) != end)
        return 0;
    return (uint32_t)value << 8;
}

void machine_add_devices(struct log *log, const struct pci_machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        const struct pci_function *function = &machine->functions[i];
        struct log_device *device = log_device_add(log, function->segment, function->rid);

        log->saw_pci = true;
        if (device == NULL)
            continue;
        device->from_list = true;
        /* It is on the list, so it is there, whatever the list says of it. */
        device->has_ids = true;
        if (function->has_ids) {
            device->vendor = function->vendor;
            device->device = function->device;
            device->class_code = function->class_code;
        }
        pci_name(function, device->name, sizeof(device->name));
        if (device->class_code == 0)
            device->class_code = class_in_name(device->name);
    }
}

/* RMRRs with the devices that they name. */
static void add_rmrr(struct log *log, const struct table_view *view,
                     const struct udmar_entry *entry)
{
    struct log_range *range =
        log_range_add(log, RANGE_RMRR, entry->u.rmrr.base, entry->u.rmrr.limit);
    struct udmar_scope scope = { 0 };
    udmar_rid_t rid;

    if (range == NULL)
        return;
    range->from_table = true;
    while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
        if (table_view_scope(view, entry, &scope, &rid))
            log_range_own(range, udmar_entry_segment(entry), rid);
    }
}

/* I/O APICs, HPETs and ACPI devices: ids that no device list has. */
static void add_unit(struct log *log, const struct table_view *view,
                     const struct udmar_entry *entry)
{
    enum { IOAPIC = 3, ACPI_DEVICE = 5 };
    struct udmar_scope scope = { 0 };
    udmar_rid_t rid;

    while (udmar_entry_next_scope(&view->found->table, entry, &scope)) {
        if (scope.type >= IOAPIC && scope.type <= ACPI_DEVICE &&
            table_view_scope(view, entry, &scope, &rid))
            log_scope_add(log, scope.type, udmar_entry_segment(entry), rid, true);
    }
}

void machine_add_table(struct log *log, const struct table_found *found,
                       const struct pci_machine *machine)
{
    const struct udmar_entry *entry = NULL;
    struct table_view view;

    if (found->status != UDMAR_OK && found->status != UDMAR_ERR_CHECKSUM)
        return;
    log->has_table = true;
    table_view_make("", found, machine, &view);
    while ((entry = table_view_next(&view, entry)) != NULL) {
        if (entry->type == UDMAR_ENTRY_RMRR)
            add_rmrr(log, &view, entry);
        else if (entry->type == UDMAR_ENTRY_DRHD)
            add_unit(log, &view, entry);
    }
    table_view_free(&view);
}
