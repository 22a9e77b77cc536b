/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults: the library prints a sentence for each, with the name that newbus gave the device; here
 * devd(8) is told of them.
 *
 *   system=UDMAR subsystem=FAULT type=READ|WRITE|OTHER
 *   device=em0 segment=0 rid=00:03.0 address=0x12345000 reason=6 unit=0
 */
#include "udmar_port.h"

#include <sys/devctl.h>

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>

#define EVENTS_A_RUN 32 /* of devd; more at a time are counted only */

static const char *type_of(const struct udmar_fault *fault)
{
    return fault->access == UDMAR_FAULT_READ    ? "READ"
           : fault->access == UDMAR_FAULT_WRITE ? "WRITE"
                                                : "OTHER";
}

static void tell(const struct udmar_fault *fault, device_t child)
{
    char data[200];

    snprintf(data, sizeof(data),
             "device=%s segment=%u rid=%02x:%02x.%u address=0x%jx reason=%u unit=%u",
             child != NULL && device_get_name(child) != NULL ? device_get_nameunit(child) : "none",
             fault->segment, UDMAR_RID_BUS(fault->rid), UDMAR_RID_DEVICE(fault->rid),
             UDMAR_RID_FUNCTION(fault->rid), (uintmax_t)fault->address, fault->reason, fault->unit);
    devctl_notify("UDMAR", "FAULT", type_of(fault), data);
}

/* BIOS drives keyboards and disks by USB controllers, and leaves their schedules running. */
static void explain(struct udmar_softc *sc, device_t child)
{
    if (sc->firmware_usb_said || child == NULL || device_is_attached(child) ||
        pci_get_class(child) != PCIC_SERIALBUS || pci_get_subclass(child) != PCIS_SERIALBUS_USB) {
        return;
    }
    sc->firmware_usb_said = true;
    device_printf(sc->dev,
                  "firmware left the USB controller at pci%d:%d:%d:%d running; its DMA is stopped "
                  "until its driver resets it\n",
                  pci_get_domain(child), pci_get_bus(child), pci_get_slot(child),
                  pci_get_function(child));
}

static void look(struct udmar_softc *sc)
{
    struct udmar_fault fault;
    unsigned told = 0;

    while (udmar_fault_next(sc->instance, sc->fault_told, &fault)) {
        device_t child = udmar_find_child(fault.segment, fault.rid);

        sc->fault_unsaid += fault.sequence - sc->fault_told - 1;
        sc->fault_told = fault.sequence;
        explain(sc, child);
        if (told++ < EVENTS_A_RUN) {
            sc->fault_events++;
            tell(&fault, child);
        } else {
            sc->fault_unsaid++;
        }
    }
}

static void fault_task(void *context, int pending)
{
    struct udmar_softc *sc = context;

    (void)pending;
    if (sc->running && !sc->suspended) {
        (void)udmar_fault_poll(sc->instance);
        look(sc);
    }
}

void udmar_fault_seen(struct udmar_softc *sc)
{
    taskqueue_enqueue(sc->queue, &sc->fault_task);
}

static void poll(void *context)
{
    struct udmar_softc *sc = context;

    udmar_fault_seen(sc);
    callout_schedule(&sc->poll, hz);
}

/* Deferred mode: nothing that is unmapped rests longer than this. */
static void tick_library(void *context)
{
    struct udmar_softc *sc = context;

    if (!sc->suspended) {
        udmar_tick(sc->instance);
    }
    callout_schedule(&sc->ticker, MAX(hz / 100, 1));
}

void udmar_fault_prepare(struct udmar_softc *sc)
{
    TASK_INIT(&sc->fault_task, 0, fault_task, sc);
    callout_init(&sc->poll, 1);
    callout_init(&sc->ticker, 1);
}

void udmar_fault_start(struct udmar_softc *sc)
{
    callout_reset(&sc->poll, hz, poll, sc);
    if (!sc->tunables.strict) {
        callout_reset(&sc->ticker, MAX(hz / 100, 1), tick_library, sc);
    }
}
