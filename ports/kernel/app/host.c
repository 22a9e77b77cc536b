/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host interface of udmar for the reference kernel: one processor, one instance, so the host
 * pointer is not used and a lock is the interrupt flag.
 */
#include <udmar/host.h>

#include "kernel.h"

bool host_units_snoop;

/* ---- Tier 1 ---- */

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    (void)host;
    return mmio_map(physical, size);
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    (void)host;
    (void)size;
    mmio_unmap(registers);
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    uint64_t size = PAGE_SIZE;
    uint64_t phys;

    (void)host;
    while (size < count * PAGE_SIZE) {
        size *= 2;
    }
    /* What has to stay mapped must lie in the direct map; everything else prefers memory outside.
     */
    if ((mapped || count > 1) && highest >= DIRECT_MAP_SIZE) {
        highest = DIRECT_MAP_SIZE - 1;
    }
    phys = page_alloc_range(count, size, 0, highest);
    if (phys == 0) {
        return false;
    }
    phys_fill(phys, 0, count * PAGE_SIZE);
    out_page->physical = phys;
    out_page->mapping = phys_directly_mapped(phys) ? phys_to_direct(phys) : NULL;
    return true;
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    (void)host;
    page_free_range(page->physical, count);
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    void *address = phys_map_page(physical);

    (void)host;
    /* 64 slots, and the library takes six. */
    kassert(address != NULL);
    return address;
}

void udmar_host_page_unmap(void *host, void *address)
{
    (void)host;
    phys_unmap_page(address);
}

void *udmar_host_alloc(void *host, size_t size)
{
    (void)host;
    return kzalloc(size);
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    (void)host;
    (void)size;
    kfree(memory);
}

uint64_t udmar_host_time_ns(void *host)
{
    (void)host;
    __asm__ volatile("pause");
    return time_ns();
}

void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    (void)host;
    if (level != UDMAR_LOG_DEBUG) {
        kprintf("%s\n", text);
    }
}

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    (void)host;
    return pci_read32(segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVFN(rid), offset);
}

bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    const struct pci_device *bridge = pci_bridge_of_bus(segment, bus);

    (void)host;
    if (bridge == NULL) {
        return false;
    }
    *out_bridge = (udmar_rid_t)(bridge->bus << 8 | bridge->devfn);
    return true;
}

/* QEMU has no devices that send for others without a bridge. */
bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    (void)host;
    (void)segment;
    (void)rid;
    (void)index;
    (void)out_segment;
    (void)out_rid;
    return false;
}

/* ---- Tier 2 ---- */

void *udmar_host_lock_create(void *host)
{
    static char only_lock;

    (void)host;
    return &only_lock;
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    (void)host;
    (void)lock;
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    const struct irq_request request = { .source.kind = IRQ_OWN,
                                         .handler = handler,
                                         .arg = argument };
    struct irq_message message;
    struct irq *irq = irq_take(&request);

    (void)host;
    if (irq != NULL) {
        irq_message(irq, &message);
        *out_address = message.address;
        *out_data = message.data;
    }
    return irq;
}

void udmar_host_interrupt_free(void *host, void *interrupt)
{
    (void)host;
    irq_give(interrupt);
}

/* ---- Tier 3 ---- */

udmar_paddr_t host_walk_virtual(const void *address, size_t *length)
{
    size_t to_end = PAGE_SIZE - ((uintptr_t)address & PAGE_MASK);
    uint64_t phys;

    if (*length > to_end) {
        *length = to_end;
    }
    return virt_to_phys(address, &phys) ? phys : UINT64_MAX;
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    (void)domain; /* one memory for all processors */
    return udmar_host_page_alloc(host, count, highest, false, out_page);
}

static uint64_t whole_pages(size_t size)
{
    return (size + PAGE_MASK) >> PAGE_SHIFT;
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    void *memory;
    uint64_t phys;

    (void)host;
    (void)uncached; /* this kernel maps all RAM write-back, which a coherent bus allows */
    if (!contiguous) {
        /* Scattered on purpose: only remapping makes one piece of it for the device. */
        memory = vm_alloc_scattered_below(size, highest);
        if (memory != NULL) {
            memset(memory, 0, size);
        }
        return memory;
    }
    if (highest >= DIRECT_MAP_SIZE) {
        highest = DIRECT_MAP_SIZE - 1;
    }
    phys = page_alloc_range(whole_pages(size), alignment > PAGE_SIZE ? alignment : PAGE_SIZE, 0,
                            highest);
    if (phys == 0) {
        return NULL;
    }
    memory = phys_to_direct(phys);
    memset(memory, 0, size);
    return memory;
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    uint64_t phys;

    (void)host;
    if (virt_to_phys(memory, &phys) && phys_directly_mapped(phys) &&
        phys_to_direct(phys) == memory) {
        page_free_range(phys, whole_pages(size));
    } else {
        vm_free(memory);
    }
}
