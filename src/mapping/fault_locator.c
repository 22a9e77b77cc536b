/* SPDX-License-Identifier: BSD-2-Clause */
/* Which mapping is nearest to the address of a fault, of those that live and those that ended. */
#include "mapping/arena.h"
#include "mapping/cpu_cache.h"
#include "mapping/window.h"

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

/* Mappings in blocks: live ones say so in their arena. */
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
        /* Addresses that a caller has kept after an unmap are no mapping. */
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
    for (unsigned cpu = 0; cpu < udmar__mapper_of(domain)->cpus; cpu++) {
        const struct udmar__cpu_cache *cache =
            __atomic_load_n(&udmar__mapper_of(domain)->caches[cpu], __ATOMIC_ACQUIRE);

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
    consider_tree(domain, &udmar__mapper_of(domain)->blocks, address, fault, &distance);
    consider_gone(domain, address, fault, &distance);
    udmar__unlock(domain->host, &domain->lock, state);
}
