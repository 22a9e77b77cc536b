/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments against a naive reference: for random tags, buffers and lists everything that busdma(9)
 * promises is checked one by one, through accesses of the device, for both back ends.
 *
 * The reference knows nothing of windows and zones: it takes the bytes that were loaded, in order,
 * and asks whether the segments are a legal way to tell a device about them.
 */
#include <string.h>

#include "fixture/fixture.h"

#define MOST_PIECES 24u
#define ROUNDS      400u

static struct loaded result;

struct part {
    uint8_t *at;
    size_t length;
};

/* What is loaded, byte by byte as the processor sees it. */
struct subject {
    uint8_t *buffer; /* one area; pieces are parts of it */
    size_t size;
    unsigned pieces; /* 0: the buffer, from `offset` on */
    struct part piece[MOST_PIECES];
    uint64_t length; /* in all */
};

struct scene {
    struct fixture f;
    uint32_t random;
    bool translates;
    bool subpage;
    bool deferred;
};

/* What drivers have, and what nobody has. */
static uint64_t random_maxsegsz(uint32_t *r)
{
    switch (roll_below(r, 6)) {
    case 0:
        return 512 + roll_below(r, 4000);
    case 1:
        return PAGE;
    case 2:
        return PAGE << roll_below(r, 5);
    case 3:
        return 2048u + roll_below(r, 70000);
    default:
        return UINT64_MAX;
    }
}

static void random_limits(struct scene *s, struct limits *out)
{
    uint32_t *r = &s->random;

    *out = (struct limits){
        .alignment = UINT64_C(1) << roll_below(r, roll_below(r, 2) ? 4
                                                  : s->translates  ? 15
                                                                   : 14),
        .boundary = roll_below(r, 2) ? UINT64_C(1) << (11 + roll_below(r, 9)) : 0,
        .lowaddr = roll_below(r, 2) ? UINT64_C(0xffffffff) >> roll_below(r, 3) : UINT64_MAX,
        .highaddr = UINT64_MAX,
        .maxsize = 1 + roll_below(r, 100000),
        .maxsegsz = random_maxsegsz(r),
        .nsegments = roll_below(r, 3) ? 512 : 1 + (int)roll_below(r, 12),
    };
    if (roll_below(r, 2))
        out->alignment = 1;
}

/* A buffer, or pieces of one in random order, none of them twice. */
static void random_subject(struct scene *s, const struct limits *limits, struct subject *out)
{
    uint32_t *r = &s->random;
    unsigned flags = (roll_below(r, 2) ? MODEL_SCATTERED : MODEL_CONTIGUOUS) |
                     (roll_below(r, 2) ? MODEL_HIGH : MODEL_LOW);
    size_t offset = roll_below(r, 3) ? 0 : roll_below(r, 4096);
    size_t step;

    out->length = 1 + roll_below(r, (uint32_t)limits->maxsize);
    out->size = (size_t)out->length;
    out->pieces = roll_below(r, 2) ? 0 : 1 + roll_below(r, MOST_PIECES);
    out->buffer = model_buffer_alloc(s->f.m, out->size, flags, offset);
    fill_pattern(out->buffer, out->size, roll(r));
    step = out->pieces == 0 ? 0 : out->size / out->pieces;
    if (step == 0) {
        out->pieces = 0;
        return;
    }
    out->length = 0;
    for (unsigned i = 0; i < out->pieces; i++) {
        size_t skip = roll_below(r, 3) ? 0 : roll_below(r, (uint32_t)step);

        out->piece[i].at = out->buffer + i * step + skip;
        out->piece[i].length = step - skip;
        out->length += step - skip;
    }
    for (unsigned swaps = roll_below(r, 3) * out->pieces; swaps > 0; swaps--) {
        unsigned a = roll_below(r, out->pieces), b = roll_below(r, out->pieces);
        struct part saved = out->piece[a];

        out->piece[a] = out->piece[b];
        out->piece[b] = saved;
    }
}

/* The n-th byte of what was loaded. */
static uint8_t *byte_of(const struct subject *subject, uint64_t n)
{
    if (subject->pieces == 0)
        return subject->buffer + n;
    for (unsigned i = 0; i < subject->pieces; i++) {
        if (n < subject->piece[i].length)
            return subject->piece[i].at + n;
        n -= subject->piece[i].length;
    }
    fail();
    return NULL;
}

struct feed {
    const struct subject *subject;
    unsigned next;
    struct scene *scene;
    size_t done; /* of a piece that goes page by page */
};

/* Every other piece as physical memory, page by page. */
static bool feed(void *context, struct udmar_dma_piece *out_piece)
{
    struct feed *f = context;
    const struct subject *s = f->subject;

    if (f->next == s->pieces)
        return false;
    *out_piece = (struct udmar_dma_piece){
        .buffer = s->piece[f->next].at,
        .length = s->piece[f->next].length,
    };
    if ((f->next & 1) != 0 && out_piece->length > 0) {
        uint8_t *at = s->piece[f->next].at + f->done;
        size_t length = s->piece[f->next].length - f->done;
        uint64_t physical = udmar_host_virtual_to_physical(f->scene->f.m, at, &length);

        *out_piece = (struct udmar_dma_piece){
            .physical = physical,
            .length = length,
            .is_physical = true,
        };
        f->done += length;
        if (f->done < s->piece[f->next].length)
            return true;
    }
    f->done = 0;
    f->next++;
    return true;
}

/* One piece of a load that grows, in one of the three forms. */
static int add(struct scene *s, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
               const struct part *part, struct udmar_dma_segment *segments, int *last)
{
    struct subject one = { .pieces = 1, .piece = { *part } };
    struct feed context = { .subject = &one, .scene = s };
    size_t run = part->length;
    uint64_t physical = udmar_host_virtual_to_physical(s->f.m, part->at, &run);
    int flags = UDMAR_DMA_NOWAIT | (roll_below(&s->random, 2) ? UDMAR_DMA_MORE : 0);

    switch (roll_below(&s->random, 3)) {
    case 0:
        return udmar_dmamap_add_buffer(tag, map, part->at, part->length, segments, last, flags);
    case 1:
        if (run == part->length)
            return udmar_dmamap_add_physical(tag, map, physical, run, segments, last, flags);
        __attribute__((fallthrough));
    default:
        return udmar_dmamap_add(tag, map, feed, &context, segments, last, flags);
    }
}

/* All pieces, one after the other; told as a callback would tell it. */
static int grow(struct scene *s, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                const struct subject *subject)
{
    bool own = roll_below(&s->random, 2);
    int last = -1;
    int error = 0;

    for (unsigned i = 0; i < subject->pieces && error == 0; i++) {
        int before = last;

        error = add(s, tag, map, &subject->piece[i], own ? NULL : result.segment, &last);
        assert_true(error == 0 ? last >= before : last == before);
    }
    if (error == 0)
        error = udmar_dmamap_complete(tag, map);
    if (error == 0) {
        struct udmar_dma_segment *segments = udmar_dmamap_segments(map, NULL);

        if (own)
            memcpy(result.segment, segments, (size_t)(last + 1) * sizeof(*segments));
    } else {
        udmar_dmamap_unload(tag, map);
    }
    result.calls = 1;
    result.error = error;
    result.count = error == 0 ? last + 1 : 0;
    return error == UDMAR_EFBIG ? 0 : error;
}

static int load(struct scene *s, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                const struct subject *subject)
{
    struct feed context = { .subject = subject, .scene = s };

    result.calls = 0;
    result.count = -1;
    result.error = -1;
    if (subject->pieces == 0)
        return udmar_dmamap_load(tag, map, subject->buffer, subject->length, note_loaded, &result,
                                 UDMAR_DMA_NOWAIT);
    if (roll_below(&s->random, 2))
        return grow(s, tag, map, subject);
    return udmar_dmamap_load_each(tag, map, feed, &context, note_loaded, &result, UDMAR_DMA_NOWAIT);
}

/* ---- The reference --------------------------------------------------------------------------- */

/* What the alignment asks of lengths: FreeBSD rounds those of bounced parts up to it. */
static uint64_t length_unit(const struct limits *limits, uint64_t maxsegsz)
{
    uint64_t most = limits->alignment < PAGE ? limits->alignment : PAGE;

    return most <= maxsegsz ? most : 1;
}

/* The limits, each by itself. */
static void check_limits(const struct limits *limits, const struct subject *subject)
{
    uint64_t maxsegsz = limits->maxsegsz;
    uint64_t sum = 0;

    if (limits->boundary != 0 && limits->boundary < maxsegsz)
        maxsegsz = limits->boundary;
    assert_true(result.count >= 1 && result.count <= limits->nsegments);
    for (int i = 0; i < result.count; i++) {
        uint64_t first = result.segment[i].ds_addr, size = result.segment[i].ds_len;
        uint64_t last = first + size - 1;
        bool cut = i > 0 && first == result.segment[i - 1].ds_addr + result.segment[i - 1].ds_len;

        assert_true(size > 0 && size <= maxsegsz);
        if (limits->boundary != 0)
            assert_int_equal(first / limits->boundary, last / limits->boundary);
        assert_true(last <= limits->lowaddr || first > limits->highaddr);
        /* A cut is aligned, too, where there is room for it. */
        if (!cut || (limits->alignment <= maxsegsz && limits->alignment <= PAGE))
            assert_int_equal(first & (limits->alignment - 1) & (PAGE - 1), 0);
        /* Nor has a buffer a segment but the last whose length is none. */
        if (subject->pieces == 0 && i < result.count - 1)
            assert_int_equal(size % length_unit(limits, maxsegsz), 0);
        sum += size;
    }
    assert_int_equal(result.segment[0].ds_addr & (limits->alignment - 1), 0);
    assert_int_equal(sum, subject->length);
}

static bool moves(struct scene *s, uint64_t at, uint8_t *data, size_t size, bool write)
{
    enum model_result done = model_dma(s->f.m, 0, RID0, at, data, size, write);

    return done == MODEL_OK || done == MODEL_BYPASSED;
}

/* The device reads what the processor has, and the processor gets what the device writes. */
static void check_bytes(struct scene *s, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                        const struct subject *subject)
{
    static uint8_t data[131072];
    uint64_t n = 0;

    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
    for (int i = 0; i < result.count; i++) {
        uint64_t size = result.segment[i].ds_len;

        assert_true(moves(s, result.segment[i].ds_addr, data, (size_t)size, false));
        for (uint64_t k = 0; k < size; k++, n++)
            assert_int_equal(data[k], *byte_of(subject, n));
    }
    for (int i = 0; i < result.count; i++) {
        fill_pattern(data, (size_t)result.segment[i].ds_len, (unsigned)i + 5);
        assert_true(
            moves(s, result.segment[i].ds_addr, data, (size_t)result.segment[i].ds_len, true));
    }
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD | UDMAR_DMA_SYNC_POSTWRITE);
    n = 0;
    for (int i = 0; i < result.count; i++) {
        fill_pattern(data, (size_t)result.segment[i].ds_len, (unsigned)i + 5);
        for (uint64_t k = 0; k < result.segment[i].ds_len; k++, n++)
            assert_int_equal(data[k], *byte_of(subject, n));
    }
}

/*
 * What FreeBSD's bounce code makes of memory that is contiguous where the device sees it: chunks
 * that end with their page, with maxsegsz, or at the boundary; a chunk joins the segment before it
 * where the whole of it fits. Written from its rule, chunk by chunk; the library calculates.
 * Chunks within a page end where the next may begin, which FreeBSD leaves to chance.
 */
static int reference_segments(const struct limits *limits, uint64_t at, uint64_t left,
                              struct udmar_dma_segment *out)
{
    uint64_t maxsegsz = limits->maxsegsz, most;
    int count = 0;

    if (limits->boundary != 0 && limits->boundary < maxsegsz)
        maxsegsz = limits->boundary;
    most = maxsegsz;
    if (most < PAGE && limits->alignment < most)
        most -= most % limits->alignment;
    while (left > 0) {
        uint64_t size = PAGE - at % PAGE;
        struct udmar_dma_segment *last = count > 0 ? &out[count - 1] : NULL;

        size = size < left ? size : left;
        size = size > maxsegsz ? most : size;
        if (limits->boundary != 0 && size > limits->boundary - at % limits->boundary)
            size = limits->boundary - at % limits->boundary;
        if (last != NULL && last->ds_len + size <= maxsegsz &&
            (limits->boundary == 0 ||
             last->ds_addr / limits->boundary == (at + size - 1) / limits->boundary)) {
            last->ds_len += size;
        } else {
            out[count].ds_addr = at;
            out[count++].ds_len = size;
        }
        at += size;
        left -= size;
    }
    return count;
}

/* With translation a buffer is one range of guest addresses, cut as FreeBSD would cut it. */
static void check_cuts(const struct limits *limits, const struct subject *subject)
{
    static struct udmar_dma_segment expected[LOADED_SEGMENTS];
    int count = reference_segments(limits, result.segment[0].ds_addr, subject->length, expected);

    /* Beyond a page FreeBSD's chunks are not aligned. */
    if (limits->alignment > PAGE)
        return;
    assert_int_equal(result.count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(result.segment[i].ds_addr, expected[i].ds_addr);
        assert_int_equal(result.segment[i].ds_len, expected[i].ds_len);
    }
}

/* No byte but the subject's own is in reach of the device. */
static void check_hidden(struct scene *s, const struct subject *subject)
{
    uint8_t page[4096];

    for (int i = 0; i < result.count; i++) {
        uint64_t at = result.segment[i].ds_addr & ~(PAGE - 1);
        uint64_t first = result.segment[i].ds_addr - at;

        assert_int_equal(model_dma(s->f.m, 0, RID0, at, page, PAGE, false), MODEL_OK);
        for (uint64_t k = 0; k < PAGE; k++) {
            /* Other segments may share the page when a boundary has cut it. */
            bool own = k >= first && k < first + result.segment[i].ds_len;

            for (int other = 0; other < result.count && !own; other++)
                own = at + k >= result.segment[other].ds_addr &&
                      at + k < result.segment[other].ds_addr + result.segment[other].ds_len;
            if (!own)
                assert_int_equal(page[k], 0);
        }
    }
    (void)subject;
}

/* Is it right that the segments did not suffice? Not where one for each page part would do. */
static void check_too_big(struct scene *s, const struct limits *limits,
                          const struct subject *subject)
{
    uint64_t parts = 0, pieces = subject->pieces == 0 ? 1 : subject->pieces;
    uint64_t maxsegsz = limits->maxsegsz;

    if (limits->boundary != 0 && limits->boundary < maxsegsz)
        maxsegsz = limits->boundary;
    (void)s;
    parts = subject->length / PAGE + 2 * pieces;
    parts += subject->length / maxsegsz + 1;
    if (limits->boundary != 0)
        parts += subject->length / limits->boundary + pieces + 1;
    assert_true((uint64_t)limits->nsegments < parts);
}

static void one_round(struct scene *s)
{
    static struct subject subject;
    struct limits limits;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar_bounce_zone_info zone;
    int error;

    random_limits(s, &limits);
    random_subject(s, &limits, &subject);
    tag = new_tag(&s->f, 0, &limits);
    map = new_map(tag);
    error = load(s, tag, map, &subject);
    assert_int_equal(result.calls, 1);
    assert_int_equal(error, result.error == UDMAR_EFBIG ? 0 : result.error);
    if (result.error == UDMAR_EFBIG) {
        check_too_big(s, &limits, &subject);
    } else {
        assert_int_equal(result.error, 0);
        check_limits(&limits, &subject);
        if (s->subpage)
            check_hidden(s, &subject);
        check_bytes(s, tag, map, &subject);
        if (s->translates && subject.pieces == 0)
            check_cuts(&limits, &subject);
        udmar_dmamap_unload(tag, map);
        if (s->translates && !s->deferred)
            for (int i = 0; i < result.count; i++)
                assert_false(can_read(&s->f, RID0, result.segment[i].ds_addr));
        drain_faults(&s->f);
    }
    for (unsigned i = 0; udmar_bounce_zone_info(s->f.instance, i, &zone); i++)
        assert_int_equal(zone.free_pages, zone.total_pages);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(s->f.m, subject.buffer);
}

static void run(const struct setup *setup, bool translates, bool subpage, uint32_t seed)
{
    struct scene s = {
        .random = seed, .translates = translates, .subpage = subpage, .deferred = setup->ticking
    };
    const struct limits keeper = { .alignment = 64 };
    struct udmar_dma_tag *tag;

    fixture_open(&s.f, setup);
    /* Keeps a zone, so that its pages come back used. */
    tag = new_tag(&s.f, 1, &keeper);
    for (unsigned i = 0; i < ROUNDS; i++)
        one_round(&s);
    drop_tag(tag);
    assert_false(udmar_bounce_zone_info(s.f.instance, 0, &(struct udmar_bounce_zone_info){ 0 }));
    fixture_close(&s.f);
}

static void test_windows(void **state)
{
    (void)state;
    run(&(struct setup){ 0 }, true, false, 1);
}

/* Units that want to be told of new entries, that do not snoop, and that forget late. */
static void test_other_units(void **state)
{
    (void)state;
    run(&(struct setup){ .profile = "cm" }, true, false, 7);
    run(&(struct setup){ .profile = "cm", .window_limit = PAGE }, true, false, 8);
    run(&(struct setup){ .profile = "noncoherent" }, true, false, 9);
    run(&(struct setup){ .tunables = "hw.dmar.strict=0", .ticking = true }, true, false, 10);
}

static void test_ranges(void **state)
{
    (void)state;
    run(&(struct setup){ .window_limit = PAGE }, true, false, 2);
}

static void test_without_direct_map(void **state)
{
    (void)state;
    run(&(struct setup){ .no_direct_map = true, .machine = { .alias_maps = true } }, true, false,
        3);
}

static void test_subpage(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.busdma.subpage=1" }, true, true, 4);
}

static void test_bounce(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.busdma.default=bounce" }, false, false, 5);
}

static void test_bounce_without_direct_map(void **state)
{
    (void)state;
    run(&(struct setup){ .tunables = "hw.busdma.default=identity",
                         .no_direct_map = true,
                         .machine = { .alias_maps = true, .no_virtual = true } },
        false, false, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_other_units),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_without_direct_map),
        cmocka_unit_test(test_subpage),
        cmocka_unit_test(test_bounce),
        cmocka_unit_test(test_bounce_without_direct_map),
    };

    return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
