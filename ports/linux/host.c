// SPDX-License-Identifier: BSD-2-Clause
/*
 * The host interface on Linux, but for the interrupt and what port_inline.h has. Nothing here
 * sleeps unless it says so.
 */
#include "port.h"

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include <udmar/host.h>

#define PORT_INLINE
#include "port_inline.h"

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    return (void __force *)ioremap(physical, size);
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    iounmap((void __iomem __force *)registers);
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    return readl((void __iomem __force *)registers + offset);
}

/*
 * Blocks come by orders, so what is not a power of two has some pages that nobody uses. The zones
 * know two limits only: the answer is looked at, and a lower zone asked where it lies too high.
 */
static bool page_alloc(size_t count, udmar_paddr_t highest, int node, struct udmar_page *out_page)
{
    static const gfp_t zones[] = { 0, GFP_DMA32, GFP_DMA };
    unsigned order = get_order(count << PAGE_SHIFT);

    for (unsigned i = 0; i < ARRAY_SIZE(zones); i++) {
        gfp_t gfp = GFP_ATOMIC | __GFP_ZERO | __GFP_NOWARN | zones[i];
        struct page *page = alloc_pages_node(node, gfp, order);

        if (page == NULL) {
            return false;
        }
        if (page_to_phys(page) + (count << PAGE_SHIFT) - 1 <= highest) {
            out_page->mapping = page_address(page);
            out_page->physical = page_to_phys(page);
            return true;
        }
        __free_pages(page, order);
    }
    return false;
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    return page_alloc(count, highest, NUMA_NO_NODE, out_page);
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    if (domain < 0 || domain >= nr_node_ids || !node_online(domain)) {
        domain = NUMA_NO_NODE;
    }
    return page_alloc(count, highest, domain, out_page);
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    __free_pages(pfn_to_page(page->physical >> PAGE_SHIFT), get_order(count << PAGE_SHIFT));
}

/* Only caches whose size is a power of two align what is in them to more than 8 bytes. */
static size_t cache_size(size_t size)
{
    return size <= 192 ? roundup_pow_of_two(max_t(size_t, size, 16)) : size;
}

void *udmar_host_alloc(void *host, size_t size)
{
    return kzalloc(cache_size(size), GFP_ATOMIC | __GFP_NOWARN);
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    kfree(memory);
}

uint64_t udmar_host_time_ns(void *host)
{
    cpu_relax();
    return ktime_get_ns();
}

/* The library puts its own name in front of each line. */
void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    switch (level) {
    case UDMAR_LOG_ERROR:
        pr_err("%s\n", text);
        break;
    case UDMAR_LOG_WARN:
        pr_warn("%s\n", text);
        break;
    case UDMAR_LOG_INFO:
        pr_info("%s\n", text);
        break;
    case UDMAR_LOG_DEBUG:
        pr_debug("%s\n", text);
        break;
    }
}

/*
 * The segments that Linux makes up for VMD controllers begin at 0x10000, and the library's have 16
 * bits: they get the upper half, which no firmware uses.
 */
#define LINUX_MADE_UP 0x10000
#define PORT_MADE_UP  0x8000

bool port_segment(struct pci_bus *bus, u16 *out_segment)
{
    int domain = pci_domain_nr(bus);

    *out_segment = domain < LINUX_MADE_UP ? domain : domain - LINUX_MADE_UP + PORT_MADE_UP;
    return domain < PORT_MADE_UP ||
           (domain >= LINUX_MADE_UP && domain < LINUX_MADE_UP + PORT_MADE_UP);
}

static int domain_of(u16 segment)
{
    return segment < PORT_MADE_UP ? segment : segment - PORT_MADE_UP + LINUX_MADE_UP;
}

/* By bus and not by device: functions that are not in Linux's list are looked at as well. */
uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    struct pci_bus *bus = pci_find_bus(domain_of(segment), UDMAR_RID_BUS(rid));
    u32 value = U32_MAX;

    if (bus != NULL) {
        pci_bus_read_config_dword(bus, UDMAR_RID_DEVFN(rid), offset, &value);
    }
    return value;
}

/* The buses that SR-IOV adds have no bridge of their own: that of the bus they belong to counts. */
bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t number, udmar_rid_t *out_bridge)
{
    struct pci_bus *bus = pci_find_bus(domain_of(segment), number);

    while (bus != NULL && bus->self == NULL) {
        bus = bus->parent;
    }
    if (bus == NULL) {
        return false;
    }
    *out_bridge = pci_dev_id(bus->self);
    return true;
}

/* What pci_real_dma_dev() answers, which modules may not call. */
static bool real_dma_dev(struct pci_dev *pci, u16 *out_segment, udmar_rid_t *out_rid)
{
#if IS_ENABLED(CONFIG_VMD)
    if (is_vmd(pci->bus)) {
        struct pci_dev *real = to_pci_sysdata(pci->bus)->vmd_dev;

        *out_rid = pci_dev_id(real);
        return port_segment(real->bus, out_segment);
    }
#endif
    return false;
}

/* Linux's own quirks know further ids of odd devices, and may have read them out of registers. */
bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    struct pci_dev *pci =
        pci_get_domain_bus_and_slot(domain_of(segment), UDMAR_RID_BUS(rid), UDMAR_RID_DEVFN(rid));
    bool found = false;
    unsigned devfn;

    if (pci == NULL) {
        return false;
    }
    if (real_dma_dev(pci, out_segment, out_rid)) {
        found = index == 0;
    } else if (pci->dma_alias_mask != NULL) {
        for_each_set_bit(devfn, pci->dma_alias_mask, 256)
        {
            if (index-- == 0) {
                *out_segment = segment;
                *out_rid = UDMAR_RID_BUS(rid) << 8 | devfn;
                found = true;
                break;
            }
        }
    }
    pci_dev_put(pci);
    return found;
}

void *udmar_host_lock_create(void *host)
{
    struct port_lock *lock = kzalloc(sizeof(*lock), GFP_ATOMIC);

    if (lock == NULL) {
        return NULL;
    }
    lockdep_register_key(&lock->key);
    raw_spin_lock_init(&lock->spin);
    lockdep_set_class(&lock->spin, &lock->key);
    return lock;
}

void udmar_host_lock_destroy(void *host, void *memory)
{
    struct port_lock *lock = memory;

    lockdep_unregister_key(&lock->key);
    kfree(lock);
}

udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    if (!is_vmalloc_addr(address)) {
        return virt_addr_valid(address) ? virt_to_phys((void *)address) : UINT64_MAX;
    }
    *length = min_t(size_t, *length, PAGE_SIZE - offset_in_page(address));
    return page_to_phys(vmalloc_to_page(address)) + offset_in_page(address);
}

/* May sleep. Memory of both kinds is cached: x86 has no use for another. */
void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    struct udmar_page page;

    if (!contiguous) {
        return vzalloc(size);
    }
    size = max(PAGE_ALIGN(size), alignment);
    if (size >> PAGE_SHIFT > 1024 ||
        !udmar_host_page_alloc(host, size >> PAGE_SHIFT, highest, true, &page)) {
        return NULL;
    }
    return page.mapping;
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    if (is_vmalloc_addr(memory)) {
        vfree(memory);
    } else {
        free_pages((unsigned long)memory, get_order(size));
    }
}
