/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping that was found on: its table is taken over, and no interrupt is lost. */
#include "fixture/found.h"

/* A device that goes on sending through its old entry, whatever is done meanwhile. */
static void keeps_sending(void *context, struct model *m, enum model_event event)
{
    struct earlier *e = context;

    (void)m;
    (void)event;
    e->fired++;
    e->lost += sends(&e->f, NIC, e->message[0], 0) != e->message[1];
}

static void no_interrupt_is_lost_on_the_way(void **state)
{
    struct udmar_interrupt_source source = from_function(NIC);
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 17, aims(3, 0x51), check_id(NIC));
    put(&e, 18, aims(4, 0x52), check_id(DISK));
    leave_on(&e, e.f.u, e.table, 7);
    e.message[0] = old_message(17);
    e.message[1] = ARRIVES(3, 0x51);
    model_interrupts_warm(e.f.u);
    model_set_hook(e.f.m, keeps_sending, &e);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_true(model_log_contains(e.f.m, "interrupt remapping was on: 2 entries of its table"));
    assert_int_equal(state_of(&e.f).found, 2);
    /* The old table may be used for something else now. */
    put(&e, 17, 0, 0);
    put(&e, 18, 0, 0);
    model_set_hook(e.f.m, NULL, NULL);
    assert_int_equal(e.lost, 0);
    assert_true(e.fired > 100);
    /* New sources get other places, and both ways are open until the host has written. */
    interrupt = allocate(&e.f, source, 1);
    message = set_to(interrupt, 0, 7, 0x61);
    assert_int_not_equal(message.index, 17);
    assert_int_equal(sends(&e.f, NIC, e.message[0], 0), ARRIVES(3, 0x51));
    assert_int_equal(fires(&e.f, NIC, &message), ARRIVES(7, 0x61));
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &source, 17, 1), UDMAR_OK);
    assert_int_equal(sends(&e.f, NIC, e.message[0], 0), BLOCKED);
    assert_int_equal(fires(&e.f, NIC, &message), ARRIVES(7, 0x61));
    assert_int_equal(sends(&e.f, DISK, old_message(18), 0), ARRIVES(4, 0x52));
    assert_int_equal(sends(&e.f, NIC, old_message(18), 0), BLOCKED);
    assert_fault_says(&e.f, "through entry 18, which is an entry found at start,");
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    assert_int_equal(sends(&e.f, DISK, old_message(18), 0), BLOCKED);
    assert_int_equal(state_of(&e.f).found, 0);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    earlier_close(&e);
}

static void a_larger_table_keeps_its_indexes(void **state)
{
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    /* 1024 entries are four pages: those behind the first must be RAM as well. */
    model_page_free(e.f.m, e.table);
    e.table = RAM_1 + RAM - 0x10000;
    model_reserve(e.f.m, e.table, 0x4000);
    put(&e, 999, aims(3, 0x51), check_id(NIC));
    leave_on(&e, e.f.u, e.table, 9);
    fixture_create(&e.f);
    assert_int_equal(state_of(&e.f).entries, 1024);
    fixture_start(&e.f);
    assert_int_equal(sends(&e.f, NIC, old_message(999), 0), ARRIVES(3, 0x51));
    e.table = model_page_alloc(e.f.m);
    earlier_close(&e);
}

static void entries_of_the_other_width(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct earlier e;

        earlier_machine(&e, WITH_EIM);
        e.f.ir.x2apic = wide == 0;
        /* A plain one, one for a processor that 8 bits do not name, a logical one, a posted one. */
        put(&e, 1, wide ? UINT64_C(1) | 0x51 << 16 | UINT64_C(3) << 32 : aims(3, 0x51),
            check_id(NIC));
        put(&e, 2, UINT64_C(1) | 0x52 << 16 | UINT64_C(300) << 32, check_id(NIC));
        put(&e, 3, aims(3, 0x53) | 4, check_id(NIC));
        put(&e, 4, UINT64_C(0x8001) | 0x54 << 16 | UINT64_C(0x2000) << 32, check_id(NIC));
        leave_on(&e, e.f.u, e.table, 7 | (wide ? EIME : 0));
        fixture_create(&e.f);
        fixture_start(&e.f);
        assert_int_equal(sends(&e.f, NIC, old_message(1), 0), ARRIVES(3, 0x51));
        for (uint32_t i = 2; i < 5; i++) {
            assert_int_equal(sends(&e.f, NIC, old_message(i), 0), BLOCKED);
        }
        assert_int_equal(state_of(&e.f).found, 1);
        assert_true(model_log_contains(e.f.m, "3 entries of the table that was found on cannot"));
        earlier_close(&e);
    }
}

static void entries_that_hardware_refuses_are_not_kept(void **state)
{
    static const uint64_t low[] = {
        1u << 24,          1u << 12,          1u << 13, 1u << 14, UINT64_C(1) << 32,
        UINT64_C(1) << 48, UINT64_C(1) << 63, 3u << 5,  6u << 5,  1u << 5
    };
    static const uint64_t high[] = { UINT64_C(1) << 20, UINT64_C(1) << 63, UINT64_C(3) << 18 };
    struct earlier e;
    uint32_t n = 0;

    (void)state;
    earlier_machine(&e, 0);
    for (unsigned i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
        put(&e, n++, aims(3, 0x51) | low[i], check_id(NIC));
    }
    for (unsigned i = 0; i < sizeof(high) / sizeof(high[0]); i++) {
        put(&e, n++, aims(3, 0x51), check_id(NIC) | high[i]);
    }
    put(&e, n, aims(3, 0x51), check_id(NIC));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(state_of(&e.f).found, 1);
    assert_int_equal(sends(&e.f, NIC, old_message(n), 0), ARRIVES(3, 0x51));
    earlier_close(&e);
}

static void a_table_that_is_no_memory_is_not_read(void **state)
{
    static const uint64_t tables[] = { 0, UINT64_C(0xfed91000), RAM_1 + RAM - 0x1000,
                                       UINT64_C(1) << 45 };

    (void)state;
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct udmar_interrupt_message message;
        struct udmar_interrupt *interrupt;
        struct earlier e;

        earlier_machine(&e, 0);
        leave_on(&e, e.f.u, tables[i], 15);
        fixture_create(&e.f);
        fixture_start(&e.f);
        assert_true(model_log_contains(e.f.m, "which is in no RAM that the host has named"));
        assert_int_equal(state_of(&e.f).entries, 256);
        interrupt = allocate(&e.f, from_function(NIC), 1);
        message = set_to(interrupt, 0, 3, 0x51);
        assert_int_equal(fires(&e.f, NIC, &message), ARRIVES(3, 0x51));
        assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        earlier_close(&e);
    }
}

static void two_units_with_tables_of_their_own(void **state)
{
    (void)state;
    for (unsigned same = 0; same < 2; same++) {
        const struct model_unit_config config = { .profile = "generic48",
                                                  .base = BASE_2,
                                                  .ecap_set = WITH_IR };
        struct model_scope scope = fixture_endpoint(DISK);
        struct model_unit *second;
        struct earlier e;
        uint64_t other;

        earlier_machine(&e, 0);
        second = model_add_unit(e.f.m, &config);
        model_add_unit_scope(second, &scope);
        other = same ? e.table : model_page_alloc(e.f.m);
        put(&e, 5, aims(3, 0x51), check_id(NIC));
        model_publish64(e.f.m, other + 16 * (5 + same), aims(4, 0x52));
        model_publish64(e.f.m, other + 16 * (5 + same) + 8, check_id(DISK));
        leave_on(&e, e.f.u, e.table, 7);
        leave_on(&e, second, other, 7);
        fixture_create(&e.f);
        fixture_start(&e.f);
        assert_int_equal(state_of(&e.f).tables, same ? 1 : 2);
        assert_int_equal(sends(&e.f, NIC, old_message(5), 0), ARRIVES(3, 0x51));
        assert_int_equal(sends(&e.f, DISK, old_message(5 + same), 0), ARRIVES(4, 0x52));
        if (!same) {
            model_page_free(e.f.m, other);
        }
        earlier_close(&e);
    }
}

static void switched_off_where_remapping_is_not_wanted(void **state)
{
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    fixture_tune(&e.f, "hw.dmar.ir", "0");
    put(&e, 17, aims(3, 0x51), check_id(NIC));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(model_peek32(e.f.u, GSTS) & IRE, 0);
    earlier_close(&e);
}

static void what_a_source_may_use_is_told_apart(void **state)
{
    struct udmar_interrupt_source nic = from_function(NIC), pin = from_pin(IOAPIC_ID, 0);
    struct udmar_interrupt_source odd = from_pin(IOAPIC_ID + 1, 0);
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 1, aims(3, 0x51), check_id(NIC));
    put(&e, 2, aims(3, 0x52), check_id(NIC | 7) | UINT64_C(3) << 16); /* any function */
    put(&e, 3, aims(3, 0x53), UINT64_C(0x0000) | UINT64_C(2) << 18);  /* bus 0 */
    put(&e, 4, aims(3, 0x54), UINT64_C(0x0405) | UINT64_C(2) << 18);  /* buses 4 and 5 */
    put(&e, 5, aims(3, 0x55), 0);                                     /* anybody */
    put(&e, 6, aims(3, 0x56), check_id(IOAPIC_RID));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    assert_int_equal(state_of(&e.f).found, 6);
    assert_int_equal(udmar_interrupt_forget_found(NULL, &nic, 0, 7), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &odd, 0, 7), UDMAR_ERR_NOT_FOUND);
    /* What others use stays, wherever the range lies. */
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &nic, 0, 5), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &nic, 0, 4), UDMAR_OK);
    assert_int_equal(state_of(&e.f).found, 3);
    assert_int_equal(sends(&e.f, IOAPIC_RID, old_message(6), 0), ARRIVES(3, 0x56));
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, &pin, 6, 1), UDMAR_OK);
    assert_int_equal(state_of(&e.f).found, 2);
    assert_int_equal(sends(&e.f, DISK, old_message(5), 0), ARRIVES(3, 0x55));
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    assert_int_equal(state_of(&e.f).found, 0);
    earlier_close(&e);
}

/* An entry that appears after create, in a place that a source of ours has been given meanwhile. */
static void ours_wins_over_a_late_one(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    interrupt = allocate(&e.f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    put(&e, message.index, aims(4, 0x52), check_id(DISK));
    put(&e, message.index + 1, aims(4, 0x53), check_id(DISK));
    fixture_start(&e.f);
    assert_int_equal(fires(&e.f, NIC, &message), ARRIVES(3, 0x51));
    assert_int_equal(sends(&e.f, DISK, old_message(message.index + 1), 0), ARRIVES(4, 0x53));
    assert_true(model_log_contains(e.f.m, "1 entries of the table that was found on cannot"));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    earlier_close(&e);
}

static void a_hanging_unit_keeps_what_was_found(void **state)
{
    struct earlier e;

    (void)state;
    earlier_machine(&e, 0);
    put(&e, 17, aims(3, 0x51), check_id(NIC));
    leave_on(&e, e.f.u, e.table, 7);
    fixture_create(&e.f);
    fixture_start(&e.f);
    model_hang_wait(e.f.u, 1, true);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_ERR_TIMEOUT);
    assert_int_equal(state_of(&e.f).found, 1);
    model_release_waits(e.f.u);
    assert_int_equal(udmar_interrupt_forget_found(e.f.instance, NULL, 0, 0), UDMAR_OK);
    assert_int_equal(state_of(&e.f).found, 0);
    earlier_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_interrupt_is_lost_on_the_way),
        cmocka_unit_test(a_larger_table_keeps_its_indexes),
        cmocka_unit_test(entries_of_the_other_width),
        cmocka_unit_test(entries_that_hardware_refuses_are_not_kept),
        cmocka_unit_test(a_table_that_is_no_memory_is_not_read),
        cmocka_unit_test(two_units_with_tables_of_their_own),
        cmocka_unit_test(switched_off_where_remapping_is_not_wanted),
        cmocka_unit_test(what_a_source_may_use_is_told_apart),
        cmocka_unit_test(ours_wins_over_a_late_one),
        cmocka_unit_test(a_hanging_unit_keeps_what_was_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
