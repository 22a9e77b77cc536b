/* SPDX-License-Identifier: BSD-2-Clause */
/* Arenas: blocks of all orders taken and given back, against a naive list of what is taken. */
#include "mapping/arena.h"
#include "fixture/fixture.h"

#define HELD 300u

struct held {
    uint32_t page;
    unsigned order;
};

static void expect_table_pages(struct fixture *f, uint64_t pages)
{
    struct udmar_domain_info info;

    udmar_domain_info(f->domain, &info);
    assert_int_equal(info.table_pages, pages);
}

static void check_block(struct fixture *f, const struct udmar__arena_pool *pool,
                        const struct held *held, unsigned count, struct held block)
{
    uint64_t size = UINT64_C(1) << block.order;
    uint64_t first = (uint64_t)block.page << 12;
    uint64_t last = first + size * PAGE - 1;
    struct udmar__arena *arena = udmar__arena_of(f->domain, block.page);

    assert_non_null(arena);
    assert_int_equal(block.page & (size - 1), 0);
    assert_true(pool->exclude_last == 0 || last < pool->exclude_first ||
                first > pool->exclude_last);
    for (unsigned i = 0; i < count; i++)
        assert_true(block.page + size <= held[i].page ||
                    held[i].page + (UINT64_C(1) << held[i].order) <= block.page);
    assert_int_equal(udmar__block_first(arena, block.page), block.page);
    assert_int_equal(udmar__block_first(arena, block.page + size - 1), block.page);
    assert_true(udmar__arena_check(arena));
}

static void test_random_blocks(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct held held[HELD];
        unsigned count = 0;
        uint32_t seed = 7 + kind;
        struct fixture f;
        struct udmar__arena_pool *pool;

        fixture_open(&f, NULL);
        pool = kind == 0   ? udmar__arena_pool_get(f.domain, 0, 0)
               : kind == 1 ? udmar__arena_pool_get(f.domain, GIB(4), UINT64_MAX)
                           : udmar__arena_pool_get(f.domain, MIB(5) + PAGE, MIB(77) - 1);
        assert_non_null(pool);
        for (unsigned step = 0; step < 4000; step++) {
            if (count < HELD && roll_below(&seed, 100) < (step % 1000 < 600 ? 65u : 35u)) {
                struct held block = { .order = roll_below(&seed, 9) };
                unsigned taken;

                assert_int_equal(
                    udmar__blocks_take(f.domain, pool, block.order, 1, &block.page, &taken),
                    UDMAR_OK);
                assert_int_equal(taken, 1);
                check_block(&f, pool, held, count, block);
                held[count++] = block;
            } else if (count > 0) {
                unsigned n = roll_below(&seed, count);
                struct udmar__arena *arena;

                udmar__blocks_give(f.domain, &held[n].page, 1, true);
                arena = udmar__arena_of(f.domain, held[n].page);
                assert_true(arena == NULL || udmar__arena_check(arena));
                assert_true(arena == NULL || udmar__block_first(arena, held[n].page) == UINT64_MAX);
                held[n] = held[--count];
            }
        }
        while (count > 0)
            udmar__blocks_give(f.domain, &held[--count].page, 1, false);
        expect_table_pages(&f, 1);
        fixture_close(&f);
    }
}

/* The lowest block that will do, and a large one is cut only where there is no small one. */
static void test_lowest_and_smallest_first(void **state)
{
    struct fixture f;
    struct udmar__arena_pool *pool;
    uint32_t page[20], again;
    unsigned taken;

    (void)state;
    fixture_open(&f, NULL);
    pool = udmar__arena_pool_get(f.domain, 0, 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(udmar__blocks_take(f.domain, pool, 2, 1, &page[i], &taken), UDMAR_OK);
        assert_int_equal(page[i], page[0] + 4 * i);
    }
    assert_int_equal(page[0] % UDMAR__ARENA_PAGES, 0);
    udmar__blocks_give(f.domain, &page[5], 1, true);
    udmar__blocks_give(f.domain, &page[13], 1, true);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 2, 1, &again, &taken), UDMAR_OK);
    assert_int_equal(again, page[5]);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 1, 1, &again, &taken), UDMAR_OK);
    assert_int_equal(again, page[13]);
    udmar__blocks_give(f.domain, &again, 1, true);
    for (unsigned i = 0; i < 20; i++) {
        if (i != 13)
            udmar__blocks_give(f.domain, &page[i], 1, false);
    }
    expect_table_pages(&f, 1);
    fixture_close(&f);
}

/* One empty arena of each pool is kept where that is wanted; those that go are found no longer. */
static void test_spare(void **state)
{
    struct fixture f;
    struct udmar__arena_pool *pool;
    uint32_t page[3];
    unsigned taken;

    (void)state;
    fixture_open(&f, NULL);
    pool = udmar__arena_pool_get(f.domain, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(
            udmar__blocks_take(f.domain, pool, UDMAR__ARENA_ORDER, 1, &page[i], &taken), UDMAR_OK);
    /* Root, one table between, and theirs. */
    expect_table_pages(&f, 2 + 3);
    for (unsigned i = 0; i < 3; i++)
        udmar__blocks_give(f.domain, &page[i], 1, true);
    expect_table_pages(&f, 2 + 1);
    udmar__blocks_give(f.domain, NULL, 0, false);
    expect_table_pages(&f, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_null(udmar__arena_of(f.domain, page[i]));
    fixture_close(&f);
}

/* A unit that has not answered may still walk the table: the addresses stay taken. */
static void test_arena_that_nobody_confirms(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };
    struct udmar_domain_info before, after;
    struct fixture f;
    struct udmar__arena_pool *pool;
    uint32_t page, next;
    unsigned taken;

    (void)state;
    fixture_open(&f, &setup);
    pool = udmar__arena_pool_get(f.domain, 0, 0);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 0, 1, &page, &taken), UDMAR_OK);
    udmar_domain_info(f.domain, &before);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar__blocks_give(f.domain, &page, 1, false);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_null(udmar__arena_of(f.domain, page));
    udmar_domain_info(f.domain, &after);
    assert_int_equal(after.ranges, before.ranges);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 0, 1, &next, &taken), UDMAR_OK);
    assert_int_not_equal(next / UDMAR__ARENA_PAGES, page / UDMAR__ARENA_PAGES);
    udmar__blocks_give(f.domain, &next, 1, false);
    fixture_close(&f);
}

static void test_no_memory_leaves_nothing(void **state)
{
    struct fixture f;
    struct udmar__arena_pool *pool;
    uint32_t other, page;
    unsigned taken;
    enum udmar_status status = UDMAR_ERR_MEMORY;

    (void)state;
    fixture_open(&f, NULL);
    pool = udmar__arena_pool_get(f.domain, 0, 0);
    /* The directories stay once they are there. */
    assert_int_equal(udmar__blocks_take(f.domain, pool, 0, 1, &other, &taken), UDMAR_OK);
    udmar__blocks_give(f.domain, &other, 1, false);
    for (unsigned call = 1; status != UDMAR_OK; call++) {
        size_t pages = model_pages_in_use(f.m), bytes = model_bytes_in_use(f.m);

        assert_true(call < 20);
        model_fail_host_call(f.m, call, call % 2 == 0);
        status = udmar__blocks_take(f.domain, pool, 3, 1, &page, &taken);
        model_fail_host_call(f.m, 0, false);
        if (status != UDMAR_OK) {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_int_equal(model_pages_in_use(f.m), pages);
            assert_int_equal(model_bytes_in_use(f.m), bytes);
        } else {
            assert_true(call > 2);
        }
    }
    udmar__blocks_give(f.domain, &page, 1, false);
    expect_table_pages(&f, 1);
    fixture_close(&f);
}

struct giver {
    struct fixture *f;
    uint32_t page[2];
    bool client_pieces;
};

/* Somebody else gives blocks back in the moment in which there is no memory for another arena. */
static void give_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct giver *giver = context;

    (void)m;
    if (event == MODEL_EVENT_ALLOC && !giver->client_pieces) {
        giver->client_pieces = true;
        udmar__blocks_give(giver->f->domain, giver->page, 2, true);
    }
}

static void test_block_that_comes_back_meanwhile(void **state)
{
    struct fixture f;
    struct giver giver = { .f = &f };
    struct udmar__arena_pool *pool;
    unsigned taken;
    uint32_t page;

    (void)state;
    fixture_open(&f, NULL);
    pool = udmar__arena_pool_get(f.domain, 0, 0);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 8, 2, giver.page, &taken), UDMAR_OK);
    assert_int_equal(taken, 2);
    model_fail_host_calls_of(f.m, MODEL_CALL_ALLOC, 1, false);
    model_set_hook(f.m, give_meanwhile, &giver);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 8, 1, &page, &taken), UDMAR_OK);
    model_set_hook(f.m, NULL, NULL);
    assert_true(giver.client_pieces);
    assert_int_equal(model_host_calls_failed(f.m), 1);
    assert_int_equal(taken, 1);
    udmar__blocks_give(f.domain, &page, 1, false);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_blocks),
        cmocka_unit_test(test_lowest_and_smallest_first),
        cmocka_unit_test(test_spare),
        cmocka_unit_test(test_arena_that_nobody_confirms),
        cmocka_unit_test(test_no_memory_leaves_nothing),
        cmocka_unit_test(test_block_that_comes_back_meanwhile),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
