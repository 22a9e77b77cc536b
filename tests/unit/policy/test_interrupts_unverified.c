/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries that any device may use (hw.dmar.ir.verify=0), where two units share one table. */
#include "fixture/interrupt.h"

static struct model_unit *add_unit_of(struct fixture *f, uint16_t rid)
{
    const struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, rid);
    const struct model_unit_config unit = { .profile = "generic48",
                                            .base = BASE + UINT64_C(0x10000),
                                            .ecap_set = WITH_IR };
    struct model_unit *u = model_add_unit(f->m, &unit);

    model_add_unit_scope(u, &scope);
    return u;
}

/* A device of the second unit sends what is another's: its unit has the entry in its cache then. */
static void a_new_target_is_known_to_every_unit(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct model_unit *other;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    other = add_unit_of(&f, DISK);
    fixture_tune(&f, "hw.dmar.ir.verify", "0");
    start_interrupts(&f);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
    assert_int_equal(fires(&f, DISK, &message), ARRIVES(3, 0x51));
    message = set_to(interrupt, 0, 4, 0x52);
    assert_int_equal(model_interrupts_stale(other), 0);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x52));
    assert_int_equal(fires(&f, DISK, &message), ARRIVES(4, 0x52));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    assert_int_equal(fires(&f, DISK, &message), BLOCKED);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_target_is_known_to_every_unit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("interrupts unverified", tests, NULL, NULL);
}
