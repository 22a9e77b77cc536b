/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Under -icount shift=0 one guest instruction is one nanosecond of virtual time, and the time stamp
 * counter follows virtual time: a difference of two readings is a count of instructions, the same
 * in every run and whatever the host is doing. The counter's rate is taken from a loop of known
 * length.
 */
#include "bench.h"

#include "bench_profile.h"
#include "bench_stats.h"
#include "kprintf.h"

#define ROUNDS        1001u
#define LARGE         (2u << 20)
#define SCATTERED     (1u << 20)
#define CHAIN         (64u << 10)
#define FOUR_GIB      0x100000000ull
#define BEYOND_WINDOW (64u << 20)
#define MAX_SEGMENTS  1024

static struct bench_stamps samples[ROUNDS];
static uint32_t values[ROUNDS];

/* ---- What is measured ---- */

struct bench_case {
    const char *name;
    const char *json;
    struct bench_load load;
};

#define CASES 8

static void fill_cases(const struct bench *bench, struct bench_case cases[CASES])
{
    uint8_t *buffer = bench->contiguous;

    cases[0] = (struct bench_case){ "4096", "4096", { buffer, 4096, NULL, 0, 0 } };
    cases[1] = (struct bench_case){ "65536", "65536", { buffer, 65536, NULL, 0, 0 } };
    cases[2] = (struct bench_case){ "2097152", "2097152", { buffer, LARGE, NULL, 0, 0 } };
    cases[3] = (struct bench_case){ "2097152+1048576",
                                    "\"2097152+1048576\"",
                                    { buffer + (1u << 20) + PAGE_SIZE, LARGE, NULL, 0, 0 } };
    cases[4] = (struct bench_case){ "256x4096",
                                    "\"256x4096\"",
                                    { NULL, SCATTERED, bench->pages, SCATTERED / PAGE_SIZE, 0 } };
    /* A driver's tag says how long a chain may get, not how long this one is. */
    cases[5] = (struct bench_case){ "2x2030", "\"2x2030\"", { buffer, CHAIN, NULL, 0, 2 } };
    cases[6] = (struct bench_case){ "4x2030", "\"4x2030\"", { buffer, CHAIN, NULL, 0, 4 } };
    cases[7] = (struct bench_case){ "16x2030", "\"16x2030\"", { buffer, CHAIN, NULL, 0, 16 } };
}

bool bench_tag(const struct bench *bench, size_t size, struct udmar_dma_tag **out_tag)
{
    udmar_bus_addr_t lowaddr = bench->bounce ? FOUR_GIB - 1 : UINT64_MAX;
    udmar_bus_size_t maxsize = bench->dynamic ? BEYOND_WINDOW : size;

    return udmar_dma_tag_create(bench->parent, 1, 0, lowaddr, UINT64_MAX, NULL, NULL, maxsize,
                                MAX_SEGMENTS, maxsize, 0, NULL, NULL, out_tag) == 0;
}

/* ---- One case ---- */

static bool measure(const struct bench_target *target, const struct bench_load *load)
{
    uintptr_t state = irq_save();
    bool good = true;

    for (unsigned i = 0; i < ROUNDS && good; i++) {
        good = bench_transfer(target, load, &samples[i]);
    }
    irq_restore(state);
    return good;
}

/* From the beginning of phase `from` to its end, and the same of phase `also` where that differs.
 */
static void report_phases(const struct bench_row *row, const struct bench_scale *scale,
                          const char *what, unsigned from, unsigned also)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t *at = samples[i].at;

        values[i] = (uint32_t)(at[from + 1] - at[from]) - scale->overhead;
        if (also != from) {
            values[i] += (uint32_t)(at[also + 1] - at[also]) - scale->overhead;
        }
    }
    bench_print(row, what, values, ROUNDS, scale);
}

static void report(const struct bench *bench, const struct bench_row *row)
{
    struct bench_scale scale;

    bench_calibrate(&scale);
    report_phases(row, &scale, "load", BENCH_LOAD, BENCH_LOAD);
    report_phases(row, &scale, "unload", BENCH_UNLOAD, BENCH_UNLOAD);
    report_phases(row, &scale, "load+unload", BENCH_LOAD, BENCH_UNLOAD);
    /* Elsewhere a sync is a fence; here it is the copy that the other modes spare the driver. */
    if (bench->bounce) {
        report_phases(row, &scale, "sync-pre", BENCH_SYNC_PRE, BENCH_SYNC_PRE);
        report_phases(row, &scale, "sync-post", BENCH_SYNC_POST, BENCH_SYNC_POST);
    }
}

static bool run_case(const struct bench *bench, const struct bench_case *one, unsigned live)
{
    const struct bench_row row = { one->json, bench->mode, live };
    struct bench_target target;
    bool good;

    if (!bench_tag(bench, one->load.length, &target.tag) ||
        udmar_dmamap_create(target.tag, 0, &target.map) != 0) {
        return false;
    }
    if (cmdline_get("bench.profile", NULL, 0)) {
        good = bench_profile(&target, &one->load);
    } else {
        good = measure(&target, &one->load);
        if (good) {
            report(bench, &row);
        }
    }
    good = udmar_dmamap_destroy(target.tag, target.map) == 0 &&
           udmar_dma_tag_destroy(target.tag) == 0 && good;
    if (!good) {
        kprintf("%s, %u live: could not be measured\n", one->name, live);
    }
    return good;
}

/* ---- The others ---- */

/* Other mappings that are live meanwhile: they must not matter. */
static bool add_live(const struct bench *bench, unsigned count)
{
    struct bench_target target;
    uint64_t start = rdtsc();
    int segments;

    if (count == 0) {
        return true;
    }
    if (!bench_tag(bench, PAGE_SIZE, &target.tag)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (udmar_dmamap_create(target.tag, 0, &target.map) != 0 ||
            udmar_dmamap_load(target.tag, target.map, bench->contiguous, PAGE_SIZE, bench_callback,
                              &segments, UDMAR_DMA_NOWAIT) != 0) {
            kprintf("only %u of %u live mappings could be made\n", i, count);
            return false;
        }
    }
    kprintf("%u live mappings made, %llu counter steps each\n", count,
            (unsigned long long)(rdtsc() - start) / count);
    return true;
}

/* Is this one of those that the command line asks for? */
static bool wanted(const char *key, const char *value)
{
    char word[32];

    return !cmdline_get(key, word, sizeof(word)) || strcmp(word, value) == 0;
}

static bool only(const char *key, const char *value)
{
    return cmdline_get(key, NULL, 0) && wanted(key, value);
}

static bool wanted_number(const char *key, unsigned value)
{
    char word[12];

    ksnprintf(word, sizeof(word), "%u", value);
    return wanted(key, word);
}

static bool run_step(const struct bench *bench, unsigned live)
{
    struct bench_case cases[CASES];
    bool good = true;

    fill_cases(bench, cases);
    for (unsigned i = 0; i < CASES && good; i++) {
        if (wanted("bench.size", cases[i].name)) {
            good = run_case(bench, &cases[i], live);
        }
    }
    return good;
}

static bool run_steps(const struct bench *bench)
{
    static const unsigned steps[] = { 0, 1024, 16384, 262144 };
    unsigned live = 0;
    bool good = true;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && good; i++) {
        /* A zone has at most 32 MiB of pages: not enough for more mappings that bounce. */
        if (wanted_number("bench.live", steps[i]) && !(bench->bounce && steps[i] > 1024)) {
            good = add_live(bench, steps[i] - live) && run_step(bench, steps[i]);
            live = steps[i];
        }
    }
    return good;
}

static bool run_churn(const struct bench *bench)
{
    static const unsigned steps[] = { 1024, 4096 };
    bool good = true;

    if (bench->bounce) {
        /* A zone has at most 32 MiB of pages, which 1,024 transfers of half a MiB do not fit. */
        return true;
    }

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && good; i++) {
        if (wanted_number("bench.live", steps[i])) {
            good = bench_churn(bench, steps[i]);
        }
    }
    return good;
}

/* ---- The machine ---- */

/* What is special about the device's unit, as the mode's name says it. */
static const char *kind_of_unit(const struct system *system, const struct unit_under_test *device)
{
    struct udmar_device_info info;
    struct udmar_unit_status unit;

    udmar_device_info(device->device, &info);
    if (udmar_unit_status(system->dmar, (unsigned)info.unit, &unit) != UDMAR_OK) {
        return "";
    }
    return unit.facts.caching_mode ? "-caching" : unit.facts.coherent ? "-snoop" : "";
}

/* The mode as ./bench names it. */
static const char *mode_of(const struct system *system, const struct unit_under_test *device,
                           bool dynamic)
{
    static char name[32];
    struct udmar_domain_info info;

    if (device->mode != UDMAR_MODE_TRANSLATE) {
        return udmar_mode_string(device->mode);
    }
    udmar_domain_info(udmar_device_domain(device->device), &info);
    ksnprintf(name, sizeof(name), "%s%s%s", info.strict ? "strict" : "deferred",
              dynamic ? "-dynamic" : "", kind_of_unit(system, device));
    return name;
}

/* Bounced is what the device cannot reach; everywhere else it does not matter where memory is. */
static bool get_buffers(struct bench *bench)
{
    static struct udmar_dma_physical pages[SCATTERED / PAGE_SIZE];
    uint64_t lowest = bench->bounce ? FOUR_GIB : 0;
    uint64_t highest = bench->bounce ? DIRECT_MAP_SIZE - 1 : DIRECT_MAP_EARLY - 1;
    uint64_t aligned = page_alloc_range(2 * LARGE / PAGE_SIZE, LARGE, lowest, highest);

    bench->scattered = vm_alloc_scattered(SCATTERED);
    if (aligned == 0 || bench->scattered == NULL) {
        return false;
    }
    bench->contiguous = phys_to_direct(aligned);
    for (unsigned i = 0; i < SCATTERED / PAGE_SIZE; i++) {
        pages[i].length = PAGE_SIZE;
        if (!virt_to_phys(bench->scattered + i * PAGE_SIZE, &pages[i].address) ||
            pages[i].address < lowest) {
            return false;
        }
    }
    bench->pages = pages;
    return true;
}

bool bench_run(struct system *system)
{
    struct unit_under_test *device = &system->edu[0];
    struct bench bench = {
        .parent = udmar_device_dma_tag(device->device),
        .bounce = device->mode == UDMAR_MODE_BOUNCE,
        .dynamic = cmdline_get("bench.dynamic", NULL, 0),
    };
    bool good;

    if (cmdline_get("bench.interrupts", NULL, 0)) {
        return bench_interrupts(system);
    }
    good = get_buffers(&bench);
    bench.mode = mode_of(system, device, bench.dynamic);
    /* Churn first: it gives back all that it took. */
    if (good && wanted("bench.size", "random")) {
        good = run_churn(&bench);
    }
    if (good && wanted("bench.size", "many")) {
        good = bench_many(&bench);
    }
    if (good && !only("bench.size", "random") && !only("bench.size", "many")) {
        good = run_steps(&bench);
    }
    return good;
}
