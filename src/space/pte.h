/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table entries in memory and the one way to write them [VTD 9].
 *
 * Hardware reads an aligned 64-bit entry as a whole. A host with 64-bit stores writes it as a
 * whole; i386 writes halves in the order in which hardware never sees a wrong entry: the low half,
 * with the present bits, goes to zero first and gets its value last.
 */
#ifndef UDMAR_SPACE_PTE_H
#define UDMAR_SPACE_PTE_H

#include <udmar/host.h>

#include "base/bits.h"

/* Second-level entries [VTD 9.8]. */
#define PTE_READ        UINT64_C(1)
#define PTE_WRITE       UINT64_C(2)
#define PTE_PRESENT     (PTE_READ | PTE_WRITE)
#define PTE_LARGE       (UINT64_C(1) << 7)
#define PTE_SNOOP       (UINT64_C(1) << 11) /* leaves; needs ECAP.SC */
#define PTE_ADDRESS     UDMAR__MASK(51, 12)
/* Bits 61:52 are ignored by hardware: a non-leaf entry counts there how full its table is. */
#define PTE_COUNT_SHIFT 52
#define PTE_COUNT_MASK  UDMAR__MASK(61, 52)
#define PTE_COUNT(e)    ((unsigned)UDMAR__FIELD(e, 61, 52))

/* No entry of a page table holds more, and no processor has it. */
#define UDMAR__PHYSICAL_END (UINT64_C(1) << 52)

#define PTES_PER_TABLE 512u

/* The shift of what one entry of a level covers: 12 at level 1, 21 at level 2... */
static inline unsigned udmar__level_shift(unsigned level)
{
    return 3 + 9 * level;
}

static inline unsigned udmar__level_index(uint64_t iova, unsigned level)
{
    return (unsigned)(iova >> udmar__level_shift(level)) & (PTES_PER_TABLE - 1);
}

static inline uint64_t udmar__pte_load(const volatile uint64_t *entry)
{
#if UINTPTR_MAX > UINT32_MAX
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
#else
    return *entry;
#endif
}

/*
 * Stores an entry that hardware may read at any moment; stores before it in the program are seen
 * before it. Flushing is the caller's, once for many.
 */
static inline void udmar__pte_store(volatile uint64_t *entry, uint64_t value)
{
#if UINTPTR_MAX > UINT32_MAX
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
#else
    volatile uint32_t *half = (volatile uint32_t *)entry;

    if (half[0] != 0) {
        half[0] = 0;
    }
    half[1] = (uint32_t)(value >> 32);
    half[0] = (uint32_t)value;
#endif
}

/*
 * Leaf entries of @count pages, at least 1, that follow each other, the first of them given. One is
 * by far the most frequent number.
 */
static inline void udmar__ptes_fill(volatile uint64_t *pte, uint64_t entry, uint64_t count)
{
    volatile uint64_t *end = pte + count;

    if (count == 1) {
        udmar__pte_store(pte, entry);
        return;
    }
    while (UDMAR__UNLIKELY(end - pte >= 8)) {
        udmar__pte_store(&pte[0], entry);
        udmar__pte_store(&pte[1], entry + UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[2], entry + 2 * UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[3], entry + 3 * UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[4], entry + 4 * UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[5], entry + 5 * UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[6], entry + 6 * UDMAR_PAGE_SIZE);
        udmar__pte_store(&pte[7], entry + 7 * UDMAR_PAGE_SIZE);
        entry += 8 * UDMAR_PAGE_SIZE;
        pte += 8;
        if (pte == end) {
            return;
        }
    }
    do {
        udmar__pte_store(pte++, entry);
        entry += UDMAR_PAGE_SIZE;
    } while (pte != end);
}

/* @count: at least 1. */
static inline void udmar__ptes_clear(volatile uint64_t *pte, uint64_t count)
{
    volatile uint64_t *end = pte + count;

    if (count == 1) {
        udmar__pte_store(pte, 0);
        return;
    }
    while (UDMAR__UNLIKELY(end - pte >= 8)) {
        udmar__pte_store(&pte[0], 0);
        udmar__pte_store(&pte[1], 0);
        udmar__pte_store(&pte[2], 0);
        udmar__pte_store(&pte[3], 0);
        udmar__pte_store(&pte[4], 0);
        udmar__pte_store(&pte[5], 0);
        udmar__pte_store(&pte[6], 0);
        udmar__pte_store(&pte[7], 0);
        pte += 8;
        if (pte == end) {
            return;
        }
    }
    do {
        udmar__pte_store(pte++, 0);
    } while (pte != end);
}

/* Entries that were written, into memory, for a unit whose walks do not look into caches. */
static inline void udmar__ptes_write_back(void *host, bool coherent, volatile uint64_t *pte,
                                          uint64_t count)
{
    if (!coherent) {
        udmar_host_cache_flush(host, (const void *)(uintptr_t)pte, (size_t)count * sizeof(*pte));
    }
}

/*
 * Replaces a present entry by another present one in a single step, so that a walk in between sees
 * one or the other. On i386 this takes CMPXCHG8B (every processor with VT-d has it).
 */
static inline void udmar__pte_replace(volatile uint64_t *entry, uint64_t value)
{
#if UINTPTR_MAX > UINT32_MAX
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
#else
    uint64_t old = *entry;
    uint64_t seen;

    while ((seen = __sync_val_compare_and_swap(entry, old, value)) != old) {
        old = seen;
    }
#endif
}

/* Changes the bits that hardware ignores; they are all in the upper half. */
static inline void udmar__pte_set_count(volatile uint64_t *entry, unsigned count)
{
    uint64_t value = (udmar__pte_load(entry) & ~PTE_COUNT_MASK) | (uint64_t)count
                                                                      << PTE_COUNT_SHIFT;

#if UINTPTR_MAX > UINT32_MAX
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
#else
    ((volatile uint32_t *)entry)[1] = (uint32_t)(value >> 32);
#endif
}

/*
 * Root and context entries are two words: the one with Present is written last and cleared first.
 */
static inline void udmar__entry128_store(volatile uint64_t *entry, uint64_t low, uint64_t high)
{
    udmar__pte_store(&entry[1], high);
    udmar__pte_store(&entry[0], low);
}

#endif
