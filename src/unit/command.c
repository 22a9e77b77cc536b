/* SPDX-License-Identifier: BSD-2-Clause */
/* Register access and the command register's protocol [VTD 11.4.4]. */
#include "unit/unit.h"

uint32_t udmar__read32(struct udmar_unit *unit, uint32_t offset)
{
    return udmar_host_mmio_read32(unit->host, unit->registers, offset);
}

void udmar__write32(struct udmar_unit *unit, uint32_t offset, uint32_t value)
{
    udmar_host_mmio_write32(unit->host, unit->registers, offset, value);
}

uint64_t udmar__read64(struct udmar_unit *unit, uint32_t offset)
{
    uint32_t low = udmar__read32(unit, offset);

    return low | (uint64_t)udmar__read32(unit, offset + 4) << 32;
}

void udmar__write64(struct udmar_unit *unit, uint32_t offset, uint64_t value)
{
    udmar__write32(unit, offset, (uint32_t)value);
    udmar__write32(unit, offset + 4, (uint32_t)(value >> 32));
}

enum udmar_status udmar__wait_register(struct udmar_unit *unit, uint32_t offset, uint32_t mask,
                                       uint32_t value)
{
    uint64_t deadline = udmar_host_time_ns(unit->host) + unit->timeout_ns;
    bool late = false;

    for (;;) {
        if ((udmar__read32(unit, offset) & mask) == value) {
            return UDMAR_OK;
        }
        /* One more look after the deadline: the CPU may have been away in between. */
        if (late) {
            unit->counts.timeouts++;
            return UDMAR_ERR_TIMEOUT;
        }
        late = udmar_host_time_ns(unit->host) >= deadline;
    }
}

uint32_t udmar__unit_adopt_state(struct udmar_unit *unit)
{
    uint32_t status = udmar__read32(unit, REG_GSTS);

    unit->adopted = true;
    unit->commands = status & GCMD_PERSISTENT;
    unit->translating = (status & GCMD_TE) != 0;
    return status;
}

/* The host switches its interrupt remapping on and off when it likes, and we write its bits back.
 */
static void follow_host(struct udmar_unit *unit) UDMAR_REQUIRES(unit->lock)
{
    uint32_t status = unit->kept != 0 ? udmar__read32(unit, REG_GSTS) : UINT32_MAX;

    if (status != UINT32_MAX) {
        unit->commands = (unit->commands & ~unit->kept) | (status & unit->kept);
    }
}

static enum udmar_status one_shot(struct udmar_unit *unit, uint32_t bit, uint32_t wanted)
    UDMAR_REQUIRES(unit->lock)
{
    /*
     * GCMD is built from the persistent bits we know to be set, never from GSTS as it reads: that
     * would repeat SRTP and SIRTP, whose status bits stay set for ever.
     */
    follow_host(unit);
    udmar__write32(unit, REG_GCMD, unit->commands | bit);
    return udmar__wait_register(unit, REG_GSTS, bit, wanted);
}

enum udmar_status udmar__command(struct udmar_unit *unit, uint32_t bit, bool on)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    enum udmar_status status = UDMAR_OK;
    uint32_t commands;

    follow_host(unit);
    commands = on ? unit->commands | bit : unit->commands & ~bit;

    /* A command that changes nothing has no end that could be waited for. */
    if (commands != unit->commands || (udmar__read32(unit, REG_GSTS) & bit) != (on ? bit : 0)) {
        udmar__write32(unit, REG_GCMD, commands);
        status = udmar__wait_register(unit, REG_GSTS, bit, on ? bit : 0);
        /* Whatever hardware made of it, later commands must not undo it. */
        unit->commands = commands;
    }
    if (bit == GCMD_TE && status == UDMAR_OK) {
        unit->translating = on;
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

enum udmar_status udmar__set_root(struct udmar_unit *unit, udmar_paddr_t table)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    enum udmar_status status;

    udmar__write64(unit, REG_RTADDR, table | RTADDR_TTM_LEGACY);
    /* From here on the unit may use it, also if it answers too late. */
    unit->root_set = true;
    status = one_shot(unit, GCMD_SRTP, GCMD_SRTP);
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

enum udmar_status udmar__write_buffer_flush(struct udmar_unit *unit)
{
    enum udmar_status status;
    uintptr_t state;

    /* A command before start would switch off what firmware has left on. */
    if (!unit->facts.write_buffer || !unit->adopted) {
        return UDMAR_OK;
    }
    state = udmar__lock(unit->host, &unit->lock);
    /* WBFS is a busy flag: done when it is clear. */
    status = one_shot(unit, GCMD_WBF, 0);
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

enum udmar_status udmar__protected_regions_off(struct udmar_unit *unit)
{
    enum udmar_status status = UDMAR_OK;
    uintptr_t state;
    uint32_t enable;

    if (!unit->facts.protected_low && !unit->facts.protected_high) {
        return UDMAR_OK;
    }
    state = udmar__lock(unit->host, &unit->lock);
    enable = udmar__read32(unit, REG_PMEN);
    /* Where they are off a write would only have to be waited for. */
    if ((enable & (PMEN_EPM | PMEN_PRS)) != 0) {
        udmar__write32(unit, REG_PMEN, enable & ~(PMEN_EPM | PMEN_PRS));
        status = udmar__wait_register(unit, REG_PMEN, PMEN_PRS, 0);
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}
