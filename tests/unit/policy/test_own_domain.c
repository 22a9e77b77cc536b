/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains of a caller's own: made, filled, given to devices of several units, and taken away, as a
 * hypervisor or a user-space driver does it.
 */
#include <string.h>

#include <udmar/busdma.h>
#include <udmar/stream.h>

#include "../../empty.h"
#include "support.h"

#define MIB(n)    (UINT64_C(1048576) * (n))
#define RMRR      UINT64_C(0x300000)
#define MSI_FIRST UINT64_C(0xfee00000)
#define MSI_LAST  UINT64_C(0xfeefffff)
#define SNP       UINT64_C(0x800)
#define GUEST     (RAM_1 + MIB(16)) /* memory in which no tables are */

/* NIC below a unit of its own; DISK below the include-all unit, which is unit 1. */
static void two_units(struct rig *r, const struct model_unit_config *nic,
                      const struct model_unit_config *disk)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct model_unit_config config = *nic;

    rig_empty(r);
    config.base = BASE;
    r->u = model_add_unit(r->m, &config);
    model_add_unit_scope(r->u, &scope);
    config = *disk;
    config.base = BASE_2;
    config.include_all = true;
    (void)model_add_unit(r->m, &config);
    model_add_function(r->m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_function(r->m, 0, DISK, 0x8086, 0x2922, 0x010601);
    rig_create(r);
    rig_start(r);
    r->nic = rig_attach(r, NIC);
}

static struct udmar_domain_info info_of(struct udmar_domain *domain)
{
    struct udmar_domain_info info;

    udmar_domain_info(domain, &info);
    return info;
}

static unsigned stale(struct rig *r)
{
    unsigned sum = 0;

    for (unsigned i = 0; model_unit_at(r->m, i) != NULL; i++) {
        sum += model_cache_stale(model_unit_at(r->m, i));
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
        struct rig r;

        two_units(&r, &a, &b);
        disk = rig_attach(&r, DISK);
        if ((rig_unit(&r, 0)->facts.widths & rig_unit(&r, 1)->facts.widths) == 0) {
            /* No table suits both. */
            assert_int_equal(udmar_domain_create(r.d, NULL, &r.own), UDMAR_ERR_UNSUPPORTED);
            assert_null(r.own);
            rig_close(&r);
            continue;
        }
        rig_own_domain(&r);
        assert_int_equal(udmar_device_set_domain(disk, r.own), UDMAR_OK);
        assert_ptr_equal(udmar_device_domain(disk), r.own);
        assert_int_equal(rig_info(disk).mode, UDMAR_MODE_DOMAIN);
        info = info_of(r.own);
        assert_true(info.owned && info.units == 2 && info.devices == 2);
        /* A large piece, and a page. */
        assert_int_equal(udmar_domain_map(r.own, MIB(512), MIB(2), MIB(4), 3), UDMAR_OK);
        assert_int_equal(udmar_domain_map(r.own, IOVA, r.page, 4096, 3), UDMAR_OK);
        for (unsigned n = 0; n < 2; n++) {
            uint16_t rid = n ? DISK : NIC;

            assert_true(rig_reaches(&r, rid, IOVA, r.page));
            assert_true(rig_reaches(&r, rid, MIB(512) + 4097, MIB(2) + 4097));
            assert_int_equal(rig_write(&r, rid, r.page), MODEL_BLOCKED);
        }
        assert_int_equal(udmar_domain_unmap(r.own, MIB(512) + MIB(1), 4096), UDMAR_OK);
        assert_int_equal(udmar_domain_unmap(r.own, IOVA, 4096), UDMAR_OK);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(rig_write(&r, n ? DISK : NIC, MIB(512) + MIB(1)), MODEL_BLOCKED);
            assert_int_equal(rig_write(&r, n ? DISK : NIC, IOVA), MODEL_BLOCKED);
        }
        assert_true(rig_reaches(&r, NIC, MIB(512), MIB(2)));
        assert_int_equal(stale(&r), 0);
        /* One goes; the other one keeps what is mapped. */
        assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, MIB(512)), MODEL_BLOCKED);
        assert_true(rig_reaches(&r, DISK, MIB(512), MIB(2)));
        assert_int_equal(udmar_domain_destroy(r.d, r.own), UDMAR_ERR_BUSY);
        assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(rig_write(&r, DISK, MIB(512)), MODEL_BLOCKED);
        rig_close(&r);
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
    struct rig r;

    (void)state;
    two_units(&r, &rich, &poor);
    devices[0] = r.nic;
    devices[1] = rig_attach(&r, DISK);
    config.devices = devices;
    /* For the rich one alone: 48 bits, large pages, snooping. */
    config.width = 48;
    config.snoop = true;
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_OK);
    assert_int_equal(info_of(domain).superpages, 3);
    assert_int_equal(info_of(domain).width, 48);
    assert_true(info_of(domain).snoop);
    assert_int_equal(udmar_device_set_domain(devices[1], domain), UDMAR_ERR_UNSUPPORTED);
    assert_true(model_log_contains(r.m, "cannot be put into this domain"));
    assert_int_equal(rig_info(devices[1]).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(udmar_device_set_domain(devices[0], domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(devices[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(r.d, domain), UDMAR_OK);
    /* Both: neither of that. */
    config.device_count = 2;
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    config.snoop = false;
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    config.width = 39;
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_OK);
    assert_int_equal(info_of(domain).superpages, 0);
    assert_int_equal(info_of(domain).end, (UINT64_C(1) << 39) - 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_device_set_domain(devices[i], domain), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(devices[i], UDMAR_MODE_BLOCKED), UDMAR_OK);
    }
    assert_int_equal(udmar_domain_destroy(r.d, domain), UDMAR_OK);
    /* And 0 devices are all units. */
    config = (struct udmar_domain_config){ .snoop = true };
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    rig_close(&r);
}

/* Every leaf, also of pages that have been split or have become large. */
static void snooping_is_in_every_leaf(void **state)
{
    const struct udmar_domain_config config = { .snoop = true };
    struct udmar_walk_step steps[5];
    struct udmar_domain *domain;
    struct rig r;

    (void)state;
    rig_open(&r, "modern");
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(r.nic, domain), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, MIB(2), MIB(2), MIB(2) - 4096, 1), UDMAR_OK);
    for (unsigned i = 0; i < 3; i++) {
        unsigned count = udmar_domain_walk(domain, MIB(2), steps);

        assert_int_equal(count, i == 1 ? 2 : 3);
        assert_true((steps[count - 1].entry & SNP) != 0);
        assert_int_equal(rig_read(&r, NIC, MIB(2)), MODEL_OK);
        if (i == 0) {
            assert_int_equal(udmar_domain_map(domain, MIB(4) - 4096, MIB(4) - 4096, 4096, 1),
                             UDMAR_OK);
        } else {
            assert_int_equal(udmar_domain_unmap(domain, MIB(4) - 4096, 4096), UDMAR_OK);
        }
    }
    assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(r.d, domain), UDMAR_OK);
    rig_close(&r);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* RAM of a virtual machine: from 0 on, with a hole for the MSI window. */
static void memory_of_a_virtual_machine(void **state)
{
    struct udmar_mapping_info mapping = { .size = 0 };
    struct udmar_range_info range;
    udmar_iova_t iova = 0;
    uint64_t sum = 0;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    rig_own_domain(&r);
    assert_int_equal(udmar_domain_map(r.own, 0, GUEST, MIB(4), 3), UDMAR_OK);
    assert_int_equal(udmar_domain_map(r.own, 0, GUEST, 4096, 3), UDMAR_ERR_EXISTS);
    assert_true(rig_reaches(&r, NIC, 0, GUEST));
    assert_true(rig_reaches(&r, NIC, 4095, GUEST + 4095));
    assert_true(rig_reaches(&r, NIC, MIB(4) - 1, GUEST + MIB(4) - 1));
    assert_int_equal(udmar_domain_map(r.own, MSI_FIRST - MIB(2), RAM_2, MIB(2), UDMAR_WRITE),
                     UDMAR_OK);
    assert_int_equal(udmar_domain_map(r.own, MSI_FIRST, RAM_2, 4096, 3), UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_map(r.own, MSI_FIRST - 4096, RAM_2, 8192, 3), UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_map(r.own, MSI_LAST, RAM_2, 4096, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(r.own, MSI_LAST + 1, RAM_2 + MIB(2), MIB(2), UDMAR_READ),
                     UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, MSI_FIRST - 1, RAM_2 + MIB(2) - 1));
    assert_int_equal(rig_read(&r, NIC, MSI_FIRST - 1), MODEL_BLOCKED);
    assert_int_equal(rig_read(&r, NIC, MSI_LAST + 1), MODEL_OK);
    assert_int_equal(rig_write(&r, NIC, MSI_LAST + 1), MODEL_BLOCKED);
    /* What is mapped can be listed, and what is reserved. */
    for (udmar_iova_t at = 0; udmar_domain_next_mapping(r.own, at, &mapping);
         at = mapping.iova + mapping.size) {
        assert_true(mapping.iova >= at);
        assert_int_equal(mapping.access, mapping.iova < MIB(4)      ? 3
                                         : mapping.iova < MSI_FIRST ? UDMAR_WRITE
                                                                    : UDMAR_READ);
        sum += mapping.size;
    }
    assert_int_equal(sum, MIB(8));
    assert_false(udmar_domain_next_mapping(r.own, info_of(r.own).end + 1, &mapping));
    assert_false(udmar_domain_next_mapping(NULL, 0, &mapping));
    assert_true(udmar_domain_next_range(r.own, 0, &range));
    assert_int_equal(range.kind, UDMAR_RANGE_NULL);
    assert_true(udmar_domain_next_range(r.own, 4096, &range));
    assert_int_equal(range.kind, UDMAR_RANGE_RESERVED);
    assert_int_equal(range.base, MSI_FIRST);
    /* Taken away in pieces: page 0 first. */
    assert_int_equal(udmar_domain_unmap(r.own, 0, 4096), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, 0), MODEL_BLOCKED);
    assert_true(rig_reaches(&r, NIC, 4096, GUEST + 4096));
    /* Nobody is given it. */
    assert_int_equal(udmar_domain_alloc_iova(r.own, 4096, NULL, &iova), UDMAR_OK);
    assert_int_not_equal(iova, 0);
    assert_int_equal(udmar_domain_free_iova(r.own, 0), UDMAR_ERR_NOT_FOUND);
    rig_close(&r);
}

/* The same page in a domain of the library's own. */
static void null_addresses_are_never_handed_out(void **state)
{
    const struct udmar_dma_physical piece = { RAM_1, 4096 };
    struct udmar_domain *domain;
    udmar_iova_t iova;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    domain = udmar_device_domain(r.nic);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_stream_map(domain, &piece, 1, 3, i ? UINT64_MAX : MIB(4) - 1, &iova),
                         UDMAR_OK);
        assert_int_not_equal(iova, 0);
        assert_int_equal(udmar_stream_unmap(domain, iova), UDMAR_OK);
        assert_int_equal(udmar_domain_alloc_iova(domain, 4096, NULL, &iova), UDMAR_OK);
        assert_int_not_equal(iova, 0);
        assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, 0), i ? MODEL_OK : MODEL_BLOCKED);
        if (i == 0) {
            assert_int_equal(udmar_domain_map(domain, 0, r.page, 4096, 3), UDMAR_OK);
        }
    }
    assert_int_equal(udmar_domain_unmap(domain, 0, 4096), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, 0), MODEL_BLOCKED);
    rig_close(&r);
}

/* ---- Moves ----------------------------------------------------------------------------------- */

struct player {
    struct rig *r;
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
        struct rig r;
        struct player player = { .r = &r };

        rig_open(&r, profiles[i]);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(udmar_domain_create(r.d, NULL, &domains[n]), UDMAR_OK);
            assert_int_equal(udmar_domain_map(domains[n], IOVA, GUEST + 4096 * n, 4096, 3),
                             UDMAR_OK);
        }
        assert_int_equal(udmar_device_set_domain(r.nic, domains[0]), UDMAR_OK);
        model_set_hook(r.m, play, &player);
        for (unsigned n = 1; n < 12; n++) {
            model_cache_warm(r.u);
            player.reached = 0;
            assert_int_equal(udmar_device_set_domain(r.nic, domains[n % 2]), UDMAR_OK);
            /* What it had is out of reach once the call is over. */
            player.reached = GUEST + 4096 * ((n + 1) % 2);
            (void)udmar_fault_poll(r.d);
            assert_int_equal(model_cache_stale(r.u), 0);
        }
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        model_set_hook(r.m, NULL, NULL);
        assert_int_equal(player.wrong, 0);
        assert_true(player.blocked > 0 && player.done > 0);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(udmar_domain_destroy(r.d, domains[n]), UDMAR_OK);
        }
        assert_int_equal(model_stats(r.u)->dma_to_freed, 0);
        rig_close(&r);
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
            struct rig r;

            rig_open(&r, profiles[i % 3]);
            assert_int_equal(udmar_domain_create(r.d, NULL, &other), UDMAR_OK);
            assert_int_equal(udmar_domain_map(other, IOVA, r.page, 4096, 3), UDMAR_OK);
            if (i / 3 >= 2) {
                rig_own_domain(&r);
                assert_int_equal(rig_map(&r, IOVA, RAM_2), UDMAR_OK);
            }
            (void)rig_write(&r, NIC, IOVA);
            mode = rig_info(r.nic).mode;
            model_hang_wait(r.u, n, i / 3 % 2 == 1);
            status = udmar_device_set_domain(r.nic, other);
            hung = model_waits_hung(r.u) != 0;
            model_release_waits(r.u);
            assert_int_equal(status == UDMAR_OK, rig_info(r.nic).mode == UDMAR_MODE_DOMAIN &&
                                                     udmar_device_domain(r.nic) == other);
            if (status != UDMAR_OK) {
                failures++;
                assert_int_equal(status, UDMAR_ERR_TIMEOUT);
                assert_true(rig_info(r.nic).mode == mode ||
                            rig_info(r.nic).mode == UDMAR_MODE_BLOCKED);
                assert_int_equal(rig_write(&r, NIC, IOVA) == MODEL_OK,
                                 rig_info(r.nic).mode == UDMAR_MODE_DOMAIN);
                assert_int_equal(udmar_device_set_domain(r.nic, other), UDMAR_OK);
            }
            assert_true(rig_reaches(&r, NIC, IOVA, r.page));
            assert_int_equal(model_cache_stale(r.u), 0);
            assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
            assert_int_equal(udmar_domain_destroy(r.d, other), UDMAR_OK);
            (void)udmar_fault_poll(r.d);
            model_clear_violations(r.m); /* a command on top of one that hangs */
            rig_destroy(&r);
            /* Tables that the unit has not confirmed to have forgotten are never given back. */
            model_page_free(r.m, r.page);
            assert_true(hung || model_leaks(r.m) == 0);
            rig_abandon(&r);
        }
    }
    assert_true(failures >= 12);
}

/* No memory for the new domain's place on the unit: everything is as it was. */
static void moves_without_memory(void **state)
{
    struct udmar_domain *other;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    rig_own_domain(&r);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(udmar_domain_create(r.d, NULL, &other), UDMAR_OK);
    model_fail_host_calls_of(r.m, MODEL_CALL_ALLOC, 1, false);
    assert_int_equal(udmar_device_set_domain(r.nic, other), UDMAR_ERR_MEMORY);
    model_fail_host_call(r.m, 0, false);
    assert_ptr_equal(udmar_device_domain(r.nic), r.own);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_int_equal(udmar_domain_destroy(r.d, other), UDMAR_OK);
    rig_close(&r);
}

/* All devices of one requester id go together, and come back together. */
static void a_group_moves_as_one(void **state)
{
    struct udmar_device *a, *b;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_bridge(r.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(r.m, 0, 0x0510, 0x10ec, 0x8139, 0x020000);
    model_add_function(r.m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
    rig_create(&r);
    rig_start(&r);
    a = r.nic = rig_attach(&r, 0x0510);
    b = rig_attach(&r, 0x0518);
    rig_own_domain(&r);
    assert_int_equal(udmar_domain_map(r.own, IOVA, r.page, 4096, 3), UDMAR_OK);
    assert_ptr_equal(udmar_device_domain(b), r.own);
    assert_true(rig_reaches(&r, 0x0510, IOVA, r.page));
    assert_true(rig_reaches(&r, 0x0518, IOVA, r.page));
    /* One leaves, the other one stays; it comes again and is in there. */
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_true(rig_reaches(&r, 0x0518, IOVA, r.page));
    a = r.nic = rig_attach(&r, 0x0510);
    assert_ptr_equal(udmar_device_domain(a), r.own);
    assert_int_equal(rig_info(a).mode, UDMAR_MODE_DOMAIN);
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_int_equal(rig_info(a).mode, UDMAR_MODE_TRANSLATE);
    assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
    assert_ptr_not_equal(udmar_device_domain(a), r.own);
    assert_int_equal(rig_write(&r, 0x0510, IOVA), MODEL_BLOCKED);
    assert_int_equal(rig_write(&r, 0x0518, IOVA), MODEL_BLOCKED);
    /* Once it is the library's again, a shared mode is nobody's to change. */
    assert_int_equal(udmar_device_set_mode(b, UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    rig_close(&r);
}

/* ---- Firmware's memory ----------------------------------------------------------------------- */

static void rmrrs_go_along(void **state)
{
    (void)state;
    for (unsigned base = 0; base < 2; base++) {
        const struct model_scope scope = rig_endpoint(NIC);
        const uint64_t rmrr = base ? RMRR : 0;
        struct udmar_device *disk;
        udmar_iova_t iova;
        struct rig r;

        rig_machine_config(&r, &(struct model_config){ .low_base = 4096, .low_size = MIB(32) },
                           &(struct model_unit_config){ .base = BASE, .include_all = true });
        model_add_rmrr(r.m, 0, rmrr, rmrr + 0x2fff, &scope, 1);
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, NIC);
        disk = rig_attach(&r, DISK);
        assert_int_equal(udmar_domain_create(r.d, NULL, &r.own), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(disk, r.own), UDMAR_OK);
        /* In the way: a mapping, reserved addresses. */
        assert_int_equal(udmar_domain_map(r.own, rmrr + 0x2000, r.page, 4096, 3), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(r.nic, r.own), UDMAR_ERR_RMRR);
        assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_TRANSLATE);
        assert_true(rig_reaches(&r, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_true(rig_reaches(&r, DISK, rmrr + 0x2000, r.page));
        assert_int_equal(udmar_domain_unmap(r.own, rmrr + 0x2000, 4096), UDMAR_OK);
        assert_int_equal(
            udmar_domain_alloc_iova(r.own, 4096,
                                    &(struct udmar_iova_limits){ .lowest = rmrr + 0x1000 }, &iova),
            UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(r.nic, r.own), UDMAR_ERR_RMRR);
        assert_int_equal(udmar_domain_free_iova(r.own, iova), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(r.nic, r.own), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_int_equal(udmar_domain_map(r.own, rmrr, r.page, 4096, 3), UDMAR_ERR_EXISTS);
        assert_int_equal(udmar_domain_unmap(r.own, rmrr, 4096), UDMAR_ERR_ARGUMENT);
        /* When nobody is there any more the addresses are the owner's again. */
        assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, rmrr + 0x2000, rmrr + 0x2000));
        assert_int_equal(udmar_device_set_mode(disk, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        assert_int_equal(udmar_domain_map(r.own, rmrr, r.page, 0x3000, 3), UDMAR_OK);
        assert_int_equal(udmar_domain_unmap(r.own, rmrr, 0x3000), UDMAR_OK);
        rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    assert_int_equal(udmar_domain_create(NULL, NULL, &domain), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_create(r.d, NULL, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_ARGUMENT);
    config = (struct udmar_domain_config){ .device_count = 1 };
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_ARGUMENT);
    config.devices = none;
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_ARGUMENT);
    config = (struct udmar_domain_config){ .width = 57 };
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_destroy(r.d, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_destroy(NULL, udmar_device_domain(r.nic)), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_destroy(r.d, udmar_device_domain(r.nic)), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_device_set_domain(r.nic, udmar_device_domain(r.nic)),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_domain(r.nic, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_DOMAIN), UDMAR_ERR_ARGUMENT);
    rig_own_domain(&r);
    assert_int_equal(udmar_device_set_domain(NULL, r.own), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_domain(r.nic, r.own), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(r.d, r.own), UDMAR_ERR_BUSY);
    assert_string_equal(udmar_mode_string(UDMAR_MODE_DOMAIN), "domain");
    /* All addresses are the owner's: neither busdma nor streams give any out. */
    assert_int_equal(udmar_stream_map(r.own, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(r.own, IOVA), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(r.nic), 1, 0, UINT64_MAX, UINT64_MAX,
                                          NULL, NULL, 4096, 1, 4096, 0, NULL, NULL, &tag),
                     UDMAR_EINVAL);
    assert_true(model_log_contains(r.m, "in a domain of its owner's"));
    assert_int_equal(udmar_dmamap_create(udmar_device_dma_tag(r.nic), 0, &map), UDMAR_EINVAL);
    assert_false(udmar_dma_id_mapped(udmar_device_dma_tag(r.nic), RAM_1, 4096));
    /* Made by an instance that has others, it keeps that alive. */
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
    r.nic = NULL;
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(udmar_destroy(r.d), UDMAR_ERR_BUSY);
    rig_close(&r);
}

/* Without a unit there is nothing to put a device into. */
static void devices_without_a_unit(void **state)
{
    struct udmar_domain *domain = NULL;
    struct udmar_device *devices[1];
    struct udmar_domain_config config = { .devices = devices, .device_count = 1 };
    const struct model_scope scope = rig_endpoint(NIC);
    struct rig r;

    (void)state;
    rig_empty(&r);
    r.u = model_add_unit(r.m, &(struct model_unit_config){ .base = BASE });
    model_add_unit_scope(r.u, &scope);
    model_add_function(r.m, 0, DISK, 0x8086, 0x2922, 0x010601);
    rig_create(&r);
    devices[0] = rig_attach(&r, DISK);
    assert_int_equal(udmar_domain_create(r.d, &config, &domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_create(r.d, NULL, &domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(devices[0], domain), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_domain_destroy(r.d, domain), UDMAR_OK);
    rig_close(&r);
    rig_machine(&r, "generic48");
    rig_tune(&r, "hw.dmar.enable", "0");
    rig_create(&r);
    assert_int_equal(udmar_domain_create(r.d, NULL, &domain), UDMAR_ERR_DISABLED);
    rig_close(&r);
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
