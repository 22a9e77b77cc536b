/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What caches may hold at most, and what they must not hold any more.
 *
 * Hardware may have cached anything that was present at some moment [VTD 6.1]. So a checker first
 * fills the caches with all that is present, lets the driver work, and then compares each entry
 * with the tables in memory.
 */
#include <stdio.h>

#include "internal.h"

#define WARM_LEAVES 16384u

/* ---- All contexts ---------------------------------------------------------------------------- */

typedef void context_fn(struct model_unit *u, uint16_t rid, const struct context *c,
                        void *argument);

static void each_context(struct model_unit *u, context_fn *call, void *argument)
{
    for (unsigned bus = 0; bus < 256; bus++) {
        uint64_t root;

        if (!unit_load(u, (u->root & ~PAGE_LOW) + 16 * bus, &root) || (root & 1) == 0)
            continue;
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            uint16_t rid = (uint16_t)(bus << 8 | devfn);
            struct context c = read_context(u, rid);

            if (c.reason == 0)
                call(u, rid, &c, argument);
        }
    }
}

static bool in_use(struct model_unit *u)
{
    return (*reg(u, R_GSTS) & G_TE) != 0 && FIELD(u->root, 11, 10) == 0;
}

/* ---- Warming --------------------------------------------------------------------------------- */

static void warm_context(struct model_unit *u, uint16_t rid, const struct context *c,
                         void *argument)
{
    if (cache_find(&u->context_cache, rid, 0, 0) == NULL)
        cache_context(u, rid, c);
    if (c->tt != 2)
        cache_below(u, c, argument);
}

void model_cache_warm(struct model_unit *unit)
{
    unsigned limit = WARM_LEAVES;

    enter(unit->m);
    if (in_use(unit))
        each_context(unit, warm_context, &limit);
    leave(unit->m);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* The tables that each domain id stands for, as memory says. */
#define OWNERS 1024u
struct owners {
    struct context context[OWNERS];
    unsigned count;
    unsigned stale;
};

static const struct context *owner_of(const struct owners *owners, uint16_t did)
{
    for (unsigned i = 0; i < owners->count; i++) {
        if (owners->context[i].did == did)
            return &owners->context[i];
    }
    return NULL;
}

static void note_owner(struct model_unit *u, uint16_t rid, const struct context *c, void *argument)
{
    struct owners *owners = argument;

    (void)u;
    (void)rid;
    if (owner_of(owners, c->did) != NULL)
        return;
    must(owners->count < OWNERS, "more domains than the checker can keep");
    owners->context[owners->count++] = *c;
}

static bool context_stale(struct model_unit *u, const struct cache_entry *e)
{
    struct context now = read_context(u, e->tag);

    if (!e->present)
        return now.reason == 0;
    return now.reason != 0 || now.did != e->did || now.tt != e->tt || now.aw != e->aw ||
           (now.tt != 2 && now.top != e->value);
}

/* What memory says about one address in the tables of a domain id. */
static bool look_up(struct model_unit *u, const struct context *c, uint64_t iova, unsigned stop,
                    unsigned *out_level, uint64_t *out_entry, uint64_t *out_rights)
{
    uint64_t table = c->top;

    *out_rights = 3;
    for (unsigned level = c->aw + 2u;; level--) {
        uint64_t index = (iova >> level_shift(level)) & 511;

        if (!unit_load(u, table + 8 * index, out_entry) || (*out_entry & 3) == 0)
            return false;
        *out_rights &= *out_entry;
        *out_level = level;
        if (entry_is_leaf(*out_entry, level) || level == stop)
            return true;
        table = entry_target(*out_entry);
    }
}

static bool same_rights(const struct cache_entry *e, uint64_t rights)
{
    return e->readable == ((rights & 1) != 0) && e->writable == ((rights & 2) != 0);
}

/* Sizes may differ where addresses and rights do not: a split, or one undone. */
static bool leaf_stale(struct model_unit *u, const struct cache_entry *e, const struct context *c)
{
    uint64_t start = e->key << level_shift(e->level), end = start + BIT64(level_shift(e->level));
    uint64_t step;

    for (uint64_t at = start; at != end; at += step) {
        uint64_t entry, rights, size;
        unsigned level;
        bool mapped = look_up(u, c, at, 1, &level, &entry, &rights);

        if (!e->present)
            return mapped;
        if (!mapped || !same_rights(e, rights))
            return true;
        size = BIT64(level_shift(level));
        if ((entry_target(entry) & ~(size - 1)) + (at & (size - 1)) != e->value + (at - start))
            return true;
        step = size - (at & (size - 1));
        if (step > end - at)
            step = end - at;
    }
    return false;
}

static bool table_stale(struct model_unit *u, const struct cache_entry *e, const struct context *c)
{
    uint64_t entry, rights;
    unsigned level;

    if (!look_up(u, c, e->key << level_shift(e->level), e->level, &level, &entry, &rights))
        return true;
    return level != e->level || entry_is_leaf(entry, level) || entry_target(entry) != e->value ||
           !same_rights(e, rights);
}

static void report_stale(struct model_unit *u, const char *what, const struct cache_entry *e)
{
    if (u->m->verbose)
        fprintf(stderr, "stale: %s, tag %#x, level %u, key %#llx, domain id %#x\n", what, e->tag,
                e->level, (unsigned long long)e->key, e->did);
}

static void count_stale(struct model_unit *u, const struct cache *cache, const char *what,
                        struct owners *owners)
{
    for (size_t i = 0; i < cache->bucket_count; i++) {
        for (const struct cache_entry *e = cache->buckets[i]; e != NULL; e = e->next) {
            const struct context *c = owner_of(owners, e->tag);
            bool stale;

            if (cache == &u->context_cache)
                stale = context_stale(u, e);
            else if (c == NULL || c->tt == 2)
                stale = e->present;
            else
                stale = cache == &u->iotlb ? leaf_stale(u, e, c) : table_stale(u, e, c);
            if (stale) {
                owners->stale++;
                report_stale(u, what, e);
            }
        }
    }
}

unsigned stale_count(struct model_unit *u)
{
    static _Thread_local struct owners owners;

    if (!in_use(u))
        return 0;
    owners.count = 0;
    owners.stale = 0;
    each_context(u, note_owner, &owners);
    count_stale(u, &u->context_cache, "context", &owners);
    count_stale(u, &u->iotlb, "translation", &owners);
    count_stale(u, &u->walk_cache, "table", &owners);
    return owners.stale;
}

unsigned model_cache_stale(struct model_unit *unit)
{
    unsigned stale;

    enter(unit->m);
    stale = stale_count(unit);
    leave(unit->m);
    return stale;
}
