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

/* Until (register & mask) == value, or @limit nanoseconds have passed. */
static bool wait_so_long(struct udmar_unit *unit, uint32_t offset, uint32_t mask, uint32_t value,
                         uint64_t limit)
{
    uint64_t deadline = udmar_host_time_ns(unit->host) + limit;
    bool late = false;

    for (;;) {
        uint32_t read = udmar__read32(unit, offset);

        if (read != UINT32_MAX && (read & mask) == value) {
            return true;
        }
        /* One more look after the deadline: the CPU may have been away in between. */
        if (late) {
            return false;
        }
        late = udmar_host_time_ns(unit->host) >= deadline;
    }
}

enum udmar_status udmar__wait_register(struct udmar_unit *unit, uint32_t offset, uint32_t mask,
                                       uint32_t value)
{
    if (wait_so_long(unit, offset, mask, value, unit->timeout_ns)) {
        return UDMAR_OK;
    }
    udmar__count_timeout(&unit->counts);
    return UDMAR_ERR_TIMEOUT;
}

uint32_t udmar__unit_adopt_state(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    uint32_t status = udmar__read32(unit, REG_GSTS);

    if (status != UINT32_MAX) {
        __atomic_store_n(&unit->adopted, true, __ATOMIC_RELAXED);
        unit->commands = status & GCMD_PERSISTENT;
        unit->translating = (status & GCMD_TE) != 0;
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

/*
 * The host switches its interrupt remapping on and off when it likes, and we write its bits back.
 */
static void follow_host(struct udmar_unit *unit) UDMAR_REQUIRES(unit->lock)
{
    uint32_t status = unit->kept != 0 ? udmar__read32(unit, REG_GSTS) : UINT32_MAX;

    if (status != UINT32_MAX) {
        unit->commands = (unit->commands & ~unit->kept) | (status & unit->kept);
    }
}

uint32_t udmar__unit_commands(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    uint32_t commands = unit->commands;

    udmar__unlock(unit->host, &unit->lock, state);
    return commands;
}

bool udmar__unit_translates(struct udmar_unit *unit)
{
    uint32_t status;

    if (!__atomic_load_n(&unit->adopted, __ATOMIC_RELAXED) || !udmar__knows_tables(unit)) {
        return false;
    }
    status = udmar__read32(unit, REG_GSTS);
    /* RTPS is clear while a root table is on its way: until then the unit has another one. */
    return status != UINT32_MAX && (status & (GCMD_TE | GCMD_SRTP)) == (GCMD_TE | GCMD_SRTP);
}

/* What GSTS says, where it remaps through our table; else 0. */
static uint32_t remapping_status(struct udmar_unit *unit)
{
    const uint32_t on = GCMD_IRE | GCMD_SIRTP;
    uint32_t status = udmar__remaps(unit) ? udmar__read32(unit, REG_GSTS) : 0;

    return status != UINT32_MAX && (status & on) == on ? status : 0;
}

bool udmar__unit_remaps(struct udmar_unit *unit)
{
    return remapping_status(unit) != 0;
}

bool udmar__unit_passes_compatible(struct udmar_unit *unit)
{
    return (remapping_status(unit) & GCMD_CFI) != 0;
}

static enum udmar_status one_shot(struct udmar_unit *unit, uint32_t bit, uint32_t wanted)
    UDMAR_REQUIRES(unit->lock)
{
    /*
     * GCMD is built from the persistent bits we know to be set, never from GSTS as it reads: that
     * would repeat SRTP and SIRTP, whose status bits stay set for ever. Where they differ a command
     * is still on its way, and two at a time are not allowed.
     */
    follow_host(unit);
    if ((udmar__read32(unit, REG_GSTS) & GCMD_PERSISTENT) != unit->commands) {
        udmar__count_timeout(&unit->counts);
        return UDMAR_ERR_TIMEOUT;
    }
    udmar__write32(unit, REG_GCMD, unit->commands | bit);
    return udmar__wait_register(unit, REG_GSTS, bit, wanted);
}

enum udmar_status udmar__command(struct udmar_unit *unit, uint32_t bit, bool on)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    uint32_t now = udmar__read32(unit, REG_GSTS);
    enum udmar_status status = UDMAR_OK;
    uint32_t commands;

    follow_host(unit);
    commands = on ? unit->commands | bit : unit->commands & ~bit;

    /* A command that changes nothing has no end that could be waited for. */
    if (commands != unit->commands || now == UINT32_MAX || (now & bit) != (on ? bit : 0)) {
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

/* It is a switch inside the unit: one that has it obeys at once. */
#define COMPATIBLE_NS UINT64_C(1000000)

bool udmar__let_compatible_pass(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    bool obeys;

    udmar__write32(unit, REG_GCMD, unit->commands | GCMD_CFI);
    obeys = wait_so_long(unit, REG_GSTS, GCMD_CFI, GCMD_CFI,
                         udmar__min(unit->timeout_ns, COMPATIBLE_NS));
    if (obeys) {
        unit->commands |= GCMD_CFI;
    } else {
        /* The next command must not give it again. */
        udmar__write32(unit, REG_GCMD, unit->commands);
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return obeys;
}

enum udmar_status udmar__set_root(struct udmar_unit *unit, udmar_paddr_t table)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    enum udmar_status status;

    udmar__write64(unit, REG_RTADDR, table | RTADDR_TTM_LEGACY);
    /* From here on the unit may use it, also if it answers too late. */
    udmar__note_tables(unit, true);
    status = one_shot(unit, GCMD_SRTP, GCMD_SRTP);
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

void udmar__forget_root(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    udmar__note_tables(unit, false);
    /*
     * It takes effect with SRTP only [VTD 11.4.5]: whoever looks finds no page that may be reused.
     */
    udmar__write64(unit, REG_RTADDR, 0);
    udmar__unlock(unit->host, &unit->lock, state);
}

enum udmar_status udmar__set_interrupt_table(struct udmar_unit *unit, uint64_t value)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    enum udmar_status status;

    udmar__write64(unit, REG_IRTA, value);
    status = one_shot(unit, GCMD_SIRTP, GCMD_SIRTP);
    udmar__unlock(unit->host, &unit->lock, state);
    return status;
}

void udmar__forget_interrupt_table(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    udmar__write64(unit, REG_IRTA, 0);
    udmar__unlock(unit->host, &unit->lock, state);
}

enum udmar_status udmar__write_buffer_flush(struct udmar_unit *unit)
{
    enum udmar_status status;
    uintptr_t state;

    /* A command before start would switch off what firmware has left on. */
    if (!unit->facts.write_buffer || !__atomic_load_n(&unit->adopted, __ATOMIC_RELAXED)) {
        return UDMAR_OK;
    }
    if (!udmar__await_wake(unit)) {
        return UDMAR_ERR_SUSPENDED;
    }
    state = udmar__lock(unit->host, &unit->lock);
    /* WBFS is a busy flag: done when it is clear. */
    status = udmar__sleeps(unit) ? UDMAR_ERR_SUSPENDED : one_shot(unit, GCMD_WBF, 0);
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
