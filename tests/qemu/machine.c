/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU as a machine for scenarios. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ability.h"
#include "qemu.h"

/* Each device has 16 MiB of address space, and those behind its bridge have a share of it. */
#define BAR_BASE     UINT64_C(0xe0000000)
#define BAR_STEP     UINT64_C(0x01000000)
#define BAR_ROOM     UINT64_C(0x00200000)
#define MOST_WORDS   48
#define MOST_LETTERS 128

static void (*wrong_handler)(const char *why);

void qemu_wrong(const char *format, ...)
{
    static char why[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    fprintf(stderr, "# QEMU machine: %s\n", why);
    if (wrong_handler != NULL)
        wrong_handler(why);
    abort();
}

void qemu_on_loss(void (*handler)(const char *why))
{
    wrong_handler = handler;
    qtest_on_loss(handler);
}

/* ---- The command line ------------------------------------------------------------------------ */

struct words {
    char text[MOST_WORDS][MOST_LETTERS];
    const char *word[MOST_WORDS + 1];
    unsigned count;
};

static void add_word(struct words *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_word(struct words *w, const char *format, ...)
{
    va_list arguments;

    if (w->count == MOST_WORDS)
        abort();
    va_start(arguments, format);
    vsnprintf(w->text[w->count], MOST_LETTERS, format, arguments);
    va_end(arguments);
    w->word[w->count] = w->text[w->count];
    w->count++;
}

static void add_device(struct words *w, const struct machine_device *kind, unsigned index)
{
    static const char *const engines[] = { "edu,dma_mask=0xffffffffffffffff", "e1000,romfile=" };
    unsigned slot = kind->place == BEHIND_ROOT_PORT ? 0 : 1;

    if (kind->beside != 0) {
        add_word(w, "-device");
        add_word(w, "%s,bus=b%u,addr=%x.0", engines[kind->engine], kind->beside - 1, slot + index);
        return;
    }
    switch (kind->place) {
    case ON_ROOT:
        add_word(w, "-device");
        add_word(w, "%s,bus=pcie.0,addr=%x.0", engines[kind->engine], 4 + index);
        return;
    case BEHIND_ROOT_PORT:
        add_word(w, "-device");
        add_word(w, "pcie-root-port,id=b%u,bus=pcie.0,addr=%x.0,chassis=%u,slot=%u", index,
                 0x10 + index, index + 1, index + 1);
        break;
    case BEHIND_PCI_BRIDGE:
        add_word(w, "-device");
        add_word(w, "i82801b11-bridge,id=b%u,bus=pcie.0,addr=%x.0", index, 0x10 + index);
        break;
    case BEHIND_PCIE_TO_PCI:
        add_word(w, "-device");
        add_word(w, "pcie-pci-bridge,id=b%u,bus=pcie.0,addr=%x.0", index, 0x10 + index);
        break;
    }
    add_word(w, "-device");
    add_word(w, "%s,bus=b%u,addr=%x.0", engines[kind->engine], index, slot);
}

/* Before 10 QEMU has them without help of the kernel's only if it is told that this is buggy. */
static const char *wide_ids(const struct machine_options *o)
{
    if (!o->wide_ids)
        return "";
    return qemu_has("x-buggy-eim") ? ",eim=on,x-buggy-eim=on" : ",eim=on";
}

static void make_words(struct words *w, const struct machine_options *o)
{
    add_word(w, "-device");
    add_word(w, "intel-iommu,aw-bits=%u%s%s%s%s%s%s", o->width == 39 ? 39 : 48,
             o->caching_mode ? ",caching-mode=on" : "", o->no_pass_through ? ",pt=off" : "",
             o->snoop_control ? ",snoop-control=on" : "", o->device_tlb ? ",device-iotlb=on" : "",
             /* Where there is no such property, units with device-TLBs know the bit. */
             o->transient_bit && qemu_has("stale-tm") ? ",stale-tm=on" : "", wide_ids(o));
    if (o->interrupts) {
        add_word(w, "-trace");
        add_word(w, "apic_deliver_irq");
    }
    for (unsigned i = 0; i < o->device_count; i++)
        add_device(w, &o->device[i], i);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void open_device(struct qemu *e, unsigned index)
{
    struct qemu_device *d = &e->device[index];
    uint8_t bus = (uint8_t)(index + 1);

    d->bar = BAR_BASE + index * BAR_STEP;
    d->scratch = LOW_END + index * SCRATCH_SIZE;
    d->reach = UINT64_MAX;
    if (d->kind.beside != 0) {
        const struct qemu_device *other = &e->device[d->kind.beside - 1];

        d->bar = other->bar + index * BAR_ROOM;
        d->bridge = other->bridge;
        d->rid = (udmar_rid_t)(other->rid + UDMAR_RID(0, index, 0));
    } else if (d->kind.place == ON_ROOT) {
        d->rid = UDMAR_RID(0, 4 + index, 0);
    } else {
        d->bridge = UDMAR_RID(0, 0x10 + index, 0);
        d->rid = UDMAR_RID(bus, d->kind.place == BEHIND_ROOT_PORT ? 0 : 1, 0);
        pci_bridge_set_up(e, d->bridge, bus, d->bar);
    }
    pci_enable(e, d->rid, 0, d->bar);
    engine_open(e, d);
}

static void *machine_open(const struct machine_options *options)
{
    struct machine_options o = *options;
    struct words *w = calloc(1, sizeof(*w));
    struct qemu *e = calloc(1, sizeof(*e));

    if (w == NULL || e == NULL)
        abort();
    if (o.device_count == 0)
        o.device_count = 1;
    make_words(w, &o);
    for (const char *const *more = o.qemu_arguments; more != NULL && *more != NULL; more++)
        add_word(w, "%s", *more);
    e->q = qtest_start(w->word);
    free(w);
    e->hidden_stores = o.hidden_stores;
    e->device_count = o.device_count;
    host_open(e);
    for (unsigned i = 0; i < o.device_count; i++) {
        e->device[i].kind = o.device[i];
        open_device(e, i);
    }
    if (o.qemu_arguments == NULL)
        engine_watch(e);
    return e;
}

static unsigned machine_close(void *machine)
{
    struct qemu *e = machine;
    unsigned complaints = host_close(e);

    qtest_end(e->q);
    free(e);
    return complaints;
}

static void machine_abandon(void *machine)
{
    struct qemu *e = machine;

    host_abandon(e);
    qtest_end(e->q);
    free(e);
}

/* ---- The rest of struct machine_ops ---------------------------------------------------------- */

static const char *machine_lacks(const struct machine_options *options)
{
    if (options->no_pass_through && !qemu_has("pt"))
        return "all units of this QEMU have pass-through";
    return NULL;
}

static void *machine_inner(void *machine)
{
    return machine;
}

static size_t machine_table(void *machine, void *buffer, size_t size)
{
    return firmware_dmar(machine, buffer, size);
}

static udmar_rid_t machine_rid(void *machine, unsigned device)
{
    return ((struct qemu *)machine)->device[device].rid;
}

static udmar_rid_t machine_bridge(void *machine, unsigned device)
{
    return ((struct qemu *)machine)->device[device].bridge;
}

static uint8_t *machine_memory(void *machine, uint64_t physical)
{
    return qtest_memory(((struct qemu *)machine)->q, physical);
}

static void machine_publish(void *machine, uint64_t physical, uint64_t value)
{
    *(volatile uint64_t *)(void *)machine_memory(machine, physical) = value;
}

static uint64_t machine_scratch(void *machine, unsigned device)
{
    return ((struct qemu *)machine)->device[device].scratch;
}

static void machine_reach(void *machine, unsigned device, uint64_t iova)
{
    engine_reach(machine, &((struct qemu *)machine)->device[device], iova);
}

static enum dma_result machine_dma(void *machine, unsigned device, uint64_t iova, void *buffer,
                                   size_t length, bool write)
{
    struct qemu *e = machine;

    return engine_dma(e, &e->device[device], iova, buffer, length, write);
}

/* One line for each: "apic_deliver_irq dest 3 dest_mode 0 delivery_mode 0 vector 81 ...". */
static unsigned machine_raised(void *machine, struct raised *list, unsigned room)
{
    struct qemu *e = machine;
    char text[16384];
    unsigned count = 0, destination, vector;

    e->printed += qtest_printed(e->q, e->printed, text, sizeof(text));
    for (const char *at = text; (at = strstr(at, "apic_deliver_irq dest ")) != NULL; at++) {
        if (sscanf(at, "apic_deliver_irq dest %u dest_mode %*u delivery_mode %*u vector %u",
                   &destination, &vector) != 2)
            continue;
        if (count < room)
            list[count] = (struct raised){ destination, (uint8_t)vector };
        count++;
    }
    return count;
}

/* edu: its MSI capability, and the registers that raise and end an interrupt. */
enum { EDU_MSI = 0x40, EDU_RAISE = 0x60, EDU_END = 0x64 };

static void machine_message(void *machine, unsigned device, uint64_t address, uint32_t data)
{
    struct qemu *e = machine;
    const struct qemu_device *d = &e->device[device];

    pci_write(e, d->rid, EDU_MSI + 4, (uint32_t)address);
    pci_write(e, d->rid, EDU_MSI + 8, (uint32_t)(address >> 32));
    pci_write(e, d->rid, EDU_MSI + 12, data);
    pci_write(e, d->rid, EDU_MSI, pci_read(e, d->rid, EDU_MSI) | UINT32_C(1) << 16);
    qtest_write32(e->q, d->bar + EDU_RAISE, 1);
    qtest_write32(e->q, d->bar + EDU_END, 1);
}

#define IOAPIC_BASE UINT64_C(0xfec00000)

static void machine_pin(void *machine, unsigned pin, uint64_t redirection)
{
    struct qemu *e = machine;

    for (unsigned half = 0; half < 2; half++) {
        qtest_write32(e->q, IOAPIC_BASE, 0x11 - half + 2 * pin);
        qtest_write32(e->q, IOAPIC_BASE + 0x10, (uint32_t)(redirection >> (half ? 0 : 32)));
    }
    qtest_input(e->q, "ioapic", "unnamed-gpio-in", pin, true);
    qtest_input(e->q, "ioapic", "unnamed-gpio-in", pin, false);
}

static uint32_t machine_read(void *machine, uint32_t offset)
{
    return qtest_read32(((struct qemu *)machine)->q, UNIT_BASE + offset);
}

static void machine_write(void *machine, uint32_t offset, uint32_t value)
{
    qtest_write32(((struct qemu *)machine)->q, UNIT_BASE + offset, value);
}

static void *machine_buffer(void *machine, size_t size, bool scattered, size_t offset)
{
    return host_buffer(machine, size, scattered, offset);
}

static void machine_buffer_free(void *machine, void *buffer)
{
    host_buffer_free(machine, buffer);
}

static unsigned machine_flushes(void *machine)
{
    return ((struct qemu *)machine)->flushes;
}

static size_t machine_pages(void *machine)
{
    return ((struct qemu *)machine)->pages_held;
}

const struct machine_ops machine_qemu = {
    .name = "qemu",
    .host = &qemu_host_ops,
    .missing = qemu_missing,
    .lacks = machine_lacks,
    .version = qemu_version,
    .open = machine_open,
    .close = machine_close,
    .abandon = machine_abandon,
    .on_loss = qemu_on_loss,
    .inner = machine_inner,
    .table = machine_table,
    .rid = machine_rid,
    .bridge = machine_bridge,
    .memory = machine_memory,
    .publish = machine_publish,
    .scratch = machine_scratch,
    .reach = machine_reach,
    .dma = machine_dma,
    .raised = machine_raised,
    .message = machine_message,
    .pin = machine_pin,
    .read = machine_read,
    .write = machine_write,
    .buffer = machine_buffer,
    .buffer_free = machine_buffer_free,
    .flushes = machine_flushes,
    .pages = machine_pages,
};
