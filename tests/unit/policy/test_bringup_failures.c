/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every host call that can fail, made to fail: the right status, nothing lost, hardware not left
 * half-way, and a later try works.
 */
#include "support.h"

#define MANY 400u

static void scene(struct rig *r, const char *profile)
{
    const struct model_scope scope = rig_endpoint(DISK);

    rig_machine(r, profile);
    model_add_rmrr(r->m, 0, 0x180000, 0x180fff, &scope, 1);
    model_add_bridge(r->m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    model_add_function(r->m, 0, 0x0518, 0x10ec, 0x8139, 0x020000);
}

static void creation(void **state)
{
    (void)state;
    for (unsigned persistent = 0; persistent < 2; persistent++) {
        for (unsigned n = 1;; n++) {
            enum udmar_status status;
            struct rig r;

            assert_true(n < MANY);
            scene(&r, "bigwindow");
            model_fail_host_call(r.m, n, persistent);
            status = rig_try_create(&r);
            if (model_host_calls_failed(r.m) == 0) {
                assert_int_equal(status, UDMAR_OK);
                rig_close(&r);
                break;
            }
            /* The one unit that was lost may be all there is. */
            assert_true(status == UDMAR_ERR_MEMORY || status == UDMAR_ERR_NO_UNIT);
            assert_null(r.d);
            model_fail_host_call(r.m, 0, false);
            assert_int_equal(model_stats(r.u)->register_writes, 0);
            rig_create(&r);
            rig_start(&r);
            /* The model counts over both instances. */
            (void)(model_violations(r.m) == 0 || rig_violated_only(&r, "mapped more than twice"));
            rig_close(&r);
        }
    }
}

static void start_on(const char *profile, bool persistent)
{
    for (unsigned n = 1;; n++) {
        enum udmar_status status;
        bool failed;
        struct rig r;

        assert_true(n < MANY);
        scene(&r, profile);
        rig_create(&r);
        r.nic = rig_attach(&r, NIC);
        model_fail_host_call(r.m, n, persistent);
        status = udmar_start(r.d);
        failed = model_host_calls_failed(r.m) != 0;
        model_fail_host_call(r.m, 0, false);
        if (status == UDMAR_OK) {
            assert_int_equal(model_peek32(r.u, GSTS) & TE, TE);
            /* Memory of firmware's may be lost to its device, but nobody gains any. */
            assert_int_not_equal(rig_write(&r, DISK, 0x180000), MODEL_BYPASSED);
            assert_int_equal(rig_write(&r, DISK, r.page), MODEL_BLOCKED);
            assert_int_equal(udmar_stop(r.d), UDMAR_OK);
        } else {
            assert_int_equal(status, UDMAR_ERR_NO_UNIT);
            assert_int_equal(model_peek32(r.u, GSTS) & (TE | QIE), 0);
        }
        rig_start(&r);
        assert_int_equal(udmar_device_domain(r.nic) != NULL, true);
        assert_int_equal(rig_map(&r, IOVA, r.page), UDMAR_OK);
        assert_true(rig_reaches(&r, NIC, IOVA, r.page));
        assert_true(rig_reaches(&r, DISK, 0x180000, 0x180000));
        rig_close(&r);
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
        struct rig r;

        assert_true(n < MANY);
        scene(&r, profile);
        rig_tune(&r, "hw.busdma.default", mode);
        rig_create(&r);
        rig_start(&r);
        pages = model_pages_in_use(r.m);
        bytes = model_bytes_in_use(r.m);
        model_fail_host_call(r.m, n, persistent);
        status = udmar_device_attach(r.d, 0, rid, "x", &device);
        if (model_host_calls_failed(r.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
            rig_close(&r);
            break;
        }
        model_fail_host_call(r.m, 0, false);
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        assert_null(device);
        assert_null(udmar_device_find(r.d, 0, rid));
        assert_int_equal(rig_write(&r, rid, r.page), MODEL_BLOCKED);
        assert_int_equal(model_bytes_in_use(r.m), bytes);
        /* Context tables belong to the unit and stay. */
        assert_in_range(model_pages_in_use(r.m), pages, pages + 2);
        device = rig_attach(&r, rid);
        assert_int_not_equal(rig_info(device).mode, UDMAR_MODE_UNPROTECTED);
        rig_close(&r);
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
        struct rig r;

        assert_true(n < MANY);
        scene(&r, "generic48");
        rig_create(&r);
        rig_start(&r);
        r.nic = rig_attach(&r, 0x0518);
        assert_int_equal(udmar_device_set_mode(r.nic, from), UDMAR_OK);
        model_fail_host_call(r.m, n, persistent);
        status = udmar_device_set_mode(r.nic, to);
        if (model_host_calls_failed(r.m) == 0) {
            assert_int_equal(status, UDMAR_OK);
            rig_close(&r);
            break;
        }
        model_fail_host_call(r.m, 0, false);
        info = rig_info(r.nic);
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        /* What it had, or blocked where that could not be given back. */
        assert_true(info.mode == from || info.mode == UDMAR_MODE_BLOCKED);
        assert_int_equal(udmar_device_domain(r.nic) == NULL, info.mode == UDMAR_MODE_BLOCKED);
        assert_int_equal(rig_write(&r, 0x0518, r.page),
                         info.mode == UDMAR_MODE_BLOCKED || info.mode == UDMAR_MODE_TRANSLATE
                             ? MODEL_BLOCKED
                             : MODEL_OK);
        assert_false(model_log_contains(r.m, "not protected"));
        assert_int_equal(udmar_device_set_mode(r.nic, to), UDMAR_OK);
        assert_int_equal(rig_info(r.nic).mode, to);
        rig_close(&r);
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
    struct rig r;

    (void)state;
    scene(&r, "cm");
    rig_create(&r);
    rig_start(&r);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_MANUAL;
    assert_int_equal(udmar_device_attach(r.d, 0, NIC, "x", &device), UDMAR_ERR_TIMEOUT);
    assert_null(device);
    assert_int_equal(model_translate(r.m, 0, NIC, r.page, true).result, MODEL_BLOCKED);
    model_behaviour(r.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(r.u, 1000);
    assert_int_equal(udmar_stop(r.d), UDMAR_OK);
    assert_int_equal(rig_violations(&r), 0);
    rig_abandon(&r);
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
