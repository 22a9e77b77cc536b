/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Corners of domains, tables, arenas and contexts: what is refused, what is left when a unit does
 * not answer, who comes in between, and that the checkers of the tests find what is wrong.
 */
#include <string.h>

#include "space/range.h"
#include "mapping/arena.h"
#include "mapping/cpu_cache.h"
#include "space/context.h"
#include <udmar/stream.h>

#include "mapping/block.h"
#include "mapping/mapping.h"
#include "fixture/fixture.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

static uint64_t table_pages(struct fixture *f)
{
    struct udmar_domain_info info;

    udmar_domain_info(f->domain, &info);
    return info.table_pages;
}

/* ---- Refused --------------------------------------------------------------------------------- */

static void test_domains_that_are_not_the_callers(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_IDENTITY, UDMAR_MODE_PASSTHROUGH };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct udmar_fault fault = { .sequence = 0 };
        struct udmar_walk_step steps[5];
        struct udmar_domain_info info;
        struct fixture f;
        uint64_t iova;

        fixture_open(&f, NULL);
        assert_int_equal(udmar_device_set_mode(f.device[0], modes[n]), UDMAR_OK);
        f.domain = udmar_device_domain(f.device[0]);
        assert_int_equal(udmar_domain_map(f.domain, MIB(4), MIB(4), PAGE, 3), UDMAR_ERR_ARGUMENT);
        assert_int_equal(udmar_domain_unmap(f.domain, MIB(4), PAGE), UDMAR_ERR_ARGUMENT);
        assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, NULL, &iova), UDMAR_ERR_ARGUMENT);
        assert_int_equal(udmar_domain_walk(f.domain, MIB(4), steps) != 0, n == 0);
        udmar_domain_info(f.domain, &info);
        assert_true(info.identity);
        assert_int_equal(info.levels != 0, n == 0);
        assert_int_equal(info.devices, 1);
        udmar__locate(f.domain, MIB(4), &fault);
        assert_int_equal(fault.place, UDMAR_PLACE_NOTHING);
        fixture_close(&f);
    }
}

static void test_addresses_that_are_refused(void **state)
{
    const struct udmar_iova_limits odd = { .boundary = 3 * PAGE };
    struct udmar_iova_limits low = { .lowest = MIB(4) };
    struct udmar_fault fault = { .sequence = 0 };
    struct fixture f;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &odd, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(NULL, PAGE, NULL, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, NULL, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 0, NULL, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 3 * PAGE, &low, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(NULL, iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_free_iova(f.domain, 0), UDMAR_ERR_NOT_FOUND); /* reserved */
    assert_int_equal(udmar_domain_free_iova(f.domain, UINT64_MAX), UDMAR_ERR_NOT_FOUND);
    /* What somebody has cannot be reserved any more. */
    assert_int_equal(udmar__domain_reserve(f.domain, iova - PAGE, 2 * PAGE, UDMAR_RANGE_RESERVED),
                     UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_ERR_NOT_FOUND);
    /* No place in the address space at all. */
    udmar__locate(f.domain, UINT64_MAX - 4095, &fault);
    assert_int_not_equal(fault.place, UDMAR_PLACE_LIVE);
    fixture_close(&f);
}

static void test_units_that_do_not_suit(void **state)
{
    struct udmar_unit other;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_true(f.domain->coherent && f.domain->superpages != 0);
    assert_true(udmar__domain_suits(f.domain, f.domain->unit));
    memcpy(&other, f.domain->unit, sizeof(other));
    other.facts.widths = 0;
    assert_false(udmar__domain_suits(f.domain, &other));
    memcpy(&other, f.domain->unit, sizeof(other));
    other.facts.guest_width = 30;
    assert_false(udmar__domain_suits(f.domain, &other));
    memcpy(&other, f.domain->unit, sizeof(other));
    other.facts.superpages = 0;
    assert_false(udmar__domain_suits(f.domain, &other));
    memcpy(&other, f.domain->unit, sizeof(other));
    other.facts.coherent = false;
    assert_false(udmar__domain_suits(f.domain, &other));
    /* Nor does it get a context there. */
    assert_int_equal(udmar__context_set(&other, RID0, f.domain), UDMAR_ERR_UNSUPPORTED);
    fixture_close(&f);
}

static void test_contexts_of_nobody(void **state)
{
    struct udmar_domain nowhere = { .bindings = NULL };
    uint64_t root, entry[2], again[2];
    struct udmar_unit elsewhere;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    memset(&elsewhere, 0, sizeof(elsewhere));
    udmar__context_read(f.domain->unit, RID0, &root, entry);
    assert_int_equal(entry[0] & 1, 1);
    /* A requester id that somebody has is not given to another; to give it once more is nothing. */
    assert_int_equal(udmar__context_set(f.domain->unit, RID0, udmar_device_domain(f.device[1])),
                     UDMAR_ERR_EXISTS);
    assert_int_equal(udmar__context_set(f.domain->unit, RID0, f.domain), UDMAR_OK);
    assert_int_equal(f.domain->bindings->context_refs, 1);
    /* No context of this domain is there: nothing to do, and nothing is done. */
    assert_int_equal(udmar__context_clear(f.domain->unit, RID0, &nowhere), UDMAR_OK);
    assert_int_equal(udmar__context_clear(&elsewhere, RID0, f.domain), UDMAR_OK);
    assert_int_equal(udmar__context_clear(f.domain->unit, 0x0038, f.domain), UDMAR_OK);
    assert_int_equal(udmar__context_clear(f.domain->unit, 0x4400, f.domain), UDMAR_OK);
    assert_int_equal(udmar__context_clear(f.domain->unit, RID0, udmar_device_domain(f.device[1])),
                     UDMAR_OK);
    udmar__context_read(f.domain->unit, RID0, &root, again);
    assert_memory_equal(entry, again, sizeof(entry));
    udmar__context_read(f.domain->unit, 0x4400, &root, again);
    assert_int_equal(root | again[0] | again[1], 0);
    assert_int_equal(udmar_domain_map(f.domain, MIB(64), MIB(4), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, MIB(64)));
    fixture_close(&f);
}

/* A removal that was not confirmed is asked for once more before the id is used again. */
static void test_unconfirmed_context_is_settled_first(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct udmar_domain *other;
        struct udmar_unit *unit;
        struct fixture f;

        fixture_open(&f, &setup);
        unit = f.domain->unit;
        other = udmar_device_domain(f.device[1]);
        assert_int_equal(udmar_domain_map(f.domain, MIB(64), MIB(4), PAGE, 3), UDMAR_OK);
        assert_true(can_read(&f, RID0, MIB(64)));
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(udmar__context_clear(unit, RID0, f.domain), UDMAR_ERR_TIMEOUT);
        assert_int_equal(udmar__context_set(unit, RID0, other), UDMAR_ERR_TIMEOUT);
        assert_true(can_read(&f, RID0, MIB(64))); /* the unit still knows it */
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        if (n == 1) {
            /* Without translation there is nobody to ask. */
            assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
            assert_false(unit->root_set);
        }
        assert_int_equal(udmar__context_clear(unit, RID0, f.domain), UDMAR_OK);
        assert_int_equal(udmar__context_set(unit, RID0, other), UDMAR_OK);
        assert_int_equal(udmar__context_clear(unit, RID0, other), UDMAR_OK);
        assert_int_equal(udmar__context_set(unit, RID0, f.domain), UDMAR_OK);
        if (n == 1)
            assert_int_equal(udmar_start(f.instance), UDMAR_OK);
        assert_true(can_read(&f, RID0, MIB(64)));
        fixture_close(&f);
    }
}

/* ---- A unit that does not answer ------------------------------------------------------------- */

/* Tables that it may still walk are kept, and go with the domain. */
static void test_kept_tables_go_with_the_domain(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(udmar_domain_map(f.domain, GIB(8 + i), MIB(4), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, GIB(8)));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(udmar_domain_unmap(f.domain, GIB(8 + i), PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_not_equal(f.domain->limbo, 0);
    assert_int_equal(f.domain->unlinking, 0); /* from here on `unconfirmed` says it */
    assert_true(can_read(&f, RID0, GIB(8)));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(f.u, 10000);
    fixture_close(&f); /* and nothing has leaked */
}

/* A failure while another one is being made good: that one's tables have to wait again. */
struct failing {
    struct fixture *f;
    unsigned calls, when;
    unsigned requests; /* of the whole domain, before */
    bool late;         /* the repair's own request had been made */
};

static void fail_meanwhile(void *context, struct model *m, enum model_event event)
{
    struct failing *failing = context;

    (void)m;
    if (event != MODEL_EVENT_ACQUIRE || ++failing->calls != failing->when)
        return;
    failing->late = model_stats(failing->f->u)->iotlb_domain != failing->requests;
    model_behaviour(failing->f->u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_domain_unmap(failing->f->domain, GIB(32), PAGE), UDMAR_ERR_TIMEOUT);
    model_behaviour(failing->f->u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(failing->f->u, 10000);
}

static void test_failure_during_a_repair(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };
    unsigned kept = 0;

    (void)state;
    for (unsigned when = 1; when < 9; when++) {
        struct fixture f;
        struct failing failing = { .f = &f, .when = when };

        fixture_open(&f, &setup);
        assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(4), PAGE, 3), UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.domain, GIB(16), MIB(4), PAGE, 3), UDMAR_OK);
        assert_int_equal(udmar_domain_map(f.domain, GIB(32), MIB(4), PAGE, 3), UDMAR_OK);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_ERR_TIMEOUT);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        model_queue_step(f.u, 10000);
        failing.requests = model_stats(f.u)->iotlb_domain;
        model_set_hook(f.m, fail_meanwhile, &failing);
        assert_int_equal(udmar_domain_unmap(f.domain, GIB(16), PAGE), UDMAR_OK);
        model_set_hook(f.m, NULL, NULL);
        if (failing.calls >= when) {
            assert_false(can_read(&f, RID0, GIB(8)));
            assert_false(can_read(&f, RID0, GIB(16)));
            /* Not covered by it: its tables wait for the next. */
            assert_true(!failing.late || f.domain->limbo != 0);
            kept += failing.late;
        }
        fixture_close(&f);
    }
    assert_true(kept > 0);
}

/* In caching mode a new arena has to be confirmed, too. */
static void test_arena_that_is_not_confirmed(void **state)
{
    const struct setup setup = { .profile = "cm", .tunables = SHORT_TIMEOUT };
    struct fixture f;
    enum udmar_status status;
    uint32_t page;
    unsigned taken;

    (void)state;
    fixture_open(&f, &setup);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    status =
        udmar__blocks_take(f.domain, &udmar__mapper_of(f.domain)->pool_all, 0, 1, &page, &taken);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    model_queue_step(f.u, 10000);
    if (status == UDMAR_OK)
        udmar__blocks_give(f.domain, &page, 1, false);
    assert_int_equal(
        udmar__blocks_take(f.domain, &udmar__mapper_of(f.domain)->pool_all, 0, 1, &page, &taken),
        UDMAR_OK);
    udmar__blocks_give(f.domain, &page, 1, false);
    assert_int_equal(table_pages(&f), 1);
    fixture_close(&f);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/*
 * 1 GiB that is full, but for its first 2 MiB all large pages: the last becomes one by promotion,
 * and then the table above is looked at. It cannot become one page.
 */
static void test_full_table_that_is_no_page(void **state)
{
    const struct setup setup = { .unit = { .cap_set = UINT64_C(3) << 34 } };
    const uint64_t base = GIB(64), physical = GIB(128);

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct udmar__gather gather;
        udmar_paddr_t parent, seen;
        struct fixture f;
        uint64_t page = 0;

        fixture_open(&f, &setup);
        if (n == 0) {
            assert_int_equal(udmar_domain_map(f.domain, base, MIB(4) + PAGE, MIB(2), 3), UDMAR_OK);
        } else {
            uintptr_t irq = udmar__lock(f.m, &f.domain->lock);

            udmar__gather_init(&gather);
            assert_int_equal(udmar__ptes_reserve(f.domain, base, 2, 1, &parent, &gather), UDMAR_OK);
            udmar__unlock(f.m, &f.domain->lock, irq);
        }
        assert_int_equal(udmar_domain_map(f.domain, base + MIB(2), physical + MIB(2),
                                          GIB(1) - MIB(4), UDMAR_READ_WRITE),
                         UDMAR_OK);
        for (uint64_t at = GIB(1) - MIB(2); at < GIB(1); at += MIB(1))
            assert_int_equal(udmar_domain_map(f.domain, base + at, physical + at, MIB(1), 3),
                             UDMAR_OK);
        assert_int_equal(udmar_domain_translate(f.domain, base + GIB(1) - PAGE, &seen, NULL, &page),
                         UDMAR_OK);
        assert_int_equal(seen, physical + GIB(1) - PAGE);
        assert_int_equal(page, MIB(2));
        if (n == 0) {
            assert_int_equal(udmar_domain_translate(f.domain, base, &seen, NULL, &page), UDMAR_OK);
            assert_int_equal(seen, MIB(4) + PAGE);
            assert_int_equal(page, PAGE);
        } else {
            uintptr_t irq;

            assert_int_equal(udmar_domain_translate(f.domain, base, &seen, NULL, &page),
                             UDMAR_ERR_NOT_FOUND);
            irq = udmar__lock(f.m, &f.domain->lock);
            udmar__ptes_release(f.domain, base, 2, 1, &gather);
            udmar__unlock(f.m, &f.domain->lock, irq);
            assert_int_equal(udmar__gather_flush(f.domain, &gather), UDMAR_OK);
        }
        assert_int_equal(udmar_domain_unmap(f.domain, base, GIB(1)), UDMAR_OK);
        assert_int_equal(table_pages(&f), 1);
        fixture_close(&f);
    }
}

/*
 * 2 MiB of an allocated range, mapped in two halves: one large page, since nobody else has a part
 * of it. Without a range around it as well.
 */
static void test_halves_of_one_owner(void **state)
{
    const struct udmar_iova_limits limits = { .lowest = GIB(16), .alignment = MIB(2) };

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        struct fixture f;
        udmar_iova_t at = GIB(16);
        uint64_t page, seen;

        fixture_open(&f, NULL);
        if (n < 2)
            assert_int_equal(udmar_domain_alloc_iova(f.domain, MIB(2) << n, &limits, &at),
                             UDMAR_OK);
        for (uint64_t half = 0; half < MIB(2); half += MIB(1)) {
            assert_int_equal(
                udmar_domain_map(f.domain, at + half, GIB(8) + half, MIB(1), UDMAR_READ_WRITE),
                UDMAR_OK);
            assert_int_equal(udmar_domain_translate(f.domain, at, &seen, NULL, &page), UDMAR_OK);
            assert_int_equal(seen, GIB(8));
            assert_int_equal(page, half == 0 ? PAGE : MIB(2));
        }
        assert_int_equal(udmar_domain_unmap(f.domain, at, MIB(2)), UDMAR_OK);
        if (n < 2)
            assert_int_equal(udmar_domain_free_iova(f.domain, at), UDMAR_OK);
        fixture_close(&f);
    }
}

/* ---- Arenas ---------------------------------------------------------------------------------- */

/* Far from the first arena the directory needs a part of its own. */
static void test_second_part_of_the_directory(void **state)
{
    struct fixture f;
    struct udmar__arena_pool *pools[2];
    uint32_t pages[2], page;
    unsigned taken;

    (void)state;
    fixture_open(&f, NULL);
    pools[0] = udmar__arena_pool_get(f.domain, 0, GIB(5) - 1);
    pools[1] = udmar__arena_pool_get(f.domain, GIB(3), UINT64_MAX);
    assert_int_equal(udmar__blocks_take(f.domain, pools[0], 0, 1, &pages[0], &taken), UDMAR_OK);
    for (unsigned call = 1;; call++) {
        size_t bytes = model_bytes_in_use(f.m);
        enum udmar_status status;

        assert_true(call < 20);
        model_fail_host_call(f.m, call, true);
        status = udmar__blocks_take(f.domain, pools[1], 0, 1, &pages[1], &taken);
        model_fail_host_call(f.m, 0, false);
        if (status == UDMAR_OK) {
            assert_true(call > 2);
            break;
        }
        assert_int_equal(status, UDMAR_ERR_MEMORY);
        assert_int_equal(model_bytes_in_use(f.m), bytes);
        /* The other part is still what it was. */
        assert_non_null(udmar__arena_of(f.domain, pages[0]));
    }
    assert_true(pages[0] >= GIB(5) / PAGE);
    assert_true(pages[1] < GIB(3) / PAGE);
    /* Between them there is nothing. */
    page = (pages[1] / 512 + 3) * 512;
    assert_null(udmar__arena_of(f.domain, page));
    assert_null(udmar__arena_of(f.domain, GIB(4) / PAGE));
    udmar__blocks_give(f.domain, pages, 2, false);
    /* A pool that keeps out of nothing is the one of all. */
    assert_ptr_equal(udmar__arena_pool_get(f.domain, f.domain->end + 1, UINT64_MAX),
                     &udmar__mapper_of(f.domain)->pool_all);
    assert_ptr_equal(udmar__arena_pool_get(f.domain, MIB(1), 0),
                     &udmar__mapper_of(f.domain)->pool_all);
    fixture_close(&f);
}

/* Tests trust these two: they find what is wrong. */
static void test_checkers_find_damage(void **state)
{
    struct fixture f;
    struct udmar__arena *arena;
    struct udmar__range *root;
    struct udmar__iova *iova;
    uint32_t pages[2];
    uint64_t where;
    unsigned taken;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(
        udmar__blocks_take(f.domain, &udmar__mapper_of(f.domain)->pool_all, 2, 2, pages, &taken),
        UDMAR_OK);
    arena = udmar__arena_of(f.domain, pages[0]);
    assert_true(udmar__arena_check(arena));
    arena->largest[1]--;
    assert_false(udmar__arena_check(arena));
    arena->largest[1]++;
    arena->block[pages[0] % 512 + 1] = UDMAR__BLOCK(0, 0);
    assert_false(udmar__arena_check(arena));
    arena->block[pages[0] % 512 + 1] = 0;
    assert_true(udmar__arena_check(arena));
    udmar__blocks_give(f.domain, pages, taken, false);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(udmar_domain_alloc_iova(
                             f.domain, PAGE,
                             &(struct udmar_iova_limits){ .lowest = MIB(64) + i * MIB(1) }, &where),
                         UDMAR_OK);
    iova = &f.domain->iova;
    root = iova->root;
    assert_true(udmar__iova_check(iova));
    assert_true(root->left != NULL && root->right != NULL);
#define DAMAGED(field, change)                                       \
    do {                                                             \
        uint64_t sound = (field);                                    \
        (field) += (change);                                         \
        assert_false(udmar__iova_check(iova));                       \
        memcpy(&(field), &sound, sizeof(field)); /* little-endian */ \
        assert_true(udmar__iova_check(iova));                        \
    } while (0)
    DAMAGED(iova->count, 1);
    DAMAGED(root->gap, 1);
    DAMAGED(root->largest_gap, 1);
    DAMAGED(root->height, 1);
    DAMAGED(root->left->gap, 1);
    DAMAGED(root->left->height, 2);
    DAMAGED(root->left->height, -2);
    DAMAGED(root->right->height, 2);
    DAMAGED(root->right->gap, 1);
    DAMAGED(root->first, -root->first);
    DAMAGED(root->last, -(root->last - root->first) - 1);
#undef DAMAGED
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(udmar_domain_free_iova(f.domain, MIB(64) + i * MIB(1)), UDMAR_OK);
    fixture_close(&f);
}

/* A tree can be in order and yet hang to one side. */
static void test_checker_finds_a_tree_without_balance(void **state)
{
    for (unsigned side = 0; side < 2; side++) {
        struct udmar__range low = { .first = 1, .last = 1, .gap = 1 };
        struct udmar__range middle = { .first = 3, .last = 3, .gap = 1 };
        struct udmar__iova iova = { .end = { .first = 100, .last = 100, .gap = 96 }, .count = 2 };
        struct udmar__range *order[3] = { &low, &middle, &iova.end };
        uint64_t largest = 0;

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
            struct udmar__range *node = order[side == 0 ? i : 2 - i];

            largest = node->gap > largest ? node->gap : largest;
            node->height = (uint8_t)(i + 1);
            node->largest_gap = largest;
            if (i > 0 && side == 0)
                node->left = order[i - 1];
            else if (i > 0)
                node->right = order[3 - i];
            iova.root = node;
        }
        assert_false(udmar__iova_check(&iova));
        /* With the one in the middle on top it is a tree as it should be. */
        iova.root = &middle;
        middle.left = &low;
        middle.right = &iova.end;
        low.left = low.right = iova.end.left = iova.end.right = NULL;
        low.height = iova.end.height = 1;
        middle.height = 2;
        low.largest_gap = 1;
        middle.largest_gap = iova.end.largest_gap = 96;
        assert_true(udmar__iova_check(&iova));
    }
}

/* ---- Domains of no unit, and of two -----------------------------------------------------------
 */

static void test_domain_before_its_first_context(void **state)
{
    const struct udmar__mapper_config config = { .domain = { .strict = true } };
    struct udmar_domain_info info;
    struct udmar_domain *domain;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar__mapper_create(f.domain->unit, &config, &domain), UDMAR_OK);
    assert_int_equal(udmar__mapper_of(domain)->cpus, 1);
    udmar_domain_info(domain, &info);
    assert_int_equal(info.devices, 0);
    assert_int_equal(info.domain_id, 0);
    assert_int_equal(udmar__domain_clock(domain), 0);
    udmar__mapper_destroy(domain);
    fixture_close(&f);
}

/* Short ways know one unit; with a second they refuse, and with the first alone they work again. */
static void test_domain_with_a_second_unit(void **state)
{
    const struct udmar_dma_physical piece = { MIB(4), PAGE };
    struct udmar__window *window;
    struct udmar__binding *binding;
    struct udmar_unit second;
    struct fixture f;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    memcpy(&second, f.domain->unit, sizeof(second));
    second.root_set = false; /* nobody asks it for anything */
    assert_int_equal(udmar__domain_bind(f.domain, &second, &binding), UDMAR_OK);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &iova),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_stream_unmap(f.domain, MIB(4)), UDMAR_ERR_ARGUMENT);
    assert_int_equal(
        udmar__window_create(f.domain, &udmar__mapper_of(f.domain)->pool_all, PAGE, 0, 0, &window),
        UDMAR_ERR_UNSUPPORTED);
    assert_true(udmar__domain_unbind(f.domain, binding));
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_OK);
    assert_true(can_read(&f, RID0, iova));
    assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* The ids of the first word are all taken. */
static void test_domain_ids_beyond_the_first_word(void **state)
{
    struct fixture f;
    struct udmar_domain_info info;
    struct udmar_unit *unit;
    uint64_t saved;

    (void)state;
    fixture_open(&f, NULL);
    unit = f.domain->unit;
    assert_int_equal(udmar_device_detach(f.device[1]), UDMAR_OK);
    saved = unit->domain_id_map[0];
    unit->domain_id_map[0] = UINT64_MAX;
    assert_int_equal(udmar_device_attach(f.instance, 0, RID1, NULL, &f.device[1]), UDMAR_OK);
    udmar_domain_info(udmar_device_domain(f.device[1]), &info);
    assert_int_equal(info.domain_id, 64);
    unit->domain_id_map[0] = saved;
    fixture_close(&f);
}

/* ---- Listings and faults ----------------------------------------------------------------------
 */

/* Windows of maps and streams next to each other, in more than one arena: each is listed once. */
static void test_windows_and_streams_are_listed(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag, *large;
    struct udmar_dma_map *maps[12], *chunked;
    struct udmar_range_info info;
    uint64_t streams[12], at = 0;
    unsigned windows = 0, found = 0, steps = 0;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &(struct limits){ .maxsize = KIB(400) });
    large = new_tag(&f, 0, &(struct limits){ .maxsize = MIB(3) });
    chunked = new_map(large);
    for (unsigned i = 0; i < 12; i++) {
        const struct udmar_dma_physical piece = { MIB(4), (1 + i * 9) * PAGE };

        maps[i] = new_map(tag);
        assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &streams[i]),
                         UDMAR_OK);
    }
    while (udmar_domain_next_range(f.domain, at, &info)) {
        assert_true(steps++ < 100);
        assert_true(info.base + info.size > at);
        if (info.kind == UDMAR_RANGE_WINDOW)
            windows++;
        for (unsigned i = 0; i < 12; i++) {
            if (info.base == streams[i]) {
                assert_int_equal(info.size, (1 + i * 9) * PAGE);
                found++;
            }
        }
        at = info.base + info.size;
    }
    assert_int_equal(windows, 13);
    assert_int_equal(found, 12);
    /* Behind all blocks of the last arena there is nothing that anybody has. */
    assert_false(udmar_domain_next_range(f.domain, f.domain->end - PAGE, &info));
    for (unsigned i = 0; i < 12; i++) {
        drop_map(tag, maps[i]);
        assert_int_equal(udmar_stream_unmap(f.domain, streams[i]), UDMAR_OK);
    }
    drop_map(large, chunked);
    drop_tag(tag);
    drop_tag(large);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

static void test_listing_from_where_nothing_is(void **state)
{
    const struct udmar_dma_physical piece = { MIB(4), PAGE };
    struct udmar_range_info info;
    struct fixture f;
    uint64_t iova, at;
    unsigned steps = 0;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &iova), UDMAR_OK);
    /* In the same arena, where no block is. */
    at = (iova & ~(MIB(2) - 1)) + 400 * PAGE;
    while (udmar_domain_next_range(f.domain, at, &info)) {
        assert_true(steps++ < 20);
        assert_true(info.base >= at);
        assert_int_not_equal(info.kind, UDMAR_RANGE_ALLOCATED);
        at = info.base + info.size;
    }
    assert_int_equal(udmar_stream_unmap(f.domain, iova), UDMAR_OK);
    udmar__cpu_caches_trim(f.domain);
    fixture_close(&f);
}

/* Where the directory does not reach there are neither arenas nor windows to lend, but ranges. */
static void test_addresses_beyond_the_directory(void **state)
{
    const struct limits limits = { .lowaddr = PAGE - 1,
                                   .highaddr = UDMAR__DIRECTORY_END - 1,
                                   .maxsize = MIB(4) };
    static const uint64_t sizes[] = { PAGE, MIB(2), MIB(4) };
    struct fixture f;
    struct udmar__arena_pool *pool;
    struct udmar__window *window;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint32_t page;
    unsigned taken;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = "hw.dmar.width=48", .window_limit = 1 });
    assert_true(f.domain->end > UDMAR__DIRECTORY_END);
    pool = udmar__arena_pool_get(f.domain, PAGE, UDMAR__DIRECTORY_END - 1);
    assert_int_equal(udmar__blocks_take(f.domain, pool, 0, 1, &page, &taken), UDMAR_ERR_IOVA);
    assert_int_equal(udmar__window_create_transient(f.domain, pool, 1, &window), UDMAR_ERR_IOVA);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, MIB(4), 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t iova = load_one(tag, map, buffer, sizes[i]);

        assert_true(iova >= UDMAR__DIRECTORY_END);
        assert_true(can_read(&f, RID0, iova + sizes[i] - 1));
        udmar_dmamap_unload(tag, map);
        assert_false(can_read(&f, RID0, iova));
    }
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

static void test_places_far_from_everything(void **state)
{
    const struct udmar_dma_physical piece = { MIB(4), MIB(9) };
    const struct udmar_iova_limits limits = { .lowest = GIB(2), .boundary = KIB(64) };
    struct udmar_fault fault = { .sequence = 0 };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint64_t iova, range;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    udmar__locate(f.domain, GIB(5), &fault); /* a window that was never loaded is no mapping */
    assert_int_equal(fault.place, UDMAR_PLACE_NOTHING);
    assert_int_equal(udmar_stream_unmap(f.domain, GIB(5)), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_stream_unmap(f.domain, GIB(600)), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 3 * PAGE, &limits, &iova), UDMAR_OK);
    assert_int_equal(udmar_stream_map(f.domain, &piece, 1, 3, UINT64_MAX, &range), UDMAR_OK);
    /* A stream's range is not the business of whoever has ranges of his own. */
    assert_int_equal(udmar_domain_free_iova(f.domain, range), UDMAR_ERR_NOT_FOUND);
    udmar__locate(f.domain, f.domain->end + 1, &fault);
    assert_int_equal(fault.place, UDMAR_PLACE_NEAR);
    udmar__locate(f.domain, UINT64_MAX, &fault);
    assert_int_equal(fault.place, UDMAR_PLACE_NEAR);
    assert_int_equal(udmar_stream_unmap(f.domain, range), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* ---- The tick -------------------------------------------------------------------------------- */

static void test_tick_passes_by_who_has_nothing(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.strict=0", .ticking = true };
    struct udmar__mapper nowhere = { .flush_pending = 1 };
    struct fixture f;

    (void)state;
    udmar__mapper_tick(&nowhere.domain);
    assert_int_equal(nowhere.flush_pending, 1);
    fixture_open(&f, &setup);
    assert_int_equal(udmar_device_set_mode(f.device[1], UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(f.device[2], UDMAR_MODE_PASSTHROUGH), UDMAR_OK);
    model_stats(f.u)->iotlb_domain = 0;
    udmar__mapper_of(f.domain)->flush_pending = 1;
    udmar_tick(f.instance);
    assert_int_equal(model_stats(f.u)->iotlb_domain, 1);
    assert_int_equal(udmar__mapper_of(f.domain)->flush_pending, 0);
    fixture_close(&f);
}

/* The driver is switched off: devices are known, and have nothing. */
static void test_tick_of_a_driver_that_is_off(void **state)
{
    struct model *m = model_create(NULL);
    struct udmar_config config = { .ticking = true };
    struct udmar_device *device;
    struct udmar *instance;

    (void)state;
    model_add_function(m, 0, RID0, 0x8086, 0x10d3, 0x020000);
    udmar_tunables_init(&config.tunables);
    config.tunables.strict = false;
    assert_int_equal(udmar_create(m, &config, &instance), UDMAR_OK);
    assert_int_equal(udmar_device_attach(instance, 0, RID0, NULL, &device), UDMAR_OK);
    udmar_tick(instance);
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    assert_int_equal(udmar_destroy(instance), UDMAR_OK);
    config.cpus = 4097;
    assert_int_equal(udmar_create(m, &config, &instance), UDMAR_ERR_ARGUMENT);
    assert_int_equal(model_bytes_in_use(m), 0);
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains_that_are_not_the_callers),
        cmocka_unit_test(test_addresses_that_are_refused),
        cmocka_unit_test(test_units_that_do_not_suit),
        cmocka_unit_test(test_contexts_of_nobody),
        cmocka_unit_test(test_unconfirmed_context_is_settled_first),
        cmocka_unit_test(test_kept_tables_go_with_the_domain),
        cmocka_unit_test(test_failure_during_a_repair),
        cmocka_unit_test(test_arena_that_is_not_confirmed),
        cmocka_unit_test(test_full_table_that_is_no_page),
        cmocka_unit_test(test_halves_of_one_owner),
        cmocka_unit_test(test_second_part_of_the_directory),
        cmocka_unit_test(test_checkers_find_damage),
        cmocka_unit_test(test_checker_finds_a_tree_without_balance),
        cmocka_unit_test(test_domain_before_its_first_context),
        cmocka_unit_test(test_domain_with_a_second_unit),
        cmocka_unit_test(test_domain_ids_beyond_the_first_word),
        cmocka_unit_test(test_windows_and_streams_are_listed),
        cmocka_unit_test(test_listing_from_where_nothing_is),
        cmocka_unit_test(test_addresses_beyond_the_directory),
        cmocka_unit_test(test_places_far_from_everything),
        cmocka_unit_test(test_tick_passes_by_who_has_nothing),
        cmocka_unit_test(test_tick_of_a_driver_that_is_off),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("domain_odd", tests, NULL, NULL);
}
