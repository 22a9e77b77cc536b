/* SPDX-License-Identifier: BSD-2-Clause */
/* The story: what firmware said, real transfers, attacks, and the table at the end. */
#include "story.h"

#include "attack.h"
#include "net.h"
#include "report.h"

#define TRANSFER  (640u * 1024)
#define FIRST_LBA 64u
#define IN_FLIGHT 8u
#define PIECE     (64u * 1024)
#define PINGS     8u

static unsigned stopped[SYSTEM_MAX];
static unsigned reached[SYSTEM_MAX];
static uint64_t moved[SYSTEM_MAX];
static uint64_t pinged[SYSTEM_MAX];

/* ---- Firmware ---- */

static void print_scopes(const struct udmar_table *table, const struct udmar_entry *entry)
{
    static const char *const kinds[] = { "?",      "endpoint", "bridge and all below",
                                         "IOAPIC", "HPET",     "ACPI device" };
    struct udmar_scope scope = { .offset = 0 };

    while (udmar_entry_next_scope(table, entry, &scope)) {
        report_line("    scope: %s %02x:%02x.%u%s", kinds[scope.type <= 5 ? scope.type : 0],
                    scope.start_bus, scope.path[0], scope.path[1], scope.hops > 1 ? " and on" : "");
    }
}

void story_firmware(void)
{
    size_t size;
    const void *bytes = acpi_table("DMAR", &size);
    struct udmar_entry entry = { .offset = 0 };
    struct udmar_table table;

    report_chapter("What firmware says");
    if (bytes == NULL || udmar_table_open(bytes, size, &table) != UDMAR_OK) {
        report_line("There is no DMAR table.");
        return;
    }
    report_line("DMAR table, %u bytes, host addresses of %u bits, flags 0x%x, defects: %u",
                table.length, table.host_width, table.flags, udmar_table_check(&table, NULL, NULL));
    while (udmar_table_next(&table, &entry)) {
        if (entry.type == UDMAR_ENTRY_DRHD) {
            report_line("  DRHD: a remapping unit, registers at 0x%llx, segment %u%s",
                        (unsigned long long)entry.u.drhd.base, entry.u.drhd.segment,
                        entry.u.drhd.include_all ? ", all other devices" : "");
        } else if (entry.type == UDMAR_ENTRY_RMRR) {
            report_line("  RMRR: 0x%llx-0x%llx stays mapped for its devices",
                        (unsigned long long)entry.u.rmrr.base,
                        (unsigned long long)entry.u.rmrr.limit);
        } else {
            report_line("  %s", udmar_entry_name(entry.type));
        }
        print_scopes(&table, &entry);
    }
}

void story_devices(struct system *system)
{
    report_chapter("What each device got, and why");
    show_units(system);
    show_devices(system);
}

/* ---- Disks ---- */

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ bytes[i]) * 16777619u;
    }
    return sum;
}

static void fill(uint8_t *bytes, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
}

struct flight {
    unsigned left;
    bool good;
};

static void landed(void *arg, enum driver_status status)
{
    struct flight *flight = arg;

    flight->left--;
    flight->good &= status == DRIVER_OK;
}

/* Several commands at once, each with a map of its own. */
static bool many_at_once(struct ahci *adapter, struct ahci_disk *disk, uint8_t *memory)
{
    struct flight flight = { .left = 0, .good = true };
    uint64_t deadline = time_ns() + 20 * NS_PER_S;

    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        if (ahci_submit(disk, false, FIRST_LBA + i * (PIECE / AHCI_SECTOR), memory + i * PIECE,
                        PIECE, landed, &flight) != DRIVER_OK) {
            flight.good = false;
            break;
        }
        flight.left++;
    }
    while (flight.left > 0 && time_ns() < deadline) {
        (void)ahci_wait(adapter);
    }
    return flight.good && flight.left == 0;
}

static void try_disk(struct unit_under_test *unit, unsigned number)
{
    struct ahci_disk *disk = ahci_disk(unit->driver, 0);
    /* Scattered, and beginning in the middle of a page. */
    uint8_t *area = vm_alloc_scattered(TRANSFER + PAGE_SIZE);
    uint8_t *memory = area + 1024;
    uint32_t sum;
    uint32_t back;
    bool good;

    if (disk == NULL || area == NULL) {
        report_line("%s: %s", unit->label, disk == NULL ? "no disk" : "no memory");
        vm_free(area);
        return;
    }
    fill(memory, TRANSFER, 7 + number);
    sum = checksum(memory, TRANSFER);
    report_claim(ahci_write(disk, FIRST_LBA, memory, TRANSFER) == DRIVER_OK &&
                     ahci_flush(disk) == DRIVER_OK,
                 "%s: %u KiB written from scattered memory, checksum %08x", unit->label,
                 TRANSFER / 1024, sum);
    memset(memory, 0, TRANSFER);
    good = ahci_read(disk, FIRST_LBA, memory, TRANSFER) == DRIVER_OK;
    back = checksum(memory, TRANSFER);
    report_claim(good && back == sum, "%s: read back, checksum %08x", unit->label, back);
    memset(memory, 0, TRANSFER);
    good = many_at_once(unit->driver, disk, memory);
    back = checksum(memory, IN_FLIGHT * PIECE);
    fill(memory, IN_FLIGHT * PIECE, 7 + number);
    report_claim(good && back == checksum(memory, IN_FLIGHT * PIECE),
                 "%s: %u commands in flight at once, %u KiB each, checksum %08x", unit->label,
                 IN_FLIGHT, PIECE / 1024, back);
    /* The device cannot do odd addresses and lengths: every byte is bounced. */
    memset(memory, 0, TRANSFER);
    good = ahci_read(disk, FIRST_LBA, memory + 1, PIECE) == DRIVER_OK;
    back = checksum(memory + 1, PIECE);
    fill(memory, TRANSFER, 7 + number);
    report_claim(good && back == checksum(memory, PIECE),
                 "%s: %u KiB read to an odd address, checksum %08x", unit->label, PIECE / 1024,
                 back);
    moved[number] = ahci_statistics(unit->driver)->bytes;
    vm_free(area);
}

void story_disks(struct system *system)
{
    report_chapter("Disks: data written and read back by DMA");
    for (unsigned i = 0; i < system->disks; i++) {
        if (system->disk[i].mode == UDMAR_MODE_BLOCKED) {
            report_line("%s is blocked: not tried", system->disk[i].label);
        } else if (report_claim(system->disk[i].driver != NULL, "%s: driver attached",
                                system->disk[i].label)) {
            try_disk(&system->disk[i], i);
        }
    }
}

/* ---- Network ---- */

void story_network(struct system *system)
{
    report_chapter("Network: packets out and in by DMA");
    for (unsigned i = 0; i < system->nets; i++) {
        struct unit_under_test *unit = &system->net[i];
        struct net_result result = { .sent = 0 };
        bool good;

        if (unit->mode == UDMAR_MODE_BLOCKED) {
            report_line("%s is blocked: not tried", unit->label);
            continue;
        }
        if (!report_claim(unit->driver != NULL, "%s: driver attached", unit->label)) {
            continue;
        }
        good = net_selftest(unit->driver, PINGS, &result);
        report_claim(good, "%s: DHCP %s, ARP %s, %u of %u pings answered with the right payload",
                     unit->label, result.lease ? "lease" : "no answer",
                     result.arp ? "answer" : "no answer", result.answered, result.sent);
        pinged[i] = result.answered;
    }
}

/* ---- Attacks ---- */

static bool may_reach(const struct unit_under_test *edu)
{
    return edu->mode != UDMAR_MODE_TRANSLATE && edu->mode != UDMAR_MODE_BLOCKED;
}

/* Passed through, a request meets no table that could refuse it. */
static bool has_tables(const struct unit_under_test *edu)
{
    return edu->mode == UDMAR_MODE_TRANSLATE || edu->mode == UDMAR_MODE_BLOCKED ||
           edu->mode == UDMAR_MODE_IDENTITY;
}

static void good_transfer(struct unit_under_test *edu)
{
    uint8_t out[600];
    uint8_t in[600];
    bool same;

    fill(out, sizeof(out), 99);
    memset(in, 0, sizeof(in));
    (void)edu_copy_out(edu->driver, out, sizeof(out));
    (void)edu_copy_in(edu->driver, in, sizeof(in));
    same = memcmp(out, in, sizeof(in)) == 0;
    if (edu->mode == UDMAR_MODE_BLOCKED) {
        report_claim(!same, "%s is blocked: even its permitted transfers do not happen",
                     edu->label);
    } else {
        report_claim(same, "%s: %u bytes to the device and back through busdma", edu->label,
                     (unsigned)sizeof(out));
    }
}

static void describe_fault(struct system *system, const struct attack_outcome *outcome)
{
    const struct udmar_fault *fault = &outcome->fault;
    struct udmar_device_info info;

    if (!outcome->faulted) {
        report_line("   the API returned no fault");
        return;
    }
    if (outcome->unprinted) {
        char sentence[400];

        udmar_fault_format(system->dmar, fault, sentence, sizeof(sentence));
        report_line("   the console (silenced by the rate limit) would say: %s", sentence);
    }
    info.name[0] = '\0';
    if (fault->device != NULL) {
        udmar_device_info(fault->device, &info);
    }
    report_line(
        "   the API returned: fault %llu, %s, address 0x%llx, source %02x:%02x.%u, reason "
        "%u, device \"%s\"",
        (unsigned long long)fault->sequence, fault->access == UDMAR_FAULT_READ ? "read" : "write",
        (unsigned long long)fault->address, UDMAR_RID_BUS(fault->rid), UDMAR_RID_DEVICE(fault->rid),
        UDMAR_RID_FUNCTION(fault->rid), fault->reason, info.name);
}

/* The fault must say what happened: who, which way, where, and next to what. */
static bool fault_fits(const struct unit_under_test *edu, const struct attack *attack,
                       const struct attack_outcome *outcome)
{
    const struct udmar_fault *fault = &outcome->fault;
    struct udmar_device_info info;
    bool known = false;

    udmar_device_info(edu->device, &info);
    for (unsigned i = 0; i < info.id_count && i < UDMAR_DEVICE_IDS; i++) {
        known |= info.ids[i] == fault->rid;
    }
    return outcome->faulted && known &&
           fault->access == (outcome->write ? UDMAR_FAULT_WRITE : UDMAR_FAULT_READ) &&
           fault->address == (outcome->address & ~(uint64_t)PAGE_MASK) && !fault->from_firmware &&
           (edu->mode != UDMAR_MODE_TRANSLATE || attack->place == UDMAR_PLACE_UNKNOWN ||
            fault->place == attack->place);
}

static void judge(struct system *system, const struct unit_under_test *edu, unsigned number,
                  const struct attack *attack, const struct attack_outcome *outcome)
{
    bool must_stop = !may_reach(edu) || outcome->shielded;

    report_line("%s %s", edu->label, outcome->text);
    if (!outcome->ran) {
        report_claim(false, "the attack could be tried (%s)", attack->name);
        return;
    }
    reached[number] += outcome->reached;
    stopped[number] += !outcome->reached;
    describe_fault(system, outcome);
    if (must_stop) {
        report_claim(!outcome->reached, "stopped: memory is intact (%s)", attack->name);
        if (has_tables(edu)) {
            report_claim(fault_fits(edu, attack, outcome),
                         "the fault names device, direction and address (%s)", attack->name);
        }
    } else if (system->protected) {
        report_claim(outcome->reached && !outcome->faulted,
                     "it succeeds, because the administrator made this device %s (%s)",
                     udmar_mode_string(edu->mode), attack->name);
    } else {
        report_claim(outcome->reached,
                     "it SUCCEEDS: nothing protects memory while the driver is off (%s)",
                     attack->name);
    }
}

void story_attacks(struct system *system)
{
    for (unsigned e = 0; e < system->edus; e++) {
        struct unit_under_test *edu = &system->edu[e];

        report_chapter("%s turns rogue (%s)", edu->label, udmar_mode_string(edu->mode));
        if (!report_claim(edu->driver != NULL, "%s: driver attached", edu->label)) {
            continue;
        }
        good_transfer(edu);
        for (unsigned i = 0; i < attack_count; i++) {
            struct attack_outcome outcome;

            attack_run(&attacks[i], system, edu, &outcome);
            if (outcome.applies) {
                judge(system, edu, e, &attacks[i], &outcome);
            }
        }
        good_transfer(edu);
    }
}

/* ---- The end ---- */

void story_summary(struct system *system)
{
    struct udmar_fault_counts counts;

    udmar_fault_counts(system->dmar, &counts);
    report_chapter("Summary");
    report_line("%-28s %-12s %s", "device", "mode", "result");
    for (unsigned i = 0; i < system->disks; i++) {
        report_line("%-28s %-12s %llu KiB moved", system->disk[i].label,
                    udmar_mode_string(system->disk[i].mode), (unsigned long long)(moved[i] / 1024));
    }
    for (unsigned i = 0; i < system->nets; i++) {
        report_line("%-28s %-12s %llu pings answered", system->net[i].label,
                    udmar_mode_string(system->net[i].mode), (unsigned long long)pinged[i]);
    }
    for (unsigned i = 0; i < system->edus; i++) {
        report_line("%-28s %-12s attacks stopped: %u, attacks that reached memory: %u",
                    system->edu[i].label, udmar_mode_string(system->edu[i].mode), stopped[i],
                    reached[i]);
    }
    report_line("faults recorded: %llu, lost: %llu, not printed: %llu",
                (unsigned long long)counts.total,
                (unsigned long long)(counts.dropped + counts.overflows),
                (unsigned long long)counts.suppressed);
}
