/* SPDX-License-Identifier: BSD-2-Clause */
/* One transfer of a driver, stamped: load, sync, sync, unload. */
#ifndef APP_BENCH_SAMPLE_H
#define APP_BENCH_SAMPLE_H

#include <udmar/busdma.h>

#include "kernel.h"

/* What a driver has: a tag of its own and a map. */
struct bench_target {
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
};

/*
 * What is loaded: a buffer; a list of physical pages as a scatter list has them; or a chain of
 * small buffers that are added to the map one by one, as FreeBSD loads mbufs.
 */
struct bench_load {
    void *buffer;
    size_t length;                         /* of the tag */
    const struct udmar_dma_physical *list; /* where not null */
    unsigned count;                        /* of the list */
    unsigned chain;                        /* buffers; 0: no chain */
};

/* Buffer @i of a chain: no two are neighbours, each begins at another odd offset in its page. */
#define BENCH_CHAIN_LENGTH 2030u
#define BENCH_CHAIN_MOST   16u
static inline void *bench_chain_buffer(const struct bench_load *load, unsigned i)
{
    return (uint8_t *)load->buffer + i * (3 * PAGE_SIZE + 130) + 1;
}

enum bench_phase {
    BENCH_LOAD,
    BENCH_SYNC_PRE,
    BENCH_SYNC_POST,
    BENCH_UNLOAD,
    BENCH_PHASES,
};

/* Readings of the time stamp counter: one before each phase and one behind the last. */
struct bench_stamps {
    uint64_t at[BENCH_PHASES + 1];
};

/*
 * One transfer. All functions call what a driver calls, directly, so that what they add to a phase
 * is nothing but the arguments. False when the load failed.
 */
bool bench_transfer_buffer(const struct bench_target *target, const struct bench_load *load,
                           struct bench_stamps *stamps);
bool bench_transfer_list(const struct bench_target *target, const struct bench_load *load,
                         struct bench_stamps *stamps);
bool bench_transfer_chain(const struct bench_target *target, const struct bench_load *load,
                          struct bench_stamps *stamps);
bool bench_transfer(const struct bench_target *target, const struct bench_load *load,
                    struct bench_stamps *stamps);

/* A callback that keeps the number of segments in an int, or an error as a negative number. */
void bench_callback(void *arg, struct udmar_dma_segment *segments, int count, int error);

/*
 * RDTSC with a segment prefix that means nothing: other code reads the counter too, and
 * bench_profile.c has to know these readings from those.
 */
#define BENCH_STAMP_CODE "\x3e\x0f\x31"

static inline uint64_t bench_stamp(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile(".byte 0x3e\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

#endif
