/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Areas of kernel address space made page by page: scattered memory, device registers, permanent
 * views of firmware tables, stacks.
 *
 * A list sorted by address records them; a new area goes into the first gap, and the page behind
 * every area stays unmapped.
 */
#include "internal.h"

enum area_kind { AREA_MEMORY, AREA_FOREIGN };

struct area {
    uintptr_t base;
    size_t pages;
    enum area_kind kind; /* whether the pages behind it go back to the allocator */
    struct area *next;
};

static struct area *areas;

/* ---- address space ---- */

static struct area *area_reserve(size_t pages, enum area_kind kind)
{
    struct area *area = kmalloc(sizeof(*area));
    struct area **link = &areas;
    uintptr_t base = (uintptr_t)VM_BASE;
    uintptr_t end = (uintptr_t)VM_BASE + (uintptr_t)VM_SIZE;
    uintptr_t irq = irq_save();

    for (; *link != NULL && ((*link)->base - base) >> PAGE_SHIFT <= pages; link = &(*link)->next) {
        base = (*link)->base + ((*link)->pages + 1) * (uintptr_t)PAGE_SIZE;
    }
    if (area == NULL || base >= end || (end - base) >> PAGE_SHIFT <= pages) {
        irq_restore(irq);
        kfree(area);
        return NULL;
    }
    *area = (struct area){ base, pages, kind, *link };
    *link = area;
    irq_restore(irq);
    return area;
}

static struct area *area_take(uintptr_t base, enum area_kind kind)
{
    uintptr_t irq = irq_save();
    struct area **link = &areas;
    struct area *area;

    while (*link != NULL && (*link)->base != base) {
        link = &(*link)->next;
    }
    area = *link;
    if (area == NULL || area->kind != kind) {
        panic("memory: %p is no area to free", (void *)base);
    }
    *link = area->next;
    irq_restore(irq);
    return area;
}

/* Undoes the mappings of an area that has left the list.  The area may be mapped in part only, when
 * making it failed. */
static void area_clear(struct area *area)
{
    for (size_t i = 0; i < area->pages; i++) {
        uint64_t phys;

        if (pt_unmap(area->base + i * PAGE_SIZE, &phys) && area->kind == AREA_MEMORY) {
            page_free_range(phys, 1);
        }
    }
}

static void area_release(uintptr_t base, enum area_kind kind)
{
    struct area *area;

    /* Clearing first would let panics on wrong pointers come too late; taking first would let the
     * address be given out again while it is still mapped.  Interrupts off make both one step. */
    uintptr_t irq = irq_save();

    area = area_take(base, kind);
    area_clear(area);
    irq_restore(irq);
    kfree(area);
}

/* ---- memory ---- */

struct placement {
    bool scattered;
    uint64_t highest;
    uint64_t previous;
};

static uint64_t next_page(const struct placement *place)
{
    uint64_t page = 0;

    if (!place->scattered || place->previous == 0) {
        return page_alloc_range(1, 0, 0, place->highest);
    }
    if (place->previous > 2 * PAGE_SIZE) {
        page = page_alloc_range(1, 0, 0, place->previous - PAGE_SIZE - 1);
    }
    return page != 0 ? page
                     : page_alloc_range(1, 0, place->previous + 2 * PAGE_SIZE, place->highest);
}

static bool area_fill(struct area *area, struct placement place)
{
    for (size_t i = 0; i < area->pages; i++) {
        uint64_t page = next_page(&place);

        if (page == 0) {
            return false;
        }
        if (!pt_map(area->base + i * PAGE_SIZE, page, PTE_WRITE)) {
            page_free_range(page, 1);
            return false;
        }
        place.previous = page;
    }
    return true;
}

static void *memory_area(size_t size, bool scattered, uint64_t highest)
{
    size_t pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
    struct area *area;

    if (pages == 0 || pages > page_free_count()) {
        return NULL;
    }
    area = area_reserve(pages, AREA_MEMORY);
    if (area == NULL) {
        return NULL;
    }
    if (!area_fill(area, (struct placement){ scattered, highest, 0 })) {
        area_release(area->base, AREA_MEMORY);
        return NULL;
    }
    return (void *)area->base;
}

void *vm_alloc(size_t size)
{
    return memory_area(size, false, UINT64_MAX);
}

void *vm_alloc_scattered(size_t size)
{
    return memory_area(size, true, UINT64_MAX);
}

void *vm_alloc_scattered_below(size_t size, uint64_t highest)
{
    return memory_area(size, true, highest);
}

void vm_free(void *area)
{
    if (area != NULL) {
        area_release((uintptr_t)area, AREA_MEMORY);
    }
}

void *vm_stack_top(void)
{
    /* What is below is the guard page of another area, or outside all areas: unmapped either way.
     */
    char *stack = vm_alloc(KERNEL_STACK_SIZE);

    if (stack == NULL) {
        panic("memory: no room for the kernel stack");
    }
    return stack + KERNEL_STACK_SIZE;
}

/* ---- views of physical addresses ---- */

static void *foreign_area(uint64_t phys, size_t size, unsigned flags)
{
    uint64_t first = phys & ~(uint64_t)PAGE_MASK;
    uint64_t pages;
    struct area *area;

    if (size == 0 || phys + size - 1 < phys || phys + size - 1 >= 1ull << 52) {
        return NULL;
    }
    pages = ((phys + size - 1) >> PAGE_SHIFT) - (first >> PAGE_SHIFT) + 1;
    if (pages > (uint64_t)VM_SIZE >> PAGE_SHIFT) {
        return NULL;
    }
    area = area_reserve((size_t)pages, AREA_FOREIGN);
    if (area == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < area->pages; i++) {
        if (!pt_map(area->base + i * PAGE_SIZE, first + (uint64_t)i * PAGE_SIZE, flags)) {
            area_release(area->base, AREA_FOREIGN);
            return NULL;
        }
    }
    return (void *)(area->base + (uintptr_t)(phys & PAGE_MASK));
}

void *mmio_map(uint64_t phys, size_t size)
{
    return foreign_area(phys, size, PTE_WRITE | PTE_UNCACHED);
}

void mmio_unmap(void *va)
{
    if (va != NULL) {
        area_release((uintptr_t)va & ~(uintptr_t)PAGE_MASK, AREA_FOREIGN);
    }
}

void *phys_map_permanent(uint64_t phys, size_t size)
{
    if (size > 0 && phys < DIRECT_MAP_EARLY && size <= DIRECT_MAP_EARLY - phys) {
        return phys_to_direct(phys);
    }
    return foreign_area(phys, size, 0);
}
