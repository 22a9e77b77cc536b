/* SPDX-License-Identifier: BSD-2-Clause */
/* Who sends an interrupt: requester ids and unit of a source. */
#include "policy/instance.h"

/* Some boards' HPETs send the id of any function of their device. */
#define ANY_FUNCTION 7u

static void add_line_ids(const struct udmar__line *line, struct udmar__ids *out_ids)
{
    unsigned any = line->kind == UDMAR_INTERRUPT_HPET ? ANY_FUNCTION : 0;
    udmar_rid_t first = (udmar_rid_t)(line->rid & ~any);

    udmar__sender_add(&out_ids->sender, line->rid);
    out_ids->sender.difference = (uint16_t)any;
    for (unsigned function = 0; function <= any; function++) {
        out_ids->id[out_ids->count++] = (udmar_rid_t)(first + function);
    }
    out_ids->segment = line->segment;
    out_ids->governor = line->rid;
}

static enum udmar_status find_line(struct udmar *instance,
                                   const struct udmar_interrupt_source *source,
                                   struct udmar__ids *out_ids,
                                   struct udmar__unit_record **out_record)
{
    const struct udmar__line *line = udmar__line_find(instance, source->kind, source->id);

    if (line == NULL) {
        return UDMAR_ERR_NOT_FOUND;
    }
    if (line->unit_record == NULL) {
        return UDMAR_ERR_NO_UNIT;
    }
    if (!line->resolved) {
        return UDMAR_ERR_PATH;
    }
    add_line_ids(line, out_ids);
    *out_record = line->unit_record;
    return UDMAR_OK;
}

static enum udmar_status find_function(struct udmar *instance,
                                       const struct udmar_interrupt_source *source,
                                       struct udmar__ids *out_ids,
                                       struct udmar__unit_record **out_record)
{
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar_entry drhd;
    enum udmar_status status = udmar__ids_collect(instance, source->segment, source->rid, out_ids);

    if (status != UDMAR_OK) {
        return status;
    }
    status = udmar_table_find_unit(&instance->table, &reader, out_ids->segment, out_ids->governor,
                                   &drhd, NULL);
    if (status != UDMAR_OK) {
        return status;
    }
    *out_record = udmar__unit_of(instance, &drhd);
    return *out_record != NULL ? UDMAR_OK : UDMAR_ERR_NO_UNIT;
}

enum udmar_status udmar__source_find(struct udmar *instance,
                                     const struct udmar_interrupt_source *source,
                                     struct udmar__ids *out_ids,
                                     struct udmar__unit_record **out_record)
{
    *out_ids = (struct udmar__ids){ .count = 0 };
    switch (source->kind) {
    case UDMAR_INTERRUPT_PCI:
        return find_function(instance, source, out_ids, out_record);
    case UDMAR_INTERRUPT_IOAPIC:
    case UDMAR_INTERRUPT_HPET:
        return find_line(instance, source, out_ids, out_record);
    default:
        return UDMAR_ERR_ARGUMENT;
    }
}
