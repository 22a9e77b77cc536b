/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random courses of start, stop, attach, detach, set_mode, tags and mappings, while units hang,
 * die, answer late or refuse and the host has no memory. Nothing is claimed that is not so, and
 * when all works again what is said and hardware agree and every device works.
 *
 *   UDMAR_COURSES=N       courses (default 1500)
 *   UDMAR_COURSES_SEED=N  the first one's seed (default 1); a failure prints what repeats it
 */
#include "fixture/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/busdma.h>

#include "fixture/claims.h"

#define FUNCTIONS 7u
#define STEPS     14u
#define LEGACY    UINT16_C(0x0508) /* 05:01.0 and 05:02.0, behind a bridge to PCI */

static const uint16_t rids[FUNCTIONS] = { NIC, 0x0020, DISK, 0x00a0, LEGACY, 0x0510, 0x0030 };

static const char *const profiles[] = { "generic48", "modern", "cm",     "rwbf",
                                        "oldest",    "v6",     "qemu39", "noncoherent" };

struct course {
    struct fixture f;
    struct model_unit *u[2];
    uint32_t random;
    struct udmar_device *device[FUNCTIONS];
    struct udmar_dma_tag *tag[FUNCTIONS];
    unsigned attach_refs[FUNCTIONS];
    unsigned starts_failed;
};

static uint32_t dice(struct course *c, uint32_t below)
{
    c->random = c->random * 1664525u + 1013904223u;
    return (c->random >> 8) % below;
}

/* ---- The machine ----------------------------------------------------------------------------- */

static void open_machine(struct course *c)
{
    const struct model_scope mine[2] = { fixture_endpoint(0x0020), fixture_endpoint(0x0030) };
    const struct model_scope rmrr = fixture_endpoint(DISK);
    const struct model_config machine = {
        .low_base = RAM_1, .low_size = 4u << 20, .high_base = RAM_2, .high_size = 2u << 20
    };
    struct model_unit_config first = { .base = BASE_2, .profile = profiles[dice(c, 8)] };
    struct model_unit_config second = { .base = BASE,
                                        .profile = profiles[dice(c, 8)],
                                        .include_all = true };

    if (dice(c, 4) == 0)
        second.ecap_clear = UINT64_C(1) << 6; /* no pass-through */
    fixture_empty(&c->f);
    model_destroy(c->f.m);
    c->f.m = model_create(&machine);
    c->f.page = model_page_alloc(c->f.m);
    c->f.ram[0].size = machine.low_size;
    c->f.ram[1].size = machine.high_size;
    c->f.config.tunables.timeout_ns = 100000;
    c->u[0] = model_add_unit(c->f.m, &first);
    c->u[1] = model_add_unit(c->f.m, &second);
    for (unsigned i = 0; i < 2; i++)
        model_add_unit_scope(c->u[0], &mine[i]);
    model_add_bridge(c->f.m, 0, 0x08, 5, 5, MODEL_PCIE_TO_PCI);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        model_add_function(c->f.m, 0, rids[i], 0x8086, 0x10d3, 0x020000);
    model_add_rmrr(c->f.m, 0, 0x180000, 0x180fff, &rmrr, 1);
    if (dice(c, 2) == 0)
        fixture_tune(&c->f, "hw.dmar.strict", "0");
    if (dice(c, 4) == 0)
        fixture_tune(&c->f, "hw.busdma.default", dice(c, 2) == 0 ? "passthrough" : "identity");
    fixture_create(&c->f);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static void heal_unit(struct model_unit *u)
{
    *model_behaviour(u) = (struct model_behaviour){ .evict = 0 };
    model_release_waits(u);
    model_inject_queue_error(u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    model_refuse_invalidations(u, 0);
    (void)model_queue_step(u, 4096);
}

static void heal(struct course *c)
{
    model_fail_host_call(c->f.m, 0, false);
    heal_unit(c->u[0]);
    heal_unit(c->u[1]);
}

static void harm(struct course *c)
{
    struct model_unit *u = c->u[dice(c, 2)];
    struct model_behaviour *b = model_behaviour(u);

    switch (dice(c, 12)) {
    case 0:
    case 1:
    case 2:
        model_hang_wait(u, 1 + dice(c, 8), dice(c, 2) == 0);
        break;
    case 3:
        model_release_waits(u);
        break;
    case 4:
    case 5:
        model_fail_host_call(c->f.m, 1 + dice(c, 12), dice(c, 2) == 0);
        break;
    case 6:
        b->all_ones = dice(c, 2) == 0;
        break;
    case 7:
        b->gsts_lag = dice(c, 3) == 0 ? MODEL_NEVER : dice(c, 5);
        break;
    case 8:
        b->queue_mode = dice(c, 2) == 0 ? MODEL_QUEUE_DEAD : MODEL_QUEUE_MANUAL;
        break;
    case 9:
        model_inject_queue_error(u, 1 + dice(c, 3), MODEL_QUEUE_IQE + dice(c, 3), NIC, 0);
        break;
    case 10:
        model_refuse_invalidations(u, 1 + dice(c, 3));
        break;
    default:
        b->invalidation_lag = dice(c, 2) == 0 ? MODEL_NEVER : dice(c, 5);
        break;
    }
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void attach(struct course *c, unsigned i)
{
    if (c->attach_refs[i] < 2 &&
        udmar_device_attach(c->f.instance, 0, rids[i], NULL, &c->device[i]) == UDMAR_OK)
        c->attach_refs[i]++;
}

static void detach(struct course *c, unsigned i)
{
    if (c->attach_refs[i] > 0 && udmar_device_detach(c->device[i]) == UDMAR_OK &&
        --c->attach_refs[i] == 0)
        c->device[i] = NULL;
}

static void set_mode(struct course *c, unsigned i)
{
    if (c->attach_refs[i] > 0)
        (void)udmar_device_set_mode(c->device[i], UDMAR_MODE_TRANSLATE + dice(c, 5));
}

static void give_tag_back(struct course *c, unsigned i)
{
    if (c->tag[i] != NULL)
        assert_int_equal(udmar_dma_tag_destroy(c->tag[i]), 0);
    c->tag[i] = NULL;
}

static void use(struct course *c, unsigned i)
{
    struct udmar_dma_tag *root = c->attach_refs[i] > 0 ? udmar_device_dma_tag(c->device[i]) : NULL;

    if (c->tag[i] != NULL)
        give_tag_back(c, i);
    else if (root != NULL)
        (void)udmar_dma_tag_create(root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL, 4096, 1, 4096, 0,
                                   NULL, NULL, &c->tag[i]);
}

static void map_and_unmap(struct course *c, unsigned i)
{
    struct udmar_domain *domain = c->attach_refs[i] > 0 ? udmar_device_domain(c->device[i]) : NULL;

    if (domain == NULL || fixture_info(c->device[i]).mode != UDMAR_MODE_TRANSLATE)
        return;
    (void)udmar_domain_map(domain, IOVA + i * 4096, RAM_1 + 0x40000, 4096, UDMAR_READ_WRITE);
    (void)udmar_domain_unmap(domain, IOVA + i * 4096, 4096);
}

static void operate(struct course *c)
{
    unsigned i = dice(c, FUNCTIONS);

    switch (dice(c, 14)) {
    case 0:
    case 1:
        c->starts_failed += udmar_start(c->f.instance) == UDMAR_ERR_NO_UNIT;
        break;
    case 2:
        (void)udmar_stop(c->f.instance);
        break;
    case 3:
    case 4:
    case 5:
        attach(c, i);
        break;
    case 6:
    case 7:
        if (c->tag[i] == NULL)
            detach(c, i);
        break;
    case 8:
    case 9:
        set_mode(c, i);
        break;
    case 10:
        use(c, i);
        break;
    case 11:
        udmar_tick(c->f.instance);
        (void)udmar_fault_poll(c->f.instance);
        break;
    default:
        map_and_unmap(c, i);
    }
}

/* ---- What has to hold ------------------------------------------------------------------------ */

static void forget(struct course *c)
{
    struct udmar_fault fault;

    model_clear_log(c->f.m);
    (void)udmar_fault_next(c->f.instance, 0, &fault);
}

static bool any_failed(struct course *c)
{
    struct udmar_unit_status status;
    bool failed = false;

    for (unsigned i = 0; udmar_unit_status(c->f.instance, i, &status) == UDMAR_OK; i++)
        failed = failed || status.failed;
    return failed;
}

/* Everything works again: what is started stays so, where all of it is and nothing asks for more.
 */
static bool recover(struct course *c)
{
    heal(c);
    if (!c->f.instance->started || any_failed(c) || dice(c, 2) == 0) {
        for (unsigned i = 0; c->f.instance->started && i < 3; i++)
            (void)udmar_stop(c->f.instance);
        if (udmar_start(c->f.instance) != UDMAR_OK || any_failed(c)) {
            fprintf(stderr, "does not start though nothing is wrong any more\n");
            return false;
        }
    }
    /* The next chance for what was not confirmed. */
    attach(c, 0);
    return c->attach_refs[0] > 0;
}

/* A device in translate mode reaches what is mapped for it, and no longer. */
static bool works(struct course *c, unsigned i)
{
    struct udmar_domain *domain = c->attach_refs[i] > 0 ? udmar_device_domain(c->device[i]) : NULL;
    enum udmar_mode mode = c->attach_refs[i] > 0 ? fixture_info(c->device[i]).mode : 0;
    bool reached;

    if (mode == UDMAR_MODE_PASSTHROUGH || mode == UDMAR_MODE_IDENTITY || mode == UDMAR_MODE_BOUNCE)
        return fixture_reaches(&c->f, rids[i], c->f.page, c->f.page);
    if (mode != UDMAR_MODE_TRANSLATE)
        return true;
    if (udmar_domain_map(domain, IOVA, c->f.page, 4096, UDMAR_READ_WRITE) != UDMAR_OK)
        return false;
    reached = fixture_reaches(&c->f, rids[i], IOVA, c->f.page);
    return udmar_domain_unmap(domain, IOVA, 4096) == UDMAR_OK && reached &&
           fixture_write(&c->f, rids[i], IOVA) == MODEL_BLOCKED;
}

static unsigned judge(struct course *c)
{
    unsigned wrong = claims_disagree(c->f.m, c->f.instance);

    for (unsigned i = 0; i < FUNCTIONS; i++) {
        if (!works(c, i)) {
            fprintf(stderr, "device %04x does not work\n", rids[i]);
            wrong++;
        }
    }
    if (c->f.config.tunables.strict)
        wrong += model_cache_stale(c->u[0]) + model_cache_stale(c->u[1]);
    return wrong;
}

/*
 * The last resort is to give a command though the one before has not ended, and to switch a queue
 * off that does not come to its end.
 */
static unsigned violated(struct course *c)
{
    static const char *const allowed[] = { "before the command before", "before the change before",
                                           "while a command is in progress",
                                           "queue disabled while descriptors wait",
                                           "more than one command at a time" };
    unsigned count = 0;

    for (unsigned i = 0; i < model_violations(c->f.m); i++) {
        const char *text = model_violation_text(c->f.m, i);
        bool known = false;

        for (unsigned n = 0; n < 5; n++)
            known = known || strstr(text, allowed[n]) != NULL;
        if (!known) {
            fprintf(stderr, "violation: %s\n", text);
            count++;
        }
    }
    return count;
}

static void close_course(struct course *c)
{
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        give_tag_back(c, i);
        while (c->attach_refs[i] > 0) {
            assert_int_equal(udmar_device_detach(c->device[i]), UDMAR_OK);
            c->attach_refs[i]--;
        }
    }
    assert_int_equal(udmar_stop(c->f.instance), UDMAR_OK);
    assert_int_equal(udmar_destroy(c->f.instance), UDMAR_OK);
    model_destroy(c->f.m);
}

static unsigned run(uint32_t seed, unsigned *starts_failed)
{
    static struct course c;
    unsigned wrong = 0;

    memset(&c, 0, sizeof(c));
    c.random = seed * 2654435761u + 7;
    open_machine(&c);
    for (unsigned step = 0; step < STEPS && wrong == 0; step++) {
        if (dice(&c, 3) == 0)
            harm(&c);
        if (dice(&c, 6) == 0)
            heal(&c);
        operate(&c);
        wrong += claims_overclaim(c.f.m, c.f.instance, c.f.page);
    }
    if (wrong == 0)
        wrong += recover(&c) ? judge(&c) : 1;
    if (wrong == 0)
        wrong += violated(&c);
    *starts_failed += c.starts_failed;
    forget(&c);
    if (wrong == 0)
        close_course(&c);
    return wrong;
}

static void test_random_courses(void **state)
{
    const char *text = getenv("UDMAR_COURSES");
    uint32_t courses = text == NULL ? 1500 : (uint32_t)strtoul(text, NULL, 10);
    unsigned bad = 0, starts_failed = 0;
    uint32_t seed, first;

    (void)state;
    text = getenv("UDMAR_COURSES_SEED");
    first = text == NULL ? 1 : (uint32_t)strtoul(text, NULL, 10);
    for (seed = first; seed < first + courses; seed++) {
        if (run(seed, &starts_failed) != 0) {
            fprintf(stderr, "UDMAR_COURSES_SEED=%u UDMAR_COURSES=1\n", seed);
            bad++;
        }
    }
    print_message("# %u courses, %u failed starts, %u where what is said and hardware disagree\n",
                  courses, starts_failed, bad);
    assert_int_equal(bad, 0);
    assert_true(courses < 1000 || starts_failed > 10);
}

/* ---- One fault at a time --------------------------------------------------------------------- */

static void silence(struct fixture *f)
{
    model_behaviour(f->u)->queue_mode = MODEL_QUEUE_MANUAL;
}

static void answer(struct fixture *f)
{
    model_behaviour(f->u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f->u, 4096);
}

static void nic_works(struct fixture *f)
{
    assert_int_equal(fixture_info(f->nic).mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(fixture_map(f, IOVA, f->page), UDMAR_OK);
    assert_true(fixture_reaches(f, NIC, IOVA, f->page));
    assert_int_equal(fixture_unmap(f, IOVA), UDMAR_OK);
    assert_int_equal(fixture_write(f, NIC, IOVA), MODEL_BLOCKED);
    assert_int_equal(claims_disagree(f->m, f->instance), 0);
}

/* A detach or a change of mode that is not confirmed changes nothing. */
static void unconfirmed_call_changes_nothing(void **state)
{
    static const char *const profiles[] = { "generic48", "cm", "v6" };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct fixture f;

        fixture_open_nic(&f, profiles[i / 2]);
        nic_works(&f);
        silence(&f);
        if (i % 2 == 0)
            assert_int_equal(udmar_device_detach(f.nic), UDMAR_ERR_TIMEOUT);
        else
            assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_IDENTITY), UDMAR_ERR_TIMEOUT);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
        answer(&f);
        assert_ptr_equal(fixture_attach(&f, NIC), f.nic);
        nic_works(&f);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        fixture_start(&f);
        nic_works(&f);
        fixture_close(&f);
    }
}

/* A device that could not be attached is blocked, and attached by the next try. */
static void unconfirmed_attach_is_none(void **state)
{
    struct udmar_device *device = NULL;
    struct fixture f;

    (void)state;
    for (unsigned again = 0; again < 2; again++) {
        fixture_machine(&f, "cm");
        fixture_tune(&f, "hw.busdma.default", "passthrough");
        fixture_create(&f);
        fixture_start(&f);
        silence(&f);
        assert_int_equal(udmar_device_attach(f.instance, 0, NIC, NULL, &device), UDMAR_ERR_TIMEOUT);
        assert_null(device);
        assert_null(udmar_device_find(f.instance, 0, NIC));
        assert_null(udmar_device_next(f.instance, NULL));
        assert_int_equal(model_translate(f.m, 0, NIC, f.page, true).result, MODEL_BLOCKED);
        if (again)
            assert_int_equal(udmar_device_attach(f.instance, 0, NIC, NULL, &device),
                             UDMAR_ERR_TIMEOUT);
        answer(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        assert_int_equal(claims_disagree(f.m, f.instance), 0);
        fixture_close(&f); /* and nothing has leaked */
    }
}

/* A unit that does not stop, and hangs in the start that follows: the third time all is well. */
static void contexts_survive_a_start_that_hangs(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open_nic(&f, "v6");
    nic_works(&f);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_stop(f.instance), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
    model_release_waits(f.u);
    (void)fixture_violations(&f);
    fixture_start(&f);
    nic_works(&f);
    fixture_close(&f);
}

static void use_tag(struct fixture *f, struct udmar_dma_tag **tag)
{
    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f->nic), 1, 0, UINT64_MAX,
                                          UINT64_MAX, NULL, NULL, 4096, 1, 4096, 0, NULL, NULL,
                                          tag),
                     0);
}

/* Drivers run unprotected after a failed start: they keep what they have when the next one works.
 */
static void device_in_use_keeps_its_memory(void **state)
{
    (void)state;
    for (unsigned early = 0; early < 2; early++) {
        struct udmar_dma_tag *tag;
        struct fixture f;

        fixture_machine(&f, "generic48");
        fixture_create(&f);
        if (early)
            f.nic = fixture_attach(&f, NIC);
        model_hang_wait(f.u, 1, true);
        assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
        if (!early)
            f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
        assert_null(udmar_device_domain(f.nic));
        use_tag(&f, &tag);
        model_release_waits(f.u);
        (void)fixture_violations(&f);
        fixture_start(&f);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_PASSTHROUGH);
        assert_string_equal(fixture_info(f.nic).reason,
                            "it was in use with physical addresses when its unit started");
        assert_true(fixture_reaches(&f, NIC, f.page, f.page));
        assert_int_equal(claims_disagree(f.m, f.instance), 0);
        assert_int_equal(udmar_dma_tag_destroy(tag), 0);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_OK);
        nic_works(&f);
        fixture_close(&f);
    }
}

/* Where the unit can do neither, start says whom it cuts off. */
static void device_that_is_cut_off_is_named(void **state)
{
    struct udmar_dma_tag *tag;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "rwbf");
    f.config.ram_count = 0;
    fixture_create(&f);
    f.nic = fixture_attach(&f, NIC);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
    use_tag(&f, &tag);
    model_release_waits(f.u);
    model_clear_log(f.m);
    (void)fixture_violations(&f);
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_BLOCKED);
    assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_BLOCKED);
    assert_true(model_log_contains(f.m, "dev (0000:00:03.0): its DMA is cut off"));
    assert_int_equal(claims_disagree(f.m, f.instance), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    fixture_close(&f);
}

/* A unit that goes away the moment it gets a command. */
struct vanishing {
    struct model_unit *unit;
    uint32_t bit;
};

static void vanish(void *context, struct model *m, enum model_event event)
{
    struct vanishing *v = context;
    const struct model_unit_stats *s = model_stats(v->unit);

    (void)m;
    if (event == MODEL_EVENT_WRITTEN && (v->bit == TE    ? s->te_on
                                         : v->bit == QIE ? s->qie_on
                                                         : s->srtp) != 0)
        model_behaviour(v->unit)->all_ones = true;
}

static void all_ones_are_no_answer(void **state)
{
    static const uint32_t bits[] = { TE, RTP, QIE };
    static const char *const profiles[] = { "generic48", "modern", "v6", "rwbf" };

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct vanishing v = { .bit = bits[i % 3] };
        struct udmar_unit_status status;
        struct fixture f;

        if (i == 11)
            continue; /* a unit without a queue */
        fixture_machine(&f, profiles[i / 3]);
        v.unit = f.u;
        fixture_create(&f);
        f.nic = fixture_attach(&f, NIC);
        model_set_hook(f.m, vanish, &v);
        assert_int_equal(udmar_start(f.instance), UDMAR_ERR_NO_UNIT);
        model_set_hook(f.m, NULL, NULL);
        assert_false(model_log_contains(f.m, "translation is on"));
        assert_int_equal(udmar_unit_status(f.instance, 0, &status), UDMAR_OK);
        assert_true(status.failed && !status.translating);
        assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_UNPROTECTED);
        model_behaviour(f.u)->all_ones = false;
        fixture_start(&f);
        nic_works(&f);
        (void)fixture_violations(&f);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unconfirmed_call_changes_nothing),
        cmocka_unit_test(unconfirmed_attach_is_none),
        cmocka_unit_test(contexts_survive_a_start_that_hangs),
        cmocka_unit_test(device_in_use_keeps_its_memory),
        cmocka_unit_test(device_that_is_cut_off_is_named),
        cmocka_unit_test(all_ones_are_no_answer),
        cmocka_unit_test(test_random_courses),
    };

    return cmocka_run_group_tests_name("random_courses", tests, NULL, NULL);
}
