/* SPDX-License-Identifier: BSD-2-Clause */
/* Root and context tables. */
#include "space/context.h"
#include "space/pte.h"

#define ROOT_PRESENT         UINT64_C(1)
#define CONTEXT_PRESENT      UINT64_C(1)
#define CONTEXT_TRANSLATE    UINT64_C(0) /* TT 0: untranslated requests go through the tables */
#define CONTEXT_PASS_THROUGH (UINT64_C(2) << 2)
#define CONTEXT_DID_SHIFT    8 /* in the high word */

static void flush_context(const struct udmar_unit *unit, const volatile void *address, size_t size)
{
    if (!unit->facts.coherent) {
        udmar_host_cache_flush(unit->host, (const void *)(uintptr_t)address, size);
    }
}

static enum udmar_status new_table(struct udmar_unit *unit, struct udmar_page *out_page)
{
    void *table;

    if (!udmar_host_page_alloc(unit->host, 1, UINT64_MAX, false, out_page)) {
        out_page->physical = 0;
        return UDMAR_ERR_MEMORY;
    }
    table = udmar_host_page_map(unit->host, out_page->physical);
    flush_context(unit, table, UDMAR_PAGE_SIZE);
    udmar_host_page_unmap(unit->host, table);
    return UDMAR_OK;
}

enum udmar_status udmar__root_create(struct udmar_unit *unit)
{
    return new_table(unit, &unit->root);
}

void udmar__root_destroy(struct udmar_unit *unit)
{
    volatile uint64_t *root;

    if (unit->root.physical == 0) {
        return;
    }
    root = udmar_host_page_map(unit->host, unit->root.physical);
    for (unsigned bus = 0; bus < 256; bus++) {
        struct udmar_page page = { .physical = root[2 * bus] & PTE_ADDRESS };

        if (page.physical != 0) {
            udmar_host_page_free(unit->host, &page, 1);
        }
    }
    udmar_host_page_unmap(unit->host, (void *)(uintptr_t)root);
    udmar_host_page_free(unit->host, &unit->root, 1);
    unit->root.physical = 0;
}

enum udmar_status udmar__root_activate(struct udmar_unit *unit)
{
    enum udmar_status status = udmar__write_buffer_flush(unit);

    if (status == UDMAR_OK) {
        status = udmar__set_root(unit, unit->root.physical);
    }
    if (status != UDMAR_OK) {
        return status;
    }
    /* With ESRTPS hardware has done it; once more costs nothing at this moment. */
    return udmar__invalidate_all(unit);
}

/* The context table of a bus, made where there is none; mapped, or null without memory. */
static volatile uint64_t *open_contexts(struct udmar_unit *unit, uint8_t bus, bool create)
    UDMAR_REQUIRES(unit->lock)
{
    volatile uint64_t *root = udmar_host_page_map(unit->host, unit->root.physical);
    volatile uint64_t *entry = &root[2 * bus];
    uint64_t low = udmar__pte_load(entry);
    struct udmar_page page;

    UDMAR__ASSERT_HELD(&unit->lock);
    if ((low & ROOT_PRESENT) == 0 && create && new_table(unit, &page) == UDMAR_OK) {
        low = page.physical | ROOT_PRESENT;
        udmar__entry128_store(entry, low, 0);
        flush_context(unit, entry, 16);
    }
    udmar_host_page_unmap(unit->host, (void *)(uintptr_t)root);
    return (low & ROOT_PRESENT) == 0 ? NULL : udmar_host_page_map(unit->host, low & PTE_ADDRESS);
}

static void compose_context(const struct udmar_unit *unit, const struct udmar_domain *domain,
                            uint16_t id, uint64_t *out_low, uint64_t *out_high)
{
    unsigned levels = domain->levels;

    *out_low = domain->table | CONTEXT_TRANSLATE | CONTEXT_PRESENT;
    if (domain->pass_through) {
        /* Pass-through must name the largest supported width [VTD 9.3]. */
        levels = udmar__log2(unit->facts.widths) + 2;
        *out_low = CONTEXT_PASS_THROUGH | CONTEXT_PRESENT;
    }
    *out_high = (uint64_t)id << CONTEXT_DID_SHIFT | (levels - 2);
}

static bool carries_domain(const volatile uint64_t *entry, uint16_t id)
{
    return (udmar__pte_load(&entry[1]) >> CONTEXT_DID_SHIFT) == id;
}

/* @out_new: the entry carries this id from now on; else it did already, present or not. */
static enum udmar_status store_context(struct udmar_unit *unit, udmar_rid_t rid,
                                       const struct udmar_domain *domain, uint16_t id,
                                       bool *out_new)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    volatile uint64_t *contexts = open_contexts(unit, UDMAR_RID_BUS(rid), true);
    enum udmar_status status = UDMAR_ERR_MEMORY;

    UDMAR_ASSERT(id != 0);
    *out_new = false;
    if (contexts != NULL) {
        volatile uint64_t *entry = &contexts[2 * UDMAR_RID_DEVFN(rid)];
        bool absent = (udmar__pte_load(&entry[0]) & CONTEXT_PRESENT) == 0;
        bool ours = carries_domain(entry, id);

        status = UDMAR_OK;
        if (!ours && (!absent || udmar__pte_load(&entry[1]) != 0)) {
            /* In use, or removed without the unit's confirmation: caches may still know it. */
            status = UDMAR_ERR_EXISTS;
        } else if (absent) {
            uint64_t low;
            uint64_t high;

            /* One that was taken away and not confirmed is right again as the caches have it. */
            compose_context(unit, domain, id, &low, &high);
            udmar__entry128_store(entry, low, high);
            flush_context(unit, entry, 16);
            *out_new = !ours;
        }
        udmar_host_page_unmap(unit->host, (void *)(uintptr_t)contexts);
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

/* A context that was not present became present [VTD 6.1]. */
static enum udmar_status announce_context(struct udmar_unit *unit, udmar_rid_t rid, uint16_t id)
{
    /* In caching mode the absent entry is cached under domain id 0. */
    const struct udmar__request requests[2] = {
        udmar__context_request(GRAN_SELECTIVE, 0, rid),
        udmar__iotlb_request(unit, GRAN_DOMAIN, id, 0, 0, false),
    };

    if (!udmar__knows_tables(unit)) {
        return UDMAR_OK;
    }
    return unit->facts.caching_mode ? udmar__invalidate(unit, requests, 2, true, NULL)
                                    : udmar__write_buffer_flush(unit);
}

/*
 * Clears Present; the high half with the domain id stays until the caches are known to be clean, so
 * that a removal which was not confirmed can be tried again. @confirmed: clears that, too.
 * Returns whether the id had (or has, unconfirmed) a context of this domain.
 */
static bool erase_context(struct udmar_unit *unit, udmar_rid_t rid, uint16_t id, bool confirmed)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    volatile uint64_t *contexts = open_contexts(unit, UDMAR_RID_BUS(rid), false);
    bool erased = false;

    if (contexts != NULL) {
        volatile uint64_t *entry = &contexts[2 * UDMAR_RID_DEVFN(rid)];

        if (carries_domain(entry, id)) {
            udmar__pte_store(&entry[0], 0);
            if (confirmed) {
                udmar__pte_store(&entry[1], 0);
            }
            flush_context(unit, entry, 16);
            erased = true;
        }
        udmar_host_page_unmap(unit->host, (void *)(uintptr_t)contexts);
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return erased;
}

static struct udmar__binding *binding_on(const struct udmar_domain *domain,
                                         const struct udmar_unit *unit)
{
    struct udmar__binding *binding = domain->bindings;

    while (binding != NULL && binding->unit != unit) {
        binding = binding->next;
    }
    return binding;
}

/* The domain id of a removal that was never confirmed, or 0. */
static uint16_t unconfirmed_id(struct udmar_unit *unit, udmar_rid_t rid)
{
    uint64_t root;
    uint64_t entry[2];

    udmar__context_read(unit, rid, &root, entry);
    return (entry[0] & CONTEXT_PRESENT) != 0 ? 0 : (uint16_t)(entry[1] >> CONTEXT_DID_SHIFT);
}

/* Asks once more for what a unit has not confirmed, so that the requester id can be used again. */
static enum udmar_status confirm_id(struct udmar_unit *unit, udmar_rid_t rid,
                                    const struct udmar_domain *domain)
{
    const struct udmar__binding *own = binding_on(domain, unit);
    uint16_t id = unconfirmed_id(unit, rid);
    const struct udmar__request requests[2] = {
        udmar__context_request(GRAN_SELECTIVE, id, rid),
        udmar__iotlb_request(unit, GRAN_DOMAIN, id, 0, 0, false),
    };
    enum udmar_status status = UDMAR_OK;

    if (id == 0 || (own != NULL && own->id == id)) {
        return UDMAR_OK;
    }
    if (udmar__knows_tables(unit)) {
        status = udmar__invalidate(unit, requests, 2, true, NULL);
    }
    if (status == UDMAR_OK) {
        (void)erase_context(unit, rid, id, true);
    }
    return status;
}

enum udmar_status udmar__context_set(struct udmar_unit *unit, udmar_rid_t rid,
                                     struct udmar_domain *domain)
{
    struct udmar__binding *binding;
    enum udmar_status status;
    bool added = false;

    if (!udmar__domain_suits(domain, unit)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    status = confirm_id(unit, rid, domain);
    if (status == UDMAR_OK) {
        status = udmar__domain_bind(domain, unit, &binding);
    }
    if (status != UDMAR_OK) {
        return status;
    }
    status = store_context(unit, rid, domain, binding->id, &added);
    binding->context_refs += added;
    return status == UDMAR_OK ? announce_context(unit, rid, binding->id) : status;
}

enum udmar_status udmar__context_clear(struct udmar_unit *unit, udmar_rid_t rid,
                                       struct udmar_domain *domain)
{
    struct udmar__binding *binding = binding_on(domain, unit);
    enum udmar_status status = UDMAR_OK;

    if (binding == NULL || !erase_context(unit, rid, binding->id, false)) {
        return UDMAR_OK;
    }
    if (udmar__knows_tables(unit)) {
        /* The old domain id, because that is how the caches have it [VTD 6.5]. */
        const struct udmar__request requests[2] = {
            udmar__context_request(GRAN_SELECTIVE, binding->id, rid),
            udmar__iotlb_request(unit, GRAN_DOMAIN, binding->id, 0, 0, false),
        };

        status = udmar__invalidate(unit, requests, 2, true, NULL);
    }
    if (status == UDMAR_OK) {
        (void)erase_context(unit, rid, binding->id, true);
        UDMAR_ASSERT(binding->context_refs > 0);
        binding->context_refs--;
    }
    /* The binding stays with the domain: others may be mapping, and look at it without a lock. */
    return status;
}

void udmar__context_read(struct udmar_unit *unit, udmar_rid_t rid, uint64_t *out_root,
                         uint64_t out_entry[2])
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    volatile uint64_t *contexts = NULL;

    *out_root = 0;
    out_entry[0] = 0;
    out_entry[1] = 0;
    if (unit->root.physical != 0) {
        volatile uint64_t *root = udmar_host_page_map(unit->host, unit->root.physical);

        *out_root = root[2 * UDMAR_RID_BUS(rid)];
        udmar_host_page_unmap(unit->host, (void *)(uintptr_t)root);
        contexts = open_contexts(unit, UDMAR_RID_BUS(rid), false);
    }
    if (contexts != NULL) {
        out_entry[0] = contexts[2 * UDMAR_RID_DEVFN(rid)];
        out_entry[1] = contexts[2 * UDMAR_RID_DEVFN(rid) + 1];
        udmar_host_page_unmap(unit->host, (void *)(uintptr_t)contexts);
    }
    udmar__unlock(unit->host, &unit->lock, state);
}
