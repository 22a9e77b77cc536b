/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host interface on FreeBSD, but for the interrupt (udmar_interrupt.c). Nothing here sleeps
 * unless it says so.
 *
 * Locks are ordinary mutexes: page tables are allocated under the domain's lock, and FreeBSD
 * allocates nothing with a spin lock held. Faults are handled in an interrupt thread, which may
 * take such a mutex.
 */
#include "udmar_port.h"

#include <sys/conf.h>
#include <sys/kdb.h>
#include <sys/proc.h>
#include <sys/time.h>

#include <vm/vm.h>
#include <vm/vm_extern.h>
#include <vm/vm_kern.h>
#include <vm/vm_page.h>
#include <vm/pmap.h>

#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/md_var.h>
#include <machine/pci_cfgreg.h>
#include <machine/vmparam.h>

#include <dev/pci/pcireg.h>
#include <dev/pci/pcivar.h>

#include <udmar/host.h>

#ifndef __amd64__
#error "udmar's FreeBSD port keeps every page mapped, as amd64 does; i386 is not done yet"
#endif

MALLOC_DEFINE(M_UDMAR, "udmar", "DMA remapping");

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    return pmap_mapdev_attr(physical, size, VM_MEMATTR_UNCACHEABLE);
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
#if __FreeBSD_version >= 1400070
    pmap_unmapdev(registers, size);
#else
    pmap_unmapdev((vm_offset_t)registers, size);
#endif
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    return *(volatile uint32_t *)((char *)registers + offset);
}

void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    __compiler_membar();
    *(volatile uint32_t *)((char *)registers + offset) = value;
}

/* One page mostly comes where it may; what lies too high is asked for again with the limit. */
static vm_page_t alloc_pages(size_t count, udmar_paddr_t highest, int domain)
{
    int request = VM_ALLOC_NORMAL | VM_ALLOC_WIRED | VM_ALLOC_ZERO;
    u_long alignment = count == 1 ? 1 : 1ul << flsl((long)count - 1);
    vm_page_t page = NULL;

    if (count == 1 && domain < 0) {
        page = vm_page_alloc_noobj(request);
        if (page == NULL || VM_PAGE_TO_PHYS(page) + PAGE_MASK <= highest) {
            return page;
        }
        vm_page_unwire_noq(page);
        vm_page_free(page);
    }
    if (domain >= 0 && domain < vm_ndomains) {
        page = vm_page_alloc_noobj_contig_domain(domain, request, count, 0, highest,
                                                 alignment << PAGE_SHIFT, 0, VM_MEMATTR_DEFAULT);
    }
    if (page == NULL) {
        page = vm_page_alloc_noobj_contig(request, count, 0, highest, alignment << PAGE_SHIFT, 0,
                                          VM_MEMATTR_DEFAULT);
    }
    return page;
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    vm_page_t page = alloc_pages(count, highest, domain);

    if (page == NULL) {
        return false;
    }
    out_page->physical = VM_PAGE_TO_PHYS(page);
    out_page->mapping = (void *)PHYS_TO_DMAP(out_page->physical);
    return true;
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    return udmar_host_page_alloc_near(host, count, highest, -1, out_page);
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    vm_page_t first = PHYS_TO_VM_PAGE(page->physical);

    for (size_t i = 0; i < count; i++) {
        vm_page_unwire_noq(first + i);
        vm_page_free(first + i);
    }
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    return (void *)PHYS_TO_DMAP(physical);
}

void udmar_host_page_unmap(void *host, void *address)
{
}

void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    vm_offset_t line = rounddown2((vm_offset_t)address, cpu_clflush_line_size);

    for (; line < (vm_offset_t)address + size; line += cpu_clflush_line_size) {
        clflush(line);
    }
    mfence();
}

void *udmar_host_alloc(void *host, size_t size)
{
    return malloc(size, M_UDMAR, M_NOWAIT | M_ZERO);
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    free(memory, M_UDMAR);
}

/* The kernel's clock stands still before its first tick, and in a dump nobody winds it up. */
uint64_t udmar_host_time_ns(void *host)
{
    uint64_t now;

    cpu_spinwait();
    if ((cold || dumping || KERNEL_PANICKED() || kdb_active) && tsc_freq != 0) {
        now = rdtsc();
        return now / tsc_freq * 1000000000 + now % tsc_freq * 1000 / (tsc_freq / 1000000);
    }
    return (uint64_t)sbttons(sbinuptime());
}

/* The library puts its own name in front of each line. */
void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    if (level != UDMAR_LOG_DEBUG || bootverbose) {
        printf("%s\n", text);
    }
}

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    return pci_cfgregread(segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid),
                          UDMAR_RID_FUNCTION(rid), (int)offset, 4);
}

/* By configuration space: devices ask before newbus has all bridges. */
bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    return udmar_pci_find_bridge(host, segment, bus, out_bridge);
}

/* FreeBSD's vmd(4) and its NTB drivers are not known here: docs of the port say so. */
bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    return false;
}

/* Several of them nest, in an order that docs/CONCURRENCY.md states and tests hold. */
void *udmar_host_lock_create(void *host)
{
    struct mtx *lock = malloc(sizeof(*lock), M_UDMAR, M_NOWAIT | M_ZERO);

    if (lock != NULL) {
        mtx_init(lock, "udmar", NULL, MTX_DEF | MTX_DUPOK);
    }
    return lock;
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    mtx_destroy((struct mtx *)lock);
    free(lock, M_UDMAR);
}

/* In the debugger all other processors stand still, and it only reads. */
uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    if (__predict_false(kdb_active)) {
        return 1;
    }
    mtx_lock((struct mtx *)lock);
    return 0;
}

void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    if (__predict_true(state == 0)) {
        mtx_unlock((struct mtx *)lock);
    }
}

unsigned udmar_host_cpu(void *host)
{
    return (unsigned)curcpu;
}

/* Only pieces that the port has not looked up itself, and addresses that are wrong. */
udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    vm_offset_t virtual = (vm_offset_t)address;
    vm_paddr_t physical;

    if (VIRT_IN_DMAP(virtual)) {
        return DMAP_TO_PHYS(virtual);
    }
    if (virtual < VM_MIN_KERNEL_ADDRESS) {
        return UINT64_MAX;
    }
    physical = pmap_kextract(virtual);
    *length = MIN(*length, PAGE_SIZE - (virtual & PAGE_MASK));
    return physical != 0 ? physical : UINT64_MAX;
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    vm_memattr_t attribute = uncached ? VM_MEMATTR_UNCACHEABLE : VM_MEMATTR_DEFAULT;

    size = round_page(size);
    if (contiguous) {
        return (void *)kmem_alloc_contig(size, M_NOWAIT | M_ZERO, 0, highest,
                                         MAX(alignment, PAGE_SIZE), 0, attribute);
    }
    return (void *)kmem_alloc_attr(size, M_NOWAIT | M_ZERO, 0, highest, attribute);
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
#if __FreeBSD_version >= 1400070
    kmem_free(memory, round_page(size));
#else
    kmem_free((vm_offset_t)memory, round_page(size));
#endif
}
