/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public interface as a list of things that can fail: loads that wait for bounce pages.
 *
 * One map has all pages of the zone, loads of others wait for them. How long is up to unit and
 * host, but each load that waits is told exactly once, or never when it is called off.
 */
#include <string.h>

#include "inject.h"

#define ODD      8u /* offset that the tag's alignment forbids */
#define LENGTH   100u
#define NOT_TOLD (-1)

enum { HOLDER, WAITER, LAST };

/* ---- The host's memory ----------------------------------------------------------------------- */

/* All that the host has: a zone does not grow any more. */
static void take_pages(struct trial *t)
{
    for (size_t count = 128; count > 0; count /= 2) {
        while (udmar_host_page_alloc(t->f.m, count, UINT64_MAX, false,
                                     &t->taken[t->taken_blocks].page)) {
            t->taken[t->taken_blocks++].count = count;
            assert_true(t->taken_blocks < TAKEN);
        }
    }
}

static void give_pages(struct trial *t)
{
    while (t->taken_blocks > 0) {
        t->taken_blocks--;
        udmar_host_page_free(t->f.m, &t->taken[t->taken_blocks].page,
                             t->taken[t->taken_blocks].count);
    }
}

/* ---- Loads ----------------------------------------------------------------------------------- */

static void lock(void *argument, enum udmar_dma_lock_op op)
{
    struct trial *t = argument;

    assert_true(t->locked == (op == UDMAR_DMA_UNLOCK));
    t->locked = !t->locked;
}

static void take(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct trial_load *load = argument;

    load->calls++;
    load->error = error;
    load->iova = error == 0 && count > 0 ? segments[0].ds_addr : 0;
    load->locked = load->t->locked;
}

static uint8_t *bytes_of(const struct trial *t, unsigned which)
{
    return t->buffer + which * PAGE + ODD;
}

static struct trial_load *fresh_load(struct trial *t, unsigned which)
{
    struct trial_load *load = &t->load[which];

    load->t = t;
    load->calls = 0;
    load->error = NOT_TOLD;
    return load;
}

/* Of one page that something has to stand in for. */
static int begin(struct trial *t, unsigned which)
{
    struct trial_load *load = fresh_load(t, which);

    return udmar_dmamap_load(t->tag, load->map, bytes_of(t, which), LENGTH, take, load, 0);
}

/* ... of two. */
static int begin_two(struct trial *t, unsigned which)
{
    struct trial_load *load = fresh_load(t, which);
    struct udmar_dma_physical list[2];
    size_t length = 1;

    for (unsigned i = 0; i < 2; i++) {
        list[i].address = udmar_host_virtual_to_physical(t->f.m, bytes_of(t, which + i), &length);
        list[i].length = LENGTH / 2;
    }
    return udmar_dmamap_load_physical(t->tag, load->map, list, 2, take, load, 0);
}

static void end(struct trial *t, unsigned which)
{
    udmar_dmamap_unload(t->tag, t->load[which].map);
}

static void must_begin(struct trial *t, unsigned which)
{
    assert_int_equal(begin(t, which), 0);
    assert_int_equal(t->load[which].error, 0);
}

static void must_wait(struct trial *t, unsigned which, int error)
{
    assert_int_equal(error, UDMAR_EINPROGRESS);
    assert_int_equal(t->load[which].calls, 0);
}

static bool is_loaded(const struct trial *t, unsigned which)
{
    int count;

    return udmar_dmamap_segments(t->load[which].map, &count) != NULL;
}

static bool device_reads(struct trial *t, unsigned which)
{
    udmar_dmamap_sync(t->tag, t->load[which].map, UDMAR_DMA_SYNC_PREWRITE);
    return device_sees(&t->f, RID0, t->load[which].iova, bytes_of(t, which), LENGTH);
}

/*
 * A load that has waited: told once, under the tag's lock, and what it was told is so. The page
 * that it got must be nobody's any more, also in the unit's caches.
 */
static enum answer outcome(struct trial *t, unsigned which)
{
    const struct trial_load *load = &t->load[which];
    enum answer answer;

    if (load->calls == 0)
        return NO_ANSWER;
    if (load->calls != 1 || !load->locked || t->locked)
        return UNDOCUMENTED;
    answer = answer_of_busdma(load->error);
    if (is_loaded(t, which) != (answer == DONE))
        return UNDOCUMENTED;
    if (answer == DONE && (model_cache_stale(t->f.u) != 0 || !device_reads(t, which)))
        return UNDOCUMENTED;
    return answer;
}

/* The same where nothing allows that it waits any longer. */
static enum answer last_outcome(struct trial *t, unsigned which)
{
    enum answer answer = outcome(t, which);

    return answer == NO_ANSWER ? UNDOCUMENTED : answer;
}

/* After one that has failed. */
static enum answer load_again(struct trial *t, unsigned which)
{
    int error = begin(t, which);
    enum answer answer = answer_of_busdma(error != 0 ? error : t->load[which].error);

    return answer == DONE && !device_reads(t, which) ? UNDOCUMENTED : answer;
}

/* ---- Scenes ---------------------------------------------------------------------------------- */

static void tag_and_maps(struct trial *t, uint64_t alignment, uint64_t lowaddr, uint64_t maxsize,
                         unsigned where)
{
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(t->f.device[0]), alignment, 0,
                                          lowaddr, UINT64_MAX, NULL, NULL, maxsize, 4, UINT64_MAX,
                                          0, lock, t, &t->tag),
                     0);
    t->buffer = model_buffer_alloc(t->f.m, 3 * PAGE, where | MODEL_SCATTERED, 0);
    fill_pattern(t->buffer, 3 * PAGE, 5);
    t->load[HOLDER].map = new_map(t->tag);
    take_pages(t);
    t->load[WAITER].map = new_map(t->tag);
    t->load[LAST].map = new_map(t->tag);
    give_pages(t);
}

static void maps_gone(struct trial *t)
{
    give_pages(t);
    for (unsigned i = 0; i < 3; i++) {
        if (is_loaded(t, i))
            end(t, i);
        drop_map(t->tag, t->load[i].map);
    }
    drop_tag(t->tag);
    model_buffer_free(t->f.m, t->buffer);
}

/* The holder has the zone's one page, and the other has to wait for it. */
static void let_wait(struct trial *t)
{
    if (t->load[HOLDER].map == NULL)
        t->load[HOLDER].map = new_map(t->tag);
    must_begin(t, HOLDER);
    take_pages(t);
    must_wait(t, WAITER, begin(t, WAITER));
    give_pages(t);
    t->waits = true;
}

static void one_waits(struct trial *t)
{
    tag_and_maps(t, 64, UINT64_MAX, 2 * PAGE, 0);
    let_wait(t);
}

static void one_waits_gone(struct trial *t)
{
    end(t, WAITER);
    maps_gone(t);
}

/* Without translation, where the device does not reach the buffer. */
static void one_waits_out_of_reach(struct trial *t)
{
    assert_int_equal(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_BOUNCE), UDMAR_OK);
    t->f.domain = udmar_device_domain(t->f.device[0]);
    tag_and_maps(t, 1, UINT32_MAX, LENGTH, MODEL_HIGH);
    let_wait(t);
}

static void in_reach_again(struct trial *t)
{
    one_waits_gone(t);
    assert_int_equal(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    t->f.domain = udmar_device_domain(t->f.device[0]);
}

/* ---- A load comes to wait -------------------------------------------------------------------- */

static void none_left(struct trial *t)
{
    tag_and_maps(t, 64, UINT64_MAX, 2 * PAGE, 0);
    must_begin(t, HOLDER);
    take_pages(t);
}

static enum answer come_to_wait(struct trial *t)
{
    int error = begin(t, WAITER);

    if (error == UDMAR_EINPROGRESS)
        return t->load[WAITER].calls == 0 ? DONE : UNDOCUMENTED;
    /* A load that may wait, and cannot, tells its callback and nobody else. */
    return error == 0 && t->load[WAITER].error == UDMAR_ENOMEM ? NO_MEMORY : UNDOCUMENTED;
}

static void call_off(struct trial *t)
{
    end(t, WAITER);
    assert_int_equal(t->load[WAITER].calls, 0);
}

/* ---- ... and gets its pages ------------------------------------------------------------------ */

/* After a failure all of it begins again. */
static void wait_for(struct trial *t)
{
    if (!t->waits)
        let_wait(t);
    t->waits = false;
}

static enum answer serve(struct trial *t)
{
    wait_for(t);
    end(t, HOLDER);
    return outcome(t, WAITER);
}

/*
 * The page whose unload was not confirmed comes back with its map's next load, and goes to the one
 * that waited first: now the map waits.
 */
static enum answer serve_late(struct trial *t)
{
    int error;

    if (t->load[WAITER].calls != 0)
        return load_again(t, WAITER);
    take_pages(t);
    error = begin(t, HOLDER);
    give_pages(t);
    if (error != UDMAR_EINPROGRESS)
        return UNDOCUMENTED;
    end(t, HOLDER);
    return t->load[HOLDER].calls == 0 ? last_outcome(t, WAITER) : UNDOCUMENTED;
}

static void wait_again(struct trial *t)
{
    end(t, WAITER);
    let_wait(t);
}

/* ---- New pages ------------------------------------------------------------------------------- */

static void one_waits_and_no_more_maps(struct trial *t)
{
    one_waits_out_of_reach(t);
    drop_map(t->tag, t->load[LAST].map);
    t->load[LAST].map = NULL;
}

/*
 * A map that brings pages: whoever waits gets them first. Where a host has none to give the map is
 * made all the same, and the other waits on, or is told that there is no memory.
 */
static enum answer create_and_serve(struct trial *t)
{
    int error = udmar_dmamap_create(t->tag, 0, &t->load[LAST].map);
    enum answer answer = outcome(t, WAITER);

    if (error != 0)
        return answer == NO_ANSWER ? answer_of_busdma(error) : UNDOCUMENTED;
    if (answer == DONE || answer == UNDOCUMENTED)
        return answer;
    return model_host_calls_failed(t->f.m) != 0 ? DONE : UNDOCUMENTED;
}

/* The zone keeps its pages, so it ends. */
static void all_anew(struct trial *t)
{
    in_reach_again(t);
    one_waits_and_no_more_maps(t);
}

/* ---- The map that has the pages ends --------------------------------------------------------- */

/* Its pages come back, or are lost: nobody waits for them for ever. */
static enum answer end_holder(struct trial *t)
{
    wait_for(t);
    end(t, HOLDER);
    if (udmar_dmamap_destroy(t->tag, t->load[HOLDER].map) != 0)
        return UNDOCUMENTED;
    t->load[HOLDER].map = NULL;
    return last_outcome(t, WAITER);
}

static enum answer load_waiter(struct trial *t)
{
    return load_again(t, WAITER);
}

/* ---- Calling off ----------------------------------------------------------------------------- */

static enum answer call_off_now(struct trial *t)
{
    call_off(t);
    return DONE;
}

static void wait_once_more(struct trial *t)
{
    end(t, HOLDER);
    let_wait(t);
}

/* A map that waits does not go; when it has been called off it does. */
static enum answer destroy_waiter(struct trial *t)
{
    if (udmar_dmamap_destroy(t->tag, t->load[WAITER].map) != UDMAR_EBUSY)
        return UNDOCUMENTED;
    call_off(t);
    return answer_of_busdma(udmar_dmamap_destroy(t->tag, t->load[WAITER].map));
}

static void waiter_again(struct trial *t)
{
    t->load[WAITER].map = new_map(t->tag);
    wait_once_more(t);
}

/* Two pages, one of them free: who needs both holds up who needs one. */
static void let_two_wait(struct trial *t)
{
    if (!is_loaded(t, HOLDER))
        must_begin(t, HOLDER);
    take_pages(t);
    must_wait(t, WAITER, begin_two(t, WAITER));
    must_wait(t, LAST, begin(t, LAST));
    give_pages(t);
    t->waits = true;
}

static void two_wait(struct trial *t)
{
    tag_and_maps(t, 64, UINT64_MAX, 2 * PAGE, 0);
    assert_int_equal(begin_two(t, WAITER), 0);
    end(t, WAITER);
    let_two_wait(t);
}

static enum answer call_off_first(struct trial *t)
{
    if (!t->waits)
        let_two_wait(t);
    t->waits = false;
    call_off(t);
    return last_outcome(t, LAST);
}

static enum answer load_last(struct trial *t)
{
    return load_again(t, LAST);
}

static void two_wait_again(struct trial *t)
{
    end(t, LAST);
    let_two_wait(t);
}

static void two_wait_gone(struct trial *t)
{
    end(t, LAST);
    one_waits_gone(t);
}

/* ---- A thread of its own --------------------------------------------------------------------- */

static void wake(void *argument)
{
    struct trial *t = argument;

    t->wakes++;
}

/* The pages are there, and nobody has told the load yet. */
static void let_be_ready(struct trial *t)
{
    let_wait(t);
    t->wakes = 0;
    end(t, HOLDER);
    assert_int_equal(t->wakes, 1);
    assert_int_equal(t->load[WAITER].calls, 0);
}

static void one_is_ready(struct trial *t)
{
    tag_and_maps(t, 64, UINT64_MAX, 2 * PAGE, 0);
    udmar_dma_on_waiting(t->f.instance, wake, t);
    let_be_ready(t);
}

static enum answer run(struct trial *t)
{
    if (!t->waits)
        let_be_ready(t);
    t->waits = false;
    udmar_dma_run_waiting(t->f.instance);
    return last_outcome(t, WAITER);
}

static void ready_again(struct trial *t)
{
    end(t, WAITER);
    let_be_ready(t);
}

/* Its pages go back when the thread comes, until then the map is busy. */
static enum answer call_off_ready(struct trial *t)
{
    call_off(t);
    if (begin(t, WAITER) != UDMAR_EBUSY ||
        udmar_dmamap_destroy(t->tag, t->load[WAITER].map) != UDMAR_EBUSY)
        return UNDOCUMENTED;
    udmar_dma_run_waiting(t->f.instance);
    return t->load[WAITER].calls == 0 && !is_loaded(t, WAITER) ? DONE : UNDOCUMENTED;
}

static void one_is_ready_gone(struct trial *t)
{
    end(t, WAITER);
    udmar_dma_run_waiting(t->f.instance);
    udmar_dma_on_waiting(t->f.instance, NULL, NULL);
    maps_gone(t);
}

const struct operation deferred_operations[] = {
    { .name = "load that has to wait",
      .prepare = none_left,
      .act = come_to_wait,
      .undo = call_off,
      .finish = maps_gone,
      .fresh = true },
    { .name = "unload what a load waits for",
      .prepare = one_waits,
      .act = serve,
      .undo = wait_again,
      .finish = one_waits_gone,
      .retry = serve_late,
      .changes_on_failure = true,
      .fresh = true },
    { .name = "unload a block that a load waits for",
      .prepare = one_waits,
      .act = serve,
      .undo = wait_again,
      .finish = one_waits_gone,
      .retry = serve_late,
      .window_limit = PAGE,
      .changes_on_failure = true,
      .moves = true },
    { .name = "unload what a load waits for, deferred mode",
      .prepare = one_waits,
      .act = serve,
      .undo = wait_again,
      .finish = one_waits_gone,
      .retry = serve_late,
      .changes_on_failure = true,
      .lazy = true,
      .moves = true },
    { .name = "unload a block that a load waits for, deferred mode",
      .prepare = one_waits,
      .act = serve,
      .undo = wait_again,
      .finish = one_waits_gone,
      .retry = serve_late,
      .window_limit = PAGE,
      .changes_on_failure = true,
      .lazy = true,
      .moves = true },
    { .name = "unload what a load out of reach waits for",
      .prepare = one_waits_out_of_reach,
      .act = serve,
      .undo = wait_again,
      .finish = in_reach_again,
      .retry = serve_late,
      .changes_on_failure = true,
      .fresh = true },
    { .name = "create a map that brings pages",
      .prepare = one_waits_and_no_more_maps,
      .act = create_and_serve,
      .undo = all_anew,
      .finish = in_reach_again },
    { .name = "destroy the map that a load waits for",
      .prepare = one_waits,
      .act = end_holder,
      .undo = wait_again,
      .finish = one_waits_gone,
      .retry = load_waiter,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "call off a load that waits",
      .prepare = one_waits,
      .act = call_off_now,
      .undo = wait_once_more,
      .finish = one_waits_gone },
    { .name = "destroy a map that waits",
      .prepare = one_waits,
      .act = destroy_waiter,
      .undo = waiter_again,
      .finish = one_waits_gone },
    { .name = "call off a load that another waits behind",
      .prepare = two_wait,
      .act = call_off_first,
      .undo = two_wait_again,
      .finish = two_wait_gone,
      .retry = load_last,
      .changes_on_failure = true,
      .fresh = true },
    { .name = "run deferred loads",
      .prepare = one_is_ready,
      .act = run,
      .undo = ready_again,
      .finish = one_is_ready_gone,
      .retry = load_waiter,
      .changes_on_failure = true,
      .fresh = true },
    { .name = "run deferred loads, blocks",
      .prepare = one_is_ready,
      .act = run,
      .undo = ready_again,
      .finish = one_is_ready_gone,
      .retry = load_waiter,
      .window_limit = PAGE,
      .changes_on_failure = true,
      .moves = true },
    { .name = "call off a load that has its pages",
      .prepare = one_is_ready,
      .act = call_off_ready,
      .undo = let_be_ready,
      .finish = one_is_ready_gone },
};
const unsigned deferred_operation_count =
    sizeof(deferred_operations) / sizeof(deferred_operations[0]);
