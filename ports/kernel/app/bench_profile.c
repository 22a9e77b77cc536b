/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile that misses nothing: with the trap flag set the processor raises a debug exception
 * behind every instruction, and the handler writes down where it was. The measured code runs
 * unchanged. Its readings of the time stamp counter tell the phases apart.
 */
#include "bench_profile.h"

#if defined(__x86_64__)

#define WARM_UP      1000u
#define ROUNDS       64u
#define STEP_PAGES   16384u /* 64 MiB of steps */
#define VECTOR_DEBUG 1u

extern char kernel_text_start[], kernel_text_end[];

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* The kernel lies in the last 2 GiB, so the low half of an address is enough. */
uint32_t *bench_step_next __attribute__((visibility("hidden")));
uint32_t *bench_step_end __attribute__((visibility("hidden")));
void bench_step(void) __attribute__((visibility("hidden")));

__asm__(".text\n"
        ".type bench_step, @function\n"
        "bench_step:\n"
        "    pushq %rax\n"
        "    pushq %rcx\n"
        "    movq bench_step_next(%rip), %rax\n"
        "    cmpq bench_step_end(%rip), %rax\n"
        "    jae 1f\n"
        "    movl 16(%rsp), %ecx\n"
        "    movl %ecx, (%rax)\n"
        "    addq $4, bench_step_next(%rip)\n"
        "1:  popq %rcx\n"
        "    popq %rax\n"
        "    iretq\n"
        ".size bench_step, . - bench_step\n");

static struct gate *debug_gate(void)
{
    struct table_pointer idt;

    __asm__ volatile("sidt %0" : "=m"(idt));
    return (struct gate *)(uintptr_t)idt.base + VECTOR_DEBUG;
}

static void hook(struct gate *gate)
{
    uintptr_t entry = (uintptr_t)bench_step;

    gate->offset_low = (uint16_t)entry;
    gate->offset_middle = (uint16_t)(entry >> 16);
    gate->offset_high = (uint32_t)(entry >> 32);
}

static void set_trap_flag(void)
{
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static void clear_trap_flag(void)
{
    __asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static const uint8_t *code_at(uint32_t step)
{
    return (const uint8_t *)(0xffffffff00000000ull | step);
}

static bool is_stamp(uint32_t step)
{
    return memcmp(code_at(step), BENCH_STAMP_CODE, sizeof(BENCH_STAMP_CODE) - 1) == 0;
}

/* A repeated string instruction traps once for each turn and is one instruction all the same. */
static bool is_repeat(uint32_t step)
{
    return code_at(step)[0] == 0xf3 && code_at(step)[1] != 0x90;
}

static const char *const phase_names[BENCH_PHASES] = { "load", "sync-pre", "sync-post", "unload" };

/* Steps from one reading of the counter to the next belong to a phase; those outside to none. */
static void count_steps(const uint32_t *steps, const uint32_t *end, uint32_t *counts[BENCH_PHASES],
                        bool print)
{
    uint32_t base = (uint32_t)(uintptr_t)kernel_text_start;
    unsigned phase = BENCH_PHASES;

    for (const uint32_t *step = steps; step < end; step++) {
        if (is_stamp(*step)) {
            phase = phase == BENCH_PHASES ? 0 : phase + 1;
            continue;
        }
        if (phase == BENCH_PHASES || (step > steps && step[-1] == *step && is_repeat(*step))) {
            continue;
        }
        if (counts != NULL) {
            counts[phase][*step - base]++;
        }
        if (print) {
            kprintf("trace %s %08x\n", phase_names[phase], *step);
        }
    }
}

static void print_counts(uint32_t *counts[BENCH_PHASES], size_t text)
{
    for (unsigned phase = 0; phase < BENCH_PHASES; phase++) {
        for (size_t i = 0; i < text; i++) {
            if (counts[phase][i] != 0) {
                kprintf("profile %s %08x %u\n", phase_names[phase],
                        (uint32_t)((uintptr_t)kernel_text_start + i), counts[phase][i]);
            }
        }
    }
}

static bool step_transfers(const struct bench_target *target, const struct bench_load *load,
                           uint32_t *steps, uint32_t *counts[BENCH_PHASES])
{
    struct bench_stamps stamps;
    unsigned round;
    bool good = true;

    for (round = 0; round < ROUNDS && good; round++) {
        bench_step_next = steps;
        set_trap_flag();
        good = bench_transfer(target, load, &stamps);
        clear_trap_flag();
        /* A transfer that does not fit would be profiled in part: better not at all. */
        good = good && bench_step_next < bench_step_end;
        if (good) {
            count_steps(steps, bench_step_next, counts, round == ROUNDS - 1);
        }
    }
    kprintf("rounds %u\n", round);
    return good;
}

bool bench_profile(const struct bench_target *target, const struct bench_load *load)
{
    size_t text = (uintptr_t)kernel_text_end - (uintptr_t)kernel_text_start;
    uint32_t *steps = vm_alloc((size_t)STEP_PAGES * PAGE_SIZE);
    uint32_t *counts[BENCH_PHASES];
    struct bench_stamps stamps;
    struct gate saved;
    uintptr_t state;
    bool good = steps != NULL;

    for (unsigned phase = 0; phase < BENCH_PHASES; phase++) {
        counts[phase] = kzalloc(text * sizeof(*counts[phase]));
        good = good && counts[phase] != NULL;
    }
    for (unsigned round = 0; round < WARM_UP && good; round++) {
        good = bench_transfer(target, load, &stamps);
    }
    if (good) {
        bench_step_end = steps + (size_t)STEP_PAGES * PAGE_SIZE / sizeof(*steps);
        state = irq_save();
        saved = *debug_gate();
        hook(debug_gate());
        good = step_transfers(target, load, steps, counts);
        *debug_gate() = saved;
        irq_restore(state);
        print_counts(counts, text);
    }
    for (unsigned phase = 0; phase < BENCH_PHASES; phase++) {
        kfree(counts[phase]);
    }
    vm_free(steps);
    return good;
}

#else

bool bench_profile(const struct bench_target *target, const struct bench_load *load)
{
    (void)target;
    (void)load;
    kprintf("a profile can be had of the amd64 kernel only\n");
    return false;
}

#endif
