/* SPDX-License-Identifier: BSD-2-Clause */
/* Where streams can be, and what is none: addresses, pieces and domains at their limits. */
#include "fixture/cache.h"

static void test_no_room_below(void **state)
{
    struct fixture f;
    uint64_t iova, other;

    (void)state;
    open_with_memory(&f, NULL);
    iova = map(&f, f.small[0], PAGE, 2 * PAGE - 1);
    assert_int_equal(iova, PAGE); /* page 0 is reserved */
    assert_int_equal(try_map(&f, f.small[1], PAGE, 2 * PAGE - 1, &other), UDMAR_ERR_IOVA);
    assert_int_equal(try_map(&f, f.large, MIB(2), 2 * PAGE - 1, &other), UDMAR_ERR_IOVA);
    assert_true(device_sees(&f, RID0, iova, f.small[0], PAGE));
    unmap(&f, iova);
    assert_false(can_read(&f, RID0, iova));
    close_with_memory(&f);
}

static void test_what_is_no_stream(void **state)
{
    const struct udmar_iova_limits low = { .lowest = MIB(4),
                                           .exclude_first = MIB(64),
                                           .exclude_last = UINT64_MAX };
    struct fixture f;
    uint64_t range, window, taken;

    (void)state;
    open_with_memory(&f, NULL);
    assert_int_equal(udmar_stream_unmap(f.domain, UINT64_MAX), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_stream_unmap(f.domain, 0), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &low, &taken), UDMAR_OK);
    assert_int_equal(udmar_stream_unmap(f.domain, taken), UDMAR_ERR_NOT_FOUND);
    range = map(&f, f.large, MIB(9), UINT64_MAX);
    window = map(&f, f.large, MIB(3), UINT64_MAX);
    assert_int_equal(udmar_stream_unmap(f.domain, range + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_stream_unmap(f.domain, window + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_true(device_sees(&f, RID0, range + PAGE, f.large + PAGE, 1));
    assert_true(device_sees(&f, RID0, window + PAGE, f.large + PAGE, 1));
    unmap(&f, range);
    unmap(&f, window);
    assert_int_equal(udmar_domain_free_iova(f.domain, taken), UDMAR_OK);
    close_with_memory(&f);
}

/* Pieces that lie in no memory, or whose sum is beyond all addresses. */
static void test_pieces_beyond_memory(void **state)
{
    static const struct udmar_dma_physical one[] = {
        { MIB(2), (UINT64_C(1) << 52) + 1 }, { (UINT64_C(1) << 52) - 1, 2 },
        { UINT64_C(1) << 52, PAGE },         { UINT64_C(1) << 52, MIB(2) },
        { UINT64_MAX - PAGE + 1, PAGE },     { MIB(2), UINT64_MAX },
    };
    struct udmar_dma_physical many[8];
    struct fixture f;
    uint64_t iova = 0;

    (void)state;
    open_with_memory(&f, NULL);
    /* The second time there are blocks and windows at hand for them. */
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(udmar_stream_map(f.domain, &one[i], 1, 3, UINT64_MAX, &iova),
                             UDMAR_ERR_ARGUMENT);
        unmap(&f, map(&f, f.large, PAGE, UINT64_MAX));
        unmap(&f, map(&f, f.large, MIB(2), UINT64_MAX));
    }
    for (unsigned i = 0; i < 8; i++)
        many[i] = (struct udmar_dma_physical){ 0, UINT64_C(1) << 50 };
    assert_int_equal(udmar_stream_map(f.domain, many, 8, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    /* Not too much for a number, but for the address space. */
    assert_int_equal(udmar_stream_map(f.domain, many, 4, 3, UINT64_MAX, &iova), UDMAR_ERR_IOVA);
    many[1] = (struct udmar_dma_physical){ MIB(2), 0 };
    assert_int_equal(udmar_stream_map(f.domain, many, 2, 3, UINT64_MAX, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_map(f.domain, one, 1, 3, UINT64_MAX, NULL), UDMAR_ERR_ARGUMENT);
    close_with_memory(&f);
}

/* Memory at the far end of what an entry can hold. */
static void test_far_memory(void **state)
{
    static const struct udmar_dma_physical pieces[] = {
        { UINT64_C(1) << 51, MIB(2) },
        { UINT64_C(1) << 51, PAGE },
        { (UINT64_C(1) << 52) - PAGE, PAGE },
        { (UINT64_C(1) << 52) - MIB(2), MIB(2) },
    };
    struct fixture f;

    (void)state;
    open_with_memory(&f, NULL);
    for (unsigned i = 0; i < 8; i++) {
        const struct udmar_dma_physical *piece = &pieces[i % 4];
        udmar_paddr_t physical;
        uint64_t iova = 0;

        assert_int_equal(udmar_stream_map(f.domain, piece, 1, 3, UINT64_MAX, &iova), UDMAR_OK);
        assert_int_equal(
            udmar_domain_translate(f.domain, iova + piece->length - 1, &physical, NULL, NULL),
            UDMAR_OK);
        assert_int_equal(physical, piece->address + piece->length - 1);
        unmap(&f, iova);
    }
    close_with_memory(&f);
}

static void test_domains_without_streams(void **state)
{
    const struct udmar_dma_physical piece = { MIB(2), PAGE };
    static const enum udmar_mode modes[] = { UDMAR_MODE_IDENTITY, UDMAR_MODE_PASSTHROUGH };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture mc;
        uint64_t iova;

        fixture_open(&mc, NULL);
        assert_int_equal(udmar_device_set_mode(mc.device[0], modes[n]), UDMAR_OK);
        mc.domain = udmar_device_domain(mc.device[0]);
        assert_non_null(mc.domain);
        assert_int_equal(udmar_stream_map(mc.domain, &piece, 1, 3, UINT64_MAX, &iova),
                         UDMAR_ERR_ARGUMENT);
        assert_int_not_equal(udmar_stream_unmap(mc.domain, MIB(2)), UDMAR_OK);
        fixture_close(&mc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_room_below),           cmocka_unit_test(test_what_is_no_stream),
        cmocka_unit_test(test_pieces_beyond_memory),    cmocka_unit_test(test_far_memory),
        cmocka_unit_test(test_domains_without_streams),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stream_limits", tests, NULL, NULL);
}
