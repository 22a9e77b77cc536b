/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends an interrupt: requester ids and unit of a source. */
#include "policy/instance.h"

/* Some boards' HPETs send the id of any function of their device. */
#define ANY_FUNCTION 7u

static enum udmar_status find_line(struct udmar *instance,
                                   const struct udmar_interrupt_source *source,
                                   struct udmar__sender *out_sender,
                                   struct udmar__unit_record **out_slot)
{
    const struct udmar__line *line = udmar__line_find(instance, source->kind, source->id);

    if (line == NULL) {
        return UDMAR_ERR_NOT_FOUND;
    }
    if (line->slot == NULL) {
        return UDMAR_ERR_NO_UNIT;
    }
    if (!line->resolved) {
        return UDMAR_ERR_PATH;
    }
    udmar__sender_add(out_sender, line->rid);
    if (line->kind == UDMAR_INTERRUPT_HPET) {
        out_sender->difference |= ANY_FUNCTION;
    }
    out_sender->segment = line->segment;
    *out_slot = line->slot;
    return UDMAR_OK;
}

static enum udmar_status find_function(struct udmar *instance,
                                       const struct udmar_interrupt_source *source,
                                       struct udmar__sender *out_sender,
                                       struct udmar__unit_record **out_slot)
{
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar_entry drhd;
    struct udmar__ids ids;
    enum udmar_status status = udmar__ids_collect(instance, source->segment, source->rid, &ids);

    if (status != UDMAR_OK) {
        return status;
    }
    status =
        udmar_table_find_unit(&instance->table, &reader, ids.segment, ids.governor, &drhd, NULL);
    if (status != UDMAR_OK) {
        return status;
    }
    *out_sender = ids.sender;
    out_sender->segment = ids.segment;
    *out_slot = udmar__unit_of(instance, &drhd);
    return *out_slot != NULL ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

enum udmar_status udmar__source_find(struct udmar *instance,
                                     const struct udmar_interrupt_source *source,
                                     struct udmar__sender *out_sender,
                                     struct udmar__unit_record **out_slot)
{
    *out_sender = (struct udmar__sender){ .known = false };
    switch (source->kind) {
    case UDMAR_INTERRUPT_PCI:
        return find_function(instance, source, out_sender, out_slot);
    case UDMAR_INTERRUPT_IOAPIC:
    case UDMAR_INTERRUPT_HPET:
        return find_line(instance, source, out_sender, out_slot);
    default:
        return UDMAR_ERR_ARGUMENT;
    }
}
