/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams by the way that each takes: a block or a window at hand, pieces, a range of the tree.
 * Rights, limits and places are the same on all of them.
 */
#include <pthread.h>

#include <udmar/stream.h>

#include "mapping/cpu_cache.h"
#include "space/domain.h"
#include "fixture/fixture.h"

#define MEMORY MIB(16)

static enum udmar_status map_below(struct fixture *f, uint64_t physical, uint64_t size,
                                   uint64_t highest, udmar_iova_t *out_iova)
{
    const struct udmar_dma_physical piece = { physical, size };

    return udmar_stream_map(f->domain, &piece, 1, UDMAR_READ_WRITE, highest, out_iova);
}

static void unmap(struct fixture *f, udmar_iova_t iova)
{
    assert_int_equal(udmar_stream_unmap(f->domain, iova), UDMAR_OK);
}

/* ---- Rights ---------------------------------------------------------------------------------- */

/* One piece, pieces of one page each, and pieces of other sizes; small, in a window, in a range. */
static void test_rights(void **state)
{
    static const struct {
        uint64_t length;
        unsigned count;
    } cases[] = { { PAGE, 1 },   { 3 * PAGE, 1 }, { PAGE, 2 },   { 3 * PAGE, 2 },
                  { MIB(2), 1 }, { MIB(1), 3 },   { MIB(9), 1 }, { MIB(3), 4 } };
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    model_reserve(f.m, MEMORY, MIB(16));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned access = UDMAR_READ; access <= UDMAR_READ_WRITE; access++) {
            /* Twice: the second may find at hand what the first gave back. */
            for (unsigned round = 0; round < 2; round++) {
                struct udmar_dma_physical pieces[4];
                udmar_iova_t iova, at;

                for (unsigned n = 0; n < cases[i].count; n++) {
                    pieces[n].address = MEMORY + (cases[i].count - 1 - n) * cases[i].length;
                    pieces[n].length = cases[i].length;
                }
                assert_int_equal(
                    udmar_stream_map(f.domain, pieces, cases[i].count, access, UINT64_MAX, &iova),
                    UDMAR_OK);
                at = iova;
                for (unsigned n = 0; n < cases[i].count; n++, at += cases[i].length) {
                    struct model_translation t =
                        model_translate(f.m, 0, RID0, at, access == UDMAR_WRITE);

                    assert_int_equal(t.result, MODEL_OK);
                    assert_int_equal(t.physical, pieces[n].address);
                    assert_int_equal(t.readable, (access & UDMAR_READ) != 0);
                    assert_int_equal(t.writable, (access & UDMAR_WRITE) != 0);
                }
                unmap(&f, iova);
            }
        }
    }
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* What is at hand for 32 bits lies too high for a limit below it. */
static void test_limit_below_what_is_at_hand(void **state)
{
    static const uint64_t sizes[] = { PAGE, 5 * PAGE, MIB(2) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct fixture f;
        udmar_iova_t iova, low;

        fixture_open(&f, NULL);
        assert_int_equal(udmar__domain_reserve(f.domain, MIB(2), MIB(62), UDMAR_RANGE_RESERVED),
                         UDMAR_OK);
        assert_int_equal(map_below(&f, MEMORY, sizes[i], UINT32_MAX, &iova), UDMAR_OK);
        assert_true(iova >= MIB(64) && iova <= UINT32_MAX);
        unmap(&f, iova);
        assert_int_equal(map_below(&f, MEMORY, sizes[i], MIB(64) - 1, &low),
                         sizes[i] < MIB(2) ? UDMAR_OK : UDMAR_ERR_IOVA);
        if (sizes[i] < MIB(2)) {
            assert_true(low + sizes[i] <= MIB(64));
            unmap(&f, low);
        }
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* What is at hand without a limit lies above 4 GiB. */
static void test_limit_of_32_bits(void **state)
{
    static const uint64_t sizes[] = { PAGE, 5 * PAGE, MIB(2) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct fixture f;
        udmar_iova_t iova;

        fixture_open(&f, NULL);
        assert_int_equal(
            udmar__domain_reserve(f.domain, MIB(2), GIB(4) - MIB(2), UDMAR_RANGE_RESERVED),
            UDMAR_OK);
        assert_int_equal(map_below(&f, MEMORY, sizes[i], UINT64_MAX, &iova), UDMAR_OK);
        assert_true(iova >= GIB(4));
        unmap(&f, iova);
        iova = 0;
        if (map_below(&f, MEMORY, sizes[i], UINT32_MAX, &iova) == UDMAR_OK) {
            assert_true(iova + sizes[i] - 1 <= UINT32_MAX);
            unmap(&f, iova);
        } else {
            assert_true(sizes[i] > MIB(1));
        }
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* 2 MiB that begin between two large pages, where a window for one large leaf is at hand. */
static void test_two_mib_at_any_offset(void **state)
{
    static const uint64_t offsets[] = { PAGE, 16, MIB(1), MIB(2) - 1 };
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t physical = MEMORY + offsets[i];
        udmar_iova_t iova;

        assert_int_equal(map_below(&f, MEMORY, MIB(2), UINT64_MAX, &iova), UDMAR_OK);
        assert_int_equal(model_translate(f.m, 0, RID0, iova, false).leaf_size, MIB(2));
        unmap(&f, iova);
        assert_int_equal(map_below(&f, physical, MIB(2), UINT64_MAX, &iova), UDMAR_OK);
        assert_int_equal(iova % PAGE, physical % PAGE);
        for (uint64_t at = 0; at < MIB(2); at += KIB(4)) {
            struct model_translation t = model_translate(f.m, 0, RID0, iova + at, false);

            assert_int_equal(t.result, MODEL_OK);
            assert_int_equal(t.physical, physical + at);
        }
        assert_int_equal(model_translate(f.m, 0, RID0, iova + MIB(2) - 1, true).physical,
                         physical + MIB(2) - 1);
        unmap(&f, iova);
    }
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* Nothing begins where no address is, however far. */
static void test_nothing_beyond_all_addresses(void **state)
{
    static const uint64_t far[] = { GIB(512), GIB(513), UINT64_C(1) << 57, UINT64_MAX };
    struct fixture f;
    udmar_iova_t iova;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(map_below(&f, MEMORY, PAGE, UINT64_MAX, &iova), UDMAR_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(udmar_stream_unmap(f.domain, far[i]), UDMAR_ERR_NOT_FOUND);
    unmap(&f, iova);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* A range whose tables cannot all be made: nothing of it stays, neither mapped nor taken. */
static void test_range_without_memory(void **state)
{
    const struct udmar_dma_physical pieces[2] = { { MEMORY, MIB(6) }, { MEMORY + PAGE, MIB(6) } };
    unsigned failed = 0;

    (void)state;
    for (unsigned n = 1;; n++) {
        struct udmar_domain_info before, after;
        struct udmar_range_info range;
        enum udmar_status status;
        struct fixture f;
        udmar_iova_t iova = 0;

        fixture_open(&f, NULL);
        udmar_domain_info(f.domain, &before);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, n, false);
        status = udmar_stream_map(f.domain, pieces, 2, UDMAR_READ, UINT64_MAX, &iova);
        model_fail_host_call(f.m, 0, false);
        if (status == UDMAR_OK) {
            assert_true(can_read(&f, RID0, iova));
            unmap(&f, iova);
            fixture_close(&f);
            break;
        }
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        failed++;
        udmar_domain_info(f.domain, &after);
        assert_int_equal(after.table_pages, before.table_pages);
        assert_int_equal(after.ranges, before.ranges);
        for (uint64_t at = 0; udmar_domain_next_range(f.domain, at, &range);
             at = range.base + range.size)
            assert_int_not_equal(range.kind, UDMAR_RANGE_ALLOCATED);
        fixture_close(&f);
    }
    assert_true(failed > 3);
}

/* ---- Price ----------------------------------------------------------------------------------- */

/* A large window's end asks for its own addresses: the other translations of the domain stay. */
static void test_end_of_a_window_spares_the_others(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t other;

    (void)state;
    fixture_open(&f, NULL);
    buffer = model_buffer_alloc(f.m, KIB(1536), MODEL_CONTIGUOUS, 0);
    tag = new_tag(&f, 0, &(struct limits){ .maxsize = KIB(1536) });
    map = new_map(tag);
    /* A neighbour that keeps the table above. */
    other = load_one(tag, map, buffer, KIB(1536)) + MIB(64);
    assert_int_equal(udmar_domain_map(f.domain, other, MEMORY, PAGE, UDMAR_READ), UDMAR_OK);
    udmar_dmamap_unload(tag, map);
    model_stats(f.u)->iotlb_domain = 0;
    drop_map(tag, map);
    assert_int_equal(model_stats(f.u)->iotlb_domain, 0);
    assert_int_equal(udmar_domain_unmap(f.domain, other, PAGE), UDMAR_OK);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* ---- Processors ------------------------------------------------------------------------------ */

#define MANY 80u /* more than a magazine of blocks holds */

/* Every kind of place, more of each than a cache holds. */
static void all_ways(struct fixture *f)
{
    static const struct {
        uint64_t size;
        unsigned count;
    } ways[] = { { PAGE, MANY }, { KIB(64), MANY }, { MIB(2), 5 }, { MIB(4), 5 } };
    udmar_iova_t iova[MANY];

    for (unsigned i = 0; i < 4; i++) {
        for (unsigned n = 0; n < ways[i].count; n++)
            assert_int_equal(map_below(f, MEMORY, ways[i].size, UINT64_MAX, &iova[n]), UDMAR_OK);
        for (unsigned n = 0; n < ways[i].count; n++) {
            assert_true(can_read(f, RID0, iova[n]));
            unmap(f, iova[n]);
        }
        if (f->domain->strict)
            assert_false(can_read(f, RID0, iova[0]));
    }
}

static void *on_another_processor(void *argument)
{
    struct fixture *f = argument;

    if (udmar_host_cpu(f->m) < 2)
        return NULL;
    all_ways(f);
    return f;
}

/*
 * A host that has said too few of its processors: those without a cache use the first one. And the
 * processor that has one of its own, in the same calls.
 */
static void test_processors_without_a_cache(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = {
            .cpus = 2,
            .tunables = n == 0 ? NULL : "hw.dmar.strict=0",
            .ticking = true,
        };
        struct fixture f;
        void *tried = NULL;

        fixture_open(&f, &setup);
        model_reserve(f.m, MEMORY, MIB(16));
        while (tried == NULL) {
            pthread_t thread;

            assert_int_equal(pthread_create(&thread, NULL, on_another_processor, &f), 0);
            assert_int_equal(pthread_join(thread, &tried), 0);
        }
        assert_non_null(udmar__mapper_of(f.domain)->caches[0]);
        assert_null(udmar__mapper_of(f.domain)->caches[1]);
        all_ways(&f);
        udmar__cpu_caches_trim(f.domain);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_limit_below_what_is_at_hand),
        cmocka_unit_test(test_limit_of_32_bits),
        cmocka_unit_test(test_two_mib_at_any_offset),
        cmocka_unit_test(test_nothing_beyond_all_addresses),
        cmocka_unit_test(test_range_without_memory),
        cmocka_unit_test(test_end_of_a_window_spares_the_others),
        cmocka_unit_test(test_processors_without_a_cache),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("stream_kinds", tests, NULL, NULL);
}
