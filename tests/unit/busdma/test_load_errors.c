/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How errors are told: for each way to load something, what the call returns, whether the callback
 * runs, and with which error. The table of docs/BUSDMA.md.
 */
#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/memdesc.h>

#include "fixture/bounce.h"

#define MAXSIZE (16 * PAGE)

/* ---- The ways to load ------------------------------------------------------------------------ */

struct news {
    int calls, count, error;
};

static void note(void *argument, bus_dma_segment_t *segments, int count, int error)
{
    struct news *news = argument;

    assert_non_null(segments);
    news->calls++;
    news->count = count;
    news->error = error;
}

static void note2(void *argument, bus_dma_segment_t *segments, int count, bus_size_t mapsize,
                  int error)
{
    note(argument, segments, count, error);
    assert_int_equal(error != 0 ? mapsize : 0, 0);
}

/* What is loaded: @pages pages of @memory, or nothing that can be loaded. */
struct what {
    uint8_t *memory;
    uint64_t physical[16];
    unsigned pages;
};

typedef int load_fn(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                    struct news *news);

static int by_load(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                   struct news *news)
{
    return bus_dmamap_load(tag, map, what->memory, what->pages * PAGE, note, news, flags);
}

static struct mbuf mbuf_of(const struct what *what)
{
    return (struct mbuf){ .m_data = (char *)what->memory,
                          .m_len = (int)(what->pages * PAGE),
                          .m_pkthdr.len = (int)(what->pages * PAGE) };
}

static int by_mbuf(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                   struct news *news)
{
    struct mbuf m = mbuf_of(what);

    return bus_dmamap_load_mbuf(tag, map, &m, note2, news, flags);
}

static int by_mbuf_sg(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                      struct news *news)
{
    static bus_dma_segment_t segments[64];
    struct mbuf m = mbuf_of(what);
    int error = bus_dmamap_load_mbuf_sg(tag, map, &m, segments, &news->count, flags);

    assert_true(error == 0 || news->count == 0);
    return error;
}

static int by_uio(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                  struct news *news)
{
    struct udmar_iovec vector = { what->memory, (size_t)(what->pages * PAGE) };
    struct uio uio = { .uio_iov = &vector, .uio_iovcnt = 1, .uio_resid = what->pages * PAGE };

    return bus_dmamap_load_uio(tag, map, &uio, note2, news, flags);
}

static int by_bio(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                  struct news *news)
{
    struct bio bio = { .bio_data = what->memory, .bio_bcount = what->pages * PAGE };

    return bus_dmamap_load_bio(tag, map, &bio, note, news, flags);
}

static int by_mem(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                  struct news *news)
{
    struct memdesc mem = memdesc_vaddr(what->memory, (size_t)(what->pages * PAGE));

    return bus_dmamap_load_mem(tag, map, &mem, note, news, flags);
}

static int by_list(bus_dma_tag_t tag, bus_dmamap_t map, const struct what *what, int flags,
                   struct news *news)
{
    struct udmar_dma_physical list[17];

    for (unsigned i = 0; i < what->pages && i < 17; i++)
        list[i] = (struct udmar_dma_physical){ what->memory == NULL ? UINT64_C(1) << 60
                                                                    : what->physical[i % 16],
                                               PAGE };
    return udmar_dmamap_load_physical(tag, map, list, what->pages, note, news, flags);
}

/* A way, and what is special about it. */
static const struct way {
    const char *name;
    load_fn *load;
    bool callback; /* has one */
    bool direct;   /* returns every error, and never waits */
} ways[] = {
    { "load", by_load, true, false },
    { "load_mbuf", by_mbuf, true, true },
    { "load_mbuf_sg", by_mbuf_sg, false, true },
    { "load_uio", by_uio, true, true },
    { "load_bio", by_bio, true, false },
    { "load_mem", by_mem, true, false },
    { "load_physical", by_list, true, false },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- What is expected ------------------------------------------------------------------------ */

static void expect(const struct way *way, const struct news *news, int returned, int wanted,
                   int error)
{
    int calls = way->callback && wanted != UDMAR_EINPROGRESS;

    if (returned != wanted || news->calls != calls || (calls != 0 && news->error != error) ||
        (error != 0 && news->count != 0))
        fail_msg("%s: returned %d (not %d), %d callbacks (not %d), error %d (not %d)", way->name,
                 returned, wanted, news->calls, calls, news->error, error);
}

struct scene {
    struct fixture f;
    bus_dma_tag_t tag, unlocked, narrow;
    bus_dmamap_t map, unlocked_map, narrow_map, loaded;
    struct what what;
};

static bus_dma_tag_t make(struct scene *s, uint64_t lowaddr, int nsegments, bus_dma_lock_t *locker,
                          bus_dmamap_t *out_map)
{
    bus_dma_tag_t tag;

    assert_int_equal(bus_dma_tag_create(udmar_device_dma_tag(s->f.device[0]), 1, 0, lowaddr,
                                        UINT64_MAX, NULL, NULL, MAXSIZE, nsegments, PAGE, 0, locker,
                                        NULL, &tag),
                     0);
    assert_int_equal(bus_dmamap_create(tag, 0, out_map), 0);
    return tag;
}

static void open_scene(struct scene *s, const char *tunables, uint64_t lowaddr)
{
    const struct setup setup = { .tunables = tunables };

    memset(s, 0, sizeof(*s));
    fixture_open(&s->f, &setup);
    s->tag = make(s, lowaddr, 32, lock, &s->map);
    s->unlocked = make(s, lowaddr, 32, NULL, &s->unlocked_map);
    s->narrow = make(s, lowaddr, 2, lock, &s->narrow_map);
    assert_int_equal(bus_dmamap_create(s->tag, 0, &s->loaded), 0);
    s->what.memory = model_buffer_alloc(s->f.m, MAXSIZE, MODEL_HIGH | MODEL_SCATTERED, 0);
    s->what.pages = 16;
    for (unsigned i = 0; i < 16; i++)
        s->what.physical[i] = physical_of(&s->f, s->what.memory + i * PAGE);
}

static void close_scene(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_map(s->tag, s->loaded);
    drop(s->unlocked, s->unlocked_map);
    drop(s->narrow, s->narrow_map);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->what.memory);
    fixture_close(&s->f);
}

static const char *const modes[] = { "", BOUNCE, ASKED, "hw.dmar.strict=0" };
static const int all_flags[] = { 0, BUS_DMA_NOWAIT, BUS_DMA_NOWRITE };

static void each(const char *tunables, void (*test)(struct scene *s, const struct way *way))
{
    struct scene s;

    open_scene(&s, tunables, UINT64_MAX);
    for (unsigned i = 0; i < WAYS; i++)
        test(&s, &ways[i]);
    close_scene(&s);
}

/* ---- Errors of what is loaded ---------------------------------------------------------------- */

static void success(struct scene *s, const struct way *way)
{
    for (unsigned f = 0; f < 3; f++) {
        struct news news = { 0 };

        expect(way, &news, way->load(s->tag, s->map, &s->what, all_flags[f], &news), 0, 0);
        assert_int_equal(news.count, 16);
        bus_dmamap_unload(s->tag, s->map);
    }
}

/* Null, nothing, too much: the callback knows, and all but mbufs and uio return 0. */
static void invalid(struct scene *s, const struct way *way)
{
    const struct what bad[] = {
        { .memory = NULL, .pages = 2 },
        { .memory = s->what.memory, .pages = 0 },
        { .memory = s->what.memory, .pages = 17 },
    };

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned f = 0; f < 3; f++) {
            struct news news = { 0 };

            expect(way, &news, way->load(s->tag, s->map, &bad[i], all_flags[f], &news),
                   way->direct ? UDMAR_EINVAL : 0, UDMAR_EINVAL);
        }
    }
}

static void too_big(struct scene *s, const struct way *way)
{
    for (unsigned f = 0; f < 3; f++) {
        struct news news = { 0 };

        expect(way, &news, way->load(s->narrow, s->narrow_map, &s->what, all_flags[f], &news),
               way->direct ? UDMAR_EFBIG : 0, UDMAR_EFBIG);
    }
}

/* Mistakes in who is to be loaded do not come as far as a callback. */
static void wrong_map(struct scene *s, const struct way *way)
{
    struct news news = { 0 };
    int error = way->load(s->tag, s->narrow_map, &s->what, 0, &news);

    assert_int_equal(error, UDMAR_EINVAL);
    assert_int_equal(news.calls, way->callback && way->direct);
    (void)by_load(s->tag, s->loaded, &s->what, 0, &news);
    news.calls = 0;
    assert_int_equal(way->load(s->tag, s->loaded, &s->what, 0, &news), UDMAR_EBUSY);
    assert_int_equal(news.calls, way->callback && way->direct);
    bus_dmamap_unload(s->tag, s->loaded);
}

static void test_success(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++)
        each(modes[mode], success);
}

static void test_invalid(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++)
        each(modes[mode], invalid);
}

static void test_too_many_segments(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++)
        each(modes[mode], too_big);
}

static void test_wrong_map(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++)
        each(modes[mode], wrong_map);
}

/* ---- Shortage of bounce pages ---------------------------------------------------------------- */

/* The zone's pages are in use by others: 16 of 20 and a few. */
static void test_no_bounce_pages(void **state)
{
    struct scene s;

    (void)state;
    for (unsigned i = 0; i < WAYS; i++) {
        const struct way *way = &ways[i];
        struct news first = { 0 }, news = { 0 };
        struct udmar_bounce_zone_info zone;
        unsigned held = 0;
        bus_dmamap_t holder[8];

        open_scene(&s, BOUNCE, LOW_4G);
        no_more_pages(&s.f, true);
        zone = zone_of(&s.f);
        while (zone_of(&s.f).free_pages >= 16) {
            assert_int_equal(bus_dmamap_create(s.tag, 0, &holder[held]), 0);
            assert_int_equal(by_load(s.tag, holder[held++], &s.what, 0, &first), 0);
        }
        assert_true(zone.total_pages >= 16 && held > 0);
        /* NOWAIT, and a tag without a lock: at once. */
        expect(way, &news, way->load(s.tag, s.map, &s.what, BUS_DMA_NOWAIT, &news), UDMAR_ENOMEM,
               UDMAR_ENOMEM);
        news = (struct news){ 0 };
        expect(way, &news, way->load(s.unlocked, s.unlocked_map, &s.what, 0, &news), UDMAR_ENOMEM,
               UDMAR_ENOMEM);
        news = (struct news){ 0 };
        if (way->direct) {
            expect(way, &news, way->load(s.tag, s.map, &s.what, 0, &news), UDMAR_ENOMEM,
                   UDMAR_ENOMEM);
        } else {
            /* It waits, and fails or not when its turn has come: the callback tells. */
            expect(way, &news, way->load(s.tag, s.map, &s.what, 0, &news), UDMAR_EINPROGRESS, 0);
            bus_dmamap_unload(s.tag, holder[0]);
            assert_int_equal(news.calls, 1);
            assert_int_equal(news.error, 0);
            assert_int_equal(news.count, 16);
            bus_dmamap_unload(s.tag, s.map);
            assert_int_equal(by_load(s.tag, holder[0], &s.what, 0, &first), 0);
            news = (struct news){ 0 };
            expect(way, &news, way->load(s.narrow, s.narrow_map, &s.what, 0, &news),
                   UDMAR_EINPROGRESS, 0);
            bus_dmamap_unload(s.tag, holder[0]);
            assert_int_equal(news.calls, 1);
            assert_int_equal(news.error, UDMAR_EFBIG);
        }
        no_more_pages(&s.f, false);
        while (held > 0) {
            bus_dmamap_unload(s.tag, holder[--held]);
            drop_map(s.tag, holder[held]);
        }
        close_scene(&s);
    }
}

/* ---- Out parameters -------------------------------------------------------------------------- */

#define STALE ((void *)(uintptr_t)0x5a5a)

/* FreeBSD's drivers look at the pointer, too: after a failure it is null. */
static void test_out_parameters(void **state)
{
    bus_dma_template_t values;
    struct scene s;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    void *memory;
    unsigned failures = 0;

    (void)state;
    for (unsigned mode = 0; mode < 4; mode++) {
        open_scene(&s, modes[mode], LOW_4G);
        bus_dma_template_init(&values, s.tag);
        values.maxsegsize = 0;
        tag = STALE;
        assert_int_equal(bus_dma_template_tag(&values, &tag), UDMAR_EINVAL);
        assert_null(tag);
        values.unknown_key = true;
        tag = STALE;
        assert_int_equal(bus_dma_template_tag(&values, &tag), UDMAR_EINVAL);
        assert_null(tag);
        tag = STALE;
        assert_int_equal(
            bus_dma_tag_create(NULL, 1, 0, 0, 0, NULL, NULL, 1, 1, 1, 0, NULL, NULL, &tag),
            UDMAR_EINVAL);
        assert_null(tag);
        for (unsigned call = 1; call < 20; call++) {
            tag = STALE;
            map = STALE;
            model_fail_host_call(s.f.m, call, true);
            if (bus_dma_tag_create(s.tag, 1, 0, LOW_4G, UINT64_MAX, NULL, NULL, PAGE, 1, PAGE,
                                   BUS_DMA_ALLOCNOW, NULL, NULL, &tag) != 0) {
                assert_null(tag);
                failures++;
            }
            model_fail_host_call(s.f.m, call, true);
            if (bus_dmamap_create(s.tag, 0, &map) != 0) {
                assert_null(map);
                failures++;
            }
            model_fail_host_call(s.f.m, 0, false);
            if (tag != NULL)
                drop_tag(tag);
            if (map != NULL)
                drop_map(s.tag, map);
            map = memory = STALE;
            model_fail_host_call(s.f.m, call, true);
            if (bus_dmamem_alloc(s.tag, &memory, 0, &map) != 0) {
                assert_null(map);
                assert_null(memory);
                failures++;
            }
            model_fail_host_call(s.f.m, 0, false);
            if (map != NULL)
                bus_dmamem_free(s.tag, memory, map);
        }
        close_scene(&s);
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),           cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_too_many_segments), cmocka_unit_test(test_wrong_map),
        cmocka_unit_test(test_no_bounce_pages),   cmocka_unit_test(test_out_parameters),
    };

    return cmocka_run_group_tests_name("load_errors", tests, NULL, NULL);
}
