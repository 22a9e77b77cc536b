/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library in single steps: the processor's trap flag stops it after each instruction.
 *
 * No hook in the library is needed for that, and what is watched is the code as the compiler made
 * it. Host functions run at full speed: they are atomic for the devices of the model, whose lock
 * they hold.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <x86intrin.h>

#include "internal.h"

#define TRAP_FLAG 0x100u

static struct {
    struct model *m; /* null: not stepping */
    model_step_fn *step;
    void *context;
    struct sigaction before;
    struct model_step_counts counts;
    bool called; /* a host function has run since the last look */
    unsigned generation;
    size_t *frames; /* those of tables */
    size_t frame_count;
    uint8_t *copy;
} stepper;
static _Thread_local bool stepping; /* this thread is the one */

/* ---- Which tables have changed --------------------------------------------------------------- */

static void take_frames(struct model *m)
{
    stepper.frame_count = 0;
    for (size_t frame = 0; frame < m->memory.total; frame++) {
        if (m->memory.state[frame] == FRAME_TABLE)
            stepper.frames[stepper.frame_count++] = frame;
    }
    free(stepper.copy);
    stepper.copy = malloc(stepper.frame_count * MODEL_PAGE + 1);
    must(stepper.copy != NULL, "out of memory");
    for (size_t i = 0; i < stepper.frame_count; i++)
        memcpy(stepper.copy + i * MODEL_PAGE, frame_pointer(m, stepper.frames[i]), MODEL_PAGE);
    stepper.generation = m->memory.generation;
}

static bool tables_changed(struct model *m)
{
    bool changed = false;

    if (stepper.generation != m->memory.generation) {
        take_frames(m);
        return true;
    }
    for (size_t i = 0; i < stepper.frame_count; i++) {
        uint8_t *copy = stepper.copy + i * MODEL_PAGE;
        const uint8_t *now = frame_pointer(m, stepper.frames[i]);

        if (memcmp(copy, now, MODEL_PAGE) != 0) {
            memcpy(copy, now, MODEL_PAGE);
            changed = true;
        }
    }
    return changed;
}

/* ---- The trap -------------------------------------------------------------------------------- */

static void on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *frame = context;
    bool changed;

    (void)number;
    (void)info;
    if (!stepping || stepper.m == NULL) {
        frame->uc_mcontext.gregs[REG_EFL] &= ~(long)TRAP_FLAG;
        return;
    }
    stepper.counts.instructions++;
    changed = tables_changed(stepper.m);
    stepper.counts.stores += changed;
    if (!changed && !stepper.called)
        return;
    stepper.called = false;
    thread_state()->pauses++; /* what the step does is not watched itself */
    stepper.step(stepper.context, stepper.m);
    thread_state()->pauses--;
}

static void trap_set(bool on)
{
    if (on)
        __writeeflags(__readeflags() | TRAP_FLAG);
    else
        __writeeflags(__readeflags() & ~TRAP_FLAG);
}

void step_pause(void)
{
    if (!stepping)
        return;
    if (thread_state()->pauses++ == 0)
        trap_set(false);
}

void step_resume(void)
{
    if (!stepping || --thread_state()->pauses != 0)
        return;
    stepper.called = true;
    stepper.counts.calls++;
    trap_set(true);
}

void model_step_begin(struct model *m, model_step_fn *step, void *context)
{
    struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

    must(stepper.m == NULL, "model_step_begin: one at a time");
    stepper.step = step;
    stepper.context = context;
    memset(&stepper.counts, 0, sizeof(stepper.counts));
    stepper.called = false;
    stepper.frames = malloc(m->memory.total * sizeof(*stepper.frames));
    must(stepper.frames != NULL, "out of memory");
    take_frames(m);
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGTRAP, &action, &stepper.before) == 0, "no trap handler");
    stepper.m = m;
    thread_state()->pauses = 0;
    stepping = true;
    trap_set(true);
}

void model_step_end(struct model *m)
{
    trap_set(false);
    must(stepper.m == m, "model_step_end without begin");
    stepping = false;
    stepper.m = NULL;
    sigaction(SIGTRAP, &stepper.before, NULL);
    free(stepper.frames);
    free(stepper.copy);
    stepper.frames = NULL;
    stepper.copy = NULL;
}

struct model_step_counts model_step_counts(void)
{
    return stepper.counts;
}
