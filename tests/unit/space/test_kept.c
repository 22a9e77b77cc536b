/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small mappings at addresses that the caller chose, in leaf tables that stay:
 * udmar_domain_write(), _publish(), _clear() and _forget(), beside udmar_domain_map() and _unmap()
 * in the same domain.
 */
#include <pthread.h>
#include <string.h>

#include "../empty.h"
#include "fixture/fixture.h"

#include "space/pte.h"

#define MIB(n) (UINT64_C(1048576) * (n))
#define PAGE   UINT64_C(4096)
#define AT     MIB(64)
#define RMRR   MIB(20)

static const char *const profiles[] = { "generic48", "noncoherent", "cm", "rwbf", "oldest" };

struct scene {
    struct fixture f;
    struct udmar_domain *domain;
    uint8_t *memory; /* 16 MiB that begin at a large page */
    uint64_t physical;
};

static void open_scene(struct scene *s, const struct setup *setup)
{
    struct udmar_domain_config config = { .keep_tables = true };

    fixture_open(&s->f, setup);
    s->physical = MIB(16);
    model_reserve(s->f.m, s->physical, MIB(16));
    s->memory = model_pointer(s->f.m, s->physical);
    assert_int_equal(udmar_domain_create(s->f.instance, &config, &s->domain), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(s->f.device[0], s->domain), UDMAR_OK);
}

static void close_scene(struct scene *s)
{
    assert_int_equal(udmar_device_set_mode(s->f.device[0], UDMAR_MODE_BLOCKED), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(s->f.instance, s->domain), UDMAR_OK);
    fixture_close(&s->f);
}

static uint64_t tables_of(const struct scene *s)
{
    struct udmar_domain_info info;

    udmar_domain_info(s->domain, &info);
    return info.table_pages;
}

static bool sees(struct scene *s, uint64_t iova, uint64_t offset)
{
    return device_sees(&s->f, RID0, iova, s->memory + offset, 64);
}

/* One page and several, across a chunk's border, published together and forgotten together. */
static void test_steps(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 5; n++) {
        const struct setup setup = { .profile = profiles[n] };
        struct scene s;

        open_scene(&s, &setup);
        for (unsigned round = 0; round < 3; round++) {
            const uint64_t base = AT + MIB(2) - 4 * PAGE;
            uint64_t tables;

            for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(udmar_domain_write(s.domain, base + i * PAGE,
                                                    s.physical + (7 - i) * PAGE, PAGE,
                                                    UDMAR_READ_WRITE),
                                 UDMAR_OK);
            }
            assert_int_equal(udmar_domain_publish(s.domain, base, 8 * PAGE), UDMAR_OK);
            for (unsigned i = 0; i < 8; i++)
                assert_true(sees(&s, base + i * PAGE, (7 - i) * PAGE));
            assert_false(can_read(&s.f, RID0, base - 1));
            assert_false(can_read(&s.f, RID0, base + 8 * PAGE));
            tables = tables_of(&s);
            assert_int_equal(udmar_domain_clear(s.domain, base, 8 * PAGE), UDMAR_OK);
            assert_int_equal(udmar_domain_forget(s.domain, base, 8 * PAGE), UDMAR_OK);
            for (unsigned i = 0; i < 8; i++)
                assert_false(can_read(&s.f, RID0, base + i * PAGE));
            /* The tables stay. */
            assert_int_equal(tables_of(&s), tables);
            drain_faults(&s.f);
        }
        close_scene(&s);
    }
}

/* Rights are those that were asked for, and what is there already is not written over. */
static void test_rights_and_doubles(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, NULL);
    assert_int_equal(udmar_domain_write(s.domain, AT, s.physical, PAGE, UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, AT, PAGE), UDMAR_OK);
    assert_true(sees(&s, AT, 0));
    assert_false(can_write(&s.f, RID0, AT));
    /* One page of four is taken: none of them changes. */
    assert_int_equal(udmar_domain_write(s.domain, AT - 2 * PAGE, s.physical + MIB(1), 4 * PAGE,
                                        UDMAR_READ_WRITE),
                     UDMAR_ERR_EXISTS);
    assert_true(sees(&s, AT, 0));
    assert_false(can_read(&s.f, RID0, AT - PAGE));
    assert_false(can_read(&s.f, RID0, AT + PAGE));
    assert_int_equal(udmar_domain_map(s.domain, AT, s.physical, PAGE, UDMAR_READ),
                     UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_unmap(s.domain, AT, PAGE), UDMAR_OK);
    assert_false(can_read(&s.f, RID0, AT));
    drain_faults(&s.f);
    close_scene(&s);
}

/* Bad arguments change nothing. */
static void test_arguments(void **state)
{
    struct scene s;
    struct udmar_domain_info info;

    (void)state;
    open_scene(&s, NULL);
    udmar_domain_info(s.domain, &info);
    for (unsigned n = 0; n < 7; n++) {
        const uint64_t iova = n == 0 ? AT + 1 : n == 1 ? info.end + 1 : AT;
        const uint64_t physical = n == 2   ? s.physical + 512
                                  : n == 3 ? UINT64_C(1) << 52
                                           : s.physical;
        const uint64_t size = n == 4 ? 0 : n == 5 ? PAGE / 2 : PAGE;
        const unsigned access = n == 6 ? 4 : UDMAR_READ;

        assert_int_equal(udmar_domain_write(s.domain, iova, physical, size, access),
                         UDMAR_ERR_ARGUMENT);
        if (n != 2 && n != 3 && n != 6) {
            assert_int_equal(udmar_domain_publish(s.domain, iova, size), UDMAR_ERR_ARGUMENT);
            assert_int_equal(udmar_domain_clear(s.domain, iova, size), UDMAR_ERR_ARGUMENT);
            assert_int_equal(udmar_domain_forget(s.domain, iova, size), UDMAR_ERR_ARGUMENT);
        }
    }
    assert_int_equal(udmar_domain_write(NULL, AT, s.physical, PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_write(s.domain, AT, s.physical, PAGE, 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_publish(NULL, AT, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_clear(NULL, AT, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_forget(NULL, AT, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_forget(s.domain, 0, 0), UDMAR_OK);
    assert_int_equal(tables_of(&s), 1);
    close_scene(&s);
}

/* Large and aligned gets a large leaf, also beside small ones; where small ones have been, small.
 */
static void test_large_leaves(void **state)
{
    struct scene s;
    uint64_t page;
    unsigned access;

    (void)state;
    open_scene(&s, NULL);
    /* The second and third of four chunks are whole. */
    assert_int_equal(udmar_domain_write(s.domain, AT + MIB(1), s.physical + MIB(1), MIB(6), 3),
                     UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, AT + MIB(1), MIB(6)), UDMAR_OK);
    for (unsigned i = 1; i < 7; i++) {
        assert_true(sees(&s, AT + MIB(i), MIB(i)));
        assert_int_equal(udmar_domain_translate(s.domain, AT + MIB(i), NULL, &access, &page),
                         UDMAR_OK);
        assert_int_equal(page, i >= 2 && i < 6 ? MIB(2) : PAGE);
    }
    assert_int_equal(udmar_domain_clear(s.domain, AT + MIB(1), MIB(6)), UDMAR_OK);
    assert_int_equal(udmar_domain_forget(s.domain, AT + MIB(1), MIB(6)), UDMAR_OK);
    for (unsigned i = 1; i < 7; i++)
        assert_false(can_read(&s.f, RID0, AT + MIB(i)));
    assert_int_equal(udmar_domain_write(s.domain, AT, s.physical, MIB(2), 3), UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, AT, MIB(2)), UDMAR_OK);
    assert_int_equal(udmar_domain_translate(s.domain, AT, NULL, &access, &page), UDMAR_OK);
    assert_int_equal(page, PAGE);
    assert_true(sees(&s, AT + MIB(2) - PAGE, MIB(2) - PAGE));
    assert_int_equal(udmar_domain_unmap(s.domain, AT, MIB(2)), UDMAR_OK);
    drain_faults(&s.f);
    close_scene(&s);
}

/* What is reserved is not the caller's, and its neighbours are. */
static void test_beside_firmware(void **state)
{
    const struct setup setup = { .rmrr_base = RMRR, .rmrr_limit = RMRR + 2 * PAGE - 1 };
    struct scene s;

    (void)state;
    open_scene(&s, &setup);
    assert_int_equal(udmar_domain_write(s.domain, RMRR + PAGE, s.physical, PAGE, 3),
                     UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_domain_write(s.domain, RMRR + 2 * PAGE, s.physical, PAGE, 3), UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, RMRR + 2 * PAGE, PAGE), UDMAR_OK);
    assert_true(sees(&s, RMRR + 2 * PAGE, 0));
    assert_true(can_read(&s.f, RID0, RMRR));
    assert_int_equal(udmar_domain_clear(s.domain, RMRR, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_clear(s.domain, RMRR + 2 * PAGE, PAGE), UDMAR_OK);
    assert_int_equal(udmar_domain_forget(s.domain, RMRR + 2 * PAGE, PAGE), UDMAR_OK);
    assert_false(can_read(&s.f, RID0, RMRR + 2 * PAGE));
    assert_true(can_read(&s.f, RID0, RMRR));
    drain_faults(&s.f);
    close_scene(&s);
}

/* Addresses that were handed out by the domain take the ordinary way, and their tables go back. */
static void test_beside_allocated(void **state)
{
    struct scene s;
    udmar_iova_t iova;
    uint64_t tables;

    (void)state;
    open_scene(&s, NULL);
    tables = tables_of(&s);
    assert_int_equal(udmar_domain_alloc_iova(s.domain, 4 * PAGE, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_write(s.domain, iova, s.physical, 4 * PAGE, 3), UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, iova, 4 * PAGE), UDMAR_OK);
    assert_true(sees(&s, iova, 0));
    assert_int_equal(udmar_domain_clear(s.domain, iova, 4 * PAGE), UDMAR_OK);
    assert_int_equal(udmar_domain_forget(s.domain, iova, 4 * PAGE), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(s.domain, iova), UDMAR_OK);
    assert_int_equal(tables_of(&s), tables);
    /* And what is kept is handed out to nobody. */
    assert_int_equal(udmar_domain_write(s.domain, MIB(2), s.physical, PAGE, 3), UDMAR_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(udmar_domain_alloc_iova(s.domain, MIB(1), NULL, &iova), UDMAR_OK);
        assert_true(iova + MIB(1) <= MIB(2) || iova >= MIB(4));
    }
    assert_int_equal(udmar_domain_unmap(s.domain, MIB(2), PAGE), UDMAR_OK);
    close_scene(&s);
}

/* Each call to the host fails in turn: an error, nothing is mapped, and the next call goes on. */
static void test_without_memory(void **state)
{
    enum udmar_status status = UDMAR_ERR_MEMORY;
    unsigned failures = 0;
    struct scene s;

    (void)state;
    open_scene(&s, NULL);
    for (unsigned call = 1; status != UDMAR_OK; call++) {
        assert_true(call < 40);
        model_fail_host_call(s.f.m, call, true);
        status = udmar_domain_write(s.domain, AT + MIB(2) - 2 * PAGE, s.physical, 4 * PAGE, 3);
        model_fail_host_call(s.f.m, 0, false);
        if (status != UDMAR_OK) {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            assert_false(can_read(&s.f, RID0, AT + MIB(2) - 2 * PAGE));
            failures++;
        }
    }
    assert_true(failures >= 4);
    assert_int_equal(udmar_domain_publish(s.domain, AT + MIB(2) - 2 * PAGE, 4 * PAGE), UDMAR_OK);
    assert_true(sees(&s, AT + MIB(2) + PAGE, 3 * PAGE));
    assert_int_equal(udmar_domain_unmap(s.domain, AT + MIB(2) - 2 * PAGE, 4 * PAGE), UDMAR_OK);
    drain_faults(&s.f);
    close_scene(&s);
}

/* A unit that does not answer: said, and the next success vouches for it. */
static void test_unit_is_silent(void **state)
{
    const struct setup setup = { .profile = "v6", .tunables = "hw.dmar.timeout=100000" };
    struct scene s;

    (void)state;
    open_scene(&s, &setup);
    assert_int_equal(udmar_domain_map(s.domain, AT, s.physical, 2 * PAGE, 3), UDMAR_OK);
    assert_int_equal(udmar_domain_write(s.domain, AT + 8 * PAGE, s.physical, PAGE, 3), UDMAR_OK);
    assert_int_equal(udmar_domain_publish(s.domain, AT + 8 * PAGE, PAGE), UDMAR_OK);
    assert_true(sees(&s, AT, 0) && sees(&s, AT + 8 * PAGE, 0));
    assert_int_equal(udmar_domain_clear(s.domain, AT, 2 * PAGE), UDMAR_OK);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_domain_forget(s.domain, AT, 2 * PAGE), UDMAR_ERR_TIMEOUT);
    model_behaviour(s.f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar_domain_clear(s.domain, AT + 8 * PAGE, PAGE), UDMAR_OK);
    assert_int_equal(udmar_domain_forget(s.domain, AT + 8 * PAGE, PAGE), UDMAR_OK);
    assert_false(can_read(&s.f, RID0, AT));
    assert_false(can_read(&s.f, RID0, AT + 8 * PAGE));
    drain_faults(&s.f);
    s.f.forgive_pages = true;
    close_scene(&s);
}

/* Without such tables the steps do the same, slowly. */
static void test_in_other_domains(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = { .no_direct_map = n == 1 };
        struct scene s;
        struct udmar_domain_config config = { .keep_tables = n == 1 };

        open_scene(&s, &setup);
        assert_int_equal(udmar_device_set_mode(s.f.device[0], UDMAR_MODE_BLOCKED), UDMAR_OK);
        assert_int_equal(udmar_domain_destroy(s.f.instance, s.domain), UDMAR_OK);
        assert_int_equal(udmar_domain_create(s.f.instance, &config, &s.domain), UDMAR_OK);
        assert_int_equal(udmar_device_set_domain(s.f.device[0], s.domain), UDMAR_OK);
        assert_int_equal(udmar_domain_write(s.domain, AT, s.physical, 3 * PAGE, 3), UDMAR_OK);
        assert_int_equal(udmar_domain_publish(s.domain, AT, 3 * PAGE), UDMAR_OK);
        assert_true(sees(&s, AT + 2 * PAGE, 2 * PAGE));
        assert_int_equal(udmar_domain_clear(s.domain, AT, 3 * PAGE), UDMAR_OK);
        assert_int_equal(udmar_domain_forget(s.domain, AT, 3 * PAGE), UDMAR_OK);
        assert_false(can_read(&s.f, RID0, AT));
        assert_int_equal(tables_of(&s), 1);
        drain_faults(&s.f);
        close_scene(&s);
    }
}

/* Threads that fill the same chunks, each its own pages, and make them at the same moment. */
struct worker {
    struct scene *s;
    pthread_t thread;
    unsigned number;
    unsigned wrong;
};

static void *fill(void *argument)
{
    struct worker *worker = argument;
    struct scene *s = worker->s;

    for (unsigned i = 0; i < 200; i++) {
        uint64_t iova = AT + MIB(2) * (i % 20) + (worker->number * 8 + i / 20 % 8) * PAGE;

        worker->wrong += udmar_domain_write(s->domain, iova, s->physical, PAGE, 3) != UDMAR_OK;
        worker->wrong += udmar_domain_publish(s->domain, iova, PAGE) != UDMAR_OK;
        worker->wrong += udmar_domain_clear(s->domain, iova, PAGE) != UDMAR_OK;
        worker->wrong += udmar_domain_forget(s->domain, iova, PAGE) != UDMAR_OK;
    }
    return NULL;
}

static void test_threads(void **state)
{
    const struct setup setup = { .cpus = 4 };
    struct worker workers[4];
    struct scene s;

    (void)state;
    open_scene(&s, &setup);
    for (unsigned i = 0; i < 4; i++) {
        workers[i] = (struct worker){ .s = &s, .number = i };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, fill, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_false(can_read(&s.f, RID0, AT));
    drain_faults(&s.f);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_rights_and_doubles),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_large_leaves),
        cmocka_unit_test(test_beside_firmware),
        cmocka_unit_test(test_beside_allocated),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_unit_is_silent),
        cmocka_unit_test(test_in_other_domains),
        cmocka_unit_test(test_threads),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
