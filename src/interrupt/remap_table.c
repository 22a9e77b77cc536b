/* SPDX-License-Identifier: BSD-2-Clause */
/* The table's memory, and which entries are taken. */
#include "interrupt/remap_table.h"

#include "interrupt/exchange.h"

#define ENTRY_BYTES 16u

/* ---- Life ------------------------------------------------------------------------------------ */

static size_t memory_pages(const struct udmar__remap_table *table)
{
    return (size_t)(table->entries * ENTRY_BYTES / UDMAR_PAGE_SIZE);
}

static size_t map_bytes(const struct udmar__remap_table *table)
{
    return table->entries / 8;
}

/* Owners in one piece: all of them in a small table. */
static uint32_t owner_piece(const struct udmar__remap_table *table)
{
    return table->entries < UDMAR__OWNER_PIECE ? table->entries : UDMAR__OWNER_PIECE;
}

static size_t owner_bytes(const struct udmar__remap_table *table)
{
    return owner_piece(table) * sizeof(struct udmar_interrupt *);
}

static bool get_table_memory(struct udmar__remap_table *table)
{
    table->taken = udmar_host_alloc(table->host, map_bytes(table));
    if (table->taken == NULL || !udmar__lock_create(table->host, &table->lock)) {
        return false;
    }
    for (uint32_t i = 0; i < table->entries / owner_piece(table); i++) {
        table->owner[i] = udmar_host_alloc(table->host, owner_bytes(table));
        if (table->owner[i] == NULL) {
            return false;
        }
    }
    if (!udmar_host_page_alloc(table->host, memory_pages(table), UINT64_MAX, true,
                               &table->memory)) {
        table->memory.physical = 0;
        return false;
    }
    table->words = table->memory.mapping;
    return true;
}

/* Before any unit is given it: fresh memory is zero for the processor alone. */
static void publish_table(struct udmar__remap_table *table)
{
    for (size_t page = 0; page < memory_pages(table); page++) {
        udmar_host_cache_flush(table->host,
                               (const uint8_t *)table->memory.mapping + page * UDMAR_PAGE_SIZE,
                               UDMAR_PAGE_SIZE);
    }
}

struct udmar__remap_table *udmar__remap_table_create(void *host,
                                                     const struct udmar__remap_wish *wish)
{
    struct udmar__remap_table *table = udmar_host_alloc(host, sizeof(*table));
    uint64_t entries = udmar__max(wish->entries, UDMAR__REMAP_LEAST);

    if (table == NULL) {
        return NULL;
    }
    table->host = host;
    table->number = wish->number;
    table->segment = wish->segment;
    table->extended = wish->extended;
    table->wide = wish->wide;
    table->coherent = true;
    table->entries = UINT32_C(1) << udmar__log2_up(udmar__min(entries, UDMAR__REMAP_MOST));
    table->most_log2 = 255;
    table->found_owner.source.kind = UDMAR_INTERRUPT_FOUND;
    table->found_owner.table = table;
    table->leaving_owner = table->found_owner;
    if (!get_table_memory(table)) {
        udmar__remap_table_destroy(table, false);
        return NULL;
    }
    publish_table(table);
    return table;
}

/* Sources that were never given back go with it. */
static void free_owners(struct udmar__remap_table *table, struct udmar_interrupt **owners)
{
    for (uint32_t i = 0; i < owner_piece(table); i++) {
        struct udmar_interrupt *owner = owners[i];

        if (owner == NULL || udmar__remap_owner_is_found(table, owner)) {
            continue;
        }
        for (uint32_t j = 0; j < owner->count && i + j < owner_piece(table); j++) {
            owners[i + j] = NULL;
        }
        udmar_host_free(table->host, owner, sizeof(*owner));
    }
    udmar_host_free(table->host, owners, owner_bytes(table));
}

void udmar__remap_table_destroy(struct udmar__remap_table *table, bool keep_memory)
{
    for (uint32_t i = 0; i < UDMAR__OWNER_PIECES && table->owner[i] != NULL; i++) {
        free_owners(table, table->owner[i]);
    }
    if (table->taken != NULL) {
        udmar_host_free(table->host, table->taken, map_bytes(table));
    }
    if (table->memory.physical != 0 && !keep_memory) {
        udmar_host_page_free(table->host, &table->memory, memory_pages(table));
    }
    udmar__lock_destroy(table->host, &table->lock);
    udmar_host_free(table->host, table, sizeof(*table));
}

/* ---- Who has what ---------------------------------------------------------------------------- */

static struct udmar_interrupt **owner_at(struct udmar__remap_table *table, uint32_t index)
{
    UDMAR_ASSERT(index < table->entries);
    return &table->owner[index / UDMAR__OWNER_PIECE][index % UDMAR__OWNER_PIECE];
}

/* The bits of a block in the word of the map in which it begins. */
static uint64_t block_bits(uint32_t first, uint32_t count)
{
    return (count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1) << first % 64;
}

static bool block_is_free(const struct udmar__remap_table *table, uint32_t first, uint32_t count)
    UDMAR_REQUIRES(table->lock)
{
    for (uint32_t at = first; at < first + count; at += 64) {
        if ((table->taken[at / 64] & block_bits(at, count)) != 0) {
            return false;
        }
    }
    return true;
}

static void mark_block(struct udmar__remap_table *table, uint32_t first, uint32_t count,
                       struct udmar_interrupt *owner) UDMAR_REQUIRES(table->lock)
{
    UDMAR__ASSERT_HELD(&table->lock);
    UDMAR_ASSERT(first + count <= table->entries && first % count == 0);
    for (uint32_t at = first; at < first + count; at += 64) {
        if (owner != NULL) {
            table->taken[at / 64] |= block_bits(at, count);
        } else {
            table->taken[at / 64] &= ~block_bits(at, count);
        }
    }
    for (uint32_t i = first; i < first + count; i++) {
        *owner_at(table, i) = owner;
    }
}

/* Looks once round the table from where the last search ended; `entries`: there is none. */
static uint32_t find_block(const struct udmar__remap_table *table, uint32_t count)
    UDMAR_REQUIRES(table->lock)
{
    uint32_t mask = table->entries - 1;
    uint32_t first = (uint32_t)udmar__align_up(table->next_free, count) & mask;

    for (uint32_t seen = 0; seen + count <= table->entries;) {
        uint32_t step = count;

        if (block_is_free(table, first, count)) {
            return first;
        }
        if (table->taken[first / 64] == UINT64_MAX && count < 64) {
            step = 64 - first % 64;
        }
        seen += step;
        first = (first + step) & mask;
    }
    return table->entries;
}

enum udmar_status udmar__remap_table_take(struct udmar__remap_table *table,
                                          struct udmar_interrupt *interrupt)
{
    enum udmar_status status = UDMAR_ERR_ENTRIES;
    uintptr_t state = udmar__lock(table->host, &table->lock);
    uint32_t first = find_block(table, interrupt->count);

    if (first < table->entries) {
        interrupt->first = first;
        mark_block(table, first, interrupt->count, interrupt);
        table->used += interrupt->count;
        table->next_free = first + interrupt->count;
        status = UDMAR_OK;
    }
    udmar__unlock(table->host, &table->lock, state);
    return status;
}

bool udmar__remap_table_take_found(struct udmar__remap_table *table, uint32_t index)
{
    uintptr_t state;
    bool ours;

    if (index >= table->entries) {
        return false;
    }
    state = udmar__lock(table->host, &table->lock);
    ours = *owner_at(table, index) == &table->found_owner;
    if (*owner_at(table, index) == NULL) {
        mark_block(table, index, 1, &table->found_owner);
        table->found++;
        ours = true;
    }
    udmar__unlock(table->host, &table->lock, state);
    return ours;
}

/* Changes who stands for an entry that was found on; false: @from does not. */
static bool exchange_owner(struct udmar__remap_table *table, uint32_t index,
                           struct udmar_interrupt *from, struct udmar_interrupt *to)
{
    uintptr_t state = udmar__lock(table->host, &table->lock);
    bool was = *owner_at(table, index) == from;

    if (was) {
        *owner_at(table, index) = to;
    }
    udmar__unlock(table->host, &table->lock, state);
    return was;
}

bool udmar__remap_table_claim_found(struct udmar__remap_table *table, uint32_t index)
{
    return exchange_owner(table, index, &table->found_owner, &table->leaving_owner);
}

void udmar__remap_table_unclaim_found(struct udmar__remap_table *table, uint32_t index)
{
    bool was_claimed = exchange_owner(table, index, &table->leaving_owner, &table->found_owner);

    (void)was_claimed;
    UDMAR_ASSERT(was_claimed);
}

/* Only who has entries gives them back: between claim and this nobody else was given one. */
static void check_owner(struct udmar__remap_table *table, uint32_t first, uint32_t count,
                        const struct udmar_interrupt *owner) UDMAR_REQUIRES(table->lock)
{
    (void)owner;
    UDMAR_ASSERT(owner != &table->found_owner);
    for (uint32_t i = first; i < first + count; i++) {
        UDMAR_ASSERT(*owner_at(table, i) == owner);
    }
}

void udmar__remap_table_give_back(struct udmar__remap_table *table, uint32_t first, uint32_t count,
                                  const struct udmar_interrupt *owner)
{
    uintptr_t state = udmar__lock(table->host, &table->lock);

    check_owner(table, first, count, owner);
    if (owner == &table->leaving_owner) {
        UDMAR_ASSERT(table->found >= count);
        table->found -= count;
    } else {
        UDMAR_ASSERT(table->used >= count);
        table->used -= count;
    }
    mark_block(table, first, count, NULL);
    udmar__unlock(table->host, &table->lock, state);
}

struct udmar_interrupt *udmar__remap_owner(struct udmar__remap_table *table, uint32_t index)
{
    return index < table->entries ? *owner_at(table, index) : NULL;
}

uint32_t udmar__remap_table_next(struct udmar__remap_table *table, uint32_t index)
{
    while (index < table->entries) {
        uint64_t rest = table->taken[index / 64] >> index % 64;

        if (rest != 0) {
            return index + udmar__log2(rest & (~rest + 1));
        }
        index += 64 - index % 64;
    }
    return table->entries;
}
