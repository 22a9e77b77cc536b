/* SPDX-License-Identifier: BSD-2-Clause */
/* The host functions that the library is linked with: each goes to the machine's own. */
#include "host_switch.h"

#define TO(host)    (((struct host *)(host))->ops)
#define INNER(host) (((struct host *)(host))->inner)

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    return TO(host)->mmio_map(INNER(host), physical, size);
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    TO(host)->mmio_unmap(INNER(host), registers, size);
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    return TO(host)->mmio_read32(INNER(host), registers, offset);
}

void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    TO(host)->mmio_write32(INNER(host), registers, offset, value);
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    return TO(host)->page_alloc(INNER(host), count, highest, mapped, out_page);
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    return TO(host)->page_alloc_near(INNER(host), count, highest, domain, out_page);
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    TO(host)->page_free(INNER(host), page, count);
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    return TO(host)->page_map(INNER(host), physical);
}

void udmar_host_page_unmap(void *host, void *address)
{
    TO(host)->page_unmap(INNER(host), address);
}

void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    TO(host)->cache_flush(INNER(host), address, size);
}

void *udmar_host_alloc(void *host, size_t size)
{
    return TO(host)->alloc(INNER(host), size);
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    TO(host)->free(INNER(host), memory, size);
}

uint64_t udmar_host_time_ns(void *host)
{
    return TO(host)->time_ns(INNER(host));
}

void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    TO(host)->log(INNER(host), level, text);
}

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    return TO(host)->pci_read32(INNER(host), segment, rid, offset);
}

bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    return TO(host)->pci_bridge(INNER(host), segment, bus, out_bridge);
}

bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    return TO(host)->pci_alias(INNER(host), segment, rid, index, out_segment, out_rid);
}

/* Scenarios have one thread. */
unsigned udmar_host_cpu(void *host)
{
    (void)host;
    return 0;
}

void *udmar_host_lock_create(void *host)
{
    return TO(host)->lock_create(INNER(host));
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    TO(host)->lock_destroy(INNER(host), lock);
}

uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    return TO(host)->lock_acquire(INNER(host), lock);
}

void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    TO(host)->lock_release(INNER(host), lock, state);
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    return TO(host)->interrupt_alloc(INNER(host), handler, argument, out_address, out_data);
}

void udmar_host_interrupt_free(void *host, void *interrupt)
{
    TO(host)->interrupt_free(INNER(host), interrupt);
}

udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    return TO(host)->virtual_to_physical(INNER(host), address, length);
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    return TO(host)->dmamem_alloc(INNER(host), size, alignment, highest, contiguous, uncached);
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    TO(host)->dmamem_free(INNER(host), memory, size);
}
