/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones that grow while a second processor works: a load that gets pages from the host lets go of
 * the zone meanwhile. No load waits when what is free would do, none is run inside another one's
 * load, and what could not be used is given back.
 */
#include <string.h>

#include "fixture/bounce.h"

#define MAPS       8u
#define EACH       4u /* pages of the largest load */
/* A map's first load allocates room for its list, then a note and a page for each page. */
#define FIRST_PAGE 2u

struct growth;

struct one {
    struct growth *growth;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint32_t pages; /* of the zone */
    bool waits, loaded;
    int calls, error;
};

struct growth {
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct one one[MAPS];
    /* The loads that wait, oldest first. */
    struct one *queue[MAPS];
    unsigned queued;
    unsigned loading; /* loads under way */
    unsigned strangers, lost;
    bool protected; /* only the first and the last page of a load is bounced */
    /* The second processor. */
    unsigned allocations, when;
    void (*meanwhile)(struct growth *g);
    bool inside, locked;
    uint32_t dice;
    unsigned courses[4];
};

static void leave_queue(struct growth *g, const struct one *one)
{
    unsigned at = 0;

    while (at < g->queued && g->queue[at] != one)
        at++;
    if (at == g->queued)
        return;
    memmove(&g->queue[at], &g->queue[at + 1], (g->queued - at - 1) * sizeof(g->queue[0]));
    g->queued--;
}

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct one *one = argument;
    struct growth *g = one->growth;

    (void)segments;
    (void)count;
    one->calls++;
    one->error = error;
    if (one->waits) {
        /* Another driver's load is no place for this callback. */
        g->strangers += g->loading > 0;
        one->waits = false;
        leave_queue(g, one);
    }
    one->loaded = error == 0;
}

/* @pages: 1 to EACH; the buffer begins inside a page. */
static int start(struct one *one, uint32_t pages, int flags)
{
    struct growth *g = one->growth;
    int result;

    one->calls = 0;
    one->pages = g->protected ? (uint32_t)(pages > 2 ? 2 : pages) : pages;
    g->loading++;
    result = udmar_dmamap_load(g->tag, one->map, one->buffer, (pages - 1) * PAGE + (pages == 1),
                               note, one, flags);
    g->loading--;
    if (result == UDMAR_EINPROGRESS) {
        one->waits = true;
        g->queue[g->queued++] = one;
    }
    return result;
}

static void end(struct one *one)
{
    one->loaded = false;
    if (one->waits) {
        one->waits = false;
        leave_queue(one->growth, one);
    }
    udmar_dmamap_unload(one->growth->tag, one->map);
}

/* Books are right, and who is first in the queue could not be served. */
static void look(struct growth *g)
{
    struct udmar_bounce_zone_info zone = zone_of(&g->f);

    assert_int_equal(zone.total_pages, zone.free_pages + zone.reserved_pages + zone.active_pages);
    assert_int_equal(zone.waiting, g->queued);
    g->lost += g->queued > 0 && zone.free_pages >= g->queue[0]->pages;
}

/* The other processor's driver waits for the lock of a load that is run. */
static void lock_growth(void *argument, enum udmar_dma_lock_op op)
{
    struct growth *g = argument;

    assert_int_equal(g->locked, op == UDMAR_DMA_UNLOCK);
    g->locked = op == UDMAR_DMA_LOCK;
}

static void second_processor(void *context, struct model *m, enum model_event event)
{
    struct growth *g = context;

    (void)m;
    if (event != MODEL_EVENT_ALLOC || g->inside || g->locked || g->meanwhile == NULL)
        return;
    if (++g->allocations == g->when) {
        unsigned loading = g->loading;

        g->inside = true;
        g->loading = 0; /* of the other processor */
        g->meanwhile(g);
        g->loading = loading;
        g->inside = false;
    }
}

static void open_growth(struct growth *g, const char *tunables, unsigned provided)
{
    const struct setup setup = { .tunables = tunables };

    memset(g, 0, sizeof(*g));
    g->protected = strcmp(tunables, ASKED) == 0;
    fixture_open(&g->f, &setup);
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(g->f.device[0]), 1, 0, LOW_4G,
                                          UINT64_MAX, NULL, NULL, (EACH - 1) * PAGE, 16, UINT64_MAX,
                                          0, lock_growth, g, &g->tag),
                     0);
    for (unsigned i = 0; i < MAPS; i++) {
        no_more_pages(&g->f, i >= provided);
        g->one[i] = (struct one){ .growth = g };
        g->one[i].map = new_map(g->tag);
        g->one[i].buffer =
            model_buffer_alloc(g->f.m, (EACH - 1) * PAGE, MODEL_HIGH | MODEL_SCATTERED, 8);
    }
    no_more_pages(&g->f, false);
    model_set_hook(g->f.m, second_processor, g);
}

static void close_growth(struct growth *g)
{
    no_more_pages(&g->f, false);
    model_set_hook(g->f.m, NULL, NULL);
    for (unsigned i = 0; i < MAPS; i++) {
        drop_map(g->tag, g->one[i].map);
        model_buffer_free(g->f.m, g->one[i].buffer);
    }
    drop_tag(g->tag);
    fixture_close(&g->f);
}

/* ---- One course, told step by step ----------------------------------------------------------- */

/* The host is without memory for a moment: number 2 queues while number 1 grows the zone. */
static void queue_meanwhile(struct growth *g)
{
    no_more_pages(&g->f, true);
    assert_int_equal(start(&g->one[2], EACH, 0), UDMAR_EINPROGRESS);
    no_more_pages(&g->f, false);
}

static void test_load_that_grows_the_zone_is_served(void **state)
{
    struct growth g;

    (void)state;
    for (unsigned nowait = 0; nowait < 2; nowait++) {
        open_growth(&g, BOUNCE, 1);
        assert_int_equal(start(&g.one[0], 1, 0), 0);
        g.when = FIRST_PAGE;
        g.meanwhile = queue_meanwhile;
        assert_int_equal(start(&g.one[1], EACH, nowait ? UDMAR_DMA_NOWAIT : 0), 0);
        assert_true(g.allocations > FIRST_PAGE);
        look(&g);
        /* All that it took was new: the other one's pages are still to come, and come. */
        assert_int_equal(zone_of(&g.f).total_pages, 2 * EACH);
        assert_int_equal(zone_of(&g.f).free_pages, EACH - 1);
        assert_int_equal(g.one[2].calls, 0);
        end(&g.one[0]);
        assert_int_equal(g.one[2].calls, 1);
        assert_int_equal(g.one[2].error, 0);
        assert_int_equal(g.lost + g.strangers, 0);
        end(&g.one[1]);
        end(&g.one[2]);
        close_growth(&g);
    }
}

/* The same, but the memory does not come back: it queues behind the other, and keeps nothing. */
static void queue_and_no_more(struct growth *g)
{
    queue_meanwhile(g);
    no_more_pages(&g->f, true);
}

static void test_load_that_cannot_grow_queues_behind(void **state)
{
    struct growth g;
    size_t pages;

    (void)state;
    open_growth(&g, BOUNCE, 1);
    assert_int_equal(start(&g.one[0], 2, 0), 0);
    pages = model_pages_in_use(g.f.m);
    g.when = FIRST_PAGE + 2;
    g.meanwhile = queue_and_no_more;
    assert_int_equal(start(&g.one[1], EACH, 0), UDMAR_EINPROGRESS);
    look(&g);
    assert_ptr_equal(g.queue[0], &g.one[2]);
    assert_int_equal(zone_of(&g.f).total_pages, EACH);
    assert_int_equal(model_pages_in_use(g.f.m), pages);
    end(&g.one[0]);
    assert_int_equal(g.one[2].calls, 1);
    assert_int_equal(g.one[1].calls, 0);
    end(&g.one[2]);
    assert_int_equal(g.one[1].calls, 1);
    assert_int_equal(g.lost + g.strangers, 0);
    end(&g.one[1]);
    close_growth(&g);
}

/* Nobody waits: what a load has got in vain stays for the next one. */
static void no_more(struct growth *g)
{
    no_more_pages(&g->f, true);
}

static void test_pages_in_vain_stay(void **state)
{
    struct growth g;

    (void)state;
    open_growth(&g, BOUNCE, 1);
    assert_int_equal(start(&g.one[0], EACH, 0), 0);
    g.when = FIRST_PAGE + 2;
    g.meanwhile = no_more;
    assert_int_equal(start(&g.one[1], EACH, UDMAR_DMA_NOWAIT), UDMAR_ENOMEM);
    assert_int_equal(zone_of(&g.f).free_pages, 1);
    assert_int_equal(start(&g.one[2], 1, UDMAR_DMA_NOWAIT), 0);
    end(&g.one[0]);
    end(&g.one[2]);
    close_growth(&g);
}

/* ---- Random courses -------------------------------------------------------------------------- */

/* Each processor has maps of its own; the first one has the even ones. */
static void step(struct growth *g, unsigned processor)
{
    struct one *one = &g->one[roll_below(&g->dice, MAPS / 2) * 2 + processor];
    int flags = roll_below(&g->dice, 4) == 0 ? UDMAR_DMA_NOWAIT : 0;

    if (one->loaded || (one->waits && roll_below(&g->dice, 8) == 0)) {
        end(one);
    } else if (!one->waits) {
        int result = start(one, 1 + roll_below(&g->dice, EACH), flags);

        g->courses[0] += result == 0;
        g->courses[1] += result == UDMAR_EINPROGRESS;
        g->courses[2] += result == UDMAR_ENOMEM;
        assert_true(result == 0 || result == UDMAR_ENOMEM ||
                    (result == UDMAR_EINPROGRESS && flags == 0));
    }
}

static void some_steps(struct growth *g)
{
    bool none = roll_below(&g->dice, 2) == 0;

    g->courses[3]++;
    no_more_pages(&g->f, roll_below(&g->dice, 3) != 0);
    for (unsigned i = roll_below(&g->dice, 4); i > 0; i--)
        step(g, 1);
    no_more_pages(&g->f, none);
}

static void end_all(struct growth *g)
{
    for (unsigned round = 0; round < 2 * MAPS; round++) {
        for (unsigned i = 0; i < MAPS; i++) {
            if (g->one[i].loaded)
                end(&g->one[i]);
        }
    }
    assert_int_equal(g->queued, 0);
    for (unsigned i = 0; i < MAPS; i++)
        assert_false(g->one[i].waits || g->one[i].loaded);
}

static void courses(const char *tunables)
{
    static struct growth g;
    unsigned seen[4] = { 0 };

    for (unsigned course = 0; course < 60; course++) {
        open_growth(&g, tunables, 1 + course % 2);
        g.dice = course + 1;
        g.meanwhile = some_steps;
        for (unsigned i = 0; i < 60; i++) {
            g.allocations = 0;
            g.when = 1 + roll_below(&g.dice, 6);
            no_more_pages(&g.f, roll_below(&g.dice, 4) == 0);
            step(&g, 0);
            look(&g);
        }
        end_all(&g);
        assert_int_equal(g.strangers, 0);
        assert_int_equal(g.lost, 0);
        for (unsigned i = 0; i < 4; i++)
            seen[i] += g.courses[i];
        close_growth(&g);
    }
    print_message("# loaded %u, waited %u, no memory %u, second processor %u\n", seen[0], seen[1],
                  seen[2], seen[3]);
    for (unsigned i = 0; i < 4; i++)
        assert_true(seen[i] > 20);
}

static void test_courses_of_bouncing(void **state)
{
    (void)state;
    courses(BOUNCE);
}

static void test_courses_of_protected_pages(void **state)
{
    (void)state;
    courses(ASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_that_grows_the_zone_is_served),
        cmocka_unit_test(test_load_that_cannot_grow_queues_behind),
        cmocka_unit_test(test_pages_in_vain_stay),
        cmocka_unit_test(test_courses_of_bouncing),
        cmocka_unit_test(test_courses_of_protected_pages),
    };

    return cmocka_run_group_tests_name("page_pool_growth", tests, NULL, NULL);
}
