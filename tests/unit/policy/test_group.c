/* SPDX-License-Identifier: BSD-2-Clause */
/* Who shares a requester id with whom, in every order of coming and going. */
#include "../../empty.h"
#include "support.h"

#include <string.h>

/* One byte of DMA with this very id, whatever bridges would make of it. */
static enum model_result write_as(struct rig *r, uint16_t id, uint64_t iova)
{
    uint8_t byte = 0x5a;

    return model_dma(r->m, 0, id, iova, &byte, 1, true);
}

static void map(struct rig *r, struct udmar_device *device, uint64_t iova)
{
    assert_int_equal(udmar_domain_map(udmar_device_domain(device), iova, r->page, 4096, 3),
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

static void machine(struct rig *r)
{
    const struct model_unit_config unit = { .base = BASE, .include_all = true };

    rig_empty(r);
    r->u = model_add_unit(r->m, &unit);
}

static void begin(struct rig *r)
{
    rig_create(r);
    rig_start(r);
}

static unsigned errors_logged(struct rig *r)
{
    unsigned count = 0;

    for (unsigned i = 0; i < model_log_count(r->m); i++)
        count += model_log_level(r->m, i) == UDMAR_LOG_ERROR;
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
        struct rig r;

        machine(&r);
        model_add_bridge(r.m, 0, 0x08, 1, 9, MODEL_ROOT_PORT);
        model_add_bridge(r.m, 0, 0x0100, 5, 5, MODEL_PCI_TO_PCI);
        model_set_config(r.m, 0, 0x0100, 0, silent[i / 6]);
        model_add_function(r.m, 0, 0x0500, 0x8086, 0x100e, 0x020000);
        model_add_function(r.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
        begin(&r);
        for (unsigned k = 0; k < 3; k++)
            device[k] = rig_attach(&r, rids[i % 6][k]);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(rig_info(device[k]).mode, UDMAR_MODE_TRANSLATE);
            assert_ptr_equal(udmar_device_domain(device[k]), udmar_device_domain(device[0]));
        }
        assert_int_equal(errors_logged(&r), 0);
        map(&r, device[0], IOVA);
        assert_int_equal(write_as(&r, 0x0500, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x0508, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x0100, IOVA), MODEL_OK);
        /* Slot 0 goes: its id stays slot 1's. Slot 1's own id goes with slot 1. */
        for (unsigned k = 0; k < 3; k++) {
            detach(udmar_device_find(r.d, 0, rids[0][k]));
            assert_int_equal(write_as(&r, 0x0500, IOVA), k < 1 ? MODEL_OK : MODEL_BLOCKED);
            assert_int_equal(write_as(&r, 0x0508, IOVA), k < 1 ? MODEL_OK : MODEL_BLOCKED);
            assert_int_equal(write_as(&r, 0x0100, IOVA), k < 2 ? MODEL_OK : MODEL_BLOCKED);
        }
        rig_close(&r);
    }
}

/* A conventional bridge below another: all below the upper one send its id. */
static void bridges_below_bridges(void **state)
{
    struct udmar_device *upper, *lower, *beside;
    struct rig r;

    (void)state;
    machine(&r);
    model_add_bridge(r.m, 0, 0x00f0, 5, 7, MODEL_PCI_TO_PCI);
    model_add_bridge(r.m, 0, 0x0508, 6, 6, MODEL_PCI_TO_PCI);
    model_add_bridge(r.m, 0, 0x0510, 7, 7, MODEL_PCI_TO_PCIE);
    model_add_function(r.m, 0, 0x0600, 0x8086, 0x100e, 0x020000);
    model_add_function(r.m, 0, 0x0700, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, 0x0518, 0x8086, 0x100e, 0x020000);
    begin(&r);
    lower = rig_attach(&r, 0x0600);
    beside = rig_attach(&r, 0x0700);
    upper = rig_attach(&r, 0x0518);
    assert_ptr_equal(udmar_device_domain(lower), udmar_device_domain(beside));
    assert_ptr_equal(udmar_device_domain(lower), udmar_device_domain(upper));
    map(&r, lower, IOVA);
    assert_int_equal(rig_write(&r, 0x0518, IOVA), MODEL_OK);
    assert_int_equal(udmar_device_detach(lower), UDMAR_OK);
    assert_int_equal(write_as(&r, 0x0600, IOVA), MODEL_BLOCKED);
    assert_int_equal(write_as(&r, 0x0508, IOVA), MODEL_BLOCKED);
    assert_int_equal(rig_write(&r, 0x0518, IOVA), MODEL_OK);
    rig_close(&r);
}

/* The same bus and device in two segments have nothing to do with each other. */
static void segments_are_apart(void **state)
{
    struct udmar_device *a, *b = NULL;
    struct rig r;

    (void)state;
    machine(&r);
    model_add_unit(
        r.m, &(struct model_unit_config){ .base = BASE_2, .segment = 1, .include_all = true });
    for (uint16_t segment = 0; segment < 2; segment++) {
        model_add_bridge(r.m, segment, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
        model_add_function(r.m, segment, 0x0508, 0x8086, 0x100e, 0x020000);
    }
    begin(&r);
    a = rig_attach(&r, 0x0508);
    assert_int_equal(udmar_device_attach(r.d, 1, 0x0508, "b", &b), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_false(rig_info(a).shares_ids || rig_info(b).shares_ids);
    rig_close(&r);
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
    struct rig r;

    (void)state;
    machine(&r);
    u = model_add_unit(r.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_add_bridge(r.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
    model_add_function(r.m, 0, 0x0510, 0x8086, 0x100e, 0x020000);
    begin(&r);
    a = rig_attach(&r, 0x0508);
    b = rig_attach(&r, 0x0510);
    assert_int_not_equal(rig_info(a).unit, rig_info(b).unit);
    assert_ptr_not_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_int_equal(udmar_context_entries(r.d, 0, 0x0508, &root, context), UDMAR_OK);
    assert_true(context[0] & 1);
    assert_int_equal(udmar_context_entries(r.d, 0, 0x0510, &root, context), UDMAR_OK);
    assert_true(context[0] & 1);
    map(&r, b, IOVA);
    assert_int_equal(write_as(&r, 0x0500, IOVA), MODEL_OK);
    rig_close(&r);
}

/* ---- Groups that become one ------------------------------------------------------------------ */

/* A bus with two plain functions and one that sends the ids of the whole bus. */
static void bus_with_proxy(struct rig *r)
{
    machine(r);
    model_add_bridge(r->m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(r->m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(r->m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(r->m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    begin(r);
}

static void whole_bus_comes_first(void **state)
{
    struct udmar_device *a, *b, *proxy;
    struct rig r;

    (void)state;
    bus_with_proxy(&r);
    proxy = rig_attach(&r, 0x0110);
    map(&r, proxy, IOVA);
    a = rig_attach(&r, 0x0100);
    b = rig_attach(&r, 0x0108);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(proxy));
    assert_ptr_equal(udmar_device_domain(b), udmar_device_domain(proxy));
    assert_int_equal(udmar_device_detach(proxy), UDMAR_OK);
    assert_int_equal(write_as(&r, 0x0100, IOVA), MODEL_OK);
    assert_int_equal(write_as(&r, 0x0108, IOVA), MODEL_OK);
    assert_int_equal(write_as(&r, 0x0110, IOVA), MODEL_BLOCKED);
    assert_int_equal(write_as(&r, 0x01ff, IOVA), MODEL_BLOCKED);
    rig_close(&r);
}

/* Nobody has asked for the domains yet: all of the bus gets one. */
static void unused_groups_become_one(void **state)
{
    struct udmar_device *a, *b, *proxy;
    struct rig r;

    (void)state;
    bus_with_proxy(&r);
    a = rig_attach(&r, 0x0100);
    b = rig_attach(&r, 0x0108);
    proxy = rig_attach(&r, 0x0110);
    assert_int_equal(rig_info(proxy).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(proxy));
    assert_ptr_equal(udmar_device_domain(b), udmar_device_domain(proxy));
    map(&r, a, IOVA);
    for (unsigned devfn = 0; devfn < 256; devfn++)
        assert_int_equal(write_as(&r, (uint16_t)(0x0100 + devfn), IOVA), MODEL_OK);
    rig_close(&r);
}

/* The one that is in use keeps its domain, its mode, and what is mapped there. */
/* A driver that has looked at its domain and gone leaves firmware's device free to move. */
static void group_that_was_in_use_gives_way(void **state)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x00 } };
    struct udmar_device *a, *b, *proxy;
    struct rig r;

    (void)state;
    machine(&r);
    model_add_bridge(r.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(r.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    model_add_rmrr(r.m, 0, 0x200000, 0x200fff, &scope, 1);
    begin(&r);
    a = rig_attach(&r, 0x0100);
    assert_non_null(udmar_device_domain(a));
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    b = rig_attach(&r, 0x0108);
    map(&r, b, IOVA);
    proxy = rig_attach(&r, 0x0110);
    assert_int_equal(rig_info(proxy).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(proxy), udmar_device_domain(b));
    assert_int_equal(rig_write(&r, 0x0108, IOVA), MODEL_OK);
    assert_true(rig_reaches(&r, 0x0100, 0x200000, 0x200000));
    rig_close(&r);
}

static void the_group_in_use_stays(void **state)
{
    (void)state;
    for (unsigned used = 0; used < 4; used++) {
        struct udmar_device *device[2], *proxy;
        struct udmar_domain *domain;
        struct rig r;

        machine(&r);
        model_add_bridge(r.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(r.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
        model_add_function(r.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
        model_add_function(r.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
        if (used >= 2)
            rig_tune(&r, used == 2 ? "hw.busdma.pci0:1:0:0" : "hw.busdma.pci0:1:1:0", "blocked");
        begin(&r);
        device[0] = rig_attach(&r, 0x0100);
        device[1] = rig_attach(&r, 0x0108);
        domain = udmar_device_domain(device[(used + 1) % 2]);
        if (used >= 2) {
            domain = udmar_device_domain(device[used == 2]);
            map(&r, device[used == 2], IOVA);
        } else {
            map(&r, device[(used + 1) % 2], IOVA);
        }
        proxy = rig_attach(&r, 0x0110);
        for (unsigned i = 0; i < 2; i++) {
            assert_ptr_equal(udmar_device_domain(device[i]), domain);
            assert_int_equal(rig_info(device[i]).mode, UDMAR_MODE_TRANSLATE);
        }
        assert_ptr_equal(udmar_device_domain(proxy), domain);
        assert_int_equal(write_as(&r, 0x0100, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x0108, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x01c5, IOVA), MODEL_OK);
        if (used >= 2)
            assert_true(model_log_contains(r.m, "was to be blocked but shares requester id"));
        rig_close(&r);
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
        struct rig r;

        machine(&r);
        model_add_bridge(r.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(r.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
        model_add_function(r.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
        model_add_function(r.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
        rig_tune(&r, "hw.busdma.pci0:1:1:0", modes[i]);
        begin(&r);
        a = rig_attach(&r, 0x0100);
        b = rig_attach(&r, 0x0108);
        map(&r, a, IOVA);
        domain = udmar_device_domain(b);
        proxy = rig_attach(&r, 0x0110);
        assert_int_equal(rig_info(proxy).mode, UDMAR_MODE_BLOCKED);
        assert_int_equal(rig_info(proxy).wanted, UDMAR_MODE_TRANSLATE);
        assert_non_null(strstr(rig_info(proxy).reason, "domains differ"));
        assert_null(udmar_device_domain(proxy));
        assert_true(errors_logged(&r) == 3);
        assert_true(model_log_contains(r.m, "requests with id 0100 reach what dev (0000:01:00.0)"));
        assert_true(model_log_contains(r.m, "requests with id 0108 reach what dev (0000:01:01.0)"));
        assert_true(rig_reaches(&r, 0x0100, IOVA, r.page));
        assert_ptr_equal(udmar_device_domain(b), domain);
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            if (devfn != 0 && devfn != 8)
                assert_int_equal(write_as(&r, (uint16_t)(0x0100 + devfn), IOVA), MODEL_BLOCKED);
        }
        /* A neighbour of the blocked one that came later is no better off. */
        model_add_function(r.m, 0, 0x0118, 0x8086, 0x10d3, 0x020000);
        again = rig_attach(&r, 0x0118);
        assert_int_equal(rig_info(again).mode, UDMAR_MODE_BLOCKED);
        assert_int_equal(write_as(&r, 0x0118, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_detach(again), UDMAR_OK);
        /* One of the two goes: asked again, it gets what the other one has. */
        assert_int_equal(udmar_device_detach(b), UDMAR_OK);
        assert_int_equal(write_as(&r, 0x0108, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_set_mode(proxy, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(rig_info(proxy).mode, UDMAR_MODE_TRANSLATE);
        assert_ptr_equal(udmar_device_domain(proxy), udmar_device_domain(a));
        assert_int_equal(write_as(&r, 0x0110, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x0108, IOVA), MODEL_OK);
        rig_close(&r);
    }
}

/* Both see physical addresses through the same context: there is nothing to be taken away. */
static void physical_groups_become_one(void **state)
{
    struct udmar_device *a, *proxy;
    struct rig r;

    (void)state;
    machine(&r);
    model_add_bridge(r.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
    model_add_function(r.m, 0, 0x0100, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, 0x0108, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, 0x0110, 0x10b5, 0x87b0, 0x068000);
    rig_tune(&r, "hw.busdma.default", "identity");
    begin(&r);
    a = rig_attach(&r, 0x0100);
    (void)rig_attach(&r, 0x0108);
    proxy = rig_attach(&r, 0x0110);
    assert_int_equal(rig_info(proxy).mode, UDMAR_MODE_IDENTITY);
    assert_int_equal(write_as(&r, 0x0108, r.page), MODEL_OK);
    assert_int_equal(write_as(&r, 0x01ff, r.page), MODEL_OK);
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_int_equal(udmar_device_detach(proxy), UDMAR_OK);
    assert_int_equal(write_as(&r, 0x0108, r.page), MODEL_OK);
    assert_int_equal(write_as(&r, 0x0100, r.page), MODEL_BLOCKED);
    rig_close(&r);
}

/* The unit does not answer while groups become one: what is said stays what hardware does. */
static void hanging_unit_while_groups_become_one(void **state)
{
    struct udmar_device *device[3] = { NULL };
    unsigned failed = 0;
    struct rig r;

    (void)state;
    bus_with_proxy(&r);
    device[0] = rig_attach(&r, 0x0100);
    device[1] = rig_attach(&r, 0x0108);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    failed += udmar_device_attach(r.d, 0, 0x0110, "p", &device[2]) != UDMAR_OK;
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(r.u, 1000);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t id = (uint16_t)(0x0100 + 8 * i);
        struct udmar_domain *domain;

        if (device[i] == NULL)
            continue;
        domain = udmar_device_domain(device[i]);
        if (rig_info(device[i]).mode == UDMAR_MODE_BLOCKED) {
            assert_int_equal(write_as(&r, id, IOVA), MODEL_BLOCKED);
            failed++;
        } else {
            (void)udmar_domain_map(domain, IOVA, r.page, 4096, 3);
            assert_int_equal(write_as(&r, id, IOVA), MODEL_OK);
        }
    }
    assert_true(failed > 0);
    while ((device[0] = udmar_device_next(r.d, NULL)) != NULL)
        detach(device[0]);
    for (unsigned devfn = 0; devfn < 256; devfn++)
        assert_int_equal(write_as(&r, (uint16_t)(0x0100 + devfn), IOVA), MODEL_BLOCKED);
    /* Tables that the unit might have walked are lost rather than used again. */
    rig_destroy(&r);
    /* After so many requests without an answer the queue may have been given up: the last resort.
     */
    if (model_violations(r.m) != 0)
        assert_true(rig_violated_only(&r, "queue disabled while descriptors wait"));
    rig_abandon(&r);
}

/* No memory at any moment while groups become one. */
static void no_memory_while_groups_become_one(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct udmar_device *a, *b, *proxy = NULL;
        enum udmar_status status;
        unsigned failures;
        struct rig r;

        bus_with_proxy(&r);
        a = rig_attach(&r, 0x0100);
        b = rig_attach(&r, 0x0108);
        model_fail_host_calls_of(r.m, MODEL_CALL_ALLOC | MODEL_CALL_PAGE_ALLOC, n, false);
        status = udmar_device_attach(r.d, 0, 0x0110, "p", &proxy);
        failures = model_host_calls_failed(r.m);
        model_fail_host_call(r.m, 0, false);
        if (status == UDMAR_OK) {
            map(&r, proxy, IOVA);
            assert_int_equal(write_as(&r, 0x0110, IOVA), MODEL_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(write_as(&r, 0x0110, IOVA), MODEL_BLOCKED);
        }
        if (rig_info(a).mode == UDMAR_MODE_TRANSLATE && rig_info(b).mode == UDMAR_MODE_TRANSLATE &&
            status == UDMAR_OK)
            assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
        rig_close(&r);
        if (failures == 0)
            break;
    }
}

/* ---- Ids that only the port knows ------------------------------------------------------------ */

/* Drives behind Intel VMD: a segment of their own, and the controller's id on the wire. */
static void functions_behind_a_controller(void **state)
{
    const struct model_scope scope = rig_endpoint(0x0070);

    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        struct udmar_device *drive[2] = { NULL }, *vmd = NULL;
        struct model_unit *u;
        uint64_t root, context[2];
        struct rig r;

        machine(&r);
        u = model_add_unit(r.m, &(struct model_unit_config){ .base = BASE_2 });
        model_add_unit_scope(u, &scope);
        model_add_function(r.m, 0, 0x0070, 0x8086, 0x9a0b, 0x010400);
        model_add_bridge(r.m, 7, 0x00e0, 1, 1, MODEL_ROOT_PORT);
        model_add_function(r.m, 7, 0x0100, 0x144d, 0xa808, 0x010802);
        model_add_function(r.m, 7, 0x0008, 0x144d, 0xa808, 0x010802);
        model_add_alias(r.m, 7, 0x0100, 0, 0x0070);
        model_add_alias(r.m, 7, 0x0008, 0, 0x0070);
        rig_tune(&r, "hw.busdma.pci0:0:14:0", order == 0 ? "translate" : "passthrough");
        begin(&r);
        if (order == 1)
            vmd = rig_attach(&r, 0x0070);
        assert_int_equal(udmar_device_attach(r.d, 7, 0x0100, "drive", &drive[0]), UDMAR_OK);
        assert_int_equal(udmar_device_attach(r.d, 7, 0x0008, "drive", &drive[1]), UDMAR_OK);
        if (order == 0)
            vmd = rig_attach(&r, 0x0070);
        assert_int_equal(rig_info(drive[0]).match, UDMAR_MATCH_EXACT);
        assert_int_equal(rig_info(drive[0]).unit, rig_info(vmd).unit);
        assert_int_equal(rig_info(drive[0]).mode,
                         order == 0 ? UDMAR_MODE_TRANSLATE : UDMAR_MODE_PASSTHROUGH);
        assert_int_equal(rig_info(drive[0]).id_count, 1);
        assert_int_equal(rig_info(drive[0]).ids[0], 0x0070);
        assert_ptr_equal(udmar_device_domain(drive[0]), udmar_device_domain(vmd));
        assert_ptr_equal(udmar_device_domain(drive[1]), udmar_device_domain(vmd));
        assert_int_equal(udmar_context_entries(r.d, 7, 0x0100, &root, context), UDMAR_OK);
        assert_true(context[0] & 1);
        if (order == 0)
            map(&r, drive[1], IOVA);
        assert_int_equal(write_as(&r, 0x0070, order == 0 ? IOVA : r.page), MODEL_OK);
        assert_int_equal(udmar_device_detach(vmd), UDMAR_OK);
        assert_int_equal(udmar_device_detach(drive[0]), UDMAR_OK);
        assert_int_equal(write_as(&r, 0x0070, order == 0 ? IOVA : r.page), MODEL_OK);
        detach(drive[1]);
        assert_int_equal(write_as(&r, 0x0070, order == 0 ? IOVA : r.page), MODEL_BLOCKED);
        rig_close(&r);
    }
}

/* The controller's own bridges and odd ids count, and its fault names who is behind it. */
static void controller_below_a_bridge(void **state)
{
    struct udmar_device *drive = NULL;
    struct udmar_fault fault = { 0 };
    struct rig r;

    (void)state;
    machine(&r);
    model_add_bridge(r.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, 0x0508, 0x8086, 0x201d, 0x010400);
    model_add_function(r.m, 3, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_alias(r.m, 3, 0x0000, 0, 0x0508);
    begin(&r);
    assert_int_equal(udmar_device_attach(r.d, 3, 0x0000, "drive", &drive), UDMAR_OK);
    assert_int_equal(rig_info(drive).id_count, 2);
    map(&r, drive, IOVA);
    assert_int_equal(rig_write(&r, 0x0508, IOVA), MODEL_OK);
    assert_int_equal(write_as(&r, 0x0500, IOVA + 4096), MODEL_BLOCKED);
    (void)udmar_fault_poll(r.d);
    assert_true(udmar_fault_next(r.d, 0, &fault));
    assert_int_equal(fault.rid, 0x0500);
    assert_true(model_log_contains(
        r.m, "drive (0003:00:00.0), or another behind requester id 05:00.0, tried"));
    rig_close(&r);
}

/* Proxy ids that the port has read out of the device. */
static void ids_that_the_port_names(void **state)
{
    struct udmar_device *bridge, *stranger;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_function(r.m, 0, 0x0020, 0x1234, 0x5678, 0x068000);
    model_add_alias(r.m, 0, 0x0020, 0, 0x0021);
    model_add_alias(r.m, 0, 0x0020, 0, 0x00c7);
    model_add_alias(r.m, 0, 0x0020, 0, 0x0021);
    model_add_function(r.m, 0, 0x00c7, 0x1234, 0x9999, 0x020000);
    begin(&r);
    bridge = rig_attach(&r, 0x0020);
    assert_int_equal(rig_info(bridge).id_count, 3);
    assert_int_equal(rig_info(bridge).ids[0], 0x0020);
    assert_int_equal(rig_info(bridge).ids[1], 0x0021);
    assert_int_equal(rig_info(bridge).ids[2], 0x00c7);
    map(&r, bridge, IOVA);
    assert_int_equal(write_as(&r, 0x0020, IOVA), MODEL_OK);
    assert_int_equal(write_as(&r, 0x0021, IOVA), MODEL_OK);
    assert_int_equal(write_as(&r, 0x00c7, IOVA), MODEL_OK);
    stranger = rig_attach(&r, 0x00c7);
    assert_ptr_equal(udmar_device_domain(stranger), udmar_device_domain(bridge));
    rig_close(&r);
}

/* Controllers that send for each other are a loop, and refused. */
static void controllers_in_a_loop(void **state)
{
    struct udmar_device *device = NULL;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_function(r.m, 3, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_function(r.m, 4, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_alias(r.m, 3, 0x0000, 4, 0x0000);
    model_add_alias(r.m, 4, 0x0000, 3, 0x0000);
    begin(&r);
    assert_int_equal(udmar_device_attach(r.d, 3, 0x0000, "x", &device), UDMAR_ERR_TOO_BIG);
    assert_null(device);
    rig_close(&r);
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
        struct rig r;

        machine(&r);
        model_add_bridge(r.m, 0, 0x08, 1, 1, MODEL_ROOT_PORT);
        model_add_function(r.m, 0, 0x0101, rows[i].vendor, rows[i].device, rows[i].class_code);
        begin(&r);
        assert_int_equal(rig_info(rig_attach(&r, 0x0101)).id_count, rows[i].count);
        rig_close(&r);
    }
}

/* ---- Functions of a function ----------------------------------------------------------------- */

/* The scope names the physical function; virtual ones lie on its bus and on the next two. */
static void virtual_functions_have_their_physical_functions_unit(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x01 } };
    struct udmar_device *physical, *virtual;
    struct model_unit *u;
    struct rig r;

    (void)state;
    machine(&r);
    u = model_add_unit(r.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_add_bridge(r.m, 0, 0x08, 1, 4, MODEL_ROOT_PORT);
    model_add_function(r.m, 0, 0x0100, 0x8086, 0x1572, 0x020000);
    model_set_pcie(r.m, 0, 0x0100, 0);
    model_set_sriov(r.m, 0, 0x0100, 0x200, 2, 4);
    model_add_function(r.m, 0, 0x0101, 0x8086, 0x1572, 0x020000);
    model_set_pcie(r.m, 0, 0x0101, 0);
    model_set_sriov(r.m, 0, 0x0101, 0x10, 0x80, 5);
    begin(&r);
    physical = rig_attach(&r, 0x0101);
    assert_int_equal(rig_info(physical).match, UDMAR_MATCH_EXACT);
    for (unsigned i = 0; i < 5; i++) {
        uint16_t rid = (uint16_t)(0x0111 + i * 0x80);

        virtual = rig_attach(&r, rid);
        assert_int_equal(rig_info(virtual).match, UDMAR_MATCH_EXACT);
        assert_int_equal(rig_info(virtual).unit, rig_info(physical).unit);
        assert_int_equal(rig_info(virtual).id_count, 1);
        assert_ptr_not_equal(udmar_device_domain(virtual), udmar_device_domain(physical));
        map(&r, virtual, IOVA);
        assert_true(rig_reaches(&r, rid, IOVA, r.page));
        detach(virtual);
    }
    /* Those of the other function are the include-all unit's, and so are ids that are nobody's. */
    virtual = rig_attach(&r, 0x0306);
    assert_int_equal(rig_info(virtual).match, UDMAR_MATCH_INCLUDE_ALL);
    map(&r, virtual, IOVA);
    assert_true(rig_reaches(&r, 0x0306, IOVA, r.page));
    assert_int_equal(rig_info(rig_attach(&r, 0x0391)).match, UDMAR_MATCH_INCLUDE_ALL);
    assert_int_equal(rig_info(rig_attach(&r, 0x0112)).match, UDMAR_MATCH_INCLUDE_ALL);
    rig_close(&r);
}

/* Capability lists that lead nowhere or for ever cost no more than themselves. */
static void broken_capability_lists(void **state)
{
    static const uint32_t heads[] = { 0x10010001, 0xffffffff, 0x00000000, 0xffc10010, 0x16010001 };
    struct rig r;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        machine(&r);
        model_add_bridge(r.m, 0, 0x08, 1, 4, MODEL_ROOT_PORT);
        model_add_function(r.m, 0, 0x0100, 0x8086, 0x1572, 0x020000);
        model_set_pcie(r.m, 0, 0x0100, 0);
        model_set_sriov(r.m, 0, 0x0100, 0x80, 1, 4);
        model_set_config(r.m, 0, 0x0100, 0x100, heads[i]);
        if (i == 4)
            model_set_config(r.m, 0, 0x0100, 0x174, 0); /* offset and stride 0 */
        begin(&r);
        assert_int_equal(rig_info(rig_attach(&r, 0x0181)).match, UDMAR_MATCH_INCLUDE_ALL);
        rig_close(&r);
    }
}

static void phantom_functions(void **state)
{
    static const unsigned counts[] = { 1, 2, 4, 8 };

    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct udmar_device *device;
        struct rig r;

        machine(&r);
        model_add_function(r.m, 0, 0x0020, 0x8086, 0x1572, 0x020000);
        model_set_pcie(r.m, 0, 0x0020, 0);
        model_set_config(r.m, 0, 0x0020, 0x54, bits << 3);
        begin(&r);
        device = rig_attach(&r, 0x0020);
        assert_int_equal(rig_info(device).id_count, 1);
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
        model_set_config(r.m, 0, 0x0020, 0x58, 1u << 9);
        device = rig_attach(&r, 0x0020);
        assert_int_equal(rig_info(device).id_count, counts[bits]);
        map(&r, device, IOVA);
        assert_int_equal(write_as(&r, 0x0020, IOVA), MODEL_OK);
        assert_int_equal(write_as(&r, 0x0024, IOVA), bits >= 1 ? MODEL_OK : MODEL_BLOCKED);
        assert_int_equal(write_as(&r, 0x0026, IOVA), bits >= 2 ? MODEL_OK : MODEL_BLOCKED);
        assert_int_equal(write_as(&r, 0x0021, IOVA), bits >= 3 ? MODEL_OK : MODEL_BLOCKED);
        rig_close(&r);
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
