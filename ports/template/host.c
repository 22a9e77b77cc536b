/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port to start from: every function of udmar/host.h, to be filled in from top to bottom.
 *
 * As it stands it compiles, links, and refuses to work at the first step: without small memory
 * there is no instance, without registers no unit. What must not fail by contract stops the
 * machine with a line in the log. Nothing here pretends that hardware was reached.
 *
 * The contracts stand in udmar/host.h, examples for the hard ones in docs/PORTING.md.
 */
#include <udmar/host.h>
#include <udmar/udmar.h>

/* For functions that have no way to say no. Guessing there would send DMA to wrong places. */
static _Noreturn void missing(void *host, const char *text)
{
    udmar_host_log(host, UDMAR_LOG_ERROR, text);
    __builtin_trap();
}

/* ---- Tier 1: translate ----------------------------------------------------------------------- */

/* Your kernel's mapping of device registers: uncached, size bytes from physical. Null: none. */
void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    (void)host;
    (void)physical;
    (void)size;
    return NULL;
}

/* Takes that mapping away again. */
void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    (void)host;
    (void)registers;
    (void)size;
}

/* Right as it is wherever registers are reached by plain loads. */
uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    (void)host;
    return *(volatile uint32_t *)((volatile uint8_t *)registers + offset);
}

/* Right as it is on x86, which keeps stores in order: only the compiler has to be held back. */
void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    (void)host;
    __asm__ volatile("" ::: "memory");
    *(volatile uint32_t *)((volatile uint8_t *)registers + offset) = value;
}

/*
 * Your page allocator: count pages in one piece, aligned to the next power of two, none above
 * highest, all zero. With a direct map virtual is the address in it. False: there are none.
 */
bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    (void)host;
    (void)count;
    (void)highest;
    (void)mapped;
    (void)out_page;
    return false;
}

/* Gives them back, all count of them. */
void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    (void)host;
    (void)page;
    (void)count;
}

/* With a direct map: its base + physical. Without: the next of six slots of this processor. */
void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    (void)physical;
    missing(host, "the port has no udmar_host_page_map()");
}

/* With a direct map: nothing. Without: clears the slot taken last. */
void udmar_host_page_unmap(void *host, void *address)
{
    (void)host;
    (void)address;
}

#if defined(__x86_64__) || defined(__i386__)
/* Bytes that one CLFLUSH writes back; 0 where CPUID says that there is no CLFLUSH. */
static size_t flush_line(void)
{
    static size_t line = SIZE_MAX;

    if (line == SIZE_MAX) {
        uint32_t a = 1, b, c = 0, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        line = (d >> 19 & 1) != 0 ? (b >> 8 & 0xff) * 8 : 0;
    }
    return line;
}

/* Right as it is on x86. Units that do not snoop stand beside processors of every age. */
void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    size_t step = flush_line();
    const uint8_t *line = (const uint8_t *)((uintptr_t)address & ~(uintptr_t)(step - 1));
    const uint8_t *end = (const uint8_t *)address + size;

    (void)host;
    if (step == 0) {
        __asm__ volatile("wbinvd" ::: "memory");
        return;
    }
    for (; line < end; line += step)
        __asm__ volatile("clflush %0" : : "m"(*line) : "memory");
    __asm__ volatile("mfence" ::: "memory");
}
#else
void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    (void)address;
    (void)size;
    missing(host, "the port has no udmar_host_cache_flush()");
}
#endif

/* Your kernel's small memory: zeroed, aligned to 16 bytes, never sleeping. Null: there is none. */
void *udmar_host_alloc(void *host, size_t size)
{
    (void)host;
    (void)size;
    return NULL;
}

/* The size is the one that was asked for, for allocators that want to know. */
void udmar_host_free(void *host, void *memory, size_t size)
{
    (void)host;
    (void)memory;
    (void)size;
}

/*
 * A clock that runs with interrupts off: TSC, HPET, ACPI timer; and a PAUSE. This one knows nothing
 * of time, but it advances, so that waiting for a dead unit ends after a million turns.
 */
uint64_t udmar_host_time_ns(void *host)
{
    static uint64_t now;

    (void)host;
    now += 1000;
    return now;
}

/* Your console or message buffer; text has no line end. Fill this in first: it explains the rest.
 */
void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    (void)host;
    (void)level;
    (void)text;
}

/* Your configuration space access; all ones where there is no function. */
uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    (void)segment;
    (void)rid;
    (void)offset;
    missing(host, "the port has no udmar_host_pci_read32()");
}

/* Whose secondary bus is it? Right as it is; a kernel with a list of its bridges answers faster. */
bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    return udmar_pci_find_bridge(host, segment, bus, out_bridge);
}

/*
 * Ids of a function that only its own registers or its driver know: devices behind Intel VMD, proxy
 * ids. A machine without such devices is answered like this.
 */
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

/* ---- Tier 2: threads and interrupts ---------------------------------------------------------- */

/* None of this with -DUDMAR_SINGLE_THREAD: one thread, one processor, no interrupts. */
#ifndef UDMAR_SINGLE_THREAD

/* Your spin lock; as long as there is one thread and no interrupt, a pointer that is not null. */
void *udmar_host_lock_create(void *host)
{
    static char token;

    (void)host;
    return &token;
}

/* Gives a lock's memory back. */
void udmar_host_lock_destroy(void *host, void *lock)
{
    (void)host;
    (void)lock;
}

/* With threads: interrupts off on this processor, then spin. Returns the state from before. */
uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    (void)host;
    (void)lock;
    return 0;
}

/* With threads: unlock, then restore that state, which is not always "on". */
void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    (void)host;
    (void)lock;
    (void)state;
}

/* The number of the processor that this runs on, below udmar_config.cpus. */
unsigned udmar_host_cpu(void *host)
{
    (void)host;
    return 0;
}

/* A vector, the handler behind it, and the MSI that raises it. Null: faults are polled for. */
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

/* Returns when no handler runs any more. */
void udmar_host_interrupt_free(void *host, void *interrupt)
{
    (void)host;
    (void)interrupt;
}

#endif

/* ---- Tier 3: busdma(9) ----------------------------------------------------------------------- */

/* Your page tables, for any address that a driver may load. All ones: nothing is mapped there. */
udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    (void)host;
    (void)address;
    (void)length;
    return UINT64_MAX;
}

/* Whole zeroed pages for one driver alone; scattered ones will do unless contiguous. Null: none. */
void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    (void)host;
    (void)size;
    (void)alignment;
    (void)highest;
    (void)contiguous;
    (void)uncached;
    return NULL;
}

/* A kernel with NUMA looks in that domain first. */
bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    (void)domain;
    return udmar_host_page_alloc(host, count, highest, false, out_page);
}

/* Gives them back. */
void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    (void)host;
    (void)memory;
    (void)size;
}
