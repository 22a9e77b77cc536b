/* SPDX-License-Identifier: BSD-2-Clause */
/* Which units remap interrupts, and which of them share a table. */
#include "base/text.h"
#include "interrupt/remap_found.h"
#include "interrupt/remap_unit.h"
#include "policy/instance.h"

/* Why a unit does not remap; null: it can. */
static const char *unit_objection(const struct udmar *instance,
                                  const struct udmar__unit_record *record)
{
    const struct udmar_unit_facts *facts = &record->unit->facts;

    if (!facts->interrupt_remap) {
        return "it has no interrupt remapping";
    }
    if (!facts->queued) {
        return "it has no invalidation queue, without which entries cannot be changed";
    }
    if (!instance->tunables.queue && facts->registers) {
        return "entries cannot be changed without the invalidation queue (hw.dmar.qi=0)";
    }
    return record->quirks & QUIRK_NO_INTERRUPTS ? udmar__quirk_name(QUIRK_NO_INTERRUPTS) : NULL;
}

/* Why this I/O APIC's pins would be dead with remapping on; null: nothing is wrong. */
static const char *pin_objection(const struct udmar *instance, uint8_t id)
{
    const struct udmar__line *line = udmar__line_find(instance, UDMAR_INTERRUPT_IOAPIC, id);

    if (line == NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "no unit's scope names I/O APIC %u: with interrupt remapping its interrupts "
                   "would be blocked",
                   id);
        return "firmware's table does not name every I/O APIC";
    }
    /* A unit that does not remap lets its pins pass, whatever they are called. */
    if (line->resolved || line->unit_record == NULL ||
        unit_objection(instance, line->unit_record) != NULL) {
        return NULL;
    }
    udmar__log(instance->host, UDMAR_LOG_WARN,
               "the path to I/O APIC %u in the scope of unit %u leads through something that is no "
               "bridge: it is not known what it sends, and with interrupt remapping its "
               "interrupts would be blocked",
               id, line->unit_record->unit->index);
    return "firmware's path to an I/O APIC leads nowhere";
}

/* Why no unit remaps, whatever it can; null: nothing is wrong. */
static const char *machine_objection(const struct udmar *instance,
                                     const struct udmar_interrupt_config *config)
{
    if ((instance->table.flags & UDMAR_TABLE_INTR_REMAP) == 0) {
        return "firmware's table says that the machine does not support it";
    }
    for (unsigned i = 0; i < config->ioapic_count; i++) {
        const char *objection = pin_objection(instance, config->ioapics[i]);

        if (objection != NULL) {
            return objection;
        }
    }
    return NULL;
}

/* Why destinations have 8 bits though the host would like 32; null: they have 32. */
static const char *extended_objection(const struct udmar *instance)
{
    if ((instance->table.flags & UDMAR_TABLE_X2APIC_OPT_OUT) != 0) {
        return "firmware asks not to use them (X2APIC_OPT_OUT)";
    }
    if (!udmar__units_complete(instance)) {
        return "a unit is left out";
    }
    for (const struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (!record->unit->facts.extended_ids || unit_objection(instance, record) != NULL) {
            return "not every unit can use them (ECAP.EIM)";
        }
    }
    return NULL;
}

static void choose_width(struct udmar *instance, bool wanted)
{
    const char *objection = extended_objection(instance);

    instance->interrupts.extended = wanted && objection == NULL;
    if (wanted && objection != NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "interrupts reach APIC ids up to 255 alone, also in x2APIC mode: %s", objection);
    }
    if (instance->interrupts.extended && instance->tunables.interrupt_compat) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "hw.dmar.ir.compat=1 has no effect: with APIC ids of 32 bits compatibility "
                   "format is always blocked");
    }
}

/* ---- What was found on ----------------------------------------------------------------------- */

bool udmar__found_is_readable(const struct udmar *instance, uint64_t irta)
{
    uint64_t first = irta & IRTA_TABLE;
    uint64_t size = (uint64_t)IRTA_SIZE(irta) * 16;

    size = udmar__align_up(size, UDMAR_PAGE_SIZE);
    /* All in one range: nothing else is known to be memory that may be read. */
    for (unsigned i = 0; i < instance->ram_count; i++) {
        const struct udmar_ram_range *range = &instance->ram[i];

        if (first >= range->base && first - range->base < range->size &&
            range->size - (first - range->base) >= size) {
            return first != 0;
        }
    }
    return false;
}

/* IRTA of a unit that remaps with a table that can be read; 0: none. */
static uint64_t found_table(struct udmar *instance, struct udmar__unit_record *record)
{
    uint32_t status = udmar__read32(record->unit, REG_GSTS);
    uint64_t irta;

    if (status == UINT32_MAX || (status & GCMD_IRE) == 0) {
        return 0;
    }
    irta = udmar__read64(record->unit, REG_IRTA);
    return udmar__found_is_readable(instance, irta) ? irta : 0;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

/*
 * How many entries a table needs: those asked for and those found, and room for the index of each
 * of these.
 */
static uint32_t entries_wanted(struct udmar *instance, uint32_t asked)
{
    uint32_t wanted = asked;
    uint32_t end = 0;

    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        struct udmar__found_counts counts = { .present = 0 };
        uint64_t irta = found_table(instance, record);

        if (irta != 0 && unit_objection(instance, record) == NULL) {
            udmar__found_count(instance->host, irta, &counts);
        }
        wanted += counts.present;
        end = counts.end > end ? counts.end : end;
    }
    return (uint32_t)udmar__min(udmar__max(wanted, end), UDMAR__REMAP_MOST);
}

/*
 * Ids are those of one segment, so a table serves units of one segment. What was found on keeps its
 * index, so two units that were found with different tables cannot share ours.
 */
static struct udmar__remap_table *find_table(const struct udmar *instance, uint16_t segment,
                                             uint64_t found_at)
{
    struct udmar__remap_table *table = instance->interrupts.tables;

    while (table != NULL && (table->segment != segment || (table->found_at != 0 && found_at != 0 &&
                                                           table->found_at != found_at))) {
        table = table->next;
    }
    return table;
}

static struct udmar__remap_table *table_for(struct udmar *instance,
                                            struct udmar__unit_record *record,
                                            const struct udmar__remap_wish *common)
{
    uint64_t found_at = found_table(instance, record);
    struct udmar__remap_table *table = find_table(instance, record->unit->segment, found_at);
    struct udmar__found_counts counts;
    struct udmar__remap_wish wish = *common;

    if (table == NULL) {
        wish.number = record->unit->index;
        wish.segment = record->unit->segment;
        table = udmar__remap_table_create(instance->host, &wish);
        if (table == NULL) {
            return NULL;
        }
        table->next = instance->interrupts.tables;
        instance->interrupts.tables = table;
    }
    table->coherent = table->coherent && record->unit->facts.coherent;
    if (record->unit->facts.interrupt_mask < table->most_log2) {
        table->most_log2 = record->unit->facts.interrupt_mask;
    }
    if (found_at != 0 && table->found_at == 0) {
        /* No source of ours may take their places before start copies them. */
        table->found_at = found_at;
        udmar__found_adopt(table, found_at, &counts);
    }
    return table;
}

static void give_table(struct udmar *instance, struct udmar__unit_record *record,
                       const struct udmar__remap_wish *wish)
{
    const char *objection = unit_objection(instance, record);

    if (objection == NULL) {
        record->remap = table_for(instance, record, wish);
        objection = record->remap == NULL ? "there is no memory for the table" : NULL;
    }
    if (objection != NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "unit %u: interrupt remapping is refused: %s; its devices can forge interrupts",
                   record->unit->index, objection);
    }
}

void udmar__interrupts_create(struct udmar *instance, const struct udmar_interrupt_config *config)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;
    struct udmar__remap_wish wish = { .wide = config->wide_exchange };

    interrupts->asked = instance->tunables.interrupts;
    interrupts->program = config->program;
    if (!interrupts->asked) {
        interrupts->refused = "hw.dmar.ir=0";
        return;
    }
    interrupts->refused = udmar__lines_create(instance) == UDMAR_OK
                              ? machine_objection(instance, config)
                              : "there is no memory for the list of I/O APICs";
    if (interrupts->refused == NULL) {
        choose_width(instance, config->x2apic);
        wish.extended = interrupts->extended;
        wish.entries = entries_wanted(instance, config->entries);
        for (struct udmar__unit_record *record = instance->units; record != NULL;
             record = record->next) {
            give_table(instance, record, &wish);
        }
        if (interrupts->tables == NULL) {
            interrupts->refused = "no unit can remap interrupts";
        }
    }
    if (interrupts->refused != NULL) {
        udmar__log(instance->host, UDMAR_LOG_WARN, "interrupt remapping is refused: %s",
                   interrupts->refused);
    }
}

/* May some unit still read it? */
static bool is_in_use(const struct udmar *instance, const struct udmar__remap_table *table)
{
    for (const struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (record->remap == table && udmar__remaps(record->unit)) {
            return true;
        }
    }
    return false;
}

void udmar__interrupts_destroy(struct udmar *instance)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;

    while (interrupts->tables != NULL) {
        struct udmar__remap_table *table = interrupts->tables;

        interrupts->tables = table->next;
        udmar__remap_table_destroy(table, is_in_use(instance, table));
    }
    udmar__lines_destroy(instance);
}
