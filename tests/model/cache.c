/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Caches that keep what they have until exactly the right invalidation comes [VTD 6.2].
 *
 * Context cache: tag source id. IOTLB: one entry for each leaf, tag domain id. Walk cache (the
 * paging-structure caches): one entry for each non-leaf entry, tag domain id.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- Hash table ------------------------------------------------------------------------------ */

static size_t bucket_of(const struct cache *c, uint16_t tag, uint8_t level, uint64_t key)
{
    uint64_t hash = (key * 31 + level) * 65599 + tag;

    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 40) & (c->bucket_count - 1);
}

static struct cache_entry **slot_find(struct cache *c, uint16_t tag, uint8_t level, uint64_t key)
{
    struct cache_entry **slot = &c->buckets[bucket_of(c, tag, level, key)];

    while (*slot != NULL && ((*slot)->tag != tag || (*slot)->level != level || (*slot)->key != key))
        slot = &(*slot)->next;
    return slot;
}

struct cache_entry *cache_find(struct cache *c, uint16_t tag, uint8_t level, uint64_t key)
{
    return c->count == 0 ? NULL : *slot_find(c, tag, level, key);
}

static void cache_grow(struct cache *c)
{
    struct cache old = *c;

    c->bucket_count = old.bucket_count == 0 ? 64 : old.bucket_count * 4;
    c->buckets = zalloc(c->bucket_count * sizeof(*c->buckets));
    for (size_t i = 0; i < old.bucket_count; i++) {
        while (old.buckets[i] != NULL) {
            struct cache_entry *entry = old.buckets[i];
            size_t bucket = bucket_of(c, entry->tag, entry->level, entry->key);

            old.buckets[i] = entry->next;
            entry->next = c->buckets[bucket];
            c->buckets[bucket] = entry;
        }
    }
    free(old.buckets);
}

/* A new entry; an old one with the same key is replaced. */
struct cache_entry *cache_add(struct cache *c, uint16_t tag, uint8_t level, uint64_t key)
{
    struct cache_entry **slot;
    struct cache_entry *entry, *next;

    if (c->count >= c->bucket_count)
        cache_grow(c);
    slot = slot_find(c, tag, level, key);
    entry = *slot;
    if (entry == NULL) {
        entry = zalloc(sizeof(*entry));
        *slot = entry;
        c->count++;
    }
    next = entry->next;
    *entry = (struct cache_entry){ .next = next, .tag = tag, .level = level, .key = key };
    return entry;
}

static void slot_remove(struct cache *c, struct cache_entry **slot)
{
    struct cache_entry *entry = *slot;

    *slot = entry->next;
    free(entry);
    c->count--;
}

typedef bool doomed_fn(const struct cache_entry *entry, const struct model_invalidation *what);

static void cache_remove_if(struct cache *c, doomed_fn *doomed,
                            const struct model_invalidation *what)
{
    for (size_t i = 0; i < c->bucket_count && c->count > 0; i++) {
        struct cache_entry **slot = &c->buckets[i];

        while (*slot != NULL) {
            if (doomed(*slot, what))
                slot_remove(c, slot);
            else
                slot = &(*slot)->next;
        }
    }
}

static bool doomed_always(const struct cache_entry *entry, const struct model_invalidation *what)
{
    (void)entry;
    (void)what;
    return true;
}

void cache_clear(struct cache *c)
{
    cache_remove_if(c, doomed_always, NULL);
}

void cache_free(struct cache *c)
{
    cache_clear(c);
    free(c->buckets);
    memset(c, 0, sizeof(*c));
}

void caches_drop(struct model_unit *u)
{
    cache_clear(&u->context_cache);
    cache_clear(&u->iotlb);
    cache_clear(&u->walk_cache);
}

void model_cache_drop_all(struct model_unit *unit)
{
    enter(unit->m);
    caches_drop(unit);
    leave(unit->m);
}

unsigned model_cache_count(struct model_unit *unit, enum model_cache which)
{
    switch (which) {
    case MODEL_CACHE_CONTEXT:
        return (unsigned)unit->context_cache.count;
    case MODEL_CACHE_IOTLB:
        return (unsigned)unit->iotlb.count;
    default:
        return (unsigned)unit->walk_cache.count;
    }
}

/* ---- What an invalidation hits --------------------------------------------------------------- */

static bool context_doomed(const struct cache_entry *entry, const struct model_invalidation *what)
{
    static const uint16_t ignored[4] = { 0, 4, 6, 7 }; /* function bits, by FM */

    if (what->granularity == MODEL_GLOBAL)
        return true;
    if (entry->did != what->did)
        return false;
    return what->granularity == MODEL_DOMAIN ||
           ((entry->tag ^ what->sid) & ~ignored[what->function_mask] & 0xffff) == 0;
}

static bool domain_doomed(const struct cache_entry *entry, const struct model_invalidation *what)
{
    return entry->tag == what->did;
}

/* First and last page number of a page-selective request: the low AM bits do not count. */
static void page_range(const struct model_invalidation *what, uint64_t *first, uint64_t *last)
{
    uint64_t mask = BIT64(what->address_mask) - 1;

    *first = (what->address >> PAGE_BITS) & ~mask;
    *last = *first | mask;
}

/*
 * A leaf goes only if the request covers all of it: software has to give the mask that fits the
 * size of the page.
 */
static bool leaf_doomed(const struct cache_entry *entry, const struct model_invalidation *what)
{
    unsigned shift = level_shift(entry->level) - PAGE_BITS;
    uint64_t start = entry->key << shift, end = start | (BIT64(shift) - 1);
    uint64_t first, last;

    page_range(what, &first, &last);
    return entry->tag == what->did && start >= first && end <= last;
}

/* A non-leaf entry goes if the request touches anything below it. */
static bool walk_doomed(const struct cache_entry *entry, const struct model_invalidation *what)
{
    unsigned shift = level_shift(entry->level) - PAGE_BITS;
    uint64_t start = entry->key << shift, end = start | (BIT64(shift) - 1);
    uint64_t first, last;

    page_range(what, &first, &last);
    return entry->tag == what->did && start <= last && end >= first;
}

static void drop_pages(struct model_unit *u, const struct model_invalidation *what)
{
    uint64_t first, last;

    if (!what->leaf_hint)
        cache_remove_if(&u->walk_cache, walk_doomed, what);
    if (what->address_mask >= 6 || u->iotlb.count == 0) {
        cache_remove_if(&u->iotlb, leaf_doomed, what);
        return;
    }
    page_range(what, &first, &last);
    for (uint64_t page = first; page <= last && u->iotlb.count > 0; page++) {
        struct cache_entry **slot = slot_find(&u->iotlb, what->did, 1, page);

        if (*slot != NULL)
            slot_remove(&u->iotlb, slot);
    }
}

static bool did_fits(struct model_unit *u, uint16_t did)
{
    if (did < BIT32(4 + 2 * CAP_ND(u->cap)))
        return true;
    violation(u->m, "invalidation with domain id %#x, which this unit cannot have", did);
    return false;
}

static bool context_apply(struct model_unit *u, const struct model_invalidation *what)
{
    if (what->granularity != MODEL_GLOBAL && !did_fits(u, what->did))
        return false;
    u->stats.context_global += what->granularity == MODEL_GLOBAL;
    u->stats.context_domain += what->granularity == MODEL_DOMAIN;
    u->stats.context_device += what->granularity == MODEL_DEVICE_OR_PAGE;
    if (what->granularity == MODEL_GLOBAL)
        u->root_needs_context = false;
    cache_remove_if(&u->context_cache, context_doomed, what);
    return true;
}

static bool iotlb_apply(struct model_unit *u, const struct model_invalidation *what)
{
    if (what->granularity == MODEL_GLOBAL) {
        u->stats.iotlb_global++;
        if (!u->root_needs_context)
            u->root_needs_iotlb = false;
        cache_clear(&u->iotlb);
        cache_clear(&u->walk_cache);
        return true;
    }
    if (!did_fits(u, what->did))
        return false;
    if (what->granularity == MODEL_DOMAIN) {
        u->stats.iotlb_domain++;
        cache_remove_if(&u->iotlb, domain_doomed, what);
        cache_remove_if(&u->walk_cache, domain_doomed, what);
        return true;
    }
    if ((u->cap & CAP_PSI) == 0 || what->address_mask > CAP_MAMV(u->cap))
        return false;
    u->stats.iotlb_page++;
    u->stats.iotlb_page_hint += what->leaf_hint;
    if ((u->errata & MODEL_ERRATUM_MASK_9) == 0 || what->address_mask <= 9)
        drop_pages(u, what);
    return true;
}

void invalidation_note(struct model_unit *u, const struct model_invalidation *what)
{
    u->log[u->log_total % INVALIDATION_LOG] = *what;
    u->log_total++;
}

/* False: the request is refused and nothing happens. */
bool invalidation_apply(struct model_unit *u, const struct model_invalidation *what)
{
    unsigned stale = u->behaviour.audit ? stale_count(u) : 0;
    bool done = false;

    if (what->granularity == 0)
        violation(u->m, "invalidation with the reserved granularity 0");
    else if (what->kind == MODEL_INV_CONTEXT)
        done = context_apply(u, what);
    else
        done = iotlb_apply(u, what);
    if (done) {
        write_buffer_flush(u); /* any invalidation empties the write buffer, too */
        invalidation_note(u, what);
        if (u->behaviour.audit) {
            u->stats.audited++;
            u->stats.needless += stale == 0 || stale_count(u) == stale;
        }
    }
    return done;
}

unsigned model_invalidation_count(struct model_unit *unit)
{
    return (unsigned)(unit->log_total < INVALIDATION_LOG ? unit->log_total : INVALIDATION_LOG);
}

const struct model_invalidation *model_invalidation_log(struct model_unit *unit, unsigned index)
{
    unsigned count = model_invalidation_count(unit);

    if (index >= count)
        return NULL;
    return &unit->log[(unit->log_total - count + index) % INVALIDATION_LOG];
}

void model_clear_invalidation_log(struct model_unit *unit)
{
    unit->log_total = 0;
}
