/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Map and unmap by page size, in the format of Linux's generic_pt benchmark: average and least time
 * for one page, and for 256 of them in one call.
 *
 * Linux measures its table code alone, with tables that stay. Here a call also takes the domain's
 * lock, checks that nothing is mapped there, and unmap waits for the unit (which takes no time).
 * "kept": a neighbour is mapped, so that tables stay; "made": each map makes its tables, each unmap
 * gives them back.
 */
#include <stdio.h>

#include "measure.h"

#define ROUNDS 2000u
#define BASE   (UINT64_C(1) << 40) /* a table of its own at every level */

struct operation {
    const char *size;
    uint64_t bytes;
    uint64_t neighbour; /* offset of a page in the same leaf table and outside of the range */
};

static const struct operation operations[] = {
    { "2^12", UINT64_C(1) << 12, UINT64_C(511) << 12 },
    { "2^21", UINT64_C(1) << 21, UINT64_C(511) << 21 },
    { "2^30", UINT64_C(1) << 30, UINT64_C(511) << 30 },
    { "256*2^12", UINT64_C(256) << 12, UINT64_C(511) << 12 },
    { "256*2^21", UINT64_C(256) << 21, UINT64_C(511) << 21 },
    { "256*2^30", UINT64_C(256) << 30, UINT64_C(511) << 30 },
};

static void print(const char *what, const char *size, const char *tables,
                  struct bench_series *series)
{
    struct bench_summary ns = bench_series_end(series);

    printf("{\"what\": \"%s\", \"size\": \"%s\", \"mode\": \"table\", \"tables\": \"%s\", "
           "\"avg\": %.1f, \"min\": %.1f, \"median\": %.1f, \"unit\": \"ns\"}\n",
           what, size, tables, ns.average, ns.least, ns.median);
}

static void run(struct udmar_domain *domain, const struct operation *operation, bool kept)
{
    struct bench_series map;
    struct bench_series unmap;

    bench_series_init(&map, ROUNDS);
    bench_series_init(&unmap, ROUNDS);
    if (kept && udmar_domain_map(domain, BASE + operation->neighbour, UDMAR_PAGE_SIZE,
                                 UDMAR_PAGE_SIZE, UDMAR_READ_WRITE) != UDMAR_OK) {
        bench_die("the neighbour cannot be mapped");
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = bench_cycles_now();
        enum udmar_status mapped =
            udmar_domain_map(domain, BASE, UINT64_C(1) << 30, operation->bytes, UDMAR_READ_WRITE);
        uint64_t middle = bench_cycles_now();
        enum udmar_status unmapped = udmar_domain_unmap(domain, BASE, operation->bytes);
        uint64_t end = bench_cycles_now();

        if (mapped != UDMAR_OK || unmapped != UDMAR_OK) {
            bench_die("%s cannot be mapped", operation->size);
        }
        bench_series_add(&map, middle - start);
        bench_series_add(&unmap, end - middle);
    }
    (void)udmar_domain_unmap(domain, BASE + operation->neighbour, UDMAR_PAGE_SIZE);
    print("map", operation->size, kept ? "kept" : "made", &map);
    print("unmap", operation->size, kept ? "kept" : "made", &unmap);
}

void bench_table_operations(void)
{
    struct udmar *instance = bench_start(&(struct bench_config){ .strict = true, .width = 48 });
    struct udmar_domain *domain = udmar_device_domain(bench_device(instance, BENCH_RID_SHARED(0)));

    for (unsigned kept = 0; kept < 2; kept++) {
        for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
            run(domain, &operations[i], kept == 0);
        }
    }
    bench_stop(instance);
}
