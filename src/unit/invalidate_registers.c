/* SPDX-License-Identifier: BSD-2-Clause */
/* Register-based invalidation: one request at a time, synchronous [VTD 6.5.1]. */
#include "unit/descriptor.h"
#include "unit/unit.h"

/* Waits until no context-cache command is under way; remembers one that is late. */
static enum udmar_status context_idle(struct udmar_unit *unit) UDMAR_REQUIRES(unit->lock)
{
    enum udmar_status status = udmar__wait_register(unit, REG_CCMD + 4, 1u << 31, 0);

    unit->context_late = status != UDMAR_OK;
    return status;
}

/* @granularity: what was done, as @value says. All ones: the unit has gone since it was idle. */
static enum udmar_status granted_granularity(uint64_t value, unsigned granularity)
{
    if (value == UINT64_MAX) {
        return UDMAR_ERR_TIMEOUT;
    }
    return granularity == 0 ? UDMAR_ERR_REFUSED : UDMAR_OK;
}

static enum udmar_status context_cache(struct udmar_unit *unit, uint64_t low)
    UDMAR_REQUIRES(unit->lock)
{
    uint64_t command = CCMD_ICC | (uint64_t)DESC_GRAN(low) << CCMD_CIRG_SHIFT |
                       DESC_SID(low) << 16 | DESC_DID(low);
    enum udmar_status status = context_idle(unit);

    if (status != UDMAR_OK) {
        return status;
    }
    unit->counts.context_requests++;
    udmar__write64(unit, REG_CCMD, command);
    status = context_idle(unit);
    if (status == UDMAR_OK) {
        command = udmar__read64(unit, REG_CCMD);
        status = granted_granularity(command, CCMD_CAIG(command));
    }
    return status;
}

static enum udmar_status invalidate_iotlb(struct udmar_unit *unit,
                                          const struct udmar__request *request)
    UDMAR_REQUIRES(unit->lock)
{
    uint32_t block = unit->facts.iotlb_offset;
    unsigned granularity = DESC_GRAN(request->low);
    uint64_t command = IOTLB_IVT | (uint64_t)granularity << IOTLB_IIRG_SHIFT |
                       DESC_DID(request->low) << IOTLB_DID_SHIFT |
                       (request->low & DESC_IOTLB_DR ? IOTLB_DR : 0) |
                       (request->low & DESC_IOTLB_DW ? IOTLB_DW : 0);
    enum udmar_status status = UDMAR_OK;

    if (unit->context_late) {
        /* The IOTLB must not be asked before the context cache has answered [VTD 6.5.1]. */
        status = context_idle(unit);
    }
    if (status == UDMAR_OK) {
        status = udmar__wait_register(unit, block + IOTLB_OFFSET + 4, 1u << 31, 0);
    }
    if (status != UDMAR_OK) {
        return status;
    }
    udmar__count_iotlb(&unit->counts);
    if (granularity == GRAN_SELECTIVE) {
        /* Address, hint and mask have the same places as in the descriptor. */
        udmar__write64(unit, block + IVA_OFFSET, request->high);
    }
    udmar__write64(unit, block + IOTLB_OFFSET, command);
    status = udmar__wait_register(unit, block + IOTLB_OFFSET + 4, 1u << 31, 0);
    if (status == UDMAR_OK) {
        command = udmar__read64(unit, block + IOTLB_OFFSET);
        status = granted_granularity(command, IOTLB_IAIG(command));
    }
    return status;
}

enum udmar_status udmar__registers_execute(struct udmar_unit *unit,
                                           const struct udmar__request *request)
{
    enum udmar_status status;
    uintptr_t state;

    if (!unit->facts.registers) {
        /* Version 6 has the queue and nothing else. */
        return udmar__sleeps(unit) ? UDMAR_ERR_SUSPENDED : UDMAR_ERR_QUEUE;
    }
    state = udmar__lock(unit->host, &unit->lock);
    if (udmar__sleeps(unit)) {
        udmar__unlock(unit->host, &unit->lock, state);
        return UDMAR_ERR_SUSPENDED;
    }
    switch (DESC_TYPE(request->low)) {
    case DESC_CONTEXT:
        status = context_cache(unit, request->low);
        break;
    case DESC_IOTLB:
        status = invalidate_iotlb(unit, request);
        break;
    default:
        /* Interrupt entries and device TLBs have no registers. */
        status = UDMAR_ERR_UNSUPPORTED;
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}
