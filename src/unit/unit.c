/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding out what a unit is, and letting it go again. */
#include "unit/unit.h"

#include "base/text.h"

/* More than any decodable offset can ask for [VTD 11.4.2]. */
#define LARGEST_WINDOW 0x8000u

static enum udmar_status decode_facts(struct udmar_unit *unit, const char **reason)
{
    uint32_t version = udmar__read32(unit, REG_VER);
    uint64_t cap = udmar__read64(unit, REG_CAP);
    uint64_t ecap = udmar__read64(unit, REG_ECAP);

    return udmar_unit_decode(version, cap, ecap, &unit->facts, reason);
}

/* The offsets may lead out of the first page, whatever firmware says about the size. */
static enum udmar_status map_whole_window(struct udmar_unit *unit, size_t firmware_size)
{
    size_t wanted =
        unit->facts.window_size > firmware_size ? unit->facts.window_size : firmware_size;

    if (wanted <= unit->window) {
        return UDMAR_OK;
    }
    if (wanted > LARGEST_WINDOW) {
        wanted = unit->facts.window_size;
    }
    udmar_host_mmio_unmap(unit->host, unit->registers, unit->window);
    unit->window = wanted;
    unit->registers = udmar_host_mmio_map(unit->host, unit->base, wanted);
    return unit->registers != NULL ? UDMAR_OK : UDMAR_ERR_MEMORY;
}

static enum udmar_status set_up_unit(struct udmar_unit *unit, size_t firmware_size,
                                     const char **reason)
{
    enum udmar_status status;

    *reason = "no memory";
    unit->window = UDMAR_PAGE_SIZE;
    unit->registers = udmar_host_mmio_map(unit->host, unit->base, unit->window);
    if (unit->registers == NULL) {
        *reason = "its registers could not be mapped";
        return UDMAR_ERR_MEMORY;
    }
    if (!udmar__lock_create(unit->host, &unit->lock) ||
        !udmar__lock_create(unit->host, &unit->fault_lock) ||
        !udmar__lock_create(unit->host, &unit->queue.lock)) {
        return UDMAR_ERR_MEMORY;
    }
    status = decode_facts(unit, reason);
    if (status != UDMAR_OK) {
        return status;
    }
    *reason = "its register window could not be mapped";
    status = map_whole_window(unit, firmware_size);
    if (status != UDMAR_OK) {
        return status;
    }
    *reason = "no memory";
    if (!udmar__domain_ids_create(unit)) {
        return UDMAR_ERR_MEMORY;
    }
    *reason = NULL;
    return UDMAR_OK;
}

void udmar__unit_tell_left_on(struct udmar_unit *unit)
{
    uint32_t status = unit->registers != NULL ? udmar__read32(unit, REG_GSTS) : UINT32_MAX;

    if (status != UINT32_MAX && (status & GCMD_TE) != 0) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit at 0x%llx: translation was on and stays on: DMA of its devices is blocked "
                   "or under firmware's tables",
                   (unsigned long long)unit->base);
    }
    if (status != UINT32_MAX && (status & GCMD_IRE) != 0) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit at 0x%llx: interrupt remapping was on and stays on: interrupts of its "
                   "devices are blocked or go through the table of %s",
                   (unsigned long long)unit->base,
                   (unit->kept & GCMD_IRE) != 0 ? "the host" : "an earlier kernel");
    }
}

enum udmar_status udmar__unit_create(void *host, const struct udmar__unit_config *config,
                                     struct udmar_unit **out_unit, const char **reason)
{
    struct udmar_unit *unit = udmar_host_alloc(host, sizeof(*unit));
    enum udmar_status status;

    if (unit == NULL) {
        *reason = "no memory";
        return UDMAR_ERR_MEMORY;
    }
    unit->host = host;
    unit->index = config->index;
    unit->segment = config->segment;
    unit->base = config->base;
    unit->timeout_ns = config->timeout_ns;
    unit->kept = config->kept;
    status = set_up_unit(unit, config->firmware_size, reason);
    if (status != UDMAR_OK) {
        udmar__unit_tell_left_on(unit);
        udmar__unit_destroy(unit);
        return status;
    }
    *out_unit = unit;
    return UDMAR_OK;
}

void udmar__unit_destroy(struct udmar_unit *unit)
{
    void *host = unit->host;

    if (unit->interrupt != NULL) {
        udmar_host_interrupt_free(host, unit->interrupt);
    }
    udmar__queue_destroy(unit);
    udmar__domain_ids_destroy(unit);
    udmar__lock_destroy(host, &unit->lock);
    udmar__lock_destroy(host, &unit->fault_lock);
    if (unit->registers != NULL) {
        udmar_host_mmio_unmap(host, unit->registers, unit->window);
    }
    udmar_host_free(host, unit, sizeof(*unit));
}
