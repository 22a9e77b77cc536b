/* SPDX-License-Identifier: BSD-2-Clause */
/* Register access and the protocol of the command register, on a unit without an instance. */
#include "fixture/inside.h"

struct bare {
    struct fixture f;
    struct udmar_unit *unit;
};

static void open_bare(struct bare *b, const char *profile)
{
    const char *reason;

    fixture_machine(&b->f, profile);
    assert_int_equal(udmar__unit_create(b->f.m,
                                        &(struct udmar__unit_config){ .base = BASE,
                                                                      .firmware_size = 4096,
                                                                      .timeout_ns = 10000000 },
                                        &b->unit, &reason),
                     UDMAR_OK);
    (void)udmar__unit_adopt_state(b->unit);
}

static void close_bare(struct bare *b)
{
    udmar__unit_destroy(b->unit);
    fixture_close(&b->f);
}

/* Trap 1: what GSTS shows of one-shot commands is never written back. */
static void one_shot_bits_are_not_repeated(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "modern");
    model_firmware_state(b.f.u, RTP | UINT32_C(0x01000000), 0);
    assert_int_equal(udmar__unit_adopt_state(b.unit), RTP | UINT32_C(0x01000000));
    assert_int_equal(b.unit->commands, 0);
    assert_int_equal(udmar__set_root(b.unit, b.f.page), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->srtp, 1);
    assert_int_equal(udmar__queue_create(b.unit, 0), UDMAR_OK);
    assert_int_equal(udmar__queue_start(b.unit), UDMAR_OK);
    assert_int_equal(udmar__queue_stop(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->srtp, 1);
    assert_int_equal(model_stats(b.f.u)->sirtp, 0);
    close_bare(&b);
}

static void lasting_bits_are_kept(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "modern");
    model_firmware_state(b.f.u, TE | RTP | IRE, b.f.page);
    (void)udmar__unit_adopt_state(b.unit);
    assert_true(b.unit->translating);
    assert_int_equal(udmar__set_root(b.unit, b.f.page), UDMAR_OK);
    assert_int_equal(udmar__command(b.unit, GCMD_CFI, true), UDMAR_OK);
    assert_int_equal(model_peek32(b.f.u, GSTS) & (TE | IRE), TE | IRE);
    assert_int_equal(udmar__command(b.unit, GCMD_CFI, false), UDMAR_OK);
    assert_int_equal(udmar__command(b.unit, GCMD_IRE, false), UDMAR_OK);
    assert_int_equal(udmar__command(b.unit, GCMD_TE, false), UDMAR_OK);
    assert_false(b.unit->translating);
    assert_int_equal(model_stats(b.f.u)->te_off, 1);
    close_bare(&b);
}

static void every_lag_is_waited_for(void **state)
{
    (void)state;
    for (uint32_t lag = 0; lag < 200; lag = lag * 2 + 1) {
        struct bare b;

        open_bare(&b, "rwbf");
        model_behaviour(b.f.u)->gsts_lag = lag;
        assert_int_equal(udmar__set_root(b.unit, b.f.page), UDMAR_OK);
        assert_int_equal(udmar__write_buffer_flush(b.unit), UDMAR_OK);
        assert_int_equal(model_peek32(b.f.u, GSTS), RTP);
        assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
        assert_int_equal(udmar__invalidate_all(b.unit), UDMAR_OK);
        assert_int_equal(udmar__command(b.unit, GCMD_TE, true), UDMAR_OK);
        assert_int_equal(model_peek32(b.f.u, GSTS), TE | RTP);
        assert_int_equal(udmar__command(b.unit, GCMD_TE, false), UDMAR_OK);
        close_bare(&b);
    }
}

static enum udmar_status never(struct bare *b, unsigned which)
{
    switch (which) {
    case 0:
        return udmar__set_root(b->unit, b->f.page);
    case 1:
        return udmar__write_buffer_flush(b->unit);
    case 2:
        return udmar__protected_regions_off(b->unit);
    default:
        return udmar__command(b->unit, GCMD_TE, true);
    }
}

static void no_command_waits_for_ever(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 4; which++) {
        struct bare b;
        uint64_t start;

        open_bare(&b, "rwbf");
        assert_int_equal(udmar__set_root(b.unit, b.f.page), UDMAR_OK);
        assert_int_equal(udmar__invalidate_all(b.unit), UDMAR_OK);
        model_poke32(b.f.u, PMEN, 0x80000001);
        model_behaviour(b.f.u)->gsts_lag = MODEL_NEVER;
        start = model_time(b.f.m);
        assert_int_equal(never(&b, which), UDMAR_ERR_TIMEOUT);
        assert_in_range(model_time(b.f.m) - start, 10000000, 11000000);
        assert_int_equal(b.unit->counts.timeouts, 1);
        assert_false(b.unit->translating);
        close_bare(&b);
    }
}

static void goes_away(void *context, struct model *m, enum model_event event)
{
    unsigned *looks = context;

    if (event == MODEL_EVENT_TIME && ++*looks == 2) {
        model_advance_time(m, 20000000);
    }
}

/* The deadline passes while the processor is away; what is done by then is no error. */
static void late_look_counts(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 4; which++) {
        unsigned looks = 0;
        struct bare b;

        open_bare(&b, "rwbf");
        assert_int_equal(udmar__set_root(b.unit, b.f.page), UDMAR_OK);
        assert_int_equal(udmar__invalidate_all(b.unit), UDMAR_OK);
        model_poke32(b.f.u, PMEN, 0x80000001);
        model_behaviour(b.f.u)->gsts_lag = 2;
        model_set_hook(b.f.m, goes_away, &looks);
        assert_int_equal(never(&b, which), UDMAR_OK);
        model_set_hook(b.f.m, NULL, NULL);
        assert_int_equal(b.unit->counts.timeouts, 0);
        model_behaviour(b.f.u)->gsts_lag = 0;
        if (which == 3) {
            assert_int_equal(udmar__command(b.unit, GCMD_TE, false), UDMAR_OK);
        }
        close_bare(&b);
    }
}

static void dead_registers_end_in_time(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "rwbf");
    model_behaviour(b.f.u)->all_ones = true;
    /* All ones looks like success to some of these, but none hangs. */
    (void)udmar__set_root(b.unit, b.f.page);
    assert_int_equal(udmar__write_buffer_flush(b.unit), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar__command(b.unit, GCMD_TE, false), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar__invalidate_all(b.unit), UDMAR_ERR_TIMEOUT);
    model_behaviour(b.f.u)->all_ones = false;
    close_bare(&b);
}

static void write_buffer_flush_where_it_exists(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "generic48");
    assert_int_equal(udmar__write_buffer_flush(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->gcmd_writes, 0);
    close_bare(&b);
    open_bare(&b, "rwbf");
    assert_int_equal(udmar__write_buffer_flush(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->wbf, 1);
    close_bare(&b);
}

static void protected_regions_where_they_exist(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "generic48");
    model_stats(b.f.u)->register_reads = 0;
    assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->register_writes, 0);
    assert_int_equal(model_stats(b.f.u)->register_reads, 0);
    close_bare(&b);
}

/* One of the two suffices. */
static void low_or_high_protected_region(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits < 4; bits++) {
        const struct model_unit_config unit = { .base = BASE,
                                                .include_all = true,
                                                .cap_clear = UINT64_C(3) << 5,
                                                .cap_set = (uint64_t)bits << 5 };
        const char *reason;
        struct bare b;

        fixture_machine_config(&b.f, NULL, &unit);
        assert_int_equal(udmar__unit_create(b.f.m,
                                            &(struct udmar__unit_config){ .base = BASE,
                                                                          .firmware_size = 4096,
                                                                          .timeout_ns = 10000000 },
                                            &b.unit, &reason),
                         UDMAR_OK);
        model_poke32(b.f.u, PMEN, 0x80000001);
        assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
        assert_int_equal(model_peek32(b.f.u, PMEN), 0);
        close_bare(&b);
    }
}

/* Firmware has just switched them off, and they are not off yet. */
static void protected_regions_on_their_way_off(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "rwbf");
    model_poke32(b.f.u, PMEN, 1);
    assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
    assert_int_equal(model_peek32(b.f.u, PMEN), 0);
    close_bare(&b);
}

/* Reserved bits are written as they read (the model complains otherwise). */
static void protected_regions_keep_reserved_bits(void **state)
{
    struct bare b;

    (void)state;
    for (unsigned bit = 1; bit < 31; bit++) {
        open_bare(&b, "rwbf");
        model_poke32(b.f.u, PMEN, UINT32_C(0x80000001) | UINT32_C(1) << bit);
        assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
        assert_int_equal(model_peek32(b.f.u, PMEN), UINT32_C(1) << bit);
        close_bare(&b);
    }
}

/* A write that changes nothing could meet the next one before the unit has shown it. */
static void protected_regions_that_are_off_are_left_alone(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "rwbf");
    assert_true(b.unit->facts.protected_low);
    model_behaviour(b.f.u)->gsts_lag = 5;
    model_stats(b.f.u)->register_writes = 0;
    assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
    assert_int_equal(udmar__protected_regions_off(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->register_writes, 0);
    close_bare(&b);
}

/* Addresses above 4 GiB arrive whole, low half first (the model complains otherwise). */
static void wide_registers_are_written_in_halves(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "generic48");
    assert_int_equal(udmar__set_root(b.unit, UINT64_C(0x123456789000)), UDMAR_OK);
    assert_int_equal(udmar__read64(b.unit, REG_RTADDR), UINT64_C(0x123456789000));
    assert_int_equal(model_peek32(b.f.u, 0x20), 0x56789000);
    assert_int_equal(model_peek32(b.f.u, 0x24), 0x1234);
    close_bare(&b);
}

/* Trap 8: the window is as large as the offsets say, whatever firmware says. */
static void window_larger_than_a_page(void **state)
{
    struct bare b;

    (void)state;
    open_bare(&b, "bigwindow");
    assert_int_equal(b.unit->window, 0x2000);
    (void)udmar__set_root(b.unit, b.f.page);
    assert_int_equal(udmar__invalidate_all(b.unit), UDMAR_OK);
    assert_int_equal(model_stats(b.f.u)->iotlb_global, 1);
    close_bare(&b);
}

static void unit_that_cannot_be_mapped(void **state)
{
    struct udmar_unit *unit = NULL;
    struct fixture f;

    (void)state;
    for (unsigned n = 1; n < 3; n++) {
        const char *reason = NULL;

        fixture_machine(&f, "bigwindow");
        model_fail_host_calls_of(f.m, MODEL_CALL_MMIO_MAP, n, false);
        assert_int_equal(udmar__unit_create(f.m,
                                            &(struct udmar__unit_config){ .base = BASE,
                                                                          .firmware_size = 4096,
                                                                          .timeout_ns = 1000000 },
                                            &unit, &reason),
                         UDMAR_ERR_MEMORY);
        assert_non_null(reason);
        assert_null(unit);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shot_bits_are_not_repeated),
        cmocka_unit_test(lasting_bits_are_kept),
        cmocka_unit_test(every_lag_is_waited_for),
        cmocka_unit_test(no_command_waits_for_ever),
        cmocka_unit_test(late_look_counts),
        cmocka_unit_test(dead_registers_end_in_time),
        cmocka_unit_test(write_buffer_flush_where_it_exists),
        cmocka_unit_test(protected_regions_where_they_exist),
        cmocka_unit_test(low_or_high_protected_region),
        cmocka_unit_test(protected_regions_on_their_way_off),
        cmocka_unit_test(protected_regions_keep_reserved_bits),
        cmocka_unit_test(protected_regions_that_are_off_are_left_alone),
        cmocka_unit_test(wide_registers_are_written_in_halves),
        cmocka_unit_test(window_larger_than_a_page),
        cmocka_unit_test(unit_that_cannot_be_mapped),
    };

    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
