/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping for people: what there is, and who was stopped. */
#include "base/text.h"
#include "interrupt/remap_unit.h"
#include "policy/instance.h"

static unsigned remapping_units(struct udmar *instance)
{
    unsigned count = 0;

    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        count += udmar__unit_remaps(record->unit);
    }
    return count;
}

/* What the units say, not what they were told: some have no such switch. */
static bool is_passed_by_a_unit(struct udmar *instance)
{
    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (!instance->interrupts.extended && udmar__unit_passes_compatible(record->unit)) {
            return true;
        }
    }
    return false;
}

void udmar_interrupt_state(struct udmar *instance, struct udmar_interrupt_state *out_state)
{
    *out_state = (struct udmar_interrupt_state){ .refused = "the host has not asked for it" };
    if (instance == NULL) {
        out_state->refused = "there is no driver instance";
    }
    if (instance == NULL || (!instance->interrupts.asked && instance->interrupts.refused == NULL)) {
        return;
    }
    out_state->asked = instance->interrupts.asked;
    out_state->refused = instance->interrupts.refused;
    if (instance->interrupts.tables == NULL) {
        return;
    }
    out_state->extended = instance->interrupts.extended;
    out_state->compatible = is_passed_by_a_unit(instance);
    out_state->verified = instance->tunables.interrupt_verify;
    out_state->units = remapping_units(instance);
    for (struct udmar__remap_table *table = instance->interrupts.tables; table != NULL;
         table = table->next) {
        uintptr_t state = udmar__lock(instance->host, &table->lock);

        out_state->tables++;
        out_state->entries += table->entries;
        out_state->used += table->used;
        out_state->found += table->found;
        udmar__unlock(instance->host, &table->lock, state);
    }
}

/* ---- Entries --------------------------------------------------------------------------------- */

static struct udmar_interrupt_source found_source(const struct udmar__remap_table *table,
                                                  const struct udmar__irte *entry)
{
    return (struct udmar_interrupt_source){
        .kind = UDMAR_INTERRUPT_FOUND,
        .segment = table->segment,
        .rid = (udmar_rid_t)UDMAR__FIELD(entry->high, 15, 0),
    };
}

static void describe_entry(struct udmar__remap_table *table, uint32_t index,
                           struct udmar_interrupt_entry *out_entry) UDMAR_REQUIRES(table->lock)
{
    const struct udmar_interrupt *owner = udmar__remap_owner(table, index);
    struct udmar__irte words = udmar__irte_look(table, index);

    *out_entry = (struct udmar_interrupt_entry){
        .table = table->number,
        .index = index,
        .raw = { words.low, words.high },
    };
    udmar_interrupt_decode(out_entry->raw, table->extended, &out_entry->fields);
    if (udmar__remap_owner_is_found(table, owner)) {
        out_entry->source = found_source(table, &words);
    } else {
        out_entry->source = owner->source;
        out_entry->number = index - owner->first;
    }
}

/* Of tables with a number from @number on, the one with the lowest. */
static struct udmar__remap_table *table_from(struct udmar *instance, unsigned number)
{
    struct udmar__remap_table *best = NULL;

    for (struct udmar__remap_table *table = instance->interrupts.tables; table != NULL;
         table = table->next) {
        if (table->number >= number && (best == NULL || table->number < best->number)) {
            best = table;
        }
    }
    return best;
}

bool udmar_interrupt_next(struct udmar *instance, struct udmar_interrupt_entry *entry)
{
    bool first = entry->source.kind == UDMAR_INTERRUPT_NONE;
    uint32_t index = first ? 0 : entry->index + 1;
    struct udmar__remap_table *table = NULL;

    if (instance != NULL) {
        table = table_from(instance, entry->table);
    }
    while (table != NULL) {
        uintptr_t state = udmar__lock(instance->host, &table->lock);
        bool found;

        index = udmar__remap_table_next(table, index);
        found = index < table->entries;
        if (found) {
            describe_entry(table, index, entry);
        }
        udmar__unlock(instance->host, &table->lock, state);
        if (found) {
            return true;
        }
        table = table_from(instance, table->number + 1);
        index = 0;
    }
    *entry = (struct udmar_interrupt_entry){ .index = 0 };
    return false;
}

/* ---- Faults ---------------------------------------------------------------------------------- */

static struct udmar_interrupt_source line_source(const struct udmar__line *line)
{
    return (struct udmar_interrupt_source){
        .kind = line->kind, .id = line->id, .segment = line->segment, .rid = line->rid
    };
}

static struct udmar__remap_table *table_of(struct udmar *instance, const struct udmar_unit *unit)
{
    const struct udmar__unit_record *record = udmar__unit_at(instance, unit->index);

    return record != NULL ? record->remap : NULL;
}

void udmar__interrupts_identify(struct udmar *instance, struct udmar_unit *unit,
                                struct udmar_fault *fault)
{
    const struct udmar__line *line = udmar__line_sending(instance, unit->segment, fault->rid);
    struct udmar__remap_table *table = table_of(instance, unit);
    const struct udmar_interrupt *owner;
    struct udmar__irte words;
    uintptr_t state;

    if (line != NULL && fault->device == NULL) {
        fault->sender = line_source(line);
    }
    /*
     * Only requests in the remappable format name an entry, and before start and after stop it is
     * none of our table.
     */
    if (table == NULL || !udmar__remaps(unit) || fault->reason == UDMAR__REASON_COMPATIBILITY) {
        return;
    }
    state = udmar__lock(instance->host, &table->lock);
    fault->owner_known = true;
    owner = udmar__remap_owner(table, (uint32_t)fault->address);
    if (udmar__remap_owner_is_found(table, owner)) {
        words = udmar__irte_look(table, (uint32_t)fault->address);
        fault->owner = found_source(table, &words);
    } else if (owner != NULL) {
        fault->owner = owner->source;
    }
    udmar__unlock(instance->host, &table->lock, state);
}

size_t udmar_interrupt_source_format(const struct udmar_interrupt_source *source, char *buffer,
                                     size_t size)
{
    struct udmar__text text;

    udmar__text_init(&text, buffer, size);
    switch (source->kind) {
    case UDMAR_INTERRUPT_PCI:
        if (source->segment != 0) {
            udmar__text_add(&text, "%04x:", source->segment);
        }
        udmar__text_add(&text, "%02x:%02x.%u", UDMAR_RID_BUS(source->rid),
                        UDMAR_RID_DEVICE(source->rid), UDMAR_RID_FUNCTION(source->rid));
        break;
    case UDMAR_INTERRUPT_IOAPIC:
        udmar__text_add(&text, "I/O APIC %u pin %u", source->id, source->line);
        break;
    case UDMAR_INTERRUPT_HPET:
        udmar__text_add(&text, "HPET %u timer %u", source->id, source->line);
        break;
    case UDMAR_INTERRUPT_FOUND:
        udmar__text_add(&text, "an entry found at start");
        break;
    default:
        udmar__text_add(&text, "nobody");
        break;
    }
    return text.length;
}
