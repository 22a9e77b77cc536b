/* SPDX-License-Identifier: BSD-2-Clause */
/* The host functions, and an instance with one unit per device and one for all others. */
#include "host.h"

#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "virtual.h"

#define ARENA (UINT64_C(4) << 30)
#define GIB   (UINT64_C(1) << 30)

void bench_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t system_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Counter steps per nanosecond. A system call for each look at the clock would take longer than
 * what is measured, and some virtual machines make one of clock_gettime(). */
double bench_cycles_per_ns(void)
{
    static double rate;

    if (rate == 0) {
        uint64_t start = system_clock();
        uint64_t cycles = __builtin_ia32_rdtsc();

        while (system_clock() - start < 50000000) {
        }
        rate = (double)(__builtin_ia32_rdtsc() - cycles) / (double)(system_clock() - start);
    }
    return rate;
}

uint64_t bench_now(void)
{
    if (bench_virtual()) {
        return bench_virtual_now();
    }
    return (uint64_t)((double)__builtin_ia32_rdtsc() / bench_cycles_per_ns());
}

/* ---- Memory: physical addresses are the process's own ---- */

struct free_page {
    struct free_page *next;
};

static uint8_t *arena;
static _Atomic uint64_t arena_used;
static _Thread_local struct free_page *free_pages;
static _Atomic uint64_t objects;

static void *reserve(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        bench_die("no address space");
    }
    return memory;
}

void *bench_buffer(size_t size)
{
    uintptr_t alignment = size < GIB ? UDMAR_PAGE_SIZE : GIB;
    uintptr_t memory = (uintptr_t)reserve(size + alignment);

    return (void *)((memory + alignment - 1) & ~(alignment - 1));
}

static void *take(size_t size, size_t alignment)
{
    uint64_t from = atomic_fetch_add(&arena_used, size + alignment);

    if (from + size + alignment > ARENA) {
        bench_die("out of memory");
    }
    return (void *)(((uintptr_t)arena + from + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    size_t size = UDMAR_PAGE_SIZE;

    (void)host;
    (void)mapped;
    while (size < count * UDMAR_PAGE_SIZE) {
        size *= 2;
    }
    if (count == 1 && free_pages != NULL) {
        out_page->mapping = free_pages;
        free_pages = free_pages->next;
        memset(out_page->mapping, 0, UDMAR_PAGE_SIZE);
    } else {
        out_page->mapping = take(size, size);
    }
    out_page->physical = (uintptr_t)out_page->mapping;
    return out_page->physical + size - 1 <= highest;
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    (void)domain; /* one node */
    return udmar_host_page_alloc(host, count, highest, false, out_page);
}

/* Blocks of more than one page are few and stay. */
void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    struct free_page *entry = (struct free_page *)(uintptr_t)page->physical;

    (void)host;
    if (count == 1) {
        entry->next = free_pages;
        free_pages = entry;
    }
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    (void)host;
    return (void *)(uintptr_t)physical;
}

void udmar_host_page_unmap(void *host, void *address)
{
    (void)host;
    (void)address;
}

void *udmar_host_alloc(void *host, size_t size)
{
    (void)host;
    objects += size;
    return calloc(1, size);
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    (void)host;
    objects -= size;
    free(memory);
}

uint64_t bench_objects(void)
{
    return objects;
}

udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    (void)host;
    (void)length;
    return (uintptr_t)address;
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    void *memory = take(size, alignment > UDMAR_PAGE_SIZE ? alignment : UDMAR_PAGE_SIZE);

    (void)host;
    (void)contiguous;
    (void)uncached;
    return (uintptr_t)memory + size - 1 <= highest ? memory : NULL;
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    (void)host;
    (void)memory;
    (void)size;
}

/* ---- Registers ---- */

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    (void)host;
    (void)size;
    /* The library only hands it back. */
    return (void *)(uintptr_t)physical;
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    (void)host;
    (void)registers;
    (void)size;
}

static unsigned unit_at(const void *registers)
{
    return (unsigned)(((uintptr_t)registers - BENCH_UNIT_BASE) / BENCH_UNIT_STRIDE);
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    (void)host;
    return bench_unit_read(unit_at(registers), offset);
}

void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    (void)host;
    bench_unit_write(unit_at(registers), offset, value);
}

void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    (void)host;
    (void)address;
    (void)size;
}

uint32_t udmar_host_pci_read32(void *host, uint16_t segment, udmar_rid_t rid, unsigned offset)
{
    (void)host;
    (void)segment;
    (void)rid;
    return offset == 0 ? 0x12348086u : 0;
}

bool udmar_host_pci_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge)
{
    (void)host;
    (void)segment;
    (void)bus;
    (void)out_bridge;
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

/* ---- Time, locks, words ---- */

/* What a turn of a waiting loop takes a virtual processor. */
#define LOOK_NS 50u

static bool polite;

uint64_t udmar_host_time_ns(void *host)
{
    static _Thread_local unsigned looks;
    uint64_t now;

    (void)host;
    if (bench_virtual()) {
        bench_virtual_pass(LOOK_NS);
        return bench_virtual_now();
    }
    now = bench_now();
    bench_units_tick(now);
    /* Not at once: who looks at the clock twice has not begun to wait. */
    if (polite && ++looks % 16 == 0) {
        (void)sched_yield();
    } else {
        __builtin_ia32_pause();
    }
    return now;
}

struct lock {
    _Alignas(64) atomic_bool taken;
};

void *udmar_host_lock_create(void *host)
{
    struct lock *lock = aligned_alloc(_Alignof(struct lock), sizeof(struct lock));

    (void)host;
    if (lock != NULL) {
        atomic_init(&lock->taken, false);
    }
    return lock;
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    (void)host;
    free(lock);
}

uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    atomic_bool *taken = &((struct lock *)lock)->taken;

    (void)host;
    while (atomic_exchange_explicit(taken, true, memory_order_acquire)) {
        if (bench_virtual()) {
            bench_die("a lock is held while time passes");
        }
        for (unsigned turn = 1; atomic_load_explicit(taken, memory_order_relaxed); turn++) {
            /* The holder may not be running: a process is not a kernel. */
            if (turn % 256 == 0) {
                (void)sched_yield();
            }
            __builtin_ia32_pause();
        }
    }
    return 0;
}

void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    (void)host;
    (void)state;
    atomic_store_explicit(&((struct lock *)lock)->taken, false, memory_order_release);
}

/* Threads are processors: each takes the next number when it first asks. */
unsigned udmar_host_cpu(void *host)
{
    static atomic_uint threads;
    static _Thread_local unsigned number;

    (void)host;
    if (bench_virtual()) {
        return bench_virtual_number();
    }
    if (number == 0) {
        number = 1 + atomic_fetch_add(&threads, 1) % 64;
    }
    return number - 1;
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
    (void)host;
    (void)interrupt;
}

void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    (void)host;
    if (level <= UDMAR_LOG_WARN && strstr(text, "no interrupt") == NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

/* ---- The instance ---- */

#define HEADER 48u
#define DRHD   16u
#define SCOPE  8u

static uint8_t table[HEADER + BENCH_UNITS * (DRHD + SCOPE)];

static void put32(uint8_t *at, uint64_t value)
{
    memcpy(at, &(uint32_t){ (uint32_t)value }, 4);
}

/* Units with one device each, and the last one for all others. Returns the size. */
static size_t make_table(void)
{
    uint8_t *at = table + HEADER;
    uint8_t sum = 0;

    memset(table, 0, sizeof(table));
    for (unsigned i = 0; i < BENCH_UNITS; i++) {
        bool last = i == BENCH_UNITS - 1;

        at[2] = (uint8_t)(last ? DRHD : DRHD + SCOPE);
        at[4] = last;
        put32(at + 8, BENCH_UNIT_BASE + i * BENCH_UNIT_STRIDE);
        if (!last) {
            at[16] = 1; /* a PCI endpoint, its path one hop from bus 0 */
            at[17] = SCOPE;
            at[22] = (uint8_t)(1 + i);
        }
        at += at[2];
    }
    memcpy(table, "DMAR", 4);
    put32(table + 4, (uint64_t)(at - table));
    table[8] = 1;
    table[36] = 47;
    for (const uint8_t *byte = table; byte < at; byte++) {
        sum = (uint8_t)(sum + *byte);
    }
    table[9] = (uint8_t)-sum;
    return (size_t)(at - table);
}

struct udmar *bench_start(const struct bench_config *options)
{
    static struct udmar_config config;
    struct udmar *instance;
    enum udmar_status status;

    if (arena == NULL) {
        arena = reserve(ARENA);
        (void)bench_cycles_per_ns(); /* before there are threads */
    }
    bench_units_reset(options->wait_ns);
    polite = options->yield;
    config = (struct udmar_config){ .table = table, .direct_map = true };
    config.table_size = make_table();
    config.window_limit = options->window_limit;
    udmar_tunables_init(&config.tunables);
    config.tunables.enable = true;
    config.tunables.strict = options->strict;
    config.tunables.width = options->width;
    status = udmar_create(NULL, &config, &instance);
    if (status == UDMAR_OK) {
        status = udmar_start(instance);
    }
    if (status != UDMAR_OK) {
        bench_die("the driver does not start: %s", udmar_status_string(status));
    }
    return instance;
}

struct udmar_device *bench_device(struct udmar *instance, udmar_rid_t rid)
{
    struct udmar_device *device = udmar_device_find(instance, 0, rid);
    enum udmar_status status = UDMAR_OK;

    if (device == NULL) {
        status = udmar_device_attach(instance, 0, rid, "bench", &device);
    }
    if (status != UDMAR_OK) {
        bench_die("the device cannot be attached: %s", udmar_status_string(status));
    }
    return device;
}

void bench_stop(struct udmar *instance)
{
    struct udmar_device *device;

    while ((device = udmar_device_next(instance, NULL)) != NULL) {
        if (udmar_device_detach(device) != UDMAR_OK) {
            bench_die("a device cannot be detached");
        }
    }
    if (udmar_stop(instance) != UDMAR_OK || udmar_destroy(instance) != UDMAR_OK) {
        bench_die("the driver does not stop");
    }
}
