/* SPDX-License-Identifier: BSD-2-Clause */
/* Bringing the machine up in the order that a kernel would: table, units, devices, drivers. */
#include "system.h"

#include <udmar/host.h>

#include "cmdline.h"
#include "cpu.h"
#include "interrupts.h"

#define MAX_RAM 64

struct system the_system;

static void report_tunable(void *context, const char *name, const char *value,
                           enum udmar_status status)
{
    (void)context;
    kprintf("command line: %s=%s: %s\n", name, value,
            status == UDMAR_ERR_NAME    ? "there is no such tunable"
            : status == UDMAR_ERR_VALUE ? "the value is not one that it takes"
                                        : udmar_status_string(status));
}

static uint32_t cpu_signature(void)
{
    uint32_t a = 1;
    uint32_t b;
    uint32_t c = 0;
    uint32_t d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a;
}

static enum udmar_status make_instance(struct udmar **out_instance)
{
    static struct udmar_ram_range ram[MAX_RAM];
    static struct udmar_config config;
    uint64_t base;
    uint64_t end;

    config = (struct udmar_config){ .ram = ram, .cpu_signature = cpu_signature() };
    /* amd64 maps all memory for ever, i386 a part of it. */
    config.direct_map = sizeof(void *) == 8;
    config.ticking = cmdline_get("tick", NULL, 0);
    host_units_snoop = cmdline_get("bench.snoop", NULL, 0);
    config.interrupts = interrupts_config(out_instance);
    for (unsigned i = 0; i < MAX_RAM && ram_range(i, &base, &end); i++) {
        ram[config.ram_count++] = (struct udmar_ram_range){ .base = base, .size = end - base };
    }
    udmar_tunables_init(&config.tunables);
    (void)udmar_tunables_parse(&config.tunables, cmdline, report_tunable, NULL);
    config.table = acpi_table("DMAR", &config.table_size);
    if (config.table == NULL && config.tunables.enable) {
        kprintf("firmware has no DMAR table: there is no remapping unit to drive\n");
        config.tunables.enable = false;
    }
    return udmar_create(NULL, &config, out_instance);
}

static bool is_bridge(const struct pci_device *pci)
{
    return pci->class == PCI_CLASS_BRIDGE;
}

/* What log lines call it: the kind of device, without the ids that pci_describe() adds. */
static void short_name(const struct pci_device *pci, char *name, size_t size)
{
    char *bracket;

    kstrcopy(name, size, pci_describe(pci));
    bracket = strchr(name, '[');
    if (bracket != NULL && bracket > name + 1) {
        bracket[-1] = '\0';
    }
}

/* Every function gets what policy says before the first driver touches it. */
static bool attach_all(struct system *system)
{
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci_next(pci)) {
        struct udmar_device *device;
        udmar_rid_t rid = (udmar_rid_t)(pci->bus << 8 | pci->devfn);
        char name[32];

        if (is_bridge(pci)) {
            continue;
        }
        short_name(pci, name, sizeof(name));
        if (udmar_device_attach(system->dmar, pci->segment, rid, name, &device) != UDMAR_OK) {
            return false;
        }
    }
    return true;
}

static struct unit_under_test *add(struct system *system, struct unit_under_test *list,
                                   unsigned *count, struct pci_device *pci, const char *kind)
{
    struct unit_under_test *unit;
    struct udmar_device_info info;

    if (*count == SYSTEM_MAX) {
        kprintf("%s: more devices of a kind than this program looks at\n", pci->name);
        return NULL;
    }
    unit = &list[(*count)++];
    unit->pci = pci;
    unit->device =
        udmar_device_find(system->dmar, pci->segment, (udmar_rid_t)(pci->bus << 8 | pci->devfn));
    udmar_device_info(unit->device, &info);
    unit->mode = info.mode;
    ksnprintf(unit->label, sizeof(unit->label), "%s at %s", kind, pci->name + 5);
    return unit;
}

/* Where the machine has the device with 28 address bits; nothing about it says so but its place. */
#define NARROW_NAME "0000:00:07.0"
#define NARROW_END  ((UINT64_C(1) << 28) - 1)

static bool is_narrow(const struct pci_device *pci)
{
    return cmdline_get("narrow", NULL, 0) && strcmp(pci->name, NARROW_NAME) == 0;
}

/* A bus that is narrower than its device would put a tag like this between the two. */
static void probe_narrow(struct system *system, struct pci_device *pci)
{
    struct unit_under_test *unit;
    unsigned none = 0;

    unit = add(system, &system->narrow, &none, pci, "28-bit edu");
    if (bus_dma_tag_create(udmar_device_dma_tag(unit->device), 1, 0, NARROW_END, BUS_SPACE_MAXADDR,
                           NULL, NULL, BUS_SPACE_MAXSIZE, BUS_SPACE_UNRESTRICTED, BUS_SPACE_MAXSIZE,
                           0, NULL, NULL, &system->narrow_tag) == 0) {
        unit->driver = edu_attach(pci, system->narrow_tag);
    }
}

/* The driver's view: a device and its tag. A blocked device would only time out. */
static void probe(struct system *system, struct pci_device *pci)
{
    struct unit_under_test *unit = NULL;

    if (ahci_probe(pci)) {
        unit = add(system, system->disk, &system->disks, pci, "disk adapter");
        if (unit != NULL && unit->mode != UDMAR_MODE_BLOCKED) {
            unit->driver = ahci_attach(pci, udmar_device_dma_tag(unit->device));
        }
    } else if (em_probe(pci)) {
        unit = add(system, system->net, &system->nets, pci, "network card");
        if (unit != NULL && unit->mode != UDMAR_MODE_BLOCKED) {
            unit->driver = em_attach(pci, udmar_device_dma_tag(unit->device));
        }
    } else if (is_narrow(pci)) {
        probe_narrow(system, pci);
    } else if (pci->vendor == EDU_VENDOR && pci->device == EDU_DEVICE) {
        unit = add(system, system->edu, &system->edus, pci, "edu");
        if (unit != NULL) {
            unit->driver = edu_attach(pci, udmar_device_dma_tag(unit->device));
        }
    }
}

bool system_start(struct system *system)
{
    enum udmar_status status = make_instance(&system->dmar);

    if (status != UDMAR_OK) {
        kprintf("the driver cannot start: %s\n", udmar_status_string(status));
        return false;
    }
    if (!attach_all(system)) {
        return false;
    }
    status = udmar_start(system->dmar);
    system->protected = status == UDMAR_OK;
    if (status != UDMAR_OK && status != UDMAR_ERR_DISABLED) {
        kprintf("the driver cannot start: %s\n", udmar_status_string(status));
        return false;
    }
    for (struct pci_device *pci = pci_first(); pci != NULL; pci = pci_next(pci)) {
        probe(system, pci);
    }
    /* Every driver has written its device's interrupt: nothing goes through an older table. */
    return udmar_interrupt_forget_found(system->dmar, NULL, 0, 0) == UDMAR_OK;
}

static bool detach_drivers(struct system *system)
{
    bool clean = true;

    for (unsigned i = 0; i < system->disks; i++) {
        clean &= system->disk[i].driver == NULL || ahci_detach(system->disk[i].driver);
    }
    for (unsigned i = 0; i < system->nets; i++) {
        clean &= system->net[i].driver == NULL || em_detach(system->net[i].driver);
    }
    for (unsigned i = 0; i < system->edus; i++) {
        clean &= system->edu[i].driver == NULL || edu_detach(system->edu[i].driver);
    }
    clean &= system->narrow.driver == NULL || edu_detach(system->narrow.driver);
    clean &= bus_dma_tag_destroy(system->narrow_tag) == 0;
    return clean;
}

bool system_stop(struct system *system)
{
    bool clean = detach_drivers(system);
    struct udmar_device *device = udmar_device_next(system->dmar, NULL);

    while (device != NULL) {
        struct udmar_device *next = udmar_device_next(system->dmar, device);
        struct udmar_device_info info;

        udmar_device_info(device, &info);
        if (!info.by_firmware) {
            clean &= udmar_device_detach(device) == UDMAR_OK;
        }
        device = next;
    }
    if (system->protected) {
        clean &= udmar_stop(system->dmar) == UDMAR_OK;
    }
    clean &= udmar_destroy(system->dmar) == UDMAR_OK;
    return clean;
}

void system_leave_behind(void)
{
    static struct udmar *instance;

    kprintf("playing firmware: translation and interrupt remapping are switched on and left on\n");
    if (make_instance(&instance) == UDMAR_OK) {
        interrupts_leave_behind();
        (void)udmar_start(instance);
    }
}

struct udmar_device *system_device(struct system *system, const char *name)
{
    struct pci_device *pci = pci_find_name(name);
    struct udmar_device *device = NULL;

    if (pci != NULL) {
        device = udmar_device_find(system->dmar, pci->segment,
                                   (udmar_rid_t)(pci->bus << 8 | pci->devfn));
    }
    if (device == NULL) {
        kprintf("%s: no such device is attached; `pci` lists what there is\n", name);
    }
    return device;
}
