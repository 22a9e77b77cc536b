/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads that wait for guest addresses or memory under translation: who may, what has them tried
 * again, in which order, how long, and that nobody is forgotten.
 */
#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/memdesc.h>

#include "fixture/bounce.h"
#include "policy/instance.h"

#define LOW_16M  UINT64_C(0xffffff)
#define MAPS     6u
#define DEADLINE UINT64_C(10000000000) /* ns */

struct room;

struct one {
    struct room *room;
    unsigned number;
    bus_dmamap_t map;
    uint8_t *buffer;
    int calls, error, count;
    uint64_t bus;
};

struct room {
    struct fixture f;
    bus_dma_tag_t tag, unlocked;
    bus_dmamap_t unlocked_map;
    struct one one[MAPS];
    char story[64]; /* L and U of the lock, digits for callbacks, ! for errors */
    /* The second processor gives back at this allocation. */
    unsigned allocations, when;
    struct one *gives;
};

static void tell(struct room *r, char what)
{
    size_t length = strlen(r->story);

    assert_true(length + 1 < sizeof(r->story));
    r->story[length] = what;
}

static void lock_room(void *argument, enum udmar_dma_lock_op op)
{
    tell(argument, op == UDMAR_DMA_LOCK ? 'L' : 'U');
}

static void note(void *argument, bus_dma_segment_t *segments, int count, int error)
{
    struct one *one = argument;

    one->calls++;
    one->error = error;
    one->count = count;
    one->bus = count > 0 ? segments[0].ds_addr : 0;
    tell(one->room, error == 0 ? (char)('0' + one->number) : '!');
}

/* Maps without windows, whose loads look for addresses below 16 MiB. */
static void open_room(struct room *r, const char *tunables, bool ticking)
{
    const struct setup setup = { .tunables = tunables,
                                 .window_limit = PAGE,
                                 .ticking = ticking,
                                 .machine = { .low_size = MIB(48), .high_size = MIB(64) } };

    memset(r, 0, sizeof(*r));
    fixture_open(&r->f, &setup);
    assert_int_equal(bus_dma_tag_create(udmar_device_dma_tag(r->f.device[0]), 1, 0, LOW_16M,
                                        UINT64_MAX, NULL, NULL, MIB(40), 16, UINT64_MAX, 0,
                                        lock_room, r, &r->tag),
                     0);
    assert_int_equal(bus_dma_tag_create(r->tag, 1, 0, LOW_16M, UINT64_MAX, NULL, NULL, MIB(40), 16,
                                        UINT64_MAX, 0, NULL, NULL, &r->unlocked),
                     0);
    r->unlocked_map = new_map(r->unlocked);
    for (unsigned i = 0; i < MAPS; i++)
        r->one[i] = (struct one){ .room = r, .number = i, .map = new_map(r->tag) };
    r->one[0].buffer = model_buffer_alloc(r->f.m, MIB(20), MODEL_HIGH | MODEL_CONTIGUOUS, 0);
    for (unsigned i = 1; i < MAPS; i++)
        r->one[i].buffer = r->one[0].buffer + i * KIB(64);
}

static void close_room(struct room *r)
{
    model_fail_host_call(r->f.m, 0, false);
    model_set_hook(r->f.m, NULL, NULL);
    for (unsigned i = 0; i < MAPS; i++) {
        bus_dmamap_unload(r->tag, r->one[i].map);
        drop_map(r->tag, r->one[i].map);
    }
    drop(r->unlocked, r->unlocked_map);
    drop_tag(r->tag);
    model_buffer_free(r->f.m, r->one[0].buffer);
    assert_int_equal(r->f.instance->dma.wait_space.hopeful, 0);
    fixture_close(&r->f);
}

static int start(struct room *r, unsigned number, uint64_t size, int flags)
{
    struct one *one = &r->one[number];

    one->calls = 0;
    return bus_dmamap_load(r->tag, one->map, one->buffer, size, note, one, flags);
}

static void end(struct room *r, unsigned number)
{
    bus_dmamap_unload(r->tag, r->one[number].map);
}

static bool sees(struct room *r, unsigned number)
{
    const struct one *one = &r->one[number];

    return device_sees(&r->f, RID0, one->bus, one->buffer, 4096);
}

static void test_addresses_come_back(void **state)
{
    static const char *const tunables[] = { "", "hw.dmar.strict=0" };
    static struct room r;

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        open_room(&r, tunables[n], false);
        assert_int_equal(start(&r, 0, MIB(9), 0), 0);
        /* NOWAIT, and without a lock: at once, and returned. */
        assert_int_equal(start(&r, 1, MIB(9), BUS_DMA_NOWAIT), UDMAR_ENOMEM);
        assert_int_equal(bus_dmamap_load(r.unlocked, r.unlocked_map, r.one[0].buffer, MIB(9), note,
                                         &r.one[2], 0),
                         UDMAR_ENOMEM);
        assert_string_equal(r.story, "0!!");
        assert_int_equal(start(&r, 1, MIB(9), 0), UDMAR_EINPROGRESS);
        assert_int_equal(r.one[1].calls, 0);
        /* Busy for all until then. */
        assert_int_equal(
            bus_dmamap_load(r.tag, r.one[1].map, r.one[1].buffer, 1, note, &r.one[1], 0),
            UDMAR_EBUSY);
        assert_int_equal(bus_dmamap_destroy(r.tag, r.one[1].map), UDMAR_EBUSY);
        end(&r, 0);
        assert_string_equal(r.story, "0!!L1U");
        assert_int_equal(r.one[1].error, 0);
        assert_true(sees(&r, 1));
        close_room(&r);
    }
}

/* A later load that would fit does not overtake the one that waits, once it has to wait itself. */
static void test_first_come_first_served(void **state)
{
    static struct room r;

    (void)state;
    open_room(&r, "", false);
    assert_int_equal(start(&r, 0, MIB(5), 0), 0);
    assert_int_equal(start(&r, 1, MIB(5), 0), 0);
    assert_int_equal(start(&r, 2, MIB(11), 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&r, 3, MIB(9), 0), UDMAR_EINPROGRESS);
    end(&r, 0);
    assert_string_equal(r.story, "01LU");
    end(&r, 1);
    /* Both have room one after the other only. */
    assert_string_equal(r.story + strlen("01LU"), "L2ULU");
    end(&r, 2);
    assert_string_equal(r.story + strlen("01LUL2ULU"), "L3U");
    assert_true(sees(&r, 3));
    close_room(&r);
}

/* What can never be had is told at once, by the callback alone. */
static void test_what_never_fits(void **state)
{
    static struct room r;

    (void)state;
    open_room(&r, "", false);
    assert_int_equal(start(&r, 1, MIB(1), 0), 0);
    assert_int_equal(start(&r, 0, MIB(17), 0), 0);
    assert_int_equal(r.one[0].calls, 1);
    assert_int_equal(r.one[0].error, UDMAR_ENOMEM);
    close_room(&r);
}

/* The only map there is: nobody could give anything back. */
static void test_nobody_else(void **state)
{
    struct fixture f;
    const struct setup setup = { .window_limit = PAGE };
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    static struct loaded loaded;
    uint8_t *buffer;

    (void)state;
    fixture_open(&f, &setup);
    tag = locked_tag(&f, LOW_4G, MIB(2), 1);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, MIB(1), 0, 0);
    model_fail_host_call(f.m, 1, true);
    assert_int_equal(bus_dmamap_load(tag, map, buffer, MIB(1), note_loaded, &loaded, 0), 0);
    assert_int_equal(loaded.calls, 1);
    assert_int_equal(loaded.error, UDMAR_ENOMEM);
    model_fail_host_call(f.m, 0, false);
    drop(tag, map);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static unsigned wakes;

static void wake(void *argument)
{
    (void)argument;
    wakes++;
}

/* Each call to the host fails in turn: it waits, and the thread that the tick wakes loads it. */
static void test_memory_comes_back(void **state)
{
    static struct room r;
    unsigned waited = 0;

    (void)state;
    for (unsigned strict = 0; strict < 2; strict++) {
        int error = UDMAR_EINPROGRESS;

        for (unsigned call = 1; error != 0; call++) {
            assert_true(call < 40);
            open_room(&r, strict ? "" : "hw.dmar.strict=0", true);
            udmar_dma_on_waiting(r.f.instance, wake, NULL);
            wakes = 0;
            model_fail_host_call(r.f.m, call, true);
            error = start(&r, 0, MIB(3), 0);
            if (error != 0) {
                assert_int_equal(error, UDMAR_EINPROGRESS);
                waited++;
                /* In vain, and again. */
                udmar_tick(r.f.instance);
                assert_int_equal(wakes, 1);
                udmar_dma_run_waiting(r.f.instance);
                assert_int_equal(r.one[0].calls, 0);
                model_fail_host_call(r.f.m, 0, false);
                udmar_tick(r.f.instance);
                assert_int_equal(wakes, 2);
                assert_int_equal(r.one[0].calls, 0); /* not in the tick */
                udmar_dma_run_waiting(r.f.instance);
            }
            assert_int_equal(r.one[0].calls, 1);
            assert_int_equal(r.one[0].error, 0);
            assert_true(sees(&r, 0));
            wakes = 0;
            udmar_tick(r.f.instance);
            assert_int_equal(wakes, 0);
            udmar_dma_on_waiting(r.f.instance, NULL, NULL);
            close_room(&r);
        }
    }
    assert_true(waited >= 4);
}

/* Not for ever. */
static void test_deadline(void **state)
{
    static struct room r;

    (void)state;
    open_room(&r, "", true);
    assert_int_equal(start(&r, 0, MIB(9), 0), 0);
    assert_int_equal(start(&r, 1, MIB(9), 0), UDMAR_EINPROGRESS);
    model_advance_time(r.f.m, DEADLINE / 2);
    udmar_dma_run_waiting(r.f.instance);
    assert_int_equal(r.one[1].calls, 0);
    model_advance_time(r.f.m, DEADLINE);
    udmar_dma_run_waiting(r.f.instance);
    assert_int_equal(r.one[1].calls, 1);
    assert_int_equal(r.one[1].error, UDMAR_ENOMEM);
    assert_int_equal(r.one[1].count, 0);
    /* The map is as good as new. */
    end(&r, 0);
    assert_int_equal(start(&r, 1, MIB(9), 0), 0);
    close_room(&r);
}

/* ---- Called off, kinds of loads, the second processor ---------------------------------------- */

static void test_called_off(void **state)
{
    struct udmar_dma_counts counts;
    static struct room r;

    (void)state;
    open_room(&r, "", false);
    assert_int_equal(start(&r, 0, MIB(9), 0), 0);
    assert_int_equal(start(&r, 1, MIB(12), 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&r, 2, MIB(7), 0), UDMAR_EINPROGRESS);
    assert_int_equal(start(&r, 3, MIB(3), 0), 0); /* it asks for what is there */
    end(&r, 3);
    assert_string_equal(r.story, "03LU");
    /* The one that held up the other goes; the other has its turn. */
    end(&r, 1);
    assert_int_equal(r.one[1].calls, 0);
    end(&r, 0);
    assert_int_equal(r.one[2].calls, 1);
    assert_int_equal(r.one[2].error, 0);
    udmar_dma_counts(r.f.instance, &counts);
    assert_int_equal(counts.cancelled, 1);
    assert_int_equal(counts.unloaded_twice, 0);
    close_room(&r);
}

/* A list, and a chain of mbufs in a descriptor: gone when its turn comes. */
static void test_lists_are_remembered(void **state)
{
    static struct room r;

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct udmar_dma_physical list[2];
        struct mbuf chain[2] = { { .m_next = &chain[1], .m_len = MIB(4) }, { .m_len = MIB(5) } };
        struct memdesc mem = memdesc_mbuf(chain);
        int error;

        open_room(&r, "", false);
        assert_int_equal(start(&r, 0, MIB(9), 0), 0);
        for (unsigned i = 0; i < 2; i++) {
            chain[i].m_data = (char *)r.one[1].buffer + i * MIB(4);
            list[i].address = physical_of(&r.f, r.one[1].buffer + i * MIB(5));
            list[i].length = MIB(4);
        }
        error = kind == 0
                    ? udmar_dmamap_load_physical(r.tag, r.one[1].map, list, 2, note, &r.one[1], 0)
                    : bus_dmamap_load_mem(r.tag, r.one[1].map, &mem, note, &r.one[1], 0);
        assert_int_equal(error, UDMAR_EINPROGRESS);
        memset(list, 0xff, sizeof(list));
        memset(chain, 0xff, sizeof(chain));
        end(&r, 0);
        assert_int_equal(r.one[1].calls, 1);
        assert_int_equal(r.one[1].error, 0);
        assert_true(sees(&r, 1));
        assert_true(device_sees(&r.f, RID0, r.one[1].bus + MIB(4),
                                r.one[1].buffer + (kind == 0 ? MIB(5) : MIB(4)), 4096));
        close_room(&r);
    }
}

static void give_back(void *context, struct model *m, enum model_event event)
{
    struct room *r = context;

    (void)m;
    if (event == MODEL_EVENT_ALLOC && ++r->allocations == r->when) {
        model_fail_host_call(r->f.m, 0, false);
        bus_dmamap_unload(r->tag, r->gives->map);
    }
}

/* What comes back at any moment of the load is seen: it does not wait then. */
static void test_nothing_is_lost(void **state)
{
    static struct room r;
    unsigned reached = 0;

    (void)state;
    for (unsigned when = 1; when < 16; when++) {
        int error;

        open_room(&r, "", false);
        assert_int_equal(start(&r, 0, MIB(9), 0), 0);
        r.gives = &r.one[0];
        r.when = when;
        model_set_hook(r.f.m, give_back, &r);
        error = start(&r, 1, MIB(9), 0);
        model_set_hook(r.f.m, NULL, NULL);
        if (r.allocations < when) {
            assert_int_equal(error, UDMAR_EINPROGRESS);
            end(&r, 0);
        } else {
            reached++;
        }
        assert_int_equal(r.one[1].calls, 1);
        assert_int_equal(r.one[1].error, 0);
        assert_true(sees(&r, 1));
        close_room(&r);
    }
    assert_true(reached >= 2);
}

/* mfi's flow: the callback completes a command, a result other than 0 and EINPROGRESS starts it
 * again.
 */
static void test_commands_complete_once(void **state)
{
    static struct room r;

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        const uint64_t sizes[] = { MIB(9), MIB(17), MIB(41) };
        int error;

        open_room(&r, "", false);
        assert_int_equal(start(&r, 0, MIB(9), 0), 0);
        error = start(&r, 1, sizes[n], 0);
        assert_true(error == 0 || error == UDMAR_EINPROGRESS);
        end(&r, 0);
        assert_int_equal(r.one[1].calls, 1);
        assert_int_equal(r.one[1].error, n == 0 ? 0 : n == 1 ? UDMAR_ENOMEM : UDMAR_EINVAL);
        close_room(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_come_back), cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_what_never_fits),     cmocka_unit_test(test_nobody_else),
        cmocka_unit_test(test_memory_comes_back),   cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_called_off),          cmocka_unit_test(test_lists_are_remembered),
        cmocka_unit_test(test_nothing_is_lost),     cmocka_unit_test(test_commands_complete_once),
    };

    return cmocka_run_group_tests_name("wait_space", tests, NULL, NULL);
}
