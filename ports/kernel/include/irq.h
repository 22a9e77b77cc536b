/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts: who may raise one, the vector it takes, and the message that does it; the interrupt
 * flag; idling.
 *
 * Every interrupt of the machine is a message, address and data, and every message comes from one
 * place here. A router stands behind that place where interrupts are remapped.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/* irq_save turns interrupts off and returns what irq_restore needs; pairs nest. */
uintptr_t irq_save(void);
void irq_restore(uintptr_t state);
void irq_enable(void);
bool irq_enabled(void);

/* ---- Sources and messages ---- */

enum irq_kind {
    IRQ_OWN,    /* a remapping unit's own message, or nobody's: never routed */
    IRQ_PCI,    /* MSI or MSI-X of a function */
    IRQ_IOAPIC, /* a pin */
    IRQ_HPET,   /* a timer that sends messages itself */
};

struct irq_source {
    enum irq_kind kind;
    uint16_t segment, rid; /* PCI: bus, device and function as 16 bits */
    uint8_t id;            /* I/O APIC: its id in the MADT; HPET: its number in the HPET table */
    uint8_t line;          /* pin, or timer */
    bool level, low;       /* pin: level-triggered, active low; messages are edges */
};

/* Where it goes to: one processor, fixed delivery. */
struct irq_target {
    uint32_t apic;
    uint8_t vector;
};

/* What goes into the source's registers. */
struct irq_message {
    uint64_t address; /* function or HPET timer */
    uint32_t data;
    uint64_t redirection; /* pin: its entry */
};

/* Set in the address of the new format, which names an entry and neither processor nor vector; and
 * where it stands in the upper half of a redirection entry. */
#define IRQ_ADDRESS_REMAPPABLE     0x10u
#define IRQ_REDIRECTION_REMAPPABLE 0x10000u

/*
 * Puts a message into the source's registers, after a vector was taken and whenever the message
 * changes. False when the source cannot send it.
 */
typedef bool irq_program(void *device, const struct irq_source *source,
                         const struct irq_message *message);

/* What a driver hands in; it is copied. */
struct irq_request {
    struct irq_source source;
    void (*handler)(void *arg); /* interrupts off, on the interrupted stack; the EOI comes after */
    void *arg;
    irq_program *program; /* null: whoever asked does it with irq_message() */
    void *device;
};

struct irq;

/* Takes a free vector of this processor and programs the source. Null (with a message) when vectors
 * or remapping entries are out or the source refuses. */
struct irq *irq_take(const struct irq_request *request);

/* The source must not raise it any more; a late one is counted and dropped. */
void irq_give(struct irq *irq);

void irq_message(const struct irq *irq, struct irq_message *out);
unsigned irq_vector(const struct irq *irq);
/* Interrupts taken since irq_take(). */
unsigned irq_count(const struct irq *irq);

/* All that are taken, from null on; null ends. */
const struct irq *irq_next(const struct irq *irq);
const struct irq_source *irq_source(const struct irq *irq);
/* What the router gave for it; null: it is not routed. */
void *irq_route(const struct irq *irq);

/* Interrupts of vectors nobody owned, since boot. */
unsigned irq_stray_count(void);

/* ---- Routing ---- */

/*
 * What stands between sources and processors. route() makes the message that leads to @target, and
 * what it needs for that, in *route; false (with a message) when it cannot. unroute() takes it
 * back. moved(), which may be null, is told which message a live source has sent until it was
 * programmed with one of this router. Called with interrupts off.
 */
struct irq_router {
    bool (*route)(const struct irq_source *source, const struct irq_target *target, void **route,
                  struct irq_message *out);
    void (*unroute)(void *route);
    void (*moved)(const struct irq_source *source, const struct irq_message *old);
};

/*
 * From now on all messages but IRQ_OWN's come from this router; null: straight to the processor.
 * Every live source is programmed anew, one by one, the old route is taken back behind each. False
 * when a source could not be moved; it keeps what it had.
 */
bool irq_set_router(const struct irq_router *router);

/* Writes every source's message into its registers once more, after a sleep. False: one refused. */
bool irq_program_all(void);

/* The message that leads there without a router; false when it cannot name that processor. */
bool irq_message_direct(const struct irq_source *source, const struct irq_target *target,
                        struct irq_message *out);

/* ---- The processor ---- */

/* APIC id of the processor, 8 bits or in x2APIC mode 32. */
uint32_t lapic_id(void);
bool lapic_is_x2(void);

/* Halts until an interrupt comes, but no longer than `ns`; interrupts are on during that and as
 * before afterwards. */
void cpu_idle_ns(uint64_t ns);

#endif
