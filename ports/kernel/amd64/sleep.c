/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspend to RAM as ACPI has it: the FADT names the registers, the DSDT's \_S3 the value for them,
 * and the FACS takes the address at which firmware hands the machine back.
 */
#include "../core/internal.h"

enum {
    FADT_FACS = 36,
    FADT_DSDT = 40,
    FADT_PM1_EVENT = 56,
    FADT_PM1_CONTROL = 64,
    FADT_LENGTH = 116,
    FACS_VECTOR = 12,
    PM1_ENABLE = 2, /* behind the status */
    PM1_WAKE = 1 << 15,
    PM1_CLOCK = 1 << 10,
    PM1_TYPE_SHIFT = 10,
    PM1_SLEEP = 1 << 13,
    PM1_TYPE_MASK = 7 << PM1_TYPE_SHIFT,
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
    CMOS_B = 11,
    CMOS_C = 12,
    CMOS_ALARM = 0x20, /* in register B */
    CMOS_ANY = 0xc0,   /* an alarm at each second, minute, hour */
    PACKAGE = 0x12,
    BYTE_PREFIX = 0x0a,
    WAKE_PAGE_END = 0xa0000,
};

/* wake.S */
bool sleep_call(void (*sleep)(void));
extern const uint8_t wake_page[], wake_page_end[];
/* kernel.ld */
extern char kernel_data_start[];

static struct {
    uint16_t event, control;
    uint64_t facs;
    uint8_t type;
    uint64_t page;
    uint64_t copy; /* of the image's data, below 4 GiB: what is mapped from the first moment on */
} machine;

static uint32_t fadt_word(const uint8_t *fadt, unsigned offset)
{
    uint32_t value;

    memcpy(&value, fadt + offset, sizeof(value));
    return value;
}

/* \_S3: a package whose first element is SLP_TYP. Its length takes one byte, being short. */
static bool find_type(uint64_t dsdt)
{
    uint32_t length = 0;
    const uint8_t *code;

    if (!phys_read(&length, dsdt + 4, sizeof(length)) || length < 44 || length > 1u << 20) {
        return false;
    }
    code = phys_map_permanent(dsdt, length);
    for (uint32_t i = 36; code != NULL && i + 8 < length; i++) {
        if (memcmp(code + i, "_S3_", 4) != 0 || code[i + 4] != PACKAGE) {
            continue;
        }
        /* Package, its length, the number of elements, and the first of them. */
        machine.type = code[i + 7] == BYTE_PREFIX ? code[i + 8] : code[i + 7];
        return machine.type < 8;
    }
    return false;
}

const char *sleep_objection(void)
{
    size_t size;
    const uint8_t *fadt = acpi_table("FACP", &size);

    if (machine.page != 0 && machine.copy != 0) {
        return NULL;
    }
    if (fadt == NULL || size < FADT_LENGTH) {
        return "firmware has no FADT";
    }
    machine.event = (uint16_t)fadt_word(fadt, FADT_PM1_EVENT);
    machine.control = (uint16_t)fadt_word(fadt, FADT_PM1_CONTROL);
    machine.facs = fadt_word(fadt, FADT_FACS);
    if (machine.event == 0 || machine.control == 0 || machine.facs == 0) {
        return "the FADT names no registers for it";
    }
    if (!find_type(fadt_word(fadt, FADT_DSDT))) {
        return "the DSDT has no \\_S3";
    }
    machine.page = page_alloc_range(1, 0, PAGE_SIZE, WAKE_PAGE_END - 1);
    machine.copy = page_alloc_range(
        (size_t)(kernel_end - kernel_data_start + PAGE_MASK) >> PAGE_SHIFT, 0, 0, UINT32_MAX);
    return machine.page != 0 && machine.copy != 0 ? NULL : "there is no memory for the way back";
}

/* ---- The clock that wakes ---- */

static uint8_t cmos_read(uint8_t index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static void cmos_write(uint8_t index, uint8_t value)
{
    outb(CMOS_INDEX, index);
    outb(CMOS_DATA, value);
}

static void set_alarm(bool on)
{
    uint8_t b = cmos_read(CMOS_B);

    for (uint8_t at = 1; at <= 5; at += 2) {
        cmos_write(at, CMOS_ANY);
    }
    cmos_write(CMOS_B, (uint8_t)(on ? b | CMOS_ALARM : b & ~CMOS_ALARM));
    (void)cmos_read(CMOS_C);
    outw(machine.event, PM1_WAKE | PM1_CLOCK);
    outw(machine.event + PM1_ENABLE, on ? PM1_CLOCK : 0);
}

/* ---- Down and up ---- */

/* With what sleep_call() has put there: the last change before the sleep. */
static void copy_data(void)
{
    memcpy(phys_to_direct(machine.copy), kernel_data_start,
           (size_t)(kernel_end - kernel_data_start));
}

static void fall_asleep(void)
{
    uint16_t control = (uint16_t)(inw(machine.control) & ~(PM1_TYPE_MASK | PM1_SLEEP));
    uint64_t began = time_ns();

    set_alarm(true);
    control |= (uint16_t)(machine.type << PM1_TYPE_SHIFT);
    outw(machine.control, control);
    copy_data();
    outw(machine.control, control | PM1_SLEEP);
    /* It takes a moment, and a machine that does not obey goes on. */
    while (time_ns() - began < 5 * NS_PER_S) {
        cpu_pause();
    }
}

bool sleep_to_ram(void)
{
    const char *objection = sleep_objection();
    uint32_t vector = (uint32_t)machine.page;
    uint64_t lower = boot_tables[0];
    uint64_t copy = (uintptr_t)phys_to_direct(machine.copy);
    uint64_t ticks;
    bool slept;
    uintptr_t state;

    if (objection != NULL || !phys_write(machine.page, wake_page, wake_page_end - wake_page) ||
        !phys_write(machine.page + (wake_page_end - wake_page) - 8, &copy, sizeof(copy)) ||
        !phys_write(machine.facs + FACS_VECTOR, &vector, sizeof(vector))) {
        kprintf("sleep: %s\n", objection != NULL ? objection : "memory cannot be written");
        return false;
    }
    pci_save_all();
    state = irq_save();
    ticks = rdtsc();
    /* The way back begins at physical addresses. */
    boot_tables[0] = boot_tables[256];
    slept = sleep_call(fall_asleep);
    if (slept) {
        descriptors_init();
        time_resume(ticks);
        serial_resume();
        apic_resume();
        hpet_resume();
        pci_restore_all();
    }
    boot_tables[0] = lower;
    __asm__ volatile("mov %%cr3, %%rax\n\tmov %%rax, %%cr3" : : : "rax", "memory");
    set_alarm(false);
    irq_restore(state);
    return slept;
}
