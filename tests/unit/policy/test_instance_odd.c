/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Corners that no journey passes through: null arguments, storms of faults, odd configuration
 * spaces, hardware that goes silent between two steps.
 */
#include "fixture/inside.h"

#include <string.h>

#include "base/text.h"

#define PLX_BRIDGE UINT16_C(0x00e0)
#define CARD       UINT16_C(0x0500)

/* ---- questions to nobody ---- */

static void questions_to_nobody(void **state)
{
    struct udmar_unit_status status;
    uint64_t root, context[2];
    struct fixture f;

    (void)state;
    assert_null(udmar_device_find(NULL, 0, NIC));
    assert_int_equal(udmar_unit_count(NULL), 0);
    assert_int_equal(udmar_unit_status(NULL, 0, &status), UDMAR_ERR_ARGUMENT);
    assert_null(udmar_instance_table(NULL));
    assert_null(udmar_device_domain(NULL));
    assert_int_equal(udmar_fault_poll(NULL), 0);
    assert_int_equal(udmar_device_detach(NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_mode(NULL, UDMAR_MODE_BLOCKED), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_on_fault(NULL, NULL, NULL), UDMAR_ERR_ARGUMENT);
    fixture_open_nic(&f, "generic48");
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_int_equal(udmar_unit_status(f.instance, 1, &status), UDMAR_ERR_ARGUMENT);
    assert_ptr_equal(udmar_instance_table(f.instance)->bytes, f.table);
    assert_int_equal(udmar_context_entries(f.instance, 0, DISK, &root, context), UDMAR_ERR_NO_UNIT);
    assert_int_equal(udmar_context_entries(f.instance, 0, NIC, &root, context), UDMAR_OK);
    assert_int_equal(context[0] & 1, 1);
    fixture_close(&f);
}

static void disabled_instance_has_no_table(void **state)
{
    uint64_t root, context[2];
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.dmar.enable", "0");
    fixture_create(&f);
    assert_null(udmar_instance_table(f.instance));
    assert_int_equal(udmar_unit_count(f.instance), 0);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(udmar_context_entries(f.instance, 0, NIC, &root, context), UDMAR_ERR_NO_UNIT);
    fixture_close(&f);
}

static void ram_has_to_make_sense(void **state)
{
    static const struct udmar_ram_range wrong[] = {
        { RAM_1, 0 },
        { 0, 0 },
        { RAM_1 + 1, RAM },
        { RAM_1, RAM + 8 },
        { UINT64_C(0xfffffffffffff000), UINT64_C(0x2000) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct fixture f;

        fixture_machine(&f, "generic48");
        f.ram[1] = wrong[i];
        assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
        f.config.ram = NULL;
        assert_int_equal(fixture_try_create(&f), UDMAR_ERR_ARGUMENT);
        fixture_close(&f);
    }
}

static void table_defects_are_logged(void **state)
{
    static const uint8_t strange[8] = { 9, 0, 8, 0 };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_raw_structure(f.m, strange, sizeof(strange));
    fixture_create(&f);
    assert_true(model_log_contains(f.m, "structure type is not known here"));
    fixture_close(&f);
    fixture_machine(&f, "generic48");
    f.config.table_size = model_dmar_build(f.m, f.table, sizeof(f.table)) + 1;
    assert_int_equal(udmar_create(f.m, &f.config, &f.instance), UDMAR_OK);
    assert_true(model_log_contains(f.m, "(header): buffer is longer"));
    fixture_close(&f);
}

static void table_without_units(void **state)
{
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    assert_int_equal(fixture_try_create(&f), UDMAR_ERR_NO_UNIT);
    fixture_close(&f);
}

/* ---- faults ---- */

static void words_for_every_access(void **state)
{
    static const struct {
        uint8_t access;
        const char *words;
    } rows[] = {
        { UDMAR_FAULT_WRITE, "tried to write to 0x5000" },
        { UDMAR_FAULT_READ, "tried to read from 0x5000" },
        { UDMAR_FAULT_PAGE_REQUEST, "tried to request page 0x5000" },
        { UDMAR_FAULT_ATOMIC, "tried to do an atomic operation at 0x5000" },
        { UDMAR_FAULT_INTERRUPT, "tried to raise an interrupt through entry 20480 and was" },
    };
    char text[400];
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "generic48");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct udmar_fault fault = { .access = rows[i].access,
                                     .address = 0x5000,
                                     .has_pasid = true,
                                     .pasid = 77,
                                     .overflow = i % 2 == 1,
                                     .reason = 0x85,
                                     .place = UDMAR_PLACE_LIVE,
                                     .near_base = 0x4000,
                                     .near_size = 0x2000 };
        size_t length = udmar_fault_format(f.instance, &fault, text, sizeof(text));

        assert_int_equal(length, strlen(text));
        assert_non_null(strstr(text, rows[i].words));
        assert_non_null(strstr(text, "live mapping 0x4000-0x5fff; PASID 77"));
        assert_int_equal(strstr(text, "further faults were lost") != NULL, i % 2 == 1);
        fault.reason = 5 + i % 2;
        (void)udmar_fault_format(f.instance, &fault, text, sizeof(text));
        assert_non_null(strstr(text, "0x4000-0x5fff, which does not allow that"));
    }
    fixture_close(&f);
}

struct storm {
    struct fixture *f;
    unsigned taken;
};

/* For each fault that is read out a device causes the next. */
static void feed(void *context, struct udmar_unit *unit, const struct udmar_fault *fault)
{
    struct storm *storm = context;

    (void)unit;
    assert_int_equal(fault->rid, DISK);
    storm->taken++;
    model_inject_fault(storm->f->u, DISK, 2, 0x1000 * storm->taken, true);
}

/* With @first faults waiting: one is always there when the last was read, or only at the next look.
 */
static void storm_with(unsigned first)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config unit = { .base = BASE, .include_all = true };
    struct fixture f;
    struct storm storm = { .f = &f };
    unsigned seen, records;

    fixture_machine_config(&f, &machine, &unit);
    fixture_create(&f);
    fixture_start(&f);
    records = fixture_unit(&f, 0)->facts.fault_count;
    for (unsigned i = 0; i < first; i++) {
        model_inject_fault(f.u, DISK, 2, 0x1000, true);
    }
    seen = udmar__faults_drain(fixture_unit(&f, 0), feed, &storm);
    assert_int_equal(seen, storm.taken);
    assert_in_range(seen, records, 16 * records);
    /* Nothing is left that would keep the next event away. */
    assert_int_equal(model_peek32(f.u, FSTS) & 3, 0);
    (void)model_deliver_interrupts(f.m);
    model_inject_fault(f.u, DISK, 2, 0x1000, true);
    assert_int_equal(model_deliver_interrupts(f.m), 1);
    fixture_close(&f);
}

static void endless_faults_come_to_an_end(void **state)
{
    (void)state;
    storm_with(1);
    storm_with(2);
}

static void wide_interrupt_address(void **state)
{
    const struct model_unit_config unit = {
        .profile = "generic48", .base = BASE, .include_all = true, .ecap_set = 0x18
    };
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, NULL, &unit);
    fixture_create(&f);
    fixture_start(&f);
    assert_true(fixture_unit(&f, 0)->facts.extended_ids);
    model_inject_fault(f.u, DISK, 2, 0x1000, true);
    assert_int_equal(model_interrupts(f.m), 1);
    fixture_close(&f);
}

static void fault_index_beyond_the_records(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config unit = { .base = BASE, .include_all = true };
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &unit);
    fixture_create(&f);
    fixture_start(&f);
    model_inject_fault(f.u, DISK, 2, 0x1000, true);
    model_poke32(f.u, FSTS, model_peek32(f.u, FSTS) | 0xff00);
    assert_int_equal(udmar_fault_poll(f.instance), 1);
    fixture_close(&f);
}

/* From the last record on it goes on with the first, and nobody looks behind the last. */
static void records_go_round(void **state)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config unit = { .base = BASE, .include_all = true };
    unsigned records, absent;
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, &machine, &unit);
    fixture_create(&f);
    fixture_start(&f);
    records = fixture_unit(&f, 0)->facts.fault_count;
    for (unsigned i = 0; i + 1 < records; i++) {
        model_inject_fault(f.u, DISK, 2, 0x1000, true);
    }
    assert_int_equal(udmar_fault_poll(f.instance), records - 1);
    absent = model_stats(f.u)->absent_reads;
    for (unsigned i = 0; i < 3; i++) {
        model_inject_fault(f.u, DISK, 2, 0x1000, true);
    }
    model_stats(f.u)->register_reads = 0;
    assert_int_equal(udmar_fault_poll(f.instance), 3);
    assert_int_equal(model_stats(f.u)->absent_reads, absent);
    /* FSTS, three records of four words, the head of the next, FSTS, the queue's FSTS: one round.
     */
    assert_in_range(model_stats(f.u)->register_reads, 1 + 3 * 4 + 1, 1 + 3 * 4 + 1 + 3);
    fixture_close(&f);
}

static void reasons_have_eight_bits(void **state)
{
    const uint64_t raw[2] = { 0x5000, UINT64_C(1) << 63 | UINT64_C(0x87) << 32 | NIC };
    struct udmar_fault fault;

    (void)state;
    udmar_fault_decode(raw, &fault);
    assert_int_equal(fault.reason, 0x87);
}

static void fields_end_where_they_end(void **state)
{
    struct udmar_unit_facts facts;
    const struct model_profile *profile = model_profile("generic48");
    uint64_t cap = (profile->cap & ~(UINT64_C(0x3f) << 48)) | UINT64_C(0x3f) << 48;

    (void)state;
    cap = (cap & ~(UINT64_C(7) << 34)) | UINT64_C(4) << 34;
    assert_int_equal(udmar_unit_decode(profile->version, cap, profile->ecap, &facts, NULL),
                     UDMAR_OK);
    assert_int_equal(facts.max_mask, 63);
    assert_int_equal(facts.superpages, 0); /* bit 36 is none of them */
}

/* The clock jumps over the deadline between two looks: the CPU was away, the unit was not. */
static void jump(void *context, struct model *m, enum model_event event)
{
    unsigned *calls = context;

    if (event == MODEL_EVENT_TIME && ++*calls == 2) {
        model_advance_time(m, UINT64_C(1000000000));
    }
}

static void one_more_look_after_the_deadline(void **state)
{
    unsigned calls = 0;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "rwbf");
    model_behaviour(f.u)->gsts_lag = 2;
    model_set_hook(f.m, jump, &calls);
    assert_int_equal(udmar__write_buffer_flush(fixture_unit(&f, 0)), UDMAR_OK);
    assert_true(calls >= 2);
    model_set_hook(f.m, NULL, NULL);
    fixture_close(&f);
}

/* ---- invalidation ---- */

static void tickets_mean_nothing_to_registers(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "rwbf");
    assert_int_equal(udmar__invalidate_wait(fixture_unit(&f, 0), 5), UDMAR_OK);
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), 5));
    assert_true(udmar__invalidate_done(fixture_unit(&f, 0), 0));
    fixture_close(&f);
}

static void iotlb_command_that_never_ends(void **state)
{
    struct udmar__request iotlb;
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "rwbf");
    iotlb = udmar__iotlb_request(fixture_unit(&f, 0), 1, 0, 0, 0, false);
    model_behaviour(f.u)->invalidation_lag = MODEL_NEVER;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar__invalidate(fixture_unit(&f, 0), &iotlb, 1, true, NULL),
                         UDMAR_ERR_TIMEOUT);
    }
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

static void only_the_high_region_is_there(void **state)
{
    const struct model_unit_config unit = {
        .profile = "rwbf", .base = BASE, .include_all = true, .cap_set = 0x40, .cap_clear = 0x20
    };
    struct fixture f;

    (void)state;
    fixture_machine_config(&f, NULL, &unit);
    model_poke32(f.u, PMEN, 0x80000001);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, PMEN), 0);
    fixture_close(&f);
}

/* ---- configuration spaces ---- */

static void slot_1_alias_of_two_boards_only(void **state)
{
    static const uint16_t subsystems[] = { 0x02bb, 0x02bc, 0x02bd };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct udmar_device_info info;
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_bridge(f.m, 0, PLX_BRIDGE, 5, 5, MODEL_ROOT_PORT);
        model_add_function(f.m, 0, CARD, 0x9005, 0x0285, 0x010400);
        model_set_config(f.m, 0, CARD, 0x2c, (uint32_t)subsystems[i] << 16 | 0x9005);
        fixture_create(&f);
        fixture_start(&f);
        info = fixture_info(fixture_attach(&f, CARD));
        assert_int_equal(info.id_count, i < 2 ? 2 : 1);
        assert_int_equal(info.ids[1], i < 2 ? 0x0508 : 0);
        fixture_close(&f);
    }
}

/* A list of capabilities that bites its tail, and one that has no PCI Express in it. */
static void odd_capability_lists(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct udmar_device_info info;
        struct fixture f;

        fixture_machine(&f, "generic48");
        model_add_bridge(f.m, 0, PLX_BRIDGE, 5, 5, MODEL_PCI_TO_PCI);
        model_add_function(f.m, 0, CARD, 0x8086, 0x1000, 0x020000);
        model_set_config(f.m, 0, PLX_BRIDGE, 0x04, 0x00100007);
        model_set_config(f.m, 0, PLX_BRIDGE, 0x34, 0x40);
        model_set_config(f.m, 0, PLX_BRIDGE, 0x40, i == 0 ? 0x4001 : 0x0001);
        fixture_create(&f);
        fixture_start(&f);
        info = fixture_info(fixture_attach(&f, CARD));
        assert_int_equal(info.id_count, 2);
        assert_int_equal(info.ids[1], PLX_BRIDGE);
        fixture_close(&f);
    }
}

/* It says that it is conventional, and yet it hangs on a PCI Express port. */
static void bridge_that_lost_its_capability(void **state)
{
    struct udmar_device_info info;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, PLX_BRIDGE, 5, 6, MODEL_ROOT_PORT);
    model_add_bridge(f.m, 0, CARD, 6, 6, MODEL_PCI_TO_PCI);
    model_add_function(f.m, 0, 0x0620, 0x8086, 0x1000, 0x020000);
    fixture_create(&f);
    fixture_start(&f);
    info = fixture_info(fixture_attach(&f, 0x0620));
    assert_int_equal(info.id_count, 3);
    assert_int_equal(info.ids[1], CARD);
    assert_int_equal(info.ids[2], 0x0600);
    fixture_close(&f);
}

/* The top bit of the header type says "more functions", not "another kind of header". */
static void bridge_with_more_functions(void **state)
{
    const struct model_scope scope = { MODEL_SCOPE_ENDPOINT, 0, 0, 2, { 0xe0, 0x20 } };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_bridge(f.m, 0, PLX_BRIDGE, 5, 5, MODEL_ROOT_PORT);
    model_set_config(f.m, 0, PLX_BRIDGE, 0x0c, 0x00810000);
    model_add_rmrr(f.m, 0, 0x180000, 0x180fff, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    assert_non_null(udmar_device_find(f.instance, 0, 0x0520));
    fixture_close(&f);
}

/* No memory for the second of two contexts: the first one goes as well. */
static void first_context_goes_with_the_second(void **state)
{
    uint8_t byte = 0;
    struct fixture f;

    (void)state;
    for (unsigned n = 1, failed = 1; failed != 0; n++) {
        struct udmar_device *device = NULL;
        enum udmar_status status;

        fixture_machine(&f, "generic48");
        model_add_bridge(f.m, 0, PLX_BRIDGE, 5, 5, MODEL_PCI_TO_PCI);
        model_add_function(f.m, 0, CARD, 0x8086, 0x1000, 0x020000);
        fixture_create(&f);
        fixture_start(&f);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, n, false);
        status = udmar_device_attach(f.instance, 0, CARD, "card", &device);
        failed = model_host_calls_failed(f.m);
        assert_int_equal(status, failed != 0 ? UDMAR_ERR_MEMORY : UDMAR_OK);
        model_fail_host_call(f.m, 0, false);
        assert_int_equal(model_dma(f.m, 0, CARD, f.page, &byte, 1, true), MODEL_BLOCKED);
        assert_int_equal(model_dma(f.m, 0, PLX_BRIDGE, f.page, &byte, 1, true), MODEL_BLOCKED);
        fixture_close(&f);
    }
}

static void identity_leaves_the_msi_window_out(void **state)
{
    static const struct {
        uint64_t at;
        enum udmar_status status;
    } rows[] = { { 0xfed00000, UDMAR_OK },
                 { 0xfedff000, UDMAR_OK },
                 { 0xfee00000, UDMAR_ERR_NOT_FOUND },
                 { 0xfeeff000, UDMAR_ERR_NOT_FOUND },
                 { 0xfef00000, UDMAR_OK },
                 { 0xfefff000, UDMAR_OK },
                 { 0xff000000, UDMAR_ERR_NOT_FOUND } };
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    fixture_tune(&f, "hw.busdma.default", "identity");
    f.ram[1] = (struct udmar_ram_range){ 0xfed00000, 0x300000 };
    fixture_create(&f);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            udmar_domain_translate(udmar_device_domain(f.nic), rows[i].at, NULL, NULL, NULL),
            rows[i].status);
    }
    fixture_close(&f);
}

/* ---- hardware that goes silent ---- */

/* From the moment that translation is on nothing in PMEN changes any more. */
static void freeze_after_enable(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;

    (void)m;
    if (event == MODEL_EVENT_WRITE && (model_peek32(f->u, GSTS) & TE) != 0) {
        model_behaviour(f->u)->gsts_lag = MODEL_NEVER;
    }
}

static void protected_regions_that_stay(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    model_poke32(f.u, PMEN, 0x80000001);
    fixture_create(&f);
    model_set_hook(f.m, freeze_after_enable, &f);
    /* The write buffer's flush freezes as well, but start has no more to flush by then. */
    assert_int_equal(udmar_start(f.instance), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(model_log_contains(f.m, "protected memory regions stay on"));
    fixture_abandon(&f);
}

/* An error that an old queue has left would stop ours before its first request. */
static void old_queue_error_is_cleared(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_poke32(f.u, FSTS, 0x70);
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(model_peek32(f.u, FSTS) & 0x70, 0);
    assert_int_equal(fixture_unit(&f, 0)->counts.queue_errors, 0);
    fixture_close(&f);
}

/* Silent from the moment that the fault event has its address. */
static void freeze_after_event(void *context, struct model *m, enum model_event event)
{
    struct fixture *f = context;

    (void)m;
    (void)event;
    if (model_peek32(f->u, 0x40) != 0) {
        model_behaviour(f->u)->gsts_lag = MODEL_NEVER;
    }
}

static void vector_of_a_failed_unit_goes_back(void **state)
{
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    fixture_create(&f);
    model_set_hook(f.m, freeze_after_event, &f);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    model_set_hook(f.m, NULL, NULL);
    assert_true(model_log_contains(f.m, "switching translation on failed"));
    model_behaviour(f.u)->gsts_lag = 0;
    fixture_start(&f);
    model_clear_violations(f.m);
    fixture_close(&f); /* finds a vector that was lost */
}

/* The higher one of two regions says how wide the table has to be. */
static void table_is_wide_enough_for_every_rmrr(void **state)
{
    const struct model_scope scope = fixture_endpoint(DISK);
    const uint64_t high = UINT64_C(1) << 41;
    struct udmar_domain_info info;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    model_add_rmrr(f.m, 0, 0x180000, 0x180fff, &scope, 1);
    model_add_rmrr(f.m, 0, high, high + 0xfff, &scope, 1);
    fixture_create(&f);
    fixture_start(&f);
    udmar_domain_info(udmar_device_domain(fixture_attach(&f, DISK)), &info);
    assert_int_equal(info.width, 48);
    assert_int_equal(fixture_write(&f, DISK, high), MODEL_NO_MEMORY);
    assert_int_equal(fixture_write(&f, DISK, 0x180000), MODEL_OK);
    fixture_close(&f);
}

static void window_larger_than_any(void **state)
{
    struct udmar_unit *unit = NULL;
    const char *reason = NULL;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "bigwindow");
    assert_int_equal(udmar__unit_create(f.m,
                                        &(struct udmar__unit_config){ .base = BASE,
                                                                      .firmware_size = 1u << 20,
                                                                      .timeout_ns = 1000000 },
                                        &unit, &reason),
                     UDMAR_OK);
    /* What firmware says is beyond belief: what the registers say is mapped. */
    assert_int_equal(unit->window, unit->facts.window_size);
    udmar__unit_destroy(unit);
    fixture_close(&f);
    /* Four pages are believed. */
    fixture_machine(&f, "generic48");
    assert_int_equal(udmar__unit_create(f.m,
                                        &(struct udmar__unit_config){ .base = BASE,
                                                                      .firmware_size = 16384,
                                                                      .timeout_ns = 1000000 },
                                        &unit, &reason),
                     UDMAR_OK);
    assert_int_equal(unit->window, 16384);
    assert_true(unit->facts.window_size < 16384);
    udmar__unit_destroy(unit);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_to_nobody),
        cmocka_unit_test(disabled_instance_has_no_table),
        cmocka_unit_test(ram_has_to_make_sense),
        cmocka_unit_test(table_defects_are_logged),
        cmocka_unit_test(table_without_units),
        cmocka_unit_test(words_for_every_access),
        cmocka_unit_test(endless_faults_come_to_an_end),
        cmocka_unit_test(wide_interrupt_address),
        cmocka_unit_test(fault_index_beyond_the_records),
        cmocka_unit_test(records_go_round),
        cmocka_unit_test(reasons_have_eight_bits),
        cmocka_unit_test(fields_end_where_they_end),
        cmocka_unit_test(one_more_look_after_the_deadline),
        cmocka_unit_test(tickets_mean_nothing_to_registers),
        cmocka_unit_test(iotlb_command_that_never_ends),
        cmocka_unit_test(only_the_high_region_is_there),
        cmocka_unit_test(slot_1_alias_of_two_boards_only),
        cmocka_unit_test(odd_capability_lists),
        cmocka_unit_test(bridge_that_lost_its_capability),
        cmocka_unit_test(bridge_with_more_functions),
        cmocka_unit_test(first_context_goes_with_the_second),
        cmocka_unit_test(identity_leaves_the_msi_window_out),
        cmocka_unit_test(protected_regions_that_stay),
        cmocka_unit_test(old_queue_error_is_cleared),
        cmocka_unit_test(vector_of_a_failed_unit_goes_back),
        cmocka_unit_test(table_is_wide_enough_for_every_rmrr),
        cmocka_unit_test(window_larger_than_any),
    };

    return cmocka_run_group_tests_name("instance_odd", tests, NULL, NULL);
}
