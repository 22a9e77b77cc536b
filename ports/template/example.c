/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole way once: the kernel's part (table, device, start, stop) and a driver's part (tag, map,
 * load, unload, faults). A real kernel does the first at boot, for every device.
 */
#include "example.h"

#include <udmar/host.h>

#define BUFFER_SIZE 8192

/* What a driver keeps for its device. */
struct driver {
    void *host;
    struct udmar *dmar;
    struct udmar_device *device;
    uint16_t segment;
    udmar_rid_t rid;
    bus_addr_t address; /* of the buffer, as the device sees it; 0: not loaded */
    unsigned faults;
};

/* ---- the driver ---- */

/* Runs in the fault interrupt: take note, and see to it later. */
static void on_fault(void *argument, const struct udmar_fault *fault)
{
    struct driver *driver = argument;

    (void)fault;
    driver->faults++;
}

/* With translation a buffer is always one segment, however its pages lie. */
static void on_loaded(void *argument, bus_dma_segment_t *segments, int count, int error)
{
    struct driver *driver = argument;

    driver->address = error == 0 && count == 1 ? segments[0].ds_addr : 0;
}

static const char *transfer(struct driver *driver, bus_dma_tag_t tag, bus_dmamap_t map,
                            void *buffer)
{
    /* An error reaches the callback, too, which is where drivers look. */
    if (bus_dmamap_load(tag, map, buffer, BUFFER_SIZE, on_loaded, driver, BUS_DMA_NOWAIT) != 0 ||
        driver->address == 0)
        return "bus_dmamap_load";
    bus_dmamap_sync(tag, map, BUS_DMASYNC_PREREAD);
    example_device_write(driver->host, driver->segment, driver->rid, driver->address, BUFFER_SIZE);
    bus_dmamap_sync(tag, map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(tag, map);
    example_received(driver->host, buffer, BUFFER_SIZE);
    return NULL;
}

/* A driver makes tag and maps once, when it attaches, and loads and unloads from then on. */
static const char *run_driver(struct driver *driver, void *buffer)
{
    const char *failed;
    bus_dma_tag_t tag;
    bus_dmamap_t map;

    if (bus_dma_tag_create(udmar_device_dma_tag(driver->device), 1, 0, BUS_SPACE_MAXADDR,
                           BUS_SPACE_MAXADDR, NULL, NULL, BUFFER_SIZE, 1, BUFFER_SIZE, 0, NULL,
                           NULL, &tag) != 0)
        return "bus_dma_tag_create";
    if (bus_dmamap_create(tag, 0, &map) != 0) {
        (void)bus_dma_tag_destroy(tag);
        return "bus_dmamap_create";
    }
    (void)udmar_device_on_fault(driver->device, on_fault, driver);
    failed = transfer(driver, tag, map, buffer);
    /* Hosts without a fault interrupt look now and then; here that is once. */
    (void)udmar_fault_poll(driver->dmar);
    (void)udmar_device_on_fault(driver->device, NULL, NULL);
    (void)bus_dmamap_destroy(tag, map);
    (void)bus_dma_tag_destroy(tag);
    return failed;
}

/* ---- the kernel ---- */

/* Each fault has its line in the log by now; what follows from them is for the kernel to decide. */
static void look_at_faults(struct driver *driver)
{
    struct udmar_fault fault = { 0 };
    unsigned writes = 0;

    if (driver->faults == 0)
        return;
    while (udmar_fault_next(driver->dmar, fault.sequence, &fault))
        writes += fault.device == driver->device && fault.access == UDMAR_FAULT_WRITE;
    udmar_host_log(driver->host, UDMAR_LOG_WARN,
                   writes != 0 ? "example: the device wrote where it may not and is not used"
                               : "example: the device read where it may not");
}

/* Any memory of the kernel's may be loaded; this comes from where DMA memory comes from. */
static const char *with_buffer(struct driver *driver)
{
    void *buffer = udmar_host_dmamem_alloc(driver->host, BUFFER_SIZE, 1, UINT64_MAX, false, false);
    const char *failed;

    if (buffer == NULL)
        return "udmar_host_dmamem_alloc";
    failed = run_driver(driver, buffer);
    udmar_host_dmamem_free(driver->host, buffer, BUFFER_SIZE);
    return failed;
}

static const char *with_instance(struct driver *driver)
{
    const char *failed;

    /* Devices are attached before translation goes on, so that none is cut off in between. */
    if (udmar_device_attach(driver->dmar, driver->segment, driver->rid, "example",
                            &driver->device) != UDMAR_OK)
        return "udmar_device_attach";
    if (udmar_start(driver->dmar) != UDMAR_OK) {
        (void)udmar_device_detach(driver->device);
        return "udmar_start";
    }
    failed = with_buffer(driver);
    look_at_faults(driver);
    if (udmar_device_detach(driver->device) != UDMAR_OK && failed == NULL)
        failed = "udmar_device_detach";
    if (udmar_stop(driver->dmar) != UDMAR_OK && failed == NULL)
        failed = "udmar_stop";
    return failed;
}

const char *example_main(void *host, const void *table, size_t table_size, uint16_t segment,
                         udmar_rid_t rid)
{
    struct driver driver = { .host = host, .segment = segment, .rid = rid };
    /* Not on the stack, where a kernel has little room: it holds the modes of many devices. */
    static struct udmar_config config;
    const char *failed;

    /* No list of RAM: nobody gets identity mode. No direct map: pages are mapped when touched. */
    config = (struct udmar_config){ .table = table, .table_size = table_size };
    udmar_tunables_init(&config.tunables);
    /* Off by default; a kernel would hand its command line to udmar_tunables_parse(). */
    config.tunables.enable = true;
    if (udmar_create(host, &config, &driver.dmar) != UDMAR_OK)
        return "udmar_create";
    failed = with_instance(&driver);
    if (udmar_destroy(driver.dmar) != UDMAR_OK && failed == NULL)
        failed = "udmar_destroy";
    return failed;
}
