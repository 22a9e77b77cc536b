/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a unit may still know stays as it is: replaced tables, domain ids, addresses and whole
 * domains, until the unit has confirmed that it knows them no longer.
 */
#include <udmar/stream.h>

#include "mapping/mapper.h"
#include "space/context.h"
#include "space/domain.h"
#include "fixture/fixture.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"
#define AREA          GIB(16)
#define MEMORY        MIB(16)
#define OTHER         UINT16_C(0x0048) /* requester ids that no device of the library has */
#define NEXT          UINT16_C(0x0050)

static void answer_again(struct fixture *f)
{
    model_behaviour(f->u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(f->u, 10000);
}

/* ---- Tables that a large leaf replaces ------------------------------------------------------- */

/* All of 2 MiB but its last page is mapped, and the unit has the way to the table at hand. */
static void almost_large(struct fixture *f)
{
    /* Something else keeps the tables above. */
    assert_int_equal(udmar_domain_map(f->domain, AREA + MIB(4), MEMORY, PAGE, UDMAR_READ),
                     UDMAR_OK);
    assert_int_equal(udmar_domain_map(f->domain, AREA, MEMORY, MIB(2) - PAGE, UDMAR_READ),
                     UDMAR_OK);
    assert_true(can_read(f, RID0, AREA + 9 * PAGE));
}

static enum udmar_status make_large(struct fixture *f)
{
    return udmar_domain_map(f->domain, AREA + MIB(2) - PAGE, MEMORY + MIB(2) - PAGE, PAGE,
                            UDMAR_READ);
}

/* DMA to the first page, at one moment of the call. */
struct moment {
    unsigned calls, when;
    bool blocked;
};

static void read_first(void *context, struct model *m, enum model_event event)
{
    struct moment *moment = context;
    uint8_t byte;

    (void)event;
    if (++moment->calls == moment->when)
        moment->blocked = model_dma(m, 0, RID0, AREA, &byte, 1, false) != MODEL_OK;
}

/*
 * A page that the unit's caches of the tables above lead to: through the old table until the
 * invalidation, so that this must neither be free nor have anything else written into it.
 */
static void test_replaced_table_serves_to_the_end(void **state)
{
    struct moment moment = { .calls = 1 };
    unsigned when = 0;

    (void)state;
    for (; moment.calls >= when; when++) {
        struct fixture f;

        fixture_open(&f, NULL);
        almost_large(&f);
        moment = (struct moment){ .when = when };
        model_set_hook(f.m, read_first, &moment);
        assert_int_equal(make_large(&f), UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        assert_false(moment.blocked);
        assert_int_equal(model_count_tree(f.m, 0, RID0).leaves[2], 1);
        assert_int_equal(udmar_domain_unmap(f.domain, AREA, MIB(6)), UDMAR_OK);
        fixture_close(&f);
    }
    assert_true(when > 10);
}

/* It waits with all others, and goes when the unit has answered for them. */
static void test_replaced_table_is_not_lost(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = SHORT_TIMEOUT });
    almost_large(&f);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(make_large(&f), UDMAR_ERR_TIMEOUT);
    assert_int_not_equal(f.domain->limbo, 0);
    answer_again(&f);
    assert_int_equal(udmar_domain_unmap(f.domain, AREA, MIB(6)), UDMAR_OK);
    assert_int_equal(f.domain->limbo, 0);
    assert_int_equal(model_cache_stale(f.u), 0);
    fixture_close(&f); /* and nothing has leaked */
}

/* ---- Domains --------------------------------------------------------------------------------- */

/* A domain of the unit of device 0, which a requester id of no device uses. */
static struct udmar_domain *new_domain(struct fixture *f, uint16_t rid, uint16_t *out_id)
{
    const struct udmar__mapper_config config = { .domain = { .strict = true, .direct = true } };
    struct udmar_domain *domain;

    assert_int_equal(udmar__mapper_create(f->domain->unit, &config, &domain), UDMAR_OK);
    assert_int_equal(udmar__context_set(f->domain->unit, rid, domain), UDMAR_OK);
    *out_id = domain->bindings->id;
    return domain;
}

static void end_domain(struct udmar_domain *domain, uint16_t rid)
{
    assert_int_equal(udmar__context_clear(domain->unit, rid, domain), UDMAR_OK);
    udmar__mapper_destroy(domain);
}

/* Its id is nobody's until the unit has forgotten what it knows under it. */
static void test_id_is_not_given_again(void **state)
{
    uint16_t first, second, third;
    struct udmar_domain *domain;
    struct fixture f;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = SHORT_TIMEOUT });
    domain = new_domain(&f, OTHER, &first);
    end_domain(domain, OTHER);
    domain = new_domain(&f, OTHER, &second);
    assert_int_equal(second, first); /* the lowest that is free */
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    domain->bindings->context_refs = 0;
    assert_false(udmar__domain_unbind(domain, domain->bindings));
    answer_again(&f);
    udmar__mapper_destroy(domain);
    domain = new_domain(&f, NEXT, &third);
    assert_int_not_equal(third, second);
    end_domain(domain, NEXT);
    fixture_close(&f);
}

/*
 * A context whose removal was refused goes with its domain, and all that the unit knows of the
 * domain: the next one has the same id.
 */
static void test_unbinding_forgets_translations(void **state)
{
    uint16_t first, second;
    struct udmar_domain *domain;
    struct fixture f;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = "hw.dmar.qi=0" });
    domain = new_domain(&f, OTHER, &first);
    assert_int_equal(udmar_domain_map(domain, AREA, MEMORY, PAGE, UDMAR_READ), UDMAR_OK);
    assert_true(can_read(&f, OTHER, AREA));
    model_refuse_invalidations(f.u, 1);
    assert_int_equal(udmar__context_clear(domain->unit, OTHER, domain), UDMAR_ERR_REFUSED);
    udmar__mapper_destroy(domain);
    domain = new_domain(&f, NEXT, &second);
    assert_int_equal(second, first);
    assert_false(can_read(&f, NEXT, AREA));
    assert_false(can_read(&f, OTHER, AREA));
    end_domain(domain, NEXT);
    fixture_close(&f);
}

/* Nobody knows when a unit that does not answer forgets a domain: none of its tables is free. */
static void test_tables_outlive_their_domain(void **state)
{
    struct udmar_domain *domain;
    struct fixture f;
    uint16_t id;
    size_t pages;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = SHORT_TIMEOUT });
    domain = new_domain(&f, OTHER, &id);
    assert_int_equal(udmar_domain_map(domain, AREA, MEMORY, PAGE, UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, GIB(32), MEMORY, PAGE, UDMAR_READ), UDMAR_OK);
    assert_true(can_read(&f, OTHER, AREA));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_domain_unmap(domain, AREA, PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_not_equal(domain->limbo, 0);
    pages = model_pages_in_use(f.m);
    domain->bindings->context_refs = 0;
    udmar__mapper_destroy(domain);
    assert_int_equal(model_pages_in_use(f.m), pages);
    assert_true(can_read(&f, OTHER, AREA)); /* through tables that are nobody else's */
    answer_again(&f);
    assert_false(can_read(&f, OTHER, AREA));
    f.forgive_pages = true;
    fixture_close(&f);
}

/* The same for the table of a large window, which nothing links any more. */
static void test_tables_of_windows_outlive_their_domain(void **state)
{
    const struct udmar_dma_physical piece = { MEMORY, KIB(1536) };
    struct udmar_domain *domain;
    struct fixture f;
    udmar_iova_t iova;
    uint16_t id;
    size_t pages;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = SHORT_TIMEOUT });
    domain = new_domain(&f, OTHER, &id);
    assert_int_equal(udmar_stream_map(domain, &piece, 1, UDMAR_READ, UINT64_MAX, &iova), UDMAR_OK);
    assert_true(can_read(&f, OTHER, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_stream_unmap(domain, iova), UDMAR_ERR_TIMEOUT);
    pages = model_pages_in_use(f.m);
    domain->bindings->context_refs = 0;
    udmar__mapper_destroy(domain);
    assert_int_equal(model_pages_in_use(f.m), pages);
    assert_false(can_read(&f, OTHER, iova + PAGE)); /* there the unit has only the way */
    answer_again(&f);
    f.forgive_pages = true;
    fixture_close(&f);
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* A stream too large for a window: its addresses are taken until the unit has let go of them. */
static void test_range_stays_taken(void **state)
{
    const struct udmar_dma_physical piece = { MEMORY, MIB(9) };
    struct udmar_iova_limits limits = { .lowest = 0 };
    struct fixture f;
    udmar_iova_t stream, other;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = SHORT_TIMEOUT });
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, UDMAR_READ, UINT64_MAX, &stream),
                     UDMAR_OK);
    assert_true(can_read(&f, RID0, stream));
    limits.lowest = stream;
    limits.highest = stream + MIB(9) - 1;
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_stream_unmap(f.domain, stream), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &limits, &other), UDMAR_ERR_IOVA);
    answer_again(&f);
    assert_int_equal(udmar_stream_unmap(f.domain, stream), UDMAR_OK);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &limits, &other), UDMAR_OK);
    assert_false(can_read(&f, RID0, stream));
    assert_int_equal(udmar_domain_free_iova(f.domain, other), UDMAR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaced_table_serves_to_the_end),
        cmocka_unit_test(test_replaced_table_is_not_lost),
        cmocka_unit_test(test_id_is_not_given_again),
        cmocka_unit_test(test_unbinding_forgets_translations),
        cmocka_unit_test(test_tables_outlive_their_domain),
        cmocka_unit_test(test_tables_of_windows_outlive_their_domain),
        cmocka_unit_test(test_range_stays_taken),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("flush_unconfirmed", tests, NULL, NULL);
}
