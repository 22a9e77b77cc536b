/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host interface: the functions that a port supplies, found at link time.
 *
 *   tier 0   parse and decode (table.h, unit.h's decoders)     0 functions
 *   tier 1   translate, one thread                            16 functions
 *   tier 2   threads and interrupts                            7 functions
 *   tier 3   busdma(9)                                         4 functions
 *
 * Every function takes first the opaque pointer that the port gave to udmar_create(), so that many
 * instances fit into one program. A missing function is a linker error. ports/template has the
 * whole list ready to be filled in, docs/PORTING.md goes through it step by step.
 *
 * "Any context" below means: threads, with locks held, and the unit's fault interrupt. No function
 * may sleep or call back into the library.
 */
#ifndef UDMAR_HOST_H
#define UDMAR_HOST_H

#include <udmar/status.h>
#include <udmar/types.h>

/*
 * A port may have any of these functions inlined into the library that it compiles: a header of its
 * own defines them as static inline, and the compiler is told its name with
 * -DUDMAR_HOST_INLINE='"port_inline.h"'. That is worth doing for the seven that every load and
 * unload calls: mmio_write32, cache_flush, lock_acquire, lock_release, cpu, page_map and
 * virtual_to_physical. The contracts are the same.
 */
#ifdef UDMAR_HOST_INLINE
#include UDMAR_HOST_INLINE
#endif

/*
 * UDMAR_ASSERT(condition) marks what only a mistake of the library's own can make untrue. It is
 * nothing in a release build. A library that is compiled with -DUDMAR_DEBUG calls udmar_host_log()
 * with null for @host and one line (file, line, condition), and traps; it also checks more, and is
 * slower. A port that wants another end, or these checks alone, defines the macro itself: in the
 * header of UDMAR_HOST_INLINE, or on the compiler's command line. All files are compiled alike.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tier 1: translate ----------------------------------------------------------------------- */

/*
 * udmar_host_mmio_map - make device registers readable and writable
 * @physical: page-aligned address. @size: bytes, a multiple of 4096.
 *
 * The mapping must be uncached (never write-combining). Called when an instance is created, from a
 * thread, at most twice for a unit (the second time with the whole size of its register window).
 * Returns an address or null. udmar_host_mmio_unmap() gets the same address and size back.
 */
void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size);
void udmar_host_mmio_unmap(void *host, void *registers, size_t size);

/*
 * udmar_host_mmio_read32, udmar_host_mmio_write32 - one aligned 32-bit register access
 * @registers: from udmar_host_mmio_map(). @offset: bytes, a multiple of 4, below the mapped size.
 *
 * Exactly one access of exactly four bytes, neither merged with another nor moved across one, and
 * a write is not performed before the memory writes that precede it in the program (x86: a
 * volatile access and a compiler barrier before it). 64-bit registers are accessed as two halves,
 * as the architecture allows, so that i386 and amd64 are alike. Any context.
 */
uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset);
void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value);

/* A page that hardware reads. The two names of a page always travel together. */
struct udmar_page {
    void *mapping;          /* null: not permanently mapped, udmar_host_page_map() reaches it */
    udmar_paddr_t physical; /* page-aligned; never 0 */
};

/*
 * udmar_host_page_alloc - physically contiguous zeroed pages
 * @count: pages, 1 to 128, or 256 (an interrupt remapping table of 65536 entries); the block is
 *         aligned to its size rounded up to a power of two.
 * @highest: the last physical address that may lie in the block.
 * @out_page: the first page; mapping is null, or the address of the whole block.
 *
 * The memory is ordinary write-back memory and all zero bytes. A host that cannot keep all memory
 * mapped at once (i386) leaves mapping null; except that blocks of more than one page, and pages
 * asked for with @mapped, must be mapped for as long as they live.
 * Returns false when there is none; the library then fails the operation and loses nothing.
 * Any context but the fault interrupt. udmar_host_page_free() gets the same page and count back.
 */
bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page);
void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count);

/*
 * udmar_host_page_map - reach one page of ordinary memory
 * @physical: page-aligned; a page from udmar_host_page_alloc(), a page of a driver's buffer, or RAM
 *            of udmar_config.ram that holds the interrupt remapping table that was found on.
 *
 * The library holds at most six such mappings at a time on one CPU, in last-in first-out order,
 * each for a few hundred instructions. On a host with a direct map this is an addition.
 * Must not fail. Any context.
 *
 * Example (i386): a per-CPU array of page table entries; map takes the next entry with interrupts
 * of this CPU held off, writes it and flushes that one TLB entry; unmap clears it.
 */
void *udmar_host_page_map(void *host, udmar_paddr_t physical);
void udmar_host_page_unmap(void *host, void *address);

/*
 * udmar_host_cache_flush - write lines back to memory
 * @address, @size: any range inside a page that is mapped.
 *
 * Called only for units that do not snoop (ECAP.C = 0), after each change of a table and before
 * hardware may rely on it. On x86: CLFLUSH (or CLFLUSHOPT, CLWB) on every line touched and then
 * MFENCE (SFENCE), where CPUID says that the instruction exists; else WBINVD. A host whose memory
 * is never cached does nothing. Any context.
 */
void udmar_host_cache_flush(void *host, const void *address, size_t size);

/*
 * udmar_host_alloc, udmar_host_free - small memory for the library's own objects
 * @size: bytes, 1 to 65536, zero-filled and aligned for any type (16 bytes).
 * udmar_host_free() is given the size that was asked for. Called with locks held, never from the
 * fault interrupt. Returns null when there is none.
 */
void *udmar_host_alloc(void *host, size_t size);
void udmar_host_free(void *host, void *memory, size_t size);

/*
 * udmar_host_time_ns - a clock that never goes back
 *
 * Nanoseconds since any moment. Called in each turn of a loop that waits for hardware, so this is
 * the place to put a PAUSE. It must advance while such a loop runs with interrupts off: the
 * deadlines of the library hang on it. Any context.
 */
uint64_t udmar_host_time_ns(void *host);

enum udmar_log_level {
    UDMAR_LOG_ERROR = 1, /* something does not work, and what that means */
    UDMAR_LOG_WARN = 2,  /* firmware or a caller did something wrong, dealt with */
    UDMAR_LOG_INFO = 3,  /* what was found and decided, a few lines a boot */
    UDMAR_LOG_DEBUG = 4, /* details for the search for an error */
};

/*
 * udmar_host_log - one line for people
 * @text: NUL-terminated, without a line end, at most 319 bytes; valid during the call only. It
 *        begins with "udmar: ", so a host adds no name of its own.
 * @host: null in a build with -DUDMAR_DEBUG, for a condition of UDMAR_ASSERT() that is untrue.
 * Never called on the load and unload path. Any context, also the fault interrupt.
 */
void udmar_host_log(void *host, enum udmar_log_level level, const char *text);

/*
 * udmar_host_pci_read32 - one aligned read of PCI configuration space
 * @offset: multiple of 4, 0 to 4092. Returns all ones for an absent function, and from 256 on where
 * the host does not reach extended configuration space: virtual functions then do not find the unit
 * of their physical function. Called from threads while an instance or a device is set up.
 */
uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset);

/*
 * udmar_host_pci_bridge - which bridge leads to this bus?
 * @out_bridge: requester id of the PCI-to-PCI bridge whose secondary bus is @bus.
 * Returns false for a root bus. Called from threads while a device is set up.
 */
bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge);

/*
 * udmar_host_pci_alias - requester ids of a function that configuration space does not tell
 * @segment, @rid: the function. @index: 0, 1, 2... until the answer is false.
 * @out_segment, @out_rid: an id that the function's requests may carry.
 *
 * The library knows what bridges put in the place of an id, virtual and phantom functions, and a
 * list of odd devices. What remains is little, and a host without such devices returns false:
 * - A function of a segment that software has made up, behind a controller that sends for it: Intel
 *   VMD (8086:201d, 28c0, 467f, 4c3d, 9a0b and others), or NVMe drives that Intel RST has remapped
 *   behind a SATA controller. Answer the controller's segment and id. The function's own id never
 *   reaches a unit then; unit, aliases and reserved memory are those of the controller, and one
 *   domain serves all that is behind it.
 * - Proxy ids that a device's own registers list, as non-transparent bridges have. Answer @segment
 *   and the id; the function keeps its own id as well.
 * The answer is the same each time while the function is attached. Called from threads while a
 * device is set up.
 */
bool udmar_host_pci_alias(void *host, uint16_t segment, udmar_rid_t rid, unsigned index,
                          uint16_t *out_segment, udmar_rid_t *out_rid);

/* ---- Tier 2: threads and interrupts ---------------------------------------------------------- */

/*
 * A host with one thread, one processor and no interrupt handler that calls the library compiles it
 * and its own code with -DUDMAR_SINGLE_THREAD and supplies none of these seven.
 */
#ifdef UDMAR_SINGLE_THREAD
#include <udmar/host_single.h>
#else

/*
 * udmar_host_lock_create - a spin lock that may be taken in an interrupt
 *
 * Memory is allocated while locks are held (page tables under the domain's). A kernel that
 * allocates nothing under a spin lock takes a mutex instead: the fault handler of
 * udmar_host_interrupt_alloc(), udmar_tick() and busdma calls then run in threads that may wait for
 * one, and with interrupts on. Returns null when there is no memory for one.
 */
void *udmar_host_lock_create(void *host);
void udmar_host_lock_destroy(void *host, void *lock);

/*
 * udmar_host_lock_acquire, udmar_host_lock_release
 * Acquire disables interrupts on this CPU and returns the state to restore; release gets it back.
 * Locks nest, always in the order of docs/CONCURRENCY.md, and are released in reverse order.
 * The library holds none while it waits for an invalidation of the queue.
 */
uintptr_t udmar_host_lock_acquire(void *host, void *lock);
void udmar_host_lock_release(void *host, void *lock, uintptr_t state);

/*
 * udmar_host_cpu - the processor that this runs on
 *
 * Below udmar_config.cpus; asked only where that is above 1. The thread may be moved the moment
 * after: the answer decides which cache is used, and each has a lock. Any context but the fault
 * interrupt.
 */
unsigned udmar_host_cpu(void *host);

/*
 * udmar_host_interrupt_alloc - a message-signalled interrupt for a unit's fault event
 * @handler: to be called with @argument for each interrupt; it takes locks, writes registers and
 *           log lines, and does not sleep.
 * @out_address, @out_data: what the unit shall write where: an address 0xFEExxxxx in
 *           compatibility format (a unit's own messages are never remapped).
 *
 * Returns a token other than null, or null when no vector is free: faults are then seen by
 * udmar_fault_poll() only. udmar_host_interrupt_free() gets the token back and returns when no
 * handler is running any more.
 */
void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data);
void udmar_host_interrupt_free(void *host, void *interrupt);
#endif

/* ---- Tier 3: busdma(9) ----------------------------------------------------------------------- */

/*
 * udmar_host_virtual_to_physical - the memory behind a driver's pointer
 * @address: any address that a driver hands to bus_dmamap_load(), wrong ones and null included:
 *           they are not mapped.
 * @length: in: how many bytes from there on are wanted, at least 1. Out: how many of them are
 *          physically contiguous, at most what was asked for, and up to a page border if fewer.
 *          A simple host answers with what is left of the page; one that knows its direct map
 *          answers for whole buffers, which makes loads of them cheaper.
 *
 * Returns the physical address of the first byte, or UINT64_MAX where nothing is mapped (@length
 * does not matter then). Any context.
 */
udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length);

/*
 * udmar_host_dmamem_alloc - memory for bus_dmamem_alloc()
 * @size: bytes, at least 1. @highest: the last physical address that may lie in it.
 * @contiguous: true: physically contiguous and aligned to @alignment (a power of two); false: the
 *              pages may lie anywhere, virtual addresses are contiguous and page-aligned.
 * @uncached: map it uncacheable if the host can (BUS_DMA_NOCACHE).
 *
 * The memory is zeroed and belongs to one driver alone: no two allocations share a page.
 * May sleep (the one exception to the rule above): called from threads without locks.
 * Returns null when there is none. udmar_host_dmamem_free() gets the same size back.
 */
void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached);
void udmar_host_dmamem_free(void *host, void *memory, size_t size);

/*
 * udmar_host_page_alloc_near - udmar_host_page_alloc() with a wish for a NUMA node
 * @numa_node: what bus_dma_tag_set_domain() said, or -1: any. A preference: where that node has no
 *          memory below @highest, memory of another is better than none.
 *
 * For bounce pages; they need not stay mapped. A host without NUMA calls
 * udmar_host_page_alloc(host, count, highest, false, out_page). The pages go back through
 * udmar_host_page_free(). Any context but the fault interrupt.
 */
bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int numa_node,
                                struct udmar_page *out_page);

#ifdef __cplusplus
}
#endif

#endif
