/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space looked through: the bridge above a bus, and every function attached. */
#include "fixture/inside.h"

#include <udmar/bus_dma.h>
#include <udmar/host.h>

/* The fixture has function 0 of the disk as well, without which no other is looked for. */
static void open_machine(struct fixture *f)
{
    fixture_machine(f, "generic48");
    model_add_function(f->m, 0, DISK & 0xfff8, 0x8086, 0x2918, 0x060100);
    model_set_config(f->m, 0, DISK & 0xfff8, 0x0c, 0x00800000);
}

/* Two root ports, a switch below one of them, a conventional bridge below the other. */
static void build_tree(struct fixture *f)
{
    model_add_bridge(f->m, 0, UDMAR_RID(0, 0x1c, 0), 1, 4, MODEL_ROOT_PORT);
    model_add_bridge(f->m, 0, UDMAR_RID(1, 0, 0), 2, 4, MODEL_UPSTREAM);
    model_add_bridge(f->m, 0, UDMAR_RID(2, 0, 0), 3, 3, MODEL_DOWNSTREAM);
    model_add_bridge(f->m, 0, UDMAR_RID(2, 1, 0), 4, 4, MODEL_DOWNSTREAM);
    model_add_bridge(f->m, 0, UDMAR_RID(0, 0x1d, 0), 0x20, 0x21, MODEL_ROOT_PORT);
    model_add_bridge(f->m, 0, UDMAR_RID(0x20, 0, 0), 0x21, 0x21, MODEL_PCIE_TO_PCI);
    model_add_function(f->m, 0, UDMAR_RID(3, 0, 0), 0x8086, 0x10d3, 0x020000);
    model_add_function(f->m, 0, UDMAR_RID(0x21, 2, 0), 0x8086, 0x100e, 0x020000);
}

static void bridges_are_found(void **state)
{
    struct fixture f;
    unsigned found = 0;

    (void)state;
    open_machine(&f);
    build_tree(&f);
    for (unsigned bus = 0; bus < 256; bus++) {
        udmar_rid_t known = 0, rid = 0x7777;
        bool is_there = udmar_host_pci_bridge(f.m, 0, (uint8_t)bus, &known);

        assert_int_equal(udmar_pci_find_bridge(f.m, 0, (uint8_t)bus, &rid), is_there);
        assert_int_equal(rid, is_there ? known : 0x7777);
        found += is_there;
    }
    assert_int_equal(found, 6);
    /* Nobody is there. */
    assert_false(udmar_pci_find_bridge(f.m, 7, 3, &(udmar_rid_t){ 0 }));
    fixture_close(&f);
}

/* Each segment is looked through once, however many units it has. */
static void every_segment_is_attached(void **state)
{
    static const uint16_t segments[] = { 0, 1, 0, 1, 5 };
    struct fixture f;
    unsigned count = 0;

    (void)state;
    fixture_empty(&f);
    for (unsigned i = 0; i < 5; i++) {
        const struct model_scope scope = fixture_endpoint((udmar_rid_t)(0x40 + 8 * i));
        struct model_unit *u =
            model_add_unit(f.m, &(struct model_unit_config){ .segment = segments[i],
                                                             .base = BASE + (uint64_t)i * 0x1000 });

        model_add_unit_scope(u, &scope);
        model_add_function(f.m, segments[i], (udmar_rid_t)(0x40 + 8 * i), 0x8086, 1, 0x010601);
    }
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    assert_int_equal(count, 5);
    for (unsigned i = 0; i < 5; i++) {
        struct udmar_device *device =
            udmar_device_find(f.instance, segments[i], (udmar_rid_t)(0x40 + 8 * i));

        assert_non_null(device);
        assert_int_equal(fixture_info(device).mode, UDMAR_MODE_TRANSLATE);
        /* Attached once: the first detach is the last. */
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
        assert_null(udmar_device_find(f.instance, segments[i], (udmar_rid_t)(0x40 + 8 * i)));
    }
    fixture_close(&f);
}

static void functions_behind_the_first_need_its_word(void **state)
{
    const uint16_t first = UDMAR_RID(0, 5, 0), second = UDMAR_RID(0, 5, 2);
    struct fixture f;
    unsigned count = 0;

    (void)state;
    open_machine(&f);
    model_add_function(f.m, 0, first, 0x8086, 1, 0x010601);
    model_add_function(f.m, 0, second, 0x8086, 2, 0x010601);
    fixture_create(&f);
    /* Some devices answer for functions that they do not have. */
    model_set_config(f.m, 0, first, 0x0c, 0);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    assert_int_equal(count, 3);
    assert_null(udmar_device_find(f.instance, 0, second));
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_OK);
    model_set_config(f.m, 0, first, 0x0c, 0x00800000);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    assert_int_equal(count, 4);
    assert_non_null(udmar_device_find(f.instance, 0, second));
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_OK);
    fixture_close(&f);
}

static void every_function_is_attached(void **state)
{
    struct fixture f;
    struct udmar_device *nic;
    unsigned count = 99;

    (void)state;
    open_machine(&f);
    build_tree(&f);
    fixture_create(&f);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    assert_int_equal(count, 4); /* NIC, DISK and two more; no bridge */
    nic = udmar_device_find(f.instance, 0, UDMAR_RID(3, 0, 0));
    assert_non_null(nic);
    assert_non_null(udmar_device_find(f.instance, 0, UDMAR_RID(0x21, 2, 0)));
    assert_null(udmar_device_find(f.instance, 0, UDMAR_RID(2, 1, 0)));
    fixture_start(&f);
    /* Attached twice is counted; a device in use stays. */
    assert_int_equal(udmar_attach_all(f.instance, NULL), UDMAR_OK);
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_OK);
    assert_null(udmar_device_next(f.instance, NULL));
    assert_int_equal(udmar_attach_all(NULL, &count), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_detach_all(NULL), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
}

static void a_driver_that_is_off_attaches_too(void **state)
{
    struct udmar_device_info info;
    struct fixture f;
    unsigned count = 0;

    (void)state;
    open_machine(&f);
    f.config.tunables.enable = false;
    f.config.table = NULL;
    assert_int_equal(udmar_create(f.m, &f.config, &f.instance), UDMAR_OK);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    assert_int_equal(count, 2);
    udmar_device_info(udmar_device_find(f.instance, 0, NIC), &info);
    assert_int_equal(info.mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* What a port asks on every map: is there a domain to map in? */
static void only_translated_devices_have_a_translation(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BOUNCE,
                                             UDMAR_MODE_BLOCKED };
    struct udmar_device *nic;
    struct fixture f;

    (void)state;
    open_machine(&f);
    fixture_create(&f);
    fixture_start(&f);
    nic = fixture_attach(&f, NIC);
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(udmar_device_set_mode(nic, modes[i]), UDMAR_OK);
        assert_ptr_equal(udmar_device_translation(nic), i == 0 ? udmar_device_domain(nic) : NULL);
        assert_int_equal(udmar_device_translation(nic) != NULL, i == 0);
    }
    assert_null(udmar_device_translation(NULL));
    fixture_close(&f);
}

static void one_that_fails_costs_itself(void **state)
{
    struct fixture f;
    bus_dma_tag_t tag;
    struct udmar_device *busy;
    unsigned count = 0;

    (void)state;
    open_machine(&f);
    fixture_create(&f);
    assert_int_equal(udmar_attach_all(f.instance, &count), UDMAR_OK);
    busy = udmar_device_find(f.instance, 0, NIC);
    assert_int_equal(bus_dma_tag_create(udmar_device_dma_tag(busy), 1, 0, UINT64_MAX, UINT64_MAX,
                                        NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     0);
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_ERR_BUSY);
    assert_ptr_equal(udmar_device_next(f.instance, NULL), busy);
    assert_null(udmar_device_next(f.instance, busy));
    assert_int_equal(bus_dma_tag_destroy(tag), 0);
    assert_int_equal(udmar_detach_all(f.instance), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bridges_are_found),
        cmocka_unit_test(every_segment_is_attached),
        cmocka_unit_test(functions_behind_the_first_need_its_word),
        cmocka_unit_test(every_function_is_attached),
        cmocka_unit_test(a_driver_that_is_off_attaches_too),
        cmocka_unit_test(only_translated_devices_have_a_translation),
        cmocka_unit_test(one_that_fails_costs_itself),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
