/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an earlier kernel leaves on that knew more than this driver: scalable mode, a fault log in
 * memory, devices with translations of their own, interrupt remapping that is the host's; and units
 * that are not used, or must not be switched off.
 */
#include "fixture/inside.h"

#include <string.h>

#include "bench.h"

#define EAFL   UINT32_C(0x10000000)
#define SIRTPS UINT32_C(0x01000000)
#define IGD    UINT16_C(0x0010)
#define ATS    (UINT64_C(1) << 2)  /* of a context entry: TT = 1 */
#define SMTS   (UINT64_C(1) << 43) /* of ECAP */
#define ESRTPS (UINT64_C(1) << 63) /* of CAP */
#define DRAINS (UINT64_C(3) << 54) /* of CAP */
#define WIDE   UINT64_C(0x800)     /* of IQA: descriptors of 256 bits */

static void write64(struct model_unit *u, uint32_t offset, uint64_t value)
{
    model_poke32(u, offset, (uint32_t)value);
    model_poke32(u, offset + 4, (uint32_t)(value >> 32));
}

static uint64_t read64(struct model_unit *u, uint32_t offset)
{
    return model_peek32(u, offset) | (uint64_t)model_peek32(u, offset + 4) << 32;
}

static bool nic_works(struct fixture *f)
{
    bool works;

    f->nic = fixture_attach(f, NIC);
    works = fixture_map(f, IOVA, f->page) == UDMAR_OK && fixture_reaches(f, NIC, IOVA, f->page);
    return works && fixture_unmap(f, IOVA) == UDMAR_OK &&
           fixture_write(f, NIC, IOVA) == MODEL_BLOCKED;
}

/* ---- Scalable mode --------------------------------------------------------------------------- */

static void scalable_mode_with_its_wide_queue(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        const struct model_unit_config unit = {
            .profile = i & 1 ? "modern" : "ats", .base = BASE, .include_all = true, .ecap_set = SMTS
        };
        uint32_t more = i & 2 ? IRE | SIRTPS : 0;
        struct udmar_unit_status s;
        uint64_t queue;
        struct fixture f;

        fixture_machine_config(&f, NULL, &unit);
        queue = model_page_alloc(f.m);
        write64(f.u, 0x90, queue | WIDE);
        write64(f.u, 0xb8, model_page_alloc(f.m));
        model_firmware_state(f.u, TE | RTP | QIE | more, model_page_alloc(f.m) | 0x400);
        /* One wide request is left in it: a wait that writes to the queue's own page. */
        model_publish64(f.m, queue, 0x25 | UINT64_C(77) << 32);
        model_publish64(f.m, queue + 8, queue + 0x800);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
        model_poke32(f.u, 0x88, 32);
        if (i & 4)
            fixture_tune(&f, "hw.dmar.qi", "0");
        fixture_create(&f);
        fixture_start(&f);
        assert_int_equal((uint32_t)model_load64(f.m, queue + 0x800), 77);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_true(s.translating);
        assert_int_equal(s.uses_queue, (i & 4) == 0);
        assert_int_equal(model_stats(f.u)->queue_errors, 0);
        assert_int_equal(model_stats(f.u)->te_off, 1);
        assert_int_equal(model_peek32(f.u, GSTS) & IRE, 0);
        assert_int_equal(read64(f.u, 0x20) & 0xc00, 0);
        assert_true(nic_works(&f));
        fixture_close(&f);
    }
}

/* ---- A unit that must stay on ------------------------------------------------------------------
 */

static struct model_unit *display_unit(struct fixture *f, const char *profile, uint64_t cap_set)
{
    const struct model_scope scope = fixture_endpoint(IGD);
    const struct model_unit_config unit = {
        .profile = profile, .base = BASE_2, .cap_set = DRAINS | cap_set, .ecap_set = SMTS
    };
    struct model_unit *u;

    fixture_machine(f, "generic48");
    u = model_add_unit(f->m, &unit);
    model_add_unit_scope(u, &scope);
    model_add_function(f->m, 0, IGD, 0x8086, 0x9a49, 0x030000);
    return u;
}

static void display_stays_on_with_a_foreign_format(void **state)
{
    static const struct {
        uint64_t cap_set;
        uint64_t mode;
        bool queue;
        bool taken; /* the format can be changed under way */
    } cases[] = {
        { 0, 0x400, true, false },      { 0, 0x400, false, false },
        { 0, 0xc00, false, false },     { ESRTPS, 0x400, true, false },
        { ESRTPS, 0x400, false, true }, { ESRTPS, 0xc00, false, true },
        { ESRTPS, 0xc00, true, true },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct udmar_unit_status s;
        struct model_unit *u;
        struct fixture f;

        u = display_unit(&f, "generic48", cases[i].cap_set);
        if (cases[i].queue)
            write64(u, 0x90, model_page_alloc(f.m) | WIDE);
        model_firmware_state(u, TE | RTP | (cases[i].queue ? QIE : 0),
                             model_page_alloc(f.m) | cases[i].mode);
        fixture_create(&f);
        fixture_start(&f);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_int_equal(!s.failed, cases[i].taken);
        assert_int_equal(s.translating, cases[i].taken); /* by our tables */
        assert_int_equal(model_log_contains(f.m, "must stay on for the display"), !cases[i].taken);
        assert_true(nic_works(&f));
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_int_equal(model_stats(u)->te_off, 0);
        assert_int_equal(fixture_violations(&f), 0);
        fixture_abandon(&f);
    }
}

/* It goes on translating after stop, and has no registers to invalidate with. */
static void display_of_version_6_keeps_its_queue(void **state)
{
    struct udmar_device *display;
    struct udmar_domain *domain;
    struct model_unit *u;
    struct fixture f;

    (void)state;
    u = display_unit(&f, "v6", 0);
    fixture_create(&f);
    fixture_start(&f);
    display = fixture_attach(&f, IGD);
    domain = udmar_device_domain(display);
    assert_int_equal(udmar_domain_map(domain, IOVA, f.page, 4096, UDMAR_READ_WRITE), UDMAR_OK);
    assert_true(fixture_reaches(&f, IGD, IOVA, f.page));
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(u, GSTS) & (TE | QIE), TE | QIE);
    assert_true(fixture_reaches(&f, IGD, IOVA, f.page));
    assert_int_equal(udmar_domain_unmap(domain, IOVA, 4096), UDMAR_OK);
    assert_int_equal(fixture_write(&f, IGD, IOVA), MODEL_BLOCKED);
    assert_int_equal(model_stats(u)->absent_reads, 0);
    fixture_start(&f);
    assert_int_equal(udmar_domain_map(domain, IOVA, f.page, 4096, UDMAR_READ_WRITE), UDMAR_OK);
    assert_true(fixture_reaches(&f, IGD, IOVA, f.page));
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_stats(u)->te_off, 0);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

/* ---- The fault log in memory -------------------------------------------------------------------
 */

static void fault_log_in_memory_is_switched_off(void **state)
{
    const struct model_unit_config unit = { .base = BASE, .include_all = true, .cap_set = 8 };
    struct udmar_fault fault;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, NULL, &unit);
    write64(f.u, 0x58, model_page_alloc(f.m));
    model_firmware_state(f.u, TE | RTP | EAFL, model_page_alloc(f.m));
    /* Firmware's own faults are in its log, and show as pending. */
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
    assert_int_equal(model_stats(f.u)->faults_logged, 1);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, GSTS) & EAFL, 0);
    assert_int_equal(model_peek32(f.u, FSTS), 0);
    assert_int_equal(model_stats(f.u)->te_off, 0);
    assert_true(model_log_contains(f.m, "fault log in memory"));
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
    (void)udmar_fault_poll(f.instance);
    assert_true(udmar_fault_next(f.instance, 0, &fault));
    assert_int_equal(fault.rid, DISK);
    assert_int_equal(model_stats(f.u)->faults_logged, 1);
    fixture_close(&f);
}

/* ---- Devices that translate themselves ----------------------------------------------------------
 */

struct cached {
    uint64_t page;
    unsigned reached, seen; /* after our root table is in force */
};

/* The device's own cache knows where to go: only the context entry can stop it. */
static void try_translated(void *context, struct model *m, enum model_event event)
{
    struct cached *c = context;
    uint8_t byte = 1;

    (void)event;
    /* Each is a fault, which is read out with register accesses that are events again. */
    if (model_stats(model_unit_at(m, 0))->srtp == 0 || c->seen == 40)
        return;
    c->seen++;
    c->reached += model_dma_translated(m, 0, NIC, c->page, &byte, 1, true) == MODEL_OK;
}

static void translations_in_a_device_are_of_no_use(void **state)
{
    static const char *const modes[] = { "translate", "passthrough", "identity" };
    uint8_t byte = 1;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct cached c = { 0 };
        struct udmar_fault fault = { 0 };
        char text[512];
        struct bench b;
        uint64_t top;
        struct fixture f;

        fixture_machine(&f, "ats");
        b = (struct bench){ .m = f.m, .u = f.u, .levels = 4 };
        b.root = model_page_alloc(f.m);
        top = model_page_alloc(f.m);
        (void)bench_map(&b, top, 0x200000, 1, f.page | 3);
        bench_context(&b, NIC, top | ATS | 1, 5 << 8 | 2);
        model_firmware_state(f.u, TE | RTP, b.root);
        assert_int_equal(model_dma_translated(f.m, 0, NIC, f.page, &byte, 1, true), MODEL_OK);
        fixture_tune(&f, "hw.busdma.default", modes[i]);
        fixture_create(&f);
        f.nic = fixture_attach(&f, NIC);
        fixture_start(&f);
        c.page = f.page;
        assert_int_equal(model_stats(f.u)->srtp, 1);
        model_set_hook(f.m, try_translated, &c);
        (void)fixture_attach(&f, DISK);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        assert_true(c.seen > 10);
        assert_int_equal(c.reached, 0);
        /* Once it is attached the fault says what to do. */
        assert_int_equal(model_dma_translated(f.m, 0, NIC, f.page, &byte, 1, true), MODEL_BLOCKED);
        (void)udmar_fault_poll(f.instance);
        while (udmar_fault_next(f.instance, fault.sequence, &fault))
            (void)udmar_fault_format(f.instance, &fault, text, sizeof(text));
        assert_int_equal(fault.reason, 0x0d);
        assert_non_null(strstr(text, "ATS"));
        fixture_close(&f);
    }
}

/* ---- Units that are not used
 * --------------------------------------------------------------------- */

#define PROTECTED_LOW (UINT64_C(1) << 5) /* of CAP */

/* A display whose unit is broken, so that it is left out, and was left on. */
static struct model_unit *broken_unit(struct fixture *f)
{
    const struct model_scope scope = fixture_endpoint(IGD);
    const struct model_unit_config unit = { .base = BASE_2, .cap_set = PROTECTED_LOW };
    struct model_unit *u;

    fixture_machine(f, "generic48");
    u = model_add_unit(f->m, &unit);
    model_add_unit_scope(u, &scope);
    model_add_function(f->m, 0, 0, 0x8086, 0x0044, 0x060000);
    model_add_function(f->m, 0, IGD, 0x8086, 0x0046, 0x030000);
    model_poke32(u, 0x68, 0);
    model_poke32(u, 0x6c, 0xffe00000);
    model_poke32(u, PMEN, UINT32_C(0x80000001));
    model_firmware_state(u, TE | RTP, model_page_alloc(f->m));
    return u;
}

static void unit_left_out_is_switched_off(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    u = broken_unit(&f);
    fixture_create(&f);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_int_equal(fixture_write(&f, IGD, f.page), MODEL_BLOCKED);
    assert_int_equal(model_stats(u)->register_writes, 0);
    fixture_start(&f);
    assert_int_equal(model_peek32(u, GSTS) & TE, 0);
    assert_int_equal(model_peek32(u, PMEN), 0);
    assert_true(model_log_contains(f.m, "left out: firmware had left translation on"));
    assert_int_equal(fixture_info(fixture_attach(&f, IGD)).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(fixture_write(&f, IGD, f.page), MODEL_BYPASSED);
    fixture_close(&f);
}

/* It does not obey: the others go on, and what that means is said. */
static void unit_left_out_that_does_not_obey(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    u = broken_unit(&f);
    model_behaviour(u)->gsts_lag = MODEL_NEVER;
    fixture_create(&f);
    fixture_start(&f);
    assert_true(model_log_contains(f.m, "left out: translation cannot be switched off"));
    assert_true(model_log_contains(f.m, "protected memory regions stay on"));
    assert_true(nic_works(&f));
    fixture_close(&f);
}

static void unit_left_out_that_is_gone(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    u = broken_unit(&f);
    fixture_create(&f);
    model_behaviour(u)->all_ones = true;
    fixture_start(&f);
    assert_int_equal(model_stats(u)->register_writes, 0);
    assert_true(nic_works(&f));
    fixture_close(&f);
}

/* Regions that are to stay, stay. */
static void unit_left_out_keeps_protected_regions_on_demand(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    u = broken_unit(&f);
    fixture_tune(&f, "hw.dmar.pmr.disable", "0");
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(u, GSTS) & TE, 0);
    assert_int_equal(model_peek32(u, PMEN), UINT32_C(0x80000001));
    fixture_close(&f);
}

/* ---- Interrupt remapping of the host's
 * ------------------------------------------------------------ */

#define MESSAGE UINT32_C(0xfee00010) /* remappable, index 0 */

struct interrupts {
    unsigned lost, seen;
};

static void send_interrupt(void *context, struct model *m, enum model_event event)
{
    struct interrupts *i = context;
    uint32_t destination;
    uint8_t vector = 0;

    (void)event;
    i->seen++;
    i->lost += model_interrupt(m, 0, NIC, MESSAGE, 0, &vector, &destination) != MODEL_INT_REMAPPED;
}

/* The host's table with one entry, and its queue. */
static uint64_t host_interrupts(struct fixture *f, const char *profile, uint32_t more)
{
    uint64_t table, queue;

    fixture_machine(f, profile);
    table = model_page_alloc(f->m);
    queue = model_page_alloc(f->m);
    model_publish64(f->m, table, UINT64_C(0x310001));
    write64(f->u, 0xb8, table | 7);
    write64(f->u, 0x90, queue);
    model_firmware_state(f->u, QIE | IRE | SIRTPS | more, 0);
    return queue;
}

static void interrupt_remapping_of_the_host_is_left_alone(void **state)
{
    static const char *const profiles[] = { "ats", "modern", "v6" };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct interrupts seen = { 0 };
        uint64_t queue;
        struct fixture f;

        queue = host_interrupts(&f, profiles[i / 2], 0);
        f.config.keep_interrupt_remapping = true;
        if (i % 2)
            fixture_tune(&f, "hw.dmar.qi", "0"); /* which it cannot do without */
        fixture_create(&f);
        model_set_hook(f.m, send_interrupt, &seen);
        fixture_start(&f);
        assert_true(model_log_contains(f.m, "is the host's and stays on"));
        assert_true(nic_works(&f));
        assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, UDMAR_ALL_INTERRUPTS, 0),
                         UDMAR_OK);
        assert_int_equal(model_peek32(f.u, GSTS) & (TE | IRE | QIE), TE | IRE | QIE);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        assert_true(seen.seen > 20);
        assert_int_equal(seen.lost, 0);
        assert_int_equal(model_stats(f.u)->sirtp, 0);
        /* The host's queue is as it was: empty, and at its first slot. */
        assert_int_equal(model_peek32(f.u, GSTS) & (TE | IRE | QIE), IRE | QIE);
        assert_int_equal(read64(f.u, 0x90), queue);
        assert_int_equal(read64(f.u, 0x88), 0);
        assert_int_equal(read64(f.u, 0x80), 0);
        fixture_close(&f);
    }
}

/* The host may switch it on later: no command of ours takes it back. */
static void interrupt_remapping_that_comes_later(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "ats");
    f.config.keep_interrupt_remapping = true;
    fixture_create(&f);
    fixture_start(&f);
    write64(f.u, 0xb8, model_page_alloc(f.m));
    model_poke32(f.u, GSTS, model_peek32(f.u, GSTS) | IRE | SIRTPS);
    assert_true(nic_works(&f));
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | IRE), IRE);
    /* And off again: no command of ours brings it back. */
    model_poke32(f.u, GSTS, model_peek32(f.u, GSTS) & ~IRE);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | IRE), TE);
    fixture_close(&f);
}

static void interrupt_remapping_of_nobody_is_said_to_go(void **state)
{
    struct fixture f;

    (void)state;
    (void)host_interrupts(&f, "ats", 0);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, GSTS) & IRE, 0);
    assert_true(model_log_contains(f.m, "interrupt remapping was on and is switched off"));
    model_poke32(f.u, GSTS, model_peek32(f.u, GSTS) | IRE);
    model_clear_log(f.m);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_true(model_log_contains(f.m, "interrupt remapping was switched on behind our back"));
    model_clear_violations(f.m); /* two bits change at once then */
    fixture_close(&f);
}

/* A unit that fails on the way gives the queue back as well. */
static void failed_unit_gives_the_hosts_queue_back(void **state)
{
    uint64_t queue;
    struct fixture f;

    (void)state;
    queue = host_interrupts(&f, "v6", 0);
    f.config.keep_interrupt_remapping = true;
    fixture_create(&f);
    /* The waits are those of: queue off, queue on, root table; the global request hangs. */
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(model_peek32(f.u, GSTS) & (TE | IRE | QIE), IRE | QIE);
    assert_int_equal(read64(f.u, 0x90), queue);
    (void)fixture_violations(&f);
    fixture_abandon(&f);
}

static void requests_for_interrupt_entries(void **state)
{
    const struct model_invalidation *last;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "ats");
    fixture_create(&f);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 8, 3), UDMAR_ERR_ORDER);
    fixture_start(&f);
    model_clear_invalidation_log(f.u);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 8, 3), UDMAR_OK);
    last = model_invalidation_log(f.u, 0);
    assert_int_equal(last->kind, MODEL_INV_IEC);
    assert_int_equal(last->granularity, 1);
    assert_int_equal(last->data, 8);
    assert_int_equal(last->address_mask, 3);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 0xffff, 0), UDMAR_OK);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, UDMAR_ALL_INTERRUPTS, 99),
                     UDMAR_OK);
    assert_int_equal(model_stats(f.u)->iec, 3);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 0x10000, 0),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 4, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 0, 17), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 0, 16), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 1, 0, 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_unit_invalidate_interrupts(NULL, 0, 0, 0), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);

    fixture_machine(&f, "generic48"); /* has no interrupt remapping */
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_unit_invalidate_interrupts(f.instance, 0, 0, 0), UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalable_mode_with_its_wide_queue),
        cmocka_unit_test(display_stays_on_with_a_foreign_format),
        cmocka_unit_test(display_of_version_6_keeps_its_queue),
        cmocka_unit_test(fault_log_in_memory_is_switched_off),
        cmocka_unit_test(translations_in_a_device_are_of_no_use),
        cmocka_unit_test(unit_left_out_is_switched_off),
        cmocka_unit_test(unit_left_out_that_does_not_obey),
        cmocka_unit_test(unit_left_out_that_is_gone),
        cmocka_unit_test(unit_left_out_keeps_protected_regions_on_demand),
        cmocka_unit_test(interrupt_remapping_of_the_host_is_left_alone),
        cmocka_unit_test(interrupt_remapping_that_comes_later),
        cmocka_unit_test(interrupt_remapping_of_nobody_is_said_to_go),
        cmocka_unit_test(failed_unit_gives_the_hosts_queue_back),
        cmocka_unit_test(requests_for_interrupt_entries),
    };

    return cmocka_run_group_tests_name("takeover_newer", tests, NULL, NULL);
}
