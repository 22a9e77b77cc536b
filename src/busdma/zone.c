/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones: pools of bounce pages, one for each need (how high its pages may lie, how they are
 * aligned, which NUMA domain), shared by all tags that have it. A zone lives as long as a tag or
 * map uses it.
 *
 * Pages go to loads in the order in which they asked: while a load waits, later ones that need
 * pages wait behind it. A load waits only where the pages that others hold will do when they come
 * back.
 */
#include "busdma/internal.h"

/* What udmar_host_page_alloc_near() can align. */
#define LARGEST_BLOCK UINT64_C(128)

static struct udmar__zone *find(struct udmar *instance, udmar_paddr_t lowaddr, uint64_t alignment,
                                int domain) UDMAR_REQUIRES(instance->lock)
{
    struct udmar__zone *zone = instance->dma.zones;

    while (zone != NULL &&
           (zone->lowaddr != lowaddr || zone->alignment != alignment || zone->domain != domain)) {
        zone = zone->next;
    }
    if (zone != NULL) {
        zone->users++;
    }
    return zone;
}

static struct udmar__zone *find_locked(struct udmar *instance, udmar_paddr_t lowaddr,
                                       uint64_t alignment, int domain, struct udmar__zone *fresh)
{
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    struct udmar__zone *zone = find(instance, lowaddr, alignment, domain);

    if (zone == NULL && fresh != NULL) {
        fresh->next = instance->dma.zones;
        instance->dma.zones = fresh;
        zone = fresh;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone;
}

struct udmar__zone *udmar__zone_get(struct udmar *instance, udmar_paddr_t lowaddr,
                                    uint64_t alignment, int domain)
{
    void *host = instance->host;
    struct udmar__zone *zone;
    struct udmar__zone *fresh;

    alignment = udmar__max(alignment, UDMAR_PAGE_SIZE);
    zone = find_locked(instance, lowaddr, alignment, domain, NULL);
    if (zone != NULL) {
        return zone;
    }
    fresh = udmar_host_alloc(host, sizeof(*fresh));
    if (fresh == NULL) {
        return NULL;
    }
    fresh->instance = instance;
    fresh->users = 1;
    fresh->lowaddr = lowaddr;
    fresh->alignment = alignment;
    fresh->domain = domain;
    if (!udmar__lock_create(host, &fresh->lock)) {
        udmar_host_free(host, fresh, sizeof(*fresh));
        return NULL;
    }
    zone = find_locked(instance, lowaddr, alignment, domain, fresh);
    if (zone != fresh) {
        udmar__lock_destroy(host, &fresh->lock);
        udmar_host_free(host, fresh, sizeof(*fresh));
    }
    return zone;
}

static size_t block_pages(const struct udmar__zone *zone)
{
    return (size_t)udmar__min(zone->alignment >> UDMAR_PAGE_SHIFT, LARGEST_BLOCK);
}

static void free_bounce(const struct udmar__zone *zone, struct udmar__bounce *bounce)
{
    udmar_host_page_free(zone->instance->host, &bounce->page, block_pages(zone));
    udmar_host_free(zone->instance->host, bounce, sizeof(*bounce));
}

void udmar__zone_hold(struct udmar__zone *zone)
{
    struct udmar *instance = zone->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    zone->users++;
    udmar__unlock(instance->host, &instance->lock, state);
}

void udmar__zone_put(struct udmar__zone *zone)
{
    struct udmar *instance = zone->instance;
    struct udmar__zone **link = &instance->dma.zones;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    bool last = --zone->users == 0;

    if (last) {
        while (*link != zone) {
            link = &(*link)->next;
        }
        *link = zone->next;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    if (!last) {
        return;
    }
    while (zone->free != NULL) {
        struct udmar__bounce *bounce = zone->free;

        zone->free = bounce->next;
        free_bounce(zone, bounce);
    }
    udmar__lock_destroy(instance->host, &zone->lock);
    udmar_host_free(instance->host, zone, sizeof(*zone));
}

static struct udmar__bounce *new_page(const struct udmar__zone *zone)
{
    void *host = zone->instance->host;
    struct udmar__bounce *bounce = NULL;

    if (zone->alignment >> UDMAR_PAGE_SHIFT <= LARGEST_BLOCK) {
        bounce = udmar_host_alloc(host, sizeof(*bounce));
    }
    if (bounce != NULL && !udmar_host_page_alloc_near(host, block_pages(zone), zone->lowaddr,
                                                      zone->domain, &bounce->page)) {
        udmar_host_free(host, bounce, sizeof(*bounce));
        bounce = NULL;
    }
    return bounce;
}

void udmar__zone_grow(struct udmar__zone *zone, uint64_t pages)
{
    void *host = zone->instance->host;
    bool room = true;

    for (; pages > 0 && room; pages--) {
        struct udmar__bounce *bounce = new_page(zone);
        uintptr_t state;

        if (bounce == NULL) {
            return;
        }
        state = udmar__lock(host, &zone->lock);
        room = zone->total < UDMAR__ZONE_MOST;
        if (room) {
            bounce->next = zone->free;
            zone->free = bounce;
            zone->free_pages++;
            zone->total++;
        }
        udmar__unlock(host, &zone->lock, state);
        if (!room) {
            free_bounce(zone, bounce);
        }
    }
}

/* After growing: loads that wait get their share first. Is the zone as large as that? */
static bool serve_and_check(struct udmar__zone *zone, uint64_t pages)
{
    void *host = zone->instance->host;
    uintptr_t state = udmar__lock(host, &zone->lock);
    bool enough = zone->total >= pages;
    bool served = udmar__zone_serve(zone);

    udmar__unlock(host, &zone->lock, state);
    if (served) {
        udmar__deferred_kick(zone);
    }
    return enough;
}

bool udmar__zone_provide(struct udmar__zone *zone, uint64_t pages)
{
    udmar__zone_grow(zone, pages);
    return serve_and_check(zone, pages);
}

bool udmar__zone_fill(struct udmar__zone *zone, uint64_t pages)
{
    void *host = zone->instance->host;
    uintptr_t state = udmar__lock(host, &zone->lock);
    uint64_t missing = pages > zone->total ? pages - zone->total : 0;

    udmar__unlock(host, &zone->lock, state);
    udmar__zone_grow(zone, missing);
    return serve_and_check(zone, pages);
}

/* ---- Taking and giving ---- */

static void hand_over(struct udmar__zone *zone, struct udmar_dma_map *map, uint32_t pages)
    UDMAR_REQUIRES(zone->lock)
{
    struct udmar__bounce **end = &map->bounces;

    for (uint32_t i = 0; i < pages; i++) {
        struct udmar__bounce *bounce = zone->free;

        zone->free = bounce->next;
        bounce->next = NULL;
        *end = bounce;
        end = &bounce->next;
    }
    map->bounce_count = pages;
    zone->free_pages -= pages;
    zone->reserved += pages;
}

static bool take_now(struct udmar__zone *zone, struct udmar_dma_map *map, uint32_t pages)
    UDMAR_REQUIRES(zone->lock)
{
    if (zone->waiting != NULL || zone->free_pages < pages) {
        return false;
    }
    hand_over(zone, map, pages);
    return true;
}

int udmar__zone_take(struct udmar__zone *zone, struct udmar_dma_map *map, uint32_t pages,
                     bool may_wait)
{
    void *host = zone->instance->host;
    uintptr_t state = udmar__lock(host, &zone->lock);
    bool taken = take_now(zone, map, pages);
    uint64_t missing = pages > zone->free_pages ? pages - zone->free_pages : 0;
    int error = 0;

    if (!taken && zone->waiting == NULL) {
        udmar__unlock(host, &zone->lock, state);
        udmar__zone_grow(zone, missing);
        state = udmar__lock(host, &zone->lock);
        taken = take_now(zone, map, pages);
    }
    if (!taken && may_wait && pages <= zone->total) {
        udmar__quick_off(map);
        udmar__deferral_set(map, DEFERRAL_WAITING);
        map->deferred.needed = pages;
        map->deferred.since = udmar_host_time_ns(host);
        udmar__queue_append(&zone->waiting, map);
        zone->deferred++;
        error = UDMAR_EINPROGRESS;
    } else if (!taken) {
        error = UDMAR_ENOMEM;
    }
    udmar__unlock(host, &zone->lock, state);
    return error;
}

void udmar__zone_activate(struct udmar_dma_map *map)
{
    struct udmar__zone *zone = map->zone;
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);

    zone->reserved -= map->bounce_count;
    zone->active += map->bounce_count;
    udmar__unlock(zone->instance->host, &zone->lock, state);
}

bool udmar__zone_serve(struct udmar__zone *zone)
{
    bool served = false;

    while (zone->waiting != NULL) {
        struct udmar_dma_map *map = zone->waiting;

        /* The zone may have shrunk: then the load comes to its end without pages. */
        if (map->deferred.needed <= zone->total) {
            if (map->deferred.needed > zone->free_pages) {
                break;
            }
            hand_over(zone, map, map->deferred.needed);
        }
        zone->waiting = map->deferred.next;
        udmar__deferral_set(map, DEFERRAL_READY);
        udmar__queue_append(&zone->ready, map);
        served = true;
    }
    return served;
}

static void forget(struct udmar__zone *zone, struct udmar_dma_map *map, bool active)
    UDMAR_REQUIRES(zone->lock)
{
    if (active) {
        zone->active -= map->bounce_count;
    } else {
        zone->reserved -= map->bounce_count;
    }
    map->bounces = NULL;
    map->bounce_count = 0;
}

bool udmar__zone_give(struct udmar_dma_map *map, bool active)
{
    struct udmar__zone *zone = map->zone;
    void *host = zone->instance->host;
    struct udmar__bounce *last = map->bounces;
    uintptr_t state;
    bool served;

    while (last->next != NULL) {
        last = last->next;
    }
    state = udmar__lock(host, &zone->lock);
    last->next = zone->free;
    zone->free = map->bounces;
    zone->free_pages += map->bounce_count;
    forget(zone, map, active);
    served = udmar__zone_serve(zone);
    udmar__unlock(host, &zone->lock, state);
    return served;
}

bool udmar__zone_abandon(struct udmar_dma_map *map)
{
    struct udmar__zone *zone = map->zone;
    void *host = zone->instance->host;
    struct udmar__bounce *bounce = map->bounces;
    uintptr_t state;
    bool served;

    while (bounce != NULL) {
        struct udmar__bounce *next = bounce->next;

        /* The page itself stays taken for ever: a device may still write to it. */
        udmar_host_free(host, bounce, sizeof(*bounce));
        bounce = next;
    }
    state = udmar__lock(host, &zone->lock);
    zone->total -= map->bounce_count;
    forget(zone, map, true);
    served = udmar__zone_serve(zone);
    udmar__unlock(host, &zone->lock, state);
    return served;
}

/* ---- For people ---- */

bool udmar_bounce_zone_info(struct udmar *instance, unsigned index,
                            struct udmar_bounce_zone_info *out_info)
{
    struct udmar__zone *zone;
    struct udmar_dma_map *map;
    uintptr_t state;
    uintptr_t zone_state;

    if (instance == NULL || out_info == NULL) {
        return false;
    }
    state = udmar__lock(instance->host, &instance->lock);
    zone = instance->dma.zones;
    for (; zone != NULL && index > 0; index--) {
        zone = zone->next;
    }
    if (zone != NULL) {
        zone_state = udmar__lock(instance->host, &zone->lock);
        *out_info = (struct udmar_bounce_zone_info){
            .lowaddr = zone->lowaddr,
            .alignment = zone->alignment,
            .domain = zone->domain,
            .total_pages = zone->total,
            .free_pages = zone->free_pages,
            .reserved_pages = zone->reserved,
            .active_pages = zone->active,
            .total_bounced = zone->bounced,
            .total_deferred = zone->deferred,
            .total_deferred_ns = zone->deferred_ns,
        };
        for (map = zone->waiting; map != NULL; map = map->deferred.next) {
            out_info->waiting++;
        }
        udmar__unlock(instance->host, &zone->lock, zone_state);
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone != NULL;
}
