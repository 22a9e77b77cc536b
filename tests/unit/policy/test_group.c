/* SPDX-License-Identifier: BSD-2-Clause */
/* Who shares a requester id with whom, in every order of coming and going. */
#include "../../empty.h"
#include "fixture/inside.h"

#include <string.h>

/* One byte of DMA with this very id, whatever bridges would make of it. */
static enum model_result write_as(struct fixture *f, uint16_t id, uint64_t iova)
{
    uint8_t byte = 0x5a;

    return model_dma(f->m, 0, id, iova, &byte, 1, true);
}

static void map(struct fixture *f, struct udmar_device *device, uint64_t iova)
{
    assert_int_equal(udmar_domain_map(udmar_device_domain(device), iova, f->page, 4096, 3),
                     UDMAR_OK);
}

/* Whoever is the last in a domain takes away what the test has mapped there. */
static void detach(struct udmar_device *device)
{
    enum udmar_status status = udmar_device_detach(device);

    if (status == UDMAR_ERR_BUSY) {
        empty_domain(udmar_device_domain(device));
        status = udmar_device_detach(device);
    }
    assert_int_equal(status, UDMAR_OK);
}

static void machine(struct fixture *f)
{
    const struct model_unit_config unit = { .base = BASE, .include_all = true };

    fixture_empty(f);
    f->u = model_add_unit(f->m, &unit);
}

static void begin(struct fixture *f)
{
    fixture_create(f);
    fixture_start(f);
}

static unsigned errors_logged(struct fixture *f)
{
    unsigned count = 0;

    for (unsigned i = 0; i < model_log_count(f->m); i++)
        count += model_log_level(f->m, i) == UDMAR_LOG_ERROR;
    return count;
}

/* ---- Bridges --------------------------------------------------------------------------------- */

static const uint32_t silent[] = { 0x244e8086, 0x10801b21, 0x88921283,
                                   0x88931283, 0x811310e3, 0x00251011 };

/* Slot 0, slot 1 and the bridge itself, in all six orders, with each bridge that says nothing. */
static void slot_0_behind_a_silent_bridge(void **state)
{
    static const uint16_t rids[6][3] = {
        { 0x0500, 0x0508, 0x0100 }, { 0x0500, 0x0100, 0x0508 }, { 0x0508, 0x0500, 0x0100 },
        { 0x0508, 0x0100, 0x0500 }, { 0x0100, 0x0500, 0x0508 }, { 0x0100, 0x0508, 0x0500 },
    };

    (void)state;
    for (unsigned i = 0; i < 36; i++) {
        struct udmar_device *device[3];
        struct fixture f;

        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 9, MODEL_ROOT_PORT);
        model_add_bridge(f.m, 0, 0x0100, 5, 5, MODEL_PCI_TO_PCI);
        model_set_config(f.m, 0, 0x0100, 0, silent[i / 6]);
        model_add_function(f.m, 0, 0x0500, 0x8086, 0x100e, 0x020000);
        model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
        begin(&f);
        for (unsigned k = 0; k < 3; k++)
            device[k] = fixture_attach(&f, rids[i % 6][k]);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(fixture_info(device[k]).mode, UDMAR_MODE_TRANSLATE);
            assert_ptr_equal(udmar_device_domain(device[k]), udmar_device_domain(device[0]));
        }
        assert_int_equal(errors_logged(&f), 0);
        map(&f, device[0], IOVA);
        assert_int_equal(write_as(&f, 0x0500, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x0508, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x0100, IOVA), MODEL_OK);
        /* Slot 0 goes: its id stays slot 1's. Slot 1's own id goes with slot 1. */
        for (unsigned k = 0; k < 3; k++) {
            detach(udmar_device_find(f.instance, 0, rids[0][k]));
            assert_int_equal(write_as(&f, 0x0500, IOVA), k < 1 ? MODEL_OK : MODEL_BLOCKED);
            assert_int_equal(write_as(&f, 0x0508, IOVA), k < 1 ? MODEL_OK : MODEL_BLOCKED);
            assert_int_equal(write_as(&f, 0x0100, IOVA), k < 2 ? MODEL_OK : MODEL_BLOCKED);
        }
        fixture_close(&f);
    }
}

/* A conventional bridge below another: all below the upper one send its id. */
static void bridges_below_bridges(void **state)
{
    struct udmar_device *upper, *lower, *beside;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x00f0, 5, 7, MODEL_PCI_TO_PCI);
    model_add_bridge(f.m, 0, 0x0508, 6, 6, MODEL_PCI_TO_PCI);
    model_add_bridge(f.m, 0, 0x0510, 7, 7, MODEL_PCI_TO_PCIE);
    model_add_function(f.m, 0, 0x0600, 0x8086, 0x100e, 0x020000);
    model_add_function(f.m, 0, 0x0700, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, 0x0518, 0x8086, 0x100e, 0x020000);
    begin(&f);
    lower = fixture_attach(&f, 0x0600);
    beside = fixture_attach(&f, 0x0700);
    upper = fixture_attach(&f, 0x0518);
    assert_ptr_equal(udmar_device_domain(lower), udmar_device_domain(beside));
    assert_ptr_equal(udmar_device_domain(lower), udmar_device_domain(upper));
    map(&f, lower, IOVA);
    assert_int_equal(fixture_write(&f, 0x0518, IOVA), MODEL_OK);
    assert_int_equal(udmar_device_detach(lower), UDMAR_OK);
    assert_int_equal(write_as(&f, 0x0600, IOVA), MODEL_BLOCKED);
    assert_int_equal(write_as(&f, 0x0508, IOVA), MODEL_BLOCKED);
    assert_int_equal(fixture_write(&f, 0x0518, IOVA), MODEL_OK);
    fixture_close(&f);
}

/* The same bus and device in two segments have nothing to do with each other. */
static void segments_are_apart(void **state)
{
    struct udmar_device *a, *b = NULL;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_unit(
        f.m, &(struct model_unit_config){ .base = BASE_2, .segment = 1, .include_all = true });
    for (uint16_t segment = 0; segment < 2; segment++) {
        model_add_bridge(f.m, segment, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
        model_add_function(f.m, segment, 0x0508, 0x8086, 0x100e, 0x020000);
    }
    begin(&f);
    a = fixture_attach(&f, 0x0508);
    assert_int_equal(udmar_device_attach(f.instance, 1, 0x0508, "b", &b), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_false(fixture_info(a).shares_ids || fixture_info(b).shares_ids);
    fixture_close(&f);
}

/*
 * Firmware has put two functions behind one bridge under different units. Each unit has contexts of
 * its own, so each function is what its own unit says.
 */
static void units_are_apart(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x08 } };
    struct udmar_device *a, *b;
    uint64_t root, context[2];
    struct model_unit *u;
    struct fixture f;

    (void)state;
    machine(&f);
    u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_add_bridge(f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
    model_add_function(f.m, 0, 0x0510, 0x8086, 0x100e, 0x020000);
    begin(&f);
    a = fixture_attach(&f, 0x0508);
    b = fixture_attach(&f, 0x0510);
    assert_int_not_equal(fixture_info(a).unit, fixture_info(b).unit);
    assert_ptr_not_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_int_equal(udmar_context_entries(f.instance, 0, 0x0508, &root, context), UDMAR_OK);
    assert_true(context[0] & 1);
    assert_int_equal(udmar_context_entries(f.instance, 0, 0x0510, &root, context), UDMAR_OK);
    assert_true(context[0] & 1);
    map(&f, b, IOVA);
    assert_int_equal(write_as(&f, 0x0500, IOVA), MODEL_OK);
    fixture_close(&f);
}

/* ---- Groups that become one ------------------------------------------------------------------ */

/* A bus with two plain functions and one that sends the ids of the whole bus. */
static void bus_with_proxy(struct fixture *f)
{
    machine(f);
    model_add_bridge(f->m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(f->m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(f->m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(f->m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    begin(f);
}

static void whole_bus_comes_first(void **state)
{
    struct udmar_device *a, *b, *proxy;
    struct fixture f;

    (void)state;
    bus_with_proxy(&f);
    proxy = fixture_attach(&f, 0x0110);
    map(&f, proxy, IOVA);
    a = fixture_attach(&f, 0x0100);
    b = fixture_attach(&f, 0x0108);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(proxy));
    assert_ptr_equal(udmar_device_domain(b), udmar_device_domain(proxy));
    assert_int_equal(udmar_device_detach(proxy), UDMAR_OK);
    assert_int_equal(write_as(&f, 0x0100, IOVA), MODEL_OK);
    assert_int_equal(write_as(&f, 0x0108, IOVA), MODEL_OK);
    assert_int_equal(write_as(&f, 0x0110, IOVA), MODEL_BLOCKED);
    assert_int_equal(write_as(&f, 0x01ff, IOVA), MODEL_BLOCKED);
    fixture_close(&f);
}

/* Nobody has asked for the domains yet: all of the bus gets one. */
static void unused_groups_become_one(void **state)
{
    struct udmar_device *a, *b, *proxy;
    struct fixture f;

    (void)state;
    bus_with_proxy(&f);
    a = fixture_attach(&f, 0x0100);
    b = fixture_attach(&f, 0x0108);
    proxy = fixture_attach(&f, 0x0110);
    assert_int_equal(fixture_info(proxy).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(proxy));
    assert_ptr_equal(udmar_device_domain(b), udmar_device_domain(proxy));
    map(&f, a, IOVA);
    for (unsigned devfn = 0; devfn < 256; devfn++)
        assert_int_equal(write_as(&f, (uint16_t)(0x0100 + devfn), IOVA), MODEL_OK);
    fixture_close(&f);
}

/* The one that is in use keeps its domain, its mode, and what is mapped there. */
/* A driver that has looked at its domain and gone leaves firmware's device free to move. */
static void group_that_was_in_use_gives_way(void **state)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x00 } };
    struct udmar_device *a, *b, *proxy;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    model_add_rmrr(f.m, 0, 0x200000, 0x200fff, &scope, 1);
    begin(&f);
    a = fixture_attach(&f, 0x0100);
    assert_non_null(udmar_device_domain(a));
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    b = fixture_attach(&f, 0x0108);
    map(&f, b, IOVA);
    proxy = fixture_attach(&f, 0x0110);
    assert_int_equal(fixture_info(proxy).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(proxy), udmar_device_domain(b));
    assert_int_equal(fixture_write(&f, 0x0108, IOVA), MODEL_OK);
    assert_true(fixture_reaches(&f, 0x0100, 0x200000, 0x200000));
    fixture_close(&f);
}

static void the_group_in_use_stays(void **state)
{
    (void)state;
    for (unsigned used = 0; used < 4; used++) {
        struct udmar_device *device[2], *proxy;
        struct udmar_domain *domain;
        struct fixture f;

        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(f.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
        model_add_function(f.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
        model_add_function(f.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
        if (used >= 2)
            fixture_tune(&f, used == 2 ? "hw.busdma.pci0:1:0:0" : "hw.busdma.pci0:1:1:0",
                         "blocked");
        begin(&f);
        device[0] = fixture_attach(&f, 0x0100);
        device[1] = fixture_attach(&f, 0x0108);
        domain = udmar_device_domain(device[(used + 1) % 2]);
        if (used >= 2) {
            domain = udmar_device_domain(device[used == 2]);
            map(&f, device[used == 2], IOVA);
        } else {
            map(&f, device[(used + 1) % 2], IOVA);
        }
        proxy = fixture_attach(&f, 0x0110);
        for (unsigned i = 0; i < 2; i++) {
            assert_ptr_equal(udmar_device_domain(device[i]), domain);
            assert_int_equal(fixture_info(device[i]).mode, UDMAR_MODE_TRANSLATE);
        }
        assert_ptr_equal(udmar_device_domain(proxy), domain);
        assert_int_equal(write_as(&f, 0x0100, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x0108, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x01c5, IOVA), MODEL_OK);
        if (used >= 2)
            assert_true(model_log_contains(f.m, "was to be blocked but shares requester id"));
        fixture_close(&f);
    }
}

/* Two are in use: neither loses anything, and the late one is blocked, in books and in hardware. */
static void groups_in_use_do_not_become_one(void **state)
{
    static const char *const modes[] = { "translate", "passthrough" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct udmar_device *a, *b, *proxy, *again;
        struct udmar_domain *domain;
        struct fixture f;

        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(f.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
        model_add_function(f.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
        model_add_function(f.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
        fixture_tune(&f, "hw.busdma.pci0:1:1:0", modes[i]);
        begin(&f);
        a = fixture_attach(&f, 0x0100);
        b = fixture_attach(&f, 0x0108);
        map(&f, a, IOVA);
        domain = udmar_device_domain(b);
        proxy = fixture_attach(&f, 0x0110);
        assert_int_equal(fixture_info(proxy).mode, UDMAR_MODE_BLOCKED);
        assert_int_equal(fixture_info(proxy).wanted, UDMAR_MODE_TRANSLATE);
        assert_non_null(strstr(fixture_info(proxy).reason, "domains differ"));
        assert_null(udmar_device_domain(proxy));
        assert_true(errors_logged(&f) == 3);
        assert_true(model_log_contains(f.m, "requests with id 0100 reach what dev (0000:01:00.0)"));
        assert_true(model_log_contains(f.m, "requests with id 0108 reach what dev (0000:01:01.0)"));
        assert_true(fixture_reaches(&f, 0x0100, IOVA, f.page));
        assert_ptr_equal(udmar_device_domain(b), domain);
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            if (devfn != 0 && devfn != 8)
                assert_int_equal(write_as(&f, (uint16_t)(0x0100 + devfn), IOVA), MODEL_BLOCKED);
        }
        /* A neighbour of the blocked one that came later is no better off. */
        model_add_function(f.m, 0, 0x0118, 0x8086, 0x10d3, 0x020000);
        again = fixture_attach(&f, 0x0118);
        assert_int_equal(fixture_info(again).mode, UDMAR_MODE_BLOCKED);
        assert_int_equal(write_as(&f, 0x0118, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_detach(again), UDMAR_OK);
        /* One of the two goes: asked again, it gets what the other one has. */
        assert_int_equal(udmar_device_detach(b), UDMAR_OK);
        assert_int_equal(write_as(&f, 0x0108, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_set_mode(proxy, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(fixture_info(proxy).mode, UDMAR_MODE_TRANSLATE);
        assert_ptr_equal(udmar_device_domain(proxy), udmar_device_domain(a));
        assert_int_equal(write_as(&f, 0x0110, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x0108, IOVA), MODEL_OK);
        fixture_close(&f);
    }
}

/* Both see physical addresses through the same context: there is nothing to be taken away. */
static void physical_groups_become_one(void **state)
{
    struct udmar_device *a, *proxy;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    fixture_tune(&f, "hw.busdma.default", "identity");
    begin(&f);
    a = fixture_attach(&f, 0x0100);
    (void)fixture_attach(&f, 0x0108);
    proxy = fixture_attach(&f, 0x0110);
    assert_int_equal(fixture_info(proxy).mode, UDMAR_MODE_IDENTITY);
    assert_int_equal(write_as(&f, 0x0108, f.page), MODEL_OK);
    assert_int_equal(write_as(&f, 0x01ff, f.page), MODEL_OK);
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_int_equal(udmar_device_detach(proxy), UDMAR_OK);
    assert_int_equal(write_as(&f, 0x0108, f.page), MODEL_OK);
    assert_int_equal(write_as(&f, 0x0100, f.page), MODEL_BLOCKED);
    fixture_close(&f);
}

/* The unit does not answer while groups become one: what is said stays what hardware does. */
static void hanging_unit_while_groups_become_one(void **state)
{
    struct udmar_device *device[3] = { NULL };
    unsigned failed = 0;
    struct fixture f;

    (void)state;
    bus_with_proxy(&f);
    device[0] = fixture_attach(&f, 0x0100);
    device[1] = fixture_attach(&f, 0x0108);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    failed += udmar_device_attach(f.instance, 0, 0x0110, "p", &device[2]) != UDMAR_OK;
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 1000);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t id = (uint16_t)(0x0100 + 8 * i);
        struct udmar_domain *domain;

        if (device[i] == NULL)
            continue;
        domain = udmar_device_domain(device[i]);
        if (fixture_info(device[i]).mode == UDMAR_MODE_BLOCKED) {
            assert_int_equal(write_as(&f, id, IOVA), MODEL_BLOCKED);
            failed++;
        } else {
            (void)udmar_domain_map(domain, IOVA, f.page, 4096, 3);
            assert_int_equal(write_as(&f, id, IOVA), MODEL_OK);
        }
    }
    assert_true(failed > 0);
    while ((device[0] = udmar_device_next(f.instance, NULL)) != NULL)
        detach(device[0]);
    for (unsigned devfn = 0; devfn < 256; devfn++)
        assert_int_equal(write_as(&f, (uint16_t)(0x0100 + devfn), IOVA), MODEL_BLOCKED);
    /* Tables that the unit might have walked are lost rather than used again. */
    fixture_destroy(&f);
    /* After so many requests without an answer the queue may have been given up: the last resort.
     */
    if (model_violations(f.m) != 0)
        assert_true(fixture_violated_only(&f, "queue disabled while descriptors wait"));
    fixture_abandon(&f);
}

/* No memory at any moment while groups become one. */
static void no_memory_while_groups_become_one(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct udmar_device *a, *b, *proxy = NULL;
        enum udmar_status status;
        unsigned failures;
        struct fixture f;

        bus_with_proxy(&f);
        a = fixture_attach(&f, 0x0100);
        b = fixture_attach(&f, 0x0108);
        model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC | MODEL_CALL_PAGE_ALLOC, n, false);
        status = udmar_device_attach(f.instance, 0, 0x0110, "p", &proxy);
        failures = model_host_calls_failed(f.m);
        model_fail_host_call(f.m, 0, false);
        if (status == UDMAR_OK) {
            map(&f, proxy, IOVA);
            assert_int_equal(write_as(&f, 0x0110, IOVA), MODEL_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(write_as(&f, 0x0110, IOVA), MODEL_BLOCKED);
        }
        if (fixture_info(a).mode == UDMAR_MODE_TRANSLATE &&
            fixture_info(b).mode == UDMAR_MODE_TRANSLATE && status == UDMAR_OK)
            assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
        fixture_close(&f);
        if (failures == 0)
            break;
    }
}

/* ---- Ids that only the port knows ------------------------------------------------------------ */

/* Drives behind Intel VMD: a segment of their own, and the controller's id on the wire. */
static void functions_behind_a_controller(void **state)
{
    const struct model_scope scope = fixture_endpoint(0x0070);

    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        struct udmar_device *drive[2] = { NULL }, *vmd = NULL;
        struct model_unit *u;
        uint64_t root, context[2];
        struct fixture f;

        machine(&f);
        u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
        model_add_unit_scope(u, &scope);
        model_add_function(f.m, 0, 0x0070, 0x8086, 0x9a0b, 0x010400);
        model_add_bridge(f.m, 7, 0x00e0, 1, 1, MODEL_ROOT_PORT);
        model_add_function(f.m, 7, 0x0100, 0x144d, 0xa808, 0x010802);
        model_add_function(f.m, 7, 0x0008, 0x144d, 0xa808, 0x010802);
        model_add_alias(f.m, 7, 0x0100, 0, 0x0070);
        model_add_alias(f.m, 7, 0x0008, 0, 0x0070);
        fixture_tune(&f, "hw.busdma.pci0:0:14:0", order == 0 ? "translate" : "passthrough");
        begin(&f);
        if (order == 1)
            vmd = fixture_attach(&f, 0x0070);
        assert_int_equal(udmar_device_attach(f.instance, 7, 0x0100, "drive", &drive[0]), UDMAR_OK);
        assert_int_equal(udmar_device_attach(f.instance, 7, 0x0008, "drive", &drive[1]), UDMAR_OK);
        if (order == 0)
            vmd = fixture_attach(&f, 0x0070);
        assert_int_equal(fixture_info(drive[0]).match, UDMAR_MATCH_EXACT);
        assert_int_equal(fixture_info(drive[0]).unit, fixture_info(vmd).unit);
        assert_int_equal(fixture_info(drive[0]).mode,
                         order == 0 ? UDMAR_MODE_TRANSLATE : UDMAR_MODE_PASSTHROUGH);
        assert_int_equal(fixture_info(drive[0]).id_count, 1);
        assert_int_equal(fixture_info(drive[0]).ids[0], 0x0070);
        assert_ptr_equal(udmar_device_domain(drive[0]), udmar_device_domain(vmd));
        assert_ptr_equal(udmar_device_domain(drive[1]), udmar_device_domain(vmd));
        assert_int_equal(udmar_context_entries(f.instance, 7, 0x0100, &root, context), UDMAR_OK);
        assert_true(context[0] & 1);
        if (order == 0)
            map(&f, drive[1], IOVA);
        assert_int_equal(write_as(&f, 0x0070, order == 0 ? IOVA : f.page), MODEL_OK);
        assert_int_equal(udmar_device_detach(vmd), UDMAR_OK);
        assert_int_equal(udmar_device_detach(drive[0]), UDMAR_OK);
        assert_int_equal(write_as(&f, 0x0070, order == 0 ? IOVA : f.page), MODEL_OK);
        detach(drive[1]);
        assert_int_equal(write_as(&f, 0x0070, order == 0 ? IOVA : f.page), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* The controller's own bridges and odd ids count, and its fault names who is behind it. */
static void controller_below_a_bridge(void **state)
{
    struct udmar_device *drive = NULL;
    struct udmar_fault fault = { 0 };
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, 0x0508, 0x8086, 0x201d, 0x010400);
    model_add_function(f.m, 3, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_alias(f.m, 3, 0x0000, 0, 0x0508);
    begin(&f);
    assert_int_equal(udmar_device_attach(f.instance, 3, 0x0000, "drive", &drive), UDMAR_OK);
    assert_int_equal(fixture_info(drive).id_count, 2);
    map(&f, drive, IOVA);
    assert_int_equal(fixture_write(&f, 0x0508, IOVA), MODEL_OK);
    assert_int_equal(write_as(&f, 0x0500, IOVA + 4096), MODEL_BLOCKED);
    (void)udmar_fault_poll(f.instance);
    assert_true(udmar_fault_next(f.instance, 0, &fault));
    assert_int_equal(fault.rid, 0x0500);
    assert_true(model_log_contains(
        f.m, "drive (0003:00:00.0), or another behind requester id 05:00.0, tried"));
    fixture_close(&f);
}

/* Proxy ids that the port has read out of the device. */
static void ids_that_the_port_names(void **state)
{
    struct udmar_device *bridge, *stranger;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_function(f.m, 0, 0x0020, 0x1234, 0x5678, 0x068000);
    model_add_alias(f.m, 0, 0x0020, 0, 0x0021);
    model_add_alias(f.m, 0, 0x0020, 0, 0x00c7);
    model_add_alias(f.m, 0, 0x0020, 0, 0x0021);
    model_add_function(f.m, 0, 0x00c7, 0x1234, 0x9999, 0x020000);
    begin(&f);
    bridge = fixture_attach(&f, 0x0020);
    assert_int_equal(fixture_info(bridge).id_count, 3);
    assert_int_equal(fixture_info(bridge).ids[0], 0x0020);
    assert_int_equal(fixture_info(bridge).ids[1], 0x0021);
    assert_int_equal(fixture_info(bridge).ids[2], 0x00c7);
    map(&f, bridge, IOVA);
    assert_int_equal(write_as(&f, 0x0020, IOVA), MODEL_OK);
    assert_int_equal(write_as(&f, 0x0021, IOVA), MODEL_OK);
    assert_int_equal(write_as(&f, 0x00c7, IOVA), MODEL_OK);
    stranger = fixture_attach(&f, 0x00c7);
    assert_ptr_equal(udmar_device_domain(stranger), udmar_device_domain(bridge));
    fixture_close(&f);
}

/* Controllers that send for each other are a loop, and refused. */
static void controllers_in_a_loop(void **state)
{
    struct udmar_device *device = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_function(f.m, 3, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_function(f.m, 4, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_alias(f.m, 3, 0x0000, 4, 0x0000);
    model_add_alias(f.m, 4, 0x0000, 3, 0x0000);
    begin(&f);
    assert_int_equal(udmar_device_attach(f.instance, 3, 0x0000, "x", &device), UDMAR_ERR_TOO_BIG);
    assert_null(device);
    fixture_close(&f);
}

/* A Switchtec bridge that joins machines uses ids of its bus; its management function does not. */
static void switchtec_bridges(void **state)
{
    static const struct {
        uint16_t vendor, device;
        uint32_t class_code;
        unsigned count;
    } rows[] = {
        { 0x11f8, 0x8531, 0x068000, 256 }, { 0x11f8, 0x4084, 0x068000, 256 },
        { 0x11f8, 0x5552, 0x068000, 256 }, { 0x1055, 0x1003, 0x068000, 256 },
        { 0x11f8, 0x8531, 0x058000, 1 },   { 0x1055, 0x7430, 0x068000, 1 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;

        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(f.m, 0, 0x0101, rows[i].vendor, rows[i].device, rows[i].class_code);
        begin(&f);
        assert_int_equal(fixture_info(fixture_attach(&f, 0x0101)).id_count, rows[i].count);
        fixture_close(&f);
    }
}

/* ---- Functions of a function ----------------------------------------------------------------- */

/* The scope names the physical function; virtual ones lie on its bus and on the next two. */
static void virtual_functions_have_their_physical_functions_unit(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x01 } };
    struct udmar_device *physical, *virtual;
    struct model_unit *u;
    struct fixture f;

    (void)state;
    machine(&f);
    u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_add_bridge(f.m, 0, 0x08, 1, 4, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0100, 0x8086, 0x1572, 0x020000);
    model_set_pcie(f.m, 0, 0x0100, 0);
    model_set_sriov(f.m, 0, 0x0100, 0x200, 2, 4);
    model_add_function(f.m, 0, 0x0101, 0x8086, 0x1572, 0x020000);
    model_set_pcie(f.m, 0, 0x0101, 0);
    model_set_sriov(f.m, 0, 0x0101, 0x10, 0x80, 5);
    begin(&f);
    physical = fixture_attach(&f, 0x0101);
    assert_int_equal(fixture_info(physical).match, UDMAR_MATCH_EXACT);
    for (unsigned i = 0; i < 5; i++) {
        uint16_t rid = (uint16_t)(0x0111 + i * 0x80);

        virtual = fixture_attach(&f, rid);
        assert_int_equal(fixture_info(virtual).match, UDMAR_MATCH_EXACT);
        assert_int_equal(fixture_info(virtual).unit, fixture_info(physical).unit);
        assert_int_equal(fixture_info(virtual).id_count, 1);
        assert_ptr_not_equal(udmar_device_domain(virtual), udmar_device_domain(physical));
        map(&f, virtual, IOVA);
        assert_true(fixture_reaches(&f, rid, IOVA, f.page));
        detach(virtual);
    }
    /* Those of the other function are the include-all unit's, and so are ids that are nobody's. */
    virtual = fixture_attach(&f, 0x0306);
    assert_int_equal(fixture_info(virtual).match, UDMAR_MATCH_INCLUDE_ALL);
    map(&f, virtual, IOVA);
    assert_true(fixture_reaches(&f, 0x0306, IOVA, f.page));
    assert_int_equal(fixture_info(fixture_attach(&f, 0x0391)).match, UDMAR_MATCH_INCLUDE_ALL);
    assert_int_equal(fixture_info(fixture_attach(&f, 0x0112)).match, UDMAR_MATCH_INCLUDE_ALL);
    fixture_close(&f);
}

/* Capability lists that lead nowhere or for ever cost no more than themselves. */
static void broken_capability_lists(void **state)
{
    static const uint32_t heads[] = { 0x10010001, 0xffffffff, 0x00000000, 0xffc10010, 0x16010001 };
    struct fixture f;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 4, MODEL_ROOT_PORT);
        model_add_function(f.m, 0, 0x0100, 0x8086, 0x1572, 0x020000);
        model_set_pcie(f.m, 0, 0x0100, 0);
        model_set_sriov(f.m, 0, 0x0100, 0x80, 1, 4);
        model_set_config(f.m, 0, 0x0100, 0x100, heads[i]);
        if (i == 4)
            model_set_config(f.m, 0, 0x0100, 0x174, 0); /* offset and stride 0 */
        begin(&f);
        assert_int_equal(fixture_info(fixture_attach(&f, 0x0181)).match, UDMAR_MATCH_INCLUDE_ALL);
        fixture_close(&f);
    }
}

static void phantom_functions(void **state)
{
    static const unsigned counts[] = { 1, 2, 4, 8 };

    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct udmar_device *device;
        struct fixture f;

        machine(&f);
        model_add_function(f.m, 0, 0x0020, 0x8086, 0x1572, 0x020000);
        model_set_pcie(f.m, 0, 0x0020, 0);
        model_set_config(f.m, 0, 0x0020, 0x54, bits << 3);
        begin(&f);
        device = fixture_attach(&f, 0x0020);
        assert_int_equal(fixture_info(device).id_count, 1);
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
        model_set_config(f.m, 0, 0x0020, 0x58, 1u << 9);
        device = fixture_attach(&f, 0x0020);
        assert_int_equal(fixture_info(device).id_count, counts[bits]);
        map(&f, device, IOVA);
        assert_int_equal(write_as(&f, 0x0020, IOVA), MODEL_OK);
        assert_int_equal(write_as(&f, 0x0024, IOVA), bits >= 1 ? MODEL_OK : MODEL_BLOCKED);
        assert_int_equal(write_as(&f, 0x0026, IOVA), bits >= 2 ? MODEL_OK : MODEL_BLOCKED);
        assert_int_equal(write_as(&f, 0x0021, IOVA), bits >= 3 ? MODEL_OK : MODEL_BLOCKED);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_0_behind_a_silent_bridge),
        cmocka_unit_test(bridges_below_bridges),
        cmocka_unit_test(segments_are_apart),
        cmocka_unit_test(units_are_apart),
        cmocka_unit_test(whole_bus_comes_first),
        cmocka_unit_test(unused_groups_become_one),
        cmocka_unit_test(group_that_was_in_use_gives_way),
        cmocka_unit_test(the_group_in_use_stays),
        cmocka_unit_test(groups_in_use_do_not_become_one),
        cmocka_unit_test(physical_groups_become_one),
        cmocka_unit_test(hanging_unit_while_groups_become_one),
        cmocka_unit_test(no_memory_while_groups_become_one),
        cmocka_unit_test(functions_behind_a_controller),
        cmocka_unit_test(controller_below_a_bridge),
        cmocka_unit_test(ids_that_the_port_names),
        cmocka_unit_test(controllers_in_a_loop),
        cmocka_unit_test(switchtec_bridges),
        cmocka_unit_test(virtual_functions_have_their_physical_functions_unit),
        cmocka_unit_test(broken_capability_lists),
        cmocka_unit_test(phantom_functions),
    };

    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
