/* SPDX-License-Identifier: BSD-2-Clause */
/* What a unit's tables and its context cache say, for whoever compares it with something else. */
#include "internal.h"

static struct model_context view(const struct context *c)
{
    return (struct model_context){
        .present = c->reason == 0,
        .pass_through = c->tt == 2,
        .levels = c->aw + 2u,
        .did = c->did,
        .top = c->tt == 2 ? 0 : c->top,
    };
}

struct model_context model_context_in_memory(struct model_unit *unit, uint64_t root, uint16_t rid)
{
    struct context c;
    uint64_t latched;

    enter(unit->m);
    latched = unit->root;
    unit->root = root;
    c = read_context(unit, rid);
    unit->root = latched;
    leave(unit->m);
    return view(&c);
}

bool model_context_cached(struct model_unit *unit, uint16_t rid, struct model_context *out)
{
    const struct cache_entry *entry;
    bool found;

    enter(unit->m);
    entry = cache_find(&unit->context_cache, rid, 0, 0);
    found = entry != NULL && entry->present;
    if (found) {
        const struct context c = {
            .tt = entry->tt, .aw = entry->aw, .did = entry->did, .top = entry->value
        };

        *out = view(&c);
    }
    leave(unit->m);
    return found;
}

unsigned model_contexts(struct model_unit *unit, uint64_t root, uint16_t *rids, unsigned room)
{
    unsigned count = 0;

    for (unsigned bus = 0; bus < 256; bus++) {
        uint64_t low;

        if (!unit_load(unit, root + 16 * bus, &low) || (low & 1) == 0)
            continue;
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            uint16_t rid = (uint16_t)(bus << 8 | devfn);

            if (model_context_in_memory(unit, root, rid).present && count++ < room)
                rids[count - 1] = rid;
        }
    }
    return count;
}

uint64_t model_root(struct model_unit *unit)
{
    return unit->root;
}

uint64_t model_unit_base(const struct model_unit *unit)
{
    return unit->base;
}
