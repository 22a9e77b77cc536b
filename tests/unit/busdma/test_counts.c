/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every entry point of busdma with what a driver can get wrong: the documented answer, one more in
 * the right counter, and nothing lost. With both back ends.
 */
#include <string.h>

#include "fixture/fixture.h"

static struct loaded result;

enum counter {
    REFUSED,
    ARGUMENT,
    WRONG_MAP,
    LOADED_TWICE,
    UNLOADED_TWICE,
    SYNCED,
    ENDED_LOADED,
    IN_USE,
    TOO_MANY,
    NO_RESOURCES,
    CANCELLED,
    NONE,
};

struct scene {
    struct fixture f;
    struct udmar_dma_tag *tag, *other, *root;
    struct udmar_dma_map *map, *loaded, *foreign, *of_memory;
    void *memory;
    uint8_t *buffer;
};

#define MAXSIZE KIB(16)

/* What a step returns that has nothing to return. */
#define VOID 0

static void open_scene(struct scene *s, const char *tunables)
{
    const struct setup setup = { .tunables = tunables };
    const struct limits limits = { .maxsize = MAXSIZE, .nsegments = 4, .maxsegsz = PAGE };

    memset(s, 0, sizeof(*s));
    fixture_open(&s->f, &setup);
    s->root = udmar_device_dma_tag(s->f.device[0]);
    s->tag = new_tag(&s->f, 0, &limits);
    s->other = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    s->loaded = new_map(s->tag);
    s->foreign = new_map(s->other);
    s->buffer = model_buffer_alloc(s->f.m, 2 * MAXSIZE, MODEL_CONTIGUOUS, 0);
    (void)load_one(s->tag, s->loaded, s->buffer, PAGE);
    assert_int_equal(udmar_dmamem_alloc(s->tag, &s->memory, 0, &s->of_memory), 0);
}

static void close_scene(struct scene *s)
{
    udmar_dmamap_unload(s->tag, s->loaded);
    drop_map(s->tag, s->map);
    drop_map(s->tag, s->loaded);
    drop_map(s->other, s->foreign);
    udmar_dmamem_free(s->tag, s->memory, s->of_memory);
    drop_tag(s->tag);
    drop_tag(s->other);
    model_buffer_free(s->f.m, s->buffer);
    fixture_close(&s->f);
}

/* ---- The mistakes ---------------------------------------------------------------------------- */

static int load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer, uint64_t length)
{
    return udmar_dmamap_load(tag, map, buffer, length, note_loaded, &result, UDMAR_DMA_NOWAIT);
}

static int list(struct scene *s, uint64_t address, uint64_t length)
{
    const struct udmar_dma_physical piece = { address, length };

    return udmar_dmamap_load_physical(s->tag, s->map, &piece, 1, note_loaded, &result, 0);
}

static bool nothing(void *context, struct udmar_dma_piece *out_piece)
{
    (void)context;
    (void)out_piece;
    return false;
}

/* For ever the same piece: the load must come to an end by itself. */
static bool endless(void *context, struct udmar_dma_piece *out_piece)
{
    *out_piece = (struct udmar_dma_piece){ .buffer = context, .length = 1000 };
    return true;
}

static int no_tag(struct scene *s)
{
    return load(NULL, s->map, s->buffer, 1);
}
static int no_map(struct scene *s)
{
    return load(s->tag, NULL, s->buffer, 1);
}
static int no_callback(struct scene *s)
{
    return udmar_dmamap_load(s->tag, s->map, s->buffer, 1, NULL, NULL, 0);
}
static int other_map(struct scene *s)
{
    return load(s->tag, s->foreign, s->buffer, 1);
}
static int null_buffer(struct scene *s)
{
    return load(s->tag, s->map, NULL, 1);
}
static int no_length(struct scene *s)
{
    return load(s->tag, s->map, s->buffer, 0);
}
static int too_long(struct scene *s)
{
    return load(s->tag, s->map, s->buffer, MAXSIZE + 1);
}
static int wrapping(struct scene *s)
{
    return load(s->root, s->map, s->buffer, UINT64_MAX);
}
static int wrapping_end(struct scene *s)
{
    return load(s->tag, s->map, (void *)(UINTPTR_MAX - 10), 100);
}
static int not_mapped(struct scene *s)
{
    (void)s;
    return load(s->tag, s->map, &result, 1);
}
static int half_mapped(struct scene *s)
{
    return load(s->tag, s->map, s->buffer + 2 * MAXSIZE - PAGE, 2 * PAGE);
}
static int twice(struct scene *s)
{
    return load(s->tag, s->loaded, s->buffer, 1);
}
static int many_segments(struct scene *s)
{
    return load(s->tag, s->map, s->buffer + 1, MAXSIZE - 1) == 0 &&
                   (udmar_dmamap_unload(s->tag, s->map), true)
               ? udmar_dmamap_load_physical(s->tag, s->map,
                                            (struct udmar_dma_physical[]){ { MIB(1), 1 },
                                                                           { MIB(2), 1 },
                                                                           { MIB(3), 1 },
                                                                           { MIB(4), 1 },
                                                                           { MIB(5), 1 } },
                                            5, note_loaded, &result, 0)
               : -1;
}
static int list_null(struct scene *s)
{
    return udmar_dmamap_load_physical(s->tag, s->map, NULL, 1, note_loaded, &result, 0);
}
static int list_empty(struct scene *s)
{
    return list(s, MIB(1), 0);
}
static int list_too_long(struct scene *s)
{
    return list(s, MIB(1), MAXSIZE + 1);
}
static int list_wraps(struct scene *s)
{
    return list(s, UINT64_MAX - 5, 10);
}
static int list_outside(struct scene *s)
{
    return list(s, UINT64_C(1) << 60, 10);
}
static int list_twice(struct scene *s)
{
    const struct udmar_dma_physical piece = { MIB(1), 10 };

    return udmar_dmamap_load_physical(s->tag, s->loaded, &piece, 1, note_loaded, &result, 0);
}
/* Whole pages have a way of their own. */
static int list_of_pages_twice(struct scene *s)
{
    const struct udmar_dma_physical pages[] = { { MIB(2), PAGE }, { MIB(3), PAGE } };

    return udmar_dmamap_load_physical(s->tag, s->loaded, pages, 2, note_loaded, &result, 0);
}
static int list_no_callback(struct scene *s)
{
    const struct udmar_dma_physical piece = { MIB(1), 10 };

    return udmar_dmamap_load_physical(s->tag, s->map, &piece, 1, NULL, NULL, 0);
}
static int each_null(struct scene *s)
{
    return udmar_dmamap_load_each(s->tag, s->map, NULL, NULL, note_loaded, &result, 0);
}
static int each_nothing(struct scene *s)
{
    return udmar_dmamap_load_each(s->tag, s->map, nothing, NULL, note_loaded, &result, 0);
}
static int each_endless(struct scene *s)
{
    return udmar_dmamap_load_each(s->tag, s->map, endless, s->buffer, note_loaded, &result, 0);
}
static int each_twice(struct scene *s)
{
    return udmar_dmamap_load_each(s->tag, s->loaded, endless, s->buffer, note_loaded, &result, 0);
}
static int sg_no_count(struct scene *s)
{
    return udmar_dmamap_load_each_sg(s->tag, s->map, endless, s->buffer, NULL, NULL, 0);
}
static int sg_twice(struct scene *s)
{
    int count;

    return udmar_dmamap_load_each_sg(s->tag, s->loaded, endless, s->buffer, NULL, &count, 0);
}
static int sg_other_map(struct scene *s)
{
    int count;

    return udmar_dmamap_load_each_sg(s->tag, s->foreign, endless, s->buffer, NULL, &count, 0);
}
static int unload_twice(struct scene *s)
{
    udmar_dmamap_unload(s->tag, s->map);
    return VOID;
}
static int unload_null(struct scene *s)
{
    udmar_dmamap_unload(s->tag, NULL);
    udmar_dmamap_unload(NULL, s->loaded);
    udmar_dmamap_unload(NULL, NULL);
    return VOID;
}
static int sync_unloaded(struct scene *s)
{
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_PREREAD);
    return VOID;
}
static int sync_null(struct scene *s)
{
    udmar_dmamap_sync(s->tag, NULL, UDMAR_DMA_SYNC_PREREAD);
    udmar_dmamap_sync(NULL, s->loaded, UDMAR_DMA_SYNC_POSTREAD);
    return VOID;
}
static int destroy_loaded(struct scene *s)
{
    return udmar_dmamap_destroy(s->tag, s->loaded);
}
static int destroy_other(struct scene *s)
{
    return udmar_dmamap_destroy(s->tag, s->foreign);
}
static int destroy_of_memory(struct scene *s)
{
    return udmar_dmamap_destroy(s->tag, s->of_memory);
}
static int destroy_without_tag(struct scene *s)
{
    return udmar_dmamap_destroy(NULL, s->map);
}
static int create_null(struct scene *s)
{
    return udmar_dmamap_create(s->tag, 0, NULL);
}
static int alloc_null(struct scene *s)
{
    struct udmar_dma_map *map = s->map;

    return udmar_dmamem_alloc(s->tag, NULL, 0, &map);
}
static int free_null(struct scene *s)
{
    udmar_dmamem_free(s->tag, NULL, s->of_memory);
    return VOID;
}
static int free_without_tag(struct scene *s)
{
    udmar_dmamem_free(NULL, s->memory, s->of_memory);
    return VOID;
}
static int free_other(struct scene *s)
{
    udmar_dmamem_free(s->tag, s->memory, s->map);
    return VOID;
}
static int free_elsewhere(struct scene *s)
{
    udmar_dmamem_free(s->tag, (uint8_t *)s->memory + PAGE, s->of_memory);
    return VOID;
}
static int destroy_tag_in_use(struct scene *s)
{
    return udmar_dma_tag_destroy(s->tag);
}
static int destroy_root(struct scene *s)
{
    return udmar_dma_tag_destroy(s->root);
}
static int bad_size(struct scene *s)
{
    struct udmar_dma_tag *tag;

    return udmar_dma_tag_create(s->root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, 4096, 1, 0, 0,
                                NULL, NULL, &tag);
}
static int tag_without_result(struct scene *s)
{
    return udmar_dma_tag_create(s->root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, 1, 1, 1, 0, NULL,
                                NULL, NULL);
}
static int bad_domain(struct scene *s)
{
    return udmar_dma_tag_set_numa_node(s->tag, 5000);
}
static int late_domain(struct scene *s)
{
    return udmar_dma_tag_set_numa_node(s->tag, 1);
}
static int bad_key(struct scene *s)
{
    const struct udmar_dma_param params[] = {
        { .key = UDMAR_DMA_KEY_PARENT, .ptr = s->root },
        { .key = (enum udmar_dma_key)99, .num = 7 },
    };
    struct udmar_dma_template values;
    struct udmar_dma_tag *tag;

    udmar_dma_template_init(&values, NULL);
    udmar_dma_template_fill(&values, params, 2);
    return udmar_dma_template_tag(&values, &tag);
}

static const struct {
    const char *name;
    int (*make)(struct scene *s);
    int answer;
    enum counter counter;
} mistakes[] = {
    { "load without a tag", no_tag, UDMAR_EINVAL, ARGUMENT },
    { "load without a map", no_map, UDMAR_EINVAL, ARGUMENT },
    { "load without a callback", no_callback, UDMAR_EINVAL, ARGUMENT },
    { "load with another tag's map", other_map, UDMAR_EINVAL, WRONG_MAP },
    { "load of null", null_buffer, UDMAR_EINVAL, ARGUMENT },
    { "load of nothing", no_length, UDMAR_EINVAL, ARGUMENT },
    { "load of too much", too_long, UDMAR_EINVAL, ARGUMENT },
    { "load with the parent's tag", wrapping, UDMAR_EINVAL, WRONG_MAP },
    { "load around the end", wrapping_end, UDMAR_EINVAL, ARGUMENT },
    { "load of what is not mapped", not_mapped, UDMAR_EINVAL, ARGUMENT },
    { "load that runs out of mapped memory", half_mapped, UDMAR_EINVAL, ARGUMENT },
    { "load twice", twice, UDMAR_EBUSY, LOADED_TWICE },
    { "load in too many pieces", many_segments, UDMAR_EFBIG, TOO_MANY },
    { "list: null", list_null, UDMAR_EINVAL, ARGUMENT },
    { "list: empty", list_empty, UDMAR_EINVAL, ARGUMENT },
    { "list: too long", list_too_long, UDMAR_EINVAL, ARGUMENT },
    { "list: wraps", list_wraps, UDMAR_EINVAL, ARGUMENT },
    { "list: outside of memory", list_outside, UDMAR_EINVAL, ARGUMENT },
    { "list: twice", list_twice, UDMAR_EBUSY, LOADED_TWICE },
    { "list: whole pages, twice", list_of_pages_twice, UDMAR_EBUSY, LOADED_TWICE },
    { "list: no callback", list_no_callback, UDMAR_EINVAL, ARGUMENT },
    { "each: null", each_null, UDMAR_EINVAL, ARGUMENT },
    { "each: nothing", each_nothing, UDMAR_EINVAL, ARGUMENT },
    { "each: endless", each_endless, UDMAR_EINVAL, ARGUMENT },
    { "each: twice", each_twice, UDMAR_EBUSY, LOADED_TWICE },
    { "sg: no count", sg_no_count, UDMAR_EINVAL, ARGUMENT },
    { "sg: twice", sg_twice, UDMAR_EBUSY, LOADED_TWICE },
    { "sg: another tag's map", sg_other_map, UDMAR_EINVAL, WRONG_MAP },
    { "unload twice", unload_twice, VOID, UNLOADED_TWICE },
    { "unload of null", unload_null, VOID, NONE },
    { "sync of an unloaded map", sync_unloaded, VOID, SYNCED },
    { "sync of null", sync_null, VOID, NONE },
    { "destroy of a loaded map", destroy_loaded, UDMAR_EBUSY, ENDED_LOADED },
    { "destroy of another tag's map", destroy_other, UDMAR_EINVAL, WRONG_MAP },
    { "destroy of a map of dmamem", destroy_of_memory, UDMAR_EINVAL, WRONG_MAP },
    { "destroy without a tag", destroy_without_tag, UDMAR_EINVAL, WRONG_MAP },
    { "map_create without a result", create_null, UDMAR_EINVAL, ARGUMENT },
    { "dmamem_alloc without a result", alloc_null, UDMAR_EINVAL, ARGUMENT },
    { "dmamem_free of null", free_null, VOID, ARGUMENT },
    { "dmamem_free without a tag", free_without_tag, VOID, ARGUMENT },
    { "dmamem_free with a plain map", free_other, VOID, WRONG_MAP },
    { "dmamem_free of other memory", free_elsewhere, VOID, WRONG_MAP },
    { "tag_destroy with maps", destroy_tag_in_use, UDMAR_EBUSY, IN_USE },
    { "tag_destroy of the root", destroy_root, UDMAR_EINVAL, IN_USE },
    { "tag: maxsegsz", bad_size, UDMAR_EINVAL, REFUSED },
    { "tag: no result", tag_without_result, UDMAR_EINVAL, REFUSED },
    { "set_domain: out of range", bad_domain, UDMAR_EINVAL, REFUSED },
    { "set_domain: maps exist", late_domain, UDMAR_EBUSY, IN_USE },
    { "template: unknown key", bad_key, UDMAR_EINVAL, REFUSED },
};

/* The counters as an array. */
static void read_counts(struct scene *s, uint64_t out[NONE])
{
    struct udmar_dma_counts c;

    udmar_dma_counts(s->f.instance, &c);
    out[REFUSED] = c.tags_refused;
    out[ARGUMENT] = c.wrong_arguments;
    out[WRONG_MAP] = c.wrong_maps;
    out[LOADED_TWICE] = c.loaded_twice;
    out[UNLOADED_TWICE] = c.unloaded_twice;
    out[SYNCED] = c.synced_unloaded;
    out[ENDED_LOADED] = c.ended_loaded;
    out[IN_USE] = c.ended_in_use;
    out[TOO_MANY] = c.too_many_segments;
    out[NO_RESOURCES] = c.no_resources;
    out[CANCELLED] = c.cancelled;
}

/* Does the loaded map still do what it did, and the unloaded one what it can? */
static void expect_unharmed(struct scene *s)
{
    uint64_t bus;
    uint8_t byte = 0x42;
    int count;
    const struct udmar_dma_segment *segment = udmar_dmamap_segments(s->loaded, &count);

    assert_int_equal(count, 1);
    bus = segment->ds_addr;
    assert_int_equal(model_dma(s->f.m, 0, RID0, bus, &byte, 1, true), MODEL_OK);
    udmar_dmamap_sync(s->tag, s->loaded, UDMAR_DMA_SYNC_POSTREAD);
    assert_int_equal(s->buffer[0], 0x42);
    bus = load_one(s->tag, s->map, s->buffer + PAGE, 100);
    assert_int_equal(model_dma(s->f.m, 0, RID0, bus, &byte, 1, true), MODEL_OK);
    udmar_dmamap_sync(s->tag, s->map, UDMAR_DMA_SYNC_POSTREAD);
    assert_int_equal(s->buffer[PAGE], 0x42);
    udmar_dmamap_unload(s->tag, s->map);
    s->buffer[0] = s->buffer[PAGE] = 0;
}

static void make_all(const char *tunables)
{
    struct scene s;

    open_scene(&s, tunables);
    for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        uint64_t before[NONE], after[NONE];
        size_t bytes, pages;
        int answer;

        /* What a map keeps for its lists is made once; after that nothing grows. */
        (void)mistakes[i].make(&s);
        bytes = model_bytes_in_use(s.f.m);
        pages = model_pages_in_use(s.f.m);
        read_counts(&s, before);
        result.calls = 0;
        answer = mistakes[i].make(&s);
        if (result.calls > 0 && answer == 0)
            answer = result.error; /* told once, by the callback */
        read_counts(&s, after);
        if (answer != mistakes[i].answer)
            fail_msg("%s: answer %d, not %d", mistakes[i].name, answer, mistakes[i].answer);
        for (unsigned c = 0; c < NONE; c++) {
            if (after[c] != before[c] + (c == mistakes[i].counter))
                fail_msg("%s: counter %u went from %u to %u", mistakes[i].name, c,
                         (unsigned)before[c], (unsigned)after[c]);
        }
        assert_int_equal(model_bytes_in_use(s.f.m), bytes);
        assert_int_equal(model_pages_in_use(s.f.m), pages);
        expect_unharmed(&s);
    }
    close_scene(&s);
}

static void test_translated(void **state)
{
    (void)state;
    make_all("");
}

static void test_subpage(void **state)
{
    (void)state;
    make_all("hw.busdma.subpage=1");
}

static void test_bounced(void **state)
{
    (void)state;
    make_all("hw.busdma.default=bounce");
}

static void test_nobody_to_count_for(void **state)
{
    struct udmar_dma_counts counts;
    struct udmar_dma_template values;
    struct udmar_dma_tag *tag;

    (void)state;
    udmar_dma_counts(NULL, NULL);
    memset(&counts, 0xff, sizeof(counts));
    udmar_dma_counts(NULL, &counts);
    assert_int_equal(counts.wrong_arguments, 0);
    assert_false(udmar_bounce_zone_info(NULL, 0, NULL));
    assert_int_equal(load(NULL, NULL, &counts, 1), UDMAR_EINVAL);
    udmar_dmamap_sync(NULL, NULL, 0);
    udmar_dmamem_free(NULL, NULL, NULL);
    assert_int_equal(udmar_dma_tag_destroy(NULL), 0);
    assert_int_equal(udmar_dmamap_destroy(NULL, NULL), 0);
    assert_int_equal(udmar_dma_tag_set_numa_node(NULL, 0), UDMAR_EINVAL);
    udmar_dma_template_init(NULL, NULL);
    udmar_dma_template_fill(NULL, NULL, 3);
    udmar_dma_template_init(&values, NULL);
    udmar_dma_template_fill(&values, NULL, 3);
    udmar_dma_template_clone(&values, NULL);
    udmar_dma_template_clone(NULL, NULL);
    /* A null parent is refused: a tag without a device makes addresses that its unit blocks. */
    assert_int_equal(udmar_dma_template_tag(&values, &tag), UDMAR_EINVAL);
    assert_int_equal(udmar_dma_template_tag(NULL, &tag), UDMAR_EINVAL);
    assert_null(udmar_dmamap_segments(NULL, NULL));
}

/* Without a limit of its own a tag lets any length through, also one that goes once around. */
static void test_length_that_wraps_to_nothing(void **state)
{
    const struct limits limits = { .maxsize = UINT64_MAX };
    struct udmar_dma_map *maps[8];
    struct udmar_dma_tag *tag;
    uint64_t address[8];
    struct fixture f;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    buffer = model_buffer_alloc(f.m, 8 * PAGE, MODEL_SCATTERED, 0);
    for (unsigned i = 0; i < 8; i++) {
        maps[i] = new_map(tag);
        fill_pattern(buffer + i * PAGE, PAGE, i);
        address[i] = load_one(tag, maps[i], buffer + i * PAGE, PAGE);
    }
    for (unsigned i = 0; i < 8; i++) {
        udmar_dmamap_unload(tag, maps[i]);
        /* As many pages as one has, by a sum that overflows. */
        for (uint64_t less = 0; less < 3; less++) {
            assert_int_equal(load(tag, maps[i], buffer + 2, UINT64_MAX - less), 0);
            assert_int_equal(result.error, UDMAR_EINVAL);
        }
        for (unsigned other = 0; other < 8; other++)
            assert_true(other == i ||
                        device_sees(&f, RID0, address[other], buffer + other * PAGE, PAGE));
        address[i] = load_one(tag, maps[i], buffer + i * PAGE, PAGE);
    }
    for (unsigned i = 0; i < 8; i++) {
        udmar_dmamap_unload(tag, maps[i]);
        drop_map(tag, maps[i]);
    }
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translated),
        cmocka_unit_test(test_subpage),
        cmocka_unit_test(test_bounced),
        cmocka_unit_test(test_nobody_to_count_for),
        cmocka_unit_test(test_length_that_wraps_to_nothing),
    };

    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
