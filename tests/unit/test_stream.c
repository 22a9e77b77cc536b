/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams: mappings of the moment, of all sizes, and when devices lose them. */
#include "space/stream.h"
#include "support_space.h"

static uint64_t physical_of(struct machine *mc, void *buffer)
{
    size_t length = 1;

    return udmar_host_virtual_to_physical(mc->m, buffer, &length);
}

static uint64_t map_one(struct machine *mc, uint8_t *buffer, uint64_t length, uint64_t highest)
{
    const struct udmar_dma_physical piece = { physical_of(mc, buffer), length };
    udmar_iova_t iova = 0;

    assert_int_equal(udmar_stream_map(mc->domain, &piece, 1, UDMAR_READ_WRITE, highest, &iova),
                     UDMAR_OK);
    assert_int_equal(iova % PAGE, piece.address % PAGE);
    assert_true(iova + length - 1 <= highest);
    return iova;
}

static void test_sizes(void **state)
{
    static const struct setup kinds[] = {
        { .profile = "generic48" },   { .profile = "generic48", .no_direct_map = true },
        { .profile = "noncoherent" }, { .profile = "cm" },
        { .profile = "rwbf" },        { .profile = "generic48", .tunables = "hw.dmar.qi=0" },
    };
    static const uint64_t sizes[] = { 1,      4095,       4096,   4097,   KIB(64),
                                      MIB(1), MIB(1) + 1, MIB(5), MIB(16) };
    static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX, MIB(200) + 4095 };

    (void)state;
    for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct machine mc;
        uint8_t *buffer;

        machine_open(&mc, &kinds[k]);
        buffer = model_buffer_alloc(mc.m, MIB(16) + PAGE, MODEL_CONTIGUOUS, 0);
        fill_pattern(buffer, MIB(16) + PAGE, k);
        for (unsigned n = 0; n < 27 * 2; n++) {
            uint64_t length = sizes[n % 9];
            uint8_t *from = buffer + (n >= 27 ? 77 : 0);
            uint64_t iova = map_one(&mc, from, length, highest[n / 9 % 3]);

            assert_true(device_sees(&mc, RID0, iova, from, 1));
            assert_true(device_sees(&mc, RID0, iova + length - 1, from + length - 1, 1));
            assert_int_equal(udmar_stream_unmap(mc.domain, iova), UDMAR_OK);
            assert_int_equal(udmar_stream_unmap(mc.domain, iova), UDMAR_ERR_NOT_FOUND);
            assert_false(can_read(&mc, RID0, iova));
            assert_false(can_read(&mc, RID0, iova + length - 1));
        }
        model_buffer_free(mc.m, buffer);
        udmar__caches_trim(mc.domain);
        machine_close(&mc);
    }
}

static void test_arguments(void **state)
{
    struct udmar_dma_physical piece = { MIB(2), PAGE };
    struct machine mc;
    udmar_iova_t iova;

    (void)state;
    machine_open(&mc, NULL);
    assert_int_equal(udmar_stream_map(NULL, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(mc.domain, NULL, 1, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(mc.domain, &piece, 0, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, 0, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, 4, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    piece.length = 0;
    assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(NULL, 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(mc.domain, MIB(9)), UDMAR_ERR_NOT_FOUND);
    machine_close(&mc);
}

/* Deferred: reachable until the tick, and no address again before it. */
static void test_tick(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct machine mc;
    uint8_t *buffer;
    uint64_t old[20];

    (void)state;
    machine_open(&mc, &setup);
    buffer = model_buffer_alloc(mc.m, PAGE, 0, 0);
    for (unsigned n = 0; n < 20; n++) {
        old[n] = map_one(&mc, buffer, PAGE, UINT64_MAX);
        for (unsigned i = 0; i < n; i++)
            assert_int_not_equal(old[i], old[n]);
        assert_true(can_read(&mc, RID0, old[n]));
        assert_int_equal(udmar_stream_unmap(mc.domain, old[n]), UDMAR_OK);
        assert_true(can_read(&mc, RID0, old[n])); /* through what is cached */
    }
    udmar_tick(mc.instance);
    for (unsigned n = 0; n < 20; n++)
        assert_false(can_read(&mc, RID0, old[n]));
    model_buffer_free(mc.m, buffer);
    udmar__caches_trim(mc.domain);
    machine_close(&mc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_tick),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
