/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "profile.h"

/* ---- The scene ------------------------------------------------------------------------------- */

static const struct {
    const char *name, *tunables;
} modes[MODES] = {
    [TRANSLATE] = { "translate", "hw.dmar.timeout=1000000" },
    [DEFERRED] = { "deferred", "hw.dmar.strict=0 hw.dmar.timeout=1000000" },
    [BOUNCE] = { "bounce", "hw.busdma.default=bounce" },
    [SUBPAGE] = { "sub-page", "hw.busdma.subpage=1 hw.dmar.timeout=1000000" },
    [IDENTITY] = { "identity", "hw.busdma.default=identity" },
};

const char *mode_name(enum mode mode)
{
    return modes[mode].name;
}

static void wake(void *argument)
{
    ((struct scene *)argument)->ready = true;
}

static void open_on(struct scene *s, enum mode mode, uint32_t seed, const char *profile)
{
    const struct setup setup = {
        .profile = profile,
        .tunables = modes[mode].tunables,
        .machine.prefer_high = true,
    };

    memset(s, 0, sizeof(*s));
    s->mode = mode;
    s->random = seed * 77 + (uint32_t)mode;
    fixture_open(&s->f, &setup);
    udmar_dma_on_waiting(s->f.instance, wake, s);
}

void scene_open(struct scene *s, enum mode mode, uint32_t seed)
{
    open_on(s, mode, seed, NULL);
}

void scene_open_narrow(struct scene *s, enum mode mode, uint32_t seed)
{
    open_on(s, mode, seed, "two-level");
}

void scene_close(struct scene *s)
{
    struct udmar_dma_counts counts;

    scene_thread(s);
    udmar_dma_counts(s->f.instance, &counts);
    if (!s->frees_nothing)
        assert_int_equal(counts.wrong_maps, 0);
    assert_int_equal(counts.loaded_twice, 0);
    assert_int_equal(counts.ended_loaded, 0);
    assert_int_equal(counts.ended_in_use, 0);
    assert_int_equal(counts.tags_refused, 0);
    if (model_stats(s->f.u)->faults != 0)
        drain_faults(&s->f);
    assert_int_equal(model_stats(s->f.u)->faults, 0);
    assert_int_equal(model_stats(s->f.u)->dma_to_freed, 0);
    assert_int_equal(model_stats(s->f.u)->dma_outside, 0);
    /* All tags are gone, so all zones are. */
    assert_false(udmar_bounce_zone_info(s->f.instance, 0, &(struct udmar_bounce_zone_info){ 0 }));
    fixture_close(&s->f);
}

void scene_thread(struct scene *s)
{
    assert_int_equal(s->mutex.mtx_lock, 0);
    while (s->ready) {
        s->ready = false;
        udmar_dma_run_waiting(s->f.instance);
    }
}

void scene_tick(struct scene *s)
{
    udmar_tick(s->f.instance);
    s->ready = true;
    scene_thread(s);
}

uint64_t waiting_for_pages(struct scene *s)
{
    struct udmar_bounce_zone_info zone;
    uint64_t waiting = 0;

    for (unsigned i = 0; udmar_bounce_zone_info(s->f.instance, i, &zone); i++)
        waiting += zone.waiting;
    return waiting;
}

uint32_t dice(struct scene *s, uint32_t sides)
{
    return roll_below(&s->random, sides);
}

void pages_gone(struct scene *s)
{
    model_fail_host_calls_of(s->f.m, MODEL_CALL_PAGE_ALLOC, 1, true);
}

void memory_gone_after(struct scene *s, unsigned calls)
{
    model_fail_host_call(s->f.m, calls, true);
}

void memory_back(struct scene *s)
{
    model_fail_host_call(s->f.m, 0, false);
}

/* ---- Tags and rings -------------------------------------------------------------------------- */

static bus_addr_t lower(bus_addr_t a, bus_addr_t b)
{
    return a < b ? a : b;
}

/* What a child has at the most, see udmar_dma_tag_create(). */
static void inherit(struct spec *limits, const struct spec *parent)
{
    if (parent->alignment > limits->alignment)
        limits->alignment = parent->alignment;
    if (parent->boundary != 0 && (limits->boundary == 0 || parent->boundary < limits->boundary))
        limits->boundary = parent->boundary;
    limits->lowaddr = lower(limits->lowaddr, parent->lowaddr);
}

int tag_new(struct scene *s, const struct tag *parent, const struct spec *spec, struct tag *out)
{
    bus_dma_tag_t above = parent != NULL ? parent->tag : udmar_device_dma_tag(s->f.device[0]);

    out->tag = NULL;
    out->limits = *spec;
    if (parent != NULL)
        inherit(&out->limits, &parent->limits);
    return bus_dma_tag_create(above, spec->alignment, spec->boundary, spec->lowaddr, spec->highaddr,
                              NULL, NULL, spec->maxsize, spec->nsegments, spec->maxsegsz,
                              spec->flags, spec->lock, &s->mutex, &out->tag);
}

void tag_note(struct tag *tag, bus_dma_tag_t made, const struct spec *limits)
{
    tag->tag = made;
    tag->limits = *limits;
}

void tag_end(struct tag *tag)
{
    if (tag->tag != NULL)
        assert_int_equal(bus_dma_tag_destroy(tag->tag), 0);
    tag->tag = NULL;
}

void segments_obey(struct scene *s, const struct spec *limits, const bus_dma_segment_t *segs,
                   int count, bus_size_t length)
{
    bus_size_t total = 0;

    assert_true(count > 0 && (limits->nsegments <= 0 || count <= limits->nsegments));
    for (int i = 0; i < count; i++) {
        bus_addr_t first = segs[i].ds_addr, last = first + segs[i].ds_len - 1;

        assert_true(segs[i].ds_len > 0 && segs[i].ds_len <= limits->maxsegsz);
        if (limits->alignment > 1 && first % limits->alignment != 0)
            fail_msg("%s: segment %d at %#llx is not aligned", mode_name(s->mode), i,
                     (unsigned long long)first);
        if (limits->boundary != 0)
            assert_true(first / limits->boundary == last / limits->boundary);
        assert_true(last <= limits->lowaddr || first > limits->highaddr);
        total += segs[i].ds_len;
    }
    /* What an alignment rounds up is at the end of a segment only. */
    assert_true(total >= length && total - length < (bus_size_t)count * (limits->alignment | 1));
}

void ring_loaded(void *argument, bus_dma_segment_t *segs, int count, int error)
{
    struct ring_answer *answer = argument;

    answer->calls++;
    answer->count = count;
    answer->error = error;
    if (error == 0)
        answer->bus = segs[0].ds_addr;
}

int ring_new(struct scene *s, struct ring *ring, const struct tag *parent, const struct spec *spec,
             int alloc_flags, int load_flags)
{
    struct ring_answer answer = { 0 };
    bus_dma_segment_t whole;
    int error;

    memset(ring, 0, sizeof(*ring));
    error = tag_new(s, parent, spec, &ring->tag);
    if (error != 0)
        return error;
    error = bus_dmamem_alloc(ring->tag.tag, &ring->at, alloc_flags, &ring->map);
    if (error != 0) {
        tag_end(&ring->tag);
        memset(ring, 0, sizeof(*ring));
        return error;
    }
    for (bus_size_t i = 0; (alloc_flags & BUS_DMA_ZERO) != 0 && i < spec->maxsize; i++)
        assert_int_equal(((uint8_t *)ring->at)[i], 0);
    error = bus_dmamap_load(ring->tag.tag, ring->map, ring->at, spec->maxsize, ring_loaded, &answer,
                            load_flags);
    /* Memory that comes with its map is never waited for. */
    assert_int_not_equal(error, UDMAR_EINPROGRESS);
    assert_int_equal(answer.calls, 1);
    error = error != 0 ? error : answer.error;
    if (error != 0) {
        ring_end(ring);
        return error;
    }
    ring->loaded = true;
    ring->bus = answer.bus;
    whole = (bus_dma_segment_t){ answer.bus, spec->maxsize };
    segments_obey(s, &ring->tag.limits, &whole, answer.count, spec->maxsize);
    return 0;
}

void ring_end(struct ring *ring)
{
    if (ring->loaded)
        bus_dmamap_unload(ring->tag.tag, ring->map);
    if (ring->at != NULL)
        bus_dmamem_free(ring->tag.tag, ring->at, ring->map);
    tag_end(&ring->tag);
    memset(ring, 0, sizeof(*ring));
}

/* ---- Memory ---------------------------------------------------------------------------------- */

void area_new(struct scene *s, struct area *area, size_t size, unsigned flags)
{
    area->size = size;
    area->at = model_buffer_alloc(s->f.m, size, flags, 0);
    area->shadow = malloc(size);
    assert_non_null(area->shadow);
    memset(area->at, GUARD, size);
    memset(area->shadow, GUARD, size);
}

void area_check(const struct area *area)
{
    size_t i = 0;

    if (memcmp(area->at, area->shadow, area->size) == 0)
        return;
    while (area->at[i] == area->shadow[i])
        i++;
    fail_msg("byte %#zx of the area is %02x and not %02x", i, area->at[i], area->shadow[i]);
}

void area_end(struct scene *s, struct area *area)
{
    if (area->at == NULL)
        return;
    area_check(area);
    model_buffer_free(s->f.m, area->at);
    free(area->shadow);
    memset(area, 0, sizeof(*area));
}

void payload_clear(struct payload *p, struct area *area)
{
    p->area = area;
    p->count = 0;
    p->length = 0;
}

void payload_add(struct payload *p, size_t offset, size_t length)
{
    assert_true(p->count < CHUNKS && offset + length <= p->area->size);
    p->chunk[p->count++] = (struct chunk){ p->area->at + offset, length };
    p->length += length;
}

/* Any byte but the guard's. */
static uint8_t any_byte(uint32_t *random)
{
    uint8_t byte = (uint8_t)(roll(random) >> 13);

    return byte == GUARD ? 0x11 : byte;
}

static void settle(struct payload *p, unsigned n)
{
    size_t offset = (size_t)(p->chunk[n].at - p->area->at);

    memcpy(p->area->shadow + offset, p->chunk[n].at, p->chunk[n].length);
}

void payload_fill(struct scene *s, struct payload *p)
{
    for (unsigned n = 0; n < p->count; n++) {
        for (size_t i = 0; i < p->chunk[n].length; i++)
            p->chunk[n].at[i] = any_byte(&s->random);
        settle(p, n);
    }
}

void payload_equals(const struct payload *p, const uint8_t *bytes, size_t length)
{
    for (unsigned n = 0; n < p->count && length > 0; n++) {
        size_t part = length < p->chunk[n].length ? length : p->chunk[n].length;

        assert_memory_equal(p->chunk[n].at, bytes, part);
        bytes += part;
        length -= part;
    }
    assert_int_equal(length, 0);
}

void payload_received(struct payload *p, const uint8_t *bytes, size_t length)
{
    payload_equals(p, bytes, length);
    for (unsigned n = 0; n < p->count; n++)
        settle(p, n);
}

void payload_drop(struct payload *p)
{
    for (unsigned n = 0; n < p->count; n++) {
        memset(p->chunk[n].at, GUARD, p->chunk[n].length);
        settle(p, n);
    }
    p->count = 0;
    p->length = 0;
}

/* ---- The device ------------------------------------------------------------------------------ */

static void transfer(struct scene *s, bus_addr_t at, void *bytes, size_t length, bool write)
{
    enum model_result result = model_dma(s->f.m, 0, RID0, at, bytes, length, write);

    if (result != MODEL_OK && result != MODEL_BYPASSED)
        fail_msg("%s: the device cannot %s %zu bytes at %#llx (%d)", mode_name(s->mode),
                 write ? "write" : "read", length, (unsigned long long)at, (int)result);
}

void device_reads(struct scene *s, bus_addr_t at, void *into, size_t length)
{
    transfer(s, at, into, length, false);
}

void device_writes(struct scene *s, bus_addr_t at, const void *from, size_t length)
{
    transfer(s, at, (void *)(uintptr_t)from, length, true);
}

uint32_t device_read32(struct scene *s, bus_addr_t at)
{
    uint32_t value;

    device_reads(s, at, &value, sizeof(value));
    return value;
}

uint64_t device_read64(struct scene *s, bus_addr_t at)
{
    uint64_t value;

    device_reads(s, at, &value, sizeof(value));
    return value;
}

void wire_new(struct wire *w, size_t size)
{
    w->bytes = malloc(size);
    assert_non_null(w->bytes);
    w->size = size;
    w->moved = 0;
}

void wire_end(struct wire *w)
{
    free(w->bytes);
    w->bytes = NULL;
}

void wire_start(struct scene *s, struct wire *w, bool in)
{
    w->in = in;
    w->moved = 0;
    for (size_t i = 0; in && i < w->size; i++)
        w->bytes[i] = any_byte(&s->random);
}

void wire_move(struct scene *s, struct wire *w, bus_addr_t at, size_t length)
{
    assert_true(w->moved + length <= w->size);
    if (length > 0)
        transfer(s, at, w->bytes + w->moved, length, w->in);
    w->moved += length;
}

/* One page of a segment: no neighbour's byte is seen, and writing to all of it hurts nobody. */
static void trespass(struct scene *s, bus_addr_t page, bool writes)
{
    uint8_t bytes[MODEL_PAGE];

    transfer(s, page, bytes, sizeof(bytes), false);
    if (memchr(bytes, GUARD, sizeof(bytes)) != NULL)
        fail_msg("the device sees a neighbour's byte in page %#llx", (unsigned long long)page);
    if (writes) {
        memset(bytes, 0x77, sizeof(bytes));
        transfer(s, page, bytes, sizeof(bytes), true);
    }
}

void device_trespasses(struct scene *s, const bus_dma_segment_t *segs, int count, bool writes)
{
    for (int i = 0; s->mode == SUBPAGE && i < count; i++) {
        bus_addr_t first = segs[i].ds_addr & ~(PAGE - 1);
        bus_addr_t last = (segs[i].ds_addr + segs[i].ds_len - 1) & ~(PAGE - 1);

        trespass(s, first, writes);
        if (last != first)
            trespass(s, last, writes);
    }
}

void unreachable(struct scene *s, const bus_dma_segment_t *segs, int count)
{
    if (s->mode != TRANSLATE && s->mode != SUBPAGE)
        return;
    for (int i = 0; i < count; i++) {
        bus_addr_t last = segs[i].ds_addr + segs[i].ds_len - 1;

        assert_int_equal(model_translate_cached(s->f.m, 0, RID0, segs[i].ds_addr, false).result,
                         MODEL_BLOCKED);
        assert_int_equal(model_translate_cached(s->f.m, 0, RID0, last, false).result,
                         MODEL_BLOCKED);
    }
}

/* ---- Another device's driver ----------------------------------------------------------------- */

#define HOG_PAGES 256u

void hog_new(struct scene *s, struct hog *hog, const struct spec *limits)
{
    memset(hog, 0, sizeof(*hog));
    assert_int_equal(bus_dma_tag_create(udmar_device_dma_tag(s->f.device[1]), 1, 0, limits->lowaddr,
                                        ANYWHERE, NULL, NULL, HOG_PAGES * PAGE, HOG_PAGES, PAGE, 0,
                                        NULL, NULL, &hog->tag.tag),
                     0);
    for (unsigned i = 0; i < HOG_PARTS; i++)
        assert_int_equal(bus_dmamap_create(hog->tag.tag, 0, &hog->map[i]), 0);
    area_new(s, &hog->area, HOG_PAGES * PAGE, MODEL_SCATTERED | MODEL_HIGH);
}

static uint64_t pages_free(struct scene *s, const struct spec *limits)
{
    struct udmar_bounce_zone_info zone;

    for (unsigned i = 0; udmar_bounce_zone_info(s->f.instance, i, &zone); i++) {
        if (translated(s) || zone.lowaddr == limits->lowaddr)
            return zone.free_pages;
    }
    return 0;
}

static void hog_told(void *argument, bus_dma_segment_t *segs, int count, int error)
{
    (void)segs;
    (void)count;
    *(int *)argument = error;
}

/* Small pieces, each in a page of its own. */
static bool hog_takes_pages(struct hog *hog, unsigned part, unsigned count)
{
    static bus_dma_segment_t list[HOG_PAGES];
    struct memdesc memory;
    int told = -1;

    for (unsigned i = 0; i < count; i++)
        list[i] = (bus_dma_segment_t){ (uintptr_t)hog->area.at + i * PAGE + 8, 16 };
    memory = memdesc_vlist(list, (int)count);
    return bus_dmamap_load_mem(hog->tag.tag, hog->map[part], &memory, hog_told, &told,
                               BUS_DMA_NOWAIT) == 0 &&
           told == 0;
}

void hog_takes(struct scene *s, struct hog *hog, const struct spec *limits)
{
    for (unsigned i = 0; i < HOG_PARTS; i++) {
        uint64_t free = pages_free(s, limits);
        uint64_t take = (free + HOG_PARTS - 1 - i) / (HOG_PARTS - i);

        if (take > 0 && take <= HOG_PAGES && !hog->loaded[i])
            hog->loaded[i] = hog_takes_pages(hog, i, (unsigned)take);
    }
}

bool hog_gives(struct scene *s, struct hog *hog)
{
    for (unsigned i = 0; i < HOG_PARTS; i++) {
        if (hog->loaded[i]) {
            bus_dmamap_unload(hog->tag.tag, hog->map[i]);
            hog->loaded[i] = false;
            scene_thread(s);
            return true;
        }
    }
    return false;
}

void hog_end(struct scene *s, struct hog *hog)
{
    while (hog_gives(s, hog)) {
    }
    for (unsigned i = 0; i < HOG_PARTS; i++)
        assert_int_equal(bus_dmamap_destroy(hog->tag.tag, hog->map[i]), 0);
    tag_end(&hog->tag);
    area_end(s, &hog->area);
}

/* ---- A crowd of guest addresses -------------------------------------------------------------- */

static void crowd_told(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    *(bus_addr_t *)argument = error == 0 && nsegs > 0 ? segs[0].ds_addr : ANYWHERE;
}

/* False: it came to lie higher, or nowhere. What is mapped is no RAM, and never reached. */
static bool crowd_takes(struct crowd *c, bus_addr_t limit, size_t size)
{
    struct memdesc memory = memdesc_paddr(GIB(2), size);
    bus_addr_t at = ANYWHERE;
    bus_dmamap_t map;

    assert_int_equal(bus_dmamap_create(c->tag.tag, 0, &map), 0);
    (void)bus_dmamap_load_mem(c->tag.tag, map, &memory, crowd_told, &at, BUS_DMA_NOWAIT);
    if (at < limit) {
        assert_true(c->count < CROWD);
        c->map[c->count++] = map;
        return true;
    }
    bus_dmamap_unload(c->tag.tag, map);
    assert_int_equal(bus_dmamap_destroy(c->tag.tag, map), 0);
    return false;
}

void crowd_new(struct scene *s, struct crowd *c, bus_addr_t limit, size_t least)
{
    const struct spec spec = { 1, 0, limit, ANYWHERE, GIB(1), 4, GIB(1), 0, NULL };

    memset(c, 0, sizeof(*c));
    assert_int_equal(tag_new(s, NULL, &spec, &c->tag), 0);
    for (size_t size = (size_t)MIB(512); size >= least; size /= 2) {
        while (crowd_takes(c, limit, size)) {
        }
    }
}

bool crowd_gives(struct scene *s, struct crowd *c)
{
    if (c->count == 0)
        return false;
    c->count--;
    bus_dmamap_unload(c->tag.tag, c->map[c->count]);
    assert_int_equal(bus_dmamap_destroy(c->tag.tag, c->map[c->count]), 0);
    scene_thread(s);
    return true;
}

void crowd_end(struct scene *s, struct crowd *c)
{
    while (crowd_gives(s, c)) {
    }
    tag_end(&c->tag);
}

/* ---- The run --------------------------------------------------------------------------------- */

struct run {
    profile_test *test;
    const void *driver;
    enum mode mode;
};

static void run(void **state)
{
    struct run *r = *state;

    r->test(r->driver, r->mode);
}

int profile_main(const char *group, profile_test *test, const void *const *drivers,
                 const char *const *names, unsigned count)
{
    enum { MOST = 8 };
    static struct CMUnitTest tests[MOST * MODES];
    static struct run runs[MOST * MODES];
    static char titles[MOST * MODES][64];
    unsigned n = 0;

    for (unsigned d = 0; d < count && d < MOST; d++) {
        for (int mode = 0; mode < MODES; mode++, n++) {
            runs[n] = (struct run){ test, drivers[d], (enum mode)mode };
            (void)snprintf(titles[n], sizeof(titles[n]), "%s: %s", names[d],
                           mode_name((enum mode)mode));
            tests[n] = (struct CMUnitTest){ .name = titles[n], .test_func = run };
            tests[n].initial_state = &runs[n];
        }
    }
    return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}
