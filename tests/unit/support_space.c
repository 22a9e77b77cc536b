/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "../empty.h"
#include "invariants.h"
#include "support_space.h"

#define UNIT_BASE UINT64_C(0xfed91000)

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

/* ---- The machine ----------------------------------------------------------------------------- */

static void configure(struct machine *mc, const struct setup *setup, struct udmar_config *config,
                      struct udmar_ram_range ram[2])
{
    uint64_t low_size = setup->machine.low_size != 0 ? setup->machine.low_size : MIB(32);
    uint64_t high_size = setup->machine.high_size != 0 ? setup->machine.high_size : MIB(32);

    ram[0].base = setup->machine.low_base != 0 ? setup->machine.low_base : MIB(1);
    ram[0].size = low_size;
    ram[1].base = setup->machine.high_base != 0 ? setup->machine.high_base : GIB(4) + MIB(16);
    ram[1].size = high_size;
    *config = (struct udmar_config){
        .table = mc->table,
        .table_size = model_dmar_build(mc->m, mc->table, sizeof(mc->table)),
        .ram = ram,
        .ram_count = high_size == MODEL_NO_HIGH ? 1 : 2,
        .direct_map = !setup->no_direct_map,
        .window_limit = setup->window_limit,
        .cpus = setup->cpus,
        .ticking = setup->ticking,
        .interrupts = setup->interrupts,
    };
    if (setup->no_ram)
        config->ram_count = 0;
    udmar_tunables_init(&config->tunables);
    config->tunables.enable = true;
    if (setup->tunables != NULL)
        assert_int_equal(udmar_tunables_parse(&config->tunables, setup->tunables, NULL, NULL), 0);
}

void machine_open(struct machine *mc, const struct setup *setup)
{
    static const struct setup defaults;
    struct udmar_ram_range ram[2];
    struct udmar_config config;
    struct model_unit_config unit;

    setup = setup == NULL ? &defaults : setup;
    unit = setup->unit;
    unit.profile = setup->profile;
    unit.base = UNIT_BASE;
    unit.include_all = true;
    memset(mc, 0, sizeof(*mc));
    if (setup->interrupts != NULL) {
        unit.ecap_set |= UINT64_C(8) | UINT64_C(15) << 20;
        unit.cap_set |= UINT64_C(1) << 59;
    }
    mc->m = model_create(&setup->machine);
    if (setup->interrupts != NULL)
        model_set_dmar_header(mc->m, 1, 0);
    mc->u = model_add_unit(mc->m, &unit);
    for (unsigned i = 0; i < DEVICES; i++)
        model_add_function(mc->m, 0, rids[i], 0x8086, 0x10d3, 0x020000);
    if (setup->rmrr_limit != 0) {
        struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, RID0);

        model_add_rmrr(mc->m, 0, setup->rmrr_base, setup->rmrr_limit, &scope, 1);
    }
    configure(mc, setup, &config, ram);
    assert_int_equal(udmar_create(mc->m, &config, &mc->instance), UDMAR_OK);
    if (!setup->not_started)
        assert_int_equal(udmar_start(mc->instance), UDMAR_OK);
    for (unsigned i = 0; i < DEVICES && !setup->not_attached; i++)
        assert_int_equal(udmar_device_attach(mc->instance, 0, rids[i], NULL, &mc->device[i]),
                         UDMAR_OK);
    mc->domain = udmar_device_domain(mc->device[0]);
}

struct udmar_domain *machine_own_domain(struct machine *mc)
{
    assert_int_equal(udmar_domain_create(mc->instance, NULL, &mc->own), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(mc->device[0], mc->own), UDMAR_OK);
    return mc->own;
}

void machine_disown_domain(struct machine *mc)
{
    assert_int_equal(udmar_domain_destroy(mc->instance, mc->own), UDMAR_OK);
    mc->own = NULL;
}

bool machine_clean(struct machine *mc)
{
    for (unsigned i = 0; i < model_violations(mc->m) && i < 5; i++)
        fprintf(stderr, "violation: %s\n", model_violation_text(mc->m, i));
    return model_violations(mc->m) == 0;
}

const char *machine_broken(struct machine *mc)
{
    const char *wrong = invariants_broken(mc->instance);

    return wrong == NULL ? "" : wrong;
}

/* Where nothing is deferred, caches know nothing between two calls that is not so any more. */
static bool caches_true(struct machine *mc)
{
    struct udmar_domain *domain = mc->device[0] == NULL ? NULL : udmar_device_domain(mc->device[0]);
    struct udmar_domain_info info;

    /* A unit that has not answered may know anything. */
    if (domain == NULL || mc->forgive || mc->forgive_pages)
        return true;
    udmar_domain_info(domain, &info);
    return !info.strict || model_cache_stale(mc->u) == 0;
}

void machine_close(struct machine *mc)
{
    assert_true(caches_true(mc));
    assert_string_equal(machine_broken(mc), "");
    for (unsigned i = 0; i < DEVICES; i++) {
        if (mc->device[i] != NULL) {
            empty_domain(udmar_device_domain(mc->device[i]));
            assert_int_equal(udmar_device_detach(mc->device[i]), UDMAR_OK);
        }
    }
    assert_int_equal(udmar_stop(mc->instance), UDMAR_OK);
    if (mc->own != NULL)
        machine_disown_domain(mc);
    assert_int_equal(udmar_destroy(mc->instance), UDMAR_OK);
    if (!mc->forgive) {
        assert_true(machine_clean(mc));
        if (!mc->forgive_pages)
            assert_int_equal(model_leaks(mc->m), 0);
        assert_int_equal(model_bytes_in_use(mc->m), 0);
    }
    model_destroy(mc->m);
    memset(mc, 0, sizeof(*mc));
}

/* ---- DMA ------------------------------------------------------------------------------------- */

bool can_read(struct machine *mc, uint16_t rid, uint64_t iova)
{
    uint8_t byte;

    return model_dma(mc->m, 0, rid, iova, &byte, 1, false) == MODEL_OK;
}

bool can_write(struct machine *mc, uint16_t rid, uint64_t iova)
{
    uint8_t byte = 0x5a;

    return model_dma(mc->m, 0, rid, iova, &byte, 1, true) == MODEL_OK;
}

bool device_sees(struct machine *mc, uint16_t rid, uint64_t iova, const void *memory, size_t size)
{
    const uint8_t *expected = memory;
    uint8_t seen[4096];

    for (size_t done = 0; done < size; done += sizeof(seen)) {
        size_t part = size - done < sizeof(seen) ? size - done : sizeof(seen);

        if (model_dma(mc->m, 0, rid, iova + done, seen, part, false) != MODEL_OK ||
            memcmp(seen, expected + done, part) != 0)
            return false;
    }
    return true;
}

void fill_pattern(void *memory, size_t size, unsigned seed)
{
    uint8_t *bytes = memory;
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(roll(&state) >> 24);
}

bool device_stores(struct machine *mc, uint16_t rid, uint64_t iova, const void *memory, size_t size,
                   unsigned seed)
{
    const uint8_t *stored = memory;
    uint8_t sent[4096];

    for (size_t done = 0; done < size; done += sizeof(sent)) {
        size_t part = size - done < sizeof(sent) ? size - done : sizeof(sent);

        fill_pattern(sent, part, seed + (unsigned)done);
        if (model_dma(mc->m, 0, rid, iova + done, sent, part, true) != MODEL_OK ||
            memcmp(sent, stored + done, part) != 0)
            return false;
    }
    return true;
}

uint64_t physical_of(struct machine *mc, const void *address)
{
    size_t length = 1;

    return udmar_host_virtual_to_physical(mc->m, address, &length);
}

void drain_faults(struct machine *mc)
{
    (void)udmar_fault_poll(mc->instance);
    model_clear_log(mc->m);
}

/* ---- busdma ---------------------------------------------------------------------------------- */

void note_loaded(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct loaded *loaded = argument;

    loaded->calls++;
    loaded->count = count;
    loaded->error = error;
    assert_true(count <= LOADED_SEGMENTS);
    if (count > 0)
        memcpy(loaded->segment, segments, (size_t)count * sizeof(*segments));
}

struct udmar_dma_tag *new_tag(struct machine *mc, unsigned device, const struct limits *limits)
{
    static const struct limits none;
    struct udmar_dma_tag *tag = NULL;

    limits = limits == NULL ? &none : limits;
    assert_int_equal(
        udmar_dma_tag_create(udmar_device_dma_tag(mc->device[device]), limits->alignment,
                             limits->boundary, limits->lowaddr == 0 ? UINT64_MAX : limits->lowaddr,
                             limits->highaddr == 0 ? UINT64_MAX : limits->highaddr, NULL, NULL,
                             limits->maxsize == 0 ? KIB(64) : limits->maxsize,
                             limits->nsegments == 0 ? 1 : limits->nsegments,
                             limits->maxsegsz == 0 ? UINT64_MAX : limits->maxsegsz, 0, NULL, NULL,
                             &tag),
        0);
    return tag;
}

struct udmar_dma_map *new_map(struct udmar_dma_tag *tag)
{
    struct udmar_dma_map *map = NULL;

    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    return map;
}

uint64_t load_one(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                  uint64_t length)
{
    struct loaded loaded = { .calls = 0 };

    assert_int_equal(udmar_dmamap_load(tag, map, buffer, length, note_loaded, &loaded, 0), 0);
    assert_int_equal(loaded.calls, 1);
    assert_int_equal(loaded.error, 0);
    assert_int_equal(loaded.count, 1);
    assert_int_equal(loaded.segment[0].ds_len, length);
    return loaded.segment[0].ds_addr;
}

void drop_tag(struct udmar_dma_tag *tag)
{
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
}

void drop_map(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
}

/* ---- Random numbers -------------------------------------------------------------------------- */

uint32_t roll(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) ^ (*state << 16);
}

uint32_t roll_below(uint32_t *state, uint32_t limit)
{
    return (uint32_t)(((uint64_t)roll(state) * limit) >> 32);
}

/* ---- Counting host calls --------------------------------------------------------------------- */

void count_events(void *context, struct model *m, enum model_event event)
{
    struct counts *counts = context;

    (void)m;
    counts->events[event]++;
}
