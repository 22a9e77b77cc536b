/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping: sources, targets, messages, and what is refused. */
#include "fixture/interrupt.h"

/* ---- What arrives ------------------------------------------------------------------------------
 */

static void a_function_raises_what_was_set(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm", "modern", "v6" };

    (void)state;
    for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct udmar_interrupt_message message;
        struct udmar_interrupt *interrupt;
        struct fixture f;

        open_interrupts(&f, profiles[i]);
        interrupt = allocate(&f, from_function(NIC), 1);
        message = set_to(interrupt, 0, 3, 0x51);
        assert_true(message.remapped);
        assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
        message = set_to(interrupt, 0, 7, 0x52);
        assert_int_equal(fires(&f, NIC, &message), ARRIVES(7, 0x52));
        /* It is nobody else's. */
        assert_int_equal(fires(&f, DISK, &message), BLOCKED);
        assert_fault_says(&f, "through entry 0, which is of 00:03.0, and was stopped");
        assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        assert_int_equal(fires(&f, NIC, &message), BLOCKED);
        assert_fault_says(&f, "tried to raise an interrupt through entry 0, which is nobody's,");
        fixture_close(&f);
    }
}

static void forged_messages_are_stopped_and_named(void **state)
{
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
    assert_fault_says(&f,
                      "(0000:00:03.0) tried to raise an interrupt and was stopped: an interrupt in "
                      "compatibility format was blocked");
    assert_int_equal(sends(&f, NIC, 0xfee00010 | 100 << 5, 0), BLOCKED);
    assert_fault_says(&f, "tried to raise an interrupt through entry 100, which is nobody's, and "
                          "was stopped: the interrupt remapping entry is not present");
    assert_int_equal(sends(&f, NIC, 0xfee00010 | 256 << 5, 0), BLOCKED);
    assert_fault_says(&f, "through entry 256, which is nobody's, and was stopped: the interrupt "
                          "index is beyond the remapping table");
    assert_int_equal(sends(&f, IOAPIC_RID, 0xfee00000, 0x41), BLOCKED);
    assert_fault_says(&f, "I/O APIC 2 tried to raise an interrupt and was stopped");
    assert_int_equal(sends(&f, HPET_RID, 0xfee00000, 0x41), BLOCKED);
    assert_fault_says(&f, "HPET 1 tried to raise an interrupt and was stopped");
    /* A write there that the unit stops as DMA. */
    model_inject_fault(f.u, NIC, 5, 0xfee01000, true);
    assert_fault_says(&f, "tried to raise an interrupt by writing to 0xfee01000 and was stopped");
    fixture_close(&f);
}

static void every_reason_has_its_sentence(void **state)
{
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    interrupt = allocate(&f, from_hpet(HPET_ID), 1);
    (void)set_to(interrupt, 0, 1, 0x40);
    for (unsigned reason = 0x20; reason <= 0x29; reason++) {
        struct udmar_fault fault = { .sequence = 0 };
        char sentence[512];

        model_inject_fault(f.u, IOAPIC_RID, (uint8_t)reason, 0, true);
        assert_fault_says(&f, "I/O APIC 2 tried to raise an interrupt");
        assert_fault_says(&f, udmar_fault_reason_string((uint8_t)reason));
        while (udmar_fault_next(f.instance, fault.sequence, &fault)) {
        }
        (void)udmar_fault_format(f.instance, &fault, sentence, sizeof(sentence));
        assert_int_equal(fault.access, UDMAR_FAULT_INTERRUPT);
        /* Compatibility format names no entry. */
        assert_int_equal(strstr(sentence, "through entry 0, which is of HPET 1 timer 0,") == NULL,
                         reason == 0x25);
        assert_null(strstr(sentence, "does not know"));
    }
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void a_block_has_one_address_and_numbers(void **state)
{
    struct udmar_interrupt_message first, third;
    struct udmar_interrupt *block, *single;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    single = allocate(&f, from_function(DISK), 1);
    block = allocate(&f, from_function(NIC), 8);
    for (unsigned i = 0; i < 8; i++) {
        (void)set_to(block, i, i, (uint8_t)(0x60 + i));
    }
    first = set_to(block, 0, 0, 0x60);
    third = set_to(block, 3, 3, 0x63);
    assert_int_equal(first.index % 8, 0);
    assert_int_equal(first.address, third.address);
    assert_int_equal(first.data, 0);
    assert_int_equal(third.data, 3);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(sends(&f, NIC, first.address, first.data + i), ARRIVES(i, 0x60 + i));
    }
    assert_int_equal(sends(&f, NIC, first.address, 8), BLOCKED);
    assert_int_equal(udmar_interrupt_free(block), UDMAR_OK);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(sends(&f, NIC, first.address, i), BLOCKED);
    }
    assert_int_equal(udmar_interrupt_free(single), UDMAR_OK);
    fixture_close(&f);
}

static void pins_and_timers(void **state)
{
    struct udmar_interrupt_target target = {
        .destination = 5, .vector = 0x71, .level = true, .active_low = true
    };
    struct udmar_interrupt_message message;
    struct udmar_interrupt *pin, *timer;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    pin = allocate(&f, from_pin(IOAPIC_ID, 16), 1);
    timer = allocate(&f, from_hpet(HPET_ID), 1);
    assert_int_equal(udmar_interrupt_set(pin, 0, &target, &message), UDMAR_OK);
    /* Vector, low active, level, format; unmasked. */
    assert_int_equal(message.redirection & 0xffffffff, 0x71 | 1 << 13 | 1 << 15);
    assert_int_equal(pin_fires(&f, message.redirection), ARRIVES(5, 0x71));
    assert_int_equal(fires(&f, NIC, &message), BLOCKED);
    assert_fault_says(&f, "which is of I/O APIC 2 pin 16,");
    message = set_to(timer, 0, 6, 0x72);
    assert_int_equal(fires(&f, HPET_RID, &message), ARRIVES(6, 0x72));
    /* Some send with any function of their device. */
    assert_int_equal(fires(&f, HPET_RID & 0xfff8, &message), ARRIVES(6, 0x72));
    assert_int_equal(fires(&f, HPET_RID - 8, &message), BLOCKED);
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(timer), UDMAR_OK);
    fixture_close(&f);
}

static void all_targets_stand_in_the_entry(void **state)
{
    static const uint8_t deliveries[] = { 0, 1, 2, 4, 5, 7 };
    struct udmar_interrupt *pin;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    pin = allocate(&f, from_pin(IOAPIC_ID, 3), 1);
    for (unsigned i = 0; i < 6 * 4; i++) {
        struct udmar_interrupt_entry entry = { .index = 0 };
        struct udmar_interrupt_target target = { .destination = 0xa0 + i,
                                                 .vector = (uint8_t)(0x80 + i),
                                                 .delivery = deliveries[i % 6],
                                                 .logical = (i / 6) & 1,
                                                 .level = (i / 12) & 1 };
        struct udmar_interrupt_message message;

        assert_int_equal(udmar_interrupt_set(pin, 0, &target, &message), UDMAR_OK);
        assert_int_equal(pin_fires(&f, message.redirection), ARRIVES(0xa0 + i, 0x80 + i));
        assert_true(udmar_interrupt_next(f.instance, &entry));
        assert_true(entry.fields.present && !entry.fields.posted && !entry.fields.quiet);
        assert_null(entry.fields.defect);
        assert_int_equal(entry.fields.target.destination, target.destination);
        assert_int_equal(entry.fields.target.vector, target.vector);
        assert_int_equal(entry.fields.target.delivery, target.delivery);
        assert_int_equal(entry.fields.target.logical, target.logical);
        assert_int_equal(entry.fields.target.level, target.level);
        assert_int_equal(entry.source.kind, UDMAR_INTERRUPT_IOAPIC);
        assert_int_equal(entry.source.rid, IOAPIC_RID);
        assert_false(udmar_interrupt_next(f.instance, &entry));
    }
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Wide ids ----------------------------------------------------------------------------------
 */

static void apic_ids_of_32_bits(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    interrupt_machine_of(&f, NULL, "generic48", 0, WITH_EIM);
    f.ir.x2apic = true;
    fixture_create(&f);
    assert_true(state_of(&f).extended);
    fixture_start(&f);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 0x12345, 0x44);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(0x12345, 0x44));
    message = set_to(interrupt, 0, 0xffffffff, 0x44);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(0xffffffff, 0x44));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void wide_ids_need_every_unit_and_firmware(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason < 4; reason++) {
        const struct model_unit_config second = { .profile = "generic48",
                                                  .base = BASE_2,
                                                  .ecap_set =
                                                      reason == 1 ? WITH_IR : WITH_IR | WITH_EIM };
        struct udmar_interrupt_target target = to(256, 0x44);
        struct udmar_interrupt *interrupt;
        struct model_scope scope = fixture_endpoint(DISK);
        struct fixture f;

        interrupt_machine_of(&f, NULL, "generic48", 0, reason == 0 ? 0 : WITH_EIM);
        if (reason > 0) {
            struct model_unit *u = model_add_unit(f.m, &second);

            model_add_unit_scope(u, &scope);
        }
        f.ir.x2apic = reason != 3;
        model_set_dmar_header(f.m, reason == 2 ? 3 : 1, 0);
        fixture_create(&f);
        assert_false(state_of(&f).extended);
        assert_int_equal(model_log_contains(f.m, "APIC ids up to 255 alone"), reason != 3);
        fixture_start(&f);
        assert_int_equal(model_peek32(f.u, IRTA) & EIME, 0);
        interrupt = allocate(&f, from_function(NIC), 1);
        assert_int_equal(udmar_interrupt_set(interrupt, 0, &target, NULL), UDMAR_ERR_UNSUPPORTED);
        target.destination = 255;
        assert_int_equal(udmar_interrupt_set(interrupt, 0, &target, NULL), UDMAR_OK);
        assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        fixture_close(&f);
    }
}

/* ---- Bad input: a named status, and nothing changed --------------------------------------------
 */

static enum udmar_status try_alloc(struct fixture *f, struct udmar_interrupt_source source,
                                   unsigned count)
{
    struct udmar_interrupt *interrupt = NULL;
    struct udmar_interrupt_state before = state_of(f), after;
    enum udmar_status status = udmar_interrupt_alloc(f->instance, &source, count, &interrupt);

    after = state_of(f);
    assert_int_equal(before.used, after.used);
    assert_int_equal(before.found, after.found);
    assert_null(interrupt);
    return status;
}

static void bad_sources(void **state)
{
    struct udmar_interrupt_source source = from_function(NIC);
    struct udmar_interrupt *interrupt = NULL;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    assert_int_equal(udmar_interrupt_alloc(NULL, &source, 1, &interrupt), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_alloc(f.instance, NULL, 1, &interrupt), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_alloc(f.instance, &source, 1, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_function(NIC), 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_function(NIC), 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_function(NIC), 6), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_function(NIC), 4096), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_function(NIC), 512), UDMAR_ERR_ENTRIES);
    assert_int_equal(try_alloc(&f, from_pin(IOAPIC_ID, 0), 2), UDMAR_ERR_ARGUMENT);
    assert_int_equal(try_alloc(&f, from_pin(IOAPIC_ID + 1, 0), 1), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(try_alloc(&f, from_hpet(HPET_ID + 1), 1), UDMAR_ERR_NOT_FOUND);
    /* The same number, but the other kind. */
    assert_int_equal(try_alloc(&f, from_hpet(IOAPIC_ID), 1), UDMAR_ERR_NOT_FOUND);
    source.kind = UDMAR_INTERRUPT_NONE;
    assert_int_equal(try_alloc(&f, source, 1), UDMAR_ERR_ARGUMENT);
    source.kind = UDMAR_INTERRUPT_FOUND;
    assert_int_equal(try_alloc(&f, source, 1), UDMAR_ERR_ARGUMENT);
    source.kind = UDMAR_INTERRUPT_PCI;
    source.segment = 7;
    assert_int_equal(try_alloc(&f, source, 1), UDMAR_ERR_NO_UNIT);
    fixture_close(&f);
}

static void bad_targets(void **state)
{
    struct udmar_interrupt_message message = { .index = 99 };
    struct udmar_interrupt_target target = to(1, 0x40);
    struct udmar_interrupt_target bad;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    interrupt = allocate(&f, from_function(NIC), 2);
    (void)set_to(interrupt, 0, 1, 0x40);
    assert_int_equal(udmar_interrupt_set(NULL, 0, &target, &message), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_set(interrupt, 0, NULL, &message), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_set(interrupt, 2, &target, &message), UDMAR_ERR_ARGUMENT);
    bad = to(1, 15);
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_ERR_ARGUMENT);
    bad.delivery = UDMAR_DELIVER_LOWEST;
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_ERR_ARGUMENT);
    bad = to(256, 0x50);
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_ERR_UNSUPPORTED);
    for (unsigned delivery = 0; delivery < 256; delivery++) {
        bad = to(1, 0x50);
        bad.delivery = (uint8_t)delivery;
        if (delivery == 3 || delivery == 6 || delivery > 7) {
            assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_ERR_ARGUMENT);
        }
    }
    bad = to(1, 0x50);
    bad.level = true; /* a message has no level */
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, 0x2000, 0x50, false, &message),
                     UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(message.index, 99);
    message = set_to(interrupt, 1, 2, 0x41);
    assert_int_equal(sends(&f, NIC, message.address, 0), ARRIVES(1, 0x40));
    /* Vector 16 is the first that may be used; NMI has none. */
    (void)set_to(interrupt, 0, 1, 16);
    bad = to(1, 0);
    bad.delivery = UDMAR_DELIVER_NMI;
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &bad, &message), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(NULL), UDMAR_OK);
    fixture_close(&f);
}

static void full_tables(void **state)
{
    struct udmar_interrupt *all[256], *block;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    assert_int_equal(state_of(&f).entries, 256);
    for (unsigned i = 0; i < 256; i++) {
        struct udmar_interrupt_message message;

        all[i] = allocate(&f, from_function(i % 2 == 0 ? NIC : DISK), 1);
        message = set_to(all[i], 0, i, 0x99);
        assert_int_equal(fires(&f, i % 2 == 0 ? NIC : DISK, &message), ARRIVES(i, 0x99));
    }
    assert_int_equal(state_of(&f).used, 256);
    assert_int_equal(try_alloc(&f, from_function(NIC), 1), UDMAR_ERR_ENTRIES);
    /* Four in a row that are no block. */
    for (unsigned i = 130; i < 134; i++) {
        assert_int_equal(udmar_interrupt_free(all[i]), UDMAR_OK);
    }
    assert_int_equal(try_alloc(&f, from_function(NIC), 4), UDMAR_ERR_ENTRIES);
    assert_int_equal(udmar_interrupt_free(all[134]), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(all[135]), UDMAR_OK);
    block = allocate(&f, from_function(NIC), 4);
    assert_int_equal(set_to(block, 0, 0, 0x31).index, 132);
    assert_int_equal(udmar_interrupt_free(block), UDMAR_OK);
    for (unsigned i = 0; i < 256; i++) {
        if (i < 130 || i > 135) {
            assert_int_equal(udmar_interrupt_free(all[i]), UDMAR_OK);
        }
    }
    block = allocate(&f, from_function(NIC), 256);
    assert_int_equal(udmar_interrupt_free(block), UDMAR_OK);
    assert_int_equal(state_of(&f).used, 0);
    fixture_close(&f);
}

static void tables_have_the_size_that_was_asked_for(void **state)
{
    static const struct {
        unsigned asked, made;
    } sizes[] = { { 0, 256 },     { 256, 256 },     { 257, 512 },
                  { 5000, 8192 }, { 32769, 65536 }, { 65536, 65536 } };

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct udmar_interrupt_message message;
        struct udmar_interrupt *interrupt = NULL, *last;
        struct fixture f;

        interrupt_machine(&f, "generic48");
        f.ir.entries = sizes[i].asked;
        start_interrupts(&f);
        assert_int_equal(state_of(&f).entries, sizes[i].made);
        assert_int_equal((model_peek32(f.u, IRTA) & 15) + 1,
                         (unsigned)__builtin_ctz(sizes[i].made));
        /* The last of them works as well, whatever bit of the index it needs. */
        for (unsigned taken = 0; taken + 2048 < sizes[i].made; taken += 2048) {
            interrupt = allocate(&f, from_function(DISK), 2048);
        }
        (void)interrupt;
        last = allocate(&f, from_function(NIC), sizes[i].made < 2048 ? sizes[i].made : 2048);
        message = set_to(last, (sizes[i].made < 2048 ? sizes[i].made : 2048) - 1, 9, 0x77);
        assert_int_equal(message.index, sizes[i].made - 1);
        assert_int_equal(fires(&f, NIC, &message), ARRIVES(9, 0x77));
        fixture_close(&f);
    }
}

static void blocks_are_no_larger_than_what_a_unit_forgets_at_once(void **state)
{
    const struct model_unit_config unit = { .profile = "generic48",
                                            .base = BASE,
                                            .include_all = true,
                                            .ecap_set = UINT64_C(0x8) | UINT64_C(2) << 20 };
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    memset(&f, 0, sizeof(f));
    fixture_machine_config(&f, NULL, &unit);
    ask_for_interrupts(&f);
    start_interrupts(&f);
    assert_int_equal(try_alloc(&f, from_function(NIC), 8), UDMAR_ERR_UNSUPPORTED);
    interrupt = allocate(&f, from_function(NIC), 4);
    (void)set_to(interrupt, 3, 1, 0x40);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

/* ---- On and off --------------------------------------------------------------------------------
 */

static void off_unless_asked_for(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct udmar_interrupt_source source = from_function(NIC);
        struct udmar_interrupt *interrupt = NULL;
        struct fixture f;

        interrupt_machine(&f, "generic48");
        switch (way) {
        case 0:
            f.config.interrupts = NULL;
            break;
        case 1:
            fixture_tune(&f, "hw.dmar.ir", "0");
            break;
        case 2:
            fixture_tune(&f, "hw.dmar.qi", "0");
            break;
        default:
            model_set_dmar_header(f.m, 0, 0);
            break;
        }
        start_interrupts(&f);
        assert_int_equal(model_peek32(f.u, GSTS) & (IRE | IRTP | CFI), 0);
        assert_int_equal(udmar_interrupt_alloc(f.instance, &source, 1, &interrupt),
                         way < 2 ? UDMAR_ERR_DISABLED : UDMAR_ERR_UNSUPPORTED);
        assert_non_null(state_of(&f).refused);
        assert_int_equal(state_of(&f).entries, 0);
        assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), COMPATIBLE);
        if (way == 2) {
            assert_true(model_log_contains(f.m, "without the invalidation queue (hw.dmar.qi=0)"));
        }
        if (way == 3) {
            assert_true(model_log_contains(f.m, "the machine does not support it"));
        }
        assert_int_equal(f.programs[0] + f.programs[1], 0);
        fixture_close(&f);
    }
}

static void every_io_apic_must_have_a_scope(void **state)
{
    static const uint8_t known[] = { IOAPIC_ID }, unknown[] = { IOAPIC_ID, 9 };
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    f.ir.ioapics = known;
    f.ir.ioapic_count = 1;
    fixture_create(&f);
    assert_null(state_of(&f).refused);
    fixture_close(&f);

    interrupt_machine(&f, "generic48");
    f.ir.ioapics = unknown;
    f.ir.ioapic_count = 2;
    start_interrupts(&f);
    assert_non_null(state_of(&f).refused);
    assert_true(model_log_contains(f.m, "no unit's scope names I/O APIC 9"));
    assert_int_equal(model_peek32(f.u, GSTS) & IRE, 0);
    fixture_close(&f);
}

static void bad_configurations(void **state)
{
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    f.config.keep_interrupt_remapping = true;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.config.keep_interrupt_remapping = false;
    f.ir.entries = 65537;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.ir.entries = 0;
    f.ir.ioapic_count = 1;
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
    f.ir.ioapic_count = 0;
    fixture_create(&f);
    fixture_close(&f);
}

static void compatibility_format_passes_where_it_is_said(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.ir.compat", "1");
    start_interrupts(&f);
    assert_true(state_of(&f).compatible);
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), COMPATIBLE);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
    /* Hardware ignores it with 32-bit destinations. */
    interrupt_machine_of(&f, NULL, "generic48", 0, WITH_EIM);
    f.ir.x2apic = true;
    fixture_tune(&f, "hw.dmar.ir.compat", "1");
    start_interrupts(&f);
    assert_false(state_of(&f).compatible);
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
    fixture_close(&f);
}

static void entries_without_verification(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.ir.verify", "0");
    start_interrupts(&f);
    assert_false(state_of(&f).verified);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
    assert_int_equal(fires(&f, DISK, &message), ARRIVES(3, 0x51));
    message = set_to(interrupt, 0, 4, 0x52);
    assert_int_equal(fires(&f, DISK, &message), ARRIVES(4, 0x52));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Sources behind bridges --------------------------------------------------------------------
 */

/* The check that the entry of @rid has, as its fields say. */
static struct udmar_interrupt_fields check_for(struct fixture *f, uint16_t rid)
{
    struct udmar_interrupt *interrupt = allocate(f, from_function(rid), 1);
    struct udmar_interrupt_entry entry = { .index = 0 };
    struct udmar_interrupt_message message = set_to(interrupt, 0, 1, 0x40);

    assert_true(udmar_interrupt_next(f->instance, &entry));
    /* As its unit sees it, it gets through. */
    assert_int_equal(fires(f, model_requester_id(f->m, 0, rid), &message), ARRIVES(1, 0x40));
    assert_int_equal(fires(f, NIC, &message), BLOCKED);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    return entry.fields;
}

static void functions_behind_bridges(void **state)
{
    struct udmar_interrupt_fields fields;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    model_add_bridge(f.m, 0, UDMAR_RID(0, 0x1c, 0), 4, 6, MODEL_ROOT_PORT);
    model_add_function(f.m, 0, UDMAR_RID(4, 0, 1), 0x8086, 0x10d3, 0x020000);
    model_add_bridge(f.m, 0, UDMAR_RID(4, 0, 0), 5, 6, MODEL_PCIE_TO_PCI);
    model_add_function(f.m, 0, UDMAR_RID(5, 3, 0), 0x8086, 0x10d3, 0x020000);
    model_add_bridge(f.m, 0, UDMAR_RID(5, 4, 0), 6, 6, MODEL_PCI_TO_PCI);
    model_add_function(f.m, 0, UDMAR_RID(6, 1, 0), 0x8086, 0x10d3, 0x020000);
    model_add_bridge(f.m, 0, UDMAR_RID(0, 0x1e, 0), 8, 8, MODEL_PCI_TO_PCI);
    model_add_function(f.m, 0, UDMAR_RID(8, 2, 0), 0x8086, 0x10d3, 0x020000);
    model_add_bridge(f.m, 0, UDMAR_RID(0, 0x1c, 1), 9, 10, MODEL_ROOT_PORT);
    model_add_bridge(f.m, 0, UDMAR_RID(9, 0, 0), 10, 10, MODEL_BUGGY_PCIE_TO_PCI);
    model_add_function(f.m, 0, UDMAR_RID(10, 2, 0), 0x8086, 0x10d3, 0x020000);
    start_interrupts(&f);
    /* A root port changes nothing. */
    fields = check_for(&f, UDMAR_RID(4, 0, 1));
    assert_int_equal(fields.check, 1);
    assert_int_equal(fields.ignore, 0);
    assert_int_equal(fields.sid, UDMAR_RID(4, 0, 1));
    /* Behind a PCIe-to-PCI bridge nothing but the bus is sure. */
    fields = check_for(&f, UDMAR_RID(5, 3, 0));
    assert_int_equal(fields.check, 2);
    assert_int_equal(fields.sid, 0x0505);
    fields = check_for(&f, UDMAR_RID(6, 1, 0));
    assert_int_equal(fields.check, 2);
    assert_int_equal(fields.sid, 0x0505);
    /* A conventional bridge sends for them. */
    fields = check_for(&f, UDMAR_RID(8, 2, 0));
    assert_int_equal(fields.check, 1);
    assert_int_equal(fields.ignore, 0);
    assert_int_equal(fields.sid, UDMAR_RID(0, 0x1e, 0));
    /* One that has lost its capability may do this or that. */
    fields = check_for(&f, UDMAR_RID(10, 2, 0));
    assert_int_equal(fields.check, 2);
    assert_int_equal(fields.sid, 0x090a);
    fixture_close(&f);
}

/* The narrowest check that lets all of a set through, whatever order they come in. */
static void checks_are_as_narrow_as_can_be(void **state)
{
    static const struct {
        uint16_t id[3];
        uint64_t check;
    } rows[] = {
        { { 0x0418, 0x0418, 0x0418 }, UINT64_C(1) << 18 | 0x0418 },
        { { 0x0418, 0x041c, 0x0418 }, UINT64_C(1) << 18 | 1 << 16 | 0x0418 },
        { { 0x0418, 0x041a, 0x041c }, UINT64_C(1) << 18 | 2 << 16 | 0x0418 },
        { { 0x0418, 0x0419, 0x0418 }, UINT64_C(1) << 18 | 3 << 16 | 0x0418 },
        { { 0x0418, 0x0420, 0x0418 }, UINT64_C(2) << 18 | 0x0404 },
        { { 0x0418, 0x0600, 0x0500 }, UINT64_C(2) << 18 | 0x0406 },
        { { 0x0600, 0x0418, 0x0500 }, UINT64_C(2) << 18 | 0x0406 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct udmar__sender sender = { .known = false };

        for (unsigned j = 0; j < 3; j++) {
            udmar__sender_add(&sender, rows[i].id[j]);
        }
        assert_int_equal(udmar__sender_check(&sender), rows[i].check);
        for (unsigned j = 0; j < 3; j++) {
            assert_true(udmar__sender_passes(rows[i].check, rows[i].id[j]));
        }
        assert_false(udmar__sender_passes(rows[i].check, 0x0318));
        assert_false(udmar__sender_passes(rows[i].check, 0x0718));
    }
}

/* Memory that the host gives is zero for the processor alone. */
static void a_fresh_table_is_empty_for_hardware(void **state)
{
    struct fixture f;

    (void)state;
    open_interrupts(&f, "noncoherent");
    for (uint64_t i = 0; i < 256; i++) {
        assert_int_equal(sends(&f, NIC, UINT64_C(0xfee00010) | i << 5, 0), BLOCKED);
        assert_fault_says(&f, "the interrupt remapping entry is not present");
    }
    fixture_close(&f);
}

static void odd_functions(void **state)
{
    struct udmar_interrupt_fields fields;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    model_add_bridge(f.m, 0, UDMAR_RID(0, 0x1c, 0), 4, 5, MODEL_ROOT_PORT);
    /* Sends function 0's id; function 1's; every one of its bus. */
    model_add_function(f.m, 0, UDMAR_RID(4, 3, 4), 0x1180, 0xe832, 0x020000);
    model_add_function(f.m, 0, UDMAR_RID(4, 4, 0), 0x1b4b, 0x9120, 0x010601);
    model_add_function(f.m, 0, UDMAR_RID(4, 5, 0), 0x10b5, 0x87b0, 0x068000);
    start_interrupts(&f);
    fields = check_for(&f, UDMAR_RID(4, 3, 4));
    assert_int_equal(fields.check, 1);
    assert_int_equal(fields.ignore, 1);
    fields = check_for(&f, UDMAR_RID(4, 4, 0));
    assert_int_equal(fields.check, 1);
    assert_int_equal(fields.ignore, 3);
    fields = check_for(&f, UDMAR_RID(4, 5, 0));
    assert_int_equal(fields.check, 2);
    assert_int_equal(fields.sid, 0x0404);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_raises_what_was_set),
        cmocka_unit_test(forged_messages_are_stopped_and_named),
        cmocka_unit_test(every_reason_has_its_sentence),
        cmocka_unit_test(a_block_has_one_address_and_numbers),
        cmocka_unit_test(pins_and_timers),
        cmocka_unit_test(all_targets_stand_in_the_entry),
        cmocka_unit_test(apic_ids_of_32_bits),
        cmocka_unit_test(wide_ids_need_every_unit_and_firmware),
        cmocka_unit_test(bad_sources),
        cmocka_unit_test(bad_targets),
        cmocka_unit_test(full_tables),
        cmocka_unit_test(tables_have_the_size_that_was_asked_for),
        cmocka_unit_test(blocks_are_no_larger_than_what_a_unit_forgets_at_once),
        cmocka_unit_test(off_unless_asked_for),
        cmocka_unit_test(every_io_apic_must_have_a_scope),
        cmocka_unit_test(bad_configurations),
        cmocka_unit_test(compatibility_format_passes_where_it_is_said),
        cmocka_unit_test(entries_without_verification),
        cmocka_unit_test(functions_behind_bridges),
        cmocka_unit_test(checks_are_as_narrow_as_can_be),
        cmocka_unit_test(a_fresh_table_is_empty_for_hardware),
        cmocka_unit_test(odd_functions),
    };

    return cmocka_run_group_tests_name("interrupts", tests, NULL, NULL);
}
