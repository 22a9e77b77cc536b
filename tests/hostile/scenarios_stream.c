/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams, watched store by store: of all kinds, in strict and in deferred mode. */
#include "interleave.h"

static void nothing(struct scene *s)
{
    (void)s;
}

static void stream(struct scene *s)
{
    s->status =
        udmar_stream_map(s->f.domain, s->piece, s->pieces, UDMAR_READ_WRITE, UINT64_MAX, &s->iova);
}

static void end_stream(struct scene *s)
{
    s->status = udmar_stream_unmap(s->f.domain, s->iova);
}

static void add_piece(struct scene *s, uint64_t address, uint64_t length)
{
    s->piece[s->pieces++] = (struct udmar_dma_physical){ address, length };
}

/* The ends of each piece, and what is behind a single one. */
static void probe_stream(struct scene *s)
{
    uint64_t iova = s->iova;

    for (unsigned i = 0; i < s->pieces; i++) {
        if (i > 0)
            iova = udmar_stream_next(iova, s->piece[i - 1].length, s->piece[i].address);
        probe_add(s, RID0, iova);
        if (s->piece[i].length > PAGE)
            probe_add(s, RID0, iova + s->piece[i].length - 1);
    }
    if (s->pieces == 1)
        probe_add(s, RID0, iova + s->piece[0].length - 1 + PAGE);
}

/* Once round, to know where it will be, and so that the place is at hand. */
static void once_round(struct scene *s)
{
    stream(s);
    assert_int_equal(s->status, UDMAR_OK);
    end_stream(s);
    assert_int_equal(s->status, UDMAR_OK);
    /* Where this is deferred: given back by two requests, and to the tree by a third. */
    for (unsigned i = 0; i < 3; i++)
        udmar_tick(s->f.instance);
    stream(s);
    assert_int_equal(s->status, UDMAR_OK);
    probe_stream(s);
}

/* The first of all: tables, arenas and caches are made by the call. */
static void never_streamed(struct scene *s)
{
    struct scene other = { .f = s->f };

    add_piece(s, PHYS + 5, 77);
    other.piece[0] = s->piece[0];
    other.pieces = 1;
    stream(&other);
    end_stream(&other);
    assert_int_equal(udmar_device_set_mode(s->f.device[0], UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(udmar_device_set_mode(s->f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    s->f.domain = udmar_device_domain(s->f.device[0]);
    s->iova = other.iova;
    probe_stream(s);
}

static void page_streamed(struct scene *s)
{
    add_piece(s, PHYS + 5, 77);
    once_round(s);
}

static void block_streamed(struct scene *s)
{
    add_piece(s, PHYS + 5, 3 * PAGE);
    add_piece(s, PHYS + MIB(1), PAGE);
    add_piece(s, PHYS + MIB(3), 2 * PAGE);
    once_round(s);
}

static void large_streamed(struct scene *s)
{
    add_piece(s, PHYS, MIB(2));
    once_round(s);
}

/* More than a block, less than a large page. */
static void window_streamed(struct scene *s)
{
    add_piece(s, PHYS + PAGE, 300 * PAGE);
    once_round(s);
}

/* In the order of memory: small ones, a large one, small ones. */
static void mixed_streamed(struct scene *s)
{
    add_piece(s, PHYS + MIB(2) - 3 * PAGE, MIB(2) + 5 * PAGE);
    once_round(s);
}

/* Larger than all windows. */
static void range_streamed(struct scene *s)
{
    add_piece(s, PHYS + MIB(2) - 2 * PAGE, MIB(10) + 3 * PAGE);
    once_round(s);
}

static void ended(struct scene *s)
{
    end_stream(s);
    assert_int_equal(s->status, UDMAR_OK);
}

static void page_ended(struct scene *s)
{
    page_streamed(s);
    ended(s);
}

static void block_ended(struct scene *s)
{
    block_streamed(s);
    ended(s);
}

static void large_ended(struct scene *s)
{
    large_streamed(s);
    ended(s);
}

static void window_ended(struct scene *s)
{
    window_streamed(s);
    ended(s);
}

static void mixed_ended(struct scene *s)
{
    mixed_streamed(s);
    ended(s);
}

static void range_ended(struct scene *s)
{
    range_streamed(s);
    ended(s);
}

static void end_and_tick(struct scene *s)
{
    end_stream(s);
    udmar_tick(s->f.instance);
}

static void stream_elsewhere(struct scene *s)
{
    for (unsigned i = 0; i < s->pieces; i++)
        s->piece[i].address += MIB(64);
    if (s->status == UDMAR_OK)
        stream(s);
}

/* Other memory: what was there before must not be met in its place. */
static void end_and_stream(struct scene *s)
{
    end_stream(s);
    stream_elsewhere(s);
}

static void end_tick_and_stream(struct scene *s)
{
    end_and_tick(s);
    udmar_tick(s->f.instance);
    stream_elsewhere(s);
}

/* No address is used again before the unit has forgotten what was there. */
static void new_alone(struct scene *s)
{
    struct model_translation seen = model_translate_cached(s->f.m, 0, RID0, s->iova, true);

    assert_int_equal(seen.result, MODEL_OK);
    assert_int_equal(seen.physical, s->piece[0].address);
}

const struct scenario stream_scenarios[] = {
    { .name = "first stream", .prepare = never_streamed, .act = stream, .finish = ended },
    { .name = "stream: page", .prepare = page_ended, .act = stream, .finish = ended },
    { .name = "end of a stream: page",
      .prepare = page_streamed,
      .act = end_stream,
      .finish = nothing },
    { .name = "stream in its place: page",
      .prepare = page_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true },
    { .name = "stream: block",
      .prepare = block_ended,
      .act = stream,
      .finish = ended,
      .heavy = true },
    { .name = "end of a stream: block",
      .prepare = block_streamed,
      .act = end_stream,
      .finish = nothing },
    { .name = "stream in its place: block",
      .prepare = block_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .heavy = true },
    { .name = "stream: large", .prepare = large_ended, .act = stream, .finish = ended },
    { .name = "end of a stream: large",
      .prepare = large_streamed,
      .act = end_stream,
      .finish = nothing },
    { .name = "stream in its place: large",
      .prepare = large_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .heavy = true },
    { .name = "stream: window",
      .prepare = window_ended,
      .act = stream,
      .finish = ended,
      .heavy = true },
    { .name = "end of a stream: window",
      .prepare = window_streamed,
      .act = end_stream,
      .finish = nothing,
      .heavy = true },
    { .name = "stream in its place: window",
      .prepare = window_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .heavy = true },
    { .name = "stream: mixed",
      .prepare = mixed_ended,
      .act = stream,
      .finish = ended,
      .heavy = true },
    { .name = "end of a stream: mixed",
      .prepare = mixed_streamed,
      .act = end_stream,
      .finish = nothing,
      .heavy = true },
    { .name = "stream in its place: mixed",
      .prepare = mixed_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .heavy = true },
    { .name = "stream: range",
      .prepare = range_ended,
      .act = stream,
      .finish = ended,
      .heavy = true },
    { .name = "end of a stream: range",
      .prepare = range_streamed,
      .act = end_stream,
      .finish = nothing,
      .heavy = true },
    { .name = "stream in its place: range",
      .prepare = range_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .heavy = true },
    { .name = "deferred end: page",
      .prepare = page_streamed,
      .act = end_stream,
      .finish = nothing,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "deferred end and tick: page",
      .prepare = page_streamed,
      .act = end_and_tick,
      .finish = nothing,
      .lazy = true },
    { .name = "deferred stream in its place: page",
      .prepare = page_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .deferred = true },
    { .name = "stream after a tick: page",
      .prepare = page_streamed,
      .act = end_tick_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true },
    { .name = "deferred end: block",
      .prepare = block_streamed,
      .act = end_stream,
      .finish = nothing,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "deferred end and tick: block",
      .prepare = block_streamed,
      .act = end_and_tick,
      .finish = nothing,
      .lazy = true,
      .heavy = true },
    { .name = "deferred stream in its place: block",
      .prepare = block_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "stream after a tick: block",
      .prepare = block_streamed,
      .act = end_tick_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .heavy = true },
    { .name = "deferred end: large",
      .prepare = large_streamed,
      .act = end_stream,
      .finish = nothing,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "deferred end and tick: large",
      .prepare = large_streamed,
      .act = end_and_tick,
      .finish = nothing,
      .lazy = true,
      .heavy = true },
    { .name = "deferred stream in its place: large",
      .prepare = large_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "stream after a tick: large",
      .prepare = large_streamed,
      .act = end_tick_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true },
    { .name = "deferred end: mixed",
      .prepare = mixed_streamed,
      .act = end_stream,
      .finish = nothing,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "deferred end and tick: mixed",
      .prepare = mixed_streamed,
      .act = end_and_tick,
      .finish = nothing,
      .lazy = true,
      .heavy = true },
    { .name = "deferred stream in its place: mixed",
      .prepare = mixed_streamed,
      .act = end_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .deferred = true,
      .heavy = true },
    { .name = "stream after a tick: mixed",
      .prepare = mixed_streamed,
      .act = end_tick_and_stream,
      .after = new_alone,
      .finish = ended,
      .may_block = true,
      .lazy = true,
      .heavy = true },
};
const unsigned stream_scenario_count = sizeof(stream_scenarios) / sizeof(stream_scenarios[0]);
