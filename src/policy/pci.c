/* SPDX-License-Identifier: BSD-2-Clause */
/* What configuration space says of bridges, capabilities and virtual functions. */
#include "policy/instance.h"

#define PCI_COMMAND       0x04
#define PCI_STATUS_CAPS   (1u << 20) /* of the dword at PCI_COMMAND */
#define PCI_HEADER        0x0c
#define PCI_BUSES         0x18
#define PCI_CAPABILITIES  0x34
#define PCI_CAP_EXPRESS   0x10
#define PCI_EXPRESS_CAP   0x04 /* from the capability: what the device can do */
#define PCI_EXPRESS_CTL   0x08
#define PCI_PHANTOM_ON    (1u << 9) /* of PCI_EXPRESS_CTL */
#define PCI_HEADER_BRIDGE 1u

/* Extended configuration space: the single root I/O virtualization capability. */
#define PCI_EXTENDED      0x100u
#define PCI_CAP_SRIOV     0x0010u
#define PCI_SRIOV_CONTROL 0x08
#define PCI_SRIOV_ENABLE  1u
#define PCI_SRIOV_TOTAL   0x0c /* in the upper half */
#define PCI_SRIOV_NUMBER  0x10
#define PCI_SRIOV_PLACES  0x14 /* first offset, stride */

/* Further from its physical function than this no virtual function is looked for. */
#define MOST_VIRTUAL_BUSES 8u

uint32_t udmar__pci_config(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                           unsigned offset)
{
    return udmar_host_pci_read32(instance->host, segment, rid, offset);
}

static bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    struct udmar *instance = context;
    uint32_t header = udmar__pci_config(instance, segment, rid, PCI_HEADER);
    uint32_t buses;

    if (udmar__pci_config(instance, segment, rid, PCI_IDS) == UINT32_MAX ||
        ((header >> 16) & 0x7f) != PCI_HEADER_BRIDGE) {
        return false;
    }
    buses = udmar__pci_config(instance, segment, rid, PCI_BUSES);
    *out_secondary = (uint8_t)(buses >> 8);
    *out_subordinate = (uint8_t)(buses >> 16);
    return true;
}

struct udmar_bus_reader udmar__bus_reader(struct udmar *instance)
{
    return (struct udmar_bus_reader){ .bridge = read_bridge, .context = instance };
}

/* Where the PCI Express capability lies; 0: there is none. */
static unsigned express_capability(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    unsigned offset;

    if ((udmar__pci_config(instance, segment, rid, PCI_COMMAND) & PCI_STATUS_CAPS) == 0) {
        return 0;
    }
    offset = udmar__pci_config(instance, segment, rid, PCI_CAPABILITIES) & 0xfc;
    /* A list longer than the space has room for is a loop. */
    for (unsigned i = 0; i < 48 && offset >= 0x40; i++) {
        uint32_t head = udmar__pci_config(instance, segment, rid, offset);

        if ((head & 0xff) == PCI_CAP_EXPRESS) {
            return offset;
        }
        offset = (head >> 8) & 0xfc;
    }
    return 0;
}

int udmar__pci_port_type(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    unsigned offset = express_capability(instance, segment, rid);

    if (offset == 0) {
        return UDMAR__PORT_NONE;
    }
    return (int)((udmar__pci_config(instance, segment, rid, offset) >> 20) & 0xf);
}

unsigned udmar__pci_phantom_bits(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    unsigned offset = express_capability(instance, segment, rid);
    uint32_t control;

    /* All ones: an absent function, or a capability too close to the end. */
    if (offset == 0 || offset + PCI_EXPRESS_CTL > 0xfc) {
        return 0;
    }
    control = udmar__pci_config(instance, segment, rid, offset + PCI_EXPRESS_CTL);
    if (control == UINT32_MAX || (control & PCI_PHANTOM_ON) == 0) {
        return 0;
    }
    return (udmar__pci_config(instance, segment, rid, offset + PCI_EXPRESS_CAP) >> 3) & 3;
}

/* Where the capability of virtual functions lies; 0: there is none. */
static unsigned sriov_capability(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    unsigned offset = express_capability(instance, segment, rid) != 0 ? PCI_EXTENDED : 0;

    for (unsigned i = 0; i < 480 && offset >= PCI_EXTENDED; i++) {
        uint32_t head = udmar__pci_config(instance, segment, rid, offset);

        if (head == UINT32_MAX) {
            return 0;
        }
        if ((head & 0xffff) == PCI_CAP_SRIOV) {
            return offset;
        }
        offset = (head >> 20) & 0xffc;
    }
    return 0;
}

/* Is @rid one of the virtual functions of @physical? */
static bool has_virtual(struct udmar *instance, uint16_t segment, udmar_rid_t physical,
                        udmar_rid_t rid)
{
    unsigned offset = sriov_capability(instance, segment, physical);
    uint32_t number, first, stride, distance;

    if (offset == 0 || offset + PCI_SRIOV_PLACES > 0xffc) {
        return false;
    }
    /* How many there are is said when they are switched on; how many there can be, before. */
    number = udmar__pci_config(instance, segment, physical, offset + PCI_SRIOV_TOTAL) >> 16;
    if (udmar__pci_config(instance, segment, physical, offset + PCI_SRIOV_CONTROL) &
        PCI_SRIOV_ENABLE) {
        number = udmar__pci_config(instance, segment, physical, offset + PCI_SRIOV_NUMBER) & 0xffff;
    }
    first = udmar__pci_config(instance, segment, physical, offset + PCI_SRIOV_PLACES);
    stride = first >> 16;
    first &= 0xffff;
    distance = (uint32_t)rid - physical - first;
    if (number == 0 || rid <= physical || (uint32_t)rid - physical < first) {
        return false;
    }
    return stride == 0 ? distance == 0 : distance % stride == 0 && distance / stride < number;
}

/*
 * Is it the bus right below a bridge? Hosts may name a bridge for buses that have none of their
 * own.
 */
static bool has_bridge(struct udmar *instance, uint16_t segment, uint8_t bus)
{
    udmar_rid_t bridge;
    uint8_t first;
    uint8_t last;

    return udmar_host_pci_bridge(instance->host, segment, bus, &bridge) &&
           read_bridge(instance, segment, bridge, &first, &last) && first == bus;
}

bool udmar__pci_physical_function(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                  udmar_rid_t *out_physical)
{
    /* A virtual function has no vendor of its own: it reads all ones. */
    if ((udmar__pci_config(instance, segment, rid, PCI_IDS) & 0xffff) != 0xffff) {
        return false;
    }
    /*
     * Virtual functions may need more buses than the one that their physical function is on. Then
     * no bridge leads to those, and nothing else is on them.
     */
    for (unsigned i = 0; i < MOST_VIRTUAL_BUSES && i <= UDMAR_RID_BUS(rid); i++) {
        uint8_t bus = (uint8_t)(UDMAR_RID_BUS(rid) - i);
        bool empty = true;

        for (unsigned devfn = 0; devfn < 256; devfn++) {
            udmar_rid_t other = (udmar_rid_t)((unsigned)bus << 8 | devfn);

            if (udmar__pci_config(instance, segment, other, PCI_IDS) == UINT32_MAX) {
                continue;
            }
            empty = false;
            if (has_virtual(instance, segment, other, rid)) {
                *out_physical = other;
                return true;
            }
        }
        if (!empty || has_bridge(instance, segment, bus)) {
            return false;
        }
    }
    return false;
}
