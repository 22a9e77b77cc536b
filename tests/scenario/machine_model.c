/* SPDX-License-Identifier: BSD-2-Clause */
/* The hardware model as a machine for scenarios: capabilities and habits of QEMU's unit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "model.h"

#define MODEL_UNIT UINT64_C(0xfed91000)
#define CAP_CM     (UINT64_C(1) << 7)
#define ECAP_DT    (UINT64_C(1) << 2)
#define ECAP_PT    (UINT64_C(1) << 6)
#define ECAP_SC    (UINT64_C(1) << 7)

struct modelled_device {
    udmar_rid_t rid, bridge;
    uint64_t scratch;
};

struct modelled {
    struct model *m;
    struct model_unit *u;
    void *registers;
    struct modelled_device device[MOST_DEVICES];
    unsigned device_count;
    struct raised raised[64]; /* not asked for yet */
    unsigned raised_count;
};

#define ECAP_EIM   (UINT64_C(1) << 4)
/* QEMU's I/O APIC, as its table names it. */
#define IOAPIC_BUS 0xff

static void add_device(struct modelled *mm, unsigned index, const struct machine_device *kind)
{
    static const enum model_bridge_kind kinds[] = {
        [BEHIND_ROOT_PORT] = MODEL_ROOT_PORT,
        [BEHIND_PCI_BRIDGE] = MODEL_PCI_TO_PCI,
        [BEHIND_PCIE_TO_PCI] = MODEL_PCIE_TO_PCI,
    };
    struct modelled_device *d = &mm->device[index];
    uint8_t bus = (uint8_t)(index + 1);

    d->scratch = LOW_END + index * SCRATCH_SIZE;
    if (kind->beside != 0) {
        const struct modelled_device *other = &mm->device[kind->beside - 1];

        d->bridge = other->bridge;
        d->rid = (udmar_rid_t)(other->rid + UDMAR_RID(0, index, 0));
    } else if (kind->place == ON_ROOT) {
        d->rid = UDMAR_RID(0, 4 + index, 0);
    } else {
        d->bridge = UDMAR_RID(0, 0x10 + index, 0);
        d->rid = UDMAR_RID(bus, kind->place == BEHIND_ROOT_PORT ? 0 : 1, 0);
        model_add_bridge(mm->m, 0, d->bridge, bus, bus, kinds[kind->place]);
    }
    if (kind->engine == EDU)
        model_add_function(mm->m, 0, d->rid, 0x1234, 0x11e8, 0x00ff00);
    else
        model_add_function(mm->m, 0, d->rid, 0x8086, 0x100e, 0x020000);
}

static void *model_open(const struct machine_options *o)
{
    static const struct model_config config = { .low_base = RAM_LOW,
                                                .low_size = RAM_LOW_END - RAM_LOW,
                                                .high_base = RAM_HIGH,
                                                .high_size = RAM_HIGH_END - RAM_HIGH,
                                                .no_interrupts = true,
                                                .prefer_high = true };
    static const struct machine_device edu = { ON_ROOT, EDU, 0 };
    const struct model_unit_config unit = {
        .profile = o->width == 39 ? "qemu39" : "qemu48",
        .base = MODEL_UNIT,
        .include_all = true,
        .cap_set = o->caching_mode ? CAP_CM : 0,
        .ecap_clear = o->no_pass_through ? ECAP_PT : 0,
        .ecap_set = (o->snoop_control ? ECAP_SC : 0) | (o->device_tlb ? ECAP_DT : 0) |
                    (o->wide_ids ? ECAP_EIM : 0),
    };
    struct modelled *mm = calloc(1, sizeof(*mm));

    if (mm == NULL)
        abort();
    mm->m = model_create(&config);
    mm->u = model_add_unit(mm->m, &unit);
    if (o->interrupts) {
        const struct model_scope ioapic = { .type = MODEL_SCOPE_IOAPIC,
                                            .start_bus = IOAPIC_BUS,
                                            .hops = 1 };

        model_set_dmar_header(mm->m, 1, 0);
        model_add_unit_scope(mm->u, &ioapic);
    }
    model_behaviour(mm->u)->merge_faults = true;
    model_behaviour(mm->u)->transient_bit = o->transient_bit;
    model_reserve(mm->m, LOW, RAM_LOW_END - LOW);
    model_reserve(mm->m, HIGH, HIGH_END - HIGH);
    mm->device_count = o->device_count == 0 ? 1 : o->device_count;
    for (unsigned i = 0; i < mm->device_count; i++)
        add_device(mm, i, o->device_count == 0 ? &edu : &o->device[i]);
    return mm;
}

static void raw_registers_close(struct modelled *mm)
{
    if (mm->registers != NULL)
        udmar_host_mmio_unmap(mm->m, mm->registers, 0x1000);
}

static void model_abandon(void *machine)
{
    struct modelled *mm = machine;

    model_destroy(mm->m);
    free(mm);
}

static unsigned model_close(void *machine)
{
    struct modelled *mm = machine;
    unsigned complaints;

    raw_registers_close(mm);
    for (unsigned i = 0; i < model_violations(mm->m); i++)
        fprintf(stderr, "# violation: %s\n", model_violation_text(mm->m, i));
    complaints = model_violations(mm->m) + model_leaks(mm->m);
    model_abandon(mm);
    return complaints;
}

static size_t model_table(void *machine, void *buffer, size_t size)
{
    return model_dmar_build(((struct modelled *)machine)->m, buffer, size);
}

static udmar_rid_t model_rid(void *machine, unsigned device)
{
    return ((struct modelled *)machine)->device[device].rid;
}

static udmar_rid_t model_bridge(void *machine, unsigned device)
{
    return ((struct modelled *)machine)->device[device].bridge;
}

static uint8_t *model_at(void *machine, uint64_t physical)
{
    return model_pointer(((struct modelled *)machine)->m, physical);
}

static void model_publish(void *machine, uint64_t physical, uint64_t value)
{
    model_publish64(((struct modelled *)machine)->m, physical, value);
}

static uint64_t model_scratch(void *machine, unsigned device)
{
    return ((struct modelled *)machine)->device[device].scratch;
}

static void model_reach(void *machine, unsigned device, uint64_t iova)
{
    (void)machine;
    (void)device;
    (void)iova;
}

static enum dma_result raise_one(struct modelled *mm, uint16_t source, uint64_t address,
                                 uint32_t data)
{
    struct raised *one = &mm->raised[mm->raised_count];

    switch (model_interrupt(mm->m, 0, source, address, data, &one->vector, &one->destination)) {
    case MODEL_INT_COMPATIBILITY:
        one->vector = (uint8_t)data;
        one->destination = (uint8_t)(address >> 12);
        break;
    case MODEL_INT_REMAPPED:
        break;
    default:
        return DMA_BLOCKED;
    }
    if (++mm->raised_count == sizeof(mm->raised) / sizeof(mm->raised[0]))
        abort();
    return DMA_DONE;
}

static unsigned model_raised(void *machine, struct raised *list, unsigned room)
{
    struct modelled *mm = machine;
    unsigned count = mm->raised_count;

    memcpy(list, mm->raised, (count < room ? count : room) * sizeof(*list));
    mm->raised_count = 0;
    return count;
}

static void model_message(void *machine, unsigned device, uint64_t address, uint32_t data)
{
    struct modelled *mm = machine;

    (void)raise_one(mm, model_requester_id(mm->m, 0, mm->device[device].rid), address, data);
}

static void model_pin(void *machine, unsigned pin, uint64_t redirection)
{
    uint64_t index = redirection >> 49 | (redirection >> 11 & 1) << 15;

    (void)pin;
    if ((redirection >> 48 & 1) != 0)
        (void)raise_one(machine, IOAPIC_BUS << 8,
                        UINT64_C(0xfee00010) | (index & 0x7fff) << 5 | index >> 15 << 2, 0);
}

/* A device's transfer is cut at page borders, and a part that is stopped does not stop the next. */
static enum dma_result model_engine_dma(void *machine, unsigned device, uint64_t iova, void *buffer,
                                        size_t length, bool write)
{
    struct modelled *mm = machine;
    uint16_t source = model_requester_id(mm->m, 0, mm->device[device].rid);
    enum dma_result all = DMA_DONE;
    uint8_t *bytes = buffer;

    if (write && length == 4 && iova >> 20 == 0xfee) {
        uint32_t data;

        memcpy(&data, buffer, sizeof(data));
        return raise_one(mm, source, iova, data);
    }
    for (size_t done = 0; done < length;) {
        size_t left = (size_t)(PAGE - (iova + done) % PAGE);
        size_t part = length - done < left ? length - done : left;
        enum model_result result =
            model_dma(mm->m, 0, source, iova + done, bytes + done, part, write);

        if (result != MODEL_OK && result != MODEL_BYPASSED)
            all = DMA_BLOCKED;
        done += part;
    }
    return all;
}

/* A mapping of the tester's own, made where it is needed: the driver may have two at most. */
static void *raw_registers(struct modelled *mm)
{
    if (mm->registers == NULL)
        mm->registers = udmar_host_mmio_map(mm->m, MODEL_UNIT, 0x1000);
    return mm->registers;
}

static uint32_t model_raw_read(void *machine, uint32_t offset)
{
    struct modelled *mm = machine;

    return udmar_host_mmio_read32(mm->m, raw_registers(mm), offset);
}

static void model_raw_write(void *machine, uint32_t offset, uint32_t value)
{
    struct modelled *mm = machine;

    udmar_host_mmio_write32(mm->m, raw_registers(mm), offset, value);
}

static void *model_buffer(void *machine, size_t size, bool scattered, size_t offset)
{
    return model_buffer_alloc(((struct modelled *)machine)->m, size,
                              scattered ? MODEL_SCATTERED : MODEL_CONTIGUOUS, offset);
}

static void model_give_buffer(void *machine, void *buffer)
{
    model_buffer_free(((struct modelled *)machine)->m, buffer);
}

static unsigned model_flush_count(void *machine)
{
    return model_flushes(((struct modelled *)machine)->m);
}

static size_t model_pages(void *machine)
{
    return model_pages_in_use(((struct modelled *)machine)->m);
}

static const char *model_lacks(const struct machine_options *options)
{
    (void)options;
    return NULL;
}

static unsigned model_version(void)
{
    return 0;
}

static const char *model_missing(void)
{
    return NULL;
}

static void model_on_loss(void (*handler)(const char *why))
{
    (void)handler;
}

static void *model_inner(void *machine)
{
    return ((struct modelled *)machine)->m;
}

#define HOST_ENTRY(name) .name = udmar_host_##name,
static const struct host_ops model_host_ops = { HOST_FUNCTIONS(HOST_ENTRY) };

const struct machine_ops machine_model = {
    .name = "model",
    .is_model = true,
    .host = &model_host_ops,
    .missing = model_missing,
    .lacks = model_lacks,
    .version = model_version,
    .open = model_open,
    .close = model_close,
    .abandon = model_abandon,
    .on_loss = model_on_loss,
    .inner = model_inner,
    .table = model_table,
    .rid = model_rid,
    .bridge = model_bridge,
    .memory = model_at,
    .publish = model_publish,
    .scratch = model_scratch,
    .reach = model_reach,
    .dma = model_engine_dma,
    .raised = model_raised,
    .message = model_message,
    .pin = model_pin,
    .read = model_raw_read,
    .write = model_raw_write,
    .buffer = model_buffer,
    .buffer_free = model_give_buffer,
    .flushes = model_flush_count,
    .pages = model_pages,
};
