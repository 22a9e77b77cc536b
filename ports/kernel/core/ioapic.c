/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APICs: found by the MADT, every pin masked until it is taken. */
#include "internal.h"

enum {
    IOAPICS_MAX = 8,
    PINS_MAX = 120, /* per I/O APIC; 240 is the architecture's limit, 24 to 120 are what there is */
    ISA_LINES = 16,
    MADT_HEADER = 44,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    IOAPIC_SIZE = 0x20,
    IOAPIC_INDEX = 0x00,
    IOAPIC_DATA = 0x10,
    REG_VERSION = 0x01,
    REG_ENTRY = 0x10,
    ENTRY_MASKED = 1 << 16
};

struct ioapic {
    uint8_t *registers;
    uint8_t id;
    unsigned first; /* gsi of pin 0 */
    unsigned pins;
    struct irq *pin[PINS_MAX];
};

struct isa_line {
    unsigned gsi;
    bool level, low;
};

static struct ioapic ioapics[IOAPICS_MAX];
static uint8_t ids[IOAPICS_MAX];
static unsigned ioapic_count;
static struct isa_line isa[ISA_LINES];

static uint32_t reg_read(const struct ioapic *ioapic, unsigned reg)
{
    mmio_write32(ioapic->registers + IOAPIC_INDEX, reg);
    return mmio_read32(ioapic->registers + IOAPIC_DATA);
}

static void reg_write(const struct ioapic *ioapic, unsigned reg, uint32_t value)
{
    mmio_write32(ioapic->registers + IOAPIC_INDEX, reg);
    mmio_write32(ioapic->registers + IOAPIC_DATA, value);
}

static void mask(const struct ioapic *ioapic, unsigned pin)
{
    reg_write(ioapic, REG_ENTRY + 2 * pin, ENTRY_MASKED);
}

/* ---- what firmware says ---- */

struct madt_ioapic {
    uint8_t type, length, id, reserved;
    uint32_t address, first;
} __attribute__((packed));

struct madt_override {
    uint8_t type, length, bus, line;
    uint32_t gsi;
    uint16_t flags; /* 1:0 polarity, 3 low; 3:2 trigger mode, 3 level */
} __attribute__((packed));

static void ioapic_add(const struct madt_ioapic *entry)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];

    if (ioapic_count == IOAPICS_MAX) {
        kprintf("interrupts: more than %d I/O APICs, the one with id %u is left out\n", IOAPICS_MAX,
                entry->id);
        return;
    }
    ioapic->registers = mmio_map(entry->address, IOAPIC_SIZE);
    if (ioapic->registers == NULL) {
        kprintf("interrupts: cannot map I/O APIC %u\n", entry->id);
        return;
    }
    ioapic->id = entry->id;
    ioapic->first = entry->first;
    ioapic->pins = (reg_read(ioapic, REG_VERSION) >> 16 & 0xff) + 1;
    if (ioapic->pins > PINS_MAX) {
        kprintf("interrupts: I/O APIC %u says that it has %u pins, left out\n", entry->id,
                ioapic->pins);
        mmio_unmap(ioapic->registers);
        return;
    }
    for (unsigned pin = 0; pin < ioapic->pins; pin++) {
        mask(ioapic, pin);
    }
    ids[ioapic_count++] = entry->id;
}

static void override_add(const struct madt_override *entry)
{
    if (entry->bus == 0 && entry->line < ISA_LINES) {
        isa[entry->line] = (struct isa_line){
            .gsi = entry->gsi,
            .level = (entry->flags >> 2 & 3) == 3,
            .low = (entry->flags & 3) == 3,
        };
    }
}

void ioapic_init(void)
{
    size_t size;
    const uint8_t *madt = acpi_table("APIC", &size);

    for (unsigned line = 0; line < ISA_LINES; line++) {
        isa[line] = (struct isa_line){ .gsi = line };
    }
    for (size_t at = MADT_HEADER; madt != NULL && at + 2 <= size; at += madt[at + 1]) {
        const uint8_t *entry = madt + at;

        if (entry[1] < 2 || entry[1] > size - at) {
            kprintf("interrupts: the MADT has an entry of an impossible length at %zu\n", at);
            return;
        }
        if (entry[0] == MADT_IOAPIC && entry[1] >= sizeof(struct madt_ioapic)) {
            ioapic_add((const void *)entry);
        } else if (entry[0] == MADT_OVERRIDE && entry[1] >= sizeof(struct madt_override)) {
            override_add((const void *)entry);
        }
    }
}

/* ---- pins ---- */

static struct ioapic *ioapic_of(unsigned gsi)
{
    for (unsigned i = 0; i < ioapic_count; i++) {
        if (gsi >= ioapics[i].first && gsi - ioapics[i].first < ioapics[i].pins) {
            return &ioapics[i];
        }
    }
    return NULL;
}

unsigned ioapic_gsi_end(void)
{
    unsigned end = 0;

    for (unsigned i = 0; i < ioapic_count; i++) {
        unsigned last = ioapics[i].first + ioapics[i].pins;

        end = last > end ? last : end;
    }
    return end;
}

unsigned ioapic_ids(const uint8_t **out_ids)
{
    *out_ids = ids;
    return ioapic_count;
}

/*
 * The upper half names processor or entry, the lower half the vector in both formats. Upper half
 * first for the new format, last for the old one, as with MSI: what is sent in between leads to the
 * same vector.
 */
static bool pin_program(void *device, const struct irq_source *source,
                        const struct irq_message *message)
{
    struct ioapic *ioapic = device;
    uint32_t low = (uint32_t)message->redirection;
    uint32_t high = (uint32_t)(message->redirection >> 32);
    unsigned reg = REG_ENTRY + 2u * source->line;

    if ((high & IRQ_REDIRECTION_REMAPPABLE) != 0) {
        reg_write(ioapic, reg + 1, high);
    }
    reg_write(ioapic, reg, low);
    reg_write(ioapic, reg + 1, high);
    return true;
}

struct irq *ioapic_take(unsigned gsi, bool level, bool low, void (*handler)(void *arg), void *arg)
{
    struct ioapic *ioapic = ioapic_of(gsi);
    unsigned pin = ioapic != NULL ? gsi - ioapic->first : 0;
    struct irq_request request = {
        .source = { .kind = IRQ_IOAPIC, .line = (uint8_t)pin, .level = level, .low = low },
        .handler = handler,
        .arg = arg,
        .program = pin_program,
        .device = ioapic,
    };

    if (ioapic == NULL || ioapic->pin[pin] != NULL) {
        kprintf("interrupts: gsi %u %s\n", gsi,
                ioapic == NULL ? "is a pin of no I/O APIC" : "is in use");
        return NULL;
    }
    request.source.id = ioapic->id;
    ioapic->pin[pin] = irq_take(&request);
    return ioapic->pin[pin];
}

struct irq *ioapic_take_isa(unsigned line, void (*handler)(void *arg), void *arg)
{
    if (line >= ISA_LINES) {
        kprintf("interrupts: the ISA bus has no line %u\n", line);
        return NULL;
    }
    return ioapic_take(isa[line].gsi, isa[line].level, isa[line].low, handler, arg);
}

void ioapic_give(struct irq *irq)
{
    const struct irq_source *source = irq_source(irq);

    for (unsigned i = 0; i < ioapic_count; i++) {
        if (ioapics[i].id == source->id && ioapics[i].pin[source->line] == irq) {
            mask(&ioapics[i], source->line);
            ioapics[i].pin[source->line] = NULL;
        }
    }
    irq_give(irq);
}
