/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of interrupt remapping is true: state, sentences, entries. */
#include <pthread.h>

#include "fixture/found.h"

static void the_state_says_which_switch_is_off(void **state)
{
    struct udmar_interrupt_source source = from_function(NIC);
    struct udmar_interrupt *interrupt = NULL;
    struct udmar_interrupt_state none;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const refused[] = { "hw.dmar.enable=0", "hw.dmar.ir=0",
                                               "the host has not asked for it" };
        struct fixture f;

        interrupt_machine(&f, "generic48");
        if (i == 2) {
            f.config.interrupts = NULL;
        } else {
            fixture_tune(&f, i == 0 ? "hw.dmar.enable" : "hw.dmar.ir", "0");
        }
        fixture_create(&f);
        assert_string_equal(state_of(&f).refused, refused[i]);
        assert_false(state_of(&f).asked);
        assert_int_equal(udmar_interrupt_alloc(f.instance, &source, 1, &interrupt),
                         UDMAR_ERR_DISABLED);
        fixture_close(&f);
    }
    udmar_interrupt_state(NULL, &none);
    assert_string_equal(none.refused, "there is no driver instance");
}

/* Its table is the host's, or was an earlier kernel's: nothing is said of its entries. */
static void entries_of_other_tables_are_not_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct earlier e;

        earlier_machine(&e, 0);
        if (i == 0) {
            e.f.config.interrupts = NULL;
            e.f.config.keep_interrupt_remapping = true;
        }
        put(&e, 17, aims(3, 0x51), check_id(DISK));
        leave_on(&e, e.f.u, e.table, 7);
        if (i > 0) {
            /* Left by firmware, and read out at start, or before. */
            assert_int_equal(sends(&e.f, NIC, old_message(16), 0), BLOCKED);
        }
        fixture_create(&e.f);
        if (i == 2) {
            assert_fault_says(&e.f, "tried to raise an interrupt through entry 16 and was stopped");
        }
        fixture_start(&e.f);
        if (i == 0) {
            assert_int_equal(sends(&e.f, NIC, old_message(16), 0), BLOCKED);
        }
        assert_fault_says(&e.f, "tried to raise an interrupt through entry 16 and was stopped");
        if (i > 0) {
            assert_int_equal(sends(&e.f, NIC, old_message(16), 0), BLOCKED);
            assert_fault_says(&e.f, "through entry 16, which is nobody's, and was stopped");
        }
        earlier_close(&e);
    }
}

/* While our table is in force its owners are looked up. */
static void owners_of_our_entries_are_named(void **state)
{
    struct udmar_interrupt *interrupt;
    struct udmar_fault fault;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    interrupt = allocate(&f, from_function(NIC), 1);
    (void)set_to(interrupt, 0, 3, 0x51);
    assert_int_equal(sends(&f, DISK, old_message(0), 0), BLOCKED);
    (void)udmar_fault_poll(f.instance);
    assert_true(udmar_fault_next(f.instance, 0, &fault));
    assert_true(fault.owner_known);
    assert_int_equal(fault.owner.kind, UDMAR_INTERRUPT_PCI);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void compatible_is_what_the_unit_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct fixture f;

        interrupt_machine(&f, "generic48");
        fixture_tune(&f, "hw.dmar.ir.compat", "1");
        model_behaviour(f.u)->no_compatible = i == 1;
        start_interrupts(&f);
        assert_int_equal(state_of(&f).compatible, i == 0);
        assert_int_equal(sends(&f, NIC, UINT64_C(0xfee00000), 0x41), i == 0 ? COMPATIBLE : BLOCKED);
        assert_true(model_log_contains(f.m, i == 0 ? "compatibility format passes (hw.dmar.ir."
                                                   : "does not obey hw.dmar.ir.compat=1"));
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_false(state_of(&f).compatible);
        fixture_close(&f);
    }
}

static void a_switch_without_effect_is_named(void **state)
{
    (void)state;
    for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
        struct fixture f;

        interrupt_machine_of(&f, NULL, "generic48", 0, WITH_EIM);
        f.ir.x2apic = x2apic;
        fixture_tune(&f, "hw.dmar.ir.compat", "1");
        start_interrupts(&f);
        assert_int_equal(model_log_contains(f.m, "hw.dmar.ir.compat=1 has no effect"), x2apic);
        assert_int_equal(state_of(&f).compatible, !x2apic);
        assert_int_equal(model_log_contains(f.m, "compatibility format is blocked"), x2apic);
        fixture_close(&f);
    }
}

/* A table in force from a stop that was not obeyed is not taken for an earlier kernel's. */
static void our_own_table_is_not_taken_over(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct earlier e;
    uint64_t irta;

    (void)state;
    earlier_machine(&e, 0);
    start_interrupts(&e.f);
    interrupt = allocate(&e.f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    irta = model_peek32(e.f.u, IRTA) | (uint64_t)model_peek32(e.f.u, IRTA + 4) << 32;
    assert_int_equal(udmar_stop(e.f.instance), UDMAR_OK);
    leave_on(&e, e.f.u, irta & ~UINT64_C(0xfff), irta & 0xfff);
    assert_int_equal(udmar_start(e.f.instance), UDMAR_OK);
    assert_false(model_log_contains(e.f.m, "cannot be kept"));
    assert_false(model_log_contains(e.f.m, "entries of its table are kept"));
    assert_int_equal(state_of(&e.f).found, 0);
    assert_int_equal(fires(&e.f, NIC, &message), ARRIVES(3, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    earlier_close(&e);
}

/* One unit that does not snoop is enough: entries are flushed for all that share the table. */
static void one_unit_that_does_not_snoop_counts(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        const struct model_unit_config config = { .profile = "generic48",
                                                  .base = BASE_2,
                                                  .ecap_set = WITH_IR | (first ? 0 : 1),
                                                  .ecap_clear = first ? 1 : 0 };
        struct model_scope scope = fixture_endpoint(DISK);
        struct udmar_interrupt_message message[2];
        struct udmar_interrupt *interrupt[2];
        struct model_unit *second;
        struct fixture f;

        interrupt_machine_of(&f, NULL, "generic48", 0, first ? 1 : 0);
        second = model_add_unit(f.m, &config);
        model_add_unit_scope(second, &scope);
        start_interrupts(&f);
        assert_int_equal(state_of(&f).tables, 1);
        interrupt[0] = allocate(&f, from_function(NIC), 1);
        interrupt[1] = allocate(&f, from_function(DISK), 1);
        message[0] = set_to(interrupt[0], 0, 3, 0x51);
        message[1] = set_to(interrupt[1], 0, 4, 0x52);
        assert_int_equal(fires(&f, NIC, &message[0]), ARRIVES(3, 0x51));
        assert_int_equal(fires(&f, DISK, &message[1]), ARRIVES(4, 0x52));
        assert_int_equal(udmar_interrupt_free(interrupt[0]), UDMAR_OK);
        assert_int_equal(udmar_interrupt_free(interrupt[1]), UDMAR_OK);
        fixture_close(&f);
    }
}

#if UINTPTR_MAX > UINT32_MAX /* else there is no CMPXCHG16B: the host masks the source */
/* One thread posts and takes back, the other looks: never the halves of two entries. */
static struct {
    struct udmar__remap_table table;
    volatile uint64_t words[2] __attribute__((aligned(16)));
    bool stop;
} changing;

static void *change(void *argument)
{
    static const struct udmar__irte entries[2] = { { 0x00510001, 0 },
                                                   { 0x00618001, UINT64_C(1) << 32 } };

    (void)argument;
    for (unsigned i = 0; !__atomic_load_n(&changing.stop, __ATOMIC_RELAXED); i++) {
        (void)udmar__irte_write(&changing.table, 0, entries[i % 2]);
        /* As long as an invalidation takes, and no two changes fall between two looks. */
        for (volatile unsigned pause = 0; pause < 300; pause++) {
        }
    }
    return NULL;
}

static void halves_belong_together(void **state)
{
    unsigned mixed = 0;
    pthread_t thread;

    (void)state;
    memset(&changing, 0, sizeof(changing));
    changing.table.words = changing.words;
    changing.table.coherent = true;
    changing.table.wide = true;
    assert_int_equal(pthread_create(&thread, NULL, change, NULL), 0);
    for (unsigned i = 0; i < 3000000; i++) {
        struct udmar__irte entry = udmar__irte_look(&changing.table, 0);

        mixed += ((entry.low & 0x8000) != 0) != (entry.high != 0);
    }
    __atomic_store_n(&changing.stop, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(mixed, 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_says_which_switch_is_off),
        cmocka_unit_test(entries_of_other_tables_are_not_named),
        cmocka_unit_test(owners_of_our_entries_are_named),
        cmocka_unit_test(compatible_is_what_the_unit_says),
        cmocka_unit_test(a_switch_without_effect_is_named),
        cmocka_unit_test(our_own_table_is_not_taken_over),
        cmocka_unit_test(one_unit_that_does_not_snoop_counts),
#if UINTPTR_MAX > UINT32_MAX
        cmocka_unit_test(halves_belong_together),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
