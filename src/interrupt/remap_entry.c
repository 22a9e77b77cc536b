/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing interrupt entries that hardware may read at any moment [VTD 9.10].
 *
 * Who may raise an interrupt stands in the high half of an entry, everything else in the low one.
 *
 * - Another target changes the low half alone, in one store: hardware reads the old entry or the
 *   new one, and reading the halves one after the other it finds the same. So a live source needs
 *   neither a mask nor CMPXCHG16B.
 * - An absent entry gets its high half first, then the low half with its present bit: what can be
 *   read is absent or whole.
 * - To and from a posted entry both halves change: CMPXCHG16B writes them at once.
 *   Without it the entry becomes absent; then the unit is asked to forget it and waited for, which
 *   also ends what it was reading, and only then the halves are written as those of an absent one.
 *   Without that wait hardware might have read the old low half, present, and would find the new
 *   high half next to it.
 *
 * An entry never crosses a cache line: flushed once, memory has both halves as they were at one
 * moment, and a line that leaves the cache earlier shows one of the steps above.
 */
#include "interrupt/exchange.h"
#include "interrupt/remap_table.h"

static void flush_entry(struct udmar__remap_table *table, uint32_t index)
{
    if (!table->coherent) {
        udmar_host_cache_flush(table->host, (const void *)(uintptr_t)&table->words[2 * index], 16);
    }
}

struct udmar__irte udmar__irte_read(struct udmar__remap_table *table, uint32_t index)
{
    volatile uint64_t *words = &table->words[2 * index];

    return (struct udmar__irte){ .low = udmar__word_load(&words[0]),
                                 .high = udmar__word_load(&words[1]) };
}

/* Nobody writes an entry so fast that this often is not enough. */
#define MOST_LOOKS 64u

struct udmar__irte udmar__irte_look(struct udmar__remap_table *table, uint32_t index)
{
    struct udmar__irte before = udmar__irte_read(table, index);

    for (unsigned i = 0; i < MOST_LOOKS; i++) {
        struct udmar__irte after = udmar__irte_read(table, index);

        if (after.low == before.low && after.high == before.high) {
            break;
        }
        before = after;
    }
    return before;
}

bool udmar__irte_write(struct udmar__remap_table *table, uint32_t index, struct udmar__irte value)
{
    volatile uint64_t *words = &table->words[2 * index];

    /* Nobody else writes this entry: what is read here stays until it is written below. */
    if (words[1] == value.high) {
        (void)udmar__word_exchange(&words[0], value.low);
    } else if ((words[0] & IRTE_PRESENT) == 0) {
        (void)udmar__word_exchange(&words[1], value.high);
        (void)udmar__word_exchange(&words[0], value.low);
    } else if (UDMAR__WIDE_EXCHANGE && table->wide) {
        udmar__pair_exchange(words, value.low, value.high);
    } else {
        return false;
    }
    flush_entry(table, index);
    return true;
}

void udmar__irte_clear(struct udmar__remap_table *table, uint32_t index)
{
    (void)udmar__word_exchange(&table->words[2 * index], 0);
    flush_entry(table, index);
}
