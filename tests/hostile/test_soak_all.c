/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations of every kind against a dictionary: what devices reach is exactly what the
 * dictionary says, also from within other operations, whatever fails and however slow hardware is.
 *
 *   UDMAR_SOAK_STEPS=N     operations, all in all (default 100,000)
 *   UDMAR_SOAK_SEED=N      another course (default 1); a failure prints what repeats it
 *   UDMAR_SOAK_MACHINE=N   only on this machine, 0 to 9
 *   UDMAR_TEST_VERBOSE=1   all log lines
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/stream.h>

#include "fixture/fixture.h"

#define AREA   UINT64_C(0x10000000) /* of pages mapped one by one; below 1 GiB, 2 MiB-aligned */
#define PAGES  2048u                /* of the area */
#define MAPS   8u
#define FLOWS  12u /* streams */
#define PIECES 4u
#define GONE   64u
#define MEMORY UINT64_C(0x00800000) /* nobody's */

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

struct entry {
    uint64_t physical;
    uint8_t access; /* 0: not mapped */
};

struct load {
    struct udmar_dma_tag *tag; /* null: none */
    struct udmar_dma_map *map;
    uint64_t maxsize, length, iova;
    unsigned device;
    uint8_t *buffer;
    bool loaded, read_only;
};

struct flow {
    struct udmar_dma_physical piece[PIECES];
    unsigned count; /* 0: none */
    unsigned device, access;
    uint64_t iova;
};

/* A stream that is no more. */
struct gone {
    uint64_t iova, physical;
    unsigned device;
    unsigned ticks; /* since then */
};

struct soak {
    struct fixture f;
    uint32_t random;
    struct entry area[2][PAGES]; /* of devices 0 and 1 */
    struct load load[MAPS];
    struct flow flow[FLOWS];
    struct gone ended[GONE];
    unsigned ended_next;
    uint64_t fresh;       /* physical memory that no stream has had */
    enum udmar_mode mode; /* of device 2 */
    bool attach_refs;
    bool strict;
    bool ticking;
    /* The operation that goes on. */
    unsigned busy_device;
    uint32_t busy_first, busy_count;
    unsigned operations[8], refused, tried, wrong;
    unsigned looks;
};

/* ---- What the dictionary says ---------------------------------------------------------------- */

static void check_page(struct soak *s, unsigned device, uint32_t page, bool write)
{
    const struct entry *e = &s->area[device][page];
    struct model_translation seen =
        model_translate_cached(s->f.m, 0, rids[device], AREA + page * PAGE, write);
    bool allowed = (e->access & (write ? UDMAR_WRITE : UDMAR_READ)) != 0;

    s->tried++;
    if ((seen.result == MODEL_OK) != allowed || (allowed && seen.physical != e->physical)) {
        fprintf(stderr, "device %u, page %u: %s, physical %#llx; the dictionary says %#llx %u\n",
                device, page, seen.result == MODEL_OK ? "allowed" : "blocked",
                (unsigned long long)seen.physical, (unsigned long long)e->physical, e->access);
        s->wrong++;
    }
}

static void check_load(struct soak *s, const struct load *l)
{
    uint64_t at = roll_below(&s->random, (uint32_t)l->length);
    bool write = roll_below(&s->random, 2) == 0;
    uint8_t byte = (uint8_t)roll(&s->random);
    bool reached = model_dma(s->f.m, 0, rids[l->device], l->iova + at, &byte, 1, write) == MODEL_OK;

    s->tried++;
    if (reached != !(write && l->read_only) || (reached && l->buffer[at] != byte)) {
        fprintf(stderr, "load at %#llx, byte %llu: not what was loaded\n",
                (unsigned long long)l->iova, (unsigned long long)at);
        s->wrong++;
    }
}

static void check_guest(struct soak *s)
{
    enum model_result result = model_translate_cached(s->f.m, 0, RID2, MEMORY, true).result;
    bool allowed =
        s->attach_refs && (s->mode == UDMAR_MODE_IDENTITY || s->mode == UDMAR_MODE_PASSTHROUGH);

    s->tried++;
    if ((result == MODEL_OK) != allowed) {
        fprintf(stderr, "device 2 in mode %d: %s\n", (int)s->mode,
                result == MODEL_OK ? "allowed" : "blocked");
        s->wrong++;
    }
}

/* Any byte of any piece. */
static void check_flow(struct soak *s, const struct flow *f)
{
    unsigned which = roll_below(&s->random, f->count);
    bool write = roll_below(&s->random, 2) == 0;
    bool allowed = (f->access & (write ? UDMAR_WRITE : UDMAR_READ)) != 0;
    uint64_t iova = f->iova, at = roll_below(&s->random, (uint32_t)f->piece[which].length);
    struct model_translation seen;

    for (unsigned i = 0; i < which; i++)
        iova = udmar_stream_next(iova, f->piece[i].length, f->piece[i + 1].address);
    seen = model_translate_cached(s->f.m, 0, rids[f->device], iova + at, write);
    s->tried++;
    if ((seen.result == MODEL_OK) != allowed ||
        (allowed && seen.physical != f->piece[which].address + at)) {
        fprintf(stderr, "stream at %#llx, piece %u, byte %llu: %s, physical %#llx for %#llx\n",
                (unsigned long long)f->iova, which, (unsigned long long)at,
                seen.result == MODEL_OK ? "allowed" : "blocked", (unsigned long long)seen.physical,
                (unsigned long long)(f->piece[which].address + at));
        s->wrong++;
    }
}

/* No stream gets memory that another has had: what is reached there is reached for too long. */
static void check_gone(struct soak *s, const struct gone *g)
{
    for (unsigned write = 0; write < 2; write++) {
        struct model_translation seen =
            model_translate_cached(s->f.m, 0, rids[g->device], g->iova, write != 0);

        s->tried++;
        if (seen.result == MODEL_OK && seen.physical == g->physical) {
            fprintf(stderr, "stream at %#llx: reached after its end, %u ticks\n",
                    (unsigned long long)g->iova, g->ticks);
            s->wrong++;
        }
    }
}

/* In the midst of somebody else's operation, too. */
static void check_something(struct soak *s)
{
    unsigned device = roll_below(&s->random, 2);
    uint32_t page = roll_below(&s->random, PAGES);
    const struct load *l = &s->load[roll_below(&s->random, MAPS)];
    const struct flow *f = &s->flow[roll_below(&s->random, FLOWS)];

    if (f->count != 0 && s->busy_device != 200u + (unsigned)(f - s->flow))
        check_flow(s, f);
    if (device != s->busy_device || page - s->busy_first >= s->busy_count)
        check_page(s, device, page, roll_below(&s->random, 2) == 0);
    if (l->loaded && s->busy_device != 100u + (unsigned)(l - s->load))
        check_load(s, l);
}

static void hook(void *context, struct model *m, enum model_event event)
{
    struct soak *s = context;

    (void)m;
    (void)event;
    if (roll_below(&s->random, 24) == 0)
        check_something(s);
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void begin(struct soak *s, unsigned device, uint32_t first, uint32_t count)
{
    s->busy_device = device;
    s->busy_first = first;
    s->busy_count = count;
    if (roll_below(&s->random, 12) == 0)
        model_fail_host_call(s->f.m, 1 + roll_below(&s->random, 4), roll_below(&s->random, 2));
}

/* True: the host has failed, so the operation may have, too. */
static bool end(struct soak *s)
{
    bool failed = model_host_calls_failed(s->f.m) != 0;

    model_fail_host_call(s->f.m, 0, false);
    s->busy_device = 99;
    s->busy_count = 0;
    return failed;
}

static uint32_t some_count(struct soak *s, uint32_t first)
{
    static const uint32_t most[] = { 1, 4, 40, 512, 1100 };
    uint32_t count = 1 + roll_below(&s->random, most[roll_below(&s->random, 5)]);

    return count < PAGES - first ? count : PAGES - first;
}

static void map_area(struct soak *s)
{
    unsigned device = roll_below(&s->random, 2);
    uint32_t first = roll_below(&s->random, PAGES);
    uint64_t physical =
        UINT64_C(0x200000000) +
        (roll_below(&s->random, 3) == 0 ? roll_below(&s->random, 100000) * PAGE : first * PAGE);
    unsigned access = 1 + roll_below(&s->random, 3);
    bool free_place = true, failed;
    enum udmar_status status;
    uint32_t count;

    /* Whole superpages now and then, and the gaps between what is there. */
    if (roll_below(&s->random, 3) == 0)
        first &= ~511u;
    count = some_count(s, first);
    if (roll_below(&s->random, 2) == 0) {
        for (uint32_t i = 0; i < count; i++) {
            if (s->area[device][first + i].access != 0)
                count = i;
        }
        if (count == 0)
            return;
    }
    for (uint32_t i = 0; i < count; i++)
        free_place = free_place && s->area[device][first + i].access == 0;
    begin(s, device, first, count);
    status = udmar_domain_map(udmar_device_domain(s->f.device[device]), AREA + first * PAGE,
                              physical, count * PAGE, access);
    failed = end(s);
    if (status == UDMAR_OK) {
        assert_true(free_place);
        for (uint32_t i = 0; i < count; i++)
            s->area[device][first + i] = (struct entry){ physical + i * PAGE, (uint8_t)access };
        return;
    }
    s->refused++;
    assert_true((status == UDMAR_ERR_EXISTS && !free_place) ||
                (status == UDMAR_ERR_MEMORY && failed));
}

static void unmap_area(struct soak *s)
{
    unsigned device = roll_below(&s->random, 2);
    uint32_t first = roll_below(&s->random, PAGES), count = some_count(s, first);
    enum udmar_status status;
    bool failed;

    begin(s, device, first, count);
    status = udmar_domain_unmap(udmar_device_domain(s->f.device[device]), AREA + first * PAGE,
                                count * PAGE);
    failed = end(s);
    if (status == UDMAR_OK) {
        memset(&s->area[device][first], 0, count * sizeof(s->area[0][0]));
        return;
    }
    s->refused++;
    assert_true(status == UDMAR_ERR_MEMORY && failed);
}

static void new_map_of(struct soak *s, struct load *l)
{
    static const uint64_t sizes[] = { 3000, PAGE, KIB(64), KIB(260), MIB(3) };
    int error;

    l->maxsize = sizes[roll_below(&s->random, 5)];
    l->device = roll_below(&s->random, 2);
    l->tag = new_tag(&s->f, l->device, &(struct limits){ .maxsize = l->maxsize });
    begin(s, 99, 0, 0);
    error = udmar_dmamap_create(l->tag, UDMAR_DMA_NOWAIT, &l->map);
    if (end(s) && error != 0) {
        assert_int_equal(error, UDMAR_ENOMEM);
        drop_tag(l->tag);
        l->tag = NULL;
        s->refused++;
        return;
    }
    assert_int_equal(error, 0);
}

static void load_map(struct soak *s, struct load *l)
{
    static struct loaded loaded;
    uint32_t most = l->maxsize > KIB(260) && roll_below(&s->random, 6) != 0 ? (uint32_t)KIB(300)
                                                                            : (uint32_t)l->maxsize;
    bool failed;
    int error;

    l->length = 1 + roll_below(&s->random, most);
    l->read_only = roll_below(&s->random, 3) == 0;
    l->buffer = model_buffer_alloc(s->f.m, (size_t)l->length, MODEL_SCATTERED,
                                   roll_below(&s->random, 4096));
    begin(s, 100u + (unsigned)(l - s->load), 0, 0);
    error = udmar_dmamap_load(l->tag, l->map, l->buffer, l->length, note_loaded, &loaded,
                              l->read_only ? UDMAR_DMA_NOWRITE : 0);
    failed = end(s);
    if (error == 0) {
        assert_int_equal(loaded.error, 0);
        assert_int_equal(loaded.count, 1);
        l->iova = loaded.segment[0].ds_addr;
        l->loaded = true;
        return;
    }
    assert_true(failed && error == UDMAR_ENOMEM);
    s->refused++;
    model_buffer_free(s->f.m, l->buffer);
}

static void unload_map(struct soak *s, struct load *l)
{
    l->loaded = false;
    udmar_dmamap_unload(l->tag, l->map);
    if (!s->strict)
        (void)model_queue_step(s->f.u, 4096);
    model_buffer_free(s->f.m, l->buffer);
}

static void drop_load(struct load *l)
{
    drop_map(l->tag, l->map);
    drop_tag(l->tag);
    l->tag = NULL;
}

static void busdma_step(struct soak *s)
{
    struct load *l = &s->load[roll_below(&s->random, MAPS)];

    if (l->tag == NULL)
        new_map_of(s, l);
    else if (l->loaded)
        unload_map(s, l);
    else if (roll_below(&s->random, 6) == 0)
        drop_load(l);
    else
        load_map(s, l);
}

/* ---- Streams --------------------------------------------------------------------------------- */

/* Pages, parts of pages, large pages, and all that is beyond blocks and windows. */
static void choose_piece(struct soak *s, struct udmar_dma_physical *piece)
{
    static const uint32_t most[] = { 1, 1, 1, 3, 17, 256, 300, 700, 2100 };
    uint32_t pages = 1 + roll_below(&s->random, most[roll_below(&s->random, 9)]);
    unsigned kind = roll_below(&s->random, 8);

    piece->address = s->fresh;
    piece->length = pages * PAGE;
    if (kind == 0) {
        piece->address = (s->fresh + MIB(2) - 1) & ~(MIB(2) - 1);
        piece->length = MIB(2);
    } else if (kind < 3) {
        piece->address += roll_below(&s->random, PAGE);
        piece->length = 1 + roll_below(&s->random, (uint32_t)(pages * PAGE));
    }
    s->fresh = (piece->address + piece->length + 2 * PAGE) & ~(PAGE - 1);
    /* Some follow the one before: what is physically contiguous joins. */
    if (kind == 7)
        s->fresh -= 2 * PAGE;
}

static uint64_t pages_of(const struct flow *f)
{
    uint64_t first = f->piece[0].address & (PAGE - 1), end = first;

    for (unsigned i = 0; i < f->count; i++)
        end =
            (i == 0 ? first : udmar_stream_next(end, 0, f->piece[i].address)) + f->piece[i].length;
    return (end + PAGE - 1) / PAGE;
}

/* What stream.h promises of the place. */
static void check_place(const struct soak *s, const struct flow *f, uint64_t highest)
{
    uint64_t pages = pages_of(f), order = 1;
    struct udmar_domain_info info;

    udmar_domain_info(udmar_device_domain(s->f.device[f->device]), &info);
    assert_true(f->iova / PAGE * PAGE + pages * PAGE - 1 <= highest);
    assert_int_equal(f->iova % PAGE, f->piece[0].address % PAGE);
    while (order < pages)
        order *= 2;
    if (pages < 512)
        assert_int_equal(f->iova / PAGE % order, 0);
    else if (highest >= UINT32_MAX && info.width > 32) /* where addresses are not few */
        assert_int_equal(f->iova % MIB(2), f->piece[0].address % MIB(2));
}

static void map_flow(struct soak *s, struct flow *f)
{
    static const uint64_t highest[] = { UINT64_MAX, UINT64_MAX, UINT32_MAX, MIB(900) - 1 };
    uint64_t most = highest[roll_below(&s->random, 4)];
    unsigned count = 1 + roll_below(&s->random, roll_below(&s->random, 2) == 0 ? 1 : PIECES);
    enum udmar_status status;
    bool failed;

    for (unsigned i = 0; i < count; i++)
        choose_piece(s, &f->piece[i]);
    f->device = roll_below(&s->random, 2);
    f->access = 1 + roll_below(&s->random, 3);
    begin(s, 200u + (unsigned)(f - s->flow), 0, 0);
    status = udmar_stream_map(udmar_device_domain(s->f.device[f->device]), f->piece, count,
                              f->access, most, &f->iova);
    failed = end(s);
    if (status != UDMAR_OK) {
        s->refused++;
        assert_true(failed && status == UDMAR_ERR_MEMORY);
        return;
    }
    f->count = count;
    check_place(s, f, most);
    check_flow(s, f);
}

static void unmap_flow(struct soak *s, struct flow *f)
{
    struct gone *g = &s->ended[s->ended_next++ % GONE];
    struct udmar_domain *domain = udmar_device_domain(s->f.device[f->device]);

    *g = (struct gone){ f->iova, f->piece[0].address, f->device, 0 };
    f->count = 0;
    /* It needs nothing that a host could refuse. */
    begin(s, 99, 0, 0);
    assert_int_equal(udmar_stream_unmap(domain, f->iova), UDMAR_OK);
    (void)end(s);
    assert_int_equal(udmar_stream_unmap(domain, f->iova), UDMAR_ERR_NOT_FOUND);
    if (!s->strict)
        (void)model_queue_step(s->f.u, 4096);
    if (!s->ticking)
        check_gone(s, g);
}

static void stream_step(struct soak *s)
{
    struct flow *f = &s->flow[roll_below(&s->random, FLOWS)];

    if (f->count != 0)
        unmap_flow(s, f);
    else
        map_flow(s, f);
}

static void tick(struct soak *s)
{
    udmar_tick(s->f.instance);
    (void)model_queue_step(s->f.u, 4096);
    for (unsigned i = 0; i < GONE && i < s->ended_next; i++) {
        if (++s->ended[i].ticks >= 2)
            check_gone(s, &s->ended[i]);
    }
}

/* ---- The third device, and hardware ---------------------------------------------------------- */

static void guest_step(struct soak *s)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_BLOCKED };

    if (!s->attach_refs) {
        assert_int_equal(udmar_device_attach(s->f.instance, 0, RID2, NULL, &s->f.device[2]),
                         UDMAR_OK);
        s->attach_refs = true;
        s->mode = UDMAR_MODE_TRANSLATE;
    } else if (roll_below(&s->random, 3) == 0) {
        assert_int_equal(udmar_device_detach(s->f.device[2]), UDMAR_OK);
        s->f.device[2] = NULL;
        s->attach_refs = false;
    } else {
        enum udmar_status status;

        s->mode = modes[roll_below(&s->random, 3)];
        status = udmar_device_set_mode(s->f.device[2], s->mode);
        /* Identity of high memory needs more than 30 bits. */
        if (status == UDMAR_ERR_UNSUPPORTED && s->mode == UDMAR_MODE_IDENTITY)
            s->mode = UDMAR_MODE_BLOCKED;
        else
            assert_int_equal(status, UDMAR_OK);
    }
    check_guest(s);
}

/* Hardware that changes its habits. */
static void change_mood(struct soak *s)
{
    static const struct model_behaviour moods[] = {
        { .evict = 0 },
        { .prefetch = true, .evict = 3 },
        { .queue_mode = MODEL_QUEUE_DELAYED, .queue_delay = 9, .prefetch = true },
        { .queue_mode = MODEL_QUEUE_TRICKLE, .queue_fetch = 16 },
        { .queue_mode = MODEL_QUEUE_DELAYED,
          .queue_delay = 5,
          .queue_fetch = 32,
          .queue_disorder = true },
        { .gsts_lag = 3, .invalidation_lag = 5 },
        { .no_walk_caches = true },
    };

    /* What hangs in the queue is worked off first: the driver knows nothing of the change. */
    (void)model_queue_step(s->f.u, 4096);
    *model_behaviour(s->f.u) = moods[roll_below(&s->random, 7)];
    model_cache_warm(s->f.u);
    (void)udmar_fault_poll(s->f.instance);
    model_clear_log(s->f.m);
}

static void step(struct soak *s)
{
    unsigned kind = roll_below(&s->random, 64);

    if (kind == 0)
        guest_step(s);
    else if (kind == 1)
        change_mood(s);
    else if (kind == 2)
        tick(s);
    else if (kind < 18)
        map_area(s);
    else if (kind < 32)
        unmap_area(s);
    else if (kind < 46)
        stream_step(s);
    else
        busdma_step(s);
    check_something(s);
    check_something(s);
    if (++s->looks % 256 == 0)
        assert_string_equal(fixture_broken(&s->f), "");
    if (s->strict && roll_below(&s->random, 16) == 0 && model_cache_stale(s->f.u) != 0) {
        fprintf(stderr, "caches know something that is not so any more\n");
        s->wrong++;
    }
}

/* ---- Courses --------------------------------------------------------------------------------- */

static void finish(struct soak *s)
{
    model_set_hook(s->f.m, NULL, NULL);
    for (unsigned device = 0; device < 2; device++) {
        struct udmar_domain *domain = udmar_device_domain(s->f.device[device]);

        assert_int_equal(udmar_domain_unmap(domain, AREA, PAGES * PAGE), UDMAR_OK);
        assert_int_equal(udmar_domain_free_iova(domain, AREA), UDMAR_OK);
    }
    for (unsigned i = 0; i < FLOWS; i++) {
        if (s->flow[i].count != 0)
            unmap_flow(s, &s->flow[i]);
    }
    for (unsigned i = 0; i < MAPS; i++) {
        if (s->load[i].tag != NULL && s->load[i].loaded)
            unload_map(s, &s->load[i]);
        if (s->load[i].tag != NULL)
            drop_load(&s->load[i]);
    }
    *model_behaviour(s->f.u) = (struct model_behaviour){ .evict = 0 };
    (void)model_queue_step(s->f.u, 4096);
    drain_faults(&s->f);
    assert_int_equal(fixture_violations(&s->f), 0);
    fixture_close(&s->f);
}

/* Nobody else gets these addresses. */
static void reserve_area(struct soak *s)
{
    const struct udmar_iova_limits limits = { .lowest = AREA, .highest = AREA + PAGES * PAGE - 1 };

    for (unsigned device = 0; device < 2; device++) {
        udmar_iova_t iova = 0;

        assert_int_equal(udmar_domain_alloc_iova(udmar_device_domain(s->f.device[device]),
                                                 PAGES * PAGE, &limits, &iova),
                         UDMAR_OK);
        assert_int_equal(iova, AREA);
    }
}

static void course(const struct setup *setup, uint32_t seed, unsigned long steps)
{
    static struct soak s;
    struct udmar_domain_info info;

    memset(&s, 0, sizeof(s));
    s.random = seed;
    s.busy_device = 99;
    fixture_open(&s.f, setup);
    s.attach_refs = true;
    s.mode = UDMAR_MODE_TRANSLATE;
    udmar_domain_info(s.f.domain, &info);
    s.strict = info.strict;
    s.ticking = setup->ticking;
    s.fresh = UINT64_C(0x400000000);
    reserve_area(&s);
    model_set_hook(s.f.m, hook, &s);
    for (unsigned long i = 0; i < steps; i++) {
        step(&s);
        if (s.wrong != 0 || model_violations(s.f.m) != 0) {
            (void)fixture_violations(&s.f);
            fail_msg("%s, %s: UDMAR_SOAK_SEED=%u, step %lu", setup->profile,
                     setup->tunables == NULL ? "" : setup->tunables, seed, i);
        }
    }
    finish(&s);
    print_message("# %s: %lu operations, %u refused, %u accesses compared\n", setup->profile, steps,
                  s.refused, s.tried);
}

static void test_soak_all(void **state)
{
    static const struct setup setups[] = {
        { .profile = "generic48" },
        { .profile = "noncoherent", .no_direct_map = true, .machine = { .no_virtual = true } },
        { .profile = "cm" },
        { .profile = "modern", .window_limit = KIB(16) },
        { .profile = "two-level" },
        { .profile = "rwbf" },
        { .profile = "five-level", .window_limit = KIB(100) },
        { .profile = "generic48", .tunables = "hw.dmar.strict=0" },
        { .profile = "generic48", .tunables = "hw.dmar.strict=0", .ticking = true },
        { .profile = "rwbf", .tunables = "hw.dmar.strict=0", .ticking = true },
    };
    const char *text = getenv("UDMAR_SOAK_STEPS");
    unsigned long steps = text == NULL ? 100000 : strtoul(text, NULL, 10);
    uint32_t seed;

    (void)state;
    text = getenv("UDMAR_SOAK_SEED");
    seed = text == NULL ? 1 : (uint32_t)strtoul(text, NULL, 10);
    text = getenv("UDMAR_SOAK_MACHINE");
    for (unsigned i = 0; i < 10; i++) {
        if (text == NULL || strtoul(text, NULL, 10) == i)
            course(&setups[i], seed + i, steps / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_soak_all) };

    return cmocka_run_group_tests_name("soak of everything", tests, NULL, NULL);
}
