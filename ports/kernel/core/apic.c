/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, the vectors of message-signalled interrupts, and idling.  The legacy controllers
 * are moved away from the exception vectors and masked for good.
 */
#include "internal.h"

enum {
    PIC1_COMMAND = 0x20,
    PIC1_DATA = 0x21,
    PIC2_COMMAND = 0xa0,
    PIC2_DATA = 0xa1,
    MSR_APIC_BASE = 0x1b,
    APIC_BASE_X2 = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
    CPUID_1_EDX_APIC = 1 << 9,
    LAPIC_ID = 0x20,
    LAPIC_TPR = 0x80,
    LAPIC_EOI = 0xb0,
    LAPIC_SPURIOUS = 0xf0,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    SPURIOUS_ENABLE = 0x100,
    LVT_MASKED = 0x10000,
    DIVIDE_BY_16 = 3,
    EFLAGS_IF = 0x200
};

#define MSI_ADDRESS_BASE 0xfee00000u

struct vector {
    void (*handler)(void *arg);
    void *arg;
    unsigned count;
};

static struct vector vectors[VECTOR_MSI_LAST - VECTOR_MSI_FIRST + 1];
static unsigned next_vector;
static unsigned stray_count;
static uint8_t *lapic;
static uint64_t timer_hz; /* 0 when the timer does not run; idling then spins */

static uint32_t lapic_read(unsigned reg)
{
    return mmio_read32(lapic + reg);
}

static void lapic_write(unsigned reg, uint32_t value)
{
    mmio_write32(lapic + reg, value);
}

/* ---- interrupt flag ---- */

uintptr_t irq_save(void)
{
    uintptr_t flags;

    __asm__ volatile("pushf\n\tpop %0\n\tcli" : "=r"(flags) : : "memory");
    return flags & EFLAGS_IF;
}

void irq_restore(uintptr_t state)
{
    if (state != 0) {
        irq_enable();
    }
}

void irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

bool irq_enabled(void)
{
    uintptr_t flags;

    __asm__ volatile("pushf\n\tpop %0" : "=r"(flags) : : "memory");
    return (flags & EFLAGS_IF) != 0;
}

/* ---- setting up ---- */

static void pic_mask(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } steps[] = {
        { PIC1_COMMAND, 0x11 },    { PIC2_COMMAND, 0x11 },
        { PIC1_DATA, VECTOR_PIC }, { PIC2_DATA, VECTOR_PIC + 8 },
        { PIC1_DATA, 4 },          { PIC2_DATA, 2 },
        { PIC1_DATA, 1 },          { PIC2_DATA, 1 },
        { PIC1_DATA, 0xff },       { PIC2_DATA, 0xff },
    };

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        outb(steps[i].port, steps[i].value);
    }
}

void apic_init(void)
{
    uint32_t a, b, c, d;
    uint64_t base;

    pic_mask();
    cpuid(1, &a, &b, &c, &d);
    if ((d & CPUID_1_EDX_APIC) == 0) {
        panic("interrupts: this processor has no local APIC");
    }
    base = rdmsr(MSR_APIC_BASE);
    if ((base & APIC_BASE_X2) != 0) {
        panic("interrupts: the firmware left the local APIC in x2APIC mode, not supported");
    }
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    lapic = mmio_map(base & 0xffffff000ull, PAGE_SIZE);
    if (lapic == NULL) {
        panic("interrupts: cannot map the local APIC");
    }
    lapic_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

uint32_t lapic_id(void)
{
    return lapic_read(LAPIC_ID) >> 24;
}

/* ---- timer and idling ---- */

void apic_timer_init(void)
{
    uint64_t begin, elapsed;
    uint32_t counted;

    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
    lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
    begin = time_ns();
    udelay(2000);
    counted = UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
    elapsed = time_ns() - begin;
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    timer_hz = elapsed != 0 ? (uint64_t)counted * NS_PER_S / elapsed : 0;
    if (timer_hz == 0) {
        kprintf("interrupts: the local APIC timer does not count; idling will spin\n");
    }
}

void cpu_idle_ns(uint64_t ns)
{
    const uint64_t longest = NS_PER_S;
    uint64_t ticks;
    uintptr_t irq;

    if (timer_hz == 0) {
        cpu_pause();
        return;
    }
    ticks = (ns < longest ? ns : longest) * (timer_hz / 1000) / NS_PER_MS;
    ticks = ticks < UINT32_MAX ? ticks : UINT32_MAX;
    irq = irq_save();
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, ticks != 0 ? (uint32_t)ticks : 1);
    /* sti takes effect after the next instruction, so no interrupt can slip in before the halt. */
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    irq_restore(irq);
}

/* ---- vectors ---- */

bool msi_alloc(void (*handler)(void *arg), void *arg, uint64_t *address, uint32_t *data,
               unsigned *vector)
{
    const unsigned count = sizeof(vectors) / sizeof(vectors[0]);
    uintptr_t irq = irq_save();
    bool found = false;

    /* Going round puts off the reuse of a vector, so that a late interrupt of its former owner is
     * counted as stray rather than given to someone else. */
    for (unsigned tried = 0; handler != NULL && !found && tried < count; tried++) {
        unsigned index = next_vector;

        next_vector = (next_vector + 1) % count;
        if (vectors[index].handler == NULL) {
            vectors[index] = (struct vector){ handler, arg, 0 };
            *address = MSI_ADDRESS_BASE | lapic_id() << 12;
            *data = VECTOR_MSI_FIRST + index;
            *vector = VECTOR_MSI_FIRST + index;
            found = true;
        }
    }
    irq_restore(irq);
    return found;
}

static struct vector *vector_entry(unsigned vector)
{
    return vector >= VECTOR_MSI_FIRST && vector <= VECTOR_MSI_LAST
               ? &vectors[vector - VECTOR_MSI_FIRST]
               : NULL;
}

void msi_free(unsigned vector)
{
    struct vector *entry = vector_entry(vector);
    uintptr_t irq = irq_save();

    if (entry == NULL || entry->handler == NULL) {
        panic("interrupts: vector %#x freed that is not in use", vector);
    }
    entry->handler = NULL;
    irq_restore(irq);
}

unsigned irq_stray_count(void)
{
    return stray_count;
}

unsigned msi_count(unsigned vector)
{
    struct vector *entry = vector_entry(vector);

    return entry != NULL ? *(volatile unsigned *)&entry->count : 0;
}

void irq_dispatch(unsigned vector)
{
    struct vector *entry = vector_entry(vector);

    /* Spurious interrupts of either controller must not be acknowledged. */
    if (vector == VECTOR_SPURIOUS || vector < VECTOR_MSI_FIRST) {
        stray_count++;
        return;
    }
    if (entry != NULL && entry->handler != NULL) {
        entry->count++;
        entry->handler(entry->arg);
    } else if (vector != VECTOR_TIMER) {
        stray_count++;
    }
    lapic_write(LAPIC_EOI, 0);
}
