/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of a machine, whoever told about them.
 */
#include "pci_internal.h"

#include <stdlib.h>
#include <string.h>

/* Configuration space. */
enum {
    CONFIG_STATUS = 0x06,
    CONFIG_CLASS = 0x09,
    CONFIG_HEADER_TYPE = 0x0e,
    CONFIG_SECONDARY = 0x19,
    CONFIG_SUBORDINATE = 0x1a,
    CONFIG_CAPABILITIES = 0x34,
    CONFIG_HEADER = 0x40,
    STATUS_CAPABILITIES = 0x10,
    HEADER_BRIDGE = 1,
    CAPABILITY_EXPRESS = 0x10,
    EXPRESS_ROOT_PORT = 4,
};

struct pci_function *pci_add(struct pci_machine *machine, uint16_t segment, udmar_rid_t rid)
{
    struct pci_function *function;

    /* Room grows in powers of two; a count that is one has used it up. */
    if ((machine->count & (machine->count - 1)) == 0)
        machine->functions =
            reallocate(machine->functions, machine->count == 0 ? 1 : 2 * machine->count,
                       sizeof(*machine->functions));
    function = &machine->functions[machine->count++];
    *function = (struct pci_function){ .segment = segment, .rid = rid };
    return function;
}

/* Capabilities are a list that may go round in circles: no more steps than there is room for. */
static bool is_root_port(const uint8_t *config, size_t size)
{
    size_t at;

    if ((config[CONFIG_STATUS] & STATUS_CAPABILITIES) == 0)
        return false;
    at = config[CONFIG_CAPABILITIES] & 0xfcu;
    for (unsigned step = 0; step < 48 && at >= CONFIG_HEADER && at + 4 <= size; step++) {
        if (config[at] == CAPABILITY_EXPRESS)
            return config[at + 2] >> 4 == EXPRESS_ROOT_PORT;
        at = config[at + 1] & 0xfcu;
    }
    return false;
}

void pci_read_config(struct pci_function *function, const uint8_t *config, size_t size)
{
    if (size < CONFIG_HEADER)
        return;
    function->vendor = (uint16_t)(config[0] | config[1] << 8);
    function->device = (uint16_t)(config[2] | config[3] << 8);
    function->class_code = (uint32_t)config[CONFIG_CLASS] |
                           (uint32_t)config[CONFIG_CLASS + 1] << 8 |
                           (uint32_t)config[CONFIG_CLASS + 2] << 16;
    function->has_ids = function->vendor != 0xffff;
    if (!function->has_ids || (config[CONFIG_HEADER_TYPE] & 0x7f) != HEADER_BRIDGE)
        return;
    function->bridge = true;
    function->secondary = config[CONFIG_SECONDARY];
    function->subordinate = config[CONFIG_SUBORDINATE];
    function->root_port = is_root_port(config, size);
}

static uint32_t key(const struct pci_function *function)
{
    return (uint32_t)function->segment << 16 | function->rid;
}

/* By place; of one place, those that say more come first. */
static int compare(const void *a, const void *b)
{
    const struct pci_function *x = a, *y = b;

    if (key(x) != key(y))
        return key(x) < key(y) ? -1 : 1;
    if (x->has_ids != y->has_ids)
        return x->has_ids ? -1 : 1;
    if (x->bridge != y->bridge)
        return x->bridge ? -1 : 1;
    if ((x->name == NULL) != (y->name == NULL))
        return x->name != NULL ? -1 : 1;
    return x->name != NULL ? strcmp(x->name, y->name) : 0;
}

static void merge(struct pci_function *into, struct pci_function *from)
{
    if (!into->bridge && from->bridge) {
        into->bridge = true;
        into->secondary = from->secondary;
        into->subordinate = from->subordinate;
    }
    into->root_port |= from->root_port;
    if (!into->has_ids && from->has_ids) {
        into->has_ids = true;
        into->vendor = from->vendor;
        into->device = from->device;
    }
    if (into->class_code == 0)
        into->class_code = from->class_code;
    if (into->name == NULL) {
        into->name = from->name;
        from->name = NULL;
    }
    free(from->name);
}

void pci_finish(struct pci_machine *machine)
{
    size_t kept = 0;

    if (machine->count == 0)
        return;
    qsort(machine->functions, machine->count, sizeof(*machine->functions), compare);
    for (size_t i = 1; i < machine->count; i++) {
        if (key(&machine->functions[i]) == key(&machine->functions[kept]))
            merge(&machine->functions[kept], &machine->functions[i]);
        else
            machine->functions[++kept] = machine->functions[i];
    }
    machine->count = kept + 1;
}

void pci_free(struct pci_machine *machine)
{
    for (size_t i = 0; i < machine->count; i++)
        free(machine->functions[i].name);
    free(machine->functions);
    *machine = (struct pci_machine){ 0 };
}

const struct pci_function *pci_find(const struct pci_machine *machine, uint16_t segment,
                                    udmar_rid_t rid)
{
    uint32_t wanted = (uint32_t)segment << 16 | rid;
    size_t low = 0, high = machine->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key(&machine->functions[middle]) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < machine->count && key(&machine->functions[low]) == wanted
               ? &machine->functions[low]
               : NULL;
}

static bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                        uint8_t *out_subordinate)
{
    const struct pci_function *function = pci_find(context, segment, rid);

    if (function == NULL || !function->bridge)
        return false;
    *out_secondary = function->secondary;
    *out_subordinate = function->subordinate;
    return true;
}

struct udmar_bus_reader pci_reader(const struct pci_machine *machine)
{
    /* The context is a plain pointer; read_bridge() only looks. */
    return (struct udmar_bus_reader){ .bridge = read_bridge,
                                      .context = (void *)(uintptr_t)machine };
}

const char *pci_address(uint16_t segment, udmar_rid_t rid, char buffer[16])
{
    if (segment != 0)
        snprintf(buffer, 16, "%04x:%02x:%02x.%x", segment, UDMAR_RID_BUS(rid),
                 UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid));
    else
        snprintf(buffer, 16, "%02x:%02x.%x", UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid),
                 UDMAR_RID_FUNCTION(rid));
    return buffer;
}
