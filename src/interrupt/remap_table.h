/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt remapping table: memory that units read, and who has which of its entries.
 *
 * `lock` protects who has what; it is taken after the instance lock and before unit and queue lock,
 * and nothing is waited for under it. The words of an entry belong to whoever has it: they are
 * written without a lock, by one at a time.
 */
#ifndef UDMAR_INTERRUPT_REMAP_TABLE_H
#define UDMAR_INTERRUPT_REMAP_TABLE_H

#include <udmar/interrupt.h>

#include "base/lock.h"
#include "interrupt/irte.h"

#define UDMAR__REMAP_LEAST 256u
#define UDMAR__REMAP_MOST  65536u

/* Owners are kept in pieces: host memory comes in at most 64 KiB. */
#define UDMAR__OWNER_PIECE  4096u
#define UDMAR__OWNER_PIECES (UDMAR__REMAP_MOST / UDMAR__OWNER_PIECE)

struct udmar_unit;

/* The entries of one source. */
struct udmar_interrupt {
    struct udmar *instance;
    struct udmar__remap_table *table;
    struct udmar_unit *unit; /* that governs the source; null for entries that were found */
    struct udmar_interrupt_source source;
    uint64_t check; /* the high half of its entries: who may use them */
    uint32_t first;
    uint32_t count;
    bool several; /* other units than `unit` may see what the source sends */
    bool leaving; /* absent, but some unit has not confirmed that it has forgotten them */
};

struct udmar__remap_table {
    struct udmar__remap_table *next;
    void *host;
    unsigned number; /* index of the first unit that uses it */
    uint16_t segment;
    bool extended;     /* destinations have 32 bits */
    bool coherent;     /* every unit that uses it snoops */
    bool wide;         /* CMPXCHG16B may be used */
    uint32_t entries;  /* a power of two */
    uint8_t most_log2; /* blocks of at most 2^n entries: what every unit invalidates at once */
    /* The table that was found on: where it is, as IRTA says; 0: none. */
    uint64_t found_at;
    struct udmar__lock lock;
    struct udmar_page memory;
    volatile uint64_t *words;                            /* two an entry */
    uint64_t *taken;                                     /* [lock] a bit an entry */
    uint32_t used;                                       /* [lock] by sources */
    uint32_t found;                                      /* [lock] of what was found on */
    uint32_t next_free;                                  /* [lock] where to look first */
    struct udmar_interrupt **owner[UDMAR__OWNER_PIECES]; /* [lock] null: nobody */
    struct udmar_interrupt found_owner; /* of what was found on and not replaced yet */
    /* Of those among them that one caller is removing: to anybody else they are gone. */
    struct udmar_interrupt leaving_owner;
};

/* What a table is made for. */
struct udmar__remap_wish {
    unsigned number;
    uint16_t segment;
    uint32_t entries; /* rounded up to what there is */
    bool extended;
    bool wide;
};

/* Null: no memory. All entries are absent. */
struct udmar__remap_table *udmar__remap_table_create(void *host,
                                                     const struct udmar__remap_wish *wish);
/* No unit reads it any more; @keep_memory: one may, so its pages are never used again. */
void udmar__remap_table_destroy(struct udmar__remap_table *table, bool keep_memory);

/*
 * Takes a block for @interrupt, whose `count` says how many, a power of two, and sets its `first`.
 * UDMAR_ERR_ENTRIES: no such block is free.
 */
enum udmar_status udmar__remap_table_take(struct udmar__remap_table *table,
                                          struct udmar_interrupt *interrupt);
/* Takes this one for `found_owner`; false: it is beyond the end, or a source has it. */
bool udmar__remap_table_take_found(struct udmar__remap_table *table, uint32_t index);
/*
 * From `found_owner` to `leaving_owner`: the caller, and nobody else, clears the entry, has it
 * forgotten, and gives it back or takes the claim back. False: another has done so, or a source has
 * the entry, or nobody.
 */
bool udmar__remap_table_claim_found(struct udmar__remap_table *table, uint32_t index);
void udmar__remap_table_unclaim_found(struct udmar__remap_table *table, uint32_t index);
/* Entries of @owner that no unit knows any more. */
void udmar__remap_table_give_back(struct udmar__remap_table *table, uint32_t first, uint32_t count,
                                  const struct udmar_interrupt *owner);
/* Stands this owner for what was found on? */
static inline bool udmar__remap_owner_is_found(const struct udmar__remap_table *table,
                                               const struct udmar_interrupt *owner)
{
    return owner == &table->found_owner || owner == &table->leaving_owner;
}
/* Whose entry it is; null: nobody's, or beyond the end. */
struct udmar_interrupt *udmar__remap_owner(struct udmar__remap_table *table, uint32_t index)
    UDMAR_REQUIRES(table->lock);
/* The first entry from @index on that is taken; `entries`: there is none. */
uint32_t udmar__remap_table_next(struct udmar__remap_table *table, uint32_t index)
    UDMAR_REQUIRES(table->lock);

/* ---- remap_entry.c: the words ---- */

/* For who has the entry. */
struct udmar__irte udmar__irte_read(struct udmar__remap_table *table, uint32_t index);
/* For others: the halves belong together, as hardware may have read them. */
struct udmar__irte udmar__irte_look(struct udmar__remap_table *table, uint32_t index);
/*
 * Gives an entry a new value in one step as hardware sees it. False: both halves change, it is
 * present, and there is no way to change both at once: nothing has been done.
 */
bool udmar__irte_write(struct udmar__remap_table *table, uint32_t index, struct udmar__irte value);
/* Absent; the other half stays. */
void udmar__irte_clear(struct udmar__remap_table *table, uint32_t index);

#endif
