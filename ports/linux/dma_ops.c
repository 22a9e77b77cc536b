// SPDX-License-Identifier: BSD-2-Clause
/* The DMA operations of a device that is translated, and those of one that may do none. */
#include "port.h"

#include <linux/sizes.h>

#include <udmar/stream.h>

/*
 * Of a PCI function, which always has a mask. 0, and with that the slow path, where the bus has a
 * limit of its own.
 */
static __always_inline u64 fast_highest(struct device *dev)
{
    return likely(dev->bus_dma_limit == 0) ? *dev->dma_mask : 0;
}

static noinline dma_addr_t map_slow_path(struct device *dev, phys_addr_t physical, size_t size,
                                         enum dma_data_direction direction)
{
    const struct udmar_dma_physical piece = { .address = physical, .length = size };
    const struct port_limits limits = {
        .highest = port_highest(dev, dma_get_mask(dev)),
        .boundary_mask = U64_MAX,
    };
    struct port_device *device = port_device_get(dev);
    dma_addr_t iova;

    if (port_map(device, &piece, 1, 0, port_access(direction), &limits, &iova) != 0) {
        return DMA_MAPPING_ERROR;
    }
    port_count(device, bytes, size);
    return iova;
}

/* The DMA API has looked at the direction. */
static __always_inline dma_addr_t map_piece(struct device *dev, phys_addr_t physical, size_t size,
                                            enum dma_data_direction direction)
{
    struct port_device *device = port_device_get(dev);
    struct port_counts __percpu *counts;
    udmar_iova_t iova = udmar_stream_map_one(device->domain, physical, size, port_access(direction),
                                             fast_highest(dev));

    if (unlikely(iova == UDMAR_STREAM_NONE)) {
        return map_slow_path(dev, physical, size, direction);
    }
    counts = device->counts;
    this_cpu_inc(counts->maps);
    this_cpu_add(counts->bytes, size);
    return iova;
}

static void unmap_page(struct device *dev, dma_addr_t iova, size_t size,
                       enum dma_data_direction direction, unsigned long attributes)
{
    struct port_device *device = port_device_get(dev);
    enum udmar_status status = udmar_stream_unmap(device->domain, iova);

    port_count(device, unmaps, 1);
    if (unlikely(status != UDMAR_OK)) {
        port_unmap_other(device, iova, size, status);
    }
}

/* Newer kernels have one operation for memory and registers. */
#ifdef UDMAR_LINUX_MAP_PHYS
static dma_addr_t map_phys(struct device *dev, phys_addr_t physical, size_t size,
                           enum dma_data_direction direction, unsigned long attributes)
{
    return map_piece(dev, physical, size, direction);
}
#else
static dma_addr_t map_page(struct device *dev, struct page *page, unsigned long offset, size_t size,
                           enum dma_data_direction direction, unsigned long attributes)
{
    return map_piece(dev, page_to_phys(page) + offset, size, direction);
}

static dma_addr_t map_resource(struct device *dev, phys_addr_t physical, size_t size,
                               enum dma_data_direction direction, unsigned long attributes)
{
    return map_piece(dev, physical, size, direction);
}
#endif

/* Below 16 MiB there may be no room among what firmware has reserved. */
static int dma_supported(struct device *dev, u64 mask)
{
    return mask >= DMA_BIT_MASK(24);
}

/* Any memory has a guest address below 4 GiB: nobody needs longer descriptors for its sake. */
static u64 get_required_mask(struct device *dev)
{
    return DMA_BIT_MASK(32);
}

/* One mapping should leave room for others. */
static size_t max_mapping_size(struct device *dev)
{
    struct udmar_domain_info info;

    udmar_domain_info(port_device_get(dev)->domain, &info);
    return min_t(u64, port_highest(dev, dma_get_mask(dev)), info.end) / 4;
}

/* Pieces that meet at a page border can be joined for the device. */
static unsigned long get_merge_boundary(struct device *dev)
{
    return PAGE_SIZE - 1;
}

/*
 * No sync operations: memory is coherent on x86 and nothing bounces. Linux 6.12 skips the calls
 * altogether when there are none.
 */
static const struct dma_map_ops translated_ops = {
#ifdef UDMAR_LINUX_MAP_PHYS
    .map_phys = map_phys,
    .unmap_phys = unmap_page,
#else
    .map_page = map_page,
    .unmap_page = unmap_page,
    .map_resource = map_resource,
    .unmap_resource = unmap_page,
#endif
    .map_sg = port_map_sg,
    .unmap_sg = port_unmap_sg,
    .dma_supported = dma_supported,
    .get_required_mask = get_required_mask,
    .max_mapping_size = max_mapping_size,
    .get_merge_boundary = get_merge_boundary,
};

/* ---- blocked --------------------------------------------------------------------------------- */

static void *refuse_alloc(struct device *dev, size_t size, dma_addr_t *iova, gfp_t gfp,
                          unsigned long attributes)
{
    port_count(port_device_get(dev), failed, 1);
    return NULL;
}

static void refuse_free(struct device *dev, size_t size, void *address, dma_addr_t iova,
                        unsigned long attributes)
{
}

static void refuse_unmap(struct device *dev, dma_addr_t iova, size_t size,
                         enum dma_data_direction direction, unsigned long attributes)
{
}

static int refuse_sg(struct device *dev, struct scatterlist *list, int count,
                     enum dma_data_direction direction, unsigned long attributes)
{
    port_count(port_device_get(dev), failed, 1);
    return -EIO;
}

static void refuse_unmap_sg(struct device *dev, struct scatterlist *list, int count,
                            enum dma_data_direction direction, unsigned long attributes)
{
}

#ifdef UDMAR_LINUX_MAP_PHYS
static dma_addr_t refuse_phys(struct device *dev, phys_addr_t physical, size_t size,
                              enum dma_data_direction direction, unsigned long attributes)
{
    port_count(port_device_get(dev), failed, 1);
    return DMA_MAPPING_ERROR;
}
#else
static dma_addr_t refuse_page(struct device *dev, struct page *page, unsigned long offset,
                              size_t size, enum dma_data_direction direction,
                              unsigned long attributes)
{
    port_count(port_device_get(dev), failed, 1);
    return DMA_MAPPING_ERROR;
}

static dma_addr_t refuse_resource(struct device *dev, phys_addr_t physical, size_t size,
                                  enum dma_data_direction direction, unsigned long attributes)
{
    return DMA_MAPPING_ERROR;
}
#endif

static const struct dma_map_ops blocked_ops = {
    .alloc = refuse_alloc,
    .free = refuse_free,
#ifdef UDMAR_LINUX_MAP_PHYS
    .map_phys = refuse_phys,
    .unmap_phys = refuse_unmap,
#else
    .map_page = refuse_page,
    .unmap_page = refuse_unmap,
    .map_resource = refuse_resource,
    .unmap_resource = refuse_unmap,
#endif
    .map_sg = refuse_sg,
    .unmap_sg = refuse_unmap_sg,
};

bool port_ops_fill(struct port_device *device)
{
    switch (device->mode) {
    case UDMAR_MODE_TRANSLATE:
        device->ops = translated_ops;
        port_coherent_fill(&device->ops);
        return true;
    case UDMAR_MODE_BLOCKED:
        device->ops = blocked_ops;
        return true;
    default:
        /* Physical addresses: the kernel's own operations know them, and bounce where needed. */
        return false;
    }
}
