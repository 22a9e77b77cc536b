/* SPDX-License-Identifier: BSD-2-Clause */
/* Corners of policy: scopes of RMRRs, apertures of bridges, tunables by alias, units that fail. */
#include "support.h"

#include <udmar/busdma.h>

#include <string.h>

#define BRIDGE   UINT16_C(0x00e0)
#define CARD     UINT16_C(0x0520)
#define CARD_2   UINT16_C(0x0528)
#define ALIAS    UINT16_C(0x0500)
#define RMRR     UINT64_C(0x180000)
#define RMRR_END UINT64_C(0x181fff)

static void add_card(struct rig *r, enum model_bridge_kind kind)
{
    model_add_bridge(r->m, 0, BRIDGE, 5, 5, kind);
    model_add_function(r->m, 0, CARD, 0x8086, 0x1000, 0x020000);
}

/* ---- RMRRs ---- */

static void rmrr_scopes_of_every_kind(void **state)
{
    static const struct {
        enum model_scope_type type;
        uint16_t rid;
        uint32_t buses; /* of the bridge: secondary 15:8, subordinate 23:16 */
        bool card, itself;
    } rows[] = {
        { MODEL_SCOPE_ENDPOINT, DISK, 0x050500, false, true },
        { MODEL_SCOPE_NAMESPACE, DISK, 0x050500, false, true },
        { MODEL_SCOPE_IOAPIC, DISK, 0x050500, false, false },
        { MODEL_SCOPE_HPET, DISK, 0x050500, false, false },
        { MODEL_SCOPE_BRIDGE, DISK, 0x050500, false, true }, /* it is none */
        { MODEL_SCOPE_BRIDGE, BRIDGE, 0x050500, true, true },
        { MODEL_SCOPE_BRIDGE, BRIDGE, 0x060500, true, true },
        { MODEL_SCOPE_BRIDGE, BRIDGE, 0x040500, false, true }, /* covers nothing */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct model_scope scope = model_scope(rows[i].type, rows[i].rid);
        struct rig r;

        rig_machine(&r, "generic48");
        add_card(&r, MODEL_ROOT_PORT);
        model_set_config(r.m, 0, BRIDGE, 0x18, rows[i].buses);
        model_add_rmrr(r.m, 0, RMRR, RMRR_END, &scope, 1);
        rig_create(&r);
        rig_start(&r);
        assert_int_equal(udmar_device_find(r.d, 0, rows[i].rid) != NULL, rows[i].itself);
        assert_int_equal(udmar_device_find(r.d, 0, CARD) != NULL, rows[i].card);
        rig_close(&r);
    }
}

static void rmrr_switched_off(void **state)
{
    static const char *const modes[] = { "translate", "identity" };
    const struct model_scope scope = rig_endpoint(DISK);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig r;

        rig_machine(&r, "generic48");
        model_add_rmrr(r.m, 0, UINT64_C(0x7a000000), UINT64_C(0x7a000fff), &scope, 1);
        rig_tune(&r, "hw.dmar.rmrr_enable", "0");
        rig_tune(&r, "hw.busdma.default", modes[i]);
        rig_create(&r);
        rig_start(&r);
        assert_null(udmar_device_find(r.d, 0, DISK));
        assert_int_equal(rig_info(rig_attach(&r, DISK)).rmrr_count, 0);
        assert_int_equal(rig_write(&r, DISK, UINT64_C(0x7a000000)), MODEL_BLOCKED);
        rig_close(&r);
    }
}

/* The id is known already, but only as what another device sends. */
static void rmrr_of_an_alias(void **state)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0xe0, 0x00 } };
    struct udmar_device *device;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    add_card(&r, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, ALIAS, 0x8086, 0x1001, 0x020000);
    model_add_rmrr(r.m, 0, RMRR, RMRR_END, &scope, 1);
    rig_create(&r);
    (void)rig_attach(&r, CARD);
    rig_start(&r);
    device = udmar_device_find(r.d, 0, ALIAS);
    assert_non_null(device);
    assert_int_equal(rig_info(device).rid, ALIAS);
    assert_int_equal(rig_write(&r, ALIAS, RMRR), MODEL_OK);
    /* Whom firmware alone knows nobody can detach. */
    assert_int_equal(udmar_device_detach(device), UDMAR_ERR_ARGUMENT);
    rig_close(&r);
}

static void rmrr_that_does_not_fit_into_the_shared_table(void **state)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct udmar_device *device = NULL;
    size_t pages, bytes;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, UINT64_C(0x7a000000), UINT64_C(0x7a000fff), &scope, 1);
    rig_tune(&r, "hw.busdma.default", "identity");
    rig_create(&r);
    (void)rig_attach(&r, DISK);
    pages = model_pages_in_use(r.m);
    bytes = model_bytes_in_use(r.m);
    model_fail_host_calls_of(r.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    assert_int_equal(udmar_device_attach(r.d, 0, NIC, "nic", &device), UDMAR_ERR_MEMORY);
    model_fail_host_call(r.m, 0, false);
    assert_int_equal(model_pages_in_use(r.m), pages);
    assert_int_equal(model_bytes_in_use(r.m), bytes);
    rig_start(&r);
    assert_int_equal(rig_write(&r, NIC, UINT64_C(0x7a000000)), MODEL_NO_MEMORY);
    rig_close(&r);
}

/* ---- bridges ---- */

static void apertures_of_every_kind(void **state)
{
    static const struct {
        uint32_t memory, prefetch, high;
        uint64_t reserved[2]; /* one address each; 0: nothing but what always is */
    } rows[] = {
        { 0xd010d000, 0xe011e001, 0, { 0xd0000000, 0xe0000000 } },
        { 0xd010d000, 0xe011e001, 0x2000, { 0xd0000000, 0 } }, /* beyond what is translated */
        { 0xd010d000, 0, 0, { 0xd0000000, 0 } },
        { 0x0000fff0, 0x0001fff1, 0, { 0, 0 } }, /* closed */
        { 0, 0xe011e001, 0, { 0, 0 } },          /* never set up */
        { UINT32_MAX, 0xe011e001, 0, { 0, 0 } }, /* gone */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct udmar_range_info range;
        struct udmar_domain *domain;
        unsigned found = 0, wanted = 0;
        uint64_t from = 0;
        struct rig r;

        rig_machine(&r, "generic48");
        add_card(&r, MODEL_ROOT_PORT);
        model_set_config(r.m, 0, BRIDGE, 0x20, rows[i].memory);
        model_set_config(r.m, 0, BRIDGE, 0x24, rows[i].prefetch);
        model_set_config(r.m, 0, BRIDGE, 0x28, rows[i].high);
        model_set_config(r.m, 0, BRIDGE, 0x2c, rows[i].high);
        rig_create(&r);
        rig_start(&r);
        domain = udmar_device_domain(rig_attach(&r, CARD));
        for (; udmar_domain_next_range(domain, from, &range); from = range.base + range.size) {
            assert_int_equal(range.kind, range.base == 0 ? UDMAR_RANGE_NULL : UDMAR_RANGE_RESERVED);
            found++;
        }
        for (unsigned j = 0; j < 2; j++) {
            wanted += rows[i].reserved[j] != 0;
            assert_true(rows[i].reserved[j] == 0 ||
                        udmar_domain_map(domain, rows[i].reserved[j], r.page, 4096, 3) ==
                            UDMAR_ERR_EXISTS);
        }
        assert_int_equal(found, wanted + 2); /* page 0 and the MSI window */
        rig_close(&r);
    }
}

/* Below a PCIe-to-PCI bridge a conventional one is what it claims to be. */
static void conventional_bridge_below_a_real_one(void **state)
{
    struct udmar_device_info info;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, BRIDGE, 5, 6, MODEL_PCIE_TO_PCI);
    model_add_bridge(r.m, 0, 0x0508, 6, 6, MODEL_PCI_TO_PCI);
    model_add_function(r.m, 0, 0x0620, 0x8086, 0x1000, 0x020000);
    rig_create(&r);
    rig_start(&r);
    info = rig_info(rig_attach(&r, 0x0620));
    assert_int_equal(info.id_count, 3);
    assert_int_equal(info.ids[1], 0x0508);
    assert_int_equal(info.ids[2], ALIAS);
    rig_close(&r);
}

/* ---- segments ---- */

static void same_id_in_two_segments(void **state)
{
    const struct model_unit_config second = { .segment = 1, .base = BASE_2, .include_all = true };
    struct udmar_device *here, *there = NULL;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_unit(r.m, &second);
    add_card(&r, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 1, CARD, 0x8086, 0x1000, 0x020000);
    rig_create(&r);
    rig_start(&r);
    here = rig_attach(&r, CARD);
    assert_null(udmar_device_find(r.d, 1, ALIAS));
    assert_int_equal(udmar_device_attach(r.d, 1, CARD, "there", &there), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(here), udmar_device_domain(there));
    assert_int_equal(rig_info(there).unit, 1);
    assert_int_equal(rig_info(there).id_count, 1);
    assert_ptr_equal(udmar_device_find(r.d, 0, ALIAS), here);
    assert_int_equal(udmar_device_set_mode(there, UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(rig_info(here).mode, UDMAR_MODE_TRANSLATE);
    rig_close(&r);
}

/* ---- graphics ---- */

static void who_serves_graphics_only(void **state)
{
    static const struct {
        uint16_t segment;
        bool include_all, left_out;
        unsigned count;
        struct model_scope scope[2];
    } rows[] = {
        { 0, false, true, 1, { { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } } } },
        { 0,
          false,
          true,
          2,
          { { MODEL_SCOPE_IOAPIC, 2, 0xf0, 1, { 0xf8 } },
            { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } } } },
        { 0,
          false,
          false,
          2,
          { { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } },
            { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x18 } } } },
        { 0,
          false,
          false,
          2,
          { { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x18 } },
            { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } } } },
        { 0, false, false, 1, { { MODEL_SCOPE_BRIDGE, 0, 0, 1, { 0xe0 } } } },
        { 0, false, false, 1, { { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0xe0, 0x10 } } } },
        { 0, false, false, 1, { { MODEL_SCOPE_ENDPOINT, 0, 1, 1, { 0x10 } } } },
        { 1, false, false, 1, { { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } } } },
        { 0, true, false, 1, { { MODEL_SCOPE_ENDPOINT, 0, 0, 1, { 0x10 } } } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct model_unit_config rest = { .base = BASE_2, .segment = 2, .include_all = true };
        const struct model_unit_config unit = { .base = BASE,
                                                .segment = rows[i].segment,
                                                .include_all = rows[i].include_all };
        struct rig r;

        rig_empty(&r);
        r.u = model_add_unit(r.m, &unit);
        for (unsigned j = 0; j < rows[i].count; j++)
            model_add_unit_scope(r.u, &rows[i].scope[j]);
        model_add_unit(r.m, &rest);
        model_add_function(r.m, 0, 0, 0x8086, 0x0044, 0x060000); /* QM57 */
        rig_create(&r);
        assert_int_equal(udmar_unit_count(r.d), rows[i].left_out ? 1 : 2);
        rig_close(&r);
    }
}

/* A graphics unit of those that hang must stay on when it drains, and may go off when not. */
static void graphics_unit_that_drains(void **state)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, 0x0010);

    (void)state;
    for (unsigned drains = 0; drains < 4; drains++) {
        const struct model_unit_config unit = { .base = BASE,
                                                .cap_clear = UINT64_C(3) << 54,
                                                .cap_set = (uint64_t)drains << 54 };
        struct udmar_domain_info info;
        struct rig r;

        rig_empty(&r);
        r.u = model_add_unit(r.m, &unit);
        model_add_unit_scope(r.u, &scope);
        model_add_function(r.m, 0, 0x0010, 0x8086, 0x9a49, 0x030000);
        rig_tune(&r, "hw.dmar.strict", "0");
        rig_create(&r);
        rig_start(&r);
        udmar_domain_info(udmar_device_domain(rig_attach(&r, 0x0010)), &info);
        assert_false(info.strict);
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        assert_int_equal(model_peek32(r.u, GSTS) & TE, drains != 0 ? TE : 0);
        rig_abandon(&r);
    }
}

static void tunable_of_the_alias(void **state)
{
    struct udmar_device_info info;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    add_card(&r, MODEL_PCIE_TO_PCI);
    rig_tune(&r, "hw.busdma.pci1:5:0:0", "identity"); /* another segment */
    rig_tune(&r, "hw.busdma.pci0:5:0:0", "blocked");
    rig_create(&r);
    rig_start(&r);
    info = rig_info(rig_attach(&r, CARD));
    assert_int_equal(info.mode, UDMAR_MODE_BLOCKED);
    assert_string_equal(info.reason, "the tunable of its requester id says so");
    /* A second one behind the bridge joins those who are blocked. */
    model_add_function(r.m, 0, CARD_2, 0x8086, 0x1000, 0x020000);
    info = rig_info(rig_attach(&r, CARD_2));
    assert_int_equal(info.mode, UDMAR_MODE_BLOCKED);
    assert_true(info.shares_ids);
    assert_int_equal(rig_write(&r, CARD_2, r.page), MODEL_BLOCKED);
    rig_close(&r);
}

/* The same address in two segments: each has its own tunable, or none. */
static void tunable_of_another_segment(void **state)
{
    const struct model_unit_config second = { .segment = 1, .base = BASE_2, .include_all = true };

    (void)state;
    for (unsigned named = 0; named < 2; named++) {
        struct udmar_device *device[2] = { NULL, NULL };
        struct rig r;

        rig_machine(&r, "generic48");
        model_add_unit(r.m, &second);
        model_add_function(r.m, 1, NIC, 0x8086, 0x10d3, 0x020000);
        rig_tune(&r, named ? "hw.busdma.pci1:0:3:0" : "hw.busdma.pci0:0:3:0", "blocked");
        rig_create(&r);
        rig_start(&r);
        for (uint16_t segment = 0; segment < 2; segment++) {
            assert_int_equal(udmar_device_attach(r.d, segment, NIC, "nic", &device[segment]),
                             UDMAR_OK);
            assert_int_equal(rig_info(device[segment]).mode,
                             segment == named ? UDMAR_MODE_BLOCKED : UDMAR_MODE_TRANSLATE);
        }
        rig_close(&r);
    }
}

static void second_of_a_group_that_fails(void **state)
{
    struct udmar_device *first, *second = NULL;
    struct rig r;

    (void)state;
    rig_machine(&r, "cm");
    add_card(&r, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, CARD_2, 0x8086, 0x1000, 0x020000);
    rig_create(&r);
    rig_start(&r);
    first = rig_attach(&r, CARD);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_device_attach(r.d, 0, CARD_2, "b", &second), UDMAR_ERR_TIMEOUT);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(r.u, 4096);
    assert_int_equal(udmar_domain_map(udmar_device_domain(first), IOVA, r.page, 4096, 3), UDMAR_OK);
    assert_true(rig_reaches(&r, CARD, IOVA, r.page));
    rig_close(&r);
}

static void physical_addresses_of_two_kinds(void **state)
{
    struct udmar_device *nic, *disk;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_create(&r);
    rig_start(&r);
    nic = rig_attach(&r, NIC);
    disk = rig_attach(&r, DISK);
    assert_int_equal(udmar_device_set_mode(nic, UDMAR_MODE_IDENTITY), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(nic), udmar_device_domain(disk));
    assert_int_equal(rig_write(&r, NIC, UINT64_C(0x7a000000)), MODEL_BLOCKED);
    assert_int_equal(rig_write(&r, DISK, UINT64_C(0x7a000000)), MODEL_NO_MEMORY);
    assert_int_equal(udmar_device_set_mode(nic, UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    assert_ptr_equal(udmar_device_domain(nic), udmar_device_domain(disk));
    rig_close(&r);
}

/* ---- units ---- */

static void interrupt_fault_of_a_known_device(void **state)
{
    struct udmar_fault fault;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    model_inject_fault(r.u, NIC, 0x22, UINT64_C(7) << 48, false);
    (void)udmar_fault_poll(r.d);
    assert_true(udmar_fault_next(r.d, 0, &fault));
    assert_int_equal(fault.access, UDMAR_FAULT_INTERRUPT);
    assert_int_equal(fault.address, 7);
    assert_ptr_equal(fault.device, r.nic);
    assert_int_equal(fault.place, UDMAR_PLACE_UNKNOWN);
    rig_close(&r);
}

/* One of two units fails at start: the other one's devices go on, its own are told. */
static void one_of_two_units_fails(void **state)
{
    const struct model_unit_config first = { .base = BASE },
                                   second = { .base = BASE_2, .include_all = true };
    const struct model_scope scope = rig_endpoint(NIC);
    struct udmar_device *nic, *disk;
    struct udmar_dma_tag *tag;
    struct model_unit *u;
    struct rig r;

    (void)state;
    rig_empty(&r);
    r.u = model_add_unit(r.m, &first);
    model_add_unit_scope(r.u, &scope);
    u = model_add_unit(r.m, &second);
    model_add_function(r.m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_function(r.m, 0, DISK, 0x8086, 0x2922, 0x010601);
    rig_create(&r);
    nic = rig_attach(&r, NIC);
    disk = rig_attach(&r, DISK);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     0);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    rig_start(&r);
    assert_true(model_log_contains(r.m, "do not use it"));
    assert_int_equal(rig_info(disk).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(rig_write(&r, DISK, r.page), MODEL_BLOCKED);
    assert_int_equal(udmar_fault_poll(r.d), 0); /* the interrupt was faster */
    assert_int_equal(model_stats(u)->faults, 1);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    model_behaviour(r.u)->gsts_lag = 0;
    /* A unit that shows nothing cannot be waited for: what was on is taken back all the same. */
    assert_true(rig_violated_only(&r, "before the command before has completed"));
    rig_close(&r);
}

/* What was written last is still under way when start, stop and start again give up on a unit. */
static void queue_that_cannot_be_stopped(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_true(model_log_contains(r.m, "blocked or still under firmware's tables"));
    rig_abandon(&r);
}

static void queue_that_never_starts(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_create(&r);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_true(model_log_contains(r.m, "the invalidation queue does not start"));
    assert_true(model_log_contains(r.m, "DMA of its devices is not restricted"));
    assert_true(rig_violated_only(&r, "before the command before has completed"));
    rig_abandon(&r);
}

static void interrupt_remapping_left_on_without_our_queue(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "qemu48");
    rig_tune(&r, "hw.dmar.qi", "0");
    model_firmware_state(r.u, IRE, 0);
    rig_create(&r);
    rig_start(&r);
    assert_int_equal(model_peek32(r.u, GSTS) & (IRE | QIE), 0);
    rig_close(&r);
}

/* A second chance on a host without memory: what the first one left is enough. */
static void no_memory_for_the_second_chance(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "rwbf");
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_UNPROTECTED);
    model_behaviour(r.u)->gsts_lag = 0;
    (void)model_peek32(r.u, GSTS);
    model_fail_host_calls_of(r.m, MODEL_CALL_ALLOC | MODEL_CALL_PAGE_ALLOC, 1, true);
    (void)udmar_start(r.d);
    model_fail_host_call(r.m, 0, false);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BLOCKED);
    model_clear_violations(r.m);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_TRANSLATE);
    rig_close(&r);
}

/* Every host call of an attach below two bridges fails once: nothing is lost, a later try works. */
static void no_memory_below_bridges(void **state)
{
    struct udmar_device *device = NULL;
    unsigned n = 0;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, BRIDGE, 5, 6, MODEL_ROOT_PORT);
    model_add_bridge(r.m, 0, 0x0508, 6, 6, MODEL_ROOT_PORT);
    model_add_function(r.m, 0, 0x0620, 0x8086, 0x1000, 0x020000);
    for (unsigned i = 0; i < 2; i++) {
        model_set_config(r.m, 0, i == 0 ? BRIDGE : 0x0508, 0x20, 0xd010d000u + i * 0x02000200u);
        model_set_config(r.m, 0, i == 0 ? BRIDGE : 0x0508, 0x24, 0xe011e001u + i * 0x02000200u);
    }
    rig_create(&r);
    rig_start(&r);
    for (enum udmar_status status = UDMAR_ERR_MEMORY; status != UDMAR_OK;) {
        size_t pages = model_pages_in_use(r.m), bytes = model_bytes_in_use(r.m);

        assert_true(n < 100);
        model_fail_host_call(r.m, ++n, false);
        status = udmar_device_attach(r.d, 0, 0x0620, "card", &device);
        if (model_host_calls_failed(r.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(model_pages_in_use(r.m), pages);
            assert_int_equal(model_bytes_in_use(r.m), bytes);
        }
    }
    assert_true(n > 8);
    model_fail_host_call(r.m, 0, false);
    /* What both of them forward is kept free. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_domain_map(udmar_device_domain(device), 0xd0000000u + (i << 25),
                                          r.page, 4096, UDMAR_READ),
                         UDMAR_ERR_EXISTS);
    }
    rig_close(&r);
}

/* Tags of an unprotected device have handed out physical addresses: it goes on with them. */
static void unprotected_device_in_use_stays(void **state)
{
    struct udmar_dma_tag *tag;
    struct rig r;

    (void)state;
    rig_machine(&r, "rwbf");
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    model_behaviour(r.u)->gsts_lag = 300;
    r.d->units->unit->timeout_ns = 10000;
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(r.nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     0);
    model_behaviour(r.u)->gsts_lag = 0;
    model_clear_violations(r.m);
    r.d->units->unit->timeout_ns = 10000000;
    rig_start(&r);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_IDENTITY); /* the unit cannot pass through */
    assert_true(rig_reaches(&r, NIC, r.page, r.page));
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    rig_start(&r);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_TRANSLATE);
    rig_close(&r);
}

/* The queue dies when the first of two contexts has been announced. */
static void die_after_first_context(void *context, struct model *m, enum model_event event)
{
    struct rig *r = context;

    (void)m;
    (void)event;
    if (model_stats(r->u)->context_device != 0) {
        model_behaviour(r->u)->queue_mode = MODEL_QUEUE_DEAD;
    }
}

static void second_context_is_not_answered(void **state)
{
    struct udmar_device *device = NULL;
    struct rig r;

    (void)state;
    rig_machine(&r, "cm");
    add_card(&r, MODEL_PCIE_TO_PCI);
    rig_create(&r);
    rig_start(&r);
    model_stats(r.u)->context_device = 0;
    model_set_hook(r.m, die_after_first_context, &r);
    assert_int_equal(udmar_device_attach(r.d, 0, CARD, "card", &device), UDMAR_ERR_TIMEOUT);
    model_set_hook(r.m, NULL, NULL);
    assert_null(udmar_device_find(r.d, 0, CARD));
    /* Whatever its caches know, the tables that the unit may walk are still there. */
    assert_int_not_equal(rig_write(&r, CARD, r.page), MODEL_OK);
    assert_int_equal(rig_violations(&r), 0);
    rig_abandon(&r);
}

/* What queue starts is seen too late, and then it does not go away. */
static void show_queue_late(void *context, struct model *m, enum model_event event)
{
    struct rig *r = context;

    if (event == MODEL_EVENT_WRITE && model_log_contains(m, "queue does not start")) {
        model_poke32(r->u, GSTS, QIE);
    }
}

static void queue_that_starts_too_late(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_create(&r);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    model_set_hook(r.m, show_queue_late, &r);
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    model_set_hook(r.m, NULL, NULL);
    assert_true(model_log_contains(r.m, "starting the invalidation queue failed"));
    rig_abandon(&r);
}

static void instance_that_cannot_go(void **state)
{
    const struct model_scope scope = rig_endpoint(DISK);
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, RMRR, RMRR_END, &scope, 1);
    rig_create(&r);
    rig_start(&r);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_TIMEOUT);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    /* The unit may still use the tables of firmware's device. */
    assert_int_equal(udmar_destroy(r.d), UDMAR_ERR_TIMEOUT);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(r.u, 4096);
    assert_int_equal(udmar_destroy(r.d), UDMAR_OK);
    /* It translates still, for all that is known: its root table stays for ever. */
    assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BLOCKED);
    assert_int_equal(rig_violations(&r), 0);
    assert_true(model_pages_in_use(r.m) > 0);
    rig_abandon(&r);
}

static void graphics_unit_with_an_impossible_path(void **state)
{
    /* A DRHD at BASE for segment 0 with one endpoint, device 32. */
    static const uint8_t drhd[24] = { 0, 0, 24, 0, 0, 0, 0, 0, 0, 0x10, 0xd9, 0xfe,
                                      0, 0, 0,  0, 1, 8, 0, 0, 0, 0,    32,   0 };
    const struct model_unit_config rest = { .base = BASE_2, .include_all = true };
    const struct model_unit_config hidden = { .base = BASE, .segment = 7 };
    struct rig r;

    (void)state;
    rig_empty(&r);
    r.u = model_add_unit(r.m, &rest);
    model_add_unit(r.m, &hidden);
    model_add_raw_structure(r.m, drhd, sizeof(drhd));
    model_add_function(r.m, 0, 0, 0x8086, 0x0044, 0x060000); /* QM57 */
    rig_create(&r);
    assert_false(model_log_contains(r.m, "graphics-only unit left off (") ||
                 model_log_contains(r.m, "left out: graphics"));
    rig_abandon(&r);
}

static void too_much_ram(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    r.config.ram_count = 2049;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_ARGUMENT);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmrr_scopes_of_every_kind),
        cmocka_unit_test(rmrr_switched_off),
        cmocka_unit_test(rmrr_of_an_alias),
        cmocka_unit_test(rmrr_that_does_not_fit_into_the_shared_table),
        cmocka_unit_test(apertures_of_every_kind),
        cmocka_unit_test(conventional_bridge_below_a_real_one),
        cmocka_unit_test(same_id_in_two_segments),
        cmocka_unit_test(who_serves_graphics_only),
        cmocka_unit_test(graphics_unit_that_drains),
        cmocka_unit_test(tunable_of_the_alias),
        cmocka_unit_test(tunable_of_another_segment),
        cmocka_unit_test(second_of_a_group_that_fails),
        cmocka_unit_test(physical_addresses_of_two_kinds),
        cmocka_unit_test(interrupt_fault_of_a_known_device),
        cmocka_unit_test(one_of_two_units_fails),
        cmocka_unit_test(queue_that_cannot_be_stopped),
        cmocka_unit_test(queue_that_never_starts),
        cmocka_unit_test(interrupt_remapping_left_on_without_our_queue),
        cmocka_unit_test(no_memory_for_the_second_chance),
        cmocka_unit_test(no_memory_below_bridges),
        cmocka_unit_test(unprotected_device_in_use_stays),
        cmocka_unit_test(second_context_is_not_answered),
        cmocka_unit_test(queue_that_starts_too_late),
        cmocka_unit_test(instance_that_cannot_go),
        cmocka_unit_test(graphics_unit_with_an_impossible_path),
        cmocka_unit_test(too_much_ram),
    };

    return cmocka_run_group_tests_name("devices_odd", tests, NULL, NULL);
}
