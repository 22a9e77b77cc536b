/* SPDX-License-Identifier: BSD-2-Clause */
/* Coroutines with a clock each; the scheduler is whoever lets time pass. */
#include "virtual.h"

#include <stdlib.h>
#include <ucontext.h>

#include "host.h"

#define STACK 65536u

struct processor {
    ucontext_t context;
    void *stack;
    uint64_t now;
    bool ended;
};

static struct processor processors[BENCH_VIRTUAL_MOST];
static unsigned count;
static struct processor *current;
static ucontext_t caller;
static void (*work_of_all)(unsigned number);

bool bench_virtual(void)
{
    return current != NULL;
}

unsigned bench_virtual_number(void)
{
    return (unsigned)(current - processors);
}

uint64_t bench_virtual_now(void)
{
    return current->now;
}

/* The one that is furthest behind; NULL when all have ended. */
static struct processor *next(void)
{
    struct processor *found = NULL;

    for (unsigned i = 0; i < count; i++) {
        struct processor *processor = &processors[i];

        if (!processor->ended && (found == NULL || processor->now < found->now)) {
            found = processor;
        }
    }
    return found;
}

/* The unit has got as far as the clock of whoever runs: nobody else's is behind it. */
static void resume(struct processor *processor)
{
    current = processor;
    bench_units_tick(processor->now);
}

void bench_virtual_pass(uint64_t ns)
{
    struct processor *self = current;
    struct processor *chosen;

    self->now += ns;
    chosen = next();
    resume(chosen);
    if (chosen != self) {
        (void)swapcontext(&self->context, &chosen->context);
    }
}

static void begin(void)
{
    struct processor *chosen;

    work_of_all(bench_virtual_number());
    current->ended = true;
    chosen = next();
    if (chosen == NULL) {
        (void)setcontext(&caller);
    }
    resume(chosen);
    (void)setcontext(&chosen->context);
}

static void prepare(struct processor *processor, uint64_t now)
{
    *processor = (struct processor){ .stack = malloc(STACK), .now = now };
    if (processor->stack == NULL || getcontext(&processor->context) != 0) {
        bench_die("no stack for a virtual processor");
    }
    processor->context.uc_stack.ss_sp = processor->stack;
    processor->context.uc_stack.ss_size = STACK;
    makecontext(&processor->context, begin, 0);
}

uint64_t bench_virtual_run(unsigned number, void (*work)(unsigned number))
{
    uint64_t start = bench_now();
    uint64_t end = start;

    count = number;
    work_of_all = work;
    for (unsigned i = 0; i < count; i++) {
        prepare(&processors[i], start);
    }
    current = &processors[0];
    (void)swapcontext(&caller, &current->context);
    current = NULL;
    for (unsigned i = 0; i < count; i++) {
        end = processors[i].now > end ? processors[i].now : end;
        free(processors[i].stack);
    }
    return end - start;
}
