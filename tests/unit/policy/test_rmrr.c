/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware's memory: who reaches it through which bridges, who comes late, and structures that are
 * odd. */
#include "fixture/inside.h"

#include <udmar/stream.h>

#define RMRR UINT64_C(0x200000)

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

/* ---- Through bridges ------------------------------------------------------------------------- */

/* The scope is a port, or a bridge that says nothing of itself: all below keeps its memory. */
static void scope_at_or_above_a_silent_bridge(void **state)
{
    static const uint32_t silent[] = { 0x244e8086, 0x10801b21, 0x88921283,
                                       0x88931283, 0x811310e3, 0x00251011 };

    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        struct model_scope scope = { MODEL_SCOPE_BRIDGE, 0, 0, 1, { 0x08, 0x00 } };
        struct udmar_device *a, *b;
        struct fixture f;

        scope.hops = 1 + i % 2;
        machine(&f);
        model_add_bridge(f.m, 0, 0x08, 1, 9, MODEL_ROOT_PORT);
        model_add_bridge(f.m, 0, 0x0100, 5, 5, MODEL_PCI_TO_PCI);
        model_set_config(f.m, 0, 0x0100, 0, silent[i / 4]);
        model_add_function(f.m, 0, 0x0500, 0x8086, 0x100e, 0x020000);
        model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
        model_add_rmrr(f.m, 0, RMRR, RMRR + 0x1fff, &scope, 1);
        fixture_create(&f);
        if (i & 2) {
            (void)fixture_attach(&f, 0x0508);
            (void)fixture_attach(&f, 0x0500);
        }
        fixture_start(&f);
        assert_true(fixture_reaches(&f, 0x0500, RMRR, RMRR));
        assert_true(fixture_reaches(&f, 0x0508, RMRR + 0x1000, RMRR + 0x1000));
        a = fixture_attach(&f, 0x0500);
        b = fixture_attach(&f, 0x0508);
        assert_ptr_equal(udmar_device_domain(a), udmar_device_domain(b));
        assert_true(fixture_info(a).rmrr_count == 1 && fixture_info(b).rmrr_count == 1);
        assert_int_equal(errors_logged(&f), 0);
        fixture_close(&f);
    }
}

/* Attached before start, next to a function whose memory nobody has asked for yet. */
static void neighbours_memory_is_there_from_the_start(void **state)
{
    struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0x08, 0x10 } };
    struct udmar_device *a;
    udmar_iova_t iova;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
    model_add_function(f.m, 0, 0x0510, 0x8086, 0x24cd, 0x0c0320);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    fixture_create(&f);
    a = fixture_attach(&f, 0x0508);
    assert_int_equal(fixture_info(a).rmrr_count, 0);
    assert_int_equal(udmar_domain_alloc_iova(
                         udmar_device_domain(a), 4096,
                         &(struct udmar_iova_limits){ .lowest = RMRR, .highest = RMRR + 0xfff },
                         &iova),
                     UDMAR_ERR_IOVA);
    fixture_start(&f);
    assert_true(fixture_reaches(&f, 0x0510, RMRR, RMRR));
    /* Its neighbour's memory does not keep it. */
    assert_int_equal(udmar_device_detach(a), UDMAR_OK);
    assert_null(udmar_device_find(f.instance, 0, 0x0508) == a ? a : NULL);
    assert_true(fixture_reaches(&f, 0x0510, RMRR, RMRR));
    fixture_close(&f);
}

/* Functions 4 to 7 of a be3 adapter use what firmware says of functions 0 to 3. */
static void storage_functions_of_be3(void **state)
{
    static const uint32_t ids[] = { 0x070019a2, 0x071019a2, 0x071219a2, 0x071419a2,
                                    0xe22010df, 0xe22810df, 0x10d38086 };

    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        const struct model_scope scope = fixture_endpoint(0x0021);
        struct fixture f;

        machine(&f);
        for (unsigned function = 0; function < 8; function++)
            model_add_function(f.m, 0, (uint16_t)(0x0020 + function), (uint16_t)ids[i],
                               (uint16_t)(ids[i] >> 16), 0x020000);
        model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
        begin(&f);
        for (unsigned function = 0; function < 8; function++) {
            bool uses = function == 1 || (function == 5 && i < 6);

            (void)fixture_attach(&f, (uint16_t)(0x0020 + function));
            assert_int_equal(fixture_write(&f, (uint16_t)(0x0020 + function), RMRR),
                             uses ? MODEL_OK : MODEL_BLOCKED);
        }
        fixture_close(&f);
    }
}

/* What stands behind a controller shares the controller's memory. */
static void controllers_memory(void **state)
{
    const struct model_scope scope = fixture_endpoint(0x0070);
    struct udmar_device *drive = NULL;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_function(f.m, 0, 0x0070, 0x8086, 0x9a0b, 0x010400);
    model_add_function(f.m, 7, 0x0000, 0x144d, 0xa808, 0x010802);
    model_add_alias(f.m, 7, 0x0000, 0, 0x0070);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    fixture_create(&f);
    assert_int_equal(udmar_device_attach(f.instance, 7, 0x0000, "drive", &drive), UDMAR_OK);
    fixture_start(&f);
    assert_true(fixture_reaches(&f, 0x0070, RMRR, RMRR));
    assert_int_equal(udmar_device_detach(drive), UDMAR_OK);
    assert_true(fixture_reaches(&f, 0x0070, RMRR, RMRR));
    fixture_close(&f);
}

/* ---- Late ------------------------------------------------------------------------------------ */

/*
 * A function below a bridge that is not there yet: no path leads to it, so nobody can know that its
 * memory belongs to the domain that it will have to share.
 */
static struct udmar_domain *before_the_late_one(struct fixture *f, bool deferred)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 3, { 0xf0, 0x20, 0x00 } };

    machine(f);
    model_add_bridge(f->m, 0, 0x00f0, 5, 7, MODEL_PCI_TO_PCI);
    model_add_function(f->m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
    model_add_rmrr(f->m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    f->config.ticking = deferred;
    f->config.tunables.strict = !deferred;
    begin(f);
    f->nic = fixture_attach(f, 0x0508);
    return udmar_device_domain(f->nic);
}

static enum udmar_status attach_late(struct fixture *f, struct udmar_device **out_device)
{
    *out_device = NULL;
    model_add_bridge(f->m, 0, 0x0520, 6, 6, MODEL_PCI_TO_PCI);
    model_add_function(f->m, 0, 0x0600, 0x8086, 0x24cd, 0x0c0320);
    return udmar_device_attach(f->instance, 0, 0x0600, "late", out_device);
}

static void late_device_finds_its_memory_free(void **state)
{
    struct udmar_device *late;
    struct fixture f;

    (void)state;
    (void)before_the_late_one(&f, false);
    assert_int_equal(attach_late(&f, &late), UDMAR_OK);
    assert_true(fixture_reaches(&f, 0x0600, RMRR, RMRR));
    assert_int_equal(fixture_info(late).rmrr_count, 1);
    fixture_close(&f);
}

/* Taken by a range, or by a mapping alone: refused in words that name both, and nothing is lost. */
static void late_device_finds_its_memory_taken(void **state)
{
    const struct udmar_iova_limits there = { .lowest = RMRR, .highest = RMRR + 0x1fff };

    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct udmar_domain *domain;
        struct udmar_device *late;
        udmar_iova_t iova = RMRR;
        struct udmar_range_info range;
        struct fixture f;

        domain = before_the_late_one(&f, false);
        if (how < 2)
            assert_int_equal(udmar_domain_alloc_iova(domain, 0x2000, &there, &iova), UDMAR_OK);
        if (how > 0)
            assert_int_equal(udmar_domain_map(domain, iova, f.page, 4096, 3), UDMAR_OK);
        assert_int_equal(attach_late(&f, &late), UDMAR_ERR_RMRR);
        assert_null(late);
        assert_true(
            model_log_contains(f.m, "RMRR 200000-200fff of device 0000:06:00.0: it must see"));
        assert_null(udmar_device_find(f.instance, 0, 0x0600));
        if (how > 0)
            assert_true(fixture_reaches(&f, 0x0508, iova, f.page));
        for (udmar_iova_t at = 0; udmar_domain_next_range(domain, at, &range);
             at = range.base + range.size)
            assert_true(range.kind != UDMAR_RANGE_FIRMWARE);
        /* It is free again: so is the way in. */
        assert_int_equal(udmar_domain_unmap(domain, RMRR, 0x2000), UDMAR_OK);
        if (how < 2)
            assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
        late = fixture_attach(&f, 0x0600);
        assert_true(fixture_reaches(&f, 0x0600, RMRR, RMRR));
        fixture_close(&f);
    }
}

/* The second page is taken: the first one is not kept, either. */
static void half_of_it_taken(void **state)
{
    const struct udmar_iova_limits there = { .lowest = RMRR + 0x1000, .highest = RMRR + 0x1fff };
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 3, { 0xf0, 0x20, 0x08 } };
    struct udmar_domain *domain;
    struct udmar_device *late = NULL;
    udmar_iova_t iova;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_bridge(f.m, 0, 0x00f0, 5, 7, MODEL_PCI_TO_PCI);
    model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0x2fff, &scope, 1);
    begin(&f);
    domain = udmar_device_domain(fixture_attach(&f, 0x0508));
    assert_int_equal(udmar_domain_alloc_iova(domain, 4096, &there, &iova), UDMAR_OK);
    model_add_bridge(f.m, 0, 0x0520, 6, 6, MODEL_PCI_TO_PCI);
    assert_int_equal(udmar_device_attach(f.instance, 0, 0x0608, "late", &late), UDMAR_ERR_RMRR);
    assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(udmar_domain_map(domain, RMRR + i * UINT64_C(0x1000), f.page, 4096, 3),
                         UDMAR_OK);
    fixture_close(&f);
}

/* A bridge that a late device is behind keeps addresses for itself: they are not handed out. */
static void bridges_of_a_late_device(void **state)
{
    (void)state;
    for (unsigned taken = 0; taken < 2; taken++) {
        const struct udmar_iova_limits there = { .lowest = IOVA, .highest = IOVA + 0xfffff };
        struct udmar_domain *domain;
        udmar_iova_t iova;
        struct fixture f;

        machine(&f);
        model_add_bridge(f.m, 0, 0x00f0, 5, 7, MODEL_PCI_TO_PCI);
        model_add_function(f.m, 0, 0x0508, 0x8086, 0x100e, 0x020000);
        begin(&f);
        domain = udmar_device_domain(fixture_attach(&f, 0x0508));
        if (taken)
            assert_int_equal(udmar_domain_alloc_iova(domain, 4096, &there, &iova), UDMAR_OK);
        model_add_bridge(f.m, 0, 0x0520, 6, 6, MODEL_PCI_TO_PCI);
        model_set_bridge_window(f.m, 0, 0x0520, false, IOVA, IOVA + 0xfffff);
        model_add_function(f.m, 0, 0x0600, 0x8086, 0x24cd, 0x0c0320);
        (void)fixture_attach(&f, 0x0600);
        assert_int_equal(model_log_contains(f.m, "keeps addresses that its domain has handed out"),
                         taken);
        assert_int_equal(udmar_domain_alloc_iova(domain, 4096, &there, &iova),
                         taken ? UDMAR_OK : UDMAR_ERR_IOVA);
        fixture_close(&f);
    }
}

/* Caches of addresses that nothing is mapped at are no reason, in any mode. */
static void idle_caches_are_no_reason(void **state)
{
    (void)state;
    for (unsigned deferred = 0; deferred < 2; deferred++) {
        struct udmar_dma_physical piece = { .length = 4096 };
        struct udmar_domain *domain;
        struct udmar_device *late;
        udmar_iova_t iova[64];
        struct fixture f;

        domain = before_the_late_one(&f, deferred);
        piece.address = f.page;
        for (unsigned i = 0; i < 64; i++)
            assert_int_equal(udmar_stream_map(domain, &piece, 1, 3, UINT64_MAX, &iova[i]),
                             UDMAR_OK);
        assert_true(iova[0] / 0x200000 == RMRR / 0x200000);
        for (unsigned i = 0; i < 64; i++)
            assert_int_equal(udmar_stream_unmap(domain, iova[i]), UDMAR_OK);
        assert_int_equal(attach_late(&f, &late), UDMAR_OK);
        assert_true(fixture_reaches(&f, 0x0600, RMRR, RMRR));
        fixture_close(&f);
    }
}

/* ---- Odd structures -------------------------------------------------------------------------- */

struct work {
    unsigned long maps;
};

static void count_maps(void *context, struct model *m, enum model_event event)
{
    struct work *work = context;

    (void)m;
    work->maps += event == MODEL_EVENT_MAP;
}

static const struct {
    uint64_t base, limit;
    bool lost; /* all of it */
} odd[] = {
    { 0, UINT64_MAX, true },
    { 0, UINT64_MAX - 1, true },
    { 0, (UINT64_C(1) << 44) - 1, true },
    { RMRR, UINT64_C(1) << 44, true },
    { RMRR, UINT64_MAX, true },
    { 0, (UINT64_C(1) << 39) - 1, true },
    { RMRR, RMRR + (UINT64_C(4) << 30), true },
    { RMRR + 1, RMRR, true },
    { RMRR, RMRR - 1, true },
    { UINT64_MAX, UINT64_MAX, true },
    { UINT64_MAX - 0xfff, UINT64_MAX, true },
    { UINT64_MAX, 0, true },
    { UINT64_C(1) << 63, (UINT64_C(1) << 63) + 0xfff, true },
    { UINT64_C(1) << 52, (UINT64_C(1) << 52) + 0xfff, true },
    { UINT64_C(1) << 46, (UINT64_C(1) << 46) + 0xfff, true },
    { RMRR, RMRR, false },
    { RMRR + 0x7ff, RMRR + 0x800, false },
    { RMRR, RMRR + (UINT64_C(4) << 30) - 1, false },
    { 0, (UINT64_C(4) << 30) - 1, false },
    { 0xfee00000, 0xfeefffff, false },
    { 0xfedff000, 0xfef00fff, false },
    { (UINT64_C(1) << 46) - 0x1000, (UINT64_C(1) << 46) + 0xfff, false },
};

/* One odd structure costs itself: everybody else works, and its own device has a driver's life. */
static void odd_structure_costs_itself(void **state)
{
    static const char *const profiles[] = { "generic48", "qemu39", "oldest", "two-level" };
    static const char *const modes[] = { "translate", "identity", "passthrough" };

    (void)state;
    for (unsigned n = 0; n < 4 * 3 * sizeof(odd) / sizeof(odd[0]); n++) {
        unsigned i = n / 12;
        const struct model_scope scopes[2] = { fixture_endpoint(NIC), fixture_endpoint(DISK) };
        struct work work = { 0 };
        struct fixture f;

        /* A million small pages take the model long. */
        if (!odd[i].lost && odd[i].limit - odd[i].base > UINT64_C(1) << 30 && n % 4 != 0)
            continue;
        fixture_machine(&f, profiles[n % 4]);
        /* Two levels reach 1 GiB. */
        f.config.ram_count = n % 4 == 3 ? 1 : 2;
        fixture_tune(&f, "hw.busdma.default", modes[n / 4 % 3]);
        model_add_rmrr(f.m, 0, odd[i].base, odd[i].limit, &scopes[0], 1);
        model_add_rmrr(f.m, 0, RMRR + 0x100000, RMRR + 0x100fff, &scopes[1], 1);
        model_set_hook(f.m, count_maps, &work);
        begin(&f);
        f.nic = fixture_attach(&f, NIC);
        (void)fixture_attach(&f, DISK);
        model_set_hook(f.m, NULL, NULL);
        if (odd[i].lost && odd[i].limit - odd[i].base >= UINT64_C(4) << 30)
            assert_true(work.maps < 300000);
        assert_true(work.maps < 30000000);
        if (odd[i].lost && n / 4 % 3 != 2)
            assert_true(errors_logged(&f) > 0);
        assert_true(fixture_reaches(&f, DISK, RMRR + 0x100000, RMRR + 0x100000));
        if (n / 4 % 3 == 0 && odd[i].lost) {
            udmar_iova_t iova;

            assert_int_equal(udmar_domain_alloc_iova(udmar_device_domain(f.nic), 4096, NULL, &iova),
                             UDMAR_OK);
            assert_int_equal(fixture_map(&f, iova, f.page), UDMAR_OK);
            assert_true(fixture_reaches(&f, NIC, iova, f.page));
        }
        fixture_close(&f);
    }
}

/* What is kept of one that is cut, or beside the window of interrupts, is there. */
static void what_is_sound_of_an_odd_structure(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct model_translation t;
    struct fixture f;

    (void)state;
    machine(&f);
    model_add_function(f.m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_rmrr(f.m, 0, 0xfedff000, 0xfef00fff, &scope, 1);
    model_add_rmrr(f.m, 0, (UINT64_C(1) << 46) - 0x1000, (UINT64_C(1) << 46) + 0xfff, &scope, 1);
    begin(&f);
    assert_int_equal(fixture_info(fixture_attach(&f, NIC)).rmrr_count, 2);
    t = model_translate(f.m, 0, NIC, 0xfedff123, true);
    assert_true(t.result == MODEL_OK && t.physical == 0xfedff123);
    t = model_translate(f.m, 0, NIC, 0xfef00fff, true);
    assert_true(t.result == MODEL_OK && t.physical == 0xfef00fff);
    t = model_translate(f.m, 0, NIC, (UINT64_C(1) << 46) - 1, true);
    assert_true(t.result == MODEL_OK && t.physical == (UINT64_C(1) << 46) - 1);
    assert_true(model_log_contains(f.m, "not all of these addresses: cut"));
    fixture_close(&f);
}

/* Overlapping, doubled, without a device, of a device that is not there, of a whole bridge. */
static void many_structures_of_one_device(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC), absent = fixture_endpoint(0x00a0);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0x3fff, &scope, 1);
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0x3fff, &scope, 1);
    model_add_rmrr(f.m, 0, RMRR + 0x2000, RMRR + 0x5fff, &scope, 1);
    model_add_rmrr(f.m, 0, RMRR - 0x1000, RMRR + 0x6fff, &scope, 1);
    model_add_rmrr(f.m, 0, RMRR + 0x8000, RMRR + 0x8fff, &scope, 0);
    model_add_rmrr(f.m, 0, RMRR + 0x9000, RMRR + 0x9fff, &absent, 1);
    begin(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_info(f.nic).rmrr_count, 4);
    assert_int_equal(errors_logged(&f), 0);
    for (uint64_t at = RMRR - 0x1000; at < RMRR + 0x7000; at += 0x1000)
        assert_true(fixture_reaches(&f, NIC, at, at));
    for (uint64_t at = RMRR + 0x7000; at < RMRR + 0xa000; at += 0x1000)
        assert_int_equal(fixture_write(&f, NIC, at), MODEL_BLOCKED);
    assert_int_equal(fixture_write(&f, 0x00a0, RMRR + 0x9000), MODEL_OK);
    fixture_close(&f);
}

/* Nothing is reserved or mapped for a device that attaches while RMRRs are switched off. */
static void switched_off(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, RMRR, RMRR + 0xfff, &scope, 1);
    fixture_tune(&f, "hw.dmar.rmrr_enable", "0");
    begin(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_info(f.nic).rmrr_count, 0);
    assert_int_equal(fixture_write(&f, NIC, RMRR), MODEL_BLOCKED);
    assert_int_equal(fixture_map(&f, RMRR, f.page), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_at_or_above_a_silent_bridge),
        cmocka_unit_test(neighbours_memory_is_there_from_the_start),
        cmocka_unit_test(storage_functions_of_be3),
        cmocka_unit_test(controllers_memory),
        cmocka_unit_test(late_device_finds_its_memory_free),
        cmocka_unit_test(late_device_finds_its_memory_taken),
        cmocka_unit_test(half_of_it_taken),
        cmocka_unit_test(bridges_of_a_late_device),
        cmocka_unit_test(idle_caches_are_no_reason),
        cmocka_unit_test(odd_structure_costs_itself),
        cmocka_unit_test(what_is_sound_of_an_odd_structure),
        cmocka_unit_test(many_structures_of_one_device),
        cmocka_unit_test(switched_off),
    };

    return cmocka_run_group_tests_name("rmrr", tests, NULL, NULL);
}
