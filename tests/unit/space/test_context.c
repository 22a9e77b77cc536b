/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contexts: who may use which domain, and that caches forget it when that changes.
 */
#include <string.h>

#include "../../empty.h"
#include "space/context.h"
#include "fixture/fixture.h"

#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

/* Every kind of unit. */
static const char *const profiles[] = { "generic48", "noncoherent", "rwbf",     "oldest",
                                        "cm",        "five-level",  "small-nd", "two-level",
                                        "bigwindow", "modern",      "v6",       "qemu39" };
#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

/* One page of RAM that the device reaches at its own place. */
static void map_page(struct fixture *f, struct udmar_domain *domain)
{
    (void)f;
    assert_int_equal(udmar_domain_map(domain, MIB(64), MIB(4), PAGE, UDMAR_READ_WRITE), UDMAR_OK);
}

static void test_detach_blocks_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        const struct setup setup = { .profile = profiles[i] };
        struct fixture f;

        fixture_open(&f, &setup);
        map_page(&f, fixture_own_domain(&f));
        assert_true(can_read(&f, RID0, MIB(64)));
        assert_true(model_cache_count(f.u, MODEL_CACHE_CONTEXT) > 0);
        assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
        f.device[0] = NULL;
        assert_false(can_read(&f, RID0, MIB(64)));
        fixture_close(&f);
    }
}

/* In caching mode the unit has seen that there was nothing. */
static void test_attach_is_seen_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        const struct setup setup = { .profile = profiles[i], .not_attached = true };
        struct fixture f;

        fixture_open(&f, &setup);
        for (unsigned round = 0; round < 3; round++) {
            assert_false(can_read(&f, RID0, MIB(64)));
            assert_false(can_read(&f, RID1, MIB(64)));
            assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]),
                             UDMAR_OK);
            map_page(&f, udmar_device_domain(f.device[0]));
            assert_true(can_read(&f, RID0, MIB(64)));
            assert_false(can_read(&f, RID1, MIB(64)));
            empty_domain(udmar_device_domain(f.device[0]));
            assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
            f.device[0] = NULL;
        }
        fixture_close(&f);
    }
}

/* A new domain gets the old one's id sooner or later: nothing of the old one may be left. */
static void test_domain_ids_are_clean_when_used_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        const struct setup setup = { .profile = profiles[i] };
        struct fixture f;

        fixture_open(&f, &setup);
        model_behaviour(f.u)->prefetch = true;
        for (unsigned round = 0; round < 8; round++) {
            struct udmar_domain *domain;

            map_page(&f, fixture_own_domain(&f));
            assert_true(can_read(&f, RID0, MIB(64)));
            assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
            fixture_disown_domain(&f);
            assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]),
                             UDMAR_OK);
            domain = udmar_device_domain(f.device[0]);
            assert_false(can_read(&f, RID0, MIB(64)));
            assert_int_equal(udmar_domain_map(domain, MIB(64), MIB(8), PAGE, UDMAR_READ), UDMAR_OK);
            assert_int_equal(model_translate_cached(f.m, 0, RID0, MIB(64), false).physical, MIB(8));
            assert_false(can_write(&f, RID0, MIB(64)));
            assert_int_equal(udmar_domain_unmap(domain, MIB(64), PAGE), UDMAR_OK);
        }
        fixture_close(&f);
    }
}

static void check_mode(struct fixture *f, enum udmar_mode mode)
{
    /* Addresses in RAM, not far from its beginning; nothing is mapped by hand. */
    bool physical = mode != UDMAR_MODE_TRANSLATE && mode != UDMAR_MODE_BLOCKED;

    assert_int_equal(can_read(f, RID0, MIB(4)), physical);
    assert_int_equal(can_write(f, RID0, MIB(5)), physical);
}

static void test_mode_changes_are_seen_at_once(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_BLOCKED,   UDMAR_MODE_PASSTHROUGH,
                                             UDMAR_MODE_BOUNCE,    UDMAR_MODE_TRANSLATE,
                                             UDMAR_MODE_BLOCKED,   UDMAR_MODE_IDENTITY };

    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        struct setup setup = { .profile = profiles[i] };
        struct fixture f;

        if (strcmp(profiles[i], "two-level") == 0)
            setup.machine.high_size = MODEL_NO_HIGH; /* it could not map memory above 1 GiB */
        fixture_open(&f, &setup);
        for (unsigned n = 0; n < 16; n++) {
            assert_int_equal(udmar_device_set_mode(f.device[0], modes[n % 8]), UDMAR_OK);
            check_mode(&f, modes[n % 8]);
        }
        assert_int_equal(udmar_device_set_mode(f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
        fixture_close(&f);
    }
}

/* Hardware must have been told before the entry is used: old domain id, then the domain's tables.
 */
static void test_invalidations_of_a_clear(void **state)
{
    struct fixture f;
    struct udmar_domain_info info;
    const struct model_invalidation *entry;

    (void)state;
    fixture_open(&f, NULL);
    udmar_domain_info(f.domain, &info);
    model_clear_invalidation_log(f.u);
    assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
    f.device[0] = NULL;
    entry = model_invalidation_log(f.u, 0);
    assert_int_equal(entry->kind, MODEL_INV_CONTEXT);
    assert_int_equal(entry->granularity, MODEL_DEVICE_OR_PAGE);
    assert_int_equal(entry->did, info.domain_id);
    assert_int_equal(entry->sid, RID0);
    entry = model_invalidation_log(f.u, 1);
    assert_int_equal(entry->kind, MODEL_INV_IOTLB);
    assert_int_equal(entry->granularity, MODEL_DOMAIN);
    assert_int_equal(entry->did, info.domain_id);
    fixture_close(&f);
}

static void test_set_in_caching_mode_flushes_id_zero(void **state)
{
    const struct setup setup = { .profile = "cm", .not_attached = true };
    struct fixture f;
    const struct model_invalidation *entry;

    (void)state;
    fixture_open(&f, &setup);
    model_clear_invalidation_log(f.u);
    assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]), UDMAR_OK);
    entry = model_invalidation_log(f.u, model_invalidation_count(f.u) - 3);
    assert_int_equal(entry->kind, MODEL_INV_CONTEXT);
    assert_int_equal(entry->did, 0);
    assert_int_equal(entry->sid, RID0);
    fixture_close(&f);
}

static void test_set_without_caching_mode_asks_nothing(void **state)
{
    const struct setup setup = { .not_attached = true };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    model_clear_invalidation_log(f.u);
    assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]), UDMAR_OK);
    assert_int_equal(model_invalidation_count(f.u), 0);
    fixture_close(&f);
}

/* The entry is never seen half-written, whenever hardware looks. */
static void look_at_context(void *context, struct model *m, enum model_event event)
{
    unsigned *strange = context;
    struct model_translation t = model_translate(m, 0, RID0, MIB(64), false);

    (void)event;
    /* Reason 1: no root entry, 2: no context entry, 6: not mapped, 7 and others: a wrong entry. */
    *strange += t.result == MODEL_BLOCKED && t.reason != 1 && t.reason != 2 && t.reason != 6;
}

static void test_entries_are_never_half_written(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROFILES; i++) {
        const struct setup setup = { .profile = profiles[i], .not_attached = true };
        struct fixture f;
        unsigned strange = 0;

        fixture_open(&f, &setup);
        model_set_hook(f.m, look_at_context, &strange);
        for (unsigned round = 0; round < 3; round++) {
            assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]),
                             UDMAR_OK);
            assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
            f.device[0] = NULL;
        }
        model_set_hook(f.m, NULL, NULL);
        assert_int_equal(strange, 0);
        fixture_close(&f);
    }
}

/* ---- Failures -------------------------------------------------------------------------------- */

static void test_attach_without_memory(void **state)
{
    static const char *const kinds[] = { "generic48", "cm", "oldest" };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct setup setup = { .profile = kinds[i], .not_attached = true };
        enum udmar_status status = UDMAR_ERR_MEMORY;
        struct fixture f;

        fixture_open(&f, &setup);
        for (unsigned n = 1; status != UDMAR_OK; n++) {
            size_t bytes = model_bytes_in_use(f.m);

            model_fail_host_call(f.m, n, false);
            status = udmar_device_attach(f.instance, 0, RID0, NULL, &f.device[0]);
            model_fail_host_call(f.m, 0, false);
            if (status != UDMAR_OK) {
                assert_int_equal(status, UDMAR_ERR_MEMORY);
                assert_int_equal(model_bytes_in_use(f.m), bytes);
                assert_int_equal(model_translate(f.m, 0, RID0, 0, false).result, MODEL_BLOCKED);
            }
        }
        map_page(&f, udmar_device_domain(f.device[0]));
        assert_true(can_read(&f, RID0, MIB(64)));
        fixture_close(&f);
    }
}

/* As long as the unit has not confirmed, the tables stay, however often somebody asks. */
static void test_detach_that_is_not_answered(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };
    struct fixture f;
    size_t pages;

    (void)state;
    fixture_open(&f, &setup);
    map_page(&f, fixture_own_domain(&f));
    assert_true(can_read(&f, RID0, MIB(64)));
    pages = model_pages_in_use(f.m);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_ERR_TIMEOUT);
        (void)can_read(&f, RID0, MIB(64));
        assert_int_equal(model_pages_in_use(f.m), pages);
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
    f.device[0] = NULL;
    assert_false(can_read(&f, RID0, MIB(64)));
    fixture_close(&f);
}

/* Uses the context as soon as it is there; what the unit had cached before has been evicted. */
static void use_context(void *context, struct model *m, enum model_event event)
{
    bool *used = context;
    struct model_translation t = model_translate(m, 0, RID0, MIB(64), false);
    uint8_t byte;

    (void)event;
    if (!*used && t.reason == 6) {
        model_cache_drop_all(model_unit_at(m, 0));
        (void)model_dma(m, 0, RID0, MIB(64), &byte, 1, false);
        *used = true;
    }
}

/*
 * In caching mode an attach can stay unanswered. The device may have used its context meanwhile:
 * the tables that the unit then knows must never become other people's memory.
 */
static void test_attach_that_is_not_answered(void **state)
{
    const struct setup setup = { .profile = "cm",
                                 .tunables = SHORT_TIMEOUT,
                                 .not_attached = true,
                                 .machine = { .hold_interrupts = true } };
    struct fixture f;
    struct udmar_device *device;
    bool used = false;
    void *buffer;

    (void)state;
    fixture_open(&f, &setup);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    model_set_hook(f.m, use_context, &used);
    assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &device), UDMAR_ERR_TIMEOUT);
    model_set_hook(f.m, NULL, NULL);
    assert_true(used);
    buffer = model_buffer_alloc(f.m, KIB(64), 0, 0);
    memset(buffer, 3, KIB(64));
    assert_false(can_read(&f, RID0, MIB(128)));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_false(can_read(&f, RID0, MIB(128)));
    model_buffer_free(f.m, buffer);
    /* The unit answers again: the requester id is not lost for ever. */
    assert_int_equal(udmar_device_attach(f.instance, 0, RID0, NULL, &device), UDMAR_OK);
    map_page(&f, udmar_device_domain(device));
    assert_true(can_read(&f, RID0, MIB(64)));
    empty_domain(udmar_device_domain(device));
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    assert_false(can_read(&f, RID0, MIB(64)));
    assert_int_equal(fixture_violations(&f), 0);
    /* What was given up is lost on purpose. */
    f.forgive = true;
    fixture_close(&f);
}

/* All ids of a unit with 16 of them: number 0 is not used, the 16th device gets none. */
static void test_domain_ids_run_out(void **state)
{
    const struct setup setup = { .profile = "small-nd", .not_attached = true };
    struct udmar_device *device[20];
    struct fixture f;
    unsigned count = 0;
    enum udmar_status status;

    (void)state;
    fixture_open(&f, &setup);
    for (;; count++) {
        uint16_t rid = (uint16_t)(0x0040 + 8 * count);

        model_add_function(f.m, 0, rid, 0x8086, 0x10d3, 0x020000);
        status = udmar_device_attach(f.instance, 0, rid, NULL, &device[count]);
        if (status != UDMAR_OK)
            break;
        assert_true(count < 15);
        map_page(&f, udmar_device_domain(device[count]));
        assert_true(can_read(&f, rid, MIB(64)));
    }
    assert_int_equal(status, UDMAR_ERR_DOMAIN_ID);
    assert_int_equal(count, 15);
    assert_false(can_read(&f, (uint16_t)(0x0040 + 8 * 15), MIB(64)));
    while (count > 0) {
        empty_domain(udmar_device_domain(device[--count]));
        assert_int_equal(udmar_device_detach(device[count]), UDMAR_OK);
    }
    fixture_close(&f);
}

/* Between any two instructions: a context that is not there yet, or all of it. */
struct wholeness {
    unsigned absent, whole, other;
};

static void judge_context(void *context, struct model *m)
{
    struct wholeness *look = context;
    struct model_translation t = model_translate(m, 0, RID0, MIB(64), false);

    if (t.result == MODEL_OK)
        look->whole++;
    else if (t.reason == 1 || t.reason == 2) /* root, context entry not present */
        look->absent++;
    else
        look->other++;
}

static void test_context_appears_whole(void **state)
{
    struct udmar_domain *domain;
    struct udmar_unit *unit;
    struct wholeness look = { 0 };
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    map_page(&f, f.domain);
    domain = f.domain;
    unit = domain->unit;
    /* A domain without a context, but with its binding. */
    domain->bindings->context_refs++;
    assert_int_equal(udmar__context_clear(unit, RID0, domain), UDMAR_OK);
    model_step_begin(f.m, judge_context, &look);
    assert_int_equal(udmar__context_set(unit, RID0, domain), UDMAR_OK);
    model_step_end(f.m);
    domain->bindings->context_refs--;
    assert_true(look.absent > 0);
    assert_true(look.whole > 0);
    assert_int_equal(look.other, 0);
    assert_true(can_read(&f, RID0, MIB(64)));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detach_blocks_at_once),
        cmocka_unit_test(test_attach_is_seen_at_once),
        cmocka_unit_test(test_domain_ids_are_clean_when_used_again),
        cmocka_unit_test(test_context_appears_whole),
        cmocka_unit_test(test_mode_changes_are_seen_at_once),
        cmocka_unit_test(test_invalidations_of_a_clear),
        cmocka_unit_test(test_set_in_caching_mode_flushes_id_zero),
        cmocka_unit_test(test_set_without_caching_mode_asks_nothing),
        cmocka_unit_test(test_entries_are_never_half_written),
        cmocka_unit_test(test_attach_without_memory),
        cmocka_unit_test(test_detach_that_is_not_answered),
        cmocka_unit_test(test_attach_that_is_not_answered),
        cmocka_unit_test(test_domain_ids_run_out),
    };

    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
