/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message-signalled interrupt for each unit's fault event. The message is the nexus's, as for the
 * kernel's own DMAR driver, and the handler is an interrupt thread: it takes mutexes.
 *
 * It stays on the processor that it was given first. A unit whose interrupt cannot be had, or that
 * got lost, is polled (udmar_fault.c).
 */
#include "udmar_port.h"

#include <sys/rman.h>

#include <machine/intr_machdep.h>
#include <machine/resource.h>

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>

#include "pcib_if.h"

#include <udmar/host.h>

struct event {
    struct udmar_softc *sc;
    void (*handler)(void *argument);
    void *argument;
    int irq;
    int rid;
    struct resource *resource;
    void *cookie;
};

static void fault_interrupt(void *context)
{
    struct event *event = context;

    (*event->handler)(event->argument);
    udmar_fault_seen(event->sc);
}

/* The parent of acpi0 gives messages out. */
static device_t nexus(const struct udmar_softc *sc)
{
    return device_get_parent(device_get_parent(sc->dev));
}

static void give_back(struct event *event)
{
    device_t dev = event->sc->dev;

    if (event->cookie != NULL) {
        bus_teardown_intr(dev, event->resource, event->cookie);
    }
    if (event->resource != NULL) {
        bus_release_resource(dev, SYS_RES_IRQ, event->rid, event->resource);
        bus_delete_resource(dev, SYS_RES_IRQ, event->rid);
    }
    if (event->irq >= 0) {
        PCIB_RELEASE_MSIX(nexus(event->sc), dev, event->irq);
    }
    free(event, M_UDMAR);
}

static int take(struct event *event, uint64_t *out_address, uint32_t *out_data)
{
    device_t dev = event->sc->dev;
    int error = PCIB_ALLOC_MSIX(nexus(event->sc), dev, &event->irq);

    if (error != 0) {
        event->irq = -1;
        return error;
    }
    error = bus_set_resource(dev, SYS_RES_IRQ, event->rid, (rman_res_t)event->irq, 1);
    if (error == 0) {
        event->resource = bus_alloc_resource_any(dev, SYS_RES_IRQ, &event->rid, RF_ACTIVE);
        error = event->resource == NULL ? ENXIO : 0;
    }
    if (error == 0) {
        error = bus_setup_intr(dev, event->resource, INTR_TYPE_MISC | INTR_MPSAFE, NULL,
                               fault_interrupt, event, &event->cookie);
    }
    if (error == 0) {
        bus_describe_intr(dev, event->resource, event->cookie, "fault%d", event->rid);
        error = PCIB_MAP_MSI(nexus(event->sc), dev, event->irq, out_address, out_data);
    }
    return error;
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    struct udmar_softc *sc = host;
    struct event *event = malloc(sizeof(*event), M_UDMAR, M_NOWAIT | M_ZERO);
    int error;

    if (event == NULL) {
        return NULL;
    }
    event->sc = sc;
    event->handler = handler;
    event->argument = argument;
    event->rid = sc->next_irq_rid++;
    error = take(event, out_address, out_data);
    if (error != 0) {
        device_printf(sc->dev, "no interrupt for faults (error %d): they are polled for\n", error);
        give_back(event);
        return NULL;
    }
    return event;
}

void udmar_host_interrupt_free(void *host, void *interrupt)
{
    give_back(interrupt);
}
