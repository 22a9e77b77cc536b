/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: their unit, the ids they send, who shares what, and what each mode lets through. */
#include "fixture/inside.h"

#include <string.h>

static void started(struct fixture *f, const char *profile)
{
    fixture_machine(f, profile);
    fixture_create(f);
    fixture_start(f);
}

static bool has_id(struct udmar_device *device, uint16_t id)
{
    for (unsigned i = 0; i < device->ids.count; i++) {
        if (device->ids.id[i] == id) {
            return true;
        }
    }
    return false;
}

/* The id that hardware sees leads to the device's own memory and nowhere else. */
static struct udmar_device *attach_and_reach(struct fixture *f, uint16_t rid)
{
    struct udmar_device *device = fixture_attach(f, rid);

    assert_true(has_id(device, rid));
    assert_true(has_id(device, model_requester_id(f->m, 0, rid)));
    assert_int_equal(udmar_domain_map(udmar_device_domain(device), IOVA, f->page, 4096, 3),
                     UDMAR_OK);
    assert_true(fixture_reaches(f, rid, IOVA, f->page));
    assert_int_equal(fixture_write(f, rid, f->page), MODEL_BLOCKED);
    assert_int_equal(udmar_domain_unmap(udmar_device_domain(device), IOVA, 4096), UDMAR_OK);
    return device;
}

/* ---- Units ----------------------------------------------------------------------------------- */

static void unit_by_scope_bridge_or_include_all(void **state)
{
    struct model_scope scope = fixture_endpoint(NIC);
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    scope = model_scope(MODEL_SCOPE_BRIDGE, 0x08);
    model_add_unit_scope(u, &scope);
    model_add_bridge(f.m, 0, 0x08, 3, 3, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, 0x0300, 0x8086, 0x1533, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(fixture_info(attach_and_reach(&f, NIC)).match, UDMAR_MATCH_EXACT);
    assert_int_equal(fixture_info(attach_and_reach(&f, 0x0300)).match, UDMAR_MATCH_SUBTREE);
    assert_int_equal(fixture_info(attach_and_reach(&f, DISK)).match, UDMAR_MATCH_INCLUDE_ALL);
    /* In the table the include-all unit stands last. */
    assert_int_equal(fixture_info(udmar_device_find(f.instance, 0, NIC)).unit, 0);
    assert_int_equal(fixture_info(udmar_device_find(f.instance, 0, DISK)).unit, 1);
    fixture_close(&f);
}

static void device_in_no_unit_is_unprotected(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct udmar_device *disk;
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    f.u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE });
    model_add_unit_scope(f.u, &scope);
    model_add_function(f.m, 0, DISK, 0x8086, 0x2922, 0x010601);
    fixture_create(&f);
    fixture_start(&f);
    disk = fixture_attach(&f, DISK);
    assert_int_equal(fixture_info(disk).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(fixture_info(disk).unit, -1);
    assert_int_equal(fixture_info(disk).match, UDMAR_MATCH_NONE);
    assert_string_equal(fixture_info(disk).reason, "firmware names no unit for it");
    assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_TRANSLATE), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BYPASSED);
    fixture_close(&f);
}

/* ---- Aliases --------------------------------------------------------------------------------- */

static void ids_behind_every_bridge(void **state)
{
    static const enum model_bridge_kind kinds[] = { MODEL_ROOT_PORT, MODEL_PCIE_TO_PCI,
                                                    MODEL_PCI_TO_PCI, MODEL_PCI_TO_PCIE,
                                                    MODEL_BUGGY_PCIE_TO_PCI };

    (void)state;
    for (unsigned under_port = 0; under_port < 2; under_port++) {
        for (unsigned i = 0; i < 5; i++) {
            struct fixture f;

            fixture_machine(&f, "generic48");
            if (under_port) {
                model_add_bridge(f.m, 0, 0x08, 1, 9, MODEL_ROOT_PORT);
            }
            model_add_bridge(f.m, 0, under_port ? 0x0100 : 0x10, 5, 5, kinds[i]);
            model_add_function(f.m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
            fixture_create(&f);
            fixture_start(&f);
            (void)attach_and_reach(&f, 0x0518);
            fixture_close(&f);
        }
    }
}

/* A PCIe-to-PCI bridge without its capability may sit on the root bus, too (82801, 244e). */
static void known_bridges_without_capability(void **state)
{
    static const uint32_t ids[] = { 0x10801b21, 0x811310e3, 0x88921283, 0x88931283, 0x244e8086 };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct udmar_device *device;
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_bridge(f.m, 0, 0x00f0, 5, 5, MODEL_PCI_TO_PCI);
        model_set_config(f.m, 0, 0x00f0, 0, ids[i]);
        model_add_function(f.m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
        fixture_create(&f);
        fixture_start(&f);
        device = fixture_attach(&f, 0x0518);
        assert_true(has_id(device, 0x0500));
        fixture_close(&f);
    }
}

static void switch_passes_ids_on(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x08, 1, 4, MODEL_ROOT_PORT);
    model_add_bridge(f.m, 0, 0x0100, 2, 4, MODEL_UPSTREAM);
    model_add_bridge(f.m, 0, 0x0208, 3, 3, MODEL_DOWNSTREAM);
    model_add_bridge(f.m, 0, 0x0210, 4, 4, MODEL_DOWNSTREAM);
    model_add_function(f.m, 0, 0x0300, 0x8086, 0x1533, 0x020000);
    model_add_function(f.m, 0, 0x0400, 0x8086, 0x1533, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(fixture_info(attach_and_reach(&f, 0x0300)).id_count, 1);
    assert_int_equal(fixture_info(attach_and_reach(&f, 0x0400)).id_count, 1);
    assert_false(fixture_info(udmar_device_find(f.instance, 0, 0x0300)).shares_ids);
    fixture_close(&f);
}

static void devices_that_use_other_functions(void **state)
{
    static const struct {
        uint32_t id;
        uint16_t rid, alias;
        unsigned count;
    } rows[] = {
        { 0x91721b4b, 0x0020, 0x0021, 2 },   { 0x23920000 | 0x197b, 0x0020, 0x0021, 2 },
        { 0xe8321180, 0x0023, 0x0020, 2 },   { 0x22608086, 0x0020, 0x0093, 4 },
        { 0x29548086, 0x0020, 0x00fc, 160 }, { 0x87b010b5, 0x0020, 0x00ff, 256 },
        { 0x10d38086, 0x0020, 0x0020, 1 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t byte = 1;
        struct udmar_device *device;
        struct fixture f;

        fixture_empty(&f);
        f.u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE, .include_all = true });
        model_add_function(f.m, 0, rows[i].rid, (uint16_t)rows[i].id, (uint16_t)(rows[i].id >> 16),
                           0x010601);
        fixture_create(&f);
        fixture_start(&f);
        device = f.nic = attach_and_reach(&f, rows[i].rid);
        fixture_own_domain(&f);
        assert_int_equal(fixture_info(device).id_count, rows[i].count);
        assert_true(has_id(device, rows[i].alias));
        assert_int_equal(udmar_domain_map(udmar_device_domain(device), IOVA, f.page, 4096, 3),
                         UDMAR_OK);
        assert_int_equal(model_dma(f.m, 0, rows[i].alias, IOVA, &byte, 1, true), MODEL_OK);
        assert_ptr_equal(udmar_device_find(f.instance, 0, rows[i].alias), device);
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
        assert_int_equal(model_dma(f.m, 0, rows[i].alias, IOVA, &byte, 1, true), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

static void bridges_in_a_loop_are_an_error(void **state)
{
    struct udmar_device *device = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x0500, 6, 6, MODEL_PCI_TO_PCI);
    model_add_bridge(f.m, 0, 0x0600, 5, 5, MODEL_PCI_TO_PCI);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_device_attach(f.instance, 0, 0x0518, "x", &device), UDMAR_ERR_TOO_BIG);
    assert_null(device);
    fixture_close(&f);
}

/* ---- Groups ---------------------------------------------------------------------------------- */

static void two_behind_a_bridge(struct fixture *f)
{
    fixture_machine(f, "generic48");
    model_add_bridge(f->m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f->m, 0, 0x0510, 0x10ec, 0x8139, 0x020000);
    model_add_function(f->m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
}

static void devices_of_one_id_share_a_domain(void **state)
{
    struct udmar_device *a, *b;
    struct fixture f;

    (void)state;
    two_behind_a_bridge(&f);
    fixture_create(&f);
    fixture_start(&f);
    a = attach_and_reach(&f, 0x0510);
    b = attach_and_reach(&f, 0x0518);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_true(fixture_info(a).shares_ids && fixture_info(b).shares_ids);
    assert_int_equal(udmar_device_set_mode(a, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    assert_int_equal(udmar_domain_map(udmar_device_domain(b), IOVA, f.page, 4096, 3), UDMAR_OK);
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_true(fixture_reaches(&f, 0x0518, IOVA, f.page));
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    assert_int_equal(udmar_device_detach(b), UDMAR_ERR_BUSY);
    assert_true(fixture_reaches(&f, 0x0518, IOVA, f.page));
    assert_int_equal(udmar_domain_unmap(udmar_device_domain(b), IOVA, 4096), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(fixture_write(&f, 0x0518, IOVA), MODEL_BLOCKED);
    fixture_close(&f);
}

static void conflicting_modes_in_a_group(void **state)
{
    struct udmar_device *a, *b;
    struct fixture f;

    (void)state;
    two_behind_a_bridge(&f);
    fixture_tune(&f, "hw.busdma.pci0:5:3:0", "passthrough");
    fixture_create(&f);
    fixture_start(&f);
    a = attach_and_reach(&f, 0x0510);
    b = fixture_attach(&f, 0x0518);
    assert_int_equal(fixture_info(b).wanted, UDMAR_MODE_PASSTHROUGH);
    assert_int_equal(fixture_info(b).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_true(model_log_contains(f.m, "was to be passthrough but shares requester id 0500"));
    fixture_close(&f);
}

static void attach_twice_is_counted(void **state)
{
    struct udmar_device *again;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    again = fixture_attach(&f, NIC);
    assert_ptr_equal(again, f.nic);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    assert_ptr_equal(udmar_device_find(f.instance, 0, NIC), f.nic);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    assert_null(udmar_device_find(f.instance, 0, NIC));
    assert_int_equal(udmar_device_detach(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_attach(NULL, 0, NIC, NULL, &again), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_attach(f.instance, 0, NIC, NULL, NULL), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
}

static void long_names_are_cut(void **state)
{
    struct udmar_device *device;
    struct fixture f;

    (void)state;
    started(&f, "generic48");
    assert_int_equal(udmar_device_attach(f.instance, 0, NIC,
                                         "a name that is longer than thirty-one bytes", &device),
                     UDMAR_OK);
    assert_string_equal(fixture_info(device).name, "a name that is longer than thir");
    fixture_close(&f);
}

/* ---- Modes ----------------------------------------------------------------------------------- */

static void with_mode(struct fixture *f, const char *profile, const char *mode)
{
    fixture_machine(f, profile);
    fixture_tune(f, "hw.busdma.default", mode);
    fixture_create(f);
    fixture_start(f);
    f->nic = fixture_attach(f, NIC);
}

static void identity_is_ram_and_nothing_else(void **state)
{
    static const char *const profiles[] = { "generic48", "five-level", "qemu39", "oldest" };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct model_tree tree;
        struct fixture f;

        with_mode(&f, profiles[i], "identity");
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_IDENTITY);
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        assert_true(fixture_reaches(&f, NIC, RAM_2 + RAM - 1, RAM_2 + RAM - 1));
        assert_int_equal(fixture_write(&f, NIC, RAM_1 - 1), MODEL_BLOCKED);
        assert_int_equal(fixture_write(&f, NIC, RAM_1 + RAM), MODEL_BLOCKED);
        assert_int_equal(fixture_write(&f, NIC, RAM_2 - 1), MODEL_BLOCKED);
        assert_int_equal(fixture_write(&f, NIC, RAM_2 + RAM), MODEL_BLOCKED);
        tree = model_count_tree(f.m, 0, NIC);
        if (i < 2) {
            /* 1 MiB at either end of the first range; all else in large pages. */
            assert_int_equal(tree.leaves[1], 512);
            assert_int_equal(tree.leaves[2], 31);
        }
        fixture_close(&f);
    }
}

static void passthrough_is_everything(void **state)
{
    struct fixture f;

    (void)state;
    with_mode(&f, "generic48", "passthrough");
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_PASSTHROUGH);
    assert_true(fixture_reaches(&f, NIC, f.page, f.page));
    assert_true(model_translate(f.m, 0, NIC, 0x1000, true).pass_through);
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
    fixture_close(&f);
}

static void passthrough_falls_back_to_identity(void **state)
{
    struct fixture f;

    (void)state;
    with_mode(&f, "rwbf", "passthrough");
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_IDENTITY);
    assert_int_equal(fixture_info(f.nic).wanted, UDMAR_MODE_PASSTHROUGH);
    assert_non_null(strstr(fixture_info(f.nic).reason, "cannot pass requests through"));
    assert_true(fixture_reaches(&f, NIC, f.page, f.page));
    assert_int_equal(fixture_write(&f, NIC, RAM_1 + RAM), MODEL_BLOCKED);
    fixture_close(&f);
}

static void bounce_sees_physical_addresses(void **state)
{
    static const char *const profiles[] = { "generic48", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f;

        with_mode(&f, profiles[i], "bounce");
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_BOUNCE);
        assert_string_equal(fixture_info(f.nic).reason, "hw.busdma.default says so");
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        fixture_close(&f);
    }
}

static void blocked_reaches_nothing(void **state)
{
    struct fixture f;

    (void)state;
    with_mode(&f, "generic48", "blocked");
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_BLOCKED);
    assert_null(udmar_device_domain(f.nic));
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
    fixture_close(&f);
}

static void every_mode_at_run_time(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BOUNCE,
                                             UDMAR_MODE_BLOCKED };

    (void)state;
    for (unsigned from = 0; from < 5; from++) {
        for (unsigned to = 0; to < 5; to++) {
            bool sees_ram = to >= 1 && to <= 3;
            struct fixture f;

            fixture_open_nic(&f, "cm");
            assert_int_equal(udmar_device_set_mode(f.nic, modes[from]), UDMAR_OK);
            (void)fixture_write(&f, NIC, f.page);
            assert_int_equal(udmar_device_set_mode(f.nic, modes[to]), UDMAR_OK);
            assert_int_equal(fixture_info(f.nic).mode, modes[to]);
            assert_int_equal(fixture_write(&f, NIC, f.page), sees_ram ? MODEL_OK : MODEL_BLOCKED);
            if (modes[to] == UDMAR_MODE_TRANSLATE) {
                assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
                assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            }
            fixture_close(&f);
        }
    }
}

static void set_mode_checks_its_arguments(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(udmar_device_set_mode(NULL, UDMAR_MODE_BLOCKED), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_UNPROTECTED), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_mode(f.nic, (enum udmar_mode)0), UDMAR_ERR_ARGUMENT);
    f.nic->refs = 1;
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_ERR_BUSY);
    f.nic->refs = 0;
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    fixture_close(&f);
}

static void domain_ids_run_out(void **state)
{
    struct udmar_device *device = NULL;
    unsigned attached = 0;
    enum udmar_status status;
    struct fixture f;

    (void)state;
    started(&f, "small-nd");
    do {
        status = udmar_device_attach(f.instance, 0, (uint16_t)(0x0100 + attached), "x", &device);
    } while (status == UDMAR_OK && ++attached < 40);
    assert_int_equal(status, UDMAR_ERR_DOMAIN_ID);
    assert_int_equal(attached, 15);
    assert_int_equal(fixture_write(&f, (uint16_t)(0x0100 + attached), f.page), MODEL_BLOCKED);
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    assert_int_equal(udmar_device_attach(f.instance, 0, 0x01ff, "x", &device), UDMAR_OK);
    fixture_close(&f);
}

static void identity_is_shared_where_units_agree(void **state)
{
    static const char *const second[] = { "generic48", "noncoherent", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct model_scope scope = fixture_endpoint(NIC);
        struct udmar_device *disk;
        struct model_unit *u;
        struct fixture f;

        fixture_machine(&f, "generic48");
        u = model_add_unit(f.m,
                           &(struct model_unit_config){ .profile = second[i], .base = BASE_2 });
        model_add_unit_scope(u, &scope);
        fixture_tune(&f, "hw.busdma.default", "identity");
        fixture_create(&f);
        fixture_start(&f);
        disk = fixture_attach(&f, DISK);
        f.nic = fixture_attach(&f, NIC);
        if (i == 0) {
            assert_ptr_equal(udmar_device_domain(disk), udmar_device_domain(f.nic));
        } else {
            assert_ptr_not_equal(udmar_device_domain(disk), udmar_device_domain(f.nic));
        }
        assert_true(fixture_reaches(&f, DISK, f.page, f.page));
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        assert_int_equal(udmar_device_detach(disk), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* One of two units does not answer: what they share is not invalidated, whichever it is. */
static void one_of_two_units_does_not_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct model_scope scope = fixture_endpoint(NIC);
        struct udmar__gather gather;
        struct udmar_device *disk;
        struct model_unit *u[2];
        struct fixture f;

        fixture_machine(&f, "generic48");
        u[0] = f.u;
        u[1] = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
        model_add_unit_scope(u[1], &scope);
        fixture_tune(&f, "hw.busdma.default", "identity");
        fixture_create(&f);
        fixture_start(&f);
        disk = fixture_attach(&f, DISK);
        f.nic = fixture_attach(&f, NIC);
        assert_ptr_equal(udmar_device_domain(disk), udmar_device_domain(f.nic));
        udmar__gather_init(&gather);
        udmar__gather_add(&gather, 0x1000, 0x1fff);
        if (i < 2) {
            model_behaviour(u[i])->queue_mode = MODEL_QUEUE_MANUAL;
        }
        assert_int_equal(udmar__gather_flush(udmar_device_domain(disk), &gather),
                         i < 2 ? UDMAR_ERR_TIMEOUT : UDMAR_OK);
        if (i < 2) {
            model_behaviour(u[i])->queue_mode = MODEL_QUEUE_IMMEDIATE;
            (void)model_queue_step(u[i], 100);
        }
        fixture_close(&f);
    }
}

/* Little RAM, a narrow table, and an RMRR above: the table has to be wide enough for all of them,
 * whichever firmware and the host name last. */
static void identity_table_covers_rmrrs_above_ram(void **state)
{
    const struct model_unit_config unit = { .base = BASE,
                                            .include_all = true,
                                            .cap_set = UINT64_C(1) << 8 };
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    for (unsigned order = 0; order < 16; order++) {
        fixture_machine_config(&f, NULL, &unit);
        f.config.ram_count = order & 4 ? 2 : 1;
        if (order & 4) {
            f.ram[0].base = RAM_2;
            f.ram[1].base = RAM_1;
        }
        if ((order & 10) == 2) {
            model_add_rmrr(f.m, 0, RAM_2, RAM_2 + 0xfff, &scope, 1);
        }
        model_add_rmrr(f.m, 0, 0x180000, 0x180fff, &scope, 1);
        if ((order & 10) == 0) {
            model_add_rmrr(f.m, 0, RAM_2, RAM_2 + 0xfff, &scope, 1);
        }
        fixture_tune(&f, "hw.busdma.default", "identity");
        fixture_create(&f);
        if (order & 1) {
            (void)fixture_attach(&f, DISK);
        }
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        if ((order & 12) != 8) {
            assert_true(fixture_reaches(&f, NIC, RAM_2, RAM_2));
        }
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_by_scope_bridge_or_include_all),
        cmocka_unit_test(device_in_no_unit_is_unprotected),
        cmocka_unit_test(ids_behind_every_bridge),
        cmocka_unit_test(known_bridges_without_capability),
        cmocka_unit_test(switch_passes_ids_on),
        cmocka_unit_test(devices_that_use_other_functions),
        cmocka_unit_test(bridges_in_a_loop_are_an_error),
        cmocka_unit_test(devices_of_one_id_share_a_domain),
        cmocka_unit_test(conflicting_modes_in_a_group),
        cmocka_unit_test(attach_twice_is_counted),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(identity_is_ram_and_nothing_else),
        cmocka_unit_test(passthrough_is_everything),
        cmocka_unit_test(passthrough_falls_back_to_identity),
        cmocka_unit_test(bounce_sees_physical_addresses),
        cmocka_unit_test(blocked_reaches_nothing),
        cmocka_unit_test(every_mode_at_run_time),
        cmocka_unit_test(set_mode_checks_its_arguments),
        cmocka_unit_test(domain_ids_run_out),
        cmocka_unit_test(identity_is_shared_where_units_agree),
        cmocka_unit_test(one_of_two_units_does_not_answer),
        cmocka_unit_test(identity_table_covers_rmrrs_above_ram),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
