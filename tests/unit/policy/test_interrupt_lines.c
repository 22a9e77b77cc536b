/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APICs, HPETs and units as firmware's table has them, when it is not as it should be. */
#include "fixture/interrupt.h"

#define DEAD_ID 5
#define ND_7    7u /* CAP.ND reserved: the library can't use such a unit */

/* A second unit, for the disk. */
static struct model_unit *add_second(struct fixture *f, uint64_t ecap_set, uint64_t ecap_clear)
{
    const struct model_unit_config config = {
        .profile = "generic48", .base = BASE_2, .ecap_set = ecap_set, .ecap_clear = ecap_clear
    };
    struct model_scope scope = fixture_endpoint(DISK);
    struct model_unit *u = model_add_unit(f->m, &config);

    model_add_unit_scope(u, &scope);
    return u;
}

static void break_unit(struct model_unit *u)
{
    model_poke32(u, 8, model_peek32(u, 8) | ND_7);
}

static void add_ioapic(struct model_unit *u, uint8_t id, uint16_t rid)
{
    const struct model_scope scope = { .type = MODEL_SCOPE_IOAPIC,
                                       .enumeration_id = id,
                                       .start_bus = UDMAR_RID_BUS(rid),
                                       .hops = 1,
                                       .devfn = { (uint8_t)rid } };

    model_add_unit_scope(u, &scope);
}

/* The first hop is no bridge. */
static void add_dead_ioapic(struct model_unit *u, uint8_t id)
{
    const struct model_scope scope = {
        .type = MODEL_SCOPE_IOAPIC, .enumeration_id = id, .hops = 2, .devfn = { 0x18, 0x08 }
    };

    model_add_unit_scope(u, &scope);
}

static enum udmar_status try_pin(struct fixture *f, uint8_t id, struct udmar_interrupt **out)
{
    struct udmar_interrupt_source source = from_pin(id, 0);

    *out = NULL;
    return udmar_interrupt_alloc(f->instance, &source, 1, out);
}

static void a_dead_path_to_an_io_apic_refuses_remapping(void **state)
{
    static const uint8_t ids[] = { IOAPIC_ID, DEAD_ID };
    struct udmar_interrupt *pin;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    add_dead_ioapic(f.u, DEAD_ID);
    f.ir.ioapics = ids;
    f.ir.ioapic_count = 2;
    start_interrupts(&f);
    assert_string_equal(state_of(&f).refused, "firmware's path to an I/O APIC leads nowhere");
    assert_true(model_log_contains(f.m, "the path to I/O APIC 5 in the scope of unit 0"));
    assert_int_equal(state_of(&f).units, 0);
    assert_int_equal(try_pin(&f, DEAD_ID, &pin), UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

/* Not asked for: the pin alone is refused. A unit that does not remap lets all its pins pass. */
static void a_dead_path_that_hurts_nobody(void **state)
{
    static const uint8_t ids[] = { DEAD_ID };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct udmar_interrupt *pin;
        struct fixture f;

        interrupt_machine(&f, "generic48");
        add_dead_ioapic(i == 0 ? f.u : add_second(&f, 0, WITH_IR), DEAD_ID);
        f.ir.ioapics = ids;
        f.ir.ioapic_count = i;
        start_interrupts(&f);
        assert_null(state_of(&f).refused);
        assert_int_equal(state_of(&f).units, 1);
        assert_int_equal(try_pin(&f, DEAD_ID, &pin), UDMAR_ERR_PATH);
        fixture_close(&f);
    }
}

/* The scope of use is the second one: the first has a dead path, or a unit that is unusable. */
static void the_scope_of_use_counts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t ids[] = { DEAD_ID };
        struct udmar_interrupt_message message;
        struct udmar_interrupt *pin;
        struct model_unit *second;
        struct fixture f;

        interrupt_machine(&f, "generic48");
        second = add_second(&f, i == 3 ? 0 : WITH_IR, i == 3 ? WITH_IR : 0);
        /* The model's table lists the unit of all the rest last. */
        if (i == 0 || i == 2) {
            add_dead_ioapic(second, DEAD_ID);
        } else {
            add_ioapic(second, DEAD_ID, 0x00aa);
        }
        if (i == 1 || i == 2) {
            break_unit(second);
        }
        add_ioapic(f.u, DEAD_ID, 0x00ab);
        f.ir.ioapics = ids;
        f.ir.ioapic_count = 1;
        start_interrupts(&f);
        assert_null(state_of(&f).refused);
        assert_true(model_log_contains(f.m, "I/O APIC 5 more than once and contradicts itself: "
                                            "it is taken for 00:15.3"));
        assert_false(model_log_contains(f.m, "I/O APIC 2 more than once"));
        assert_int_equal(try_pin(&f, DEAD_ID, &pin), UDMAR_OK);
        message = set_to(pin, 0, 3, 0x51);
        assert_int_equal(sends(&f, 0x00ab, message.address, 0), ARRIVES(3, 0x51));
        assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
        fixture_close(&f);
    }
}

static void no_scope_is_of_use(void **state)
{
    struct udmar_interrupt *pin;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    {
        struct model_unit *second = add_second(&f, WITH_IR, 0);

        add_dead_ioapic(second, DEAD_ID);
        add_ioapic(second, DEAD_ID, 0x00aa);
        break_unit(second);
    }
    start_interrupts(&f);
    assert_true(model_log_contains(f.m, "I/O APIC 5 more than once, and never so that it"));
    assert_int_equal(try_pin(&f, DEAD_ID, &pin), UDMAR_ERR_NO_UNIT);
    fixture_close(&f);
}

/* Two good units name it: whichever sees its messages has forgotten the old target. */
static void both_units_forget_a_change(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *pin;
    struct model_unit *second;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    second = add_second(&f, WITH_IR, 0);
    add_ioapic(second, IOAPIC_ID, IOAPIC_RID);
    start_interrupts(&f);
    assert_true(model_log_contains(f.m, "I/O APIC 2 more than once and contradicts itself"));
    pin = allocate(&f, from_pin(IOAPIC_ID, 0), 1);
    message = set_to(pin, 0, 3, 0x51);
    assert_int_equal(pin_fires(&f, message.redirection), ARRIVES(3, 0x51));
    model_interrupts_warm(f.u);
    model_interrupts_warm(second);
    (void)set_to(pin, 0, 4, 0x52);
    assert_int_equal(model_interrupts_stale(f.u), 0);
    assert_int_equal(model_interrupts_stale(second), 0);
    assert_int_equal(pin_fires(&f, message.redirection), ARRIVES(4, 0x52));
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    fixture_close(&f);
}

/* A scope that says the same once more is no contradiction, and no second unit. */
static void a_scope_said_twice_is_one(void **state)
{
    struct udmar_unit_status before, after;
    struct udmar_interrupt *pin;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    add_ioapic(f.u, IOAPIC_ID, IOAPIC_RID);
    (void)add_second(&f, WITH_IR, 0);
    start_interrupts(&f);
    assert_false(model_log_contains(f.m, "more than once"));
    pin = allocate(&f, from_pin(IOAPIC_ID, 0), 1);
    (void)set_to(pin, 0, 3, 0x51);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_unit_status(f.instance, i, &before), UDMAR_OK);
        (void)set_to(pin, 0, 4 + i, 0x52);
        assert_int_equal(udmar_unit_status(f.instance, i, &after), UDMAR_OK);
        assert_int_equal(after.waits - before.waits, before.base == UNIT_BASE);
    }
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    fixture_close(&f);
}

/* A fault names the line that has the id, in the unit's segment. */
static void a_sender_is_found_by_what_it_sends(void **state)
{
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    /* Without a path that leads there its id is 0, which is that of 00:00.0. */
    add_dead_ioapic(f.u, DEAD_ID);
    start_interrupts(&f);
    assert_int_equal(sends(&f, IOAPIC_RID, UINT64_C(0xfee00010), 0), BLOCKED);
    assert_fault_says(&f, "I/O APIC 2 tried to raise an interrupt through entry 0");
    assert_int_equal(sends(&f, 0, UINT64_C(0xfee00010), 0), BLOCKED);
    assert_fault_says(&f, "unknown device 0000:00:00.0 tried");
    fixture_close(&f);
}

static void lines_of_other_segments_send_nothing_here(void **state)
{
    const struct model_unit_config config = { .profile = "generic48",
                                              .base = BASE_2,
                                              .segment = 1,
                                              .include_all = true,
                                              .ecap_set = WITH_IR };
    struct model_unit *second;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    second = model_add_unit(f.m, &config);
    add_ioapic(second, DEAD_ID, 0x00aa);
    start_interrupts(&f);
    assert_int_equal(sends(&f, 0x00aa, UINT64_C(0xfee00010), 0), BLOCKED);
    assert_fault_says(&f, "unknown device 0000:00:15.2 tried");
    fixture_close(&f);
}

/* A device of the host's own that has an I/O APIC's id goes by its name. */
static void a_device_goes_before_a_line(void **state)
{
    struct udmar_device *nic;
    struct fixture f;
    struct udmar_fault fault = { .sequence = 0 };

    (void)state;
    interrupt_machine(&f, "generic48");
    add_ioapic(f.u, DEAD_ID, NIC);
    start_interrupts(&f);
    nic = fixture_attach(&f, NIC);
    assert_int_equal(sends(&f, NIC, UINT64_C(0xfee00010), 0), BLOCKED);
    (void)udmar_fault_poll(f.instance);
    assert_true(udmar_fault_next(f.instance, 0, &fault));
    assert_ptr_equal(fault.device, nic);
    assert_int_equal(fault.sender.kind, UDMAR_INTERRUPT_NONE);
    assert_int_equal(udmar_device_detach(nic), UDMAR_OK);
    fixture_close(&f);
}

/* A unit that cannot be used, or is left out, may have no 32-bit destinations. */
static void every_unit_counts_for_32_bits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct model_unit *second;
        struct fixture f;

        interrupt_machine_of(&f, NULL, "generic48", 0, WITH_EIM);
        f.ir.x2apic = true;
        second = i > 0 ? add_second(&f, WITH_IR | WITH_EIM, 0) : NULL;
        if (i == 2) {
            break_unit(second);
        }
        start_interrupts(&f);
        assert_int_equal(state_of(&f).extended, i < 2);
        assert_int_equal(model_log_contains(f.m, "also in x2APIC mode: a unit is left out"),
                         i == 2);
        fixture_close(&f);
    }
}

/* Ironlake's display unit without memory: left out by its quirk, and it has no EIM. */
static struct model_unit *display_machine(struct fixture *f, uint64_t ecap)
{
    const struct model_unit_config config = { .profile = "generic48",
                                              .base = BASE_2,
                                              .ecap_set = WITH_IR | ecap };
    const struct model_scope scope = fixture_endpoint(0x10);
    struct model_unit *u;

    interrupt_machine_of(f, NULL, "generic48", 0, WITH_EIM);
    model_add_function(f->m, 0, 0, 0x8086, 0x0044, 0x060000);
    model_add_function(f->m, 0, 0x10, 0x8086, 0x0046, 0x030000);
    u = model_add_unit(f->m, &config);
    model_add_unit_scope(u, &scope);
    return u;
}

/* IRE on, with an empty table of an earlier kernel. */
static uint64_t leave_remapping_on(struct fixture *f, struct model_unit *u)
{
    uint64_t table = model_page_alloc(f->m);

    model_poke32(u, IRTA, (uint32_t)table | 7);
    model_poke32(u, IRTA + 4, (uint32_t)(table >> 32));
    model_firmware_state(u, IRE | IRTP, 0);
    return table;
}

static void a_unit_left_out_by_a_quirk_counts_too(void **state)
{
    struct fixture f;

    (void)state;
    (void)display_machine(&f, WITH_EIM);
    f.ir.x2apic = true;
    start_interrupts(&f);
    assert_false(state_of(&f).extended);
    assert_true(model_log_contains(f.m, "also in x2APIC mode: a unit is left out"));
    fixture_close(&f);
}

static void remapping_of_a_unit_left_out_goes_off(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct model_unit *u;
        struct fixture f;
        uint64_t table;
        bool kept = i == 2;

        u = display_machine(&f, 0);
        table = leave_remapping_on(&f, u);
        if (i > 0) {
            f.config.interrupts = NULL;
            f.config.keep_interrupt_remapping = kept;
        }
        start_interrupts(&f);
        assert_int_equal(model_peek32(u, GSTS) & IRE, kept ? IRE : 0);
        assert_int_equal(sends(&f, 0x10, UINT64_C(0xfee00000), 0x41), kept ? BLOCKED : COMPATIBLE);
        assert_true(model_log_contains(f.m, kept ? "interrupt remapping is the host's and stays"
                                                 : "interrupt remapping was on; it is off now"));
        model_page_free(f.m, table);
        fixture_close(&f);
    }
}

static void a_unit_left_out_that_does_not_obey_is_named(void **state)
{
    struct model_unit *u;
    struct fixture f;
    uint64_t table;

    (void)state;
    u = display_machine(&f, 0);
    table = leave_remapping_on(&f, u);
    fixture_tune(&f, "hw.dmar.timeout", "1000");
    model_behaviour(u)->gsts_lag = MODEL_NEVER;
    start_interrupts(&f);
    assert_true(model_log_contains(f.m, "left out: interrupt remapping cannot be switched off"));
    model_page_free(f.m, table);
    fixture_close(&f);
}

static void an_unusable_unit_that_remaps_is_named(void **state)
{
    (void)state;
    for (unsigned kept = 0; kept < 2; kept++) {
        struct model_unit *u;
        struct fixture f;
        uint64_t table;

        interrupt_machine(&f, "generic48");
        u = add_second(&f, WITH_IR, 0);
        break_unit(u);
        table = leave_remapping_on(&f, u);
        if (kept) {
            f.config.interrupts = NULL;
            f.config.keep_interrupt_remapping = true;
        }
        start_interrupts(&f);
        assert_int_equal(model_peek32(u, GSTS) & IRE, IRE);
        assert_true(
            model_log_contains(f.m, kept ? "or go through the table of the host"
                                         : "interrupt remapping was on and stays on: interrupts "
                                           "of its devices are blocked or go through the table "
                                           "of an earlier kernel"));
        model_page_free(f.m, table);
        fixture_close(&f);
    }
}

/* Remapping alone is refused: the unit translates. */
static void a_unit_without_a_queue_translates(void **state)
{
    struct udmar_interrupt_source source = from_function(DISK);
    struct udmar_interrupt *interrupt = NULL;
    struct udmar_unit_status status;
    struct model_unit *second;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    second = add_second(&f, WITH_IR, 0);
    model_poke32(second, 0x10, model_peek32(second, 0x10) & ~2u);
    start_interrupts(&f);
    assert_true(model_log_contains(f.m, "interrupt remapping is refused: it has no invalidation "
                                        "queue"));
    assert_int_equal(udmar_unit_count(f.instance), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_unit_status(f.instance, i, &status), UDMAR_OK);
        assert_true(status.translating);
        assert_int_equal(status.remaps, status.base == UNIT_BASE);
    }
    assert_int_equal(udmar_interrupt_alloc(f.instance, &source, 1, &interrupt),
                     UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_path_to_an_io_apic_refuses_remapping),
        cmocka_unit_test(a_dead_path_that_hurts_nobody),
        cmocka_unit_test(the_scope_of_use_counts),
        cmocka_unit_test(no_scope_is_of_use),
        cmocka_unit_test(both_units_forget_a_change),
        cmocka_unit_test(a_scope_said_twice_is_one),
        cmocka_unit_test(a_sender_is_found_by_what_it_sends),
        cmocka_unit_test(lines_of_other_segments_send_nothing_here),
        cmocka_unit_test(a_device_goes_before_a_line),
        cmocka_unit_test(every_unit_counts_for_32_bits),
        cmocka_unit_test(a_unit_left_out_by_a_quirk_counts_too),
        cmocka_unit_test(remapping_of_a_unit_left_out_goes_off),
        cmocka_unit_test(a_unit_left_out_that_does_not_obey_is_named),
        cmocka_unit_test(an_unusable_unit_that_remaps_is_named),
        cmocka_unit_test(a_unit_without_a_queue_translates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
