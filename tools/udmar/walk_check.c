/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a unit objects to in a present entry [VTD 9, appendix A].
 */
#include "walk_entry.h"

#include <inttypes.h>
#include <stdarg.h>

static bool object(struct objection *out, unsigned reason, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Returns false, for `return object(...)`. */
static bool object(struct objection *out, unsigned reason, const char *format, ...)
{
    va_list arguments;

    out->reason = (uint8_t)reason;
    va_start(arguments, format);
    vsnprintf(out->why, sizeof(out->why), format, arguments);
    va_end(arguments);
    return false;
}

static bool accept(struct objection *out)
{
    *out = (struct objection){ 0 };
    return true;
}

/* Bits hi:lo as a mask. */
static uint64_t bits(unsigned high, unsigned low)
{
    return UINT64_MAX >> (63 - high) & UINT64_MAX << low;
}

static uint64_t cap_field(const struct walk_unit *unit, unsigned high, unsigned low)
{
    return (unit->cap & bits(high, low)) >> low;
}

/* The address bits that the machine does not have. In page-table entries they end at bit 51. */
static uint64_t beyond(const struct walk_unit *unit, unsigned last)
{
    return unit->host_bits > last ? 0 : bits(last, unit->host_bits);
}

static bool pointer_fits(const struct walk_unit *unit, uint64_t word, unsigned last,
                         unsigned reason, const char *name, struct objection *out)
{
    if ((word & beyond(unit, last)) == 0)
        return true;
    return object(out, reason, "%s 0x%" PRIx64 " has bits above the %u of the machine's addresses",
                  name, word & bits(last, 12), unit->host_bits);
}

static bool no_bits(uint64_t word, unsigned high, unsigned low, unsigned reason, const char *where,
                    struct objection *out)
{
    if ((word & bits(high, low)) == 0)
        return true;
    return object(out, reason, "%s: reserved bits %u:%u are 0x%" PRIx64 ", not 0", where, high, low,
                  (word & bits(high, low)) >> low);
}

bool check_root(const struct walk_unit *unit, const uint64_t *words, struct objection *out)
{
    return no_bits(words[0], 11, 1, 0x0a, "low word", out) &&
           no_bits(words[1], 63, 0, 0x0a, "high word", out) &&
           pointer_fits(unit, words[0], 63, 0x0a, "CTP", out) && accept(out);
}

static bool check_width(const struct walk_unit *unit, unsigned aw, unsigned reason,
                        struct objection *out)
{
    /* Width 0 (30 bits) existed on paper only; a unit that has it says so in CAP. */
    if (aw > 3 || (aw == 0 && !unit->has_cap))
        return object(out, reason, "AW %u is reserved", aw);
    if (unit->has_cap && (cap_field(unit, 12, 8) >> aw & 1) == 0)
        return object(out, reason, "AW %u (%u bits) is not among the widths of this unit's CAP", aw,
                      30 + 9 * aw);
    return true;
}

bool check_context(const struct walk_unit *unit, const uint64_t *words, struct objection *out)
{
    unsigned tt = CONTEXT_TT(words);

    if (!no_bits(words[0], 11, 4, 0x0b, "low word", out) ||
        !no_bits(words[1], 7, 7, 0x0b, "high word", out) ||
        !no_bits(words[1], 63, 24, 0x0b, "high word", out))
        return false;
    if (tt == 3)
        return object(out, 0x03, "TT 3 is reserved");
    if (tt == TT_ALL && unit->has_ecap && (unit->ecap >> 2 & 1) == 0)
        return object(out, 0x03, "TT 1 (device TLB) on a unit without it (ECAP.DT is 0)");
    if (tt == TT_PASS_THROUGH && unit->has_ecap && (unit->ecap >> 6 & 1) == 0)
        return object(out, 0x03, "TT 2 (pass-through) on a unit without it (ECAP.PT is 0)");
    if (!check_width(unit, CONTEXT_AW(words), 0x03, out))
        return false;
    if (tt != TT_PASS_THROUGH && !pointer_fits(unit, words[0], 63, 0x0b, "SLPTPTR", out))
        return false;
    return accept(out);
}

bool check_scalable_root(const struct walk_unit *unit, uint64_t half, struct objection *out)
{
    return no_bits(half, 11, 1, 0x3a, "this half", out) &&
           pointer_fits(unit, half, 63, 0x3a, "the pointer", out) && accept(out);
}

bool check_scalable_context(const struct walk_unit *unit, const uint64_t *words,
                            struct objection *out)
{
    return no_bits(words[0], 8, 5, 0x42, "word 0", out) &&
           no_bits(words[1], 63, 21, 0x42, "word 1", out) &&
           no_bits(words[2], 63, 0, 0x42, "word 2", out) &&
           no_bits(words[3], 63, 0, 0x42, "word 3", out) &&
           pointer_fits(unit, words[0], 63, 0x42, "PASIDDIRPTR", out) && accept(out);
}

bool check_directory(const struct walk_unit *unit, uint64_t word, struct objection *out)
{
    return no_bits(word, 11, 2, 0x52, "the entry", out) &&
           pointer_fits(unit, word, 63, 0x52, "SMPTBLPTR", out) && accept(out);
}

bool check_pasid(const struct walk_unit *unit, const uint64_t *words, struct objection *out)
{
    unsigned pgtt = PASID_PGTT(words);
    bool first = pgtt == PGTT_FIRST || pgtt == PGTT_NESTED;
    bool second = pgtt == PGTT_SECOND || pgtt == PGTT_NESTED;

    if (!no_bits(words[0], 11, 10, 0x5a, "word 0", out) ||
        !no_bits(words[1], 22, 16, 0x5a, "word 1", out) ||
        !no_bits(words[2], 11, 8, 0x5a, "word 2", out))
        return false;
    for (unsigned i = 3; i < ENTRY_WORDS; i++) {
        if (words[i] != 0)
            return object(out, 0x5a, "word %u is reserved and 0x%" PRIx64 ", not 0", i, words[i]);
    }
    if (!first && !second && pgtt != PGTT_PASS_THROUGH)
        return object(out, 0x5b, "PGTT %u is reserved", pgtt);
    if (second && (!check_width(unit, PASID_AW(words), 0x5b, out) ||
                   !pointer_fits(unit, words[0], 63, 0x5a, "SSPTPTR", out)))
        return false;
    if (first && PASID_FSPM(words) > 1)
        return object(out, 0x5b, "FSPM %u is reserved", PASID_FSPM(words));
    /* In nested mode the pointer is a guest address: the second stage decides about it. */
    if (pgtt == PGTT_FIRST && !pointer_fits(unit, words[2], 63, 0x5a, "FSPTPTR", out))
        return false;
    return accept(out);
}

/* A large page must be aligned, and the unit must have pages of that size. */
static bool check_large(const struct walk_unit *unit, uint64_t entry, unsigned level,
                        unsigned low_free, unsigned cap_bit, unsigned reason, struct objection *out)
{
    const char *size = level == 2 ? "2 MiB" : "1 GiB";
    unsigned high = level == 2 ? 20 : 29;

    if (level > 3)
        return object(out, reason, "bit 7 (PS) is set at level %u, where no pages are", level);
    if ((entry & bits(high, low_free)) != 0)
        return object(out, reason, "a %s page at 0x%" PRIx64 " is not aligned", size,
                      WALK_ADDRESS(entry));
    if (unit->has_cap && cap_bit != 0 && (unit->cap >> cap_bit & 1) == 0)
        return object(out, reason, "a %s page on a unit without them (CAP bit %u is 0)", size,
                      cap_bit);
    return true;
}

bool check_second(const struct walk_unit *unit, uint64_t entry, unsigned level, bool scalable,
                  struct objection *out)
{
    unsigned reason = scalable ? 0x7a : 0x0c;

    if (level > 1 && (entry >> 7 & 1) != 0 &&
        !check_large(unit, entry, level, 12, level == 2 ? 34 : 35, reason, out))
        return false;
    if (unit->has_ecap && (entry >> 11 & 1) != 0 && (unit->ecap >> 7 & 1) == 0)
        return object(out, reason, "bit 11 (SNP) is set on a unit without snoop control");
    if (unit->has_ecap && (entry >> 62 & 1) != 0 && (unit->ecap >> 2 & 1) == 0)
        return object(out, reason, "bit 62 (TM) is set on a unit without device TLB");
    return pointer_fits(unit, entry, 51, reason, "ADDR", out) && accept(out);
}

bool check_first(const struct walk_unit *unit, uint64_t entry, unsigned level,
                 struct objection *out)
{
    /* Bit 12 of a large page is PAT; every unit with a first stage has 2 MiB pages. */
    if (level > 1 && (entry >> 7 & 1) != 0 &&
        !check_large(unit, entry, level, 13, level == 3 ? 56 : 0, 0x72, out))
        return false;
    return pointer_fits(unit, entry, 51, 0x72, "ADDR", out) && accept(out);
}

static bool check_remapped(const uint64_t *words, bool extended, struct objection *out)
{
    unsigned mode = INTERRUPT_DLM(words);

    if (!no_bits(words[0], 14, 12, 0x24, "low word", out) ||
        !no_bits(words[0], 31, 24, 0x24, "low word", out) ||
        !no_bits(words[1], 63, 20, 0x24, "high word", out))
        return false;
    if (mode == 3 || mode == 6)
        return object(out, 0x24, "DLM %u is reserved", mode);
    if (!extended && (INTERRUPT_DST(words) & ~UINT32_C(0xff00)) != 0)
        return object(out, 0x24, "DST 0x%" PRIx32 " has more than the 8 bits 15:8 (IRTA.EIME is 0)",
                      INTERRUPT_DST(words));
    return true;
}

static bool check_posted(const struct walk_unit *unit, const uint64_t *words, struct objection *out)
{
    if (unit->has_cap && (unit->cap >> 59 & 1) == 0)
        return object(out, 0x24, "IM is 1 (posted) on a unit without it (CAP.PI is 0)");
    return no_bits(words[0], 7, 2, 0x24, "low word", out) &&
           no_bits(words[0], 13, 12, 0x24, "low word", out) &&
           no_bits(words[0], 37, 24, 0x24, "low word", out) &&
           no_bits(words[1], 31, 20, 0x24, "high word", out) &&
           pointer_fits(unit, words[1] & ~UINT64_C(0xffffffff), 63, 0x24, "PDAH", out);
}

bool check_interrupt(const struct walk_unit *unit, const uint64_t *words, bool extended,
                     struct objection *out)
{
    if (!(INTERRUPT_POSTED(words) ? check_posted(unit, words, out)
                                  : check_remapped(words, extended, out)))
        return false;
    if (INTERRUPT_SVT(words) == 3)
        return object(out, 0x24, "SVT 3 is reserved");
    return accept(out);
}
