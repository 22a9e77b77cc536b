/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small mappings at addresses that the caller chose, in leaf tables that stay.
 *
 * A chunk is 2 MiB of guest addresses, what one leaf table covers. The first small mapping in a
 * chunk makes its table and counts one entry of it as used for ever, so the walker never gives it
 * back, and takes the chunk's addresses, so that nobody else gets them. From then on entries are
 * written through the directory, without a lock and without a walk. A chunk in which something is
 * reserved, or where a large leaf fits, takes the ordinary way (domain_map.c).
 */
#include <udmar/unit.h>

#include "space/range.h"
#include "space/domain.h"
#include "space/pte.h"

#define CHUNK_SIZE ((uint64_t)PTES_PER_TABLE << UDMAR_PAGE_SHIFT)

/* A chunk whose table stays. */
struct udmar__kept {
    struct udmar__range range;
    volatile uint64_t *entries;
};

static struct udmar__kept *kept_at(const struct udmar_domain *domain, udmar_iova_t iova)
{
    return udmar__directory_at(&domain->kept, iova >> UDMAR_PAGE_SHIFT);
}

bool udmar__kept_meets(const struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    udmar_iova_t last = iova + size - 1;

    for (udmar_iova_t at = iova; at <= last && at < UDMAR__DIRECTORY_END;
         at = udmar__align_down(at, CHUNK_SIZE) + CHUNK_SIZE) {
        if (kept_at(domain, at) != NULL) {
            return true;
        }
    }
    return false;
}

void udmar__kept_free(struct udmar_domain *domain)
{
    struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, 0);

    while (range != NULL && range != &domain->iova.end) {
        uint64_t next = range->last + 1;
        struct udmar__kept *kept = kept_at(domain, range->first << UDMAR_PAGE_SHIFT);

        if (kept != NULL) {
            udmar__iova_remove(&domain->iova, range);
            udmar_host_free(domain->host, kept, sizeof(*kept));
        }
        range = udmar__iova_at_or_above(&domain->iova, next);
    }
    udmar__directory_free(domain->host, &domain->kept);
}

/* Is the whole chunk free of ranges and of mappings that the ordinary way has made? */
static bool is_free(struct udmar_domain *domain, udmar_iova_t base) UDMAR_REQUIRES(domain->lock)
{
    const struct udmar__range *range =
        udmar__iova_at_or_above(&domain->iova, base >> UDMAR_PAGE_SHIFT);
    struct udmar_mapping_info leaf;

    return (range == NULL || range->first >= (base + CHUNK_SIZE) >> UDMAR_PAGE_SHIFT) &&
           !(udmar__pages_next(domain, base, &leaf) && leaf.iova < base + CHUNK_SIZE);
}

/* Tables and addresses of a chunk, with the lock; what is left to invalidate goes into @gather. */
static enum udmar_status take_chunk(struct udmar_domain *domain, struct udmar__kept *kept,
                                    udmar_iova_t base, struct udmar__gather *gather)
    UDMAR_REQUIRES(domain->lock)
{
    enum udmar_status status;
    udmar_paddr_t table;

    if (kept_at(domain, base) != NULL) {
        return UDMAR_ERR_BUSY; /* another thread was first */
    }
    if (!is_free(domain, base)) {
        return UDMAR_ERR_EXISTS;
    }
    status = udmar__ptes_reserve(domain, base, 1, 1, &table, gather);
    if (status == UDMAR_OK) {
        /* Before anybody finds it. */
        kept->entries = udmar_host_page_map(domain->host, table);
        udmar_host_page_unmap(domain->host, (void *)(uintptr_t)kept->entries);
    }
    if (status == UDMAR_OK &&
        !udmar__directory_set(domain->host, &domain->kept, base >> UDMAR_PAGE_SHIFT, kept)) {
        udmar__ptes_release(domain, base, 1, 1, gather);
        status = UDMAR_ERR_MEMORY;
    }
    if (status == UDMAR_OK) {
        (void)udmar__iova_insert(&domain->iova, &kept->range);
    }
    return status;
}

/*
 * Makes a chunk one whose table stays. UDMAR_OK: it is one, whoever did it; UDMAR_ERR_EXISTS: it
 * has something in it; another error: not now.
 */
static enum udmar_status keep_chunk(struct udmar_domain *domain, udmar_iova_t base)
{
    struct udmar__kept *kept = udmar_host_alloc(domain->host, sizeof(*kept));
    struct udmar__gather gather;
    enum udmar_status status;
    enum udmar_status flushed;
    uintptr_t state;

    if (kept == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    kept->range.first = base >> UDMAR_PAGE_SHIFT;
    kept->range.last = kept->range.first + PTES_PER_TABLE - 1;
    kept->range.kind = UDMAR_RANGE_ALLOCATED;
    kept->range.of_load = true; /* nobody can free it */
    udmar__gather_init(&gather);
    state = udmar__lock(domain->host, &domain->lock);
    status = take_chunk(domain, kept, base, &gather);
    udmar__unlock(domain->host, &domain->lock, state);
    flushed = udmar__gather_flush(domain, &gather);
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, kept, sizeof(*kept));
        return status == UDMAR_ERR_BUSY ? UDMAR_OK : status;
    }
    return flushed;
}

/* What of [iova, iova + size) lies in the chunk of its first byte, in bytes. */
static uint64_t part_in_chunk(udmar_iova_t iova, uint64_t size)
{
    return udmar__min(CHUNK_SIZE - (iova & (CHUNK_SIZE - 1)), size);
}

static volatile uint64_t *entries_of(const struct udmar__kept *kept, udmar_iova_t iova)
{
    return kept->entries + udmar__level_index(iova, 1);
}

/* One chunk's part; UDMAR_ERR_UNSUPPORTED: it goes the ordinary way. */
static inline enum udmar_status write_part(struct udmar_domain *domain, udmar_iova_t iova,
                                           udmar_paddr_t physical, uint64_t size, unsigned access)
{
    struct udmar__kept *kept = kept_at(domain, iova);
    enum udmar_status status;
    volatile uint64_t *entry;

    if (UDMAR__UNLIKELY(kept == NULL)) {
        /* A large leaf is better, and beyond the directory nothing is kept. */
        if (iova >= UDMAR__DIRECTORY_END ||
            (size == CHUNK_SIZE && (physical & (CHUNK_SIZE - 1)) == 0 && domain->superpages != 0)) {
            return UDMAR_ERR_UNSUPPORTED;
        }
        status = keep_chunk(domain, udmar__align_down(iova, CHUNK_SIZE));
        if (status != UDMAR_OK) {
            return status == UDMAR_ERR_EXISTS ? UDMAR_ERR_UNSUPPORTED : status;
        }
        kept = kept_at(domain, iova);
    }
    entry = entries_of(kept, iova);
    for (uint64_t i = 0; i < size >> UDMAR_PAGE_SHIFT; i++) {
        if (UDMAR__UNLIKELY((udmar__pte_load(&entry[i]) & PTE_PRESENT) != 0)) {
            return UDMAR_ERR_EXISTS;
        }
    }
    udmar__ptes_fill(entry, physical | access | domain->leaf_flags, size >> UDMAR_PAGE_SHIFT);
    return UDMAR_OK;
}

/* All chunks of a range that takes more than one, or the ordinary way. */
static __attribute__((__noinline__)) enum udmar_status write_parts(struct udmar_domain *domain,
                                                                   udmar_iova_t iova,
                                                                   udmar_paddr_t physical,
                                                                   uint64_t size, unsigned access)
{
    enum udmar_status status = UDMAR_OK;
    uint64_t done = 0;

    while (done < size && status == UDMAR_OK) {
        uint64_t part = part_in_chunk(iova + done, size - done);

        status = domain->keeps_tables
                     ? write_part(domain, iova + done, physical + done, part, access)
                     : UDMAR_ERR_UNSUPPORTED;
        if (status == UDMAR_ERR_UNSUPPORTED) {
            part = domain->keeps_tables ? part : size;
            status = udmar__domain_map_ordinary(domain, iova + done, physical + done, part, access);
        }
        done += status == UDMAR_OK ? part : 0;
    }
    if (status != UDMAR_OK && done > 0) {
        (void)udmar_domain_clear(domain, iova, done);
        (void)udmar_domain_forget(domain, iova, done);
    }
    return status;
}

enum udmar_status udmar_domain_write(struct udmar_domain *domain, udmar_iova_t iova,
                                     udmar_paddr_t physical, uint64_t size, unsigned access)
{
    if (UDMAR__UNLIKELY(!udmar__domain_takes(domain, iova, physical, size)) ||
        UDMAR__UNLIKELY(access - 1 >= UDMAR_READ_WRITE)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (UDMAR__UNLIKELY(!domain->keeps_tables || kept_at(domain, iova) == NULL ||
                        part_in_chunk(iova, size) != size)) {
        return write_parts(domain, iova, physical, size, access);
    }
    return write_part(domain, iova, physical, size, access);
}

/* Of all kept tables in the range: what was written goes to memory. */
static void write_back(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    while (size > 0 && iova < UDMAR__DIRECTORY_END) {
        uint64_t part = part_in_chunk(iova, size);
        const struct udmar__kept *kept = kept_at(domain, iova);

        if (kept != NULL) {
            udmar__ptes_write_back(domain->host, domain->coherent, entries_of(kept, iova),
                                   part >> UDMAR_PAGE_SHIFT);
        }
        iova += part;
        size -= part;
    }
}

enum udmar_status udmar_domain_publish(struct udmar_domain *domain, udmar_iova_t iova,
                                       uint64_t size)
{
    if (!udmar__domain_takes(domain, iova, 0, size)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (domain->keeps_tables && !domain->coherent) {
        write_back(domain, iova, size);
    }
    return domain->announces ? udmar__domain_published(domain, iova, size) : UDMAR_OK;
}

/* In a kept table: holes are left as they are. */
static void clear_part(struct udmar_domain *domain, const struct udmar__kept *kept,
                       udmar_iova_t iova, uint64_t size)
{
    volatile uint64_t *entry = entries_of(kept, iova);

    udmar__ptes_clear(entry, size >> UDMAR_PAGE_SHIFT);
    udmar__ptes_write_back(domain->host, domain->coherent, entry, size >> UDMAR_PAGE_SHIFT);
}

static void note_domain_end(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__note_ended(domain, iova, size);
    udmar__unlock(domain->host, &domain->lock, state);
}

enum udmar_status udmar_domain_clear(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    enum udmar_status status = UDMAR_OK;
    udmar_iova_t first = iova;
    uint64_t left = size;

    if (!udmar__domain_takes(domain, iova, 0, size)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (!domain->keeps_tables) {
        return udmar__domain_unmap_ordinary(domain, iova, size);
    }
    while (left > 0 && status == UDMAR_OK) {
        uint64_t part = part_in_chunk(iova, left);
        const struct udmar__kept *kept = kept_at(domain, iova);

        if (kept != NULL) {
            clear_part(domain, kept, iova, part);
        } else {
            status = udmar__domain_unmap_ordinary(domain, iova, part);
        }
        iova += part;
        left -= part;
    }
    note_domain_end(domain, first, size);
    return status;
}

enum udmar_status udmar_domain_forget(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size)
{
    struct udmar__gather gather;

    if (domain != NULL && iova == 0 && size == 0) {
        size = domain->end + 1;
    }
    if (!udmar__domain_takes(domain, iova, 0, size)) {
        return UDMAR_ERR_ARGUMENT;
    }
    udmar__gather_init(&gather);
    udmar__gather_add(&gather, iova, iova + size - 1);
    return udmar__gather_flush(domain, &gather);
}
