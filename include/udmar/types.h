/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vocabulary that every other header uses.
 *
 * Only the compiler's own headers are needed, so this compiles in a kernel, in firmware and in an
 * ordinary process alike.
 */
#ifndef UDMAR_TYPES_H
#define UDMAR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <udmar/version.h>

/* A host may have these headers of its own; docs/PORTING.md lists what they must define. */
#if !defined(UINTPTR_MAX) || !defined(UINT16_MAX) || !defined(UINT32_MAX) ||                   \
    !defined(UINT64_MAX) || !defined(SIZE_MAX) || !defined(INT32_MAX) || !defined(UINT32_C) || \
    !defined(UINT64_C)
#error "udmar: <stdint.h> lacks a limit or a constant macro; see docs/PORTING.md, step 1"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A host physical address. 64 bits wide on every host: i386 with PAE has memory above 4 GiB. */
typedef uint64_t udmar_paddr_t;

/* An address as a device puts it on the bus: guest address, I/O virtual address. */
typedef uint64_t udmar_iova_t;

/* A requester id, also called source id: bus 15:8, device 7:3, function 2:0. */
typedef uint16_t udmar_rid_t;

/* The bus of a requester id, and its device and function in one byte. */
#define UDMAR_RID(bus, device, function)                                      \
    ((udmar_rid_t)(((unsigned)(bus) << 8) | (((unsigned)(device)&31u) << 3) | \
                   ((unsigned)(function)&7u)))
#define UDMAR_RID_BUS(rid)      ((uint8_t)((rid) >> 8))
#define UDMAR_RID_DEVFN(rid)    ((uint8_t)((rid)&0xffu))
#define UDMAR_RID_DEVICE(rid)   ((uint8_t)(((rid) >> 3) & 31u))
#define UDMAR_RID_FUNCTION(rid) ((uint8_t)((rid)&7u))

/* The smallest unit of translation. */
#define UDMAR_PAGE_SHIFT 12
#define UDMAR_PAGE_SIZE  UINT64_C(4096)
#define UDMAR_PAGE_MASK  (UDMAR_PAGE_SIZE - 1)

/* What a device may do with a mapping; combine with |. */
enum udmar_access {
    UDMAR_READ = 1,  /* the device may read memory */
    UDMAR_WRITE = 2, /* the device may write memory */
    UDMAR_READ_WRITE = 3,
};

/* One contiguous range of physical memory, for scatter lists. */
struct udmar_dma_physical {
    udmar_paddr_t address; /* any alignment */
    uint64_t length;       /* bytes; busdma.h skips 0 */
};

/*
 * Lock annotations, checked by clang's -Wthread-safety and empty elsewhere. The rule they express
 * stands in docs/CONCURRENCY.md: instance lock, then domain lock, then unit lock, then queue lock;
 * the fault locks are taken last.
 */
#if defined(__clang__) && !defined(UDMAR_NO_THREAD_SAFETY)
#define UDMAR_CAPABILITY(name) __attribute__((capability(name)))
#define UDMAR_GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define UDMAR_REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#define UDMAR_EXCLUDES(...)    __attribute__((locks_excluded(__VA_ARGS__)))
#define UDMAR_ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define UDMAR_RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define UDMAR_NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define UDMAR_CAPABILITY(name)
#define UDMAR_GUARDED_BY(lock)
#define UDMAR_REQUIRES(...)
#define UDMAR_EXCLUDES(...)
#define UDMAR_ACQUIRES(...)
#define UDMAR_RELEASES(...)
#define UDMAR_NO_LOCK_ANALYSIS
#endif

#ifdef __cplusplus
}
#endif

#endif
