/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the debugger. Other processors stand still, so no lock is taken (udmar_host.c), and
 * nothing is changed.
 *
 *   show udmar                             units and devices
 *   show udmar_domain S B D F              the address space of pciS:B:D:F
 *   show udmar_mappings S B D F            what it reaches, page by page
 *   show udmar_walk S B D F ADDRESS        the table entries that lead to an address
 */
#include "opt_ddb.h"

#ifdef DDB
#include "udmar_port.h"

#include <ddb/ddb.h>

static void print_units(struct udmar *instance)
{
    for (unsigned i = 0; i < udmar_unit_count(instance); i++) {
        struct udmar_unit_status unit;

        if (udmar_unit_status(instance, i, &unit) == UDMAR_OK) {
            db_printf("unit %u at %#jx: %s, %s, waits %ju, errors %ju, timeouts %ju\n", i,
                      (uintmax_t)unit.base, unit.translating ? "translates" : "off",
                      unit.uses_queue ? "queue" : "registers", (uintmax_t)unit.waits,
                      (uintmax_t)unit.queue_errors, (uintmax_t)unit.timeouts);
        }
    }
}

static void print_device(struct udmar_device *device)
{
    struct udmar_device_info info;

    udmar_device_info(device, &info);
    db_printf("%u:%u:%u:%u %s: %s, unit %d, %u ids, %ju faults\n", info.segment,
              UDMAR_RID_BUS(info.rid), UDMAR_RID_DEVICE(info.rid), UDMAR_RID_FUNCTION(info.rid),
              info.name, udmar_mode_string(info.mode), info.unit, info.id_count,
              (uintmax_t)info.faults);
}

static struct udmar *instance(void)
{
    struct udmar_softc *sc = udmar_port();

    if (sc == NULL || sc->instance == NULL) {
        db_printf("udmar is not running\n");
        return NULL;
    }
    return sc->instance;
}

/* Reads @count numbers of the command; false, with a line, when there are fewer. */
static bool numbers(db_expr_t first, bool have_first, db_expr_t *out, unsigned count)
{
    unsigned found = have_first ? 1 : 0;

    out[0] = first;
    while (found < count && db_expression(&out[found])) {
        found++;
    }
    db_skip_to_eol();
    if (found < count) {
        db_printf("give segment, bus, slot, function%s\n", count > 4 ? " and an address" : "");
    }
    return found >= count;
}

static struct udmar_domain *domain_of(const db_expr_t *id)
{
    struct udmar *all = instance();
    struct udmar_device *device = NULL;
    struct udmar_domain *domain;

    if (all != NULL) {
        device = udmar_device_find(all, (uint16_t)id[0], UDMAR_RID(id[1], id[2], id[3]));
    }
    if (device == NULL) {
        db_printf("no such device\n");
        return NULL;
    }
    print_device(device);
    domain = udmar_device_translation(device);
    if (domain == NULL) {
        db_printf("it has no address space of its own\n");
    }
    return domain;
}

DB_SHOW_COMMAND(udmar, db_show_udmar)
{
    struct udmar *all = instance();
    struct udmar_device *device = NULL;

    if (all == NULL) {
        return;
    }
    print_units(all);
    while (!db_pager_quit && (device = udmar_device_next(all, device)) != NULL) {
        print_device(device);
    }
}

DB_SHOW_COMMAND_FLAGS(udmar_domain, db_show_udmar_domain, CS_OWN)
{
    struct udmar_domain_info info;
    struct udmar_range_info range = { 0 };
    struct udmar_domain *domain;
    db_expr_t id[4];
    udmar_iova_t from = 0;

    if (!numbers(0, false, id, 4) || (domain = domain_of(id)) == NULL) {
        return;
    }
    udmar_domain_info(domain, &info);
    db_printf("domain %u: %u levels, %ju table pages, %ju ranges, %s\n", info.domain_id,
              info.levels, (uintmax_t)info.table_pages, (uintmax_t)info.ranges,
              info.strict ? "strict" : "deferred");
    while (!db_pager_quit && udmar_domain_next_range(domain, from, &range)) {
        db_printf("  %#jx + %#jx kind %d loaded %#jx\n", (uintmax_t)range.base,
                  (uintmax_t)range.size, (int)range.kind, (uintmax_t)range.loaded_size);
        from = range.base + range.size;
    }
}

DB_SHOW_COMMAND_FLAGS(udmar_mappings, db_show_udmar_mappings, CS_OWN)
{
    struct udmar_mapping_info mapping;
    struct udmar_domain *domain;
    db_expr_t id[4];
    udmar_iova_t from = 0;

    if (!numbers(0, false, id, 4) || (domain = domain_of(id)) == NULL) {
        return;
    }
    while (!db_pager_quit && udmar_domain_next_mapping(domain, from, &mapping)) {
        db_printf("  %#jx -> %#jx + %#jx %s%s\n", (uintmax_t)mapping.iova,
                  (uintmax_t)mapping.physical, (uintmax_t)mapping.size,
                  (mapping.access & UDMAR_READ) != 0 ? "r" : "-",
                  (mapping.access & UDMAR_WRITE) != 0 ? "w" : "-");
        from = mapping.iova + mapping.size;
    }
}

DB_SHOW_COMMAND_FLAGS(udmar_walk, db_show_udmar_walk, CS_OWN)
{
    struct udmar_walk_step steps[5];
    struct udmar_domain *domain;
    db_expr_t id[5];
    unsigned found;

    if (!numbers(0, false, id, 5) || (domain = domain_of(id)) == NULL) {
        return;
    }
    found = udmar_domain_walk(domain, (udmar_iova_t)id[4], steps);
    for (unsigned i = 0; i < found; i++) {
        db_printf("  level %u: table %#jx, entry %u = %#jx\n", steps[i].level,
                  (uintmax_t)steps[i].table, steps[i].index, (uintmax_t)steps[i].entry);
    }
}
#endif
