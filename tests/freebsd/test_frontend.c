/* SPDX-License-Identifier: BSD-2-Clause */
/* The FreeBSD port's 14 operations on the hardware model, called in FreeBSD's order. */
#include <errno.h>
#include <string.h>

#include "fixture/fixture.h"

#include "frontend.h"

#define AREA     (64 * PAGE)
#define SEGMENTS 16

#define FREEBSD_EINPROGRESS 36

struct scene {
    struct fixture f;
    struct fe_tag *root, *tag;
    struct fe_map *map;
    uint8_t *area;
    struct fe_segment segment[SEGMENTS];
    int count;
};

static uint64_t look_up(void *context, const void *address)
{
    return physical_of(context, address);
}

static void open_scene(struct scene *s, const char *tunables, int nsegments, bool locked)
{
    const struct setup setup = { .tunables = tunables };

    memset(s, 0, sizeof(*s));
    fixture_open(&s->f, &setup);
    fe_open(look_up, &s->f);
    s->root = fe_root(s->f.device[0]);
    assert_non_null(s->root);
    assert_int_equal(fe_tag_create(s->root, AREA, nsegments, AREA, locked, &s->tag), 0);
    assert_int_equal(fe_map_create(s->tag, &s->map), 0);
    s->area = model_buffer_alloc(s->f.m, AREA, MODEL_SCATTERED, 0);
    fill_pattern(s->area, AREA, 7);
}

static void close_scene(struct scene *s)
{
    fe_unload(s->tag, s->map);
    assert_int_equal(fe_tag_destroy(s->tag), EBUSY);
    assert_int_equal(fe_map_destroy(s->tag, s->map), 0);
    assert_int_equal(fe_tag_destroy(s->tag), 0);
    fe_root_end(s->root);
    fe_close();
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

/* Every byte of the pieces is where the segments say, in order; afterwards it is out of reach. */
static void expect_seen(struct scene *s, const struct fe_piece *pieces, int count)
{
    int at = 0;
    uint64_t used = 0;

    for (int i = 0; i < count; i++) {
        for (size_t done = 0; done < pieces[i].length;) {
            uint64_t n = s->segment[at].length - used;

            n = n < pieces[i].length - done ? n : pieces[i].length - done;
            assert_true(device_sees(&s->f, RID0, s->segment[at].address + used,
                                    (uint8_t *)pieces[i].base + done, n));
            used += n;
            done += n;
            if (used == s->segment[at].length) {
                at++;
                used = 0;
            }
        }
    }
    assert_int_equal(at, s->count);
}

static void expect_gone(struct scene *s)
{
    for (int i = 0; i < s->count; i++) {
        assert_false(can_read(&s->f, RID0, s->segment[i].address));
    }
    drain_faults(&s->f);
}

static void make_chain(struct scene *s, struct fe_piece *piece, int count)
{
    for (int i = 0; i < count; i++) {
        piece[i].base = s->area + 2 * (size_t)i * PAGE + (size_t)i * 100;
        piece[i].length = i % 4 == 3 ? 0 : 1500 + 300 * (size_t)i;
    }
}

static void chains(void **state)
{
    struct scene s;
    struct fe_piece piece[8];

    (void)state;
    open_scene(&s, NULL, SEGMENTS, false);
    assert_false(fe_id_mapped(s.tag, 0x100000, PAGE));
    make_chain(&s, piece, 8);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fe_load_chain(s.tag, s.map, piece, 8, s.segment, &s.count), 0);
        fe_sync(s.tag, s.map, 4);
        expect_seen(&s, piece, 8);
        fe_unload(s.tag, s.map);
        fe_unload(s.tag, s.map); /* as iflib does */
        expect_gone(&s);
    }
    close_scene(&s);
}

/* Too many segments in the middle: nothing stays, and the retry with fewer goes through. */
static void too_many_then_retry(void **state)
{
    struct scene s;
    struct fe_piece piece[8];
    struct fe_piece one;
    int count;

    (void)state;
    open_scene(&s, NULL, 3, false);
    make_chain(&s, piece, 8);
    s.segment[0].length = 0;
    assert_int_equal(fe_load_chain(s.tag, s.map, piece, 8, s.segment, &count), EFBIG);
    assert_true(s.segment[0].length > 0);
    assert_false(can_read(&s.f, RID0, s.segment[0].address));
    drain_faults(&s.f);
    one = (struct fe_piece){ s.area, 9000 };
    assert_int_equal(fe_load_chain(s.tag, s.map, &one, 1, s.segment, &s.count), 0);
    expect_seen(&s, &one, 1);
    fe_unload(s.tag, s.map);
    expect_gone(&s);
    close_scene(&s);
}

static void nothing_to_load(void **state)
{
    struct scene s;
    struct fe_piece empty = { NULL, 0 };
    struct fe_piece bad = { (void *)(uintptr_t)16, 100 };

    (void)state;
    open_scene(&s, NULL, 3, false);
    assert_int_equal(fe_load_chain(s.tag, s.map, &empty, 1, s.segment, &s.count), 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(fe_load_chain(s.tag, s.map, &bad, 1, s.segment, &s.count), EINVAL);
    close_scene(&s);
}

/* LinuxKPI loads one map again and again; one unload ends all. */
static void repeated_loads(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, NULL, 1, false);
    for (s.count = 0; s.count < 8; s.count++) {
        uint8_t *page = s.area + 2 * (size_t)s.count * PAGE;

        assert_int_equal(
            fe_load_more(s.tag, s.map, physical_of(&s.f, page), PAGE, &s.segment[s.count]), 0);
        assert_true(device_sees(&s.f, RID0, s.segment[s.count].address, page, PAGE));
    }
    fe_unload(s.tag, s.map);
    expect_gone(&s);
    close_scene(&s);
}

static void page_arrays(void **state)
{
    struct scene s;
    uint64_t pages[17];
    struct fe_piece whole;

    (void)state;
    open_scene(&s, NULL, SEGMENTS, false);
    whole = (struct fe_piece){ s.area + 512, 16 * PAGE };
    for (size_t i = 0; i < 17; i++) {
        pages[i] = physical_of(&s.f, s.area + i * PAGE);
    }
    assert_int_equal(fe_load_pages(s.tag, s.map, pages, 512, 16 * PAGE, s.segment, &s.count), 0);
    assert_int_equal(s.count, 1);
    expect_seen(&s, &whole, 1);
    fe_unload(s.tag, s.map);
    expect_gone(&s);
    close_scene(&s);
}

/* Memory fails at each place in turn: the error comes back, and nothing is left behind. */
static void memory_fails(void **state)
{
    struct scene s;
    struct fe_piece piece[8];
    int error = ENOMEM;
    unsigned failed = 0;

    (void)state;
    open_scene(&s, NULL, SEGMENTS, false);
    make_chain(&s, piece, 8);
    for (unsigned n = 1; error != 0 && n < 200; n++) {
        model_fail_host_call(s.f.m, n, false);
        error = fe_load_chain(s.tag, s.map, piece, 8, s.segment, &s.count);
        model_fail_host_call(s.f.m, 0, false);
        failed += error == ENOMEM;
        assert_true(error == 0 || error == ENOMEM);
    }
    assert_int_equal(error, 0);
    assert_true(failed > 0);
    expect_seen(&s, piece, 8);
    fe_unload(s.tag, s.map);
    expect_gone(&s);
    close_scene(&s);
}

static void start_waiting(struct scene *s, struct fe_piece *piece, struct fe_result *result)
{
    open_scene(s, NULL, SEGMENTS, true);
    make_chain(s, piece, 8);
    model_fail_host_call(s->f.m, 1, true);
    assert_int_equal(fe_load_waiting(s->tag, s->map, piece, 3, result), FREEBSD_EINPROGRESS);
    assert_int_equal(result->calls, 0);
    assert_int_equal(fe_map_destroy(s->tag, s->map), EBUSY);
    assert_int_equal(fe_run_tasks(), 1);
    assert_int_equal(result->calls, 0);
}

static void waits_for_memory(void **state)
{
    struct scene s;
    struct fe_piece piece[8];
    struct fe_result result = { 0 };

    (void)state;
    start_waiting(&s, piece, &result);
    model_fail_host_call(s.f.m, 0, false);
    assert_int_equal(fe_run_tasks(), 1);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, 0);
    assert_true(result.locked);
    s.count = result.count;
    memcpy(s.segment, result.segments, sizeof(s.segment));
    expect_seen(&s, piece, 3);
    fe_unload(s.tag, s.map);
    expect_gone(&s);
    close_scene(&s);
}

static void wait_is_cancelled(void **state)
{
    struct scene s;
    struct fe_piece piece[8];
    struct fe_result result = { 0 };

    (void)state;
    start_waiting(&s, piece, &result);
    model_fail_host_call(s.f.m, 0, false);
    fe_unload(s.tag, s.map);
    fe_run_tasks();
    assert_int_equal(result.calls, 0);
    close_scene(&s);
}

static void wait_ends_in_error(void **state)
{
    struct scene s;
    struct fe_piece piece[8];
    struct fe_result result = { 0 };

    (void)state;
    start_waiting(&s, piece, &result);
    fe_pass_seconds(31);
    assert_int_equal(fe_run_tasks(), 1);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.error, ENOMEM);
    model_fail_host_call(s.f.m, 0, false);
    close_scene(&s);
}

static void memory_for_devices(void **state)
{
    struct scene s;
    struct fe_map *map;
    void *address;
    struct fe_piece whole;

    (void)state;
    open_scene(&s, "hw.dmar.strict=0", SEGMENTS, false);
    assert_int_equal(fe_mem_alloc(s.tag, &address, &map), 0);
    whole = (struct fe_piece){ address, AREA };
    assert_int_equal(fe_load_chain(s.tag, map, &whole, 1, s.segment, &s.count), 0);
    expect_seen(&s, &whole, 1);
    assert_true(device_stores(&s.f, RID0, s.segment[0].address, address, PAGE, 5));
    fe_unload(s.tag, map);
    fe_mem_free(s.tag, address, map);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains),
        cmocka_unit_test(too_many_then_retry),
        cmocka_unit_test(nothing_to_load),
        cmocka_unit_test(repeated_loads),
        cmocka_unit_test(page_arrays),
        cmocka_unit_test(memory_fails),
        cmocka_unit_test(waits_for_memory),
        cmocka_unit_test(wait_is_cancelled),
        cmocka_unit_test(wait_ends_in_error),
        cmocka_unit_test(memory_for_devices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
