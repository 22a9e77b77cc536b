/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries for sources: allocate, set, post, free. */
#include "interrupt/remap_unit.h"
#include "policy/instance.h"

/* As many messages as an MSI-X table has. */
#define MOST_MESSAGES 2048u

/* ---- Whom to tell ---------------------------------------------------------------------------- */

/* Every unit that shares the table forgets entries. The first error counts, all are asked. */
static enum udmar_status forget_everywhere(struct udmar *instance,
                                           const struct udmar__remap_table *table, uint32_t first,
                                           unsigned count_log2)
{
    enum udmar_status result = UDMAR_OK;

    for (struct udmar__unit_record *record = instance->units; record != NULL;
         record = record->next) {
        if (record->remap == table && udmar__remaps(record->unit)) {
            enum udmar_status status = udmar__remap_forget(record->unit, first, count_log2);

            result = result == UDMAR_OK ? status : result;
        }
    }
    return result;
}

/*
 * A live entry changes: the unit that governs its source may have it in its cache. Other units that
 * share the table may as well, because a device of theirs has named it; for that device it is
 * useless, as long as entries name their source. An I/O APIC or HPET that several units name may
 * be behind any of them.
 */
static enum udmar_status forget_changed(const struct udmar_interrupt *interrupt, uint32_t first,
                                        unsigned count_log2)
{
    if (!interrupt->instance->tunables.interrupt_verify || interrupt->several) {
        return forget_everywhere(interrupt->instance, interrupt->table, first, count_log2);
    }
    return udmar__remaps(interrupt->unit) ? udmar__remap_forget(interrupt->unit, first, count_log2)
                                          : UDMAR_OK;
}

/* ---- Allocate and free ----------------------------------------------------------------------- */

static bool count_makes_sense(const struct udmar_interrupt_source *source, unsigned count)
{
    return udmar__is_power_of_two(count) && count <= MOST_MESSAGES &&
           (count == 1 || source->kind == UDMAR_INTERRUPT_PCI);
}

static bool is_named_by_several(const struct udmar *instance,
                                const struct udmar_interrupt_source *source)
{
    return source->kind != UDMAR_INTERRUPT_PCI &&
           udmar__line_has_units(instance, udmar__line_find(instance, source->kind, source->id));
}

/* The table for a source, and who may use its entries. */
static enum udmar_status place_source(struct udmar *instance, struct udmar_interrupt *interrupt)
{
    struct udmar__unit_record *record;
    struct udmar__ids ids;
    enum udmar_status status = udmar__source_find(instance, &interrupt->source, &ids, &record);

    if (status != UDMAR_OK) {
        return status;
    }
    if (record->remap == NULL || udmar__log2(interrupt->count) > record->remap->most_log2) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (interrupt->source.kind != UDMAR_INTERRUPT_PCI) {
        interrupt->source.segment = ids.segment;
        interrupt->source.rid = ids.sender.id;
    }
    interrupt->table = record->remap;
    interrupt->unit = record->unit;
    interrupt->several = is_named_by_several(instance, &interrupt->source);
    interrupt->check = instance->tunables.interrupt_verify ? udmar__sender_check(&ids.sender) : 0;
    return udmar__remap_table_take(interrupt->table, interrupt);
}

enum udmar_status udmar_interrupt_alloc(struct udmar *instance,
                                        const struct udmar_interrupt_source *source, unsigned count,
                                        struct udmar_interrupt **out_interrupt)
{
    struct udmar_interrupt *interrupt;
    enum udmar_status status;

    if (instance == NULL || source == NULL || out_interrupt == NULL ||
        source->kind < UDMAR_INTERRUPT_PCI || source->kind > UDMAR_INTERRUPT_HPET ||
        !count_makes_sense(source, count)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!instance->interrupts.asked) {
        return UDMAR_ERR_DISABLED;
    }
    if (instance->interrupts.refused != NULL) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    interrupt = udmar_host_alloc(instance->host, sizeof(*interrupt));
    if (interrupt == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    interrupt->instance = instance;
    interrupt->source = *source;
    interrupt->count = count;
    status = place_source(instance, interrupt);
    if (status != UDMAR_OK) {
        udmar_host_free(instance->host, interrupt, sizeof(*interrupt));
        return status;
    }
    *out_interrupt = interrupt;
    return UDMAR_OK;
}

enum udmar_status udmar_interrupt_free(struct udmar_interrupt *interrupt)
{
    enum udmar_status status;

    if (interrupt == NULL) {
        return UDMAR_OK;
    }
    interrupt->leaving = true;
    for (uint32_t i = 0; i < interrupt->count; i++) {
        udmar__irte_clear(interrupt->table, interrupt->first + i);
    }
    status = forget_everywhere(interrupt->instance, interrupt->table, interrupt->first,
                               udmar__log2(interrupt->count));
    if (status != UDMAR_OK) {
        return status;
    }
    udmar__remap_table_give_back(interrupt->table, interrupt->first, interrupt->count, interrupt);
    udmar_host_free(interrupt->instance->host, interrupt, sizeof(*interrupt));
    return UDMAR_OK;
}

/* ---- Set ------------------------------------------------------------------------------------- */

static void fill_message(const struct udmar_interrupt *interrupt, unsigned number,
                         const struct udmar_interrupt_target *target,
                         struct udmar_interrupt_message *out_message)
{
    if (out_message != NULL) {
        udmar__message(interrupt->first, number, interrupt->count, target, out_message);
        out_message->remapped = udmar__remaps(interrupt->unit);
    }
}

/*
 * Both halves of a present entry change and cannot at once: it is absent first, and whatever the
 * unit has read of it is forgotten before the other half changes.
 */
static enum udmar_status write_in_steps(struct udmar_interrupt *interrupt, uint32_t index,
                                        struct udmar__irte value)
{
    struct udmar__irte old = udmar__irte_read(interrupt->table, index);
    enum udmar_status status;

    udmar__irte_clear(interrupt->table, index);
    status = forget_changed(interrupt, index, 0);
    if (status != UDMAR_OK) {
        (void)udmar__irte_write(interrupt->table, index, old);
        return status;
    }
    (void)udmar__irte_write(interrupt->table, index, value);
    return udmar__remap_caches_absent(interrupt->unit) ? forget_changed(interrupt, index, 0)
                                                       : UDMAR_OK;
}

static enum udmar_status write_entry(struct udmar_interrupt *interrupt, unsigned number,
                                     struct udmar__irte value)
{
    struct udmar__remap_table *table = interrupt->table;
    uint32_t index = interrupt->first + number;
    bool present = (table->words[2 * index] & IRTE_PRESENT) != 0;

    if (!udmar__irte_write(table, index, value)) {
        return write_in_steps(interrupt, index, value);
    }
    return present || udmar__remap_caches_absent(interrupt->unit)
               ? forget_changed(interrupt, index, 0)
               : UDMAR_OK;
}

enum udmar_status udmar_interrupt_set(struct udmar_interrupt *interrupt, unsigned number,
                                      const struct udmar_interrupt_target *target,
                                      struct udmar_interrupt_message *out_message)
{
    enum udmar_status status;
    struct udmar__irte value;

    if (interrupt == NULL || target == NULL || number >= interrupt->count ||
        (target->level && interrupt->source.kind != UDMAR_INTERRUPT_IOAPIC)) {
        return UDMAR_ERR_ARGUMENT;
    }
    status = udmar__target_check(target, interrupt->table->extended);
    if (status == UDMAR_OK && interrupt->leaving) {
        status = UDMAR_ERR_ORDER;
    }
    if (status != UDMAR_OK) {
        return status;
    }
    value.low = udmar__irte_target(target, interrupt->table->extended);
    value.high = interrupt->check;
    status = write_entry(interrupt, number, value);
    fill_message(interrupt, number, target, out_message);
    return status;
}

/* What is wrong with a descriptor; UDMAR_OK: nothing. */
static enum udmar_status descriptor_check(const struct udmar_interrupt *interrupt,
                                          udmar_paddr_t descriptor, uint8_t vector)
{
    const struct udmar_table *table = &interrupt->instance->table;

    if (descriptor == 0 || (descriptor & 63) != 0 || vector < IRTE_FIRST_VECTOR ||
        interrupt->source.kind == UDMAR_INTERRUPT_IOAPIC ||
        (table->host_width < 64 && descriptor >> table->host_width != 0)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!interrupt->unit->facts.posted) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    return interrupt->leaving ? UDMAR_ERR_ORDER : UDMAR_OK;
}

enum udmar_status udmar_interrupt_post(struct udmar_interrupt *interrupt, unsigned number,
                                       udmar_paddr_t descriptor, uint8_t vector, bool urgent,
                                       struct udmar_interrupt_message *out_message)
{
    enum udmar_status status;

    if (interrupt == NULL || number >= interrupt->count) {
        return UDMAR_ERR_ARGUMENT;
    }
    status = descriptor_check(interrupt, descriptor, vector);
    if (status != UDMAR_OK) {
        return status;
    }
    status = write_entry(interrupt, number,
                         udmar__irte_posted(descriptor, vector, urgent, interrupt->check));
    fill_message(interrupt, number, NULL, out_message);
    return status;
}

/* ---- What was found -------------------------------------------------------------------------- */

/* The next of them from @index on; `entries`: there is none. */
static uint32_t next_found(struct udmar__remap_table *table, uint32_t index)
{
    uintptr_t state = udmar__lock(table->host, &table->lock);

    do {
        index = udmar__remap_table_next(table, index);
    } while (index < table->entries && udmar__remap_owner(table, index) != &table->found_owner &&
             ++index < table->entries);
    udmar__unlock(table->host, &table->lock, state);
    return index;
}

/*
 * Another caller may remove the same one, and a source may then be given its place: only who has
 * claimed it touches it.
 */
static enum udmar_status remove_found(struct udmar *instance, struct udmar__remap_table *table,
                                      uint32_t index)
{
    enum udmar_status status;

    if (!udmar__remap_table_claim_found(table, index)) {
        return UDMAR_OK;
    }
    udmar__irte_clear(table, index);
    status = forget_everywhere(instance, table, index, 0);
    if (status == UDMAR_OK) {
        udmar__remap_table_give_back(table, index, 1, &table->leaving_owner);
    } else {
        udmar__remap_table_unclaim_found(table, index);
    }
    return status;
}

/* May the sender of these ids use it? An earlier kernel may have written any of them into it. */
static bool may_use(const struct udmar__ids *ids, uint64_t high)
{
    for (unsigned i = 0; i < ids->count; i++) {
        if (udmar__sender_passes(high, ids->id[i])) {
            return true;
        }
    }
    return false;
}

/* Those from @first on and below @end; @ids: null where it does not matter whose they are. */
static enum udmar_status forget_in_table(struct udmar *instance, struct udmar__remap_table *table,
                                         uint32_t first, uint32_t end, const struct udmar__ids *ids)
{
    enum udmar_status result = UDMAR_OK;

    for (uint32_t i = next_found(table, first); i < end && i < table->entries;
         i = next_found(table, i + 1)) {
        enum udmar_status status = UDMAR_ERR_ARGUMENT;

        if (ids == NULL || may_use(ids, udmar__irte_read(table, i).high)) {
            status = remove_found(instance, table, i);
        }
        result = result == UDMAR_OK ? status : result;
    }
    return result;
}

static enum udmar_status forget_all_found(struct udmar *instance)
{
    enum udmar_status result = UDMAR_OK;

    for (struct udmar__remap_table *table = instance->interrupts.tables; table != NULL;
         table = table->next) {
        enum udmar_status status = forget_in_table(instance, table, 0, table->entries, NULL);

        result = result == UDMAR_OK ? status : result;
    }
    return result;
}

enum udmar_status udmar_interrupt_forget_found(struct udmar *instance,
                                               const struct udmar_interrupt_source *source,
                                               uint32_t first, uint32_t count)
{
    struct udmar__unit_record *record;
    struct udmar__ids ids;
    enum udmar_status status;

    if (instance == NULL || first > UDMAR__REMAP_MOST || count > UDMAR__REMAP_MOST) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (source == NULL) {
        return first == 0 && count == 0 ? forget_all_found(instance) : UDMAR_ERR_ARGUMENT;
    }
    status = udmar__source_find(instance, source, &ids, &record);
    if (status != UDMAR_OK) {
        return status;
    }
    return record->remap != NULL
               ? forget_in_table(instance, record->remap, first, first + count, &ids)
               : UDMAR_ERR_UNSUPPORTED;
}
