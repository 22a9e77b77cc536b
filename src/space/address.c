/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest addresses: handing them out, taking them back, finding what is near one. */
#include "space/address.h"
#include "space/arena.h"
#include "space/cpu_cache.h"
#include "space/pte.h"
#include "space/window.h"

void udmar__note_ended(struct udmar_domain *domain, udmar_iova_t base, uint64_t size)
{
    domain->ended[domain->ended_next] = (struct udmar__ended_mapping){
        .base = base,
        .size = size,
        /* Its own invalidation, which is about to be asked for, does not make it older. */
        .clock = udmar__domain_clock(domain) + 1,
    };
    domain->ended_next = (domain->ended_next + 1) % UDMAR__ENDED;
}

/* More than firmware and hardware ever reserve; what is beyond is taken for free. */
#define MOST_RESERVED 24u

bool udmar__range_possible(struct udmar_domain *domain, uint64_t pages, uint64_t bytes,
                           const struct udmar_iova_limits *limits)
{
    struct udmar__range reserved[MOST_RESERVED];
    struct udmar__iova space;
    struct udmar__range *range;
    uint64_t first;
    unsigned count = 0;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__iova_init(&space, domain->iova.end.first);
    range = udmar__iova_at_or_above(&domain->iova, 0);
    while (range != NULL && range != &domain->iova.end && count < MOST_RESERVED) {
        if (range->kind == UDMAR_RANGE_RESERVED || range->kind == UDMAR_RANGE_FIRMWARE) {
            reserved[count] = (struct udmar__range){ .first = range->first, .last = range->last };
            (void)udmar__iova_insert(&space, &reserved[count++]);
        }
        range = udmar__iova_at_or_above(&domain->iova, range->last + 1);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return udmar__iova_find(&space, pages, bytes, limits, &first);
}

enum udmar_status udmar__range_alloc(struct udmar_domain *domain,
                                     const struct udmar__arena_pool *pool, uint64_t pages,
                                     uint64_t bytes, const struct udmar_iova_limits *limits,
                                     struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool found = udmar__arena_pool_find(domain, pool, pages, bytes, limits, &range->first);

    if (found) {
        range->last = range->first + pages - 1;
        found = udmar__iova_insert(&domain->iova, range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found ? UDMAR_OK : UDMAR_ERR_IOVA;
}

void udmar__range_free(struct udmar_domain *domain, struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    udmar__iova_remove(&domain->iova, range);
    udmar__unlock(domain->host, &domain->lock, state);
    udmar_host_free(domain->host, range, sizeof(*range));
}

enum udmar_status udmar__range_end(struct udmar_domain *domain, struct udmar__range *range)
{
    enum udmar_status status =
        udmar_domain_unmap(domain, range->first << UDMAR_PAGE_SHIFT,
                           (range->last - range->first + 1) << UDMAR_PAGE_SHIFT);

    if (status == UDMAR_OK) {
        udmar__range_free(domain, range);
    }
    return status;
}

static enum udmar_status alloc_range(struct udmar_domain *domain, uint64_t pages, uint64_t bytes,
                                     const struct udmar_iova_limits *limits,
                                     struct udmar__range *range)
{
    uintptr_t state = udmar__lock(domain->host, &domain->lock);
    bool found = udmar__iova_find(&domain->iova, pages, bytes, limits, &range->first);
    if (found) {
        range->last = range->first + pages - 1;
        found = udmar__iova_insert(&domain->iova, range);
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found ? UDMAR_OK : UDMAR_ERR_IOVA;
}

static bool limits_valid(const struct udmar_iova_limits *limits)
{
    return limits->offset < UDMAR_PAGE_SIZE &&
           (limits->alignment == 0 || udmar__is_power_of_two(limits->alignment)) &&
           (limits->boundary == 0 || udmar__is_power_of_two(limits->boundary)) &&
           limits->exclude_first <= limits->exclude_last &&
           limits->lowest <= UINT64_MAX - UDMAR_PAGE_MASK;
}

enum udmar_status udmar_domain_alloc_iova(struct udmar_domain *domain, uint64_t size,
                                          const struct udmar_iova_limits *limits,
                                          udmar_iova_t *out_iova)
{
    static const struct udmar_iova_limits none;
    struct udmar__range *range;
    enum udmar_status status;
    uint64_t pages;

    limits = limits != NULL ? limits : &none;
    if (domain == NULL || out_iova == NULL || size == 0 || domain->table == 0 || domain->identity ||
        !limits_valid(limits)) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (size > domain->end) {
        return UDMAR_ERR_IOVA;
    }
    pages = udmar__align_up(size + limits->offset, UDMAR_PAGE_SIZE) >> UDMAR_PAGE_SHIFT;
    range = udmar_host_alloc(domain->host, sizeof(*range));
    if (range == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    range->kind = UDMAR_RANGE_ALLOCATED;
    status = alloc_range(domain, pages, size, limits, range);
    if (status != UDMAR_OK) {
        udmar_host_free(domain->host, range, sizeof(*range));
        return status;
    }
    *out_iova = (range->first << UDMAR_PAGE_SHIFT) + limits->offset;
    return UDMAR_OK;
}

enum udmar_status udmar_domain_free_iova(struct udmar_domain *domain, udmar_iova_t iova)
{
    uint64_t page = iova >> UDMAR_PAGE_SHIFT;
    struct udmar__range *range;
    uintptr_t state;

    if (domain == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    state = udmar__lock(domain->host, &domain->lock);
    range = udmar__iova_at_or_above(&domain->iova, page);
    if (range == NULL || range->first != page || range->kind != UDMAR_RANGE_ALLOCATED ||
        range->of_load) {
        udmar__unlock(domain->host, &domain->lock, state);
        return UDMAR_ERR_NOT_FOUND;
    }
    udmar__iova_remove(&domain->iova, range);
    udmar__unlock(domain->host, &domain->lock, state);
    udmar_host_free(domain->host, range, sizeof(*range));
    return UDMAR_OK;
}

bool udmar__caller_maps(struct udmar_domain *domain, udmar_iova_t first, udmar_iova_t last)
{
    struct udmar_mapping_info leaf;

    while (first <= last && udmar__pages_next(domain, first, &leaf) && leaf.iova <= last) {
        uint64_t page = udmar__max(leaf.iova, first) >> UDMAR_PAGE_SHIFT;
        const struct udmar__range *range = udmar__iova_at_or_above(&domain->iova, page);

        if (range == NULL || range->first > page || range->kind != UDMAR_RANGE_FIRMWARE) {
            return true;
        }
        first = (range->last + 1) << UDMAR_PAGE_SHIFT;
    }
    return false;
}

bool udmar__domain_in_use(struct udmar_domain *domain)
{
    struct udmar__range *range;
    uintptr_t state;
    bool used;

    if (domain->table == 0 || domain->identity) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    used = udmar__caller_maps(domain, 0, domain->end);
    range = udmar__iova_at_or_above(&domain->iova, 0);
    for (; range != NULL && !used;
         range = udmar__iova_at_or_above(&domain->iova, range->last + 1)) {
        used = range->kind == UDMAR_RANGE_ALLOCATED && !range->of_load;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return used;
}

static void describe_range(const struct udmar__range *range, struct udmar_range_info *out_range)
{
    *out_range = (struct udmar_range_info){
        .base = range->first << UDMAR_PAGE_SHIFT,
        .size = (range->last - range->first + 1) << UDMAR_PAGE_SHIFT,
        .kind = (enum udmar_range_kind)range->kind,
    };
    if (range->kind == UDMAR_RANGE_WINDOW) {
        udmar__window_loaded(range, &out_range->loaded_base, &out_range->loaded_size);
    }
}

/* What is mapped in an arena from @page on, or the window that stands there. */
static bool next_in_arena(struct udmar_domain *domain, const struct udmar__arena *arena,
                          uint64_t page, struct udmar_range_info *out_range)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar__range *window = udmar__iova_at_or_above(&domain->blocks, page);
    uint64_t inside = udmar__block_first(arena, page);
    uint64_t end =
        window != NULL ? udmar__min(window->first, arena->range.last + 1) : arena->range.last + 1;

    for (uint64_t at = inside != UINT64_MAX ? inside : page; at < end; at++) {
        unsigned pages = UDMAR__BLOCK_PAGES(udmar__block_at(arena, at));

        /* A block may be larger than what it holds: its end is no part of that. */
        if (pages != 0 && at + pages > page) {
            *out_range = (struct udmar_range_info){
                .base = at << UDMAR_PAGE_SHIFT,
                .size = (uint64_t)pages << UDMAR_PAGE_SHIFT,
                .kind = UDMAR_RANGE_ALLOCATED,
            };
            return true;
        }
    }
    if (window == NULL || window->first > arena->range.last) {
        return false;
    }
    describe_range(window, out_range);
    return true;
}

bool udmar_domain_next_range(struct udmar_domain *domain, udmar_iova_t from,
                             struct udmar_range_info *out_range)
{
    uint64_t page = from >> UDMAR_PAGE_SHIFT;
    struct udmar__range *range;
    bool found = false;
    uintptr_t state;

    if (domain == NULL) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    range = udmar__iova_at_or_above(&domain->iova, page);
    for (; range != NULL && !found; range = udmar__iova_at_or_above(&domain->iova, page)) {
        if (range->kind == RANGE_ARENA) {
            found = next_in_arena(domain, (struct udmar__arena *)range,
                                  udmar__max(page, range->first), out_range);
        } else {
            describe_range(range, out_range);
            found = true;
        }
        page = range->last + 1;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found;
}

/* A candidate for "nearest": inside beats near, and the closer one wins. */
static void consider_range_near(struct udmar_fault *fault, uint64_t *distance, udmar_iova_t address,
                                udmar_iova_t base, uint64_t size, enum udmar_fault_place inside)
{
    uint64_t away = address < base           ? base - address
                    : address - base >= size ? address - base - size + 1
                                             : 0;

    if (away >= *distance) {
        return;
    }
    *distance = away;
    fault->place = (uint8_t)(away == 0 ? inside : UDMAR_PLACE_NEAR);
    fault->near_base = base;
    fault->near_size = size;
    fault->near_age = 0;
}

/* The address lies in a range of the domain. */
static bool is_mapped(struct udmar_domain *domain, udmar_iova_t address)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar_walk_step steps[5];
    unsigned count;

    count = udmar__page_table_walk(domain, address, steps);
    return (steps[count - 1].entry & PTE_PRESENT) != 0;
}

/* Mappings of the moment: live ones say so in their arena. */
static void consider_arena(const struct udmar__arena *arena, udmar_iova_t address,
                           struct udmar_fault *fault, uint64_t *distance)
{
    for (uint64_t page = arena->range.first; page <= arena->range.last; page++) {
        unsigned pages = UDMAR__BLOCK_PAGES(udmar__block_at(arena, page));

        if (pages != 0) {
            consider_range_near(fault, distance, address, page << UDMAR_PAGE_SHIFT,
                                (uint64_t)pages << UDMAR_PAGE_SHIFT, UDMAR_PLACE_LIVE);
        }
    }
}

static void consider_range(struct udmar_domain *domain, struct udmar__range *range,
                           udmar_iova_t address, struct udmar_fault *fault, uint64_t *distance)
    UDMAR_REQUIRES(domain->lock)
{
    udmar_iova_t base = range->first << UDMAR_PAGE_SHIFT;
    uint64_t size = (range->last - range->first + 1) << UDMAR_PAGE_SHIFT;

    if (range->kind == RANGE_ARENA) {
        consider_arena((const struct udmar__arena *)range, address, fault, distance);
    } else if (range->kind == UDMAR_RANGE_WINDOW) {
        struct udmar__ended_mapping gone;

        if (udmar__window_loaded(range, &base, &size)) {
            consider_range_near(fault, distance, address, base, size, UDMAR_PLACE_LIVE);
        } else if (udmar__window_ended(range, &gone) && address - gone.base < gone.size) {
            consider_range_near(fault, distance, address, gone.base, gone.size, UDMAR_PLACE_ENDED);
            fault->near_age = udmar__domain_clock(domain) - gone.clock;
        }
    } else if (range->kind == UDMAR_RANGE_RESERVED ||
               (range->kind == UDMAR_RANGE_NULL && !is_mapped(domain, base))) {
        /* Reserved ranges are worth a word only when the address is inside. */
        if (address - base < size) {
            consider_range_near(fault, distance, address, base, size, UDMAR_PLACE_RESERVED);
        }
    } else if (range->kind == UDMAR_RANGE_FIRMWARE || address - base >= size ||
               is_mapped(domain, address)) {
        /* Addresses that somebody has kept after an unmap are no mapping. */
        consider_range_near(fault, distance, address, base, size, UDMAR_PLACE_LIVE);
    }
}

/* A few neighbours on each side: windows next door may be empty. */
static void consider_tree(struct udmar_domain *domain, const struct udmar__iova *tree,
                          udmar_iova_t address, struct udmar_fault *fault, uint64_t *distance)
    UDMAR_REQUIRES(domain->lock)
{
    uint64_t page = address >> UDMAR_PAGE_SHIFT;
    struct udmar__range *below = udmar__iova_at_or_below(tree, page);
    struct udmar__range *above = udmar__iova_at_or_above(tree, page);

    for (unsigned i = 0; i < 8 && below != NULL; i++) {
        consider_range(domain, below, address, fault, distance);
        below = below->first == 0 ? NULL : udmar__iova_at_or_below(tree, below->first - 1);
    }
    for (unsigned i = 0; i < 8 && above != NULL; i++) {
        consider_range(domain, above, address, fault, distance);
        above = udmar__iova_at_or_above(tree, above->last + 1);
    }
}

struct newest {
    const struct udmar_domain *domain;
    struct udmar_fault *fault;
    udmar_iova_t address;
    uint64_t *distance;
    uint64_t age; /* of what has been found */
};

/* An address is often used again and again: the newest mapping counts. */
static void consider_past(struct newest *newest, udmar_iova_t base, uint64_t size, uint64_t clock)
{
    uint64_t now = udmar__domain_clock(newest->domain);
    uint64_t age = now > clock ? now - clock : 0;

    if (size != 0 && newest->address - base < size &&
        (*newest->distance > 0 ||
         (newest->fault->place == UDMAR_PLACE_ENDED && age < newest->age))) {
        *newest->distance = UINT64_MAX;
        consider_range_near(newest->fault, newest->distance, newest->address, base, size,
                            UDMAR_PLACE_ENDED);
        newest->fault->near_age = age;
        newest->age = age;
    }
}

static void consider_gone(struct udmar_domain *domain, udmar_iova_t address,
                          struct udmar_fault *fault, uint64_t *distance)
    UDMAR_REQUIRES(domain->lock)
{
    struct newest newest = {
        .domain = domain,
        .fault = fault,
        .address = address,
        .distance = distance,
        .age = *distance == 0 ? fault->near_age : UINT64_MAX,
    };

    for (unsigned i = 0; i < UDMAR__ENDED; i++) {
        const struct udmar__ended_mapping *gone = &domain->ended[i];

        consider_past(&newest, gone->base, gone->size, gone->clock);
    }
    for (unsigned cpu = 0; cpu < domain->cpus; cpu++) {
        const struct udmar__cpu_cache *cache =
            __atomic_load_n(&domain->caches[cpu], __ATOMIC_ACQUIRE);

        for (unsigned i = 0; cache != NULL && i < UDMAR__CACHE_ENDED; i++) {
            const struct udmar__ended_block *past = &cache->ended[i];

            consider_past(
                &newest,
                (udmar_iova_t)__atomic_load_n(&past->page, __ATOMIC_RELAXED) << UDMAR_PAGE_SHIFT,
                (uint64_t)__atomic_load_n(&past->pages, __ATOMIC_RELAXED) << UDMAR_PAGE_SHIFT,
                __atomic_load_n(&past->clock, __ATOMIC_RELAXED));
        }
    }
}

void udmar__locate(struct udmar_domain *domain, udmar_iova_t address, struct udmar_fault *fault)
{
    uint64_t distance = UINT64_MAX;
    uintptr_t state = udmar__lock(domain->host, &domain->lock);

    fault->place = UDMAR_PLACE_NOTHING;
    consider_tree(domain, &domain->iova, address, fault, &distance);
    consider_tree(domain, &domain->blocks, address, fault, &distance);
    consider_gone(domain, address, fault, &distance);
    udmar__unlock(domain->host, &domain->lock, state);
}
