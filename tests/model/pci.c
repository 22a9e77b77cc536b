/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI functions with as much configuration space as an IOMMU driver looks at. */
#include <stdlib.h>

#include "internal.h"

/* Offsets of configuration space, in dwords. */
enum {
    C_ID = 0x00 / 4,
    C_STATUS = 0x04 / 4,
    C_CLASS = 0x08 / 4,
    C_HEADER = 0x0c / 4,
    C_BUSES = 0x18 / 4,
    C_MEMORY = 0x20 / 4,
    C_PREFETCH = 0x24 / 4,
    C_PREFETCH_BASE_HIGH = 0x28 / 4,
    C_PREFETCH_LIMIT_HIGH = 0x2c / 4,
    C_CAPABILITIES = 0x34 / 4,
    C_POWER = 0x40 / 4,
    C_PCIE = 0x50 / 4,
    C_EXTENDED = 0x100 / 4, /* error reporting, so that a walk has to follow it */
    C_SRIOV = 0x160 / 4,
};

#define STATUS_CAPABILITIES BIT32(20)
#define CAPABILITY_POWER    0x01u
#define CAPABILITY_PCIE     0x10u

struct function *function_find(struct model *m, uint16_t segment, uint16_t rid)
{
    struct function *f = m->functions;

    while (f != NULL && (f->segment != segment || f->rid != rid))
        f = f->next;
    return f;
}

struct function *bridge_to(struct model *m, uint16_t segment, uint8_t bus)
{
    for (struct function *f = m->functions; f != NULL; f = f->next) {
        if (f->bridge && f->segment == segment && FIELD(f->config[C_BUSES], 15, 8) == bus)
            return f;
    }
    return NULL;
}

static struct function *function_need(struct model *m, uint16_t segment, uint16_t rid)
{
    struct function *f = function_find(m, segment, rid);

    must(f != NULL, "no such PCI function");
    return f;
}

static struct function *function_add(struct model *m, uint16_t segment, uint16_t rid, uint32_t id,
                                     uint32_t class_code)
{
    struct function *f = zalloc(sizeof(*f));

    must(function_find(m, segment, rid) == NULL, "PCI function added twice");
    f->segment = segment;
    f->rid = rid;
    f->config[C_ID] = id;
    f->config[C_STATUS] = 0x0006; /* bus master, memory space */
    f->config[C_CLASS] = class_code << 8 | 0x01;
    enter(m);
    f->next = m->functions;
    m->functions = f;
    leave(m);
    return f;
}

/* A list of two: power management first, so that a walk has to follow it. */
static void capabilities_add(struct function *f, unsigned port_type)
{
    f->config[C_STATUS] |= STATUS_CAPABILITIES;
    f->config[C_CAPABILITIES] = C_POWER * 4;
    f->config[C_POWER] = CAPABILITY_POWER | (C_PCIE * 4) << 8 | 0x0003u << 16;
    f->config[C_PCIE] = CAPABILITY_PCIE | (0x0002u | port_type << 4) << 16;
}

void model_add_function(struct model *m, uint16_t segment, uint16_t rid, uint16_t vendor,
                        uint16_t device, uint32_t class_code)
{
    function_add(m, segment, rid, vendor | (uint32_t)device << 16, class_code);
}

void model_set_pcie(struct model *m, uint16_t segment, uint16_t rid, unsigned port_type)
{
    capabilities_add(function_need(m, segment, rid), port_type);
}

/* By enum model_bridge_kind; port type 0: no PCIe capability. */
static const struct {
    uint32_t id;
    unsigned port_type;
} bridge_kinds[] = {
    [MODEL_ROOT_PORT] = { 0xa1108086, 4 },         [MODEL_UPSTREAM] = { 0x874710b5, 5 },
    [MODEL_DOWNSTREAM] = { 0x874710b5, 6 },        [MODEL_PCIE_TO_PCI] = { 0x0112104c, 7 },
    [MODEL_PCI_TO_PCI] = { 0x00251011, 0 },        [MODEL_PCI_TO_PCIE] = { 0x811110b5, 8 },
    [MODEL_BUGGY_PCIE_TO_PCI] = { 0x10801b21, 0 },
};

void model_add_bridge(struct model *m, uint16_t segment, uint16_t rid, uint8_t secondary,
                      uint8_t subordinate, enum model_bridge_kind kind)
{
    struct function *f = function_add(m, segment, rid, bridge_kinds[kind].id, 0x060400);

    f->bridge = true;
    f->kind = kind;
    f->config[C_HEADER] = UINT32_C(1) << 16;
    f->config[C_BUSES] =
        (uint32_t)(rid >> 8) | (uint32_t)secondary << 8 | (uint32_t)subordinate << 16;
    if (bridge_kinds[kind].port_type != 0)
        capabilities_add(f, bridge_kinds[kind].port_type);
    model_set_bridge_window(m, segment, rid, false, 0xfff00000, 0);
    model_set_bridge_window(m, segment, rid, true, 0xfff00000, 0);
}

void model_set_bridge_window(struct model *m, uint16_t segment, uint16_t rid, bool prefetchable,
                             uint64_t base, uint64_t limit)
{
    struct function *f = function_need(m, segment, rid);
    uint32_t value = (uint32_t)((base >> 16) & 0xfff0) | (uint32_t)((limit >> 16) & 0xfff0) << 16;

    if (!prefetchable) {
        f->config[C_MEMORY] = value;
        return;
    }
    f->config[C_PREFETCH] = value | 0x00010001; /* 64-bit addresses */
    f->config[C_PREFETCH_BASE_HIGH] = (uint32_t)(base >> 32);
    f->config[C_PREFETCH_LIMIT_HIGH] = (uint32_t)(limit >> 32);
}

void model_set_config(struct model *m, uint16_t segment, uint16_t rid, unsigned offset,
                      uint32_t value)
{
    must(offset < 4096 && offset % 4 == 0, "model_set_config: bad offset");
    function_need(m, segment, rid)->config[offset / 4] = value;
}

uint32_t model_get_config(struct model *m, uint16_t segment, uint16_t rid, unsigned offset)
{
    must(offset < 4096 && offset % 4 == 0, "model_get_config: bad offset");
    return function_need(m, segment, rid)->config[offset / 4];
}

void model_set_sriov(struct model *m, uint16_t segment, uint16_t rid, uint16_t first,
                     uint16_t stride, uint16_t count)
{
    struct function *f = function_need(m, segment, rid);

    f->config[C_EXTENDED] = 0x00010001u | (C_SRIOV * 4u) << 20;
    f->config[C_SRIOV] = 0x00010010u;
    f->config[C_SRIOV + 2] = 0x9; /* enabled, with memory */
    f->config[C_SRIOV + 3] = (uint32_t)count * 0x10001u;
    f->config[C_SRIOV + 4] = count;
    f->config[C_SRIOV + 5] = first | (uint32_t)stride << 16;
    for (unsigned i = 0; i < count; i++) {
        struct function *v = function_add(m, segment, (uint16_t)(rid + first + i * stride),
                                          UINT32_MAX, f->config[C_CLASS] >> 8);

        v->physical = f;
    }
}

void model_add_alias(struct model *m, uint16_t segment, uint16_t rid, uint16_t alias_segment,
                     uint16_t alias_rid)
{
    struct function *f = function_need(m, segment, rid);

    must(f->alias_count < MODEL_ALIASES, "model_add_alias: too many");
    f->alias[f->alias_count++] = (struct pci_alias){ alias_segment, alias_rid };
}

void model_set_ats(struct model *m, uint16_t segment, uint16_t rid, bool on)
{
    function_need(m, segment, rid)->ats = on;
}

void functions_destroy(struct model *m)
{
    while (m->functions != NULL) {
        struct function *f = m->functions;

        m->functions = f->next;
        free(f);
    }
}

/* What a request of bus @bus looks like on the other side of the bridge that leads to the bus. */
static uint16_t id_above(const struct function *bridge, uint16_t id)
{
    uint16_t secondary = (uint16_t)(FIELD(bridge->config[C_BUSES], 15, 8) << 8);

    switch (bridge->kind) {
    case MODEL_PCIE_TO_PCI:
    case MODEL_BUGGY_PCIE_TO_PCI:
        return secondary;
    case MODEL_PCI_TO_PCI:
    case MODEL_PCI_TO_PCIE:
        return bridge->rid;
    default:
        return id;
    }
}

uint16_t model_requester_id(struct model *m, uint16_t segment, uint16_t rid)
{
    const struct function *f = function_find(m, segment, rid);
    uint16_t place = f != NULL && f->physical != NULL ? f->physical->rid : rid;
    const struct function *bridge = bridge_to(m, segment, (uint8_t)(place >> 8));
    uint16_t id = rid;

    for (unsigned depth = 0; bridge != NULL && depth < 256; depth++) {
        id = id_above(bridge, id);
        bridge = bridge_to(m, segment, (uint8_t)(bridge->rid >> 8));
    }
    return id;
}

/* ---- Scopes ---------------------------------------------------------------------------------- */

/*
 * Does a unit's scope govern this requester id [VTD 8.3.1]? The result is greater the more specific
 * the scope is; 0: not at all.
 */
unsigned scope_covers(struct model *m, uint16_t segment, const struct model_scope *scope,
                      uint16_t rid)
{
    const struct function *bridge;
    unsigned bus = scope->start_bus, first, last;
    uint16_t named;

    if (scope->type == MODEL_SCOPE_IOAPIC || scope->type == MODEL_SCOPE_HPET)
        return 0;
    for (unsigned hop = 0; hop + 1 < scope->hops; hop++) {
        bridge = function_find(m, segment, (uint16_t)(bus << 8 | scope->devfn[hop]));
        if (bridge == NULL || !bridge->bridge)
            return 0;
        bus = (unsigned)FIELD(bridge->config[C_BUSES], 15, 8);
    }
    named = (uint16_t)(bus << 8 | scope->devfn[scope->hops - 1]);
    if (named == rid)
        return 1000;
    bridge = function_find(m, segment, named);
    if (scope->type != MODEL_SCOPE_BRIDGE || bridge == NULL || !bridge->bridge)
        return 0;
    first = (unsigned)FIELD(bridge->config[C_BUSES], 15, 8);
    last = (unsigned)FIELD(bridge->config[C_BUSES], 23, 16);
    return (unsigned)(rid >> 8) >= first && (unsigned)(rid >> 8) <= last ? 900 - (last - first) : 0;
}

struct model_unit *model_unit_of(struct model *m, uint16_t segment, uint16_t rid)
{
    const struct function *f = function_find(m, segment, rid);
    struct model_unit *best = NULL;
    unsigned best_rank = 0;

    /* No scope names a virtual function: it is where its physical function is. */
    if (f != NULL && f->physical != NULL)
        rid = f->physical->rid;
    for (struct model_unit *u = m->units; u != NULL; u = u->next) {
        if (u->segment != segment)
            continue;
        if (u->include_all && best_rank == 0)
            best = u;
        for (const struct scope_node *s = u->scopes; s != NULL; s = s->next) {
            unsigned rank = scope_covers(m, segment, &s->scope, rid);

            if (rank > best_rank) {
                best = u;
                best_rank = rank;
            }
        }
    }
    return best;
}

/* ---- Host functions -------------------------------------------------------------------------- */

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    struct model *m = host;
    const struct function *f;
    uint32_t value = UINT32_MAX;

    enter(m);
    f = function_find(m, segment, rid);
    if (offset > 4092 || offset % 4 != 0)
        fatal(m, "host: pci_read32 at offset %#x", offset);
    else if (f != NULL)
        value = f->config[offset / 4];
    leave(m);
    return value;
}

bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    struct model *m = host;
    const struct function *bridge;

    enter(m);
    bridge = bridge_to(m, segment, bus);
    if (bridge != NULL)
        *out_bridge = bridge->rid;
    leave(m);
    return bridge != NULL;
}

bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    struct model *m = host;
    const struct function *f;
    bool found;

    enter(m);
    f = function_find(m, segment, rid);
    found = f != NULL && index < f->alias_count;
    if (found) {
        *out_segment = f->alias[index].segment;
        *out_rid = f->alias[index].rid;
    }
    leave(m);
    return found;
}
