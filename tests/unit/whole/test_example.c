/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The template's example, run on the model: what people copy has to work, and to clean up after
 * itself wherever it fails.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "example.h"
#include "model.h"

#define NIC  UINT16_C(0x0018) /* 00:03.0 */
#define WILD UINT64_C(0x12345000)

enum { BYTES = 8192 };

static struct {
    bool wild;               /* the device writes where it may not before it does its work */
    bool late;               /* it writes once more when its access has ended */
    unsigned writes;         /* times that the device was asked to write */
    unsigned received;       /* times that the driver had its bytes */
    bus_addr_t address;      /* where the device wrote */
    enum model_result after; /* what the device met there after unload */
    uint8_t pattern[BYTES];
} device;

void example_device_write(void *host, uint16_t segment, udmar_rid_t rid, bus_addr_t address,
                          bus_size_t length)
{
    uint8_t byte = 0x5a;

    device.writes++;
    device.address = address;
    assert_int_equal(length, BYTES);
    if (device.wild)
        assert_int_equal(model_dma(host, segment, rid, WILD, &byte, 1, true), MODEL_BLOCKED);
    assert_int_equal(model_dma(host, segment, rid, address, device.pattern, BYTES, true), MODEL_OK);
}

void example_received(void *host, const void *data, size_t length)
{
    uint8_t byte = 0;

    device.received++;
    assert_int_equal(length, BYTES);
    assert_memory_equal(data, device.pattern, BYTES);
    if (device.late)
        device.after = model_dma(host, 0, NIC, device.address, &byte, 1, true);
}

static struct model *machine(const char *profile, bool no_interrupts)
{
    struct model *m = model_create(&(struct model_config){ .no_interrupts = no_interrupts });

    model_add_unit(m, &(struct model_unit_config){
                          .profile = profile, .base = 0xfed91000, .include_all = true });
    model_add_function(m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    memset(&device, 0, sizeof(device));
    for (unsigned i = 0; i < BYTES; i++)
        device.pattern[i] = (uint8_t)(i * 7 + i / 256 + 1);
    return m;
}

static const char *run(struct model *m)
{
    static uint8_t table[4096];
    size_t size = model_dmar_build(m, table, sizeof(table));

    return example_main(m, table, size, 0, NIC);
}

static void finish(struct model *m)
{
    for (unsigned i = 0; i < model_violations(m); i++)
        print_message("%s\n", model_violation_text(m, i));
    assert_int_equal(model_violations(m), 0);
    assert_int_equal(model_leaks(m), 0);
    model_destroy(m);
}

static void example_runs_on_every_profile(void **state)
{
    const struct model_profile *profile;

    (void)state;
    for (unsigned i = 0; (profile = model_profile_at(i)) != NULL; i++) {
        struct model *m = machine(profile->name, false);
        const char *failed;

        device.late = true;
        failed = run(m);
        if (failed != NULL)
            fail_msg("%s: %s", profile->name, failed);
        assert_int_equal(device.writes, 1);
        assert_int_equal(device.received, 1);
        assert_int_equal(device.after, MODEL_BLOCKED);
        finish(m);
    }
}

static void example_tells_of_faults(void **state)
{
    (void)state;
    for (unsigned polled = 0; polled < 2; polled++) {
        struct model *m = machine(NULL, polled != 0);

        device.wild = true;
        assert_null(run(m));
        assert_int_equal(device.received, 1);
        assert_true(model_log_contains(m, "the device wrote where it may not"));
        /* In one line, the library's. */
        assert_true(model_log_contains(m, "0x12345000"));
        assert_false(model_log_contains(m, "example: device"));
        finish(m);
        m = machine(NULL, polled != 0);
        assert_null(run(m));
        assert_false(model_log_contains(m, "where it may not"));
        finish(m);
    }
}

/* Each host call that can fail, fails in its turn; a driver's memory is never lost over it. */
static void example_undoes_what_it_did(void **state)
{
    unsigned failures = 0;
    bool reached;

    (void)state;
    for (unsigned n = 1;; n++) {
        struct model *m = machine(NULL, false);

        model_fail_host_call(m, n, false);
        if (run(m) != NULL)
            failures++;
        reached = model_host_calls_failed(m) != 0;
        finish(m);
        if (!reached)
            break;
    }
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_runs_on_every_profile),
        cmocka_unit_test(example_tells_of_faults),
        cmocka_unit_test(example_undoes_what_it_did),
    };

    return cmocka_run_group_tests_name("example", tests, NULL, NULL);
}
