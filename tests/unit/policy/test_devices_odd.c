/* SPDX-License-Identifier: BSD-2-Clause */
/* Corners of policy: scopes of RMRRs, apertures of bridges, tunables by alias, units that fail. */
#include "fixture/inside.h"

#include <udmar/busdma.h>

#include <string.h>

#define BRIDGE   UINT16_C(0x00e0)
#define CARD     UINT16_C(0x0520)
#define CARD_2   UINT16_C(0x0528)
#define ALIAS    UINT16_C(0x0500)
#define RMRR     UINT64_C(0x180000)
#define RMRR_END UINT64_C(0x181fff)

static void add_card(struct fixture *f, enum model_bridge_kind kind)
{
    model_add_bridge(f->m, 0, BRIDGE, 5, 5, kind);
    model_add_function(f->m, 0, CARD, 0x8086, 0x1000, 0x020000);
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
        struct fixture f;

        fixture_machine(&f, "generic48");
        add_card(&f, MODEL_ROOT_PORT);
        model_set_config(f.m, 0, BRIDGE, 0x18, rows[i].buses);
        model_add_rmrr(f.m, 0, RMRR, RMRR_END, &scope, 1);
        fixture_create(&f);
        fixture_start(&f);
        assert_int_equal(udmar_device_find(f.instance, 0, rows[i].rid) != NULL, rows[i].itself);
        assert_int_equal(udmar_device_find(f.instance, 0, CARD) != NULL, rows[i].card);
        fixture_close(&f);
    }
}

static void rmrr_switched_off(void **state)
{
    static const char *const modes[] = { "translate", "identity" };
    const struct model_scope scope = fixture_endpoint(DISK);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_rmrr(f.m, 0, UINT64_C(0x7a000000), UINT64_C(0x7a000fff), &scope, 1);
        fixture_tune(&f, "hw.dmar.rmrr_enable", "0");
        fixture_tune(&f, "hw.busdma.default", modes[i]);
        fixture_create(&f);
        fixture_start(&f);
        assert_null(udmar_device_find(f.instance, 0, DISK));
        assert_int_equal(fixture_info(fixture_attach(&f, DISK)).rmrr_count, 0);
        assert_int_equal(fixture_write(&f, DISK, UINT64_C(0x7a000000)), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* The id is known already, but only as what another device sends. */
static void rmrr_of_an_alias(void **state)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0xe0, 0x00 } };
    struct udmar_device *device;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    add_card(&f, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, ALIAS, 0x8086, 0x1001, 0x020000);
    model_add_rmrr(f.m, 0, RMRR, RMRR_END, &scope, 1);
    fixture_create(&f);
    (void)fixture_attach(&f, CARD);
    fixture_start(&f);
    device = udmar_device_find(f.instance, 0, ALIAS);
    assert_non_null(device);
    assert_int_equal(fixture_info(device).rid, ALIAS);
    assert_int_equal(fixture_write(&f, ALIAS, RMRR), MODEL_OK);
    /* Whom firmware alone knows nobody can detach. */
    assert_int_equal(udmar_device_detach(device), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
}

static void rmrr_that_does_not_fit_into_the_shared_table(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct udmar_device *device = NULL;
    size_t pages, bytes;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, UINT64_C(0x7a000000), UINT64_C(0x7a000fff), &scope, 1);
    fixture_tune(&f, "hw.busdma.default", "identity");
    fixture_create(&f);
    (void)fixture_attach(&f, DISK);
    pages = model_pages_in_use(f.m);
    bytes = model_bytes_in_use(f.m);
    model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
    assert_int_equal(udmar_device_attach(f.instance, 0, NIC, "nic", &device), UDMAR_ERR_MEMORY);
    model_fail_host_call(f.m, 0, false);
    assert_int_equal(model_pages_in_use(f.m), pages);
    assert_int_equal(model_bytes_in_use(f.m), bytes);
    fixture_start(&f);
    assert_int_equal(fixture_write(&f, NIC, UINT64_C(0x7a000000)), MODEL_NO_MEMORY);
    fixture_close(&f);
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
        struct fixture f;

        fixture_machine(&f, "generic48");
        add_card(&f, MODEL_ROOT_PORT);
        model_set_config(f.m, 0, BRIDGE, 0x20, rows[i].memory);
        model_set_config(f.m, 0, BRIDGE, 0x24, rows[i].prefetch);
        model_set_config(f.m, 0, BRIDGE, 0x28, rows[i].high);
        model_set_config(f.m, 0, BRIDGE, 0x2c, rows[i].high);
        fixture_create(&f);
        fixture_start(&f);
        domain = udmar_device_domain(fixture_attach(&f, CARD));
        for (; udmar_domain_next_range(domain, from, &range); from = range.base + range.size) {
            assert_int_equal(range.kind, range.base == 0 ? UDMAR_RANGE_NULL : UDMAR_RANGE_RESERVED);
            found++;
        }
        for (unsigned j = 0; j < 2; j++) {
            wanted += rows[i].reserved[j] != 0;
            assert_true(rows[i].reserved[j] == 0 ||
                        udmar_domain_map(domain, rows[i].reserved[j], f.page, 4096, 3) ==
                            UDMAR_ERR_EXISTS);
        }
        assert_int_equal(found, wanted + 2); /* page 0 and the MSI window */
        fixture_close(&f);
    }
}

/* Below a PCIe-to-PCI bridge a conventional one is what it claims to be. */
static void conventional_bridge_below_a_real_one(void **state)
{
    struct udmar_device_info info;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, BRIDGE, 5, 6, MODEL_PCIE_TO_PCI);
    model_add_bridge(f.m, 0, 0x0508, 6, 6, MODEL_PCI_TO_PCI);
    model_add_function(f.m, 0, 0x0620, 0x8086, 0x1000, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    info = fixture_info(fixture_attach(&f, 0x0620));
    assert_int_equal(info.id_count, 3);
    assert_int_equal(info.ids[1], 0x0508);
    assert_int_equal(info.ids[2], ALIAS);
    fixture_close(&f);
}

/* ---- segments ---- */

static void same_id_in_two_segments(void **state)
{
    const struct model_unit_config second = { .segment = 1, .base = BASE_2, .include_all = true };
    struct udmar_device *here, *there = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_unit(f.m, &second);
    add_card(&f, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 1, CARD, 0x8086, 0x1000, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    here = fixture_attach(&f, CARD);
    assert_null(udmar_device_find(f.instance, 1, ALIAS));
    assert_int_equal(udmar_device_attach(f.instance, 1, CARD, "there", &there), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(here), udmar_device_domain(there));
    assert_int_equal(fixture_info(there).unit, 1);
    assert_int_equal(fixture_info(there).id_count, 1);
    assert_ptr_equal(udmar_device_find(f.instance, 0, ALIAS), here);
    assert_int_equal(udmar_device_set_mode(there, UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(fixture_info(here).mode, UDMAR_MODE_TRANSLATE);
    fixture_close(&f);
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
        struct fixture f;

        fixture_empty(&f);
        f.u = model_add_unit(f.m, &unit);
        for (unsigned j = 0; j < rows[i].count; j++)
            model_add_unit_scope(f.u, &rows[i].scope[j]);
        model_add_unit(f.m, &rest);
        model_add_function(f.m, 0, 0, 0x8086, 0x0044, 0x060000); /* QM57 */
        fixture_create(&f);
        assert_int_equal(udmar_unit_count(f.instance), rows[i].left_out ? 1 : 2);
        fixture_close(&f);
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
        struct fixture f;

        fixture_empty(&f);
        f.u = model_add_unit(f.m, &unit);
        model_add_unit_scope(f.u, &scope);
        model_add_function(f.m, 0, 0x0010, 0x8086, 0x9a49, 0x030000);
        fixture_tune(&f, "hw.dmar.strict", "0");
        fixture_create(&f);
        fixture_start(&f);
        udmar_domain_info(udmar_device_domain(fixture_attach(&f, 0x0010)), &info);
        assert_false(info.strict);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_int_equal(model_peek32(f.u, GSTS) & TE, drains != 0 ? TE : 0);
        fixture_abandon(&f);
    }
}

static void tunable_of_the_alias(void **state)
{
    struct udmar_device_info info;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    add_card(&f, MODEL_PCIE_TO_PCI);
    fixture_tune(&f, "hw.busdma.pci1:5:0:0", "identity"); /* another segment */
    fixture_tune(&f, "hw.busdma.pci0:5:0:0", "blocked");
    fixture_create(&f);
    fixture_start(&f);
    info = fixture_info(fixture_attach(&f, CARD));
    assert_int_equal(info.mode, UDMAR_MODE_BLOCKED);
    assert_string_equal(info.reason, "the tunable of its requester id says so");
    /* A second one behind the bridge joins those who are blocked. */
    model_add_function(f.m, 0, CARD_2, 0x8086, 0x1000, 0x020000);
    info = fixture_info(fixture_attach(&f, CARD_2));
    assert_int_equal(info.mode, UDMAR_MODE_BLOCKED);
    assert_true(info.shares_ids);
    assert_int_equal(fixture_write(&f, CARD_2, f.page), MODEL_BLOCKED);
    fixture_close(&f);
}

/* The same address in two segments: each has its own tunable, or none. */
static void tunable_of_another_segment(void **state)
{
    const struct model_unit_config second = { .segment = 1, .base = BASE_2, .include_all = true };

    (void)state;
    for (unsigned named = 0; named < 2; named++) {
        struct udmar_device *device[2] = { NULL, NULL };
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_unit(f.m, &second);
        model_add_function(f.m, 1, NIC, 0x8086, 0x10d3, 0x020000);
        fixture_tune(&f, named ? "hw.busdma.pci1:0:3:0" : "hw.busdma.pci0:0:3:0", "blocked");
        fixture_create(&f);
        fixture_start(&f);
        for (uint16_t segment = 0; segment < 2; segment++) {
            assert_int_equal(udmar_device_attach(f.instance, segment, NIC, "nic", &device[segment]),
                             UDMAR_OK);
            assert_int_equal(fixture_info(device[segment]).mode,
                             segment == named ? UDMAR_MODE_BLOCKED : UDMAR_MODE_TRANSLATE);
        }
        fixture_close(&f);
    }
}

static void second_of_a_group_that_fails(void **state)
{
    struct udmar_device *first, *second = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "cm");
    add_card(&f, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, CARD_2, 0x8086, 0x1000, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    first = fixture_attach(&f, CARD);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_device_attach(f.instance, 0, CARD_2, "b", &second), UDMAR_ERR_TIMEOUT);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    assert_int_equal(udmar_domain_map(udmar_device_domain(first), IOVA, f.page, 4096, 3), UDMAR_OK);
    assert_true(fixture_reaches(&f, CARD, IOVA, f.page));
    fixture_close(&f);
}

static void physical_addresses_of_two_kinds(void **state)
{
    struct udmar_device *nic, *disk;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    fixture_start(&f);
    nic = fixture_attach(&f, NIC);
    disk = fixture_attach(&f, DISK);
    assert_int_equal(udmar_device_set_mode(nic, UDMAR_MODE_IDENTITY), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    assert_ptr_not_equal(udmar_device_domain(nic), udmar_device_domain(disk));
    assert_int_equal(fixture_write(&f, NIC, UINT64_C(0x7a000000)), MODEL_BLOCKED);
    assert_int_equal(fixture_write(&f, DISK, UINT64_C(0x7a000000)), MODEL_NO_MEMORY);
    assert_int_equal(udmar_device_set_mode(nic, UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    assert_ptr_equal(udmar_device_domain(nic), udmar_device_domain(disk));
    fixture_close(&f);
}

/* ---- units ---- */

static void interrupt_fault_of_a_known_device(void **state)
{
    struct udmar_fault fault;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    model_inject_fault(f.u, NIC, 0x22, UINT64_C(7) << 48, false);
    (void)udmar_fault_poll(f.instance);
    assert_true(udmar_fault_next(f.instance, 0, &fault));
    assert_int_equal(fault.access, UDMAR_FAULT_INTERRUPT);
    assert_int_equal(fault.address, 7);
    assert_ptr_equal(fault.device, f.nic);
    assert_int_equal(fault.place, UDMAR_PLACE_UNKNOWN);
    fixture_close(&f);
}

/* One of two units fails at start: the other one's devices go on, its own are told. */
static void one_of_two_units_fails(void **state)
{
    const struct model_unit_config first = { .base = BASE },
                                   second = { .base = BASE_2, .include_all = true };
    const struct model_scope scope = fixture_endpoint(NIC);
    struct udmar_device *nic, *disk;
    struct udmar_dma_tag *tag;
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    f.u = model_add_unit(f.m, &first);
    model_add_unit_scope(f.u, &scope);
    u = model_add_unit(f.m, &second);
    model_add_function(f.m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_function(f.m, 0, DISK, 0x8086, 0x2922, 0x010601);
    fixture_create(&f);
    nic = fixture_attach(&f, NIC);
    disk = fixture_attach(&f, DISK);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     0);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    fixture_start(&f);
    assert_true(model_log_contains(f.m, "do not use it"));
    assert_int_equal(fixture_info(disk).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
    assert_int_equal(udmar_fault_poll(f.instance), 0); /* the interrupt was faster */
    assert_int_equal(model_stats(u)->faults, 1);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    model_behaviour(f.u)->gsts_lag = 0;
    /* A unit that shows nothing cannot be waited for: what was on is taken back all the same. */
    assert_true(fixture_violated_only(&f, "before the command before has completed"));
    fixture_close(&f);
}

/* What was written last is still under way when start, stop and start again give up on a unit. */
static void queue_that_cannot_be_stopped(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_true(model_log_contains(f.m, "blocked or still under firmware's tables"));
    fixture_abandon(&f);
}

static void queue_that_never_starts(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_true(model_log_contains(f.m, "the invalidation queue does not start"));
    assert_true(model_log_contains(f.m, "DMA of its devices is not restricted"));
    assert_true(fixture_violated_only(&f, "before the command before has completed"));
    fixture_abandon(&f);
}

static void interrupt_remapping_left_on_without_our_queue(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "qemu48");
    fixture_tune(&f, "hw.dmar.qi", "0");
    model_firmware_state(f.u, IRE, 0);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, GSTS) & (IRE | QIE), 0);
    fixture_close(&f);
}

/* A second chance on a host without memory: what the first one left is enough. */
static void no_memory_for_the_second_chance(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
    model_behaviour(f.u)->gsts_lag = 0;
    (void)model_peek32(f.u, GSTS);
    model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC | MODEL_CALL_PAGE_ALLOC, 1, true);
    (void)udmar_start(f.instance);
    model_fail_host_call(f.m, 0, false);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
    model_clear_violations(f.m);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    fixture_close(&f);
}

/* Every host call of an attach below two bridges fails once: nothing is lost, a later try works. */
static void no_memory_below_bridges(void **state)
{
    struct udmar_device *device = NULL;
    unsigned n = 0;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, BRIDGE, 5, 6, MODEL_ROOT_PORT);
    model_add_bridge(f.m, 0, 0x0508, 6, 6, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0620, 0x8086, 0x1000, 0x020000);
    for (unsigned i = 0; i < 2; i++) {
        model_set_config(f.m, 0, i == 0 ? BRIDGE : 0x0508, 0x20, 0xd010d000u + i * 0x02000200u);
        model_set_config(f.m, 0, i == 0 ? BRIDGE : 0x0508, 0x24, 0xe011e001u + i * 0x02000200u);
    }
    fixture_create(&f);
    fixture_start(&f);
    for (enum udmar_status status = UDMAR_ERR_MEMORY; status != UDMAR_OK;) {
        size_t pages = model_pages_in_use(f.m), bytes = model_bytes_in_use(f.m);

        assert_true(n < 100);
        model_fail_host_call(f.m, ++n, false);
        status = udmar_device_attach(f.instance, 0, 0x0620, "card", &device);
        if (model_host_calls_failed(f.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(model_pages_in_use(f.m), pages);
            assert_int_equal(model_bytes_in_use(f.m), bytes);
        }
    }
    assert_true(n > 8);
    model_fail_host_call(f.m, 0, false);
    /* What both of them forward is kept free. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_domain_map(udmar_device_domain(device), 0xd0000000u + (i << 25),
                                          f.page, 4096, UDMAR_READ),
                         UDMAR_ERR_EXISTS);
    }
    fixture_close(&f);
}

/* Tags of an unprotected device have handed out physical addresses: it goes on with them. */
static void unprotected_device_in_use_stays(void **state)
{
    struct udmar_dma_tag *tag;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    model_behaviour(f.u)->gsts_lag = 300;
    f.instance->units->unit->timeout_ns = 10000;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f.nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     0);
    model_behaviour(f.u)->gsts_lag = 0;
    model_clear_violations(f.m);
    f.instance->units->unit->timeout_ns = 10000000;
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).mode,
                     UDMAR_MODE_IDENTITY); /* the unit cannot pass through */
    assert_true(fixture_reaches(&f, NIC, f.page, f.page));
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    fixture_close(&f);
}

/* The queue dies when the first of two contexts has been announced. */
static void die_after_first_context(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;

    (void)m;
    (void)event;
    if (model_stats(f->u)->context_device != 0) {
        model_behaviour(f->u)->queue_mode = MODEL_QUEUE_DEAD;
    }
}

static void second_context_is_not_answered(void **state)
{
    struct udmar_device *device = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "cm");
    add_card(&f, MODEL_PCIE_TO_PCI);
    fixture_create(&f);
    fixture_start(&f);
    model_stats(f.u)->context_device = 0;
    model_set_hook(f.m, die_after_first_context, &f);
    assert_int_equal(udmar_device_attach(f.instance, 0, CARD, "card", &device), UDMAR_ERR_TIMEOUT);
    model_set_hook(f.m, NULL, NULL);
    assert_null(udmar_device_find(f.instance, 0, CARD));
    /* Whatever its caches know, the tables that the unit may walk are still there. */
    assert_int_not_equal(fixture_write(&f, CARD, f.page), MODEL_OK);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

/* What queue starts is seen too late, and then it does not go away. */
static void show_queue_late(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;

    if (event == MODEL_EVENT_WRITE && model_log_contains(m, "queue does not start")) {
        model_poke32(f->u, GSTS, QIE);
    }
}

static void queue_that_starts_too_late(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    model_set_hook(f.m, show_queue_late, &f);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    model_set_hook(f.m, NULL, NULL);
    assert_true(model_log_contains(f.m, "starting the invalidation queue failed"));
    fixture_abandon(&f);
}

static void instance_that_cannot_go(void **state)
{
    const struct model_scope scope = fixture_endpoint(DISK);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR, RMRR_END, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    /* The unit may still use the tables of firmware's device. */
    assert_int_equal(udmar_destroy(f.instance), UDMAR_ERR_TIMEOUT);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_OK);
    /* It translates still, for all that is known: its root table stays for ever. */
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
    assert_int_equal(fixture_violations(&f), 0);
    assert_true(model_pages_in_use(f.m) > 0);
    fixture_abandon(&f);
}

static void graphics_unit_with_an_impossible_path(void **state)
{
    /* A DRHD at BASE for segment 0 with one endpoint, device 32. */
    static const uint8_t drhd[24] = { 0, 0, 24, 0, 0, 0, 0, 0, 0, 0x10, 0xd9, 0xfe,
                                      0, 0, 0,  0, 1, 8, 0, 0, 0, 0,    32,   0 };
    const struct model_unit_config rest = { .base = BASE_2, .include_all = true };
    const struct model_unit_config hidden = { .base = BASE, .segment = 7 };
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    f.u = model_add_unit(f.m, &rest);
    model_add_unit(f.m, &hidden);
    model_add_raw_structure(f.m, drhd, sizeof(drhd));
    model_add_function(f.m, 0, 0, 0x8086, 0x0044, 0x060000); /* QM57 */
    fixture_create(&f);
    assert_false(model_log_contains(f.m, "graphics-only unit left off (") ||
                 model_log_contains(f.m, "left out: graphics"));
    fixture_abandon(&f);
}

static void too_much_ram(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    f.config.ram_count = 2049;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
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
