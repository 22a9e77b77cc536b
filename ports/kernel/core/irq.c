/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt flag, the vectors of one processor, and the messages that lead to them. */
#include "internal.h"

enum { EFLAGS_IF = 0x200, PIN_LOW = 1 << 13, PIN_LEVEL = 1 << 15, PIN_DESTINATION = 56 };

#define MSI_ADDRESS_BASE 0xfee00000u

struct irq {
    struct irq_request request; /* handler null: free */
    struct irq_message message;
    const struct irq_router *router; /* null: the message is not routed */
    void *route;
    unsigned count;
};

static struct irq vectors[VECTOR_MSI_LAST - VECTOR_MSI_FIRST + 1];
static const unsigned vector_count = sizeof(vectors) / sizeof(vectors[0]);
static unsigned next_vector;
static unsigned stray_count;
static const struct irq_router *current_router;

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

/* ---- messages ---- */

unsigned irq_vector(const struct irq *irq)
{
    return VECTOR_MSI_FIRST + (unsigned)(irq - vectors);
}

static struct irq_target target_of(const struct irq *irq)
{
    return (struct irq_target){ .apic = lapic_id(), .vector = (uint8_t)irq_vector(irq) };
}

/* The old format has eight bits for the processor, physical, and names the vector itself. */
bool irq_message_direct(const struct irq_source *source, const struct irq_target *target,
                        struct irq_message *out)
{
    *out = (struct irq_message){
        .address = MSI_ADDRESS_BASE | target->apic << 12,
        .data = target->vector,
        .redirection = (uint64_t)target->apic << PIN_DESTINATION | target->vector |
                       (source->level ? PIN_LEVEL : 0) | (source->low ? PIN_LOW : 0),
    };
    return target->apic < 0xff;
}

/* Programs the source with what this router says; nothing has changed when it is false. */
static bool route_by(struct irq *irq, const struct irq_router *router)
{
    const struct irq_source *source = &irq->request.source;
    struct irq_target target = target_of(irq);
    struct irq_message message;
    void *route = NULL;

    if (source->kind == IRQ_OWN) {
        router = NULL;
    }
    if (!(router != NULL ? router->route(source, &target, &route, &message)
                         : irq_message_direct(source, &target, &message))) {
        return false;
    }
    if (irq->request.program != NULL &&
        !irq->request.program(irq->request.device, source, &message)) {
        if (router != NULL) {
            router->unroute(route);
        }
        return false;
    }
    irq->message = message;
    irq->router = router;
    irq->route = route;
    return true;
}

static void unroute(const struct irq_router *router, void *route)
{
    if (router != NULL) {
        router->unroute(route);
    }
}

bool irq_set_router(const struct irq_router *router)
{
    uintptr_t state = irq_save();
    bool good = true;

    current_router = router;
    for (unsigned i = 0; i < vector_count; i++) {
        struct irq *irq = &vectors[i];
        const struct irq_router *old = irq->router;
        struct irq_message message = irq->message;
        void *route = irq->route;

        if (irq->request.handler == NULL || irq->request.source.kind == IRQ_OWN) {
            continue;
        }
        if (route_by(irq, router)) {
            unroute(old, route);
            if (router != NULL && router->moved != NULL) {
                router->moved(&irq->request.source, &message);
            }
        } else {
            good = false;
        }
    }
    irq_restore(state);
    return good;
}

bool irq_program_all(void)
{
    uintptr_t state = irq_save();
    bool good = true;

    for (unsigned i = 0; i < vector_count; i++) {
        const struct irq_request *request = &vectors[i].request;

        if (request->handler != NULL && request->program != NULL) {
            good &= request->program(request->device, &request->source, &vectors[i].message);
        }
    }
    irq_restore(state);
    return good;
}

/* ---- vectors ---- */

/* Going round puts off the reuse of a vector, so that a late interrupt of its former owner is
 * counted as stray rather than given to someone else. */
static struct irq *vector_take(void)
{
    for (unsigned tried = 0; tried < vector_count; tried++) {
        struct irq *irq = &vectors[next_vector];

        next_vector = (next_vector + 1) % vector_count;
        if (irq->request.handler == NULL) {
            return irq;
        }
    }
    return NULL;
}

struct irq *irq_take(const struct irq_request *request)
{
    uintptr_t state = irq_save();
    struct irq *irq = request->handler != NULL ? vector_take() : NULL;
    bool found = irq != NULL;

    if (found) {
        *irq = (struct irq){ .request = *request };
        if (!route_by(irq, current_router)) {
            irq->request.handler = NULL;
            irq = NULL;
        }
    }
    irq_restore(state);
    if (irq == NULL && request->handler != NULL) {
        kprintf("interrupts: %s\n", found ? "no message leads from the source to this processor"
                                          : "all vectors are taken");
    }
    return irq;
}

void irq_give(struct irq *irq)
{
    uintptr_t state = irq_save();

    if (irq == NULL || irq->request.handler == NULL) {
        panic("interrupts: a vector was given back that is not in use");
    }
    irq->request.handler = NULL;
    unroute(irq->router, irq->route);
    irq->router = NULL;
    irq_restore(state);
}

void irq_message(const struct irq *irq, struct irq_message *out)
{
    *out = irq->message;
}

unsigned irq_count(const struct irq *irq)
{
    return *(const volatile unsigned *)&irq->count;
}

const struct irq *irq_next(const struct irq *irq)
{
    for (irq = irq == NULL ? vectors : irq + 1; irq < vectors + vector_count; irq++) {
        if (irq->request.handler != NULL) {
            return irq;
        }
    }
    return NULL;
}

const struct irq_source *irq_source(const struct irq *irq)
{
    return &irq->request.source;
}

void *irq_route(const struct irq *irq)
{
    return irq->router != NULL ? irq->route : NULL;
}

unsigned irq_stray_count(void)
{
    return stray_count;
}

void irq_dispatch(unsigned vector)
{
    struct irq *irq = vector >= VECTOR_MSI_FIRST && vector <= VECTOR_MSI_LAST
                          ? &vectors[vector - VECTOR_MSI_FIRST]
                          : NULL;

    /* Spurious interrupts of either controller must not be acknowledged. */
    if (vector == VECTOR_SPURIOUS || vector < VECTOR_MSI_FIRST) {
        stray_count++;
        return;
    }
    if (irq != NULL && irq->request.handler != NULL) {
        irq->count++;
        irq->request.handler(irq->request.arg);
    } else if (vector != VECTOR_TIMER) {
        stray_count++;
    }
    apic_eoi();
}
