/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam: subclasses of the kernel's two PCI bus drivers, which differ from them in the tag that
 * a device gets. They win the probe by one while udmar runs; nothing else of a bus changes hands.
 */
#include "udmar_port.h"

#include <sys/eventhandler.h>
#include <sys/module.h>
#include <sys/sx.h>

#include <contrib/dev/acpica/include/acpi.h>

#include <dev/acpica/acpivar.h>
#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>
#include <dev/pci/pci_private.h>

static bool is_running(void)
{
    const struct udmar_softc *sc = udmar_port();

    return sc != NULL && sc->running;
}

static int pci_bus_probe(device_t dev)
{
    if (!is_running()) {
        return ENXIO;
    }
    device_set_desc(dev, "PCI bus");
    return BUS_PROBE_GENERIC + 1;
}

static int acpi_pci_bus_probe(device_t dev)
{
    if (!is_running() || acpi_get_handle(dev) == NULL) {
        return ENXIO;
    }
    device_set_desc(dev, "ACPI PCI bus");
    return BUS_PROBE_DEFAULT + 1;
}

static struct udmar_function *find(const struct udmar_softc *sc, device_t child)
{
    struct udmar_function *function = sc->functions;

    while (function != NULL && function->child != child) {
        function = function->next;
    }
    return function;
}

device_t udmar_find_child(uint16_t segment, udmar_rid_t rid)
{
    return pci_find_dbsf(segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid),
                         UDMAR_RID_FUNCTION(rid));
}

/* Is memory seen through guest addresses of its own? Else FreeBSD's own tag does what is right. */
static bool wants_own_tag(struct udmar_device *device)
{
    struct udmar_device_info info;

    udmar_device_info(device, &info);
    return info.mode == UDMAR_MODE_TRANSLATE;
}

static void attach(struct udmar_softc *sc, struct udmar_function *function)
{
    uint16_t rid = pci_get_rid(function->child);
    enum udmar_status status =
        udmar_device_attach(sc->instance, (uint16_t)pci_get_domain(function->child), rid,
                            device_get_nameunit(function->child), &function->device);

    if (status != UDMAR_OK) {
        function->refused = udmar_status_string(status);
        device_printf(function->child, "udmar: no address space: %s; its DMA is blocked\n",
                      function->refused);
    } else if (wants_own_tag(function->device)) {
        function->root = udmar_root_tag(function->device);
        if (function->root == NULL) {
            function->refused = "no memory for its tag";
            device_printf(function->child, "udmar: %s; its DMA will be stopped\n",
                          function->refused);
        }
    }
}

static struct udmar_function *learn(struct udmar_softc *sc, device_t bus, device_t child)
{
    struct udmar_function *function;

    sx_xlock(&sc->devices_lock);
    function = find(sc, child);
    if (function == NULL) {
        function = malloc(sizeof(*function), M_UDMAR, M_WAITOK | M_ZERO);
        function->bus = bus;
        function->child = child;
        attach(sc, function);
        function->next = sc->functions;
        atomic_store_rel_ptr((volatile uintptr_t *)&sc->functions, (uintptr_t)function);
    }
    sx_xunlock(&sc->devices_lock);
    return function;
}

/*
 * The function of this bus that a request for a tag is meant for. Grandchildren (the channels of an
 * ATA controller) send under its id. What is below a bridge belongs to a bus of its own, which has
 * answered; it comes by here when that bus asks for its parent's tag.
 */
static device_t function_of(device_t bus, device_t child)
{
    device_t function = child;

    while (function != NULL && device_get_parent(function) != bus) {
        function = device_get_parent(function);
    }
    if (function == NULL) {
        return NULL;
    }
    if (pci_get_class(function) == PCIC_BRIDGE &&
        (pci_get_subclass(function) == PCIS_BRIDGE_PCI || function != child)) {
        return NULL;
    }
    return function;
}

static bus_dma_tag_t bus_tag(device_t bus, device_t child)
{
    struct udmar_softc *sc = udmar_port();
    device_t function = is_running() ? function_of(bus, child) : NULL;
    struct udmar_function *known;

    if (function == NULL) {
        return NULL;
    }
    known = find(sc, function);
    if (known == NULL) {
        known = learn(sc, bus, function);
    }
    return (bus_dma_tag_t)known->root;
}

static bus_dma_tag_t pci_bus_get_dma_tag(device_t bus, device_t child)
{
    bus_dma_tag_t tag = bus_tag(bus, child);
    struct pci_softc *sc = device_get_softc(bus);

    return tag != NULL ? tag : sc->sc_dma_tag;
}

static void forget(struct udmar_softc *sc, struct udmar_function *function)
{
    enum udmar_status status = UDMAR_OK;

    if (function->device != NULL) {
        status = udmar_device_detach(function->device);
    }
    if (status != UDMAR_OK) {
        device_printf(function->child, "udmar: it leaves something behind: %s\n",
                      udmar_status_string(status));
        return;
    }
    free(function->root, M_DEVBUF);
    free(function, M_UDMAR);
}

/*
 * A function that goes (hot unplug, SR-IOV switched off, devctl delete) is forgotten, and its DMA
 * is blocked. Its driver has detached, and destroyed its tags; the root tag is ours.
 */
static void child_deleted(void *context, device_t child)
{
    struct udmar_softc *sc = context;
    struct udmar_function **link = &sc->functions;

    sx_xlock(&sc->devices_lock);
    while (*link != NULL && (*link)->child != child) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        struct udmar_function *function = *link;

        *link = function->next;
        forget(sc, function);
    }
    sx_xunlock(&sc->devices_lock);
}

void udmar_pci_bus_start(struct udmar_softc *sc)
{
    sc->deleted = EVENTHANDLER_REGISTER(pci_delete_device, child_deleted, sc, EVENTHANDLER_PRI_ANY);
}

/* The module must not go while its bus drivers are in use: every PCI device would go with it. */
static int pci_bus_quiesce(device_t bus)
{
    device_printf(bus, "udmar: this bus gives its devices their addresses, the module stays\n");
    return EBUSY;
}

static device_method_t pci_bus_methods[] = {
    DEVMETHOD(device_probe, pci_bus_probe),
    DEVMETHOD(device_quiesce, pci_bus_quiesce),
    DEVMETHOD(bus_get_dma_tag, pci_bus_get_dma_tag),
    DEVMETHOD_END,
};

static device_method_t acpi_pci_bus_methods[] = {
    DEVMETHOD(device_probe, acpi_pci_bus_probe),
    DEVMETHOD(device_quiesce, pci_bus_quiesce),
    DEVMETHOD(bus_get_dma_tag, pci_bus_get_dma_tag),
    DEVMETHOD_END,
};

DECLARE_CLASS(acpi_pci_driver);
/* Both are named pci, which is why DEFINE_CLASS_1() cannot define them in one file. */
static kobj_class_t pci_bases[] = { &pci_driver, NULL };
static kobj_class_t acpi_pci_bases[] = { &acpi_pci_driver, NULL };
static driver_t udmar_pci_driver = { "pci", pci_bus_methods, sizeof(struct pci_softc), pci_bases };
static driver_t udmar_acpi_pci_driver = { "pci", acpi_pci_bus_methods, sizeof(struct pci_softc),
                                          acpi_pci_bases };

DRIVER_MODULE(udmar_pci, pcib, udmar_pci_driver, NULL, NULL);
DRIVER_MODULE(udmar_acpi_pci, pcib, udmar_acpi_pci_driver, NULL, NULL);
MODULE_DEPEND(udmar_pci, pci, 1, 1, 1);
MODULE_DEPEND(udmar_acpi_pci, acpi, 1, 1, 1);
