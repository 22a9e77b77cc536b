/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC, in xAPIC or x2APIC mode, its timer, and idling.  The legacy controllers are moved
 * away from the exception vectors and masked for good.
 *
 * Command line: apic=x2apic asks for x2APIC mode, where register numbers are MSRs and ids have 32
 * bits. What firmware has switched on stays: there is no way back but through a reset of the APIC.
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
    MSR_X2APIC = 0x800,
    CPUID_1_EDX_APIC = 1 << 9,
    CPUID_1_ECX_X2APIC = 1 << 21,
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
    DIVIDE_BY_16 = 3
};

static bool x2apic;
static uint8_t *lapic;    /* xAPIC mode only */
static uint64_t timer_hz; /* 0 when the timer does not run; idling then spins */

static uint32_t lapic_read(unsigned reg)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC + reg / 16) : mmio_read32(lapic + reg);
}

static void lapic_write(unsigned reg, uint32_t value)
{
    if (x2apic) {
        wrmsr(MSR_X2APIC + reg / 16, value);
    } else {
        mmio_write32(lapic + reg, value);
    }
}

void apic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
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

/* Whether the command line asks for x2APIC mode and the processor has it. */
static bool x2apic_wanted(uint32_t features)
{
    char word[12];

    if (!cmdline_get("apic", word, sizeof(word)) || strcmp(word, "xapic") == 0) {
        return false;
    }
    if (strcmp(word, "x2apic") != 0) {
        kprintf("command line: apic=%s: there are apic=xapic and apic=x2apic\n", word);
        return false;
    }
    if ((features & CPUID_1_ECX_X2APIC) == 0) {
        kprintf("interrupts: this processor has no x2APIC mode, so xAPIC mode it is\n");
        return false;
    }
    return true;
}

static void mode_choose(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    uint32_t a, b, c, d;

    cpuid(1, &a, &b, &c, &d);
    if ((d & CPUID_1_EDX_APIC) == 0) {
        panic("interrupts: this processor has no local APIC");
    }
    x2apic = (base & APIC_BASE_X2) != 0 || x2apic_wanted(c);
    /* Disabled, xAPIC, x2APIC: no step may be left out. */
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    if (x2apic) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
        return;
    }
    lapic = mmio_map(base & 0xffffff000ull, PAGE_SIZE);
    if (lapic == NULL) {
        panic("interrupts: cannot map the local APIC");
    }
}

static void start(void)
{
    lapic_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
    lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
}

void apic_init(void)
{
    pic_mask();
    mode_choose();
    start();
}

void apic_resume(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    pic_mask();
    wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    if (x2apic) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
    }
    start();
    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
}

uint32_t lapic_id(void)
{
    return x2apic ? lapic_read(LAPIC_ID) : lapic_read(LAPIC_ID) >> 24;
}

bool lapic_is_x2(void)
{
    return x2apic;
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
