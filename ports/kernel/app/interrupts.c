/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The router behind irq.h: each source of this kernel gets an entry of the remapping table, and
 * what is written into the source comes from the library.
 */
#include "interrupts.h"

#define ENTRIES 256

/* What a routed interrupt has. */
struct route {
    struct udmar_interrupt *interrupt;
    uint32_t index;
};

static struct udmar **instance;

static uint8_t kind_of(enum irq_kind kind)
{
    static const uint8_t kinds[] = {
        [IRQ_OWN] = UDMAR_INTERRUPT_NONE,
        [IRQ_PCI] = UDMAR_INTERRUPT_PCI,
        [IRQ_IOAPIC] = UDMAR_INTERRUPT_IOAPIC,
        [IRQ_HPET] = UDMAR_INTERRUPT_HPET,
    };

    return kinds[kind];
}

struct udmar_interrupt_source interrupts_source(const struct irq_source *source)
{
    return (struct udmar_interrupt_source){
        .kind = kind_of(source->kind),
        .id = source->id,
        .line = source->line,
        .segment = source->segment,
        .rid = source->rid,
    };
}

static bool refuse(const struct udmar_interrupt_source *source, enum udmar_status status)
{
    char name[40];

    udmar_interrupt_source_format(source, name, sizeof(name));
    kprintf("%s: its interrupts cannot be remapped: %s\n", name, udmar_status_string(status));
    return false;
}

/* The entry says where to; where the unit does not remap, the message has to say it. */
static bool fill(struct route *route, const struct irq_source *source,
                 const struct irq_target *target, struct irq_message *out)
{
    const struct udmar_interrupt_target to = {
        .destination = target->apic,
        .vector = target->vector,
        .delivery = UDMAR_DELIVER_FIXED,
        .level = source->level,
        .active_low = source->low,
    };
    struct udmar_interrupt_source from = interrupts_source(source);
    struct udmar_interrupt_message message;
    enum udmar_status status = udmar_interrupt_set(route->interrupt, 0, &to, &message);

    if (status != UDMAR_OK) {
        return refuse(&from, status);
    }
    if (!message.remapped) {
        return irq_message_direct(source, target, out);
    }
    route->index = message.index;
    *out = (struct irq_message){ .address = message.address,
                                 .data = message.data,
                                 .redirection = message.redirection };
    return true;
}

/* The interrupt of an instance that was left behind is that instance's for ever. */
static void forget_route(void *handle)
{
    kfree(handle);
}

static void free_route(void *handle)
{
    struct route *route = handle;
    enum udmar_status status = udmar_interrupt_free(route->interrupt);

    if (status != UDMAR_OK) {
        kprintf("interrupt entry %u is not given back: %s\n", route->index,
                udmar_status_string(status));
    }
    kfree(route);
}

static bool make_route(const struct irq_source *source, const struct irq_target *target,
                       void **handle, struct irq_message *out)
{
    struct udmar_interrupt_source from = interrupts_source(source);
    struct route *route = kzalloc(sizeof(*route));
    enum udmar_status status;

    if (route == NULL) {
        return false;
    }
    route->index = UINT32_MAX;
    status = udmar_interrupt_alloc(*instance, &from, 1, &route->interrupt);
    if (status != UDMAR_OK) {
        kfree(route);
        return refuse(&from, status);
    }
    if (!fill(route, source, target, out)) {
        free_route(route);
        return false;
    }
    *handle = route;
    return true;
}

/* The entry of the table that was found on through which the source has sent until now. */
static void forget_old_entry(const struct irq_source *source, const struct irq_message *old)
{
    struct udmar_interrupt_source from = interrupts_source(source);
    bool through_table;
    uint32_t index;

    through_table = source->kind == IRQ_IOAPIC
                        ? udmar_interrupt_pin_index(old->redirection, &index)
                        : udmar_interrupt_message_index(old->address, old->data, &index);
    if (through_table) {
        enum udmar_status status = udmar_interrupt_forget_found(*instance, &from, index, 1);

        if (status != UDMAR_OK) {
            kprintf("entry %u, which was found on, stays: %s\n", index,
                    udmar_status_string(status));
        }
    }
}

static const struct irq_router remapped = { make_route, free_route, forget_old_entry };
static const struct irq_router left_behind = { make_route, forget_route, forget_old_entry };
static const struct irq_router *router = &remapped;

/* The library says when: live sources move, one by one. */
static void program(void *host, bool through_table)
{
    (void)host;
    if (!irq_set_router(through_table ? router : NULL)) {
        kprintf("some interrupts keep their old messages\n");
    }
}

const struct udmar_interrupt_config *interrupts_config(struct udmar **of)
{
    static struct udmar_interrupt_config config = { .entries = ENTRIES, .program = program };
    const uint32_t cmpxchg16b = 1u << 13;
    uint32_t a, b, c, d;

    cpuid(1, &a, &b, &c, &d);
    instance = of;
    router = &remapped;
    config.x2apic = lapic_is_x2();
    /* The instruction has 64-bit registers alone. */
    config.wide_exchange = sizeof(void *) == 8 && (c & cmpxchg16b) != 0;
    config.ioapic_count = ioapic_ids(&config.ioapics);
    return &config;
}

void interrupts_leave_behind(void)
{
    router = &left_behind;
}

uint32_t interrupts_index(const struct irq *irq)
{
    const struct route *route = irq_route(irq);

    return route != NULL ? route->index : UINT32_MAX;
}
