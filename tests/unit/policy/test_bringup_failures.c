/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every host call that can fail, made to fail: the right status, nothing lost, hardware not left
 * half-way, and a later try works.
 */
#include "fixture/inside.h"

#define MANY 400u

static void scene(struct fixture *f, const char *profile)
{
    const struct model_scope scope = fixture_endpoint(DISK);

    fixture_machine(f, profile);
    model_add_rmrr(f->m, 0, 0x180000, 0x180fff, &scope, 1);
    model_add_bridge(f->m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(f->m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
}

static void creation(void **state)
{
    (void)state;
    for (unsigned persistent = 0; persistent < 2; persistent++) {
        for (unsigned n = 1;; n++) {
            enum udmar_status status;
            struct fixture f;

            assert_true(n < MANY);
            scene(&f, "bigwindow");
            model_fail_host_call(f.m, n, persistent);
            status = fixture_try_create(&f);
            if (model_host_calls_failed(f.m) == 0) {
                assert_int_equal(status, UDMAR_OK);
                fixture_close(&f);
                break;
            }
            /* The one unit that was lost may be all there is. */
            assert_true(status == UDMAR_ERR_MEMORY || status == UDMAR_ERR_NO_UNIT);
            assert_null(f.instance);
            model_fail_host_call(f.m, 0, false);
            assert_int_equal(model_stats(f.u)->register_writes, 0);
            fixture_create(&f);
            fixture_start(&f);
            /* The model counts over both instances. */
            (void)(model_violations(f.m) == 0 ||
                   fixture_violated_only(&f, "mapped more than twice"));
            fixture_close(&f);
        }
    }
}

static void start_on(const char *profile, bool persistent)
{
    for (unsigned n = 1;; n++) {
        enum udmar_status status;
        bool failed;
        struct fixture f;

        assert_true(n < MANY);
        scene(&f, profile);
        fixture_create(&f);
        f.nic = fixture_attach(&f, NIC);
        model_fail_host_call(f.m, n, persistent);
        status = udmar_start(f.instance);
        failed = model_host_calls_failed(f.m) != 0;
        model_fail_host_call(f.m, 0, false);
        if (status == UDMAR_OK) {
            assert_int_equal(model_peek32(f.u, GSTS) & TE, TE);
            /* Memory of firmware's may be lost to its device, but nobody gains any. */
            assert_int_not_equal(fixture_write(&f, DISK, 0x180000), MODEL_BYPASSED);
            assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
            assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_NO_UNIT);
            assert_int_equal(model_peek32(f.u, GSTS) & (TE | QIE), 0);
        }
        fixture_start(&f);
        assert_int_equal(udmar_device_domain(f.nic) != NULL, true);
        assert_int_equal(fixture_map(&f, IOVA, f.page), UDMAR_OK);
        assert_true(fixture_reaches(&f, NIC, IOVA, f.page));
        assert_true(fixture_reaches(&f, DISK, 0x180000, 0x180000));
        fixture_close(&f);
        if (!failed) {
            break;
        }
    }
}

static void start(void **state)
{
    (void)state;
    start_on("generic48", false);
    start_on("generic48", true);
    start_on("rwbf", true);
    start_on("v6", false);
    start_on("v6", true);
}

static const char *const mode_names[] = { "translate", "identity", "passthrough", "bounce" };

static void attach_on(const char *profile, const char *mode, uint16_t rid, bool persistent)
{
    for (unsigned n = 1;; n++) {
        struct udmar_device *device = NULL;
        enum udmar_status status;
        size_t pages, bytes;
        struct fixture f;

        assert_true(n < MANY);
        scene(&f, profile);
        fixture_tune(&f, "hw.busdma.default", mode);
        fixture_create(&f);
        fixture_start(&f);
        pages = model_pages_in_use(f.m);
        bytes = model_bytes_in_use(f.m);
        model_fail_host_call(f.m, n, persistent);
        status = udmar_device_attach(f.instance, 0, rid, "x", &device);
        if (model_host_calls_failed(f.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
            fixture_close(&f);
            break;
        }
        model_fail_host_call(f.m, 0, false);
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        assert_null(device);
        assert_null(udmar_device_find(f.instance, 0, rid));
        assert_int_equal(fixture_write(&f, rid, f.page), MODEL_BLOCKED);
        assert_int_equal(model_bytes_in_use(f.m), bytes);
        /* Context tables belong to the unit and stay. */
        assert_in_range(model_pages_in_use(f.m), pages, pages + 2);
        device = fixture_attach(&f, rid);
        assert_int_not_equal(fixture_info(device).mode, UDMAR_MODE_UNPROTECTED);
        fixture_close(&f);
    }
}

static void attach_in_each_mode(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned persistent = 0; persistent < 2; persistent++) {
            attach_on("generic48", mode_names[i], NIC, persistent);
            attach_on("cm", mode_names[i], 0x0518, persistent);
            attach_on("rwbf", mode_names[i], 0x0518, persistent);
        }
    }
}

static void change_of_mode(enum udmar_mode from, enum udmar_mode to, bool persistent)
{
    for (unsigned n = 1;; n++) {
        struct udmar_device_info info;
        enum udmar_status status;
        struct fixture f;

        assert_true(n < MANY);
        scene(&f, "generic48");
        fixture_create(&f);
        fixture_start(&f);
        f.nic = fixture_attach(&f, 0x0518);
        assert_int_equal(udmar_device_set_mode(f.nic, from), UDMAR_OK);
        model_fail_host_call(f.m, n, persistent);
        status = udmar_device_set_mode(f.nic, to);
        if (model_host_calls_failed(f.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
            fixture_close(&f);
            break;
        }
        model_fail_host_call(f.m, 0, false);
        info = fixture_info(f.nic);
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        /* What it had, or blocked where that could not be given back. */
        assert_true(info.mode == from || info.mode == UDMAR_MODE_BLOCKED);
        assert_int_equal(udmar_device_domain(f.nic) == NULL, info.mode == UDMAR_MODE_BLOCKED);
        assert_int_equal(fixture_write(&f, 0x0518, f.page),
                         info.mode == UDMAR_MODE_BLOCKED || info.mode == UDMAR_MODE_TRANSLATE
                             ? MODEL_BLOCKED
                             : MODEL_OK);
        assert_false(model_log_contains(f.m, "not protected"));
        assert_int_equal(udmar_device_set_mode(f.nic, to), UDMAR_OK);
        assert_int_equal(fixture_info(f.nic).mode, to);
        fixture_close(&f);
    }
}

static void set_mode(void **state)
{
    (void)state;
    for (unsigned from = UDMAR_MODE_TRANSLATE; from <= UDMAR_MODE_BLOCKED; from++) {
        for (unsigned to = UDMAR_MODE_TRANSLATE; to < UDMAR_MODE_BLOCKED; to++) {
            change_of_mode((enum udmar_mode)from, (enum udmar_mode)to, false);
            change_of_mode((enum udmar_mode)from, (enum udmar_mode)to, true);
        }
    }
}

/* Hardware instead of the host: a unit that does not invalidate while a device is attached. */
static void attach_on_hardware_that_does_not_answer(void **state)
{
    struct udmar_device *device = NULL;
    struct fixture f;

    (void)state;
    scene(&f, "cm");
    fixture_create(&f);
    fixture_start(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar_device_attach(f.instance, 0, NIC, "x", &device), UDMAR_ERR_TIMEOUT);
    assert_null(device);
    assert_int_equal(model_translate(f.m, 0, NIC, f.page, true).result, MODEL_BLOCKED);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 1000);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(fixture_violations(&f), 0);
    fixture_abandon(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creation),
        cmocka_unit_test(start),
        cmocka_unit_test(attach_in_each_mode),
        cmocka_unit_test(set_mode),
        cmocka_unit_test(attach_on_hardware_that_does_not_answer),
    };

    return cmocka_run_group_tests_name("bringup_failures", tests, NULL, NULL);
}
