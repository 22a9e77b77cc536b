/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random sequences on model, QEMU and dictionary; see random.h.
 *
 *   random [--seed N] [--ops N] [--seconds N] [--model-only] [--replay FILE] [--save FILE]
 *
 * Without --seed, seeds 1, 2, 3... until the time is up (UDMAR_RANDOM_SECONDS, else 20). A sequence
 * that fails is shrunk and saved; --replay runs a saved one. Each run is a process of its own, so
 * that a crash is a result like another. With many seeds, one runs on each processor.
 */
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHRINK_SECONDS 90
#define MOST_WORKERS   4

static const struct machine_ops *qemu = &machine_qemu;
static struct random_progress *progress;

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void qemu_lost(const char *why)
{
    snprintf(progress->complaint, sizeof(progress->complaint), "QEMU: %s", why);
    exit(1);
}

/* What a sequence comes to. Shrinking must not turn one kind of failure into another. */
enum result { PASSED, DISAGREED, CRASHED };

static enum result result_of(const struct random_setup *setup, const struct random_op *ops,
                             unsigned count, bool quiet)
{
    enum result result = CRASHED;
    int status = 0;
    pid_t child;

    memset(progress, 0, sizeof(*progress));
    fflush(stdout);
    child = fork();
    if (child == 0) {
        if (quiet) {
            int null = open("/dev/null", O_WRONLY);

            dup2(null, STDOUT_FILENO);
            dup2(null, STDERR_FILENO);
        }
        alarm(300);
        machine_qemu.on_loss(qemu_lost);
        random_run(qemu, setup, ops, count, progress);
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    if (status == 0 && progress->done)
        return PASSED;
    if (progress->complaint[0] != '\0')
        result = DISAGREED;
    else
        snprintf(progress->complaint, sizeof(progress->complaint), "ended with status %#x", status);
    return result;
}

/* ---- Shrinking ------------------------------------------------------------------------------- */

/* Leaves out pieces, from half of all down to single ones, as long as what is left still fails. */
static unsigned shrink(const struct random_setup *setup, struct random_op *ops, unsigned count,
                       enum result failure)
{
    struct random_op *trial = malloc((count + 1) * sizeof(*trial));
    double end = seconds() + SHRINK_SECONDS;

    if (trial == NULL)
        abort();
    for (unsigned piece = (count + 1) / 2; piece > 0 && seconds() < end;) {
        bool smaller = false;

        for (unsigned at = 0; at < count && seconds() < end;) {
            unsigned gone = count - at < piece ? count - at : piece;

            memcpy(trial, ops, at * sizeof(*ops));
            memcpy(trial + at, ops + at + gone, (count - at - gone) * sizeof(*ops));
            if (result_of(setup, trial, count - gone, true) != failure) {
                at += piece;
                continue;
            }
            count -= gone;
            memcpy(ops, trial, count * sizeof(*ops));
            smaller = true;
        }
        if (piece == 1 && !smaller)
            break;
        piece = piece > 1 ? piece / 2 : 1;
    }
    free(trial);
    return count;
}

static void report_failure(const struct random_setup *setup, struct random_op *ops, unsigned count,
                           enum result failure, const char *path)
{
    printf("# seed %" PRIu32 ": operation %u of %u: %s\n", setup->seed, progress->at, count,
           progress->complaint);
    printf(
        "# width %u, caching mode %u, registers %u, hidden stores %u, e1000 %u, place %u, tag %u\n",
        setup->width, setup->caching, setup->registers, setup->hidden, setup->nic, setup->place,
        setup->tag);
    if (failure == DISAGREED && progress->at + 1 < count)
        count = progress->at + 1; /* nothing behind it matters */
    /* Where QEMU is not needed for it, shrinking is much faster without. */
    if (qemu != NULL) {
        qemu = NULL;
        if (result_of(setup, ops, count, true) != failure)
            qemu = &machine_qemu;
    }
    count = shrink(setup, ops, count, failure);
    (void)result_of(setup, ops, count, false);
    printf("# shrunk to %u operations: %s\n", count, progress->complaint);
    for (unsigned i = 0; i < count && i < 40; i++)
        random_print(&ops[i]);
    if (random_save(path, setup, ops, count))
        printf("# again: test_random --replay %s%s\n", path, qemu == NULL ? " --model-only" : "");
}

/* ---- The command line ------------------------------------------------------------------------ */

struct request {
    uint32_t seed;
    unsigned ops;
    double seconds;
    const char *replay;
    char save[128];
};

static bool run_one(const struct request *q, const struct random_setup *setup,
                    struct random_op *ops, unsigned count)
{
    enum result result = result_of(setup, ops, count, false);

    if (result != PASSED)
        report_failure(setup, ops, count, result, q->save);
    return result == PASSED;
}

static bool run_seed(const struct request *q, uint32_t seed)
{
    struct random_setup setup = random_setup_of(seed);
    struct random_op *ops = malloc(q->ops * sizeof(*ops));
    bool good;

    if (ops == NULL)
        abort();
    random_make(&setup, ops, q->ops);
    good = run_one(q, &setup, ops, q->ops);
    free(ops);
    return good;
}

static bool run_replay(const struct request *q)
{
    struct random_setup setup;
    unsigned count = 0;
    struct random_op *ops = random_load(q->replay, &setup, &count);
    bool good;

    if (ops == NULL) {
        printf("Bail out! cannot read %s\n", q->replay);
        exit(2);
    }
    good = result_of(&setup, ops, count, false) == PASSED;
    if (!good)
        printf("# operation %u of %u: %s\n", progress->at, count, progress->complaint);
    free(ops);
    return good;
}

static void parse(int argc, char **argv, struct request *q)
{
    const char *limit = getenv("UDMAR_RANDOM_SECONDS");

    *q = (struct request){ .ops = 6000, .seconds = limit != NULL ? atof(limit) : 20 };
    snprintf(q->save, sizeof(q->save), "random-failure.txt");
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--model-only") == 0) {
            qemu = NULL;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0)
            q->seed = (uint32_t)strtoul(value, NULL, 0);
        else if (strcmp(argv[i], "--ops") == 0)
            q->ops = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(argv[i], "--seconds") == 0)
            q->seconds = atof(value);
        else if (strcmp(argv[i], "--replay") == 0)
            q->replay = value;
        else if (strcmp(argv[i], "--save") == 0)
            snprintf(q->save, sizeof(q->save), "%s", value);
        else
            value = "";
        if (value[0] == '\0') {
            printf("Bail out! usage: random [--seed N] [--ops N] [--seconds N] [--model-only] "
                   "[--replay FILE] [--save FILE]\n");
            exit(2);
        }
        i++;
    }
    if (q->ops == 0)
        q->ops = 1;
}

/* What the workers have done; shared by all of them. */
struct totals {
    uint32_t seeds;
    uint64_t operations, transactions, faults;
    bool failed; /* the first to set it reports, and the others end */
};

static void *shared(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        abort();
    return at;
}

static void count_seed(struct totals *totals, const struct request *q)
{
    (void)__atomic_add_fetch(&totals->operations, q->ops, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&totals->transactions, progress->transactions, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&totals->faults, progress->faults, __ATOMIC_RELAXED);
}

/* A process that takes the next seed until the time is up. */
static void work(const struct request *q, struct totals *totals, double end)
{
    progress = shared(sizeof(*progress));
    while (seconds() < end && !__atomic_load_n(&totals->failed, __ATOMIC_RELAXED)) {
        struct random_setup setup =
            random_setup_of(__atomic_add_fetch(&totals->seeds, 1, __ATOMIC_RELAXED));
        struct random_op *ops = malloc(q->ops * sizeof(*ops));
        enum result result;

        if (ops == NULL)
            abort();
        random_make(&setup, ops, q->ops);
        result = result_of(&setup, ops, q->ops, false);
        count_seed(totals, q);
        if (result != PASSED && !__atomic_exchange_n(&totals->failed, true, __ATOMIC_RELAXED))
            report_failure(&setup, ops, q->ops, result, q->save);
        free(ops);
    }
}

static bool run_until(const struct request *q)
{
    struct totals *totals = shared(sizeof(*totals));
    long workers = sysconf(_SC_NPROCESSORS_ONLN);
    double start = seconds();
    bool good = true;
    int status;

    workers = workers < 1 ? 1 : workers > MOST_WORKERS ? MOST_WORKERS : workers;
    fflush(stdout);
    for (long i = 0; i < workers; i++) {
        pid_t child = fork();

        if (child < 0)
            abort();
        if (child == 0) {
            work(q, totals, start + q->seconds);
            exit(0);
        }
    }
    for (long i = 0; i < workers; i++) {
        if (wait(&status) < 0 || status != 0)
            good = false;
    }
    printf("# %" PRIu32 " seeds, %" PRIu64 " operations, %" PRIu64 " transactions, %" PRIu64
           " faults in %.0f s, %.0f transactions a second\n",
           totals->seeds, totals->operations, totals->transactions, totals->faults,
           seconds() - start, (double)totals->transactions / (seconds() - start));
    return good && !totals->failed;
}

int main(int argc, char **argv)
{
    struct request q;
    const char *missing;
    bool good;

    parse(argc, argv, &q);
    progress = shared(sizeof(*progress));
    missing = qemu != NULL ? qemu->missing() : NULL;
    if (missing != NULL) {
        printf("1..0 # SKIP %s\n", missing);
        return 0;
    }
    printf("1..1\n");
    if (q.replay != NULL)
        good = run_replay(&q);
    else if (q.seed != 0)
        good = run_seed(&q, q.seed);
    else
        good = run_until(&q);
    printf("%sok 1 - %s and a dictionary agree\n", good ? "" : "not ",
           qemu != NULL ? "model, QEMU" : "model");
    return good ? 0 : 1;
}
