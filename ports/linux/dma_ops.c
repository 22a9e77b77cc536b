// SPDX-License-Identifier: BSD-2-Clause
/* The DMA operations of a device that is translated, and those of one that may do none. */
#include "port.h"

#include <linux/scatterlist.h>
#include <linux/slab.h>

/* Lists up to this length need no memory for their description. */
#define SHORT_LIST 12

static u64 highest_of(struct device *dev, u64 mask)
{
    return min_not_zero(mask, dev->bus_dma_limit);
}

static __always_inline dma_addr_t map_piece(struct device *dev, phys_addr_t physical, size_t size,
                                            enum dma_data_direction direction)
{
    struct port_device *device = port_device_get(dev);
    struct udmar_dma_physical piece = { .address = physical, .length = size };
    u64 highest = highest_of(dev, dma_get_mask(dev));
    dma_addr_t iova;

    if (unlikely(port_map_piece(device, &piece, port_access(direction), highest, &iova) != 0)) {
        return DMA_MAPPING_ERROR;
    }
    port_count(device, bytes, size);
    return iova;
}

static dma_addr_t map_page(struct device *dev, struct page *page, unsigned long offset, size_t size,
                           enum dma_data_direction direction, unsigned long attributes)
{
    return map_piece(dev, page_to_phys(page) + offset, size, direction);
}

static void unmap_page(struct device *dev, dma_addr_t iova, size_t size,
                       enum dma_data_direction direction, unsigned long attributes)
{
    port_unmap(port_device_get(dev), iova, size);
}

static dma_addr_t map_resource(struct device *dev, phys_addr_t physical, size_t size,
                               enum dma_data_direction direction, unsigned long attributes)
{
    return map_piece(dev, physical, size, direction);
}

/* sg_next() without a call, for an entry that is not the last one. */
static inline struct scatterlist *next_entry(struct scatterlist *entry)
{
    entry++;
    return unlikely(sg_is_chain(entry)) ? sg_chain_ptr(entry) : entry;
}

/*
 * The kernel's list as the library's; returns the bytes in it, 0: an entry is empty. @out_whole:
 * all entries are whole pages.
 */
static size_t take_list(struct scatterlist *list, int count, struct udmar_dma_physical *pieces,
                        bool *out_whole)
{
    struct scatterlist *entry = list;
    size_t bytes = 0;
    unsigned bits = 0;

    for (int i = 0;;) {
        unsigned length = entry->length;

        if (unlikely(length == 0)) {
            return 0;
        }
        pieces[i] = (struct udmar_dma_physical){ .address = sg_phys(entry), .length = length };
        bits |= entry->offset | length;
        bytes += length;
        if (++i == count) {
            break;
        }
        entry = next_entry(entry);
    }
    *out_whole = !(bits & ~PAGE_MASK);
    return bytes;
}

/* All pieces are one for the device. */
static int write_segment(struct scatterlist *list, int count, dma_addr_t iova, size_t bytes)
{
    sg_dma_address(list) = iova;
    sg_dma_len(list) = bytes;
    if (count > 1) {
        list = next_entry(list);
        sg_dma_address(list) = DMA_MAPPING_ERROR;
        sg_dma_len(list) = 0;
    }
    return 1;
}

/*
 * Writes the segments that the device gets to see into the list; returns how many. Pieces that join
 * in guest addresses share one, within the limits of the device.
 */
static int write_segments(struct device *dev, struct scatterlist *list, int count,
                          const struct udmar_dma_physical *pieces, dma_addr_t range)
{
    u64 boundary_mask = dma_get_seg_boundary(dev);
    unsigned longest = dma_get_max_seg_size(dev);
    struct scatterlist *segment = NULL;
    int segments = 0;
    u64 at = 0;

    for (int i = 0; i < count; i++) {
        u64 size = pieces[i].length;
        dma_addr_t start;

        at = port_place(at, &pieces[i], boundary_mask);
        start = range + at + offset_in_page(pieces[i].address);
        at += port_pages(&pieces[i]);
        if (segment != NULL && start == sg_dma_address(segment) + sg_dma_len(segment) &&
            sg_dma_len(segment) + size <= longest &&
            (sg_dma_address(segment) & boundary_mask) + sg_dma_len(segment) + size - 1 <=
                boundary_mask) {
            sg_dma_len(segment) += size;
            continue;
        }
        segment = segment == NULL ? list : sg_next(segment);
        sg_dma_address(segment) = start;
        sg_dma_len(segment) = size;
        segments++;
    }
    if (segments < count) {
        /* Unmapping looks for the end of the range. */
        segment = sg_next(segment);
        sg_dma_address(segment) = DMA_MAPPING_ERROR;
        sg_dma_len(segment) = 0;
    }
    return segments;
}

static int map_pieces(struct device *dev, struct scatterlist *list, int count, unsigned access,
                      struct udmar_dma_physical *pieces)
{
    struct port_device *device = port_device_get(dev);
    struct port_limits limits = {
        .highest = highest_of(dev, dma_get_mask(dev)),
        .boundary_mask = dma_get_seg_boundary(dev),
    };
    bool whole;
    size_t bytes = take_list(list, count, pieces, &whole);
    dma_addr_t iova;
    int error;

    if (bytes == 0) {
        return -EINVAL;
    }
    error = port_map(device, pieces, count, whole ? bytes : 0, access, &limits, &iova);
    if (unlikely(error != 0)) {
        return error;
    }
    port_count(device, bytes, bytes);
    /* Whole pages follow each other without gaps. */
    if (whole && bytes <= dma_get_max_seg_size(dev) &&
        (iova & limits.boundary_mask) + bytes - 1 <= limits.boundary_mask) {
        return write_segment(list, count, iova, bytes);
    }
    return write_segments(dev, list, count, pieces, iova & PAGE_MASK);
}

static int map_sg(struct device *dev, struct scatterlist *list, int count,
                  enum dma_data_direction direction, unsigned long attributes)
{
    struct udmar_dma_physical few[SHORT_LIST];
    struct udmar_dma_physical *pieces = few;
    int result;

    if (count > SHORT_LIST) {
        pieces = kmalloc_array(count, sizeof(*pieces), GFP_ATOMIC | __GFP_NOWARN);
        if (pieces == NULL) {
            return -ENOMEM;
        }
    }
    result = map_pieces(dev, list, count, port_access(direction), pieces);
    if (pieces != few) {
        kfree(pieces);
    }
    return result;
}

/* From the first byte of the first segment to the last one of the last. */
static size_t extent(struct scatterlist *list, int count)
{
    dma_addr_t end = sg_dma_address(list);
    struct scatterlist *segment;
    int i;

    for_each_sg(list, segment, count, i) {
        if (sg_dma_len(segment) == 0) {
            break;
        }
        end = sg_dma_address(segment) + sg_dma_len(segment);
    }
    return end - sg_dma_address(list);
}

static void unmap_sg(struct device *dev, struct scatterlist *list, int count,
                     enum dma_data_direction direction, unsigned long attributes)
{
    struct port_device *device = port_device_get(dev);
    enum udmar_status status = udmar_stream_unmap(device->domain, sg_dma_address(list));

    port_count(device, unmaps, 1);
    if (unlikely(status != UDMAR_OK)) {
        port_unmap_other(device, sg_dma_address(list), extent(list, count), status);
    }
}

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
    return min_t(u64, highest_of(dev, dma_get_mask(dev)), info.end) / 4;
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
    .map_page = map_page,
    .unmap_page = unmap_page,
    .map_sg = map_sg,
    .unmap_sg = unmap_sg,
    .map_resource = map_resource,
    .unmap_resource = unmap_page,
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

static dma_addr_t refuse_page(struct device *dev, struct page *page, unsigned long offset,
                              size_t size, enum dma_data_direction direction,
                              unsigned long attributes)
{
    port_count(port_device_get(dev), failed, 1);
    return DMA_MAPPING_ERROR;
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

static dma_addr_t refuse_resource(struct device *dev, phys_addr_t physical, size_t size,
                                  enum dma_data_direction direction, unsigned long attributes)
{
    return DMA_MAPPING_ERROR;
}

static const struct dma_map_ops blocked_ops = {
    .alloc = refuse_alloc,
    .free = refuse_free,
    .map_page = refuse_page,
    .unmap_page = refuse_unmap,
    .map_sg = refuse_sg,
    .unmap_sg = refuse_unmap_sg,
    .map_resource = refuse_resource,
    .unmap_resource = refuse_unmap,
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
