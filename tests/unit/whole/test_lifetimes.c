/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long what the library hands out lives: devices, root tags, domains. Under the address
 * sanitizer each use of one that has gone is an error by itself.
 */
#include <string.h>

#include <udmar/busdma.h>
#include <udmar/stream.h>

#include "../../empty.h"
#include "fixture/inside.h"

#define MIB(n) (UINT64_C(1048576) * (n))
#define RMRR   UINT64_C(0x300000)

static struct udmar_dma_tag *child_of(struct udmar_dma_tag *root, uint64_t maxsize)
{
    struct udmar_dma_tag *tag = NULL;

    assert_int_equal(udmar_dma_tag_create(root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, maxsize,
                                          1, maxsize, 0, NULL, NULL, &tag),
                     0);
    return tag;
}

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    assert_int_equal(error, 0);
    assert_int_equal(count, 1);
    *(uint64_t *)argument = segments[0].ds_addr;
}

/* What a driver does with the root tag that it holds: does the device reach the page? */
static bool drives(struct fixture *f, uint16_t rid, struct udmar_dma_tag *root,
                   uint64_t *out_address)
{
    const struct udmar_dma_physical page = { f->page, 4096 };
    struct udmar_dma_tag *tag = child_of(root, 4096);
    struct udmar_dma_map *map = NULL;
    bool reaches;

    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    assert_int_equal(udmar_dmamap_load_physical(tag, map, &page, 1, note, out_address, 0), 0);
    reaches = fixture_reaches(f, rid, *out_address, f->page);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    return reaches;
}

/* ---- The root tag ---------------------------------------------------------------------------- */

static void root_tag_lives_through_changes_of_mode(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BOUNCE,
                                             UDMAR_MODE_BLOCKED };

    (void)state;
    for (unsigned from = 0; from < 5; from++) {
        for (unsigned to = 0; to < 5; to++) {
            struct udmar_dma_tag *root;
            uint64_t address;
            struct fixture f;

            fixture_open_nic(&f, "generic48");
            root = udmar_device_dma_tag(f.nic);
            assert_int_equal(udmar_device_set_mode(f.nic, modes[from]), UDMAR_OK);
            (void)drives(&f, NIC, root, &address);
            assert_int_equal(udmar_device_set_mode(f.nic, modes[to]), UDMAR_OK);
            assert_int_equal(drives(&f, NIC, root, &address), modes[to] != UDMAR_MODE_BLOCKED);
            assert_int_equal(address == f.page, modes[to] != UDMAR_MODE_TRANSLATE);
            assert_ptr_equal(udmar_device_dma_tag(f.nic), root);
            fixture_close(&f);
        }
    }
}

/* The same for maps of the root tag itself. */
static void maps_of_the_root_tag_follow_the_mode(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_BOUNCE, UDMAR_MODE_TRANSLATE,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_TRANSLATE };
    struct udmar_dma_physical page = { 0, 4096 };
    struct udmar_dma_tag *root;
    struct udmar_dma_map *map;
    uint64_t address;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    page.address = f.page;
    root = udmar_device_dma_tag(f.nic);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(udmar_device_set_mode(f.nic, modes[i]), UDMAR_OK);
        assert_int_equal(udmar_dmamap_create(root, 0, &map), 0);
        assert_int_equal(udmar_dmamap_load_physical(root, map, &page, 1, note, &address, 0), 0);
        assert_true(fixture_reaches(&f, NIC, address, f.page));
        assert_int_equal(address == f.page, modes[i] != UDMAR_MODE_TRANSLATE);
        udmar_dmamap_unload(root, map);
        assert_int_equal(udmar_dmamap_destroy(root, map), 0);
    }
    fixture_close(&f);
}

/* In a start that fails, in the next one, and in a stop. */
static void root_tag_lives_through_starts_and_stops(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct udmar_dma_tag *root = NULL;
        uint64_t address;
        struct fixture f;

        fixture_machine(&f, "rwbf");
        fixture_create(&f);
        if (!late) {
            f.nic = fixture_attach(&f, NIC);
            root = udmar_device_dma_tag(f.nic);
        }
        model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
        assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
        if (late) {
            /* It has no unit, and no domain, until the next start. */
            f.nic = fixture_attach(&f, NIC);
            root = udmar_device_dma_tag(f.nic);
        }
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
        assert_true(fixture_write(&f, NIC, f.page) == MODEL_BYPASSED);
        (void)drives(&f, NIC, root, &address);
        assert_int_equal(address, f.page);
        model_behaviour(f.u)->gsts_lag = 0;
        (void)model_peek32(f.u, GSTS);
        model_clear_violations(f.m);
        fixture_start(&f);
        assert_ptr_equal(udmar_device_dma_tag(f.nic), root);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
        assert_true(drives(&f, NIC, root, &address));
        assert_int_not_equal(address, f.page);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        fixture_start(&f);
        assert_true(drives(&f, NIC, root, &address));
        fixture_close(&f);
    }
}

static void root_tag_lives_until_the_last_detach(void **state)
{
    struct udmar_dma_tag *root;
    uint64_t address;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    root = udmar_device_dma_tag(f.nic);
    assert_ptr_equal(fixture_attach(&f, NIC), f.nic);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    assert_true(drives(&f, NIC, root, &address));
    fixture_close(&f);
}

/* ---- Nothing is left behind ------------------------------------------------------------------ */

struct left {
    struct fixture f;
    struct udmar_domain *domain;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    udmar_iova_t iova;
};

static void make_tag(struct left *l)
{
    l->tag = child_of(udmar_device_dma_tag(l->f.nic), 4096);
}

static void end_tag(struct left *l)
{
    assert_int_equal(udmar_dma_tag_destroy(l->tag), 0);
}

static void make_map(struct left *l)
{
    make_tag(l);
    assert_int_equal(udmar_dmamap_create(l->tag, 0, &l->map), 0);
}

static void end_map(struct left *l)
{
    assert_int_equal(udmar_dmamap_destroy(l->tag, l->map), 0);
    end_tag(l);
}

static void stream(struct left *l, uint64_t size, uint64_t highest)
{
    const struct udmar_dma_physical piece = { RAM_1 + MIB(1), size };

    assert_int_equal(udmar_stream_map(l->domain, &piece, 1, 3, highest, &l->iova), UDMAR_OK);
}

static void make_block(struct left *l)
{
    stream(l, 4096, UINT64_MAX);
}

static void make_low_block(struct left *l)
{
    stream(l, 3 * 4096, UINT32_MAX);
}

static void make_lent_window(struct left *l)
{
    stream(l, MIB(2), UINT64_MAX);
}

static void make_mixed_window(struct left *l)
{
    stream(l, MIB(3) + 4096, UINT64_MAX);
}

static void make_range(struct left *l)
{
    stream(l, MIB(16), UINT64_MAX);
}

static void end_stream(struct left *l)
{
    assert_int_equal(udmar_stream_unmap(l->domain, l->iova), UDMAR_OK);
}

static void make_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_map(l->domain, IOVA, RAM_1, 4096, UDMAR_WRITE), UDMAR_OK);
}

static void end_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_unmap(l->domain, IOVA, 4096), UDMAR_OK);
}

static void make_large_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_map(l->domain, MIB(512), MIB(2), MIB(4), UDMAR_READ), UDMAR_OK);
}

static void end_large_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_unmap(l->domain, MIB(512), MIB(4)), UDMAR_OK);
}

static void make_null_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_map(l->domain, 0, RAM_1, 4096, UDMAR_READ), UDMAR_OK);
}

static void end_null_mapping(struct left *l)
{
    assert_int_equal(udmar_domain_unmap(l->domain, 0, 4096), UDMAR_OK);
}

static void make_reservation(struct left *l)
{
    assert_int_equal(udmar_domain_alloc_iova(l->domain, 4096, NULL, &l->iova), UDMAR_OK);
}

static void end_reservation(struct left *l)
{
    assert_int_equal(udmar_domain_free_iova(l->domain, l->iova), UDMAR_OK);
}

static const struct {
    void (*make)(struct left *l);
    void (*end)(struct left *l);
} things[] = {
    { make_tag, end_tag },
    { make_map, end_map },
    { make_block, end_stream },
    { make_low_block, end_stream },
    { make_lent_window, end_stream },
    { make_mixed_window, end_stream },
    { make_range, end_stream },
    { make_mapping, end_mapping },
    { make_large_mapping, end_large_mapping },
    { make_null_mapping, end_null_mapping },
    { make_reservation, end_reservation },
};
#define THINGS (sizeof(things) / sizeof(things[0]))

static void open_left(struct left *l, const char *strict, bool rmrr)
{
    const struct model_scope scope = fixture_endpoint(NIC);

    memset(l, 0, sizeof(*l));
    fixture_machine(&l->f, "generic48");
    if (rmrr) {
        model_add_rmrr(l->f.m, 0, RMRR, RMRR + 0x1fff, &scope, 1);
    }
    fixture_tune(&l->f, "hw.dmar.strict", strict);
    l->f.config.ticking = strict[0] == '0';
    fixture_create(&l->f);
    fixture_start(&l->f);
    l->f.nic = fixture_attach(&l->f, NIC);
    l->domain = udmar_device_domain(l->f.nic);
}

static void nothing_of_a_caller_is_left_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * THINGS; i++) {
        struct udmar_domain *own;
        struct left l;

        open_left(&l, i % 2 ? "0" : "1", i / 2 % 2 == 1);
        assert_int_equal(udmar_domain_create(l.f.instance, NULL, &own), UDMAR_OK);
        things[i / 4].make(&l);
        assert_int_equal(udmar_device_set_mode(l.f.nic, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_set_mode(l.f.nic, UDMAR_MODE_TRANSLATE), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_set_domain(l.f.nic, own), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_detach(l.f.nic), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_stop(l.f.instance), UDMAR_OK);
        assert_int_equal(udmar_destroy(l.f.instance), UDMAR_ERR_BUSY);
        fixture_start(&l.f);
        /* One attach of two is no end. */
        assert_ptr_equal(fixture_attach(&l.f, NIC), l.f.nic);
        assert_int_equal(udmar_device_detach(l.f.nic), UDMAR_OK);
        assert_ptr_equal(udmar_device_domain(l.f.nic), l.domain);
        assert_int_equal(fixture_info(l.f.nic).mode, UDMAR_MODE_TRANSLATE);
        things[i / 4].end(&l);
        assert_int_equal(udmar_device_set_domain(l.f.nic, own), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(l.f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(udmar_device_detach(l.f.nic), UDMAR_OK);
        assert_int_equal(udmar_domain_destroy(l.f.instance, own), UDMAR_OK);
        fixture_close(&l.f);
    }
}

/* The first of two may go: the domain stays with the second. */
static void last_of_a_group_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < THINGS; i++) {
        struct udmar_device *other;
        struct left l;

        memset(&l, 0, sizeof(l));
        fixture_machine(&l.f, "generic48");
        model_add_bridge(l.f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
        model_add_function(l.f.m, 0, 0x0510, 0x10ec, 0x8139, 0x020000);
        model_add_function(l.f.m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
        fixture_create(&l.f);
        fixture_start(&l.f);
        l.f.nic = fixture_attach(&l.f, 0x0510);
        other = fixture_attach(&l.f, 0x0518);
        l.domain = udmar_device_domain(l.f.nic);
        things[i].make(&l);
        if (i < 2) {
            /* Tags and maps are the device's own. */
            assert_int_equal(udmar_device_detach(l.f.nic), UDMAR_ERR_BUSY);
            things[i].end(&l);
            fixture_close(&l.f);
            continue;
        }
        assert_int_equal(udmar_device_detach(l.f.nic), UDMAR_OK);
        assert_int_equal(udmar_device_detach(other), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_set_mode(other, UDMAR_MODE_BOUNCE), UDMAR_ERR_BUSY);
        things[i].end(&l);
        assert_int_equal(udmar_device_detach(other), UDMAR_OK);
        fixture_close(&l.f);
    }
}

/* ---- A start that fails ---------------------------------------------------------------------- */

/* Steps at which a unit of each profile gives up: each wait hangs in its turn. */
static void domain_outlives_a_start_that_fails(void **state)
{
    static const char *const profiles[] = { "generic48", "rwbf", "cm" };
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < 3 * THINGS; i++) {
        bool hung = true;

        for (unsigned n = 1; hung; n++) {
            struct left l;
            bool failed;

            memset(&l, 0, sizeof(l));
            fixture_machine(&l.f, profiles[i % 3]);
            fixture_create(&l.f);
            l.f.nic = fixture_attach(&l.f, NIC);
            l.domain = udmar_device_domain(l.f.nic);
            things[i / 3].make(&l);
            model_hang_wait(l.f.u, n, true);
            failed = udmar_start(l.f.instance) != UDMAR_OK;
            hung = model_waits_hung(l.f.u) != 0;
            model_release_waits(l.f.u);
            failures += failed;
            assert_int_equal(fixture_info(l.f.nic).mode,
                             failed ? UDMAR_MODE_UNPROTECTED : UDMAR_MODE_TRANSLATE);
            assert_int_equal(udmar_device_domain(l.f.nic) == NULL, failed);
            /* The driver's pointer is good, whatever the unit says to what it asks for. */
            (void)udmar_domain_map(l.domain, IOVA + 0x100000, l.f.page, 4096, 3);
            (void)udmar_domain_unmap(l.domain, IOVA + 0x100000, 4096);
            if (failed) {
                fixture_start(&l.f);
            }
            assert_ptr_equal(udmar_device_domain(l.f.nic), l.domain);
            assert_int_equal(udmar_domain_map(l.domain, IOVA + 0x100000, l.f.page, 4096, 3),
                             UDMAR_OK);
            assert_true(fixture_reaches(&l.f, NIC, IOVA + 0x100000, l.f.page));
            things[i / 3].end(&l);
            model_clear_violations(l.f.m); /* a command on top of one that hangs */
            fixture_close(&l.f);
        }
    }
    assert_true(failures > 3 * THINGS);
}

/* ---- Devices that firmware keeps ------------------------------------------------------------- */

static unsigned calls;

static void on_fault(void *argument, const struct udmar_fault *fault)
{
    (void)argument;
    (void)fault;
    calls++;
}

/* 0: a mode; 1: a domain of the driver's own. */
static void nothing_stays_of_what_a_driver_has_set(void **state)
{
    static const char *const tunables[][2] = {
        { "translate", "0" }, { "identity", "1" }, { "passthrough", "0" }, { "blocked", "1" }
    };

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        const struct model_scope scope = fixture_endpoint(NIC);
        struct udmar_device *nic;
        enum udmar_mode mode;
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_rmrr(f.m, 0, RMRR, RMRR + 0x1fff, &scope, 1);
        fixture_tune(&f, "hw.busdma.pci0:0:3:0", tunables[i / 2][0]);
        fixture_tune(&f, "hw.busdma.pci0:0:3:0.subpage", tunables[i / 2][1]);
        fixture_create(&f);
        fixture_start(&f);
        nic = udmar_device_find(f.instance, 0, NIC);
        assert_true(fixture_info(nic).by_firmware);
        mode = fixture_info(nic).mode;
        f.nic = fixture_attach(&f, NIC);
        assert_ptr_equal(f.nic, nic);
        if (i % 2) {
            fixture_own_domain(&f);
        } else {
            assert_int_equal(udmar_device_set_mode(nic, mode == UDMAR_MODE_PASSTHROUGH
                                                            ? UDMAR_MODE_TRANSLATE
                                                            : UDMAR_MODE_PASSTHROUGH),
                             UDMAR_OK);
        }
        assert_int_equal(udmar_device_set_subpage(nic, tunables[i / 2][1][0] == '0'), UDMAR_OK);
        assert_int_equal(udmar_device_on_fault(nic, on_fault, NULL), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, RMRR, RMRR));
        assert_non_null(udmar_device_dma_tag(nic));
        assert_int_equal(udmar_device_detach(nic), UDMAR_OK);
        assert_true(fixture_info(nic).by_firmware);
        assert_int_equal(fixture_info(nic).mode, mode);
        assert_int_equal(fixture_info(nic).wanted, mode);
        assert_string_equal(fixture_info(nic).name, "");
        assert_string_equal(fixture_info(nic).reason, "its own tunable says so");
        assert_int_equal(nic->subpage, tunables[i / 2][1][0] == '1');
        assert_null(nic->tag);
        assert_int_equal(fixture_write(&f, NIC, RMRR) == MODEL_OK, mode != UDMAR_MODE_BLOCKED);
        assert_int_equal(fixture_write(&f, NIC, f.page) == MODEL_OK,
                         mode == UDMAR_MODE_IDENTITY || mode == UDMAR_MODE_PASSTHROUGH);
        calls = 0;
        (void)fixture_write(&f, NIC, UINT64_C(0x7000000000));
        (void)udmar_fault_poll(f.instance);
        assert_int_equal(calls, 0);
        fixture_close(&f);
    }
}

/* Its unit does not answer while the mode goes back: the device stays with its driver. */
static void mode_that_cannot_go_back(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0x1fff, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_ERR_TIMEOUT);
    model_release_waits(f.u);
    assert_false(fixture_info(f.nic).by_firmware);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_PASSTHROUGH);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_true(fixture_reaches(&f, NIC, RMRR, RMRR));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_tag_lives_through_changes_of_mode),
        cmocka_unit_test(maps_of_the_root_tag_follow_the_mode),
        cmocka_unit_test(root_tag_lives_through_starts_and_stops),
        cmocka_unit_test(root_tag_lives_until_the_last_detach),
        cmocka_unit_test(nothing_of_a_caller_is_left_behind),
        cmocka_unit_test(last_of_a_group_leaves_nothing_behind),
        cmocka_unit_test(domain_outlives_a_start_that_fails),
        cmocka_unit_test(nothing_stays_of_what_a_driver_has_set),
        cmocka_unit_test(mode_that_cannot_go_back),
    };

    return cmocka_run_group_tests_name("lifetimes", tests, NULL, NULL);
}
