/* SPDX-License-Identifier: BSD-2-Clause */
/* What the PVH boot loader tells: command line, memory map, where the RSDP is. */
#include "internal.h"

/* The layout of the Xen HVM direct boot ABI, version 1. */
struct start_info {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, cmdline, rsdp, memmap;
    uint32_t memmap_entries, reserved;
};

struct memmap_entry {
    uint64_t base, size;
    uint32_t type, reserved;
};

enum { START_INFO_MAGIC = 0x336ec578, MEMMAP_RAM = 1, MEMMAP_ENTRIES_LIMIT = 1024 };

struct range {
    uint64_t base, end;
};

static char cmdline_text[CMDLINE_MAX];
const char *cmdline = cmdline_text;
static struct range ranges[RAM_RANGES_MAX];
static unsigned range_count;
static uint64_t rsdp;

/* Everything the loader gives is used before paging_init, so it has to be in the early map. */
static const void *boot_data(uint64_t phys, uint64_t size, const char *what)
{
    if (phys == 0 || phys >= DIRECT_MAP_EARLY || size > DIRECT_MAP_EARLY - phys) {
        panic("boot: %s at %#llx is not in low memory", what, (unsigned long long)phys);
    }
    return (const void *)(uintptr_t)(DIRECT_MAP_BASE + (uintptr_t)phys);
}

static void cmdline_copy(uint64_t phys)
{
    if (phys != 0 && !kstrcopy(cmdline_text, CMDLINE_MAX, boot_data(phys, 1, "command line"))) {
        kprintf("boot: command line cut to %u characters\n", CMDLINE_MAX - 1);
    }
}

static void range_delete(unsigned index)
{
    range_count--;
    for (; index < range_count; index++) {
        ranges[index] = ranges[index + 1];
    }
}

/* Keeps the list sorted, and joins what overlaps or touches. */
static void range_add(uint64_t base, uint64_t end)
{
    unsigned at = 0;

    while (at < range_count && ranges[at].end < base) {
        at++;
    }
    while (at < range_count && ranges[at].base <= end) {
        base = base < ranges[at].base ? base : ranges[at].base;
        end = end > ranges[at].end ? end : ranges[at].end;
        range_delete(at);
    }
    if (range_count == RAM_RANGES_MAX) {
        kprintf("boot: more than %u RAM ranges, %#llx..%#llx not used\n", RAM_RANGES_MAX,
                (unsigned long long)base, (unsigned long long)end);
        return;
    }
    for (unsigned i = range_count++; i > at; i--) {
        ranges[i] = ranges[i - 1];
    }
    ranges[at] = (struct range){ base, end };
}

static void memmap_entry_add(const struct memmap_entry *entry)
{
    const uint64_t limit = 1ull << 46;
    uint64_t base = (entry->base + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    uint64_t end = (entry->base + entry->size) & ~(uint64_t)PAGE_MASK;

    if (entry->type != MEMMAP_RAM || entry->size == 0) {
        return;
    }
    if (entry->base >= limit || entry->size > limit - entry->base) {
        kprintf("boot: RAM %#llx+%#llx is beyond the supported addresses, not used\n",
                (unsigned long long)entry->base, (unsigned long long)entry->size);
        return;
    }
    if (base < end) {
        range_add(base, end);
    }
}

void bootinfo_init(uint32_t start_info)
{
    const struct start_info *info = boot_data(start_info, sizeof(*info), "start info");
    const struct memmap_entry *map;

    if (info->magic != START_INFO_MAGIC) {
        panic("boot: no PVH start info (magic %#x)", info->magic);
    }
    if (info->version < 1 || info->memmap_entries == 0 ||
        info->memmap_entries > MEMMAP_ENTRIES_LIMIT) {
        panic("boot: start info version %u with %u memory map entries is not usable", info->version,
              info->memmap_entries);
    }
    cmdline_copy(info->cmdline);
    rsdp = info->rsdp;
    map = boot_data(info->memmap, info->memmap_entries * sizeof(*map), "memory map");
    for (unsigned i = 0; i < info->memmap_entries; i++) {
        memmap_entry_add(&map[i]);
    }
    if (range_count == 0) {
        panic("boot: the memory map has no usable RAM");
    }
}

uint64_t bootinfo_rsdp(void)
{
    return rsdp;
}

bool ram_range(unsigned index, uint64_t *base, uint64_t *end)
{
    if (index >= range_count) {
        return false;
    }
    *base = ranges[index].base;
    *end = ranges[index].end;
    return true;
}

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    return p;
}

static size_t word_length(const char *p)
{
    size_t n = 0;

    while (p[n] != '\0' && p[n] != ' ' && p[n] != '\t') {
        n++;
    }
    return n;
}

/* Copies what follows `key` in the word, when the word is `key` or `key=...`. */
static bool word_matches(const char *word, size_t length, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);
    size_t rest;

    if (length < key_length || memcmp(word, key, key_length) != 0 ||
        (length > key_length && word[key_length] != '=')) {
        return false;
    }
    rest = length > key_length ? length - key_length - 1 : 0;
    if (size > 0) {
        rest = rest < size ? rest : size - 1;
        memcpy(value, word + key_length + (length > key_length), rest);
        value[rest] = '\0';
    }
    return true;
}

bool cmdline_get_nth(const char *key, unsigned index, char *value, size_t size)
{
    for (const char *p = skip_blanks(cmdline); *p != '\0';) {
        size_t length = word_length(p);

        if (word_matches(p, length, key, NULL, 0) && index-- == 0) {
            return word_matches(p, length, key, value, size);
        }
        p = skip_blanks(p + length);
    }
    return false;
}

bool cmdline_get(const char *key, char *value, size_t size)
{
    unsigned count = 0;

    while (cmdline_get_nth(key, count, value, size)) {
        count++;
    }
    return count > 0;
}
