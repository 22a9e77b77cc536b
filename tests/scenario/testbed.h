/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with a running instance, and what scenarios ask of it. The same program runs on the
 * model and on QEMU: its first argument says on which.
 */
#ifndef UDMAR_TESTS_TESTBED_H
#define UDMAR_TESTS_TESTBED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <udmar/busdma.h>
#include <udmar/udmar.h>

#include "machine.h"

/* Fault reasons [VTD appendix A]. */
enum {
    ROOT_ABSENT = 1,
    CONTEXT_ABSENT = 2,
    CONTEXT_WRONG = 3,
    BEYOND_WIDTH = 4,
    NOT_WRITABLE = 5,
    NOT_READABLE = 6,
    TABLE_UNREACHABLE = 7,
    ROOT_UNREACHABLE = 8,
    CONTEXT_UNREACHABLE = 9,
    ROOT_RESERVED = 10,
    CONTEXT_RESERVED = 11,
    ENTRY_RESERVED = 12,
    ADDRESS_INTERRUPT = 14,
};

/* Where a QEMU is not what the architecture says; testbed.c has the words, and the versions. */
enum deviation {
    NO_FAULT_ON_CACHED_PERMISSION,
    NO_NOT_PRESENT_CACHING,
    PAGE_REQUEST_FLUSHES_TOO_MUCH,
    TABLES_SNOOPED,
    NO_PAGING_STRUCTURE_CACHE,
    ROOT_POINTER_FLUSHES,
    LARGE_PAGE_NEAR_INTERRUPTS,
    PASS_THROUGH_UNLIMITED,
    TOP_TABLE_BLAMES_CONTEXT,
    TRANSIENT_BIT_ALLOWED,
    COMPATIBILITY_FORMAT_PASSES,
    INTERRUPT_FAULTS_UNRECORDED,
    PIN_SOURCE_UNCHECKED,
    BUS_RANGE_REVERSED,
    DEVIATIONS,
};
struct testbed {
    const struct machine_ops *ops;
    void *machine;
    struct host host;
    struct machine_options options;
    unsigned device_count;
    struct udmar *instance; /* null: none */
    bool started;
    struct udmar_device *device[MOST_DEVICES];
    uint64_t fault_seen; /* sequence number */
    uint32_t random;
    uint8_t table[4096];
};

/* The machine alone. Options null: all defaults. */
struct testbed *bed_machine(const struct machine_options *options);
struct testbed *bed_machine_on(const struct machine_ops *ops,
                               const struct machine_options *options);
/* ... with an instance, started, all devices attached. */
struct testbed *bed_open(const struct machine_options *options, const char *tunables);
/* Detaches, stops, destroys; then nothing may be left and no rule broken. */
void bed_close(struct testbed *b);
/* Just ends it: hardware or memory was spoiled on purpose. */
void bed_close_unclean(struct testbed *b);

void bed_create(struct testbed *b, const char *tunables);
void bed_start(struct testbed *b);
void bed_stop(struct testbed *b);
void bed_destroy(struct testbed *b);
void bed_attach(struct testbed *b, unsigned device);
void bed_detach(struct testbed *b, unsigned device);
void bed_set_mode(struct testbed *b, unsigned device, enum udmar_mode mode);
/* The instance is forgotten as a crash would do it: hardware goes on with its tables. */
void bed_forget(struct testbed *b);

/*
 * Is this a machine with that deviation? That depends on QEMU's version, and a version that is
 * right is judged like the model. Where it is one, the model alone decides the case. What was asked
 * for is listed when the program ends.
 */
bool bed_deviates(const struct testbed *b, enum deviation which);

struct udmar_domain *bed_domain(struct testbed *b, unsigned device);
/* The requester id under which the unit must see the device. */
udmar_rid_t bed_source(const struct testbed *b, unsigned device);

uint32_t bed_roll(struct testbed *b);
uint8_t *bed_memory(struct testbed *b, uint64_t physical);

/* ---- Mappings ---- */

void bed_map(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical, uint64_t size,
             unsigned access);
void bed_unmap(struct testbed *b, unsigned device, uint64_t iova, uint64_t size);

/* ---- DMA: each is one transaction, checked in memory ---- */

/* Does what the device writes at @iova arrive at @physical, and nothing beside it? */
bool bed_writes(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical,
                size_t length);
/* Does the device read at @iova what is at @physical? */
bool bed_reads(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical, size_t length);
/* Both, with a length that every engine can do, and no fault. */
void bed_reaches(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical);

/* Maps, reaches and unmaps a page somewhere: the device is well. */
void bed_reaches_own(struct testbed *b, unsigned device);

/* Tries a transaction that must be stopped with exactly one fault of this reason. */
void bed_stopped(struct testbed *b, unsigned device, uint64_t iova, bool write, unsigned reason);
/* The same, but a fault may be missing, see NO_FAULT_ON_CACHED_PERMISSION. */
void bed_stopped_perhaps_silently(struct testbed *b, unsigned device, uint64_t iova, bool write,
                                  unsigned reason);
void bed_no_fault(struct testbed *b);

/* The transaction alone, for tests that judge themselves. */
enum dma_result bed_dma(struct testbed *b, unsigned device, uint64_t iova, void *buffer,
                        size_t length, bool write);
/* The next fault that the driver has read out. */
bool bed_take_fault(struct testbed *b, struct udmar_fault *out_fault);

/* ---- Programs ---- */

#define BED_TEST(text, function, options)                                   \
    {                                                                       \
        text, function, NULL, bed_end_of_test, (void *)(uintptr_t)(options) \
    }
int bed_end_of_test(void **state);

/* Takes the machine from the command line (false: says on standard output why there is none). */
bool bed_choose(int argc, char **argv);
int bed_run(int argc, char **argv, const char *group, const struct CMUnitTest *tests, size_t count);

extern uint64_t bed_transactions; /* so far, in this program */

#endif
