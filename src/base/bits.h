/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic on powers of two and bit fields. */
#ifndef UDMAR_BASE_BITS_H
#define UDMAR_BASE_BITS_H

#include <udmar/types.h>

/* The compiler lays the code out for the other case. */
#define UDMAR__UNLIKELY(condition) (__builtin_expect(!!(condition), 0))

/* The field hi:lo of a 64-bit word, as a mask. hi is at most 63. */
#define UDMAR__MASK(hi, lo) ((UINT64_MAX >> (63 - (hi))) & (UINT64_MAX << (lo)))

/* The field hi:lo of a value, moved down to bit 0. */
#define UDMAR__FIELD(value, hi, lo) (((value)&UDMAR__MASK(hi, lo)) >> (lo))

static inline bool udmar__is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* The number of the highest set bit; value is not 0. */
static inline unsigned udmar__log2(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

/* The smallest n with 2^n >= value; value is 1 to 2^63. */
static inline unsigned udmar__log2_up(uint64_t value)
{
    return value <= 1 ? 0 : udmar__log2(value - 1) + 1;
}

/* align is a power of two; the caller has made sure that rounding up does not wrap. */
static inline uint64_t udmar__align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

static inline uint64_t udmar__align_down(uint64_t value, uint64_t align)
{
    return value & ~(align - 1);
}

/*
 * Division by any number but 0. A 32-bit compiler calls its run-time library for that, and the
 * library's functions do not fit a kernel that passes arguments in registers (-mregparm): on such
 * processors this is done bit by bit. Not for hot paths.
 */
static inline uint64_t udmar__divide(uint64_t number, uint64_t divisor, uint64_t *out_rest)
{
#if UINTPTR_MAX > UINT32_MAX
    *out_rest = number % divisor;
    return number / divisor;
#else
    uint64_t quotient = 0;
    uint64_t rest = 0;

    for (unsigned bit = 64; bit-- > 0;) {
        bool carry = rest >> 63 != 0;

        rest = rest << 1 | (number >> bit & 1);
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient |= (uint64_t)1 << bit;
        }
    }
    *out_rest = rest;
    return quotient;
#endif
}

/*
 * The order of the smallest block of pages, aligned to its size, that holds [address, address +
 * size).
 */
static inline unsigned udmar__covering_order(uint64_t address, uint64_t size)
{
    uint64_t difference = (address ^ (address + size - 1)) >> UDMAR_PAGE_SHIFT;

    return difference == 0 ? 0 : udmar__log2(difference) + 1;
}

static inline uint64_t udmar__min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t udmar__max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
