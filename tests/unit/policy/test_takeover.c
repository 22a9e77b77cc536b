/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware leaves on, and units that do not obey: never a moment without protection that there
 * was before, never a machine that does not come up because of one unit.
 */
#include "fixture/inside.h"

#include <string.h>

#include "bench.h"

/* Firmware's own tables for the NIC: one page, mapped to itself. */
static void firmware_tables(struct fixture *f, struct bench *b, uint64_t page)
{
    uint64_t top;

    *b = (struct bench){ .m = f->m, .u = f->u, .levels = 4 };
    b->root = model_page_alloc(f->m);
    top = model_page_alloc(f->m);
    (void)bench_map(b, top, page, 1, page | 3);
    bench_attach(b, NIC, top, 5);
}

/* ---- Translation left on --------------------------------------------------------------------- */

struct watch {
    uint64_t page;
    unsigned bypassed, seen;
};

static void watch_bypass(void *context, struct model *m, enum model_event event)
{
    struct watch *w = context;
    uint8_t byte = 1;

    (void)event;
    w->seen++;
    w->bypassed += model_dma(m, 0, DISK, w->page, &byte, 1, true) == MODEL_BYPASSED;
    w->bypassed += model_dma(m, 0, NIC, w->page, &byte, 1, true) == MODEL_BYPASSED;
}

static void translation_left_on_stays_on(void **state)
{
    static const char *const profiles[] = { "generic48", "modern", "cm", "noncoherent" };

    (void)state;
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct watch w = { 0 };
        struct bench b;
        struct fixture f;

        fixture_machine(&f, profiles[i]);
        firmware_tables(&f, &b, 0x200000);
        model_firmware_state(f.u, TE | RTP, b.root);
        assert_int_equal(fixture_write(&f, NIC, 0x200000), MODEL_OK);
        w.page = f.page;
        fixture_create(&f);
        model_set_hook(f.m, watch_bypass, &w);
        fixture_start(&f);
        model_set_hook(f.m, NULL, NULL);
        assert_true(w.seen > 20);
        assert_int_equal(w.bypassed, 0);
        assert_int_equal(model_stats(f.u)->te_off, 0);
        /* Firmware's mapping is gone, also from the caches. */
        assert_int_equal(fixture_write(&f, NIC, 0x200000), MODEL_BLOCKED);
        assert_true(model_log_contains(f.m, "firmware left on: translation"));
        fixture_close(&f);
    }
}

struct pulse {
    uint64_t address;
    unsigned lost, seen;
};

static void watch_rmrr(void *context, struct model *m, enum model_event event)
{
    struct pulse *p = context;
    uint8_t byte = 1;

    (void)event;
    p->seen++;
    p->lost += model_dma(m, 0, NIC, p->address, &byte, 1, true) != MODEL_OK;
}

static void rmrr_device_keeps_dma_from_firmwares_tables_to_ours(void **state)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct pulse p = { .address = 0x200000 };
    struct bench b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, 0x200000, 0x200fff, &scope, 1);
    firmware_tables(&f, &b, 0x200000);
    model_firmware_state(f.u, TE | RTP, b.root);
    fixture_create(&f);
    model_set_hook(f.m, watch_rmrr, &p);
    fixture_start(&f);
    model_set_hook(f.m, NULL, NULL);
    assert_true(p.seen > 20);
    assert_int_equal(p.lost, 0);
    fixture_close(&f);
}

static void foreign_table_format_is_switched_off_first(void **state)
{
    struct fixture f;

    (void)state;
    for (unsigned mode = 1; mode < 4; mode++) {
        fixture_machine(&f, "generic48");
        model_firmware_state(f.u, TE | RTP, model_page_alloc(f.m) | (uint64_t)mode << 10);
        fixture_create(&f);
        fixture_start(&f);
        assert_int_equal(model_stats(f.u)->te_off, 1);
        assert_int_equal(model_stats(f.u)->te_on, 1);
        fixture_close(&f);
    }
}

/* A write-buffer flush before start, built without knowing GSTS, would switch all of it off. */
static void attaching_before_start_keeps_what_firmware_left_on(void **state)
{
    struct bench b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    *(&b) = (struct bench){ .m = f.m, .u = f.u, .levels = 3 };
    b.root = model_page_alloc(f.m);
    model_firmware_state(f.u, TE | RTP, b.root);
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_int_equal(model_peek32(f.u, GSTS), TE | RTP);
    fixture_start(&f);
    assert_int_equal(model_stats(f.u)->te_off, 0);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    fixture_close(&f);
}

/* ---- Queue and interrupt remapping left on --------------------------------------------------- */

static uint64_t firmware_queue(struct fixture *f, uint32_t other_bits)
{
    uint64_t queue = model_page_alloc(f->m);

    model_poke32(f->u, 0x90, (uint32_t)queue);
    model_poke32(f->u, 0x94, (uint32_t)(queue >> 32));
    model_firmware_state(f->u, QIE | other_bits, 0);
    return queue;
}

static void queue_left_on_is_worked_off(void **state)
{
    uint64_t queue;
    uint64_t word;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    word = model_page_alloc(f.m);
    queue = firmware_queue(&f, 0);
    for (unsigned i = 0; i < 9; i++) {
        model_publish64(f.m, queue + 16 * i, 0x12);
    }
    model_publish64(f.m, queue + 16 * 9, 0x25 | UINT64_C(77) << 32);
    model_publish64(f.m, queue + 16 * 9 + 8, word);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    model_poke32(f.u, 0x88, 160);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal((uint32_t)model_load64(f.m, word), 77);
    assert_int_equal(model_stats(f.u)->qie_off, 1);
    assert_int_equal(model_stats(f.u)->qie_on, 1);
    fixture_close(&f);
}

static void queue_left_in_error_is_emptied(void **state)
{
    struct udmar_unit_status s;
    uint64_t before;
    uint64_t queue;
    struct fixture f;

    (void)state;
    for (unsigned resumes = 0; resumes < 2; resumes++) {
        fixture_machine(&f, "generic48");
        queue = firmware_queue(&f, 0);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
        model_behaviour(f.u)->queue_resumes_on_clear = resumes;
        for (unsigned i = 0; i < 4; i++) {
            model_publish64(f.m, queue + 16 * i, 0xf);
        }
        model_poke32(f.u, 0x88, 64);
        (void)model_queue_step(f.u, 1);
        assert_int_equal(model_peek32(f.u, FSTS) & 0x10, 0x10);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        fixture_create(&f);
        before = model_time(f.m);
        fixture_start(&f);
        assert_true(model_time(f.m) - before < f.config.tunables.timeout_ns);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_true(s.translating && s.uses_queue);
        /* Its error was no error of ours. */
        assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, 0);
        fixture_close(&f);
    }
}

/* A queue that firmware's own death left behind without an error bit: not a reason to give up. */
static void queue_left_hanging_is_switched_off(void **state)
{
    struct udmar_unit_status s;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    (void)firmware_queue(&f, 0);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    model_poke32(f.u, 0x88, 64);
    fixture_tune(&f, "hw.dmar.qi", "0");
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
    assert_true(s.translating);
    assert_false(s.uses_queue);
    fixture_close(&f);
}

static void interrupt_remapping_left_on_is_switched_off(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "modern");
    (void)firmware_queue(&f, IRE | UINT32_C(0x01000000));
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, GSTS) & IRE, 0);
    assert_int_equal(model_stats(f.u)->iec, 1);
    assert_int_equal(model_stats(f.u)->sirtp, 0);
    fixture_close(&f);
}

static void everything_left_on_at_once(void **state)
{
    struct watch w = { 0 };
    struct bench b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "modern");
    firmware_tables(&f, &b, 0x200000);
    (void)firmware_queue(&f, IRE | UINT32_C(0x01000000));
    model_firmware_state(f.u, TE | RTP | QIE | IRE | UINT32_C(0x01000000), b.root);
    model_behaviour(f.u)->gsts_lag = 4;
    w.page = f.page;
    fixture_create(&f);
    model_set_hook(f.m, watch_bypass, &w);
    fixture_start(&f);
    model_set_hook(f.m, NULL, NULL);
    assert_int_equal(w.bypassed, 0);
    fixture_close(&f);
}

struct early {
    struct model_unit *u;
    bool done;
    unsigned messages;
};

/* A fault as soon as the unit has been given its first command. */
static void fault_while_it_starts(void *context, struct model *m, enum model_event event)
{
    struct early *e = context;

    (void)m;
    (void)event;
    if (!e->done && model_stats(e->u)->gcmd_writes > 0) {
        unsigned before = model_stats(e->u)->messages;

        e->done = true;
        model_inject_fault(e->u, DISK, 5, 0x5000, true);
        e->messages = model_stats(e->u)->messages - before;
    }
}

/* The interrupt that firmware has set up means something else by now. */
static void event_left_armed_is_masked_first(void **state)
{
    struct udmar_fault_counts counts;
    struct early early;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_poke32(f.u, 0x3c, 0x31);
    model_poke32(f.u, 0x40, 0xfee01000);
    model_poke32(f.u, FECTL, 0);
    fixture_create(&f);
    early = (struct early){ .u = f.u };
    model_set_hook(f.m, fault_while_it_starts, &early);
    fixture_start(&f);
    model_set_hook(f.m, NULL, NULL);
    assert_true(early.done);
    assert_int_equal(early.messages, 0);
    /* It is told of when our own interrupt is there. */
    udmar_fault_counts(f.instance, &counts);
    assert_int_equal(counts.total, 1);
    fixture_close(&f);
}

/* ---- Units that cannot be used --------------------------------------------------------------- */

/* A second unit for the NIC alone. */
static struct model_unit *second_unit_of(struct fixture *f, const char *profile)
{
    const struct model_scope scope = fixture_endpoint(NIC);
    struct model_unit *u =
        model_add_unit(f->m, &(struct model_unit_config){ .base = BASE_2, .profile = profile });

    model_add_unit_scope(u, &scope);
    return u;
}

static struct model_unit *second_unit(struct fixture *f)
{
    return second_unit_of(f, NULL);
}

static void nic_is_unprotected_and_disk_works(struct fixture *f)
{
    struct udmar_device *nic = fixture_attach(f, NIC);
    struct udmar_device *disk = fixture_attach(f, DISK);

    assert_int_equal(fixture_info(nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(fixture_info(nic).unit, -1);
    assert_null(udmar_device_domain(nic));
    assert_int_equal(fixture_info(disk).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(fixture_write(f, DISK, f->page), MODEL_BLOCKED);
    assert_int_equal(udmar_domain_map(udmar_device_domain(disk), IOVA, f->page, 4096, 3), UDMAR_OK);
    assert_true(fixture_reaches(f, DISK, IOVA, f->page));
}

static void unit_of_all_ones_is_left_out(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = second_unit(&f);
    model_behaviour(u)->all_ones = true;
    fixture_create(&f);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_true(
        model_log_contains(f.m, "unit at 0xfed92000 left out: its registers read all ones"));
    fixture_start(&f);
    nic_is_unprotected_and_disk_works(&f);
    fixture_close(&f);
}

static void unit_that_dies_before_start_is_left_out(void **state)
{
    struct udmar_unit_status s;
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = second_unit(&f);
    fixture_create(&f);
    model_behaviour(u)->all_ones = true;
    fixture_start(&f);
    assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
    assert_true(s.failed);
    assert_true(model_log_contains(f.m, "UDMAR_ERR_ALL_ONES"));
    nic_is_unprotected_and_disk_works(&f);
    fixture_close(&f);
}

static void unit_that_lies_is_left_out(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = second_unit(&f);
    model_poke32(u, 0x08, model_peek32(u, 0x08) | 7);
    fixture_create(&f);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_true(model_log_contains(f.m, "CAP.ND has its reserved value 7"));
    fixture_start(&f);
    nic_is_unprotected_and_disk_works(&f);
    fixture_close(&f);
}

static void no_usable_unit_at_all(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_behaviour(f.u)->all_ones = true;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_NO_UNIT);
    fixture_close(&f);
}

/* Obeys nothing from the moment on when @bit of GSTS is set. */
struct stubborn {
    struct model_unit *u;
    uint32_t bit;
};

static void becomes_stubborn(void *context, struct model *m, enum model_event event)
{
    const struct stubborn *s = context;

    (void)m;
    (void)event;
    if (model_peek32(s->u, GSTS) & s->bit) {
        model_behaviour(s->u)->gsts_lag = MODEL_NEVER;
    }
}

static void translation_never_comes_on(void **state)
{
    (void)state;
    for (unsigned before = 0; before < 2; before++) {
        struct udmar_unit_status s;
        struct stubborn stubborn;
        struct fixture f;
        uint64_t start;

        fixture_machine(&f, "generic48");
        stubborn = (struct stubborn){ second_unit(&f), RTP };
        fixture_create(&f);
        if (before) {
            f.nic = fixture_attach(&f, NIC);
        }
        model_set_hook(f.m, becomes_stubborn, &stubborn);
        start = model_time(f.m);
        fixture_start(&f);
        model_set_hook(f.m, NULL, NULL);
        assert_true(model_time(f.m) - start < 10 * f.config.tunables.timeout_ns);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_true(s.failed && !s.translating);
        assert_true(model_log_contains(f.m, "switching translation on failed"));
        nic_is_unprotected_and_disk_works(&f);
        if (before) {
            assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
        }
        (void)fixture_violations(&f);
        /* The unit may take what it was given at any time: that memory is never used again. */
        fixture_destroy(&f);
        fixture_abandon(&f);
    }
}

/* Each wait of its start fails once, and the unit obeys again afterwards. */
static void given_up_unit_is_left_alone(void **state)
{
    unsigned failures = 0;
    unsigned refused = 0;
    unsigned waits = 1;

    (void)state;
    for (unsigned n = 1; n <= waits; n++) {
        struct model_unit_stats before;
        struct udmar_unit_status s;
        struct model_unit *u;
        struct fixture f;

        fixture_machine(&f, "generic48");
        u = second_unit(&f);
        fixture_create(&f);
        model_hang_wait(u, n, false);
        fixture_start(&f);
        waits = model_waits(u);
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        if (s.failed) {
            failures++;
            /* What the log says: nothing is in the way of the device. */
            assert_true(model_log_contains(f.m, "not restricted"));
            assert_int_equal(model_peek32(u, GSTS) & TE, 0);
            assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BYPASSED);
            /* It may still be about to do what it was told: no further command is sure to reach it.
             */
            if (model_log_contains(f.m, "switching translation on failed")) {
                assert_int_equal(fixture_violations(&f), 0);
                refused++;
            }
            before = *model_stats(u);
            model_inject_fault(u, NIC, 5, 0x5000, true);
            assert_int_equal(udmar_fault_poll(f.instance), 0);
            udmar_tick(f.instance);
            assert_int_equal(model_stats(u)->messages, before.messages);
            assert_int_equal(model_stats(u)->register_reads, before.register_reads);
            assert_int_equal(model_stats(u)->register_writes, before.register_writes);
        }
        fixture_destroy(&f);
        fixture_abandon(&f);
    }
    assert_true(failures > refused && refused == 1);
}

/* It goes on translating, with firmware's tables or ours: what it may walk stays. */
static void given_up_unit_that_translates_keeps_its_tables(void **state)
{
    unsigned failures = 0;
    unsigned waits = 1;

    (void)state;
    for (unsigned n = 1; n <= waits; n++) {
        struct udmar_unit_status s;
        struct model_unit *u;
        struct bench b;
        struct fixture f;

        fixture_machine(&f, "generic48");
        u = second_unit(&f);
        firmware_tables(&f, &b, 0x200000);
        model_firmware_state(u, TE | RTP, b.root);
        fixture_create(&f);
        model_hang_wait(u, n, true);
        fixture_start(&f);
        waits = model_waits(u) > n ? model_waits(u) : waits;
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        failures += s.failed;
        model_release_waits(u);
        (void)model_peek32(u, GSTS);
        fixture_destroy(&f);
        model_clear_violations(f.m);
        model_cache_drop_all(u);
        if (model_peek32(u, GSTS) & TE) {
            assert_int_not_equal(fixture_write(&f, NIC, IOVA), MODEL_BYPASSED);
            assert_int_equal(fixture_violations(&f), 0);
        }
        fixture_abandon(&f);
    }
    assert_true(failures > 1);
}

/* What is said of devices that came before start must be what really happens to their DMA. */
static void device_of_a_failed_unit_becomes_unprotected(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    (void)second_unit_of(&f, "v6"); /* it has nothing but the queue */
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    model_behaviour(model_unit_at(f.m, 1))->queue_mode = MODEL_QUEUE_DEAD;
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BYPASSED);
    nic_is_unprotected_and_disk_works(&f);
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    fixture_close(&f);
}

static void failed_unit_is_tried_again_by_the_next_start(void **state)
{
    const struct model_scope scope = fixture_endpoint(DISK);
    struct fixture f;

    (void)state;
    fixture_machine(&f, "v6");
    model_add_rmrr(f.m, 0, 0x180000, 0x180fff, &scope, 1);
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_true(fixture_reaches(&f, DISK, 0x180000, 0x180000));
    fixture_close(&f);
}

struct no_queue {
    struct model_unit *u;
};

/* QIE never shows; other commands do. */
static void queue_is_refused(void *context, struct model *m, enum model_event event)
{
    struct no_queue *n = context;

    (void)m;
    if (event == MODEL_EVENT_WRITE) {
        model_behaviour(n->u)->gsts_lag = model_stats(n->u)->qie_on == 0 ? MODEL_NEVER : 0;
    }
}

static void queue_that_never_starts_gives_way_to_registers(void **state)
{
    struct udmar_unit_status s;
    struct no_queue n;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    n.u = f.u;
    fixture_create(&f);
    for (unsigned round = 0; round < 2; round++) {
        model_stats(f.u)->qie_on = 0;
        model_set_hook(f.m, queue_is_refused, &n);
        fixture_start(&f);
        model_set_hook(f.m, NULL, NULL);
        assert_true(fixture_violated_only(&f, "before the command before has completed"));
        assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
        assert_true(s.translating && !s.uses_queue);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    }
    fixture_close(&f);
}

static void unit_that_does_not_stop(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    assert_true(model_log_contains(f.m, "does not stop"));
    model_behaviour(f.u)->gsts_lag = 0;
    /* It did obey in the end; the queue is still ours, and a new start must find its way. */
    fixture_start(&f);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    fixture_close(&f);
}

/* Trap 3: a queue that could not be switched off may write its status word long after us. */
static void late_write_after_the_end_hits_nobody(void **state)
{
    struct udmar__request request;
    uint64_t ticket;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(udmar_device_detach(f.nic), UDMAR_OK);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    request = udmar__iotlb_request(fixture_unit(&f, 0), GRAN_GLOBAL, 0, 0, 0, false);
    assert_int_equal(udmar__queue_submit(fixture_unit(&f, 0), &request, 1, true, &ticket),
                     UDMAR_OK);
    model_behaviour(f.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_OK);
    assert_int_equal(model_queue_step(f.u, 2), 2);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

static void graphics_unit_that_must_stay_on(void **state)
{
    const struct model_scope scope = fixture_endpoint(0x0010);
    struct model_unit *u;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = model_add_unit(f.m,
                       &(struct model_unit_config){ .base = BASE_2, .cap_set = UINT64_C(3) << 54 });
    model_add_unit_scope(u, &scope);
    model_add_function(f.m, 0, 0x0010, 0x8086, 0x9a49, 0x030000);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_peek32(u, GSTS) & TE, TE);
    assert_int_equal(model_peek32(f.u, GSTS) & TE, 0);
    fixture_start(&f);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(model_stats(u)->te_off, 0);
    assert_int_equal(fixture_violations(&f), 0);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_OK);
    fixture_abandon(&f);
}

#define GRAPHICS UINT16_C(0x0010)

/* Nothing that it walks goes while it is on, and what is taken away is taken away at once. */
static void unit_that_stays_on_keeps_its_tables(void **state)
{
    const struct model_scope scope = fixture_endpoint(GRAPHICS);
    struct fixture f;

    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        fixture_empty(&f);
        f.u = model_add_unit(
            f.m, &(struct model_unit_config){ .base = BASE, .cap_set = UINT64_C(3) << 54 });
        model_add_unit_scope(f.u, &scope);
        model_add_function(f.m, 0, GRAPHICS, 0x8086, 0x9a49, 0x030000);
        fixture_tune(&f, "hw.dmar.qi", queue ? "1" : "0");
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, GRAPHICS);
        fixture_own_domain(&f);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, GRAPHICS, IOVA, f.page));
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_true(fixture_reaches(&f, GRAPHICS, IOVA, f.page));
        assert_int_equal(udmar_domain_unmap(f.own, IOVA, UDMAR_PAGE_SIZE), UDMAR_OK);
        assert_int_equal(fixture_write(&f, GRAPHICS, IOVA), MODEL_BLOCKED);
        fixture_destroy(&f);
        model_cache_drop_all(f.u);
        assert_int_equal(fixture_write(&f, GRAPHICS, IOVA), MODEL_BLOCKED);
        assert_int_equal(fixture_violations(&f), 0);
        fixture_abandon(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(translation_left_on_stays_on),
        cmocka_unit_test(rmrr_device_keeps_dma_from_firmwares_tables_to_ours),
        cmocka_unit_test(foreign_table_format_is_switched_off_first),
        cmocka_unit_test(attaching_before_start_keeps_what_firmware_left_on),
        cmocka_unit_test(queue_left_on_is_worked_off),
        cmocka_unit_test(queue_left_in_error_is_emptied),
        cmocka_unit_test(queue_left_hanging_is_switched_off),
        cmocka_unit_test(interrupt_remapping_left_on_is_switched_off),
        cmocka_unit_test(everything_left_on_at_once),
        cmocka_unit_test(event_left_armed_is_masked_first),
        cmocka_unit_test(unit_of_all_ones_is_left_out),
        cmocka_unit_test(unit_that_dies_before_start_is_left_out),
        cmocka_unit_test(unit_that_lies_is_left_out),
        cmocka_unit_test(no_usable_unit_at_all),
        cmocka_unit_test(translation_never_comes_on),
        cmocka_unit_test(given_up_unit_is_left_alone),
        cmocka_unit_test(given_up_unit_that_translates_keeps_its_tables),
        cmocka_unit_test(device_of_a_failed_unit_becomes_unprotected),
        cmocka_unit_test(failed_unit_is_tried_again_by_the_next_start),
        cmocka_unit_test(queue_that_never_starts_gives_way_to_registers),
        cmocka_unit_test(unit_that_does_not_stop),
        cmocka_unit_test(late_write_after_the_end_hits_nobody),
        cmocka_unit_test(graphics_unit_that_must_stay_on),
        cmocka_unit_test(unit_that_stays_on_keeps_its_tables),
    };

    return cmocka_run_group_tests_name("takeover", tests, NULL, NULL);
}
