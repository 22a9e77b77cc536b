/* SPDX-License-Identifier: BSD-2-Clause */
/* Which requester ids a function's requests may carry [VTD 3.4]. */
#include "policy/instance.h"

#define PCI_IDS           0x00
#define PCI_COMMAND       0x04
#define PCI_STATUS_CAPS   (1u << 20) /* of the dword at PCI_COMMAND */
#define PCI_HEADER        0x0c
#define PCI_BUSES         0x18
#define PCI_CAPABILITIES  0x34
#define PCI_CAP_EXPRESS   0x10
#define PCI_SUBSYSTEM     0x2c
#define PCI_HEADER_BRIDGE 1u

/* Port types of the PCI Express capability. */
enum {
    PORT_NONE = -1,
    PORT_ROOT = 4,
    PORT_UP = 5,
    PORT_DOWN = 6,
    PORT_TO_PCI = 7,
    PORT_FROM_PCI = 8
};

#define MAX_BRIDGES 32u

static uint32_t config(struct udmar *instance, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    return udmar_host_pci_read32(instance->host, segment, rid, offset);
}

static bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    struct udmar *instance = context;
    uint32_t header = config(instance, segment, rid, PCI_HEADER);
    uint32_t buses;

    if (config(instance, segment, rid, PCI_IDS) == UINT32_MAX ||
        ((header >> 16) & 0x7f) != PCI_HEADER_BRIDGE) {
        return false;
    }
    buses = config(instance, segment, rid, PCI_BUSES);
    *out_secondary = (uint8_t)(buses >> 8);
    *out_subordinate = (uint8_t)(buses >> 16);
    return true;
}

struct udmar_bus_reader udmar__bus_reader(struct udmar *instance)
{
    return (struct udmar_bus_reader){ .bridge = read_bridge, .context = instance };
}

/* The port type of a function, PORT_NONE when it is not PCI Express. */
static int port_type(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    unsigned offset;

    if ((config(instance, segment, rid, PCI_COMMAND) & PCI_STATUS_CAPS) == 0) {
        return PORT_NONE;
    }
    offset = config(instance, segment, rid, PCI_CAPABILITIES) & 0xfc;
    /* A list longer than the space has room for is a loop. */
    for (unsigned i = 0; i < 48 && offset >= 0x40; i++) {
        uint32_t head = config(instance, segment, rid, offset);

        if ((head & 0xff) == PCI_CAP_EXPRESS) {
            return (int)((head >> 20) & 0xf);
        }
        offset = (head >> 8) & 0xfc;
    }
    return PORT_NONE;
}

static void add_id(struct udmar__ids *ids, udmar_rid_t id)
{
    for (unsigned i = 0; i < ids->count; i++) {
        if (ids->id[i] == id) {
            return;
        }
    }
    if (ids->count < UDMAR__IDS) {
        ids->id[ids->count++] = id;
    }
}

/* Devices that send other ids than their own. */
enum alias_kind {
    ALIAS_FUNCTION_0, /* function 0 of the slot */
    ALIAS_FUNCTION_1,
    ALIAS_SLOT_1, /* device 1, function 0 */
    ALIAS_MIC,    /* devices 16.0, 17.0 and 18.3 */
    ALIAS_VCA,    /* functions 0 to 4 of every slot */
    ALIAS_BUS,    /* every device and function of the bus */
};

struct alias_quirk {
    uint16_t vendor;
    uint16_t device;
    uint8_t kind; /* enum alias_kind */
};

static const struct alias_quirk alias_quirks[] = {
    { 0x1180, 0xe832, ALIAS_FUNCTION_0 }, { 0x1180, 0xe476, ALIAS_FUNCTION_0 }, /* Ricoh */
    { 0x6766, 0x3d40, ALIAS_FUNCTION_0 }, { 0x6766, 0x3d41, ALIAS_FUNCTION_0 }, /* Glenfly */
    { 0x1b4b, 0x9120, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9123, ALIAS_FUNCTION_1 }, /* Marvell */
    { 0x1b4b, 0x9125, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9128, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x9130, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9170, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x9172, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x917a, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x9182, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9183, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x91a0, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9215, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x9220, ALIAS_FUNCTION_1 }, { 0x1b4b, 0x9230, ALIAS_FUNCTION_1 },
    { 0x1b4b, 0x9235, ALIAS_FUNCTION_1 }, { 0x1103, 0x0642, ALIAS_FUNCTION_1 }, /* HighPoint */
    { 0x1103, 0x0645, ALIAS_FUNCTION_1 }, { 0x197b, 0x2392, ALIAS_FUNCTION_1 }, /* JMicron */
    { 0x1c28, 0x0122, ALIAS_FUNCTION_1 }, { 0x9005, 0x0285, ALIAS_SLOT_1 },     /* Adaptec */
    { 0x8086, 0x2260, ALIAS_MIC },        { 0x8086, 0x2264, ALIAS_MIC },
    { 0x8086, 0x2954, ALIAS_VCA },        { 0x8086, 0x2955, ALIAS_VCA },
    { 0x8086, 0x2956, ALIAS_VCA },        { 0x8086, 0x2958, ALIAS_VCA },
    { 0x8086, 0x2959, ALIAS_VCA },        { 0x8086, 0x295a, ALIAS_VCA },
    { 0x10b5, 0x87b0, ALIAS_BUS },        { 0x10b5, 0x87b1, ALIAS_BUS }, /* PLX */
};

static void add_functions(struct udmar__ids *ids, uint8_t bus, unsigned functions)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned function = 0; function < functions; function++) {
            add_id(ids, UDMAR_RID(bus, slot, function));
        }
    }
}

static void add_quirk(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                      enum alias_kind kind, struct udmar__ids *ids)
{
    uint8_t bus = UDMAR_RID_BUS(rid);
    uint32_t subsystem;

    switch (kind) {
    case ALIAS_FUNCTION_0:
        add_id(ids, rid & 0xfff8);
        break;
    case ALIAS_FUNCTION_1:
        add_id(ids, (rid & 0xfff8) | 1);
        break;
    case ALIAS_SLOT_1:
        /* Only two boards of this id. */
        subsystem = config(instance, segment, rid, PCI_SUBSYSTEM) >> 16;
        if (subsystem == 0x02bb || subsystem == 0x02bc) {
            add_id(ids, UDMAR_RID(bus, 1, 0));
        }
        break;
    case ALIAS_MIC:
        add_id(ids, UDMAR_RID(bus, 0x10, 0));
        add_id(ids, UDMAR_RID(bus, 0x11, 0));
        add_id(ids, UDMAR_RID(bus, 0x12, 3));
        break;
    case ALIAS_VCA:
        add_functions(ids, bus, 5);
        break;
    case ALIAS_BUS:
        add_functions(ids, bus, 8);
        break;
    }
}

static void add_quirks(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                       struct udmar__ids *ids)
{
    uint32_t words = config(instance, segment, rid, PCI_IDS);

    for (size_t i = 0; i < sizeof(alias_quirks) / sizeof(alias_quirks[0]); i++) {
        const struct alias_quirk *row = &alias_quirks[i];

        if (row->vendor == (words & 0xffff) && row->device == words >> 16) {
            add_quirk(instance, segment, rid, (enum alias_kind)row->kind, ids);
        }
    }
}

/* PCIe-to-PCI bridges that show no PCI Express capability, wherever they sit. */
static const uint32_t silent_bridges[] = {
    0x10801b21,             /* ASMedia */
    0x811310e3,             /* Tundra */
    0x88921283, 0x88931283, /* ITE */
    0x244e8086,             /* Intel 82801 */
};

static bool is_silent(struct udmar *instance, uint16_t segment, udmar_rid_t bridge)
{
    uint32_t id = config(instance, segment, bridge, PCI_IDS);

    for (size_t i = 0; i < sizeof(silent_bridges) / sizeof(silent_bridges[0]); i++) {
        if (silent_bridges[i] == id) {
            return true;
        }
    }
    return false;
}

/* What a bridge on the way up may put in the place of the device's id. */
static void add_bridge(struct udmar *instance, uint16_t segment, udmar_rid_t bridge, uint8_t bus,
                       struct udmar__ids *ids)
{
    int type = port_type(instance, segment, bridge);
    udmar_rid_t above;

    switch (type) {
    case PORT_TO_PCI:
        add_id(ids, UDMAR_RID(bus, 0, 0));
        break;
    case PORT_NONE:
        add_id(ids, bridge);
        if (is_silent(instance, segment, bridge)) {
            add_id(ids, UDMAR_RID(bus, 0, 0));
        }
        /*
         * Some PCIe-to-PCI bridges have lost their capability: a bridge that claims to be
         * conventional but hangs on a PCI Express port cannot be.
         */
        if (udmar_host_pci_bridge(instance->host, segment, UDMAR_RID_BUS(bridge), &above)) {
            int port = port_type(instance, segment, above);

            if (port != PORT_NONE && port != PORT_TO_PCI) {
                add_id(ids, UDMAR_RID(bus, 0, 0));
            }
        }
        break;
    case PORT_FROM_PCI:
        add_id(ids, bridge);
        break;
    default:
        /* Root ports and switches pass ids on unchanged. */
        break;
    }
}

enum udmar_status udmar__ids_collect(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                     struct udmar__ids *out_ids)
{
    uint8_t bus = UDMAR_RID_BUS(rid);
    udmar_rid_t bridge;

    out_ids->count = 0;
    add_id(out_ids, rid);
    add_quirks(instance, segment, rid, out_ids);
    for (unsigned i = 0; udmar_host_pci_bridge(instance->host, segment, bus, &bridge); i++) {
        if (i == MAX_BRIDGES) {
            return UDMAR_ERR_TOO_BIG;
        }
        add_bridge(instance, segment, bridge, bus, out_ids);
        bus = UDMAR_RID_BUS(bridge);
    }
    return UDMAR_OK;
}
