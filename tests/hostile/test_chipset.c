/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver on whole machines, with the errata that these have: from creation to destruction, each
 * device with a transfer of its own, wild DMA, faults that are shown without a record.
 */
#include <stdio.h>
#include <string.h>

#include "fixture/fixture.h"

struct computer {
    struct model *m;
    const struct model_chipset *chipset;
    struct udmar *instance;
    uint8_t table[4096];
};

static void take(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    uint64_t *iova = argument;

    *iova = error == 0 && count == 1 ? segments[0].ds_addr : 0;
}

static void create(struct computer *c)
{
    const struct udmar_ram_range ram[2] = { { MIB(1), MIB(16) }, { GIB(4) + MIB(16), MIB(16) } };
    struct udmar_config config = {
        .table = c->table,
        .ram = ram,
        .ram_count = 2,
        .direct_map = true,
        .cpu_signature = c->chipset->cpu,
    };

    config.table_size = model_dmar_build(c->m, c->table, sizeof(c->table));
    udmar_tunables_init(&config.tunables);
    config.tunables.enable = true;
    assert_int_equal(udmar_create(c->m, &config, &c->instance), UDMAR_OK);
}

/* Loads of all kinds, and memory that is nobody's before and after. */
static void transfer(struct computer *c, struct udmar_device *device, uint16_t rid, size_t size)
{
    uint8_t *buffer = model_buffer_alloc(c->m, size, MODEL_CONTIGUOUS, 0);
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint64_t iova = 0;
    uint8_t byte = 0x77;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(device), 1, 0, UINT64_MAX,
                                          UINT64_MAX, NULL, NULL, size, 1, size, 0, NULL, NULL,
                                          &tag),
                     0);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(udmar_dmamap_load(tag, map, buffer, size, take, &iova, 0), 0);
        for (size_t at = round; at < size; at += 50000) {
            assert_int_equal(model_dma(c->m, 0, rid, iova + at, &byte, 1, true), MODEL_OK);
            assert_int_equal(buffer[at], 0x77);
        }
        udmar_dmamap_unload(tag, map);
        for (size_t at = round; at < size; at += 50000)
            assert_int_equal(model_dma(c->m, 0, rid, iova + at, &byte, 1, true), MODEL_BLOCKED);
    }
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    model_buffer_free(c->m, buffer);
}

static void use(struct computer *c, uint16_t rid)
{
    struct udmar_device *device;
    struct udmar_device_info info;
    struct model_unit *u = model_unit_of(c->m, 0, rid);

    assert_int_equal(udmar_device_attach(c->instance, 0, rid, NULL, &device), UDMAR_OK);
    udmar_device_info(device, &info);
    if (info.mode != UDMAR_MODE_TRANSLATE) {
        /* A unit that is left off for good reasons. */
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
        return;
    }
    transfer(c, device, rid, 8192);
    transfer(c, device, rid, MIB(3));
    model_inject_overflow(u);
    model_inject_event(u);
    (void)udmar_fault_poll(c->instance);
    assert_int_equal(model_cache_stale(u), 0);
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
}

static unsigned translating(struct computer *c)
{
    unsigned count = 0;

    for (unsigned i = 0; i < udmar_unit_count(c->instance); i++) {
        struct udmar_unit_status status;

        assert_int_equal(udmar_unit_status(c->instance, i, &status), UDMAR_OK);
        count += status.translating;
    }
    return count;
}

static void life(const struct model_chipset *chipset)
{
    struct computer c = { .chipset = chipset };
    unsigned units = 0;

    c.m = model_create(&(struct model_config){ .low_size = MIB(16), .high_size = MIB(16) });
    model_add_chipset(c.m, chipset);
    while (units < MODEL_CHIPSET_UNITS && chipset->unit[units].base != 0)
        units++;
    create(&c);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(udmar_start(c.instance), UDMAR_OK);
        assert_in_range(translating(&c), 1, units);
        for (unsigned i = 0; i < MODEL_CHIPSET_FUNCTIONS && chipset->function[i].rid != 0; i++)
            use(&c, chipset->function[i].rid);
        assert_int_equal(udmar_stop(c.instance), UDMAR_OK);
    }
    assert_int_equal(udmar_destroy(c.instance), UDMAR_OK);
    for (unsigned i = 0; i < model_violations(c.m); i++)
        fprintf(stderr, "%s: %s\n", chipset->name, model_violation_text(c.m, i));
    assert_int_equal(model_violations(c.m), 0);
    assert_int_equal(model_leaks(c.m), 0);
    model_destroy(c.m);
}

static void test_every_chipset(void **state)
{
    const struct model_chipset *chipset;

    (void)state;
    for (unsigned i = 0; (chipset = model_chipset_at(i)) != NULL; i++)
        life(chipset);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_chipset) };

    return cmocka_run_group_tests_name("chipset", tests, NULL, NULL);
}
