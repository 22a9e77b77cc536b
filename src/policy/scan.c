/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space looked through, for hosts that keep no list of functions of their own. */
#include "base/text.h"
#include "policy/instance.h"

#define PCI_IDS          0x00
#define PCI_CLASS        0x08
#define PCI_HEADER       0x0c
#define PCI_BUSES        0x18
#define PCI_CLASS_BRIDGE 0x06u
#define PCI_CLASS_OTHER  0x0680u

/*
 * Header types [PCI 6.2.1]: a PCI-to-PCI and a CardBus bridge have their bus numbers at one place.
 */
enum { HEADER_BRIDGE = 1, HEADER_CARDBUS = 2, HEADER_TYPE = 0x7f, HEADER_MANY = 0x80 };

/* Calls @visit for each function of a bus until it says true. */
typedef bool visit_fn(void *context, void *host, uint16_t segment, udmar_rid_t rid);

static uint8_t read_header(void *host, uint16_t segment, udmar_rid_t rid)
{
    return (uint8_t)(udmar_host_pci_read32(host, segment, rid, PCI_HEADER) >> 16);
}

static bool is_there(void *host, uint16_t segment, udmar_rid_t rid)
{
    /* A function that is not there reads as all ones; vendor ffff is nobody's. */
    return (udmar_host_pci_read32(host, segment, rid, PCI_IDS) & 0xffff) != 0xffff;
}

static bool visit_device(void *host, uint16_t segment, udmar_rid_t first, visit_fn *visit,
                         void *context)
{
    unsigned functions;

    if (!is_there(host, segment, first)) {
        return false;
    }
    functions = (read_header(host, segment, first) & HEADER_MANY) != 0 ? 8 : 1;
    for (unsigned function = 0; function < functions; function++) {
        udmar_rid_t rid = (udmar_rid_t)(first | function);

        if (is_there(host, segment, rid) && visit(context, host, segment, rid)) {
            return true;
        }
    }
    return false;
}

static bool visit_bus(void *host, uint16_t segment, unsigned bus, visit_fn *visit, void *context)
{
    for (unsigned device = 0; device < 32; device++) {
        if (visit_device(host, segment, UDMAR_RID(bus, device, 0), visit, context)) {
            return true;
        }
    }
    return false;
}

/* ---- the bridge above a bus ---- */

struct wanted_bridge {
    uint8_t bus;
    udmar_rid_t rid;
};

static bool leads_to_bus(void *context, void *host, uint16_t segment, udmar_rid_t rid)
{
    struct wanted_bridge *wanted = context;
    uint8_t type = read_header(host, segment, rid) & HEADER_TYPE;

    if (type != HEADER_BRIDGE && type != HEADER_CARDBUS) {
        return false;
    }
    wanted->rid = rid;
    return (uint8_t)(udmar_host_pci_read32(host, segment, rid, PCI_BUSES) >> 8) == wanted->bus;
}

bool udmar_pci_find_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    struct wanted_bridge wanted = { .bus = bus };

    /* A bridge has a lower number above than below, and mostly the next lower one. */
    for (unsigned above = bus; above-- > 0;) {
        if (visit_bus(host, segment, above, leads_to_bus, &wanted)) {
            *out_bridge = wanted.rid;
            return true;
        }
    }
    return false;
}

/* ---- every function of the machine ---- */

struct attachment {
    struct udmar *instance;
    unsigned attach_refs;
    enum udmar_status status; /* of the first that failed */
};

static bool attach_function(void *context, void *host, uint16_t segment, udmar_rid_t rid)
{
    struct attachment *all = context;
    struct udmar_device *device;
    uint32_t class_code = udmar_host_pci_read32(host, segment, rid, PCI_CLASS);
    enum udmar_status status;

    /* Bridges do no DMA of their own, unless they join two machines. */
    if (class_code >> 24 == PCI_CLASS_BRIDGE && class_code >> 16 != PCI_CLASS_OTHER) {
        return false;
    }
    status = udmar_device_attach(all->instance, segment, rid, NULL, &device);
    if (status == UDMAR_OK) {
        all->attach_refs++;
    } else if (all->status == UDMAR_OK) {
        all->status = status;
    }
    return false;
}

static void attach_segment(struct attachment *all, uint16_t segment)
{
    for (unsigned bus = 0; bus < 256; bus++) {
        (void)visit_bus(all->instance->host, segment, bus, attach_function, all);
    }
}

/* An earlier structure is of the same segment. */
static bool is_known_segment(const struct udmar_table *table, const struct udmar_entry *drhd)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(table, &entry) && entry.offset < drhd->offset) {
        if (entry.type == UDMAR_ENTRY_DRHD && entry.u.drhd.segment == drhd->u.drhd.segment) {
            return true;
        }
    }
    return false;
}

enum udmar_status udmar_attach_all(struct udmar *instance, unsigned *out_count)
{
    struct attachment all = { .instance = instance, .status = UDMAR_OK };
    const struct udmar_table *table = udmar_instance_table(instance);
    struct udmar_entry entry = { 0 };

    if (instance == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (table == NULL) {
        attach_segment(&all, 0);
    }
    while (table != NULL && udmar_table_next(table, &entry)) {
        if (entry.type == UDMAR_ENTRY_DRHD && !is_known_segment(table, &entry)) {
            attach_segment(&all, entry.u.drhd.segment);
        }
    }
    if (out_count != NULL) {
        *out_count = all.attach_refs;
    }
    return all.status;
}

/* As often as it was attached. */
static enum udmar_status detach_wholly(struct udmar_device *device)
{
    enum udmar_status status = UDMAR_OK;

    for (unsigned times = device->attach_refs; times > 0 && status == UDMAR_OK; times--) {
        status = udmar_device_detach(device);
    }
    return status;
}

enum udmar_status udmar_detach_all(struct udmar *instance)
{
    enum udmar_status result = UDMAR_OK;
    struct udmar_device *next;

    if (instance == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    for (struct udmar_device *device = instance->devices; device != NULL; device = next) {
        enum udmar_status status;

        next = device->next;
        status = detach_wholly(device);
        result = result == UDMAR_OK ? status : result;
    }
    return result;
}
