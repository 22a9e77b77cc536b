/* SPDX-License-Identifier: BSD-2-Clause */
/* The HPET [IA-PC HPET 2.3]: found by its ACPI table, one comparator used, one shot at a time. */
#include "internal.h"

enum {
    TABLE_ADDRESS = 44, /* behind header, block id and the four bytes of the address's kind */
    TABLE_NUMBER = 52,
    TABLE_SIZE = 56,
    HPET_SIZE = 0x400,
    REG_CAP = 0x000,
    REG_PERIOD = 0x004, /* femtoseconds in a tick */
    REG_CONFIG = 0x010,
    REG_COUNTER = 0x0f0,
    REG_TIMER = 0x100, /* 0x20 for each */
    TIMER_ROUTES = 4,
    TIMER_COMPARATOR = 8,
    TIMER_MESSAGE = 16,
    CONFIG_ENABLE = 1,
    CONFIG_LEGACY = 2,
    TIMER_ENABLE = 1 << 2,
    TIMER_32BIT = 1 << 8,
    TIMER_ROUTE_SHIFT = 9,
    TIMER_SEND = 1 << 14,
    TIMER_CAN_SEND = 1 << 15,
    FEMTO = 1000000, /* femtoseconds in a nanosecond */
};

static uint8_t *hpet;
static uint8_t hpet_number;
static unsigned timers;
static uint32_t period;
static uint8_t *timer; /* the one in use */
static bool by_message;

static uint32_t reg_read(const uint8_t *base, unsigned reg)
{
    return mmio_read32(base + reg);
}

void hpet_init(void)
{
    size_t size;
    const uint8_t *table = acpi_table("HPET", &size);
    uint64_t address;

    if (table == NULL || size < TABLE_SIZE) {
        return;
    }
    memcpy(&address, table + TABLE_ADDRESS, sizeof(address));
    hpet_number = table[TABLE_NUMBER];
    hpet = mmio_map(address, HPET_SIZE);
    if (hpet == NULL || reg_read(hpet, REG_CAP) == UINT32_MAX || reg_read(hpet, REG_PERIOD) == 0) {
        kprintf("time: the HPET at %#llx does not answer\n", (unsigned long long)address);
        hpet = NULL;
        return;
    }
    timers = (reg_read(hpet, REG_CAP) >> 8 & 31) + 1;
    period = reg_read(hpet, REG_PERIOD);
    hpet_resume();
}

void hpet_resume(void)
{
    if (hpet != NULL) {
        mmio_write32(hpet + REG_CONFIG,
                     (reg_read(hpet, REG_CONFIG) & ~(uint32_t)CONFIG_LEGACY) | CONFIG_ENABLE);
    }
}

static bool message_program(void *device, const struct irq_source *source,
                            const struct irq_message *message)
{
    uint8_t *at = device;

    (void)source;
    /* Address and data are two registers, and this timer fires only when it is told to. */
    mmio_write32(at + TIMER_MESSAGE, message->data);
    mmio_write32(at + TIMER_MESSAGE + 4, (uint32_t)message->address);
    return message->address >> 32 == 0;
}

static struct irq *take_message(void (*handler)(void *arg), void *arg)
{
    struct irq_request request = {
        .source = { .kind = IRQ_HPET, .id = hpet_number },
        .handler = handler,
        .arg = arg,
        .program = message_program,
    };

    for (unsigned i = 0; i < timers; i++) {
        uint8_t *at = hpet + REG_TIMER + 0x20 * i;

        if ((reg_read(at, 0) & TIMER_CAN_SEND) != 0) {
            request.source.line = (uint8_t)i;
            request.device = timer = at;
            mmio_write32(at, TIMER_32BIT | TIMER_SEND);
            return irq_take(&request);
        }
    }
    kprintf("time: no timer of the HPET sends messages\n");
    return NULL;
}

/* The highest pin that the timer reaches: the lower ones belong to the ISA bus. */
static struct irq *take_pin(void (*handler)(void *arg), void *arg)
{
    uint32_t routes = reg_read(hpet, REG_TIMER + TIMER_ROUTES);

    timer = hpet + REG_TIMER;
    for (unsigned pin = 32; pin-- > 0;) {
        if ((routes >> pin & 1) != 0 && pin < ioapic_gsi_end()) {
            mmio_write32(timer, TIMER_32BIT | (uint32_t)pin << TIMER_ROUTE_SHIFT);
            return ioapic_take(pin, false, false, handler, arg);
        }
    }
    kprintf("time: the HPET reaches no pin of the I/O APIC\n");
    return NULL;
}

struct irq *hpet_take(bool message, void (*handler)(void *arg), void *arg)
{
    struct irq *irq;

    if (hpet == NULL || timer != NULL) {
        kprintf("time: %s\n", hpet == NULL ? "there is no HPET" : "the HPET's timer is in use");
        return NULL;
    }
    by_message = message;
    irq = message ? take_message(handler, arg) : take_pin(handler, arg);
    if (irq == NULL) {
        timer = NULL;
    }
    return irq;
}

void hpet_give(struct irq *irq)
{
    mmio_write32(timer, TIMER_32BIT);
    timer = NULL;
    if (by_message) {
        irq_give(irq);
    } else {
        ioapic_give(irq);
    }
}

/* The counter stands while the comparator is set, so that it cannot have gone past it. */
void hpet_fire(uint64_t ns)
{
    uint32_t config = reg_read(hpet, REG_CONFIG);

    mmio_write32(hpet + REG_CONFIG, config & ~(uint32_t)CONFIG_ENABLE);
    mmio_write32(hpet + REG_COUNTER, 0);
    mmio_write32(hpet + REG_COUNTER + 4, 0);
    mmio_write32(timer, reg_read(timer, 0) | TIMER_ENABLE);
    mmio_write32(timer + TIMER_COMPARATOR, (uint32_t)(ns * FEMTO / period));
    mmio_write32(hpet + REG_CONFIG, config | CONFIG_ENABLE);
}
