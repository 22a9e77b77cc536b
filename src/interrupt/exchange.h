/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words that hardware reads while we change them.
 *
 * An interrupt entry has two halves of 64 bits. A half is always changed in one piece, on i386 by
 * CMPXCHG8B, which every processor beside a remapping unit has. Both halves in one piece need
 * CMPXCHG16B, which the host vouches for. All of these are full barriers: loads that follow in the
 * program are not performed before them.
 */
#ifndef UDMAR_INTERRUPT_EXCHANGE_H
#define UDMAR_INTERRUPT_EXCHANGE_H

#include <udmar/types.h>

#if defined(__i386__)

/* The compiler would call a library of its own for these where it is told -march=i386. */
static inline uint64_t udmar__word_exchange(volatile uint64_t *word, uint64_t value)
{
    uint64_t old = *word;
    bool done;

    do {
        __asm__ volatile("lock cmpxchg8b %1"
                         : "=@ccz"(done), "+m"(*word), "+A"(old)
                         : "b"((uint32_t)value), "c"((uint32_t)(value >> 32))
                         : "memory");
    } while (!done);
    return old;
}

static inline uint64_t udmar__word_load(volatile uint64_t *word)
{
    uint64_t value = 0;

    /* Whatever it finds, it writes back what was there. */
    __asm__ volatile("lock cmpxchg8b %0"
                     : "+m"(*word), "+A"(value)
                     : "b"(0), "c"(0)
                     : "cc", "memory");
    return value;
}

#else

static inline uint64_t udmar__word_exchange(volatile uint64_t *word, uint64_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline uint64_t udmar__word_load(volatile uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

#endif

#if defined(__x86_64__)
#define UDMAR__WIDE_EXCHANGE true

/* Both halves, for the compiler: what the instruction below changes. */
struct udmar__pair {
    uint64_t half[2];
};

/* @pair: aligned to 16 bytes. */
static inline void udmar__pair_exchange(volatile uint64_t *pair, uint64_t low, uint64_t high)
{
    uint64_t old_low = pair[0];
    uint64_t old_high = pair[1];
    bool done;

    do {
        __asm__ volatile("lock cmpxchg16b %1"
                         : "=@ccz"(done), "+m"(*(volatile struct udmar__pair *)pair), "+a"(old_low),
                           "+d"(old_high)
                         : "b"(low), "c"(high)
                         : "memory");
    } while (!done);
}

#else
#define UDMAR__WIDE_EXCHANGE false

static inline void udmar__pair_exchange(volatile uint64_t *pair, uint64_t low, uint64_t high)
{
    (void)pair;
    (void)low;
    (void)high;
}

#endif

#endif
