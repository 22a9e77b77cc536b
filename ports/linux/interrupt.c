// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interrupt of a unit's fault event: a vector with an MSI message that the unit is told once.
 *
 * The library programs the message when the unit starts and not again, so the vector must not move.
 * It lies on processor 0, which Linux does not take offline.
 */
#include "port.h"

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/slab.h>

#include <asm/hw_irq.h>
#include <asm/irqdomain.h>

#include <udmar/host.h>

struct port_interrupt {
    int number;
    void (*handler)(void *argument);
    void *argument;
};

static struct fwnode_handle *fwnode;
static struct irq_domain *domain;

static void nothing(struct irq_data *data)
{
}

/* The library masks in the unit; there is nothing else in between. */
static struct irq_chip chip = {
    .name = "udmar",
    .irq_ack = irq_chip_ack_parent,
    .irq_mask = nothing,
    .irq_unmask = nothing,
    .flags = IRQCHIP_SKIP_SET_WAKE,
};

static int domain_alloc(struct irq_domain *at, unsigned number, unsigned count, void *argument)
{
    int error = irq_domain_alloc_irqs_parent(at, number, count, argument);

    if (error == 0) {
        irq_domain_set_info(at, number, number, &chip, NULL, handle_edge_irq, NULL, "edge");
    }
    return error;
}

static void domain_free(struct irq_domain *at, unsigned number, unsigned count)
{
    irq_domain_free_irqs_common(at, number, count);
}

static const struct irq_domain_ops domain_ops = {
    .alloc = domain_alloc,
    .free = domain_free,
};

static bool domain_create(void)
{
    if (domain != NULL) {
        return true;
    }
    fwnode = irq_domain_alloc_named_fwnode("udmar");
    if (fwnode == NULL) {
        return false;
    }
    domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, fwnode, &domain_ops, NULL);
    if (domain == NULL) {
        irq_domain_free_fwnode(fwnode);
        fwnode = NULL;
    }
    return domain != NULL;
}

void port_interrupts_end(void)
{
    if (domain == NULL) {
        return;
    }
    irq_domain_remove(domain);
    irq_domain_free_fwnode(fwnode);
    domain = NULL;
    fwnode = NULL;
}

static irqreturn_t handle(int number, void *argument)
{
    struct port_interrupt *interrupt = argument;

    interrupt->handler(interrupt->argument);
    return IRQ_HANDLED;
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    struct port_interrupt *interrupt = kzalloc(sizeof(*interrupt), GFP_KERNEL);
    struct irq_alloc_info info = { .type = X86_IRQ_ALLOC_TYPE_DMAR, .mask = cpumask_of(0) };
    struct irq_data *data;
    struct msi_msg message;

    if (interrupt == NULL || !domain_create()) {
        goto no_memory;
    }
    interrupt->handler = handler;
    interrupt->argument = argument;
    interrupt->number = irq_domain_alloc_irqs(domain, 1, NUMA_NO_NODE, &info);
    if (interrupt->number <= 0) {
        goto no_memory;
    }
    /* A hard interrupt also with threadirqs: the handler takes spin locks that others take there.
     */
    if (request_irq(interrupt->number, handle, IRQF_NO_THREAD | IRQF_NOBALANCING, "udmar-fault",
                    interrupt) != 0) {
        goto no_handler;
    }
    data = irq_domain_get_irq_data(x86_vector_domain, interrupt->number);
    data->chip->irq_compose_msi_msg(data, &message);
    *out_address = (u64)message.address_hi << 32 | message.address_lo;
    *out_data = message.data;
    return interrupt;

no_handler:
    irq_dispose_mapping(interrupt->number);
no_memory:
    kfree(interrupt);
    return NULL;
}

void udmar_host_interrupt_free(void *host, void *token)
{
    struct port_interrupt *interrupt = token;

    free_irq(interrupt->number, interrupt);
    irq_dispose_mapping(interrupt->number);
    kfree(interrupt);
}
