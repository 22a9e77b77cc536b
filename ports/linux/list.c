// SPDX-License-Identifier: BSD-2-Clause
/* Scatter lists: many pieces become one range, and as few segments as the device allows. */
#include "port.h"

#include <linux/scatterlist.h>
#include <linux/slab.h>

/* Lists up to this length need no memory for their description. */
#define SHORT_LIST 12

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
        .highest = port_highest(dev, dma_get_mask(dev)),
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

int port_map_sg(struct device *dev, struct scatterlist *list, int count,
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

void port_unmap_sg(struct device *dev, struct scatterlist *list, int count,
                   enum dma_data_direction direction, unsigned long attributes)
{
    struct port_device *device = port_device_get(dev);
    enum udmar_status status = udmar_stream_unmap(device->domain, sg_dma_address(list));

    port_count(device, unmaps, 1);
    if (unlikely(status != UDMAR_OK)) {
        port_unmap_other(device, sg_dma_address(list), extent(list, count), status);
    }
}
