// SPDX-License-Identifier: BSD-2-Clause
/*
 * udmar as an IOMMU driver of the kernel's, where that lets a module register.
 *
 * Drivers that map whole requests (dma_iova_*: NVMe, InfiniBand) may do so only on devices of a
 * registered IOMMU driver. Those devices get a domain of ours, in which Linux gives out the
 * addresses; tables, invalidation and faults are the library's. All other devices keep the
 * operations of dma_ops.c, which cost less. The kernel holds the module as long as there is such a
 * device; whoever wants to unload it loads it with iommu=0.
 */
#include "port.h"

#ifdef UDMAR_LINUX_IOMMU

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

static bool iommu = true;
module_param(iommu, bool, 0444);
MODULE_PARM_DESC(iommu, "register as an IOMMU driver for NVMe and InfiniBand, which then map whole "
                        "requests; the module cannot be unloaded while there is such a device");

/* Device and domain belong together: Linux makes a domain for a group, and few groups have two. */
struct port_iommu_domain {
    struct iommu_domain base; /* first */
    struct udmar_domain *domain;
    struct port_device *device; /* who counts its mappings */
};

static struct iommu_device unit;
static bool registered;

static struct port_iommu_domain *domain_of(struct iommu_domain *base)
{
    return container_of(base, struct port_iommu_domain, base);
}

/* ---- mapping --------------------------------------------------------------------------------- */

static int map_pages(struct iommu_domain *base, unsigned long iova, phys_addr_t physical,
                     size_t page, size_t count, int rights, gfp_t gfp, size_t *out_mapped)
{
    struct port_iommu_domain *mine = domain_of(base);
    unsigned access =
        (rights & IOMMU_READ ? UDMAR_READ : 0) | (rights & IOMMU_WRITE ? UDMAR_WRITE : 0);
    size_t size = page * count;
    enum udmar_status status = udmar_domain_write(mine->domain, iova, physical, size, access);

    if (unlikely(status != UDMAR_OK)) {
        port_count(mine->device, failed, 1);
        return status == UDMAR_ERR_MEMORY ? -ENOMEM : -EINVAL;
    }
    port_count(mine->device, maps, size >> PAGE_SHIFT);
    port_count(mine->device, bytes, size);
    *out_mapped = size;
    return 0;
}

static int sync_map(struct iommu_domain *base, unsigned long iova, size_t size)
{
    return udmar_domain_publish(domain_of(base)->domain, iova, size) == UDMAR_OK ? 0 : -EIO;
}

static size_t unmap_pages(struct iommu_domain *base, unsigned long iova, size_t page, size_t count,
                          struct iommu_iotlb_gather *gather)
{
    struct port_iommu_domain *mine = domain_of(base);
    size_t size = page * count;

    if (udmar_domain_clear(mine->domain, iova, size) != UDMAR_OK) {
        return 0;
    }
    port_count(mine->device, unmaps, size >> PAGE_SHIFT);
    gather->start = min(gather->start, iova);
    gather->end = max(gather->end, iova + size - 1);
    return size;
}

/* Linux has no way to hear that a unit did not answer: the log has it, and what was there is lost.
 */
static void report_forget(struct port_iommu_domain *mine, enum udmar_status status)
{
    if (unlikely(status != UDMAR_OK)) {
        dev_err_ratelimited(&mine->device->pci->dev, "udmar: memory may still be reached: %s\n",
                            udmar_status_string(status));
    }
}

static void sync_unmap(struct iommu_domain *base, struct iommu_iotlb_gather *gather)
{
    struct port_iommu_domain *mine = domain_of(base);

    if (gather->start <= gather->end) {
        u64 first = gather->start & PAGE_MASK;

        report_forget(
            mine, udmar_domain_forget(mine->domain, first, PAGE_ALIGN(gather->end + 1) - first));
    }
}

static void flush_all(struct iommu_domain *base)
{
    struct port_iommu_domain *mine = domain_of(base);

    report_forget(mine, udmar_domain_forget(mine->domain, 0, 0));
}

static phys_addr_t iova_to_phys(struct iommu_domain *base, dma_addr_t iova)
{
    udmar_paddr_t physical;

    return udmar_domain_translate(domain_of(base)->domain, iova, &physical, NULL, NULL) == UDMAR_OK
               ? physical
               : 0;
}

/* ---- domains --------------------------------------------------------------------------------- */

static int attach_dev(struct iommu_domain *base, struct device *dev, struct iommu_domain *old)
{
    struct port_iommu_domain *mine = domain_of(base);
    struct port_device *device;
    enum udmar_status status = UDMAR_ERR_NOT_FOUND;

    mutex_lock(&port.mutex);
    device = port_device_for(to_pci_dev(dev));
    if (device != NULL) {
        status = udmar_device_set_domain(device->device, mine->domain);
    }
    if (status == UDMAR_OK) {
        device->domain = mine->domain;
        /* The kernel's own operations come in their place, and it wants no others to be there. */
        port_device_uninstall(device);
    }
    mutex_unlock(&port.mutex);
    return status == UDMAR_OK ? 0 : status == UDMAR_ERR_BUSY ? -EBUSY : -EINVAL;
}

static void free_domain(struct iommu_domain *base)
{
    struct port_iommu_domain *mine = domain_of(base);
    enum udmar_status status;

    mutex_lock(&port.mutex);
    status = udmar_domain_destroy(port.instance, mine->domain);
    mutex_unlock(&port.mutex);
    if (status != UDMAR_OK) {
        pr_err("udmar: a domain stays: %s\n", udmar_status_string(status));
        return;
    }
    kfree(mine);
}

static const struct iommu_domain_ops domain_ops = {
    .attach_dev = attach_dev,
    .map_pages = map_pages,
    .unmap_pages = unmap_pages,
    .iotlb_sync_map = sync_map,
    .iotlb_sync = sync_unmap,
    .flush_iotlb_all = flush_all,
    .iova_to_phys = iova_to_phys,
    .free = free_domain,
};

static struct iommu_domain *alloc_domain(struct device *dev)
{
    struct port_iommu_domain *mine = kzalloc(sizeof(*mine), GFP_KERNEL);
    enum udmar_status status = UDMAR_ERR_NOT_FOUND;
    struct udmar_domain_info info;

    if (mine == NULL) {
        return ERR_PTR(-ENOMEM);
    }
    mutex_lock(&port.mutex);
    mine->device = port_device_for(to_pci_dev(dev));
    if (mine->device != NULL) {
        const struct udmar_domain_config config = {
            .devices = &mine->device->device,
            .device_count = 1,
            .keep_tables = true,
        };

        status = udmar_domain_create(port.instance, &config, &mine->domain);
    }
    mutex_unlock(&port.mutex);
    if (status != UDMAR_OK) {
        kfree(mine);
        return ERR_PTR(status == UDMAR_ERR_MEMORY ? -ENOMEM : -ENODEV);
    }
    udmar_domain_info(mine->domain, &info);
    mine->base.pgsize_bitmap = SZ_4K | (info.superpages & 1 ? SZ_2M : 0);
    mine->base.geometry.aperture_end = min_t(u64, info.end, DMA_BIT_MASK(39));
    mine->base.geometry.force_aperture = true;
    mine->base.ops = &domain_ops;
    return &mine->base;
}

/* What a device has when it has no domain: nothing gets through. */
static int attach_blocked(struct iommu_domain *base, struct device *dev, struct iommu_domain *old)
{
    struct port_device *device;
    enum udmar_status status = UDMAR_OK;

    mutex_lock(&port.mutex);
    device = port_device_for(to_pci_dev(dev));
    if (device != NULL) {
        status = udmar_device_set_mode(device->device, UDMAR_MODE_BLOCKED);
        device->domain = NULL;
    }
    mutex_unlock(&port.mutex);
    return status == UDMAR_OK ? 0 : -EBUSY;
}

static struct iommu_domain blocked = {
    .type = IOMMU_DOMAIN_BLOCKED,
    .ops = &(const struct iommu_domain_ops){ .attach_dev = attach_blocked },
};

/* ---- devices --------------------------------------------------------------------------------- */

static bool wants_it(const struct pci_dev *pci)
{
    return pci->class == PCI_CLASS_STORAGE_EXPRESS || pci->class >> 8 == 0x0207 /* InfiniBand */;
}

/* The kernel's own notifier may come before ours: then the library hears of the device here. */
static struct iommu_device *probe_device(struct device *dev)
{
    struct port_device *device;
    bool ours = false;

    if (!dev_is_pci(dev) || !wants_it(to_pci_dev(dev))) {
        return ERR_PTR(-ENODEV);
    }
    mutex_lock(&port.mutex);
    device = port.running ? port_device_come(to_pci_dev(dev)) : NULL;
    ours = device != NULL && device->mode == UDMAR_MODE_TRANSLATE && !device->was_bound;
    mutex_unlock(&port.mutex);
    return ours ? &unit : ERR_PTR(-ENODEV);
}

static void release_device(struct device *dev)
{
}

static bool is_capable(struct device *dev, enum iommu_cap cap)
{
    return cap == IOMMU_CAP_CACHE_COHERENCY || (cap == IOMMU_CAP_DEFERRED_FLUSH && port.ticking);
}

/* Where Linux must not place anything: the library has its own reasons for each. */
static void reserved_regions(struct device *dev, struct list_head *list)
{
    struct port_device *device;
    struct udmar_range_info range;
    u64 from = 0;

    mutex_lock(&port.mutex);
    device = port_device_for(to_pci_dev(dev));
    while (device != NULL && device->domain != NULL &&
           udmar_domain_next_range(device->domain, from, &range)) {
        if (range.kind == UDMAR_RANGE_RESERVED || range.kind == UDMAR_RANGE_FIRMWARE) {
            bool msi = range.base == 0xfee00000;
            struct iommu_resv_region *region = iommu_alloc_resv_region(
                range.base, range.size, 0, msi ? IOMMU_RESV_MSI : IOMMU_RESV_RESERVED, GFP_KERNEL);

            if (region == NULL) {
                break;
            }
            list_add_tail(&region->list, list);
        }
        from = range.base + range.size;
    }
    mutex_unlock(&port.mutex);
}

static int domain_type(struct device *dev)
{
    return IOMMU_DOMAIN_DMA;
}

static const struct iommu_ops ops = {
    .owner = THIS_MODULE,
    .capable = is_capable,
    .domain_alloc_paging = alloc_domain,
    .probe_device = probe_device,
    .release_device = release_device,
    .device_group = pci_device_group,
    .get_resv_regions = reserved_regions,
    .def_domain_type = domain_type,
    .blocked_domain = &blocked,
    .release_domain = &blocked,
    .default_domain_ops = &domain_ops,
};

void port_iommu_register(void)
{
    int error;

    if (!iommu) {
        return;
    }
    error = iommu_device_sysfs_add(&unit, NULL, NULL, "udmar");
    if (error == 0) {
        error = iommu_device_register(&unit, &ops, NULL);
        registered = error == 0;
        if (error != 0) {
            iommu_device_sysfs_remove(&unit);
        }
    }
    if (error != 0) {
        pr_warn("udmar: not registered as an IOMMU driver (%d): NVMe maps page by page\n", error);
    }
}

void port_iommu_unregister(void)
{
    if (registered) {
        iommu_device_unregister(&unit);
        iommu_device_sysfs_remove(&unit);
    }
    registered = false;
}

#else

void port_iommu_register(void)
{
}

void port_iommu_unregister(void)
{
}

#endif
