/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain: one guest address space, its page tables, and the units that translate through them.
 */
#ifndef UDMAR_SPACE_DOMAIN_H
#define UDMAR_SPACE_DOMAIN_H

#include <udmar/domain.h>

#include "base/lock.h"
#include "space/directory.h"
#include "space/iova.h"
#include "unit/descriptor.h"
#include "unit/unit.h"

/* The domain on one unit: domain ids are the unit's own. */
struct udmar__binding {
    struct udmar_unit *unit;
    struct udmar__binding *next;
    unsigned context_refs; /* context entries of this unit that point to the domain */
    uint16_t id;
};

/* A mapping that is no more, for whoever reads a fault. */
struct udmar__ended_mapping {
    udmar_iova_t base;
    uint64_t size;
    uint64_t clock; /* udmar__domain_clock() at its end */
};
#define UDMAR__ENDED 64u

struct udmar_domain {
    void *host;
    struct udmar__lock lock;
    /* Facts, constant from creation on: the intersection of the units that may be attached. */
    unsigned levels;
    udmar_iova_t end; /* last address */
    uint8_t superpages;
    bool coherent;
    bool caching_mode;
    bool write_buffer;
    bool direct;    /* udmar_host_page_map() addresses stay valid */
    bool fast_path; /* direct, and entries that were written and flushed need nothing more */
    bool announces; /* new entries need more: caching mode or a write buffer */
    bool strict;
    bool identity;                   /* shared by everyone who asks for identity */
    bool pass_through;               /* no tables at all */
    bool owned;                      /* made by a caller, who alone gives addresses out in it */
    bool keeps_tables;               /* owned, direct: kept.c has what becomes of it */
    struct udmar__directory kept;    /* [lock] struct udmar__kept, of leaf tables that stay */
    unsigned leaf_flags;             /* in each leaf beside the rights: PTE_SNOOP */
    udmar_paddr_t table;             /* root of the page tables; 0 for pass-through */
    struct udmar__iova iova;         /* [lock] */
    struct udmar__binding *bindings; /* changed under the instance lock, read by mapping calls */
    uint64_t table_pages;            /* [lock] */
    udmar_paddr_t limbo;  /* [lock] chain of tables that an unanswered unit may still walk */
    unsigned unlinking;   /* [lock] tables unlinked whose invalidation is still to come */
    unsigned splitting;   /* [lock] large leaves split, likewise */
    unsigned unconfirmed; /* [lock] flushes that failed since one of the whole domain succeeded */
    struct udmar__ended_mapping ended[UDMAR__ENDED]; /* [lock] */
    unsigned ended_next;                             /* [lock] */
    struct udmar_domain *next;                       /* list of the instance */
    unsigned refs; /* groups that have it; guarded by the instance lock */
    /* The one unit that a translating domain has, and how its requests begin. */
    struct udmar_unit *unit;
    uint64_t request_low;     /* page-selective, with the domain's id */
    uint64_t request_low_all; /* the whole domain */
    int request_order;        /* the most pages of one request, log2; -1: the whole domain only */
};

#define UDMAR__REPLACED 4u

/* What an unmap leaves to be invalidated and freed, collected under the lock. */
struct udmar__gather {
    udmar_iova_t first; /* bytes, inclusive; first > last: nothing */
    udmar_iova_t last;
    bool tables_changed;  /* a non-leaf entry went or came: the leaf-only hint would be wrong */
    udmar_paddr_t tables; /* chain of unlinked tables */
    /*
     * Unlinked tables whose entries are still right: hardware may use them, so nothing is written.
     */
    udmar_paddr_t replaced[UDMAR__REPLACED];
    unsigned replaced_count;
    unsigned unlinked; /* how many of domain.unlinking are this one's */
    unsigned split;    /* and of domain.splitting */
};

struct udmar__domain_config {
    bool direct;
    bool strict;
    bool identity;
    bool pass_through;
    bool owned;
    bool small_pages; /* no leaf is larger than 4 KiB */
    bool snoop;
    bool keep_tables;
    unsigned minimum_width;               /* bits */
    const struct udmar_unit_facts *facts; /* what all its units can do; null: one unit, the first */
};

/* ---- domain.c ---- */

/*
 * Makes a domain that @unit can translate of zeroed memory; nothing is attached yet. After an error
 * udmar__domain_forget() and _fini() are still to be called.
 */
enum udmar_status udmar__domain_init(struct udmar_domain *domain, struct udmar_unit *unit,
                                     const struct udmar__domain_config *config);
/*
 * The end, first half: takes its ids away on all units, and frees its tables. False: a unit has not
 * confirmed that it has forgotten the domain, and may walk what it has for ever. No context may
 * refer to it.
 */
bool udmar__domain_forget(struct udmar_domain *domain);
/* The second half: its ranges and its lock. The memory is the caller's. */
void udmar__domain_fini(struct udmar_domain *domain);
/* May the unit walk this domain's tables? */
bool udmar__domain_suits(const struct udmar_domain *domain, const struct udmar_unit *unit);
/* The domain's binding to a unit, made (with a domain id) where there is none; it stays. */
enum udmar_status udmar__domain_bind(struct udmar_domain *domain, struct udmar_unit *unit,
                                     struct udmar__binding **out_binding);
/*
 * Gives the domain id back when no context uses it any more. False: the unit has not confirmed that
 * it has forgotten the domain; its id is not used again.
 */
bool udmar__domain_unbind(struct udmar_domain *domain, struct udmar__binding *binding);

/*
 * Takes what is free of a range, and of what is reserved already. UDMAR_ERR_EXISTS: addresses of a
 * caller are there, or (for UDMAR_RANGE_FIRMWARE) mappings of a caller; UDMAR_ERR_MEMORY.
 */
enum udmar_status udmar__domain_reserve(struct udmar_domain *domain, udmar_iova_t base,
                                        uint64_t size, enum udmar_range_kind kind);
/* Takes firmware's ranges out again, with what they map. */
enum udmar_status udmar__domain_release(struct udmar_domain *domain);
/* Maps without looking at what is reserved: RMRRs and identity. */
enum udmar_status udmar__domain_map_fixed(struct udmar_domain *domain, udmar_iova_t iova,
                                          udmar_paddr_t physical, uint64_t size, unsigned access);
/* The clock of "gone since": counts invalidations of the domain's first unit. With its lock. */
uint64_t udmar__domain_clock(const struct udmar_domain *domain);

/* Invalidates all of a domain with one unit. */
static inline struct udmar__request udmar__domain_request(const struct udmar_domain *domain)
{
    return (struct udmar__request){ .low = domain->request_low_all };
}

/* Invalidates 2^order leaf entries, aligned to their size, of a domain with one unit. */
static inline struct udmar__request udmar__block_request(const struct udmar_domain *domain,
                                                         udmar_iova_t iova, unsigned order)
{
    if ((int)order > domain->request_order) {
        return udmar__domain_request(domain);
    }
    return (struct udmar__request){ .low = domain->request_low,
                                    .high = iova | order | DESC_IOTLB_IH };
}

/* ---- flush.c ---- */

void udmar__gather_init(struct udmar__gather *gather);
void udmar__gather_add(struct udmar__gather *gather, udmar_iova_t first, udmar_iova_t last);
/*
 * Invalidates what was gathered on every unit of the domain, waits, frees the tables. Without the
 * domain's lock. A failure keeps the tables in limbo, and every flush from then on asks for the
 * whole domain until one succeeds: it vouches for the earlier ones, too.
 */
enum udmar_status udmar__gather_flush(struct udmar_domain *domain, struct udmar__gather *gather);
/* What follows entries that became present: caching mode and write buffers. */
enum udmar_status udmar__domain_published(struct udmar_domain *domain, udmar_iova_t iova,
                                          uint64_t size);

/* ---- domain_map.c ---- */

/* May a caller map or unmap that? Whole pages inside of a domain with tables of its own. */
bool udmar__domain_takes(const struct udmar_domain *domain, udmar_iova_t iova,
                         udmar_paddr_t physical, uint64_t size);
/* udmar_domain_map() and _unmap() through the walker; the arguments were looked at. */
enum udmar_status udmar__domain_map_ordinary(struct udmar_domain *domain, udmar_iova_t iova,
                                             udmar_paddr_t physical, uint64_t size,
                                             unsigned access);
enum udmar_status udmar__domain_unmap_ordinary(struct udmar_domain *domain, udmar_iova_t iova,
                                               uint64_t size);

/* ---- kept.c ---- */

/* Does a leaf table that stays meet [iova, iova + size)? Then what is there belongs to kept.c. */
bool udmar__kept_meets(const struct udmar_domain *domain, udmar_iova_t iova, uint64_t size);
/* When the domain goes; the tables go with the others. */
void udmar__kept_free(struct udmar_domain *domain);

/* ---- page_table.c and page_walk.c: all with the domain's lock held ---- */

enum udmar_status udmar__page_table_alloc(struct udmar_domain *domain, udmar_paddr_t *out_table)
    UDMAR_REQUIRES(domain->lock);
enum udmar_status udmar__pages_map(struct udmar_domain *domain, udmar_iova_t iova,
                                   udmar_paddr_t physical, uint64_t size, unsigned access,
                                   struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock);
enum udmar_status udmar__pages_unmap(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size,
                                     struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock);
/* Makes the tables down to @level for entries that their owner writes later; counts them used. */
enum udmar_status udmar__ptes_reserve(struct udmar_domain *domain, udmar_iova_t iova,
                                      unsigned level, unsigned count, udmar_paddr_t *out_table,
                                      struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock);
void udmar__ptes_release(struct udmar_domain *domain, udmar_iova_t iova, unsigned level,
                         unsigned count, struct udmar__gather *gather) UDMAR_REQUIRES(domain->lock);
/* The first leaf that ends above @iova; false: there is none. */
bool udmar__pages_next(struct udmar_domain *domain, udmar_iova_t iova,
                       struct udmar_mapping_info *out_mapping) UDMAR_REQUIRES(domain->lock);
unsigned udmar__page_table_walk(struct udmar_domain *domain, udmar_iova_t iova,
                                struct udmar_walk_step steps[5]) UDMAR_REQUIRES(domain->lock);

#endif
