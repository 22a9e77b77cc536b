/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of interrupt remapping is true: state, sentences, entries. */
#include <pthread.h>

#include "found_scene.h"

static void the_state_says_which_switch_is_off(void **state)
{
    struct udmar_interrupt_source source = from_function(NIC);
    struct udmar_interrupt *interrupt = NULL;
    struct udmar_interrupt_state none;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        static const char *const refused[] = { "hw.dmar.enable=0", "hw.dmar.ir=0",
                                               "the host has not asked for it" };
        struct scene s;

        scene_machine(&s, "generic48");
        if (i == 2) {
            s.r.config.interrupts = NULL;
        } else {
            rig_tune(&s.r, i == 0 ? "hw.dmar.enable" : "hw.dmar.ir", "0");
        }
        rig_create(&s.r);
        assert_string_equal(state_of(&s).refused, refused[i]);
        assert_false(state_of(&s).asked);
        assert_int_equal(udmar_interrupt_alloc(s.r.d, &source, 1, &interrupt), UDMAR_ERR_DISABLED);
        scene_close(&s);
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
            e.s.r.config.interrupts = NULL;
            e.s.r.config.keep_interrupt_remapping = true;
        }
        put(&e, 17, aims(3, 0x51), check_id(DISK));
        leave_on(&e, e.s.r.u, e.table, 7);
        if (i > 0) {
            /* Left by firmware, and read out at start, or before. */
            assert_int_equal(sends(&e.s, NIC, old_message(16), 0), BLOCKED);
        }
        rig_create(&e.s.r);
        if (i == 2) {
            assert_fault_says(&e.s, "tried to raise an interrupt through entry 16 and was stopped");
        }
        rig_start(&e.s.r);
        if (i == 0) {
            assert_int_equal(sends(&e.s, NIC, old_message(16), 0), BLOCKED);
        }
        assert_fault_says(&e.s, "tried to raise an interrupt through entry 16 and was stopped");
        if (i > 0) {
            assert_int_equal(sends(&e.s, NIC, old_message(16), 0), BLOCKED);
            assert_fault_says(&e.s, "through entry 16, which is nobody's, and was stopped");
        }
        earlier_close(&e);
    }
}

/* While our table is in force its owners are looked up. */
static void owners_of_our_entries_are_named(void **state)
{
    struct udmar_interrupt *interrupt;
    struct udmar_fault fault;
    struct scene s;

    (void)state;
    scene_open(&s, "generic48");
    interrupt = allocate(&s, from_function(NIC), 1);
    (void)set_to(interrupt, 0, 3, 0x51);
    assert_int_equal(sends(&s, DISK, old_message(0), 0), BLOCKED);
    (void)udmar_fault_poll(s.r.d);
    assert_true(udmar_fault_next(s.r.d, 0, &fault));
    assert_true(fault.owner_known);
    assert_int_equal(fault.owner.kind, UDMAR_INTERRUPT_PCI);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    scene_close(&s);
}

static void compatible_is_what_the_unit_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct scene s;

        scene_machine(&s, "generic48");
        rig_tune(&s.r, "hw.dmar.ir.compat", "1");
        model_behaviour(s.r.u)->no_compatible = i == 1;
        scene_start(&s);
        assert_int_equal(state_of(&s).compatible, i == 0);
        assert_int_equal(sends(&s, NIC, UINT64_C(0xfee00000), 0x41), i == 0 ? COMPATIBLE : BLOCKED);
        assert_true(model_log_contains(s.r.m, i == 0 ? "compatibility format passes (hw.dmar.ir."
                                                     : "does not obey hw.dmar.ir.compat=1"));
        assert_int_equal(udmar_stop(s.r.d), UDMAR_OK);
        assert_false(state_of(&s).compatible);
        scene_close(&s);
    }
}

static void a_switch_without_effect_is_named(void **state)
{
    (void)state;
    for (unsigned x2apic = 0; x2apic < 2; x2apic++) {
        struct scene s;

        scene_machine_of(&s, NULL, "generic48", 0, WITH_EIM);
        s.ir.x2apic = x2apic;
        rig_tune(&s.r, "hw.dmar.ir.compat", "1");
        scene_start(&s);
        assert_int_equal(model_log_contains(s.r.m, "hw.dmar.ir.compat=1 has no effect"), x2apic);
        assert_int_equal(state_of(&s).compatible, !x2apic);
        assert_int_equal(model_log_contains(s.r.m, "compatibility format is blocked"), x2apic);
        scene_close(&s);
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
    scene_start(&e.s);
    interrupt = allocate(&e.s, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    irta = model_peek32(e.s.r.u, IRTA) | (uint64_t)model_peek32(e.s.r.u, IRTA + 4) << 32;
    assert_int_equal(udmar_stop(e.s.r.d), UDMAR_OK);
    leave_on(&e, e.s.r.u, irta & ~UINT64_C(0xfff), irta & 0xfff);
    assert_int_equal(udmar_start(e.s.r.d), UDMAR_OK);
    assert_false(model_log_contains(e.s.r.m, "cannot be kept"));
    assert_false(model_log_contains(e.s.r.m, "entries of its table are kept"));
    assert_int_equal(state_of(&e.s).found, 0);
    assert_int_equal(fires(&e.s, NIC, &message), ARRIVES(3, 0x51));
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
        struct model_scope scope = rig_endpoint(DISK);
        struct udmar_interrupt_message message[2];
        struct udmar_interrupt *interrupt[2];
        struct model_unit *second;
        struct scene s;

        scene_machine_of(&s, NULL, "generic48", 0, first ? 1 : 0);
        second = model_add_unit(s.r.m, &config);
        model_add_unit_scope(second, &scope);
        scene_start(&s);
        assert_int_equal(state_of(&s).tables, 1);
        interrupt[0] = allocate(&s, from_function(NIC), 1);
        interrupt[1] = allocate(&s, from_function(DISK), 1);
        message[0] = set_to(interrupt[0], 0, 3, 0x51);
        message[1] = set_to(interrupt[1], 0, 4, 0x52);
        assert_int_equal(fires(&s, NIC, &message[0]), ARRIVES(3, 0x51));
        assert_int_equal(fires(&s, DISK, &message[1]), ARRIVES(4, 0x52));
        assert_int_equal(udmar_interrupt_free(interrupt[0]), UDMAR_OK);
        assert_int_equal(udmar_interrupt_free(interrupt[1]), UDMAR_OK);
        scene_close(&s);
    }
}

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
    if (sizeof(void *) == 4) {
        skip(); /* no CMPXCHG16B: the host masks the source */
    }
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
        cmocka_unit_test(halves_belong_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
