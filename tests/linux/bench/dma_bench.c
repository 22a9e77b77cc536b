// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a driver pays for the kernel's DMA API: a driver for QEMU's edu device that maps and unmaps,
 * and knows nothing of who is behind the API.
 *
 * Meant for a machine whose time stamp counter counts instructions (-icount shift=0). Everything is
 * measured while the module loads; the log then has lines "dma_bench: {...}", one JSON object each.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include <asm/msr.h>

static char *mode = "unknown";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "what the lines say about the mode");
static char *kernel = "unknown";
module_param(kernel, charp, 0444);
MODULE_PARM_DESC(kernel, "what the lines say about the kernel");
static unsigned most_live = 262144;
module_param(most_live, uint, 0444);
MODULE_PARM_DESC(most_live, "leave out what has more other mappings live");
static char *profile;
module_param(profile, charp, 0444);
MODULE_PARM_DESC(profile,
                 "4096, 65536, 2097152 or 256x4096: mark one map and unmap, measure nothing");

static bool interrupts;
module_param(interrupts, bool, 0444);
MODULE_PARM_DESC(interrupts, "measure a device's interrupt and nothing else");

#define SAMPLES       1001u
#define SCATTERED     256u
#define SG_SAMPLES    201u
#define CHURN_SAMPLES 20000u
#define CHURN_PAGES   256u
#define WARM_UP       300u

static const unsigned lives[] = { 0, 1024, 16384, 262144 };
static const unsigned churn_lives[] = { 1024, 4096 };
static const struct {
    const char *name;
    size_t bytes; /* 0: the scattered pages */
} sizes[] = { { "4096", SZ_4K }, { "65536", SZ_64K }, { "2097152", SZ_2M }, { "\"256x4096\"", 0 } };

static struct pci_dev *edu;
static struct page *buffer; /* 2 MiB, aligned to its size */
static struct scatterlist list[SCATTERED];
static dma_addr_t *live;
static unsigned live_count;
static u32 *map_cost, *unmap_cost, *both_cost;
static u64 empty;

/* ---- figures ----------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    u32 x = *(const u32 *)a, y = *(const u32 *)b;

    return x < y ? -1 : x > y;
}

static void report_one(const char *what, const char *size, unsigned others, u32 *cost,
                       unsigned count)
{
    sort(cost, count, sizeof(*cost), compare, NULL);
    pr_info("dma_bench: {\"what\":\"%s\",\"size\":%s,\"mode\":\"%s\",\"live\":%u,\"min\":%u,"
            "\"median\":%u,\"p99\":%u,\"max\":%u,\"unit\":\"instructions\",\"kernel\":\"%s\"}\n",
            what, size, mode, others, cost[0], cost[count / 2], cost[(count - 1) * 99 / 100],
            cost[count - 1], kernel);
}

static void report(const char *size, unsigned others, unsigned count)
{
    report_one("map", size, others, map_cost, count);
    report_one("unmap", size, others, unmap_cost, count);
    report_one("map+unmap", size, others, both_cost, count);
}

/* What two readings one behind the other differ by. */
static u64 measure_empty(void)
{
    u64 least = U64_MAX;

    for (unsigned i = 0; i < 100; i++) {
        u64 start = rdtsc();

        least = min(least, rdtsc() - start);
    }
    return least;
}

/* ---- one mapping ------------------------------------------------------------------------------
 */

struct mapping {
    dma_addr_t iova;
    int segments;
};

static __always_inline bool map_one(size_t bytes, struct mapping *out)
{
    if (bytes == 0) {
        out->segments = dma_map_sg(&edu->dev, list, SCATTERED, DMA_BIDIRECTIONAL);
        return out->segments > 0;
    }
    out->iova = dma_map_single(&edu->dev, page_address(buffer), bytes, DMA_BIDIRECTIONAL);
    return !dma_mapping_error(&edu->dev, out->iova);
}

static __always_inline void unmap_one(size_t bytes, const struct mapping *mapping)
{
    if (bytes == 0) {
        dma_unmap_sg(&edu->dev, list, SCATTERED, DMA_BIDIRECTIONAL);
    } else {
        dma_unmap_single(&edu->dev, mapping->iova, bytes, DMA_BIDIRECTIONAL);
    }
}

static int sample(size_t bytes, unsigned i)
{
    struct mapping mapping;
    unsigned long flags;
    u64 start, mapped, behind, unmapped;
    bool good;

    local_irq_save(flags);
    start = rdtsc();
    good = map_one(bytes, &mapping);
    mapped = rdtsc();
    local_irq_restore(flags);
    if (!good) {
        return -EIO;
    }
    local_irq_save(flags);
    behind = rdtsc();
    unmap_one(bytes, &mapping);
    unmapped = rdtsc();
    local_irq_restore(flags);
    map_cost[i] = mapped - start - empty;
    unmap_cost[i] = unmapped - behind - empty;
    both_cost[i] = map_cost[i] + unmap_cost[i];
    return 0;
}

/* ---- sizes and live mappings ------------------------------------------------------------------
 */

static int fill_live(unsigned count)
{
    while (live_count < count) {
        live[live_count] =
            dma_map_page(&edu->dev, buffer + live_count % 512, 0, SZ_4K, DMA_BIDIRECTIONAL);
        if (dma_mapping_error(&edu->dev, live[live_count])) {
            return -ENOMEM;
        }
        live_count++;
        if (live_count % 1024 == 0) {
            cond_resched();
        }
    }
    return 0;
}

static void drain_live(void)
{
    for (unsigned i = 0; i < live_count; i++) {
        dma_unmap_page(&edu->dev, live[i], SZ_4K, DMA_BIDIRECTIONAL);
        if (i % 1024 == 0) {
            cond_resched();
        }
    }
    live_count = 0;
}

static int measure_sizes(unsigned others)
{
    int error = fill_live(others);

    for (unsigned s = 0; s < ARRAY_SIZE(sizes) && error == 0; s++) {
        unsigned count = sizes[s].bytes == 0 ? SG_SAMPLES : SAMPLES;

        for (unsigned i = 0; i < WARM_UP && error == 0; i++) {
            error = sample(sizes[s].bytes, 0);
        }
        for (unsigned i = 0; i < count && error == 0; i++) {
            error = sample(sizes[s].bytes, i);
        }
        if (error == 0) {
            report(sizes[s].name, others, count);
        }
        cond_resched();
    }
    return error;
}

/* ---- random sizes -----------------------------------------------------------------------------
 */

static u64 random_state = 88172645463325252ull;

static u32 random_below(u32 limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 32) % limit;
}

static u32 churn_map(dma_addr_t *iova, u16 *pages)
{
    unsigned long flags;
    u64 start, end;

    *pages = 1 + random_below(CHURN_PAGES);
    local_irq_save(flags);
    start = rdtsc();
    *iova = dma_map_single(&edu->dev, page_address(buffer), (size_t)*pages << PAGE_SHIFT,
                           DMA_BIDIRECTIONAL);
    end = rdtsc();
    local_irq_restore(flags);
    return end - start - empty;
}

static u32 churn_unmap(dma_addr_t iova, u16 pages)
{
    unsigned long flags;
    u64 start, end;

    local_irq_save(flags);
    start = rdtsc();
    dma_unmap_single(&edu->dev, iova, (size_t)pages << PAGE_SHIFT, DMA_BIDIRECTIONAL);
    end = rdtsc();
    local_irq_restore(flags);
    return end - start - empty;
}

static int measure_churn(unsigned count)
{
    u16 *pages = vzalloc(count * sizeof(*pages));
    unsigned mapped = 0;
    int error = pages == NULL ? -ENOMEM : 0;

    while (error == 0 && mapped < count) {
        (void)churn_map(&live[mapped], &pages[mapped]);
        if (dma_mapping_error(&edu->dev, live[mapped])) {
            error = -ENOMEM;
        } else {
            mapped++;
        }
    }
    for (unsigned i = 0; i < CHURN_SAMPLES && error == 0; i++) {
        unsigned which = random_below(count);

        unmap_cost[i] = churn_unmap(live[which], pages[which]);
        map_cost[i] = churn_map(&live[which], &pages[which]);
        both_cost[i] = map_cost[i] + unmap_cost[i];
        if (dma_mapping_error(&edu->dev, live[which])) {
            live[which] = live[--mapped];
            pages[which] = pages[mapped];
            error = -ENOMEM;
        }
        if (i % 64 == 0) {
            cond_resched();
        }
    }
    for (unsigned i = 0; i < mapped; i++) {
        (void)churn_unmap(live[i], pages[i]);
    }
    vfree(pages);
    if (error == 0) {
        report("\"random\"", count, CHURN_SAMPLES);
    }
    return error;
}

/* ---- an interrupt -----------------------------------------------------------------------------
 * What the kernel does in whole for one MSI of a device: its own records, the vector, and where it
 * remaps interrupts the entry. The target stays the only processor, and the entry is written and
 * invalidated all the same.
 */

static irqreturn_t nothing(int irq, void *arg)
{
    return IRQ_HANDLED;
}

static int sample_interrupt(u32 *allocate, u32 *set, u32 *retarget, u32 *release_cost)
{
    u64 at[6];
    int error, irq;

    at[0] = rdtsc();
    error = pci_alloc_irq_vectors(edu, 1, 1, PCI_IRQ_MSI);
    at[1] = rdtsc();
    if (error != 1) {
        return error < 0 ? error : -EIO;
    }
    irq = pci_irq_vector(edu, 0);
    at[2] = rdtsc();
    error = request_irq(irq, nothing, 0, "dma_bench", edu);
    at[3] = rdtsc();
    if (error == 0) {
        error = irq_set_affinity(irq, cpumask_of(0));
        at[4] = rdtsc();
        free_irq(irq, edu);
    }
    pci_free_irq_vectors(edu);
    at[5] = rdtsc();
    *allocate = at[1] - at[0] - empty;
    *set = at[3] - at[2] - empty;
    *retarget = at[4] - at[3] - empty;
    *release_cost = at[5] - at[4] - empty;
    return error;
}

static int measure_interrupts(void)
{
    u32 *free_cost = both_cost + SAMPLES;
    int error = 0;

    for (unsigned i = 0; i < WARM_UP && error == 0; i++) {
        error = sample_interrupt(map_cost, unmap_cost, both_cost, free_cost);
    }
    for (unsigned i = 0; i < SAMPLES && error == 0; i++) {
        error = sample_interrupt(&map_cost[i], &unmap_cost[i], &both_cost[i], &free_cost[i]);
        cond_resched();
    }
    if (error == 0) {
        report_one("allocate", "\"interrupt\"", 0, map_cost, SAMPLES);
        report_one("set", "\"interrupt\"", 0, unmap_cost, SAMPLES);
        report_one("re-target", "\"interrupt\"", 0, both_cost, SAMPLES);
        report_one("free", "\"interrupt\"", 0, free_cost, SAMPLES);
    }
    return error;
}

/* ---- one mapping for the plugin that counts by function ----------------------------------------
 */

#define MARK(number) asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, " number ", 0x6d, 0x64, 0x75")

static int mark_one(void)
{
    for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
        size_t bytes = sizes[s].bytes;
        struct mapping mapping;
        unsigned long flags;

        if (strcmp(profile, bytes == 0 ? "256x4096" : sizes[s].name) != 0) {
            continue;
        }
        for (unsigned i = 0; i < WARM_UP; i++) {
            if (sample(bytes, 0) != 0) {
                return -EIO;
            }
        }
        local_irq_save(flags);
        MARK("1");
        if (map_one(bytes, &mapping)) {
            unmap_one(bytes, &mapping);
        }
        MARK("2");
        local_irq_restore(flags);
        return 0;
    }
    return -EINVAL;
}

/* ---- the module -------------------------------------------------------------------------------
 */

static int measure(void)
{
    int error = 0;

    empty = measure_empty();
    if (profile != NULL) {
        return mark_one();
    }
    if (interrupts) {
        return measure_interrupts();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lives) && error == 0; i++) {
        if (lives[i] <= most_live) {
            error = measure_sizes(lives[i]);
        }
    }
    drain_live();
    for (unsigned i = 0; i < ARRAY_SIZE(churn_lives) && error == 0; i++) {
        error = measure_churn(churn_lives[i]);
    }
    return error;
}

static int prepare(void)
{
    live = vzalloc(lives[ARRAY_SIZE(lives) - 1] * sizeof(*live));
    map_cost = vzalloc(CHURN_SAMPLES * sizeof(u32));
    unmap_cost = vzalloc(CHURN_SAMPLES * sizeof(u32));
    both_cost = vzalloc(CHURN_SAMPLES * sizeof(u32));
    buffer = alloc_pages(GFP_KERNEL, get_order(SZ_2M));
    if (live == NULL || map_cost == NULL || unmap_cost == NULL || both_cost == NULL ||
        buffer == NULL) {
        return -ENOMEM;
    }
    /* Every other page, so that no two are neighbours. */
    sg_init_table(list, SCATTERED);
    for (unsigned i = 0; i < SCATTERED; i++) {
        sg_set_page(&list[i], buffer + 2 * i, SZ_4K, 0);
    }
    return 0;
}

static void release(void)
{
    if (buffer != NULL) {
        __free_pages(buffer, get_order(SZ_2M));
    }
    vfree(both_cost);
    vfree(unmap_cost);
    vfree(map_cost);
    vfree(live);
}

static int probe(struct pci_dev *pci, const struct pci_device_id *id)
{
    int error;

    edu = pci;
    error = pcim_enable_device(pci);
    if (error == 0) {
        error = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(64));
    }
    if (error == 0) {
        /* As drivers of disks do: pieces may be joined without a limit. */
        dma_set_max_seg_size(&pci->dev, UINT_MAX);
        pci_set_master(pci);
        error = prepare();
    }
    if (error == 0) {
        error = measure();
    }
    release();
    pr_info("dma_bench: end %d\n", error);
    return error;
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, {} };

static struct pci_driver bench_driver = { .name = "dma_bench", .id_table = ids, .probe = probe };
module_pci_driver(bench_driver);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the udmar authors");
MODULE_DESCRIPTION("Counts what the DMA API costs");
