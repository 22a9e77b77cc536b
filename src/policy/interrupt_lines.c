/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APICs and HPETs: which unit sees their messages, under which id [VTD 8.3.1]. */
#include "base/text.h"
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
    line->unit_record = udmar__unit_of(instance, drhd);
    line->resolved =
        udmar_scope_resolve(scope, drhd->u.drhd.segment, &reader, &line->rid) == UDMAR_OK;
    return true;
}

/* The next scope of one id behind @previous, or the first; null: no more. */
static const struct udmar__line *next_line(const struct udmar *instance, uint8_t kind, uint8_t id,
                                           const struct udmar__line *previous)
{
    const struct udmar__interrupts *interrupts = &instance->interrupts;
    unsigned first = previous != NULL ? (unsigned)(previous - interrupts->lines) + 1 : 0;

    for (unsigned i = first; i < interrupts->line_count; i++) {
        if (interrupts->lines[i].kind == kind && interrupts->lines[i].id == id) {
            return &interrupts->lines[i];
        }
    }
    return NULL;
}

/* A unit that can be used first, then one whose id is known, then one that remaps. */
static unsigned worth_of(const struct udmar__line *line)
{
    if (line->unit_record == NULL) {
        return line->resolved ? 2 : 0;
    }
    return 4 + (line->resolved ? 2u : 0u) +
           (line->unit_record->unit->facts.interrupt_remap ? 1u : 0u);
}

const struct udmar__line *udmar__line_find(const struct udmar *instance, uint8_t kind, uint8_t id)
{
    const struct udmar__line *best = next_line(instance, kind, id, NULL);
    const struct udmar__line *line = best;

    while (line != NULL) {
        best = worth_of(line) > worth_of(best) ? line : best;
        line = next_line(instance, kind, id, line);
    }
    return best;
}

bool udmar__line_has_units(const struct udmar *instance, const struct udmar__line *line)
{
    const struct udmar__line *other = next_line(instance, line->kind, line->id, NULL);

    while (other != NULL &&
           (other->unit_record == NULL || other->unit_record == line->unit_record)) {
        other = next_line(instance, line->kind, line->id, other);
    }
    return other != NULL;
}

static bool say_the_same(const struct udmar__line *a, const struct udmar__line *b)
{
    return a->unit_record == b->unit_record && a->resolved == b->resolved &&
           (!a->resolved || a->rid == b->rid);
}

/* Does a later scope of the same id contradict this one, which is the first? */
static bool is_doubled(const struct udmar *instance, const struct udmar__line *first)
{
    const struct udmar__line *line = first;

    while (line != NULL && say_the_same(first, line)) {
        line = next_line(instance, first->kind, first->id, line);
    }
    return line != NULL;
}

/* Which of the scopes of one id counts. */
static void tell_choice(const struct udmar *instance, const struct udmar__line *first)
{
    const char *name = first->kind == UDMAR_INTERRUPT_IOAPIC ? "I/O APIC" : "HPET";
    const struct udmar__line *best = udmar__line_find(instance, first->kind, first->id);

    if (best->unit_record == NULL || !best->resolved) {
        udmar__log(instance->host, UDMAR_LOG_WARN,
                   "firmware's table names %s %u more than once, and never so that it can be used",
                   name, best->id);
        return;
    }
    udmar__log(instance->host, UDMAR_LOG_WARN,
               "firmware's table names %s %u more than once and contradicts itself: it is taken "
               "for %02x:%02x.%u behind unit %u",
               name, best->id, UDMAR_RID_BUS(best->rid), UDMAR_RID_DEVICE(best->rid),
               UDMAR_RID_FUNCTION(best->rid), best->unit_record->unit->index);
}

static void tell_doubled(const struct udmar *instance)
{
    for (unsigned i = 0; i < instance->interrupts.line_count; i++) {
        const struct udmar__line *line = &instance->interrupts.lines[i];

        if (next_line(instance, line->kind, line->id, NULL) == line && is_doubled(instance, line)) {
            tell_choice(instance, line);
        }
    }
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
    tell_doubled(instance);
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
