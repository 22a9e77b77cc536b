/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware leaves on, and units that do not obey: never a moment without protection that there
 * was before, never a machine that does not come up because of one unit.
 */
#include "support.h"

#include <string.h>

#include "bench.h"

/* Firmware's own tables for the NIC: one page, mapped to itself. */
static void firmware_tables(struct rig *r, struct bench *b, uint64_t page)
{
    uint64_t top;

    *b = (struct bench){ .m = r->m, .u = r->u, .levels = 4 };
    b->root = model_page_alloc(r->m);
    top = model_page_alloc(r->m);
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
        struct rig r;

        rig_machine(&r, profiles[i]);
        firmware_tables(&r, &b, 0x200000);
        model_firmware_state(r.u, TE | RTP, b.root);
        assert_int_equal(rig_write(&r, NIC, 0x200000), MODEL_OK);
        w.page = r.page;
        rig_create(&r);
        model_set_hook(r.m, watch_bypass, &w);
        rig_start(&r);
        model_set_hook(r.m, NULL, NULL);
        assert_true(w.seen > 20);
        assert_int_equal(w.bypassed, 0);
        assert_int_equal(model_stats(r.u)->te_off, 0);
        /* Firmware's mapping is gone, also from the caches. */
        assert_int_equal(rig_write(&r, NIC, 0x200000), MODEL_BLOCKED);
        assert_true(model_log_contains(r.m, "firmware left on: translation"));
        rig_close(&r);
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
    const struct model_scope scope = rig_endpoint(NIC);
    struct pulse p = { .address = 0x200000 };
    struct bench b;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_add_rmrr(r.m, 0, 0x200000, 0x200fff, &scope, 1);
    firmware_tables(&r, &b, 0x200000);
    model_firmware_state(r.u, TE | RTP, b.root);
    rig_create(&r);
    model_set_hook(r.m, watch_rmrr, &p);
    rig_start(&r);
    model_set_hook(r.m, NULL, NULL);
    assert_true(p.seen > 20);
    assert_int_equal(p.lost, 0);
    rig_close(&r);
}

static void foreign_table_format_is_switched_off_first(void **state)
{
    struct rig r;

    (void)state;
    for (unsigned mode = 1; mode < 4; mode++) {
        rig_machine(&r, "generic48");
        model_firmware_state(r.u, TE | RTP, model_page_alloc(r.m) | (uint64_t)mode << 10);
        rig_create(&r);
        rig_start(&r);
        assert_int_equal(model_stats(r.u)->te_off, 1);
        assert_int_equal(model_stats(r.u)->te_on, 1);
        rig_close(&r);
    }
}

/* A write-buffer flush before start, built without knowing GSTS, would switch all of it off. */
static void attaching_before_start_keeps_what_firmware_left_on(void **state)
{
    struct bench b;
    struct rig r;

    (void)state;
    rig_machine(&r, "rwbf");
    *(&b) = (struct bench){ .m = r.m, .u = r.u, .levels = 3 };
    b.root = model_page_alloc(r.m);
    model_firmware_state(r.u, TE | RTP, b.root);
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(model_peek32(r.u, GSTS), TE | RTP);
    rig_start(&r);
    assert_int_equal(model_stats(r.u)->te_off, 0);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    rig_close(&r);
}

/* ---- Queue and interrupt remapping left on --------------------------------------------------- */

static uint64_t firmware_queue(struct rig *r, uint32_t other_bits)
{
    uint64_t queue = model_page_alloc(r->m);

    model_poke32(r->u, 0x90, (uint32_t)queue);
    model_poke32(r->u, 0x94, (uint32_t)(queue >> 32));
    model_firmware_state(r->u, QIE | other_bits, 0);
    return queue;
}

static void queue_left_on_is_worked_off(void **state)
{
    uint64_t queue;
    uint64_t word;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    word = model_page_alloc(r.m);
    queue = firmware_queue(&r, 0);
    for (unsigned i = 0; i < 9; i++) {
        model_publish64(r.m, queue + 16 * i, 0x12);
    }
    model_publish64(r.m, queue + 16 * 9, 0x25 | UINT64_C(77) << 32);
    model_publish64(r.m, queue + 16 * 9 + 8, word);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_TRICKLE;
    model_poke32(r.u, 0x88, 160);
    rig_create(&r);
    rig_start(&r);
    assert_int_equal((uint32_t)model_load64(r.m, word), 77);
    assert_int_equal(model_stats(r.u)->qie_off, 1);
    assert_int_equal(model_stats(r.u)->qie_on, 1);
    rig_close(&r);
}

static void queue_left_in_error_is_emptied(void **state)
{
    struct udmar_unit_status s;
    uint64_t before;
    uint64_t queue;
    struct rig r;

    (void)state;
    for (unsigned resumes = 0; resumes < 2; resumes++) {
        rig_machine(&r, "generic48");
        queue = firmware_queue(&r, 0);
        model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
        model_behaviour(r.u)->queue_resumes_on_clear = resumes;
        for (unsigned i = 0; i < 4; i++) {
            model_publish64(r.m, queue + 16 * i, 0xf);
        }
        model_poke32(r.u, 0x88, 64);
        (void)model_queue_step(r.u, 1);
        assert_int_equal(model_peek32(r.u, FSTS) & 0x10, 0x10);
        model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        rig_create(&r);
        before = model_time(r.m);
        rig_start(&r);
        assert_true(model_time(r.m) - before < r.config.tunables.timeout_ns);
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        assert_true(s.translating && s.uses_queue);
        /* Its error was no error of ours. */
        assert_int_equal(rig_unit(&r, 0)->counts.queue_errors, 0);
        rig_close(&r);
    }
}

/* A queue that firmware's own death left behind without an error bit: not a reason to give up. */
static void queue_left_hanging_is_switched_off(void **state)
{
    struct udmar_unit_status s;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    (void)firmware_queue(&r, 0);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    model_poke32(r.u, 0x88, 64);
    rig_tune(&r, "hw.dmar.qi", "0");
    rig_create(&r);
    rig_start(&r);
    assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
    assert_true(s.translating);
    assert_false(s.uses_queue);
    rig_close(&r);
}

static void interrupt_remapping_left_on_is_switched_off(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "modern");
    (void)firmware_queue(&r, IRE | UINT32_C(0x01000000));
    rig_create(&r);
    rig_start(&r);
    assert_int_equal(model_peek32(r.u, GSTS) & IRE, 0);
    assert_int_equal(model_stats(r.u)->iec, 1);
    assert_int_equal(model_stats(r.u)->sirtp, 0);
    rig_close(&r);
}

static void everything_left_on_at_once(void **state)
{
    struct watch w = { 0 };
    struct bench b;
    struct rig r;

    (void)state;
    rig_machine(&r, "modern");
    firmware_tables(&r, &b, 0x200000);
    (void)firmware_queue(&r, IRE | UINT32_C(0x01000000));
    model_firmware_state(r.u, TE | RTP | QIE | IRE | UINT32_C(0x01000000), b.root);
    model_behaviour(r.u)->gsts_lag = 4;
    w.page = r.page;
    rig_create(&r);
    model_set_hook(r.m, watch_bypass, &w);
    rig_start(&r);
    model_set_hook(r.m, NULL, NULL);
    assert_int_equal(w.bypassed, 0);
    rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_poke32(r.u, 0x3c, 0x31);
    model_poke32(r.u, 0x40, 0xfee01000);
    model_poke32(r.u, FECTL, 0);
    rig_create(&r);
    early = (struct early){ .u = r.u };
    model_set_hook(r.m, fault_while_it_starts, &early);
    rig_start(&r);
    model_set_hook(r.m, NULL, NULL);
    assert_true(early.done);
    assert_int_equal(early.messages, 0);
    /* It is told of when our own interrupt is there. */
    udmar_fault_counts(r.d, &counts);
    assert_int_equal(counts.total, 1);
    rig_close(&r);
}

/* ---- Units that cannot be used --------------------------------------------------------------- */

/* A second unit for the NIC alone. */
static struct model_unit *second_unit_of(struct rig *r, const char *profile)
{
    const struct model_scope scope = rig_endpoint(NIC);
    struct model_unit *u =
        model_add_unit(r->m, &(struct model_unit_config){ .base = BASE_2, .profile = profile });

    model_add_unit_scope(u, &scope);
    return u;
}

static struct model_unit *second_unit(struct rig *r)
{
    return second_unit_of(r, NULL);
}

static void nic_is_unprotected_and_disk_works(struct rig *r)
{
    struct udmar_device *nic = rig_attach(r, NIC);
    struct udmar_device *disk = rig_attach(r, DISK);

    assert_int_equal(rig_info(nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(rig_info(nic).unit, -1);
    assert_null(udmar_device_domain(nic));
    assert_int_equal(rig_info(disk).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(rig_write(r, DISK, r->page), MODEL_BLOCKED);
    assert_int_equal(udmar_domain_map(udmar_device_domain(disk), IOVA, r->page, 4096, 3), UDMAR_OK);
    assert_true(rig_reaches(r, DISK, IOVA, r->page));
}

static void unit_of_all_ones_is_left_out(void **state)
{
    struct model_unit *u;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    u = second_unit(&r);
    model_behaviour(u)->all_ones = true;
    rig_create(&r);
    assert_int_equal(udmar_unit_count(r.d), 1);
    assert_true(
        model_log_contains(r.m, "unit at 0xfed92000 left out: its registers read all ones"));
    rig_start(&r);
    nic_is_unprotected_and_disk_works(&r);
    rig_close(&r);
}

static void unit_that_dies_before_start_is_left_out(void **state)
{
    struct udmar_unit_status s;
    struct model_unit *u;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    u = second_unit(&r);
    rig_create(&r);
    model_behaviour(u)->all_ones = true;
    rig_start(&r);
    assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
    assert_true(s.failed);
    assert_true(model_log_contains(r.m, "UDMAR_ERR_ALL_ONES"));
    nic_is_unprotected_and_disk_works(&r);
    rig_close(&r);
}

static void unit_that_lies_is_left_out(void **state)
{
    struct model_unit *u;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    u = second_unit(&r);
    model_poke32(u, 0x08, model_peek32(u, 0x08) | 7);
    rig_create(&r);
    assert_int_equal(udmar_unit_count(r.d), 1);
    assert_true(model_log_contains(r.m, "CAP.ND has its reserved value 7"));
    rig_start(&r);
    nic_is_unprotected_and_disk_works(&r);
    rig_close(&r);
}

static void no_usable_unit_at_all(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    model_behaviour(r.u)->all_ones = true;
    assert_int_equal(rig_try_create(&r), UDMAR_ERR_NO_UNIT);
    rig_close(&r);
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
        struct rig r;
        uint64_t start;

        rig_machine(&r, "generic48");
        stubborn = (struct stubborn){ second_unit(&r), RTP };
        rig_create(&r);
        if (before) {
            r.nic = rig_attach(&r, NIC);
        }
        model_set_hook(r.m, becomes_stubborn, &stubborn);
        start = model_time(r.m);
        rig_start(&r);
        model_set_hook(r.m, NULL, NULL);
        assert_true(model_time(r.m) - start < 10 * r.config.tunables.timeout_ns);
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        assert_true(s.failed && !s.translating);
        assert_true(model_log_contains(r.m, "switching translation on failed"));
        nic_is_unprotected_and_disk_works(&r);
        if (before) {
            assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
        }
        (void)rig_violations(&r);
        /* The unit may take what it was given at any time: that memory is never used again. */
        rig_destroy(&r);
        rig_abandon(&r);
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
        struct rig r;

        rig_machine(&r, "generic48");
        u = second_unit(&r);
        rig_create(&r);
        model_hang_wait(u, n, false);
        rig_start(&r);
        waits = model_waits(u);
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        if (s.failed) {
            failures++;
            /* What the log says: nothing is in the way of the device. */
            assert_true(model_log_contains(r.m, "not restricted"));
            assert_int_equal(model_peek32(u, GSTS) & TE, 0);
            assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BYPASSED);
            /* It may still be about to do what it was told: no further command is sure to reach it.
             */
            if (model_log_contains(r.m, "switching translation on failed")) {
                assert_int_equal(rig_violations(&r), 0);
                refused++;
            }
            before = *model_stats(u);
            model_inject_fault(u, NIC, 5, 0x5000, true);
            assert_int_equal(udmar_fault_poll(r.d), 0);
            udmar_tick(r.d);
            assert_int_equal(model_stats(u)->messages, before.messages);
            assert_int_equal(model_stats(u)->register_reads, before.register_reads);
            assert_int_equal(model_stats(u)->register_writes, before.register_writes);
        }
        rig_destroy(&r);
        rig_abandon(&r);
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
        struct rig r;

        rig_machine(&r, "generic48");
        u = second_unit(&r);
        firmware_tables(&r, &b, 0x200000);
        model_firmware_state(u, TE | RTP, b.root);
        rig_create(&r);
        model_hang_wait(u, n, true);
        rig_start(&r);
        waits = model_waits(u) > n ? model_waits(u) : waits;
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        failures += s.failed;
        model_release_waits(u);
        (void)model_peek32(u, GSTS);
        rig_destroy(&r);
        model_clear_violations(r.m);
        model_cache_drop_all(u);
        if (model_peek32(u, GSTS) & TE) {
            assert_int_not_equal(rig_write(&r, NIC, IOVA), MODEL_BYPASSED);
            assert_int_equal(rig_violations(&r), 0);
        }
        rig_abandon(&r);
    }
    assert_true(failures > 1);
}

/* The books of devices that came before start must say what really happens to their DMA. */
static void device_of_a_failed_unit_becomes_unprotected(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    (void)second_unit_of(&r, "v6"); /* it has nothing but the queue */
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    model_behaviour(model_unit_at(r.m, 1))->queue_mode = MODEL_QUEUE_DEAD;
    rig_start(&r);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(rig_write(&r, NIC, r.page), MODEL_BYPASSED);
    nic_is_unprotected_and_disk_works(&r);
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
    rig_close(&r);
}

static void failed_unit_is_tried_again_by_the_next_start(void **state)
{
    const struct model_scope scope = rig_endpoint(DISK);
    struct rig r;

    (void)state;
    rig_machine(&r, "v6");
    model_add_rmrr(r.m, 0, 0x180000, 0x180fff, &scope, 1);
    rig_create(&r);
    r.nic = rig_attach(&r, NIC);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_NO_UNIT);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_UNPROTECTED);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    rig_start(&r);
    assert_int_equal(rig_info(r.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_true(rig_reaches(&r, DISK, 0x180000, 0x180000));
    rig_close(&r);
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
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    n.u = r.u;
    rig_create(&r);
    for (unsigned round = 0; round < 2; round++) {
        model_stats(r.u)->qie_on = 0;
        model_set_hook(r.m, queue_is_refused, &n);
        rig_start(&r);
        model_set_hook(r.m, NULL, NULL);
        assert_true(rig_violated_only(&r, "before the command before has completed"));
        assert_int_equal(udmar_unit_status(r.d, 0, &s), UDMAR_OK);
        assert_true(s.translating && !s.uses_queue);
        r.nic = rig_attach(&r, NIC);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
        assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    }
    rig_close(&r);
}

static void unit_that_does_not_stop(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_TIMEOUT);
    assert_true(model_log_contains(r.m, "does not stop"));
    model_behaviour(r.u)->gsts_lag = 0;
    /* It did obey in the end; the queue is still ours, and a new start must find its way. */
    rig_start(&r);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    rig_close(&r);
}

/* Trap 3: a queue that could not be switched off may write its status word long after us. */
static void late_write_after_the_end_hits_nobody(void **state)
{
    struct udmar__request request;
    uint64_t ticket;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    request = udmar__iotlb_request(rig_unit(&r, 0), GRAN_GLOBAL, 0, 0, 0, false);
    assert_int_equal(udmar__queue_submit(rig_unit(&r, 0), &request, 1, true, &ticket), UDMAR_OK);
    model_behaviour(r.u)->gsts_lag = MODEL_NEVER;
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_destroy(r.d), UDMAR_OK);
    assert_int_equal(model_queue_step(r.u, 2), 2);
    assert_int_equal(rig_violations(&r), 0);
    rig_abandon(&r);
}

static void graphics_unit_that_must_stay_on(void **state)
{
    const struct model_scope scope = rig_endpoint(0x0010);
    struct model_unit *u;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    u = model_add_unit(r.m,
                       &(struct model_unit_config){ .base = BASE_2, .cap_set = UINT64_C(3) << 54 });
    model_add_unit_scope(u, &scope);
    model_add_function(r.m, 0, 0x0010, 0x8086, 0x9a49, 0x030000);
    rig_create(&r);
    rig_start(&r);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(model_peek32(u, GSTS) & TE, TE);
    assert_int_equal(model_peek32(r.u, GSTS) & TE, 0);
    rig_start(&r);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(model_stats(u)->te_off, 0);
    assert_int_equal(rig_violations(&r), 0);
    assert_int_equal(udmar_destroy(r.d), UDMAR_OK);
    rig_abandon(&r);
}

#define GRAPHICS UINT16_C(0x0010)

/* Nothing that it walks goes while it is on, and what is taken away is taken away at once. */
static void unit_that_stays_on_keeps_its_tables(void **state)
{
    const struct model_scope scope = rig_endpoint(GRAPHICS);
    struct rig r;

    (void)state;
    for (unsigned queue = 0; queue < 2; queue++) {
        rig_empty(&r);
        r.u = model_add_unit(
            r.m, &(struct model_unit_config){ .base = BASE, .cap_set = UINT64_C(3) << 54 });
        model_add_unit_scope(r.u, &scope);
        model_add_function(r.m, 0, GRAPHICS, 0x8086, 0x9a49, 0x030000);
        rig_tune(&r, "hw.dmar.qi", queue ? "1" : "0");
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, GRAPHICS);
        rig_own_domain(&r);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, GRAPHICS, IOVA, r.page));
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        assert_true(rig_reaches(&r, GRAPHICS, IOVA, r.page));
        assert_int_equal(udmar_domain_unmap(r.own, IOVA, UDMAR_PAGE_SIZE), UDMAR_OK);
        assert_int_equal(rig_write(&r, GRAPHICS, IOVA), MODEL_BLOCKED);
        rig_destroy(&r);
        model_cache_drop_all(r.u);
        assert_int_equal(rig_write(&r, GRAPHICS, IOVA), MODEL_BLOCKED);
        assert_int_equal(rig_violations(&r), 0);
        rig_abandon(&r);
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
