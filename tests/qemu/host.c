/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host interface on top of QEMU: pages are pages of the guest's memory, registers are reached
 * over the socket, everything handed out is counted.
 *
 * With hidden stores, pages that become tables are a private copy; the unit sees what
 * udmar_host_cache_flush() has covered, line by line, and rubbish before. QEMU says ECAP.C = 0 but
 * snoops all the same: this makes a missing flush visible. (The queue is asked for mapped, and is
 * always coherent.)
 *
 * There are no interrupts: QEMU delivers them to a processor that is not ours. Faults are polled.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "qemu.h"

/* The allocator's two ranges, see machine.h. */
#define LOW_PAGES    ((size_t)((LOW - RAM_LOW) / PAGE))
#define HIGH_PAGES   ((size_t)((RAM_HIGH_END - HIGH_END) / PAGE))
#define ALL_PAGES    (LOW_PAGES + HIGH_PAGES)
#define WINDOW_PAGES ((size_t)16384)
#define STALE_BYTE   0xa7
#define LINE         64

enum page_state { PAGE_FREE, PAGE_FIRST, PAGE_NEXT, PAGE_HIDDEN, PAGE_BUFFER };

static void complain(struct qemu *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct qemu *e, const char *format, ...)
{
    va_list arguments;

    fputs("# host: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    e->complaints++;
}

/* ---- Small memory, and everything else that is given back ------------------------------------ */

enum block_kind { BLOCK_MEMORY, BLOCK_REGISTERS, BLOCK_LOCK };

struct block {
    struct block *next, *previous;
    enum block_kind kind;
    size_t size;
    uint64_t physical;
} __attribute__((aligned(16)));

static struct block *block_add(struct qemu *e, enum block_kind kind, size_t size, size_t room)
{
    struct block *b = calloc(1, sizeof(*b) + room);

    if (b == NULL)
        abort();
    b->kind = kind;
    b->size = size;
    b->next = e->blocks;
    if (e->blocks != NULL)
        e->blocks->previous = b;
    e->blocks = b;
    return b;
}

static void block_remove(struct qemu *e, struct block *b, enum block_kind kind, size_t size)
{
    if (b->kind != kind || b->size != size)
        complain(e, "%zu bytes of kind %d given back as %zu bytes of kind %d", b->size,
                 (int)b->kind, size, (int)kind);
    if (b->next != NULL)
        b->next->previous = b->previous;
    if (b->previous != NULL)
        b->previous->next = b->next;
    else
        e->blocks = b->next;
    free(b);
}

void *udmar_host_alloc(void *host, size_t size)
{
    if (size < 1 || size > 65536)
        complain(host, "alloc of %zu bytes", size);
    return block_add(host, BLOCK_MEMORY, size, size) + 1;
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    block_remove(host, (struct block *)memory - 1, BLOCK_MEMORY, size);
}

/* ---- Registers ------------------------------------------------------------------------------- */

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    struct block *b = block_add(host, BLOCK_REGISTERS, size, 0);

    b->physical = physical;
    return b;
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    block_remove(host, registers, BLOCK_REGISTERS, size);
}

static uint64_t register_at(struct qemu *e, const struct block *b, uint32_t offset)
{
    if (offset % 4 != 0 || offset >= b->size)
        complain(e, "register access at %#x", offset);
    return b->physical + offset;
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    struct qemu *e = host;

    return qtest_read32(e->q, register_at(e, registers, offset));
}

void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    struct qemu *e = host;

    /* On its way, as a write to a real device is: reads do not pass it, and who watches memory for
     * what it does looks at the clock. */
    qtest_post32(e->q, register_at(e, registers, offset), value);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static uint64_t page_physical(size_t index)
{
    return index < LOW_PAGES ? RAM_LOW + index * PAGE : HIGH_END + (index - LOW_PAGES) * PAGE;
}

/* ALL_PAGES: not the allocator's. */
static size_t page_index(uint64_t physical)
{
    if (physical >= RAM_LOW && physical < LOW)
        return (size_t)((physical - RAM_LOW) / PAGE);
    if (physical >= HIGH_END && physical < RAM_HIGH_END)
        return LOW_PAGES + (size_t)((physical - HIGH_END) / PAGE);
    return ALL_PAGES;
}

static uint8_t *page_pointer(struct qemu *e, uint64_t physical)
{
    size_t index = page_index(physical);

    if (index < ALL_PAGES && e->pages[index] == PAGE_HIDDEN)
        return e->hidden + index * PAGE;
    return qtest_memory(e->q, physical);
}

static bool block_is_free(const struct qemu *e, size_t first, size_t count, uint64_t highest)
{
    uint64_t start = page_physical(first);
    uint64_t align = 1;

    while (align < count)
        align *= 2;
    if (start % (align * PAGE) != 0 || start + count * PAGE - 1 > highest)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (first + i >= ALL_PAGES || e->pages[first + i] != PAGE_FREE ||
            page_physical(first + i) != start + i * PAGE)
            return false;
    }
    return true;
}

/* From the top down, so that most of what hardware reads lies above 4 GiB. */
static size_t take_pages(struct qemu *e, size_t count, uint64_t highest, enum page_state state)
{
    for (size_t i = ALL_PAGES; i > 0; i--) {
        if (!block_is_free(e, i - 1, count, highest))
            continue;
        memset(e->pages + i - 1, PAGE_NEXT, count);
        e->pages[i - 1] = (uint8_t)state;
        return i - 1;
    }
    return ALL_PAGES;
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    struct qemu *e = host;
    bool hidden = e->hidden_stores && !mapped && count == 1;
    size_t index = take_pages(e, count, highest, hidden ? PAGE_HIDDEN : PAGE_FIRST);
    uint64_t physical;

    if (index == ALL_PAGES)
        return false;
    physical = page_physical(index);
    memset(qtest_memory(e->q, physical), hidden ? STALE_BYTE : 0, count * PAGE);
    out_page->physical = physical;
    out_page->mapping = page_pointer(e, physical);
    if (hidden)
        memset(out_page->mapping, 0, PAGE);
    e->pages_held += count;
    return true;
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    (void)domain; /* one node */
    return udmar_host_page_alloc(host, count, highest, false, out_page);
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    struct qemu *e = host;
    size_t index = page_index(page->physical);

    if (index == ALL_PAGES || (e->pages[index] != PAGE_FIRST && e->pages[index] != PAGE_HIDDEN)) {
        complain(e, "page_free of %#llx, which is not allocated",
                 (unsigned long long)page->physical);
        return;
    }
    for (size_t i = 1; i <= count; i++) {
        if (i < count && e->pages[index + i] != PAGE_NEXT)
            complain(e, "page_free of %zu pages, fewer were allocated", count);
        if (i == count && index + i < ALL_PAGES && e->pages[index + i] == PAGE_NEXT)
            complain(e, "page_free of %zu pages, more were allocated", count);
    }
    /* A unit that still walks through it meets entries with all the wrong bits. */
    memset(qtest_memory(e->q, page->physical), 0xdb, count * PAGE);
    memset(e->pages + index, PAGE_FREE, count);
    e->pages_held -= count;
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    struct qemu *e = host;
    void *at = page_pointer(e, physical);

    if (physical % PAGE != 0 || at == NULL)
        complain(e, "page_map of %#llx", (unsigned long long)physical);
    if (++e->maps_held > 6)
        complain(e, "%u page mappings at a time", e->maps_held);
    return at;
}

void udmar_host_page_unmap(void *host, void *address)
{
    struct qemu *e = host;

    (void)address;
    if (e->maps_held-- == 0)
        complain(e, "page_unmap without page_map");
}

void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    struct qemu *e = host;
    uintptr_t offset = (uintptr_t)address - (uintptr_t)e->hidden;
    size_t first = offset & ~(uintptr_t)(LINE - 1), end = (offset + size + LINE - 1) & ~(LINE - 1u);

    e->flushes++;
    if (offset >= ALL_PAGES * PAGE || size == 0)
        return;
    /* 64-bit stores, as a unit may walk the table meanwhile. */
    for (size_t at = first; at < end; at += 8) {
        uint8_t *to = qtest_memory(e->q, page_physical(at / PAGE)) + at % PAGE;

        *(volatile uint64_t *)(void *)to = *(const uint64_t *)(const void *)(e->hidden + at);
    }
}

/* ---- Buffers --------------------------------------------------------------------------------- */

void *host_buffer(struct qemu *e, size_t size, bool scattered, size_t offset)
{
    size_t count = (size_t)((offset + size + PAGE - 1) / PAGE), slot = 0, run = 0, page = 0;

    for (; slot < WINDOW_PAGES && run < count + 2; slot++)
        run = e->backing[slot] == 0 ? run + 1 : 0;
    if (run < count + 2)
        return NULL;
    slot -= count + 1; /* one page on either side stays empty */
    for (size_t i = 0; i < count; i++) {
        /* Scattered: from both ends in turns, so that no page follows its neighbour. */
        uint64_t highest = scattered && i % 2 == 1 ? LOW - 1 : UINT64_MAX;

        if (i == 0 || scattered)
            page = take_pages(e, scattered ? 1 : count, highest, PAGE_BUFFER);
        else
            page++;
        if (page == ALL_PAGES)
            abort();
        e->pages[page] = PAGE_BUFFER;
        e->backing[slot + i] = page_physical(page);
        qtest_map_page(e->q, e->window + (slot + i) * PAGE, page_physical(page));
    }
    memset(e->window + slot * PAGE, 0, count * PAGE);
    return e->window + slot * PAGE + offset;
}

void host_buffer_free(struct qemu *e, void *buffer)
{
    size_t slot = (size_t)((uint8_t *)buffer - e->window) / PAGE;

    if (slot >= WINDOW_PAGES || e->backing[slot] == 0 || (slot > 0 && e->backing[slot - 1] != 0)) {
        complain(e, "buffer %p is not allocated", buffer);
        return;
    }
    for (; slot < WINDOW_PAGES && e->backing[slot] != 0; slot++) {
        e->pages[page_index(e->backing[slot])] = PAGE_FREE;
        e->backing[slot] = 0;
        (void)mmap(e->window + slot * PAGE, PAGE, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
}

udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    struct qemu *e = host;
    uintptr_t offset = (uintptr_t)address - (uintptr_t)e->window;
    size_t slot = offset / PAGE, left = (size_t)(PAGE - offset % PAGE);

    if (slot >= WINDOW_PAGES || e->backing[slot] == 0)
        return UINT64_MAX;
    for (size_t i = slot; left < *length && i + 1 < WINDOW_PAGES; i++, left += PAGE) {
        if (e->backing[i + 1] != e->backing[i] + PAGE)
            break;
    }
    *length = left < *length ? left : *length;
    return e->backing[slot] + offset % PAGE;
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    (void)uncached;
    if (alignment > PAGE || (contiguous && highest < RAM_HIGH_END - 1))
        return NULL; /* not needed here so far */
    return host_buffer(host, size, !contiguous, 0);
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    (void)size;
    host_buffer_free(host, memory);
}

/* ---- Clock, log, locks, interrupts ----------------------------------------------------------- */

uint64_t udmar_host_time_ns(void *host)
{
    const struct qemu *e = host;
    struct timespec now;

    qtest_finish(e->q);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    const struct qemu *e = host;

    if (e->verbose)
        fprintf(stderr, "# log %d: %s\n", (int)level, text);
}

void *udmar_host_lock_create(void *host)
{
    return block_add(host, BLOCK_LOCK, 0, 0);
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    block_remove(host, lock, BLOCK_LOCK, 0);
}

uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    struct block *b = lock;
    struct qemu *e = host;

    if (b->physical++ != 0)
        complain(e, "a lock is taken twice");
    return e->locks_held++;
}

void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    struct block *b = lock;
    struct qemu *e = host;

    if (b->physical-- == 0)
        complain(e, "a lock is released that is not held");
    if (--e->locks_held != state)
        complain(e, "locks are released in the wrong order");
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    (void)host;
    (void)handler;
    (void)argument;
    (void)out_address;
    (void)out_data;
    return NULL;
}

void udmar_host_interrupt_free(void *host, void *interrupt)
{
    complain(host, "interrupt %p is given back, there are none", interrupt);
}

/* ---- PCI ------------------------------------------------------------------------------------- */

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    /* The ports do not reach extended space. */
    return segment == 0 && offset < 256 ? pci_read(host, rid, offset) : UINT32_MAX;
}

bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    const struct qemu *e = host;

    if (segment == 0 && bus != 0 && bus == e->more_bus) {
        *out_bridge = e->more_bridge;
        return true;
    }
    for (unsigned i = 0; segment == 0 && bus != 0 && i < e->device_count; i++) {
        if (e->device[i].bridge != 0 && UDMAR_RID_BUS(e->device[i].rid) == bus) {
            *out_bridge = e->device[i].bridge;
            return true;
        }
    }
    return false;
}

bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid)
{
    (void)host;
    (void)segment;
    (void)rid;
    (void)index;
    (void)out_segment;
    (void)out_rid;
    return false;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void *reserve_addresses(size_t size, int protection)
{
    void *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        abort();
    return at;
}

void host_open(struct qemu *e)
{
    e->pages = calloc(ALL_PAGES, 1);
    e->backing = calloc(WINDOW_PAGES, sizeof(*e->backing));
    if (e->pages == NULL || e->backing == NULL)
        abort();
    e->hidden = reserve_addresses(ALL_PAGES * PAGE, PROT_READ | PROT_WRITE);
    e->window = reserve_addresses(WINDOW_PAGES * PAGE, PROT_NONE);
    e->verbose = getenv("UDMAR_TEST_VERBOSE") != NULL;
}

void host_abandon(struct qemu *e)
{
    while (e->blocks != NULL)
        block_remove(e, e->blocks, e->blocks->kind, e->blocks->size);
    munmap(e->hidden, ALL_PAGES * PAGE);
    munmap(e->window, WINDOW_PAGES * PAGE);
    free(e->pages);
    free(e->backing);
}

unsigned host_close(struct qemu *e)
{
    unsigned complaints;

    for (const struct block *b = e->blocks; b != NULL; b = b->next)
        complain(e, "leak: %zu bytes of kind %d", b->size, (int)b->kind);
    if (e->pages_held != 0)
        complain(e, "leak: %zu pages", e->pages_held);
    for (size_t i = 0; i < WINDOW_PAGES; i++) {
        if (e->backing[i] != 0 && (i == 0 || e->backing[i - 1] == 0))
            complain(e, "leak: a buffer");
    }
    if (e->maps_held != 0 || e->locks_held != 0)
        complain(e, "leak: %u page mappings, %u locks held", e->maps_held, e->locks_held);
    complaints = e->complaints;
    host_abandon(e);
    return complaints;
}

#define HOST_ENTRY(name) .name = udmar_host_##name,
const struct host_ops qemu_host_ops = { HOST_FUNCTIONS(HOST_ENTRY) };
