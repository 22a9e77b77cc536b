/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each operation of the public interface with each thing failing that it relies on: the first host
 * call, the second, the third... once and from then on; each wait for hardware; an error at each
 * descriptor of the queue. Until the operation passes untouched.
 *
 *   UDMAR_OPERATION=name   only this one
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inject.h"

#define MANY 600u

static const uint16_t rids[DEVICES] = { RID0, RID1, RID2 };

/* ---- What devices reach, as a digest --------------------------------------------------------- */

struct digest {
    uint64_t sum;
    uint64_t leaves;
    uint64_t iova, physical, size; /* the run of leaves that goes on */
    unsigned rights;
    bool moves; /* where it is does not matter */
};

static void mix(struct digest *d, uint64_t word)
{
    d->sum = (d->sum ^ word) * UINT64_C(0x100000001b3);
    d->sum ^= d->sum >> 29;
}

/* Where the interrupt of a live source arrives. */
static void add_interrupt(struct digest *d, struct trial *t)
{
    uint32_t destination = 0;
    uint8_t vector = 0;

    if (!t->fires)
        return;
    mix(d, model_interrupt(t->f.m, 0, RID0, t->message.address, t->message.data, &vector,
                           &destination));
    mix(d, (uint64_t)vector << 32 | destination);
}

static void close_run(struct digest *d)
{
    if (d->size != 0) {
        mix(d, d->moves ? 0 : d->iova);
        mix(d, d->physical);
        mix(d, d->size);
        mix(d, d->rights);
    }
    d->size = 0;
}

/* Leaves that join count as one: sizes of pages do not matter. */
static void add_leaf(void *context, uint64_t iova, uint64_t size, uint64_t physical, bool readable,
                     bool writable)
{
    struct digest *d = context;
    unsigned rights = (unsigned)readable | (unsigned)writable << 1;

    if (d->size != 0 && d->iova + d->size == iova && d->physical + d->size == physical &&
        d->rights == rights) {
        d->size += size;
        return;
    }
    close_run(d);
    d->iova = iova;
    d->physical = physical;
    d->size = size;
    d->rights = rights;
}

static uint64_t digest(struct trial *t, bool moves)
{
    struct digest d = { .sum = 14695981039346656037u, .moves = moves };

    for (unsigned i = 0; i < DEVICES; i++) {
        struct model_translation seen =
            model_translate(t->f.m, 0, rids[i], UINT64_C(0x300000), true);

        mix(&d, (uint64_t)seen.result);
        mix(&d, seen.pass_through);
        model_visit_leaves(t->f.m, 0, rids[i], add_leaf, &d);
        close_run(&d);
    }
    add_interrupt(&d, t);
    return d.sum;
}

/* ---- Trials ---------------------------------------------------------------------------------- */

static unsigned injected; /* failures, all in all */

static unsigned how_many(void)
{
    return operation_count + stream_operation_count + deferred_operation_count +
           domain_operation_count + interrupt_operation_count + suspend_operation_count;
}

static const struct operation *operation_at(unsigned i)
{
    if (i < operation_count)
        return &operations[i];
    i -= operation_count;
    if (i < stream_operation_count)
        return &stream_operations[i];
    i -= stream_operation_count;
    if (i < deferred_operation_count)
        return &deferred_operations[i];
    i -= deferred_operation_count;
    if (i < domain_operation_count)
        return &domain_operations[i];
    i -= domain_operation_count;
    return i < interrupt_operation_count ? &interrupt_operations[i]
                                         : &suspend_operations[i - interrupt_operation_count];
}

static bool is_wanted(const struct operation *op, const char *profile)
{
    const char *only = getenv("UDMAR_OPERATION");

    /* Interrupt remapping needs the queue. */
    if (op->interrupts != NULL && (model_profile(profile)->ecap & 2) == 0)
        return false;
    return only == NULL || strcmp(only, op->name) == 0;
}

static void open_trial(struct trial *t, const struct operation *op, const char *profile)
{
    const struct setup setup = {
        .profile = profile,
        .window_limit = op->window_limit,
        .tunables = op->lazy ? "hw.dmar.timeout=300000 hw.dmar.strict=0" : "hw.dmar.timeout=300000",
        .ticking = op->lazy,
        .interrupts = op->interrupts,
        .machine = { .low_base = MIB(1), .low_size = MIB(12), .high_size = MIB(4) }
    };

    memset(t, 0, sizeof(*t));
    fixture_open(&t->f, &setup);
    if (op->prepare != NULL)
        op->prepare(t);
}

static void close_trial(struct trial *t, const struct operation *op)
{
    if (op->finish != NULL)
        op->finish(t);
    drain_faults(&t->f);
    fixture_close(&t->f);
}

static unsigned stale(struct trial *t)
{
    return model_cache_stale(t->f.u) + model_interrupts_stale(t->f.u);
}

static void warm(struct trial *t)
{
    model_cache_warm(t->f.u);
    model_interrupts_warm(t->f.u);
}

static void give_up(const struct operation *op, const char *what, unsigned n)
{
    fail_msg("%s, %u: %s", op->name, n, what);
}

/* ---- Host calls ------------------------------------------------------------------------------ */

/* One sweep over all host calls; leaves everything as it was. */
static void sweep_host(struct trial *t, const struct operation *op, const char *profile,
                       unsigned kinds, bool persistent, bool fresh)
{
    for (unsigned n = 1;; n++) {
        enum answer answer;
        uint64_t before;
        bool failed;

        if (fresh && n > 1) {
            close_trial(t, op);
            open_trial(t, op, profile);
        }
        before = digest(t, op->moves);

        assert_true(n < MANY);
        model_fail_host_calls_of(t->f.m, kinds, n, persistent);
        answer = op->act(t);
        failed = model_host_calls_failed(t->f.m) != 0;
        model_fail_host_call(t->f.m, 0, false);
        injected += failed;
        if (answer != DONE && (!failed || (answer != NO_MEMORY && answer != NO_UNIT)))
            give_up(op, "a status that is not documented for this", n);
        if (answer == DONE) {
            op->undo(t);
        } else if (op->changes_on_failure) {
            assert_int_equal(op->act(t), DONE);
            op->undo(t);
        }
        if (digest(t, op->moves) != before)
            give_up(op, "devices reach something else than before", n);
        if (stale(t) != 0)
            give_up(op, "caches know something that is not so any more", n);
        if (!failed)
            break;
    }
}

static void host_calls(const char *profile)
{
    static const unsigned kinds[] = { MODEL_CALL_ANY, MODEL_CALL_PAGE_ALLOC, MODEL_CALL_ALLOC };
    for (unsigned i = 0; i < how_many(); i++) {
        const struct operation *op = operation_at(i);
        size_t pages, bytes;
        struct trial t;

        if (!is_wanted(op, profile))
            continue;
        open_trial(&t, op, profile);
        for (unsigned k = 0; k < 3; k++) {
            sweep_host(&t, op, profile, kinds[k], false, op->fresh);
            sweep_host(&t, op, profile, kinds[k], true, op->fresh);
        }
        if (op->fresh)
            sweep_host(&t, op, profile, MODEL_CALL_ANY, false, false);
        /* Caches of the library are full by now: another round must not take any more. */
        pages = model_pages_in_use(t.f.m);
        bytes = model_bytes_in_use(t.f.m);
        sweep_host(&t, op, profile, MODEL_CALL_ANY, false, false);
        sweep_host(&t, op, profile, MODEL_CALL_ANY, true, false);
        if (!op->grows &&
            (model_pages_in_use(t.f.m) != pages || model_bytes_in_use(t.f.m) != bytes))
            give_up(op, "memory is lost with each failure", 0);
        close_trial(&t, op);
    }
}

static void test_host_calls(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm", "oldest" };

    (void)state;
    injected = 0;
    for (unsigned i = 0; i < 4; i++)
        host_calls(profiles[i]);
    print_message("# %u operations, %u failures of the host\n", how_many(), injected);
}

/* ---- Waits for hardware ---------------------------------------------------------------------- */

/* The hardware answers again: the same call has to work now, and nothing old may be left. */
static void recover(struct trial *t, const struct operation *op, enum answer answer, unsigned n)
{
    if (answer != DONE && answer != NO_ANSWER && answer != NO_MEMORY && answer != NO_UNIT)
        give_up(op, "a status that is not documented for this", n);
    if (answer != DONE && (op->retry != NULL ? op->retry : op->act)(t) != DONE)
        give_up(op, "does not work when the hardware works again", n);
    op->undo(t);
    /* Once more without trouble: what an unload without a status has left open is closed now. */
    if (op->act(t) != DONE)
        give_up(op, "does not work any more", n);
    if (stale(t) != 0)
        give_up(op, "caches know something that is not so any more", n);
    op->undo(t);
}

static bool hang(struct trial *t, const struct operation *op, unsigned n, bool persistent)
{
    enum answer answer;
    bool hung;

    warm(t);
    model_hang_wait(t->f.u, n, persistent);
    answer = op->act(t);
    hung = model_waits_hung(t->f.u) != 0;
    if (!hung && answer != DONE)
        give_up(op, "fails without a reason", n);
    model_release_waits(t->f.u);
    recover(t, op, answer, n);
    return hung;
}

/* A unit that does not carry out one command is given the next one all the same: the last resort.
 */
static void forgive_haste(struct trial *t)
{
    unsigned hasty = 0;

    for (unsigned i = 0; i < model_violations(t->f.m); i++)
        hasty += strstr(model_violation_text(t->f.m, i), "before the command before") != NULL ||
                 strstr(model_violation_text(t->f.m, i), "more than one command at a") != NULL;
    if (hasty == model_violations(t->f.m))
        model_clear_violations(t->f.m);
}

static void hanging_waits(const char *profile)
{
    for (unsigned i = 0; i < how_many(); i++) {
        const struct operation *op = operation_at(i);

        if (!is_wanted(op, profile))
            continue;
        for (unsigned persistent = 0; persistent < 2; persistent++) {
            bool hung = true;

            /* A unit that hung may have been given up for good: each time a machine of its own. */
            for (unsigned n = 1; hung; n++) {
                struct trial t;

                assert_true(n < MANY);
                open_trial(&t, op, profile);
                hung = hang(&t, op, n, persistent != 0);
                injected += hung;
                t.f.forgive_pages = op->keeps_tables && hung;
                forgive_haste(&t);
                close_trial(&t, op);
            }
        }
    }
}

static void test_hanging_waits(void **state)
{
    static const char *const profiles[] = { "generic48", "cm", "oldest" };

    (void)state;
    injected = 0;
    for (unsigned i = 0; i < 3; i++)
        hanging_waits(profiles[i]);
    print_message("# %u operations, %u waits that hung\n", how_many(), injected);
}

/* ---- Errors of the queue --------------------------------------------------------------------- */

static bool queue_error(struct trial *t, const struct operation *op, enum model_queue_error error,
                        unsigned n, uint32_t fetched)
{
    struct model_unit_stats *stats = model_stats(t->f.u);
    unsigned descriptors = stats->descriptors;
    enum answer answer;

    warm(t);
    model_inject_queue_error(t->f.u, n, error, RID0, fetched);
    answer = op->act(t);
    model_inject_queue_error(t->f.u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    /* One error is repaired: nobody notices. */
    if (answer != DONE)
        give_up(op, "an error of the queue is not repaired", n);
    if (error != MODEL_QUEUE_ICE && stale(t) != 0)
        give_up(op, "caches know something that is not so any more", n);
    descriptors = stats->descriptors - descriptors;
    recover(t, op, answer, n);
    return descriptors >= n;
}

static void test_queue_errors(void **state)
{
    static const enum model_queue_error errors[] = { MODEL_QUEUE_IQE, MODEL_QUEUE_ITE,
                                                     MODEL_QUEUE_ITE, MODEL_QUEUE_ICE };

    (void)state;
    injected = 0;
    for (unsigned i = 0; i < how_many(); i++) {
        const struct operation *op = operation_at(i);

        if (!is_wanted(op, "generic48"))
            continue;
        for (unsigned k = 0; k < 4; k++) {
            struct trial t;

            open_trial(&t, op, k % 2 == 0 ? "generic48" : "cm");
            for (unsigned n = 1; queue_error(&t, op, errors[k], n, k == 1 ? 0 : MODEL_NEVER); n++)
                injected++;
            close_trial(&t, op);
        }
    }
    print_message("# %u operations, %u errors of the queue\n", how_many(), injected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_calls),
        cmocka_unit_test(test_hanging_waits),
        cmocka_unit_test(test_queue_errors),
    };

    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
