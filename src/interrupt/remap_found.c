/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a table that was found on. Nothing in it is trusted. */
#include "interrupt/remap_found.h"

#include "unit/registers.h"

#define ENTRIES_A_PAGE (uint32_t)(UDMAR_PAGE_SIZE / 16)

typedef void entry_fn(void *context, uint32_t index, struct udmar__irte entry);

static void for_each_present(void *host, uint64_t irta, entry_fn *visit, void *context)
{
    for (uint32_t first = 0; first < IRTA_SIZE(irta); first += ENTRIES_A_PAGE) {
        const volatile uint64_t *words =
            udmar_host_page_map(host, (irta & IRTA_TABLE) + (uint64_t)first * 16);

        for (uint32_t i = 0; i < ENTRIES_A_PAGE && first + i < IRTA_SIZE(irta); i++) {
            struct udmar__irte entry = { .low = words[2 * i], .high = words[2 * i + 1] };

            if ((entry.low & IRTE_PRESENT) != 0) {
                visit(context, first + i, entry);
            }
        }
        udmar_host_page_unmap(host, (void *)(uintptr_t)words);
    }
}

static void count_entry(void *context, uint32_t index, struct udmar__irte entry)
{
    struct udmar__found_counts *counts = context;

    (void)entry;
    counts->present++;
    counts->end = index + 1;
}

void udmar__found_count(void *host, uint64_t irta, struct udmar__found_counts *out_counts)
{
    *out_counts = (struct udmar__found_counts){ .present = 0 };
    for_each_present(host, irta, count_entry, out_counts);
}

struct adoption {
    struct udmar__remap_table *table;
    bool extended;
    struct udmar__found_counts *counts;
};

static void adopt_entry(void *context, uint32_t index, struct udmar__irte entry)
{
    struct adoption *adoption = context;

    adoption->counts->present++;
    adoption->counts->end = index + 1;
    if (udmar__irte_convert(&entry, adoption->extended, adoption->table->extended) &&
        udmar__remap_table_take_found(adoption->table, index)) {
        struct udmar__irte now = udmar__irte_read(adoption->table, index);

        if (now.high != entry.high) {
            /* Ours is not in force while this is copied. */
            udmar__irte_clear(adoption->table, index);
        }
        (void)udmar__irte_write(adoption->table, index, entry);
        adoption->counts->kept++;
    } else {
        adoption->counts->lost++;
    }
}

void udmar__found_adopt(struct udmar__remap_table *table, uint64_t irta,
                        struct udmar__found_counts *out_counts)
{
    struct adoption adoption = { .table = table,
                                 .extended = (irta & IRTA_EIME) != 0,
                                 .counts = out_counts };

    *out_counts = (struct udmar__found_counts){ .present = 0 };
    for_each_present(table->host, irta, adopt_entry, &adoption);
}
