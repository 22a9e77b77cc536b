/* SPDX-License-Identifier: BSD-2-Clause */
/* What ./bench host runs: all measurements, or those that are named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static const struct {
    const char *name;
    void (*run)(void);
} measurements[] = {
    { "table", bench_table_operations }, { "iova", bench_allocator }, { "threads", bench_threads },
    { "waits", bench_shared_waits },     { "memory", bench_memory },
};

#define COUNT (sizeof(measurements) / sizeof(measurements[0]))

static void run_one(const char *name)
{
    for (unsigned i = 0; i < COUNT; i++) {
        if (strcmp(name, measurements[i].name) == 0) {
            fprintf(stderr, "measuring: %s...\n", name);
            measurements[i].run();
            return;
        }
    }
    bench_die("there is no %s; there are table, iova, threads, waits, memory, and cycles N", name);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "cycles") == 0) {
        bench_cycles((unsigned)strtoul(argv[2], NULL, 10));
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        run_one(argv[i]);
    }
    for (unsigned i = 0; i < COUNT && argc == 1; i++) {
        run_one(measurements[i].name);
    }
    return 0;
}
