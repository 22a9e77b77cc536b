/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that comes with a map: scattered for the processor, in one piece for the device. */
#include <string.h>

#include "fixture/fixture.h"

static void test_scattered_memory_is_one_segment(void **state)
{
    static const uint64_t sizes[] = { 1, 100, PAGE, KIB(20), MIB(2) + PAGE, MIB(12) };

    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        const struct limits limits = { .maxsize = sizes[n], .lowaddr = 0xffffffff };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *memory;
        void *address;
        uint64_t iova;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, &limits);
        assert_int_equal(udmar_dmamem_alloc(tag, &address, 0, &map), 0);
        memory = address;
        for (uint64_t i = 0; i < sizes[n]; i += 97)
            assert_int_equal(memory[i], 0);
        iova = load_one(tag, map, memory, sizes[n]);
        assert_int_equal(iova & (PAGE - 1), 0);
        assert_true(iova + sizes[n] - 1 <= 0xffffffff);
        fill_pattern(memory, (size_t)sizes[n], n);
        assert_true(device_sees(&f, RID0, iova, memory, (size_t)sizes[n]));
        assert_true(device_stores(&f, RID0, iova, memory, (size_t)sizes[n], n));
        udmar_dmamap_unload(tag, map);
        assert_false(can_read(&f, RID0, iova));
        udmar_dmamem_free(tag, memory, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* The driver forgot to unload: the device loses it before anybody else gets it. */
static void test_free_of_loaded_memory(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map, *other;
    void *memory;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    /* Next door, so that the table does not go with the map. */
    other = new_map(tag);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    iova = load_one(tag, map, memory, KIB(64));
    assert_true(can_write(&f, RID0, iova));
    udmar_dmamem_free(tag, memory, map);
    assert_true(model_log_contains(f.m, "still loaded"));
    assert_false(can_write(&f, RID0, iova));
    assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
    drop_map(tag, other);
    drop_tag(tag);
    fixture_close(&f);
}

/* In deferred mode, too, and where loads have no window and what they had may rest. */
static void test_free_waits_for_the_unit(void **state)
{
    static const uint64_t limits_of_windows[] = { 0, PAGE };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = {
            .tunables = "hw.dmar.strict=0",
            .window_limit = limits_of_windows[n],
            .ticking = true,
        };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        void *memory;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, NULL);
        assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
        iova = load_one(tag, map, memory, KIB(64));
        assert_true(can_write(&f, RID0, iova));
        udmar_dmamap_unload(tag, map);
        udmar_dmamem_free(tag, memory, map);
        assert_false(can_write(&f, RID0, iova));
        assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
        drop_tag(tag);
        fixture_close(&f);
    }
}

static void test_wrong_arguments(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag, *other;
    struct udmar_dma_map *map, *plain;
    void *memory;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    other = new_tag(&f, 0, NULL);
    plain = new_map(tag);
    assert_int_equal(udmar_dmamem_alloc(NULL, &memory, 0, &map), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamem_alloc(tag, NULL, 0, &map), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, NULL), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamem_alloc(udmar_device_dma_tag(f.device[0]), &memory, 0, &map),
                     UDMAR_ENOMEM);
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    assert_int_equal(udmar_dmamap_destroy(tag, map), UDMAR_EINVAL);
    udmar_dmamem_free(NULL, memory, map);
    udmar_dmamem_free(tag, NULL, map);
    udmar_dmamem_free(tag, memory, NULL);
    udmar_dmamem_free(other, memory, map);
    udmar_dmamem_free(tag, memory, plain);
    assert_true(model_log_contains(f.m, "ignored"));
    udmar_dmamem_free(tag, memory, map);
    drop_map(tag, plain);
    drop_tag(tag);
    drop_tag(other);
    fixture_close(&f);
}

static void test_without_memory(void **state)
{
    static const uint64_t sizes[] = { KIB(64), MIB(3) };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct limits limits = { .maxsize = sizes[n] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        void *memory;
        int error = UDMAR_ENOMEM;

        fixture_open(&f, NULL);
        tag = new_tag(&f, 0, &limits);
        for (unsigned call = 1; error != 0; call++) {
            size_t pages = model_pages_in_use(f.m), bytes = model_bytes_in_use(f.m);

            model_fail_host_call(f.m, call, false);
            error = udmar_dmamem_alloc(tag, &memory, UDMAR_DMA_NOWAIT, &map);
            model_fail_host_call(f.m, 0, false);
            if (error != 0) {
                assert_int_equal(error, UDMAR_ENOMEM);
                assert_int_equal(model_pages_in_use(f.m), pages);
                assert_int_equal(model_bytes_in_use(f.m), bytes);
            }
        }
        udmar_dmamem_free(tag, memory, map);
        drop_tag(tag);
        fixture_close(&f);
    }
}

/* Memory whose unload nobody has confirmed is not given to others, window or not. */
static void test_unanswered_unload_keeps_the_memory(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        /* One page, many that are scattered, and more than a block holds. */
        static const uint64_t lengths[] = { PAGE, KIB(64), MIB(2) };
        const struct setup setup = { .tunables = "hw.dmar.timeout=100000",
                                     .window_limit = n % 2 ? 1 : 0 };
        const struct limits limits = { .maxsize = lengths[n / 2] };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        void *memory;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
        iova = load_one(tag, map, memory, lengths[n / 2]);
        assert_true(can_write(&f, RID0, iova));
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(tag, map);
        model_clear_log(f.m);
        udmar_dmamem_free(tag, memory, map);
        assert_true(model_log_contains(f.m, "memory is given up"));
        assert_true(can_write(&f, RID0, iova));
        assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        drop_tag(tag);
        assert_int_equal(fixture_violations(&f), 0);
        /* The memory is lost on purpose. */
        f.forgive = true;
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scattered_memory_is_one_segment),
        cmocka_unit_test(test_free_of_loaded_memory),
        cmocka_unit_test(test_free_waits_for_the_unit),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_unanswered_unload_keeps_the_memory),
    };

    return cmocka_run_group_tests_name("map_dmamem", tests, NULL, NULL);
}
