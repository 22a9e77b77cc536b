/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains of a caller's own: made, filled, given to devices of several units, and taken away, as a
 * hypervisor or a user-space driver does it.
 */
#include <string.h>

#include <udmar/busdma.h>
#include <udmar/stream.h>

#include "../../empty.h"
#include "fixture/inside.h"

#define MIB(n)    (UINT64_C(1048576) * (n))
#define RMRR      UINT64_C(0x300000)
#define MSI_FIRST UINT64_C(0xfee00000)
#define MSI_LAST  UINT64_C(0xfeefffff)
#define SNP       UINT64_C(0x800)
#define GUEST     (RAM_1 + MIB(16)) /* memory in which no tables are */

/* NIC below a unit of its own; DISK below the include-all unit, which is unit 1. */
static void two_units(struct fixture *f, const struct model_unit_config *nic,
                      const struct model_unit_config *disk)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct model_unit_config config = *nic;

    fixture_empty(f);
    config.base = BASE;
    f->u = model_add_unit(f->m, &config);
    model_add_unit_scope(f->u, &scope);
    config = *disk;
    config.base = BASE_2;
    config.include_all = true;
    (void)model_add_unit(f->m, &config);
    model_add_function(f->m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_function(f->m, 0, DISK, 0x8086, 0x2922, 0x010601);
    fixture_create(f);
    fixture_start(f);
    f->nic = fixture_attach(f, NIC);
}

static struct udmar_domain_info info_of(struct udmar_domain *domain)
{
    struct udmar_domain_info info;

    udmar_domain_info(domain, &info);
    return info;
}

static unsigned stale(struct fixture *f)
{
    unsigned sum = 0;

    for (unsigned i = 0; model_unit_at(f->m, i) != NULL; i++) {
        sum += model_cache_stale(model_unit_at(f->m, i));
    }
    return sum;
}

/* ---- Several units --------------------------------------------------------------------------- */

/* Whatever two units are like: what both can, and both devices see the same. */
static void devices_of_two_units_in_one_domain(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "rwbf",
                                            "oldest",    "cm",          "modern",
                                            "qemu39",    "five-level",  "v6" };

    (void)state;
    for (unsigned i = 0; i < 9 * 9; i++) {
        const struct model_unit_config a = { .profile = profiles[i / 9] };
        const struct model_unit_config b = { .profile = profiles[i % 9] };
        struct udmar_domain_info info;
        struct udmar_device *disk;
        struct fixture f;

        two_units(&f, &a, &b);
        disk = fixture_attach(&f, DISK);
        if ((fixture_unit(&f, 0)->facts.widths & fixture_unit(&f, 1)->facts.widths) == 0) {
            /* No table suits both. */
            assert_int_equal(udmar_domain_create(f.instance, NULL, &f.own), UDMAR_ERR_UNSUPPORTED);
            assert_null(f.own);
            fixture_close(&f);
            continue;
        }
        fixture_own_domain(&f);
        assert_int_equal(udmar_device_set_domain(disk, f.own), UDMAR_OK);
        assert_ptr_equal(udmar_device_domain(disk), f.own);
        assert_int_equal(fixture_info(disk).mode, UDMAR_MODE_DOMAIN);
        info = info_of(f.own);
        assert_true(info.owned && info.units == 2 && info.devices == 2);
        /* A large piece, and a page. */
        assert_int_equal(udmar_domain_map(f.own, MIB(512), MIB(2), MIB(4), 3), UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.own, IOVA, f.page, 4096, 3), UDMAR_OK);
        for (unsigned n = 0; n < 2; n++) {
            uint16_t rid = n ? DISK : NIC;

            assert_true(fixture_reaches(&f, rid, IOVA, f.page));
            assert_true(fixture_reaches(&f, rid, MIB(512) + 4097, MIB(2) + 4097));
            assert_int_equal(fixture_write(&f, rid, f.page), MODEL_BLOCKED);
        }
        assert_int_equal(udmar_domain_unmap(f.own, MIB(512) + MIB(1), 4096), UDMAR_OK);
        assert_int_equal(udmar_domain_unmap(f.own, IOVA, 4096), UDMAR_OK);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(fixture_write(&f, n ? DISK : NIC, MIB(512) + MIB(1)), MODEL_BLOCKED);
            assert_int_equal(fixture_write(&f, n ? DISK : NIC, IOVA), MODEL_BLOCKED);
        }
        assert_true(fixture_reaches(&f, NIC, MIB(512), MIB(2)));
        assert_int_equal(stale(&f), 0);
        /* One goes; the other one keeps what is mapped. */
        assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, MIB(512)), MODEL_BLOCKED);
        assert_true(fixture_reaches(&f, DISK, MIB(512), MIB(2)));
        assert_int_equal(udmar_domain_destroy(f.instance, f.own), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(fixture_write(&f, DISK, MIB(512)), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

/* SAGAW and SLLPS: bits of CAP; SC and C of ECAP. */
static void abilities_are_what_all_have(void **state)
{
    const struct model_unit_config rich = { .cap_set = UINT64_C(0xe00) | UINT64_C(3) << 34,
                                            .ecap_set = 0x80 };
    const struct model_unit_config poor = { .cap_clear = UINT64_C(0x1f00) | UINT64_C(3) << 34,
                                            .cap_set = UINT64_C(0x200),
                                            .ecap_clear = 0x81 };
    struct udmar_domain_config config = { .device_count = 1 };
    struct udmar_domain *domain;
    struct udmar_device *devices[2];
    struct fixture f;

    (void)state;
    two_units(&f, &rich, &poor);
    devices[0] = f.nic;
    devices[1] = fixture_attach(&f, DISK);
    config.devices = devices;
    /* For the rich one alone: 48 bits, large pages, snooping. */
    config.width = 48;
    config.snoop = true;
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_OK);
    assert_int_equal(info_of(domain).superpages, 3);
    assert_int_equal(info_of(domain).width, 48);
    assert_true(info_of(domain).snoop);
    assert_int_equal(udmar_device_set_domain(devices[1], domain), UDMAR_ERR_UNSUPPORTED);
    assert_true(model_log_contains(f.m, "cannot be put into this domain"));
    assert_int_equal(fixture_info(devices[1]).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(udmar_device_set_domain(devices[0], domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(devices[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(f.instance, domain), UDMAR_OK);
    /* Both: neither of that. */
    config.device_count = 2;
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    config.snoop = false;
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    config.width = 39;
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_OK);
    assert_int_equal(info_of(domain).superpages, 0);
    assert_int_equal(info_of(domain).end, (UINT64_C(1) << 39) - 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_device_set_domain(devices[i], domain), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(devices[i], UDMAR_MODE_BLOCKED), UDMAR_OK);
    }
    assert_int_equal(udmar_domain_destroy(f.instance, domain), UDMAR_OK);
    /* And 0 devices are all units. */
    config = (struct udmar_domain_config){ .snoop = true };
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

/* Every leaf, also of pages that have been split or have become large. */
static void snooping_is_in_every_leaf(void **state)
{
    const struct udmar_domain_config config = { .snoop = true };
    struct udmar_walk_step steps[5];
    struct udmar_domain *domain;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "modern");
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(f.nic, domain), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, MIB(2), MIB(2), MIB(2) - 4096, 1), UDMAR_OK);
    for (unsigned i = 0; i < 3; i++) {
        unsigned count = udmar_domain_walk(domain, MIB(2), steps);

        assert_int_equal(count, i == 1 ? 2 : 3);
        assert_true((steps[count - 1].entry & SNP) != 0);
        assert_int_equal(fixture_read(&f, NIC, MIB(2)), MODEL_OK);
        if (i == 0) {
            assert_int_equal(udmar_domain_map(domain, MIB(4) - 4096, MIB(4) - 4096, 4096, 1),
                             UDMAR_OK);
        } else {
            assert_int_equal(udmar_domain_unmap(domain, MIB(4) - 4096, 4096), UDMAR_OK);
        }
    }
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(f.instance, domain), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* RAM of a virtual machine: from 0 on, with a hole for the MSI window. */
static void memory_of_a_virtual_machine(void **state)
{
    struct udmar_mapping_info mapping = { .size = 0 };
    struct udmar_range_info range;
    udmar_iova_t iova = 0;
    uint64_t sum = 0;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fixture_own_domain(&f);
    assert_int_equal(udmar_domain_map(f.own, 0, GUEST, MIB(4), 3), UDMAR_OK);
    assert_int_equal(udmar_domain_map(f.own, 0, GUEST, 4096, 3), UDMAR_ERR_EXISTS);
    assert_true(fixture_reaches(&f, NIC, 0, GUEST));
    assert_true(fixture_reaches(&f, NIC, 4095, GUEST + 4095));
    assert_true(fixture_reaches(&f, NIC, MIB(4) - 1, GUEST + MIB(4) - 1));
    assert_int_equal(udmar_domain_map(f.own, MSI_FIRST - MIB(2), RAM_2, MIB(2), UDMAR_WRITE),
                     UDMAR_OK);
    assert_int_equal(udmar_domain_map(f.own, MSI_FIRST, RAM_2, 4096, 3), UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_map(f.own, MSI_FIRST - 4096, RAM_2, 8192, 3), UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_map(f.own, MSI_LAST, RAM_2, 4096, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(f.own, MSI_LAST + 1, RAM_2 + MIB(2), MIB(2), UDMAR_READ),
                     UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, MSI_FIRST - 1, RAM_2 + MIB(2) - 1));
    assert_int_equal(fixture_read(&f, NIC, MSI_FIRST - 1), MODEL_BLOCKED);
    assert_int_equal(fixture_read(&f, NIC, MSI_LAST + 1), MODEL_OK);
    assert_int_equal(fixture_write(&f, NIC, MSI_LAST + 1), MODEL_BLOCKED);
    /* What is mapped can be listed, and what is reserved. */
    for (udmar_iova_t at = 0; udmar_domain_next_mapping(f.own, at, &mapping);
         at = mapping.iova + mapping.size) {
        assert_true(mapping.iova >= at);
        assert_int_equal(mapping.access, mapping.iova < MIB(4)      ? 3
                                         : mapping.iova < MSI_FIRST ? UDMAR_WRITE
                                                                    : UDMAR_READ);
        sum += mapping.size;
    }
    assert_int_equal(sum, MIB(8));
    assert_false(udmar_domain_next_mapping(f.own, info_of(f.own).end + 1, &mapping));
    assert_false(udmar_domain_next_mapping(NULL, 0, &mapping));
    assert_true(udmar_domain_next_range(f.own, 0, &range));
    assert_int_equal(range.kind, UDMAR_RANGE_NULL);
    assert_true(udmar_domain_next_range(f.own, 4096, &range));
    assert_int_equal(range.kind, UDMAR_RANGE_RESERVED);
    assert_int_equal(range.base, MSI_FIRST);
    /* Taken away in pieces: page 0 first. */
    assert_int_equal(udmar_domain_unmap(f.own, 0, 4096), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, 0), MODEL_BLOCKED);
    assert_true(fixture_reaches(&f, NIC, 4096, GUEST + 4096));
    /* Nobody is given it. */
    assert_int_equal(udmar_domain_alloc_iova(f.own, 4096, NULL, &iova), UDMAR_OK);
    assert_int_not_equal(iova, 0);
    assert_int_equal(udmar_domain_free_iova(f.own, 0), UDMAR_ERR_NOT_FOUND);
    fixture_close(&f);
}

/* The same page in a domain of the library's own. */
static void null_addresses_are_never_handed_out(void **state)
{
    const struct udmar_dma_physical piece = { RAM_1, 4096 };
    struct udmar_domain *domain;
    udmar_iova_t iova;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    domain = udmar_device_domain(f.nic);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_stream_map(domain, &piece, 1, 3, i ? UINT64_MAX : MIB(4) - 1, &iova),
                         UDMAR_OK);
        assert_int_not_equal(iova, 0);
        assert_int_equal(udmar_stream_unmap(domain, iova), UDMAR_OK);
        assert_int_equal(udmar_domain_alloc_iova(domain, 4096, NULL, &iova), UDMAR_OK);
        assert_int_not_equal(iova, 0);
        assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, 0), i ? MODEL_OK : MODEL_BLOCKED);
        if (i == 0) {
            assert_int_equal(udmar_domain_map(domain, 0, f.page, 4096, 3), UDMAR_OK);
        }
    }
    assert_int_equal(udmar_domain_unmap(domain, 0, 4096), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, 0), MODEL_BLOCKED);
    fixture_close(&f);
}

/* ---- Moves ----------------------------------------------------------------------------------- */

struct player {
    struct fixture *f;
    uint64_t reached; /* the page that the device must not reach any more; 0: none */
    unsigned wrong, blocked, done;
};

/* The device plays on, whatever the library is doing. */
static void play(void *context, struct model *m, enum model_event event)
{
    struct player *p = context;
    struct model_translation seen;
    uint8_t byte = 0x77;

    (void)event;
    seen = model_translate_cached(m, 0, NIC, IOVA, true);
    if (model_dma(m, 0, NIC, IOVA, &byte, 1, true) != MODEL_OK) {
        p->blocked++;
        return;
    }
    p->done++;
    p->wrong += p->reached != 0 && seen.physical == p->reached;
    p->wrong += seen.physical != GUEST && seen.physical != GUEST + 4096;
}

static void device_moves_while_it_plays(void **state)
{
    static const char *const profiles[] = { "generic48", "cm", "rwbf", "noncoherent", "oldest" };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct udmar_domain *domains[2];
        struct fixture f;
        struct player player = { .f = &f };

        fixture_open_nic(&f, profiles[i]);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(udmar_domain_create(f.instance, NULL, &domains[n]), UDMAR_OK);
            assert_int_equal(udmar_domain_map(domains[n], IOVA, GUEST + 4096 * n, 4096, 3),
                             UDMAR_OK);
        }
        assert_int_equal(udmar_device_set_domain(f.nic, domains[0]), UDMAR_OK);
        model_set_hook(f.m, play, &player);
        for (unsigned n = 1; n < 12; n++) {
            model_cache_warm(f.u);
            player.reached = 0;
            assert_int_equal(udmar_device_set_domain(f.nic, domains[n % 2]), UDMAR_OK);
            /* What it had is out of reach once the call is over. */
            player.reached = GUEST + 4096 * ((n + 1) % 2);
            (void)udmar_fault_poll(f.instance);
            assert_int_equal(model_cache_stale(f.u), 0);
        }
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        assert_int_equal(player.wrong, 0);
        assert_true(player.blocked > 0 && player.done > 0);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(udmar_domain_destroy(f.instance, domains[n]), UDMAR_OK);
        }
        assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
        fixture_close(&f);
    }
}

/* A unit that does not confirm: blocked and said so, and the next try works. */
static void moves_that_are_not_confirmed(void **state)
{
    static const char *const profiles[] = { "generic48", "cm", "oldest" };
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        bool hung = true;

        for (unsigned n = 1; hung; n++) {
            struct udmar_domain *other;
            enum udmar_status status;
            enum udmar_mode mode;
            struct fixture f;

            fixture_open_nic(&f, profiles[i % 3]);
            assert_int_equal(udmar_domain_create(f.instance, NULL, &other), UDMAR_OK);
            assert_int_equal(udmar_domain_map(other, IOVA, f.page, 4096, 3), UDMAR_OK);
            if (i / 3 >= 2) {
                fixture_own_domain(&f);
                assert_int_equal(fixture_map(&f, IOVA, RAM_2), UDMAR_OK);
            }
            (void)fixture_write(&f, NIC, IOVA);
            mode = fixture_info(f.nic).mode;
            model_hang_wait(f.u, n, i / 3 % 2 == 1);
            status = udmar_device_set_domain(f.nic, other);
            hung = model_waits_hung(f.u) != 0;
            model_release_waits(f.u);
            assert_int_equal(status == UDMAR_OK, fixture_info(f.nic).mode == UDMAR_MODE_DOMAIN &&
                                                     udmar_device_domain(f.nic) == other);
            if (status != UDMAR_OK) {
                failures++;
                assert_int_equal(status, UDMAR_ERR_TIMEOUT);
                assert_true(fixture_info(f.nic).mode == mode ||
                            fixture_info(f.nic).mode == UDMAR_MODE_BLOCKED);
                assert_int_equal(fixture_write(&f, NIC, IOVA) == MODEL_OK,
                                 fixture_info(f.nic).mode == UDMAR_MODE_DOMAIN);
                assert_int_equal(udmar_device_set_domain(f.nic, other), UDMAR_OK);
            }
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            assert_int_equal(model_cache_stale(f.u), 0);
            assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
            assert_int_equal(udmar_domain_destroy(f.instance, other), UDMAR_OK);
            (void)udmar_fault_poll(f.instance);
            model_clear_violations(f.m); /* a command on top of one that hangs */
            fixture_destroy(&f);
            /* Tables that the unit has not confirmed to have forgotten are never given back. */
            model_page_free(f.m, f.page);
            assert_true(hung || model_leaks(f.m) == 0);
            fixture_abandon(&f);
        }
    }
    assert_true(failures >= 12);
}

/* No memory for the new domain's place on the unit: everything is as it was. */
static void moves_without_memory(void **state)
{
    struct udmar_domain *other;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    fixture_own_domain(&f);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_int_equal(udmar_domain_create(f.instance, NULL, &other), UDMAR_OK);
    model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 1, false);
    assert_int_equal(udmar_device_set_domain(f.nic, other), UDMAR_ERR_MEMORY);
    model_fail_host_call(f.m, 0, false);
    assert_ptr_equal(udmar_device_domain(f.nic), f.own);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_int_equal(udmar_domain_destroy(f.instance, other), UDMAR_OK);
    fixture_close(&f);
}

/* All devices of one requester id go together, and come back together. */
static void a_group_moves_as_one(void **state)
{
    struct udmar_device *a, *b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, 0x0510, 0x10ec, 0x8139, 0x020000);
    model_add_function(f.m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    a = f.nic = fixture_attach(&f, 0x0510);
    b = fixture_attach(&f, 0x0518);
    fixture_own_domain(&f);
    assert_int_equal(udmar_domain_map(f.own, IOVA, f.page, 4096, 3), UDMAR_OK);
    assert_ptr_equal(udmar_device_domain(b), f.own);
    assert_true(fixture_reaches(&f, 0x0510, IOVA, f.page));
    assert_true(fixture_reaches(&f, 0x0518, IOVA, f.page));
    /* One leaves, the other one stays; it comes again and is in there. */
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_true(fixture_reaches(&f, 0x0518, IOVA, f.page));
    a = f.nic = fixture_attach(&f, 0x0510);
    assert_ptr_equal(udmar_device_domain(a), f.own);
    assert_int_equal(fixture_info(a).mode, UDMAR_MODE_DOMAIN);
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(fixture_info(a).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_ptr_not_equal(udmar_device_domain(a), f.own);
    assert_int_equal(fixture_write(&f, 0x0510, IOVA), MODEL_BLOCKED);
    assert_int_equal(fixture_write(&f, 0x0518, IOVA), MODEL_BLOCKED);
    /* Once it is the library's again, a shared mode is nobody's to change. */
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    fixture_close(&f);
}

/* ---- Firmware's memory ----------------------------------------------------------------------- */

static void rmrrs_go_along(void **state)
{
    (void)state;
    for (unsigned base = 0; base < 2; base++) {
        const struct model_scope scope = fixture_endpoint(NIC);
        const uint64_t rmrr = base ? RMRR : 0;
        struct udmar_device *disk;
        udmar_iova_t iova;
        struct fixture f;

        fixture_machine_config(&f, &(struct model_config){ .low_base = 4096, .low_size = MIB(32) },
                               &(struct model_unit_config){ .base = BASE, .include_all = true });
        model_add_rmrr(f.m, 0, rmrr, rmrr + 0x2fff, &scope, 1);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        disk = fixture_attach(&f, DISK);
        assert_int_equal(udmar_domain_create(f.instance, NULL, &f.own), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(disk, f.own), UDMAR_OK);
        /* In the way: a mapping, reserved addresses. */
        assert_int_equal(udmar_domain_map(f.own, rmrr + 0x2000, f.page, 4096, 3), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(f.nic, f.own), UDMAR_ERR_RMRR);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
        assert_true(fixture_reaches(&f, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_true(fixture_reaches(&f, DISK, rmrr + 0x2000, f.page));
        assert_int_equal(udmar_domain_unmap(f.own, rmrr + 0x2000, 4096), UDMAR_OK);
        assert_int_equal(
            udmar_domain_alloc_iova(f.own, 4096,
                                    &(struct udmar_iova_limits){ .lowest = rmrr + 0x1000 }, &iova),
            UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(f.nic, f.own), UDMAR_ERR_RMRR);
        assert_int_equal(udmar_domain_free_iova(f.own, iova), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(f.nic, f.own), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_int_equal(udmar_domain_map(f.own, rmrr, f.page, 4096, 3), UDMAR_ERR_EXISTS);
        assert_int_equal(udmar_domain_unmap(f.own, rmrr, 4096), UDMAR_ERR_ARGUMENT);
        /* When nobody is there any more the addresses are the owner's again. */
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.own, rmrr, f.page, 0x3000, 3), UDMAR_OK);
        assert_int_equal(udmar_domain_unmap(f.own, rmrr, 0x3000), UDMAR_OK);
        fixture_close(&f);
    }
}

/* ---- What is refused ------------------------------------------------------------------------- */

static void wrong_arguments_change_nothing(void **state)
{
    struct udmar_domain_config config = { .width = 58 };
    struct udmar_device *none[1] = { NULL };
    struct udmar_domain *domain = NULL;
    struct udmar_dma_tag *tag = NULL;
    struct udmar_dma_map *map = NULL;
    const struct udmar_dma_physical piece = { RAM_1, 4096 };
    udmar_iova_t iova;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(udmar_domain_create(NULL, NULL, &domain), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_create(f.instance, NULL, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_ARGUMENT);
    config = (struct udmar_domain_config){ .device_count = 1 };
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_ARGUMENT);
    config.devices = none;
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_ARGUMENT);
    config = (struct udmar_domain_config){ .width = 57 };
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_destroy(f.instance, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_destroy(NULL, udmar_device_domain(f.nic)), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_destroy(f.instance, udmar_device_domain(f.nic)),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_device_set_domain(f.nic, udmar_device_domain(f.nic)),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_domain(f.nic, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_DOMAIN), UDMAR_ERR_ARGUMENT);
    fixture_own_domain(&f);
    assert_int_equal(udmar_device_set_domain(NULL, f.own), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_domain(f.nic, f.own), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(f.instance, f.own), UDMAR_ERR_BUSY);
    assert_string_equal(udmar_mode_string(UDMAR_MODE_DOMAIN), "domain");
    /* All addresses are the owner's: neither busdma nor streams give any out. */
    assert_int_equal(udmar_stream_map(f.own, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(f.own, IOVA), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f.nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     UDMAR_EINVAL);
    assert_true(model_log_contains(f.m, "in a domain of its owner's"));
    assert_int_equal(udmar_dmamap_create(udmar_device_dma_tag(f.nic), 0, &map), UDMAR_EINVAL);
    assert_false(udmar_dma_id_mapped(udmar_device_dma_tag(f.nic), RAM_1, 4096));
    /* Made by an instance that has others, it keeps that alive. */
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    f.nic = NULL;
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_ERR_BUSY);
    fixture_close(&f);
}

/* Without a unit there is nothing to put a device into. */
static void devices_without_a_unit(void **state)
{
    struct udmar_domain *domain = NULL;
    struct udmar_device *devices[1];
    struct udmar_domain_config config = { .devices = devices, .device_count = 1 };
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    f.u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE });
    model_add_unit_scope(f.u, &scope);
    model_add_function(f.m, 0, DISK, 0x8086, 0x2922, 0x010601);
    fixture_create(&f);
    devices[0] = fixture_attach(&f, DISK);
    assert_int_equal(udmar_domain_create(f.instance, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_create(f.instance, NULL, &domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(devices[0], domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_destroy(f.instance, domain), UDMAR_OK);
    fixture_close(&f);
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.enable", "0");
    fixture_create(&f);
    assert_int_equal(udmar_domain_create(f.instance, NULL, &domain), UDMAR_ERR_DISABLED);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_of_two_units_in_one_domain),
        cmocka_unit_test(abilities_are_what_all_have),
        cmocka_unit_test(snooping_is_in_every_leaf),
        cmocka_unit_test(memory_of_a_virtual_machine),
        cmocka_unit_test(null_addresses_are_never_handed_out),
        cmocka_unit_test(device_moves_while_it_plays),
        cmocka_unit_test(moves_that_are_not_confirmed),
        cmocka_unit_test(moves_without_memory),
        cmocka_unit_test(a_group_moves_as_one),
        cmocka_unit_test(rmrrs_go_along),
        cmocka_unit_test(wrong_arguments_change_nothing),
        cmocka_unit_test(devices_without_a_unit),
    };

    return cmocka_run_group_tests_name("own_domain", tests, NULL, NULL);
}
