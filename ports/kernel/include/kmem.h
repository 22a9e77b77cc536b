/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: RAM ranges, physical pages, kernel heap, virtually contiguous areas, access by physical
 * address, device registers.
 *
 * Physical addresses are uint64_t everywhere: on i386 (PAE) RAM above 4 GiB is used, and only the
 * first DIRECT_MAP_SIZE bytes (768 MiB) can be reached through a pointer all the time.  Everything
 * here may be called with interrupts off or from an interrupt handler, and none of it sleeps;
 * failures return NULL, 0 or false.
 */
#ifndef KERNEL_KMEM_H
#define KERNEL_KMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"

/* ---- RAM as the firmware reports it ---- */

/*
 * Range `index` (from 0) of usable RAM, [*base, *end), ascending, page aligned, not touching each
 * other.  Includes what the kernel itself occupies.  False past the last one.
 */
bool ram_range(unsigned index, uint64_t *base, uint64_t *end);

/* ---- physical pages ---- */

/*
 * `pages` physically contiguous pages of usable RAM in [lowest, highest] (both inclusive byte
 * addresses), at a multiple of `align` (a power of two; 0 counts as one page).  The highest fitting
 * place is taken, so that low memory is kept for those who cannot do with anything else.  The
 * contents are undefined.  0 when there is none or an argument is bad.  Page 0 is never given.
 */
uint64_t page_alloc_range(size_t pages, uint64_t align, uint64_t lowest, uint64_t highest);

/* Any part of what page_alloc_range gave may be given back, page by page or together.  Panics on a
 * page that is already free or is no RAM. */
void page_free_range(uint64_t phys, size_t pages);

uint64_t page_free_count(void);
uint64_t page_total_count(void);

/* ---- heap ---- */

/*
 * 16-byte aligned; size >= 4096 gives page aligned blocks.  Blocks of up to 2 KiB and, whenever RAM
 * is not fragmented, larger blocks are in the direct map and physically contiguous; a large block
 * that finds no contiguous run is put together by vm_alloc instead, so use virt_to_phys page by
 * page.  kmalloc(0) gives a block of the smallest size.  kzalloc clears.  kfree(NULL) does nothing;
 * a pointer kmalloc did not give panics.
 */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *block);

/* Bytes in use, for leak checks: everything freed brings it back to its old value.  page_free_count
 * may stay lower, by at most one page per block size and the page tables made on the way. */
size_t kmalloc_in_use(void);

/* ---- virtually contiguous areas, page aligned, with an unmapped guard page behind ---- */

/* Rounded up to pages; the physical pages come from anywhere and are undefined in content. */
void *vm_alloc(size_t size);

/* As vm_alloc, and no page of it is physically adjacent (above or below) to the one before it, so
 * that a DMA mapping of it cannot be merged unless an IOMMU does it.  NULL when RAM does not allow
 * that. */
void *vm_alloc_scattered(size_t size);

/* As vm_alloc_scattered with every byte at a physical address <= highest. */
void *vm_alloc_scattered_below(size_t size, uint64_t highest);

/* For areas of vm_alloc*; NULL is allowed, any other pointer panics. */
void vm_free(void *area);

/* ---- addresses ---- */

/* The physical address behind any mapped kernel address: image, stack, heap, vm area, temporary
 * slot, MMIO.  Walks the page tables.  False when nothing is mapped there. */
bool virt_to_phys(const void *va, uint64_t *pa);

/* True when phys_to_direct() is valid for the page of `phys`. */
bool phys_directly_mapped(uint64_t phys);

/* Pointer into the direct map, to be used only where phys_directly_mapped says true. */
void *phys_to_direct(uint64_t phys);

/*
 * A pointer to the byte at `phys`, valid up to the end of its page: into the direct map when that
 * reaches, else through one of KMAP_SLOTS (64) temporary slots, cached.  Slots nest in any order
 * and work in interrupt handlers.  NULL only when all slots are taken.  Every pointer given must go
 * back through phys_unmap_page (any address in the page will do; NULL is allowed).
 */
void *phys_map_page(uint64_t phys);
void phys_unmap_page(void *va);

/* Copies between kernel memory and any physical range, across pages; false when out of slots. */
bool phys_read(void *to, uint64_t phys, size_t size);
bool phys_write(uint64_t phys, const void *from, size_t size);
bool phys_fill(uint64_t phys, int byte, size_t size);

/* A cached, permanent mapping of physical memory that need not be RAM the allocator knows (firmware
 * tables): the direct map when that covers all of it, else a vm area of its own.  NULL on failure.
 */
void *phys_map_permanent(uint64_t phys, size_t size);

/* Device registers, uncached; neither argument need be page aligned.  NULL when size is 0, the
 * range wraps, or address space is out. */
void *mmio_map(uint64_t phys, size_t size);
void mmio_unmap(void *va);

#endif
