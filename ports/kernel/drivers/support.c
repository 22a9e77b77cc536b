/* SPDX-License-Identifier: BSD-2-Clause */
#include "support.h"

#include "irq.h"
#include "kprintf.h"

const char *driver_status_text(enum driver_status status)
{
    static const char *const text[] = {
        [DRIVER_OK] = "done",
        [DRIVER_INVALID] = "bad argument",
        [DRIVER_BUSY] = "no free slot",
        [DRIVER_NO_MEMORY] = "no resources for the mapping",
        [DRIVER_TIMEOUT] = "no answer in time",
        [DRIVER_DEVICE_ERROR] = "error reported by the device",
        [DRIVER_STOPPED] = "device is stopped",
    };

    return (size_t)status < sizeof(text) / sizeof(text[0]) ? text[status] : "unknown status";
}

enum driver_status driver_status_from_errno(int error)
{
    switch (error) {
    case 0:
        return DRIVER_OK;
    case UDMAR_ENOMEM:
        return DRIVER_NO_MEMORY;
    case UDMAR_EBUSY:
        return DRIVER_BUSY;
    default:
        /* EINVAL, and EFBIG: a buffer that the device cannot take in so many pieces. */
        return DRIVER_INVALID;
    }
}

int dma_block_tag_create(bus_dma_tag_t parent, bus_size_t alignment, bus_addr_t lowaddr,
                         bus_size_t size, bus_dma_tag_t *out_tag)
{
    /* One segment as long as the whole: the device is told a single address. */
    return bus_dma_tag_create(parent, alignment, 0, lowaddr, BUS_SPACE_MAXADDR, NULL, NULL, size, 1,
                              size, 0, NULL, NULL, out_tag);
}

struct block_result {
    bus_addr_t bus;
    int error;
};

/* The segments are valid during this call only, so what is needed of them is copied. */
static void block_loaded(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct block_result *result = arg;

    (void)count; /* the tag allows only one */
    result->error = error;
    if (error == 0)
        result->bus = segments[0].ds_addr;
}

int dma_memory_alloc(bus_dma_tag_t tag, bus_size_t size, struct dma_memory *memory)
{
    struct block_result result = { 0, 0 };
    int error;

    *memory = (struct dma_memory){ NULL, 0, NULL };
    error = bus_dmamem_alloc(tag, &memory->address, BUS_DMA_WAITOK | BUS_DMA_ZERO, &memory->map);
    if (error != 0) {
        *memory = (struct dma_memory){ NULL, 0, NULL };
        return error;
    }
    error = bus_dmamap_load(tag, memory->map, memory->address, size, block_loaded, &result,
                            BUS_DMA_NOWAIT);
    /* The load can succeed as a call and yet have given the callback an error. */
    if (error == 0)
        error = result.error;
    if (error != 0) {
        bus_dmamem_free(tag, memory->address, memory->map);
        *memory = (struct dma_memory){ NULL, 0, NULL };
        return error;
    }
    memory->bus = result.bus;
    return 0;
}

void dma_memory_free(bus_dma_tag_t tag, struct dma_memory *memory)
{
    if (memory->address == NULL)
        return;
    bus_dmamap_unload(tag, memory->map);
    bus_dmamem_free(tag, memory->address, memory->map);
    *memory = (struct dma_memory){ NULL, 0, NULL };
}

bool dma_tag_release(bus_dma_tag_t *tag, const char *owner, const char *what)
{
    int error = bus_dma_tag_destroy(*tag);

    if (error != 0) {
        kprintf("%s: the tag of the %s is still in use (error %d)\n", owner, what, error);
        return false;
    }
    *tag = NULL;
    return true;
}

void driver_idle(const volatile bool *attention, uint64_t ns)
{
    /* Between the look at the flag and the halt no interrupt can come in; it ends the halt. */
    uintptr_t state = irq_save();

    if (!*attention)
        cpu_idle_ns(ns);
    irq_restore(state);
}
