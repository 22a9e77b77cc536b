/* SPDX-License-Identifier: BSD-2-Clause */
/* The console command show interrupts: sources, vectors, entries, and the whole table. */
#include "interrupts.h"
#include "system.h"

static void print_source(const struct udmar_interrupt_source *source, int width)
{
    char name[40] = "a unit, or the kernel itself";

    if (source->kind != UDMAR_INTERRUPT_NONE) {
        udmar_interrupt_source_format(source, name, sizeof(name));
    }
    kprintf("%-*s", width, name);
}

static void show_state(const struct udmar_interrupt_state *state)
{
    if (state->units == 0) {
        kprintf("interrupt remapping is off%s%s\n", state->refused != NULL ? ": " : "",
                state->refused != NULL ? state->refused : "");
        return;
    }
    kprintf("remapped by %u unit%s; %u table%s, %u entries, %u in use, %u found at start; %u-bit "
            "ids; compatibility format %s; senders %s\n",
            state->units, state->units == 1 ? "" : "s", state->tables,
            state->tables == 1 ? "" : "s", state->entries, state->used, state->found,
            state->extended ? 32 : 8, state->compatible ? "passes" : "is blocked",
            state->verified ? "are verified" : "are NOT verified");
}

static void show_vectors(void)
{
    kprintf("  vector  entry  count     source\n");
    for (const struct irq *irq = irq_next(NULL); irq != NULL; irq = irq_next(irq)) {
        struct udmar_interrupt_source source = interrupts_source(irq_source(irq));
        uint32_t index = interrupts_index(irq);

        kprintf("  0x%02x    ", irq_vector(irq));
        if (index != UINT32_MAX) {
            kprintf("%-5u  ", index);
        } else {
            kprintf("%-5s  ", "-");
        }
        kprintf("%-8u  ", irq_count(irq));
        print_source(&source, 0);
        kprintf("\n");
    }
    kprintf("  stray interrupts: %u\n", irq_stray_count());
}

/* "from 00:03.0", "from bus 02 to 02", "from anybody". */
static void print_check(const struct udmar_interrupt_fields *fields)
{
    static const char *const ignored[] = { "", ", function bit 2 ignored",
                                           ", function bits 2:1 ignored", ", any function" };

    if (fields->check == 0) {
        kprintf("from anybody");
    } else if (fields->check == 1) {
        kprintf("from %02x:%02x.%u%s", UDMAR_RID_BUS(fields->sid), UDMAR_RID_DEVICE(fields->sid),
                UDMAR_RID_FUNCTION(fields->sid), ignored[fields->ignore & 3]);
    } else {
        kprintf("from bus %02x to %02x", fields->sid >> 8, fields->sid & 0xff);
    }
}

static void show_table(struct system *system)
{
    struct udmar_interrupt_entry entry;

    memset(&entry, 0, sizeof(entry));
    kprintf(
        "  table entry  raw                                source                    leads to\n");
    while (udmar_interrupt_next(system->dmar, &entry)) {
        kprintf("  %5u %5u  %016llx %016llx  ", entry.table, entry.index,
                (unsigned long long)entry.raw[1], (unsigned long long)entry.raw[0]);
        print_source(&entry.source, 24);
        if (!entry.fields.present) {
            kprintf("  nothing yet\n");
            continue;
        }
        kprintf("  processor %u vector 0x%02x %s, ", entry.fields.target.destination,
                entry.fields.target.vector, entry.fields.target.level ? "level" : "edge");
        print_check(&entry.fields);
        kprintf("\n");
    }
}

void show_interrupts(struct system *system)
{
    struct udmar_interrupt_state state;

    udmar_interrupt_state(system->dmar, &state);
    show_state(&state);
    show_vectors();
    if (state.units > 0) {
        show_table(system);
    }
}
