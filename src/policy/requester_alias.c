/* SPDX-License-Identifier: BSD-2-Clause */
/* Which requester ids a function's requests may carry [VTD 3.4]. */
#include "policy/instance.h"

#define PCI_CLASS     0x08
#define PCI_SUBSYSTEM 0x2c

#define CLASS_BRIDGE_OTHER 0x0680u

#define MAX_BRIDGES 32u

/* Sorted, so that what two functions have in common is found in one pass. */
static void add_id(struct udmar__ids *ids, udmar_rid_t id)
{
    unsigned at = ids->count;

    udmar__sender_add(&ids->sender, id);
    while (at > 0 && ids->id[at - 1] >= id) {
        at--;
    }
    if (at < ids->count && ids->id[at] == id) {
        return;
    }
    if (ids->count == UDMAR__IDS) {
        ids->too_many = true;
        return;
    }
    if (ids->count < UDMAR_DEVICE_IDS) {
        ids->first[ids->count] = id;
    }
    for (unsigned i = ids->count++; i > at; i--) {
        ids->id[i] = ids->id[i - 1];
    }
    ids->id[at] = id;
}

/* The id that comes out on the way up, as far as that is known. */
static void add_sent(struct udmar__ids *ids, udmar_rid_t id)
{
    add_id(ids, id);
    ids->sent = id;
}

bool udmar__ids_meet(const struct udmar__ids *a, const struct udmar__ids *b, udmar_rid_t *out_id)
{
    unsigned i = 0;
    unsigned j = 0;

    while (a->segment == b->segment && i < a->count && j < b->count) {
        if (a->id[i] == b->id[j]) {
            *out_id = a->id[i];
            return true;
        }
        if (a->id[i] < b->id[j]) {
            i++;
        } else {
            j++;
        }
    }
    return false;
}

bool udmar__ids_have(const struct udmar__ids *ids, uint16_t segment, udmar_rid_t id)
{
    unsigned first = 0;
    unsigned end = ids->count;

    while (first < end) {
        unsigned middle = first + (end - first) / 2;

        if (ids->id[middle] < id) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return ids->segment == segment && first < ids->count && ids->id[first] == id;
}

void udmar__ids_without(struct udmar__ids *ids, const struct udmar__ids *others)
{
    const struct udmar__ids all = *ids;

    ids->count = 0;
    for (unsigned i = 0; i < all.count && i < UDMAR_DEVICE_IDS; i++) {
        if (!udmar__ids_have(others, all.segment, all.first[i])) {
            add_id(ids, all.first[i]);
        }
    }
    for (unsigned i = 0; i < all.count; i++) {
        if (!udmar__ids_have(others, all.segment, all.id[i])) {
            add_id(ids, all.id[i]);
        }
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
    /*
     * The same, where it is a non-transparent bridge: which ids it uses, it says in its registers
     * alone. They lie on its own bus, where nothing is but a port of the same switch.
     */
    ALIAS_PROXY,
};

#define ANY_DEVICE 0xffffu

struct alias_quirk {
    uint16_t vendor;
    uint16_t device; /* or ANY_DEVICE of the vendor */
    uint8_t kind;    /* enum alias_kind */
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
    { 0x11f8, ANY_DEVICE, ALIAS_PROXY },  { 0x1055, 0x1001, ALIAS_PROXY },
    { 0x1055, 0x1002, ALIAS_PROXY },      { 0x1055, 0x1003, ALIAS_PROXY },
    { 0x1055, 0x1004, ALIAS_PROXY },      { 0x1055, 0x1005, ALIAS_PROXY },
    { 0x1055, 0x1006, ALIAS_PROXY }, /* Switchtec */
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
        add_sent(ids, rid & 0xfff8);
        break;
    case ALIAS_FUNCTION_1:
        add_sent(ids, (rid & 0xfff8) | 1);
        break;
    case ALIAS_SLOT_1:
        /* Only two boards of this id. */
        subsystem = udmar__pci_config(instance, segment, rid, PCI_SUBSYSTEM) >> 16;
        if (subsystem == 0x02bb || subsystem == 0x02bc) {
            add_sent(ids, UDMAR_RID(bus, 1, 0));
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
    case ALIAS_PROXY:
        if (udmar__pci_config(instance, segment, rid, PCI_CLASS) >> 16 == CLASS_BRIDGE_OTHER) {
            add_functions(ids, bus, 8);
        }
        break;
    }
}

static void add_quirks(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                       struct udmar__ids *ids)
{
    uint32_t words = udmar__pci_config(instance, segment, rid, PCI_IDS);

    for (size_t i = 0; i < sizeof(alias_quirks) / sizeof(alias_quirks[0]); i++) {
        const struct alias_quirk *row = &alias_quirks[i];

        if (row->vendor == (words & 0xffff) &&
            (row->device == words >> 16 || row->device == ANY_DEVICE)) {
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
    uint32_t id = udmar__pci_config(instance, segment, bridge, PCI_IDS);

    for (size_t i = 0; i < sizeof(silent_bridges) / sizeof(silent_bridges[0]); i++) {
        if (silent_bridges[i] == id) {
            return true;
        }
    }
    return false;
}

/* A bridge that sends everything under its own id: no other is seen above it. */
static void add_replacement(struct udmar__ids *ids, udmar_rid_t bridge)
{
    ids->sender = (struct udmar__sender){ .known = false };
    add_sent(ids, bridge);
}

/*
 * A bridge without PCI Express capability is conventional, or has lost it: one that hangs on a PCI
 * Express port cannot be conventional, and some are known.
 */
static void add_plain_bridge(struct udmar *instance, uint16_t segment, udmar_rid_t bridge,
                             uint8_t bus, struct udmar__ids *ids)
{
    udmar_rid_t above;
    int port = UDMAR__PORT_NONE;
    bool silent = is_silent(instance, segment, bridge);

    if (udmar_host_pci_bridge(instance->host, segment, UDMAR_RID_BUS(bridge), &above)) {
        port = udmar__pci_port_type(instance, segment, above);
    }
    if (!silent && (port == UDMAR__PORT_NONE || port == UDMAR__PORT_TO_PCI)) {
        add_replacement(ids, bridge);
        return;
    }
    add_sent(ids, bridge);
    add_sent(ids, UDMAR_RID(bus, 0, 0));
}

/* What a bridge on the way up may put in the place of the device's id. */
static void add_bridge(struct udmar *instance, uint16_t segment, udmar_rid_t bridge, uint8_t bus,
                       struct udmar__ids *ids)
{
    switch (udmar__pci_port_type(instance, segment, bridge)) {
    case UDMAR__PORT_TO_PCI:
        add_sent(ids, UDMAR_RID(bus, 0, 0));
        break;
    case UDMAR__PORT_NONE:
        add_plain_bridge(instance, segment, bridge, bus, ids);
        break;
    case UDMAR__PORT_FROM_PCI:
        add_replacement(ids, bridge);
        break;
    default:
        /* Root ports and switches pass ids on unchanged. */
        break;
    }
}

/* The functions that a device may borrow from [PCIe: phantom functions], highest bit first. */
static void add_phantoms(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                         struct udmar__ids *ids)
{
    unsigned bits = udmar__pci_phantom_bits(instance, segment, rid);
    unsigned mask = 7u & ~(7u >> bits);

    for (unsigned function = 0; function < 8; function++) {
        add_id(ids, (udmar_rid_t)((rid & ~mask) | (function & mask)));
    }
}

/* What the port knows: false where requests of the function leave its segment, for another's. */
static bool add_named(struct udmar *instance, uint16_t *segment, udmar_rid_t *rid,
                      struct udmar__ids *ids)
{
    uint16_t other = *segment;
    udmar_rid_t id;

    for (unsigned i = 0;
         !ids->too_many && udmar_host_pci_alias(instance->host, *segment, *rid, i, &other, &id);
         i++) {
        if (other != *segment) {
            *segment = other;
            *rid = id;
            return false;
        }
        add_id(ids, id);
        /* A port that answers for ever. */
        ids->too_many = ids->too_many || i == UDMAR__IDS;
    }
    return true;
}

enum udmar_status udmar__ids_collect(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                     struct udmar__ids *out_ids)
{
    udmar_rid_t bridge;
    uint8_t bus;

    for (unsigned i = 0;; i++) {
        if (i == MAX_BRIDGES) {
            return UDMAR_ERR_TOO_BIG;
        }
        *out_ids = (struct udmar__ids){ 0 };
        add_sent(out_ids, rid);
        if (add_named(instance, &segment, &rid, out_ids)) {
            break;
        }
    }
    out_ids->segment = segment;
    out_ids->governor = rid;
    add_quirks(instance, segment, rid, out_ids);
    add_phantoms(instance, segment, rid, out_ids);
    (void)udmar__pci_physical_function(instance, segment, rid, &out_ids->governor);
    bus = UDMAR_RID_BUS(out_ids->governor);
    for (unsigned i = 0; udmar_host_pci_bridge(instance->host, segment, bus, &bridge); i++) {
        if (i == MAX_BRIDGES) {
            return UDMAR_ERR_TOO_BIG;
        }
        add_bridge(instance, segment, bridge, bus, out_ids);
        bus = UDMAR_RID_BUS(bridge);
    }
    return out_ids->too_many ? UDMAR_ERR_TOO_BIG : UDMAR_OK;
}
