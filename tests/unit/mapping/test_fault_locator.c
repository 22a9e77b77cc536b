/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the driver says about the place of a fault: real faults, read out of real records.
 */
#include <string.h>

#include "fixture/fixture.h"

/* The fault that an access to this address causes now. */
static struct udmar_fault fault_at(struct fixture *f, uint64_t iova, bool write)
{
    struct udmar_fault fault = { .sequence = 0 }, next;
    uint8_t byte = 0;

    assert_int_equal(model_dma(f->m, 0, RID0, iova, &byte, 1, write), MODEL_BLOCKED);
    (void)udmar_fault_poll(f->instance);
    while (udmar_fault_next(f->instance, fault.sequence, &next))
        fault = next;
    assert_int_equal(fault.rid, RID0);
    assert_int_equal(fault.address, iova & ~(PAGE - 1));
    assert_ptr_equal(fault.device, f->device[0]);
    return fault;
}

static void expect_place(const struct udmar_fault *fault, enum udmar_fault_place place,
                         uint64_t base, uint64_t size)
{
    assert_int_equal(fault->place, place);
    assert_int_equal(fault->near_base, base);
    assert_int_equal(fault->near_size, size);
}

static void test_nothing_is_mapped(void **state)
{
    struct fixture f;
    struct udmar_fault fault;

    (void)state;
    fixture_open(&f, NULL);
    fault = fault_at(&f, GIB(7), false);
    expect_place(&fault, UDMAR_PLACE_NOTHING, 0, 0);
    fixture_close(&f);
}

static void test_reserved(void **state)
{
    struct fixture f;
    struct udmar_fault fault;

    (void)state;
    fixture_open(&f, NULL);
    fault = fault_at(&f, 0x123, true);
    expect_place(&fault, UDMAR_PLACE_RESERVED, 0, PAGE);
    fault = fault_at(&f, 0xfee01000, false);
    expect_place(&fault, UDMAR_PLACE_RESERVED, 0xfee00000, MIB(1));
    fixture_close(&f);
}

/* A window, and a range of one load: the same questions. */
struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
};

static void open_scene(struct scene *s, bool window)
{
    const struct setup setup = { .window_limit = window ? 0 : PAGE };

    fixture_open(&s->f, &setup);
    s->tag = new_tag(&s->f, 0, NULL);
    s->map = new_map(s->tag);
    s->buffer = model_buffer_alloc(s->f.m, KIB(64), MODEL_SCATTERED, 0);
}

static void close_scene(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->buffer);
    fixture_close(&s->f);
}

static void test_live(void **state)
{
    (void)state;
    for (unsigned window = 0; window < 2; window++) {
        struct scene s;
        struct udmar_fault fault;
        struct loaded *loaded = test_calloc(1, sizeof(*loaded));
        uint64_t iova;

        open_scene(&s, window != 0);
        assert_int_equal(udmar_dmamap_load(s.tag, s.map, s.buffer, 3 * PAGE, note_loaded, loaded,
                                           UDMAR_DMA_NOWRITE),
                         0);
        iova = loaded->segment[0].ds_addr;
        fault = fault_at(&s.f, iova + 2 * PAGE, true);
        expect_place(&fault, UDMAR_PLACE_LIVE, iova, 3 * PAGE);
        assert_int_equal(fault.access, UDMAR_FAULT_WRITE);
        udmar_dmamap_unload(s.tag, s.map);
        test_free(loaded);
        close_scene(&s);
    }
}

static void test_near(void **state)
{
    (void)state;
    for (unsigned window = 0; window < 2; window++) {
        struct scene s;
        struct udmar_fault fault;
        uint64_t iova;

        open_scene(&s, window != 0);
        iova = load_one(s.tag, s.map, s.buffer, 3 * PAGE);
        fault = fault_at(&s.f, iova + 3 * PAGE, false);
        expect_place(&fault, UDMAR_PLACE_NEAR, iova, 3 * PAGE);
        fault = fault_at(&s.f, iova + GIB(1), false);
        expect_place(&fault, UDMAR_PLACE_NEAR, iova, 3 * PAGE);
        udmar_dmamap_unload(s.tag, s.map);
        close_scene(&s);
    }
}

static void test_gone_with_its_age(void **state)
{
    (void)state;
    for (unsigned window = 0; window < 2; window++) {
        struct scene s;
        struct udmar_dma_map *other;
        struct udmar_fault fault;
        uint64_t iova, age;

        open_scene(&s, window != 0);
        other = new_map(s.tag);
        iova = load_one(s.tag, s.map, s.buffer, 3 * PAGE);
        udmar_dmamap_unload(s.tag, s.map);
        fault = fault_at(&s.f, iova + PAGE, false);
        expect_place(&fault, UDMAR_PLACE_ENDED, iova, 3 * PAGE);
        age = fault.near_age;
        assert_true(age <= 1);
        /* Others come and go elsewhere. */
        for (unsigned i = 0; i < 5; i++) {
            struct udmar_iova_limits far = { .lowest = GIB(64) };
            uint64_t at;

            assert_int_equal(udmar_domain_alloc_iova(s.f.domain, PAGE, &far, &at), UDMAR_OK);
            assert_int_equal(udmar_domain_map(s.f.domain, at, MIB(2), PAGE, 3), UDMAR_OK);
            assert_int_equal(udmar_domain_unmap(s.f.domain, at, PAGE), UDMAR_OK);
            assert_int_equal(udmar_domain_free_iova(s.f.domain, at), UDMAR_OK);
        }
        fault = fault_at(&s.f, iova + 2 * PAGE, false);
        expect_place(&fault, UDMAR_PLACE_ENDED, iova, 3 * PAGE);
        assert_int_equal(fault.near_age, age + 5);
        drop_map(s.tag, other);
        close_scene(&s);
    }
}

/* Addresses that are still reserved, but not mapped any more, are gone all the same. */
static void test_unmapped_but_still_reserved(void **state)
{
    struct fixture f;
    struct udmar_fault fault;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 4 * PAGE, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_map(f.domain, iova, MIB(2), 4 * PAGE, UDMAR_READ), UDMAR_OK);
    fault = fault_at(&f, iova + PAGE, true);
    expect_place(&fault, UDMAR_PLACE_LIVE, iova, 4 * PAGE);
    assert_int_equal(udmar_domain_unmap(f.domain, iova, 4 * PAGE), UDMAR_OK);
    fault = fault_at(&f, iova + PAGE, false);
    expect_place(&fault, UDMAR_PLACE_ENDED, iova, 4 * PAGE);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    fixture_close(&f);
}

static void test_firmware_memory_is_live(void **state)
{
    const struct setup setup = { .rmrr_base = MIB(8), .rmrr_limit = MIB(9) - 1 };
    struct fixture f;
    struct udmar_fault fault;

    (void)state;
    fixture_open(&f, &setup);
    fault = fault_at(&f, MIB(9), false);
    expect_place(&fault, UDMAR_PLACE_NEAR, MIB(8), MIB(1));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_mapped),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_gone_with_its_age),
        cmocka_unit_test(test_unmapped_but_still_reserved),
        cmocka_unit_test(test_firmware_memory_is_live),
    };

    return cmocka_run_group_tests_name("fault_locator", tests, NULL, NULL);
}
