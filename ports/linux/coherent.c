// SPDX-License-Identifier: BSD-2-Clause
/* Memory that a driver and its device share. */
#include "port.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/* Drivers may rely on coherent memory being aligned to its size rounded up to a power of two. */
static struct port_limits limits_of(struct device *dev, size_t size)
{
    return (struct port_limits){
        .highest = min_not_zero(dev->coherent_dma_mask, dev->bus_dma_limit),
        .alignment = roundup_pow_of_two(size),
        .boundary_mask = U64_MAX,
    };
}

/* One piece where there is one at once, else pages from anywhere, if the caller can wait. */
static void *get_memory(size_t size, gfp_t gfp, unsigned long attributes)
{
    gfp_t eager = gfp | __GFP_NOWARN;
    void *memory;

    if (size > PAGE_SIZE && !(attributes & DMA_ATTR_FORCE_CONTIGUOUS)) {
        eager |= __GFP_NORETRY;
    }
    memory = alloc_pages_exact(size, eager);
    if (memory == NULL && !(attributes & DMA_ATTR_FORCE_CONTIGUOUS) &&
        gfpflags_allow_blocking(gfp)) {
        memory = __vmalloc(size, gfp);
    }
    return memory;
}

static void put_memory(void *memory, size_t size)
{
    if (is_vmalloc_addr(memory)) {
        vfree(memory);
    } else {
        free_pages_exact(memory, size);
    }
}

static struct page *page_at(void *memory, size_t offset)
{
    return is_vmalloc_addr(memory) ? vmalloc_to_page(memory + offset)
                                   : virt_to_page(memory + offset);
}

static int map_scattered(struct port_device *device, void *memory, size_t size,
                         const struct port_limits *limits, dma_addr_t *out_iova)
{
    unsigned count = size >> PAGE_SHIFT;
    struct udmar_dma_physical *pieces = kvmalloc_array(count, sizeof(*pieces), GFP_KERNEL);
    int error;

    if (pieces == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (struct udmar_dma_physical){
            .address = page_to_phys(page_at(memory, (size_t)i << PAGE_SHIFT)),
            .length = PAGE_SIZE,
        };
    }
    error = port_map(device, pieces, count, 0, UDMAR_READ_WRITE, limits, out_iova);
    kvfree(pieces);
    return error;
}

static int map_memory(struct port_device *device, void *memory, size_t size,
                      const struct port_limits *limits, dma_addr_t *out_iova)
{
    struct udmar_dma_physical piece;

    if (is_vmalloc_addr(memory)) {
        return map_scattered(device, memory, size, limits, out_iova);
    }
    piece = (struct udmar_dma_physical){ .address = virt_to_phys(memory), .length = size };
    return port_map(device, &piece, 1, 0, UDMAR_READ_WRITE, limits, out_iova);
}

static void *alloc_coherent(struct device *dev, size_t size, dma_addr_t *out_iova, gfp_t gfp,
                            unsigned long attributes)
{
    struct port_device *device = port_device_get(dev);
    struct port_limits limits;
    void *memory;

    size = PAGE_ALIGN(size);
    limits = limits_of(dev, size);
    /* Where the memory lies does not matter to a device that is translated. */
    gfp = (gfp & ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_COMP)) | __GFP_ZERO;
    memory = get_memory(size, gfp, attributes);
    if (memory == NULL) {
        return NULL;
    }
    if (map_memory(device, memory, size, &limits, out_iova) != 0) {
        put_memory(memory, size);
        return NULL;
    }
    port_count(device, coherent, size);
    return memory;
}

static void free_coherent(struct device *dev, size_t size, void *memory, dma_addr_t iova,
                          unsigned long attributes)
{
    struct port_device *device = port_device_get(dev);

    size = PAGE_ALIGN(size);
    port_unmap(device, iova, size);
    put_memory(memory, size);
    port_count(device, returned, size);
}

static struct page *alloc_pages_for(struct device *dev, size_t size, dma_addr_t *out_iova,
                                    enum dma_data_direction direction, gfp_t gfp)
{
    struct port_device *device = port_device_get(dev);
    struct port_limits limits = limits_of(dev, PAGE_ALIGN(size));
    struct udmar_dma_physical piece;
    struct page *page;

    gfp &= ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);
    page = alloc_pages_node(dev_to_node(dev), gfp, get_order(size));
    if (page == NULL) {
        return NULL;
    }
    piece =
        (struct udmar_dma_physical){ .address = page_to_phys(page), .length = PAGE_ALIGN(size) };
    if (port_map(device, &piece, 1, 0, port_access(direction), &limits, out_iova) != 0) {
        __free_pages(page, get_order(size));
        return NULL;
    }
    port_count(device, coherent, PAGE_ALIGN(size));
    return page;
}

static void free_pages_for(struct device *dev, size_t size, struct page *page, dma_addr_t iova,
                           enum dma_data_direction direction)
{
    struct port_device *device = port_device_get(dev);

    port_unmap(device, iova, PAGE_ALIGN(size));
    __free_pages(page, get_order(size));
    port_count(device, returned, PAGE_ALIGN(size));
}

static int mmap(struct device *dev, struct vm_area_struct *vma, void *memory, dma_addr_t iova,
                size_t size, unsigned long attributes)
{
    unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
    unsigned long wanted = vma_pages(vma);
    int error = 0;

    if (vma->vm_pgoff >= pages || wanted > pages - vma->vm_pgoff) {
        return -ENXIO;
    }
    for (unsigned long i = 0; i < wanted && error == 0; i++) {
        struct page *page = page_at(memory, (vma->vm_pgoff + i) << PAGE_SHIFT);

        error = remap_pfn_range(vma, vma->vm_start + (i << PAGE_SHIFT), page_to_pfn(page),
                                PAGE_SIZE, vma->vm_page_prot);
    }
    return error;
}

static int get_sgtable(struct device *dev, struct sg_table *table, void *memory, dma_addr_t iova,
                       size_t size, unsigned long attributes)
{
    unsigned count = PAGE_ALIGN(size) >> PAGE_SHIFT;
    struct page **pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
    int error;

    if (pages == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        pages[i] = page_at(memory, (size_t)i << PAGE_SHIFT);
    }
    error = sg_alloc_table_from_pages(table, pages, count, 0, size, GFP_KERNEL);
    kvfree(pages);
    return error;
}

void port_coherent_fill(struct dma_map_ops *ops)
{
    ops->alloc = alloc_coherent;
    ops->free = free_coherent;
#ifdef UDMAR_LINUX_ALLOC_PAGES_OP
    ops->alloc_pages_op = alloc_pages_for;
#else
    ops->alloc_pages = alloc_pages_for;
#endif
    ops->free_pages = free_pages_for;
    ops->mmap = mmap;
    ops->get_sgtable = get_sgtable;
}
