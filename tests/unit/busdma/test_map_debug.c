/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug build of the library (UDMAR_DEBUG_MAPS): who made, loaded and unloaded a map that is
 * left, unloaded twice or freed while loaded. The places must lie in the functions here that did
 * it.
 */
#include <stdlib.h>
#include <string.h>

#include <udmar/bus_dma.h>

#include "fixture/fixture.h"

static struct loaded result;

static volatile int after; /* keeps a call from becoming the last thing a function does */

/* One function for each act, so that a place tells which it was; none may be drawn into others. */
#define ACT __attribute__((noinline))

static ACT int make(bus_dma_tag_t tag, bus_dmamap_t *map)
{
    int error = bus_dmamap_create(tag, 0, map);

    after++;
    return error;
}

static ACT int allocate(bus_dma_tag_t tag, void **memory, bus_dmamap_t *map)
{
    int error = bus_dmamem_alloc(tag, memory, 0, map);

    after++;
    return error;
}

static ACT int load(bus_dma_tag_t tag, bus_dmamap_t map, void *buffer)
{
    int error = bus_dmamap_load(tag, map, buffer, 100, note_loaded, &result, 0);

    after++;
    return error;
}

static ACT void unload(bus_dma_tag_t tag, bus_dmamap_t map)
{
    bus_dmamap_unload(tag, map);
    after++;
}

static ACT void unload_again(bus_dma_tag_t tag, bus_dmamap_t map)
{
    bus_dmamap_unload(tag, map);
    after += 2;
}

static ACT int destroy(bus_dma_tag_t tag, bus_dmamap_t map)
{
    int error = bus_dmamap_destroy(tag, map);

    after++;
    return error;
}

static ACT void release(bus_dma_tag_t tag, void *memory, bus_dmamap_t map)
{
    bus_dmamem_free(tag, memory, map);
    after++;
}

static ACT int end_tag(bus_dma_tag_t tag)
{
    int error = bus_dma_tag_destroy(tag);

    after++;
    return error;
}

/* The first log line with @text. */
static const char *line(struct fixture *f, const char *text)
{
    for (unsigned i = 0; i < model_log_count(f->m); i++) {
        if (strstr(model_log_text(f->m, i), text) != NULL)
            return model_log_text(f->m, i);
    }
    fail_msg("no line says \"%s\"", text);
    return "";
}

/* Does the number behind @what lie in the function? Its code is short, whatever the compiler. */
static void expect_place(const char *text, const char *what, uintptr_t function)
{
    const char *at = strstr(text, what);
    uintptr_t place;

    assert_non_null(at);
    place = (uintptr_t)strtoull(at + strlen(what), NULL, 16);
    if (function == 0)
        assert_int_equal(place, 0);
    else
        assert_true(place > function && place < function + 1024);
}
#define PLACE(function) ((uintptr_t)(function))

struct scene {
    struct fixture f;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    uint8_t *buffer;
};

static void open_scene(struct scene *s)
{
    const struct setup setup = { .not_attached = true };

    fixture_open(&s->f, &setup);
    assert_int_equal(udmar_device_attach(s->f.instance, 0, RID0, "toy0", &s->f.device[0]),
                     UDMAR_OK);
    s->tag = new_tag(&s->f, 0, NULL);
    assert_int_equal(make(s->tag, &s->map), 0);
    s->buffer = model_buffer_alloc(s->f.m, PAGE, 0, 0);
    model_clear_log(s->f.m);
}

static void close_scene(struct scene *s)
{
    model_buffer_free(s->f.m, s->buffer);
    fixture_close(&s->f);
}

static void test_unloaded_twice(void **state)
{
    struct scene s;
    const char *text;

    (void)state;
    open_scene(&s);
    /* Unloading what was never loaded is nothing to report. */
    unload(s.tag, s.map);
    assert_int_equal(model_log_count(s.f.m), 0);
    assert_int_equal(load(s.tag, s.map, s.buffer), 0);
    unload(s.tag, s.map);
    assert_int_equal(model_log_count(s.f.m), 0);
    unload_again(s.tag, s.map);
    text = line(&s.f, "of a map that is not loaded");
    assert_non_null(strstr(text, "toy0 (0000:00:02.0)"));
    expect_place(text, "not loaded at 0x", PLACE(unload_again));
    expect_place(text, "made at 0x", PLACE(make));
    expect_place(text, "last loaded at 0x", PLACE(load));
    expect_place(text, "last unloaded at 0x", PLACE(unload));
    assert_int_equal(destroy(s.tag, s.map), 0);
    assert_int_equal(end_tag(s.tag), 0);
    close_scene(&s);
}

static void test_loaded_twice_and_ended_while_loaded(void **state)
{
    struct scene s;
    const char *text;

    (void)state;
    open_scene(&s);
    assert_int_equal(load(s.tag, s.map, s.buffer), 0);
    assert_int_equal(load(s.tag, s.map, s.buffer), UDMAR_EBUSY);
    text = line(&s.f, "bus_dmamap_load of a loaded map");
    expect_place(text, "a loaded map at 0x", PLACE(load));
    assert_int_equal(destroy(s.tag, s.map), UDMAR_EBUSY);
    text = line(&s.f, "bus_dmamap_destroy of a loaded map");
    assert_non_null(strstr(text, "toy0"));
    expect_place(text, "a loaded map at 0x", PLACE(destroy));
    expect_place(text, "last loaded at 0x", PLACE(load));
    expect_place(text, "last unloaded at 0x", 0);
    unload(s.tag, s.map);
    assert_int_equal(destroy(s.tag, s.map), 0);
    assert_int_equal(end_tag(s.tag), 0);
    close_scene(&s);
}

static void test_freed_while_loaded(void **state)
{
    struct scene s;
    const char *text;
    bus_dmamap_t map;
    void *memory;

    (void)state;
    open_scene(&s);
    assert_int_equal(allocate(s.tag, &memory, &map), 0);
    assert_int_equal(load(s.tag, map, memory), 0);
    release(s.tag, memory, map);
    text = line(&s.f, "bus_dmamem_free of loaded memory");
    expect_place(text, "loaded memory at 0x", PLACE(release));
    expect_place(text, "made at 0x", PLACE(allocate));
    expect_place(text, "last loaded at 0x", PLACE(load));
    assert_int_equal(destroy(s.tag, s.map), 0);
    assert_int_equal(end_tag(s.tag), 0);
    close_scene(&s);
}

static void test_leaks(void **state)
{
    struct scene s;
    bus_dma_tag_t named;
    bus_dma_template_t t;
    bus_dmamap_t other;
    const char *text;

    (void)state;
    open_scene(&s);
    bus_dma_template_init(&t, s.tag);
    BUS_DMA_TEMPLATE_FILL(&t, BD_MAXSIZE(PAGE), BD_NAME("rx"));
    assert_int_equal(bus_dma_template_tag(&t, &named), 0);
    assert_int_equal(make(named, &other), 0);
    assert_int_equal(load(s.tag, s.map, s.buffer), 0);
    /* Only the tag's own. */
    assert_int_equal(end_tag(named), UDMAR_EBUSY);
    text = line(&s.f, "of a tag that is in use");
    expect_place(text, "bus_dma_tag_destroy at 0x", PLACE(end_tag));
    assert_int_equal(model_log_count(s.f.m), 2);
    text = line(&s.f, "a map is left");
    assert_non_null(strstr(text, "toy0 (0000:00:02.0) tag rx"));
    expect_place(text, "made at 0x", PLACE(make));
    expect_place(text, "last loaded at 0x", 0);
    assert_null(strstr(text, "still loaded"));
    /* All of the device's. */
    model_clear_log(s.f.m);
    assert_int_equal(udmar_device_detach(s.f.device[0]), UDMAR_ERR_BUSY);
    assert_int_equal(model_log_count(s.f.m), 2);
    text = line(&s.f, "still loaded");
    expect_place(text, "made at 0x", PLACE(make));
    expect_place(text, "last loaded at 0x", PLACE(load));
    /* A map that has ended is not named. */
    model_clear_log(s.f.m);
    assert_int_equal(destroy(named, other), 0);
    assert_int_equal(udmar_device_detach(s.f.device[0]), UDMAR_ERR_BUSY);
    assert_int_equal(model_log_count(s.f.m), 1);
    unload(s.tag, s.map);
    assert_int_equal(destroy(s.tag, s.map), 0);
    assert_int_equal(end_tag(named), 0);
    assert_int_equal(end_tag(s.tag), 0);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unloaded_twice),
        cmocka_unit_test(test_loaded_twice_and_ended_while_loaded),
        cmocka_unit_test(test_freed_while_loaded),
        cmocka_unit_test(test_leaks),
    };

    return cmocka_run_group_tests_name("map_debug", tests, NULL, NULL);
}
