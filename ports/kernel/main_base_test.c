/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-test of the base: shows what it found and tries every interface the drivers and the library
 * rely on.  The command line word test=<name> chooses one of the ways to end instead: fault, panic,
 * stack, nofree, console.
 */
#include "kernel.h"

static unsigned failures;

#define CHECK(condition) check((condition), __LINE__, #condition)

static void check(bool good, int line, const char *text)
{
    if (!good) {
        kprintf("FAILED line %d: %s\n", line, text);
        failures++;
    }
}

static uint32_t random_next(void)
{
    static uint32_t state = 12345;

    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* ---- text ---- */

static bool prints(const char *expected, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool prints(const char *expected, const char *fmt, ...)
{
    char text[80];
    va_list args;
    int length;

    va_start(args, fmt);
    length = kvsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (strcmp(text, expected) != 0) {
        kprintf("  \"%s\" instead of \"%s\"\n", text, expected);
    }
    return strcmp(text, expected) == 0 && (size_t)length == strlen(expected);
}

static void test_print(void)
{
    char small[4];

    CHECK(prints("a -5 7 ff FF %", "%s %d %u %x %X %%", "a", -5, 7u, 255u, 255u));
    CHECK(prints("00042|  42|42  |+42", "%05d|%4d|%-4d|%+d", 42, 42, 42, 42));
    CHECK(prints("deadbeef00000001", "%llx", 0xdeadbeef00000001ull));
    CHECK(prints("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX));
    CHECK(prints("-9223372036854775808", "%lld", (long long)INT64_MIN));
    CHECK(prints("abc|  ab|x", "%.3s|%4.2s|%c", "abcdef", "abc", 'x'));
    CHECK(prints("0x1000 4096 -1", "%p %zu %ld", (void *)0x1000, (size_t)4096, -1l));
    CHECK(prints("0x00ff|   7|44", "%#06x|%*d|%hhu", 255u, 4, 7, (unsigned char)300));
    CHECK(ksnprintf(small, sizeof(small), "%d", 123456) == 6 && strcmp(small, "123") == 0);
    CHECK(ksnprintf(NULL, 0, "%d", 123456) == 6);
}

static bool parses(const char *text, uint64_t expected)
{
    uint64_t value = 0;

    return kparse_u64(text, &value) && value == expected;
}

static void test_strings(void)
{
    char buffer[32] = "0123456789";
    char line[] = "  one \"two three\" fo\"u\"r ";
    char open_quote[] = "a \"b";
    char *words[4];
    uint64_t value;

    memmove(buffer + 2, buffer, 8);
    CHECK(memcmp(buffer, "0101234567", 10) == 0);
    memmove(buffer, buffer + 1, 9);
    CHECK(memcmp(buffer, "1012345677", 10) == 0);
    CHECK(strcmp(strrchr("a/b/c", '/'), "/c") == 0 && strstr("hello", "llo") != NULL);
    CHECK(parses("0", 0) && parses("42", 42) && parses("0x1F", 31) && parses("017", 15));
    CHECK(parses("4K", 4096) && parses("18446744073709551615", UINT64_MAX) && parses("0k", 0));
    CHECK(!kparse_u64("", &value) && !kparse_u64("0x", &value) && !kparse_u64("12a", &value));
    CHECK(!kparse_u64("18446744073709551616", &value) && !kparse_u64("-1", &value));
    CHECK(!kparse_u64("17179869184G", &value) && !kparse_u64("08", &value));
    CHECK(ksplit(line, words, 4) == 3 && strcmp(words[1], "two three") == 0);
    CHECK(strcmp(words[2], "four") == 0);
    CHECK(ksplit(open_quote, words, 4) == -1);
}

static void test_cmdline(void)
{
    char value[8];

    CHECK(!cmdline_get("no-such-key", value, sizeof(value)));
    if (cmdline_get("twice", value, sizeof(value))) {
        CHECK(strcmp(value, "b") == 0);
        CHECK(cmdline_get_nth("twice", 0, value, sizeof(value)) && strcmp(value, "a") == 0);
        CHECK(!cmdline_get_nth("twice", 2, value, sizeof(value)));
        CHECK(!cmdline_get("twic", NULL, 0));
    }
}

/* ---- memory ---- */

static void test_page_limits(void)
{
    const uint64_t dma_limit = (16u << 20) - 1;
    uint64_t before = page_free_count();
    uint64_t low = page_alloc_range(4, 0x10000, 0, dma_limit);
    uint64_t high = page_alloc_range(1, 0, 0, UINT64_MAX);
    uint64_t base = 0, end = 0, top = 0;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        top = end;
    }
    CHECK(low != 0 && low % 0x10000 == 0 && low + 4 * PAGE_SIZE - 1 <= dma_limit);
    CHECK(high != 0 && high + (64u << 20) >= top);
    kprintf("  highest page %#llx of RAM up to %#llx\n", (unsigned long long)high,
            (unsigned long long)top);
    CHECK(page_alloc_range(0, 0, 0, UINT64_MAX) == 0);
    CHECK(page_alloc_range(1, 3 * PAGE_SIZE, 0, UINT64_MAX) == 0);
    CHECK(page_alloc_range(1, 0, top, UINT64_MAX) == 0);
    CHECK(page_alloc_range(1, 0, low, low + PAGE_SIZE - 2) == 0);
    CHECK(page_alloc_range((size_t)-1, 0, 0, UINT64_MAX) == 0);
    page_free_range(low + PAGE_SIZE, 2);
    CHECK(page_alloc_range(2, 0, low, low + 4 * PAGE_SIZE - 1) == low + PAGE_SIZE);
    page_free_range(low, 4);
    page_free_range(high, 1);
    CHECK(page_free_count() == before);
}

/* Random runs, each tagged with its own address, so that two that overlap show. */
static void test_page_runs(void)
{
    enum { RUNS = 200 };
    static struct {
        uint64_t phys;
        size_t pages;
    } runs[RUNS];
    uint64_t before = page_free_count();

    for (unsigned round = 0; round < 2000; round++) {
        unsigned i = random_next() % RUNS;
        uint64_t tag = 0;

        if (runs[i].phys != 0) {
            phys_read(&tag, runs[i].phys + (runs[i].pages - 1) * (uint64_t)PAGE_SIZE, sizeof(tag));
            CHECK(tag == runs[i].phys);
            page_free_range(runs[i].phys, runs[i].pages);
            runs[i].phys = 0;
        } else {
            uint64_t align = (uint64_t)PAGE_SIZE << (random_next() % 5);

            runs[i].pages = 1 + random_next() % 30;
            runs[i].phys = page_alloc_range(runs[i].pages, align, 0, UINT64_MAX);
            tag = runs[i].phys;
            CHECK(tag % align == 0 && (tag != 0 || page_free_count() < 64u * RUNS));
            if (tag == 0) {
                continue;
            }
            for (size_t page = 0; page < runs[i].pages; page++) {
                phys_write(tag + page * (uint64_t)PAGE_SIZE, &tag, sizeof(tag));
            }
        }
    }
    for (unsigned i = 0; i < RUNS; i++) {
        if (runs[i].phys != 0) {
            page_free_range(runs[i].phys, runs[i].pages);
            runs[i].phys = 0;
        }
    }
    CHECK(page_free_count() == before);
}

static void test_kmap(void)
{
    enum { PAGES = 70 };
    static uint64_t pages[PAGES];
    static uint64_t *maps[PAGES];
    unsigned mapped = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        pages[i] = page_alloc_range(1, 0, 0, UINT64_MAX);
        maps[i] = phys_map_page(pages[i] + 8);
        if (maps[i] != NULL) {
            *maps[i] = pages[i];
            mapped++;
        }
    }
    kprintf("  %u of %u pages mapped at once, the first %s the direct map\n", mapped, PAGES,
            phys_directly_mapped(pages[0]) ? "by" : "beyond");
    CHECK(mapped == (phys_directly_mapped(pages[0]) ? PAGES : 64));
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t phys = 0;

        CHECK(maps[i] == NULL ||
              (*maps[i] == pages[i] && virt_to_phys(maps[i], &phys) && phys == pages[i] + 8));
        phys_unmap_page(maps[i]);
        page_free_range(pages[i], 1);
    }
    CHECK(virt_to_phys((const void *)(uintptr_t)test_kmap, &pages[0]) &&
          !virt_to_phys(NULL, &pages[0]));
}

static void test_phys_copy(void)
{
    uint64_t phys = page_alloc_range(3, 0, 0, UINT64_MAX);
    static uint8_t out[9000], in[9000];

    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)random_next();
    }
    CHECK(phys_write(phys + 1000, out, sizeof(out)) && phys_read(in, phys + 1000, sizeof(in)));
    CHECK(memcmp(in, out, sizeof(in)) == 0);
    CHECK(phys_fill(phys + 4000, 0x5a, 200) && phys_read(in, phys + 3999, 202));
    CHECK(in[0] == out[2999] && in[1] == 0x5a && in[200] == 0x5a && in[201] == out[3200]);
    page_free_range(phys, 3);
}

static void scattered_check(uint32_t *area, size_t size, uint64_t highest)
{
    uint64_t previous = 0;

    for (size_t i = 0; i < size / PAGE_SIZE; i++) {
        uint32_t *page = area + i * (PAGE_SIZE / sizeof(*area));
        uint64_t phys = 0;
        uint32_t seen = 0;

        *page = (uint32_t)i ^ 0xabcd1234u;
        CHECK(virt_to_phys(page, &phys) && phys + PAGE_MASK <= highest);
        CHECK(phys != previous + PAGE_SIZE && phys + PAGE_SIZE != previous);
        CHECK(phys_read(&seen, phys, sizeof(seen)) && seen == *page);
        previous = phys;
    }
}

static void test_vm(void)
{
    const size_t size = 4u << 20;
    uint64_t before = 0, phys = 0;

    for (unsigned round = 0; round < 2; round++) {
        /* The second round finds the page tables made by the first. */
        uint32_t *a = vm_alloc_scattered(size), *b, *c = vm_alloc(5000);

        b = vm_alloc_scattered_below(1u << 20, (32u << 20) - 1);
        CHECK(a != NULL && b != NULL && c != NULL);
        if (a != NULL && b != NULL) {
            scattered_check(a, size, UINT64_MAX);
            scattered_check(b, 1u << 20, (32u << 20) - 1);
            CHECK(virt_to_phys(a, &phys));
            CHECK(!virt_to_phys((char *)a + size, &phys));
        }
        vm_free(b);
        vm_free(a);
        vm_free(c);
        CHECK(round == 0 || page_free_count() == before);
        before = page_free_count();
    }
    kprintf("  first scattered page was at %#llx\n", (unsigned long long)phys);
    CHECK(vm_alloc(0) == NULL && vm_alloc_scattered((size_t)-1) == NULL);
    CHECK(vm_alloc_scattered_below(1u << 20, 0x5000) == NULL);
    CHECK(mmio_map(UINT64_MAX - 10, 100) == NULL && mmio_map(0xfee00000, 0) == NULL);
    CHECK(page_free_count() == before);
}

static size_t random_size(void)
{
    static const uint16_t limits[] = { 40, 600, 2100, 5000, 40000 };

    return random_next() % limits[random_next() % 5];
}

static bool filled_with(const uint8_t *block, size_t size, uint8_t byte)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != byte) {
            return false;
        }
    }
    return true;
}

static void test_kmalloc(void)
{
    enum { BLOCKS = 300 };
    static struct {
        uint8_t *block;
        size_t size;
    } blocks[BLOCKS];
    size_t before = kmalloc_in_use();

    for (unsigned round = 0; round < 6000; round++) {
        unsigned i = random_next() % BLOCKS;
        uint8_t byte = (uint8_t)i;

        if (blocks[i].block == NULL && round < 5000) {
            blocks[i].size = random_size();
            blocks[i].block = kmalloc(blocks[i].size);
            CHECK(blocks[i].block != NULL && (uintptr_t)blocks[i].block % 16 == 0);
            CHECK(blocks[i].size < 4096 || (uintptr_t)blocks[i].block % 4096 == 0);
            memset(blocks[i].block, byte, blocks[i].size);
        } else if (blocks[i].block != NULL) {
            CHECK(filled_with(blocks[i].block, blocks[i].size, byte));
            kfree(blocks[i].block);
            blocks[i].block = NULL;
        }
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        kfree(blocks[i].block);
        blocks[i].block = NULL;
    }
    CHECK(kmalloc_in_use() == before);
    CHECK(kmalloc((size_t)-1) == NULL && kmalloc_in_use() == before);
}

/* ---- time and interrupts ---- */

static bool is_set(void *arg)
{
    return *(volatile bool *)arg;
}

static void test_time(void)
{
    bool no = false, yes = true;
    uint64_t begin = time_ns(), after_delay, after_idle;

    udelay(5000);
    after_delay = time_ns();
    cpu_idle_ns(20 * NS_PER_MS);
    after_idle = time_ns();
    kprintf("  TSC %llu Hz; 5 ms delay took %llu us, 20 ms idling %llu us\n",
            (unsigned long long)time_tsc_hz(), (unsigned long long)(after_delay - begin) / 1000,
            (unsigned long long)(after_idle - after_delay) / 1000);
    CHECK(after_delay - begin >= 5 * NS_PER_MS && after_delay - begin < NS_PER_S);
    CHECK(after_idle - after_delay >= 15 * NS_PER_MS && after_idle - after_delay < NS_PER_S);
    CHECK(wait_until(is_set, &yes, 0) && !wait_until(is_set, &no, NS_PER_MS));
    CHECK(irq_enabled());
}

enum { EDU_ID = 0x00, EDU_RAISE = 0x60, EDU_STATUS = 0x24, EDU_ACK = 0x64, EDU_IDENTITY = 0xed };

struct edu {
    uint8_t *registers;
    volatile bool seen;
    volatile uint32_t status;
};

static void edu_interrupt(void *arg)
{
    struct edu *edu = arg;

    edu->status = mmio_read32(edu->registers + EDU_STATUS);
    mmio_write32(edu->registers + EDU_ACK, edu->status);
    edu->seen = true;
}

/* A router that gives what is given without one, and counts. */
static unsigned routes_made, routes_live;

static bool count_route(const struct irq_source *source, const struct irq_target *target,
                        void **route, struct irq_message *out)
{
    *out = (struct irq_message){ .address = 0xfee00000u | target->apic << 12,
                                 .data = target->vector,
                                 .redirection = (uint64_t)target->apic << 56 | target->vector |
                                                (source->level ? 0x8000u : 0) |
                                                (source->low ? 0x2000u : 0) };
    *route = &routes_made;
    routes_live++;
    return ++routes_made < 1000;
}

static void count_unroute(void *route)
{
    CHECK(route == &routes_made);
    routes_live--;
}

static const struct irq_router counting_router = { count_route, count_unroute, NULL };

static bool refuse_route(const struct irq_source *source, const struct irq_target *target,
                         void **route, struct irq_message *out)
{
    (void)source;
    (void)target;
    (void)route;
    (void)out;
    return false;
}

static const struct irq_router refusing_router = { refuse_route, count_unroute, NULL };

/* Live sources move to a router and back, and keep what they have where it refuses. */
static void test_router(struct pci_device *dev, struct edu *edu)
{
    static const struct irq_router *const routers[] = { &counting_router, &refusing_router,
                                                        &counting_router, NULL };
    struct irq_request own = { .source.kind = IRQ_OWN, .handler = edu_interrupt, .arg = edu };
    struct irq *irq = irq_take(&own);
    unsigned live = 0;

    for (const struct irq *one = irq_next(NULL); one != NULL; one = irq_next(one)) {
        live += irq_source(one)->kind != IRQ_OWN;
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK(irq_set_router(routers[i]) == (routers[i] != &refusing_router));
        CHECK(routes_live == (i < 3 ? live : 0));
        CHECK((irq_route(dev->irq) != NULL) == (i < 3) && irq_route(irq) == NULL);
        edu->seen = false;
        mmio_write32(edu->registers + EDU_RAISE, 16);
        CHECK(wait_until(is_set, (void *)(uintptr_t)&edu->seen, NS_PER_S) && edu->status == 16);
    }
    CHECK(irq_set_router(&refusing_router) == (live == 0));
    CHECK(irq_take(&(struct irq_request){ .source.kind = IRQ_PCI, .handler = edu_interrupt }) ==
          NULL);
    CHECK(irq_set_router(NULL));
    CHECK(irq != NULL && irq_count(irq) == 0);
    irq_give(irq);
}

static void test_msi(void)
{
    struct pci_device *dev = pci_find_id(0x1234, 0x11e8, 0);
    struct edu edu = { NULL, false, 0 };
    size_t size = 0;

    if (dev == NULL) {
        kputs("  no edu device, interrupts not tried\n");
        return;
    }
    pci_enable(dev);
    edu.registers = pci_bar_map(dev, 0, &size);
    CHECK(edu.registers != NULL && size == 1u << 20);
    CHECK((mmio_read32(edu.registers + EDU_ID) & 0xff) == EDU_IDENTITY);
    CHECK(pci_enable_msi(dev, edu_interrupt, &edu));
    CHECK(!pci_enable_msi(dev, edu_interrupt, &edu));
    for (uint32_t i = 1; i <= 3; i++) {
        edu.seen = false;
        mmio_write32(edu.registers + EDU_RAISE, i);
        CHECK(wait_until(is_set, (void *)(uintptr_t)&edu.seen, NS_PER_S) && edu.status == i);
    }
    CHECK(irq_count(dev->irq) == 3);
    kprintf("  local APIC in %s mode, id %u\n", lapic_is_x2() ? "x2APIC" : "xAPIC", lapic_id());
    kprintf("  edu on vector %#x: %u interrupts, %u stray\n", irq_vector(dev->irq),
            irq_count(dev->irq), irq_stray_count());
    test_router(dev, &edu);
    pci_disable_msi(dev);
    edu.seen = false;
    mmio_write32(edu.registers + EDU_RAISE, 1);
    CHECK(!wait_until(is_set, (void *)(uintptr_t)&edu.seen, 5 * NS_PER_MS));
    mmio_write32(edu.registers + EDU_ACK, 1);
    mmio_unmap(edu.registers);
}

static void test_vectors(void)
{
    static struct irq *irqs[256];
    struct irq_request request = { .source.kind = IRQ_OWN };
    struct irq_message message;
    unsigned count = 0;

    CHECK(irq_take(&request) == NULL);
    request.handler = edu_interrupt;
    while (count < 256 && (irqs[count] = irq_take(&request)) != NULL) {
        irq_message(irqs[count], &message);
        CHECK(message.data == irq_vector(irqs[count]) &&
              message.address == (0xfee00000u | lapic_id() << 12));
        count++;
    }
    CHECK(count >= 100 && count < 256);
    while (count > 0) {
        irq_give(irqs[--count]);
    }
}

static void set_flag(void *arg)
{
    *(volatile bool *)arg = true;
}

/* The serial port's pin is an edge, edu's INTx a level: it holds until the handler has been there.
 */
static void test_pins(void)
{
    struct pci_device *dev = pci_find_id(0x1234, 0x11e8, 0);
    struct edu edu = { NULL, false, 0 };
    const struct irq *serial = serial_raise();
    static struct irq *pins[32];
    unsigned before, end = ioapic_gsi_end(), found = 0;

    CHECK(serial != NULL && irq_source(serial)->kind == IRQ_IOAPIC && end >= 24);
    before = serial != NULL ? irq_count(serial) : 0;
    udelay(1000);
    serial_raise();
    udelay(1000);
    CHECK(serial == NULL || irq_count(serial) == before + 1);
    CHECK(ioapic_take(end, false, false, set_flag, NULL) == NULL);
    CHECK(ioapic_take_isa(16, set_flag, NULL) == NULL &&
          ioapic_take_isa(4, set_flag, NULL) == NULL);
    if (dev == NULL) {
        return;
    }
    pci_enable(dev);
    pci_dev_write16(dev, PCI_COMMAND,
                    pci_dev_read16(dev, PCI_COMMAND) & (uint16_t)~PCI_COMMAND_INTX_OFF);
    edu.registers = pci_bar_map(dev, 0, NULL);
    for (unsigned pin = 16; pin < 24; pin++) {
        pins[pin] = ioapic_take(pin, true, false, edu_interrupt, &edu);
        CHECK(pins[pin] != NULL);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        edu.seen = false;
        mmio_write32(edu.registers + EDU_RAISE, i);
        CHECK(wait_until(is_set, (void *)(uintptr_t)&edu.seen, NS_PER_S) && edu.status == i);
    }
    for (unsigned pin = 16; pin < 24; pin++) {
        CHECK(irq_count(pins[pin]) == 0 || irq_count(pins[pin]) == 3);
        found += irq_count(pins[pin]) == 3 ? pin : 0;
        ioapic_give(pins[pin]);
    }
    kprintf("  serial port on pin %u, edu's INTx on pin %u\n",
            serial != NULL ? irq_source(serial)->line : 0, found);
    CHECK(found != 0);
    pci_dev_write16(dev, PCI_COMMAND, pci_dev_read16(dev, PCI_COMMAND) | PCI_COMMAND_INTX_OFF);
    mmio_unmap(edu.registers);
}

static void test_hpet(void)
{
    volatile bool seen;

    for (unsigned message = 0; message < 2; message++) {
        struct irq *irq = hpet_take(message != 0, set_flag, (void *)(uintptr_t)&seen);

        CHECK(irq != NULL || message != 0);
        for (unsigned i = 1; i <= 3 && irq != NULL; i++) {
            seen = false;
            hpet_fire(NS_PER_MS);
            CHECK(wait_until(is_set, (void *)(uintptr_t)&seen, NS_PER_S));
            CHECK(irq_count(irq) == i);
        }
        if (irq != NULL) {
            kprintf("  HPET: %u interrupts by %s %u\n", irq_count(irq),
                    message != 0 ? "message of timer" : "pin", irq_source(irq)->line);
            CHECK(hpet_take(false, set_flag, NULL) == NULL);
            hpet_give(irq);
        }
    }
}

/* ---- what there is ---- */

static void show_acpi(void)
{
    size_t size;
    const char *table;

    for (unsigned i = 0; (table = acpi_table_at(i, &size)) != NULL; i++) {
        kprintf("  ACPI %.4s, %zu bytes\n", table, size);
    }
    CHECK(acpi_table("none", NULL) == NULL);
}

static void test_pci(void)
{
    for (struct pci_device *dev = pci_first(); dev != NULL; dev = pci_next(dev)) {
        CHECK(pci_find(dev->segment, dev->bus, dev->devfn) == dev);
        CHECK(pci_find_name(dev->name) == dev);
        CHECK(pci_bridge_of_bus(dev->segment, dev->bus) == dev->parent);
    }
    CHECK(pci_find_name("zz") == NULL && pci_read32(0, 255, 255, 0) == UINT32_MAX);
    CHECK(pci_read32(9, 0, 0, 0) == UINT32_MAX);
    pci_print_tree();
}

static void test_console(void)
{
    char good[] = "mem", unknown[] = "frobnicate", comment[] = "# nothing", bad[] = "\"";
    char device[] = "pci 00:00.0", absent[] = "pci 99:00.0";

    CHECK(console_run_line(good) == 0 && console_run_line(comment) == 0);
    CHECK(console_run_line(unknown) == -1 && console_run_line(bad) == -1);
    CHECK(console_run_line(device) == 0 && console_run_line(absent) == 1);
}

/* ---- ways to end ---- */

static int overflow_stack(volatile int depth)
{
    volatile char room[512];

    if (depth < 0) {
        return 0;
    }
    room[0] = (char)depth;
    return overflow_stack(depth + 1) + room[0];
}

static void end_as_told(const char *how)
{
    volatile uintptr_t wild = 8;

    if (strcmp(how, "fault") == 0) {
        *(volatile int *)wild = 1;
    } else if (strcmp(how, "panic") == 0) {
        panic("as told: %d", 42);
    } else if (strcmp(how, "stack") == 0) {
        overflow_stack(0);
    } else if (strcmp(how, "nofree") == 0) {
        void *block = kmalloc(100);

        kfree(block);
        kfree(block);
    } else if (strcmp(how, "console") == 0) {
        console_loop();
    }
}

int kernel_main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "print", test_print },
        { "strings", test_strings },
        { "command line", test_cmdline },
        { "page limits", test_page_limits },
        { "page runs", test_page_runs },
        { "temporary mappings", test_kmap },
        { "physical copies", test_phys_copy },
        { "vm areas", test_vm },
        { "heap", test_kmalloc },
        { "time", test_time },
        { "ACPI", show_acpi },
        { "PCI", test_pci },
        { "MSI", test_msi },
        { "vectors", test_vectors },
        { "pins", test_pins },
        { "HPET", test_hpet },
        { "console", test_console },
    };
    char how[16];

    if (cmdline_get("test", how, sizeof(how))) {
        end_as_told(how);
    }
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        kprintf("%s\n", tests[i].name);
        tests[i].run();
    }
    kprintf("base self-test: %u failures, %llu ms\n", failures,
            (unsigned long long)(time_ns() / NS_PER_MS));
    return failures == 0 ? EXIT_OK : EXIT_FAILED;
}
