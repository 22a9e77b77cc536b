/* SPDX-License-Identifier: BSD-2-Clause */
#include "firmware.h"

#include <stdlib.h>
#include <string.h>

/* Structure types and the bytes before their scopes [VTD 8.2 and following]. */
enum { DRHD = 0, RMRR = 1, ATSR = 2, SATC = 5, SIDP = 6 };
enum { SCOPE_ENDPOINT = 1, SCOPE_BRIDGE = 2, SCOPE_NAMESPACE = 5 };

/* Where units are whose place the table does not tell. */
#define HIDDEN_BASE UINT64_C(0xfec80000)

static uint64_t number(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    while (size-- > 0)
        value = value << 8 | bytes[size];
    return value;
}

static size_t head_of(unsigned type)
{
    switch (type) {
    case DRHD:
        return 16;
    case RMRR:
        return 24;
    case ATSR:
    case SATC:
    case SIDP:
        return 8;
    default:
        return 0; /* no scopes */
    }
}

/* ---- functions ---- */

static int function_get(struct firmware *fw, uint16_t segment, int parent, uint8_t bus,
                        uint8_t devfn)
{
    struct fw_function *f;

    for (unsigned i = 0; i < fw->function_count; i++) {
        f = &fw->function[i];
        if (f->segment == segment && f->parent == parent && f->devfn == devfn &&
            (parent >= 0 || f->bus == bus))
            return (int)i;
    }
    if (fw->function_count == FW_FUNCTIONS)
        abort();
    f = &fw->function[fw->function_count];
    *f = (struct fw_function){ .segment = segment, .parent = parent, .bus = bus, .devfn = devfn };
    return (int)fw->function_count++;
}

/* The function that a scope's path leads to, with bridges made on the way. */
static int follow(struct firmware *fw, uint16_t segment, const uint8_t *scope)
{
    unsigned hops = (scope[1] - 6u) / 2;
    int at = -1;

    for (unsigned i = 0; i < hops; i++) {
        const uint8_t *pair = scope + 6 + 2 * i;

        if (at >= 0)
            fw->function[at].bridge = true;
        at = function_get(fw, segment, at, scope[5], (uint8_t)(pair[0] << 3 | pair[1]));
    }
    if (at >= 0) {
        fw->function[at].named = true;
        fw->function[at].bridge = fw->function[at].bridge || scope[0] == SCOPE_BRIDGE;
    }
    return at;
}

static bool is_start_bus(const struct firmware *fw, uint16_t segment, unsigned bus)
{
    for (unsigned i = 0; i < fw->function_count; i++) {
        if (fw->function[i].segment == segment && fw->function[i].parent < 0 &&
            fw->function[i].bus == bus)
            return true;
    }
    return false;
}

/* Bus numbers as firmware gives them: depth first, each bridge covering what is below it. */
static uint8_t number_below(struct firmware *fw, int parent, uint16_t segment, uint8_t bus,
                            uint8_t last)
{
    for (unsigned i = 0; i < fw->function_count; i++) {
        struct fw_function *f = &fw->function[i];

        if (f->segment != segment || f->parent != parent || (parent < 0 && f->bus != bus))
            continue;
        f->bus = bus;
        f->rid = (uint16_t)(bus << 8 | f->devfn);
        if (!f->bridge || f->secondary != 0)
            continue;
        do
            last++;
        while (is_start_bus(fw, segment, last));
        f->secondary = last;
        last = number_below(fw, (int)i, segment, last, last);
        f->subordinate = last;
    }
    return last;
}

/* Every bridge has somebody behind it. */
static void fill_bridges(struct firmware *fw)
{
    for (unsigned i = 0; i < fw->function_count; i++) {
        struct fw_function *f = &fw->function[i];

        if (f->bridge && f->secondary == 0)
            (void)function_get(fw, f->segment, (int)i, 0, 0);
    }
}

/* Those that no table names: one on the root bus, one behind a port of its own. */
static void add_strangers(struct firmware *fw, uint16_t segment)
{
    static const uint8_t free_places[] = { 0x1d << 3, 0x19 << 3, 0x12 << 3, 0x0b << 3 };
    unsigned added = 0;

    for (unsigned i = 0; i < sizeof(free_places) && added < 2; i++) {
        unsigned before = fw->function_count;
        int place = function_get(fw, segment, -1, 0, free_places[i]);

        if (fw->function_count == before)
            continue; /* taken */
        fw->function[place].bridge = added == 1;
        added++;
    }
}

static void number_buses(struct firmware *fw)
{
    for (unsigned i = 0; i < fw->unit_count; i++) {
        for (unsigned bus = 0; bus < 256; bus++) {
            /* Low numbers are where firmware puts the first slots: paths may begin there. */
            if (is_start_bus(fw, fw->unit[i].segment, bus))
                (void)number_below(fw, -1, fw->unit[i].segment, (uint8_t)bus,
                                   (uint8_t)(bus == 0 ? 8 : bus));
        }
    }
}

/* ---- the table ---- */

typedef const char *structure_fn(struct firmware *fw, const uint8_t *at, size_t length);

static const char *for_each(struct firmware *fw, structure_fn *visit)
{
    size_t at = 48;

    while (at + 4 <= fw->size) {
        size_t length = (size_t)number(fw->table + at + 2, 2);
        const char *problem;

        if (length < 4 || at + length > fw->size)
            return "a structure has no sound length";
        problem = visit(fw, fw->table + at, length);
        if (problem != NULL)
            return problem;
        at += length;
    }
    return NULL;
}

/* Calls @visit's body for scopes: a loop over [at + head, at + length). */
#define FOR_SCOPES(scope, at, length)                                                            \
    for (const uint8_t *scope = (at) + head_of((unsigned)number(at, 2));                         \
         head_of((unsigned)number(at, 2)) != 0 && scope + 6 <= (at) + (length) && scope[1] >= 8; \
         scope += scope[1])

static bool leads_to_function(const uint8_t *scope)
{
    return scope[0] == SCOPE_ENDPOINT || scope[0] == SCOPE_BRIDGE || scope[0] == SCOPE_NAMESPACE;
}

static const char *find_functions(struct firmware *fw, const uint8_t *at, size_t length)
{
    uint16_t segment = (uint16_t)number(at + 6, 2);

    FOR_SCOPES(scope, at, length)
    {
        if (leads_to_function(scope))
            (void)follow(fw, segment, scope);
    }
    if (number(at, 2) == DRHD)
        add_strangers(fw, segment);
    return NULL;
}

/* A unit may have no PCI function at all, but an IOAPIC. */
static bool may_have_functions(const struct fw_unit *unit)
{
    FOR_SCOPES(scope, unit->structure, (size_t)number(unit->structure + 2, 2))
    {
        if (leads_to_function(scope))
            return true;
    }
    return unit->include_all;
}

static void give_scopes(struct fw_unit *unit, const uint8_t *at, size_t length)
{
    FOR_SCOPES(scope, at, length)
    {
        struct model_scope s = { .type = (enum model_scope_type)scope[0],
                                 .enumeration_id = scope[4],
                                 .start_bus = scope[5],
                                 .hops = (uint8_t)((scope[1] - 6) / 2) };

        for (unsigned i = 0; i < s.hops && i < 4; i++)
            s.devfn[i] = (uint8_t)(scope[6 + 2 * i] << 3 | scope[7 + 2 * i]);
        model_add_unit_scope(unit->unit, &s);
    }
}

static const char *find_units(struct firmware *fw, const uint8_t *at, size_t length)
{
    struct fw_unit *unit = &fw->unit[fw->unit_count];

    (void)length;
    if (number(at, 2) != DRHD)
        return NULL;
    if (fw->unit_count == FW_UNITS)
        return "more units than this test has room for";
    unit->include_all = at[4] & 1;
    unit->segment = (uint16_t)number(at + 6, 2);
    unit->base = number(at + 8, 8);
    unit->structure = at;
    unit->hidden = unit->base == 0 || unit->base % 4096 != 0;
    fw->hidden_count += unit->hidden;
    fw->unit_count++;
    return NULL;
}

static void add_unit(struct firmware *fw, struct fw_unit *unit, const char *profile)
{
    const struct model_unit_config config = {
        .profile = profile,
        .segment = unit->segment,
        .base = unit->hidden ? HIDDEN_BASE + 0x10000u * (unit - fw->unit) : unit->base,
        .include_all = unit->include_all
    };

    unit->unit = model_add_unit(fw->m, &config);
    give_scopes(unit, unit->structure, (size_t)number(unit->structure + 2, 2));
}

static void use_rmrr(struct firmware *fw, struct fw_rmrr *rmrr, int index)
{
    if (rmrr->count == FW_IDS)
        abort();
    rmrr->rid[rmrr->count++] = fw->function[index].rid;
    for (unsigned i = 0; fw->function[index].bridge && i < fw->function_count; i++) {
        if (fw->function[i].parent == index)
            use_rmrr(fw, rmrr, (int)i);
    }
}

static const char *find_rmrrs(struct firmware *fw, const uint8_t *at, size_t length)
{
    struct fw_rmrr *rmrr = &fw->rmrr[fw->rmrr_count];

    if (number(at, 2) != RMRR)
        return NULL;
    if (fw->rmrr_count == FW_RMRRS)
        return "more RMRRs than this test has room for";
    *rmrr = (struct fw_rmrr){ .segment = (uint16_t)number(at + 6, 2),
                              .base = number(at + 8, 8),
                              .limit = number(at + 16, 8) };
    if (rmrr->limit < rmrr->base)
        return NULL; /* nobody can use it */
    FOR_SCOPES(scope, at, length)
    {
        if (leads_to_function(scope))
            use_rmrr(fw, rmrr, follow(fw, rmrr->segment, scope));
    }
    model_reserve(fw->m, rmrr->base, rmrr->limit - rmrr->base + 1);
    fw->rmrr_count++;
    return NULL;
}

static void add_functions(struct firmware *fw)
{
    for (unsigned i = 0; i < fw->function_count; i++) {
        const struct fw_function *f = &fw->function[i];
        bool graphics = f->bus == 0 && f->devfn == 0x10 && f->parent < 0;

        if (f->bridge)
            model_add_bridge(fw->m, f->segment, f->rid, f->secondary, f->subordinate,
                             MODEL_ROOT_PORT);
        else
            model_add_function(fw->m, f->segment, f->rid, 0x8086, 0x1000,
                               graphics ? 0x030000 : 0x020000);
    }
}

/* Start buses that are no root bus get a port that leads to them. */
static void hang_up_slots(struct firmware *fw)
{
    unsigned count = fw->function_count;

    for (unsigned i = 0; i < count; i++) {
        const struct fw_function f = fw->function[i];
        int port;

        if (f.parent >= 0 || f.bus == 0 || f.bus >= 0x20)
            continue;
        port = function_get(fw, f.segment, -1, 0, (uint8_t)(0x18 << 3 | (f.bus & 7)));
        fw->function[port].bridge = true;
        fw->function[port].secondary = fw->function[port].subordinate = f.bus;
    }
}

static void note_uses(struct firmware *fw)
{
    for (unsigned i = 0; i < fw->unit_count; i++)
        fw->unit[i].idle = !may_have_functions(&fw->unit[i]);
}

const char *firmware_open(struct firmware *fw, const uint8_t *table, size_t size,
                          const char *profile)
{
    struct model_config config = { .low_size = UINT64_C(16) << 20, .high_size = MODEL_NO_HIGH };
    const char *problem;

    memset(fw, 0, sizeof(*fw));
    fw->table = table;
    fw->size = size < number(table + 4, 4) ? size : (size_t)number(table + 4, 4);
    fw->width = table[36] + 1u;
    config.width = fw->width;
    fw->m = model_create(&config);
    problem = for_each(fw, find_units);
    if (problem == NULL)
        problem = for_each(fw, find_functions);
    if (problem != NULL)
        return problem;
    note_uses(fw);
    hang_up_slots(fw);
    fill_bridges(fw);
    number_buses(fw);
    add_functions(fw);
    for (unsigned i = 0; i < fw->unit_count; i++)
        add_unit(fw, &fw->unit[i], profile);
    return for_each(fw, find_rmrrs);
}

void firmware_close(struct firmware *fw)
{
    model_destroy(fw->m);
}

/* ---- questions ---- */

bool firmware_is_rmrr_device(const struct firmware *fw, const struct fw_function *function)
{
    for (unsigned i = 0; i < fw->rmrr_count; i++) {
        for (unsigned j = 0; j < fw->rmrr[i].count; j++) {
            if (fw->rmrr[i].segment == function->segment && fw->rmrr[i].rid[j] == function->rid)
                return true;
        }
    }
    return false;
}

int firmware_device_of(const struct firmware *fw, const struct fw_unit *unit, bool rmrr_too)
{
    for (unsigned i = 0; i < fw->function_count; i++) {
        const struct fw_function *f = &fw->function[i];

        if (!f->bridge && model_unit_of(fw->m, f->segment, f->rid) == unit->unit &&
            (rmrr_too || !firmware_is_rmrr_device(fw, f)))
            return (int)i;
    }
    return -1;
}

bool firmware_is_governed(const struct firmware *fw, const struct fw_function *function)
{
    const struct model_unit *unit = model_unit_of(fw->m, function->segment, function->rid);

    for (unsigned i = 0; i < fw->unit_count; i++) {
        if (fw->unit[i].unit == unit)
            return !fw->unit[i].hidden;
    }
    return false;
}
