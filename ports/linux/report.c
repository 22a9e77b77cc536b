// SPDX-License-Identifier: BSD-2-Clause
/*
 * debugfs: udmar/units, domains, devices, counters, faults. Text for people, one thing a line, and
 * fields of the form name=value for programs.
 */
#include "port.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

static struct dentry *folder;

static const char *driver_of(const struct port_device *device)
{
    return device != NULL && device->pci->dev.driver != NULL ? device->pci->dev.driver->name : "-";
}

static void show_unit(struct seq_file *file, const struct udmar_unit_status *unit)
{
    seq_printf(file, "unit %u segment=%u base=%#llx version=%u.%u all=%u state=%s invalidation=%s ",
               unit->index, unit->segment, unit->base, unit->facts.version >> 4 & 15,
               unit->facts.version & 15, unit->include_all,
               unit->failed        ? "failed"
               : unit->translating ? "translating"
                                   : "off",
               unit->uses_queue ? "queue" : "registers");
    seq_printf(file, "fault-interrupt=%s coherent=%u caching-mode=%u cap=%#llx ecap=%#llx\n",
               unit->has_interrupt ? "yes" : "no", unit->facts.coherent, unit->facts.caching_mode,
               unit->facts.cap, unit->facts.ecap);
}

static int units_show(struct seq_file *file, void *data)
{
    mutex_lock(&port.mutex);
    for (unsigned i = 0; i < udmar_unit_count(port.instance); i++) {
        struct udmar_unit_status unit;

        if (udmar_unit_status(port.instance, i, &unit) == UDMAR_OK) {
            show_unit(file, &unit);
        }
    }
    mutex_unlock(&port.mutex);
    return 0;
}
DEFINE_SHOW_ATTRIBUTE(units);

static void show_domain(struct seq_file *file, struct udmar_domain *domain)
{
    struct port_device *device;
    struct udmar_domain_info info;

    udmar_domain_info(domain, &info);
    seq_printf(file,
               "domain id=%u levels=%u width=%u end=%#llx superpages=%s%s%s strict=%u "
               "table-pages=%llu ranges=%llu requester-ids=%u devices=",
               info.domain_id, info.levels, info.width, info.end,
               info.superpages & UDMAR_SUPERPAGE_2M ? "2M" : "",
               info.superpages & UDMAR_SUPERPAGE_1G ? "+1G" : "",
               info.superpages == 0 ? "none" : "", info.strict, info.table_pages, info.ranges,
               info.devices);
    list_for_each_entry(device, &port.devices, link) {
        if (device->domain == domain) {
            seq_printf(file, "%s,", pci_name(device->pci));
        }
    }
    seq_putc(file, '\n');
}

static bool is_first_of_domain(const struct port_device *wanted)
{
    struct port_device *device;

    list_for_each_entry(device, &port.devices, link) {
        if (device->domain == wanted->domain) {
            return device == wanted;
        }
    }
    return false;
}

static int domains_show(struct seq_file *file, void *data)
{
    struct port_device *device;

    mutex_lock(&port.mutex);
    list_for_each_entry(device, &port.devices, link) {
        if (device->domain != NULL && is_first_of_domain(device)) {
            show_domain(file, device->domain);
        }
    }
    mutex_unlock(&port.mutex);
    return 0;
}
DEFINE_SHOW_ATTRIBUTE(domains);

static void show_device(struct seq_file *file, const struct port_device *device)
{
    struct udmar_device_info info;
    u64 maps = port_device_sum(device, maps);

    udmar_device_info(device->device, &info);
    seq_printf(file, "%s driver=%s mode=%s unit=%d maps=%llu live=%llu pieces=%llu bytes=%llu ",
               pci_name(device->pci), driver_of(device), udmar_mode_string(info.mode), info.unit,
               maps, maps - port_device_sum(device, unmaps),
               maps + port_device_sum(device, further), port_device_sum(device, bytes));
    seq_printf(file, "coherent=%llu refused=%llu faults=%llu mask=%d ids=",
               port_device_sum(device, coherent) - port_device_sum(device, returned),
               port_device_sum(device, failed), info.faults,
               fls64(dma_get_mask(&device->pci->dev)));
    for (unsigned i = 0; i < min_t(unsigned, info.id_count, UDMAR_DEVICE_IDS); i++) {
        seq_printf(file, "%02x:%02x.%u,", UDMAR_RID_BUS(info.ids[i]), UDMAR_RID_DEVICE(info.ids[i]),
                   UDMAR_RID_FUNCTION(info.ids[i]));
    }
    seq_printf(file, " shared=%u reason=\"%s\"\n", info.shares_ids, info.reason);
}

static int devices_show(struct seq_file *file, void *data)
{
    struct port_device *device;

    mutex_lock(&port.mutex);
    list_for_each_entry(device, &port.devices, link) {
        show_device(file, device);
    }
    mutex_unlock(&port.mutex);
    return 0;
}
DEFINE_SHOW_ATTRIBUTE(devices);

static int counters_show(struct seq_file *file, void *data)
{
    struct udmar_fault_counts faults;
    struct udmar_unit_status unit;

    mutex_lock(&port.mutex);
    udmar_fault_counts(port.instance, &faults);
    seq_printf(file, "faults total=%llu dropped=%llu overflows=%llu unprinted=%llu\n", faults.total,
               faults.dropped, faults.overflows, faults.suppressed);
    for (unsigned i = 0; i < udmar_unit_count(port.instance); i++) {
        if (udmar_unit_status(port.instance, i, &unit) == UDMAR_OK) {
            seq_printf(file,
                       "unit %u context-requests=%llu iotlb-requests=%llu waits=%llu "
                       "queue-errors=%llu timeouts=%llu\n",
                       i, unit.context_requests, unit.iotlb_requests, unit.waits, unit.queue_errors,
                       unit.timeouts);
        }
    }
    mutex_unlock(&port.mutex);
    return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

/* The sentence of the log, and Linux's names for who did it. */
static int faults_show(struct seq_file *file, void *data)
{
    struct udmar_fault fault;
    char text[480];
    u64 last = 0;

    mutex_lock(&port.mutex);
    while (udmar_fault_next(port.instance, last, &fault)) {
        struct port_device *device = fault.device != NULL ? port_device_of(fault.device) : NULL;

        last = fault.sequence;
        (void)udmar_fault_format(port.instance, &fault, text, sizeof(text));
        seq_printf(file,
                   "device=%s driver=%s access=%s address=%#llx reason=%#x near=%#llx+%#llx %s\n",
                   device != NULL ? pci_name(device->pci) : "-", driver_of(device),
                   fault.access == UDMAR_FAULT_READ ? "read" : "write", fault.address, fault.reason,
                   fault.near_base, fault.near_size, text);
    }
    mutex_unlock(&port.mutex);
    return 0;
}
DEFINE_SHOW_ATTRIBUTE(faults);

void port_report_init(void)
{
    folder = debugfs_create_dir("udmar", NULL);
    debugfs_create_file("units", 0400, folder, NULL, &units_fops);
    debugfs_create_file("domains", 0400, folder, NULL, &domains_fops);
    debugfs_create_file("devices", 0400, folder, NULL, &devices_fops);
    debugfs_create_file("counters", 0400, folder, NULL, &counters_fops);
    debugfs_create_file("faults", 0400, folder, NULL, &faults_fops);
}

void port_report_exit(void)
{
    debugfs_remove(folder);
}
