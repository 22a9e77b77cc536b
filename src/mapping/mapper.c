/* SPDX-License-Identifier: BSD-2-Clause */
/* A mapper's beginning and end, and its tick; mapper.h says what it is. */
#include "mapping/mapper.h"

#include "mapping/arena.h"
#include "mapping/cpu_cache.h"
#include "mapping/window.h"

enum udmar_status udmar__mapper_create(struct udmar_unit *unit,
                                       const struct udmar__mapper_config *config,
                                       struct udmar_domain **out_domain)
{
    void *host = unit->host;
    struct udmar__mapper *mapper = udmar_host_alloc(host, sizeof(*mapper));
    struct udmar_domain *domain;
    enum udmar_status status;

    if (mapper == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    domain = &mapper->domain;
    mapper->cpus = config->cpus == 0 ? 1 : config->cpus;
    mapper->ticking = config->ticking;
    status = udmar__domain_init(domain, unit, &config->domain);
    udmar__iova_init(&mapper->blocks, (domain->end >> UDMAR_PAGE_SHIFT) + 1);
    udmar__arena_pools_init(domain);
    mapper->caches = udmar_host_alloc(host, mapper->cpus * sizeof(struct udmar__cpu_cache *));
    if (mapper->caches == NULL) {
        status = UDMAR_ERR_MEMORY;
    }
    if (status != UDMAR_OK) {
        udmar__mapper_destroy(domain);
        return status;
    }
    *out_domain = domain;
    return UDMAR_OK;
}

/* Windows that were given up and arenas, out of a tree; ranges of the domain's stay. */
static void free_ours(struct udmar_domain *domain, struct udmar__iova *iova, bool forgotten)
{
    struct udmar__range *range = udmar__iova_at_or_above(iova, 0);

    while (range != NULL) {
        uint64_t next = range->last + 1;

        if (range->kind == UDMAR_RANGE_WINDOW) {
            udmar__iova_remove(iova, range);
            udmar__window_free(range, forgotten);
        } else if (range->kind == RANGE_ARENA) {
            udmar__iova_remove(iova, range);
            udmar_host_free(domain->host, range, sizeof(struct udmar__arena));
        }
        range = udmar__iova_at_or_above(iova, next);
    }
}

void udmar__mapper_destroy(struct udmar_domain *domain)
{
    struct udmar__mapper *mapper = udmar__mapper_of(domain);
    void *host = domain->host;
    bool forgotten = udmar__domain_forget(domain);

    udmar__cpu_caches_free(domain);
    free_ours(domain, &mapper->blocks, forgotten);
    free_ours(domain, &domain->iova, forgotten);
    udmar__arenas_free(domain);
    udmar__domain_fini(domain);
    udmar_host_free(host, mapper, sizeof(*mapper));
}

void udmar__mapper_tick(struct udmar_domain *domain)
{
    struct udmar__mapper *mapper = udmar__mapper_of(domain);
    struct udmar__request request = udmar__domain_request(domain);
    uint64_t ticket;

    if (domain->unit != NULL &&
        __atomic_exchange_n(&mapper->flush_pending, 0, __ATOMIC_SEQ_CST) != 0 &&
        !udmar__queue_offer(domain->unit, &request, &ticket)) {
        /* No room just now: the next tick tries again. */
        __atomic_store_n(&mapper->flush_pending, 1, __ATOMIC_RELAXED);
    }
}
