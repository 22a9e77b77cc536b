/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address translation in legacy mode: root table, context table, second-level tables
 * [VTD 3.4, 3.7], with the caches in between.
 */
#include "internal.h"

/* Second-level entries. */
#define S_READ  BIT64(0)
#define S_WRITE BIT64(1)
#define S_LARGE BIT64(7)
#define S_SNOOP BIT64(11)
#define S_TM    BIT64(62)

/* A walk under way. */
struct walk {
    struct model_unit *u;
    const struct request *request;
    struct context context;
    unsigned level;
    uint64_t table;
    bool readable, writable;
};

unsigned level_shift(unsigned level)
{
    return PAGE_BITS + 9 * (level - 1);
}

bool in_interrupt_range(uint64_t address)
{
    return address >> 20 == 0xfee;
}

/* An entry as the unit sees it. Only real requests have side effects. */
static bool read_entry(struct model_unit *u, uint64_t physical, bool real, uint64_t *out_value)
{
    size_t frame = frame_of(u->m, physical);

    if (real) {
        u->stats.table_reads++;
        if (frame != NO_FRAME && u->m->memory.state[frame] == FRAME_FREED)
            violation(u->m, "the unit walks through the freed page %#llx",
                      (unsigned long long)(physical & ~PAGE_LOW));
    }
    return unit_load(u, physical, out_value);
}

/* ---- Root and context ------------------------------------------------------------------------ */

static uint64_t beyond_width(const struct model_unit *u)
{
    return ~width_mask(u->m);
}

static unsigned largest_width(const struct model_unit *u)
{
    unsigned aw = 4;

    while (aw > 0 && FIELD(u->cap, 8 + aw, 8 + aw) == 0)
        aw--;
    return aw;
}

/* A present context entry with no reserved bit set: does it make sense? [VTD 9.3] */
static uint8_t check_context(const struct model_unit *u, const struct context *c, uint64_t high)
{
    bool supported = c->aw <= 4 && FIELD(u->cap, 8 + c->aw, 8 + c->aw) != 0;

    if (c->tt == 3 || (c->tt == 1 && (u->ecap & ECAP_DT) == 0) ||
        (c->tt == 2 && (u->ecap & ECAP_PT) == 0))
        return FR_CONTEXT_INVALID;
    if (FIELD(high, 23, 8) >= BIT32(4 + 2 * CAP_ND(u->cap)))
        return FR_CONTEXT_INVALID;
    if (c->tt == 2)
        return supported && c->aw == largest_width(u) ? 0 : FR_BEYOND_WIDTH;
    return supported ? 0 : FR_CONTEXT_INVALID;
}

static struct context decode_context(const struct model_unit *u, uint64_t low, uint64_t high)
{
    uint64_t low_reserved = UINT64_C(0xff0), high_reserved = UINT64_C(0xffffffffff000080);
    struct context c = { .fpd = FIELD(low, 1, 1) != 0 };

    if ((low & 1) == 0) {
        c.reason = FR_CONTEXT_ABSENT;
        return c;
    }
    c.tt = (uint8_t)FIELD(low, 3, 2);
    c.aw = (uint8_t)FIELD(high, 2, 0);
    c.did = (uint16_t)FIELD(high, 23, 8);
    c.top = low & ~PAGE_LOW;
    if ((u->ecap & ECAP_CH) != 0)
        low_reserved &= ~UINT64_C(0x30);
    if (c.tt != 2)
        low_reserved |= beyond_width(u);
    if ((low & low_reserved) != 0 || (high & high_reserved) != 0)
        c.reason = FR_CONTEXT_RESERVED;
    else
        c.reason = check_context(u, &c, high);
    return c;
}

static struct context fetch_context(struct model_unit *u, uint16_t rid, bool real)
{
    struct context c = { 0 };
    uint64_t low, high, table;

    if (!read_entry(u, (u->root & ~PAGE_LOW) + 16u * (rid >> 8), real, &low) ||
        !read_entry(u, (u->root & ~PAGE_LOW) + 16u * (rid >> 8) + 8, real, &high)) {
        c.reason = FR_ROOT_ACCESS;
        return c;
    }
    if ((low & 1) == 0) {
        c.reason = FR_ROOT_ABSENT;
        return c;
    }
    if ((low & (UINT64_C(0xffe) | beyond_width(u))) != 0 || high != 0) {
        c.reason = FR_ROOT_RESERVED;
        return c;
    }
    table = low & ~PAGE_LOW;
    if (!read_entry(u, table + 16u * (rid & 0xff), real, &low) ||
        !read_entry(u, table + 16u * (rid & 0xff) + 8, real, &high)) {
        c.reason = FR_CONTEXT_ACCESS;
        return c;
    }
    return decode_context(u, low, high);
}

struct context read_context(struct model_unit *u, uint16_t rid)
{
    return fetch_context(u, rid, false);
}

static bool keep_caches(const struct model_unit *u)
{
    return !u->behaviour.no_caches;
}

/* Two entries with one domain id have to agree on the tables, since caches are tagged by the id. */
static void check_shared_domain(struct model_unit *u, uint16_t rid, const struct context *c)
{
    const struct cache *cache = &u->context_cache;

    if ((u->cap & CAP_CM) != 0 && c->did == 0)
        violation(u->m, "domain id 0 used for %04x by a unit with caching mode", rid);
    for (size_t i = 0; i < cache->bucket_count; i++) {
        for (const struct cache_entry *e = cache->buckets[i]; e != NULL; e = e->next) {
            bool alike = (e->tt == 2) == (c->tt == 2) && e->aw == c->aw &&
                         (c->tt == 2 || e->value == c->top);

            if (e->present && e->did == c->did && e->tag != rid && !alike)
                violation(u->m, "%04x and %04x share domain id %#x but not the tables", rid, e->tag,
                          c->did);
        }
    }
}

/*
 * Without caching mode nothing is cached that is not present or faulty. With it, such entries are
 * kept under domain id 0 [VTD 6.1].
 */
void cache_context(struct model_unit *u, uint16_t rid, const struct context *c)
{
    struct cache_entry *entry;

    if (!keep_caches(u) || (c->reason != 0 && (u->cap & CAP_CM) == 0))
        return;
    if (c->reason == 0)
        check_shared_domain(u, rid, c);
    entry = cache_add(&u->context_cache, rid, 0, 0);
    entry->present = c->reason == 0;
    entry->did = c->reason == 0 ? c->did : 0;
    entry->reason = c->reason;
    entry->fpd = c->fpd;
    entry->tt = c->tt;
    entry->aw = c->aw;
    entry->value = c->top;
}

static struct context cached_context(const struct cache_entry *entry)
{
    return (struct context){ .reason = entry->reason,
                             .fpd = entry->fpd,
                             .tt = entry->tt,
                             .aw = entry->aw,
                             .did = entry->did,
                             .top = entry->value };
}

static bool evicted(struct model_unit *u, const struct request *r)
{
    return r->fill && u->behaviour.evict != 0 && random32(u->m) % u->behaviour.evict == 0;
}

static void prefetch_contexts(struct model_unit *u, uint16_t rid)
{
    for (unsigned i = 0; i < 8; i++) {
        uint16_t neighbour = (uint16_t)((rid & ~7u) | i);
        struct context c;

        if (neighbour == rid || cache_find(&u->context_cache, neighbour, 0, 0) != NULL)
            continue;
        c = fetch_context(u, neighbour, false);
        if (c.reason == 0)
            cache_context(u, neighbour, &c);
    }
}

static struct context find_context(struct model_unit *u, const struct request *r)
{
    const struct cache_entry *entry = NULL;
    struct context c;

    if (r->use_caches)
        entry = cache_find(&u->context_cache, r->rid, 0, 0);
    if (entry != NULL && !evicted(u, r))
        return cached_context(entry);
    c = fetch_context(u, r->rid, r->fill);
    if (r->fill) {
        cache_context(u, r->rid, &c);
        if (u->behaviour.prefetch)
            prefetch_contexts(u, r->rid);
    }
    return c;
}

/* ---- Second level ---------------------------------------------------------------------------- */

bool entry_is_leaf(uint64_t entry, unsigned level)
{
    return level == 1 || ((level == 2 || level == 3) && (entry & S_LARGE) != 0);
}

static bool has_reserved_bits(const struct model_unit *u, uint64_t entry, unsigned level)
{
    uint64_t reserved = beyond_width(u) & UINT64_C(0x000ffffffffff000);

    if (level >= 4 || (level > 1 && (CAP_SLLPS(u->cap) & BIT32(level - 2)) == 0))
        reserved |= S_LARGE;
    if (entry_is_leaf(entry, level)) {
        reserved |= (BIT64(level_shift(level)) - 1) & ~PAGE_LOW;
        reserved |= (u->ecap & ECAP_SC) == 0 ? S_SNOOP : 0;
        reserved |= u->behaviour.transient_bit && (u->ecap & ECAP_DT) != 0 ? 0 : S_TM;
    }
    return (entry & reserved) != 0;
}

uint64_t entry_target(uint64_t entry)
{
    return entry & UINT64_C(0x000ffffffffff000);
}

static struct cache_entry *cache_entry_for(struct walk *w, unsigned level, uint64_t iova,
                                           uint64_t entry)
{
    bool leaf = entry_is_leaf(entry, level);
    struct cache *cache = leaf ? &w->u->iotlb : &w->u->walk_cache;
    struct cache_entry *e;

    if (!keep_caches(w->u) || (!leaf && w->u->behaviour.no_walk_caches))
        return NULL;
    e = cache_add(cache, w->context.did, (uint8_t)level, iova >> level_shift(level));
    e->present = true;
    e->readable = w->readable && (entry & S_READ) != 0;
    e->writable = w->writable && (entry & S_WRITE) != 0;
    e->value = entry_target(entry);
    return e;
}

static bool is_cached(struct walk *w, unsigned level, uint64_t key, bool leaf)
{
    struct cache *cache = leaf ? &w->u->iotlb : &w->u->walk_cache;

    return cache_find(cache, w->context.did, (uint8_t)level, key) != NULL;
}

/* Everything that is present below an entry, whether a device has used it or not. */
static void cache_table(struct walk *w, uint64_t table, unsigned level, uint64_t base,
                        unsigned *limit)
{
    bool readable = w->readable, writable = w->writable;

    for (unsigned i = 0; i < 512 && *limit > 0; i++) {
        uint64_t iova = base | (uint64_t)i << level_shift(level), entry;
        bool leaf;

        if (!unit_load(w->u, table + 8 * i, &entry) || (entry & (S_READ | S_WRITE)) == 0 ||
            has_reserved_bits(w->u, entry, level))
            continue;
        leaf = entry_is_leaf(entry, level);
        if (!is_cached(w, level, iova >> level_shift(level), leaf))
            cache_entry_for(w, level, iova, entry);
        if (leaf) {
            (*limit)--;
            continue;
        }
        w->readable = readable && (entry & S_READ) != 0;
        w->writable = writable && (entry & S_WRITE) != 0;
        cache_table(w, entry_target(entry), level - 1, iova, limit);
        w->readable = readable;
        w->writable = writable;
    }
}

void cache_below(struct model_unit *u, const struct context *c, unsigned *limit)
{
    struct walk w = { .u = u, .context = *c, .readable = true, .writable = true };

    cache_table(&w, c->top, c->aw + 2u, 0, limit);
}

/* Caches the present entries around the one just read: hardware may prefetch at any time. */
static void prefetch_entries(struct walk *w)
{
    unsigned shift = level_shift(w->level);
    unsigned index = (unsigned)(w->request->iova >> shift) & 511;
    uint64_t start = (w->request->iova >> shift) - index;

    for (unsigned i = index < 8 ? 0 : index - 8; i <= index + 8 && i < 512; i++) {
        uint64_t entry;

        if (i == index || !unit_load(w->u, w->table + 8 * i, &entry) ||
            (entry & (S_READ | S_WRITE)) == 0 || has_reserved_bits(w->u, entry, w->level) ||
            is_cached(w, w->level, start + i, entry_is_leaf(entry, w->level)))
            continue;
        cache_entry_for(w, w->level, (start + i) << shift, entry);
    }
}

static uint8_t permission_fault(const struct request *r)
{
    return r->write ? FR_WRITE : FR_READ;
}

/* Caching mode: "not present" is remembered, too, page by page. */
static void cache_absence(struct walk *w)
{
    struct cache_entry *e;

    if (!w->request->fill || (w->u->cap & CAP_CM) == 0 || !keep_caches(w->u))
        return;
    e = cache_add(&w->u->iotlb, w->context.did, 1, w->request->iova >> PAGE_BITS);
    e->present = false;
}

/* Reads the entry of one level. False: the walk ends with a fault, *out_reason says which. */
static bool walk_step(struct walk *w, uint64_t *out_entry, uint8_t *out_reason)
{
    unsigned index = (unsigned)(w->request->iova >> level_shift(w->level)) & 511;

    if (!read_entry(w->u, w->table + 8 * index, w->request->fill, out_entry)) {
        *out_reason = FR_TABLE_ACCESS;
        return false;
    }
    if (w->request->fill && w->u->behaviour.prefetch)
        prefetch_entries(w);
    if ((*out_entry & (S_READ | S_WRITE)) == 0) {
        cache_absence(w);
        *out_reason = permission_fault(w->request);
        return false;
    }
    if (has_reserved_bits(w->u, *out_entry, w->level)) {
        *out_reason = FR_PAGING_RESERVED;
        return false;
    }
    if (w->request->fill) {
        if (w->level > 1 && entry_is_leaf(*out_entry, w->level) &&
            (w->u->errata & MODEL_ERRATUM_NO_LARGE) != 0)
            violation(w->u->m, "a superpage for %04x on a unit that has no TLB for them",
                      w->request->rid);
        cache_entry_for(w, w->level, w->request->iova, *out_entry);
    }
    w->readable = w->readable && (*out_entry & S_READ) != 0;
    w->writable = w->writable && (*out_entry & S_WRITE) != 0;
    return true;
}

static bool may_access(const struct model_unit *u, const struct request *r, bool readable,
                       bool writable)
{
    if (r->write)
        return writable;
    return readable || (r->zero_length && writable && (u->cap & CAP_ZLR) != 0);
}

static struct model_translation blocked(uint8_t reason, const struct context *c)
{
    return (struct model_translation){
        .result = MODEL_BLOCKED, .reason = reason, .no_report = c->fpd, .did = c->did
    };
}

/* The end of every walk: a leaf, fresh or cached. */
static struct model_translation finish(struct walk *w, unsigned level, uint64_t address)
{
    uint64_t offset = w->request->iova & (BIT64(level_shift(level)) - 1);
    struct model_translation t = { .result = MODEL_OK,
                                   .physical = address + offset,
                                   .readable = w->readable,
                                   .writable = w->writable,
                                   .leaf_size = BIT64(level_shift(level)),
                                   .did = w->context.did };

    if (!may_access(w->u, w->request, w->readable, w->writable)) {
        t.result = MODEL_BLOCKED;
        t.reason = permission_fault(w->request);
        t.no_report = w->context.fpd;
    } else if (in_interrupt_range(t.physical)) {
        t.result = MODEL_BLOCKED;
        t.reason = FR_INTERRUPT_RANGE;
        t.no_report = w->context.fpd;
    }
    return t;
}

/* Starts as deep in the tree as the paging-structure caches reach. */
static void walk_start(struct walk *w)
{
    unsigned top = w->context.aw + 2u;

    w->level = top;
    w->table = w->context.top;
    w->readable = w->writable = true;
    if (!w->request->use_caches)
        return;
    for (unsigned level = 2; level <= top; level++) {
        const struct cache_entry *e = cache_find(&w->u->walk_cache, w->context.did, (uint8_t)level,
                                                 w->request->iova >> level_shift(level));

        if (e != NULL && !evicted(w->u, w->request)) {
            w->level = level - 1;
            w->table = e->value;
            w->readable = e->readable;
            w->writable = e->writable;
            return;
        }
    }
}

static struct model_translation walk_tables(struct walk *w)
{
    uint64_t entry = 0;
    uint8_t reason = 0;

    if (w->request->fill)
        w->u->stats.walks++;
    walk_start(w);
    for (;; w->level--) {
        if (!walk_step(w, &entry, &reason))
            return blocked(reason, &w->context);
        if (entry_is_leaf(entry, w->level))
            return finish(w, w->level, entry_target(entry));
        w->table = entry_target(entry);
    }
}

static const struct cache_entry *find_leaf(struct walk *w)
{
    if (!w->request->use_caches)
        return NULL;
    for (uint8_t level = 1; level <= 3; level++) {
        const struct cache_entry *e =
            cache_find(&w->u->iotlb, w->context.did, level, w->request->iova >> level_shift(level));

        if (e != NULL && !evicted(w->u, w->request))
            return e;
    }
    return NULL;
}

static struct model_translation translate_paged(struct walk *w)
{
    unsigned limit = level_shift(w->context.aw + 3u);
    const struct cache_entry *leaf;

    if (limit > CAP_MGAW(w->u->cap))
        limit = CAP_MGAW(w->u->cap);
    if (limit < 64 && w->request->iova >> limit != 0)
        return blocked(FR_BEYOND_WIDTH, &w->context);
    leaf = find_leaf(w);
    if (w->request->fill) {
        w->u->stats.iotlb_hits += leaf != NULL;
        w->u->stats.iotlb_misses += leaf == NULL;
    }
    if (leaf == NULL)
        return walk_tables(w);
    if (!leaf->present)
        return blocked(permission_fault(w->request), &w->context);
    w->readable = leaf->readable;
    w->writable = leaf->writable;
    return finish(w, leaf->level, leaf->value);
}

static struct model_translation pass_through(struct model_unit *u, const struct request *r,
                                             const struct context *c)
{
    struct model_translation t = { .result = MODEL_OK,
                                   .physical = r->iova,
                                   .readable = true,
                                   .writable = true,
                                   .did = c->did,
                                   .pass_through = true };

    if ((r->iova & beyond_width(u)) != 0)
        return blocked(FR_BEYOND_WIDTH, c);
    return t;
}

struct model_translation unit_translate(struct model_unit *u, const struct request *request)
{
    struct walk w = { .u = u, .request = request };
    unsigned mode = (unsigned)FIELD(u->root, 11, 10);

    if ((*reg(u, R_GSTS) & G_TE) == 0)
        return (struct model_translation){
            .result = MODEL_BYPASSED, .physical = request->iova, .readable = true, .writable = true
        };
    if (mode != 0)
        return blocked(mode == 3 ? FR_ABORT_MODE : FR_BAD_RTADDR, &w.context);
    w.context = find_context(u, request);
    if (w.context.reason != 0)
        return blocked(w.context.reason, &w.context);
    if (request->translated)
        return w.context.tt == 1 ? (struct model_translation){ .result = MODEL_OK,
                                                               .physical = request->iova,
                                                               .readable = true,
                                                               .writable = true,
                                                               .did = w.context.did }
                                 : blocked(FR_REQUEST_TYPE, &w.context);
    if (w.context.tt == 2)
        return pass_through(u, request, &w.context);
    return translate_paged(&w);
}
