/* SPDX-License-Identifier: BSD-2-Clause */
/* Console commands that look: show, walk. */
#include "system.h"

static const char *why(enum udmar_match match)
{
    switch (match) {
    case UDMAR_MATCH_EXACT:
        return "named itself";
    case UDMAR_MATCH_SUBTREE:
        return "below a named bridge";
    case UDMAR_MATCH_INCLUDE_ALL:
        return "include-all unit";
    default:
        return "no unit";
    }
}

static void print_id(udmar_rid_t rid)
{
    kprintf("%02x:%02x.%u", UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid));
}

void show_units(struct system *system)
{
    struct udmar_unit_status unit;

    for (unsigned i = 0; udmar_unit_status(system->dmar, i, &unit) == UDMAR_OK; i++) {
        kprintf("unit %u  registers 0x%llx  segment %u  %s%s  invalidation by %s  faults by %s\n",
                i, (unsigned long long)unit.base, unit.segment,
                unit.failed        ? "left out"
                : unit.translating ? "translating"
                                   : "off",
                unit.remaps ? ", remapping interrupts" : "",
                unit.uses_queue ? "queue" : "registers",
                unit.has_interrupt ? "interrupt" : "polling");
        kprintf("        CAP %016llx  ECAP %016llx  requests: context %llu, IOTLB %llu, waits "
                "%llu; errors %llu, time-outs %llu\n",
                (unsigned long long)unit.facts.cap, (unsigned long long)unit.facts.ecap,
                (unsigned long long)unit.context_requests, (unsigned long long)unit.iotlb_requests,
                (unsigned long long)unit.waits, (unsigned long long)unit.queue_errors,
                (unsigned long long)unit.timeouts);
    }
    if (udmar_unit_count(system->dmar) == 0) {
        kprintf("no unit: DMA remapping is off\n");
    }
}

void show_devices(struct system *system)
{
    kprintf("  device   mode         unit  requester ids      because\n");
    for (struct udmar_device *device = udmar_device_next(system->dmar, NULL); device != NULL;
         device = udmar_device_next(system->dmar, device)) {
        struct udmar_device_info info;
        unsigned width = 0;

        udmar_device_info(device, &info);
        kprintf("  ");
        print_id(info.rid);
        kprintf("  %-12s ", udmar_mode_string(info.mode));
        if (info.unit >= 0) {
            kprintf("%-5d ", info.unit);
        } else {
            kprintf("%-5s ", "-");
        }
        for (unsigned i = 0; i < info.id_count && i < 2; i++, width += 8) {
            print_id(info.ids[i]);
            kprintf(" ");
        }
        kprintf("%*s %s (%s)  %s\n", 17 - (int)width, "", info.reason, why(info.match), info.name);
    }
}

static void show_zones(struct system *system)
{
    struct udmar_bounce_zone_info zone;
    struct udmar_dma_counts counts;

    for (unsigned i = 0; udmar_bounce_zone_info(system->dmar, i, &zone); i++) {
        kprintf("zone %u  up to 0x%llx  alignment 0x%llx  pages: %llu, free %llu, reserved %llu, "
                "active %llu; copies %llu; loads that waited %llu, waiting %llu\n",
                i, (unsigned long long)zone.lowaddr, (unsigned long long)zone.alignment,
                (unsigned long long)zone.total_pages, (unsigned long long)zone.free_pages,
                (unsigned long long)zone.reserved_pages, (unsigned long long)zone.active_pages,
                (unsigned long long)zone.total_bounced, (unsigned long long)zone.total_deferred,
                (unsigned long long)zone.waiting);
    }
    udmar_dma_counts(system->dmar, &counts);
    kprintf("busdma  refused tags %llu, wrong arguments %llu, wrong maps %llu; loaded twice %llu, "
            "unloaded twice %llu, synced unloaded %llu, ended loaded %llu, ended in use %llu; too "
            "many segments %llu, no resources %llu, called off %llu\n",
            (unsigned long long)counts.tags_refused, (unsigned long long)counts.wrong_arguments,
            (unsigned long long)counts.wrong_maps, (unsigned long long)counts.loaded_twice,
            (unsigned long long)counts.unloaded_twice, (unsigned long long)counts.synced_unloaded,
            (unsigned long long)counts.ended_loaded, (unsigned long long)counts.ended_in_use,
            (unsigned long long)counts.too_many_segments, (unsigned long long)counts.no_resources,
            (unsigned long long)counts.cancelled);
}

static void show_domains(struct system *system)
{
    for (struct udmar_device *device = udmar_device_next(system->dmar, NULL); device != NULL;
         device = udmar_device_next(system->dmar, device)) {
        struct udmar_domain *domain = udmar_device_domain(device);
        struct udmar_device_info info;
        struct udmar_domain_info about;

        udmar_device_info(device, &info);
        print_id(info.rid);
        if (domain == NULL) {
            kprintf("  no domain (%s)\n", udmar_mode_string(info.mode));
            continue;
        }
        udmar_domain_info(domain, &about);
        kprintf("  domain %u  %s  %u levels  up to 0x%llx  %llu table pages  %llu ranges  %u "
                "requester ids  %s\n",
                about.domain_id, udmar_mode_string(info.mode), about.levels,
                (unsigned long long)about.end, (unsigned long long)about.table_pages,
                (unsigned long long)about.ranges, about.devices,
                about.strict ? "strict" : "deferred");
    }
}

static int show_maps(struct system *system, const char *name)
{
    static const char *const kinds[] = { "?", "reserved", "firmware (RMRR)", "mapping", "window" };
    struct udmar_device *device = system_device(system, name);
    struct udmar_domain *domain = udmar_device_domain(device);
    struct udmar_range_info range;
    udmar_iova_t from = 0;

    if (device == NULL) {
        return 1;
    }
    if (domain == NULL) {
        kprintf("the device has no domain\n");
        return 1;
    }
    while (udmar_domain_next_range(domain, from, &range)) {
        kprintf("  %012llx-%012llx  %s", (unsigned long long)range.base,
                (unsigned long long)(range.base + range.size - 1), kinds[range.kind]);
        if (range.loaded_size != 0) {
            kprintf(", loaded %llx-%llx", (unsigned long long)range.loaded_base,
                    (unsigned long long)(range.loaded_base + range.loaded_size - 1));
        }
        kprintf("\n");
        from = range.base + range.size;
    }
    return 0;
}

static void show_faults(struct system *system)
{
    struct udmar_fault_counts counts;
    struct udmar_fault fault = { .sequence = 0 };
    char text[480];

    while (udmar_fault_next(system->dmar, fault.sequence, &fault)) {
        udmar_fault_format(system->dmar, &fault, text, sizeof(text));
        kprintf("%s\n", text);
    }
    udmar_fault_counts(system->dmar, &counts);
    kprintf("%llu faults, %llu no longer kept, %llu overflows, %llu not printed\n",
            (unsigned long long)counts.total, (unsigned long long)counts.dropped,
            (unsigned long long)counts.overflows, (unsigned long long)counts.suppressed);
}

static int run_show(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "dmar") == 0) {
        show_units(&the_system);
        show_devices(&the_system);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "domains") == 0) {
        show_domains(&the_system);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "busdma") == 0) {
        show_zones(&the_system);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "interrupts") == 0) {
        show_interrupts(&the_system);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "faults") == 0) {
        show_faults(&the_system);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "maps") == 0) {
        return show_maps(&the_system, argv[2]);
    }
    kprintf("usage: show dmar | show domains | show maps <device> | show busdma | show faults | "
            "show interrupts\n");
    return 1;
}

static int run_walk(int argc, char **argv)
{
    struct udmar_walk_step steps[5];
    struct udmar_device *device;
    struct pci_device *pci;
    uint64_t iova;
    uint64_t root;
    uint64_t context[2];
    unsigned count;

    if (argc != 3 || !kparse_u64(argv[2], &iova)) {
        kprintf("usage: walk <device> <address>, for example walk 00:04.0 0x1000\n");
        return 1;
    }
    device = system_device(&the_system, argv[1]);
    pci = pci_find_name(argv[1]);
    if (device == NULL || udmar_context_entries(the_system.dmar, pci->segment,
                                                (udmar_rid_t)(pci->bus << 8 | pci->devfn), &root,
                                                context) != UDMAR_OK) {
        kprintf("no unit translates for it\n");
        return 1;
    }
    kprintf("  root entry     %016llx\n  context entry  %016llx %016llx\n",
            (unsigned long long)root, (unsigned long long)context[1],
            (unsigned long long)context[0]);
    count = udmar_domain_walk(udmar_device_domain(device), iova, steps);
    for (unsigned i = 0; i < count; i++) {
        kprintf("  level %u  table %010llx  entry %3u  %016llx%s%s%s\n", steps[i].level,
                (unsigned long long)steps[i].table, steps[i].index,
                (unsigned long long)steps[i].entry, steps[i].entry & 1 ? " read" : "",
                steps[i].entry & 2 ? " write" : "",
                steps[i].entry & 3 ? "" : " not present: the walk ends here");
    }
    if (count == 0) {
        kprintf("  no tables: the device is blocked, passed through, or the address is too high\n");
    }
    return 0;
}

void show_register(void)
{
    static const struct console_command show = {
        "show",
        "dmar | domains | maps <device> | busdma | faults | "
        "interrupts",
        "what the driver knows", run_show
    };
    static const struct console_command walk = { "walk", "<device> <address>",
                                                 "the table entries that lead to an address",
                                                 run_walk };

    console_register(&show);
    console_register(&walk);
}
