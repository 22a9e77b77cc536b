/* SPDX-License-Identifier: BSD-2-Clause */
#include "books.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "policy/instance.h"

#define GSTS 0x1cu
#define TES  UINT32_C(0x80000000)
#define RTPS UINT32_C(0x40000000)
#define QIES UINT32_C(0x04000000)
#define PT   (UINT64_C(1) << 6) /* ECAP */

#define MOST 1024u /* contexts of a unit */

static unsigned wrong;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "books: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    wrong++;
}

static struct model_unit *hardware_of(struct model *m, const struct udmar_unit_status *status)
{
    struct model_unit *unit;

    for (unsigned i = 0; (unit = model_unit_at(m, i)) != NULL; i++) {
        if (model_unit_base(unit) == status->base)
            return unit;
    }
    return NULL;
}

static uint64_t root_of(struct udmar *instance, unsigned index)
{
    return udmar__unit_at(instance, index)->unit->root.physical;
}

/* Does the unit translate, and through our tables? */
static bool translates(struct model_unit *unit, uint64_t root)
{
    return (model_peek32(unit, GSTS) & TES) != 0 && model_root(unit) == root;
}

/* ---- Claims ---------------------------------------------------------------------------------- */

static bool reaches(struct model *m, const struct udmar_device_info *info, uint64_t probe)
{
    for (unsigned i = 0; i < info->id_count && i < UDMAR_DEVICE_IDS; i++) {
        struct model_translation seen =
            model_translate_cached(m, info->segment, info->ids[i], probe, true);

        if (seen.result == MODEL_BYPASSED || (seen.result == MODEL_OK && seen.physical == probe))
            return true;
    }
    return false;
}

static void claims_of_units(struct model *m, struct udmar *instance)
{
    struct udmar_unit_status status;

    for (unsigned i = 0; udmar_unit_status(instance, i, &status) == UDMAR_OK; i++) {
        struct model_unit *unit = hardware_of(m, &status);

        if (status.translating && !translates(unit, root_of(instance, i)))
            say("unit %u is said to translate", i);
        if (instance->started && !status.failed && !translates(unit, root_of(instance, i)))
            say("unit %u is started and does not translate", i);
    }
}

unsigned books_overclaim(struct model *m, struct udmar *instance, uint64_t probe)
{
    struct udmar_device *device = NULL;

    wrong = 0;
    claims_of_units(m, instance);
    while (instance->started && (device = udmar_device_next(instance, device)) != NULL) {
        struct udmar_device_info info;

        udmar_device_info(device, &info);
        if ((info.mode == UDMAR_MODE_TRANSLATE || info.mode == UDMAR_MODE_BLOCKED) &&
            reaches(m, &info, probe))
            say("device %04x is said to be in mode %s and reaches all memory", info.rid,
                udmar_mode_string(info.mode));
    }
    return wrong;
}

/* ---- The whole truth ------------------------------------------------------------------------- */

static void units_agree(struct model *m, struct udmar *instance)
{
    struct udmar_unit_status status;

    for (unsigned i = 0; udmar_unit_status(instance, i, &status) == UDMAR_OK; i++) {
        struct model_unit *unit = hardware_of(m, &status);
        uint32_t gsts = model_peek32(unit, GSTS);

        if (status.failed)
            say("unit %u has failed", i);
        if (!status.translating || !translates(unit, root_of(instance, i)) || (gsts & RTPS) == 0)
            say("unit %u: translating is %d, GSTS %#x", i, status.translating, gsts);
        if (status.uses_queue != ((gsts & QIES) != 0))
            say("unit %u: uses_queue is %d, GSTS %#x", i, status.uses_queue, gsts);
    }
}

/* What the context of a device must be in a mode; false: none at all. */
static bool expected(const struct udmar_device *device, enum udmar_mode mode,
                     struct model_unit *unit, struct model_context *out)
{
    const struct udmar__group *group = device->group;
    const struct udmar_domain *domain = group == NULL     ? NULL
                                        : group->bypassed ? group->bypass
                                                          : group->domain;
    bool physical = mode == UDMAR_MODE_PASSTHROUGH || mode == UDMAR_MODE_BOUNCE;

    if (mode == UDMAR_MODE_BLOCKED || mode == UDMAR_MODE_UNPROTECTED)
        return false;
    *out = (struct model_context){ .present = true };
    if (domain == NULL) {
        say("device %04x in mode %s has no domain", device->rid, udmar_mode_string(mode));
        return false;
    }
    out->pass_through = physical && (model_unit_ecap(unit) & PT) != 0;
    if (!out->pass_through) {
        out->top = domain->table;
        out->levels = domain->levels;
    }
    return true;
}

static bool same(const struct model_context *a, const struct model_context *b)
{
    return a->present == b->present && a->pass_through == b->pass_through && a->top == b->top &&
           (a->pass_through || a->levels == b->levels);
}

static void id_agrees(struct model_unit *unit, uint64_t root, const struct udmar_device *device,
                      uint16_t id, const struct udmar_device_info *info)
{
    struct model_context memory = model_context_in_memory(unit, root, id);
    struct model_context cached, wanted = { .present = false };
    bool some = expected(device, info->mode, unit, &wanted);

    if (some ? !same(&memory, &wanted) : memory.present)
        say("device %04x is %s; its id %04x in memory: %s, %s, top %#llx, %u levels", device->rid,
            udmar_mode_string(info->mode), id, memory.present ? "present" : "absent",
            memory.pass_through ? "pass-through" : "tables", (unsigned long long)memory.top,
            memory.levels);
    if (model_context_cached(unit, id, &cached) &&
        (!some || !same(&cached, &wanted) || cached.did != memory.did))
        say("device %04x is %s; its id %04x in the cache: %s, top %#llx", device->rid,
            udmar_mode_string(info->mode), id, cached.pass_through ? "pass-through" : "tables",
            (unsigned long long)cached.top);
}

static void devices_agree(struct model *m, struct udmar *instance)
{
    struct udmar_device *device = NULL;

    while ((device = udmar_device_next(instance, device)) != NULL) {
        struct udmar_unit_status status;
        struct udmar_device_info info;

        udmar_device_info(device, &info);
        if (info.unit < 0 || udmar_unit_status(instance, (unsigned)info.unit, &status) != UDMAR_OK)
            continue;
        for (unsigned i = 0; i < device->ids.count; i++)
            id_agrees(hardware_of(m, &status), root_of(instance, (unsigned)info.unit), device,
                      device->ids.id[i], &info);
    }
}

static void no_strangers(struct model *m, struct udmar *instance)
{
    struct udmar_unit_status status;

    for (unsigned i = 0; udmar_unit_status(instance, i, &status) == UDMAR_OK; i++) {
        static uint16_t rids[MOST];
        unsigned count = model_contexts(hardware_of(m, &status), root_of(instance, i), rids, MOST);

        for (unsigned n = 0; n < count && n < MOST; n++) {
            if (udmar_device_find(instance, status.segment, rids[n]) == NULL)
                say("unit %u has a context for %04x, which is nobody's", i, rids[n]);
        }
    }
}

unsigned books_disagree(struct model *m, struct udmar *instance)
{
    wrong = 0;
    units_agree(m, instance);
    devices_agree(m, instance);
    no_strangers(m, instance);
    return wrong;
}
