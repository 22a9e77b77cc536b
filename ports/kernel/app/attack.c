/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks with QEMU's edu device, which puts any address on the bus that it is told to. Each one
 * prepares memory with a pattern, lets the device loose, and looks at the memory afterwards.
 */
#include "attack.h"

#define LENGTH        256u
#define SECRET        0x5a
#define ROGUE         0xee
#define FAULT_TIMEOUT (DEVICE_PATIENCE / 4)

/* Pages that the attack is aimed at, physically contiguous, filled with SECRET. */
struct victim {
    uint64_t phys;
    size_t pages;
};

static bool victim_make(struct victim *victim, size_t pages)
{
    victim->pages = pages;
    victim->phys = page_alloc_range(pages, 0, 0, UINT64_MAX);
    return victim->phys != 0 && phys_fill(victim->phys, SECRET, pages * PAGE_SIZE);
}

static bool victim_changed(const struct victim *victim, uint64_t offset)
{
    uint8_t bytes[LENGTH];

    phys_read(bytes, victim->phys + offset, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (bytes[i] != SECRET) {
            return true;
        }
    }
    return false;
}

static void victim_free(struct victim *victim)
{
    if (victim->phys != 0) {
        page_free_range(victim->phys, victim->pages);
    }
}

/* Loads the device's own buffer with bytes that are recognised again. */
static void arm(struct unit_under_test *edu)
{
    const uint8_t pattern = ROGUE;

    (void)edu_fill(edu->driver, &pattern, 1, LENGTH);
}

static void fire(struct unit_under_test *edu, struct attack_outcome *outcome, uint64_t address,
                 bool write)
{
    outcome->address = address;
    outcome->write = write;
    outcome->ran = edu_dma_raw(edu->driver, address, LENGTH, write) == DRIVER_OK;
}

static void not_possible(struct attack_outcome *outcome, const char *reason)
{
    ksnprintf(outcome->text, sizeof(outcome->text), "%s", reason);
    outcome->ran = false;
}

static void does_not_apply(struct attack_outcome *outcome, const char *reason)
{
    not_possible(outcome, reason);
    outcome->applies = false;
}

/* ---- Mappings of one buffer, made through busdma like a driver's ---- */

struct mapping {
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    bus_addr_t bus;
    bool loaded;
};

static void take_address(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct mapping *mapping = arg;

    if (error == 0 && count == 1) {
        mapping->bus = segments[0].ds_addr;
        mapping->loaded = true;
    }
}

/* @above: guest addresses up to this one are left alone; 0 for a device that sees physical ones. */
static bool mapping_make(struct mapping *mapping, struct udmar_device *device, uint64_t phys,
                         size_t length, int flags, bus_addr_t above)
{
    const struct udmar_dma_physical list = { .address = phys, .length = length };

    *mapping = (struct mapping){ .tag = NULL };
    if (bus_dma_tag_create(udmar_device_dma_tag(device), 1, 0, above == 0 ? BUS_SPACE_MAXADDR : 0,
                           above == 0 ? BUS_SPACE_MAXADDR : above, NULL, NULL, length, 1, length, 0,
                           NULL, NULL, &mapping->tag) != 0 ||
        bus_dmamap_create(mapping->tag, 0, &mapping->map) != 0 ||
        udmar_dmamap_load_physical(mapping->tag, mapping->map, &list, 1, take_address, mapping,
                                   BUS_DMA_NOWAIT | flags) != 0) {
        return false;
    }
    bus_dmamap_sync(mapping->tag, mapping->map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    return mapping->loaded;
}

static void mapping_free(struct mapping *mapping)
{
    bus_dmamap_unload(mapping->tag, mapping->map);
    (void)bus_dmamap_destroy(mapping->tag, mapping->map);
    (void)bus_dma_tag_destroy(mapping->tag);
}

/* ---- The attacks ---- */

static void write_kernel(struct system *system, struct unit_under_test *edu,
                         struct attack_outcome *outcome)
{
    struct victim victim;

    (void)system;
    if (!victim_make(&victim, 1)) {
        not_possible(outcome, "no memory");
        return;
    }
    arm(edu);
    ksnprintf(outcome->text, sizeof(outcome->text),
              "writes to the kernel's own memory at physical 0x%llx",
              (unsigned long long)victim.phys);
    fire(edu, outcome, victim.phys, true);
    outcome->reached = victim_changed(&victim, 0);
    victim_free(&victim);
}

static void read_kernel(struct system *system, struct unit_under_test *edu,
                        struct attack_outcome *outcome)
{
    uint8_t loot[LENGTH];
    struct victim victim;

    (void)system;
    if (!victim_make(&victim, 1)) {
        not_possible(outcome, "no memory");
        return;
    }
    arm(edu);
    ksnprintf(outcome->text, sizeof(outcome->text),
              "reads the kernel's own memory at physical 0x%llx", (unsigned long long)victim.phys);
    fire(edu, outcome, victim.phys, false);
    /* What the device has got is in its buffer now; a good transfer shows it. */
    memset(loot, 0, sizeof(loot));
    if (edu->mode != UDMAR_MODE_BLOCKED) {
        (void)edu_copy_in(edu->driver, loot, sizeof(loot));
    }
    outcome->reached = memchr(loot, SECRET, sizeof(loot)) != NULL;
    victim_free(&victim);
}

/* The first address behind all memory. */
static uint64_t memory_top(void)
{
    uint64_t base;
    uint64_t end;
    uint64_t top = 0;

    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        top = end;
    }
    return top;
}

/* A device whose addresses are not the attacker's. */
static struct unit_under_test *neighbour(struct system *system, struct unit_under_test *edu)
{
    struct udmar_domain *own = udmar_device_domain(edu->device);

    for (unsigned i = 0; i < system->disks; i++) {
        if (!system->protected || udmar_device_domain(system->disk[i].device) != own) {
            return &system->disk[i];
        }
    }
    for (unsigned i = 0; i < system->nets; i++) {
        if (!system->protected || udmar_device_domain(system->net[i].device) != own) {
            return &system->net[i];
        }
    }
    return NULL;
}

static void write_neighbour(struct system *system, struct unit_under_test *edu,
                            struct attack_outcome *outcome)
{
    struct unit_under_test *other = neighbour(system, edu);
    struct mapping mapping;
    struct victim victim;

    if (other == NULL) {
        does_not_apply(outcome, "there is no other device with an address space of its own");
        return;
    }
    if (!victim_make(&victim, 1)) {
        not_possible(outcome, "no memory");
        return;
    }
    /*
     * The same number may mean something to both devices, or be a physical address: one behind all
     * memory means something to the neighbour alone.
     */
    if (mapping_make(&mapping, other->device, victim.phys, PAGE_SIZE, 0,
                     other->mode == UDMAR_MODE_TRANSLATE ? memory_top() - 1 : 0)) {
        arm(edu);
        ksnprintf(outcome->text, sizeof(outcome->text), "writes to a buffer of the %s, at 0x%llx",
                  other->label, (unsigned long long)mapping.bus);
        outcome->shielded = other->mode == UDMAR_MODE_TRANSLATE;
        fire(edu, outcome, mapping.bus, true);
        outcome->reached = victim_changed(&victim, 0);
    } else {
        not_possible(outcome, "no mapping for the neighbour's buffer");
    }
    mapping_free(&mapping);
    victim_free(&victim);
}

static void write_after_unload(struct system *system, struct unit_under_test *edu,
                               struct attack_outcome *outcome)
{
    struct mapping mapping;
    struct victim victim;
    bool control = true;

    if (!victim_make(&victim, 1)) {
        not_possible(outcome, "no memory");
        return;
    }
    if (mapping_make(&mapping, edu->device, victim.phys, PAGE_SIZE, 0, 0)) {
        arm(edu);
        if (edu->mode != UDMAR_MODE_BLOCKED) {
            /* The same transfer while it is allowed: it must work, and it fills the unit's caches.
             */
            (void)edu_dma_raw(edu->driver, mapping.bus, LENGTH, true);
            control = victim_changed(&victim, 0);
        }
        bus_dmamap_unload(mapping.tag, mapping.map);
        /* In deferred mode the buffer is out of reach at the next tick: time passes. */
        udmar_tick(system->dmar);
        phys_fill(victim.phys, SECRET, PAGE_SIZE);
        ksnprintf(outcome->text, sizeof(outcome->text),
                  "writes to its own buffer at 0x%llx after it was unloaded",
                  (unsigned long long)mapping.bus);
        arm(edu);
        fire(edu, outcome, mapping.bus, true);
        outcome->reached = victim_changed(&victim, 0);
        if (!control) {
            not_possible(outcome, "the permitted transfer before it did not work");
        }
    } else {
        not_possible(outcome, "no mapping");
    }
    mapping_free(&mapping);
    victim_free(&victim);
}

/* A write to @offset bytes behind the start of a mapping of one page, made with @flags. */
static void write_own(struct unit_under_test *edu, struct attack_outcome *outcome, int flags,
                      uint64_t offset, const char *what)
{
    struct mapping mapping;
    struct victim victim;

    if (!victim_make(&victim, 1 + (size_t)(offset / PAGE_SIZE))) {
        not_possible(outcome, "no memory");
        return;
    }
    if (mapping_make(&mapping, edu->device, victim.phys, PAGE_SIZE, flags, 0)) {
        arm(edu);
        ksnprintf(outcome->text, sizeof(outcome->text), "writes %s 0x%llx", what,
                  (unsigned long long)(mapping.bus + offset));
        fire(edu, outcome, mapping.bus + offset, true);
        outcome->reached = victim_changed(&victim, offset);
    } else {
        not_possible(outcome, "no mapping");
    }
    mapping_free(&mapping);
    victim_free(&victim);
}

static void write_read_only(struct system *system, struct unit_under_test *edu,
                            struct attack_outcome *outcome)
{
    (void)system;
    write_own(edu, outcome, BUS_DMA_NOWRITE, 0, "through a read-only mapping at");
}

static void write_beyond(struct system *system, struct unit_under_test *edu,
                         struct attack_outcome *outcome)
{
    (void)system;
    /* Only the first of two neighbouring pages is the device's. */
    write_own(edu, outcome, 0, PAGE_SIZE, "past the end of its buffer, at");
}

static void read_null(struct system *system, struct unit_under_test *edu,
                      struct attack_outcome *outcome)
{
    (void)system;
    if (edu->mode != UDMAR_MODE_TRANSLATE) {
        does_not_apply(outcome, "address 0 is ordinary memory to a device that sees physical ones");
        return;
    }
    ksnprintf(outcome->text, sizeof(outcome->text), "reads address 0");
    fire(edu, outcome, 0, false);
}

static void read_no_memory(struct system *system, struct unit_under_test *edu,
                           struct attack_outcome *outcome)
{
    uint64_t address = memory_top() + 0x40000000;

    (void)system;
    if (edu->mode != UDMAR_MODE_IDENTITY) {
        does_not_apply(outcome, "only an identity table ends where memory ends");
        return;
    }
    outcome->shielded = true;
    ksnprintf(outcome->text, sizeof(outcome->text), "reads where there is no memory, at 0x%llx",
              (unsigned long long)address);
    fire(edu, outcome, address, false);
}

const struct attack attacks[] = {
    { "write-kernel", write_kernel, 0 },
    { "read-kernel", read_kernel, 0 },
    { "write-neighbour", write_neighbour, 0 },
    { "after-unload", write_after_unload, UDMAR_PLACE_ENDED },
    { "read-only", write_read_only, UDMAR_PLACE_LIVE },
    { "beyond", write_beyond, UDMAR_PLACE_NEAR },
    { "null", read_null, UDMAR_PLACE_RESERVED },
    { "no-memory", read_no_memory, 0 },
};
const unsigned attack_count = sizeof(attacks) / sizeof(attacks[0]);

/* ---- Faults ---- */

static struct udmar_fault_counts counts_now(struct system *system)
{
    struct udmar_fault_counts counts;

    udmar_fault_counts(system->dmar, &counts);
    return counts;
}

struct expectation {
    struct system *system;
    struct udmar_fault_counts before;
};

static bool fault_came(void *arg)
{
    struct expectation *expectation = arg;

    return counts_now(expectation->system).total > expectation->before.total;
}

void attack_run(const struct attack *attack, struct system *system, struct unit_under_test *edu,
                struct attack_outcome *outcome)
{
    struct expectation expectation = { .system = system, .before = counts_now(system) };

    memset(outcome, 0, sizeof(*outcome));
    outcome->applies = true;
    attack->run(system, edu, outcome);
    if (!outcome->ran || !system->protected) {
        return;
    }
    if (!wait_until(fault_came, &expectation, outcome->reached ? NS_PER_MS : FAULT_TIMEOUT)) {
        return;
    }
    /* The first one after the attack began: setting up may have been blocked as well. */
    outcome->unprinted = counts_now(system).suppressed > expectation.before.suppressed;
    outcome->fault.sequence = expectation.before.total;
    while (udmar_fault_next(system->dmar, outcome->fault.sequence, &outcome->fault)) {
        if (outcome->fault.address == (outcome->address & ~(uint64_t)PAGE_MASK)) {
            outcome->faulted = true;
            break;
        }
    }
}

/* ---- Console ---- */

static int run_attack(int argc, char **argv)
{
    struct attack_outcome outcome;
    unsigned device = 0;
    uint64_t number;

    if (argc == 3 && kparse_u64(argv[2], &number)) {
        device = (unsigned)number;
    }
    for (unsigned i = 0; argc >= 2 && i < attack_count; i++) {
        if (strcmp(argv[1], attacks[i].name) == 0 && device < the_system.edus) {
            attack_run(&attacks[i], &the_system, &the_system.edu[device], &outcome);
            kprintf("%s %s: %s\n", the_system.edu[device].label, outcome.text,
                    !outcome.applies  ? "(does not apply)"
                    : !outcome.ran    ? "could not be tried"
                    : outcome.reached ? "memory was reached"
                                      : "memory is intact");
            return 0;
        }
    }
    kprintf("usage: attack <what> [edu number, 0 to %u]; what is one of", the_system.edus - 1);
    for (unsigned i = 0; i < attack_count; i++) {
        kprintf(" %s", attacks[i].name);
    }
    kprintf("\n");
    return 1;
}

void attack_register(void)
{
    static const struct console_command command = { "attack", "<what> [edu number]",
                                                    "lets a rogue device loose", run_attack };

    console_register(&command);
}
