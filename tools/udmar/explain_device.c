/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a requester id tells: by the log's and the lists' devices first, and by the places that
 * Intel gives to the parts of its chipsets where they say nothing.
 */
#include "explain_feature.h"

#include <string.h>

/* Function 8 stands for all of them. Class: as known devices must have it, 0 for any. */
static const struct {
    uint8_t device, function;
    uint16_t class_code; /* class and subclass */
    enum feature feature;
} places[] = {
    { 0x02, 0, 0x0300, D_IGFX }, { 0x02, 0, 0x0380, D_IGFX },   { 0x14, 0, 0x0c03, D_USB },
    { 0x0d, 0, 0x0c03, D_USB },  { 0x1a, 8, 0x0c03, D_USB },    { 0x1d, 8, 0x0c03, D_USB },
    { 0x05, 0, 0x0480, D_IPU },  { 0x1e, 0, 0x0604, D_BRIDGE }, { 0x15, 8, 0x1180, D_LPSS },
    { 0x15, 8, 0x0c80, D_LPSS }, { 0x19, 8, 0x1180, D_LPSS },   { 0x1e, 1, 0x1180, D_LPSS },
    { 0x1e, 2, 0x1180, D_LPSS }, { 0x1e, 3, 0x1180, D_LPSS },   { 0x1e, 1, 0x0780, D_LPSS },
    { 0x1e, 2, 0x0c80, D_LPSS }, { 0x1e, 3, 0x0c80, D_LPSS },
};

/*
 * Ids of I/O APICs and HPETs, which are no PCI devices: firmware chooses them and says so in the
 * DMAR table. These are the ones of 311 tables of real machines. 00:1f.0 is the ISA bridge as well.
 */
static const struct {
    uint8_t bus, device, function; /* bus 0xff: any; function 8: any */
    enum feature feature;
} ids[] = {
    { 0x00, 0x1e, 7, D_IOAPIC }, { 0xf0, 0x1f, 0, D_IOAPIC }, { 0xf0, 0x1f, 7, D_IOAPIC },
    { 0xfa, 0x1f, 0, D_IOAPIC }, { 0x00, 0x1f, 7, D_IOAPIC }, { 0xff, 0x05, 4, D_IOAPIC },
    { 0x00, 0x1e, 6, D_HPET },   { 0xf0, 0x0f, 8, D_HPET },   { 0xfa, 0x0f, 8, D_HPET },
};

static void of_scope(const struct log *log, const struct udmar_fault *fault,
                     struct features *features)
{
    enum { IOAPIC = 3, HPET = 4 };
    unsigned bus = UDMAR_RID_BUS(fault->rid), device = UDMAR_RID_DEVICE(fault->rid);

    for (size_t i = 0; i < log->scope_count; i++) {
        if (log->scopes[i].rid != fault->rid || log->scopes[i].segment != fault->segment)
            continue;
        features->has[D_IOAPIC] |= log->scopes[i].type == IOAPIC;
        features->has[D_HPET] |= log->scopes[i].type == HPET;
        return;
    }
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        if ((ids[i].bus == bus || ids[i].bus == 0xff) && ids[i].device == device &&
            (ids[i].function == UDMAR_RID_FUNCTION(fault->rid) || ids[i].function == 8))
            features->has[ids[i].feature] = true;
    }
    /* The ISA bridge sends no interrupts of its own; 81 of the tables have the HPET there. */
    if (fault->rid == UDMAR_RID(0, 0x1f, 0) && fault->segment == 0 &&
        fault->access == UDMAR_FAULT_INTERRUPT)
        features->has[D_HPET] = true;
}

/* By class where it is known, else by the place on bus 0. */
static void of_kind(const struct log_device *device, const struct udmar_fault *fault,
                    struct features *features)
{
    uint32_t class_code = device != NULL ? device->class_code >> 8 : 0;

    features->has[D_NETWORK] = class_code >> 8 == 0x02;
    features->has[D_USB] = class_code == 0x0c03;
    if (UDMAR_RID_BUS(fault->rid) != 0 || fault->segment != 0)
        return;
    features->has[D_BUS0] = true;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].device == UDMAR_RID_DEVICE(fault->rid) &&
            (places[i].function == UDMAR_RID_FUNCTION(fault->rid) || places[i].function == 8) &&
            (class_code == 0 || class_code == places[i].class_code))
            features->has[places[i].feature] = true;
    }
    if (device != NULL && device->has_ids && device->vendor != 0x8086)
        features->has[D_IGFX] = false;
}

/*
 * The management engine, its firmware TPM and the sensor hub are functions of 00:16 and 00:12 that
 * firmware hides from the bus; they go on reading memory.
 */
static bool is_hidden_me(const struct log_device *device, const struct udmar_fault *fault)
{
    unsigned slot = UDMAR_RID_DEVICE(fault->rid);

    if (UDMAR_RID_BUS(fault->rid) != 0 || fault->segment != 0 || (slot != 0x16 && slot != 0x12))
        return false;
    return device == NULL || !device->has_ids;
}

/*
 * The VMD controller is function 5 of devices 0 and 5 on servers, 00:0e.0 on clients. Where its
 * buses are restricted they begin at 224 (0xe0) or 128; Linux's driver reads that from the device.
 */
static void of_vmd(const struct log *log, const struct log_group *group, struct features *features)
{
    const struct udmar_fault *fault = &group->first.fault;
    unsigned bus = UDMAR_RID_BUS(fault->rid), device = UDMAR_RID_DEVICE(fault->rid);
    unsigned function = UDMAR_RID_FUNCTION(fault->rid);
    bool spoke = log->boots[group->first.boot].vmd;

    features->has[D_VMD] =
        (function == 5 && (device == 0 || device == 5)) || fault->rid == UDMAR_RID(0, 0x0e, 0);
    features->has[D_VMD_CHILD] = !features->has[D_VMD] && bus > (spoke ? 0x80u : 0xe0u) &&
                                 bus < 0xf0 && !features->has[D_IOAPIC];
}

static void of_neighbours(const struct log *log, const struct udmar_fault *fault,
                          struct features *features)
{
    bool first = UDMAR_RID_BUS(fault->rid) != 0 && UDMAR_RID_DEVFN(fault->rid) == 0;

    features->has[D_FIRST] = first;
    for (size_t i = 0; i < log->device_count; i++) {
        const struct log_device *other = &log->devices[i];

        if (other->segment != fault->segment || other->rid == fault->rid)
            continue;
        features->has[D_SIBLING] |= (other->rid ^ fault->rid) < 8;
        /* PCI Express has one device behind a link; more of them means a conventional bus. */
        features->has[D_NEIGHBOURS] |=
            first && other->rid >> 8 == fault->rid >> 8 && UDMAR_RID_DEVICE(other->rid) != 0;
    }
}

static void of_driver(const struct log_device *device, const struct log_group *group,
                      struct features *features)
{
    static const uint16_t alias_vendors[] = { 0x1b4b, 0x1103, 0x197b, 0x1180 };

    features->has[D_VFIO] = device->vfio;
    features->has[D_REMOVED] = device->removed;
    features->has[D_CHILDREN] = device->children;
    features->has[D_SWITCHED] = device->switched;
    features->has[D_DRIVER] = device->driver[0] != '\0' && !device->vfio;
    features->has[D_NO_DRIVER] = device->has_ids && device->driver[0] == '\0' && !device->from_list;
    features->has[D_MEGARAID] = strncmp(device->driver, "megaraid", 8) == 0 ||
                                strncmp(device->driver, "mfi", 3) == 0 ||
                                strncmp(device->driver, "mrsas", 5) == 0;
    /* Before its driver spoke, firmware had the device. */
    features->has[S_EARLY] |= device->driver_line > group->first.line &&
                              group->first.time.has_seconds && group->first.time.seconds < 60;
    for (size_t i = 0; i < sizeof(alias_vendors) / sizeof(alias_vendors[0]); i++)
        features->has[D_ALIAS] |= device->has_ids && device->vendor == alias_vendors[i];
}

void features_of_device(const struct log *log, const struct log_group *group,
                        struct features *features)
{
    const struct udmar_fault *fault = &group->first.fault;
    const struct log_device *device;

    features->has[D_HIDDEN] = !group->first.has_device;
    if (!group->first.has_device)
        return;
    device = log_device_find(log, fault->segment, fault->rid);
    of_kind(device, fault, features);
    of_scope(log, fault, features);
    of_vmd(log, group, features);
    of_neighbours(log, fault, features);
    features->has[D_HIDDEN_ME] = is_hidden_me(device, fault);
    features->has[D_UNLISTED] = device == NULL && log->saw_pci;
    if (device != NULL)
        of_driver(device, group, features);
}
