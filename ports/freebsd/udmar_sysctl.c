/* SPDX-License-Identifier: BSD-2-Clause */
/* What an administrator can look at: dev.udmar.0 has units, devices, faults and counters. */
#include "udmar_port.h"

#include <sys/sbuf.h>

typedef void write_text(struct udmar_softc *sc, struct sbuf *out);

static void write_devices(struct udmar_softc *sc, struct sbuf *out)
{
    struct udmar_device *device = NULL;

    sbuf_printf(out, "\nsegment:bus:slot.function name mode unit domain ids faults reason\n");
    while ((device = udmar_device_next(sc->instance, device)) != NULL) {
        struct udmar_domain *domain = udmar_device_translation(device);
        struct udmar_domain_info space = { 0 };
        struct udmar_device_info info;

        udmar_device_info(device, &info);
        if (domain != NULL) {
            udmar_domain_info(domain, &space);
        }
        sbuf_printf(out, "%u:%u:%u.%u %s %s %d %u %u %ju %s\n", info.segment,
                    UDMAR_RID_BUS(info.rid), UDMAR_RID_DEVICE(info.rid),
                    UDMAR_RID_FUNCTION(info.rid), info.name[0] != '\0' ? info.name : "-",
                    udmar_mode_string(info.mode), info.unit, space.domain_id, info.id_count,
                    (uintmax_t)info.faults, info.reason != NULL ? info.reason : "");
    }
}

static void write_units(struct udmar_softc *sc, struct sbuf *out)
{
    for (unsigned i = 0; i < udmar_unit_count(sc->instance); i++) {
        struct udmar_unit_status unit;

        if (udmar_unit_status(sc->instance, i, &unit) != UDMAR_OK) {
            continue;
        }
        sbuf_printf(out, "\nunit %u: segment %u, registers at %#jx, %s, %s%s, fault interrupt %s\n",
                    i, unit.segment, (uintmax_t)unit.base,
                    unit.failed        ? "left out"
                    : unit.translating ? "translates"
                                       : "off",
                    unit.uses_queue ? "queue" : "registers",
                    unit.facts.caching_mode ? ", caching mode" : "",
                    unit.has_interrupt ? "yes" : "no: polled");
        sbuf_printf(out, "  requests: context %ju, iotlb %ju, waits %ju; errors %ju, timeouts %ju",
                    (uintmax_t)unit.context_requests, (uintmax_t)unit.iotlb_requests,
                    (uintmax_t)unit.waits, (uintmax_t)unit.queue_errors, (uintmax_t)unit.timeouts);
    }
}

static void write_faults(struct udmar_softc *sc, struct sbuf *out)
{
    struct udmar_fault fault;
    uint64_t sequence = 0;
    char line[320];

    while (udmar_fault_next(sc->instance, sequence, &fault)) {
        sequence = fault.sequence;
        udmar_fault_format(sc->instance, &fault, line, sizeof(line));
        sbuf_printf(out, "\n%ju %s", (uintmax_t)sequence, line);
    }
}

static void write_counters(struct udmar_softc *sc, struct sbuf *out)
{
    struct udmar_dma_counts dma;
    struct udmar_fault_counts faults;

    udmar_dma_counts(sc->instance, &dma);
    udmar_fault_counts(sc->instance, &faults);
    sbuf_printf(out,
                "\nfaults %ju, dropped %ju, overflows %ju, not printed %ju, told to devd %ju, not "
                "told %ju\n",
                (uintmax_t)faults.total, (uintmax_t)faults.dropped, (uintmax_t)faults.overflows,
                (uintmax_t)faults.suppressed, (uintmax_t)sc->fault_events,
                (uintmax_t)sc->fault_unsaid);
    sbuf_printf(out,
                "loads: waited %ju, given up %ju, no resources %ju, too many segments %ju\n"
                "mistakes: arguments %ju, maps %ju, tags %ju, in use %ju",
                (uintmax_t)sc->waiting.waited, (uintmax_t)sc->waiting.given_up,
                (uintmax_t)dma.no_resources, (uintmax_t)dma.too_many_segments,
                (uintmax_t)dma.wrong_arguments, (uintmax_t)dma.wrong_maps,
                (uintmax_t)dma.tags_refused, (uintmax_t)(dma.ended_in_use + dma.ended_loaded));
}

static write_text *const writers[] = { write_units, write_devices, write_faults, write_counters };
static const char *const names[] = { "units", "devices", "faults", "counters" };

/* Devices do not come and go while their list is written. */
static int show(SYSCTL_HANDLER_ARGS)
{
    struct udmar_softc *sc = arg1;
    struct sbuf *out = sbuf_new_for_sysctl(NULL, NULL, 1024, req);
    int error;

    (void)oidp;
    if (out == NULL) {
        return ENOMEM;
    }
    sx_slock(&sc->devices_lock);
    writers[arg2](sc, out);
    sx_sunlock(&sc->devices_lock);
    error = sbuf_finish(out);
    sbuf_delete(out);
    return error;
}

void udmar_add_sysctls(struct udmar_softc *sc)
{
    struct sysctl_ctx_list *context = device_get_sysctl_ctx(sc->dev);
    struct sysctl_oid_list *node = SYSCTL_CHILDREN(device_get_sysctl_tree(sc->dev));

    for (size_t i = 0; i < nitems(writers); i++) {
        SYSCTL_ADD_PROC(context, node, OID_AUTO, names[i],
                        CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, sc, (int)i, show, "A",
                        names[i]);
    }
    SYSCTL_ADD_BOOL(context, node, OID_AUTO, "strict", CTLFLAG_RD, &sc->tunables.strict, 0,
                    "an unload waits for the unit");
    SYSCTL_ADD_BOOL(context, node, OID_AUTO, "running", CTLFLAG_RD, &sc->running, 0,
                    "translation is on");
}
