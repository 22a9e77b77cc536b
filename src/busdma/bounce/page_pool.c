/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones: pools of bounce pages, one for each need (how high its pages may lie, how they are
 * aligned, which NUMA node), shared by all tags that have it. A zone lives as long as a tag or
 * map uses it.
 *
 * Pages go to loads in the order in which they asked: while a load waits, later ones that need
 * pages wait behind it. A load waits only where the pages that others hold will do when they come
 * back. Pages that become free are offered to the queue before anything else (put_free_pages());
 * pages that a load gets from the host are its own.
 */
#include "busdma/bounce/page_pool.h"

#include "busdma/bounce/wait.h"

/* What udmar_host_page_alloc_near() can align. */
#define LARGEST_BLOCK UINT64_C(128)

static struct udmar__bounce_zone *find_zone(struct udmar *instance, udmar_paddr_t lowaddr,
                                            uint64_t alignment, int numa_node)
    UDMAR_REQUIRES(instance->lock)
{
    struct udmar__bounce_zone *zone = instance->dma.zones;

    while (zone != NULL && (zone->lowaddr != lowaddr || zone->alignment != alignment ||
                            zone->numa_node != numa_node)) {
        zone = zone->next;
    }
    if (zone != NULL) {
        zone->refs++;
    }
    return zone;
}

static struct udmar__bounce_zone *find_locked(struct udmar *instance, udmar_paddr_t lowaddr,
                                              uint64_t alignment, int numa_node,
                                              struct udmar__bounce_zone *fresh)
{
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    struct udmar__bounce_zone *zone = find_zone(instance, lowaddr, alignment, numa_node);

    if (zone == NULL && fresh != NULL) {
        fresh->next = instance->dma.zones;
        instance->dma.zones = fresh;
        zone = fresh;
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone;
}

struct udmar__bounce_zone *udmar__bounce_zone_get(struct udmar *instance, udmar_paddr_t lowaddr,
                                                  uint64_t alignment, int numa_node)
{
    void *host = instance->host;
    struct udmar__bounce_zone *zone;
    struct udmar__bounce_zone *fresh;

    alignment = udmar__max(alignment, UDMAR_PAGE_SIZE);
    zone = find_locked(instance, lowaddr, alignment, numa_node, NULL);
    if (zone != NULL) {
        return zone;
    }
    fresh = udmar_host_alloc(host, sizeof(*fresh));
    if (fresh == NULL) {
        return NULL;
    }
    fresh->instance = instance;
    fresh->refs = 1;
    fresh->lowaddr = lowaddr;
    fresh->alignment = alignment;
    fresh->numa_node = numa_node;
    if (!udmar__lock_create(host, &fresh->lock)) {
        udmar_host_free(host, fresh, sizeof(*fresh));
        return NULL;
    }
    zone = find_locked(instance, lowaddr, alignment, numa_node, fresh);
    if (zone != fresh) {
        udmar__lock_destroy(host, &fresh->lock);
        udmar_host_free(host, fresh, sizeof(*fresh));
    }
    return zone;
}

static size_t block_pages(const struct udmar__bounce_zone *zone)
{
    return (size_t)udmar__min(zone->alignment >> UDMAR_PAGE_SHIFT, LARGEST_BLOCK);
}

static void free_bounce_page(const struct udmar__bounce_zone *zone,
                             struct udmar__bounce_page *bounce)
{
    udmar_host_page_free(zone->instance->host, &bounce->page, block_pages(zone));
    udmar_host_free(zone->instance->host, bounce, sizeof(*bounce));
}

static void send_back(const struct udmar__bounce_zone *zone, struct udmar__bounce_page *bounce)
{
    while (bounce != NULL) {
        struct udmar__bounce_page *next = bounce->next;

        free_bounce_page(zone, bounce);
        bounce = next;
    }
}

void udmar__bounce_zone_ref(struct udmar__bounce_zone *zone)
{
    struct udmar *instance = zone->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    zone->refs++;
    udmar__unlock(instance->host, &instance->lock, state);
}

void udmar__bounce_zone_unref(struct udmar__bounce_zone *zone)
{
    struct udmar *instance = zone->instance;
    struct udmar__bounce_zone **link = &instance->dma.zones;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    bool last;

    UDMAR_ASSERT(zone->refs > 0);
    last = --zone->refs == 0;
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
    send_back(zone, zone->free);
    udmar__lock_destroy(instance->host, &zone->lock);
    udmar_host_free(instance->host, zone, sizeof(*zone));
}

static struct udmar__bounce_page *new_page(const struct udmar__bounce_zone *zone)
{
    void *host = zone->instance->host;
    struct udmar__bounce_page *bounce = NULL;

    if (zone->alignment >> UDMAR_PAGE_SHIFT <= LARGEST_BLOCK) {
        bounce = udmar_host_alloc(host, sizeof(*bounce));
    }
    if (bounce != NULL && !udmar_host_page_alloc_near(host, block_pages(zone), zone->lowaddr,
                                                      zone->numa_node, &bounce->page)) {
        udmar_host_free(host, bounce, sizeof(*bounce));
        bounce = NULL;
    }
    return bounce;
}

/*
 * How pages become free where a load may wait: it is offered them before the lock is let go of. So
 * while loads wait, the free pages never suffice for the first one, and other loads have the rest
 * of the zone in their hands.
 */
static void put_free_pages(struct udmar__bounce_zone *zone, struct udmar__bounce_page *first,
                           struct udmar__bounce_page *last, size_t pages) UDMAR_REQUIRES(zone->lock)
{
    last->next = zone->free;
    zone->free = first;
    zone->free_pages += pages;
    udmar__bounce_zone_serve(zone);
}

/* False: the zone is full. */
static bool add_page(struct udmar__bounce_zone *zone, struct udmar__bounce_page *bounce)
{
    void *host = zone->instance->host;
    uintptr_t state = udmar__lock(host, &zone->lock);
    bool room = zone->total < UDMAR__BOUNCE_ZONE_MOST;

    if (room) {
        zone->total++;
        put_free_pages(zone, bounce, bounce, 1);
    }
    udmar__unlock(host, &zone->lock, state);
    return room;
}

/* For maps and tags that are made, which hold no lock: loads that wait may run here. */
static void grow_zone(struct udmar__bounce_zone *zone, uint64_t pages)
{
    bool grown = true;

    for (; pages > 0 && grown; pages--) {
        struct udmar__bounce_page *bounce = new_page(zone);

        grown = bounce != NULL && add_page(zone, bounce);
        if (!grown && bounce != NULL) {
            free_bounce_page(zone, bounce);
        }
    }
    udmar__waiting_kick(zone);
}

static size_t total_of(struct udmar__bounce_zone *zone)
{
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);
    size_t total = zone->total;

    udmar__unlock(zone->instance->host, &zone->lock, state);
    return total;
}

bool udmar__bounce_zone_provide(struct udmar__bounce_zone *zone, uint64_t pages)
{
    grow_zone(zone, pages);
    return total_of(zone) >= pages;
}

bool udmar__bounce_zone_fill(struct udmar__bounce_zone *zone, uint64_t pages)
{
    size_t total = total_of(zone);

    grow_zone(zone, pages > total ? pages - total : 0);
    return total_of(zone) >= pages;
}

/* ---- Taking and giving ---- */

static void hand_over_pages(struct udmar__bounce_zone *zone, struct udmar_dma_map *map,
                            uint32_t pages) UDMAR_REQUIRES(zone->lock)
{
    struct udmar__bounce_page **end = &map->bounces;

    UDMAR__ASSERT_HELD(&zone->lock);
    UDMAR_ASSERT(zone->free_pages >= pages && map->bounces == NULL);
    for (uint32_t i = 0; i < pages; i++) {
        struct udmar__bounce_page *bounce = zone->free;

        UDMAR_ASSERT(bounce != NULL);
        zone->free = bounce->next;
        bounce->next = NULL;
        *end = bounce;
        end = &bounce->next;
    }
    map->bounce_count = pages;
    zone->free_pages -= pages;
    zone->reserved += pages;
}

/*
 * Pages that a load has got from the host and that are not in the zone yet. The load keeps them:
 * nobody else's turn comes by them, so no other driver's callback has to run inside the load.
 */
struct fresh {
    struct udmar__bounce_page *first;
    struct udmar__bounce_page *last;
    uint32_t count;
};

/* False: the host has no more. */
static bool fetch_pages(const struct udmar__bounce_zone *zone, struct fresh *fresh, uint64_t pages)
{
    for (; pages > 0; pages--) {
        struct udmar__bounce_page *bounce = new_page(zone);

        if (bounce == NULL) {
            return false;
        }
        bounce->next = fresh->first;
        fresh->first = bounce;
        fresh->last = fresh->count == 0 ? bounce : fresh->last;
        fresh->count++;
    }
    return true;
}

/* What is free belongs to those who wait. */
static uint64_t free_for(const struct udmar__bounce_zone *zone) UDMAR_REQUIRES(zone->lock)
{
    return zone->waiting == NULL ? zone->free_pages : 0;
}

static void add_fresh(struct udmar__bounce_zone *zone, struct fresh *fresh)
    UDMAR_REQUIRES(zone->lock)
{
    if (fresh->count > 0) {
        fresh->last->next = zone->free;
        zone->free = fresh->first;
        zone->free_pages += fresh->count;
        zone->total += fresh->count;
        *fresh = (struct fresh){ .count = 0 };
    }
}

static bool take_now(struct udmar__bounce_zone *zone, struct udmar_dma_map *map, uint32_t pages,
                     struct fresh *fresh) UDMAR_REQUIRES(zone->lock)
{
    if (fresh->count + free_for(zone) < pages ||
        zone->total + fresh->count > UDMAR__BOUNCE_ZONE_MOST) {
        return false;
    }
    /* No more is added than is taken. */
    add_fresh(zone, fresh);
    hand_over_pages(zone, map, pages);
    return true;
}

/* Takes the pages, as far as necessary from the host. */
static bool take_pages(struct udmar__bounce_zone *zone, struct udmar_dma_map *map, uint32_t pages,
                       struct fresh *fresh, uintptr_t *state) UDMAR_REQUIRES(zone->lock)
{
    void *host = zone->instance->host;
    /* Those who wait have found the host without memory. */
    bool more = zone->waiting == NULL;
    bool taken = take_now(zone, map, pages, fresh);

    while (!taken && more) {
        /* Others may take what is free, or queue for it, before the lock is held again. */
        uint64_t missing = pages - fresh->count - udmar__min(free_for(zone), pages - fresh->count);

        if (missing == 0 || zone->total + fresh->count + missing > UDMAR__BOUNCE_ZONE_MOST) {
            break;
        }
        udmar__unlock(host, &zone->lock, *state);
        more = fetch_pages(zone, fresh, missing);
        *state = udmar__lock(host, &zone->lock);
        taken = take_now(zone, map, pages, fresh);
    }
    return taken;
}

static void enqueue_load(struct udmar__bounce_zone *zone, struct udmar_dma_map *map, uint32_t pages)
    UDMAR_REQUIRES(zone->lock)
{
    udmar__map_set_state(map, MAP_WAITING);
    map->wait.needed = pages;
    map->wait.since = udmar_host_time_ns(zone->instance->host);
    udmar__queue_append(&zone->waiting, map);
    zone->deferred++;
}

int udmar__bounce_zone_take(struct udmar__bounce_zone *zone, struct udmar_dma_map *map,
                            uint32_t pages)
{
    void *host = zone->instance->host;
    struct fresh fresh = { .count = 0 };
    uintptr_t state = udmar__lock(host, &zone->lock);
    int error = 0;

    if (!take_pages(zone, map, pages, &fresh, &state)) {
        error = UDMAR_ENOMEM;
        if (zone->waiting == NULL && zone->total + fresh.count <= UDMAR__BOUNCE_ZONE_MOST) {
            /* For the next load: nobody waits for them. */
            add_fresh(zone, &fresh);
        }
        if (map->wait.may_wait && pages <= zone->total) {
            enqueue_load(zone, map, pages);
            error = UDMAR_EINPROGRESS;
        }
    }
    udmar__unlock(host, &zone->lock, state);
    send_back(zone, fresh.first);
    return error;
}

void udmar__bounce_zone_activate(struct udmar_dma_map *map)
{
    struct udmar__bounce_zone *zone = map->zone;
    uintptr_t state = udmar__lock(zone->instance->host, &zone->lock);

    UDMAR_ASSERT(zone->reserved >= map->bounce_count);
    zone->reserved -= map->bounce_count;
    zone->active += map->bounce_count;
    udmar__unlock(zone->instance->host, &zone->lock, state);
}

void udmar__bounce_zone_serve(struct udmar__bounce_zone *zone)
{
    while (zone->waiting != NULL) {
        struct udmar_dma_map *map = zone->waiting;

        /* The zone may have shrunk: then the load comes to its end without pages. */
        if (map->wait.needed <= zone->total) {
            if (map->wait.needed > zone->free_pages) {
                break;
            }
            hand_over_pages(zone, map, map->wait.needed);
        }
        zone->waiting = map->wait.next;
        udmar__map_set_state(map, MAP_READY);
        udmar__queue_append(&zone->ready, map);
    }
}

static void forget_pages(struct udmar__bounce_zone *zone, struct udmar_dma_map *map, bool active)
    UDMAR_REQUIRES(zone->lock)
{
    UDMAR__ASSERT_HELD(&zone->lock);
    UDMAR_ASSERT((active ? zone->active : zone->reserved) >= map->bounce_count);
    if (active) {
        zone->active -= map->bounce_count;
    } else {
        zone->reserved -= map->bounce_count;
    }
    map->bounces = NULL;
    map->bounce_count = 0;
}

void udmar__bounce_zone_give(struct udmar_dma_map *map, bool active)
{
    struct udmar__bounce_zone *zone = map->zone;
    void *host = zone->instance->host;
    struct udmar__bounce_page *first = map->bounces;
    struct udmar__bounce_page *last = first;
    size_t pages = map->bounce_count;
    uintptr_t state;

    while (last->next != NULL) {
        last = last->next;
    }
    state = udmar__lock(host, &zone->lock);
    forget_pages(zone, map, active);
    put_free_pages(zone, first, last, pages);
    udmar__unlock(host, &zone->lock, state);
}

void udmar__bounce_zone_abandon(struct udmar_dma_map *map)
{
    struct udmar__bounce_zone *zone = map->zone;
    void *host = zone->instance->host;
    struct udmar__bounce_page *bounce = map->bounces;
    uintptr_t state;

    while (bounce != NULL) {
        struct udmar__bounce_page *next = bounce->next;

        /* The page itself stays taken for ever: a device may still write to it. */
        udmar_host_free(host, bounce, sizeof(*bounce));
        bounce = next;
    }
    state = udmar__lock(host, &zone->lock);
    zone->total -= map->bounce_count;
    forget_pages(zone, map, true);
    udmar__bounce_zone_serve(zone);
    udmar__unlock(host, &zone->lock, state);
}

/* ---- For people ---- */

bool udmar_bounce_zone_info(struct udmar *instance, unsigned index,
                            struct udmar_bounce_zone_info *out_info)
{
    struct udmar__bounce_zone *zone;
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
            .numa_node = zone->numa_node,
            .total_pages = zone->total,
            .free_pages = zone->free_pages,
            .reserved_pages = zone->reserved,
            .active_pages = zone->active,
            .total_bounced = zone->bounced,
            .total_deferred = zone->deferred,
            .total_deferred_ns = zone->deferred_ns,
        };
        for (map = zone->waiting; map != NULL; map = map->wait.next) {
            out_info->waiting++;
        }
        udmar__unlock(instance->host, &zone->lock, zone_state);
    }
    udmar__unlock(instance->host, &instance->lock, state);
    return zone != NULL;
}
