/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: four levels on amd64, three (PAE) on i386, with the same entries.  The tables are
 * themselves in memory the boot map reaches, so that they can be walked at any time.
 */
#include "internal.h"

#define PTE_ADDRESS 0x000ffffffffff000ull
#define LARGE_SIZE  0x200000ull
#define KMAP_SLOTS  64

static uint64_t *kmap_entries;
static uint64_t kmap_taken;

static unsigned table_index(uintptr_t va, unsigned level)
{
    return (unsigned)(va >> (PAGE_SHIFT + 9 * level)) & 511;
}

static uint64_t *table_of(uint64_t entry)
{
    return phys_to_direct(entry & PTE_ADDRESS);
}

static void tlb_drop(uintptr_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static bool table_add(uint64_t *entry)
{
    uint64_t page = page_alloc_range(1, 0, 0, DIRECT_MAP_EARLY - 1);

    if (page == 0) {
        return false;
    }
    memset(phys_to_direct(page), 0, PAGE_SIZE);
    *entry = page | PTE_PRESENT | PTE_WRITE;
    return true;
}

/* The entry for `va` at `level` (0 maps 4 KiB, 1 maps 2 MiB), tables above it made when `make`;
 * NULL when they are missing or the address is in a larger page. */
static uint64_t *entry_at(uintptr_t va, unsigned level, bool make)
{
    uint64_t *table = boot_tables;

    for (unsigned at = PT_LEVELS - 1; at > level; at--) {
        uint64_t *entry = &table[table_index(va, at)];

        if ((*entry & PTE_PRESENT) == 0 && (!make || !table_add(entry))) {
            return NULL;
        }
        if (at < PT_LEVELS - 1 && (*entry & PTE_LARGE) != 0) {
            return NULL;
        }
        table = table_of(*entry);
    }
    return &table[table_index(va, level)];
}

bool pt_map(uintptr_t va, uint64_t phys, unsigned flags)
{
    uintptr_t irq = irq_save();
    uint64_t *entry = entry_at(va, 0, true);
    bool done = entry != NULL && (*entry & PTE_PRESENT) == 0;

    if (done) {
        *entry = (phys & PTE_ADDRESS) | flags | PTE_PRESENT;
    }
    irq_restore(irq);
    return done;
}

bool pt_unmap(uintptr_t va, uint64_t *phys)
{
    uintptr_t irq = irq_save();
    uint64_t *entry = entry_at(va, 0, false);
    bool done = entry != NULL && (*entry & PTE_PRESENT) != 0;

    if (done) {
        *phys = *entry & PTE_ADDRESS;
        *entry = 0;
        tlb_drop(va);
    }
    irq_restore(irq);
    return done;
}

bool virt_to_phys(const void *pointer, uint64_t *pa)
{
    uintptr_t va = (uintptr_t)pointer;
    const uint64_t *table = boot_tables;

    for (unsigned level = PT_LEVELS - 1;; level--) {
        uint64_t entry = table[table_index(va, level)];
        uint64_t span = (uint64_t)1 << (PAGE_SHIFT + 9 * level);

        if ((entry & PTE_PRESENT) == 0) {
            return false;
        }
        if (level == 0 || (level < PT_LEVELS - 1 && (entry & PTE_LARGE) != 0)) {
            *pa = (entry & PTE_ADDRESS & ~(span - 1)) | (va & (span - 1));
            return true;
        }
        table = table_of(entry);
    }
}

/* ---- direct map ---- */

bool phys_directly_mapped(uint64_t phys)
{
    uint64_t base, end;

    if (phys < DIRECT_MAP_EARLY) {
        return true;
    }
    for (unsigned i = 0; phys < DIRECT_MAP_SIZE && ram_range(i, &base, &end); i++) {
        if (phys >= base && phys < end) {
            return true;
        }
    }
    return false;
}

void *phys_to_direct(uint64_t phys)
{
    return (void *)(uintptr_t)(DIRECT_MAP_BASE + (uintptr_t)phys);
}

static void direct_map_large(uint64_t phys)
{
    uint64_t *entry = entry_at((uintptr_t)phys_to_direct(phys), 1, true);

    if (entry == NULL) {
        panic("memory: no page for the direct map of %#llx", (unsigned long long)phys);
    }
    *entry = phys | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

/* RAM beyond the boot map, as far as the architecture has addresses for it. */
static void direct_map_extend(void)
{
    uint64_t base, end;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        base = base > DIRECT_MAP_EARLY ? base : DIRECT_MAP_EARLY;
        end = end < DIRECT_MAP_SIZE ? end : DIRECT_MAP_SIZE;
        base &= ~(LARGE_SIZE - 1);
        for (; base < end; base += LARGE_SIZE) {
            direct_map_large(base);
        }
    }
}

/* The identity map has done its work; without it NULL faults. */
static void identity_map_drop(void)
{
    uintptr_t root;

#if PT_LEVELS == 4
    boot_tables[0] = 0;
#else
    table_of(boot_tables[0])[0] = 0;
#endif
    __asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(root) : : "memory");
}

void paging_init(void)
{
    identity_map_drop();
    direct_map_extend();
    kmap_entries = entry_at((uintptr_t)KMAP_BASE, 0, true);
    if (kmap_entries == NULL) {
        panic("memory: no page for the temporary mappings");
    }
}

/* ---- temporary mappings ---- */

static void *slot_map(uint64_t phys)
{
    uintptr_t irq = irq_save();
    unsigned slot;

    if (kmap_taken == UINT64_MAX) {
        irq_restore(irq);
        return NULL;
    }
    slot = (unsigned)__builtin_ctzll(~kmap_taken);
    kmap_taken |= 1ull << slot;
    kmap_entries[slot] = (phys & PTE_ADDRESS) | PTE_PRESENT | PTE_WRITE;
    irq_restore(irq);
    return (void *)(uintptr_t)(KMAP_BASE + slot * PAGE_SIZE + (phys & PAGE_MASK));
}

void *phys_map_page(uint64_t phys)
{
    return phys_directly_mapped(phys) ? phys_to_direct(phys) : slot_map(phys);
}

void phys_unmap_page(void *va)
{
    uintptr_t offset = (uintptr_t)va - KMAP_BASE;
    unsigned slot = (unsigned)(offset >> PAGE_SHIFT);
    uintptr_t irq;

    if (va == NULL || offset >= (uintptr_t)KMAP_SLOTS * PAGE_SIZE) {
        return;
    }
    irq = irq_save();
    if ((kmap_taken >> slot & 1) == 0) {
        panic("memory: temporary mapping %p given back twice", va);
    }
    kmap_entries[slot] = 0;
    tlb_drop((uintptr_t)va);
    kmap_taken &= ~(1ull << slot);
    irq_restore(irq);
}

/* ---- copies by physical address ---- */

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FILL };

static bool phys_access(enum access kind, uint64_t phys, void *to, const void *from, int byte,
                        size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t part = PAGE_SIZE - (size_t)((phys + done) & PAGE_MASK);
        void *at = phys_map_page(phys + done);

        if (at == NULL) {
            return false;
        }
        part = part < size - done ? part : size - done;
        if (kind == ACCESS_READ) {
            memcpy((char *)to + done, at, part);
        } else if (kind == ACCESS_WRITE) {
            memcpy(at, (const char *)from + done, part);
        } else {
            memset(at, byte, part);
        }
        phys_unmap_page(at);
        done += part;
    }
    return true;
}

bool phys_read(void *to, uint64_t phys, size_t size)
{
    return phys_access(ACCESS_READ, phys, to, NULL, 0, size);
}

bool phys_write(uint64_t phys, const void *from, size_t size)
{
    return phys_access(ACCESS_WRITE, phys, NULL, from, 0, size);
}

bool phys_fill(uint64_t phys, int byte, size_t size)
{
    return phys_access(ACCESS_FILL, phys, NULL, NULL, byte, size);
}
