/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel heap.  Small blocks come from pages divided into equal blocks, whose header at the page's
 * start is found by rounding the pointer down; blocks of a page and more are page aligned, which no
 * small block is, and are recorded in a hash table.
 */
#include "internal.h"

#define SLAB_MAGIC    0x62616c73u
#define LARGE_BUCKETS 256

struct free_block {
    struct free_block *next;
};

struct slab {
    uint32_t magic;
    uint16_t class_index, used;
    struct free_block *free;
    struct slab *next, **link; /* in the list of slabs of the class that have free blocks */
};

struct large {
    void *block;
    size_t pages;
    bool contiguous;
    struct large *next;
};

#define SLAB_HEADER ((sizeof(struct slab) + 15) & ~(size_t)15)

/* The last two divide what the header leaves of a page into three and two. */
static const uint16_t class_sizes[] = { 16, 32, 64, 128, 256, 512, 1008, 1344, 2016 };

#define CLASS_COUNT (sizeof(class_sizes) / sizeof(class_sizes[0]))
#define SMALL_MAX   2016u

static struct slab *partial[CLASS_COUNT];
static struct large *large_blocks[LARGE_BUCKETS];
static size_t in_use;

/* ---- pages the direct map reaches ---- */

static void *direct_pages(size_t pages)
{
    uint64_t highest = (uint64_t)DIRECT_MAP_SIZE - 1;
    uint64_t phys = page_alloc_range(pages, 0, 0, highest);

    return phys != 0 ? phys_to_direct(phys) : NULL;
}

static void direct_pages_free(void *va, size_t pages)
{
    uint64_t phys;

    if (!virt_to_phys(va, &phys)) {
        panic("memory: heap page %p is not mapped", va);
    }
    page_free_range(phys, pages);
}

/* ---- small blocks ---- */

static void slab_link(struct slab *slab)
{
    struct slab **head = &partial[slab->class_index];

    slab->next = *head;
    slab->link = head;
    if (slab->next != NULL) {
        slab->next->link = &slab->next;
    }
    *head = slab;
}

static void slab_unlink(struct slab *slab)
{
    *slab->link = slab->next;
    if (slab->next != NULL) {
        slab->next->link = slab->link;
    }
}

static struct slab *slab_new(unsigned class_index)
{
    struct slab *slab = direct_pages(1);
    size_t size = class_sizes[class_index];

    if (slab == NULL) {
        return NULL;
    }
    *slab = (struct slab){ .magic = SLAB_MAGIC, .class_index = (uint16_t)class_index };
    for (size_t at = SLAB_HEADER; at + size <= PAGE_SIZE; at += size) {
        struct free_block *block = (struct free_block *)(void *)((char *)slab + at);

        block->next = slab->free;
        slab->free = block;
    }
    slab_link(slab);
    return slab;
}

static void *small_alloc(unsigned class_index)
{
    struct slab *slab = partial[class_index];
    struct free_block *block;

    if (slab == NULL) {
        slab = slab_new(class_index);
    }
    if (slab == NULL) {
        return NULL;
    }
    block = slab->free;
    slab->free = block->next;
    slab->used++;
    if (slab->free == NULL) {
        slab_unlink(slab);
    }
    in_use += class_sizes[class_index];
    return block;
}

static struct slab *slab_of(void *block)
{
    struct slab *slab = (struct slab *)((uintptr_t)block & ~(uintptr_t)PAGE_MASK);
    size_t offset = (uintptr_t)block & PAGE_MASK;
    uint64_t phys;

    if (!virt_to_phys(slab, &phys) || slab->magic != SLAB_MAGIC || offset < SLAB_HEADER ||
        (offset - SLAB_HEADER) % class_sizes[slab->class_index] != 0 || slab->used == 0) {
        panic("memory: %p is no block to free", block);
    }
    return slab;
}

static void small_free(void *pointer)
{
    struct slab *slab = slab_of(pointer);
    struct free_block *block = pointer;

    for (const struct free_block *other = slab->free; other != NULL; other = other->next) {
        if (other == block) {
            panic("memory: block %p freed twice", pointer);
        }
    }
    if (slab->free == NULL) {
        slab_link(slab);
    }
    block->next = slab->free;
    slab->free = block;
    slab->used--;
    in_use -= class_sizes[slab->class_index];
    /* One empty page per class is kept, lest a block used now and then costs a page each time. */
    if (slab->used == 0 && (slab->next != NULL || partial[slab->class_index] != slab)) {
        slab_unlink(slab);
        slab->magic = 0;
        direct_pages_free(slab, 1);
    }
}

/* ---- large blocks ---- */

static struct large **large_bucket(const void *block)
{
    return &large_blocks[((uintptr_t)block >> PAGE_SHIFT) % LARGE_BUCKETS];
}

static void *large_alloc(size_t size)
{
    struct large *large = kmalloc(sizeof(*large));
    struct large **bucket;

    if (large == NULL) {
        return NULL;
    }
    large->pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
    large->block = direct_pages(large->pages);
    large->contiguous = large->block != NULL;
    if (!large->contiguous) {
        large->block = vm_alloc(size);
    }
    if (large->block == NULL) {
        kfree(large);
        return NULL;
    }
    bucket = large_bucket(large->block);
    large->next = *bucket;
    *bucket = large;
    in_use += large->pages * PAGE_SIZE;
    return large->block;
}

static void large_free(void *block)
{
    struct large **link = large_bucket(block);
    struct large *large;

    while (*link != NULL && (*link)->block != block) {
        link = &(*link)->next;
    }
    large = *link;
    if (large == NULL) {
        panic("memory: %p is no block to free", block);
    }
    *link = large->next;
    in_use -= large->pages * PAGE_SIZE;
    if (large->contiguous) {
        direct_pages_free(block, large->pages);
    } else {
        vm_free(block);
    }
    kfree(large);
}

/* ---- interface ---- */

void *kmalloc(size_t size)
{
    unsigned class_index = 0;
    uintptr_t irq = irq_save();
    void *block;

    if (size > SMALL_MAX) {
        block = large_alloc(size);
    } else {
        while (class_sizes[class_index] < size) {
            class_index++;
        }
        block = small_alloc(class_index);
    }
    irq_restore(irq);
    return block;
}

void *kzalloc(size_t size)
{
    void *block = kmalloc(size);

    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void kfree(void *block)
{
    uintptr_t irq = irq_save();

    if (((uintptr_t)block & PAGE_MASK) != 0) {
        small_free(block);
    } else if (block != NULL) {
        large_free(block);
    }
    irq_restore(irq);
}

size_t kmalloc_in_use(void)
{
    return in_use;
}
