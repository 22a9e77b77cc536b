/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults: every record read out and cleared, none of them able to silence the unit; the ring, the
 * callback, the rate limit and the sentences.
 */
#include "fixture/fault.h"

#include <stdio.h>
#include <string.h>

#define FEUADDR 0x44u

#define PFO UINT32_C(1)
#define PPF UINT32_C(2)

/* ---- Records --------------------------------------------------------------------------------- */

static void every_record_is_read_from_every_start(void **state)
{
    struct fixture r;

    (void)state;
    open_held(&r, "generic48");
    /* 8 records: after 8 rounds of 7 each record was first and last. */
    for (unsigned round = 0; round < 8; round++) {
        uint64_t before = counts(&r).total;
        struct udmar_fault f;

        inject(&r, 7);
        assert_int_equal(model_deliver_interrupts(r.m), 1);
        assert_int_equal(counts(&r).total, before + 7);
        for (unsigned i = 0; i < 7; i++) {
            assert_true(udmar_fault_next(r.instance, before + i, &f));
            assert_int_equal(f.address, IOVA + 0x1000 * i);
            assert_int_equal(f.rid, NIC);
            assert_int_equal(f.reason, 5);
            assert_int_equal(f.access, UDMAR_FAULT_WRITE);
            assert_false(f.overflow);
            assert_false(f.from_firmware);
        }
        assert_ready(&r);
    }
    fixture_close(&r);
}

static void all_eight_records_fill(void **state)
{
    struct fixture r;

    (void)state;
    open_held(&r, "generic48");
    inject(&r, 8);
    (void)model_deliver_interrupts(r.m);
    assert_int_equal(counts(&r).total, 8);
    assert_int_equal(counts(&r).overflows, 0);
    assert_ready(&r);
    fixture_close(&r);
}

static void single_record_of_the_oldest_units(void **state)
{
    struct fixture r;

    (void)state;
    open_held(&r, "rwbf");
    inject(&r, 3);
    (void)model_deliver_interrupts(r.m);
    assert_int_equal(counts(&r).total, 1);
    assert_int_equal(counts(&r).overflows, 1);
    assert_ready(&r);
    fixture_close(&r);
}

/* "The unit dropped further faults behind this one" is true of the last one alone. */
static void overflow_is_counted_once_and_marks_the_last_record(void **state)
{
    struct udmar_fault f;
    struct fixture r;

    (void)state;
    open_held(&r, "generic48");
    inject(&r, 20);
    (void)model_deliver_interrupts(r.m);
    assert_int_equal(counts(&r).total, 8);
    assert_int_equal(counts(&r).overflows, 1);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(udmar_fault_next(r.instance, i, &f));
        assert_int_equal(f.overflow, i == 7);
    }
    assert_ready(&r);
    fixture_close(&r);
}

/* Errata of several processors raise PFO without a record. */
static void overflow_without_a_record_is_cleared(void **state)
{
    struct fixture r;

    (void)state;
    open_held(&r, "generic48");
    model_poke32(r.u, FSTS, PFO);
    assert_int_equal(udmar_fault_poll(r.instance), 0);
    assert_ready(&r);
    fixture_close(&r);
}

/* Whatever stays set keeps the next fault from raising its event: overflow and fault of the log
 * that is not used [VTD 11.4.9], and a page request that was not taken. */
static void status_bits_that_nobody_uses_are_cleared(void **state)
{
    static const uint32_t bits[] = { PFO, UINT32_C(1) << 2, UINT32_C(1) << 3, UINT32_C(1) << 7 };

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t bit = bits[i % 4];
        struct fixture r;

        open_held(&r, "generic48");
        model_poke32(r.u, FSTS, bit);
        if (i >= 4 && bit != PFO) {
            inject(&r, 1);
        }
        assert_int_equal(udmar_fault_poll(r.instance), i >= 4 && bit != PFO);
        assert_int_equal(model_peek32(r.u, FSTS), 0);
        assert_ready(&r);
        fixture_close(&r);
    }
}

/* An index of no record, from a unit that is confused: the records are read all the same. */
static void index_behind_the_last_record(void **state)
{
    (void)state;
    for (uint32_t index = 8; index < 256; index += index < 10 ? 1 : 49) {
        struct fixture r;

        open_held(&r, "generic48");
        inject(&r, 3);
        model_poke32(r.u, FSTS, PPF | index << 8);
        assert_int_equal(udmar_fault_poll(r.instance), 3);
        assert_ready(&r);
        fixture_close(&r);
    }
}

/* The upper half of the event's address is there where interrupts can be for extended ids. */
static void upper_half_of_the_event(void **state)
{
    (void)state;
    for (unsigned extended = 0; extended < 2; extended++) {
        const uint64_t bits = UINT64_C(0x18); /* IR and EIM */
        const struct model_unit_config unit = { .base = BASE,
                                                .include_all = true,
                                                .ecap_clear = extended ? 0 : bits,
                                                .ecap_set = extended ? bits : 0 };
        struct fixture r;

        fixture_machine_config(&r, NULL, &unit);
        model_poke32(r.u, FEUADDR, 0x12345600);
        fixture_create(&r);
        fixture_start(&r);
        assert_int_equal(model_peek32(r.u, FEUADDR), extended ? 0 : 0x12345600);
        fixture_close(&r);
    }
}

struct burst {
    struct model_unit *u;
    enum model_event event;
    unsigned left;
};

static void burst(void *context, struct model *m, enum model_event event)
{
    struct burst *b = context;

    (void)m;
    if (event == b->event && b->left > 0) {
        b->left--;
        model_inject_fault(b->u, NIC, 5, 0x9000, true);
    }
}

/* Whenever during the read-out they come, the unit is not left with something pending. */
static void faults_that_arrive_during_the_drain(void **state)
{
    static const enum model_event events[] = { MODEL_EVENT_READ, MODEL_EVENT_WRITE,
                                               MODEL_EVENT_WRITTEN, MODEL_EVENT_RELEASE };

    (void)state;
    for (unsigned e = 0; e < 4; e++) {
        for (unsigned n = 1; n < 80; n += 1 + n / 8) {
            struct burst b;
            struct fixture r;

            open_held(&r, "generic48");
            b = (struct burst){ r.u, events[e], n };
            inject(&r, 3);
            model_set_hook(r.m, burst, &b);
            (void)model_deliver_interrupts(r.m);
            model_set_hook(r.m, NULL, NULL);
            assert_ready(&r);
            fixture_close(&r);
        }
    }
}

/* A device that never stops must not keep the processor in the handler. */
static void endless_faults_do_not_hang_the_drain(void **state)
{
    struct burst b;
    struct fixture r;

    (void)state;
    open_held(&r, "generic48");
    b = (struct burst){ r.u, MODEL_EVENT_READ, UINT32_MAX };
    inject(&r, 1);
    model_set_hook(r.m, burst, &b);
    (void)udmar_fault_poll(r.instance);
    model_set_hook(r.m, NULL, NULL);
    assert_true(counts(&r).total < 1000);
    (void)udmar_fault_poll(r.instance);
    assert_ready(&r);
    fixture_close(&r);
}

static void dead_unit_gives_no_faults(void **state)
{
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    model_behaviour(r.u)->all_ones = true;
    assert_int_equal(udmar_fault_poll(r.instance), 0);
    model_behaviour(r.u)->all_ones = false;
    fixture_close(&r);
}

static void faults_without_interrupts_are_polled(void **state)
{
    const struct model_config machine = { .no_interrupts = true };
    const struct model_unit_config unit = { .base = BASE, .include_all = true };
    struct udmar_unit_status s;
    struct fixture r;

    (void)state;
    fixture_machine_config(&r, &machine, &unit);
    fixture_create(&r);
    fixture_start(&r);
    r.nic = fixture_attach(&r, NIC);
    assert_int_equal(udmar_unit_status(r.instance, 0, &s), UDMAR_OK);
    assert_false(s.has_interrupt);
    assert_true(model_log_contains(r.m, "seen only when polled"));
    assert_int_equal(fixture_write(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(counts(&r).total, 0);
    assert_int_equal(udmar_fault_poll(r.instance), 1);
    assert_int_equal(counts(&r).total, 1);
    assert_int_equal(udmar_fault_poll(r.instance), 0);
    fixture_close(&r);
}

/* Reserved bits of FECTL are kept as they read. */
static void event_control_keeps_reserved_bits(void **state)
{
    struct fixture r;

    (void)state;
    fixture_machine(&r, "generic48");
    model_poke32(r.u, FECTL, 0x80000a50);
    fixture_create(&r);
    fixture_start(&r);
    assert_int_equal(model_peek32(r.u, FECTL), 0xa50);
    assert_int_equal(udmar_stop(r.instance), UDMAR_OK);
    assert_int_equal(model_peek32(r.u, FECTL), 0x80000a50);
    fixture_close(&r);
}

static void faults_left_by_firmware_are_labelled(void **state)
{
    struct udmar_fault f;
    char text[300];
    struct fixture r;

    (void)state;
    fixture_machine(&r, "generic48");
    inject(&r, 2);
    fixture_create(&r);
    fixture_start(&r);
    assert_int_equal(counts(&r).total, 2);
    assert_true(udmar_fault_next(r.instance, 1, &f));
    assert_true(f.from_firmware);
    (void)udmar_fault_format(r.instance, &f, text, sizeof(text));
    assert_non_null(strstr(text, "; left by firmware"));
    r.nic = fixture_attach(&r, NIC);
    assert_ready(&r);
    assert_true(udmar_fault_next(r.instance, 2, &f));
    assert_false(f.from_firmware);
    fixture_close(&r);
}

/* The driver never asks hardware to hide faults. */
static void fault_processing_is_never_disabled(void **state)
{
    uint64_t root, context[2];
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    assert_int_equal(udmar_context_entries(r.instance, 0, NIC, &root, context), UDMAR_OK);
    assert_int_equal(context[0] & 3, 1);
    assert_int_equal(udmar_device_set_mode(r.nic, UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(udmar_context_entries(r.instance, 0, NIC, &root, context), UDMAR_OK);
    assert_int_equal(context[0] & 3, 0);
    assert_int_equal(fixture_write(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(counts(&r).total, 1);
    fixture_close(&r);
}

/* ---- Ring ------------------------------------------------------------------------------------ */

static void ring_overflow_leaves_a_gap_in_the_sequence(void **state)
{
    struct udmar_fault f = { 0 };
    uint64_t seen = 0;
    struct fixture r;

    (void)state;
    fixture_machine(&r, "generic48");
    r.config.fault_log = 16;
    fixture_create(&r);
    fixture_start(&r);
    for (unsigned i = 0; i < 20; i++) {
        inject(&r, 1);
    }
    assert_int_equal(counts(&r).total, 20);
    assert_int_equal(counts(&r).dropped, 4);
    for (uint64_t expected = 5; udmar_fault_next(r.instance, seen, &f); expected++) {
        assert_int_equal(f.sequence, expected);
        seen = f.sequence;
    }
    assert_int_equal(seen, 20);
    assert_true(udmar_fault_next(r.instance, 7, &f));
    assert_int_equal(f.sequence, 8);
    assert_false(udmar_fault_next(r.instance, 20, &f));
    assert_false(udmar_fault_next(r.instance, 21, &f));
    fixture_close(&r);
}

static void ring_is_as_large_as_was_asked_for(void **state)
{
    static const unsigned sizes[] = { 16, 100, 0, 1000, 4096 };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        unsigned size = sizes[i] == 0 ? 256 : sizes[i];
        struct udmar_fault f;
        struct fixture r;

        fixture_machine(&r, "generic48");
        r.config.fault_log = sizes[i];
        fixture_create(&r);
        fixture_start(&r);
        for (unsigned n = 0; n < size + 3; n++) {
            inject(&r, 1);
        }
        assert_int_equal(counts(&r).dropped, 3);
        assert_true(udmar_fault_next(r.instance, 0, &f));
        assert_int_equal(f.sequence, 4);
        fixture_close(&r);
    }
}

/* ---- Who hears of it ------------------------------------------------------------------------- */

struct ear {
    unsigned calls;
    struct udmar_fault last;
};

static void listen(void *argument, const struct udmar_fault *fault)
{
    struct ear *ear = argument;

    ear->calls++;
    ear->last = *fault;
}

static void callback_of_a_device(void **state)
{
    struct ear nic = { 0 }, disk = { 0 };
    struct udmar_device *other;
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    other = fixture_attach(&r, DISK);
    assert_int_equal(udmar_device_on_fault(NULL, listen, &nic), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_on_fault(r.nic, listen, &nic), UDMAR_OK);
    assert_int_equal(udmar_device_on_fault(other, listen, &disk), UDMAR_OK);
    assert_int_equal(fixture_write(&r, NIC, 0xabcde123), MODEL_BLOCKED);
    assert_int_equal(nic.calls, 1);
    assert_int_equal(disk.calls, 0);
    assert_int_equal(nic.last.address, 0xabcde000);
    assert_ptr_equal(nic.last.device, r.nic);
    assert_int_equal(nic.last.sequence, 1);
    assert_int_equal(fixture_info(r.nic).faults, 1);
    assert_int_equal(fixture_info(other).faults, 0);
    assert_int_equal(udmar_device_on_fault(r.nic, NULL, NULL), UDMAR_OK);
    assert_int_equal(fixture_write(&r, NIC, 0x1000), MODEL_BLOCKED);
    assert_int_equal(nic.calls, 1);
    fixture_close(&r);
}

static unsigned lines(struct fixture *r, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; i < model_log_count(r->m); i++) {
        count += strstr(model_log_text(r->m, i), text) != NULL;
    }
    return count;
}

static void five_lines_in_five_seconds_for_each_device(void **state)
{
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    (void)fixture_attach(&r, DISK);
    for (unsigned i = 0; i < 20; i++) {
        inject(&r, 1);
    }
    assert_int_equal(lines(&r, "tried to write"), 5);
    assert_int_equal(counts(&r).suppressed, 15);
    /* Somebody else is not silenced by that. */
    model_inject_fault(r.u, DISK, 5, 0x1000, false);
    model_inject_fault(r.u, 0x0777, 2, 0x1000, false);
    assert_int_equal(lines(&r, "tried to read"), 2);
    model_advance_time(r.m, UINT64_C(5000000000));
    inject(&r, 1);
    assert_int_equal(lines(&r, "tried to write"), 6);
    assert_int_equal(lines(&r, "15 more faults of this device were not printed"), 1);
    /* Those that have been told of are not told of again. */
    for (unsigned i = 0; i < 7; i++) {
        inject(&r, 1);
    }
    assert_int_equal(lines(&r, "more faults"), 1);
    model_advance_time(r.m, UINT64_C(5000000000));
    inject(&r, 1);
    assert_int_equal(lines(&r, "3 more faults of this device were not printed"), 1);
    assert_int_equal(counts(&r).suppressed, 18);
    model_advance_time(r.m, UINT64_C(5000000000));
    inject(&r, 1);
    assert_int_equal(lines(&r, "more faults"), 2);
    fixture_close(&r);
}

/* Nor does one whom nobody knows fill the log. */
static void five_lines_for_all_strangers(void **state)
{
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    for (unsigned i = 0; i < 20; i++) {
        model_inject_fault(r.u, (uint16_t)(0x0700 + i), 2, 0x1000, false);
    }
    assert_int_equal(lines(&r, "tried to read"), 5);
    assert_int_equal(counts(&r).total, 20);
    assert_int_equal(counts(&r).suppressed, 15);
    model_advance_time(r.m, UINT64_C(5000000000));
    model_inject_fault(r.u, 0x0777, 2, 0x1000, false);
    assert_int_equal(lines(&r, "tried to read"), 6);
    fixture_close(&r);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void sentences(void **state)
{
    struct udmar_fault f;
    char text[400];
    size_t length;
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    assert_int_equal(fixture_write(&r, NIC, 0xabcde123), MODEL_BLOCKED);
    assert_true(udmar_fault_next(r.instance, 0, &f));
    length = udmar_fault_format(r.instance, &f, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    assert_string_equal(
        text, "fault 1: dev (0000:00:03.0) tried to write to 0xabcde000 and was stopped: the page "
              "is not mapped, or the device may not write it; the device has no mapping at all "
              "[unit 0, source 0018, reason 0x05, record 8000000500000018 00000000abcde000]");
    assert_int_equal(fixture_map(&r, IOVA, r.page), UDMAR_OK);
    assert_int_equal(fixture_unmap(&r, IOVA), UDMAR_OK);
    assert_int_equal(fixture_read(&r, NIC, IOVA), MODEL_BLOCKED);
    assert_true(udmar_fault_next(r.instance, 1, &f));
    (void)udmar_fault_format(r.instance, &f, text, sizeof(text));
    assert_non_null(strstr(text, "tried to read from 0x10000000 and was stopped: the page is not "
                                 "mapped, or the device may not read it; it lies in the mapping "
                                 "0x10000000-0x10000fff, which was the last to go ["));
    assert_int_equal(fixture_read(&r, DISK, 0x5000), MODEL_BLOCKED);
    assert_true(udmar_fault_next(r.instance, 2, &f));
    assert_null(f.device);
    (void)udmar_fault_format(r.instance, &f, text, sizeof(text));
    assert_non_null(strstr(text, "fault 3: unknown device 0000:00:1f.2 tried to read from 0x5000 "
                                 "and was stopped: it has no context entry: the device was not "
                                 "attached, or is blocked ["));
    fixture_close(&r);
}

static void sentence_is_cut_where_it_does_not_fit(void **state)
{
    struct udmar_fault f;
    char whole[400];
    char text[400];
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    inject(&r, 1);
    assert_true(udmar_fault_next(r.instance, 0, &f));
    (void)udmar_fault_format(r.instance, &f, whole, sizeof(whole));
    for (size_t size = 1; size < sizeof(text); size++) {
        size_t length;

        memset(text, '#', sizeof(text));
        length = udmar_fault_format(r.instance, &f, text, size);
        assert_true(length < size);
        assert_int_equal(text[length], '\0');
        assert_int_equal(strncmp(text, whole, length), 0);
        if (size < sizeof(text)) {
            assert_int_equal(text[size], '#');
        }
    }
    fixture_close(&r);
}

/* What is kept must not lead to a device that is no more. */
static void fault_of_a_device_that_was_detached(void **state)
{
    struct udmar_fault f, early;
    char text[400];
    struct fixture r;

    (void)state;
    fixture_open_nic(&r, "generic48");
    inject(&r, 1);
    assert_true(udmar_fault_next(r.instance, 0, &early));
    assert_int_equal(udmar_device_detach(r.nic), UDMAR_OK);
    assert_true(udmar_fault_next(r.instance, 0, &f));
    assert_null(f.device);
    (void)udmar_fault_format(r.instance, &f, text, sizeof(text));
    assert_non_null(strstr(text, "unknown device 0000:00:03.0"));
    /* Nor may a copy that was taken before. */
    (void)udmar_fault_format(r.instance, &early, text, sizeof(text));
    assert_non_null(strstr(text, "unknown device 0000:00:03.0"));
    fixture_close(&r);
}

static void every_reason_has_words(void **state)
{
    static const uint8_t known[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x20,
        0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x30, 0x31, 0x32, 0x33, 0x38, 0x39,
        0x3a, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x50, 0x51, 0x52, 0x58, 0x59,
        0x5a, 0x5b, 0x5c, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
        0x7b, 0x7c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x90, 0x91
    };
    const char *unknown = udmar_fault_reason_string(0xff);
    unsigned next = 0;

    (void)state;
    assert_string_equal(unknown, "a reason this driver does not know");
    for (unsigned code = 0; code < 256; code++) {
        const char *text = udmar_fault_reason_string((uint8_t)code);

        if (next < sizeof(known) && known[next] == code) {
            next++;
            if (text == unknown) {
                print_message("no words for 0x%02x\n", code);
            }
            assert_ptr_not_equal(text, unknown);
        }
        assert_true(strlen(text) > 10 && strlen(text) < 100);
    }
}

static void records_are_decoded(void **state)
{
    static const struct {
        uint64_t high;
        uint8_t access;
    } types[] = {
        { UINT64_C(0x8000000500000018), UDMAR_FAULT_WRITE },
        { UINT64_C(0xc000000600000018), UDMAR_FAULT_READ },
        { UINT64_C(0x8000003210000018), UDMAR_FAULT_PAGE_REQUEST },
        { UINT64_C(0xc000000510000018), UDMAR_FAULT_ATOMIC },
    };
    struct udmar_fault f;
    uint64_t raw[2];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        raw[0] = UINT64_C(0xffff123456789000);
        raw[1] = types[i].high;
        udmar_fault_decode(raw, &f);
        assert_int_equal(f.access, types[i].access);
        assert_int_equal(f.rid, 0x18);
        assert_int_equal(f.address, UINT64_C(0xffff123456789000));
        assert_false(f.has_pasid);
    }
    raw[1] = UINT64_C(0x8abcde5980000018);
    udmar_fault_decode(raw, &f);
    assert_true(f.has_pasid);
    assert_int_equal(f.pasid, 0xabcde);
    assert_int_equal(f.reason, 0x59);
    raw[0] = UINT64_C(0x1234000000000000);
    raw[1] = UINT64_C(0x800000220000fff8);
    udmar_fault_decode(raw, &f);
    assert_int_equal(f.access, UDMAR_FAULT_INTERRUPT);
    assert_int_equal(f.address, 0x1234);
    assert_int_equal(f.raw[1], raw[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_read_from_every_start),
        cmocka_unit_test(all_eight_records_fill),
        cmocka_unit_test(single_record_of_the_oldest_units),
        cmocka_unit_test(overflow_is_counted_once_and_marks_the_last_record),
        cmocka_unit_test(overflow_without_a_record_is_cleared),
        cmocka_unit_test(status_bits_that_nobody_uses_are_cleared),
        cmocka_unit_test(index_behind_the_last_record),
        cmocka_unit_test(upper_half_of_the_event),
        cmocka_unit_test(faults_that_arrive_during_the_drain),
        cmocka_unit_test(endless_faults_do_not_hang_the_drain),
        cmocka_unit_test(dead_unit_gives_no_faults),
        cmocka_unit_test(faults_without_interrupts_are_polled),
        cmocka_unit_test(event_control_keeps_reserved_bits),
        cmocka_unit_test(faults_left_by_firmware_are_labelled),
        cmocka_unit_test(fault_processing_is_never_disabled),
        cmocka_unit_test(ring_overflow_leaves_a_gap_in_the_sequence),
        cmocka_unit_test(ring_is_as_large_as_was_asked_for),
        cmocka_unit_test(callback_of_a_device),
        cmocka_unit_test(five_lines_in_five_seconds_for_each_device),
        cmocka_unit_test(five_lines_for_all_strangers),
        cmocka_unit_test(sentences),
        cmocka_unit_test(sentence_is_cut_where_it_does_not_fit),
        cmocka_unit_test(fault_of_a_device_that_was_detached),
        cmocka_unit_test(every_reason_has_words),
        cmocka_unit_test(records_are_decoded),
    };

    return cmocka_run_group_tests_name("fault_log", tests, NULL, NULL);
}
