/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical page allocator: one bit per page frame, set when free, with a count of free pages per
 * block of frames so that the search skips what is full.
 *
 * The search goes from the top down.  Whatever does not ask for low memory therefore leaves it to
 * devices and, on i386, to the direct map.
 */
#include "internal.h"

#define WORD_BITS   (8 * sizeof(unsigned long))
#define BLOCK_PAGES 8192u

static unsigned long *free_bits;
static uint16_t *block_free;
static uint64_t frame_count; /* one past the highest frame the bits cover */
static uint64_t free_count, total_count;

static bool is_free(uint64_t frame)
{
    return (free_bits[frame / WORD_BITS] >> (frame % WORD_BITS) & 1) != 0;
}

static void mark_free(uint64_t frame)
{
    free_bits[frame / WORD_BITS] |= 1ul << (frame % WORD_BITS);
    block_free[frame / BLOCK_PAGES]++;
    free_count++;
}

static void mark_used(uint64_t frame)
{
    free_bits[frame / WORD_BITS] &= ~(1ul << (frame % WORD_BITS));
    block_free[frame / BLOCK_PAGES]--;
    free_count--;
}

static bool is_ram(uint64_t frame)
{
    uint64_t base, end;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        if (frame >= base >> PAGE_SHIFT && frame < end >> PAGE_SHIFT) {
            return true;
        }
    }
    return false;
}

/* ---- setting up ---- */

static uint64_t top_frame(void)
{
    uint64_t base, end, top = 0;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        top = end >> PAGE_SHIFT;
    }
    return top;
}

/* Room for the tables themselves in the lowest RAM behind the image that the boot map reaches. */
static uint64_t place_tables(uint64_t size)
{
    uint64_t lowest = (uintptr_t)kernel_end - KERNEL_VIRT;
    uint64_t base, end;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        base = base > lowest ? base : lowest;
        end = end < DIRECT_MAP_EARLY ? end : DIRECT_MAP_EARLY;
        if (base < end && end - base >= size) {
            return base;
        }
    }
    panic("memory: no room for %llu bytes of page allocator tables", (unsigned long long)size);
}

static void free_ram_except(uint64_t used_from, uint64_t used_to)
{
    uint64_t base, end;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        for (uint64_t frame = base >> PAGE_SHIFT; frame < end >> PAGE_SHIFT; frame++) {
            total_count++;
            if (frame != 0 && (frame < used_from || frame >= used_to)) {
                mark_free(frame);
            }
        }
    }
}

void page_init(void)
{
    uint64_t bytes, blocks, tables, tables_size;

    frame_count = (top_frame() + WORD_BITS - 1) & ~(uint64_t)(WORD_BITS - 1);
    bytes = frame_count / 8;
    blocks = (frame_count + BLOCK_PAGES - 1) / BLOCK_PAGES;
    tables_size = bytes + blocks * sizeof(*block_free);
    tables = place_tables(tables_size);
    free_bits = phys_to_direct(tables);
    block_free = (uint16_t *)(void *)((char *)free_bits + bytes);
    memset(free_bits, 0, (size_t)tables_size);
    /* From the image's start up to the tables there may be RAM left over; it is not worth keeping
     * apart.  Image and tables are in the same range except on very odd maps. */
    free_ram_except(0x100000 >> PAGE_SHIFT, (tables + tables_size + PAGE_MASK) >> PAGE_SHIFT);
}

/* ---- searching ---- */

/* The highest free frame in [lowest, frame], or 0. */
static uint64_t last_free(uint64_t frame, uint64_t lowest)
{
    while (frame >= lowest && frame > 0) {
        unsigned long word;

        if (block_free[frame / BLOCK_PAGES] == 0) {
            frame = frame / BLOCK_PAGES * BLOCK_PAGES;
        } else {
            word = free_bits[frame / WORD_BITS] << (WORD_BITS - 1 - frame % WORD_BITS);
            if (word != 0) {
                frame -= (unsigned)__builtin_clzl(word);
                return frame >= lowest ? frame : 0;
            }
            frame = frame / WORD_BITS * WORD_BITS;
        }
        if (frame == 0) {
            return 0;
        }
        frame--;
    }
    return 0;
}

/* The lowest used frame in [from, end), or end. */
static uint64_t first_used(uint64_t from, uint64_t end)
{
    while (from < end) {
        unsigned long word = ~free_bits[from / WORD_BITS] >> (from % WORD_BITS);

        if (word != 0) {
            from += (unsigned)__builtin_ctzl(word);
            return from < end ? from : end;
        }
        from = (from / WORD_BITS + 1) * WORD_BITS;
    }
    return end;
}

/* The highest start of `pages` free frames at a multiple of `align` in [lowest, last], or 0. */
static uint64_t find_run(uint64_t pages, uint64_t align, uint64_t lowest, uint64_t last)
{
    for (;;) {
        uint64_t start, used;

        last = last_free(last, lowest);
        if (last == 0 || last + 1 < pages) {
            return 0;
        }
        start = (last + 1 - pages) & ~(align - 1);
        if (start < lowest || start == 0) {
            return 0;
        }
        used = first_used(start, start + pages);
        if (used == start + pages) {
            return start;
        }
        /* Every start between the last one tried and used - pages has `used` in its run. */
        last = used - 1;
    }
}

uint64_t page_alloc_range(size_t pages, uint64_t align, uint64_t lowest, uint64_t highest)
{
    uint64_t low_frame = (lowest >> PAGE_SHIFT) + ((lowest & PAGE_MASK) != 0);
    uint64_t end_frame = highest == UINT64_MAX ? frame_count : (highest + 1) >> PAGE_SHIFT;
    uint64_t start;
    uintptr_t irq;

    end_frame = end_frame < frame_count ? end_frame : frame_count;
    if (pages == 0 || (align & (align - 1)) != 0 || low_frame >= end_frame) {
        return 0;
    }
    align = align > PAGE_SIZE ? align >> PAGE_SHIFT : 1;
    irq = irq_save();
    start = find_run(pages, align, low_frame, end_frame - 1);
    if (start != 0) {
        for (uint64_t frame = start; frame < start + pages; frame++) {
            mark_used(frame);
        }
    }
    irq_restore(irq);
    return start << PAGE_SHIFT;
}

void page_free_range(uint64_t phys, size_t pages)
{
    uint64_t start = phys >> PAGE_SHIFT;
    uintptr_t irq = irq_save();

    for (uint64_t frame = start; frame < start + pages; frame++) {
        if (frame == 0 || !is_ram(frame) || is_free(frame)) {
            panic("memory: page %#llx freed that is not in use",
                  (unsigned long long)frame << PAGE_SHIFT);
        }
        mark_free(frame);
    }
    irq_restore(irq);
}

uint64_t page_free_count(void)
{
    uintptr_t irq = irq_save();
    uint64_t count = free_count;

    irq_restore(irq);
    return count;
}

uint64_t page_total_count(void)
{
    return total_count;
}
