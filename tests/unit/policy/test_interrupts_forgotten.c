/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries that were found on are given up one by one: the source's own, once, and no other's. */
#include "fixture/found.h"

#define BRIDGE UDMAR_RID(0, 0x1e, 0)

static void indexes_come_out_of_old_registers(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t data;
        uint32_t index;
    } good[] = {
        { 0xfee00010, 0xffff, 0 }, { 0xfee00230, 0x1234, 17 },
        { 0xfee00238, 3, 20 },     { 0xfeefffe0 | 0x10, 0, 0x7fff },
        { 0xfee00014, 0, 0x8000 }, { 0xfee00018, 0xffff, 0xffff },
    };
    static const struct {
        uint64_t address;
        uint32_t data;
    } bad[] = { { 0xfee00000, 0x51 },
                { 0xfed00010, 0 },
                { UINT64_C(0x1fee00010), 0 },
                { 0, 0 },
                { 0xfee0001c, 0x8000 } };
    uint32_t index;

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(udmar_interrupt_message_index(good[i].address, good[i].data, &index));
        assert_int_equal(index, good[i].index);
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(udmar_interrupt_message_index(bad[i].address, bad[i].data, &index));
    }
    assert_true(udmar_interrupt_pin_index(UINT64_C(17) << 49 | UINT64_C(1) << 48 | 0x51, &index));
    assert_int_equal(index, 17);
    assert_true(udmar_interrupt_pin_index(UINT64_C(1) << 48 | 1u << 11 | 0x51, &index));
    assert_int_equal(index, 0x8000);
    assert_false(udmar_interrupt_pin_index(UINT64_C(17) << 49 | 0x51, &index));
}

/* What we write is read back: a kernel that comes after us finds its way. */
static void indexes_come_out_of_our_messages(void **state)
{
    struct udmar_interrupt *block, *pin;
    struct udmar_interrupt_message message;
    struct fixture f;
    uint32_t index;

    (void)state;
    open_interrupts(&f, "generic48");
    pin = allocate(&f, from_pin(IOAPIC_ID, 3), 1);
    block = allocate(&f, from_function(NIC), 8);
    message = set_to(block, 5, 3, 0x51);
    assert_true(udmar_interrupt_message_index(message.address, message.data, &index));
    assert_int_equal(index, message.index);
    message = set_to(pin, 0, 3, 0x51);
    assert_true(udmar_interrupt_pin_index(message.redirection, &index));
    assert_int_equal(index, message.index);
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(block), UDMAR_OK);
    fixture_close(&f);
}

static void other_pins_of_an_io_apic_go_on(void **state)
{
    struct udmar_interrupt_source pin = from_pin(IOAPIC_ID, 3);
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 3, aims(3, 0x51), check_id(IOAPIC_RID));
    put(&e, 4, aims(4, 0x52), check_id(IOAPIC_RID));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 3, 1), UDMAR_OK);
    assert_int_equal(sends(&e.f, IOAPIC_RID, old_message(3), 0), BLOCKED);
    assert_int_equal(sends(&e.f, IOAPIC_RID, old_message(4), 0), ARRIVES(4, 0x52));
    /* Nothing there, nothing named, nothing beyond the end. */
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 3, 1), UDMAR_OK);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 4, 0), UDMAR_OK);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 65536, 65536), UDMAR_OK);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 4, 65537),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, UINT32_MAX, 1),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 4, 1), UDMAR_ERR_ARGUMENT);
    assert_int_equal(sends(&e.f, IOAPIC_RID, old_message(4), 0), ARRIVES(4, 0x52));
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    earlier_close(&e);
}

static void others_behind_a_bridge_go_on(void **state)
{
    struct udmar_interrupt_source source = from_function(UDMAR_RID(8, 2, 0));
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    model_add_bridge(e.f.m, 0, BRIDGE, 8, 8, MODEL_PCI_TO_PCI);
    model_add_function(e.f.m, 0, UDMAR_RID(8, 2, 0), 0x8086, 0x10d3, 0x020000);
    model_add_function(e.f.m, 0, UDMAR_RID(8, 3, 0), 0x8086, 0x10d3, 0x020000);
    put(&e, 3, aims(3, 0x51), check_id(BRIDGE));
    put(&e, 4, aims(4, 0x52), check_id(BRIDGE));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &source, 3, 1), UDMAR_OK);
    assert_int_equal(sends(&e.f, BRIDGE, old_message(3), 0), BLOCKED);
    assert_int_equal(sends(&e.f, BRIDGE, old_message(4), 0), ARRIVES(4, 0x52));
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    earlier_close(&e);
}

/* An earlier kernel may have checked the function's id, the bridge's alias, or the buses. */
static void every_id_of_the_source_counts(void **state)
{
    const uint64_t checks[] = { check_id(UDMAR_RID(5, 3, 0)), check_id(UDMAR_RID(5, 0, 0)),
                                UINT64_C(0x0505) | UINT64_C(2) << 18 };
    struct udmar_interrupt_source source = from_function(UDMAR_RID(5, 3, 0));
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    model_add_bridge(e.f.m, 0, UDMAR_RID(0, 0x1c, 0), 4, 6, MODEL_ROOT_PORT);
    model_add_bridge(e.f.m, 0, UDMAR_RID(4, 0, 0), 5, 6, MODEL_PCIE_TO_PCI);
    model_add_function(e.f.m, 0, UDMAR_RID(5, 3, 0), 0x8086, 0x10d3, 0x020000);
    for (uint32_t i = 0; i < 3; i++) {
        put(&e, 16 + i, aims(3, 0x51), checks[i]);
    }
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &source, 16 + i, 1), UDMAR_OK);
        assert_int_equal(state_of(&e.f).found, 2 - i);
    }
    earlier_close(&e);
}

/* An HPET may have been written down as any of its functions. */
static void every_function_of_an_hpet_counts(void **state)
{
    struct udmar_interrupt_source timer = from_hpet(HPET_ID);
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 16, aims(3, 0x51), check_id(HPET_RID & ~7));
    put(&e, 17, aims(3, 0x52), check_id(HPET_RID));
    put(&e, 18, aims(3, 0x53), check_id(HPET_RID + 1));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &timer, 16, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(state_of(&e.f).found, 1);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    earlier_close(&e);
}

/* A processor that comes in between: it removes the same entries and allocates all that is free. */
static struct {
    struct earlier e;
    unsigned when; /* at which store */
    unsigned seen;
    bool done;
    struct udmar_interrupt *got[256];
    unsigned count;
} other;

static void comes_in_between(void *context, struct model *m, enum model_event event)
{
    struct udmar_interrupt_source source = from_function(NIC);

    (void)context;
    (void)m;
    if (event != MODEL_EVENT_RELEASE || other.done || other.seen++ != other.when) {
        return;
    }
    other.done = true;
    (void)udmar_interrupt_forget_found(other.e.f.instance, NULL, 0, 0);
    while (udmar_interrupt_alloc(other.e.f.instance, &source, 1, &other.got[other.count]) ==
           UDMAR_OK) {
        (void)set_to(other.got[other.count], 0, 7, 0x61);
        other.count++;
    }
}

static void two_callers_remove_an_entry_once(void **state)
{
    (void)state;
    for (unsigned when = 0; when < 12; when++) {
        memset(&other, 0, sizeof(other));
        other.when = when;
        earlier_machine(&other.e, 0);
        put(&other.e, 17, aims(3, 0x51), check_id(NIC));
        put(&other.e, 18, aims(3, 0x52), check_id(NIC));
        leave_on(&other.e, other.e.f.u, other.e.table, 7);
        fixture_create(&other.e.f);
        fixture_start(&other.e.f);
        model_set_hook(other.e.f.m, comes_in_between, NULL);
        assert_int_equal(udmar_interrupt_forget_found(other.e.f.instance, NULL, 0, 0), UDMAR_OK);
        model_set_hook(other.e.f.m, NULL, NULL);
        assert_int_equal(state_of(&other.e.f).found, 0);
        assert_int_equal(state_of(&other.e.f).used, other.count);
        for (unsigned i = 0; i < other.count; i++) {
            struct udmar_interrupt_message message = set_to(other.got[i], 0, 7, 0x61);

            assert_int_equal(fires(&other.e.f, NIC, &message), ARRIVES(7, 0x61));
            assert_int_equal(udmar_interrupt_free(other.got[i]), UDMAR_OK);
        }
        earlier_close(&other.e);
    }
}

/* After an error the entry can be removed once more, and only then its place is free. */
static void a_failed_removal_is_taken_back(void **state)
{
    struct udmar_interrupt_source source = from_function(NIC);
    struct udmar_interrupt_entry entry = { .index = 0 };
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 17, aims(3, 0x51), check_id(NIC));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    model_hang_wait(e.f.u, 1, true);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &source, 17, 1), UDMAR_ERR_TIMEOUT);
    assert_int_equal(state_of(&e.f).found, 1);
    assert_true(udmar_interrupt_next(e.f.instance, &entry));
    assert_int_equal(entry.source.kind, UDMAR_INTERRUPT_FOUND);
    assert_int_equal(entry.index, 17);
    model_release_waits(e.f.u);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &source, 17, 1), UDMAR_OK);
    assert_int_equal(state_of(&e.f).found, 0);
    earlier_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_come_out_of_old_registers),
        cmocka_unit_test(indexes_come_out_of_our_messages),
        cmocka_unit_test(other_pins_of_an_io_apic_go_on),
        cmocka_unit_test(others_behind_a_bridge_go_on),
        cmocka_unit_test(every_id_of_the_source_counts),
        cmocka_unit_test(every_function_of_an_hpet_counts),
        cmocka_unit_test(two_callers_remove_an_entry_once),
        cmocka_unit_test(a_failed_removal_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
