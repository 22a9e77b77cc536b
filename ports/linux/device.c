// SPDX-License-Identifier: BSD-2-Clause
/*
 * PCI functions: each gets its operations before its driver, those that come later too.
 *
 * The bus tells of new functions before any driver sees them, and of a driver before its probe is
 * called, always from threads that may sleep. Everything here runs under port.mutex.
 */
#include "port.h"

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

bool port_in_use(struct pci_dev *pci)
{
    return pci->dev.driver != NULL && !pci_is_bridge(pci);
}

const char *port_physical_reason(struct pci_dev *pci)
{
    if (pci->class >> 8 == PCI_CLASS_BRIDGE_ISA) {
        return "transfers of the old DMA controller carry its id and physical addresses";
    }
    if (port_in_use(pci)) {
        return "a driver had it before this module came, and its device knows physical addresses";
    }
    return NULL;
}

struct port_device *port_device_for(const struct pci_dev *pci)
{
    struct port_device *device;

    list_for_each_entry(device, &port.devices, link) {
        if (device->pci == pci) {
            return device;
        }
    }
    return NULL;
}

struct port_device *port_device_of(const struct udmar_device *wanted)
{
    struct port_device *device;

    list_for_each_entry(device, &port.devices, link) {
        if (device->device == wanted) {
            return device;
        }
    }
    return NULL;
}

/* The library's line has the address; this one has what Linux calls the device and its driver. */
static void tell_fault(void *argument, const struct udmar_fault *fault)
{
    struct port_device *device = argument;

    dev_err_ratelimited(&device->pci->dev, "udmar: fault %llu: DMA %s at %#llx was blocked: %s\n",
                        fault->sequence, fault->access == UDMAR_FAULT_READ ? "read" : "write",
                        fault->address, udmar_fault_reason_string(fault->reason));
}

u64 port_device_count(const struct port_device *device, size_t field)
{
    u64 sum = 0;
    int cpu;

    for_each_possible_cpu(cpu) {
        sum += *(u64 *)((void *)per_cpu_ptr(device->counts, cpu) + field);
    }
    return sum;
}

static void release(struct port_device *device)
{
    free_percpu(device->counts);
    pci_dev_put(device->pci);
    kfree(device);
}

static int attach(struct pci_dev *pci)
{
    struct port_device *device;
    enum udmar_status status;
    u16 segment;

    if (pci_is_bridge(pci) || port_device_for(pci) != NULL) {
        return 0;
    }
    if (!port_segment(pci->bus, &segment)) {
        dev_warn(&pci->dev, "udmar: left alone: there is no number for its segment\n");
        return 0;
    }
    device = kzalloc(sizeof(*device), GFP_KERNEL);
    if (device == NULL) {
        return -ENOMEM;
    }
    device->pci = pci_dev_get(pci);
    device->was_bound = port_in_use(pci);
    device->counts = alloc_percpu(struct port_counts);
    if (device->counts == NULL) {
        release(device);
        return -ENOMEM;
    }
    status = udmar_device_attach(port.instance, segment, pci_dev_id(pci), NULL, &device->device);
    if (status != UDMAR_OK) {
        /* The library has said so. Without a context the unit stops all that the device does. */
        dev_err(&pci->dev, "udmar: not attached: %s\n", udmar_status_string(status));
        release(device);
        return -EIO;
    }
    (void)udmar_device_on_fault(device->device, tell_fault, device);
    list_add_tail(&device->link, &port.devices);
    return 0;
}

/* A driver that is bound to a device with our operations keeps the module. */
static void hold(struct port_device *device)
{
    if (device->has_ops && !device->holds) {
        device->holds = try_module_get(THIS_MODULE);
    }
}

static void install(struct port_device *device)
{
    struct udmar_device_info info;

    udmar_device_info(device->device, &info);
    device->mode = info.mode;
    device->domain = udmar_device_domain(device->device);
    if (device->has_ops || !port_ops_fill(device)) {
        return;
    }
    if (device->was_bound) {
        dev_warn(&device->pci->dev,
                 "udmar: its driver will lose its device: it is %s, and was "
                 "bound before\n",
                 udmar_mode_string(info.mode));
    }
    set_dma_ops(&device->pci->dev, &device->ops);
    device->has_ops = true;
    if (device->was_bound) {
        hold(device);
    }
}

struct port_device *port_device_come(struct pci_dev *pci)
{
    struct port_device *device = port_device_for(pci);

    if (device == NULL && attach(pci) == 0) {
        device = port_device_for(pci);
        if (device != NULL) {
            install(device);
        }
    }
    return device;
}

void port_device_uninstall(struct port_device *device)
{
    if (device->has_ops) {
        set_dma_ops(&device->pci->dev, NULL);
    }
    device->has_ops = false;
}

/* Whoever has what a driver has left mapped may still unmap it, and for that needs our operations.
 */
static bool has_left(const struct port_device *device)
{
    u64 left = port_device_sum(device, maps) - port_device_sum(device, unmaps);

    if (left != 0) {
        dev_err(&device->pci->dev, "udmar: %llu mappings were left behind by its driver\n", left);
    }
    return left != 0;
}

/* The driver has gone. What it has left mapped keeps its addresses and this module for good. */
static void detach(struct port_device *device)
{
    enum udmar_status status;

    if (has_left(device)) {
        if (!device->holds) {
            __module_get(THIS_MODULE);
        }
        device->holds = true;
        list_del(&device->link);
        return;
    }
    port_device_uninstall(device);
    (void)udmar_device_on_fault(device->device, NULL, NULL);
    /* A callback on another processor, in an interrupt or a poll, may still look at the device. */
    synchronize_rcu();
    status = udmar_device_detach(device->device);
    if (status != UDMAR_OK) {
        dev_err(&device->pci->dev, "udmar: not detached: %s\n", udmar_status_string(status));
    }
    list_del(&device->link);
    if (device->holds) {
        module_put(THIS_MODULE);
    }
    release(device);
}

/* Those whose addresses are in use come first: who shares an id with them gets their mode. */
int port_devices_attach(void)
{
    for (int round = 0; round < 2; round++) {
        struct pci_dev *pci = NULL;

        for_each_pci_dev(pci) {
            if ((round == 0) == (port_physical_reason(pci) != NULL) && attach(pci) == -ENOMEM) {
                pci_dev_put(pci);
                return -ENOMEM;
            }
        }
    }
    return 0;
}

void port_devices_install(void)
{
    struct port_device *device;

    list_for_each_entry(device, &port.devices, link) {
        install(device);
    }
}

void port_devices_uninstall(void)
{
    struct port_device *device;

    list_for_each_entry(device, &port.devices, link) {
        port_device_uninstall(device);
    }
}

void port_devices_remove(void)
{
    struct port_device *device, *next;

    list_for_each_entry_safe(device, next, &port.devices, link) {
        detach(device);
    }
}

/* ---- those that come and go ------------------------------------------------------------------ */

/* The driver's managed memory has gone back before this. */
static void let_go(struct port_device *device)
{
    if (device->holds && !has_left(device)) {
        module_put(THIS_MODULE);
        device->holds = false;
    }
}

static int bus_event(struct notifier_block *block, unsigned long event, void *argument)
{
    struct pci_dev *pci = to_pci_dev(argument);
    struct port_device *device;

    mutex_lock(&port.mutex);
    device = port.running && event == BUS_NOTIFY_ADD_DEVICE ? port_device_come(pci)
                                                            : port_device_for(pci);
    if (port.running && device != NULL) {
        switch (event) {
        case BUS_NOTIFY_BIND_DRIVER:
            hold(device);
            break;
        case BUS_NOTIFY_DRIVER_NOT_BOUND:
        case BUS_NOTIFY_UNBOUND_DRIVER:
            let_go(device);
            break;
        case BUS_NOTIFY_REMOVED_DEVICE:
            detach(device);
            break;
        }
    }
    mutex_unlock(&port.mutex);
    return NOTIFY_DONE;
}

static struct notifier_block bus_block = { .notifier_call = bus_event };

int port_devices_listen(void)
{
    return bus_register_notifier(&pci_bus_type, &bus_block);
}

void port_devices_ignore(void)
{
    bus_unregister_notifier(&pci_bus_type, &bus_block);
}
