/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thousands of random loads, unloads and accesses on several devices at once: a device reaches
 * exactly what is loaded for it now, in the direction it was loaded for.
 */
#include <string.h>

#include "fixture/fixture.h"
#include "fixture/invariants.h"
#include "mapping/cpu_cache.h"

#define MAPS  12
#define STEPS 900

struct slot {
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint64_t maxsize;
    unsigned device;
    uint8_t *buffer;
    uint64_t length;
    uint64_t iova; /* of the last load */
    bool loaded, read_only, used;
};

struct soak {
    struct fixture f;
    struct slot slot[MAPS];
    uint32_t random;
    bool strict;
};

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

static void new_slot(struct soak *s, struct slot *slot)
{
    static const uint64_t sizes[] = { 2048, PAGE, KIB(16), KIB(64), KIB(300), MIB(3) };
    struct limits limits = { .maxsize = sizes[roll_below(&s->random, 6)] };

    if (roll_below(&s->random, 3) == 0)
        limits.lowaddr = 0x0fffffff;
    slot->device = roll_below(&s->random, DEVICES);
    slot->maxsize = limits.maxsize;
    slot->tag = new_tag(&s->f, slot->device, &limits);
    slot->map = new_map(slot->tag);
    slot->used = false;
}

static void drop_slot(struct slot *slot)
{
    drop_map(slot->tag, slot->map);
    drop_tag(slot->tag);
    slot->map = NULL;
}

static void load_slot(struct soak *s, struct slot *slot)
{
    static struct loaded loaded;
    uint64_t most = slot->maxsize;
    unsigned flags = MODEL_SCATTERED;

    /* Scattered pages leave no room for long runs of memory. */
    if (most > KIB(300) && roll_below(&s->random, 4) != 0)
        most = KIB(100);
    slot->length = 1 + roll_below(&s->random, (uint32_t)most);
    if (slot->length <= KIB(8) && roll_below(&s->random, 2) == 0)
        flags = MODEL_CONTIGUOUS;
    slot->read_only = roll_below(&s->random, 3) == 0;
    slot->buffer =
        model_buffer_alloc(s->f.m, (size_t)slot->length, flags, roll_below(&s->random, 4096));
    loaded.calls = 0;
    assert_int_equal(udmar_dmamap_load(slot->tag, slot->map, slot->buffer, slot->length,
                                       note_loaded, &loaded,
                                       slot->read_only ? UDMAR_DMA_NOWRITE : 0),
                     0);
    assert_int_equal(loaded.error, 0);
    assert_int_equal(loaded.count, 1);
    slot->iova = loaded.segment[0].ds_addr;
    slot->loaded = slot->used = true;
}

static void unload_slot(struct soak *s, struct slot *slot)
{
    udmar_dmamap_unload(slot->tag, slot->map);
    slot->loaded = false;
    if (!s->strict)
        (void)model_queue_step(s->f.u, 4096);
    model_buffer_free(s->f.m, slot->buffer);
}

/* Is this page loaded for the device by anybody, and may it be written? */
static const struct slot *owner(const struct soak *s, unsigned device, uint64_t iova)
{
    for (unsigned i = 0; i < MAPS; i++) {
        const struct slot *slot = &s->slot[i];

        if (slot->map != NULL && slot->loaded && slot->device == device &&
            iova / PAGE >= slot->iova / PAGE &&
            iova / PAGE <= (slot->iova + slot->length - 1) / PAGE)
            return slot;
    }
    return NULL;
}

/* An access at some place that was loaded once, by some device. */
static void access_somewhere(struct soak *s)
{
    const struct slot *slot = &s->slot[roll_below(&s->random, MAPS)], *found;
    unsigned device =
        roll_below(&s->random, 4) == 0 ? roll_below(&s->random, DEVICES) : slot->device;
    bool write = roll_below(&s->random, 2) == 0, allowed;
    uint64_t at;
    uint8_t byte = (uint8_t)roll(&s->random);

    if (!slot->used)
        return;
    at = slot->iova + roll_below(&s->random, (uint32_t)slot->length);
    found = owner(s, device, at);
    allowed = found != NULL && !(write && found->read_only);
    assert_int_equal(model_dma(s->f.m, 0, rids[device], at, &byte, 1, write) == MODEL_OK, allowed);
    if (allowed && at >= found->iova && at < found->iova + found->length)
        assert_int_equal(found->buffer[at - found->iova], byte);
}

static void step(struct soak *s)
{
    struct slot *slot = &s->slot[roll_below(&s->random, MAPS)];

    if (slot->map == NULL)
        new_slot(s, slot);
    else if (slot->loaded)
        unload_slot(s, slot);
    else if (roll_below(&s->random, 8) == 0)
        drop_slot(slot);
    else
        load_slot(s, slot);
    for (unsigned i = 0; i < 6; i++)
        access_somewhere(s);
}

/* Each map, and now and then all there is. */
static void look_at_state(const struct soak *s, unsigned turn)
{
    for (unsigned i = 0; i < MAPS; i++)
        assert_null(s->slot[i].map == NULL ? NULL : invariants_broken_of_map(s->slot[i].map));
    assert_null(turn % 64 == 0 ? invariants_broken(s->f.instance) : NULL);
}

static void soak(const struct setup *setup, uint32_t seed, const struct model_behaviour *behaviour)
{
    struct soak s = { .random = seed };
    struct udmar_domain_info info;

    fixture_open(&s.f, setup);
    *model_behaviour(s.f.u) = *behaviour;
    udmar_domain_info(s.f.domain, &info);
    s.strict = info.strict;
    for (unsigned i = 0; i < STEPS; i++) {
        step(&s);
        look_at_state(&s, i);
    }
    for (unsigned i = 0; i < MAPS; i++) {
        if (s.slot[i].map != NULL && s.slot[i].loaded)
            unload_slot(&s, &s.slot[i]);
        if (s.slot[i].map != NULL)
            drop_slot(&s.slot[i]);
    }
    udmar__cpu_caches_trim(s.f.domain); /* the arena that is kept */
    udmar_domain_info(s.f.domain, &info);
    assert_int_equal(info.table_pages, 1);
    assert_int_equal(fixture_violations(&s.f), 0);
    fixture_close(&s.f);
}

/* ---- Kinds of machines ----------------------------------------------------------------------- */

static const struct model_behaviour friendly;

static void test_soak_every_profile(void **state)
{
    const struct model_profile *profile;

    (void)state;
    for (unsigned i = 0; (profile = model_profile_at(i)) != NULL; i++) {
        const struct setup setup = { .profile = profile->name };

        soak(&setup, 1000 + i, &friendly);
    }
}

static void test_soak_with_small_windows_and_ranges(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm", "two-level" };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct setup setup = { .profile = profiles[i], .window_limit = KIB(16) };

        soak(&setup, 2000 + i, &friendly);
    }
}

static void test_soak_without_a_direct_map(void **state)
{
    const struct setup setup = { .profile = "noncoherent",
                                 .no_direct_map = true,
                                 .machine = { .no_virtual = true, .prefer_high = true } };

    (void)state;
    soak(&setup, 3000, &friendly);
}

static void test_soak_deferred(void **state)
{
    static const char *const profiles[] = { "generic48", "cm", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct setup setup = { .profile = profiles[i], .tunables = "hw.dmar.strict=0" };

        soak(&setup, 4000 + i, &friendly);
    }
}

/* Caches that fetch ahead and forget at will, queues that answer late. */
static void test_soak_nervous_hardware(void **state)
{
    static const struct model_behaviour nervous[] = {
        { .prefetch = true },
        { .evict = 3, .prefetch = true },
        { .queue_mode = MODEL_QUEUE_DELAYED, .queue_delay = 20, .prefetch = true },
        { .queue_mode = MODEL_QUEUE_TRICKLE },
        { .no_walk_caches = true },
    };

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        soak(&(struct setup){ .profile = "generic48" }, 5000 + i, &nervous[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soak_every_profile),
        cmocka_unit_test(test_soak_with_small_windows_and_ranges),
        cmocka_unit_test(test_soak_without_a_direct_map),
        cmocka_unit_test(test_soak_deferred),
        cmocka_unit_test(test_soak_nervous_hardware),
    };

    return cmocka_run_group_tests_name("soak", tests, NULL, NULL);
}
