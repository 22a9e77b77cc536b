/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APICs and HPETs: which unit sees their messages, under which id [VTD 8.3.1]. */
#include "policy/instance.h"

static uint8_t kind_of(const struct udmar_scope *scope)
{
    switch (scope->type) {
    case UDMAR_SCOPE_IOAPIC:
        return UDMAR_INTERRUPT_IOAPIC;
    case UDMAR_SCOPE_HPET:
        return UDMAR_INTERRUPT_HPET;
    default:
        return UDMAR_INTERRUPT_NONE;
    }
}

/* Called for each scope that names one; false: no more of them. */
typedef bool line_fn(struct udmar *instance, const struct udmar_entry *drhd,
                     const struct udmar_scope *scope);

static bool for_each_line(struct udmar *instance, line_fn *visit)
{
    struct udmar_entry entry = { 0 };

    while (udmar_table_next(&instance->table, &entry)) {
        struct udmar_scope scope = { 0 };

        while (entry.type == UDMAR_ENTRY_DRHD &&
               udmar_entry_next_scope(&instance->table, &entry, &scope)) {
            if (kind_of(&scope) != UDMAR_INTERRUPT_NONE && !visit(instance, &entry, &scope)) {
                return false;
            }
        }
    }
    return true;
}

static bool count_line(struct udmar *instance, const struct udmar_entry *drhd,
                       const struct udmar_scope *scope)
{
    (void)drhd;
    (void)scope;
    instance->interrupts.line_room++;
    return true;
}

static bool add_line(struct udmar *instance, const struct udmar_entry *drhd,
                     const struct udmar_scope *scope)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar__line *line = &interrupts->lines[interrupts->line_count];

    if (interrupts->line_count == interrupts->line_room) {
        return false;
    }
    interrupts->line_count++;
    line->kind = kind_of(scope);
    line->id = scope->enumeration_id;
    line->segment = drhd->u.drhd.segment;
    line->slot = udmar__unit_of(instance, drhd);
    line->resolved =
        udmar_scope_resolve(scope, drhd->u.drhd.segment, &reader, &line->rid) == UDMAR_OK;
    return true;
}

/* A table has room for more scopes than the host gives memory in one piece. */
#define MOST_LINES (65536u / sizeof(struct udmar__line))

enum udmar_status udmar__lines_create(struct udmar *instance)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;

    (void)for_each_line(instance, count_line);
    if (interrupts->line_room > MOST_LINES) {
        interrupts->line_room = (unsigned)MOST_LINES;
    }
    if (interrupts->line_room == 0) {
        return UDMAR_OK;
    }
    interrupts->lines =
        udmar_host_alloc(instance->host, interrupts->line_room * sizeof(*interrupts->lines));
    if (interrupts->lines == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    (void)for_each_line(instance, add_line);
    return UDMAR_OK;
}

void udmar__lines_destroy(struct udmar *instance)
{
    struct udmar__interrupts *interrupts = &instance->interrupts;

    if (interrupts->lines != NULL) {
        udmar_host_free(instance->host, interrupts->lines,
                        interrupts->line_room * sizeof(*interrupts->lines));
        interrupts->lines = NULL;
    }
}

const struct udmar__line *udmar__line_find(const struct udmar *instance, uint8_t kind, uint8_t id)
{
    const struct udmar__interrupts *interrupts = &instance->interrupts;

    for (unsigned i = 0; i < interrupts->line_count; i++) {
        if (interrupts->lines[i].kind == kind && interrupts->lines[i].id == id) {
            return &interrupts->lines[i];
        }
    }
    return NULL;
}

const struct udmar__line *udmar__line_sending(const struct udmar *instance, uint16_t segment,
                                              udmar_rid_t rid)
{
    const struct udmar__interrupts *interrupts = &instance->interrupts;

    for (unsigned i = 0; i < interrupts->line_count; i++) {
        const struct udmar__line *line = &interrupts->lines[i];

        if (line->resolved && line->segment == segment && line->rid == rid) {
            return line;
        }
    }
    return NULL;
}
