/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Under -icount shift=0 one guest instruction is one nanosecond of virtual time, and the time stamp
 * counter follows virtual time: a difference of two readings is a count of instructions, the same
 * in every run and whatever the host is doing. The counter's rate is taken from a loop of known
 * length.
 *
 * Each line is a JSON object: what, size, mode, live, min, median, p99, max, unit.
 */
#include "bench.h"

#include "cpu.h"

#define ROUNDS    1001u
#define LARGE     (2u << 20)
#define SCATTERED (1u << 20)

struct sample {
    uint32_t load;
    uint32_t unload;
};

struct target {
    bus_dma_tag_t tag;
    bus_dmamap_t map;
};

static struct sample samples[ROUNDS];

static uint64_t stamp(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static void nothing(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    (void)segments;
    *(int *)arg = error == 0 ? count : -error;
}

static uint32_t overhead(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < 100; i++) {
        uint64_t start = stamp();
        uint64_t end = stamp();

        least = end - start < least ? end - start : least;
    }
    return (uint32_t)least;
}

/* Counter steps per 1,000 instructions, from a loop that is exactly two instructions long. */
static uint32_t calibrate(void)
{
    uintptr_t turns = 50000;
    uint64_t start = stamp();

    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
    return (uint32_t)((stamp() - start) / 100);
}

static void sort(uint32_t *values, unsigned count)
{
    for (unsigned gap = count / 2; gap > 0; gap /= 2) {
        for (unsigned i = gap; i < count; i++) {
            uint32_t value = values[i];
            unsigned j = i;

            for (; j >= gap && values[j - gap] > value; j -= gap) {
                values[j] = values[j - gap];
            }
            values[j] = value;
        }
    }
}

static void print_result(const char *what, const char *size, const char *mode, unsigned live,
                         uint32_t *values, uint32_t per_thousand)
{
    sort(values, ROUNDS);
    kprintf("{\"what\": \"%s\", \"size\": %s, \"mode\": \"%s\", \"live\": %u, \"min\": %u, "
            "\"median\": %u, \"p99\": %u, \"max\": %u, \"unit\": \"instructions\"}\n",
            what, size, mode, live, values[0] * 1000 / per_thousand,
            values[ROUNDS / 2] * 1000 / per_thousand,
            values[ROUNDS * 99 / 100] * 1000 / per_thousand,
            values[ROUNDS - 1] * 1000 / per_thousand);
}

static void report(const char *size, const char *mode, unsigned live)
{
    static uint32_t values[ROUNDS];
    uint32_t per_thousand = calibrate();

    for (unsigned i = 0; i < ROUNDS; i++) {
        values[i] = samples[i].load;
    }
    print_result("load", size, mode, live, values, per_thousand);
    for (unsigned i = 0; i < ROUNDS; i++) {
        values[i] = samples[i].unload;
    }
    print_result("unload", size, mode, live, values, per_thousand);
    for (unsigned i = 0; i < ROUNDS; i++) {
        values[i] = samples[i].load + samples[i].unload;
    }
    print_result("load+unload", size, mode, live, values, per_thousand);
}

/* What is loaded: a buffer, or a list of physical pages as a scatter list has them. */
struct load {
    void *buffer;
    size_t length;
    struct udmar_dma_physical *list; /* where not null */
    unsigned count;
};

static void load_once(struct target *target, const struct load *load, int *segments)
{
    if (load->list != NULL) {
        (void)udmar_dmamap_load_physical(target->tag, target->map, load->list, load->count, nothing,
                                         segments, BUS_DMA_NOWAIT);
    } else {
        (void)bus_dmamap_load(target->tag, target->map, load->buffer, load->length, nothing,
                              segments, BUS_DMA_NOWAIT);
    }
}

static bool measure(struct target *target, const struct load *load)
{
    uint32_t cost = overhead();
    int segments = 0;
    uintptr_t state = irq_save();

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = stamp();
        uint64_t middle;
        uint64_t end;

        load_once(target, load, &segments);
        middle = stamp();
        bus_dmamap_unload(target->tag, target->map);
        end = stamp();
        samples[i].load = (uint32_t)(middle - start) - cost;
        samples[i].unload = (uint32_t)(end - middle) - cost;
    }
    irq_restore(state);
    return segments > 0;
}

static bool make(struct target *target, bus_dma_tag_t parent, size_t maxsize)
{
    return bus_dma_tag_create(parent, 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL, NULL,
                              maxsize, 512, maxsize, 0, NULL, NULL, &target->tag) == 0 &&
           bus_dmamap_create(target->tag, 0, &target->map) == 0;
}

static bool one(bus_dma_tag_t parent, const char *size, const char *mode, unsigned live,
                const struct load *load)
{
    struct target target;

    if (load->buffer == NULL || !make(&target, parent, load->length)) {
        return false;
    }
    if (!measure(&target, load)) {
        return false;
    }
    report(size, mode, live);
    return bus_dmamap_destroy(target.tag, target.map) == 0 && bus_dma_tag_destroy(target.tag) == 0;
}

/* Other mappings that are live meanwhile: they must not matter. */
static bool add_live(bus_dma_tag_t parent, void *buffer, unsigned count)
{
    struct target target;
    int segments;

    if (bus_dma_tag_create(parent, 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL, NULL,
                           PAGE_SIZE, 1, PAGE_SIZE, 0, NULL, NULL, &target.tag) != 0) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (bus_dmamap_create(target.tag, 0, &target.map) != 0 ||
            bus_dmamap_load(target.tag, target.map, buffer, PAGE_SIZE, nothing, &segments,
                            BUS_DMA_NOWAIT) != 0) {
            return false;
        }
    }
    return true;
}

bool bench_run(struct system *system)
{
    static const unsigned steps[] = { 0, 1024, 16384 };
    static struct udmar_dma_physical pages[SCATTERED / PAGE_SIZE];
    struct unit_under_test *device = &system->edu[0];
    bus_dma_tag_t parent = udmar_device_dma_tag(device->device);
    uint64_t aligned = page_alloc_range(2 * LARGE / PAGE_SIZE, LARGE, 0, DIRECT_MAP_SIZE - 1);
    uint8_t *contiguous = aligned == 0 ? NULL : phys_to_direct(aligned);
    uint8_t *scattered = vm_alloc_scattered(SCATTERED);
    struct udmar_domain_info info = { .strict = true };
    const char *mode = udmar_mode_string(device->mode);
    unsigned live = 0;

    for (unsigned i = 0; scattered != NULL && i < SCATTERED / PAGE_SIZE; i++) {
        pages[i].length = PAGE_SIZE;
        (void)virt_to_phys(scattered + i * PAGE_SIZE, &pages[i].address);
    }
    if (device->mode == UDMAR_MODE_TRANSLATE) {
        udmar_domain_info(udmar_device_domain(device->device), &info);
        mode = info.strict ? "strict" : "deferred";
    }
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!add_live(parent, scattered, steps[i] - live)) {
            return false;
        }
        live = steps[i];
        if (!one(parent, "4096", mode, live, &(struct load){ contiguous, 4096, NULL, 0 }) ||
            !one(parent, "65536", mode, live, &(struct load){ contiguous, 65536, NULL, 0 }) ||
            !one(parent, "2097152", mode, live, &(struct load){ contiguous, LARGE, NULL, 0 }) ||
            !one(parent, "\"2097152+1048576\"", mode, live,
                 &(struct load){ contiguous + (1u << 20) + 4096, LARGE, NULL, 0 }) ||
            !one(parent, "\"256x4096\"", mode, live,
                 &(struct load){ scattered, SCATTERED, pages, SCATTERED / PAGE_SIZE })) {
            return false;
        }
    }
    return true;
}
