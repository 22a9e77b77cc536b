/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware: builds the ACPI DMAR table that describes the machine [VTD 8]. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define GIB (UINT64_C(1) << 30)

enum { TYPE_DRHD = 0, TYPE_RMRR = 1, TYPE_ATSR = 2, TYPE_RHSA = 3, TYPE_ANDD = 4 };

/* Bytes being written one after the other, little endian. */
struct writer {
    uint8_t *bytes;
    size_t at, size;
};

static void put(struct writer *w, uint64_t value, unsigned bytes)
{
    must(w->at + bytes <= w->size, "the buffer for the DMAR table is too small");
    for (unsigned i = 0; i < bytes; i++)
        w->bytes[w->at++] = (uint8_t)(value >> (8 * i));
}

static void put_bytes(struct writer *w, const void *bytes, size_t length)
{
    must(w->at + length <= w->size, "the buffer for the DMAR table is too small");
    memcpy(w->bytes + w->at, bytes, length);
    w->at += length;
}

static void put_scope(struct writer *w, const struct model_scope *scope)
{
    put(w, (unsigned)scope->type, 1);
    put(w, 6u + 2u * scope->hops, 1);
    put(w, 0, 2);
    put(w, scope->enumeration_id, 1);
    put(w, scope->start_bus, 1);
    for (unsigned hop = 0; hop < scope->hops; hop++) {
        put(w, scope->devfn[hop] >> 3, 1);
        put(w, scope->devfn[hop] & 7u, 1);
    }
}

static size_t scopes_length(const struct model_scope *scopes, unsigned count)
{
    size_t length = 0;

    for (unsigned i = 0; i < count; i++)
        length += 6u + 2u * scopes[i].hops;
    return length;
}

struct model_scope model_scope(enum model_scope_type type, uint16_t rid)
{
    return (struct model_scope){
        .type = type, .start_bus = (uint8_t)(rid >> 8), .hops = 1, .devfn = { (uint8_t)rid }
    };
}

void model_add_unit_scope(struct model_unit *unit, const struct model_scope *scope)
{
    struct scope_node *node = zalloc(sizeof(*node));
    struct scope_node **end = &unit->scopes;

    must(scope->hops >= 1 && scope->hops <= 4, "a scope has 1 to 4 hops");
    node->scope = *scope;
    while (*end != NULL)
        end = &(*end)->next;
    *end = node;
}

/* ---- Structures other than units: kept as bytes ---------------------------------------------- */

static struct firmware_entry *entry_add(struct model *m, uint16_t type, size_t length)
{
    struct firmware_entry *entry = zalloc(sizeof(*entry) + length);
    struct firmware_entry **end = &m->firmware;

    entry->type = type;
    entry->length = length;
    while (*end != NULL)
        end = &(*end)->next;
    *end = entry;
    return entry;
}

static struct writer entry_begin(struct model *m, uint16_t type, size_t length)
{
    struct firmware_entry *entry = entry_add(m, type, length);
    struct writer w = { entry->bytes, 0, length };

    put(&w, type, 2);
    put(&w, length, 2);
    return w;
}

void model_add_raw_structure(struct model *m, const void *bytes, size_t length)
{
    const uint8_t *b = bytes;
    uint16_t type = length >= 2 ? (uint16_t)(b[0] | b[1] << 8) : UINT16_MAX;

    memcpy(entry_add(m, type, length)->bytes, bytes, length);
}

void model_add_rmrr(struct model *m, uint16_t segment, uint64_t base, uint64_t limit,
                    const struct model_scope *scopes, unsigned scope_count)
{
    struct writer w = entry_begin(m, TYPE_RMRR, 24 + scopes_length(scopes, scope_count));

    put(&w, 0, 2);
    put(&w, segment, 2);
    put(&w, base, 8);
    put(&w, limit, 8);
    for (unsigned i = 0; i < scope_count; i++)
        put_scope(&w, &scopes[i]);
    /* Firmware that errs so much has not kept the memory for itself. */
    if (limit > base && limit - base < GIB)
        model_reserve(m, base, limit - base + 1);
}

void model_add_atsr(struct model *m, uint16_t segment, bool all_ports,
                    const struct model_scope *scopes, unsigned scope_count)
{
    struct writer w = entry_begin(m, TYPE_ATSR, 8 + scopes_length(scopes, scope_count));

    put(&w, all_ports ? 1 : 0, 1);
    put(&w, 0, 1);
    put(&w, segment, 2);
    for (unsigned i = 0; i < scope_count; i++)
        put_scope(&w, &scopes[i]);
}

void model_add_andd(struct model *m, uint8_t number, const char *path)
{
    struct writer w = entry_begin(m, TYPE_ANDD, 8 + strlen(path) + 1);

    put(&w, 0, 3);
    put(&w, number, 1);
    put_bytes(&w, path, strlen(path) + 1);
}

void model_add_rhsa(struct model *m, uint64_t unit_base, uint32_t proximity)
{
    struct writer w = entry_begin(m, TYPE_RHSA, 20);

    put(&w, 0, 4);
    put(&w, unit_base, 8);
    put(&w, proximity, 4);
}

void model_set_dmar_header(struct model *m, uint8_t flags, unsigned width)
{
    m->dmar_flags = flags;
    m->dmar_width = width;
}

void firmware_destroy(struct model *m)
{
    while (m->firmware != NULL) {
        struct firmware_entry *entry = m->firmware;

        m->firmware = entry->next;
        free(entry);
    }
}

/* ---- The table ------------------------------------------------------------------------------- */

static void put_unit(struct writer *w, const struct model_unit *u)
{
    size_t length_at = w->at + 2, start = w->at;

    put(w, TYPE_DRHD, 2);
    put(w, 0, 2);
    put(w, u->include_all ? 1 : 0, 1);
    put(w, u->size_field, 1);
    put(w, u->segment, 2);
    put(w, u->base, 8);
    for (const struct scope_node *s = u->scopes; s != NULL; s = s->next)
        put_scope(w, &s->scope);
    w->bytes[length_at] = (uint8_t)(w->at - start);
    w->bytes[length_at + 1] = (uint8_t)((w->at - start) >> 8);
}

static void put_units(struct writer *w, const struct model *m, bool include_all)
{
    for (const struct model_unit *u = m->units; u != NULL; u = u->next) {
        if (u->include_all == include_all)
            put_unit(w, u);
    }
}

static void put_header(struct writer *w, const struct model *m)
{
    unsigned width = m->dmar_width == 0 ? m->config.width : m->dmar_width;

    put_bytes(w, "DMAR", 4);
    put(w, 0, 4); /* length, later */
    put(w, 1, 1); /* revision */
    put(w, 0, 1); /* checksum, later */
    put_bytes(w, "UDMAR MODEL   ", 14);
    put(w, 1, 4);
    put_bytes(w, "TEST", 4);
    put(w, 1, 4);
    put(w, width - 1, 1);
    put(w, m->dmar_flags, 1);
    put(w, 0, 8);
    put(w, 0, 2);
}

size_t model_dmar_build(struct model *m, void *buffer, size_t size)
{
    struct writer w = { buffer, 0, size };
    uint8_t sum = 0;

    put_header(&w, m);
    put_units(&w, m, false);
    put_units(&w, m, true);
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        for (const struct firmware_entry *e = m->firmware; e != NULL; e = e->next) {
            if (e->type == type)
                put_bytes(&w, e->bytes, e->length);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        w.bytes[4 + i] = (uint8_t)(w.at >> (8 * i));
    for (size_t i = 0; i < w.at; i++)
        sum = (uint8_t)(sum + w.bytes[i]);
    w.bytes[9] = (uint8_t)(0u - sum);
    return w.at;
}
