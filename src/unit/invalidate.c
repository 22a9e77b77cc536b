/* SPDX-License-Identifier: BSD-2-Clause */
/* Invalidation: one interface in front of the queue and the registers [VTD 6.5]. */
#include "unit/descriptor.h"
#include "unit/unit.h"

struct udmar__request udmar__context_request(unsigned granularity, uint16_t domain_id,
                                             udmar_rid_t rid)
{
    return (struct udmar__request){
        .low = DESC_CONTEXT | (uint64_t)granularity << DESC_GRAN_SHIFT |
               (uint64_t)domain_id << DESC_DID_SHIFT | (uint64_t)rid << DESC_SID_SHIFT,
    };
}

struct udmar__request udmar__iotlb_request(const struct udmar_unit *unit, unsigned granularity,
                                           uint16_t domain_id, udmar_iova_t iova,
                                           unsigned pages_log2, bool leaf_only)
{
    struct udmar__request request = {
        .low = DESC_IOTLB | (uint64_t)granularity << DESC_GRAN_SHIFT |
               (uint64_t)domain_id << DESC_DID_SHIFT |
               (unit->facts.drain_write ? DESC_IOTLB_DW : 0) |
               (unit->facts.drain_read ? DESC_IOTLB_DR : 0),
    };

    if (granularity == GRAN_SELECTIVE) {
        request.high = udmar__align_down(iova, UDMAR_PAGE_SIZE << pages_log2) | pages_log2 |
                       (leaf_only ? DESC_IOTLB_IH : 0);
    }
    return request;
}

struct udmar__request udmar__interrupt_request_all(void)
{
    return (struct udmar__request){ .low = DESC_INTERRUPT };
}

struct udmar__request udmar__interrupt_request(uint16_t first, unsigned count_log2)
{
    return (struct udmar__request){
        .low = DESC_INTERRUPT | DESC_INTERRUPT_INDEX |
               (uint64_t)count_log2 << DESC_INTERRUPT_MASK_SHIFT |
               (uint64_t)first << DESC_INTERRUPT_FIRST_SHIFT,
    };
}

struct udmar__request udmar__iotlb_range(const struct udmar_unit *unit, uint16_t domain_id,
                                         udmar_iova_t iova, uint64_t size, bool leaf_only)
{
    unsigned pages_log2 = udmar__covering_order(iova, size);

    if (!unit->facts.page_selective || pages_log2 > unit->facts.max_mask) {
        return udmar__iotlb_request(unit, GRAN_DOMAIN, domain_id, 0, 0, false);
    }
    return udmar__iotlb_request(unit, GRAN_SELECTIVE, domain_id, iova, pages_log2, leaf_only);
}

static enum udmar_status by_queue(struct udmar_unit *unit, const struct udmar__request *requests,
                                  unsigned count, bool wait, uint64_t *out_ticket)
{
    enum udmar_status status = udmar__queue_submit(unit, requests, count, wait, out_ticket);

    if (status == UDMAR_OK && wait) {
        status = udmar__queue_wait(unit, *out_ticket);
        if (status == UDMAR_OK) {
            *out_ticket = 0;
        }
    }
    return status;
}

static enum udmar_status by_registers(struct udmar_unit *unit,
                                      const struct udmar__request *requests, unsigned count)
{
    enum udmar_status status = UDMAR_OK;

    for (unsigned i = 0; i < count && status == UDMAR_OK; i++) {
        /* Without our root table there is nothing of ours in the caches for DMA. */
        if (udmar__knows_tables(unit) || DESC_TYPE(requests[i].low) == DESC_INTERRUPT) {
            status = udmar__registers_execute(unit, &requests[i]);
        }
    }
    return status;
}

static enum udmar_status ask_unit(struct udmar_unit *unit, const struct udmar__request *requests,
                                  unsigned count, bool wait, uint64_t *out_ticket)
{
    enum udmar_status status = UDMAR_ERR_QUEUE;

    if (udmar__uses_queue(unit)) {
        status = by_queue(unit, requests, count, wait, out_ticket);
    }
    /* Perhaps the queue has been given up meanwhile. */
    if (status == UDMAR_ERR_QUEUE && !udmar__uses_queue(unit)) {
        *out_ticket = 0;
        status = by_registers(unit, requests, count);
    }
    return status;
}

/* Has it failed because the unit sleeps, or did until a moment ago? */
static bool is_for_sleep(struct udmar_unit *unit, enum udmar_status status)
{
    return status == UDMAR_ERR_SUSPENDED ||
           (status == UDMAR_ERR_QUEUE &&
            (udmar__sleeps(unit) || udmar__queue_state(&unit->queue) == QUEUE_RUNNING));
}

enum udmar_status udmar__invalidate(struct udmar_unit *unit, const struct udmar__request *requests,
                                    unsigned count, bool wait, uint64_t *out_ticket)
{
    uint64_t ticket = 0;
    enum udmar_status status = ask_unit(unit, requests, count, wait, &ticket);

    if (UDMAR__UNLIKELY(is_for_sleep(unit, status))) {
        status = udmar__await_wake(unit) ? ask_unit(unit, requests, count, wait, &ticket)
                                         : UDMAR_ERR_SUSPENDED;
        if (status == UDMAR_ERR_QUEUE && udmar__sleeps(unit)) {
            status = UDMAR_ERR_SUSPENDED;
        }
    }
    if (out_ticket != NULL) {
        *out_ticket = ticket;
    }
    return status;
}

enum udmar_status udmar__invalidate_wait(struct udmar_unit *unit, uint64_t ticket)
{
    enum udmar_status status;

    if (ticket == 0 || unit->queue.status == NULL) {
        return UDMAR_OK; /* nothing was ever queued */
    }
    status = udmar__queue_wait(unit, ticket);
    /* Its queue is gone before it was done: only all of it can be asked for. */
    if (status == UDMAR_ERR_QUEUE && (!udmar__uses_queue(unit) || udmar__sleeps(unit))) {
        status = udmar__invalidate_all(unit);
    }
    return status;
}

bool udmar__invalidate_done(struct udmar_unit *unit, uint64_t ticket)
{
    return ticket == 0 || unit->queue.status == NULL || udmar__queue_done(unit, ticket);
}

enum udmar_status udmar__invalidate_all(struct udmar_unit *unit)
{
    /* Upper structure first: a stale context must not refill the IOTLB [VTD 6.5]. */
    const struct udmar__request requests[2] = {
        udmar__context_request(GRAN_GLOBAL, 0, 0),
        udmar__iotlb_request(unit, GRAN_GLOBAL, 0, 0, 0, false),
    };

    return udmar__invalidate(unit, requests, 2, true, NULL);
}
