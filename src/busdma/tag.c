/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags: limits that only ever get tighter on the way down. */
#include "base/text.h"
#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/debug.h"

#define LARGEST_NUMA_NODE 1023

static void ref_tag(struct udmar_dma_tag *tag)
{
    (void)__atomic_add_fetch(&tag->refs, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&tag->device->refs, 1, __ATOMIC_RELAXED);
}

/*
 * One holder less; the last one ends the tag, and lets go of its parent. A root tag holds itself.
 * @users: how many users the device has lost by that already.
 */
static void unref_tag(struct udmar_dma_tag *tag, unsigned users)
{
    struct udmar_device *device = tag->device;
    void *host = device->instance->host;

    UDMAR_ASSERT(__atomic_load_n(&tag->refs, __ATOMIC_RELAXED) > 0);
    while (__atomic_sub_fetch(&tag->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        struct udmar_dma_tag *parent = tag->parent;

        if (tag->zone != NULL) {
            udmar__bounce_zone_unref(tag->zone);
        }
        udmar_host_free(host, tag, sizeof(*tag));
        users++;
        tag = parent;
    }
    if (users > 0) {
        /* Last: with its last user the device may go, and the root tag with it. */
        UDMAR_ASSERT(__atomic_load_n(&device->refs, __ATOMIC_RELAXED) >= users);
        (void)__atomic_sub_fetch(&device->refs, users, __ATOMIC_RELEASE);
    }
}

void udmar__tag_ref(struct udmar_dma_tag *tag)
{
    (void)__atomic_add_fetch(&tag->maps, 1, __ATOMIC_RELAXED);
    ref_tag(tag);
}

void udmar__tag_unref(struct udmar_dma_tag *tag)
{
    UDMAR_ASSERT(__atomic_load_n(&tag->maps, __ATOMIC_RELAXED) > 0);
    (void)__atomic_sub_fetch(&tag->maps, 1, __ATOMIC_RELEASE);
    unref_tag(tag, 1);
}

bool udmar__tag_follow(struct udmar_dma_tag *tag)
{
    struct udmar_device *device = tag->device;
    const struct udmar__backend *backend = &udmar__backend_direct;
    enum udmar_mode mode;

    if (tag->parent != NULL) {
        return true;
    }
    mode = udmar__device_mode(device);
    /* Only a translated device has addresses of its own; all others see physical ones. */
    if (mode == UDMAR_MODE_TRANSLATE) {
        backend = &udmar__backend_translated;
    }
    /* All that a driver has at one time is of one kind, also where a unit has failed meanwhile. */
    if (__atomic_load_n(&device->refs, __ATOMIC_ACQUIRE) == 0 &&
        __atomic_load_n(&tag->backend, __ATOMIC_RELAXED) != backend) {
        __atomic_store_n(&tag->backend, backend, __ATOMIC_RELAXED);
        __atomic_store_n(&device->physical, !backend->scatters, __ATOMIC_RELAXED);
    }
    return mode != UDMAR_MODE_DOMAIN;
}

struct udmar_dma_tag *udmar_device_dma_tag(struct udmar_device *device)
{
    struct udmar_dma_tag *tag;
    struct udmar_dma_tag *first;
    struct udmar *instance;
    uintptr_t state;

    if (device == NULL) {
        return NULL;
    }
    instance = device->instance;
    first = __atomic_load_n(&device->tag, __ATOMIC_ACQUIRE);
    if (first != NULL) {
        (void)udmar__tag_follow(first);
        return first;
    }
    tag = udmar_host_alloc(instance->host, sizeof(*tag));
    if (tag == NULL) {
        return NULL;
    }
    tag->device = device;
    tag->alignment = 1;
    tag->lowaddr = UINT64_MAX;
    tag->highaddr = UINT64_MAX;
    tag->maxsize = UINT64_MAX;
    tag->maxsegsz = UINT64_MAX;
    tag->nsegments = UINT32_MAX;
    tag->numa_node = -1;
    tag->refs = 1;
    (void)udmar__tag_follow(tag);
    /* Several drivers' threads may ask for the first time at once: one tag stays. */
    state = udmar__lock(instance->host, &instance->lock);
    first = device->tag;
    if (first == NULL) {
        device->tag_size = sizeof(*tag);
        __atomic_store_n(&device->tag, tag, __ATOMIC_RELEASE);
    }
    udmar__unlock(instance->host, &instance->lock, state);
    if (first != NULL) {
        udmar_host_free(instance->host, tag, sizeof(*tag));
        return first;
    }
    return tag;
}

/*
 * What is wrong with the arguments of a tag; null: nothing. What no load can do, such as 0 segments
 * or 0 bytes, is no error of the tag: drivers make tags that are only parents, and FreeBSD looks at
 * these numbers when there is something to load.
 */
static const char *find_objection(udmar_dma_filter_t *filter, uint64_t maxsegsz)
{
    if (filter != NULL) {
        return "filter functions are no longer supported";
    }
    return maxsegsz == 0 ? "maxsegsz is 0" : NULL;
}

/*
 * busdma(9) wants powers of two and FreeBSD takes whatever comes. The next larger one has all the
 * zero bits that FreeBSD asks for.
 */
static uint64_t whole_alignment(uint64_t alignment)
{
    if (alignment > UINT64_C(1) << 63) {
        return UINT64_C(1) << 63;
    }
    return alignment == 0 ? 1 : UINT64_C(1) << udmar__log2_up(alignment);
}

/* What crosses no multiple of the largest power of two in it crosses no multiple of it. */
static uint64_t whole_boundary(uint64_t boundary)
{
    return boundary & (0 - boundary);
}

static uint64_t end_of_page(uint64_t address)
{
    return address | UDMAR_PAGE_MASK;
}

/*
 * Drivers give a highaddr that is not above lowaddr, and rely on FreeBSD's bus tag, which makes it
 * the highest address there is.
 */
static uint64_t end_of_window(uint64_t lowaddr, uint64_t highaddr)
{
    return end_of_page(highaddr) <= end_of_page(lowaddr) ? UINT64_MAX : end_of_page(highaddr);
}

static uint64_t tighter_boundary(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 ? a : udmar__min(a, b);
}

/* Can any RAM be out of this tag's reach at all? Translation makes all of it reachable. */
static bool may_miss(const struct udmar_dma_tag *tag)
{
    const struct udmar *instance = tag->device->instance;

    if (tag->backend->scatters) {
        return false;
    }
    for (unsigned i = 0; i < instance->ram_count; i++) {
        if (udmar__out_of_reach(tag, instance->ram[i].base, instance->ram[i].size)) {
            return true;
        }
    }
    return instance->ram_count == 0 && tag->lowaddr < tag->highaddr;
}

static void inherit_limits(struct udmar_dma_tag *tag, const struct udmar_dma_tag *parent)
{
    tag->device = parent->device;
    tag->backend = __atomic_load_n(&parent->backend, __ATOMIC_RELAXED);
    tag->numa_node = parent->numa_node;
    tag->alignment = udmar__max(tag->alignment, parent->alignment);
    tag->boundary = tighter_boundary(tag->boundary, parent->boundary);
    /* An empty window of the parent's forbids nothing; two windows become one around both. */
    if (parent->lowaddr < parent->highaddr) {
        tag->lowaddr = udmar__min(tag->lowaddr, parent->lowaddr);
        tag->highaddr = udmar__max(tag->highaddr, parent->highaddr);
    }
    if (tag->boundary != 0) {
        tag->maxsegsz = udmar__min(tag->maxsegsz, tag->boundary);
    }
    /* Where pages are moved anyway, only what lies below a page can be wrong. */
    tag->misaligned = tag->backend->scatters ? udmar__min(tag->alignment, UDMAR_PAGE_SIZE) - 1
                                             : tag->alignment - 1;
    tag->may_miss = may_miss(tag);
}

/*
 * The zone that the tag's loads may need, with pages in it where they are wanted at once; null
 * where there is no such zone. Translation moves pages: those that stand in may come from anywhere.
 */
static struct udmar__bounce_zone *zone_for(const struct udmar_dma_tag *tag, int numa_node)
{
    bool moves = tag->backend->scatters;
    uint64_t pages = (tag->maxsize >> UDMAR_PAGE_SHIFT) + 1;
    struct udmar__bounce_zone *zone =
        udmar__bounce_zone_get(tag->device->instance, moves ? UINT64_MAX : tag->lowaddr,
                               moves ? UDMAR_PAGE_SIZE : tag->alignment, numa_node);

    if (zone != NULL && (tag->flags & UDMAR_DMA_ALLOCNOW) != 0 && tag->may_miss &&
        !udmar__bounce_zone_fill(zone, udmar__min(pages, UDMAR__BOUNCE_ZONE_MOST))) {
        udmar__bounce_zone_unref(zone);
        zone = NULL;
    }
    return zone;
}

int udmar__tag_refuse(const struct udmar_dma_tag *near, const char *wrong)
{
    char label[64];

    udmar__log(near->device->instance->host, UDMAR_LOG_WARN, "%s: DMA tag refused: %s",
               udmar__device_label(near->device, label), wrong);
    return udmar__mistake(near, COUNT_TAG_REFUSED, UDMAR_EINVAL);
}

int udmar_dma_tag_create(struct udmar_dma_tag *parent, udmar_bus_size_t alignment,
                         udmar_bus_addr_t boundary, udmar_bus_addr_t lowaddr,
                         udmar_bus_addr_t highaddr, udmar_dma_filter_t *filter,
                         void *filter_argument, udmar_bus_size_t maxsize, int nsegments,
                         udmar_bus_size_t maxsegsz, int flags, udmar_dma_lock_t *lock,
                         void *lock_argument, struct udmar_dma_tag **out_tag)
{
    const char *wrong;
    struct udmar_dma_tag *tag;
    void *host;

    (void)filter_argument;
    if (out_tag != NULL) {
        *out_tag = NULL;
    }
    if (parent == NULL) {
        /* Nobody to count it for, and no log to say why. */
        return UDMAR_EINVAL;
    }
    if (out_tag == NULL) {
        return udmar__tag_refuse(parent, "there is no place for it");
    }
    host = parent->device->instance->host;
    if (!udmar__tag_follow(parent)) {
        return udmar__tag_refuse(parent, "the device is in a domain of its owner's");
    }
    wrong = find_objection(filter, maxsegsz);
    if (wrong != NULL) {
        return udmar__tag_refuse(parent, wrong);
    }
    tag = udmar_host_alloc(host, sizeof(*tag));
    if (tag == NULL) {
        return UDMAR_ENOMEM;
    }
    *tag = (struct udmar_dma_tag){
        .parent = parent,
        .alignment = whole_alignment(alignment),
        .boundary = whole_boundary(boundary),
        .lowaddr = end_of_page(lowaddr),
        .highaddr = end_of_window(lowaddr, highaddr),
        .maxsize = maxsize,
        .maxsegsz = maxsegsz,
        .nsegments = nsegments < 0 ? UINT32_MAX : (uint32_t)nsegments,
        .flags = flags,
        .lock = lock,
        .lock_argument = lock_argument,
        .refs = 1,
    };
    inherit_limits(tag, parent);
    if (udmar__tag_needs_zone(tag)) {
        tag->zone = zone_for(tag, tag->numa_node);
        if (tag->zone == NULL) {
            udmar_host_free(host, tag, sizeof(*tag));
            return UDMAR_ENOMEM;
        }
    }
    ref_tag(parent);
    *out_tag = tag;
    return 0;
}

int udmar_dma_tag_destroy(struct udmar_dma_tag *tag)
{
    if (tag == NULL) {
        return 0;
    }
    if (tag->parent == NULL) {
        return udmar__mistake(tag, COUNT_ENDED_IN_USE, UDMAR_EINVAL);
    }
    if (__atomic_load_n(&tag->maps, __ATOMIC_ACQUIRE) != 0) {
        udmar__debug_leaks(tag, UDMAR__CALLER);
        return udmar__mistake(tag, COUNT_ENDED_IN_USE, UDMAR_EBUSY);
    }
    if (tag->ended) {
        return udmar__mistake(tag, COUNT_ENDED_IN_USE, UDMAR_EINVAL);
    }
    tag->ended = true;
    unref_tag(tag, 0);
    return 0;
}

int udmar_dma_tag_set_numa_node(struct udmar_dma_tag *tag, int numa_node)
{
    struct udmar__bounce_zone *zone;

    if (tag == NULL) {
        return UDMAR_EINVAL;
    }
    if (numa_node < -1 || numa_node > LARGEST_NUMA_NODE) {
        return udmar__tag_refuse(tag, "the NUMA node is neither -1 nor 0 to 1023");
    }
    if (__atomic_load_n(&tag->refs, __ATOMIC_ACQUIRE) != 1) {
        return udmar__mistake(tag, COUNT_ENDED_IN_USE, UDMAR_EBUSY);
    }
    if (tag->zone != NULL) {
        zone = zone_for(tag, numa_node);
        if (zone == NULL) {
            return UDMAR_ENOMEM;
        }
        udmar__bounce_zone_unref(tag->zone);
        tag->zone = zone;
    }
    tag->numa_node = numa_node;
    return 0;
}

bool udmar_dma_id_mapped(struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    return tag != NULL && udmar__tag_follow(tag) && tag->backend->id_mapped(tag, address, length);
}
