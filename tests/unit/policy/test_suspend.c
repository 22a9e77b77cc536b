/* SPDX-License-Identifier: BSD-2-Clause */
/* Suspend and resume: registers lost, kept, or as firmware wants them; and who asks meanwhile. */
#include <udmar/stream.h>

#include "interrupt_scene.h"

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

static enum udmar_status doze(struct rig *r)
{
    return udmar_suspend(r->d, UDMAR_MEANWHILE_FAIL);
}

static void lose_all(struct rig *r)
{
    for (unsigned i = 0; model_unit_at(r->m, i) != NULL; i++) {
        model_lose_registers(model_unit_at(r->m, i));
    }
}

/* ---- What comes back ------------------------------------------------------------------------- */

static void registers_that_are_lost_come_back(void **state)
{
    static const uint32_t kept[] = { GSTS, FECTL, FEDATA, FEADDR };

    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        uint32_t before[4];
        struct rig r;

        rig_open(&r, all_profiles[i]);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        for (unsigned k = 0; k < 4; k++) {
            before[k] = model_peek32(r.u, kept[k]);
        }
        for (unsigned turn = 0; turn < 3; turn++) {
            assert_int_equal(doze(&r), UDMAR_OK);
            assert_int_equal(model_cache_stale(r.u), 0);
            lose_all(&r);
            assert_int_equal(udmar_resume(r.d), UDMAR_OK);
            for (unsigned k = 0; k < 4; k++) {
                assert_int_equal(model_peek32(r.u, kept[k]), before[k]);
            }
            assert_true(rig_reaches(&r, NIC, IOVA, r.page));
            assert_int_equal(rig_write(&r, NIC, IOVA + 0x1000), MODEL_BLOCKED);
            assert_int_equal(rig_write(&r, DISK, IOVA), MODEL_BLOCKED);
            assert_true(udmar_fault_poll(r.d) > 0 || model_interrupts(r.m) > 0);
            /* The unit is asked as before. */
            assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
            assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
            assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        }
        assert_true(model_log_contains(r.m, "its registers are lost"));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        rig_close(&r);
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
        struct rig r;

        rig_open(&r, all_profiles[i]);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        model_set_hook(r.m, watch_dma, &w);
        for (unsigned turn = 0; turn < 2; turn++) {
            assert_int_equal(doze(&r), UDMAR_OK);
            assert_int_equal(udmar_resume(r.d), UDMAR_OK);
        }
        model_set_hook(r.m, NULL, NULL);
        assert_true(w.seen > 20);
        assert_int_equal(w.lost, 0);
        assert_int_equal(w.escaped, 0);
        assert_int_equal(model_stats(r.u)->te_off, 0);
        assert_true(model_log_contains(r.m, "it has its registers still"));
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        rig_close(&r);
    }
}

static void nothing_is_allocated_and_nothing_leaks(void **state)
{
    size_t pages, bytes;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    pages = model_pages_in_use(r.m);
    bytes = model_bytes_in_use(r.m);
    for (unsigned turn = 0; turn < 100; turn++) {
        model_fail_host_call(r.m, 1, true);
        assert_int_equal(doze(&r), UDMAR_OK);
        if (turn % 2 == 0) {
            lose_all(&r);
        }
        assert_int_equal(udmar_resume(r.d), UDMAR_OK);
        assert_int_equal(model_host_calls_failed(r.m), 0);
        model_fail_host_call(r.m, 0, false);
    }
    assert_int_equal(model_pages_in_use(r.m), pages);
    assert_int_equal(model_bytes_in_use(r.m), bytes);
    rig_close(&r);
}

/* ---- Order ----------------------------------------------------------------------------------- */

static void a_wrong_order_is_a_named_error(void **state)
{
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_create(&r);
    assert_int_equal(udmar_suspend(NULL, UDMAR_MEANWHILE_FAIL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_suspend(r.d, (enum udmar_meanwhile)7), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_resume(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(doze(&r), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_resume(r.d), UDMAR_ERR_ORDER);
    rig_start(&r);
    assert_int_equal(udmar_resume(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(doze(&r), UDMAR_OK);
    assert_int_equal(doze(&r), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_start(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_stop(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_destroy(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    assert_int_equal(udmar_resume(r.d), UDMAR_ERR_ORDER);
    rig_close(&r);
}

/* ---- Meanwhile ------------------------------------------------------------------------------- */

static void who_needs_the_unit_meanwhile_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        for (unsigned lost = 0; lost < 2; lost++) {
            unsigned reads;
            struct rig r;

            rig_open(&r, all_profiles[i]);
            assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
            model_cache_warm(r.u);
            assert_int_equal(doze(&r), UDMAR_OK);
            if (lost) {
                lose_all(&r);
                model_behaviour(r.u)->all_ones = true;
            }
            reads = model_stats(r.u)->register_reads;
            assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_SUSPENDED);
            (void)udmar_tick(r.d);
            /* A unit that is not there is not asked. */
            assert_int_equal(model_stats(r.u)->register_reads, reads);
            model_behaviour(r.u)->all_ones = false;
            assert_int_equal(udmar_resume(r.d), UDMAR_OK);
            assert_int_equal(model_cache_stale(r.u), 0);
            assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
            assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
            assert_true(rig_reaches(&r, NIC, IOVA, r.page));
            assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
            rig_close(&r);
        }
    }
}

struct waker {
    struct rig *r;
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
        w->status = udmar_resume(w->r->d);
    }
}

static void who_is_to_wait_waits_for_resume_and_not_for_ever(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        struct waker w = { .after = 5, .status = UDMAR_ERR_ORDER };
        uint64_t began;
        struct rig r;

        rig_open(&r, all_profiles[i]);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(udmar_suspend(r.d, UDMAR_MEANWHILE_WAIT), UDMAR_OK);
        lose_all(&r);
        w.r = &r;
        model_set_hook(r.m, wake_others, &w);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(w.status, UDMAR_OK);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        /* Nobody resumes. */
        assert_int_equal(udmar_suspend(r.d, UDMAR_MEANWHILE_WAIT), UDMAR_OK);
        began = model_time(r.m);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_SUSPENDED);
        assert_true(model_time(r.m) - began < 4 * rig_unit(&r, 0)->timeout_ns);
        assert_int_equal(udmar_resume(r.d), UDMAR_OK);
        rig_close(&r);
    }
}

struct sleeper {
    struct rig *r;
    unsigned looks;
    enum udmar_status status;
};

static void suspend_others(void *context, struct model *m, enum model_event event)
{
    struct sleeper *s = context;

    if (event == MODEL_EVENT_TIME && ++s->looks == 3) {
        model_set_hook(m, NULL, NULL);
        s->status = doze(s->r);
    }
}

/* A request is on its way, and the unit does nothing: the other processor suspends. */
static void a_wait_in_flight_ends_with_its_name(void **state)
{
    struct sleeper s = { .status = UDMAR_OK };
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    s.r = &r;
    model_set_hook(r.m, suspend_others, &s);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_ERR_SUSPENDED);
    assert_int_equal(s.status, UDMAR_ERR_TIMEOUT);
    assert_true(model_log_contains(r.m, "has not confirmed before the suspend"));
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    lose_all(&r);
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    rig_close(&r);
}

static void what_rests_in_deferred_mode_is_flushed(void **state)
{
    struct udmar_domain *domain;
    udmar_iova_t iova;
    struct rig r;

    (void)state;
    rig_machine(&r, "generic48");
    rig_tune(&r, "hw.dmar.strict", "0");
    r.config.ticking = true;
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    domain = udmar_device_domain(r.nic);
    iova = udmar_stream_map_one(domain, r.page, 0x1000, UDMAR_READ_WRITE, UINT64_MAX);
    assert_true(iova != UDMAR_STREAM_NONE);
    model_cache_warm(r.u);
    assert_int_equal(udmar_stream_unmap(domain, iova), UDMAR_OK);
    assert_true(model_cache_stale(r.u) > 0);
    assert_int_equal(doze(&r), UDMAR_OK);
    assert_int_equal(model_cache_stale(r.u), 0);
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    rig_close(&r);
}

/* ---- What firmware has on at the wake-up ----------------------------------------------------- */

static void what_firmware_has_on_then_is_taken_over(void **state)
{
    static const uint32_t left[] = { TE | RTP, QIE, TE | RTP | QIE, AFL, IRE | IRTP | QIE };

    (void)state;
    for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        for (unsigned mode = 0; mode < ((left[i] & TE) != 0 ? 3 : 1); mode++) {
            uint64_t queue, root, table;
            struct scene s;

            scene_machine_of(&s, NULL, "generic48", CAP_AFL | CAP_PMR, 0);
            scene_start(&s);
            s.r.nic = rig_attach(&s.r, NIC);
            assert_int_equal(rig_map(&s.r, IOVA, s.r.page), UDMAR_OK);
            queue = model_page_alloc(s.r.m);
            root = model_page_alloc(s.r.m);
            table = model_page_alloc(s.r.m);
            assert_int_equal(doze(&s.r), UDMAR_OK);
            lose_all(&s.r);
            model_poke32(s.r.u, IQA, (uint32_t)queue);
            model_poke32(s.r.u, IRTA, (uint32_t)table | 7);
            model_poke32(s.r.u, PMEN, EPM);
            model_firmware_state(s.r.u, left[i], root | (uint64_t)mode << 10);
            assert_int_equal(udmar_resume(s.r.d), UDMAR_OK);
            assert_int_equal(model_peek32(s.r.u, GSTS), TE | RTP | QIE | IRE | IRTP);
            assert_int_equal(model_peek32(s.r.u, PMEN), 0);
            assert_true(rig_reaches(&s.r, NIC, IOVA, s.r.page));
            assert_int_equal(rig_write(&s.r, DISK, IOVA), MODEL_BLOCKED);
            assert_int_equal(sends(&s, NIC, 0xfee00000, 0x41), BLOCKED);
            assert_int_equal(rig_unmap(&s.r, IOVA), UDMAR_OK);
            model_page_free(s.r.m, queue);
            model_page_free(s.r.m, root);
            model_page_free(s.r.m, table);
            scene_close(&s);
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
            struct scene s;

            scene_open(&s, profiles[i]);
            nic = allocate(&s, from_function(NIC), 1);
            pin = allocate(&s, from_pin(IOAPIC_ID, 16), 1);
            message = set_to(nic, 0, 3, 0x51);
            (void)set_to(pin, 0, 4, 0x61);
            irta = model_peek32(s.r.u, IRTA);
            assert_int_equal(fires(&s, NIC, &message), ARRIVES(3, 0x51));
            assert_int_equal(doze(&s.r), UDMAR_OK);
            if (lost) {
                lose_all(&s.r);
            }
            /* It says the new target, and it is in force after resume. */
            assert_int_equal(udmar_interrupt_set(nic, 0, &target, &moved), UDMAR_ERR_SUSPENDED);
            assert_int_equal(udmar_resume(s.r.d), UDMAR_OK);
            assert_int_equal(model_peek32(s.r.u, IRTA), irta);
            assert_int_equal(model_peek32(s.r.u, GSTS) & (IRE | CFI), IRE);
            assert_int_equal(fires(&s, NIC, &message), ARRIVES(9, 0x59));
            assert_int_equal(fires(&s, DISK, &message), BLOCKED);
            assert_int_equal(sends(&s, NIC, 0xfee00000, 0x41), BLOCKED);
            message = set_to(nic, 0, 5, 0x52);
            assert_int_equal(fires(&s, NIC, &message), ARRIVES(5, 0x52));
            assert_int_equal(s.programs[1], 1);
            assert_int_equal(udmar_interrupt_free(nic), UDMAR_OK);
            assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
            scene_close(&s);
        }
    }
}

static void compatibility_format_passes_again_where_it_did(void **state)
{
    struct scene s;

    (void)state;
    scene_machine(&s, "generic48");
    rig_tune(&s.r, "hw.dmar.ir.compat", "1");
    scene_start(&s);
    assert_int_equal(sends(&s, NIC, 0xfee00000, 0x41), COMPATIBLE);
    assert_int_equal(doze(&s.r), UDMAR_OK);
    lose_all(&s.r);
    assert_int_equal(udmar_resume(s.r.d), UDMAR_OK);
    assert_int_equal(sends(&s, NIC, 0xfee00000, 0x41), COMPATIBLE);
    scene_close(&s);
}

/* ---- Units that do not come back ------------------------------------------------------------- */

static void a_unit_that_does_not_come_back_is_named_and_left_out(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        const struct model_scope scope = rig_endpoint(DISK);
        struct udmar_unit_status first, second;
        struct model_unit *other;
        struct udmar_device *disk;
        uint64_t began;
        struct rig r;

        rig_empty(&r);
        other = model_add_unit(
            r.m, &(struct model_unit_config){ .profile = "generic48", .base = BASE_2 });
        model_add_unit_scope(other, &scope);
        r.u = model_add_unit(r.m, &(struct model_unit_config){
                                      .profile = "generic48", .base = BASE, .include_all = true });
        model_add_function(r.m, 0, NIC, 0x8086, 0x10d3, 0x020000);
        model_add_function(r.m, 0, DISK, 0x8086, 0x2922, 0x010601);
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, NIC);
        disk = rig_attach(&r, DISK);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_int_equal(doze(&r), UDMAR_OK);
        lose_all(&r);
        if (how == 0) {
            model_behaviour(other)->all_ones = true;
        } else if (how == 1) {
            model_behaviour(other)->gsts_lag = MODEL_NEVER;
        } else {
            model_hang_wait(other, 2, true);
        }
        began = model_time(r.m);
        assert_int_equal(udmar_resume(r.d), how == 0 ? UDMAR_ERR_ALL_ONES : UDMAR_ERR_TIMEOUT);
        assert_true(model_time(r.m) - began < 40 * rig_unit(&r, 0)->timeout_ns);
        assert_true(model_log_contains(r.m, "unit 0 is left out:"));
        assert_int_equal(udmar_unit_status(r.d, 0, &first), UDMAR_OK);
        assert_int_equal(udmar_unit_status(r.d, 1, &second), UDMAR_OK);
        assert_true(first.failed);
        assert_false(second.failed);
        assert_true(second.translating);
        assert_true(rig_info(disk).mode != UDMAR_MODE_TRANSLATE);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_int_equal(rig_write(&r, NIC, IOVA + 0x1000), MODEL_BLOCKED);
        /* It answers again: the next start has it. */
        model_behaviour(other)->all_ones = false;
        model_behaviour(other)->gsts_lag = 0;
        model_release_waits(other);
        model_clear_violations(r.m);
        assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
        assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        rig_start(&r);
        assert_int_equal(udmar_unit_status(r.d, 0, &first), UDMAR_OK);
        assert_true(first.translating);
        rig_close(&r);
    }
}

static void when_no_unit_comes_back_it_is_as_after_stop(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    assert_int_equal(doze(&r), UDMAR_OK);
    lose_all(&r);
    model_behaviour(r.u)->all_ones = true;
    assert_int_equal(udmar_resume(r.d), UDMAR_ERR_NO_UNIT);
    assert_int_equal(udmar_resume(r.d), UDMAR_ERR_ORDER);
    assert_int_equal(doze(&r), UDMAR_ERR_ORDER);
    model_behaviour(r.u)->all_ones = false;
    rig_start(&r);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    rig_close(&r);
}

/* A queue that does not start any more gives way to registers. */
static void registers_take_the_place_of_a_queue_that_does_not_come_back(void **state)
{
    struct udmar_unit_status status;
    struct rig r;

    (void)state;
    rig_open(&r, "generic48");
    assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(doze(&r), UDMAR_OK);
    lose_all(&r);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    assert_int_equal(udmar_unit_status(r.d, 0, &status), UDMAR_OK);
    assert_false(status.uses_queue);
    assert_true(rig_reaches(&r, NIC, IOVA, r.page));
    assert_int_equal(rig_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    /* And once more, without one. */
    assert_int_equal(doze(&r), UDMAR_OK);
    lose_all(&r);
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    rig_close(&r);
}

static void faults_are_read_before_they_are_lost(void **state)
{
    struct udmar_fault_counts counts;
    struct rig r;

    (void)state;
    rig_machine_config(&r, &(struct model_config){ .no_interrupts = true },
                       &(struct model_unit_config){ .base = BASE, .include_all = true });
    rig_create(&r);
    rig_start(&r);
    r.nic = rig_attach(&r, NIC);
    assert_int_equal(rig_write(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(doze(&r), UDMAR_OK);
    udmar_fault_counts(r.d, &counts);
    assert_int_equal(counts.total, 1);
    lose_all(&r);
    assert_int_equal(udmar_resume(r.d), UDMAR_OK);
    rig_close(&r);
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
