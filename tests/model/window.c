/* SPDX-License-Identifier: BSD-2-Clause */
/* Register windows as the host maps them, and the profiles of units. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- Profiles -------------------------------------------------------------------------------- */

/* Fields of CAP. */
#define ND(n)    ((uint64_t)(n))
#define SAGAW(s) ((uint64_t)(s) << 8)
#define MGAW(b)  ((uint64_t)((b)-1) << 16)
#define FRO(o)   ((uint64_t)((o) / 16) << 24)
#define SLLPS(s) ((uint64_t)(s) << 34)
#define NFR(n)   ((uint64_t)((n)-1) << 40)
#define MAMV(a)  ((uint64_t)(a) << 48)
#define DRAIN    (UINT64_C(3) << 54)
#define IRO(o)   ((uint64_t)((o) / 16) << 8)
#define MHMV(v)  ((uint64_t)(v) << 20)
#define LEVELS3  2
#define LEVELS4  4
#define LEVELS5  8

#define GENERIC_CAP                                                                            \
    (ND(6) | SAGAW(LEVELS3 | LEVELS4) | MGAW(48) | FRO(0x1200) | SLLPS(3) | CAP_PSI | NFR(8) | \
     MAMV(18))
#define GENERIC_ECAP (ECAP_C | ECAP_QI | ECAP_PT | IRO(0x500))

static const struct model_profile profiles[] = {
    { "generic48", 0x10, GENERIC_CAP, GENERIC_ECAP },
    /* The values that QEMU 7.2's intel-iommu shows by default and with aw-bits=48. */
    { "qemu39", 0x10, UINT64_C(0x00d2008c22260206), UINT64_C(0x00f00f4a) },
    { "qemu48", 0x10, UINT64_C(0x00d2008c222f0606), UINT64_C(0x00f00f4a) },
    { "noncoherent", 0x10, GENERIC_CAP, GENERIC_ECAP & ~ECAP_C },
    { "rwbf", 0x10,
      ND(1) | CAP_RWBF | CAP_PLMR | CAP_PHMR | SAGAW(LEVELS3) | MGAW(39) | FRO(0x100) | NFR(1),
      ECAP_C | IRO(0xc0) },
    { "oldest", 0x10,
      ND(2) | CAP_RWBF | CAP_PLMR | CAP_PHMR | SAGAW(LEVELS3) | MGAW(39) | FRO(0x100) | NFR(1),
      IRO(0xc0) },
    { "cm", 0x10, GENERIC_CAP | CAP_CM, GENERIC_ECAP },
    { "five-level", 0x50,
      (GENERIC_CAP & ~(SAGAW(15) | (UINT64_C(63) << 16))) | SAGAW(LEVELS4 | LEVELS5) | MGAW(57) |
          DRAIN,
      GENERIC_ECAP | ECAP_SC },
    { "two-level", 0x10, ND(2) | SAGAW(1) | MGAW(30) | FRO(0x200) | CAP_PSI | NFR(4) | MAMV(9),
      ECAP_C | ECAP_QI | IRO(0xf0) },
    { "small-nd", 0x10, GENERIC_CAP & ~ND(7), GENERIC_ECAP },
    { "bigwindow", 0x10, (GENERIC_CAP & ~(UINT64_C(0x3ff) << 24)) | FRO(0x220),
      (GENERIC_ECAP & ~(UINT64_C(0x3ff) << 8)) | IRO(0x1e50) },
    { "ats", 0x10, GENERIC_CAP | DRAIN, GENERIC_ECAP | ECAP_DT | ECAP_IR | MHMV(15) },
    { "modern", 0x50, GENERIC_CAP | DRAIN | CAP_ESRTPS | CAP_ESIRTPS,
      GENERIC_ECAP | ECAP_SC | ECAP_IR | MHMV(15) },
    { "v6", 0x60, GENERIC_CAP | DRAIN | CAP_ESRTPS | CAP_ESIRTPS,
      GENERIC_ECAP | ECAP_SC | ECAP_IR | ECAP_ADMS | MHMV(15) },
};

const struct model_profile *model_profile_at(unsigned index)
{
    return index < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[index] : NULL;
}

const struct model_profile *model_profile(const char *name)
{
    const struct model_profile *p = NULL;

    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        if (strcmp(p->name, name) == 0)
            break;
    }
    return p;
}

/* ---- Host functions -------------------------------------------------------------------------- */

void *udmar_host_mmio_map(void *host, udmar_paddr_t physical, size_t size)
{
    struct model *m = host;
    struct register_map *map = NULL;

    enter(m);
    if ((physical & PAGE_LOW) != 0 || size == 0 || size % MODEL_PAGE != 0) {
        fatal(m, "host: mmio_map of %#llx, %zu bytes", (unsigned long long)physical, size);
    } else if (!call_fails(m, MODEL_CALL_MMIO_MAP)) {
        map = zalloc(sizeof(*map));
        map->physical = physical;
        map->size = size;
        for (struct model_unit *u = m->units; u != NULL; u = u->next) {
            if (u->base == physical)
                map->unit = u;
        }
        if (map->unit != NULL && ++map->unit->maps > 2)
            violation(m, "host: registers at %#llx mapped more than twice",
                      (unsigned long long)physical);
        map->next = m->maps;
        m->maps = map;
    }
    leave(m);
    return map;
}

void udmar_host_mmio_unmap(void *host, void *registers, size_t size)
{
    struct model *m = host;
    struct register_map **slot;

    enter(m);
    for (slot = &m->maps; *slot != NULL && *slot != registers; slot = &(*slot)->next)
        ;
    if (*slot == NULL) {
        fatal(m, "host: mmio_unmap of %p, which is not mapped", registers);
    } else if ((*slot)->size != size) {
        fatal(m, "host: mmio_unmap of %zu bytes, %zu were mapped", size, (*slot)->size);
    } else {
        struct register_map *map = *slot;

        *slot = map->next;
        free(map);
    }
    leave(m);
}

/* The unit behind a mapping, or null where no register answers or the access is bad. */
static struct model_unit *unit_behind(struct model *m, const struct register_map *map,
                                      uint32_t offset)
{
    const struct register_map *known = m->maps;

    while (known != NULL && known != map)
        known = known->next;
    if (known == NULL) {
        fatal(m, "host: register access through an address that is not mapped");
        return NULL;
    }
    if (offset % 4 != 0 || offset >= map->size) {
        violation(m, "register access at %#x: unaligned or outside the mapping", offset);
        return NULL;
    }
    if (map->unit != NULL && offset >= map->unit->window) {
        violation(m, "register access at %#x, outside the unit's window", offset);
        return NULL;
    }
    return map->unit;
}

uint32_t udmar_host_mmio_read32(void *host, void *registers, uint32_t offset)
{
    struct model *m = host;
    struct model_unit *u;
    uint32_t value = UINT32_MAX;

    host_enter(m, MODEL_EVENT_READ);
    advance(m, m->config.time_step);
    u = unit_behind(m, registers, offset);
    if (u != NULL)
        value = unit_read(u, offset);
    leave(m);
    return value;
}

void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset, uint32_t value)
{
    struct model *m = host;
    struct model_unit *u;

    host_enter(m, MODEL_EVENT_WRITE);
    u = unit_behind(m, registers, offset);
    if (u != NULL)
        unit_write(u, offset, value);
    leave(m);
    run_hook(m, MODEL_EVENT_WRITTEN);
}
