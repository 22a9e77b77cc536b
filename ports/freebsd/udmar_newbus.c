/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver udmar0 below acpi0: it is there when the administrator wants it and firmware has a
 * DMAR table, attaches before any PCI bus, switches translation on at once, and stays.
 */
#include "udmar_port.h"

#include <sys/module.h>
#include <sys/proc.h>
#include <sys/smp.h>

#include <vm/vm.h>
#include <vm/pmap.h>
#include <vm/vm_param.h>
#include <vm/vm_page.h>
#include <vm/vm_phys.h>
#include <vm/vm_dumpset.h>

#include <machine/md_var.h>
#include <machine/pci_cfgreg.h>

#include <contrib/dev/acpica/include/acpi.h>

#include <dev/acpica/acpivar.h>

static struct udmar_softc *the_port;

struct udmar_softc *udmar_port(void)
{
    return the_port;
}

/* ---- who else could drive the units -----------------------------------------------------------
 */

static bool has_devices(const char *name)
{
    devclass_t class = devclass_find(name);

    return class != NULL && devclass_get_count(class) > 0;
}

/* Null: nothing is in the way. */
static const char *obstacle(void)
{
    int own_driver = 0;
    int bhyve = 1;

    TUNABLE_INT_FETCH("hw.dmar.enable", &own_driver);
    TUNABLE_INT_FETCH("hw.vmm.iommu.enable", &bhyve);
    if (has_devices("pci")) {
        return "loaded too late: PCI devices are attached; load it from loader.conf(5)";
    }
    if (has_devices("dmar") || (own_driver != 0 && devclass_find("dmar") != NULL)) {
        return "FreeBSD's own DMAR driver is on: set hw.dmar.enable=0 or hw.udmar.enable=0";
    }
    if (bhyve != 0 && module_lookupbyname("vmm") != NULL) {
        return "bhyve's vmm is loaded and drives the same units: set hw.vmm.iommu.enable=0";
    }
    return NULL;
}

static void identify(driver_t *driver, device_t parent)
{
    ACPI_TABLE_HEADER *table;
    const char *why;

    (void)driver;
    if (the_port != NULL || !udmar_wanted() || acpi_disabled("udmar")) {
        return;
    }
    if (ACPI_FAILURE(AcpiGetTable("DMAR", 1, &table))) {
        printf("udmar: firmware has no DMAR table: no VT-d, or it is off in its setup\n");
        return;
    }
    AcpiPutTable(table);
    why = obstacle();
    if (why != NULL) {
        printf("udmar: refused: %s\n", why);
        return;
    }
    if (BUS_ADD_CHILD(parent, 1, "udmar", 0) == NULL) {
        printf("udmar: acpi has no room for a device\n");
    }
}

static int probe(device_t dev)
{
    if (acpi_get_handle(dev) != NULL) {
        return ENXIO;
    }
    device_set_desc(dev, "DMA remapping");
    return BUS_PROBE_NOWILDCARD;
}

/* ---- up -----------------------------------------------------------------------------------------
 */

/* dump_avail holds pairs of first and end addresses, up to one that ends at 0. */
static int read_ram(struct udmar_softc *sc)
{
    unsigned count = 0;

    while (dump_avail[2 * count + 1] != 0) {
        count++;
    }
    sc->ram = malloc(MAX(count, 1) * sizeof(*sc->ram), M_UDMAR, M_WAITOK | M_ZERO);
    for (unsigned i = 0; i < count; i++) {
        vm_paddr_t first = trunc_page(dump_avail[2 * i]);
        vm_paddr_t end = round_page(dump_avail[2 * i + 1]);

        if (end > first) {
            sc->ram[sc->ram_count++] = (struct udmar_ram_range){ first, end - first };
        }
    }
    return 0;
}

static enum udmar_status create(struct udmar_softc *sc)
{
    ACPI_TABLE_HEADER *table;
    struct udmar_config config;

    /* Not put back: the library keeps the bytes. */
    if (ACPI_FAILURE(AcpiGetTable("DMAR", 1, &table))) {
        return UDMAR_ERR_NO_UNIT;
    }
    sc->table = table;
    config = (struct udmar_config){
        .table = table,
        .table_size = table->Length,
        .ram = sc->ram,
        .ram_count = sc->ram_count,
        .direct_map = true,
        .cpu_signature = cpu_id,
        .cpus = mp_maxid + 1,
        .ticking = !sc->tunables.strict,
        .keep_interrupt_remapping = true,
        .tunables = sc->tunables,
    };
    return udmar_create(sc, &config, &sc->instance);
}

static void take_down(struct udmar_softc *sc)
{
    if (sc->instance != NULL) {
        (void)udmar_destroy(sc->instance);
        sc->instance = NULL;
    }
    if (sc->queue != NULL) {
        udmar_waiting_stop(sc);
        taskqueue_free(sc->queue);
        sc->queue = NULL;
    }
    free(sc->ram, M_UDMAR);
    sx_destroy(&sc->devices_lock);
    the_port = NULL;
}

static void make_threads(struct udmar_softc *sc)
{
    sc->queue = taskqueue_create("udmar", M_WAITOK, taskqueue_thread_enqueue, &sc->queue);
    taskqueue_start_threads(&sc->queue, 1, PI_SOFT, "%s", device_get_nameunit(sc->dev));
    udmar_waiting_start(sc);
    udmar_fault_prepare(sc);
}

static int attach(device_t dev)
{
    struct udmar_softc *sc = device_get_softc(dev);
    enum udmar_status status;

    sc->dev = dev;
    sx_init(&sc->devices_lock, "udmar devices");
    the_port = sc;
    (void)pci_cfgregopen();
    udmar_read_tunables(&sc->tunables);
    (void)read_ram(sc);
    make_threads(sc);
    status = create(sc);
    if (status == UDMAR_OK) {
        status = udmar_start(sc->instance);
    }
    if (status != UDMAR_OK) {
        device_printf(dev, "not started, devices reach all memory: %s\n",
                      udmar_status_string(status));
        take_down(sc);
        return ENXIO;
    }
    sc->running = true;
    udmar_pci_bus_start(sc);
    udmar_fault_start(sc);
    udmar_add_sysctls(sc);
    return 0;
}

/* Devices hold addresses that only mean something while translation is on. */
static int detach(device_t dev)
{
    device_printf(dev, "devices use it: it stays until the machine stops\n");
    return EBUSY;
}

/*
 * The library has no suspend and resume in this tree yet. When it has, udmar_suspend() goes here
 * and udmar_resume() into a device_resume method: below acpi with order 1 this device is the last
 * to be suspended and the first to be resumed. Until then the machine is kept from sleeping, since
 * units would come back without their tables.
 */
static int suspend(device_t dev)
{
    device_printf(dev, "this machine cannot sleep while its devices are translated\n");
    return EOPNOTSUPP;
}

static device_method_t methods[] = {
    DEVMETHOD(device_identify, identify),
    DEVMETHOD(device_probe, probe),
    DEVMETHOD(device_attach, attach),
    DEVMETHOD(device_detach, detach),
    DEVMETHOD(device_quiesce, detach),
    DEVMETHOD(device_suspend, suspend),
    DEVMETHOD_END,
};

static driver_t driver = { "udmar", methods, sizeof(struct udmar_softc) };

DRIVER_MODULE(udmar, acpi, driver, NULL, NULL);
MODULE_VERSION(udmar, 1);
MODULE_DEPEND(udmar, acpi, 1, 1, 1);
MODULE_DEPEND(udmar, pci, 1, 1, 1);
