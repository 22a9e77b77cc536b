/* SPDX-License-Identifier: BSD-2-Clause */
/* Suspend and resume: registers lost, kept, or as firmware wants them; and who asks meanwhile. */
#include <udmar/stream.h>

#include "fixture/interrupt.h"

#include "bench.h"

#define FEDATA  0x3cu
#define FEADDR  0x40u
#define IQA     0x90u
#define AFL     UINT32_C(0x10000000)
#define EPM     UINT32_C(0x80000001)
#define CAP_AFL UINT64_C(0x8)
#define CAP_PMR UINT64_C(0x60)

static const char *const all_profiles[] = { "generic48", "modern", "noncoherent", "cm",
                                            "rwbf",      "oldest", "v6",          "qemu39" };
#define PROFILES (sizeof(all_profiles) / sizeof(all_profiles[0]))

static enum udmar_status doze(struct fixture *f)
{
    return udmar_suspend(f->instance, UDMAR_MEANWHILE_FAIL);
}

static void lose_all(struct fixture *f)
{
    for (unsigned i = 0; model_unit_at(f->m, i) != NULL; i++) {
        model_lose_registers(model_unit_at(f->m, i));
    }
}

/* ---- What comes back ------------------------------------------------------------------------- */

static void registers_that_are_lost_come_back(void **state)
{
    static const uint32_t kept[] = { GSTS, FECTL, FEDATA, FEADDR };

    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        uint32_t before[4];
        struct fixture f;

        fixture_open_nic(&f, all_profiles[i]);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        for (unsigned k = 0; k < 4; k++) {
            before[k] = model_peek32(f.u, kept[k]);
        }
        for (unsigned turn = 0; turn < 3; turn++) {
            assert_int_equal(doze(&f), UDMAR_OK);
            assert_int_equal(model_cache_stale(f.u), 0);
            lose_all(&f);
            assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
            for (unsigned k = 0; k < 4; k++) {
                assert_int_equal(model_peek32(f.u, kept[k]), before[k]);
            }
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            assert_int_equal(fixture_write(&f, NIC, IOVA + 0x1000), MODEL_BLOCKED);
            assert_int_equal(fixture_write(&f, DISK, IOVA), MODEL_BLOCKED);
            assert_true(udmar_fault_poll(f.instance) > 0 || model_interrupts(f.m) > 0);
            /* The unit is asked as before. */
            assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
            assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        }
        assert_true(model_log_contains(f.m, "its registers are lost"));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        fixture_close(&f);
    }
}

struct watch {
    unsigned escaped, lost, seen;
};

static bool passes(struct model *m, uint16_t rid, uint64_t iova)
{
    return model_translate(m, 0, rid, iova, true).result != MODEL_BLOCKED ||
           model_translate_cached(m, 0, rid, iova, true).result != MODEL_BLOCKED;
}

/* Between any two accesses: what is mapped is reached, and nothing else. */
static void watch_dma(void *context, struct model *m, enum model_event event)
{
    struct watch *w = context;

    (void)event;
    w->seen++;
    w->lost += model_translate_cached(m, 0, NIC, IOVA, true).result != MODEL_OK;
    w->escaped += passes(m, NIC, IOVA + 0x1000) || passes(m, DISK, IOVA);
}

static void a_sleep_that_keeps_registers_has_no_moment_without_protection(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        struct watch w = { 0 };
        struct fixture f;

        fixture_open_nic(&f, all_profiles[i]);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        model_set_hook(f.m, watch_dma, &w);
        for (unsigned turn = 0; turn < 2; turn++) {
            assert_int_equal(doze(&f), UDMAR_OK);
            assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
        }
        model_set_hook(f.m, NULL, NULL);
        assert_true(w.seen > 20);
        assert_int_equal(w.lost, 0);
        assert_int_equal(w.escaped, 0);
        assert_int_equal(model_stats(f.u)->te_off, 0);
        assert_true(model_log_contains(f.m, "it has its registers still"));
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        fixture_close(&f);
    }
}

static void nothing_is_allocated_and_nothing_leaks(void **state)
{
    size_t pages, bytes;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    pages = model_pages_in_use(f.m);
    bytes = model_bytes_in_use(f.m);
    for (unsigned turn = 0; turn < 100; turn++) {
        model_fail_host_call(f.m, 1, true);
        assert_int_equal(doze(&f), UDMAR_OK);
        if (turn % 2 == 0) {
            lose_all(&f);
        }
        assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
        assert_int_equal(model_host_calls_failed(f.m), 0);
        model_fail_host_call(f.m, 0, false);
    }
    assert_int_equal(model_pages_in_use(f.m), pages);
    assert_int_equal(model_bytes_in_use(f.m), bytes);
    fixture_close(&f);
}

/* ---- Order ----------------------------------------------------------------------------------- */

static void a_wrong_order_is_a_named_error(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_create(&f);
    assert_int_equal(udmar_suspend(NULL, UDMAR_MEANWHILE_FAIL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_suspend(f.instance, (enum udmar_meanwhile)7), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_resume(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(doze(&f), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_resume(f.instance), UDMAR_ERR_ORDER);
    fixture_start(&f);
    assert_int_equal(udmar_resume(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(doze(&f), UDMAR_OK);
    assert_int_equal(doze(&f), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    assert_int_equal(udmar_resume(f.instance), UDMAR_ERR_ORDER);
    fixture_close(&f);
}

/* ---- Meanwhile ------------------------------------------------------------------------------- */

static void who_needs_the_unit_meanwhile_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        for (unsigned lost = 0; lost < 2; lost++) {
            unsigned reads;
            struct fixture f;

            fixture_open_nic(&f, all_profiles[i]);
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            model_cache_warm(f.u);
            assert_int_equal(doze(&f), UDMAR_OK);
            if (lost) {
                lose_all(&f);
                model_behaviour(f.u)->all_ones = true;
            }
            reads = model_stats(f.u)->register_reads;
            assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_SUSPENDED);
            (void)udmar_tick(f.instance);
            /* A unit that is not there is not asked. */
            assert_int_equal(model_stats(f.u)->register_reads, reads);
            model_behaviour(f.u)->all_ones = false;
            assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
            assert_int_equal(model_cache_stale(f.u), 0);
            assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
            fixture_close(&f);
        }
    }
}

struct waker {
    struct fixture *f;
    unsigned looks;
    unsigned after; /* 0: never */
    enum udmar_status status;
};

/* Another processor, while the first one waits. */
static void wake_others(void *context, struct model *m, enum model_event event)
{
    struct waker *w = context;

    if (event == MODEL_EVENT_TIME && ++w->looks == w->after) {
        model_set_hook(m, NULL, NULL);
        w->status = udmar_resume(w->f->instance);
    }
}

static void who_is_to_wait_waits_for_resume_and_not_for_ever(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        struct waker w = { .after = 5, .status = UDMAR_ERR_ORDER };
        uint64_t began;
        struct fixture f;

        fixture_open_nic(&f, all_profiles[i]);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(udmar_suspend(f.instance, UDMAR_MEANWHILE_WAIT), UDMAR_OK);
        lose_all(&f);
        w.f = &f;
        model_set_hook(f.m, wake_others, &w);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(w.status, UDMAR_OK);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        /* Nobody resumes. */
        assert_int_equal(udmar_suspend(f.instance, UDMAR_MEANWHILE_WAIT), UDMAR_OK);
        began = model_time(f.m);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_SUSPENDED);
        assert_true(model_time(f.m) - began < 4 * fixture_unit(&f, 0)->timeout_ns);
        assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
        fixture_close(&f);
    }
}

struct sleeper {
    struct fixture *f;
    unsigned looks;
    enum udmar_status status;
};

static void suspend_others(void *context, struct model *m, enum model_event event)
{
    struct sleeper *s = context;

    if (event == MODEL_EVENT_TIME && ++s->looks == 3) {
        model_set_hook(m, NULL, NULL);
        s->status = doze(s->f);
    }
}

/* A request is on its way, and the unit does nothing: the other processor suspends. */
static void a_wait_in_flight_ends_with_its_name(void **state)
{
    struct sleeper s = { .status = UDMAR_OK };
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    s.f = &f;
    model_set_hook(f.m, suspend_others, &s);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_ERR_SUSPENDED);
    assert_int_equal(s.status, UDMAR_ERR_TIMEOUT);
    assert_true(model_log_contains(f.m, "has not confirmed before the suspend"));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    lose_all(&f);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    fixture_close(&f);
}

static void what_rests_in_deferred_mode_is_flushed(void **state)
{
    struct udmar_domain *domain;
    udmar_iova_t iova;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.strict", "0");
    f.config.ticking = true;
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    domain = udmar_device_domain(f.nic);
    iova = udmar_stream_map_one(domain, f.page, 0x1000, UDMAR_READ_WRITE, UINT64_MAX);
    assert_true(iova != UDMAR_STREAM_NONE);
    model_cache_warm(f.u);
    assert_int_equal(udmar_stream_unmap(domain, iova), UDMAR_OK);
    assert_true(model_cache_stale(f.u) > 0);
    assert_int_equal(doze(&f), UDMAR_OK);
    assert_int_equal(model_cache_stale(f.u), 0);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    fixture_close(&f);
}

/* ---- What firmware has on at the wake-up ----------------------------------------------------- */

static void what_firmware_has_on_then_is_taken_over(void **state)
{
    static const uint32_t left[] = { TE | RTP, QIE, TE | RTP | QIE, AFL, IRE | IRTP | QIE };

    (void)state;
    for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        for (unsigned mode = 0; mode < ((left[i] & TE) != 0 ? 3 : 1); mode++) {
            uint64_t queue, root, table;
            struct fixture f;

            interrupt_machine_of(&f, NULL, "generic48", CAP_AFL | CAP_PMR, 0);
            start_interrupts(&f);
            f.nic = fixture_attach(&f, NIC);
            assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
            queue = model_page_alloc(f.m);
            root = model_page_alloc(f.m);
            table = model_page_alloc(f.m);
            assert_int_equal(doze(&f), UDMAR_OK);
            lose_all(&f);
            model_poke32(f.u, IQA, (uint32_t)queue);
            model_poke32(f.u, IRTA, (uint32_t)table | 7);
            model_poke32(f.u, PMEN, EPM);
            model_firmware_state(f.u, left[i], root | (uint64_t)mode << 10);
            assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
            assert_int_equal(model_peek32(f.u, GSTS), TE | RTP | QIE | IRE | IRTP);
            assert_int_equal(model_peek32(f.u, PMEN), 0);
            assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
            assert_int_equal(fixture_write(&f, DISK, IOVA), MODEL_BLOCKED);
            assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
            assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
            model_page_free(f.m, queue);
            model_page_free(f.m, root);
            model_page_free(f.m, table);
            fixture_close(&f);
        }
    }
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

static void interrupts_are_remapped_again(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm", "modern", "v6" };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned lost = 0; lost < 2; lost++) {
            struct udmar_interrupt_target target = to(9, 0x59);
            struct udmar_interrupt_message message, moved;
            struct udmar_interrupt *nic, *pin;
            uint64_t irta;
            struct fixture f;

            open_interrupts(&f, profiles[i]);
            nic = allocate(&f, from_function(NIC), 1);
            pin = allocate(&f, from_pin(IOAPIC_ID, 16), 1);
            message = set_to(nic, 0, 3, 0x51);
            (void)set_to(pin, 0, 4, 0x61);
            irta = model_peek32(f.u, IRTA);
            assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
            assert_int_equal(doze(&f), UDMAR_OK);
            if (lost) {
                lose_all(&f);
            }
            /* It says the new target, and it is in force after resume. */
            assert_int_equal(udmar_interrupt_set(nic, 0, &target, &moved), UDMAR_ERR_SUSPENDED);
            assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
            assert_int_equal(model_peek32(f.u, IRTA), irta);
            assert_int_equal(model_peek32(f.u, GSTS) & (IRE | CFI), IRE);
            assert_int_equal(fires(&f, NIC, &message), ARRIVES(9, 0x59));
            assert_int_equal(fires(&f, DISK, &message), BLOCKED);
            assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
            message = set_to(nic, 0, 5, 0x52);
            assert_int_equal(fires(&f, NIC, &message), ARRIVES(5, 0x52));
            assert_int_equal(f.programs[1], 1);
            assert_int_equal(udmar_interrupt_free(nic), UDMAR_OK);
            assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
            fixture_close(&f);
        }
    }
}

static void compatibility_format_passes_again_where_it_did(void **state)
{
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.ir.compat", "1");
    start_interrupts(&f);
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), COMPATIBLE);
    assert_int_equal(doze(&f), UDMAR_OK);
    lose_all(&f);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), COMPATIBLE);
    fixture_close(&f);
}

/* ---- Units that do not come back ------------------------------------------------------------- */

static void a_unit_that_does_not_come_back_is_named_and_left_out(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        const struct model_scope scope = fixture_endpoint(DISK);
        struct udmar_unit_status first, second;
        struct model_unit *other;
        struct udmar_device *disk;
        uint64_t began;
        struct fixture f;

        fixture_empty(&f);
        other = model_add_unit(
            f.m, &(struct model_unit_config){ .profile = "generic48", .base = BASE_2 });
        model_add_unit_scope(other, &scope);
        f.u = model_add_unit(f.m, &(struct model_unit_config){
                                      .profile = "generic48", .base = BASE, .include_all = true });
        model_add_function(f.m, 0, NIC, 0x8086, 0x10d3, 0x020000);
        model_add_function(f.m, 0, DISK, 0x8086, 0x2922, 0x010601);
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        disk = fixture_attach(&f, DISK);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_int_equal(doze(&f), UDMAR_OK);
        lose_all(&f);
        if (how == 0) {
            model_behaviour(other)->all_ones = true;
        } else if (how == 1) {
            model_behaviour(other)->gsts_lag = MODEL_NEVER;
        } else {
            model_hang_wait(other, 2, true);
        }
        began = model_time(f.m);
        assert_int_equal(udmar_resume(f.instance),
                         how == 0 ? UDMAR_ERR_ALL_ONES : UDMAR_ERR_TIMEOUT);
        assert_true(model_time(f.m) - began < 40 * fixture_unit(&f, 0)->timeout_ns);
        assert_true(model_log_contains(f.m, "unit 0 is left out:"));
        assert_int_equal(udmar_unit_status(f.instance, 0, &first), UDMAR_OK);
        assert_int_equal(udmar_unit_status(f.instance, 1, &second), UDMAR_OK);
        assert_true(first.failed);
        assert_false(second.failed);
        assert_true(second.translating);
        assert_true(fixture_info(disk).mode != UDMAR_MODE_TRANSLATE);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_int_equal(fixture_write(&f, NIC, IOVA + 0x1000), MODEL_BLOCKED);
        /* It answers again: the next start has it. */
        model_behaviour(other)->all_ones = false;
        model_behaviour(other)->gsts_lag = 0;
        model_release_waits(other);
        model_clear_violations(f.m);
        assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        fixture_start(&f);
        assert_int_equal(udmar_unit_status(f.instance, 0, &first), UDMAR_OK);
        assert_true(first.translating);
        fixture_close(&f);
    }
}

static void when_no_unit_comes_back_it_is_as_after_stop(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(doze(&f), UDMAR_OK);
    lose_all(&f);
    model_behaviour(f.u)->all_ones = true;
    assert_int_equal(udmar_resume(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(udmar_resume(f.instance), UDMAR_ERR_ORDER);
    assert_int_equal(doze(&f), UDMAR_ERR_ORDER);
    model_behaviour(f.u)->all_ones = false;
    fixture_start(&f);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    fixture_close(&f);
}

/* A queue that does not start any more gives way to registers. */
static void registers_take_the_place_of_a_queue_that_does_not_come_back(void **state)
{
    struct udmar_unit_status status;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
    assert_int_equal(doze(&f), UDMAR_OK);
    lose_all(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    assert_int_equal(udmar_unit_status(f.instance, 0, &status), UDMAR_OK);
    assert_false(status.uses_queue);
    assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
    assert_int_equal(fixture_unmap(&f, IOVA), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    /* And once more, without one. */
    assert_int_equal(doze(&f), UDMAR_OK);
    lose_all(&f);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    fixture_close(&f);
}

static void faults_are_read_before_they_are_lost(void **state)
{
    struct udmar_fault_counts counts;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &(struct model_config){ .no_interrupts = true },
                           &(struct model_unit_config){ .base = BASE, .include_all = true });
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_write(&f, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(doze(&f), UDMAR_OK);
    udmar_fault_counts(f.instance, &counts);
    assert_int_equal(counts.total, 1);
    lose_all(&f);
    assert_int_equal(udmar_resume(f.instance), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_that_are_lost_come_back),
        cmocka_unit_test(a_sleep_that_keeps_registers_has_no_moment_without_protection),
        cmocka_unit_test(nothing_is_allocated_and_nothing_leaks),
        cmocka_unit_test(a_wrong_order_is_a_named_error),
        cmocka_unit_test(who_needs_the_unit_meanwhile_is_told),
        cmocka_unit_test(who_is_to_wait_waits_for_resume_and_not_for_ever),
        cmocka_unit_test(a_wait_in_flight_ends_with_its_name),
        cmocka_unit_test(what_rests_in_deferred_mode_is_flushed),
        cmocka_unit_test(what_firmware_has_on_then_is_taken_over),
        cmocka_unit_test(interrupts_are_remapped_again),
        cmocka_unit_test(compatibility_format_passes_again_where_it_did),
        cmocka_unit_test(a_unit_that_does_not_come_back_is_named_and_left_out),
        cmocka_unit_test(when_no_unit_comes_back_it_is_as_after_stop),
        cmocka_unit_test(registers_take_the_place_of_a_queue_that_does_not_come_back),
        cmocka_unit_test(faults_are_read_before_they_are_lost),
    };

    return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
